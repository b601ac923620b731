"""TDX quotes, version 4 and 5, really signed by a simulated platform."""

import hashlib
import struct
from dataclasses import dataclass, field, replace

from entropy import label_bytes
from ethereum import public_bytes
from pki import COMPONENTS, raw_signature

QE_VENDOR = bytes.fromhex('939a7233f79c4ca9940a0db3957f0607')
QE_MRSIGNER = label_bytes('qe signer', 32)
QE_ATTRIBUTES = bytes.fromhex('1500000000000000e700000000000000')
QE_PRODUCT, QE_SVN = 2, 4
SEAM_VERSION, SEAM_SVN = 1, 6
TDX_COMPONENTS = (5, 0, 3) + (0,) * 13
TEE_TCB_SVN = bytes([SEAM_SVN, SEAM_VERSION, 3]) + bytes(13)


@dataclass
class Quote:
    """What a quote says; `build` signs it. A fault changes a field before that."""

    report_data: bytes
    rtmr: list
    mrtd: bytes
    mrconfigid: bytes = bytes(48)
    version: int = 4
    body: str = '1.0'  # '1.5' exists in version 5 only
    tee_type: int = 0x81
    tee_tcb_svn: bytes = TEE_TCB_SVN
    tee_tcb_svn2: bytes = TEE_TCB_SVN
    mrseam: bytes = field(default_factory=lambda: label_bytes('tdx module', 48))
    td_attributes: bytes = bytes.fromhex('0000001000000000')  # SEPT_VE_DISABLE
    xfam: bytes = bytes.fromhex('e702060000000000')
    mrservicetd: bytes = bytes(48)
    ca: str = 'platform'
    trailing: bytes = bytes(70)

    def changed(self, **fields):
        return replace(self, **fields)


def td_report(q):
    body = (q.tee_tcb_svn + q.mrseam + bytes(48) + bytes(8) + q.td_attributes + q.xfam + q.mrtd
            + q.mrconfigid + bytes(96) + b''.join(q.rtmr) + q.report_data)
    if q.body == '1.5':
        body += q.tee_tcb_svn2 + q.mrservicetd
    return body


def qe_report(report_data, cpu_svn=bytes(COMPONENTS)):
    return (cpu_svn + bytes(4) + bytes(28) + QE_ATTRIBUTES + label_bytes('qe enclave', 32)
            + bytes(32) + QE_MRSIGNER + bytes(96) + struct.pack('<HH', QE_PRODUCT, QE_SVN)
            + bytes(60) + report_data)


class Platform:
    """A machine: its attestation key, certified by the quoting enclave, certified by Intel."""

    def __init__(self, entropy, pki):
        self.pki = pki
        self.key = entropy.p256('attestation key')
        self.qe_auth = label_bytes('qe authentication data', 32)
        self.qe_id = entropy.secret('qe id', 16)
        self.certified = {}

    def certification(self, kind):
        """QE report, its signature and the PCK chain; the same for every quote of a machine."""
        if kind not in self.certified:
            point = public_bytes(self.key)[1:]
            binding = hashlib.sha256(point + self.qe_auth).digest()
            report = qe_report(binding + bytes(32))
            chain = self.pki.pck_chain(kind).encode() + b'\0'
            self.certified[kind] = (
                report + raw_signature(self.pki.leaf_key[kind], report)
                + struct.pack('<H', len(self.qe_auth)) + self.qe_auth
                + struct.pack('<HI', 5, len(chain)) + chain)
        return self.certified[kind]

    def build(self, q):
        """The bytes of a signed quote."""
        header = struct.pack('<HHIHH', q.version, 2, q.tee_type, 0, 0) + QE_VENDOR
        header += self.qe_id + bytes(4)
        body = td_report(q)
        if q.version == 5:
            header += struct.pack('<HI', 3 if q.body == '1.5' else 2, len(body))
        inner = self.certification(q.ca)
        auth = raw_signature(self.key, header + body) + public_bytes(self.key)[1:]
        auth += struct.pack('<HI', 6, len(inner)) + inner
        return header + body + struct.pack('<I', len(auth)) + auth + q.trailing


def sgx_quote(platform):
    """A quote of an SGX enclave, version 3: the wrong kind of enclave."""
    header = struct.pack('<HHIHH', 3, 2, 0, 8, 13) + QE_VENDOR + platform.qe_id + bytes(4)
    body = qe_report(bytes(64))
    inner = platform.certification('platform')
    auth = raw_signature(platform.key, header + body) + public_bytes(platform.key)[1:] + inner
    return header + body + struct.pack('<I', len(auth)) + auth
