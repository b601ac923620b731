-- The code of an answer: found among the words around it, and fitted to what it replaces.

local fence = require('venice.edit.fence')

local function answer(...)
  return table.concat({ ... }, '\n')
end

local function code(...)
  return fence.code(answer(...)).lines
end

describe('the code of an answer', function()
  it('is its first block, without what is said around it', function()
    local found = fence.code(
      answer('Here is it:', '', '```lua', 'a', '', '  b', '```', '', 'Bye.', '```', 'other', '```')
    )
    assert.are.same({ 'a', '', '  b' }, found.lines)
    assert.is_true(found.fenced and found.closed)
    assert.are.same({ 'Here is it:' }, found.before)
    assert.are.same('Bye.', found.after[1])
  end)

  it('is all of it where there is no block', function()
    local found = fence.code(answer('', '  a', 'b', '', ''))
    assert.are.same({ '  a', 'b' }, found.lines)
    assert.is_false(found.fenced)
  end)

  it('may be empty, which is not the same as no block', function()
    assert.are.same({}, code('```', '```'))
    assert.are.same({}, code('```lua'))
    assert.are.same({ '' }, code('```', '', '```'))
  end)

  it('stands in fences of any length, of backticks or tildes', function()
    assert.are.same({ '```', 'a', '```' }, code('````md', '```', 'a', '```', '````'))
    assert.are.same({ 'a', '```' }, code('~~~', 'a', '```', '~~~'))
    assert.are.same({ '~~~', 'a' }, code('~~~~~ lua', '~~~', 'a', '~~~~~~'))
  end)

  it('ends with the answer where its block does not', function()
    local found = fence.code(answer('```lua', 'a', 'b', ''))
    assert.are.same({ 'a', 'b' }, found.lines)
    assert.is_false(found.closed)
  end)

  it('keeps blocks inside a Markdown text that came in a fence as short as theirs', function()
    local text = { '# T', '```lua', 'x', '```', 'and', '```sh', 'y', '```', 'end' }
    local found =
      fence.code(answer('```markdown', unpack(vim.list_extend({}, text))) .. '\n```\nBye')
    assert.are.same(text, found.lines)
    assert.are.same({ 'Bye' }, found.after)
  end)

  it('does not run on where a line in it only looks like the beginning of a block', function()
    local found = fence.code(answer('```lua', 'local s = [[', '```lua', ']]', '```', 'Bye'))
    assert.are.same({ 'local s = [[', '```lua', ']]' }, found.lines)
    assert.are.same({ 'Bye' }, found.after)
  end)

  it('is told from a second block behind it', function()
    assert.are.same({ 'a' }, code('```lua', 'a', '```', '', '```lua', 'b', '```'))
  end)

  it('loses the indentation of a fence in a list', function()
    assert.are.same({ 'a', '  b' }, code('1. so:', '   ```', '   a', '     b', '   ```'))
  end)
end)

describe('code that is fitted', function()
  local function fit(lines, original)
    return fence.fit(lines, original)
  end

  it('stays as it is where its indentation is that of the range', function()
    local lines, was_indented = fit({ '  a', '', '    c' }, { '  a', '', '  b' })
    assert.are.same({ '  a', '', '    c' }, lines)
    assert.is_false(was_indented)
  end)

  it('gets the indentation back that all its lines lost', function()
    local lines, was_indented = fit(
      { 'if x then', '  y()', '', 'end' },
      { '    if x then', '      z()', '', '    end' }
    )
    assert.are.same({ '    if x then', '      y()', '', '    end' }, lines)
    assert.is_true(was_indented)
    assert.are.same({ '\tnew()' }, (fit({ 'new()' }, { '\told()' })))
  end)

  it('gets the indentation back that its first line alone lost', function()
    assert.are.same(
      { '  a(', '    b)', '  c' },
      (fit({ 'a(', '    b)', '  c' }, { '  a(', '    b)', '  x' }))
    )
  end)

  it('may leave the indentation for good where only some lines do', function()
    local original = { '  a()', '  b()', '  c()' }
    local lines = { '#ifdef X', '  a()', '  b()', '#endif', '  c()' }
    assert.are.same(lines, (fit(lines, original)))
  end)

  it('is not touched where the range had no indentation', function()
    assert.are.same({ 'a', '  b' }, (fit({ 'a', '  b' }, { 'x', '  y' })))
    assert.are.same({ 'a' }, (fit({ 'a' }, { '' })))
  end)

  it('keeps the blank lines at the edges of the range', function()
    assert.are.same({ '', 'b', '', '' }, (fit({ 'b' }, { '', 'a', '', '' })))
    assert.are.same({ '', 'b', '' }, (fit({ '', 'b', '' }, { '', 'a', '' })))
    assert.are.same({ 'b' }, (fit({ 'b' }, { '', '' })))
  end)

  it('has the line ends of the range', function()
    assert.are.same({ 'b', 'c' }, (fit({ 'b\r', 'c\r' }, { 'a' })))
    assert.are.same({ 'b\r' }, (fit({ 'b\r' }, { 'a\r' })))
    -- A model leaves carriage returns out; so a file with mixed line ends would lose them.
    assert.are.same({ 'b\r', '\r', 'c\r' }, (fit({ 'b', '', 'c' }, { 'a\r', 'c\r' })))
    assert.are.same({ 'a\r', 'B', 'c\r' }, (fit({ 'a', 'B', 'c' }, { 'a\r', 'b', 'b', 'c\r' })))
    assert.are.same({ 'x\r', 'b' }, (fit({ 'x', 'b' }, { 'a\r', 'b', 'c\r' })))
  end)

  it('may be nothing', function()
    assert.are.same({}, (fit({}, { '  a', '' })))
  end)
end)
