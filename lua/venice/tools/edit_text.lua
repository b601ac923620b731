-- A replacement in a text → which lines change, and what stands there then. Pure.

local errors = require('venice.errors')

local M = {}

---@class venice.LineChange
---@field first integer 1-based
---@field last integer first - 1 where lines are only put in
---@field lines string[] that stand there instead

local function count(text, piece)
  local found, position = 0, 1
  while found < 100 do
    local first = text:find(piece, position, true)
    if not first then
      break
    end
    -- Occurrences may overlap: then it is not said which one is meant.
    found, position = found + 1, first + 1
  end
  return found
end

-- The lines of a text; the line break at its end ends the last one.
local function split(text)
  local lines = {}
  for line in text:gmatch('([^\n]*)\n') do
    lines[#lines + 1] = line
  end
  local rest = text:match('[^\n]*$')
  if rest ~= '' or #lines == 0 then
    lines[#lines + 1] = rest
  end
  return lines
end

local function bad(words, ...)
  return nil, errors.new('bad_request', words:format(...))
end

-- The text behind the change.
local function replace(text, old, new)
  if old == '' then
    if text:find('%S') then
      return bad('old_text is empty, but the file is not; give the text to replace')
    end
    return new
  end
  local found = count(text, old)
  if found == 0 then
    return bad('old_text does not stand in the file; read the file and copy the text exactly')
  elseif found > 1 then
    local times = found < 100 and tostring(found) or 'many'
    return bad('old_text stands in the file %s times; add lines around it', times)
  end
  local first, last = text:find(old, 1, true)
  return text:sub(1, first - 1) .. new .. text:sub(last + 1)
end

--- Finds the lines that a replacement changes.
---@param text string of the file; line breaks are \n
---@param old string
---@param new string
---@return venice.LineChange|nil
---@return venice.Error|nil
function M.change(text, old, new)
  old, new = old:gsub('\r\n', '\n'), new:gsub('\r\n', '\n')
  if new:find('%z') then
    return bad('new_text cannot hold a NUL')
  end
  local after, err = replace(text, old, new)
  if not after then
    return nil, err
  end
  local before_lines, after_lines = split(text), split(after)
  local shorter = math.min(#before_lines, #after_lines)
  local front, back = 0, 0
  while front < shorter and before_lines[front + 1] == after_lines[front + 1] do
    front = front + 1
  end
  while
    back < shorter - front
    and before_lines[#before_lines - back] == after_lines[#after_lines - back]
  do
    back = back + 1
  end
  if front == #before_lines and front == #after_lines then
    return bad('new_text changes nothing')
  end
  local lines = {}
  for i = front + 1, #after_lines - back do
    lines[#lines + 1] = after_lines[i]
  end
  return { first = front + 1, last = #before_lines - back, lines = lines }
end

return M
