-- JSON as a model writes it, read so that nothing is guessed: a member that stands twice, a number
-- that Lua cannot hold, text that is not UTF-8 and anything behind a limit are errors. One repair:
-- a raw line break or tab inside a string is taken as itself, for models write code that way.
--
-- Objects and arrays stay distinguishable when empty, and null is a value of its own; the decoders
-- that Neovim brings know none of this about duplicates.

local utf8 = require('venice.tools.utf8')

local M = {}

M.MAX_DEPTH = 32

--- JSON's null. Tools never see it: schema.lua drops members that are null.
M.null = setmetatable({}, {
  __tostring = function()
    return 'null'
  end,
})

-- Which tables were written as arrays, and which as objects.
local shapes = setmetatable({}, { __mode = 'k' })

local function new_object()
  -- So that vim.json.encode writes {} for an empty one.
  local object = vim and vim.empty_dict and vim.empty_dict() or {}
  shapes[object] = 'object'
  return object
end

local function new_array()
  local array = {}
  shapes[array] = 'array'
  return array
end

--- 'object', 'array', 'string', 'number', 'boolean' or 'null'.
---@param value any
---@return string|nil
function M.kind(value)
  if value == M.null or type(value) == 'userdata' then
    return 'null'
  end
  if type(value) ~= 'table' then
    return type(value)
  end
  if shapes[value] then
    return shapes[value]
  end
  local size = 0
  for _ in pairs(value) do
    size = size + 1
  end
  return size > 0 and size == #value and 'array' or 'object'
end

-- Decoding ---------------------------------------------------------------------------------------

-- Ends the decoding; M.decode_at turns it into nil, code.
local function fail(code)
  error({ json = code }, 0)
end

local function utf8_char(code)
  if code < 0x80 then
    return string.char(code)
  elseif code < 0x800 then
    return string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
  elseif code < 0x10000 then
    local high, middle = math.floor(code / 0x1000), math.floor(code / 0x40) % 0x40
    return string.char(0xE0 + high, 0x80 + middle, 0x80 + code % 0x40)
  end
  local top, high = math.floor(code / 0x40000), math.floor(code / 0x1000) % 0x40
  local middle = math.floor(code / 0x40) % 0x40
  return string.char(0xF0 + top, 0x80 + high, 0x80 + middle, 0x80 + code % 0x40)
end

-- stylua: ignore
local escapes = {
  ['"'] = '"', ['\\'] = '\\', ['/'] = '/',
  b = '\b', f = '\f', n = '\n', r = '\r', t = '\t',
}

local function hex4(text, position)
  local digits = text:match('^%x%x%x%x', position)
  return digits and tonumber(digits, 16) or fail('malformed')
end

-- `position` is at the backslash; returns the character and the position behind the escape.
local function read_escape(text, position)
  local letter = text:sub(position + 1, position + 1)
  if escapes[letter] then
    return escapes[letter], position + 2
  elseif letter ~= 'u' then
    fail('malformed')
  end
  local code = hex4(text, position + 2)
  if code < 0xD800 or code > 0xDFFF then
    return utf8_char(code), position + 6
  end
  if code > 0xDBFF or text:sub(position + 6, position + 7) ~= '\\u' then
    fail('malformed')
  end
  local low = hex4(text, position + 8)
  if low < 0xDC00 or low > 0xDFFF then
    fail('malformed')
  end
  return utf8_char(0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00), position + 12
end

-- `position` is behind the opening quote.
local function read_string(text, position)
  local parts = {}
  while true do
    local stop = text:find('["\\%z\1-\8\11\12\14-\31]', position) or fail('malformed')
    parts[#parts + 1] = text:sub(position, stop - 1)
    local byte = text:sub(stop, stop)
    if byte == '"' then
      local whole = table.concat(parts)
      return utf8.is_utf8(whole) and whole or fail('malformed'), stop + 1
    elseif byte ~= '\\' then
      fail('malformed')
    end
    parts[#parts + 1], position = read_escape(text, stop)
  end
end

local function read_number(text, position)
  local digits = text:match('^-?%d+', position) or fail('malformed')
  if digits:find('^-?0%d') then
    fail('malformed')
  end
  local behind = position + #digits
  local fraction = text:match('^%.%d+', behind) or ''
  behind = behind + #fraction
  local exponent = text:match('^[eE][+-]?%d+', behind) or ''
  behind = behind + #exponent
  if text:find('^[%w_.]', behind) then
    fail('malformed')
  end
  local number = tonumber(digits .. fraction .. exponent)
  -- A number that would arrive as another one.
  local is_integer = fraction == '' and exponent == ''
  if number ~= number or math.abs(number) == math.huge then
    fail('number')
  elseif is_integer and math.abs(number) >= 2 ^ 53 then
    fail('number')
  end
  return number, behind
end

local function skip_space(text, position)
  return text:match('^[ \t\r\n]*()', position)
end

local read_value

local function read_object(text, position, depth)
  local object, seen = new_object(), {}
  position = skip_space(text, position)
  if text:sub(position, position) == '}' then
    return object, position + 1
  end
  while true do
    if text:sub(position, position) ~= '"' then
      fail('malformed')
    end
    local name
    name, position = read_string(text, position + 1)
    if seen[name] then
      fail('duplicate')
    end
    seen[name] = true
    position = skip_space(text, position)
    if text:sub(position, position) ~= ':' then
      fail('malformed')
    end
    object[name], position = read_value(text, position + 1, depth)
    position = skip_space(text, position)
    local byte = text:sub(position, position)
    if byte == '}' then
      return object, position + 1
    elseif byte ~= ',' then
      fail('malformed')
    end
    position = skip_space(text, position + 1)
  end
end

local function read_array(text, position, depth)
  local array = new_array()
  position = skip_space(text, position)
  if text:sub(position, position) == ']' then
    return array, position + 1
  end
  while true do
    array[#array + 1], position = read_value(text, position, depth)
    position = skip_space(text, position)
    local byte = text:sub(position, position)
    if byte == ']' then
      return array, position + 1
    elseif byte ~= ',' then
      fail('malformed')
    end
    position = position + 1
  end
end

local words = { { 'true', true }, { 'false', false }, { 'null', M.null } }

function read_value(text, position, depth)
  position = skip_space(text, position)
  local byte = text:sub(position, position)
  if byte == '{' or byte == '[' then
    if depth >= M.MAX_DEPTH then
      fail('depth')
    end
    return (byte == '{' and read_object or read_array)(text, position + 1, depth + 1)
  elseif byte == '"' then
    return read_string(text, position + 1)
  end
  for _, word in ipairs(words) do
    local behind = text:match('^' .. word[1] .. '()', position)
    if behind and not text:find('^[%w_]', behind) then
      return word[2], behind
    end
  end
  return read_number(text, position)
end

--- Reads the one value that stands at a position (behind white space).
---@param text string
---@param position integer
---@return any value nil on failure
---@return integer|string position behind the value; on failure the code: 'malformed', 'duplicate',
---  'number' (Lua cannot hold it) or 'depth'
function M.decode_at(text, position)
  local ok, value, behind = pcall(read_value, text, position, 0)
  if ok then
    return value, behind
  elseif type(value) == 'table' and value.json then
    return nil, value.json
  end
  error(value, 0)
end

--- Reads a text that is one value and nothing else.
---@param text string
---@return any value nil on failure
---@return string|nil code as for decode_at
function M.decode(text)
  local value, behind = M.decode_at(text, 1)
  if value == nil then
    return nil, behind
  elseif skip_space(text, behind) <= #text then
    return nil, 'malformed'
  end
  return value
end

return M
