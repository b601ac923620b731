-- The sections of the attestation view, from a report: the checks by name with their findings, and
-- below them what those findings are about. Pure.

local compose = require('venice.evidence.compose')
local Text = require('venice.evidence.text')
local words_of = require('venice.evidence.report_words')

local date, pad = Text.date, Text.pad
local printable = require('venice.errors').printable

local M = {}

local titles = {
  binding = 'Binding',
  tdx = 'Intel TDX',
  code = 'Code',
  gpu = 'GPU',
  answers = 'Answers',
}

local INDENT = '    '
local NAME = 20 -- columns of a fact's name

-- A table of the report; empty where it is not there, or something else.
local function part(value)
  return type(value) == 'table' and value or {}
end

local function fact(text, name, value, group)
  if value ~= nil and type(value) ~= 'table' then
    text:row({ INDENT, { pad(name, NAME), 'VeniceLabel' } }, printable(value), group)
  end
end

local function heading(text, words)
  text:row({ '  ' }, words .. ':', 'VeniceDim')
end

--- What the signs of the checks say.
M.LEGEND = '✓ proven here   ~ stated by somebody who could lie   - not stated   ✗ fails'

local function add_check(text, check)
  local sign, detail = { '✓ ', 'VeniceOk' }, check.detail and printable(check.detail) or ''
  if not check.ok then
    sign = { '✗ ', 'VeniceFail' }
    if check.reason then
      detail = detail .. (detail ~= '' and ' ' or '') .. '(' .. printable(check.reason) .. ')'
    end
  elseif check.kind == 'stated' then
    sign = { '~ ', 'VeniceWarn' }
    detail = 'stated' .. (detail ~= '' and ': ' or '') .. detail
  end
  local name = pad(printable(check.id), 27)
  text:row({ INDENT, sign, check.ok and name or { name, 'VeniceFail' } }, detail)
end

-- What a response does not say is neither a pass nor a failure.
local function add_not_stated(text, entry)
  local detail = entry.detail and printable(entry.detail) or ''
  local words = 'not stated' .. (detail ~= '' and ': ' or '') .. detail
  local name = pad(printable(entry.id), 27)
  text:row({ INDENT, { '- ', 'VeniceDim' }, { name, 'VeniceDim' } }, words, 'VeniceDim')
end

