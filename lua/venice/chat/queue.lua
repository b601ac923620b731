-- Prompts that were sent while an answer comes: they wait where they stand, and go one by one.

local conversation = require('venice.chat.conversation')
local errors = require('venice.errors')
local places = require('venice.chat.places')
local window = require('venice.chat.window')

local M = {}

--- Lets the draft wait; another one begins below it.
---@param chat venice.Chat
---@param prompt venice.Turn
function M.add(chat, prompt)
  prompt.state, prompt.error = 'queued', nil
  places.add_draft(chat.view)
  window.to_end(chat)
end

local function queued(chat)
  local list = {}
  for _, turn in ipairs(chat.view:is_valid() and chat.view:live_turns() or {}) do
    if turn.state == 'queued' then
      list[#list + 1] = turn
    end
  end
  return list
end

--- An answer is over: the prompt that waits longest is sent, if the answer is whole.
---@param chat venice.Chat
---@param is_whole boolean
function M.next(chat, is_whole)
  if chat.closed or not chat.view:is_valid() then
    return
  end
  chat.view:sync()
  local waiting = queued(chat)
  for _, turn in ipairs(chat.view.turns) do
    -- One that an undo has taken away may come back when there is nothing to wait for.
    if turn.state == 'queued' and not vim.tbl_contains(waiting, turn) then
      turn.state = 'held'
    end
  end
  if #waiting == 0 then
    return
  elseif is_whole then
    for _, prompt in ipairs(waiting) do
      if chat.view:text(prompt) ~= '' then
        return require('venice.chat.sending').ask(chat, { after = prompt })
      end
      prompt.state = 'sent' -- Its text was deleted: there is nothing to send.
    end
    return
  end
  for _, prompt in ipairs(waiting) do
    prompt.state = 'held'
    chat.view:draw(prompt)
  end
  local words = conversation.count(#waiting, 'queued prompt') .. ' not sent'
  words = words .. ', for the answer before ended early; gr on one sends it'
  errors.warn(words)
end

return M
