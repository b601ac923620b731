-- The chats of this session: which there are, and which one is meant.

local Chat = require('venice.chat.chat')
local keys = require('venice.chat.keys')
local window = require('venice.chat.window')

local api = vim.api
local M = {}

local reports = require('venice.evidence.reports')

require('venice.evidence.guard').install()

local chats = {} ---@type venice.Chat[]
local recent ---@type venice.Chat|nil
local count = 0

local group = api.nvim_create_augroup('venice_chat', { clear = true })

-- Which chat --------------------------------------------------------------------------------------

--- The chat of a buffer.
---@param buf integer
---@return venice.Chat|nil
function M.of_buffer(buf)
  for _, chat in ipairs(chats) do
    if chat.view.buf == buf then
      return chat
    end
  end
end

--- The chat of the current buffer, else the one that was used last.
---@return venice.Chat|nil
function M.current()
  return M.of_buffer(api.nvim_get_current_buf()) or recent
end

--- All chats, the oldest first. A copy.
---@return venice.Chat[]
function M.list()
  return vim.list_extend({}, chats)
end

--- Notes that a chat is being used.
---@private
---@param chat venice.Chat
function M._touch(chat)
  recent = chat
end

-- Every chat with a model shows the newest report on it, whoever asked for that.
reports.on_change = function(model)
  for _, chat in ipairs(chats) do
    if chat.model == model then
      chat:show_report()
    end
  end
end

--- Takes a chat that has ended out of the list.
---@private
---@param chat venice.Chat
function M._remove(chat)
  chats = vim.tbl_filter(function(other)
    return other ~= chat
  end, chats)
  if recent == chat then
    recent = chats[#chats]
  end
end

-- Its buffer --------------------------------------------------------------------------------------

-- Typing begins below a header, not under it.
local function leave_header(chat)
  local row = api.nvim_win_get_cursor(0)[1] - 1
  for _, entry in ipairs(chat.view.bounds:live()) do
    if entry.row == row and row + 1 < api.nvim_buf_line_count(0) then
      api.nvim_win_set_cursor(0, { row + 2, 0 })
      vim.v.char = 'x' -- Else Neovim puts the cursor back.
      return
    end
  end
end

local function watch(chat)
  local buf = chat.view.buf
  local function on(events, callback)
    api.nvim_create_autocmd(events, { group = group, buffer = buf, callback = callback })
  end
  on({ 'TextChanged', 'InsertLeave' }, function()
    chat.view:sync()
    require('venice.chat.sending').edited(chat)
  end)
  on('InsertEnter', function()
    leave_header(chat)
  end)
  on('BufEnter', function()
    recent = chat
  end)
  on('BufWinEnter', function()
    window.enter(chat, api.nvim_get_current_win())
    chat.view:refit()
  end)
  on('BufReadCmd', function()
    chat.view:reload()
  end)
  on('BufUnload', function()
    -- :edit unloads too, and reads again: the text is put back then.
    pcall(chat.view.keep, chat.view)
    vim.schedule(function()
      if not chat.view:is_valid() then
        chat:_gone()
      end
    end)
  end)
end

-- Headers and marks are as wide as the window. Before 0.9 a window tells nobody that it has another
-- size, so whoever comes into one looks.
local resized = vim.fn.exists('##WinResized') == 1 and { 'WinResized' }
  or { 'VimResized', 'WinEnter', 'WinLeave' }
api.nvim_create_autocmd(resized, {
  group = group,
  callback = function()
    for _, chat in ipairs(chats) do
      chat.view:refit()
      window.update_bar(chat)
    end
  end,
})

--- Makes a chat. Its buffer is not shown yet.
---@return venice.Chat
function M.new()
  count = count + 1
  local chat = Chat.new(count)
  chats[#chats + 1] = chat
  recent = chat
  watch(chat)
  -- In the buffer: Neovim notes for the current one that <C-c> is mapped and does not interrupt.
  api.nvim_buf_call(chat.view.buf, function()
    keys.set(chat.view.buf)
  end)
  return chat
end

--- Shows the chat that is meant; makes one where there is none, or with `fresh`.
---@param fresh boolean|nil
---@return venice.Chat
function M.open(fresh)
  local chat = not fresh and M.current() or M.new()
  window.open(chat)
  window.to_end(chat)
  return chat
end

return M
