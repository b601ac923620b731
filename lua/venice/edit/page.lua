-- The lines of a review, as data: what is written where, and how it is coloured. Pure.

local compat = require('venice.compat')
local errors = require('venice.errors')
local hidden = require('venice.hidden')
local hunks = require('venice.edit.hunks')

local M = {}

local CONTEXT = 3 -- lines around a hunk

local rule = ('─'):rep(400)

---@class venice.Page
---@field lines venice.PageLine[]
---@field folds { first: integer, last: integer }[] rows, 1-based
---@field hunks { first: integer, must: integer, change: integer, last: integer }[] rows of each
---  hunk, its header first; must: to here it begins with what must be known; change: its last line
---  that goes or comes
---@field words integer|nil the first row of what must be known before something is accepted

---@class venice.PageLine
---@field text string
---@field group string|nil of the whole line
---@field spans { [1]: integer, [2]: integer, [3]: string }[]|nil bytes from, to (0-based), group
---@field rule boolean|nil a rule is drawn behind it

---@class venice.PageModel
---@field title string
---@field keys string[] what can be done
---@field words { text: string, group: string }[] what must be known
---@field sections { summary: string, lines: string[] }[] shown closed
---@field anchor venice.Anchor
---@field hunks venice.Hunk[]
---@field states { text: string, group: string }[]|nil by hunk; none while text is on its way
---@field places (integer|nil)[]|nil rows of the hunks now
---@field first integer the line number of the range
---@field reached integer|nil so many old lines are compared, where text is still on its way

local function count(number, word)
  return ('%d %s%s'):format(number, word, number == 1 and '' or 's')
end
M.count = count

-- A line that is longer than this is shown on several: the end of one that is longer than the
-- window could never be seen.
local MAX_LINE = 1000
-- Within lines that are longer than this it is not shown what differs.
local MAX_INNER = 20000

