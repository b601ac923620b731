-- A chat as text and back: byte for byte, as it looked, and nothing else than what was written.

local child = require('tests.lua.child')
local View = require('venice.chat.view')
local conversation = require('venice.chat.conversation')
local transcript = require('venice.chat.history.transcript')
local text_of = require('venice.chat.history.text')

local api = vim.api

local function a_chat()
  return {
    model = 'e2ee-fake',
    draft = 'and then?\n\nwhat',
    turns = {
      { role = 'system', state = 'done', text = 'Be brief.' },
      { role = 'user', state = 'sent', text = 'one', words = '1 block · 3 bytes' },
      {
        role = 'assistant',
        state = 'done',
        text = 'first\n\n  indented\n<tool_call>\n{}\n</tool_call>',
        reasoning = 'thought\n\nmore',
        model = 'e2ee-fake',
        finish_reason = 'length',
        usage = {
          prompt_tokens = 10,
          completion_tokens = 312,
          total_tokens = 322,
          cached_tokens = 8,
          cost = 0.0125,
        },
        unauthenticated = 2,
        refused = { 'it is not closed' },
        limit = 'ten rounds',
        has_calls = true,
      },
      {
        role = 'tool',
        state = 'done',
        text = '<tool_response>\n{}\n</tool_response>',
        tool_call_id = 'call_1',
        tool_name = 'read',
        words = '3 lines',
      },
      {
        role = 'assistant',
        state = 'cut_off',
        text = 'sec',
        model = 'e2ee-other',
        error = { code = 'cut_off', message = 'the answer was cut off', hint = 'try again' },
      },
      { role = 'user', state = 'held', text = 'three' },
      { role = 'user', state = 'error', text = '', error = { code = 'server', message = 'no' } },
    },
  }
end

