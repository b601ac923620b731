-- The attestation view: the text that a report becomes, and the buffer that shows it.

local child = require('tests.lua.child')
local report_text = require('venice.evidence.report_text')

-- A report as the library makes it at level `binding`.
local function binding_report(changes)
  local report = {
    verified = true,
    accepted = true,
    level = 'binding',
    simulated = false,
    model = 'e2ee-x',
    signing_key = '04' .. ('ab'):rep(64),
    signing_address = '0x' .. ('cd'):rep(20),
    measurements = { mrtd = ('11'):rep(48), rtmr0 = ('22'):rep(48), something_new = 'ff' },
    not_proven = { 'which code runs', 'that nobody can forge this quote' },
    checked_at = os.time({ year = 2026, month = 11, day = 2, hour = 12, min = 4, sec = 31 }),
    good_until = os.time({ year = 2026, month = 11, day = 2, hour = 12, min = 34, sec = 31 }),
    checks = {
      { id = 'nonce_bound', ok = true, section = 'binding', detail = 'our nonce, raw' },
      { id = 'key_bound', ok = true, section = 'binding', detail = 'the address' },
      { id = 'quote_version', ok = true, section = 'tdx' },
    },
  }
  for name, value in pairs(changes or {}) do
    report[name] = value
  end
  return report
end

local function text_of(report)
  return table.concat(report_text.lines('e2ee-x', report).lines, '\n')
end

local function has(text, words)
  assert.is_truthy(text:find(words, 1, true), 'lacks: ' .. words .. '\n' .. text)
end

local function lacks(text, words)
  assert.is_falsy(text:find(words, 1, true), 'has: ' .. words .. '\n' .. text)
end

