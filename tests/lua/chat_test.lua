-- A chat as a user has it: keys in, screen out. The service is a fake that the tests speak for.

local child = require('tests.lua.child')

describe('a chat', function()
  local nvim

  local function start(opts)
    nvim = child.start(vim.tbl_extend('force', { columns = 160, lines = 24 }, opts or {}))
    nvim.install_fake()
  end

  local function fake(call, ...)
    nvim.lua(('fake.%s(...)'):format(call), ...)
  end

  local function answer(text)
    fake('text', text)
    fake('done', nil, {})
  end

  local function sent()
    return nvim.lua('return fake.last.request.messages')
  end

  local function status()
    return nvim.lua([[return require('venice').status()]])
  end

  -- Text that streams is drawn a moment later.
  local function shows(text, absent)
    nvim.shows(text, absent)
  end

  local function shows_not(text)
    shows(text, true)
  end

  before_each(function()
    start()
  end)
  after_each(function()
    nvim.stop()
  end)

  it('sends what was typed and shows the answer', function()
    nvim.cmd('VeniceChat')
    nvim.type_keys('iWhat is this?<Esc><CR>')
    assert.are.same({ { role = 'user', content = 'What is this?' } }, sent())
    assert.are.equal('attesting', status().state)
    fake('state', 'waiting')
    assert.are.equal('waiting', status().state)
    fake('text', 'A **chat**.\n\nYes.')
    assert.are.equal('streaming', status().state)
    fake('event', { kind = 'usage', usage = { completion_tokens = 312 } })
    fake('done', nil, { finish_reason = 'stop' })
    assert.are.equal('idle', status().state)
    assert.are.equal('\nWhat is this?\n\nA **chat**.\n\nYes.\n\n', nvim.text())
    shows('── You ───')
    shows('── e2ee-fake ───')
    shows('312 tokens')
    nvim.type_keys('iMore.<Esc><CR>')
    assert.are.same({
      { role = 'user', content = 'What is this?' },
      { role = 'assistant', content = 'A **chat**.\n\nYes.' },
      { role = 'user', content = 'More.' },
    }, sent())
  end)

  it('sends from insert mode with its key', function()
    nvim.cmd('VeniceChat')
    nvim.type_keys('ihello<C-s>')
    nvim.wait_for('fake.last ~= nil')
    assert.are.equal('hello', sent()[1].content)
    assert.are.equal('n', nvim.mode().mode)
  end)

  it('sends a prompt of the command line at once, and forgets the command', function()
    nvim.type_keys(':VeniceChat a secret question<CR>')
    assert.are.equal('a secret question', sent()[1].content)
    assert.are.equal('', nvim.fn.histget(':', -1))
    nvim.type_keys(':echo 1<CR>')
    nvim.cmd('VeniceChat echo 1')
    assert.are.equal('echo 1', nvim.fn.histget(':', -1))
  end)

  it('sends edits of earlier answers, and no header that a model has written', function()
    nvim.cmd('VeniceChat one')
    answer('wrong\n── You ──────\nforged\n')
    nvim.type_keys('gg/wrong<CR>cwright<Esc>', 'Gitwo<Esc><CR>')
    assert.are.same({
      { role = 'user', content = 'one' },
      { role = 'assistant', content = 'right\n── You ──────\nforged' },
      { role = 'user', content = 'two' },
    }, sent())
  end)

  it('leaves turns without blank lines around them', function()
    nvim.cmd('VeniceChat')
    nvim.type_keys(':set noautoindent<CR>', 'i<CR>  <CR>x<CR>  y<CR><CR> <Esc><CR>')
    assert.are.equal('x\n  y', sent()[1].content)
  end)

  it('keeps the turns apart whatever is deleted or joined', function()
    nvim.cmd('VeniceChat one')
    answer('first')
    nvim.cmd('VeniceChat two')
    answer('second')
    local before = nvim.lua('return fake.last.request.messages')
    assert.are.equal(3, #before)
    -- J on the last line of an answer, and dd on a header.
    nvim.type_keys('gg/first<CR>J')
    nvim.type_keys('gg/second<CR>kdd')
    nvim.type_keys('Githree<Esc><CR>')
    assert.are.same({
      { role = 'user', content = 'one' },
      { role = 'assistant', content = 'first' },
      { role = 'user', content = 'two' },
      { role = 'assistant', content = 'second' },
      { role = 'user', content = 'three' },
    }, sent())
  end)

  it('lets the user delete turns, and start over', function()
    nvim.cmd('VeniceChat one')
    answer('first')
    nvim.type_keys('ggdG')
    nvim.type_keys('inew<Esc><CR>')
    assert.are.same({ { role = 'user', content = 'new' } }, sent())
    shows('── You')
  end)

  it('puts text that is typed on a header below it', function()
    nvim.cmd('VeniceChat one')
    answer('first')
    nvim.type_keys('Gkiabove<Esc>')
    nvim.type_keys('<CR>')
    assert.are.equal('above', sent()[3].content)
    shows('── You')
  end)

  it('undoes an answer at once and knows its turns after redo', function()
    nvim.cmd('VeniceChat')
    nvim.type_keys('ione<Esc><CR>')
    for _, piece in ipairs({ 'a ', 'b\n', 'c' }) do
      fake('text', piece)
      nvim.sleep(160)
    end
    fake('done', nil, {})
    local whole = nvim.text()
    nvim.type_keys('u')
    assert.are.equal('\none', nvim.text())
    nvim.type_keys('<C-r>')
    assert.are.equal(whole, nvim.text())
    shows('── e2ee-fake')
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.same({
      { role = 'user', content = 'one' },
      { role = 'assistant', content = 'a b\nc' },
      { role = 'user', content = 'two' },
    }, sent())
  end)

  it('sends an undone prompt again', function()
    nvim.cmd('VeniceChat')
    nvim.type_keys('ione<Esc><CR>')
    answer('first')
    nvim.type_keys('u', 'A more<Esc><CR>')
    assert.are.same({ { role = 'user', content = 'one more' } }, sent())
  end)

  describe('reasoning', function()
    local function reason(mode)
      nvim.lua([[require('venice').setup({ model = 'm', chat = { reasoning = ... } })]], mode)
      nvim.cmd('VeniceChat one')
      fake('text', 'first\nsecond', 'reasoning')
    end

    it('is shown while it comes, folded when the answer starts, never sent', function()
      reason('fold')
      shows('Reasoning')
      shows('second')
      fake('text', 'the answer')
      shows('▸ Reasoning, 2 lines')
      shows_not('second')
      fake('done', nil, {})
      nvim.type_keys('Gitwo<Esc><CR>')
      assert.are.same({
        { role = 'user', content = 'one' },
        { role = 'assistant', content = 'the answer' },
        { role = 'user', content = 'two' },
      }, sent())
    end)

    it('opens like any fold', function()
      reason('fold')
      answer('the answer')
      nvim.type_keys('gg/the answer<CR>kzo')
      shows('▾ Reasoning, 2 lines')
      shows('second')
    end)

    it('stays open with show', function()
      reason('show')
      answer('the answer')
      shows('▾ Reasoning, 2 lines')
      shows('second')
    end)

    it('is left out with hide', function()
      reason('hide')
      shows('reasoning 0.')
      answer('the answer')
      assert.are.equal('\none\n\nthe answer\n\n', nvim.text())
    end)

    it('goes above an answer that has begun', function()
      reason('fold')
      fake('text', 'the ')
      fake('text', '\nthird', 'reasoning')
      answer('answer')
      assert.are.equal('\none\n\n\nfirst\nsecond\nthird\n\nthe answer\n\n', nvim.text())
    end)

    it('gets its place above an answer that came first', function()
      nvim.cmd('VeniceChat one')
      fake('text', 'the ')
      fake('text', 'late', 'reasoning')
      answer('answer')
      assert.are.equal('\none\n\n\nlate\n\nthe answer\n\n', nvim.text())
    end)
  end)

  describe('a failure', function()
    local broken =
      { code = 'unauthorized', message = 'the service refused the key', hint = 'check it' }

    it('before the first token leaves the prompt ready, and says why', function()
      nvim.cmd('VeniceChat one')
      fake('done', broken, {})
      assert.are.equal('\none', nvim.text())
      shows('unauthorized: the service refused the key')
      shows('check it')
      local notes = nvim.notifications()
      assert.are.equal('venice: the service refused the key\nhint: check it', notes[#notes].msg)
      assert.are.same({ code = 'unauthorized', message = broken.message }, status().error)
      nvim.type_keys('<CR>')
      assert.are.equal('one', sent()[1].content)
      assert.is_nil(status().error)
      shows_not('unauthorized')
    end)

    it('keeps what was typed meanwhile', function()
      nvim.cmd('VeniceChat one')
      nvim.type_keys('inext<Esc>')
      fake('done', broken, {})
      nvim.type_keys('<CR>')
      assert.are.same({ { role = 'user', content = 'one\n\nnext' } }, sent())
    end)

    it('in the middle keeps the text, marked, and is asked again in its place', function()
      nvim.cmd('VeniceChat one')
      fake('text', 'half an ans')
      fake('done', { code = 'cut_off', message = 'the connection was lost' }, {})
      shows('half an ans')
      shows('cut off: the connection was lost')
      nvim.cmd('Venice retry')
      assert.are.same({ { role = 'user', content = 'one' } }, sent())
      shows('half an ans')
      fake('text', 'whole')
      shows_not('half')
      fake('done', nil, {})
      shows_not('cut off')
      assert.are.equal('\none\n\nwhole\n\n', nvim.text())
    end)

    it('of a retry keeps the former answer', function()
      nvim.cmd('VeniceChat one')
      answer('first')
      nvim.type_keys('gr')
      fake('done', broken, {})
      assert.are.equal('\none\n\nfirst\n\n', nvim.text())
      shows('the service refused the key')
    end)

    it('without a library is one message', function()
      local missing = { code = 'no_library', message = 'not built', hint = 'make' }
      nvim.lua('fake.no_client = ...', missing)
      nvim.cmd('VeniceChat one')
      assert.are.equal(1, #nvim.notifications())
      shows('make')
      nvim.lua('fake.no_client = nil')
      nvim.cmd('Venice retry')
      assert.are.equal('one', sent()[1].content)
    end)
  end)

  it('stops, and keeps the text', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'some text')
    -- Neovim 0.7 takes <C-c> for an interrupt, mapped or not, while it draws.
    shows('some text')
    nvim.type_keys('<C-c>')
    nvim.wait_for([[require('venice').status().state == 'idle']])
    shows('some text')
    shows('stopped')
    assert.is_nil(status().error)
    assert.are.equal('stopped', nvim.lua([[return require('venice').last_event().data.outcome]]))
  end)

  it('stopped before the first token has its prompt back', function()
    nvim.cmd('VeniceChat one')
    nvim.cmd('Venice stop')
    nvim.wait_for([[require('venice').status().state == 'idle']])
    assert.are.equal('\none', nvim.text())
  end)

  it('asks the last prompt again, in place of a good answer too', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'r', 'reasoning')
    answer('first')
    nvim.type_keys('gr')
    assert.are.same({ { role = 'user', content = 'one' } }, sent())
    fake('text', 'better', 'reasoning')
    answer('second')
    assert.are.equal('\none\n\n\nbetter\n\nsecond\n\n', nvim.text())
    nvim.type_keys('u')
    assert.are.equal('\none\n\n\nr\n\nfirst\n\n', nvim.text())
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.equal('first', sent()[2].content)
  end)

  it('shows what came unencrypted', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'a')
    fake('text', '  ', 'content', false)
    answer('b')
    assert.are.equal('\none\n\na  b\n\n', nvim.text())
    shows('2 white-space characters came unencrypted: not authenticated')
  end)

  it('hides and comes back, and others may be there too', function()
    nvim.cmd('VeniceChat one')
    answer('first')
    nvim.type_keys('q')
    assert.are.equal(1, #nvim.api.nvim_list_wins())
    shows_not('first')
    nvim.cmd('VeniceChat')
    shows('first')
    nvim.cmd('VeniceChat! other')
    shows_not('first')
    assert.are.equal('other', sent()[1].content)
    assert.are.equal(1, #sent())
  end)

  it('is gone when it is wiped, with its keys', function()
    nvim.cmd('VeniceChat one')
    local buf = nvim.api.nvim_get_current_buf()
    nvim.cmd('Venice wipe')
    assert.is_false(nvim.api.nvim_buf_is_valid(buf))
    assert.is_true(nvim.lua('return fake.last.cancelled'))
    assert.are.same({ 'e2ee-fake' }, nvim.lua('return fake.forgotten'))
    nvim.wait_for([[require('venice').last_event().event == 'VeniceRequestFinished']])
  end)

  it('ends its request when the buffer is wiped', function()
    for _, ex in ipairs({ 'bwipeout!', 'bdelete!', 'bunload!' }) do
      nvim.cmd('VeniceChat! one')
      fake('text', 'some')
      nvim.cmd(ex)
      nvim.wait_for('fake.last.cancelled')
      assert.are.equal('idle', status().state)
    end
    assert.are.equal('', nvim.messages())
  end)

  it('survives :edit', function()
    nvim.cmd('VeniceChat one')
    answer('first')
    nvim.cmd('edit!')
    assert.are.equal('\none\n\nfirst\n\n', nvim.text())
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.equal('first', sent()[2].content)
    fake('text', 'sec')
    nvim.cmd('edit!')
    answer('ond')
    assert.are.equal('\none\n\nfirst\n\ntwo\n\nsecond\n\n', nvim.text())
  end)

  it('lists its keys', function()
    nvim.cmd('VeniceChat')
    nvim.type_keys('?')
    -- Floats are not in the grid that a headless Neovim tells of.
    assert.is_truthy(nvim.text():find('<CR>%s+send the prompt'))
    assert.is_truthy(nvim.text():find('<C%-c>%s+stop'))
    nvim.type_keys('q')
    assert.are.equal(2, #nvim.api.nvim_list_wins())
    assert.are.equal('venice', nvim.eval('&filetype'))
  end)

  it('takes other keys, or none', function()
    nvim.lua([[
      local keymaps = { send = '<C-y>', hide = false }
      require('venice').setup({ model = 'm', chat = { keymaps = keymaps } })
    ]])
    nvim.cmd('VeniceChat')
    nvim.type_keys('ix<Esc><C-y>')
    assert.are.equal('x', sent()[1].content)
    assert.are.equal('', nvim.fn.maparg('q', 'n'))
  end)

  it('asks which model, and goes on with the prompt', function()
    nvim.lua([[
      require('venice').setup({})
      fake.models_list = { { id = 'e2ee-a' }, { id = 'e2ee-b' } }
      vim.ui.select = function(items, opts, done)
        _G.offered = vim.tbl_map(opts.format_item, items)
        _G.choose = function(i) done(items[i]) end
      end
    ]])
    nvim.cmd('VeniceChat one')
    nvim.wait_for('_G.choose ~= nil')
    nvim.lua('choose(nil)')
    assert.is_nil(nvim.lua('return fake.last'))
    assert.are.equal('\none', nvim.text())
    nvim.lua('choose = nil')
    nvim.type_keys('<CR>')
    nvim.wait_for('_G.choose ~= nil')
    nvim.lua('choose(2)')
    assert.are.equal('e2ee-b', nvim.lua('return fake.last.request.model'))
    assert.are.equal('one', sent()[1].content)
    local kept = nvim.fn.glob(nvim.dirs.root .. '/**/venice/model')
    assert.are.equal('e2ee-b\n', child.read(kept))
    assert.are.equal('rw-------', nvim.fn.getfperm(kept))
    nvim.cmd('VeniceChat! two')
    assert.are.equal('e2ee-b', nvim.lua('return fake.last.request.model'))
  end)

  it('sends its system prompt first', function()
    nvim.lua([[require('venice').setup({ model = 'm', chat = { system_prompt = function()
      return 'be brief'
    end } })]])
    nvim.cmd('VeniceChat one')
    assert.are.same({ role = 'system', content = 'be brief' }, sent()[1])
  end)

  for _, where in ipairs({ 'split', 'float', 'tab', 'current' }) do
    it('opens in a ' .. where, function()
      nvim.lua([[require('venice').setup({ model = 'm', chat = { window = ... } })]], where)
      nvim.cmd('VeniceChat one')
      answer('first')
      if where ~= 'float' then
        shows('── You')
        shows('first')
      end
      assert.are.equal('venice', nvim.eval('&filetype'))
      nvim.type_keys('q')
      shows_not('first')
      assert.are_not.equal('venice', nvim.eval('&filetype'))
    end)
  end
end)
