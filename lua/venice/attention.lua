-- The user's attention: whether a window may open or take the cursor now, and whether a key was
-- typed by somebody who had seen what it answers.
--
-- A key that approves something counts only if all that it approves was drawn, if the main loop
-- then came round without a typed key waiting, and if a quiet pause has passed since. The pause
-- begins anew after every other key, and after every stall: keys that were typed while the editor
-- was blocked are handled after it, as if they had been typed then.

local errors = require('venice.errors')

local api, fn = vim.api, vim.fn
local uv = require('venice.compat').uv

local M = {}

--- The quiet pause before a key may approve something, in milliseconds. 0 is for tests: what was
-- not drawn is still not approved.
M.PAUSE = 600

-- Windows -----------------------------------------------------------------------------------------

-- Between two tries, in milliseconds, and how often a text lock may forbid to open.
local RETRY, MAX_TRIES = 150, 40

--- Whether a window that opens now may take the cursor: the user is in normal mode.
---@param buf integer|nil and in this buffer
---@return boolean
function M.may_take_cursor(buf)
  if buf and buf ~= api.nvim_get_current_buf() then
    return false
  end
  return api.nvim_get_mode().mode == 'n' and fn.reg_executing() == ''
end

--- Whether another window can come and go without ending what the user is at: a selection, a
--- pending operator, a command line.
---@return boolean
function M.is_free()
  local mode = api.nvim_get_mode()
  local kind = mode.mode:match('^no') and 'no' or mode.mode:sub(1, 1)
  local is_other = mode.blocking or fn.getcmdwintype() ~= '' or fn.pumvisible() == 1
  return not is_other and ('niR'):find(kind, 1, true) ~= nil
end

--- Does something with windows as soon as the user's mode allows it. A text lock is waited for; any
--- other failure is final.
---@param words string|nil what is going to open, said once if it has to wait
---@param open fun() may raise
---@param give_up fun(failure: string)
---@return { stop: fun() }
function M.when_free(words, open, give_up)
  local is_over, tries = false, 0
  local function try()
    if is_over then
      return
    elseif M.is_free() then
      local ok, failure = pcall(open)
      tries = tries + 1
      if ok or not errors.is_text_lock(failure) or tries >= MAX_TRIES then
        is_over = true
        return not ok and give_up(tostring(failure)) or nil
      end
    elseif words then
      errors.brief(words .. ': it opens in normal mode')
      words = nil
    end
    vim.defer_fn(try, RETRY)
  end
  try()
  return {
    stop = function()
      is_over = true
    end,
  }
end

local function bounds_of(window)
  local position, config = api.nvim_win_get_position(window), api.nvim_win_get_config(window)
  local border = config.relative ~= '' and type(config.border) == 'table' and 2 or 0
  return {
    top = position[1],
    left = position[2],
    bottom = position[1] + api.nvim_win_get_height(window) + border - 1,
    right = position[2] + api.nvim_win_get_width(window) + border - 1,
    zindex = config.relative ~= '' and (config.zindex or 50) or 0,
  }
end

