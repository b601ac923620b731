-- The options: every field is checked, every mistake is named.

local child = require('tests.lua.child')

local config

local function refused(opts, ...)
  local ok, message = pcall(config.setup, opts)
  assert.is_false(ok, 'taken: ' .. vim.inspect(opts))
  assert.is_truthy(message:find('^venice: '), message)
  for _, part in ipairs({ ... }) do
    assert.is_truthy(message:find(part, 1, true), message .. '\nlacks: ' .. part)
  end
  return message
end

local function taken(opts)
  local ok, message = pcall(config.setup, opts)
  assert.is_true(ok, tostring(message))
  return config.get()
end

describe('setup', function()
  before_each(function()
    package.loaded['venice.config'] = nil
    config = require('venice.config')
  end)

  it('is optional', function()
    local options = config.get()
    assert.are.equal('https://api.venice.ai', options.base_url)
    assert.are.same({ env = 'VENICE_API_KEY' }, options.api_key)
    assert.are.equal(1800, options.session_ttl)
    assert.are.same({ connect = 15, idle = 120 }, options.timeout)
    assert.is_true(options.verify.attestation)
    assert.are.equal('mark', options.verify.plaintext_whitespace)
    assert.are.equal('vsplit', options.chat.window)
    assert.are.equal(0.4, options.chat.size)
    assert.are.equal('<CR>', options.chat.keymaps.send)
    assert.is_nil(options.model)
    assert.are.same(options, taken(nil))
    assert.are.same(options, taken({}))
  end)

  it('takes what it is given and starts from the defaults each time', function()
    local options = taken({
      model = 'e2ee-x',
      base_url = 'http://127.0.0.1:8787/',
      api_key = { cmd = { 'pass', 'show', 'venice' } },
      session_ttl = 60,
      timeout = { idle = 5 },
      tls_ca = '/tmp/ca.pem',
      verify = {
        attestation = true,
        plaintext_whitespace = 'refuse',
        dcap = 'off',
        accept_tcb = { 'UpToDate' },
        tcb_grace_days = 30,
        gpu = 'off',
        nras = 'https://nras.example',
        measurements = { mrtd = { ('A'):rep(96) }, compose_hash = {} },
        pin = 'strict',
        receipt = false,
        collateral_url = 'https://pccs.example/path',
      },
      chat = { window = 'float', size = 60, keymaps = { send = false, hide = 'Q' } },
      history = { encrypt = { 'age', '-r', 'age1x' } },
    })
    assert.are.equal('http://127.0.0.1:8787', options.base_url)
    assert.are.same({ connect = 15, idle = 5 }, options.timeout)
    assert.are.equal(false, options.chat.keymaps.send)
    assert.are.equal('<C-c>', options.chat.keymaps.stop)
    assert.are.equal('https://api.venice.ai', taken({}).base_url)
  end)

  it('does not keep the table of its caller', function()
    local given = { timeout = { idle = 5 } }
    taken(given)
    given.timeout.idle = 7
    assert.are.equal(5, config.get().timeout.idle)
  end)

  it('names an option that is not there, and the one that was meant', function()
    refused({ modle = 'x' }, 'there is no option modle', 'did you mean model?')
    refused({ verify = { dcpa = 'off' } }, 'no option verify.dcpa', 'did you mean verify.dcap?')
    refused({ dcap = 'off' }, 'no option dcap', 'did you mean verify.dcap?')
    refused({ chat = { keymaps = { sent = 'x' } } }, 'chat.keymaps.sent', 'chat.keymaps.send?')
    refused({ sessionTTL = 3 }, 'no option sessionTTL', 'did you mean session_ttl?')
    local message = refused({ completely_other = 1 }, 'no option completely_other')
    assert.is_falsy(message:find('did you mean', 1, true))
    refused({ 'x' }, 'there is no option 1')
  end)

  it('refuses values of another type or beyond sense', function()
    refused('x', 'the options must be a table')
    refused({ timeout = 30 }, 'timeout must be a table, not 30')
    refused({ timeout = { idle = '5' } }, 'timeout.idle', 'number of seconds', "not '5'")
    refused({ timeout = { idle = 0 } }, 'timeout.idle', 'not 0')
    refused({ timeout = { idle = -1 } }, 'timeout.idle', 'not -1')
    refused({ timeout = { idle = 0 / 0 } }, 'timeout.idle')
    refused({ session_ttl = math.huge }, 'session_ttl')
    refused({ model = '' }, 'model')
    refused({ model = 'a\0b' }, 'model')
    refused({ verify = { attestation = 'no' } }, 'verify.attestation must be true or false')
    refused({ verify = { dcap = true } }, "verify.dcap must be 'require' or 'off', not true")
    refused({ verify = { tcb_grace_days = 1.5 } }, 'verify.tcb_grace_days', 'whole number')
    refused({ verify = { accept_tcb = { 'Revoked' } } }, 'verify.accept_tcb', 'Revoked')
    refused({ verify = { accept_tcb = { 'uptodate' } } }, 'verify.accept_tcb', 'uptodate')
    refused({ verify = { accept_tcb = 'UpToDate' } }, 'verify.accept_tcb')
    refused({ verify = { measurements = { mrtd = { 'ab' } } } }, 'mrtd', '96 hex digits')
    refused({ verify = { measurements = { mrtdd = {} } } }, 'there is no mrtdd')
    refused({ verify = { nras = 'http://nras.example' } }, 'verify.nras')
    refused({ chat = { window = 'popup' } }, 'chat.window', "'vsplit'", "not 'popup'")
    refused({ chat = { size = 0 } }, 'chat.size')
    refused({ chat = { keymaps = { send = true } } }, 'chat.keymaps.send')
    refused({ chat = { system_prompt = 3 } }, 'chat.system_prompt')
    refused({ history = { encrypt = 'age' } }, 'history.encrypt', 'list of words')
    refused({ history = { encrypt = {} } }, 'history.encrypt')
    refused({ context = { max_tokens = 'many' } }, 'context.max_tokens')
  end)

  it('takes the source of a key and never repeats what might be one', function()
    local secret = 'sk-very-secret-0123456789'
    for _, value in ipairs({
      secret,
      { key = secret },
      { env = secret .. '=x' },
      { cmd = secret },
      { cmd = {} },
      { env = 'A', cmd = { 'b' } },
      { cmd = { 'a', 7 } },
      { cmd = { [1] = 'a', x = 'b' } },
      { env = '' },
    }) do
      local message = refused({ api_key = value }, 'api_key', "{ env = 'VENICE_API_KEY' }")
      assert.is_falsy(message:find(secret, 1, true), message)
    end
  end)

  it('takes https, and http only for loopback addresses', function()
    for _, url in ipairs({
      'https://api.venice.ai',
      'https://host.example:8443/base',
      'http://127.0.0.1:1',
      'http://127.255.0.7',
      'http://localhost:8080',
      'http://[::1]:9',
      'https://[2001:db8::1]:9',
    }) do
      assert.are.equal(url, taken({ base_url = url }).base_url)
    end
    for _, url in ipairs({
      'http://api.venice.ai',
      'http://127.0.0.1.example.com',
      'http://127.0.0.256',
      'http://127.1',
      'http://localhost.example.com',
      'http://user@127.0.0.1',
      'https://user:password@api.venice.ai',
      'https://api.venice.ai?x=1',
      'https://api.venice.ai#x',
      'https://',
      'https://host:0',
      'https://host:65536',
      'https://ho st',
      'https://ho\nst',
      'ftp://api.venice.ai',
      'api.venice.ai',
      'https://ho"st',
      42,
    }) do
      refused({ base_url = url }, 'base_url')
    end
    local long = 'https://x.example/api/v1/'
    assert.are.equal('https://x.example', taken({ base_url = long }).base_url)
  end)

  it('lets nothing run where an option is wrong, until a call is right', function()
    assert.is_nil(config.failure())
    -- Without any right call before, and after one.
    for _, model in ipairs({ '', 'e2ee-x' }) do
      if model ~= '' then
        taken({ model = model })
      end
      refused({ model = 'e2ee-y', chat = { windw = 'float' } }, 'chat.windw')
      for _, name in ipairs({ 'get', 'freeze' }) do
        local ok, message = pcall(config[name])
        assert.is_false(ok)
        assert.is_truthy(
          message:find('nothing runs, because setup() was refused', 1, true),
          message
        )
        assert.is_truthy(message:find('there is no option chat.windw', 1, true), message)
        assert.is_truthy(message:find('did you mean chat.window?', 1, true), message)
        assert.is_truthy(message:find('mend the call of setup()', 1, true), message)
      end
      local failure = config.failure()
      assert.are.equal('config', failure.code)
      assert.is_truthy(failure.message:find('chat.windw', 1, true))
      -- What is drawn already goes on as it was; a client of its own is independent.
      assert.are.equal(model ~= '' and model or nil, config.last_good().model)
      assert.are.equal('https://x', config.client_options({ base_url = 'https://x' }).base_url)
    end
    assert.are.equal('e2ee-z', taken({ model = 'e2ee-z' }).model)
    assert.is_nil(config.failure())
  end)

  it('names a list of hex that is not there, and the one that was meant', function()
    for word, meant in pairs({ rtmr_1 = 'rtmr1', mrtdd = 'mrtd', composehash = 'compose_hash' }) do
      local verify = { measurements = { mrtd = {}, [word] = {} } }
      refused(
        { verify = verify },
        'verify.measurements',
        'there is no ' .. word,
        'mean ' .. meant .. '?'
      )
    end
    refused(
      { verify = { custody = { root = {} } } },
      'verify.custody',
      'there is no root',
      'roots?'
    )
    refused({ verify = { custody = { appids = {} } } }, 'there is no appids', 'mean app_ids?')
    local message =
      refused({ verify = { measurements = { something = {} } } }, 'there is no something')
    assert.is_truthy(message:find('compose_hash, mrconfigid, mrseam, mrtd, os_image_hash', 1, true))
    assert.is_nil(message:find('did you mean', 1, true))
    refused(
      { verify = { custody = 'x' } },
      'verify.custody',
      "{ roots = { '…' }, app_ids = { '…' } }"
    )
    refused({ verify = { custody = { roots = 'x' } } }, 'roots is a list of hex strings')
    refused({ verify = { custody = { roots = { ('a'):rep(65) } } } }, 'roots', '66 hex digits')
    refused({ verify = { custody = { app_ids = { ('x'):rep(40) } } } }, 'app_ids', '40 hex digits')
    refused({ verify = { custody = { app_ids = { '0x' .. ('a'):rep(40) } } } }, '40 hex digits')
  end)

  it('hands lists of hex to the library in lower case', function()
    assert.is_nil(taken({}).verify.custody)
    local custody = { roots = { ('A'):rep(66) }, app_ids = { ('0F'):rep(20) } }
    local measurements = { rtmr1 = { ('B'):rep(96) } }
    local options = taken({ verify = { custody = custody, measurements = measurements } })
    local policy = config.policy(options.verify)
    assert.are.same({ roots = { ('a'):rep(66) }, app_ids = { ('0f'):rep(20) } }, policy.custody)
    assert.are.same({ rtmr1 = { ('b'):rep(96) } }, policy.measurements)
    assert.are.equal(('A'):rep(66), options.verify.custody.roots[1])
  end)

  it('cannot switch verification off or on after first use', function()
    taken({ verify = { attestation = true } })
    taken({ verify = { attestation = false } })
    taken({})
    config.freeze()
    taken({ verify = { dcap = 'off' } })
    refused({ verify = { attestation = false } }, 'verify.attestation', 'first use')
    assert.is_true(config.last_good().verify.attestation)
    assert.is_false(pcall(config.get))
    assert.is_true(taken({}).verify.attestation)
  end)
end)

