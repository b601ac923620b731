"""The attestation body in its four shapes, A to D, and Venice's own verdict about it."""

import hashlib
import time
from dataclasses import dataclass

import aci
from entropy import label_bytes
from ethereum import address, checksummed, public_bytes
from measured import aggregated, compact, replay, stripped
from pki import days, now
from quote import Quote


@dataclass
class Case:
    """One question for an attestation and what will be said; faults change it before it is built.

    `key` is the key that the answer shows, `bound` the address in REPORTDATA. `shape` and `gateway`
    are those of the enclave, `gpu_form` is one of gpu.FORMS.
    """

    world: object
    model: object
    nonce: bytes
    nonce_source: str
    key: object
    bound: bytes
    events: list
    quote: Quote
    shape: str
    gateway: object = None
    gpu_form: str = 'hopper'

    @property
    def enclave(self):
        return self.model.enclave

    @property
    def workload(self):
        return self.model.enclave.workload


def open_case(world, model, nonce, source):
    workload, key = model.enclave.workload, model.enclave.key
    events = workload.events()
    bound = address(key)
    quote = Quote(report_data=bound + bytes(12) + nonce, rtmr=replay(events), mrtd=workload.mrtd,
                  mrconfigid=workload.mrconfigid, **world.quote_options())
    return Case(world, model, nonce, source, key, bound, events, quote, model.enclave.shape,
                model.enclave.gateway)


def server_verification(case):
    q, stamp = case.quote, now().strftime('%Y-%m-%dT%H:%M:%S.417Z')
    later = (now() + days(1)).strftime('%Y-%m-%dT%H:%M:%S.000Z')
    hashed = q.report_data[32:] == hashlib.sha256(case.nonce).digest()
    measurements = {'mrtd': q.mrtd.hex(), 'mrconfigid': q.mrconfigid.hex(), 'mrowner': '00' * 48,
                    'mrownerconfig': '00' * 48}
    measurements.update({f'rtmr{i}': r.hex() for i, r in enumerate(q.rtmr)})
    measurements.update(tdAttributes=q.td_attributes.hex(), xfam=q.xfam.hex())
    return {
        'tdx': {'valid': True, 'signatureValid': True, 'certificateChainValid': True,
                'rootCaPinned': True, 'attestationKeyMatch': True,
                'reportData': q.report_data.hex(), 'measurements': measurements,
                'crlCheck': {'checked': True, 'revoked': False}},
        'nvidia': {'valid': True, 'signatureVerified': True,
                   'certificateChainStatus': {'valid': True, 'intermediatePinned': True,
                                              'leafCertExpiry': later}},
        'signingAddressBinding': {'bound': True,
                                  'reportDataAddress': '0x' + q.report_data[:20].hex()},
        'nonceBinding': {'bound': True, 'method': 'sha256' if hashed else 'raw'},
        'nvidiaNonceBinding': {'bound': True, 'method': 'nvidia_payload'},
        'verifiedAt': stamp, 'verificationDurationMs': 193}


def common(case, quote_hex):
    """What every shape has, as Venice adds it."""
    enclave = case.enclave
    shown = address(case.key)
    return {
        'signing_address': checksummed(shown) if case.shape in 'BD' else '0x' + shown.hex(),
        'signing_algo': 'ecdsa', 'signing_public_key': public_bytes(case.key).hex(),
        'intel_quote': quote_hex,
        'nvidia_payload': case.world.gpus.payload(enclave.workload.gpus or 1, case.nonce,
                                                  case.gpu_form),
        'verified': True, 'model': case.model.id, 'nonce': case.nonce.hex(),
        'nonce_source': case.nonce_source, 'tee_provider': enclave.provider,
        'tee_hardware': 'intel-tdx', 'upstream_model': case.model.upstream,
        'server_verification': server_verification(case),
        'candidates_evaluated': 1, 'candidates_available': 1}


def tcb_info(case):
    """dstack restates the registers beside the quote; a verifier compares, never uses them."""
    w = case.workload
    info = {'mrtd': case.quote.mrtd.hex()}
    info.update({f'rtmr{i}': r.hex() for i, r in enumerate(case.quote.rtmr)})
    info.update(compose_hash=w.compose_hash.hex(), os_image_hash=w.os_image.hex(),
                device_id=w.device_id.hex(), app_compose=w.compose, event_log=case.events)
    return info


