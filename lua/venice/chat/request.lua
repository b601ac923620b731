-- One answer from the moment it is asked for until it is over: what the service says becomes the
-- state of the chat, text in its buffer, and in the end exactly one outcome.

local config = require('venice.config')
local conversation = require('venice.chat.conversation')
local errors = require('venice.errors')
local places = require('venice.chat.places')
local receipt = require('venice.chat.receipt')
local stream = require('venice.chat.stream')
local window = require('venice.chat.window')

local uv = vim.uv or vim.loop
local M = {}

local TICK = 250 -- milliseconds between two updates of the seconds that are shown
local RETRY = 50
local MAX_TRIES = 200

---@class venice.Request
---@field chat venice.Chat
---@field turn venice.Turn the answer
---@field asked venice.Turn|nil the prompt, for a request that adds an answer; nil: it replaces one
---@field client venice.Client
---@field id integer
local Request = {}
Request.__index = Request

local function event(name, data)
  require('venice')._event(name, data)
end

-- Progress ----------------------------------------------------------------------------------------

local function seconds(value)
  return value < 9.95 and ('%.1f s'):format(value) or ('%d s'):format(value)
end

local retry_words = {
  rate_limited = 'the service asks to wait',
  server = 'the service is not available',
  connect = 'no connection',
}

local function progress(self)
  local elapsed = (uv.now() - self.since) / 1000
  local now = self.progress
  if now.state == 'retrying' then
    local left = math.max(0, (tonumber(now.seconds) or 0) - elapsed)
    local words = retry_words[now.code] or 'that failed'
    local attempt = tonumber(now.attempt) and (' (try %d of 3)'):format(now.attempt + 1) or ''
    return ('%s, again in %s%s'):format(words, seconds(left), attempt)
  elseif now.state == 'streaming' and self.hidden_reasoning and not self.has_content then
    return 'reasoning ' .. seconds(elapsed)
  elseif now.state == 'streaming' then
    return nil
  elseif now.held then
    return 'waits for you: the enclave has changed'
  end
  return now.state .. ' ' .. seconds(elapsed)
end

function Request:_show_progress()
  if not self.over and self.chat.view:is_valid() then
    self.chat.view:status(self.turn, progress(self))
  end
end

function Request:_start_clock()
  self.since = uv.now()
  self.clock = uv.new_timer()
  self.clock:start(
    TICK,
    TICK,
    vim.schedule_wrap(function()
      self:_show_progress()
    end)
  )
end

function Request:_stop_clock()
  if self.clock then
    self.clock:stop()
    self.clock:close()
    self.clock = nil
  end
end

-- What arrives ------------------------------------------------------------------------------------

function Request:on_state(now)
  if now.state == 'retrying' then
    -- A pause belongs to the state that it interrupts.
    self.progress, self.since = now, uv.now()
  elseif now.state ~= self.progress.state or now.held ~= self.progress.held then
    self.progress, self.since = now, uv.now()
    self.chat.state = now.state
  end
  self:_show_progress()
end

function Request:on_report(report, fresh)
  self.report = report
  self.chat:set_report(report)
  if fresh ~= false then
    require('venice')._attested(self.turn.model, report)
  end
end

function Request:_text(ev)
  if not self.has_text then
    self.has_text = true
    self:on_state({ state = 'streaming' })
  end
  if ev.authenticated == false then
    self.unauthenticated = self.unauthenticated + #ev.text
  end
  if ev.kind == 'content' then
    self.has_content = true
  elseif config.get().chat.reasoning == 'hide' then
    self.hidden_reasoning = true
    return self:_show_progress()
  end
  if self.hidden_reasoning then
    self:_show_progress()
  end
  self.writer:push(ev.kind, ev.text)
end

function Request:on_event(ev)
  if self.over then
    return
  elseif ev.kind == 'usage' then
    self.usage = ev.usage
  elseif ev.kind == 'finish' then
    self.finish_reason = ev.reason
  elseif ev.kind == 'content' or ev.kind == 'reasoning' then
    self:_text(ev)
  end
end

-- The end -----------------------------------------------------------------------------------------

-- A text lock forbids to change buffers: then a moment later, and not for ever.
local function when_possible(change, done, tries)
  tries = tries or 1
  if pcall(change) or tries >= MAX_TRIES then
    return done()
  end
  vim.defer_fn(function()
    when_possible(change, done, tries + 1)
  end, RETRY)
end

local states = { ok = 'done', error = 'error', stopped = 'stopped', cut_off = 'cut_off' }

local function describe_turn(self, err, outcome)
  local turn = self.turn
  turn.state = states[outcome]
  turn.error = outcome ~= 'stopped' and err or nil
  turn.usage = self.usage
  turn.finish_reason = self.finish_reason
  turn.unauthenticated = self.unauthenticated
  turn.is_empty = not self.has_content
