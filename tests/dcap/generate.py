#!/usr/bin/env python3
"""Writes signed quotes with collateral, each with one property changed, and the verdict that it
must get: FOLDER/NAME.quote, NAME.col.json, NAME.root.pem (the root to trust) and cases.json.
Nothing in it comes from anywhere else.

    generate.py FOLDER [NAME...]  the cases, or those of these names
    generate.py --seeds FOLDER    what fuzzing starts with: FOLDER/{collateral,pck,dcap}/NAME
"""
import json
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from cases import CASES  # noqa: E402
from world import NOW, World, pem  # noqa: E402


def write_seed(folder, target, name, data):
    os.makedirs(os.path.join(folder, target), exist_ok=True)
    with open(os.path.join(folder, target, name), 'wb') as file:
        file.write(data)


def seeds(folder):
    wanted = {'ok_v4', 'ok_v5_td15ex', 'ok_processor_ca', 'st_relaunch', 'st_ood_all',
              'sig_quote_flip', 'itype3', 'crl_leaf_revoked'}
    for name, _, _, change, _, _ in CASES:
        if name not in wanted:
            continue
        world = World()
        change(world)
        quote, collateral = world.build()
        text, root = collateral.encode(), pem(world.trusted()).encode()
        lengths = struct.pack('<II', len(text), len(root))
        write_seed(folder, 'dcap', name, lengths + text + root + quote)
        if name not in ('ok_v4', 'ok_processor_ca', 'st_ood_all'):
            continue
        members = json.loads(collateral)
        write_seed(folder, 'collateral', name + '.envelope', b' ' + text)
        write_seed(folder, 'collateral', name + '.tcb', b't' + members['tcb_info'].encode())
        write_seed(folder, 'collateral', name + '.qe', b'q' + members['qe_identity'].encode())
        write_seed(folder, 'collateral', name + '.crl', b'c' + members['pck_crl'].encode())
        write_seed(folder, 'pck', name + '.pem', b' ' + world.chain(world.pck_chain).encode())
        write_seed(folder, 'pck', name + '.der', b'd' + world.leaf.der())
        write_seed(folder, 'pck', name + '.extension', b'e' + world.leaf.sgx)


def main():
    if sys.argv[1] == '--seeds':
        return seeds(sys.argv[2])
    folder, wanted = sys.argv[1], set(sys.argv[2:])
    os.makedirs(folder, exist_ok=True)
    rows, names = [], set()
    for name, verdict, code, change, advisories, since in CASES:
        if name in names:
            raise SystemExit('two cases are called ' + name)
        names.add(name)
        if wanted and name not in wanted:
            continue
        world = World()
        change(world)
        quote, collateral = world.build()
        path = os.path.join(folder, name)
        with open(path + '.quote', 'wb') as file:
            file.write(quote)
        with open(path + '.col.json', 'w', encoding='ascii') as file:
            file.write(collateral)
        with open(path + '.root.pem', 'w', encoding='ascii') as file:
            file.write(pem(world.trusted()))
        row = {'name': name, 'expect': verdict, 'code': code, 'now': NOW}
        if advisories is not None:
            row['advisories'] = advisories
        if since is not None:
            row['since'] = since
        rows.append(row)
    if wanted - names:
        raise SystemExit('no such cases: ' + ' '.join(sorted(wanted - names)))
    with open(os.path.join(folder, 'cases.json'), 'w', encoding='ascii') as file:
        json.dump(rows, file, indent=1)


main()
