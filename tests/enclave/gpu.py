"""Simulated NVIDIA evidence: a device chain of five and an SPDM answer signed over our nonce."""

import base64
import datetime
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes

import der
from entropy import label_bytes
from measured import compact
from pki import certificate, name, pem, raw_signature

FOREVER = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)
FWID_OID = '2.23.133.5.4.1'
FWID = label_bytes('gpu firmware', 48)
DRIVER, VBIOS = b'570.172.08\0', bytes.fromhex('00cf009602')
MIDDLE = ('GH100 Identity', 'GH100 Provisioner ICA 1', 'GH100 A01 GSP BROM')


def spdm_record():
    """64 measurement blocks of SHA-384 values."""
    blocks = b''
    for index in range(1, 65):
        value = label_bytes(f'gpu measurement {index}', 48)
        blocks += struct.pack('<BBH', index, 1, 51) + struct.pack('<BH', 1, 48) + value
    return blocks


def opaque(fwid):
    fields = ((3, DRIVER), (6, VBIOS), (11, b'\0'), (15, b'GH100-SIM'), (17, b'1010'),
              (18, b'0200'), (20, fwid), (21, b'\0'))
    return b''.join(struct.pack('<HH', kind, len(value)) + value for kind, value in fields)


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

    def device(self, index):
        if index not in self.devices:
            self.devices[index] = self.make(index)
        return self.devices[index]

    def make(self, index):
        chain, key = [self.root], self.root_key
        for depth, common in enumerate(MIDDLE):
            child = self.entropy.p384(f'{self.label} {index} {common}')
            chain.insert(0, self.issue(name(common), child, chain[0].subject, key,
                                       f'{index} {common}', ca=3 - depth))
            key = child
        firmware = x509.UnrecognizedExtension(
            x509.ObjectIdentifier(FWID_OID),
            der.sequence(der.oid('2.16.840.1.101.3.4.2.2'), der.octets(FWID)))
        leaf_key = self.entropy.p384(f'{self.label} {index} leaf')
        chain.insert(0, self.issue(name('GH100 A01 GSP FMC LF'), leaf_key, chain[0].subject, key,
                                   f'{index} leaf', extra=[firmware], basic=False))
        return Device(chain, leaf_key)

    def evidence(self, index, nonce, fwid=FWID):
        """One entry of the evidence list."""
        device = self.device(index)
        record, tail = spdm_record(), opaque(fwid)
        answer = bytes.fromhex('11600000') + bytes([64]) + len(record).to_bytes(3, 'little')
        answer += record + self.entropy.secret(f'gpu nonce {index}') + struct.pack('<H', len(tail))
        signed = bytes.fromhex('11e001ff') + nonce + b'\0' + answer + tail
        signature = raw_signature(device.key, signed, hashes.SHA384())
        return {'arch': 'HOPPER',
                'certificate': base64.b64encode(pem(*device.chain).encode()).decode(),
                'evidence': base64.b64encode(signed + signature).decode()}

    def payload(self, count, nonce):
        """The text of `nvidia_payload`."""
        return compact({'arch': 'HOPPER', 'evidence_list': [self.evidence(i, nonce)
                                                            for i in range(count)],
                        'nonce': nonce.hex()})
