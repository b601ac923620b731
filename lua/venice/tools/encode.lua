-- Writes JSON that a model reads: tool declarations, calls of the history, results. What is written
-- is data, so it cannot close or open a tag of the tool protocol.

local json = require('venice.tools.json')
local utf8 = require('venice.tools.utf8')

local M = {}

-- The tags of the tool protocol: text that we hand to a model as data must not hold them.
local tag_names = { 'tool_call', 'function_call', 'tool_response', 'tools', 'arg_key', 'arg_value' }

local function neutral(text)
  if not text:find('<', 1, true) then
    return text
  end
  return (
    text:gsub('<()', function(behind)
      local name = text:match('^|?/?([%a_]+)', behind)
      for _, tag in ipairs(tag_names) do
        if name == tag then
          return '\\u003c'
        end
      end
    end)
  )
end

local short = { ['"'] = '\\"', ['\\'] = '\\\\', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t' }

local function encode_string(text)
  text = utf8.to_utf8(text):gsub('[%z\1-\31"\\\127]', function(byte)
    return short[byte] or ('\\u%04x'):format(byte:byte())
  end)
  return '"' .. neutral(text) .. '"'
end

local function encode_number(number)
  if number ~= number or math.abs(number) == math.huge then
    error('venice: JSON has no such number: ' .. tostring(number), 0)
  elseif number == math.floor(number) and math.abs(number) <= 2 ^ 53 then
    return ('%.0f'):format(number)
  end
  local brief = ('%.14g'):format(number)
  return tonumber(brief) == number and brief or ('%.17g'):format(number)
end

-- The members that say what something is come first; the rest in the order of the alphabet.
local rank = { id = 1, type = 2, name = 3, description = 4, parameters = 5, arguments = 6 }

local function sorted_names(object)
  local names = {}
  for name in pairs(object) do
    if type(name) ~= 'string' then
      error('venice: a table is neither an object nor an array', 0)
    end
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    local first, second = rank[a] or 9, rank[b] or 9
    if first ~= second then
      return first < second
    end
    return a < b
  end)
  return names
end

-- Members of a schema whose empty Lua table means a list.
local lists = { required = true, enum = true }

local function encode(value, depth, name)
  local kind = json.kind(value)
  if kind == 'string' then
    return encode_string(value)
  elseif kind == 'number' then
    return encode_number(value)
  elseif kind == 'boolean' or kind == 'null' then
    return kind == 'null' and 'null' or tostring(value)
  elseif kind ~= 'object' and kind ~= 'array' then
    error('venice: JSON has no ' .. type(value), 0)
  elseif depth >= json.MAX_DEPTH then
    error('venice: a value is nested too deeply', 0)
  end
  local parts = {}
  if kind == 'array' or (lists[name] and next(value) == nil) then
    for _, item in ipairs(value) do
      parts[#parts + 1] = encode(item, depth + 1)
    end
    return '[' .. table.concat(parts, ',') .. ']'
  end
  for _, member in ipairs(sorted_names(value)) do
    parts[#parts + 1] = encode_string(member) .. ':' .. encode(value[member], depth + 1, member)
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

--- Writes a value on one line: members in a fixed order, bytes that are not UTF-8 replaced, and
--- `<` escaped where a tag of the tool protocol would stand. Raises for what JSON cannot hold.
---@param value any
---@return string
function M.encode(value)
  return encode(value, 0)
end

return M
