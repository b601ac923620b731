-- The newest report on each model. A report belongs to a model at a service, under the options by
-- which it was judged: under any other it says nothing. The report of a chat is taken from here, by
-- the model that the chat has now, so that no report can come to stand beside another model.

local config = require('venice.config')

local M = {}

---@class venice.KnownReport
---@field report table
---@field options table base_url and verify, as they were when it was asked for

local known = {} ---@type table<string, venice.KnownReport>

--- Called with the id of a model whose report has changed.
---@type fun(model: string)|nil
M.on_change = nil

local function changed(model)
  if M.on_change then
    M.on_change(model)
  end
end

-- Options are replaced by setup(), never written to.
local function is_same(a, b)
  return a.base_url == b.base_url and (a.verify == b.verify or vim.deep_equal(a.verify, b.verify))
end

--- Keeps a report.
---@param model string that was asked for
---@param report table
---@param options table of the client that asked
function M.note(model, report, options)
  known[model] = { report = report, options = options }
  changed(model)
end

--- The newest report on a model under the options that hold now.
---@param model string|nil
---@return table|nil
function M.of(model)
  local entry = model and known[model]
  return entry and is_same(entry.options, config.last_good()) and entry.report or nil
end

--- Forgets the report on a model, whose session has been forgotten.
---@param model string
function M.forget(model)
  if known[model] then
    known[model] = nil
    changed(model)
  end
end

return M
