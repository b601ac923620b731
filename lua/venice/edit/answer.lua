-- An answer outside a chat: what the service says becomes words about its progress, a text, and in
-- the end exactly one outcome. It is announced and its signature checked as an answer in a chat is.

local conversation = require('venice.chat.conversation')
local progress = require('venice.chat.progress')
local receipt = require('venice.chat.receipt')
local reports = require('venice.evidence.reports')

local uv = vim.uv or vim.loop
local M = {}

---@class venice.Answer
---@field model string
---@field client venice.Client
---@field id integer
---@field over boolean|nil
---@field bytes integer of its text so far
---@field unauthenticated integer bytes of white space that came in plaintext
---@field finish_reason string|nil
---@field report table|nil of the enclave that answers
local Answer = {}
Answer.__index = Answer

---@class venice.AnswerHandlers
---@field on_progress fun(words: string)
---@field on_report fun(report: table)
---@field on_text fun()
---@field on_done fun(outcome: 'ok'|'error'|'stopped'|'cut_off', err: venice.Error|nil)
---@field on_signature fun(word: string|nil, is_failure: boolean)

-- Progress ----------------------------------------------------------------------------------------

local function words(self)
  local elapsed = (uv.now() - self.since) / 1000
  local now = self.now
  if now.state ~= 'streaming' then
    return progress.words(now, elapsed)
  end
  return (#self.parts > 0 and 'writing ' or 'reasoning ') .. progress.seconds(elapsed)
end

function Answer:_show()
  if not self.over then
    self.handlers.on_progress(words(self))
  end
end

local function set_state(self, now)
  if now.state == 'retrying' or now.state ~= self.now.state or now.held ~= self.now.held then
    self.now, self.since = now, uv.now()
  end
  self:_show()
end

-- What arrives ------------------------------------------------------------------------------------

local on = {}

function on.on_state(self, now)
  set_state(self, now)
end

function on.on_report(self, report, fresh)
  self.report = report
  reports.note(self.model, report, self.options)
  if fresh ~= false then
    require('venice')._attested(self.model, report)
  end
  self.handlers.on_report(report)
end

function on.on_event(self, ev)
  if self.over then
    return
  elseif ev.kind == 'usage' then
    self.usage = ev.usage
  elseif ev.kind == 'finish' then
    self.finish_reason = ev.reason
  elseif ev.kind == 'content' or ev.kind == 'reasoning' then
    if ev.authenticated == false then
      self.unauthenticated = self.unauthenticated + #ev.text
    end
    if ev.kind == 'content' then
      self.parts[#self.parts + 1] = ev.text
      self.bytes = self.bytes + #ev.text
      self.handlers.on_text()
    end
    if self.now.state ~= 'streaming' or self.shown ~= ev.kind then
      self.shown = ev.kind
      self.now, self.since = { state = 'streaming' }, uv.now()
      self:_show()
    end
  end
end

-- Who signed it. The word of the check is that of an answer in a chat.
local function ask_who_signed(self, id)
  local turn = conversation.turn('assistant', self.model)
  turn.state = 'done'
  local function draw()
    self.handlers.on_signature(receipt.word(turn))
  end
  local chat = {
    view = {
      is_valid = function()
        return true
      end,
      draw = draw,
    },
  }
  receipt.start(chat, turn, {
    client = self.client,
    report = self.report,
    id = id,
    asked_at = self.asked_at,
  })
end

function on.on_done(self, err, info)
  if self.over then
    return
  end
  self.over = true
  self.stop_clock()
  local outcome = conversation.outcome(err)
  self.usage = info.usage or self.usage
  self.finish_reason = info.finish_reason or self.finish_reason
  require('venice')._finished(self, outcome, err)
  self.handlers.on_done(outcome, err)
  if outcome == 'ok' then
    vim.schedule(function()
      ask_who_signed(self, info.id)
    end)
  end
end

-- The answer --------------------------------------------------------------------------------------

--- What has come of it.
---@return string
function Answer:text()
  local text = table.concat(self.parts)
  self.parts = text ~= '' and { text } or {}
  return text
end

--- Stops it; on_done follows.
function Answer:stop()
  if not self.over then
    self.client:cancel(self.id)
  end
end

--- Asks.
---@param client venice.Client
---@param model string
---@param messages { role: string, content: string }[]
---@param handlers venice.AnswerHandlers
---@return venice.Answer
function M.start(client, model, messages, handlers)
  local self = setmetatable({
    client = client,
    model = model,
    handlers = handlers,
    parts = {},
    bytes = 0,
    now = { state = 'attesting' },
    since = uv.now(),
    unauthenticated = 0,
    asked_at = os.time(),
    options = client.options or require('venice.config').last_good(),
    report = reports.of(model), -- of the session that stands, which is not reported again
  }, Answer)
  self.stop_clock = progress.clock(function()
    self:_show()
  end)
  self:_show()
  local bound = {}
  for name, handler in pairs(on) do
    bound[name] = function(...)
      return handler(self, ...)
    end
  end
  self.id = client:chat({ model = model, messages = messages }, bound)
  require('venice')._event('VeniceRequestStarted', { id = self.id, model = model })
  return self
end

return M
