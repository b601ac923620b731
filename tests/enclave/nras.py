"""NVIDIA's remote attestation service: tokens about GPU evidence, and the keys that sign them."""

import base64
import hashlib
import json
import threading
import time

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from gpu import signed_part
from measured import compact
from pki import certificate, days, name, now, raw_signature

ISSUER = 'https://nras.attestation.nvidia.com'
KID, OTHER_KID = 'nv-eat-kid-sim-1', 'nv-eat-kid-sim-0'
INTERMEDIATE = 'NVIDIA Attestation Service GPU Intermediate 004'
RIM_CLAIMS = ('fetched', 'schema-validated', 'cert-validated', 'signature-verified',
              'measurements-available')


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


class Nras:
    """The service's keys; made at the first question, for RSA takes its time."""

    def __init__(self, world):
        self.world = world
        self.key, self.other = (world.entropy.p384(f'nras {n}') for n in ('leaf', 'other'))
        self.lock = threading.Lock()
        self.middle = self.middle_key = None

    def intermediate(self):
        """The intermediate certificate; its key is RSA, as the real one is."""
        with self.lock:
            if self.middle is None:
                gpus, subject = self.world.gpus, name(INTERMEDIATE)
                self.middle_key = rsa.generate_private_key(65537, 2048)
                self.middle = gpus.issue(subject, self.middle_key, gpus.root.subject,
                                         gpus.root_key, 'nras', end=now() + days(1000), ca=0)
            return self.middle

    def leaf(self, key, begin=-1, end=1, issuer_key=None):
        """A leaf of two days, in DER."""
        issuer = self.intermediate().subject
        leaf = certificate(name('NVIDIA Attestation Service GPU GH100'), key, issuer,
                           issuer_key or self.middle_key, begin=now() + days(begin),
                           end=now() + days(end), serial=x509.random_serial_number())
        return base64.b64encode(leaf.public_bytes(Encoding.DER)).decode()

    def jwks(self):
        """The key set: ours and one that signs nothing."""
        middle = base64.b64encode(self.intermediate().public_bytes(Encoding.DER)).decode()
        return {'keys': [jwk(key, kid, [self.leaf(key), middle]) for key, kid in (
            (self.other, OTHER_KID), (self.key, KID))]}

    def token(self, claims, header=None, key=None):
        moment = int(time.time())
        header = header or {'kid': KID, 'alg': 'ES384'}
        claims = {'iss': ISSUER, 'nbf': moment, 'iat': moment, 'exp': moment + 3600,
                  'jti': b64url(hashlib.sha256(repr(claims).encode()).digest()[:12]), **claims}
        signed = b64url(compact(header).encode()) + '.' + b64url(compact(claims).encode())
        signature = raw_signature(key or self.key, signed.encode(), hashes.SHA384())
        return signed + '.' + b64url(signature)

    def answer(self, payload, change=None, sign=None):
        """The response to a payload; `change(claims, gpu)` and `sign` are for faults."""
        nonce = payload['nonce']
        claims = {}
        for index, entry in enumerate(payload['evidence_list']):
            claims[f'GPU-{index}'] = gpu_claims(entry, nonce)
        good = all('measres' in c for c in claims.values())
        sign = sign or self.token
        tokens = {}
        for gpu, values in claims.items():
            if change:
                change(values, gpu)
            tokens[gpu] = sign(values)
        overall = {'sub': 'NVIDIA-PLATFORM-ATTESTATION', 'x-nvidia-ver': '2.0', 'eat_nonce': nonce,
                   'x-nvidia-overall-att-result': good,
                   'submods': {gpu: ['DIGEST', ['SHA-256', hashlib.sha256(
                       token.encode()).hexdigest()]] for gpu, token in tokens.items()}}
        if change:
            change(overall, None)
        return [['JWT', sign(overall)], tokens]


def jwk(key, kid, chain):
    numbers = key.public_key().public_numbers()
    return {'kty': 'EC', 'crv': 'P-384', 'kid': kid, 'x': b64url(numbers.x.to_bytes(48, 'big')),
            'y': b64url(numbers.y.to_bytes(48, 'big')), 'x5c': chain}


def genuine(entry, nonce):
    """The leaf certificate if the evidence is signed by it over this nonce."""
    text = base64.b64decode(entry['certificate']).decode()
    leaf = x509.load_pem_x509_certificate(text.encode())
    data = base64.b64decode(entry['evidence'])
    if data[4:36].hex() != nonce:
        return None
    signed, signature = signed_part(data)
    r, s = (int.from_bytes(p, 'big') for p in (signature[:48], signature[48:]))
    try:
        leaf.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        return None
    return leaf


def gpu_claims(entry, nonce):
    leaf = genuine(entry, nonce)
    model = 'GB100' if entry.get('arch') == 'BLACKWELL' else 'GH100'
    base = {'sub': 'NVIDIA-GPU-ATTESTATION', 'eat_nonce': nonce, 'hwmodel': model,
            'oemid': '5703', 'x-nvidia-gpu-attestation-report-parsed': True}
    if leaf is None:  # the real service says so under HTTP 200, and leaves the good claims out
        return {**base, 'x-nvidia-error-details': {
            'code': 4010, 'fieldName': 'nonce', 'httpStatus': '400 BAD_REQUEST',
            'message': 'NONCE_NOT_MATCHING'}}
    flags = ['arch-check'] + ['attestation-report-' + n for n in (
        'parsed', 'cert-chain-validated', 'signature-verified', 'nonce-match')]
    flags += [f'{rim}-rim-{claim}' for rim in ('driver', 'vbios') for claim in RIM_CLAIMS]
    flags.append('vbios-index-no-conflict')
    return {**base, 'measres': 'success', 'secboot': True, 'dbgstat': 'disabled',
            'ueid': str(leaf.serial_number), 'x-nvidia-gpu-driver-version': '570.172.08',
            'x-nvidia-gpu-vbios-version': '96.00.CF.00.02', 'x-nvidia-attestation-warning': None,
            **{f'x-nvidia-gpu-{flag}': True for flag in flags}}


def serve_jwks(exchange, begin, finish):
    armed = begin(exchange, 'jwks')
    if armed:
        finish(exchange, armed, exchange.world.nras.jwks(), exchange.world)


def serve_attest(exchange, begin, finish):
    armed = begin(exchange, 'nras')
    if not armed:
        return
    try:
        payload = json.loads(exchange.body)
        body = exchange.world.nras.answer(payload, armed.stage('claims'), armed.stage('sign') and (
            lambda claims: armed.stage('sign')(exchange.world.nras, claims)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return exchange.send_json(400, {'error': 'BAD_REQUEST'})
    finish(exchange, armed, body, payload)
