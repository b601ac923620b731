-- Requests: from a call to its handlers and its one end, against the simulator.

local child = require('tests.lua.child')

local KEY = 'sk-marked-key-of-this-test'

-- In the child: a client, and runs that record what their handlers saw.
local PRELUDE = [[
  local trusted, options = ...
  local config = require('venice.config')
  local opts = vim.tbl_deep_extend('force', trusted, options or {})
  opts.timeout = opts.timeout or { connect = 5, idle = 5 }
  _G.client = assert(require('venice.client').new(config.client_options(opts)))
  _G.runs = {}

  -- Handlers that record into a run; `extra` wins.
  function _G.recorder(extra)
    local run = { states = {}, reports = {}, fresh = {}, events = {}, ends = 0, text = '' }
    table.insert(_G.runs, run)
    local handlers = {
      on_state = function(state) table.insert(run.states, state.state) end,
      on_report = function(report, fresh)
        table.insert(run.reports, report)
        table.insert(run.fresh, fresh)
      end,
      on_event = function(event)
        assert(not vim.in_fast_event())
        table.insert(run.events, event)
        if event.kind == 'content' then run.text = run.text .. event.text end
      end,
      on_done = function(err, info)
        assert(not vim.in_fast_event())
        run.ends = run.ends + 1
        run.err, run.info = err, info
      end,
    }
    return vim.tbl_extend('force', handlers, extra or {}), run, #_G.runs
  end

  function _G.chat(request, extra)
    local handlers, run, number = recorder(extra)
    if type(request) == 'string' then request = { model = request } end
    request.messages = request.messages or { { role = 'user', content = 'Hello' } }
    run.id = client:chat(request, handlers)
    run.early = run.ends
    return number
  end

  function _G.attest(model, opts)
    local handlers, run, number = recorder()
    run.id = client:attest(model, opts, handlers)
    run.early = run.ends
    return number
  end]]

