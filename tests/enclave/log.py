"""What GET /_log returns: one entry a request, with the client's secrets reduced to hashes."""

import hashlib
import time


def redact(name, value):
    if name.lower() not in ('authorization', 'x-api-key', 'cookie'):
        return value
    scheme, _, secret = value.rpartition(' ')
    return f'{scheme} sha256:{hashlib.sha256(secret.encode()).hexdigest()}'.strip()


def open_entry(exchange):
    headers = [[k, redact(k, v)] for k, v in exchange.headers.items()]
    return {'time': time.time(), 'method': exchange.command, 'path': exchange.route,
            'query': exchange.query, 'headers': headers,
            'header': {k.lower(): v for k, v in headers}, 'connection': exchange.connection_id,
            'peer_port': exchange.client_address[1], 'status': None, 'fault': None,
            'bytes_sent': 0, 'first_byte': None, 'finished': None, 'client_closed': None}


def sent(entry, count):
    if entry['first_byte'] is None:
        entry['first_byte'] = time.time()
    entry['bytes_sent'] += count


def client_left(entry):
    entry['client_closed'] = entry['client_closed'] or time.time()


def finished(entry):
    entry['finished'] = time.time()
