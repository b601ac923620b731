"""Faults of the attestation body and its binding: nonce, keys, quote, Venice's own verdict."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entropy import label_bytes
from ethereum import address, checksummed, public_bytes
from faults import define
from quote import sgx_quote

OTHER = label_bytes('another nonce', 32)
UNSET = object()


def set_member(value, *names):
    """A body stage that sets (or, with UNSET, removes) one member; value may be a function."""
    def body(whole, case, _):
        target = whole
        for name in names[:-1]:
            target = target.get(name) if isinstance(target, dict) else None
            if target is None:
                return
        if value is UNSET:
            target.pop(names[-1], None)
        else:
            target[names[-1]] = value(target.get(names[-1]), case) if callable(value) else value
    return body


def simple(name, description, value, *names, valid=False):
    define(name, 'attestation', f'attestation: {description}', valid=valid,
           body=set_member(value, *names))


def on_case(name, description, change, valid=False):
    define(name, 'attestation', f'attestation: {description}', valid=valid, case=change)


# Nonce

def report_data(make):
    """Another REPORTDATA, in the quote and in what Venice says about it."""
    def change(case, _):
        case.quote = case.quote.changed(report_data=make(case))
    return change


simple('nonce_response', 'the member nonce is another one, REPORTDATA has ours', OTHER.hex(),
       'nonce')
simple('nonce_missing', 'no member nonce', UNSET, 'nonce', valid=True)
simple('nonce_null', 'nonce is null', None, 'nonce', valid=True)
simple('nonce_0x', 'nonce with 0x in front', lambda v, _: '0x' + v, 'nonce', valid=True)
simple('nonce_request_0x', 'request_nonce with 0x in front', lambda _, c: '0x' + c.nonce.hex(),
       'request_nonce', valid=True)
simple('nonce_upper', 'nonce in upper-case hex', lambda v, _: v.upper(), 'nonce', valid=True)
simple('nonce_short', 'nonce is a prefix of ours', lambda v, _: v[:32], 'nonce')
simple('nonce_source_server', 'nonce_source is server', 'server', 'nonce_source')
simple('nonce_source_missing', 'no member nonce_source', UNSET, 'nonce_source', valid=True)
simple('nonce_request_differs', 'request_nonce (shapes A, B) is another one', OTHER.hex(),
       'request_nonce')
on_case('nonce_report_data', 'REPORTDATA has another nonce, the response ours',
        report_data(lambda c: c.bound + bytes(12) + OTHER))
on_case('nonce_report_data_sha256', 'REPORTDATA has the SHA-256 of our nonce',
        report_data(lambda c: c.bound + bytes(12) + hashlib.sha256(c.nonce).digest()), valid=True)
on_case('nonce_report_data_sha256_text', 'REPORTDATA has the SHA-256 of the nonce\'s hex text',
        report_data(lambda c: c.bound + bytes(12)
                    + hashlib.sha256(c.nonce.hex().encode()).digest()))
on_case('nonce_report_data_zero', 'REPORTDATA has no nonce', report_data(
    lambda c: c.bound + bytes(44)))
on_case('report_data_padding', 'REPORTDATA bytes 20 to 31 are not zero', report_data(
    lambda c: c.bound + b'\1' * 12 + c.nonce))
on_case('report_data_address', 'REPORTDATA has another address', report_data(
    lambda c: label_bytes('another address', 20) + bytes(12) + c.nonce))
on_case('report_data_zero', 'REPORTDATA is all zero', report_data(lambda c: bytes(64)))


def nonce_server(case, _):
    """An answer as if we had sent no nonce at all."""
    case.nonce, case.nonce_source = OTHER, 'server'
    case.quote = case.quote.changed(report_data=case.bound + bytes(12) + OTHER)


on_case('nonce_server', 'a consistent answer for a nonce of the server', nonce_server)


# Keys

def unbound(case, _):
    """The body shows a key that the quote does not bind."""
    case.key = case.enclave.other_key()


on_case('key_unbound', 'another key and its address, while REPORTDATA keeps the old address',
        unbound)
def other_key(body, case, _):
    key = public_bytes(case.enclave.other_key()).hex()
    body.update({m: key for m in ('signing_public_key', 'signing_key') if m in body})


define('key_other', 'attestation', 'attestation: the body shows another key, the address stays',
       body=other_key)


def other_consistent(case, _):
    """A machine in the middle: everything consistent, but the key is an attacker's."""
    case.key = case.enclave.other_key()
    case.bound = address(case.key)
    case.quote = case.quote.changed(report_data=case.bound + bytes(12) + case.nonce)


