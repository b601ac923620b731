-- The hunks between two texts: which lines go, and what comes in their place. Pure.
--
-- A line is a string without its end. A NUL byte is a NUL byte here; Vim's memory has a line feed
-- for it, which is taken for the same.

local compat = require('venice.compat')

local M = {}

---@class venice.Hunk
---@field old_first integer 1-based; where no line goes, the new ones stand before this line
---@field old_count integer
---@field new_first integer
---@field new_lines string[]

-- Patience keeps functions together where the shortest edit would tear them apart; 20,000 lines
-- take it 25 ms, where the histogram algorithm needs 400.
local options = { result_type = 'indices', algorithm = 'patience', indent_heuristic = true }

-- So many lines are looked for in another place by so_far(); a longer run is no accident.
local LONGEST_ACCIDENT = 20

--- Lines as they are told apart here: a NUL is a NUL.
---@param lines string[]
---@return string[] a copy
function M.plain(lines)
  local copy = {}
  for i, line in ipairs(lines) do
    copy[i] = line:find('\n', 1, true) and line:gsub('\n', '\0') or line
  end
  return copy
end

-- Every line gets an end, so that a last one without it is a line like the others.
local function text_of(lines)
  return #lines == 0 and '' or table.concat(M.plain(lines), '\n') .. '\n'
end

--- What turns one list of lines into another, from top to bottom. Two hunks have at least one line
--- between them that stays.
---@param old string[]
---@param new string[]
---@return venice.Hunk[]
function M.between(old, new)
  local hunks = {}
  for i, found in ipairs(compat.diff(text_of(old), text_of(new), options)) do
    local old_first, old_count, new_first, new_count = unpack(found)
    -- Of an empty range the line before is given.
    hunks[i] = {
      old_first = old_count == 0 and old_first + 1 or old_first,
      old_count = old_count,
      new_first = new_count == 0 and new_first + 1 or new_first,
      new_lines = vim.list_slice(new, new_first, new_first + new_count - 1),
    }
  end
  return hunks
end

local function same_run(lines, a, b, count)
  for i = 0, count - 1 do
    if lines[a + i] ~= lines[b + i] then
      return false
    end
  end
  return true
end

--- The hunks while the new text is still on its way: old lines that it has not reached are left
--- alone.
---@param old string[]
---@param new string[] complete lines
---@return venice.Hunk[] hunks
---@return integer reached so many of the old lines are done with
function M.so_far(old, new)
  local hunks = M.between(old, new)
  local last = hunks[#hunks]
  if not last then
    return hunks, #old
  end
  local behind = last.old_first + last.old_count
  local run = #old - behind + 1
  local reached = #old
  if run == 0 then
    last.old_count, reached = 0, last.old_first - 1
  elseif run <= LONGEST_ACCIDENT then
    -- The newest lines may be any `end` or blank line, not the very last ones.
    for first = last.old_first, behind - 1 do
      if same_run(old, first, behind, run) then
        last.old_count, reached = first - last.old_first, first + run - 1
        break
      end
    end
  end
  if last.old_count == 0 and #last.new_lines == 0 then
    hunks[#hunks] = nil
  end
  return hunks, reached
end

-- Within a line -----------------------------------------------------------------------------------

local function is_inside_character(text, position)
  local byte = text:byte(position)
  return byte ~= nil and byte >= 0x80 and byte < 0xC0
end

--- The part in which two lines differ, as bytes: from `first` to `old_last` of the one, to
--- `new_last` of the other. Nil where they have too little in common.
---@param old string
---@param new string
---@return integer|nil first 1-based
---@return integer old_last
---@return integer new_last
function M.inner(old, new)
  local shorter = math.min(#old, #new)
  local front, back = 0, 0
  while front < shorter and old:byte(front + 1) == new:byte(front + 1) do
    front = front + 1
  end
  while
    front > 0 and (is_inside_character(old, front + 1) or is_inside_character(new, front + 1))
  do
    front = front - 1
  end
  while back < shorter - front and old:byte(#old - back) == new:byte(#new - back) do
    back = back + 1
  end
  while back > 0 and is_inside_character(old, #old - back + 1) do
    back = back - 1
  end
  local common = #old:sub(1, front):gsub('%s', '') + #old:sub(#old - back + 1):gsub('%s', '')
  if common * 3 < #old:gsub('%s', '') then
    return nil, 0, 0
  end
  return front + 1, #old - back, #new - back
end

return M
