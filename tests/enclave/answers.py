"""What a model says: a default answer about the prompt, or what a test has scripted."""

import re
import threading

DEFAULT_RATE = 60.0
WORDS = ('the loop', ' drains', ' a queue', ' in', ' small', ' steps', ', so', ' that', ' an',
         ' edit', 'or nev', 'er wa', 'its fo', 'r it', '. Each', ' tok', 'en is', ' cheap')

ANSWER = """You asked: *{topic}*

This is **not a language model**. It is the simulator of venice.nvim, on your own machine, and it \
gives everybody the same answer. What is real is the path: your {count} message{plural} came \
sealed for the key of an attested (simulated) enclave, was opened here, and each piece of this \
text is sealed again for a key that exists for this request only.

```lua
-- a chunk on the wire: 65 bytes of key, 12 of nonce, the text, 16 of tag
for _, piece in ipairs(answer) do
  send(seal(piece))  -- “naïve” UTF-8 survives: 東京, ∑, 🦊
end
```

Three things to try:

1. `:Venice attest` shows what was checked, and what was not.
2. Ask a second question; both turns are sent, and both are encrypted.
3. Stop me in the middle with `<C-c>` and retry.
"""

REASONING = """The user asks about “{topic}”. I am a simulator and cannot think, \
but a reasoning model would do so here, a few sentences long, sealed like the answer.
"""


def pieces(text):
    """Cut text as a tokenizer would, roughly four characters each, losing nothing."""
    return re.findall(r'\n+|[ \t]*[^\s]{1,5}|[ \t]+', text)


def filler(count):
    """`count` tokens of about four characters, in lines and paragraphs, the same every time."""
    out = []
    for i in range(count):
        if i % 120 == 119:
            out.append('.\n\n')
        elif i % 24 == 23:
            out.append(',\n')
        else:
            out.append(WORDS[i * 7 % len(WORDS)])
    return out


def topic_of(messages):
    """The first line of the last thing that the user said, short enough for one line."""
    texts = [m['text'] for m in messages if m['role'] == 'user' and m['text'].strip()]
    line = texts[-1].strip().splitlines()[0].strip() if texts else 'nothing'
    return line if len(line) <= 72 else line[:71] + '…'


class Answer:
    """One answer, ready to be sealed: pieces, and how fast they leave."""

    def __init__(self, content, reasoning=(), rate=DEFAULT_RATE, **options):
        self.content, self.reasoning, self.rate = list(content), list(reasoning), rate
        self.finish_reason = options.get('finish_reason', 'stop')
        self.usage = options.get('usage')
        self.cached = int(options.get('cached', 0))  # prompt tokens that were in the cache
        self.has_cost, self.cost = 'cost' in options, options.get('cost')
        self.delay = float(options.get('delay', 0))  # seconds before the first byte
        self.first_token = float(options.get('first_token', 0))  # … before the first piece
        self.batch = int(options.get('batch', 1))  # events per write

    @classmethod
    def default(cls, messages, with_reasoning):
        topic = topic_of(messages)
        count = len(messages)
        text = ANSWER.format(topic=topic, count=count, plural='' if count == 1 else 's')
        thought = REASONING.format(topic=topic) if with_reasoning else ''
        return cls(pieces(text), pieces(thought))

    @classmethod
    def scripted(cls, order):
        if order.get('chunks') is not None:
            content = order['chunks']
        elif order.get('tokens'):
            content = filler(int(order['tokens']))
        else:
            content = pieces(order.get('text', ''))
        reasoning = order.get('reasoning') or []
        if isinstance(reasoning, str):
            reasoning = pieces(reasoning)
        rate = order.get('rate')
        options = {k: order[k] for k in ('finish_reason', 'usage', 'cached', 'cost', 'delay',
                                         'first_token', 'batch') if k in order}
        return cls(content, reasoning, DEFAULT_RATE if rate is None else float(rate), **options)


class Script:
    """Orders for the next answers: counted ones first, in order, then the standing one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counted, self.standing = [], None

    def add(self, order):
        times = int(order.get('times', -1))
        with self.lock:
            if times < 0:
                self.counted, self.standing = [], order
            else:
                self.counted.append([times, order])

    def clear(self):
        with self.lock:
            self.counted, self.standing = [], None

    def next(self, messages, with_reasoning):
        with self.lock:
            while self.counted and self.counted[0][0] <= 0:
                self.counted.pop(0)
            order = self.standing
            if self.counted:
                self.counted[0][0] -= 1
                order = self.counted[0][1]
        if order is None or not any(k in order for k in ('text', 'chunks', 'tokens')):
            answer = Answer.default(messages, with_reasoning)
            if order is None:
                return answer
            merged = dict(order, chunks=answer.content)
            merged.setdefault('reasoning', answer.reasoning)
            return Answer.scripted(merged)
        return Answer.scripted(order)
