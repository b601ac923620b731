"""Faults of what is measured: event log, compose text, restated registers, compose manager.

Each makes one check fail and leaves the others true, as far as the format allows.
"""

import hashlib
import json

from entropy import label_bytes
from ethereum import keccak256
from faults import define
from faults.evidence import UNSET, set_member
from measured import RUNTIME_EVENT, compact, replay, runtime_event

AB = 'ab' * 48


def on_case(name, description, change, valid=False):
    define(name, 'attestation', f'code: {description}', valid=valid, case=change)


def on_body(name, description, change, valid=False):
    define(name, 'attestation', f'code: {description}', valid=valid, body=change)


# Event log: `measured` true keeps RTMR in step, false leaves the quote as it was

def events(change, measured):
    def stage(case, args):
        changed = change(case.events, case)
        case.events = case.events if changed is None else changed
        if measured:
            digests = [dict(e, digest=e['digest'] or digest_of(e)) for e in case.events]
            case.quote = case.quote.changed(rtmr=replay(digests))
    return stage


def digest_of(event):
    return runtime_event(event['event'], bytes.fromhex(event['event_payload']))['digest']


def runtime(log, name):
    return next(e for e in log if e['event_type'] == RUNTIME_EVENT and e['event'] == name)


def with_payload(name, payload):
    """One runtime event says something else; its own digest is right."""
    def change(log, case):
        version = case.workload.event_version
        return [runtime_event(name, payload, version) if e is runtime(log, name) else e
                for e in log]
    return change


def only_payload(log, _):
    """The payload changes and the digest does not: a verifier must compute it anew."""
    runtime(log, 'compose-hash')['event_payload'] = 'ab' * 32


def only_digest(log, _):
    runtime(log, 'compose-hash')['digest'] = AB


def boot_digest(log, _):
    log[2]['digest'] = AB


def drop(name):
    return lambda log, _: [e for e in log if e['event'] != name]


def insert(*new, before=None):
    """More runtime events, at the end or before another one."""
    def change(log, case):
        made = [runtime_event(n, p, case.workload.event_version) for n, p in new]
        at = len(log) if before is None else log.index(runtime(log, before))
        return log[:at] + made + log[at:]
    return change


def swap(log, _):
    log[-3], log[-4] = log[-4], log[-3]


def at_register(number):
    def change(log, _):
        runtime(log, 'storage-fs')['imr'] = number
    return change


def long_digest(log, _):
    log[1]['digest'] = 'ab' * 49


def bad_digest(log, _):
    log[1]['digest'] = 'xyz'


def version_2(log, case):
    return [e if e['event_type'] != RUNTIME_EVENT else
            runtime_event(e['event'], bytes.fromhex(e['event_payload']), 2) for e in log]


def preimage(log, case):
    changed = version_2(log, case)
    changed[-2]['preimage'] = '00'
    return changed


OTHER32 = label_bytes('another hash', 32)
LOGS = (
    ('log_payload', only_payload, False, 'payload of compose-hash changed, its digest not'),
    ('log_digest', only_digest, False, 'digest of compose-hash changed'),
    ('log_boot_digest', boot_digest, False, 'digest of a boot event changed'),
    ('log_dropped', drop('storage-fs'), False, 'one event is missing'),
    ('log_added', insert(('extra', b'x')), False, 'one event too many'),
    ('log_swapped', swap, False, 'two events in the other order'),
    ('log_duplicate', insert(('app-id', b'\1' * 20), before='system-ready'), True,
     'a second app-id before system-ready, properly measured'),
    ('log_no_compose', drop('compose-hash'), True, 'no compose-hash event, properly measured'),
    ('log_no_ready', drop('system-ready'), True, 'no system-ready event, properly measured'),
    ('log_compose_other', with_payload('compose-hash', OTHER32), True,
     'the measured compose hash is another one'),
    ('log_compose_late', lambda log, case: insert(('compose-hash', case.workload.compose_hash))(
        drop('compose-hash')(log, case), case), True, 'compose-hash stands after system-ready'),
    ('log_app_id', with_payload('app-id', b'\1' * 20), True, 'the measured app id is another one'),
    ('log_os_image', with_payload('os-image-hash', OTHER32), True,
     'the measured OS image is another one'),
    ('log_key_provider', with_payload('key-provider', b'{"name":"kms","id":"00"}'), True,
     'the measured key provider is another one'),
    ('log_preimage', preimage, True, 'a version 2 event whose preimage is another one'),
)
for name, change, measured, description in LOGS:
    on_case(name, f'event log: {description}', events(change, measured))