-- Writes a line of a text: what deceives is drawn as its code, words that mix scripts are marked.
local function put(lines, sign, text, group, span)
  local revealed = hidden.reveal(text)
  local at = revealed and revealed.at or function(position)
    return position
  end
  local spans = span and { { at(span[1]), at(span[2]), span[3] } } or {}
  for _, code in ipairs(revealed and revealed.spans or {}) do
    spans[#spans + 1] = { code[1], code[2], 'VeniceWarn' }
  end
  for _, word in ipairs(hidden.mixed(text)) do
    spans[#spans + 1] = { at(word.first), at(word.last), 'VeniceWarn' }
  end
  text = revealed and revealed.text or text
  local from, prefix = 1, sign
  repeat
    local stop, mine = compat.character_end(text, from, math.min(from + MAX_LINE - 1, #text)), {}
    for _, other in ipairs(spans) do
      local first, last = math.max(other[1], from - 1), math.min(other[2], stop)
      if first < last then
        local move = #prefix - from + 1
        mine[#mine + 1] = { first + move, last + move, other[3] }
      end
    end
    lines[#lines + 1] = {
      text = prefix .. text:sub(from, stop),
      group = group,
      spans = #mine > 0 and mine or nil,
    }
    from, prefix = stop + 1, sign:find('%S') and '⋯' or sign
  until from > #text
end

-- What a hunk puts in that deceives, in words.
local function warnings(hunk)
  local list = {}
  local named = hidden.named(hunk.new_lines)
  if named then
    list[1] = 'it puts in characters that are not seen or turn text around: ' .. named
  end
  local words, seen = {}, {}
  for _, line in ipairs(hunk.new_lines) do
    for _, entry in ipairs(hidden.mixed(line)) do
      if not seen[entry.word] and #words < 4 then
        seen[entry.word] = true
        words[#words + 1] = ('%s (%s)'):format(hidden.shown(entry.word):sub(1, 80), entry.scripts)
      end
    end
  end
  if #words > 0 then
    list[#list + 1] = 'it puts in words that mix scripts: ' .. table.concat(words, ', ')
  end
  return list
end

-- Hunks -------------------------------------------------------------------------------------------

-- A hunk of more lines than this says so: its end is out of sight at first.
local LONG = 40

local function header(model, i)
  local hunk = model.hunks[i]
  local row = model.places and model.places[i]
  local first = row and row + 1 or model.first + hunk.old_first - 1
  local last = first + hunk.old_count - 1
  local where = ('line %d'):format(first)
  if hunk.old_count == 0 then
    where = first > 1 and ('below line %d'):format(first - 1) or 'at the top'
  elseif last > first then
    where = ('lines %d-%d'):format(first, last)
  end
  local place = model.states and (' of %d'):format(#model.hunks) or ''
  local text = ('── %d%s · %s '):format(i, place, where)
  local line = { text = text, group = 'VeniceRule', rule = true }
  local state = model.states and model.states[i]
  local size = hunk.old_count + #hunk.new_lines
  if state and size > LONG then
    text = ('%s· %d lines: read to its end '):format(text, size)
  end
  if state then
    line.text = text .. '· ' .. state.text .. ' '
    line.spans = { { #text + #'· ', #line.text - 1, state.group } }
  end
  return line
end

-- What of a line is other than in the line that it replaces: bytes from (0-based), to, group.
local function inner(old, new)
  if not old or not new or #old > MAX_INNER or #new > MAX_INNER then
    return nil, nil
  end
  local first, old_last, new_last = hunks.inner(old, new)
  if not first then
    return nil, nil
  end
  local gone = old_last >= first and { first - 1, old_last, 'VeniceRemovedText' } or nil
  local come = new_last >= first and { first - 1, new_last, 'VeniceAddedText' } or nil
  return gone, come
end

local function add_change(lines, old, hunk)
  local new = hunk.new_lines
  for i = 1, hunk.old_count do
    local line = old[hunk.old_first + i - 1]
    local gone = inner(line, new[i])
    put(lines, '-', line, 'VeniceRemoved', gone)
  end
  for i, line in ipairs(new) do
    local _, come = inner(i <= hunk.old_count and old[hunk.old_first + i - 1] or nil, line)
    put(lines, '+', line, 'VeniceAdded', come)
  end
end

-- Old lines by number; below 1 and above n are the lines around the range.
local function line_at(anchor, i)
  if i < 1 then
    return anchor.above[#anchor.above + i]
  end
  return anchor.lines[i] or anchor.below[i - #anchor.lines]
end

local function add_context(lines, anchor, first, last)
  for i = first, last do
    local line = line_at(anchor, i)
    if line then
      put(lines, ' ', line)
    end
  end
end

local function add_hunks(page, model)
  local lines, shown = page.lines, -CONTEXT
  local anchor = model.anchor
  for i, hunk in ipairs(model.hunks) do
    local first, behind = hunk.old_first, hunk.old_first + hunk.old_count
    local following = model.hunks[i + 1]
    local last = following and following.old_first - 1 or math.huge
    if model.reached and not following then
      last = math.max(model.reached, behind - 1)
    end
    local from = #lines + 1
    lines[from] = header(model, i)
    for _, words in ipairs(model.states and warnings(hunk) or {}) do
      lines[#lines + 1] = { text = '  ' .. words, group = 'VeniceWarn' }
    end
    local must = #lines + 1
    add_context(lines, anchor, math.max(shown + 1, first - CONTEXT), first - 1)
    add_change(lines, anchor.lines, hunk)
    local change = #lines
    shown = math.min(behind + CONTEXT - 1, last)
    add_context(lines, anchor, behind, shown)
    page.hunks[i] = { first = from, must = must, change = change, last = #lines }
  end
end

-- The page ----------------------------------------------------------------------------------------

local function add_section(page, section)
  local lines = page.lines
  local first = #lines + 1
  lines[first] = { text = '▾ ' .. errors.printable(section.summary), group = 'VeniceDim' }
  for _, line in ipairs(section.lines) do
    put(lines, '  ', line, 'VeniceDim')
  end
  page.folds[#page.folds + 1] = { first = first, last = #lines }
end

local function add_words(lines, words)
  for _, word in ipairs(words) do
    lines[#lines + 1] = { text = errors.printable(word.text), group = word.group }
  end
end

--- Lays out a review.
---@param model venice.PageModel
---@return venice.Page
function M.build(model)
  local page = { lines = {}, folds = {}, hunks = {} }
  local lines = page.lines
  lines[1] = { text = errors.printable(model.title), group = 'VeniceTitle' }
  for _, text in ipairs(model.keys) do
    lines[#lines + 1] = { text = text, group = 'VeniceDim' }
  end
  -- Beside the hunks, for a long one hides what is above it.
  local has_hunks = #model.hunks > 0
  if not has_hunks then
    add_words(lines, model.words)
  end
  for _, section in ipairs(model.sections) do
    add_section(page, section)
  end
  if has_hunks then
    page.words = #model.words > 0 and #lines + 1 or nil
    add_words(lines, model.words)
  end
  add_hunks(page, model)
  local left = model.reached and #model.anchor.lines - model.reached or 0
  if left > 0 and #model.hunks > 0 then
    lines[#lines + 1] = { text = ('… %s to go'):format(count(left, 'line')), group = 'VeniceDim' }
  end
  lines[#lines + 1] = { text = '' }
  return page
end

--- What tells a line of a page from another one, in its looks too.
---@param line venice.PageLine
---@return string
function M.key(line)
  local parts = { line.text, line.group or '' }
  for _, span in ipairs(line.spans or {}) do
    parts[#parts + 1] = ('%d-%d-%s'):format(unpack(span))
  end
  return table.concat(parts, '\1')
end

M.rule = rule

return M
