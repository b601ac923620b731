-- Tool calls inside the encrypted channel. The service drops `tools` of an encrypted request, so
-- the declarations go into a system text, the model answers with tagged blocks, and both are
-- sealed like every other text.

local M = {}

--- The system text that declares tools, in the form that a family of models was trained on.
---@param tools table[] `{ type = 'function', ['function'] = { name, description, parameters } }`,
---  or those inner tables
---@param model string|nil id of the model
---@param opts { tool_choice: string|table|nil }|nil 'auto', 'none', 'required', the name of a tool,
---  or `{ type = 'function', ['function'] = { name } }`
---@return string|nil text nil where nothing is to be declared: no tools, or 'none'
function M.prompt(tools, model, opts)
  return require('venice.tools.prompt').build(tools, model, opts)
end

--- A parser for the content of one answer. It never gets reasoning. Run no call before finish().
---@param tools table[] as for prompt()
---@return venice.ToolParser parser with feed(text) and finish(reason), each → venice.ToolEvent[]
function M.parser(tools)
  return require('venice.tools.parser').new(tools)
end

--- The block of a call for the history.
---@param call { id: string, name: string, arguments: table } an event of the parser
---@return string
function M.render_call(call)
  return require('venice.tools.render').call(call)
end

--- The content of a message with role `tool`.
---@param id string
---@param name string
---@param result any
---@return string
function M.render_result(id, name, result)
  return require('venice.tools.render').result(id, name, result)
end

return M
