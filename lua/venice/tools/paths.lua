-- The files that a tool may touch: below the working folder, with symbolic links resolved.
--
-- A path is looked at as text first, and nothing is asked of the disk about one that its text
-- refuses: neither whether it is there, nor whether it is another name of the working folder.
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
---@field written string the working folder as it was given
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
  return setmetatable({ root = real, written = (root:gsub('(.)/+$', '%1')) }, Guard)
end

-- The part of a path below a folder; nil where it is not below.
local function part_below(root, path)
  if path == root then
    return '.'
  end
  local prefix = root == '/' and '/' or root .. '/'
  if path:sub(1, #prefix) == prefix then
    return path:sub(#prefix + 1)
  end
end

-- The part of a resolved path below the root.
local function below(self, real)
  return part_below(self.root, real)
end

local outside = 'the path leads out of the working folder'

--- What the text of a path says: its components below the working folder, joined, '.' for that. No
--- component may be `..`, and a path that begins with / must begin with the working folder.
---@param path string
---@return string|nil plain
---@return venice.Error|nil why it is refused
function Guard:plain(path)
  compat.check('path', path, 'string', false, 4)
  if path == '' or #path > MAX_PATH then
    return refuse('bad_request', 'this is not a path')
  elseif path:find('%z') then
    return refuse('bad_request', 'a path cannot hold a NUL')
  end
  local parts = {}
  for part in path:gmatch('[^/]+') do
    if part == '..' then
      return refuse('bad_request', 'a path must not hold ".."')
    end
    parts[#parts + 1] = part ~= '.' and part or nil
  end
  local plain = table.concat(parts, '/')
  if path:sub(1, 1) == '/' then
    plain = part_below(self.root, '/' .. plain) or part_below(self.written, '/' .. plain)
    if not plain then
      return refuse('bad_request', outside)
    end
  end
  return plain == '' and '.' or plain
end

local MAX_LINKS = 40

-- Where a path would lead, every link followed, whether its end is there or not. Nil in a circle.
local function follow(path)
  local at, rest, links = '', {}, 0
  local function put_first(text)
    local parts = {}
    for part in text:gmatch('[^/]+') do
      parts[#parts + 1] = part
    end
    for i = #parts, 1, -1 do
      table.insert(rest, parts[i])
    end
  end
  put_first(path)
  while #rest > 0 do
    local part = table.remove(rest)
    if part == '..' then
      at = at:match('^(.*)/[^/]*$') or ''
    elseif part ~= '.' then
      local target = uv.fs_readlink(at .. '/' .. part)
      if not target then
        at = at .. '/' .. part
      else
        links = links + 1
        if links > MAX_LINKS then
          return nil
        end
        at = target:sub(1, 1) == '/' and '' or at
        put_first(target)
      end
    end
  end
  return at == '' and '/' or at
end

--- Says where a path leads, whether something is there or not.
---@param path string relative to the working folder, or absolute and below it
---@return string|nil real without symbolic links
---@return string|venice.Error relative to the working folder, or why not
---@return boolean|nil is_there
function Guard:locate(path)
  local plain, err = self:plain(path)
  if not plain then
    return nil, err
  end
  local written = plain == '.' and self.root
    or (self.root == '/' and '' or self.root) .. '/' .. plain
  local real = uv.fs_realpath(written)
  local is_there = real ~= nil
  real = real or follow(written)
  if not real then
    -- Links in a circle are nothing.
    return written, plain, false
  end
  local relative = below(self, real)
  if not relative then
    return refuse('bad_request', outside)
  end
  return real, relative, is_there
end

--- The error for a path where nothing is.
---@param path string
---@return venice.Error
function M.missing(path)
  return errors.new('not_found', ('there is no %s'):format(errors.printable(path)))
end

--- Resolves a path of an existing file or folder.
---@param path string relative to the working folder, or absolute and below it
---@return string|nil real without symbolic links
---@return string|venice.Error relative to the working folder, or why not
function Guard:resolve(path)
  local real, relative, is_there = self:locate(path)
  if real and not is_there then
    return nil, M.missing(path)
  end
  return real, relative
end

--- Resolves the path of a file that may not exist yet: its folder must, below the root.
---@param path string
---@return string|nil real
---@return string|venice.Error relative, or why not
function Guard:resolve_new(path)
  local real, relative, is_there = self:locate(path)
  if not real or is_there then
    return real, relative
  end
  local folder = real:match('^(.*)/[^/]+$')
  local stat = uv.fs_stat(folder == '' and '/' or folder)
  if path:find('/%.?$') then
    return refuse('bad_request', 'this is not the path of a file')
  elseif not stat then
    return nil, M.missing(path)
  elseif stat.type ~= 'directory' then
    return refuse('bad_request', 'the folder of this path is a file')
  end
  return real, relative
end

--- Where a file of the editor is, whose name may go through links from elsewhere.
---@param name string absolute
---@return string|nil real nil where it is not below the working folder
---@return string|nil relative
function Guard:place(name)
  local real = uv.fs_realpath(name) or follow(name)
  local relative = real and below(self, real)
  if relative then
    return real, relative
  end
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
