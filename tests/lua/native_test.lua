-- The door to the library: how it loads, fails to load, and ends.

local child = require('tests.lua.child')

-- A copy of the plugin whose library can be taken away; the files are links where they can be.
local function copy_of_plugin()
  local dir = child.tempdir()
  for _, name in ipairs({ 'lua', 'plugin', 'csrc' }) do
    assert(vim.loop.fs_symlink(child.root .. '/' .. name, dir .. '/' .. name))
  end
  vim.fn.mkdir(dir .. '/build')
  return dir
end

local LOAD = [[
  local ok, err = require('venice.native').load()
  return { ok = ok or false, err = err }]]

describe('the library', function()
  local nvim

  after_each(function()
    if nvim then
      nvim.stop()
    end
    nvim = nil
  end)

  it('loads from beside the plugin, from any folder', function()
    nvim = child.start({ cwd = '/' })
    assert.is_true(nvim.lua(LOAD).ok)
    local info = nvim.lua([[return require('venice.native').info()]])
    for _, name in ipairs({ 'version', 'openssl', 'curl', 'cjson', 'secp256k1' }) do
      assert.are.equal('string', type(info[name]), name)
    end
    assert.are.equal(1, info.abi)
    assert.is_true(info.curl_first)
    assert.are.equal('boolean', type(info.memory_locked))
  end)

  it('is not touched before it is needed', function()
    nvim = child.start()
    nvim.lua([[require('venice.client'); require('venice.e2ee'); require('venice.config').get()]])
    local maps = child.read('/proc/' .. nvim.pid .. '/maps')
    assert.is_falsy(maps:find('libvenice', 1, true))
  end)

  it('that is not built is one error with the exact command', function()
    local dir = copy_of_plugin()
    nvim = child.start({ rtp = dir })
    local err = nvim.lua(LOAD).err
    assert.are.equal('no_library', err.code)
    assert.is_truthy(err.hint:find("make -C '" .. dir .. "'", 1, true), err.hint)
    assert.is_falsy((err.message .. err.hint):find('stack traceback', 1, true))
    -- The same through every way in.
    for _, call in ipairs({
      [[require('venice.e2ee').keypair()]],
      [[require('venice.e2ee').seal('04', 'x')]],
      [[require('venice.e2ee').derive_eth_address('04')]],
      [[require('venice.e2ee').verify_quote({ quote = 'x', now = 1 })]],
      [[require('venice.e2ee').new()]],
      [[require('venice.client').default()]],
    }) do
      local code = nvim.lua('local value, err = ' .. call .. ' return value == nil and err.code')
      assert.are.equal('no_library', code, call)
    end
  end)

  it('is found once it is built, without a restart', function()
    local dir = copy_of_plugin()
    nvim = child.start({ rtp = dir })
    assert.is_false(nvim.lua(LOAD).ok)
    assert(vim.loop.fs_symlink(child.root .. '/build/libvenice.so', dir .. '/build/libvenice.so'))
    assert.is_true(nvim.lua(LOAD).ok)
  end)

  it('that is something else is refused with words', function()
    local dir = copy_of_plugin()
    child.write(dir .. '/build/libvenice.so', 'not an object')
    nvim = child.start({ rtp = dir })
    local err = nvim.lua(LOAD).err
    assert.are.equal('no_library', err.code)
    assert.is_truthy(err.message:find('cannot be loaded', 1, true), err.message)
    assert.is_truthy(err.hint:find('make -C', 1, true))
  end)

  it('of another version is refused', function()
    local dir = copy_of_plugin()
    -- The same library under a header that is one version ahead.
    vim.loop.fs_unlink(dir .. '/csrc')
    vim.fn.mkdir(dir .. '/csrc')
    local header, count =
      child.read(child.root .. '/csrc/venice.h'):gsub('VENICE_ABI = 1', 'VENICE_ABI = 2')
    assert.are.equal(1, count)
    child.write(dir .. '/csrc/venice.h', header)
    assert(vim.loop.fs_symlink(child.root .. '/build/libvenice.so', dir .. '/build/libvenice.so'))
    nvim = child.start({ rtp = dir })
    local err = nvim.lua(LOAD).err
    assert.are.equal('no_library', err.code)
    assert.is_truthy(err.message:find('another version', 1, true), err.message)
  end)

  it('survives a second require, also while its thread runs', function()
    nvim = child.start()
    nvim.lua([[
      local native = require('venice.native')
      assert(native.load())
      local client = assert(native.client({ base_url = 'http://127.0.0.1:9' }))
      assert(client:start(function() end, function() end))
      for name in pairs(package.loaded) do
        if name:find('^venice') then package.loaded[name] = nil end
      end
      collectgarbage() collectgarbage()
      assert(require('venice.native').load())
      local kp = assert(require('venice.native').keypair())
      assert(#kp:public_key() == 130)
      collectgarbage() collectgarbage()]])
    local code, ms = nvim.quit('qall!')
    assert.are.equal(0, code)
    assert.is_true(ms < 1500 * child.slack)
  end)
end)

describe('the source', function()
  it('knows FFI in one file only, and no callbacks', function()
    local files = vim.fn.globpath(child.root .. '/lua', '**/*.lua', false, true)
    vim.list_extend(files, vim.fn.globpath(child.root .. '/plugin', '**/*.lua', false, true))
    assert.is_true(#files > 10)
    for _, file in ipairs(files) do
      local text = child.read(file)
      local is_native = file:find('/venice/native%.lua$') ~= nil
      local has_ffi = text:find('require%(?%s*[\'"]ffi[\'"]') ~= nil
      assert.are.equal(is_native, has_ffi, file)
      assert.is_falsy(text:find('%(%s*%*%s*%)%s*%('), file .. ' has a callback type')
    end
    local header = child.read(child.root .. '/csrc/venice.h')
    assert.is_falsy(header:find('%(%s*%*'), 'venice.h has a function pointer')
  end)

  it('closes clients in one place, after their poll', function()
    local text = child.read(child.root .. '/lua/venice/native.lua')
    local _, count = text:gsub('venice_client_close%(', '')
    assert.are.equal(1, count)
    local stop, close = text:find('self.poll:stop()\n    self.poll:close()', 1, true)
    local finish = text:find('venice_client_close(', 1, true)
    assert.is_true(stop ~= nil and close < finish)
  end)
end)

describe('a client that has no handler left', function()
  local nvim

  before_each(function()
    nvim = child.start({ env = { VENICE_API_KEY = 'k' } })
  end)
  after_each(function()
    nvim.stop()
  end)

  -- An error in the poll callback would come again for ever: the descriptor stays readable.
  it('stops its poll at the first error, and says it once', function()
    nvim.lua([[
      local native = require('venice.native')
      assert(native.load())
      local client = assert(native.client({ base_url = 'http://127.0.0.1:9' }))
      client:key_from_env('VENICE_API_KEY')
      _G.calls, _G.broken = 0, {}
      assert(client:start(function()
        _G.calls = _G.calls + 1
        error('on purpose')
      end, function(message)
        table.insert(_G.broken, message)
      end))
      for _ = 1, 5 do assert(client:models()) end]])
    nvim.wait_for('#_G.broken > 0')
    nvim.sleep(200)
    assert.are.equal(1, nvim.lua('return _G.calls'))
    assert.are.equal(1, nvim.lua('return #_G.broken'))
    assert.is_truthy(nvim.lua('return _G.broken[1]'):find('on purpose', 1, true))
    assert.is_true(#nvim.stderr() < 2000)
    assert.are.equal(0, (nvim.quit('qall!')))
  end)

  it('tells the user once and ends what runs, when delivery breaks', function()
    nvim.lua([[
      local config = require('venice.config')
      local client = assert(require('venice.client').new(
        config.client_options({ base_url = 'http://127.0.0.1:9' })))
      client._take = function() error('on purpose') end
      _G.ends = {}
      for i = 1, 3 do
        client:models(function(err) table.insert(_G.ends, err and err.code or 'none') end)
      end]])
    nvim.wait_for('#_G.ends == 3')
    assert.are.same({ 'internal', 'internal', 'internal' }, nvim.lua('return _G.ends'))
    assert.are.equal(1, #nvim.notifications())
    assert.is_truthy(nvim.notifications()[1].msg:find('^venice: '))
  end)
end)
