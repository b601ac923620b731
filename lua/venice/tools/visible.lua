-- Values of a call as a user reads them before saying yes: what is seen is what is meant. Text
-- stands between quotes, as in a program: a line break is \n, and what would not be seen, or would
-- turn the text around, is written as its code.

local hidden = require('venice.hidden')
local utf8 = require('venice.tools.utf8')

local M = {}

local short = { ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t', ['"'] = '\\"', ['\\'] = '\\\\' }

-- A character as it is shown, and whether that is not the character itself.
local function show(char)
  if short[char] then
    return short[char], true
  elseif #char == 1 then
    local byte = char:byte()
    if byte < 0x20 or byte == 0x7F then
      return ('\\u{%x}'):format(byte), true
    elseif byte >= 0x80 then
      return ('\\x%02x'):format(byte), true
    end
    return char, false
  end
  local code = hidden.code(char)
  if hidden.is_hidden(code) then
    return ('\\u{%x}'):format(code), true
  end
  return char, false
end

-- The characters of a text; a byte that is not UTF-8 is one of its own.
local function characters(text)
  local position = 1
  return function()
    if position > #text then
      return nil
    end
    local char = text:match('^[\1-\127%z]', position)
    if not char then
      char = text:match('^[\194-\244][\128-\191]+', position)
      char = char and char:sub(1, char:byte() < 0xE0 and 2 or char:byte() < 0xF0 and 3 or 4)
      char = char and utf8.is_utf8(char) and char or text:sub(position, position)
    end
    position = position + #char
    return char
  end
end

---@class venice.VisiblePiece
---@field [1] string
---@field [2] boolean|nil it is the code of something

local function add(line, words, is_code)
  local last = line[#line]
  if last and (last[2] or false) == is_code then
    last[1] = last[1] .. words
  else
    line[#line + 1] = { words, is_code or nil }
  end
end

--- A text between quotes, on as many lines as it needs. A new line begins behind each \n, and where
--- the width is used up.
---@param text string
---@param width integer of a line, in cells
---@return venice.VisiblePiece[][] lines, each of pieces; `is_cut` is set on a line that the next
---  one continues for want of room
function M.quoted(text, width)
  local line, used = {}, 1
  local lines = { line }
  add(line, '"', false)
  local pending = false
  for char in characters(text) do
    local words, is_code = show(char)
    local cells = is_code and #words or vim.fn.strdisplaywidth(words)
    local is_full = used + cells > width
    if pending or is_full then
      line.is_cut = not pending or nil
      line, used = {}, 0
      lines[#lines + 1] = line
    end
    add(line, words, is_code)
    used, pending = used + cells, char == '\n'
  end
  add(line, '"', false)
  return lines
end

return M
