-- A file of text, read without blocking the editor: whole, or not at all.

local compat = require('venice.compat')
local slices = require('venice.tools.slices')

local uv = compat.uv
local M = {}

-- Bytes in which a NUL makes a file binary.
local BINARY_PROBE = 8000

--- Bytes as lines: without a byte order mark, and without the carriage returns of DOS.
---@param text string
---@return string[]
function M.lines(text)
  text = text:gsub('^\239\187\191', '')
  local lines = vim.split(text, '\n', { plain = true })
  if lines[#lines] == '' then
    lines[#lines] = nil
  end
  local is_dos = #lines > 0
  for _, line in ipairs(lines) do
    is_dos = is_dos and line:sub(-1) == '\r'
  end
  if is_dos then
    for i, line in ipairs(lines) do
      lines[i] = line:sub(1, -2)
    end
  end
  return lines
end

-- So many bytes are looked at in one step.
local PIECE = 8192

--- Whether JSON can carry a text, in slices: a large one would hold the editor.
---@param text string
---@param done fun(can: boolean) once, later
function M.check(text, done)
  local at, can = 1, true
  slices.run(function()
    local stop = compat.character_end(text, at, math.min(at + PIECE - 1, #text))
    can = compat.is_json_text(text:sub(at, stop))
    at = stop + 1
    return not can or at > #text
  end, function()
    done(can)
  end)
end

local function is_binary(text)
  return text:sub(1, BINARY_PROBE):find('%z') ~= nil
end

local BINARY = { 'is a binary file', 'only text can be sent' }
local NOT_UTF8 = { 'is not in UTF-8', 'open it in Neovim, which converts it' }

--- Why a short text is none that can be sent. read() judges those that may be large.
---@param text string
---@return string|nil problem
---@return string|nil hint
function M.problem(text)
  local problem = is_binary(text) and BINARY or not compat.is_json_text(text) and NOT_UTF8
  if problem then
    return problem[1], problem[2]
  end
end

-- The same in slices: done(problem, hint, text).
local function judge(text, done)
  if is_binary(text) then
    return done(BINARY[1], BINARY[2])
  end
  M.check(text, function(can)
    if not can then
      return done(NOT_UTF8[1], NOT_UTF8[2])
    end
    done(nil, nil, text)
  end)
end

-- The whole of an open file; nil where it is larger than the limit.
local function read_all(fd, limit, done)
  local parts, size = {}, 0
  local function read()
    uv.fs_read(fd, limit + 1 - size, size, function(err, chunk)
      if err then
        return done('cannot be read')
      elseif chunk ~= '' then
        parts[#parts + 1], size = chunk, size + #chunk
        if size <= limit then
          return read()
        end
      end
      done(nil, size <= limit and table.concat(parts) or nil)
    end)
  end
  read()
end

-- done(problem, hint, text), wherever luv calls it.
local function read(path, limit, done)
  -- A pipe would block; what it is, is asked of the very file that was opened.
  local flags = uv.constants.O_RDONLY + (uv.constants.O_NONBLOCK or 0)
  uv.fs_open(path, flags, 0, function(failed, fd)
    if failed then
      return done('cannot be opened', 'look at its permissions')
    end
    local function finish(...)
      uv.fs_close(fd, function() end)
      done(...)
    end
    uv.fs_fstat(fd, function(err, stat)
      if err or stat.type ~= 'file' then
        local is_folder = stat and stat.type == 'directory'
        return finish(is_folder and 'is a folder' or 'is not a plain file', 'name a file')
      elseif stat.size > limit then
        return finish(nil, nil, nil)
      end
      read_all(fd, limit, function(problem, text)
        finish(problem, nil, text)
      end)
    end)
  end)
end

--- Reads a file.
---@param path string absolute
---@param limit integer bytes
---@param done fun(problem: string|nil, hint: string|nil, text: string|nil) once, on the main loop;
---  no text and no problem: it is larger than the limit
function M.read(path, limit, done)
  read(path, limit, function(problem, hint, text)
    vim.schedule(function()
      if problem or not text then
        return done(problem, hint)
      end
      judge(text, done)
    end)
  end)
end

return M
