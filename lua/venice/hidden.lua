-- Characters that deceive who reads a text: blanks that are none, letters without ink, marks that
-- turn the direction around or change the shape of others; and words that mix scripts whose letters
-- look alike. This list is the only one here: diffs, questions, notices and headers all use it.
-- What the library says is made safe by the list of csrc/base/screen.c, a part of this one.

local M = {}

-- From, to.
-- stylua: ignore
local ranges = {
  { 0x80, 0xA0 }, -- C1 controls, no-break space
  { 0xAD, 0xAD }, -- soft hyphen
  { 0x1C3, 0x1C3 }, -- a letter that looks like !
  { 0x34F, 0x34F }, -- grapheme joiner
  { 0x37E, 0x37E }, -- a question mark that looks like ;
  { 0x600, 0x605 }, { 0x61C, 0x61C }, { 0x6DD, 0x6DD }, { 0x70F, 0x70F }, { 0x890, 0x891 },
  { 0x8E2, 0x8E2 }, { 0x115F, 0x1160 }, { 0x1680, 0x1680 },
  { 0x17B4, 0x17B5 }, { 0x180B, 0x180F },
  { 0x2000, 0x200F }, -- blanks, zero width, direction
  { 0x2028, 0x202F }, { 0x205F, 0x206F },
  { 0x2800, 0x2800 }, -- Braille without dots
  { 0x3000, 0x3000 }, { 0x3164, 0x3164 },
  { 0xE000, 0xF8FF }, -- private use: the font decides
  { 0xFDD0, 0xFDEF }, { 0xFE00, 0xFE0F }, { 0xFEFF, 0xFEFF }, { 0xFFA0, 0xFFA0 },
  { 0xFFF0, 0xFFFC }, { 0xFFFE, 0xFFFF },
  { 0x110BD, 0x110BD }, { 0x110CD, 0x110CD }, { 0x13430, 0x1345F }, { 0x16FE4, 0x16FE4 },
  { 0x1BCA0, 0x1BCA3 }, { 0x1D159, 0x1D159 }, { 0x1D173, 0x1D17A },
  { 0xE0000, 0x10FFFF }, -- tags, variation selectors, private use
}

local names = {
  [0xA0] = 'no-break space',
  [0xAD] = 'soft hyphen',
  [0x1C3] = 'a letter like !',
  [0x34F] = 'combining grapheme joiner',
  [0x37E] = 'a question mark like ;',
  [0x200B] = 'zero width space',
  [0x200C] = 'zero width non-joiner',
  [0x200D] = 'zero width joiner',
  [0x2060] = 'word joiner',
  [0x2800] = 'braille blank',
  [0x3000] = 'ideographic space',
  [0x3164] = 'hangul filler',
  [0xFEFF] = 'zero width no-break space',
  [0xFFA0] = 'half-width hangul filler',
}

-- stylua: ignore
local kinds = {
  { 0x80, 0x9F, 'control character' }, { 0x115F, 0x1160, 'hangul filler' },
  { 0x2000, 0x200A, 'blank' }, { 0x200E, 0x200F, 'direction mark' },
  { 0x61C, 0x61C, 'direction mark' }, { 0x202A, 0x202E, 'direction mark' },
  { 0x2066, 0x2069, 'direction mark' }, { 0x202F, 0x202F, 'no-break space' },
  { 0xE000, 0xF8FF, 'private character' }, { 0xFE00, 0xFE0F, 'variation selector' },
  { 0xE0000, 0xE007F, 'tag character' }, { 0xE0100, 0xE01EF, 'variation selector' },
}

--- The number of a character.
---@param char string one well-formed sequence
---@return integer
function M.code(char)
  local first = char:byte()
  if first < 0x80 then
    return first
  end
  local code = first < 0xE0 and first % 0x20 or first < 0xF0 and first % 0x10 or first % 0x08
  for i = 2, #char do
    code = code * 0x40 + char:byte(i) % 0x40
  end
  return code
end

--- Whether a character is on the list.
---@param code integer
---@return boolean
function M.is_hidden(code)
  for _, range in ipairs(ranges) do
    if code <= range[2] then
      return code >= range[1]
    end
  end
  return false
end

-- What is known about characters that were met, so that a text costs one look at each.
local known, count = {}, 0

local function facts(char)
  local entry = known[char]
  if entry == nil then
    local code = M.code(char)
    entry = M.is_hidden(code) and ('<U+%04X>'):format(code) or false
    if count > 4096 then
      known, count = {}, 0
    end
    known[char], count = entry, count + 1
  end
  return entry
end

-- A symbol that a variation selector may follow: an emoji is no part of a name.
local function is_symbol(code)
  return (code >= 0x2190 and code <= 0x2BFF and code ~= 0x2800)
    or code == 0x203C
    or code == 0x2049
    or (code >= 0x1F000 and code <= 0x1FAFF)
end

local MULTIBYTE = '[\194-\244][\128-\191][\128-\191]?[\128-\191]?'

-- Calls `visit(first, last, shown, code)` for each character that is on the list.
local function each_hidden(text, visit)
  local at, before = 1, nil
  while true do
    local first, last = text:find(MULTIBYTE, at)
    if not first then
      return
    end
    local byte = text:byte(first)
    local size = byte < 0xE0 and 2 or byte < 0xF0 and 3 or 4
    last = math.min(last, first + size - 1)
    local char = text:sub(first, last)
    local shown = #char == size and facts(char)
    if shown then
      local code = M.code(char)
      local is_emoji = (code == 0xFE0E or code == 0xFE0F)
        and first > 1
        and before
        and before.last == first - 1
        and is_symbol(M.code(before.char))
      if not is_emoji then
        visit(first, last, shown, code)
      end
    end
    before = { char = char, last = last }
    at = last + 1
  end
