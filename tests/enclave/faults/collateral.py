"""Faults of the simulated Intel service: TCB info, QE identity, revocation lists."""

import json

from collateral import stamp
from faults import define
from faults.replies import hang, reset, status, text
from pki import days, now, pem

NAMES = {'tcb': 'TCB info', 'qe': 'QE identity', 'pckcrl': 'PCK CRL', 'rootcrl': 'root CRL'}

for at, title in NAMES.items():
    for code in (400, 404, 429, 500, 503):
        define(f'{at}_{code}', at, f'{title}: HTTP {code}', reply=status(code, ''))
    define(f'{at}_hang', at, f'{title}: no answer (args: seconds)', reply=hang)
    define(f'{at}_reset', at, f'{title}: connection reset', reply=reset)
    define(f'{at}_empty', at, f'{title}: HTTP 200 without a body', reply=text(b''))
    define(f'{at}_garbage', at, f'{title}: HTTP 200 with other bytes', reply=text(b'garbage' * 99))
    define(f'{at}_truncated', at, f'{title}: the body ends in its middle',
           raw=lambda data, _: data[:len(data) // 2])
    define(f'{at}_trailing', at, f'{title}: bytes after the body', raw=lambda data, _: data + b'00')
    define(f'{at}_huge', at, f'{title}: 10 MB',
           raw=lambda data, args: data + b' ' * int(args.get('bytes', 10 << 20)))


def later(first, last):
    """Dates in days from now."""
    def change(value, _):
        value['issueDate'], value['nextUpdate'] = (stamp(now() + days(d)) for d in (first, last))
    return change


def put(member, value):
    def change(whole, _):
        whole[member] = value
    return change


def reordered(data, _):
    """The same JSON in other bytes, after it was signed."""
    return json.dumps(json.loads(data), indent=1).encode()


def bad_signature(data, _):
    digit = b'0' if data[-3:-2] != b'0' else b'1'
    return data[:-3] + digit + data[-2:]


def short_signature(data, _):
    return data[:-4] + data[-2:]


def evil(world):
    pki = world.evil_platform().pki
    return pki.signer_key, pki.signer_chain()


def evil_below_root(world):
    """The evil signer, shown with the honest root behind it."""
    pki = world.evil_platform().pki
    return pki.signer_key, pem(pki.signer, world.pki.root)


def by_pck(world):
    """Role confusion: signed by the key of a machine, with that machine's chain."""
    pki = world.pki
    return pki.leaf_key['platform'], pki.pck_chain('platform')


def by_pck_short(world):
    pki = world.pki
    return pki.leaf_key['platform'], pem(pki.leaf['platform'], pki.ca['platform'])


def by_ca(world):
    pki = world.pki
    return pki.ca_key['platform'], pem(pki.ca['platform'], pki.root)


def duplicate(data, _):
    """A second nextUpdate, in bytes that no longer match the signature."""
    return data.replace(b'"version":', b'"version":9,"version":', 1)


for at in ('tcb', 'qe'):
    title = NAMES[at]
    for name, change, description in (
            ('expired', later(-40, -10), 'nextUpdate ten days ago'),
            ('future', later(1, 30), 'issueDate tomorrow'),
            ('dates_swapped', later(29, -1), 'issueDate after nextUpdate'),
            ('date_form', put('nextUpdate', '2036-01-01 00:00:00'), 'a date without T and Z'),
            ('date_offset', put('nextUpdate', '2036-01-01T00:00:00+00:00'),
             'a date with an offset'),
            ('id', put('id', 'SGX'), 'id SGX'),
            ('version', put('version', 9), 'version 9'),
            ('no_levels', put('tcbLevels', []), 'no TCB levels')):
        define(f'{at}_{name}', at, f'{title}: {description}', object=change)
    for name, signer, description in (
            ('evil_root', evil, 'signed under another root of the same name'),
            ('evil_signer', evil_below_root, 'an evil signer above the honest root'),
            ('by_pck', by_pck, 'signed by a PCK key, with its chain of three'),
            ('by_pck_short', by_pck_short, 'signed by a PCK key, with a chain of two'),
            ('by_ca', by_ca, 'signed by the platform CA')):
        define(f'{at}_{name}', at, f'{title}: {description}', signer=signer)
    for name, change, description in (
            ('signature', bad_signature, 'one digit of the signature differs'),
            ('signature_short', short_signature, 'a signature of 63 bytes'),
            ('reordered', reordered, 'the same JSON in other bytes than the signed ones'),
            ('duplicate', duplicate, 'a member twice')):
        define(f'{at}_{name}', at, f'{title}: {description}', raw=change)
    for name, change, description in (
            ('no_chain', lambda n, c: (None, c), 'no issuer chain header'),
            ('chain_one', lambda n, c: (n, c[:c.index('-----END') + 26]), 'a chain of one'),
            ('chain_garbage', lambda n, c: (n, 'not a certificate'), 'a chain that is none'),
            ('chain_reversed', lambda n, c: (n, c[c.index('-----END') + 26:]
                                             + c[:c.index('-----END') + 26]), 'root first')):
        define(f'{at}_{name}', at, f'{title}: {description}', chain=change)
define('tcb_old_header', 'tcb', 'TCB info: the older header SGX-TCB-Info-Issuer-Chain', valid=True,
       chain=lambda n, c: ('SGX-TCB-Info-Issuer-Chain', c))


# What TCB info says

def in_level(change):
    def stage(value, _):
        change(value['tcbLevels'][0])
    return stage


def tcb(name, description, change, valid=False):
    define(f'tcb_{name}', 'tcb', f'TCB info: {description}', valid=valid, object=change)


def raise_component(kind, index):
    """No level of the list is low enough for the machine."""
    def change(value, _):
        for number, level in enumerate(value['tcbLevels']):
            level['tcb'][kind][index]['svn'] = 200 - number
    return change


def no_module(value, _):
    value['tdxModuleIdentities'] = value['tdxModuleIdentities'][1:]


def module_member(member, content):
    def change(value, _):
        value['tdxModuleIdentities'][0][member] = content
    return change


def module_levels(value, _):
    for index, level in enumerate(value['tdxModuleIdentities'][0]['tcbLevels']):
        level['tcb']['isvsvn'] = 99 - index


tcb('fmspc', 'another fmspc', put('fmspc', '90c06f000000'))
tcb('fmspc_upper', 'fmspc in upper case', lambda v, _: v.update(fmspc=v['fmspc'].upper()), True)
tcb('pceid', 'another pceId', put('pceId', '0001'))
tcb('type', 'tcbType 1', put('tcbType', 1))
tcb('components_15', '15 components in a level',
    in_level(lambda level: level['tcb']['sgxtcbcomponents'].pop()))
tcb('no_tdx_components', 'a level without TDX components',
    in_level(lambda level: level['tcb'].pop('tdxtcbcomponents')))
tcb('svn_256', 'a component SVN of 256',
    in_level(lambda level: level['tcb']['sgxtcbcomponents'][0].update(svn=256)))
tcb('pcesvn_negative', 'a negative pcesvn', in_level(lambda level: level['tcb'].update(pcesvn=-1)))
tcb('status_unknown', 'a status that does not exist',
    in_level(lambda level: level.update(tcbStatus='Fine')))
tcb('no_match_sgx', 'no level fits the SGX components', raise_component('sgxtcbcomponents', 0))
tcb('no_match_tdx', 'no level fits the TDX components', raise_component('tdxtcbcomponents', 2))
tcb('no_match_module', "no level fits the module's SVN", module_levels)
tcb('module_svn_ignored', 'TDX components 0 and 1 are higher than the module: ignored for a '
    'versioned module', raise_component('tdxtcbcomponents', 0), True)
tcb('module_missing', "the module's version is not listed", no_module)
tcb('module_empty', 'tdxModuleIdentities is empty', put('tdxModuleIdentities', []))
tcb('module_absent', 'no tdxModuleIdentities', lambda v, _: v.pop('tdxModuleIdentities'))
tcb('module_mrsigner', 'another signer of the module', module_member('mrsigner', 'ab' * 48))
tcb('unsorted', 'levels in ascending order', lambda v, _: v['tcbLevels'].reverse(), True)
tcb('unknown_members', 'members that nobody knows', put('somethingNew', {'a': [1]}), True)


# What the QE identity says

def qe(name, description, change, valid=False):
    define(f'qe_{name}', 'qe', f'QE identity: {description}', valid=valid, object=change)


def qe_levels(value, _):
    for index, level in enumerate(value['tcbLevels']):
        level['tcb']['isvsvn'] = 99 - index


qe('mrsigner', 'another signer', put('mrsigner', 'AB' * 32))
qe('isvprodid', 'another product', put('isvprodid', 9))
qe('miscselect', 'other MISCSELECT', put('miscselect', '00000001'))
qe('attributes', 'other attributes', put('attributes', '13' + '00' * 15))
qe('no_match', 'no level fits', qe_levels)
qe('unknown_members', 'members that nobody knows', put('somethingNew', None), True)


# Revocation lists

def revoking(*which):
    """A list that revokes: 'leaf', 'ca', 'signer', 'root'."""
    def crl(world, kind):
        pki = world.pki
        found = {'root': pki.root, 'signer': pki.signer, 'ca': pki.ca['platform'],
                 'leaf': pki.leaf.get(kind)}
        return pki.crl(kind, revoked=[found[w].serial_number for w in which])
    return crl


def dated(begin, end):
    return lambda world, kind: world.pki.crl(kind, begin=begin, end=end)


def by_evil(world, kind):
    return world.evil_platform().pki.crl(kind)


def evil_key(world, kind):
    """The honest issuer's name under another key's signature."""
    return world.pki.crl(kind, key=world.entropy.p256('stranger'))


def flipped(world, kind):
    data = bytearray(world.pki.crl(kind))
    data[-1] ^= 1
    return bytes(data)


def long_list(world, kind):
    return world.pki.crl(kind, revoked=range(10**20, 10**20 + 500))


for at in ('pckcrl', 'rootcrl'):
    for name, crl, description, valid in (
            ('expired', dated(-40, -10), 'nextUpdate ten days ago', False),
            ('future', dated(1, 30), 'thisUpdate tomorrow', False),
            ('evil', by_evil, 'of another root of the same name', False),
            ('evil_key', evil_key, 'signed by a key that is not the issuer\'s', False),
            ('signature', flipped, 'one bit of the signature', False),
            ('long', long_list, '500 other serial numbers', True)):
        define(f'{at}_{name}', at, f'{NAMES[at]}: {description}', valid=valid, crl=crl)
define('pckcrl_revoked', 'pckcrl', 'PCK CRL: the leaf is revoked', crl=revoking('leaf'))
define('pckcrl_wrong_issuer', 'pckcrl', "PCK CRL: the other CA's list", crl=lambda world, kind: (
    world.pki.crl('processor' if kind == 'platform' else 'platform')))
define('pckcrl_is_root', 'pckcrl', 'PCK CRL: the root CRL in its place',
       crl=lambda world, kind: world.pki.crl('root'))
define('rootcrl_revoked_ca', 'rootcrl', 'root CRL: the Platform CA is revoked', crl=revoking('ca'))
define('rootcrl_revoked_signer', 'rootcrl', 'root CRL: the TCB signer is revoked',
       crl=revoking('signer'))
define('rootcrl_revoked_root', 'rootcrl', 'root CRL: the root is revoked', crl=revoking('root'))
