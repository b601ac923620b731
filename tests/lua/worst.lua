-- The worst inputs of the tools, for worst_input_test.lua and for the bench: what they are, and how
-- long each holds the editor.

local sessions = require('venice.tools.session')

local uv = vim.uv or vim.loop
local M = {}

local function write(path, text)
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
end

--- Makes so many empty files.
---@param folder string
---@param count integer
function M.many_files(folder, count)
  local code = os.execute(('cd %s && seq 1 %d | xargs touch'):format(folder, count))
  assert(code == 0 or code == true)
end

---@class venice.WorstCase
---@field name string
---@field tool string
---@field arguments table
---@field expected string a pattern of its result
---@field is_long boolean|nil it can be stopped in the middle
M.cases = {
  {
    name = 'rules of blanks',
    tool = 'list_files',
    arguments = {},
    expected = 'a%.txt',
    prepare = function(folder)
      local blanks = (' '):rep(24 * 1024)
      write(folder .. '/.gitignore', blanks .. '\n' .. 'x' .. blanks .. 'y\n')
      write(folder .. '/a.txt', 'a')
    end,
  },
  {
    name = 'a great many rules',
    tool = 'list_files',
    arguments = {},
    expected = 'none',
    prepare = function(folder)
      write(folder .. '/.gitignore', ('**/*a*b*c\n'):rep(6000))
      for i = 1, 100 do
        write(folder .. '/' .. ('abab'):rep(50) .. i, 'a')
      end
    end,
  },
  {
    name = 'rules that need many steps',
    tool = 'list_files',
    arguments = {},
    expected = 'files = { "%.gitignore" }',
    prepare = function(folder)
      write(folder .. '/.gitignore', (('*a'):rep(120) .. 'b\n'):rep(200))
      for i = 1, 300 do
        write(folder .. '/' .. ('a'):rep(200) .. i, 'a')
      end
    end,
  },
  {
    name = 'a pattern of 4,000 characters',
    tool = 'list_files',
    arguments = { pattern = ('**/'):rep(20) .. '[' .. ('a'):rep(4000) .. ']' },
    expected = 'longer than 256 bytes',
    prepare = function(folder)
      M.many_files(folder, 200)
    end,
  },
  {
    name = 'a pattern of many stars',
    tool = 'list_files',
    arguments = { pattern = ('**/*a'):rep(40) .. ('*[ab]'):rep(10) .. 'c' },
    expected = 'there is none',
    prepare = function(folder)
      local deep = folder
      for _ = 1, 12 do
        deep = deep .. '/' .. ('a'):rep(200)
      end
      vim.fn.mkdir(deep, 'p')
      for i = 1, 200 do
        write(deep .. '/' .. ('a'):rep(200) .. i, '')
      end
    end,
  },
  {
    name = '4 MB of 0xFF in one line',
    tool = 'read_file',
    arguments = { path = 'a.txt' },
    expected = 'line 1 is cut: it has 4194304 bytes',
    prepare = function(folder)
      write(folder .. '/a.txt', ('\255'):rep(4 * 1024 * 1024))
    end,
  },
  {
    name = '4 MB of line breaks',
    tool = 'read_file',
    arguments = { path = 'a.txt', first = 4000000 },
    expected = 'lines = 4194304',
    is_long = true,
    prepare = function(folder)
      write(folder .. '/a.txt', ('\n'):rep(4 * 1024 * 1024))
    end,
  },
  {
    name = 'a search for what nearly fits everywhere',
    tool = 'search',
    arguments = { text = (('a'):rep(120) .. 'b\n'):rep(16), ignore_case = true },
    expected = 'nothing was found',
    is_long = true,
    prepare = function(folder)
      for i = 1, 8 do
        write(folder .. '/' .. i, ('A'):rep(1024 * 1024))
      end
    end,
  },
  {
    name = 'a search that finds a line of 1 MB in every file',
    tool = 'search',
    arguments = { text = '\255' },
    expected = 'matches',
    prepare = function(folder)
      for i = 1, 8 do
        write(folder .. '/' .. i, ('\255'):rep(1024 * 1024))
      end
    end,
  },
  {
    name = 'old_text that nearly fits everywhere',
    tool = 'propose_edit',
    arguments = { path = 'a.txt', old_text = ('a'):rep(30000) .. 'b', new_text = 'c' },
    expected = 'does not stand',
    is_long = true,
    prepare = function(folder)
      write(folder .. '/a.txt', (('a'):rep(65535) .. '\n'):rep(16))
    end,
  },
  {
    name = 'old_text that fits everywhere',
    tool = 'propose_edit',
    arguments = { path = 'a.txt', old_text = ('a'):rep(30000), new_text = 'c' },
    expected = 'more than once',
    prepare = function(folder)
      write(folder .. '/a.txt', (('a'):rep(65535) .. '\n'):rep(16))
    end,
  },
  {
    name = 'a folder of 200,000 files',
    tool = 'list_files',
    arguments = { pattern = '*.none' },
    expected = 'there are more',
    is_long = true,
    prepare = function(folder)
      M.many_files(folder, 200000)
    end,
  },
  {
    name = 'a repository of 60,000 files that git does not know',
    tool = 'search',
    arguments = { text = 'needle' },
    expected = 'not every file was searched',
    is_long = true,
    prepare = function(folder)
      vim.fn.system({ 'git', 'init', '-q', folder })
      M.many_files(folder, 60000)
    end,
  },
}

