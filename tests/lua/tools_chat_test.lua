-- A chat whose model calls tools, from the prompt to the last answer: real tools, the real client,
-- and a service that says what a model would. What a tool finds goes to the model sealed, and
-- nowhere else.

local child = require('tests.lua.child')
local leaks = require('tests.lua.leaks')

local uv = vim.uv or vim.loop

local FILE = 'FILEMARK-4d0a9be2'
local ARGUMENT = 'ARGUMENTMARK-81f3c6d0'

describe('a chat with tools', function()
  local sim, nvim, session, project

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)

  local function call(json)
    return '<tool_call>\n' .. json .. '\n</tool_call>'
  end

  local function start(options)
    project = uv.fs_realpath(child.tempdir())
    child.write(project .. '/a.lua', 'local x = 1\nlocal y = 2 -- ' .. FILE .. '\nreturn x\n')
    session = leaks.start(sim, {
      cwd = project,
      terminal = true,
      spies = { git = true },
      setup = { tools = options },
    })
    nvim = session.nvim
    session:secret(FILE)
    nvim.cmd('set cmdheight=3')
    nvim.lua([[require('venice.attention').PAUSE = 0]])
    nvim.cmd('VeniceChat')
    if options == nil then
      nvim.cmd('Venice tools on')
    end
  end

  after_each(function()
    nvim.stop()
  end)

  -- What the model says, answer by answer; the last one for ever.
  local function says(...)
    local answers = { ... }
    sim.answer({ rate = 0, chunks = { table.remove(answers) } })
    for _, text in ipairs(answers) do
      sim.answer({ times = 1, rate = 0, chunks = { text } })
    end
  end

  local function send(text)
    nvim.type_keys('i' .. text .. '<Esc><CR>')
  end

  local function shows(words)
    nvim.wait_for(function()
      return nvim.screen_text():find(words, 1, true) ~= nil
    end, 10000, words)
  end

  -- Says yes or no to a question with these words.
  local function answer(words, key)
    shows(words)
    nvim.wait_for(function()
      return nvim.api.nvim_buf_get_name(0):find('venice://approve/', 1, true) ~= nil
    end)
    nvim.type_keys(key)
  end

  local function completions()
    local list = {}
    for _, entry in ipairs(sim.log()) do
      if entry.path:find('/chat/completions', 1, true) then
        list[#list + 1] = entry
      end
    end
    return list
  end

  it('reads, changes and runs with the word of the user, and leaves nothing', function()
    start()
    session:secret(ARGUMENT)
    says(
      'I look.\n' .. call('{"name":"read_file","arguments":{"path":"a.lua"}}'),
      call('{"name":"search","arguments":{"text":"' .. ARGUMENT .. '"}}')
        .. call('{"name":"list_files","arguments":{}}'),
      call(
        '{"name":"propose_edit","arguments":{"path":"a.lua","old_text":"local x = 1",'
          .. '"new_text":"local x = 7"}}'
      ) .. call('{"name":"run_command","arguments":{"argv":["touch","made"]}}'),
      'All is done.'
    )
    send('help')
    answer('wants to read a file', 'o')
    answer('wants to search in files', 'a')
    session:processes_are_clean()
    answer('wants to list files', 'o')
    shows('proposes a change of a.lua')
    session:disk_is_clean()
    nvim.type_keys('a')
    answer('wants to run a command', 'o')
    shows('All is done.')
    session:wait_idle()
    assert.is_truthy(uv.fs_stat(project .. '/made'))
    assert.are.equal('local x = 7', nvim.buf_lines(nvim.fn.bufnr('a.lua'))[1])
    assert.are.equal('local x = 1', child.read(project .. '/a.lua'):match('^[^\n]*'))
    shows('1 of 1 accepted')
    -- Four answers. What the enclave opened of the last request is all of it, and was sealed.
    local requests = completions()
    assert.are.equal(4, #requests)
    local opened, roles = {}, {}
    for i, message in ipairs(requests[4].messages) do
      assert.is_true(message.sealed)
      opened[i], roles[i] = message.text, message.role
    end
    local expected = 'system user assistant tool assistant tool tool assistant tool tool'
    assert.are.equal(expected, table.concat(roles, ' '))
    for i, words in pairs({
      [1] = '"name":"propose_edit"',
      [3] = 'I look.\n<tool_call>',
      [4] = FILE,
      [5] = ARGUMENT,
      [6] = 'nothing was found',
      [7] = '"files":["a.lua"]',
      [9] = '"accepted":1',
      [10] = 'exit code 0',
    }) do
      assert.is_truthy(opened[i]:find(words, 1, true), opened[i])
    end
    -- Beside the messages there is nothing of it.
    for _, request in ipairs(requests) do
      request.messages = nil
    end
    local log = vim.inspect(requests)
    for _, mark in ipairs({ FILE, ARGUMENT, 'read_file', 'a.lua', 'local x' }) do
      assert.is_nil(log:find(mark, 1, true), mark)
    end
    nvim.cmd('bwipeout! a.lua')
    session:finish()
  end)

  -- Thirty lines, of which the model wants to change three.
  local function write_thirty()
    local lines = {}
    for i = 1, 30 do
      lines[i] = ('line %d'):format(i)
    end
    lines[12] = 'line 12 -- ' .. FILE
    child.write(project .. '/src.lua', table.concat(lines, '\n') .. '\n')
    return lines
  end

  local function encoded(name, arguments)
    return call(vim.json.encode({ name = name, arguments = arguments }))
  end

  it('searches, reads and proposes; two of three hunks are taken', function()
    start()
    session:secret(ARGUMENT)
    local lines = write_thirty()
    local old = table.concat(lines, '\n', 10, 20)
    local new = old:gsub('line 11', ARGUMENT .. ' 11'):gsub('line 15', 'fifteen')
    new = new:gsub('line 19', 'nineteen')
    local search = encoded('search', { text = FILE })
    local read = encoded('read_file', { path = 'src.lua', first = 1, last = 20 })
    local edit = { path = 'src.lua', old_text = old, new_text = new }
    says('First I search.\n' .. search, read, encoded('propose_edit', edit), 'Two are in.')
    send('change it')
    answer('wants to search in files', 'o')
    -- A yes to some lines would be none to those around the change.
    answer('wants to read a file', 'a')
    shows('proposes a change of src.lua')
    shows('1 of 3')
    nvim.type_keys('a', 'r')
    -- One is left: nothing has changed yet.
    local buf = nvim.fn.bufnr('src.lua')
    assert.are.same(lines, nvim.buf_lines(buf))
    nvim.type_keys('a')
    shows('Two are in.')
    session:wait_idle()
    -- Exactly these two, in the buffer and not on the disk; one step of the undo tree.
    local expected = vim.deepcopy(lines)
    expected[11], expected[19] = ARGUMENT .. ' 11', 'nineteen'
    assert.are.same(expected, nvim.buf_lines(buf))
    assert.are.equal(table.concat(lines, '\n') .. '\n', child.read(project .. '/src.lua'))
    assert.is_true(nvim.api.nvim_buf_get_option(buf, 'modified'))
    session:disk_is_clean()
    nvim.cmd('sbuffer src.lua')
    nvim.type_keys('u')
    assert.are.same(lines, nvim.buf_lines(buf))
    nvim.type_keys('<C-r>')
    assert.are.same(expected, nvim.buf_lines(buf))
    nvim.type_keys('uu')
    assert.are.same(lines, nvim.buf_lines(buf))
    -- What was said, as the enclave opened it: every message was sealed.
    local requests = completions()
    assert.are.equal(4, #requests)
    local opened, roles = {}, {}
    for _, request in ipairs(requests) do
      for i, message in ipairs(request.messages) do
        assert.is_true(message.sealed)
        opened[i], roles[i] = message.text, message.role
      end
    end
    local order = 'system user assistant tool assistant tool assistant tool'
    assert.are.equal(order, table.concat(roles, ' '))
    assert.are.equal('change it', opened[2])
    assert.are.equal(1, opened[3]:find('First I search.\n<tool_call>', 1, true))
    -- Each result has the id of its call, and the last one says what the user decided.
    local function inner(text, tag)
      local json = text:match('<' .. tag .. '>\n(.-)\n</' .. tag .. '>')
      return vim.json.decode(json)
    end
    local results = {}
    for i = 3, 7, 2 do
      local called = inner(opened[i], 'tool_call')
      local result = inner(opened[i + 1], 'tool_response')
      assert.are.equal(called.id, result.id)
      assert.are.equal(called.name, result.name)
      results[called.name] = result.result
      if called.name == 'propose_edit' then
        assert.are.same(edit, called.arguments)
      end
    end
    local found = vim.tbl_filter(function(match)
      return match:find('^src') ~= nil
    end, results.search.matches)
    assert.are.same({ 'src.lua:12: line 12 -- ' .. FILE }, found)
    assert.are.equal(table.concat(lines, '\n', 1, 20) .. '\n', results.read_file.text)
    local told = results.propose_edit
    assert.are.same({ 2, 1 }, { told.accepted, told.refused })
    assert.is_truthy(told.note:find('2 of 3 changes were accepted, 1 refused', 1, true))
    assert.are.equal(table.concat(expected, '\n', told.first, 22), told.text_now)
    nvim.cmd('bwipeout! src.lua')
    session:finish()
  end)

  it('goes on without what the user refuses', function()
    start(true)
    says(
      call('{"name":"run_command","arguments":{"argv":["touch","made"]}}')
        .. call('{"name":"run_command","arguments":{"argv":["touch","more"]}}'),
      'Then not.'
    )
    send('help')
    answer('argv[2]      "made"', 'n')
    shows('Then not.')
    session:wait_idle()
    shows('refused')
    shows('not run')
    assert.is_nil(uv.fs_stat(project .. '/made'))
    assert.is_nil(uv.fs_stat(project .. '/more'))
    assert.are.equal(2, #completions())
  end)

  it('is stopped in the middle of a round', function()
    start(true)
    says(
      call('{"name":"run_command","arguments":{"argv":["sh","-c","touch made; sleep 60"]}}')
        .. call('{"name":"run_command","arguments":{"argv":["touch","more"]}}'),
      'Never said.'
    )
    send('help')
    answer('"touch made; sleep 60"', 'o')
    nvim.wait_for(function()
      return uv.fs_stat(project .. '/made') ~= nil
    end)
    nvim.cmd('Venice stop')
    session:wait_idle()
    shows('stopped')
    vim.wait(200)
    assert.is_nil(uv.fs_stat(project .. '/more'))
    assert.are.equal(1, #completions())
    -- And while it asks: wiping the chat takes the question along.
    says(call('{"name":"list_files","arguments":{}}'))
    send('again')
    shows('wants to list files')
    nvim.cmd('Venice wipe')
    nvim.wait_for(function()
      return nvim.screen_text():find('wants to list files', 1, true) == nil
    end)
    assert.are.equal(2, #completions())
  end)

  it('ends where a model calls for ever', function()
    start({ max_rounds = 3 })
    says(call('{"name":"list_files","arguments":{}}'))
    send('help')
    answer('wants to list files', 'a')
    session:wait_idle()
    shows('tools 3 times')
    assert.are.equal(3, #completions())
  end)
end)
