-- The screen that asks whether a call may run: who asks, for what, and every argument in full.

local Text = require('venice.evidence.text')
local hidden = require('venice.hidden')
local visible = require('venice.tools.visible')

local M = {}

local NAME = 13 -- columns
-- A question of more lines than this says so: its end is out of sight at first.
local LONG = 40
-- Of one value, words that mix scripts.
local MAX_MIXED = 5
local printable = require('venice.errors').printable

local function add_pieces(text, name, line)
  local pieces = { { Text.pad(name, NAME), 'VeniceLabel' } }
  for _, piece in ipairs(line) do
    pieces[#pieces + 1] = { piece[1], piece[2] and 'VeniceWarn' or nil }
  end
  if line.is_cut then
    pieces[#pieces + 1] = { '⋯', 'VeniceDim' }
  end
  text:add('  ', unpack(pieces))
end

local function add_text(text, name, value, width)
  for i, line in ipairs(visible.quoted(value, width)) do
    add_pieces(text, i == 1 and name or '', line)
  end
  for i, word in ipairs(hidden.mixed(value)) do
    if i > MAX_MIXED then
      break
    end
    local shown = hidden.shown(word.word):sub(1, width)
    add_pieces(text, '', { { ('mixes %s: %s'):format(word.scripts, shown), true } })
  end
end

local function add_value(text, name, value, width)
  if type(value) == 'string' then
    add_text(text, name, value, width)
  elseif type(value) == 'table' then
    for i, item in ipairs(value) do
      add_text(text, ('%s[%d]'):format(name, i), item, width)
    end
  else
    add_pieces(text, name, { { tostring(value) } })
  end
end

-- At blanks, for a paragraph must not be wider than the screen.
local function add_paragraph(text, words, width, group)
  local line = ''
  for word in words:gmatch('%S+') do
    if line ~= '' and #line + 1 + #word > width then
      text:add('  ', { line, group })
      line = ''
    end
    line = line == '' and word or line .. ' ' .. word
  end
  text:add('  ', { line, group })
end

---@class venice.Question
---@field chat string who asks
---@field name string of the tool
---@field title string what it wants
---@field note string
---@field root string the working folder
---@field order string[] of the arguments
---@field arguments table
---@field may_always boolean
---@field is_dangerous boolean

--- The words of the keys.
---@param question venice.Question
---@return string
function M.keys(question)
  local always = question.may_always and '   a always in this chat' or ''
  return 'o once' .. always .. '   n no'
end

--- The screen.
---@param question venice.Question
---@param waiting integer how many other calls wait
---@param columns integer of the screen
---@return venice.Text
function M.build(question, waiting, columns)
  local text, width = Text.new(), math.max(columns - NAME - 6, 20)
  local title = ('%s wants to %s'):format(printable(question.chat), question.title)
  text:add({ title, 'VeniceTitle' }, waiting > 0 and ('   (%d more)'):format(waiting) or '')
  text:add('  ', { M.keys(question), 'VeniceLabel' }, '   (closing this window: no)')
  text:add('')
  add_pieces(text, 'tool', { { question.name } })
  add_text(text, 'folder', question.root, width)
  for _, name in ipairs(question.order) do
    if question.arguments[name] ~= nil then
      add_value(text, name, question.arguments[name], width)
    end
  end
  text:add('')
  local group = question.is_dangerous and 'VeniceWarn' or 'VeniceDim'
  add_paragraph(text, question.note, math.max(columns - 4, 20), group)
  if #text.lines > LONG then
    local size = ('   %d lines: read to the end'):format(#text.lines)
    text.lines[1] = text.lines[1] .. size
  end
  return text
end

return M
