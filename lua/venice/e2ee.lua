-- The library for other plugins: the envelope, streams, verification and a client of its own.
-- A wrong argument type raises; every other failure is nil and { code, message, hint }. Callbacks
-- are cb(err, value), always later and on the main loop.

local errors = require('venice.errors')

local M = {}

local function check(...)
  require('venice.compat').check(...)
end

-- The library, loaded at first use.
local function native()
  local loaded = require('venice.native')
  local ok, err = loaded.load()
  if not ok then
    return nil, err
  end
  return loaded
end

--- Whether an id looks like an end-to-end-encrypted model's. For compatibility: the service's
--- list (client:models) is what counts.
---@param id string
---@return boolean
function M.is_e2ee_model(id)
  check('id', id, 'string', false, 4)
  return id:sub(1, 5) == 'e2ee-'
end

-- The envelope -----------------------------------------------------------------------------------

---@class venice.Keypair
---@field public_key fun(self: venice.Keypair): string 130 hex digits
---@field free fun(self: venice.Keypair) wipes the key once no stream reads with it
local Keypair = {}
Keypair.__index = Keypair

-- The native object behind each object that we hand out; a caller cannot reach it.
local inner = setmetatable({}, { __mode = 'k' })

local function inner_of(object, metatable, name)
  if getmetatable(object) ~= metatable then
    error(('venice: %s: expected a %s, got %s'):format(name, name, type(object)), 3)
  end
  local found = inner[object]
  if not found then
    error(('venice: this %s was freed'):format(name), 3)
  end
  return found
end

local function wrap(metatable, native_object)
  local object = setmetatable({}, metatable)
  inner[object] = native_object
  return object
end

--- 130 hex digits.
---@return string
function Keypair:public_key()
  return inner_of(self, Keypair, 'keypair'):public_key()
end

--- Wipes the private key, unless a stream still reads with it.
function Keypair:free()
  local found = inner[self]
  if found then
    inner[self] = nil
    found:free()
  end
end

--- A secp256k1 key pair, its private half in locked memory: random, or from 64 hex digits (for
--- vectors, and for integrators who bring a key; no call hands one of ours out).
---@param private_hex string|nil
---@return venice.Keypair|nil, venice.Error|nil
function M.keypair(private_hex)
  check('private_hex', private_hex, 'string', true, 4)
  local library, err = native()
  if not library then
    return nil, err
  end
  local keypair
  keypair, err = library.keypair(private_hex)
  if not keypair then
    return nil, err
  end
  return wrap(Keypair, keypair)
end

--- The Ethereum address of a public key: `0x` and 40 lower-case hex digits.
---@param public_hex string 130 hex digits, or 128 without 04; an `0x` in front is taken
---@return string|nil, venice.Error|nil
function M.derive_eth_address(public_hex)
  check('public_hex', public_hex, 'string', false, 4)
  local library, err = native()
  if not library then
    return nil, err
  end
  return library.eth_address(public_hex)
end

--- Seals text for a model's key, under a fresh ephemeral key.
---@param model_public_hex string
---@param text string
---@return string|nil blob hex, venice.Error|nil
function M.seal(model_public_hex, text)
  check('model_public_hex', model_public_hex, 'string', false, 4)
  check('text', text, 'string', false, 4)
  local library, err = native()
  if not library then
    return nil, err
  end
  return library.seal(model_public_hex, text)
end

--- Opens one blob.
---@param keypair venice.Keypair
---@param blob string hex
---@return string|nil text, venice.Error|nil
function M.open(keypair, blob)
  local found = inner_of(keypair, Keypair, 'keypair')
  check('blob', blob, 'string', false, 4)
  return require('venice.native').open(found, blob)
end

-- Streams ----------------------------------------------------------------------------------------

---@class venice.Stream
---@field feed fun(self: venice.Stream, bytes: string): table[]
---@field finish fun(self: venice.Stream): table[]
---@field free fun(self: venice.Stream)
local Stream = {}
Stream.__index = Stream

