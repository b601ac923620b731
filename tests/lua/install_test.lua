-- The ways to install the plugin other than into 'runtimepath' by hand: the configuration in doc/,
-- and the layout in which LuaRocks leaves a rock.

local child = require('tests.lua.child')

local root = child.root

describe('doc/minimal.lua', function()
  local nvim

  -- Started as a user does, in the clone or elsewhere; the clone is not in 'runtimepath' before.
  local function start(env, cwd, file)
    nvim = child.start({
      rtp = child.tempdir(),
      cwd = cwd,
      env = env,
      args = { '-u', file },
      columns = 100,
    })
  end
  after_each(function()
    nvim.stop()
  end)

  it('is the whole plugin with its defaults', function()
    start({ VENICE_API_KEY = 'any' }, root, 'doc/minimal.lua')
    assert.are.equal('', nvim.messages())
    assert.are.same({}, nvim.notifications())
    assert.are.equal(2, nvim.fn.exists(':VeniceChat'))
    assert.are.same(
      nvim.lua([[return require('venice.config').defaults()['base_url'] ]]),
      nvim.lua([[return require('venice.config').get().base_url]])
    )
    assert.is_nil(nvim.lua([[return require('venice.config').get().verify.root_ca]]))
    assert.are.equal('<Plug>(venice-chat)', nvim.fn.maparg('<Space>v', 'n'))
    assert.are.equal(
      root .. '/build/libvenice.so',
      nvim.lua([[
      local native = require('venice.native')
      assert(native.load())
      return native.library_path()
    ]])
    )
  end)

  it('chats with the simulator', function()
    local sim = child.simulator()
    start({
      VENICE_API_KEY = 'any',
      VENICE_URL = sim.url,
      VENICE_ROOT = sim.root,
      VENICE_GPU_ROOT = sim.gpu_root,
    }, child.tempdir(), root .. '/doc/minimal.lua')
    nvim.cmd('Venice model ' .. sim.model)
    nvim.type_keys('<Space>v')
    nvim.wait_for([[vim.bo.filetype == 'venice']])
    nvim.type_keys('<Esc>iIs anybody there?<Esc><CR>')
    nvim.wait_for(
      [[(require('venice').last_event() or {}).event == 'VeniceRequestFinished']],
      30000
    )
    assert.are.equal('ok', nvim.lua([[return require('venice').last_event().data.outcome]]))
    assert.is_truthy(nvim.text():find('You asked: *Is anybody there?*', 1, true), nvim.text())
    assert.is_truthy(
      nvim.screen_text():find('SIMULATED · e2ee-sim-small · dcap', 1, true),
      nvim.screen_text()
    )
    -- The words that warn come first in the status line of the other window, and are not cut.
    local _, count = nvim.screen_text():gsub('SIMULATED · e2ee%-sim%-small', '')
    assert.are.equal(2, count, nvim.screen_text())
    sim.stop()
  end)
end)

describe('a rock', function()
  -- Lua files in one tree, the rest in a folder that a manager of rocks puts into 'runtimepath'.
  local function make_rock()
    local tree = child.tempdir()
    local rock = tree .. '/lib/luarocks/rocks-5.1/venice.nvim/scm-1'
    vim.fn.mkdir(rock, 'p')
    vim.fn.mkdir(tree .. '/share/lua/5.1', 'p')
    local link = vim.loop.fs_symlink
    assert(link(root .. '/lua/venice', tree .. '/share/lua/5.1/venice'))
    for _, folder in ipairs({ 'plugin', 'csrc', 'build', 'doc' }) do
      assert(link(root .. '/' .. folder, rock .. '/' .. folder))
    end
    return tree, rock
  end

  it('finds its library beside its other files', function()
    local tree, rock = make_rock()
    local path = ('%s/share/lua/5.1/?.lua;%s/share/lua/5.1/?/init.lua;'):format(tree, tree)
    local nvim = child.start({
      rtp = rock,
      cmd = { ('lua package.path = %q .. package.path'):format(path) },
    })
    assert.are.equal(2, nvim.fn.exists(':VeniceChat'))
    local found = nvim.lua([[
      local native = require('venice.native')
      assert(native.load())
      return native.library_path()
    ]])
    assert.are.equal(rock .. '/build/libvenice.so', found)
    nvim.stop()
  end)

  it('without its other files says where it looked', function()
    local tree = make_rock()
    local path = ('%s/share/lua/5.1/?.lua;%s/share/lua/5.1/?/init.lua;'):format(tree, tree)
    local nvim = child.start({
      rtp = child.tempdir(),
      cmd = { ('lua package.path = %q .. package.path'):format(path) },
    })
    local err = nvim.lua([[
      local ok, err = require('venice.native').load()
      return ok and {} or { code = err.code, hint = err.hint }
    ]])
    assert.are.equal('no_library', err.code)
    nvim.stop()
  end)
end)