--- Counts of checks in words; those that fail come first.
---@param counts { proven: integer, stated: integer, not_stated: integer, failed: integer }
---@return string
function M.count_words(counts)
  local words = {}
  local function say(number, name)
    if type(number) == 'number' and number > 0 then
      words[#words + 1] = ('%d %s'):format(number, name)
    end
  end
  say(counts.failed, 'FAILED')
  say(counts.proven, 'proven')
  say(counts.stated, 'stated')
  say(counts.not_stated, 'not stated')
  return #words > 0 and table.concat(words, ', ') or 'none'
end

local function count_of(checks, not_stated)
  local counts = { proven = 0, stated = 0, not_stated = #not_stated, failed = 0 }
  for _, check in ipairs(checks) do
    local kind = not check.ok and 'failed' or check.kind == 'stated' and 'stated' or 'proven'
    counts[kind] = counts[kind] + 1
  end
  return counts
end

-- What the checks are about -----------------------------------------------------------------------

local roles = {
  pck = 'platform (PCK)',
  pck_ca = 'platform CA',
  root = 'root',
  tcb_signer = 'TCB info signer',
  qe_signer = 'QE identity signer',
}

local day = words_of.day

local function add_tdx(text, report)
  local tcb = part(report.tcb)
  if next(tcb) then
    heading(text, 'the platform, as Intel judges it')
    fact(text, 'status', report.status)
    fact(text, 'out of date since', words_of.out_of_date_since(report))
    fact(text, 'TCB level of', report.tcb_date and day(report.tcb_date))
    for _, name in ipairs({ 'platform', 'module', 'qe' }) do
      fact(text, '  ' .. name, tcb[name])
    end
    local advisories = part(report.advisories)
    local words = #advisories > 0 and table.concat(advisories, ', ') or 'none'
    fact(text, 'advisories', words)
    fact(text, 'evaluation', report.tcb_eval)
    fact(text, 'fmspc', report.fmspc)
    fact(text, 'collateral until', tcb.next_update and day(tcb.next_update))
  end
  local chain = part(report.chain)
  if #chain > 0 then
    heading(text, 'the certificates that signed it')
    for _, certificate in ipairs(chain) do
      certificate = part(certificate)
      local role = roles[certificate.role] or printable(certificate.role or '')
      local span = day(certificate.not_before) .. ' to ' .. day(certificate.not_after)
      fact(text, role, printable(certificate.subject or '?') .. ', ' .. span)
    end
  end
end

local states = {
  first = 'first seen now, not confirmed (:Venice trust confirms it)',
  known = 'known, not confirmed (:Venice trust confirms it)',
  confirmed = 'trusted',
  changed = 'CHANGED: not one of those that you know',
}

local function add_enclave(text, pin)
  local missing = part(pin.missing)
  heading(text, 'the enclave, as you know it')
  local group = pin.state == 'changed' and 'VeniceFail' or nil
  fact(text, 'state', states[pin.state] or pin.state, group)
  fact(text, 'first seen', pin.first_seen and date(pin.first_seen))
  fact(text, 'trusted since', pin.trusted_at and date(pin.trusted_at))
  if #missing > 0 then
    local words = table.concat(missing, ', ') .. ': confirmed by an older version, without these'
    fact(text, 'not confirmed', words, 'VeniceWarn')
  end
end

-- From the compose manager's statement, which names what it started. Where its quote does not bind
-- what it says, anybody may have said it.
local function add_manager(text, manager)
  if manager.verified ~= true then
    return
  end
  local latest = part(manager.latest)
  heading(text, "the compose manager's statement, bound by its quote")
  for _, name in ipairs({ 'action', 'file', 'tag', 'commit', 'file_sha256', 'timestamp' }) do
    fact(text, name, latest[name])
  end
end

local function add_aci(text, aci)
  heading(text, "the gateway's keyset: consistent, not proven (the quote does not bind it)")
  local custody = part(aci.custody)
  fact(text, 'keyset', aci.keyset_digest)
  fact(text, 'workload', aci.workload_id)
  fact(text, 'keys until', type(aci.not_after) == 'number' and date(aci.not_after) or nil)
  fact(text, 'repository', aci.repo_url)
  fact(text, 'commit', aci.repo_commit)
  if custody.checked then
    fact(text, 'custody', ('%s of %s keys under one root'):format(custody.checked, custody.keys))
  end
  fact(text, 'KMS root', custody.root)
  if custody.root and custody.root_known ~= nil then
    local known = custody.root_known and 'one that we know' or 'NOT one that we know'
    fact(text, 'this root is', known, not custody.root_known and 'VeniceWarn' or nil)
  end
  fact(text, 'app id of the keys', custody.app_id)
end

local stated_order = {
  { 'compose_hash', 'compose hash' },
  { 'os_image_hash', 'OS image hash' },
  { 'app_id', 'app id' },
  { 'key_provider', 'key provider' },
}

local function mrconfigid_words(code)
  if not code.mrconfigid then
    return nil
  end
  local words = printable(code.mrconfigid)
  if code.mrconfigid_bound == nil then
    return words
  end
  return words .. (code.mrconfigid_bound and ', compared and the same' or ', not compared')
end

-- What somebody says who could lie.
local function add_stated(text, report)
  local code = part(report.code)
  local stated = part(code.stated)
  local others = { code.image, code.num_gpus, report.tee_provider, report.upstream_model }
  if next(stated) or next(others) then
    heading(text, 'stated, not measured')
  end
  for _, name in ipairs(stated_order) do
    fact(text, name[2], stated[name[1]])
  end
  fact(text, 'OS image', code.image)
  fact(text, 'GPUs', code.num_gpus)
  fact(text, 'provider', report.tee_provider)
  fact(text, 'model behind it', report.upstream_model)
end

local function add_code(text, report)
  local code, pin = part(report.code), part(report.pin)
  if pin.state then
    add_enclave(text, pin)
  end
  if next(code) then
    heading(text, 'measured')
    local measured = part(report.measurements)
    fact(text, 'compose hash', measured.compose_hash)
    fact(text, 'OS image hash', measured.os_image_hash)
    fact(text, 'app id', code.app_id)
    fact(text, 'key provider', code.key_provider)
    fact(text, 'MRCONFIGID form', mrconfigid_words(code))
    add_stated(text, report)
  end
  if type(code.manager) == 'table' then
    add_manager(text, code.manager)
  end
  if type(report.aci) == 'table' then
    add_aci(text, report.aci)
  end
end

local function add_gpu(text, report)
  local gpu = part(report.gpu)
  if not next(gpu) then
    return
  end
  heading(text, 'the GPUs')
  for _, name in ipairs({ 'arch', 'level', 'driver', 'vbios' }) do
    fact(text, name, gpu[name])
  end
  if gpu.level == 'local' then
    fact(text, 'firmware', "not compared with NVIDIA's reference values (verify.nras)")
  end
  if gpu.firmware_bound == false then
    fact(text, 'firmware id', 'could not be compared', 'VeniceWarn')
  end
  for i, device in ipairs(part(gpu.devices)) do
    device = part(device)
    fact(text, 'GPU ' .. i, ('%s, serial %s'):format(device.name or '?', device.serial or '?'))
  end
end

local facts_of = { tdx = add_tdx, code = add_code, gpu = add_gpu }

-- The sections ------------------------------------------------------------------------------------

-- Checks and what is not stated by section, in the order in which the sections came up.
local function group_checks(report)
  local order, by_name = {}, {}
  local function put(entry, list)
    local name = entry.section or 'binding'
    if not by_name[name] then
      by_name[name] = { name = name, checks = {}, not_stated = {} }
      order[#order + 1] = by_name[name]
    end
    table.insert(by_name[name][list], entry)
  end
  for _, check in ipairs(report.checks or {}) do
    put(check, 'checks')
  end
  for _, entry in ipairs(part(report.not_stated)) do
    put(part(entry), 'not_stated')
  end
  return order
end

-- Open where a check fails, so that it is seen.
local function add_section(text, title, checks, not_stated, add_facts)
  local counts = count_of(checks, not_stated)
  text:section(title, M.count_words(counts), counts.failed == 0, function()
    for _, check in ipairs(checks) do
      add_check(text, check)
    end
    for _, entry in ipairs(not_stated) do
      add_not_stated(text, entry)
    end
    add_facts()
  end)
end

local function add_checks(text, report)
  for _, section in ipairs(group_checks(report)) do
    local title = titles[section.name] or printable(section.name)
    add_section(text, title, section.checks, section.not_stated, function()
      if facts_of[section.name] then
        facts_of[section.name](text, report)
      end
    end)
  end
end

-- The last answer's signature: its checks are no part of the attestation's.
local function add_answers(text, report)
  local receipt = part(report.receipt)
  local checks, not_stated = part(receipt.checks), part(receipt.not_stated)
  if #checks == 0 then
    return
  end
  add_section(text, titles.answers, checks, not_stated, function()
    heading(text, 'what the last answer came with')
    fact(text, 'signed by', receipt.signer)
    fact(text, 'hash of the request', receipt.request_hash)
    fact(text, 'hash of the answer', receipt.response_hash)
    for _, sentence in ipairs(part(receipt.not_proven)) do
      text:row({ INDENT .. '· not proven: ' }, printable(sentence))
    end
  end)
end

local function add_compose(text, report)
  local source = part(report.code).compose
  if type(source) ~= 'string' then
    return
  end
  local lines, words = compose.lines(source), 'NOT measured'
  for _, check in ipairs(report.checks or {}) do
    if check.id == 'compose_text_matches' and check.ok then
      words = 'its hash is the measured one'
    end
  end
  text:section('Compose text', ('%d lines, %s'):format(#lines, words), true, function()
    for _, line in ipairs(lines) do
      text:add(INDENT, line)
    end
  end)
end

local raw_order = { 'signing_key', 'signing_address', 'fmspc', 'tcb_date', 'tcb_eval', 'shape' }
local measurement_order = {
  'mrtd',
  'rtmr0',
  'rtmr1',
  'rtmr2',
  'rtmr3',
  'mrseam',
  'mrconfigid',
  'compose_hash',
  'os_image_hash',
}

-- Known names in their order, then the others by the alphabet.
local function in_order(values, order)
  local names, seen = {}, {}
  for _, name in ipairs(order) do
    seen[name] = true
    if values[name] ~= nil then
      names[#names + 1] = name
    end
  end
  local rest = {}
  for name in pairs(values) do
    if not seen[name] then
      rest[#rest + 1] = tostring(name)
    end
  end
  table.sort(rest)
  return vim.list_extend(names, rest)
end

local function add_raw(text, report)
  local values = {}
  for _, name in ipairs(raw_order) do
    values[name] = report[name]
  end
  local measurements = part(report.measurements)
  text:section('Raw values', nil, true, function()
    for _, name in ipairs(in_order(values, raw_order)) do
      fact(text, name, values[name])
    end
    for _, name in ipairs(in_order(measurements, measurement_order)) do
      fact(text, printable(name), measurements[name])
    end
  end)
end

-- What a reader must know before all else is open, and comes first.
local function add_not_proven(text, report)
  local not_proven = part(report.not_proven)
  if #not_proven > 0 then
    text:section('What this does not prove', nil, false, function()
      for _, sentence in ipairs(not_proven) do
        text:row({ INDENT .. '· ' }, printable(sentence))
      end
    end)
  end
end

--- Adds every section of a report to a text.
---@param text venice.Text
---@param report table
function M.add(text, report)
  add_not_proven(text, report)
  add_checks(text, report)
  add_answers(text, report)
  add_compose(text, report)
  add_raw(text, report)
end

return M
