-- The size of a result: counted as the model gets it, in bytes of JSON.

local compat = require('venice.compat')
local encode = require('venice.tools.encode')
local utf8 = require('venice.tools.utf8')

local M = {}

--- The bytes that a value takes in a result.
---@param value any
---@return integer
function M.size(value)
  return #encode.encode(value)
end

--- A list as a member of a result: nil where it is empty, for the model gets a note then.
---@param list table
---@return table|nil
function M.list(list)
  return #list > 0 and list or nil
end

-- The first bytes of a text, without half of a character at the end.
local function prefix(text, length)
  return text:sub(1, compat.character_end(text, 1, length))
end

-- The last bytes, without half of a character at the beginning.
local function suffix(text, length)
  return (text:sub(-length):gsub('^[\128-\191]+', ''))
end

local function cut_with(text, limit, part)
  local length = math.min(#text, limit)
  while length > 0 do
    local piece = part(text, length)
    local size = M.size(piece)
    if size <= limit then
      return piece
    end
    length = math.min(length - 1, math.floor(length * limit / size))
  end
  return ''
end

--- The beginning of a text that fits.
---@param text string
---@param limit integer
---@return string
---@return boolean is_cut
function M.head(text, limit)
  -- What is longer than the limit is so in JSON as well: it is cut first, converted then.
  local is_long = #text > limit
  text = utf8.to_utf8(is_long and prefix(text, limit) or text)
  if not is_long and #text <= limit and M.size(text) <= limit then
    return text, false
  end
  return cut_with(text, limit, prefix), true
end

--- The beginning and the end of a text that is too long, with a line between them that says so:
--- for output, where the end says how it went.
---@param text string
---@param limit integer at least some 200
---@return string
---@return boolean is_cut
function M.both_ends(text, limit)
  local length = #text
  if length <= limit then
    text = utf8.to_utf8(text)
    if #text <= limit and M.size(text) <= limit then
      return text, false
    end
  end
  local room = limit - 80
  -- As above: cut first.
  local head, tail = utf8.to_utf8(prefix(text, room)), utf8.to_utf8(suffix(text, room))
  local first = cut_with(head, math.floor(room / 3), prefix)
  local last = cut_with(tail, math.floor(room * 2 / 3), suffix)
  local left_out = math.max(length - #first - #last, 0)
  return ('%s\n[… %d bytes left out …]\n%s'):format(first, left_out, last), true
end

return M
