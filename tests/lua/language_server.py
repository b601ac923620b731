"""A language server for a test: notes every byte that it is given, and says that it wants it all.

language_server.py LOG [SECONDS BEFORE IT IS READY]
"""

import json
import sys
import time

log = open(sys.argv[1], 'ab', buffering=0)
delay = float(sys.argv[2]) if len(sys.argv) > 2 else 0
wishes = {'textDocumentSync': {'openClose': True, 'change': 1, 'save': {'includeText': True}},
          'completionProvider': {}, 'hoverProvider': True}


def answer(message, result):
    body = json.dumps({'jsonrpc': '2.0', 'id': message['id'], 'result': result}).encode()
    sys.stdout.buffer.write(b'Content-Length: %d\r\n\r\n%s' % (len(body), body))
    sys.stdout.buffer.flush()


while True:
    length = 0
    while True:
        line = sys.stdin.buffer.readline()
        if not line:
            sys.exit()
        log.write(line)
        if not line.strip():
            break
        if line.lower().startswith(b'content-length:'):
            length = int(line.split(b':')[1])
    body = sys.stdin.buffer.read(length)
    log.write(body + b'\n')
    message = json.loads(body)
    if message.get('method') == 'initialize':
        time.sleep(delay)
        answer(message, {'capabilities': wishes})
    elif message.get('method') == 'exit':
        sys.exit()
    elif 'id' in message and 'method' in message:
        answer(message, None)
