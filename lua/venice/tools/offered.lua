-- Which files a session offers to a model, and their text: below the working folder, not ignored by
-- git, not excluded by the option. A file that is loaded in a buffer is read from there, so that
-- edits that are not saved yet count.

local compat = require('venice.compat')
local errors = require('venice.errors')
local ignore = require('venice.tools.ignore')
local paths = require('venice.tools.paths')

local api, uv = vim.api, compat.uv
local M = {}

-- Of a file that is read whole to be shown in parts.
M.MAX_SIZE = 4 * 1024 * 1024
local BINARY_PROBE = 8000

---@class venice.FilePlace
---@field path string relative to the working folder
---@field real string without symbolic links

---@class venice.Offered
---@field root string
---@field guard venice.PathGuard
---@field ignore venice.Ignore
---@field has_git boolean git is there to say what is ignored
local Offered = {}
Offered.__index = Offered

local function is_repository(folder)
  while folder do
    if uv.fs_stat((folder == '/' and '' or folder) .. '/.git') then
      return true
    end
    local parent = folder:match('^(.*)/[^/]+$')
    folder = parent == '' and '/' or parent
  end
  return false
end

--- The files of a working folder.
---@param root string
---@param exclude string[]
---@return venice.Offered|nil
---@return venice.Error|nil
function M.new(root, exclude)
  local guard, err = paths.new(root)
  if not guard then
    return nil, err
  end
  local has_git = vim.fn.executable('git') == 1 and is_repository(guard.root)
  return setmetatable({
    root = guard.root,
    guard = guard,
    has_git = has_git,
    ignore = ignore.new(guard.root, { exclude = exclude, git = has_git }),
  }, Offered)
end

local function not_offered(path)
  local words = '%s is not offered: git ignores it, or the user excludes it'
  return errors.new('bad_request', words:format(errors.printable(path)))
end

-- Which files -------------------------------------------------------------------------------------

--- Whether a walk passes by. What only git can say, filter() asks afterwards.
---@param path string relative to the working folder
---@param is_folder boolean
---@return boolean
function Offered:is_left_out(path, is_folder)
  if is_folder or not self.has_git then
    return self.ignore:is_ignored(path, is_folder)
  end
  return self.ignore:is_excluded(path)
end

--- The paths that are offered.
---@param list string[]
---@param done fun(kept: string[]) later
function Offered:filter(list, done)
  if not self.has_git then
    -- The walk has judged them.
    return vim.schedule(function()
      done(list)
    end)
  end
  self.ignore:filter(list, done)
end

local function judge(self, place, done)
  if place.path == '.' then
    return vim.schedule(function()
      done(nil, place)
    end)
  end
  local stat = uv.fs_stat(place.real)
  if stat and stat.type == 'directory' and self.ignore:is_ignored(place.path, true) then
    return vim.schedule(function()
      done(not_offered(place.path))
    end)
  end
  self.ignore:filter({ place.path }, function(kept)
    if #kept == 0 then
      return done(not_offered(place.path))
    end
    done(nil, place)
  end)
end

