-- Where turns begin: extmarks on empty lines, never text.
--
-- A boundary is one empty line that carries a header as virtual text; what stands below it, down to
-- the next boundary, is its text. So nothing that a model writes can begin a turn (promise 8).
--
-- Neovim moves extmarks along with edits, but does not bring them back on redo, and a user may
-- join, delete or write into a boundary's line. sync() puts that right: it remembers, for each
-- state of the undo tree, where the boundaries were; it gives text in a boundary's line a line of
-- its own; and it sets aside a boundary whose line is gone.

local api = vim.api

local ns = api.nvim_create_namespace('venice_bounds')

---@class venice.Bound
---@field mark integer stays with its line when lines are put above it
---@field floor integer stays above such lines; between both is what was typed into the line
---@field gone boolean|nil its line does not exist in this state of the undo tree

---@class venice.Bounds
---@field buf integer
---@field list venice.Bound[] in the order in which they stand, gone ones too
---@field states table<integer, table> by undo sequence number
local Bounds = {}
Bounds.__index = Bounds

--- The boundaries of a buffer; there is none yet.
---@param buf integer
---@return venice.Bounds
function Bounds.new(buf)
  return setmetatable({ buf = buf, list = {}, states = {}, newest = 0, riders = {} }, Bounds)
end

-- The number of the current state in the undo tree.
local function undo_state(buf)
  return api.nvim_buf_call(buf, function()
    return vim.fn.undotree().seq_cur
  end)
end

local function place(self, bound, row)
  bound.gone, self.known = nil, nil
  bound.mark = api.nvim_buf_set_extmark(self.buf, ns, row, 0, { id = bound.mark })
  bound.floor =
    api.nvim_buf_set_extmark(self.buf, ns, row, 0, { id = bound.floor, right_gravity = false })
end

--- Makes `row`, an empty line, a boundary. A bound that is known already is moved there.
---@param row integer 0-based
---@param bound venice.Bound|nil
---@return venice.Bound
function Bounds:put(row, bound)
  bound = bound or {}
  local at = #self.list + 1
  for i = #self.list, 1, -1 do
    local other = self.list[i]
    if other == bound then
      table.remove(self.list, i)
      at = at - 1
    elseif not other.gone and self:position(other) >= row then
      at = i
    elseif not other.gone and not bound.mark then
      break -- The list is in order, and a new bound is not in it.
    end
  end
  table.insert(self.list, at, bound)
  place(self, bound, row)
  return bound
end

--- Takes boundaries out for good; their lines stay.
---@param bound venice.Bound
function Bounds:drop(bound)
  for i, other in ipairs(self.list) do
    if other == bound then
      table.remove(self.list, i)
      pcall(api.nvim_buf_del_extmark, self.buf, ns, bound.mark)
      pcall(api.nvim_buf_del_extmark, self.buf, ns, bound.floor)
      break
    end
  end
  for _, state in pairs(self.states) do
    state[bound] = nil
  end
  bound.gone, self.known = true, nil
end

--- Where a boundary is. Behind `col` stands what was typed into its line or joined to it.
---@param bound venice.Bound
---@return integer row 0-based, -1 where there is none
---@return integer col 0 unless its line was joined to the one above
function Bounds:position(bound)
  local at = api.nvim_buf_get_extmark_by_id(self.buf, ns, bound.mark, {})
  local floor = api.nvim_buf_get_extmark_by_id(self.buf, ns, bound.floor, {})
  if not at[1] then
    return -1, 0
  end
  return at[1], floor[1] == at[1] and floor[2] or at[2]
end

-- Where they are is asked again and again for each text and header, and nothing moves them but a
-- change of the text and place().
local function is_known(self, tick)
  if not self.known or self.known.tick ~= tick then
    return false
  end
  for _, entry in ipairs(self.known.live) do
    if entry.bound.gone then
      return false
    end
  end
  return true
end

