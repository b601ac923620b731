-- One answer from the moment it is asked for until it is over: what the service says becomes the
-- state of the chat, text in its buffer, and in the end exactly one outcome.

local config = require('venice.config')
local conversation = require('venice.chat.conversation')
local errors = require('venice.errors')
local folds = require('venice.chat.folds')
local later = require('venice.chat.later')
local places = require('venice.chat.places')
local progress = require('venice.chat.progress')
local receipt = require('venice.chat.receipt')
local reports = require('venice.evidence.reports')
local stream = require('venice.chat.stream')
local window = require('venice.chat.window')

local uv = vim.uv or vim.loop
local M = {}

---@class venice.Request
---@field chat venice.Chat
---@field turn venice.Turn the answer
---@field place venice.Place
---@field asked venice.Turn|nil the prompt, for a request that adds an answer; nil: it replaces one
---@field calls venice.Calls|nil where the answer may call tools
---@field client venice.Client
---@field model string that is asked, whichever the chat has later
---@field options table by which the client judges the model's enclave
---@field has_place boolean|nil it has taken the place of the answer that it replaces
---@field id integer
local Request = {}
Request.__index = Request

-- Progress ----------------------------------------------------------------------------------------

--- For how many seconds nothing but keep-alives has come; nil where that is not so.
---@return integer|nil
function Request:kept_alive()
  local quiet = self.quiet
  return quiet and math.floor(quiet.seconds + (uv.now() - quiet.told) / 1000)
end

--- What it is doing, with the seconds that took; nil while text comes.
---@return string|nil
function Request:progress_words()
  local elapsed = (uv.now() - self.since) / 1000
  local quiet = self:kept_alive()
  if quiet then
    return progress.kept_alive(quiet)
  elseif self.progress.state ~= 'streaming' then
    return progress.words(self.progress, elapsed)
  elseif self.hidden_reasoning and not self.has_content then
    return 'reasoning ' .. progress.seconds(elapsed)
  elseif self.calls and not self.has_content and not self.turn.reasoning then
    return 'calls a tool ' .. progress.seconds(elapsed)
  end
end

function Request:_show_progress()
  if not self.over and self.chat.view:is_valid() then
    self.chat.view:status(self.turn, self:progress_words())
    require('venice')._redraw_status()
    if self.quiet_shown ~= self:kept_alive() then
      self.quiet_shown = self:kept_alive()
      window.update_bar(self.chat)
    end
  end
end

-- Something came that is more than a sign of life.
local function end_quiet(self)
  if self.quiet then
    self.quiet = nil
    self:_show_progress()
  end
end

-- What arrives ------------------------------------------------------------------------------------

--- The client says what it does.
---@param now table { state, held, seconds, attempt, code, kept_alive }
function Request:on_state(now)
  local seconds = tonumber(now.kept_alive)
  self.quiet = seconds and { seconds = seconds, told = uv.now() } or nil
  if now.state == 'retrying' then
    -- A pause belongs to the state that it interrupts.
    self.progress, self.since = now, uv.now()
  elseif now.state ~= self.progress.state or now.held ~= self.progress.held then
    self.progress, self.since = now, uv.now()
    self.chat.state = now.state
  end
  self:_show_progress()
end

--- The enclave was attested, or stood on a report already.
---@param report table
---@param fresh boolean|nil false: the report is not new
function Request:on_report(report, fresh)
  self.report = report
  reports.note(self.model, report, self.options)
  if fresh ~= false then
    require('venice')._attested(self.model, report)
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
    if self.calls then
      return self.calls:feed(ev.text)
    end
    return self:_write(ev.text)
  elseif config.last_good().chat.reasoning == 'hide' then
    self.hidden_reasoning = true
    return self:_show_progress()
  end
  self.writer:push(ev.kind, ev.text)
end

function Request:_write(text)
  local is_first = not self.has_content
  self.has_content = true
  if is_first and (self.hidden_reasoning or self.calls) then
    self:_show_progress()
  end
  self.writer:push('content', text)
end

