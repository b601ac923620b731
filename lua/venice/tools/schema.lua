-- The declared tools, and whether the arguments of a call are what a tool declared.
--
-- The part of JSON Schema that tools use: type (also a list of types), properties, required,
-- additionalProperties, enum, items, minimum, maximum, minLength, maxLength. Other keywords are
-- ignored. A schema that is itself wrong raises: it is the plugin author's, not the model's.

local M = {}

local MAX_DEPTH = 16

local types = {}
for name in ('string number integer boolean object array null'):gmatch('%a+') do
  types[name] = true
end

--- Whether a keyword is there. vim.NIL is not: the tools may have been decoded by Neovim.
---@param value any
---@return boolean
function M.present(value)
  return value ~= nil and type(value) ~= 'userdata'
end

local present = M.present

local function wrong(where, expected)
  error(('venice: %s: expected %s'):format(where, expected), 0)
end

local check_schema

local function check_types(where, declared)
  for _, name in ipairs(type(declared) == 'table' and declared or { declared }) do
    if not types[name] then
      wrong(where .. '.type', 'a type of JSON')
    end
  end
end

local function check_members(where, schema, depth)
  if present(schema.properties) then
    if type(schema.properties) ~= 'table' then
      wrong(where .. '.properties', 'a table')
    end
    for name, property in pairs(schema.properties) do
      check_schema(where .. '.' .. tostring(name), property, depth + 1)
    end
  end
  if present(schema.required) then
    if type(schema.required) ~= 'table' then
      wrong(where .. '.required', 'a list of names')
    end
    for _, name in ipairs(schema.required) do
      if type(name) ~= 'string' then
        wrong(where .. '.required', 'a list of names')
      end
    end
  end
  if present(schema.additionalProperties) then
    check_schema(where .. '.additionalProperties', schema.additionalProperties, depth + 1)
  end
end

function check_schema(where, schema, depth)
  if type(schema) == 'boolean' then
    return
  elseif type(schema) ~= 'table' then
    wrong(where, 'a schema')
  elseif depth > MAX_DEPTH then
    wrong(where, 'a schema that is not nested so deeply')
  end
  if present(schema.type) then
    check_types(where, schema.type)
  end
  check_members(where, schema, depth)
  if present(schema.items) then
    check_schema(where .. '.items', schema.items, depth + 1)
  end
  if present(schema.enum) and type(schema.enum) ~= 'table' then
    wrong(where .. '.enum', 'a list')
  end
  for _, bound in ipairs({ 'minimum', 'maximum', 'minLength', 'maxLength' }) do
    if present(schema[bound]) and type(schema[bound]) ~= 'number' then
      wrong(where .. '.' .. bound, 'a number')
    end
  end
end

---@class venice.Tool
---@field name string
---@field definition table the function object as it was declared
---@field schema table of its arguments
---@field properties table<string, table>
---@field single string|nil the name of its only parameter

---@param where string
---@param tool any
---@return venice.Tool
local function compile(where, tool)
  if type(tool) ~= 'table' then
    wrong(where, 'a table')
  end
  local definition = type(tool['function']) == 'table' and tool['function'] or tool
  local name = definition.name
  if type(name) ~= 'string' or not name:find('^[%w_.-]+$') or #name > 128 then
    wrong(where .. '.name', 'letters, digits, _ . and -')
  end
  local schema = present(definition.parameters) and definition.parameters or {}
  if type(schema) ~= 'table' then
    wrong(where .. '.parameters', 'a schema')
  end
  check_schema(where .. '.parameters', schema, 0)
  local properties = present(schema.properties) and schema.properties or {}
  local single = next(properties)
  if single ~= nil and next(properties, single) ~= nil then
    single = nil
  end
  return {
    name = name,
    definition = definition,
    schema = schema,
    properties = properties,
    single = single,
  }
end

---@class venice.Tools
---@field list venice.Tool[]
---@field by_name table<string, venice.Tool>

--- Reads the declared tools: a list of `{ type = 'function', ['function'] = { name, description,
--- parameters } }` or of those inner tables. Raises where one is not a tool.
---@param tools table[]|nil
---@return venice.Tools
function M.compile(tools)
  local declared = { list = {}, by_name = {} }
  if not present(tools) then
    return declared
  elseif type(tools) ~= 'table' or (next(tools) ~= nil and #tools == 0) then
    wrong('tools', 'a list of tools')
  end
  for i, tool in ipairs(tools) do
    local compiled = compile(('tools[%d]'):format(i), tool)
    if declared.by_name[compiled.name] then
      error(('venice: two tools are called %s'):format(compiled.name), 0)
    end
    declared.list[i] = compiled
    declared.by_name[compiled.name] = compiled
  end
  return declared
end

--- Whether a schema says that a value may be of a type.
---@param schema table|boolean|nil
---@param name string
---@return boolean|nil allowed nil where the schema does not say
function M.allows(schema, name)
  if type(schema) ~= 'table' or not present(schema.type) then
    return nil
  end
  for _, declared in ipairs(type(schema.type) == 'table' and schema.type or { schema.type }) do
    if declared == name then
      return true
    end
  end
  return false
end

--- Whether a parameter takes text: it says string, or every value that it may have is one. Where
--- a schema says nothing, text is the reading that changes nothing.
---@param schema table|boolean|nil
---@return boolean
function M.is_text(schema)
  local allowed = M.allows(schema, 'string')
  if allowed ~= nil then
    return allowed
  end
  for _, value in ipairs(type(schema) == 'table' and present(schema.enum) and schema.enum or {}) do
    if type(value) ~= 'string' then
      return false
    end
  end
  return true
end

return M
