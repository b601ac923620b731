-- A review of a proposed change: what is proposed, as far as it has come, and what is decided about
-- it. How it looks is page.lua and view.lua; what the keys do is decide.lua.

local View = require('venice.edit.view')
local anchors = require('venice.edit.anchor')
local hunks = require('venice.edit.hunks')
local later = require('venice.chat.later')
local page = require('venice.edit.page')
local words = require('venice.edit.words')

local api = vim.api
local uv = vim.uv or vim.loop

local INTERVAL = 80 -- milliseconds between two pictures of a text that is on its way
local SHARE = 10 -- a picture that took 20 ms is followed by 200 ms without one

---@class venice.Review
---@field opts venice.DiffOptions
---@field view venice.ReviewView
---@field anchor venice.Anchor
---@field state 'streaming'|'final'|'failed'|'over'
---@field hunks venice.Hunk[]
---@field decisions table<integer, 'accepted'|'refused'>
local Review = {}
Review.__index = Review

-- What is shown ---------------------------------------------------------------------------------

--- Finds where the hunks are now. One whose text has been changed is not accepted any more.
function Review:locate()
  self.places = {}
  for i, hunk in ipairs(self.hunks) do
    self.places[i] = self.anchor:locate(hunk)
    if not self.places[i] and self.decisions[i] == 'accepted' then
      self.decisions[i] = nil
    end
  end
end

local function model_of(self)
  local model = {
    title = self.opts.name,
    keys = words.keys(self),
    words = words.words(self),
    sections = self.sections,
    anchor = self.anchor,
    hunks = self.hunks,
    first = self.first,
    reached = self.reached,
  }
  if self.state == 'final' then
    self:locate()
    model.places, model.states = self.places, {}
    for i in ipairs(self.hunks) do
      model.states[i] = words.state(self, i)
    end
  end
  return model
end

--- How many are accepted, how many refused, and how many there are.
---@return integer accepted
---@return integer refused
---@return integer total
function Review:tally()
  local accepted, refused = 0, 0
  for i in ipairs(self.hunks) do
    accepted = accepted + (self.decisions[i] == 'accepted' and 1 or 0)
    refused = refused + (self.decisions[i] == 'refused' and 1 or 0)
  end
  return accepted, refused, #self.hunks
end

--- Draws it as it is now. Raises where a text lock forbids it.
function Review:draw()
  if not self.view:is_valid() then
    return
  end
  if self.state == 'streaming' and self.pending then
    local text = self.pending
    self.pending = nil
    self:_compare_so_far(type(text) == 'function' and text() or text)
  end
  self.view:show(page.build(model_of(self)))
  self.view:status(words.status(self))
end

-- A text that is on its way -----------------------------------------------------------------------