--- A piece of the answer arrived.
---@param ev table { kind, text, authenticated, usage, reason }
function Request:on_event(ev)
  if self.over then
    return
  end
  end_quiet(self)
  if ev.kind == 'usage' then
    self.usage = ev.usage
  elseif ev.kind == 'finish' then
    self.finish_reason = ev.reason
  elseif ev.kind == 'content' or ev.kind == 'reasoning' then
    self:_text(ev)
  end
end

--- How long text may gather before it is wanted.
---@return integer milliseconds
function Request:pace()
  return self.writer:pace()
end

-- The end -----------------------------------------------------------------------------------------

local states = { ok = 'done', error = 'error', stopped = 'stopped', cut_off = 'cut_off' }

local function describe_turn(self, err, outcome)
  local turn = self.turn
  turn.state = states[outcome]
  turn.error = outcome ~= 'stopped' and err or nil
  turn.usage = self.usage
  self.chat:count(turn)
  turn.finish_reason = self.finish_reason
  turn.unauthenticated = self.unauthenticated
  turn.is_empty = not self.has_content
end

-- Nothing has come in the place of an answer: that one stays.
local function keep_former(self, err, outcome)
  local turn = self.turn
  turn.error, turn.state = outcome ~= 'stopped' and err or nil, self.former_state
  self.is_kept = true
  self.chat.view:draw(turn)
  self.chat:count({ usage = self.usage, model = self.model })
  if outcome == 'ok' then
    errors.warn('the new answer is empty; the one before stays')
  end
end

-- Before the first token an answer leaves nothing but the prompt, ready to be sent again; where it
-- has left this machine, with a word that it has.
local function withdraw(self, err, outcome)
  local chat, asked = self.chat, self.asked
  local was_stopped = outcome == 'stopped'
  -- For an undo that has taken it away already, and may bring it back.
  self.turn.state, self.turn.error = states[outcome], not was_stopped and err or nil
  local is_draft = places.remove(chat.view, self.turn)
  chat.failed_prompt = not was_stopped and is_draft
  if asked.role == 'user' then
    asked.state = not was_stopped and 'error' or is_draft and 'draft' or 'held'
    asked.error = not was_stopped and err or nil
    asked.sent = self.sent
    chat.view:draw(asked)
  end
end

-- Whether an answer is whole though the user has stopped it: its last text had come, and only the
-- end of the connection had not. What calls tools is over when they are run, so that is stopped.
function Request:_is_whole(err)
  local was_stopped = err and err.code == 'cancelled' and self.is_stopped
  return was_stopped and self.finish_reason ~= nil and not self.was_dropped and not self.calls
end

--- The answer is over; what was not written yet still is.
---@param err venice.Error|nil
---@param info table { usage, finish_reason, id, model }
function Request:on_done(err, info)
  if self:_is_whole(err) then
    err = nil
  end
  self.sent = (info.sent == 'all' or info.sent == 'part') and info.sent or nil
  self.usage = info.usage or self.usage
  self.finish_reason = info.finish_reason or self.finish_reason
  self.answer_id = info.id
  if self.calls then
    -- After an error the answer is not whole: what was held back is text.
    self.calls:finish(err and 'error' or self.finish_reason)
  end
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
  if self.place.replaced and not self.has_place then
    keep_former(self, err, outcome)
  -- An answer to the results of tools keeps its place, so that it can be asked for again.
  elseif err and not self.has_text and not self.place.goes_on then
    withdraw(self, err, outcome)
  else
    describe_turn(self, err, outcome)
    view:draw(self.turn)
    if self.place.after then
      folds.fold_turn(self.chat, self.place.after)
    end
    folds.fold_turn(self.chat, self.turn)
  end
end

local function announce(self, err, outcome)
  require('venice')._finished(self, outcome, err)
  vim.schedule(function()
    if outcome == 'ok' then
      -- Nobody needs to know who signed an answer of which there is nothing.
      if not self.is_kept then
        self:_ask_who_signed()
      end
    elseif outcome ~= 'stopped' then
      -- The chat first: the message may wait for a key.
      vim.cmd('redraw')
      errors.notify(err, nil, window.is_visible(self.chat))
    end
  end)