def info(case):
    w = case.workload
    return {
        'app_id': w.app_id.hex(), 'instance_id': w.instance_id.hex(), 'app_name': w.label,
        'app_cert': case.world.app_certificate(), 'compose_hash': w.compose_hash.hex(),
        'device_id': w.device_id.hex(), 'key_provider_info': w.key_provider,
        'mr_aggregated': aggregated(case.quote).hex(), 'os_image_hash': w.os_image.hex(),
        'tcb_info': tcb_info(case), 'vm_config': w.vm_config}


ACTION_KEYS = ('timestamp', 'action', 'container', 'image', 'tag', 'commit', 'file', 'file_sha256',
               'services')


def compose_manager(case):
    """NEAR's statement which files its manager started, in a quote of its own."""
    actions = [
        {'timestamp': '2026-03-12T11:39:24.402600192+00:00', 'action': 'compose_up',
         'tag': 'v0.0.57', 'commit': label_bytes('commit 1', 20).hex(), 'file': 'Small-8B.yaml',
         'file_sha256': label_bytes('file 1', 32).hex()},
        {'timestamp': '2026-05-02T09:00:01.000000001+00:00', 'action': 'compose_up',
         'tag': 'v0.0.58', 'commit': label_bytes('commit 2', 20).hex(), 'file': 'Small-8B.yaml',
         'file_sha256': label_bytes('file 2', 32).hex(), 'services': ['proxy-1', 'engine-1']}]
    ordered = [{k: a[k] for k in ACTION_KEYS if k in a} for a in actions]
    digest = hashlib.sha256(compact(ordered).encode()).digest()
    quote = case.quote.changed(report_data=digest + case.nonce)
    return {'actions': [dict(sorted(a.items())) for a in actions], 'actions_hash': digest.hex(),
            'event_log': compact(case.events), 'nonce': case.nonce.hex(),
            'nonce_source': case.nonce_source, 'quote': case.world.platform.build(quote).hex(),
            'report_data': (digest + case.nonce).hex(), 'vm_config': case.workload.vm_config}


def shape_a(case, body):
    body.update(model_name=case.model.upstream, request_nonce=case.nonce.hex(),
                signing_key=body['signing_public_key'], event_log=case.events, info=info(case),
                ohttp_key_config='010020' + label_bytes('ohttp', 32).hex() + '00080001000100010003',
                compose_manager_attestation=compose_manager(case))


def shape_b(case, body):
    body.update(request_nonce=case.nonce.hex(), quote=body['intel_quote'],
                event_log=compact(stripped(case.events)), vm_config=case.workload.vm_config,
                info=info(case))


def gateway_report(case, body):
    """The members of both gateway generations."""
    gateway, report_data = case.gateway, case.quote.report_data.hex()
    keyset = gateway.keyset(case.key)
    body.update(api_version='aci/1', workload_keyset_digest=aci.digest_of(keyset),
                service_capabilities={'supported_e2ee_versions': ['2']})
    evidence = {
        'quote': body['intel_quote'], 'quote_report_data': report_data,
        'event_log': compact(case.events), 'vm_config': case.workload.vm_config,
        'key_custody': gateway.custody(case.key),
        'downstream_tls_binding': {'domain': 'gateway.example.invalid',
                                   'spki_sha256': label_bytes('downstream tls', 32).hex()}}
    body['attestation'] = {
        'tee_type': 'tdx', 'workload_keyset': keyset, 'report_data': report_data,
        'source_provenance': {'repo_url': aci.REPOSITORY,
                              'repo_commit': label_bytes('gateway commit', 20).hex(),
                              'image_digest': None, 'image_provenance': None},
        'evidence': evidence}
    return body['attestation']


def shape_c(case, body):
    report = gateway_report(case, body)
    gateway = case.gateway
    body['workload_id'] = aci.digest_of(gateway.identity_object())
    moment = int(time.time())
    report.update(vendor='simulated-gateway',
                  keyset_endorsement=gateway.endorsement(body['workload_keyset_digest']),
                  freshness={'fetched_at': moment - 1, 'stale_after': moment + 3600})


def shape_d(case, body):
    gateway_report(case, body)['evidence']['app_compose'] = case.workload.compose


SHAPES = {'A': shape_a, 'B': shape_b, 'C': shape_c, 'D': shape_d}


def build(case, quote_bytes=None):
    """The whole body of GET /tee/attestation, as an object."""
    quote_bytes = case.world.platform.build(case.quote) if quote_bytes is None else quote_bytes
    body = common(case, quote_bytes.hex())
    SHAPES[case.shape](case, body)
    return body
