-- Long work in short turns, so that it never holds the editor.

local uv = require('venice.compat').uv

local M = {}

-- A turn, and the pause after it, in milliseconds.
local TURN, PAUSE = 6, 1

--- Calls `step` until it says that it is through.
---@param step fun(): boolean|nil true: through
---@param done fun(failure: string|nil) once, later; `failure` is what `step` raised
---@return { stop: fun() } after which nothing is called any more
function M.run(step, done)
  local is_over = false
  local function turn()
    local deadline = uv.hrtime() + TURN * 1e6
    while not is_over do
      local ok, is_through = pcall(step)
      if not ok or is_through then
        is_over = true
        return done(not ok and tostring(is_through) or nil)
      elseif uv.hrtime() > deadline then
        return vim.defer_fn(turn, PAUSE)
      end
    end
  end
  vim.schedule(turn)
  return {
    stop = function()
      is_over = true
    end,
  }
end

return M
