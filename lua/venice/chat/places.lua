-- Where an answer is written: its header, its reasoning above it, the draft below it; and how that
-- place comes, is emptied and goes. The user may undo or delete any of it at any time.

local conversation = require('venice.chat.conversation')
local draw = require('venice.chat.draw')

local api = vim.api
local alive, last_bound = draw.alive, draw.last_bound
local M = {}

--- Puts an answer's place and a new draft below the last turn.
---@param view venice.View
---@param turn venice.Turn
---@return venice.Turn draft
function M.add(view, turn)
  local draft
  view:edit(function()
    local row = api.nvim_buf_line_count(view.buf)
    api.nvim_buf_set_lines(view.buf, row, row, false, { '', '', '', '' })
    view.turns[#view.turns + 1] = turn
    view:_bind(turn, 'head', row)
    draft = view:_add_user(row + 2)
  end, 'new')
  view:draw_all()
  return draft
end

local function forget_turn(view, turn)
  for _, part in ipairs({ 'head', 'reasoning', 'answer' }) do
    if turn[part] then
      view.bounds:drop(turn[part])
      draw.erase(view, turn[part])
      turn[part] = nil
    end
  end
  draw.erase(view, turn)
  for i, other in ipairs(view.turns) do
    if other == turn then
      table.remove(view.turns, i)
      break
    end
  end
end

--- Takes an answer's place away again, and the boundary of the draft below it: the prompt above is
--- the draft then, with what was typed since at its end.
---@param view venice.View
---@param turn venice.Turn
function M.remove(view, turn)
  view:sync()
  local first = view.bounds:region(turn.head)
  local turns = view:live_turns()
  local draft = turns[#turns]
  local below = draft and view.bounds:region(draft.head)
  if not first or draft.role ~= 'user' or below <= first then
    return -- Undone already.
  end
  local typed = api.nvim_buf_get_lines(view.buf, below, -1, false)
  local keep = conversation.trim(typed) ~= ''
  view:edit(function()
    api.nvim_buf_set_lines(view.buf, first - 1, keep and below or -1, false, keep and { '' } or {})
  end)
  forget_turn(view, turn)
  forget_turn(view, draft)
  view.bounds:remember(true)
  view:draw_all()
end

-- The parts of an answer are no more in this state of the undo tree.
local function set_aside(view, turn)
  for _, part in ipairs({ 'reasoning', 'answer' }) do
    if turn[part] then
      turn[part].gone = true
      draw.erase(view, turn[part])
    end
  end
end

--- Empties an answer, so that another one can take its place.
---@param view venice.View
---@param turn venice.Turn
function M.clear(view, turn)
  view:sync()
  local first = view.bounds:region(turn.head)
  if not first then
    return
  end
  local _, last = view.bounds:region(last_bound(turn))
  view:edit(function()
    set_aside(view, turn)
    api.nvim_buf_set_lines(view.buf, first, math.max(last, first) + 1, false, { '' })
  end, 'new')
  view:draw(turn)
end

-- Makes sure that an answer that is being written has a place: an undo may have taken it away.
-- Boundaries are used again, so that every state of the undo tree still knows them.
local function ensure_place(view, turn)
  if alive(turn.head) or alive(turn.reasoning) or alive(turn.answer) then
    return
  end
  local row = api.nvim_buf_line_count(view.buf)
  api.nvim_buf_set_lines(view.buf, row, row, false, { '', '', '', '' })
  view:_bind(turn, 'head', row)
  view:_add_user(row + 2)
end

-- Gives the reasoning a place above the answer.
local function open_reasoning(view, turn)
  if alive(turn.answer) then
    local row = view.bounds:position(turn.answer)
    api.nvim_buf_set_lines(view.buf, row, row, false, { '', '' })
    view:_bind(turn, 'reasoning', row)
    return
  end
  local row = view.bounds:region(turn.head)
  local is_first = view:text(turn) == ''
  api.nvim_buf_set_lines(view.buf, row, row, false, is_first and { '' } or { '', '', '' })
  view:_bind(turn, 'reasoning', row)
  if not is_first then
    view:_bind(turn, 'answer', row + 2)
  end
end

-- Gives the answer a place below the reasoning.
local function open_answer(view, turn)
  local _, last = view.bounds:region(turn.reasoning)
  api.nvim_buf_set_lines(view.buf, last + 1, last + 1, false, { '', '' })
  view:_bind(turn, 'answer', last + 1)
end

-- The boundary above the text of a kind, where there is one.
local function bound_of(turn, kind)
  if kind == 'reasoning' then
    return alive(turn.reasoning)
  elseif alive(turn.answer) then
    return turn.answer
  end
  return not alive(turn.reasoning) and alive(turn.head) or nil
end

--- Whether a row is in the text of a kind still, for the user may have deleted it.
---@param view venice.View
---@param turn venice.Turn
---@param kind 'content'|'reasoning'
---@param row integer
---@return boolean
function M.holds(view, turn, kind, row)
  local bound = bound_of(turn, kind)
  if not bound then
    return false
  end
  local first, last = view.bounds:region(bound)
  return first ~= nil and first <= row and row <= last
end

--- The last row of the text of a kind; makes its place where there is none. Inside View:edit.
---@param view venice.View
---@param turn venice.Turn
---@param kind 'content'|'reasoning'
---@return integer row 0-based
function M.find(view, turn, kind)
  ensure_place(view, turn)
  if not bound_of(turn, kind) then
    local open = kind == 'reasoning' and open_reasoning or open_answer
    open(view, turn)
  end
  local first, last = view.bounds:region(bound_of(turn, kind))
  if last < first then
    api.nvim_buf_set_lines(view.buf, first, first, false, { '' })
    last = first
  end
  return last
end

return M
