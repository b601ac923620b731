"""Faults of the event stream: framing, form of events, plaintext members, sizes."""

import copy
import json

from faults import define
from faults.blobs import at_content
from stream import Event, encode


def raw(data):
    return Event('raw', raw=data)


def before_content(*make):
    """Put events in front of the n-th content event; each maker is called with the talk."""
    def change(event, talk, _):
        for maker in make:
            yield maker(talk)
        yield event
    return at_content(change)


def instead(*make):
    def change(event, talk, _):
        for maker in make:
            yield maker(talk)
    return at_content(change)


def bytes_event(data):
    return lambda _: raw(data)


def altered(change):
    """Change the data of the n-th content event in place."""
    def events(event, talk, _):
        event.data = copy.deepcopy(event.data)
        changed = change(event.data, talk)
        yield event if changed is None else Event('content', changed)
    return at_content(events)


def delta(value):
    return lambda talk: Event('extra', talk.chunk(value))


def drop(*names):
    def set_(data, _):
        target = data
        for name in names[:-1]:
            target = target[name]
        del target[names[-1]]
    return altered(set_)


def put(value, *names):
    def set_(data, _):
        target = data
        for name in names[:-1]:
            target = target[name]
        target[names[-1]] = value
    return altered(set_)


def any_event(event, talk, args):
    """Whatever bytes the order has, in front of the n-th content event or in its place."""
    yield raw(args.get('text', 'data: {}\n\n').encode())
    if not args.get('instead'):
        yield event


def any_delta(event, talk, args):
    yield Event('extra', talk.chunk(args.get('delta', {'content': 'x'})))
    yield event


define('event_raw', 'chat', 'stream: any text (args: text, instead, n)',
       events=at_content(any_event))
define('delta_raw', 'chat', 'stream: a chunk with any delta before the n-th (args: delta, n)',
       events=at_content(any_delta))


# Events that a client must skip, or read in spite of their form

GOOD = (
    ('delta_null', before_content(delta(None)), 'delta is null'),
    ('delta_empty', before_content(delta({})), 'delta is {} in the middle'),
    ('delta_missing', before_content(lambda t: Event('extra', dict(
        t.chunk({}), choices=[{'index': 0, 'finish_reason': None}]))), 'delta is missing'),
    ('choices_missing', before_content(lambda t: Event('extra', {'id': t.id, 'model': t.model.id})),
     'choices is missing'),
    ('choices_null', before_content(lambda t: Event('extra', dict(t.chunk({}), choices=None))),
     'choices is null'),
    ('choices_empty', before_content(lambda t: Event('extra', dict(t.chunk({}), choices=[]))),
     'choices is [] in the middle'),
    ('data_empty', before_content(bytes_event(b'data:\n\ndata: \n\n')), 'empty data: events'),
    ('comments', before_content(bytes_event(b': keep-alive\n\n:\n: x\n\n:y\n')),
     'comments of several forms'),
    ('event_fields', before_content(bytes_event(b'event: message\nid: 7\nretry: 100\n\n')),
     'event:, id: and retry: lines'),
    ('unknown_field', before_content(bytes_event(b'foo: bar\nbaz\n\n')), 'lines of unknown fields'),
    ('blank_lines', before_content(bytes_event(b'\n\n\n\n')), 'blank lines'),
    ('role_again', before_content(delta({'role': 'assistant', 'content': ''})),
     'the role chunk comes again'),
    ('reasoning_empty', before_content(delta({'reasoning_content': '', 'reasoning': ''})),
     'reasoning fields of empty strings'),
    ('usage_early', before_content(lambda t: Event('extra', dict(t.usage_chunk()))),
     'a usage chunk in the middle'),
    ('unknown_members', put({'x': [1, {'y': None}]}, 'choices', 0, 'something'),
     'unknown members in a chunk'),
    ('number_forms', put(1.5e3, 'created'), 'created is 1500.0'),
    ('empty_tool_calls', before_content(delta({'tool_calls': [], 'function_call': None})),
     'tool_calls [] and function_call null, as some servers send in each chunk'),
    ('refusal_null', before_content(delta({'refusal': None})), 'refusal is null'),
)
for name, stage, description in GOOD:
    define(name, 'chat', f'stream: {description}', valid=True, events=stage)


def several_lines(event, *_):
    """One event whose JSON stands on several data: lines."""
    text = json.dumps(event.data, indent=1)
    yield raw(b''.join(b'data: ' + line.encode() + b'\n' for line in text.split('\n')) + b'\n')


def escaped(event, *_):
    """Each letter of the blob as a \\u escape."""
    text = encode(event).decode()
    text = text.replace(event.delta['content'],
                        ''.join(f'\\u{ord(c):04x}' for c in event.delta['content']))
    yield raw(text.encode())


def both_fields(source, talk, _):
    """The same reasoning in both fields: to be shown once."""
    for event in source:
        if event.kind == 'reasoning':
            blob = next(iter(event.delta.values()))
            event.data['choices'][0]['delta'] = {'reasoning': blob, 'reasoning_content': blob}
        yield event


