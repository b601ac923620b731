-- Writes an answer into its chat while it arrives.
--
-- The first token is written at once, then what has gathered is written at most every 33 ms, as
-- one delta at an extmark: the cost of a token does not grow with the answer. What cannot be
-- written now (a text lock) is kept and tried again. What an undo takes away is written again, so
-- that an answer is whole in the end.

local buffer = require('venice.chat.buffer')
local places = require('venice.chat.places')

local api = vim.api
local uv = vim.uv or vim.loop
local ns = api.nvim_create_namespace('venice_stream')

local M = {}

local INTERVAL = 33 -- milliseconds; the knee of cost against smoothness (FRONTEND.md 2.2)
local INTERVAL_PARSED = 50 -- where a parser goes over the text after each write
local INTERVAL_UNSEEN = 200 -- where no window of this tab page, or no screen, shows the chat
local RETRY = 50 -- after a write that failed
local LARGEST = 65536 -- bytes of one write, so that none stalls the editor

--- Where a window's cursor goes after lines were put in at `tail_before`, the row where the answer
--- ended. A reader above the end stays where they are; at the end they go along; below it, in the
--- next prompt, they stay with their text.
---@param cursor integer row before
---@param tail_before integer
---@param tail_after integer
---@return integer row
function M.follow(cursor, tail_before, tail_after)
  if cursor < tail_before then
    return cursor
  elseif cursor == tail_before then
    return tail_after
  end
  return cursor + tail_after - tail_before
end

---@class venice.Writer
---@field view venice.View
---@field turn venice.Turn
local Writer = {}
Writer.__index = Writer

local function channel()
  return { queue = {}, done = {}, written = 0, mark = nil }
end

--- opts.prepare() is called before the first write, opts.on_place(kind) after the first write of a
--- kind, opts.on_gone() once where the buffer has gone.
---@param view venice.View
---@param turn venice.Turn
---@param opts table
---@return venice.Writer
function M.new(view, turn, opts)
  local self = setmetatable({
    view = view,
    turn = turn,
    opts = opts,
    timer = uv.new_timer(),
    kinds = { reasoning = channel(), content = channel() },
    last_flush = 0,
    interval = INTERVAL,
  }, Writer)
  self.save = function()
    return self:_save()
  end
  self.restore = function(saved)
    self:_restore(saved or {})
  end
  view.bounds:ride(self)
  pcall(buffer.highlight, view.buf, 0)
  return self
end

-- What is where, for the undo tree ----------------------------------------------------------------

function Writer:_save()
  local saved = {}
  for kind, state in pairs(self.kinds) do
    local at = state.mark and api.nvim_buf_get_extmark_by_id(self.view.buf, ns, state.mark, {})
    if at and at[1] then
      saved[kind] = { row = at[1], col = at[2], written = state.written }
    end
  end
  return saved
end

-- The buffer is in another state of its undo tree: what is not in it has to be written (again).
function Writer:_restore(saved)
  for kind, state in pairs(self.kinds) do
    local at = saved[kind] or { written = 0 }
    local text = table.concat(state.done) .. table.concat(state.queue)
    state.done = at.written > 0 and { text:sub(1, at.written) } or {}
    state.queue = #text > at.written and { text:sub(at.written + 1) } or {}
    state.written = at.written
    if state.mark then
      api.nvim_buf_del_extmark(self.view.buf, ns, state.mark)
      state.mark = nil
    end
    if at.row then
      local ok, mark = pcall(api.nvim_buf_set_extmark, self.view.buf, ns, at.row, at.col, {})
      state.mark = ok and mark or nil
    end
  end
end

-- Windows -----------------------------------------------------------------------------------------

