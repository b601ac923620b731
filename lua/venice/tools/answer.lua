-- What a parser knows of its answer: the text that it has not judged yet, the calls that it holds
-- back until it sees what follows them, and the events that it will give.

local markdown = require('venice.tools.markdown')
local scan = require('venice.tools.scan')
local schema = require('venice.tools.schema')

local M = {}

M.MAX_HELD = 64 * 1024
-- Of one answer.
M.MAX_CALLS = 64

--- The tags that open a block.
M.openers = {}
for tag in pairs(scan.tags) do
  M.openers[#M.openers + 1] = tag
end

---@class venice.ToolEvent
---@field kind 'text'|'call'|'refused'
---@field text string|nil of text
---@field id string|nil of a call: opaque and random
---@field name string|nil of a call
---@field arguments table|nil of a call: checked against the schema
---@field warnings string[]|nil of a call: arguments that the tool does not declare
---@field raw string|nil what stood in the answer
---@field reason string|nil of refused: one of forms.lua, too_large, cut_off, quoted, reasoning
---@field message string|nil of refused: in words, for the user and the model
---@field revoked string[]|nil of refused: ids of earlier calls that must not be run

---@class venice.ToolAnswer
local Answer = {}
Answer.__index = Answer

--- Gives a class the methods of an answer.
---@param class table
---@return table class
function M.extend(class)
  return setmetatable(class, Answer)
end

--- The state at the beginning.
---@param tools table[] the declared tools, as for schema.compile
---@return table
function M.state(tools)
  return {
    declared = schema.compile(tools),
    mode = 'start',
    buffer = '',
    -- Calls that wait for what follows them; see hold().
    held = nil,
    state = markdown.new(),
    ids = {},
    revoked = {},
    events = {},
  }
end

-- Events -----------------------------------------------------------------------------------------

--- Adds text of the answer.
---@param text string
function Answer:add_text(text)
  if text == '' then
    return
  end
  if not self.in_reasoning then
    self.state:feed(text)
  end
  local last = self.events[#self.events]
  if last and last.kind == 'text' then
    last.text = last.text .. text
  else
    self.events[#self.events + 1] = { kind = 'text', text = text }
  end
end

--- Adds the event of a call that is refused.
---@param err { reason: string, message: string }
---@param raw string what stood in the answer
---@return venice.ToolEvent
function Answer:add_refused(err, raw)
  local event = { kind = 'refused', reason = err.reason, message = err.message, raw = raw }
  self.events[#self.events + 1] = event
  return event
end

--- What looked like a call is shown, so that nothing that the model said is lost.
---@param err { reason: string, message: string }
---@param raw string what stood in the answer
function Answer:show_refused(err, raw)
  self:add_text(raw)
  self:add_refused(err, raw)
end

--- Adds an event for each call, with an id; all are refused where they are too many.
---@param calls venice.ToolCall[]
---@param raw string what stood in the answer
function Answer:add_calls(calls, raw)
  if #self.ids + #calls > M.MAX_CALLS then
    local words = ('more than %d calls in one answer'):format(M.MAX_CALLS)
    self:show_refused({ reason = 'limit', message = words }, raw)
    return
  end
  for _, call in ipairs(calls) do
    local id = require('venice.tools.render').new_id()
    self.ids[#self.ids + 1] = id
    self.events[#self.events + 1] = {
      kind = 'call',
      id = id,
      name = call.name,
      arguments = call.arguments,
      warnings = call.warnings,
      raw = call.raw or raw,
    }
  end
end

--- Takes bytes from the buffer.
---@param length integer
---@return string
function Answer:take(length)
  local text = self.buffer:sub(1, length)
  self.buffer = self.buffer:sub(length + 1)
  return text
end

-- Held calls -------------------------------------------------------------------------------------

--- Why held calls are not made.
M.not_the_end = {
  reason = 'ambiguous',
  message = 'this call could be a quotation, for it is not all of the answer',
}

--- Adds calls to those that wait.
---   kind 'chain': blocks without closing tags; they count once the chain is closed.
---   kind 'tail':  calls that count only if nothing follows them; with `fence` as all of a fence.
---@param kind 'chain'|'tail'
---@param raw string what stood in the answer
---@param calls venice.ToolCall[]
function Answer:hold(kind, raw, calls)
  local held = self.held or { raw = '', calls = {} }
  held.kind = kind
  held.raw = held.raw .. raw
  for _, call in ipairs(calls) do
    call.raw = raw
    held.calls[#held.calls + 1] = call
  end
  self.held = held
end

--- The held calls count.
function Answer:release_calls()
  local held = self.held
  self.held = nil
  self:add_calls(held.calls, held.raw)
end

--- The held calls will not be made: their text is shown.
---@param err { reason: string, message: string }|nil
function Answer:release_text(err)
  local held = self.held
  self.held = nil
  if #held.calls > 0 then
    self:show_refused(err or M.not_the_end, held.raw)
  else
    self:add_text(held.raw)
  end
end

--- How many bytes are not judged yet.
---@return integer
function Answer:held_size()
  return #self.buffer + (self.held and #self.held.raw or 0)
end

--- Reads a block from here on.
---@param tag string the tag that opens it, at the start of the buffer
function Answer:open_block(tag)
  self:take(#tag)
  self.opener = tag
  self.scanner = scan.new(tag)
  self.mode = 'block'
end

return M
