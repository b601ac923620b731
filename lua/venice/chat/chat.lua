-- One chat: its model, its enclave's report, what it has cost, and what a user can do with it.
-- How it asks is sending.lua; which chats there are is init.lua.

local Client = require('venice.client')
local View = require('venice.chat.view')
local config = require('venice.config')
local conversation = require('venice.chat.conversation')
local errors = require('venice.errors')
local models = require('venice.chat.model')
local receipt = require('venice.chat.receipt')
local reports = require('venice.evidence.reports')
local sending = require('venice.chat.sending')
local usage = require('venice.chat.usage')
local window = require('venice.chat.window')

local api = vim.api

---@class venice.Chat
---@field number integer
---@field view venice.View
---@field model string|nil
---@field state 'idle'|'attesting'|'waiting'|'streaming'
---@field request venice.Request|venice.Round|nil what is on its way
---@field report table|nil what was proven about the enclave of its model
---@field error venice.Error|nil the last failure of its model, until the next request
---@field failed { model: string|nil, err: venice.Error }|nil until the next request
---@field usage table|nil of the last answer
---@field spent { usage: table, model: string }[] of all answers
---@field tools venice.ToolSession|nil where the model may call tools
---@field saved_name string|nil under which it was saved or opened
---@field saved_stamp string|nil what the file was like then
---@field is_saving boolean|nil
---@field failed_prompt boolean|nil the draft is a prompt that was not answered
---@field preparing string|nil what is done before there is a request, and for how long
---@field closed boolean|nil its buffer has gone
local Chat = {}

-- Fields that follow from the model that a chat has now. They are kept nowhere, so that nothing of
-- one model can stand beside another.
local of_model = {}

function Chat:__index(name)
  local read = of_model[name]
  if read then
    return read(self)
  end
  return Chat[name]
end

--- Makes a chat with a buffer that is not shown yet.
---@param number integer
---@return venice.Chat
function Chat.new(number)
  local self = setmetatable({
    number = number,
    state = 'idle',
    model = models.default(),
    spent = {},
  }, Chat)
  self.view = View.new(('venice://chat/%d'):format(number))
  if config.get().tools then
    self.tools = require('venice.chat.rounds').session(self)
  end
  return self
end

-- The buffer was wiped, by the user or by wipe().
function Chat:_gone()
  if self.closed then
    return
  end
  self.closed = true
  sending.forget(self)
  if self.request then
    self.request:abandon()
  end
  receipt.close(self)
  require('venice.chat')._remove(self)
  pcall(api.nvim_buf_delete, self.view.buf, { force = true })
end

-- Model and report --------------------------------------------------------------------------------

function of_model.report(self)
  return reports.of(self.model)
end

function of_model.error(self)
  local failed = self.failed
  return failed and failed.model == self.model and failed.err or nil
end

--- Shows what was proven, in every window.
function Chat:show_report()
  if self.view:is_valid() then
    window.update_bar(self)
  end
end

--- Chooses the model of the next prompts.
---@param id string
function Chat:set_model(id)
  if id ~= self.model then
    self.model = id
    self:show_report()
  end
end

--- A name for lists, made here and kept nowhere.
---@return string
function Chat:title()
  return conversation.title(self.view:texts()) or 'empty chat'
end

-- What it costs -----------------------------------------------------------------------------------

--- What the answers of this chat cost so far.
---@return venice.Total|nil
function Chat:total()
  return usage.total(self.spent, models.info)
end

-- The service's list has come: what was shown without a price gets one.
local function set_prices(self)
  if self.closed or not self.view:is_valid() then
    return
  end
  for _, turn in ipairs(self.view:live_turns()) do
    if turn.usage and not turn.cost then
      turn.cost = usage.cost(turn.usage, models.info(turn.model))
      if turn.cost then
        self.view:draw(turn)
      end
    end
  end
  window.update_bar(self)
end