--- The floats that stand in front of a window.
---@param window integer
---@return integer[]
function M.in_front_of(window)
  local mine, list = bounds_of(window), {}
  for _, other in ipairs(api.nvim_tabpage_list_wins(0)) do
    local config = api.nvim_win_get_config(other)
    if other ~= window and config.relative ~= '' and not config.hide then
      local its = bounds_of(other)
      local is_apart = its.bottom < mine.top
        or its.top > mine.bottom
        or its.right < mine.left
        or its.left > mine.right
      if its.zindex > mine.zindex and not is_apart then
        list[#list + 1] = other
      end
    end
  end
  return list
end

-- Keys --------------------------------------------------------------------------------------------

local TICK, STALL = 50, 250 -- milliseconds between two turns, and between two that are a stall
local CALM = 2 -- so many turns without a key before the pause begins

---@class venice.Watch of one buffer that asks something
---@field buffer integer
---@field rows (fun(): integer[])|nil the rows that must have been in sight, default: all
---@field lift fun(window: integer)|nil brings its window to the front
---@field series boolean|nil several keys in a row may approve, part by part
---@field counted_at number|nil when a key counted last
---@field seen table<integer, boolean> the rows that were drawn in full
---@field drawn_at number|nil
---@field turn_at number when the loop came round last
---@field turns integer without a key waiting
---@field calm_at number|nil since when nothing is on its way
local Watch = {}
Watch.__index = Watch

local namespace = api.nvim_create_namespace('venice_attention')
local watches = {} ---@type table<integer, venice.Watch>
local drawing = {} -- the rows of each window that the present redraw has drawn
local key_at, key_before = 0, 0 -- the key that is being handled, and the one before it
local timer

-- uv.now() stands still while the editor is blocked.
local function now()
  return uv.hrtime() / 1e6
end

local function on_win(_, window, buffer)
  if not watches[buffer] then
    return false
  end
  drawing[window] = { buffer = buffer, rows = {} }
end

local function on_line(_, window, _, row)
  if drawing[window] then
    table.insert(drawing[window].rows, row + 1)
  end
end

-- A line that the lower edge of its window cuts was not seen.
local function on_end()
  for window, drawn in pairs(drawing) do
    local watch, info = watches[drawn.buffer], fn.getwininfo(window)[1]
    if watch and info and #M.in_front_of(window) == 0 then
      watch.drawn_at = watch.drawn_at or now()
      for _, row in ipairs(drawn.rows) do
        watch.seen[row] = watch.seen[row] or row <= info.botline or nil
      end
    end
  end
  drawing = {}
end

local function on_key()
  key_before, key_at = key_at, now()
end

local function turn()
  local present = api.nvim_get_current_buf()
  for buffer, watch in pairs(watches) do
    if not api.nvim_buf_is_valid(buffer) then
      watch:stop()
    else
      watch:_turn(buffer == present)
    end
  end
end

local function start()
  api.nvim_set_decoration_provider(namespace, {
    on_win = on_win,
    on_line = on_line,
    on_end = on_end,
  })
  vim.on_key(on_key, namespace)
  local is_waiting = false
  timer = uv.new_timer()
  timer:start(TICK, TICK, function()
    if not is_waiting then
      is_waiting = true
      vim.schedule(function()
        is_waiting = false
        turn()
      end)
    end
  end)
end

local function stop()
  api.nvim_set_decoration_provider(namespace, {})
  vim.on_key(nil, namespace)
  timer:stop()
  timer:close()
  timer = nil
end

function Watch:_restart()
  self.turns, self.calm_at = 0, nil
end

-- One turn of the main loop. It comes only while no key is handled, but somebody's vim.wait() lets
-- turns come while keys wait.
function Watch:_turn(is_present)
  local time = now()
  local is_calm = is_present
    and api.nvim_get_mode().mode == 'n'
    and self.drawn_at ~= nil
    and time - self.turn_at <= STALL
    and fn.getchar(1) == 0
  self.turn_at = time
  if not is_calm then
    return self:_restart()
  end
  self.turns = self.turns + 1
  if self.turns >= CALM then
    self.calm_at = self.calm_at or time
  end
end

--- Another text is shown: nothing of it was in sight yet.
function Watch:reset()
  self.seen, self.drawn_at = {}, nil
  self:_restart()
end

--- What the keys answer is another question now: the pause begins anew.
function Watch:again()
  self.counted_at = nil
  self:_restart()
end

--- Rows were written: which ones are the same as before.
---@param same fun(row: integer): integer|nil where a row stood that is the same now
---@param count integer of the rows now
function Watch:moved(same, count)
  local seen = {}
  for row = 1, count do
    local before = same(row)
    seen[row] = before and self.seen[before] or nil
  end
  self.seen = seen
end

-- Its window in this tab page.
function Watch:_window()
  for _, window in ipairs(api.nvim_tabpage_list_wins(0)) do
    if api.nvim_win_get_buf(window) == self.buffer then
      return window
    end
  end
end

-- The first row that must be seen and was not.
function Watch:_unseen()
  local rows = self.rows and self.rows()
  if not rows then
    for row = 1, api.nvim_buf_line_count(self.buffer) do
      if not self.seen[row] then
        return row
      end
    end
  end
  for _, row in ipairs(rows or {}) do
    if not self.seen[row] then
      return row
    end
  end
end

local SOON = 'too soon after something else: look, then press again'

--- Whether all that matters was in sight, and is not behind another window now.
---@return boolean
---@return string|nil why not, and what to do
function Watch:was_seen()
  local window = self:_window()
  if not window then
    return false, 'this is in another tab page: go there first'
  elseif self.lift and #M.in_front_of(window) > 0 then
    self.lift(window)
    vim.cmd('redraw!')
    return false, 'a window stood in front of this: look, then press again'
  end
  local row = self:_unseen()
  if not row then
    return true
  end
  -- What a float covered before is drawn, and seen, only now.
  vim.cmd('redraw!')
  local last = fn.line('w$', window)
  if self:_unseen() == nil then
    return false, SOON
  elseif row > last then
    return false, 'more of it is below: page through it (<C-f>)'
  end
  return false, ('line %d was not in sight yet: go there first'):format(row)
end

--- Whether the key that is being handled may approve what this buffer shows.
---@return boolean
---@return string|nil why not, and what to do
function Watch:counts()
  local ok, why = self:was_seen()
  if not ok or M.PAUSE == 0 then
    return ok, why
  end
  local time = now()
  if time - self.turn_at > STALL then
    self:_restart()
  end
  -- Somebody who approves part by part looks from one to the next, as long as nothing stalls.
  local goes_on = self.series and self.counted_at and (self.calm_at or time) <= self.counted_at
  if not goes_on then
    if not self.calm_at or time - math.max(self.calm_at, key_before) < M.PAUSE then
      return false, SOON
    end
  end
  self.counted_at = time
  return true
end

--- Whether the key that is being handled may refuse: it only must not have been meant for what was
--- there before. Refusing sends nothing and runs nothing.
---@return boolean
function Watch:may_refuse()
  return M.PAUSE == 0 or self.drawn_at ~= nil and now() - self.drawn_at >= M.PAUSE
end

--- Ends it.
function Watch:stop()
  if watches[self.buffer] == self then
    watches[self.buffer] = nil
    if next(watches) == nil then
      stop()
    end
  end
end

--- Watches what the user sees of a buffer that asks something, until it is gone.
---@param buffer integer
---@param opts table|nil { rows = function that lists the rows that must have been in sight,
---  lift = function that brings a window to the front, series = whether several keys in a row may
---  approve, part by part }
---@return venice.Watch
function M.watch(buffer, opts)
  opts = opts or {}
  local watch = setmetatable({
    buffer = buffer,
    rows = opts.rows,
    lift = opts.lift,
    series = opts.series,
    seen = {},
    turn_at = now(),
    turns = 0,
  }, Watch)
  local is_first = next(watches) == nil
  watches[buffer] = watch
  if is_first then
    start()
  end
  return watch
end

return M
