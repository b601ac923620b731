-- What users and integrators see when something fails: { code, message, hint }, always.
-- The texts are one sentence of what happened and one of what to do.

local M = {}

---@class venice.Error
---@field code string one of M.codes
---@field message string what happened: lower case, no period
---@field hint string|nil what to do about it

---@type table<string, boolean>
M.codes = {}
for code in
  ([[config no_library no_key key_command unauthorized payment not_found bad_request too_large
  rate_limited server connect dns tls timeout cut_off integrity malformed limit attestation
  cancelled internal]]):gmatch('%S+')
do
  M.codes[code] = true
end

-- For results that come from C as a bare number; where C has better words they are used instead.
local sentences = {
  config = { 'an option or a part of the request is not acceptable' },
  no_library = { 'the library is not built' },
  no_key = { 'no API key was found', 'set VENICE_API_KEY, or the option api_key' },
  key_command = { 'the command that prints the API key failed', 'run it in a shell and see' },
  unauthorized = { 'the service refused the API key', 'check the key that api_key names' },
  payment = { 'the balance of the account is used up', 'top it up at venice.ai, then try again' },
  not_found = { 'the service does not know this model', 'choose another one with :Venice model' },
  bad_request = { 'the service refused the request' },
  too_large = { 'the request is too large', 'send less at once' },
  rate_limited = { 'the service asks to slow down', 'wait a minute, then try again' },
  server = { 'the service failed', 'try again later' },
  connect = { 'no connection to the service', 'check the network and the option base_url' },
  dns = { 'the name of the service was not found', 'check the network and the option base_url' },
  tls = { 'the secure connection failed', 'check the clock, the CA bundle and the option tls_ca' },
  timeout = { 'the service did not answer in time', 'try again, or raise the option timeout' },
  cut_off = { 'the answer was cut off', 'try again with :Venice retry' },
  integrity = { 'a part of the answer was not authentic', 'do not trust the text; try again' },
  malformed = { 'what arrived is not what the protocol allows', 'try again' },
  limit = { 'what arrived is over a limit' },
  attestation = { 'the enclave did not prove itself', 'see :Venice attest' },
  cancelled = { 'stopped' },
  internal = { 'an unexpected failure inside', 'see :checkhealth venice' },
}

-- So that assert(e2ee.seal(…)) and error(err) say something.
local Error = {
  __tostring = function(err)
    return M.format(err)
  end,
}

--- Makes an error. Without a message the general words for the code are used.
---@param code string
---@param message string|nil
---@param hint string|nil
---@return venice.Error
function M.new(code, message, hint)
  if not M.codes[code] then
    code = 'internal'
  end
  local words = sentences[code]
  if not message or message == '' then
    message, hint = words[1], hint or words[2]
  end
  local err = { code = code, message = message, hint = hint ~= '' and hint or nil }
  return setmetatable(err, Error)
end

--- Text from outside as one line that is safe for a screen: control characters become spaces, and
--- characters that deceive are drawn as their codes.
---@param text any
---@return string
function M.printable(text)
  local line = tostring(text):gsub('[%z\1-\31\127]', ' ')
  return require('venice.hidden').shown(line)
end

--- Whether a failure is a lock on texts or windows, which goes away by itself: the command-line
--- window (E11), an expression that is evaluated (E523, E565), a window that is closing (E242).
---@param message any
---@return boolean
function M.is_text_lock(message)
  local text = tostring(message)
  for _, code in ipairs({ 'E11', 'E242', 'E523', 'E565', 'E1159', 'E1312' }) do
    if text:find('%f[%w]' .. code .. ':') then
      return true
    end
  end
  return false
end

--- A sentence cut to what fits into the message area without asking for a key.
---@param text string
---@return string
function M.one_line(text)
  local room = math.max(vim.v.echospace - 1, 20)
  local head = vim.fn.strcharpart(text, 0, room)
  return head == text and text or vim.fn.strcharpart(text, 0, room - 1) .. '…'
end

--- The two lines that a user reads.
---@param err venice.Error
---@return string
function M.format(err)
  local text = 'venice: ' .. M.printable(err.message)
  if err.hint then
    text = text .. '\nhint: ' .. M.printable(err.hint)
  end
  return text
end

local last_text, last_time

-- One command may meet the same failure on two paths; it is said once.
local function say(text, level)
  local now = (vim.uv or vim.loop).now()
  if text == last_text and now - last_time < 1000 then
    return
  end
  last_text, last_time = text, now
  vim.notify(text, level)
end

--- Shows an error. The same text within a second is shown once.
---@param err venice.Error
---@param level integer|nil vim.log.levels, default ERROR
---@param is_seen boolean|nil all of it is on the screen already: one line, which asks for no key
function M.notify(err, level, is_seen)
  local text = M.format(err)
  if is_seen then
    text = M.one_line(text:match('^[^\n]*'))
  end
  say(text, level or vim.log.levels.ERROR)
end

--- Shows an error on the next turn of the main loop: one that is shown inside a command would look
--- like a failure of the command.
---@param err venice.Error
---@param is_seen boolean|nil as for notify()
function M.notify_later(err, is_seen)
  vim.schedule(function()
    M.notify(err, nil, is_seen)
  end)
end

--- Shows a sentence that is no error.
---@param text string
---@param level integer|nil vim.log.levels, default INFO
function M.notice(text, level)
  say('venice: ' .. M.printable(text), level or vim.log.levels.INFO)
end

--- Shows a sentence that is no error, but to be heeded.
---@param text string
function M.warn(text)
  M.notice(text, vim.log.levels.WARN)
end

--- As warn(), on one line that asks for no key: for somebody who is typing.
---@param text string
function M.brief(text)
  say(M.one_line('venice: ' .. M.printable(text)), vim.log.levels.WARN)
end

return M
