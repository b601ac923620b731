-- The buffer of a chat: what it keeps to itself, how it is written, how windows show it.

local child = require('tests.lua.child')

describe('a chat buffer', function()
  local nvim

  local function start(opts)
    nvim = child.start(vim.tbl_extend('force', { columns = 120, lines = 24 }, opts or {}))
    nvim.install_fake()
  end

  local function exchange()
    nvim.cmd('VeniceChat one')
    nvim.lua([[
      fake.text('thought', 'reasoning')
      fake.text('first')
      fake.done()
    ]])
  end

  local function last_notice()
    return nvim.last_notice()
  end

  before_each(function()
    start()
  end)
  after_each(function()
    nvim.stop()
  end)

  it('has its options before its first byte, whatever the user has set', function()
    nvim.lua([[
      vim.o.swapfile, vim.o.undofile, vim.o.modeline = true, true, true
      vim.cmd('autocmd FileType * setlocal undofile swapfile modeline')
      vim.cmd('autocmd BufNew * setlocal undofile')
      local set_lines = vim.api.nvim_buf_set_lines
      vim.api.nvim_buf_set_lines = function(buf, ...)
        local o = vim.bo[buf]
        _G.at_first_byte = _G.at_first_byte or { o.buftype, o.bufhidden, o.filetype, o.swapfile,
          o.undofile, o.modeline }
        return set_lines(buf, ...)
      end
    ]])
    exchange()
    assert.are.same(
      { 'nofile', 'hide', 'venice', false, false, false },
      nvim.lua('return at_first_byte')
    )
    for option, value in pairs({ buftype = 'nofile', bufhidden = 'hide', filetype = 'venice' }) do
      assert.are.equal(value, nvim.eval('&' .. option))
    end
    for _, option in ipairs({ 'swapfile', 'undofile', 'modeline', 'buflisted' }) do
      assert.are.equal(0, nvim.eval('&' .. option), option)
    end
  end)

  it('has headers that fit a narrow window, and one that gets another width', function()
    local function header(width)
      nvim.cmd('vertical resize ' .. width)
      -- Neovim 0.7 tells nobody of a window's size.
      nvim.cmd('wincmd p')
      nvim.cmd('wincmd p')
      local line = nvim.screen_text():match('── (e2ee[^\n]*)'):gsub('─', '')
      return (line:gsub('%s*$', ''))
    end
    local function change(code)
      nvim.lua([[local view = require('venice.chat').current().view
        local turn = view:live_turns()[2]
        ]] .. code .. ' view:draw(turn)')
    end
    nvim.cmd('VeniceChat one')
    nvim.lua([[
      fake.text('first')
      fake.event({ kind = 'usage', usage = { prompt_tokens = 100, completion_tokens = 312 } })
      fake.done()
    ]])
    change('turn.receipt = { verified = true }')
    assert.are.equal('e2ee-fake  312 tokens · $0.0032 · signed', header(60))
    assert.are.equal('e2ee-fake  $0.0032 · signed', header(40))
    assert.are.equal('e2ee-fake  signed', header(28))
    assert.are.equal('e2ee-fake  312 tokens · $0.0032 · signed', header(60))
    change("turn.model = 'e2ee-' .. ('long-'):rep(20)")
    assert.are.equal('e2ee-long-long-l…  signed', header(28))
  end)

  it('turns completion services off', function()
    nvim.cmd('VeniceChat')
    local flags = 'copilot_enabled codeium_enabled minuet_virtual_text_auto_trigger'
    for flag in flags:gmatch('%S+') do
      assert.are.equal(false, nvim.lua('return vim.b[...]', flag), flag)
    end
  end)

  it('runs no modeline of an answer', function()
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.text('vim: set tabstop=3 shiftwidth=3:') fake.done()]])
    nvim.cmd('setglobal modeline')
    nvim.cmd('doautocmd BufReadPost')
    nvim.cmd('edit')
    assert.are.equal(8, nvim.eval('&tabstop'))
  end)

  it('lets no language server stay', function()
    if nvim.fn.exists('##LspAttach') == 0 then
      return pending('this Neovim has no LspAttach')
    end
    nvim.cmd('VeniceChat')
    nvim.lua([[
      _G.buf = vim.api.nvim_get_current_buf()
      local cmd = function()
        return {
          request = function(method, params, callback)
            if callback then callback(nil, { capabilities = {} }) end
            return true, 1
          end,
          notify = function() return true end,
          is_closing = function() return false end,
          terminate = function() end,
        }
      end
      vim.lsp.start({ name = 'stub', cmd = cmd })
    ]])
    nvim.sleep(100)
    nvim.wait_for([[next(vim.lsp.buf_get_clients and vim.lsp.get_clients and
      vim.lsp.get_clients({ bufnr = buf }) or {}) == nil]])
  end)

  it('keeps a chat from a file by accident', function()
    exchange()
    nvim.type_keys(':w<CR>')
    nvim.wait_for(function()
      return last_notice():find(':w {file} writes it as plain text', 1, true)
    end)
    assert.are.same({}, nvim.fn.glob(nvim.dirs.home .. '/*', true, true))
    assert.is_nil(nvim.messages():find('E382', 1, true))
  end)

  it('asks before it writes a file', function()
    nvim.stop()
    start({ terminal = true })
    exchange()
    local path = nvim.dirs.home .. '/out.md'
    local function asks(is)
      nvim.wait_for(function()
        local mode = nvim.mode()
        return (mode.blocking or mode.mode:find('^[rc]') ~= nil) == is
      end)
    end
    local function write(ex, answer)
      nvim.type_keys(':' .. ex .. '<CR>')
      asks(true)
      nvim.type_keys(answer)
      asks(false)
    end
    local function writes(ex, expected)
      write(ex, 'y')
      assert.are.equal(expected, child.read(path))
    end

    write('w ' .. path, 'n')
    assert.is_truthy(last_notice():find('not written', 1, true))
    assert.are.equal(0, nvim.fn.filereadable(path))
    local whole = '── You ──\none\n── e2ee-fake ──\n── Reasoning ──\nthought\n\nfirst\n'
      .. '── You ──\n\n'
    writes('w ' .. path, whole)
    assert.are.equal('rw-------', nvim.fn.getfperm(path))
    nvim.cmd('cd ' .. nvim.dirs.home)
    nvim.type_keys(':w out.md<CR>', '<CR>')
    asks(false)
    assert.is_truthy(nvim.messages():lower():find('exists', 1, true))
    writes('w! ' .. path, whole)
    writes('2w! ' .. path, 'one\n')
    writes('7w >> ' .. path, 'one\nfirst\n')
    writes('saveas! ' .. path, whole)
    assert.are.equal('venice://chat/1', nvim.wait_for([[vim.fn.bufname():match('^venice:.*')]]))
  end)

  it('does not stop Neovim from leaving', function()
    exchange()
    assert.are.equal(0, (nvim.quit('qall')))
  end)

  it('names who answers and what was proven in its bar', function()
    nvim.cmd('VeniceChat one')
    nvim.shows('e2ee-fake · not attested yet')
    nvim.lua([[fake.report({ level = 'dcap', accepted = true, verified = true, simulated = true,
      status = 'UpToDate', checks = { { id = 'quote_signed', ok = true } } })]])
    nvim.shows('SIMULATED · e2ee-fake · dcap')
    nvim.lua([[require('venice.chat').current():set_model('100%-e2ee')]])
    nvim.shows('100%-e2ee · not attested yet')
    nvim.cmd('new')
    if nvim.fn.has('nvim-0.8') == 1 then
      assert.are.equal('', nvim.eval('&l:winbar'))
    end
  end)

  it('leaves its window as it was to the next buffer', function()
    nvim.cmd('set number list')
    nvim.lua([[require('venice').setup({ model = 'm', chat = { window = 'current' } })]])
    nvim.cmd('VeniceChat one')
    assert.are.equal(0, nvim.eval('&number'))
    nvim.cmd('enew')
    assert.are.equal(1, nvim.eval('&number'))
    assert.are.equal(1, nvim.eval('&list'))
    assert.are.equal('', nvim.eval(nvim.fn.has('nvim-0.8') == 1 and '&winbar' or '&statusline'))
  end)

  it('folds its reasoning in every window that comes to show it', function()
    exchange()
    nvim.cmd('tab split')
    assert.is_truthy(nvim.screen_text():find('▸ Reasoning, 1 line', 1, true))
    nvim.cmd('tabclose')
    nvim.type_keys('q')
    nvim.cmd('VeniceChat')
    assert.is_truthy(nvim.screen_text():find('▸ Reasoning, 1 line', 1, true))
  end)

  it('is highlighted as Markdown without being markdown', function()
    exchange()
    local parser = nvim.lua([[
      local ok = vim.treesitter.highlighter and
        vim.treesitter.highlighter.active[vim.api.nvim_get_current_buf()]
      return ok ~= nil and ok ~= false
    ]])
    assert.is_true(parser or nvim.eval('&syntax') == 'markdown')
  end)

  it('draws no control character of a model', function()
    nvim.cmd('Venice model evil\27[31m\t')
    assert.is_truthy(last_notice():find('not the id of a model', 1, true))
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.done({ code = 'server', message = 'a\27]0;x\7\nb', hint = 'c\nd' })]])
    assert.is_truthy(nvim.screen_text():find('server: a ]0;x b', 1, true))
  end)