on_case('key_new_bound', 'a new key, properly bound: accepted, and our chats to it fail to open',
        other_consistent, valid=True)


def without_keys(*change):
    """Both members that hold the key: one of them alone would do."""
    def body(whole, *_):
        for name in ('signing_public_key', 'signing_key'):
            whole.pop(name, None)
            whole.update((name, value) for value in change)
    return body


define('key_missing', 'attestation', 'attestation: neither signing_public_key nor signing_key',
       body=without_keys())
define('key_null', 'attestation', 'attestation: signing_public_key and signing_key are null',
       body=without_keys(None))
define('key_empty', 'attestation', 'attestation: signing_public_key and signing_key are empty',
       body=without_keys(''))


def only_signing_key(body, *_):
    body['signing_key'] = body.pop('signing_public_key')


def empty_public_key(body, *_):
    body.update(signing_key=body['signing_public_key'], signing_public_key='')


define('signing_key_only', 'attestation', 'attestation: signing_key in place of signing_public_key',
       valid=True, body=only_signing_key)
define('signing_key_only_beside_empty', 'attestation', 'attestation: signing_key beside an empty '
       'signing_public_key', valid=True, body=empty_public_key)
simple('key_128', 'key of 128 hex digits without 04', lambda v, _: v[2:], 'signing_public_key',
       valid=True)
simple('key_0x', 'key with 0x in front', lambda v, _: '0x' + v, 'signing_public_key', valid=True)
simple('key_0x_128', 'key of 128 digits with 0x', lambda v, _: '0x' + v[2:], 'signing_public_key',
       valid=True)
simple('key_upper', 'key in upper-case hex', lambda v, _: v.upper(), 'signing_public_key',
       valid=True)
simple('key_hybrid', 'key with prefix 06 or 07', lambda v, _: (
    '07' if int(v[-2:], 16) & 1 else '06') + v[2:], 'signing_public_key')
simple('key_compressed', 'compressed key', lambda v, c: c.key.public_key().public_bytes(
    Encoding.X962, PublicFormat.CompressedPoint).hex(), 'signing_public_key')
simple('key_off_curve', 'key is no point of the curve', lambda v, _: v[:-2] + (
    '%02x' % (int(v[-2:], 16) ^ 2)), 'signing_public_key')
simple('key_zero', 'key of zeros', '04' + '00' * 64, 'signing_public_key')
simple('key_p256', 'a P-256 key', lambda v, _: public_bytes(
    ec.generate_private_key(ec.SECP256R1())).hex(), 'signing_public_key')
simple('key_short', 'key one byte too short', lambda v, _: v[:-2], 'signing_public_key')
simple('key_not_hex', 'key is not hex', lambda v, _: 'zz' + v[2:], 'signing_public_key')
simple('key_mlkem', 'key of 1184 bytes (ML-KEM, as another provider has)',
       label_bytes('ml-kem', 1184).hex(), 'signing_public_key')
simple('signing_key_differs', 'a member signing_key with another key',
       lambda v, c: public_bytes(c.enclave.other_key()).hex(), 'signing_key')
simple('signing_key_missing', 'no member signing_key', UNSET, 'signing_key', valid=True)
simple('address_mismatch', 'signing_address is another one',
       '0x' + label_bytes('another address', 20).hex(), 'signing_address')
simple('address_missing', 'no signing_address', UNSET, 'signing_address', valid=True)
simple('address_checksummed', 'signing_address in EIP-55 case',
       lambda v, _: checksummed(bytes.fromhex(v[2:])), 'signing_address', valid=True)
simple('address_upper', 'signing_address in upper case', lambda v, _: '0x' + v[2:].upper(),
       'signing_address', valid=True)
simple('address_no_0x', 'signing_address without 0x', lambda v, _: v[2:], 'signing_address',
       valid=True)
