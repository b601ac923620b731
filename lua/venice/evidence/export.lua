-- :Venice export: what a verdict was made from, in one file, so that it can be made again by
-- anybody, offline, years later.

local compat = require('venice.compat')
local errors = require('venice.errors')

local uv = compat.uv
local M = {}

local README = [[
The evidence of one attestation, as venice.nvim got it and judged it. To judge it again, offline, at
the time at which it was made, in a Neovim with venice.nvim:

  :lua b = vim.json.decode(table.concat(vim.fn.readfile('FILE'), '\n'))
  :lua print(vim.inspect(require('venice.e2ee').verify_attestation(b.input)))

`input` is all that the verdict depends on: the response of the service, the nonce that was sent,
the model that was asked for, the time, Intel's collateral, NVIDIA's answers and the known enclaves
where there were any, and the policy. `report` is the verdict of that time. Another `now`, another
policy or no `pins` give the verdict that follows from those. Where root_ca or gpu_root_ca is there,
a simulator's root took the place of Intel's or NVIDIA's: then it proves nothing.]]

-- The policy without what is about this machine: a path says who somebody is, and the roots that
-- they name are in the bundle as text.
local function policy_of(verify)
  local policy = vim.deepcopy(verify)
  policy.root_ca, policy.gpu_root_ca = nil, nil
  return policy
end

--- The bundle, as a table. Pure.
---@param evidence table what the client gave
---@param report table
---@param verify table the options
---@return table
function M.bundle(evidence, report, verify)
  local input = vim.deepcopy(evidence)
  input.policy = policy_of(verify)
  return {
    README = README,
    made_by = 'venice.nvim ' .. require('venice.client').version(),
    made_at = os.date('!%Y-%m-%dT%H:%M:%SZ'),
    input = input,
    report = report,
  }
end

-- Whole or not at all, and readable for its owner alone.
local function write(path, text)
  local temporary = ('%s.%d.new'):format(path, uv.getpid())
  local fd, why = uv.fs_open(temporary, 'wx', 384) -- 0600
  if not fd then
    return why
  end
  local written
  written, why = uv.fs_write(fd, text, 0)
  uv.fs_close(fd)
  local ok = written == #text
  if ok then
    ok, why = uv.fs_rename(temporary, path)
  end
  if not ok then
    uv.fs_unlink(temporary)
    return why or 'it was not written whole'
  end
end

-- Whether a file that is there may be replaced.
local function may_replace(path, force)
  local stat = uv.fs_stat(path)
  if not stat or force then
    return true
  elseif #vim.api.nvim_list_uis() == 0 or stat.type ~= 'file' then
    local hint = stat.type == 'file' and ':Venice! export replaces it' or 'give the name of a file'
    errors.notify(errors.new('config', 'this is there already: ' .. path, hint))
    return false
  end
  local question = ('%s is there already. Replace it?'):format(errors.printable(path))
  return vim.fn.confirm(question, '&Replace it\n&Keep it', 2, 'Warning') == 1
end

local function save(path, force, bundle)
  if not may_replace(path, force) then
    return
  end
  local why = write(path, compat.json_encode(bundle) .. '\n')
  if why then
    return errors.notify(errors.new('config', 'the evidence was not written: ' .. why))
  end
  local verdict = bundle.report.accepted and 'accepted, ' .. bundle.report.level
    or 'refused, ' .. tostring(bundle.report.reason)
  errors.notice(('evidence and report (%s) are in %s'):format(verdict, path))
end

--- Attests a model anew and writes what came into a file.
---@param model string
---@param file string
---@param force boolean|nil replace a file that is there
function M.run(model, file, force)
  local path = require('venice.config').expand(file)
  local client, err = require('venice.client').default()
  if not client then
    return errors.notify(err)
  end
  local report, evidence
  client:attest(model, { fresh = true, evidence = true }, {
    on_report = function(found)
      report = found
      require('venice.evidence.reports').note(model, found, client.options)
    end,
    on_evidence = function(found)
      evidence = found
    end,
    on_done = function(failure)
      -- What was refused is worth keeping too.
      if report and evidence then
        save(path, force, M.bundle(evidence, report, client.options.verify))
      elseif failure and failure.code ~= 'cancelled' then
        errors.notify(failure)
      end
    end,
  })
end

return M
