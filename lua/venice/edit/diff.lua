-- A proposed change of a range of a buffer, as hunks that the user accepts or refuses one by one.
-- Until the last one is decided nothing of the user's text changes; then all at once, in one step
-- of the undo tree.

local decide = require('venice.edit.decide')
local errors = require('venice.errors')
local reviews = require('venice.edit.review')

local api = vim.api
local M = {}

---@class venice.DiffOptions
---@field buf integer the user's buffer
---@field first integer 1-based
---@field last integer inclusive; first - 1 where lines are only put in, before `first`
---@field name string what is proposed, for the title
---@field on_done fun(result: venice.DiffResult)|nil exactly once
---@field on_retry fun()|nil asks anew, for the range as it is then
---@field on_stop fun()|nil stops what is still on its way
---@field stay boolean|nil the cursor stays in the user's window

---@class venice.DiffResult
---@field outcome 'applied'|'refused'|'closed' closed: without a decision, or nothing was shown
---@field accepted integer
---@field refused integer
---@field total integer

-- Keys --------------------------------------------------------------------------------------------

local function with(action, argument)
  return function(self)
    action(self, argument)
  end
end

local function toggle_section()
  pcall(vim.cmd, 'normal! za')
end

local function toggle_help(self)
  self.shows_help = not self.shows_help
  self:draw()
end

---@type table<string, { [1]: fun(review: venice.Review), [2]: string }>
local keys = {
  a = { decide.accept, 'accept this hunk' },
  r = { decide.refuse, 'refuse this hunk' },
  A = { with(decide.rest, 'accepted'), 'accept all hunks that are left' },
  R = { with(decide.rest, 'refused'), 'refuse all hunks that are left' },
  [']c'] = { with(decide.jump, 1), 'the next hunk' },
  ['[c'] = { with(decide.jump, -1), 'the hunk before' },
  gr = { decide.retry, 'ask again' },
  ['<C-c>'] = { decide.stop, 'stop what is on its way' },
  q = { decide.quit, 'close' },
  ['<CR>'] = { toggle_section, 'open or close a section' },
  ['?'] = { toggle_help, 'show or hide the keys' },
}

local function set_keys(self)
  for lhs, key in pairs(keys) do
    local opts = { buffer = self.view.buf, nowait = true, silent = true }
    opts.desc = 'venice: ' .. key[2]
    vim.keymap.set('n', lhs, function()
      if self.state ~= 'over' then
        key[1](self)
      end
    end, opts)
  end
end

-- What happens to the buffers ---------------------------------------------------------------------

-- The window of the review has gone, by :q or with its tab page.
local function closed(self, state)
  if state == 'streaming' and self.opts.on_stop then
    self.opts.on_stop()
  elseif state == 'final' and #self.hunks > 0 then
    errors.warn('the diff was closed; nothing was changed')
  end
  self:close()
end

local function watch(self)
  self.group = api.nvim_create_augroup('venice_diff_' .. self.view.buf, { clear = true })
  local function on(buf, events, callback)
    api.nvim_create_autocmd(events, { group = self.group, buffer = buf, callback = callback })
  end
  on(self.opts.buf, { 'TextChanged', 'TextChangedI', 'InsertLeave', 'BufReadPost' }, function()
    if self.state == 'final' then
      self:draw_soon()
    end
  end)
  on(self.opts.buf, { 'BufUnload', 'BufWipeout' }, function()
    self:draw_soon()
  end)
  on(self.view.buf, 'BufWipeout', function()
    local state = self.state
    if state ~= 'over' then
      vim.schedule(function()
        closed(self, state)
      end)
    end
  end)
end

--- Opens a review. Its text comes through set_text(), in parts or at once.
---@param opts venice.DiffOptions
---@return venice.Review
function M.open(opts)
  local buf = opts.buf == 0 and api.nvim_get_current_buf() or opts.buf
  if not api.nvim_buf_is_loaded(buf) then
    vim.fn.bufload(buf)
  end
  local review = reviews.new(vim.tbl_extend('force', opts, { buf = buf }))
  -- In the buffer: Neovim notes for the current one that <C-c> is mapped and does not interrupt.
  api.nvim_buf_call(review.view.buf, function()
    set_keys(review)
  end)
  watch(review)
  review:draw()
  review:bar(opts.name)
  return review
end

return M
