-- The library's client: sessions, requests of one's own, and the ways of the ported library.

local child = require('tests.lua.child')

local NEW = [[
  local given, opts = ...
  _G.e2ee = require('venice.e2ee')
  _G.client = assert(e2ee.new(vim.tbl_extend('force', given, opts or {})))
  -- A callback that keeps what it was given under a name, and how often.
  function _G.keep(name)
    _G[name] = { count = 0 }
    return function(err, value)
      assert(not vim.in_fast_event())
      _G[name].count = _G[name].count + 1
      _G[name].err, _G[name].value = err, value
    end
  end]]

describe('e2ee.new', function()
  local sim, nvim

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)
  before_each(function()
    sim.reset()
    sim.answer({ rate = 0, chunks = { 'One ', 'wörd' } })
    nvim = child.start({ env = { VENICE_API_KEY = 'k' } })
    nvim.lua(NEW, sim.options())
  end)
  after_each(function()
    nvim.stop()
  end)

  local function attestations()
    local count = 0
    for _, entry in ipairs(sim.log()) do
      count = count + (entry.path:find('/tee/attestation', 1, true) and 1 or 0)
    end
    return count
  end

  local function create_session(model)
    local early = nvim.lua(
      [[client:create_session(..., keep('session')) return _G.session.count]],
      model or sim.model
    )
    assert.are.equal(0, early)
    nvim.wait_for('_G.session.count > 0')
    return nvim.lua('return _G.session')
  end

  it('creates a session on an accepted report', function()
    local kept = create_session()
    assert.is_nil(kept.err)
    assert.are.equal(sim.model, kept.value.model)
    local report = kept.value.attestation
    assert.is_true(report.accepted)
    assert.are.equal('dcap', report.level)
    assert.are.equal('table', type(report.checks[1]))
    assert.are.equal(1, kept.count)
  end)

  it('creates none where the evidence is bad, and says why', function()
    sim.fault('report_data_address')
    local kept = create_session()
    assert.is_nil(kept.value)
    assert.are.equal('attestation', kept.err.code)
    assert.are.equal('string', type(kept.err.message))
  end)

  it('caches a session per model until it is cleared', function()
    create_session()
    create_session()
    assert.are.equal(1, attestations())
    create_session(sim.models[2])
    assert.are.equal(2, attestations())
    nvim.lua('client:clear_session(...)', sim.model)
    create_session(sim.models[2])
    assert.are.equal(2, attestations())
    create_session()
    assert.are.equal(3, attestations())
    nvim.lua('client:clear_session()')
    create_session()
    create_session(sim.models[2])
    assert.are.equal(5, attestations())
  end)

  it('lets a session end after session_ttl', function()
    nvim.lua(NEW, sim.options(), { session_ttl = 1 })
    create_session()
    nvim.sleep(1200)
    create_session()
    assert.are.equal(2, attestations())
  end)

  it('attests, with a report also where it refuses', function()
    nvim.lua([[client:attest(..., keep('attested'))]], sim.model)
    nvim.wait_for('_G.attested.count > 0')
    assert.is_true(nvim.lua('return _G.attested.value.accepted'))
    sim.fault('td_debug')
    nvim.lua([[client:attest(..., keep('refused'))]], sim.model)
    nvim.wait_for('_G.refused.count > 0')
    local kept = nvim.lua('return _G.refused')
    assert.are.equal('attestation', kept.err.code)
    assert.are.equal('td_debug', kept.value.reason)
    assert.are.equal(2, attestations())
  end)

  -- Headers and body as a caller would send them with a client of his own.
  local function send(sealed)
    return sim.request('POST', '/api/v1/chat/completions', {
      model = sim.model,
      messages = sealed.messages,
      stream = true,
      venice_parameters = sealed.venice_parameters,
    }, vim.tbl_extend('force', { Authorization = 'Bearer k' }, sealed.headers))
  end

  it('seals messages for callers who send them themselves', function()
    create_session()
    local sealed = nvim.lua([[
      local messages = {
        { role = 'system', content = 'short' },
        { role = 'user', content = 'Grüße' },
        { role = 'tool', content = 'result', tool_call_id = 'call_1' },
      }
      _G.sealed = assert(client:encrypt(messages, _G.session.value))
      return {
        messages = sealed.messages,
        headers = sealed.headers,
        venice_parameters = sealed.venice_parameters,
      }]])
    assert.are.equal('ecdsa', sealed.headers['X-Venice-TEE-Signing-Algo'])
    assert.are.equal(130, #sealed.headers['X-Venice-TEE-Client-Pub-Key'])
    assert.are.equal(130, #sealed.headers['X-Venice-TEE-Model-Pub-Key'])
    assert.is_true(sealed.venice_parameters.enable_e2ee)
    assert.are.equal('call_1', sealed.messages[3].tool_call_id)
    for _, message in ipairs(sealed.messages) do
      assert.is_truthy(message.content:find('^04%x+$'))
    end

    local answer = send(sealed)
    assert.are.equal(200, answer.status)
    local log = sim.log()
    assert.is_true(log[#log].all_sealed)
    assert.are.equal('Grüße', log[#log].messages[2].text)

    local read = nvim.lua(
      [[
      local body = ...
      local stream = assert(sealed.request:stream())
      local events = stream:feed(body)
      vim.list_extend(events, stream:finish())
      stream:free()
      local blobs = {}
      for blob in body:gmatch('"content":%s*"(04%x+)"') do
        table.insert(blobs, (assert(sealed.request:decrypt_chunk(blob))))
      end
      local _, err = sealed.request:decrypt_chunk('04')
      return { events = events, chunks = table.concat(blobs), err = err }]],
      answer.body
    )
    local text = ''
    for _, event in ipairs(read.events) do
      assert.are_not.equal('error', event.kind)
      text = text .. (event.kind == 'content' and event.text or '')
    end
    assert.are.equal('One wörd', text)
    assert.are.equal('One wörd', read.chunks)
    assert.are.equal('integrity', read.err.code)
  end)

  it('has fresh keys for every request', function()
    create_session()
    local keys = nvim.lua([[
      local keys = {}
      for i = 1, 3 do
        local sealed = assert(client:encrypt({ { role = 'user', content = 'x' } }, session.value))
        keys[i] = sealed.headers['X-Venice-TEE-Client-Pub-Key']
        keys[i + 3] = sealed.messages[1].content:sub(1, 130)
        sealed.request:free()
      end
      return keys]])
    local seen = {}
    for _, key in ipairs(keys) do
      assert.is_nil(seen[key])
      seen[key] = true
    end
  end)

  it('cannot read with a request after it was freed', function()
    create_session()
    nvim.lua([[
      _G.sealed = assert(client:encrypt({ { role = 'user', content = 'x' } }, session.value))
      sealed.request:free()
      sealed.request:free()]])
    for _, call in ipairs({ 'decrypt_chunk("04")', 'stream()' }) do
      local ok, err = pcall(nvim.lua, 'sealed.request:' .. call)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find('freed', 1, true), tostring(err))
    end
  end)

  it('seals nothing under a session that was cleared or is over', function()
    create_session()
    local code = nvim.lua([[
      client:clear_session()
      local sealed, err = client:encrypt({ { role = 'user', content = 'x' } }, session.value)
      return sealed == nil and err.code]])
    assert.are.equal('attestation', code)
    local fakes = { '{}', '{ id = 1 }', 'nil', '{ attestation = { accepted = true } }' }
    for _, session in ipairs(fakes) do
      local ok = pcall(
        nvim.lua,
        ([[
        client:encrypt({ { role = 'user', content = 'x' } }, %s)]]):format(session)
      )
      assert.is_false(ok, session)
    end
  end)

  it('refuses to seal what it cannot send', function()
    create_session()
    local codes = nvim.lua([[
      local codes = {}
      for i, messages in ipairs({
        {},
        { { role = 'user', content = '' } },
        { { role = 'boss', content = 'x' } },
        { { role = 'user', content = '\255' } },
        { { role = 'user', content = 'x', tool_calls = {} } },
        { { role = 'tool', content = 'x' } },
      }) do
        local sealed, err = client:encrypt(messages, session.value)
        codes[i] = sealed == nil and err.code
      end
      return codes]])
    assert.are.same({ 'config', 'config', 'config', 'malformed', 'config', 'config' }, codes)
  end)

  it('chats and cancels', function()
    nvim.lua(
      [[
      _G.text = ''
      client:chat({ model = ..., messages = { { role = 'user', content = 'x' } } }, {
        on_event = function(event)
          if event.kind == 'content' then _G.text = _G.text .. event.text end
        end,
        on_done = keep('chat'),
      })]],
      sim.model
    )
    nvim.wait_for('_G.chat.count > 0')
    assert.are.equal('One wörd', nvim.lua('return _G.text'))
    assert.are.equal('stop', nvim.lua('return _G.chat.value.finish_reason'))
    sim.answer({ tokens = 1000, rate = 50 })
    nvim.lua(
      [[
      local id = client:chat({ model = ..., messages = { { role = 'user', content = 'x' } } },
        { on_done = keep('chat') })
      client:cancel(id)]],
      sim.model
    )
    nvim.wait_for('_G.chat.count > 0')
    assert.are.equal('cancelled', nvim.lua('return _G.chat.err.code'))
  end)

  it('inherits nothing from setup()', function()
    nvim.lua([[
      require('venice.config').setup({
        base_url = 'http://127.0.0.1:9', api_key = { env = 'NOT_SET' },
        verify = { attestation = false },
      })]])
    nvim.lua(NEW, sim.options())
    assert.is_nil(create_session().err)
  end)

  it('raises for options that are wrong, and for verify.attestation', function()
    for opts, words in pairs({
      ['{ verify = { attestation = false } }'] = 'verify.attestation',
      ['{ verify = { attestation = true } }'] = 'verify.attestation',
      ['{ base_url = "http://example.com" }'] = 'base_url',
      ['{ api_key = "sk-x" }'] = 'api_key',
      ['{ model = "x" }'] = 'no option model',
      ['"x"'] = 'must be a table',
    }) do
      local ok, err = pcall(nvim.lua, 'e2ee.new(' .. opts .. ')')
      assert.is_false(ok, opts)
      assert.is_truthy(tostring(err):find(words, 1, true), tostring(err))
    end
  end)

  it('ends with close, twice if need be', function()
    sim.fault('attestation_hang')
    nvim.lua(
      [[
      client:create_session(..., keep('session'))
      client:close()
      client:close()]],
      sim.model
    )
    nvim.wait_for('_G.session.count > 0')
    assert.are.equal('cancelled', nvim.lua('return _G.session.err.code'))
    assert.are.equal('cancelled', create_session().err.code)
  end)

  it('judges the same evidence offline', function()
    local nonce = ('0123456789abcdef'):rep(4)
    local path = ('/api/v1/tee/attestation?model=%s&nonce=%s'):format(sim.model, nonce)
    local function verify(extra)
      local args = { response = sim.request('GET', path).body, nonce = nonce, model = sim.model }
      args.policy = { dcap = 'off', gpu = 'off' }
      return nvim.lua(
        [[
        local args = ...
        args.now = os.time()
        local report, err = e2ee.verify_attestation(args)
        return { report = report, err = err }]],
        vim.tbl_extend('force', args, extra or {})
      )
    end
    local good = verify().report
    assert.is_true(good.verified and good.accepted)
    assert.are.equal('binding', good.level)
    assert.are.equal('model_mismatch', verify({ model = 'e2ee-other' }).report.reason)
    assert.are.equal('nonce_mismatch', verify({ nonce = ('0'):rep(64) }).report.reason)
    assert.are.equal('not_json', verify({ response = 'no json' }).report.reason)
    assert.is_false(verify({ response = '' }).report.accepted)
    sim.fault('td_debug')
    assert.are.equal('td_debug', verify().report.reason)
  end)

  it('raises where an argument of verify_* is missing or of another type', function()
    for call, words in pairs({
      ['verify_quote({ quote = "x" })'] = 'now',
      ['verify_quote({ now = 1 })'] = 'quote',
      ['verify_quote("x")'] = 'verify_quote',
      ['verify_quote({ quote = "x", now = 1, qoute = 1 })'] = 'qoute',
      ['verify_quote({ quote = "x", now = 1, policy = { dcpa = "off" } })'] = 'policy.dcpa',
      ['verify_quote({ quote = "x", now = 0 / 0 })'] = 'now',
      ['verify_attestation({ response = "{}", now = 1, nonce = "" })'] = 'model',
      ['verify_attestation({ response = "", now = 1, nonce="", model="", nras = {} })'] = 'nras',
    }) do
      local ok, err = pcall(nvim.lua, 'e2ee.' .. call)
      assert.is_false(ok, call)
      assert.is_truthy(tostring(err):find(words, 1, true), tostring(err))
    end
    local report = nvim.lua([[return e2ee.verify_quote({ quote = 'x', now = 1 })]])
    assert.is_false(report.verified)
    assert.are.equal('quote_truncated', report.reason)
  end)

  it('takes any bytes as evidence: they are judged, never an error', function()
    local nonce = ('0'):rep(64)
    for _, bytes in ipairs({ '', '\255', '{\0}', '{"a":"\237\160\128"}', '[]', 'null', '"' }) do
      local got = nvim.lua(
        [[
        local bytes, nonce = ...
        local policy = { dcap = 'require' }
        local quote = assert(e2ee.verify_quote({
          quote = bytes, collateral = bytes, now = 1.5, policy = policy,
        }))
        local response = assert(e2ee.verify_attestation({
          response = bytes, nonce = nonce, model = 'm', now = 1, policy = policy,
          collateral = bytes, nras = { response = bytes, jwks = bytes },
        }))
        return { quote, response }]],
        bytes,
        nonce
      )
      for _, report in ipairs(got) do
        assert.is_false(report.verified)
        assert.is_false(report.accepted)
        assert.are.equal('string', type(report.reason))
      end
    end
  end)
end)
