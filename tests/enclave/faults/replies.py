"""Faults of HTTP itself: statuses, silence, broken connections. Any endpoint, by `at`."""

import json
import time

from faults import define

CLOUDFLARE = """<!DOCTYPE html>
<html><head><title>{status}: {text}</title></head>
<body><h1>{text}</h1><p>Error {status} - cf-ray: 0000000000000000-SIM</p></body></html>
"""


def status(code, body, headers=()):
    """A reply stage with this status; the order may name another one."""
    def reply(exchange, args):
        shown = int(args.get('status', code))
        if isinstance(body, str):
            data, kind = body.replace('{status}', str(shown)).encode(), 'text/html; charset=UTF-8'
        else:
            data, kind = json.dumps(body).encode(), 'application/json; charset=utf-8'
        exchange.send_bytes(shown, data, kind, [(k, str(v)) for k, v in headers])
        return True
    return reply


def html(text):
    return CLOUDFLARE.replace('{text}', text)


def typed(message, kind, **more):
    return {'error': {'message': message, 'type': kind, 'param': None, **more}}


def limits(milliseconds):
    return (('x-ratelimit-limit-requests', 20), ('x-ratelimit-remaining-requests', 0),
            ('x-ratelimit-reset-requests', milliseconds), ('x-ratelimit-limit-tokens', 500000),
            ('x-ratelimit-remaining-tokens', 400000))


OVERLOADED = {'error': 'The model is currently overloaded. Please try again later.'}
QUOTA = {'error': 'Rate limit exceeded. Try again later.'}
PAYMENT = {'x402Version': 1, 'error': 'Insufficient balance', 'accepts': [
    {'scheme': 'exact', 'network': 'base', 'maxAmountRequired': '1000000', 'resource': '/chat'}]}
ISSUES = {'error': 'Invalid request parameters', 'details': {'_errors': []}, 'issues': [
    {'code': 'too_big', 'path': ['temperature'], 'message': 'Number must be at most 2'}]}

STATUSES = (
    ('http_400_string', 400, {'error': 'Something about the request'}, (), 'error is a string'),
    ('http_400_object', 400, typed('Invalid request', 'invalid_request_error'), (),
     'error is an object'),
    ('http_400_issues', 400, ISSUES, (), 'schema error with details and issues'),
    ('http_400_code', 400, {'code': 'INVALID_REQUEST', 'error': 'Bad'}, (), 'code beside error'),
    ('http_400_html', 400, html('Bad Request'), (), "Cloudflare's HTML"),
    ('http_400_empty', 400, '', (), 'no body at all'),
    ('http_400_context', 400, typed('Context too long', 'invalid_request_error',
                                    code='context_length_exceeded'), (), 'the chat is too long'),
    ('http_401', 401, {'error': 'Authentication failed'}, (), 'the key is refused'),
    ('http_402', 402, PAYMENT, (), 'x402 payment body: no balance'),
    ('http_403', 403, {'error': 'Forbidden'}, (), 'forbidden'),
    ('http_404', 404, {'error': 'Specified model not found'}, (), 'unknown model'),
    ('http_413', 413, {'code': 'PAYLOAD_TOO_LARGE', 'error': 'Request too large'}, (), 'too large'),
    ('http_413_html', 413, html('Request Entity Too Large'), (), "too large, Cloudflare's HTML"),
    ('http_429', 429, QUOTA, (), 'rate limit without any header'),
    ('http_429_text', 429, 'Rate limit exceeded.', (), 'rate limit, body is plain text'),
    ('http_429_retry_after', 429, OVERLOADED, (('Retry-After', 1),), 'Retry-After: 1'),
    ('http_429_retry_after_0', 429, OVERLOADED, (('Retry-After', 0),), 'Retry-After: 0'),
    ('http_429_retry_after_bad', 429, OVERLOADED, (('Retry-After', 'soon'),),
     'Retry-After is no number'),
    ('http_429_reset', 429, QUOTA, limits(1500), 'reset headers: 1500 ms'),
    ('http_429_reset_long', 429, QUOTA, limits(900000), 'reset headers: 15 minutes'),
    ('http_429_hour', 429, QUOTA, (('Retry-After', 3600),), 'Retry-After: 3600, too long to wait'),
    ('http_500', 500, {'error': 'Inference processing failed', 'request_id': 'req-sim'}, (),
     'inference failed'),
    ('http_501', 501, {'error': 'Not implemented'}, (), 'a status that nobody expects'),
    ('http_502', 502, typed('Bad gateway', 'upstream_error', code=502), (), 'bad gateway, JSON'),
    ('http_502_html', 502, html('Bad gateway'), (), "bad gateway, Cloudflare's HTML"),
    ('http_503', 503, {'error': 'The model is at capacity'}, (), 'no capacity'),
    ('http_503_retry_after', 503, OVERLOADED, (('Retry-After', 1),), 'no capacity, Retry-After: 1'),
    ('http_504', 504, html('Gateway time-out'), (), 'gateway timeout, HTML'),
    ('http_204', 204, '', (), 'success without a body'),
    ('http_200_html', 200, html('Just a moment...'), (), 'status 200 with an HTML challenge page'),
    ('http_200_error', 200, typed('It failed', 'upstream_error'), (), 'an error under status 200'),
)
for name, code, body, headers, text in STATUSES:
    define(name, 'chat', f'HTTP {code}: {text}', reply=status(code, body, headers))

