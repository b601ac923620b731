"""Faults of the gateway's documents (shapes C and D): keyset, endorsement, validity, custody."""

import time

from cryptography.hazmat.primitives.asymmetric import ec

import aci
from entropy import label_bytes
from ethereum import public_bytes, sign_digest
from faults import define
from faults.code import with_payload
from faults.evidence import UNSET, set_member
from measured import replay

OTHER_APP_ID = label_bytes('another app', 20)
ROUNDED = 18446744073709552000


def gateway(name, description, value, *path, valid=False):
    change = set_member(value, *path)
    define(name, 'attestation', f'gateway: {description}', valid=valid,
           body=lambda whole, case, args: change(whole, case, args) if case.gateway else None)


def keyset(change, is_custody_kept=True):
    """Change the keyset; digest and endorsement stay right, only its content is wrong. A key that
    is no longer in it may leave the custody with it."""
    def body(whole, case, _):
        report = whole.get('attestation')
        if report:
            change(report['workload_keyset'], case)
            if not is_custody_kept:
                forget_key(report['evidence']['key_custody'], case)
            whole['workload_keyset_digest'] = aci.digest_of(report['workload_keyset'])
            if 'keyset_endorsement' in report:
                report['keyset_endorsement'] = case.gateway.endorsement(
                    whole['workload_keyset_digest'])
    return body


def forget_key(custody, case):
    point = public_bytes(case.key).hex()
    custody['keys'] = [entry for entry in custody['keys'] if entry['public_key'] != point]


def expire(seconds):
    def change(value, case):
        holder = value.get('keyset_epoch', value)
        holder['not_after'] = int(time.time()) + seconds
    return change


def other_key(value, case):
    point = public_bytes(case.enclave.other_key()).hex()
    for entry in value['e2ee_public_keys']:
        if is_ours(entry):
            entry['public_key'] = point


def is_ours(entry):
    return len(entry['public_key']) == 130


def other_suites(value, case):
    value['e2ee_public_keys'] = [e for e in value['e2ee_public_keys'] if not is_ours(e)]


def two_keys(value, case):
    first = next(e for e in value['e2ee_public_keys'] if is_ours(e))
    point = public_bytes(case.enclave.other_key()).hex()
    value['e2ee_public_keys'].insert(0, dict(first, key_id='sim-e2ee-v0', public_key=point))


def endless(value, case):
    """not_after of 2^64-1: JavaScript rounds it, and so does the digest."""
    value.get('keyset_epoch', value)['not_after'] = ROUNDED


def unrounded(data, args):
    return data.replace(b'"not_after":%d' % ROUNDED, b'"not_after":18446744073709551615')


gateway('aci_version', 'api_version aci/2', 'aci/2', 'api_version')
gateway('aci_digest', 'another workload_keyset_digest', 'sha256:' + 'ab' * 32,
        'workload_keyset_digest')
gateway('aci_workload_id', 'another workload_id (shape C)', 'sha256:' + 'ab' * 32, 'workload_id')
gateway('aci_endorsement', 'the endorsement is of another key (shape C)', lambda v, c: (
    sign_digest(ec.generate_private_key(ec.SECP256K1()), b'x' * 32)[:64].hex()) if v else v,
        'attestation', 'keyset_endorsement', 'value')
gateway('aci_endorsement_missing', 'no endorsement (shape C)', UNSET, 'attestation',
        'keyset_endorsement', valid=True)
gateway('aci_quote', 'evidence.quote is another one', lambda v, c: c.world.platform.build(
    c.quote).hex(), 'attestation', 'evidence', 'quote')
gateway('aci_report_data', 'report_data is another one', 'ab' * 64, 'attestation', 'report_data')
gateway('aci_report_data_32', 'report_data is the first half only', lambda v, c: v[:64],
        'attestation', 'report_data', valid=True)
gateway('aci_quote_report_data', 'quote_report_data is another one', 'ab' * 64, 'attestation',
        'evidence', 'quote_report_data')
gateway('aci_stale', 'stale_after is an hour ago (shape C)', lambda v, c: v - 7200, 'attestation',
        'freshness', 'stale_after')
