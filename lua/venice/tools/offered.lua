-- Which files a session offers to a model, and their text: below the working folder, not ignored by
-- git, not excluded by the option. A file that is loaded in a buffer is read from there, so that
-- edits that are not saved yet count.
--
-- Every path of a model comes through find(), which answers in one order: refused by its text,
-- outside, ignored or excluded, not there, there. What comes first hides what comes later.

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
  local rules = ignore.new(guard.root, { exclude = exclude })
  return setmetatable({
    root = guard.root,
    guard = guard,
    has_git = rules.has_git,
    ignore = rules,
  }, Offered)
end

local function not_offered(path)
  local words = '%s is not offered: git ignores it, or the user excludes it'
  return errors.new('bad_request', words:format(errors.printable(path)))
end

-- Which files -------------------------------------------------------------------------------------

--- Why a path is never offered, as far as its text says it. Nothing is asked of the disk: whether
--- something is there is told after the user's yes only.
---@param path string as the model writes it
---@return venice.Error|nil
function Offered:objection(path)
  local plain, err = self.guard:plain(path)
  if not plain then
    return err
  end
  -- A name that ends in / would be one of a folder.
  local is_out = self.ignore:is_excluded(plain) or self.ignore:is_excluded(plain, true)
  return is_out and not_offered(path) or nil
end

--- Which of some paths are offered.
---@param list string[] relative to the working folder, without links
---@param done fun(err: venice.Error|nil, kept: string[]|nil) later
---@return { stop: fun() }
function Offered:filter(list, done)
  return self.ignore:filter(list, done)
end

-- What git says about the place, or the rules that are read here.
local function judge(self, place, path, done)
  local is_folder = (uv.fs_stat(place.real) or {}).type == 'directory'
  if place.path == '.' then
    return vim.schedule(function()
      done(nil, true)
    end)
  elseif self.ignore:is_excluded(place.path, is_folder) then
    return vim.schedule(function()
      done(not_offered(path))
    end)
  end
  return self:filter({ place.path }, function(err, kept)
    local is_out = kept and #kept == 0
    if kept and is_folder and not self.ignore:is_listed_by_git(place.path) then
      is_out = is_out or self.ignore:is_ignored(place.path, true)
    end
    done(err or is_out and not_offered(path) or nil, true)
  end)
end

--- Finds a file or folder that is offered.
---@param path string as the model writes it
---@param is_new boolean it need not exist, its folder must
---@param done fun(err: venice.Error|nil, place: venice.FilePlace|nil) later
---@return { stop: fun() }|nil
function Offered:find(path, is_new, done)
  -- The rules may have changed since the last call.
  self.ignore:forget()
  local err, real, relative = self:objection(path), nil, nil
  if not err then
    real, relative = self.guard:locate(path)
    err = not real and relative or nil
  end
  if err then
    return vim.schedule(function()
      done(err)
    end)
  end
  return judge(self, { real = real, path = relative }, path, function(why)
    if why then
      return done(why)
    end
    -- Only now does it matter whether there is something. A file that is not saved yet exists where
    -- it is loaded.
    local new, problem = self.guard:resolve_new(path)
    if not new then
      return done(problem)
    elseif not self.guard:resolve(path) and not is_new and not self:buffers()[new] then
      return done(paths.missing(path))
    elseif new ~= real then
      return done(errors.new('bad_request', errors.printable(path) .. ' changed meanwhile'))
    end
    done(nil, { real = real, path = relative })
  end)
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
  local real, relative = self.guard:place(name)
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
