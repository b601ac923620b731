-- What a model may learn about a path, whatever the way that it tries: every tool, with every kind
-- of path. Where git is there, what it ignores counts, also in repositories that lie in others, and
-- where it does not answer nothing is offered.

local approval = require('venice.tools.approval')
local child = require('tests.lua.child')
local sessions = require('venice.tools.session')
local uv = require('venice.compat').uv

local base, root
local questions, word
local original = { ask = approval.ask, is_possible = approval.is_possible }

local function write(path, text)
  vim.fn.mkdir(vim.fn.fnamemodify(path, ':h'), 'p')
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
end

local function run(...)
  local said = vim.fn.system({ ... })
  assert(vim.v.shell_error == 0, said)
end

local function git(folder, ...)
  local names = { '-c', 'user.name=a', '-c', 'user.email=a', '-c', 'protocol.file.allow=always' }
  run('git', '-C', folder, unpack(vim.list_extend(names, { ... })))
end

before_each(function()
  base = uv.fs_realpath(child.tempdir())
  root = base .. '/project'
  assert(uv.fs_mkdir(root, 448))
  questions, word = {}, 'once'
  approval.is_possible = function()
    return true
  end
  approval.ask = function(question, _, on_answer)
    questions[#questions + 1] = vim.deepcopy(question)
    vim.schedule(function()
      on_answer(word)
    end)
    return { close = function() end }
  end
end)

after_each(function()
  approval.ask, approval.is_possible = original.ask, original.is_possible
  vim.cmd('silent! %bwipeout!')
end)

local function new(options, folder)
  return assert(sessions.new({
    root = folder or root,
    options = options,
    name = function()
      return 'chat 1'
    end,
  }))
end

local function one(session, name, arguments)
  local results
  session:begin()
  session:run({ { kind = 'call', id = 'call_1', name = name, arguments = arguments } }, {
    on_done = function(list)
      results = list
    end,
  })
  assert.is_true(vim.wait(10000, function()
    return results ~= nil
  end, 2))
  return results[1]
end

describe('what git ignores', function()
  if vim.fn.executable('git') == 0 then
    pending('no git')
    return
  end

  local function repository(folder)
    write(folder .. '/app/main.lua', 'code\n')
    write(folder .. '/app/secrets-of-mine.txt', 'HIDDEN=1\n')
    write(folder .. '/app/private.txt', 'HIDDEN=2\n')
    write(folder .. '/.gitignore', 'secrets-of-mine.txt\n')
    git(folder, 'init', '-q')
    write(folder .. '/.git/info/exclude', 'private.txt\n')
    git(folder, 'add', '.')
    git(folder, 'commit', '-q', '-m', 'c')
  end

  local function is_hidden(session)
    for _, call in ipairs({
      { 'list_files', {} },
      { 'search', { text = 'HIDDEN' } },
      { 'read_file', { path = 'secrets-of-mine.txt' } },
      { 'read_file', { path = 'private.txt' } },
      { 'search', { text = 'HIDDEN', path = 'private.txt' } },
    }) do
      local result = vim.inspect(one(session, call[1], call[2]).result)
      assert.is_nil(result:find('HIDDEN=', 1, true), result)
      if call[1] == 'list_files' then
        assert.is_nil(result:find('secrets-of-mine', 1, true), result)
        assert.is_nil(result:find('private', 1, true), result)
      end
    end
  end

  it('is hidden beside a submodule, and in it', function()
    write(base .. '/source/sub.txt', 'sub\n')
    git(base, 'init', '-q', base .. '/source')
    git(base .. '/source', 'add', '.')
    git(base .. '/source', 'commit', '-q', '-m', 's')
    repository(root)
    git(root .. '/app', 'submodule', '--quiet', 'add', base .. '/source', 'lib')
    git(root, 'commit', '-q', '-m', 'sub')
    write(root .. '/app/lib/private.txt', 'HIDDEN=3\n')
    write(root .. '/.git/modules/app/lib/info/exclude', 'private.txt\n')
    local session = new(nil, root .. '/app')
    is_hidden(session)
    assert.are.same({ 'lib/sub.txt', 'main.lua' }, one(session, 'list_files', {}).result.files)
    assert.are.same({ 'lib/sub.txt' }, one(session, 'list_files', { path = 'lib' }).result.files)
    assert.are.equal('sub\n', one(session, 'read_file', { path = 'lib/sub.txt' }).result.text)
    local result = one(session, 'read_file', { path = 'lib/private.txt' }).result
    assert.is_truthy(result:find('not offered', 1, true), result)
  end)

  it('is hidden in repositories that lie in others, or in a folder of none', function()
    repository(root)
    repository(root .. '/app/clone')
    write(root .. '/app/vendor/clone/x.txt', 'HIDDEN=4\n')
    git(root .. '/app/vendor/clone', 'init', '-q')
    write(root .. '/.gitignore', 'secrets-of-mine.txt\nvendor/\n')
    local session = new(nil, root .. '/app')
    is_hidden(session)
    local expected = { 'clone/.gitignore', 'clone/app/main.lua', 'main.lua' }
    assert.are.same(expected, one(session, 'list_files', {}).result.files)
    for _, path in ipairs({ 'clone/app/private.txt', 'vendor/clone/x.txt', 'vendor' }) do
      local result = one(session, 'read_file', { path = path }).result
      assert.is_truthy(result:find('not offered', 1, true), path)
    end
    -- The folder above is in no repository.
    session = new(nil, base)
    local listed = one(session, 'list_files', {}).result.files
    assert.is_true(vim.tbl_contains(listed, 'project/app/main.lua'))
    assert.is_nil(table.concat(listed, ' '):find('private', 1, true))
    local result = one(session, 'read_file', { path = 'project/app/private.txt' }).result
    assert.is_truthy(result:find('not offered', 1, true), result)
  end)

  it('is an error where git fails: nothing is offered', function()
    repository(root)
    write(root .. '/.git/index', 'this is no index')
    local session = new(nil, root .. '/app')
    for name, arguments in pairs({
      read_file = { path = 'main.lua' },
      list_files = {},
      search = { text = 'code' },
      buffer = { name = 'main.lua' },
      diagnostics = { path = 'main.lua' },
    }) do
      local result = one(session, name, arguments)
      assert.is_true(result.is_error, name)
      assert.is_truthy(result.result:find('git cannot say', 1, true), result.result)
    end
  end)

  it('is an error where the repository belongs to somebody else', function()
    if uv.getuid() ~= 0 then
      pending('only root can give files away')
      return
    end
    repository(root)
    run('chown', '-R', 'nobody', root)
    local session = new(nil, root .. '/app')
    is_hidden(session)
    local result = one(session, 'read_file', { path = 'main.lua' })
    assert.is_truthy(result.result:find('belongs to somebody else', 1, true), result.result)
  end)

  it('runs nothing that the settings of the repository name', function()
    repository(root)
    local hook = base .. '/hook'
    write(hook, '#!/bin/sh\ntouch ' .. base .. '/was-run\ncat\n')
    run('chmod', '+x', hook)
    write(root .. '/.gitattributes', '* filter=bad diff=bad\n')
    for _, setting in ipairs({
      'core.fsmonitor',
      'core.pager',
      'core.sshCommand',
      'core.editor',
      'filter.bad.clean',
      'filter.bad.process',
      'filter.bad.smudge',
      'diff.bad.textconv',
      'diff.external',
      'core.alternateRefsCommand',
      'core.askPass',
      'credential.helper',
      'pager.ls-files',
      'pager.check-ignore',
      'alias.ls-files',
      'alias.check-ignore',
    }) do
      git(root, 'config', setting, (setting:find('alias') and '!' or '') .. hook)
    end
    git(root, 'config', 'core.hooksPath', base)
    write(base .. '/post-index-change', '#!/bin/sh\ntouch ' .. base .. '/was-run\n')
    os.execute('chmod +x ' .. base .. '/post-index-change; touch ' .. root .. '/app/main.lua')
    local session = new(nil, root .. '/app')
    assert.are.same({ 'main.lua' }, one(session, 'list_files', {}).result.files)
    assert.are.equal('code\n', one(session, 'read_file', { path = 'main.lua' }).result.text)
    assert.is_nil(uv.fs_stat(base .. '/was-run'))
  end)

  it('does not come back through a work tree that lies elsewhere', function()
    write(base .. '/outside/secret.txt', 'HIDDEN=5\n')
    repository(root)
    git(root, 'config', 'core.worktree', base)
    local session = new(nil, root .. '/app')
    local result = vim.inspect(one(session, 'list_files', {}).result)
    assert.is_nil(result:find('outside', 1, true), result)
    result = vim.inspect(one(session, 'search', { text = 'HIDDEN' }).result)
    assert.is_nil(result:find('HIDDEN=5', 1, true), result)
  end)

  it('is not followed through a link in the place of a folder that git knows', function()
    repository(root)
    write(base .. '/outside/main.lua', 'HIDDEN=6\n')
    os.execute('mv ' .. root .. '/app ' .. base .. '/moved')
    assert(uv.fs_symlink(base .. '/outside', root .. '/app'))
    local session = new(nil, root)
    assert.are.same({ '.gitignore', 'app' }, one(session, 'list_files', {}).result.files)
    assert.is_nil(one(session, 'search', { text = 'HIDDEN' }).result.matches)
  end)
end)

-- Every way with every kind of path. A proposal that fits is shown as a diff, which asks like a
-- question does.
describe('a path', function()
  local diff = require('venice.edit.diff')
  local open = diff.open

  before_each(function()
    write(root .. '/a.txt', 'one\ntwo\n')
    write(root .. '/sub/b.txt', 'below\n')
    write(root .. '/.env', 'TOKEN=two\n')
    write(root .. '/x.log', 'two\n')
    write(root .. '/.gitignore', '*.log\n')
    write(base .. '/outside/secret', 'two\n')
    for name, target in pairs({
      link = '../outside/secret',
      ['link-to-none'] = '../outside/none',
      folder = base .. '/outside',
      innocent = '.env',
      ['innocent-to-none'] = 'server.pem',
      ['log'] = 'x.log',
      ['log-to-none'] = 'y.log',
    }) do
      assert(uv.fs_symlink(target, root .. '/' .. name))
    end
    diff.open = function(opts)
      questions[#questions + 1] = { name = 'diff' }
      vim.schedule(function()
        opts.on_done({ outcome = 'refused', accepted = 0, refused = 1, total = 1 })
      end)
      return { close = function() end, set_text = function() end }
    end
  end)

  after_each(function()
    diff.open = open
  end)

  -- A proposal that fits, and some that do not, each in its own way.
  local ways = {
    { 'read_file', 'path' },
    { 'list_files', 'path' },
    { 'search', 'path', { text = 'two' } },
    { 'buffer', 'name' },
    { 'diagnostics', 'path' },
    { 'propose_edit', 'path', { old_text = 'two', new_text = 'x' } },
    { 'propose_edit', 'path', { old_text = 'o', new_text = 'x' } },
    { 'propose_edit', 'path', { old_text = 'nothing', new_text = 'x' } },
    { 'propose_edit', 'path', { old_text = '', new_text = 'x' } },
  }

  -- All that leaves: what the model is told, and whether the user was asked.
  local function leaves(way, path, answer)
    word, questions = answer, {}
    local arguments = vim.tbl_extend('force', way[3] or {}, { [way[2]] = path })
    local result = one(new(), way[1], arguments)
    local text = vim.inspect(result.result):gsub(vim.pesc(path), '<path>')
    return ('asked %d times; %s; %s'):format(#questions, text, tostring(result.is_error))
  end

  local function what(way, path)
    return way[1] .. ' ' .. vim.inspect(way[3] or {}) .. ' ' .. path
  end

  it('that its text refuses is never asked about, there or not', function()
    local groups = {
      {
        '/etc/passwd',
        '/etc/none',
        base .. '/outside/secret',
        base .. '/outside/none',
        '/',
        '//etc',
      },
      { '/proc/self/cwd/a.txt', '/proc/self/cwd/none', '/proc/self/root' .. root .. '/a.txt' },
      { '/dev/stdin', '/proc/self/fd/0', root:upper() .. '/a.txt', root .. '-not/a.txt' },
      { '../outside/secret', '../outside/none', 'sub/../a.txt', 'none/../a.txt' },
      { '.env', '.ENV', './/.env', 'sub/.Env.local', root .. '/.env', 'server.pem', 'SERVER.PEM' },
      { '.git/config', '.GIT/none', '.ssh', 'sub/.aws/x' },
    }
    for _, way in ipairs(ways) do
      for _, group in ipairs(groups) do
        local expected
        for _, path in ipairs(group) do
          local told = leaves(way, path, 'once')
          expected = expected or told
          assert.are.equal(expected, told, what(way, path))
          assert.is_truthy(told:find('asked 0 times', 1, true), what(way, path))
        end
      end
    end
  end)

  -- Neither by its words, nor by whether the user was asked.
  local others = {
    'a.txt',
    'none.txt',
    'sub',
    'sub/none/none',
    'link',
    'link-to-none',
    'folder/secret',
    'folder/none',
    'innocent',
    'innocent-to-none',
    'log',
    'log-to-none',
    'x.log',
    'y.log',
  }

  it('is not told about before the user said yes', function()
    for _, way in ipairs(ways) do
      local expected = leaves(way, 'a.txt', 'no')
      assert.is_truthy(expected:find('asked 1 times', 1, true), expected)
      for _, path in ipairs(others) do
        assert.are.equal(expected, leaves(way, path, 'no'), what(way, path))
      end
    end
  end)

  it('outside, ignored or secret is not told to be there, nor not to be', function()
    for _, way in ipairs(ways) do
      for _, pair in ipairs({
        { 'link', 'link-to-none' },
        { 'folder/secret', 'folder/none' },
        { 'innocent', 'innocent-to-none' },
        { 'x.log', 'y.log' },
        { 'log', 'log-to-none' },
      }) do
        local there, not_there = leaves(way, pair[1], 'once'), leaves(way, pair[2], 'once')
        assert.are.equal(there, not_there, what(way, pair[1]))
        assert.is_nil(there:find('two', 1, true), there)
        assert.is_truthy(there:find('true', 1, true), there)
      end
    end
  end)

  it('that may be read is told about in detail', function()
    local session = new()
    session.allowed.read_file = true
    local function told(arguments)
      return one(session, 'propose_edit', arguments).result
    end
    assert.is_truthy(
      told({ path = 'a.txt', old_text = 'o', new_text = 'x' }):find('more than once')
    )
    assert.is_truthy(
      told({ path = 'a.txt', old_text = 'z', new_text = 'x' }):find('does not stand')
    )
    assert.is_truthy(told({ path = 'none', old_text = 'z', new_text = 'x' }):find('there is no'))
    assert.are.equal(0, #questions)
    -- A yes to reading it once is one for this file, and for no other.
    session = new()
    one(session, 'read_file', { path = 'a.txt' })
    assert.are.equal(1, #questions)
    assert.is_truthy(
      told({ path = 'a.txt', old_text = 'o', new_text = 'x' }):find('more than once')
    )
    assert.are.equal(1, #questions)
    told({ path = 'sub/b.txt', old_text = 'z', new_text = 'x' })
    assert.are.equal(2, #questions)
    -- A yes to a range of lines is none for the rest.
    session = new()
    one(session, 'read_file', { path = 'a.txt', first = 1, last = 1 })
    told({ path = 'a.txt', old_text = 'o', new_text = 'x' })
    assert.are.equal(4, #questions)
  end)

  it('whose text would not change is not looked at', function()
    local same = { path = 'a.txt', old_text = 'two\r\n', new_text = 'two\n' }
    local result = one(new(), 'propose_edit', same)
    assert.is_truthy(result.result:find('changes nothing', 1, true))
    same.path = 'none.txt'
    assert.are.equal(result.result, one(new(), 'propose_edit', same).result)
    assert.are.equal(0, #questions)
  end)

  it('is found in no list and by no search, unless it is offered', function()
    for _, options in ipairs({ true, { exclude = { '*.sql' } } }) do
      local listed = one(new(options), 'list_files', {}).result.files
      for _, path in ipairs(listed) do
        assert.is_nil(path:find('env') or path:find('%.log') or path:find('/secret'), path)
      end
      local found = one(new(options), 'search', { text = 'two' }).result.matches
      assert.are.same({ 'a.txt:2: two' }, found)
    end
  end)
end)
