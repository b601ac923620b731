-- What an answer costs the editor thread: CPU time of the child's main thread, from the kernel.
-- A file for tests/lua/run; it prints, and fails only where there is nothing to measure.

local child = require('tests.lua.child')

local function say(...)
  io.stdout:write('# ', string.format(...), '\n')
  io.stdout:flush()
end

-- Milliseconds for which a thread has run.
local function thread_ms(pid)
  local ns = child.read(('/proc/%d/task/%d/schedstat'):format(pid, pid)):match('^(%d+)')
  return tonumber(ns) / 1e6
end

local function process_ms(pid)
  local total = 0
  for _, path in ipairs(vim.fn.glob(('/proc/%d/task/*/schedstat'):format(pid), true, true)) do
    local ok, text = pcall(child.read, path)
    total = total + (ok and tonumber(text:match('^(%d+)')) or 0)
  end
  return total / 1e6
end

local sim

local function start(opts)
  local nvim = child.start(vim.tbl_extend('force', { env = { VENICE_API_KEY = 'k' } }, opts or {}))
  nvim.lua(
    [[local base, model = ...
    base.model = model
    require('venice').setup(base)]],
    sim.options(),
    sim.model
  )
  return nvim
end

-- One answer: CPU of the measured thread from the request to idle, less what idling costs.
local function answer(nvim, script, measure)
  sim.answer({ text = 'ready', rate = 0 })
  nvim.cmd('VeniceChat! warm')
  nvim.wait_for([[require('venice').status().usage ~= nil]])
  nvim.wait_for([[require('venice').status().state == 'idle']])
  sim.answer(script)
  nvim.cmd('VeniceChat! go')
  -- Opening a window is not what is measured here.
  nvim.lua('_G.worst, _G.last = 0, vim.loop.hrtime()')
  local before = measure(nvim.pid)
  -- Few questions, and none while tokens come: asking costs the thread that is measured.
  nvim.sleep(script.rate > 0 and script.tokens / script.rate * 1000 or 1)
  local done
  for _ = 1, 600 do
    nvim.sleep(100)
    done = nvim.lua([[return require('venice').status().state]]) == 'idle'
    if done then
      break
    end
  end
  assert(done, 'the answer did not end')
  return measure(nvim.pid) - before
end

describe('editor', function()
  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)

  it('200 tokens a second', function()
    local nvim = start()
    local ms = answer(nvim, { tokens = 1000, rate = 200 }, thread_ms)
    say('editor thread a token at 200 tokens/s         %.3f ms   [0.08]', ms / 1000)
    nvim.stop()
  end)

  it('bursts', function()
    local cost = {}
    for _, tokens in ipairs({ 2000, 8000 }) do
      local nvim = start()
      nvim.lua([[_G.worst, _G.last = 0, vim.loop.hrtime()
        _G.watch = vim.loop.new_timer()
        _G.watch:start(0, 1, function()
          local now = vim.loop.hrtime()
          _G.worst, _G.last = math.max(_G.worst, now - _G.last), now
        end)]])
      cost[tokens] = answer(nvim, { tokens = tokens, rate = 0 }, thread_ms)
      say(
        '%5d tokens at once, editor thread            %.0f ms%s',
        tokens,
        cost[tokens],
        tokens == 8000 and '   [200]' or ''
      )
      say(
        '%5d tokens at once, longest stall            %.1f ms   [16]',
        tokens,
        nvim.lua('return _G.worst') / 1e6
      )
      nvim.stop()
    end
    say('8000 / 2000 tokens                            %.1f   [4]', cost[8000] / cost[2000])
  end)

  it('in a terminal', function()
    local nvim = start({ terminal = true, lines = 45, columns = 140 })
    local ms = answer(nvim, { tokens = 1500, rate = 180 }, process_ms)
    say('share of a core at 180 tokens/s, 140x45       %.1f %%   [12]', ms / (1500 / 180) / 10)
    nvim.stop()
  end)
end)