def both_fields_resealed(source, talk, _):
    """As above, but each field sealed by itself, so that the blobs differ."""
    for index, event in enumerate(source):
        if event.kind == 'reasoning':
            text = talk.answer.reasoning[index - 2]
            event.data['choices'][0]['delta'] = {
                'reasoning_content': talk.seal(text), 'reasoning': talk.seal(text)}
        yield event


define('data_lines', 'chat', 'stream: several data: lines in one event', valid=True,
       events=at_content(several_lines))
define('json_escapes', 'chat', 'stream: the blob written with \\u escapes', valid=True,
       events=at_content(escaped))
define('reasoning_twice', 'chat', 'stream: reasoning and reasoning_content hold the same blob',
       valid=True, events=both_fields)
define('reasoning_twice_resealed', 'chat', 'stream: both reasoning fields, the same text sealed '
       'twice', valid=True, events=both_fields_resealed)


def framing(function):
    return lambda data, args: function(data)


def no_space(data):
    return data.replace(b'data: ', b'data:', 1)


def dribble(source, talk, args):
    """The stream one byte at a time (args: bytes per write, seconds between writes)."""
    size, seconds = int(args.get('bytes', 1)), float(args.get('seconds', 0))
    for event in source:
        if event.kind in ('act', 'pause'):
            yield event
            continue
        data = encode(event)

        def send(exchange, data=data):
            for start in range(0, len(data), size):
                exchange.stream(data[start:start + size])
                if seconds:
                    exchange.wait(seconds)
        yield Event('act', send)


def one_write(source, talk, args):
    """The whole stream in one piece."""
    yield raw(b''.join(encode(e) for e in source if e.kind not in ('act', 'pause')))


def bom(source, talk, args):
    yield raw(b'\xef\xbb\xbf')
    yield from source


define('framing_crlf', 'chat', 'stream: lines end with CR LF', valid=True,
       wire=framing(lambda data: data.replace(b'\n', b'\r\n')))
define('framing_cr', 'chat', 'stream: lines end with CR only, as the standard allows',
       wire=framing(lambda data: data.replace(b'\n', b'\r')))
define('framing_mixed', 'chat', 'stream: LF and CR LF mixed', valid=True,
       wire=framing(lambda data: data[:-1].replace(b'\n', b'\r\n') + b'\n'))
define('framing_no_space', 'chat', 'stream: data: without the space', valid=True,
       wire=framing(no_space))
define('framing_two_spaces', 'chat', 'stream: data: with two spaces', valid=True,
       wire=framing(lambda data: data.replace(b'data: ', b'data:  ', 1)))
define('framing_bom', 'chat', 'stream: a byte order mark in front', valid=True, events=bom)
define('framing_one_write', 'chat', 'stream: everything in one write', valid=True,
       events=one_write)
define('dribble', 'chat', 'stream: one byte a write (args: bytes, seconds)', valid=True,
       events=dribble)


# Malformed events

BAD = (
    ('event_malformed', instead(bytes_event(b'data: {"choices":[{"delta":{"content":\n\n')),
     'JSON that ends too early, then the stream goes on'),
    ('event_not_json', before_content(bytes_event(b'data: hello\n\n')), 'data that is no JSON'),
    ('event_array', before_content(bytes_event(b'data: [1,2]\n\n')), 'data is a JSON array'),
    ('event_string', before_content(bytes_event(b'data: "text"\n\n')), 'data is a JSON string'),
    ('event_number', before_content(bytes_event(b'data: 7\n\n')), 'data is a number'),
    ('event_null', before_content(bytes_event(b'data: null\n\n')), 'data is null'),
    ('event_trailing', before_content(bytes_event(b'data: {"choices":[]} x\n\n')),
     'text after the JSON object'),
    ('event_invalid_utf8', before_content(bytes_event(b'data: {"choices":[],"x":"\xff"}\n\n')),
     'bytes that are no UTF-8'),
    ('event_nul', before_content(bytes_event(b'data: {"choices":[]}\0\n\n')), 'a NUL byte'),
    ('choices_object', put({}, 'choices'), 'choices is an object'),
    ('choices_second', altered(lambda d, t: d['choices'].append(
        {'index': 1, 'delta': {'content': t.seal('other')}, 'finish_reason': None})),
     'a second choice in a chunk'),
    ('choices_index_1', put(1, 'choices', 0, 'index'), 'a chunk of choice 1'),
    ('delta_string', put('text', 'choices', 0, 'delta'), 'delta is a string'),
    ('delta_array', put([], 'choices', 0, 'delta'), 'delta is an array'),
)
for name, stage, description in BAD:
    define(name, 'chat', f'stream: {description}', events=stage)


def duplicated(event, talk, _):
    """Two members `content` in one delta: which one counts depends on the parser."""
    text = encode(event).decode()
    yield raw(text.replace('"delta":{', '"delta":{"content":"hello",', 1).encode())


define('duplicate_content', 'chat', 'stream: content twice in one delta, plaintext first',
       events=at_content(duplicated))


# Plaintext where a forger would like it

CALL = [{'index': 0, 'id': 'call_1', 'type': 'function',
         'function': {'name': 'run_shell', 'arguments': '{"command":"true"}'}}]
