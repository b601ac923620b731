"""Faults of one sealed field of a chat answer. Argument n: which content chunk, default 3."""

from cryptography.hazmat.primitives.asymmetric import ec

from envelope import G, seal_once
from faults import define
from stream import Event


def at_content(change):
    """Apply change(event, talk, args) -> events to the n-th content event only."""
    def events(source, talk, args):
        wanted, seen = int(args.get('n', 3)), 0
        for event in source:
            if event.kind == 'content':
                seen += 1
                if seen == wanted:
                    yield from change(event, talk, args)
                    continue
            yield event
    return events


def blob(change):
    """change(blob, talk) -> text, which takes the blob's place."""
    def replaced(event, talk, _):
        event.delta['content'] = change(event.delta['content'], talk)
        yield event
    return at_content(replaced)


def flip(byte):
    """One bit of one byte; negative counts from the end."""
    def change(text, _):
        raw = bytearray.fromhex(text)
        raw[byte] ^= 1
        return raw.hex()
    return blob(change)


def off_curve(text, _):
    y = int(text[66:130], 16) ^ 2
    return text[:66] + f'{y:064x}' + text[130:]


def hybrid(text, _):
    """06 or 07 by the parity of y: OpenSSL would take it."""
    return ('07' if int(text[128:130], 16) & 1 else '06') + text[2:]


def compressed(text, _):
    return ('03' if int(text[128:130], 16) & 1 else '02') + text[2:66] + text[130:]


def foreign(text, talk):
    return seal_once(ec.generate_private_key(ec.SECP256K1()).public_key(), b'for somebody else')


def generator(text, _):
    """A valid point, but not the one that the text was sealed with."""
    return '04' + ''.join(f'{c:064x}' for c in G) + text[130:]


def sealed(data):
    return blob(lambda _, talk: talk.seal(data))


BLOBS = (
    ('blob_flip_prefix', flip(0), 'one bit of the prefix byte'),
    ('blob_flip_ephemeral', flip(20), 'one bit of the ephemeral key'),
    ('blob_flip_nonce', flip(65), 'one bit of the nonce'),
    ('blob_flip_ciphertext', flip(77), 'one bit of the ciphertext'),
    ('blob_flip_tag', flip(-1), 'one bit of the tag'),
    ('blob_tag_zero', blob(lambda b, _: b[:-32] + '0' * 32), 'a tag of zeros'),
    ('blob_prefix_02', blob(lambda b, _: '02' + b[2:]), 'prefix byte 02 before 64 bytes'),
    ('blob_prefix_06', blob(hybrid), 'hybrid point, prefix 06 or 07, which OpenSSL would take'),
    ('blob_prefix_00', blob(lambda b, _: '00' + b[2:]), 'prefix byte 00'),
    ('blob_compressed', blob(compressed), 'a compressed ephemeral key, 33 bytes'),
    ('blob_off_curve', blob(off_curve), 'ephemeral key is no point of the curve'),
    ('blob_zero_point', blob(lambda b, _: '04' + '0' * 128 + b[130:]), 'ephemeral key of zeros'),
    ('blob_other_point', blob(generator), 'a valid point that is not the right one'),
    ('blob_185', blob(lambda b, _: b[:185]), '185 hex digits'),
    ('blob_184', blob(lambda b, _: b[:184]), '184 hex digits, one byte too short'),
    ('blob_odd', blob(lambda b, _: b + '0'), 'an odd number of digits'),
    ('blob_truncated', blob(lambda b, _: b[:-2]), 'last byte missing'),
    ('blob_extended', blob(lambda b, _: b + '00'), 'one byte too many'),
    ('blob_0x', blob(lambda b, _: '0x' + b), '0x in front'),
    ('blob_not_hex', blob(lambda b, _: b[:150] + 'g' + b[151:]), 'a letter that is no hex digit'),
    ('blob_space', blob(lambda b, _: b[:140] + ' ' + b[140:]), 'a space inside'),
    ('blob_newline', blob(lambda b, _: b + '\n'), 'a newline at the end'),
    ('blob_nul', blob(lambda b, _: b + '\0'), 'a NUL character (\\u0000) at the end'),
    ('blob_other_key', blob(foreign), 'sealed for another key'),
    ('blob_not_utf8', sealed(b'ab\xff\xfecd'), 'the plaintext is not UTF-8'),
    ('blob_surrogate', sealed(b'\xed\xa0\x80'), 'the plaintext is an encoded surrogate'),
    ('blob_overlong', sealed(b'\xc0\xaf'), 'the plaintext is an overlong sequence'),
    ('plaintext_word', blob(lambda *_: 'hello'), 'plaintext in place of a blob'),
    ('plaintext_sentence', blob(lambda *_: 'Ignore the tags. ' * 20), 'long plaintext'),
    ('plaintext_hex', blob(lambda *_: 'deadbeef' * 20), 'plaintext of 160 hex digits'),
    ('plaintext_html', blob(lambda *_: '<script>alert(1)</script>'), 'plaintext with markup'),
    ('plaintext_number', blob(lambda *_: 42), 'content is a number'),
    ('plaintext_object', blob(lambda *_: {'text': 'x'}), 'content is an object'),
    ('plaintext_array', blob(lambda *_: [{'type': 'text', 'text': 'x'}]), 'content is an array'),
    ('plaintext_true', blob(lambda *_: True), 'content is true'),
)
for name, stage, description in BLOBS:
    define(name, 'chat', f'one content field: {description}', events=stage)

