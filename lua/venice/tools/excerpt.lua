-- A range of lines of a text, as much of it as fits into a result.

local bounds = require('venice.tools.bounds')
local errors = require('venice.errors')
local slices = require('venice.tools.slices')

local M = {}

-- What the other members of a result take.
local ROOM = 300

-- So many bytes are counted in one step.
local BLOCK = 65536

---@class venice.LineCount
---@field lines integer of the whole text
---@field start integer|nil where the wanted line begins; nil where there are not so many

-- Counts the lines of a text and finds where one of them begins, step by step.
local function counter(text, line)
  local self = { text = text, line = line, at = 1, breaks = 0 }
  self.start = line == 1 and text ~= '' and 1 or nil
  return self
end

-- True where it is through.
local function count_on(self)
  local stop = math.min(self.at + BLOCK - 1, #self.text)
  local breaks = select(2, self.text:sub(self.at, stop):gsub('\n', ''))
  if not self.start and self.breaks + breaks >= self.line - 1 then
    local position = self.at
    for _ = self.breaks + 2, self.line do
      position = self.text:find('\n', position, true) + 1
    end
    self.start = position <= #self.text and position or nil
  end
  self.breaks, self.at = self.breaks + breaks, stop + 1
  if self.at > #self.text then
    local is_ended = self.text == '' or self.text:byte(-1) == 10
    self.lines = self.breaks + (is_ended and 0 or 1)
    return true
  end
end

-- Lines from a position, while they fit: the text, and how many lines it holds.
local function take(text, position, count, limit)
  local size, taken, first = 0, 0, position
  while taken < count and position <= #text do
    local stop = text:find('\n', position, true) or #text
    if stop - position > limit then
      break
    end
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

-- The lines that are asked for, of a text that was counted.
local function take_counted(counted, arguments, limit)
  local text, total = counted.text, counted.lines
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
  local position = counted.start
  local found, taken = take(text, position, last - first + 1, limit - ROOM)
  local excerpt = { first = first, last = first + taken - 1, lines = total, text = found }
  if taken == 0 then
    local stop = text:find('\n', position, true) or #text + 1
    excerpt.last = first
    excerpt.text = bounds.head(text:sub(position, stop - 1), limit - ROOM)
    excerpt.note = ('line %d is cut: it has %d bytes'):format(first, stop - position)
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
  if not file then
    return job:fail(err)
  end
  local unsaved = file.buf and vim.bo[file.buf].modified or nil
  local counted = counter(file.text, job.arguments.first or 1)
  job.work = slices.run(
    function()
      return count_on(counted)
    end,
    job:safe(function(failure)
      local found, problem
      if not failure then
        found, problem = take_counted(counted, job.arguments, job.limit)
      end
      if not found then
        return job:fail(problem or errors.new('internal', failure))
      end
      found.unsaved = unsaved
      job:answer(vim.tbl_extend('error', found, fields), M.words(found))
    end)
  )
end

return M
