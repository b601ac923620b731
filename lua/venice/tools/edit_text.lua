-- A replacement in a text → which lines change, and what stands there then.

local errors = require('venice.errors')

local M = {}

---@class venice.LineChange
---@field first integer 1-based
---@field last integer first - 1 where lines are only put in
---@field lines string[] that stand there instead

local function bad(words, ...)
  return nil, errors.new('bad_request', words:format(...))
end

-- Finding -----------------------------------------------------------------------------------------

-- So many bytes are looked at in one step, which takes about a millisecond.
local STEP = 20000

-- How far to go back in the piece where a byte does not fit (Knuth, Morris, Pratt): a piece that
-- nearly fits everywhere costs no more than another one.
local function borders(piece)
  local list, at = { [0] = -1 }, -1
  for i = 1, #piece do
    while at >= 0 and piece:byte(at + 1) ~= piece:byte(i) do
      at = list[at]
    end
    at = at + 1
    list[i] = at
  end
  return list
end

---@class venice.TextFinder
---@field text string
---@field piece string
---@field at integer byte of the text that was looked at last
---@field found integer[] where the piece ends, two places at most: then it is not said which
---@field lines integer breaks so far
---@field first_line integer|nil breaks up to the end of the first place

local function finder(text, piece)
  return {
    text = text,
    piece = piece,
    at = 0,
    fits = 0,
    lines = 0,
    found = {},
  }
end

-- One step; true where it is through.
local function look_on(self)
  self.borders = self.borders or borders(self.piece)
  local text, piece, list = self.text, self.piece, self.borders
  local fits, size, lines = self.fits, #piece, self.lines
  local last = math.min(self.at + STEP, #text)
  for i = self.at + 1, last do
    local byte = text:byte(i)
    while fits >= 0 and piece:byte(fits + 1) ~= byte do
      fits = list[fits]
    end
    fits = fits + 1
    lines = byte == 10 and lines + 1 or lines
    if fits == size then
      self.first_line = self.first_line or lines
      self.found[#self.found + 1] = i
      if #self.found == 2 then
        return true
      end
      fits = list[fits] -- Places may overlap.
    end
  end
  self.at, self.fits, self.lines = last, fits, lines
  return last == #text
end

-- Replacing ---------------------------------------------------------------------------------------

-- The lines of a part of a text; the line break at its end ends the last one.
local function split(part, is_all)
  local lines = {}
  for line in part:gmatch('([^\n]*)\n') do
    lines[#lines + 1] = line
  end
  local rest = part:match('[^\n]*$')
  if rest ~= '' or (#lines == 0 and is_all) then
    lines[#lines + 1] = rest
  end
  return lines
end

local function end_of_line(text, from)
  return text:find('\n', from, true) or #text
end

-- Where the line of a byte begins.
local function start_of_line(text, at)
  while at > 1 do
    local from = math.max(at - 4096, 1)
    local start = text:sub(from, at - 1):match('^.*\n()')
    if start then
      return from + start - 1
    end
    at = from
  end
  return 1
end

-- Which lines change where the bytes `first` to `last` are replaced; `first` is in line `number`.
local function lines_of(text, first, last, new, number)
  local start = start_of_line(text, first)
  local stop = text:byte(last) == 10 and last or end_of_line(text, last + 1)
  local function after()
    return text:sub(start, first - 1) .. new .. text:sub(last + 1, stop)
  end
  if stop == last and stop < #text and after() ~= '' and after():byte(-1) ~= 10 then
    stop = end_of_line(text, last + 1) -- The next line goes on behind it.
  end
  local is_all = start == 1 and stop == #text
  local before_lines, after_lines = split(text:sub(start, stop), is_all), split(after(), is_all)
  local shorter = math.min(#before_lines, #after_lines)
  local front, back = 0, 0
  while front < shorter and before_lines[front + 1] == after_lines[front + 1] do
    front = front + 1
  end
  while
    back < shorter - front
    and before_lines[#before_lines - back] == after_lines[#after_lines - back]
  do
    back = back + 1
  end
  if front == #before_lines and front == #after_lines then
    return bad('new_text changes nothing')
  end
  local lines = {}
  for i = front + 1, #after_lines - back do
    lines[#lines + 1] = after_lines[i]
  end
  return { first = number + front, last = number + #before_lines - back - 1, lines = lines }
end

-- A text of nothing but blanks and line breaks is empty enough to be filled.
local MAX_BLANK = 4096

local function fill(text, new)
  if #text > MAX_BLANK or text:find('%S') then
    return bad('old_text is empty, but the file is not; give the text to replace')
  elseif text == '' then
    return { first = 1, last = 1, lines = split(new, true) }
  end
  return lines_of(text, 1, #text, new, 1)
end

local function result_of(self, new)
  if #self.found == 0 then
    return bad('old_text does not stand in the file; read the file and copy the text exactly')
  elseif #self.found > 1 then
    return bad('old_text stands in the file more than once; add lines around it')
  end
  local number = self.first_line - select(2, self.piece:gsub('\n', '')) + 1
  return lines_of(self.text, self.found[1] - #self.piece + 1, self.found[1], new, number)
end

-- The texts with line breaks as they are compared.
local function plain(old, new)
  return (old:gsub('\r\n', '\n')), (new:gsub('\r\n', '\n'))
end

--- Finds the lines that a replacement changes, in slices.
---@param text string of the file; line breaks are \n
---@param old string
---@param new string
---@param done fun(change: venice.LineChange|nil, err: venice.Error|nil) once, later
---@return { stop: fun() }
function M.start(text, old, new, done)
  old, new = plain(old, new)
  local self = finder(text, old)
  return require('venice.tools.slices').run(function()
    return old == '' or new:find('%z') ~= nil or look_on(self)
  end, function(failure)
    if failure then
      return done(nil, errors.new('internal', failure))
    elseif new:find('%z') then
      return done(bad('new_text cannot hold a NUL'))
    elseif old == '' then
      return done(fill(text, new))
    end
    done(result_of(self, new))
  end)
end

return M
