-- The file of the known enclaves: read anew before each change, replaced whole, under a lock.
--
-- It decides whether a machine is "the one of yesterday", so it is never lost without a word: a
-- file that cannot be understood is moved aside and named.

local compat = require('venice.compat')
local errors = require('venice.errors')

local uv = compat.uv
local M = {}

local VERSION = 1
local LARGEST = 16 * 1024 * 1024
local LOCK_TRIES, LOCK_WAIT, LOCK_STALE = 60, 4, 5 -- times, milliseconds; seconds

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

local function failure(what, why)
  local message = ('the known enclaves %s: %s'):format(what, tostring(why))
  return errors.new('config', message, "check the file, or set verify = { pin = 'off' }")
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

local function is_pin(pin)
  local function all(kind, ...)
    for _, name in ipairs({ ... }) do
      if type(pin[name]) ~= kind then
        return false
      end
    end
    return true
  end
  return type(pin) == 'table'
    and all('string', 'service', 'model', 'root')
    and all('number', 'first_seen', 'last_seen')
    and all('table', 'enclave')
    and (pin.trusted_at == nil or type(pin.trusted_at) == 'number')
    and (pin.compose == nil or type(pin.compose) == 'string')
end

-- The pins in a text; nil for anything that is not ours as a whole.
local function parse(text)
  local store = compat.json_decode(text)
  if type(store) ~= 'table' or store.version ~= VERSION or not compat.islist(store.enclaves) then
    return nil
  end
  for _, pin in ipairs(store.enclaves) do
    if not is_pin(pin) then
      return nil
    end
  end
  return store.enclaves
end

local function move_aside(path)
  local name = path .. '.unreadable-' .. os.date('%Y%m%d-%H%M%S')
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

--- All pins. A file that cannot be understood is moved aside, with a word, and reads as none; one
--- that cannot be read is an error: then nobody knows what was known.
---@return venice.Pin[]|nil, venice.Error|nil
function M.read()
  local path = M.path()
  local text, why = read_text(path)
  if not text then
    if why then
      return nil, failure('cannot be read', why)
    end
    return {}
  end
  local pins = parse(text)
  if not pins then
    local err = move_aside(path)
    return not err and {} or nil, err
  end
  return pins
end

-- The lock and the change -------------------------------------------------------------------------

-- Another Neovim holds it for a millisecond; one that died holds it for LOCK_STALE seconds.
local function lock(path)
  for _ = 1, LOCK_TRIES do
    local fd = uv.fs_open(path, 'wx', 384) -- 0600
    if fd then
      uv.fs_close(fd)
      return true
    end
    local stat = uv.fs_stat(path)
    if stat and math.abs(os.time() - stat.mtime.sec) > LOCK_STALE then
      uv.fs_unlink(path)
    else
      uv.sleep(LOCK_WAIT)
    end
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

--- Changes the list: `change` gets what is in the file now and says whether it changed it.
---@param change fun(pins: venice.Pin[]): boolean
---@return true|nil, venice.Error|nil
function M.update(change)
  local path = M.path()
  local folder = vim.fn.fnamemodify(path, ':h')
  pcall(vim.fn.mkdir, folder, 'p', 448) -- 0700
  uv.fs_chmod(folder, 448)
  local is_locked = lock(path .. '.lock')
  -- Without the lock a change of another Neovim in the same millisecond may be lost; with nothing
  -- written, this one would be.
  local ok, pins, err = pcall(M.read)
  local why
  if ok and pins and change(pins) then
    why = write(path, pins)
  end
  if is_locked then
    uv.fs_unlink(path .. '.lock')
  end
  if not ok then
    return nil, failure('cannot be read', pins)
  elseif err or why then
    return nil, err or failure('cannot be written', why)
  end
  return true
end

return M
