-- When a window that asks something may open, and whether it may take the cursor.

local errors = require('venice.errors')

local api, fn = vim.api, vim.fn
local M = {}

-- Between two tries, in milliseconds, and how often opening may fail.
local RETRY, MAX_FAILURES = 150, 40

--- Whether a window that opens now may take the cursor: the user waits in the chat that asks.
---@param buf integer|nil of the chat
---@return boolean
function M.may_take_cursor(buf)
  return buf == api.nvim_get_current_buf() and api.nvim_get_mode().mode == 'n'
end

-- In these modes another window can come and go without ending what the user is at.
local function is_free()
  local mode = api.nvim_get_mode()
  local kind = mode.mode:match('^no') and 'no' or mode.mode:sub(1, 1)
  local is_other = mode.blocking or fn.getcmdwintype() ~= '' or fn.pumvisible() == 1
  return not is_other and ('niR'):find(kind, 1, true) ~= nil
end

--- Opens a window that asks something, as soon as the user's mode allows it.
---@param words string who wants what
---@param open fun() may raise, and is then called again
---@param give_up fun(failure: string) it raised too often
---@return { stop: fun() }
function M.when_free(words, open, give_up)
  local is_over, failures, was_announced = false, 0, false
  local function try()
    if is_over then
      return
    elseif is_free() then
      local ok, failure = pcall(open)
      failures = failures + 1
      if ok or failures >= MAX_FAILURES then
        is_over = true
        return not ok and give_up(tostring(failure)) or nil
      end
    elseif not was_announced then
      was_announced = true
      errors.warn(words .. ', and asks when you are back in normal mode')
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

return M
