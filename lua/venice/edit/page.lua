-- The lines of a review, as data: what is written where, and how it is coloured. Pure.

local errors = require('venice.errors')
local hunks = require('venice.edit.hunks')

local M = {}

local CONTEXT = 3 -- lines around a hunk

local rule = ('─'):rep(400)

---@class venice.Page
---@field lines venice.PageLine[]
---@field folds { first: integer, last: integer }[] rows, 1-based
---@field hunks { first: integer, must: integer, last: integer }[] rows of each hunk, its header
---  first; must: to here it begins with what must be known
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

-- Characters that are not seen, or turn the direction of what is: the text is not what it seems.
local deceivers = { '\226\128[\142\143\168-\174]', '\226\129[\166-\169]', '\243\160[\128\129]' }

local function deceives(lines)
  for _, line in ipairs(lines) do
    for _, pattern in ipairs(deceivers) do
      if line:find(pattern) then
        return true
      end
    end
  end
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

-- What of a line is other than in the line that it replaces.
local function inner(old, new)
  if not old or not new then
    return nil, nil
  end
  local first, old_last, new_last = hunks.inner(old, new)
  if not first then
    return nil, nil
  end
  -- One byte to the right, for the sign.
  local gone = old_last >= first and { { first, old_last + 1, 'VeniceRemovedText' } } or nil
  local come = new_last >= first and { { first, new_last + 1, 'VeniceAddedText' } } or nil
  return gone, come
end

local function add_change(lines, old, hunk)
  local new = hunk.new_lines
  for i = 1, hunk.old_count do
    local line = old[hunk.old_first + i - 1]
    local gone = inner(line, new[i])
    lines[#lines + 1] = { text = '-' .. line, group = 'VeniceRemoved', spans = gone }
  end
  for i, line in ipairs(new) do
    local _, come = inner(i <= hunk.old_count and old[hunk.old_first + i - 1] or nil, line)
    lines[#lines + 1] = { text = '+' .. line, group = 'VeniceAdded', spans = come }
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
      lines[#lines + 1] = { text = ' ' .. line }
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
    if model.states and deceives(hunk.new_lines) then
      local words = '  it puts in characters that are not seen or turn text around'
      lines[#lines + 1] = { text = words, group = 'VeniceWarn' }
    end
    local must = #lines + 1
    add_context(lines, anchor, math.max(shown + 1, first - CONTEXT), first - 1)
    add_change(lines, anchor.lines, hunk)
    shown = math.min(behind + CONTEXT - 1, last)
    add_context(lines, anchor, behind, shown)
    page.hunks[i] = { first = from, must = must, last = #lines }
  end
end

-- The page ----------------------------------------------------------------------------------------

local function add_section(page, section)
  local lines = page.lines
  local first = #lines + 1
  lines[first] = { text = '▾ ' .. errors.printable(section.summary), group = 'VeniceDim' }
  for _, line in ipairs(section.lines) do
    lines[#lines + 1] = { text = '  ' .. line, group = 'VeniceDim' }
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
