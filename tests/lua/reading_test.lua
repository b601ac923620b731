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

local function git(folder, ...)
  local argv = { 'git', '-C', folder, '-c', 'user.name=a', '-c', 'user.email=a' }
  vim.list_extend(argv, { '-c', 'protocol.file.allow=always', ... })
  local said = vim.fn.system(argv)
  assert(vim.v.shell_error == 0, said)
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

  it("is an error where the repository is somebody else's", function()
    if uv.getuid() ~= 0 then
      pending('only root can give files away')
      return
    end
    repository(root)
    assert.are.equal(0, os.execute('chown -R nobody ' .. root))
    local session = new(nil, root .. '/app')
    is_hidden(session)
    local result = one(session, 'read_file', { path = 'main.lua' })
    assert.is_truthy(result.result:find('belongs to somebody else', 1, true), result.result)
  end)

  it('runs nothing that the settings of the repository name', function()
    repository(root)
    local hook = base .. '/hook'
    write(hook, '#!/bin/sh\ntouch ' .. base .. '/was-run\ncat\n')
    assert.are.equal(0, os.execute('chmod +x ' .. hook))
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
