-- Patterns as in .gitignore, and the rules of such files. Used where git is not there to ask, and
-- for the option that excludes files.

local M = {}

-- A pattern that needs more steps than this is not worth a name.
local MAX_STEPS = 20000

-- `[a-z]` at a position of the pattern: whether a byte is in it, and the position behind it.
local function in_class(pattern, position, byte)
  local at = position + 1
  local negated = pattern:find('^[!^]', at) ~= nil
  if negated then
    at = at + 1
  end
  local found, first = false, true
  while first or pattern:sub(at, at) ~= ']' do
    first = false
    local low = pattern:sub(at, at)
    if low == '\\' then
      at = at + 1
      low = pattern:sub(at, at)
    end
    if low == '' then
      return nil
    end
    local high = pattern:match('^%-([^%]])', at + 1)
    found = found or (byte >= low and byte <= (high or low))
    at = at + (high and 3 or 1)
  end
  return found ~= negated, at + 1
end

-- One path component against one component of a pattern.
local function match_component(pattern, name, steps)
  local p, n, star_p, star_n = 1, 1, nil, nil
  while n <= #name do
    steps.left = steps.left - 1
    if steps.left < 0 then
      return false
    end
    local byte, letter = name:sub(n, n), pattern:sub(p, p)
    local behind
    if letter == '?' then
      behind = p + 1
    elseif letter == '[' then
      local fits, at = in_class(pattern, p, byte)
      behind = (fits and at) or (fits == nil and byte == '[' and p + 1) or nil
    elseif letter == '\\' and p < #pattern then
      behind = pattern:sub(p + 1, p + 1) == byte and p + 2 or nil
    elseif letter == byte and letter ~= '*' then
      behind = p + 1
    end
    if letter == '*' then
      star_p, star_n, p = p, n, p + 1
    elseif behind then
      p, n = behind, n + 1
    elseif star_p then
      star_n = star_n + 1
      p, n = star_p + 1, star_n
    else
      return false
    end
  end
  return pattern:find('^%**$', p) ~= nil
end

local function split(path)
  local parts = {}
  for part in path:gmatch('[^/]+') do
    parts[#parts + 1] = part
  end
  return parts
end

local function match_parts(pattern, p, path, n, steps)
  steps.left = steps.left - 1
  if steps.left < 0 then
    return false
  elseif p > #pattern then
    return n > #path
  elseif pattern[p] == '**' then
    -- At the end it needs something below.
    if p == #pattern then
      return n <= #path
    end
    for at = n, #path do
      if match_parts(pattern, p + 1, path, at, steps) then
        return true
      end
    end
    return false
  end
  return n <= #path
    and match_component(pattern[p], path[n], steps)
    and match_parts(pattern, p + 1, path, n + 1, steps)
end

---@class venice.GlobRule
---@field parts string[]
---@field negated boolean
---@field folders_only boolean

--- A line of a .gitignore file; nil where it is blank or a comment.
---@param line string
---@return venice.GlobRule|nil
function M.rule(line)
  line = line:gsub('\r$', '')
  -- Trailing blanks do not count unless they are escaped.
  while line:find('[^\\][ \t]$') or line:find('^[ \t]$') do
    line = line:sub(1, -2)
  end
  if line == '' or line:sub(1, 1) == '#' then
    return nil
  end
  local negated = line:sub(1, 1) == '!'
  line = negated and line:sub(2) or line
  local folders_only = line:sub(-1) == '/'
  line = folders_only and line:sub(1, -2) or line
  local parts = split(line)
  if #parts == 0 then
    return nil
  elseif #parts == 1 and line:sub(1, 1) ~= '/' and parts[1] ~= '**' then
    table.insert(parts, 1, '**')
  end
  return { parts = parts, negated = negated, folders_only = folders_only }
end

--- The rules of a file's text.
---@param text string
---@return venice.GlobRule[]
function M.rules(text)
  local rules = {}
  for line in (text .. '\n'):gmatch('(.-)\n') do
    rules[#rules + 1] = M.rule(line)
  end
  return rules
end

--- What the last rule that fits says: true excluded, false taken back, nil no rule fits.
---@param rules venice.GlobRule[]
---@param path string relative to the folder of the rules
---@param is_folder boolean
---@return boolean|nil
function M.verdict(rules, path, is_folder)
  local parts = split(path)
  for i = #rules, 1, -1 do
    local rule = rules[i]
    if is_folder or not rule.folders_only then
      if match_parts(rule.parts, 1, parts, 1, { left = MAX_STEPS }) then
        return not rule.negated
      end
    end
  end
end

return M
