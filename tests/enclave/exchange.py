"""One HTTP request and its answer: reading, writing, waiting, and noticing that the client left."""

import json
import select
import socket
import ssl
import struct
import sys
import time
import traceback
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import log
import routes

LIMIT = 35 * 1024 * 1024  # the real service's limit of a body
LEFT = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class ClientGone(Exception):
    """The client closed; there is nobody to answer."""


class Cut(Exception):
    """A fault ended the connection on purpose."""


class Exchange(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_version, sys_version = 'venice-simulator', ''
    disable_nagle_algorithm = True
    connections = 0

    def setup(self):
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(10)
            self.request.do_handshake()  # here, in the thread, so that no client holds up others
            self.request.settimeout(None)
        super().setup()
        Exchange.connections += 1
        self.connection_id = Exchange.connections
        self.poller = select.poll()
        self.poller.register(self.connection.fileno(), LEFT)

    def log_message(self, *arguments):
        pass  # the log is what GET /_log returns; stderr stays quiet

    @property
    def world(self):
        return self.server.world

    def do_GET(self):
        self.serve()

    def do_POST(self):
        self.serve()

    def serve(self):
        parts = urlsplit(self.path)
        self.route, self.query = parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))
        self.entry = log.open_entry(self)
        self.chunked, self.started = False, False
        if not self.route.startswith('/_'):
            self.world.note(self.entry)
        try:
            if self.read_body():
                routes.dispatch(self)
        except (ClientGone, BrokenPipeError, ConnectionResetError, ssl.SSLError):
            log.client_left(self.entry)
            self.close_connection = True
        except Cut:
            self.close_connection = True
        except Exception:  # a bug here must not look like a fault of the network
            self.entry['simulator_error'] = traceback.format_exc()
            sys.stderr.write(self.entry['simulator_error'])
            self.close_connection = True
        log.finished(self.entry)

    def read_body(self):
        self.body = b''
        length = int(self.headers.get('Content-Length') or 0)
        if length > LIMIT:
            self.close_connection = True
            self.send_json(413, {'code': 'PAYLOAD_TOO_LARGE', 'error': 'Request body too large'})
            return False
        if length:
            self.body = self.rfile.read(length)
            if len(self.body) < length:
                raise ClientGone
        self.entry['body_length'] = len(self.body)
        return True

    # Answers at once

    def send_bytes(self, status, data, kind='application/json; charset=utf-8', headers=()):
        self.entry['status'] = status
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        for key, value in headers:
            self.send_header(key, value)
        self.end_headers()
        self.write(data)

    def send_json(self, status, value, headers=()):
        self.send_bytes(status, json.dumps(value, ensure_ascii=False).encode(), headers=headers)

    # Answers that take their time

    def start_stream(self, status=200, kind='text/event-stream', headers=()):
        self.entry['status'] = status
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Transfer-Encoding', 'chunked')
        for key, value in headers:
            self.send_header(key, value)
        self.end_headers()
        self.chunked = True

    def stream(self, data):
        if data:
            self.write(b'%x\r\n%s\r\n' % (len(data), data))

    def end_stream(self):
        self.write(b'0\r\n\r\n')
        self.chunked = False

    def write(self, data):
        """Everything, in pieces, so that a client that left is noticed in the middle of 64 MB."""
        for start in range(0, len(data), 1 << 18):
            piece = data[start:start + (1 << 18)]
            self.wfile.write(piece)
            log.sent(self.entry, len(piece))

    def gone(self, seconds=0):
        """Wait so long; true as soon as the client closes or the simulator ends."""
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            slice_ = max(0, min(left, 0.2))
            if self.poller.poll(slice_ * 1000):
                return True
            if self.world.stop.is_set():
                return True
            if left <= slice_:
                return False

    def wait(self, seconds):
        if self.gone(seconds):
            raise ClientGone

    def cut(self, how='fin'):
        """End the connection in the middle: 'fin' politely, 'rst' not."""
        if how == 'rst':
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack('ii', 1, 0))
            self.connection.close()
        else:
            try:
                socket.socket.shutdown(self.connection, socket.SHUT_RDWR)
            except OSError:
                pass
        self.close_connection = True
        raise Cut
