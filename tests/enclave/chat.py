"""POST /chat/completions: judge the request as the real service does, open it, answer it."""

import hashlib
import json
import time

import stream
from envelope import BadBlob, Sealer, open_blob, parse_public
from ethereum import public_bytes
from models import completion_id

MEMBERS = {
    'model', 'messages', 'stream', 'stream_options', 'temperature', 'top_p', 'min_p', 'top_k',
    'max_completion_tokens', 'max_tokens', 'stop', 'seed', 'frequency_penalty', 'presence_penalty',
    'repetition_penalty', 'reasoning_effort', 'reasoning', 'venice_parameters', 'tools',
    'tool_choice', 'n', 'logprobs', 'top_logprobs', 'response_format', 'user', 'metadata',
    'parallel_tool_calls', 'stop_token_ids', 'max_temp', 'min_temp', 'store'}
TEE_HEADERS = ('X-Venice-TEE-Client-Pub-Key', 'X-Venice-TEE-Model-Pub-Key',
               'X-Venice-TEE-Signing-Algo')


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(status)
        self.status, self.body = status, body


def schema_error(code, path, message):
    return Refused(400, {'error': 'Invalid request parameters', 'details': {'_errors': [message]},
                         'issues': [{'code': code, 'path': path, 'message': message}]})


def typed_error(kind, message, status=400):
    return Refused(status, {'error': {'message': message, 'type': kind, 'param': None,
                                      'code': kind}})


def header_error(message):
    return Refused(400, {'error': {'message': 'Invalid E2EE headers: ' + message,
                                   'type': 'invalid_request_error'}})


def authorize(exchange):
    scheme, _, key = (exchange.headers.get('Authorization') or '').partition(' ')
    wanted = exchange.world.options.key
    if scheme.lower() != 'bearer' or not key.strip() or (wanted and key.strip() != wanted):
        raise Refused(401, {'error': 'Authentication failed'})


def read_request(exchange):
    try:
        request = json.loads(exchange.body.decode('utf-8'))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Refused(400, {'error': 'Invalid JSON in request body'}) from None
    if not isinstance(request, dict):
        raise schema_error('invalid_type', [], 'Expected object')
    unknown = sorted(set(request) - MEMBERS)
    if unknown:
        names = ', '.join(f"'{n}'" for n in unknown)
        raise schema_error('unrecognized_keys', [], f'Unrecognized key(s) in object: {names}')
    if not isinstance(request.get('model'), str):
        raise schema_error('invalid_type', ['model'], 'Required')
    messages = request.get('messages')
    if not isinstance(messages, list) or not messages \
            or not all(isinstance(m, dict) and isinstance(m.get('role'), str) for m in messages):
        raise schema_error('invalid_type', ['messages'], 'Required')
    return request


def find_model(exchange, request):
    model = exchange.world.model(request['model'])
    if model is None or model.kind != 'text':
        raise Refused(404, {'error': 'Specified model not found'})
    if model.offline:
        raise Refused(503, {'error': 'The model is offline', 'request_id': completion_id()[9:]})
    return model


def client_key(exchange, model):
    """The key for the answer; None if there are no E2EE headers at all: the fail-open trap."""
    client, shown, algo = (exchange.headers.get(h) for h in TEE_HEADERS)
    exchange.entry.update(client_key=client, model_key=shown)
    if client is None and shown is None and algo is None:
        return None
    if client is None or shown is None or algo is None:
        raise header_error('all three headers must be present together')
    if not model.e2ee:
        raise header_error('the model does not support E2EE')
    if algo != 'ecdsa':
        raise Refused(400, {'error': 'Unsupported signing algorithm'})
    try:
        public = parse_public(bytes.fromhex(client))
    except ValueError:
        raise typed_error('e2ee_invalid_public_key',
                          'ECDSA client public key must be 64 or 65 bytes') from None
    if shown.lower() != public_bytes(model.enclave.key).hex():
        raise typed_error('e2ee_model_key_mismatch', 'The model public key is not ours')
    return public


def structured(text):
    """The servers turn a decrypted text that is a JSON array into structured content."""
    try:
        return isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def open_content(content, key, note):
    """Decrypt one content; what the client did is noted for the log."""
    note['raw_length'] = len(content)
    if key is None:
        note['text'] = content
        return
    if content == '':
        raise typed_error('e2ee_decryption_failed', 'Encrypted field is too short')
    try:
        plain = open_blob(key, content)
        note.update(sealed=True, ephemeral_key=content[:130].lower(), plain_length=len(plain))
        note['text'] = plain.decode('utf-8')
    except BadBlob as error:
        raise typed_error('e2ee_decryption_failed', str(error)) from None
    except UnicodeDecodeError:
        raise typed_error('e2ee_decryption_failed',
                          'Decrypted content is not valid UTF-8') from None
    note['structured'] = structured(note['text'])


