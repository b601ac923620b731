-- The tools that read files and list them.

local bounds = require('venice.tools.bounds')
local errors = require('venice.errors')
local excerpt = require('venice.tools.excerpt')
local glob = require('venice.tools.glob')

local M = {}

-- Of a listing; the rest is found with a pattern.
local MAX_LISTED = 1000
local ROOM = 400

--- Whether a path, or a folder above it, is what a pattern as in .gitignore names.
---@param pattern string|nil
---@return (fun(path: string): boolean)|nil
---@return venice.Error|nil
function M.matcher(pattern)
  if pattern and #pattern > glob.MAX_PATTERN then
    local words = 'the pattern is longer than %d bytes'
    return nil, errors.new('bad_request', words:format(glob.MAX_PATTERN))
  end
  local rule = pattern and glob.rule(pattern)
  if not rule then
    return nil
  end
  return function(path)
    return glob.matches(rule, path)
  end
end

--- Gives the text of a file.
---@param job venice.ToolJob
function M.read_file(job)
  job:find(job.arguments.path, function(place)
    local file, err = job.session.offered:read(place)
    -- Of a range, the user's yes was for the range.
    if file and not job.arguments.first and not job.arguments.last then
      job.session:note_readable(place.path)
    end
    excerpt.answer(job, file, err, { path = place.path })
  end)
end

-- The paths that fit, and a note on the rest.
local function fit(job, files, is_cut)
  local kept, size = {}, ROOM
  for _, path in ipairs(files) do
    size = size + bounds.size(path) + 1
    if size > job.limit or #kept >= MAX_LISTED then
      break
    end
    kept[#kept + 1] = path
  end
  if #kept < #files then
    local words = 'the first %d of %s%d; narrow it with path or pattern'
    return kept, words:format(#kept, is_cut and 'more than ' or '', #files)
  elseif #kept == 0 and not is_cut then
    return kept, 'there is none'
  elseif is_cut then
    return kept, 'there are more; narrow it with path or pattern'
  end
  return kept
end

--- Gives the names of files.
---@param job venice.ToolJob
function M.list_files(job)
  local match, err = M.matcher(job.arguments.pattern)
  if err then
    return job:fail(err)
  end
  job:find(job.arguments.path or '.', function(place)
    job:walk(place, match, function(files, is_cut)
      local kept, note = fit(job, files, is_cut)
      local words = ('listed %d %s'):format(#kept, #kept == 1 and 'file' or 'files')
      job:answer({ path = place.path, files = bounds.list(kept), note = note }, words)
    end)
  end)
end

return M