describe('a client', function()
  local sim, nvim

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)
  before_each(function()
    sim.reset()
    sim.answer({ rate = 0 })
    nvim = child.start({ env = { VENICE_API_KEY = KEY } })
    nvim.lua(PRELUDE, sim.options())
  end)
  after_each(function()
    nvim.stop()
  end)

  local function finish(number, ms)
    nvim.wait_for(('runs[%d].ends > 0'):format(number), ms, 'the end of run ' .. number)
    return nvim.lua('return runs[...]', number)
  end

  local function chat(request, ms)
    return finish(nvim.lua('return chat(...)', request), ms)
  end

  local function attest(model, opts)
    return finish(nvim.lua('return attest(...)', model, opts or vim.empty_dict()))
  end

  local function count(path, list)
    local n = 0
    for _, entry in ipairs(list or sim.log()) do
      n = n + (entry.path:find(path, 1, true) and 1 or 0)
    end
    return n
  end

  it('lists the models that can be used', function()
    nvim.lua([[client:models(function(err, list) _G.models = { err = err, list = list } end)]])
    nvim.wait_for('_G.models')
    local list = nvim.lua('return _G.models.list')
    local ids = {}
    for _, model in ipairs(list) do
      ids[#ids + 1] = model.id
    end
    table.sort(ids)
    local expected = vim.deepcopy(sim.models)
    table.sort(expected)
    assert.are.same(expected, ids)
    assert.are.equal('number', type(list[1].context))
    assert.are.same({ 0.15, 0.03, 0.6 }, {
      list[1].price_in,
      list[1].price_cache_in,
      list[1].price_out,
    })
  end)

  -- A machine that is slow wakes less often, never more often.
  it('wakes for text no oftener than its handler has use for it', function()
    local script = { tokens = 300, rate = 200 }
    sim.answer(script)
    local number =
      nvim.lua('return chat({ model = ... }, { pace = function() return 500 end })', sim.model)
    local run = finish(number)
    assert.is_nil(run.err)
    assert.is_true(#run.events <= 12, ('%d events'):format(#run.events))
    sim.answer(script)
    local other = chat(sim.model)
    assert.are.equal(run.text, other.text)
    assert.are.equal(34, nvim.lua('return client.handle.rest_milliseconds'))
  end)

  it('does not sleep over the end of a request, or over another one', function()
    sim.answer({ tokens = 4000, rate = 200 })
    local number =
      nvim.lua('return chat({ model = ... }, { pace = function() return 3600000 end })', sim.model)
    nvim.wait_for(('#runs[%d].events > 1'):format(number))
    sim.answer({ rate = 0 })
    assert.is_nil(chat(sim.model).err)
    nvim.sleep(100)
    nvim.lua('client:cancel(runs[...].id)', number)
    assert.are.equal('cancelled', finish(number).err.code)
  end)

  it('attests, keeps the session, and attests anew when it is told to', function()
    local first = attest(sim.model)
    assert.is_nil(first.err)
    assert.are.equal(1, #first.reports)
    local report = first.reports[1]
    assert.is_true(report.accepted)
    assert.is_true(report.verified)
    assert.are.equal('dcap', report.level)
    assert.are.equal(sim.model, report.model)
    assert.is_truthy(report.signing_key:find('^04%x+$'))
    assert.is_true(math.abs(report.checked_at - os.time()) < 10)
    assert.are.equal('number', type(first.info.session))
    assert.is_true(first.fresh[1])

    local second = attest(sim.model)
    assert.is_nil(second.err)
    assert.are.equal(first.info.session, second.info.session)
    assert.is_false(second.fresh[1])
    assert.are.equal(report.checked_at, second.reports[1].checked_at)
    assert.are.equal(1, count('/tee/attestation'))

    local third = attest(sim.model, { fresh = true })
    assert.is_true(third.fresh[1])
    assert.are_not.equal(first.info.session, third.info.session)
    assert.are.equal(2, count('/tee/attestation'))

    local kept = nvim.lua('return client:report(...)', sim.model)
    assert.is_true(kept.good_until > os.time() + 1500 and kept.good_until <= os.time() + 1801)
    assert.is_nil(nvim.lua('return client:report("e2ee-other")'))
  end)

  it('forgets a session', function()
    attest(sim.model)
    nvim.lua('client:forget(...)', sim.model)
    attest(sim.model)
    assert.are.equal(2, count('/tee/attestation'))
    nvim.lua('client:forget()')
    attest(sim.model)
    assert.are.equal(3, count('/tee/attestation'))
  end)

  it('chats: every message sealed, every event in its order, one end', function()
    sim.answer({
      rate = 0,
      chunks = { 'One', ' wörd', ' 🎉\n' },
      reasoning = 'hm',
      usage = { prompt_tokens = 3, completion_tokens = 4, total_tokens = 7 },
    })
    local run = chat({
      model = sim.model,
      messages = {
        { role = 'system', content = 'short' },
        { role = 'user', content = 'Grüße' },
        { role = 'assistant', content = '[1, 2]' },
        { role = 'user', content = 'nul\0inside' },
      },
      temperature = 0.5,
      max_tokens = 100,
    })
    assert.is_nil(run.err)
    assert.are.equal(1, run.ends)
    assert.are.equal(0, run.early)
    assert.are.equal('One wörd 🎉\n', run.text)
    assert.are.same({ 'attesting', 'waiting', 'streaming' }, run.states)
    assert.are.equal(1, #run.reports)
    local kinds = {}
    for _, event in ipairs(run.events) do
      if kinds[#kinds] ~= event.kind then
        kinds[#kinds + 1] = event.kind
      end
    end
    assert.are.same({ 'reasoning', 'content', 'finish', 'usage' }, kinds)
    assert.are.equal('stop', run.info.finish_reason)
    assert.are.equal(sim.model, run.info.model)
    assert.are.equal('string', type(run.info.id))
    assert.are.equal(7, run.info.usage.total_tokens)

    local entry
    for _, request in ipairs(sim.log()) do
      entry = request.path:find('completions', 1, true) and request or entry
    end
    assert.is_true(entry.all_sealed)
    assert.are.equal('Grüße', entry.messages[2].text)
    assert.are.equal('nul\0inside', entry.messages[4].text)
    assert.is_truthy(entry.messages[3].text:find('[1, 2]', 1, true))
    assert.is_true(entry.parameters.stream)
    assert.are.equal(0.5, entry.parameters.temperature)
    assert.are.equal(100, entry.parameters.max_tokens)
  end)

  it('keeps white space in plaintext apart from text that is authentic', function()
    sim.fault('plaintext_newlines')
    local run = chat(sim.model)
    assert.is_nil(run.err)
    local plain, text = 0, ''
    for _, event in ipairs(run.events) do
      if event.authenticated == false then
        plain = plain + 1
        assert.is_truthy(event.text:find('^%s+$'))
      elseif event.kind == 'content' then
        text = text .. event.text
      end
    end
    assert.are.equal(1, plain)
    assert.is_true(#text > 0)
  end)

  it('makes one event of a burst', function()
    sim.answer({ tokens = 2000, rate = 0 })
    local run = chat(sim.model, 20000)
    assert.is_nil(run.err)
    local parts = #run.events
    assert.is_true(#run.text > 4000)
    assert.is_true(parts < 500, 'events: ' .. parts)
  end)

  it('runs several requests at once, each with its own text', function()
    local numbers = {}
    sim.answer({ tokens = 200, rate = 400 })
    for i = 1, 5 do
      numbers[i] = nvim.lua('return chat(...)', sim.models[(i - 1) % 2 + 1])
    end
    local first = finish(numbers[1], 15000)
    for _, number in ipairs(numbers) do
      local run = finish(number, 15000)
      assert.is_nil(run.err)
      assert.are.equal(first.text, run.text)
      assert.are.equal(1, run.ends)
    end
    -- One attestation per model, although all began at the same time.
    assert.are.equal(2, count('/tee/attestation'))
  end)

  it('stops a request: one end, at once, and the server sees it', function()
    sim.answer({ tokens = 10000, rate = 100 })
    local number = nvim.lua('return chat(...)', sim.model)
    nvim.wait_for(('#runs[%d].text > 0'):format(number))
    nvim.lua('client:cancel(runs[...].id)', number)
    local run = finish(number, 1000)
    assert.are.equal('cancelled', run.err.code)
    assert.are.equal(sim.model, run.info.model)
    nvim.sleep(300)
    nvim.lua('client:cancel(runs[...].id)', number)
    assert.are.equal(1, nvim.lua('return runs[...].ends', number))
    assert.is_true(run.text == nvim.lua('return runs[...].text', number))
    nvim.wait_for(function()
      for _, entry in ipairs(sim.log()) do
        if entry.client_closed and entry.client_closed ~= vim.NIL then
          return true
        end
      end
    end)
  end)

  it('goes on where a handler raises, and says it once a place', function()
    local number = nvim.lua(
      [[return chat(..., {
      on_event = function() error('broken on purpose') end,
      on_state = function() error('broken on purpose') end,
    })]],
      sim.model
    )
    local other = nvim.lua('return chat(...)', sim.models[2])
    assert.is_nil(finish(number).err)
    assert.is_true(#finish(other).text > 0)
    local notes = nvim.notifications()
    assert.are.equal(2, #notes)
    for _, note in ipairs(notes) do
      assert.is_truthy(note.msg:find('broken on purpose', 1, true))
    end
    -- In another request the same place is not said again, but another one is.
    number = nvim.lua(
      [[return chat(..., {
      -- On lines of their own.

      on_report = function() error('broken elsewhere') end,
      on_done = function() error('broken at the end') end,
    })]],
      sim.model
    )
    assert.are.equal(0, nvim.lua('return runs[...].ends', number))
    nvim.wait_for('next(client.requests) == nil', 10000)
    local text = nvim.notices()
    assert.is_truthy(text:find('broken at the end', 1, true), text)
    assert.is_nil(finish(nvim.lua('return chat(...)', sim.model)).err)
    assert.are.equal(text, nvim.notices())
  end)

  it('ends each request once, whatever fails between', function()
    -- The words cannot be said, a report is none, the guard raises at every step.
    nvim.lua([[
      vim.notify = function() error('no words') end
      client.is_guarded = true
      getmetatable(client).guard = {
        pins = function() if _G.stage == 'pins' then error('no pins') end end,
        seen = function() error('not seen') end,
        ask = function() error('not asked') end,
      }]])
    local held = nvim.lua('return chat(...)', sim.model)
    local other = nvim.lua('return chat(...)', sim.models[2])
    -- As C would say it of an enclave that changed.
    nvim.lua(
      [[
      local id = runs[...].id
      client.requests[id].report = { reason = 'pin_changed', pin = { state = 'changed' } }
      client:_take({
        { request = id, kind = 'report', data = '{"reason":"pin_changed","pin":1}' },
        { request = id, kind = 'done', status = 1, data = '{"code":"attestation","message":"x"}' },
      })]],
      held
    )
    local err = finish(held).err
    assert.are.equal('attestation', err.code)
    assert.is_truthy(err.message:find('you could not be asked', 1, true), err.message)
    assert.is_nil(finish(other).err)
    assert.is_true(#finish(other).text > 0)
    nvim.lua([[_G.stage = 'pins']])
    local refused = finish(nvim.lua('return chat(...)', sim.model))
    assert.are.equal('config', refused.err.code)
    for _, number in ipairs({ held, other }) do
      assert.are.equal(1, nvim.lua('return runs[...].ends', number))
    end
  end)

  it("does not go on with an earlier call's options where setup() is refused", function()
    nvim.lua([[
      require('venice').setup({ base_url = 'http://127.0.0.1:1' })
      _G.default = assert(require('venice.client').default())
      pcall(require('venice').setup, { base_ulr = 'http://127.0.0.1:2' })]])
    local client, err = unpack(nvim.lua([[
      local client, err = require('venice.client').default()
      return { client or false, err }]]))
    assert.is_false(client)
    assert.are.equal('config', err.code)
    assert.is_truthy(err.message:find('base_ulr', 1, true), err.message)
    assert.is_truthy(err.hint:find('did you mean base_url?', 1, true), err.hint)
    -- The client that runs already is not ended; a right call brings it back.
    assert.is_true(nvim.lua([[
      assert(require('venice.client').current() == _G.default)
      require('venice').setup({ base_url = 'http://127.0.0.1:1' })
      return require('venice.client').default() == _G.default]]))
  end)

  describe('refuses', function()
    local function refused(code, request, ...)
      local run = chat(request)
      assert.are.equal(code, run.err and run.err.code, vim.inspect(run.err))
      assert.are.equal(0, run.early)
      assert.are.equal(1, run.ends)
      for _, part in ipairs({ ... }) do
        assert.is_truthy(run.err.message:find(part, 1, true), run.err.message)
      end
      assert.are.equal(0, count('completions'))
    end

    local user = { { role = 'user', content = 'x' } }

    it('what cannot be sent encrypted, before anything is sent', function()
      refused('config', { model = sim.model, messages = user, tools = {} }, 'tools')
      refused('config', { model = sim.model, messages = user, stop = 'x' }, 'stop')
      refused('config', { model = sim.model, messages = {} }, 'messages')
      refused('config', { model = '', messages = user })
      refused('config', { model = sim.model, messages = { { role = 'user', content = '' } } })
      refused('config', { model = sim.model, messages = { { role = 'boss', content = 'x' } } })
      refused(
        'config',
        { model = sim.model, messages = { { role = 'user', content = 'x', name = 'n' } } },
        'messages[1].name'
      )
      local broken = { { role = 'user', content = '\255' } }
      refused('malformed', { model = sim.model, messages = broken })
      assert.are.equal(0, count('/tee/attestation'))
    end)

    it('arguments of another type at once', function()
      for _, call in ipairs({
        'client:chat(nil)',
        'client:chat("x")',
        'client:chat({ messages = {} })',
        'client:chat({ model = "m" })',
        'client:chat({ model = "m", messages = { "x" } })',
        'client:chat({ model = "m", messages = { { role = "user" } } })',
        'client:chat({ model = "m", messages = { { role = "user", content = 7 } } })',
        'client:chat({ model = "m", messages = {} }, function() end)',
        'client:chat({ model = "m", messages = {} }, { on_done = true })',
        'client:attest(nil)',
        'client:attest("m", "fresh")',
        'client:models()',
        'client:cancel("1")',
        'client:forget(1)',
      }) do
        local ok, err = pcall(nvim.lua, call)
        assert.is_false(ok, call)
        assert.is_truthy(tostring(err):find('expected', 1, true), tostring(err))
      end
    end)

    it('a model whose evidence is bad: nothing is sent', function()
      sim.fault('td_debug')
      local run = chat(sim.model)
      assert.are.equal('attestation', run.err.code)
      assert.are.equal(0, count('completions'))
      assert.are.equal(1, #run.reports)
      assert.is_false(run.reports[1].accepted)
      assert.are.equal('td_debug', run.reports[1].reason)
      assert.is_truthy(run.err.hint)
    end)
  end)

  it('turns failures of the service into a code, a sentence and a hint', function()
    for name, code in pairs({
      http_401 = 'unauthorized',
      http_402 = 'payment',
      http_404 = 'not_found',
      http_413 = 'too_large',
      http_400_object = 'bad_request',
      http_500 = 'server',
      http_429_hour = 'rate_limited',
      tool_calls = 'integrity',
      blob_flip_tag = 'integrity',
      plaintext_word = 'integrity',
      event_not_json = 'malformed',
      no_finish_no_done = 'cut_off',
      drop_fin = 'cut_off',
      error_object = 'server',
    }) do
      sim.reset()
      sim.answer({ rate = 0 })
      sim.fault(name)
      local run = chat(sim.model)
      assert.are.equal(code, run.err and run.err.code, name .. vim.inspect(run.err))
      assert.are.equal(1, run.ends)
      assert.is_truthy(run.err.message:find('^[^%u]'), run.err.message)
      assert.is_falsy(run.err.message:find('[%c]'))
    end
  end)

  it('tries 503 again, visibly, with fresh keys', function()
    sim.fault('http_503_retry_after', { times = 1 })
    local run = chat(sim.model, 10000)
    assert.is_nil(run.err)
    assert.is_true(vim.tbl_contains(run.states, 'retrying'))
    local keys = {}
    for _, entry in ipairs(sim.log()) do
      if entry.path:find('completions', 1, true) then
        keys[#keys + 1] = entry.header['x-venice-tee-client-pub-key']
      end
    end
    assert.are.equal(2, #keys)
    assert.are_not.equal(keys[1], keys[2])
  end)

  it('says that no key is there, and which variable it looked at', function()
    nvim.stop()
    nvim = child.start()
    nvim.lua(PRELUDE, sim.options())
    local run = chat(sim.model)
    assert.are.equal('no_key', run.err.code)
    assert.is_truthy((run.err.message .. run.err.hint):find('VENICE_API_KEY', 1, true))
  end)

  it('reads the key from a command, in an environment without another key', function()
    local seen = nvim.dirs.tmp .. '/seen'
    nvim.lua('client:close()')
    nvim.lua(PRELUDE, sim.options(), {
      api_key = { cmd = { 'sh', '-c', 'env > ' .. seen .. '; echo from-the-command; echo more' } },
    })
    assert.is_nil(chat(sim.model).err)
    local environment = child.read(seen)
    assert.is_falsy(environment:find(KEY, 1, true), environment)
    local sent
    for _, entry in ipairs(sim.log()) do
      sent = entry.header.authorization or sent
    end
    assert.are.equal('Bearer sha256:' .. vim.fn.sha256('from-the-command'), sent)
  end)

  it('names a root certificate that cannot be read', function()
    nvim.lua('client:close()')
    nvim.lua(PRELUDE, sim.options(), { verify = { root_ca = '/nonexistent/root.pem' } })
    local run = chat(sim.model)
    assert.are.equal('config', run.err.code)
    assert.is_truthy(run.err.message:find('verify.root_ca', 1, true))
    assert.are.equal('config', attest(sim.model).err.code)
  end)

  it('ends every request once when it is closed', function()
    sim.answer({ tokens = 10000, rate = 50 })
    local streaming = nvim.lua('return chat(...)', sim.model)
    nvim.wait_for(('#runs[%d].text > 0'):format(streaming))
    sim.fault('attestation_hang')
    local attesting = nvim.lua('return chat(...)', sim.models[2])
    local early = nvim.lua([[
      client:close()
      client:close()
      return runs[1].ends + runs[2].ends]])
    assert.are.equal(0, early)
    for _, number in ipairs({ streaming, attesting }) do
      local run = finish(number)
      assert.are.equal('cancelled', run.err.code)
      assert.are.equal(1, run.ends)
    end
    assert.is_true(#nvim.lua('return runs[1].text') > 0)
    -- What comes later is refused in the same way.
    assert.are.equal('cancelled', chat(sim.model).err.code)
    assert.are.equal('cancelled', attest(sim.model).err.code)
    nvim.lua([[client:cancel(1) client:forget() client:models(function(err) _G.late = err end)]])
    nvim.wait_for('_G.late')
    local info = nvim.lua([[local info, err = client:info() return { info or false, err.code }]])
    assert.are.same({ false, 'cancelled' }, info)
  end)

  it('tells :checkhealth about itself, and never the key', function()
    chat(sim.model)
    local info = nvim.lua('return client:info()')
    assert.are.equal('env', info.key.source)
    assert.are.equal('VENICE_API_KEY', info.key.name)
    assert.are.equal('set', info.key.state)
    assert.are.equal(sim.model, info.sessions[1].model)
    assert.is_falsy(vim.inspect(info):find(KEY, 1, true))
  end)

  -- Everything that Lua code could reach: globals, modules, the registry, upvalues.
  local SEARCH = [[
    local needles, found, seen = ..., {}, {}
    local function visit(value, path)
      if type(value) == 'string' then
        for _, needle in ipairs(needles) do
          if value:find(needle, 1, true) then table.insert(found, path) end
        end
        return
      end
      if type(value) ~= 'table' and type(value) ~= 'function' and type(value) ~= 'userdata' then
        return
      end
      if seen[value] or value == needles or value == found then return end
      seen[value] = true
      if type(value) == 'table' then
        for k, v in next, value do
          visit(k, path .. '.key')
          visit(v, path .. '.' .. tostring(k):sub(1, 30))
        end
      elseif type(value) == 'function' then
        for i = 1, 250 do
          local name, upvalue = debug.getupvalue(value, i)
          if not name then break end
          visit(upvalue, path .. '^' .. name)
        end
      end
      visit(debug.getmetatable(value), path .. '.mt')
    end
    visit(debug.getregistry(), 'registry')
    visit(_G, '_G')
    return found]]

  it('never has the key as a Lua value', function()
    nvim.lua([[_G.planted = 'a string that the search must find']])
    chat(sim.model)
    assert.are.same({}, nvim.lua(SEARCH, { KEY:sub(1, 20) .. KEY:sub(21) }))
    assert.is_true(#nvim.lua(SEARCH, { 'the search must find' }) > 0)
  end)

  it('hands no socket to the children of the editor', function()
    sim.answer({ tokens = 10000, rate = 50 })
    local number = nvim.lua('return chat(...)', sim.model)
    nvim.wait_for(('#runs[%d].text > 0'):format(number))
    -- By inode, and those of TCP only: a child has sockets of its own (Neovim's pipes), and an old
    -- libcurl hands down its pair for waking itself, over which nothing is said.
    local tcp = {}
    for line in child.read('/proc/' .. nvim.pid .. '/net/tcp'):gmatch('[^\n]+') do
      local fields = vim.split(vim.trim(line), '%s+')
      tcp[('socket:[%s]'):format(fields[10])] = true
    end
    local function connections(pid)
      local found = {}
      for _, name in ipairs(vim.fn.glob('/proc/' .. pid .. '/fd/*', false, true)) do
        local target = vim.loop.fs_readlink(name)
        found[#found + 1] = target and tcp[target] and target or nil
      end
      return found
    end
    assert.is_true(#connections(nvim.pid) > 0)
    local job = nvim.fn.jobstart({ 'sleep', '30' })
    nvim.sleep(100)
    assert.are.same({}, connections(nvim.fn.jobpid(job)))
    nvim.fn.jobstop(job)
    local listing = nvim.fn.system('ls -l /proc/self/fd')
    assert.is_truthy(listing:find('/dev/null', 1, true))
    for socket in pairs(tcp) do
      assert.is_falsy(listing:find(socket, 1, true), listing)
    end
  end)
end)

describe("the plugin's own client", function()
  local sim, nvim

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)
  before_each(function()
    sim.reset()
    sim.answer({ rate = 0 })
    nvim = child.start({ env = { VENICE_API_KEY = KEY } })
    nvim.lua(
      [[
      local options = ...
      _G.setup = function(opts)
        opts = vim.tbl_extend('keep', opts or {}, options)
        require('venice.config').setup(opts)
      end
      _G.default = function() return assert(require('venice.client').default()) end
      setup()]],
      sim.options()
    )
  end)
  after_each(function()
    nvim.stop()
  end)

  it('is made once', function()
    assert.is_true(nvim.lua([[return require('venice.client').current() == nil]]))
    assert.is_true(nvim.lua('return default() == default()'))
    assert.is_true(nvim.lua([[return require('venice.client').current() == default()]]))
  end)

  it('takes another policy without losing its sessions', function()
    assert.is_true(nvim.lua([[
      local first = default()
      setup({ verify = { plaintext_whitespace = 'refuse' } })
      return first == default() and first.options.verify.plaintext_whitespace == 'refuse']]))
  end)

  it('is another one for another service; the old one ends what it has begun', function()
    sim.answer({ tokens = 60, rate = 60 })
    nvim.lua(
      [[
      _G.old = default()
      local model = ...
      _G.text = ''
      old:chat({ model = model, messages = { { role = 'user', content = 'x' } } }, {
        on_event = function(event)
          if event.kind == 'content' then _G.text = _G.text .. event.text end
        end,
        on_done = function(err) _G.done = { err } end,
      })]],
      sim.model
    )
    nvim.wait_for('#_G.text > 0')
    nvim.lua([[
      setup({ base_url = 'http://127.0.0.1:9' })
      _G.new = default()]])
    assert.is_true(nvim.lua('return old ~= new and not old.closed'))
    nvim.wait_for('_G.done')
    assert.is_nil(nvim.lua('return _G.done[1]'))
    nvim.wait_for('old.closed')
    assert.is_true(nvim.lua('return default() == new and not new.closed'))
  end)

  it('freezes whether it verifies', function()
    nvim.lua('default()')
    local ok, err = pcall(nvim.lua, 'setup({ verify = { attestation = false } })')
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find('verify.attestation', 1, true))
  end)
end)
