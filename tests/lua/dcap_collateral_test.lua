-- Intel's collateral: its cache, a service that fails, and every fault that it can have.

local child = require('tests.lua.child')
local h = require('tests.lua.dcap')

local FMSPC = h.FMSPC
local PATHS = h.PATHS
local start = h.start
local attest = h.attest
local accepted = h.accepted
local refused = h.refused
local requests = h.requests
local requested = h.requested
local cache_files = h.cache_files
local clear_cache = h.clear_cache
local break_service = h.break_service

-- The cache --------------------------------------------------------------------------------------

describe('the cache of collateral', function()
  setup(h.start_simulator)
  teardown(h.stop_simulator)
  before_each(h.start_child)
  after_each(h.stop_child)

  it('leaves nothing to ask for but the evidence', function()
    start()
    accepted()
    requested(1, 4)
    accepted()
    accepted(h.sim.models[2])
    requested(2, 0)
    start() -- a client of its own, and a Neovim of its own, find it too
    accepted()
    requested(1, 0)
    local first = h.nvim
    local cache = { XDG_CACHE_HOME = first.dirs.cache, VENICE_API_KEY = 'k' }
    h.nvim = child.start({ env = cache })
    start()
    accepted()
    h.nvim.stop()
    h.nvim = first
    requested(1, 0)
  end)

  it('is for the user alone', function()
    start()
    accepted()
    local files = cache_files()
    assert.are.equal(1, #files)
    assert.are.equal('rw-------', vim.fn.getfperm(files[1]))
    assert.are.equal('rwx------', vim.fn.getfperm(vim.fn.fnamemodify(files[1], ':h')))
    assert.are.equal(0, #cache_files('.collateral-*'))
    assert.is_truthy(files[1]:find(FMSPC, 1, true))
  end)

  -- Each is one way in which a file on a disk goes wrong.
  local damages = {
    ['is empty'] = function()
      return ''
    end,
    ['is garbage'] = function()
      return ('garbage'):rep(99)
    end,
    ['was cut off'] = function(text)
      return text:sub(1, #text / 2)
    end,
    ['lost its last byte'] = function(text)
      return text:sub(1, -2)
    end,
    ['is of another platform'] = function(text)
      return (text:gsub(FMSPC, '90c06f000000'))
    end,
    ['has a digit of a signature changed'] = function(text)
      return (
        text:gsub('("tcb_info_signature":")(.)', function(name, digit)
          return name .. (digit == '0' and '1' or '0')
        end)
      )
    end,
    ['has a status changed'] = function(text)
      return (text:gsub('OutOfDate', 'UpToDate'))
    end,
    ['has a CRL changed'] = function(text)
      return (text:gsub('("pck_crl":"%x+)%x"', '%10"'):gsub('("root_ca_crl":"%x+)%x"', '%10"'))
    end,
    ['has a chain changed'] = function(text)
      return (text:gsub('("qe_identity_issuer_chain":"[^"]*)MII', '%1MIJ'))
    end,
    ['misses a member'] = function(text)
      return (text:gsub('"qe_identity"', '"qe_identify"'))
    end,
  }

  it('is asked for anew, once, where it is damaged', function()
    start()
    accepted()
    local path = cache_files()[1]
    local good = child.read(path)
    for name, damage in pairs(damages) do
      requests()
      local bad = damage(good)
      assert.are_not.equal(good, bad, name)
      child.write(path, bad)
      accepted()
      assert.are.same({ attestation = 1, collateral = 4, other = 0 }, requests(), name)
      assert.are_not.equal(bad, child.read(path), name)
      accepted()
      requested(1, 0)
    end
  end)

  it('is asked for anew where it is a link or is over', function()
    start()
    accepted()
    local path = cache_files()[1]
    assert.are.equal(0, vim.fn.rename(path, path .. '.moved'))
    assert((vim.uv or vim.loop).fs_symlink(path .. '.moved', path))
    requests()
    accepted()
    requested(1, 4)
    assert.are.equal('file', vim.fn.getftype(path))
    clear_cache()
    h.sim.tcb({ next_update_days = 1 / 86400 * 3 })
    local ended = attest()
    h.nvim.sleep(4000)
    h.sim.tcb({ next_update_days = 20 })
    requests()
    assert(ended.report.status == 'UpToDate')
    accepted()
    requested(1, 4)
  end)

  it('is no reason to fail where it cannot be written', function()
    vim.fn.mkdir(h.nvim.dirs.cache .. '/nvim', 'p')
    child.write(h.nvim.dirs.cache .. '/nvim/venice', 'in the way')
    start()
    accepted()
    accepted()
    requested(2, 8)
  end)

  it('does not keep what did not verify', function()
    start()
    h.sim.fault('qe_signature')
    refused('qeid_signature')
    assert.are.equal(0, #cache_files())
    h.sim.reset()
    accepted()
    local good = child.read(cache_files()[1])
    -- Evidence that fails otherwise is no reason to ask anew ...
    requests()
    for _, name in ipairs({ 'td_debug', 'nonce_response', 'nonce_report_data_zero' }) do
      h.sim.fault(name)
      assert.is_false(attest().report.accepted, name)
      requested(1, 0)
    end
    -- ... and a quote that fails beside its collateral is one, once.
    h.sim.fault('quote_signature')
    refused('quote_signature')
    requested(1, 4)
    assert.are.equal(good, child.read(cache_files()[1]))
  end)
end)

-- A service that is not there -------------------------------------------------------------------

describe('a collateral service that fails', function()
  setup(h.start_simulator)
  teardown(h.stop_simulator)
  before_each(h.start_child)
  after_each(h.stop_child)

  it('costs nothing while the cache is good', function()
    start()
    accepted()
    for _, suffix in ipairs({ '_503', '_reset', '_hang', '_404' }) do
      break_service(suffix)
      local ended = attest()
      assert.is_nil(ended.err, suffix)
      assert.is_true(ended.ms < 1500 * child.slack, suffix)
    end
    assert.are.equal(4, requests().collateral)
  end)

  local function says(err, ...)
    for _, words in ipairs({ ... }) do
      local whole = err.message .. '\n' .. err.hint
      assert(whole:find(words, 1, true), ('%q is not in %q'):format(words, whole))
    end
  end

  it('is named, with the option, where there is no cache', function()
    start()
    local host = h.sim.url:match('//(.*)')
    for suffix, words in pairs({
      _503 = 'HTTP 503',
      _404 = 'HTTP 404',
      _429 = 'HTTP 429',
      _reset = 'the connection to',
    }) do
      break_service(suffix)
      local err, report = refused('collateral_missing')
      says(err, 'nothing was sent', h.sim.model, host, words, 'verify.collateral_url')
      assert.are.equal('binding', report.level)
    end
    for _, suffix in ipairs({ '_empty', '_garbage', '_truncated' }) do
      break_service(suffix)
      says(refused('collateral_malformed'), host, 'cannot be read', 'verify.collateral_url')
    end
    assert.are.equal(0, #cache_files())
  end)

  it('is named where nobody listens, and where the address is no address', function()
    start({ collateral_url = 'http://127.0.0.1:1/' })
    says(refused('collateral_missing'), '127.0.0.1:1', 'refused', 'verify.collateral_url')
    for _, url in ipairs({ 'https://x.invalid?a=b', 'http://x.invalid', 'x' }) do
      local ok, err = pcall(start, { collateral_url = url })
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find('verify.collateral_url', 1, true), tostring(err))
    end
  end)

  it('may have a slash at the end of its address', function()
    start({ collateral_url = h.sim.url .. '//' })
    accepted()
    start()
    requests()
    accepted()
    requested(1, 0)
  end)

  it('times out', function()
    start(nil, { timeout = { connect = 1, idle = 1 } })
    for at in pairs(PATHS) do
      h.sim.reset()
      h.sim.fault(at .. '_hang')
      local ended = attest()
      assert.are.equal('collateral_missing', ended.report.reason)
      says(ended.err, 'sent nothing for 1 s', 'verify.collateral_url')
      assert.is_true(ended.ms > 900 and ended.ms < 5000 * child.slack)
    end
  end)

  it('can be left at once', function()
    start(nil, { timeout = { connect = 30, idle = 30 } })
    break_service('_hang')
    h.nvim.lua('_G.id = attest(...)', h.sim.model)
    local function asked(closed)
      return #vim.tbl_filter(function(entry)
        local wanted = entry.path:find('/certification/v4/', 1, true)
        return wanted and (entry.client_closed ~= vim.NIL) == closed
      end, h.sim.log())
    end
    h.nvim.wait_for(function()
      return asked(false) == 4
    end, 5000, 'the four requests')
    h.nvim.lua('client:cancel(_G.id)')
    h.nvim.wait_for('_G.ended', 1000, 'the end')
    assert.are.equal('cancelled', h.nvim.lua('return _G.ended.err.code'))
    h.nvim.wait_for(function()
      return asked(true) == 4
    end, 3000, 'the connections to close')
    h.nvim.lua('attest(...)', h.sim.model)
    h.nvim.sleep(200)
    local code, ms = h.nvim.quit()
    assert.are.equal(0, code)
    assert.is_true(ms < 2000 * child.slack, ms .. ' ms')
  end)
end)

-- Every fault -----------------------------------------------------------------------------------

describe('every fault of the simulator', function()
  setup(h.start_simulator)
  teardown(h.stop_simulator)
  before_each(h.start_child)
  after_each(h.stop_child)

  -- What happens to a fault whose reason the contract leaves open.
  local function check(fault, failures)
    clear_cache()
    h.sim.reset()
    h.sim.fault(fault.name)
    local ended = attest()
    local report = ended.report or { accepted = false, reason = 'no report' }
    local code = type(fault.code) == 'string' and fault.code or nil
    local good = fault.valid == report.accepted
      and (ended.err == nil) == fault.valid
      and (fault.valid or type(report.reason) == 'string')
      and (code == nil or code == report.reason)
    if not good then
      failures[#failures + 1] = ('%s: %s, expected %s'):format(
        fault.name,
        tostring(report.reason),
        fault.valid and 'accepted' or code or 'a refusal'
      )
    end
  end

  local function walk(matches)
    start(nil, { timeout = { connect = 1, idle = 1 } })
    local failures, count = {}, 0
    for _, fault in ipairs(h.sim.faults()) do
      if matches(fault) then
        count = count + 1
        check(fault, failures)
      end
    end
    assert.are.equal('', table.concat(failures, '\n'))
    return count
  end

  for at, expected in pairs({ tcb = 50, qe = 35, pckcrl = 15, rootcrl = 15 }) do
    it('at ' .. at .. ' has its reason', function()
      local found = walk(function(fault)
        return fault.at == at
      end)
      assert.is_true(found >= expected, found .. ' faults')
    end)
  end

  it('of the quote has its reason', function()
    assert.is_true(walk(function(fault)
      return fault.at == 'attestation' and fault.name:find('^quote_')
        or fault.name:find('^td_') ~= nil
    end) >= 30)
  end)
end)