for name, change, measured, description in (
        ('log_empty', lambda *_: [], False, 'an empty list'),
        ('log_version_2', version_2, True, 'runtime events of version 2'),
        ('log_after_ready', insert(('app-event', b'x'), ('app-id', b'y')), True,
         'the application measured more after system-ready')):
    on_case(name, f'event log: {description}', events(change, measured), valid=True)

# These logs cannot be replayed here at all, so only the body shows them.


def shown_log(change):
    """Put another log into every place of the body that has one."""
    def body(whole, case, args):
        log = change([dict(e) for e in case.events], case)
        if isinstance(whole.get('event_log'), list):
            whole['event_log'] = log
        elif 'event_log' in whole:
            whole['event_log'] = compact(log)
        if isinstance((whole.get('info') or {}).get('tcb_info'), dict):
            whole['info']['tcb_info']['event_log'] = log
        if 'attestation' in whole:
            whole['attestation']['evidence']['event_log'] = compact(log)
    return body


def in_place(change):
    def changed(log, case):
        change(log, case)
        return log
    return changed


def no_digests(log, _):
    return [dict(e, digest='') if e['event_type'] == RUNTIME_EVENT else dict(e, event_payload='')
            for e in log]


for name, change, description in (
        ('log_register_4', in_place(at_register(4)), 'an event of register 4'),
        ('log_register_0', in_place(at_register(0)), 'a runtime event of register 0'),
        ('log_register_negative', in_place(at_register(-1)), 'an event of register -1'),
        ('log_digest_long', in_place(long_digest), 'a digest of 49 bytes'),
        ('log_digest_hex', in_place(bad_digest), 'a digest that is not hex'),
        ('log_long', lambda log, _: log * 100, '3000 events'),
        ('log_huge_payload', in_place(lambda log, _: log[0].update(event_payload='ab' * 200000)),
         'a payload of 200 KB'),
        ('log_objects', lambda log, _: [7, None, 'x'], 'entries that are no objects')):
    on_body(name, f'event log: {description}', shown_log(change))
on_body('log_stripped', 'event log: the stripped form everywhere', shown_log(no_digests),
        valid=True)
on_body('log_register_3', 'event log: the events of register 3 only',
        shown_log(lambda log, _: [e for e in log if e['imr'] == 3]), valid=True)
on_body('log_register_3_stripped', 'event log: the events of register 3 only, without digests',
        shown_log(lambda log, _: no_digests([e for e in log if e['imr'] == 3], _)), valid=True)
on_body('log_missing', 'event log: not served', lambda b, *_: [
    b.pop('event_log', None), b.get('info', {}).get('tcb_info', {}).pop('event_log', None),
    b.get('attestation', {}).get('evidence', {}).pop('event_log', None)] and None, valid=True)


def as_string(body, case, _):
    if isinstance(body.get('event_log'), list):
        body['event_log'] = compact(body['event_log'])
    if 'info' in body:
        body['info']['tcb_info'] = compact(body['info']['tcb_info'])


on_body('log_string', 'event log and tcb_info as strings (shapes A, B)', as_string, valid=True)


# Names that no event measures: the body may state them, and says nothing untrue by that

for name, event in (('os_image', 'os-image-hash'), ('app_id', 'app-id'),
                    ('key_provider', 'key-provider')):
    on_case(f'{name}_unmeasured', f'no {event} event, properly measured; the body states a value',
            events(drop(event), True), valid=True)


# Compose text and restated values

def config_id(make):
    def change(case, _):
        case.quote = case.quote.changed(mrconfigid=make(case))
    return change


def mr_config_v3(case, _):
    document = compact({'compose_hash': case.workload.compose_hash.hex(),
                        'app_id': case.workload.app_id.hex()}).encode()
    digest = hashlib.sha256(b'dstack-mr-config-v3:\0' + document).digest()
    case.quote = case.quote.changed(mrconfigid=b'\3' + digest + bytes(15))


def mr_config_v2(case, _):
    kms_id = bytes.fromhex(json.loads(case.workload.key_provider)['id'])
    digest = keccak256(case.workload.compose_hash + case.workload.app_id + b'\2' + kms_id)
    case.quote = case.quote.changed(mrconfigid=b'\2' + digest + bytes(15))


on_case('config_other', 'MRCONFIGID has another compose hash',
        config_id(lambda c: b'\1' + OTHER32 + bytes(15)))
on_case('config_tail', 'MRCONFIGID with bytes behind the hash',
        config_id(lambda c: b'\1' + c.workload.compose_hash + b'\1' * 15))
for name in ('config_unused', 'mrconfigid_unused'):
    on_case(name, 'MRCONFIGID is zero: only RTMR3 binds the compose text',
            config_id(lambda c: bytes(48)), valid=True)