end

function Request:_close(err)
  if self.was_dropped and not err then
    err = errors.new('cancelled') -- It had come as a whole, and was not written as a whole.
  end
  local outcome = conversation.outcome(err)
  if self.over then
    return
  end
  self.over = true
  if self.stop_clock then
    self.stop_clock()
  end
  later.when_possible(function()
    settle(self, err, outcome)
  end, function()
    local calls = outcome == 'ok' and not self.chat.closed and self.calls and self.calls.list[1]
    self.chat:_finished(self, outcome, err)
    if calls then
      require('venice.chat.rounds').start(self.chat, self)
    end
    announce(self, err, outcome)
    if not calls then
      require('venice.chat.queue').next(self.chat, outcome == 'ok' and not self.is_stopped)
    end
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

--- Stops it; the text that was shown stays, and no more is written.
function Request:stop()
  self.is_stopped = true
  if not self.writer:is_empty() then
    self.was_dropped = true
    self.writer:drop()
  end
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
  self.has_place = true
  turn.usage, turn.error, turn.finish_reason, turn.unauthenticated = nil, nil, nil, 0
  turn.state, turn.is_empty, turn.model = 'streaming', nil, self.model
  turn.refused, turn.limit, turn.cost, turn.has_calls = nil, nil, nil, nil
  turn.has_breaks = nil
  receipt.forget(turn)
  -- All that goes is one undo block, with the new answer.
  local rest = self.place.rest or {}
  places.cut(self.chat.view, turn, rest, 'new')
  places.clear(self.chat.view, turn, #rest == 0 and 'new' or nil)
end

local function make_writer(self)
  local chat = self.chat
  return stream.new(chat.view, self.turn, {
    prepare = self.place.replaced and function()
      replace(self)
    end or nil,
    on_place = function(kind)
      if
        kind == 'content'
        and config.last_good().chat.reasoning == 'fold'
        and self.turn.reasoning
      then
        folds.fold_reasoning(chat, self.turn)
      end
    end,
    on_gone = function()
      self:abandon()
    end,
    on_full = function(is_full)
      -- Where the request is over, what waits is all that will come.
      if self.id then
        self.client:hold(self.id, is_full)
      end
    end,
  })
end

-- Puts the answer's place where it belongs.
local function find_place(self, chat, place)
  if place.replaced then
    self.turn, self.former_state = place.replaced, place.replaced.state
    self.turn.error = nil
    chat.view:draw(self.turn)
  else
    self.asked, self.turn = place.after, conversation.turn('assistant')
  end
  if place.after then
    self.turn.model = self.model
    local was_draft = chat.view:draft() == place.after
    places.insert(chat.view, self.turn, place.after, { block = not place.goes_on and 'new' or nil })
    if was_draft then
      window.to_end(chat)
    end
  end
end

--- Asks for an answer.
---@param chat venice.Chat
---@param client venice.Client
---@param messages table[]
---@param place venice.Place
---@return venice.Request
function M.start(chat, client, messages, place)
  local self = setmetatable({
    chat = chat,
    client = client,
    model = chat.model,
    place = place,
    progress = { state = 'attesting' },
    since = uv.now(),
    unauthenticated = 0,
    asked_at = os.time(),
    options = client.options or config.last_good(),
    report = reports.of(chat.model), -- of the session that stands, which is not reported again
  }, Request)
  chat.request, chat.state = self, 'attesting'
  find_place(self, chat, place)
  if chat.tools then
    self.calls = require('venice.chat.calls').new(chat.tools:declarations(), self)
  end
  self.writer = make_writer(self)
  self.stop_clock = progress.clock(function()
    self:_show_progress()
  end)
  self:_show_progress()
  local handlers = {}
  for _, name in ipairs({ 'on_state', 'on_report', 'on_event', 'pace', 'on_done' }) do
    handlers[name] = function(...)
      return self[name](self, ...)
    end
  end
  self.id = client:chat({ model = self.model, messages = messages }, handlers)
  require('venice')._event('VeniceRequestStarted', { id = self.id, model = self.model })
  return self
end

return M
