-- The list of known enclaves: what is stored, how, and what happens to a file that is not ours.

local child = require('tests.lua.child')

local PREPARE = [[
  _G.pins = require('venice.evidence.pins')
  _G.place = { service = 'https://x', model = 'm', root = 'intel' }
  function _G.report(state, hash, compose)
    return {
      accepted = true,
      pin = { state = state, enclave = { mrtd = 'aa', compose_hash = hash } },
      code = { compose = compose },
    }
  end]]

describe('the list of known enclaves', function()
  local nvim

  before_each(function()
    nvim = child.start()
    nvim.lua(PREPARE)
  end)
  after_each(function()
    nvim.stop()
  end)

  local function path()
    return nvim.lua([[return pins.path()]])
  end

  local function permissions(file)
    return vim.fn.getfperm(file)
  end

  it('is in the state folder, readable for its owner alone', function()
    nvim.lua([[assert(pins.saw(place, report('first', 'h1', 'text'), 100))]])
    local file = path()
    assert.are.equal(nvim.dirs.state, file:sub(1, #nvim.dirs.state))
    assert.is_truthy(file:find('/venice/known_enclaves.json', 1, true))
    assert.are.equal('rw-------', permissions(file))
    assert.are.equal('rwx------', permissions(vim.fn.fnamemodify(file, ':h')))
    local left = vim.fn.readdir(vim.fn.fnamemodify(file, ':h'))
    assert.are.same({ 'known_enclaves.json' }, left)
    local store = vim.json.decode(child.read(file))
    assert.are.equal('text', store.enclaves[1].compose)
  end)

  it('stores the first sight unconfirmed, and notes when it was seen last', function()
    nvim.lua([[
      pins.saw(place, report('first', 'h1'), 100)
      pins.saw(place, report('known', 'h1'), 200)]])
    local list = nvim.lua([[return pins.of(place)]])
    assert.are.equal(1, #list)
    assert.are.equal(100, list[1].first_seen)
    assert.are.equal(200, list[1].last_seen)
    assert.is_nil(list[1].trusted_at)
    local sent = nvim.lua([[return pins.for_request(pins.of(place))]])
    assert.are.same({ { mrtd = 'aa', compose_hash = 'h1', confirmed = false } }, sent)
  end)

  it('does not take in a second enclave by itself', function()
    nvim.lua([[
      pins.saw(place, report('first', 'h1'), 100)
      -- Another Neovim stored the first in the meantime.
      pins.saw(place, report('first', 'h2'), 200)
      pins.saw(place, report('changed', 'h3'), 300)]])
    assert.are.equal(1, nvim.lua([[return #pins.of(place)]]))
  end)

  it('trusts, keeps since when, and forgets', function()
    nvim.lua([[
      pins.saw(place, report('first', 'h1'), 100)
      pins.trust(place, report('known', 'h1'), 150)
      pins.trust(place, report('known', 'h1'), 999)
      pins.trust(place, report('changed', 'h2', 'new'), 300)]])
    local list = nvim.lua([[return pins.of(place)]])
    assert.are.equal(2, #list)
    assert.are.equal(150, list[1].trusted_at)
    assert.are.equal(300, list[2].trusted_at)
    assert.are.equal('new', list[2].compose)
    assert.are.equal(2, nvim.lua([[return pins.forget(place)]]))
    assert.are.same({}, nvim.lua([[return pins.of(place)]]))
    assert.are.equal(0, nvim.lua([[return pins.forget(place)]]))
  end)

  it('keeps models, services and roots of trust apart', function()
    nvim.lua([[
      pins.trust(place, report('first', 'h1'), 100)
      for name, value in pairs({ service = 'https://y', model = 'n', root = 'unsigned' }) do
        local other = vim.tbl_extend('force', place, { [name] = value })
        assert(#pins.of(other) == 0, name)
        pins.saw(other, report('first', 'h1'), 200)
        assert(#pins.of(other) == 1, name)
      end]])
    assert.are.equal(4, nvim.lua([[return #pins.read()]]))
    assert.are.equal(1, nvim.lua([[return #pins.of(place)]]))
    local simulated = nvim.lua(
      [[
      local file = ...
      vim.fn.writefile({ '-----BEGIN CERTIFICATE-----' }, file)
      local options = { base_url = 'https://x', verify = { dcap = 'require', root_ca = file } }
      return pins.place(options, 'm')]],
      nvim.dirs.tmp .. '/root.pem'
    )
    assert.is_truthy(simulated.root:find('^simulated:%x+$'))
  end)

  it('moves a file that it cannot understand aside, and says so', function()
    local texts = {
      'not json',
      '[]',
      '{"version":0,"enclaves":[]}',
      '{"version":"2","enclaves":[]}',
      '{"version":1,"enclaves":[{"model":"m"}]}',
      '{"version":1,"enclaves":{"a":1}}',
    }
    -- Edited by hand: values that are no text, dates that are none.
    for _, nonsense in ipairs({
      [["enclave":{"mrtd":1}]],
      [["enclave":{"mrtd":{"a":{"b":["c"]}}}]],
      '"enclave":["aa"]',
      [["enclave":"aa"]],
      [["enclave":{"mrtd":true}]],
      [["enclave":{},"first_seen":1e300]],
      [["enclave":{},"first_seen":-1]],
      [["enclave":{},"trusted_at":"yesterday"]],
      [["enclave":{},"compose":{}]],
      [["enclave":{},"model":7]],
    }) do
      local pin = '"service":"https://x","model":"m","root":"intel","first_seen":1,"last_seen":1,'
      texts[#texts + 1] = ('{"version":1,"enclaves":[{%s}]}'):format(pin .. nonsense)
    end
    nvim.lua([[vim.fn.mkdir(vim.fn.fnamemodify(pins.path(), ':h'), 'p')]])
    for i, text in ipairs(texts) do
      child.write(path(), text)
      assert.are.same({}, nvim.lua([[return pins.of(place)]]), text)
      assert.are.equal(0, vim.fn.filereadable(path()))
      local aside = vim.fn.glob(path() .. '.unreadable-*', true, true)
      assert.are.equal(1, #aside)
      assert.are.equal(text, child.read(aside[1]))
      vim.fn.delete(aside[1])
      nvim.wait_for(function()
        return #nvim.notifications() >= i
      end)
      assert.is_truthy(nvim.notifications()[i].msg:find('.unreadable-', 1, true))
    end
    nvim.lua([[assert(pins.saw(place, report('first', 'h1'), 100))]])
    assert.are.equal(1, nvim.lua([[return #pins.of(place)]]))
  end)

  it('leaves a file of a newer version alone, and names it', function()
    nvim.lua([[vim.fn.mkdir(vim.fn.fnamemodify(pins.path(), ':h'), 'p')]])
    for _, text in ipairs({ '{"version":2,"enclaves":[]}', '{"version":7,"other":{"a":[1]}}' }) do
      child.write(path(), text)
      for _, call in ipairs({
        'pins.of(place)',
        "pins.saw(place, report('first', 'h1'), 100)",
        "pins.trust(place, report('first', 'h1'), 100)",
        'pins.forget(place)',
      }) do
        local result, err =
          unpack(nvim.lua(('local a, b = %s return { a or false, b }'):format(call)))
        assert.is_false(result, call)
        assert.are.equal('config', err.code)
        assert.is_truthy(err.message:find(path(), 1, true), err.message)
        assert.is_truthy(err.message:find('newer version', 1, true), err.message)
        assert.is_truthy(err.hint:find('update this plugin', 1, true), err.hint)
        assert.are.equal(text, child.read(path()))
      end
      -- Beside it is nothing but itself.
      assert.are.same({ 'known_enclaves.json' }, vim.fn.readdir(vim.fn.fnamemodify(path(), ':h')))
    end
    -- Nor is anything sent without the list: the request is refused with these words.
    local err = nvim.lua([[
      local options = require('venice.config').get()
      return select(2, require('venice.evidence.guard').pins(options, 'm'))]])
    assert.is_truthy(err.message:find('newer version', 1, true))
  end)

  it('moves two files aside in one second without losing one', function()
    nvim.lua([[vim.fn.mkdir(vim.fn.fnamemodify(pins.path(), ':h'), 'p')]])
    for i = 1, 5 do
      child.write(path(), 'nonsense ' .. i)
      nvim.lua('pins.read()')
    end
    local found = {}
    for i, file in ipairs(vim.fn.glob(path() .. '.unreadable-*', true, true)) do
      found[i] = child.read(file)
    end
    table.sort(found)
    assert.are.equal(
      'nonsense 1,nonsense 2,nonsense 3,nonsense 4,nonsense 5',
      table.concat(found, ',')
    )
  end)

  -- In the child: what a version stored that did not look at RTMR1 and RTMR2, and one of today.
  local OLD = [[
    _G.old = { mrtd = 'aa', compose_hash = 'h1' }
    function _G.today(extra)
      return vim.tbl_extend('force', old, {
        rtmr1 = 'r1', rtmr2 = 'r2', mrconfigid_form = 'v1', shape = 'enclave',
      }, extra or {})
    end
    function _G.seen(state, enclave)
      return { accepted = true, pin = { state = state, enclave = enclave } }
    end
    pins.trust(place, seen('first', old), 100)]]

  it('keeps what an older version stored, and says what it lacks', function()
    nvim.lua(OLD)
    local names = { 'rtmr1', 'rtmr2', 'mrconfigid_form', 'shape' }
    assert.are.same(names, nvim.lua('return pins.lacking(old)'))
    assert.are.same({}, nvim.lua('return pins.lacking(today())'))
    -- One of two is not enough.
    assert.are.same(
      { 'rtmr2' },
      nvim.lua([[local half = today() half.rtmr2 = nil return pins.lacking(half)]])
    )
    assert.are.equal(100, nvim.lua('return pins.find(place, old).trusted_at'))
    -- It is seen with more values: stored beside it, once, and not confirmed.
    nvim.lua([[
      pins.saw(place, seen('known', today()), 200)
      pins.saw(place, seen('known', today()), 300)
      pins.saw(place, seen('known', today({ rtmr1 = 'another kernel' })), 400)
      pins.saw(place, seen('known', today({ rtmr2 = 'another command line' })), 500)]])
    local list = nvim.lua('return pins.of(place)')
    assert.are.equal(2, #list)
    assert.are.equal('r1', list[2].enclave.rtmr1)
    assert.are.equal(300, list[2].last_seen)
    assert.is_nil(list[2].trusted_at)
    assert.are.equal(2, #nvim.lua('return pins.for_request(pins.of(place))'))
  end)

  it('lets the fuller enclave that is confirmed take the place of the older one', function()
    nvim.lua(OLD)
    nvim.lua([[
      pins.saw(place, seen('known', today()), 200)
      pins.trust(place, seen('known', today()), 300)]])
    -- Both stay in the file, but C hears of the fuller alone: with the older one beside it another
    -- kernel would be known.
    assert.are.equal(2, #nvim.lua('return pins.of(place)'))
    local sent = nvim.lua('return pins.for_request(pins.of(place))')
    assert.are.equal(1, #sent)
    assert.are.equal('r1', sent[1].rtmr1)
    assert.is_true(sent[1].confirmed)
    -- Not where it is of another model, is not confirmed, differs, or lacks values itself.
    nvim.lua([[pins.forget(place) pins.trust(place, seen('first', old), 100)]])
    nvim.lua([[
      pins.trust(vim.tbl_extend('force', place, { model = 'n' }), seen('first', today()), 300)
      pins.saw(place, seen('known', today()), 200)
      pins.trust(place, seen('changed', today({ mrtd = 'bb' })), 300)
      local half = today() half.rtmr2 = nil
      pins.trust(place, seen('changed', half), 300)]])
    assert.are.equal(4, #nvim.lua('return pins.for_request(pins.of(place))'))
  end)

  it('says on the list and in words why an enclave is not confirmed any more', function()
    nvim.lua(OLD)
    nvim.lua([[pins.saw(place, seen('known', today()), 200)]])
    nvim.cmd('Venice trust')
    local text = nvim.text()
    for _, words in ipairs({
      'not confirmed any more: lacks rtmr1, rtmr2',
      'you confirmed it before this version also looked at RTMR1 and RTMR2 (kernel, command line)',
      'confirm it again: :Venice trust m',
      'trusted since 1970-01-01',
      'never confirmed',
    }) do
      assert.is_truthy(text:find(words, 1, true), words .. '\n' .. text)
    end
    nvim.type_keys('q')
    nvim.lua([[pins.trust(place, seen('known', today()), 86400 * 3)]])
    nvim.cmd('Venice trust')
    text = nvim.text()
    assert.is_nil(text:find('not confirmed any more', 1, true), text)
    assert.is_truthy(
      text:find('replaced by the one with more values that you confirmed on 1970-01-04', 1, true),
      text
    )
    -- The first request says it once, in a session.
    nvim.lua([[
      local options = require('venice.config').get()
      local guard = require('venice.evidence.guard')
      for i = 1, 3 do
        local found = seen('known', today({ rtmr1 = 'x' .. i }))
        found.pin.missing = { 'rtmr2' }
        guard.seen(options, 'm', found)
      end]])
    local count = 0
    for _, note in ipairs(nvim.notifications()) do
      local is_it = note.msg:find(
        'is not confirmed any more: you confirmed it before this version '
          .. 'also looked at RTMR2 (kernel command line); confirm it: :Venice trust m',
        1,
        true
      )
      count = count + (is_it and 1 or 0)
    end
    assert.are.equal(1, count)
  end)

  it('shows every value of an enclave that changed, and which were never looked at', function()
    local function changed(old, new)
      return nvim.lua(
        [[
        local old, new = ...
        local report = { pin = { state = 'changed', enclave = new, previous = old } }
        local choices = { { words = 'no' }, { words = 'yes' } }
        local text = require('venice.evidence.trust_text').changed('m', report, nil, choices, true)
        return { table.concat(text.lines, '\n'), text.rows, text.lines }]],
        old,
        new
      )
    end
    local all = {
      mrtd = 'm',
      rtmr1 = 'k',
      rtmr2 = 'l',
      mrconfigid_form = 'v1',
      os_image_hash = 'o',
      compose_hash = 'c',
      mrconfigid = 'x',
      app_id = 'a',
      key_provider = 'p',
      shape = 'enclave',
      custody_root = 'r',
      tomorrow = 't',
    }
    local words = {
      rtmr1 = 'the kernel',
      rtmr2 = 'kernel command line, initrd, root file system hash',
      custody_root = 'whose KMS can hand out its key',
      mrtd = 'the firmware',
    }
    for name in pairs(all) do
      local new = vim.tbl_extend('force', all, { [name] = 'gateway' })
      local text, rows, lines = unpack(changed(all, new))
      assert.is_truthy(text:find('\n! ' .. name .. ' .*gateway *' .. (words[name] or '')), text)
      assert.is_nil(text:match('\n! .*\n! '), text)
      -- It must have been in sight before it is trusted, and so must all that stands above it.
      assert.are.equal(#rows, rows[#rows])
      assert.are.equal('! ' .. name, lines[#rows]:sub(1, 2 + #name))
      for other in pairs(all) do
        assert.is_true(other == name or text:find('\n  ' .. other .. ' .*the same') ~= nil, other)
      end
    end
    local text = changed(all, vim.tbl_extend('force', all, { shape = 'gateway' }))[1]
    assert.is_truthy(text:find("the model's own evidence is not shown any more", 1, true), text)
    -- A pin of an older version says nothing about what it did not look at.
    text = changed({ mrtd = 'm', compose_hash = 'other' }, all)[1]
    assert.is_truthy(text:find('\n! compose_hash'), text)
    for _, name in ipairs({ 'rtmr1', 'rtmr2', 'mrconfigid_form', 'shape', 'custody_root' }) do
      assert.is_truthy(text:find('\n  ' .. name .. ' +not looked at'), text)
    end
    assert.is_truthy(text:find('\n! app_id'), text)
    -- A gateway whose key had no custody, and has one now, is another matter.
    local before = vim.tbl_extend('force', all, { shape = 'gateway' })
    before.custody_root = nil
    text = changed(before, vim.tbl_extend('force', all, { shape = 'gateway' }))[1]
    assert.is_truthy(text:find('\n! custody_root'), text)
  end)

  it('never makes the editor wait for the lock, and loses nothing by that', function()
    local file = path()
    nvim.lua([[
      pins.saw(place, report('first', 'h1'), 100)
      _G.lock = pins.path() .. '.lock'
      vim.fn.writefile({}, lock)
      vim.loop.sleep = function() error('the editor must not sleep') end
      assert(pins.trust(place, report('known', 'h1'), 150))
      assert(pins.saw(place, report('known', 'h1'), 160))
      -- What was changed counts at once.
      assert(pins.find(place, { mrtd = 'aa', compose_hash = 'h1' }).trusted_at == 150)
      assert(pins.for_request(pins.of(place))[1].confirmed)]])
    assert.is_nil(vim.json.decode(child.read(file)).enclaves[1].trusted_at)
    nvim.lua('vim.loop.fs_unlink(lock)')
    nvim.wait_for(function()
      return vim.json.decode(child.read(file)).enclaves[1].trusted_at == 150
    end)
    assert.are.equal(160, vim.json.decode(child.read(file)).enclaves[1].last_seen)
    assert.are.equal(0, vim.fn.filereadable(file .. '.lock'))
    -- Nor where Neovim quits while the lock is taken.
    nvim.lua([[
      vim.fn.writefile({}, lock)
      assert(pins.trust(place, report('changed', 'h2'), 170))]])
    nvim.quit('qall!')
    local enclaves = vim.json.decode(child.read(file)).enclaves
    assert.are.equal(2, #enclaves)
    assert.are.equal(170, enclaves[2].trusted_at)
  end)

  it('is an error where it cannot be read: nobody knows what was known', function()
    nvim.lua([[vim.fn.mkdir(pins.path(), 'p')]])
    local list, err = unpack(nvim.lua([[
      local list, err = pins.of(place)
      return { list or false, err }]]))
    assert.is_false(list)
    assert.are.equal('config', err.code)
    assert.is_truthy(err.message:find('cannot be read', 1, true))
  end)

  it('loses nothing where several Neovims write', function()
    local others = {}
    for i = 1, 3 do
      others[i] = child.start({ env = { XDG_STATE_HOME = nvim.dirs.state } })
      others[i].lua(PREPARE)
    end
    for i, other in ipairs(others) do
      other.lua_notify(
        [[
        local base = ...
        for i = 1, 20 do
          place.model = base .. '-' .. i
          pins.saw(place, report('first', 'h'), i)
        end
        _G.done = true]],
        'm' .. i
      )
    end
    for _, other in ipairs(others) do
      other.wait_for('_G.done', 20000)
    end
    -- What found the list locked is written a little later.
    nvim.wait_for('#pins.read() == 60', 20000)
    nvim.sleep(100)
    assert.are.equal(60, nvim.lua([[return #pins.read()]]))
    for _, other in ipairs(others) do
      other.stop()
    end
    assert.are.equal(0, vim.fn.filereadable(path() .. '.lock'))
  end)

  it('gets over the lock of a Neovim that died', function()
    nvim.lua([[
      vim.fn.mkdir(vim.fn.fnamemodify(pins.path(), ':h'), 'p')
      local lock = pins.path() .. '.lock'
      vim.fn.writefile({}, lock)
      vim.loop.fs_utime(lock, 1000, 1000)
      assert(pins.saw(place, report('first', 'h1'), 100))
      assert(vim.fn.filereadable(lock) == 0)]])
    assert.are.equal(1, nvim.lua([[return #pins.of(place)]]))
  end)

  it('writes through a link of the user', function()
    local real = nvim.dirs.tmp .. '/mine.json'
    child.write(real, '{"version":1,"enclaves":[]}')
    nvim.lua(
      [[
      vim.fn.mkdir(vim.fn.fnamemodify(pins.path(), ':h'), 'p')
      vim.loop.fs_symlink(..., pins.path())
      assert(pins.saw(place, report('first', 'h1'), 100))]],
      real
    )
    assert.is_truthy(child.read(real):find('h1', 1, true))
    assert.are.equal('link', vim.loop.fs_lstat(path()).type)
  end)
end)

describe('compose texts', function()
  local compose = require('venice.evidence.compose')

  it('are broken into lines in which nothing is lost', function()
    local text = '{"a": "x\\ny \\"q\\" {,}", "b":[1,2], "a":3}'
    local lines = compose.lines(text)
    assert.is_true(#lines > 6)
    local squeezed = table.concat(lines):gsub('%s', '')
    assert.are.equal((text:gsub('\\n', ''):gsub('%s', '')), squeezed)
    assert.are.same({ 'services:', '  a: 1' }, compose.lines('services:\n  a: 1\r\n'))
  end)

  it('differ line by line', function()
    local function text(policy)
      return ('{"file":"services:\\n  a:\\n    restart: %s\\n"}'):format(policy)
    end
    local lines = compose.diff(text('no'), text('always'))
    local all = table.concat(lines, '\n')
    assert.is_truthy(all:find('-        restart: no', 1, true) or all:find('%-%s+restart: no'))
    assert.is_truthy(all:find('%+%s+restart: always'))
    assert.is_falsy(all:find('[+-]%s+a:'))
    local none, note = compose.diff(text('no'), text('no'))
    assert.are.same({}, none)
    assert.is_truthy(note:find('the same', 1, true))
    local _, other_note = compose.diff('{"a":1}', '{"a": 1}')
    assert.is_truthy(other_note == nil or other_note:find('white space', 1, true))
  end)

  it('cannot steer the screen', function()
    for _, line in ipairs(compose.lines('{"a":"\27[2J\226\128\174"}')) do
      assert.is_falsy(line:find('[%z\1-\31\127]'))
      assert.is_falsy(line:find('\226\128\174', 1, true))
    end
  end)
end)
