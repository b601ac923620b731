-- Completion of mentions, as an 'omnifunc': <C-x><C-o> behind a #, or a completion plugin that
-- asks omnifuncs. Names only: no file is opened.

local api = vim.api
local compat = require('venice.compat')
local context = require('venice.chat.context')
local sources = require('venice.chat.context.sources')
local syntax = require('venice.chat.context.syntax')

local M = {}

local MAX_ENTRIES = 200

-- The beginning ---------------------------------------------------------------------------------

-- Where the mention begins that the cursor is at the end of: a word, or one whose quote is open.
local function start_of(text)
  local at = text:find('#%l*$') or text:find('#%l+:[^%s"]*$') or text:find('#%l+:"[^"]*$')
  return at and syntax.may_begin(text:sub(at - 1, at - 1)) and at or nil
end

-- The matches -----------------------------------------------------------------------------------

local function words()
  local origin = require('venice.chat.context.origin').find()
  local file = origin and context.path_of(origin) or 'the file used last'
  return {
    { '#buffer', 'the text of ' .. file },
    { '#buffer:', 'the text of another buffer' },
    { '#diagnostics', 'the diagnostics of ' .. file },
    { '#diagnostics:all', 'the diagnostics of all buffers' },
    { '#diff', 'what has changed since the last commit' },
    { '#diff:staged', 'what is staged for the next commit' },
    { '#file:', 'the text of a file' },
    { '#quickfix', 'the quickfix list' },
  }
end

-- A name as it has to be written; an open quote stays open while a path can go on.
local function written(kind, name, is_whole)
  local word = ('#%s:%s'):format(kind, name)
  local found = syntax.find(word)[1]
  if found and found.argument == name and found.last == #word then
    return word
  elseif name:find('["%c]') then
    return nil
  end
  return ('#%s:"%s%s'):format(kind, name, is_whole and '"' or '')
end

local function buffer_words()
  local list = {}
  for _, buf in ipairs(sources.buffers()) do
    local path = context.path_of(buf)
    list[#list + 1] = { written('buffer', path, true), ('buffer %d'):format(buf) }
  end
  return list
end

local function is_folder(path, kind)
  if kind == 'link' or kind == 'unknown' or not kind then
    kind = (compat.uv.fs_stat(path) or {}).type
  end
  return kind == 'directory'
end

-- Completion cannot wait, so a folder is read for so many nanoseconds: one of 200,000 files does
-- not hold the editor.
local READING = 6e6
local CHUNK = 256

-- Calls `visit(name, kind)` for the entries of a folder until it returns true.
local function each_entry(folder, visit)
  local uv = compat.uv
  local deadline, handle = uv.hrtime() + READING, uv.fs_opendir(folder, nil, CHUNK)
  local is_over = not handle
  while not is_over do
    local chunk = uv.fs_readdir(handle)
    is_over = not chunk or uv.hrtime() > deadline
    for _, entry in ipairs(chunk or {}) do
      is_over = visit(entry.name, entry.type) or is_over
    end
  end
  if handle then
    uv.fs_closedir(handle)
  end
end

-- The entries of the folder that a path is in. Hidden ones only where their dot is written.
local function file_words(path)
  local above, name = path:match('^(.*/)([^/]*)$')
  above, name = above or '', name or path
  local folder, list = require('venice.config').expand(above), {}
  each_entry(folder, function(entry, kind)
    local is_hidden = entry:sub(1, 1) == '.' and name:sub(1, 1) ~= '.'
    if not is_hidden and entry:sub(1, #name) == name and #list < MAX_ENTRIES then
      local folder_here = is_folder(folder .. '/' .. entry, kind)
      local whole = above .. entry .. (folder_here and '/' or '')
      list[#list + 1] =
        { written('file', whole, not folder_here), folder_here and 'folder' or 'file' }
    end
    return #list >= MAX_ENTRIES
  end)
  return list
end

local function candidates(base)
  local kind, argument = base:match('^#(%l+):"?(.*)$')
  if kind == 'buffer' then
    return buffer_words()
  elseif kind == 'file' then
    return file_words(argument)
  end
  return words()
end

-- Without the quote, for what has to be quoted completes what was begun without one.
local function bare(word)
  return (word:gsub('^(#%l+:)"', '%1'))
end

local function matches(base)
  local list = {}
  for _, candidate in ipairs(candidates(base)) do
    local word, menu = unpack(candidate, 1, 2)
    if word and bare(word):sub(1, #bare(base)) == bare(base) then
      -- No `info`: for it, Neovim opens a preview window that stays.
      list[#list + 1] = { word = word, menu = menu }
    end
  end
  table.sort(list, function(a, b)
    return a.word < b.word
  end)
  return list
end

--- As :help complete-functions says.
---@param findstart integer 1 asks for the column, 0 for the matches
---@param base string
---@return integer|table[]
function M.omnifunc(findstart, base)
  if findstart == 1 then
    local column = api.nvim_win_get_cursor(0)[2]
    local at = start_of(api.nvim_get_current_line():sub(1, column))
    return at and at - 1 or -3
  end
  -- Some plugins ask on after a -3.
  return base:sub(1, 1) == '#' and matches(base) or {}
end

return M
