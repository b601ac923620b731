-- A range of the user's buffer that is remembered while something is proposed for it. It follows
-- edits above, below and inside; a part that was itself edited is known to be another one.
--
-- Every line has an extmark, which says where it is now, and its text, which says whether it is
-- still the same. So that what is set in the end is right whatever happened meanwhile.

local errors = require('venice.errors')
local hunks = require('venice.edit.hunks')

local api, fn = vim.api, vim.fn

---@class venice.Anchor
---@field buf integer
---@field lines string[] of the range, as they were
---@field above string[] some lines above it, to be shown
---@field below string[]
local Anchor = {}
Anchor.__index = Anchor

local M = {}

local SHOWN = 3 -- lines around the range that are kept to be shown

--- The name of a buffer for a reader.
---@param buf integer
---@return string
function M.name(buf)
  return require('venice.chat.context').path_of(buf)
end

--- Why a buffer cannot be changed, if so.
---@param buf integer
---@return venice.Error|nil
function M.refusal(buf)
  if not api.nvim_buf_is_valid(buf) then
    return errors.new('config', 'the buffer has gone', 'what is proposed can be yanked from here')
  end
  local name = M.name(buf)
  if not api.nvim_buf_is_loaded(buf) then
    return errors.new('config', name .. ' is not loaded any more', 'open it again, then try again')
  elseif require('venice.chat.private').is_private(buf) then
    return errors.new('config', name .. ' is a buffer of venice, not a file', 'go to a file first')
  elseif not vim.bo[buf].modifiable then
    local hint = ':setlocal modifiable allows it'
    return errors.new('config', name .. ' cannot be changed: its buffer is not modifiable', hint)
  elseif vim.bo[buf].readonly then
    local hint = ':setlocal noreadonly allows it'
    return errors.new('config', name .. ' is not changed, for it is read-only', hint)
  end
end

-- Remembering -------------------------------------------------------------------------------------

local function get_lines(buf, first, last)
  return hunks.plain(api.nvim_buf_get_lines(buf, math.max(first - 1, 0), math.max(last, 0), false))
end

-- The line above the range has the number 0, its lines 1 to n, the line below n + 1; extmarks are
-- numbered from 1. The marks go along with text that is put in before them.
local function set_marks(self, first)
  api.nvim_buf_clear_namespace(self.buf, self.ns, 0, -1)
  local count = api.nvim_buf_line_count(self.buf)
  for i = 0, #self.lines + 1 do
    local row = first - 2 + i
    if row >= 0 and row < count then
      api.nvim_buf_set_extmark(self.buf, self.ns, row, 0, { id = i + 1 })
    end
  end
  self.tick = nil
end

