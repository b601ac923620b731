"""Where every secret of one run comes from.

Without a seed all keys are fresh. With a seed the same keys come back in the next run, so that a
demo can be restarted and still be the enclave that the user trusted. Nothing is stored.
"""

import hashlib
import hmac
import os

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ORDER_P384 = int('F' * 48 + 'C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973', 16)
ORDER_K256 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def label_bytes(label, length):
    """Public bytes that look like a measurement: the same in every run, secret in none."""
    out = b''
    counter = 0
    while len(out) < length:
        out += hashlib.sha512(b'venice.nvim simulator\0%s\0%d' % (label.encode(), counter)).digest()
        counter += 1
    return out[:length]


class Entropy:
    """Named secrets of one run; the same name gives the same secret within the run."""

    def __init__(self, seed=None):
        self.master = os.urandom(32) if seed is None else hashlib.sha256(seed.encode()).digest()

    def secret(self, label, length=32):
        out = b''
        while len(out) < length:
            out += hmac.new(self.master, out[-64:] + label.encode(), hashlib.sha512).digest()
        return out[:length]

    def scalar(self, label, order):
        return int.from_bytes(self.secret(label, 64), 'big') % (order - 1) + 1

    def p256(self, label):
        return ec.derive_private_key(self.scalar(label, ORDER_P256), ec.SECP256R1())

    def p384(self, label):
        return ec.derive_private_key(self.scalar(label, ORDER_P384), ec.SECP384R1())

    def k256(self, label):
        return ec.derive_private_key(self.scalar(label, ORDER_K256), ec.SECP256K1())

    def ed25519(self, label):
        return ed25519.Ed25519PrivateKey.from_private_bytes(self.secret(label))
