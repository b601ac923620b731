"""Checks the simulator with a client of its own: /usr/bin/python3 tests/enclave/selftest.py

It says one line a group, and fails with a trace. It takes about a minute.
"""

import hashlib
import json
import os
import struct
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import verify
from envelope import G, add, multiply
from ethereum import keccak256, personal_digest
from faults.expected import CODES
from peer import Simulator, point, read_stream, seal, sha256
from verify import check

PATHS = {
    'models': '/api/v1/models', 'tcb': '/tdx/certification/v4/tcb?fmspc=51a1c0de0001',
    'qe': '/tdx/certification/v4/qe/identity', 'rootcrl': '/sgx/certification/v4/rootcacrl',
    'pckcrl': '/sgx/certification/v4/pckcrl?ca=platform&encoding=der',
    'jwks': '/.well-known/jwks.json'}
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FIELD = 2**256 - 2**32 - 977


def recover(digest, signature):
    """The 64 bytes of the key that made a recoverable signature."""
    r, s = (int.from_bytes(p, 'big') for p in (signature[:32], signature[32:64]))
    y = pow(pow(r, 3, FIELD) + 7, (FIELD + 1) // 4, FIELD)
    if y & 1 != signature[64] % 27 & 1:
        y = FIELD - y
    inverse = pow(r, -1, ORDER)
    key = add(multiply(s * inverse % ORDER, (r, y)),
              multiply(-int.from_bytes(digest, 'big') * inverse % ORDER, G))
    return b''.join(c.to_bytes(32, 'big') for c in key)


def shorten(raw64):
    return bytes([2 + (raw64[63] & 1)]) + raw64[:32]


def models(sim):
    listed = json.loads(sim.ask('GET', PATHS['models'])[2])['data']
    ready = [m['id'] for m in listed if m['model_spec']['capabilities']['supportsE2EE']
             and not m['model_spec']['offline']]
    check(ready == sim.facts['model'], f'{ready} is not what was announced')
    check('e2ee-sim-retired' in [m['id'] for m in listed], 'the retired model')
    everything = json.loads(sim.ask('GET', PATHS['models'] + '?type=all')[2])['data']
    kinds = {m['type'] for m in everything}
    check(kinds == {'text', 'image'}, f'types {kinds}')


def binding(body, nonce, model):
    """The checks that every client makes; returns the quote."""
    quote = bytes.fromhex(body['intel_quote'])
    key = bytes.fromhex(body['signing_public_key'])
    shown = bytes.fromhex(body['signing_address'][2:])
    check(body['nonce'] == nonce and body['nonce_source'] == 'client', 'nonce')
    check(body['model'] == model and body['verified'] is True, 'model')
    check(keccak256(key[1:])[12:] == shown, 'address')
    check(quote[568:632] == shown + bytes(12) + bytes.fromhex(nonce), 'REPORTDATA')
    check(json.loads(body['nvidia_payload'])['nonce'] == nonce, 'GPU nonce')
    return quote


def attestations(sim):
    for model in sim.facts['model']:
        nonce, status, data = sim.attest(model)
        check(status == 200, f'attestation {status}')
        body = json.loads(data)
        measured(body, binding(body, nonce, model))
    for path, wanted in (('model=e2ee-sim-small&nonce=abcd', 400), ('model=nobody', 404),
                         ('model=sim-plain-70b&nonce=' + '00' * 32, 400)):
        check(sim.ask('GET', '/api/v1/tee/attestation?' + path)[0] == wanted, path)
    free = json.loads(sim.ask('GET', '/api/v1/tee/attestation?model=e2ee-sim-small')[2])
    check(free['nonce_source'] == 'server', 'nonce of the server')


def event_log(body):
    log = body.get('event_log') or body['attestation']['evidence']['event_log']
    return json.loads(log) if isinstance(log, str) else log


def replay(log):
    registers, runtime = [bytes(48)] * 4, {}
    for event in log:
        digest = bytes.fromhex(event['digest'])
        if event['event_type'] == 0x08000001:
            payload = bytes.fromhex(event['event_payload'])
            if event.get('version') == 2:
                preimage = (f'{{"name":"{event["event"]}","payload":"{payload.hex()}",'
                            f'"type":134217729}}').encode()
                check(bytes.fromhex(event['preimage']) == preimage, 'preimage')
            else:
                preimage = struct.pack('<I', 0x08000001) + f':{event["event"]}:'.encode() + payload
            computed = hashlib.sha384(preimage).digest()
            check(digest in (b'', computed), 'digest of ' + event['event'])
            digest = computed
            runtime[event['event']] = payload
        number = event['imr']
        registers[number] = hashlib.sha384(registers[number] + digest.ljust(48, b'\0')).digest()
    return registers, runtime


def measured(body, quote):
    """Event log, compose text and the gateway's documents against the quote."""
    registers, runtime = replay(event_log(body))
    check(b''.join(registers) == quote[376:568], 'RTMRs do not replay')
    check(quote[232:280] == b'\1' + runtime['compose-hash'] + bytes(15), 'MRCONFIGID')
    info = body.get('info')
    if info:
        text = info['tcb_info']['app_compose']
        check(bytes.fromhex(info['app_id']) == runtime['app-id'], 'app id')
        check(info['key_provider_info'].encode() == runtime['key-provider'], 'key provider')
        check(bytes.fromhex(info['os_image_hash']) == runtime['os-image-hash'], 'OS image')
        check(info['tcb_info']['mrtd'] == quote[184:232].hex(), 'mrtd')
        check(replay(info['tcb_info']['event_log'])[0] == registers, 'second log')
    else:
        text = body['attestation']['evidence'].get('app_compose')
        gateway(body, quote, runtime['app-id'])
    if text is not None:
        check(hashlib.sha256(text.encode()).digest() == runtime['compose-hash'], 'compose text')
    manager = body.get('compose_manager_attestation')
    if manager:
        names = ('timestamp', 'action', 'container', 'image', 'tag', 'commit', 'file',
                 'file_sha256', 'services')
        ordered = [{n: a[n] for n in names if n in a} for a in manager['actions']]
        digest = sha256(json.dumps(ordered, separators=(',', ':')).encode())
        other = bytes.fromhex(manager['quote'])
        check(digest == manager['actions_hash'], 'actions hash')
        check(other[568:632].hex() == digest + body['nonce'], 'manager REPORTDATA')
        check(other[376:568] == quote[376:568], 'manager registers')


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(',', ':')).encode()


