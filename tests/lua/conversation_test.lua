-- Conversations as a user has them: several chats, prompts that wait, answers asked for again, a
-- system prompt, titles, costs, folds. Keys in, screen out; the service is a fake.

local child = require('tests.lua.child')

describe('a conversation', function()
  local nvim

  local function start(opts)
    nvim = child.start(vim.tbl_extend('force', { columns = 160, lines = 30 }, opts or {}))
    nvim.install_fake()
  end

  local function fake(call, ...)
    nvim.lua(('fake.%s(...)'):format(call), ...)
  end
  local function answer(text)
    fake('text', text)
    fake('done', nil, { finish_reason = 'stop' })
  end
  local function sent()
    return nvim.lua('return fake.last.request.messages')
  end
  local function texts()
    local list = {}
    for i, message in ipairs(sent()) do
      list[i] = message.content
    end
    return table.concat(list, '|')
  end
  local function requests()
    return nvim.lua('return #fake.requests')
  end
  local function shows(text, absent)
    nvim.shows(text, absent)
  end
  local function last_note()
    return nvim.last_notice()
  end
  -- Three answers.
  local function talk()
    for i, word in ipairs({ 'one', 'two', 'three' }) do
      nvim.cmd('VeniceChat ' .. word)
      answer('answer ' .. i)
    end
  end

  before_each(function()
    start()
  end)
  after_each(function()
    nvim.stop()
  end)

  -- The queue -------------------------------------------------------------------------------------

  it('queues a prompt that is sent while an answer comes', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'fir')
    nvim.type_keys('itwo<Esc><CR>')
    shows('queued')
    assert.are.equal(1, requests())
    nvim.type_keys('ithree<Esc><CR>')
    fake('text', 'st')
    fake('done', nil, { finish_reason = 'stop' })
    nvim.wait_for('#fake.requests == 2')
    assert.are.equal('one|first|two', texts())
    answer('second')
    assert.are.equal('one|first|two|second|three', texts())
    answer('third')
    shows('queued', true)
    assert.are.equal('\none\n\nfirst\n\ntwo\n\nsecond\n\nthree\n\nthird\n\n', nvim.text())
    -- The draft that was begun meanwhile is below.
    nvim.type_keys('Gifour<Esc><CR>')
    assert.are.equal('one|first|two|second|three|third|four', texts())
  end)

  it('sends a queued prompt as it stands when its turn comes', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'first')
    nvim.type_keys('itwo<Esc><CR>')
    nvim.type_keys('ggjjjj/two<CR>cwchanged<Esc>')
    fake('done', nil, { finish_reason = 'stop' })
    nvim.wait_for('#fake.requests == 2')
    assert.are.equal('one|first|changed', texts())
  end)

  it('leaves out a queued prompt that was deleted meanwhile', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'first')
    nvim.type_keys('itwo<Esc><CR>', 'ithree<Esc><CR>')
    nvim.type_keys('gg/two<CR>dd')
    fake('done', nil, { finish_reason = 'stop' })
    nvim.wait_for('#fake.requests == 2')
    assert.are.equal('one|first|three', texts())
  end)

  it('holds the queue when an answer fails, and sends from it on request', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'fir')
    nvim.type_keys('itwo<Esc><CR>', 'ithree<Esc><CR>')
    fake('done', { code = 'cut_off', message = 'the answer was cut off' }, {})
    nvim.wait_for(function()
      return last_note():find('2 queued prompts not sent', 1, true)
        or nvim.lua([[for _, n in ipairs(_G.__notes) do
          if n.msg:find('2 queued prompts not sent', 1, true) then return true end end]])
    end)
    assert.are.equal(1, requests())
    shows('not sent; gr on it sends it')
    nvim.type_keys('gg/two<CR>gr')
    assert.are.equal(2, requests())
    assert.are.equal('one|fir|two', texts())
    answer('second')
    -- Who asks again does so for one prompt: the other one waits for its own word.
    assert.are.equal(2, requests())
    assert.are.equal('\none\n\nfir\n\ntwo\n\nsecond\n\nthree\n\n', nvim.text())
  end)

  it('keeps the prompts apart when the answer before the queue brought nothing', function()
    nvim.cmd('VeniceChat one')
    nvim.type_keys('itwo<Esc><CR>')
    nvim.type_keys('ibegun<Esc>')
    fake('done', { code = 'server', message = 'the service failed' }, {})
    nvim.wait_for([[require('venice').status().state == 'idle']])
    shows('server: the service failed')
    assert.are.equal('\none\n\ntwo\n\nbegun', nvim.text())
    nvim.type_keys('gg/one<CR>gr')
    assert.are.equal('one', texts())
    answer('first')
    assert.are.equal('\none\n\nfirst\n\ntwo\n\nbegun', nvim.text())
  end)

  it(
    'does not show a prompt as waiting that comes back when there is nothing to wait for',
    function()
      nvim.cmd('VeniceChat one')
      fake('text', 'first')
      nvim.type_keys('itwo<Esc><CR>', 'ithree<Esc><CR>', 'uuu')
      shows('three', true)
      nvim.type_keys('<C-c>')
      nvim.wait_for([[require('venice').status().state == 'idle']])
      nvim.type_keys('<C-r><C-r><C-r>')
      shows('three')
      shows('queued', true)
      shows('not sent; gr on it sends it')
    end
  )

  it('shows no progress of an answer that an undo brings back when it is over', function()
    nvim.cmd('VeniceChat one')
    nvim.type_keys('iwhat<Esc>', 'u')
    fake('state', 'waiting')
    nvim.type_keys('u')
    fake('done', { code = 'server', message = 'the service failed' }, {})
    nvim.type_keys('<C-r><C-r>')
    shows('waiting', true)
    for _, turn in
      ipairs(nvim.lua([[return vim.tbl_map(function(turn)
        return { turn.state, turn.status }
      end, require('venice.chat').current().view:live_turns())]]))
    do
      assert.are_not.equal('streaming', turn[1])
      assert.is_nil(turn[2])
    end
  end)

  it('is there still when its only prompt was deleted and then fails', function()
    nvim.cmd('VeniceChat one')
    nvim.type_keys('gg3dd')
    fake('done', { code = 'server', message = 'the service failed' }, {})
    nvim.wait_for([[require('venice').status().state == 'idle']])
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.equal('two', texts())
    shows('── You ──')
    answer('second')
    -- Nor does a draft become a part of the answer above.
    nvim.cmd('VeniceChat three')
    nvim.type_keys('gg/three<CR>k2dd', 'Gidraft<Esc>')
    fake('done', { code = 'server', message = 'it failed again' }, {})
    nvim.wait_for([[require('venice').status().state == 'idle']])
    nvim.type_keys('G<CR>')
    assert.are.equal('two|second|draft', texts())
  end)

  it('stops an answer, not what the user has typed', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'fir')
    nvim.type_keys('itwo<Esc><CR>', '<C-c>')
    nvim.wait_for([[require('venice').status().state == 'idle']])
    assert.are.equal('\none\n\nfir\n\ntwo\n\n', nvim.text())
    assert.are.equal(1, requests())
  end)

  -- Again -----------------------------------------------------------------------------------------

  it('asks again for the answer under the cursor, with what stands above it', function()
    talk()
    nvim.type_keys('gg/answer 2<CR>gr')
    assert.are.equal('one|answer 1|two', texts())
    answer('better')
    assert.are.equal('\none\n\nanswer 1\n\ntwo\n\nbetter\n\nthree\n\nanswer 3\n\n', nvim.text())
    nvim.type_keys('u')
    assert.is_truthy(nvim.text():find('answer 2', 1, true))
    -- On a prompt: the answer that belongs to it.
    nvim.type_keys('gg/^one<CR>gr')
    assert.are.equal('one', texts())
  end)

  it('keeps the former answer, and whose it is, where asking again brings nothing', function()
    talk()
    nvim.cmd('Venice model e2ee-other')
    nvim.type_keys('gg/answer 2<CR>gr')
    fake('done', { code = 'server', message = 'the service failed' }, {})
    shows('server: the service failed')
    assert.is_nil(nvim.screen_text():find('── e2ee-other ─', 1, true))
    nvim.type_keys('gr')
    fake('done', nil, { finish_reason = 'stop', usage = { total_tokens = 7 } })
    assert.is_truthy(last_note():find('the new answer is empty; the one before stays', 1, true))
    assert.is_truthy(nvim.text():find('answer 2', 1, true))
    shows('the answer is empty', true)
    assert.is_nil(nvim.screen_text():find('── e2ee-other ─', 1, true))
    -- It has been paid for.
    shows('7 tokens')
    nvim.type_keys('gr')
    answer('new')
    shows('── e2ee-other ─')
    assert.is_truthy(nvim.text():find('two\n\nnew\n\nthree', 1, true), nvim.text())
  end)

  it('keeps the next prompt where the text of an answer was deleted', function()
    talk()
    nvim.type_keys('gg/answer 2<CR>dd', 'kgr')
    answer('new')
    assert.are.equal('\none\n\nanswer 1\n\ntwo\n\nnew\n\nthree\n\nanswer 3\n\n', nvim.text())
    nvim.type_keys('Gifour<Esc><CR>')
    assert.are.equal('one|answer 1|two|new|three|answer 3|four', texts())
  end)

  it('sends what was written between the header of an answer and its reasoning', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'thinking', 'reasoning')
    answer('first')
    nvim.type_keys('zRgg2jomine<Esc>')
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.equal('one|mine\nfirst|two', texts())
  end)

  it('shows that what is left of an answer is its reasoning, which is not sent', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'thinking', 'reasoning')
    answer('first')
    nvim.type_keys('zR3Gdd', 'gg/first<CR>k2dd')
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.equal('one|two', texts())
    shows('── e2ee-fake, reasoning ─')
  end)

  it('leaves a line to write on, whatever was cut', function()
    talk()
    nvim.type_keys('gg/^two<CR>dd', 'gg/answer 1<CR>jgR')
    assert.is_truthy(last_note():find('there is no prompt', 1, true))
    assert.are.equal('\none\n\nanswer 1\n\n', nvim.text())
    nvim.type_keys('Gitwo again<Esc><CR>')
    assert.are.equal('one|answer 1|two again', texts())
  end)

  it('asks again for the last answer from the draft', function()
    talk()
    nvim.type_keys('Ggr')
    assert.are.equal('one|answer 1|two|answer 2|three', texts())
  end)

  it('goes on from an edited prompt, and undo brings back what was below', function()
    talk()
    nvim.type_keys('gg/^two<CR>cwzwei<Esc>', 'gR')
    assert.are.equal('one|answer 1|zwei', texts())
    answer('new')
    assert.are.equal('\none\n\nanswer 1\n\nzwei\n\nnew\n\n', nvim.text())
    nvim.type_keys('Gifour<Esc><CR>')
    assert.are.equal('one|answer 1|zwei|new|four', texts())
    fake('done', { code = 'cancelled', message = 'stopped' }, {})
    nvim.type_keys('uuuuu')
    for _ = 1, 8 do
      if nvim.text():find('answer 3', 1, true) then
        break
      end
      nvim.type_keys('u')
    end
    assert.is_truthy(nvim.text():find('answer 2\n\nthree\n\nanswer 3', 1, true), nvim.text())
    nvim.type_keys('Gilast<Esc><CR>')
    assert.is_truthy(texts():find('answer 2|three|answer 3|last', 1, true), texts())
  end)

  it('goes on from the prompt above when the cursor is in an answer', function()
    talk()
    nvim.type_keys('gg/answer 1<CR>gR')
    assert.are.equal('one', texts())
    assert.are.equal('\none\n\n\n\n', nvim.text())
  end)

  -- The system prompt -----------------------------------------------------------------------------

  it('has a system prompt of its own, which is seen, edited and sent', function()
    nvim.lua(
      [[require('venice').setup({ model = 'e2ee-fake', chat = { system_prompt = 'of all' } })]]
    )
    nvim.cmd('VeniceChat one')
    assert.are.equal('of all|one', texts())
    answer('first')
    nvim.cmd('Venice system')
    shows('── System ──')
    shows('of all')
    nvim.type_keys('A this chat<Esc>')
    nvim.type_keys('Gitwo<Esc><CR>')
    assert.are.equal('of all this chat|one|first|two', texts())
    assert.are.equal('system', sent()[1].role)
    answer('second')
    nvim.cmd('Venice system terse')
    nvim.type_keys('Githree<Esc><CR>')
    assert.are.equal('terse|one|first|two|second|three', texts())
    answer('third')
    -- An empty one means none; without the turn the option counts.
    nvim.type_keys('ggjdd', 'Gifour<Esc><CR>')
    assert.are.equal('one', sent()[1].content)
    nvim.cmd('VeniceChat! other')
    assert.are.equal('of all|other', texts())
  end)

  it('asks the function for the system prompt once for each prompt', function()
    nvim.lua([[_G.calls = 0
      require('venice').setup({ model = 'e2ee-fake', chat = { system_prompt = function()
        calls = calls + 1
        return 'call ' .. calls
      end } })]])
    nvim.cmd('VeniceChat one')
    assert.are.equal('call 1|one', texts())
    assert.are.equal(1, nvim.lua('return calls'))
  end)

  it('keeps the system prompt out of the history of the command line', function()
    nvim.cmd('VeniceChat')
    nvim.type_keys(':Venice system SYSTEMMARK<CR>')
    assert.are.equal('', nvim.fn.histget(':', -1))
    assert.is_truthy(nvim.text():find('SYSTEMMARK', 1, true))
  end)

  it('makes what is typed above the system prompt a part of it', function()
    nvim.cmd('VeniceChat')
    nvim.cmd('Venice system base')
    nvim.type_keys('ggOabove<Esc>', 'Gione<Esc><CR>')
    assert.are.equal('above\n\nbase', sent()[1].content:gsub('\n+', '\n\n'))
    assert.are.equal('system', sent()[1].role)
  end)

  -- Several chats ---------------------------------------------------------------------------------

  it('lists the chats by titles made here, and goes to one', function()
    nvim.cmd('VeniceChat What does this loop do?')
    answer('It loops.')
    nvim.cmd('VeniceChat! ' .. ('long '):rep(30))
    nvim.cmd('Venice new')
    nvim.lua([[vim.ui.select = function(items, opts, done)
      _G.lines = vim.tbl_map(opts.format_item, items)
      _G.choose = function(i) done(items[i]) end
    end]])
    nvim.cmd('Venice chats')
    local lines = nvim.lua('return lines')
    assert.are.equal('* empty chat  (e2ee-fake, 0 answers)', lines[1])
    assert.is_truthy(
      lines[2]:find('^  long long .*…  %(e2ee%-fake, 1 answer, attesting%)$'),
      lines[2]
    )
    assert.are.equal('  What does this loop do?  (e2ee-fake, 1 answer)', lines[3])
    nvim.lua('choose(3)')
    shows('It loops.')
    nvim.lua('choose(nil)')
    shows('It loops.')
  end)

  it('keeps each chat with its own model', function()
    nvim.cmd('VeniceChat one')
    answer('first')
    nvim.cmd('Venice new')
    nvim.cmd('Venice model e2ee-other')
    nvim.type_keys('itwo<Esc><CR>')
    assert.are.equal('e2ee-other', nvim.lua('return fake.last.request.model'))
    fake('done', nil, {})
    nvim.cmd('buffer venice://chat/1')
    nvim.type_keys('Gimore<Esc><CR>')
    assert.are.equal('e2ee-fake', nvim.lua('return fake.last.request.model'))
    -- What is remembered for the next session is the id, and nothing else.
    nvim.cmd('VeniceChat! three')
    assert.are.equal('e2ee-fake', nvim.lua('return fake.last.request.model'))
  end)

  it('says so where there is no chat', function()
    for _, command in ipairs({ 'chats', 'system x', 'tools on' }) do
      nvim.cmd('Venice ' .. command)
      assert.is_truthy(last_note():find('there is no chat', 1, true), command)
    end
  end)

  it('loses nothing by being hidden while an answer comes', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'fir')
    nvim.type_keys('q')
    fake('text', 'st')
    fake('done', nil, {})
    nvim.cmd('VeniceChat')
    nvim.wait_for(function()
      return nvim.text() == '\none\n\nfirst\n\n'
    end)
    shows('first')
  end)

  -- Costs -----------------------------------------------------------------------------------------

  it('shows what an answer and the chat cost, by the prices of the list', function()
    local usage = { prompt_tokens = 1000, completion_tokens = 200, total_tokens = 1200 }
    nvim.cmd('VeniceChat one')
    fake('text', 'first')
    fake('done', nil, { usage = usage })
    -- 1000 × $1 + 200 × $10, per million.
    shows('200 tokens · $0.0030')
    nvim.cmd('VeniceChat two')
    fake('text', 'second')
    fake('done', nil, { usage = usage })
    shows('2,400 tokens, $0.0060')
    assert.is_truthy(
      nvim.lua([[return require('venice').statusline()]]):find('2,400 tokens, $0.0060', 1, true)
    )
    -- An answer that was replaced has been paid for too.
    nvim.type_keys('gr')
    fake('text', 'again')
    fake('done', nil, { usage = usage })
    shows('3,600 tokens, $0.0090')
  end)

  it('counts what the service had in its cache at the price of that', function()
    nvim.lua([[
      fake.models_list[1].price_cache_in = 0.1
      fake.usage = { prompt_tokens = 1004, completion_tokens = 200, total_tokens = 1204,
        prompt_tokens_details = { cached_tokens = 800 } }]])
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.text('first') fake.done(nil, { usage = fake.usage })]])
    -- 204 × $1 + 800 × $0.1 + 200 × $10, per million.
    shows('800 cached · 200 tokens · $0.0023')
    shows('1,204 tokens, $0.0023')
    nvim.cmd('wincmd |')
    shows('1,204 tokens, 800 cached, $0.0023')
  end)

  it('takes the price of all tokens for cached ones that have none', function()
    nvim.lua([[
      fake.usage = { prompt_tokens = 1000, completion_tokens = 200, total_tokens = 1200,
        prompt_tokens_details = { cached_tokens = 5000 } }]])
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.text('first') fake.done(nil, { usage = fake.usage })]])
    shows('200 tokens · $0.0030')
    -- No more of a prompt was cached than there is.
    shows('1,000 cached · 200 tokens')
  end)

  it('takes the word of the service for what an answer cost', function()
    nvim.lua([[
      fake.models_list = { { id = 'e2ee-fake' } }
      fake.usage = { prompt_tokens = 1000, completion_tokens = 200, total_tokens = 1200 }
      fake.usage.cost = 0.5]])
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.text('first') fake.done(nil, { usage = fake.usage })]])
    shows('200 tokens · $0.50')
    shows('1,200 tokens, $0.50')
    -- Which is none where it is no price.
    nvim.cmd('VeniceChat two')
    nvim.lua([[fake.usage.cost = -1 fake.text('second') fake.done(nil, { usage = fake.usage })]])
    shows('2,400 tokens')
    assert.is_nil(nvim.screen_text():find('2,400 tokens, $', 1, true))
  end)

  it('shows tokens alone where the service says no price', function()
    nvim.lua([[fake.models_list = { { id = 'e2ee-fake' } }]])
    nvim.cmd('VeniceChat one')
    fake('text', 'first')
    fake('done', nil, { usage = { prompt_tokens = 1, completion_tokens = 2, total_tokens = 3 } })
    shows('── 2 tokens')
    shows('3 tokens')
    assert.is_nil(nvim.screen_text():find('$', 1, true))
  end)

  it('is not misled by numbers that are none', function()
    nvim.lua([[
      fake.models_list = { { id = 'e2ee-fake', price_in = -5, price_out = 1 / 0 } }
      fake.bad = { prompt_tokens = 'x', completion_tokens = -1, total_tokens = 0 / 0 }]])
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.text('first') fake.done(nil, { usage = fake.bad })]])
    shows('first')
    assert.is_nil(nvim.screen_text():find('token', 1, true))
  end)

  it('says in the status line what it does and for how long', function()
    nvim.cmd('VeniceChat one')
    assert.is_truthy(
      nvim.lua([[return require('venice').statusline()]]):find('^attesting %d%.%d s · e2ee%-fake')
    )
    fake('state', 'waiting')
    assert.is_truthy(
      nvim.lua([[return require('venice').statusline()]]):find('^waiting %d%.%d s · ')
    )
  end)

  -- Folds -----------------------------------------------------------------------------------------

  it('folds each turn, with its reasoning closed inside', function()
    nvim.cmd('VeniceChat one')
    fake('text', 'thinking\nhard', 'reasoning')
    answer('a\nb\nc')
    nvim.type_keys('gg/^b<CR>')
    shows('▸ Reasoning, 2 lines')
    nvim.type_keys('zc')
    shows('lines  a')
    assert.is_nil(nvim.screen_text():find('Reasoning', 1, true))
    nvim.type_keys('zo')
    shows('▸ Reasoning, 2 lines')
    -- Headers stay in sight when all is closed.
    nvim.type_keys('zM')
    shows('── You ──')
    shows('── e2ee-fake ──')
    -- The folds are there in another window too, and after hiding.
    nvim.type_keys('zR', 'q')
    nvim.cmd('VeniceChat')
    shows('a')
    nvim.type_keys('gg/^b<CR>zc')
    shows('lines  a')
  end)

  it('folds what is there, after its text has changed while it was hidden', function()
    talk()
    nvim.type_keys('ilong<Esc><CR>')
    answer(('line\n'):rep(30) .. 'end')
    nvim.type_keys('zM')
    nvim.cmd('enew')
    -- Neovim keeps the folds of a hidden buffer, and does not move them with its lines.
    nvim.lua([[local buf = vim.fn.bufnr('venice://chat/1')
      vim.api.nvim_buf_set_lines(buf, 13, 40, false, {})]])
    nvim.cmd('buffer venice://chat/1')
    nvim.type_keys('zM', 'gg', 'zj', 'zj', 'zj', 'zj', 'zR', 'zM')
    nvim.cmd('redraw!')
    assert.is_nil(nvim.messages():find('E%d+'), nvim.messages())
    local last = nvim.fn.line('$')
    for row = 1, last do
      assert.is_true(nvim.fn.foldclosedend(row) <= last)
    end
    -- Where nothing has changed, what the user has opened stays open.
    nvim.type_keys('zR', 'gg/answer 1<CR>', 'q')
    nvim.cmd('VeniceChat')
    assert.are.equal(-1, nvim.fn.foldclosed(nvim.fn.search('answer 2', 'w')))
  end)

  it('folds nothing where the user has another way of folding', function()
    nvim.cmd('VeniceChat')
    nvim.cmd('setlocal foldmethod=indent')
    nvim.type_keys('ione<Esc><CR>')
    answer('a\nb\nc')
    assert.are.equal('', nvim.messages())
  end)
end)