--- Why a path is never offered, as far as its text says it. What stands below the folder is not
--- looked at: whether something is there is told after the user's yes only.
---@param path string as the model writes it
---@return venice.Error|nil
function Offered:objection(path)
  local parts = {}
  for part in path:gmatch('[^/]+') do
    parts[#parts + 1] = part ~= '.' and part or nil
  end
  local plain = table.concat(parts, '/')
  local prefix = self.root == '/' and '' or self.root:sub(2) .. '/'
  local is_absolute = path:sub(1, 1) == '/'
  local is_below = is_absolute and plain:sub(1, #prefix) == prefix
  if (is_absolute and not is_below) or ('/' .. plain .. '/'):find('/../', 1, true) then
    -- Outside it is the same answer for what is there and what is not.
    local real, err = self.guard:resolve(path)
    return not real and err or nil
  end
  local relative = is_below and plain:sub(#prefix + 1) or plain
  return self.ignore:is_excluded(relative) and not_offered(relative) or nil
end

-- A file that is not saved yet exists where it is loaded.
local function resolve(self, path, is_new)
  local real, relative = self.guard:resolve(path)
  if not real then
    local new, where = self.guard:resolve_new(path)
    if new and (is_new or self:buffers()[new]) then
      return new, where
    end
  end
  return real, relative
end

--- Finds a file or folder that is offered.
---@param path string as the model writes it
---@param is_new boolean it need not exist, its folder must
---@param done fun(err: venice.Error|nil, place: venice.FilePlace|nil) later
function Offered:find(path, is_new, done)
  -- The rules may have changed since the last call.
  self.ignore.rules = {}
  local real, relative = resolve(self, path, is_new)
  if not real then
    return vim.schedule(function()
      done(relative)
    end)
  end
  judge(self, { real = real, path = relative }, done)
end

-- Buffers -----------------------------------------------------------------------------------------

--- The place of a buffer that stands for a file below the working folder. Whether it is offered is
--- not said.
---@param buf integer
---@return venice.FilePlace|nil
function Offered:place_of(buf)
  local name = api.nvim_buf_get_name(buf)
  if name:sub(1, 1) ~= '/' or vim.bo[buf].buftype ~= '' then
    return nil
  end
  local real, relative = self.guard:resolve_new(name)
  return real and { real = real, path = relative } or nil
end

--- The loaded buffers of files below the working folder.
---@return table<string, integer> buf by the path without symbolic links
function Offered:buffers()
  local list = {}
  for _, buf in ipairs(api.nvim_list_bufs()) do
    local place = api.nvim_buf_is_loaded(buf) and self:place_of(buf)
    if place then
      list[place.real] = buf
    end
  end
  return list
end

-- Text --------------------------------------------------------------------------------------------

local function is_binary(text)
  return text:sub(1, BINARY_PROBE):find('%z') ~= nil
end

local function refuse(code, words, path)
  return nil, errors.new(code, words:format(errors.printable(path)))
end

--- The text of a buffer, as its file would be written but for the line breaks, which are \n.
---@param buf integer
---@return string
function M.buffer_text(buf)
  local lines = api.nvim_buf_get_lines(buf, 0, -1, false)
  for i, line in ipairs(lines) do
    -- A NUL byte is a line feed in Vim's memory.
    lines[i] = line:find('\n', 1, true) and line:gsub('\n', '\0') or line
  end
  if #lines == 1 and lines[1] == '' then
    return ''
  end
  return table.concat(lines, '\n') .. (vim.bo[buf].endofline and '\n' or '')
end

local function read_buffer(place, buf, limit)
  if api.nvim_buf_get_offset(buf, api.nvim_buf_line_count(buf)) > limit then
    return refuse('too_large', '%s is too large', place.path)
  end
  local text = M.buffer_text(buf)
  if is_binary(text) then
    return refuse('bad_request', '%s is a binary file', place.path)
  end
  return { text = text, buf = buf }
end

---@class venice.OfferedText
---@field text string
---@field buf integer|nil where it was read from

--- The text of a place that find() gave, or a walk.
---@param place venice.FilePlace
---@param opts { max_size: integer|nil, buffers: table<string, integer>|nil }|nil
---@return venice.OfferedText|nil
---@return venice.Error|nil
function Offered:read(place, opts)
  local limit = opts and opts.max_size or M.MAX_SIZE
  local buf = (opts and opts.buffers or self:buffers())[place.real]
  if buf then
    return read_buffer(place, buf, limit)
  end
  local file, err = self.guard:read(place.path, { max_size = limit })
  if not file then
    return nil, err
  elseif file.real ~= place.real then
    return refuse('bad_request', '%s changed while it was looked at', place.path)
  end
  return { text = file.text }
end

return M
