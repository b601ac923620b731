-- What harmless changes of the service leave out, repeat or write in another form. All of it is
-- genuine, so it is accepted; what is not there is called "not stated", and nothing untrue is said.

local child = require('tests.lua.child')
local judging = require('tests.lua.judge')

local NEAR, VLLM = 'e2ee-sim-small', 'e2ee-sim-vllm'
local GATEWAY_A, GATEWAY_B = 'e2ee-sim-aci-a', 'e2ee-sim-aci-b'
local ALL = { NEAR, VLLM, GATEWAY_A, GATEWAY_B }
local ENCLAVES, GATEWAYS = { NEAR, VLLM }, { GATEWAY_A, GATEWAY_B }
local COMPLETE = { 'mrtd', 'rtmr1', 'rtmr2', 'compose_hash' }

local NOTHING = {} -- for `as`: an empty list, written as such

describe('genuine evidence', function()
  local sim, judge

  setup(function()
    sim = child.simulator()
    judge = judging.new(sim)
  end)
  teardown(function()
    sim.stop()
  end)
  before_each(function()
    sim.reset()
  end)

  local function says(report)
    return tostring(report.reason) .. '\n' .. judging.failures(report)
  end

  -- Sums that a reader would do.
  local function is_counted(report)
    local counts = { proven = 0, stated = 0, failed = 0, not_stated = #report.not_stated }
    for _, check in ipairs(report.checks) do
      assert.is_boolean(check.ok, check.id)
      assert.is_truthy(check.kind == 'proven' or check.kind == 'stated', check.id)
      local kind = check.ok and check.kind or 'failed'
      counts[kind] = counts[kind] + 1
    end
    assert.are.same(counts, report.counts)
  end

  -- Its eight GPUs cost the first model time, and the others have one.
  local function is_accepted(model, fault, opts, extra)
    local body = judge.body(model, fault, extra)
    assert(body, ('%s has nothing to change at %s'):format(tostring(fault), model))
    opts =
      vim.tbl_extend('keep', opts or {}, { policy = { gpu = model == NEAR and 'off' or 'auto' } })
    local report = judge.report(model, body, opts)
    local what = model .. ', ' .. tostring(fault) .. ': ' .. says(report)
    assert.is_true(report.accepted, what)
    assert.is_true(report.verified, what)
    assert.is_nil(report.reason, what)
    assert.is_nil(report.refusal, what)
    assert.are.equal('', judging.failures(report), what)
    is_counted(report)
    return report, what
  end

  it('is measured by a pin and by an allowlist, in each shape', function()
    for _, model in ipairs(ALL) do
      local report = is_accepted(model, nil, { pins = { judge.pin(model) } })
      assert.are.equal('measured', report.level)
      local policy = { pin = 'off', measurements = judge.allowlist(model, COMPLETE) }
      assert.are.equal('measured', is_accepted(model, nil, { policy = policy }).level)
      assert.are.equal(0, report.counts.failed)
      assert.is_true(report.counts.proven > 30)
    end
  end)

  -- Absent ---------------------------------------------------------------------------------------

  -- A member that only repeats: { path, models, the check that has nothing to look at }.
  for _, row in ipairs({
    { 'nonce', ALL, 'nonce_echoed', also = 'request_nonce' },
    { 'nonce_source', ALL, 'nonce_from_client' },
    { 'signing_algo', ALL, 'signing_algo_ecdsa' },
    { 'signing_address', ALL, 'address_matches' },
    { 'verified', ALL, 'server_verified' },
    { 'server_verification', ALL, 'server_consistent' },
    { 'info.app_id', ENCLAVES, 'app_id_restated' },
    { 'info.key_provider_info', ENCLAVES, 'key_provider_restated' },
    {
      'info.os_image_hash',
      ENCLAVES,
      'os_image_restated',
      also = 'info.tcb_info.os_image_hash',
    },
    {
      'info.compose_hash',
      ENCLAVES,
      'compose_hash_restated',
      also = 'info.tcb_info.compose_hash',
    },
    {
      'info.tcb_info.mrtd',
      ENCLAVES,
      'registers_restated',
      also = 'info.tcb_info.rtmr0,info.tcb_info.rtmr1,info.tcb_info.rtmr2,info.tcb_info.rtmr3',
    },
  }) do
    local path, models, id = row[1], row[2], row[3]
    for _, edit in ipairs({ 'absent', 'null', 'empty' }) do
      it(('holds with %s %s, which is not stated'):format(edit, path), function()
        for _, model in ipairs(models) do
          local pins = { judge.pin(model) }
          local whole = edit .. ':' .. path .. (row.also and ',' .. row.also or '')
          local report, what = is_accepted(model, whole, { pins = pins })
          assert.are.equal('measured', report.level, what)
          assert.are.equal('confirmed', report.pin.state, what)
          assert.is_nil(judging.check(report, id), what)
          local entry = judging.not_stated(report, id)
          assert.is_table(entry, what .. vim.inspect(report.not_stated))
          assert.is_truthy(#entry.detail > 10, what)
          -- Absence is never called a contradiction, nor a choice of somebody's.
          for _, words in ipairs({ 'another', 'contradict', 'could not', 'service chose' }) do
            assert.is_falsy(entry.detail:find(words, 1, true), entry.detail)
          end
        end
      end)
    end
  end

  -- Members of which another copy is there, or that nobody needs.
  for _, path in ipairs({
    'request_nonce',
    'signing_key',
    'info.os_image_hash',
    'info.tcb_info.os_image_hash',
    'info.compose_hash',
    'info.tcb_info.compose_hash',
    'info.mr_aggregated',
    'info.device_id',
    'info.tcb_info.device_id',
    'info.tcb_info.rtmr0',
    'info.tcb_info.rtmr3',
    'info.tcb_info.event_log',
    'info.vm_config',
    'event_log',
    'tee_provider',
    'tee_hardware',
    'upstream_model',
    'compose_manager_attestation',
    'compose_manager_attestation.nonce',
    'server_verification.tdx',
    'server_verification.nvidia',
    'server_verification.signingAddressBinding',
    'server_verification.nonceBinding',
    'server_verification.nvidiaNonceBinding',
    'server_verification.tdx.measurements',
    'server_verification.tdx.reportData',
    'server_verification.tdx.measurements.*',
  }) do
    it(('holds without %s'):format(path), function()
      local model = path:find('^server_verification') and VLLM or NEAR
      for _, edit in ipairs({ 'absent', 'null', 'empty' }) do
        is_accepted(model, edit .. ':' .. path)
      end
    end)
  end

  for _, path in ipairs({
    'workload_keyset_digest',
    'attestation.report_data',
    'attestation.evidence.quote',
    'attestation.evidence.quote_report_data',
    'attestation.evidence.key_custody',
    'attestation.evidence.event_log',
    'attestation.source_provenance',
    'service_capabilities',
  }) do
    it(("holds without a gateway's %s"):format(path), function()
      for _, edit in ipairs({ 'absent', 'null', 'empty' }) do
        is_accepted(GATEWAY_B, edit .. ':' .. path)
      end
    end)
  end

  it('holds without any copy of the event log, and says what is open', function()
    for _, fault in ipairs({ 'log_missing', 'log_empty' }) do
      for _, model in ipairs(ALL) do
        local report, what = is_accepted(model, fault)
        assert.is_nil(judging.check(report, 'event_log_replayed'), what)
        assert.are.equal('dcap', report.level)
        assert.is_truthy(
          table.concat(report.not_proven, '\n'):find('no event log was served', 1, true),
          what
        )
      end
    end
  end)

  it('holds with the events of register 3 alone, and is measured by its pin', function()
    for _, fault in ipairs({ 'log_register_3', 'log_register_3_stripped', 'log_stripped' }) do
      for _, model in ipairs(ALL) do
        local report, what = is_accepted(model, fault, { pins = { judge.pin(model) } })
        assert.are.equal('measured', report.level, what)
        assert.are.equal('confirmed', report.pin.state, what)
      end
    end
  end)

  it('states what no event measures, and measures nothing by that', function()
    for _, row in ipairs({
      { 'os_image_unmeasured', 'os_image_hash', 'os_image_restated' },
      { 'app_id_unmeasured', 'app_id', 'app_id_restated' },
      { 'key_provider_unmeasured', 'key_provider', 'key_provider_restated' },
    }) do
      for _, model in ipairs(ENCLAVES) do
        local report, what = is_accepted(model, row[1])
        assert.is_string(report.code.stated[row[2]], what)
        assert.is_nil(report.pin.enclave[row[2]], what)
        assert.is_nil(report.measurements[row[2]], what)
        assert.is_nil(judging.check(report, row[3]), what)
      end
      for _, model in ipairs(GATEWAYS) do
        is_accepted(model, row[1])
      end
    end
  end)

  it('takes the key from either member', function()
    for _, model in ipairs(ALL) do
      local key = judge.report(model, judge.body(model)).signing_key
      for _, fault in ipairs({ 'signing_key_only', 'signing_key_only_beside_empty' }) do
        assert.are.equal(key, is_accepted(model, fault).signing_key)
      end
    end
    for _, value in ipairs({ '', 0, NOTHING }) do
      is_accepted(NEAR, 'empty:signing_key', nil, { as = value })
    end
  end)

  for _, fault in ipairs({
    'gpu_missing',
    'gpu_absent_null',
    'gpu_absent_text_empty',
    'gpu_absent_object_empty',
    'gpu_absent_list_empty',
    'gpu_absent_text_object',
    'gpu_absent_text_null',
    'gpu_absent_text_list',
  }) do
    it(fault .. ' is no GPU evidence: missing only where it is required', function()
      for _, model in ipairs(ALL) do
        assert.is_nil(is_accepted(model, fault, { policy = { gpu = 'auto' } }).gpu)
        local policy = { gpu = 'require' }
        local report = judge.report(model, judge.body(model, fault), { policy = policy })
        assert.is_false(report.accepted)
        assert.is_true(report.verified)
        assert.are.equal('gpu_missing', report.reason)
      end
    end)
  end

  -- Other forms ----------------------------------------------------------------------------------

  for _, row in ipairs({
    { 'address_no_0x', ALL },
    { 'address_upper', ALL },
    { 'address_checksummed', { NEAR, GATEWAY_A } },
    { 'nonce_0x', ALL },
    { 'nonce_request_0x', ALL },
    { 'nonce_upper', ALL },
    { 'algo_upper', ALL },
    { 'algo_secp256k1', ALL },
    { 'verified_string', ALL },
    { 'key_128', ALL },
    { 'key_0x', ALL },
    { 'sv_report_data_base64', ALL },
    { 'sv_error_null', ALL },
    { 'sv_error_text', ALL },
    { 'sv_error_list', ALL },
    { 'sv_error_object', ALL },
    { 'sv_error_zero', ALL },
    { 'sv_error_false', ALL },
    { 'sv_crl_unchecked', ALL },
    { 'sv_tdx_root', ALL },
    { 'sv_nvidia_pinned', ALL },
    { 'retype:event_log', ALL },
    { 'retype:info.tcb_info', ENCLAVES },
    { 'log_string', ENCLAVES },
    { 'aci_no_e2ee_key', GATEWAYS },
    { 'aci_other_suites', GATEWAYS },
    { 'aci_two_keys', GATEWAYS },
    { 'aci_report_data_32', GATEWAYS },
    { 'custody_upper', GATEWAYS },
    { 'attestation_unknown_members', ALL },
  }) do
    it(('holds with %s'):format(row[1]), function()
      for _, model in ipairs(row[2]) do
        local in_gateway = model == GATEWAY_A or model == GATEWAY_B
        if not (in_gateway and row[1] == 'retype:event_log') then
          is_accepted(model, row[1])
        end
      end
    end)
  end

  it('holds with an empty request_nonce of any type', function()
    for _, model in ipairs(ALL) do
      for _, value in ipairs({ '', 0, NOTHING }) do
        is_accepted(model, 'empty:request_nonce', nil, { as = value })
      end
      is_accepted(model, 'null:request_nonce')
    end
  end)

  it("takes no word of Venice's about GPUs where they are not looked at", function()
    for _, member in ipairs({ 'signature', 'pinned', 'nonce_unbound' }) do
      is_accepted(VLLM, 'sv_nvidia_' .. member, { policy = { gpu = 'off' } })
    end
  end)

  -- GPUs -----------------------------------------------------------------------------------------

  it('holds with its GPU evidence as an object', function()
    for _, model in ipairs(ALL) do
      local report = is_accepted(model, 'gpu_as_object', { policy = { gpu = 'require' } })
      assert.is_true(report.gpu.verified)
    end
  end)

  for _, row in ipairs({
    { 'gpu_blackwell', 'BLACKWELL', '575.32' },
    { 'gpu_535', 'HOPPER', '535.86.09' },
    { 'gpu_padded', 'HOPPER', '570.172.08' },
  }) do
    it(row[1] .. ' is a genuine GPU', function()
      for _, model in ipairs(ALL) do
        local report, what = is_accepted(model, row[1], { policy = { gpu = 'require' } })
        assert.is_true(report.gpu.verified, what)
        assert.are.equal(row[2], report.gpu.arch)
        assert.are.equal(row[3], report.gpu.driver)
        -- A report of driver 535 names no firmware: then nothing was compared.
        local compared = row[1] ~= 'gpu_535'
        assert.are.equal(compared, judging.check(report, 'gpu_firmware_bound') ~= nil, what)
        assert.are_not.equal(not compared, report.gpu.firmware_bound, what)
      end
    end)
  end

  -- What stays refused ---------------------------------------------------------------------------

  for fault, reason in pairs({
    attested_model_missing = 'model_mismatch',
    ['null:model'] = 'model_mismatch',
    ['empty:model'] = 'model_mismatch',
    attested_model_other = 'model_mismatch',
    key_missing = 'signing_key_missing',
    key_null = 'signing_key_missing',
    key_empty = 'signing_key_missing',
    key_compressed = 'signing_key_invalid',
    key_other = 'address_mismatch',
    nonce_response = 'nonce_mismatch',
    nonce_source_server = 'nonce_source',
    algo_ed25519 = 'signing_algo',
    address_mismatch = 'address_mismatch',
    verified_false = 'server_not_verified',
    verified_string_false = 'server_not_verified',
    quote_missing = 'quote_missing',
    ['null:intel_quote'] = 'quote_missing',
    ['empty:intel_quote'] = 'quote_missing',
    sv_tdx_valid = 'server_inconsistent',
    sv_nvidia_valid = 'server_inconsistent',
    sv_tdx_error = 'server_inconsistent',
    sv_crl_revoked = 'server_inconsistent',
    sv_report_data_base64_other = 'server_inconsistent',
    gpu_object = 'gpu_malformed',
    gpu_blackwell_fwid = 'gpu_firmware_mismatch',
    gpu_blackwell_second = 'gpu_firmware_mismatch',
    gpu_bare_leaf = 'gpu_firmware_mismatch',
    gpu_fwid = 'gpu_firmware_mismatch',
    gpu_blackwell_signature = 'gpu_signature',
    gpu_535_signature = 'gpu_signature',
    gpu_535_nonce = 'gpu_nonce_not_signed',
    gpu_tail = 'gpu_evidence_malformed',
    gpu_mixed = 'gpu_arch',
    attestation_nul_escape = 'not_json',
    attestation_surrogate = 'not_json',
  }) do
    it(('is refused with %s: %s'):format(fault, reason), function()
      for _, model in ipairs({ VLLM, GATEWAY_A, GATEWAY_B }) do
        local report = judge.report(model, assert(judge.body(model, fault), fault))
        assert.is_false(report.accepted, model)
        assert.are.equal(reason, report.reason, model .. ': ' .. says(report))
      end
    end)
  end

  it('has words of its own for an answer that names no model', function()
    for _, fault in ipairs({ 'attested_model_missing', 'null:model', 'empty:model' }) do
      local report = judge.report(NEAR, judge.body(NEAR, fault))
      assert.is_false(judging.check(report, 'model_named').ok)
      assert.is_nil(judging.check(report, 'model_matches'))
    end
    local report = judge.report(NEAR, judge.body(NEAR, 'attested_model_other'))
    assert.is_false(judging.check(report, 'model_matches').ok)
  end)

  -- Every fault ----------------------------------------------------------------------------------

  -- The simulator says of each of its faults whether a client must accept what it does.
  it('and forged evidence are told apart as the simulator says, fault by fault', function()
    local wrong, count = {}, 0
    for _, fault in ipairs(sim.faults()) do
      -- Quotes are judged in the tests of DCAP, and a member by its path is any fault.
      local is_body = fault.at == 'attestation' and not fault.family and not fault.reply
      if is_body and not fault.name:find('^quote_') and fault.name ~= 'attestation_member' then
        local model, body
        for _, candidate in ipairs({ VLLM, NEAR, GATEWAY_A, GATEWAY_B }) do
          model, body = candidate, judge.body(candidate, fault.name)
          if body then
            break
          end
        end
        count = count + 1
        local report = judge.report(model, assert(body, fault.name))
        local code = type(fault.code) == 'string' and fault.code or report.reason
        -- Where the contract leaves it open, either will do.
        local valid = fault.valid
        if type(valid) ~= 'boolean' then
          valid = report.accepted
        end
        if report.accepted ~= valid or report.reason ~= code then
          wrong[#wrong + 1] = ('%s at %s: %s, %s'):format(
            fault.name,
            model,
            report.accepted and 'accepted' or 'refused',
            tostring(report.reason)
          )
        end
      end
    end
    assert.are.equal('', table.concat(wrong, '\n'))
    assert.is_true(count > 250, tostring(count))
  end)
end)

-- The signature of an answer --------------------------------------------------------------------

describe('a genuine signature of an answer', function()
  local sim, nvim

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)
  before_each(function()
    sim.reset()
    sim.answer({ text = 'It counts.', rate = 0 })
    nvim = child.start({ env = { VENICE_API_KEY = 'k' } })
  end)
  after_each(function()
    nvim.stop()
  end)

  it('holds in every form of the address and of the algorithm', function()
    nvim.lua(
      [[
      _G.e2ee = require('venice.e2ee')
      _G.client = assert(e2ee.new(...))
      local report
      client:chat({ model = 'e2ee-sim-small', messages = { { role = 'user', content = 'Hi' } } }, {
        on_report = function(r) report = r end,
        on_done = function(err, info) _G.ended = { err = err, info = info, report = report } end,
      })]],
      sim.options({ verify = { dcap = 'off' } })
    )
    nvim.wait_for('_G.ended', 20000)
    local ended = nvim.lua('return _G.ended')
    assert(not ended.err, ended.err and ended.err.message)
    for _, row in ipairs({
      { 'none', true },
      { 'signature_address_missing', true },
      { 'signature_address_null', true },
      { 'signature_address_empty', true },
      { 'signature_address_no_0x', true },
      { 'signature_algo_upper', true },
      { 'signature_algo_secp256k1', true },
      { 'signature_algo_missing', true },
      { 'signature_address', false, 'address_mismatch' },
      { 'signature_algo', false, 'signing_algo' },
      { 'signature_other_key', false, 'signature_signer' },
    }) do
      sim.fault(row[1])
      local path = '/api/v1/tee/signature?model=e2ee-sim-small&request_id=' .. ended.info.id
      local got = nvim.lua(
        [[
        local result, err = e2ee.verify_receipt(...)
        return { result = result, err = err }]],
        {
          response = sim.request('GET', path).body,
          signing_address = ended.report.signing_address,
          request_id = ended.info.id,
          now = os.time(),
        }
      )
      assert(got.result, got.err and got.err.message)
      assert.are.equal(row[2], got.result.verified, row[1])
      assert.are.equal(row[3], got.result.reason, row[1])
    end
  end)
end)
