-- What a tool may read: nothing outside the working folder, however the path gets there.

local child = require('tests.lua.child')
local paths = require('venice.tools.paths')
local uv = require('venice.compat').uv

local base, root, guard

local function write(path, text)
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
end

local function mkdir(path)
  assert(uv.fs_mkdir(path, 448))
end

local function link(target, path)
  assert(uv.fs_symlink(target, path))
end

-- Replaces a function of luv while `during` runs.
local function with_uv(name, replacement, during)
  local original = uv[name]
  uv[name] = function(...)
    return replacement(original, ...)
  end
  local ok, err = pcall(during)
  uv[name] = original
  assert(ok, err)
end

before_each(function()
  base = uv.fs_realpath(child.tempdir())
  root = base .. '/project'
  mkdir(root)
  mkdir(root .. '/sub')
  mkdir(base .. '/outside')
  write(root .. '/a.txt', 'inside\n')
  write(root .. '/sub/b.txt', 'below\n')
  write(base .. '/outside/secret', 'secret\n')
  write(base .. '/project-not', 'secret\n')
  guard = assert(paths.new(root))
end)

local function refused(path, code, words)
  for _, method in ipairs({ 'resolve', 'read' }) do
    local value, err = guard[method](guard, path)
    assert.is_nil(value)
    assert.are.equal(code, err.code)
    assert.is_truthy(err.message:find(words, 1, true), err.message)
    assert.is_falsy(err.message:find('secret\n', 1, true))
  end
end

describe('a path', function()
  it('below the working folder is taken', function()
    for _, path in ipairs({ 'sub/b.txt', './sub//b.txt', root .. '/sub/b.txt' }) do
      local real, relative = guard:resolve(path)
      assert.are.equal(root .. '/sub/b.txt', real)
      assert.are.equal('sub/b.txt', relative)
    end
    local _, relative = guard:resolve('.')
    assert.are.equal('.', relative)
    assert.are.same(
      { text = 'below\n', path = 'sub/b.txt', real = root .. '/sub/b.txt', size = 6 },
      guard:read('sub/b.txt')
    )
  end)

  it('cannot go up', function()
    local bad = { '..', '../outside/secret', 'sub/../a.txt', root .. '/../project-not' }
    for _, path in ipairs(bad) do
      refused(path, 'bad_request', '".."')
    end
    -- Two dots that are part of a name are no way up.
    write(root .. '/..a', 'x')
    assert.are.equal('x', guard:read('..a').text)
  end)

  it('cannot be absolute and elsewhere', function()
    refused('/etc/passwd', 'bad_request', 'leads out')
    refused('/etc/there-is-no-such-file', 'bad_request', 'leads out')
    refused(base .. '/project-not', 'bad_request', 'leads out')
    refused('/', 'bad_request', 'leads out')
  end)

  it('cannot hold a NUL, be empty or endless', function()
    refused('a.txt\0', 'bad_request', 'NUL')
    refused('', 'bad_request', 'not a path')
    refused(('a/'):rep(5000), 'bad_request', 'not a path')
    assert.has_error(function()
      guard:resolve(nil)
    end)
  end)

  it('that is missing is said to be', function()
    refused('nothing', 'not_found', 'there is no nothing')
    refused('sub/nothing/more', 'not_found', 'there is no')
  end)

  it('follows links that stay inside, and no others', function()
    link('sub/b.txt', root .. '/good')
    link('../outside/secret', root .. '/bad')
    link(base .. '/outside', root .. '/folder')
    link('bad', root .. '/twice')
    link('loop', root .. '/loop')
    assert.are.equal('sub/b.txt', guard:read('good').path)
    refused('bad', 'bad_request', 'leads out')
    refused('folder/secret', 'bad_request', 'leads out')
    refused('folder/there-is-no-such-file', 'bad_request', 'leads out')
    refused('twice', 'bad_request', 'leads out')
    refused('loop', 'not_found', 'there is no')
  end)

  it('may go through a link to the working folder', function()
    link(root, base .. '/alias')
    local other = assert(paths.new(base .. '/alias'))
    assert.are.equal(root, other.root)
    assert.are.equal('inside\n', other:read(base .. '/alias/a.txt').text)
    assert.is_nil(paths.new(base .. '/nowhere'))
    assert.is_nil(paths.new(base .. '/project-not'))
  end)

  it('of a new file has a folder inside', function()
    link(base .. '/outside', root .. '/folder')
    link(base .. '/outside/new', root .. '/dangling')
    local real, relative = guard:resolve_new('sub/new.txt')
    assert.are.equal(root .. '/sub/new.txt', real)
    assert.are.equal('sub/new.txt', relative)
    assert.are.equal(root .. '/new.txt', (guard:resolve_new('new.txt')))
    assert.are.equal(root .. '/a.txt', (guard:resolve_new('a.txt')))
    -- stylua: ignore
    local bad = {
      'folder/new', 'dangling', 'a.txt/new', 'nowhere/new', '../new', '/etc/new', 'new/', '',
    }
    for _, path in ipairs(bad) do
      assert.is_nil((guard:resolve_new(path)), path)
    end
  end)
end)

