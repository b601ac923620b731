-- One call that runs, as a tool sees it: what it was given, how it gets at files, and where its
-- result goes. Exactly one result, whatever happens.

local errors = require('venice.errors')

local M = {}

---@class venice.ToolJob
---@field session venice.ToolSession
---@field arguments table
---@field limit integer bytes of its result
---@field on_result fun(result: table)
---@field on_update fun(words: string)
---@field ask_to_read fun(self: venice.ToolJob, path: string, on_yes: fun()) asks whether the model
---  may learn about a file; a no refuses the call
---@field is_over boolean|nil
---@field work { stop: fun() }|nil what has to be stopped with it
local Job = {}
Job.__index = Job

--- Makes a job of its fields.
---@param fields table
---@return venice.ToolJob
function M.new(fields)
  return setmetatable(fields, Job)
end

--- Ends it; only the first result counts.
---@param result table the fields of venice.ToolResult that it has
function Job:finish(result)
  if not self.is_over then
    self.is_over = true
    self.on_result(result)
  end
end

--- The result.
---@param result string|table
---@param words string for the user
function Job:answer(result, words)
  self:finish({ result = result, words = errors.printable(words) })
end

--- It did not work.
---@param err venice.Error
function Job:fail(err)
  local text = err.hint and ('%s; %s'):format(err.message, err.hint) or err.message
  local words = errors.printable(err.message)
  self:finish({ result = 'error: ' .. text, words = words, is_error = true })
end

--- The user said no, to a tool that asks by itself.
function Job:refuse()
  self:finish({ refused = true })
end

--- A callback of this call: whatever goes wrong in it, the call gets its result. It is not called
--- once the call is over.
---@param callback function
---@return function
function Job:safe(callback)
  return function(...)
    if self.is_over then
      return
    end
    local ok, failure = pcall(callback, ...)
    if not ok then
      self:fail(errors.new('internal', tostring(failure)))
    end
  end
end

--- Finds a file or folder that is offered; fails where there is none.
---@param path string
---@param found fun(place: venice.FilePlace)
---@param is_new boolean|nil it need not exist
function Job:find(path, found, is_new)
  local answered = self:safe(function(err, place)
    if err then
      return self:fail(err)
    end
    found(place)
  end)
  self.work = self.session.offered:find(path, is_new == true, answered)
end

--- Finds the files of a folder; fails where that is not possible.
---@param place venice.FilePlace
---@param match (fun(path: string): boolean)|nil
---@param found fun(files: string[], is_cut: boolean)
function Job:walk(place, match, found)
  local answered = self:safe(function(err, files, is_cut)
    if err then
      return self:fail(err)
    end
    found(files, is_cut)
  end)
  self.work = require('venice.tools.walk').start(self.session.offered, place, match, answered)
end

--- What it is doing.
---@param words string
function Job:update(words)
  self.on_update(words)
end

--- Ends what it has begun.
function Job:stop()
  if self.work then
    pcall(self.work.stop)
  end
end

return M
