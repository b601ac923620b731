-- Requests and their handlers: ids and events from native.lua become calls on the main loop.
--
-- Promises: every request has exactly one on_done, later and on the main loop, also where it was
-- refused at once, cancelled or cut short by close(). A handler that raises stops no other.

local arguments = require('venice.arguments')
local compat = require('venice.compat')
local config = require('venice.config')
local errors = require('venice.errors')
local events = require('venice.events')
local native = require('venice.native')

local check = compat.check

---@class venice.Handlers
---@field on_state fun(state: table)|nil
---@field on_report fun(report: table, fresh: boolean)|nil
---@field on_evidence fun(evidence: table)|nil what a report was made from
---@field on_event fun(event: table)|nil
---@field pace (fun(): integer)|nil asked after text: for how many milliseconds more is of no use
---@field on_done fun(err: venice.Error|nil, info: table)|nil

---@class venice.Client
---@field options table
local Client = {}
Client.__index = Client

-- So much may wait for the main loop; beyond that the queue in C slows the sender down.
local PENDING_EVENTS, PENDING_BYTES = 4096, 262144
-- Bytes of text that are handed out in one step: what is done with them stalls nobody.
local STEP_BYTES = 32768

--- Who keeps the known enclaves for the plugin's own client: evidence/guard.lua, which puts itself
--- here, for it stands above this file.
---@type table|nil
Client.guard = nil

-- Making one -------------------------------------------------------------------------------------

local function set_key_source(handle, source)
  if source.cmd then
    return handle:key_from_command(source.cmd)
  end
  return handle:key_from_env(source.env)
end

--- Starts a client. `opts` are options that config.lua has checked.
---@param opts table base_url, api_key, session_ttl, timeout, tls_ca, verify
---@return venice.Client|nil, venice.Error|nil
function Client.new(opts)
  local ok, err = native.load()
  if not ok then
    return nil, err
  end
  local handle
  handle, err = native.client({
    base_url = opts.base_url,
    connect_timeout = opts.timeout.connect,
    idle_timeout = opts.timeout.idle,
    session_ttl = opts.session_ttl,
    tls_ca = opts.tls_ca and config.expand(opts.tls_ca),
    attestation = opts.verify.attestation,
    -- Intel's collateral, which is public and says nothing of what is talked about.
    cache_dir = vim.fn.stdpath('cache') .. '/venice',
  })
  if not handle then
    return nil, err
  end
  local self = setmetatable({
    options = opts,
    handle = handle,
    requests = {},
    reports = {},
    pending = {},
    pending_bytes = 0,
    moved = {},
    held = {},
    refused = 0,
  }, Client)
  ok, err = set_key_source(handle, opts.api_key)
  if ok then
    ok, err = handle:start(function(batch)
      self:_take(batch)
    end, function(message)
      self:_broken(message)
    end)
  end
  if not ok then
    handle:close(0)
    return nil, err
  end
  return self
end

local default_client, default_generation

-- What a running client cannot change.
local function same_service(a, b)
  for _, name in ipairs({ 'base_url', 'api_key', 'session_ttl', 'timeout', 'tls_ca' }) do
    if not vim.deep_equal(a[name], b[name]) then
      return false
    end
  end
  return true
end

--- The plugin's own client, from the options of setup() at first use. After a later setup() with
--- another service it is a new one; the old one ends when its last request has ended.
---@return venice.Client|nil, venice.Error|nil
function Client.default()
  local failure = config.failure()
  if failure then
    return nil, failure
  end
  local options = config.freeze()
  if default_client and not default_client.closed then
    if default_generation == config.generation then
      return default_client
    elseif same_service(default_client.options, options) then
      default_client.options, default_client.policy = options, nil
      default_generation = config.generation
      return default_client
    end
    default_client:_retire()
  end
  local client, err = Client.new(options)
  if client then
    client.is_guarded = true
  end
  default_client, default_generation = client, config.generation
  return client, err
end

--- The version of the library.
---@return string
function Client.version()
  return (native.info() or {}).version or 'unknown'
end

--- The plugin's own client, if there is one already.
---@return venice.Client|nil
function Client.current()
  return default_client and not default_client.closed and default_client or nil
end

-- From events to calls ---------------------------------------------------------------------------

