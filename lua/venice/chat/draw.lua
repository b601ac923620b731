-- What is drawn over the buffer of a chat: headers, progress, marks. None of it is text.

local conversation = require('venice.chat.conversation')
local drawn = require('venice.chat.drawn')
local errors = require('venice.errors')
local header = require('venice.chat.header')

local api = vim.api
local M = {}

for name, target in pairs({
  VeniceUser = 'Title',
  VeniceAssistant = 'Function',
  VeniceRule = 'Comment',
  VeniceSystem = 'Special',
  VeniceTool = 'Special',
  VeniceReasoning = 'Comment',
  VeniceStatus = 'Comment',
  VeniceNote = 'Comment',
  VeniceWarning = 'WarningMsg',
  VeniceError = 'ErrorMsg',
  VeniceBarFail = 'DiagnosticError',
  VeniceBarWarn = 'DiagnosticWarn',
}) do
  vim.cmd(('highlight default link %s %s'):format(name, target))
end

--- A boundary that has a line now.
---@param bound venice.Bound|nil
---@return venice.Bound|nil
function M.alive(bound)
  return bound and not bound.gone and bound or nil
end

--- The boundary above the end of a turn.
---@param turn venice.Turn
---@return venice.Bound
function M.last_bound(turn)
  return M.alive(turn.answer) or M.alive(turn.reasoning) or turn.head
end

local function draw_reasoning(self, turn, has_header)
  local first, last = self.bounds:region(turn.reasoning)
  local words = '▾ Reasoning'
  if M.alive(turn.answer) then
    words = words .. ', ' .. conversation.count(last - first + 1, 'line')
  end
  if not has_header then
    -- At the end of the line, for a closed fold has its own words and an overlay would cover them.
    drawn.set(self.buf, turn.reasoning, 'left', first - 1, {
      virt_text = { { words, 'VeniceReasoning' } },
      virt_text_pos = 'eol',
    })
  end
  if last >= first then
    local count = api.nvim_buf_line_count(self.buf)
    drawn.set(self.buf, turn.reasoning, 'text', first, {
      end_row = math.min(last + 1, count - 1),
      end_col = 0,
      right_gravity = false,
      hl_group = 'VeniceReasoning',
      hl_eol = false,
      priority = 200,
    })
  end
end

-- Virtual lines are cut at the window's edge, not wrapped.
local function wrap(text, width)
  local lines, line = {}, ''
  for word in errors.printable(text):gmatch('%S+') do
    if line ~= '' and vim.fn.strdisplaywidth(line .. ' ' .. word) > width then
      lines[#lines + 1] = line
      line = word
    else
      line = line == '' and word or line .. ' ' .. word
    end
  end
  lines[#lines + 1] = line
  return lines
end

local kinds = { error = 'VeniceError', warning = 'VeniceWarning', note = 'VeniceNote' }

local STEP = 64 -- lines

-- The last row with text, for the blank ones at the end of a prompt are not meant. From the end: an
-- answer may have a million lines.
local function last_text_row(self, turn, last)
  local first = self.bounds:region(M.last_bound(turn))
  while last > first do
    local from = math.max(first, last - STEP + 1)
    local lines = api.nvim_buf_get_lines(self.buf, from, last + 1, false)
    for i = #lines, 1, -1 do
      if lines[i]:find('%S') then
        return from + i - 1
      end
    end
    last = from - 1
  end
  return first
end

local function draw_marks(self, turn)
  local marks = conversation.marks(turn)
  local _, last = self.bounds:region(M.last_bound(turn))
  if #marks == 0 or last < 0 then
    drawn.erase(self.buf, turn, 'marks')
    return
  end
  local virt_lines, width = {}, header.text_width(self.buf) - 2
  for _, mark in ipairs(marks) do
    for i, line in ipairs(wrap(mark.text, width - 2)) do
      local sign = i > 1 and '  ' or mark.kind == 'note' and '· ' or '! '
      virt_lines[#virt_lines + 1] = { { sign .. line, kinds[mark.kind] } }
    end
  end
  local row = last_text_row(self, turn, last)
  local line = api.nvim_buf_get_lines(self.buf, row, row + 1, false)[1]
  -- Below a closed fold newer Neovims draw nothing, so above the next header; there always is one.
  local ends_folded = turn.has_calls and line == '</tool_call>'
  drawn.set(self.buf, turn, 'marks', ends_folded and last + 1 or row, {
    virt_lines = virt_lines,
    virt_lines_above = ends_folded,
  })
end

-- What a request does before its first token stands where the text will be.
local function draw_status(self, turn, row)
  local line = api.nvim_buf_get_lines(self.buf, row + 1, row + 2, false)[1]
  turn.status_in_header = line ~= '' or M.alive(turn.reasoning) ~= nil
  if not turn.status or turn.status_in_header then
    drawn.erase(self.buf, turn, 'status')
    return
  end
  drawn.set(self.buf, turn, 'status', row + 1, {
    virt_text = { { turn.status, 'VeniceStatus' } },
    virt_text_pos = 'overlay',
  })
end

--- Draws the headers and marks of a turn.
---@param self venice.View
---@param turn venice.Turn
function M.turn(self, turn)
  local is_first = true
  for _, entry in ipairs(self.bounds:live()) do
    local bound = entry.bound
    if bound.turn == turn then
      if is_first then
        draw_status(self, turn, entry.row)
        header.draw(self, turn, bound, entry.row)
      else
        drawn.erase(self.buf, bound) -- It may have had the header.
      end
      if bound.part == 'reasoning' then
        draw_reasoning(self, turn, is_first)
      end
      is_first = false
    end
  end
  if not is_first then
    draw_marks(self, turn)
  end
end

--- Draws everything anew.
---@param self venice.View
function M.all(self)
  self.drawn_width = header.text_width(self.buf)
  drawn.clear(self.buf)
  for _, turn in ipairs(self.turns) do
    turn.drawn = nil
    for _, part in ipairs({ 'head', 'reasoning', 'answer' }) do
      if turn[part] then
        turn[part].drawn = nil
      end
    end
  end
  for _, turn in ipairs(self:live_turns()) do
    M.turn(self, turn)
  end
end

--- Draws everything anew where a window of it has another width than when that was done.
---@param self venice.View
function M.refit(self)
  if self.drawn_width ~= header.text_width(self.buf) then
    M.all(self)
  end
end

--- Shows what a request is doing, or nothing.
---@param self venice.View
---@param turn venice.Turn
---@param text string|nil
function M.status(self, turn, text)
  if turn.status == text then
    return
  end
  -- Also where the turn is not in the buffer now: an undo may bring it back.
  turn.status = text
  for _, entry in ipairs(self.bounds:live()) do
    if entry.bound.turn == turn then
      draw_status(self, turn, entry.row)
      return header.draw(self, turn, entry.bound, entry.row)
    end
  end
end

return M
