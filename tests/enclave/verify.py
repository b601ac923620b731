"""An independent check of what the simulator signs, for the self-test.

The quote is cut by the offsets of the specification, chains are verified with `cryptography`, and
all eleven signatures of one verification are checked. It shares nothing with quote.py or pki.py.
"""

import base64
import hashlib
import json
import re
import struct
from datetime import datetime, timezone
from urllib.parse import unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import ed25519 as edwards
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

BODY = {2: 584, 3: 648}


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def verify_raw(key, signature, data, digest=None):
    half = len(signature) // 2
    r, s = (int.from_bytes(p, 'big') for p in (signature[:half], signature[half:]))
    key.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest or hashes.SHA256()))


def p256(raw64):
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b'\4' + raw64)


def load_chain(text):
    blocks = re.findall(r'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----', text, re.S)
    return [x509.load_pem_x509_certificate(block.encode()) for block in blocks]


def valid_now(begin, end):
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return begin <= now <= end


def validity(certificate):
    """Naive UTC, with the old and with the new names of the library."""
    if hasattr(certificate, 'not_valid_before_utc'):
        return (certificate.not_valid_before_utc.replace(tzinfo=None),
                certificate.not_valid_after_utc.replace(tzinfo=None))
    return certificate.not_valid_before, certificate.not_valid_after


def updates(crl):
    if hasattr(crl, 'last_update_utc'):
        return crl.last_update_utc.replace(tzinfo=None), crl.next_update_utc.replace(tzinfo=None)
    return crl.last_update, crl.next_update


def signed_by(child, parent):
    check(child.issuer.public_bytes() == parent.subject.public_bytes(), 'issuer is not subject')
    parent.public_key().verify(child.signature, child.tbs_certificate_bytes,
                               ec.ECDSA(child.signature_hash_algorithm))


def common_name(certificate):
    return certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value


def verify_chain(chain, root, names):
    check([common_name(c) for c in chain] == names, f'names {[common_name(c) for c in chain]}')
    check(chain[-1].public_bytes(Encoding.DER) == root.public_bytes(Encoding.DER), 'root differs')
    for index, certificate in enumerate(chain):
        check(valid_now(*validity(certificate)), 'a certificate is out of its time')
        signed_by(certificate, chain[min(index + 1, len(chain) - 1)])
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        check(basic.critical and basic.value.ca == (index > 0), 'basic constraints')


def split(quote):
    """The parts of a version 4 or 5 quote; every length must close."""
    version, key_type, tee, _, _ = struct.unpack_from('<HHIHH', quote)
    check(version in (4, 5) and key_type == 2 and tee == 0x81, 'header')
    check(quote[12:28].hex() == '939a7233f79c4ca9940a0db3957f0607', 'vendor')
    start, size = 48, 584
    if version == 5:
        kind, size = struct.unpack_from('<HI', quote, 48)
        check(BODY[kind] == size, 'body size')
        start = 54
    end = start + size
    auth_size, = struct.unpack_from('<I', quote, end)
    auth, rest = quote[end + 4:end + 4 + auth_size], quote[end + 4 + auth_size:]
    check(len(auth) == auth_size and rest == bytes(70), 'auth data')
    outer, outer_size = struct.unpack_from('<HI', auth, 128)
    check(outer == 6 and 134 + outer_size == auth_size, 'outer certification data')
    length, = struct.unpack_from('<H', auth, 582)
    inner, inner_size = struct.unpack_from('<HI', auth, 584 + length)
    check(inner == 5 and 590 + length + inner_size == auth_size, 'inner certification data')
    return {'signed': quote[:end], 'body': quote[start:end], 'signature': auth[:64],
            'key': auth[64:128], 'report': auth[134:518], 'report_signature': auth[518:582],
            'auth': auth[584:584 + length], 'pem': auth[590 + length:].rstrip(b'\0').decode()}


def der_items(data):
    """Tag, body and rest of the items of a DER sequence's body; short and long lengths."""
    while data:
        tag, size, head = data[0], data[1], 2
        if size & 0x80:
            head += size & 0x7F
            size = int.from_bytes(data[2:head], 'big')
        yield tag, data[head:head + size]
        data = data[head + size:]


