"""A complete simulated Venice on loopback: /usr/bin/python3 tests/enclave --port N"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import server
from pki import pem
from world import World


def arguments():
    parser = argparse.ArgumentParser(prog='enclave', description=__doc__)
    parser.add_argument('--port', type=int, default=0, help='0: any free port')
    parser.add_argument('--tls', action='store_true', help='https with a certificate of its own')
    parser.add_argument('--state-dir', help='where root.pem goes; default: a temporary folder')
    parser.add_argument('--lifetime', type=float, default=3600, help='seconds until it ends')
    parser.add_argument('--stdin-guard', action='store_true',
                        help='end when stdin closes or the parent dies')
    parser.add_argument('--quote-version', type=int, choices=(4, 5), default=4)
    parser.add_argument('--seed', help='the same keys again in the next run')
    parser.add_argument('--key', help='the only API key that is taken; default: any')
    return parser.parse_args()


def guard_stdin(stop, parent):
    """A test that crashes must not leave a server behind."""
    def read():
        while os.read(0, 4096):
            pass
        stop.set()

    def watch():
        while os.getppid() == parent:
            time.sleep(0.25)
        stop.set()

    for target in (read, watch):
        threading.Thread(target=target, daemon=True).start()


def announce(world, url, ca_path):
    lines = [f'listening {url}']
    lines += [f'model {m.id}' for m in world.models if m.e2ee and not m.offline]
    lines.append(f'gpu_root {world.options.gpu_root_path}')
    lines.append(f'root {world.options.root_path}')
    if ca_path:
        lines.append(f'tls_ca {ca_path}')
    print('\n'.join(lines), flush=True)


def run(options):
    world = World(options)
    options.root_path = options.state_path / 'root.pem'
    options.root_path.write_text(pem(world.pki.root))
    options.gpu_root_path = options.state_path / 'gpu_root.pem'
    options.gpu_root_path.write_text(pem(world.gpus.root))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: world.stop.set())
    try:
        listener, url, ca_path = server.open_server(world, options)
    except OSError as error:
        sys.exit(f'enclave: cannot listen on port {options.port}: {error.strerror}')
    if options.stdin_guard:
        guard_stdin(world.stop, os.getppid())
    threading.Thread(target=listener.serve_forever, args=(0.1,), daemon=True).start()
    announce(world, url, ca_path)
    world.stop.wait(options.lifetime)
    world.stop.set()  # ends the waits of running answers
    listener.socket.close()
    time.sleep(0.05)  # lets the answer of /_quit leave


def main():
    options = arguments()
    own = options.state_dir is None
    options.state_path = Path(tempfile.mkdtemp(prefix='venice-enclave-') if own
                              else options.state_dir)
    options.state_path.mkdir(parents=True, exist_ok=True)
    try:
        run(options)
    finally:
        if own:
            shutil.rmtree(options.state_path, ignore_errors=True)


main()
