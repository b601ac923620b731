"""Keccak-256, addresses and signatures as Ethereum has them."""

import hashlib
import hmac

try:
    from Cryptodome.Hash import keccak as _keccak
except ImportError:  # pycryptodome installed from elsewhere than Debian
    from Crypto.Hash import keccak as _keccak

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entropy import ORDER_K256


def keccak256(data):
    return _keccak.new(digest_bits=256, data=data).digest()


def public_bytes(key):
    """65 bytes, 04 ‖ x ‖ y, of a private or a public key."""
    public = key.public_key() if hasattr(key, 'public_key') else key
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def compressed(key):
    point = public_bytes(key)
    return bytes([2 + (point[64] & 1)]) + point[1:33]


def address(key):
    """The 20 bytes that stand for a key."""
    return keccak256(public_bytes(key)[1:])[12:]


def checksummed(address20):
    """EIP-55: the case of each letter is a checksum; a client compares without case."""
    plain = address20.hex()
    digest = keccak256(plain.encode()).hex()
    return '0x' + ''.join(c.upper() if int(digest[i], 16) >= 8 else c for i, c in enumerate(plain))


def sign_digest(key, digest):
    """Recoverable ECDSA: 65 bytes r ‖ s ‖ v with v 0 or 1 and s in the lower half."""
    secret = key.private_numbers().private_value
    seed = secret.to_bytes(32, 'big') + digest
    nonce = int.from_bytes(hmac.new(seed, b'nonce', hashlib.sha512).digest(), 'big')
    nonce = nonce % (ORDER_K256 - 1) + 1
    point = ec.derive_private_key(nonce, ec.SECP256K1()).public_key().public_numbers()
    r = point.x % ORDER_K256
    s = pow(nonce, -1, ORDER_K256) * (int.from_bytes(digest, 'big') + r * secret) % ORDER_K256
    v = point.y & 1
    if s > ORDER_K256 // 2:
        s, v = ORDER_K256 - s, v ^ 1
    return r.to_bytes(32, 'big') + s.to_bytes(32, 'big') + bytes([v])


def personal_digest(text):
    """EIP-191, the digest of what a wallet calls a personal message."""
    data = text.encode()
    return keccak256(b'\x19Ethereum Signed Message:\n%d' % len(data) + data)


def sign_personal(key, text):
    signature = sign_digest(key, personal_digest(text))
    return signature[:64] + bytes([27 + signature[64]])
