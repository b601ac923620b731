-- The only file that knows FFI: libvenice as plain Lua functions and objects. It is long because
-- it is the only one.
--
-- What it promises (hazards H1 to H19 were all reproduced once):
--   * No callbacks into Lua, no cdata beyond this file: strings are copied before the next call.
--   * The declarations are read out of csrc/venice.h, so they cannot differ from the library's.
--   * The namespace stays in an upvalue, so the object is never unloaded under its thread.
--   * Events are drained from the poll callback without touching any buffer, at most 256 or 4 ms
--     at once; an error in there stops the poll and is said once.
--   * At exit: stop the poll, close the poll, close the client; nobody else closes one.

local M = {}

local ffi = require('ffi')
local compat = require('venice.compat')
local errors = require('venice.errors')

local uv = compat.uv

local DRAIN_EVENTS = 256
local DRAIN_NANOSECONDS = 4e6
local CLOSE_MILLISECONDS = 250
-- A little more than the time between two writes of an answer to its buffer (chat/stream.lua).
local REST_MILLISECONDS = 34

-- fnamemodify and not realpath: a tree of links is a plugin of its own, with its own build folder.
local here = vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':p')
local root = here:match('^(.*)/lua/venice/native%.lua$')
if not root then
  -- LuaRocks puts Lua files elsewhere than the rest of a rock, which is in 'runtimepath'.
  local header = vim.api.nvim_get_runtime_file('csrc/venice.h', false)[1]
  root = vim.fn.fnamemodify(header or here, ':p:h:h')
end

local lib -- the namespace, once everything about it was checked

-- Loading ----------------------------------------------------------------------------------------

--- The plugin's folder.
---@return string
function M.root()
  return root
end

--- Where the library is, or should be.
---@return string
function M.library_path()
  return root .. '/build/libvenice.so'
end

local function make_hint()
  return 'run this in a shell, then try again: make -C ' .. vim.fn.shellescape(root)
end

local function restart_hint()
  return 'run this in a shell, then restart Neovim: make -C ' .. vim.fn.shellescape(root)
end

-- What events are called, by the numbers of enum venice_event_kind: one look-up for each event.
local kinds = {}

---@return boolean|nil known_before, venice.Error|nil
local function declare()
  local file = io.open(root .. '/csrc/venice.h', 'rb')
  if not file then
    return nil, errors.new('no_library', 'csrc/venice.h is not there', 'install the plugin anew')
  end
  local text = file:read('*a'):gsub('#[^\n]*', '')
  file:close()
  for name, number in text:gmatch('VENICE_EV_(%u+) = (%d+)') do
    kinds[tonumber(number)] = name:lower()
  end
  if pcall(ffi.typeof, 'struct venice_event') then
    return true
  end
  local ok, message = pcall(ffi.cdef, text)
  if not ok then
    return nil, errors.new('no_library', 'csrc/venice.h cannot be read: ' .. message, make_hint())
  end
  return false
end

-- What is still there when Neovim ends, where no finalizer runs: keys are wiped then too. An object
-- that was dropped, but not collected yet, is in `alive` only.
local held = setmetatable({}, { __mode = 'k' })
local alive = 0
local open_clients = {}

-- Ties a C object to a Lua object: freed by free(), by the collector or at the end.
local function hold(object, pointer, free)
  alive = alive + 1
  object.handle = ffi.gc(pointer, function(handle)
    alive = alive - 1
    free(handle)
  end)
  object.release = free
  held[object] = true
  return object
end

local function let_go(object)
  if object.handle ~= nil then
    alive = alive - 1
    object.release(ffi.gc(object.handle, nil))
    object.handle = nil
    held[object] = nil
  end
end

-- All clients together get what one may take: several must not add up at the exit.
local function close_all()
  for object in pairs(held) do
    let_go(object)
  end
  if alive > 0 then
    collectgarbage()
  end
  local deadline = uv.hrtime() + CLOSE_MILLISECONDS * 1e6
  for client in pairs(open_clients) do
    local left = math.max(0, math.floor((deadline - uv.hrtime()) / 1e6))
    client:close(left)
  end
end