end

-- Before the first token an answer leaves nothing but the prompt, ready to be sent again.
local function withdraw(self, err, outcome)
  local chat = self.chat
  if not self.asked then
    self.turn.error, self.turn.state = outcome ~= 'stopped' and err or nil, self.former_state
    chat.view:draw(self.turn)
    return
  end
  places.remove(chat.view, self.turn)
  chat.failed_prompt = outcome ~= 'stopped'
  if outcome ~= 'stopped' then
    chat:mark_prompt(err)
  end
end

function Request:on_done(err, info)
  self.usage = info.usage or self.usage
  self.finish_reason = info.finish_reason or self.finish_reason
  self.answer_id = info.id
  self.writer:finish(function()
    self:_close(err)
  end)
end

-- What the buffer shows of the end.
local function settle(self, err, outcome)
  local view = self.chat.view
  if not view:is_valid() then
    return
  end
  view:status(self.turn, nil)
  if err and not self.has_text then
    withdraw(self, err, outcome)
  else
    describe_turn(self, err, outcome)
    view:draw(self.turn)
  end
end

local function announce(self, err, outcome)
  event('VeniceRequestFinished', {
    id = self.id,
    model = self.turn.model,
    outcome = outcome,
    code = err and err.code or nil,
    usage = self.usage,
  })
  vim.schedule(function()
    if outcome == 'ok' then
      self:_ask_who_signed()
    elseif outcome ~= 'stopped' then
      -- The chat first: the message may wait for a key.
      vim.cmd('redraw')
      errors.notify(err)
    end
  end)
end

function Request:_close(err)
  local outcome = conversation.outcome(err)
  if self.over then
    return
  end
  self.over = true
  self:_stop_clock()
  when_possible(function()
    settle(self, err, outcome)
  end, function()
    self.chat:_finished(self, outcome, err)
    announce(self, err, outcome)
  end)
end

-- The answer is over: what comes of this is a word in its header.
function Request:_ask_who_signed()
  receipt.start(self.chat, self.turn, {
    client = self.client,
    report = self.report,
    id = self.answer_id,
    asked_at = self.asked_at,
  })
end

--- Stops it; the text that was shown stays.
function Request:stop()
  self.client:cancel(self.id)
end

--- The chat's buffer has gone: nothing is written any more.
function Request:abandon()
  self.writer:close()
  self.client:cancel(self.id)
  self:_close(errors.new('cancelled'))
end

-- The beginning -----------------------------------------------------------------------------------

-- A new answer takes the old one's place with its first token, not before.
local function replace(self)
  local turn = self.turn
  turn.usage, turn.error, turn.finish_reason, turn.unauthenticated = nil, nil, nil, 0
  turn.state, turn.is_empty = 'streaming', nil
  receipt.forget(turn)
  places.clear(self.chat.view, turn)
end

local function make_writer(self)
  local chat = self.chat
  return stream.new(chat.view, self.turn, {
    prepare = not self.asked and function()
      replace(self)
    end or nil,
    on_place = function(kind)
      if kind == 'content' and config.get().chat.reasoning == 'fold' and self.turn.reasoning then
        window.fold_last_reasoning(chat)
      end
    end,
    on_gone = function()
      self:abandon()
    end,
  })
end

--- Asks for an answer. With `replaced`, it takes the place of that answer; else it stands below the
--- prompt that is the draft now.
---@param chat venice.Chat
---@param client venice.Client
---@param messages table[]
---@param replaced venice.Turn|nil
---@return venice.Request
function M.start(chat, client, messages, replaced)
  local self = setmetatable({
    chat = chat,
    client = client,
    progress = { state = 'attesting' },
    unauthenticated = 0,
    asked_at = os.time(),
    report = chat.report, -- of the session that stands, which is not reported again
  }, Request)
  if replaced then
    self.turn, self.former_state = replaced, replaced.state
    replaced.error = nil
    chat.view:draw(replaced)
  else
    self.asked = chat.view:draft()
    self.turn = conversation.turn('assistant')
  end
  self.turn.model = chat.model
  chat.request, chat.state = self, 'attesting'
  if not replaced then
    places.add(chat.view, self.turn)
    window.to_end(chat)
  end
  self.writer = make_writer(self)
  self:_start_clock()
  self:_show_progress()
  local handlers = {}
  for _, name in ipairs({ 'on_state', 'on_report', 'on_event', 'on_done' }) do
    handlers[name] = function(...)
      return self[name](self, ...)
    end
  end
  self.id = client:chat({ model = chat.model, messages = messages }, handlers)
  event('VeniceRequestStarted', { id = self.id, model = chat.model })
  return self
end

return M
