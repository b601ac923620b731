-- The files below a folder that are offered. Links are named but not followed. Where git is there,
-- its list counts; elsewhere folders are read, in the order of the alphabet. Both in slices.

local compat = require('venice.compat')
local errors = require('venice.errors')
local slices = require('venice.tools.slices')

local uv = compat.uv
local M = {}

M.MAX_FILES = 5000
local MAX_VISITED = 50000
local MAX_DEPTH = 40
local MAX_REPOSITORIES = 100
-- So many entries of a folder are read at a time; a folder that has more is not sorted.
local CHUNK, MAX_SORTED = 256, 5000

-- A device or a pipe is no file to offer.
local kinds = { file = true, link = true }

---@class venice.Walk
---@field offered venice.Offered
---@field match (fun(path: string): boolean)|nil
---@field jobs function[] what is still to do, the last one first; each is a step of slices.run()
---@field found string[]

local function push(self, job)
  self.jobs[#self.jobs + 1] = job
end

local function pop(self)
  self.jobs[#self.jobs] = nil
end

-- What arrives later: the step that waits for it goes on.
local function arrived(self)
  if self.work then
    self.work.resume()
  end
end

local function add(self, path)
  if not self.match or self.match(path) then
    self.found[#self.found + 1] = path
  end
end

-- Where a folder is, without links; nil where it has become one since it was seen.
local function real_of(self, folder)
  local root = self.offered.root
  local path = folder == '' and root or (root == '/' and '' or root) .. '/' .. folder
  return uv.fs_realpath(path) == path and path or nil
end

-- Reading folders ---------------------------------------------------------------------------------

-- Reads the entries of a folder in chunks, on another thread.
local function read_entries(self, real, done)
  local names, kind_of = {}, {}
  uv.fs_opendir(real, function(failed, handle)
    if failed then
      return vim.schedule(function()
        done(names, kind_of)
      end)
    end
    local function finish()
      uv.fs_closedir(handle, function() end)
      done(names, kind_of)
    end
    local function read()
      uv.fs_readdir(
        handle,
        vim.schedule_wrap(function(err, entries)
          if err or not entries or self.is_stopped then
            return finish()
          end
          for _, entry in ipairs(entries) do
            names[#names + 1], kind_of[entry.name] = entry.name, entry.type
          end
          if #names >= MAX_VISITED then
            self.is_cut = true
            return finish()
          end
          read()
        end)
      )
    end
    read()
  end, CHUNK)
end

local walk_folder, list_repository

local function visit(self, prefix, real, name, kind, depth)
  if kind == nil or kind == 'unknown' then
    kind = (uv.fs_lstat(real .. '/' .. name) or {}).type
  end
  local path, is_folder = prefix .. name, kind == 'directory'
  if self.offered.ignore:is_ignored(path, is_folder) then
    return
  elseif is_folder then
    if depth < MAX_DEPTH then
      walk_folder(self, path, depth + 1)
    else
      self.is_cut = true
    end
  elseif kinds[kind] then
    add(self, path)
  end
end

function walk_folder(self, folder, depth, is_plain)
  local real, prefix = real_of(self, folder), folder == '' and '' or folder .. '/'
  local names, kind_of, at
  if not real then
    return
  end
  push(self, function()
    if not at then
      if names == nil then
        names = false
        read_entries(self, real, function(list, found)
          -- It may have become a link while it was read.
          names, kind_of = real_of(self, folder) and list or {}, found
          arrived(self)
        end)
      end
      if not names then
        return 'wait'
      end
      at = 0
      if #names <= MAX_SORTED then
        table.sort(names)
      end
      if kind_of['.git'] and self.offered.ignore.git and not is_plain then
        pop(self)
        return list_repository(self, folder, depth)
      end
      return
    end
    at = at + 1
    local name = names[at]
    if not name then
      return pop(self)
    elseif self.visited >= MAX_VISITED or #self.found >= M.MAX_FILES then
      self.is_cut = true
      return true
    end
    self.visited = self.visited + 1
    visit(self, prefix, real, name, kind_of[name], depth)
  end)
end

-- Asking git --------------------------------------------------------------------------------------

-- Whether the folder of a path, as git names it, is still none that leads elsewhere.
local function is_plain_folder(self, path)
  local folder = path:match('^(.*)/[^/]*$') or ''
  if self.plain[folder] == nil then
    self.plain[folder] = real_of(self, folder) ~= nil
  end
  return self.plain[folder]
end

local function visit_listed(self, prefix, name, depth)
  local path = prefix .. name:gsub('/$', '')
  if self.seen[path] or path:find('^%.%./') or self.offered.ignore:is_excluded(path) then
    return
  end
  self.seen[path] = true
  local stat = is_plain_folder(self, path) and uv.fs_lstat((real_of(self, '') or '') .. '/' .. path)
  if not stat then
    return -- It was deleted, or moved behind a link.
  elseif kinds[stat.type] then
    add(self, path)
  elseif stat.type == 'directory' and depth < MAX_DEPTH then
    -- A repository in this one says for itself what it ignores.
    local real = real_of(self, path)
    if real and uv.fs_lstat(real .. '/.git') then
      list_repository(self, path, depth + 1)
    end
  end
end

function list_repository(self, folder, depth)
  local prefix = folder == '' and '' or folder .. '/'
  local names, position, is_asked
  self.repositories = self.repositories + 1
  if self.repositories > MAX_REPOSITORIES then
    self.is_cut = true
    return
  end
  push(self, function()
    if self.err then
      return true
    elseif not is_asked then
      is_asked = true
      self.asking = self.offered.ignore:list(folder, function(err, list, is_cut)
        self.err, names, position = err, list, list and 1
        self.is_cut = self.is_cut or is_cut
        if not err and not list then
          -- It only looks like a repository.
          pop(self)
          walk_folder(self, folder, depth, true)
        end
        arrived(self)
      end)
      return 'wait'
    elseif not names then
      return 'wait'
    end
    local stop = names:find('\0', position, true)
    if not stop then
      return pop(self)
    elseif self.visited >= MAX_VISITED or #self.found >= M.MAX_FILES then
      self.is_cut = true
      return true
    end
    local name = names:sub(position, stop - 1)
    position, self.visited = stop + 1, self.visited + 1
    visit_listed(self, prefix, name, depth)
  end)
end

-- All ---------------------------------------------------------------------------------------------

local function step(self)
  local job = self.jobs[#self.jobs]
  if not job then
    return true
  end
  return job()
end

--- Looks for the files below a folder.
---@param offered venice.Offered
---@param place venice.FilePlace the folder
---@param match (fun(path: string): boolean)|nil which of them
---@param done fun(err: venice.Error|nil, files: string[]|nil, is_cut: boolean|nil) once, later
---@return { stop: fun() }
function M.start(offered, place, match, done)
  local self = {
    offered = offered,
    match = match,
    jobs = {},
    found = {},
    seen = {},
    plain = {},
    visited = 0,
    repositories = 0,
  }
  local folder = place.path == '.' and '' or place.path
  if offered.ignore:is_listed_by_git(folder) then
    list_repository(self, folder, 1)
  else
    walk_folder(self, folder, 1)
  end
  self.work = slices.run(function()
    return step(self)
  end, function(failure)
    if failure or self.err then
      return done(self.err or errors.new('internal', failure))
    end
    table.sort(self.found)
    done(nil, self.found, self.is_cut == true)
  end)
  return {
    stop = function()
      self.is_stopped = true
      self.work.stop()
      if self.asking then
        self.asking.stop()
      end
    end,
  }
end

return M
