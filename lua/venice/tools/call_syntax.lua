-- Calls that look like code: name({…}), name{key: "value"}, name(key="value"). Keys are taken only
-- where the schema knows them, and values are JSON.

local calls = require('venice.tools.calls')
local json = require('venice.tools.json')

local M = {}

local closing = { ['('] = ')', ['{'] = '}' }

-- key: value, key = value or "key": value, up to the closing bracket. Values are JSON.
local function read_pairs(body, position, close)
  local object = calls.empty_object()
  position = body:match('^%s*()', position)
  if body:sub(position, position) == close then
    return object, position + 1
  end
  while true do
    local name, at = body:match('^%s*"?([%a_][%w_.-]*)"?%s*[:=]()', position)
    if not name or object[name] ~= nil then
      return nil, name and 'duplicate' or 'malformed'
    end
    object[name], position = json.decode_at(body, at)
    if object[name] == nil then
      return nil, position
    end
    local byte
    byte, position = body:match('^%s*(.)()', position)
    if byte == close then
      return object, position
    elseif byte ~= ',' then
      return nil, 'malformed'
    end
  end
end

local function only_declared(tool, object)
  for name in pairs(object) do
    if tool.properties[name] == nil then
      local words = '%s.%s: the tool does not have this argument'
      return calls.refuse('unknown_argument', words, tool.name, name)
    end
  end
  return calls.make(tool, object)
end

-- f({…}) and f("only parameter"): one JSON value in the brackets.
local function from_bracketed_value(tool, body, position)
  local value, behind = json.decode_at(body, position)
  if value == nil then
    return calls.refuse_json(behind)
  end
  behind = body:match('^%s*%)()', behind)
  if not behind or calls.holds_value(body:sub(behind)) then
    return calls.refuse('ambiguous', 'there are two values in one block')
  elseif json.kind(value) == 'object' then
    return only_declared(tool, value)
  elseif json.kind(value) == 'string' and tool.single then
    return calls.wrap(tool, value)
  end
  return calls.with(tool, value)
end

--- Reads what follows the name of a tool.
---@param tool venice.Tool
---@param body string
---@param position integer of the opening bracket
---@return table|nil call
---@return venice.Invalid|nil
function M.read(tool, body, position)
  local open = body:sub(position, position)
  if open == '(' and body:find('^%s*[{%["%d-]', position + 1) then
    -- "key": … begins with a quote as well, and is read as pairs.
    if not body:find('^%s*"[%w_.-]*"%s*[:=]', position + 1) then
      return from_bracketed_value(tool, body, position + 1)
    end
  end
  local object, behind = read_pairs(body, position + 1, closing[open])
  if not object then
    return calls.refuse_json(behind)
  elseif calls.holds_value(body:sub(behind)) then
    return calls.refuse('ambiguous', 'there are two values in one block')
  end
  return only_declared(tool, object)
end

return M