gateway('aci_tee_type', 'tee_type sev', 'sev', 'attestation', 'tee_type')
for name, change, description in (
        ('aci_expired', expire(-60), 'not_after is over'),
        ('aci_short', expire(90), 'not_after in 90 seconds: a session must not outlive it'),
        ('aci_other_key', other_key, 'the keyset names another E2EE key')):
    define(name, 'attestation', f'gateway: {description}', valid=name == 'aci_short',
           body=keyset(change))
for name, change, kept, description in (
        ('aci_no_e2ee_key', lambda v, c: v.update(e2ee_public_keys=[]), False, 'no E2EE key'),
        ('aci_other_suites', other_suites, False, 'E2EE keys of other algorithms only'),
        ('aci_two_keys', two_keys, True, 'an E2EE key of another replica before ours')):
    define(name, 'attestation', f'gateway: {description}', valid=True, body=keyset(change, kept))
define('aci_not_after_max', 'attestation', 'gateway: not_after is 2^64-1', valid=True,
       body=keyset(endless), raw=unrounded)


def aci_duplicate(data, args):
    return data.replace(b'"workload_keyset":{', b'"workload_keyset":{"subject":"x",', 1)


define('aci_duplicate', 'attestation', 'gateway: a member twice in the keyset', raw=aci_duplicate)


def custody(change):
    def body(whole, case, _):
        report = whole.get('attestation')
        if report:
            change(report['evidence']['key_custody']['keys'][-1], case)
    return body


def chain_bit(index):
    def change(entry, case):
        value = entry['signature_chain'][index]
        entry['signature_chain'][index] = ('0' if value[0] != '0' else '1') + value[1:]
    return change


for name, change, description in (
        ('custody_first', chain_bit(0), "the application's signature over the key differs"),
        ('custody_second', chain_bit(1), "the root's signature over the application's key differs"),
        ('custody_short', lambda e, c: e.update(signature_chain=e['signature_chain'][:1]),
         'a chain of one'),
        ('custody_purpose', lambda e, c: e.update(purpose='aci.other.v1'), 'another purpose'),
        ('custody_key', lambda e, c: e.update(public_key=public_bytes(
            c.enclave.other_key()).hex()), 'of another public key')):
    define(name, 'attestation', f'gateway: custody: {description} (shapes C, D)',
           body=custody(change))


gateway('custody_missing', 'no key custody', UNSET, 'attestation', 'evidence', 'key_custody',
        valid=True)


def reissued(case, **changes):
    """A custody chain that holds, of another root or for another application."""
    gate = case.enclave.gateway_of(case.gateway.generation)
    for name, value in changes.items():
        setattr(gate, name, value)
    return gate.custody(case.key)


def other_root(body, case, _):
    if case.gateway:
        body['attestation']['evidence']['key_custody'] = reissued(
            case, root_key=case.world.entropy.k256('another kms root'))


def other_app_id(case, _):
    """The machine was started as another application, and its log says so."""
    case.events = with_payload('app-id', OTHER_APP_ID)(case.events, case)
    case.quote = case.quote.changed(rtmr=replay(case.events))


def for_other_app_id(body, case, _):
    if case.gateway:
        body['attestation']['evidence']['key_custody'] = reissued(case, app_id=OTHER_APP_ID)
    elif 'info' in body:
        body['info']['app_id'] = OTHER_APP_ID.hex()


def upper(body, case, _):
    """Keys and signatures in upper-case hex, in the custody chain alone."""
    for entry in case.gateway and body['attestation']['evidence']['key_custody']['keys'] or ():
        for name in ('public_key', 'kms_public_key'):
            if name in entry:
                entry[name] = entry[name].upper()
        entry['signature_chain'] = [link.upper() for link in entry['signature_chain']]


define('custody_other_root', 'attestation', 'gateway: custody under another root, consistent: for '
       'pins', valid=True, body=other_root)
define('custody_other_app_id', 'attestation', 'gateway: another app id, measured and in the '
       'custody chain: for pins', valid=True, case=other_app_id, body=for_other_app_id)
define('custody_upper', 'attestation', 'gateway: custody in upper-case hex (shapes C, D)',
       valid=True, body=upper)
