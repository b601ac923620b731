-- The beginning of an answer, where a call may stand without tags, or tagged in a fence: it counts
-- only if it is all of the answer. Each function is a mode of the parser: it takes what it can from
-- the buffer and says whether to go on.

local answer = require('venice.tools.answer')
local forms = require('venice.tools.forms')
local scan = require('venice.tools.scan')

local M = {}

-- Names with which the JSON of a call can begin.
local first_members = {}
for name in
  ([[name tool tool_name function type id call_id tool_call_id arguments parameters args input
  params tool_calls calls invocations]]):gmatch('%S+')
do
  first_members[name] = true
end

-- A call shows itself within so many bytes.
local MAX_HEAD = 128

-- Whether JSON that begins so can still be a call. nil: more text is needed.
local function may_be_call(text)
  local head = text:sub(1, MAX_HEAD)
  local undecided = nil
  if #text >= MAX_HEAD then
    undecided = false
  end
  local inner = head:match('^%[%s*(.*)$') or head
  if inner == '' or inner:find('^{%s*$') then
    return undecided
  end
  local name, quote = inner:match('^{%s*"([%w_]*)(.?)')
  if quote == '' then
    return undecided
  end
  return quote == '"' and first_members[name] == true
end

-- More is not the first line of a fence around a call.
local MAX_FENCE = 32

-- At the start, a fence may be all that surrounds a call. nil: more text is needed.
local function fence_at_start(text)
  local line = text:match('^```[%w_]*[ \t]*\r?\n')
  if line then
    return #line <= MAX_FENCE and line
  elseif #text > MAX_FENCE then
    return false
  elseif ('```'):sub(1, #text) == text or text:find('^```[%w_]*[ \t]*\r?$') then
    return nil
  end
  return false
end

local function leave_start(self)
  if self.held then
    self:release_text()
  end
  self.mode = 'text'
  return true
end

--- Nothing but blanks and the first line of a fence was read.
---@param self venice.ToolAnswer
---@return boolean
function M.start(self)
  if not self.held then
    self:add_text(self:take(#self.buffer:match('^%s*')))
    if self.buffer:sub(1, 1) == '`' then
      local head = fence_at_start(self.buffer)
      if head == nil then
        return false
      elseif not head then
        return leave_start(self)
      end
      self:hold('tail', self:take(#head), {})
      self.held.fence = true
    end
  end
  if self.held then
    self.held.raw = self.held.raw .. self:take(#self.buffer:match('^%s*'))
  end
  if self.buffer == '' then
    return self:held_size() > answer.MAX_HELD and leave_start(self)
  elseif self.buffer:find('^[{%[]') then
    self.mode, self.scanner = 'json', scan.value()
    return true
  elseif self.held and self.buffer:sub(1, 1) == '<' then
    local tag, partial = scan.tag_at(self.buffer, 1, answer.openers)
    if tag then
      self:open_block(tag)
      return true
    elseif partial then
      return false
    end
  end
  return leave_start(self)
end

-- An answer that is JSON but no call: its strings are data, so tags in them are none.
local function leave_json(self)
  if self.held then
    self:release_text()
  end
  self.mode = 'json_text'
  local inner = self.buffer:match('^%[%s*(.*)$') or self.buffer
  if not inner:find('^{%s*"') then
    self.mode, self.scanner = 'text', nil
  else
    self.scanner = scan.value()
  end
  return true
end

--- Within JSON that may be a call.
---@param self venice.ToolAnswer
---@return boolean
function M.json(self)
  if may_be_call(self.buffer) == false then
    return leave_json(self)
  end
  local what = self.scanner:run(self.buffer)
  if not what then
    return self:held_size() > answer.MAX_HELD and leave_json(self) or false
  end
  local length = self.scanner.position - 1
  local calls, err
  if self:held_size() - #self.buffer + length <= answer.MAX_HELD then
    local value, code = require('venice.tools.json').decode(self.buffer:sub(1, length))
    if value ~= nil then
      calls, err = forms.from_value(self.declared, value)
    elseif code == 'duplicate' then
      err = { reason = 'duplicate', message = 'a member stands twice' }
    end
  end
  if calls then
    self.scanner = nil
    self:hold('tail', self:take(length), calls)
    self.held.is_json = true
    self.mode = 'tail'
    return true
  end
  -- Untagged JSON is an answer rather than a call, unless it names a declared tool.
  local is_answer = not err or err.reason == 'not_a_call' or err.reason == 'unknown_tool'
  local raw = self.buffer:sub(1, length)
  leave_json(self)
  if not is_answer then
    self:add_refused(err, raw)
  end
  return true
end

--- Within JSON that is none.
---@param self venice.ToolAnswer
---@return boolean
function M.json_text(self)
  local what = self.scanner:run(self.buffer)
  local length = math.min(self.scanner.position - 1, #self.buffer)
  self:add_text(self:take(length))
  self.scanner:forget(length)
  if what then
    self.scanner, self.mode = nil, 'text'
  end
  return what ~= nil
end

--- Behind calls that count only if nothing follows them.
---@param self venice.ToolAnswer
---@return boolean
function M.tail(self)
  local held = self.held
  held.raw = held.raw .. self:take(#self.buffer:match('^%s*'))
  if self.buffer == '' and self:held_size() <= answer.MAX_HELD then
    return false
  end
  if self.buffer ~= '' and held.fence and not held.closed then
    if self.buffer:find('^```') then
      held.raw, held.closed = held.raw .. self:take(3), true
      return true
    elseif self.buffer == '`' or self.buffer == '``' then
      return false
    end
    local tag, partial = scan.tag_at(self.buffer, 1, answer.openers)
    if tag and not held.is_json then
      self:open_block(tag)
      return true
    elseif partial then
      return false
    end
  end
  self:release_text()
  self.mode = 'text'
  return true
end

return M