--- Loads the library if it is not loaded yet. May be tried again after a failure.
---@return true|nil, venice.Error|nil
function M.load()
  if lib then
    return true
  end
  if not uv.fs_stat(M.library_path()) then
    return nil, errors.new('no_library', 'build/libvenice.so is not built yet', make_hint())
  end
  local known_before, err = declare()
  if err then
    return nil, err
  end
  local ok, loaded = pcall(ffi.load, M.library_path())
  if not ok then
    local why = 'build/libvenice.so cannot be loaded: ' .. tostring(loaded)
    return nil, errors.new('no_library', why, make_hint())
  end
  local found, abi = pcall(function()
    return tonumber(loaded.venice_abi())
  end)
  if not found or abi ~= tonumber(ffi.C.VENICE_ABI) then
    local hint = known_before and restart_hint() or make_hint()
    return nil, errors.new('no_library', 'build/libvenice.so is of another version', hint)
  end
  -- Four numbers of 32 bits and a pointer; another compiler's idea of it would be read wrongly.
  if ffi.sizeof('venice_event') ~= 16 + ffi.sizeof('void *') then
    return nil, errors.new('no_library', 'venice_event has another size here', restart_hint())
  end
  lib = loaded
  vim.api.nvim_create_autocmd('VimLeavePre', {
    callback = close_all,
    desc = 'venice: end what runs and wipe the keys',
  })
  return true
end

-- Results and texts ------------------------------------------------------------------------------

---@param status integer
---@param message string|nil in place of the general words
---@param hint string|nil
---@return venice.Error
local function failure(status, message, hint)
  return errors.new(ffi.string(lib.venice_status_name(status)), message, hint)
end

--- The code for a status number.
---@param status integer
---@return string
function M.status_name(status)
  return ffi.string(lib.venice_status_name(status))
end

-- Copies what the library allocated and gives it back.
local function take(text)
  local copy = text.data ~= nil and ffi.string(text.data, text.len) or ''
  lib.venice_text_free(text)
  return copy
end

local function new_text()
  return ffi.new('venice_text')
end

--- The words of the library for a failure, where it has some.
---@param status integer
---@param json string
---@return venice.Error
local function worded(status, json)
  local words = json ~= '' and compat.json_decode(json)
  if type(words) == 'table' and type(words.code) == 'string' then
    return errors.new(words.code, words.message, words.hint)
  end
  return failure(status)
end

-- Locked pages are few; a key pair that nobody holds any more may still sit in one.
local function retry_after_collecting(call)
  local status = call()
  if status == ffi.C.VENICE_E_MEMORY then
    collectgarbage()
    collectgarbage()
    status = call()
  end
  return status
end

--- Versions and state of the library and of what it stands on.
---@return table|nil info, venice.Error|nil
function M.info()
  local ok, err = M.load()
  if not ok then
    return nil, err
  end
  local text = new_text()
  local status = lib.venice_info(text)
  local json = take(text)
  if status ~= 0 then
    return nil, failure(status)
  end
  return compat.json_decode(json)
end

-- The envelope -----------------------------------------------------------------------------------

---@class venice.native.Keypair
---@field handle ffi.cdata*
local Keypair = {}
Keypair.__index = Keypair

local function wrap_keypair(slot)
  return hold(setmetatable({}, Keypair), slot[0], lib.venice_keypair_free)
end