describe('a file', function()
  it('that is large is refused, unread', function()
    write(root .. '/large', ('x'):rep(5000))
    local value, err = guard:read('large', { max_size = 4999 })
    assert.is_nil(value)
    assert.are.equal('too_large', err.code)
    assert.are.equal(5000, guard:read('large', { max_size = 5000 }).size)
    local file = assert(io.open(root .. '/huge', 'wb'))
    file:seek('set', 2 ^ 40)
    file:write('x')
    file:close()
    assert.are.equal('too_large', select(2, guard:read('huge')).code)
  end)

  it('that grows while it is read is refused', function()
    write(root .. '/grows', 'x')
    with_uv('fs_fstat', function(original, fd)
      local stat = original(fd)
      write(root .. '/grows', ('x'):rep(9000))
      return stat
    end, function()
      assert.are.equal('too_large', select(2, guard:read('grows', { max_size = 4000 })).code)
    end)
  end)

  it('that is binary is refused', function()
    write(root .. '/binary', 'ELF\0\1')
    local value, err = guard:read('binary')
    assert.is_nil(value)
    assert.is_truthy(err.message:find('binary', 1, true))
  end)

  it('that is no plain file is refused at once', function()
    os.execute('mkfifo ' .. root .. '/pipe')
    local start = uv.hrtime()
    for _, path in ipairs({ 'pipe', 'sub' }) do
      local value, err = guard:read(path)
      assert.is_nil(value)
      assert.is_truthy(err.message:find('not a plain file', 1, true))
    end
    assert.is_true(uv.hrtime() - start < 1e9)
  end)

  it('is not read when it was swapped between check and use', function()
    local function swapped(how)
      return function(original, ...)
        how()
        return original(...)
      end
    end
    local function read_refused(path)
      local value, err = guard:read(path)
      assert.is_nil(value)
      assert.is_truthy(err.message:find('changed while', 1, true), err.message)
    end
    -- The file itself becomes a link.
    with_uv(
      'fs_open',
      swapped(function()
        uv.fs_unlink(root .. '/a.txt')
        link(base .. '/outside/secret', root .. '/a.txt')
      end),
      function()
        local value = guard:read('a.txt')
        assert.is_nil(value)
      end
    )
    -- A folder above it becomes a link.
    mkdir(root .. '/deep')
    write(root .. '/deep/secret', 'harmless\n')
    with_uv(
      'fs_open',
      swapped(function()
        assert(uv.fs_rename(root .. '/deep', root .. '/moved'))
        link(base .. '/outside', root .. '/deep')
      end),
      function()
        read_refused('deep/secret')
      end
    )
    -- Another file takes its place.
    write(root .. '/c.txt', 'c')
    with_uv(
      'fs_open',
      swapped(function()
        write(root .. '/d.txt', 'd')
        assert(uv.fs_rename(root .. '/d.txt', root .. '/c.txt'))
      end),
      function()
        read_refused('c.txt')
      end
    )
  end)

  it('is not read when the swap was made before the look and undone after the opening', function()
    if not uv.fs_stat('/proc/self/fd') then
      pending('no /proc')
      return
    end
    mkdir(root .. '/deep')
    write(root .. '/deep/secret', 'harmless\n')
    with_uv('fs_lstat', function(original, path)
      if path == root .. '/deep/secret' then
        uv.fs_rename(root .. '/deep', root .. '/moved')
        link(base .. '/outside', root .. '/deep')
      end
      return original(path)
    end, function()
      with_uv('fs_fstat', function(original, fd)
        uv.fs_unlink(root .. '/deep')
        uv.fs_rename(root .. '/moved', root .. '/deep')
        return original(fd)
      end, function()
        local value, err = guard:read('deep/secret')
        assert.is_nil(value)
        assert.is_truthy(err.message:find('changed while', 1, true))
      end)
    end)
    assert.are.equal('harmless\n', guard:read('deep/secret').text)
  end)

  it('leaves no descriptor open', function()
    if not uv.fs_stat('/proc/self/fd') then
      pending('no /proc')
      return
    end
    local function count()
      return #vim.fn.readdir('/proc/self/fd')
    end
    write(root .. '/binary', '\0')
    local before = count()
    for _ = 1, 20 do
      guard:read('a.txt')
      guard:read('binary')
      guard:read('a.txt', { max_size = 1 })
    end
    assert.are.equal(before, count())
  end)
end)

