-- Windows about trust: where they stand, whose keys they leave alone, and what becomes of a request
-- whose question cannot open.

local child = require('tests.lua.child')

-- In the child: a report about an enclave that changed, and who waits for an answer.
local PRELUDE = [[
  _G.trust, _G.pins = require('venice.evidence.trust'), require('venice.evidence.pins')
  _G.answers, _G.questions = {}, {}
  local function enclave(extra)
    return vim.tbl_extend('force', {
      mrtd = ('a'):rep(96), rtmr1 = ('1'):rep(96), rtmr2 = ('2'):rep(96), mrconfigid_form = 'v1',
      os_image_hash = ('b'):rep(64), compose_hash = ('c'):rep(64), app_id = ('d'):rep(40),
      key_provider = '{"name":"kms"}', shape = 'enclave',
    }, extra or {})
  end
  _G.enclave = enclave
  function _G.report(extra)
    return {
      level = 'dcap', reason = 'pin_changed', accepted = false, checks = {},
      pin = { state = 'changed', enclave = enclave(extra), previous = enclave() },
    }
  end
  function _G.ask(extra, model)
    local number = #questions + 1
    local options = require('venice.config').get()
    questions[number] = assert(trust.ask(options, model or 'm', report(extra),
      function(trusted, failure)
        answers[number] = { trusted = trusted, failure = failure }
      end))
    return number
  end]]

local CHANGE = { rtmr1 = ('9'):rep(96) }

