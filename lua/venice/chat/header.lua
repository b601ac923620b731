-- The header of a turn: a name, a rule, and what is to be said of the turn at the right end.
--
-- It is an overlay on an empty line: lines drawn above line 1 or a fold do not show everywhere.

local conversation = require('venice.chat.conversation')
local drawn = require('venice.chat.drawn')
local errors = require('venice.errors')
local receipt = require('venice.chat.receipt')

local columns = vim.fn.strdisplaywidth
local M = {}

local RULE_BEFORE = '── '
local rule = ('─'):rep(400)

local name_groups = {
  user = 'VeniceUser',
  assistant = 'VeniceAssistant',
  system = 'VeniceSystem',
  tool = 'VeniceTool',
}

--- The name in a turn's header.
---@param turn venice.Turn
---@return string
function M.name_of(turn)
  if turn.role == 'user' then
    return 'You'
  elseif turn.role == 'system' then
    return 'System'
  end
  return errors.printable(turn.role == 'tool' and turn.tool_name or turn.model or '?')
end

--- Columns for text in the narrowest window of a chat.
---@param buf integer
---@return integer
function M.text_width(buf)
  local width
  for _, win in ipairs(vim.fn.win_findbuf(buf)) do
    local info = vim.fn.getwininfo(win)[1]
    width = math.min(width or math.huge, info.width - info.textoff)
  end
  return math.max(20, width or 80)
end

-- The words that have room beside a name: the first are left out, the last stays.
local function fitting(words, room)
  local first = 1
  while first < #words and columns(table.concat(words, ' · ', first)) > room do
    first = first + 1
  end
  return vim.list_slice(words, first)
end

local function shorten(name, room)
  if columns(name) <= room then
    return name
  end
  while columns(name) >= math.max(room, 2) do
    name = vim.fn.strcharpart(name, 0, vim.fn.strchars(name) - 1)
  end
  return name .. '…'
end

-- At the right end, over the rule. Returns how many columns that takes.
local function draw_summary(self, turn, owner, row, room)
  local words = conversation.summary(turn)
  local signature, is_failure = receipt.word(turn)
  if turn.status and turn.status_in_header then
    words, signature = { turn.status }, nil
  end
  words[#words + 1] = signature
  if #words == 0 then
    drawn.erase(self.buf, owner, 'right')
    return 0
  end
  words = fitting(words, room)
  local text = ' ' .. table.concat(words, ' · ')
  local plain = text:sub(1, #text - #(signature or ''))
  drawn.set(self.buf, owner, 'right', row, {
    virt_text = {
      { plain, 'VeniceStatus' },
      { signature or '', is_failure and 'VeniceError' or 'VeniceStatus' },
    },
    virt_text_pos = 'right_align',
    priority = 110,
  })
  return columns(text)
end

--- Draws the header of a turn.
---@param self venice.View
---@param turn venice.Turn
---@param owner venice.Bound the boundary that has it
---@param row integer
function M.draw(self, turn, owner, row)
  -- Whose own header was deleted has that of its reasoning, which is not sent.
  local name = M.name_of(turn) .. (owner.part == 'reasoning' and ', reasoning' or '')
  local room = M.text_width(self.buf) - columns(RULE_BEFORE) - 1
  local taken = draw_summary(self, turn, owner, row, room - columns(name))
  drawn.set(self.buf, owner, 'left', row, {
    virt_text = {
      { RULE_BEFORE, 'VeniceRule' },
      { shorten(name, room - taken), name_groups[turn.role] },
      { ' ' .. rule, 'VeniceRule' },
    },
    virt_text_pos = 'overlay',
    priority = 100,
  })
end

return M
