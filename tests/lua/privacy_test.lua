-- The text of a chat, and of every other buffer that is made private, is nobody else's: no language
-- server, assistant or modeline gets to see it. Each of them is here as a stub that does what the
-- real one does, and that does get the text of an ordinary buffer.

local child = require('tests.lua.child')

local SECRET = 'SECRETMARK-41d07c'
local ORDINARY = 'ORDINARYMARK-98ba13'

describe('a private buffer', function()
  local nvim, dir

  local function start(opts)
    nvim = child.start(vim.tbl_extend('force', { columns = 100, lines = 30 }, opts or {}))
    nvim.install_fake()
  end

  before_each(function()
    dir = child.tempdir()
    start()
  end)
  after_each(function()
    nvim.stop()
  end)

  -- As a hand does: the events of insert mode come between the keys.
  local function write(keys, text)
    nvim.type_keys(keys, text, '<Esc>')
  end

  local function ordinary_buffer()
    child.write(dir .. '/a.txt', ORDINARY .. '\n')
    nvim.cmd('edit ' .. dir .. '/a.txt | setfiletype text')
  end

  local function write_ordinary(text)
    nvim.fn.win_gotoid(nvim.fn.bufwinid('a.txt'))
    write('Go', text)
  end

  -- A prompt that was typed, an answer, an edit of it, a prompt that is not sent.
  local function chat()
    nvim.cmd('VeniceChat')
    write('i', SECRET .. ' typed')
    nvim.type_keys('<CR>')
    nvim.lua('fake.text(...) fake.done(nil, {})', SECRET .. ' answered\nand more')
    nvim.wait_for([[require('venice').status().state == 'idle']])
    nvim.fn.search('answered')
    write('A', ' ' .. SECRET .. ' added')
    write('Go', SECRET .. ' next')
  end

  -- As a diff or a question of ours: another filetype, which servers know.
  local function other_private_buffer()
    nvim.lua(
      [[
      local buf = vim.api.nvim_create_buf(false, true)
      require('venice.chat.private').harden(buf)
      vim.api.nvim_buf_set_lines(buf, 0, -1, false, { 'local ' .. ... })
      vim.cmd('split')
      vim.api.nvim_win_set_buf(0, buf)
      vim.bo[buf].filetype = 'lua'
    ]],
      SECRET
    )
    write('Go', SECRET)
  end

  describe('and a language server:', function()
    local log

    local function log_holds(text)
      return vim.fn.filereadable(log) == 1 and child.read(log):find(text, 1, true) ~= nil
    end

    -- Defines how a user's configuration would attach the server: to every buffer there is.
    local function server(code, seconds)
      log = dir .. '/server.log'
      nvim.lua(
        [[
        local code, script, log, seconds = ...
        _G.config = { name = 'stub', cmd = { 'python3', script, log, seconds }, root_dir = '/' }
        _G.capture = vim.lsp.buf_attach_client
        loadstring(code)()
      ]],
        code,
        child.root .. '/tests/lua/language_server.py',
        log,
        tostring(seconds or 0)
      )
    end

    -- The ordinary buffer is there at the end, so that the server has taken all that came before.
    local function gets_the_ordinary_only()
      write_ordinary(ORDINARY .. '-END')
      nvim.wait_for(function()
        return log_holds(ORDINARY .. '-END')
      end, 10000, 'the server to get what it may have')
      assert.is_false(log_holds(SECRET), 'the server has seen a private buffer')
      assert.is_false(log_holds('venice://'), 'the server knows of a chat')
    end

    local by_hand = [[
      vim.api.nvim_create_autocmd('FileType', { callback = function(args)
        _G.client = _G.client or vim.lsp.start_client(_G.config)
        vim.lsp.buf_attach_client(args.buf or 0, _G.client)
      end })]]
    local by_start = [[
      vim.api.nvim_create_autocmd('FileType', { callback = function(args)
        vim.lsp.start(_G.config, { bufnr = args.buf })
      end })]]

    local function tells_nothing(code, seconds)
      server(code, seconds)
      ordinary_buffer()
      chat()
      other_private_buffer()
      gets_the_ordinary_only()
    end

    it('attached by an autocommand for all filetypes, it sees nothing', function()
      tells_nothing(by_hand)
    end)

    it('that needs long to start, it sees nothing when it is ready', function()
      tells_nothing(by_hand, 1)
    end)

    it('started by vim.lsp.start, it sees nothing', function()
      if nvim.fn.has('nvim-0.8') == 0 then
        return pending('this Neovim has no vim.lsp.start')
      end
      tells_nothing(by_start)
    end)

    it('started by vim.lsp.start and slow, it sees nothing', function()
      if nvim.fn.has('nvim-0.8') == 0 then
        return pending('this Neovim has no vim.lsp.start')
      end
      tells_nothing(by_start, 1)
    end)

    it('enabled for every filetype, it sees nothing', function()
      if nvim.fn.has('nvim-0.11') == 0 then
        return pending('this Neovim has no vim.lsp.enable')
      end
      tells_nothing([[
        vim.lsp.config('stub', { cmd = _G.config.cmd, root_dir = '/' })
        vim.lsp.enable('stub')]])
    end)

    it('attached when a buffer is entered or edited, it sees nothing', function()
      tells_nothing([[
        vim.api.nvim_create_autocmd({ 'BufEnter', 'InsertEnter', 'TextChanged' }, {
          callback = function(args)
            _G.client = _G.client or (vim.lsp.start_client or vim.lsp.start)(_G.config)
            vim.lsp.buf_attach_client(0, _G.client)
            vim.lsp.buf_attach_client(args.buf or vim.api.nvim_get_current_buf(), _G.client)
          end })]])
    end)

    it('for which another plugin has wrapped the function meanwhile, it sees nothing', function()
      server(by_hand)
      ordinary_buffer()
      nvim.cmd('VeniceChat')
      nvim.lua([[
        local before = vim.lsp.buf_attach_client
        vim.lsp.buf_attach_client = function(...) _G.wrapped = true return before(...) end
      ]])
      nvim.cmd('VeniceChat!')
      chat()
      other_private_buffer()
      gets_the_ordinary_only()
      nvim.cmd('new | setfiletype text')
      assert.is_true(nvim.lua('return _G.wrapped'))
    end)

    it('attached behind our back, it is detached before there is text', function()
      server('')
      ordinary_buffer()
      nvim.lua([[
        _G.client = (vim.lsp.start_client or vim.lsp.start)(_G.config)
        _G.capture(0, _G.client)
        vim.api.nvim_create_autocmd('FileType', { pattern = 'venice', callback = function()
          _G.capture(vim.fn.bufnr(), _G.client)
        end })
      ]])
      nvim.wait_for(function()
        return log_holds(ORDINARY)
      end, 10000)
      nvim.cmd('VeniceChat')
      nvim.wait_for('not vim.lsp.buf_is_attached(vim.fn.bufnr(), _G.client)')
      chat()
      write_ordinary(ORDINARY .. '-END')
      nvim.wait_for(function()
        return log_holds(ORDINARY .. '-END')
      end, 10000)
      assert.is_false(log_holds(SECRET), 'the server has seen a private buffer')
    end)
  end)

  describe('and an assistant:', function()
    -- Lets a stub "send": the text of the current buffer, and of all others where it is so rude.
    local function assistant(code)
      nvim.lua(
        [[
        _G.sent = ''
        function _G.send(buf)
          local lines = vim.api.nvim_buf_get_lines(buf or 0, 0, -1, false)
          _G.sent = _G.sent .. table.concat(lines, '\n')
        end
        function _G.on(events, callback)
          vim.api.nvim_create_autocmd(events, { callback = callback })
        end
        loadstring(...)()
      ]],
        code
      )
    end

    local function sends(text)
      return nvim.lua('return _G.sent'):find(text, 1, true) ~= nil
    end

    local function sends_the_ordinary_only()
      write_ordinary(ORDINARY .. '-END')
      nvim.wait_for(function()
        return sends(ORDINARY .. '-END')
      end, 5000, 'the stub to send what it may')
      assert.is_false(sends(SECRET), 'the assistant has sent a private buffer')
    end

    local function tells_nothing(code)
      assistant(code)
      ordinary_buffer()
      chat()
      sends_the_ordinary_only()
    end

    local copilot_vim = [[
      vim.g.loaded_copilot = 1
      _G.on({ 'InsertEnter', 'CursorMovedI', 'TextChangedI' }, function()
        if vim.b.copilot_enabled ~= false and vim.b.copilot_enabled ~= 0 then send() end
      end)]]

    it('copilot.vim sends nothing of it', function()
      tells_nothing(copilot_vim)
    end)

    it('copilot.vim sends nothing of a buffer of ours with another filetype', function()
      assistant(copilot_vim)
      ordinary_buffer()
      other_private_buffer()
      sends_the_ordinary_only()
    end)

    it(
      'copilot.vim that is switched on for every buffer by an autocommand sends nothing',
      function()
        tells_nothing(
          copilot_vim
            .. [[
        _G.on({ 'FileType', 'BufEnter', 'BufWinEnter' }, function() vim.b.copilot_enabled = 1 end)]]
        )
      end
    )

    it('neocodeium sends nothing of it, from other buffers neither', function()
      tells_nothing([[
        _G.on({ 'InsertEnter', 'TextChangedI' }, function()
          for _, buf in ipairs(vim.api.nvim_list_bufs()) do
            local enabled = vim.b[buf].neocodeium_enabled
            if vim.api.nvim_buf_is_loaded(buf) and enabled ~= false then send(buf) end
          end
        end)]])
    end)

    it('minuet with a trigger for all filetypes sends nothing of it', function()
      local minuet = [[
        package.loaded.minuet = { config = { enable_predicates = {} } }
        _G.on('FileType', function() vim.b.minuet_virtual_text_auto_trigger = true end)
        local function complete()
          for _, predicate in ipairs(package.loaded.minuet.config.enable_predicates) do
            if not predicate() then return end
          end
          send()
        end
        _G.on({ 'InsertEnter', 'CursorMovedI' }, function()
          if %s then vim.defer_fn(complete, 5) end
        end)]]
      tells_nothing(minuet:format('vim.b.minuet_virtual_text_auto_trigger'))
      nvim.stop()
      start()
      tells_nothing(minuet:format('true'))
    end)

    local supermaven = [[
      package.loaded['supermaven-nvim'] = {}
      package.loaded['supermaven-nvim.config'] = { config = { ignore_filetypes = {} } }
      local config = package.loaded['supermaven-nvim.config'].config
      _G.on({ 'TextChanged', 'TextChangedI', 'CursorMoved', 'CursorMovedI' }, function()
        if not config.ignore_filetypes[vim.bo.filetype] then send() end
      end)]]

    it('supermaven sends nothing of it', function()
      tells_nothing(supermaven)
    end)

    it('supermaven that is loaded when insert mode begins sends nothing of it', function()
      tells_nothing(([[
        vim.api.nvim_create_autocmd('InsertEnter', { once = true, callback = function()
          loadstring(%q)()
        end })]]):format(supermaven))
    end)

    it('tabnine-nvim sends nothing of it', function()
      tells_nothing([[
        local config = { exclude_filetypes = { 'TelescopePrompt' } }
        package.loaded['tabnine.config'] = { get_config = function() return config end }
        _G.on('CursorMovedI', function()
          if not vim.tbl_contains(config.exclude_filetypes, vim.bo.filetype) then send() end
        end)]])
    end)

    it('a source of nvim-cmp sends nothing of it, and other sources stay', function()
      tells_nothing([[
        local mine = {}
        local function sources()
          return mine[vim.api.nvim_get_current_buf()]
            or { { name = 'buffer' }, { name = 'cmp_tabnine' }, { name = 'codeium' } }
        end
        package.loaded.cmp = {
          get_config = function() return { sources = sources() } end,
          setup = { buffer = function(opts)
            mine[vim.api.nvim_get_current_buf()] = opts.sources
          end },
        }
        _G.on('TextChangedI', function()
          for _, source in ipairs(sources()) do
            if source.name ~= 'buffer' then send() end
          end
        end)]])
      nvim.cmd('wincmd p')
      assert.are.equal('venice', nvim.lua('return vim.bo.filetype'))
      assert.are.same(
        { { name = 'buffer' } },
        nvim.lua([[return package.loaded.cmp.get_config().sources]])
      )
    end)

    it('a source of blink.cmp sends nothing of it', function()
      tells_nothing([[
        package.loaded['blink.cmp.config'] = { sources = { providers = {
          lsp = { module = 'blink.cmp.sources.lsp' }, ai = { module = 'minuet.blink' } } } }
        _G.on('TextChangedI', function()
          if vim.b.completion ~= false then send() end
        end)]])
    end)

    it('blink.cmp without such a source goes on completing', function()
      assistant([[
        package.loaded['blink.cmp.config'] = { sources = { providers = {
          lsp = { module = 'blink.cmp.sources.lsp' },
          path = { module = 'blink.cmp.sources.path' } } } }]])
      nvim.cmd('VeniceChat')
      assert.is_nil(nvim.lua('return vim.b.completion'))
    end)

    local codeium_vim = [[
      vim.g.loaded_codeium = 1
      _G.on({ 'InsertEnter', 'TextChangedI' }, function()
        local g, b = vim.g.codeium_enabled, vim.b.codeium_enabled
        if g == false or g == 0 or b == false or b == 0 then return end
        for _, buf in ipairs(vim.fn.getbufinfo({ bufloaded = 1 })) do
          if vim.bo[buf.bufnr].filetype ~= '' then send(buf.bufnr) end
        end
      end)]]

    it(
      'codeium.vim, which sends all buffers, is off while there is a chat, and that is said',
      function()
        assistant(codeium_vim)
        ordinary_buffer()
        write_ordinary(ORDINARY .. '-END')
        assert.is_true(sends(ORDINARY .. '-END'))
        chat()
        write_ordinary(ORDINARY .. '-END')
        assert.is_false(sends(SECRET))
        local said = vim.tbl_filter(function(note)
          return note.msg:find('codeium.vim is switched off', 1, true) ~= nil
        end, nvim.notifications())
        assert.are.equal(1, #said)
      end
    )

    it('codeium.nvim, which sends all buffers, is off while there is a chat', function()
      assistant([[
        local enabled = true
        package.loaded.codeium = { disable = function() enabled = false end }
        _G.on({ 'InsertEnter', 'TextChangedI' }, function()
          for _, buf in ipairs(enabled and vim.api.nvim_list_bufs() or {}) do
            if vim.bo[buf].filetype ~= '' then send(buf) end
          end
        end)]])
      ordinary_buffer()
      write_ordinary(ORDINARY .. '-END')
      assert.is_true(sends(ORDINARY .. '-END'))
      chat()
      write_ordinary(ORDINARY .. '-END')
      assert.is_false(sends(SECRET))
    end)

    it('whose insides are others than we think does no harm', function()
      assistant([[
        package.loaded.cmp = {}
        package.loaded.minuet = setmetatable({}, { __index = function() error('no') end })
        package.loaded['supermaven-nvim.config'] = true
        package.loaded['tabnine.config'] = { get_config = 7 }
        package.loaded['blink.cmp.config'] = { sources = {} }
        package.loaded.codeium = { disable = function() error('no') end }]])
      chat()
      assert.is_truthy(nvim.text():find(SECRET .. ' answered', 1, true))
      assert.are.equal('', nvim.eval('v:errmsg'))
    end)
  end)

  describe('and options:', function()
    local function is_settled()
      local got = nvim.lua([[
        local buf = vim.api.nvim_get_current_buf()
        local bo = vim.bo[buf]
        local name = vim.trim(vim.api.nvim_exec('swapname', true))
        return { bo.buftype, bo.swapfile, bo.undofile, bo.modeline, name }]])
      assert.are.same({ 'nofile', false, false, false, 'No swap file' }, got)
    end

    local function with_disk()
      nvim.cmd(('set updatecount=1 directory=%s// undodir=%s'):format(dir, dir))
    end

    local function disk_is_clean()
      assert.are.same({}, child.grep_tree(dir, SECRET))
      -- By the chat's name, for the working folder may be called venice too.
      assert.are.same({}, vim.fn.glob(dir .. '/*chat*', true, true))
      assert.are.same({}, vim.fn.glob(dir .. '/.*chat*', true, true))
    end

    for _, event in ipairs({ 'FileType', 'BufEnter', 'BufWinEnter', 'InsertEnter', 'BufNew' }) do
      it('an autocommand of ' .. event .. ' sets them for all buffers but this', function()
        with_disk()
        nvim.cmd(
          ('autocmd %s * setlocal swapfile undofile modeline | setlocal buftype='):format(event)
        )
        chat()
        is_settled()
        nvim.cmd('new')
        assert.is_true(event == 'InsertEnter' or event == 'FileType' or nvim.eval('&swapfile') == 1)
        nvim.cmd('close')
        disk_is_clean()
      end)
    end

    it('an autocommand that was defined later sets them for all buffers but this', function()
      with_disk()
      nvim.cmd('VeniceChat')
      nvim.cmd('autocmd BufEnter,InsertEnter * setlocal swapfile undofile modeline buftype=')
      chat()
      nvim.cmd('new | wincmd p')
      nvim.wait_for('not vim.bo.swapfile')
      is_settled()
      disk_is_clean()
    end)

    it('whoever sets them here or everywhere sets them for all others', function()
      with_disk()
      chat()
      for _, command in ipairs({
        'set swapfile',
        'set undofile',
        'set modeline',
        'set buftype=',
        'setlocal swapfile undofile modeline',
        'lua vim.bo.swapfile = true; vim.opt_local.undofile = true',
        'call setbufvar("%", "&modeline", 1)',
        'bufdo set swapfile undofile',
      }) do
        nvim.cmd('silent! buffer venice')
        nvim.cmd(command)
        nvim.cmd('silent! buffer venice')
        is_settled()
        write('Go', SECRET)
      end
      disk_is_clean()
    end)

    it('stay after :edit, hiding and showing', function()
      with_disk()
      chat()
      nvim.cmd('set swapfile undofile modeline')
      nvim.cmd('edit')
      is_settled()
      nvim.type_keys('q')
      nvim.cmd('VeniceChat')
      is_settled()
      assert.is_truthy(nvim.text():find(SECRET, 1, true))
      disk_is_clean()
    end)

    it('a modeline in an answer sets nothing', function()
      nvim.cmd('set modeline modelines=5')
      nvim.cmd('autocmd FileType,BufEnter * setlocal modeline')
      nvim.cmd('VeniceChat why?')
      nvim.lua('fake.text(...) fake.done(nil, {})', 'vim: set tabstop=13:\nvim: set tabstop=13:\n')
      nvim.wait_for([[require('venice').status().state == 'idle']])
      local function try()
        -- As plugins do that do not think of <nomodeline>.
        nvim.cmd('doautocmd User Something')
        nvim.cmd('doautocmd BufRead')
        nvim.lua([[vim.api.nvim_exec_autocmds('User', { pattern = 'Something' })]])
        return nvim.eval('&l:tabstop')
      end
      assert.are_not.equal(13, try())
      nvim.cmd('edit')
      assert.are_not.equal(13, try())
      -- Elsewhere it would.
      nvim.cmd('new')
      nvim.lua([[vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'vim: set tabstop=13:' })]])
      nvim.cmd('autocmd User Something let g:x = 1')
      assert.are.equal(13, try())
    end)
  end)

  describe('and a session that is saved:', function()
    it('holds a name and no text, and what is restored is no chat', function()
      chat()
      local file, view = dir .. '/session.vim', dir .. '/view.vim'
      nvim.cmd('set sessionoptions+=localoptions,globals viewoptions+=options')
      nvim.cmd('mksession ' .. file .. ' | mkview ' .. view)
      assert.is_nil(child.read(file):find(SECRET, 1, true))
      assert.is_nil(child.read(view):find(SECRET, 1, true))
      assert.is_truthy(child.read(file):find('venice://chat/1', 1, true))
      nvim.stop()
      start({ cmd = { ('set directory=%s// updatecount=1'):format(dir) }, args = { '-S', file } })
      nvim.lua(
        [[
        for _, win in ipairs(vim.api.nvim_list_wins()) do
          local buf = vim.api.nvim_win_get_buf(win)
          vim.api.nvim_buf_set_lines(buf, 0, -1, false, { ... })
        end]],
        SECRET
      )
      pcall(nvim.cmd, 'preserve') -- E313 where there is no swap file
      assert.are.same({}, child.grep_tree(dir, SECRET))
      chat()
      assert.are.equal('venice://chat/1', nvim.fn.bufname())
      assert.are.same({}, child.grep_tree(dir, SECRET))
    end)

    it('holds no text in a global variable either, nor does ShaDa', function()
      chat()
      local held = nvim.lua(
        [[
        local held = {}
        for name, value in pairs(vim.fn.getcompletion('g:', 'var')) do
          name = value:match('^g:(.*)')
          if vim.inspect(vim.g[name]):find(..., 1, true) then held[#held + 1] = name end
        end
        return held]],
        SECRET
      )
      assert.are.same({}, held)
    end)
  end)
end)

