"""Simulated NVIDIA evidence: a device chain of five and an SPDM answer signed over our nonce."""

import base64
import datetime
import struct
from dataclasses import dataclass
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes

import der
from entropy import label_bytes
from measured import compact
from pki import certificate, name, pem, raw_signature

FOREVER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)
HOPPER_FWID, DICE_TCB_INFO = '2.23.133.5.4.1', '2.23.133.5.4.1.1'
SHA384 = '2.16.840.1.101.3.4.2.2'
FWID = label_bytes('gpu firmware', 48)
SECOND_FWID = label_bytes('second gpu firmware', 48)


@lru_cache
def spdm_record():
    """64 measurement blocks of SHA-384 values."""
    blocks = b''
    for index in range(1, 65):
        value = label_bytes(f'gpu measurement {index}', 48)
        blocks += struct.pack('<BBH', index, 1, 51) + struct.pack('<BH', 1, 48) + value
    return blocks


def firmware_id(digest):
    """FWID of the TCG DICE specification."""
    return der.sequence(der.oid(SHA384), der.octets(digest))


def hopper_extension():
    """The firmware id stands at the end of the extension."""
    return HOPPER_FWID, firmware_id(FWID)


def blackwell_extension():
    """DiceTcbInfo; the firmware is the first of its fwids, and the fields behind it go on."""
    fwids = firmware_id(FWID) + firmware_id(SECOND_FWID)
    return DICE_TCB_INFO, der.sequence(
        der.tagged(0, b'SIMULATED'), der.tagged(1, b'GB100 A01 GSP'), der.tagged(2, b'01'),
        der.tagged(3, b'\1'), der.tagged(4, b'\0'), der.tagged(5, b'\0'),
        der.tagged(6, fwids, constructed=True), der.tagged(7, b'\0\x80\0\0\1'),
        der.tagged(8, b'\xc0'), der.tagged(9, b'\0'))


@dataclass(frozen=True)
class Form:
    """One kind of GPU and the driver that answers for it. `fields` is what the answer holds beside
    the measurements, by number; 20 is the firmware id. `extension` is None for a bare leaf."""

    arch: str
    chip: str
    driver: bytes
    fields: tuple
    extension: object
    padding: int = 0  # zero bytes behind the signature

    def opaque(self, fwid):
        values = {3: self.driver + b'\0', 6: VBIOS, 11: b'\0', 14: b'\x6f\6\0\0',
                  15: f'{self.chip}-SIM'.encode(), 17: b'1010', 18: b'0200', 20: fwid, 21: b'\0',
                  33: b'\7\7'}
        return b''.join(struct.pack('<HH', kind, len(values[kind])) + values[kind]
                        for kind in self.fields)


VBIOS = bytes.fromhex('00cf009602')
HOPPER_FIELDS = (3, 6, 11, 15, 17, 18, 20, 21)
FORMS = {
    'hopper': Form('HOPPER', 'GH100', b'570.172.08', HOPPER_FIELDS, hopper_extension),
    'hopper_padded': Form('HOPPER', 'GH100', b'570.172.08', HOPPER_FIELDS, hopper_extension, 32),
    'hopper_535': Form('HOPPER', 'GH100', b'535.86.09', (6, 14, 15, 17, 18, 3, 11),
                       hopper_extension, 16),
    'hopper_bare': Form('HOPPER', 'GH100', b'570.172.08', HOPPER_FIELDS, None),
    'blackwell': Form('BLACKWELL', 'GB100', b'575.32', (6, 14, 15, 17, 18, 3, 11, 20, 33),
                      blackwell_extension),
}


class Device:
    """One GPU: its key and its chain, leaf first."""

    def __init__(self, chain, key):
        self.chain, self.key = chain, key
        self.serial = chain[0].serial_number


class Gpus:
    """The GPUs of the simulated machines; `label` tells the honest from the evil."""

    def __init__(self, entropy, begin, label='gpu'):
        self.entropy, self.begin, self.label = entropy, begin, label
        self.root_key, self.devices = entropy.p384(f'{label} root'), {}
        subject = name('NVIDIA Device Identity CA')
        self.root = self.issue(subject, self.root_key, subject, self.root_key, 'root', ca=4)

    def issue(self, subject, key, issuer, issuer_key, label, **options):
        secret = self.entropy.secret(f'{self.label} serial {label}', 15)
        options.setdefault('end', FOREVER)
        return certificate(subject, key, issuer, issuer_key, begin=self.begin,
                           serial=int.from_bytes(b'\x5e' + secret, 'big'),
                           digest=hashes.SHA384(), **options)

    def device(self, index, form='hopper'):
        """The device of this number; one with another chip or leaf is another device."""
        key = (FORMS[form].chip, FORMS[form].extension, index)
        if key not in self.devices:
            self.devices[key] = self.make(index, FORMS[form])
        return self.devices[key]

    def make(self, index, form):
        chain, key, chip = [self.root], self.root_key, form.chip
        for depth, common in enumerate((f'{chip} Identity', f'{chip} Provisioner ICA 1',
                                        f'{chip} A01 GSP BROM')):
            child = self.entropy.p384(f'{self.label} {index} {common}')
            chain.insert(0, self.issue(name(common), child, chain[0].subject, key,
                                       f'{index} {common}', ca=3 - depth))
            key = child
        extra = []
        if form.extension:
            number, value = form.extension()
            extra.append(x509.UnrecognizedExtension(x509.ObjectIdentifier(number), value))
        label = f'{index} leaf' + ('' if extra else ' bare')
        label += '' if chip == 'GH100' else f' {chip}'
        leaf_key = self.entropy.p384(f'{self.label} {label}')
        chain.insert(0, self.issue(name(f'{chip} A01 GSP FMC LF'), leaf_key, chain[0].subject, key,
                                   label, extra=extra, basic=False))
        return Device(chain, leaf_key)

    def evidence(self, index, nonce, form='hopper', fwid=FWID):
        """One entry of the evidence list."""
        device, kind = self.device(index, form), FORMS[form]
        record, tail = spdm_record(), kind.opaque(fwid)
        answer = bytes.fromhex('11600000') + bytes([64]) + len(record).to_bytes(3, 'little')
        answer += record + self.entropy.secret(f'gpu nonce {index}') + struct.pack('<H', len(tail))
        signed = bytes.fromhex('11e001ff') + nonce + b'\0' + answer + tail
        data = signed + raw_signature(device.key, signed, hashes.SHA384()) + bytes(kind.padding)
        return {'arch': kind.arch,
                'certificate': base64.b64encode(pem(*device.chain).encode()).decode(),
                'evidence': base64.b64encode(data).decode()}

    @lru_cache(maxsize=8)
    def payload(self, count, nonce, form='hopper'):
        """The text of `nvidia_payload`; a test may ask with one nonce many times."""
        entries = [self.evidence(i, nonce, form) for i in range(count)]
        if FORMS[form].arch == 'BLACKWELL':  # each of its entries names the nonce
            entries = [dict(entry, nonce=nonce.hex()) for entry in entries]
        return compact({'arch': FORMS[form].arch, 'evidence_list': entries, 'nonce': nonce.hex()})


def signed_part(data):
    """What is signed of a piece of evidence, and its signature; padding may follow."""
    at = 37 + 8 + int.from_bytes(data[42:45], 'little') + 32
    end = at + 2 + int.from_bytes(data[at:at + 2], 'little')
    return data[:end], data[end:end + 96]