describe('the text of the view', function()
  it('says what was checked, when and until when', function()
    local lines = report_text.lines('e2ee-x', binding_report()).lines
    assert.is_truthy(lines[1]:find('^Attestation of e2ee%-x +checked 12:04:31, good until 12:34$'))
    local text = table.concat(lines, '\n')
    has(text, '▾ Binding')
    has(text, '2 of 2')
    has(text, '✓ nonce_bound')
    has(text, 'our nonce, raw')
    has(text, '▾ Intel TDX')
    has(text, '1 of 1')
    has(text, 'What this does not prove')
    has(text, 'that nobody can forge this quote')
    has(text, 'Raw values')
    has(text, ('11'):rep(48))
    has(text, 'something_new')
    has(text, '0x' .. ('cd'):rep(20))
    lacks(text, 'REFUSED')
    lacks(text, 'SIMULATED')
    lacks(text, 'UNVERIFIED')
  end)

  it("says at level binding that the quote's signature was not verified", function()
    local text = text_of(binding_report())
    has(text, 'whose signature was not verified')
    has(text, 'not proven')
    lacks(text, 'genuine')
  end)

  it('says what dcap and measured prove', function()
    local facts = { status = 'UpToDate', tcb_date = '2026-08-12T00:00:00Z', tcb_eval = 20 }
    local text = text_of(binding_report(vim.tbl_extend('force', { level = 'dcap' }, facts)))
    local words = 'genuine; platform up to date (TCB of 2026-08-12, evaluation 20)'
    has(text, '  Hardware  Intel TDX   ' .. words)
    has(text, 'which code runs there is not proven')
    lacks(text, 'was not verified')
    text = text_of(binding_report({ level = 'measured', advisories = { 'INTEL-SA-01192' } }))
    has(text, 'the code that runs is on your list (verify.measurements)')
    has(text, 'INTEL-SA-01192')
  end)

  it('says what is known of the enclave, in four lines', function()
    local facts = { status = 'UpToDate', gpu = { verified = true, count = 8 } }
    local function summary(level, pin)
      local report = binding_report(vim.tbl_extend('force', { level = level, pin = pin }, facts))
      local lines = report_text.lines('e2ee-x', report).lines
      assert.are.same(
        { 'Level', 'Hardware', 'GPU', 'Answers' },
        vim.tbl_map(function(line)
          return line:match('^  (%a+)')
        end, vim.list_slice(lines, 2, 5))
      )
      return lines[2]
    end
    local day = os.time({ year = 2026, month = 11, day = 2, hour = 12 })
    has(summary('dcap', { state = 'first' }), 'first seen now, not confirmed: :Venice trust')
    local known = { state = 'known', first_seen = day }
    has(summary('dcap', known), 'known since 2026-11-02, not confirmed: :Venice trust')
    local trusted = { state = 'confirmed', trusted_at = day }
    has(summary('measured', trusted), 'the code that runs is the code you trusted on 2026-11-02')
    has(summary('measured', nil), 'verify.measurements')
  end)

  it('shows a change as one', function()
    local changes = { accepted = false, reason = 'pin_changed', level = 'dcap' }
    changes.pin = { state = 'changed', enclave = { mrtd = 'aa' }, previous = { mrtd = 'bb' } }
    local lines = report_text.lines('e2ee-x', binding_report(changes)).lines
    has(lines[2], 'CHANGED')
    has(lines[2], '(pin_changed)')
    has(lines[3], ':Venice trust e2ee-x')
  end)

  it('shows certificates, TCB, measurements, claims and the compose text', function()
    local changes = { level = 'dcap', status = 'OutOfDate', advisories = { 'INTEL-SA-01192' } }
    changes.tcb = { platform = 'OutOfDate', module = 'UpToDate', qe = 'UpToDate' }
    changes.chain = {
      {
        role = 'pck',
        subject = 'Intel SGX PCK Certificate',
        not_before = '2026-01-26T00:00:00Z',
        not_after = '2032-11-30T00:00:00Z',
      },
    }
    changes.code = { app_id = 'a19a', image = 'dstack-0.5', num_gpus = 8, compose = 'a: 1\nb: 2' }
    changes.aci = { keyset_digest = 'sha256:dfa3', custody = { checked = 2, keys = 3 } }
    local report = binding_report(changes)
    report.checks[4] = { id = 'event_log_replayed', ok = true, section = 'code' }
    report.checks[5] = { id = 'compose_text_matches', ok = true, section = 'code' }
    local text = text_of(report)
    has(text, 'platform (PCK)      Intel SGX PCK Certificate, 2026-01-26 to 2032-11-30')
    has(text, 'advisories          INTEL-SA-01192')
    has(text, 'claimed, not measured')
    has(text, 'dstack-0.5')
    has(text, 'consistent, not proven')
    has(text, '2 of 3 keys under one root')
    has(text, '2 lines, its hash is the measured one')
    report.checks[5].ok = false
    lacks(text_of(report), 'its hash is the measured one')
    has(text_of(report), 'NOT measured')
  end)

  it('starts a refusal with what failed and ends it with what to do', function()
    local report = binding_report({ verified = false, accepted = false, reason = 'td_debug' })
    report.checks[3] = {
      id = 'td_not_debug',
      ok = false,
      section = 'tdx',
      reason = 'td_debug',
      detail = 'attributes 01',
    }
    local text = report_text.lines('e2ee-x', report)
    assert.is_truthy(text.lines[2]:find('REFUSED', 1, true))
    has(text.lines[2], 'nothing is sent to this model')
    has(text.lines[2], 'td_not_debug')
    has(text.lines[2], '(td_debug)')
    has(text.lines[3], 'attributes 01')
    has(text.lines[4], 'what to do: ')
    has(table.concat(text.lines, '\n'), '✗ td_not_debug')
    -- The failing section is open, so that the check is seen.
    for _, fold in ipairs(text.folds) do
      if text.lines[fold.first]:find('Intel TDX', 1, true) then
        assert.is_false(fold.closed)
        return
      end
    end
    error('no fold for the failing section')
  end)

  it('names the reason also where every check holds and the policy refuses', function()
    local text = text_of(binding_report({ accepted = false, reason = 'tcb_not_accepted' }))
    has(text, 'REFUSED')
    has(text, '(tcb_not_accepted)')
    has(text, 'verify.accept_tcb')
  end)

  it('shouts where the root is not the real one or nothing was verified', function()
    has(text_of(binding_report({ simulated = true })), 'SIMULATED')
    local nothing = { level = 'none', verified = false, accepted = false, checks = {} }
    local text = text_of(binding_report(nothing))
    has(text, 'UNVERIFIED')
    has(text, 'verify.attestation = false')
    lacks(text, 'REFUSED')
  end)

  it('survives a report that holds next to nothing', function()
    for _, report in ipairs({ {}, { checks = {} }, { level = 'unheard', gpu = {} } }) do
      has(table.concat(report_text.lines('m', report).lines, '\n'), 'Attestation of m')
    end
  end)

  it('is safe to show, whatever the server sent', function()
    local evil = 'x\27]0;title\7\nfake line\0\226\128\174'
    local report = binding_report({ model = evil, reason = evil, accepted = false, status = evil })
    report.checks[1] = { id = evil, ok = false, section = evil, reason = evil, detail = evil }
    report.measurements = { [evil] = evil }
    report.not_proven = { evil }
    local text = report_text.lines(evil, report)
    for _, line in ipairs(text.lines) do
      assert.is_falsy(line:find('[%z\1-\31\127]'), line)
      assert.is_falsy(line:find('\226\128\174', 1, true), line)
      assert.is_falsy(line:find('^fake line'), line)
    end
  end)

  it('has folds that hold their section and marks inside of their lines', function()
    local text = report_text.lines('e2ee-x', binding_report())
    assert.is_true(#text.folds >= 4)
    local last = 0
    for _, fold in ipairs(text.folds) do
      assert.is_true(fold.first > last and fold.last > fold.first)
      assert.are.equal('▾', text.lines[fold.first]:match('^▾'))
      last = fold.last
    end
    assert.is_true(#text.marks > 5)
    for _, mark in ipairs(text.marks) do
      assert.is_true(mark.last <= #text.lines[mark.line + 1], vim.inspect(mark))
    end
  end)
end)

describe('the words for status lines', function()
  it('come from the report and nowhere else', function()
    local summary = report_text.summary
    assert.are.equal('not attested', summary(nil))
    assert.are.equal('binding · quote signature not verified', summary(binding_report()))
    assert.are.equal(
      'SIMULATED · dcap · TDX up to date',
      summary(binding_report({ level = 'dcap', status = 'UpToDate', simulated = true }))
    )
    assert.are.equal(
      'dcap · TDX out of date · GPU genuine',
      summary(binding_report({ level = 'dcap', status = 'OutOfDate', gpu = { verified = true } }))
    )
    assert.are.equal(
      'REFUSED · td_debug',
      summary(binding_report({ accepted = false, reason = 'td_debug' }))
    )
    local function pinned(pin, changes)
      local report = { level = 'dcap', status = 'UpToDate', pin = pin }
      return summary(binding_report(vim.tbl_extend('force', report, changes or {})))
    end
    local day = os.time({ year = 2026, month = 11, day = 2, hour = 12 })
    assert.are.equal('dcap · TDX up to date · first seen', pinned({ state = 'first' }))
    assert.are.equal('dcap · TDX up to date · known enclave', pinned({ state = 'known' }))
    local trusted = pinned({ state = 'confirmed', trusted_at = day }, { level = 'measured' })
    assert.are.equal('measured · TDX up to date · trusted since 2026-11-02', trusted)
    local changed = { accepted = false, reason = 'pin_changed' }
    assert.are.equal('REFUSED · enclave CHANGED', pinned({ state = 'changed' }, changed))
    assert.are.equal('UNVERIFIED', summary({ level = 'none', accepted = false, checks = {} }))
  end)
end)

describe('the view', function()
  local nvim

  before_each(function()
    nvim = child.start({ lines = 40, columns = 100 })
    nvim.lua([[_G.report = ...]], binding_report())
  end)
  after_each(function()
    nvim.stop()
  end)

  local function open()
    return nvim.lua([[
      _G.again = 0
      return require('venice.evidence.report').open('e2ee-x', _G.report, {
        on_reattest = function() _G.again = _G.again + 1 end,
      })]])
  end

  it('is a buffer that leaves nothing behind', function()
    nvim.cmd('set undofile swapfile modeline')
    local buffer = open()
    assert.are.equal('venice-attestation', nvim.eval('&filetype'))
    assert.are.equal('nofile', nvim.eval('&buftype'))
    for _, option in ipairs({ 'swapfile', 'undofile', 'modeline', 'modifiable', 'buflisted' }) do
      assert.are.equal(0, nvim.eval('&' .. option), option)
    end
    assert.are.equal('wipe', nvim.eval('&bufhidden'))
    nvim.type_keys('q')
    assert.is_false(nvim.api.nvim_buf_is_valid(buffer))
    assert.are.equal(1, #nvim.api.nvim_list_wins())
  end)

  it('closes its sections but the first, and opens them with <CR>', function()
    open()
    local screen = nvim.screen_text()
    has(screen, '▾ Binding')
    has(screen, 'nonce_bound')
    has(screen, '▸ Intel TDX')
    lacks(screen, 'quote_version')
    has(screen, '▸ What this does not prove')
    nvim.fn.search('Intel TDX', 'w')
    nvim.fn.search('▾ Intel TDX', 'w')
    nvim.type_keys('<CR>')
    has(nvim.screen_text(), 'quote_version')
  end)

  it('attests anew with r', function()
    open()
    nvim.type_keys('r')
    assert.are.equal(1, nvim.lua('return _G.again'))
  end)

  it('shows a second report in the same buffer', function()
    local buffer = open()
    nvim.cmd('wincmd p')
    nvim.lua([[_G.report.accepted, _G.report.reason = false, 'td_debug']])
    assert.are.equal(buffer, open())
    assert.are.equal(2, #nvim.api.nvim_list_wins())
    has(nvim.text(), 'REFUSED')
  end)

  it('takes an update after it was closed', function()
    local buffer = open()
    nvim.type_keys('q')
    nvim.lua([[require('venice.evidence.report').update(...)]], buffer, 'e2ee-x', binding_report())
    assert.are.equal('', nvim.text())
  end)

  it('does not change how other buffers fold in its window', function()
    nvim.cmd('enew')
    nvim.cmd('setlocal foldmethod=indent')
    open()
    nvim.type_keys('q')
    assert.are.equal('indent', nvim.eval('&foldmethod'))
    nvim.cmd('new')
    assert.is_falsy(nvim.eval('&foldtext'):find('venice', 1, true))
  end)

  it('is not run as text of a status line or as a modeline', function()
    nvim.lua([[_G.report.checks[1].detail = 'vim: set tabstop=33: %{execute("let g:pwned=1")}']])
    open()
    nvim.cmd('redrawstatus!')
    assert.are_not.equal(33, nvim.eval('&tabstop'))
    assert.are.equal(0, nvim.eval('exists("g:pwned")'))
  end)
end)
