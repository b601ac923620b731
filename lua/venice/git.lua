-- How git is asked about a folder that may be hostile: nothing that its settings name is run, and
-- nothing is fetched or written.

local process = require('venice.process')

local M = {}

-- No monitor and no hook; no pager; no lock file.
local prefix = { 'git', '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null' }
vim.list_extend(prefix, { '-c', 'core.untrackedCache=false', '--no-pager', '--no-optional-locks' })

--- A command of git as a list of arguments.
---@param ... string[] parts of it
---@return string[]
function M.command(...)
  local argv = vim.list_extend({}, prefix)
  for _, part in ipairs({ ... }) do
    vim.list_extend(argv, part)
  end
  return argv
end

--- Its environment. What is missing in a partial clone is not fetched; git speaks English.
---@return string[]
function M.environment()
  local list = { 'LC_ALL=C', 'GIT_NO_LAZY_FETCH=1', 'GIT_ALLOW_PROTOCOL=none' }
  for _, entry in ipairs(process.environment()) do
    if not entry:find('^LC_ALL=') then
      list[#list + 1] = entry
    end
  end
  return list
end

--- Runs a command of git.
---@param argv string[] from command()
---@param opts { cwd: string, timeout: number, max_output: integer, input: string|nil }
---@param callback fun(err: venice.Error|nil, result: venice.RunResult|nil) once, on the main loop
---@return venice.Run|nil
function M.run(argv, opts, callback)
  opts = vim.tbl_extend('force', opts, { env = M.environment() })
  return process.run(argv, opts, callback)
end

return M
