-- :Venice export: the evidence in one file, and the same verdict from it, offline.

local child = require('tests.lua.child')

describe(':Venice export', function()
  local sim, nvim, file

  setup(function()
    sim = child.simulator()
  end)
  teardown(function()
    sim.stop()
  end)
  before_each(function()
    sim.reset()
    file = child.tempdir() .. '/evidence.json'
    nvim = child.start({ env = { VENICE_API_KEY = 'secret-key-of-mine' } })
    nvim.lua(
      [[
      local url, root = ...
      require('venice').setup({
        base_url = url,
        model = 'e2ee-sim-small',
        verify = { dcap = 'require', gpu = 'off', collateral_url = url, root_ca = root },
      })]],
      sim.url,
      sim.root
    )
  end)
  after_each(function()
    nvim.stop()
  end)

  local function export(command)
    nvim.cmd((command or 'Venice export ') .. file)
    nvim.wait_for(function()
      return vim.fn.filereadable(file) == 1
    end, 10000)
    return vim.json.decode(child.read(file), { luanil = { object = true, array = true } })
  end

  -- In a Neovim that knows nothing of where the bundle was made.
  local function judge(input)
    local other = child.start()
    local report = other.lua(
      [[
      local report, err = require('venice.e2ee').verify_attestation(...)
      return report or error(tostring(err), 0)]],
      input
    )
    other.stop()
    return report
  end

  local function assert_same_verdict(bundle, report)
    for _, name in ipairs({ 'verified', 'accepted', 'level', 'reason', 'status', 'simulated' }) do
      assert.are.same(bundle.report[name], report[name], name)
    end
    assert.are.same(bundle.report.measurements, report.measurements)
    local function ids(checks)
      return vim.tbl_map(function(check)
        return { check.id, check.ok }
      end, checks)
    end
    assert.are.same(ids(bundle.report.checks), ids(report.checks))
  end

  it('gives a bundle that is judged the same, offline', function()
    local bundle = export()
    assert.are.equal('rw-------', vim.fn.getfperm(file))
    assert.are.equal('dcap', bundle.report.level)
    assert.is_truthy(bundle.made_by:find('venice.nvim', 1, true))
    assert.is_truthy(bundle.README:find('verify_attestation', 1, true))
    sim.fault('http_500', { at = 'attestation' })
    local report = judge(bundle.input)
    assert_same_verdict(bundle, report)
    assert.are.equal(bundle.input.now, report.checked_at)
  end)

  it('is judged by its nonce, its time and its collateral', function()
    local input = export().input
    local function changed(changes)
      return judge(vim.tbl_extend('force', input, changes))
    end
    assert.are.equal('nonce_mismatch', changed({ nonce = ('0'):rep(64) }).reason)
    assert.is_false(changed({ now = input.now + 400 * 86400 }).verified)
    input.collateral = nil
    assert.are.equal('collateral_missing', judge(input).reason)
  end)

  it('keeps what a trusted enclave was judged by', function()
    nvim.cmd('Venice trust e2ee-sim-small')
    nvim.wait_for([[vim.bo.filetype == 'venice-attestation']], 10000)
    local bundle = export()
    assert.are.equal('measured', bundle.report.level)
    assert_same_verdict(bundle, judge(bundle.input))
    bundle.input.pins = nil
    assert.are.equal('dcap', judge(bundle.input).level)
  end)

  it('keeps refusals too', function()
    sim.fault('td_debug')
    local bundle = export()
    assert.are.equal('td_debug', bundle.report.reason)
    assert_same_verdict(bundle, judge(bundle.input))
  end)

  it('holds no key and no path', function()
    export()
    local text = child.read(file)
    for _, word in ipairs({ 'secret-key-of-mine', sim.root, nvim.dirs.root, vim.env.HOME }) do
      assert.is_falsy(text:find(word, 1, true), word)
    end
  end)

  it('replaces a file only when told to', function()
    child.write(file, 'mine')
    nvim.cmd('Venice export ' .. file)
    nvim.wait_for(function()
      local list = nvim.notifications()
      return list[#list] and list[#list].msg:find('there already', 1, true)
    end, 10000)
    assert.are.equal('mine', child.read(file))
    nvim.cmd('Venice! export ' .. file)
    nvim.wait_for(function()
      return child.read(file) ~= 'mine'
    end, 10000)
    assert.is_truthy(child.read(file):find('README', 1, true))
  end)

  it('asks before it replaces, where there is somebody to ask', function()
    child.write(file, 'mine')
    nvim.stop()
    nvim = child.start({ env = { VENICE_API_KEY = 'k' }, terminal = true })
    nvim.lua(
      [[
      local url, root = ...
      require('venice').setup({
        base_url = url,
        model = 'e2ee-sim-small',
        verify = { dcap = 'require', gpu = 'off', collateral_url = url, root_ca = root },
      })]],
      sim.url,
      sim.root
    )
    -- 0.12 asks on its command line.
    local function is_asked()
      return nvim.mode().blocking or nvim.mode().mode ~= 'n'
    end
    nvim.lua_notify([[vim.cmd('Venice export ' .. ...)]], file)
    nvim.wait_for(is_asked, 10000)
    nvim.type_keys('k')
    assert.are.equal('mine', child.read(file))
    nvim.lua_notify([[vim.cmd('Venice export ' .. ...)]], file)
    nvim.wait_for(is_asked, 10000)
    nvim.type_keys('r')
    nvim.wait_for(function()
      return child.read(file) ~= 'mine'
    end)
  end)

  it('says where it cannot be written', function()
    nvim.cmd('Venice export /nowhere/at/all.json')
    nvim.wait_for(function()
      local list = nvim.notifications()
      return list[#list] and list[#list].msg:find('was not written', 1, true)
    end, 10000)
    nvim.cmd('Venice export')
    local list = nvim.notifications()
    assert.is_truthy(list[#list].msg:find(':Venice export {file}', 1, true))
  end)
end)
