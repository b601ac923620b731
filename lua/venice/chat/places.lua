-- Where an answer is written: its header, its reasoning above it, the draft below it; and how that
-- place comes, is emptied and goes. The user may undo or delete any of it at any time.

local conversation = require('venice.chat.conversation')
local draw = require('venice.chat.draw')
local drawn = require('venice.chat.drawn')

local api = vim.api
local alive, last_bound = draw.alive, draw.last_bound
local M = {}

--- Puts a turn below another one, which is live; where that is the last, a new draft below it.
---@param view venice.View
---@param turn venice.Turn
---@param after venice.Turn
---@param opts { lines: string[]|nil, block: 'new'|'join'|nil }|nil its text, default none
function M.insert(view, turn, after, opts)
  view:sync()
  opts = opts or {}
  local turns = view:live_turns()
  local first, last = view.bounds:region(last_bound(after))
  local row = math.max(first, last + 1)
  view:edit(function()
    local lines = vim.list_extend({ '' }, opts.lines or { '' })
    local size = #lines
    if turns[#turns] == after then
      vim.list_extend(lines, { '', '' })
    end
    api.nvim_buf_set_lines(view.buf, row, row, false, lines)
    view.turns[#view.turns + 1] = turn
    view:_bind(turn, 'head', row)
    if #lines > size then
      view:_add_user(row + size)
    end
  end, opts.block)
  view:draw_all()
end

--- Puts a new draft below the last turn.
---@param view venice.View
function M.add_draft(view)
  view:sync()
  view:edit(function()
    local row = api.nvim_buf_line_count(view.buf)
    api.nvim_buf_set_lines(view.buf, row, row, false, { '', '' })
    view:_add_user(row)
  end, 'new')
  view:draw_all()
end

--- Puts the system prompt's turn above all others.
---@param view venice.View
---@param turn venice.Turn
---@param lines string[]
function M.add_system(view, turn, lines)
  view:sync()
  view:edit(function()
    api.nvim_buf_set_lines(view.buf, 0, 0, false, vim.list_extend({ '' }, lines))
    view.turns[#view.turns + 1] = turn
    view:_bind(turn, 'head', 0)
  end, 'new')
  view:draw_all()
end

local parts = { 'head', 'reasoning', 'answer' }

local function forget_turn(view, turn)
  for _, part in ipairs(parts) do
    if turn[part] then
      view.bounds:drop(turn[part])
      drawn.erase(view.buf, turn[part])
      turn[part] = nil
    end
  end
  drawn.erase(view.buf, turn)
  for i, other in ipairs(view.turns) do
    if other == turn then
      table.remove(view.turns, i)
      break
    end
  end
end

-- The turn that stands below another one, whether that is the last, and the one above.
local function below_of(view, turn)
  local turns = view:live_turns()
  for i, other in ipairs(turns) do
    if other == turn then
      return turns[i + 1], i + 1 == #turns, turns[i - 1]
    end
  end
end

--- Takes an answer's place away again. Where the draft stands right below, its boundary goes too:
--- the prompt above is the draft then, with what was typed since at its end.
---@param view venice.View
---@param turn venice.Turn
---@return boolean merged the prompt above is the draft now
function M.remove(view, turn)
  view:sync()
  local first = view.bounds:region(turn.head)
  local draft, is_last, above = below_of(view, turn)
  local below = draft and view.bounds:region(draft.head)
  if not first or not below or below <= first then
    return false -- Undone already.
  end
  -- The prompt may have been deleted meanwhile.
  local merges = is_last and draft.role == 'user' and above ~= nil and above.role == 'user'
  local keep = not merges
  if merges then
    keep = conversation.trim(api.nvim_buf_get_lines(view.buf, below, -1, false)) ~= ''
  end
  local last = not merges and below - 1 or keep and below or -1
  view:edit(function()
    api.nvim_buf_set_lines(view.buf, first - 1, last, false, merges and keep and { '' } or {})
  end)
  forget_turn(view, turn)
  if merges then
    forget_turn(view, draft)
  end
  view.bounds:remember(true)
  view:draw_all()
  return merges
end

-- Parts of a turn are no more in this state of the undo tree.
local function set_aside(view, turn, names)
  for _, part in ipairs(names) do
    if turn[part] then
      turn[part].gone = true
      drawn.erase(view.buf, turn[part])
    end
  end
end

--- Takes the turns below another one away, as an edit that can be undone.
---@param view venice.View
---@param turn venice.Turn
---@param below venice.Turn[] they follow it without a gap
---@param block 'new'|'join'|nil
function M.cut(view, turn, below, block)
  if #below == 0 then
    return
  end
  local first, last = view.bounds:region(last_bound(turn))
  local _, bottom = view.bounds:region(last_bound(below[#below]))
  view:edit(function()
    for _, other in ipairs(below) do
      set_aside(view, other, parts)
      drawn.erase(view.buf, other)
    end
    -- There is always a line to write on.
    api.nvim_buf_set_lines(view.buf, last + 1, bottom + 1, false, last < first and { '' } or {})
  end, block)
  view:draw_all()
end

--- Empties an answer, so that another one can take its place.
---@param view venice.View
---@param turn venice.Turn
---@param block 'new'|'join'|nil
function M.clear(view, turn, block)
  view:sync()
  local first = view.bounds:region(turn.head)
  if not first then
    return
  end
  local _, last = view.bounds:region(last_bound(turn))
  view:edit(function()
    set_aside(view, turn, { 'reasoning', 'answer' })
    api.nvim_buf_set_lines(view.buf, first, math.max(last + 1, first), false, { '' })
  end, block)
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
