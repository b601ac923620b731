-- The file of the known enclaves: read anew before each change, replaced whole, under a lock. The
-- editor's thread never waits for the lock: a change that finds it taken is made in memory, where
-- it counts at once, and written as soon as the lock is free.
--
-- It decides whether a machine is "the one of yesterday", so it is never lost without a word: a
-- file that cannot be understood is moved aside and named.

local compat = require('venice.compat')
local errors = require('venice.errors')

local uv = compat.uv
local M = {}

-- Enclaves have more values than those that the first versions stored, but the form of the file is
-- the same: an older Neovim beside this one goes on reading it, and takes nothing away.
local VERSION = 1
local LARGEST = 16 * 1024 * 1024
local LOCK_TRIES, LOCK_RETRY, LOCK_STALE = 20, 25, 5 -- in a row; milliseconds; seconds
local LAST_SECOND = 253402300799 -- of the year 9999, which is the last that dates can name

-- The file ----------------------------------------------------------------------------------------

--- Where the list is.
---@return string
function M.path()
  -- 'state' came with 0.8.
  local ok, folder = pcall(vim.fn.stdpath, 'state')
  if not ok then
    folder = (vim.env.XDG_STATE_HOME or vim.env.HOME .. '/.local/state') .. '/nvim'
  end
  return folder .. '/venice/known_enclaves.json'
end

local function failure(what, why, hint)
  local message = ('the known enclaves %s: %s'):format(what, tostring(why))
  return errors.new('config', message, hint or "check the file, or set verify = { pin = 'off' }")
end

local function read_text(path)
  local fd, why, code = uv.fs_open(path, 'r', 0)
  if not fd then
    return nil, code ~= 'ENOENT' and why or nil
  end
  local stat = uv.fs_fstat(fd)
  local text
  if stat and stat.size <= LARGEST then
    text, why = uv.fs_read(fd, stat.size, 0)
  else
    why = 'larger than such a file can be: ' .. path
  end
  uv.fs_close(fd)
  return text, why
end

local function is_enclave(enclave)
  for name, value in pairs(enclave) do
    if type(name) ~= 'string' or type(value) ~= 'string' then
      return false
    end
  end
  return true
end

local function is_date(value)
  return type(value) == 'number' and value >= 0 and value <= LAST_SECOND
end

local function is_pin(pin)
  return type(pin) == 'table'
    and type(pin.service) == 'string'
    and type(pin.model) == 'string'
    and type(pin.root) == 'string'
    and type(pin.enclave) == 'table'
    and is_enclave(pin.enclave)
    and is_date(pin.first_seen)
    and is_date(pin.last_seen)
    and (pin.trusted_at == nil or is_date(pin.trusted_at))
    and (pin.compose == nil or type(pin.compose) == 'string')
end

-- The pins in a text; nil for anything that is not ours as a whole. With the version of a file that
-- a newer version of this plugin wrote.
local function parse(text)
  local store = compat.json_decode(text)
  if type(store) ~= 'table' then
    return nil
  elseif type(store.version) == 'number' and store.version > VERSION then
    return nil, store.version
  elseif store.version ~= VERSION or not compat.islist(store.enclaves) then
    return nil
  end
  for _, pin in ipairs(store.enclaves) do
    if not is_pin(pin) then
      return nil
    end
  end
  return store.enclaves
end

-- Nobody's file is written over, a former one that was moved aside neither.
local function name_aside(path)
  local name = path .. '.unreadable-' .. os.date('%Y%m%d-%H%M%S')
  local free, number = name, 1
  while uv.fs_lstat(free) do
    number = number + 1
    free = name .. '-' .. number
  end
  return free
end

local function move_aside(path)
  local name = name_aside(path)
  local ok, why = uv.fs_rename(path, name)
  if not ok then
    return failure('cannot be understood, nor moved aside', why)
  end
  local words = 'the list of known enclaves could not be understood and is now %s: every enclave '
    .. 'is a first sight again\nhint: mend it and put it back, before you confirm any'
  vim.schedule(function()
    vim.notify('venice: ' .. words:format(errors.printable(name)), vim.log.levels.WARN)
  end)
end

local function is_newer(path, version)
  return failure(
    'cannot be read',
    ('%s is of a newer version of this plugin (format %s)'):format(path, version),
    'update this plugin, or move that file to another place; it is never written over'
  )
end

-- Changes that wait for the lock.
local pending = {} ---@type (fun(pins: venice.Pin[]): boolean)[]

