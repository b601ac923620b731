"""A platform, its maker's PKI and everything Intel would publish about it, made up.

A World is a description with right values everywhere. A case changes one of them and calls build(),
which signs whatever there is to sign, so that nothing but the changed property is wrong. DER is
written by hand, because a library refuses to write what a verifier must refuse to read.
"""
import base64
import datetime
import hashlib
import json
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

NOW = 1800000000
DAY = 86400
YEAR = 365 * DAY

PCK_CN = 'Intel SGX PCK Certificate'
PLATFORM_CN = 'Intel SGX PCK Platform CA'
PROCESSOR_CN = 'Intel SGX PCK Processor CA'
SIGNER_CN = 'Intel SGX TCB Signing'
ROOT_CN = 'Intel SGX Root CA'

OID_CN = '2.5.4.3'
OID_O = '2.5.4.10'
OID_SKI = '2.5.29.14'
OID_KEY_USAGE = '2.5.29.15'
OID_BASIC = '2.5.29.19'
OID_CRL_NUMBER = '2.5.29.20'
OID_REASON = '2.5.29.21'
OID_DELTA = '2.5.29.27'
OID_IDP = '2.5.29.28'
OID_AKI = '2.5.29.35'
OID_SGX = '1.2.840.113741.1.13.1'
ECDSA_SHA256 = '1.2.840.10045.4.3.2'
ECDSA_SHA384 = '1.2.840.10045.4.3.3'
CURVES = {'secp256r1': '1.2.840.10045.3.1.7', 'secp384r1': '1.3.132.0.34'}

QE_VENDOR = bytes.fromhex('939a7233f79c4ca9940a0db3957f0607')


# --- DER ------------------------------------------------------------------------------------------

