-- A range of lines of a text, as much of it as fits into a result.

local bounds = require('venice.tools.bounds')
local errors = require('venice.errors')

local M = {}

-- What the other members of a result take.
local ROOM = 300

-- Where a line begins; nil where there are not so many.
local function start_of(text, line)
  local position = 1
  for _ = 2, line do
    position = text:find('\n', position, true)
    if not position then
      return nil
    end
    position = position + 1
  end
  return position <= #text and position or nil
end

local function count_lines(text)
  local breaks = select(2, text:gsub('\n', '\n'))
  return breaks + ((text == '' or text:sub(-1) == '\n') and 0 or 1)
end

-- Lines from a position, while they fit: the text, and how many lines it holds.
local function take(text, position, count, limit)
  local size, taken, first = 0, 0, position
  while taken < count and position <= #text do
    local stop = text:find('\n', position, true) or #text
    size = size + bounds.size(text:sub(position, stop)) - 2
    if size > limit then
      break
    end
    taken, position = taken + 1, stop + 1
  end
  return text:sub(first, position - 1), taken
end

---@class venice.Excerpt
---@field first integer
---@field last integer
---@field lines integer of the whole text
---@field text string
---@field note string|nil what is missing, and how to get it

--- Takes lines of a text.
---@param text string
---@param arguments { first: integer|nil, last: integer|nil }
---@param limit integer bytes of the result
---@return venice.Excerpt|nil
---@return venice.Error|nil
function M.take(text, arguments, limit)
  local total = count_lines(text)
  local first, last = arguments.first or 1, arguments.last or total
  if total == 0 then
    return { first = 0, last = 0, lines = 0, text = '', note = 'it is empty' }
  elseif first > total then
    local words = 'there is no line %d; there are %d lines'
    return nil, errors.new('bad_request', words:format(first, total))
  elseif last < first then
    return nil, errors.new('bad_request', '"last" is before "first"')
  end
  last = math.min(last, total)
  local position = start_of(text, first)
  local found, taken = take(text, position, last - first + 1, limit - ROOM)
  local excerpt = { first = first, last = first + taken - 1, lines = total, text = found }
  if taken == 0 then
    local line = text:match('^[^\n]*', position)
    excerpt.last = first
    excerpt.text = bounds.head(line, limit - ROOM)
    excerpt.note = ('line %d is cut: it has %d bytes'):format(first, #line)
  elseif excerpt.last < last then
    local words = 'cut at %d bytes; go on with first = %d'
    excerpt.note = words:format(limit, excerpt.last + 1)
  end
  return excerpt
end

--- What a user reads about it.
---@param excerpt venice.Excerpt
---@return string
function M.words(excerpt)
  local count = excerpt.lines == 0 and 0 or excerpt.last - excerpt.first + 1
  if count == excerpt.lines then
    return ('read %d %s'):format(count, count == 1 and 'line' or 'lines')
  end
  return ('read lines %d-%d of %d'):format(excerpt.first, excerpt.last, excerpt.lines)
end

--- Answers a call with the lines that it asks for.
---@param job venice.ToolJob
---@param file venice.OfferedText|nil
---@param err venice.Error|nil why there is no file
---@param fields table<string, string> more members of the result
function M.answer(job, file, err, fields)
  local found
  if file then
    found, err = M.take(file.text, job.arguments, job.limit)
  end
  if not found then
    return job:fail(err)
  end
  found.unsaved = file.buf and vim.bo[file.buf].modified or nil
  job:answer(vim.tbl_extend('error', found, fields), M.words(found))
end

return M
