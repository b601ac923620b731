-- The files below a folder that are offered, in the order of the alphabet. Links are named but not
-- followed.

local compat = require('venice.compat')
local errors = require('venice.errors')
local slices = require('venice.tools.slices')

local uv = compat.uv
local M = {}

M.MAX_FILES = 5000
local MAX_VISITED = 50000
local MAX_DEPTH = 40

-- A device or a pipe is no file to offer.
local kinds = { file = true, link = true }

local function entries_of(folder)
  local handle, entries = uv.fs_scandir(folder), {}
  while handle do
    local name, kind = uv.fs_scandir_next(handle)
    if not name then
      break
    end
    if kind == nil or kind == 'unknown' then
      kind = (uv.fs_lstat(folder .. '/' .. name) or {}).type
    end
    entries[#entries + 1] = { name, kind }
  end
  table.sort(entries, function(a, b)
    return a[1] < b[1]
  end)
  return entries
end

-- A folder that has become a link since it was seen may lead anywhere.
local function open_folder(self, real, prefix)
  local entries = {}
  if uv.fs_realpath(real) == real then
    entries = entries_of(real)
    entries = uv.fs_realpath(real) == real and entries or {}
  end
  self.stack[#self.stack + 1] = { real = real, prefix = prefix, entries = entries, at = 0 }
end

local function visit(self, level, name, kind)
  local path, is_folder = level.prefix .. name, kind == 'directory'
  if self.offered:is_left_out(path, is_folder) then
    return
  elseif is_folder and #self.stack < MAX_DEPTH then
    open_folder(self, level.real .. '/' .. name, path .. '/')
  elseif kinds[kind] and (not self.match or self.match(path)) then
    self.found[#self.found + 1] = path
  end
end

local function step(self)
  local level = self.stack[#self.stack]
  if not level then
    return true
  end
  level.at = level.at + 1
  local entry = level.entries[level.at]
  if not entry then
    self.stack[#self.stack] = nil
    return false
  elseif #self.found >= M.MAX_FILES or self.visited >= MAX_VISITED then
    self.is_cut = true
    return true
  end
  self.visited = self.visited + 1
  visit(self, level, entry[1], entry[2])
end

--- Looks for the files below a folder.
---@param offered venice.Offered
---@param place venice.FilePlace the folder
---@param match (fun(path: string): boolean)|nil which of them
---@param done fun(err: venice.Error|nil, files: string[]|nil, is_cut: boolean|nil) once, later
---@return { stop: fun() }
function M.start(offered, place, match, done)
  local self = { offered = offered, match = match, stack = {}, found = {}, visited = 0 }
  open_folder(self, place.real, place.path == '.' and '' or place.path .. '/')
  return slices.run(function()
    return step(self)
  end, function(failure)
    if failure then
      return done(errors.new('internal', failure))
    end
    offered:filter(self.found, function(files)
      done(nil, files, self.is_cut == true)
    end)
  end)
end

return M
