-- Whether the arguments of a call are what the tool's schema says.

local json = require('venice.tools.json')
local schema_of = require('venice.tools.schema')

local M = {}

local present = schema_of.present

---@class venice.Invalid
---@field reason string
---@field message string

local function invalid(reason, words, ...)
  return { reason = reason, message = words:format(...) }
end

local function same(a, b)
  if json.kind(a) == 'null' or json.kind(b) == 'null' then
    return json.kind(a) == json.kind(b)
  elseif type(a) ~= 'table' or type(b) ~= 'table' then
    return a == b
  end
  for key, value in pairs(a) do
    if b[key] == nil or not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

local function check_type(where, value, schema)
  if not present(schema.type) then
    return
  end
  local kind = json.kind(value)
  local fits = schema_of.allows(schema, kind)
  if kind == 'number' and not fits then
    fits = value == math.floor(value) and schema_of.allows(schema, 'integer')
  end
  if not fits then
    local declared = schema.type
    local expected = type(declared) == 'table' and table.concat(declared, ' or ') or declared
    return invalid('type', '%s: expected %s, got %s', where, expected, kind)
  end
end

local function check_enum(where, value, schema)
  if not present(schema.enum) then
    return
  end
  for _, choice in ipairs(schema.enum) do
    if same(value, choice) then
      return
    end
  end
  return invalid('enum', '%s: not one of the declared values', where)
end

local function check_bounds(where, value, schema)
  local size, low, high, what
  if type(value) == 'number' then
    size, low, high, what = value, schema.minimum, schema.maximum, ''
  elseif type(value) == 'string' then
    -- Characters, not bytes.
    size = select(2, value:gsub('[^\128-\191]', ''))
    low, high, what = schema.minLength, schema.maxLength, ' in length'
  else
    return
  end
  if present(low) and size < low then
    return invalid('limit', '%s: below %s%s', where, tostring(low), what)
  elseif present(high) and size > high then
    return invalid('limit', '%s: above %s%s', where, tostring(high), what)
  end
end

local check_value

local function check_member(where, name, value, schema, warnings)
  local properties = present(schema.properties) and schema.properties or {}
  local inner = properties[name]
  where = where .. '.' .. name
  if inner == nil then
    inner = schema.additionalProperties
    if inner == false then
      return invalid('unknown_argument', '%s: the tool does not have this argument', where)
    elseif type(inner) ~= 'table' then
      if present(schema.properties) then
        warnings[#warnings + 1] = where .. ': the tool does not declare this argument'
      end
      return
    end
  end
  return check_value(where, value, inner, warnings)
end

local function check_object(where, object, schema, warnings)
  for _, name in ipairs(present(schema.required) and schema.required or {}) do
    if object[name] == nil then
      return invalid('required', '%s.%s is missing', where, name)
    end
  end
  local names = {}
  for name in pairs(object) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local err = check_member(where, name, object[name], schema, warnings)
    if err then
      return err
    end
  end
end

-- Decoded values are never deeper than the decoder allows, so this ends.
function check_value(where, value, schema, warnings)
  if schema == false then
    return invalid('type', '%s: the tool takes no value here', where)
  elseif type(schema) ~= 'table' then
    return
  end
  local err = check_type(where, value, schema)
    or check_enum(where, value, schema)
    or check_bounds(where, value, schema)
  if err then
    return err
  end
  local kind = json.kind(value)
  if kind == 'object' then
    return check_object(where, value, schema, warnings)
  elseif kind == 'array' and present(schema.items) then
    for i, item in ipairs(value) do
      err = check_value(('%s[%d]'):format(where, i), item, schema.items, warnings)
      if err then
        return err
      end
    end
  end
end

-- Null that the schema allowed means the same as absent.
local function without_null(value)
  if type(value) ~= 'table' or value == json.null then
    return
  end
  local kind = json.kind(value)
  for key, item in pairs(value) do
    if item == json.null and kind == 'object' then
      value[key] = nil
    else
      without_null(item)
    end
  end
end

--- Judges the arguments of a call. Members that are null, where the schema takes null, are removed.
---@param tool venice.Tool
---@param arguments table an object from json.decode
---@return venice.Invalid|nil
---@return string[] warnings members that the tool does not declare and does not forbid
function M.arguments(tool, arguments)
  local warnings = {}
  if json.kind(arguments) ~= 'object' then
    return invalid('arguments', '%s: the arguments are not an object', tool.name), warnings
  end
  local err = check_value(tool.name, arguments, tool.schema, warnings)
  if not err then
    without_null(arguments)
  end
  return err, warnings
end

return M