def sgx_fields(leaf):
    oid = x509.ObjectIdentifier('1.2.840.113741.1.13.1')
    (_, body), = der_items(leaf.extensions.get_extension_for_oid(oid).value.value)
    fields = {}
    for _, entry in der_items(body):
        (_, name), (_, value) = der_items(entry)
        fields[name[-1]] = value
    tcb = [list(der_items(entry))[1][1] for _, entry in der_items(fields[2])]
    return {'fmspc': fields[4].hex(), 'pceid': fields[3].hex(), 'count': len(fields),
            'components': [int.from_bytes(v, 'big') for v in tcb[:16]],
            'pcesvn': int.from_bytes(tcb[16], 'big'), 'cpusvn': tcb[17]}


def verify_json(answer, member, root):
    """TCB info or QE identity: the signature is over the bytes as they were received."""
    body, chain_text = answer
    text = body.decode()
    start = text.index(':') + 1
    end = text.rindex(',"signature"')
    chain = load_chain(unquote(chain_text))
    verify_chain(chain, root, ['Intel SGX TCB Signing', 'Intel SGX Root CA'])
    verify_raw(chain[0].public_key(), bytes.fromhex(json.loads(text)['signature']),
               text[start:end].encode())
    value = json.loads(text)[member]
    dates = [datetime.strptime(value[k], '%Y-%m-%dT%H:%M:%SZ') for k in ('issueDate', 'nextUpdate')]
    check(valid_now(*dates), 'collateral out of its time')
    return value, chain[0]


def verify_crl(data, issuer, certificates):
    crl = x509.load_der_x509_crl(data)
    check(crl.issuer.public_bytes() == issuer.subject.public_bytes(), 'CRL issuer')
    check(crl.is_signature_valid(issuer.public_key()), 'CRL signature')
    check(valid_now(*updates(crl)), 'CRL out of its time')
    for certificate in certificates:
        check(crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is None,
              'revoked')


def covers(have, need):
    return all(a >= b for a, b in zip(have, need))


def tcb_status(info, fields, svn, skip=2):
    """The platform's status and the module's, for one TEE_TCB_SVN."""
    platform = next((level['tcbStatus'] for level in info['tcbLevels'] if covers(
        fields['components'], [c['svn'] for c in level['tcb']['sgxtcbcomponents']])
        and fields['pcesvn'] >= level['tcb']['pcesvn'] and covers(
            svn[skip:], [c['svn'] for c in level['tcb']['tdxtcbcomponents']][skip:])), None)
    identity = next(i for i in info['tdxModuleIdentities'] if i['id'] == f'TDX_{svn[1]:02X}')
    module = next((level['tcbStatus'] for level in identity['tcbLevels']
                   if svn[0] >= level['tcb']['isvsvn']), None)
    return platform, module


def verify(quote, root, fetch):
    """All of it; `fetch(path)` returns body and issuer chain. Returns statuses by part."""
    parts = split(quote)
    chain = load_chain(parts['pem'])
    kind = 'processor' if 'Processor' in common_name(chain[1]) else 'platform'
    verify_chain(chain, root, ['Intel SGX PCK Certificate',
                               f'Intel SGX PCK {kind.capitalize()} CA', 'Intel SGX Root CA'])
    fields = sgx_fields(chain[0])
    check(fields['count'] == (7 if kind == 'platform' else 5), 'SGX extension')
    check(bytes(fields['components']) == fields['cpusvn'], 'components are not CPUSVN')
    verify_raw(chain[0].public_key(), parts['report_signature'], parts['report'])
    bound = hashlib.sha256(parts['key'] + parts['auth']).digest() + bytes(32)
    check(parts['report'][320:384] == bound, 'QE report data')
    verify_raw(p256(parts['key']), parts['signature'], parts['signed'])
    tcb = verify_json(fetch('/tdx/certification/v4/tcb?fmspc=' + fields['fmspc']), 'tcbInfo', root)
    qe = verify_json(fetch('/tdx/certification/v4/qe/identity'), 'enclaveIdentity', root)
    check(tcb[0]['fmspc'] == fields['fmspc'] and tcb[0]['pceId'] == fields['pceid'], 'platform')
    pck_crl, crl_chain = fetch(f'/sgx/certification/v4/pckcrl?ca={kind}&encoding=der')
    check(load_chain(unquote(crl_chain))[0] == chain[1], 'CRL issuer chain')
    verify_crl(pck_crl, chain[1], [chain[0]])
    root_crl = bytes.fromhex(fetch('/sgx/certification/v4/rootcacrl')[0].decode())
    verify_crl(root_crl, root, [chain[1], tcb[1], qe[1], root])
    check(fetch('/IntelSGXRootCA.der')[0] is not None, 'root CRL as DER')
    return {**statuses(parts, fields, tcb[0], qe[0]), 'ca': kind}


