"""Faults of how a stream ends: too early, not at all, or with an error."""

from faults import define
from faults.blobs import at_content
from faults.events import put, raw
from stream import Event, encode

ERROR_TAIL = (b'\n\ndata: {"error":{"message":"The upstream provider returned an error",'
              b'"type":"upstream_error","code":502,"param":null}}\n\ndata: [DONE]\n\n')


def no_last_newline(source, talk, args):
    for event in source:
        yield raw(b'data: [DONE]') if event.kind == 'done' else event


def without(*kinds):
    def events(source, talk, _):
        return (event for event in source if event.kind not in kinds)
    return events


def cut(how, partial=False):
    """After n content chunks (args: n): close or reset the connection."""
    def change(event, talk, _):
        if partial:
            yield raw(encode(event)[:150])
        yield Event('pause', 0.05)  # what was sent shall arrive before a reset overtakes it
        yield Event('act', lambda exchange: exchange.cut(how))
    return at_content(change)


def ended(partial=None):
    """End the HTTP body properly after n content chunks, without finish and [DONE]."""
    def events(source, talk, args):
        left = int(args.get('n', 3))
        for event in source:
            if event.kind == 'content':
                left -= 1
                if left < 0:
                    if partial:
                        yield raw(encode(event)[:partial])
                    return
            yield event
    return events


def stall(event, talk, args):
    """Silence, without comments unless the order wants them."""
    seconds = float(args.get('seconds', 600))
    yield event
    yield Event('pause', seconds) if args.get('comments') else Event(
        'act', lambda exchange: exchange.wait(seconds))


def finish_as(reason):
    def events(source, talk, _):
        for event in source:
            if event.kind == 'finish':
                event.data['choices'][0]['finish_reason'] = reason
            yield event
    return events


def after_done(source, talk, _):
    yield from source
    yield Event('extra', talk.chunk({'content': talk.seal('after the end')}))


def content_after_finish(source, talk, _):
    for event in source:
        yield event
        if event.kind == 'finish':
            yield Event('extra', talk.chunk({'content': talk.seal(' and more')}))


def hang_after_done(source, talk, args):
    yield from source
    yield Event('act', lambda exchange: exchange.wait(float(args.get('seconds', 600))))


def drip(kind):
    """After the first event of this kind nothing but the same bytes, again and again."""
    def events(source, talk, args):
        text = args.get('text', ': keep-alive\n\n').encode()
        every, seconds = float(args.get('every', 0.1)), float(args.get('seconds', 60))
        for event in source:
            yield event
            if event.kind == kind:
                break
        for _ in range(int(seconds / every)):
            yield raw(text)
            yield Event('pause', every)
    return events


