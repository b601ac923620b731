-- Who signed an answer, and GPU evidence, as users of the library see them.

local child = require('tests.lua.child')

local NONCE = ('ab'):rep(32)

describe('evidence in the library', function()
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
    nvim.lua(
      [[
      local options = ...
      _G.e2ee = require('venice.e2ee')
      _G.client = assert(e2ee.new(options))
      function _G.chat(model)
        _G.ended = nil
        local report
        client:chat({ model = model, messages = { { role = 'user', content = 'Hello' } } }, {
          on_report = function(r) report = r end,
          on_done = function(err, info) _G.ended = { err = err, info = info, report = report } end,
        })
      end]],
      sim.options({ verify = { dcap = 'off' } })
    )
  end)
  after_each(function()
    nvim.stop()
  end)

  local function chat(model)
    nvim.lua('chat(...)', model)
    nvim.wait_for('_G.ended', 20000)
    local ended = nvim.lua('return _G.ended')
    assert(not ended.err, ended.err and ended.err.message)
    return ended
  end

  local function verify(args)
    return nvim.lua(
      [[
      local result, err = e2ee.verify_receipt(...)
      return { result = result, err = err }]],
      args
    )
  end

  local function signature(model, id)
    local path = '/api/v1/tee/signature?model=' .. model .. '&request_id=' .. id
    return sim.request('GET', path).body
  end

  it('checks the signature of an answer offline', function()
    for _, model in ipairs(sim.models) do
      local ended = chat(model)
      local report = ended.report
      local args = {
        response = signature(model, ended.info.id),
        signing_address = report.signing_address,
        request_id = ended.info.id,
        keyset = type(report.aci) == 'table' and report.aci.keyset or nil,
        now = os.time(),
      }
      local got = verify(args).result
      assert.is_true(got.verified, got.reason)
      assert.are.equal('valid', got.signature)
      assert.are.equal('not_checkable', got.content_binding)
      assert.is_true(#got.checks > 0)
      assert.are.equal(args.keyset ~= nil, (got.receipt or {}).signed == true)
      args.signing_address = '0x' .. ('ab'):rep(20)
      got = verify(args).result
      assert.is_false(got.verified)
      assert.are.equal('invalid', got.signature)
      assert.are.equal('signature_signer', got.reason)
    end
  end)

  it('says what is wrong with the question', function()
    local args = { response = '{}', signing_address = '0x', request_id = 'x', now = 1 }
    assert.are.equal('config', verify(args).err.code)
    for field, value in pairs({ response = 5, request_id = vim.NIL, now = 'x', other = 1 }) do
      local bad = vim.tbl_extend('force', args, { [field] = value })
      assert.is_false(pcall(verify, bad), field)
    end
    args.signing_address = '0x' .. ('ab'):rep(20)
    for _, bytes in ipairs({ '', '\255', '{\0}', '[]', 'null' }) do
      args.response = bytes
      assert.are.equal('not_json', verify(args).result.reason)
    end
  end)

  local function ask(ended, model)
    nvim.lua(
      [[
      local model, opts = ...
      _G.asked = nil
      local native = require('venice.client').new(require('venice.config').client_options({
        base_url = opts.url, verify = { dcap = 'off' },
      }))
      opts.url = nil
      native:receipt(model, opts, function(err, receipt)
        _G.asked = { err = err, receipt = receipt }
        native:close()
      end)]],
      model,
      {
        url = sim.url,
        request_id = ended.info.id,
        signing_address = ended.report.signing_address,
      }
    )
    nvim.wait_for('_G.asked', 20000)
    return nvim.lua('return _G.asked')
  end

  it('asks the service', function()
    local ended = chat(sim.model)
    local got = ask(ended, sim.model)
    assert.is_nil(got.err)
    assert.is_true(got.receipt.verified)
    sim.fault('signature_other_key')
    got = ask(ended, sim.model)
    assert.is_nil(got.err)
    assert.is_false(got.receipt.verified)
    sim.fault('http_429', { at = 'signature' })
    got = ask(ended, sim.model)
    assert.are.equal('rate_limited', got.err.code)
    assert.is_nil(got.receipt)
  end)

  it('judges GPUs, and what NVIDIA says about them', function()
    local path = '/api/v1/tee/attestation?model=' .. sim.model .. '&nonce=' .. NONCE
    local response = sim.request('GET', path)
    local payload = response.json.nvidia_payload
    local function report(extra)
      return nvim.lua(
        [[return assert(e2ee.verify_attestation(...))]],
        vim.tbl_extend('force', {
          response = response.body,
          nonce = NONCE,
          model = sim.model,
          now = os.time(),
          policy = { dcap = 'off' },
          gpu_root_ca = child.read(sim.gpu_root),
        }, extra or {})
      )
    end
    local nras = {
      response = sim.request('POST', '/v3/attest/gpu', payload).body,
      jwks = sim.request('GET', '/.well-known/jwks.json').body,
    }
    local got = report()
    assert.is_true(got.accepted and got.simulated)
    assert.are.same({ true, 'local', 8, false }, {
      got.gpu.verified,
      got.gpu.level,
      got.gpu.count,
      got.gpu.relayed,
    })
    got = report({ nras = nras })
    assert.is_true(got.accepted)
    assert.are.equal('nras', got.gpu.level)
    got = report({ policy = { dcap = 'off', nras = true } })
    assert.is_false(got.accepted)
    assert.are.equal('nras_missing', got.reason)
    nras.response = '[]'
    assert.are.equal('nras_malformed', report({ nras = nras }).reason)
    got = report({ policy = { dcap = 'off', gpu_root_ca = sim.gpu_root } })
    assert.is_true(got.accepted)
    got = nvim.lua(
      [[local args = ...; args.gpu_root_ca = nil; return assert(e2ee.verify_attestation(args))]],
      {
        response = response.body,
        nonce = NONCE,
        model = sim.model,
        now = os.time(),
        policy = { dcap = 'off' },
      }
    )
    assert.is_false(got.accepted)
    assert.are.equal('gpu_root_untrusted', got.reason)
    assert.is_false(got.gpu.verified)
  end)
end)