def gateway(body, quote, app_id):
    report = body['attestation']
    keyset = report['workload_keyset']
    digest = 'sha256:' + sha256(jcs(keyset))
    check(digest == body['workload_keyset_digest'], 'keyset digest')
    check(report['evidence']['quote'] == body['intel_quote'], 'quote')
    check(report['report_data'] == quote[568:632].hex(), 'report data')
    listed = [k['public_key'] for k in keyset['e2ee_public_keys'] if len(k['public_key']) == 130]
    check(set(listed) == {body['signing_public_key']}, 'E2EE key')
    if 'keyset_endorsement' in report:
        identity = keyset['workload_identity']['public_key']
        check('sha256:' + sha256(jcs(identity)) == body['workload_id'], 'workload id')
        text = jcs({'purpose': 'aci.keyset.endorsement.v1', 'workload_keyset_digest': digest})
        value = bytes.fromhex(report['keyset_endorsement']['value'])
        signers = [recover(hashlib.sha256(text).digest(), value + bytes([v])) for v in (0, 1)]
        check(bytes.fromhex(identity['public_key'])[1:] in signers, 'endorsement')
    roots = set()
    for entry in report['evidence']['key_custody']['keys']:
        roots.add(custody_root(entry, app_id))
    check(len(roots - {None}) == 1, 'custody roots')


def custody_root(entry, app_id):
    public = entry.get('kms_public_key')
    if public is None:
        if len(entry['public_key']) != 130:
            return None  # an Ed25519 key of generation A cannot be followed
        public = shorten(bytes.fromhex(entry['public_key'])[1:]).hex()
    first, second = (bytes.fromhex(c) for c in entry['signature_chain'])
    app = shorten(recover(keccak256(f'{entry["purpose"]}:{public}'.encode()), first))
    return recover(keccak256(b'dstack-kms-issued:' + app_id + app), second)


