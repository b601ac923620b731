-- Patterns as in .gitignore, and the rules of such files. Used where git is not there to ask, for
-- the options that exclude files, and for the patterns of a model.
--
-- A pattern is compiled once, the first time it is needed. All that is matched for one path shares
-- one budget of steps, so that no pattern and no number of them holds the editor.

local M = {}

--- Bytes of a pattern; no name needs more.
M.MAX_PATTERN = 256
--- Steps for one path.
M.MAX_STEPS = 20000

-- Compiling ---------------------------------------------------------------------------------------

-- `[a-z]` at a position of the pattern: the bytes that it takes, and the position behind it.
local function compile_class(pattern, position)
  local at = position + 1
  local negated = pattern:find('^[!^]', at) ~= nil
  at = negated and at + 1 or at
  local set, first = {}, true
  while first or pattern:sub(at, at) ~= ']' do
    first = false
    local low = pattern:byte(at)
    if low == 92 then -- a backslash
      at = at + 1
      low = pattern:byte(at)
    end
    if not low then
      return nil -- It does not end: the bracket is a letter like others.
    end
    local high = pattern:match('^%-([^%]])', at + 1)
    for byte = low, high and high:byte() or low do
      set[byte] = true
    end
    at = at + (high and 3 or 1)
  end
  if negated then
    local others = {}
    for byte = 0, 255 do
      others[byte] = not set[byte] or nil
    end
    set = others
  end
  return set, at + 1
end

-- One component as a list of what it takes: a byte, a set of bytes, '?' or '*'.
local function compile_component(pattern)
  if not pattern:find('[%*%?%[\\]') then
    return pattern
  end
  local list, at = {}, 1
  while at <= #pattern do
    local letter = pattern:sub(at, at)
    local set, behind
    if letter == '[' then
      set, behind = compile_class(pattern, at)
    end
    if set then
      list[#list + 1], at = set, behind
    elseif letter == '*' or letter == '?' then
      if letter == '?' or list[#list] ~= '*' then
        list[#list + 1] = letter
      end
      at = at + 1
    else
      if letter == '\\' and at < #pattern then
        at = at + 1
      end
      list[#list + 1], at = pattern:byte(at), at + 1
    end
  end
  return list
end

--- The components of a path.
---@param path string
---@return string[]
function M.split(path)
  local parts = {}
  for part in path:gmatch('[^/]+') do
    parts[#parts + 1] = part
  end
  return parts
end

local function compile(rule)
  local parts = {}
  for _, part in ipairs(M.split(rule.text)) do
    -- Several `**` in a row mean what one means.
    if part ~= '**' or parts[#parts] ~= '**' then
      parts[#parts + 1] = part == '**' and part or compile_component(part)
    end
  end
  if #parts == 1 and parts[1] ~= '**' and not rule.is_rooted then
    table.insert(parts, 1, '**')
  end
  rule.parts = parts
  return parts
end

-- Matching ----------------------------------------------------------------------------------------

-- One component of a path against one of a pattern.
local function match_component(wanted, name, budget)
  if type(wanted) == 'string' then
    budget.left = budget.left - 1
    return wanted == name
  end
  local w, n, star_w, star_n, left = 1, 1, nil, nil, budget.left
  while n <= #name and left >= 0 do
    left = left - 1
    local item = wanted[w]
    if item == '*' then
      star_w, star_n, w = w, n, w + 1
    elseif
      item == '?'
      or item == name:byte(n)
      or (type(item) == 'table' and item[name:byte(n)])
    then
      w, n = w + 1, n + 1
    elseif star_w then
      star_n = star_n + 1
      w, n = star_w + 1, star_n
    else
      budget.left = left
      return false
    end
  end
  budget.left = left
  while wanted[w] == '*' do
    w = w + 1
  end
  return left >= 0 and w > #wanted
end

-- As above, with `**` for the star.
local function match_parts(wanted, parts, last, budget)
  local w, n, star_w, star_n = 1, 1, nil, nil
  while n <= last do
    budget.left = budget.left - 1
    if budget.left < 0 then
      return false
    elseif wanted[w] == '**' then
      if w == #wanted then
        return true -- It needs something below, and there is.
      end
      star_w, star_n, w = w, n, w + 1
    elseif w <= #wanted and match_component(wanted[w], parts[n], budget) then
      w, n = w + 1, n + 1
    elseif star_w then
      star_n = star_n + 1
      w, n = star_w + 1, star_n
    else
      return false
    end
  end
  return w > #wanted
end

local function match(rule, parts, last, budget)
  local wanted = rule.parts or compile(rule)
  if #wanted == 2 and wanted[1] == '**' and wanted[2] ~= '**' then
    -- The name alone decides.
    return match_component(wanted[2], parts[last], budget)
  end
  return match_parts(wanted, parts, last, budget)
end

-- Rules -------------------------------------------------------------------------------------------

---@class venice.GlobRule
---@field text string without its marks
---@field parts table|nil the compiled pattern
---@field negated boolean
---@field folders_only boolean
---@field is_rooted boolean

--- A line of a .gitignore file; nil where it is blank, a comment, or longer than any name.
---@param line string
---@return venice.GlobRule|nil
function M.rule(line)
  local last = #line
  if line:byte(last) == 13 then
    last = last - 1
  end
  -- Trailing blanks do not count unless they are escaped.
  while last > 0 and (line:byte(last) == 32 or line:byte(last) == 9) do
    if line:byte(last - 1) == 92 then
      break
    end
    last = last - 1
  end
  if last == 0 or line:byte(1) == 35 or last > M.MAX_PATTERN then
    return nil
  end
  line = line:sub(1, last)
  local negated = line:sub(1, 1) == '!'
  line = negated and line:sub(2) or line
  local folders_only = line:sub(-1) == '/'
  line = folders_only and line:sub(1, -2) or line
  if not line:find('[^/]') then
    return nil
  end
  return {
    text = line,
    negated = negated,
    folders_only = folders_only,
    is_rooted = line:sub(1, 1) == '/',
  }
end

-- More rules than this are no list that somebody wrote.
local MAX_RULES = 2000

--- The rules of a file's text.
---@param text string
---@return venice.GlobRule[]|nil nil where there are too many
function M.rules(text)
  local rules, count = {}, 0
  for line in (text .. '\n'):gmatch('([^\n]*)\n') do
    count = count + 1
    if count > MAX_RULES then
      return nil
    end
    rules[#rules + 1] = M.rule(line)
  end
  return rules
end

--- A budget for all that is matched for one path.
---@return { left: integer }
function M.budget()
  return { left = M.MAX_STEPS }
end

--- What the last rule that fits says: true excluded, false taken back, nil no rule fits. True where
--- the budget is used up: what cannot be judged is not offered.
---@param rules venice.GlobRule[]
---@param parts string[] components of the path, relative to the folder of the rules
---@param last integer so many of them
---@param is_folder boolean
---@param budget { left: integer }
---@return boolean|nil
function M.verdict(rules, parts, last, is_folder, budget)
  for i = #rules, 1, -1 do
    local rule = rules[i]
    if is_folder or not rule.folders_only then
      local fits = match(rule, parts, last, budget)
      if budget.left < 0 then
        return true
      elseif fits then
        return not rule.negated
      end
    end
  end
end

--- Whether a path, or a folder above it, is what a rule names.
---@param rule venice.GlobRule
---@param path string
---@return boolean
function M.matches(rule, path)
  local parts, budget = M.split(path), M.budget()
  for last = 1, #parts do
    if (last < #parts or not rule.folders_only) and match(rule, parts, last, budget) then
      return true
    end
  end
  return false
end

return M
