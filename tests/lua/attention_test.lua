-- Which keys answer a question: only those that were typed after all of it had been in sight, with
-- nothing on the way. Keys are typed into a real terminal, also while the editor is blocked.

local child = require('tests.lua.child')

-- A question about a changed enclave, and one about a call of a tool, each as `_G.ask()`; what was
-- answered is in `_G.answer`.
local TRUST = [[
  local options = require('venice.config').get()
  local report = {
    level = 'dcap', reason = 'pin_changed', accepted = false, checks = {},
    pin = {
      state = 'changed',
      enclave = { mrtd = ('a'):rep(96), rtmr1 = 'b', rtmr2 = 'c', shape = 'enclave' },
      previous = { mrtd = ('d'):rep(96), rtmr1 = 'b', rtmr2 = 'c', shape = 'enclave' },
    },
  }
  function _G.ask()
    require('venice.evidence.trust').ask(options, 'm', report, function(trusted)
      _G.answer = trusted and 'yes' or 'no'
    end)
  end]]

local TOOL = [[
  local question = {
    chat = 'chat 1', name = 'run_command', title = 'run a command', note = 'It runs as you.',
    root = '/tmp', order = { 'argv' }, arguments = { argv = { 'touch', 'x' } },
    may_always = false, is_dangerous = true,
  }
  function _G.ask()
    local buf = vim.api.nvim_get_current_buf()
    require('venice.tools.approval').ask(question, buf, function(answer)
      _G.answer = answer == 'no' and 'no' or 'yes'
    end)
  end]]

local PROPOSAL = [[
  vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'one', 'two' })
  local buf = vim.api.nvim_get_current_buf()
  function _G.ask()
    require('venice.edit.diff').open({
      buf = buf, first = 1, last = 2, name = 'a proposal', is_unasked = true,
      on_done = function(result)
        _G.answer = result.outcome == 'applied' and 'yes' or 'no'
      end,
    }):set_text({ 'ONE', 'two' }, true)
  end]]

local kinds = {
  { 'about an enclave', TRUST, 'has CHANGED', 'j\r', '\r', 'venice-trust' },
  { 'about a change', PROPOSAL, 'a proposal', 'A', 'R', 'venice-diff' },
  { 'about a call', TOOL, 'wants to run a command', 'o', 'n', 'venice-approve' },
}

for _, kind in ipairs(kinds) do
  local name, prelude, words, yes, no, filetype = unpack(kind)
  describe('a question ' .. name, function()
    local nvim

    before_each(function()
      nvim = child.start({ terminal = 'emulated', lines = 30, columns = 90 })
      nvim.cmd('set cmdheight=2')
      nvim.lua(prelude)
    end)
    after_each(function()
      nvim.stop()
    end)

    local function is_shown()
      nvim.wait_for(function()
        return nvim.tty_screen():find(words, 1, true) ~= nil
      end, 5000, words)
    end

    local function answer()
      return nvim.lua('return _G.answer')
    end

    -- Longer than anything here takes: what was going to happen has happened.
    local function settled()
      nvim.sleep(1500)
      return answer()
    end

    it('is not answered by keys that were typed before it opened', function()
      nvim.lua_notify('vim.loop.sleep(1500) _G.ask()')
      nvim.sleep(300)
      nvim.tty_type(yes .. yes)
      is_shown()
      assert.is_nil(settled())
      assert.is_truthy(nvim.tty_screen():find(words, 1, true))
    end)

    it('is not answered by keys that were typed while the editor was blocked', function()
      -- Before it was drawn.
      nvim.lua_notify('_G.ask() vim.schedule(function() vim.loop.sleep(1500) end)')
      nvim.sleep(300)
      nvim.tty_type(yes)
      is_shown()
      assert.is_nil(settled())
      -- After that, and long after the pause.
      for _, block in ipairs({
        'vim.loop.sleep(1500)',
        'vim.wait(1500)',
        'vim.fn.system("sleep 1.5")',
      }) do
        nvim.lua_notify(block)
        nvim.sleep(300)
        nvim.tty_type(yes)
        assert.is_nil(settled(), block)
        nvim.wait_for('true')
      end
      assert.are.equal(filetype, nvim.eval('&filetype'))
    end)

    it('is not answered by keys that follow each other', function()
      nvim.lua('_G.ask()')
      is_shown()
      nvim.sleep(1500)
      nvim.tty_type('jk' .. yes .. 'jk' .. yes)
      assert.is_nil(settled())
      nvim.wait_for(function()
        return nvim.notices():find('too soon', 1, true)
      end)
    end)

    it('is answered by somebody who looks, and then presses a key', function()
      nvim.lua('_G.ask()')
      is_shown()
      -- A machine that is busy stalls, and then a key counts only after the next pause.
      for _ = 1, 10 do
        for byte in yes:gmatch('.') do
          nvim.sleep(1200)
          nvim.tty_type(byte)
        end
        nvim.sleep(200)
        if answer() then
          break
        end
        nvim.tty_type(filetype == 'venice-trust' and 'k' or 'G')
      end
      assert.are.equal('yes', answer())
    end)

    it('is refused by one key, after the moment in which it opened', function()
      nvim.lua('_G.ask()')
      is_shown()
      nvim.wait_for(function()
        nvim.tty_type(no)
        nvim.sleep(100)
        return answer() == 'no'
      end)
    end)

    it('is refused by closing its window, at once', function()
      nvim.lua('_G.ask()')
      nvim.wait_for(('vim.bo.filetype == %q'):format(filetype))
      nvim.tty_type(':q\r')
      nvim.wait_for([[_G.answer == 'no']])
    end)

    -- A diff stands below the text that it is about.
    if filetype ~= 'venice-diff' then
      it('is not answered from behind another window', function()
        nvim.lua([[require('venice.attention').PAUSE = 0]])
        nvim.lua('_G.ask()')
        is_shown()
        nvim.lua([[
        local buf = vim.api.nvim_create_buf(false, true)
        _G.other = vim.api.nvim_open_win(buf, false, {
          relative = 'editor', row = 0, col = 0, width = 90, height = 26, focusable = false,
        })]])
        nvim.wait_for(function()
          return not nvim.tty_screen():find(words, 1, true)
        end)
        nvim.tty_type(yes)
        is_shown()
        assert.is_nil(settled())
        nvim.wait_for(function()
          return nvim.notices():find('stood in front', 1, true)
        end)
        nvim.tty_type(yes:sub(-1))
        nvim.wait_for([[_G.answer == 'yes']])
      end)
    end
  end)