--- Counts an answer.
---@param turn venice.Turn
function Chat:count(turn)
  if type(turn.usage) ~= 'table' then
    return
  end
  self.spent[#self.spent + 1] = { usage = turn.usage, model = turn.model }
  turn.cost = usage.cost(turn.usage, models.info(turn.model))
  if not turn.cost then
    -- Later, for asking must not come between an answer and its end.
    vim.schedule(function()
      models.when_known(function()
        set_prices(self)
      end)
    end)
  end
end

-- Asking ------------------------------------------------------------------------------------------

--- Sends the draft; behind an answer that is on its way it is queued.
function Chat:send()
  sending.send(self)
end

--- Asks again for the answer below the cursor, by default the last one.
function Chat:retry()
  require('venice.chat.again').retry(self)
end

--- Drops what is below the prompt under the cursor, and sends that prompt anew.
function Chat:go_on()
  require('venice.chat.again').go_on(self)
end

--- Shows in the draft what #buffer and its like stand for.
function Chat:expand()
  sending.expand(self)
end

--- Stops what is on its way.
function Chat:stop()
  if sending.stop(self) then
    return
  elseif self.request then
    self.request:stop()
  elseif not receipt.stop(self) then
    errors.notice('there is nothing to stop')
  end
end

-- Called by a request or a round of tools when it is over and its last text is in the buffer.
function Chat:_finished(finished, outcome, err)
  if self.request == finished then
    self.request, self.state = nil, 'idle'
  end
  self.usage = finished.usage or self.usage
  local is_failure = err and (outcome == 'error' or outcome == 'cut_off')
  self.failed = is_failure and { model = finished.model or self.model, err = err } or nil
  if self.view:is_valid() then
    window.update_bar(self)
  end
end

-- Its text ----------------------------------------------------------------------------------------

--- Puts lines into the draft.
---@param lines string[]
---@return integer row of the first one
function Chat:add(lines)
  local draft = self.view:draft()
  -- What is added must not come to stand inside a code block that was not closed.
  local fence = require('venice.chat.context.syntax').open_fence(self.view:text(draft))
  if draft.error then
    sending.mark(self, draft, nil)
  end
  if not fence then
    return self.view:add_to_draft(lines)
  end
  return self.view:add_to_draft(vim.list_extend({ fence }, lines)) + 1
end

--- Shows the system prompt of this chat as a turn above the others, where it can be edited; with a
--- text, sets it to that.
---@param text string
function Chat:system(text)
  local turn = require('venice.chat.system').set(self, text)
  window.open(self)
  local first, last = self.view:body(turn)
  api.nvim_win_set_cursor(0, { math.max(first, last) + 1, 0 })
  vim.cmd('normal! $')
end

--- Lets the model call tools in this chat, or not any more.
---@param word string 'on', 'off' or '' for the other one
function Chat:use_tools(word)
  local on = word == 'on' or (word == '' and not self.tools)
  if word ~= 'on' and word ~= 'off' and word ~= '' then
    return errors.warn(':Venice tools takes on or off')
  end
  if on and config.get().tools == false then
    return errors.warn('tools are switched off by the option tools')
  end
  local before = self.tools
  self.tools = on and (before or require('venice.chat.rounds').session(self)) or nil
  if before and not on then
    before:close()
  end
  window.update_bar(self)
  if not on then
    errors.notice('tools are off in this chat')
  elseif self.tools then
    errors.notice('tools are on, in ' .. self.tools:folder())
  end
end

-- The rest ----------------------------------------------------------------------------------------

--- Closes the chat's windows; nothing is lost.
function Chat:hide()
  window.hide(self)
end

--- Shows the attestation of the chat's model.
function Chat:attest()
  require('venice.commands').attest(self.model)
end

--- Ends the chat: its request, its text, its model's session keys.
function Chat:wipe()
  local client = self.model and Client.current()
  self:_gone()
  if client then
    client:forget(self.model)
    reports.forget(self.model)
  end
end

return Chat
