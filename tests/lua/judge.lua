-- Judges what the simulator serves, offline: one body, as many policies and pins as a test likes.

local child = require('tests.lua.child')

local M = {}

local NONCE = ('c0ffee00'):rep(8)

--- A judge of one simulator.
---@param sim table
---@return table judge
function M.new(sim)
  local judge = {}
  local collateral, honest = sim.collateral(), {}
  local root, gpu_root = child.read(sim.root), child.read(sim.gpu_root)

  --- The body that is served under a fault (nil: an honest one), which stays on.
  ---@param model string
  ---@param fault string|nil
  ---@param extra table|nil arguments of the fault
  ---@return string|nil body nil: the fault has nothing to change in this model's body
  function judge.body(model, fault, extra)
    sim.fault(fault or 'none', extra)
    local path = '/api/v1/tee/attestation?model=' .. model .. '&nonce=' .. NONCE
    local answer = sim.request('GET', path)
    assert(answer.status == 200, answer.body)
    local log = sim.request('GET', '/_log?clear=1').json
    local entry = log[#log]
    assert(entry.simulator_error == nil or entry.simulator_error == vim.NIL, entry.simulator_error)
    return not entry.fault_idle and answer.body or nil
  end

  --- The report on a body.
  ---@param model string
  ---@param body string
  ---@param opts table|nil { policy, pins }
  ---@return table report
  function judge.report(model, body, opts)
    opts = opts or {}
    local report, err = require('venice.e2ee').verify_attestation({
      response = body,
      nonce = NONCE,
      model = model,
      now = os.time(),
      collateral = collateral,
      root_ca = root,
      gpu_root_ca = gpu_root,
      policy = vim.tbl_extend('force', { dcap = 'require' }, opts.policy or {}),
      pins = opts.pins,
    })
    return assert(report, err and err.message)
  end

  --- A pin of what a model shows now, confirmed unless told otherwise.
  ---@param model string
  ---@param fault string|nil
  ---@param change table|nil values in place of its own
  function judge.pin(model, fault, change)
    local report = judge.report(model, judge.body(model, fault))
    assert(report.accepted, report.reason)
    return vim.tbl_extend('force', report.pin.enclave, { confirmed = true }, change or {})
  end

  --- An allowlist of what a model shows now.
  ---@param model string
  ---@param names string[]
  function judge.allowlist(model, names)
    honest[model] = honest[model] or judge.report(model, judge.body(model)).measurements
    local measurements, list = honest[model], {}
    for _, name in ipairs(names) do
      assert(measurements[name], name)
      list[name] = { measurements[name] }
    end
    return list
  end

  return judge
end

--- The check of this id, or nil.
function M.check(report, id)
  for _, check in ipairs(report.checks) do
    if check.id == id then
      return check
    end
  end
end

--- The entry of this id among what the response does not state, or nil.
function M.not_stated(report, id)
  for _, entry in ipairs(report.not_stated or {}) do
    if entry.id == id then
      return entry
    end
  end
end

--- What failed, for messages: "id (reason): detail", a line each.
function M.failures(report)
  local lines = {}
  for _, check in ipairs(report.checks) do
    if not check.ok then
      lines[#lines + 1] = ('%s (%s): %s'):format(check.id, check.reason, check.detail)
    end
  end
  return table.concat(lines, '\n')
end

return M
