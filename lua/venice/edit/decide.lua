-- What the keys of a review do: hunks are accepted and refused, and when the last one is decided,
-- the accepted ones are applied together.
--
-- Whether a key counts is attention.lua's: nothing is accepted of which a line was not in sight.

local anchors = require('venice.edit.anchor')
local errors = require('venice.errors')
local page = require('venice.edit.page')
local words = require('venice.edit.words')

local M = {}

-- Where the cursor is elsewhere, u would be about another text.
local function way_back(buf, accepted)
  if vim.api.nvim_get_current_buf() == buf then
    return ('; u takes %s back'):format(accepted == 1 and 'it' or 'them')
  elseif #vim.fn.win_findbuf(buf) > 0 then
    return (', not written; u there takes %s back'):format(accepted == 1 and 'it' or 'them')
  end
  return (', not written; :sbuffer %d shows it'):format(buf)
end

-- Makes the changes where everything is decided. What fails leaves the review as it is.
local function settle(self)
  self:locate()
  local accepted, refused, total = self:tally()
  if accepted + refused < total then
    return false
  elseif accepted == 0 then
    self:finish(total > 0 and 'refused' or 'closed')
    return true
  end
  local list = {}
  for i, hunk in ipairs(self.hunks) do
    list[#list + 1] = self.decisions[i] == 'accepted' and hunk or nil
  end
  local err = self.anchor:apply(list)
  if err then
    errors.notify_later(err)
    return false
  end
  self:finish('applied')
  local text = '%d of %s applied to %s' .. way_back(self.opts.buf, accepted)
  local name = anchors.name(self.opts.buf)
  if #text + #name > vim.o.columns - 12 then
    name = vim.fn.fnamemodify(name, ':t') -- A message of two lines would wait for a key.
  end
  errors.notice(text:format(accepted, page.count(total, 'hunk'), name))
  return true
end

-- Deciding ----------------------------------------------------------------------------------------

-- Whether there is something to decide; says why not.
local function can_decide(self)
  if self.state == 'streaming' then
    errors.warn('the text is not complete yet; hunks can be accepted when it is')
  elseif self.state == 'failed' then
    errors.warn('there is nothing to accept')
  elseif #self.hunks == 0 then
    errors.warn('nothing would change; q closes this')
  else
    return true
  end
  return false
end

-- The next hunk that is not decided, from below `i` around to it.
local function next_undecided(self, i)
  for step = 1, #self.hunks do
    local other = (i + step - 1) % #self.hunks + 1
    if not self.decisions[other] then
      return other
    end
  end
end

-- The hunk that the cursor is on, or the first one below it.
local function current(self)
  local row = self.view:row() or 1
  local i = self.view:hunk_at(row)
  for other, at in ipairs(self.view.page.hunks) do
    i = i or at.first > row and other or nil
  end
  return i or #self.hunks
end

local function decide(self, i, decision)
  local before = self.decisions[i]
  self.decisions[i] = decision
  if settle(self) then
    return
  end
  if not next_undecided(self, i) then
    self.decisions[i] = before ~= decision and before or nil -- It could not be applied.
  end
  self:draw()
  local following = next_undecided(self, i)
  if following then
    self.view:go_to(following)
  end
end

--- Accepts the hunk under the cursor.
---@param self venice.Review
function M.accept(self)
  if not can_decide(self) then
    return
  end
  local i = current(self)
  self:locate()
  if not self.places[i] then
    local err = anchors.refusal(self.opts.buf)
    if err then
      return errors.notify_later(err)
    end
    self:draw()
    return errors.warn('this text was changed meanwhile: ' .. words.way_out(self))
  end
  local counts, why = self.view:may_accept({ i })
  if not counts then
    return errors.brief(why)
  end
  decide(self, i, 'accepted')
end

--- Refuses the hunk under the cursor.
---@param self venice.Review
function M.refuse(self)
  if can_decide(self) and self.view:may_refuse() then
    decide(self, current(self), 'refused')
  end
end

--- Accepts or refuses all hunks that are not decided.
---@param self venice.Review
---@param decision 'accepted'|'refused'
function M.rest(self, decision)
  if not can_decide(self) then
    return
  end
  self:locate()
  local left = {}
  for i in ipairs(self.hunks) do
    left[#left + 1] = not self.decisions[i] and self.places[i] and i or nil
  end
  if decision == 'accepted' then
    local counts, why = self.view:may_accept(left)
    if not counts then
      return errors.brief(why)
    end
  elseif not self.view:may_refuse() then
    return
  end
  local before, changed = vim.deepcopy(self.decisions), 0
  for i in ipairs(self.hunks) do
    if not self.decisions[i] then
      if decision == 'accepted' and not self.places[i] then
        changed = changed + 1
      else
        self.decisions[i] = decision
      end
    end
  end
  if settle(self) then
    return
  elseif changed == 0 then
    self.decisions = before -- It could not be applied.
  else
    local which = changed == 1 and 'one hunk was' or changed .. ' hunks were'
    errors.warn(which .. ' changed meanwhile: ' .. words.way_out(self))
  end
  self:draw()
  local following = next_undecided(self, #self.hunks)
  if following then
    self.view:go_to(following)
  end
end

-- The other keys ----------------------------------------------------------------------------------

--- Goes to the next hunk, or to the one before.
---@param self venice.Review
---@param direction 1|-1
function M.jump(self, direction)
  local row = self.view:row()
  local rows = self.view.page and self.view.page.hunks or {}
  local target
  for i, at in ipairs(rows) do
    if direction < 0 and at.first < row then
      target = i
    elseif direction > 0 and at.first > row then
      target = target or i
    end
  end
  if target then
    self.view:go_to(target)
  else
    errors.warn('there is no hunk ' .. (direction > 0 and 'below' or 'above'))
  end
end

--- Asks again, for the range as it is now.
---@param self venice.Review
function M.retry(self)
  if not self.opts.on_retry then
    return errors.warn('this cannot be asked again from here')
  end
  local err = anchors.refusal(self.opts.buf)
  if err then
    return errors.notify_later(err)
  elseif not self:restart() then
    return errors.warn('the lines that this is about have gone; select others and ask again')
  end
  self.opts.on_retry()
end

--- Stops what is on its way.
---@param self venice.Review
function M.stop(self)
  if self.state ~= 'streaming' or not self.opts.on_stop then
    return errors.warn('there is nothing to stop')
  end
  self.opts.on_stop()
end

--- Closes the review: what is accepted is applied, what is not decided is refused.
---@param self venice.Review
function M.quit(self)
  if not self.view:may_refuse() then
    return
  end
  if self.state == 'streaming' and self.opts.on_stop then
    self.opts.on_stop()
  end
  if self.state ~= 'final' or #self.hunks == 0 then
    return self:close()
  end
  for i in ipairs(self.hunks) do
    self.decisions[i] = self.decisions[i] or 'refused'
  end
  self:locate()
  for i in ipairs(self.hunks) do
    self.decisions[i] = self.decisions[i] or 'refused' -- An accepted one that was changed.
  end
  if not settle(self) then
    self:close()
  end
end

return M
