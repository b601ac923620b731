-- A proposed change of a file: which text it means, what the user sees, and what becomes of it.

local child = require('tests.lua.child')

local edit_text = require('venice.tools.edit_text')

local uv = vim.uv or vim.loop

local function change(...)
  local found, err
  local arguments = { ... }
  arguments[4] = function(...)
    found, err = ...
  end
  edit_text.start(unpack(arguments, 1, 4))
  assert.is_true(vim.wait(5000, function()
    return found ~= nil or err ~= nil
  end, 1))
  return found, err
end

describe('a replacement', function()
  local text = 'one\ntwo\nthree\n  four\nthree\n'

  local function changes(first, last, lines, old, new, within)
    local found = assert(change(within or text, old, new))
    assert.are.same({ first = first, last = last, lines = lines }, found)
  end

  local function refused(words, old, new, within)
    local found, err = change(within or text, old, new)
    assert.is_nil(found)
    assert.is_truthy(err.message:find(words, 1, true), err.message)
  end

  it('is of the lines that it changes', function()
    changes(2, 2, { 'TWO' }, 'two', 'TWO')
    changes(2, 2, { 'TWO' }, 'one\ntwo\n', 'one\nTWO\n')
    changes(4, 4, { '  4' }, 'four', '4')
    changes(2, 3, { 'twee' }, 'wo\nthr', 'w')
    changes(2, 1, { 'new' }, 'one\n', 'one\nnew\n')
    changes(2, 2, {}, 'two\n', '')
    changes(1, 5, { '' }, text, '')
    changes(5, 5, { 'last' }, '  four\nthree', '  four\nlast')
    changes(2, 2, { 'a', 'b' }, 'two\r\n', 'a\r\nb\r\n')
    changes(1, 1, { 'b' }, 'a', 'b', 'a')
  end)

  it('must mean one place', function()
    refused('does not stand in the file', 'nothing', 'x')
    refused('does not stand in the file', ' two', 'x')
    refused('more than once', 'three', 'x')
    refused('more than once', 'aba', 'x', 'ababa')
    refused('old_text is empty', '', 'x')
    refused('changes nothing', 'two', 'two')
    refused('NUL', 'two', 'a\0b')
    -- Not a pattern.
    refused('does not stand in the file', 't.o', 'x')
  end)

  it('may fill what is empty', function()
    changes(1, 1, { 'a', 'b' }, '', 'a\nb\n', '')
    changes(1, 1, { 'a' }, '', 'a', '\n')
  end)
end)

local SETUP = [[
  local root = ...
  require('venice.tools.approval').is_possible = function() return true end
  require('venice.attention').PAUSE = 0
  vim.cmd('edit ' .. root .. '/chat')
  _G.updates = {}
  _G.session = assert(require('venice.tools.session').new({
    root = root,
    buf = vim.api.nvim_get_current_buf(),
    name = function()
      return 'chat 1'
    end,
  }))
  -- The user has let the model read all files, unless a test says otherwise.
  session.allowed.read_file = true
  function _G.propose(path, old, new, more)
    _G.results = nil
    session:begin()
    local arguments = { path = path, old_text = old, new_text = new }
    local calls = { { id = 'call_1', name = 'propose_edit', arguments = arguments } }
    calls[2] = more
    _G.handle = session:run(calls, {
      on_update = function(call, words)
        table.insert(_G.updates, call.name .. ': ' .. words)
      end,
      on_done = function(list)
        _G.results = list
      end,
    })
  end]]

