-- The files of saved chats: their names, and how one is read and written. They hold what a program
-- of the user's has encrypted, and nothing here sees anything else.
--
-- A file is written beside its place and then put there, whole. The editor waits for no disk.

local errors = require('venice.errors')
local utf8 = require('venice.tools.utf8')

local uv = require('venice.compat').uv
local M = {}

local SUFFIX = '.venice'
local MAX_NAME = 100 -- bytes
local FOLDER_MODE, FILE_MODE = 448, 384 -- 0700, 0600

--- As `expected`: whatever is there may be replaced.
M.ANY = {}

--- Where they are.
---@return string
function M.folder()
  return vim.fn.stdpath('data') .. '/venice/chats'
end

local function path_of(name)
  return M.folder() .. '/' .. name .. SUFFIX
end

-- Names -------------------------------------------------------------------------------------------

-- Ranges of Unicode without letters: signs, blanks, what cannot be seen or turns text around.
local no_letters = {
  { 0x80, 0xBF },
  { 0xD7, 0xD7 },
  { 0xF7, 0xF7 },
  { 0x2000, 0x2BFF },
  { 0x2E00, 0x2E7F },
  { 0x3000, 0x3004 },
  { 0xE000, 0xF8FF },
  { 0xFE00, 0xFE2F },
  { 0xFEFF, 0xFEFF },
  { 0xFFF0, 0xFFFF },
  { 0xE0000, 0x10FFFF },
}

local function is_letter(character)
  local code = vim.fn.char2nr(character, true)
  for _, range in ipairs(no_letters) do
    if range[1] <= code and code <= range[2] then
      return false
    end
  end
  return true
end

--- What is wrong with a name for a chat.
---@param name string
---@return venice.Error|nil
function M.check_name(name)
  local ok = #name <= MAX_NAME
    and name:find('^[%w_\128-\255-][%w._ \128-\255-]*$')
    and not name:find(' $')
    and utf8.is_utf8(name)
  for character in name:gmatch('[\192-\255][\128-\191]*') do
    ok = ok and is_letter(character)
  end
  if ok then
    return nil
  end
  local hint = 'letters, digits, spaces and . _ - make a name, 100 bytes of them at most'
  return errors.new('config', 'this is no name for a saved chat: ' .. name:sub(1, MAX_NAME), hint)
end