-- In a fast context: only tables.
function Client:_take(batch)
  local pending, bytes = self.pending, self.pending_bytes
  for i = 1, #batch do
    pending[#pending + 1] = batch[i]
    bytes = bytes + #batch[i].data
  end
  self.pending_bytes = bytes
  if #pending > PENDING_EVENTS or bytes > PENDING_BYTES then
    self.handle:pause()
  end
  self:_schedule()
end

-- Takes events again, unless there are enough.
function Client:_go_on()
  if next(self.held) == nil and self.pending_bytes <= PENDING_BYTES then
    self.handle:resume()
  end
end

function Client:_schedule()
  if not self.scheduled then
    self.scheduled = true
    vim.schedule(function()
      self.scheduled = false
      self:_deliver()
    end)
  end
end

local said, said_count, MAX_SAID = {}, 0, 50

-- Says a failure, once for each place in the code. Saying it must not fail either: vim.notify may
-- be somebody else's.
local function say_failure(message)
  message = tostring(message)
  local place = message:match('^[^\n]-:%d+:') or message
  if said[place] or said_count >= MAX_SAID then
    return
  end
  said[place], said_count = true, said_count + 1
  local words = 'a handler failed: ' .. message
  pcall(errors.notify, errors.new('internal', words, 'report this, with the lines above'))
end

-- Runs what may raise: whatever a handler of ours or of another plugin does wrong must not reach
-- other requests.
local function protect(action, ...)
  local ok, result = xpcall(action, debug.traceback, ...)
  if not ok then
    say_failure(result)
  end
  return ok, result
end

local function call(handler, ...)
  if not handler then
    return
  end
  local ok, result = protect(handler, ...)
  return ok and result or nil
end

-- Attests bring a report that the client may have had already; only C knows, and says so.
local function receive_report(self, request, report)
  report.checked_at = report.checked_at or os.time()
  self.reports[request.model] = report
  request.report = report
  if self.is_guarded and Client.guard and not request.has_pins then
    call(Client.guard.seen, self.options, request.model, report)
  end
  call(request.handlers.on_report, report, not report.cached)
end

local on_kind = {
  state = function(_, request, event)
    call(request.handlers.on_state, compat.json_decode(event.data) or {})
  end,
  report = function(self, request, event)
    local report = compat.json_decode(event.data)
    if type(report) == 'table' then
      receive_report(self, request, report)
    end
  end,
  evidence = function(_, request, event)
    call(request.handlers.on_evidence, compat.json_decode(event.data))
  end,
  usage = function(_, request, event)
    local usage = compat.json_decode(event.data)
    call(request.handlers.on_event, { kind = 'usage', usage = usage })
  end,
  finish = function(_, request, event)
    call(request.handlers.on_event, { kind = 'finish', reason = event.data })
  end,
  models = function(_, request, event)
    request.models = compat.json_decode(event.data)
  end,
  receipt = function(_, request, event)
    request.receipt = compat.json_decode(event.data)
  end,
  done = function(self, _, event)
    local info = compat.json_decode(event.data)
    info = type(info) == 'table' and info or {}
    local err
    if event.status ~= 0 then
      err = errors.new(info.code or native.status_name(event.status), info.message, info.hint)
    end
    info.code, info.message, info.hint = nil, nil, nil
    if not (err and self:_hold(event.request, err, info)) then
      self:_finish(event.request, err, info)
    end
  end,
}

-- Handles one event. Where that fails for the last event of a request, the request ends with the
-- failure.
local function handle(self, request, event)
  local ok, failure = protect(on_kind[event.kind], self, request, event)
  if not ok and event.kind == 'done' then
    local why = tostring(failure):match('^[^\n]*')
    local message = 'the end of the request could not be handled: ' .. why
    self:_finish(event.request, errors.new('internal', message, 'report this'), {})
  end
end

-- The events of this step, with so many bytes of text. Before the next step timers and keys have
-- their turn.
function Client:_next_batch(room)
  local batch, rest, bytes = events.take(self.pending, room, function(event)
    local request = self.requests[event.request]
    return request ~= nil and not request.is_stopped
  end)
  self.pending, self.pending_bytes = rest, bytes
  if rest[1] and not self.scheduled then
    self.scheduled = true
    vim.defer_fn(function()
      self.scheduled = false
      self:_deliver()
    end, 1)
  end
  return events.coalesce(batch)
end

-- Hands out what has come; `all` also where somebody has no room for it.
function Client:_deliver(all)
  if next(self.held) ~= nil and not all then
    return
  end
  local talker
  for _, event in ipairs(self:_next_batch(all and math.huge or STEP_BYTES)) do
    local request = self.requests[event.request]
    -- One that is not there any more was told its end by close().
    if request and event.parts and not request.is_stopped then
      call(request.handlers.on_event, events.text(event))
      talker = request
    elseif request and not event.parts and on_kind[event.kind] then
      handle(self, request, event)
    end
  end
  -- A handler may have found that it has no room for more.
  self:_go_on()
  -- A chat that nobody sees is written seldom, so the editor need not wake for it more often. With
  -- another request under way it must: somebody may wait for that one.
  local is_alone = next(self.requests, (next(self.requests))) == nil
  self.handle:set_rest(talker and is_alone and call(talker.handlers.pace) or nil)
end

function Client:_finish(id, err, info)
  local request = self.requests[id]
  if not request then
    return
  end
  self.requests[id] = nil
  self.moved[request.id or id] = nil
  self:_let_go(request)
  if request.question then
    protect(request.question.close)
  end
  info.model = info.model or request.model
  call(request.handlers.on_done, err, info)
  if self.retired and next(self.requests) == nil then
    self:close()
  end
end

function Client:_let_go(request)
  if self.held[request] then
    self.held[request] = nil
    if not self.closed then
      self:_go_on()
      self:_schedule()
    end
  end
end

-- The poll has stopped itself: no event will come any more.
function Client:_broken(message)
  vim.schedule(function()
    local err = errors.new('internal', message, 'restart Neovim, and report this')
    self:close(err)
    errors.notify(err)
  end)
end

-- Requests ---------------------------------------------------------------------------------------

-- Registers a request. One that was not accepted gets an id of ours and ends on the next turn.
function Client:_register(id, err, request)
  if not id then
    self.refused = self.refused - 1
    id = self.refused
    vim.schedule(function()
      self:_finish(id, err, {})
    end)
  end
  self.requests[id] = request
  self.handle:wake()
  return id
end

function Client:_refuse(err, request)
  return self:_register(nil, err, request)
end

local function is_closed()
  return errors.new('cancelled', 'this client is closed')
end

local function cannot_ask(model)
  local message = 'the enclave of %s has changed, and you could not be asked about it'
  return errors.new('attestation', message:format(model), 'see :messages; :Venice trust asks again')
end

-- A request that stops at an enclave that changed waits for the user's word, if there is somebody
-- to ask; then it goes on as another one in C, under the id that its caller has.
function Client:_hold(id, err, info)
  local request = self.requests[id]
  local report = request and request.report
  if not (request and request.send and report and report.reason == 'pin_changed') then
    return false
  end
  if not (self.is_guarded and Client.guard) or self.closed or request.has_pins then
    return false
  end
  local is_answered = false
  local function answer(is_trusted, failure)
    request.question, is_answered = nil, true
    if self.requests[id] ~= request then
      return
    elseif is_trusted then
      self:_send_again(id, request)
    else
      self:_finish(id, failure or err, info)
    end
  end
  local ok, question = protect(Client.guard.ask, self.options, request.model, report, answer)
  if is_answered then
    return true
  elseif not ok then
    self:_finish(id, cannot_ask(request.model), info)
    return true
  elseif not question then
    return false
  end
  request.question = question
  call(request.handlers.on_state, { state = 'attesting', held = true })
  return true
end

function Client:_send_again(id, request)
  local ok, new_id, err = pcall(request.send)
  if not ok then
    say_failure(new_id)
    new_id, err = nil, errors.new('internal', 'the request could not be sent again', 'send it anew')
  end
  if not new_id then
    return self:_finish(id, err, {})
  end
  request.id, request.report = request.id or id, nil
  self.requests[id], self.requests[new_id] = nil, request
  self.moved[request.id] = new_id
end

-- The pins of a request: its own, else the user's known enclaves.
local function pins_of(self, entry, given)
  entry.has_pins = given ~= nil
  if given == nil and self.is_guarded and Client.guard then
    local ok, pins, err = pcall(Client.guard.pins, self.options, entry.model)
    if not ok then
      say_failure(pins)
      pins, err = nil, errors.new('config', 'the known enclaves could not be read', 'see :messages')
    end
    return pins, err
  end
  return given
end

-- One table for all requests: sessions are found by the demands under which they were made.
local function policy_of(self)
  self.policy = self.policy or config.policy(self.options.verify)
  return self.policy
end

--- The models that can be used end-to-end encrypted.
---@param cb fun(err: venice.Error|nil, models: table[]|nil)
---@return integer id
function Client:models(cb)
  check('cb', cb, 'function')
  local request = { handlers = {} }
  request.handlers.on_done = function(err)
    cb(err, not err and (request.models or {}) or nil)
  end
  if self.closed then
    return self:_refuse(is_closed(), request)
  end
  local id, err = self.handle:models()
  return self:_register(id, err, request)
end

--- Makes sure of a session with a model's enclave.
---@param model string
---@param opts table|nil { fresh = bool, pins = table[]|nil, evidence = true for on_evidence }
---@param handlers venice.Handlers|nil
---@return integer id
function Client:attest(model, opts, handlers)
  check('opts', opts, 'table', true)
  local request = { model = model, handlers = arguments.handlers(handlers) }
  local refusal = arguments.model(model) or self.closed and is_closed()
  if refusal then
    return self:_refuse(refusal, request)
  end
  opts = opts or {}
  local options = { policy = policy_of(self), fresh = opts.fresh or nil, evidence = opts.evidence }
  local id, err
  options.pins, err = pins_of(self, request, opts.pins)
  if not err then
    id, err = self.handle:attest(model, options)
  end
  return self:_register(id, err, request)
end

--- Asks who signed an answer that is over. An error means that nothing was checked (`rate_limited`:
--- ask again later); a signature that does not hold is a result.
---@param model string
---@param opts table { request_id, signing_address, keyset, asked_at }
---@param cb fun(err: venice.Error|nil, receipt: table|nil)
---@return integer id
function Client:receipt(model, opts, cb)
  check('opts', opts, 'table')
  check('cb', cb, 'function')
  local request = { model = model, handlers = {} }
  request.handlers.on_done = function(err)
    cb(err, not err and request.receipt or nil)
  end
  local refusal = arguments.model(model) or self.closed and is_closed()
  if refusal then
    return self:_refuse(refusal, request)
  end
  local id, err = self.handle:receipt(model, opts)
  return self:_register(id, err, request)
end

--- Sends one completion; attests first where no session stands.
---@param request table { model, messages, temperature = …, pins = … }
---@param handlers venice.Handlers|nil
---@return integer id
function Client:chat(request, handlers)
  check('request', request, 'table')
  local entry = { model = request.model, handlers = arguments.handlers(handlers) }
  local refusal = arguments.model(request.model)
    or arguments.messages(request.messages)
    or self.closed and is_closed()
  local options
  if not refusal then
    options, refusal = arguments.split(request)
  end
  if refusal then
    return self:_refuse(refusal, entry)
  end
  options.policy = policy_of(self)
  local model, messages, given = request.model, request.messages, options.pins
  function entry.send()
    local err
    options.pins, err = pins_of(self, entry, given)
    if err then
      return nil, err
    end
    return self.handle:chat(model, messages, options)
  end
  local id, err = entry.send()
  return self:_register(id, err, entry)
end

--- Holds the events of all requests back, because one has no room for more text, or goes on.
---@param id integer
---@param is_full boolean
function Client:hold(id, is_full)
  local request = self.requests[self.moved[id] or id]
  if self.closed or not request or request.is_stopped then
    return
  elseif is_full then
    self.held[request] = true
    self.handle:pause()
  else
    self:_let_go(request)
  end
end

--- Stops a request; no more text of it is handed out, and its on_done gets `cancelled`. Nothing
--- happens for one that is over.
---@param id integer
function Client:cancel(id)
  check('id', id, 'number')
  id = self.moved[id] or id
  local request = self.requests[id]
  if self.closed or id <= 0 or not request then
    return
  elseif not request.question then
    request.is_stopped = true
    self:_let_go(request)
    return self.handle:cancel(id)
  end
  -- In C it is over; nobody answers the question any more.
  protect(request.question.close)
  request.question = nil
  vim.schedule(function()
    self:_finish(id, errors.new('cancelled'), {})
  end)
end

--- Forgets the session of a model, or all.
---@param model string|nil
function Client:forget(model)
  check('model', model, 'string', true)
  if not self.closed then
    self.handle:forget(model)
  end
end

--- Seals messages under a session, for callers who send them themselves.
---@param session integer
---@param messages table[]
---@return venice.native.Keypair|nil reply, table|venice.Error parts
function Client:encrypt(session, messages)
  local err = arguments.messages(messages) or self.closed and is_closed()
  if err then
    return nil, err
  end
  return self.handle:encrypt(session, messages)
end

--- The latest report on a model, with `checked_at` and, where a session stands, `good_until`.
---@param model string
---@return table|nil
function Client:report(model)
  local report = self.reports[model]
  if not report then
    return nil
  end
  report.good_until = nil
  for _, session in ipairs((self:info() or {}).sessions or {}) do
    if session.model == model then
      report.good_until = os.time() + math.floor(session.expires_in)
    end
  end
  return report
end

--- State for :checkhealth. Never the key.
---@return table|nil info, venice.Error|nil
function Client:info()
  if self.closed then
    return nil, is_closed()
  end
  return self.handle:info()
end

-- The end ----------------------------------------------------------------------------------------

-- Another client has taken its place: it ends with its last request.
function Client:_retire()
  self.retired = true
  if next(self.requests) == nil then
    self:close()
  end
end

--- Ends everything. What has arrived is delivered; each request that is still there ends as
--- cancelled.
---@param err venice.Error|nil in place of cancelled
function Client:close(err)
  if self.closed then
    return
  end
  self.closed = true
  vim.list_extend(self.pending, self.handle:remains())
  self.handle:close()
  vim.schedule(function()
    self:_deliver(true)
    local ids = vim.tbl_keys(self.requests)
    table.sort(ids)
    for _, id in ipairs(ids) do
      self:_finish(id, err or errors.new('cancelled'), {})
    end
  end)
end

return Client
