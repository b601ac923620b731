-- Hunks: what turns one text into another, whatever its bytes, and what is known of it half-way.

local hunks = require('venice.edit.hunks')

-- The hunks made from below, as a buffer gets them.
local function apply(old, list)
  local lines = vim.list_extend({}, old)
  for i = #list, 1, -1 do
    local hunk = list[i]
    for _ = 1, hunk.old_count do
      table.remove(lines, hunk.old_first)
    end
    for k = #hunk.new_lines, 1, -1 do
      table.insert(lines, hunk.old_first, hunk.new_lines[k])
    end
  end
  return lines
end

local function pairs_of(list)
  return vim.tbl_map(function(hunk)
    return { hunk.old_first, hunk.old_count, hunk.new_lines }
  end, list)
end

describe('hunks', function()
  it('are none where nothing differs', function()
    assert.are.same({}, hunks.between({}, {}))
    assert.are.same({}, hunks.between({ 'a', '' }, { 'a', '' }))
  end)

  it('say which lines go and what comes in their place', function()
    local list = hunks.between({ 'a', 'b', 'c', 'd' }, { 'a', 'B', 'B2', 'c' })
    assert.are.same({ { 2, 1, { 'B', 'B2' } }, { 4, 1, {} } }, pairs_of(list))
  end)

  it('stand before the line that follows them where nothing goes', function()
    assert.are.same({ { 1, 0, { 'x' } } }, pairs_of(hunks.between({ 'a' }, { 'x', 'a' })))
    assert.are.same({ { 2, 0, { 'x' } } }, pairs_of(hunks.between({ 'a' }, { 'a', 'x' })))
    assert.are.same({ { 1, 0, { 'x' } } }, pairs_of(hunks.between({}, { 'x' })))
    assert.are.same({ { 1, 2, {} } }, pairs_of(hunks.between({ 'a', 'b' }, {})))
  end)

  it('tell an empty line from none', function()
    assert.are.same({ { 1, 0, { '' } } }, pairs_of(hunks.between({}, { '' })))
    assert.are.same({ { 2, 1, {} } }, pairs_of(hunks.between({ 'a', '' }, { 'a' })))
  end)

  it('see carriage returns, NULs and bytes that are no text', function()
    assert.are.same({ { 1, 1, { 'a' } } }, pairs_of(hunks.between({ 'a\r' }, { 'a' })))
    assert.are.same(
      { { 2, 1, { 'a\0c' } } },
      pairs_of(hunks.between({ 'x', 'a\0b' }, { 'x', 'a\0c' }))
    )
    assert.are.same({ { 1, 1, { '\255' } } }, pairs_of(hunks.between({ '\254' }, { '\255' })))
  end)

  it('take a NUL and what Vim has for it for the same', function()
    assert.are.same({}, hunks.between({ 'a\nb' }, { 'a\0b' }))
    assert.are.same({ 'a\0b', 'c' }, hunks.plain({ 'a\nb', 'c' }))
  end)

  it('make the new text of the old one, for any two texts', function()
    math.randomseed(7)
    local words = { '', 'end', 'a', 'b', '  a', 'x\0y', 'é', '\r' }
    local function text()
      local lines = {}
      for i = 1, math.random(0, 12) do
        lines[i] = words[math.random(#words)]
      end
      return lines
    end
    for _ = 1, 500 do
      local old, new = text(), text()
      local list = hunks.between(old, new)
      assert.are.same(new, apply(old, list))
      for i = 2, #list do
        assert.is_true(list[i].old_first > list[i - 1].old_first + list[i - 1].old_count)
      end
    end
  end)
end)

describe('hunks of a text that is on its way', function()
  local old = { 'function a()', '  one()', 'end', '', 'function b()', '  two()', 'end' }

  it('leave alone what the new text has not reached', function()
    local list, reached = hunks.so_far(old, { 'function a()', '  one()' })
    assert.are.same({}, list)
    assert.are.equal(2, reached)
    list, reached = hunks.so_far(old, {})
    assert.are.same({}, list)
    assert.are.equal(0, reached)
  end)

  it('show lines that are put in or changed, and delete none behind them', function()
    local list, reached = hunks.so_far(old, { 'function a()', '  uno()' })
    assert.are.same({ { 2, 0, { '  uno()' } } }, pairs_of(list))
    assert.are.equal(1, reached)
  end)

  it('delete what the new text has passed', function()
    local list, reached = hunks.so_far(old, { 'function b()', '  two()' })
    assert.are.same({ { 1, 4, {} } }, pairs_of(list))
    assert.are.equal(6, reached)
  end)

  it('take an end for the next one, not for the last', function()
    local list, reached = hunks.so_far(old, { 'function a()', '  uno()', 'end' })
    assert.are.same({ { 2, 1, { '  uno()' } } }, pairs_of(list))
    assert.are.equal(3, reached)
  end)

  it('are those of the whole text in the end', function()
    local new = { 'function a()', '  uno()', 'end', '', 'function b()', '  two()', 'end' }
    assert.are.same(pairs_of(hunks.between(old, new)), pairs_of((hunks.so_far(old, new))))
  end)
end)

describe('the part in which two lines differ', function()
  local function parts(old, new)
    local first, old_last, new_last = hunks.inner(old, new)
    return first and { old:sub(first, old_last), new:sub(first, new_last) }
  end

  it('is what is between their beginnings and ends', function()
    assert.are.same({ 'all', 'none' }, parts('  return all(a, b)', '  return none(a, b)'))
    assert.are.same({ '', '~= nil ' }, parts('if list[i] then', 'if list[i] ~= nil then'))
  end)

  it('never cuts a character', function()
    assert.are.same({ 'é', 'è' }, parts('a long café here', 'a long cafè here'))
    assert.are.same({ '语', '诬' }, parts('abcdef语', 'abcdef诬'))
  end)

  it('is not told where the lines have too little in common', function()
    assert.is_nil(parts('local a = 1', 'return frobnicate(x)'))
    assert.is_nil(parts('        abc', '        xyz'))
  end)
end)
