-- Text of a screen while it is built: lines, the marks that colour them, the sections that fold.
-- Pure.

local M = {}

---@class venice.Text
---@field lines string[]
---@field marks table[] { line, first, last, group }, from 0 as the API counts
---@field folds table[] { first, last, closed }, from 1 as Ex counts
---@field width integer|nil columns in which row() wraps; nil: nowhere
local Text = {}
Text.__index = Text

local columns = vim.fn.strdisplaywidth

--- A text without lines.
---@param width integer|nil columns in which row() wraps
---@return venice.Text
function M.new(width)
  return setmetatable({ lines = {}, marks = {}, folds = {}, width = width }, Text)
end

-- Words in lines of a width. A word that is longer than that has a line of its own, and so may a
-- command, which a user reads as one.
local function wrap(words, width)
  local function bind(command)
    return (command:gsub(' ', '\1'))
  end
  words = words:gsub(':Venice!? trust %S+', bind):gsub(':Venice!? %a+', bind)
  local lines, line = {}, ''
  for word in words:gmatch('%S+') do
    word = word:gsub('\1', ' ')
    if line ~= '' and columns(line .. ' ' .. word) > width then
      lines[#lines + 1], line = line, ''
    end
    line = line == '' and word or line .. ' ' .. word
  end
  lines[#lines + 1] = line
  return lines
end

--- A line made of pieces, each a string or { string, group }.
---@param ... string|table
function Text:add(...)
  local line, column = {}, 0
  for _, piece in ipairs({ ... }) do
    local words = type(piece) == 'table' and piece[1] or piece
    if type(piece) == 'table' and piece[2] then
      local mark = { line = #self.lines, first = column, last = column + #words }
      mark.group = piece[2]
      self.marks[#self.marks + 1] = mark
    end
    line[#line + 1] = words
    column = column + #words
  end
  self.lines[#self.lines + 1] = (table.concat(line):gsub('%s+$', ''))
  -- What was cut off at the end is no part of a mark.
  for i = #self.marks, 1, -1 do
    local mark = self.marks[i]
    if mark.line ~= #self.lines - 1 then
      break
    end
    mark.last = math.min(mark.last, #self.lines[#self.lines])
    if mark.first >= mark.last then
      table.remove(self.marks, i)
    end
  end
end

-- Columns below which words do not stand beside what names them, but under it.
local NARROWEST = 30
local INDENT = 6

--- A line made of pieces as for add(), and words that go on below where they began.
---@param pieces table[]
---@param words string
---@param group string|nil of the words
function Text:row(pieces, words, group)
  local indent = 0
  for _, piece in ipairs(pieces) do
    indent = indent + columns(type(piece) == 'table' and piece[1] or piece)
  end
  local room = (self.width or math.huge) - indent
  local lines = { words }
  if columns(words) > room then
    if room < NARROWEST then
      self:add(unpack(pieces))
      indent, pieces = INDENT, { (' '):rep(INDENT) }
      room = math.max(self.width - INDENT, 1)
    end
    lines = wrap(words, room)
  end
  for _, line in ipairs(lines) do
    local whole = { unpack(pieces) }
    whole[#whole + 1] = { line, group }
    self:add(unpack(whole))
    pieces = { (' '):rep(indent) }
  end
end

--- A section with a line of its own, whose other lines fold away.
---@param title string
---@param count string|nil
---@param closed boolean
---@param add_lines fun()
function Text:section(title, count, closed, add_lines)
  local first = #self.lines + 1
  self:add({ M.pad('▾ ' .. title, 27), 'VeniceTitle' }, count or '')
  add_lines()
  if #self.lines > first then
    self.folds[#self.folds + 1] = { first = first, last = #self.lines, closed = closed }
  end
end

--- Words with blanks behind them, up to a width and at least one.
---@param words string
---@param width integer
---@return string
function M.pad(words, width)
  return words .. (' '):rep(math.max(1, width - vim.fn.strdisplaywidth(words)))
end

--- A day, as in 2026-11-02.
---@param seconds integer unix
---@return string
function M.date(seconds)
  return os.date('%Y-%m-%d', seconds)
end

return M
