-- An answer, as it arrives → text, calls, and calls that were refused.
--
-- The text of all events in order is the answer without the blocks that became calls, however the
-- answer was cut. Only a partial tag is held back, and a block until it ends: at most 64 KB.
--
-- What is given must be the content of an answer only. Reasoning is never parsed: the caller keeps
-- it away, and what stands between <think> and </think> (or <thinking>) in the content is text as
-- well. A call may be run only after finish(): a </think> that was never opened takes back the
-- calls above it.

local answer = require('venice.tools.answer')
local forms = require('venice.tools.forms')
local markdown = require('venice.tools.markdown')
local opening = require('venice.tools.opening')
local scan = require('venice.tools.scan')

local M = {}

---@class venice.ToolParser
local Parser = answer.extend({})
Parser.__index = Parser

local reasoning = {
  ['<think>'] = 'open',
  ['<thinking>'] = 'open',
  ['</think>'] = 'close',
  ['</thinking>'] = 'close',
}

local text_tags = { unpack(answer.openers) }
for tag in pairs(reasoning) do
  text_tags[#text_tags + 1] = tag
end

--- A parser for one answer.
---@param tools table[] the declared tools, as for schema.compile
---@return venice.ToolParser
function M.new(tools)
  return setmetatable(answer.state(tools), Parser)
end

-- Blocks -----------------------------------------------------------------------------------------

local function after_block(self)
  self.scanner, self.opener = nil, nil
  self.mode = self.held and self.held.kind == 'tail' and 'tail' or 'text'
end

-- A block that is no call. Whatever was held belongs to it.
local function refuse_block(self, err, raw)
  if self.held then
    raw = self.held.raw .. raw
    self.held = nil
  end
  self:show_refused(err, raw)
end

local function closed_block(self, body, raw)
  local calls, err = forms.read(self.declared, body)
  if not calls then
    refuse_block(self, err, raw)
  elseif calls.doubtful or (self.held and self.held.fence) then
    self:hold('tail', raw, calls)
  elseif self.held then
    self:hold('chain', raw, calls)
    self:release_calls()
  else
    self:add_calls(calls, raw)
  end
  after_block(self)
end

-- The next opening tag stands where the closing tag should: GLM writes calls in a row so.
local function chained_block(self, body, raw)
  local calls, err = forms.read(self.declared, body)
  if not calls then
    refuse_block(self, err, raw)
  elseif calls.doubtful then
    refuse_block(self, answer.not_the_end, raw)
  else
    self:hold(self.held and self.held.kind or 'chain', raw, calls)
  end
end

local too_large = {
  reason = 'too_large',
  message = ('a call of more than %d KB'):format(answer.MAX_HELD / 1024),
}

local function overflow(self)
  local raw = (self.held and self.held.raw or '') .. self.opener
  self.held, self.opener = nil, nil
  self:add_text(raw)
  self:add_refused(too_large)
  self.mode = 'overflow'
  return true
end

local modes = {}

function modes.block(self)
  local what, first, behind = self.scanner:run(self.buffer)
  if not what then
    return self:held_size() > answer.MAX_HELD and overflow(self) or false
  end
  local is_large = self:held_size() - #self.buffer + behind - 1 > answer.MAX_HELD
  local body = self.buffer:sub(1, first - 1)
  local raw = self.opener .. self:take((what == 'close' and behind or first) - 1)
  if is_large then
    refuse_block(self, too_large, raw)
    after_block(self)
  elseif what == 'close' then
    closed_block(self, body, raw)
  else
    chained_block(self, body, raw)
    self:open_block(self.buffer:sub(1, behind - first))
  end
  return true
end

-- A block over the limit goes by as text; its strings are still strings, whatever tags they hold.
function modes.overflow(self)
  local what, first, behind = self.scanner:run(self.buffer)
  if not what then
    local length = math.min(self.scanner.position - 1, #self.buffer)
    self:add_text(self:take(length))
    self.scanner:forget(length)
    return false
  end
  self:add_text(self:take((what == 'close' and behind or first) - 1))
  after_block(self)
  return true
end

-- Text -------------------------------------------------------------------------------------------

local function end_reasoning(self)
  local was_open = self.in_reasoning
  self.in_reasoning = false
  self.state = markdown.new()
  if not was_open and #self.ids > #self.revoked then
    local message = 'the calls above stood in the reasoning'
    local event = self:add_refused({ reason = 'reasoning', message = message })
    event.revoked = {}
    for i = #self.revoked + 1, #self.ids do
      event.revoked[#event.revoked + 1] = self.ids[i]
      self.revoked[i] = self.ids[i]
    end
  end
  self.mode = 'start'
end

local function text_tag(self, tag)
  local in_code = not self.in_reasoning and self.state:in_code()
  if reasoning[tag] == 'close' and not in_code then
    self:add_text(self:take(#tag))
    end_reasoning(self)
  elseif self.in_reasoning or reasoning[tag] then
    self:add_text(self:take(#tag))
    self.in_reasoning = self.in_reasoning or not in_code
  elseif in_code then
    self:add_text(self:take(#tag))
    local message = 'a call inside code or a quotation is shown, not made'
    self:add_refused({ reason = 'quoted', message = message }, tag)
  else
    self:open_block(tag)
  end
end

function modes.text(self)
  local position = self.buffer:find('<', 1, true)
  local tag, partial
  while position do
    tag, partial = scan.tag_at(self.buffer, position, text_tags)
    if tag or partial then
      break
    end
    position = self.buffer:find('<', position + 1, true)
  end
  self:add_text(self:take(position and position - 1 or #self.buffer))
  if tag then
    text_tag(self, tag)
  end
  return tag ~= nil
end

-- The caller's side ------------------------------------------------------------------------------

local function run(self)
  while self.buffer ~= '' and (modes[self.mode] or opening[self.mode])(self) do
  end
  local events = self.events
  self.events = {}
  return events
end

--- Reads on. What comes after finish() is ignored.
---@param text string content of the answer, cut anywhere
---@return venice.ToolEvent[]
function Parser:feed(text)
  if type(text) ~= 'string' then
    error('venice: text: expected string, got ' .. type(text), 2)
  elseif self.finished then
    return {}
  end
  self.buffer = self.buffer .. text
  return run(self)
end

local cut_off = { reason = 'cut_off', message = 'the answer ended within a call' }

-- An answer ended within a block: believed if it is complete but for its closing tag.
local function finish_block(self, is_end)
  local scanner, body, rest = self.scanner, self.buffer, nil
  local raw = self.opener .. self:take(#self.buffer)
  if scanner.mode == 'value' and scanner.first_close then
    -- A value without its end, then the end of the block: the value ended there, or went on.
    local behind = scanner.first_close + #scan.tags[self.opener]
    body, rest = body:sub(1, scanner.first_close - 1), body:sub(behind)
  end
  if not is_end or (rest and rest:find('%S')) then
    return refuse_block(self, cut_off, raw)
  elseif self.held and self.held.kind == 'chain' and not body:find('%S') then
    -- The last tag of the chain was meant to close it.
    self.held.raw = self.held.raw .. raw
    return self:release_calls()
  end
  local calls, err = forms.read(self.declared, body)
  if not calls or (calls.doubtful and not rest) then
    return refuse_block(self, calls and cut_off or err, raw)
  elseif self.held and self.held.fence then
    return refuse_block(self, answer.not_the_end, raw)
  end
  self:hold('chain', raw, calls)
  self:release_calls()
end

local function finish_held(self, is_end)
  local held = self.held
  if is_end and #held.calls > 0 and (not held.fence or held.closed) then
    self:release_calls()
  else
    self:release_text(not is_end and cut_off or nil)
  end
end

--- Ends the answer. Calls without a closing tag, and calls that had to be all of the answer, are
--- decided now.
---@param reason string|nil the finish reason. With `stop` and `tool_calls` the answer is complete,
---  and with nil (the stream ended cleanly without giving one; a stream that did not is an error of
---  its own, after which nothing is run). With anything else it was cut off.
---@return venice.ToolEvent[]
function Parser:finish(reason)
  if self.finished then
    return {}
  end
  self.finished = true
  local is_end = reason == nil or reason == 'stop' or reason == 'tool_calls'
  if self.mode == 'block' then
    finish_block(self, is_end)
  elseif self.held then
    self.held.raw = self.held.raw .. self:take(#self.buffer)
    finish_held(self, is_end)
  else
    self:add_text(self:take(#self.buffer))
  end
  return run(self)
end

return M
