-- What a user sees when something goes wrong, with the whole of the plugin and the simulator.

local child = require('tests.lua.child')

describe('with the service', function()
  local sim, nvim

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)

  before_each(function()
    sim.reset()
    sim.answer({ text = 'One two three four five six seven.', rate = 0 })
    nvim = child.start({ columns = 160, lines = 24, env = { VENICE_API_KEY = 'key' } })
    nvim.lua([[require('venice').setup(...)]], sim.options({ model = sim.model }))
  end)
  after_each(function()
    nvim.stop()
  end)

  local function idle()
    nvim.wait_for([[require('venice').status().state == 'idle']], 15000 * child.slack)
  end
  local function status()
    return nvim.lua([[return require('venice').status()]])
  end
  local function ask(prompt)
    nvim.cmd('VeniceChat ' .. (prompt or 'question'))
    idle()
  end
  local function shows(text)
    local screen
    assert(
      pcall(nvim.wait_for, function()
        screen = nvim.screen_text()
        return screen:find(text, 1, true)
      end, 2000),
      ('%q is not on the screen:\n%s'):format(text, screen)
    )
  end
  local function completions()
    return vim.tbl_filter(function(entry)
      return entry.path:find('completions', 1, true) ~= nil
    end, sim.log())
  end

  it('a question is answered, and the next one carries the first', function()
    ask('What now?')
    assert.is_nil(status().error)
    shows('One two three four five six seven.')
    shows('── ' .. sim.model)
    shows('tokens')
    assert.is_true(status().simulated)
    shows('SIMULATED')
    nvim.type_keys('iAnd then?<Esc><CR>')
    idle()
    local last = completions()[2]
    assert.is_true(last.all_sealed)
    assert.are.same(
      { 'What now?', 'One two three four five six seven.', 'And then?' },
      vim.tbl_map(function(message)
        return message.text
      end, last.messages)
    )
  end)

  -- Before the first token: nothing but the prompt, the reason below it.
  for fault, code in pairs({
    http_401 = 'unauthorized',
    http_402 = 'payment',
    http_404 = 'not_found',
    http_413 = 'too_large',
    http_400_object = 'bad_request',
    http_500 = 'server',
    http_429_hour = 'rate_limited',
    close = false,
    not_http = false,
    redirect = false,
    nonce_response = 'attestation',
    key_unbound = 'attestation',
    attested_model_other = 'attestation',
    attested_model_missing = 'attestation',
    rtmr3_opaque = 'attestation',
    event_name_colon = 'attestation',
    td_debug = 'attestation',
    quote_sgx = 'attestation',
    quote_truncated = 'attestation',
    verified_false = 'attestation',
    attestation_10mb = false,
    attestation_deep = false,
  }) do
    it('the prompt stays after ' .. fault, function()
      sim.fault(fault)
      ask('my prompt')
      local err = status().error
      assert.is_truthy(err)
      if code then
        assert.are.equal(code, err.code)
      end
      assert.are.equal('\nmy prompt', nvim.text())
      shows(err.code .. ': ' .. err.message:sub(1, 30))
      if code == 'attestation' then
        assert.are.equal(0, #completions())
        nvim.type_keys('ga')
        nvim.wait_for([[vim.api.nvim_buf_get_name(0):find('attestation', 1, true) ~= nil]])
        assert.is_truthy(nvim.text():find('✗', 1, true))
        nvim.cmd('close')
      end
      sim.fault('none')
      nvim.cmd('Venice retry')
      idle()
      assert.is_nil(status().error)
      assert.are.equal('my prompt', completions()[#completions()].messages[1].text)
    end)
  end

  -- In the middle: what authenticated stays, and the reason stands below it.
  for fault, code in pairs({
    blob_flip_tag = 'integrity',
    blob_off_curve = 'integrity',
    blob_185 = 'integrity',
    blob_prefix_02 = 'integrity',
    plaintext_word = 'integrity',
    tool_calls = 'integrity',
    event_not_json = 'malformed',
    no_finish_no_done = 'cut_off',
    drop_fin = 'cut_off',
    error_object = 'server',
  }) do
    it('the text stays after ' .. fault, function()
      sim.answer({ chunks = { 'One ', 'two ', 'three ', 'four' }, rate = 0 })
      sim.fault(fault)
      ask()
      assert.are.equal(code, status().error.code)
      shows(code == 'cut_off' and 'cut off: ' or code .. ': ')
      local text = nvim.text():match('^\nquestion\n\n(.-)\n\n$')
      assert.is_truthy(text, nvim.text())
      assert.are.equal(text, ('One two three four'):sub(1, #text))
      assert.are.equal(
        code == 'cut_off' and 'cut_off' or 'error',
        nvim.lua([[
        return require('venice').last_event().data.outcome
      ]])
      )
      sim.fault('none')
      nvim.cmd('Venice retry')
      idle()
      assert.are.equal('\nquestion\n\nOne two three four\n\n', nvim.text())
      assert.are.same(1, #completions()[2].messages)
    end)
  end

  it('a pause after 503 is shown, and can be stopped', function()
    sim.fault('http_503_retry_after')
    nvim.cmd('VeniceChat question')
    shows('the service is not available, again in')
    nvim.type_keys('<C-c>')
    idle()
    assert.are.equal('\nquestion', nvim.text())
    assert.is_nil(status().error)
  end)

  it('no key is named, and where to put one', function()
    nvim.stop()
    nvim = child.start({ columns = 160, lines = 24 })
    nvim.lua([[require('venice').setup(...)]], sim.options({ model = sim.model }))
    ask()
    assert.are.equal('no_key', status().error.code)
    assert.are.equal('\nquestion', nvim.text())
    shows('VENICE_API_KEY')
    assert.are.equal(0, #completions())
  end)

  it('a refused connection is named', function()
    nvim.lua(
      [[
      local options = ...
      options.base_url = 'http://127.0.0.1:9'
      require('venice').setup(options)
    ]],
      sim.options({ model = sim.model })
    )
    ask()
    assert.are.equal('connect', status().error.code)
    assert.are.equal('\nquestion', nvim.text())
  end)

  it('white space that came in plaintext is shown and counted', function()
    sim.answer({ chunks = { 'One', 'two', 'three', 'four' }, rate = 0 })
    sim.fault('plaintext_newlines')
    ask()
    assert.is_nil(status().error)
    shows('came unencrypted: not authenticated')
  end)

  it('an answer cannot forge a turn, run a modeline or drive the terminal', function()
    for _, fault in ipairs({ 'blob_text_turn', 'blob_text_modeline', 'blob_text_escape' }) do
      sim.fault(fault)
      ask(fault)
      sim.fault('none')
    end
    ask('last')
    local log = completions()
    local roles = vim.tbl_map(function(message)
      return message.role
    end, log[#log].messages)
    assert.are.same(
      { 'user', 'assistant', 'user', 'assistant', 'user', 'assistant', 'user' },
      roles
    )
    assert.are.equal('nofile', nvim.eval('&buftype'))
  end)

  it('a wiped buffer closes its connection', function()
    sim.answer({ tokens = 2000, rate = 50 })
    nvim.cmd('VeniceChat question')
    nvim.wait_for([[require('venice').status().state == 'streaming']], 10000 * child.slack)
    nvim.cmd('bwipeout!')
    nvim.wait_for(function()
      local entry = completions()[1]
      return entry and entry.client_closed
    end, 3000)
    assert.are.equal('', nvim.stderr())
  end)

  it('stop closes the connection and keeps the text', function()
    sim.answer({ tokens = 2000, rate = 50 })
    nvim.cmd('VeniceChat question')
    nvim.wait_for([[require('venice').status().state == 'streaming']], 10000 * child.slack)
    nvim.type_keys('<C-c>')
    idle()
    nvim.wait_for(function()
      local entry = completions()[1]
      return entry and entry.client_closed
    end, 3000)
    shows('stopped')
  end)

  it('a selection that is no UTF-8 is refused with the reason', function()
    nvim.cmd('enew')
    nvim.lua([[vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'a\255b' })]])
    nvim.cmd('%VeniceChat q')
    idle()
    assert.are.equal('malformed', status().error.code)
    assert.is_truthy(status().error.message:find('UTF-8', 1, true))
    assert.are.equal(0, #completions())
  end)

  it('a selection with NUL, or that is a JSON array, arrives as it is', function()
    nvim.cmd('enew')
    nvim.lua([[vim.api.nvim_buf_set_lines(0, 0, -1, false, { '[1, "a\0b"]' })]])
    nvim.cmd('%VeniceChat q')
    idle()
    assert.is_nil(status().error)
    local text = completions()[1].messages[1].text
    assert.are.equal('q\n\n[No Name]:1-1\n```\n[1, "a\0b"]\n```', text)
  end)

  local function streaming()
    nvim.wait_for([[require('venice').status().state == 'streaming']], 10000 * child.slack)
  end

  it('keep-alives after the finish reason leave the answer whole, also if it is stopped', function()
    sim.fault('drip_after_finish', { every = 0.1, seconds = 20 })
    nvim.cmd('VeniceChat question')
    nvim.wait_for(function()
      return nvim.text():find('seven.', 1, true) ~= nil
    end, 10000)
    idle()
    assert.is_nil(status().error)
    assert.are.equal('\nquestion\n\nOne two three four five six seven.\n\n', nvim.text())
    nvim.cmd('VeniceChat again')
    nvim.wait_for(function()
      return select(2, nvim.text():gsub('seven%.', '')) == 2
    end, 10000)
    nvim.type_keys('<C-c>')
    idle()
    assert.are.equal('ok', nvim.lua([[return require('venice').last_event().data.outcome]]))
    assert.is_nil(nvim.screen_text():find('stopped', 1, true))
  end)

  it('a prompt that was sent and not answered says so, also after a stop', function()
    sim.fault('drip_after_role', { every = 0.1, seconds = 20 })
    nvim.cmd('VeniceChat question')
    nvim.wait_for(function()
      return #completions() == 1 and status().state == 'waiting'
    end, 10000)
    nvim.sleep(200)
    nvim.type_keys('<C-c>')
    idle()
    assert.are.equal('\nquestion', nvim.text())
    shows('sent, no answer')
    shows('asking again may cost twice')
    sim.fault('none')
    nvim.type_keys('<CR>')
    idle()
    assert.is_truthy(nvim.notices():find('may cost twice', 1, true))
    assert.is_nil(nvim.screen_text():find('no answer', 1, true))
  end)

  it('a connection that is lost before the first text leaves a prompt that was sent', function()
    sim.fault('no_finish_no_done')
    sim.answer({ chunks = {}, rate = 0 })
    ask('my prompt')
    assert.are.equal('cut_off', status().error.code)
    shows('sent, no answer')
    shows('may cost twice')
    assert.is_nil(nvim.screen_text():find('is kept', 1, true))
    assert.is_nil(nvim.screen_text():find('not sent', 1, true))
  end)

  it('odd ids of models are not offered, and none is taken', function()
    sim.fault('models_control_chars')
    local function offered()
      return nvim.fn.getcompletion('Venice model ', 'cmdline')
    end
    nvim.wait_for(function()
      return #offered() > 0
    end)
    local seen = {}
    for _, id in ipairs(offered()) do
      assert.is_truthy(id:find('^[%w._:/-]+$'), id)
      assert.is_nil(seen[id])
      seen[id] = true
    end
    for _, id in ipairs({ 'e2ee-x|quit', 'e2ee-\27[31m', 'e2ee-\226\128\174x' }) do
      nvim.lua(
        [[require('venice.commands').complete('', '')
        require('venice.subcommands').model.run(...)]],
        id
      )
      assert.is_truthy(nvim.last_notice():find('this is not the id of a model', 1, true))
    end
    assert.are.equal(sim.model, status().model or sim.model)
  end)

  it('a prompt that never left says that it was not sent', function()
    sim.fault('verified_false')
    ask('my prompt')
    shows('not sent')
    assert.is_nil(nvim.screen_text():find('cost twice', 1, true))
  end)

  it('an answer without end is stopped at its limit, and says which', function()
    local chunks = {}
    for i = 1, 40 do
      chunks[i] = ('word and '):rep(55000)
    end
    sim.answer({ chunks = chunks, rate = 0 })
    nvim.cmd('VeniceChat question')
    nvim.wait_for([[require('venice').status().state == 'idle']], 60000)
    assert.are.equal('limit', status().error.code)
    assert.is_truthy(status().error.message:find('16777216', 1, true), status().error.message)
    local size = nvim.lua([[return #require('venice.chat').current().view:texts()[2].text]])
    assert.is_true(size > 16000000 and size <= 16777216, tostring(size))
  end)

  it('an answer without end is stopped at once', function()
    local chunks = {}
    for i = 1, 30 do
      chunks[i] = ('word and '):rep(55000)
    end
    sim.answer({ chunks = chunks, rate = 0 })
    nvim.cmd('VeniceChat question')
    streaming()
    nvim.wait_for([[vim.fn.line2byte('$') > 1000000]], 30000)
    local took = nvim.lua([[
      local start = vim.loop.hrtime()
      require('venice.chat').current():stop()
      vim.wait(10000, function() return require('venice').status().state == 'idle' end, 1)
      return (vim.loop.hrtime() - start) / 1e6
    ]])
    assert.is_true(took < 250 * child.slack, ('took %d ms'):format(took))
    assert.are.equal('stopped', nvim.lua([[return require('venice').last_event().data.outcome]]))
  end)
end)
