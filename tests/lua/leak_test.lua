-- Promise 5: nothing of prompt, answer or key reaches the disk, or a process that we start.
--
-- The child has every option on that could write text: ShaDa, swap, undo files, backups, verbose.

local child = require('tests.lua.child')

local KEY = 'KEYMARK-5f1e0c77'
local PROMPT = 'PROMPTMARK-9b2d4a10'
local ANSWER = 'ANSWERMARK-c3e8f651'
local REASONING = 'REASONMARK-77aa01de'
local marks = { KEY, PROMPT, ANSWER, REASONING }

describe('after a session', function()
  local sim, nvim

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)

  local function start(options, env)
    sim.reset()
    sim.answer({
      chunks = vim.fn['repeat']({ ANSWER .. ' ', 'more ' }, 100),
      reasoning = REASONING,
      rate = 200,
    })
    local shada = child.tempdir() .. '/shada'
    nvim = child.start({
      columns = 120,
      env = vim.tbl_extend('force', { VENICE_API_KEY = KEY }, env or {}),
      args = { '-i', shada },
    })
    nvim.lua(
      [[
      local options, shada = ...
      vim.o.updatecount, vim.o.undofile, vim.o.backup, vim.o.writebackup = 10, true, true, true
      vim.o.swapfile, vim.o.directory = true, vim.env.TMPDIR .. '//'
      vim.o.shadafile, vim.o.shada = shada, "!,'100,<500,s100,h"
      require('venice').setup(options)
    ]],
      sim.options(vim.tbl_extend('force', { model = sim.model }, options or {})),
      shada
    )
    return shada
  end

  after_each(function()
    nvim.stop()
  end)

  local function ask(more)
    nvim.type_keys(':VeniceChat ' .. PROMPT .. (more or '') .. '<CR>')
  end
  local function streaming()
    nvim.wait_for([[require('venice').status().state == 'streaming']], 10000 * child.slack)
    nvim.wait_for(function()
      return nvim.text():find(ANSWER, 1, true)
    end, 10000 * child.slack)
  end
  local function idle()
    nvim.wait_for([[require('venice').status().state == 'idle']], 15000 * child.slack)
  end

  -- The command line and environment of every process below the child.
  local function processes_are_clean()
    for _, stat in ipairs(vim.fn.glob('/proc/[0-9]*/stat', true, true)) do
      local ok, line = pcall(child.read, stat)
      local parent = ok and line:match('^%d+ %b() %S (%d+)')
      if tonumber(parent) == nvim.pid then
        local process = stat:match('^(.*)/stat$')
        for _, name in ipairs({ 'cmdline', 'environ' }) do
          local read, text = pcall(child.read, process .. '/' .. name)
          for _, mark in ipairs(read and marks or {}) do
            assert.is_nil(text:find(mark, 1, true), process .. '/' .. name .. ' holds ' .. mark)
          end
        end
      end
    end
    local argv = child.read('/proc/' .. nvim.pid .. '/cmdline')
    for _, mark in ipairs(marks) do
      assert.is_nil(argv:find(mark, 1, true))
    end
  end

  local function disk_is_clean(shada)
    for _, mark in ipairs(marks) do
      for _, dir in ipairs({ nvim.dirs.root, vim.fn.fnamemodify(shada, ':h') }) do
        assert.are.same({}, child.grep_tree(dir, mark), mark)
      end
    end
  end

  local function finish(shada)
    processes_are_clean()
    disk_is_clean(shada)
    nvim.quit('qall!')
    assert.are.equal(1, vim.fn.filereadable(shada))
    disk_is_clean(shada)
    nvim.stop({ keep = true })
    disk_is_clean(shada)
    nvim.cleanup()
  end

  it('that went well, nothing is left', function()
    local shada = start()
    ask()
    streaming()
    processes_are_clean()
    idle()
    assert.is_nil(nvim.lua([[return require('venice').status().error]]))
    -- A second turn from the buffer, an edit, a look at the evidence.
    nvim.type_keys('i' .. PROMPT .. ' again<Esc><CR>')
    idle()
    nvim.cmd('Venice attest')
    nvim.sleep(200)
    finish(shada)
  end)

  it('whose request failed, nothing is left', function()
    local shada = start()
    sim.fault('http_500')
    ask()
    idle()
    assert.are.equal('server', nvim.lua([[return require('venice').status().error.code]]))
    finish(shada)
  end)

  it('whose answer was broken, nothing is left', function()
    local shada = start()
    sim.fault('blob_flip_tag')
    ask()
    idle()
    assert.are.equal('integrity', nvim.lua([[return require('venice').status().error.code]]))
    finish(shada)
  end)

  it('that was stopped, nothing is left', function()
    local shada = start()
    ask()
    streaming()
    nvim.type_keys('<C-c>')
    idle()
    finish(shada)
  end)

  for _, signal in ipairs({ 'sigkill', 'sigterm', 'sighup' }) do
    it('that ended by ' .. signal .. ', nothing is left', function()
      local shada = start()
      ask()
      streaming()
      nvim.kill(signal)
      nvim.wait_exit(5000)
      disk_is_clean(shada)
    end)
  end

  it('with a key command, its environment and the disk are clean', function()
    local dir = child.tempdir()
    child.write(
      dir .. '/key.sh',
      table.concat({
        '#!/bin/sh',
        'tr "\\000" "\\n" < /proc/$$/environ > ' .. dir .. '/environ',
        'cat ' .. dir .. '/key',
      }, '\n')
    )
    child.write(dir .. '/key', KEY .. '\n')
    local shada = start({ api_key = { cmd = { 'sh', dir .. '/key.sh' } } })
    ask()
    idle()
    assert.is_nil(nvim.lua([[return require('venice').status().error]]))
    local environ = child.read(dir .. '/environ')
    assert.is_nil(environ:find(KEY, 1, true))
    assert.is_truthy(environ:find('PATH=', 1, true))
    finish(shada)
  end)

  it('that was hidden, undone and wiped, nothing is left', function()
    local shada = start()
    ask()
    streaming()
    nvim.type_keys('q')
    idle()
    nvim.cmd('VeniceChat')
    nvim.type_keys('ggdG', 'u', 'ggjdd', 'Gx')
    assert.is_false(pcall(nvim.cmd, 'preserve')) -- E313: there is no swap file.
    nvim.cmd('Venice wipe')
    finish(shada)
  end)

  it('keeps what the user has yanked', function()
    local shada = start()
    ask()
    streaming()
    nvim.type_keys('<C-c>')
    idle()
    nvim.type_keys('ggjyy', ':let @x = "outside"<CR>')
    nvim.quit('qall!')
    assert.is_truthy(child.read(shada):find(PROMPT, 1, true))
    assert.is_truthy(child.read(shada):find('outside', 1, true))
    assert.is_nil(child.read(shada):find(ANSWER, 1, true))
  end)
end)