describe('ignored files', function()
  local ignore = require('venice.tools.ignore')
  -- stylua: ignore
  local all = {
    'a.log', 'keep.log', 'a.txt', 'build/x', 'sub/build/y', 'sub/a.log', 'sub/local.txt',
    'docs/a/b/c.pdf', '.git/config', 'sub/.git', '.env', '#odd', 'sp ace.txt', 'top', 'sub/top',
  }
  local kept = { 'a.txt', 'keep.log', 'sp ace.txt', 'sub/top' }

  local function rules()
    -- stylua: ignore
    local lines = {
      '# a comment', '', '*.log', '!keep.log', 'build/', '/top', 'docs/**/*.pdf', '\\#odd', '   ',
    }
    write(root .. '/.gitignore', table.concat(lines, '\n'))
    write(root .. '/sub/.gitignore', 'local.*\n')
  end

  local function filtered(opts)
    local answer, failure
    ignore.new(root, opts):filter(all, function(err, list)
      answer, failure = list, err
    end)
    assert.is_nil(answer)
    assert.is_true(vim.wait(5000, function()
      return answer ~= nil or failure ~= nil
    end, 5))
    table.sort(answer or {})
    return answer, failure
  end

  it('are left out without git', function()
    rules()
    assert.are.same(kept, filtered({ exclude = { '.env' }, git = false }))
  end)

  it('are left out with git', function()
    if vim.fn.executable('git') == 0 then
      pending('no git')
      return
    end
    rules()
    -- Not a repository: the rules are read here.
    assert.are.same(kept, filtered({ exclude = { '.env' } }))
    vim.fn.system({ 'git', 'init', '-q', root })
    assert.are.equal(0, vim.v.shell_error)
    assert.are.same(kept, filtered({ exclude = { '.env' } }))
    -- Something that only git knows.
    write(root .. '/.git/info/exclude', 'a.txt\n')
    assert.are.equal('keep.log', filtered({ exclude = { '.env' } })[1])
  end)

  it('are none where git does not answer: nothing is offered', function()
    if vim.fn.executable('git') == 0 then
      pending('no git')
      return
    end
    rules()
    vim.fn.system({ 'git', 'init', '-q', root })
    local run = require('venice.process')
    local original = run.run
    run.run = function(_, _, callback)
      vim.schedule(function()
        callback({ code = 'not_found', message = 'git did not start' })
      end)
    end
    local ok, kept_here, failure = pcall(filtered, { exclude = { '.env' } })
    run.run = original
    assert.is_true(ok, kept_here)
    assert.is_nil(kept_here)
    assert.is_truthy(failure.message:find('git cannot say what it ignores', 1, true))
  end)

  it('are judged one by one', function()
    rules()
    local judge = ignore.new(root, { exclude = { 'secrets/', '*.key', 'a/[b-d]?/x' }, git = false })
    for _, path in ipairs({ 'x/y.key', 'secrets/x', 'a/c1/x', '.git/a', 'build/a/b', 'z/q.log' }) do
      assert.is_true(judge:is_ignored(path), path)
    end
    local offered = { 'secrets', 'a/e1/x', 'a/c/x', 'b/a/c1/x', 'build', 'x.keys', '.gitx' }
    for _, path in ipairs(offered) do
      assert.is_false(judge:is_ignored(path), path)
    end
    assert.is_true(judge:is_ignored('build', true))
    assert.is_true(judge:is_ignored('secrets', true))
  end)

  it('cannot make the matcher spin', function()
    write(root .. '/.gitignore', ('*a'):rep(200) .. 'b\n' .. ('**/'):rep(60) .. 'zz\n')
    local judge = ignore.new(root, { git = false })
    local start = uv.hrtime()
    assert.is_false(judge:is_ignored(('a'):rep(250)))
    assert.is_false(judge:is_ignored(('a/'):rep(60) .. 'a'))
    assert.is_true(uv.hrtime() - start < 3e9)
  end)
end)
