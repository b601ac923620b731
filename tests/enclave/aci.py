"""The gateway's own documents: keyset, endorsement, custody chain and receipts (ACI)."""

import hashlib
import time

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entropy import label_bytes
from ethereum import compressed, keccak256, public_bytes, sign_digest
from measured import canonical

SUITE = 'secp256k1-aes-256-gcm-hkdf-sha256'
REPOSITORY = 'https://example.invalid/simulated-gateway.git'


def digest_of(value):
    return 'sha256:' + hashlib.sha256(canonical(value).encode()).hexdigest()


def raw_public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


class Gateway:
    """Keys and documents of one gateway; `generation` is 'A' (shape C) or 'B' (shape D)."""

    def __init__(self, entropy, label, generation, workload):
        self.generation, self.label = generation, label
        self.identity = entropy.k256(f'{label} identity')
        self.receipt = entropy.ed25519(f'{label} receipt')
        self.receipt_kms = entropy.k256(f'{label} receipt kms')
        self.x25519 = entropy.secret(f'{label} x25519').hex()
        self.app_key, self.root_key = entropy.k256(f'{label} app'), entropy.k256('kms root')
        self.app_id = workload.app_id
        self.not_after = int(time.time()) + 20 * 86400

    def keyset(self, model_key):
        """The workload keyset that names the key of one model."""
        point = public_bytes(model_key).hex()
        keys = {
            'receipt_signing_keys': [{'key_id': 'sim-receipt-ed25519-v1', 'algo': 'ed25519',
                                      'public_key': raw_public(self.receipt)}],
            'e2ee_public_keys': [
                {'key_id': 'sim-e2ee-v1', 'algo': SUITE, 'public_key': point},
                {'key_id': 'sim-e2ee-x25519-v1', 'algo': 'x25519-aes-256-gcm-hkdf-sha256',
                 'public_key': self.x25519}],
            'tls_public_keys': [{'domain': 'gateway.example.invalid',
                                 'spki_sha256': label_bytes('gateway tls', 32).hex()}]}
        if self.generation == 'B':
            return {'subject': None, 'not_after': self.not_after, **keys}
        keys['e2ee_public_keys'].append({'key_id': 'sim-legacy-v1', 'algo': 'ecdsa',
                                         'public_key': point})
        return {'workload_identity': {'public_key': self.identity_object(), 'subject': None},
                'keyset_epoch': {'version': 1, 'not_after': self.not_after}, **keys}

    def identity_object(self):
        return {'algo': 'ecdsa-secp256k1', 'public_key': public_bytes(self.identity).hex()}

    def endorsement(self, keyset_digest):
        text = canonical({'purpose': 'aci.keyset.endorsement.v1',
                          'workload_keyset_digest': keyset_digest})
        value = sign_digest(self.identity, hashlib.sha256(text.encode()).digest())[:64]
        return {'algo': 'ecdsa-secp256k1', 'value': value.hex()}

    def custody_entry(self, role, path, algo, public, kms_key):
        """One key, signed by the application's key, which the key service's root signed."""
        purpose = 'aci.' + path.split('/', 1)[1].rsplit('/', 1)[0].replace('-', '.') + '.v1'
        first = keccak256(f'{purpose}:{compressed(kms_key).hex()}'.encode())
        second = keccak256(b'dstack-kms-issued:' + self.app_id + compressed(self.app_key))
        entry = {'role': role, 'path': path, 'purpose': purpose, 'algo': algo, 'public_key': public}
        if self.generation == 'B':
            entry['kms_public_key'] = compressed(kms_key).hex()
        entry['signature_chain'] = [sign_digest(self.app_key, first).hex(),
                                    sign_digest(self.root_key, second).hex()]
        return entry

    def custody(self, model_key):
        keys = [self.custody_entry('receipt', 'aci/receipt-ed25519/v1', 'ed25519',
                                   raw_public(self.receipt), self.receipt_kms),
                self.custody_entry('e2ee-secp256k1', 'aci/e2ee/v1', SUITE,
                                   public_bytes(model_key).hex(), model_key)]
        if self.generation == 'A':
            keys.insert(0, self.custody_entry('identity', 'aci/identity/v1', 'ecdsa-secp256k1',
                                              public_bytes(self.identity).hex(), self.identity))
        return {'provider': 'dstack-kms', 'keys': keys}

    def receipt_for(self, model_key, chat):
        """The signed statement about one answered request."""
        request, response = (f'sha256:{h}' for h in (chat['request_hash'], chat['response_hash']))
        verified = {'type': 'upstream.verified', 'result': 'verified', 'required': False,
                    'model_id': chat['upstream'], 'session_id': label_bytes('session', 32).hex()}
        log = [{'type': 'request.received', 'body_hash': request},
               {'type': 'request.forwarded', 'body_hash': request}, verified,
               {'type': 'response.returned', 'body_hash': response}]
        keyset_digest = digest_of(self.keyset(model_key))
        document = {'api_version': 'aci/1', 'chat_id': chat['id'], 'method': 'POST',
                    'endpoint': '/v1/chat/completions', 'model': chat['model'],
                    'receipt_id': 'rcpt-' + chat['id'][9:],
                    'served_at': chat['created'], 'event_log': log,
                    'workload_keyset_digest': keyset_digest}
        if self.generation == 'B':
            document['key_id'] = 'sim-receipt-ed25519-v1'
            signature = self.receipt.sign(canonical(document).encode()).hex()
            return {**document, 'signature': signature}
        verified['session_id'] = 'as_' + verified['session_id']
        document['event_log'] = [dict(event, seq=i) for i, event in enumerate(log)]
        document['workload_id'] = digest_of(self.identity_object())
        document['signature'] = {'algo': 'ed25519', 'key_id': 'sim-receipt-ed25519-v1'}
        document['signature']['value'] = self.receipt.sign(canonical(document).encode()).hex()
        return document
