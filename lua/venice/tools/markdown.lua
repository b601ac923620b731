-- Whether the end of a text stands inside Markdown code or a quotation: a call there is shown, not
-- meant. Reads bytes as they come and remembers only where the line is.

local M = {}

---@class venice.MarkdownState
local State = {}
State.__index = State

--- The state at the beginning of a text.
---@return venice.MarkdownState
function M.new()
  local self = setmetatable({}, State)
  self:new_line()
  return self
end

--- A line begins.
function State:new_line()
  self.indent, self.run, self.run_byte = 0, 0, nil
  -- 'indent' → 'run' (of ` or ~ at the start of a line) → 'rest'
  self.place = 'indent'
  self.rest_blank, self.rest_ticks = true, false
  self.is_quotation = false
  -- The number of backticks that opened code within this line, and those read at the moment.
  self.inline, self.ticks = 0, 0
end

-- A line is complete: did it open or close a fence?
local function end_line(self)
  if self.run >= 3 then
    if not self.fence_byte then
      if not (self.run_byte == '`' and self.rest_ticks) then
        self.fence_byte, self.fence_length = self.run_byte, self.run
      end
    elseif
      self.run_byte == self.fence_byte
      and self.run >= self.fence_length
      and self.rest_blank
    then
      self.fence_byte = nil
    end
  end
  self:new_line()
end

local function end_ticks(self)
  if self.ticks > 0 then
    if self.inline == 0 then
      self.inline = self.ticks
    elseif self.inline == self.ticks then
      self.inline = 0
    end
    self.ticks = 0
  end
end

local function read(self, byte)
  if byte == '\n' then
    end_line(self)
    return
  end
  if self.place == 'indent' then
    if byte == ' ' and self.indent < 3 then
      self.indent = self.indent + 1
      return
    elseif byte == '`' or byte == '~' then
      self.place, self.run_byte = 'run', byte
    else
      self.place = 'rest'
      self.is_quotation = byte == '>'
    end
  end
  if self.place == 'run' and byte == self.run_byte then
    self.run = self.run + 1
  else
    self.place = 'rest'
    self.rest_blank = self.rest_blank and byte:find('%s') ~= nil
    self.rest_ticks = self.rest_ticks or byte == '`'
  end
  if byte == '`' then
    self.ticks = self.ticks + 1
  else
    end_ticks(self)
  end
end

--- Reads on.
---@param text string
function State:feed(text)
  for byte in text:gmatch('.') do
    read(self, byte)
  end
end

--- Whether what follows is inside a fence, inline code or a quotation.
---@return boolean
function State:in_code()
  if self.fence_byte or self.is_quotation or self.run >= 3 then
    return true
  end
  local open = self.inline
  if self.ticks > 0 then
    open = open == 0 and self.ticks or (open == self.ticks and 0 or open)
  end
  return open > 0
end

return M
