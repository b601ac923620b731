"""What a malicious host, or the service itself, could serve: each is consistent in every respect
but the one that gives it away. Signatures are genuine, and logs lead to the RTMRs of the quote.
"""

import hashlib
import json

import shapes
from entropy import label_bytes
from ethereum import keccak256
from faults import define
from faults.code import on_body, runtime, shown_log
from measured import RUNTIME_EVENT, replay, runtime_event

EV_IPL = 13  # a boot event's type; any type but the one of runtime events serves
EVIL_COMPOSE = label_bytes('evil compose', 32)


# The real start of register 3, shown as what nobody can check, and the honest log once more

def evil_start(case):
    """What the genuine OS measured while it started the evil compose text."""
    version = case.workload.event_version
    return [runtime_event('compose-hash', EVIL_COMPOSE, version)
            if e['event'] == 'compose-hash' else e
            for e in case.events if e['event_type'] == RUNTIME_EVENT]


def opaque(mrconfigid, without=()):
    """MRCONFIGID is the host's to choose, so it is one that contradicts nothing that is shown."""
    def change(case, args):
        kind = int(args.get('type', EV_IPL))
        hidden = [{'imr': 3, 'event_type': kind, 'digest': e['digest'], 'event': '',
                   'event_payload': ''} for e in evil_start(case)]
        boot = [e for e in case.events if e['event_type'] != RUNTIME_EVENT]
        honest = [e for e in case.events if e['event_type'] == RUNTIME_EVENT
                  and e['event'] not in without]
        case.events = boot + hidden + honest
        case.quote = case.quote.changed(mrconfigid=mrconfigid(case), rtmr=replay(case.events))
    return change


def evil_v2(case):
    kms_id = bytes.fromhex(json.loads(case.workload.key_provider)['id'])
    return b'\2' + keccak256(EVIL_COMPOSE + case.workload.app_id + b'\2' + kms_id) + bytes(15)


def evil_v3(case):
    document = b'{"compose_hash":"' + EVIL_COMPOSE.hex().encode() + b'"}'
    return b'\3' + hashlib.sha256(b'dstack-mr-config-v3:\0' + document).digest() + bytes(15)


def without_app_id(body, *_):
    """What no event measures is not repeated either."""
    body.get('info', {}).pop('app_id', None)


for name, mrconfigid, without, body, description in (
        ('', lambda c: bytes(48), (), None, 'MRCONFIGID zero'),
        ('_v2', evil_v2, ('app-id',), without_app_id, 'MRCONFIGID of version 2, no app id'),
        ('_v3', evil_v3, (), None, 'MRCONFIGID of version 3, its document is not served'),
        ('_unknown', lambda c: b'\x09' + EVIL_COMPOSE + bytes(15), (), None,
         'MRCONFIGID of an unknown form')):
    define(f'rtmr3_opaque{name}', 'attestation', 'forged: an evil start of register 3 as events of '
           f'another type, then the honest log; {description} (args: type)',
           case=opaque(mrconfigid, without), body=body)


# Another operating system under the same names: every name is an event that it measures itself

def other_boot(register, label):
    """The last boot event of a register is another one."""
    def change(case, _):
        at = max(i for i, e in enumerate(case.events) if e['imr'] == register)
        event = dict(case.events[at], digest=label_bytes(label, 48).hex())
        case.events = case.events[:at] + [event] + case.events[at + 1:]
        case.quote = case.quote.changed(rtmr=replay(case.events))
    return change


for name, register, description in (
        ('other_kernel', 1, 'another kernel (RTMR1)'),
        ('other_cmdline', 2, 'another command line or initrd (RTMR2)')):
    define(name, 'attestation', f'forged: {description}, everything else of the pin the same: for '
           'pins', valid=True, case=other_boot(register, name))


# An event split again under the same digest: version 1 joins name and payload by a colon

def split_again(event):
    payload = bytes.fromhex(event['event_payload'])
    name, colon, rest = payload.partition(b':')
    if event.get('version') == 2 or not colon or not name.isascii():
        return event
    return dict(event, event=f'{event["event"]}:{name.decode()}', event_payload=rest.hex())


def colon(body, case, args):
    """The event is gone under its own name; what repeats its payload is left out."""
    wanted = args.get('event', 'key-provider')
    if split_again(runtime(case.events, wanted)) is runtime(case.events, wanted):
        return
    shown_log(lambda log, _: [split_again(e) if e['event'] == wanted else e for e in log])(
        body, case, args)
    body.get('info', {}).pop('key_provider_info', None)


on_body('event_name_colon', 'forged: a version 1 event split again at a colon of its payload '
        '(args: event)', colon)


# The compose manager's statement. Its quote is genuine, and binds the actions that are not shown.

FORGED = {'timestamp': '2026-06-01T10:00:00.000000001+00:00', 'action': 'compose_up',
          'tag': 'v9.9.9-forged', 'commit': 'f0' * 20, 'file': 'Forged-8B.yaml',
          'file_sha256': 'f0' * 32, 'services': ['forged-1']}
GONE = object()


def statement(actions, keeps_hash=True):
    def body(whole, case, _):
        manager = whole.get('compose_manager_attestation')
        if not manager:
            return
        manager['actions'] = actions
        if actions is GONE:
            del manager['actions']
        if not keeps_hash:
            del manager['actions_hash']
    return body


for name, actions, keeps_hash, description in (
        ('manager_unknown_member', [dict(FORGED, x=1)], True, 'an action with an unknown member'),
        ('manager_unknown_unhashed', [dict(FORGED, x=1)], False,
         'an action with an unknown member, and no actions_hash'),
        ('manager_forged_action', [FORGED], True, 'an action of the known form'),
        ('manager_no_actions', GONE, True, 'no actions at all'),
        ('manager_no_actions_no_hash', GONE, False, 'neither actions nor their hash'),
        ('manager_actions_text', json.dumps([FORGED]), True, 'actions as a text'),
        ('manager_actions_object', FORGED, True, 'actions as an object'),
        ('manager_action_list', ['compose_up Forged-8B.yaml'], True, 'actions as a list of texts')):
    # Nothing of it may be shown as signed. What is of no known form may be refused, too.
    on_body(name, f'forged: compose manager: {description} (shape A)',
            statement(actions, keeps_hash), False if name == 'manager_forged_action' else None)


# Whose evidence it is: the same machine, with the documents of another kind of service

def changed_shape(case, args):
    """The enclave of a model shows a gateway's body (D), a gateway an enclave's (A), or `shape`."""
    case.shape = args.get('shape', 'A' if case.shape in 'CD' else 'D')
    if case.shape in 'CD':
        case.gateway = case.enclave.gateway_of('A' if case.shape == 'C' else 'B')


define('shape_changed', 'attestation', 'forged: the same machine with the body of a gateway, or of '
       'an enclave where a gateway was: for pins (args: shape)', valid=True, case=changed_shape)


def gateway_added(body, case, _):
    """The documents of a gateway beside the evidence of the model's own enclave."""
    if case.gateway is None:
        case.gateway = case.enclave.gateway_of('B')
        shapes.shape_d(case, body)


define('gateway_added', 'attestation', "forged: a gateway's documents beside the evidence of the "
       "model's own enclave (shapes A, B): for pins", valid=True, body=gateway_added)