simple('algo_ed25519', 'signing_algo is ed25519', 'ed25519', 'signing_algo')
simple('algo_missing', 'no signing_algo', UNSET, 'signing_algo', valid=True)
simple('algo_upper', 'signing_algo is ECDSA', 'ECDSA', 'signing_algo', valid=True)
simple('algo_secp256k1', 'signing_algo is secp256k1', 'secp256k1', 'signing_algo', valid=True)


def ed25519_body(body, case, _):
    """As NEAR answers directly: an Ed25519 key in the members of the other kind."""
    key = label_bytes('ed25519', 32).hex()
    body.update(signing_algo='ed25519', signing_public_key=key, signing_address=key)


define('algo_ed25519_key', 'attestation', 'attestation: an Ed25519 key and address, as NEAR has it',
       body=ed25519_body)
simple('attested_model_other', 'the member model is another one', 'e2ee-some-other-model', 'model')
simple('attested_model_missing', 'no member model', UNSET, 'model')
simple('provider_unknown', 'tee_provider is unknown', 'somebody', 'tee_provider', valid=True)
simple('hardware_sev', 'tee_hardware says amd-sev-snp', 'amd-sev-snp', 'tee_hardware', valid=None)


# Quote

def td(attributes=None, **fields):
    def change(case, _):
        if attributes is not None:
            fields['td_attributes'] = bytes.fromhex(attributes)
        case.quote = case.quote.changed(**fields)
    return change


on_case('td_debug', 'a debug TD (attribute bit 0)', td('0100001000000000'))
on_case('td_debug_profile', 'a TD under profiling (attribute bit 4)', td('1000001000000000'))
on_case('td_migratable', 'attribute bit 29, a reserved or migratable TD', td('0000003000000000'))
on_case('td_reserved', 'attribute bit 8, reserved', td('0001001000000000'))
on_case('td_no_sept_ve', 'SEPT_VE_DISABLE is not set', td('0000000000000000'))
on_case('td_xfam', 'XFAM without its fixed bits', td(xfam=bytes(8)))
on_case('td_tee_type', 'a quote of TEE type 0x82', td(tee_type=0x82))
on_case('quote_version_6', 'a quote of version 6', td(version=6))


def service_td(case, _):
    case.quote = case.quote.changed(version=5, body='1.5', mrservicetd=label_bytes('service', 48))


on_case('quote_v5', 'a version 5 quote, TD 1.0', td(version=5, body='1.0'), valid=True)
on_case('quote_v5_td15', 'a version 5 quote, TD 1.5', td(version=5, body='1.5'), valid=True)
on_case('quote_processor', 'a quote whose PCK comes from the Processor CA', td(ca='processor'),
        valid=True)
on_case('quote_trailing_garbage', 'bytes that are not zero after the auth data',
        td(trailing=b'\xa5' * 39), valid=True)
on_case('quote_no_trailing', 'no bytes after the auth data', td(trailing=b''), valid=True)
on_case('td_service', 'MRSERVICETD is not zero (version 5)', service_td)


def built(change):
    return lambda case, args: change(case.world.platform.build(case.quote), case)


def edited(offset, mask=1):
    def change(quote, _):
        data = bytearray(quote)
        data[offset] ^= mask
        return bytes(data)
    return built(change)


