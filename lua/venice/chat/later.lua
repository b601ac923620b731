-- Changes of a chat's buffer that must happen, if not now then soon: a text lock (an expression
-- mapping, a command-line window) forbids to change buffers for a moment.

local M = {}

local PAUSE = 50 -- milliseconds
local MAX_TRIES = 200

--- Makes a change as soon as it is possible, and not for ever; then goes on.
---@param change fun() may raise
---@param done fun()
function M.when_possible(change, done)
  local tries = 0
  local function try()
    tries = tries + 1
    if pcall(change) or tries >= MAX_TRIES then
      return done()
    end
    vim.defer_fn(try, PAUSE)
  end
  try()
end

return M
