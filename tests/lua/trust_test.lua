-- Known enclaves as a user meets them: first sight, known, trusted, changed.

local child = require('tests.lua.child')

local SETUP = [[
  local url, root, verify = ...
  local defaults = { dcap = 'require', gpu = 'off', collateral_url = url, root_ca = root }
  require('venice').setup({
    base_url = url,
    model = 'e2ee-sim-small',
    verify = vim.tbl_extend('force', defaults, verify),
  })]]

describe('a known enclave', function()
  local sim, nvim

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)

  -- A Neovim; with the list of known enclaves of the one before.
  local function start(opts)
    opts = opts or {}
    local env = { VENICE_API_KEY = 'k', XDG_STATE_HOME = opts.state }
    nvim = child.start({
      env = env,
      terminal = opts.terminal,
      lines = opts.lines or 50,
      columns = 100,
    })
    -- Messages of two lines shall not wait for a key.
    nvim.cmd('set cmdheight=4')
    nvim.lua(SETUP, sim.url, sim.root, opts.verify or {})
    -- What must not be in sight before a key counts is a matter of the tests about that.
    nvim.lua([[require('venice.attention').PAUSE = ...]], opts.pause or 0)
    return nvim
  end

  local state

  before_each(function()
    sim.reset()
    sim.answer({ rate = 0, chunks = { 'the answer' } })
    state = child.tempdir()
  end)
  after_each(function()
    nvim.stop()
  end)

  local function idle()
    nvim.wait_for([[require('venice').status().state == 'idle']], 10000)
  end

  local function send(text)
    nvim.cmd('VeniceChat ' .. text)
    idle()
  end

  local function count(path)
    local number = 0
    for _, entry in ipairs(sim.log()) do
      number = number + (entry.path:find(path, 1, true) and 1 or 0)
    end
    return number
  end

  local function completions()
    return count('/chat/completions')
  end

  local function known()
    return nvim.lua([[return require('venice.evidence.pins').read()]])
  end

  local function bar()
    return nvim.lua([[return require('venice').statusline()]])
  end

  local function has(text, words)
    assert.is_truthy(text:find(words, 1, true), 'lacks: ' .. words .. '\n' .. text)
  end

  -- The text of the current buffer without the ends of its lines.
  local function unwrapped()
    return (nvim.text():gsub('%s+', ' '))
  end

  local function last_notice()
    local list = nvim.notifications()
    return list[#list] and list[#list].msg or ''
  end

  -- The model's enclave is known and trusted.
  local function trust_today()
    start({ state = state })
    nvim.cmd('Venice trust e2ee-sim-small')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    assert.is_not_nil(known()[1].trusted_at)
    nvim.stop()
  end

  it('is stored at first sight, which asks nothing', function()
    start({ state = state })
    send('hello')
    assert.are.equal(1, completions())
    assert.are.equal('dcap', nvim.lua([[return require('venice').status().level]]))
    has(bar(), 'first seen')
    local list = known()
    assert.are.equal(1, #list)
    assert.is_nil(list[1].trusted_at)
    assert.are.equal('e2ee-sim-small', list[1].model)
    has(list[1].root, 'simulated:')
    has(list[1].compose, 'docker_compose_file')
    for _, name in ipairs({ 'mrtd', 'os_image_hash', 'compose_hash', 'app_id', 'key_provider' }) do
      assert.are.equal('string', type(list[1].enclave[name]), name)
    end
    assert.are.same(
      {},
      nvim.lua([[
      local pins = require('venice.evidence.pins')
      return pins.lacking(pins.read()[1].enclave)]])
    )
  end)

  it('does not cost a second attestation', function()
    start({ state = state })
    send('hello')
    send('again')
    assert.are.equal(2, completions())
    assert.are.equal(1, count('/tee/attestation'))
  end)

  it('says at first sight that it is not confirmed, and later that it is known', function()
    start({ state = state })
    nvim.cmd('Venice attest')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    has(unwrapped(), 'first seen now, not confirmed: :Venice trust')
    nvim.stop()
    start({ state = state })
    nvim.cmd('Venice attest')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    has(unwrapped(), 'known since ' .. os.date('%Y-%m-%d') .. ', not confirmed: :Venice trust')
    assert.are.equal(1, #known())
    send('hello')
    has(bar(), 'known enclave')
  end)

  it('is trusted by :Venice trust, and then the level is measured', function()
    start({ state = state })
    send('hello')
    nvim.cmd('Venice trust e2ee-sim-small')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    local words = 'the code that runs is the code you accepted Pin you trusted it on '
    has(unwrapped(), words .. os.date('%Y-%m-%d'))
    assert.are.equal('measured', nvim.lua([[return require('venice').status().level]]))
    has(bar(), 'trusted since ' .. os.date('%Y-%m-%d'))
    send('again')
    assert.are.equal(2, completions())
    nvim.cmd('Venice trust e2ee-sim-small')
    nvim.wait_for(function()
      return last_notice():find('trusted already', 1, true)
    end)
    nvim.stop()
    start({ state = state })
    send('hello')
    assert.are.equal('measured', nvim.lua([[return require('venice').status().level]]))
  end)

  it('is forgotten by :Venice! trust', function()
    trust_today()
    start({ state = state })
    nvim.cmd('Venice! trust e2ee-sim-small')
    has(last_notice(), 'forgotten')
    assert.are.same({}, known())
    send('hello')
    assert.are.equal('dcap', nvim.lua([[return require('venice').status().level]]))
    nvim.cmd('Venice! trust')
    has(last_notice(), ':Venice! trust {model}')
  end)

  it('is in the list', function()
    start({ state = state })
    nvim.cmd('Venice trust')
    has(nvim.text(), 'none yet')
    send('hello')
    nvim.cmd('Venice trust')
    has(nvim.text(), 'e2ee-sim-small   SIMULATED')
    has(nvim.text(), 'never confirmed')
    has(nvim.text(), known()[1].enclave.compose_hash)
    assert.are.same({ 'e2ee-sim-small' }, nvim.fn.getcompletion('Venice trust ', 'cmdline'))
  end)

  it('lacks nothing, whatever the model shows', function()
    start({ state = state })
    for _, model in ipairs(sim.models) do
      nvim.cmd('Venice attest ' .. model)
      nvim.wait_for(function()
        return nvim.text():find('Attestation of ' .. model, 1, true)
      end, 10000, model)
    end
    local lacking = nvim.lua([[
      local pins = require('venice.evidence.pins')
      local list = {}
      for _, pin in ipairs(pins.read()) do
        list[#list + 1] = pin.model .. ': ' .. table.concat(pins.lacking(pin.enclave), ' ')
      end
      return list]])
    assert.is_true(#lacking > 1)
    for _, words in ipairs(lacking) do
      assert.is_truthy(words:find(': $'), words)
    end
  end)

  it('of an older version is known, not confirmed, and confirmed again', function()
    trust_today()
    local file = state .. '/nvim/venice/known_enclaves.json'
    local store = vim.json.decode(child.read(file))
    for _, name in ipairs({ 'rtmr1', 'rtmr2', 'mrconfigid_form', 'shape' }) do
      store.enclaves[1].enclave[name] = nil
    end
    child.write(file, vim.json.encode(store))
    start({ state = state })
    send('hello')
    assert.are.equal(1, completions())
    assert.are.equal('dcap', nvim.lua([[return require('venice').status().level]]))
    local pin = nvim.lua([[return require('venice.chat').current().report.pin]])
    assert.are.equal('known', pin.state)
    table.sort(pin.missing)
    assert.are.same({ 'mrconfigid_form', 'rtmr1', 'rtmr2', 'shape' }, pin.missing)
    has(
      nvim.notices(),
      'is not confirmed any more: you confirmed it before this version also looked'
    )
    assert.are.equal(2, #known())
    nvim.cmd('Venice trust')
    has(nvim.text(), 'not confirmed any more: lacks rtmr1, rtmr2')
    nvim.type_keys('q')
    nvim.cmd('Venice trust e2ee-sim-small')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    assert.are.equal('measured', nvim.lua([[return require('venice').status().level]]))
    -- Another kernel is a change now, although the pin of the older version would take it.
    sim.fault('other_kernel')
    nvim.cmd('Venice! attest')
    nvim.wait_for(function()
      return nvim.lua([[return require('venice.client').current():report('e2ee-sim-small').reason]])
        == 'pin_changed'
    end, 10000)
  end)

  it('that changed is refused where nobody can be asked', function()
    trust_today()
    start({ state = state })
    sim.fault('changed_compose')
    send('hello')
    assert.are.equal(0, completions())
    local status = nvim.lua([[return require('venice').status()]])
    assert.are.equal('attestation', status.error.code)
    has(status.error.message, 'pin_changed')
    has(bar(), 'CHANGED')
    assert.are.equal(
      'pin_changed',
      nvim.lua([[return require('venice').last_event().data.code
      and require('venice.chat').current().report.reason]])
    )
    assert.are.equal(1, #known())
    nvim.cmd('Venice attest')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    has(nvim.text(), 'CHANGED')
    has(nvim.text(), ':Venice trust e2ee-sim-small')
  end)

  it('that is seen to have changed ends the session with the one before', function()
    trust_today()
    start({ state = state })
    send('hello')
    assert.are.equal(1, completions())
    sim.fault('changed_compose')
    nvim.cmd('Venice! attest')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    send('again')
    assert.are.equal(1, completions())
    has(nvim.lua([[return require('venice').status().error.message]]), 'pin_changed')
  end)

  it('that changed is trusted by :Venice trust, where nobody can be asked', function()
    trust_today()
    start({ state = state })
    sim.fault('changed_mrtd')
    nvim.cmd('Venice trust e2ee-sim-small')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    assert.are.equal(2, #known())
    send('hello')
    assert.are.equal(1, completions())
    assert.are.equal('measured', nvim.lua([[return require('venice').status().level]]))
    -- The one before is still known.
    sim.reset()
    nvim.cmd('Venice wipe')
    nvim.cmd('Venice! attest')
    nvim.wait_for(function()
      return nvim.text():find('the code you accepted', 1, true)
    end, 10000)
  end)

  it("that changed is refused under 'strict', also where somebody could be asked", function()
    trust_today()
    start({ state = state, terminal = true, verify = { pin = 'strict' } })
    sim.fault('changed_mrtd')
    send('hello')
    assert.are.equal(0, completions())
    has(nvim.lua([[return require('venice').status().error.message]]), 'pin_changed')
  end)

  it("is never looked at under 'off'", function()
    start({ state = state, verify = { pin = 'off' } })
    send('hello')
    sim.fault('changed_compose')
    nvim.cmd('Venice! attest')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    send('again')
    assert.are.equal(2, completions())
    assert.are.same({}, known())
    assert.is_falsy(bar():find('seen', 1, true))
  end)

  it('is trusted without a pin where the allowlist names it', function()
    start({ state = state })
    send('hello')
    local enclave, measurements = known()[1].enclave, {}
    for _, name in ipairs({ 'mrtd', 'rtmr1', 'rtmr2', 'compose_hash' }) do
      measurements[name] = { enclave[name] }
    end
    nvim.stop()
    start({ verify = { measurements = measurements } })
    send('hello')
    assert.are.equal('measured', nvim.lua([[return require('venice').status().level]]))
    nvim.stop()
    -- A list that leaves out the kernel names no code.
    start({ verify = { measurements = { compose_hash = measurements.compose_hash } } })
    send('hello')
    assert.are.equal('dcap', nvim.lua([[return require('venice').status().level]]))
    nvim.stop()
    start({ verify = { measurements = { compose_hash = { ('0'):rep(64) } } } })
    send('hello')
    assert.are.equal(3, completions())
    has(nvim.lua([[return require('venice').status().error.message]]), 'measurement_not_allowed')
    assert.are.same({}, known())
  end)

  it('is not confused with one under another root or without signatures', function()
    trust_today()
    start({ state = state, verify = { dcap = 'off' } })
    send('hello')
    assert.are.equal('binding', nvim.lua([[return require('venice').status().level]]))
    assert.are.equal(2, #known())
    has(bar(), 'first seen')
  end)

  it('stops the request where the list cannot be read', function()
    start({ state = state })
    nvim.lua([[vim.fn.mkdir(require('venice.evidence.pins').path(), 'p')]])
    send('hello')
    assert.are.equal(0, completions())
    local err = nvim.lua([[return require('venice').status().error]])
    assert.are.equal('config', err.code)
    has(err.message, 'cannot be read')
  end)

  it('belongs to the plugin: a client of the library does not touch the list', function()
    trust_today()
    start({ state = state })
    sim.fault('changed_compose')
    nvim.lua(
      [[
      local url, root = ...
      local verify = { dcap = 'require', gpu = 'off', collateral_url = url, root_ca = root }
      local client = assert(require('venice.e2ee').new({ base_url = url, verify = verify }))
      client:create_session('e2ee-sim-small', function(err, session)
        _G.made = { err = err, state = session and session.attestation.pin.state }
      end)]],
      sim.url,
      sim.root
    )
    nvim.wait_for('_G.made', 10000)
    assert.are.equal('first', nvim.lua('return _G.made.state'))
    assert.are.equal(1, #known())
  end)

  describe('that changed, with somebody to ask,', function()
    before_each(function()
      trust_today()
      start({ state = state, terminal = true })
      sim.fault('changed_compose')
      nvim.cmd('VeniceChat hello')
      nvim.wait_for([[vim.bo.filetype == 'venice-trust']], 10000)
    end)

    it('holds the request, and shows both and their difference', function()
      nvim.sleep(300)
      assert.are.equal(0, completions())
      assert.are.equal('attesting', nvim.lua([[return require('venice').status().state]]))
      local text = nvim.text()
      has(text, 'The enclave of e2ee-sim-small has CHANGED')
      has(text, 'Nothing was sent; your request waits for your answer.')
      has(text, 'SIMULATED')
      has(text, '1. Its operator has updated or moved it')
      has(text, '2. Somebody has put another program in its place')
      has(text, 'until now')
      assert.is_truthy(text:find('! compose_hash'))
      assert.is_truthy(text:find('  mrtd +%x+…%x+ +the same'))
      assert.is_truthy(text:find('\n +%-%s+restart: always'), text)
      assert.is_truthy(text:find('\n +%+%s+restart: '), text)
      has(text, 'trusted since ' .. os.date('%Y-%m-%d'))
      has(text, known()[1].enclave.compose_hash)
      assert.are.equal(1, #known())
    end)

    it('goes on with the new one when it is trusted', function()
      nvim.type_keys('j<CR>')
      nvim.wait_for(function()
        return completions() == 1
      end, 10000)
      idle()
      assert.are.equal('measured', nvim.lua([[return require('venice').status().level]]))
      local list = known()
      assert.are.equal(2, #list)
      assert.is_not_nil(list[2].trusted_at)
      has(nvim.text(), 'the answer')
      -- One to trust, one to see that it is; one that changed, one that was trusted.
      assert.are.equal(4, count('/tee/attestation'))
    end)

    it('ends when it is refused, with the prompt where it was', function()
      assert.is_truthy(nvim.api.nvim_get_current_line():find('refuse', 1, true))
      nvim.type_keys('<CR>')
      idle()
      assert.are.equal(0, completions())
      has(nvim.lua([[return require('venice').status().error.message]]), 'pin_changed')
      assert.are.equal(1, #known())
      has(nvim.text(), 'hello')
      -- It is asked again, not remembered as an answer.
      nvim.lua_notify([[vim.cmd('Venice retry')]])
      nvim.wait_for([[vim.bo.filetype == 'venice-trust']], 10000)
    end)

    it('is refused by closing the window', function()
      nvim.type_keys('q')
      idle()
      assert.are.equal(0, completions())
      has(nvim.lua([[return require('venice').status().error.message]]), 'pin_changed')
    end)

    it('is answered by :Venice trust too', function()
      nvim.cmd('Venice trust e2ee-sim-small')
      nvim.wait_for(function()
        return completions() == 1
      end, 10000)
      assert.are.equal(2, #known())
    end)

    it('asks once for all requests that wait for it', function()
      nvim.cmd('wincmd p')
      nvim.cmd('VeniceChat! hello too')
      nvim.sleep(1000)
      assert.are.equal(0, completions())
      assert.are.equal(1, #nvim.fn.win_findbuf(nvim.fn.bufnr('venice://changed/e2ee-sim-small')))
      nvim.fn.win_gotoid(nvim.fn.bufwinid('venice://changed/e2ee-sim-small'))
      nvim.type_keys('j<CR>')
      nvim.wait_for(function()
        return completions() == 2
      end, 10000)
      assert.are.equal(2, #known())
    end)

    it('lets the request be stopped', function()
      nvim.cmd('Venice stop')
      idle()
      assert.are.equal(0, completions())
      assert.is_nil(nvim.lua([[return require('venice').status().error]]))
      assert.are_not.equal('venice-trust', nvim.eval('&filetype'))
      assert.are.equal('stopped', nvim.lua([[return require('venice').last_event().data.outcome]]))
    end)

    it('ends its request where the question cannot be shown, and no other', function()
      nvim.type_keys('q')
      idle()
      nvim.cmd('only')
      nvim.lua([[
        _G.real = vim.api.nvim_open_win
        vim.cmd('set winheight=20 winminheight=20')
        vim.api.nvim_open_win = function() error('E36: Not enough room', 0) end]])
      nvim.cmd('silent! split')
      -- Another model's answer is on its way meanwhile.
      nvim.lua(
        [[
        _G.other = {}
        require('venice.client').default():chat({
          model = ..., messages = { { role = 'user', content = 'hello' } },
        }, {
          on_event = function(event) other.text = (other.text or '') .. (event.text or '') end,
          on_done = function(err) other.ends, other.err = (other.ends or 0) + 1, err end,
        })
        _G.held = {}
        require('venice.client').default():chat({
          model = 'e2ee-sim-small', messages = { { role = 'user', content = 'hello' } },
        }, {
          on_done = function(err) held.ends, held.err = (held.ends or 0) + 1, err end,
        })]],
        sim.models[2]
      )
      nvim.wait_for('held.ends and other.ends', 15000)
      local held, other = unpack(nvim.lua('return { held, other }'))
      assert.are.equal('attestation', held.err.code)
      has(held.err.message, 'the question about it cannot be shown: E36')
      assert.are.equal(1, held.ends)
      assert.is_nil(other.err)
      has(other.text, 'the answer')
      -- With room, it is asked.
      nvim.lua('vim.api.nvim_open_win = _G.real')
      nvim.lua_notify([[vim.cmd('Venice retry')]])
      nvim.wait_for([[vim.bo.filetype == 'venice-trust']], 10000)
    end)

    it('waits while the user is in the command-line window, where stop gets past it', function()
      nvim.type_keys('q')
      idle()
      nvim.lua_notify([[vim.cmd('Venice retry')]])
      nvim.type_keys(':', '<C-f>')
      nvim.wait_for([[vim.fn.getcmdwintype() == ':']])
      nvim.wait_for(function()
        return nvim.notices():find('has CHANGED: it opens in normal mode', 1, true)
      end, 10000)
      assert.are.equal('attesting', nvim.lua([[return require('venice').status().state]]))
      nvim.lua([[require('venice.chat').current():stop()]])
      idle()
      assert.are.equal('stopped', nvim.lua([[return require('venice').last_event().data.outcome]]))
      nvim.cmd('quit')
      nvim.sleep(400)
      assert.are.equal(-1, nvim.fn.bufnr('venice://changed/e2ee-sim-small'))
      -- It opens when the user is back, where nobody stops it.
      nvim.lua_notify([[vim.cmd('Venice retry')]])
      nvim.type_keys(':', '<C-f>')
      nvim.wait_for([[vim.fn.getcmdwintype() == ':']])
      nvim.sleep(1000)
      nvim.cmd('quit')
      nvim.wait_for([[vim.fn.bufwinid('venice://changed/e2ee-sim-small') > 0]], 10000)
      assert.are.equal(0, completions())
      nvim.fn.win_gotoid(nvim.fn.bufwinid('venice://changed/e2ee-sim-small'))
      nvim.type_keys('j<CR>')
      nvim.wait_for(function()
        return completions() == 1
      end, 10000)
    end)

    it('goes where its chat is wiped', function()
      nvim.cmd('wincmd p')
      nvim.cmd('Venice wipe')
      nvim.wait_for([[vim.fn.bufnr('venice://changed/e2ee-sim-small') == -1]])
      assert.are.equal(0, completions())
      assert.are.equal(1, #known())
    end)

    it('leaves Neovim at once when it quits', function()
      local code, milliseconds = nvim.quit('qall!')
      assert.are.equal(0, code)
      assert.is_true(milliseconds < 2000)
      start({ state = state })
      assert.are.equal(1, #known())
    end)
  end)

  it(
    'that changed holds a rewrite too, and nothing of the text leaves before the answer',
    function()
      for _, row in ipairs({ { 'j<CR>', 'the answer' }, { '<CR>', 'nothing was changed' } }) do
        trust_today()
        sim.fault('changed_compose')
        start({ state = state, terminal = true })
        nvim.lua([[vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'local x' })]])
        nvim.cmd('%Venice rewrite better')
        nvim.wait_for([[vim.bo.filetype == 'venice-trust']], 10000)
        nvim.sleep(200)
        assert.are.equal(0, completions())
        nvim.type_keys(row[1])
        nvim.wait_for(function()
          return nvim.screen_text():find(row[2], 1, true)
        end, 10000, row[2])
        assert.are.equal(row[1] == '<CR>' and 0 or 1, completions())
        assert.are.same({ 'local x' }, nvim.buf_lines(nvim.fn.bufnr(1)))
        nvim.stop()
        sim.reset()
        sim.answer({ rate = 0, chunks = { 'the answer' } })
        state = child.tempdir()
      end
      start()
    end
  )

  it('that changed is seen in front of a chat that floats, and not trusted unread', function()
    trust_today()
    start({ state = state, terminal = 'emulated', lines = 30, pause = 600 })
    nvim.lua(
      [[
      local url, root = ...
      local verify = { gpu = 'off', collateral_url = url, root_ca = root }
      local chat = { window = 'float' }
      require('venice').setup({
        base_url = url, model = 'e2ee-sim-small', verify = verify, chat = chat,
      })]],
      sim.url,
      sim.root
    )
    sim.fault('changed_compose')
    nvim.cmd('VeniceChat hello')
    nvim.wait_for([[vim.bo.filetype == 'venice-trust']], 10000)
    nvim.tty_type('j\r')
    nvim.wait_for(function()
      local screen = nvim.tty_screen()
      return screen:find('The enclave of e2ee-sim-small has CHANGED', 1, true)
        and screen:find('! compose_hash', 1, true)
        and screen:find('SIMULATED', 1, true)
        and screen:find('trust this one from now on', 1, true)
    end, 5000, 'the question in front of the chat')
    nvim.sleep(1500)
    assert.are.equal(0, completions())
    assert.are.equal(1, #known())
    -- A key that comes after all that.
    nvim.wait_for(function()
      nvim.sleep(1000)
      nvim.tty_type('\r')
      nvim.sleep(200)
      return #known() == 2
    end, 20000)
    idle()
    assert.are.equal(1, completions())
  end)

  it('that changed does not take the keys of who is writing', function()
    trust_today()
    start({ state = state, terminal = true })
    sim.fault('changed_compose')
    nvim.cmd('VeniceChat')
    nvim.lua([[require('venice.chat').current():add({ 'hello' })]])
    nvim.cmd('new')
    nvim.type_keys('iwriting')
    nvim.lua([[require('venice.chat').current():send()]])
    nvim.wait_for([[vim.fn.bufnr('venice://changed/e2ee-sim-small') > 0]], 15000)
    nvim.type_keys(' on')
    assert.are.equal('writing on', nvim.api.nvim_get_current_line())
    assert.are.equal('', nvim.eval('&filetype'))
    assert.are.equal(0, completions())
  end)

  it('is asked about by :Venice trust where it changed, and refused without a trace', function()
    trust_today()
    start({ state = state, terminal = true })
    sim.fault('changed_compose')
    nvim.cmd('Venice trust e2ee-sim-small')
    nvim.wait_for([[vim.bo.filetype == 'venice-trust']], 10000)
    has(nvim.text(), 'CHANGED')
    nvim.type_keys('q')
    nvim.sleep(100)
    assert.are.equal(1, #known())
    nvim.cmd('Venice trust e2ee-sim-small')
    nvim.wait_for([[vim.bo.filetype == 'venice-trust']], 10000)
    nvim.type_keys('j<CR>')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    has(nvim.text(), 'measured')
    assert.are.equal(2, #known())
  end)

  it('cannot be trusted where it did not prove itself', function()
    start({ state = state })
    sim.fault('td_debug')
    nvim.cmd('Venice trust e2ee-sim-small')
    nvim.wait_for(function()
      return last_notice():find('cannot be trusted', 1, true)
    end, 10000)
    assert.are.same({}, known())
  end)
end)
