"""The events of one answer, in the order in which the real service sends them."""

import json
import time
from dataclasses import dataclass

from models import PRICES


@dataclass
class Event:
    """One event. `raw` wins over `data`; kinds 'pause' and 'act' are not sent."""

    kind: str
    data: object = None
    raw: bytes = None

    @property
    def delta(self):
        return self.data['choices'][0]['delta']


def count(usage, name):
    value = usage.get(name)
    return value if isinstance(value, (int, float)) else 0


class Talk:
    """One answer on its way: whom it is for and what it consists of."""

    def __init__(self, world, model, id_, answer, sealer, prompt_tokens):
        self.world, self.model, self.answer, self.sealer = world, model, answer, sealer
        self.id, self.created, self.prompt_tokens = id_, int(time.time()), prompt_tokens

    def chunk(self, delta, finish=None):
        return {'id': self.id, 'object': 'chat.completion.chunk', 'created': self.created,
                'model': self.model.id,
                'choices': [{'index': 0, 'delta': delta, 'logprobs': None,
                             'finish_reason': finish}]}

    def seal(self, text):
        data = text.encode() if isinstance(text, str) else text
        return self.sealer.seal(data) if self.sealer else data.decode(errors='replace')

    def usage(self):
        if self.answer.usage is not None:
            return self.answer.usage
        thought = len(self.answer.reasoning)
        out = len(self.answer.content) + thought
        return {'prompt_tokens': self.prompt_tokens, 'completion_tokens': out,
                'total_tokens': self.prompt_tokens + out,
                'prompt_tokens_details': {
                    'cached_tokens': min(self.answer.cached, self.prompt_tokens)},
                'completion_tokens_details': {'reasoning_tokens': thought}}

    def cost(self, usage):
        """By the prices of /models; an order may say something else, or nothing."""
        if self.answer.has_cost:
            return self.answer.cost
        details = usage.get('prompt_tokens_details')
        cached = count(details if isinstance(details, dict) else {}, 'cached_tokens')
        tokens = count(usage, 'prompt_tokens') - cached, cached, count(usage, 'completion_tokens')
        return {'usd': round(sum(n * p for n, p in zip(tokens, PRICES)) / 1e6, 8), 'diem': 0}

    def usage_chunk(self):
        usage = self.usage()
        cost = self.cost(usage)
        chunk = {'id': self.id, 'object': 'chat.completion.chunk', 'created': self.created,
                 'model': self.model.id, 'choices': [], 'usage': usage, 'cost': cost,
                 'venice_parameters': {'enable_e2ee': True, 'include_venice_system_prompt': False}}
        return {name: value for name, value in chunk.items() if name != 'cost' or cost is not None}

    def events(self):
        yield Event('comment', raw=b': PROCESSING\n\n')
        yield Event('role', self.chunk({'role': 'assistant', 'content': ''}))
        if self.answer.first_token:
            yield Event('pause', self.answer.first_token)
        for text in self.answer.reasoning:
            field = self.model.reasoning or 'reasoning_content'
            yield Event('reasoning', self.chunk({field: self.seal(text)}))
        for text in self.answer.content:
            yield Event('content', self.chunk({'content': self.seal(text)}))
        yield Event('finish', self.chunk({}, self.answer.finish_reason))
        yield Event('usage', self.usage_chunk())
        yield Event('done', raw=b'data: [DONE]\n\n')


def encode(event):
    if event.raw is not None:
        return event.raw
    return b'data: ' + json.dumps(event.data, separators=(',', ':'),
                                  ensure_ascii=False).encode() + b'\n\n'


class Sender:
    """Sends events at the pace of the answer; everything at once if the pace is 0."""

    def __init__(self, exchange, answer, wire):
        self.exchange, self.answer, self.wire = exchange, answer, wire
        self.start, self.paced, self.held = None, 0, []
        exchange.entry['events_sent'] = 0

    def run(self, events):
        if not self.answer.rate:
            events = list(events)  # a burst: seal all first, then send without a pause
        for event in events:
            if event.kind == 'act':
                self.flush()
                event.data(self.exchange)
            elif event.kind == 'pause':
                self.flush()
                self.pause(event.data)
            else:
                self.send(event)
        self.flush()

    def send(self, event):
        rate = self.answer.rate
        if rate and event.kind in ('content', 'reasoning'):
            now = time.monotonic()
            self.start = self.start or now
            due = self.start + self.paced / rate
            self.paced += 1
            self.exchange.wait(max(0, due - now))
        data = encode(event)
        self.held.append(self.wire(data) if self.wire else data)
        self.exchange.entry['events_sent'] += 1
        if len(self.held) >= (self.answer.batch if rate else max(self.answer.batch, 64)):
            self.flush()

    def pause(self, seconds):
        """Silence; like the gateway, a comment every ten seconds."""
        while seconds > 0:
            step = min(seconds, 10)
            self.exchange.wait(step)
            seconds -= step
            if seconds > 0:
                self.exchange.stream(b': PROCESSING\n\n')
        self.start, self.paced = None, 0

    def flush(self):
        data, self.held = b''.join(self.held), []
        if data:
            self.exchange.stream(data)
