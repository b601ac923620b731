-- The question whether a call may run: what is seen, which keys answer, and what never does.

local child = require('tests.lua.child')
local visible = require('venice.tools.visible')

local uv = vim.uv or vim.loop

describe('a value of a call', function()
  local function shown(text, width)
    local lines = {}
    for i, line in ipairs(visible.quoted(text, width or 40)) do
      lines[i] = ''
      for _, piece in ipairs(line) do
        lines[i] = lines[i] .. piece[1]
      end
      lines[i] = lines[i] .. (line.is_cut and '⋯' or '')
    end
    return lines
  end

  it('stands between quotes, with the code of what is not seen', function()
    assert.are.same({ '"git"' }, shown('git'))
    assert.are.same({ '""' }, shown(''))
    assert.are.same({ [["a\"b\\n\t\r"]] }, shown('a"b\\n\t\r'))
    assert.are.same({ '"\\u{1b}[2J\\u{0}\\u{7f}"' }, shown('\27[2J\0\127'))
    assert.are.same({ '"Grüße 🎉 日本"' }, shown('Grüße 🎉 日本'))
    -- Turned around, without width, a blank that is none, the invisible tags.
    assert.are.same({ '"\\u{202e}x\\u{200b}\\u{a0}"' }, shown('\226\128\174x\226\128\139\194\160'))
    assert.are.same({ '"\\u{e0041}\\u{feff}"' }, shown('\243\160\129\129\239\187\191'))
    assert.are.same({ '"\\xff\\xc3a\\xed\\xa0\\x80"' }, shown('\255\195a\237\160\128'))
  end)

  it('goes on below after each line break, and where there is no room', function()
    assert.are.same({ '"a\\n', 'b\\n"' }, shown('a\nb\n'))
    assert.are.same({ '"aaaaaaaaa⋯', 'aaaaaaaaaa⋯', 'a  "' }, shown(('a'):rep(20) .. '  ', 10))
    assert.are.same({ '"日本⋯', '日本日⋯', '本"' }, shown('日本日本日本', 6))
    -- Every byte is shown, however it is cut.
    local text = ('x \n"é'):rep(50)
    local joined = table.concat(shown(text, 7)):gsub('⋯', ''):gsub('\\n', '\n'):gsub('\\"', '"')
    assert.are.equal('"' .. text .. '"', joined)
  end)
end)

local SETUP = [[
  local root = ...
  _G.results, _G.updates = nil, {}
  vim.cmd('edit ' .. root .. '/chat')
  _G.session = assert(require('venice.tools.session').new({
    root = root,
    buf = vim.api.nvim_get_current_buf(),
    name = function()
      return 'chat 1'
    end,
  }))
  function _G.go(calls, session)
    _G.results = nil
    session = session or _G.session
    session:begin()
    _G.handle = session:run(calls, {
      on_update = function(call, words)
        table.insert(_G.updates, call.name .. ': ' .. words)
      end,
      on_done = function(list)
        _G.results = list
      end,
    })
  end]]

