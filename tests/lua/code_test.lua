-- Code blocks of a chat: where they are, and what the keys do with them.

local child = require('tests.lua.child')
local fences = require('venice.chat.fences')

local function lines(text)
  return vim.split(text, '\n', { plain = true })
end

describe('fenced blocks', function()
  local function codes(text)
    return vim.tbl_map(function(fence)
      return table.concat(fence.lines, '|')
    end, fences.find(lines(text)))
  end

  it('begin and end at their fences', function()
    local found = fences.find(lines('a\n```lua\nlocal x\n\nreturn x\n```\nb\n~~~\ny\n~~~'))
    assert.are.same({ 2, 6, true, 'lua' }, {
      found[1].first,
      found[1].last,
      found[1].closed,
      found[1].info,
    })
    assert.are.same({ 'local x', '', 'return x' }, found[1].lines)
    assert.are.same({ 8, 10, '' }, { found[2].first, found[2].last, found[2].info })
    assert.are.equal(2, #found)
  end)

  it('may hold shorter fences, fences of the other kind, and fences that say a language', function()
    assert.are.same({ '```lua|x|```|y' }, codes('````markdown\n```lua\nx\n```\ny\n````'))
    assert.are.same({ '```|x|```' }, codes('~~~\n```\nx\n```\n~~~'))
    assert.are.same({ '```lua|x' }, codes('```\n```lua\nx\n```'))
  end)

  it('end at a longer fence, but not at one with words behind it or indented by four', function()
    assert.are.same({ 'x' }, codes('```\nx\n`````  '))
    assert.are.same({ 'x|``` y|    ```' }, codes('```\nx\n``` y\n    ```\n   ```\nz'))
  end)

  it('that do not end, end with the text', function()
    local found = fences.find(lines('```sh\nmake\n'))
    assert.are.same({ 1, 3, false }, { found[1].first, found[1].last, found[1].closed })
    assert.are.same({ 'make', '' }, found[1].lines)
    assert.are.same({ {} }, { fences.find({ '```' })[1].lines })
  end)

  it('in lists lose the indent of their fence, and no more', function()
    assert.are.same(
      { 'if x|  y|end' },
      codes('1. do\n\n   ```lua\n   if x\n     y\n   end\n   ```\n2. z')
    )
    assert.are.same({ 'x|y' }, codes('- ```\n  x\n  y\n  ```'))
    assert.are.same({ 'x|y' }, codes('10. ~~~\n    x\n    y\n    ~~~'))
    assert.are.same({ 'x|y| z' }, codes('\t```\n\tx\ny\n  z\n\t```'))
    assert.are.same({ 'x' }, codes('     ```\n   x\n     ```'))
  end)

  it('are not made by backticks within a line', function()
    assert.are.same({}, codes('```x``` is code\n``\ntext ```\n- `a`\n-```'))
  end)

  it('name a filetype, as Vim calls it, or none', function()
    for info, filetype in pairs({
      lua = 'lua',
      ['Python'] = 'python',
      ['js title="x"'] = 'javascript',
      ['{.rust .numberLines}'] = 'rust',
      ['c++'] = 'cpp',
      ['c#'] = 'cs',
      ['rust,ignore'] = 'rust',
      ['python:src/a.py'] = 'python',
      ['objective-c'] = 'objective-c',
      [''] = '',
      ['|!rm'] = '',
      ['x++'] = '',
      [('a'):rep(41)] = '',
    }) do
      assert.are.equal(filetype, fences.filetype(info), info)
    end
  end)
end)

describe('in a chat, code blocks', function()
  local nvim

  local function start(opts)
    nvim = child.start(vim.tbl_extend('force', { columns = 120, lines = 40 }, opts or {}))
    nvim.install_fake()
    nvim.lua([[require('venice.attention').PAUSE = 0]])
    nvim.cmd('VeniceChat')
  end

  local function ask(prompt, answer, reasoning)
    nvim.lua(
      [[
      local prompt, answer, reasoning = ...
      local chat = require('venice.chat').current()
      chat:add(prompt)
      chat:send()
      if reasoning ~= '' then
        fake.text(reasoning, 'reasoning')
      end
      fake.text(answer)
      fake.done(nil, {})
    ]],
      lines(prompt),
      answer,
      reasoning or ''
    )
    nvim.wait_for([[require('venice').status().state == 'idle']])
    nvim.cmd('normal! zR')
  end

  local function line()
    return nvim.fn.getline('.')
  end
  local function go_to(text)
    nvim.fn.cursor(1, 1)
    assert(nvim.fn.search('\\V' .. text, 'cW') > 0, text)
  end
  local function at_cursor()
    return nvim.lua([[
      local row = vim.api.nvim_win_get_cursor(0)[1] - 1
      return require('venice.chat.code').at(vim.api.nvim_get_current_buf(), row)
    ]])
  end
  local function last_note()
    local notes = nvim.notifications()
    return notes[#notes] and notes[#notes].msg or ''
  end

  -- What the other side is called with.
  local function record_apply()
    nvim.lua([[
      package.loaded['venice.edit.apply'] = { block = function(opts) _G.applied = opts end }
    ]])
  end

  before_each(function()
    start()
  end)
  after_each(function()
    nvim.stop()
  end)

  it('are found by the row they are in, fences included', function()
    ask('q', 'before\n```lua\nfirst\nsecond\n```\nafter')
    for _, text in ipairs({ '```lua', 'first', 'second' }) do
      go_to(text)
      assert.are.same({ 'first', 'second' }, at_cursor().lines, text)
    end
    assert.are.equal('lua', at_cursor().filetype)
    go_to('before')
    assert.is_nil(at_cursor())
    go_to('after')
    assert.is_nil(at_cursor())
    local block = nvim.lua([[
      local buf = vim.api.nvim_get_current_buf()
      for row = 0, vim.api.nvim_buf_line_count(buf) do
        local block = require('venice.chat.code').at(buf, row)
        if block then return { row, block.first, block.last } end
      end]])
    assert.are.equal(block[1], block[2])
    assert.are.equal(3, block[3] - block[2])
  end)

  it('end with their turn', function()
    ask('look:\n```\nmine', 'an answer\n```\ncut off')
    ask('next', 'plain\n```\nclosed\n```')
    go_to('mine')
    assert.are.same({ 'mine' }, at_cursor().lines)
    go_to('an answer')
    assert.is_nil(at_cursor())
    go_to('cut off')
    assert.are.same({ 'cut off' }, at_cursor().lines)
    go_to('plain')
    assert.is_nil(at_cursor())
  end)

  it('are walked with ]c and [c, with a count, and no further than there are', function()
    ask('q', 'top\n```\none\n```\n\n```\ntwo\n```\n\n   ```lua\n   three\n   ```\nend')
    go_to('top')
    nvim.type_keys(']c')
    assert.are.equal('one', line())
    nvim.type_keys('2]c')
    assert.are.equal('   three', line())
    assert.are.equal(4, nvim.fn.col('.'))
    nvim.type_keys(']c')
    assert.are.equal('   three', line())
    assert.are.equal('venice: there is no code block below', last_note())
    nvim.type_keys('[c')
    assert.are.equal('two', line())
    nvim.type_keys('9[c')
    assert.are.equal('one', line())
    nvim.type_keys('[c')
    assert.are.equal('venice: there is no code block above', last_note())
    nvim.type_keys('<C-o>')
    assert.are.equal('two', line())
  end)

  it('in reasoning are passed over, but are there for a cursor in them', function()
    ask('q', 'text\n```\nsaid\n```', 'hm\n```\nthought\n```\n')
    nvim.fn.cursor(1, 1)
    nvim.type_keys(']c')
    assert.are.equal('said', line())
    nvim.type_keys('[c')
    assert.are.equal('said', line())
    go_to('thought')
    assert.are.same({ 'thought' }, at_cursor().lines)
  end)

  it('open the fold they are in', function()
    ask('q', 'text\n\n```\ncode\n```\nend')
    nvim.fn.cursor(1, 1)
    nvim.cmd('%fold')
    nvim.type_keys(']c')
    assert.are.equal('code', line())
    assert.are.equal(-1, nvim.fn.foldclosed('.'))
  end)

  it('are yanked where the cursor is, without fences and indent', function()
    ask('q', '1. so\n\n   ```lua\n   if x then\n     y()\n   end\n   ```\n')
    go_to('y()')
    nvim.type_keys('gy')
    assert.are.equal('if x then\n  y()\nend\n', nvim.fn.getreg('"'))
    assert.are.equal('V', nvim.fn.getregtype('"'))
    assert.is_truthy(last_note():find('3 lines yanked', 1, true))
    nvim.cmd('new')
    nvim.type_keys('p')
    assert.are.same({ '', 'if x then', '  y()', 'end' }, nvim.buf_lines())
  end)

  it('are yanked from the prompt below them, the nearest one', function()
    ask('q', '```\none\n```\n```\ntwo\n```\nend')
    nvim.type_keys('G', 'gy')
    assert.are.equal('two\n', nvim.fn.getreg('"'))
  end)

  it('go into the register that was named', function()
    ask('q', '```\none\n```\n')
    nvim.fn.setreg('"', 'before')
    nvim.type_keys('G', '"agy')
    assert.are.equal('one\n', nvim.fn.getreg('a'))
    nvim.type_keys('"Agy')
    assert.are.equal('one\none\n', nvim.fn.getreg('a'))
    nvim.type_keys('"_gy')
    assert.are.equal('one\none\n', nvim.fn.getreg('a'))
    assert.is_truthy(last_note():find('1 line yanked', 1, true))
    nvim.type_keys('":gy')
    assert.are.equal('venice: cannot yank into the register :', last_note())
  end)

  it('go to the clipboard where the user has it so', function()
    nvim.lua([[
      vim.g.clipboard = {
        name = 'test',
        copy = { ['+'] = function(l, t) _G.copied = l end, ['*'] = function() end },
        paste = { ['+'] = function() return { _G.copied or {}, 'V' } end,
          ['*'] = function() return {} end },
      }
      vim.o.clipboard = 'unnamedplus'
    ]])
    ask('q', '```\none\n```\n')
    nvim.type_keys('G', 'gy')
    assert.are.equal('one', nvim.lua('return _G.copied[1]'))
    assert.are.equal('venice: 1 line yanked to the clipboard', last_note())
  end)

  it("say that 'shada' keeps what is yanked, where it does", function()
    nvim.cmd("set shadafile= shada='100,<50")
    ask('q', '```\none\n```\n')
    nvim.type_keys('G', 'gy')
    assert.are.equal(
      "venice: 1 line yanked; 'shada' saves it to disk when Neovim ends",
      last_note()
    )
    nvim.cmd("set shada='100,<0")
    nvim.type_keys('"bgy')
    assert.are.equal('venice: 1 line yanked', last_note())
  end)

  it('that are not there or empty are said to be so', function()
    for _, keys in ipairs({ 'gy', 'gA' }) do
      nvim.type_keys(keys)
      assert.are.equal('venice: there is no code block here or above', last_note())
      nvim.sleep(1100) -- The same words within a second are said once.
    end
    ask('q', 'a\n```\n```\n')
    nvim.fn.setreg('"', 'before')
    nvim.type_keys('G', 'gy')
    assert.are.equal('venice: the code block is empty', last_note())
    assert.are.equal('before', nvim.fn.getreg('"'))
  end)

  it('keep bytes that are not text', function()
    ask('q', '```\na\0b\n```\n')
    go_to('```')
    assert.are.same({ 'a\0b' }, at_cursor().lines)
    nvim.type_keys('gy')
    assert.are.same({ 'a\nb' }, nvim.fn.getreg('"', 1, true))
  end)

  it('are applied to where the selection above them was from', function()
    record_apply()
    ask(
      'change it\n\nlua/a.lua:3-5\n```lua\nold\n```',
      'so:\n```lua\nnew\n```\nor\n```\nother\n```'
    )
    ask('and\n\nlua/b.lua:7-7\n```lua\nold b\n```', 'so:\n```py\nnew b\n```')
    go_to('new')
    nvim.type_keys('gA')
    assert.are.same(
      { lines = { 'new' }, filetype = 'lua', path_hint = 'lua/a.lua:3-5' },
      nvim.lua('return _G.applied')
    )
    nvim.type_keys('G', 'gA')
    assert.are.same(
      { lines = { 'new b' }, filetype = 'python', path_hint = 'lua/b.lua:7-7' },
      nvim.lua('return _G.applied')
    )
  end)

  it('are never applied to where a model says', function()
    record_apply()
    ask('q', '/etc/passwd:1-2\n```\nroot::0:0\n```\nthus\n```\nevil\n```')
    nvim.type_keys('G', 'gA')
    assert.are.same({ lines = { 'evil' }, filetype = '' }, nvim.lua('return _G.applied'))
  end)
end)