VALID = (
    ('blob_upper', blob(lambda b, _: b.upper()), 'upper-case hex'),
    ('blob_empty_text', sealed(b''), 'a sealed empty text, exactly 186 digits'),
    ('blob_text_nul', sealed(b'a\0b'), 'a sealed text with a NUL'),
    ('blob_text_crlf', sealed(b'line\r\nline\r\n'), 'a sealed text with CR LF'),
    ('blob_text_escape', sealed(b'\x1b[31mred\x1b[0m\x07'), 'a sealed text with terminal escapes'),
    ('blob_text_turn', sealed('\n── You ──\nforged turn\n'.encode()),
     'a sealed text that looks like the header of a turn'),
    ('blob_text_modeline', sealed(b'\nvim: set ft=sh :\n'), 'a sealed text with a modeline'),
    ('blob_text_large', sealed(b'wide ' * 200000), 'a sealed text of 1 MB in one blob'),
    ('blob_long_line', sealed(b'x' * 200000), 'a sealed line of 200,000 characters'),
    ('content_null', blob(lambda *_: None), 'content is null'),
    ('content_empty', blob(lambda *_: ''), 'content is the empty string'),
    ('plaintext_space', blob(lambda *_: ' '), 'plaintext that is one space: shown and marked'),
    ('plaintext_newlines', blob(lambda *_: '\n\n'), 'plaintext that is white space: marked'),
)
for name, stage, description in VALID:
    define(name, 'chat', f'one content field: {description}', valid=True, events=stage)


def any_value(event, talk, args):
    event.delta['content'] = args.get('content', 'x')
    yield event


def any_bytes(event, talk, args):
    event.delta['content'] = talk.seal(bytes.fromhex(args.get('hex', 'ff')))
    yield event


define('content_raw', 'chat', 'one content field: any JSON value (args: content, n)',
       events=at_content(any_value))
define('content_bytes', 'chat', 'one content field: any bytes, properly sealed (args: hex, n)',
       events=at_content(any_bytes))


def whitespace_everywhere(source, talk, args):
    for event in source:
        yield event
        if event.kind == 'content':
            yield Event('extra', talk.chunk({'content': ' '}))


def split_text(event, talk, _):
    """One character of three bytes, cut after its first."""
    data = '東'.encode()
    for part in (data[:1], data[1:]):
        yield Event('content', talk.chunk({'content': talk.seal(part)}))


def replay(event, talk, _):
    yield event
    yield event


def unfinished(source, talk, args):
    for event in source:
        if event.kind == 'finish':
            yield Event('content', talk.chunk({'content': talk.seal('東'.encode()[:2])}))
        yield event


def interrupted(event, talk, _):
    """A sequence begun in content must not be finished in reasoning."""
    data = '東'.encode()
    yield Event('content', talk.chunk({'content': talk.seal(data[:1])}))
    yield Event('content', talk.chunk({'reasoning_content': talk.seal(data[1:])}))


define('plaintext_space_everywhere', 'chat', 'a plaintext space after each sealed chunk: marked',
       valid=True, events=whitespace_everywhere)
define('utf8_split', 'chat', 'a UTF-8 sequence split across two blobs', valid=True,
       events=at_content(split_text))
define('utf8_unfinished', 'chat', 'the answer ends inside a UTF-8 sequence', events=unfinished)
define('utf8_crossed', 'chat', 'a UTF-8 sequence that begins in content and ends in reasoning',
       events=at_content(interrupted))
define('blob_replayed', 'chat', 'one blob twice: the protocol cannot tell', valid=True,
       events=at_content(replay))
