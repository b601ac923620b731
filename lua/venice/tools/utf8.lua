-- Text that JSON can carry.

local M = {}

-- One well-formed UTF-8 sequence each; () is the position behind it.
local sequences = {
  '^[\194-\223][\128-\191]()',
  '^\224[\160-\191][\128-\191]()',
  '^[\225-\236\238\239][\128-\191][\128-\191]()',
  '^\237[\128-\159][\128-\191]()',
  '^\240[\144-\191][\128-\191][\128-\191]()',
  '^[\241-\243][\128-\191][\128-\191][\128-\191]()',
  '^\244[\128-\143][\128-\191][\128-\191]()',
}

local function behind_sequence(text, position)
  for _, pattern in ipairs(sequences) do
    local behind = text:match(pattern, position)
    if behind then
      return behind
    end
  end
end

--- Whether a text is UTF-8.
---@param text string
---@return boolean
function M.is_utf8(text)
  local position = text:find('[\128-\255]')
  while position do
    local behind = behind_sequence(text, position)
    if not behind then
      return false
    end
    position = text:find('[\128-\255]', behind)
  end
  return true
end

--- The text with U+FFFD in place of every byte that is not UTF-8.
---@param text string
---@return string
function M.to_utf8(text)
  if M.is_utf8(text) then
    return text
  end
  local parts, from = {}, 1
  local position = text:find('[\128-\255]')
  while position do
    local behind = behind_sequence(text, position)
    if not behind then
      parts[#parts + 1] = text:sub(from, position - 1) .. '\239\191\189'
      behind = position + 1
      from = behind
    end
    position = text:find('[\128-\255]', behind)
  end
  return table.concat(parts) .. text:sub(from)
end

return M
