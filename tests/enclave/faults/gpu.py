"""Faults of GPU evidence, of NVIDIA's service and of its keys."""

import base64
import json

from entropy import label_bytes
from faults import define
from faults.evidence import UNSET, set_member
from faults.replies import hang, reset, status, text
from gpu import FWID, SECOND_FWID, Gpus
from measured import compact
from nras import KID, OTHER_KID, b64url
from pki import pem

# Evidence in the attestation body


def payload(change):
    """Change the parsed payload and put its text back."""
    def body(whole, case, _):
        value = json.loads(whole['nvidia_payload'])
        changed = change(value, case)
        whole['nvidia_payload'] = compact(value if changed is None else changed)
    return body


def entry(change):
    return payload(lambda value, case: change(value['evidence_list'][0], case))


def resigned(**options):
    """Evidence that is properly signed, but says something else."""
    def change(value, case):
        value['evidence_list'][0] = case.world.gpus.evidence(
            0, options.get('nonce', case.nonce), case.gpu_form, options.get('fwid', FWID))
    return payload(change)


def edited(member, offset):
    def change(value, _):
        data = bytearray(base64.b64decode(value[member]))
        data[offset] ^= 1
        value[member] = base64.b64encode(data).decode()
    return entry(change)


def evil(value, case):
    gpus = Gpus(case.world.entropy, case.world.gpus.begin, 'evil gpu')
    value['evidence_list'] = [gpus.evidence(i, case.nonce)
                              for i in range(len(value['evidence_list']))]


def rechained(change):
    """Another selection of the certificates of the chain."""
    def body(value, case):
        chain = change(case.world.gpus.device(0).chain)
        value['certificate'] = base64.b64encode(pem(*chain).encode()).decode()
    return entry(body)


def twice(value, _):
    value['evidence_list'].append(value['evidence_list'][0])


EVIDENCE = (
    ('not_json', set_member('hello', 'nvidia_payload'), 'nvidia_payload is no JSON'),
    ('object', set_member({'nonce': ''}, 'nvidia_payload'), 'nvidia_payload is an object'),
    ('empty_list', payload(lambda v, _: v.update(evidence_list=[])), 'no evidence in the list'),
    ('nonce_text', payload(lambda v, _: v.update(nonce='ab' * 32)), 'the text names another nonce'),
    ('nonce_signed', resigned(nonce=label_bytes('another nonce', 32)), 'signed for another nonce'),
    ('signature', edited('evidence', -1), 'one bit of the signature'),
    ('measurement', edited('evidence', 60), 'one bit of a measurement'),
    ('truncated', entry(lambda e, _: e.update(evidence=e['evidence'][:400])), 'half an answer'),
    ('fwid', resigned(fwid=label_bytes('other firmware', 48)), 'another firmware id, signed'),
    ('evil_root', payload(evil), 'devices under another root of the same name'),
    ('chain_short', rechained(lambda c: c[:1] + c[2:]), 'a certificate of the chain is missing'),
    ('chain_reversed', rechained(lambda c: c[::-1]), 'the chain starts with the root'),
    ('chain_garbage', entry(lambda e, _: e.update(certificate='AAAA')), 'a chain that is none'),
    ('other_leaf', payload(lambda v, c: v['evidence_list'][0].update(
        certificate=c.world.gpus.evidence(9, c.nonce)['certificate'])), "another device's chain"),
    ('twice', payload(twice), 'one device twice'),
    ('arch', payload(lambda v, _: v.update(arch='UNKNOWN')), 'an unknown architecture'),
)
for name, stage, description in EVIDENCE:
    define(f'gpu_{name}', 'attestation', f'GPU: {description}', body=stage)

