-- The option `tools` with its defaults.

local M = {}

---@class venice.ToolOptions
---@field names table<string, boolean> the tools that are offered
---@field exclude string[] patterns as in .gitignore, of files that are not offered
---@field max_rounds integer how often a model may call tools before the user says something
---@field max_result integer bytes of one result as the model gets it; of a round, four times that
---@field command { timeout: number, max_output: integer } seconds and bytes

M.MAX_ROUNDS = 8
M.MAX_RESULT = 32 * 1024

-- What usually holds secrets, whether git ignores it or not.
M.exclude = {
  '.env',
  '.env.*',
  '*.pem',
  '*.key',
  '*.p12',
  '*.kdbx',
  'id_rsa*',
  'id_ed25519*',
  '.netrc',
  '.pgpass',
  '.git-credentials',
  '.ssh/',
  '.gnupg/',
  '.aws/',
  '.password-store/',
}

local function offered_names(given)
  local names = {}
  for _, name in ipairs(given.enable or require('venice.config_checks').tool_names) do
    names[name] = true
  end
  for _, name in ipairs(given.disable or {}) do
    names[name] = nil
  end
  return names
end

--- Reads the option. Whether a chat begins with tools is not decided here.
---@param value boolean|table|nil as it passed the checks of setup()
---@return venice.ToolOptions
function M.read(value)
  local given = type(value) == 'table' and value or {}
  local process = require('venice.process')
  local command = given.command or {}
  return {
    names = offered_names(given),
    exclude = vim.deepcopy(given.exclude or M.exclude),
    max_rounds = given.max_rounds or M.MAX_ROUNDS,
    max_result = given.max_result or M.MAX_RESULT,
    command = {
      timeout = command.timeout or process.TIMEOUT,
      max_output = command.max_output or process.MAX_OUTPUT,
    },
  }
end

return M
