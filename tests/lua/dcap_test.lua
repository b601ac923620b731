-- The hardware behind a model: what is proven, what is refused, and what the user sees of it.

local child = require('tests.lua.child')
local h = require('tests.lua.dcap')

local FMSPC = h.FMSPC
local start = h.start
local attest = h.attest
local accepted = h.accepted
local refused = h.refused
local requests = h.requests
local requested = h.requested
local cache_files = h.cache_files
local clear_cache = h.clear_cache

-- Live -------------------------------------------------------------------------------------------

describe('the hardware of a model', function()
  setup(h.start_simulator)
  teardown(h.stop_simulator)
  before_each(h.start_child)
  after_each(h.stop_child)

  it('is proven by default, and said to be simulated', function()
    start()
    local report = accepted()
    assert.is_true(report.simulated)
    assert.are.equal('UpToDate', report.status)
    assert.are.same({}, report.advisories)
    assert.are.equal(FMSPC, report.fmspc)
    assert.are.equal(20, report.tcb_eval)
    assert.is_truthy(report.tcb_date:find('^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$'))
    assert.is_truthy(report.tcb.next_update:find('^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$'))
    assert.are.equal('UpToDate', report.tcb.platform)
    assert.are.equal('UpToDate', report.tcb.module)
    assert.are.equal('UpToDate', report.tcb.qe)
    local roles = {}
    for _, certificate in ipairs(report.chain) do
      roles[#roles + 1] = certificate.role
      assert.is_true(#certificate.subject > 0)
      assert.is_true(certificate.not_before < certificate.not_after)
    end
    assert.are.same({ 'pck', 'pck_ca', 'root', 'tcb_signer', 'qe_signer' }, roles)
    assert.are.equal(96, #report.measurements.mrtd)
    assert.is_nil(report.reason)
    for _, check in ipairs(report.checks) do
      assert.is_true(check.ok, check.id)
    end
    requested(1, 4)
  end)

  it('has the smaller evaluation number of both parts', function()
    start()
    h.sim.tcb({ evaluation = 19, qe_evaluation = 17 })
    assert.are.equal(17, accepted().tcb_eval)
    clear_cache()
    h.sim.tcb({ evaluation = 16, qe_evaluation = 18 })
    assert.are.equal(16, accepted().tcb_eval)
  end)

  it('is not proven without the root of the simulator', function()
    h.new({ base_url = h.sim.url, verify = { collateral_url = h.sim.url } })
    local _, report = refused('root_untrusted')
    assert.is_false(report.simulated)
    assert.are.equal('binding', report.level)
    assert.are.equal(0, #cache_files())
  end)

  it('is proven for every shape of answer and of quote', function()
    start()
    for _, model in ipairs(h.sim.models) do
      accepted(model)
    end
    for _, order in ipairs({
      { quote_version = 4 },
      { quote_version = 5, td = '1.0' },
      { quote_version = 5, td = '1.5' },
      { ca = 'processor' },
      { ca = 'processor', quote_version = 4 },
    }) do
      h.sim.tcb(order)
      assert.are.equal(order.ca or 'platform', accepted().tcb.ca)
    end
    -- One set for each authority, asked for once.
    assert.are.equal(2, #cache_files())
    assert.are.equal(8, requests().collateral)
  end)

  it('gives no session beyond the dates of the collateral', function()
    for days, seconds in pairs({ [300 / 86400] = 300, [29] = 600 }) do
      clear_cache()
      h.sim.tcb({ next_update_days = days })
      local left = h.nvim.lua(
        [[
        local options, model = ...
        options = require('venice.config').client_options(options)
        local client = assert(require('venice.client').new(options))
        local ended
        client:attest(model, {}, { on_done = function(err) ended = { err = err } end })
        vim.wait(10000, function() return ended end, 10)
        assert(not ended.err, ended.err and ended.err.message)
        local left = client:report(model).good_until - os.time()
        client:close()
        return left]],
        h.sim.options({ session_ttl = 600 }),
        h.sim.model
      )
      assert.is_true(left <= seconds and left > seconds - 60, left .. ' of ' .. seconds)
    end
  end)
end)

-- A platform that is not up to date --------------------------------------------------------------

describe('a platform', function()
  setup(h.start_simulator)
  teardown(h.stop_simulator)
  before_each(h.start_child)
  after_each(h.stop_child)

  local function days_ago(days)
    return os.date('!%Y-%m-%dT00:00:00Z', os.time() - days * 86400)
  end

  -- The date of a report is the earliest of its three levels.
  local function out_of_date(days, advisories, level)
    for _, part in ipairs({ 'platform', 'module', 'qe' }) do
      h.sim.tcb({ level = part, status = 'UpToDate', date = days_ago(days) })
    end
    h.sim.tcb({
      level = level or 'platform',
      status = 'OutOfDate',
      date = days_ago(days),
      advisories = advisories or { 'INTEL-SA-01192' },
    })
  end

  it('that is out of date is refused with a date, the advisories and a way out', function()
    start()
    out_of_date(20)
    local err, report = refused('tcb_not_accepted')
    assert.are.equal(
      ('nothing was sent: the platform of %s is out of date (since %s, INTEL-SA-01192)'):format(
        h.sim.model,
        days_ago(20):sub(1, 10)
      ),
      err.message
    )
    assert.are.equal(
      'wait until the operator updates it, or accept it: verify = { tcb_grace_days = 30 }'
        .. '   (:Venice attest shows all)',
      err.hint
    )
    assert.is_true(report.verified)
    assert.are.equal('OutOfDate', report.status)
    assert.are.same({ 'INTEL-SA-01192' }, report.advisories)
    assert.are.equal(days_ago(20), report.tcb_date)
    assert.are.equal('OutOfDate', report.tcb.platform)
    assert.are.equal('UpToDate', report.tcb.qe)
    -- Its collateral is in order, so it is kept.
    requests()
    refused('tcb_not_accepted')
    requested(1, 0)
  end)

  it('that is out of date is accepted by what the hint says', function()
    for _, days in ipairs({ 0, 1, 22, 23, 53, 400, 3000 }) do
      start()
      clear_cache()
      out_of_date(days)
      local grace = tonumber(refused('tcb_not_accepted').hint:match('tcb_grace_days = (%d+)'))
      assert.is_true(grace > days + 1 and grace <= days + 40, days .. ' days: ' .. grace)
      start({ tcb_grace_days = grace })
      assert.are.equal('OutOfDate', accepted().status)
    end
    start({ tcb_grace_days = 2999 })
    refused('tcb_not_accepted')
    out_of_date(3649)
    clear_cache()
    local err = refused('tcb_not_accepted')
    assert.is_truthy(err.hint:find("add 'OutOfDate' to verify.accept_tcb", 1, true), err.hint)
    start({ accept_tcb = { 'UpToDate', 'OutOfDate' } })
    accepted()
  end)

  it('has many advisories', function()
    start()
    local many = {}
    for i = 1, 12 do
      many[i] = ('INTEL-SA-%05d'):format(1000 - i)
    end
    out_of_date(3, many)
    local err, report = refused('tcb_not_accepted')
    table.sort(many)
    assert.are.same(many, report.advisories)
    local shown = table.concat(many, ', ', 1, 4) .. ' and 8 more)'
    assert.is_truthy(err.message:find(shown, 1, true), err.message)
  end)

  it('is judged by its module and its quoting enclave too', function()
    start()
    for _, level in ipairs({ 'module', 'qe' }) do
      h.sim.reset()
      clear_cache()
      out_of_date(9, nil, level)
      local _, report = refused('tcb_not_accepted')
      assert.are.equal('OutOfDate', report.status)
      assert.are.equal('OutOfDate', report.tcb[level])
      assert.are.equal('UpToDate', report.tcb.platform)
    end
  end)

  it('has a status that is accepted by default or not', function()
    for status, good in pairs({
      UpToDate = true,
      SWHardeningNeeded = true,
      ConfigurationNeeded = true,
      ConfigurationAndSWHardeningNeeded = true,
      OutOfDateConfigurationNeeded = false,
    }) do
      start()
      clear_cache()
      h.sim.tcb({ level = 'platform', status = status })
      if good then
        assert.are.equal(status, accepted().status)
      else
        local hint = refused('tcb_not_accepted').hint
        assert.is_truthy(hint:find("add '" .. status .. "' to verify.accept_tcb", 1, true), hint)
        start({ accept_tcb = { status } })
        assert.are.equal(status, accepted().status)
        -- Grace is for platforms that are only old.
        start({ tcb_grace_days = 3650 })
        refused('tcb_not_accepted')
      end
    end
    start({ accept_tcb = { 'UpToDate' } })
    clear_cache()
    h.sim.tcb({ level = 'platform', status = 'SWHardeningNeeded' })
    local err = refused('tcb_not_accepted')
    assert.is_truthy(err.message:find('SWHardeningNeeded', 1, true), err.message)
  end)

  it('that was revoked is not accepted, whatever the policy says', function()
    start({ tcb_grace_days = 3650, accept_tcb = { 'OutOfDate' } })
    h.sim.tcb({ level = 'platform', status = 'Revoked' })
    local err, report = refused('tcb_revoked')
    assert.is_false(report.verified)
    assert.are.equal('Revoked', report.status)
    assert.is_truthy(err.message:find('revoked', 1, true))
  end)

  it('that was updated under a running enclave is told from one that was not', function()
    start()
    h.sim.tcb({ relaunch = true })
    local err, report = refused('tcb_not_accepted')
    assert.are.equal('TDRelaunchAdvised', report.status)
    assert.is_truthy(err.message:find('was not restarted', 1, true), err.message)
    assert.is_truthy(err.hint:find("add 'TDRelaunchAdvised'", 1, true), err.hint)
    start({ accept_tcb = { 'UpToDate', 'TDRelaunchAdvised' } })
    accepted()
  end)

  it('is not looked at where verify.dcap is off', function()
    h.sim.tcb({ level = 'platform', status = 'Revoked' })
    start({ dcap = 'off' })
    local ended = attest()
    assert.is_nil(ended.err)
    assert.are.equal('binding', ended.report.level)
    assert.is_nil(ended.report.status)
    requested(1, 0)
  end)
end)

-- What the user sees -----------------------------------------------------------------------------

describe('what the user sees', function()
  setup(h.start_simulator)
  teardown(h.stop_simulator)
  before_each(h.start_child)
  after_each(h.stop_child)

  local function open(verify)
    h.nvim.stop()
    h.nvim = child.start({ env = { VENICE_API_KEY = 'k' }, columns = 140, lines = 40 })
    h.nvim.lua(
      [[require('venice').setup(...)]],
      h.sim.options({ model = h.sim.model, verify = verify, timeout = { connect = 2, idle = 2 } })
    )
  end

  local function finish(prompt)
    h.nvim.cmd('VeniceChat ' .. prompt)
    h.nvim.wait_for(
      [[(require('venice').last_event() or {}).event == 'VeniceRequestFinished']],
      10000
    )
    return h.nvim.lua([[return require('venice').status()]])
  end

  local function has(text, words)
    assert(text:find(words, 1, true), ('%q is not in\n%s'):format(words, text))
  end

  it('is the level, and that it is simulated', function()
    open()
    local status = finish('hello')
    assert.are.equal('dcap', status.level)
    assert.are.equal('UpToDate', status.tcb)
    assert.is_true(status.simulated)
    has(h.nvim.lua([[return require('venice').statusline()]]), 'SIMULATED')
    local screen = h.nvim.screen_text()
    has(screen, 'SIMULATED')
    has(screen, 'dcap')
    h.nvim.cmd('Venice attest')
    h.nvim.wait_for(function()
      return h.nvim.text():find('SIMULATED', 1, true)
    end, 5000, 'the attestation view')
    has(h.nvim.text(), 'dcap')
    -- The chain, with its dates, and every check are in the view.
    for _, words in ipairs({ 'Intel SGX PCK Platform CA', 'Intel SGX Root CA', 'quote_signed' }) do
      has(h.nvim.text(), words)
    end
  end)

  it('is why nothing was sent, and what to do', function()
    open()
    for _, part in ipairs({ 'module', 'qe', 'platform' }) do
      local status = part == 'platform' and 'OutOfDate' or 'UpToDate'
      h.sim.tcb({ level = part, status = status, date = '2026-08-12T00:00:00Z' })
    end
    local status = finish('hello')
    local sentence = ('nothing was sent: the platform of %s is out of date'):format(h.sim.model)
    has(status.error.message, sentence .. ' (since 2026-08-12, INTEL-SA-01192)')
    assert.are.equal('attestation', status.error.code)
    for _, entry in ipairs(h.sim.log()) do
      assert.is_falsy(entry.path:find('/chat/completions', 1, true))
    end
    open({ accept_tcb = { 'OutOfDate' } })
    assert.is_nil(finish('hello').error)
  end)
end)
