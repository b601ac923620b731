-- The words of a review: its keys, what must be known about it, and how its hunks stand.

local anchors = require('venice.edit.anchor')
local page = require('venice.edit.page')

local M = {}

local help = {
  '  a    accept this hunk            r    refuse this hunk',
  '  A    accept all that are left    R    refuse all that are left',
  '  ]c   the next hunk               [c   the hunk before',
  '  gr   ask again, all anew         <C-c>  stop what is on its way',
  '  q    close: what is accepted is applied, what is left is refused',
  '  <CR> open or close a section of this window',
  '  Your text changes when the last hunk is decided, and u takes that back.',
}

-- What can be done now, in one line of a narrow window.
local function key_line(self)
  local again = self.opts.on_retry and 'gr again  ' or ''
  if self.state == 'final' and #self.hunks > 0 then
    return 'a accept  r refuse  A R the rest  ]c [c move  ' .. again .. 'q close  ? help'
  elseif self.state == 'streaming' and self.opts.on_stop then
    again = '<C-c> stop  '
  end
  return again .. 'q close  ? help'
end

--- The lines that say what can be done.
---@param self venice.Review
---@return string[]
function M.keys(self)
  local lines = { key_line(self) }
  return self.shows_help and vim.list_extend(lines, help) or lines
end

--- What must be known before something is accepted.
---@param self venice.Review
---@return { text: string, group: string }[]
function M.words(self)
  local words = {}
  if self.err then
    words[1] = { text = 'nothing was changed: ' .. self.err.message, group = 'VeniceFail' }
    if self.err.hint then
      words[2] = { text = 'hint: ' .. self.err.hint, group = 'VeniceDim' }
    end
  elseif self.state == 'final' and #self.hunks == 0 then
    words[1] = { text = 'nothing would change', group = 'VeniceWarn' }
  end
  local gone = not self.anchor:is_there() and anchors.refusal(self.opts.buf)
  if gone then
    words[#words + 1] = { text = gone.message .. '; nothing can be applied', group = 'VeniceFail' }
  end
  for _, note in ipairs(self.notes) do
    words[#words + 1] = { text = note, group = 'VeniceWarn' }
  end
  return words
end

local looks = {
  accepted = { text = '✓ accepted', group = 'VeniceOk' },
  refused = { text = '✗ refused', group = 'VeniceDim' },
  undecided = { text = 'undecided', group = 'VeniceStatus' },
}

--- What to do about a hunk whose text was changed meanwhile.
---@param self venice.Review
---@return string
function M.way_out(self)
  return self.opts.on_retry and 'r refuses it, gr asks again' or 'r refuses it'
end

--- How a hunk stands.
---@param self venice.Review
---@param i integer
---@return { text: string, group: string }
function M.state(self, i)
  if self.decisions[i] or self.places[i] then
    return looks[self.decisions[i] or 'undecided']
  end
  return { text = 'changed meanwhile: ' .. M.way_out(self), group = 'VeniceWarn' }
end

--- What stands behind the title.
---@param self venice.Review
---@return string
function M.status(self)
  if self.state ~= 'final' then
    return self.words or ''
  end
  local accepted, refused, total = self:tally()
  local parts = { page.count(total, 'hunk') }
  parts[#parts + 1] = accepted > 0 and accepted .. ' accepted' or nil
  parts[#parts + 1] = refused > 0 and refused .. ' refused' or nil
  parts[#parts + 1] = self.words
  return table.concat(parts, ' · ')
end

return M
