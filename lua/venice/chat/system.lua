-- The system prompt of a chat: a turn above the others where there is one, else the option.

local config = require('venice.config')
local conversation = require('venice.chat.conversation')
local errors = require('venice.errors')
local places = require('venice.chat.places')

local api = vim.api
local M = {}

local function from_option(chat)
  local prompt = config.get().chat.system_prompt
  if type(prompt) ~= 'function' then
    return prompt
  end
  local ok, text = pcall(prompt, { model = chat.model })
  if not ok or (text ~= nil and type(text) ~= 'string') then
    local words = ok and 'gave no string' or 'failed: ' .. tostring(text)
    return nil, errors.new('config', 'the function chat.system_prompt ' .. words)
  end
  return text
end

--- The text that is sent as the system prompt. A turn that is empty means: none.
---@param chat venice.Chat
---@return string|nil
---@return venice.Error|nil
function M.text(chat)
  local turn = chat.view:system_turn()
  if turn then
    return chat.view:text(turn)
  end
  return from_option(chat)
end

--- Makes sure of the turn, and of its text where one is given.
---@param chat venice.Chat
---@param text string '' leaves what there is
---@return venice.Turn
function M.set(chat, text)
  local view = chat.view
  local turn = view:system_turn()
  if not turn then
    local present = text ~= '' and text or from_option(chat) or ''
    turn = conversation.turn('system')
    places.add_system(view, turn, vim.split(present, '\n', { plain = true }))
  elseif text ~= '' then
    local first, last = view:body(turn)
    view:edit(function()
      local lines = vim.split(text, '\n', { plain = true })
      api.nvim_buf_set_lines(view.buf, first, math.max(last + 1, first), false, lines)
    end, 'new')
  end
  return turn
end

return M