--- The names of the saved chats, sorted.
---@return string[]
function M.names()
  local names = {}
  local scan = uv.fs_scandir(M.folder())
  while scan do
    local entry = uv.fs_scandir_next(scan)
    if not entry then
      break
    end
    local name = entry:sub(-#SUFFIX) == SUFFIX and entry:sub(1, -#SUFFIX - 1)
    if name and not M.check_name(name) then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

--- The saved chats, the newest first.
---@return { name: string, time: integer }[]
function M.list()
  local list = {}
  for _, name in ipairs(M.names()) do
    local stat = uv.fs_stat(path_of(name))
    if stat and stat.type == 'file' then
      list[#list + 1] = { name = name, time = stat.mtime.sec }
    end
  end
  table.sort(list, function(a, b)
    if a.time ~= b.time then
      return a.time > b.time
    end
    return a.name < b.name
  end)
  return list
end

-- Which file --------------------------------------------------------------------------------------

local function stamp_of(stat)
  local time = stat.mtime
  return ('%d %d.%09d %d'):format(stat.ino, time.sec, time.nsec, stat.size)
end

--- What tells a file from the one that takes its place.
---@param name string
---@return string|nil stamp nil where there is no file
function M.stamp(name)
  local stat = uv.fs_stat(path_of(name))
  return stat and stamp_of(stat)
end

--- Why a name may not be written now.
---@param name string
---@param expected string|table|nil the stamp of the file that may be replaced, or M.ANY
---@return venice.Error|nil
function M.conflict(name, expected)
  local stamp = expected ~= M.ANY and M.stamp(name)
  if not stamp or stamp == expected then
    return nil
  end
  local words = expected and '%s was changed since, by another Neovim or program'
    or 'there is one of this name already: %s'
  local hint = (':Venice! save %s replaces it; another name keeps both'):format(name)
  return errors.new('config', words:format(name), hint)
end

-- Reading and writing -----------------------------------------------------------------------------

-- Runs body(await); await(call, ...) calls a function of libuv and goes on when it is done.
local function run_async(body)
  local resume
  local function await(call, ...)
    local arguments = { ... }
    arguments[#arguments + 1] = vim.schedule_wrap(function(...)
      resume(...)
    end)
    call(unpack(arguments))
    return coroutine.yield()
  end
  resume = coroutine.wrap(body)
  resume(await)
end

local function unreadable(name, why)
  return errors.new('config', ('%s cannot be read: %s'):format(name, why))
end

local function read_all(await, path, limit)
  local why, fd = await(uv.fs_open, path, 'r', 0)
  if not fd then
    return why
  end
  local stat, bytes
  why, stat = await(uv.fs_fstat, fd)
  if stat and stat.size > limit then
    why = ('it is larger than %d MB'):format(limit / 1024 / 1024)
  elseif stat then
    why, bytes = await(uv.fs_read, fd, stat.size, 0)
  end
  await(uv.fs_close, fd)
  return why, bytes, stat and stamp_of(stat)
end

--- Reads a saved chat.
---@param name string a good one
---@param limit integer bytes
---@param callback fun(err: venice.Error|nil, bytes: string|nil, stamp: string|nil)
function M.read(name, limit, callback)
  local path = path_of(name)
  local stat = uv.fs_stat(path)
  if not stat then
    local hint = ':Venice open lists the saved chats'
    return callback(errors.new('config', 'there is none of this name: ' .. name, hint))
  elseif stat.type ~= 'file' then
    return callback(unreadable(name, 'it is no file'))
  end
  run_async(function(await)
    local why, bytes, stamp = read_all(await, path, limit)
    if not bytes then
      return callback(unreadable(name, why))
    end
    callback(nil, bytes, stamp)
  end)
end

local function write_all(await, path, bytes)
  local why, fd = await(uv.fs_open, path, 'wx', FILE_MODE)
  if not fd then
    return why
  end
  local written = 0
  while not why and written < #bytes do
    local count
    why, count = await(uv.fs_write, fd, written == 0 and bytes or bytes:sub(written + 1), -1)
    written = written + (count or 0)
    why = why or (count == 0 and 'the disk takes no more' or nil)
  end
  why = why or await(uv.fs_fsync, fd)
  return await(uv.fs_close, fd) or why
end

local function sync_folder(await, folder)
  local _, fd = await(uv.fs_open, folder, 'r', 0)
  if fd then
    await(uv.fs_fsync, fd)
    await(uv.fs_close, fd)
  end
end

local count = 0

--- Writes a saved chat: whole, or not at all.
---@param name string a good one
---@param bytes string
---@param expected string|table|nil as for conflict(), which is asked again at the end
---@param callback fun(err: venice.Error|nil, stamp: string|nil)
function M.write(name, bytes, expected, callback)
  local folder, path = M.folder(), path_of(name)
  pcall(vim.fn.mkdir, folder, 'p', FOLDER_MODE)
  uv.fs_chmod(folder, FOLDER_MODE)
  count = count + 1
  local temporary = ('%s/.%d-%d.new'):format(folder, uv.getpid(), count)
  run_async(function(await)
    -- Of a process that had this number and died.
    await(uv.fs_unlink, temporary)
    local why = write_all(await, temporary, bytes)
    local err = not why and M.conflict(name, expected) or nil
    if not why and not err then
      why = await(uv.fs_rename, temporary, path)
    end
    if why or err then
      await(uv.fs_unlink, temporary)
      local words = 'it cannot be written: ' .. tostring(why)
      return callback(err or errors.new('config', words, 'check the folder ' .. folder))
    end
    sync_folder(await, folder)
    callback(nil, M.stamp(name))
  end)
end

return M