--- A key pair: random, or from 64 hex digits.
---@param private_hex string|nil
---@return venice.native.Keypair|nil, venice.Error|nil
function M.keypair(private_hex)
  local slot = ffi.new('venice_keypair *[1]')
  local status = retry_after_collecting(function()
    return lib.venice_keypair_new(slot, private_hex, private_hex and #private_hex or 0)
  end)
  if status == ffi.C.VENICE_E_ARG then
    return nil, errors.new('malformed', 'this is not a private key', 'give 64 hex digits, or none')
  elseif status ~= 0 then
    return nil, failure(status)
  end
  return wrap_keypair(slot)
end

--- 130 hex digits.
---@return string
function Keypair:public_key()
  local out = ffi.new('char[131]')
  local status = lib.venice_keypair_public(self.handle, out)
  if status ~= 0 then
    error('venice: the key pair cannot say its public key')
  end
  return ffi.string(out)
end

--- Drops this hold; streams that read with the key go on.
function Keypair:free()
  let_go(self)
end

local function bad_key()
  return errors.new('malformed', 'this is not a public key on secp256k1', 'give 130 hex digits')
end

--- The Ethereum address of a public key: "0x" and 40 lower-case hex digits.
---@param public_hex string
---@return string|nil address, venice.Error|nil
function M.eth_address(public_hex)
  local out = ffi.new('char[43]')
  local status = lib.venice_eth_address(out, public_hex, #public_hex)
  if status == ffi.C.VENICE_E_ARG then
    return nil, bad_key()
  elseif status ~= 0 then
    return nil, failure(status)
  end
  return ffi.string(out)
end

--- Encrypts a text for a public key; each time under an ephemeral key of its own.
---@param model_public_hex string
---@param text string
---@return string|nil blob, venice.Error|nil
function M.seal(model_public_hex, text)
  if #text > ffi.C.VENICE_MAX_MESSAGE then
    return nil, errors.new('too_large', 'the text is over 16 MiB', 'seal it in parts')
  end
  local size = 2 * (#text + ffi.C.VENICE_BLOB_OVERHEAD)
  local out = ffi.new('char[?]', size)
  local count = lib.venice_seal(out, size, model_public_hex, #model_public_hex, text, #text)
  if count == ffi.C.VENICE_E_ARG then
    return nil, bad_key()
  elseif count == ffi.C.VENICE_E_MALFORMED then
    return nil, errors.new('malformed', 'the text is not UTF-8', 'convert it first')
  elseif count < 0 then
    return nil, failure(count)
  end
  return ffi.string(out, count)
end

--- Decrypts what was sealed for a key pair.
---@param keypair venice.native.Keypair
---@param blob string
---@return string|nil text, venice.Error|nil
function M.open(keypair, blob)
  local size = math.floor(#blob / 2) + 1
  local out = ffi.new('char[?]', size)
  local count = lib.venice_open(keypair.handle, out, size, blob, #blob)
  if count < 0 then
    return nil, failure(count, 'this blob does not authenticate under this key')
  end
  local text = ffi.string(out, count)
  ffi.fill(out, size)
  return text
end

-- Streams ----------------------------------------------------------------------------------------

---@class venice.native.Stream
---@field handle ffi.cdata*
local Stream = {}
Stream.__index = Stream

--- A reader of the bytes of one answer.
---@param keypair venice.native.Keypair
---@param options table
---@return venice.native.Stream|nil, venice.Error|nil
function M.stream(keypair, options)
  local json = next(options) and compat.json_encode(options) or nil
  local slot = ffi.new('venice_stream *[1]')
  local status = lib.venice_stream_new(slot, keypair.handle, json, json and #json or 0)
  if status ~= 0 then
    return nil, failure(status)
  end
  return hold(setmetatable({}, Stream), slot[0], lib.venice_stream_free)
end

---@class venice.native.Event
---@field kind string enum venice_event_kind, lower case: content, done, …
---@field request integer
---@field status integer
---@field data string

---@return venice.native.Event
local function copy_event(event)
  return {
    kind = kinds[tonumber(event.kind)] or 'unknown',
    request = tonumber(event.request),
    status = tonumber(event.status),
    data = event.data ~= nil and ffi.string(event.data, event.len) or '',
  }
end

local function read_all(stream, status)
  if status ~= 0 then
    return nil, failure(status)
  end
  local list, event = {}, ffi.new('venice_event')
  while lib.venice_stream_next(stream.handle, event) == 1 do
    list[#list + 1] = copy_event(event)
  end
  return list
end

--- Takes the next bytes, cut anywhere.
---@param bytes string
---@return venice.native.Event[]|nil, venice.Error|nil
function Stream:feed(bytes)
  return read_all(self, lib.venice_stream_feed(self.handle, bytes, #bytes))
end

--- Says that no more bytes will come.
---@return venice.native.Event[]|nil, venice.Error|nil
function Stream:finish()
  return read_all(self, lib.venice_stream_finish(self.handle))
end

--- Drops the stream and wipes what it held.
function Stream:free()
  let_go(self)
end

-- Offline verification ---------------------------------------------------------------------------

local function verify(call, bytes, options)
  local json = compat.json_encode(options)
  local text = new_text()
  local status = call(text, bytes, #bytes, json, #json)
  local answer = take(text)
  if status ~= 0 then
    return nil, worded(status, answer)
  end
  return compat.json_decode(answer)
end

--- Judges a quote, offline.
---@param quote string raw bytes
---@param options table see venice_verify_quote
---@return table|nil report, venice.Error|nil
function M.verify_quote(quote, options)
  return verify(lib.venice_verify_quote, quote, options)
end

--- Judges the evidence of an enclave, offline.
---@param response string
---@param options table see venice_verify_attestation
---@return table|nil report, venice.Error|nil
function M.verify_attestation(response, options)
  return verify(lib.venice_verify_attestation, response, options)
end

--- Judges the signature of an answer, offline.
---@param options table see venice_verify_receipt
---@return table|nil result, venice.Error|nil
function M.verify_receipt(options)
  local json = compat.json_encode(options)
  local text = new_text()
  local status = lib.venice_verify_receipt(text, json, #json)
  local answer = take(text)
  if status ~= 0 then
    return nil, worded(status, answer)
  end
  return compat.json_decode(answer)
end

-- The client -------------------------------------------------------------------------------------

---@class venice.native.Client
---@field handle ffi.cdata*
---@field poll userdata|nil
local Client = {}
Client.__index = Client

--- Starts a client. `options` is what venice_client_new takes.
---@param options table
---@return venice.native.Client|nil, venice.Error|nil
function M.client(options)
  local json = compat.json_encode(options)
  local slot, text = ffi.new('venice_client *[1]'), new_text()
  local status = lib.venice_client_new(slot, text, json, #json)
  local words = take(text)
  if status ~= 0 then
    return nil, worded(status, words)
  end
  local client = setmetatable({ handle = slot[0], slot = slot }, Client)
  client:set_rest()
  open_clients[client] = true
  return client
end

--- Takes the API key from a variable of the environment.
---@param name string
---@return true|nil, venice.Error|nil
function Client:key_from_env(name)
  local status = lib.venice_key_from_env(self.handle, name)
  if status ~= 0 then
    return nil, failure(status, 'api_key.env is not the name of a variable')
  end
  return true
end

--- Takes the API key from the first line of what a command prints, at first need.
---@param argv string[]
---@return true|nil, venice.Error|nil
function Client:key_from_command(argv)
  local list = ffi.new('const char *[?]', #argv, argv)
  local status = lib.venice_key_from_command(self.handle, list, #argv)
  if status ~= 0 then
    return nil, failure(status, 'api_key.cmd is not a command')
  end
  return true
end

local text_kinds = { content = true, reasoning = true, whitespace = true }

-- Takes at most DRAIN_EVENTS events for at most DRAIN_NANOSECONDS; the descriptor stays readable
-- while there are more, so nothing is lost. Says whether text came, and whether that was all.
local function drain(client)
  local batch, event, has_text = {}, client.event, false
  local stop = uv.hrtime() + DRAIN_NANOSECONDS
  for i = 1, DRAIN_EVENTS do
    if lib.venice_next(client.handle, event) ~= 1 then
      return batch, has_text, true
    end
    batch[i] = copy_event(event)
    has_text = has_text or text_kinds[batch[i].kind]
    if uv.hrtime() > stop then
      break
    end
  end
  return batch, has_text, false
end

-- The poll runs unless something holds it back: a full list above us, a rest after text, an error.
local function update_poll(client)
  if not client.poll then
    return
  end
  local wanted = not (client.paused or client.broken or client.timer:is_active())
  if wanted and not client.polling then
    client.poll:start('r', client.on_readable)
  elseif not wanted and client.polling then
    client.poll:stop()
  end
  client.polling = wanted
end

-- Text was given: the next may wait for the next frame. Without this, each token of a stream would
-- wake the editor by itself, which costs more than all else about it.
local function rest(client)
  client.timer:start(client.rest_milliseconds, 0, function()
    if not (client.paused or client.broken) then
      -- Most of the time there is something by now: the poll is started where there is not.
      client.on_readable()
    end
    update_poll(client)
  end)
  update_poll(client)
end

--- Starts the delivery of events. `on_batch` is called in a fast context (no buffers, no vim.fn)
--- with a list of events in their order; `on_broken` once if it raises, in the same context.
---@param on_batch fun(events: venice.native.Event[])
---@param on_broken fun(message: string)
---@return true|nil, venice.Error|nil
function Client:start(on_batch, on_broken)
  local poll, message = uv.new_poll(lib.venice_client_fd(self.handle))
  if not poll then
    return nil, errors.new('internal', 'the wake-up descriptor cannot be watched: ' .. message)
  end
  self.poll, self.timer = poll, uv.new_timer()
  self.event = ffi.new('venice_event')
  self.on_readable = function()
    local ok, trouble = pcall(function()
      local batch, has_text, was_all = drain(self)
      if #batch > 0 then
        on_batch(batch)
      end
      if has_text and was_all then
        rest(self)
      end
    end)
    if not ok then
      -- The descriptor would stay readable, and this would be called again without end.
      self.broken = true
      update_poll(self)
      on_broken(tostring(trouble))
    end
  end
  update_poll(self)
  return true
end

--- How long text may gather in the queue after some was given.
---@param milliseconds integer|nil nil: about a frame
function Client:set_rest(milliseconds)
  self.rest_milliseconds = milliseconds or REST_MILLISECONDS
end

--- Ends a rest: what comes next may be more than text.
function Client:wake()
  self:set_rest()
  if self.timer then
    self.timer:stop()
  end
  update_poll(self)
end

--- Stops taking events until resume(): the queue then slows the sender down.
function Client:pause()
  self.paused = true
  update_poll(self)
end

--- Takes events again after pause().
function Client:resume()
  self.paused = false
  update_poll(self)
end

--- What is in the queue now, for the last time before close().
---@return venice.native.Event[]
function Client:remains()
  if self.handle == nil or not self.event or self.broken then
    return {}
  end
  return (drain(self))
end

-- An accepted request's id, or why it was not accepted.
local function accepted(slot, status)
  if status == ffi.C.VENICE_E_BUSY then
    local words = 'too many requests run at the same time'
    return nil, errors.new('limit', words, 'wait until some of them have ended')
  elseif status ~= 0 then
    return nil, failure(status)
  end
  return tonumber(slot[0])
end

--- Asks for the list of models.
---@return integer|nil id, venice.Error|nil
function Client:models()
  local slot = ffi.new('uint32_t[1]')
  return accepted(slot, lib.venice_models(self.handle, slot))
end

--- Attests a model's enclave, or hands out the session that stands.
---@param model string
---@param options table
---@return integer|nil id, venice.Error|nil
function Client:attest(model, options)
  local slot, json = ffi.new('uint32_t[1]'), compat.json_encode(options)
  return accepted(slot, lib.venice_attest(self.handle, slot, model, json, #json))
end

-- The strings stay alive in `messages` until the call returns.
local function message_array(messages)
  local array = ffi.new('venice_message[?]', math.max(1, #messages))
  for i, message in ipairs(messages) do
    local slot = array[i - 1]
    slot.role = message.role
    slot.content = message.content
    slot.content_len = #message.content
    slot.tool_call_id = message.tool_call_id
  end
  return array
end

--- Sends messages, all of them encrypted, after an attestation where no session stands.
---@param model string
---@param messages table[]
---@param options table
---@return integer|nil id, venice.Error|nil
function Client:chat(model, messages, options)
  local slot, json = ffi.new('uint32_t[1]'), compat.json_encode(options)
  local array = message_array(messages)
  local status = lib.venice_chat(self.handle, slot, model, array, #messages, json, #json)
  return accepted(slot, status)
end

--- Asks who signed an answer.
---@param model string
---@param options table see venice_receipt
---@return integer|nil id, venice.Error|nil
function Client:receipt(model, options)
  local slot, json = ffi.new('uint32_t[1]'), compat.json_encode(options)
  return accepted(slot, lib.venice_receipt(self.handle, slot, model, json, #json))
end

--- Ends a request and closes its connection.
---@param id integer
function Client:cancel(id)
  lib.venice_cancel(self.handle, id)
  self:wake()
end

--- Wipes the session of a model.
---@param model string|nil nil: all
function Client:forget(model)
  lib.venice_forget(self.handle, model)
end

--- Encrypts messages for a session without sending them. The second value is what belongs into the
--- request, or the error.
---@param session integer
---@param messages table[]
---@return venice.native.Keypair|nil reply, table|venice.Error parts
function Client:encrypt(session, messages)
  local slot, text = ffi.new('venice_keypair *[1]'), new_text()
  local array = message_array(messages)
  local status = retry_after_collecting(function()
    lib.venice_text_free(text)
    return lib.venice_encrypt(self.handle, slot, text, session, array, #messages)
  end)
  local json = take(text)
  if status ~= 0 then
    return nil, worded(status, json)
  end
  return wrap_keypair(slot), compat.json_decode(json)
end

--- What the client is doing, in numbers.
---@return table|nil info, venice.Error|nil
function Client:info()
  local text = new_text()
  local status = lib.venice_client_info(self.handle, text)
  local json = take(text)
  if status ~= 0 then
    return nil, failure(status)
  end
  return compat.json_decode(json)
end

--- Ends it, in the one order that is safe: a descriptor that is closed while it is watched makes
--- Neovim spin.
---@param timeout integer|nil milliseconds
function Client:close(timeout)
  if self.handle == nil then
    return
  end
  open_clients[self] = nil
  if self.poll then
    self.poll:stop()
    self.poll:close()
    self.timer:stop()
    self.timer:close()
    self.poll, self.timer = nil, nil
  end
  self.handle = nil
  lib.venice_client_close(self.slot, timeout or CLOSE_MILLISECONDS)
end

return M
