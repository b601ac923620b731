-- A report belongs to its model: no chat shows what was proven about another one's enclave, and no
-- answer is held against its key.

local child = require('tests.lua.child')

describe('a report', function()
  local nvim

  before_each(function()
    nvim = child.start({ columns = 120, lines = 24 })
    nvim.install_fake()
    nvim.lua([[
      function _G.report_on(model, changes)
        return vim.tbl_extend('force', {
          level = 'dcap', accepted = true, verified = true, status = 'UpToDate', model = model,
          signing_address = 'address of ' .. model,
          checks = { { id = 'quote_signed', ok = true } },
        }, changes or {})
      end
      function _G.answer(text)
        fake.text(text or 'x')
        fake.done(nil, { id = 'answer', finish_reason = 'stop' })
      end
      -- The address that a signature is held against.
      function _G.asked_address()
        local chat = require('venice.chat').current()
        for i = #chat.view.turns, 1, -1 do
          local signature = chat.view.turns[i].signature
          if signature then
            return signature.question.signing_address
          end
        end
      end]])
  end)
  after_each(function()
    assert.are.equal('', nvim.stderr())
    nvim.stop()
  end)

  local function status()
    return nvim.lua([[return require('venice').status()]])
  end
  local function line()
    return nvim.lua([[return require('venice').statusline()]])
  end
  local function report(model, changes, entry)
    nvim.lua(
      [[
      local model, changes, entry = ...
      entry = entry == 0 and #fake.requests or entry
      fake.requests[entry].handlers.on_report(report_on(model, changes))]],
      model,
      changes or vim.empty_dict(),
      entry or 0
    )
  end
  local function shows_nothing_of(model)
    local now = status()
    assert.are.same({ model, 'none', false }, { now.model, now.level, now.simulated })
    assert.is_nil(now.tcb)
    nvim.shows(model .. ' · not attested yet')
    nvim.shows('SIMULATED', true)
    assert.is_truthy(line():find(model .. ' · not attested yet', 1, true), line())
  end

  it('that comes late is not shown for the model that was chosen meanwhile', function()
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.state('attesting')]])
    nvim.cmd('Venice model e2ee-b')
    report('e2ee-fake', { simulated = true })
    shows_nothing_of('e2ee-b')
    -- What is on its way is the other model's, and says so.
    assert.is_truthy(line():find('^attesting %d%.%d s %(e2ee%-fake%) · '), line())
    nvim.lua('answer()')
    shows_nothing_of('e2ee-b')
    nvim.wait_for('asked_address() ~= nil')
    assert.are.equal('address of e2ee-fake', nvim.lua('return asked_address()'))

    nvim.cmd('Venice model e2ee-fake')
    nvim.shows('SIMULATED · e2ee-fake · dcap')
    assert.are.equal('dcap', status().level)
    assert.are.equal('UpToDate', status().tcb)
    assert.is_true(status().simulated)
  end)

  it('is not what an answer of another model is held against', function()
    nvim.cmd('VeniceChat one')
    report('e2ee-fake')
    nvim.lua('answer()')
    nvim.cmd('Venice model e2ee-b')
    nvim.cmd('VeniceChat two')
    shows_nothing_of('e2ee-b')
    -- The library says nothing of the enclave: there is no key to hold the answer against.
    nvim.lua([[answer()]])
    nvim.sleep(100)
    local asked = nvim.lua([[
      local turns, found = require('venice.chat').current().view.turns, {}
      for _, turn in ipairs(turns) do
        if turn.model then
          found[turn.model] = turn.signature and turn.signature.question.signing_address or 'none'
        end
      end
      return found]])
    assert.are.same({ ['e2ee-fake'] = 'address of e2ee-fake', ['e2ee-b'] = 'none' }, asked)
  end)

  it('stands for the answers of a session that is not reported again', function()
    nvim.cmd('VeniceChat one')
    report('e2ee-fake')
    nvim.lua('answer()')
    nvim.cmd('Venice model e2ee-b')
    nvim.cmd('Venice model e2ee-fake')
    nvim.cmd('VeniceChat two')
    nvim.lua('answer()')
    local addresses = function()
      return nvim.lua([[
        local list = {}
        for _, turn in ipairs(require('venice.chat').current().view.turns) do
          list[#list + 1] = turn.signature and turn.signature.question.signing_address
        end
        return list]])
    end
    nvim.wait_for(function()
      return #addresses() == 2
    end)
    assert.are.same({ 'address of e2ee-fake', 'address of e2ee-fake' }, addresses())
  end)

  it('of a retry with another model is that of the other one', function()
    nvim.cmd('VeniceChat one')
    report('e2ee-fake')
    nvim.lua('answer()')
    nvim.cmd('Venice model e2ee-b')
    nvim.cmd('Venice retry')
    shows_nothing_of('e2ee-b')
    report('e2ee-b', { level = 'measured' })
    nvim.lua('answer()')
    nvim.shows('e2ee-b · measured')
    nvim.wait_for([[asked_address() == 'address of e2ee-b']])
  end)

  it('is shown in the chats of its model, and in no other', function()
    nvim.cmd('VeniceChat one')
    nvim.cmd('Venice new')
    nvim.cmd('Venice model e2ee-b')
    nvim.cmd('VeniceChat two')
    report('e2ee-b', { level = 'measured' }, 2)
    report('e2ee-fake', { simulated = true }, 1)
    nvim.lua('answer()')
    nvim.shows('e2ee-b · measured')
    assert.are.equal('measured', status().level)
    nvim.cmd('buffer venice://chat/1')
    nvim.shows('SIMULATED · e2ee-fake · dcap')
    assert.are.equal('dcap', status().level)
  end)

  it('of a rewrite is shown in the chats of its model, and in no other', function()
    nvim.cmd('VeniceChat')
    nvim.cmd('Venice model e2ee-b')
    nvim.lua([[
      local answer = require('venice.edit.answer')
      answer.start(require('venice.client').default(), 'e2ee-fake', {}, {
        on_progress = function() end, on_report = function() end, on_text = function() end,
        on_done = function() end, on_signature = function() end })]])
    report('e2ee-fake', { simulated = true })
    shows_nothing_of('e2ee-b')
    nvim.cmd('Venice model e2ee-fake')
    nvim.shows('SIMULATED · e2ee-fake · dcap')
  end)

  it('of :Venice attest is shown for its model alone', function()
    nvim.cmd('VeniceChat')
    nvim.cmd('Venice attest e2ee-other')
    report('e2ee-other', { simulated = true })
    shows_nothing_of('e2ee-fake')
    nvim.cmd('Venice model e2ee-other')
    nvim.shows('SIMULATED · e2ee-other · dcap')
  end)

  it('is not shown for the model of a saved chat that is opened', function()
    local history = { encrypt = { 'base64' }, decrypt = { 'base64', '-d' } }
    nvim.lua([[require('venice').setup({ model = 'e2ee-fake', history = ... })]], history)
    nvim.cmd('VeniceChat one')
    nvim.cmd('Venice model e2ee-b')
    nvim.lua('answer()')
    nvim.cmd('Venice save mine')
    nvim.wait_for([[#require('venice.chat.history').names() == 1]])
    nvim.cmd('Venice wipe')
    nvim.cmd('VeniceChat two')
    report('e2ee-fake', { simulated = true })
    nvim.lua('answer()')
    nvim.cmd('Venice open mine')
    nvim.wait_for([[require('venice').status().model == 'e2ee-b']])
    shows_nothing_of('e2ee-b')
    nvim.cmd('Venice model e2ee-fake')
    nvim.shows('SIMULATED · e2ee-fake · dcap')
  end)

  it('is no report any more after the options that it was made with have changed', function()
    nvim.cmd('VeniceChat one')
    report('e2ee-fake')
    nvim.lua('answer()')
    nvim.shows('e2ee-fake · dcap')
    nvim.lua([[require('venice').setup({ model = 'e2ee-fake', chat = { size = 0.5 } })]])
    assert.are.equal('dcap', status().level)
    nvim.lua([[require('venice').setup({ model = 'e2ee-fake', base_url = 'http://127.0.0.1:1' })]])
    nvim.cmd('redrawstatus!')
    shows_nothing_of('e2ee-fake')
  end)

  it('goes with the session of its model', function()
    nvim.cmd('VeniceChat one')
    report('e2ee-fake')
    nvim.lua('answer()')
    nvim.cmd('Venice new')
    nvim.shows('e2ee-fake · dcap')
    nvim.cmd('Venice wipe')
    nvim.cmd('VeniceChat')
    shows_nothing_of('e2ee-fake')
  end)

  it('is not joined by the failure of another model', function()
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.done({ code = 'attestation', message = 'refused' })]])
    assert.are.equal('attestation', status().error.code)
    nvim.cmd('Venice model e2ee-b')
    assert.is_nil(status().error)
    assert.is_nil(line():find('attestation', 1, true))
    nvim.cmd('Venice model e2ee-fake')
    assert.are.equal('attestation', status().error.code)
  end)
end)
