-- The words for what a report says: for the view, window bars and status lines. They come from the
-- report and nowhere else. Pure.

local date = require('venice.evidence.text').date
local printable = require('venice.errors').printable

local M = {}

local levels = {
  none = 'nothing was proven',
  binding = 'the key belongs to this quote, whose signature was not verified',
  dcap = 'genuine Intel TDX hardware; which code runs there is not proven',
  measured = 'the code that runs is on your list (verify.measurements)',
}

local statuses = {
  UpToDate = 'up to date',
  SWHardeningNeeded = 'up to date, software hardening needed',
  ConfigurationNeeded = 'up to date, configuration needed',
  ConfigurationAndSWHardeningNeeded = 'up to date, configuration and software hardening needed',
  OutOfDate = 'out of date',
  OutOfDateConfigurationNeeded = 'out of date, configuration needed',
  Revoked = 'revoked',
}

--- The words for a TCB status.
---@param status any
---@return string
function M.status(status)
  return statuses[tostring(status)] or printable(status)
end

--- Whether Intel's certificates stand behind the report.
---@param report table
---@return boolean
function M.proves_hardware(report)
  return report.level == 'dcap' or report.level == 'measured'
end

--- With attestation switched off nothing is checked, so nothing can be accepted or fail.
---@param report table
---@return boolean
function M.is_unverified(report)
  return report.level == 'none' and not report.reason and #(report.checks or {}) == 0
end

local function pin_of(report)
  return type(report.pin) == 'table' and report.pin or {}
end

local function is_changed(report)
  return pin_of(report).state == 'changed'
end

--- What the level means, with what is known of the enclave.
---@param report table
---@return string
function M.level(report)
  local pin, level = pin_of(report), report.level
  if level == 'measured' and pin.state == 'confirmed' then
    local since = pin.trusted_at and 'on ' .. date(pin.trusted_at) or 'before'
    return 'the code that runs is the code you trusted ' .. since
  elseif level == 'dcap' and pin.state == 'first' then
    return 'first seen now, not confirmed: :Venice trust'
  elseif level == 'dcap' and pin.state == 'known' then
    local since = pin.first_seen and ' since ' .. date(pin.first_seen) or ''
    return 'known' .. since .. ', not confirmed: :Venice trust'
  elseif level == 'dcap' and pin.state == 'confirmed' then
    return 'an enclave that you trust; which code runs is not proven'
  elseif level == 'dcap' and pin.state == 'changed' then
    return 'CHANGED: it is not an enclave that you know'
  end
  return levels[level] or ''
end

--- The enclave in a few words; nil where nothing is known or looked at.
---@param report table
---@return string|nil
function M.enclave(report)
  local pin = pin_of(report)
  if pin.state == 'confirmed' then
    return pin.trusted_at and 'trusted since ' .. date(pin.trusted_at) or 'trusted enclave'
  end
  return ({ first = 'first seen', known = 'known enclave', changed = 'CHANGED' })[pin.state]
end

--- The one line of trust: the words for window bars and status lines.
---@param report table|nil
---@return string
function M.summary(report)
  if not report then
    return 'not attested'
  end
  local words = {}
  if report.simulated then
    words[1] = 'SIMULATED'
  end
  if M.is_unverified(report) then
    words[#words + 1] = 'UNVERIFIED'
  elseif not report.accepted then
    words[#words + 1] = 'REFUSED'
    if is_changed(report) and report.reason == 'pin_changed' then
      words[#words + 1] = 'enclave CHANGED'
    else
      words[#words + 1] = report.reason and printable(report.reason)
    end
  else
    words[#words + 1] = printable(report.level)
    if M.proves_hardware(report) then
      words[#words + 1] = report.status and 'TDX ' .. M.status(report.status) or nil
    else
      words[#words + 1] = 'quote signature not verified'
    end
    if report.gpu then
      local genuine = report.gpu.relayed and 'GPU genuine but relayed' or 'GPU genuine'
      words[#words + 1] = report.gpu.verified and genuine or 'GPU not verified'
    end
    words[#words + 1] = M.enclave(report)
  end
  return table.concat(words, ' · ')
end

return M
