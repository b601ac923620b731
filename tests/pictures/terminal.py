"""What a picture is taken of: Neovim in tmux, and the simulated service that it talks to."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30  # seconds until what is waited for must be there


class Simulator:
    """tests/enclave with the same keys each time. It ends with us: its input is our pipe."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / 'tests/enclave'), '--port', '0', '--stdin-guard',
             '--seed', 'pictures', '--state-dir', str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = {}
        for line in self.process.stdout:
            key, _, value = line.strip().partition(' ')
            self.said.setdefault(key, value)
            if key == 'root':  # the last line
                break
        if 'root' not in self.said:
            sys.exit('venice: the simulator did not start')
        self.url = self.said['listening']

    def answer(self, **order):
        """What the next answers say; see tests/enclave/control.py."""
        request = urllib.request.Request(self.url + '/_answer', json.dumps(order).encode())
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class Terminal:
    """A tmux server of its own with one window, in which Neovim runs without a user's files."""

    def __init__(self, folder, columns, lines, argv, env, cwd):
        self.columns, self.lines = columns, lines
        self.socket = str(folder / 'tmux')
        config = folder / 'tmux.conf'
        config.write_text('set -g status off\nset -g default-terminal tmux-256color\n'
                          'set -sg escape-time 0\n')
        subprocess.run(['tmux', '-S', self.socket, '-f', str(config), 'new-session', '-d',
                        '-x', str(columns), '-y', str(lines), '-c', str(cwd), *argv],
                       env=env, check=True)

    def tmux(self, *argv):
        done = subprocess.run(['tmux', '-S', self.socket, *argv], check=True, text=True,
                              stdout=subprocess.PIPE)
        return done.stdout

    def keys(self, *keys):
        """Keys as tmux names them; what is no name is typed as it is."""
        for key in keys:
            self.tmux('send-keys', key)

    def type(self, text):
        self.tmux('send-keys', '-l', text)

    def wait(self, *words):
        """Until all of these words are on the screen, and it has come to rest."""
        end, before = time.monotonic() + PATIENCE, None
        while time.monotonic() < end:
            screen = self.tmux('capture-pane', '-p')
            if all(word in screen for word in words):
                if before == screen:
                    return
                before = screen
            time.sleep(0.2)
        sys.exit(f'venice: waited for {words} in vain, on this screen:\n'
                 + self.tmux('capture-pane', '-p'))

    def wait_for_part(self, words):
        """Until words are on the screen, however much more is on its way."""
        end = time.monotonic() + PATIENCE
        while words not in self.tmux('capture-pane', '-p'):
            if time.monotonic() > end:
                sys.exit(f'venice: waited for {words!r} in vain, on this screen:\n'
                         + self.tmux('capture-pane', '-p'))
            time.sleep(0.02)

    def capture(self):
        return self.tmux('capture-pane', '-e', '-N', '-p')

    def cursor(self):
        x, y, is_shown = self.tmux('display-message', '-p',
                                   '#{cursor_x} #{cursor_y} #{cursor_flag}').split()
        return (int(x), int(y)) if is_shown == '1' else None

    def stop(self):
        subprocess.run(['tmux', '-S', self.socket, 'kill-server'], stderr=subprocess.DEVNULL,
                       check=False)


def environment(folder, simulator):
    """Nothing of the user's, and no key but one that only the simulator takes."""
    env = {'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', 'LC_ALL': 'C.UTF-8',
           'TERM': 'tmux-256color', 'COLORTERM': 'truecolor', 'SHELL': '/bin/sh',
           'VENICE_API_KEY': 'any', 'VENICE_URL': simulator.url,
           'VENICE_ROOT': simulator.said['root'], 'VENICE_GPU_ROOT': simulator.said['gpu_root'],
           'VENICE_MODEL': simulator.said['model']}
    for name, part in (('HOME', 'home'), ('TMPDIR', 'tmp'), ('XDG_RUNTIME_DIR', 'run'),
                       ('XDG_CONFIG_HOME', 'config'), ('XDG_DATA_HOME', 'data'),
                       ('XDG_STATE_HOME', 'state'), ('XDG_CACHE_HOME', 'cache')):
        (folder / part).mkdir(mode=0o700, exist_ok=True)
        env[name] = str(folder / part)
    return env


def missing_program(nvim):
    """The name of a program that is not there, or None."""
    return next((name for name in ('tmux', nvim) if not shutil.which(name)), None)
