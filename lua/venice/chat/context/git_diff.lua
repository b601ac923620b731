-- What git says has changed, for #diff. The repository may be hostile: nothing that its settings
-- name is run. That takes two steps, for the names of its filters must be known to be turned off.

local errors = require('venice.errors')
local git = require('venice.git')

local M = {}

local TIMEOUT = 20 -- seconds, of each step
local MAX_SETTINGS = 64 * 1024
local MAX_FILTERS = 100

-- No program for a kind of file, and none for the inside of a submodule; the user's own ways to
-- show a diff do not count.
local diff = { 'diff', '--patch', '--no-ext-diff', '--no-textconv', '--ignore-submodules=dirty' }
vim.list_extend(diff, { '--submodule=short', '--no-color', '--no-relative' })
vim.list_extend(diff, { '--src-prefix=a/', '--dst-prefix=b/' })

-- The settings that turn every filter off. A name with `=` would be another setting.
local function without_filters(names)
  local settings, seen, count = {}, {}, 0
  for name in names:gmatch('[^%z]+') do
    local filter = name:match('^filter%.(.*)%.[^.]*$')
    if filter and not seen[filter] then
      seen[filter], count = true, count + 1
      if filter:find('=', 1, true) or count > MAX_FILTERS then
        return nil
      end
      for _, setting in ipairs({ 'clean=', 'smudge=', 'process=', 'required=false' }) do
        vim.list_extend(settings, { '-c', ('filter.%s.%s'):format(filter, setting) })
      end
    end
  end
  return settings
end

-- Why git has failed, in its own words.
local function failure(result)
  if result.outcome == 'stopped' then
    return errors.new('cancelled')
  elseif result.outcome == 'timeout' then
    return errors.new('timeout', ('git took longer than %d seconds'):format(TIMEOUT))
  end
  local line = result.output:match('[^\n]*%S[^\n]*') or ('it ended with %d'):format(result.code)
  line = line:gsub('^%l+: ', '')
  if line:find("'HEAD'", 1, true) then
    return errors.new('not_found', 'there is no commit yet', '#diff:staged shows what is staged')
  end
  return errors.new('not_found', 'git says: ' .. line:sub(1, 200))
end

---@class venice.GitDiff
---@field stop fun()

--- Asks git for the changes of a working tree, or of what is staged.
---@param folder string inside of the repository
---@param is_staged boolean
---@param max_size integer bytes
---@param done fun(err: venice.Error|nil, text: string|nil) later, on the main loop, once
---@return venice.GitDiff
function M.run(folder, is_staged, max_size, done)
  local handle, stopped = nil, false
  local function step(argv, size, is_fine, next)
    if stopped then
      return done(errors.new('cancelled'))
    end
    local opts = { cwd = folder, timeout = TIMEOUT, max_output = size }
    handle = git.run(argv, opts, function(err, result)
      if err then
        done(errors.new('not_found', err.message, 'install git, and look at PATH'))
      elseif result.outcome == 'output' then
        done(errors.new('too_large', 'what git says is over the limit'))
      elseif result.outcome ~= 'exit' or not is_fine[result.code] then
        done(failure(result))
      else
        next(result.stdout)
      end
    end)
  end
  local function ask(settings)
    local what = is_staged and '--cached' or 'HEAD'
    step(git.command(settings, diff, { what, '--' }), max_size, { [0] = true }, function(text)
      done(nil, text)
    end)
  end
  local list = { 'config', '-z', '--name-only', '--get-regexp', '^filter\\.' }
  step(git.command({ 'rev-parse', '--show-toplevel' }), MAX_SETTINGS, { [0] = true }, function()
    -- 1: there is none.
    step(git.command(list), MAX_SETTINGS, { [0] = true, [1] = true }, function(names)
      local settings = without_filters(names)
      if not settings then
        return done(
          errors.new('bad_request', 'the filters of this repository cannot be turned off')
        )
      end
      ask(settings)
    end)
  end)
  return {
    stop = function()
      stopped = true
      if handle then
        handle.stop()
      end
    end,
  }
end

return M
