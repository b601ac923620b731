"""The blob of the wire: hex(ephemeral 65 ‖ nonce 12 ‖ ciphertext ‖ tag 16)."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ethereum import public_bytes

P = 2**256 - 2**32 - 977
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)
HEX = set('0123456789abcdefABCDEF')


class BadBlob(Exception):
    """Its text is what the real servers say about such a blob."""


def message_key(shared_x):
    """HKDF-SHA256 with an empty salt and one block of output."""
    prk = hmac.new(bytes(32), shared_x, hashlib.sha256).digest()
    return hmac.new(prk, b'ecdsa_encryption\x01', hashlib.sha256).digest()


def parse_public(data):
    """A point of secp256k1 out of 65 bytes; raises ValueError for anything else."""
    if len(data) != 65 or data[0] != 4:
        raise ValueError('not an uncompressed point')
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), data)


def open_blob(private, blob):
    """The bytes that a client sealed for the private key."""
    if len(blob) % 2 or not set(blob) <= HEX:
        raise BadBlob('Encrypted field is not valid hex')
    raw = bytes.fromhex(blob)
    if len(raw) < 93:
        raise BadBlob('Encrypted field is too short')
    try:
        shared = private.exchange(ec.ECDH(), parse_public(raw[:65]))
        return AESGCM(message_key(shared)).decrypt(raw[65:77], raw[77:], None)
    except (ValueError, InvalidTag):
        raise BadBlob('Decryption failed') from None


def add(a, b):
    """Sum of two different affine points of secp256k1, or the double of one."""
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(scalar, point):
    total = None
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


class Sealer:
    """Seals the fields of one answer for one client key.

    A fresh key pair and ECDH a token would cost about a millisecond in Python, too much for the
    benchmarks. So the ephemeral scalars of one answer are e, e+t, e+2t … with secret e and t: each
    blob has another key, and both its public point and the shared point cost one addition.
    """

    def __init__(self, client, fresh=True):
        numbers = client.public_numbers()
        peer = (numbers.x, numbers.y)
        start, step = (int.from_bytes(os.urandom(32), 'big') for _ in range(2))
        self.ephemeral, self.shared = multiply(start, G), multiply(start, peer)
        self.step, self.shared_step = multiply(step, G), multiply(step, peer)
        self.fresh = fresh  # False: one ephemeral key for the whole answer, as vllm-proxy does
        self.used = False

    def seal(self, plaintext):
        if self.used and self.fresh:
            self.ephemeral = add(self.ephemeral, self.step)
            self.shared = add(self.shared, self.shared_step)
        self.used = True
        public = b'\x04' + b''.join(c.to_bytes(32, 'big') for c in self.ephemeral)
        nonce = os.urandom(12)
        key = message_key(self.shared[0].to_bytes(32, 'big'))
        return (public + nonce + AESGCM(key).encrypt(nonce, plaintext, None)).hex()


def seal_once(public, plaintext):
    """One blob by the plain way; for tests and for faults."""
    private = ec.generate_private_key(ec.SECP256K1())
    key = message_key(private.exchange(ec.ECDH(), public))
    nonce = os.urandom(12)
    return (public_bytes(private) + nonce + AESGCM(key).encrypt(nonce, plaintext, None)).hex()
