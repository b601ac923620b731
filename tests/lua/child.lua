-- A Neovim of its own for a test: what the test types, and what can be seen afterwards.
--
-- Every function of a child is called with a dot. Its home, XDG folders and TMPDIR are fresh and
-- empty, and nothing of the outer environment that could reach the plugin is handed on.

local M = {}

local uv = vim.uv or vim.loop

M.root = vim.env.VENICE_ROOT
--- Time limits are this much longer where the sanitizers slow everything down.
M.slack = vim.env.VENICE_ASAN and 4 or 1

local running = {}
local folders = {}

local function milliseconds(since)
  return (uv.hrtime() - since) / 1e6
end

-- Files ------------------------------------------------------------------------------------------

--- A fresh folder, removed when the runner ends.
---@return string
function M.tempdir()
  local dir = assert(uv.fs_mkdtemp((vim.env.TMPDIR or '/tmp') .. '/t-XXXXXX'))
  folders[#folders + 1] = dir
  return dir
end

function M.read(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

function M.write(path, text)
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
end

--- The files below `dir` that hold the bytes `needle`.
---@return string[]
function M.grep_tree(dir, needle)
  local found = {}
  local function walk(folder)
    for name, kind in
      function(scan)
        return uv.fs_scandir_next(scan)
      end,
      assert(uv.fs_scandir(folder))
    do
      local path = folder .. '/' .. name
      if kind == 'directory' then
        walk(path)
      elseif kind == 'file' and M.read(path):find(needle, 1, true) then
        found[#found + 1] = path
      end
    end
  end
  walk(dir)
  return found
end

-- The environment of a child ---------------------------------------------------------------------

local function make_dirs()
  local root = M.tempdir()
  local dirs = { root = root }
  for _, name in ipairs({ 'home', 'config', 'data', 'state', 'cache', 'runtime', 'tmp' }) do
    dirs[name] = root .. '/' .. name
    assert(uv.fs_mkdir(dirs[name], 448)) -- 0700, as XDG_RUNTIME_DIR must be
  end
  return dirs
end

local function make_env(dirs, extra)
  local env = {}
  for name, value in pairs(vim.fn.environ()) do
    local ours = name:match('^VENICE_') or name:match('^NVIM') or name:match('^XDG_')
    if not ours and not name:lower():match('_proxy$') then
      env[name] = value
    end
  end
  env.HOME, env.TMPDIR = dirs.home, dirs.tmp
  env.XDG_CONFIG_HOME, env.XDG_DATA_HOME = dirs.config, dirs.data
  env.XDG_STATE_HOME, env.XDG_CACHE_HOME = dirs.state, dirs.cache
  env.XDG_RUNTIME_DIR = dirs.runtime
  env.LANG, env.LC_ALL, env.TERM = 'C.UTF-8', 'C.UTF-8', 'xterm-256color'
  for name, value in pairs(extra or {}) do
    env[name] = value or nil
  end
  return env
end

-- Loaded before any plugin: keeps what vim.notify was told and still shows it.
local recorder = [[lua _G.__notes, _G.__notify = {}, vim.notify
vim.notify = function(msg, level, opts)
  table.insert(_G.__notes, { msg = msg, level = level or 2 })
  return _G.__notify(msg, level, opts)
end]]

-- screenstring() for every cell; a cell right of a wide character is empty.
local read_screen = [[
  vim.cmd('redraw!')
  local lines = {}
  for row = 1, vim.o.lines do
    local cells = {}
    for column = 1, vim.o.columns do
      cells[column] = vim.fn.screenstring(row, column)
    end
    lines[row] = table.concat(cells)
  end
  return lines]]

-- The child ---------------------------------------------------------------------------------------

local function make_argv(opts)
  local argv = { vim.env.NVIM_EXEC or vim.v.progpath, '--clean', '-n' }
  if opts.plugins == false then
    vim.list_extend(argv, { '-u', 'NONE', '-i', 'NONE' })
  end
  local first = {
    ('set lines=%d columns=%d'):format(opts.lines or 24, opts.columns or 80),
    'set runtimepath^=' .. vim.fn.fnameescape(opts.rtp or M.root),
    (recorder:gsub('\n%s*', ' ')),
  }
  for _, command in ipairs(vim.list_extend(first, opts.cmd or {})) do
    vim.list_extend(argv, { '--cmd', command })
  end
  return vim.list_extend(argv, opts.args or {})
end

-- Newer Neovims ask the terminal who it is and wait a second for the answer, at exit too.
local terminal_answers = { ['\27[c'] = '\27[?1;2c', ['\27[5n'] = '\27[0n' }
local function answer_terminal_queries(job, data)
  for query in table.concat(data, '\n'):gmatch('\27%[%d*[cn]') do
    if terminal_answers[query] then
      pcall(vim.fn.chansend, job, terminal_answers[query])
    end
  end
end

-- Runs a child in a terminal of this Neovim, which shows what a user would see, floats included.
local function start_emulated(argv, job_opts, opts)
  local columns, lines = opts.columns or 80, opts.lines or 24
  vim.o.columns = math.max(vim.o.columns, columns + 2)
  vim.o.lines = math.max(vim.o.lines, lines + 4)
  local buffer = vim.api.nvim_create_buf(false, true)
  local window = vim.api.nvim_open_win(buffer, true, {
    relative = 'editor',
    row = 0,
    col = 0,
    width = columns,
    height = lines,
    style = 'minimal',
  })
  job_opts.pty, job_opts.on_stdout = nil, nil
  return vim.fn.termopen(argv, job_opts), buffer, window
end

--- Starts a Neovim. Options: env, args, cmd, lines, columns, plugins, rtp, cwd; terminal = true for
--- one in a terminal, 'emulated' for one whose screen tty_screen() reads.
---@param opts table|nil
---@return table child
function M.start(opts)
  opts = opts or {}
  local child = { dirs = make_dirs() }
  local stderr, channel = {}, nil
  local exit_code, exit_time

  local argv = make_argv(opts)
  local job_opts = {
    env = make_env(child.dirs, opts.env),
    clear_env = true,
    cwd = opts.cwd,
    on_exit = function(_, code)
      exit_code, exit_time = code, uv.hrtime()
    end,
    on_stderr = function(_, data)
      stderr[#stderr + 1] = table.concat(data, '\n')
    end,
  }
  local socket
  if opts.terminal then
    -- A real terminal user interface; we speak to it through a socket beside its terminal.
    socket = child.dirs.root .. '/rpc'
    vim.list_extend(argv, { '--listen', socket })
    job_opts.pty = true
    job_opts.width, job_opts.height = opts.columns or 80, opts.lines or 24
    job_opts.on_stdout = answer_terminal_queries
  else
    vim.list_extend(argv, { '--embed', '--headless' })
    job_opts.rpc = true
  end
  local job, screen_buffer, screen_window
  if opts.terminal == 'emulated' then
    job, screen_buffer, screen_window = start_emulated(argv, job_opts, opts)
  else
    job = vim.fn.jobstart(argv, job_opts)
  end
  assert(job > 0, 'cannot start ' .. argv[1])
  child.pid = vim.fn.jobpid(job)
  running[job] = child

  if socket then
    vim.wait(10000 * M.slack, function()
      local ok, id = pcall(vim.fn.sockconnect, 'pipe', socket, { rpc = true })
      channel = ok and id > 0 and id or nil
      return channel ~= nil or exit_code ~= nil
    end, 10)
    assert(channel, 'the child in the terminal does not answer')
  else
    channel = job
  end

  function child.stderr()
    return table.concat(stderr)
  end
  function child.alive()
    return exit_code == nil
  end

  --- Works also while the child waits in a prompt.
  function child.mode()
    return vim.rpcrequest(channel, 'nvim_get_mode')
  end

  -- Anything but fast calls would wait for ever while the child itself waits for a key.
  local function request(method, ...)
    if exit_code then
      error('the child has ended with code ' .. exit_code .. '\n' .. child.stderr(), 3)
    end
    local mode = child.mode()
    if mode.blocking then
      error(('child is blocked (mode %s), cannot call %s'):format(mode.mode, method), 3)
    end
    local result = vim.rpcrequest(channel, method, ...)
    if result == vim.NIL then
      return nil
    end
    return result
  end

  local function pack(...)
    local list = {}
    for i = 1, select('#', ...) do
      local value = select(i, ...)
      list[i] = value == nil and vim.NIL or value
    end
    return list
  end

  child.api = setmetatable({}, {
    __index = function(_, name)
      return function(...)
        return request(name, ...)
      end
    end,
  })
  child.fn = setmetatable({}, {
    __index = function(_, name)
      return function(...)
        return request('nvim_call_function', name, pack(...))
      end
    end,
  })
  function child.lua(code, ...)
    return request('nvim_exec_lua', code, pack(...))
  end
  function child.lua_notify(code, ...)
    vim.rpcnotify(channel, 'nvim_exec_lua', code, pack(...))
  end
  --- Puts tests/lua/fake_client.lua in the place of the service, before the plugin is used.
  function child.install_fake()
    child.lua(
      [[package.path = ... .. '/?.lua;' .. package.path
        require('tests.lua.fake_client').install()]],
      M.root
    )
  end
  function child.cmd(command)
    request('nvim_command', command)
  end
  function child.eval(expression)
    return request('nvim_eval', expression)
  end
  child.sleep = vim.wait

  --- Types keys and waits until Neovim has taken them, or waits for more itself.
  function child.type_keys(...)
    for _, keys in ipairs({ ... }) do
      -- nvim_input takes what fits into its buffer and says how much that was.
      while #keys > 0 do
        keys = keys:sub(vim.rpcrequest(channel, 'nvim_input', keys) + 1)
        vim.wait(2)
      end
      local start = uv.hrtime()
      while exit_code == nil and milliseconds(start) < 2000 do
        local ok, mode = pcall(child.mode)
        if not ok or mode.blocking or child.fn.getchar(1) == 0 then
          break
        end
        vim.wait(2)
      end
    end
  end

  --- Types into the terminal itself, also while the child is blocked: raw bytes, no key names.
  function child.tty_type(bytes)
    vim.fn.chansend(job, bytes)
  end
  --- The screen of an emulated terminal as a user sees it, with floats.
  function child.tty_screen()
    vim.wait(20)
    return table.concat(vim.api.nvim_buf_get_lines(screen_buffer, 0, -1, false), '\n')
  end

  function child.screen()
    return child.lua(read_screen)
  end
  function child.screen_text()
    return table.concat(child.screen(), '\n')
  end
  function child.buf_lines(buffer)
    return child.api.nvim_buf_get_lines(buffer or 0, 0, -1, false)
  end
  function child.text(buffer)
    return table.concat(child.buf_lines(buffer), '\n')
  end
  function child.messages()
    return child.lua([[return vim.api.nvim_exec('messages', true)]])
  end
  function child.notifications()
    return child.lua('return _G.__notes')
  end

  --- All that vim.notify was told, a line each.
  function child.notices()
    local texts = {}
    for i, note in ipairs(child.notifications()) do
      texts[i] = note.msg
    end
    return table.concat(texts, '\n')
  end
  --- The last that it was told.
  function child.last_notice()
    local notes = child.notifications()
    return #notes > 0 and notes[#notes].msg or ''
  end

  --- Polls until `condition` holds: a Lua expression for the child, or a function here.
  ---@param condition string|function
  ---@param timeout integer|nil milliseconds, default 5000
  ---@param what string|nil for the message of a failure
  function child.wait_for(condition, timeout, what)
    local limit, start = (timeout or 5000) * M.slack, uv.hrtime()
    local ask = type(condition) == 'function' and condition
      or function()
        return child.lua('return ' .. condition)
      end
    local blocked
    repeat
      local mode = child.alive() and child.mode() or {}
      blocked = mode.blocking
      if not blocked or type(condition) == 'function' then
        local value = ask()
        if value then
          return value
        end
      end
      vim.wait(10)
    until milliseconds(start) > limit
    local messages = blocked and '(blocked in a prompt)'
      or child.alive() and child.messages()
      or ('(ended with code ' .. exit_code .. ')')
    error(
      ('waited %d ms for %s\nmessages: %s\nstderr: %s'):format(
        limit,
        what or tostring(condition),
        messages,
        child.stderr()
      ),
      2
    )
  end

  --- Fails unless a text is on the screen within a second, for text that streams is drawn late.
  ---@param text string
  ---@param absent boolean|nil it must not be there
  function child.shows(text, absent)
    local screen
    local ok = pcall(child.wait_for, function()
      screen = child.screen_text()
      return (screen:find(text, 1, true) == nil) == (absent == true)
    end, 1000)
    local is = absent and 'is' or 'is not'
    assert(ok, ('%q %s on the screen:\n%s'):format(text, is, screen))
  end

  --- Waits until the process has ended.
  ---@return integer code, number ms since this call
  function child.wait_exit(timeout)
    local start = uv.hrtime()
    vim.wait((timeout or 5000) * M.slack, function()
      return exit_code ~= nil
    end, 2)
    if exit_code == nil then
      error(('the child did not end within %d ms'):format((timeout or 5000) * M.slack), 2)
    end
    return exit_code, math.max(0, (exit_time - start) / 1e6)
  end

  --- Gives an Ex command that ends the child; see wait_exit.
  function child.quit(command, timeout)
    vim.rpcnotify(channel, 'nvim_command', command or 'qall!')
    return child.wait_exit(timeout)
  end

  --- Sends a signal: 'sigterm', 'sighup', 'sigkill'. Then call wait_exit.
  function child.kill(signal)
    uv.kill(child.pid, signal or 'sigterm')
  end

  function child.cleanup()
    vim.fn.delete(child.dirs.root, 'rf')
  end

  --- Ends the child in any state. Its folders go with it unless stop({ keep = true }).
  function child.stop(stop_opts)
    running[job] = nil
    if exit_code == nil and not pcall(child.quit, 'qall!', 2000) then
      uv.kill(child.pid, 'sigkill')
      pcall(child.wait_exit, 2000)
    end
    if screen_buffer then
      pcall(vim.api.nvim_win_close, screen_window, true)
      pcall(vim.api.nvim_buf_delete, screen_buffer, { force = true })
    end
    if not (stop_opts and stop_opts.keep) then
      child.cleanup()
    end
    return exit_code
  end

  -- An embedded child answers requests before it has loaded its plugins.
  child.wait_for('vim.v.vim_did_enter == 1', 10000, 'the start of the child')
  -- In a terminal newer Neovims are two processes; this is the one that runs our code.
  child.editor = child.fn.getpid()
  return child
end

-- The simulator -----------------------------------------------------------------------------------

--- Starts the simulated service; see tests/lua/enclave.lua.
function M.simulator(opts)
  return require('tests.lua.enclave').start(opts)
end

--- One plain HTTP request to a loopback server; see tests/lua/http.lua.
function M.http(...)
  return require('tests.lua.http').request(...)
end

--- Called by the runner at the end of a file.
function M.stop_all()
  for _, child in pairs(vim.tbl_extend('force', {}, running)) do
    child.stop()
  end
  require('tests.lua.enclave').stop_all()
  for _, dir in ipairs(folders) do
    vim.fn.delete(dir, 'rf')
  end
end

return M