def statuses(parts, fields, tcb, qe):
    report = parts['report']
    mask = bytes.fromhex(qe['attributesMask'])
    masked = bytes(a & m for a, m in zip(report[48:64], mask))
    check(masked.hex().upper() == qe['attributes'] and not report[48] & 2, 'QE attributes')
    check(report[128:160].hex().upper() == qe['mrsigner'], 'QE signer')
    product, svn = struct.unpack_from('<HH', report, 256)
    check(product == qe['isvprodid'], 'QE product')
    qe_status = next(level['tcbStatus'] for level in qe['tcbLevels']
                     if svn >= level['tcb']['isvsvn'])
    body = parts['body']
    platform, module = tcb_status(tcb, fields, body[:16])
    found = {'platform': platform, 'module': module, 'qe': qe_status}
    if len(body) == 648:
        found['platform2'], found['module2'] = tcb_status(tcb, fields, body[584:600])
    check(body[64:120] == bytes(56), 'module signer and attributes')
    return found


def ed25519(public, signature, data):
    """Raises unless the signature holds."""
    edwards.Ed25519PublicKey.from_public_bytes(public).verify(signature, data)


def gpu_firmware(leaf):
    """The firmware id of a GPU's leaf: at the end of Hopper's extension, or the digest of the first
    FWID of a DiceTcbInfo."""
    found = {e.oid.dotted_string: e.value.value for e in leaf.extensions
             if isinstance(e.value, x509.UnrecognizedExtension)}
    if '2.23.133.5.4.1' in found:
        return found['2.23.133.5.4.1'][-48:]
    (tag, info), = der_items(found['2.23.133.5.4.1.1'])
    check(tag == 0x30, 'DiceTcbInfo')
    fwids = next(body for tag, body in der_items(info) if tag == 0xA6)
    (_, algorithm), (kind, digest) = der_items(next(der_items(fwids))[1])
    check(algorithm == bytes.fromhex('608648016503040202') and kind == 4, 'algorithm of the FWID')
    return digest


def spdm(entry, root, nonce):
    """One GPU: chain, firmware id, and the signature over our nonce. Returns its serial number, and
    whether the answer names a firmware id."""
    chain = load_chain(base64.b64decode(entry['certificate']).decode())
    check(len(chain) == 5 and chain[-1] == root, 'GPU chain')
    for index, certificate in enumerate(chain):
        check(valid_now(*validity(certificate)), 'a GPU certificate is out of its time')
        signed_by(certificate, chain[min(index + 1, 4)])
    data = base64.b64decode(entry['evidence'])
    check(data[:4].hex() == '11e001ff' and data[4:36].hex() == nonce, 'SPDM request')
    length = int.from_bytes(data[37 + 5:37 + 8], 'little')
    at = 37 + 8 + length + 32
    fields, end = {}, at + 2 + int.from_bytes(data[at:at + 2], 'little')
    verify_raw(chain[0].public_key(), data[end:end + 96], data[:end], hashes.SHA384())
    check(not any(data[end + 96:]), 'bytes behind the signature')
    at += 2
    while at < end:
        kind, size = struct.unpack_from('<HH', data, at)
        fields[kind], at = data[at + 4:at + 4 + size], at + 4 + size
    firmware = gpu_firmware(chain[0])
    check(fields.get(20, firmware) == firmware, 'firmware id')
    return chain[0].serial_number, 20 in fields


def unpad(text):
    return base64.urlsafe_b64decode(text + '=' * (-len(text) % 4))


def token(text, keys):
    """The claims of an ES384 token by a key of the set whose leaf is signed by its issuer."""
    header, claims, signature = text.split('.')
    key = next(k for k in keys if k['kid'] == json.loads(unpad(header))['kid'])
    leaf, middle = (x509.load_der_x509_certificate(base64.b64decode(c)) for c in key['x5c'])
    middle.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, padding.PKCS1v15(),
                               leaf.signature_hash_algorithm)
    numbers = leaf.public_key().public_numbers()
    check(unpad(key['x']) == numbers.x.to_bytes(48, 'big'), 'x of the key')
    check(valid_now(*validity(leaf)), 'the leaf is out of its time')
    verify_raw(leaf.public_key(), unpad(signature), f'{header}.{claims}'.encode(), hashes.SHA384())
    return json.loads(unpad(claims))