E2EE = (
    ('e2ee_headers_invalid', 'Invalid E2EE headers: unexpected form', 'invalid_request_error'),
    ('e2ee_header_missing', 'E2EE header missing', 'e2ee_header_missing'),
    ('e2ee_invalid_version', 'This E2EE version is not supported', 'e2ee_invalid_version'),
    ('e2ee_invalid_signing_algo', 'Signing algorithm is not supported',
     'e2ee_invalid_signing_algo'),
    ('e2ee_invalid_public_key', 'Public key is not valid', 'e2ee_invalid_public_key'),
    ('e2ee_unsupported_endpoint', 'E2EE is not supported here', 'e2ee_unsupported_endpoint'),
)
for name, message, kind in E2EE:
    define(name, 'chat', f'HTTP 400 of type {kind}',
           reply=status(400, typed(message, kind, code=kind)))


def rotate(world, args):
    for model in world.models:
        if model.enclave and args.get('model') in (None, model.id):
            model.enclave.rotate()


for name, message in (('e2ee_model_key_mismatch', 'The model public key is not ours'),
                      ('e2ee_decryption_failed', 'Decryption failed')):
    define(name, 'chat', f'HTTP 400 {name} once; the model has a new key from now on', times=1,
           arm=rotate, reply=status(400, typed(message, name, code=name)))
define('near_decryption_failed', 'chat', 'HTTP 400 in the words of NEAR, once, with a new key',
       times=1, arm=rotate, reply=status(400, {'error': {'message': 'Decryption failed'}}))
define('e2ee_decryption_failed_always', 'chat',
       'HTTP 400 e2ee_decryption_failed for ever: to attest anew does not help',
       reply=status(400, typed('Decryption failed', 'e2ee_decryption_failed',
                               code='e2ee_decryption_failed')))


def custom(exchange, args):
    """Whatever the order says: status, body (text or JSON value), type, headers."""
    body = args.get('body', '')
    data = body if isinstance(body, str) else json.dumps(body)
    exchange.send_bytes(int(args.get('status', 200)), data.encode(),
                        args.get('type', 'application/json'),
                        [(k, str(v)) for k, v in args.get('headers', {}).items()])
    return True


def redirect(exchange, args):
    exchange.send_bytes(302, b'', headers=[('Location', args.get('to', '/api/v1/models'))])
    return True