describe('a word of an answer that is searched for', function()
  it('does not go to disk with the history of searches', function()
    for _, keys in ipairs({ '*', '#', 'g*', 'g#' }) do
      local mark, shada = 'SEARCHMARK81c4', child.tempdir() .. '/shada'
      local nvim = child.start({ args = { '-i', shada } })
      nvim.install_fake()
      nvim.lua([[vim.o.shadafile, vim.o.shada = ..., "!,'100,<50,s10"]], shada)
      nvim.fn.histadd('search', 'ownword')
      nvim.cmd('VeniceChat my question')
      nvim.lua('fake.text(...)', 'The ' .. mark .. ' is here')
      nvim.lua([[fake.done(nil, { finish_reason = 'stop' })]])
      nvim.wait_for([[require('venice').status().state == 'idle']])
      nvim.fn.search(mark, 'cw')
      nvim.type_keys(keys)
      assert.is_truthy(nvim.fn.getreg('/'):find(mark, 1, true), keys)
      nvim.type_keys(':<Esc>')
      assert.are.equal('ownword', nvim.fn.histget('search', -1), keys)
      nvim.quit('qall!')
      assert.is_truthy(vim.loop.fs_stat(shada))
      assert.are.same({}, child.grep_tree(vim.fn.fnamemodify(shada, ':h'), mark), keys)
      assert.are_not.same({}, child.grep_tree(vim.fn.fnamemodify(shada, ':h'), 'ownword'), keys)
    end
  end)
end)