-- Whether a line may be the beginning of one of the next old lines, which would stay then.
local function may_stay(self, partial, count)
  for i = self.reached + 1, self.reached + count do
    local line = self.anchor.lines[i]
    if line and line:sub(1, #partial) == partial then
      return true
    end
  end
end

local AHEAD = 4

-- The last line may be a part of one: it is shown unless it may stay.
function Review:_compare_so_far(lines)
  lines = hunks.plain(lines)
  local partial = table.remove(lines)
  self.hunks, self.reached = hunks.so_far(self.anchor.lines, lines)
  local last, at = self.hunks[#self.hunks], self.reached + 1
  local is_open = last ~= nil and last.old_first + last.old_count == at
  local ahead = AHEAD + (is_open and #last.new_lines or 0)
  if not partial or partial == '' or may_stay(self, partial, ahead) then
    return
  elseif not is_open then
    last = { old_first = at, old_count = 0, new_first = #lines + 1, new_lines = {} }
    self.hunks[#self.hunks + 1] = last
  end
  last.new_lines[#last.new_lines + 1] = partial
end

--- Draws soon, and not more often than the editor bears.
function Review:draw_soon()
  if self.is_drawing or self.state == 'over' then
    return
  end
  self.is_drawing = true
  local wait = math.max(INTERVAL, SHARE * (self.cost or 0))
  vim.defer_fn(function()
    self.is_drawing = false
    if self.state == 'over' then
      return
    end
    local start = uv.hrtime()
    -- A text lock forbids to write; what comes next brings it along.
    if not pcall(self.draw, self) then
      self.cost = 0
      return self:draw_soon()
    end
    self.cost = math.min((uv.hrtime() - start) / 1e6, 100)
  end, wait)
end

--- The proposed lines: as far as they have come, or all of them.
---@param lines string[]|fun(): string[] the function is called when they are shown
---@param is_final boolean|nil
function Review:set_text(lines, is_final)
  if self.state ~= 'streaming' then
    return
  elseif not is_final then
    self.pending = lines
    return self:draw_soon()
  end
  lines = hunks.plain(type(lines) == 'function' and lines() or lines)
  self.hunks, self.reached, self.pending = hunks.between(self.anchor.lines, lines), nil, nil
  self.state, self.words = 'final', nil
  self.view.watch:again()
  local follows = self.view:is_valid() and self.view:row() == #self.view.keys
  later.when_possible(function()
    if self.state == 'final' then
      self:draw()
      if follows then
        self.view:go_to(1)
      end
    end
  end, function() end)
end

--- What is going on, behind the title.
---@param text string|nil
function Review:progress(text)
  self.words = text
  if self.state ~= 'over' then
    pcall(self.view.status, self.view, words.status(self))
  end
end

--- Nothing can be accepted: why.
---@param err venice.Error
function Review:fail(err)
  if self.state == 'over' then
    return
  end
  self.state, self.err, self.words, self.decisions = 'failed', err, nil, {}
  later.when_possible(function()
    self:draw()
  end, function() end)
end

--- A sentence that must be seen before anything is accepted.
---@param text string
function Review:note(text)
  self.notes[#self.notes + 1] = text
  self:draw_soon()
end

--- A text that can be looked at, closed at first: what was sent, what was said beside the code.
---@param summary string
---@param lines string[]
function Review:section(summary, lines)
  self.sections[#self.sections + 1] = { summary = summary, lines = hunks.plain(lines) }
  self:draw_soon()
end

--- Words for the status line of the view.
---@param text string|venice.BarWords
function Review:bar(text)
  pcall(self.view.bar, self.view, 'a accept  r refuse  ? keys', text)
end

--- The range as it is now (1-based). Nil where it has gone.
---@return integer|nil first
---@return integer last
function Review:range()
  return self.anchor:range()
end

--- The lines that are compared with: those of the range when it was remembered.
---@return string[]
function Review:lines()
  return self.anchor.lines
end

--- Begins anew, with the range as it is now.
---@return boolean ok false where the range has gone
function Review:restart()
  local first, last = self.anchor:range()
  if self.state == 'over' or not first or last < first then
    return false
  end
  self.anchor:clear()
  self.anchor, self.first = anchors.new(self.opts.buf, first, last), first
  self.state, self.hunks, self.decisions, self.reached = 'streaming', {}, {}, 0
  self.err, self.words, self.pending, self.notes, self.sections = nil, nil, nil, {}, {}
  self.view:follow()
  self:draw_soon()
  return true
end

-- The end -----------------------------------------------------------------------------------------

--- Ends it: its window goes, and whoever asked for it is told.
---@param outcome 'applied'|'refused'|'closed'
function Review:finish(outcome)
  if self.state == 'over' then
    return
  end
  local accepted, refused, total = self:tally()
  self.state = 'over'
  pcall(api.nvim_del_augroup_by_id, self.group)
  self.anchor:clear()
  later.when_possible(function()
    self.view:close()
  end, function()
    if self.opts.on_done then
      self.opts.on_done({
        outcome = outcome,
        accepted = outcome == 'applied' and accepted or 0,
        refused = refused,
        total = total,
      })
    end
  end)
end

--- Closes it; nothing is changed.
function Review:close()
  self:finish('closed')
end

local M = {}

--- Makes a review and opens its window.
---@param opts venice.DiffOptions
---@return venice.Review
function M.new(opts)
  local self = setmetatable({
    opts = opts,
    anchor = anchors.new(opts.buf, opts.first, opts.last),
    first = opts.first,
    state = 'streaming',
    hunks = {},
    decisions = {},
    reached = 0,
    notes = {},
    sections = {},
  }, Review)
  self.view = View.open(opts.buf, opts.stay)
  return self
end

return M
