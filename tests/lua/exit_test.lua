-- The editor ends at any time, in any way, at once, and leaves nothing behind.
-- VENICE_EXIT_RUNS=60 runs the busiest case as often as the design asks for.

local child = require('tests.lua.child')

local RUNS = tonumber(vim.env.VENICE_EXIT_RUNS or '20')
-- Promised are 300 ms; the test leaves room for a loaded machine.
local LIMIT = 1500 * child.slack

local STREAM = [[
  local options, model = ...
  local config = require('venice.config')
  _G.client = assert(require('venice.client').new(config.client_options(options)))
  _G.tokens = 0
  for _ = 1, 3 do
    client:chat({ model = model, messages = { { role = 'user', content = 'prompt-marked' } } }, {
      on_event = function() _G.tokens = _G.tokens + 1 end,
    })
  end]]

describe('the end of the editor', function()
  local sim, nvim

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)
  before_each(function()
    sim.reset()
    sim.answer({ tokens = 100000, rate = 300 })
  end)
  after_each(function()
    if nvim then
      nvim.stop()
    end
    nvim = nil
  end)

  local function streaming(opts)
    local start = { env = { VENICE_API_KEY = 'sk-marked' } }
    nvim = child.start(vim.tbl_extend('force', start, opts or {}))
    nvim.lua(STREAM, sim.options(), sim.model)
    nvim.wait_for('_G.tokens > 2')
  end

  local function ended_well(code, ms, expected)
    assert.are.equal(expected or 0, code, nvim.stderr())
    assert.is_true(ms < LIMIT, ('it took %d ms'):format(ms))
    assert.are.same({}, vim.fn.glob(nvim.dirs.root .. '/**/core*', false, true))
  end

  it(('by :qa! in mid-stream, %d times'):format(RUNS), function()
    for _ = 1, RUNS do
      streaming()
      local code, ms = nvim.quit('qall!')
      ended_well(code, ms)
      nvim.stop()
    end
  end)

  it('by :qa! while it attests, and while nobody answers', function()
    for _, fault in ipairs({ 'attestation_hang', 'hang', 'slow_start' }) do
      sim.fault(fault)
      nvim = child.start({ env = { VENICE_API_KEY = 'sk-marked' } })
      nvim.lua(STREAM, sim.options(), sim.model)
      nvim.sleep(150)
      local code, ms = nvim.quit('qall!')
      ended_well(code, ms)
      nvim.stop()
      sim.reset()
    end
  end)

  it('by :cquit', function()
    streaming()
    local code, ms = nvim.quit('3cquit')
    ended_well(code, ms, 3)
  end)

  it('by os.exit, which runs no autocommand', function()
    streaming()
    nvim.lua_notify('os.exit(5)')
    local code, ms = nvim.wait_exit()
    -- Neovim's state is not taken down, which the sanitizers call a leak, with a code of their own.
    ended_well(code, ms, vim.env.VENICE_ASAN and code or 5)
  end)

  for signal, name in pairs({ sigterm = 'SIGTERM', sighup = 'SIGHUP' }) do
    it('by ' .. name, function()
      streaming()
      nvim.kill(signal)
      local code, ms = nvim.wait_exit()
      -- Neovim's own code for a deadly signal, which differs between versions; no crash.
      assert.is_true(code < 128 or code == 129 or code == 143, 'exit code ' .. code)
      assert.is_true(ms < LIMIT, ('it took %d ms'):format(ms))
    end)
  end

  it('in a terminal, by :qa! and by SIGHUP', function()
    streaming({ terminal = true })
    local code, ms = nvim.quit('qall!')
    ended_well(code, ms)
    nvim.stop()
    streaming({ terminal = true })
    nvim.kill('sighup')
    code, ms = nvim.wait_exit()
    assert.is_true(code < 128 or code == 129, 'exit code ' .. code)
    assert.is_true(ms < LIMIT)
  end)

  it('by kill -9 leaves no prompt, no name of a model and no key on disk', function()
    streaming()
    nvim.kill('sigkill')
    nvim.wait_exit()
    for _, marked in ipairs({ 'sk-marked', 'prompt-marked', sim.model }) do
      assert.are.same({}, child.grep_tree(nvim.dirs.root, marked))
    end
  end)

  it('while several clients run takes no longer than with one', function()
    nvim = child.start({ env = { VENICE_API_KEY = 'sk-marked' } })
    for _ = 1, 5 do
      nvim.lua(STREAM, sim.options(), sim.model)
    end
    nvim.wait_for('_G.tokens > 2')
    local code, ms = nvim.quit('qall!')
    ended_well(code, ms)
  end)

  it('while the key command hangs ends that command too', function()
    nvim = child.start()
    local pid_file = nvim.dirs.tmp .. '/pid'
    nvim.lua(
      [[
      local url, model, pid_file = ...
      local config = require('venice.config')
      _G.client = assert(require('venice.client').new(config.client_options({
        base_url = url,
        api_key = { cmd = { 'sh', '-c', 'echo $$ > ' .. pid_file .. '; exec sleep 60' } },
      })))
      client:chat({ model = model, messages = { { role = 'user', content = 'x' } } })]],
      sim.url,
      sim.model,
      pid_file
    )
    nvim.wait_for(function()
      return vim.fn.filereadable(pid_file) == 1 and #child.read(pid_file) > 0
    end)
    local pid = tonumber(vim.trim(child.read(pid_file)))
    local code, ms = nvim.quit('qall!')
    ended_well(code, ms)
    local gone = vim.wait(3000, function()
      return vim.loop.kill(pid, 0) ~= 0
    end, 20)
    assert.is_true(gone, 'the key command is still there')
  end)

  it('does not keep the descriptor in a loop once it is closed', function()
    streaming()
    nvim.lua('client:close()')
    local before = nvim.lua('return vim.loop.getrusage().utime')
    nvim.sleep(500)
    local after = nvim.lua('return vim.loop.getrusage().utime')
    local used = (after.sec - before.sec) * 1000 + (after.usec - before.usec) / 1000
    assert.is_true(used < 200, ('%d ms of work while nothing happens'):format(used))
    assert.are.equal(0, (nvim.quit('qall!')))
  end)
end)
