-- The writer: what arrives stands in the buffer, whole, soon, cheaply, whatever the user does.

local child = require('tests.lua.child')

describe('the follow rule', function()
  local follow = require('venice.chat.stream').follow

  it('leaves a reader above the end where they are', function()
    assert.are.equal(3, follow(3, 10, 15))
  end)
  it('takes a reader at the end along', function()
    assert.are.equal(15, follow(10, 10, 15))
  end)
  it('keeps who writes the next prompt with their text', function()
    assert.are.equal(18, follow(13, 10, 15))
  end)
  it('moves nobody where no line was added', function()
    for row = 8, 12 do
      assert.are.equal(row, follow(row, 10, 10))
    end
  end)
end)

describe('the writer', function()
  local nvim

  before_each(function()
    nvim = child.start({ columns = 100, lines = 20 })
    nvim.install_fake()
    nvim.lua([[
      _G.chat_buf = nil
      function _G.ask(prompt)
        vim.cmd('VeniceChat ' .. prompt)
        _G.chat_buf = vim.api.nvim_get_current_buf()
      end
      function _G.chat_text()
        return table.concat(vim.api.nvim_buf_get_lines(_G.chat_buf, 0, -1, false), '\n')
      end
    ]])
  end)
  after_each(function()
    nvim.stop()
  end)

  local function text(value)
    nvim.lua('fake.text(...)', value)
  end
  local function ask(prompt)
    nvim.lua('ask(...)', prompt or 'p')
  end
  local function chat_text()
    return nvim.lua('return chat_text()')
  end
  local function settled(expected)
    local seen
    local ok = pcall(nvim.wait_for, function()
      seen = chat_text()
      return seen == expected
    end, 2000)
    if not ok then
      assert.are.equal(expected, seen)
    end
  end

  it('writes the first token at once, the rest together', function()
    ask()
    local ticks = nvim.lua([[
      local function tick() return vim.api.nvim_buf_get_changedtick(chat_buf) end
      local before = tick()
      fake.text('a')
      local first = tick()
      local at_once = chat_text()
      for _ = 1, 100 do fake.text('b\n') end
      return { at_once, first > before, tick() == first }
    ]])
    assert.are.same({ '\np\n\na\n\n', true, true }, ticks)
    settled('\np\n\na' .. ('b\n'):rep(100) .. '\n\n')
  end)

  it('wants text seldom while nobody sees the chat', function()
    local function pace()
      text('more ')
      return nvim.lua('return fake.last.handlers.pace()')
    end
    ask()
    assert.are.equal(201, pace()) -- This Neovim has no screen.
    nvim.stop()
    nvim = child.start({ terminal = true })
    nvim.install_fake()
    nvim.cmd('VeniceChat p')
    -- A parser costs more with each write.
    local seen = nvim.lua('return vim.b.ts_highlight') and 51 or 34
    assert.are.equal(seen, pace())
    nvim.cmd('tabnew')
    assert.are.equal(201, pace())
    nvim.cmd('tabclose')
    assert.are.equal(seen, pace())
  end)

  it('keeps every byte', function()
    ask()
    local bytes = {}
    for byte = 0, 255 do
      bytes[#bytes + 1] = string.char(byte)
    end
    local all = table.concat(bytes) .. '\r\n\27[31m\n'
    nvim.lua(
      [[
      local all = ...
      for i = 1, #all do fake.text(all:sub(i, i)) end
      fake.done()
    ]],
      all
    )
    assert.are.equal('\np\n\n' .. all .. '\n\n', chat_text())
  end)

  it('has written everything before the chat is idle', function()
    ask()
    nvim.lua([[
      vim.api.nvim_create_autocmd('User', { pattern = 'VeniceRequestFinished', callback = function()
        _G.at_end = { chat_text(), require('venice').status().state }
      end })
      for i = 1, 50 do fake.text(i .. '\n') end
      fake.done()
    ]])
    local at_end = nvim.lua('return at_end')
    assert.is_truthy(at_end[1]:find('\n50\n', 1, true))
    assert.are.equal('idle', at_end[2])
  end)

  it('makes one undo block of an answer, of its own', function()
    nvim.cmd('VeniceChat')
    nvim.type_keys('iq<Esc><CR>')
    nvim.lua('_G.chat_buf = vim.api.nvim_get_current_buf()')
    for i = 1, 6 do
      text(i .. '\n')
      nvim.sleep(160)
    end
    nvim.lua('fake.done()')
    nvim.type_keys('u')
    assert.are.equal('\nq', chat_text())
    nvim.type_keys('u')
    assert.are.equal('\n', chat_text())
  end)

  it('touches no undo history but its own', function()
    nvim.cmd('enew')
    nvim.lua('_G.code = vim.api.nvim_get_current_buf()')
    nvim.type_keys('ione<Esc>')
    ask()
    nvim.cmd('wincmd p')
    text('a\n')
    nvim.type_keys('otwo<Esc>')
    nvim.sleep(160)
    text('b\n')
    nvim.type_keys('othree<Esc>')
    nvim.sleep(160)
    text('c\n')
    nvim.sleep(160)
    nvim.type_keys('u')
    assert.are.equal('one\ntwo', nvim.text())
    nvim.type_keys('u')
    assert.are.equal('one', nvim.text())
    text('d\n')
    nvim.lua('fake.done()')
    assert.are.equal('\np\n\na\nb\nc\nd\n\n\n', chat_text())
  end)

  it('is whole in the end, also where the user undoes in the middle', function()
    nvim.cmd('VeniceChat')
    nvim.type_keys('iq<Esc><CR>')
    nvim.lua('_G.chat_buf = vim.api.nvim_get_current_buf()')
    text('one\n')
    nvim.sleep(160)
    text('two\n')
    nvim.sleep(160)
    nvim.type_keys('u')
    text('three\n')
    nvim.sleep(160)
    text('four')
    nvim.lua('fake.done()')
    assert.are.equal('\nq\n\none\ntwo\nthree\nfour\n\n', chat_text())
    nvim.type_keys('Ginext<Esc><CR>')
    assert.are.same({
      { role = 'user', content = 'q' },
      { role = 'assistant', content = 'one\ntwo\nthree\nfour' },
      { role = 'user', content = 'next' },
    }, nvim.lua('return fake.last.request.messages'))
  end)

  it('leaves edits of the user in blocks of their own', function()
    ask('question')
    text('one\n')
    nvim.sleep(160)
    nvim.type_keys('ggjcwchanged<Esc>')
    text('two')
    nvim.lua('fake.done()')
    assert.are.equal('\nchanged\n\none\ntwo\n\n', chat_text())
    nvim.type_keys('u')
    assert.is_truthy(chat_text():find('^\nchanged\n\none\n'))
    nvim.type_keys('u')
    assert.is_truthy(chat_text():find('^\nquestion\n\none\n'))
  end)

  it('writes on while the user deletes what it wrote', function()
    ask()
    text('one\ntwo\n')
    nvim.sleep(160)
    nvim.type_keys('ggdG')
    text('three')
    nvim.lua('fake.done()')
    assert.is_truthy(chat_text():find('three', 1, true))
    nvim.type_keys('Ginext<Esc><CR>')
    local messages = nvim.lua('return fake.last.request.messages')
    assert.are.equal('assistant', messages[#messages - 1].role)
    assert.is_truthy(messages[#messages - 1].content:find('three', 1, true))
    assert.are.same({ role = 'user', content = 'next' }, messages[#messages])
  end)

  it('lets the user type the next prompt meanwhile', function()
    ask()
    nvim.type_keys('Gia')
    text('one\n')
    nvim.type_keys('b')
    nvim.sleep(160)
    text('two\nthree')
    nvim.sleep(160)
    nvim.type_keys('c<Esc>')
    nvim.lua('fake.done()')
    assert.are.equal('\np\n\none\ntwo\nthree\n\nabc', chat_text())
  end)

  it('waits for the end of a text lock and loses nothing', function()
    ask()
    text('one ')
    nvim.sleep(160)
    -- An expression mapping that waits: buffers are locked meanwhile (E523, E565).
    nvim.lua([[
      vim.keymap.set('n', '<F2>', function()
        local timer = (vim.uv or vim.loop).new_timer()
        local calls = 0
        timer:start(20, 20, vim.schedule_wrap(function()
          calls = calls + 1
          if calls <= 5 then fake.text(calls .. ' ') end
          if calls == 6 then timer:close() fake.done() end
        end))
        vim.wait(400, function() return false end)
        _G.locked_text = chat_text()
        _G.locked_state = require('venice').status().state
        return ''
      end, { expr = true })
    ]])
    nvim.type_keys('<F2>')
    nvim.wait_for([[require('venice').status().state == 'idle' and _G.locked_text ~= nil]])
    assert.are.equal('\np\n\none \n\n', nvim.lua('return locked_text'))
    assert.are.equal('streaming', nvim.lua('return locked_state'))
    assert.are.equal('\np\n\none 1 2 3 4 5 \n\n', chat_text())
    assert.are.equal('', nvim.messages())
  end)

  it('writes where the chat is not shown', function()
    ask()
    nvim.cmd('hide')
    text('one\n')
    nvim.sleep(160)
    text('two')
    nvim.lua('fake.done()')
    assert.are.equal('\np\n\none\ntwo\n\n', chat_text())
  end)

  it('writes into a buffer that the user has locked', function()
    ask()
    nvim.cmd('setlocal nomodifiable')
    text('one')
    nvim.lua('fake.done()')
    assert.are.equal('\np\n\none\n\n', chat_text())
    assert.are.equal(0, nvim.eval('&modifiable'))
  end)

  it('follows who is at the end, in every window, and nobody else', function()
    ask()
    text('first\n')
    nvim.cmd('split')
    nvim.cmd('normal! gg')
    for i = 1, 60 do
      text(('line %d\n'):format(i))
    end
    nvim.lua('fake.done()')
    local wins = nvim.lua([[
      local rows = {}
      for _, win in ipairs(vim.fn.win_findbuf(chat_buf)) do
        rows[#rows + 1] = vim.api.nvim_win_get_cursor(win)[1]
      end
      table.sort(rows)
      return rows
    ]])
    assert.are.same({ 1, nvim.api.nvim_buf_line_count(0) }, wins)
    assert.is_truthy(nvim.screen_text():find('line 60', 1, true))
    assert.is_truthy(nvim.screen_text():find('first', 1, true))
  end)

  it('keeps the cursor in the next prompt while reasoning and answer come', function()
    ask()
    nvim.lua([[
      for i = 1, 30 do fake.text(i .. '\n', 'reasoning') end
      fake.text('a\nb')
      fake.done()
    ]])
    assert.are.equal(nvim.api.nvim_buf_line_count(0), nvim.fn.line('.'))
  end)

  it('takes along who reads at the end of the answer', function()
    ask()
    text('first\n')
    nvim.type_keys('Gkk')
    for i = 1, 60 do
      text(('line %d\n'):format(i))
    end
    nvim.lua('fake.done()')
    assert.are.equal(nvim.api.nvim_buf_line_count(0) - 2, nvim.fn.line('.'))
    assert.is_truthy(nvim.screen_text():find('line 60', 1, true))
  end)

  -- Costs are held by make bench; these are bounds against quadratic growth.
  it('writes a long burst in linear time and without a stall', function()
    ask()
    local took = nvim.lua([[
      local uv = vim.uv or vim.loop
      local token = 'word and\n'
      local start = uv.hrtime()
      for _ = 1, 8000 do fake.text(token) end
      fake.done()
      vim.wait(5000, function() return require('venice').status().state == 'idle' end, 1)
      return (uv.hrtime() - start) / 1e6
    ]])
    assert.is_true(took < 1000 * child.slack, ('took %d ms'):format(took))
    assert.are.equal(8000, select(2, chat_text():gsub('word and', '')))
  end)

  it('takes one line of a megabyte, and breaks it for the screen', function()
    ask()
    nvim.lua([[fake.text(('é'):rep(524288)) fake.done()]])
    nvim.wait_for([[require('venice').status().state == 'idle']])
    local longest, sent = unpack(nvim.lua([[
      local longest, chat = 0, require('venice.chat').current()
      for _, line in ipairs(vim.api.nvim_buf_get_lines(chat_buf, 0, -1, false)) do
        longest = math.max(longest, #line)
      end
      return { longest, chat.view:texts()[2].text }
    ]]))
    assert.is_true(longest <= 1024)
    assert.is_true(sent == ('é'):rep(524288))
  end)
end)
