-- :checkhealth venice: what it finds, in the words that a user reads.

local child = require('tests.lua.child')

local KEY = 'sk-marked-key-of-the-health-test'

describe(':checkhealth venice', function()
  local nvim

  local function start(opts)
    opts = opts or {}
    opts.env = vim.tbl_extend('keep', opts.env or {}, { VENICE_API_KEY = KEY })
    nvim = child.start(opts)
  end

  after_each(function()
    nvim.stop()
  end)

  local function report()
    nvim.cmd('checkhealth venice')
    local text = nvim.text()
    assert.is_falsy(text:find('Failed to run', 1, true), text)
    assert.is_truthy(text:find('venice: Neovim', 1, true), text)
    return text
  end

  local function has(text, words)
    assert.is_truthy(text:find(words, 1, true), 'lacks: ' .. words .. '\n' .. text)
  end
  local function lacks(text, words)
    assert.is_falsy(text:find(words, 1, true), 'has: ' .. words .. '\n' .. text)
  end

  -- The level under which a sentence stands, from the module itself: its look differs by version.
  local function level_of(words)
    return nvim.lua(
      [[
      for _, section in ipairs(require('venice.health').sections()) do
        for _, entry in ipairs(section.items) do
          if entry.text:find(..., 1, true) then return entry.level end
        end
      end]],
      words
    )
  end

  it('is good on a machine where all is well', function()
    start()
    nvim.cmd('set shada=')
    local text = report()
    has(text, 'libvenice.so')
    has(text, 'ABI 1')
    has(text, 'openssl ')
    has(text, 'curl ')
    has(text, 'secp256k1 ')
    has(text, 'cjson ')
    has(text, 'https://api.venice.ai')
    has(text, 'environment variable VENICE_API_KEY')
    has(text, 'all options have their defaults')
    has(text, 'first to use curl in this process')
    has(text, 'Neovim ')
    lacks(text, 'ERROR')
    lacks(text, 'stack traceback')
    assert.are.equal('ok', level_of('the API key comes from'))
    assert.are.equal('ok', level_of('first to use'))
  end)

  it('never shows the key, nor takes it into Lua', function()
    start()
    lacks(report(), KEY)
    -- vim.env would have made a Lua string of it.
    nvim.lua([[
      vim.env = setmetatable({}, { __index = function(_, name)
        if name == 'VENICE_API_KEY' then error('read the key') end
        return vim.fn.getenv(name) ~= vim.NIL and vim.fn.getenv(name) or nil
      end })]])
    lacks(report(), 'read the key')
  end)

  it('says what to do where the library is not built', function()
    local dir = child.tempdir()
    for _, name in ipairs({ 'lua', 'plugin', 'csrc' }) do
      assert(vim.loop.fs_symlink(child.root .. '/' .. name, dir .. '/' .. name))
    end
    start({ rtp = dir })
    local text = report()
    has(text, 'not built')
    has(text, 'make -C')
    lacks(text, 'stack traceback')
    assert.are.equal('error', level_of('not built'))
    -- The rest is said all the same.
    has(text, 'https://api.venice.ai')
  end)

  it('misses the key, by the name of its variable or command', function()
    start({ env = { VENICE_API_KEY = false } })
    has(report(), 'VENICE_API_KEY is not set')
    assert.are.equal('error', level_of('VENICE_API_KEY is not set'))
    nvim.lua([[require('venice.config').setup({ api_key = { cmd = { 'no-such-program' } } })]])
    has(report(), 'no-such-program')
    assert.are.equal('error', level_of('no-such-program'))
  end)

  it('warns where trust is less than it looks', function()
    start()
    nvim.lua([[require('venice.config').setup({ verify = { dcap = 'off' } })]])
    assert.are.equal('warn', level_of("verify.dcap = 'off'"))
    local pem = nvim.dirs.tmp .. '/root.pem'
    child.write(pem, '-----BEGIN CERTIFICATE-----\n')
    nvim.lua([[require('venice.config').setup({ verify = { root_ca = ... } })]], pem)
    assert.are.equal('warn', level_of('SIMULATED'))
    has(report(), 'verify.root_ca')
    nvim.lua([[require('venice.config').setup({ verify = { root_ca = '/nonexistent' } })]])
    assert.are.equal('error', level_of('verify.root_ca: /nonexistent'))
    nvim.lua([[require('venice.config').setup({ verify = { attestation = false } })]])
    assert.are.equal('warn', level_of('UNVERIFIED'))
  end)

  it('names the options that were changed, not their values', function()
    start()
    nvim.lua([[require('venice.config').setup({
      session_ttl = 77, chat = { size = 60, keymaps = { hide = 'Q' } } })]])
    has(report(), 'chat.keymaps.hide, chat.size, session_ttl')
  end)

  it('warns of an environment that gives secrets away', function()
    for name, value in pairs({
      SSLKEYLOGFILE = '/tmp/keys',
      HTTPS_PROXY = 'http://user:password@proxy:1',
      OPENSSL_CONF = '/tmp/openssl.cnf',
    }) do
      start({ env = { [name] = value } })
      assert.are.equal('warn', level_of(name .. ' is set'), name)
      lacks(report(), 'password')
      nvim.stop()
    end
    start({ cmd = { 'set verbosefile=/dev/null' } })
    assert.are.equal('warn', level_of("'verbosefile' is set"))
  end)

  it('audits what could keep text: shada, swap, undo', function()
    start({ cmd = { "set shadafile= shada=!,'100,<50,s10,h" } })
    -- Of two items of a kind the first counts.
    for shada, keeps in pairs({
      ["!,'100,<50,s10,h"] = true,
      ["!,'100,<50,<0,s10,h"] = true,
      ['!,\'100,"0,<50'] = true,
      ["!,'100,s10,h"] = true,
      ["!,'100,<0,s10,h"] = false,
      ['!,\'100,"0,s10'] = false,
      ["!,'100,<0,<50"] = false,
      ["!,'9,r/run,<0,h"] = false,
      ["!,'9,r/run/n,<9,h"] = true,
      [''] = false,
    }) do
      nvim.lua('vim.o.shada = ...', shada)
      assert.are.equal(keeps and 'warn' or 'ok', level_of("'shada' saves "), shada)
    end
    -- What is advised does it.
    for _, shada in ipairs({ "!,'100,<50,s10,h", "'100", '!,\'9,"50', "'100,<9,n~/my shada" }) do
      nvim.lua('vim.o.shada = ...', shada)
      local command = report():match('(:set shada=.-)   %(no registers')
      assert.is_truthy(command, shada)
      nvim.cmd(command)
      assert.are.equal('ok', level_of("'shada' saves no registers"), command)
      assert.are.equal(shada:match(',n.*') or '', nvim.eval('&shada'):match(',n.*') or '')
    end
    nvim.cmd("set shadafile=NONE shada='100,<50")
    assert.are.equal('ok', level_of("'shada' saves no registers"))
    assert.are.equal('ok', level_of("'modeline' do not touch chats"))
    nvim.cmd('enew | set filetype=venice swapfile undofile')
    assert.are.equal('error', level_of('a chat buffer has a swap file'))
  end)

  it('knows plugins that read buffers for a service, and what is done about each', function()
    start()
    assert.are.equal('ok', level_of('no known AI completion plugin'))
    nvim.cmd('let g:loaded_copilot = 1')
    nvim.lua([[package.loaded['supermaven-nvim'] = {}]])
    has(report(), 'stay away from chats: copilot.vim, supermaven-nvim')
    assert.are.equal('ok', level_of('told to stay away'))
    nvim.lua([[package.loaded.avante = {}]])
    assert.are.equal('info', level_of('what you ask them to send: avante.nvim'))
    nvim.lua([[package.loaded.cursortab = {}]])
    assert.are.equal('warn', level_of('may send what is in a buffer to a service'))
    nvim.cmd('let g:loaded_codeium = 1')
    assert.are.equal('warn', level_of('send the text of all buffers, chats too: codeium.vim'))
    lacks(report(), 'no known AI completion plugin')
  end)

  it('finds a plugin that is installed and not loaded yet', function()
    local dir = child.tempdir()
    assert(vim.loop.fs_mkdir(dir .. '/lua', 448))
    assert(vim.loop.fs_mkdir(dir .. '/lua/minuet', 448))
    child.write(dir .. '/lua/minuet/init.lua', 'error("must not be loaded")')
    start({ cmd = { 'set rtp^=' .. dir } })
    assert.are.equal('ok', level_of('told to stay away from chats: minuet-ai.nvim'))
  end)

  it('warns of what else keeps text that was yanked or deleted', function()
    start()
    lacks(report(), 'yanked or deleted')
    nvim.cmd('set clipboard=unnamedplus')
    assert.are.equal('warn', level_of("'clipboard' sends all"))
    nvim.lua([[package.loaded.yanky = {}]])
    assert.are.equal('warn', level_of('yanked or deleted on disk: yanky.nvim'))
    nvim.lua([[package.loaded.persistence = {}]])
    assert.are.equal('info', level_of('not their text: persistence.nvim'))
    nvim.cmd('set formatprg=par\\ w80 undofile')
    assert.are.equal('info', level_of("'formatprg': gq in a chat gives the text to par w80"))
    assert.are.equal('info', level_of('that you write with :w {file}'))
  end)

  it('knows whether a language server sees a chat', function()
    start()
    assert.are.equal('ok', level_of('language servers cannot attach to chats'))
    -- It does not load what is large and not needed.
    assert.is_nil(nvim.lua([[return package.loaded['vim.lsp'] ]]))
    nvim.lua([[
      local client = { id = 1, name = 'nosy', config = {}, attached_buffers = {} }
      vim.lsp[vim.lsp.get_clients and 'get_clients' or 'get_active_clients'] = function()
        return { client }
      end
      _G.client = client]])
    assert.are.equal('ok', level_of('those for all filetypes: nosy'))
    nvim.lua([[
      local buf = vim.api.nvim_create_buf(false, true)
      require('venice.chat.private').harden(buf)
      _G.client.attached_buffers[buf] = true]])
    assert.are.equal('error', level_of('language servers that see a chat: nosy'))
  end)

  it('says whether chats can be saved', function()
    start()
    assert.are.equal('info', level_of('chats cannot be saved: history.encrypt is not set'))
    local function configure(history)
      nvim.lua([[require('venice.config').setup({ history = ... })]], history)
    end
    configure({ encrypt = { 'cat' }, decrypt = { 'no-such-age', '-d' } })
    assert.are.equal('ok', level_of('history.encrypt is cat'))
    assert.are.equal('error', level_of('history.decrypt is not executable: no-such-age'))
    assert.are.equal('info', level_of('saved chats: 0, in'))
    configure({ encrypt = { 'cat' } })
    assert.are.equal('warn', level_of('history.decrypt is not set'))
    child.write(nvim.dirs.home .. '/age', '#!/bin/sh\n')
    assert(vim.loop.fs_chmod(nvim.dirs.home .. '/age', 448))
    configure({ encrypt = { '~/age' }, decrypt = { '~/age' } })
    assert.are.equal('ok', level_of('history.encrypt is ~/age'))
  end)

  it('counts the prompts, and names the tools', function()
    start()
    assert.are.equal('info', level_of('no prompts of your own'))
    local dir = child.tempdir()
    child.write(dir .. '/one.md', 'Explain.')
    child.write(dir .. '/two.md', 'Explain more.')
    nvim.lua([[require('venice.config').setup({ prompts = { dir = ... } })]], dir)
    assert.are.equal('ok', level_of('prompts of your own: 2, in ' .. dir))
    nvim.lua([[require('venice.config').setup({ prompts = { dir = '/nonexistent' } })]])
    assert.are.equal('warn', level_of('prompts.dir is not a folder'))
    assert.are.equal('info', level_of('after :Venice tools on: buffer, diagnostics,'))
    assert.are.equal('ok', level_of('git is there'))
    nvim.lua([[vim.env.PATH = '/nonexistent']])
    assert.are.equal('info', level_of('git was not found'))
  end)

  it('shows the sessions that stand', function()
    local sim = child.simulator()
    start()
    nvim.lua(
      [[
      local options, model = ...
      require('venice.config').setup(options)
      require('venice.client').default():attest(model, {}, {
        on_done = function(err) _G.done = { err } end,
      })]],
      sim.options(),
      sim.model
    )
    nvim.wait_for('_G.done')
    local text = report()
    has(text, 'session with ' .. sim.model)
    has(text, 'level dcap')
    sim.stop()
  end)
end)
