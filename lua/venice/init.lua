-- require('venice'): options, and what other plugins and status lines may ask.

local M = {}

--- Sets the options; optional to call. Raises with the name of the one that is wrong, and then
--- nothing runs before a call that is right.
---@param opts table|nil see :help venice-options
function M.setup(opts)
  require('venice.config').setup(opts)
end

-- Before the first use there is no chat, and asking for one would load everything.
local function current_chat()
  local chats = package.loaded['venice.chat']
  return chats and chats.current()
end

---@class venice.Status
---@field state 'idle'|'attesting'|'waiting'|'streaming'
---@field model string|nil
---@field level 'none'|'binding'|'dcap'|'measured'
---@field tcb string|nil
---@field simulated boolean
---@field error { code: string, message: string }|nil the last failure, until the next request
---@field usage table|nil

--- The state of the current buffer's chat, else of the chat that was used last.
---@return venice.Status
function M.status()
  local chat, config = current_chat(), require('venice.config')
  local failure = config.failure()
  if not chat then
    return {
      state = 'idle',
      model = not failure and config.get().model or nil,
      level = 'none',
      simulated = false,
      error = failure and { code = failure.code, message = failure.message },
    }
  end
  local report, err = chat.report or {}, failure or chat.error
  return {
    state = chat.state,
    model = chat.model,
    level = report.level or 'none',
    tcb = report.status,
    simulated = report.simulated == true,
    error = err and { code = err.code, message = err.message } or nil,
    usage = chat.usage,
  }
end

local is_shown = false

-- What the chat does, or how its last request failed. An answer may still come from the model that
-- the chat had before.
local function activity(chat)
  local err = chat.error
  if chat.state == 'idle' then
    return chat.preparing or err and err.code
  end
  local request = chat.request
  local words = request and request:progress_words() or chat.state
  if request and request.model and request.model ~= chat.model then
    words = ('%s (%s)'):format(words, require('venice.errors').printable(request.model))
  end
  return words
end

--- One line for a status line; empty before the first use. Holds no `%`.
---@return string
function M.statusline()
  local chat = current_chat()
  if not chat then
    return ''
  end
  is_shown = true
  local words = require('venice.chat.bar').words(chat, activity(chat))
  return (words:gsub('%%', ''))
end

--- Draws status lines anew, where statusline() stands in one.
---@private
function M._redraw_status()
  if is_shown then
    is_shown = false
    vim.cmd('redrawstatus!')
  end
end

-- Events ------------------------------------------------------------------------------------------

local last_event

--- The last User event as { event, data }; Neovim 0.7 hands no data to autocommands.
---@return { event: string, data: table }|nil
function M.last_event()
  return last_event and vim.deepcopy(last_event)
end

--- Fires a User autocommand. Never with plaintext in its data. What fails in somebody else's is
--- shown, and stops nothing of ours.
---@private
---@param name string
---@param data table
function M._event(name, data)
  last_event = vim.tbl_extend('error', { event = name, data = data }, {})
  local ok, message = pcall(require('venice.compat').user_event, name, data)
  if not ok then
    require('venice.errors').warn(message)
  end
end

--- Says that a request is over.
---@private
---@param request { id: integer, model: string, usage: table|nil }
---@param outcome 'ok'|'error'|'stopped'|'cut_off'
---@param err venice.Error|nil
function M._finished(request, outcome, err)
  M._event('VeniceRequestFinished', {
    id = request.id,
    model = request.model,
    outcome = outcome,
    code = err and err.code or nil,
    usage = request.usage,
  })
end

--- Says that an enclave was attested.
---@private
---@param model string
---@param report table
function M._attested(model, report)
  M._event('VeniceAttested', {
    model = model,
    level = report.level,
    accepted = report.accepted,
    reason = report.reason,
    simulated = report.simulated == true,
  })
end

return M
