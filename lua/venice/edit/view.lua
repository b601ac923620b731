-- The window of a review: a scratch buffer below the text that it is about. It is written line by
-- line where something has changed, so that folds, the cursor and its place on the screen stay.

local attention = require('venice.attention')
local private = require('venice.chat.private')
local hunks = require('venice.edit.hunks')
local page = require('venice.edit.page')
local window = require('venice.edit.window')

local api, fn = vim.api, vim.fn

---@class venice.ReviewView
---@field buf integer
---@field page venice.Page what is shown
---@field watch venice.Watch what of it the user has seen
---@field wanted integer[] the rows that a key is about
local View = {}
View.__index = View

local M = {}

local ns = api.nvim_create_namespace('venice_review')
local status_ns = api.nvim_create_namespace('venice_review_status')
local count = 0

local links = {
  VeniceTitle = 'Title',
  VeniceRule = 'Comment',
  VeniceDim = 'Comment',
  VeniceStatus = 'Comment',
  VeniceOk = fn.hlexists('DiagnosticOk') == 1 and 'DiagnosticOk' or 'String',
  VeniceWarn = 'DiagnosticWarn',
  VeniceFail = 'DiagnosticError',
  VeniceAdded = 'DiffAdd',
  VeniceRemoved = 'DiffDelete',
  VeniceAddedText = 'DiffText',
  VeniceRemovedText = 'DiffText',
}

-- Its window -------------------------------------------------------------------------------------

--- Opens a review's window and goes there, or stays.
---@param target integer the buffer that it is about
---@param stay boolean|nil the cursor stays where it is
---@return venice.ReviewView
function M.open(target, stay)
  for group, link in pairs(links) do
    api.nvim_set_hl(0, group, { link = link, default = true })
  end
  count = count + 1
  local self = setmetatable({ target = target, keys = {}, wanted = {} }, View)
  self.buf = api.nvim_create_buf(false, true)
  private.harden(self.buf)
  local options = vim.bo[self.buf]
  options.bufhidden, options.undolevels, options.modifiable = 'wipe', -1, false
  api.nvim_buf_set_name(self.buf, ('venice://diff/%d'):format(count))
  self.before = api.nvim_get_current_win()
  window.open(target)
  api.nvim_win_set_buf(0, self.buf)
  window.set_options()
  options.filetype = 'venice-diff'
  private.harden(self.buf)
  self.watch = attention.watch(self.buf, {
    series = true,
    rows = function()
      return self.wanted
    end,
  })
  if stay and api.nvim_win_is_valid(self.before) then
    api.nvim_set_current_win(self.before)
  end
  return self
end

--- Whether its window has not been closed.
---@return boolean
function View:is_valid()
  return api.nvim_buf_is_valid(self.buf)
end

--- Closes the window. Who was in it goes back to where they came from, or to the text.
function View:close()
  self.watch:stop()
  if not self:is_valid() then
    return
  end
  if api.nvim_get_current_buf() == self.buf then
    local win = api.nvim_win_is_valid(self.before) and self.before or fn.win_findbuf(self.target)[1]
    if win then
      api.nvim_set_current_win(win)
    end
  end
  for _, win in ipairs(fn.win_findbuf(self.buf)) do
    pcall(api.nvim_win_close, win, true)
  end
  pcall(api.nvim_buf_delete, self.buf, { force = true })
end

-- Writing -----------------------------------------------------------------------------------------