describe('the options of a client of its own', function()
  before_each(function()
    package.loaded['venice.config'] = nil
    config = require('venice.config')
  end)

  it('inherit nothing', function()
    config.setup({ base_url = 'http://127.0.0.1:1', verify = { gpu = 'off' }, session_ttl = 5 })
    local options = config.client_options({ timeout = { idle = 3 } })
    assert.are.equal('https://api.venice.ai', options.base_url)
    assert.are.equal('auto', options.verify.gpu)
    assert.are.equal(1800, options.session_ttl)
    assert.are.same({ connect = 15, idle = 3 }, options.timeout)
    assert.is_nil(options.chat)
  end)

  it('cannot switch verification off, nor say anything about it', function()
    for _, value in ipairs({ true, false }) do
      local ok, message = pcall(config.client_options, { verify = { attestation = value } })
      assert.is_false(ok)
      assert.is_truthy(message:find('verify.attestation', 1, true), message)
    end
  end)

  it('are checked like those of setup', function()
    local ok, message = pcall(config.client_options, { model = 'x' })
    assert.is_false(ok)
    assert.is_truthy(message:find('e2ee.new: there is no option model', 1, true), message)
  end)
end)

describe('the policy', function()
  local dir

  before_each(function()
    package.loaded['venice.config'] = nil
    config = require('venice.config')
    dir = child.tempdir()
  end)

  it('names root certificates by whole paths', function()
    local verify = taken({ verify = { root_ca = '~/root.pem', gpu_root_ca = 'gpu.pem' } }).verify
    local policy = config.policy(verify)
    assert.are.equal(vim.env.HOME .. '/root.pem', policy.root_ca)
    assert.are.equal(vim.loop.cwd() .. '/gpu.pem', policy.gpu_root_ca)
    assert.are.equal('~/root.pem', verify.root_ca)
  end)

  it('has the text of a root certificate for who asks', function()
    local pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    child.write(dir .. '/root.pem', pem)
    local verify = taken({ verify = { root_ca = dir .. '/root.pem' } }).verify
    assert.are.equal(pem, config.root_pem(verify, 'root_ca'))
    assert.is_nil(config.root_pem(verify, 'gpu_root_ca'))
  end)

  it('names the option whose file is not there or holds something else', function()
    child.write(dir .. '/key.pem', 'PRIVATE')
    for _, name in ipairs({ 'root_ca', 'gpu_root_ca' }) do
      for _, file in ipairs({ 'absent.pem', 'key.pem' }) do
        local options = taken({ verify = { [name] = dir .. '/' .. file } })
        local pem, err = config.root_pem(options.verify, name)
        assert.is_nil(pem)
        assert.are.equal('config', err.code)
        assert.is_truthy(err.message:find('verify.' .. name, 1, true), err.message)
        assert.is_falsy(err.message:find('PRIVATE', 1, true))
      end
    end
  end)

  it('compares measurements in lower case', function()
    local verify = taken({ verify = { measurements = { mrtd = { ('AB'):rep(48) } } } }).verify
    assert.are.equal(('ab'):rep(48), config.policy(verify).measurements.mrtd[1])
    assert.are.equal(('AB'):rep(48), verify.measurements.mrtd[1])
  end)

  it('does not run what a path holds', function()
    local path = '/`touch ' .. dir .. '/x`'
    assert.are.equal(path, config.expand(path))
    assert.are.equal(vim.env.HOME .. '/ca.pem', config.expand('~/ca.pem'))
  end)
end)
