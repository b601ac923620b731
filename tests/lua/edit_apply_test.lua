-- A code block of a chat goes into a file: where to, and as a diff.

local child = require('tests.lua.child')

describe('apply', function()
  local nvim

  before_each(function()
    nvim = child.start({ columns = 120, lines = 40 })
    nvim.install_fake()
    nvim.lua([[require('venice.attention').PAUSE = 0]])
    nvim.lua([[
      vim.cmd('set hidden')
      _G.asked, _G.choice = {}, nil
      vim.ui.select = function(items, opts, done)
        for i, item in ipairs(items) do
          asked[i] = opts.format_item(item)
        end
        done(items[choice or 0], choice)
      end
      require('venice.chat.context.origin')
    ]])
  end)
  after_each(function()
    nvim.stop()
  end)

  local file = {
    'local M = {}',
    '',
    'function M.first(list)',
    '  return list[1]',
    'end',
    '',
    'function M.last(list)',
    '  return list[#list]',
    'end',
    '',
    'return M',
  }

  -- A listed file, shown or not, in a folder that is the working one.
  local function edit(name, lines)
    local dir = nvim.dirs.home
    nvim.cmd('cd ' .. dir)
    nvim.cmd('edit ' .. dir .. '/' .. name)
    nvim.api.nvim_buf_set_lines(0, 0, -1, false, lines)
    return nvim.api.nvim_get_current_buf()
  end
  local function lines_of(buf)
    return nvim.api.nvim_buf_get_lines(buf, 0, -1, false)
  end
  local function apply(lines, hint, choice)
    nvim.lua(
      [[
      local lines, hint, wanted = ...
      hint = hint ~= vim.NIL and hint or nil
      _G.asked, _G.choice = {}, wanted ~= vim.NIL and wanted or nil
      require('venice.edit.apply').block({ lines = lines, filetype = 'lua', path_hint = hint })
    ]],
      lines,
      hint,
      choice
    )
  end
  local function asked()
    return nvim.lua('return asked')
  end
  local function in_view()
    return nvim.api.nvim_buf_get_option(0, 'filetype') == 'venice-diff'
  end
  local function last_notice()
    return nvim.last_notice()
  end

  it('asks where a block goes, and names what makes sense', function()
    edit('x.lua', file)
    nvim.type_keys('2G')
    nvim.cmd('VeniceChat')
    apply({ 'function M.last(list)', '  return list[-1]', 'end' }, 'x.lua:3-5')
    assert.are.same({
      'x.lua:7-9, the part that begins and ends as the block does',
      'x.lua:3-5, the lines that were sent',
      'x.lua, below the cursor (line 2)',
      'x.lua:1-11, the whole file',
    }, asked())
    assert.is_false(in_view())
  end)

  it('puts a block in the place of the part that is like it', function()
    local buf = edit('x.lua', file)
    nvim.cmd('VeniceChat')
    apply({ 'function M.last(list)', '  return list[-1]', 'end' }, nil, 1)
    assert.is_true(in_view())
    nvim.type_keys('a')
    local expected = vim.deepcopy(file)
    expected[8] = '  return list[-1]'
    assert.are.same(expected, lines_of(buf))
    assert.is_truthy(
      last_notice():find('1 of 1 hunk applied to x.lua, not written; u there', 1, true)
    )
  end)

  it('finds that part in another indentation, and keeps that', function()
    local buf = edit('x.lua', { 'do', '  if a then', '    if b then', '    end', '  end', 'end' })
    nvim.cmd('VeniceChat')
    apply({ 'if a then', '  c()', 'end' }, nil, 1)
    assert.are.equal('x.lua:2-5, the part that begins and ends as the block does', asked()[1])
    nvim.type_keys('A')
    assert.are.same({ 'do', '  if a then', '    c()', '  end', 'end' }, lines_of(buf))
  end)

  it('names no such part where there are two, or only one line', function()
    edit('x.lua', { 'if a then', 'end', 'if a then', 'end' })
    nvim.cmd('VeniceChat')
    apply({ 'if a then', '  b()', 'end' })
    assert.are.equal(2, #asked())
    apply({ 'if a then' })
    assert.are.equal(2, #asked())
  end)

  it('puts a block where the lines were sent from, in a file that is not shown', function()
    local first = edit('first.lua', file)
    edit('second.lua', { 'x' })
    nvim.cmd('VeniceChat')
    apply({ 'print(1)' }, 'first.lua:4-4', 1)
    nvim.type_keys('a')
    assert.are.equal('  print(1)', lines_of(first)[4])
    assert.is_truthy(asked()[2]:find('second.lua, below the cursor', 1, true))
  end)

  it('takes no place that is not there', function()
    edit('x.lua', { 'a' })
    nvim.cmd('VeniceChat')
    for _, hint in ipairs({ 'x.lua:1-99', 'x.lua:0-1', 'x.lua:2-1', 'gone.lua:1-1', 'nonsense' }) do
      apply({ 'b' }, hint)
      assert.are.equal(2, #asked(), hint)
    end
  end)

  it('puts a block below the cursor, or in the place of the file', function()
    local buf = edit('x.lua', { 'a', 'b' })
    nvim.type_keys('gg')
    nvim.cmd('VeniceChat')
    apply({ '  new' }, nil, 1)
    nvim.type_keys('a')
    assert.are.same({ 'a', '  new', 'b' }, lines_of(buf))
    apply({ 'all' }, nil, 2)
    nvim.type_keys('A')
    assert.are.same({ 'all' }, lines_of(buf))
  end)

  it('does not ask where there is one place', function()
    local buf = edit('x.lua', { '' })
    nvim.cmd('write')
    nvim.cmd('VeniceChat')
    apply({ 'a', 'b' })
    assert.are.same({}, asked())
    nvim.type_keys('A')
    assert.are.same({ 'a', 'b' }, lines_of(buf))
  end)

  it('says that there is no file, or nothing to put into it', function()
    nvim.cmd('VeniceChat')
    apply({ 'a' })
    assert.is_truthy(last_notice():find('there is no file to put this into', 1, true))
    apply({ '', ' ' })
    assert.is_truthy(last_notice():find('the code block is empty', 1, true))
  end)

  it('says that a file cannot be changed', function()
    edit('x.lua', { 'a' })
    nvim.cmd('setlocal readonly')
    nvim.cmd('VeniceChat')
    apply({ 'b' }, nil, 2)
    nvim.wait_for(function()
      return last_notice():find('read-only', 1, true)
    end)
    assert.is_false(in_view())
  end)

  it('takes a list of lines too', function()
    local buf = edit('x.lua', { 'a' })
    nvim.lua([[_G.choice = 2 require('venice.edit.apply').block({ 'b' }, { filetype = 'lua' })]])
    nvim.type_keys('a')
    assert.are.same({ 'b' }, lines_of(buf))
  end)

  it('works from a chat, by its key', function()
    local buf = edit('x.lua', file)
    nvim.cmd('7,9VeniceChat make it better')
    nvim.lua([[fake.text('So:\n\n```lua\nfunction M.last(list)\n  return list[-1]\nend\n```\n')]])
    nvim.lua('fake.done()')
    nvim.lua('_G.choice = 1')
    nvim.cmd('normal! G')
    nvim.type_keys('gA')
    assert.are.equal('x.lua:7-9, the part that begins and ends as the block does', asked()[1])
    nvim.type_keys('a')
    assert.are.equal('  return list[-1]', lines_of(buf)[8])
    assert.are.equal('venice', nvim.api.nvim_buf_get_option(0, 'filetype'))
  end)
end)
