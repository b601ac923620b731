-- Starts the simulated service (tests/enclave) and steers it over its control paths.

local http = require('tests.lua.http')

local M = {}

local running = {}

local function python()
  return vim.fn.executable('/usr/bin/python3') == 1 and '/usr/bin/python3' or 'python3'
end

-- The control paths of a simulator that speaks TLS; libuv alone does not.
local tls_exchange = [[
import json, ssl, sys, urllib.error, urllib.request
method, url, ca, body, headers = sys.argv[1:]
request = urllib.request.Request(url, body.encode() or None, json.loads(headers), method=method)
context = ssl.create_default_context(cafile=ca)
opener = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
try:
    answer = opener.open(request, timeout=10)
except urllib.error.HTTPError as error:
    answer = error
print(json.dumps({'status': answer.status, 'body': answer.read().decode(errors='replace'),
                  'headers': {k.lower(): v for k, v in answer.headers.items()}}))
]]

local function request_over_tls(method, url, ca, body, headers)
  if type(body) == 'table' then
    body = next(body) == nil and '{}' or vim.json.encode(body)
  end
  local argv = { python(), '-c', tls_exchange, method, url, ca, body or '' }
  argv[#argv + 1] = vim.json.encode(headers or vim.empty_dict())
  local answer = vim.json.decode(vim.fn.system(argv))
  local ok, json = pcall(vim.json.decode, answer.body)
  answer.json = ok and json or nil
  return answer
end

local function unescape(text)
  return (text:gsub('%%(%x%x)', function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

local function collateral(sim)
  local function get(path)
    local answer = sim.request('GET', path)
    assert(answer.status == 200, path)
    return answer
  end
  local tcb = get('/tdx/certification/v4/tcb?fmspc=51a1c0de0001')
  local qe = get('/tdx/certification/v4/qe/identity')
  local crl = get('/sgx/certification/v4/pckcrl?encoding=der&ca=platform')
  local whole = {
    pck_crl_issuer_chain = unescape(crl.headers['sgx-pck-crl-issuer-chain']),
    pck_crl = crl.body:gsub('.', function(c)
      return ('%02x'):format(c:byte())
    end),
    root_ca_crl = get('/sgx/certification/v4/rootcacrl').body,
    tcb_info_issuer_chain = unescape(tcb.headers['tcb-info-issuer-chain']),
    qe_identity_issuer_chain = unescape(qe.headers['sgx-enclave-identity-issuer-chain']),
  }
  whole.tcb_info, whole.tcb_info_signature =
    tcb.body:match('^{"tcbInfo":(.*),"signature":"(%x+)"}$')
  whole.qe_identity, whole.qe_identity_signature =
    qe.body:match('^{"enclaveIdentity":(.*),"signature":"(%x+)"}$')
  return vim.json.encode(whole)
end

--- Starts a simulator on a free port. It ends with this process, because its stdin does.
---@param opts table|nil { args = extra argv, env = extra environment }
---@return table sim with url, models, model (the first), root, gpu_root, tls_ca (with --tls), lines
function M.start(opts)
  opts = opts or {}
  local argv = { python(), vim.env.VENICE_ROOT .. '/tests/enclave', '--port', '0', '--stdin-guard' }
  vim.list_extend(argv, opts.args or {})
  -- The sanitizers' runtime is preloaded for Neovim, not for Python.
  local env = vim.tbl_extend('force', { LD_PRELOAD = '', PYTHONUNBUFFERED = '1' }, opts.env or {})

  local sim = { models = {}, lines = {} }
  local partial, stderr, exit_code = '', {}, nil
  local job = vim.fn.jobstart(argv, {
    env = env,
    on_stdout = function(_, data)
      data[1] = partial .. data[1]
      partial = table.remove(data)
      for _, line in ipairs(data) do
        sim.lines[#sim.lines + 1] = line
        local key, value = line:match('^([%w_]+) (.*)$')
        if key == 'listening' then
          sim.url = value:gsub('/$', '')
        elseif key == 'model' then
          sim.models[#sim.models + 1] = value:match('^%S+')
        elseif key == 'root' or key == 'tls_ca' or key == 'gpu_root' then
          sim[key] = value
        end
      end
    end,
    on_stderr = function(_, data)
      stderr[#stderr + 1] = table.concat(data, '\n')
    end,
    on_exit = function(_, code)
      exit_code = code
    end,
  })
  assert(job > 0, 'cannot start ' .. argv[1])

  function sim.stderr()
    return table.concat(stderr)
  end

  -- Its lines may come in several reads; the paths of the certificates are the last.
  local last = vim.tbl_contains(argv, '--tls') and 'tls_ca' or 'root'
  local ready = vim.wait(20000, function()
    return exit_code ~= nil or sim[last] ~= nil
  end, 10)
  if not ready or exit_code then
    vim.fn.jobstop(job)
    error('the simulator did not start:\n' .. table.concat(sim.lines, '\n') .. sim.stderr())
  end
  sim.model = sim.models[1]

  --- Any request to it.
  function sim.request(method, path, body, headers)
    if sim.tls_ca then
      return request_over_tls(method, sim.url .. path, sim.tls_ca, body, headers)
    end
    return http.request(method, sim.url .. path, body, headers)
  end

  local function control(method, path, body)
    local answer = sim.request(method, path, body)
    if answer.status ~= 200 and answer.status ~= 204 then
      error(('%s %s: %d %s'):format(method, path, answer.status, answer.body), 3)
    end
    return answer.json
  end

  --- Sets one fault; `extra` holds its parameters.
  function sim.fault(name, extra)
    return control('POST', '/_fault', vim.tbl_extend('force', { name = name }, extra or {}))
  end
  --- What the next answers say.
  function sim.answer(body)
    return control('POST', '/_answer', body)
  end
  function sim.reset()
    return control('POST', '/_reset', {})
  end
  function sim.log()
    return control('GET', '/_log')
  end
  --- The platform's state and kind (POST /_tcb).
  function sim.tcb(order)
    return control('POST', '/_tcb', order)
  end
  --- Options for setup() or e2ee.new() that trust it: its roots, and its collateral service.
  ---@param extra table|nil more options; they win
  function sim.options(extra)
    return vim.tbl_deep_extend('force', {
      base_url = sim.url,
      tls_ca = sim.tls_ca,
      verify = { root_ca = sim.root, gpu_root_ca = sim.gpu_root, collateral_url = sim.url },
    }, extra or {})
  end
  --- Intel's collateral for its platform, in the layout of dcap-qvl, put together without the
  --- library.
  function sim.collateral()
    return collateral(sim)
  end
  --- All faults it knows.
  function sim.faults()
    return control('GET', '/_faults')
  end

  function sim.stop()
    running[job] = nil
    if exit_code == nil then
      vim.fn.jobstop(job)
      vim.fn.jobwait({ job }, 3000)
    end
  end

  running[job] = sim
  return sim
end

function M.stop_all()
  for _, sim in pairs(vim.deepcopy(vim.tbl_values(running))) do
    sim.stop()
  end
end

return M
