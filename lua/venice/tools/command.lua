-- The tool that runs a command in the working folder, through process.lua: no shell, no key in its
-- environment, a limit of time and output. It is not in a sandbox, so it is asked for each time.

local bounds = require('venice.tools.bounds')
local errors = require('venice.errors')

local M = {}

local ROOM = 300

local function outcome_of(result, options)
  if result.outcome == 'timeout' then
    return ('ended after %g seconds, the limit'):format(options.timeout)
  elseif result.outcome == 'output' then
    return ('ended: it wrote more than %d bytes, the limit'):format(options.max_output)
  elseif result.signal ~= 0 then
    return ('ended by signal %d'):format(result.signal)
  end
  return ('exit code %d'):format(result.code)
end

--- Why a command cannot be one; nobody is asked about it.
---@param arguments table
---@return venice.Error|nil
function M.check(arguments)
  local argv = arguments.argv
  if #argv == 0 or argv[1] == '' then
    return errors.new('bad_request', 'argv is empty')
  end
  for _, argument in ipairs(argv) do
    if argument:find('%z') then
      return errors.new('bad_request', 'an argument cannot hold a NUL')
    end
  end
end

--- Runs the command.
---@param job venice.ToolJob
function M.run(job)
  local options = job.session.options.command
  local process = require('venice.process')
  local ended = job:safe(function(err, result)
    if err then
      return job:fail(err)
    end
    local outcome = outcome_of(result, options)
    local output = bounds.both_ends(result.output, job.limit - ROOM)
    job:answer({
      outcome = outcome,
      exit_code = result.outcome == 'exit' and result.signal == 0 and result.code or nil,
      output = output,
    }, outcome)
  end)
  job.work = process.run(job.arguments.argv, {
    cwd = job.session.offered.root,
    timeout = options.timeout,
    max_output = options.max_output,
  }, ended)
end

return M