on_case('config_unknown', 'MRCONFIGID of an unknown form: nobody can say what it binds',
        config_id(lambda c: b'\x09' + OTHER32 + bytes(15)), valid=True)
on_case('config_v2', 'MRCONFIGID of version 2', mr_config_v2, valid=True)
on_case('config_v3', 'MRCONFIGID of version 3', mr_config_v3, valid=True)


def restated(name, description, value, *path, valid=False):
    on_body(name, description, set_member(value, *path), valid)


def compose_text(body, case, _):
    text = case.workload.compose.replace('restart: always', 'restart: never')
    for holder in ((body.get('info') or {}).get('tcb_info'),
                   (body.get('attestation') or {}).get('evidence')):
        if holder and 'app_compose' in holder:
            holder['app_compose'] = text


on_body('compose_text', 'the compose text is not the measured one', compose_text)
restated('compose_missing', 'no compose text', UNSET, 'info', 'tcb_info', 'app_compose', valid=True)
restated('info_compose_hash', 'info.compose_hash is another one', 'ab' * 32, 'info', 'compose_hash')
restated('info_app_id', 'info.app_id is another one', 'ab' * 20, 'info', 'app_id')
restated('info_os_image', 'info.os_image_hash is another one', 'ab' * 32, 'info', 'os_image_hash')
restated('info_key_provider', 'info.key_provider_info is another one', '{"name":"none","id":""}',
         'info', 'key_provider_info')
restated('info_mr_aggregated', 'info.mr_aggregated is another one', 'ab' * 32, 'info',
         'mr_aggregated', valid=None)
restated('info_missing', 'no member info', UNSET, 'info', valid=True)
restated('info_string', 'info is a string', 'none', 'info', valid=None)
for register in ('mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'):
    restated(f'info_{register}', f'info.tcb_info.{register} is another one', AB, 'info', 'tcb_info',
             register)


# The machine changed: what pins are for

def new_compose(case, args):
    """Another program on the same platform, consistent in every respect."""
    text = case.workload.compose.replace('restart: always', 'restart: unless-stopped')
    digest = hashlib.sha256(text.encode()).digest()
    case.events = with_payload('compose-hash', digest)(case.events, case)
    case.quote = case.quote.changed(mrconfigid=b'\1' + digest + bytes(15),
                                    rtmr=replay(case.events))
    case.new_compose = (text, digest.hex())


def show_new_compose(body, case, _):
    text, digest = case.new_compose
    info = body.get('info')
    if info:
        info.update(compose_hash=digest)
        info['tcb_info'].update(compose_hash=digest, app_compose=text)
    if 'attestation' in body and 'app_compose' in body['attestation']['evidence']:
        body['attestation']['evidence']['app_compose'] = text


define('changed_compose', 'attestation', 'code: another compose text, consistent everywhere: for '
       'pins', valid=True, case=new_compose, body=show_new_compose)


def new_mrtd(case, _):
    case.quote = case.quote.changed(mrtd=label_bytes('another mrtd', 48))


define('changed_mrtd', 'attestation', 'code: another MRTD, consistent everywhere: for pins',
       valid=True, case=new_mrtd)


# NEAR's compose manager

for name, description, value, member in (
        ('manager_actions', 'an action more than the hash says', lambda v, c: v + [
            {'timestamp': 'now', 'action': 'compose_down'}], 'actions'),
        ('manager_hash', 'another actions_hash', 'ab' * 32, 'actions_hash'),
        ('manager_nonce', 'another nonce', 'ab' * 32, 'nonce'),
        ('manager_report_data', 'another report_data', 'ab' * 64, 'report_data'),
        ('manager_quote', 'the quote is the main one', lambda v, c: c.world.platform.build(
            c.quote).hex(), 'quote')):
    restated(name, f'compose manager: {description} (shape A)', value,
             'compose_manager_attestation', member)


restated('manager_quote_missing', 'compose manager: no quote (shape A)', UNSET,
         'compose_manager_attestation', 'quote', valid=None)


def manager_other_machine(body, case, _):
    manager = body.get('compose_manager_attestation')
    if manager:
        quote = case.quote.changed(report_data=bytes.fromhex(manager['report_data']),
                                   rtmr=[label_bytes(f'other {i}', 48) for i in range(4)])
        manager['quote'] = case.world.platform.build(quote).hex()


on_body('manager_registers', 'compose manager: a quote with other registers (shape A)',
        manager_other_machine)
define('manager_missing', 'attestation', 'code: no compose manager (shape A)', valid=True,
       body=set_member(UNSET, 'compose_manager_attestation'))
