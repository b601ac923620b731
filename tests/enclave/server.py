"""The listening socket, on loopback only, plain or with TLS."""

import datetime
import ipaddress
import os
import ssl
from http.server import ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exchange import Exchange
from pki import certificate, days, name, now, pem


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, world, port):
        self.world = world
        super().__init__(('127.0.0.1', port), Exchange)

    def handle_error(self, request, address):
        pass  # a failed handshake or a client that left; the log tells what matters


def tls_context(state_dir, entropy):
    """A context with a fresh certificate for localhost; its authority is in tls_ca.pem."""
    begin, end = now() - datetime.timedelta(hours=1), now() + days(2)
    ca_key, key = entropy.p256('tls ca'), entropy.p256('tls')
    subject = name('Simulator TLS CA')
    authority = certificate(subject, ca_key, subject, ca_key, begin=begin, end=end, ca=0,
                            serial=int.from_bytes(os.urandom(15), 'big') | 1)
    names = [x509.DNSName('localhost'), x509.IPAddress(ipaddress.ip_address('127.0.0.1'))]
    leaf = certificate(name('localhost'), key, subject, ca_key, begin=begin, end=end,
                       serial=int.from_bytes(os.urandom(15), 'big') | 1,
                       extra=[x509.SubjectAlternativeName(names)])
    ca_path = state_dir / 'tls_ca.pem'
    ca_path.write_text(pem(authority))
    # Python's ssl reads keys from files only; this one lives for the moment of the call.
    key_path = state_dir / 'tls_key.pem'
    descriptor = os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, 'wb') as file:
            file.write(pem(leaf).encode() + key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(key_path)
    finally:
        key_path.unlink()
    return context, ca_path


def open_server(world, options):
    """Returns the server, its URL and, with TLS, the path of the authority's certificate."""
    server, ca_path = Server(world, options.port), None
    if options.tls:
        context, ca_path = tls_context(options.state_path, world.entropy)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    scheme = 'https' if options.tls else 'http'
    return server, f'{scheme}://127.0.0.1:{server.server_address[1]}', ca_path
