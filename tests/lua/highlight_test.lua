-- A chat is highlighted as Markdown: by the parser where this Neovim has it, else by the syntax
-- file; and stays so, whatever is done to its buffer.

local child = require('tests.lua.child')

describe('the highlighting of a chat', function()
  local nvim, has_parser

  before_each(function()
    nvim = child.start({ columns = 100, lines = 30 })
    nvim.install_fake()
    has_parser = nvim.lua([[
      local language = vim.treesitter and vim.treesitter.language
      local buf = vim.api.nvim_create_buf(false, true)
      return language ~= nil and language.register ~= nil
        and pcall(vim.treesitter.start, buf, 'markdown')]])
    nvim.cmd('VeniceChat show me')
  end)
  after_each(function()
    nvim.stop()
  end)

  local function answer(text)
    nvim.lua('fake.text(...) fake.done(nil, {})', text)
    nvim.wait_for([[require('venice').status().state == 'idle']])
  end

  local function is_markdown()
    return nvim.lua([[
      local buf = vim.fn.bufnr('venice://chat/1')
      local highlighter = vim.treesitter and vim.treesitter.highlighter
      return { highlighter and highlighter.active[buf] ~= nil or false, vim.bo[buf].syntax }]])
  end

  local function expect(parser)
    nvim.wait_for(function()
      local now = is_markdown()
      return now[1] == parser and (parser or now[2] == 'markdown')
    end, 2000, parser and 'the parser' or 'the syntax file')
  end

  it('is by the parser where there is one', function()
    answer('# Title\n\nsome `code`')
    expect(has_parser)
  end)

  for _, case in ipairs({
    { 'reading the buffer again', 'edit' },
    { 'hiding and showing', 'close', 'VeniceChat' },
    { 'another look at the filetype', 'set filetype=venice', 'doautocmd FileType' },
    { 'switching syntax off and on', 'syntax off', 'syntax on' },
    { 'another window', 'split', 'wincmd p', 'close' },
  }) do
    it('stays after ' .. case[1], function()
      answer('# Title\n\nsome `code`')
      for i = 2, #case do
        nvim.cmd(case[i])
      end
      expect(has_parser)
    end)
  end

  it('is by the syntax file while an answer comes and where a chat is very long', function()
    nvim.lua([[fake.text('# Title\n')]])
    expect(false)
    answer(('- a line of it\n'):rep(nvim.fn.has('nvim-0.11') == 1 and 3000 or 400))
    nvim.cmd('edit')
    expect(false)
  end)

  it('leaves a syntax that the user has chosen', function()
    answer('# Title')
    nvim.cmd('setlocal syntax=lua')
    nvim.cmd('split | close')
    assert.are.equal('lua', is_markdown()[2])
  end)
end)
