"""Faults that a test can switch on. Each belongs to one endpoint and touches no other.

A fault is a set of functions by stage; an endpoint calls the stages that it knows:

  reply(exchange, args)          answer in place of the endpoint (all endpoints)
  case(case, args)               change what an attestation says before it is signed
  quote(case, args) -> bytes     another quote than the built one
  body(body, context, args)      change the finished JSON object; may return another one
  raw(data, args) -> bytes       change the bytes of the body
  events(events, talk, args)     change the events of a chat stream
  wire(data, args) -> bytes      change the framing of one event of a chat stream
  object(value, args)            change TCB info or QE identity before it is signed
  signer(world) -> (key, chain)  who signs them
  chain(name, text) -> (name, text)  the issuer chain's header; no name, no header
  crl(world, kind) -> bytes      another revocation list
  claims(values, gpu), sign(nras, values)   what NVIDIA's tokens say, and how they are signed
  arm(world, args)               done once, when the fault is switched on

A family is a fault for each path of the body, and is named `edit:path` (faults/members.py):
`absent:info.app_id`, `null:nonce`, `empty:server_verification.*.error`, `retype:verified`,
`rename:signing_address`. GET /_faults lists a family once, with `<path>` in its name.
"""

import threading
from dataclasses import dataclass, field

from faults.expected import CODES

ENDPOINTS = ('chat', 'models', 'attestation', 'signature', 'tcb', 'qe', 'pckcrl', 'rootcrl', 'nras',
             'jwks')
REGISTRY = {}
FAMILIES = {}


@dataclass
class Fault:
    name: str
    at: str
    description: str
    times: int = -1  # how often it strikes unless the order says otherwise; -1 is for ever
    valid: bool = False  # whether the client must accept it; None: the contract leaves it open
    stages: dict = field(default_factory=dict)


def define(name, at, description, times=-1, valid=False, **stages):
    if name in REGISTRY:
        raise ValueError(f'two faults named {name}')
    REGISTRY[name] = Fault(name, at, description, times, valid, stages)


def define_family(edit, description, body):
    """`body(path, whole, args)` edits a body at a path."""
    FAMILIES[edit] = (description, body)


def find(name):
    """The fault of this name; KeyError if there is none."""
    edit, colon, path = name.partition(':')
    if not colon:
        return REGISTRY[name]
    if not path:
        raise ValueError(f'{name} needs a path')
    description, body = FAMILIES[edit]
    return Fault(name, 'attestation', description, stages={
        'body': lambda whole, _, args: body(path, whole, args)})


def listing():
    listed = [{'name': f.name, 'at': f.at, 'description': f.description, 'times': f.times,
               'valid': f.valid, 'code': CODES.get(f.name), 'reply': 'reply' in f.stages}
            for f in REGISTRY.values()]
    return listed + [{'name': f'{edit}:<path>', 'at': 'attestation', 'description': description,
                      'times': -1, 'valid': None, 'code': None, 'reply': False, 'family': True}
                     for edit, (description, _) in FAMILIES.items()]


class Armed:
    """A fault that is switched on, with the arguments of the order."""

    def __init__(self, fault, order):
        self.fault, self.args = fault, order
        self.at = order.get('at', fault.at)
        self.left = int(order.get('times', fault.times))

    def stage(self, stage):
        return self.fault.stages.get(stage)


class Active:
    """At most one fault per endpoint."""

    def __init__(self):
        self.lock = threading.Lock()
        self.armed = {}

    def set(self, order):
        armed = Armed(find(order['name']), order)
        if armed.at not in ENDPOINTS:
            raise ValueError('unknown endpoint in "at"')
        with self.lock:
            self.armed[armed.at] = armed

    def clear(self):
        with self.lock:
            self.armed = {}

    def describe(self):
        with self.lock:
            return [{'at': at, 'name': a.fault.name, 'left': a.left}
                    for at, a in self.armed.items()]

    def take(self, at, model=None):
        """The fault that strikes this request, if any; counts it."""
        with self.lock:
            armed = self.armed.get(at)
            if armed is None or armed.left == 0:
                return None
            if model is not None and armed.args.get('model') not in (None, model):
                return None
            armed.left -= armed.left > 0
            return armed

    def peek(self, at):
        with self.lock:
            armed = self.armed.get(at)
            return armed if armed is not None and armed.left else None


class Nothing:
    """Stands for no fault, so that endpoints need not ask."""

    args = {}
    fault = None

    def stage(self, _):
        return None


NOTHING = Nothing()
