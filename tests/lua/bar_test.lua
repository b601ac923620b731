-- The words that warn are in sight whatever the width, the window and the user's bar plugin: whole,
-- and in their colour.

local bar = require('venice.chat.bar')
local child = require('tests.lua.child')

local function piece(text, full)
  return { text = text, full = full }
end

local function warning(text)
  return { text = text, group = 'VeniceBarFail' }
end

local function joined(chunks)
  local words = {}
  for i, chunk in ipairs(chunks) do
    words[i] = chunk[1]
  end
  return table.concat(words)
end

describe('the words of a bar', function()
  local function fit(width, warnings, name, rest)
    local chunks = bar.fit({
      warnings = vim.tbl_map(warning, warnings),
      name = name,
      rest = rest,
    }, width)
    local words = joined(chunks)
    assert.is_true(vim.fn.strdisplaywidth(words) <= width, words)
    return words, chunks
  end
  local dcap = piece('dcap', 'dcap: genuine hardware, code unknown')
  local rest = { dcap, piece('TDX up to date'), piece('GPU genuine'), piece('tools') }

  it('are left out from the right, none of them cut', function()
    local name = 'e2ee-glm-5-1'
    assert.are.equal(
      'e2ee-glm-5-1 · dcap: genuine hardware, code unknown · TDX up to date · GPU genuine · tools',
      fit(120, {}, name, rest)
    )
    assert.are.equal(
      'e2ee-glm-5-1 · dcap · TDX up to date · GPU genuine · tools',
      fit(60, {}, name, rest)
    )
    assert.are.equal('e2ee-glm-5-1 · dcap · TDX up to date', fit(40, {}, name, rest))
    assert.are.equal('e2ee-glm-5-1 · dcap', fit(32, {}, name, rest))
    for width = 1, 130 do
      local words = fit(width, {}, name, rest)
      for _, word in ipairs(vim.split(words, ' · ', { plain = true })) do
        local is_whole = word == '' or word:find('^e2ee') or word:find('…$')
        for _, known in ipairs(rest) do
          is_whole = is_whole or word == known.text or word == known.full
        end
        assert.is_truthy(is_whole, width .. ': ' .. words)
      end
    end
  end)

  it('that warn stay whole, and the name of the model gives way', function()
    local long = 'e2ee-qwen3-6-35b-a3b-instruct'
    assert.are.equal(
      'SIMULATED · e2ee-qwen3-6-35b-a… · dcap',
      fit(38, { 'SIMULATED' }, long, rest)
    )
    assert.are.equal(
      'REFUSED · CHANGED · SIMULATED · e2ee-qw…',
      fit(40, { 'REFUSED', 'CHANGED', 'SIMULATED' }, long, {})
    )
    for width = 29, 130 do
      local words, chunks = fit(width, { 'REFUSED', 'CHANGED', 'SIMULATED' }, long, rest)
      assert.is_truthy(words:find('^REFUSED · CHANGED · SIMULATED'), words)
      assert.are.equal('VeniceBarFail', chunks[1][2])
    end
    -- Where not all of them have room, those that have it are whole.
    local all = { 'REFUSED', 'CHANGED', 'SIMULATED' }
    assert.are.equal('REFUSED CHANGED SIMULATED', fit(25, all, '', {}))
    assert.are.equal('REFUSED CHANGED', fit(20, { 'REFUSED', 'CHANGED', 'SIMULATED' }, long, rest))
    assert.are.equal('REFUSED', fit(12, { 'REFUSED', 'CHANGED' }, long, rest))
  end)

  it('count wide characters as the screen does', function()
    fit(20, { 'REFUSED' }, '模型模型模型模型模型', rest)
    fit(9, {}, '模型模型模型模型模型', rest)
  end)
end)

