-- More than anybody asked for: answers, lines and results of any size. The editor stays usable, a
-- stop works at once, memory stays small, and what came is sent again as it came.

local child = require('tests.lua.child')

local MB = 1048576

describe('a long line', function()
  local breaks = require('venice.chat.breaks')

  -- What a buffer has after text came in pieces.
  local function arrive(known, pieces)
    local lines = { '' }
    for _, piece in ipairs(pieces) do
      local last = lines[#lines]
      local added = known:split(vim.split(piece, '\n', { plain = true }), last)
      lines[#lines] = last .. added[1]
      for i = 2, #added do
        lines[#lines + 1] = added[i]
      end
    end
    return lines
  end

  local function longest(lines)
    local size = 0
    for _, line in ipairs(lines) do
      size = math.max(size, #line)
    end
    return size
  end

  it('is whole again, wherever it was cut on its way', function()
    math.randomseed(12)
    local words = { 'word ', 'é', '漢', '😀', '\n', 'x', ('y'):rep(700), ('z '):rep(900), '\0' }
    for _ = 1, 200 do
      local pieces = {}
      for i = 1, math.random(1, 60) do
        pieces[i] = words[math.random(#words)]:rep(math.random(1, 3))
      end
      local known = breaks.new()
      local lines = arrive(known, pieces)
      assert.is_true(longest(lines) <= breaks.LONGEST)
      assert.are.equal(table.concat(pieces), table.concat(known:join(lines), '\n'))
    end
  end)

  it('of each length around that of a piece is whole again', function()
    for size = 940, 1040 do
      for _, unit in ipairs({ 'x', ' ', 'é' }) do
        local known = breaks.new()
        local text = unit:rep(math.floor(size / #unit))
        text = table.concat({ text, text, text .. text, '', text }, '\n')
        assert.are.equal(text, table.concat(known:join(arrive(known, { text })), '\n'))
      end
    end
  end)

  it('cuts no character and, where it can, no word', function()
    local known = breaks.new()
    for _, line in ipairs(arrive(known, { ('é'):rep(5000) })) do
      assert.are.equal(0, #line % 2)
    end
    local lines = arrive(known, { ('some words '):rep(500) })
    for i = 1, #lines - 1 do
      assert.are.equal(' ', lines[i]:sub(-1))
    end
  end)

  it('of the user is left as it is', function()
    local known = breaks.new()
    arrive(known, { ('x'):rep(3000) })
    local lines = { ('y'):rep(1024), 'next' }
    assert.are.same(lines, known:join(lines))
  end)

  it('that the user has made longer goes on behind it', function()
    local known = breaks.new()
    local before = ('x'):rep(3000)
    local added = known:split({ 'more', 'next' }, before)
    assert.are.same({ '', 'more', 'next' }, added)
    assert.are.same({ before .. 'more', 'next' }, known:join({ before, 'more', 'next' }))
  end)
end)

describe('events of text', function()
  local events = require('venice.events')

  local function text(data, request)
    return { kind = 'content', request = request or 1, status = 0, data = data }
  end
  local function all()
    return true
  end

  it('are handed out in steps, whole and in order', function()
    math.randomseed(5)
    for _ = 1, 100 do
      local list, sent, got = {}, {}, {}
      for i = 1, math.random(1, 8) do
        list[i] = text((('é%d'):format(i)):rep(math.random(0, 40)))
        sent[i] = list[i].data
      end
      list[#list + 1] = { kind = 'done', request = 1, status = 0, data = '' }
      local rest = list
      while rest[1] do
        local first, bytes
        first, rest, bytes = events.take(rest, 16, all)
        local size, left = 0, 0
        for _, event in ipairs(first) do
          size, got[#got + 1] = size + #event.data, event.data
          assert.are.equal(event.kind == 'done', rest[1] == nil and event == first[#first])
        end
        for _, event in ipairs(rest) do
          left = left + #event.data - (event.taken or 0)
        end
        assert.is_true(size <= 16)
        assert.are.equal(left, bytes)
      end
      assert.are.equal(table.concat(sent), table.concat(got))
    end
  end)

  it('that are for nobody take no step', function()
    local list = { text(('x'):rep(100), 2), text('y') }
    local first, rest, bytes = events.take(list, 16, function(event)
      return event.request == 1
    end)
    assert.are.same({ text('y') }, first)
    assert.are.same({ {}, 0 }, { rest, bytes })
  end)
end)

describe('in a chat', function()
  local nvim

  before_each(function()
    nvim = child.start({ terminal = true, columns = 140, lines = 45 })
    nvim.install_fake()
    nvim.lua([[
      local ffi = require('ffi')
      ffi.cdef('struct t_time { long s, ns; }; int clock_gettime(int, struct t_time *);')
      local time = ffi.new('struct t_time')
      local function busy()
        ffi.C.clock_gettime(3, time) -- of this thread
        return tonumber(time.s) * 1e3 + tonumber(time.ns) / 1e6
      end
      -- The most CPU that the editor's thread took between two rounds of its loop.
      function _G.watch()
        _G.busiest = 0
        local last = busy()
        _G.watcher = _G.watcher or vim.loop.new_timer()
        _G.watcher:start(0, 1, function()
          local now = busy()
          _G.busiest, last = math.max(_G.busiest, now - last), now
        end)
      end
      function _G.resident(what)
        for line in io.lines('/proc/self/status') do
          local kilobytes = line:match('^' .. what .. ':%s+(%d+)')
          if kilobytes then return kilobytes / 1024 end
        end
      end
    ]])
  end)
  after_each(function()
    nvim.stop()
  end)

  local function idle(seconds)
    nvim.wait_for([[require('venice').status().state == 'idle']], (seconds or 20) * 1000)
  end

  -- Gives text as one event or in pieces, with a time between them.
  local function give(text, kind, size, pause)
    nvim.lua(
      [[
      local text, kind, size, pause = ...
      watch()
      local at = 1
      local function more()
        fake.text(text:sub(at, at + size - 1), kind)
        at = at + size
        if at <= #text then vim.defer_fn(more, pause) else _G.given = true end
      end
      _G.given = false
      more()
    ]],
      text,
      kind,
      size or #text,
      pause or 1
    )
    nvim.wait_for('_G.given', 30000)
  end

  local function never_busy()
    local busiest = nvim.lua('watcher:stop() return busiest')
    assert.is_true(busiest < 50 * child.slack, ('busy for %d ms'):format(busiest))
  end

  local function sent_answer()
    nvim.cmd('stopinsert')
    nvim.lua([[require('venice.chat').current():add({ 'next' })]])
    nvim.lua([[require('venice.chat').current():send()]])
    for _, message in ipairs(nvim.lua('return fake.last.request.messages')) do
      if message.role == 'assistant' then
        return message.content
      end
    end
  end

  for name, size in pairs({ ['0.8'] = 0.8 * MB, ['1.6'] = 1.6 * MB, ['3.9'] = 3.9 * MB }) do
    it(('a line of %s MB in one event does not stop the editor'):format(name), function()
      nvim.cmd('VeniceChat p')
      local before = nvim.lua([[return resident('VmRSS')]])
      local text = ('word and '):rep(math.floor(size / 9))
      give(text, 'content')
      nvim.lua('fake.done()')
      idle()
      never_busy()
      local more = nvim.lua([[return resident('VmHWM')]]) - before
      assert.is_true(more < 100, ('%d MB more'):format(more))
      assert.is_true(sent_answer() == vim.trim(text) or sent_answer() == text)
    end)
  end

  for _, kind in ipairs({ 'content', 'reasoning' }) do
    it(('a line of %s of 600 KB in small pieces neither'):format(kind), function()
      nvim.cmd('VeniceChat p')
      local text = ('<a href="x" *b* _c_ `d` [e](f) '):rep(20000):sub(1, 600000)
      give(text, kind, 4000, 3)
      nvim.lua('fake.done()')
      idle()
      never_busy()
      if kind == 'content' then
        assert.is_true(sent_answer() == text)
      end
    end)
  end

  it('a million empty lines neither', function()
    nvim.cmd('VeniceChat p')
    give('a' .. ('\n'):rep(MB) .. 'b', 'content')
    nvim.lua('fake.done()')
    idle()
    never_busy()
    assert.is_true(sent_answer() == 'a' .. ('\n'):rep(MB) .. 'b')
  end)

  it('the sender waits while too much is not written yet, and goes on', function()
    nvim.cmd('VeniceChat p')
    assert.is_nil(nvim.lua('return fake.last.held'))
    nvim.lua([[fake.text(('word and\n'):rep(100000))]])
    assert.is_nil(nvim.lua('return fake.last.held'))
    nvim.lua([[fake.text(('word and\n'):rep(100000))]])
    assert.is_true(nvim.lua('return fake.last.held'))
    nvim.wait_for('fake.last.held == false', 20000)
    nvim.lua('fake.done()')
    idle()
    assert.are.equal(200000 + 6, nvim.api.nvim_buf_line_count(0))
  end)

  it('a stop drops what is not written yet', function()
    nvim.cmd('VeniceChat p')
    nvim.lua([[fake.text(('word and '):rep(400000))]])
    local took = nvim.lua([[
      local start = vim.loop.hrtime()
      require('venice.chat').current():stop()
      vim.wait(10000, function() return require('venice').status().state == 'idle' end, 1)
      return (vim.loop.hrtime() - start) / 1e6
    ]])
    assert.is_true(took < 50 * 5 * child.slack, ('took %d ms'):format(took))
    assert.is_true(nvim.lua([[return vim.fn.line2byte('$')]]) < MB)
    assert.are.equal(false, nvim.lua('return fake.last.held or false'))
  end)

  it('a stop also drops what is written after the end of the answer', function()
    nvim.cmd('VeniceChat p')
    nvim.lua([[
      fake.text(('word and '):rep(400000))
      fake.event({ kind = 'finish', reason = 'stop' })
      fake.done(nil, { finish_reason = 'stop' })
      require('venice.chat').current():stop()
    ]])
    idle(2)
    assert.is_true(nvim.lua([[return vim.fn.line2byte('$')]]) < MB)
    assert.are.equal('stopped', nvim.lua([[return require('venice').last_event().data.outcome]]))
  end)

  it('a piece of a long line survives undo and redo', function()
    nvim.cmd('VeniceChat p')
    local text = ('word and '):rep(2000) .. '\nlast'
    nvim.lua('fake.text(...) fake.done()', text)
    idle()
    nvim.shows('long lines are broken on the screen only')
    nvim.type_keys('<Esc>u')
    assert.is_nil(nvim.text():find('last', 1, true))
    nvim.type_keys('<C-r>')
    assert.is_true(sent_answer() == text)
  end)

  it('a long line is saved, opened, written and yanked as it came', function()
    nvim.cmd('VeniceChat p')
    local code = ('word and '):rep(2000)
    local text = '```\n' .. code .. '\n```'
    nvim.lua('fake.text(...) fake.done()', text)
    idle()
    nvim.lua(
      [[
      local text, code = ...
      local transcript = require('venice.chat.history.transcript')
      local chat = require('venice.chat').current()
      local data = transcript.export(chat.view)
      _G.seen = { data.turns[2].text == text }
      local lines = chat.view:plain_lines(1, vim.api.nvim_buf_line_count(0))
      _G.seen[2] = vim.tbl_contains(lines, code)
      vim.api.nvim_win_set_cursor(0, { 6, 0 })
      _G.seen[3] = require('venice.chat.code').at(chat.view.buf, 5).lines[1] == code
    ]],
      text,
      code
    )
    assert.are.same({ true, true, true }, nvim.lua('return seen'))
  end)
end)
