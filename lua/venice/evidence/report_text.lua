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

-- What to do about a refusal, where it is not the same for all.
local hints = {
  td_debug = 'a debug enclave can be read by its operator: choose another model',
  nonce_source = 'the service did not take our nonce: attest anew, or choose another model',
  collateral_missing = 'check that verify.collateral_url can be reached',
  tcb_not_accepted = 'wait until the operator updates it, or see verify.accept_tcb in :help venice',
  pin_changed = 'see what changed, then trust it or leave it: :Venice trust {model}',
  measurement_not_allowed = 'see verify.measurements in :help venice',
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

local function add_row(text, label, group, value, value_group, words)
  local second = value and pad(value, VALUE) or ''
  text:add('  ', { pad(label, LABEL), group }, { second, value_group }, words or '')
end

local function add_header(text, model, report)
  local checked = report.checked_at and 'checked ' .. os.date('%H:%M:%S', report.checked_at) or ''
  if report.good_until then
    checked = checked .. ', good until ' .. os.date('%H:%M', report.good_until)
  end
  text:add({ pad('Attestation of ' .. printable(model), 44), 'VeniceTitle' }, checked)
end

local function refusal_sentence(report, failed)
  if report.reason == 'pin_changed' then
    return 'the enclave CHANGED: it is not one that you know'
  elseif failed then
    return 'the check ' .. printable(failed.id) .. ' failed'
  end
  return report.refusal and printable(report.refusal) or 'the policy does not take it'
end

local function add_refusal(text, model, report)
  local failed = first_failure(report)
  local sentence = 'nothing is sent to this model: ' .. refusal_sentence(report, failed)
  if report.reason then
    sentence = sentence .. ' (' .. printable(report.reason) .. ')'
  end
  text:add('  ', { pad('REFUSED', LABEL), 'VeniceFail' }, { sentence, 'VeniceFail' })
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
    text:add('  ', { pad(label, LABEL) .. ' ' .. words, 'VeniceFail' })
  end
  if report.simulated then
    warn('SIMULATED', 'the root of trust was given by an option: this proves nothing')
  end
  if words_of.is_unverified(report) then
    warn('UNVERIFIED', 'verification is switched off (verify.attestation = false)')
  end
end

-- Four lines --------------------------------------------------------------------------------------

local function add_level(text, report)
  local is_good = report.accepted and words_of.proves_hardware(report)
  local group = is_good and 'VeniceOk' or 'VeniceWarn'
  local level = printable(report.level or 'none')
  add_row(text, 'Level', 'VeniceLabel', level, group, words_of.level(report))
end

local function add_hardware(text, report)
  if not words_of.proves_hardware(report) then
    local words = 'not proven: the signature of its quote was not verified'
    return add_row(text, 'Hardware', 'VeniceLabel', 'Intel TDX?', 'VeniceWarn', words)
  end
  local words, facts = 'genuine', {}
  if report.status then
    words = words .. '; platform ' .. words_of.status(report.status)
  end
  if report.tcb_date then
    facts[1] = 'TCB of ' .. printable(report.tcb_date):sub(1, 10)
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
  local words = 'genuine, answered our nonce; that they sit in this machine cannot be proven'
  if gpu.relayed then
    words = 'genuine, but relayed: by its configuration the attested machine has none'
  end
  add_row(text, 'GPU', 'VeniceLabel', value, gpu.relayed and 'VeniceWarn' or 'VeniceOk', words)
end

local function add_answers(text, report)
  local receipt = report.receipt
  if type(receipt) ~= 'table' then
    if report.accepted then
      local words = 'for this enclave; no signature of the last answer is known'
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

--- The view's text. Pure.
---@param model string
---@param report table
---@return venice.Text
function M.lines(model, report)
  local text = Text.new()
  add_header(text, model, report)
  if not report.accepted and not words_of.is_unverified(report) then
    add_refusal(text, model, report)
  end
  add_warnings(text, report)
  add_level(text, report)
  add_hardware(text, report)
  add_gpu(text, report)
  add_answers(text, report)
  sections.add(text, report)
  text:add('')
  text:add({ 'q closes, r attests anew, <CR> opens and closes a section', 'VeniceDim' })
  return text
end

return M