def reset(exchange, _):
    exchange.cut('rst')


def close(exchange, _):
    exchange.cut('fin')


def hang(exchange, args):
    exchange.entry['status'] = 0
    if exchange.gone(float(args.get('seconds', 600))):
        raise BrokenPipeError
    exchange.cut('fin')


def delay(exchange, args):
    exchange.wait(float(args.get('seconds', 2)))
    return False


def half_headers(exchange, args):
    exchange.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Half: ')
    return hang(exchange, args)


def garbage(exchange, _):
    exchange.wfile.write(b'\x00\x01 this is not HTTP at all\r\n\r\n')
    exchange.cut('fin')


def huge_header(exchange, args):
    size = int(args.get('bytes', 32 << 20))
    exchange.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n')
    for number in range(size // 8192):
        exchange.wfile.write(b'X-Long-%d: %s\r\n' % (number, b'x' * 8170))
        exchange.entry['bytes_sent'] += 8192
    exchange.wfile.write(b'Content-Length: 2\r\n\r\n{}')
    return True


def short_body(exchange, _):
    exchange.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n'
                         b'Content-Length: 1000\r\n\r\n{"data":[')
    exchange.cut('fin')


def compressed(exchange, _):
    exchange.send_bytes(200, b'\x1f\x8b\x08\x00 not really', headers=[('Content-Encoding', 'gzip')])
    return True


def endless(exchange, args):
    """White space without end: only a limit of the client's stops it."""
    exchange.start_stream(kind='application/json')
    exchange.stream(b'{"data":"')
    until = time.monotonic() + float(args.get('seconds', 60))
    while time.monotonic() < until and not exchange.gone():
        exchange.stream(b'x' * 65536)
    exchange.cut('rst')


def big(exchange, args):
    size = int(args.get('bytes', 10 << 20))
    exchange.send_bytes(200, b'{"padding":"' + b'x' * size + b'"}')
    return True


def deep(exchange, args):
    depth = int(args.get('depth', 10000))
    exchange.send_bytes(200, b'{"data":' + b'[' * depth + b']' * depth + b'}')
    return True


def text(data):
    def reply(exchange, _):
        exchange.send_bytes(200, data)
        return True
    return reply


REPLIES = (
    ('http', custom, 'any HTTP answer (args: status, body, type, headers)'),
    ('redirect', redirect, 'HTTP 302 (args: to); must not be followed'),
    ('reset', reset, 'connection reset before the first byte'),
    ('close', close, 'connection closed before the first byte'),
    ('hang', hang, 'no byte at all (args: seconds, default 600)'),
    ('hang_headers', half_headers, 'silence in the middle of the headers'),
    ('slow_start', delay, 'a pause before a good answer (args: seconds, default 2)'),
    ('not_http', garbage, 'bytes that are no HTTP'),
    ('huge_header', huge_header, '32 MB of headers (args: bytes)'),
    ('short_body', short_body, 'body ends before its Content-Length'),
    ('bad_gzip', compressed, 'a broken compressed body that nobody asked for'),
    ('endless_body', endless, 'a JSON body without end (args: seconds)'),
    ('big_body', big, 'a 10 MB JSON body (args: bytes)'),
    ('deep_body', deep, 'JSON nested 10,000 deep (args: depth)'),
    ('body_not_json', text(b'this is not JSON'), 'HTTP 200, not JSON'),
    ('body_empty', text(b''), 'HTTP 200 without a body'),
    ('body_array', text(b'[1,2,3]'), 'HTTP 200 with a JSON array'),
    ('body_null', text(b'null'), 'HTTP 200 with null'),
    ('body_invalid_utf8', text(b'{"data":[{"id":"\xff\xfe"}]}'), 'HTTP 200, not UTF-8'),
)
for name, reply, description in REPLIES:
    define(name, 'chat', description, reply=reply)
    for at in ('models', 'attestation', 'signature'):
        define(f'{at}_{name}', at, f'{at}: {description}', reply=reply)

