-- :Venice rewrite: what is sent, what is taken from the answer; only a whole answer counts.

local child = require('tests.lua.child')

describe('rewrite', function()
  local nvim

  local function start(opts)
    nvim = child.start(vim.tbl_extend('force', { columns = 100, lines = 40 }, opts or {}))
    nvim.install_fake()
    nvim.lua([[require('venice.attention').PAUSE = 0]])
    nvim.lua([[
      vim.cmd('set hidden')
      _G.code = vim.api.nvim_get_current_buf()
      _G.view_of = function()
        for _, buf in ipairs(vim.api.nvim_list_bufs()) do
          if vim.api.nvim_buf_is_valid(buf) and vim.bo[buf].filetype == 'venice-diff' then
            return buf
          end
        end
      end
    ]])
  end

  before_each(function()
    start()
  end)
  after_each(function()
    nvim.stop()
  end)

  local function set(lines)
    nvim.lua('vim.api.nvim_buf_set_lines(code, 0, -1, false, ...)', lines)
  end
  local function code()
    return nvim.lua('return vim.api.nvim_buf_get_lines(code, 0, -1, false)')
  end
  local function view()
    local lines = nvim.lua([[
      local buf = view_of()
      return buf and vim.api.nvim_buf_get_lines(buf, 0, -1, false) or {}
    ]])
    return table.concat(lines, '\n')
  end
  local function wait_shown(text)
    nvim.wait_for(function()
      return view():find(text, 1, true)
    end, 3000, text)
  end
  local function fake(name, ...)
    local args = { ... }
    nvim.lua('local name, args = ... fake[name](unpack(args))', name, args)
  end
  local function answer(lines, reason)
    fake('text', table.concat(lines, '\n'))
    fake('done', vim.NIL, { finish_reason = reason or 'stop' })
  end
  local function sent()
    return nvim.lua('return fake.last.request')
  end
  local function asked()
    return nvim.lua('return #fake.requests')
  end
  local function notices()
    return nvim.notices()
  end

  local function wait_noticed(text)
    nvim.wait_for(function()
      return notices():find(text, 1, true)
    end, 3000, text)
  end

  local function numbered(count)
    local lines = {}
    for i = 1, count do
      lines[i] = 'line ' .. i
    end
    return lines
  end

  it('sends the lines, their place, the lines around and the instruction', function()
    set(numbered(60))
    nvim.cmd('setlocal filetype=lua')
    nvim.cmd('30,32Venice rewrite make it `better`')
    local request = sent()
    assert.are.equal('e2ee-fake', request.model)
    assert.are.equal('system', request.messages[1].role)
    assert.are.equal('user', request.messages[2].role)
    local text = request.messages[2].content
    assert.is_truthy(text:find('[No Name]:30-32\n```lua\nline 30\nline 31\nline 32\n```', 1, true))
    assert.is_truthy(text:find('[No Name]:10-29\n```lua\nline 10\n', 1, true))
    assert.is_truthy(text:find('[No Name]:33-52\n```lua\nline 33\n', 1, true))
    assert.is_nil(text:find('line 9\n', 1, true))
    assert.is_nil(text:find('line 53', 1, true))
    assert.is_truthy(text:find('Instruction: make it `better`$'))
  end)

  it('shows what was sent', function()
    set(numbered(60))
    nvim.cmd('30,32Venice rewrite better')
    wait_shown('sent: 3 lines, with 20 before and 20 after: ')
    assert.is_truthy(view():find('about %d+ tokens'))
    local shown = view():gsub('\n  ', '\n')
    for _, message in ipairs(sent().messages) do
      assert.is_truthy(shown:find(message.content, 1, true))
    end
  end)

  it('sends no more of what is around than there is room for', function()
    set({ ('x'):rep(5000), 'near', 'target', ('y'):rep(3900), 'far' })
    nvim.cmd('3Venice rewrite better')
    local text = sent().messages[2].content
    assert.is_truthy(text:find('near', 1, true))
    assert.is_nil(text:find('xxx', 1, true))
    assert.is_truthy(text:find('yyy', 1, true))
    assert.is_truthy(text:find('far', 1, true))
  end)

  it('sends lines that look like fences in a longer one', function()
    set({ '```', '````', 'x' })
    nvim.cmd('%Venice rewrite better')
    local text = sent().messages[2].content
    assert.is_truthy(text:find('`````\n```\n````\nx\n`````', 1, true))
  end)

  it('asks before it sends more than the limit', function()
    nvim.lua([[require('venice').setup({ model = 'e2ee-fake', context = { max_tokens = 50 } })]])
    nvim.lua([[vim.ui.select = function(_, opts, done) _G.question = opts.prompt done(nil, 1) end]])
    set(numbered(60))
    nvim.cmd('%Venice rewrite better')
    wait_shown('nothing was sent')
    assert.are.equal(0, asked())
    assert.is_truthy(nvim.lua('return question'):find('Send it?', 1, true))
    nvim.lua([[vim.ui.select = function(_, _, done) done(nil, 2) end]])
    nvim.type_keys('gr')
    assert.are.equal(1, asked())
  end)

  it('proposes what the answer says, and applies what is accepted', function()
    set({ 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i' })
    nvim.cmd('2,8Venice rewrite better')
    answer({ 'Here it is:', '', '```', 'B', 'c', 'd', 'e', 'E', 'f', 'h', '```', '', 'Bye.' })
    wait_shown('3 of 3')
    assert.are.equal('a', code()[1])
    wait_shown('said beside the code: 2 lines')
    nvim.type_keys('ara')
    assert.are.same({ 'a', 'B', 'c', 'd', 'e', 'f', 'h', 'i' }, code())
    assert.is_truthy(
      notices():find('2 of 3 hunks applied to [No Name]; u takes them back', 1, true)
    )
    nvim.type_keys('u')
    assert.are.same({ 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i' }, code())
  end)

  it('shows progress, reasoning and text as they come', function()
    set(numbered(5))
    nvim.cmd('2,3Venice rewrite better')
    assert.is_truthy(nvim.screen_text():find('rewrite of [No Name]:2-3 · attesting', 1, true))
    fake('state', 'waiting')
    assert.is_truthy(nvim.screen_text():find('· waiting %d'))
    fake('text', 'hm', 'reasoning')
    assert.is_truthy(nvim.screen_text():find('· reasoning %d'))
    fake('text', '```\nsecond\n')
    assert.is_truthy(nvim.screen_text():find('· writing %d'))
    wait_shown('+second')
    assert.is_nil(view():find('hm\n', 1, true))
    assert.are.same(numbered(5), code())
  end)

  it('says how far the enclave is to be trusted', function()
    set(numbered(5))
    nvim.cmd('2,3Venice rewrite better')
    assert.is_truthy(nvim.screen_text():find('e2ee-fake · not attested yet', 1, true))
    fake('report', { level = 'dcap', accepted = true, verified = true, simulated = true }, true)
    assert.is_truthy(nvim.screen_text():find('SIMULATED · e2ee-fake', 1, true))
    local event = nvim.lua([[return require('venice').last_event()]])
    assert.are.equal('VeniceAttested', event.event)
  end)

  it('announces its request without a word of it', function()
    nvim.lua([[
      _G.events = {}
      local venice = require('venice')
      local fire = venice._event
      venice._event = function(name, data) table.insert(events, { name, data }) fire(name, data) end
    ]])
    set(numbered(5))
    nvim.cmd('2,3Venice rewrite better')
    answer({ '```', 'x', '```' })
    local events = nvim.lua('return events')
    assert.are.same({ 'VeniceRequestStarted', { id = 1, model = 'e2ee-fake' } }, events[1])
    assert.are.same(
      { 'VeniceRequestFinished', { id = 1, model = 'e2ee-fake', outcome = 'ok' } },
      events[2]
    )
  end)

  it('follows edits of the user while the answer comes', function()
    set(numbered(9))
    nvim.cmd('4,6Venice rewrite better')
    fake('text', '```\nline 4\nfive\n')
    nvim.lua('vim.api.nvim_set_current_win(vim.fn.win_findbuf(code)[1])')
    nvim.type_keys('ggOabove<Esc>', 'Gobelow<Esc>')
    fake('text', 'line 6\n```\n')
    fake('done', vim.NIL, { finish_reason = 'stop' })
    nvim.cmd('wincmd p')
    nvim.type_keys('a')
    local expected = numbered(9)
    expected[5] = 'five'
    table.insert(expected, 1, 'above')
    expected[#expected + 1] = 'below'
    assert.are.same(expected, code())
    nvim.type_keys('u')
    expected[6] = 'line 5'
    assert.are.same(expected, code())
    nvim.type_keys('u')
    table.remove(expected)
    assert.are.same(expected, code())
  end)

  it('lets the user type while the answer comes', function()
    set(numbered(60))
    nvim.cmd('30,40Venice rewrite better')
    nvim.lua('vim.api.nvim_set_current_win(vim.fn.win_findbuf(code)[1])')
    nvim.type_keys('ggOa')
    for i = 1, 3 do
      fake('text', (i == 1 and '```\n' or '') .. ('new line\n'):rep(20))
      wait_shown('── 1 · ')
      nvim.sleep(120)
      nvim.type_keys('b')
    end
    fake('text', '```\n')
    fake('done', vim.NIL, { finish_reason = 'stop' })
    nvim.type_keys('c')
    assert.are.equal('i', nvim.mode().mode)
    nvim.type_keys('<Esc>')
    assert.are.equal('abbbc', code()[1])
    assert.are.equal(61, #code())
    nvim.type_keys('u')
    assert.are.same(numbered(60), code())
  end)

  it('puts back the indentation that the answer lost, and says so', function()
    set({ '  if x then', '    a()', '  end' })
    nvim.cmd('%Venice rewrite better')
    answer({ '```', 'if x then', '  b()', 'end', '```' })
    wait_shown('it was put back')
    nvim.type_keys('A')
    assert.are.same({ '  if x then', '    b()', '  end' }, code())
  end)

  it('says that an answer has no code block, or one without an end', function()
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    answer({ 'I cannot do that.' })
    wait_shown('the answer has no code block')
    nvim.type_keys('gr')
    answer({ '```', 'b' })
    wait_shown('has no end')
    nvim.type_keys('A')
    assert.are.same({ 'b' }, code())
  end)

  it('shows what must be known beside the first hunk, however long that is', function()
    set(numbered(60))
    nvim.cmd('%Venice rewrite better')
    answer({ 'Of course:', '```', 'line 58' })
    wait_shown('undecided')
    local screen = nvim.screen_text()
    assert.is_truthy(screen:find('has no end; a part may be missing', 1, true), screen)
    assert.is_truthy(screen:find('1 of 2 · lines 1-57', 1, true), screen)
    -- A short one leaves room for the title and the keys.
    nvim.type_keys('gr')
    local lines = numbered(60)
    lines[2], lines[30], lines[50] = 'two', 'thirty', 'fifty'
    answer(vim.list_extend({ '```' }, lines))
    wait_shown('undecided')
    screen = nvim.screen_text()
    for _, words in ipairs({ 'rewrite of', 'gr again', 'has no end', '1 of 3' }) do
      assert.is_truthy(screen:find(words, 1, true), screen)
    end
  end)

  it('says that nothing would change', function()
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    answer({ '```', 'a', '```' })
    wait_shown('nothing would change')
  end)

  it('deletes lines for an empty block', function()
    set({ 'a', 'b', 'c' })
    nvim.cmd('2Venice rewrite delete this')
    answer({ '```', '```' })
    wait_shown('-b')
    nvim.type_keys('A')
    assert.are.same({ 'a', 'c' }, code())
  end)

  it('marks white space that came unencrypted', function()
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    fake('text', '```\nb')
    nvim.lua([[fake.text('\n', 'content', false)]])
    answer({ '```' })
    wait_shown('1 white-space character came unencrypted: not authenticated')
    nvim.type_keys('A')
    assert.are.same({ 'b' }, code())
  end)

  -- Answers that are not whole --------------------------------------------------------------------

  local failures = {
    ['ends at its limit'] = { nil, { finish_reason = 'length' }, 'at the limit of its length' },
    ['is filtered'] = { nil, { finish_reason = 'content_filter' }, 'content filter' },
    ['ends with a call'] = { nil, { finish_reason = 'tool_calls' }, 'did not end by itself' },
    ['is cut off'] = { { code = 'cut_off', message = 'it was cut off' }, {}, 'it was cut off' },
    ['is not authentic'] = {
      { code = 'integrity', message = 'a part was not authentic', hint = 'do not trust it' },
      {},
      'a part was not authentic',
    },
    ['is stopped'] = {
      { code = 'cancelled', message = 'stopped' },
      {},
      'nothing was changed: stopped',
    },
  }
  for name, case in pairs(failures) do
    it('changes nothing for an answer that ' .. name .. ', and asks again', function()
      set({ 'a', 'b' })
      nvim.cmd('%Venice rewrite better')
      fake('text', '```\nA\nb\n```\n')
      fake('done', case[1] or vim.NIL, case[2])
      wait_shown(case[3])
      nvim.type_keys('a', 'A')
      assert.are.same({ 'a', 'b' }, code())
      nvim.type_keys('gr')
      assert.are.equal(2, asked())
      answer({ '```', 'A', 'b', '```' })
      nvim.type_keys('A')
      assert.are.same({ 'A', 'b' }, code())
    end)
  end

  it('takes an answer that ended well without a reason', function()
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    fake('text', '```\nb\n```')
    fake('done', vim.NIL, {})
    nvim.type_keys('A')
    assert.are.same({ 'b' }, code())
  end)

  it('says that an answer is empty', function()
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    answer({ '' })
    wait_shown('the answer is empty')
  end)

  it('gives up an answer that does not end', function()
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    nvim.lua([[
      fake.text('```\n')
      for _ = 1, 20 do fake.text(('x'):rep(60000) .. '\n') end
    ]])
    wait_shown('the answer is larger than 1 MB')
    assert.is_true(nvim.lua('return fake.last.cancelled'))
    assert.are.same({ 'a' }, code())
  end)

  it('says why no request could be made', function()
    set({ 'a' })
    nvim.lua([[fake.no_client = require('venice.errors').new('no_library')]])
    nvim.cmd('%Venice rewrite better')
    wait_shown('the library is not built')
    nvim.lua('fake.no_client = nil')
    nvim.type_keys('gr')
    assert.are.equal(1, asked())
  end)

  -- Stopping and asking again ---------------------------------------------------------------------

  it('is stopped by its key, by :Venice stop, and by closing it', function()
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    nvim.screen()
    nvim.type_keys('<C-c>')
    wait_shown('nothing was changed: stopped')
    assert.is_true(nvim.lua('return fake.requests[1].cancelled'))
    nvim.type_keys('gr')
    nvim.cmd('Venice stop')
    wait_shown('nothing was changed: stopped')
    assert.is_true(nvim.lua('return fake.requests[2].cancelled'))
    nvim.type_keys('gr', 'q')
    assert.is_true(nvim.lua('return fake.requests[3].cancelled'))
    assert.are.equal('', view())
    assert.is_false(nvim.lua([[return require('venice.edit.rewrite').stop()]]))
    nvim.cmd('%Venice rewrite better')
    nvim.cmd('close')
    nvim.wait_for('fake.requests[4].cancelled')
  end)

  it('stops the newest one first', function()
    set({ 'a', 'b' })
    nvim.cmd('1Venice rewrite better')
    nvim.cmd('wincmd p')
    nvim.cmd('2Venice rewrite better')
    nvim.cmd('Venice stop')
    assert.is_true(nvim.lua('return fake.requests[2].cancelled'))
    assert.is_nil(nvim.lua('return fake.requests[1].cancelled'))
    nvim.wait_for('fake.requests[2].over')
    nvim.cmd('Venice stop')
    assert.is_true(nvim.lua('return fake.requests[1].cancelled'))
  end)

  it('asks again with the text as it is then, and forgets what was on its way', function()
    set({ 'a', 'b', 'c' })
    nvim.cmd('2Venice rewrite better')
    fake('text', '```\nold answer\n')
    nvim.lua([[vim.api.nvim_buf_set_lines(code, 0, 0, false, { 'above' })]])
    nvim.lua([[vim.api.nvim_buf_set_text(code, 2, 1, 2, 1, { 'ee' })]])
    nvim.type_keys('gr')
    assert.are.equal(2, asked())
    assert.is_true(nvim.lua('return fake.requests[1].cancelled'))
    local text = sent().messages[2].content
    assert.is_truthy(text:find('[No Name]:3-3\n```\nbee\n```', 1, true))
    nvim.lua([[fake.requests[1].handlers.on_event({ kind = 'content', text = 'late' })]])
    nvim.wait_for('fake.requests[1].over')
    answer({ '```', 'new', '```' })
    wait_shown('+new')
    assert.is_nil(view():find('late', 1, true))
    assert.is_nil(view():find('old answer', 1, true))
    nvim.type_keys('A')
    assert.are.same({ 'above', 'a', 'new', 'c' }, code())
  end)

  it('asks again where a hunk was changed meanwhile', function()
    set({ 'a', 'b' })
    nvim.cmd('%Venice rewrite better')
    answer({ '```', 'A', 'b', '```' })
    nvim.lua([[vim.api.nvim_buf_set_text(code, 0, 0, 0, 1, { 'mine' })]])
    nvim.type_keys('a')
    assert.is_truthy(notices():find('changed meanwhile', 1, true))
    nvim.type_keys('gr')
    assert.is_truthy(sent().messages[2].content:find('mine\nb', 1, true))
    answer({ '```', 'Mine', 'b', '```' })
    nvim.type_keys('A')
    assert.are.same({ 'Mine', 'b' }, code())
  end)

  it('says that the lines have gone where there are none to ask about', function()
    set({ 'a', 'b', 'c' })
    nvim.cmd('2Venice rewrite better')
    answer({ '```', 'B', '```' })
    nvim.lua([[vim.api.nvim_buf_set_lines(code, 1, 2, false, {})]])
    nvim.type_keys('gr')
    assert.is_truthy(notices():find('have gone', 1, true))
    assert.are.equal(1, asked())
  end)

  -- What it needs ---------------------------------------------------------------------------------

  it('keeps line ends, NULs and a missing end of the last line, as in the file', function()
    nvim.cmd('set nofixendofline')
    for bytes, expected in pairs({
      ['a\nb\nc'] = 'a\nB\nc',
      ['a\r\nb\r\nc\r\n'] = 'a\r\nB\r\nc\r\n',
      ['a\r\nb\r\nc'] = 'a\r\nB\r\nc',
      ['a\r\nb\nd\nc\r\n'] = 'a\r\nB\nd\nc\r\n',
      ['a\0\nb\nc\n'] = 'a\0\nB\nc\n',
      ['b'] = 'B',
      ['b\n\n\n'] = 'B\n\n\n',
      ['\239\187\191b\n'] = '\239\187\191B\n',
    }) do
      local path = child.tempdir() .. '/x.txt'
      child.write(path, bytes)
      nvim.cmd('edit ' .. path)
      nvim.lua('_G.code = vim.api.nvim_get_current_buf()')
      nvim.cmd('%Venice rewrite better')
      -- A model writes line feeds, whatever the file has.
      local said = bytes:gsub('\r', ''):gsub('^\239\187\191', ''):gsub('b', 'B')
      answer({ '```', (said:gsub('\n*$', '')), '```' })
      wait_shown('1 of 1')
      nvim.type_keys('A')
      nvim.cmd('silent write')
      assert.are.equal(vim.inspect(expected), vim.inspect(child.read(path)))
      nvim.cmd('bwipeout!')
    end
  end)

  it('proposes two changed lines of five thousand, and one step takes them back', function()
    nvim.lua([[require('venice').setup({
      model = 'e2ee-fake', context = { max_tokens = 1000000 } })]])
    set(numbered(5000))
    nvim.cmd('%Venice rewrite better')
    local lines = numbered(5000)
    lines[7], lines[4990] = 'seven', 'x'
    local text = '```\n' .. table.concat(lines, '\n') .. '\n```'
    for i = 1, #text, 4096 do
      fake('text', text:sub(i, i + 4095))
    end
    fake('done', vim.NIL, { finish_reason = 'stop' })
    wait_shown('2 of 2')
    nvim.type_keys(']c')
    nvim.cmd('redraw')
    nvim.type_keys('A')
    assert.are.same(lines, code())
    nvim.type_keys('u')
    assert.are.same(numbered(5000), code())
  end)

  it('takes a closed fold with all its lines, and leaves it closed', function()
    set(numbered(20))
    nvim.cmd('setlocal foldmethod=manual | 5,9fold | 5')
    nvim.type_keys(':.Venice rewrite better<CR>')
    assert.is_truthy(sent().messages[2].content:find('[No Name]:5-9\n', 1, true))
    answer({ '```', 'line 5', 'line 6', 'seven', 'line 8', 'line 9', '```' })
    wait_shown('1 of 1')
    nvim.type_keys('a')
    assert.are.equal('seven', code()[7])
    assert.are.equal(5, nvim.fn.foldclosed(7))
    assert.are.equal(9, nvim.fn.foldclosedend(7))
  end)

  -- What the service says to one of several requests.
  local function answer_to(number, text)
    nvim.lua(
      [[
      local entry, text = fake.requests[select(1, ...)], select(2, ...)
      entry.handlers.on_event({ kind = 'content', text = text })
      fake.done(nil, { finish_reason = 'stop' }, entry)]],
      number,
      text
    )
  end

  it('is one of two of the same lines, of which the second finds them changed', function()
    set({ 'a', 'b', 'c', 'd' })
    nvim.cmd('1,3Venice rewrite one')
    nvim.cmd('wincmd p')
    nvim.cmd('2,4Venice rewrite two')
    answer_to(1, '```\na\nB\nc\n```')
    answer_to(2, '```\nbb\nc\nD\n```')
    wait_shown('1 of 1')
    nvim.wait_for('#vim.fn.getbufinfo() == 3')
    nvim.wait_for(function()
      return nvim.text():find('+D', 1, true)
    end)
    nvim.cmd('wincmd p')
    nvim.lua('vim.api.nvim_set_current_win(vim.fn.win_findbuf(view_of())[1])')
    nvim.cmd('wincmd _ | redraw')
    nvim.type_keys('A')
    assert.are.same({ 'a', 'B', 'c', 'd' }, code())
    -- The other one: its first hunk has gone stale, its second stands.
    nvim.lua('vim.api.nvim_set_current_win(vim.fn.win_findbuf(view_of())[1])')
    nvim.type_keys('A')
    wait_noticed('one hunk was changed meanwhile')
    assert.are.same({ 'a', 'B', 'c', 'd' }, code())
    nvim.type_keys('q')
    assert.are.same({ 'a', 'B', 'c', 'D' }, code())
    nvim.type_keys('u')
    assert.are.same({ 'a', 'B', 'c', 'd' }, code())
    nvim.type_keys('u')
    assert.are.same({ 'a', 'b', 'c', 'd' }, code())
  end)

  it('does not mix with an answer that streams into a chat', function()
    set({ 'a', 'b' })
    nvim.cmd('VeniceChat hello')
    nvim.lua('_G.chat = vim.api.nvim_get_current_buf()')
    fake('text', 'the answer of ')
    nvim.lua('vim.api.nvim_set_current_win(vim.fn.win_findbuf(code)[1])')
    nvim.cmd('%Venice rewrite better')
    nvim.lua([[fake.requests[1].handlers.on_event({ kind = 'content', text = 'the chat' })]])
    answer_to(2, '```\na\nB\n```')
    wait_shown('1 of 1')
    nvim.type_keys('A')
    answer_to(1, ' is whole')
    assert.are.same({ 'a', 'B' }, code())
    nvim.wait_for(function()
      local lines = nvim.lua('return vim.api.nvim_buf_get_lines(chat, 0, -1, false)')
      return table.concat(lines, '\n'):find('the answer of the chat is whole', 1, true)
    end)
  end)

  it('wants a range and an instruction', function()
    set({ 'a' })
    nvim.cmd('Venice rewrite better')
    assert.is_truthy(notices():find('which lines?', 1, true))
    nvim.cmd('%Venice rewrite')
    assert.is_truthy(notices():find('what is to be done?', 1, true))
    assert.are.equal(0, asked())
    assert.are.equal('', view())
  end)

  it('rewrites no chat, and no buffer that cannot be changed', function()
    set({ 'a' })
    nvim.cmd('setlocal nomodifiable')
    nvim.cmd('%Venice rewrite better')
    wait_noticed('not modifiable')
    nvim.cmd('setlocal modifiable readonly')
    nvim.cmd('%Venice rewrite better')
    wait_noticed('read-only')
    nvim.cmd('VeniceChat')
    nvim.cmd('%Venice rewrite better')
    wait_noticed('venice://chat/1 is a buffer of venice')
    assert.are.equal(0, asked())
  end)

  it('asks for a model where there is none, and says that none was chosen', function()
    nvim.lua([[require('venice').setup({})]])
    nvim.lua([[vim.ui.select = function(items, _, done) done(_G.choice and items[choice]) end]])
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    wait_shown('no model was chosen')
    nvim.lua('_G.choice = 1')
    nvim.type_keys('gr')
    nvim.wait_for('#fake.requests == 1')
    assert.are.equal('e2ee-fake', sent().model)
  end)

  it('has the model of the chat', function()
    nvim.cmd('VeniceChat')
    nvim.cmd('Venice model e2ee-other')
    nvim.lua('vim.api.nvim_set_current_win(vim.fn.win_findbuf(code)[1])')
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    assert.are.equal('e2ee-other', sent().model)
  end)

  it('says how the signature of its answer stands', function()
    nvim.lua([[
      local Client = require('venice.client')
      Client.receipt = function(_, _, _, cb) _G.signed = cb return 99 end
    ]])
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    local report = { level = 'dcap', accepted = true, verified = true, signing_address = '0x1' }
    fake('report', report, true)
    fake('text', '```\nb\n```')
    fake('done', vim.NIL, { finish_reason = 'stop', id = 'chat-1' })
    nvim.wait_for('_G.signed ~= nil')
    nvim.lua([[signed(nil, { verified = true })]])
    assert.is_truthy(nvim.screen_text():find('1 hunk · signed', 1, true))
    nvim.type_keys('gr')
    fake('text', '```\nb\n```')
    nvim.lua('_G.signed = nil')
    fake('report', report, false)
    fake('done', vim.NIL, { finish_reason = 'stop', id = 'chat-2' })
    nvim.wait_for('_G.signed ~= nil')
    nvim.lua([[signed(nil, { verified = false, reason = 'signature_invalid' })]])
    wait_shown('the signature of this answer does not hold')
    wait_noticed('the signature of this answer does not hold')
  end)

  it('survives that the buffer goes while the answer comes', function()
    set({ 'a' })
    nvim.cmd('%Venice rewrite better')
    fake('text', '```\nb')
    nvim.cmd('bwipeout! ' .. nvim.lua('return code'))
    wait_shown('the buffer has gone')
    answer({ '', '```' })
    nvim.type_keys('A', 'gr')
    wait_noticed('the buffer has gone')
    nvim.type_keys('q')
    assert.are.equal('', view())
  end)
end)

describe('after a rewrite', function()
  it('nothing is left on disk or in a register', function()
    local mark, shada = 'REWRITEMARK-81c4', child.tempdir() .. '/shada'
    local nvim = child.start({ args = { '-i', shada } })
    nvim.lua(
      [[
      local root, shada = ...
      package.path = root .. '/?.lua;' .. package.path
      require('tests.lua.fake_client').install()
      vim.o.updatecount, vim.o.undofile, vim.o.swapfile = 10, true, true
      vim.o.directory = vim.env.TMPDIR .. '//'
      vim.o.shadafile, vim.o.shada = shada, "!,'100,<500,s100,h"
    ]],
      child.root,
      shada
    )
    nvim.type_keys('ione<Esc>')
    nvim.type_keys(':%Venice rewrite ' .. mark .. '<CR>')
    nvim.lua('fake.text(...)', '```\nANSWER' .. mark .. '\nmore\n')
    nvim.sleep(150)
    nvim.lua('fake.text(...)', '```\n')
    nvim.lua([[fake.done(nil, { finish_reason = 'stop' })]])
    nvim.type_keys('jjdd', 'R')
    nvim.quit('qall!')
    for _, dir in ipairs({ nvim.dirs.root, vim.fn.fnamemodify(shada, ':h') }) do
      assert.are.same({}, child.grep_tree(dir, mark))
    end
    assert.are.equal(1, vim.fn.filereadable(shada))
    nvim.stop()
  end)
end)
