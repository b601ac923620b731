-- The files that a tool may touch: below the working folder, with symbolic links resolved.
--
-- A path is checked, opened, and what was opened is checked again, for a link may be swapped in
-- between: the opened file must be the one that was looked at, and still stand below the folder.

local compat = require('venice.compat')
local errors = require('venice.errors')

local uv = compat.uv
local M = {}

M.MAX_SIZE = 256 * 1024
local MAX_PATH = 4096
-- Bytes in which a NUL makes a file binary.
local BINARY_PROBE = 8000

---@class venice.PathGuard
---@field root string the working folder, resolved
local Guard = {}
Guard.__index = Guard

local function refuse(code, words, ...)
  return nil, errors.new(code, words:format(...))
end

--- A guard for a working folder.
---@param root string
---@return venice.PathGuard|nil
---@return venice.Error|nil
function M.new(root)
  compat.check('root', root, 'string')
  local real = not root:find('%z') and uv.fs_realpath(root)
  local stat = real and uv.fs_stat(real)
  if not stat or stat.type ~= 'directory' then
    return refuse('not_found', 'the working folder does not exist')
  end
  return setmetatable({ root = real }, Guard)
end

-- The part of a resolved path below the root; nil where it is not below.
local function below(self, real)
  if real == self.root then
    return '.'
  end
  local prefix = self.root == '/' and '/' or self.root .. '/'
  if real:sub(1, #prefix) == prefix then
    return real:sub(#prefix + 1)
  end
end

-- The path as it is written, made absolute; no component may be `..`.
local function absolute(self, path)
  compat.check('path', path, 'string', false, 5)
  if path == '' or #path > MAX_PATH then
    return refuse('bad_request', 'this is not a path')
  elseif path:find('%z') then
    return refuse('bad_request', 'a path cannot hold a NUL')
  end
  for part in path:gmatch('[^/]+') do
    if part == '..' then
      return refuse('bad_request', 'a path must not hold ".."')
    end
  end
  return path:sub(1, 1) == '/' and path or self.root .. '/' .. path
end

local outside = 'the path leads out of the working folder'

-- Why a path cannot be resolved. What is missing outside looks like what is there.
local function missing(self, written, path)
  local folder = written
  while folder ~= '' do
    local real = uv.fs_realpath(folder)
    if real and not below(self, real) then
      return refuse('bad_request', outside)
    elseif real then
      break
    end
    folder = folder:match('^(.*)/[^/]*$') or ''
  end
  return refuse('not_found', 'there is no %s', errors.printable(path))
end

--- Resolves a path of an existing file or folder.
---@param path string relative to the working folder, or absolute and below it
---@return string|nil real without symbolic links
---@return string|venice.Error relative to the working folder, or why not
function Guard:resolve(path)
  local written, err = absolute(self, path)
  if not written then
    return nil, err
  end
  local real = uv.fs_realpath(written)
  if not real then
    return missing(self, written, path)
  end
  local relative = below(self, real)
  if not relative then
    return refuse('bad_request', outside)
  end
  return real, relative
end

--- Resolves the path of a file that may not exist yet: its folder must, below the root.
---@param path string
---@return string|nil real
---@return string|venice.Error relative, or why not
function Guard:resolve_new(path)
  local written, err = absolute(self, path)
  if not written then
    return nil, err
  elseif uv.fs_lstat(written) then
    -- There is something; a link is followed, and must end below.
    return self:resolve(path)
  end
  local folder, name = written:match('^(.*)/([^/]+)$')
  if not name or name == '.' then
    return refuse('bad_request', 'this is not the path of a file')
  end
  local real
  real, err = self:resolve(folder == '' and '/' or folder)
  if not real then
    return nil, err
  elseif (uv.fs_stat(real) or {}).type ~= 'directory' then
    return refuse('bad_request', 'the folder of this path is a file')
  end
  real = (real == '/' and '' or real) .. '/' .. name
  return real, below(self, real)
end

local function same_file(a, b)
  return a and b and a.dev == b.dev and a.ino == b.ino and a.type == b.type
end

-- Opens a resolved path; the descriptor is of the very file that was looked at.
local function open_checked(self, path, real)
  local seen = uv.fs_lstat(real)
  -- A pipe or a device could block, or be more than it seems.
  if not seen or seen.type ~= 'file' then
    return refuse('bad_request', '%s is not a plain file', errors.printable(path))
  end
  local constants = uv.constants
  local flags = constants.O_RDONLY + (constants.O_NONBLOCK or 0) + (constants.O_NOFOLLOW or 0)
  local fd = uv.fs_open(real, flags, 0)
  if not fd then
    return refuse('not_found', '%s cannot be opened', errors.printable(path))
  end
  local opened = uv.fs_fstat(fd)
  local again = self:resolve(path)
  -- Where the system says which path was opened, that counts; a swap that was undone shows here.
  local named = uv.fs_readlink('/proc/self/fd/' .. fd)
  if not same_file(seen, opened) or again ~= real or (named and named ~= real) then
    uv.fs_close(fd)
    return refuse('bad_request', '%s changed while it was opened', errors.printable(path))
  end
  return fd, opened
end

local function read_all(fd, limit)
  local parts, size = {}, 0
  while size <= limit do
    local chunk, err = uv.fs_read(fd, limit + 1 - size, size)
    if not chunk then
      return nil, tostring(err)
    elseif chunk == '' then
      return table.concat(parts)
    end
    parts[#parts + 1] = chunk
    size = size + #chunk
  end
  return table.concat(parts)
end

---@class venice.ReadFile
---@field text string
---@field path string relative to the working folder
---@field real string
---@field size integer

--- Reads a text file.
---@param path string as for resolve()
---@param opts { max_size: integer|nil }|nil
---@return venice.ReadFile|nil
---@return venice.Error|nil
function Guard:read(path, opts)
  local limit = opts and opts.max_size or M.MAX_SIZE
  local real, relative = self:resolve(path)
  if not real then
    return nil, relative
  end
  local fd, opened = open_checked(self, path, real)
  if not fd then
    return nil, opened
  end
  local text, err
  if opened.size <= limit then
    text, err = read_all(fd, limit)
  end
  uv.fs_close(fd)
  if err then
    return refuse('internal', '%s cannot be read', errors.printable(path))
  elseif not text or #text > limit then
    local words = '%s is larger than %d KB'
    return refuse('too_large', words, errors.printable(path), math.floor(limit / 1024))
  elseif text:sub(1, BINARY_PROBE):find('%z') then
    return refuse('bad_request', '%s is a binary file', errors.printable(path))
  end
  return { text = text, path = relative, real = real, size = #text }
end

return M
