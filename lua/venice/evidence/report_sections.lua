-- The sections of the attestation view, from a report: the checks by name with their findings, and
-- below them what those findings are about. Pure.

local compose = require('venice.evidence.compose')
local Text = require('venice.evidence.text')

local date, pad = Text.date, Text.pad
local printable = require('venice.errors').printable

local M = {}

local titles = {
  binding = 'Binding',
  server = "Venice's verdict",
  tdx = 'Intel TDX',
  code = 'Code',
  gpu = 'GPU',
  policy = 'Policy',
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
    text:add(INDENT, { pad(name, NAME), 'VeniceLabel' }, { printable(value), group })
  end
end

local function heading(text, words)
  text:add('  ', { words .. ':', 'VeniceDim' })
end

local function add_check(text, check)
  local sign = check.ok and { '✓ ', 'VeniceOk' } or { '✗ ', 'VeniceFail' }
  local name = pad(printable(check.id), 27)
  local detail = check.detail and printable(check.detail) or ''
  if not check.ok and check.reason then
    detail = detail .. (detail ~= '' and ' ' or '') .. '(' .. printable(check.reason) .. ')'
  end
  text:add(INDENT, sign, check.ok and name or { name, 'VeniceFail' }, detail)
end

-- What the checks are about -----------------------------------------------------------------------

local roles = {
  pck = 'platform (PCK)',
  pck_ca = 'platform CA',
  root = 'root',
  tcb_signer = 'TCB info signer',
  qe_signer = 'QE identity signer',
}

local function day(value)
  return printable(value or '?'):sub(1, 10)
end

local function add_tdx(text, report)
  local tcb = part(report.tcb)
  if next(tcb) then
    heading(text, 'the platform, as Intel judges it')
    fact(text, 'status', report.status)
    fact(text, 'level of', report.tcb_date and day(report.tcb_date))
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
  heading(text, 'the enclave, as you know it')
  local group = pin.state == 'changed' and 'VeniceFail' or nil
  fact(text, 'state', states[pin.state] or pin.state, group)
  fact(text, 'first seen', pin.first_seen and date(pin.first_seen))
  fact(text, 'trusted since', pin.trusted_at and date(pin.trusted_at))
end

-- From the compose-manager's statement, which names what it started.
local function add_manager(text, manager)
  local latest = part(manager.latest)
  local signed = manager.verified and 'signed' or 'NOT signed'
  heading(text, "the compose manager's statement, " .. signed)
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
  fact(text, 'custody root', custody.root)
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
    fact(text, 'MRCONFIGID form', code.mrconfigid)
    heading(text, 'claimed, not measured')
    fact(text, 'OS image', code.image)
    fact(text, 'GPUs', code.num_gpus)
    fact(text, 'provider', report.tee_provider)
    fact(text, 'model behind it', report.upstream_model)
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
  for i, device in ipairs(part(gpu.devices)) do
    device = part(device)
    fact(text, 'GPU ' .. i, ('%s, serial %s'):format(device.name or '?', device.serial or '?'))
  end
end

local facts_of = { tdx = add_tdx, code = add_code, gpu = add_gpu }

-- The sections ------------------------------------------------------------------------------------

-- The checks by section, in the order in which the sections came up.
local function group_checks(report)
  local order, by_name = {}, {}
  for _, check in ipairs(report.checks or {}) do
    local name = check.section or 'binding'
    if not by_name[name] then
      by_name[name] = { name = name, checks = {}, passed = 0 }
      order[#order + 1] = by_name[name]
    end
    local section = by_name[name]
    section.checks[#section.checks + 1] = check
    section.passed = section.passed + (check.ok and 1 or 0)
  end
  return order
end

local function add_checks(text, report)
  for _, section in ipairs(group_checks(report)) do
    local title = titles[section.name] or printable(section.name)
    local count = ('%3d of %d'):format(section.passed, #section.checks)
    local closed = section.name ~= 'binding' and section.passed == #section.checks
    text:section(title, count, closed, function()
      for _, check in ipairs(section.checks) do
        add_check(text, check)
      end
      if facts_of[section.name] then
        facts_of[section.name](text, report)
      end
    end)
  end
end

-- The last answer's signature: its checks are no part of the attestation's.
local function add_answers(text, report)
  local receipt = part(report.receipt)
  local checks, passed = part(receipt.checks), 0
  for _, check in ipairs(checks) do
    passed = passed + (check.ok and 1 or 0)
  end
  if #checks == 0 then
    return
  end
  local count = ('%3d of %d'):format(passed, #checks)
  text:section(titles.answers, count, passed == #checks, function()
    for _, check in ipairs(checks) do
      add_check(text, check)
    end
    heading(text, 'what the last answer came with')
    fact(text, 'signed by', receipt.signer)
    fact(text, 'hash of the request', receipt.request_hash)
    fact(text, 'hash of the answer', receipt.response_hash)
    for _, sentence in ipairs(part(receipt.not_proven)) do
      text:add(INDENT .. '· not proven: ', printable(sentence))
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
  text:section('Compose text', ('%3d lines, %s'):format(#lines, words), true, function()
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

--- Adds every section of a report to a text.
---@param text venice.Text
---@param report table
function M.add(text, report)
  add_checks(text, report)
  add_answers(text, report)
  add_compose(text, report)
  local not_proven = part(report.not_proven)
  if #not_proven > 0 then
    text:section('What this does not prove', nil, true, function()
      for _, sentence in ipairs(not_proven) do
        text:add(INDENT .. '· ', printable(sentence))
      end
    end)
  end
  add_raw(text, report)
end

return M
