-- The library for other plugins: envelope, streams, verification, and a client of its own.

local child = require('tests.lua.child')
local e2ee = require('venice.e2ee')

local function json(path)
  return vim.json.decode(child.read(path))
end

local corpus = vim.env.VENICE_CORPUS
local vectors = corpus and json(corpus .. '/vectors/e2ee-legacy-v1.json')

local function raises(words, call, ...)
  local ok, message = pcall(call, ...)
  assert.is_false(ok, 'did not raise')
  assert.is_truthy(tostring(message):find(words, 1, true), tostring(message))
end

-- An error is { code, message, hint } and nothing else.
local function is_error(code, value, err)
  assert.is_nil(value)
  assert.are.equal('table', type(err))
  assert.are.equal(code, err.code, vim.inspect(err))
  assert.is_true(type(err.message) == 'string' and #err.message > 0)
  for name in pairs(err) do
    assert.is_truthy(({ code = 1, message = 1, hint = 1 })[name], name)
  end
end

describe('is_e2ee_model', function()
  it('tests the prefix', function()
    assert.is_true(e2ee.is_e2ee_model('e2ee-glm-5-1'))
    assert.is_false(e2ee.is_e2ee_model('glm-e2ee-5'))
    assert.is_false(e2ee.is_e2ee_model('tee-glm'))
    assert.is_false(e2ee.is_e2ee_model(''))
    assert.is_false(e2ee.is_e2ee_model('E2EE-x'))
    raises('id: expected string, got nil', e2ee.is_e2ee_model)
  end)
end)

describe('the envelope', function()
  it('opens what it seals, whatever the text', function()
    local kp = assert(e2ee.keypair())
    for _, text in ipairs({ '', 'a', ' ', 'Grüße 🧪\n\ttab', 'nul\0inside', ('x'):rep(100000) }) do
      local blob = assert(e2ee.seal(kp:public_key(), text))
      assert.is_truthy(blob:find('^04%x+$'))
      assert.are.equal(2 * (#text + 93), #blob)
      assert.are.equal(text, e2ee.open(kp, blob))
    end
  end)

  it('never seals the same way twice', function()
    local kp = assert(e2ee.keypair())
    local a, b = e2ee.seal(kp:public_key(), 'x'), e2ee.seal(kp:public_key(), 'x')
    assert.are_not.equal(a:sub(1, 130), b:sub(1, 130))
    assert.are_not.equal(kp:public_key(), a:sub(1, 130))
  end)

  it('makes fresh keys, and keys of given digits', function()
    local a, b = assert(e2ee.keypair()), assert(e2ee.keypair())
    assert.are_not.equal(a:public_key(), b:public_key())
    assert.is_truthy(a:public_key():find('^04%x+$'))
    assert.are.equal(130, #a:public_key())
    local one = ('0'):rep(63) .. '1'
    assert.are.equal(
      '0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
        .. '483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8',
      e2ee.keypair(one):public_key()
    )
    assert.are.equal(
      '0x7e5f4552091a69125d5dfcb7b8c2659029395bdf',
      e2ee.derive_eth_address(e2ee.keypair(one):public_key())
    )
  end)

  it('hands no private key out', function()
    local private = ('7'):rep(64)
    local kp = assert(e2ee.keypair(private))
    local seen = {}
    local function search(value)
      if type(value) == 'string' then
        assert.is_falsy(value:lower():find(private, 1, true))
      elseif type(value) == 'table' and not seen[value] then
        seen[value] = true
        for k, v in pairs(value) do
          search(k)
          search(v)
        end
        search(getmetatable(value))
      end
    end
    search(kp)
    assert.is_falsy(tostring(kp):find('7777', 1, true))
  end)

  it('refuses what is no key', function()
    for _, hex in ipairs({
      '',
      'x',
      ('0'):rep(64),
      ('f'):rep(64),
      ('7'):rep(63),
      ('7'):rep(65),
      ('g'):rep(64),
      '0x' .. ('7'):rep(62),
    }) do
      is_error('malformed', e2ee.keypair(hex))
    end
    local good = e2ee.keypair():public_key()
    for _, hex in ipairs({
      '',
      'x',
      good:sub(1, 129),
      good .. '0',
      '02' .. good:sub(3, 66),
      '06' .. good:sub(3),
      good:sub(1, -2) .. (good:sub(-1) == '0' and '1' or '0'),
      '04' .. ('0'):rep(128),
    }) do
      is_error('malformed', e2ee.seal(hex, 'x'))
      is_error('malformed', e2ee.derive_eth_address(hex))
    end
    assert.is_truthy(e2ee.derive_eth_address('0x' .. good))
    assert.are.equal(e2ee.derive_eth_address(good), e2ee.derive_eth_address(good:sub(3)))
    assert.are.equal(e2ee.derive_eth_address(good), e2ee.derive_eth_address(good:upper()))
  end)

  it('refuses text that is not UTF-8', function()
    local key = e2ee.keypair():public_key()
    for _, text in ipairs({ '\255', 'a\195', '\237\160\128', '\192\128', '\244\144\128\128' }) do
      is_error('malformed', e2ee.seal(key, text))
    end
  end)

  it('opens nothing that was touched', function()
    local kp = assert(e2ee.keypair())
    local blob = assert(e2ee.seal(kp:public_key(), 'secret'))
    for position = 1, #blob, 7 do
      local digit = blob:sub(position, position)
      local other = digit == '0' and '1' or '0'
      local touched = blob:sub(1, position - 1) .. other .. blob:sub(position + 1)
      is_error('integrity', e2ee.open(kp, touched))
    end
    local short = { '', '04', blob:sub(1, -2), blob:sub(1, -3) }
    for _, bad in ipairs(vim.list_extend(short, { blob .. '00', '0x' .. blob })) do
      is_error('integrity', e2ee.open(kp, bad))
    end
    is_error('integrity', e2ee.open(e2ee.keypair(), blob))
    assert.are.equal('secret', e2ee.open(kp, blob:upper()))
  end)

  it('raises for arguments of another type', function()
    local kp = assert(e2ee.keypair())
    raises('private_hex: expected string, got number', e2ee.keypair, 7)
    raises('public_hex', e2ee.derive_eth_address, nil)
    raises('model_public_hex', e2ee.seal, nil, 'x')
    raises('text', e2ee.seal, kp:public_key(), nil)
    raises('keypair', e2ee.open, 'x', 'y')
    raises('keypair', e2ee.open, {}, 'y')
    raises('keypair', e2ee.open, setmetatable({}, getmetatable(kp)), 'y')
    raises('blob', e2ee.open, kp, 7)
    raises('keypair', e2ee.stream, {})
  end)

  it('says so when a key is used after it was freed', function()
    local kp = assert(e2ee.keypair())
    local blob = assert(e2ee.seal(kp:public_key(), 'x'))
    local stream = assert(e2ee.stream(kp))
    kp:free()
    kp:free()
    raises('freed', e2ee.open, kp, blob)
    raises('freed', kp.public_key, kp)
    -- A stream that reads with it goes on.
    local event = ('data: {"choices":[{"delta":{"content":"%s"}}]}\n\n'):format(blob)
    assert.are.same({ { kind = 'content', text = 'x' } }, stream:feed(event))
    stream:free()
    stream:free()
    raises('freed', stream.feed, stream, event)
  end)

  it('gives locked memory back, also where a caller forgets to', function()
    local key = e2ee.keypair():public_key()
    for i = 1, 20000 do
      local kp, err = e2ee.keypair()
      assert.is_truthy(kp, i .. ': ' .. vim.inspect(err))
      if i % 1000 == 0 then
        assert.is_truthy(e2ee.seal(key, 'x'))
      end
    end
  end)

  it('agrees with the vectors', function()
    if not vectors then
      pending('no corpus')
      return
    end
    assert.are.equal(vectors.model_public, e2ee.keypair(vectors.model_private):public_key())
    assert.are.equal(vectors.client_public, e2ee.keypair(vectors.client_private):public_key())
    assert.are.equal(vectors.model_address, e2ee.derive_eth_address(vectors.model_public))
    local model, client = e2ee.keypair(vectors.model_private), e2ee.keypair(vectors.client_private)
    for _, case in ipairs(vectors.request) do
      assert.are.equal(case.plaintext, e2ee.open(model, case.blob))
    end
    for _, list in ipairs({ vectors.response, vectors.response_shared_ephemeral }) do
      for _, case in ipairs(list) do
        assert.are.equal(case.plaintext, e2ee.open(client, case.blob))
      end
    end
    local session_key = vectors.request_session_key
    assert.are.equal(session_key.plaintext, e2ee.open(model, session_key.blob))
    for _, case in ipairs(vectors.negative) do
      local text, err = e2ee.open(client, case.blob)
      if case.expect == 'accept' then
        assert.is_truthy(text, case.name)
      else
        is_error('integrity', text, err)
      end
    end
  end)
end)

describe('a stream', function()
  local kp, key

  before_each(function()
    kp = assert(e2ee.keypair())
    key = kp:public_key()
  end)

  local function delta(fields, finish)
    local parts = {}
    for _, pair in ipairs(fields) do
      parts[#parts + 1] = ('"%s":%s'):format(pair[1], vim.json.encode(pair[2]))
    end
    return ('data: {"id":"c1","choices":[{"index":0,"delta":{%s},"finish_reason":%s}]}\n\n'):format(
      table.concat(parts, ','),
      finish and '"' .. finish .. '"' or 'null'
    )
  end

  local function content(text, finish)
    return delta({ { 'content', e2ee.seal(key, text) } }, finish)
  end

  local function read(bytes, opts, piece)
    local stream = assert(e2ee.stream(kp, opts))
    local events = {}
    for start = 1, #bytes, piece or #bytes do
      vim.list_extend(events, stream:feed(bytes:sub(start, start + (piece or #bytes) - 1)))
    end
    vim.list_extend(events, stream:finish())
    assert.are.same({}, stream:finish())
    return events
  end

  it('gives text, reasoning, usage and the reason of the end', function()
    local bytes = delta({ { 'role', 'assistant' } })
      .. delta({ { 'reasoning_content', e2ee.seal(key, 'hm') } })
      .. content('Hello')
      .. ': keep-alive\n\n'
      .. content(' world')
      .. delta({}, 'stop')
      .. 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n'
      .. 'data: [DONE]\n\n'
    local expected = {
      { kind = 'reasoning', text = 'hm' },
      { kind = 'content', text = 'Hello' },
      { kind = 'content', text = ' world' },
      { kind = 'finish', reason = 'stop' },
      { kind = 'usage', usage = { prompt_tokens = 3, completion_tokens = 2 } },
    }
    assert.are.same(expected, read(bytes))
    for _, piece in ipairs({ 1, 2, 3, 7, 64, 1000 }) do
      assert.are.same(expected, read(bytes, nil, piece))
    end
    assert.are.same(expected, read((bytes:gsub('\n', '\r\n'))))
  end)

  it('stops for ever at the first thing that is not authentic', function()
    local touched = e2ee.seal(key, 'bad')
    touched = touched:sub(1, -2) .. (touched:sub(-1) == '0' and '1' or '0')
    for name, bad in pairs({
      touched = delta({ { 'content', touched } }),
      plaintext = delta({ { 'content', 'hello' } }),
      reasoning = delta({ { 'reasoning_content', 'hello' } }),
      tool_calls = 'data: {"choices":[{"delta":{"tool_calls":[{"id":"x"}]}}]}\n\n',
      foreign = delta({ { 'content', e2ee.seal(e2ee.keypair():public_key(), 'x') } }),
    }) do
      local events = read(content('one') .. bad .. content('two', 'stop') .. 'data: [DONE]\n\n')
      assert.are.equal(2, #events, name .. vim.inspect(events))
      assert.are.same({ kind = 'content', text = 'one' }, events[1])
      assert.are.equal('error', events[2].kind)
      assert.are.equal('integrity', events[2].code)
      assert.are.equal('string', type(events[2].message))
      assert.is_falsy(events[2].message:find('hello', 1, true))
    end
  end)

  it('passes white space in plaintext on, marked, or refuses it', function()
    local bytes = delta({ { 'content', ' \n' } }) .. content('x', 'stop') .. 'data: [DONE]\n\n'
    assert.are.same({
      { kind = 'content', text = ' \n', authenticated = false },
      { kind = 'content', text = 'x' },
      { kind = 'finish', reason = 'stop' },
    }, read(bytes))
    assert.are.same(read(bytes), read(bytes, { plaintext_whitespace = 'mark' }))
    local events = read(bytes, { plaintext_whitespace = 'refuse' })
    assert.are.equal(1, #events)
    assert.are.equal('integrity', events[1].code)
    local reasoning = delta({ { 'reasoning_content', '\n' } }) .. delta({}, 'stop')
    assert.are.same(
      { kind = 'reasoning', text = '\n', authenticated = false },
      read(reasoning .. 'data: [DONE]\n\n')[1]
    )
  end)

  it('says that it was cut off', function()
    local events = read(content('one'))
    assert.are.equal(2, #events)
    assert.are.equal('cut_off', events[2].code)
    assert.are.equal('cut_off', read('')[1].code)
    assert.are.equal('cut_off', read('data: {"choices"')[1].code)
    assert.are.same({}, read('data: [DONE]\n\n'))
  end)

  it("passes the server's error on", function()
    local events = read(content('one') .. 'data: {"error":{"message":"overloaded","code":"x"}}\n\n')
    assert.are.equal(2, #events)
    assert.are.equal('error', events[2].kind)
    assert.are.equal('server', events[2].code)
  end)

  it('raises for wrong options and types', function()
    raises('plaintext_whitespace', e2ee.stream, kp, { plaintext_whitespace = 'drop' })
    raises('plaintext_whitespace', e2ee.stream, kp, { whitespace = 'mark' })
    raises('opts', e2ee.stream, kp, 'mark')
    local stream = e2ee.stream(kp)
    raises('bytes', stream.feed, stream, nil)
    raises('stream', stream.feed, {}, 'x')
  end)

  it('agrees with the vectors', function()
    if not corpus then
      pending('no corpus')
      return
    end
    local expected = json(corpus .. '/vectors/sse-expected.json')
    local client = e2ee.keypair(vectors.client_private)
    local function run(name)
      local stream = e2ee.stream(client)
      local events = stream:feed(child.read(corpus .. '/vectors/' .. name))
      vim.list_extend(events, stream:finish())
      local got = { content = '', reasoning = '' }
      for _, event in ipairs(events) do
        if event.text then
          got[event.kind] = got[event.kind] .. event.text
        else
          got[event.kind] = event
        end
      end
      return got
    end
    local good = expected['sse-ok.txt']
    for _, name in ipairs({ 'sse-ok.txt', 'sse-ok-crlf.txt' }) do
      local got = run(name)
      assert.are.equal(good.content, got.content)
      assert.are.equal(good.reasoning, got.reasoning)
      assert.are.equal(good.finish_reason, got.finish.reason)
      assert.are.equal(good.usage_total, got.usage.usage.total_tokens)
      assert.is_nil(got.error)
    end
    local cut = run('sse-truncated-no-done.txt')
    assert.are.equal(expected['sse-truncated-no-done.txt'].content, cut.content)
    assert.are.equal(expected['sse-truncated-no-done.txt'].reasoning, cut.reasoning)
    assert.are.equal('cut_off', cut.error.code)
    local failed = run('sse-midstream-error.txt')
    assert.are.equal(expected['sse-midstream-error.txt'].content, failed.content)
    assert.are.equal('server', failed.error.code)
    assert.are.equal('integrity', run('sse-plaintext-leak.txt').error.code)
    local swapped = run('sse-content-reasoning-swapped.txt')
    assert.are.equal(expected['sse-content-reasoning-swapped.txt'].content, swapped.content)
  end)
end)