end

-- A diff that opens: what `ask()` shows, and whether it was applied.
local DIFF = [[
  vim.cmd('enew')
  _G.code = vim.api.nvim_get_current_buf()
  local old, new = {}, {}
  for i = 1, _G.count do
    old[i], new[i] = 'line ' .. i, 'other ' .. i
  end
  vim.api.nvim_buf_set_lines(code, 0, -1, false, old)
  function _G.ask()
    local review = require('venice.edit.diff').open({
      buf = code, first = 1, last = _G.count, name = 'a proposal',
      on_done = function(result) _G.answer = result.outcome end,
    })
    review:set_text(new, true)
  end]]

describe('a diff', function()
  local nvim

  local function start(count)
    nvim = child.start({ terminal = 'emulated', lines = 30, columns = 90 })
    nvim.cmd('set cmdheight=2 hidden')
    nvim.lua('_G.count = ...', count or 2)
    nvim.lua(DIFF)
  end
  after_each(function()
    nvim.stop()
  end)

  local function is_shown()
    nvim.wait_for(function()
      return nvim.tty_screen():find('1 of 1', 1, true) ~= nil
    end, 5000, 'the diff')
  end
  local function answer()
    return nvim.lua('return _G.answer')
  end
  local function settled()
    nvim.sleep(1500)
    return answer()
  end

  it('is not accepted by keys that were typed before it was in sight', function()
    for _, key in ipairs({ 'a', 'A' }) do
      start()
      nvim.lua_notify('vim.loop.sleep(1500) _G.ask()')
      nvim.sleep(300)
      nvim.tty_type(key .. key)
      is_shown()
      assert.is_nil(settled())
      nvim.stop()
      start()
      nvim.lua_notify('_G.ask() vim.schedule(function() vim.loop.sleep(1500) end)')
      nvim.sleep(300)
      nvim.tty_type(key)
      is_shown()
      assert.is_nil(settled())
      nvim.lua_notify('vim.loop.sleep(1500)')
      nvim.sleep(300)
      nvim.tty_type(key)
      assert.is_nil(settled())
      nvim.stop()
    end
    start()
  end)

  it('is accepted by somebody who looks, and then presses a key', function()
    start()
    nvim.lua('_G.ask()')
    is_shown()
    nvim.wait_for(function()
      nvim.sleep(1200)
      nvim.tty_type('a')
      nvim.sleep(200)
      return answer() == 'applied'
    end, 20000)
  end)

  it('of two hundred lines is accepted only once its end was in sight', function()
    start(200)
    nvim.lua([[require('venice.attention').PAUSE = 0]])
    nvim.lua('_G.ask()')
    is_shown()
    assert.is_truthy(nvim.tty_screen():find('400 lines: read to its end', 1, true))
    nvim.tty_type('a')
    nvim.sleep(200)
    nvim.tty_type('A')
    nvim.sleep(200)
    assert.is_nil(answer())
    assert.is_truthy(nvim.notices():find('more of it is below', 1, true))
    nvim.tty_type('G')
    nvim.sleep(200)
    nvim.tty_type('a')
    nvim.wait_for([[_G.answer == 'applied']])
  end)
end)