end

--- Whether a text holds a character of the list.
---@param text string
---@return boolean
function M.has(text)
  if not text:find('[\194-\244]') then
    return false
  end
  local found = false
  each_hidden(text, function()
    found = true
  end)
  return found
end

---@class venice.Revealed
---@field text string
---@field spans { [1]: integer, [2]: integer }[] bytes of the codes in it, from (0-based), to
---@field at fun(position: integer): integer where a byte (0-based) of the text is in it now

--- A text with each character of the list drawn as its code: <U+200B>.
---@param text string
---@return venice.Revealed|nil nil where there is none
function M.reveal(text)
  if not text:find('[\194-\244]') then
    return nil
  end
  local parts, spans, moves, from, size = {}, {}, {}, 1, 0
  each_hidden(text, function(first, last, shown)
    parts[#parts + 1] = text:sub(from, first - 1)
    parts[#parts + 1] = shown
    size = size + first - from
    spans[#spans + 1] = { size, size + #shown }
    size, from = size + #shown, last + 1
    moves[#moves + 1] = { last, size - last }
  end)
  if #spans == 0 then
    return nil
  end
  parts[#parts + 1] = text:sub(from)
  return {
    text = table.concat(parts),
    spans = spans,
    at = function(position)
      local by = 0
      for _, move in ipairs(moves) do
        if move[1] > position then
          break
        end
        by = move[2]
      end
      return position + by
    end,
  }
end

--- A text as reveal() draws it.
---@param text string
---@return string
function M.shown(text)
  local revealed = M.reveal(text)
  return revealed and revealed.text or text
end

local function name_of(code)
  if names[code] then
    return names[code]
  end
  for _, kind in ipairs(kinds) do
    if code >= kind[1] and code <= kind[2] then
      return kind[3]
    end
  end
  return 'not seen'
end

local MAX_NAMED = 6

--- The characters of the list that some lines hold, named: "<U+200B> zero width space, …".
---@param lines string[]
---@return string|nil
function M.named(lines)
  local words, seen, more = {}, {}, 0
  for _, line in ipairs(lines) do
    if line:find('[\194-\244]') then
      each_hidden(line, function(_, _, shown, code)
        if not seen[code] then
          seen[code] = true
          if #words < MAX_NAMED then
            words[#words + 1] = ('%s %s'):format(shown, name_of(code))
          else
            more = more + 1
          end
        end
      end)
    end
  end
  if more > 0 then
    words[#words + 1] = ('%d more'):format(more)
  end
  return #words > 0 and table.concat(words, ', ') or nil
end

-- Scripts -----------------------------------------------------------------------------------------

-- Those whose letters look like Latin ones.
-- stylua: ignore
local scripts = {
  { 0xC0, 0x24F, 'Latin' }, { 0x250, 0x2AF, 'phonetic' }, { 0x370, 0x3FF, 'Greek' },
  { 0x400, 0x52F, 'Cyrillic' }, { 0x530, 0x58F, 'Armenian' }, { 0x13A0, 0x13FF, 'Cherokee' },
  { 0x1C80, 0x1C8F, 'Cyrillic' }, { 0x1D00, 0x1DBF, 'phonetic' }, { 0x1E00, 0x1EFF, 'Latin' },
  { 0x1F00, 0x1FFF, 'Greek' }, { 0x2C60, 0x2C7F, 'Latin' }, { 0x2C80, 0x2CFF, 'Coptic' },
  { 0x2DE0, 0x2DFF, 'Cyrillic' }, { 0xA4D0, 0xA4FF, 'Lisu' }, { 0xA640, 0xA69F, 'Cyrillic' },
  { 0xA720, 0xA7FF, 'Latin' }, { 0xAB30, 0xAB6F, 'Latin' }, { 0xAB70, 0xABBF, 'Cherokee' },
  { 0xFF21, 0xFF5A, 'full-width' }, { 0x10400, 0x1044F, 'Deseret' }, { 0x1D400, 0x1D7FF, 'math' },
}

local function script_of(code)
  for _, script in ipairs(scripts) do
    if code <= script[2] then
      return code >= script[1] and script[3] or nil
    end
  end
end

---@class venice.MixedWord
---@field first integer byte (0-based)
---@field last integer the byte behind it
---@field word string
---@field scripts string for reading: "Latin and Cyrillic"

--- The words of a text that mix scripts whose letters look alike.
---@param text string
---@return venice.MixedWord[]
function M.mixed(text)
  local list = {}
  if not text:find('[\195-\244]') then
    return list
  end
  for first, word, behind in text:gmatch('()([%w_\194-\244\128-\191]+)()') do
    if word:find('[\195-\244]') then
      local found, order = {}, {}
      local function note(script)
        if script and not found[script] then
          found[script], order[#order + 1] = true, script
        end
      end
      for char in word:gmatch('[%z\1-\127\194-\244][\128-\191]*') do
        local code = M.code(char)
        note(code < 0x80 and char:find('%a') and 'Latin' or code >= 0x80 and script_of(code) or nil)
      end
      if #order > 1 then
        local entry = { first = first - 1, last = behind - 1, word = word }
        entry.scripts = table.concat(order, ' and ')
        list[#list + 1] = entry
      end
    end
  end
  return list
end

return M
