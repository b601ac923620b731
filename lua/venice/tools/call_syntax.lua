-- Calls that look like code: name({…}), name{key: "value"}, name(key: "value"). Keys are taken only
-- where the schema knows them, and values are JSON. What is of another language (key="value") is
-- refused: what its strings mean would be a guess.

local calls = require('venice.tools.calls')
local json = require('venice.tools.json')

local M = {}

local closing = { ['('] = ')', ['{'] = '}' }

-- key: value or "key": value, up to the closing bracket. Values are JSON.
local function read_pairs(body, position, close)
  local object = calls.empty_object()
  position = body:match('^%s*()', position)
  if body:sub(position, position) == close then
    return object, position + 1
  end
  while true do
    local name, at = body:match('^%s*"?([%a_][%w_.-]*)"?%s*:()', position)
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

-- f({…}): one object in the brackets.
local function read_object(body, position)
  local object, behind = json.decode_at(body, position)
  if object == nil then
    return nil, behind
  end
  behind = body:match('^%s*%)()', behind)
  return behind and object, behind or 'several'
end

--- Reads what follows the name of a tool.
---@param tool venice.Tool
---@param body string
---@param position integer of the opening bracket
---@return table|nil call
---@return venice.Invalid|nil
function M.read(tool, body, position)
  local open = body:sub(position, position)
  local read = open == '(' and body:find('^%s*{', position + 1) and read_object or read_pairs
  local object, behind = read(body, position + 1, closing[open])
  if not object and behind ~= 'several' then
    return calls.refuse_json(behind)
  elseif not object or body:find(open == '(' and '%S' or '[{%[(]', behind) then
    return calls.refuse('ambiguous', 'there is more in this block than one call')
  end
  return only_declared(tool, object)
end

return M