local function decorate(buf, row, line)
  local function mark(col, opts)
    api.nvim_buf_set_extmark(buf, ns, row, col, opts)
  end
  if line.group then
    mark(
      0,
      { end_row = row + 1, end_col = 0, hl_group = line.group, hl_eol = true, priority = 100 }
    )
  end
  for _, span in ipairs(line.spans or {}) do
    mark(span[1], { end_row = row, end_col = span[2], hl_group = span[3], priority = 110 })
  end
  if line.rule then
    mark(#line.text, { virt_text = { { page.rule, 'VeniceRule' } }, virt_text_pos = 'overlay' })
  end
end

-- A row that was written anew has to be seen anew.
local function keep_seen(self, changes, total)
  local before, at = {}, 1
  for _, change in ipairs(changes) do
    local moved = change.new_first - change.old_first
    for row = at, change.new_first - 1 do
      before[row] = row - moved
    end
    at = change.new_first + #change.new_lines
  end
  local moved = total - #self.keys
  for row = at, total do
    before[row] = row - moved
  end
  self.watch:moved(function(row)
    return before[row]
  end, total)
end

-- From below, so that rows above stay what they are. The first line comes first of all: a buffer is
-- never empty.
local function write_lines(self, new, keys)
  local buf = self.buf
  local changes = hunks.between(self.keys, keys)
  keep_seen(self, changes, #keys)
  if #self.keys == 0 then
    api.nvim_buf_clear_namespace(buf, ns, 0, -1)
  end
  for i = #changes, 1, -1 do
    local change = changes[i]
    local row, last = change.old_first - 1, change.old_first - 1 + change.old_count
    local text = {}
    for k = 1, #change.new_lines do
      text[k] = new[change.new_first + k - 1].text
    end
    api.nvim_buf_clear_namespace(buf, ns, row, last)
    api.nvim_buf_set_lines(buf, row, #self.keys == 0 and -1 or last, false, text)
  end
  for _, change in ipairs(changes) do
    for i = change.new_first, change.new_first + #change.new_lines - 1 do
      decorate(buf, i - 1, new[i])
    end
  end
end

-- Folds go with their lines, so that only new ones are made. Without `:normal`, here and below: the
-- user may be typing elsewhere.
local function set_folds(self, folds)
  for _, win in ipairs(fn.win_findbuf(self.buf)) do
    api.nvim_win_call(win, function()
      for _, fold in ipairs(folds) do
        if fn.foldlevel(fold.first) == 0 then
          vim.cmd(('silent! %d,%dfold'):format(fold.first, fold.last))
        end
      end
    end)
  end
end

local function fold_key(new)
  local key = {}
  for _, fold in ipairs(new.folds) do
    key[#key + 1] = ('%d-%d'):format(fold.first, fold.last)
  end
  return table.concat(key, ' ')
end

-- Windows whose cursor is at the end go along with what comes.
local function followers(buf)
  local list, last = {}, api.nvim_buf_line_count(buf)
  for _, win in ipairs(fn.win_findbuf(buf)) do
    if api.nvim_win_get_cursor(win)[1] == last then
      list[#list + 1] = win
    end
  end
  return list
end

-- From the top as long as all of it has room: a fold was larger before it was closed.
local function to_end(win, last)
  api.nvim_win_call(win, function()
    fn.winrestview({ topline = 1, lnum = last, col = 0 })
    if fn.line('w0') > 1 or fn.line('w$') < last then
      local top = math.max(last - api.nvim_win_get_height(win) + 1, 1)
      fn.winrestview({ topline = top, lnum = last, col = 0 })
    end
  end)
end

--- Shows a page. Raises where a text lock forbids it.
---@param new venice.Page
function View:show(new)
  local keys = {}
  for i, line in ipairs(new.lines) do
    keys[i] = page.key(line)
  end
  local follow = followers(self.buf)
  vim.bo[self.buf].modifiable = true
  local ok, err = pcall(write_lines, self, new.lines, keys)
  if not ok then
    -- What is there is not known any more.
    self.keys = {}
    vim.bo[self.buf].modifiable = false
    error(err, 0)
  end
  vim.bo[self.buf].modifiable = false
  self.keys, self.page = keys, new
  if self.folds ~= fold_key(new) then
    self.folds = fold_key(new)
    set_folds(self, new.folds)
  end
  for _, win in ipairs(follow) do
    to_end(win, #keys)
  end
end

--- Writes words behind the title.
---@param words string
---@param group string|nil
function View:status(words, group)
  if self:is_valid() then
    api.nvim_buf_set_extmark(self.buf, status_ns, 0, 0, {
      id = 1,
      virt_text = words ~= '' and { { '· ' .. words, group or 'VeniceStatus' } } or nil,
      virt_text_pos = 'eol',
    })
  end
end

--- The line below the window: its keys, then words. Those that warn come first, in colour: what has
--- no room is left out.
---@param keys string
---@param words string|venice.BarWords
function View:bar(keys, words)
  local bar = require('venice.chat.bar')
  if type(words) == 'string' then
    words = { warnings = {}, name = words, rest = {} }
  end
  local before = ' ' .. keys .. ' │ '
  for _, win in ipairs(fn.win_findbuf(self.buf)) do
    local room = api.nvim_win_get_width(win) - fn.strdisplaywidth(before)
    local _, _, needed = bar.fit_warnings(words.warnings, math.huge)
    -- The keys are in the list of keys too; words that warn are nowhere else.
    local text = needed <= room and before .. bar.to_option(bar.fit(words, room))
      or ' ' .. bar.to_option(bar.fit(words, api.nvim_win_get_width(win) - 1))
    api.nvim_win_call(win, function()
      vim.opt_local.statusline = text
    end)
  end
end

-- The cursor --------------------------------------------------------------------------------------

--- The row of the cursor, in the window that the user is in or else in the first one.
---@return integer|nil
function View:row()
  local win = api.nvim_get_current_win()
  if api.nvim_win_get_buf(win) ~= self.buf then
    win = fn.win_findbuf(self.buf)[1]
  end
  return win and api.nvim_win_get_cursor(win)[1]
end

--- Puts the cursor on a hunk, with as much of it in sight as there is room for; with the first one
--- also what must be known before it is accepted.
---@param index integer
function View:go_to(index)
  local at = self.page.hunks[index]
  if not at then
    return
  end
  local from = index == 1 and self.page.words or at.first
  local function is_in_sight()
    return fn.line('w0') <= from and fn.line('w$') >= at.last
  end
  for _, win in ipairs(fn.win_findbuf(self.buf)) do
    api.nvim_win_set_cursor(win, { at.first, 0 })
    api.nvim_win_call(win, function()
      for i, top in ipairs({ 1, from }) do
        -- The title comes back with the first one, if there is room for both.
        if not is_in_sight() or (i == 1 and index == 1) then
          fn.winrestview({ topline = top, lnum = at.first, col = 0 })
        end
      end
    end)
  end
end

--- Goes along with what comes from now on, and to the first hunk in the end.
function View:follow()
  for _, win in ipairs(fn.win_findbuf(self.buf)) do
    api.nvim_win_set_cursor(win, { api.nvim_buf_line_count(self.buf), 0 })
  end
end

--- Whether the key that is being handled may accept some hunks: the beginning and the end of each
--- were in sight, and what must be known before.
---@param list integer[]
---@return boolean
---@return string|nil why not, and what to do
function View:may_accept(list)
  self.wanted = {}
  local shown = self.page
  local function add(first, last)
    for row = first, last do
      self.wanted[#self.wanted + 1] = row
    end
  end
  if shown.words then
    add(shown.words, shown.hunks[1].first - 1)
  end
  for _, i in ipairs(list) do
    local at = shown.hunks[i]
    -- Its header says how it stands, which changes.
    add(at.first + 1, at.must)
    add(at.change, at.change)
  end
  return self.watch:counts()
end

--- Whether the key that is being handled may refuse: it was not meant for what was there before.
---@return boolean
function View:may_refuse()
  local win = fn.win_findbuf(self.buf)[1]
  return self.watch:may_refuse() or (win ~= nil and #attention.in_front_of(win) > 0)
end

--- The hunk that a row belongs to.
---@param row integer
---@return integer|nil
function View:hunk_at(row)
  for i, at in ipairs(self.page.hunks) do
    if at.first <= row and row <= at.last then
      return i
    end
  end
end

return M