for at, title in (('nras', 'NRAS'), ('jwks', 'JWKS')):
    for code in (400, 404, 429, 500, 503):
        define(f'{at}_{code}', at, f'{title}: HTTP {code}', reply=status(code, ''))
    define(f'{at}_hang', at, f'{title}: no answer (args: seconds)', reply=hang)
    define(f'{at}_reset', at, f'{title}: connection reset', reply=reset)
    define(f'{at}_not_json', at, f'{title}: no JSON', reply=text(b'hello'))
    define(f'{at}_empty_list', at, f'{title}: an empty list', reply=text(b'[]'))
    define(f'{at}_huge', at, f'{title}: 10 MB', raw=lambda data, _: data + b' ' * (10 << 20))


# Evidence of other kinds of GPU and driver, and their own faults


def form(wanted):
    def change(case, _):
        case.gpu_form = wanted
    return change


def behind(tail):
    """More bytes behind the signature."""
    def change(value, _):
        data = base64.b64decode(value['evidence'])
        value['evidence'] = base64.b64encode(data + tail).decode()
    return entry(change)


def mixed(value, case):
    value['evidence_list'][0] = case.world.gpus.evidence(0, case.nonce, 'blackwell')


for name, wanted, description in (
        ('blackwell', 'blackwell', 'Blackwell: the firmware id stands in DiceTcbInfo'),
        ('535', 'hopper_535', 'driver 535: no firmware id in the answer, zeros behind it'),
        ('padded', 'hopper_padded', 'zero bytes behind the signature')):
    define(f'gpu_{name}', 'attestation', f'GPU: {description}', valid=True, case=form(wanted))
for name, wanted, body, description in (
        ('blackwell_fwid', 'blackwell', resigned(fwid=label_bytes('other firmware', 48)),
         'Blackwell: another firmware id, signed'),
        ('blackwell_second', 'blackwell', resigned(fwid=SECOND_FWID),
         'Blackwell: the second firmware id of the certificate, signed'),
        ('blackwell_signature', 'blackwell', edited('evidence', -1),
         'Blackwell: one bit of the signature'),
        ('535_nonce', 'hopper_535', resigned(nonce=label_bytes('another nonce', 32)),
         'driver 535: signed for another nonce'),
        ('535_signature', 'hopper_535', edited('evidence', -17),
         'driver 535: one bit of the signature'),
        ('bare_leaf', 'hopper_bare', None, 'no firmware id in the certificate, one in the answer'),
        ('tail', 'hopper', behind(b'\0' * 7 + b'\1'), 'not only zeros behind the signature'),
        ('mixed', 'hopper', payload(mixed), 'a Blackwell device in a list of Hopper')):
    define(f'gpu_{name}', 'attestation', f'GPU: {description}', case=form(wanted), body=body)


# Evidence that is not there, in every way of saying so, and evidence in another type

define('gpu_missing', 'attestation', 'GPU: no nvidia_payload', valid=True,
       body=set_member(UNSET, 'nvidia_payload'))
for name, value, description in (
        ('null', None, 'null'), ('text_empty', '', 'an empty text'), ('object_empty', {}, '{}'),
        ('list_empty', [], '[]'), ('text_object', '{}', 'the text {}'),
        ('text_null', 'null', 'the text null'), ('text_list', '[]', 'the text []')):
    define(f'gpu_absent_{name}', 'attestation', f'GPU: nvidia_payload is {description}', valid=True,
           body=set_member(value, 'nvidia_payload'))
define('gpu_as_object', 'attestation', 'GPU: nvidia_payload is an object in place of its text',
       valid=True, body=set_member(lambda v, _: json.loads(v), 'nvidia_payload'))


# What the tokens say

def claims(name, description, value, overall=False):
    """Set a claim of the overall token or of GPU-0; UNSET removes it."""
    def change(values, gpu):
        if (gpu is None) == overall and gpu in (None, 'GPU-0'):
            for member, content in value.items():
                if content is UNSET:
                    values.pop(member, None)
                else:
                    values[member] = content
    define(f'nras_{name}', 'nras', f'NRAS: {description}', claims=change)


