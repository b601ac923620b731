"""What runs in the enclave: compose text, virtual machine, and the event log behind the RTMRs."""

import hashlib
import json
import struct

from entropy import label_bytes

RUNTIME_EVENT = 0x08000001
BOOT_EVENTS = (  # (register, TCG event type, name): boot events are decoration to a verifier
    [(0, 0x8000000B, ''), (0, 0x8000000A, ''), (0, 0x80000001, '')] + [(0, 0x80000002, '')] * 4
    + [(0, 4, ''), (0, 10, 'acpi-loader'), (0, 10, 'acpi-rsdp'), (0, 10, 'acpi-tables')]
    + [(1, 0x80000003, ''), (1, 0x80000007, ''), (1, 4, ''), (1, 0x80000007, ''),
       (1, 0x80000007, '')]
    + [(2, 6, ''), (2, 6, ''), (2, 13, ''), (2, 13, '')])


def compact(value):
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)


def canonical(value):
    """RFC 8785 for what we hash: ASCII names, and no number that JavaScript would round."""
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False, sort_keys=True)


def extend(register, digest):
    return hashlib.sha384(register + digest.ljust(48, b'\0')).digest()


def replay(events):
    """RTMR0 to RTMR3 after these events."""
    registers = [bytes(48)] * 4
    for event in events:
        registers[event['imr']] = extend(registers[event['imr']], bytes.fromhex(event['digest']))
    return registers


def runtime_event(name, payload, version=1):
    if version == 1:
        preimage = struct.pack('<I', RUNTIME_EVENT) + b':' + name.encode() + b':' + payload
    else:
        preimage = canonical({'name': name, 'payload': payload.hex(),
                              'type': RUNTIME_EVENT}).encode()
    event = {'imr': 3, 'event_type': RUNTIME_EVENT, 'digest': hashlib.sha384(preimage).hexdigest(),
             'event': name, 'event_payload': payload.hex()}
    if version == 2:
        event.update(version=2, preimage=preimage.hex())
    return event


def stripped(events):
    """The short form: boot events without payload, runtime events without digest."""
    return [dict(e, digest='') if e['event_type'] == RUNTIME_EVENT else dict(e, event_payload='')
            for e in events]


class Workload:
    """One measured virtual machine; all of it public, and the same in every run."""

    def __init__(self, label, *, gpus, event_version=1, kms_key):
        self.label, self.gpus, self.event_version = label, gpus, event_version
        self.app_id = label_bytes(f'app {label}', 20)
        self.instance_id = label_bytes(f'instance {label}', 20)
        self.device_id = label_bytes('device', 32)
        self.os_image = label_bytes('os image', 32)
        self.mrtd = label_bytes('mrtd', 48)
        self.key_provider = compact({'name': 'kms', 'id': kms_key.hex()})
        self.image = f'sim/{label}@sha256:{label_bytes("image " + label, 32).hex()}'
        self.compose = self.compose_text()

    def compose_text(self):
        docker = ('services:\n  model:\n    image: ' + self.image + '\n    restart: always\n'
                  '    ports: ["8000:8000"]\n    volumes:\n'
                  '      - /var/run/dstack.sock:/var/run/dstack.sock\n')
        return json.dumps({
            'manifest_version': 2, 'name': self.label, 'runner': 'docker-compose',
            'docker_compose_file': docker, 'kms_enabled': True, 'gateway_enabled': False,
            'public_logs': False, 'public_sysinfo': True, 'secure_time': False,
            'allowed_envs': ['MODEL_NAME'], 'pre_launch_script': '# simulator – “nothing”\n',
        }, indent=2, ensure_ascii=False)

    @property
    def compose_hash(self):
        return hashlib.sha256(self.compose.encode()).digest()

    @property
    def mrconfigid(self):
        return b'\x01' + self.compose_hash + bytes(15)

    @property
    def vm_config(self):
        return compact({
            'spec_version': 1, 'os_image_hash': self.os_image.hex(), 'cpu_count': 8 + 4 * self.gpus,
            'memory_size': 64 << 30, 'qemu_version': '9.2.1', 'pci_hole64_size': 1 << 40,
            'hugepages': False, 'num_gpus': self.gpus, 'num_nvswitches': 0, 'hotplug_off': True,
            'image': 'simulator-0.1'})

    def events(self):
        log = []
        for index, (register, kind, name) in enumerate(BOOT_EVENTS):
            log.append({'imr': register, 'event_type': kind,
                        'digest': label_bytes(f'boot event {index}', 48).hex(), 'event': name,
                        'event_payload': label_bytes(f'boot payload {index}', 20 + index).hex()})
        steps = (('system-preparing', b''), ('app-id', self.app_id),
                 ('compose-hash', self.compose_hash), ('instance-id', self.instance_id),
                 ('boot-mr-done', b''), ('mr-kms', label_bytes('mr kms', 32)),
                 ('os-image-hash', self.os_image), ('key-provider', self.key_provider.encode()),
                 ('storage-fs', b'zfs'), ('system-ready', b''))
        return log + [runtime_event(name, data, self.event_version) for name, data in steps]


def aggregated(quote):
    """dstack's sum of a quote's registers; the last three count only if one of them is set."""
    tail = quote.mrconfigid + bytes(96) if any(quote.mrconfigid) else b''
    return hashlib.sha256(quote.mrtd + b''.join(quote.rtmr) + tail).digest()
