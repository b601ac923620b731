-- Runs a command: an argument list, no shell; an environment without the API key, for a tool's
-- command of a few harmless variables only; a process group of its own, which is killed as a whole
-- at the limit of time or output, on stop, when it has ended and when Neovim quits.
--
-- What this is not: a sandbox. The command can read the user's files and reach the network, which
-- is why it is shown and asked for each time. A process that leaves its group (setsid) lives on.

local compat = require('venice.compat')
local errors = require('venice.errors')

local uv = compat.uv
local M = {}

M.TIMEOUT = 60
M.MAX_OUTPUT = 64 * 1024
local MAX_TIMEOUT = 3600
local MAX_ARGUMENTS = 1024
-- How long a group may take to end after SIGTERM, and a pipe to drain after its process ended.
local GRACE_MS = 500
local DRAIN_MS = 250

local allowed = {}
for name in ('HOME LANG LANGUAGE TMPDIR USER LOGNAME SHELL TZ'):gmatch('%S+') do
  allowed[name] = true
end

-- A relative entry would find programs in the working folder, which may be anyone's.
local function absolute_path(path)
  local entries = {}
  for entry in (path or ''):gmatch('[^:]+') do
    if entry:sub(1, 1) == '/' then
      entries[#entries + 1] = entry
    end
  end
  return #entries > 0 and table.concat(entries, ':') or '/usr/local/bin:/usr/bin:/bin'
end

-- The environment of Neovim without the variables that could hold the API key.
local function without_key()
  local variables = uv.os_environ()
  variables.VENICE_API_KEY = nil
  variables[require('venice.config').last_good().api_key.env or ''] = nil
  return variables
end

--- The environment of a program that the user has named in an option (age, gpg): theirs, without
--- the variables that could hold the API key. As a list of NAME=value.
---@return string[]
function M.user_environment()
  local list = {}
  for name, value in pairs(without_key()) do
    list[#list + 1] = name .. '=' .. value
  end
  table.sort(list)
  return list
end

--- The environment of a tool's command, as a list of NAME=value.
---@return string[]
function M.environment()
  local list = {}
  for name, value in pairs(without_key()) do
    if allowed[name] or name:find('^LC_[A-Z]+$') then
      list[#list + 1] = name .. '=' .. value
    elseif name == 'PATH' then
      list[#list + 1] = 'PATH=' .. absolute_path(value)
    end
  end
  -- No pager waits for keys, no program draws.
  for _, entry in ipairs({ 'TERM=dumb', 'PAGER=cat', 'GIT_PAGER=cat', 'GIT_TERMINAL_PROMPT=0' }) do
    list[#list + 1] = entry
  end
  table.sort(list)
  return list
end

---@class venice.RunResult
---@field outcome 'exit'|'timeout'|'output'|'stopped' why it ended
---@field code integer
---@field signal integer
---@field output string what it wrote, standard output and error in the order of arrival
---@field stdout string
---@field stderr string
---@field complete boolean its standard output came to its end, and all of its input was taken
---@field truncated boolean more was written than the limit
---@field seconds number

---@class venice.Run
---@field stop fun() ends the command; the callback follows
---@field pid integer

-- Runs under way, to be ended with Neovim.
local running = {}
local watches_exit = false

local function kill_group(run, signal)
  -- A negative id is a group. It is gone where nobody is left in it.
  pcall(uv.kill, -run.pid, signal)
end

local function watch_exit()
  if watches_exit then
    return
  end
  watches_exit = true
  vim.api.nvim_create_autocmd('VimLeavePre', {
    group = vim.api.nvim_create_augroup('venice_process', { clear = true }),
    callback = function()
      for run in pairs(running) do
        kill_group(run, 'sigkill')
      end
    end,
  })
end

local function close(handle)
  if handle and not handle:is_closing() then
    handle:close()
  end
end

local function close_all(run)
  for _, name in ipairs({ 'out', 'err', 'input', 'timer', 'killer', 'handle' }) do
    close(run[name])
  end
end

local function finish(run)
  if run.finished then
    return
  end
  run.finished = true
  running[run] = nil
  close_all(run)
  local result = {
    outcome = run.outcome or 'exit',
    code = run.code,
    signal = run.signal,
    output = table.concat(run.parts),
    stdout = table.concat(run.stdout),
    stderr = table.concat(run.stderr),
    complete = run.stdout_ended and (run.input == nil or run.input_taken),
    truncated = run.truncated,
    seconds = (uv.hrtime() - run.started) / 1e9,
  }
  vim.schedule(function()
    run.callback(nil, result)
  end)
end

-- The command ended: what is left of its group (it may have forked) ends too, the pipes drain.
local function drain(run)
  kill_group(run, 'sigkill')
  if run.open == 0 then
    finish(run)
    return
  end
  run.timer:stop()
  run.timer:start(DRAIN_MS, 0, function()
    finish(run)
  end)
end

local function terminate(run, outcome)
  if run.finished or run.outcome then
    return
  end
  run.outcome = outcome
  if run.code then
    return
  end
  kill_group(run, 'sigterm')
  run.killer = uv.new_timer()
  run.killer:start(GRACE_MS, 0, function()
    kill_group(run, 'sigkill')
  end)
end

local function keep(run, chunk, is_stdout)
  local room = run.max_output - run.size
  if #chunk > room then
    chunk, run.truncated = chunk:sub(1, room), true
  end
  if chunk ~= '' then
    run.size = run.size + #chunk
    run.parts[#run.parts + 1] = chunk
    local stream = is_stdout and run.stdout or run.stderr
    stream[#stream + 1] = chunk
  end
  if run.truncated then
    terminate(run, 'output')
  end
end

local function read(run, pipe, is_stdout)
  run.open = run.open + 1
  pipe:read_start(function(err, chunk)
    if chunk and not err then
      keep(run, chunk, is_stdout)
      return
    end
    run.open = run.open - 1
    run.stdout_ended = run.stdout_ended or (is_stdout and not err)
    close(pipe)
    if run.open == 0 and run.code then
      finish(run)
    end
  end)
end

local function check_argv(argv)
  compat.check('argv', argv, 'table', false, 4)
  if #argv == 0 or #argv > MAX_ARGUMENTS or not compat.islist(argv) then
    return errors.new('bad_request', 'the command is not a list of arguments')
  end
  for i, argument in ipairs(argv) do
    if type(argument) ~= 'string' or argument:find('%z') or (i == 1 and argument == '') then
      return errors.new('bad_request', ('argument %d of the command is not a text'):format(i))
    end
  end
end

local function spawn(run, argv, cwd, env)
  local arguments = { unpack(argv, 2) }
  local handle, pid = uv.spawn(argv[1], {
    args = arguments,
    cwd = cwd,
    env = env,
    stdio = { run.input, run.out, run.err },
    -- A session, and with it a process group, of its own.
    detached = true,
  }, function(code, signal)
    run.code, run.signal = code, signal
    drain(run)
  end)
  return handle, pid
end

--- Runs a command.
---@param argv string[] program and arguments; a program without `/` is looked up in PATH
---@param opts { cwd: string, timeout: number|nil, max_output: integer|nil, input: string|nil,
---  env: string[]|nil }
---  `cwd`: the working folder; `env`: default environment(); `timeout` in seconds; `max_output` in
---  bytes, both streams together; `input`: given to it and closed (default: no input at all)
---@param callback fun(err: venice.Error|nil, result: venice.RunResult|nil) once, on the main loop
---@return venice.Run|nil nil where it did not start; the callback says why
function M.run(argv, opts, callback)
  compat.check('opts', opts, 'table')
  compat.check('opts.cwd', opts.cwd, 'string')
  compat.check('opts.timeout', opts.timeout, 'number', true)
  compat.check('opts.max_output', opts.max_output, 'number', true)
  compat.check('opts.input', opts.input, 'string', true)
  compat.check('opts.env', opts.env, 'table', true)
  compat.check('callback', callback, 'function')
  local err = check_argv(argv)
  if err then
    vim.schedule(function()
      callback(err)
    end)
    return nil
  end
  watch_exit()
  local run = {
    callback = callback,
    max_output = opts.max_output or M.MAX_OUTPUT,
    out = uv.new_pipe(false),
    err = uv.new_pipe(false),
    input = opts.input and uv.new_pipe(false) or nil,
    timer = uv.new_timer(),
    started = uv.hrtime(),
    parts = {},
    stdout = {},
    stderr = {},
    stdout_ended = false,
    input_taken = false,
    size = 0,
    open = 0,
    truncated = false,
  }
  run.handle, run.pid = spawn(run, argv, opts.cwd, opts.env or M.environment())
  if not run.handle then
    local words = ('%s did not start: %s'):format(errors.printable(argv[1]), tostring(run.pid))
    close_all(run)
    vim.schedule(function()
      callback(errors.new('not_found', words))
    end)
    return nil
  end
  running[run] = true
  read(run, run.out, true)
  read(run, run.err, false)
  if run.input then
    run.input:write(opts.input, function(failure)
      run.input_taken = not failure
      close(run.input)
    end)
  end
  local timeout = math.min(math.max(opts.timeout or M.TIMEOUT, 0.01), MAX_TIMEOUT)
  run.timer:start(math.ceil(timeout * 1000), 0, function()
    terminate(run, 'timeout')
  end)
  return {
    pid = run.pid,
    stop = function()
      terminate(run, 'stopped')
    end,
  }
end

return M
