-- What an answer costs the editor thread: CPU time of the child's main thread, from the kernel; how
-- long the editor stalls; how soon the service knows that an answer was stopped.
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

-- Megabytes that a process has, or had at most.
local function memory(pid, what)
  return tonumber(child.read(('/proc/%d/status'):format(pid)):match(what .. ':%s+(%d+)')) / 1024
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
  -- Beside its terminal the editor is a process of its own in newer Neovims.
  nvim.editor = nvim.fn.getpid()
  return nvim
end

local function wait_idle(nvim)
  for _ = 1, 600 do
    nvim.sleep(100)
    if nvim.lua([[return require('venice').status().state]]) == 'idle' then
      return
    end
  end
  error('the answer did not end')
end

-- Notes the longest time between two ticks of a timer, and the most CPU that the editor thread took
-- between two: on a machine with other work the first is longer. It costs too, so nothing else is
-- measured then.
local function watch_stalls(nvim)
  nvim.lua([[
    local ffi = require('ffi')
    pcall(ffi.cdef, [=[
      struct bench_time { long s, ns; };
      int clock_gettime(int, struct bench_time *);]=])
    local time = ffi.new('struct bench_time')
    local function busy()
      ffi.C.clock_gettime(3, time) -- of this thread
      return tonumber(time.s) * 1e3 + tonumber(time.ns) / 1e6
    end
    _G.longest, _G.busiest = 0, 0
    local last, last_busy = vim.loop.hrtime(), busy()
    _G.watch = _G.watch or vim.loop.new_timer()
    _G.watch:start(0, 1, function()
      local now, now_busy = vim.loop.hrtime(), busy()
      _G.longest = math.max(_G.longest, (now - last) / 1e6)
      _G.busiest = math.max(_G.busiest, now_busy - last_busy)
      last, last_busy = now, now_busy
    end)]])
end

local function say_stalls(nvim, what)
  nvim.lua('_G.watch:stop()')
  local longest, busiest = unpack(nvim.lua('return { _G.longest, _G.busiest }'))
  local words = ('%.1f ms, of CPU %.1f ms'):format(longest, busiest)
  say('%-44s  %s   [16]', what, words)
end

-- CPU of the measured thread from a request to idle, of an answer to `command`.
local function cost_of(nvim, command, script, measure)
  sim.answer(script)
  nvim.cmd(command)
  -- Opening a window is not what is measured here.
  if nvim.lua('return _G.watch and _G.watch:is_active()') then
    watch_stalls(nvim)
  end
  local before = measure(nvim.editor)
  -- Few questions, and none while tokens come: asking costs the thread that is measured.
  nvim.sleep(script.rate > 0 and script.tokens / script.rate * 1000 or 1)
  wait_idle(nvim)
  return measure(nvim.editor) - before
end

-- The same in a new chat, when there is a session already.
local function answer(nvim, script, measure)
  sim.answer({ text = 'ready', rate = 0 })
  nvim.cmd('VeniceChat! warm')
  nvim.wait_for([[require('venice').status().usage ~= nil]])
  nvim.wait_for([[require('venice').status().state == 'idle']])
  return cost_of(nvim, 'VeniceChat! go', script, measure)
end

-- About 130 lines as models write them.
local function article()
  local lines = {}
  for i = 1, 8 do
    vim.list_extend(lines, {
      ('## Part %d'):format(i),
      '',
      'Some *words* with `code`, a [link](https://example.org) and **more** of that kind, in lines',
      'that are long enough to be wrapped where a window is narrow, as windows of chats are.',
      '',
      '- one thing',
      '- another thing',
      '',
      '```lua',
      'local function f(x)',
      "  return x and ('%d'):format(x) or nil",
      'end',
      '```',
      '',
      '| a | b |',
      '|---|---|',
    })
  end
  return table.concat(lines, '\n')
end