describe('the text of a chat', function()
  local function round_trip(chat)
    local text = assert(text_of.encode(chat))
    local read = assert(text_of.decode(text))
    assert.are.equal('venice-chat', read.format)
    assert.are.equal(1, read.version)
    read.format, read.version = nil, nil
    return read, text
  end

  it('is read as it was written', function()
    assert.are.same(a_chat(), (round_trip(a_chat())))
    local empty = { turns = {}, draft = '' }
    assert.are.same(empty, (round_trip(empty)))
  end)

  it('keeps every byte', function()
    local bytes = {}
    for code = 0, 127 do
      bytes[#bytes + 1] = string.char(code)
    end
    local text = table.concat(bytes) .. 'é汉😀\u{2028}\u{feff}\\u0000\\n"\r\n\0'
    local chat = a_chat()
    chat.turns[2].text, chat.turns[3].reasoning, chat.draft = text, text, text
    local read = round_trip(chat)
    assert.are.equal(text, read.turns[2].text)
    assert.are.equal(text, read.turns[3].reasoning)
    assert.are.equal(text, read.draft)
  end)

  it('begins with what a guard looks for', function()
    local _, text = round_trip(a_chat())
    assert.are.equal('{"format":"venice-chat",', text:sub(1, 24))
  end)

  it('is not written where it could not be read again, and says why', function()
    local function why(change)
      local chat = a_chat()
      change(chat)
      local text, words = text_of.encode(chat)
      assert.is_nil(text)
      return words
    end
    assert.are.equal(
      'turn 3 holds bytes that are no UTF-8 text',
      why(function(chat)
        chat.turns[3].text = 'caf\233'
      end)
    )
    assert.are.equal(
      'the prompt that is being written holds bytes that are no UTF-8 text',
      why(function(chat)
        chat.draft = '\237\160\128'
      end)
    )
    assert.are.equal(
      'it is larger than 8 MB',
      why(function(chat)
        chat.draft = ('x'):rep(text_of.MAX_BYTES)
      end)
    )
    assert.are.equal(
      'it has more than 2000 turns',
      why(function(chat)
        for i = 1, 2001 do
          chat.turns[i] = { role = 'user', state = 'sent', text = '' }
        end
      end)
    )
    assert.are.equal(
      'it has more than 500000 lines',
      why(function(chat)
        chat.draft = ('\n'):rep(500000)
      end)
    )
  end)

  it('is refused where any part of it is missing', function()
    local _, text = round_trip(a_chat())
    for size = 0, #text - 1 do
      local chat, words = text_of.decode(text:sub(1, size))
      assert.is_nil(chat)
      assert.are.equal('it is damaged', words)
    end
    assert.is_nil((text_of.decode(text .. ' {}')))
    assert.is_nil((text_of.decode(text .. '\0')))
  end)

  local function refuses(expected, text)
    local chat, words = text_of.decode(text)
    assert.is_nil(chat, text)
    assert.are.equal(expected, words, text)
  end
  local function with_turn(turn)
    return ('{"format":"venice-chat","version":1,"draft":"","turns":[%s]}'):format(turn)
  end

  it('is refused where it is something else', function()
    for _, text in ipairs({ '', 'x', '{', ('['):rep(100000), '{"a":1,"a":2}', 'nan', '1e999' }) do
      refuses('it is damaged', text)
    end
    local others = { '{}', '[]', 'true', '"x"', '7', '{"format":"other"}', '{"format":1}' }
    for _, text in ipairs(others) do
      refuses('it does not hold a chat', text)
    end
    local newer = '{"format":"venice-chat","version":2,"dances":[]}'
    refuses('it was saved by another version of venice.nvim', newer)
  end)

  it('is refused for each field that is wrong, missing or not known', function()
    local head = '{"format":"venice-chat","version":1,'
    refuses('its field draft is missing', head .. '"turns":[]}')
    refuses('its field turns is missing', head .. '"draft":""}')
    refuses('its field turns is not what it has to be', head .. '"draft":"","turns":{}}')
    refuses('its field draft is not what it has to be', head .. '"draft":null,"turns":[]}')
    local nameless = head .. '"model":"","draft":"","turns":[]}'
    refuses('its field model is not what it has to be', nameless)
    refuses('it has a field that is not known', head .. '"draft":"","turns":[],"run":"x"}')
    refuses(
      'its field version is not what it has to be',
      '{"format":"venice-chat","version":"1","draft":"","turns":[]}'
    )
    local good = '"role":"assistant","state":"done","text":"x"'
    assert.is_truthy(text_of.decode(with_turn('{' .. good .. '}')))
    local many = ('"x",'):rep(100) .. '"x"'
    for name, values in pairs({
      reasoning = { '1', '{}' },
      model = { '""', '"a\\nb"', '7', '"' .. ('x'):rep(257) .. '"' },
      finish_reason = { '{}', '"\\u0007"' },
      words = { '[]', '"' .. ('x'):rep(2001) .. '"' },
      limit = { 'true' },
      refused = { '"x"', '{"1":"x"}', '[1]', '[' .. many .. ']' },
      has_calls = { 'false', '1' },
      unauthenticated = { '-1', '1.5', '1e300', '"2"' },
      tool_call_id = { '""', 'null' },
      tool_name = { '[]' },
      error = { '"x"', '{}', '{"code":"nonsense","message":"x"}', '{"code":"server"}' },
      usage = {
        '7',
        '{"completion_tokens":-1}',
        '{"completion_tokens":"1"}',
        '{"other":1}',
        '{"cached_tokens":1.5}',
        '{"cost":-1}',
        '{"cost":1e7}',
        '{"cost":"1"}',
      },
    }) do
      for _, value in ipairs(values) do
        local text = with_turn(('{%s,"%s":%s}'):format(good, name, value))
        refuses(('turn 1: its field %s is not what it has to be'):format(name), text)
      end
    end
    refuses('turn 1: it is not an object', with_turn('[]'))
    refuses('turn 1: it is not an object', with_turn('"x"'))
    refuses('turn 1: its field text is missing', with_turn('{"role":"user","state":"sent"}'))
    refuses('turn 2: it has a field that is not known', with_turn('{' .. good .. '},{"head":{}}'))
  end)

  it('is refused for roles and states that do not go together', function()
    local function turn(role, state, more)
      return ('{"role":"%s","state":"%s","text":""%s}'):format(role, state, more or '')
    end
    refuses('turn 1: its role is not known', with_turn(turn('developer', 'done')))
    for role, state in pairs({
      user = 'queued',
      assistant = 'streaming',
      system = 'sent',
      tool = 'error',
    }) do
      refuses('turn 1: its state is not one of its role', with_turn(turn(role, state)))
    end
    refuses(
      'turn 1: it has reasoning and is no answer',
      with_turn(turn('user', 'sent', ',"reasoning":"x"'))
    )
    local system = turn('system', 'done')
    refuses('it has more than one system prompt', with_turn(system .. ',' .. system))
  end)

  it('is refused, not run into, whatever byte is changed', function()
    local _, text = round_trip(a_chat())
    math.randomseed(7)
    for _ = 1, 3000 do
      local at = math.random(#text)
      local bad = text:sub(1, at - 1) .. string.char(math.random(0, 255)) .. text:sub(at + 1)
      local chat, words = text_of.decode(bad)
      assert.is_true(chat ~= nil or type(words) == 'string')
      if chat then
        -- What is taken can be shown and saved.
        local view = View.new('venice-test://' .. at)
        transcript.import(view, chat)
        assert.is_truthy(text_of.encode(transcript.export(view)))
        api.nvim_buf_delete(view.buf, { force = true })
      end
    end
  end)
end)

describe('the turns of a buffer', function()
  local count = 0
  local views = {}

  local function fresh()
    count = count + 1
    local view = View.new('venice-test://view/' .. count)
    views[#views + 1] = view
    return view
  end
  after_each(function()
    for _, view in ipairs(views) do
      api.nvim_buf_delete(view.buf, { force = true })
    end
    views = {}
  end)

  local function drawn(view)
    local ns = api.nvim_get_namespaces().venice_draw
    local list = {}
    for _, mark in ipairs(api.nvim_buf_get_extmarks(view.buf, ns, 0, -1, { details = true })) do
      mark[4].ns_id = nil
      list[#list + 1] = { mark[2], mark[3], mark[4] }
    end
    table.sort(list, function(a, b)
      return vim.inspect(a) < vim.inspect(b)
    end)
    return list
  end

  it('come back as they were', function()
    local chat, view = a_chat(), fresh()
    transcript.import(view, chat)
    local found = transcript.export(view)
    assert.are.same({ turns = chat.turns, draft = chat.draft }, found)
    assert.are.equal(
      '\nBe brief.\n\none\n\n\nthought\n\nmore\n\nfirst\n\n  indented\n<tool_call>\n{}\n'
        .. '</tool_call>\n\n<tool_response>\n{}\n</tool_response>\n\nsec\n\nthree\n\n\n\n'
        .. 'and then?\n\nwhat',
      table.concat(api.nvim_buf_get_lines(view.buf, 0, -1, false), '\n')
    )
    assert.is_truthy(vim.inspect(drawn(view)):find('the answer was cut off', 1, true))
    local turns = view:live_turns()
    assert.are.equal(8, #turns)
    assert.are.equal('draft', turns[8].state)
    assert.are.equal(turns[8], view:draft())
    assert.are.equal(turns[1], view:system_turn())
  end)

  it('come back whatever stands in them', function()
    math.randomseed(11)
    local pieces =
      { 'a', ' ', '\t', '\n', '\n\n', '\0', '\r', '── You ──', '汉', '\n ', '\\n', '"' }
    local function text()
      local parts = {}
      for i = 1, math.random(0, 12) do
        parts[i] = pieces[math.random(#pieces)]
      end
      return conversation.trim(vim.split(table.concat(parts), '\n', { plain = true }))
    end
    local states = {
      user = { 'sent', 'held', 'error' },
      assistant = { 'done', 'stopped', 'cut_off', 'error' },
      tool = { 'done' },
    }
    local roles = { 'user', 'assistant', 'tool' }
    for _ = 1, 60 do
      local chat = { turns = {}, draft = text() }
      for i = 1, math.random(0, 8) do
        local role = roles[math.random(#roles)]
        local turn =
          { role = role, text = text(), state = states[role][math.random(#states[role])] }
        local reasoning = role == 'assistant' and text() or ''
        turn.reasoning = reasoning ~= '' and reasoning or nil
        chat.turns[i] = turn
      end
      local view = fresh()
      transcript.import(view, assert(text_of.decode(assert(text_of.encode(chat)))))
      assert.are.same(chat, transcript.export(view))
      view:sync()
      assert.are.same(chat, transcript.export(view))
    end
  end)

  it('claim no signature and no price', function()
    local chat, view = a_chat(), fresh()
    transcript.import(view, chat)
    local turn = view:live_turns()[3]
    turn.receipt = { verified = true, signing_address = '0xab' }
    turn.signature, turn.cost = { model = 'm' }, 0.5
    local again = fresh()
    transcript.import(again, transcript.export(view))
    turn = again:live_turns()[3]
    assert.is_nil(turn.receipt)
    assert.is_nil(turn.signature)
    assert.is_nil(turn.cost)
    -- The service's own word of it, with what was cached.
    assert.are.same({ 8, 0.0125 }, { turn.usage.cached_tokens, turn.usage.cost })
    assert.is_nil(vim.inspect(drawn(again)):find('signed', 1, true))
  end)

  it('keep what the service said of them only as far as it is text of some length', function()
    local view = fresh()
    transcript.import(view, a_chat())
    local turn = view:live_turns()[3]
    turn.finish_reason = { 'stop' }
    turn.usage = { completion_tokens = -4, prompt_tokens = 3, total_tokens = 1e300, other = {} }
    turn.error = { code = 'nonsense', message = ('é\0'):rep(5000) .. '\255', hint = '' }
    turn.refused = { ('x'):rep(100000) }
    local data = transcript.export(view)
    local made = data.turns[3]
    assert.is_nil(made.finish_reason)
    assert.are.same({ prompt_tokens = 3 }, made.usage)
    turn.usage = { prompt_tokens = 9, prompt_tokens_details = { cached_tokens = 4 }, cost = 1e7 }
    local kept = transcript.export(view).turns[3].usage
    assert.are.same({ prompt_tokens = 9, cached_tokens = 4 }, kept)
    assert.are.equal('internal', made.error.code)
    assert.is_true(#made.error.message < 2000)
    assert.is_true(#made.refused[1] <= 500)
    assert.is_truthy(text_of.encode(data))
  end)

  it('fill a fresh chat only', function()
    local view = fresh()
    transcript.import(view, a_chat())
    assert.has_error(function()
      transcript.import(view, a_chat())
    end)
    view = fresh()
    view:add_to_draft({ 'typed' })
    assert.has_error(function()
      transcript.import(view, a_chat())
    end)
    assert.are.equal('typed', view:text(view:draft()))
  end)

  it('cannot be undone away, and undo works from there on', function()
    local view = fresh()
    transcript.import(view, a_chat())
    local before = api.nvim_buf_get_lines(view.buf, 0, -1, false)
    api.nvim_buf_call(view.buf, function()
      vim.cmd('silent! undo')
      assert.are.same(before, api.nvim_buf_get_lines(0, 0, -1, false))
      vim.cmd('silent! undo 0')
      assert.are.same(before, api.nvim_buf_get_lines(0, 0, -1, false))
      vim.cmd('normal! ggjddjdd')
      view:sync()
      vim.cmd('silent undo 0')
      view:sync()
    end)
    assert.are.same(before, api.nvim_buf_get_lines(view.buf, 0, -1, false))
    local chat = a_chat()
    assert.are.same({ turns = chat.turns, draft = chat.draft }, transcript.export(view))
  end)
end)

describe('a chat of a user', function()
  local nvim

  before_each(function()
    nvim = child.start({ columns = 120, lines = 40 })
    nvim.install_fake()
    nvim.lua([[
      function export()
        local view = require('venice.chat').current().view
        return require('venice.chat.history.transcript').export(view)
      end
      -- The current chat once more, in a chat of its own.
      function again()
        local chats, data = require('venice.chat'), export()
        require('venice.chat.history.transcript').import(chats.new().view, data)
        local chat = chats.list()[#chats.list()]
        require('venice.chat.window').open(chat)
        require('venice.chat.window').to_end(chat)
        chat.view:draw_all() -- as wide as the window
      end
    ]])
  end)
  after_each(function()
    nvim.stop()
  end)

  local function roles(data)
    local list = {}
    for i, turn in ipairs(data.turns) do
      list[i] = ('%s %s %s'):format(turn.role, turn.state, turn.text)
    end
    return list
  end

  -- What is seen, without the line with the name of the buffer and the message below.
  local function screen()
    return vim.list_slice(nvim.screen(), 1, 37)
  end

  it('looks as it did', function()
    nvim.cmd('VeniceChat one')
    nvim.lua([[
      fake.text('thought\nmore', 'reasoning')
      fake.text('first\nline')
      fake.event({ kind = 'content', text = ' ', authenticated = false })
      fake.event({ kind = 'usage', usage = { completion_tokens = 312 } })
      fake.done(nil, { finish_reason = 'length' })
    ]])
    nvim.cmd('VeniceChat two')
    nvim.lua([[fake.text('sec') fake.done({ code = 'cut_off', message = 'the line broke' })]])
    nvim.cmd('Venice system Be brief.')
    nvim.type_keys('Gitail<Esc>')
    local before, cursor = screen(), nvim.api.nvim_win_get_cursor(0)
    local text = table.concat(before, '\n')
    for _, words in ipairs({ '312 tokens', 'Reasoning, 2 lines', 'cut off: the line broke' }) do
      assert.is_truthy(text:find(words, 1, true), text)
    end
    nvim.lua('again()')
    nvim.type_keys('<Esc>')
    assert.are.same(before, screen())
    assert.are.equal(cursor[1], nvim.api.nvim_win_get_cursor(0)[1])
    nvim.type_keys('u')
    assert.are.same(before, screen())
  end)

  it('goes on with the same messages', function()
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.text('thought', 'reasoning') fake.text('first') fake.done()]])
    nvim.cmd('Venice system Be brief.')
    nvim.lua('again()')
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.same({
      { role = 'system', content = 'Be brief.' },
      { role = 'user', content = 'one' },
      { role = 'assistant', content = 'first' },
      { role = 'user', content = 'two' },
    }, nvim.lua('return fake.last.request.messages'))
    nvim.lua([[fake.text('second') fake.done()]])
    assert.are.same({
      'system done Be brief.',
      'user sent one',
      'assistant done first',
      'user sent two',
      'assistant done second',
    }, roles(nvim.lua('return export()')))
  end)

  it('holds what is there of an answer that is coming', function()
    nvim.cmd('VeniceChat one')
    assert.are.same({ 'user held one' }, roles(nvim.lua('return export()')))
    nvim.lua([[fake.text('half', 'reasoning')]])
    local data = nvim.lua('return export()')
    assert.are.same({ 'user sent one', 'assistant stopped ' }, roles(data))
    assert.are.equal('half', data.turns[2].reasoning)
    nvim.lua([[fake.text('an ans')]])
    nvim.wait_for([[export().turns[2].text == 'an ans']])
    nvim.type_keys('Gimeanwhile<Esc>')
    data = nvim.lua('return export()')
    assert.are.same({ 'user sent one', 'assistant stopped an ans' }, roles(data))
    assert.are.equal('meanwhile', data.draft)
    nvim.lua('again()')
    assert.is_truthy(nvim.screen_text():find('stopped', 1, true))
  end)

  it('sends no prompt by itself that was waiting', function()
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.text('first')]])
    nvim.cmd('VeniceChat two')
    local expected = { 'user sent one', 'assistant stopped first', 'user held two' }
    assert.are.same(expected, roles(nvim.lua('return export()')))
    nvim.lua('again()')
    assert.is_truthy(nvim.screen_text():find('not sent', 1, true))
    assert.are.equal(1, nvim.lua('return #fake.requests'))
    assert.are.same(expected, roles(nvim.lua('return export()')))
    -- But at a word.
    nvim.type_keys('gg/two<CR>gr')
    assert.are.equal(2, nvim.lua('return #fake.requests'))
    local messages = nvim.lua('return fake.last.request.messages')
    assert.are.equal('two', messages[#messages].content)
  end)
end)