def tlv(tag, *parts):
    body = b''.join(parts)
    n = len(body)
    if n < 0x80:
        return bytes([tag, n]) + body
    size = n.to_bytes((n.bit_length() + 7) // 8, 'big')
    return bytes([tag, 0x80 | len(size)]) + size + body


def seq(*parts):
    return tlv(0x30, *parts)


def integer(value, tag=0x02):
    n = value.bit_length() // 8 + 1
    return tlv(tag, value.to_bytes(n, 'big', signed=True))


def boolean(value):
    return tlv(0x01, b'\xff' if value else b'\x00')


def octets(value):
    return tlv(0x04, value)


def bits(value, unused=0):
    return tlv(0x03, bytes([unused]) + value)


def oid(text):
    arcs = [int(arc) for arc in text.split('.')]
    out = bytes([arcs[0] * 40 + arcs[1]])
    for arc in arcs[2:]:
        groups = [arc & 0x7f]
        while arc > 0x7f:
            arc >>= 7
            groups.append(arc & 0x7f | 0x80)
        out += bytes(reversed(groups))
    return tlv(0x06, out)


def time(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    if moment.year < 2050:
        return tlv(0x17, moment.strftime('%y%m%d%H%M%SZ').encode())
    return tlv(0x18, moment.strftime('%Y%m%d%H%M%SZ').encode())


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(
        '%Y-%m-%dT%H:%M:%SZ')


# --- keys -----------------------------------------------------------------------------------------

_keys = {}


def key(name, curve=ec.SECP256R1):
    if name not in _keys:
        _keys[name] = ec.generate_private_key(curve())
    return _keys[name]


def point(private):
    numbers = private.public_key().public_numbers()
    size = (private.curve.key_size + 7) // 8
    return numbers.x.to_bytes(size, 'big') + numbers.y.to_bytes(size, 'big')


def key_id(private):
    return hashlib.sha1(b'\x04' + point(private)).digest()


def sign_raw(private, message):
    r, s = decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, 'big') + s.to_bytes(32, 'big')


def signed(private, body, algorithm):
    digest = hashes.SHA384() if algorithm == ECDSA_SHA384 else hashes.SHA256()
    signature = private.sign(body, ec.ECDSA(digest))
    return seq(body, seq(oid(algorithm)), bits(signature))


# --- certificates and CRLs ------------------------------------------------------------------------

def name(common):
    entries = ((OID_CN, common), (OID_O, 'A made up company'))
    return seq(*(tlv(0x31, seq(oid(kind), tlv(0x0c, text.encode()))) for kind, text in entries))


def extension(kind, value, critical=False):
    return seq(oid(kind), boolean(True) if critical else b'', octets(value))


class Cert:
    """One certificate: everything that goes into it, and what signs it."""

    def __init__(self, subject, issuer, private, signer, serial, **options):
        self.subject, self.issuer = subject, issuer
        self.key, self.signer = private, signer
        self.serial = serial
        self.not_before, self.not_after = NOW - 2 * YEAR, NOW + 5 * YEAR
        self.version = 2
        self.ca = False              # None: no basic constraints
        self.path_length = None
        self.usage = 0xc0            # digitalSignature, nonRepudiation; None: no key usage
        self.sgx = None              # bytes of the SGX extension
        self.extra = []              # further extensions, whole
        self.ski = True
        self.algorithm = ECDSA_SHA256
        self.point = None            # in place of the key's own
        self.change = lambda der: der
        self.padded = False
        self.made = None
        self.__dict__.update(options)

    def extensions(self):
        out = [extension(OID_AKI, seq(tlv(0x80, key_id(key(self.signer)))))]
        if self.ski:
            out.append(extension(OID_SKI, octets(key_id(key(self.key)))))
        if self.usage is not None:
            unused = 0 if self.usage == 0 else (self.usage & -self.usage).bit_length() - 1
            out.append(extension(OID_KEY_USAGE, bits(bytes([self.usage]), unused), True))
        if self.ca is not None:
            path = b'' if self.path_length is None else integer(self.path_length)
            out.append(extension(OID_BASIC, seq(boolean(True) if self.ca else b'', path), True))
        if self.sgx is not None:
            out.append(extension(OID_SGX, self.sgx))
        return out + self.extra

    def der(self):
        """The same bytes every time: a signature is never the same twice, nor always as long. Where
        the case is about padding, it is signed until base64 needs some."""
        while self.made is None or (self.padded and len(self.made) % 3 == 0):
            self.made = self.make()
        return self.made

    def make(self):
        private = key(self.key)
        public = self.point or b'\x04' + point(private)
        body = seq(
            tlv(0xa0, integer(self.version)) if self.version else b'', integer(self.serial),
            seq(oid(self.algorithm)), name(self.issuer),
            seq(time(self.not_before), time(self.not_after)), name(self.subject),
            seq(seq(oid('1.2.840.10045.2.1'), oid(CURVES[private.curve.name])), bits(public)),
            tlv(0xa3, seq(*self.extensions())) if self.version == 2 else b'')
        return self.change(signed(key(self.signer), body, self.algorithm))


class Crl:
    def __init__(self, issuer, signer, **options):
        self.issuer, self.signer = issuer, signer
        self.this_update, self.next_update = NOW - 10 * DAY, NOW + 20 * DAY
        self.serials = [0x1234, 0x99887766554433221100]
        self.version = 1
        self.key_id = True
        self.extra, self.entry_extra = [], b''
        self.change = lambda der: der
        self.hex = lambda der: der.hex()
        self.__dict__.update(options)

    def der(self):
        entries = b''.join(
            seq(integer(serial), time(NOW - 30 * DAY),
                seq(extension(OID_REASON, tlv(0x0a, b'\x01')), self.entry_extra))
            for serial in self.serials)
        extensions = [extension(OID_CRL_NUMBER, integer(1))] + self.extra
        if self.key_id:
            extensions.append(extension(OID_AKI, seq(tlv(0x80, key_id(key(self.signer))))))
        body = seq(
            integer(self.version), seq(oid(ECDSA_SHA256)), name(self.issuer),
            time(self.this_update), b'' if self.next_update is None else time(self.next_update),
            seq(entries) if entries else b'', tlv(0xa0, seq(*extensions)))
        return self.change(signed(key(self.signer), body, ECDSA_SHA256))


def pem(der):
    text = base64.b64encode(der).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return '-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n' % '\n'.join(lines)


class Sgx:
    """The SGX extension, as a list of members that a case can change."""

    def __init__(self):
        self.components = [8, 8, 3, 3, 4, 1, 0, 6] + [0] * 8
        self.cpusvn = None           # None: as the components
        self.pcesvn = 13
        self.ppid = bytes(range(16))
        self.pceid = b'\x00\x00'
        self.fmspc = bytes.fromhex('40a06d070000')
        self.sgx_type = 1
        self.flags = [True, True, True]
        self.platform = True         # members .6 and .7
        self.change_tcb = lambda members: members
        self.change_flags = lambda members: members
        self.change = lambda members: members
        self.whole = lambda der: der

    def der(self):
        def member(path, value):
            return seq(oid(OID_SGX + path), value)

        cpusvn = bytes(self.components) if self.cpusvn is None else self.cpusvn
        tcb = [member('.2.%d' % (i + 1), integer(svn)) for i, svn in enumerate(self.components)]
        tcb += [member('.2.17', integer(self.pcesvn)), member('.2.18', octets(cpusvn))]
        members = [
            member('.1', octets(self.ppid)), member('.2', seq(*self.change_tcb(tcb))),
            member('.3', octets(self.pceid)), member('.4', octets(self.fmspc)),
            member('.5', integer(self.sgx_type, 0x0a))]
        if self.platform:
            flags = [member('.7.%d' % (i + 1), boolean(v)) for i, v in enumerate(self.flags)]
            members += [member('.6', octets(bytes(16))),
                        member('.7', seq(*self.change_flags(flags)))]
        return self.whole(seq(*self.change(members)))


# --- what is published about it -------------------------------------------------------------------

def level(sgx, pcesvn, tdx, status, date, advisories=None):
    out = {
        'tcb': {
            'sgxtcbcomponents': [{'svn': svn} for svn in sgx],
            'pcesvn': pcesvn,
            'tdxtcbcomponents': [{'svn': svn} for svn in tdx],
        },
        'tcbDate': date, 'tcbStatus': status,
    }
    if advisories:
        out['advisoryIDs'] = advisories
    return out


def isv_level(isvsvn, status, date, advisories=None):
    out = {'tcb': {'isvsvn': isvsvn}, 'tcbDate': date, 'tcbStatus': status}
    if advisories:
        out['advisoryIDs'] = advisories
    return out


def zeros(*head):
    return list(head) + [0] * (16 - len(head))


def tcb_info():
    module = {'mrsigner': '00' * 48, 'attributes': '00' * 8, 'attributesMask': 'FF' * 8}
    return {
        'id': 'TDX', 'version': 3,
        'issueDate': rfc3339(NOW - 9 * DAY), 'nextUpdate': rfc3339(NOW + 21 * DAY),
        'fmspc': '40A06D070000', 'pceId': '0000', 'tcbType': 0, 'tcbEvaluationDataNumber': 22,
        'tdxModule': dict(module),
        'tdxModuleIdentities': [
            dict(module, id='TDX_03', tcbLevels=[
                isv_level(6, 'UpToDate', '2026-02-11T00:00:00Z'),
                isv_level(4, 'OutOfDate', '2025-06-10T00:00:00Z', ['INTEL-SA-90003'])]),
            dict(module, id='TDX_0A', tcbLevels=[
                isv_level(2, 'UpToDate', '2026-02-11T00:00:00Z')]),
        ],
        'tcbLevels': [
            level([8, 8, 3, 3, 4, 1, 0, 6] + [0] * 8, 13, zeros(6, 0, 8), 'UpToDate',
                  '2026-03-11T00:00:00Z'),
            level([7, 7, 3, 3, 3, 1, 0, 6] + [0] * 8, 13, zeros(6, 0, 7), 'OutOfDate',
                  '2025-05-14T00:00:00Z', ['INTEL-SA-90002', 'INTEL-SA-90001']),
            level([5, 5, 2, 2, 3, 1, 0, 5] + [0] * 8, 11, zeros(5, 0, 5), 'OutOfDate',
                  '2023-08-09T00:00:00Z', ['INTEL-SA-90001']),
        ],
    }


def qe_identity():
    return {
        'id': 'TD_QE', 'version': 2,
        'issueDate': rfc3339(NOW - 8 * DAY), 'nextUpdate': rfc3339(NOW + 22 * DAY),
        'tcbEvaluationDataNumber': 21,
        'miscselect': '00000000', 'miscselectMask': 'FFFFFFFF',
        'attributes': '11' + '00' * 15, 'attributesMask': 'FBFFFFFFFFFFFFFF' + '00' * 8,
        'mrsigner': 'AB' * 32, 'isvprodid': 2,
        'tcbLevels': [
            isv_level(9, 'UpToDate', '2026-01-14T00:00:00Z'),
            isv_level(7, 'OutOfDate', '2024-11-12T00:00:00Z', ['INTEL-SA-90009'])],
    }


class Signed:
    """A JSON text and its signature; change happens before, spoil after it is signed."""

    def __init__(self, value):
        self.value = value
        self.signer = 'signer'
        self.change = lambda text: text
        self.spoil = lambda text: text
        self.signature = lambda raw: raw.hex()

    def parts(self):
        text = self.change(json.dumps(self.value, separators=(',', ':')))
        return self.spoil(text), self.signature(sign_raw(key(self.signer), text.encode()))


# --- the quote ------------------------------------------------------------------------------------

class Quote:
    def __init__(self):
        self.version, self.key_type, self.tee_type = 4, 2, 0x81
        self.reserved = b'\x00' * 4
        self.vendor = QE_VENDOR
        self.user_data = bytes(range(20))
        self.body_type, self.body_size = 2, None
        self.tee_tcb_svn = zeros(6, 3, 8)
        self.tee_tcb_svn2 = None     # None: as tee_tcb_svn
        self.mrsignerseam, self.seam_attributes = bytes(48), 0
        self.td_attributes, self.xfam = 1 << 28, 0x60ae7
        self.mrservicetd = bytes(48)
        self.report_data = bytes(range(64))
        self.key = 'attestation'     # signs the quote
        self.point = None            # stands in the quote in place of that key's
        self.bound = None            # is hashed in place of what stands there
        self.auth_data = bytes(range(32))
        self.qe_miscselect, self.qe_attributes = 0, b'\x11' + bytes(15)
        self.qe_mrsigner, self.qe_prodid, self.qe_svn = b'\xab' * 32, 2, 9
        self.qe_report_tail = bytes(32)
        self.qe_signer = 'leaf'
        self.outer_type, self.inner_type = 6, 5
        self.outer_size = self.inner_size = self.auth_size = self.auth_data_size = lambda n: n
        self.pem_end = b'\x00'
        self.trailing = b''
        self.spoil = lambda quote: quote      # after everything is signed
        self.spoil_auth = lambda auth: auth   # the same, inside the signature data

    def body(self):
        size = {2: 584, 3: 648, 4: 885}.get(self.body_type, 584)
        out = bytearray(size)
        out[0:16] = bytes(self.tee_tcb_svn)
        out[16:64] = b'\x5e' * 48
        out[64:112] = self.mrsignerseam
        out[112:120] = struct.pack('<Q', self.seam_attributes)
        out[120:128] = struct.pack('<Q', self.td_attributes)
        out[128:136] = struct.pack('<Q', self.xfam)
        for i, at in enumerate(range(136, 520, 48)):
            out[at:at + 48] = bytes([0x30 + i]) * 48
        out[520:584] = self.report_data
        if size > 584:
            out[584:600] = bytes(self.tee_tcb_svn2 or self.tee_tcb_svn)
            out[600:648] = self.mrservicetd
        return bytes(out)

    def signed_part(self):
        out = struct.pack('<HHI', self.version, self.key_type, self.tee_type)
        out += self.reserved + self.vendor + self.user_data
        body = self.body()
        if self.version == 5:
            size = len(body) if self.body_size is None else self.body_size
            out += struct.pack('<HI', self.body_type, size)
        return out + body

    def qe_report(self, attestation_point):
        out = bytearray(384)
        out[0:16] = bytes([8] * 16)
        out[16:20] = struct.pack('<I', self.qe_miscselect)
        out[48:64] = self.qe_attributes
        out[64:96] = b'\x77' * 32
        out[128:160] = self.qe_mrsigner
        out[256:260] = struct.pack('<HH', self.qe_prodid, self.qe_svn)
        bound = self.bound or attestation_point + self.auth_data
        out[320:352] = hashlib.sha256(bound).digest()
        out[352:384] = self.qe_report_tail
        return bytes(out)

    def build(self, pck_chain):
        signed_part = self.signed_part()
        here = self.point or point(key(self.key))
        report = self.qe_report(here)
        chain = pck_chain + self.pem_end
        certificates = struct.pack(
            '<HI', self.inner_type, self.inner_size(len(chain)) & 0xffffffff) + chain
        inner = report + sign_raw(key(self.qe_signer), report)
        inner += struct.pack('<H', self.auth_data_size(len(self.auth_data))) + self.auth_data
        inner += certificates
        auth = sign_raw(key(self.key), signed_part) + here
        auth += struct.pack('<HI', self.outer_type, self.outer_size(len(inner)) & 0xffffffff)
        auth = self.spoil_auth(auth + inner)
        size = struct.pack('<I', self.auth_size(len(auth)) & 0xffffffff)
        return self.spoil(signed_part + size + auth + self.trailing)


class World:
    def __init__(self):
        ca = dict(ca=True, usage=0x06)
        self.root = Cert(ROOT_CN, ROOT_CN, 'root', 'root', 0x1111, path_length=1, **ca)
        self.ca = Cert(PLATFORM_CN, ROOT_CN, 'ca', 'root', 0x2222, path_length=0, **ca)
        self.leaf = Cert(PCK_CN, PLATFORM_CN, 'leaf', 'ca', 0xf0e1d2c3b4a5)
        self.signer = Cert(SIGNER_CN, ROOT_CN, 'signer', 'root', 0x3333)
        self.sgx = Sgx()
        self.pck_chain = ['leaf', 'ca', 'root']
        self.tcb_chain = ['signer', 'root']
        self.qe_chain = ['signer', 'root']
        self.change_pck_chain = self.change_tcb_chain = self.change_qe_chain = lambda text: text
        self.root_crl = Crl(ROOT_CN, 'root')
        self.pck_crl = Crl(PLATFORM_CN, 'ca')
        self.tcb = Signed(tcb_info())
        self.qe = Signed(qe_identity())
        self.quote = Quote()
        self.change_collateral = lambda collateral: collateral

    def processor(self):
        """Under the Processor CA."""
        self.ca.subject = self.leaf.issuer = self.pck_crl.issuer = PROCESSOR_CN
        self.sgx.platform = False

    def trusted(self):
        """The root that the verifier is given."""
        return self.root.der()

    def chain(self, names):
        return ''.join(pem(getattr(self, n).der()) for n in names)

    def build(self):
        if self.leaf.sgx is None:
            self.leaf.sgx = self.sgx.der()
        if self.leaf.sgx == b'':
            self.leaf.sgx = None
        tcb, tcb_signature = self.tcb.parts()
        qe, qe_signature = self.qe.parts()
        collateral = {
            'pck_crl_issuer_chain': self.chain(['ca', 'root']),
            'root_ca_crl': self.root_crl.hex(self.root_crl.der()),
            'pck_crl': self.pck_crl.hex(self.pck_crl.der()),
            'tcb_info_issuer_chain': self.change_tcb_chain(self.chain(self.tcb_chain)),
            'tcb_info': tcb,
            'tcb_info_signature': tcb_signature,
            'qe_identity_issuer_chain': self.change_qe_chain(self.chain(self.qe_chain)),
            'qe_identity': qe,
            'qe_identity_signature': qe_signature,
        }
        chain = self.change_pck_chain(self.chain(self.pck_chain)).encode('latin-1')
        text = json.dumps(self.change_collateral(collateral))
        return self.quote.build(chain), text
