-- Asking again: which answer is meant by the cursor, and what goes with it.

local errors = require('venice.errors')
local places = require('venice.chat.places')
local sending = require('venice.chat.sending')

local api = vim.api
local M = {}

-- The turn under the cursor, where the chat is looked at.
local function turn_under_cursor(chat)
  if api.nvim_get_current_buf() ~= chat.view.buf then
    return nil
  end
  chat.view:sync()
  return chat.view:turn_at(api.nvim_win_get_cursor(0)[1] - 1)
end

local function last_answer(chat)
  chat.view:sync()
  local turns = chat.view:live_turns()
  for i = #turns, 2, -1 do
    if turns[i].role == 'assistant' then
      return turns[i]
    end
  end
end

-- Where an answer to a turn stands, or belongs.
local function place_for(chat, turn)
  local replies = chat.view:replies(turn)
  if turn.role == 'assistant' then
    return { replaced = turn, rest = replies }
  end
  local after = turn
  -- The results of one round stand together.
  while turn.role == 'tool' and replies[1] and replies[1].role == 'tool' do
    after = table.remove(replies, 1)
  end
  local answer = table.remove(replies, 1)
  return answer and { replaced = answer, rest = replies } or { after = after }
end

--- Asks again: for the answer that the cursor is on, or that belongs to the prompt under it; by
--- default for the last one. What stands below stays, but for the tools that it called.
---@param chat venice.Chat
function M.retry(chat)
  if sending.is_answering(chat) then
    return
  end
  local turn, draft = turn_under_cursor(chat), chat.view:draft()
  if not turn or turn == draft or turn.role == 'system' then
    turn = not chat.failed_prompt and last_answer(chat) or nil
  end
  if not turn then
    return sending.send(chat)
  end
  local place = place_for(chat, turn)
  sending.with_model(chat, place.after or place.replaced, function()
    sending.ask(chat, place)
  end)
end

-- The prompt that a turn belongs to (by default the last one), and all turns below that prompt.
local function split_at(turns, turn)
  local at
  for i, other in ipairs(turns) do
    if other.role == 'user' then
      at = i
    end
    if other == turn then
      break
    end
  end
  return at and turns[at], at and vim.list_slice(turns, at + 1) or {}
end

--- Drops what is below the prompt under the cursor (`u` brings it back), and sends it.
---@param chat venice.Chat
function M.go_on(chat)
  if sending.is_answering(chat) then
    return
  end
  local turn = turn_under_cursor(chat)
  local prompt, below = split_at(chat.view:live_turns(), turn)
  if not prompt then
    return errors.warn('there is no prompt at the cursor')
  end
  places.cut(chat.view, prompt, below, 'new')
  prompt.state, prompt.error = 'draft', nil
  sending.send(chat)
end

return M