-- A chat of 2,000 lines, with highlighting and folds.
local function long_chat(opts)
  local nvim = start(opts)
  local lines = 0
  while lines < 2000 do
    sim.answer({ text = article(), reasoning = 'Thinking.\n\nMore of it.', rate = 0 })
    nvim.cmd('VeniceChat and then?')
    wait_idle(nvim)
    lines = nvim.api.nvim_buf_line_count(0)
  end
  assert(nvim.fn.foldlevel(10) > 0, 'the chat has no folds')
  assert(nvim.eval('&syntax') ~= 'venice', 'the chat is not highlighted')
  return nvim, lines
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
      watch_stalls(nvim)
      cost[tokens] = answer(nvim, { tokens = tokens, rate = 0 }, thread_ms)
      say(
        '%5d tokens at once, editor thread            %.0f ms%s',
        tokens,
        cost[tokens],
        tokens == 8000 and '   [200]' or ''
      )
      say_stalls(nvim, ('%5d tokens at once, longest stall'):format(tokens))
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

  it('a long chat', function()
    local paced, burst = { tokens = 1000, rate = 200 }, { tokens = 8000, rate = 0 }
    local nvim, lines = long_chat()
    say('at the end of a chat of %d lines:', lines)
    local ms = cost_of(nvim, 'VeniceChat go on', paced, thread_ms)
    say('  editor thread a token at 200 tokens/s       %.3f ms   [0.08]', ms / 1000)
    ms = cost_of(nvim, 'VeniceChat go on', burst, thread_ms)
    say('   8000 tokens at once, editor thread         %.0f ms   [200]', ms)
    nvim.stop()

    nvim = long_chat({ terminal = true, lines = 45, columns = 140 })
    say('the same with a screen of 140x45, redraws and all:')
    ms = cost_of(nvim, 'VeniceChat go on', paced, thread_ms)
    say('  editor thread a token at 200 tokens/s       %.3f ms', ms / 1000)
    ms = cost_of(nvim, 'VeniceChat go on', burst, thread_ms)
    say('   8000 tokens at once, editor thread         %.0f ms   [200]', ms)
    watch_stalls(nvim)
    cost_of(nvim, 'VeniceChat go on', paced, thread_ms)
    say_stalls(nvim, '  longest stall at 200 tokens/s')
    watch_stalls(nvim)
    cost_of(nvim, 'VeniceChat go on', burst, thread_ms)
    say_stalls(nvim, '  longest stall with 8000 tokens at once')
    nvim.stop()
  end)

  -- What nobody asks for; the limits are those of a step, a stop and the memory.
  it('the worst answers', function()
    local word = 'word and '
    local cases = {
      { '16 MB in events of 0.5 MB', word:rep(58000), 36 },
      { 'a line of 3.9 MB in one event', word:rep(433000), 1 },
      { 'a line of 600 KB in small pieces', word:rep(50), 1333 },
      { 'a megabyte of line feeds', ('\n'):rep(1048576), 1 },
    }
    for _, case in ipairs(cases) do
      local nvim = start({ terminal = true, lines = 45, columns = 140 })
      local chunks = {}
      for i = 1, case[3] do
        chunks[i] = case[2]
      end
      watch_stalls(nvim)
      local before = memory(nvim.editor, 'VmRSS')
      local ms = answer(nvim, { chunks = chunks, rate = 0 }, thread_ms)
      say('%s, editor thread   %.0f ms', case[1], ms)
      say_stalls(nvim, '  longest stall')
      say('  memory over rest   %.0f MB   [100]', memory(nvim.editor, 'VmHWM') - before)
      nvim.stop()
    end
  end)

  it('stopping the worst answer', function()
    local nvim = start({ terminal = true, lines = 45, columns = 140 })
    local chunks = {}
    for i = 1, 30 do
      chunks[i] = ('word and '):rep(58000)
    end
    local times = {}
    for i = 1, 5 do
      sim.answer({ chunks = chunks, rate = 0 })
      nvim.cmd('VeniceChat! go')
      nvim.wait_for([[vim.fn.line2byte('$') > 1000000]], 60000)
      times[i] = nvim.lua([[
        local start = vim.loop.hrtime()
        require('venice.chat').current():stop()
        vim.wait(10000, function() return require('venice').status().state == 'idle' end, 1)
        return (vim.loop.hrtime() - start) / 1e6]])
    end
    table.sort(times)
    say('stop in the middle of 16 MB, median / worst   %.1f / %.1f ms   [50]', times[3], times[5])
    nvim.stop()
  end)

  -- Both ends read the clock of this machine.
  it('stopping', function()
    local nvim = start()
    local times = {}
    for i = 1, 11 do
      sim.answer({ tokens = 4000, rate = 200 })
      nvim.cmd('VeniceChat! go')
      nvim.wait_for([[require('venice').status().state == 'streaming']], 20000)
      local seconds, microseconds = unpack(nvim.lua([[
        local chat = require('venice.chat').current()
        local now = { vim.loop.gettimeofday() }
        chat:stop()
        return now]]))
      local left
      vim.wait(5000, function()
        for _, entry in ipairs(sim.log()) do
          left = entry.path == '/api/v1/chat/completions' and entry.client_closed or left
        end
        return left ~= nil and left ~= vim.NIL and left > seconds
      end, 50)
      times[i] = (left - seconds) * 1000 - microseconds / 1000
      nvim.wait_for([[require('venice').status().state == 'idle']])
    end
    table.sort(times)
    say('stop until the service sees the end, median   %.1f ms   [50]', times[6])
    say('stop until the service sees the end, worst    %.1f ms', times[11])
    nvim.stop()
  end)
end)
