-- The option `tools`: what it takes, and what its parts mean.

local catalog = require('venice.tools.catalog')
local checks = require('venice.config_checks')
local options = require('venice.tools.options')
local schema = require('venice.tools.schema')

describe('the option tools', function()
  it('takes true, false and a table of known fields', function()
    for _, value in ipairs({
      true,
      false,
      {},
      { enable = { 'read_file' }, disable = {} },
      { exclude = { '*.key', 'secrets/' }, max_rounds = 3, max_result = 4096 },
      { command = {} },
      { secrets = false, exclude = { '!test.key' } },
      { command = { timeout = 0.5, max_output = 2048 } },
    }) do
      assert.is_nil(checks.tools(value), vim.inspect(value))
    end
  end)

  it('names what is wrong', function()
    for words, value in pairs({
      ['true, false or a table'] = 'on',
      ['there is no tools.enabel'] = { enabel = {} },
      ['there is no tools.1'] = { 'read_file' },
      ['tools.enable is a list of names of tools; there is no read'] = { enable = { 'read' } },
      ['tools.disable is a list of names'] = { disable = 'read_file' },
      ['tools.exclude is a list of patterns'] = { exclude = { 1 } },
      ['tools.secrets is true or false'] = { secrets = 'no' },
      ['tools.max_rounds is a whole number'] = { max_rounds = 0 },
      ['tools.max_result is a number of bytes'] = { max_result = 1e9 },
      ['tools.command is a table'] = { command = { 'ls' } and 1 },
      ['there is no tools.command.shell'] = { command = { shell = true } },
      ['a table whose tools.command.timeout is a number'] = { command = { timeout = 0 } },
    }) do
      local expected = checks.tools(value)
      assert.is_truthy(expected and expected:find(words, 1, true), tostring(expected))
    end
    local ok, err = pcall(require('venice.config').setup, { tools = { enabel = {} } })
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find('there is no tools.enabel', 1, true))
    require('venice.config').setup({})
  end)

  it('has defaults', function()
    for _, value in ipairs({ false, true, {} }) do
      local read = options.read(value)
      assert.are.equal(#checks.tool_names, vim.tbl_count(read.names))
      assert.are.equal(8, read.max_rounds)
      assert.are.equal(32768, read.max_result)
      assert.are.same({ timeout = 60, max_output = 65536 }, read.command)
      assert.is_true(vim.tbl_contains(read.exclude, '.env'))
    end
    assert.are.same({}, options.read({ secrets = false }).exclude)
    assert.are.same({ '*.sql' }, options.read({ secrets = false, exclude = { '*.sql' } }).exclude)
    assert.are.equal(5, options.read({ command = { timeout = 5 } }).command.timeout)
  end)
end)

describe('the list of secrets', function()
  local ignore = require('venice.tools.ignore')

  -- stylua: ignore
  local secrets = {
    '.env', '.ENV', '.env.local', 'a/.Env.Production', 'prod.env', 'SERVER.PEM', 'key.pem', 'a.KEY',
    'id_rsa', 'id_rsa.pub', 'id_ecdsa', 'ID_ED25519', 'id_work', 'key.pfx', 'x.P12', 'a.jks',
    'db.kdbx', '.netrc', '.npmrc', '.pypirc', 'credentials', '.aws/credentials', '.aws/config',
    '.ssh/config', '.SSH/x', '.gnupg/pubring.kbx', '.kube/config', 'terraform.tfstate',
    'secrets.yml', 'Secrets.json', 'x/prod.tfvars', '.git/config', '.GIT/config',
    '.git-credentials',
  }
  local plain = {
    'main.lua',
    'id_map.lua',
    'env.lua',
    'keyboard.c',
    'pem.c',
    'README.md',
    'environment.ts',
    'src/secretary.py',
    'credentials_test.go',
  }

  it('is complete, whatever the case, and the option adds to it', function()
    for _, value in ipairs({ true, { exclude = { '*.sql' } } }) do
      local judge = ignore.new('/tmp', { exclude = options.read(value).exclude, git = false })
      for _, path in ipairs(secrets) do
        assert.is_true(judge:is_excluded(path), path)
      end
      for _, path in ipairs(plain) do
        assert.is_false(judge:is_excluded(path), path)
      end
      assert.are.equal(value ~= true, judge:is_excluded('dump.SQL'))
    end
  end)

  it('can be switched off, or spare a file', function()
    local read = options.read({ exclude = { '!example.env' } })
    local judge = ignore.new('/tmp', { exclude = read.exclude, git = false })
    assert.is_false(judge:is_excluded('example.env'))
    assert.is_true(judge:is_excluded('.env'))
    judge = ignore.new('/tmp', { exclude = options.read({ secrets = false }).exclude, git = false })
    assert.is_false(judge:is_excluded('.env'))
    assert.is_true(judge:is_excluded('.git/config'))
  end)
end)

describe('the catalog', function()
  it('has each tool that can be named, complete', function()
    local all = {}
    for _, name in ipairs(checks.tool_names) do
      all[name] = true
      local entry = catalog.find(name)
      assert.are.equal(name, entry.definition.name)
      assert.is_truthy(('chat each itself'):find(entry.asks, 1, true))
      local properties = vim.tbl_keys(entry.definition.parameters.properties)
      table.sort(properties)
      local shown = vim.list_extend({}, entry.order)
      table.sort(shown)
      -- What is not in the order would run unseen.
      assert.are.same(properties, shown)
    end
    assert.are.equal(#checks.tool_names, #schema.compile(catalog.declarations(all)).list)
    assert.is_nil(catalog.find('nope'))
    -- Whoever changes a declaration changes a copy.
    catalog.declarations(all)[1].name = 'other'
    assert.are.equal('read_file', catalog.declarations(all)[1].name)
  end)

  it('lets nothing that acts be allowed for a chat', function()
    assert.are.equal('each', catalog.find('run_command').asks)
    assert.are.equal('itself', catalog.find('propose_edit').asks)
  end)
end)

describe('the size of a result', function()
  local bounds = require('venice.tools.bounds')
  local utf8 = require('venice.tools.utf8')

  it('is kept, whatever the text is made of', function()
    for _, piece in ipairs({ 'a', 'é', '日', '\1', '"', '\n', '\255', '🎉', '<tool_call>' }) do
      for _, cut in ipairs({ 'head', 'both_ends' }) do
        local text = bounds[cut](piece:rep(3000), 1000)
        assert.is_true(bounds.size(text) <= 1000, piece)
        assert.is_true(#text > 100, piece)
        assert.is_true(utf8.is_utf8(text))
        assert.are.equal('short', (bounds[cut]('short', 1000)))
      end
    end
    local text = bounds.both_ends(('a'):rep(500) .. ('z'):rep(5000), 600)
    assert.are.equal('a', text:sub(1, 1))
    assert.is_truthy(text:find('%[… %d+ bytes left out …%]\nz+$'))
  end)
end)