def chats(sim):
    history = [{'role': 'system', 'content': 'Be short.'}, {'role': 'user', 'content': 'Hällo?'},
               {'role': 'assistant', 'content': 'Yes.'}, {'role': 'user', 'content': '[1, 2]'}]
    sim.control('/_answer', text='Grüße, 世界! ' * 3, reasoning='thinking it over', rate=0)
    for model in sim.facts['model']:
        key, status, headers, data = sim.chat(model, history)
        content, reasoning, rest = read_stream(key, data)
        check(status == 200 and content == 'Grüße, 世界! ' * 3, f'{model}: {content!r}')
        check(reasoning == 'thinking it over', f'{model}: {reasoning!r}')
        check(headers['X-Venice-TEE'] == 'true', 'TEE header')
        check(rest[0]['choices'][0]['delta'] == {'role': 'assistant', 'content': ''}, 'role chunk')
        check(rest[1]['choices'][0]['finish_reason'] == 'stop' and rest[2]['usage'], 'finish')
        check(rest[3] == '[DONE]', 'end')
        entry = sim.log()[-1]
        check([m['text'] for m in entry['messages']] == [m['content'] for m in history], 'log')
        check(entry['all_sealed'] and entry['messages'][3]['structured'], 'flags')
        check('sk-test' not in json.dumps(entry), 'the log has the API key')
        receipt(sim, model, entry['response_id'])
    ephemeral = len(set(json_blobs(sim, 'e2ee-sim-vllm')))
    check(ephemeral == 1, f'vllm: {ephemeral} ephemeral keys')
    check(len(set(json_blobs(sim, 'e2ee-sim-aci-b'))) > 8, 'fresh keys')


def costs(sim):
    """The last chunk says what an answer cost, by the prices of the list, or what it is told."""
    spec = json.loads(sim.ask('GET', PATHS['models'])[2])['data'][0]['model_spec']
    prices = [spec['pricing'][name]['usd'] for name in ('input', 'cache_input', 'output')]

    def last_chunk(order):
        sim.control('/_answer', text='one two', rate=0, **order)
        key, _, _, data = sim.chat('e2ee-sim-small')
        return read_stream(key, data)[2][2]

    for cached in (0, 5):
        chunk = last_chunk({'cached': cached})
        usage = chunk['usage']
        check(usage['prompt_tokens_details']['cached_tokens'] == cached, 'cached tokens')
        parts = usage['prompt_tokens'] - cached, cached, usage['completion_tokens']
        wanted = sum(n * p for n, p in zip(parts, prices)) / 1e6
        check(abs(chunk['cost']['usd'] - wanted) < 1e-8, f'cost with {cached} cached')
    check(last_chunk({'cost': {'usd': 7}})['cost'] == {'usd': 7}, 'a given cost')
    check('cost' not in last_chunk({'cost': None}), 'no cost')


def json_blobs(sim, model):
    data = sim.chat(model)[3].decode()
    return [line.split('"content":"')[1][:130] for line in data.split('\n')
            if '"content":"04' in line]


def receipt(sim, model, request_id):
    _, _, body = sim.ask('GET', f'/api/v1/tee/signature?model={model}&request_id={request_id}')
    body = json.loads(body)
    signer = recover(personal_digest(body['text']), bytes.fromhex(body['signature'][2:]))
    check('0x' + keccak256(signer)[12:].hex() == body['signing_address'], 'signer')
    check(signer.hex() == sim.signing_key(model)[2:], 'signer is not the bound key')
    document = body.get('receipt')
    if document:
        keyset = json.loads(sim.attest(model)[2])['attestation']['workload_keyset']
        public = bytes.fromhex(keyset['receipt_signing_keys'][0]['public_key'])
        signature = document.pop('signature')
        if not isinstance(signature, str):
            document['signature'] = {k: v for k, v in signature.items() if k != 'value'}
            signature = signature['value']
        verify.ed25519(public, bytes.fromhex(signature), jcs(document))


