-- What callers give to a request: wrong types raise, wrong values are an error to be told later.

local compat = require('venice.compat')
local errors = require('venice.errors')

local check = compat.check

local M = {}

-- What a request may have beside model, messages and pins; C checks the values.
local params = {}
for name in
  ([[temperature top_p min_p top_k max_tokens max_completion_tokens seed frequency_penalty
  presence_penalty repetition_penalty reasoning_effort reasoning]]):gmatch('%S+')
do
  params[name] = true
end

--- The handlers of chat(), each a function. Raises.
---@param handlers table|nil
---@return table
function M.handlers(handlers)
  check('handlers', handlers, 'table', true, 4)
  for name, handler in pairs(handlers or {}) do
    check(tostring(name), handler, 'function', false, 4)
  end
  return handlers or {}
end

--- Whether this may be the id of a model. Another type raises.
---@param model any
---@return venice.Error|nil
function M.model(model)
  check('model', model, 'string', false, 4)
  if model == '' or model:find('%z') then
    return errors.new('config', 'this is not the id of a model', 'see :Venice model')
  end
end

--- Whether these are messages that can be sent. Types raise; a member that would not be sent is
--- refused rather than dropped.
---@param messages any
---@return venice.Error|nil
function M.messages(messages)
  check('messages', messages, 'table', false, 4)
  if #messages == 0 or not compat.islist(messages) then
    return errors.new('config', 'messages must be a list with at least one message')
  end
  for i, message in ipairs(messages) do
    local where = ('messages[%d]'):format(i)
    check(where, message, 'table', false, 4)
    check(where .. '.role', message.role, 'string', false, 4)
    check(where .. '.content', message.content, 'string', false, 4)
    check(where .. '.tool_call_id', message.tool_call_id, 'string', true, 4)
    for name in pairs(message) do
      if name ~= 'role' and name ~= 'content' and name ~= 'tool_call_id' then
        local words = ('%s.%s cannot be sent encrypted'):format(where, tostring(name))
        return errors.new('config', words, 'a message has role, content and tool_call_id')
      end
    end
    if (message.role .. (message.tool_call_id or '')):find('%z') then
      return errors.new('config', where .. ' holds a NUL in its role or tool_call_id')
    end
  end
end

--- The fields of a request as the options that the library takes.
---@param request table
---@return table|nil options, venice.Error|nil
function M.split(request)
  local options = { params = vim.empty_dict() }
  for name, value in pairs(request) do
    if params[name] then
      options.params[name] = value
    elseif name == 'venice_parameters' or name == 'pins' then
      options[name] = value
    elseif name ~= 'model' and name ~= 'messages' then
      local words = ('%s is not part of an encrypted request'):format(tostring(name))
      return nil, errors.new('config', words, 'see :help venice-library for what is')
    end
  end
  return options
end

return M
