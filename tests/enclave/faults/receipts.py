"""Faults of /tee/signature."""

from cryptography.hazmat.primitives.asymmetric import ec

from ethereum import address, sign_personal
from faults import define
from faults.evidence import UNSET, set_member


def simple(name, description, value, *names, valid=False):
    define(name, 'signature', f'signature: {description}', valid=valid,
           body=set_member(value, *names))


def flipped(text, _):
    return text[:20] + ('0' if text[20] != '0' else '1') + text[21:]


def by_other(body, chat, _):
    """A valid signature of a key that no quote binds, with the right address beside it."""
    key = ec.generate_private_key(ec.SECP256K1())
    body['signature'] = '0x' + sign_personal(key, body['text']).hex()


def by_other_named(body, chat, args):
    key = ec.generate_private_key(ec.SECP256K1())
    body['signature'] = '0x' + sign_personal(key, body['text']).hex()
    body['signing_address'] = '0x' + address(key).hex()


def low_v(text, _):
    return text[:-2] + f'{int(text[-2:], 16) - 27:02x}'


simple('signature_bit', 'one digit of the signature differs', flipped, 'signature')
simple('signature_text', 'the text is another one', 'ab' * 32 + ':' + 'cd' * 32, 'text')
simple('signature_text_form', 'the text is no pair of hashes', 'hello', 'text')
simple('signature_short', 'the signature has 64 bytes', lambda v, _: v[:-2], 'signature')
simple('signature_v_low', 'v is 0 or 1', low_v, 'signature', valid=True)
simple('signature_v_wrong', 'v is 29', lambda v, _: v[:-2] + '1d', 'signature')
simple('signature_missing', 'no member signature', UNSET, 'signature')
simple('signature_address', 'signing_address is another one', '0x' + 'ab' * 20, 'signing_address')
for short, value in (('missing', UNSET), ('null', None), ('empty', '')):
    simple(f'signature_address_{short}', f'signing_address is {short}', value, 'signing_address',
           valid=True)
simple('signature_address_no_0x', 'signing_address without 0x', lambda v, _: v[2:],
       'signing_address', valid=True)
simple('signature_algo_upper', 'signing_algo is ECDSA', 'ECDSA', 'signing_algo', valid=True)
simple('signature_algo_secp256k1', 'signing_algo is secp256k1', 'secp256k1', 'signing_algo',
       valid=True)
simple('signature_algo_missing', 'no signing_algo', UNSET, 'signing_algo', valid=True)
simple('signature_algo', 'signing_algo is ed25519', 'ed25519', 'signing_algo')
simple('signature_request_id', 'another request_id', 'chatcmpl-other', 'request_id')
simple('signature_no_receipt', 'no receipt (shapes C, D)', UNSET, 'receipt', valid=True)
simple('receipt_chat_id', 'the receipt names another chat', 'chatcmpl-other', 'receipt', 'chat_id')
simple('receipt_api_version', 'the receipt has another api_version', 'aci/2', 'receipt',
       'api_version')
simple('receipt_keyset', 'the receipt names another keyset', 'sha256:' + 'ab' * 32, 'receipt',
       'workload_keyset_digest')
simple('receipt_served_at', 'the receipt is a day old', lambda v, _: v - 86400, 'receipt',
       'served_at')
define('signature_other_key', 'signature', 'signature: by another key, under the right address',
       body=by_other)
define('signature_other_address', 'signature', 'signature: by another key, under its own address',
       body=by_other_named)


def receipt_signature(body, chat, _):
    receipt = body.get('receipt')
    if receipt and isinstance(receipt['signature'], str):
        receipt['signature'] = flipped(receipt['signature'], None)
    elif receipt:
        receipt['signature']['value'] = flipped(receipt['signature']['value'], None)


define('receipt_signature', 'signature', 'signature: the receipt\'s own signature is wrong',
       body=receipt_signature)
