"""A small Venice client for the self-test, written apart from the server's code.

It uses plain ECDH for each blob (the server adds points), http.client, and reads whole streams.
"""

import hashlib
import http.client
import json
import os
import ssl
import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = Path(__file__).resolve().parent


def point(key):
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def derive(private, public65):
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public65)
    return HKDF(hashes.SHA256(), 32, None, b'ecdsa_encryption').derive(
        private.exchange(ec.ECDH(), public))


def seal(model_public, text):
    key, nonce = ec.generate_private_key(ec.SECP256K1()), os.urandom(12)
    secret = AESGCM(derive(key, bytes.fromhex(model_public)))
    return (point(key) + nonce + secret.encrypt(nonce, text.encode(), None)).hex()


def unseal(private, blob):
    if len(blob) % 2 or blob[:2] != '04':
        raise ValueError('not a blob')
    raw = bytes.fromhex(blob)
    return AESGCM(derive(private, raw[:65])).decrypt(raw[65:77], raw[77:], None)


class Simulator:
    """The simulator as a child process."""

    errors = (http.client.HTTPException,)

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE), '--port', '0', '--lifetime', '300', '--stdin-guard',
             *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts = {'model': []}
        for line in self.process.stdout:
            word, value = line.rstrip('\n').split(' ', 1)
            if word == 'model':
                self.facts['model'].append(value)
            else:
                self.facts[word] = value
            if word == ('tls_ca' if '--tls' in options else 'root'):
                break
        self.url = self.facts['listening']

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def connect(self, timeout=20):
        host = self.url.split('//')[1]
        if self.url.startswith('https'):
            context = ssl.create_default_context(cafile=self.facts['tls_ca'])
            return http.client.HTTPSConnection(host, timeout=timeout, context=context)
        return http.client.HTTPConnection(host, timeout=timeout)

    def ask(self, method, path, body=None, headers=None, timeout=20):
        """Status, headers and body of one request."""
        connection = self.connect(timeout)
        try:
            data = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def control(self, endpoint, **order):
        status, _, body = self.ask("POST", endpoint, order)
        if status != 200:
            raise AssertionError(f"{endpoint} {order}: {body!r}")
        return json.loads(body)

    def fault(self, name, **arguments):
        return self.control('/_fault', name=name, **arguments)

    def log(self):
        return json.loads(self.ask('GET', '/_log?clear=1')[2])

    def attest(self, model='e2ee-sim-small', nonce=None):
        nonce = nonce or os.urandom(32).hex()
        status, _, body = self.ask('GET', f'/api/v1/tee/attestation?model={model}&nonce={nonce}')
        return nonce, status, body

    def signing_key(self, model):
        return json.loads(self.attest(model)[2])['signing_public_key']

    def chat(self, model='e2ee-sim-small', messages=None, key=None, public=None, **more):
        """Status, response headers and raw body of one encrypted chat, and the client's key."""
        key = key or ec.generate_private_key(ec.SECP256K1())
        public = public or self.signing_key(model)
        messages = messages or [{'role': 'user', 'content': 'What does this loop do?'}]
        sealed = [dict(m, content=seal(public, m['content'])) for m in messages]
        headers = {'Authorization': 'Bearer sk-test', 'Content-Type': 'application/json',
                   'X-Venice-TEE-Client-Pub-Key': point(key).hex(),
                   'X-Venice-TEE-Model-Pub-Key': public, 'X-Venice-TEE-Signing-Algo': 'ecdsa'}
        body = {'model': model, 'messages': sealed, 'stream': True,
                'stream_options': {'include_usage': True}, **more}
        status, answer, data = self.ask('POST', '/api/v1/chat/completions', body, headers)
        return key, status, answer, data


def read_stream(key, data):
    """The content, the reasoning and the other events of a good stream."""
    content, reasoning, rest = b'', b'', []
    for event in data.decode().split('\n\n'):
        if not event.startswith('data: '):
            continue
        if event == 'data: [DONE]':
            rest.append('[DONE]')
            continue
        value = json.loads(event[6:])
        delta = value['choices'][0]['delta'] if value['choices'] else {}
        if delta.get('content'):
            content += unseal(key, delta['content'])
        for field in ('reasoning_content', 'reasoning'):
            if delta.get(field):
                reasoning += unseal(key, delta[field])
        if not delta or 'role' in delta:
            rest.append(value)
    return content.decode(), reasoning.decode(), rest


def sha256(data):
    return hashlib.sha256(data).hexdigest()
