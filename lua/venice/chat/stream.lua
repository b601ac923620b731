-- Writes an answer into its chat while it arrives.
--
-- The first token is written at once, then what has gathered is written at most every 33 ms, as
-- one delta at an extmark: the cost of a token does not grow with the answer. What cannot be
-- written now (a text lock) is kept and tried again. What an undo takes away is written again, so
-- that an answer is whole in the end. Where more comes than can be written, the sender is told to
-- wait: what waits here is bounded.

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
-- Of one write, so that none stalls the editor.
local LARGEST = 32768 -- bytes
local MOST_LINES = 1000
-- Bytes that wait: no more is taken while there is more than the first, until there is less than
-- the second.
local FULL = 1048576
local ROOM = 262144

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

-- What waits: `front`, which comes first, then the texts of `queue` from `first` to `last`, without
-- the first `offset` bytes; `waiting` bytes in all.
local function set_waiting(state, text)
  state.front, state.queue, state.offset, state.waiting = '', { text }, 0, #text
  state.first, state.last = 1, text ~= '' and 1 or 0
end

local function channel()
  local state = { done = {}, written = 0 }
  set_waiting(state, '')
  return state
end

-- All that waits in a channel, as one text.
local function waiting_text(state)
  local rest = table.concat(state.queue, '', state.first, state.last)
  return state.front .. rest:sub(state.offset + 1)
end

--- opts.prepare() is called before the first write, opts.on_place(kind) after the first write of a
--- kind, opts.on_gone() once where the buffer has gone, opts.on_full(is_full) where so much waits
--- that no more should come, and where there is room again.
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
  pcall(buffer.highlight, view.buf, '')
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
    local text = table.concat(state.done) .. waiting_text(state)
    state.done = at.written > 0 and { text:sub(1, at.written) } or {}
    state.written = at.written
    set_waiting(state, text:sub(at.written + 1))
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

-- The next part of the first text in the queue, at most `room` bytes of it.
local function next_part(state, room)
  local text, offset = state.queue[state.first], state.offset
  if #text - offset <= room then
    state.queue[state.first] = false
    state.first, state.offset = state.first + 1, 0
    return text:sub(offset + 1)
  end
  local cut = offset + room
  while cut > offset and not starts_character(text:byte(cut + 1)) do
    cut = cut - 1
  end
  cut = cut > offset and cut or offset + room
  state.offset = cut
  return text:sub(offset + 1, cut)
end

-- Where the lines of a text end that one write may take; nil where it may take all.
local function find_last(text)
  local at = 0
  for _ = 1, MOST_LINES do
    at = text:find('\n', at + 1, true)
    if not at then
      return nil
    end
  end
  return at < #text and at or nil
end

-- As much as one write may take, from the front of what waits.
local function take(state)
  local parts, size = { state.front }, #state.front
  while size < LARGEST and state.first <= state.last do
    local part = next_part(state, LARGEST - size)
    parts[#parts + 1], size = part, size + #part
  end
  local text = table.concat(parts)
  local last = find_last(text)
  state.front = last and text:sub(last + 1) or ''
  text = last and text:sub(1, last) or text
  state.waiting = state.waiting - #text
  if state.waiting == 0 then
    set_waiting(state, '')
  end
  return text
end

local function put_back(state, text)
  state.front, state.waiting = text .. state.front, state.waiting + #text
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
  local before = api.nvim_buf_get_lines(buf, row, row + 1, false)[1]:sub(1, col)
  local lines = self.view:broken(self.turn, vim.split(text, '\n', { plain = true }), before)
  api.nvim_buf_set_text(buf, row, col, row, col, lines)
  local last = row + #lines - 1
  col = #lines[#lines] + (#lines == 1 and col or 0)
  state.mark = api.nvim_buf_set_extmark(buf, ns, last, col, { id = state.mark })
  return list, row, last, is_new
end

function Writer:_flush_kind(kind)
  local state, view = self.kinds[kind], self.view
  if state.waiting == 0 then
    return true
  end
  local text = take(state)
  pcall(buffer.highlight, view.buf, text)
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
    put_back(state, text)
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

function Writer:_waiting()
  return self.kinds.content.waiting + self.kinds.reasoning.waiting
end

--- Whether all that came is in the buffer.
---@return boolean
function Writer:is_empty()
  return self:_waiting() == 0
end

-- Tells the sender where the limits are passed.
function Writer:_watch_room()
  local waiting = self:_waiting()
  local is_full = waiting > FULL or (self.is_full == true and waiting >= ROOM)
  if is_full ~= (self.is_full == true) then
    self.is_full = is_full
    if self.opts.on_full then
      self.opts.on_full(is_full)
    end
  end
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
  if self.opts.prepare and not self:is_empty() then
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
  self:_watch_room()
  if not self:is_empty() then
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
  local state = self.kinds[kind]
  state.last = state.last + 1
  state.queue[state.last] = text
  state.waiting = state.waiting + #text
  self.interval = interval_of(self.view.buf)
  self:_watch_room()
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

--- Drops what was not written.
function Writer:drop()
  for _, state in pairs(self.kinds) do
    set_waiting(state, '')
  end
  self:_watch_room()
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
