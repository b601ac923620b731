-- The loop of tools in a chat: what an answer calls is run, what comes of it stands in the chat and
-- is sent, and nothing of it happens behind a stop, a failure or a bound. Service and tools are
-- fakes here; tests/lua/tools_chat_test.lua has the real ones.

local child = require('tests.lua.child')

describe('a round of tools', function()
  local nvim

  local function start()
    nvim = child.start({ columns = 160, lines = 30 })
    nvim.install_fake()
    nvim.lua([[
      _G.runs, _G.may = {}, true
      local declared = { { name = 'look', description = 'looks', parameters = {
        type = 'object', properties = { at = { type = 'string' } }, required = { 'at' },
        additionalProperties = false } } }
      local Session = {}
      Session.__index = Session
      function Session.declarations() return declared end
      function Session.folder() return '~' end
      function Session.begin() _G.begun = (_G.begun or 0) + 1 end
      function Session.may_go_on() return _G.may, 'the limit of 8 rounds is reached' end
      function Session.close()
        _G.closed = true
        if runs[#runs] then _G.finish('not run to its end') end
      end
      function Session.run(_, calls, handlers)
        local run = { calls = calls, handlers = handlers }
        runs[#runs + 1] = run
        return { stop = function()
          run.stopped = true
          _G.finish('stopped by the user')
        end }
      end
      package.loaded['venice.tools.session'] = {
        new = function() return setmetatable({}, Session) end }
      function _G.finish(text)
        local run, results = runs[#runs], {}
        for i, call in ipairs(run.calls) do
          results[i] = { id = call.id, name = call.name, result = text .. ' ' .. i,
            words = ('looked %d'):format(i) }
        end
        run.handlers.on_done(results)
      end
    ]])
    nvim.cmd('VeniceChat')
    nvim.cmd('Venice tools on')
  end

  local function fake(call, ...)
    nvim.lua(('fake.%s(...)'):format(call), ...)
  end
  local function call(at)
    return '<tool_call>\n{"name":"look","arguments":{"at":"' .. at .. '"}}\n</tool_call>'
  end
  local function finish_answer(reason)
    fake('done', nil, { finish_reason = reason or 'stop' })
  end
  local function sent()
    return nvim.lua('return fake.last.request.messages')
  end
  local function requests()
    return nvim.lua('return #fake.requests')
  end
  local function state()
    return nvim.lua([[return require('venice').status().state]])
  end
  local function shows(text, absent)
    nvim.shows(text, absent)
  end
  -- A prompt, and an answer that calls the tool once.
  local function ask_and_call()
    nvim.type_keys('ione<Esc><CR>')
    fake('text', 'Let me look.\n' .. call('a.lua'))
    finish_answer()
    nvim.wait_for('#runs == 1')
  end

  before_each(start)
  after_each(function()
    nvim.stop()
  end)

  it('declares the tools in the system text, for as long as they are on', function()
    nvim.type_keys('ione<Esc><CR>')
    assert.are.equal('system', sent()[1].role)
    assert.is_truthy(sent()[1].content:find('"name":"look"', 1, true))
    fake('text', 'x')
    finish_answer()
    nvim.cmd('Venice tools off')
    nvim.type_keys('itwo<Esc><CR>')
    assert.are.equal('user', sent()[1].role)
  end)

  it('breaks a long line of a result for the screen, and sends it as it came', function()
    ask_and_call()
    local words = ('found it \\\\ '):rep(20000)
    nvim.lua('finish(...)', words)
    nvim.wait_for('#fake.requests == 2')
    local result = sent()[4].content
    local decoded = vim.json.decode(result:match('^<tool_response>\n(.*)\n</tool_response>$'))
    assert.is_true(decoded.result == words .. ' 1')
    for _, line in ipairs(nvim.buf_lines()) do
      assert.is_true(#line <= 1024)
    end
    shows('▸ a result of')
    fake('text', 'It is there.')
    finish_answer()
  end)

  it('runs the call and has its result answered', function()
    ask_and_call()
    assert.are.equal('waiting', state())
    assert.are.same({ at = 'a.lua' }, nvim.lua('return runs[1].calls[1].arguments'))
    local id = nvim.lua('return runs[1].calls[1].id')
    nvim.lua([[finish('found')]])
    nvim.wait_for('#fake.requests == 2')
    local messages = sent()
    assert.are.same({ 'system', 'user', 'assistant', 'tool' }, {
      messages[1].role,
      messages[2].role,
      messages[3].role,
      messages[4].role,
    })
    assert.is_truthy(messages[3].content:find('Let me look.\n<tool_call>\n{"id":"' .. id, 1, true))
    assert.is_truthy(messages[4].content:find('<tool_response>\n', 1, true))
    assert.is_truthy(messages[4].content:find('found 1', 1, true))
    assert.are.equal(id, messages[4].tool_call_id)
    fake('text', 'It is there.')
    finish_answer()
    assert.are.equal('idle', state())
    shows('── look ──')
    shows('looked 1')
    shows('▸ look  at=a.lua')
    shows('It is there.')
    assert.is_nil(nvim.screen_text():find('tool_response', 1, true))
    -- The next prompt has all of it.
    nvim.type_keys('Gimore<Esc><CR>')
    assert.are.equal(6, #sent())
  end)

  it('runs several calls of one answer, with their results in order', function()
    nvim.type_keys('ione<Esc><CR>')
    fake('text', call('a') .. '\n' .. call('b'))
    finish_answer('tool_calls')
    nvim.wait_for('#runs == 1')
    assert.are.equal(2, nvim.lua('return #runs[1].calls'))
    nvim.lua([[finish('r')]])
    nvim.wait_for('#fake.requests == 2')
    assert.is_truthy(sent()[4].content:find('r 1', 1, true))
    assert.is_truthy(sent()[5].content:find('r 2', 1, true))
  end)

  it('never runs what stands in the reasoning', function()
    nvim.type_keys('ione<Esc><CR>')
    fake('text', 'I could ' .. call('a'), 'reasoning')
    fake('text', 'No need.')
    finish_answer()
    assert.are.equal('idle', state())
    assert.are.equal(0, nvim.lua('return #runs'))
  end)

  it('runs nothing of an answer that was cut off or failed', function()
    for _, ending in ipairs({ 'length', 'content_filter' }) do
      nvim.type_keys('Gione<Esc><CR>')
      fake('text', 'x ' .. call('a'):sub(1, -14))
      finish_answer(ending)
      assert.are.equal(0, nvim.lua('return #runs'), ending)
    end
    nvim.type_keys('Gione<Esc><CR>')
    fake('text', 'x ' .. call('a'))
    fake('done', { code = 'cut_off', message = 'the answer was cut off' }, {})
    nvim.wait_for([[require('venice').status().state == 'idle']])
    assert.are.equal(0, nvim.lua('return #runs'))
  end)

  it('runs nothing where tools were switched off while the answer came', function()
    nvim.type_keys('ione<Esc><CR>')
    fake('text', call('a.lua'))
    nvim.cmd('Venice tools off')
    finish_answer()
    nvim.wait_for([[require('venice').status().state == 'idle']])
    assert.are.equal(0, nvim.lua('return #runs'))
    assert.are.equal(1, requests())
    shows('tools were switched off meanwhile')
    assert.is_truthy(nvim.text():find('This call was not run', 1, true))
    assert.are.equal('', nvim.stderr())
  end)

  it('ends where tools are switched off while it runs, and on again', function()
    for _, words in ipairs({ { 'off' }, { 'off', 'on' } }) do
      ask_and_call()
      local before = requests()
      for _, word in ipairs(words) do
        nvim.cmd('Venice tools ' .. word)
      end
      nvim.wait_for([[require('venice').status().state == 'idle']])
      assert.is_true(nvim.lua('return closed'))
      shows('tools were switched off meanwhile')
      nvim.sleep(100)
      assert.are.equal(before, requests())
      nvim.stop()
      start()
    end
  end)

  it('runs nothing of the former answer where asking again brings an empty one', function()
    ask_and_call()
    nvim.cmd('Venice stop')
    nvim.wait_for([[require('venice').status().state == 'idle']])
    local before = requests()
    nvim.type_keys('gg/Let me look<CR>gr')
    finish_answer()
    nvim.wait_for([[require('venice').status().state == 'idle']])
    assert.are.equal(1, nvim.lua('return #runs'))
    assert.are.equal(before + 1, requests())
  end)

  it('shows what is no call, and says why', function()
    nvim.type_keys('ione<Esc><CR>')
    fake('text', '<tool_call>{"name":"rm","arguments":{}}</tool_call>')
    finish_answer()
    shows('{"name":"rm","arguments":{}}')
    shows('this was not taken for a tool call: there is no tool called')
    assert.are.equal(0, nvim.lua('return #runs'))
  end)

  it('shows progress while a call is written and while it runs', function()
    nvim.type_keys('ione<Esc><CR>')
    fake('text', '<tool_call>\n{"name":"look",')
    shows('calls a tool')
    fake('text', '"arguments":{"at":"a"}}\n</tool_call>')
    finish_answer()
    nvim.wait_for('#runs == 1')
    nvim.lua([[runs[1].handlers.on_update(runs[1].calls[1], 'asks you')]])
    shows('look: asks you')
    assert.is_truthy(
      nvim.lua([[return require('venice').statusline()]]):find('look: asks you', 1, true)
    )
    nvim.lua([[finish('r')]])
    shows('look: asks you', true)
  end)

  it('is stopped with all that would follow', function()
    ask_and_call()
    nvim.type_keys('<C-c>')
    nvim.wait_for([[require('venice').status().state == 'idle']])
    assert.is_true(nvim.lua('return runs[1].stopped'))
    assert.are.equal(1, requests())
    -- The history has an answer to each call.
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.is_truthy(sent()[4].content:find('stopped by the user 1', 1, true))
    assert.are.equal('two', sent()[5].content)
  end)

  it('goes no further than the bound', function()
    nvim.lua('_G.may = false')
    ask_and_call()
    nvim.lua([[finish('r')]])
    nvim.wait_for([[require('venice').status().state == 'idle']])
    assert.are.equal(1, requests())
    shows('the limit of 8 rounds is reached')
  end)

  it('counts the rounds of each prompt from nothing', function()
    ask_and_call()
    nvim.lua([[finish('r')]])
    nvim.wait_for('#fake.requests == 2')
    fake('text', 'x')
    finish_answer()
    assert.are.equal(1, nvim.lua('return begun'))
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.equal(2, nvim.lua('return begun'))
  end)

  it('keeps the results where the answer to them fails, and asks again with them', function()
    ask_and_call()
    nvim.lua([[finish('r')]])
    nvim.wait_for('#fake.requests == 2')
    fake('done', { code = 'server', message = 'the service failed' }, {})
    nvim.wait_for([[require('venice').status().state == 'idle']])
    shows('server: the service failed')
    nvim.type_keys('gr')
    assert.are.equal(3, requests())
    assert.are.equal(4, #sent())
    assert.is_truthy(sent()[4].content:find('r 1', 1, true))
    fake('text', 'now')
    finish_answer()
    shows('now')
    shows('server: the service failed', true)
  end)

  it('is taken back as a whole when its first answer is asked for again', function()
    ask_and_call()
    nvim.lua([[finish('r')]])
    nvim.wait_for('#fake.requests == 2')
    fake('text', 'old end')
    finish_answer()
    nvim.type_keys('gg/one<CR>gr')
    assert.are.equal(2, #sent())
    fake('text', 'new')
    finish_answer()
    assert.are.equal('\none\n\nnew\n\n', nvim.text())
    nvim.type_keys('u')
    assert.is_truthy(nvim.text():find('old end', 1, true))
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.equal(6, #sent())
  end)

  it('ends quietly when the chat is wiped meanwhile', function()
    ask_and_call()
    nvim.cmd('Venice wipe')
    nvim.lua([[finish('r')]])
    nvim.sleep(50)
    assert.are.equal(1, requests())
    assert.are.equal('', nvim.stderr())
  end)

  it('lets queued prompts wait until the tools are through', function()
    ask_and_call()
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.equal(1, requests())
    nvim.lua([[finish('r')]])
    nvim.wait_for('#fake.requests == 2')
    assert.are.equal('tool', sent()[#sent()].role)
    fake('text', 'done')
    finish_answer()
    nvim.wait_for('#fake.requests == 3')
    assert.are.equal('two', sent()[#sent()].content)
    assert.are.equal('done', sent()[#sent() - 1].content)
  end)

  it('survives what the user deletes or undoes meanwhile', function()
    ask_and_call()
    nvim.type_keys('ggdG')
    nvim.lua([[finish('r')]])
    nvim.wait_for([[require('venice').status().state == 'idle']])
    assert.are.equal(1, requests())
    nvim.type_keys('inew<Esc><CR>')
    assert.are.equal('new', sent()[#sent()].content)
    assert.are.equal(2, #sent())
  end)
end)
