-- Bodies whose arguments stand between tags, with values that are not escaped:
--   NAME <arg_key>k</arg_key><arg_value>v</arg_value> …      GLM's own form
--   <function=NAME><parameter=k>v</parameter> … </function>  Qwen Coder's
--   NAME, then key and value on lines of their own           GLM when it loses its tags
--
-- A value is what its parameter says: text stays the text it is, with its indentation (one line
-- break at each end belongs to the tags); only other types are read as JSON. GLM loses and swaps
-- its tags: a key is then taken where the schema knows it, and a value where a tag ended it. A
-- value that holds such tags can be read in two ways, so it is refused.

local json = require('venice.tools.json')
local schema = require('venice.tools.schema')

local M = {}

local function refuse(reason, words, ...)
  return nil, { reason = reason, message = words:format(...) }
end

-- Patterns like '%s*$' try every blank of a text again; a model may send many.
local function trim(text)
  local first = text:find('%S')
  return first and text:match('^.*%S', first) or ''
end

-- What stands behind the last thing that is not blank.
local function blank_end(text)
  return text:sub(#(text:match('^.*%S') or '') + 1)
end

-- Values -----------------------------------------------------------------------------------------

-- Text that was written as a JSON string, which GLM does against its own template; the second
-- pattern is a string that lost its closing quote.
local function text_value(text)
  if text:find('^".*"$') then
    local decoded = json.decode(text)
    return type(decoded) == 'string' and decoded or text
  end
  return text:match('^"([^"\n]+)$') or text
end

local function value_of(tool, key, text)
  text = text:gsub('^\r?\n', ''):gsub('\r?\n$', '')
  local declared = tool.properties[key]
  if schema.is_text(declared) then
    return text_value(text)
  end
  local value = json.decode(text)
  if value == nil then
    return refuse('type', '%s.%s: this value is not what the argument takes', tool.name, key)
  end
  return value
end

-- Sets an argument; nil and why not.
local function set(tool, arguments, key, text)
  if arguments[key] ~= nil then
    return refuse('duplicate', '%s.%s stands twice', tool.name, key)
  end
  local value, err = value_of(tool, key, text)
  if value == nil then
    return nil, err
  end
  arguments[key] = value
  return true
end

local function ambiguous(tool)
  return refuse('ambiguous', '%s: the arguments can be read in more than one way', tool.name)
end

-- Lines ------------------------------------------------------------------------------------------

-- Key and value on alternating lines. Every key must be one that the tool declares.
local function read_lines(tool, arguments, text)
  local lines = {}
  local first_break = blank_end(text):find('\r?\n')
  if first_break then
    text = text:sub(1, #text - #blank_end(text) + first_break - 1)
  end
  for line in (text .. '\n'):gmatch('([^\n]*)\n') do
    lines[#lines + 1] = line:gsub('\r$', '')
  end
  if #lines == 0 or #lines % 2 == 1 then
    return ambiguous(tool)
  end
  for i = 1, #lines, 2 do
    local key = trim(lines[i])
    if tool.properties[key] == nil or lines[i + 1]:find('</?arg_') then
      return ambiguous(tool)
    end
    local ok, err = set(tool, arguments, key, lines[i + 1])
    if not ok then
      return nil, err
    end
  end
  return true
end

-- Tags -------------------------------------------------------------------------------------------

---@class venice.Segment
---@field text string
---@field before string|nil the tag before it
---@field behind string|nil the tag behind it

local function segments_of(body)
  local segments, position, before = {}, 1, nil
  while true do
    local first, last, tag = body:find('(</?arg_%a+>)', position)
    while first and tag:find('^</?arg_key>$') == nil and tag:find('^</?arg_value>$') == nil do
      first, last, tag = body:find('(</?arg_%a+>)', last + 1)
    end
    local text = body:sub(position, first and first - 1)
    segments[#segments + 1] = { text = text, before = before, behind = tag }
    if not first then
      return segments
    end
    position, before = last + 1, tag
  end
end

-- `key "value"`, `key":"value"`, `key: 10`, `key word`: a key and its value that lost the tags
-- between them. Text without quotes is one word: where more of it stands, it may have lost more.
-- Where no tag ended the value (`is_open`), it must have its end in itself.
local function split_joined(tool, text, is_open)
  local key, rest = text:match('^%s*"?([%w_.-]+)(.*)$')
  if not key or tool.properties[key] == nil then
    return nil
  end
  local value = rest:match('^"?%s*[:=]%s*(".*)$') or rest:match('^%s+(".*)$')
  if value then
    value = trim(value)
    local quotes = select(2, value:gsub('"', ''))
    local is_cut = quotes == 1 and not value:find('\n')
    if (is_cut and not is_open) or type(json.decode(value)) == 'string' then
      return key, value
    end
    return nil
  end
  value = rest:match('^"?%s*[:=]%s*(%S+)%s*$') or rest:match('^%s+(%S+)%s*$')
  local is_text = schema.is_text(tool.properties[key])
  if value and not (is_text and (is_open or value:find('["{}:=,]'))) then
    return key, value
  end
end

local function is_key_place(segment)
  return segment.before == '<arg_key>' or segment.behind == '</arg_key>'
end

-- Reads the value that a key waits for.
local function read_value(tool, arguments, key, segment)
  if segment.before ~= '<arg_value>' then
    return ambiguous(tool)
  elseif segment.behind ~= '</arg_value>' then
    -- The end of the block ended it: believed only if the answer ends there too.
    if segment.behind ~= nil or not segment.text:find('%S') then
      return ambiguous(tool)
    end
    arguments.doubtful = true
  end
  return set(tool, arguments.values, key, segment.text)
end

-- Reads a segment where a key is due. Returns the key that now waits for its value, or true.
local function read_key(tool, arguments, segment)
  local key = trim(segment.text)
  if is_key_place(segment) then
    if tool.properties[key] ~= nil then
      return key
    elseif
      segment.before == '<arg_key>'
      and segment.behind == '</arg_key>'
      and key:find('^[%w_.-]+$')
    then
      return key
    end
  end
  local is_open = segment.behind ~= '</arg_value>' and segment.behind ~= '</arg_key>'
  if segment.before == '<arg_key>' or segment.before == '<arg_value>' then
    local joined, value = split_joined(tool, segment.text, is_open)
    if joined then
      local ok, err = set(tool, arguments.values, joined, value)
      return ok, err
    end
  end
  if not is_open and (segment.before == nil or segment.before == '<arg_key>') then
    return read_lines(tool, arguments.values, segment.text)
  end
  return ambiguous(tool)
end

local function is_blank(segment)
  if segment.before == '<arg_value>' and segment.behind == '</arg_value>' then
    return false
  end
  return not segment.text:find('%S')
end

local function read_segments(tool, body)
  local arguments = { values = json.decode('{}'), doubtful = nil }
  local waiting
  for _, segment in ipairs(segments_of(body)) do
    local ok, err = true, nil
    if waiting and not (is_blank(segment) and segment.before ~= '<arg_value>') then
      ok, err = read_value(tool, arguments, waiting, segment)
      waiting = nil
    elseif not is_blank(segment) then
      ok, err = read_key(tool, arguments, segment)
      waiting = type(ok) == 'string' and ok or nil
    end
    if not ok then
      return nil, err
    end
  end
  if waiting then
    return refuse('arguments', '%s.%s has no value', tool.name, waiting)
  end
  return arguments
end

local function finish(tool, arguments)
  local call, err = require('venice.tools.calls').make(tool, arguments.values)
  if call and arguments.doubtful then
    call.doubtful = true
  end
  return call, err
end

--- Reads what follows the name of a tool: tagged arguments, or lines.
---@param tool venice.Tool
---@param body string with the line break behind the name
---@return table|nil call
---@return venice.Invalid|nil
function M.read(tool, body)
  local arguments, err
  if body:find('</?arg_key>') or body:find('</?arg_value>') then
    arguments, err = read_segments(tool, (body:gsub('^%s+', '')))
  else
    local text = body:match('^[ \t]*\r?\n(.*)$')
    if not text then
      return ambiguous(tool)
    end
    arguments = { values = json.decode('{}') }
    -- Without a line break at its end the last value may go on behind the closing tag.
    arguments.doubtful = not blank_end(text):find('\n', 1, true)
    local ok
    ok, err = read_lines(tool, arguments.values, text)
    arguments = ok and arguments
  end
  if not arguments then
    return nil, err
  end
  return finish(tool, arguments)
end

--- Reads `<function=NAME><parameter=key>value</parameter></function>`.
---@param declared table from schema.compile
---@param body string
---@return table|nil call
---@return venice.Invalid|nil
function M.read_function(declared, body)
  local name, position = body:match('^%s*<function=([%w_.-]+)>()')
  local tool = declared.by_name[name]
  if not name then
    return refuse('malformed', 'the function has no name')
  elseif not tool then
    return refuse('unknown_tool', 'there is no tool called "%s"', name:sub(1, 64))
  end
  local values = json.decode('{}')
  while true do
    local key, at = body:match('^%s*<parameter=([%w_.-]+)>()', position)
    if not key then
      break
    end
    local first, last = body:find('</parameter>', at, true)
    local text = body:sub(at, first and first - 1)
    if not first or text:find('<parameter=', 1, true) or text:find('</function>', 1, true) then
      return ambiguous(tool)
    end
    local ok, err = set(tool, values, key, text)
    if not ok then
      return nil, err
    end
    position = last + 1
  end
  if not body:find('^%s*</function>%s*$', position) then
    return ambiguous(tool)
  end
  return finish(tool, { values = values })
end

return M
