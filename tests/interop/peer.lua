-- Our side of the interop tests: reads a list of calls, writes the list of their results.
-- Each call is stateless, so one Neovim answers all of them: { op, … } → { value } or { code }.

local e2ee = require('venice.e2ee')

local function result(value, err)
  if value == nil then
    return { code = err.code }
  end
  return { value = value }
end

local ops = {}

function ops.public_key(call)
  return { value = assert(e2ee.keypair(call.private)):public_key() }
end

function ops.address(call)
  return result(e2ee.derive_eth_address(call.public))
end

function ops.seal(call)
  return result(e2ee.seal(call.public, call.text))
end

function ops.open(call)
  return result(e2ee.open(assert(e2ee.keypair(call.private)), call.blob))
end

function ops.is_e2ee_model(call)
  return { value = e2ee.is_e2ee_model(call.id) }
end

-- The bytes in pieces of a given size, as a network could cut them.
function ops.stream(call)
  local stream = assert(e2ee.stream(assert(e2ee.keypair(call.private))))
  local events = {}
  for start = 1, #call.bytes, call.piece do
    vim.list_extend(events, stream:feed(call.bytes:sub(start, start + call.piece - 1)))
  end
  vim.list_extend(events, stream:finish())
  stream:free()
  return { value = events }
end

function ops.verify(call)
  return result(e2ee.verify_attestation({
    response = call.response,
    nonce = call.nonce,
    model = call.model,
    now = call.now,
    policy = { dcap = 'off', gpu = 'off' },
  }))
end

local function main()
  local file = assert(io.open(vim.env.VENICE_INTEROP_CALLS, 'rb'))
  local calls = vim.json.decode(file:read('*a'), { luanil = { object = true, array = true } })
  file:close()
  local results = {}
  for i, call in ipairs(calls) do
    local ok, answer = pcall(ops[call.op], call)
    results[i] = ok and answer or { raised = tostring(answer) }
  end
  file = assert(io.open(vim.env.VENICE_INTEROP_RESULTS, 'wb'))
  file:write(vim.json.encode(results))
  file:close()
end

local ok, message = pcall(main)
if not ok then
  io.stderr:write(tostring(message), '\n')
end
vim.cmd(ok and 'qall!' or 'cquit 1')
