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
    has(text, 'first to use curl and cJSON')
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
      NVIM_LOG_FILE = '/tmp/nvim.log',
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
    start({ cmd = { "set shada='100,<50,s10,h" } })
    assert.are.equal('warn', level_of("'shada' saves registers"))
    nvim.cmd("set shada='100,<0,s10,h")
    assert.are.equal('ok', level_of("'shada' saves no registers"))
    nvim.cmd('set shada=')
    assert.are.equal('ok', level_of("'shada' saves no registers"))
    nvim.cmd('enew | set filetype=venice swapfile undofile')
    assert.are.equal('error', level_of('a chat buffer has a swap file'))
  end)

  it('knows plugins that read buffers for a service', function()
    start()
    assert.are.equal('ok', level_of('no known AI completion plugin'))
    nvim.cmd('let g:loaded_copilot = 1')
    has(report(), 'copilot.vim')
    nvim.lua([[package.loaded['supermaven-nvim'] = {}]])
    has(report(), 'supermaven-nvim')
    assert.are.equal('warn', level_of('plugins that may send'))
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