local function windows(buf)
  local list = {}
  for _, win in ipairs(vim.fn.win_findbuf(buf)) do
    list[#list + 1] = { win = win, row = api.nvim_win_get_cursor(win)[1] - 1 }
  end
  return list
end

-- In insert and visual mode, and while a command waits for its motion, the cursor is the user's.
local function is_at_rest(win)
  return win ~= api.nvim_get_current_win() or api.nvim_get_mode().mode == 'n'
end

local function move_cursors(list, before, after)
  for _, entry in ipairs(list) do
    local target = M.follow(entry.row, before, after)
    if entry.row >= before and is_at_rest(entry.win) and api.nvim_win_is_valid(entry.win) then
      local now = api.nvim_win_get_cursor(entry.win)
      -- Setting it scrolls a window that is not the current one, so that the end is in sight.
      if now[1] ~= target + 1 or entry.win ~= api.nvim_get_current_win() then
        pcall(api.nvim_win_set_cursor, entry.win, { target + 1, now[2] })
      end
    end
  end
end

-- Writing -----------------------------------------------------------------------------------------

local function starts_character(byte)
  return not byte or byte < 0x80 or byte >= 0xC0
end

-- As much as one write may take, from the front of the queue.
local function take(state)
  local queue, size, count = state.queue, 0, 0
  while queue[count + 1] and size < LARGEST do
    count = count + 1
    size = size + #queue[count]
  end
  local text = table.concat(queue, '', 1, count)
  local rest = {}
  if #text > LARGEST then
    local cut = LARGEST
    while cut > 0 and not starts_character(text:byte(cut + 1)) do
      cut = cut - 1
    end
    rest[1] = text:sub(cut + 1)
    text = text:sub(1, cut)
  end
  for i = count + 1, #queue do
    rest[#rest + 1] = queue[i]
  end
  state.queue = rest
  return text
end

local function find_place(self, kind, state)
  local at = state.mark and api.nvim_buf_get_extmark_by_id(self.view.buf, ns, state.mark, {})
  if at and at[1] then
    -- Who deletes an answer while it comes gets the rest of it in a new place.
    if self.seen == self.view.edits or places.holds(self.view, self.turn, kind, at[1]) then
      return at[1], at[2], false
    end
  end
  local row = places.find(self.view, self.turn, kind)
  return row, #api.nvim_buf_get_lines(self.view.buf, row, row + 1, false)[1], true
end

-- Writes text of one kind; inside View:edit. Returns what move_cursors() needs, and whether the
-- place is new.
local function write(self, kind, state, text)
  local buf = self.view.buf
  local row, col, is_new = find_place(self, kind, state)
  local list = windows(buf)
  local lines = vim.split(text, '\n', { plain = true })
  api.nvim_buf_set_text(buf, row, col, row, col, lines)
  local last = row + #lines - 1
  col = #lines[#lines] + (#lines == 1 and col or 0)
  state.mark = api.nvim_buf_set_extmark(buf, ns, last, col, { id = state.mark })
  return list, row, last, is_new
end

function Writer:_flush_kind(kind)
  local state, view = self.kinds[kind], self.view
  if not state.queue[1] then
    return true
  end
  local text = take(state)
  pcall(buffer.highlight, view.buf, select(2, text:gsub('\n', '')))
  local list, before, after, is_new
  local ok, err = pcall(
    view.edit,
    view,
    function()
      list, before, after, is_new = write(self, kind, state, text)
    end,
    nil,
    function()
      if not is_new then
        return before, after - before
      end
    end
  )
  if not ok then
    -- A text lock (E523, E565), most of the time: the text waits.
    table.insert(state.queue, 1, text)
    self.failure = err
    return false
  end
  state.done[#state.done + 1] = text
  state.written = state.written + #text
  view.bounds:moved(before, 0)
  move_cursors(list, before, after)
  if is_new then
    view:draw_all()
    self.opts.on_place(kind)
  end
  return true
end

function Writer:_is_empty()
  return not self.kinds.content.queue[1] and not self.kinds.reasoning.queue[1]
end

function Writer:_later(milliseconds)
  if not self.closed then
    self.timer:start(
      milliseconds,
      0,
      vim.schedule_wrap(function()
        self:flush()
      end)
    )
  end
end

--- Writes what waits, as far as it goes now.
function Writer:flush()
  if self.closed then
    return
  elseif not self.view:is_valid() then
    self:close()
    self.opts.on_gone()
    return
  end
  self.last_flush = uv.hrtime() / 1e6
  if self.view.own_tick ~= api.nvim_buf_get_changedtick(self.view.buf) then
    pcall(self.view.sync, self.view)
  end
  if self.opts.prepare and not self:_is_empty() then
    if not pcall(self.opts.prepare) then
      return self:_later(RETRY)
    end
    self.opts.prepare = nil
  end
  local ok = self:_flush_kind('reasoning') and self:_flush_kind('content')
  if not ok then
    return self:_later(RETRY)
  end
  self.seen = self.view.edits
  if not self:_is_empty() then
    self:_later(1)
  elseif self.finished then
    local finished = self.finished
    self:close()
    finished()
  end
end

local function interval_of(buf)
  if vim.fn.bufwinid(buf) == -1 or not api.nvim_list_uis()[1] then
    return INTERVAL_UNSEEN
  end
  return buffer.is_parsed(buf) and INTERVAL_PARSED or INTERVAL
end

--- Takes text as it arrives.
---@param kind 'content'|'reasoning'
---@param text string
function Writer:push(kind, text)
  if self.closed or text == '' then
    return
  end
  local queue = self.kinds[kind].queue
  queue[#queue + 1] = text
  self.interval = interval_of(self.view.buf)
  local wait = math.ceil(self.last_flush + self.interval - uv.hrtime() / 1e6)
  if wait <= 0 then
    self:flush()
  elseif not self.timer:is_active() then
    self:_later(wait)
  end
end

--- How long text may gather before it is given to push(): a little more than the time between two
--- writes, so that it is written at once.
---@return integer milliseconds
function Writer:pace()
  return self.interval + 1
end

--- Writes the rest; `finished` is called when all of it is in the buffer.
---@param finished fun()
function Writer:finish(finished)
  self.finished = finished
  self:flush()
end

--- Stops writing. What was not written is dropped.
function Writer:close()
  if not self.closed then
    self.closed = true
    self.timer:stop()
    self.timer:close()
    self.view.bounds:unride(self)
    if self.view:is_valid() then
      pcall(buffer.highlight, self.view.buf)
      api.nvim_buf_clear_namespace(self.view.buf, ns, 0, -1)
    end
  end
end

return M