def refusals(sim):
    """What the real service refuses, and the one thing that it does not."""
    public = sim.signing_key('e2ee-sim-small')
    good = {'Authorization': 'Bearer sk-test', 'X-Venice-TEE-Client-Pub-Key': public,
            'X-Venice-TEE-Model-Pub-Key': public, 'X-Venice-TEE-Signing-Algo': 'ecdsa'}
    body = {'model': 'e2ee-sim-small', 'stream': True,
            'messages': [{'role': 'user', 'content': seal(public, 'hi')}]}

    def post(change=(), headers=None):
        status, _, data = sim.ask('POST', '/api/v1/chat/completions', {**body, **dict(change)},
                                  good if headers is None else headers)
        return status, data.decode()

    check(post(headers={})[0] == 401, 'no key')
    check('Unrecognized key(s)' in post({'whatever': 1})[1], 'unknown member')
    check(post({'model': 'nobody'})[0] == 404, 'unknown model')
    check(post({'stream': False})[0] == 400, 'no stream')
    check(post({'model': 'e2ee-sim-offline'})[0] == 503, 'offline')
    check(post({'tools': []})[0] == 400, 'tools')
    for content in ('', 'hello', seal(public, 'x')[:-2], seal('04' + point_of_other(), 'x')):
        check(post({'messages': [{'role': 'assistant', 'content': content}]})[0] == 400, content)
    for missing in list(good)[1:]:
        status, text = post(headers={k: v for k, v in good.items() if k != missing})
        check(status == 400 and 'Invalid E2EE headers' in text, missing)
    sim.control('/_answer', text='plain', rate=0)
    status, text = post(headers={'Authorization': 'Bearer sk-test'})
    check(status == 200 and '"content":"plain"' in text, 'the fail-open trap')
    sim.control('/_rotate')
    check('e2ee_model_key_mismatch' in post()[1], 'rotated key')


def point_of_other():
    return point(ec.generate_private_key(ec.SECP256K1())).hex()[2:]


def refused(what, judge):
    try:
        judge()
    except Exception:
        return
    raise AssertionError(f'{what} was accepted')


def gpus(sim):
    """GPU evidence by itself, and what the simulated NVIDIA says about it."""
    with open(sim.facts['gpu_root'], 'rb') as file:
        root = x509.load_pem_x509_certificate(file.read())
    for model, count in (('e2ee-sim-small', 8), ('e2ee-sim-vllm', 1)):
        nonce, _, body = sim.attest(model)
        payload = json.loads(json.loads(body)['nvidia_payload'])
        serials = [verify.spdm(entry, root, nonce)[0] for entry in payload['evidence_list']]
        check(len(set(serials)) == count, 'devices')
        answer = json.loads(sim.ask('POST', '/v3/attest/gpu', payload)[2])
        keys = json.loads(sim.ask('GET', '/.well-known/jwks.json')[2])['keys']
        overall = verify.token(answer[0][1], keys)
        check(overall['x-nvidia-overall-att-result'] is True and overall['eat_nonce'] == nonce,
              'overall result')
        for index, (gpu, text) in enumerate(answer[1].items()):
            check(overall['submods'][gpu] == ['DIGEST', ['SHA-256', sha256(text.encode())]], gpu)
            check(verify.token(text, keys)['ueid'] == str(serials[index]), 'ueid')
    for name, arch, named in (('gpu_blackwell', 'BLACKWELL', True), ('gpu_535', 'HOPPER', False),
                              ('gpu_padded', 'HOPPER', True)):
        sim.fault(name)
        nonce, _, body = sim.attest('e2ee-sim-small')
        other = json.loads(json.loads(body)['nvidia_payload'])
        devices = [verify.spdm(entry, root, nonce) for entry in other['evidence_list']]
        check(other['arch'] == arch and all(d[1] == named for d in devices), name)
        check(len({d[0] for d in devices}) == 8, f'{name}: devices')
        answer = json.loads(sim.ask('POST', '/v3/attest/gpu', other)[2])
        check(verify.token(answer[0][1], keys)['x-nvidia-overall-att-result'] is True, name)
    for name in ('gpu_fwid', 'gpu_blackwell_fwid', 'gpu_blackwell_second', 'gpu_535_signature',
                 'gpu_blackwell_signature', 'gpu_tail', 'gpu_535_nonce'):
        sim.fault(name)
        nonce, _, body = sim.attest('e2ee-sim-vllm')
        other = json.loads(json.loads(body)['nvidia_payload'])
        refused(name, lambda: verify.spdm(other['evidence_list'][0], root, nonce))
    sim.control('/_fault', name=None)
    payload['nonce'] = 'ab' * 32
    status, _, data = sim.ask('POST', '/v3/attest/gpu', payload)
    failed = verify.token(json.loads(data)[0][1], keys)
    check(status == 200 and failed['x-nvidia-overall-att-result'] is False, 'a failure is 200')


