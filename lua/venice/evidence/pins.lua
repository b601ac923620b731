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
---@field enclave table { mrtd, os_image_hash, compose_hash | mrconfigid, app_id, key_provider }
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

--- As C takes them: nothing that changes while an enclave stays what it is.
---@param pins venice.Pin[]
---@return table[]
function M.for_request(pins)
  return vim.tbl_map(function(pin)
    return vim.tbl_extend('force', pin.enclave, { confirmed = pin.trusted_at ~= nil })
  end, pins)
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

--- Notes that an enclave was seen: a first sight is stored unconfirmed, where no other is known; of
--- a known one, when it was last seen. Never makes anything trusted.
---@param place venice.PinsPlace
---@param report table
---@param now integer
---@return venice.Pin|nil pin the enclave's, where it is in the list
---@return venice.Error|nil
function M.saw(place, report, now)
  local state, enclave = report.pin.state, report.pin.enclave
  local found
  local ok, err = file.update(function(pins)
    found = find(pins, place, enclave)
    if found then
      found.last_seen = now
      found.compose = found.compose or (report.code or {}).compose
      return true
    end
    -- Known, but with more values than before; or the first of its place.
    local is_news = state == 'known' or state == 'first' and not has_any(pins, place)
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
  local count = 0
  local ok, err = file.update(function(pins)
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
