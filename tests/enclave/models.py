"""The catalogue: which models there are, and the key and machine of each enclave model."""

import time

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aci import Gateway
from measured import Workload


PRICES = (0.15, 0.03, 0.6)  # dollars a million: prompt, prompt from the cache, completion


class Enclave:
    """The machine behind one model: its workload and its present key."""

    def __init__(self, entropy, label, shape, gpus, event_version=1):
        kms = entropy.p256('kms').public_key()
        kms = kms.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.entropy, self.label, self.shape = entropy, label, shape
        self.workload = Workload(label, gpus=gpus, event_version=event_version, kms_key=kms)
        self.key = entropy.k256(f'model {label}')
        self.rotations = 0
        self.provider = 'near-ai' if shape == 'A' else 'phala'
        generation = {'C': 'A', 'D': 'B'}.get(shape)
        self.gateway = generation and self.gateway_of(generation)

    def gateway_of(self, generation):
        """The documents of a gateway on this machine: generation 'A' (shape C) or 'B' (shape D)."""
        return Gateway(self.entropy, self.label, generation, self.workload)

    def rotate(self):
        """A new key, as after a redeployment: sessions with the old one fail from now on."""
        self.rotations += 1
        self.key = self.entropy.k256(f'model {self.label} {self.rotations}')

    def other_key(self):
        return ec.generate_private_key(ec.SECP256K1())


class Model:
    def __init__(self, id_, title, *, upstream='', enclave=None, e2ee=False, tee=False,
                 reasoning=None, kind='text', context=32768, output=4096, offline=False):
        self.id, self.title, self.upstream, self.enclave = id_, title, upstream, enclave
        self.e2ee, self.tee, self.reasoning = e2ee, tee, reasoning
        self.kind, self.context, self.output, self.offline = kind, context, output, offline

    def entry(self):
        """The member of `data` in the answer of /models."""
        flags = {
            'optimizedForCode': False, 'quantization': 'fp8', 'supportsAudioInput': False,
            'supportsE2EE': self.e2ee, 'supportsFunctionCalling': True, 'supportsLogProbs': False,
            'supportsReasoning': bool(self.reasoning), 'supportsReasoningEffort': False,
            'supportsResponseSchema': True, 'supportsTeeAttestation': self.tee,
            'supportsVision': False, 'supportsVideoInput': False, 'supportsWebSearch': False}
        spec = {
            'name': self.title, 'availableContextTokens': self.context,
            'maxCompletionTokens': self.output, 'capabilities': flags, 'description': 'Simulated.',
            'constraints': {'temperature': {'default': 0.7}, 'top_p': {'default': 0.95}},
            'modelSource': f'https://example.invalid/{self.upstream or self.id}',
            'offline': self.offline, 'privacy': 'private', 'traits': [],
            'pricing': {name: {'usd': price, 'diem': price} for name, price in zip(
                ('input', 'cache_input', 'output'), PRICES)}}
        if self.id == 'e2ee-sim-aci-a':
            spec['deprecation'] = {'date': '2036-01-01T00:00:00.000Z'}
        return {'id': self.id, 'object': 'model', 'created': 1790000000, 'owned_by': 'venice.ai',
                'type': self.kind, 'model_spec': spec}


def catalogue(entropy):
    """All models, in the order in which they are listed."""
    near = Enclave(entropy, 'sim-small', 'A', 8)
    vllm = Enclave(entropy, 'sim-vllm', 'B', 1)
    gate_a = Enclave(entropy, 'sim-aci-a', 'C', 0)
    gate_b = Enclave(entropy, 'sim-aci-b', 'D', 0, event_version=2)
    both = {'e2ee': True, 'tee': True}
    return [
        Model('e2ee-sim-small', 'Simulated Small', upstream='Sim/Small-8B', enclave=near,
              reasoning='reasoning_content', **both),
        Model('e2ee-sim-vllm', 'Simulated vLLM', upstream='sim/vllm-30b', enclave=vllm,
              context=131072, **both),
        Model('e2ee-sim-aci-a', 'Simulated Gateway A', upstream='sim/gateway-a', enclave=gate_a,
              reasoning='reasoning', context=200000, output=32768, **both),
        Model('e2ee-sim-aci-b', 'Simulated Gateway B', upstream='sim/gateway-b', enclave=gate_b,
              context=1000000, output=65536, **both),
        Model('tee-sim-small', 'Simulated Small (alias)', upstream='Sim/Small-8B', enclave=near,
              reasoning='reasoning_content', **both),
        Model('e2ee-sim-offline', 'Simulated, offline', upstream='sim/offline', offline=True,
              enclave=near, **both),
        Model('e2ee-sim-retired', 'Simulated, prefix without the capability', tee=True,
              upstream='sim/retired', enclave=near),
        Model('sim-plain-70b', 'Simulated Plain', upstream='sim/plain-70b', context=65536),
        Model('sim-image', 'Simulated Painter', kind='image'),
    ]


def listing(models, kind=None):
    kind = kind or 'text'
    data = [m.entry() for m in models if kind in ('all', m.kind)]
    return {'data': data, 'object': 'list', 'type': kind}


def completion_id():
    return 'chatcmpl-%032x' % (time.time_ns() * 0x9E3779B97F4A7C15 % 2**128)
