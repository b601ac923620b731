-- The text of the attestation view: what was checked, what follows, and what does not.
-- Its words come from the report and nowhere else. Pure: no buffer, no window.

local sections = require('venice.evidence.report_sections')
local words_of = require('venice.evidence.report_words')
local Text = require('venice.evidence.text')

local pad = Text.pad
local printable = require('venice.errors').printable

local M = {}

M.summary = words_of.summary

-- Columns of the summary's first and second word.
local LABEL, VALUE = 10, 12
local NARROW_LABEL, NARROW_VALUE = 9, 11
local NARROW = 70 -- columns of the whole text

-- What to do about a refusal, where it is not the same for all.
local hints = {
  td_debug = 'a debug enclave can be read by its operator: choose another model',
  nonce_source = 'the service did not take our nonce: attest anew, or choose another model',
  collateral_missing = 'check that verify.collateral_url can be reached',
  tcb_not_accepted = 'wait until the operator updates it, or see verify.accept_tcb in :help venice',
  pin_changed = 'see what changed, then trust it or leave it: :Venice trust {model}',
  measurement_not_allowed = 'see verify.measurements in :help venice',
  model_mismatch = 'nothing says whose enclave this is: choose another model',
  custody_missing = 'see verify.custody in :help venice',
  custody_root_not_allowed = 'see verify.custody in :help venice',
  custody_app_id_not_allowed = 'see verify.custody in :help venice',
  gpu_missing = "this model serves no GPU evidence: verify.gpu = 'auto' takes it without",
}
local DEFAULT_HINT = 'press r to attest anew; if it stays so, choose another model'

local function first_failure(report)
  for _, check in ipairs(report.checks or {}) do
    if not check.ok then
      return check
    end
  end
end

local function add_row(text, label, group, value, value_group, words, words_group)
  local is_narrow = text.width and text.width < NARROW
  local first = pad(label, is_narrow and NARROW_LABEL or LABEL)
  local second = value and pad(value, is_narrow and NARROW_VALUE or VALUE) or ''
  text:row({ '  ', { first, group }, { second, value_group } }, words, words_group)
end

local function add_header(text, model, report)
  local checked = report.checked_at and 'checked ' .. os.date('%H:%M:%S', report.checked_at) or ''
  if report.good_until then
    checked = checked .. ', good until ' .. os.date('%H:%M', report.good_until)
  end
  text:row({ { pad('Attestation of ' .. printable(model), 44), 'VeniceTitle' } }, checked)
end

local function refusal_sentence(report, failed)
  if report.reason == 'pin_changed' then
    return 'the enclave CHANGED: it is not one that you know'
  end
  local words = report.refusal and printable(report.refusal)
  if failed then
    local check = 'the check ' .. printable(failed.id) .. ' failed'
    return words and words .. '; ' .. check or check
  end
  return words or 'your policy does not accept it'
end

local function add_refusal(text, model, report)
  local failed = first_failure(report)
  local sentence = 'nothing is sent to this model: ' .. refusal_sentence(report, failed)
  if report.reason then
    sentence = sentence .. ' (' .. printable(report.reason) .. ')'
  end
  add_row(text, 'REFUSED', 'VeniceFail', nil, nil, sentence, 'VeniceFail')
  if failed and failed.detail then
    add_row(text, '', nil, nil, nil, printable(failed.detail))
  end
  local hint = (hints[report.reason] or DEFAULT_HINT):gsub('{model}', function()
    return printable(model)
  end)
  add_row(text, '', nil, nil, nil, 'what to do: ' .. hint)
end

local function add_warnings(text, report)
  local function warn(label, words)
    text:row({ '  ', { label .. ' ', 'VeniceFail' } }, words, 'VeniceFail')
  end
  if report.simulated then
    warn('SIMULATED', 'the root of trust was given by an option: this proves nothing')
  end
  if words_of.is_unverified(report) then
    warn('UNVERIFIED', 'verification is switched off (verify.attestation = false)')
  end
end

-- The summary -------------------------------------------------------------------------------------

-- Nobody must take the enclave of a gateway for that of a model.
local function add_gateway(text, report)
  if report.gateway then
    add_row(text, 'Enclave', 'VeniceLabel', nil, nil, words_of.GATEWAY, 'VeniceWarn')
  end
  local words, is_known = words_of.custody(report)
  if words then
    add_row(text, 'Key', 'VeniceLabel', nil, nil, words, not is_known and 'VeniceWarn' or nil)
  end
end

local function add_level(text, report)
  local is_good = report.accepted and words_of.proves_hardware(report)
  local group = is_good and 'VeniceOk' or 'VeniceWarn'
  local level = printable(report.level or 'none')
  add_row(text, 'Level', 'VeniceLabel', level, group, words_of.level(report))
end

local pin_groups = { confirmed = 'VeniceOk', changed = 'VeniceFail' }

-- What the enclave is to the user.
local function add_known(text, report)
  local words = words_of.known(report)
  if words then
    local state = type(report.pin) == 'table' and report.pin.state
    local group = pin_groups[state] or report.level ~= 'measured' and 'VeniceWarn' or 'VeniceOk'
    add_row(text, 'Pin', 'VeniceLabel', nil, nil, words, group)
  end
end