end)

-- Whatever a user does to a chat, what a model wrote never becomes a part of a prompt, nor the
-- other way round: A marks text of answers, R reasoning, U prompts. (Moving and pasting are left
-- out.)
describe('the turns of a chat', function()
  local operations = {
    'dd',
    '2dd',
    'D',
    'x',
    'J',
    '3J',
    'vjd',
    'Vkd',
    'v}d',
    'dG',
    'dgg',
    'u',
    'u',
    '3u',
    '<C-r>',
    'g-',
    'g+',
    'ccU<Esc>',
    'iU<Esc>',
    'aU<CR>U<Esc>',
    'OU<Esc>',
    'oU<Esc>',
    'gg',
    'G',
    'k',
    'j',
    '3k',
    '5j',
    '{',
    '}',
    'zR',
    'ggdG',
    'gUU',
    '<C-v>jd',
    '>>',
  }

  it('stay apart under any edits, undo and redo', function()
    local nvim = child.start({ columns = 80, lines = 24 })
    nvim.install_fake()
    nvim.lua([[
      function _G.check()
        local chat = require('venice.chat').current()
        local view = chat.view
        view:sync()
        local turns = view:live_turns()
        local last = turns[#turns]
        if last.role ~= 'user' then return 'there is no draft' end
        for _, entry in ipairs(view.bounds:live()) do
          local line = vim.api.nvim_buf_get_lines(view.buf, entry.row, entry.row + 1, false)[1]
          if line ~= '' then return 'a header stands on text: ' .. line end
        end
        for _, turn in ipairs(view:texts()) do
          local alien = turn.role == 'user' and '[AR]' or 'R'
          if turn.text:find(alien) then return turn.role .. ' has ' .. turn.text end
        end
      end
    ]])
    nvim.cmd('set nomore cmdheight=6 shortmess+=aoOtT')
    local seed = 20261122
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return math.floor(seed / 65536) % n + 1
    end
    for round = 1, 4 do
      nvim.cmd('VeniceChat! U U')
      nvim.lua([[fake.text('R R\nR', 'reasoning') fake.text('A\nA A\n\nA') fake.done()]])
      nvim.cmd('VeniceChat U')
      nvim.lua([[fake.text('A A\nA') fake.done()]])
      nvim.cmd('VeniceChat U')
      nvim.lua([[fake.text('R', 'reasoning') fake.text('A')]])
      local done = {}
      for step = 1, 60 do
        local keys = operations[random(#operations)]
        done[#done + 1] = keys
        -- Text that the user types into an answer is the answer's.
        nvim.type_keys(keys)
        if step % 10 == 0 then
          nvim.lua([[fake.text('A\nA ')]])
        end
        local wrong = nvim.lua('return check()')
        assert.is_nil(wrong, ('round %d: %s: %s'):format(round, table.concat(done, ' '), wrong))
      end
      nvim.lua('fake.done()')
      assert.are.equal('idle', nvim.lua([[return require('venice').status().state]]))
      assert.is_nil(nvim.lua('return check()'))
    end
    assert.is_nil(nvim.messages():find('stack traceback', 1, true), nvim.messages())
    nvim.stop()
  end)
end)