def honest_variants(sim):
    """What a client must accept although it looks different still replays and binds."""
    for name in ('config_unused', 'config_v2', 'config_v3', 'log_version_2', 'log_after_ready',
                 'changed_compose', 'changed_mrtd', 'nonce_report_data_sha256', 'quote_v5',
                 'quote_v5_td15', 'quote_processor', 'key_new_bound', 'log_stripped',
                 'os_image_unmeasured', 'app_id_unmeasured', 'key_provider_unmeasured',
                 'config_unknown', 'other_kernel', 'other_cmdline', 'shape_changed',
                 'gateway_added', 'custody_other_root', 'custody_other_app_id', 'custody_upper'):
        sim.fault(name)
        for model in sim.facts['model'][:4]:
            body = json.loads(sim.attest(model)[2])
            start = 54 if name.startswith('quote_v5') else 48
            quote = bytes.fromhex(body['intel_quote'])[start:]
            registers, runtime = replay(event_log(body))
            check(b''.join(registers) == quote[328:520], f'{name}: RTMRs of {model}')
            check(keccak256(bytes.fromhex(body['signing_public_key'])[1:])[12:] == quote[520:540],
                  f'{name}: address of {model}')
            restated(name, body, quote, runtime)


def registers_of(body):
    quote = bytes.fromhex(body['intel_quote'])
    return [quote[at:at + 48].hex() for at in (184, 376, 424, 472, 520)], quote


def forged(sim):
    """Each forgery holds in every respect but one, so its log leads to the quote."""
    for model in sim.facts['model'][:4]:
        sim.control('/_fault', name=None)
        honest = json.loads(sim.attest(model)[2])
        before, _ = registers_of(honest)
        names = [e['event'] for e in event_log(honest) if e['event_type'] == 0x08000001]

        def look(name, **arguments):
            sim.fault(name, **arguments)
            body = json.loads(sim.attest(model)[2])
            now, quote = registers_of(body)
            registers, runtime = replay(event_log(body))
            check([r.hex() for r in registers] == now[1:], f'{name}: RTMRs of {model}')
            return body, quote, [a != b for a, b in zip(before, now)], runtime

        for name, form in (('', 0), ('_v2', 2), ('_v3', 3), ('_unknown', 9)):
            body, quote, changed, runtime = look(f'rtmr3_opaque{name}', type=0x80000003)
            opaque = [e for e in event_log(body) if e['imr'] == 3 and e['event_type'] != 0x08000001]
            check(len(opaque) == len(names) and quote[232] == form, f'opaque{name}: {model}')
            check(changed == [False] * 4 + [True], f'opaque{name}: {changed}')
            check(runtime['compose-hash'] != quote[233:265], f'opaque{name}: MRCONFIGID')
            check(('app-id' in runtime) == (form != 2), f'opaque{name}: app id')
        check(look('other_kernel')[2] == [False, False, True, False, False], 'other_kernel')
        check(look('other_cmdline')[2] == [False, False, False, True, False], 'other_cmdline')
        _, _, changed, runtime = look('event_name_colon')
        split = [name for name in runtime if ':' in name]
        check(not any(changed) and (split == ['key-provider:{"name"'] or 'aci-b' in model),
              f'event_name_colon: {model}: {split}')
        body, _, changed, _ = look('shape_changed')
        check(not any(changed), 'shape_changed: another machine')
        check(('api_version' in body) != ('api_version' in honest), f'shape_changed: {model}')
        if 'api_version' in body:
            gateway(body, registers_of(body)[1], runtime['app-id'])
    sim.control('/_fault', name=None)