FORGED = (
    ('tool_calls', before_content(delta({'tool_calls': CALL})), 'plaintext tool_calls'),
    ('function_call', before_content(delta({'function_call': {
        'name': 'run_shell', 'arguments': '{}'}})), 'plaintext function_call'),
    ('refusal_plaintext', before_content(delta({'refusal': 'I cannot.'})), 'plaintext refusal'),
    ('plaintext_reasoning', before_content(delta({'reasoning_content': 'I think, therefore'})),
     'plaintext reasoning_content'),
    ('plaintext_reasoning_short', before_content(delta({'reasoning': 'hmm'})),
     'plaintext reasoning'),
    ('plaintext_message', altered(lambda d, _: d['choices'][0].update(
        message={'role': 'assistant', 'content': 'whole plaintext'})),
     'a plaintext message beside the delta'),
    ('plaintext_text', altered(lambda d, _: d['choices'][0].update(text='plaintext')),
     'a plaintext text beside the delta'),
    ('plaintext_content_in_usage', before_content(lambda t: Event('extra', dict(
        t.usage_chunk(), content='plaintext', choices=[]))), 'plaintext content at the top'),
)
for name, stage, description in FORGED:
    define(name, 'chat', f'stream: {description}', events=stage)


def all_plaintext(source, talk, _):
    """What a stripped header would give: the whole answer unsealed."""
    number = {'content': 0, 'reasoning': 0}
    for event in source:
        if event.kind in number:
            texts = getattr(talk.answer, event.kind)
            field = next(iter(event.delta))
            event.delta[field] = texts[number[event.kind]]
            number[event.kind] += 1
        yield event


define('plaintext_all', 'chat', 'stream: the whole answer in plaintext', events=all_plaintext)


# Who is talking

def renamed(source, talk, args):
    for event in source:
        if isinstance(event.data, dict) and 'model' in event.data:
            event.data['model'] = args.get('to', 'e2ee-some-other-model')
        yield event


def other_id(source, talk, args):
    for number, event in enumerate(source):
        if isinstance(event.data, dict):
            event.data['id'] = f'chatcmpl-{number:032x}'
        yield event


def drop_member(member):
    def events(source, talk, args):
        for event in source:
            if isinstance(event.data, dict):
                event.data.pop(member, None)
            yield event
    return events


define('model_mismatch', 'chat', 'chunks name another model (args: to): a warning', valid=True,
       events=renamed)
define('id_changes', 'chat', 'each chunk has another id', valid=True, events=other_id)
define('id_missing', 'chat', 'chunks have no id', valid=True, events=drop_member('id'))
define('model_missing', 'chat', 'chunks have no model', valid=True, events=drop_member('model'))


# Sizes

def big_event(event, talk, args):
    size = int(args.get('bytes', 64 << 20))

    def send(exchange):
        exchange.stream(b'data: {"choices":[{"index":0,"delta":{"content":"')
        for _ in range(size >> 20):
            exchange.stream(b'04' * (1 << 19))
        exchange.stream(b'"}}]}\n\n')
    yield Event('act', send)


def endless_line(event, talk, args):
    def send(exchange):
        exchange.stream(b'data: ')
        for _ in range(int(args.get('bytes', 512 << 20)) >> 16):
            exchange.stream(b'a' * 65536)
        exchange.cut('rst')
    yield Event('act', send)


def endless_comments(event, talk, args):
    def send(exchange):
        for _ in range(int(args.get('bytes', 512 << 20)) // 65536):
            exchange.stream(b': x\n' * 16384)
        exchange.cut('rst')
    yield Event('act', send)


def many_lines(event, talk, args):
    """One event of many short data: lines; none of the lines is long."""
    def send(exchange):
        for _ in range(int(args.get('bytes', 64 << 20)) >> 16):
            exchange.stream(b'data: x\n' * 8192)
        exchange.stream(b'\n')
    yield Event('act', send)


def deep_event(event, talk, args):
    depth = int(args.get('depth', 10000))
    yield raw(b'data: {"choices":' + b'[' * depth + b']' * depth + b'}\n\n')
    yield event


define('event_64mb', 'chat', 'size: an event of 64 MB (args: bytes)', events=at_content(big_event))
define('endless_line', 'chat', 'size: a line without end (args: bytes)',
       events=at_content(endless_line))
define('endless_comments', 'chat', 'size: comments without end (args: bytes)',
       events=at_content(endless_comments))
define('endless_data_lines', 'chat', 'size: an event of millions of data: lines (args: bytes)',
       events=at_content(many_lines))
define('json_deep', 'chat', 'size: an event nested 10,000 deep (args: depth)',
       events=at_content(deep_event))
define('usage_odd', 'chat', 'usage with negative, huge and non-numeric members', valid=True,
       events=before_content(lambda t: Event('extra', dict(t.usage_chunk(), usage={
           'prompt_tokens': -5, 'completion_tokens': 1e300, 'total_tokens': 'many',
           'prompt_tokens_details': None}))))
define('usage_string', 'chat', 'usage is a string', valid=True,
       events=before_content(lambda t: Event('extra', dict(t.usage_chunk(), usage='much'))))
