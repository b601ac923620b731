-- Between two answers: the tools that the first one called are run, with the user's word for each,
-- and their results are what the next one answers. Results are turns of the chat like all others,
-- so that what is sent stays what is seen.

local config = require('venice.config')
local conversation = require('venice.chat.conversation')
local errors = require('venice.errors')
local folds = require('venice.chat.folds')
local later = require('venice.chat.later')
local places = require('venice.chat.places')
local sending = require('venice.chat.sending')

local M = {}

local SWITCHED_OFF = 'tools were switched off meanwhile'

---@class venice.Round stands in Chat.request while its tools run
---@field chat venice.Chat
---@field turn venice.Turn the answer that called them
---@field handle { stop: fun() }|nil
local Round = {}
Round.__index = Round

--- The tools of a chat, in the working folder of now.
---@param chat venice.Chat
---@return venice.ToolSession|nil
function M.session(chat)
  local tools, err = require('venice.tools.session').new({
    root = vim.fn.getcwd(),
    options = config.get().tools,
    buf = chat.view.buf,
    name = function()
      return ('chat %d'):format(chat.number)
    end,
  })
  if not tools then
    errors.notify(err)
  end
  return tools
end

--- What it is doing.
---@return string
function Round:progress_words()
  return self.words or 'runs tools'
end

function Round:_show(words)
  self.words = words
  if not self.over and self.chat.view:is_valid() then
    self.chat.view:status(self.turn, words)
    require('venice')._redraw_status()
  end
end

-- The results as turns below the answer, in the order of its calls.
local function put_results(self, results)
  local view, after = self.chat.view, self.turn
  for _, result in ipairs(results) do
    local turn = conversation.turn('tool')
    turn.tool_call_id, turn.tool_name, turn.words = result.id, result.name, result.words
    local text = require('venice.tools').render_result(result.id, result.name, result.result)
    -- A line feed of the text would be one of the buffer; JSON has none outside its blocks.
    local lines = view:broken(turn, vim.split(text, '\n', { plain = true }))
    places.insert(view, turn, after, { lines = lines })
    folds.fold_turn(self.chat, turn)
    after = turn
  end
  return after
end

local function is_there(self)
  local chat = self.chat
  return not chat.closed and chat.view:is_valid() and chat.view:body(self.turn) ~= nil
end

-- The end of a round that no answer follows.
local function stop_here(self, is_whole)
  local chat = self.chat
  chat:_finished(self, 'stopped')
  require('venice.chat.queue').next(chat, is_whole)
end

function Round:_results(results)
  if self.over then
    return
  end
  self:_show(nil)
  self.over = true
  local last
  later.when_possible(function()
    last = last or (is_there(self) and put_results(self, results) or nil)
  end, function()
    if not last or self.stopped then
      return stop_here(self, false)
    end
    self:_go_on(last)
  end)
end

function Round:_go_on(last)
  local chat = self.chat
  -- Tools that were switched off and on again are others.
  local may, words = chat.tools ~= nil and chat.tools == self.tools, SWITCHED_OFF
  if may then
    may, words = chat.tools:may_go_on()
  end
  if not may then
    self.turn.limit = words
    chat.view:draw(self.turn)
    return stop_here(self, false)
  end
  chat:_finished(self, 'ok')
  sending.ask(chat, { after = last, goes_on = true })
end

--- Stops the tools and what would follow.
function Round:stop()
  self.stopped = true
  if self.handle then
    self.handle.stop()
  end
end

--- The chat's buffer has gone.
function Round:abandon()
  self.over = true
  if self.handle then
    self.handle.stop()
  end
end

-- The calls that may be run; a later part of the answer may have taken some back, and the user all.
local function split(calls, is_off)
  local valid, revoked = {}, {}
  for _, call in ipairs(calls) do
    local why = call.revoked or is_off and SWITCHED_OFF
    if why then
      local words = 'This call was not run: ' .. why
      revoked[#revoked + 1] =
        { id = call.id, name = call.name, result = words, is_error = true, words = 'not run' }
    else
      valid[#valid + 1] = call
    end
  end
  return valid, revoked
end

--- Runs the tools that an answer called.
---@param chat venice.Chat
---@param request venice.Request it is over
function M.start(chat, request)
  local calls, revoked = split(request.calls.list, not chat.tools)
  local self = setmetatable({
    chat = chat,
    turn = request.turn,
    usage = request.usage,
    tools = chat.tools,
  }, Round)
  chat.request, chat.state = self, 'waiting'
  self:_show('runs tools')
  if #calls == 0 then
    return self:_results(revoked)
  end
  -- Handlers may be called at once.
  self.handle = chat.tools:run(calls, {
    on_update = function(call, words)
      self:_show(('%s: %s'):format(errors.printable(call.name), words))
    end,
    on_done = function(results)
      self:_results(vim.list_extend(revoked, results))
    end,
  })
end

return M
