"""The endpoints for tests. Orders are JSON objects; a wrong one is answered with 400.

GET  /_faults    the list: name, endpoint, description, how often it strikes; `valid`: whether a
                 client must accept what it does (null: either will do); `code` if the contract
                 fixes the error or reason; `reply` if it answers in place of the endpoint. An
                 entry with `family` stands for one fault for each path of the body
POST /_fault     {"name": X, "times": N, "at": endpoint, "model": id, ...arguments of the fault};
                 one fault per endpoint at a time; name null or "none" clears all. X may be
                 `absent:path`, `null:path`, `empty:path`, `retype:path` or `rename:path`, which
                 edits the body just before it is sent; `at` picks another endpoint's body
POST /_answer    the next answers: one of "text", "chunks": [...], "tokens": N; and "reasoning",
                 "rate": tokens a second (0: sealed first, then sent at once), "times": N (-1, the
                 default, is a standing order; counted orders go first), "usage", "finish_reason",
                 "delay": seconds before the headers, "first_token": seconds before the first
                 piece, "batch": events per write, "cached": prompt tokens from the cache, "cost":
                 the member `cost` of the last chunk (null: none). {} brings the default answer back
GET  /_log       all requests but these, in order; ?clear=1 empties the log afterwards
POST /_tcb       {"level": "platform"|"module"|"qe", "status", "date", "advisories"}, and any of
                 "quote_version": 4|5, "td": "1.0"|"1.5", "ca": "platform"|"processor",
                 "relaunch": true, "evaluation": N, "qe_evaluation": N, "next_update_days": N
POST /_rotate    {"model": id}: a new key for one model, or for all
GET  /_state     keys, addresses and measurements of the models; the faults that are on
POST /_reset     faults, answers, log and TCB as at the start; keys stay
POST /_quit      the end
"""

import json

import faults
from ethereum import address, public_bytes


def order_of(exchange):
    value = json.loads(exchange.body or b'{}')
    if not isinstance(value, dict):
        raise ValueError('expected an object')
    return value


def checked(function):
    """A mistake in a test's order is told, not swallowed."""
    def run(exchange):
        try:
            function(exchange)
        except (ValueError, KeyError, TypeError) as error:
            exchange.send_json(400, {'error': f'{type(error).__name__}: {error}'})
    return run


@checked
def list_faults(exchange):
    exchange.send_json(200, faults.listing())


@checked
def set_fault(exchange):
    order = order_of(exchange)
    world = exchange.world
    if order.get('name') in (None, 'none'):
        world.faults.clear()
    else:
        try:
            fault = faults.find(order['name'])
        except KeyError:
            return exchange.send_json(404, {'error': 'unknown fault', 'name': order['name']})
        world.faults.set(order)
        if fault.stages.get('arm'):
            fault.stages['arm'](world, order)
    exchange.send_json(200, {'ok': True, 'active': world.faults.describe()})


@checked
def set_answer(exchange):
    order = order_of(exchange)
    script = exchange.world.answers
    if not order or order.get('clear'):
        script.clear()
    else:
        script.add(order)
    exchange.send_json(200, {'ok': True})


@checked
def show_log(exchange):
    world = exchange.world
    with world.lock:
        entries = list(world.log)
        if 'clear' in exchange.query:
            world.log = []
    exchange.send_json(200, entries)


@checked
def reset(exchange):
    exchange.world.reset()
    exchange.send_json(200, {'ok': True})


@checked
def rotate(exchange):
    """New keys for one model, or for all."""
    wanted = order_of(exchange).get('model')
    for model in exchange.world.models:
        if model.enclave and wanted in (None, model.id):
            model.enclave.rotate()
    exchange.send_json(200, {'ok': True})


@checked
def state(exchange):
    world = exchange.world
    enclaves = {m.id: {'shape': m.enclave.shape, 'signing_key': public_bytes(m.enclave.key).hex(),
                       'signing_address': '0x' + address(m.enclave.key).hex(),
                       'app_id': m.enclave.workload.app_id.hex(),
                       'compose_hash': m.enclave.workload.compose_hash.hex(),
                       'mrtd': m.enclave.workload.mrtd.hex()}
                for m in world.models if m.enclave}
    exchange.send_json(200, {'models': enclaves, 'faults': world.faults.describe(),
                             'root': str(world.options.root_path)})


@checked
def set_tcb(exchange):
    exchange.world.collateral.order(order_of(exchange))
    exchange.send_json(200, {'ok': True})


def quit_(exchange):
    exchange.close_connection = True
    exchange.send_json(200, {'ok': True})
    exchange.world.stop.set()


ROUTES = {
    ('GET', '/_faults'): list_faults, ('POST', '/_fault'): set_fault,
    ('POST', '/_answer'): set_answer, ('GET', '/_log'): show_log, ('POST', '/_reset'): reset,
    ('POST', '/_rotate'): rotate, ('GET', '/_state'): state, ('POST', '/_tcb'): set_tcb,
    ('POST', '/_quit'): quit_,
}
