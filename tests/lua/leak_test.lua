-- Promise 5: nothing of prompt, answer or key reaches the disk, or a process that we start.

local child = require('tests.lua.child')
local leaks = require('tests.lua.leaks')

local PROMPT = 'PROMPTMARK-9b2d4a10'

describe('after a session', function()
  local sim, nvim, session

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)

  local function start(opts)
    session = leaks.start(sim, opts)
    session:secret(PROMPT)
    nvim = session.nvim
  end

  after_each(function()
    nvim.stop()
  end)

  local function status_error()
    return nvim.lua([[return require('venice').status().error]])
  end

  it('that went well, nothing is left', function()
    start()
    session:ask(PROMPT)
    session:wait_streaming()
    session:processes_are_clean()
    session:wait_idle()
    assert.is_nil(status_error())
    -- A second turn from the buffer, an edit, a look at the evidence.
    nvim.type_keys('i' .. PROMPT .. ' again<Esc><CR>')
    session:wait_idle()
    nvim.cmd('Venice attest')
    nvim.sleep(200)
    session:finish()
  end)

  it('whose request failed, nothing is left', function()
    start()
    sim.fault('http_500')
    session:ask(PROMPT)
    session:wait_idle()
    assert.are.equal('server', status_error().code)
    session:finish()
  end)

  it('whose answer was broken, nothing is left', function()
    start()
    sim.fault('blob_flip_tag')
    session:ask(PROMPT)
    session:wait_idle()
    assert.are.equal('integrity', status_error().code)
    session:finish()
  end)

  it('that was stopped, nothing is left', function()
    start()
    session:ask(PROMPT)
    session:wait_streaming()
    nvim.type_keys('<C-c>')
    session:wait_idle()
    session:finish()
  end)

  for _, signal in ipairs({ 'sigkill', 'sigterm', 'sighup' }) do
    it('that ended by ' .. signal .. ', nothing is left', function()
      start()
      session:ask(PROMPT)
      session:wait_streaming()
      nvim.type_keys('ggjdd')
      session:kill(signal)
    end)
  end

  it('with a key command, its environment and the disk are clean', function()
    local dir = child.tempdir()
    child.write(dir .. '/key', leaks.KEY .. '\n')
    start({
      setup = { api_key = { cmd = { 'show-key' } } },
      spies = { ['show-key'] = 'cat ' .. dir .. '/key' },
    })
    session:ask(PROMPT)
    session:wait_idle()
    assert.is_nil(status_error())
    session:was_called('show-key')
    session:finish()
  end)

  it('that was hidden, undone and wiped, nothing is left', function()
    start()
    session:ask(PROMPT)
    session:wait_streaming()
    nvim.type_keys('q')
    session:wait_idle()
    nvim.cmd('VeniceChat')
    nvim.type_keys('ggdG', 'u', 'ggjdd', 'Gx')
    assert.is_false(pcall(nvim.cmd, 'preserve')) -- E313: there is no swap file.
    nvim.cmd('Venice wipe')
    session:finish()
  end)

  it('in which text was deleted in every way, nothing is left', function()
    start()
    -- As where the clipboard is the unnamed register: what is deleted is numbered too.
    nvim.lua([[
      vim.g.clipboard = {
        name = 'test',
        copy = { ['+'] = function() end, ['*'] = function() end },
        paste = { ['+'] = function() return {} end, ['*'] = function() return {} end },
      }
    ]])
    session:ask(PROMPT)
    session:wait_streaming()
    nvim.type_keys('<C-c>')
    session:wait_idle()
    for _, clipboard in ipairs({ '', 'unnamedplus', 'unnamed' }) do
      nvim.cmd('set clipboard=' .. clipboard)
      nvim.type_keys('ggjdd', 'u', 'ggjdw', 'u', 'ggjD', 'u', 'ggjcc<Esc>', 'u', 'ggjVd', 'u')
      nvim.type_keys('ggjx', 'u', 'ggjvey', 'vp', 'u', 'ggjd$', 'u', 'ggjyiw', 'viwp', 'u')
      nvim.cmd('2delete | undo | %delete | undo')
    end
    nvim.fn.setreg('0', '') -- What was yanked here is the user's.
    nvim.fn.setreg('"', 'something else')
    session:finish()
  end)

  it('keeps what the user has yanked', function()
    start()
    session:ask(PROMPT)
    session:wait_streaming()
    nvim.type_keys('<C-c>')
    session:wait_idle()
    nvim.type_keys('ggjyy', ':let @x = "outside"<CR>')
    nvim.quit('qall!')
    assert.is_truthy(child.read(session.shada):find(PROMPT, 1, true))
    assert.is_truthy(child.read(session.shada):find('outside', 1, true))
    assert.is_nil(child.read(session.shada):find(leaks.ANSWER, 1, true))
  end)

  it('keeps a code block that the user has yanked, and nothing beside it', function()
    start()
    sim.answer({ text = leaks.ANSWER .. '\n\n```lua\nreturn "CODEMARK"\n```\n', rate = 0 })
    session:ask(PROMPT)
    nvim.wait_for([[require('venice').status().usage ~= nil]], 10000)
    session:wait_idle()
    nvim.type_keys('G', '"cgy')
    nvim.quit('qall!')
    assert.is_truthy(child.read(session.shada):find('CODEMARK', 1, true))
    session:disk_is_clean()
  end)
end)