describe('a proposal', function()
  local nvim, root
  local lines = {}
  for i = 1, 30 do
    lines[i] = 'line ' .. i
  end
  local text = table.concat(lines, '\n') .. '\n'

  before_each(function()
    root = uv.fs_realpath(child.tempdir())
    assert(uv.fs_mkdir(root .. '/sub', 448))
    child.write(root .. '/a.txt', text)
    child.write(root .. '/chat', 'chat\n')
    child.write(root .. '/.gitignore', '*.log\n')
    child.write(root .. '/x.log', text)
    nvim = child.start({ cwd = root, lines = 40, columns = 90 })
    nvim.cmd('set cmdheight=3')
    nvim.lua(SETUP, root)
  end)

  after_each(function()
    nvim.stop()
  end)

  local function propose(...)
    nvim.lua('_G.propose(...)', ...)
  end

  local function is_shown(words)
    nvim.wait_for(function()
      return nvim.screen_text():find(words or '1 of ', 1, true) ~= nil
    end, 5000, words or 'the diff')
  end

  local function result()
    return nvim.wait_for('_G.results', 8000)[1]
  end

  local function buffer_of(path)
    local buf = nvim.fn.bufnr(root .. '/' .. path)
    return buf > 0 and buf or nil
  end

  -- Lines 10 to 20 with three of them changed.
  local function three()
    local old = table.concat(lines, '\n', 10, 20)
    local new = old:gsub('line 11', 'eleven'):gsub('line 15', 'fifteen'):gsub('line 19', 'nineteen')
    return old, new
  end

  it('is taken in part: two of three hunks', function()
    propose('a.txt', three())
    is_shown('1 of 3')
    assert.is_truthy(nvim.screen_text():find('chat 1 proposes a change of a.txt', 1, true))
    assert.are.same(
      { 'propose_edit: runs', 'propose_edit: waits for you' },
      nvim.lua('return updates')
    )
    nvim.type_keys('a', 'r', 'a')
    local told = result()
    assert.is_false(told.is_error)
    assert.is_false(told.refused)
    assert.are.equal('2 of 3 accepted', told.words)
    assert.are.equal(2, told.result.accepted)
    assert.are.equal(1, told.result.refused)
    assert.is_truthy(told.result.note:find('not written', 1, true))
    -- The lines as they are now, with some around them.
    assert.are.equal(8, told.result.first)
    local shown = vim.split(told.result.text_now, '\n', { plain = true })
    assert.are.equal('line 8', shown[1])
    assert.are.equal('eleven', shown[4])
    assert.are.equal('line 15', shown[8])
    assert.are.equal('nineteen', shown[12])
    assert.are.equal('line 22', shown[#shown])
    -- The buffer has changed, the file has not.
    local buf = buffer_of('a.txt')
    assert.are.equal('eleven', nvim.buf_lines(buf)[11])
    assert.are.equal('line 15', nvim.buf_lines(buf)[15])
    assert.is_true(nvim.api.nvim_buf_get_option(buf, 'modified'))
    assert.is_true(nvim.api.nvim_buf_get_option(buf, 'buflisted'))
    assert.are.equal(text, child.read(root .. '/a.txt'))
    assert.are.equal('chat', nvim.text())
  end)

  it('is not decided by a key that was meant for the chat', function()
    nvim.lua([[require('venice.attention').PAUSE = 60000]])
    propose('a.txt', three())
    is_shown('1 of 3')
    nvim.type_keys('A', 'a', 'r', 'R', 'q')
    assert.is_truthy(nvim.screen_text():find('undecided', 1, true))
    assert.is_nil(nvim.screen_text():find('✓ accepted', 1, true))
    assert.are.equal(text, table.concat(nvim.buf_lines(buffer_of('a.txt')), '\n') .. '\n')
    -- What does not decide works, and so does closing the window.
    nvim.type_keys(']c', ':q<CR>')
    assert.is_true(result().refused)
  end)

  it('that is refused leaves the editor as it was', function()
    for _, keys in ipairs({ 'R', 'q', ':q<CR>' }) do
      propose('a.txt', three())
      is_shown('1 of 3')
      nvim.type_keys(keys)
      local told = result()
      assert.is_true(told.refused, keys)
      assert.is_true(told.is_error)
      assert.is_truthy(told.result:find('refused', 1, true))
      assert.is_nil(buffer_of('a.txt'))
      assert.are.equal('chat', nvim.text())
    end
    -- A buffer that was there stays.
    nvim.cmd('badd a.txt')
    propose('a.txt', three())
    is_shown('1 of 3')
    nvim.type_keys('R')
    result()
    assert.are.equal(0, nvim.fn.bufloaded(buffer_of('a.txt')))
    nvim.cmd('split a.txt | wincmd p')
    propose('a.txt', three())
    is_shown('1 of 3')
    nvim.type_keys('R')
    result()
    assert.are.equal(1, nvim.fn.bufloaded(buffer_of('a.txt')))
  end)

  it('that is refused ends the round', function()
    local more = { id = 'call_2', name = 'run_command', arguments = { argv = { 'touch', 'x' } } }
    propose('a.txt', 'line 3\n', 'three\n', more)
    is_shown()
    nvim.type_keys('r')
    assert.is_true(result().refused)
    assert.are.equal('not run', nvim.lua('return results')[2].words)
    assert.is_nil(uv.fs_stat(root .. '/x'))
  end)

  it('is about the text in the buffer', function()
    nvim.cmd('split a.txt')
    nvim.api.nvim_buf_set_lines(0, 0, 1, false, { 'unsaved' })
    nvim.cmd('wincmd p')
    propose('a.txt', 'unsaved\nline 2', 'saved\nline 2')
    is_shown()
    nvim.type_keys('a')
    assert.are.equal('1 of 1 accepted', result().words)
    assert.are.equal('saved', nvim.buf_lines(buffer_of('a.txt'))[1])
    propose('a.txt', 'line 1\n', 'x\n')
    assert.is_truthy(result().result:find('does not stand', 1, true))
  end)

  it('may be a new file, which can be changed before it is written', function()
    propose('sub/new.lua', '', 'local M = {}\nreturn M\n')
    is_shown('sub/new.lua')
    nvim.type_keys('a')
    assert.are.equal('1 of 1 accepted', result().words)
    local buf = buffer_of('sub/new.lua')
    assert.are.same({ 'local M = {}', 'return M' }, nvim.buf_lines(buf))
    assert.is_nil(uv.fs_stat(root .. '/sub/new.lua'))
    propose('sub/new.lua', 'return M', 'return { M }')
    is_shown()
    nvim.type_keys('a')
    result()
    assert.are.equal('return { M }', nvim.buf_lines(buf)[2])
    nvim.cmd('buffer ' .. buf .. ' | write | buffer chat')
    assert.are.equal('local M = {}\nreturn { M }\n', child.read(root .. '/sub/new.lua'))
    -- What is refused leaves nothing.
    propose('sub/other.lua', '', 'x')
    is_shown('sub/other.lua')
    nvim.type_keys('r')
    result()
    assert.is_nil(buffer_of('sub/other.lua'))
  end)

  it('is refused unseen where it does not fit', function()
    child.write(root .. '/binary', 'a\0b')
    child.write(root .. '/mixed', 'line\27[31m\n')
    assert(uv.fs_symlink('/etc/passwd', root .. '/link'))
    for _, row in ipairs({
      { 'a.txt', 'nothing like it', 'x', 'does not stand' },
      { 'a.txt', 'line 1', 'x', 'more than once' },
      { 'a.txt', '', 'x', 'old_text is empty' },
      { 'missing.txt', 'a', 'b', 'there is no' },
      { 'nowhere/new.txt', '', 'b', 'there is no' },
      { '../new.txt', '', 'b', '".."' },
      { '/etc/new.txt', '', 'b', 'leads out' },
      { 'link', 'root', 'b', 'leads out' },
      { 'x.log', 'line 3\n', 'b', 'not offered' },
      { 'new.log', '', 'b', 'not offered' },
      { '.git/hooks/pre-commit', '', 'b', '' },
      { '.env', '', 'b', 'not offered' },
      { 'binary', 'a', 'b', 'binary' },
      { 'sub', 'a', 'b', 'not a plain file' },
    }) do
      propose(row[1], row[2], row[3])
      local told = result()
      assert.is_true(told.is_error, row[1])
      assert.is_false(told.refused, row[1])
      assert.is_truthy(told.result:find(row[4], 1, true), row[1] .. ': ' .. told.result)
    end
    assert.are.equal(1, #nvim.fn.getbufinfo())
    nvim.cmd('edit a.txt | setlocal nomodifiable | edit chat')
    propose('a.txt', 'line 3\n', 'x\n')
    assert.is_truthy(result().result:find('not modifiable', 1, true))
  end)

  it('loads a file without modelines, autocommands and swap file', function()
    child.write(root .. '/m.txt', 'a\nb\n# vim: set ts=3 ft=lua :\n')
    nvim.cmd('set modeline swapfile directory=. | filetype on')
    nvim.lua([[
      _G.seen = {}
      vim.api.nvim_create_autocmd({ 'BufReadPre', 'BufReadPost', 'BufNewFile', 'SwapExists' }, {
        callback = function(args) table.insert(_G.seen, args.event) end })]])
    -- Somebody else has it open, so it seems.
    child.write(root .. '/.m.txt.swp', 'b0VIM')
    propose('m.txt', 'a\n', 'A\n')
    is_shown()
    assert.are.same({}, nvim.lua('return _G.seen'))
    assert.are.equal(8, nvim.api.nvim_buf_get_option(buffer_of('m.txt'), 'tabstop'))
    assert.is_true(nvim.eval('&g:modeline') == 1)
    nvim.type_keys('a')
    result()
    local buf = buffer_of('m.txt')
    assert.are.equal('', nvim.fn.getbufvar(buf, '&swapfile') == 0 and '' or 'swap')
    assert.are.equal('text', nvim.api.nvim_buf_get_option(buf, 'filetype'))
    assert.are.equal(8, nvim.api.nvim_buf_get_option(buf, 'tabstop'))
  end)

  it('keeps line breaks of two bytes and a last line without one', function()
    child.write(root .. '/dos.txt', 'a\r\nb\r\nc\r\n')
    child.write(root .. '/open.txt', 'a\nb')
    for path, expected in pairs({ ['dos.txt'] = 'A\r\nb\r\nc\r\n', ['open.txt'] = 'A\nb' }) do
      propose(path, 'a\nb', 'A\nb')
      is_shown(path)
      nvim.type_keys('a')
      assert.are.equal('1 of 1 accepted', result().words)
      nvim.cmd('set nofixendofline')
      nvim.cmd('buffer ' .. buffer_of(path) .. ' | setlocal nofixendofline | write | buffer chat')
      assert.are.equal(expected, child.read(root .. '/' .. path))
    end
  end)

  it('is not loaded when the file was swapped after the look', function()
    local outside = uv.fs_realpath(child.tempdir())
    child.write(outside .. '/secret', 'a secret\n')
    nvim.lua(
      [[
      local root, outside = ...
      local offered = session.offered
      local read = offered.read
      offered.read = function(...)
        local file, err = read(...)
        vim.loop.fs_unlink(root .. '/a.txt')
        vim.loop.fs_symlink(outside .. '/secret', root .. '/a.txt')
        return file, err
      end]],
      root,
      outside
    )
    propose('a.txt', 'line 3\n', 'x\n')
    local told = result()
    assert.is_truthy(told.result:find('changed while', 1, true), told.result)
    assert.is_nil(vim.inspect(told):find('a secret', 1, true))
    assert.are.equal(1, #nvim.fn.getbufinfo())
  end)

  it('can be stopped', function()
    propose('a.txt', three())
    is_shown('1 of 3')
    nvim.lua('_G.handle.stop()')
    assert.are.equal('stopped', result().words)
    nvim.wait_for(function()
      return buffer_of('a.txt') == nil
    end)
    assert.are.equal('chat', nvim.text())
    assert.are.equal(1, #nvim.api.nvim_list_wins())
  end)

  it('tells no lines around it before the user let the model read the file', function()
    nvim.lua('session.allowed = {}')
    propose('a.txt', three())
    is_shown('1 of 3')
    nvim.type_keys('a', 'r', 'a')
    local told = result()
    assert.are.equal(2, told.result.accepted)
    assert.is_nil(told.result.text_now)
    assert.is_nil(told.result.first)
    assert.is_nil(vim.inspect(told):find('line 8', 1, true))
  end)

  -- Pages through the diff.
  local function read_on()
    for _ = 1, 4 do
      nvim.type_keys('<C-f>')
      nvim.cmd('redraw')
    end
  end

  -- Goes to the diff of a chat.
  local function go_to(name)
    nvim.lua(
      [[for _, win in ipairs(vim.api.nvim_list_wins()) do
        local buf = vim.api.nvim_win_get_buf(win)
        local first = vim.api.nvim_buf_get_lines(buf, 0, 1, false)[1]
        if first:find('^' .. ... .. ' proposes') then
          vim.api.nvim_set_current_win(win)
        end
      end
      vim.cmd('redraw')]],
      name
    )
  end

  local function second()
    nvim.lua(
      [[local root = ...
      _G.other = assert(require('venice.tools.session').new({
        root = root,
        name = function() return 'chat 2' end,
      }))
      other.allowed.read_file = true
      other:begin()
      local arguments = { path = 'a.txt', old_text = 'line 3\n', new_text = 'three\n' }
      other:run({ { id = 'call_9', name = 'propose_edit', arguments = arguments } }, {
        on_done = function(list) _G.others = list end,
      })]],
      root
    )
    is_shown('chat 2 proposes')
  end

  it('of one chat stays what it is when another one for the same file ends', function()
    propose('a.txt', three())
    is_shown('1 of 3')
    second()
    go_to('chat 2')
    nvim.type_keys('a')
    assert.are.equal('1 of 1 accepted', nvim.wait_for('_G.others', 8000)[1].words)
    go_to('chat 1')
    read_on()
    nvim.type_keys('A')
    local told = result()
    assert.are.equal('3 of 3 accepted', told.words)
    assert.are.equal(8, told.result.first)
    assert.are.equal(15, #vim.split(told.result.text_now, '\n'))
    assert.is_nil(told.result.text_now:find('three', 1, true))
  end)

  it('of one chat keeps its buffer when another one for the same file is refused', function()
    for _, order in ipairs({ { 'chat 1', 'chat 2' }, { 'chat 2', 'chat 1' } }) do
      nvim.lua('_G.others = nil')
      propose('a.txt', three())
      is_shown('1 of 3')
      second()
      go_to(order[1])
      nvim.type_keys('R')
      nvim.wait_for(order[1] == 'chat 1' and '_G.results' or '_G.others', 8000)
      assert.are.equal(1, nvim.fn.bufloaded(buffer_of('a.txt')))
      go_to(order[2])
      nvim.type_keys('R')
      nvim.wait_for('_G.results and _G.others', 8000)
      assert.is_nil(buffer_of('a.txt'))
    end
  end)

  it('whose buffer goes has a result, and no text that it does not know any more', function()
    propose('a.txt', three())
    is_shown('1 of 3')
    nvim.cmd('bwipeout! ' .. buffer_of('a.txt'))
    assert.is_truthy(result().result:find('was closed', 1, true))
    assert.are.equal(1, #nvim.api.nvim_list_wins())
    -- Its marks are gone: nothing is said about the lines.
    propose('a.txt', three())
    is_shown('1 of 3')
    nvim.lua([[
      local ns = vim.api.nvim_create_namespace('venice_proposal')
      vim.api.nvim_buf_clear_namespace(vim.fn.bufnr('a.txt'), ns, 0, -1)]])
    read_on()
    nvim.type_keys('A')
    local told = result().result
    assert.is_nil(told.text_now)
    assert.is_truthy(told.note:find('Read the file', 1, true))
  end)

  it('ends when tools are switched off, and what was allowed does not count any more', function()
    propose('a.txt', three())
    is_shown('1 of 3')
    nvim.lua('session:close()')
    assert.are.equal('stopped: tools are off', result().words)
    nvim.wait_for(function()
      return #nvim.api.nvim_list_wins() == 1
    end)
    assert.is_nil(nvim.lua('return session.allowed.read_file'))
    propose('a.txt', 'line 3\n', 'x\n')
    assert.are.equal('stopped: tools are off', result().words)
  end)

  it(
    'does not take the cursor of who is elsewhere, and waits for the end of visual mode',
    function()
      nvim.cmd('edit a.txt')
      propose('a.txt', 'line 3\n', 'x\n')
      is_shown()
      assert.is_truthy(nvim.api.nvim_buf_get_name(0):find('a.txt$'))
      assert.is_truthy(nvim.notifications()[1].msg:find('see the diff', 1, true))
      nvim.lua('_G.handle.stop()')
      result()
      nvim.type_keys('V')
      propose('a.txt', 'line 3\n', 'x\n')
      vim.wait(300)
      assert.are.equal('V', nvim.mode().mode)
      assert.are.equal(1, #nvim.api.nvim_list_wins())
      nvim.type_keys('<Esc>')
      is_shown()
      -- Stopped before it was shown, it is not shown.
      nvim.lua('_G.handle.stop()')
      result()
      nvim.type_keys('V')
      propose('a.txt', 'line 3\n', 'x\n')
      vim.wait(100)
      nvim.lua('_G.handle.stop()')
      nvim.type_keys('<Esc>')
      vim.wait(300)
      assert.are.equal(1, #nvim.api.nvim_list_wins())
    end
  )
end)
