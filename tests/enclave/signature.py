"""GET /tee/signature: the model key's statement about an answer that was given."""

from ethereum import address, sign_personal


def statement(chat, enclave):
    """The text that is signed: two hashes, with the model's name in front at NEAR."""
    text = chat['request_hash'] + ':' + chat['response_hash']
    return f'{chat["upstream"]}:{text}' if enclave.shape == 'A' else text


def build(chat, model):
    enclave, key = model.enclave, chat['key']
    text = statement(chat, enclave)
    body = {
        'text': text, 'signature': '0x' + sign_personal(key, text).hex(),
        'signing_address': '0x' + address(key).hex(), 'signing_algo': 'ecdsa', 'model': model.id,
        'request_id': chat['id'], 'requested_request_id': chat['id'],
        'tee_provider': enclave.provider, 'tee_hardware': 'intel-tdx',
        'upstream_model': model.upstream,
        'payload': {'request_hash': chat['request_hash'], 'response_hash': chat['response_hash'],
                    'timestamp': chat['created']},
        'verification': {'attestation_endpoint': f'/api/v1/tee/attestation?model={model.id}',
                         'description': 'Recover the signer and compare it with the quote.'}}
    if enclave.gateway:
        body.update(api_version='aci/1', receipt=enclave.gateway.receipt_for(key, chat))
    return body


def serve(exchange, begin, finish):
    wanted, request_id = exchange.query.get('model', ''), exchange.query.get('request_id', '')
    exchange.entry['model'] = wanted
    armed = begin(exchange, 'signature', wanted)
    if not armed:
        return
    model, chat = exchange.world.model(wanted), exchange.world.chats.get(request_id)
    if exchange.query.get('signing_algo', 'ecdsa') != 'ecdsa':
        return exchange.send_json(400, {'error': 'Unsupported signing algorithm'})
    if model is None or chat is None or chat['key'] is None or chat['model'] != wanted:
        return exchange.send_json(404, {'error': 'Signature not found'})
    finish(exchange, armed, build(chat, model), chat)