ENDINGS = (
    ('drop_fin', cut('fin'), False, 'connection closed in the middle (args: n)'),
    ('drop_rst', cut('rst'), False, 'connection reset in the middle (args: n)'),
    ('drop_partial', cut('fin', True), False, 'connection closed inside an event'),
    ('stall', at_content(stall), False, 'silence in the middle (args: n, seconds, comments)'),
    ('end_early', ended(), False, 'a proper end of the body without finish_reason and [DONE]'),
    ('end_truncated', ended(150), False, 'the body ends inside an event'),
    ('end_truncated_crlf', ended(-1), False, 'the body ends before the blank line of an event'),
    ('no_done', without('done'), True, 'finish_reason but no [DONE]'),
    ('no_finish', without('finish'), True, '[DONE] but no finish_reason'),
    ('no_finish_no_done', without('finish', 'done'), False, 'neither finish_reason nor [DONE]'),
    ('no_usage', without('usage'), True, 'no usage chunk'),
    ('no_role', without('role'), True, 'no role chunk'),
    ('no_content', without('content', 'reasoning'), True, 'finish_reason stop without any content'),
    ('nothing', without('comment', 'role', 'content', 'reasoning', 'finish', 'usage', 'done'),
     False, 'an empty stream'),
    ('only_done', without('comment', 'role', 'content', 'reasoning', 'finish', 'usage'), True,
     'nothing but [DONE]'),
    ('done_unterminated', no_last_newline, True, '[DONE] without a newline at the end'),
    ('finish_length', finish_as('length'), True, 'finish_reason length'),
    ('finish_filter', finish_as('content_filter'), True, 'finish_reason content_filter'),
    ('finish_tool_calls', finish_as('tool_calls'), True, 'finish_reason tool_calls'),
    ('finish_unknown', finish_as('tired'), True, 'finish_reason that nobody knows'),
    ('finish_number', finish_as(7), False, 'finish_reason is a number'),
    ('after_done', after_done, True, 'a chunk after [DONE]'),
    ('content_after_finish', content_after_finish, True, 'content after finish_reason'),
    ('drip_after_role', drip('role'), False,
     'nothing but keep-alives after the role chunk (args: text, every, seconds)'),
    ('drip_after_finish', drip('finish'), True,
     'nothing but keep-alives after finish_reason (args: text, every, seconds)'),
    ('drip_after_done', drip('done'), True,
     'nothing but keep-alives after [DONE] (args: text, every, seconds)'),
    ('hang_after_done', hang_after_done, True, '[DONE], then the connection stays open'),
)
for name, stage, valid, description in ENDINGS:
    define(name, 'chat', f'end: {description}', valid=valid, events=stage)


# Errors in the stream

def error_then_done(error):
    def change(event, talk, _):
        yield Event('error', {'error': error})
        yield Event('done', raw=b'data: [DONE]\n\n')

    def events(source, talk, args):
        for event in at_content(change)(source, talk, args):
            yield event
            if event.kind == 'done':
                return
    return events


def gateway_tail(source, talk, args):
    """The upstream broke inside an event; the gateway appends its error to that very line."""
    left = int(args.get('n', 3))
    for event in source:
        if event.kind == 'content':
            left -= 1
            if left < 0:
                yield raw(encode(event)[:200] + ERROR_TAIL)
                return
        yield event


ERRORS = (
    ('error_object', {'message': 'The model is overloaded', 'type': 'server_error',
                      'code': 'model_overloaded', 'retry_after': 5, 'param': None},
     'code model_overloaded, retry_after 5'),
    ('error_upstream', {'message': 'Upstream failed', 'type': 'upstream_error',
                        'code': 'upstream_error', 'param': None}, 'code upstream_error'),
    ('error_blocked', {'message': 'Blocked', 'type': 'invalid_request_error',
                       'code': 'content_blocked_by_provider', 'param': None},
     'code content_blocked_by_provider'),
    ('error_number', {'message': 'Bad gateway', 'type': 'upstream_error', 'code': 502,
                      'param': None}, 'code is the number 502'),
    ('error_string', 'Inference processing failed', 'error is a string'),
    ('error_empty', {}, 'error is {}'),
    ('error_long', {'message': 'very long ' * 20000, 'type': 'server_error'},
     'a message of 200 KB'),
    ('error_control', {'message': 'line\nbreak \x1b[31m escape \x07', 'type': 'server_error'},
     'a message with control characters'),
)
for name, error, description in ERRORS:
    define(name, 'chat', f'error in the stream: {description}', events=error_then_done(error))
define('error_tail', 'chat', 'error in the stream: the gateway tail after half an event',
       events=gateway_tail)
define('error_null', 'chat', 'stream: a chunk with error null', valid=True,
       events=put(None, 'error'))


def first_error(source, talk, _):
    yield Event('error', {'error': {'message': 'Overloaded', 'code': 'model_overloaded',
                                    'type': 'server_error', 'param': None}})
    yield raw(b'data: [DONE]\n\n')


define('error_first', 'chat', 'error in the stream: before the first chunk', events=first_error)
