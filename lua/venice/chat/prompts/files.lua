-- The prompts of a user: Markdown files in one folder, NAME.md. Read when they are asked for.

local compat = require('venice.compat')
local config = require('venice.config')
local errors = require('venice.errors')

local uv = compat.uv
local M = {}

M.MAX_FILES = 200
local MAX_SIZE = 64 * 1024

---@class venice.Prompt
---@field name string
---@field text string
---@field description string|nil

--- The folder of the prompts, whether it exists or not.
---@return string
function M.folder()
  local folder = config.get().prompts.dir
  return folder and config.expand(folder) or vim.fn.stdpath('config') .. '/venice/prompts'
end

-- A name must not lead out of the folder.
local function is_name(name)
  return name ~= '' and #name <= 200 and not name:find('[/%c]') and name:sub(1, 1) ~= '.'
end

--- The names of the files, in the order of the alphabet.
---@return string[]
---@return boolean is_cut there are more than MAX_FILES
function M.names()
  local handle, names = uv.fs_scandir(M.folder()), {}
  while handle do
    local entry, kind = uv.fs_scandir_next(handle)
    if not entry then
      break
    end
    local name = entry:match('^(.+)%.md$')
    if name and is_name(name) and kind ~= 'directory' then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  local is_cut = #names > M.MAX_FILES
  return is_cut and vim.list_slice(names, 1, M.MAX_FILES) or names, is_cut
end

local function read(path)
  -- A pipe would block; what it is, is asked of the very file that was opened.
  local flags = uv.constants.O_RDONLY + (uv.constants.O_NONBLOCK or 0)
  local fd, err = uv.fs_open(path, flags, 0)
  if not fd then
    return nil, err:find('^ENOENT') and 'is missing' or 'cannot be read: ' .. err
  end
  local stat = uv.fs_fstat(fd)
  local text = stat and stat.type == 'file' and uv.fs_read(fd, MAX_SIZE + 1, 0)
  uv.fs_close(fd)
  if not text then
    return nil, 'is not a file that can be read'
  elseif #text > MAX_SIZE then
    return nil, ('is larger than %d KB'):format(MAX_SIZE / 1024)
  end
  return text
end

-- What people share has a header between two lines `---`; of its fields one is ours.
local function without_header(lines)
  if lines[1] ~= '---' then
    return lines
  end
  local description
  for i = 2, #lines do
    if lines[i]:find('^%-%-%-%s*$') then
      return vim.list_slice(lines, i + 1), description
    end
    local value = lines[i]:match('^description:%s*(.-)%s*$')
    if value then
      description = value:match('^"(.*)"$') or value:match("^'(.*)'$") or value
    end
  end
  return lines
end

local function fail(path, problem)
  local words = ('the prompt %s %s'):format(vim.fn.fnamemodify(path, ':~'), problem)
  return nil, errors.new('config', words, 'mend the file, or take it away')
end

--- Reads the prompt of a name.
---@param name string
---@return venice.Prompt|nil nil without an error where there is no such file
---@return venice.Error|nil
function M.read(name)
  local path = ('%s/%s.md'):format(M.folder(), name)
  if not is_name(name) or not uv.fs_lstat(path) then
    return nil
  end
  local text, problem = read(path)
  if not text then
    return fail(path, problem)
  end
  problem = require('venice.chat.context.text_file').problem(text)
  if problem then
    return fail(path, problem)
  end
  local lines, description = without_header(require('venice.chat.context.text_file').lines(text))
  text = require('venice.chat.conversation').trim(lines)
  if text == '' then
    return fail(path, 'is empty')
  end
  return { name = name, text = text, description = description ~= '' and description or nil }
end

return M
