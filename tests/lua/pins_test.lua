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
