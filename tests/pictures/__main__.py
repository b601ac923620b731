"""The pictures of doc/: the real plugin on the simulated service, driven by keys.

    python3 tests/pictures [name ...]     chat, attest; default: all

NVIM_EXEC picks the Neovim. Keys, texts and sizes are the same each time; dates are not.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import svg
from terminal import ROOT, Simulator, Terminal, environment, missing_program

HERE = Path(__file__).resolve().parent
NVIM = os.environ.get('NVIM_EXEC', 'nvim')

WHY = """\
The `except` branch sleeps first, and only then the loop asks for attempts.
So the last failure waits for nothing: 8 seconds. Look before you sleep:

```python
        except OSError as error:
            attempts -= 1
            if attempts == 0:
                raise TimeoutError from error
            time.sleep(delay)
```

`from error` keeps the cause, which the line below the loop has lost.
"""
THOUGHTS = """\
The loop sleeps in the except branch, after the last failure too.
Delays: 0.5, 1, 2, 4, 8. So the last one costs 8 seconds.
The fix is to test first, and to keep the cause.
"""

RETRY = """\
def retry(call, attempts=5):
    delay = 0.5
    while True:
        try:
            return call()
        except OSError as error:
            attempts -= 1
            if attempts == 0:
                raise TimeoutError from error
            time.sleep(delay)
            delay *= 2
"""

CALL = """\
I run its tests first, to see what they say now.
<tool_call>
{"name": "run_command", "arguments": {"argv": ["python3", "-m", "unittest", "-v", "test_backoff"]}}
</tool_call>"""


class Scene:
    """One terminal with one Neovim that shows backoff.py."""

    def __init__(self, folder, simulator, columns=114, lines=30):
        project = folder / 'home' / 'project'
        project.mkdir(mode=0o700, parents=True)
        shutil.copy(HERE / 'backoff.py', project)
        self.folder, self.simulator = folder, simulator
        self.terminal = Terminal(
            folder, columns, lines,
            [NVIM, '--clean', '-n', '-i', 'NONE', '--cmd', f'set runtimepath^={ROOT}',
             '-c', f'luafile {HERE}/setup.lua', 'backoff.py'],
            environment(folder, simulator), project)
        self.terminal.wait('def retry')

    def shoot(self, name, title):
        """Writes doc/NAME.svg."""
        terminal = self.terminal
        text = terminal.capture().replace(f'{self.folder}/home', '~')
        picture = svg.render(text, terminal.columns, title, terminal.cursor())
        path = ROOT / 'doc' / f'{name}.svg'
        path.write_text(picture)
        print(f'doc/{name}.svg, {len(picture.encode()) / 1024:.0f} KB')


def ask(scene):
    """The selected function goes into a chat, with a question."""
    terminal = scene.terminal
    terminal.keys('1', '1', 'G', 'V', '3', 'j', ':')
    terminal.type('VeniceChat Why does this wait after the last attempt?')
    terminal.keys('Enter')


def chat(scene):
    scene.simulator.answer(text=WHY, reasoning=THOUGHTS.strip(), rate=60)
    ask(scene)
    scene.terminal.wait_for_part('`from error`')
    scene.shoot('chat', 'an answer, while it arrives')


def attest(scene):
    scene.simulator.answer(text=WHY, reasoning=THOUGHTS.strip(), rate=0)
    ask(scene)
    scene.terminal.wait('the line below', 'signed')
    scene.terminal.keys('g', 'a')
    scene.terminal.wait('Attestation of', '▾ What this does not prove')
    scene.terminal.keys('C-w', 'o', ':')
    scene.terminal.type('echo')
    scene.terminal.keys('Enter')
    scene.terminal.wait('Attestation of')
    scene.shoot('attest', 'what was proven, and what was not')


def rewrite(scene):
    scene.simulator.answer(text=f'```python\n{RETRY}```\n', rate=0)
    scene.terminal.keys('6', 'G', 'V', 'G', ':')
    scene.terminal.type('Venice rewrite do not wait after the last attempt, keep the cause')
    scene.terminal.keys('Enter')
    scene.terminal.wait('1 of', 'undecided')
    scene.terminal.keys('C-w', '_')
    time.sleep(1)  # a key that comes at once was not meant for what it answers
    scene.terminal.keys('a')
    scene.terminal.wait('accepted', 'raise TimeoutError from error')
    scene.shoot('rewrite', 'a rewrite, before it is accepted')


def tools(scene):
    scene.simulator.answer(text=CALL, rate=0)
    scene.terminal.keys(':')
    scene.terminal.type('VeniceChat')
    scene.terminal.keys('Enter', 'Escape', 'C-w', 'o', ':')
    scene.terminal.type('silent Venice tools on')
    scene.terminal.keys('Enter', 'i')
    scene.terminal.type('Do the tests of backoff.py pass?')
    scene.terminal.keys('Escape', 'Enter')
    scene.terminal.wait('wants to', 'unittest')
    scene.shoot('tools', 'a tool, before it runs')


# What takes it, columns, lines.
SCENES = {'chat': (chat, 114, 30), 'attest': (attest, 100, 30),
          'rewrite': (rewrite, 114, 30), 'tools': (tools, 108, 30)}


def main(names):
    missing = missing_program(NVIM)
    if missing:
        print(f'there is no {missing} here: the pictures stay as they are')
        return
    for name in names or SCENES:
        folder = Path(tempfile.mkdtemp(prefix='pictures-'))
        simulator = Simulator(folder)
        scene = None
        try:
            shoot, columns, lines = SCENES[name]
            scene = Scene(folder, simulator, columns, lines)
            shoot(scene)
        finally:
            if scene:
                scene.terminal.stop()
            simulator.stop()
            shutil.rmtree(folder, ignore_errors=True)


main(sys.argv[1:])
