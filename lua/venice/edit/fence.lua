-- The code of an answer: what is in its first fenced block, with the habits of models taken back.
-- Pure.

local fences = require('venice.chat.fences')

local M = {}

---@class venice.Code
---@field lines string[]
---@field fenced boolean whether the answer has a block; if not, all of it is the code
---@field closed boolean whether that block has an end
---@field before string[] what is said above the code
---@field after string[] what is said below it

local function is_blank(line)
  return not line:find('%S')
end

--- Lines without the blank ones above and below.
---@param lines string[]
---@param from integer|nil
---@param to integer|nil
---@return string[]
function M.trim(lines, from, to)
  local first, last = from or 1, to or #lines
  while first <= last and is_blank(lines[first]) do
    first = first + 1
  end
  while last >= first and is_blank(lines[last]) do
    last = last - 1
  end
  return vim.list_slice(lines, first, last)
end

-- A Markdown text in a fence of three backticks has such fences inside. Its blocks open with a word
-- (```lua), which the end of a block never does: so the end is the fence that no such one is open
-- for. Nil where none is left: then it is not that habit.
local function end_with_nested(lines, block)
  local indent, run = lines[block.first]:match('(%s*)([`~]+)[^`~]*$')
  if not run then
    return nil
  end
  local depth = 1
  for i = block.first + 1, #lines do
    local inner, info = lines[i]:match('^%s*([`~]+)%s*(.-)%s*$')
    if inner and #inner >= #run and inner:sub(1, 1) == run:sub(1, 1) then
      if info == '' then
        depth = depth - 1
      elseif #inner == #run and info:find('^[%w_{.]') and not info:find('`') then
        depth = depth + 1
      end
      if depth == 0 then
        return i, #indent
      end
    end
  end
end

local function has_nested(block)
  for _, line in ipairs(block.lines) do
    if line:find('^%s*```+%s*[%w_{.]') or line:find('^%s*~~~+%s*[%w_{.]') then
      return true
    end
  end
end

local function unindent(line, width)
  return line:sub(math.min(#line:match('^ *'), width) + 1)
end

local function widen(lines, block)
  local last, width = end_with_nested(lines, block)
  if not last or last <= block.last then
    return
  end
  block.lines, block.last, block.closed = {}, last, true
  for i = block.first + 1, last - 1 do
    block.lines[#block.lines + 1] = unindent(lines[i], width)
  end
end

--- The code of an answer, or of the part of it that has come.
---@param answer string
---@return venice.Code
function M.code(answer)
  local lines = vim.split(answer, '\n', { plain = true })
  local block = fences.find(lines)[1]
  if not block then
    return { lines = M.trim(lines), fenced = false, closed = true, before = {}, after = {} }
  end
  if has_nested(block) then
    widen(lines, block)
  end
  -- A text that ends with a line feed has no empty line behind it.
  if not block.closed and block.lines[#block.lines] == '' then
    block.lines[#block.lines] = nil
  end
  return {
    lines = block.lines,
    fenced = true,
    closed = block.closed,
    before = M.trim(lines, 1, block.first - 1),
    after = M.trim(lines, block.last + 1, #lines),
  }
end

-- Fitting it to what it replaces ------------------------------------------------------------------

-- What every line begins with that is not blank.
local function common_indent(lines)
  local common
  for _, line in ipairs(lines) do
    if not is_blank(line) then
      local indent = line:match('^[ \t]*')
      while common and indent:sub(1, #common) ~= common do
        common = common:sub(1, -2)
      end
      common = common or indent
    end
  end
  return common or ''
end

local function indented(lines, indent, only_first)
  local result, is_first = {}, true
  for i, line in ipairs(lines) do
    local wanted = not is_blank(line) and (is_first or not only_first)
    result[i] = wanted and indent .. line or line
    is_first = is_first and is_blank(line)
  end
  return result
end

-- How many lines stand in the original too.
local function kept(lines, original)
  local there, count = {}, 0
  for _, line in ipairs(original) do
    there[line] = (there[line] or 0) + 1
  end
  for _, line in ipairs(lines) do
    if not is_blank(line) and (there[line] or 0) > 0 then
      there[line] = there[line] - 1
      count = count + 1
    end
  end
  return count
end

local function first_of(lines)
  for _, line in ipairs(lines) do
    if not is_blank(line) then
      return line
    end
  end
end

-- The indentation that all lines of the original have is often left out: of all lines, or of the
-- first one. Which of it was meant is seen from the lines that the model did not change; where
-- there are none, a first line without it speaks for the whole.
local function fit_indent(lines, original)
  local indent, first = common_indent(original), first_of(lines)
  if indent == '' or not first or common_indent(lines) ~= '' then
    return lines, false
  end
  local candidates = { lines, indented(lines, indent), indented(lines, indent, true) }
  if first:sub(1, #indent) ~= indent then
    candidates[1], candidates[2] = candidates[2], candidates[1]
  end
  local best, most
  for _, candidate in ipairs(candidates) do
    local count = kept(candidate, original)
    if not most or count > most then
      best, most = candidate, count
    end
  end
  return best, best ~= lines
end

local function count_returns(lines)
  local count = 0
  for _, line in ipairs(lines) do
    count = count + (line:sub(-1) == '\r' and 1 or 0)
  end
  return count
end

-- Carriage returns that stand in the buffer (of a file with mixed line ends) are not repeated.
local function fit_returns(lines, original)
  local result, there = {}, {}
  local wanted, given = count_returns(original), count_returns(lines)
  for _, line in ipairs(wanted > 0 and given == 0 and original or {}) do
    there[line] = true
  end
  for i, line in ipairs(lines) do
    if wanted == 0 then
      line = line:gsub('\r$', '')
    elseif given == 0 and not there[line] and (wanted * 2 > #original or there[line .. '\r']) then
      line = line .. '\r'
    end
    result[i] = line
  end
  return result
end

-- Blank lines at the edges of a selection are hardly ever repeated.
local function fit_edges(lines, original)
  local first, last = 0, 0
  while first < #original and is_blank(original[first + 1]) do
    first = first + 1
  end
  while last < #original - first and is_blank(original[#original - last]) do
    last = last + 1
  end
  if first == #original then
    return lines -- There was nothing else.
  end
  local result = {}
  if not is_blank(lines[1]) then
    vim.list_extend(result, original, 1, first)
  end
  vim.list_extend(result, lines)
  if not is_blank(lines[#lines]) then
    vim.list_extend(result, original, #original - last + 1)
  end
  return result
end

--- Fits the code of an answer to the lines that it replaces: their indentation where all of it was
--- left out, their blank lines at the edges, their kind of line ends.
---@param lines string[]
---@param original string[]
---@return string[] lines
---@return boolean was_indented
function M.fit(lines, original)
  if #lines == 0 then
    return lines, false
  end
  local result, was_indented = fit_indent(fit_returns(lines, original), original)
  return fit_edges(result, original), was_indented
end

return M