local function decode(json)
  return require('venice.compat').json_decode(json)
end

local convert = {
  content = function(event)
    return { kind = 'content', text = event.data }
  end,
  reasoning = function(event)
    return { kind = 'reasoning', text = event.data }
  end,
  whitespace = function(event)
    local kind = event.status == 1 and 'reasoning' or 'content'
    return { kind = kind, text = event.data, authenticated = false }
  end,
  usage = function(event)
    return { kind = 'usage', usage = decode(event.data) }
  end,
  finish = function(event)
    return { kind = 'finish', reason = event.data }
  end,
  error = function(event)
    local words = decode(event.data) or {}
    local code = words.code or require('venice.native').status_name(event.status)
    local err = errors.new(code, words.message, words.hint)
    return { kind = 'error', code = err.code, message = err.message, hint = err.hint }
  end,
}

local function events_of(list, err)
  if not list then
    return { { kind = 'error', code = err.code, message = err.message, hint = err.hint } }
  end
  local events = {}
  for _, event in ipairs(list) do
    events[#events + 1] = convert[event.kind] and convert[event.kind](event)
  end
  return events
end

--- Gives bytes of an answer as they came, cut anywhere.
---@param bytes string
---@return table[] events
function Stream:feed(bytes)
  local found = inner_of(self, Stream, 'stream')
  check('bytes', bytes, 'string', false, 4)
  return events_of(found:feed(bytes))
end

--- Says that no more bytes will come.
---@return table[] events
function Stream:finish()
  return events_of(inner_of(self, Stream, 'stream'):finish())
end

--- Drops the stream and wipes what it held.
function Stream:free()
  local found = inner[self]
  if found then
    inner[self] = nil
    found:free()
  end
end

local function new_stream(native_keypair, opts)
  check('opts', opts, 'table', true, 5)
  local options = {}
  for name, value in pairs(opts or {}) do
    if name ~= 'plaintext_whitespace' or (value ~= 'mark' and value ~= 'refuse') then
      error(("venice: stream: %s is not plaintext_whitespace = 'mark' or 'refuse'"):format(name), 3)
    end
    options[name] = value
  end
  local stream, err = require('venice.native').stream(native_keypair, options)
  if not stream then
    return nil, err
  end
  return wrap(Stream, stream)
end

--- Reads an encrypted answer: bytes in, events out (`:help venice-library`).
---@param keypair venice.Keypair the one whose public half was in the request's header
---@param opts table|nil { plaintext_whitespace = 'mark'|'refuse' }
---@return venice.Stream|nil, venice.Error|nil
function M.stream(keypair, opts)
  return new_stream(inner_of(keypair, Keypair, 'keypair'), opts)
end

-- Offline verification ---------------------------------------------------------------------------

-- Evidence travels in the options as JSON strings. Bytes that no JSON string can hold are no JSON
-- either, so that an empty text gets the same verdict.
local function as_json_text(text)
  return text and (require('venice.compat').is_json_text(text) and text or '')
end

local function nras_texts(nras)
  if not nras then
    return nil
  end
  check('nras.response', nras.response, 'string', false, 6)
  check('nras.jwks', nras.jwks, 'string', false, 6)
  return { response = as_json_text(nras.response), jwks = as_json_text(nras.jwks) }
end

-- Called by a function that the caller of the library called.
local function check_fields(where, args, fields, level)
  level = level or 0
  check(where, args, 'table', false, 5 + level)
  for name in pairs(args) do
    if not fields[name] then
      error(('venice: %s: there is no field %s'):format(where, tostring(name)), 3 + level)
    end
  end
  for name, kind in pairs(fields) do
    local optional = kind:sub(-1) == '?'
    check(where .. ': ' .. name, args[name], (kind:gsub('%?$', '')), optional, 5 + level)
  end
end

local function check_time(where, now, level)
  if now ~= now or math.abs(now) == math.huge then
    error(('venice: %s: now is not a time'):format(where), level)
  end
end

local function verify_options(where, args, fields)
  check_fields(where, args, fields, 1)
  check_time(where, args.now, 4)
  local config = require('venice.config')
  local verify = config.verify_options(where, args.policy)
  -- Here a root is PEM text beside the policy; the policy's own, as in setup(), is a file.
  local roots = {}
  for _, name in ipairs({ 'root_ca', 'gpu_root_ca' }) do
    local file_root, err = config.root_pem(verify, name)
    if err then
      return nil, err
    end
    roots[name] = args[name] or file_root
  end
  local policy = config.policy(verify)
  policy.root_ca, policy.gpu_root_ca = nil, nil
  return {
    now = math.floor(args.now),
    collateral = as_json_text(args.collateral),
    root_ca = roots.root_ca,
    gpu_root_ca = fields.gpu_root_ca and roots.gpu_root_ca,
    policy = policy,
    nonce = args.nonce,
    model = args.model,
    nras = nras_texts(args.nras),
    pins = args.pins,
  }
end

local quote_fields = {
  quote = 'string',
  now = 'number',
  collateral = 'string?',
  root_ca = 'string?',
  policy = 'table?',
}

--- Judges a TDX quote, offline. A quote that is refused is a report, not an error.
---@param args table { quote = bytes, now = unix seconds, collateral, root_ca, policy }
---@return table|nil report, venice.Error|nil
function M.verify_quote(args)
  local options, err = verify_options('verify_quote', args, quote_fields)
  if not options then
    return nil, err
  end
  local library
  library, err = native()
  if not library then
    return nil, err
  end
  return library.verify_quote(args.quote, options)
end

local attestation_fields = {
  response = 'string',
  nonce = 'string',
  model = 'string',
  now = 'number',
  collateral = 'string?',
  nras = 'table?',
  root_ca = 'string?',
  gpu_root_ca = 'string?',
  policy = 'table?',
  pins = 'table?',
}

--- Judges a whole body of /tee/attestation, offline.
---@param args table { response, nonce, model, now, collateral, nras, root_ca, gpu_root_ca, policy,
--- pins }
---@return table|nil report, venice.Error|nil
function M.verify_attestation(args)
  local options, err = verify_options('verify_attestation', args, attestation_fields)
  if not options then
    return nil, err
  end
  local library
  library, err = native()
  if not library then
    return nil, err
  end
  return library.verify_attestation(args.response, options)
end

local receipt_fields = {
  response = 'string',
  signing_address = 'string',
  request_id = 'string',
  now = 'number',
  keyset = 'string?',
  model = 'string?',
  asked_at = 'number?',
}

--- Judges a body of /tee/signature, offline: which key signed the two hashes of an answer. That the
--- hashes are those of the text that was read cannot be checked, and is never said. A signature
--- that does not hold is a result, not an error.
---@param args table { response, signing_address, request_id, now, keyset, model, asked_at }
---@return table|nil result { verified, reason, signature, content_binding, checks, … }
---@return venice.Error|nil
function M.verify_receipt(args)
  check_fields('verify_receipt', args, receipt_fields)
  check_time('verify_receipt', args.now, 3)
  local library, err = native()
  if not library then
    return nil, err
  end
  return library.verify_receipt({
    response = as_json_text(args.response),
    keyset = as_json_text(args.keyset),
    signing_address = args.signing_address,
    request_id = args.request_id,
    model = args.model,
    now = math.floor(args.now),
    asked_at = args.asked_at and math.floor(args.asked_at),
  })
end

-- A client of its own ----------------------------------------------------------------------------

---@class venice.E2EE
local E2EE = {}
E2EE.__index = E2EE

---@class venice.Session
---@field model string
---@field attestation table the report on which the session stands

---@class venice.SealedRequest
local Request = {}
Request.__index = Request

--- A client with options of its own; nothing is taken from setup(). Wrong options raise.
---@param opts table|nil base_url, api_key, session_ttl, timeout, tls_ca, verify
---@return venice.E2EE|nil, venice.Error|nil
function M.new(opts)
  local options = require('venice.config').client_options(opts)
  local client, err = require('venice.client').new(options)
  if not client then
    return nil, err
  end
  return wrap(E2EE, client)
end

local function client_of(self)
  return inner_of(self, E2EE, 'client')
end

-- Runs an attestation and hands on the end of it: cb(err, report, info).
local function attest(client, model, opts, cb)
  local report
  return client:attest(model, opts, {
    on_report = function(found)
      report = found
    end,
    on_done = function(err, info)
      cb(err, report, info)
    end,
  })
end

--- The models that can be used end-to-end encrypted.
---@param cb fun(err: venice.Error|nil, models: table[]|nil)
---@return integer id
function E2EE:models(cb)
  return client_of(self):models(cb)
end

--- Attests a model's enclave, or finds the session that stands.
---@param model string
---@param cb fun(err: venice.Error|nil, session: venice.Session|nil)
---@return integer id
function E2EE:create_session(model, cb)
  check('cb', cb, 'function', false, 4)
  return attest(client_of(self), model, nil, function(err, report, info)
    if err then
      return cb(err)
    end
    local session = { model = model, attestation = report }
    inner[session] = info.session
    cb(nil, session)
  end)
end

--- Attests a model's enclave anew. The report is there also where it was refused.
---@param model string
---@param cb fun(err: venice.Error|nil, report: table|nil)
---@return integer id
function E2EE:attest(model, cb)
  check('cb', cb, 'function', false, 4)
  return attest(client_of(self), model, { fresh = true }, function(err, report)
    cb(err, report)
  end)
end

--- Seals messages for a session's enclave, for callers who send them themselves.
---@param messages table[] { role, content [, tool_call_id] }
---@param session venice.Session
---@return table|nil sealed { messages, headers, venice_parameters, request }, venice.Error|nil
function E2EE:encrypt(messages, session)
  check('messages', messages, 'table', false, 4)
  check('session', session, 'table', false, 4)
  local id = inner[session]
  if type(id) ~= 'number' then
    error('venice: encrypt: this session was not made by create_session', 2)
  end
  local keypair, parts = client_of(self):encrypt(id, messages)
  if not keypair then
    return nil, parts
  end
  parts.request = wrap(Request, keypair)
  return parts
end

--- Opens one blob of the answer to this request.
---@param blob string
---@return string|nil text, venice.Error|nil
function Request:decrypt_chunk(blob)
  local keypair = inner_of(self, Request, 'request')
  check('blob', blob, 'string', false, 4)
  return require('venice.native').open(keypair, blob)
end

--- A stream that reads the answer to this request; see M.stream.
---@param opts table|nil
---@return venice.Stream|nil, venice.Error|nil
function Request:stream(opts)
  return new_stream(inner_of(self, Request, 'request'), opts)
end

--- Wipes the request's key, once no stream reads with it.
function Request:free()
  Keypair.free(self)
end

--- Sends one completion and reads the answer; attests first where no session stands.
---@param request table { model, messages, temperature = … }
---@param handlers venice.Handlers|nil
---@return integer id
function E2EE:chat(request, handlers)
  return client_of(self):chat(request, handlers)
end

--- Stops a request; its on_done gets `cancelled`.
---@param id integer
function E2EE:cancel(id)
  client_of(self):cancel(id)
end

--- Forgets the session of a model, or all.
---@param model string|nil
function E2EE:clear_session(model)
  client_of(self):forget(model)
end

--- Ends everything that runs and wipes the keys. Calling it again does nothing.
function E2EE:close()
  client_of(self):close()
end

return M
