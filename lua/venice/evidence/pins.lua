-- The known enclaves: which machines have stood behind a model, since when, and which of them the
-- user has confirmed. Nothing of it is secret: measurements and compose texts are public.

local file = require('venice.evidence.pins_file')

local M = {}

---@class venice.PinsPlace whose enclaves
---@field service string the base_url
---@field model string
---@field root string 'intel', 'unsigned' or 'simulated:<sha256 of the root>'

---@class venice.Pin
---@field service string
---@field model string
---@field root string
---@field enclave table<string, string> { mrtd, rtmr1, rtmr2, mrconfigid_form, os_image_hash,
---  compose_hash | mrconfigid, app_id, key_provider, shape, custody_root }
---@field first_seen integer unix seconds
---@field last_seen integer
---@field trusted_at integer|nil since when the user trusts it; nil: first sight, not confirmed
---@field compose string|nil the compose text, which is public

M.path = file.path
M.read = file.read

-- Which enclaves ----------------------------------------------------------------------------------

--- Where a model's enclaves stand in the list. Under another root of trust, or where no signature
--- is verified, a machine is nobody's proof of anything: such never mix with real ones.
---@param options table the options of a client
---@param model string
---@return venice.PinsPlace|nil, venice.Error|nil
function M.place(options, model)
  local pem, err = require('venice.config').root_pem(options.verify, 'root_ca')
  if err then
    return nil, err
  end
  local root = pem and 'simulated:' .. vim.fn.sha256(pem) or 'intel'
  if options.verify.dcap == 'off' then
    root = 'unsigned'
  end
  return { service = options.base_url, model = model, root = root }
end

-- Whether two things, pins or places, are of the same place.
local function stands_at(pin, place)
  return pin.service == place.service and pin.model == place.model and pin.root == place.root
end

--- The pins of one place.
---@param place venice.PinsPlace
---@return venice.Pin[]|nil, venice.Error|nil
function M.of(place)
  local pins, err = M.read()
  return pins and vim.tbl_filter(function(pin)
    return stands_at(pin, place)
  end, pins), err
end

-- Every enclave has these; versions of this plugin that did not look at them stored none.
local ALWAYS = { 'rtmr1', 'rtmr2', 'mrconfigid_form', 'shape' }

--- The names of the values that an enclave was stored without, by an older version. The word of the
--- user about such an enclave does not cover them: it counts as not confirmed.
---@param enclave table
---@return string[]
function M.lacking(enclave)
  return vim.tbl_filter(function(name)
    return enclave[name] == nil
  end, ALWAYS)
end

-- Whether an enclave has all values of another, and more.
local function extends(enclave, other)
  for name, value in pairs(other) do
    if enclave[name] ~= value then
      return false
    end
  end
  return vim.tbl_count(enclave) > vim.tbl_count(other)
end

--- The pin that the user confirmed in the place of one that lacks values.
---@param pin venice.Pin
---@param pins venice.Pin[]
---@return venice.Pin|nil
function M.replacement(pin, pins)
  if #M.lacking(pin.enclave) == 0 then
    return nil
  end
  for _, other in ipairs(pins) do
    local is_confirmed = other.trusted_at and #M.lacking(other.enclave) == 0
    if is_confirmed and stands_at(pin, other) and extends(other.enclave, pin.enclave) then
      return other
    end
  end
end

--- As C takes them: nothing that changes while an enclave stays what it is. A pin that lacks values
--- would let another kernel pass as known, so it does not count beside the one that replaced it.
---@param pins venice.Pin[]
---@return table[]
function M.for_request(pins)
  local list = {}
  for _, pin in ipairs(pins) do
    if not M.replacement(pin, pins) then
      list[#list + 1] = vim.tbl_extend('force', pin.enclave, { confirmed = pin.trusted_at ~= nil })
    end
  end
  return list
end

local function find(pins, place, enclave)
  for _, pin in ipairs(pins) do
    if stands_at(pin, place) and vim.deep_equal(pin.enclave, enclave) then
      return pin
    end
  end
end

local function has_any(pins, place)
  for _, pin in ipairs(pins) do
    if stands_at(pin, place) then
      return true
    end
  end
  return false
end

local function new_pin(place, enclave, compose, now)
  return vim.tbl_extend('error', place, {
    enclave = vim.deepcopy(enclave),
    compose = compose,
    first_seen = now,
    last_seen = now,
  })
end

-- Whether an enclave with more values than a known one stands in the list already. Were each stored
-- that comes, the list would take in one enclave after the other.
local function has_extension(pins, place, enclave)
  for _, base in ipairs(pins) do
    if stands_at(base, place) and extends(enclave, base.enclave) then
      for _, pin in ipairs(pins) do
        if stands_at(pin, place) and extends(pin.enclave, base.enclave) then
          return true
        end
      end
    end
  end
  return false
end

--- Notes that an enclave was seen: a first sight is stored unconfirmed, where no other is known,
--- and so is, once, a known one that has more values than before; of one that is in the list, when
--- it was seen last. Never makes anything trusted.
---@param place venice.PinsPlace
---@param report table
---@param now integer
---@return venice.Pin|nil pin the enclave's, where it is in the list
---@return venice.Error|nil
function M.saw(place, report, now)
  -- The change may be made again, later.
  place = vim.deepcopy(place)
  local state, enclave = report.pin.state, vim.deepcopy(report.pin.enclave)
  local found
  local ok, err = file.update(function(pins)
    found = find(pins, place, enclave)
    if found then
      found.last_seen = now
      found.compose = found.compose or (report.code or {}).compose
      return true
    end
    local is_fuller = state == 'known' and not has_extension(pins, place, enclave)
    local is_news = is_fuller or state == 'first' and not has_any(pins, place)
    if is_news and next(enclave) then
      found = new_pin(place, enclave, (report.code or {}).compose, now)
      pins[#pins + 1] = found
      return true
    end
    return false
  end)
  return ok and found or nil, err
end

--- Makes an enclave trusted from now on.
---@param place venice.PinsPlace
---@param report table
---@param now integer
---@return true|nil, venice.Error|nil
function M.trust(place, report, now)
  place = vim.deepcopy(place)
  return file.update(function(pins)
    local pin = find(pins, place, report.pin.enclave)
    if not pin then
      pin = new_pin(place, report.pin.enclave, (report.code or {}).compose, now)
      pins[#pins + 1] = pin
    end
    pin.trusted_at = pin.trusted_at or now
    pin.last_seen = now
    pin.compose = (report.code or {}).compose or pin.compose
    return true
  end)
end

--- Forgets the enclaves of a place.
---@param place venice.PinsPlace
---@return integer|nil count, venice.Error|nil
function M.forget(place)
  place = vim.deepcopy(place)
  local count
  local ok, err = file.update(function(pins)
    count = 0
    for i = #pins, 1, -1 do
      if stands_at(pins[i], place) then
        table.remove(pins, i)
        count = count + 1
      end
    end
    return count > 0
  end)
  return ok and count or nil, err
end

--- The pin whose enclave has these values (`pin.previous` of a report).
---@param place venice.PinsPlace
---@param enclave table
---@return venice.Pin|nil
function M.find(place, enclave)
  return find(M.read() or {}, place, enclave)
end

return M
