-- Promise 5 again, for all that a conversation can do beside a prompt and an answer: nothing of it
-- is left on the disk or seen in the programs that it starts.

local child = require('tests.lua.child')
local leaks = require('tests.lua.leaks')

local uv = vim.uv or vim.loop

local PROMPT = 'PROMPTMARK-9b2d4a10'
local OTHER = 'OTHERMARK-2c7f90e4'

describe('nothing is left of', function()
  local sim, nvim, session

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)

  local function start(opts)
    session = leaks.start(sim, opts)
    session:secret(PROMPT)
    nvim = session.nvim
  end

  after_each(function()
    nvim.stop()
  end)

  local function shows(words)
    nvim.wait_for(function()
      return nvim.screen_text():find(words, 1, true)
    end, 10000 * child.slack, words)
  end

  local function requests()
    local list = {}
    for _, entry in ipairs(sim.log()) do
      if entry.path:find('/chat/completions', 1, true) and entry.messages then
        list[#list + 1] = entry
      end
    end
    return list
  end

  -- The texts that the service has opened of the newest request.
  local function last_texts()
    local list = requests()
    local texts = vim.tbl_map(function(message)
      return message.text
    end, list[#list] and list[#list].messages or {})
    return table.concat(texts, '\n')
  end

  local function wait_sent(text)
    nvim.wait_for(function()
      return last_texts():find(text, 1, true)
    end, 15000, text .. ' to be sent')
  end

  -- A project of the user's, with files that hold a text: that it is there is none of our doing.
  local function project(files)
    local dir = uv.fs_realpath(child.tempdir())
    for name, text in pairs(files) do
      child.write(dir .. '/' .. name, text)
    end
    return dir
  end

  -- What happens at the end of a case: all of it has to be clean.
  local endings = {
    ['that went well'] = function()
      session:wait_idle()
      session:finish()
    end,
    ['that was stopped'] = function()
      session:wait_streaming()
      nvim.type_keys('<C-c>')
      session:wait_idle()
      session:finish()
    end,
    ['that ended by kill -9'] = function()
      session:wait_streaming()
      session:kill('sigkill')
    end,
  }

  local function at_each_end(title, ask)
    for _, words in ipairs({ 'that went well', 'that was stopped', 'that ended by kill -9' }) do
      it(title .. ' ' .. words, function()
        ask()
        endings[words]()
      end)
    end
  end

  -- Conversations ---------------------------------------------------------------------------------

  it('prompts that waited, an answer asked for again, a chat gone on from above', function()
    start()
    session:secret(OTHER)
    session:ask(PROMPT)
    session:wait_streaming()
    nvim.type_keys('Go' .. OTHER .. ' waits<Esc>', '<CR>')
    nvim.wait_for(function()
      return #requests() == 2
    end, 15000)
    session:wait_idle()
    nvim.type_keys('G', 'gr')
    nvim.wait_for(function()
      return #requests() == 3
    end, 15000)
    session:wait_idle()
    wait_sent(OTHER)
    nvim.fn.cursor(2, 1)
    nvim.type_keys('gR')
    session:wait_idle()
    session:finish()
  end)

  it('a prompt that waited in vain', function()
    start()
    session:secret(OTHER)
    session:ask(PROMPT)
    session:wait_streaming()
    nvim.type_keys('Go' .. OTHER .. ' waits<Esc>', '<CR>', '<C-c>')
    session:wait_idle()
    assert.is_truthy(nvim.text():find(OTHER, 1, true))
    session:finish()
  end)

  at_each_end('a system prompt', function()
    start()
    session:secret(OTHER)
    nvim.type_keys(':Venice system be like ' .. OTHER .. '<CR>')
    session:ask(PROMPT)
  end)

  -- Context ---------------------------------------------------------------------------------------

  local function ask_of_files()
    local dir = project({ ['a.lua'] = 'return "old"\n', ['b.lua'] = 'return "' .. OTHER .. '"\n' })
    local git = { 'git', '-C', dir, '-c', 'user.name=t', '-c', 'user.email=t@t' }
    for _, command in ipairs({ { 'init', '-q' }, { 'add', '.' }, { 'commit', '-qm', 'x' } }) do
      vim.fn.system(vim.list_extend(vim.list_extend({}, git), command))
      assert.are.equal(0, vim.v.shell_error)
    end
    child.write(dir .. '/a.lua', 'return "DIFFMARK-55d1"\n')
    start({ cwd = dir, spies = { git = true } })
    session:secret(OTHER)
    session:secret('DIFFMARK-55d1')
    session:secret('BUFFERMARK-e0c4')
    -- A swap file of a file of the user's is the user's.
    nvim.cmd('noswapfile edit c.lua | setlocal noundofile nobackup')
    nvim.lua([[vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'return "BUFFERMARK-e0c4"' })]])
    session:ask(PROMPT .. ' of #buffer:c.lua and #file:b.lua and #diff')
    for _, mark in ipairs({ PROMPT, OTHER, 'DIFFMARK-55d1', 'BUFFERMARK-e0c4' }) do
      wait_sent(mark)
    end
    session:was_called('git')
    session:processes_are_clean()
  end

  at_each_end('files and buffers in a prompt', ask_of_files)

  at_each_end('a prompt of the library, with a selection', function()
    local dir = project({ ['mine.md'] = OTHER .. ' what does this do?\n' })
    start({ setup = { prompts = { dir = dir } } })
    session:secret(OTHER)
    nvim.cmd('noswapfile edit c.lua | setlocal noundofile nobackup')
    nvim.lua('vim.api.nvim_buf_set_lines(0, 0, -1, false, { ... })', 'local x = "' .. PROMPT .. '"')
    nvim.type_keys(':%Venice! prompt mine<CR>')
    wait_sent(OTHER)
    wait_sent(PROMPT)
  end)

  -- Saved chats -----------------------------------------------------------------------------------

  local rot13 = [[exec tr 'A-Za-z' 'N-ZA-Mn-za-m']]

  local function start_with_history(encrypt)
    start({
      spies = { seal = encrypt or rot13, unseal = rot13 },
      setup = { history = { encrypt = { 'seal' }, decrypt = { 'unseal' } } },
    })
    session:secret(OTHER)
    nvim.type_keys(':Venice system ' .. OTHER .. '<CR>')
    session:ask(PROMPT)
    session:wait_streaming()
    nvim.type_keys('<C-c>')
    session:wait_idle()
  end

  local function notes_of(words)
    return nvim.wait_for(function()
      for _, note in ipairs(nvim.notifications()) do
        if note.msg:find(words, 1, true) then
          return note
        end
      end
    end, 10000 * child.slack, words)
  end

  it('a chat that was saved and opened, but what the program of the user made of it', function()
    start_with_history()
    nvim.type_keys(':Venice save plans<CR>')
    notes_of('saved as plans')
    session:was_called('seal')
    session:processes_are_clean()
    session:disk_is_clean()
    nvim.cmd('Venice wipe')
    nvim.type_keys(':Venice open plans<CR>')
    nvim.wait_for(function()
      return nvim.text():find(PROMPT, 1, true) and nvim.text():find(leaks.ANSWER, 1, true)
    end, 10000)
    session:was_called('unseal')
    nvim.type_keys('Go' .. PROMPT .. ' more<Esc>', '<CR>')
    session:wait_streaming()
    -- An opened chat is as private as a new one.
    assert.are.same(
      { 'nofile', false, false, false },
      nvim.lua([[
        local bo = vim.bo
        return { bo.buftype, bo.swapfile, bo.undofile, bo.modeline }]])
    )
    nvim.type_keys('<C-c>')
    session:wait_idle()
    session:finish()
  end)

  it('a chat that was not saved, for the program failed', function()
    start_with_history('cat >&2; exit 3')
    nvim.type_keys(':Venice save plans<CR>')
    nvim.wait_for(function()
      local notes = nvim.notifications()
      return notes[#notes] and notes[#notes].level == 4
    end, 10000)
    session:finish()
  end)

  it('a chat whose program was at work when Neovim was killed', function()
    start_with_history('cat >/dev/null; sleep 30')
    nvim.type_keys(':Venice save plans<CR>')
    nvim.wait_for(function()
      return pcall(session.was_called, session, 'seal')
    end, 10000)
    session:kill('sigkill')
  end)

  -- Changes ---------------------------------------------------------------------------------------

  local function ask_to_rewrite()
    start()
    nvim.lua([[require('venice.attention').PAUSE = 0]])
    session:secret(OTHER)
    nvim.cmd('noswapfile edit c.lua | setlocal noundofile nobackup')
    nvim.lua('vim.api.nvim_buf_set_lines(0, 0, -1, false, { ... })', 'local x = "' .. OTHER .. '"')
    nvim.type_keys(':%Venice rewrite ' .. PROMPT .. '<CR>')
    nvim.wait_for(function()
      return nvim.screen_text():find(leaks.ANSWER, 1, true)
    end, 15000 * child.slack, 'the diff')
    wait_sent(PROMPT)
    wait_sent(OTHER)
  end

  it('a rewrite that was refused', function()
    ask_to_rewrite()
    shows('undecided')
    nvim.type_keys('R')
    nvim.wait_for([[vim.fn.bufname() == 'c.lua']])
    session:finish()
  end)

  it('a rewrite that was accepted and taken back', function()
    ask_to_rewrite()
    shows('undecided')
    for _ = 1, 4 do
      nvim.type_keys('<C-f>')
      nvim.cmd('redraw')
    end
    nvim.type_keys('A')
    nvim.wait_for([[vim.fn.bufname() == 'c.lua']])
    assert.is_truthy(nvim.text():find(leaks.ANSWER, 1, true))
    nvim.type_keys('u')
    session:finish()
  end)

  it('a rewrite that was stopped', function()
    ask_to_rewrite()
    nvim.cmd('Venice stop')
    shows('stopped')
    session:finish()
  end)

  it('a rewrite that ended by kill -9', function()
    ask_to_rewrite()
    session:kill('sigkill')
  end)

  it('a code block that was applied and refused', function()
    start()
    local code = 'local y = "' .. leaks.ANSWER .. '"'
    sim.answer({ text = 'so:\n\n```lua\n' .. code .. '\n```\n', rate = 0 })
    session:secret(OTHER)
    nvim.cmd('noswapfile edit c.lua | setlocal noundofile nobackup')
    nvim.lua('vim.api.nvim_buf_set_lines(0, 0, -1, false, { ... })', 'local x = "' .. OTHER .. '"')
    nvim.type_keys(':%VeniceChat ' .. PROMPT .. '<CR>')
    nvim.wait_for([[require('venice').status().usage ~= nil]], 15000)
    session:wait_idle()
    nvim.type_keys('G', 'gA')
    nvim.wait_for(function()
      local mode = nvim.mode()
      if mode.blocking or mode.mode == 'c' then
        nvim.type_keys('1<CR>') -- Where to?
        return false
      end
      return nvim.screen_text():find('undecided', 1, true)
    end, 10000, 'the diff')
    nvim.type_keys('R')
    session:finish()
  end)

  -- Tools -----------------------------------------------------------------------------------------

  local function call(name, arguments)
    local json = vim.json.encode({ name = name, arguments = arguments })
    return '<tool_call>\n' .. json .. '\n</tool_call>'
  end

  -- A chat in which a tool was asked for; the question is on the screen.
  local function ask_with_tool(text, question)
    local dir = project({ ['a.lua'] = 'return "' .. OTHER .. '"\n' })
    start({ cwd = dir, terminal = true, spies = { git = true } })
    session:secret(OTHER)
    nvim.cmd('set cmdheight=3')
    nvim.lua([[require('venice.attention').PAUSE = 0]])
    sim.answer({ rate = 0, text = leaks.ANSWER .. '\n\n' .. text, times = 1 })
    nvim.cmd('VeniceChat')
    nvim.cmd('Venice tools on')
    nvim.type_keys('i' .. PROMPT .. '<Esc>', '<CR>')
    shows(question)
    nvim.wait_for([[vim.fn.bufname():find('venice://approve/', 1, true)]])
    session:processes_are_clean()
    session:disk_is_clean()
  end

  local function ask_to_read()
    ask_with_tool(call('read_file', { path = 'a.lua' }), 'wants to read a file')
  end

  local function wait_for_second()
    nvim.wait_for(function()
      return #requests() == 2
    end, 15000, 'the request with the result')
  end

  it('a tool that was run, and what it found', function()
    ask_to_read()
    nvim.type_keys('o')
    wait_for_second()
    wait_sent(OTHER)
    session:wait_idle()
    session:finish()
  end)

  it('a tool that was refused', function()
    ask_to_read()
    nvim.type_keys('n')
    wait_for_second()
    session:wait_idle()
    assert.is_nil(last_texts():find(OTHER, 1, true))
    session:finish()
  end)

  it('a tool whose question was on the screen when Neovim was killed', function()
    ask_to_read()
    session:kill('sigkill')
  end)

  it('a tool whose result was sent when Neovim was killed', function()
    ask_to_read()
    nvim.type_keys('o')
    wait_for_second()
    session:kill('sigkill')
  end)

  it('a command but what the command itself makes, its environment without the key', function()
    local script = 'tr "\\000" "\\n" </proc/$$/environ >environ; echo done'
    ask_with_tool(call('run_command', { argv = { 'sh', '-c', script } }), 'wants to run a command')
    nvim.type_keys('o')
    wait_for_second()
    wait_sent('done')
    local dir = nvim.fn.getcwd()
    for _, mark in ipairs(session.marks) do
      assert.is_nil(child.read(dir .. '/environ'):find(mark, 1, true), mark)
    end
    session:wait_idle()
    session:finish()
  end)
end)