--- The boundaries that have a line now, from top to bottom, as { bound, row, col }. Of several at
--- one place only the last has it: the text of the others was deleted.
---@return table[]
function Bounds:live()
  local tick = api.nvim_buf_get_changedtick(self.buf)
  if is_known(self, tick) then
    return self.known.live
  end
  local found = {}
  for order, bound in ipairs(self.list) do
    if not bound.gone then
      local row, col = self:position(bound)
      found[#found + 1] = { bound = bound, row = row, col = col, order = order }
    end
  end
  table.sort(found, function(a, b)
    if a.row ~= b.row or a.col ~= b.col then
      return a.row < b.row or (a.row == b.row and a.col < b.col)
    end
    return a.order < b.order
  end)
  local count = api.nvim_buf_line_count(self.buf)
  local live = {}
  for i, entry in ipairs(found) do
    local below = found[i + 1]
    local is_covered = below and below.row == entry.row and below.col == entry.col
    if entry.row >= 0 and entry.row < count and not is_covered then
      live[#live + 1] = entry
    end
  end
  self.known = { tick = tick, live = live }
  return live
end

--- The rows of the text below a boundary.
---@param bound venice.Bound
---@return integer|nil first nil where the boundary is gone
---@return integer last smaller than first where there is no line
function Bounds:region(bound)
  local live = self:live()
  for i, entry in ipairs(live) do
    if entry.bound == bound then
      local below = live[i + 1]
      return entry.row + 1, (below and below.row or api.nvim_buf_line_count(self.buf)) - 1
    end
  end
  return nil, -1
end

-- Gives what stands in a boundary's line a line of its own: what was before the boundary goes above
-- it, what was typed into it, or joined to it, goes below.
local function repair(self, entry)
  local row = entry.row
  local line = api.nvim_buf_get_lines(self.buf, row, row + 1, false)[1]
  if line ~= '' then
    -- In the undo block of the edit. Piece by piece, so that cursors and marks keep their text.
    pcall(vim.cmd, 'silent undojoin')
    local cut = math.min(entry.col, #line)
    if cut < #line then
      api.nvim_buf_set_text(self.buf, row, cut, row, cut, { '', '' })
    end
    if cut > 0 then
      api.nvim_buf_set_text(self.buf, row, cut, row, cut, { '', '' })
      row = row + 1
    end
  end
  place(self, entry.bound, row)
  return line ~= ''
end

local function repair_all(self)
  local repaired = false
  api.nvim_buf_call(self.buf, function()
    -- From below, so that the places of the others stay true.
    local live = self:live()
    for i = #live, 1, -1 do
      repaired = repair(self, live[i]) or repaired
    end
  end)
  return repaired
end

--- Something that has a place in the text too, and goes back with the undo tree: `save()` gives
--- what `restore(saved)` takes; saved is nil for a state in which there was nothing of it.
---@param rider table { save = fun(): any, restore = fun(saved: any) }
function Bounds:ride(rider)
  self.riders[rider] = true
end

--- Ends that; what was saved of it is dropped.
---@param rider table
function Bounds:unride(rider)
  self.riders[rider] = nil
  for _, state in pairs(self.states) do
    state[rider] = nil
  end
end

local function restore(self, state)
  for _, bound in ipairs(self.list) do
    local row = state[bound]
    if row then
      place(self, bound, math.min(row, api.nvim_buf_line_count(self.buf) - 1))
    else
      bound.gone = true
    end
  end
  for rider in pairs(self.riders) do
    rider.restore(state[rider])
  end
end

--- Notes where everything is in this state of the undo tree.
---@param same_state boolean|nil the caller knows that the state's number has not changed
function Bounds:remember(same_state)
  if not same_state or not self.state then
    local number = undo_state(self.buf)
    -- Commands that save a line and change nothing (x on an empty one) make states too, which look
    -- like the one before.
    for skipped = self.newest + 1, number - 1 do
      self.states[skipped] = self.states[self.state]
    end
    self.state, self.newest = number, math.max(self.newest, number)
  end
  self.tick = api.nvim_buf_get_changedtick(self.buf)
  local state = {}
  for _, entry in ipairs(self:live()) do
    state[entry.bound] = entry.row
  end
  for rider in pairs(self.riders) do
    state[rider] = rider.save()
  end
  self.states[self.state] = state
end

--- Goes back to what was remembered last, in a buffer whose marks and undo tree are lost.
function Bounds:restart()
  local state = self.states[self.state]
  self.states, self.newest = {}, 0
  for _, bound in ipairs(self.list) do
    bound.mark, bound.floor = nil, nil
  end
  restore(self, state)
  self:remember()
end

--- As remember(), for an edit of ours that put lines in at a row and did nothing else.
---@param row integer
---@param added integer
function Bounds:moved(row, added)
  local state = self.states[self.state]
  self.tick = api.nvim_buf_get_changedtick(self.buf)
  for _, bound in ipairs(added > 0 and self.list or {}) do
    local at = state[bound]
    if at and at > row then
      state[bound] = at + added
    end
  end
  for rider in pairs(self.riders) do
    state[rider] = rider.save()
  end
end

--- Brings boundaries and text in line again after edits that were not ours.
---@return boolean changed whether headers have to be drawn anew
function Bounds:sync()
  if api.nvim_buf_get_changedtick(self.buf) == self.tick then
    return false
  end
  local number, changed = undo_state(self.buf), false
  if number ~= self.state and self.states[number] then
    restore(self, self.states[number])
    changed = true
  end
  local alive, order = {}, {}
  for i, entry in ipairs(self:live()) do
    alive[entry.bound], order[i] = true, entry.bound
    -- Lines that were moved (:move, :sort) take their boundaries along.
    changed = changed or self.order ~= nil and self.order[i] ~= entry.bound
  end
  self.order = order
  for _, bound in ipairs(self.list) do
    if not bound.gone and not alive[bound] then
      bound.gone, changed = true, true
    end
  end
  changed = repair_all(self) or changed
  self:remember()
  return changed
end

return Bounds