--- Remembers the lines `first` to `last` (1-based; last = first - 1 for the place before `first`).
---@param buf integer
---@param first integer
---@param last integer
---@return venice.Anchor
function M.new(buf, first, last)
  local count = api.nvim_buf_line_count(buf)
  first = math.min(math.max(first, 1), count + 1)
  last = math.min(math.max(last, first - 1), count)
  local self = setmetatable({ buf = buf, ns = api.nvim_create_namespace('') }, Anchor)
  self.lines = get_lines(buf, first, last)
  self.above = get_lines(buf, first - SHOWN, first - 1)
  self.below = get_lines(buf, last + 1, last + SHOWN)
  self.texts = { [0] = self.above[#self.above], [#self.lines + 1] = self.below[1] }
  for i, line in ipairs(self.lines) do
    self.texts[i] = line
  end
  set_marks(self, first)
  return self
end

--- Forgets it.
function Anchor:clear()
  if api.nvim_buf_is_valid(self.buf) then
    api.nvim_buf_clear_namespace(self.buf, self.ns, 0, -1)
  end
end

-- Where it is now ---------------------------------------------------------------------------------

local function read_rows(self)
  local rows, now = {}, {}
  for _, mark in ipairs(api.nvim_buf_get_extmarks(self.buf, self.ns, 0, -1, {})) do
    rows[mark[1] - 1] = mark[2]
  end
  local lowest, highest = math.huge, -1
  for _, row in pairs(rows) do
    lowest, highest = math.min(lowest, row), math.max(highest, row)
  end
  if highest >= 0 then
    for i, line in ipairs(get_lines(self.buf, lowest + 1, highest + 1)) do
      now[lowest + i - 1] = line
    end
  end
  self.rows, self.now = rows, now
end

-- Whether a line is still where its mark is. The mark of a deleted line is that of the next one.
local function is_same(self, i)
  local row = self.rows[i]
  return row ~= nil and row ~= self.rows[i + 1] and self.now[row] == self.texts[i]
end

-- The row of a block of lines, if they stand in the buffer exactly once.
local function find_block(buf, block)
  local found
  local lines = get_lines(buf, 1, api.nvim_buf_line_count(buf))
  for row = 0, #lines - #block do
    local i = 1
    while i <= #block and lines[row + i] == block[i] do
      i = i + 1
    end
    if i > #block then
      if found then
        return nil
      end
      found = row
    end
  end
  return found
end

-- A formatter or :edit may write the same text anew, and the marks are gone or in one heap.
local function find_again(self)
  for i = 1, #self.lines do
    if not is_same(self, i) then
      local row = find_block(self.buf, self.lines)
      if row then
        set_marks(self, row + 1)
        read_rows(self)
      end
      return
    end
  end
end

local function look(self)
  local tick = api.nvim_buf_get_changedtick(self.buf)
  if self.tick ~= tick then
    read_rows(self)
    find_again(self)
    self.tick = tick
  end
end

--- Whether there is still a text to change.
---@return boolean
function Anchor:is_there()
  return api.nvim_buf_is_valid(self.buf) and api.nvim_buf_is_loaded(self.buf)
end

-- Between which rows nothing is: the place of new lines without old ones.
local function locate_gap(self, hunk)
  local above, below = hunk.old_first - 1, hunk.old_first
  local has_above, has_below = is_same(self, above), is_same(self, below)
  if has_above and has_below and self.rows[below] ~= self.rows[above] + 1 then
    return nil -- The user has put something in between.
  elseif has_below then
    return self.rows[below]
  end
  return has_above and self.rows[above] + 1 or nil
end

--- The row (0-based) where the old lines of a hunk stand now; nil where they have been changed.
---@param hunk venice.Hunk
---@return integer|nil
function Anchor:locate(hunk)
  if not self:is_there() then
    return nil
  end
  look(self)
  if hunk.old_count == 0 then
    return locate_gap(self, hunk)
  end
  local row = self.rows[hunk.old_first]
  for i = 0, hunk.old_count - 1 do
    if not is_same(self, hunk.old_first + i) or self.rows[hunk.old_first + i] ~= row + i then
      return nil
    end
  end
  return row
end

--- The range as it is now, changed or not (1-based; last = first - 1 where it is empty).
---@return integer|nil first nil where it has gone
---@return integer last
function Anchor:range()
  if not self:is_there() then
    return nil, 0
  end
  look(self)
  local rows, count, n = self.rows, api.nvim_buf_line_count(self.buf), #self.lines
  if n == 0 then
    local row = rows[1] or (rows[0] and rows[0] + 1)
    return row and row + 1, row or 0
  end
  local first, last = rows[1], rows[n]
  if not first or not last then
    return nil, 0
  elseif first == rows[2] then
    first = rows[0] and rows[0] + 1 or 0 -- Its first line was deleted or written anew.
  end
  if last == rows[n + 1] then
    last = last - 1
  end
  first = math.min(first, count - 1)
  return first + 1, math.max(math.min(last, count - 1), first - 1) + 1
end

-- Changing it -------------------------------------------------------------------------------------

-- What the user typed before is a block of the undo tree of its own.
local function break_undo()
  vim.cmd('let &g:undolevels = &g:undolevels')
end

-- Lines that are replaced keep their marks and folds (nvim_buf_set_lines would take them along).
-- A NUL is a line feed in Vim's memory.
local function replace(buf, row, count, lines)
  local text = {}
  for i, line in ipairs(lines) do
    text[i] = line:find('%z') and line:gsub('%z', '\n') or line
  end
  local both = math.min(count, #text)
  if #text > both then
    fn.append(row + count, vim.list_slice(text, both + 1))
  elseif count > both then
    fn.deletebufline(buf, row + both + 1, row + count)
  end
  for i = 1, both do
    if fn.getline(row + i) ~= text[i] then
      fn.setline(row + i, text[i])
    end
  end
end

--- Makes the changes of some hunks, as one step of the undo tree. Every one must be located now.
---@param list venice.Hunk[] from top to bottom
---@return venice.Error|nil
function Anchor:apply(list)
  local err = M.refusal(self.buf)
  if err then
    return err
  end
  local rows = {}
  for i, hunk in ipairs(list) do
    rows[i] = self:locate(hunk)
    if not rows[i] then
      return errors.new('config', 'the text has been changed meanwhile', 'gr asks anew')
    end
  end
  local tick = api.nvim_buf_get_changedtick(self.buf)
  local ok, message = pcall(api.nvim_buf_call, self.buf, function()
    break_undo()
    for i = #list, 1, -1 do
      replace(self.buf, rows[i], list[i].old_count, list[i].new_lines)
    end
    break_undo()
  end)
  if not ok then
    -- All or nothing.
    if api.nvim_buf_get_changedtick(self.buf) ~= tick then
      pcall(api.nvim_buf_call, self.buf, function()
        vim.cmd('silent undo')
      end)
    end
    return errors.new('internal', 'the text could not be changed: ' .. tostring(message))
  end
end

return M