def managers(sim):
    """The compose manager's quote is genuine and binds its own actions; others are shown."""
    manager = json.loads(sim.attest('e2ee-sim-small')[2])['compose_manager_attestation']
    for name in ('manager_unknown_member', 'manager_unknown_unhashed', 'manager_forged_action',
                 'manager_no_actions', 'manager_no_actions_no_hash', 'manager_actions_text',
                 'manager_actions_object', 'manager_action_list'):
        sim.fault(name)
        nonce, _, body = sim.attest('e2ee-sim-small')
        shown = json.loads(body)['compose_manager_attestation']
        check(shown.get('actions') != manager['actions'], f'{name}: the actions')
        check(shown.get('actions_hash') in (None, manager['actions_hash']), f'{name}: the hash')
        check(bytes.fromhex(shown['quote'])[568:632].hex() == manager['actions_hash'] + nonce,
              f'{name}: the quote')
    sim.control('/_fault', name=None)


def members(sim):
    """Edits by path, in every form of a path."""
    def look(name, model='e2ee-sim-small', **arguments):
        sim.fault(name, **arguments)
        return json.loads(sim.attest(model)[2])

    check('nonce' not in look('absent:nonce'), 'absent')
    check(look('null:nonce')['nonce'] is None, 'null')
    check(look('empty:nonce')['nonce'] == '', 'an empty text')
    check(look('empty:server_verification.tdx')['server_verification']['tdx'] == {}, 'an object')
    check(look('empty:event_log')['event_log'] == [], 'an empty list')
    check(look('empty:request_nonce', model='e2ee-sim-aci-b', **{'as': 0})['request_nonce'] == 0,
          'a member that was not there')
    check(look('retype:verified')['verified'] == 'true', 'a text of a flag')
    check(len(look('retype:nonce')['nonce'][0]) == 64, 'a list of a text')
    check(isinstance(look('retype:nvidia_payload')['nvidia_payload'], dict), 'an object of a text')
    check(isinstance(look('retype:info')['info'], str), 'a text of an object')
    check(look('rename:nonce')['nonce_renamed'], 'another name')
    check(look('rename:nonce', to='nonsense')['nonsense'], 'a given name')
    body = look('null:server_verification.*.error')['server_verification']
    check(all(body[p]['error'] is None for p in ('tdx', 'nvidia', 'nonceBinding')), 'every part')
    check(isinstance(body['verifiedAt'], str), 'a text has no members')
    body = look('absent:info.app_id,info.tcb_info.event_log.-1.digest')
    check('app_id' not in body['info'], 'the first of two paths')
    check('digest' not in body['info']['tcb_info']['event_log'][-1], 'the second of two paths')
    body = look('absent:nvidia_payload.evidence_list.0.arch')
    entry = json.loads(body['nvidia_payload'])['evidence_list'][0]
    check('arch' not in entry and 'evidence' in entry, 'a member within a text')
    for path in ('nothing', 'info.nothing', 'info.tcb_info.event_log.99', 'nonce.x'):
        sim.log()
        look(f'absent:{path}')
        check(sim.log()[-1].get('fault_idle'), f'{path} led somewhere')
    for name in ('absent:', 'absent', 'nothing:nonce'):
        check(sim.ask('POST', '/_fault', {'name': name})[0] in (400, 404), f'{name} is a fault')
    sim.control('/_fault', name=None)


def restated(name, body, quote, runtime):
    info = body.get('info')
    if info:
        tail = quote[184:328] if any(quote[184:232]) else b''
        total = sha256(quote[136:184] + quote[328:520] + tail)
        check(total == info['mr_aggregated'], f'{name}: mr_aggregated')
        text = info['tcb_info']['app_compose'].encode()
        check(hashlib.sha256(text).digest() == runtime['compose-hash'], f'{name}: compose')
        check(info['compose_hash'] == runtime['compose-hash'].hex(), f'{name}: compose hash')


