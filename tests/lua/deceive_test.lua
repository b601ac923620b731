-- Characters that deceive: one list, and every place that shows text from outside draws them as
-- what they are.

local child = require('tests.lua.child')
local errors = require('venice.errors')
local hidden = require('venice.hidden')
local visible = require('venice.tools.visible')

-- The UTF-8 of a character.
local function utf8(code)
  return vim.fn.nr2char(code, true)
end

-- stylua: ignore
local deceivers = {
  0x80, 0x9B, 0xA0, 0xAD, 0x34F, 0x37E, 0x61C, 0x115F, 0x1160, 0x1680, 0x17B4, 0x180B, 0x180E,
  0x2000, 0x200A, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x202F,
  0x205F, 0x2060, 0x2064, 0x2066, 0x2069, 0x206F, 0x2800, 0x3000, 0x3164, 0xFE00, 0xFE0F, 0xFEFF,
  0xFFA0, 0xFFF9, 0xFFFC, 0x1D173, 0xE0001, 0xE0020, 0xE007F, 0xE0100, 0xE01EF, 0xF0000,
}

describe('a character that deceives', function()
  it('is on the list, and drawn as its code', function()
    for _, code in ipairs(deceivers) do
      local text, drawn = 'a' .. utf8(code) .. 'b', ('a<U+%04X>b'):format(code)
      assert.is_true(hidden.is_hidden(code), drawn)
      assert.is_true(hidden.has(text), drawn)
      assert.are.equal(drawn, hidden.shown(text))
      assert.are.equal(drawn, errors.printable(text))
      assert.is_truthy(hidden.named({ text }):find(('<U+%04X> '):format(code), 1, true))
      local pieces = visible.quoted(text, 80)[1]
      assert.are.same({ ('\\u{%x}'):format(code), true }, pieces[2])
    end
    for _, text in ipairs({
      'Grüße – “ok” 🎉',
      '日本語、한국어',
      'naïve ❤️ ✔️',
      'العربية',
      '→ ═ ▶',
      '',
    }) do
      assert.is_false(hidden.has(text), text)
      assert.are.equal(text, errors.printable(text))
      assert.is_nil(hidden.named({ text }))
    end
    -- A selector that follows no symbol, or another selector.
    assert.is_true(hidden.has('x️'))
    assert.is_true(hidden.has('❤️️'))
  end)

  it('is one of ours wherever it is one of the library', function()
    local source, count = child.read(child.root .. '/csrc/base/screen.c'), 0
    for first, last in source:gmatch('{ (0x%x+), (0x%x+) }') do
      for _, code in ipairs({ tonumber(first), tonumber(last) }) do
        -- Controls of ASCII are blanks, or shown as they are.
        assert.is_true(code < 0x80 or hidden.is_hidden(code), ('U+%04X'):format(code))
        count = count + 1
      end
    end
    assert.is_true(count > 20)
  end)

  it('leaves the bytes around it where they are', function()
    local revealed = hidden.reveal('ab\226\128\139cd\194\160e')
    assert.are.equal('ab<U+200B>cd<U+00A0>e', revealed.text)
    assert.are.same({ { 2, 10 }, { 12, 20 } }, revealed.spans)
    assert.are.equal(1, revealed.at(1))
    assert.are.equal(10, revealed.at(5))
    assert.are.equal(20, revealed.at(9))
    -- What is no UTF-8 stays what it is.
    assert.is_nil(hidden.reveal('a\255\226\128b'))
  end)

  it('takes no longer in a long text', function()
    local start = vim.loop.hrtime()
    hidden.shown(('é\226\128\139'):rep(50000))
    assert.is_true(vim.loop.hrtime() - start < 2e9)
  end)
end)

describe('a word that mixes scripts', function()
  it('is found, and no other', function()
    for text, scripts in pairs({
      ['pаypal'] = 'Latin and Cyrillic',
      ['if (аdmin) {'] = 'Cyrillic and Latin',
      ['is_αdmin'] = 'Latin and Greek',
      ['ａdmin'] = 'full-width and Latin',
    }) do
      local found = hidden.mixed(text)
      assert.are.equal(1, #found, text)
      assert.are.equal(scripts, found[1].scripts)
      assert.are.equal(found[1].word, text:sub(found[1].first + 1, found[1].last))
    end
    for _, text in ipairs({
      'admin',
      'мир',
      'мир and peace',
      'αβγ',
      'naïve',
      '日本語abc',
      '',
    }) do
      assert.are.same({}, hidden.mixed(text), text)
    end
  end)
end)

describe('a diff', function()
  local nvim

  before_each(function()
    nvim = child.start({ columns = 120, lines = 40, terminal = 'emulated' })
    nvim.lua([[
      require('venice.attention').PAUSE = 0
      vim.cmd('set hidden cmdheight=2')
      _G.code = vim.api.nvim_get_current_buf()
      function _G.open(old, new)
        vim.api.nvim_buf_set_lines(code, 0, -1, false, old)
        _G.review = require('venice.edit.diff').open({
          buf = code, first = 1, last = #old, name = 'a proposal',
          on_done = function(result) _G.outcome = result.outcome end,
        })
        review:set_text(new, true)
      end]])
  end)
  after_each(function()
    nvim.stop()
  end)

  local function screen(words)
    local text
    nvim.wait_for(function()
      text = nvim.tty_screen()
      return text:find(words, 1, true) ~= nil
    end, 5000, words)
    return text
  end

  it('draws what deceives as its code, and names it above the hunk', function()
    local lines = {}
    for i, code in ipairs({ 0x3164, 0x2800, 0xAD, 0x34F, 0xFE00, 0xA0 }) do
      lines[i] = 'if ok' .. utf8(code) .. ' then'
    end
    nvim.lua('open(...)', { 'if ok then' }, lines)
    local text = screen('1 of 1')
    for _, code in ipairs({ 0x3164, 0x2800, 0xAD, 0x34F, 0xFE00, 0xA0 }) do
      assert.is_truthy(text:find(('+if ok<U+%04X> then'):format(code), 1, true), text)
    end
    local flat = text:gsub('%s+', ' ')
    assert.is_truthy(
      flat:find('characters that are not seen or turn text around: <U+3164> hangul', 1, true)
    )
    -- What is accepted is what was proposed.
    nvim.tty_type('a')
    nvim.wait_for([[_G.outcome == 'applied']])
    assert.are.same(lines, nvim.lua('return vim.api.nvim_buf_get_lines(code, 0, -1, false)'))
  end)

  it('marks words that mix scripts', function()
    nvim.lua('open(...)', { 'x' }, { 'return pаypal' })
    local text = screen('words that mix scripts')
    assert.is_truthy(text:find('(Latin and Cyrillic)', 1, true))
  end)

  it('shows a line that is longer than the window to its end', function()
    nvim.lua('open(...)', { 'x' }, { ('y'):rep(9000) .. 'THE-END' })
    screen('1 of 1')
    nvim.tty_type('a')
    nvim.sleep(200)
    assert.is_nil(nvim.lua('return _G.outcome'))
    nvim.tty_type('G')
    screen('THE-END')
    nvim.tty_type('a')
    nvim.wait_for([[_G.outcome == 'applied']])
  end)
end)
