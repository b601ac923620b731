-- Commands of a tool: no shell, no secrets, no end without an end.

local child = require('tests.lua.child')
local run = require('venice.process')
local uv = require('venice.compat').uv

local folder

before_each(function()
  folder = uv.fs_realpath(child.tempdir())
end)

-- Runs to the end and returns the result, or the error.
local function complete(argv, opts)
  opts = opts or {}
  opts.cwd = opts.cwd or folder
  local answer, count = nil, 0
  local handle = run.run(argv, opts, function(err, result)
    assert(not vim.in_fast_event())
    count = count + 1
    answer = err or result
  end)
  assert.is_nil(answer)
  assert.is_true(
    vim.wait(8000, function()
      return answer ~= nil
    end, 5),
    'no end'
  )
  vim.wait(20)
  assert.are.equal(1, count)
  return answer, handle
end

local function is_alive(pid)
  return uv.kill(pid, 0) == 0
end

local function is_gone(pid)
  return vim.wait(2000, function()
    -- What init has not collected yet is as good as gone.
    local stat = io.open(('/proc/%d/stat'):format(pid))
    local state = stat and stat:read('*a'):match('%) (%a)')
    if stat then
      stat:close()
    end
    return state == 'Z' or not is_alive(pid)
  end, 5)
end