local function read_file()
  local path = M.path()
  local text, why = read_text(path)
  if not text then
    if why then
      return nil, failure('cannot be read', why)
    end
    return {}
  end
  local pins, newer = parse(text)
  if newer then
    return nil, is_newer(path, newer)
  elseif not pins then
    local err = move_aside(path)
    return not err and {} or nil, err
  end
  return pins
end

--- All pins. A file that cannot be understood is moved aside, with a word, and reads as none; one
--- that cannot be read, or that a newer version of this plugin wrote, is an error and stays: then
--- nobody knows what was known. Changes that wait to be written count.
---@return venice.Pin[]|nil, venice.Error|nil
function M.read()
  local pins, err = read_file()
  for _, change in ipairs(pins and pending or {}) do
    change(pins)
  end
  return pins, err
end

-- The lock and the change -------------------------------------------------------------------------

local function make_folder(path)
  local folder = vim.fn.fnamemodify(path, ':h')
  pcall(vim.fn.mkdir, folder, 'p', 448) -- 0700
  uv.fs_chmod(folder, 448)
end

-- Takes the lock: false where another Neovim has it, nil where nobody can have it. Others hold it
-- for a millisecond; one that died holds it for LOCK_STALE seconds.
local function lock(path)
  local code
  for _ = 1, LOCK_TRIES do
    local fd, _
    fd, _, code = uv.fs_open(path, 'wx', 384) -- 0600
    if fd then
      uv.fs_close(fd)
      return true
    elseif code == 'ENOENT' then
      -- Another Neovim was making the same folder.
      make_folder(path)
    elseif code ~= 'EEXIST' then
      return nil
    end
    local stat = uv.fs_stat(path)
    if stat and math.abs(os.time() - stat.mtime.sec) > LOCK_STALE then
      uv.fs_unlink(path)
    end
  end
  if code == 'ENOENT' then
    return nil -- There is no folder, and none can be made.
  end
  return false
end

local function write(path, pins)
  local list = #pins > 0 and compat.json_encode(pins) or '[]'
  local text = ('{"version":%d,"enclaves":%s}\n'):format(VERSION, list)
  local temporary = ('%s.%d.new'):format(path, uv.getpid())
  uv.fs_unlink(temporary)
  local fd, why = uv.fs_open(temporary, 'wx', 384) -- 0600
  if not fd then
    return why
  end
  local written
  written, why = uv.fs_write(fd, text, 0)
  uv.fs_close(fd)
  local ok = written == #text
  if ok then
    -- A link of the user's stays a link.
    ok, why = uv.fs_rename(temporary, uv.fs_realpath(path) or path)
  end
  if not ok then
    uv.fs_unlink(temporary)
    return why or 'it was not written whole'
  end
end

-- Makes changes in the file, which is locked or cannot be.
local function change_file(path, changes)
  local pins, err = read_file()
  if not pins then
    return err
  end
  local is_changed = false
  for _, change in ipairs(changes) do
    is_changed = change(pins) or is_changed
  end
  local why = is_changed and write(path, pins)
  return why and failure('cannot be written', why) or nil
end

-- Makes them now, if no other Neovim is at it.
local function try(path, changes)
  local state = lock(path .. '.lock')
  if state == false then
    return false
  end
  local ok, err = pcall(change_file, path, changes)
  if state then
    uv.fs_unlink(path .. '.lock')
  end
  return true, not ok and failure('cannot be changed', err) or err
end

local function flush()
  local changes = pending
  local is_done, err = try(M.path(), changes)
  if is_done then
    pending = {}
  else
    vim.defer_fn(flush, LOCK_RETRY)
  end
  if err then
    errors.notify(err)
  end
end

local is_watching_exit = false

-- The word of the user is not lost where Neovim quits while another one holds the lock.
local function flush_at_exit()
  if #pending > 0 then
    pcall(change_file, M.path(), pending)
    pending = {}
  end
end

local function change_later(change)
  local pins, err = M.read()
  if not pins then
    return err
  elseif change(pins) then
    pending[#pending + 1] = change
    if #pending == 1 then
      if not is_watching_exit then
        is_watching_exit = true
        vim.api.nvim_create_autocmd('VimLeavePre', { callback = flush_at_exit })
      end
      vim.defer_fn(flush, LOCK_RETRY)
    end
  end
end

--- Changes the list: `change` gets what is in it now and says whether it changed it. It is called
--- again for each list that it has to be made in.
---@param change fun(pins: venice.Pin[]): boolean
---@return true|nil, venice.Error|nil
function M.update(change)
  local path = M.path()
  make_folder(path)
  local is_done, err = false, nil
  if #pending == 0 then
    is_done, err = try(path, { change })
  end
  if not is_done then
    err = change_later(change)
  end
  if err then
    return nil, err
  end
  return true
end

return M