claims('result_false', 'the overall result is false', {'x-nvidia-overall-att-result': False}, True)
claims('result_missing', 'no overall result', {'x-nvidia-overall-att-result': UNSET}, True)
claims('nonce', 'the overall token names another nonce', {'eat_nonce': 'ab' * 32}, True)
claims('issuer', 'the overall token has another issuer', {'iss': 'https://example.invalid'}, True)
claims('expired', 'the overall token is over', {'exp': 1000}, True)
claims('future', 'the overall token begins in 2100', {'nbf': 4102444800, 'iat': 4102444800}, True)
claims('long', 'the overall token is good for two days', {'exp': 4102444800}, True)
claims('submods', 'digests of other tokens', {'submods': {'GPU-0': [
    'DIGEST', ['SHA-256', 'ab' * 32]]}}, True)
claims('gpu_nonce', 'a GPU token names another nonce', {'eat_nonce': 'ab' * 32})
claims('gpu_ueid', 'a GPU token is about another device', {'ueid': '7'})
claims('gpu_measres', 'measres is comparison-fail', {'measres': 'comparison-fail'})
claims('gpu_secboot', 'secboot is false', {'secboot': False})
claims('gpu_debug', 'dbgstat is enabled', {'dbgstat': 'enabled'})
claims('gpu_nonce_match', 'the report did not match the nonce',
       {'x-nvidia-gpu-attestation-report-nonce-match': False})
claims('gpu_error', 'error details beside good claims', {'x-nvidia-error-details': {'code': 1}})
claims('gpu_expired', 'a GPU token is over', {'exp': 1000})


def header(**members):
    return lambda nras, values: nras.token(values, {'kid': KID, 'alg': 'ES384', **members})


def unsigned(nras, values):
    return b64url(b'{"alg":"none"}') + '.' + b64url(compact(values).encode()) + '.'


def stranger(nras, values):
    return nras.token(values, key=nras.world.entropy.p384('stranger'))


def flipped(nras, values):
    token = nras.token(values)
    return token[:-10] + ('A' if token[-10] != 'A' else 'B') + token[-9:]


for name, sign, description in (
        ('alg_none', unsigned, 'tokens without a signature'),
        ('alg_other', header(alg='ES256'), 'tokens that say ES256'),
        ('kid_unknown', header(kid='nobody'), 'tokens of an unknown key'),
        ('kid_other', header(kid=OTHER_KID), 'tokens that name another key of the set'),
        ('stranger', stranger, 'tokens signed by a stranger'),
        ('signature', flipped, 'a wrong signature')):
    define(f'nras_{name}', 'nras', f'NRAS: {description}', sign=sign)
define('nras_one_missing', 'nras', 'NRAS: a GPU token is missing',
       body=lambda b, *_: [b[0], dict(list(b[1].items())[1:])])
define('nras_one_more', 'nras', 'NRAS: a GPU token too many',
       body=lambda b, *_: [b[0], {**b[1], 'GPU-99': b[0][1]}])


# The key set

def with_leaf(begin=-1, end=1, by_stranger=False):
    def change(body, world, _):
        issuer_key = world.entropy.p384('stranger') if by_stranger else None
        for entry_, key in zip(body['keys'], (world.nras.other, world.nras.key)):
            entry_['x5c'][0] = world.nras.leaf(key, begin, end, issuer_key)
    return change


def other_point(body, world, _):
    body['keys'][1].update(x=body['keys'][0]['x'], y=body['keys'][0]['y'])


for name, stage, description in (
        ('expired', with_leaf(-4, -2), 'the leaf certificate is over'),
        ('future', with_leaf(2, 4), 'the leaf certificate is of the day after tomorrow'),
        ('stranger', with_leaf(by_stranger=True), 'the leaf is not signed by the intermediate'),
        ('other_point', other_point, 'the key is not the one of the leaf'),
        ('no_keys', lambda b, *_: {'keys': []}, 'no key in the set'),
        ('no_chain', lambda b, *_: [k.pop('x5c') for k in b['keys']] and None, 'keys without x5c')):
    define(f'jwks_{name}', 'jwks', f'JWKS: {description}', body=stage)
