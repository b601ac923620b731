-- The list of the chats, to go to another one.

local conversation = require('venice.chat.conversation')
local errors = require('venice.errors')

local M = {}

local function describe(chat, current)
  local prompts = 0
  for _, turn in ipairs(chat.view:live_turns()) do
    prompts = prompts + (turn.role == 'assistant' and 1 or 0)
  end
  local words = { chat.model or 'no model', conversation.count(prompts, 'answer') }
  if chat.state ~= 'idle' then
    words[#words + 1] = chat.state
  end
  if chat.saved_name then
    words[#words + 1] = 'saved as ' .. chat.saved_name
  end
  local sign = chat == current and '* ' or '  '
  return errors.printable(('%s%s  (%s)'):format(sign, chat:title(), table.concat(words, ', ')))
end

--- Lets the user choose a chat, and shows it. The one used last stands first.
function M.select()
  local chats = require('venice.chat')
  local list, current = chats.list(), chats.current()
  if #list == 0 then
    errors.warn('there is no chat; :VeniceChat opens one')
    return
  end
  table.sort(list, function(a, b)
    if (a == current) ~= (b == current) then
      return a == current
    end
    return a.number > b.number
  end)
  local opts = {
    prompt = 'Chat',
    kind = 'venice_chat',
    format_item = function(chat)
      return describe(chat, current)
    end,
  }
  vim.ui.select(list, opts, function(chat)
    if chat and not chat.closed then
      require('venice.chat.window').open(chat)
    end
  end)
end

return M