-- What keeps a pin or a list of measurements from naming the code.
local function add_missing(text, model, report)
  local function names(of)
    local list = type(of) == 'table' and type(of.missing) == 'table' and of.missing or {}
    return #list > 0 and printable(table.concat(list, ', ')) or nil
  end
  local pinned, listed = names(report.pin), names(report.allowlist)
  if pinned then
    local words = (
      'an older version stored your word without %s, so it does not count any more; '
      .. 'to confirm it again: :Venice trust %s'
    ):format(pinned, printable(model))
    add_row(text, '', nil, nil, nil, words, 'VeniceWarn')
  end
  if listed then
    local words = 'verify.measurements does not name the code: it lacks ' .. listed
    add_row(text, 'List', 'VeniceLabel', nil, nil, words, 'VeniceWarn')
  end
end

local function add_hardware(text, report)
  if not words_of.proves_hardware(report) then
    -- A refusal has no level, whatever else holds.
    local is_refused = not report.accepted and report.reason
    local words = is_refused and 'not proven: a check fails'
      or 'not proven: the signature of its quote was not verified'
    return add_row(text, 'Hardware', 'VeniceLabel', 'Intel TDX?', 'VeniceWarn', words)
  end
  local words, facts = 'genuine', {}
  if report.status then
    local since = words_of.out_of_date_since(report)
    words = words .. '; platform ' .. words_of.status(report.status)
    words = since and words .. ' since ' .. since or words
  end
  if report.tcb_date then
    facts[1] = 'TCB level of ' .. words_of.day(report.tcb_date)
  end
  if report.tcb_eval then
    facts[#facts + 1] = 'evaluation ' .. printable(report.tcb_eval)
  end
  if #facts > 0 then
    words = words .. ' (' .. table.concat(facts, ', ') .. ')'
  end
  local group = report.status == 'UpToDate' and 'VeniceOk' or 'VeniceWarn'
  add_row(text, 'Hardware', 'VeniceLabel', 'Intel TDX', group, words)
  if type(report.advisories) == 'table' and #report.advisories > 0 then
    add_row(text, '', nil, '', nil, printable(table.concat(report.advisories, ', ')))
  end
end

local function add_gpu(text, report)
  local gpu = report.gpu
  if type(gpu) ~= 'table' then
    if words_of.is_unverified(report) then
      return
    end
    return add_row(text, 'GPU', 'VeniceLabel', 'not shown', 'VeniceWarn', 'no GPU evidence')
  end
  local value = gpu.count and printable(gpu.count) .. ' NVIDIA' or 'NVIDIA'
  if not gpu.verified then
    return add_row(text, 'GPU', 'VeniceLabel', value, 'VeniceWarn', 'not verified')
  end
  local words = 'genuine, answered our nonce; where they sit cannot be proven'
  if gpu.relayed then
    words = 'genuine, but relayed: by its configuration the attested machine has none'
  end
  if gpu.firmware_bound == false then
    words = words .. '; firmware id could not be compared'
  end
  add_row(text, 'GPU', 'VeniceLabel', value, gpu.relayed and 'VeniceWarn' or 'VeniceOk', words)
end

local function add_answers(text, report)
  local receipt = report.receipt
  if type(receipt) ~= 'table' then
    if report.accepted then
      local whose = report.gateway and 'gateway' or 'enclave'
      local words = ('for this %s; no signature known yet'):format(whose)
      add_row(text, 'Answers', 'VeniceLabel', 'encrypted', 'VeniceOk', words)
    end
  elseif receipt.unchecked then
    local words = 'the signature of the last answer (' .. printable(receipt.unchecked) .. ')'
    add_row(text, 'Answers', 'VeniceLabel', 'not checked', 'VeniceWarn', words)
  elseif receipt.verified then
    local words = 'by the key that the quote binds; their text is not bound to it'
    add_row(text, 'Answers', 'VeniceLabel', 'signed', 'VeniceOk', words)
  else
    local words = 'what signs the last answer does not hold'
    if receipt.reason then
      words = words .. ' (' .. printable(receipt.reason) .. ')'
    end
    add_row(text, 'Answers', 'VeniceLabel', 'INVALID', 'VeniceFail', words)
  end
end

-- How many checks hold, by what they prove. Those that fail come first, by their names.
local function add_counts(text, report)
  local counts = report.counts
  if type(counts) ~= 'table' then
    return
  end
  local failed = {}
  for _, check in ipairs(report.checks or {}) do
    failed[#failed + 1] = not check.ok and printable(check.id) or nil
  end
  local words = sections.count_words(counts)
  if #failed > 0 then
    words = words:gsub('FAILED', function()
      return 'FAILED (' .. table.concat(failed, ', ') .. ')'
    end, 1)
  end
  add_row(text, 'Checks', 'VeniceLabel', nil, nil, words, #failed > 0 and 'VeniceFail' or nil)
end

--- The view's text. Pure.
---@param model string
---@param report table
---@param width integer|nil columns in which it is to fit; nil: lines are as long as they are
---@return venice.Text
function M.lines(model, report, width)
  local text = Text.new(width)
  add_header(text, model, report)
  if not report.accepted and not words_of.is_unverified(report) then
    add_refusal(text, model, report)
  end
  add_warnings(text, report)
  add_gateway(text, report)
  add_level(text, report)
  add_known(text, report)
  add_hardware(text, report)
  add_gpu(text, report)
  add_answers(text, report)
  add_missing(text, model, report)
  add_counts(text, report)
  sections.add(text, report)
  text:add('')
  text:row({}, sections.LEGEND, 'VeniceDim')
  text:row({}, 'q closes, r attests anew, <CR> opens and closes a section', 'VeniceDim')
  return text
end

return M