QUOTES = (
    ('quote_sgx', built(lambda q, c: sgx_quote(c.world.platform)), 'an SGX quote, version 3'),
    ('quote_truncated', built(lambda q, _: q[:len(q) // 2]), 'half of the quote'),
    ('quote_truncated_body', built(lambda q, _: q[:600]), 'the quote ends in its body'),
    ('quote_truncated_header', built(lambda q, _: q[:40]), 'the quote ends in its header'),
    ('quote_garbage', built(lambda q, _: label_bytes('garbage', 5000)), '5000 other bytes'),
    ('quote_empty', built(lambda q, _: b'\0'), 'one zero byte'),
    ('quote_huge', built(lambda q, _: q + bytes(1 << 20)), '1 MB of zeros after the quote'),
    ('quote_signature', edited(636), 'one bit of the quote signature (version 4)'),
    ('quote_body_bit', edited(48 + 20), 'one bit of MRSEAM after signing'),
    ('quote_qe_signature', edited(636 + 518), 'one bit of the QE report signature (version 4)'),
    ('quote_qe_report', edited(636 + 134 + 64), 'one bit of the QE report (version 4)'),
    ('quote_att_key', edited(636 + 64), 'one bit of the attestation key (version 4)'),
    ('quote_qe_vendor', edited(12), 'another QE vendor'),
    ('quote_key_type', edited(2), 'attestation key type 3'),
    ('quote_auth_size', edited(632), 'the auth size is one off (version 4)'),
)
for name, stage, description in QUOTES:
    define(name, 'attestation', f'attestation: {description}', quote=stage)


def evil_quote(case, _):
    return case.world.evil_platform().build(case.quote)


define('quote_evil_root', 'attestation', 'attestation: the quote of a machine whose chain ends in '
       'another root of the same name', quote=evil_quote)


def recoded(function):
    return lambda v, _: function(bytes.fromhex(v))


simple('quote_base64', 'intel_quote in base64', recoded(lambda b: base64.b64encode(b).decode()),
       'intel_quote', valid=True)
simple('quote_base64url', 'intel_quote in base64url without padding',
       recoded(lambda b: base64.urlsafe_b64encode(b).decode().rstrip('=')), 'intel_quote',
       valid=True)
simple('quote_0x', 'intel_quote in hex with 0x', lambda v, _: '0x' + v, 'intel_quote', valid=True)
simple('quote_upper', 'intel_quote in upper-case hex', lambda v, _: v.upper(), 'intel_quote',
       valid=True)
simple('quote_odd_hex', 'intel_quote with an odd number of digits', lambda v, _: v[:-1],
       'intel_quote')
simple('quote_bad_hex', 'intel_quote with a letter that is no hex digit',
       lambda v, _: v[:500] + '!' + v[501:], 'intel_quote')
simple('quote_missing', 'no intel_quote', UNSET, 'intel_quote')
simple('quote_null', 'intel_quote is null', None, 'intel_quote')
simple('quote_object', 'intel_quote is an object', {'hex': ''}, 'intel_quote')


# Venice's own verdict

simple('verified_false', 'verified is false', False, 'verified')
simple('verified_missing', 'no member verified', UNSET, 'verified', valid=True)
simple('verified_string', 'verified is the string "true"', 'true', 'verified', valid=True)
simple('verified_string_false', 'verified is the string "false"', 'false', 'verified')
simple('sv_missing', 'no server_verification', UNSET, 'server_verification', valid=True)
simple('sv_string', 'server_verification is a string', 'fine', 'server_verification', valid=None)

NEGATIVE = (
    ('tdx_valid', False, 'tdx', 'valid'),
    ('tdx_signature', False, 'tdx', 'signatureValid'),
    ('tdx_chain', False, 'tdx', 'certificateChainValid'),
    ('tdx_root', False, 'tdx', 'rootCaPinned'),
    ('tdx_att_key', False, 'tdx', 'attestationKeyMatch'),
    ('tdx_error', 'Quote verification failed', 'tdx', 'error'),
    ('tdx_report_data', 'ab' * 64, 'tdx', 'reportData'),
    ('tdx_attributes', '0100001000000000', 'tdx', 'measurements', 'tdAttributes'),
    ('tdx_xfam', '00' * 8, 'tdx', 'measurements', 'xfam'),
    ('crl_revoked', True, 'tdx', 'crlCheck', 'revoked'),
    ('crl_unchecked', False, 'tdx', 'crlCheck', 'checked'),
    ('nvidia_valid', False, 'nvidia', 'valid'),
    ('nvidia_signature', False, 'nvidia', 'signatureVerified'),
    ('nvidia_chain', False, 'nvidia', 'certificateChainStatus', 'valid'),
    ('nvidia_pinned', False, 'nvidia', 'certificateChainStatus', 'intermediatePinned'),
    ('nvidia_error', 'GPU verification failed', 'nvidia', 'error'),
    ('address_unbound', False, 'signingAddressBinding', 'bound'),
    ('address_other', '0x' + 'ab' * 20, 'signingAddressBinding', 'reportDataAddress'),
    ('nonce_unbound', False, 'nonceBinding', 'bound'),
    ('nvidia_nonce_unbound', False, 'nvidiaNonceBinding', 'bound'),
) + tuple((f'm_{name}', 'ab' * 48, 'tdx', 'measurements', name) for name in (
    'mrtd', 'mrconfigid', 'mrowner', 'mrownerconfig', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'))
PROVEN_HERE = ('tdx_root', 'crl_unchecked', 'nvidia_pinned')  # what Venice says of it is no matter
for short, value, *path in NEGATIVE:
    simple(f'sv_{short}', f'server_verification.{".".join(path)} is {str(value)[:16]}', value,
           'server_verification', *path, valid=short in PROVEN_HERE)
for part in ('tdx', 'nvidia', 'signingAddressBinding', 'nonceBinding', 'nvidiaNonceBinding'):
    simple(f'sv_no_{part}', f'server_verification without {part}', UNSET, 'server_verification',
           part, valid=True)


def no_errors(value):
    """Every part of Venice's verdict has an error that is none."""
    def body(whole, *_):
        for part in whole['server_verification'].values():
            if isinstance(part, dict):
                part['error'] = value
    return body


for short, value in (('null', None), ('text', ''), ('list', []), ('object', {}), ('zero', 0),
                     ('false', False)):
    define(f'sv_error_{short}', 'attestation', 'attestation: server_verification.*.error is '
           f'{json.dumps(value)}', valid=True, body=no_errors(value))


def report_data_base64(change):
    def recode(text, _):
        return base64.b64encode(change(bytes.fromhex(text))).decode()
    return recode


simple('sv_report_data_base64', 'tdx.reportData of server_verification in base64',
       report_data_base64(lambda b: b), 'server_verification', 'tdx', 'reportData', valid=True)
simple('sv_report_data_base64_other', 'tdx.reportData is another one, in base64',
       report_data_base64(lambda b: b[::-1]), 'server_verification', 'tdx', 'reportData')


# Form of the body

def duplicate(data, args):
    """The member signing_public_key (args: member) twice, first with another value."""
    member = args.get('member', 'signing_public_key')
    value = json.dumps(args.get('value', '04' + 'ab' * 64))
    return b'{"' + member.encode() + b'":' + value.encode() + b',' + data[1:]


define('attestation_duplicate', 'attestation', 'attestation: a member twice (args: member, value)',
       raw=duplicate)
define('attestation_truncated', 'attestation', 'attestation: the JSON ends in the middle',
       raw=lambda data, _: data[:len(data) // 2])
define('attestation_trailing', 'attestation', 'attestation: text after the JSON object',
       raw=lambda data, _: data + b' and more')
define('attestation_bom', 'attestation', 'attestation: a byte order mark in front',
       raw=lambda data, _: b'\xef\xbb\xbf' + data)
define('attestation_nul', 'attestation', 'attestation: a NUL byte in a string',
       raw=lambda data, _: data.replace(b'"model":"', b'"model":"\0', 1))
for short, escape in (('nul_escape', '\\u0000'), ('surrogate', '\\ud800')):
    define(f'attestation_{short}', 'attestation', f'attestation: {escape} in a text',
           raw=lambda data, _, escape=escape: data.replace(
               b'"upstream_model":"', b'"upstream_model":"' + escape.encode(), 1))
define('attestation_10mb', 'attestation', 'attestation: a good body made 10 MB long',
       raw=lambda data, _: b'{"padding":"' + b'x' * (10 << 20) + b'",' + data[1:])
define('attestation_deep', 'attestation', 'attestation: a good body with a member nested 10,000 '
       'deep', raw=lambda data, args: b'{"deep":' + b'[' * 10000 + b']' * 10000 + b',' + data[1:])
define('attestation_unknown_members', 'attestation', 'attestation: unknown members of every type',
       valid=True, body=lambda b, *_: {'a_null': None, 'a_list': [1, {}], 'a_number': 1e3, **b})


def member(body, case, args):
    """Any member by path (args: path as list, value; no value removes it)."""
    target = body
    for name in args['path'][:-1]:
        target = target[name]
    if 'value' in args:
        target[args['path'][-1]] = args['value']
    else:
        target.pop(args['path'][-1], None)


define('attestation_member', 'attestation', 'attestation: set or remove any member (args: path as '
       'a list, value)', body=member)