describe('a chat', function()
  local nvim
  local has_winbar

  local function start(where, columns, lines)
    local size = { columns = columns or 80, lines = lines or 24, terminal = true }
    nvim = child.start(size)
    nvim.install_fake()
    nvim.lua([[require('venice').setup({ model = 'e2ee-fake', chat = { window = ... } })]], where)
    has_winbar = nvim.fn.has('nvim-0.8') == 1
  end
  after_each(function()
    assert.is_nil(nvim.messages():find('E%d+:'), nvim.messages())
    assert.are.equal('', nvim.stderr())
    nvim.stop()
  end)

  local changed = {
    level = 'dcap',
    accepted = false,
    verified = true,
    simulated = true,
    reason = 'pin_changed',
    status = 'UpToDate',
    pin = { state = 'changed' },
    checks = { { id = 'quote_signed', ok = true } },
  }
  local first_seen = { accepted = true, pin = { state = 'first' } }
  local simulated = vim.tbl_extend('force', changed, first_seen)
  simulated.reason = nil

  local function report(what)
    nvim.lua('fake.report(...)', what)
  end
  -- The groups of the words that warn in headers. Neovim 0.7 does not say what a float shows.
  local function header_warnings()
    return nvim.lua([[
      local found = {}
      local ns = vim.api.nvim_get_namespaces().venice_draw
      for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, ns, 0, -1, { details = true })) do
        local details = mark[4]
        local chunks = vim.list_extend({}, details.virt_text or {})
        for _, line in ipairs(details.virt_lines or {}) do
          vim.list_extend(chunks, line)
        end
        for _, chunk in ipairs(chunks) do
          if chunk[2] == 'VeniceBarFail' or chunk[2] == 'VeniceBarWarn' then
            found[chunk[1] ] = chunk[2]
          end
        end
      end
      return found]])
  end
  -- Whether a word is on the screen in another colour than the words beside it.
  local function coloured(word)
    return nvim.lua(
      [[
      local word = ...
      vim.cmd('redraw!')
      for row = 1, vim.o.lines do
        local cells = {}
        for column = 1, vim.o.columns do
          cells[column] = vim.fn.screenstring(row, column)
        end
        local line = table.concat(cells)
        local at = line:find(word, 1, true)
        if at then
          local column = vim.fn.strchars(line:sub(1, at - 1)) + 1
          local attr = vim.fn.screenattr(row, column)
          return attr ~= vim.fn.screenattr(row, math.max(column - 2, 1))
            or attr ~= vim.fn.screenattr(row, column + #word + 1)
        end
      end
      return false]],
      word
    )
  end
  local function warns(...)
    for _, word in ipairs({ ... }) do
      if nvim.lua([[return vim.api.nvim_win_get_config(0).relative ~= '']]) and not has_winbar then
        assert.is_truthy(header_warnings()[word], word)
        return
      end
      nvim.shows(word)
      assert.is_true(coloured(word), word .. ' is not coloured:\n' .. nvim.screen_text())
    end
  end
  -- The line of the screen in which a word stands.
  local function line_with(word)
    for _, line in ipairs(nvim.screen()) do
      if line:find(word, 1, true) then
        return line
      end
    end
    return ''
  end
  local function in_headers()
    local count = 0
    for _, line in ipairs(nvim.screen()) do
      count = count + (line:find('── .*SIMULATED') and 1 or 0)
    end
    return count
  end
  local function option()
    return has_winbar and 'winbar' or 'statusline'
  end
  local function set_bar(text)
    nvim.cmd(('let &l:%s = %q'):format(option(), text))
  end

  for _, columns in ipairs({ 140, 80, 60, 40 }) do
    for _, where in ipairs({ 'vsplit', 'split', 'float', 'tab', 'current' }) do
      it(('warns in a %s on %d columns'):format(where, columns), function()
        start(where, columns, columns == 140 and 45 or 20)
        nvim.cmd('VeniceChat one')
        report(simulated)
        warns('SIMULATED')
        report(changed)
        warns('REFUSED', 'CHANGED', 'SIMULATED')
      end)
    end
  end

  it('that nothing is verified for says so before its first turn', function()
    start('vsplit', 40)
    nvim.lua([[require('venice').setup({ model = 'e2ee-fake', verify = { attestation = false } })]])
    nvim.cmd('VeniceChat')
    warns('UNVERIFIED')
    set_bar('mine')
    nvim.shows('mine')
    warns('UNVERIFIED')
    assert.is_truthy(line_with('UNVERIFIED'):find('── Y', 1, true), nvim.screen_text())
  end)

  it('says that nothing runs because the options were refused', function()
    start('vsplit', 80)
    nvim.cmd('VeniceChat')
    nvim.lua([[pcall(require('venice').setup, { mdoel = 'x' })]])
    nvim.cmd('redrawstatus!')
    warns('options refused')
    local line = nvim.lua([[return require('venice').statusline()]])
    assert.are.equal('options refused · e2ee-fake · not attested yet', line)
    nvim.lua([[require('venice').setup({ model = 'e2ee-fake' })]])
    nvim.cmd('redrawstatus!')
    nvim.shows('options refused', true)
  end)

  it('has the words in the width of its window, also after that has changed', function()
    start('vsplit', 140, 20)
    nvim.cmd('VeniceChat one')
    report(vim.tbl_extend('force', simulated, { gpu = { verified = true } }))
    nvim.shows('SIMULATED · e2ee-fake · dcap · TDX up to date')
    nvim.cmd('vertical resize 30')
    nvim.shows('SIMULATED · e2ee-fake · dcap')
    nvim.shows('TDX', true)
    nvim.cmd('wincmd |')
    nvim.shows('SIMULATED · e2ee-fake · dcap: genuine hardware, code unknown · TDX up to date')
  end)

  it('shows the words that warn in a header where its bar was taken', function()
    start('vsplit', 80)
    nvim.cmd('VeniceChat one')
    report(simulated)
    nvim.lua([[fake.text('an answer') fake.done()]])
    warns('SIMULATED')
    assert.are.equal(0, in_headers())
    set_bar('%f of a plugin')
    -- That of the draft, and that of the answer, which may fill the window.
    nvim.wait_for(function()
      return in_headers() == 2
    end)
    warns('SIMULATED')
    -- They move on with the chat.
    nvim.cmd('VeniceChat two')
    nvim.lua([[fake.text('another answer')]])
    nvim.wait_for(function()
      return in_headers() == 2 and line_with('You  '):find('SIMULATED') == nil
    end)
    assert.are.equal(2, in_headers(), nvim.screen_text())
    nvim.lua([[fake.done()]])
    -- What another model is said to be is nothing that the answer was.
    nvim.cmd('Venice model e2ee-b')
    nvim.wait_for(function()
      return in_headers() == 0
    end)
    nvim.cmd('Venice model e2ee-fake')
    nvim.wait_for(function()
      return in_headers() == 2
    end)
    nvim.lua([[require('venice.chat.bar').set(0)]])
    nvim.wait_for(function()
      return in_headers() == 0
    end)
    warns('SIMULATED')
  end)

  it('looks for a bar that an autocommand sets', function()
    start('current', 80)
    nvim.cmd(("autocmd BufWinEnter,WinEnter,CursorMoved * let &l:%s = 'theirs'"):format(option()))
    nvim.cmd('VeniceChat one')
    report(changed)
    nvim.type_keys('j')
    nvim.shows('theirs')
    warns('REFUSED', 'CHANGED', 'SIMULATED')
    assert.are.equal('theirs', nvim.eval('&l:' .. option()))
  end)

  it('has the words that warn in the title of a float, too', function()
    start('float', 80)
    if nvim.fn.has('nvim-0.9') == 0 then
      return pending('the floats of this Neovim have no titles')
    end
    nvim.cmd('VeniceChat one')
    report(changed)
    nvim.wait_for(function()
      return line_with('╭'):find('╭ e2ee-fake ─', 1, true)
    end)
    set_bar('mine')
    local function title()
      local words = {}
      for _, chunk in ipairs(nvim.lua([[return vim.api.nvim_win_get_config(0).title]])) do
        words[#words + 1] = chunk[1] .. (chunk[2] and ('<%s>'):format(chunk[2]) or '')
      end
      return table.concat(words)
    end
    nvim.wait_for(function()
      return line_with('╭'):find('REFUSED · enclave CHANGED · SIMULATED · e2ee-fake', 1, true)
    end)
    assert.is_truthy(title():find('REFUSED<VeniceBarFail>', 1, true), title())
    assert.is_truthy(title():find('SIMULATED<VeniceBarWarn>', 1, true), title())
    nvim.cmd('Venice model e2ee-b')
    nvim.wait_for(function()
      return line_with('╭'):find('╭ e2ee-b ─', 1, true)
    end)
  end)

  for _, columns in ipairs({ 12, 20, 40 }) do
    it(('keeps them whole in a header of %d columns'):format(columns), function()
      start('current', columns, 12)
      nvim.cmd('VeniceChat one')
      set_bar('mine')
      report(changed)
      warns('REFUSED', 'CHANGED', 'SIMULATED')
      for _, line in ipairs(nvim.screen()) do
        for _, word in ipairs({ 'REFUSED', 'CHANGED', 'SIMULATED' }) do
          local cut = line:find(word:sub(1, 3), 1, true)
          assert.is_true(not cut or line:find(word, 1, true) ~= nil, nvim.screen_text())
        end
      end
    end)
  end

  it('has no status line that is always there on 0.7', function()
    start('current', 80)
    if has_winbar then
      return pending('this Neovim has a window bar')
    end
    nvim.cmd('VeniceChat one')
    report(simulated)
    for value, is_in_header in pairs({ [0] = true, [1] = true, [2] = false, [3] = true }) do
      nvim.cmd('set laststatus=' .. value)
      nvim.wait_for(function()
        return (in_headers() > 0) == is_in_header
      end, 3000, 'laststatus=' .. value)
      warns('SIMULATED')
    end
    nvim.cmd('set laststatus=1')
    nvim.cmd('split')
    nvim.wait_for(function()
      return in_headers() == 0
    end)
  end)

  it('says in :checkhealth who took its bar', function()
    start('current', 80)
    nvim.cmd('VeniceChat one')
    local function health()
      return nvim.lua([[
        local lines = {}
        for _, section in ipairs(require('venice.health').sections()) do
          for _, item in ipairs(section.items) do
            lines[#lines + 1] = item.level .. ': ' .. item.text .. ' ' .. (item.advice or '')
          end
        end
        return table.concat(lines, '\n')]])
    end
    local function has(words)
      local text = health()
      assert.is_truthy(text:find(words, 1, true), text)
    end
    assert.is_nil(health():find('the bar of chat', 1, true))
    local script = nvim.dirs.tmp .. '/bar.vim'
    nvim.fn.writefile({ ('let &l:%s = "%%f of a plugin"'):format(option()) }, script)
    nvim.cmd('source ' .. script)
    has(('warn: the bar of chat 1 is not ours: %s is "%%f of a plugin"'):format(option()))
    has('bar.vim line 1')
    has('the filetype venice')
  end)

  it('draws no words of a model as a part of the option', function()
    start('current', 80)
    nvim.cmd('VeniceChat')
    local evil = '%{execute("let g:pwned=1")}%#Error#m'
    nvim.lua([[require('venice.chat').current():set_model(...)]], evil)
    nvim.shows(evil)
    assert.are.equal(0, nvim.eval('exists("g:pwned")'))
  end)
end)