for at in ('models', 'attestation', 'signature'):
    for code, text_ in ((401, 'refused'), (404, 'not found'), (429, 'rate limit'),
                        (500, 'server error'), (502, 'bad gateway'), (503, 'unavailable'),
                        (504, 'timeout')):
        define(f'{at}_{code}', at, f'{at}: HTTP {code} {text_}',
               reply=status(code, {'error': text_}))
define('attestation_429_text', 'attestation', 'attestation: rate limit as plain text, no headers',
       reply=status(429, 'Rate limit exceeded.'))
define('attestation_429_retry_after', 'attestation', 'attestation: rate limit, Retry-After: 1',
       reply=status(429, QUOTA, (('Retry-After', 1),)))
define('attestation_502_failed', 'attestation', 'attestation: HTTP 502 TEE_ATTESTATION_FAILED',
       reply=status(502, {'code': 'TEE_ATTESTATION_FAILED', 'error': 'Attestation failed',
                          'verified': False}))
define('attestation_502_html', 'attestation', "attestation: HTTP 502, Cloudflare's HTML",
       reply=status(502, html('Bad gateway')))
define('signature_502_failed', 'signature', 'signature: HTTP 502 TEE_SIGNATURE_FAILED',
       reply=status(502, {'code': 'TEE_SIGNATURE_FAILED', 'error': 'Signature failed'}))
define('signature_404_twice', 'signature', 'signature: not there yet, two times', times=2,
       reply=status(404, {'error': 'Signature not found'}))


def budget(exchange, args):
    """Ten requests a minute for attestation and signatures together, as the real service has it."""
    if exchange.world.within_budget(int(args.get('per_minute', 10))):
        return False
    return status(429, 'Rate limit exceeded.')(exchange, args)


define('attestation_budget', 'attestation', 'ten requests a minute (args: per_minute); the '
       'signature budget counts with it', reply=budget)
define('signature_budget', 'signature', 'as attestation_budget, for signatures', reply=budget)

define('models_empty', 'models', 'models: an empty list', body=lambda b, *_: dict(b, data=[]))
define('models_no_e2ee', 'models', 'models: none of them has E2EE', body=lambda b, *_: dict(
    b, data=[m for m in b['data'] if not m['model_spec']['capabilities']['supportsE2EE']]))
define('models_malformed', 'models', 'models: the JSON ends in the middle',
       raw=lambda data, _: data[:len(data) // 2])
define('models_no_data', 'models', 'models: no member data', body=lambda b, *_: {'object': 'list'})


def spoil_models(body, *_):
    """Entries of every wrong type, in front of the good ones."""
    body['data'] = [None, 7, 'text', {}, {'id': 9}, {'id': 'e2ee-x'},
                    {'id': 'e2ee-y', 'type': 'text', 'model_spec': []},
                    {'id': 'e2ee-z', 'type': 'text', 'model_spec': {'capabilities': None}},
                    *body['data']]


define('models_odd_entries', 'models', 'models: odd entries before the good ones', valid=True,
       body=spoil_models)


def one_flag(body, *_):
    for model in body['data']:
        if 'capabilities' in model['model_spec']:
            model['model_spec']['capabilities']['supportsE2EE'] = 'yes'


define('models_flag_string', 'models', 'models: supportsE2EE is a string, so nobody has it',
       body=one_flag)
define('models_many', 'models', 'models: 3000 entries', valid=True, body=lambda b, *_: dict(
    b, data=b['data'] + [dict(b['data'][0], id=f'e2ee-many-{i}') for i in range(3000)]))
define('models_control_chars', 'models', 'models: ids and names with newlines and escapes',
       body=lambda b, *_: dict(b, data=[dict(b['data'][0], id='e2ee-\n\x1b[31m')] + b['data']))