def open_messages(request, key, entry):
    notes = entry['messages'] = []
    for message in request['messages']:
        content = message.get('content')
        note = {'role': message['role'], 'sealed': False, 'text': '', 'structured': False,
                'extra': sorted(set(message) - {'role', 'content'})}
        notes.append(note)
        if isinstance(content, str):
            open_content(content, key, note)
        elif isinstance(content, list):
            note['array'] = True
            for part in content:
                if isinstance(part, dict) and isinstance(part.get('text'), str):
                    open_content(part['text'], key, note)
        elif content is not None:
            raise schema_error('invalid_type', ['messages', len(notes) - 1, 'content'],
                               'Expected string, received ' + type(content).__name__)
    entry['all_sealed'] = all(n['sealed'] for n in notes)
    if key is not None and not any(n['sealed'] for n in notes):
        raise typed_error('e2ee_decryption_failed', 'No encrypted message in the request')
    return notes


def judge(exchange):
    """Everything that can be wrong with a request; returns what the answer needs."""
    authorize(exchange)
    request = read_request(exchange)
    exchange.entry['parameters'] = {k: v for k, v in request.items() if k != 'messages'}
    model = find_model(exchange, request)
    public = client_key(exchange, model)
    sealed = public is not None
    exchange.entry['e2ee'] = sealed
    if sealed and request.get('stream') is not True:
        raise typed_error('invalid_request_error', 'E2EE responses require stream: true')
    if sealed and ('tools' in request or 'tool_choice' in request):
        raise Refused(400, {'error': 'tools is not supported by this model'})
    messages = open_messages(request, model.enclave.key if sealed else None, exchange.entry)
    return request, model, public, messages


def serve(exchange, begin):
    peeked = peek_model(exchange)
    exchange.entry['model'] = peeked
    armed = begin(exchange, 'chat', peeked)
    if not armed:
        return
    try:
        request, model, public, messages = judge(exchange)
    except Refused as refused:
        exchange.entry['refused'] = refused.body
        return exchange.send_json(refused.status, refused.body)
    talk = open_talk(exchange, model, public, messages)
    if talk.answer.delay:
        exchange.wait(talk.answer.delay)
    if request.get('stream') is not True:
        return exchange.send_json(200, whole_answer(talk))
    send_stream(exchange, talk, armed)


def peek_model(exchange):
    try:
        return json.loads(exchange.body)['model']
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def open_talk(exchange, model, public, messages):
    world = exchange.world
    answer = world.answers.next(messages, bool(model.reasoning))
    fresh = model.enclave is None or model.enclave.shape != 'B'
    sealer = Sealer(public, fresh) if public is not None else None
    size = sum(len(m['text']) for m in messages)
    talk = stream.Talk(world, model, completion_id(), answer, sealer, 8 + size // 4)
    exchange.entry['response_id'] = talk.id
    world.remember({
        'id': talk.id, 'model': model.id, 'upstream': model.upstream, 'created': talk.created,
        'request_hash': hashlib.sha256(exchange.body).hexdigest(),
        'response_hash': hashlib.sha256(''.join(answer.content).encode()).hexdigest(),
        'key': model.enclave and model.enclave.key, 'time': time.time()})
    return talk


def response_headers(exchange, talk):
    headers = [('Cache-Control', 'no-cache'), ('CF-RAY', '0' * 16 + '-SIM'),
               ('x-venice-model-id', talk.model.id), ('x-ratelimit-limit-requests', '50'),
               ('x-ratelimit-remaining-requests', '49'), ('x-venice-balance-usd', '12.34')]
    if talk.model.enclave:
        headers += [('X-Venice-TEE', 'true'),
                    ('X-Venice-TEE-Provider', talk.model.enclave.provider)]
    return headers


def send_stream(exchange, talk, armed):
    events = talk.events()
    change, wire = armed.stage('events'), armed.stage('wire')
    if change:
        events = change(events, talk, armed.args)
    exchange.start_stream(headers=response_headers(exchange, talk))
    stream.Sender(exchange, talk.answer,
                  wire and (lambda data: wire(data, armed.args))).run(events)
    exchange.end_stream()


def whole_answer(talk):
    """A plaintext answer without a stream: only models and clients without E2EE get here."""
    message = {'role': 'assistant', 'content': ''.join(talk.answer.content)}
    return {'id': talk.id, 'object': 'chat.completion', 'created': talk.created,
            'model': talk.model.id, 'usage': talk.usage(),
            'choices': [{'index': 0, 'message': message,
                         'finish_reason': talk.answer.finish_reason}]}
