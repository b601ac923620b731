-- The header of a turn: a name, a rule, and what is to be said of the turn at the right end.
--
-- It is an overlay on an empty line: lines drawn above line 1 or a fold do not show everywhere.

local bar = require('venice.chat.bar')
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

-- Columns of the narrowest window of a chat; nil where none shows it.
local function narrowest(buf)
  local width
  for _, win in ipairs(vim.fn.win_findbuf(buf)) do
    local info = vim.fn.getwininfo(win)[1]
    width = math.min(width or math.huge, info.width - info.textoff)
  end
  return width
end

--- Columns for text in the narrowest window of a chat.
---@param buf integer
---@return integer
function M.text_width(buf)
  return math.max(20, narrowest(buf) or 80)
end

-- The words that have room beside a name: the first are left out, the last stays.
local function fitting(words, room)
  local first = 1
  while first < #words and columns(table.concat(words, ' · ', first)) > room do
    first = first + 1
  end
  return vim.list_slice(words, first)
end

-- The words that warn, where no bar shows them: whole, whatever else must go. In a window that is
-- too narrow for all of them, one a line below the header.
local function add_warnings(chunks, self, turn, owner, row, width)
  local all = (turn.warned or '') ~= '' and self.warnings or {}
  local warnings, separator, taken = bar.fit_warnings(all, width - 1)
  for i, piece in ipairs(warnings) do
    chunks[#chunks + 1] = { i > 1 and separator or ' ', 'VeniceStatus' }
    chunks[#chunks + 1] = { piece.text, piece.group }
  end
  if #warnings == #all then
    drawn.erase(self.buf, owner, 'warnings')
    return #all > 0 and taken + 1 or 0
  end
  local lines = {}
  for i = #warnings + 1, #all do
    lines[#lines + 1] = { { all[i].text, all[i].group } }
  end
  drawn.set(self.buf, owner, 'warnings', row, { virt_lines = lines })
  return taken + 1
end

-- What is said of the turn, as far as there is room beside its name.
local function add_words(chunks, turn, room)
  local words = conversation.summary(turn)
  local signature, is_failure = receipt.word(turn)
  if turn.status and turn.status_in_header then
    words, signature = { turn.status }, nil
  end
  words[#words + 1] = signature
  if #words == 0 or #chunks > 0 and columns(words[#words]) + 3 > room then
    return 0
  end
  local separator = #chunks > 0 and ' · ' or ' '
  words = fitting(words, room + 1 - columns(separator))
  local text = separator .. table.concat(words, ' · ')
  local plain = text:sub(1, #text - #(signature or ''))
  chunks[#chunks + 1] = { plain, 'VeniceStatus' }
  chunks[#chunks + 1] = { signature or '', is_failure and 'VeniceError' or 'VeniceStatus' }
  return columns(text)
end

-- At the right end, over the rule. Returns how many columns that takes.
local function draw_summary(self, turn, owner, row, name)
  local chunks = {}
  local room = M.text_width(self.buf) - columns(RULE_BEFORE) - 1
  local taken = add_warnings(chunks, self, turn, owner, row, narrowest(self.buf) or room)
  taken = taken + add_words(chunks, turn, room - columns(name) - taken)
  if #chunks == 0 then
    drawn.erase(self.buf, owner, 'right')
    return 0, room
  end
  drawn.set(self.buf, owner, 'right', row, {
    virt_text = chunks,
    virt_text_pos = 'right_align',
    priority = 110,
  })
  return taken, room
end

--- Draws the header of a turn.
---@param self venice.View
---@param turn venice.Turn
---@param owner venice.Bound the boundary that has it
---@param row integer
function M.draw(self, turn, owner, row)
  -- Whose own header was deleted has that of its reasoning, which is not sent.
  local name = M.name_of(turn) .. (owner.part == 'reasoning' and ', reasoning' or '')
  local taken, room = draw_summary(self, turn, owner, row, name)
  drawn.set(self.buf, owner, 'left', row, {
    virt_text = {
      { RULE_BEFORE, 'VeniceRule' },
      { bar.shorten(name, room - taken), name_groups[turn.role] },
      { ' ' .. rule, 'VeniceRule' },
    },
    virt_text_pos = 'overlay',
    priority = 100,
  })
end

return M
