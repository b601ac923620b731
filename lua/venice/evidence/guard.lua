-- What stands between a request of the plugin and the enclave that answers: the pins that go with
-- it, what is noted of the enclave that was seen, and the question when it is not the one of
-- yesterday. client.lua calls this for the plugin's own client; the library's clients have none.

local pins = require('venice.evidence.pins')

local M = {}

local function is_watching(options)
  return options.verify.attestation and options.verify.pin ~= 'off'
end

--- The pins that go with a request.
---@param options table
---@param model string
---@return table[]|nil pins, venice.Error|nil
function M.pins(options, model)
  if not is_watching(options) then
    return nil
  end
  local place, err = pins.place(options, model)
  local known
  if place then
    known, err = pins.of(place)
  end
  return known and pins.for_request(known) or nil, err
end

local said = {}

--- Says, once a model, that an enclave which the user confirmed counts as not confirmed any more.
---@private
---@param model string
---@param pin table
function M.say_missing(model, pin)
  if type(pin.missing) ~= 'table' or #pin.missing == 0 or said[model] then
    return
  end
  said[model] = true
  local errors = require('venice.errors')
  local words = 'the enclave of %s is not confirmed any more: %s; confirm it: :Venice trust %s'
  local why = require('venice.evidence.trust_text').missing(pin.missing)
  errors.warn(words:format(model, why, model))
end

--- Notes what was seen, and puts into the report since when the enclave is known and trusted.
---@param options table
---@param model string
---@param report table
function M.seen(options, model, report)
  local pin = report.pin
  if not is_watching(options) or type(pin) ~= 'table' or type(pin.enclave) ~= 'table' then
    return
  end
  local place = pins.place(options, model)
  if not place then
    return
  end
  local found, err
  -- What was refused for another reason is nobody's first sight.
  if report.accepted and not report.cached then
    found, err = pins.saw(place, report, os.time())
  else
    found = pins.find(place, pin.enclave)
  end
  if err then
    require('venice.errors').notify(err, vim.log.levels.WARN)
  end
  M.say_missing(model, pin)
  if found then
    pin.first_seen, pin.last_seen, pin.trusted_at =
      found.first_seen, found.last_seen, found.trusted_at
  end
end

--- Asks the user about an enclave that is not one of those that are known. Nil where there is
--- nobody to ask.
---@param options table
---@param model string
---@param report table
---@param answer fun(trusted: boolean) called once, unless close() comes first
---@return table|nil question with close()
function M.ask(options, model, report, answer)
  if options.verify.pin ~= 'ask' or #vim.api.nvim_list_uis() == 0 then
    return nil
  end
  return require('venice.evidence.trust').ask(options, model, report, answer)
end

--- Makes client.lua look here.
function M.install()
  require('venice.client').guard = M
end

return M
