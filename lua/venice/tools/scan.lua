-- Finds the end of a block that opened with a tag, while it arrives. Tags inside JSON strings, and
-- inside the values of a tagged body, are data.
--
-- A scanner remembers where it stopped, so that an answer costs the same however it is cut.

local M = {}

--- Opening tag → closing tag.
M.tags = {
  ['<tool_call>'] = '</tool_call>',
  ['<function_call>'] = '</function_call>',
  ['<|tool_call|>'] = '<|/tool_call|>',
}

--- The tag of a list that stands at a position.
---@param text string
---@param position integer
---@param tags string[]
---@return string|nil tag
---@return boolean partial the text ends within a tag of the list
function M.tag_at(text, position, tags)
  local rest, partial = #text - position + 1, false
  for _, tag in ipairs(tags) do
    if rest >= #tag then
      if text:sub(position, position + #tag - 1) == tag then
        return tag, false
      end
    elseif text:sub(position) == tag:sub(1, rest) then
      partial = true
    end
  end
  return nil, partial
end

---@class venice.ToolScanner
---@field position integer where to go on in the text
---@field mode 'start'|'json'|'string'|'plain'|'tagged'|'value'
---@field first_close integer|nil where a closing tag stood inside a value
---@field private tags string[]
---@field private close string
local Scanner = {}
Scanner.__index = Scanner

local value_tags = { ['<arg_value>'] = '</arg_value>', ['<parameter='] = '</parameter>' }
local tagged_openers = { '<arg_key>', '</arg_key>', '<arg_value>', '</arg_value>' }
tagged_openers[5], tagged_openers[6] = '<function=', '<parameter='

--- A scanner for what follows an opening tag.
---@param opener string
---@return venice.ToolScanner
function M.new(opener)
  local close = M.tags[opener]
  local tags = { close }
  for tag in pairs(M.tags) do
    tags[#tags + 1] = tag
  end
  return setmetatable(
    { position = 1, mode = 'start', depth = 0, tags = tags, close = close },
    Scanner
  )
end

--- A scanner for one JSON value that begins with a bracket, whatever tags it holds.
---@return venice.ToolScanner
function M.value()
  return setmetatable({ position = 1, mode = 'json', depth = 0, tags = {} }, Scanner)
end

--- At `<`: what ends the block, or how to go on. 'wait' where the text ends too early.
---@param text string
---@param position integer
---@return 'close'|'open'|'on'|'wait'
---@return string|nil tag
function Scanner:at_tag(text, position)
  local tag, partial = M.tag_at(text, position, self.tags)
  if tag then
    self.position = position
    return tag == self.close and 'close' or 'open', tag
  end
  if self.mode == 'start' or self.mode == 'tagged' then
    local inner, inner_partial = M.tag_at(text, position, tagged_openers)
    if inner then
      self.mode = value_tags[inner] and 'value' or 'tagged'
      self.value_close = value_tags[inner]
      self.position = position + #inner
      return 'on'
    end
    partial = partial or inner_partial
  end
  if partial then
    self.position = position
    return 'wait'
  end
  self.position = position + 1
  return 'on'
end

local steps = {}

-- Before the body has shown what it is: JSON, a call like f(…), or a name with tags or lines.
function steps.start(self, text)
  local position = text:find('[<{%[%(]', self.position)
  if not position then
    self.position = #text + 1
    return 'wait'
  end
  -- What stands before the first bracket is complete, so this is found once.
  if self.name_end == nil then
    self.name_end = text:match('^%s*[%w_.-]+()') or 0
    self.below_name = text:match('^[ \t]*\r?\n%s*()%S', self.name_end) or position
    self.behind_name = self.name_end > 0 and text:match('^%s*()', self.name_end)
  end
  -- A name on a line and text below it: lines, in which brackets and quotes mean nothing.
  if self.below_name < position then
    self.mode = 'plain'
    return 'on'
  elseif text:sub(position, position) == '<' then
    return self:at_tag(text, position)
  elseif text:sub(position, position) == '(' and self.behind_name ~= position then
    self.position = position + 1
    return 'on'
  end
  self.mode, self.position = 'json', position
  return 'on'
end

function steps.json(self, text)
  local position = text:find('["<{}%[%]()]', self.position)
  if not position then
    self.position = #text + 1
    return 'wait'
  end
  local byte = text:sub(position, position)
  if byte == '<' then
    return self:at_tag(text, position)
  end
  self.position = position + 1
  if byte == '"' then
    self.mode = 'string'
  elseif byte:find('[{%[(]') then
    self.depth = self.depth + 1
  else
    self.depth = self.depth - 1
    if self.depth <= 0 then
      self.mode = 'plain'
      return 'value'
    end
  end
  return 'on'
end

function steps.string(self, text)
  local position = text:find('["\\]', self.position)
  if not position then
    self.position = #text + 1
    return 'wait'
  elseif text:sub(position, position) == '"' then
    self.mode, self.position = 'json', position + 1
    return 'on'
  elseif position == #text then
    self.position = position
    return 'wait'
  end
  self.position = position + 2
  return 'on'
end

local function to_next_tag(self, text)
  local position = text:find('<', self.position, true)
  if not position then
    self.position = #text + 1
    return 'wait'
  end
  return self:at_tag(text, position)
end

steps.plain = to_next_tag
steps.tagged = to_next_tag

-- Inside <arg_value> only its own end counts.
function steps.value(self, text)
  local position = text:find('<', self.position, true)
  if not position then
    self.position = #text + 1
    return 'wait'
  end
  local tag, partial = M.tag_at(text, position, { self.value_close, self.close })
  if partial then
    self.position = position
    return 'wait'
  end
  self.position = position + (tag and #tag or 1)
  if tag == self.value_close then
    self.mode = 'tagged'
  elseif tag then
    self.first_close = self.first_close or position
  end
  return 'on'
end

--- Goes on through a text, which begins where it began before.
---@param text string
---@return 'close'|'open'|'value'|nil what ended: nil where more text is needed, 'value' where the
---  brackets of a JSON value closed (then self.position is behind it)
---@return integer|nil first
---@return integer|nil behind
function Scanner:run(text)
  while true do
    local what, tag = steps[self.mode](self, text)
    if what == 'close' or what == 'open' then
      return what, self.position, self.position + #tag
    elseif what == 'value' then
      if #self.tags == 0 then
        return what
      end
    elseif what == 'wait' then
      return nil
    end
  end
end

--- The text up to self.position was given away; what is left begins at 1.
---@param length integer
function Scanner:forget(length)
  self.position = self.position - length
  if self.mode == 'start' then
    self.mode = 'plain'
  end
end

return M
