-- The chats of this session: what there is, which one is meant, and what a user can do with one.

local Client = require('venice.client')
local View = require('venice.chat.view')
local config = require('venice.config')
local conversation = require('venice.chat.conversation')
local errors = require('venice.errors')
local keys = require('venice.chat.keys')
local models = require('venice.chat.model')
local receipt = require('venice.chat.receipt')
local request = require('venice.chat.request')
local window = require('venice.chat.window')

local api = vim.api
local M = {}

require('venice.evidence.guard').install()

local chats = {} ---@type venice.Chat[]
local recent ---@type venice.Chat|nil
local count = 0

---@class venice.Chat
---@field view venice.View
---@field model string|nil
---@field state 'idle'|'attesting'|'waiting'|'streaming'
---@field request venice.Request|nil the answer that is on its way
---@field report table|nil the report of the model's enclave
---@field error venice.Error|nil the last failure, until the next request
---@field usage table|nil of the last answer
---@field failed_prompt boolean|nil the draft is a prompt that was not answered
local Chat = {}
Chat.__index = Chat

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

---@return venice.Chat[]
function M.list()
  return vim.list_extend({}, chats)
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
  end)
  on('InsertEnter', function()
    leave_header(chat)
  end)
  on('BufEnter', function()
    recent = chat
  end)
  on('BufWinEnter', function()
    window.enter(chat, api.nvim_get_current_win())
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

--- Makes a chat. Its buffer is not shown yet.
---@return venice.Chat
function M.new()
  count = count + 1
  local chat = setmetatable({ state = 'idle', model = models.default() }, Chat)
  chat.view = View.new(('venice://chat/%d'):format(count))
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

-- The buffer was wiped, by the user or by wipe().
function Chat:_gone()
  if self.closed then
    return
  end
  self.closed = true
  if self.request then
    self.request:abandon()
  end
  receipt.close(self)
  chats = vim.tbl_filter(function(chat)
    return chat ~= self
  end, chats)
  if recent == self then
    recent = chats[#chats]
  end
  pcall(api.nvim_buf_delete, self.view.buf, { force = true })
end

-- Model and report --------------------------------------------------------------------------------

---@param report table|nil
function Chat:set_report(report)
  self.report = report
  if self.view:is_valid() then
    window.update_bar(self)
  end
end

---@param id string
function Chat:set_model(id)
  if id ~= self.model then
    self.model = id
    self:set_report(nil)
  end
end

-- Goes on with `continue` as soon as there is a model; asks for one where there is none.
local function with_model(self, continue)
  if self.model then
    return continue()
  end
  if self.choosing then
    return
  end
  self.choosing = true
  models.select(function(err, id)
    self.choosing = nil
    if self.closed then
      return
    elseif err then
      self:_fail(err)
    elseif not id then
      errors.notice('no model chosen, nothing was sent; :Venice model', vim.log.levels.WARN)
    else
      self:set_model(id)
      continue()
    end
  end)
end

-- Asking ------------------------------------------------------------------------------------------

--- Says below the prompt why it was not answered.
---@param err venice.Error|nil
function Chat:mark_prompt(err)
  local draft = self.view:draft()
  draft.error, draft.state = err, err and 'error' or 'draft'
  self.view:draw(draft)
end

-- Later, for an error that is shown inside a command would look like a failure of the command.
local function notify(err)
  vim.schedule(function()
    errors.notify(err)
  end)
end

-- Something failed before there was a request.
function Chat:_fail(err)
  self.error, self.failed_prompt = err, true
  self:mark_prompt(err)
  notify(err)
end

local function system_prompt(chat)
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

local function ask(self, replaced)
  local client, err = Client.default()
  local system
  if client then
    system, err = system_prompt(self)
  end
  if err or not client then
    return self:_fail(err)
  end
  local messages = conversation.messages(system, self.view:texts(replaced))
  self:mark_prompt(nil)
  self.error, self.failed_prompt = nil, nil
  self:set_report(client:report(self.model) or self.report)
  recent = self
  request.start(self, client, messages, replaced)
end

-- One answer at a time.
local function is_busy(self)
  if self.request or self.choosing then
    local words = self.choosing and 'a model is being chosen' or 'an answer is still on its way'
    errors.notice(words .. '; :Venice stop ends it', vim.log.levels.WARN)
    return true
  end
end

--- Sends the draft.
function Chat:send()
  if is_busy(self) then
    return
  elseif self.view:text(self.view:draft()) == '' then
    errors.notice('there is no prompt; write one below the last header', vim.log.levels.WARN)
    return
  end
  with_model(self, function()
    ask(self)
  end)
end

-- The last answer, if there is one.
local function last_answer(self)
  self.view:sync()
  local turns = self.view:live_turns()
  for i = #turns, 2, -1 do
    if turns[i].role == 'assistant' then
      return turns[i]
    end
  end
end

--- Asks again: the new answer takes the last one's place.
function Chat:retry()
  if is_busy(self) then
    return
  end
  local answer = last_answer(self)
  if self.failed_prompt or not answer then
    return self:send()
  end
  with_model(self, function()
    ask(self, answer)
  end)
end

--- Stops the answer that is on its way.
function Chat:stop()
  if self.request then
    self.request:stop()
  elseif not receipt.stop(self) then
    errors.notice('there is nothing to stop')
  end
end

-- Called by the request when it is over and its last text is in the buffer.
function Chat:_finished(finished, outcome, err)
  if self.request == finished then
    self.request, self.state = nil, 'idle'
  end
  self.usage = finished.usage or self.usage
  self.error = (outcome == 'error' or outcome == 'cut_off') and err or nil
end

-- The rest ----------------------------------------------------------------------------------------

--- Puts lines into the draft.
---@param lines string[]
---@return integer row of the first one
function Chat:add(lines)
  return self.view:add_to_draft(lines)
end

function Chat:hide()
  window.hide(self)
end

--- Shows the attestation of the chat's model.
function Chat:attest()
  require('venice.commands').attest(self.model)
end

--- Ends the chat: its request, its text, its model's session keys.
function Chat:wipe()
  local client = self.model and Client.default()
  self:_gone()
  if client then
    client:forget(self.model)
  end
end

return M