describe('a question', function()
  local nvim, root

  local function start(opts)
    opts = opts or {}
    root = uv.fs_realpath(child.tempdir())
    child.write(root .. '/a.txt', 'one\ntwo\n')
    child.write(root .. '/chat', ('chat\n'):rep(30))
    nvim = child.start({ cwd = root, terminal = opts.terminal, lines = 30, columns = 80 })
    nvim.lua(SETUP, root)
    nvim.lua('require("venice.attention").PAUSE = ...', opts.pause or 0)
    if not opts.terminal and not opts.nobody then
      nvim.lua('require("venice.tools.approval").is_possible = function() return true end')
    end
  end

  after_each(function()
    nvim.stop()
  end)

  local function go(...)
    local calls = {}
    for i, call in ipairs({ ... }) do
      calls[i] = { id = 'call_' .. i, name = call[1], arguments = call[2] }
    end
    nvim.lua('_G.go(...)', calls)
  end

  local function command(...)
    return { 'run_command', { argv = { ... } } }
  end
  local read = { 'read_file', { path = 'a.txt' } }

  local function is_asking(words)
    nvim.wait_for(function()
      return nvim.screen_text():find(words or 'wants to', 1, true) ~= nil
    end, 5000, words)
  end

  local function results()
    return nvim.wait_for('_G.results', 8000)
  end

  local function in_question()
    return nvim.api.nvim_buf_get_name(0):find('venice://approve/', 1, true) ~= nil
  end

  -- The windows of questions.
  local function windows()
    local list = {}
    for _, win in ipairs(nvim.api.nvim_list_wins()) do
      local name = nvim.api.nvim_buf_get_name(nvim.api.nvim_win_get_buf(win))
      if name:find('venice://approve/', 1, true) then
        list[#list + 1] = win
      end
    end
    return list
  end

  local function ran(path)
    return uv.fs_stat(root .. '/' .. path) ~= nil
  end

  it('shows the call, and o runs it once', function()
    start({ terminal = true })
    go(command('touch', 'a b', 'new\nline'), read)
    is_asking('chat 1 wants to run a command')
    local screen = nvim.screen_text()
    for _, words in ipairs({
      'run_command',
      'folder       "' .. root:sub(1, 20),
      'argv[1]      "touch"',
      'argv[2]      "a b"',
      'argv[3]      "new\\n',
      'not in a sandbox',
      'reach the network',
      'o once',
    }) do
      assert.is_truthy(screen:find(words, 1, true), words)
    end
    assert.is_nil(screen:find('always in this chat', 1, true))
    assert.is_true(in_question())
    assert.is_false(ran('a b'))
    nvim.type_keys('o')
    is_asking('wants to read a file')
    assert.is_true(ran('a b'))
    assert.is_true(ran('new\nline'))
    assert.is_truthy(nvim.screen_text():find('a always in this chat', 1, true))
    nvim.type_keys('o')
    assert.are.equal('read 2 lines', results()[2].words)
    assert.are.same({}, windows())
    assert.is_truthy(nvim.api.nvim_buf_get_name(0):find('/chat$'))
  end)

  it('is answered for the chat by a, but not for a command', function()
    start()
    go(read, read, command('touch', 'x'), command('touch', 'y'))
    is_asking()
    nvim.type_keys('a')
    is_asking('argv[2]      "x"')
    nvim.type_keys('a')
    assert.is_false(ran('x'))
    assert.is_truthy(nvim.notifications()[1].msg:find('asked for each time', 1, true))
    nvim.type_keys('o')
    is_asking('argv[2]      "y"')
    nvim.type_keys('n')
    local list = results()
    assert.are.equal('read 2 lines', list[2].words)
    assert.is_true(list[4].refused)
    assert.is_true(ran('x'))
    assert.is_false(ran('y'))
    go(read)
    assert.are.equal('read 2 lines', results()[1].words)
  end)

  it('is refused by n, by q and by closing its window', function()
    start()
    for _, keys in ipairs({ 'n', 'q', ':q<CR>', '<C-w>c', ':bwipeout!<CR>', ':edit a.txt<CR>' }) do
      go(command('touch', 'x'))
      is_asking()
      assert.is_true(in_question())
      nvim.type_keys(keys)
      assert.is_true(results()[1].refused, keys)
      nvim.wait_for(function()
        return #windows() == 0
      end)
      nvim.cmd('silent! only | edit chat')
    end
    go(command('touch', 'x'))
    is_asking()
    nvim.cmd('wincmd k | only')
    assert.is_true(results()[1].refused)
    assert.is_false(ran('x'))
  end)

  it('does not take the keys of who is typing', function()
    start()
    nvim.type_keys('Goab')
    go(command('touch', 'x'))
    is_asking()
    assert.are.equal('i', nvim.mode().mode)
    nvim.type_keys('onaq')
    assert.are.equal('abonaq', nvim.api.nvim_get_current_line())
    assert.is_nil(nvim.lua('return _G.results'))
    -- Nor those of who is in another file.
    nvim.type_keys('<Esc>')
    nvim.lua('_G.handle.stop()')
    results()
    nvim.cmd('edit! a.txt')
    go(command('touch', 'x'))
    is_asking()
    assert.is_truthy(nvim.notifications()[1].msg:find('<C-w>b', 1, true))
    assert.is_false(in_question())
    nvim.type_keys('onaq<Esc>')
    assert.are.equal('naq', nvim.api.nvim_get_current_line())
    assert.is_false(ran('x'))
    nvim.type_keys('<C-w>b')
    assert.is_true(in_question())
    nvim.type_keys('o')
    assert.are.equal('exit code 0', results()[1].words)
    assert.is_truthy(nvim.api.nvim_buf_get_name(0):find('a.txt$'))
  end)

  it('does not take keys that were on their way to the chat', function()
    start({ pause = 100000 })
    go(command('touch', 'x'))
    is_asking()
    assert.is_true(in_question())
    nvim.type_keys('onqoa')
    vim.wait(50)
    assert.is_nil(nvim.lua('return _G.results'))
    assert.are.equal(1, #windows())
    -- Closing it is still no.
    nvim.cmd('quit')
    assert.is_true(results()[1].refused)
  end)

  it('waits for the end of visual mode and of a command line', function()
    start()
    for _, keys in ipairs({ 'v', ':echo', 'q:', 'd' }) do
      nvim.type_keys(keys)
      go(command('touch', 'x'))
      vim.wait(300)
      assert.are.same({}, nvim.mode().blocking and {} or windows(), keys)
      nvim.type_keys(keys == 'q:' and ':q<CR>' or '<Esc>')
      is_asking()
      nvim.wait_for(in_question)
      nvim.type_keys('n')
      assert.is_true(results()[1].refused)
      nvim.cmd('messages clear | edit! chat')
    end
  end)

  it('cannot be approved before every line of it was in sight', function()
    start()
    local argv = { 'touch', 'x' }
    for i = 1, 60 do
      argv[#argv + 1] = 'argument ' .. i
    end
    go(command(unpack(argv)))
    is_asking()
    assert.is_nil(nvim.screen_text():find('argument 60', 1, true))
    nvim.type_keys('o')
    nvim.wait_for('#_G.__notes > 0')
    assert.is_truthy(nvim.notifications()[1].msg:find('more of it is below', 1, true))
    assert.is_false(ran('x'))
    -- Its beginning and its end are not the whole.
    nvim.type_keys('G')
    is_asking('argument 60')
    nvim.type_keys('o')
    nvim.wait_for('#_G.__notes > 1')
    assert.is_truthy(nvim.notifications()[2].msg:find('line 19 was not in sight yet', 1, true))
    assert.is_false(ran('x'))
    nvim.type_keys('gg')
    for _ = 1, 6 do
      nvim.type_keys('<C-f>')
      nvim.screen_text()
    end
    nvim.type_keys('ggo')
    assert.are.equal('exit code 0', results()[1].words)
    assert.is_true(ran('argument 60'))
  end)

  it('is one of several at a time', function()
    start()
    nvim.lua([[
      _G.other = assert(require('venice.tools.session').new({
        root = vim.fn.getcwd(),
        name = function() return 'chat 2' end,
      }))
      local function calls(path)
        return { { id = 'x', name = 'run_command', arguments = { argv = { 'touch', path } } } }
      end
      _G.go(calls('x'))
      _G.other:run(calls('y'), { on_done = function(list) _G.others = list end })]])
    is_asking('chat 1 wants to run a command')
    assert.is_truthy(nvim.screen_text():find('(1 more)', 1, true))
    assert.are.equal(1, #windows())
    nvim.type_keys('o')
    is_asking('chat 2 wants to run a command')
    -- It is not the chat that the user is in.
    assert.is_false(in_question())
    nvim.type_keys('<C-w>bn')
    assert.is_true(nvim.wait_for('_G.others')[1].refused)
    assert.is_true(ran('x'))
    assert.is_false(ran('y'))
  end)

  it('goes with the stop, also while it waits behind another', function()
    start()
    nvim.lua([[
      local calls = { { id = 'x', name = 'list_files', arguments = {} } }
      local function new()
        return require('venice.tools.session').new({
          root = vim.fn.getcwd(),
          name = function() return 'chat 2' end,
        })
      end
      _G.go(calls)
      _G.second = new():run(calls, { on_done = function(list) _G.others = list end })]])
    is_asking('chat 1')
    nvim.lua('_G.second.stop()')
    assert.are.equal('stopped', nvim.wait_for('_G.others')[1].words)
    assert.are.equal(1, #windows())
    nvim.lua('_G.handle.stop()')
    assert.are.equal('stopped', results()[1].words)
    assert.are.same({}, windows())
    vim.wait(300)
    assert.are.same({}, windows())
  end)

  it('stands above a chat that floats', function()
    start()
    nvim.lua([[
      vim.api.nvim_open_win(session.buf, true, {
        relative = 'editor', width = 64, height = 24, row = 1, col = 5, border = 'rounded',
      })]])
    go(command('touch', 'x'))
    nvim.wait_for(in_question)
    -- The screen as tests read it has no floats.
    assert.is_truthy(nvim.text():find('argv[2]      "x"', 1, true))
    local config = nvim.api.nvim_win_get_config(0)
    assert.are.equal('editor', config.relative)
    assert.is_true(config.zindex > 50)
    nvim.type_keys('o')
    assert.are.equal('exit code 0', results()[1].words)
    assert.are.equal('editor', nvim.api.nvim_win_get_config(0).relative)
    assert.is_false(in_question())
  end)

  it('keeps its text from the disk and from other plugins', function()
    start()
    go({ 'search', { text = 'needle-in-a-question' } })
    is_asking()
    local options = nvim.lua([[
      local bo = vim.bo
      return { bo.buftype, bo.swapfile, bo.undofile, bo.modeline, bo.modifiable,
        vim.b.copilot_enabled }]])
    assert.are.same({ 'nofile', false, false, false, false, false }, options)
    nvim.type_keys('n')
    results()
    nvim.quit('qall!')
    assert.are.same({}, child.grep_tree(nvim.dirs.root, 'needle-in-a-question'))
  end)

  it('is not asked where there is no user interface', function()
    start({ nobody = true })
    go(command('touch', 'x'), read)
    local list = results()
    assert.are.equal('not run: nobody to ask', list[1].words)
    assert.is_true(list[2].is_error)
    assert.is_false(ran('x'))
    assert.are.same({}, windows())
  end)
end)

describe('a question of many lines', function()
  it('says so in its title', function()
    local argv = {}
    for i = 1, 83 do
      argv[i] = 'argument ' .. i
    end
    local function build(arguments)
      local question = {
        chat = 'chat 1',
        name = 'run_command',
        title = 'run a command',
        note = 'It runs as you.',
        root = '/tmp',
        order = { 'argv' },
        arguments = { argv = arguments },
        may_always = false,
        is_dangerous = true,
      }
      return require('venice.tools.approval_text').build(question, 0, 80).lines
    end
    local function title(arguments)
      return build(arguments)[1]
    end
    assert.are.equal('chat 1 wants to run a command   90 lines: read to the end', title(argv))
    assert.are.equal('chat 1 wants to run a command', title({ 'ls' }))
    -- Words that mix scripts are named.
    local lines = table.concat(build({ 'curl', 'https://pаypal.com' }), '\n')
    assert.is_truthy(lines:find('mixes Latin and Cyrillic: pаypal', 1, true))
  end)
end)