def fetcher(sim):
    def fetch(path):
        status, headers, body = sim.ask('GET', path)
        check(status == 200, f'{path}: {status}')
        chain = next((v for k, v in headers.items() if k.lower().endswith('issuer-chain')), None)
        return body, chain
    return fetch


def dcap(sim):
    """The signed quote verifies under the simulated root, for each kind of quote and status."""
    with open(sim.facts['root'], 'rb') as file:
        root = x509.load_pem_x509_certificate(file.read())

    def judge(**order):
        sim.control('/_tcb', **order)
        quote = bytes.fromhex(json.loads(sim.attest('e2ee-sim-vllm')[2])['intel_quote'])
        return verify.verify(quote, root, fetcher(sim))

    fine = {'platform': 'UpToDate', 'module': 'UpToDate', 'qe': 'UpToDate'}
    check(judge() == {**fine, 'ca': 'platform'}, 'version 4')
    check(judge(quote_version=5) == {**fine, 'ca': 'platform'}, 'version 5, TD 1.0')
    now = judge(td='1.5', ca='processor')
    check(now == {**fine, 'platform2': 'UpToDate', 'module2': 'UpToDate', 'ca': 'processor'},
          f'version 5, TD 1.5: {now}')
    for part in fine:
        check(judge(level=part, status='OutOfDate')[part] == 'OutOfDate', part)
        judge(level=part, status='UpToDate')
    now = judge(relaunch=True)
    check((now['platform'], now['platform2']) == ('OutOfDate', 'UpToDate'), f'relaunch: {now}')
    sim.control('/_reset')
    for name in ('tcb_signature', 'tcb_evil_root', 'qe_expired', 'pckcrl_evil_key', 'tcb_reordered',
                 'pckcrl_revoked', 'rootcrl_revoked_signer', 'quote_evil_root', 'quote_signature'):
        sim.fault(name)
        refused(name, judge)
        sim.control('/_fault', name=None)


def all_faults(sim):
    """Every fault strikes, and the simulator lives on."""
    listed = json.loads(sim.ask('GET', '/_faults')[2])
    sim.control('/_answer', text='one two three four five six', reasoning='think', rate=0)
    ids = {}
    for model in sim.facts['model']:
        sim.chat(model)
        ids[model] = sim.log()[-1]['response_id']
    sim.payload = json.loads(json.loads(sim.attest('e2ee-sim-vllm')[2])['nvidia_payload'])
    names = {f['name'] for f in listed}
    check(not set(CODES) - names, f'codes of unknown faults: {set(CODES) - names}')
    struck = 0
    for fault in listed:
        if fault.get('family'):
            fault['name'] = fault['name'].replace('<path>', 'nonce')
        asked = sim.facts['model'][:4] if fault['at'] in ('attestation', 'signature') else [
            'e2ee-sim-small']
        effect = any(strike(sim, fault, model, ids) for model in asked)
        check(effect, f'{fault["name"]} did nothing')
        check(len(fault['description']) > 8, f'{fault["name"]} has no description')
        struck += 1
    return struck


def strike(sim, fault, model, ids):
    paths = {'attestation': f'/api/v1/tee/attestation?model={model}&nonce={"5a" * 32}',
             'signature': f'/api/v1/tee/signature?model={model}&request_id={ids[model]}', **PATHS}
    public = sim.signing_key(model) if fault['at'] == 'chat' else None
    sim.log()
    sim.fault(fault['name'], seconds=0.05, bytes=1 << 18, path=['model'], value='x')
    try:
        if fault['at'] == 'chat':
            sim.chat(model, public=public)
        elif fault['at'] == 'nras':
            sim.ask('POST', '/v3/attest/gpu', sim.payload)
        else:
            sim.ask('GET', paths[fault['at']])
    except (OSError, ValueError) + sim.errors:
        pass
    sim.control('/_fault', name=None)
    entry = sim.log()[0]
    check('simulator_error' not in entry, f'{fault["name"]}: {entry.get("simulator_error")}')
    return entry['fault'] == fault['name'] and not entry.get('fault_idle')


