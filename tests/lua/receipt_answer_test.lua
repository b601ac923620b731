-- Who signed an answer, as the chat shows it: a word in the header, and nothing else that changes.

local child = require('tests.lua.child')

local TEXT = 'It drains the queue.'

describe('the signature of an answer', function()
  local sim, nvim

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)

  local function start(options)
    sim.reset()
    sim.answer({ text = TEXT, rate = 0 })
    nvim = child.start({ columns = 150, lines = 30, env = { VENICE_API_KEY = 'k' } })
    local defaults = { model = sim.model, verify = { dcap = 'off' } }
    nvim.lua(
      [[
      local options = ...
      options.chat = { window = 'current' }
      require('venice').setup(options)
      _G.events = {}
      vim.cmd('autocmd User Venice* lua events[#events + 1] = require("venice").last_event().event')
      ]],
      sim.options(vim.tbl_deep_extend('force', defaults, options or {}))
    )
  end
  after_each(function()
    nvim.stop()
  end)

  local function state()
    return nvim.lua([[return require('venice').status().state]])
  end
  local function finished()
    return nvim.wait_for([[vim.tbl_contains(events, 'VeniceRequestFinished')]], 20000)
  end
  local function ask()
    nvim.lua('events = {}')
    nvim.cmd('VeniceChat What does it do?')
    finished()
    assert.are.equal('idle', state())
  end
  local function header()
    for _, line in ipairs(nvim.screen()) do
      if line:find('── ' .. sim.model, 1, true) then
        return line
      end
    end
    return ''
  end
  local function header_says(words)
    local ok = pcall(nvim.wait_for, function()
      return header():find(words, 1, true)
    end, 10000)
    assert(ok, words .. ' is not in the header:\n' .. nvim.screen_text())
  end
  local function view_says(words)
    local ok = pcall(nvim.wait_for, function()
      return nvim.lua([[return vim.bo.filetype]]) == 'venice-attestation'
        and nvim.text():find(words, 1, true)
    end, 10000)
    assert(ok, words .. ' is not in the view:\n' .. nvim.text())
  end
  local function signatures_asked()
    local count = 0
    for _, entry in ipairs(sim.log()) do
      if (entry.path or ''):find('/tee/signature', 1, true) then
        count = count + 1
      end
    end
    return count
  end
  local function receipt()
    return nvim.lua([[
      for _, turn in ipairs(require('venice.chat').current().view.turns) do
        if turn.role == 'assistant' then
          return turn.receipt
        end
      end]])
  end
  -- No message beyond what a chat says by itself.
  local function is_quiet()
    assert.are.same({}, nvim.notifications())
    assert.are.equal('', nvim.stderr())
  end

  it('is a word behind the tokens, and a row of the view', function()
    start()
    ask()
    header_says('· signed')
    nvim.wait_for(function()
      return header():find('tokens? · <?%$[%d.]+ · signed')
    end)
    assert.are.equal('idle', state())
    assert.is_nil(nvim.lua([[return require('venice').status().error]]))
    assert.are.same({ true, 'not_checkable' }, { receipt().verified, receipt().content_binding })
    assert.is_truthy(nvim.text():find(TEXT, 1, true))
    assert.are.equal(1, signatures_asked())
    local events = nvim.lua('return events')
    assert.are.equal('VeniceRequestFinished', events[#events])
    nvim.cmd('Venice attest')
    view_says('Answers   signed      by the key that the quote binds; their text is not bound to')
    view_says('signed_by_enclave')
    view_says('That the answer which was read is the one whose hash was signed')
    assert.is_nil(nvim.text():lower():find('verified answer', 1, true))
    assert.are.equal(1, signatures_asked())
    is_quiet()
  end)

  it('is asked with the keyset where the gateway serves one', function()
    for _, model in ipairs(sim.models) do
      start({ model = model })
      nvim.cmd('VeniceChat Hello')
      finished()
      nvim.wait_for([[require('venice.chat').current().view.turns[2].receipt]], 10000)
      local got = receipt()
      assert.is_true(got.verified, model .. ': ' .. tostring(got.reason))
      assert.is_true(got.receipt == nil or got.receipt.signed)
      nvim.stop()
    end
  end)

  it('by another key is said, and the text stays', function()
    start()
    sim.fault('signature_other_key')
    ask()
    header_says('· signature invalid')
    assert.is_true(nvim.lua([[
      local ns = vim.api.nvim_get_namespaces().venice_draw
      for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, ns, 0, -1, { details = true })) do
        for _, chunk in ipairs(mark[4].virt_text or {}) do
          if chunk[1] == 'signature invalid' then
            return chunk[2] == 'VeniceError'
          end
        end
      end]]))
    assert.are.equal('signature_signer', receipt().reason)
    assert.is_truthy(nvim.text():find(TEXT, 1, true))
    local words = 'the signature of this answer does not hold (signature_signer)'
    assert.is_truthy(nvim.screen_text():find(words, 1, true))
    assert.are.equal('idle', state())
    assert.is_nil(nvim.lua([[return require('venice').status().error]]))
    nvim.cmd('Venice attest')
    view_says('Answers   INVALID')
    view_says('✗ signed_by_enclave')
    is_quiet()
  end)

  it("tells the gateway's paper from the key's signature", function()
    local with_receipt
    for _, model in ipairs(sim.models) do
      start({ model = model })
      sim.fault('receipt_signature')
      nvim.cmd('VeniceChat Hello')
      finished()
      nvim.wait_for([[require('venice.chat').current().view.turns[2].receipt]], 10000)
      if not receipt().verified then
        with_receipt = true
        assert.are.equal('receipt_signature', receipt().reason)
        assert.is_truthy(nvim.screen_text():find('· receipt invalid', 1, true))
      end
      nvim.stop()
    end
    assert.is_true(with_receipt)
  end)

  it('is tried again when somebody looks', function()
    start()
    sim.fault('signature_429')
    ask()
    header_says('· not checked')
    assert.are.equal('rate_limited', receipt().unchecked)
    assert.are.equal('idle', state())
    sim.reset()
    nvim.cmd('Venice attest')
    view_says('Answers   not checked the signature of the last answer (rate_limited)')
    -- The service has said that it is too much: for a minute it is not asked.
    nvim.sleep(300)
    assert.are.equal(0, signatures_asked())
    is_quiet()
  end)

  it('that did not come is asked for again, once each time', function()
    start()
    sim.fault('signature_404')
    ask()
    header_says('· not checked')
    local before = signatures_asked()
    assert.are.equal(4, before)
    sim.fault('signature_v_low')
    nvim.cmd('Venice attest')
    view_says('Answers   signed')
    assert.are.equal(before + 1, signatures_asked())
    nvim.cmd('quit')
    header_says('· signed')
    nvim.cmd('Venice attest')
    view_says('Answers   signed')
    nvim.sleep(200)
    assert.are.equal(before + 1, signatures_asked())
    is_quiet()
  end)

  it('leaves room for attestations', function()
    start()
    for i = 1, 8 do
      ask()
      nvim.wait_for(
        ([[require('venice.chat').current().view.turns[%d].receipt]]):format(2 * i),
        10000
      )
    end
    assert.is_true(signatures_asked() <= 7)
    local last = nvim.lua([[return require('venice.chat').current().view.turns[16].receipt]])
    assert.are.equal('rate_limited', last.unchecked)
    is_quiet()
  end)

  it('is not asked for where that is switched off', function()
    start({ verify = { receipt = false } })
    ask()
    nvim.sleep(300)
    assert.are.equal(0, signatures_asked())
    assert.is_nil(receipt())
    assert.is_nil(header():find('signed', 1, true))
    assert.is_nil(header():find('checked', 1, true))
  end)

  it('is not asked for where nothing is bound', function()
    start({ verify = { attestation = false } })
    ask()
    nvim.sleep(300)
    assert.are.equal(0, signatures_asked())
    assert.is_nil(receipt())
  end)

  it('ends without a word when the chat is wiped, stopped or left', function()
    start()
    local function ask_slowly()
      sim.fault('signature_hang')
      ask()
      nvim.wait_for([[vim.tbl_count(require('venice.client').current().requests) > 0]], 3000)
    end
    ask_slowly()
    assert.are.equal('idle', state())
    nvim.cmd('Venice stop')
    header_says('· not checked')
    nvim.cmd('Venice new')
    ask_slowly()
    nvim.cmd('Venice wipe')
    nvim.wait_for([[vim.tbl_count(require('venice.client').current().requests) == 0]], 3000)
    is_quiet()
    ask_slowly()
    local code, ms = nvim.quit()
    assert.are.equal(0, code)
    assert.is_true(ms < 2000)
  end)

  it('of an answer that another one replaces is forgotten', function()
    start()
    ask()
    header_says('· signed')
    sim.fault('signature_other_key')
    nvim.lua('events = {}')
    nvim.cmd('Venice retry')
    finished()
    header_says('· signature invalid')
    is_quiet()
  end)
end)
