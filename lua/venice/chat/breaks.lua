-- Long lines, broken for the screen. A line of some hundred kilobytes stops the editor for seconds:
-- each pattern of a syntax file and each step of wrapping goes over all of it at every redraw, and
-- each write copies it. So what arrives is put into the buffer in pieces of about a kilobyte, and
-- what is read out of the buffer is joined again: it is sent, saved and copied as it came.
--
-- A break stands in the text itself, so that no undo, redo or move can lose it: a line is a piece
-- if it has the length of one and was made here. What arrives never ends a line at that length, for
-- such a line is broken too. A piece that the user changes is a line like any other.

local compat = require('venice.compat')

local M = {}

-- Bytes of a piece. A break is behind a space, where there is one between these two.
local SHORTEST, LONGEST = 960, 1024
M.LONGEST = LONGEST

local SAMPLE = 24 -- bytes at both ends of a piece, by which it is known again

---@class venice.Breaks
---@field known table<string, true> the pieces that were made
---@field is_used boolean whether there are any
local Breaks = {}
Breaks.__index = Breaks

--- Whether a text has a line that will be broken.
---@param text string
---@return boolean
function M.has_long_line(text)
  if #text >= SHORTEST then
    for line in text:gmatch('[^\n]+') do
      if #line >= SHORTEST then
        return true
      end
    end
  end
  return false
end

--- The breaks of one buffer; there is none yet.
---@return venice.Breaks
function M.new()
  return setmetatable({ known = {}, is_used = false }, Breaks)
end

-- A NUL byte is a line feed in Vim's memory.
local function key_of(piece)
  local text = #piece .. ':' .. piece:sub(1, SAMPLE) .. piece:sub(-SAMPLE)
  return (text:gsub('%z', '\n'))
end

-- The last byte of the piece that begins at `first`, where at least SHORTEST bytes are left.
local function find_break(line, first)
  local shortest = first + SHORTEST - 1
  local longest = math.min(first + LONGEST - 1, #line)
  for last = longest, shortest, -1 do
    if line:byte(last) == 0x20 then
      return last
    end
  end
  return compat.character_end(line, first, longest)
end

function Breaks:_note(piece)
  self.known[key_of(piece)], self.is_used = true, true
end

-- Adds a line in pieces. `taken` bytes of it stand in the buffer.
local function add_pieces(self, result, line, taken)
  local first = 1
  while #line - first + 1 >= SHORTEST do
    local last = find_break(line, first)
    local piece = line:sub(first, last)
    self:_note(piece)
    result[#result + 1] = first == 1 and piece:sub(taken + 1) or piece
    first = last + 1
  end
  result[#result + 1] = line:sub(first)
end

--- Lines as they are put into the buffer. A long one becomes several; the last piece may be empty.
---@param lines string[]
---@param before string|nil what stands in the buffer's line already, in front of the first one
---@return string[] the first is still what goes behind `before`
function Breaks:split(lines, before)
  local result = {}
  before = before or ''
  if #before >= SHORTEST and lines[1] ~= '' then
    -- The user has made it that long.
    self:_note(before)
    result[1], before = '', ''
  end
  for _, line in ipairs(lines) do
    if #before + #line < SHORTEST then
      result[#result + 1] = line
    else
      add_pieces(self, result, before .. line, #before)
    end
    before = ''
  end
  return result
end

--- Whether a line of the buffer goes on in the next one.
---@param line string
---@return boolean
function Breaks:is_piece(line)
  return #line >= SHORTEST and self.known[key_of(line)] == true
end

--- Lines as they came, from those of the buffer.
---@param lines string[]
---@return string[]
function Breaks:join(lines)
  if not self.is_used then
    return lines
  end
  local result, pieces = {}, {}
  for i, line in ipairs(lines) do
    pieces[#pieces + 1] = line
    if not self:is_piece(line) or i == #lines then
      result[#result + 1] = pieces[2] and table.concat(pieces) or line
      pieces = {}
    end
  end
  return result
end

return M
