-- One call of one tool, whatever the form was that it came in.

local json = require('venice.tools.json')
local validate = require('venice.tools.validate')

local M = {}

--- nil and why.
---@param reason string
---@param words string a format
function M.refuse(reason, words, ...)
  return nil, { reason = reason, message = select('#', ...) > 0 and words:format(...) or words }
end

local words_of = {
  malformed = 'this is not JSON',
  duplicate = 'a member stands twice',
  number = 'a number that cannot be held exactly',
  depth = 'the JSON is nested too deeply',
}

--- nil and why, from a code of json.lua.
---@param code string
function M.refuse_json(code)
  return M.refuse(code == 'duplicate' and code or 'malformed', words_of[code])
end

--- A call of a declared tool with arguments that its schema takes.
---@param tool venice.Tool
---@param arguments table an object from json.decode
function M.make(tool, arguments)
  local err, warnings = validate.arguments(tool, arguments)
  if err then
    return nil, err
  end
  return { name = tool.name, arguments = arguments, warnings = warnings }
end

--- An object for arguments.
function M.empty_object()
  return json.decode('{}')
end

--- A call with the only parameter of a tool.
function M.wrap(tool, value)
  local object = M.empty_object()
  object[tool.single] = value
  return M.make(tool, object)
end

--- A call with arguments as they stand in it: an object, that object as JSON in a string, nothing,
--- or the bare value of the only parameter.
function M.with(tool, value)
  if type(value) == 'string' and value:find('^%s*{') then
    local decoded, code = json.decode(value)
    if decoded ~= nil then
      value = decoded
    elseif code == 'duplicate' then
      return M.refuse_json(code)
    end
  end
  if value == nil or value == json.null or value == '' then
    return M.make(tool, M.empty_object())
  elseif json.kind(value) == 'object' then
    return M.make(tool, value)
  elseif tool.single then
    return M.wrap(tool, value)
  end
  return M.refuse('arguments', '%s: the arguments are not an object', tool.name)
end

--- The tool of a name.
function M.find_tool(declared, name)
  local tool = declared.by_name[name]
  if tool then
    return tool
  end
  return M.refuse('unknown_tool', 'there is no tool called "%s"', name:sub(1, 64))
end

--- Whether a text holds anything that could be a second value.
---@param text string
function M.holds_value(text)
  return text:find('[{%[]') ~= nil
end

return M
