"""Which path is answered by what."""

import chat
import collateral
import control
import faults
import faults.blobs
import faults.code
import faults.collateral
import faults.endings
import faults.events
import faults.evidence
import faults.gateway
import faults.forged
import faults.gpu
import faults.members
import faults.receipts
import faults.replies  # noqa: F401 (the imports fill the registry)
import models
import nras
import shapes
import signature
from faults import NOTHING
from measured import compact


def begin(exchange, at, model=None):
    """The fault of this request; an answer that it gives itself ends the request here."""
    armed = exchange.world.faults.take(at, model) or NOTHING
    if armed.fault:
        exchange.entry['fault'] = armed.fault.name
        reply = armed.stage('reply')
        if reply and reply(exchange, armed.args):
            return None
    return armed


def finish(exchange, armed, body, context=None):
    """Send a JSON body after the fault had its hand on it."""
    good = data = compact(body).encode()
    if armed.stage('body'):
        changed = armed.stage('body')(body, context, armed.args)
        data = compact(body if changed is None else changed).encode()
    if armed.stage('raw'):
        data = armed.stage('raw')(data, armed.args)
    struck = data != good or armed.stage('case') or armed.stage('quote')
    if not struck and (armed.stage('body') or armed.stage('raw')):
        exchange.entry['fault_idle'] = True  # this shape has no such member
    exchange.send_bytes(200, data)


def list_models(exchange):
    armed = begin(exchange, 'models')
    if armed:
        finish(exchange, armed, models.listing(exchange.world.models, exchange.query.get('type')))


def attestation(exchange):
    wanted, nonce = exchange.query.get('model', ''), exchange.query.get('nonce')
    exchange.entry['model'] = wanted
    armed = begin(exchange, 'attestation', wanted)
    if not armed:
        return
    world, model = exchange.world, exchange.world.model(wanted)
    if model is None:
        return exchange.send_json(404, {'error': 'Specified model not found'})
    if not model.tee:
        return exchange.send_json(400, {'error': 'Model does not support TEE attestation'})
    try:
        given = bytes.fromhex(nonce) if nonce is not None else world.entropy.secret('own nonce')
    except ValueError:
        given = b''
    if len(given) != 32 or (nonce is not None and len(nonce) != 64):
        return exchange.send_json(400, {'error': 'Invalid nonce: expected 64 hex characters'})
    case = shapes.open_case(world, model, given, 'server' if nonce is None else 'client')
    if armed.stage('case'):
        armed.stage('case')(case, armed.args)
    quote = armed.stage('quote') and armed.stage('quote')(case, armed.args)
    finish(exchange, armed, shapes.build(case, quote or None), case)


def not_found(exchange):
    exchange.send_json(404, {'error': 'Not found'})


ROUTES = {
    ('GET', '/api/v1/models'): list_models,
    ('GET', '/api/v1/tee/attestation'): attestation,
    ('GET', '/api/v1/tee/signature'): lambda x: signature.serve(x, begin, finish),
    ('POST', '/api/v1/chat/completions'): lambda x: chat.serve(x, begin),
    ('GET', '/tdx/certification/v4/tcb'): lambda x: collateral.serve(x, 'tcb', begin),
    ('GET', '/tdx/certification/v4/qe/identity'): lambda x: collateral.serve(x, 'qe', begin),
    ('GET', '/sgx/certification/v4/pckcrl'): lambda x: collateral.serve(x, 'pckcrl', begin),
    ('GET', '/sgx/certification/v4/rootcacrl'): lambda x: collateral.serve(x, 'rootcrl', begin),
    ('GET', '/IntelSGXRootCA.der'): lambda x: collateral.serve(x, 'rootcrl', begin),
    ('POST', '/v3/attest/gpu'): lambda x: nras.serve_attest(x, begin, finish),
    ('GET', '/.well-known/jwks.json'): lambda x: nras.serve_jwks(x, begin, finish),
    **control.ROUTES,
}


def dispatch(exchange):
    ROUTES.get((exchange.command, exchange.route), not_found)(exchange)
