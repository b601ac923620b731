-- A client without a network, for tests of the front end that say themselves what arrives and when.
-- In the child: require('tests.lua.fake_client').install(); then `fake.last` is the newest request.

local M = {
  requests = {},
  forgotten = {},
  models_list = { { id = 'e2ee-fake', price_in = 1, price_out = 10, context = 32000 } },
}

local Client = {}
Client.__index = Client

function Client.default()
  if M.no_client then
    return nil, M.no_client
  end
  return setmetatable({}, Client)
end

function Client.current()
  return not M.no_client and setmetatable({}, Client) or nil
end

function Client.models(_, cb)
  vim.schedule(function()
    cb(M.models_error, not M.models_error and M.models_list or nil)
  end)
  return 1000
end

local function add(kind, request, handlers)
  local entry = { kind = kind, request = request, handlers = handlers or {} }
  M.requests[#M.requests + 1] = entry
  entry.id = #M.requests
  M.last = entry
  return entry.id
end

function Client.chat(_, request, handlers)
  return add('chat', request, handlers)
end

function Client.attest(_, model, opts, handlers)
  return add('attest', { model = model, fresh = opts and opts.fresh }, handlers)
end

function Client.cancel(_, id)
  local entry = M.requests[id]
  entry.cancelled = true
  vim.schedule(function()
    M.done({ code = 'cancelled', message = 'stopped' }, {}, entry)
  end)
end

function Client.hold(_, id, is_full)
  M.requests[id].held = is_full
end

function Client.receipt()
  return add('receipt', {}, {})
end

function Client.forget(_, model)
  M.forgotten[#M.forgotten + 1] = model or '*'
end

function Client.report(_)
  return M.known_report
end

function Client.info(_)
  return {}
end

local function call(name, entry, ...)
  entry = entry or M.last
  if entry.handlers[name] and not entry.over then
    entry.handlers[name](...)
  end
end

--- What the service does, to the newest request.
function M.state(state)
  call('on_state', nil, type(state) == 'table' and state or { state = state })
end

function M.report(report, fresh)
  call('on_report', nil, report, fresh)
end

function M.text(text, kind, authenticated)
  call('on_event', nil, { kind = kind or 'content', text = text, authenticated = authenticated })
end

function M.event(event)
  call('on_event', nil, event)
end

function M.done(err, info, entry)
  entry = entry or M.last
  err = err ~= vim.NIL and err or nil
  if not entry.over then
    call('on_done', entry, err, info or {})
    entry.over = true
  end
end

--- Takes the place of the real client, before anything of the plugin is used.
function M.install(model)
  package.loaded['venice.client'] = Client
  require('venice').setup({ model = model or 'e2ee-fake' })
  _G.fake = M
  return M
end

return M
