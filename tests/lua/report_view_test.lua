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
    has(text, '2 proven')
    has(text, '✓ nonce_bound')
    has(text, 'our nonce, raw')
    has(text, '▾ Intel TDX')
    has(text, '1 proven')
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
    local words = 'genuine; platform up to date (TCB level of 2026-08-12, evaluation 20)'
    has(text, '  Hardware  Intel TDX   ' .. words)
    has(text, 'dcap        genuine hardware, code unknown')
    lacks(text, 'was not verified')
    text = text_of(binding_report({ level = 'measured', advisories = { 'INTEL-SA-01192' } }))
    has(text, 'the code that runs is the code you accepted')
    has(text, 'it is on your list')
    has(text, 'INTEL-SA-01192')
  end)

  it('says what is known of the enclave, in a line of its own and in colour', function()
    local facts = { status = 'UpToDate', gpu = { verified = true, count = 8 } }
    local function summary(level, pin)
      local report = binding_report(vim.tbl_extend('force', { level = level, pin = pin }, facts))
      local text = report_text.lines('e2ee-x', report)
      assert.are.same(
        { 'Level', 'Pin', 'Hardware', 'GPU', 'Answers' },
        vim.tbl_map(function(line)
          return line:match('^  (%a+)')
        end, vim.list_slice(text.lines, 2, 6))
      )
      local groups = {}
      for _, mark in ipairs(text.marks) do
        groups[#groups + 1] = mark.line == 2 and mark.group or nil
      end
      return text.lines[3] .. ' [' .. table.concat(groups, ' ') .. ']'
    end
    local day = os.time({ year = 2026, month = 11, day = 2, hour = 12 })
    local first = 'first seen now, not confirmed: :Venice trust [VeniceLabel VeniceWarn]'
    has(summary('dcap', { state = 'first' }), first)
    local known = { state = 'known', first_seen = day }
    has(summary('dcap', known), 'known since 2026-11-02, not confirmed: :Venice trust')
    local trusted = { state = 'confirmed', trusted_at = day }
    has(summary('measured', trusted), 'you trusted it on 2026-11-02 [VeniceLabel VeniceOk]')
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
    has(text, 'stated, not measured')
    has(text, 'dstack-0.5')
    has(text, 'consistent, not proven')
    has(text, '2 of 3 keys under one root')
    has(text, '2 lines, its hash is the measured one')
    report.checks[5].ok = false
    lacks(text_of(report), 'its hash is the measured one')
    has(text_of(report), 'NOT measured')
  end)

  it('tells what was proven from what is stated, and from what nobody says', function()
    local report = binding_report({ level = 'dcap' })
    report.checks[1].kind, report.checks[3].kind = 'proven', 'proven'
    report.checks[2] = { id = 'nonce_echoed', ok = true, section = 'binding', kind = 'stated' }
    report.checks[2].detail = 'the answer repeats our nonce'
    report.not_stated = {
      { id = 'server_verified', section = 'binding', detail = 'the answer has no verdict' },
      { id = 'gpu_evidence_present', section = 'gpu' },
    }
    report.counts = { proven = 61, stated = 9, not_stated = 3, failed = 0 }
    local text = report_text.lines('e2ee-x', report)
    local whole = table.concat(text.lines, '\n')
    has(whole, '  Checks    61 proven, 9 stated, 3 not stated')
    has(whole, '▾ Binding                  1 proven, 1 stated, 1 not stated')
    has(whole, '    ✓ nonce_bound')
    has(whole, '    ~ nonce_echoed               stated: the answer repeats our nonce')
    has(whole, '    - server_verified            not stated: the answer has no verdict')
    has(whole, '▾ GPU                      1 not stated')
    has(whole, '    - gpu_evidence_present       not stated')
    has(whole, '✓ proven here   ~ stated by somebody who could lie   - not stated')
    lacks(whole, '✓ nonce_echoed')
    lacks(whole, '✓ server_verified')
    -- What fails comes first, and by its name.
    report.checks[2].ok, report.checks[2].reason = false, 'nonce_mismatch'
    report.counts.failed, report.counts.stated = 1, 8
    whole = text_of(report)
    has(whole, '  Checks    1 FAILED (nonce_echoed), 61 proven, 8 stated, 3 not stated')
    has(whole, '▾ Binding                  1 FAILED, 1 proven, 1 not stated')
  end)

  it('opens on what it does not prove, the rest closed', function()
    local text = report_text.lines('e2ee-x', binding_report())
    local open = {}
    for i, fold in ipairs(text.folds) do
      if not fold.closed then
        open[#open + 1] = text.lines[fold.first]
      end
      assert.are.equal(i == 1, not fold.closed)
    end
    assert.are.same({ '▾ What this does not prove' }, open)
  end)

  it('never reads the report of a gateway as one of the model', function()
    local root = '02' .. ('ab'):rep(32)
    local changes = { level = 'dcap', gateway = true, status = 'UpToDate' }
    changes.aci = { custody = { keys = 3, checked = 3, root = root, root_known = true } }
    local report = binding_report(changes)
    report.checks[4] = { id = 'custody_checked', ok = true, section = 'code', kind = 'proven' }
    local lines = report_text.lines('e2ee-x', report).lines
    assert.are.equal('  Enclave   gateway; what stands behind it shows no evidence', lines[2])
    assert.are.equal('  Key       the KMS of 02ababab…ababab can hand out this key', lines[3])
    has(lines[4], 'a gateway on genuine hardware, code unknown')
    local text = table.concat(lines, '\n')
    has(text, 'KMS root')
    has(text, root)
    has(text, 'for this gateway')
    lacks(text, 'for this enclave')
    changes.aci.custody.root_known = false
    has(text_of(binding_report(changes)), 'that root is not one that we know')
    changes.aci.custody = { keys = 3, checked = 0 }
    has(text_of(binding_report(changes)), 'it is not shown which KMS can hand out this key')
    changes.level = 'measured'
    text = text_of(binding_report(changes))
    has(text, "the gateway's code that runs is the code you accepted")
    lacks(text, '    the code that runs is')
    -- The enclave of a model has no such lines.
    text = text_of(binding_report({ level = 'dcap', gateway = false }))
    lacks(text, 'gateway')
    lacks(text, 'KMS')
  end)

  it('says what a list lacks, and why the word of an older version does not count', function()
    local changes = { level = 'dcap', status = 'UpToDate' }
    changes.allowlist = { complete = false, missing = { 'rtmr1', 'compose_hash' } }
    changes.pin = { state = 'known', missing = { 'rtmr1', 'rtmr2' } }
    local text = text_of(binding_report(changes))
    has(text, 'verify.measurements does not name the code: it lacks rtmr1, compose_hash')
    has(text, 'an older version stored your word without rtmr1, rtmr2')
    has(text, ':Venice trust e2ee-x')
    lacks(text, 'trusted since')
    changes.allowlist = { complete = true, missing = {} }
    changes.pin = { state = 'known' }
    text = text_of(binding_report(changes))
    lacks(text, 'verify.measurements')
    lacks(text, 'an older version')
  end)

  it('dates what is out of date by the level that it fails', function()
    local changes = { level = 'dcap', status = 'OutOfDate', tcb_date = '2025-05-14T00:00:00Z' }
    changes.out_of_date_since, changes.tcb = '2026-08-13T00:00:00Z', { qe = 'UpToDate' }
    local text = text_of(binding_report(changes))
    has(text, 'platform out of date since 2026-08-13 (TCB level of 2025-05-14)')
    lacks(text, 'since 2025')
    changes.out_of_date_since = nil
    lacks(text_of(binding_report(changes)), 'since')
  end)

  it('shows nothing as measured or signed that was not', function()
    local changes = { level = 'dcap', status = 'UpToDate' }
    changes.gpu = { verified = true, count = 1, level = 'local', firmware_bound = false }
    changes.code = {
      mrconfigid = 'v2',
      mrconfigid_bound = false,
      stated = { os_image_hash = 'f00d', app_id = 'a19a' },
      manager = { verified = false, latest = { action = 'deploy', file = 'forged.yaml' } },
    }
    local report = binding_report(changes)
    report.checks[4] = { id = 'event_log_replayed', ok = true, section = 'code', kind = 'proven' }
    report.checks[5] = { id = 'gpu_signed', ok = true, section = 'gpu', kind = 'proven' }
    local text = text_of(report)
    has(text, 'firmware id could not be compared')
    has(text, 'firmware id         could not be compared')
    has(text, 'MRCONFIGID form     v2, not compared')
    local stated = text:sub(text:find('stated, not measured', 1, true), -1)
    has(stated, 'OS image hash       f00d')
    has(stated, 'app id              a19a')
    lacks(text, 'forged.yaml')
    lacks(text, 'compose manager')
    changes.code.manager.verified = true
    text = text_of(report)
    has(text, 'forged.yaml')
    has(text, "the compose manager's statement, bound by its quote")
  end)

  it('fits 60 columns, and 40', function()
    local changes = {
      level = 'dcap',
      gateway = true,
      status = 'OutOfDate',
      simulated = true,
      tcb_date = '2025-05-14T00:00:00Z',
      out_of_date_since = '2026-08-13T00:00:00Z',
      tcb_eval = 20,
      pin = { state = 'known', missing = { 'rtmr1', 'rtmr2' } },
      allowlist = { missing = { 'rtmr1', 'rtmr2', 'compose_hash' } },
      counts = { proven = 61, stated = 9, not_stated = 3, failed = 0 },
      gpu = { verified = true, count = 8, firmware_bound = false },
      aci = { custody = { keys = 3, checked = 3, root = '02' .. ('ab'):rep(32) } },
    }
    changes.not_proven = { ('a sentence of some length '):rep(8) }
    local report = binding_report(changes)
    report.checks[1].detail = ('a finding of some length '):rep(5)
    local words = (text_of(report):gsub('%s+', ' '))
    for _, width in ipairs({ 60, 40 }) do
      local lines = report_text.lines('e2ee-x', report, width).lines
      for _, line in ipairs(lines) do
        -- A value without a blank is the window's to wrap.
        local is_value = line:find('%S' .. ('%S'):rep(24))
        assert.is_true(is_value ~= nil or vim.fn.strdisplaywidth(line) <= width, line)
      end
      assert.are.equal(words, (table.concat(lines, '\n'):gsub('%s+', ' ')))
    end
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
    -- Nothing is said of the signature of a quote in a report that was refused for something else.
    report.level = 'none'
    local words = text_of(report)
    has(words, 'nothing was proven: what fails takes the worth of what holds')
    has(words, 'not proven: a check fails')
    lacks(words, 'the signature of its quote was not verified')
    lacks(words, 'genuine')
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
      'SIMULATED · dcap: genuine hardware, code unknown · TDX up to date',
      summary(binding_report({ level = 'dcap', status = 'UpToDate', simulated = true }))
    )
    assert.are.equal(
      'dcap: genuine hardware, code unknown · TDX out of date · GPU genuine',
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
    local dcap = 'dcap: genuine hardware, code unknown · TDX up to date · '
    assert.are.equal(dcap .. 'first seen', pinned({ state = 'first' }))
    assert.are.equal(dcap .. 'known enclave', pinned({ state = 'known' }))
    local old = { state = 'known', missing = { 'rtmr1', 'rtmr2' } }
    assert.are.equal(dcap .. 'to be confirmed again', pinned(old))
    local trusted = pinned({ state = 'confirmed', trusted_at = day }, { level = 'measured' })
    local measured = 'measured: the code that runs is the code you accepted · TDX up to date · '
    assert.are.equal(measured .. 'trusted since 2026-11-02', trusted)
    local changed = { accepted = false, reason = 'pin_changed' }
    assert.are.equal('REFUSED · enclave CHANGED', pinned({ state = 'changed' }, changed))
    assert.are.equal('UNVERIFIED', summary({ level = 'none', accepted = false, checks = {} }))
    -- A change is said also of what was refused for something else, or taken by a list.
    changed = { accepted = false, reason = 'td_debug', simulated = true }
    assert.are.equal(
      'REFUSED · enclave CHANGED · SIMULATED · td_debug',
      pinned({ state = 'changed' }, changed)
    )
    assert.is_truthy(pinned({ state = 'changed' }):find('^enclave CHANGED · dcap'))
    local gateway = pinned({ state = 'first' }, { gateway = true })
    local words = 'gateway; what stands behind it shows no evidence · ' .. dcap .. 'first seen'
    assert.are.equal(words, gateway)
    local since = { out_of_date_since = '2026-08-13T00:00:00Z', tcb_date = '2025-05-14T00:00:00Z' }
    local old_tcb = pinned(nil, vim.tbl_extend('force', since, { status = 'OutOfDate' }))
    has(old_tcb, 'TDX out of date since 2026-08-13')
    lacks(old_tcb, '2025-05-14')
    -- The date of a level that does not hold is nobody's date.
    lacks(pinned(nil, since), 'since')
    -- Words for the small ones never leave out what they must not be without.
    for _, piece in ipairs(require('venice.evidence.report_words').pieces(binding_report())) do
      has(piece.text, 'quote signature not verified')
    end
    local pieces = require('venice.evidence.report_words').pieces(
      binding_report({ level = 'dcap', gateway = true })
    )
    assert.are.equal('gateway dcap', pieces[1].text)
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

  it('opens on what is not proven, with its other sections closed until <CR>', function()
    open()
    local screen = nvim.screen_text()
    has(screen, '▾ What this does not prove')
    has(screen, 'that nobody can forge this quote')
    has(screen, '▸ Binding')
    lacks(screen, 'nonce_bound')
    has(screen, '▸ Intel TDX')
    lacks(screen, 'quote_version')
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
