-- The attestation view: a report in a scratch buffer.

local compat = require('venice.compat')
local report_text = require('venice.evidence.report_text')
local screen = require('venice.evidence.screen')

local M = {}

local LOWEST = 10 -- lines of its window
local REST = 5 -- lines of the screen that it leaves

M.lines = report_text.lines
M.summary = require('venice.evidence.report_words').summary

local function text_of(model, report)
  return function(width)
    return M.lines(model, report, width)
  end
end

--- Shows another report in a buffer of open().
---@param buffer integer
---@param model string
---@param report table
function M.update(buffer, model, report)
  screen.update(buffer, text_of(model, report))
end

-- Lines of a window that shows a text with its sections as they are when it is opened: the summary
-- and what it does not prove are in sight, and some of the window above stays.
local function height_for(text)
  local lines = #text.lines
  for _, fold in ipairs(text.folds) do
    lines = lines - (fold.closed and fold.last - fold.first or 0)
  end
  return math.max(LOWEST, math.min(lines, vim.o.lines - REST))
end

-- The view of a model that is open already: its window and buffer.
local function find(model)
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    local buffer = vim.api.nvim_win_get_buf(window)
    if vim.b[buffer].venice_attestation == model then
      return window, buffer
    end
  end
end

--- Shows a report in the view of its model, if that is open.
---@param model string
---@param report table
function M.refresh(model, report)
  local _, buffer = find(model)
  if buffer then
    M.update(buffer, model, report)
  end
end

--- Opens the view in a split, or shows the report in the view of this model that is open already.
---@param model string
---@param report table
---@param opts table|nil { on_reattest = fun(), command = 'botright split' }
---@return integer buffer
function M.open(model, report, opts)
  opts = opts or {}
  compat.check('on_reattest', opts.on_reattest, 'function', true)
  local _, buffer = find(model)
  if buffer then
    screen.focus(buffer)
    M.update(buffer, model, report)
    return buffer
  end
  local name = 'venice://attestation/' .. require('venice.errors').printable(model)
  local height = height_for(M.lines(model, report, vim.o.columns))
  buffer = screen.open(name, 'venice-attestation', text_of(model, report), {
    command = opts.command or ('botright %dsplit'):format(height),
    height = height,
    keys = opts.on_reattest and { r = { opts.on_reattest, 'attest anew' } },
  })
  vim.b[buffer].venice_attestation = model
  return buffer
end

return M
