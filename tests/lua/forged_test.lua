-- What a malicious host, or the service, could serve: consistent in every respect but one. Judged
-- under each policy, and met by a user in a chat.

local child = require('tests.lua.child')
local judging = require('tests.lua.judge')

local NEAR, VLLM = 'e2ee-sim-small', 'e2ee-sim-vllm'
local GATEWAY_A, GATEWAY_B = 'e2ee-sim-aci-a', 'e2ee-sim-aci-b'
local ALL = { NEAR, VLLM, GATEWAY_A, GATEWAY_B }
local ENCLAVES, GATEWAYS = { NEAR, VLLM }, { GATEWAY_A, GATEWAY_B }
local COMPLETE = { 'mrtd', 'rtmr1', 'rtmr2', 'compose_hash' }

describe('forged evidence', function()
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

  -- Every policy, each without and with a pin. GPUs are not what is forged here.
  local function policies(model, pin)
    local rows = {}
    for name, policy in pairs({
      ask = { pin = 'ask' },
      strict = { pin = 'strict' },
      ['off, a short allowlist'] = {
        pin = 'off',
        measurements = judge.allowlist(model, { 'compose_hash' }),
      },
      ['off, a complete allowlist'] = {
        pin = 'off',
        measurements = judge.allowlist(model, COMPLETE),
      },
    }) do
      policy.gpu = 'off'
      rows[name] = { policy = policy }
      rows[name .. ', a confirmed pin'] = { policy = policy, pins = { pin } }
    end
    return rows
  end

  local function is_refused(report, reason, what)
    what = what .. ': ' .. judging.failures(report)
    assert.is_false(report.accepted, what)
    assert.are.equal(reason, report.reason, what)
    assert.are_not.equal('measured', report.level, what)
  end

  local function is_accepted(report, level, what)
    what = what .. ': ' .. tostring(report.reason) .. '\n' .. judging.failures(report)
    assert.is_true(report.accepted, what)
    assert.is_true(report.verified, what)
    assert.are.equal(level, report.level, what)
  end

  -- Wrong whatever the policy -----------------------------------------------------------------

  for fault, form in pairs({
    rtmr3_opaque = 'unused',
    rtmr3_opaque_v2 = 'v2',
    rtmr3_opaque_v3 = 'v3',
    rtmr3_opaque_unknown = 'unknown',
  }) do
    it(fault .. ' is malformed whatever the policy', function()
      for _, model in ipairs(ALL) do
        -- Even the pin agrees with all that is shown.
        local pin = judge.pin(model, nil, { mrconfigid_form = form })
        pin.app_id = form ~= 'v2' and pin.app_id or nil
        for _, kind in ipairs({ 13, 0, 0x80000003, 0x08000002 }) do
          local body = judge.body(model, fault, { type = kind })
          for name, opts in pairs(policies(model, pin)) do
            local report = judge.report(model, body, opts)
            is_refused(report, 'event_log_malformed', model .. ', ' .. name)
            assert.is_false(report.verified)
            assert.is_nil((report.code or {}).replayed)
            local check = judging.check(report, 'event_log_well_formed')
            assert.is_false(check.ok)
          end
        end
      end
    end)
  end

  it('event_name_colon is malformed whatever the policy', function()
    local struck = 0
    for _, model in ipairs(ALL) do
      local body = judge.body(model, 'event_name_colon')
      local pin = judge.pin(model)
      pin.key_provider = nil
      for name, opts in pairs(body and policies(model, pin) or {}) do
        is_refused(judge.report(model, body, opts), 'event_log_malformed', model .. ', ' .. name)
        struck = struck + 1
      end
    end
    -- The fourth has events of version 2, which cannot be split again.
    assert.are.equal(3 * 8, struck)
  end)

  -- Another machine under the same names -------------------------------------------------------

  it('an honest machine is measured with a confirmed pin or a complete allowlist', function()
    for _, model in ipairs(ALL) do
      local body = judge.body(model)
      for name, opts in pairs(policies(model, judge.pin(model))) do
        local measured = opts.pins and opts.policy.pin ~= 'off' or name:find('complete', 1, true)
        local report = judge.report(model, body, opts)
        is_accepted(report, measured and 'measured' or 'dcap', model .. ', ' .. name)
        if opts.policy.measurements then
          assert.are.equal(name:find('complete', 1, true) ~= nil, report.allowlist.complete)
        end
      end
    end
  end)

  for fault, register in pairs({ other_kernel = 'rtmr1', other_cmdline = 'rtmr2' }) do
    it(fault .. ' is a change, and on no complete allowlist', function()
      for _, model in ipairs(ALL) do
        local body, pin = judge.body(model, fault), judge.pin(model)
        for name, opts in pairs(policies(model, pin)) do
          local what = model .. ', ' .. name
          local report = judge.report(model, body, opts)
          if name:find('complete', 1, true) then
            is_refused(report, 'measurement_not_allowed', what)
            assert.is_truthy(report.refusal:find(register, 1, true), report.refusal)
          elseif opts.policy.measurements then
            is_accepted(report, 'dcap', what)
            assert.is_false(report.allowlist.complete)
            table.sort(report.allowlist.missing)
            assert.are.same({ 'mrtd', 'rtmr1', 'rtmr2' }, report.allowlist.missing)
          elseif opts.pins then
            is_refused(report, 'pin_changed', what)
            assert.is_true(report.verified)
            assert.are.equal('changed', report.pin.state)
            assert.are.equal(pin[register], report.pin.previous[register])
            assert.are_not.equal(pin[register], report.pin.enclave[register])
          else
            -- First sight cannot know which kernel is right.
            is_accepted(report, 'dcap', what)
            assert.are.equal('first', report.pin.state)
          end
        end
      end
    end)

    it(fault .. ' is a change of an enclave that was never confirmed too', function()
      local pin = judge.pin(NEAR, nil, { confirmed = false })
      local report = judge.report(NEAR, judge.body(NEAR, fault), { pins = { pin } })
      is_refused(report, 'pin_changed', fault)
    end)

    it(fault .. ' is not known by a pin of an older version, and not measured', function()
      local pin = judge.pin(NEAR)
      for _, name in ipairs({ 'rtmr1', 'rtmr2', 'mrconfigid_form', 'shape' }) do
        pin[name] = nil
      end
      local report = judge.report(NEAR, judge.body(NEAR, fault), { pins = { pin } })
      is_accepted(report, 'dcap', fault)
      assert.are.equal('known', report.pin.state)
      assert.is_true(vim.tbl_contains(report.pin.missing, register))
    end)
  end

  -- A pin names it, so that it is seen to change.
  for _, row in ipairs({
    { 'changed_mrtd', ALL, 'mrtd' },
    { 'changed_compose', ALL, 'compose_hash' },
    { 'mrconfigid_unused', ALL, 'mrconfigid_form' },
    { 'config_unknown', ALL, 'mrconfigid_form' },
    { 'custody_other_app_id', ALL, 'app_id' },
    { 'os_image_unmeasured', ALL, 'os_image_hash' },
    { 'shape_changed', ALL, 'shape' },
    { 'gateway_added', ENCLAVES, 'shape' },
    { 'custody_other_root', GATEWAYS, 'custody_root' },
    { 'custody_missing', GATEWAYS, 'custody_root' },
  }) do
    local fault, models, value = row[1], row[2], row[3]
    it(fault .. ' is a change', function()
      for _, model in ipairs(models) do
        local body, pin = judge.body(model, fault), judge.pin(model)
        assert.is_string(pin[value], model)
        for _, word in ipairs({ 'ask', 'strict' }) do
          local report = judge.report(model, body, { policy = { pin = word }, pins = { pin } })
          is_refused(report, 'pin_changed', model)
          assert.is_true(report.verified)
          assert.are.equal(pin[value], report.pin.previous[value])
          assert.are_not.equal(pin[value], report.pin.enclave[value])
        end
        -- First sight knows nothing better, and measures nothing that it cannot bind.
        local report = judge.report(model, body)
        is_accepted(report, 'dcap', model)
        assert.are.equal('first', report.pin.state)
      end
    end)
  end

  it('an unused MRCONFIGID is measured only where a confirmed pin says so', function()
    for _, model in ipairs(ALL) do
      local body, pin =
        judge.body(model, 'mrconfigid_unused'), judge.pin(model, 'mrconfigid_unused')
      assert.are.equal('unused', pin.mrconfigid_form)
      is_accepted(judge.report(model, body, { pins = { pin } }), 'measured', model)
      local policy = { pin = 'off', measurements = judge.allowlist(model, COMPLETE) }
      is_accepted(judge.report(model, body, { policy = policy }), 'dcap', model)
    end
  end)

  it('an unknown MRCONFIGID is measured nowhere', function()
    for _, model in ipairs(ALL) do
      local body, pin = judge.body(model, 'config_unknown'), judge.pin(model, 'config_unknown')
      is_accepted(judge.report(model, body, { pins = { pin } }), 'dcap', model)
      local policy = { pin = 'off', measurements = judge.allowlist(model, COMPLETE) }
      is_accepted(judge.report(model, body, { policy = policy }), 'dcap', model)
    end
  end)

  it("a gateway's body is one whatever else it holds", function()
    for _, row in ipairs({
      { NEAR, nil, false },
      { VLLM, nil, false },
      { NEAR, 'shape_changed', true },
      { NEAR, 'gateway_added', true },
      { VLLM, 'gateway_added', true },
      { GATEWAY_A, nil, true },
      { GATEWAY_B, 'absent:api_version', true },
      { GATEWAY_B, 'shape_changed', false },
    }) do
      local report = judge.report(row[1], judge.body(row[1], row[2]))
      assert.are.equal(row[3], report.gateway, row[1] .. ', ' .. tostring(row[2]))
      assert.are.equal(row[3] and 'gateway' or 'enclave', report.pin.enclave.shape)
    end
  end)

  it('evidence in another shape of the same kind is no change', function()
    for model, shape in pairs({
      [NEAR] = 'B',
      [VLLM] = 'A',
      [GATEWAY_A] = 'D',
      [GATEWAY_B] = 'C',
    }) do
      local body = judge.body(model, 'shape_changed', { shape = shape })
      local report = judge.report(model, body, { pins = { judge.pin(model) } })
      is_accepted(report, 'measured', model)
      assert.are.equal('confirmed', report.pin.state)
    end
  end)

  -- Custody ------------------------------------------------------------------------------------

  it('custody is held against verify.custody', function()
    local custody = judge.report(GATEWAY_B, judge.body(GATEWAY_B)).aci.custody
    local root, app_id = custody.root, custody.app_id
    assert.are.equal(66, #root)
    assert.are.equal(40, #app_id)
    local other = { roots = { '02' .. ('ab'):rep(32) }, app_ids = { ('ab'):rep(20) } }
    for _, row in ipairs({
      { GATEWAY_B, nil, { roots = { root } } },
      { GATEWAY_A, nil, { roots = { root } } },
      { GATEWAY_B, nil, { app_ids = { app_id } } },
      { GATEWAY_B, nil, { roots = { other.roots[1], root }, app_ids = { app_id } } },
      { GATEWAY_B, 'custody_upper', { roots = { root }, app_ids = { app_id } } },
      { GATEWAY_B, nil, { roots = other.roots }, 'custody_root_not_allowed' },
      { GATEWAY_B, nil, { app_ids = other.app_ids }, 'custody_app_id_not_allowed' },
      { GATEWAY_B, 'custody_other_root', { roots = { root } }, 'custody_root_not_allowed' },
      { GATEWAY_B, 'custody_other_app_id', { app_ids = { app_id } }, 'custody_app_id_not_allowed' },
      { GATEWAY_B, 'custody_missing', { roots = { root } }, 'custody_missing' },
      { GATEWAY_B, 'app_id_unmeasured', { app_ids = { app_id } }, 'custody_missing' },
      { NEAR, nil, { roots = { root } }, 'custody_missing' },
    }) do
      local what = row[1] .. ', ' .. tostring(row[2]) .. ', ' .. vim.inspect(row[3])
      local policy = { pin = 'off', custody = row[3] }
      local report = judge.report(row[1], judge.body(row[1], row[2]), { policy = policy })
      if row[4] then
        is_refused(report, row[4], what)
        assert.is_true(report.verified, what)
        assert.is_string(report.refusal, what)
      else
        is_accepted(report, 'dcap', what)
      end
    end
  end)

  -- The compose manager ------------------------------------------------------------------------

  for _, fault in ipairs({
    'manager_unknown_member',
    'manager_unknown_unhashed',
    'manager_forged_action',
    'manager_no_actions',
    'manager_no_actions_no_hash',
    'manager_actions_text',
    'manager_actions_object',
    'manager_action_list',
    'null:compose_manager_attestation.actions',
    'empty:compose_manager_attestation.actions',
    'retype:compose_manager_attestation.actions',
  }) do
    it(fault .. ' shows nothing as signed', function()
      local body = assert(judge.body(NEAR, fault))
      for name, opts in pairs(policies(NEAR, judge.pin(NEAR))) do
        local report = judge.report(NEAR, body, opts)
        local manager = (report.code or {}).manager or {}
        assert.is_not_true(manager.verified, name)
        assert.is_nil(manager.latest, name)
        local whole = vim.json.encode(report)
        for _, forged in ipairs({ 'v9.9.9', 'Forged%-8B', ('f0'):rep(20), 'forged%-1' }) do
          assert.is_falsy(whole:find(forged), name .. ': ' .. forged)
        end
        -- Nobody can say that the actions are bound where there is no hash of them.
        local bound = judging.check(report, 'manager_quote_bound')
        assert.is_not_true(bound and bound.ok and bound.detail:find('binds the actions', 1, true))
        local actions = judging.check(report, 'manager_actions')
        assert.is_not_true(actions and actions.ok, name)
        if not report.accepted then
          assert.are.equal('manager_statement', report.reason, name)
        end
      end
    end)
  end

  it("the manager's own statement is shown as signed", function()
    local manager = judge.report(NEAR, judge.body(NEAR)).code.manager
    assert.is_true(manager.verified)
    assert.are.equal('v0.0.58', manager.latest.tag)
  end)
end)

-- In a chat -------------------------------------------------------------------------------------

describe('forged evidence in a chat', function()
  local sim, nvim, state

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)
  before_each(function()
    sim.reset()
    sim.answer({ rate = 0, chunks = { 'the answer' } })
    state = child.tempdir()
  end)
  after_each(function()
    nvim.stop()
  end)

  local function start(opts)
    nvim = child.start({
      env = { VENICE_API_KEY = 'k', XDG_STATE_HOME = state },
      terminal = opts.terminal,
      lines = 60,
      columns = 120,
    })
    nvim.cmd('set cmdheight=4')
    local options = sim.options({ model = opts.model or NEAR, verify = opts.verify })
    nvim.lua([[require('venice').setup(...)]], options)
  end

  local function trust(model)
    start({ model = model })
    nvim.cmd('Venice trust ' .. model)
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 15000)
    nvim.stop()
  end

  local function completions()
    return #vim.tbl_filter(function(entry)
      return entry.path:find('/chat/completions', 1, true) ~= nil
    end, sim.log())
  end

  local function send(text)
    nvim.cmd('VeniceChat ' .. text)
    nvim.wait_for([[require('venice').status().state == 'idle']], 15000)
  end

  local function is_refused(reason)
    assert.are.equal(0, completions())
    local status = nvim.lua([[return require('venice').status()]])
    assert.are.equal('attestation', status.error.code)
    assert.is_truthy(status.error.message:find(reason, 1, true), status.error.message)
    assert.are.equal(reason, nvim.lua([[return require('venice.chat').current().report.reason]]))
    assert.are_not.equal('measured', status.level)
  end

  local function question_is_open()
    return nvim.lua([[for _, win in ipairs(vim.api.nvim_list_wins()) do
        if vim.bo[vim.api.nvim_win_get_buf(win)].filetype == 'venice-trust' then return true end
      end
      return false]])
  end

  for _, fault in ipairs({ 'rtmr3_opaque', 'event_name_colon' }) do
    for name, opts in pairs({
      ['where nobody can be asked'] = {},
      ['where somebody could be asked'] = { terminal = true },
      ["under 'strict'"] = { terminal = true, verify = { pin = 'strict' } },
    }) do
      it(fault .. ' is refused without a question, ' .. name, function()
        trust(NEAR)
        start(opts)
        sim.fault(fault)
        send('secret')
        is_refused('event_log_malformed')
        assert.is_false(question_is_open())
      end)
    end
  end

  for fault, value in pairs({
    other_kernel = 'rtmr1',
    other_cmdline = 'rtmr2',
    mrconfigid_unused = 'mrconfigid',
    shape_changed = 'own evidence',
  }) do
    it(fault .. ' is refused where nobody can be asked', function()
      trust(NEAR)
      start({})
      sim.fault(fault)
      send('secret')
      is_refused('pin_changed')
    end)

    it(fault .. " is refused under 'strict'", function()
      trust(NEAR)
      start({ terminal = true, verify = { pin = 'strict' } })
      sim.fault(fault)
      send('secret')
      is_refused('pin_changed')
      assert.is_false(question_is_open())
    end)

    it(fault .. ' is asked about, and what changed is named', function()
      trust(NEAR)
      start({ terminal = true })
      sim.fault(fault)
      nvim.cmd('VeniceChat secret')
      nvim.wait_for([[vim.bo.filetype == 'venice-trust']], 15000)
      assert.are.equal(0, completions())
      assert.is_truthy(nvim.text():lower():find(value, 1, true), nvim.text())
      nvim.sleep(1000) -- A key answers only what has been in sight for a moment.
      nvim.type_keys('q')
      nvim.wait_for([[require('venice').status().state == 'idle']], 15000)
      is_refused('pin_changed')
    end)
  end

  it("other_kernel is refused under 'off' by a complete allowlist", function()
    local judge = judging.new(sim)
    local measurements = judge.allowlist(NEAR, COMPLETE)
    start({ verify = { pin = 'off', measurements = measurements } })
    sim.fault('other_kernel')
    send('secret')
    is_refused('measurement_not_allowed')
    sim.fault('none')
    nvim.cmd('Venice retry')
    nvim.wait_for([[require('venice').status().state == 'idle']], 15000)
    assert.are.equal('measured', nvim.lua([[return require('venice').status().level]]))
    assert.are.equal(1, completions())
  end)

  it("other_kernel under 'off' and a short allowlist is answered, and the level says it", function()
    local measurements = judging.new(sim).allowlist(NEAR, { 'mrtd', 'compose_hash' })
    start({ verify = { pin = 'off', measurements = measurements } })
    sim.fault('other_kernel')
    send('hello')
    assert.are.equal(1, completions())
    assert.are.equal('dcap', nvim.lua([[return require('venice').status().level]]))
    nvim.cmd('Venice attest')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 15000)
    assert.is_truthy(nvim.text():find('rtmr1', 1, true))
  end)

  it('a gateway whose key another KMS can hand out is asked about', function()
    trust(GATEWAY_B)
    start({ model = GATEWAY_B })
    sim.fault('custody_other_root')
    send('secret')
    is_refused('pin_changed')
  end)

  it('the session on own evidence ends where a gateway stands in its place', function()
    start({})
    send('hello')
    assert.are.equal(1, completions())
    sim.fault('shape_changed')
    nvim.cmd('Venice! attest')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 15000)
    nvim.cmd('wincmd p')
    send('again')
    assert.are.equal(1, completions())
    local message = nvim.lua([[return require('venice').status().error.message]])
    assert.is_truthy(message:find('pin_changed', 1, true), message)
  end)
end)
