-- What the tests of DCAP share: a child with a client that attests against the simulator, which has
-- a PKI of its own, and looks at what was asked for.

local assert = require('luassert')
local child = require('tests.lua.child')

local h = {}

h.FMSPC = '51a1c0de0001'
h.PATHS = {
  tcb = '/tdx/certification/v4/tcb',
  qe = '/tdx/certification/v4/qe/identity',
  pckcrl = '/sgx/certification/v4/pckcrl',
  rootcrl = '/sgx/certification/v4/rootcacrl',
}

local NEW = [[
  local options = ...
  _G.e2ee = require('venice.e2ee')
  if _G.client then client:close() end
  _G.client = assert(e2ee.new(options))
  function _G.attest(model)
    _G.ended = nil
    local began = vim.loop.hrtime()
    return client:attest(model, function(err, report)
      _G.ended = { err = err, report = report, ms = (vim.loop.hrtime() - began) / 1e6 }
    end)
  end]]

-- h.sim and h.nvim are there while a test runs.

--- Gives the child another client, with exactly these options.
function h.new(options)
  h.nvim.lua(NEW, options)
end

--- Gives it one that trusts the simulator; `verify` wins.
function h.start(verify, opts)
  opts = vim.tbl_extend('keep', opts or {}, { timeout = { connect = 2, idle = 2 } })
  opts.verify = verify
  h.new(h.sim.options(opts))
end

function h.attest(model)
  h.nvim.lua('attest(...)', model or h.sim.model)
  h.nvim.wait_for('_G.ended', 20000, 'the end of an attestation')
  return h.nvim.lua('return _G.ended')
end

-- An attestation that must be accepted.
function h.accepted(model)
  local ended = h.attest(model)
  assert(not ended.err, ended.err and ended.err.message)
  assert.is_true(ended.report.accepted)
  assert.is_true(ended.report.verified)
  assert.are.equal('dcap', ended.report.level)
  return ended.report
end

function h.refused(reason)
  local ended = h.attest()
  assert(ended.err, 'accepted')
  assert.are.equal('attestation', ended.err.code)
  assert.is_false(ended.report.accepted)
  assert.are.equal(reason, ended.report.reason)
  return ended.err, ended.report
end

-- Requests since the last look, by what they ask for.
function h.requests()
  local seen = { attestation = 0, collateral = 0, other = 0 }
  for _, entry in ipairs(h.sim.request('GET', '/_log?clear=1').json) do
    local what = 'other'
    for _, path in pairs(h.PATHS) do
      what = entry.path == path and 'collateral' or what
    end
    what = entry.path:find('/tee/attestation', 1, true) and 'attestation' or what
    seen[what] = seen[what] + 1
  end
  return seen
end

function h.requested(attestations, collateral)
  assert.are.same({ attestation = attestations, collateral = collateral, other = 0 }, h.requests())
end

function h.cache_files(name)
  return vim.fn.glob(h.nvim.dirs.cache .. '/nvim/venice/' .. (name or 'collateral-*'), true, true)
end

function h.clear_cache()
  for _, path in ipairs(h.cache_files()) do
    vim.fn.delete(path, 'rf')
  end
end

function h.break_service(suffix)
  for at in pairs(h.PATHS) do
    h.sim.fault(at .. suffix)
  end
end

-- For setup, teardown, before_each and after_each, which only a test file has:

function h.start_simulator()
  h.sim = child.simulator()
end

function h.stop_simulator()
  h.sim.stop()
end

function h.start_child()
  h.sim.reset()
  h.nvim = child.start({ env = { VENICE_API_KEY = 'k' } })
end

function h.stop_child()
  h.nvim.stop()
end

return h
