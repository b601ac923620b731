-- A review of a proposed change: what its keys do to the user's text, when, and what never.

local child = require('tests.lua.child')

describe('a diff', function()
  local nvim

  local function start(opts)
    nvim = child.start(vim.tbl_extend('force', { columns = 90, lines = 40 }, opts or {}))
    nvim.lua([[
      vim.cmd('set hidden')
      require('venice.attention').PAUSE = 0
      _G.results = {}
      function _G.open(first, last, opts)
        _G.code = vim.api.nvim_get_current_buf()
        _G.review = require('venice.edit.diff').open(vim.tbl_extend('force', {
          buf = code, first = first, last = last, name = 'a proposal',
          on_done = function(result) table.insert(results, result) end,
        }, opts or {}))
        _G.view = review.view.buf
      end
      function _G.propose(lines, final)
        review:set_text(lines, final ~= false)
      end
    ]])
  end

  before_each(function()
    start()
  end)
  after_each(function()
    nvim.stop()
  end)

  local function open(first, last, opts)
    nvim.lua('open(...)', first, last, opts or vim.empty_dict())
  end
  local function propose(lines, final)
    nvim.lua('propose(...)', lines, final)
  end
  local function set(lines)
    nvim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
  end
  local function code()
    return nvim.lua('return vim.api.nvim_buf_get_lines(code, 0, -1, false)')
  end
  local function view()
    return nvim.lua('return vim.api.nvim_buf_get_lines(view, 0, -1, false)')
  end
  local function shows(pattern)
    for _, line in ipairs(view()) do
      if line:find(pattern) then
        return true
      end
    end
    return false
  end
  local function wait_shown(pattern)
    nvim.wait_for(function()
      return shows(pattern)
    end, 3000, pattern)
  end
  local function results()
    return nvim.lua('return results')
  end
  local function notices()
    return nvim.notices()
  end
  local function header(i)
    for _, line in ipairs(view()) do
      if line:find('^── ' .. i .. ' ') then
        return line
      end
    end
  end
  local function on_hunk()
    return tonumber(nvim.api.nvim_get_current_line():match('^── (%d+)'))
  end
  local function to_code()
    nvim.lua('vim.api.nvim_set_current_win(vim.fn.win_findbuf(code)[1])')
  end
  local function to_view()
    nvim.lua('vim.api.nvim_set_current_win(vim.fn.win_findbuf(view)[1])')
  end

  -- Pages through it.
  local function read_on(count)
    for _ = 1, count do
      nvim.type_keys('<C-f>')
      nvim.cmd('redraw')
    end
  end

  local ten = { '1', '2', '3', '4', '5', '6', '7', '8', '9', '10' }
  local three_changes = { 'one', '2', '3', '4', '5', 'five and a half', '6', '7', '8', '9' }

  local function three()
    set(ten)
    open(1, 10)
    propose(three_changes)
  end

  it('shows what goes, what comes, and a few lines around it', function()
    three()
    local lines = view()
    assert.are.equal('a proposal', lines[1])
    local text = table.concat(lines, '\n')
    assert.is_truthy(text:find('\n%-1\n%+one\n 2\n 3\n 4\n'))
    assert.is_truthy(text:find('\n 5\n%+five and a half\n 6\n 7\n 8\n'))
    assert.is_truthy(text:find('\n%-10\n'))
    assert.is_truthy(header(1):find('1 of 3 · line 1 · undecided', 1, true))
    assert.is_truthy(header(2):find('2 of 3 · below line 5 · undecided', 1, true))
    assert.is_truthy(header(3):find('3 of 3 · line 10 · undecided', 1, true))
    assert.is_truthy(nvim.screen_text():find('a proposal · 3 hunks', 1, true))
  end)

  it('colours lines that go and come, and what differs in them', function()
    set({ 'return list[n]' })
    open(1, 1)
    propose({ 'return list[last]' })
    local marks = nvim.lua([[
      local found = {}
      local ns = vim.api.nvim_create_namespace('venice_review')
      for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(view, ns, 0, -1, { details = true })) do
        if (mark[4].hl_group or ''):find('ed') then
          local row, col, d = mark[2], mark[3], mark[4]
          local line = vim.api.nvim_buf_get_lines(view, row, row + 1, false)[1]
          found[d.hl_group] = d.end_row == row and line:sub(col + 1, d.end_col) or line
        end
      end
      return found
    ]])
    assert.are.equal('-return list[n]', marks.VeniceRemoved)
    assert.are.equal('+return list[last]', marks.VeniceAdded)
    assert.are.equal('n', marks.VeniceRemovedText)
    assert.are.equal('last', marks.VeniceAddedText)
  end)

  it('keeps its text from the disk and from other plugins', function()
    nvim.lua([[
      vim.o.swapfile, vim.o.undofile, vim.o.modeline = true, true, true
      vim.cmd('autocmd FileType * setlocal undofile swapfile modeline')
      local set_lines = vim.api.nvim_buf_set_lines
      vim.api.nvim_buf_set_lines = function(buf, ...)
        if vim.api.nvim_buf_get_name(buf):find('venice://diff/') and not _G.at_first_byte then
          local o = vim.bo[buf]
          _G.at_first_byte = { o.buftype, o.bufhidden, o.swapfile, o.undofile, o.modeline }
        end
        return set_lines(buf, ...)
      end
    ]])
    three()
    local expected = { 'nofile', 'wipe', false, false, false }
    assert.are.same(expected, nvim.lua('return at_first_byte'))
    assert.are.same(
      { 'venice-diff', 'nofile', false, false, false, false, false },
      nvim.lua([[
        local o = vim.bo[view]
        return { o.filetype, o.buftype, o.swapfile, o.undofile, o.modeline, o.modifiable,
          vim.b[view].copilot_enabled }
      ]])
    )
    nvim.type_keys('A')
    assert.are.equal(0, nvim.lua('return vim.fn.bufexists(view)'))
  end)

  it('changes nothing before the last hunk is decided, then what was accepted', function()
    three()
    nvim.type_keys('a')
    assert.is_truthy(header(1):find('✓ accepted', 1, true))
    assert.are.equal(2, on_hunk())
    assert.are.same(ten, code())
    nvim.type_keys('r')
    assert.is_truthy(header(2):find('✗ refused', 1, true))
    assert.are.equal(3, on_hunk())
    assert.are.same(ten, code())
    assert.is_truthy(nvim.screen_text():find('3 hunks · 1 accepted · 1 refused', 1, true))
    nvim.type_keys('a')
    assert.are.same({ 'one', '2', '3', '4', '5', '6', '7', '8', '9' }, code())
    assert.are.same({ { outcome = 'applied', accepted = 2, refused = 1, total = 3 } }, results())
    assert.are.equal(nvim.lua('return code'), nvim.api.nvim_get_current_buf())
    assert.is_truthy(
      notices():find('2 of 3 hunks applied to [No Name]; u takes them back', 1, true)
    )
  end)

  it('is one step of the undo tree, apart from what the user did before and after', function()
    set({ 'a', 'b', 'c' })
    nvim.type_keys('Atyped<Esc>')
    open(1, 3)
    propose({ 'atyped!', 'b', 'c', 'd', 'e' })
    nvim.type_keys('A')
    assert.are.same({ 'atyped!', 'b', 'c', 'd', 'e' }, code())
    nvim.type_keys('Gomore<Esc>')
    nvim.type_keys('u')
    assert.are.same({ 'atyped!', 'b', 'c', 'd', 'e' }, code())
    nvim.type_keys('u')
    assert.are.same({ 'atyped', 'b', 'c' }, code())
    nvim.type_keys('u')
    assert.are.same({ 'a', 'b', 'c' }, code())
    nvim.type_keys('<C-r><C-r>')
    assert.are.same({ 'atyped!', 'b', 'c', 'd', 'e' }, code())
  end)

  it('refuses everything with one key, and leaves no trace in the undo tree', function()
    three()
    local tick = nvim.lua('return vim.api.nvim_buf_get_changedtick(code)')
    nvim.type_keys('R')
    assert.are.same(ten, code())
    assert.are.equal(tick, nvim.lua('return vim.api.nvim_buf_get_changedtick(code)'))
    assert.are.same({ { outcome = 'refused', accepted = 0, refused = 3, total = 3 } }, results())
  end)

  it('accepts what is left with one key, and not what was refused', function()
    three()
    nvim.type_keys('rA')
    assert.are.same({ '1', '2', '3', '4', '5', 'five and a half', '6', '7', '8', '9' }, code())
    assert.are.same({ { outcome = 'applied', accepted = 2, refused = 1, total = 3 } }, results())
  end)

  it('takes another decision for the first one', function()
    three()
    nvim.type_keys('a', '[c', 'r')
    assert.is_truthy(header(1):find('✗ refused', 1, true))
    nvim.type_keys('rr')
    assert.are.same(ten, code())
  end)

  it('applies what was accepted when it is closed by q, and refuses the rest', function()
    three()
    nvim.type_keys(']ca', 'q')
    assert.are.same(
      { '1', '2', '3', '4', '5', 'five and a half', '6', '7', '8', '9', '10' },
      code()
    )
    assert.are.same({ { outcome = 'applied', accepted = 1, refused = 2, total = 3 } }, results())
  end)

  it('changes nothing where its window is closed in another way', function()
    three()
    nvim.type_keys('a')
    nvim.cmd('close')
    nvim.wait_for('#results == 1')
    assert.are.same(ten, code())
    assert.are.equal('closed', results()[1].outcome)
    assert.are.equal(0, results()[1].accepted)
    assert.is_truthy(notices():find('nothing was changed', 1, true))
  end)

  it('goes from hunk to hunk', function()
    three()
    assert.are.equal(1, on_hunk())
    nvim.type_keys(']c]c')
    assert.are.equal(3, on_hunk())
    nvim.type_keys(']c')
    assert.are.equal(3, on_hunk())
    assert.is_truthy(notices():find('there is no hunk below', 1, true))
    nvim.type_keys('[c')
    assert.are.equal(2, on_hunk())
    nvim.type_keys('jj')
    nvim.type_keys('a')
    assert.is_truthy(header(2):find('accepted', 1, true))
  end)

  it('lists its keys', function()
    three()
    nvim.type_keys('?')
    assert.is_true(shows('accept all that are left'))
    nvim.type_keys('?')
    assert.is_false(shows('accept all that are left'))
    assert.is_truthy(nvim.screen_text():find('a accept', 1, true))
  end)

  it('says that nothing changes', function()
    set(ten)
    open(1, 10)
    propose(ten)
    assert.is_true(shows('nothing would change'))
    nvim.type_keys('A')
    assert.is_truthy(notices():find('nothing would change', 1, true))
    nvim.type_keys('q')
    assert.are.same({ { outcome = 'closed', accepted = 0, refused = 0, total = 0 } }, results())
  end)

  -- The text on its way ---------------------------------------------------------------------------

  it('shows a text on its way, and deletes nothing that it has not reached', function()
    set(ten)
    open(1, 10)
    propose({ 'one', '2', '3', 'thr' }, false)
    wait_shown('^%+thr')
    assert.is_true(shows('^%+one'))
    assert.is_false(shows('^%-[2-9]'))
    assert.is_true(shows('7 lines to go'))
    assert.is_nil(header(1):find('undecided', 1, true))
  end)

  it('does not show the beginning of a line that stays as another line', function()
    set({ 'local one = 1', 'local two = 2' })
    open(1, 2)
    propose({ 'local uno = 1', 'local t' }, false)
    wait_shown('^%+local uno')
    assert.is_false(shows('^%+local t$'))
  end)

  it('accepts nothing before the text is complete', function()
    set(ten)
    open(1, 10)
    propose({ 'one', '2' }, false)
    wait_shown('^%+one')
    nvim.type_keys('a', 'A')
    assert.are.same(ten, code())
    assert.is_truthy(notices():find('not complete yet', 1, true))
    nvim.type_keys('q')
    assert.are.same({ { outcome = 'closed', accepted = 0, refused = 0, total = 1 } }, results())
  end)

  it('draws a burst of two thousand parts a few times', function()
    nvim.lua([[
      local lines = {}
      for i = 1, 2000 do lines[i] = 'line ' .. i end
      vim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
      open(1, 2000)
      _G.asked = 0
      local sent = {}
      for i = 1, 2000 do
        sent[i] = 'line ' .. i .. (i % 10 == 0 and '!' or '')
        review:set_text(function() asked = asked + 1 return vim.list_slice(sent, 1, #sent) end)
        if i % 100 == 0 then vim.wait(5) end
      end
      review:set_text(sent, true)
    ]])
    assert.is_true(nvim.lua('return asked') <= 20)
    assert.is_truthy(header(200))
    read_on(160)
    nvim.type_keys('A')
    assert.are.equal('line 2000!', code()[2000])
    assert.are.equal('line 1999', code()[1999])
  end)

  it('says what is going on behind its title', function()
    set(ten)
    open(1, 10)
    nvim.lua([[review:progress('waiting 2.1 s')]])
    assert.is_truthy(nvim.screen_text():find('a proposal · waiting 2.1 s', 1, true))
  end)

  it('says why nothing can be accepted after a failure', function()
    set(ten)
    open(1, 10)
    propose({ 'one' }, false)
    nvim.lua([[review:fail({ code = 'server', message = 'it broke', hint = 'mend it' })]])
    assert.is_true(shows('nothing was changed: it broke'))
    assert.is_true(shows('hint: mend it'))
    nvim.type_keys('a', 'A')
    propose(three_changes)
    nvim.type_keys('A')
    assert.are.same(ten, code())
    nvim.type_keys('q')
    assert.are.equal('closed', results()[1].outcome)
  end)

  it('stops what is on its way', function()
    set(ten)
    nvim.lua([[
      open(1, 10, { on_stop = function() _G.stopped = (stopped or 0) + 1 end })
    ]])
    -- Neovim 0.7 takes <C-c> for an interrupt, mapped or not, while it draws.
    nvim.screen()
    nvim.type_keys('<C-c>')
    assert.are.equal(1, nvim.lua('return stopped'))
    propose(three_changes)
    nvim.screen()
    nvim.type_keys('<C-c>')
    assert.are.equal(1, nvim.lua('return stopped'))
    assert.is_truthy(notices():find('there is nothing to stop', 1, true))
  end)

  it('begins anew with the range as it is then', function()
    set(ten)
    nvim.lua([[open(2, 3, { on_retry = function() _G.again = { review:range() } end })]])
    propose({ 'two', '3' })
    nvim.lua([[vim.api.nvim_buf_set_lines(code, 0, 0, false, { 'above', 'more' })]])
    nvim.lua([[vim.api.nvim_buf_set_lines(code, 3, 4, false, { 'changed', 'and more' })]])
    nvim.type_keys('gr')
    assert.are.same({ 4, 6 }, nvim.lua('return again'))
    assert.are.same({ 'changed', 'and more', '3' }, nvim.lua('return review:lines()'))
    propose({ 'changed', 'and more', 'three' })
    nvim.type_keys('a')
    assert.are.same(
      { 'above', 'more', '1', 'changed', 'and more', 'three', '4' },
      vim.list_slice(code(), 1, 7)
    )
  end)

  it('cannot be asked again where nobody would', function()
    three()
    nvim.type_keys('gr')
    assert.is_truthy(notices():find('cannot be asked again', 1, true))
    assert.is_truthy(header(3))
  end)

  it('shows its text later where a text lock forbids it now', function()
    set(ten)
    open(1, 10)
    nvim.lua(
      [[
      local lines = ...
      vim.keymap.set('n', '<F2>', function()
        propose(lines)
        _G.locked = vim.api.nvim_buf_get_lines(view, 0, -1, false)
        return ''
      end, { expr = true })
    ]],
      three_changes
    )
    nvim.type_keys('<F2>')
    wait_shown('3 of 3')
    for _, line in ipairs(nvim.lua('return locked')) do
      assert.is_nil(line:find('of 3', 1, true))
    end
    nvim.type_keys('A')
    assert.are.same(three_changes, code())
  end)

  -- Edits meanwhile -------------------------------------------------------------------------------

  it('follows edits above, below and inside its range while text comes', function()
    set(vim.list_extend({ 'head' }, vim.list_extend(vim.deepcopy(ten), { 'tail' })))
    open(2, 11)
    propose({ 'one', '2' }, false)
    to_code()
    nvim.type_keys('ggOabove<Esc>', 'Gobelow<Esc>')
    nvim.cmd('5,6delete _') -- 3 and 4
    nvim.cmd("/^7$/put =['inside']")
    propose(three_changes)
    to_view()
    nvim.type_keys('A')
    assert.are.same({
      'above',
      'head',
      'one',
      '2',
      '5',
      'five and a half',
      '6',
      '7',
      'inside',
      '8',
      '9',
      'tail',
      'below',
    }, code())
  end)

  it('follows edits after the text is complete, and shows where the hunks are', function()
    three()
    to_code()
    nvim.type_keys('ggOabove<Esc>')
    nvim.wait_for(function()
      return header(1):find('line 2', 1, true)
    end)
    to_view()
    nvim.type_keys('A')
    assert.are.same(vim.list_extend({ 'above' }, three_changes), code())
  end)

  it('accepts no hunk whose lines were changed meanwhile', function()
    three()
    to_code()
    nvim.type_keys('Gcchanged<Esc>')
    wait_shown('3 of 3 .* changed meanwhile')
    to_view()
    nvim.type_keys('G', 'a')
    assert.is_truthy(notices():find('this text was changed meanwhile', 1, true))
    nvim.type_keys('A')
    assert.is_truthy(notices():find('one hunk was changed meanwhile', 1, true))
    assert.are.same({}, results())
    nvim.type_keys('r')
    assert.are.same(
      { 'one', '2', '3', '4', '5', 'five and a half', '6', '7', '8', '9', 'hanged' },
      code()
    )
    assert.are.same({ { outcome = 'applied', accepted = 2, refused = 1, total = 3 } }, results())
  end)

  it('takes a decision back where the lines are changed after it', function()
    three()
    nvim.type_keys('a')
    to_code()
    nvim.type_keys('ggAx<Esc>')
    wait_shown('1 of 3 .* changed meanwhile')
    nvim.type_keys('u')
    wait_shown('1 of 3 .* undecided')
    to_view()
    nvim.type_keys('A')
    assert.are.same(three_changes, code())
  end)

  it('looks again before it changes anything', function()
    three()
    nvim.type_keys('aa')
    -- From a script: no event tells of it.
    nvim.lua([[vim.api.nvim_buf_set_lines(code, 0, 1, false, { 'sly' })]])
    nvim.type_keys('a')
    assert.are.equal('sly', code()[1])
    assert.are.equal('10', code()[10])
    assert.are.same({}, results())
    assert.is_truthy(header(1):find('changed meanwhile', 1, true))
  end)

  it('puts nothing where the user has put something else', function()
    set({ 'a', 'b' })
    open(1, 2)
    propose({ 'a', 'new', 'b' })
    to_code()
    nvim.type_keys('ggomine<Esc>')
    wait_shown('changed meanwhile')
    to_view()
    nvim.type_keys('q')
    assert.are.same({ 'a', 'mine', 'b' }, code())
  end)

  it('puts lines in beside the one neighbour that is left', function()
    set({ 'a', 'b' })
    open(1, 2)
    propose({ 'a', 'new', 'b' })
    to_code()
    nvim.type_keys('ggAx<Esc>')
    to_view()
    nvim.type_keys('a')
    assert.are.same({ 'ax', 'new', 'b' }, code())
  end)

  it('finds its lines again where they were written anew', function()
    three()
    nvim.lua([[
      local lines = vim.api.nvim_buf_get_lines(code, 0, -1, false)
      table.insert(lines, 1, 'header of a formatter')
      vim.api.nvim_buf_set_lines(code, 0, -1, false, lines)
    ]])
    nvim.type_keys('A')
    assert.are.same(vim.list_extend({ 'header of a formatter' }, three_changes), code())
  end)

  it('finds its lines again after :edit', function()
    local path = child.tempdir() .. '/file'
    child.write(path, table.concat(ten, '\n') .. '\n')
    nvim.cmd('edit ' .. path)
    open(1, 10)
    propose(three_changes)
    to_code()
    child.write(path, 'above\n' .. table.concat(ten, '\n') .. '\n')
    nvim.cmd('edit')
    to_view()
    nvim.type_keys('A')
    assert.are.same(vim.list_extend({ 'above' }, three_changes), code())
  end)

  it('is not led astray by lines that are all the same', function()
    set({ '', '', '', '' })
    open(2, 3)
    propose({ 'x', 'y' })
    to_code()
    nvim.type_keys('ggdd')
    to_view()
    nvim.type_keys('a')
    assert.are.same({ 'x', 'y', '' }, code())
  end)

  -- Buffers ---------------------------------------------------------------------------------------

  it('says that the buffer has gone', function()
    three()
    nvim.cmd('bwipeout! ' .. nvim.lua('return code'))
    wait_shown('the buffer has gone')
    nvim.type_keys('a', 'A')
    nvim.wait_for(function()
      return notices():find('the buffer has gone', 1, true)
    end)
    nvim.type_keys('q')
    assert.are.equal('refused', results()[1].outcome)
    assert.are.equal(1, #results())
  end)

  it('survives that the buffer goes while text comes', function()
    set(ten)
    open(1, 10)
    nvim.cmd('bwipeout! ' .. nvim.lua('return code'))
    propose({ 'one' }, false)
    nvim.sleep(150)
    propose(three_changes)
    nvim.type_keys('A', 'q')
    assert.are.equal(1, #results())
    assert.are.equal('', nvim.messages():match('E%d+:.*') or '')
  end)

  for option, words in pairs({ nomodifiable = 'not modifiable', readonly = 'read%-only' }) do
    it('says that a buffer is ' .. option .. ', and can go on when it is not any more', function()
      three()
      local function set_option(name)
        nvim.lua(
          [[local command = 'setlocal ' .. ...
          vim.api.nvim_buf_call(code, function() vim.cmd(command) end)]],
          name
        )
      end
      set_option(option)
      nvim.type_keys('A')
      nvim.wait_for(function()
        return notices():find(words)
      end)
      assert.are.same(ten, code())
      assert.are.same({}, results())
      local off = option == 'readonly' and 'noreadonly' or 'modifiable'
      set_option(off)
      nvim.type_keys('A')
      assert.are.same(three_changes, code())
    end)
  end

  it('leaves marks, folds and cursors of all windows where their text is', function()
    set(ten)
    nvim.cmd('setlocal foldmethod=manual')
    nvim.cmd('7,8fold')
    nvim.cmd('1mark a')
    nvim.cmd('8mark b')
    nvim.type_keys('7G')
    nvim.cmd('split')
    nvim.type_keys('10G')
    open(1, 10)
    propose({ 'one', 'and', 'a half', '2', '3', '4', '5', '6', '7', '8 changed', '9', '10' })
    nvim.type_keys('A')
    local seen = nvim.lua([[
      local rows = {}
      for _, win in ipairs(vim.fn.win_findbuf(code)) do
        rows[#rows + 1] = vim.api.nvim_win_get_cursor(win)[1]
      end
      table.sort(rows)
      local closed
      for _, win in ipairs(vim.fn.win_findbuf(code)) do
        vim.api.nvim_win_call(win, function()
          closed = closed or vim.fn.foldclosed(9) == 9 and vim.fn.foldclosedend(9)
        end)
      end
      return { rows, closed, vim.api.nvim_buf_get_mark(code, 'a')[1],
        vim.api.nvim_buf_get_mark(code, 'b')[1] }
    ]])
    assert.are.same({ { 9, 12 }, 10, 1, 10 }, seen)
  end)

  it('keeps NULs, carriage returns and a missing end of the last line', function()
    local path = child.tempdir() .. '/file'
    child.write(path, 'a\0b\nsame\nc\r\nlast')
    nvim.cmd('edit ++ff=unix ' .. path)
    nvim.cmd('setlocal nofixendofline')
    open(1, 4)
    nvim.lua([[propose({ 'a\0B', 'same', 'c!\r', 'last', 'x\0' })]])
    nvim.type_keys('A')
    nvim.cmd('write')
    assert.are.equal('a\0B\nsame\nc!\r\nlast\nx\0', child.read(path))
  end)

  it('fills an empty buffer, and empties a full one', function()
    open(1, 1)
    propose({ 'a', 'b' })
    nvim.type_keys('A')
    assert.are.same({ 'a', 'b' }, code())
    open(1, 2)
    propose({})
    nvim.type_keys('A')
    assert.are.same({ '' }, code())
  end)

  it('puts lines in where no line is replaced: at the top, between, at the end', function()
    set({ 'a', 'b' })
    for _, first in ipairs({ 1, 3, 5 }) do
      open(first, first - 1)
      propose({ 'new' })
      nvim.type_keys('a')
    end
    assert.are.same({ 'new', 'a', 'new', 'b', 'new' }, code())
  end)

  it('takes a range that is out of bounds for what there is', function()
    set({ 'a' })
    open(0, 99)
    propose({ 'b' })
    nvim.type_keys('a')
    assert.are.same({ 'b' }, code())
  end)

  it('changes a buffer that no window shows', function()
    set(ten)
    nvim.lua([[
      _G.code = vim.api.nvim_get_current_buf()
      vim.cmd('enew')
      open(1, 10, { buf = code })
      _G.code = review.opts.buf
    ]])
    propose(three_changes)
    nvim.type_keys('A')
    assert.are.same(three_changes, code())
    -- Where it is, for u is about what the cursor is in.
    local buf = nvim.lua('return code')
    local words = 'applied to [No Name], not written; :sbuffer ' .. buf .. ' shows it'
    assert.is_truthy(notices():find(words, 1, true))
    nvim.cmd('sbuffer ' .. buf)
    nvim.type_keys('u')
    assert.are.same(ten, code())
    -- In sight, but not where the cursor is.
    nvim.lua([[
      vim.cmd('wincmd p')
      open(1, 10, { buf = code, stay = true })
      _G.code = review.opts.buf
    ]])
    propose(three_changes)
    nvim.lua('vim.api.nvim_set_current_win(vim.fn.win_findbuf(review.view.buf)[1])')
    nvim.type_keys('A')
    assert.is_truthy(notices():find('not written; u there takes them back', 1, true))
  end)

  it('lets two reviews of one buffer stand side by side', function()
    set(ten)
    open(1, 2)
    propose({ 'one', 'and', '2' })
    to_code()
    nvim.lua([[_G.before, _G.old_view = review, view]])
    nvim.lua([[open(9, 10)]])
    propose({ '9', 'ten' })
    nvim.lua([[vim.api.nvim_set_current_win(vim.fn.win_findbuf(old_view)[1])]])
    nvim.type_keys('a')
    to_view()
    nvim.type_keys('a')
    assert.are.same({ 'one', 'and', '2', '3', '4', '5', '6', '7', '8', '9', 'ten' }, code())
    assert.are.equal(2, #results())
  end)

  it('warns of characters that hide in a text', function()
    set({ 'a' })
    open(1, 1)
    propose({ 'a\226\128\174b' })
    assert.is_true(shows('characters that are not seen'))
  end)

  -- Windows ---------------------------------------------------------------------------------------

  it('leaves the cursor where it is if it should', function()
    set(ten)
    nvim.lua([[open(1, 10, { stay = true })]])
    assert.are.equal(nvim.lua('return code'), nvim.api.nvim_get_current_buf())
    propose(three_changes)
    to_view()
    assert.are.equal(1, on_hunk())
  end)

  it('finds room on a screen that has none', function()
    nvim.stop()
    start({ lines = 6 })
    nvim.cmd('split')
    three()
    read_on(30)
    nvim.type_keys('A')
    assert.are.same(three_changes, code())
    assert.are.equal(1, nvim.eval("tabpagenr('$')"))
  end)

  it('opens beside a float, not in it', function()
    set(ten)
    nvim.lua([[
      _G.code = vim.api.nvim_get_current_buf()
      local buf = vim.api.nvim_create_buf(false, true)
      local win = vim.api.nvim_open_win(buf, true,
        { relative = 'editor', width = 20, height = 5, row = 1, col = 1 })
      open(1, 10, { buf = code })
      _G.code, _G.float = review.opts.buf, win
    ]])
    propose(three_changes)
    local config = nvim.lua('return vim.api.nvim_win_get_config(0).relative')
    assert.are.equal('', config)
    nvim.type_keys('A')
    assert.are.same(three_changes, code())
    assert.are.equal(nvim.lua('return float'), nvim.api.nvim_get_current_win())
  end)

  it('keeps a section closed, and open where it was opened', function()
    set(ten)
    open(1, 10)
    nvim.lua([[
      local lines = { 'first', 'second' }
      for i = 3, 90 do lines[i] = 'line ' .. i end
      review:section('sent: 90 lines', lines)
    ]])
    wait_shown('sent: 90 lines')
    assert.is_truthy(nvim.screen_text():find('a proposal', 1, true))
    assert.is_truthy(nvim.screen_text():find('▸ sent: 90 lines', 1, true))
    assert.is_nil(nvim.screen_text():find('second', 1, true))
    nvim.type_keys('ggjj<CR>')
    assert.is_truthy(nvim.screen_text():find('second', 1, true))
    propose(three_changes)
    assert.is_truthy(nvim.screen_text():find('second', 1, true))
  end)

  it('touches no register', function()
    nvim.cmd([[let @" = 'mine']])
    local before = nvim.lua([[
      local all = {}
      for name in ('"0123456789-abz'):gmatch('.') do all[name] = vim.fn.getreg(name) end
      return all
    ]])
    three()
    nvim.type_keys('A')
    local after = nvim.lua([[
      local all = {}
      for name in ('"0123456789-abz'):gmatch('.') do all[name] = vim.fn.getreg(name) end
      return all
    ]])
    assert.are.same(before, after)
  end)
end)
