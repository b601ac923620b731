"""The events of one answer, in the order in which the real service sends them."""

import json
import time
from dataclasses import dataclass


@dataclass
class Event:
    """One event. `raw` wins over `data`; kinds 'pause' and 'act' are not sent."""

    kind: str
    data: object = None
    raw: bytes = None

    @property
    def delta(self):
        return self.data['choices'][0]['delta']


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
                'prompt_tokens_details': {'cached_tokens': 0},
                'completion_tokens_details': {'reasoning_tokens': thought}}

    def usage_chunk(self):
        usage = self.usage()
        cost = round(usage.get('total_tokens', 0) * 6e-7, 8)
        return {'id': self.id, 'object': 'chat.completion.chunk', 'created': self.created,
                'model': self.model.id, 'choices': [], 'usage': usage, 'cost': {'usd': cost},
                'venice_parameters': {'enable_e2ee': True, 'include_venice_system_prompt': False}}

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
