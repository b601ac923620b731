-- The words for what a report says: for the view, window bars and status lines. They come from the
-- report and nowhere else. Pure.

local date = require('venice.evidence.text').date
local printable = require('venice.errors').printable

local M = {}

local levels = {
  none = 'nothing was proven',
  binding = 'the key belongs to this quote, whose signature was not verified',
  dcap = 'genuine hardware, code unknown',
  measured = 'the code that runs is the code you accepted',
}

-- A gateway passes prompts on: what is known of it is known of no model.
local gateway_levels = {
  dcap = 'a gateway on genuine hardware, code unknown',
  measured = "the gateway's code that runs is the code you accepted",
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

--- What the level means, in words.
---@param report table
---@return string
function M.level(report)
  if report.level == 'none' and report.reason then
    return levels.none .. ': what fails takes the worth of what holds'
  end
  local words = report.gateway and gateway_levels[report.level]
  return words or levels[report.level] or ''
end

--- What the level rests on: what is known of the enclave. Nil where there is nothing to say.
---@param report table
---@return string|nil
function M.known(report)
  local pin, level = pin_of(report), report.level
  if is_changed(report) then
    return 'CHANGED: it is not an enclave that you know'
  elseif level == 'measured' then
    local is_trusted = pin.state == 'confirmed'
    local since = pin.trusted_at and ' on ' .. date(pin.trusted_at) or ' before'
    return is_trusted and 'you trusted it' .. since or 'it is on your list (verify.measurements)'
  elseif pin.state == 'first' then
    return 'first seen now, not confirmed: :Venice trust'
  elseif pin.state == 'known' then
    local since = pin.first_seen and ' since ' .. date(pin.first_seen) or ''
    return 'known' .. since .. ', not confirmed: :Venice trust'
  elseif pin.state == 'confirmed' then
    return 'an enclave that you trust'
  end
end

--- Days are shown without their time.
---@param value any RFC 3339
---@return string
function M.day(value)
  return printable(value or '?'):sub(1, 10)
end

--- Since when the platform has been out of date; nil where it is not, or nobody says.
---@param report table
---@return string|nil
function M.out_of_date_since(report)
  local is_old = tostring(report.status):find('^OutOfDate') or report.status == 'Revoked'
  local since = report.out_of_date_since
  return is_old and type(since) == 'string' and M.day(since) or nil
end

--- A long value by its two ends.
---@param value any
---@return string
function M.short(value)
  local text = printable(value)
  return #text <= 15 and text or text:sub(1, 8) .. '…' .. text:sub(-6)
end

--- Who can get the key of a gateway; nil for the enclave of a model, and where nothing is known.
---@param report table
---@return string|nil words
---@return boolean|nil is_known whether it is a root that we know
function M.custody(report)
  local aci = type(report.aci) == 'table' and report.aci or {}
  local custody = type(aci.custody) == 'table' and aci.custody or {}
  if type(custody.root) == 'string' then
    local words = ('the KMS of %s can hand out this key'):format(M.short(custody.root))
    local is_unknown = custody.root_known == false
    return is_unknown and words .. '; that root is not one that we know' or words, not is_unknown
  elseif report.gateway then
    return 'it is not shown which KMS can hand out this key', false
  end
end

M.GATEWAY = 'gateway; what stands behind it shows no evidence'

--- The enclave in a few words; nil where nothing is known or looked at.
---@param report table
---@return string|nil
function M.enclave(report)
  local pin = pin_of(report)
  if pin.state == 'confirmed' then
    return pin.trusted_at and 'trusted since ' .. date(pin.trusted_at) or 'trusted enclave'
  elseif pin.state == 'known' and type(pin.missing) == 'table' and #pin.missing > 0 then
    return 'to be confirmed again'
  end
  return ({ first = 'first seen', known = 'known enclave', changed = 'CHANGED' })[pin.state]
end

-- Pieces ------------------------------------------------------------------------------------------

---@class venice.Piece
---@field text string
---@field full string|nil in its place, where there is room
---@field group string|nil a highlight group: the piece warns, and is never left out

local FAIL, WARN = 'VeniceBarFail', 'VeniceBarWarn'

local function add_warnings(pieces, report)
  local is_refused = not report.accepted and not M.is_unverified(report)
  if is_refused then
    pieces[#pieces + 1] = { text = 'REFUSED', group = FAIL }
  end
  if is_changed(report) then
    pieces[#pieces + 1] = { text = 'CHANGED', full = 'enclave CHANGED', group = FAIL }
  end
  if M.is_unverified(report) then
    pieces[#pieces + 1] = { text = 'UNVERIFIED', group = FAIL }
  end
  if report.simulated then
    pieces[#pieces + 1] = { text = 'SIMULATED', group = WARN }
  end
  return is_refused
end

local function add_level(pieces, report)
  local level = printable(report.level)
  local words = levels[report.level]
  local piece = { text = level, full = words and level .. ': ' .. words }
  if report.gateway then
    piece.text, piece.full = 'gateway ' .. level, M.GATEWAY .. ' · ' .. (piece.full or level)
  end
  if not M.proves_hardware(report) then
    -- The words are no longer than what they must not be without.
    piece.full = nil
    piece.text = piece.text .. ' · quote signature not verified'
  end
  pieces[#pieces + 1] = piece
end

local function add_platform(pieces, report)
  if M.proves_hardware(report) and report.status then
    local words, since = 'TDX ' .. M.status(report.status), M.out_of_date_since(report)
    pieces[#pieces + 1] = { text = words, full = since and words .. ' since ' .. since or nil }
  end
end

local function add_gpu(pieces, report)
  local gpu = report.gpu
  if type(gpu) == 'table' then
    local genuine = gpu.relayed and 'GPU genuine but relayed' or 'GPU genuine'
    pieces[#pieces + 1] = { text = gpu.verified and genuine or 'GPU not verified' }
  end
end

--- What a report says in a few words, the most important first. Those that warn have a highlight
--- group.
---@param report table
---@return venice.Piece[]
function M.pieces(report)
  local pieces = {}
  if add_warnings(pieces, report) then
    if report.reason and not (is_changed(report) and report.reason == 'pin_changed') then
      pieces[#pieces + 1] = { text = printable(report.reason) }
    end
  elseif not M.is_unverified(report) then
    add_level(pieces, report)
    add_platform(pieces, report)
    add_gpu(pieces, report)
    if not is_changed(report) then
      local words = M.enclave(report)
      pieces[#pieces + 1] = words and { text = words } or nil
    end
  end
  return pieces
end

--- The one line of trust, for whoever has room for all of it.
---@param report table|nil
---@return string
function M.summary(report)
  local words = {}
  for i, piece in ipairs(report and M.pieces(report) or {}) do
    words[i] = piece.full or piece.text
  end
  return report and table.concat(words, ' · ') or 'not attested'
end

return M
