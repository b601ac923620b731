-- Calls of tools in an answer that arrives: each is written into the chat as the block that the
-- history has, with its id, and kept to be run when the answer is whole.

local M = {}

---@class venice.Calls
---@field list table[] the calls, in order
local Calls = {}
Calls.__index = Calls

--- A reader of the content of one answer.
---@param declarations table[] of the tools
---@param request venice.Request its turn is told, its _write() gets the text
---@return venice.Calls
function M.new(declarations, request)
  return setmetatable({
    parser = require('venice.tools').parser(declarations),
    request = request,
    list = {},
  }, Calls)
end

function Calls:_write(text)
  if text ~= '' then
    self.has_text = true
    self.ends_line = text:sub(-1) == '\n'
    self.request:_write(text)
  end
end

-- A block has its lines for itself.
function Calls:_call(event)
  local starts_line = not self.has_text or self.ends_line
  self:_write((starts_line and '' or '\n') .. require('venice.tools').render_call(event))
  self.is_behind_call = true
  self.list[#self.list + 1] = event
  self.request.turn.has_calls = true
end

-- What is no call stays text, with a word below the answer.
function Calls:_refuse(event)
  local turn = self.request.turn
  turn.refused = turn.refused or {}
  table.insert(turn.refused, event.message)
  for _, id in ipairs(event.revoked or {}) do
    for _, call in ipairs(self.list) do
      if call.id == id then
        call.revoked = event.message
      end
    end
  end
end

function Calls:_take(events)
  for _, event in ipairs(events) do
    if event.kind == 'text' then
      local breaks = self.is_behind_call and not event.text:find('^\n')
      self.is_behind_call = nil
      self:_write((breaks and '\n' or '') .. event.text)
    elseif event.kind == 'call' then
      self:_call(event)
    else
      self:_refuse(event)
    end
  end
end

--- Reads content, cut anywhere. Reasoning is never given to it.
---@param text string
function Calls:feed(text)
  self:_take(self.parser:feed(text))
end

--- The answer is over.
---@param reason string|nil
function Calls:finish(reason)
  self:_take(self.parser:finish(reason))
end

return M
