-- Quotes and responses judged offline, with collateral that the test put together itself.

local child = require('tests.lua.child')
local h = require('tests.lua.dcap')

local FMSPC = h.FMSPC
local requested = h.requested

-- Offline ---------------------------------------------------------------------------------------

describe('evidence that is judged offline', function()
  setup(h.start_simulator)
  teardown(h.stop_simulator)
  before_each(h.start_child)
  after_each(h.stop_child)

  local NONCE = ('0123456789abcdef'):rep(4)

  local function get(path)
    local answer = h.sim.request('GET', path)
    assert.are.equal(200, answer.status)
    return answer
  end

  local function to_hex(bytes)
    return (bytes:gsub('.', function(c)
      return ('%02x'):format(c:byte())
    end))
  end

  local function response(model)
    return get(('/api/v1/tee/attestation?model=%s&nonce=%s'):format(model or h.sim.model, NONCE))
  end

  local function verify(call, args)
    local got = h.nvim.lua(
      [[
      local call, args = ...
      local report, err = require('venice.e2ee')[call](args)
      return { report = report, err = err }]],
      call,
      args
    )
    assert(got.report, got.err and got.err.message)
    return got.report
  end

  local function quote_args(extra)
    local hex = response().json.intel_quote
    return vim.tbl_extend('force', {
      quote = hex:gsub('%x%x', function(byte)
        return string.char(tonumber(byte, 16))
      end),
      collateral = h.sim.collateral(),
      now = os.time(),
      root_ca = child.read(h.sim.root),
    }, extra or {})
  end

  -- A string of bytes travels to the child as a blob, so the child makes it from hex.
  local function verify_quote(args)
    args.quote = to_hex(args.quote)
    return h.nvim.lua(
      [[
      local args = ...
      args.quote = args.quote:gsub('%x%x', function(byte)
        return string.char(tonumber(byte, 16))
      end)
      local report, err = require('venice.e2ee').verify_quote(args)
      return assert(report, err and err.message)]],
      args
    )
  end

  it('has the same verdict for a quote', function()
    local report = verify_quote(quote_args())
    assert.is_true(report.verified and report.accepted)
    assert.are.equal('dcap', report.level)
    assert.is_true(report.simulated)
    assert.are.equal('UpToDate', report.status)
    assert.are.equal(FMSPC, report.fmspc)
    assert.are.equal(20, report.tcb_eval)
    assert.is_nil(report.signing_key)
    requested(1, 4)
  end)

  it('has the same verdict for a response', function()
    for _, model in ipairs(h.sim.models) do
      local report = verify('verify_attestation', {
        response = response(model).body,
        nonce = NONCE,
        model = model,
        collateral = h.sim.collateral(),
        now = os.time(),
        root_ca = child.read(h.sim.root),
        gpu_root_ca = child.read(h.sim.gpu_root),
      })
      assert.is_true(report.verified and report.accepted, report.reason)
      assert.is_truthy(({ dcap = true, measured = true })[report.level])
      assert.is_true(report.simulated)
      assert.are.equal('UpToDate', report.status)
      assert.are.equal(model, report.model)
      assert.are.equal(130, #report.signing_key)
    end
  end)

  it('is refused without collateral, and where it cannot be read', function()
    local args = quote_args()
    args.collateral = nil
    local report = verify_quote(args)
    assert.are.equal('collateral_missing', report.reason)
    assert.is_false(report.verified or report.accepted)
    for _, text in ipairs({ '', '{}', 'null', '\255', h.sim.collateral():sub(1, -2) }) do
      report = verify_quote(quote_args({ collateral = text }))
      assert.are.equal('collateral_malformed', report.reason)
    end
    local whole = {
      response = response().body,
      nonce = NONCE,
      model = h.sim.model,
      now = os.time(),
      root_ca = child.read(h.sim.root),
      gpu_root_ca = child.read(h.sim.gpu_root),
    }
    report = verify('verify_attestation', whole)
    assert.are.equal('collateral_missing', report.reason)
    assert.are.equal('binding', report.level)
    assert.is_false(report.accepted)
    whole.collateral = 'x'
    assert.are.equal('collateral_malformed', verify('verify_attestation', whole).reason)
  end)

  it('is judged at the time that is given', function()
    local day = 86400
    local function at(offset)
      local report = verify_quote(quote_args({ now = os.time() + offset }))
      return report.verified and 'verified' or report.reason
    end
    assert.are.equal('verified', at(0))
    assert.are.equal('verified', at(28 * day))
    assert.are.equal('crl_expired', at(30 * day))
    assert.are.equal('crl_not_yet_valid', at(-2 * day))
    assert.are_not.equal('verified', at(100 * 365 * day))
    assert.are_not.equal('verified', at(-os.time()))
  end)

  it('needs the root that is given', function()
    local args = quote_args()
    args.root_ca = nil
    local report = verify_quote(args)
    assert.are.equal('root_untrusted', report.reason)
    assert.is_false(report.simulated)
    -- As in setup(), a policy's root is a file.
    args = quote_args({ policy = { root_ca = h.sim.root } })
    args.root_ca = nil
    report = verify_quote(args)
    assert.is_true(report.accepted)
    assert.is_true(report.simulated)
    local err = h.nvim.lua([[
      local _, err = require('venice.e2ee').verify_quote({
        quote = 'x', now = 1, root_ca = 'no PEM', collateral = '{}',
      })
      return err or vim.NIL]])
    assert.are.equal('config', err.code)
  end)

  it('is judged by the policy that is given', function()
    h.sim.tcb({ level = 'platform', status = 'OutOfDate' })
    local report = verify_quote(quote_args())
    assert.is_true(report.verified)
    assert.is_false(report.accepted)
    assert.are.equal('tcb_not_accepted', report.reason)
    assert.are.equal('OutOfDate', report.status)
    for _, policy in ipairs({ { tcb_grace_days = 102 }, { accept_tcb = { 'OutOfDate' } } }) do
      report = verify_quote(quote_args({ policy = policy }))
      assert.is_true(report.verified and report.accepted)
      assert.are.equal('OutOfDate', report.status)
      assert.is_nil(report.reason)
    end
    report = verify_quote(quote_args({ policy = { tcb_grace_days = 99 } }))
    assert.is_false(report.accepted)
    report = verify_quote(quote_args({ policy = { dcap = 'off' } }))
    assert.is_false(report.accepted)
    report = verify_quote(quote_args({
      policy = { accept_tcb = { 'OutOfDate' }, measurements = { mrtd = { ('0'):rep(96) } } },
    }))
    assert.is_false(report.accepted)
    assert.are.equal('measurement_not_allowed', report.reason)
  end)
end)