describe('a command', function()
  it('runs in the working folder and says how it ended', function()
    local result = complete({ 'sh', '-c', 'pwd; echo oops >&2; exit 3' })
    assert.are.equal('exit', result.outcome)
    assert.are.equal(3, result.code)
    assert.are.equal(folder .. '\n', result.stdout)
    assert.is_truthy(result.output:find('oops\n', 1, true))
    assert.is_false(result.truncated)
    assert.is_true(result.seconds < 5)
  end)

  it('has no shell', function()
    local result = complete({ 'echo', '$HOME', '; touch x', '`id`', '*' })
    assert.are.equal('$HOME ; touch x `id` *\n', result.output)
    assert.is_nil(uv.fs_stat(folder .. '/x'))
  end)

  it('gets no key, whatever the variable is called', function()
    local config, process = require('venice.config'), require('venice.process')
    local get, tz = config.last_good, vim.env.TZ
    config.last_good = function()
      return { api_key = { env = 'TZ' } }
    end
    vim.env.TZ = 'a-secret-key'
    local tool, user = table.concat(process.environment()), table.concat(process.user_environment())
    vim.env.TZ, config.last_good = tz, get
    assert.is_nil(tool:find('a-secret-key', 1, true))
    assert.is_nil(user:find('a-secret-key', 1, true))
  end)

  it('gets a scrubbed environment', function()
    vim.env.VENICE_API_KEY = 'a-secret-key'
    vim.env.LD_PRELOAD_TEST, vim.env.GIT_DIR, vim.env.MY_TOKEN = 'x', 'x', 'x'
    vim.env.LC_TIME = 'C'
    local path = vim.env.PATH
    vim.env.PATH = '.:' .. path .. '::relative/bin'
    local output = complete({ 'env' }).output
    vim.env.PATH = path
    for name in ('VENICE_API_KEY LD_PRELOAD_TEST GIT_DIR MY_TOKEN LC_TIME'):gmatch('%S+') do
      vim.env[name] = nil
    end
    local names = {}
    for name, value in output:gmatch('([^=\n]+)=([^\n]*)') do
      names[name] = value
    end
    assert.is_nil(output:find('a-secret-key', 1, true))
    local expected = 'PATH HOME LANG LANGUAGE TMPDIR USER LOGNAME SHELL TZ TERM PAGER GIT_PAGER '
      .. 'GIT_TERMINAL_PROMPT PWD SHLVL _ '
    for name in pairs(names) do
      local is_known = expected:find(name .. ' ', 1, true) or name:find('^LC_')
      assert.is_truthy(is_known, name)
    end
    assert.are.equal('C', names.LC_TIME)
    assert.are.equal('dumb', names.TERM)
    for entry in (names.PATH .. ':'):gmatch('(.-):') do
      assert.are.equal('/', entry:sub(1, 1))
    end
  end)

  it('finds no program in the working folder by name', function()
    local file = assert(io.open(folder .. '/venice-no-such-program', 'w'))
    file:write('#!/bin/sh\necho hijacked\n')
    file:close()
    uv.fs_chmod(folder .. '/venice-no-such-program', 493)
    assert.are.equal('not_found', complete({ 'venice-no-such-program' }).code)
    assert.are.equal('hijacked\n', complete({ './venice-no-such-program' }).output)
  end)

  it('has no input, or the one that it is given', function()
    assert.are.equal('', complete({ 'cat' }).output)
    assert.are.equal('a\0b', complete({ 'cat' }, { input = 'a\0b' }).output)
    -- One that does not read its input breaks nothing.
    local result = complete({ 'true' }, { input = ('x'):rep(1000000) })
    assert.are.equal('exit', result.outcome)
  end)

  it('says whether it has read and written everything', function()
    local big = { input = ('x'):rep(1000000), max_output = 2000000 }
    local result = complete({ 'sh', '-c', 'cat; echo oops >&2' }, big)
    assert.is_true(result.complete)
    assert.are.equal(1000000, #result.stdout)
    assert.are.equal('oops\n', result.stderr)
    assert.is_true(complete({ 'true' }).complete)
    assert.is_false(complete({ 'true' }, { input = ('x'):rep(1000000) }).complete)
    -- One that has left the group may hold the output open.
    if vim.fn.executable('setsid') == 1 then
      assert.is_false(complete({ 'sh', '-c', 'setsid sleep 2 & sleep 0.1' }).complete)
    end
  end)

  it('that hangs is ended', function()
    local result = complete({ 'sleep', '60' }, { timeout = 0.1 })
    assert.are.equal('timeout', result.outcome)
    assert.are_not.equal(0, result.signal)
    assert.is_true(result.seconds < 3)
    local deaf = { 'sh', '-c', 'trap "" TERM; echo $$; while :; do sleep 0.05; done' }
    result = complete(deaf, { timeout = 0.2 })
    assert.are.equal('timeout', result.outcome)
    assert.are.equal(9, result.signal)
    assert.is_true(is_gone(tonumber(result.output)))
  end)

  it('that floods is ended', function()
    local result = complete({ 'yes' }, { max_output = 10000 })
    assert.are.equal('output', result.outcome)
    assert.is_true(result.truncated)
    assert.are.equal(10000, #result.output)
    result = complete({ 'sh', '-c', 'yes >&2' }, { max_output = 10000 })
    assert.are.equal('output', result.outcome)
    assert.are.equal(10000, #result.output)
    assert.are.equal('', result.stdout)
  end)

  it('that forks leaves nobody behind', function()
    local script = 'sleep 60 & echo $!; exit 0'
    local result = complete({ 'sh', '-c', script })
    assert.are.equal('exit', result.outcome)
    assert.are.equal(0, result.code)
    assert.is_true(result.seconds < 3)
    assert.is_true(is_gone(tonumber(result.output)))
    result = complete({ 'sh', '-c', 'sleep 60 & echo $!; sleep 60' }, { timeout = 0.3 })
    assert.are.equal('timeout', result.outcome)
    assert.is_true(is_gone(tonumber(result.output)))
  end)

  it('can be stopped', function()
    local answer
    local argv = { 'sh', '-c', 'sleep 60 & echo $!; wait' }
    local handle = run.run(argv, { cwd = folder }, function(_, result)
      answer = result
    end)
    vim.wait(100)
    handle.stop()
    handle.stop()
    assert.is_true(vim.wait(3000, function()
      return answer ~= nil
    end, 5))
    handle.stop()
    assert.are.equal('stopped', answer.outcome)
    assert.is_true(is_gone(handle.pid))
    assert.is_true(is_gone(tonumber(answer.output)))
  end)

  it('that cannot start says so', function()
    assert.are.equal('not_found', complete({ 'sh', '-c', 'true' }, { cwd = folder .. '/x' }).code)
    assert.are.equal('not_found', complete({ folder }).code)
    for _, argv in ipairs({ {}, { '' }, { 'a\0b' }, { 'echo', 1 }, { a = 'b' } }) do
      assert.are.equal('bad_request', complete(argv).code)
    end
    assert.has_error(function()
      run.run('ls', { cwd = folder }, function() end)
    end)
    assert.has_error(function()
      run.run({ 'ls' }, {}, function() end)
    end)
  end)

  it('leaves no handle open', function()
    local function count()
      return #vim.fn.readdir('/proc/self/fd')
    end
    if not uv.fs_stat('/proc/self/fd') then
      pending('no /proc')
      return
    end
    complete({ 'true' })
    local before = count()
    for _ = 1, 5 do
      complete({ 'true' })
      complete({ 'cat' }, { input = 'x' })
      complete({ 'venice-no-such-program' })
      complete({ 'sleep', '9' }, { timeout = 0.02 })
    end
    vim.wait(50)
    assert.are.equal(before, count())
  end)

  it('ends with Neovim', function()
    local nvim = child.start({ cwd = folder })
    nvim.lua(
      [[
      require('venice.process').run({ 'sh', '-c', 'sleep 60 & echo $$ $! > pids; wait' },
        { cwd = ... }, function() end)
    ]],
      folder
    )
    local pids
    assert.is_true(vim.wait(3000, function()
      local ok, text = pcall(child.read, folder .. '/pids')
      pids = ok and text
      return pids and pids:find('\n') ~= nil
    end, 10))
    nvim.quit()
    for pid in pids:gmatch('%d+') do
      assert.is_true(is_gone(tonumber(pid)))
    end
    nvim.stop()
  end)
end)
