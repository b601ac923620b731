-- A compose text for people: in lines, and as a difference. Pure.
--
-- dstack's compose is one JSON object in which the file that Docker gets is one long string. It is
-- broken into lines here without being understood, so that nothing in it can hide: no member is
-- dropped, doubled names stay doubled.

local M = {}

local LARGEST = 1024 * 1024 -- bytes that are shown

-- Where a line ends: after `,` `{` `[` outside of strings, and at \n inside of them.
local function break_up(text)
  local out, in_string, position = {}, false, 1
  local depth, last_break = 0, true
  local function newline()
    out[#out + 1] = '\n' .. ('  '):rep(depth)
    last_break = true
  end
  while position <= #text do
    local char = text:sub(position, position)
    if in_string then
      local plain = text:match('^[^"\\]+', position)
      if plain then
        out[#out + 1] = plain
        position = position + #plain - 1
      elseif char == '\\' then
        local escape = text:sub(position, position + 1)
        out[#out + 1] = escape == '\\n' and '\n' .. ('  '):rep(depth + 1) or escape
        position = position + 1
      else
        out[#out + 1] = char
        in_string = false
      end
      last_break = false
    elseif not (char:find('%s') and last_break) then
      if char:find('[}%]]') then
        depth = math.max(0, depth - 1)
        newline()
      end
      in_string = char == '"'
      last_break = false
      out[#out + 1] = char:find('%s') and ' ' or char
      if char:find('[{%[]') then
        depth = math.min(depth + 1, 20)
        newline()
      elseif char == ',' then
        newline()
      end
    end
    position = position + 1
  end
  return table.concat(out)
end

--- The lines of a compose text, safe for a screen.
---@param text string
---@return string[]
function M.lines(text)
  local printable = require('venice.errors').printable
  text = text:sub(1, LARGEST)
  if text:find('^%s*{') then
    text = break_up(text)
  end
  local lines = {}
  for _, line in ipairs(vim.split(text, '\n', { plain = true })) do
    line = printable((line:gsub('\r$', '')))
    if line:find('%S') then
      lines[#lines + 1] = line
    end
  end
  return lines
end

-- Lines as one text; where both texts have the same lines, differ only in what lines() drops.
local function unified(old, new)
  local diff = vim.text and vim.text.diff or vim.diff
  return diff(old, new, { result_type = 'unified', ctxlen = 3 })
end

--- The difference of two compose texts, in the unified form.
---@param old string
---@param new string
---@return string[] lines
---@return string|nil note what else is to say
function M.diff(old, new)
  local a, b = table.concat(M.lines(old), '\n'), table.concat(M.lines(new), '\n')
  local note
  if old == new then
    return {}, 'the compose text is the same'
  elseif a == b then
    a = require('venice.errors').printable(old)
    b = require('venice.errors').printable(new)
    note = 'only white space or control characters differ'
    if a == b then
      return {}, note
    end
  end
  local lines = vim.split(unified(a .. '\n', b .. '\n'), '\n', { plain = true })
  if lines[#lines] == '' then
    table.remove(lines)
  end
  return lines, note
end

return M