describe('a view of trust', function()
  local nvim

  local function start(opts)
    nvim = child.start(
      vim.tbl_extend('force', { terminal = 'emulated', lines = 24, columns = 80 }, opts or {})
    )
    nvim.lua(PRELUDE)
    nvim.lua([[require('venice.attention').PAUSE = 0]])
  end
  after_each(function()
    nvim.stop()
  end)

  local function ask(...)
    return nvim.lua('return ask(...)', ...)
  end

  local function answers()
    return nvim.lua('return answers')
  end

  local function has(text, words)
    assert.is_truthy(text:find(words, 1, true), 'lacks: ' .. words .. '\n' .. text)
  end

  -- Waits until a user would see a text.
  local function sees(words)
    local screen
    local ok = pcall(nvim.wait_for, function()
      screen = nvim.tty_screen()
      return screen:find(words, 1, true) ~= nil
    end, 3000)
    assert.is_true(
      ok,
      ('%q is not in sight:\n%s\n%s'):format(
        words,
        tostring(screen),
        nvim.alive() and not nvim.mode().blocking and nvim.messages() or ''
      )
    )
  end

  -- The windows that show a kind of view.
  local function windows(filetype)
    return nvim.lua(
      [[
      local list, filetype = {}, ...
      for _, win in ipairs(vim.api.nvim_list_wins()) do
        if vim.bo[vim.api.nvim_win_get_buf(win)].filetype == filetype then
          list[#list + 1] = win
        end
      end
      return list]],
      filetype
    )
  end

  -- Trusts what is asked, as somebody would who reads it all.
  local function trust()
    nvim.wait_for([[vim.bo.filetype == 'venice-trust']])
    nvim.type_keys('gg')
    for _ = 1, 6 do
      nvim.type_keys('<C-f>')
      nvim.screen_text()
    end
    nvim.lua([[vim.fn.cursor(vim.fn.search('trust this one', 'w'), 3)]])
    nvim.type_keys('<CR>')
  end

  -- Above floats ----------------------------------------------------------------------------------

  for _, size in ipairs({ { 140, 45 }, { 80, 24 }, { 60, 20 } }) do
    it(
      ('stands in front of the chat at %dx%d, whatever its window'):format(size[1], size[2]),
      function()
        for _, window in ipairs({ 'vsplit', 'split', 'float', 'tab', 'current' }) do
          start({ columns = size[1], lines = size[2] })
          nvim.lua(
            [[
          package.path = ... .. '/?.lua;' .. package.path
          require('tests.lua.fake_client').install()]],
            child.root
          )
          nvim.lua([[require('venice').setup({ model = 'm', chat = { window = ... } })]], window)
          nvim.cmd('VeniceChat')
          ask(CHANGE)
          sees('The enclave of m has CHANGED')
          sees('[ refuse: nothing is sent ]')
          assert.are.equal('venice-trust', nvim.eval('&filetype'), window)
          trust()
          nvim.wait_for('answers[1]')
          assert.is_true(answers()[1].trusted, window)
          assert.are.same({}, windows('venice-trust'))
          assert.are.equal('venice', nvim.eval('&filetype'))
          -- The list and the report of :Venice attest stand there too.
          nvim.cmd('Venice trust')
          sees('Known enclaves')
          nvim.type_keys('q')
          nvim.lua([[require('venice.evidence.report').open('m', report({}))]])
          sees('Attestation of m')
          nvim.stop()
        end
        start()
      end
    )
  end

  it('wraps the attestation for the window that it gets, and for another width', function()
    start({ columns = 60, lines = 24 })
    nvim.lua([[require('venice').setup({ model = 'm', chat = { window = 'float' } })]])
    nvim.cmd('VeniceChat')
    nvim.lua([[require('venice.evidence.report').open('m', report({
      level = 'dcap', status = 'UpToDate', tcb_date = '2026-08-13T00:00:00Z', tcb_eval = 20,
      gpu = { verified = true, count = 8 }, simulated = true }))]])
    local function widest()
      return nvim.lua([[
        local widest = 0
        for _, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, 8, false)) do
          widest = math.max(widest, vim.fn.strdisplaywidth(line))
        end
        return { widest, vim.api.nvim_win_get_width(0) }]])
    end
    local found = widest()
    assert.is_true(found[1] <= found[2], vim.inspect(found))
    nvim.cmd('vertical resize 44')
    nvim.cmd('doautocmd VimResized')
    nvim.wait_for(function()
      local now = widest()
      return now[2] < found[2] and now[1] <= now[2]
    end)
  end)

  it('comes in front again where a chat floats over it later', function()
    start()
    nvim.lua([[require('venice').setup({ model = 'm', chat = { window = 'float' } })]])
    ask(CHANGE)
    sees('has CHANGED')
    nvim.cmd('VeniceChat')
    nvim.wait_for(function()
      return not nvim.tty_screen():find('has CHANGED', 1, true)
    end)
    nvim.lua(
      [[vim.api.nvim_set_current_win(vim.fn.win_findbuf(vim.fn.bufnr('venice://changed/m'))[1])]]
    )
    nvim.type_keys('j<CR>')
    sees('has CHANGED')
    assert.are.same({}, answers())
    trust()
    nvim.wait_for('answers[1]')
    assert.is_true(answers()[1].trusted)
  end)

  it('is answered with yes only where the warning and what changed were in sight', function()
    start({ lines = 16, columns = 60 })
    ask(CHANGE)
    sees('has CHANGED')
    nvim.lua([[vim.fn.cursor(vim.fn.search('trust this one', 'w'), 3)]])
    nvim.type_keys('<CR>')
    nvim.wait_for(function()
      return nvim.notices():find('more of it is below', 1, true)
        or nvim.notices():find('was not in sight yet', 1, true)
    end)
    assert.are.same({}, answers())
    trust()
    nvim.wait_for('answers[1]')
    assert.is_true(answers()[1].trusted)
  end)

  -- The question that cannot open -----------------------------------------------------------------

  it('needs no room for a split', function()
    start({ lines = 12 })
    nvim.cmd('set winheight=4 winminheight=4')
    nvim.cmd('split')
    assert.is_false(pcall(nvim.cmd, 'split'), 'there is room for another window')
    ask(CHANGE)
    sees('has CHANGED')
    nvim.type_keys('q')
    nvim.wait_for('answers[1]')
    nvim.cmd('Venice trust')
    sees('Known enclaves')
  end)

  it('is opened on the smallest of screens', function()
    start({ lines = 5, columns = 40 })
    nvim.cmd('set winheight=1 winminheight=1')
    ask(CHANGE)
    nvim.wait_for([[vim.bo.filetype == 'venice-trust']])
    nvim.type_keys('q')
    nvim.wait_for('answers[1]')
    assert.is_false(answers()[1].trusted)
  end)

  it('waits for the end of the command-line window, and stop gets past it', function()
    start()
    for _, stops in ipairs({ false, true }) do
      nvim.type_keys(':', '<C-f>')
      nvim.wait_for([[vim.fn.getcmdwintype() == ':']])
      local number = ask(CHANGE)
      nvim.wait_for(function()
        return nvim.notices():find('it opens in normal mode', 1, true)
      end)
      nvim.sleep(300)
      assert.are.same({}, windows('venice-trust'))
      if stops then
        nvim.lua('questions[...].close()', number)
      end
      nvim.cmd('quit')
      nvim.sleep(400)
      assert.are.equal(stops and 0 or 1, #windows('venice-trust'))
      if not stops then
        nvim.cmd('wincmd b')
        nvim.type_keys('q')
        nvim.wait_for('answers[1]')
      end
      nvim.lua('_G.__notes = {}')
    end
    -- Its end must not be missed while another command-line window is open.
    local number = ask(CHANGE)
    sees('has CHANGED')
    nvim.cmd('wincmd k')
    nvim.type_keys(':', '<C-f>')
    nvim.lua('questions[...].close()', number)
    nvim.cmd('quit')
    nvim.wait_for(function()
      return #windows('venice-trust') == 0
    end)
  end)

  it('that cannot be shown ends the request with words', function()
    start()
    nvim.cmd('set cmdheight=4')
    nvim.lua([[
      _G.real = vim.api.nvim_open_win
      vim.cmd('set winheight=9 winminheight=9')
      vim.cmd('split')
      vim.api.nvim_open_win = function() error('E36: Not enough room', 0) end]])
    ask(CHANGE)
    nvim.wait_for('answers[1]')
    local answer = answers()[1]
    assert.is_false(answer.trusted)
    assert.are.equal('attestation', answer.failure.code)
    has(answer.failure.message, 'the question about it cannot be shown: E36')
    has(answer.failure.hint, ':Venice trust m')
    -- Nothing of it is left, and it can be asked again.
    assert.are.equal(-1, nvim.fn.bufnr('venice://changed/m'))
    nvim.lua('vim.api.nvim_open_win = _G.real')
    ask(CHANGE)
    sees('has CHANGED')
    -- A list that cannot be shown says so.
    nvim.type_keys('q')
    nvim.lua([[vim.api.nvim_open_win = function() error('E36: Not enough room', 0) end]])
    nvim.cmd('Venice trust')
    nvim.wait_for(function()
      return nvim.notices():find('the known enclaves cannot be shown: E36', 1, true)
    end)
  end)

  it("opens past the errors of somebody's autocommands", function()
    -- With room for every message: a prompt to press ENTER would stop the test.
    start({ lines = 70 })
    nvim.cmd('set cmdheight=50 shortmess+=s')
    nvim.lua([[
      local function fail() error('broken autocommand') end
      local events = { 'WinEnter', 'WinNew', 'BufWinEnter', 'FileType' }
      vim.api.nvim_create_autocmd(events, { callback = fail })]])
    ask(CHANGE)
    nvim.wait_for(function()
      return #windows('venice-trust') == 1
    end)
    assert.are.same({}, answers())
    nvim.lua('questions[1].close()')
    assert.are.same({}, windows('venice-trust'))
  end)

  -- One question per model ------------------------------------------------------------------------

  it('is one for all that ask about the same enclave', function()
    start()
    ask(CHANGE)
    ask(CHANGE)
    nvim.wait_for([[vim.bo.filetype == 'venice-trust']])
    assert.are.equal(1, #windows('venice-trust'))
    trust()
    nvim.wait_for('answers[1] and answers[2]')
    assert.is_true(answers()[1].trusted)
    assert.is_true(answers()[2].trusted)
  end)

  it('asks about one enclave of a model after the other, however small the difference', function()
    for name in pairs({ rtmr1 = 1, rtmr2 = 1, mrconfigid_form = 1, shape = 1, custody_root = 1 }) do
      start()
      ask({ [name] = 'one' })
      ask({ [name] = 'two' })
      nvim.wait_for([[vim.bo.filetype == 'venice-trust']])
      assert.are.equal(1, #windows('venice-trust'))
      assert.is_truthy(nvim.text():find('! ' .. name .. ' .*one'), nvim.text())
      trust()
      nvim.wait_for('answers[1]')
      assert.are.equal(1, #answers())
      nvim.wait_for(function()
        return nvim.text():find('! ' .. name .. ' .*two') ~= nil
      end)
      nvim.type_keys('q')
      nvim.wait_for('answers[2]')
      assert.is_true(answers()[1].trusted)
      assert.is_false(answers()[2].trusted)
      assert.are.equal(1, nvim.lua('return #pins.read()'))
      nvim.stop()
    end
    start()
  end)

  -- A client whose attest ends when the test says so.
  local function fake_attest()
    nvim.lua([[
      _G.attests = {}
      package.loaded['venice.client'] = {
        default = function()
          return {
            options = require('venice.config').get(),
            attest = function(_, model, opts, handlers)
              table.insert(attests, handlers)
            end,
          }
        end,
      }
      function _G.attested(number, extra)
        attests[number].on_report(report(extra))
        attests[number].on_done({ code = 'attestation', message = 'x' })
      end]])
  end

  it('joins a request and :Venice trust, whichever comes first', function()
    for _, order in ipairs({ 'attest', 'request' }) do
      start()
      fake_attest()
      nvim.lua([[trust.confirm('m', function() _G.confirmed = true end)]])
      if order == 'request' then
        ask(CHANGE)
        nvim.lua('attested(1, ...)', CHANGE)
      else
        nvim.lua('attested(1, ...)', CHANGE)
        nvim.wait_for([[vim.bo.filetype == 'venice-trust']])
        assert.is_nil(nvim.text():find('and send', 1, true))
        ask(CHANGE)
      end
      nvim.wait_for([[vim.bo.filetype == 'venice-trust']])
      assert.are.equal(1, #windows('venice-trust'))
      has(nvim.text(), 'trust this one from now on, and send')
      has(nvim.text(), 'your request waits for your answer')
      trust()
      nvim.wait_for('answers[1]')
      assert.is_true(answers()[1].trusted)
      assert.is_true(nvim.lua('return confirmed'))
      assert.are.equal(1, nvim.lua('return #pins.read()'))
      nvim.stop()
    end
    start()
  end)

  it('is opened once by :Venice trust given twice', function()
    start()
    fake_attest()
    for _ = 1, 2 do
      nvim.lua([[trust.confirm('m', function() _G.confirmed = (_G.confirmed or 0) + 1 end)]])
    end
    nvim.lua('attested(1, ...)', CHANGE)
    nvim.lua('attested(2, ...)', CHANGE)
    nvim.wait_for([[vim.bo.filetype == 'venice-trust']])
    assert.are.equal(1, #windows('venice-trust'))
    trust()
    nvim.wait_for('confirmed == 2')
    -- One that was on its way while the question was answered asks nothing.
    nvim.lua([[trust.confirm('m', function() _G.third = true end)]])
    nvim.lua('attested(3, ...)', CHANGE)
    nvim.wait_for('third')
    assert.are.same({}, windows('venice-trust'))
    has(nvim.last_notice(), 'trusted already')
  end)

  it('is answered by :Venice trust only where it was in sight', function()
    start({ lines = 16, columns = 60 })
    ask(CHANGE)
    sees('has CHANGED')
    nvim.cmd('wincmd k')
    nvim.cmd('Venice trust m')
    assert.are.equal('venice-trust', nvim.eval('&filetype'))
    assert.are.same({}, answers())
    nvim.type_keys('<C-f>')
    nvim.screen_text()
    nvim.type_keys('<C-f>')
    nvim.screen_text()
    nvim.cmd('wincmd k')
    nvim.cmd('Venice trust m')
    nvim.wait_for('answers[1]')
    assert.is_true(answers()[1].trusted)
  end)

  it('ends where the enclaves of its model are forgotten', function()
    start()
    nvim.lua([[pins.trust(pins.place(require('venice.config').get(), 'm'), report({}), 1000)]])
    ask(CHANGE)
    ask({ rtmr1 = 'other' })
    ask(CHANGE, 'another-model')
    nvim.wait_for([[vim.bo.filetype == 'venice-trust']])
    nvim.cmd('Venice! trust m')
    nvim.wait_for('answers[1] and answers[2]')
    for number = 1, 2 do
      assert.is_false(answers()[number].trusted)
      has(answers()[number].failure.message, 'were forgotten before the question was answered')
    end
    assert.are.equal(2, #answers())
    assert.are.equal(1, #windows('venice-trust'))
    assert.are.equal(0, nvim.lua('return #pins.read()'))
  end)

  it('goes with the last request that waited for it', function()
    start()
    ask(CHANGE)
    ask(CHANGE)
    ask({ rtmr1 = 'other' })
    nvim.wait_for([[vim.bo.filetype == 'venice-trust']])
    nvim.lua('questions[1].close()')
    assert.are.equal(1, #windows('venice-trust'))
    nvim.lua('questions[2].close()')
    nvim.wait_for(function()
      return nvim.text():find('rtmr1 +1+.* other')
    end)
    nvim.lua('questions[3].close()')
    assert.are.same({}, windows('venice-trust'))
    assert.are.same({}, answers())
  end)

  it('answers the others where one that waits raises', function()
    start()
    nvim.cmd('set cmdheight=5')
    ask(CHANGE)
    nvim.lua(
      [[
      for i = 1, 3 do
        trust.ask(require('venice.config').get(), 'm', report(...), function() error('broken') end)
      end]],
      CHANGE
    )
    ask(CHANGE)
    trust()
    nvim.wait_for('answers[1] and answers[2]')
    has(nvim.notices(), 'broken')
  end)

  -- Whoever types ---------------------------------------------------------------------------------

  local views = {
    { 'the question', [[ask(...)]], 'venice-trust' },
    { 'the list', [[trust.list()]], 'venice-trust' },
    {
      'the report',
      [[require('venice.evidence.report').open('m', report(...))]],
      'venice-attestation',
    },
  }

  -- How somebody is busy, keys that go on with it, and what must come of them.
  local modes = {
    { 'insert', 'iab', 'cd', '<Esc>', 'abcd' },
    { 'replace', 'Rab', 'cd', '<Esc>', 'abcdtext' },
    { 'a command line', ':call setline(1, "a', 'b")', '<CR>', 'ab' },
    { 'an operator', 'd', 'w', '', 'text' },
    { 'a count and an operator', 'c2', 'wx', '<Esc>', 'x' },
    { 'visual', 've', 'x', '', ' some text' },
    { 'visual line', 'V', 'rx', '', 'xxxxxxxxxxxxxx' },
    { 'visual block', '<C-v>l', 'x', '', 'me some text' },
    { 'select', 'gh<S-Right>', 'z', '<Esc>', 'z some text' },
  }

  for _, view in ipairs(views) do
    it(('leaves the keys of whoever types alone: %s'):format(view[1]), function()
      for _, mode in ipairs(modes) do
        start()
        nvim.cmd('set cmdheight=3 keymodel=startsel')
        local line = ({ insert = '', replace = 'some text' })[mode[1]] or 'some some text'
        nvim.lua([[vim.api.nvim_buf_set_lines(0, 0, -1, false, { ... })]], line)
        local buffer = nvim.api.nvim_get_current_buf()
        nvim.type_keys(mode[2])
        nvim.lua_notify(view[2], CHANGE)
        nvim.sleep(200)
        nvim.type_keys(mode[3], mode[4])
        local text = nvim.buf_lines(buffer)
        if mode[1] == 'replace' then
          assert.are.equal('abcd', text[1]:sub(1, 4))
        elseif mode[1] == 'an operator' then
          assert.are.equal('some text', text[1])
        elseif mode[1] == 'visual' or mode[1] == 'select' then
          assert.is_truthy(text[1]:find('some text$'), mode[1] .. ': ' .. text[1])
          assert.is_true(#text[1] < #line, mode[1] .. ': ' .. text[1])
        elseif mode[1] == 'a count and an operator' then
          assert.are.equal('x', text[1]:sub(1, 1))
        else
          assert.are.equal(mode[5], text[1], mode[1])
        end
        assert.are.equal(buffer, nvim.api.nvim_get_current_buf(), mode[1])
        nvim.wait_for(function()
          return #windows(view[3]) == 1
        end, 3000, mode[1])
        nvim.wait_for('#__notes > 0')
        assert.are.equal(buffer, nvim.api.nvim_get_current_buf(), mode[1])
        nvim.stop()
      end
      -- In a terminal too.
      start()
      nvim.cmd('terminal cat')
      nvim.type_keys('i')
      local buffer = nvim.api.nvim_get_current_buf()
      nvim.lua_notify(view[2], CHANGE)
      nvim.sleep(200)
      nvim.type_keys('typed')
      sees('typed')
      assert.are.equal('t', nvim.mode().mode)
      nvim.type_keys('<C-Bslash>', '<C-n>')
      nvim.wait_for(function()
        return #windows(view[3]) == 1
      end)
      assert.are.equal(buffer, nvim.api.nvim_get_current_buf())
    end)
  end

  it('does not take the cursor of whoever types when it is open already', function()
    for _, view in ipairs(views) do
      start()
      nvim.cmd('set cmdheight=3')
      local buffer = nvim.api.nvim_get_current_buf()
      nvim.lua(view[2], CHANGE)
      nvim.wait_for(function()
        return #windows(view[3]) == 1
      end)
      nvim.cmd('wincmd k')
      nvim.type_keys('iab')
      nvim.lua_notify(view[2], CHANGE)
      nvim.sleep(200)
      nvim.type_keys('cd')
      assert.are.equal('i', nvim.mode().mode)
      assert.are.same({ 'abcd' }, nvim.buf_lines(buffer), view[1])
      assert.are.equal(1, #windows(view[3]))
      nvim.stop()
    end
    start()
  end)

  it('is one window, however often it is asked for', function()
    start()
    for _ = 1, 3 do
      nvim.cmd('Venice trust')
      assert.are.equal('venice://trust', nvim.api.nvim_buf_get_name(0))
    end
    assert.are.equal(2, #nvim.api.nvim_list_wins())
    nvim.cmd('wincmd k')
    nvim.cmd('Venice trust')
    assert.are.equal('venice://trust', nvim.api.nvim_buf_get_name(0))
    nvim.type_keys('q')
    assert.are.equal(1, #nvim.api.nvim_list_wins())
  end)
end)
