-- Runs against the real service: each step says what it does and what came of it.

local e2ee = require('venice.e2ee')

local failed = 0

local function say(...)
  io.stdout:write(table.concat({ ... }), '\n')
  io.stdout:flush()
end

-- Runs start(done) and waits for done(err, value).
local function wait(seconds, start)
  local result
  start(function(err, value)
    result = { err = err, value = value }
  end)
  vim.wait(seconds * 1000, function()
    return result ~= nil
  end, 10)
  return result or { err = { code = 'timeout', message = 'no end within ' .. seconds .. ' s' } }
end

local function step(name, result)
  if result.err then
    failed = failed + 1
    say('not ok - ', name)
    say('  ', (require('venice.errors').format(result.err):gsub('\n', '\n  ')))
  else
    say('ok - ', name)
  end
  return result.value
end

local function show_report(report)
  for _, line in ipairs(require('venice.evidence.report').lines(report.model, report).lines) do
    say('    ', line)
  end
end

local function list_models(client)
  local models = step(
    'GET /models',
    wait(60, function(done)
      client:models(done)
    end)
  ) or {}
  for _, model in ipairs(models) do
    say('    ', model.id, model.reasoning and '  (reasons)' or '')
  end
  return models
end

local function chat(client, model)
  local text, events = {}, 0
  local started = vim.loop.hrtime()
  local first
  local result = wait(180, function(done)
    client:chat({
      model = model,
      messages = { { role = 'user', content = 'Say hello in five words.' } },
      max_tokens = 400,
    }, {
      on_event = function(event)
        events = events + 1
        if event.text then
          first = first or (vim.loop.hrtime() - started) / 1e9
          text[#text + 1] = event.text
        end
      end,
      on_done = done,
    })
  end)
  step('encrypted chat', result)
  local took = (vim.loop.hrtime() - started) / 1e9
  local words = '    first token after %.1f s, all after %.1f s, %d events'
  say(words:format(first or 0, took, events))
  say('    ', (table.concat(text):gsub('\n', '\n    ')))
end

-- The way of callers who send the request themselves: seal, and open nothing but what is theirs.
local function seal(client, session)
  local sealed, err = client:encrypt({ { role = 'user', content = 'x' } }, session)
  step('encrypt for a request of one’s own', { err = err, value = sealed })
  if sealed then
    sealed.request:free()
  end
end

local function main()
  local verify = vim.env.VENICE_DCAP and { dcap = vim.env.VENICE_DCAP } or nil
  local client = assert(e2ee.new({ base_url = vim.env.VENICE_BASE_URL, verify = verify }))
  local models = list_models(client)
  local model = vim.env.VENICE_MODEL or (models[1] and models[1].id)
  if not model then
    return
  end
  local result = wait(120, function(done)
    client:attest(model, done)
  end)
  step('attestation of ' .. model, result)
  if result.value then
    show_report(result.value)
  end
  local session = step(
    'session with ' .. model,
    wait(120, function(done)
      client:create_session(model, done)
    end)
  )
  if session then
    seal(client, session)
    chat(client, model)
  end
  client:close()
end

local ok, message = xpcall(main, debug.traceback)
if not ok then
  say('not ok - ', tostring(message))
  failed = failed + 1
end
say(failed == 0 and 'all steps passed' or failed .. ' steps failed')
vim.cmd(failed == 0 and 'qall!' or 'cquit 1')
