-- Long work in short turns, so that it never holds the editor.

local uv = require('venice.compat').uv

local M = {}

-- A turn, and the pause after it, in milliseconds.
local TURN, PAUSE = 6, 1

--- Calls `step` until it says that it is through.
---@param step fun(): boolean|'wait'|nil true: through; 'wait': nothing to do before resume()
---@param done fun(failure: string|nil) once, later; `failure` is what `step` raised
---@return { stop: fun(), resume: fun() } after stop() nothing is called any more
function M.run(step, done)
  local is_over, is_waiting = false, false
  local function turn()
    local deadline = uv.hrtime() + TURN * 1e6
    while not is_over do
      local ok, state = pcall(step)
      if not ok or state == true then
        is_over = true
        return done(not ok and tostring(state) or nil)
      elseif state == 'wait' then
        is_waiting = true
        return
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
    resume = function()
      if is_waiting then
        is_waiting = false
        vim.schedule(turn)
      end
    end,
  }
end

return M
