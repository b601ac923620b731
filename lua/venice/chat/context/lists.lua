-- The sources that are no file: diagnostics, the quickfix list, what git says has changed.

local api, fn = vim.api, vim.fn
local compat = require('venice.compat')
local context = require('venice.chat.context')
local errors = require('venice.errors')

local M = {}

-- Bytes of one entry, and of the message in it.
local MAX_ENTRY = 2000
local MAX_MESSAGE = 1000

-- The beginning of a text, without half of a character at its end.
local function cut(text, size)
  return #text > size and text:sub(1, compat.character_end(text, 1, size)) .. '…' or text
end

-- One line for each entry, while they are few enough.
local function lines_of(what, entries, describe)
  local lines, size = {}, 0
  for _, entry in ipairs(entries) do
    local line = errors.printable(cut(describe(entry), MAX_ENTRY))
    size = size + #line + 1
    if size > context.MAX_SIZE then
      return nil, context.too_large(what)
    end
    lines[#lines + 1] = line
  end
  return lines
end

-- Paths of buffers, each made once.
local function paths()
  return setmetatable({}, {
    __index = function(self, buf)
      self[buf] = context.path_of(buf)
      return self[buf]
    end,
  })
end

-- Diagnostics -------------------------------------------------------------------------------------

local severities = { 'error', 'warning', 'info', 'hint' }

local function describe_diagnostic()
  local path = paths()
  return function(entry)
    local place = ('%s:%d:%d'):format(path[entry.bufnr], entry.lnum + 1, entry.col + 1)
    local source = entry.source and (' [%s]'):format(entry.source) or ''
    local severity = severities[entry.severity] or 'error'
    return ('%s %s: %s%s'):format(place, severity, cut(entry.message, MAX_MESSAGE), source)
  end
end

local function in_order(a, b)
  for _, field in ipairs({ 'bufnr', 'lnum', 'col', 'severity' }) do
    if a[field] ~= b[field] then
      return a[field] < b[field]
    end
  end
  return a.message < b.message
end

--- The diagnostics of a buffer, or of all that are in the list.
---@param buf integer|nil
---@return venice.Source|nil
---@return venice.Error|nil
function M.diagnostics(buf)
  local found = vim.tbl_filter(function(entry)
    return api.nvim_buf_is_valid(entry.bufnr) and (buf ~= nil or vim.bo[entry.bufnr].buflisted)
  end, vim.diagnostic.get(buf))
  local path = buf and context.path_of(buf)
  if #found == 0 then
    local words = 'there are no diagnostics in ' .. (path or 'any buffer')
    return nil, errors.new('not_found', words, 'take this word out of the prompt')
  end
  table.sort(found, in_order)
  local lines, err = lines_of('the list of diagnostics', found, describe_diagnostic())
  if not lines then
    return nil, err
  end
  local place = path and context.plain(path) or 'all buffers'
  return {
    key = buf and 'diagnostics:' .. buf or 'diagnostics',
    words = buf and 'the diagnostics below' or 'the diagnostics of all buffers below',
    block = context.fenced(('Diagnostics of %s:'):format(place), 'text', lines),
  }
end

-- Quickfix ----------------------------------------------------------------------------------------

local function describe_entry()
  local path = paths()
  return function(entry)
    local text = cut(entry.text, MAX_MESSAGE)
    if entry.bufnr == 0 or not api.nvim_buf_is_valid(entry.bufnr) then
      return text
    end
    return ('%s:%d:%d %s'):format(path[entry.bufnr], entry.lnum, entry.col, text)
  end
end

--- The quickfix list.
---@return venice.Source|nil
---@return venice.Error|nil
function M.quickfix()
  local entries = fn.getqflist()
  if #entries == 0 then
    local hint = 'fill it, with :make or :grep'
    return nil, errors.new('not_found', 'the quickfix list is empty', hint)
  end
  local lines, err = lines_of('the quickfix list', entries, describe_entry())
  if not lines then
    return nil, err
  end
  return {
    key = 'quickfix',
    words = 'the quickfix list below',
    block = context.fenced('Quickfix list:', 'text', lines),
  }
end

-- Git ---------------------------------------------------------------------------------------------

local kinds = {
  [false] = {
    words = 'the diff below',
    place = 'git diff HEAD:',
    none = 'nothing differs from the last commit in ',
    hint = 'a new file belongs to the diff once it is added',
  },
  [true] = {
    words = 'the staged diff below',
    place = 'git diff --cached:',
    none = 'nothing is staged in ',
    hint = 'stage it with git add, or write #diff',
  },
}

local function diff_source(kind, text, folder)
  if text == '' then
    return nil, errors.new('not_found', kind.none .. context.path(folder), kind.hint)
  end
  local lines = vim.split(text:gsub('\n$', ''), '\n', { plain = true })
  local block = context.fenced(kind.place, 'diff', lines)
  return { key = kind.place, words = kind.words, block = block }
end

local function folder_of(buf)
  local folder = buf and fn.fnamemodify(api.nvim_buf_get_name(buf), ':p:h')
  return folder and fn.isdirectory(folder) == 1 and folder or compat.uv.cwd()
end

--- What has changed in a buffer's repository, or in that of the working folder.
---@param buf integer|nil
---@param is_staged boolean
---@param done fun(source: venice.Source|nil, err: venice.Error|nil)
---@return { stop: fun() }
function M.diff(buf, is_staged, done)
  local folder = folder_of(buf)
  local git_diff = require('venice.chat.context.git_diff')
  return git_diff.run(folder, is_staged, context.MAX_SIZE, function(err, text)
    if err then
      return done(nil, err.code == 'too_large' and context.too_large('the diff') or err)
    end
    done(diff_source(kinds[is_staged], text, folder))
  end)
end

return M
