-- The folds of a chat: one for the text of each turn, open; inside it one for reasoning and one for
-- each tool call, closed; results of tools are closed as a whole. They are manual folds: made once,
-- when a text is complete, so that they cost nothing while tokens come.

local config = require('venice.config')
local conversation = require('venice.chat.conversation')
local draw = require('venice.chat.draw')

local api, fn = vim.api, vim.fn
local M = {}

---@class venice.FoldRange
---@field first integer 0-based
---@field last integer
---@field closed boolean

local OPEN_CALL, CLOSE_CALL = '<tool_call>', '</tool_call>'

-- The rows of the blocks of tool calls in a turn that has made some.
local function call_ranges(view, turn, first, last, ranges)
  local opened
  local lines = turn.has_calls and api.nvim_buf_get_lines(view.buf, first, last + 1, false) or {}
  for i, line in ipairs(lines) do
    if line == OPEN_CALL then
      opened = first + i - 1
    elseif line == CLOSE_CALL and opened then
      ranges[#ranges + 1] = { first = opened, last = first + i - 1, closed = true }
      opened = nil
    end
  end
end

-- Reasoning, with the line that ends it. nil where the user has deleted one of its ends.
local function reasoning_range(view, turn)
  if draw.alive(turn.reasoning) and draw.alive(turn.answer) then
    return {
      first = view.bounds:position(turn.reasoning),
      last = view.bounds:position(turn.answer),
      closed = config.last_good().chat.reasoning == 'fold',
    }
  end
end

--- What is to be folded of a turn, the outer range first.
---@param view venice.View
---@param turn venice.Turn
---@return venice.FoldRange[]
function M.ranges(view, turn)
  local first, last = view:body(turn)
  if not first or last < first then
    return {}
  end
  local ranges = {}
  if last > first then
    ranges[1] = { first = first, last = last, closed = turn.role == 'tool' }
  end
  ranges[#ranges + 1] = reasoning_range(view, turn)
  call_ranges(view, turn, first, last, ranges)
  return ranges
end

-- Folds nest: a range that has as many levels as there are ranges around it is not folded yet.
local function depth_of(ranges, range)
  local depth = 0
  for _, other in ipairs(ranges) do
    if other ~= range and other.first <= range.first and range.last <= other.last then
      depth = depth + 1
    end
  end
  return depth
end

local function fold_in_window(ranges)
  if vim.wo.foldmethod ~= 'manual' then
    return -- The user's choice for this window.
  end
  for _, range in ipairs(ranges) do
    local depth = depth_of(ranges, range)
    -- Of the ends of an outer range at most one is in an inner one.
    local level = math.min(fn.foldlevel(range.first + 1), fn.foldlevel(range.last + 1))
    if level <= depth then
      pcall(vim.cmd, ('silent %d,%dfold'):format(range.first + 1, range.last + 1))
      if not range.closed then
        pcall(vim.cmd, ('silent %dfoldopen'):format(range.first + 1))
      end
    end
  end
end

local function fold_everywhere(chat, ranges)
  for _, win in ipairs(#ranges > 0 and fn.win_findbuf(chat.view.buf) or {}) do
    api.nvim_win_call(win, function()
      fold_in_window(ranges)
    end)
  end
end

--- Folds a turn whose text is complete, in every window that shows the chat.
---@param chat venice.Chat
---@param turn venice.Turn
function M.fold_turn(chat, turn)
  fold_everywhere(chat, M.ranges(chat.view, turn))
end

--- Folds the reasoning of an answer that has begun.
---@param chat venice.Chat
---@param turn venice.Turn
function M.fold_reasoning(chat, turn)
  fold_everywhere(chat, { reasoning_range(chat.view, turn) })
end

--- Folds all turns but the draft in a window that has come to show a chat.
---@param chat venice.Chat
---@param win integer
function M.enter(chat, win)
  local turns = chat.view:live_turns()
  api.nvim_win_call(win, function()
    for i = 1, #turns - 1 do
      if turns[i].state ~= 'streaming' then
        fold_in_window(M.ranges(chat.view, turns[i]))
      end
    end
  end)
end

-- Words -------------------------------------------------------------------------------------------

local SHOWN = 60 -- characters of a text that is folded

local function beginning_of(lines)
  for _, line in ipairs(lines) do
    if line:find('%S') then
      local text = require('venice.errors').printable(vim.trim(line))
      local head = fn.strcharpart(text, 0, SHOWN)
      return head == text and text or head .. '…'
    end
  end
  return ''
end

-- Bytes of a block that is read for the words of its fold, which are asked for at every redraw.
local LARGEST = 65536

-- What stands between the tags of a call or a result, for it is that which is sent.
local function block_at(chat, first, last)
  if fn.line2byte(last) - fn.line2byte(first) > LARGEST then
    return {}
  end
  local lines = chat.view.breaks:join(fn.getline(first + 1, last - 1))
  local json = table.concat(lines, '\n')
  local block = require('venice.compat').json_decode(json)
  return type(block) == 'table' and block or {}
end

-- The beginning of a result.
local function result_words(chat, first, last)
  local block = block_at(chat, first, last)
  if next(block) == nil then
    return (' ▸ a result of %s'):format(conversation.count(last - first - 1, 'line'))
  end
  local result = block.result
  local text = type(result) == 'string' and result or result and vim.json.encode(result) or ''
  text = text:gsub('\\/', '/')
  return ' ▸ ' .. beginning_of(vim.split(text, '\n', { plain = true }))
end

-- A call as its name and arguments.
local function call_words(chat, first, last)
  local block = block_at(chat, first, last)
  if type(block.name) ~= 'string' then
    return ' ▸ tool call'
  end
  local arguments = {}
  for name, value in pairs(type(block.arguments) == 'table' and block.arguments or {}) do
    local text = type(value) == 'table' and vim.json.encode(value) or tostring(value)
    arguments[#arguments + 1] = name .. '=' .. beginning_of({ text })
  end
  -- A path says more than the beginning of a text.
  table.sort(arguments, function(a, b)
    return #a < #b or (#a == #b and a < b)
  end)
  local words = ' ▸ ' .. block.name .. '  ' .. table.concat(arguments, ', ')
  return require('venice.errors').printable(words)
end

--- 'foldtext' of a chat.
---@return string
function M.text()
  local first, last = vim.v.foldstart, vim.v.foldend
  local chat = require('venice.chat').of_buffer(api.nvim_get_current_buf())
  local turn = chat and chat.view:turn_at(first - 1)
  local count = conversation.count(last - first + 1, 'line')
  if not turn then
    return ' ▸ ' .. count
  end
  local reasoning = draw.alive(turn.reasoning)
  if reasoning and chat.view.bounds:position(reasoning) == first - 1 then
    local below = draw.alive(turn.answer)
    local ends = below and chat.view.bounds:position(below) == last - 1
    if ends then
      return ' ▸ Reasoning, ' .. conversation.count(last - first - 1, 'line')
    end
  end
  if turn.role == 'tool' then
    return result_words(chat, first, last)
  elseif turn.has_calls and fn.getline(first) == OPEN_CALL then
    return call_words(chat, first, last)
  end
  -- The answer says more than the reasoning above it.
  local from = draw.alive(turn.answer) and chat.view.bounds:position(turn.answer) + 2 or first
  local lines = fn.getline(from, math.min(last, from + 20))
  return (' ▸ %s  %s'):format(count, beginning_of(lines))
end

return M
