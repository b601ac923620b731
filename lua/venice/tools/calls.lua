-- One call of one tool, whatever the form was that it came in.

local json = require('venice.tools.json')
local validate = require('venice.tools.validate')

local M = {}

---@class venice.ToolCall
---@field name string
---@field arguments table an object from json.decode, checked against the schema
---@field warnings string[]|nil arguments that the tool does not declare
---@field raw string|nil what stood in the answer

--- nil and why.
---@param reason string
---@param words string a format
---@param ... any
---@return nil, { reason: string, message: string } err
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
---@return nil, { reason: string, message: string } err
function M.refuse_json(code)
  return M.refuse(code == 'duplicate' and code or 'malformed', words_of[code])
end

--- A call of a declared tool with arguments that its schema takes.
---@param tool venice.Tool
---@param arguments table an object from json.decode
---@return venice.ToolCall|nil, { reason: string, message: string }|nil err
function M.make(tool, arguments)
  local err, warnings = validate.arguments(tool, arguments)
  if err then
    return nil, err
  end
  return { name = tool.name, arguments = arguments, warnings = warnings }
end

--- An object for arguments.
---@return table
function M.empty_object()
  return json.decode('{}')
end

--- A call with the only parameter of a tool.
---@param tool venice.Tool
---@param value any
---@return venice.ToolCall|nil, { reason: string, message: string }|nil err
function M.wrap(tool, value)
  local object = M.empty_object()
  object[tool.single] = value
  return M.make(tool, object)
end

--- A call with arguments as they stand in it: an object, that object as JSON in a string, nothing,
--- or the bare value of the only parameter.
---@param tool venice.Tool
---@param value any
---@return venice.ToolCall|nil, { reason: string, message: string }|nil err
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
---@param declared venice.Tools
---@param name string
---@return venice.Tool|nil, { reason: string, message: string }|nil err
function M.find_tool(declared, name)
  local tool = declared.by_name[name]
  if tool then
    return tool
  end
  return M.refuse('unknown_tool', 'there is no tool called "%s"', name:sub(1, 64))
end

--- Whether a text holds anything that could be a second value.
---@param text string
---@return boolean
function M.holds_value(text)
  return text:find('[{%[]') ~= nil
end

return M