def disconnects(sim):
    """A client that leaves while the answer flows, or while nothing does, is noticed at once."""
    for order, name in (({'tokens': 1000, 'rate': 20}, None), ({'text': 'a b c d e f'}, 'stall'),
                        ({'text': 'x'}, 'hang')):
        sim.control('/_reset')
        sim.control('/_answer', **order)
        if name:
            sim.fault(name)
        public = sim.signing_key('e2ee-sim-small')
        connection = sim.connect()
        message = {'role': 'user', 'content': seal(public, 'hi')}
        body = {'model': 'e2ee-sim-small', 'stream': True, 'messages': [message]}
        connection.request('POST', '/api/v1/chat/completions', json.dumps(body), {
            'Authorization': 'Bearer k', 'X-Venice-TEE-Client-Pub-Key': public,
            'X-Venice-TEE-Model-Pub-Key': public, 'X-Venice-TEE-Signing-Algo': 'ecdsa'})
        time.sleep(0.4)
        left = time.time()
        connection.sock.shutdown(2)
        connection.close()
        noticed = None
        while not noticed and time.time() < left + 3:
            time.sleep(0.05)
            noticed = json.loads(sim.ask('GET', '/_log')[2])[-1]['client_closed']
        check(noticed and noticed - left < 1, f'{name}: noticed {noticed} for {left}')


def speed(sim):
    sim.control('/_reset')
    sim.control('/_answer', tokens=8000, rate=0)
    public = sim.signing_key('e2ee-sim-small')
    start = time.time()
    data = sim.chat('e2ee-sim-small', public=public)[3]
    burst = time.time() - start
    check(data.count(b'"content":"04') == 8000, 'tokens')
    sim.control('/_answer', tokens=100, rate=200)
    start = time.time()
    sim.chat('e2ee-sim-small', public=public)
    paced = time.time() - start
    check(0.45 < paced < 2.5, f'100 tokens at 200/s took {paced:.2f} s')
    sim.control('/_answer', clear=True)
    return f'8000 tokens in {burst:.2f} s'


def ends():
    """The simulator ends by itself: stdin closed, time over, or asked to."""
    for action in ('stdin', 'quit', 'lifetime'):
        sim = Simulator(*(('--lifetime', '0.5') if action == 'lifetime' else ()))
        folder = os.path.dirname(sim.facts['root'])
        if action == 'stdin':
            sim.process.stdin.close()
        elif action == 'quit':
            sim.control('/_quit')
        check(sim.process.wait(5) == 0, f'{action}: it did not end well')
        check(not os.path.exists(folder), f'{action}: {folder} is left')
        sim.process.stdout.close()
        if not sim.process.stdin.closed:
            sim.process.stdin.close()


def with_tls():
    sim = Simulator('--tls', '--seed', 'a')
    again = Simulator('--seed', 'a')
    try:
        check(sim.url.startswith('https://'), sim.url)
        key = sim.signing_key('e2ee-sim-small')
        check(key == again.signing_key('e2ee-sim-small'), 'a seed gives the same keys')
        chats(sim)
        disconnects(sim)
    finally:
        sim.close()
        again.close()


def main():
    start = time.time()
    sim = Simulator()
    ready = time.time() - start
    check(ready < 3, f'it took {ready:.2f} s to start')
    try:
        for group in (models, attestations, honest_variants, forged, managers, members, chats,
                      costs, refusals, dcap, gpus, speed, disconnects, all_faults):
            sim.control('/_reset')
            began = time.time()
            said = group(sim)
            print(f'ok {group.__name__}{f" ({said})" if said else ""} {time.time() - began:.1f} s')
    finally:
        sim.close()
    ends()
    print('ok ends')
    with_tls()
    print(f'ok with_tls; ready after {ready:.2f} s, all in {time.time() - start:.0f} s')


if __name__ == '__main__':
    sys.exit(main())
