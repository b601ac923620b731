-- The helper that all other Lua tests stand on.

local child = require('tests.lua.child')

for _, terminal in ipairs({ false, true }) do
  describe(terminal and 'a child in a terminal' or 'a headless child', function()
    local nvim

    before_each(function()
      nvim = child.start({
        terminal = terminal,
        lines = 12,
        columns = 60,
        env = { VENICE_API_KEY = 'secret-of-the-child' },
      })
    end)
    after_each(function()
      nvim.stop()
    end)

    it('runs Lua with arguments and gives back values', function()
      assert.are.equal(5, nvim.lua('local a, b = ... return a + b', 2, 3))
      assert.is_nil(nvim.lua('return nil'))
      assert.are.same({ 1, 'x' }, nvim.lua('return { 1, "x" }'))
      assert.are.equal(3, nvim.fn.strlen('abc'))
      assert.are.equal(7, nvim.eval('3 + 4'))
    end)

    it('raises the error of the child', function()
      local ok, err = pcall(nvim.lua, 'error("on purpose")')
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find('on purpose', 1, true))
    end)

    it('takes keys and shows the screen', function()
      nvim.type_keys('ihello <lt>world><Esc>', 'yyp')
      assert.are.equal('hello <world>\nhello <world>', nvim.text())
      local screen = nvim.screen()
      assert.are.equal(12, #screen)
      assert.are.equal('hello <world>', vim.trim(screen[1]))
      assert.are.equal(60, vim.fn.strdisplaywidth(screen[1]))
    end)

    it('takes many keys at once', function()
      nvim.type_keys('i' .. ('word '):rep(2000) .. '<Esc>')
      assert.are.equal(10000, #nvim.text())
    end)

    it('has a user interface only in a terminal', function()
      assert.are.equal(terminal and 1 or 0, #nvim.api.nvim_list_uis())
    end)

    it('says that it waits in a prompt instead of hanging', function()
      nvim.lua_notify([[_G.answer = vim.fn.input('name: ')]])
      nvim.wait_for(function()
        return nvim.mode().mode == 'c'
      end)
      nvim.type_keys('Ada<CR>')
      assert.are.equal('Ada', nvim.wait_for('_G.answer'))
      nvim.type_keys('r')
      local ok, err = pcall(nvim.lua, 'return 1')
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find('blocked', 1, true))
      nvim.type_keys('<Esc>')
      assert.are.equal(1, nvim.lua('return 1'))
    end)

    it('explains a wait that was in vain', function()
      local ok, err = pcall(nvim.wait_for, 'false', 30, 'a miracle')
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find('a miracle', 1, true))
    end)

    it('records notifications', function()
      nvim.lua([[vim.notify('one', vim.log.levels.ERROR)]])
      assert.are.same({ { msg = 'one', level = 4 } }, nvim.notifications())
    end)

    it('has an environment of its own', function()
      assert.are.equal('secret-of-the-child', nvim.eval('$VENICE_API_KEY'))
      assert.are.equal('', nvim.eval('$VENICE_ROOT'))
      assert.are.equal(nvim.dirs.home, nvim.eval('$HOME'))
      assert.are.equal(nvim.dirs.state .. '/nvim', nvim.fn.stdpath('cache'):gsub('cache', 'state'))
      assert.is_truthy(nvim.eval('&runtimepath'):find(child.root, 1, true))
    end)

    it('ends by command, by signal and when it is stopped', function()
      assert.are.equal(7, (nvim.quit('7cquit')))
      assert.is_false(nvim.alive())
      assert.is_false(pcall(nvim.lua, 'return 1'))
      local dir = nvim.dirs.root
      nvim.stop()
      assert.are.equal(0, vim.fn.isdirectory(dir))

      nvim = child.start({ terminal = terminal })
      nvim.kill('sigkill')
      local code, ms = nvim.wait_exit()
      assert.are_not.equal(0, code)
      assert.is_true(ms < 5000)
    end)
  end)
end

describe('the file helpers', function()
  it('find bytes below a folder', function()
    local dir = child.tempdir()
    vim.fn.mkdir(dir .. '/a/b', 'p')
    child.write(dir .. '/a/b/hit', 'x\0needle\255')
    child.write(dir .. '/a/miss', 'needl')
    assert.are.same({ dir .. '/a/b/hit' }, child.grep_tree(dir, 'needle'))
    assert.are.equal('x\0needle\255', child.read(dir .. '/a/b/hit'))
  end)
end)

describe('the simulator', function()
  for _, tls in ipairs({ false, true }) do
    it(tls and 'is steered over TLS' or 'is steered over plain HTTP', function()
      local sim = child.simulator({ args = tls and { '--tls' } or {} })
      assert.are.equal(tls and 'https' or 'http', sim.url:match('^%w+'))
      assert.is_true(#sim.models > 0)
      assert.is_truthy(child.read(sim.root):find('BEGIN CERTIFICATE', 1, true))

      local name = sim.faults()[1].name
      sim.fault(name, { times = 1 })
      assert.is_false(pcall(sim.fault, 'no such fault'))
      assert.are.equal(404, sim.request('POST', '/_fault', { name = 'no such fault' }).status)
      sim.answer({ text = 'hello', times = 1 })
      sim.reset()

      sim.request('GET', '/api/v1/models')
      local log = sim.log()
      assert.are.equal(1, #log)
      assert.are.equal('/api/v1/models', log[1].path)
      sim.stop()
      assert.is_false(pcall(sim.log))
    end)
  end
end)