local thread_time

-- Milliseconds of CPU that this thread took.
local function busy()
  if not thread_time then
    local ffi = require('ffi')
    pcall(
      ffi.cdef,
      [[struct worst_time { long s, ns; };
        int clock_gettime(int, struct worst_time *);]]
    )
    local time = ffi.new('struct worst_time')
    thread_time = function()
      ffi.C.clock_gettime(3, ffi.cast('void *', time))
      return tonumber(time.s) * 1e3 + tonumber(time.ns) / 1e6
    end
  end
  return thread_time()
end

--- The longest time, in CPU, that a turn of the main loop takes.
---@param begin fun()
---@param is_over fun(): any
---@return number milliseconds
function M.measure(begin, is_over)
  collectgarbage()
  collectgarbage()
  local busiest, last = 0, nil
  local timer = uv.new_timer()
  local function tick()
    local now = busy()
    busiest = math.max(busiest, last and now - last or 0)
    last = now
  end
  timer:start(0, 1, tick)
  tick()
  begin()
  local ended = vim.wait(60000, is_over, 1)
  timer:close()
  tick()
  assert(ended, 'no result')
  return busiest
end

-- Runs a case; `meanwhile(handle)` may stop it.
local function start(folder, case, meanwhile)
  local session = assert(sessions.new({
    root = folder,
    name = function()
      return 'chat 1'
    end,
  }))
  for _, tool in ipairs({ 'read_file', 'list_files', 'search' }) do
    session.allowed[tool] = true
  end
  local results, handle
  local call =
    { kind = 'call', id = 'call_1', name = case.tool, arguments = vim.deepcopy(case.arguments) }
  session:begin()
  local busiest = M.measure(function()
    handle = session:run({ call }, {
      on_done = function(list)
        results = list
      end,
    })
  end, function()
    if meanwhile then
      meanwhile(handle)
    end
    return results ~= nil
  end)
  return results[1], busiest
end

--- Runs a case to its end.
---@param folder string where it was prepared
---@param case venice.WorstCase
---@return table result
---@return number busiest milliseconds of CPU that the longest turn of the main loop took
function M.run(folder, case)
  return start(folder, case)
end

--- Stops a case in the middle.
---@param folder string
---@param case venice.WorstCase
---@return number milliseconds from the stop to the result
function M.stop_in_the_middle(folder, case)
  local began, stopped = uv.hrtime(), nil
  start(folder, case, function(handle)
    if not stopped and uv.hrtime() - began > 30e6 then
      stopped = uv.hrtime()
      handle.stop()
    end
  end)
  return stopped and (uv.hrtime() - stopped) / 1e6 or 0
end

return M
