-- The tools of a chat: what they give, what they refuse, and that every call gets one result.

local approval = require('venice.tools.approval')
local child = require('tests.lua.child')
local sessions = require('venice.tools.session')
local tools = require('venice.tools')
local uv = require('venice.compat').uv

local base, root, session
local questions, answers
local original = { ask = approval.ask, is_possible = approval.is_possible }

local function write(path, text)
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
end

local function new(options, folder)
  return assert(sessions.new({
    root = folder or root,
    options = options,
    name = function()
      return 'chat 1'
    end,
  }))
end

-- What the user says, call by call; 'once' where nothing is said.
local function user(...)
  answers = { ... }
end

before_each(function()
  base = uv.fs_realpath(child.tempdir())
  root = base .. '/project'
  for _, folder in ipairs({ root, root .. '/sub', root .. '/build', base .. '/outside' }) do
    assert(uv.fs_mkdir(folder, 448))
  end
  write(root .. '/a.txt', 'one\ntwo\nthree\n')
  write(root .. '/sub/b.lua', 'local x = 1\nreturn x\n')
  write(root .. '/build/made.txt', 'made of two\n')
  write(root .. '/.gitignore', 'build/\n*.log\n')
  write(root .. '/x.log', 'two\n')
  write(root .. '/.env', 'two=secret\n')
  write(base .. '/outside/secret', 'secret two\n')
  questions, answers = {}, {}
  approval.is_possible = function()
    return true
  end
  approval.ask = function(question, _, on_answer)
    questions[#questions + 1] = vim.deepcopy(question)
    local word = table.remove(answers, 1) or 'once'
    local is_open = true
    if word ~= 'wait' then
      vim.schedule(function()
        if is_open then
          on_answer(word)
        end
      end)
    end
    return {
      close = function()
        is_open = false
      end,
    }
  end
  session = new()
end)

after_each(function()
  approval.ask, approval.is_possible = original.ask, original.is_possible
  vim.cmd('silent! %bwipeout!')
end)

local count = 0
local function call(name, arguments)
  count = count + 1
  return { kind = 'call', id = 'call_' .. count, name = name, arguments = arguments }
end

-- Runs calls to their end.
local function run(calls, of, meanwhile)
  local results, times, updates = nil, 0, {}
  if not of then
    session:begin()
  end
  local handle = (of or session):run(calls, {
    on_update = function(called, words)
      updates[#updates + 1] = called.name .. ': ' .. words
    end,
    on_done = function(list)
      assert(not vim.in_fast_event())
      results, times = list, times + 1
    end,
  })
  assert.is_nil(results)
  if meanwhile then
    meanwhile(handle, updates)
  end
  assert.is_true(
    vim.wait(10000, function()
      return results ~= nil
    end, 2),
    'no results'
  )
  vim.wait(20)
  assert.are.equal(1, times)
  assert.are.equal(#calls, #results)
  for i, result in ipairs(results) do
    assert.are.equal(calls[i].id, result.id)
    assert.are.equal(calls[i].name, result.name)
    assert.are.equal('string', type(result.words))
    -- It can stand in the history.
    assert.is_truthy(tools.render_result(result.id, result.name, result.result))
  end
  return results, updates
end

local function one(name, arguments, of)
  return run({ call(name, arguments) }, of)[1]
end

local function fails(words, name, arguments, of)
  local result = one(name, arguments, of)
  assert.is_true(result.is_error)
  assert.are.equal('string', type(result.result))
  assert.is_truthy(result.result:find(words, 1, true), result.result)
  assert.is_nil(vim.inspect(result):find('secret two', 1, true))
  return result
end

describe('the declarations', function()
  it('are those that the option enables', function()
    local function names(options)
      local list = {}
      for i, tool in ipairs(new(options):declarations()) do
        list[i] = tool.name
      end
      return table.concat(list, ' ')
    end
    local all = 'read_file list_files search buffer diagnostics propose_edit run_command'
    assert.are.equal(all, names(nil))
    assert.are.equal(all, names(true))
    assert.are.equal('read_file search', names({ enable = { 'search', 'read_file' } }))
    assert.are.equal(
      'read_file list_files search buffer diagnostics',
      names({ disable = { 'run_command', 'propose_edit' } })
    )
    assert.are.equal('', names({ enable = {} }))
    assert.is_nil(tools.prompt(new({ enable = {} }):declarations(), 'glm'))
    assert.is_truthy(new():words():find('read_file, list_files', 1, true))
  end)

  it('take what they declare and nothing else', function()
    local declared = session:declarations()
    for _, model in ipairs({ 'glm', 'qwen', 'llama' }) do
      local text = tools.prompt(declared, model)
      for _, tool in ipairs(declared) do
        assert.is_truthy(text:find('"name":"' .. tool.name .. '"', 1, true))
        assert.is_false(tool.parameters.additionalProperties)
      end
    end
    local parser = tools.parser(declared)
    local events = parser:feed(
      '<tool_call>run_command\n<arg_key>argv</arg_key>\n<arg_value>["ls", "-l"]</arg_value>\n'
        .. '</tool_call><tool_call>{"name":"read_file","arguments":{"path":"a","x":1}}</tool_call>'
    )
    assert.are.same({ argv = { 'ls', '-l' } }, events[1].arguments)
    assert.are.equal('unknown_argument', events[3].reason)
  end)

  it('of a folder that is not there are an error', function()
    local none, err = sessions.new({
      root = base .. '/nowhere',
      name = function()
        return ''
      end,
    })
    assert.is_nil(none)
    assert.are.equal('not_found', err.code)
  end)
end)

describe('read_file', function()
  it('gives the text, or a range of its lines', function()
    local result = one('read_file', { path = 'a.txt' })
    assert.are.same(
      { path = 'a.txt', first = 1, last = 3, lines = 3, text = 'one\ntwo\nthree\n' },
      result.result
    )
    assert.is_false(result.is_error)
    assert.are.equal('read 3 lines', result.words)
    result = one('read_file', { path = './sub//b.lua', first = 2, last = 900 })
    assert.are.equal('return x\n', result.result.text)
    assert.are.equal('sub/b.lua', result.result.path)
    assert.are.equal('read lines 2-2 of 2', result.words)
    write(root .. '/empty', '')
    assert.are.equal('it is empty', one('read_file', { path = 'empty' }).result.note)
    fails('there are 3 lines', 'read_file', { path = 'a.txt', first = 4 })
    fails('before "first"', 'read_file', { path = 'a.txt', first = 2, last = 1 })
  end)

  it('gives nothing from outside the folder', function()
    assert(uv.fs_symlink('../outside/secret', root .. '/link'))
    assert(uv.fs_symlink(base .. '/outside', root .. '/folder'))
    for _, path in ipairs({ '../outside/secret', 'sub/../../outside/secret' }) do
      fails('".."', 'read_file', { path = path })
    end
    for _, path in ipairs({ base .. '/outside/secret', '/etc/passwd', 'link', 'folder/secret' }) do
      fails('leads out', 'read_file', { path = path })
    end
    assert.are.equal('read 3 lines', one('read_file', { path = root .. '/a.txt' }).words)
  end)

  it('gives nothing that was swapped between check and use', function()
    write(root .. '/victim', 'harmless\n')
    local read = session.offered.read
    session.offered.read = function(...)
      uv.fs_unlink(root .. '/victim')
      assert(uv.fs_symlink('../outside/secret', root .. '/victim'))
      return read(...)
    end
    fails('leads out', 'read_file', { path = 'victim' })
    -- A link that leads to a file that is not offered.
    uv.fs_unlink(root .. '/victim')
    write(root .. '/victim', 'harmless\n')
    session.offered.read = function(...)
      uv.fs_unlink(root .. '/victim')
      assert(uv.fs_symlink('.env', root .. '/victim'))
      return read(...)
    end
    fails('victim', 'read_file', { path = 'victim' })
  end)

  it('gives nothing that git ignores or the option excludes', function()
    fails('not offered', 'read_file', { path = 'x.log' })
    fails('not offered', 'read_file', { path = 'build/made.txt' })
    fails('not offered', 'read_file', { path = '.env' })
    assert(uv.fs_symlink('.env', root .. '/innocent'))
    fails('not offered', 'read_file', { path = 'innocent' })
    local other = new({ exclude = { 'a.*', 'sub/' } })
    fails('not offered', 'read_file', { path = 'a.txt' }, other)
    fails('not offered', 'read_file', { path = 'sub/b.lua' }, other)
    -- The option adds to the list of secrets, which a word of its own switches off.
    fails('not offered', 'read_file', { path = '.env' }, other)
    assert.is_false(one('read_file', { path = '.env' }, new({ secrets = false })).is_error)
    -- A rule that was written meanwhile counts.
    assert.is_false(one('read_file', { path = 'a.txt' }).is_error)
    write(root .. '/.gitignore', 'a.txt\n')
    fails('not offered', 'read_file', { path = 'a.txt' })
  end)

  it('asks nobody about a path that could never be read', function()
    local outside = base .. '/outside/secret'
    for _, path in ipairs({ '../outside/secret', 'a/../.env', outside, '/etc/passwd' }) do
      fails('', 'read_file', { path = path })
    end
    for _, path in ipairs({ '.env', './/.env', root .. '/.env', '.ssh/config', '.git/config' }) do
      fails('not offered', 'read_file', { path = path })
    end
    fails('".."', 'list_files', { path = '..' })
    fails('".."', 'search', { text = 'two', path = 'sub/..' })
    fails('not offered', 'buffer', { name = '.env' })
    fails('leads out', 'diagnostics', { path = '/etc' })
    assert.are.equal(0, #questions)
    -- What only a look at the disk could tell is not told without the user's word.
    fails('there is no', 'read_file', { path = 'missing' })
    fails('not offered', 'read_file', { path = 'x.log' })
    assert.are.equal(2, #questions)
  end)

  it('asks git, where it is there', function()
    if vim.fn.executable('git') == 0 then
      pending('no git')
      return
    end
    vim.fn.system({ 'git', 'init', '-q', root })
    write(root .. '/.git/info/exclude', 'a.txt\n')
    session = new()
    fails('not offered', 'read_file', { path = 'a.txt' })
    fails('not offered', 'read_file', { path = '.git/config' })
    assert.is_false(one('read_file', { path = 'sub/b.lua' }).is_error)
    assert.are.same({ '.gitignore', 'sub/b.lua' }, one('list_files', {}).result.files)
  end)

  it('refuses what is binary, no file, or too large', function()
    write(root .. '/binary', 'ELF\0\1')
    fails('binary', 'read_file', { path = 'binary' })
    fails('not a plain file', 'read_file', { path = 'sub' })
    os.execute('mkfifo ' .. root .. '/pipe')
    fails('not a plain file', 'read_file', { path = 'pipe' })
    local file = assert(io.open(root .. '/huge', 'wb'))
    file:seek('set', 2 ^ 40)
    file:write('x')
    file:close()
    fails('larger than', 'read_file', { path = 'huge' })
    fails('there is no nothing', 'read_file', { path = 'nothing' })
  end)

  it('gives a long file in parts', function()
    local lines = {}
    for i = 1, 20000 do
      lines[i] = ('line %d "quoted"'):format(i)
    end
    write(root .. '/long', table.concat(lines, '\n') .. '\n')
    local result = one('read_file', { path = 'long' }).result
    assert.are.equal(20000, result.lines)
    assert.is_true(#tools.render_result('x', 'read_file', result) <= 32 * 1024 + 200)
    assert.is_true(result.last > 500)
    local note = ('go on with first = %d'):format(result.last + 1)
    assert.is_truthy(result.note:find(note, 1, true))
    local rest = one('read_file', { path = 'long', first = result.last + 1 }).result
    assert.are.equal(lines[result.last + 1], rest.text:match('^[^\n]*'))
    rest = one('read_file', { path = 'long', first = 20000 }).result
    assert.are.equal(lines[20000] .. '\n', rest.text)
    assert.is_nil(rest.note)
    -- A line that does not fit by itself.
    write(root .. '/wide', ('é\1'):rep(40000) .. '\nnext\n')
    local wide = one('read_file', { path = 'wide' }).result
    assert.are.equal(1, wide.last)
    assert.is_truthy(wide.note:find('line 1 is cut', 1, true))
    assert.is_true(require('venice.tools.utf8').is_utf8(wide.text))
    assert.is_true(#tools.render_result('x', 'read_file', wide) <= 32 * 1024 + 200)
  end)

  it('gives text that is not UTF-8 as text that is', function()
    write(root .. '/latin', 'caf\233\n')
    local result = one('read_file', { path = 'latin' }).result
    local rendered = tools.render_result('x', 'read_file', result)
    assert.is_truthy(rendered:find('caf\239\191\189\\n', 1, true))
  end)

  it('sees edits that are not saved', function()
    vim.cmd('edit ' .. root .. '/a.txt')
    vim.api.nvim_buf_set_lines(0, 1, 2, false, { 'TWO, unsaved', 'new' })
    local result = one('read_file', { path = 'a.txt' }).result
    assert.are.equal('one\nTWO, unsaved\nnew\nthree\n', result.text)
    assert.is_true(result.unsaved)
    -- Also through a link, and of a file that does not exist yet.
    assert(uv.fs_symlink('a.txt', root .. '/alias'))
    assert.is_true(one('read_file', { path = 'alias' }).result.unsaved)
    vim.cmd('edit ' .. root .. '/sub/new.txt')
    vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'not on disk' })
    assert.are.equal('not on disk\n', one('read_file', { path = 'sub/new.txt' }).result.text)
  end)

  it('gives no buffer of a file that is not offered', function()
    for _, path in ipairs({ root .. '/.env', root .. '/x.log', base .. '/outside/secret' }) do
      vim.cmd('edit ' .. path)
      assert.is_true(one('read_file', { path = path }).is_error)
      assert.is_true(one('buffer', { name = path }).is_error)
    end
  end)
end)

describe('list_files', function()
  it('names the files that are offered', function()
    local result = one('list_files', {})
    assert.are.same({ '.gitignore', 'a.txt', 'sub/b.lua' }, result.result.files)
    assert.are.equal('listed 3 files', result.words)
    assert.are.same({ 'sub/b.lua' }, one('list_files', { path = 'sub' }).result.files)
    assert.are.same({ 'sub/b.lua' }, one('list_files', { pattern = '*.lua' }).result.files)
    assert.are.same({ 'sub/b.lua' }, one('list_files', { pattern = 'sub' }).result.files)
    assert.are.same({ 'a.txt' }, one('list_files', { pattern = '/*.txt' }).result.files)
    local none = one('list_files', { pattern = '*.c' }).result
    assert.is_nil(none.files)
    assert.are.equal('there is none', none.note)
    fails('not offered', 'list_files', { path = 'build' })
    fails('leads out', 'list_files', { path = base .. '/outside' })
    fails('".."', 'list_files', { path = '..' })
  end)

  it('does not follow links', function()
    assert(uv.fs_symlink(base .. '/outside', root .. '/folder'))
    assert(uv.fs_symlink('.', root .. '/loop'))
    local expected = { '.gitignore', 'a.txt', 'folder', 'loop', 'sub/b.lua' }
    assert.are.same(expected, one('list_files', {}).result.files)
  end)

  it('is bounded, and says so', function()
    for i = 1, 1200 do
      write(('%s/sub/%04d.txt'):format(root, i), '')
    end
    local result = one('list_files', {}).result
    assert.are.equal(1000, #result.files)
    assert.is_truthy(result.note:find('1000 of 1203', 1, true))
    local small = new({ max_result = 2048 })
    result = one('list_files', {}, small).result
    assert.is_true(#result.files < 200)
    assert.is_true(#tools.render_result('x', 'list_files', result) < 2300)
  end)
end)

describe('search', function()
  it('finds the lines that hold a text', function()
    local result = one('search', { text = 'two' })
    assert.are.same({ 'a.txt:2: two' }, result.result.matches)
    assert.are.equal('found 1 line in 1 file', result.words)
    assert.are.same(
      { 'sub/b.lua:1: local x = 1', 'sub/b.lua:2: return x' },
      one('search', { text = ' x' }).result.matches
    )
    assert.are.same(
      { 'a.txt:1: one', 'a.txt:3: three', 'sub/b.lua:2: return x' },
      one('search', { text = 'three\none\nRETURN', ignore_case = true }).result.matches
    )
    assert.are.same(
      { 'sub/b.lua:2: return x' },
      one('search', { text = 're', files = '*.lua' }).result.matches
    )
    assert.is_nil(one('search', { text = 'x', path = 'a.txt' }).result.matches)
    -- It is text, not a pattern.
    assert.is_nil(one('search', { text = 't.o' }).result.matches)
    assert.are.equal('nothing was found', one('search', { text = 'TWO' }).result.note)
    fails('not empty', 'search', { text = '\n\n' })
  end)

  it('finds nothing in files that are not offered, binary, or elsewhere', function()
    assert(uv.fs_symlink('../outside/secret', root .. '/link'))
    write(root .. '/binary', 'two\0two\n')
    assert.are.same({ 'a.txt:2: two' }, one('search', { text = 'two' }).result.matches)
    fails('not offered', 'search', { text = 'two', path = '.env' })
    fails('leads out', 'search', { text = 'two', path = 'link' })
  end)

  it('looks into buffers', function()
    vim.cmd('edit ' .. root .. '/a.txt')
    vim.api.nvim_buf_set_lines(0, 0, -1, false, { 'unsaved words' })
    assert.are.same({ 'a.txt:1: unsaved words' }, one('search', { text = 'saved' }).result.matches)
    assert.is_nil(one('search', { text = 'three' }).result.matches)
  end)

  it('is bounded, and says so', function()
    write(root .. '/many', ('needle\n'):rep(5000))
    write(root .. '/wide', ('needle '):rep(100000))
    write(root .. '/large', ('needle '):rep(200000))
    local result = one('search', { text = 'needle' }).result
    assert.are.equal(200, #result.matches)
    assert.is_truthy(result.note:find('the first 200', 1, true))
    result = one('search', { text = 'needle', path = 'wide' }).result
    assert.is_true(#result.matches[1] < 400)
    result = one('search', { text = 'needle', files = 'large' }).result
    assert.is_truthy(result.note:find('over 1 MB: 1', 1, true), result.note)
  end)

  it('does not hold the editor', function()
    for i = 1, 300 do
      write(('%s/sub/%d.txt'):format(root, i), ('some words\n'):rep(3000))
    end
    local ticks = 0
    local timer = uv.new_timer()
    timer:start(0, 1, function()
      ticks = ticks + 1
    end)
    run({ call('search', { text = 'nowhere' }) })
    timer:close()
    assert.is_true(ticks > 5, ticks)
  end)

  it('can be stopped', function()
    for i = 1, 300 do
      write(('%s/sub/%d.txt'):format(root, i), ('some words\n'):rep(3000))
    end
    local reads = 0
    local read = session.offered.read
    session.offered.read = function(...)
      reads = reads + 1
      return read(...)
    end
    local results = run({ call('search', { text = 'x' }) }, session, function(handle)
      vim.wait(5000, function()
        return reads > 3
      end, 1)
      handle.stop()
    end)
    assert.are.equal('stopped', results[1].words)
    local before = reads
    vim.wait(50)
    assert.are.equal(before, reads)
    assert.is_true(reads < 300)
  end)
end)

describe('buffer and diagnostics', function()
  it('name what is open, and give its text', function()
    assert.are.equal('none is open', one('buffer', {}).result.note)
    vim.cmd('edit ' .. root .. '/a.txt')
    vim.cmd('edit ' .. root .. '/.env')
    vim.cmd('edit ' .. base .. '/outside/secret')
    vim.cmd('edit ' .. root .. '/sub/b.lua')
    vim.api.nvim_buf_set_lines(0, 0, 1, false, { 'changed' })
    assert.are.same({
      { name = 'a.txt', lines = 3 },
      { name = 'sub/b.lua', lines = 2, unsaved = true, visible = true },
    }, one('buffer', {}).result.buffers)
    local result = one('buffer', { name = 'sub/b.lua', first = 1, last = 1 }).result
    assert.are.equal('changed\n', result.text)
    assert.is_true(result.unsaved)
    write(root .. '/closed.txt', 'x')
    fails('without a name', 'buffer', { name = 'closed.txt' })
  end)

  it('give the diagnostics of offered files', function()
    local ns = vim.api.nvim_create_namespace('test')
    local function diagnose(path, message)
      vim.cmd('edit ' .. path)
      vim.diagnostic.set(ns, 0, {
        { lnum = 1, col = 2, severity = 1, message = message, source = 'lint' },
        { lnum = 0, col = 0, severity = 2, message = 'first' },
      })
    end
    diagnose(root .. '/.env', 'secret two')
    diagnose(base .. '/outside/secret', 'secret two')
    diagnose(root .. '/a.txt', 'bad\nthing')
    local expected = { 'a.txt:1:1: warning: first', 'a.txt:2:3: error: bad thing [lint]' }
    assert.are.same(expected, one('diagnostics', {}).result.diagnostics)
    assert.are.same(expected, one('diagnostics', { path = 'a.txt' }).result.diagnostics)
    assert.are.equal('found 2 diagnostics', one('diagnostics', {}).words)
    fails('not offered', 'diagnostics', { path = '.env' })
    fails('no buffer', 'diagnostics', { path = 'sub/b.lua' })
  end)
end)

describe('run_command', function()
  local function command(argv, options)
    return one('run_command', { argv = argv }, options and new({ command = options }))
  end

  it('runs in the folder and says how it ended', function()
    local result = command({ 'sh', '-c', 'pwd; echo oops >&2; exit 3' })
    assert.are.equal('exit code 3', result.words)
    assert.are.equal(3, result.result.exit_code)
    assert.is_truthy(result.result.output:find(root .. '\n', 1, true))
    assert.is_truthy(result.result.output:find('oops', 1, true))
    assert.are.equal(root, questions[1].root)
    assert.is_false(questions[1].may_always)
    assert.is_true(questions[1].is_dangerous)
  end)

  it('is what was approved', function()
    local calls = { call('run_command', { argv = { 'echo', 'approved' } }) }
    user('wait')
    local ask = approval.ask
    approval.ask = function(question, buf, on_answer)
      ask(question, buf, on_answer)
      calls[1].arguments.argv[2] = 'another'
      vim.schedule(function()
        on_answer('once')
      end)
      return { close = function() end }
    end
    assert.are.equal('approved\n', run(calls)[1].result.output)
  end)

  it('has no shell and no key', function()
    vim.env.VENICE_API_KEY = 'a-secret-key'
    local result = command({ 'env' })
    vim.env.VENICE_API_KEY = nil
    assert.is_nil(result.result.output:find('a-secret-key', 1, true))
    assert.are.equal('$HOME *\n', command({ 'echo', '$HOME', '*' }).result.output)
  end)

  it('that hangs, floods or forks is ended', function()
    local result = command({ 'sleep', '60' }, { timeout = 0.2 })
    assert.are.equal('ended after 0.2 seconds, the limit', result.words)
    assert.is_nil(result.result.exit_code)
    result = command({ 'yes', 'flood' }, { max_output = 100000 })
    assert.is_truthy(result.words:find('100000 bytes', 1, true))
    assert.is_truthy(result.result.output:find('bytes left out …]', 1, true))
    assert.is_true(#tools.render_result('x', 'run_command', result.result) <= 33 * 1024)
    result = command({ 'sh', '-c', 'sleep 60 & echo $!' })
    local pid = tonumber(result.result.output)
    assert.is_true(vim.wait(3000, function()
      local stat = io.open(('/proc/%d/stat'):format(pid))
      local state = stat and stat:read('*a'):match('%) (%a)')
      if stat then
        stat:close()
      end
      return state == nil or state == 'Z'
    end, 5))
  end)

  it('that cannot be one is not asked for', function()
    for _, argv in ipairs({ {}, { '' }, { 'a\0b' } }) do
      assert.is_true(command(argv).is_error)
    end
    assert.are.equal(0, #questions)
    fails('did not start', 'run_command', { argv = { 'venice-no-such-program' } })
  end)

  it('is asked for each time, even where the answer was always', function()
    user('always', 'always')
    for _ = 1, 2 do
      command({ 'true' })
    end
    local results = run({ call('run_command', { argv = { 'true' } }) })
    assert.are.equal('exit code 0', results[1].words)
    assert.are.equal(3, #questions)
  end)
end)

describe('a round', function()
  it('asks before each call, and not again for what is allowed in the chat', function()
    user('once', 'always')
    local read = { path = 'a.txt' }
    run({ call('read_file', read), call('read_file', read), call('read_file', read) })
    assert.are.equal(2, #questions)
    assert.are.equal('chat 1', questions[1].chat)
    assert.are.same(read, questions[1].arguments)
    assert.is_true(questions[1].may_always)
    -- Of this tool, in this chat.
    run({ call('list_files', {}), call('read_file', read) })
    assert.are.equal(3, #questions)
    run({ call('read_file', read) }, new())
    assert.are.equal(4, #questions)
  end)

  it('says what it does', function()
    local _, updates = run({ call('read_file', { path = 'a.txt' }) })
    assert.are.same({ 'read_file: waits for you', 'read_file: runs' }, updates)
  end)

  it('ends with what the user refuses', function()
    user('once', 'no')
    local results = run({
      call('read_file', { path = 'a.txt' }),
      call('run_command', { argv = { 'touch', root .. '/touched' } }),
      call('run_command', { argv = { 'touch', root .. '/touched' } }),
      call('read_file', { path = 'a.txt' }),
    })
    assert.is_false(results[1].is_error)
    assert.is_true(results[2].refused)
    assert.is_truthy(results[2].result:find('refused', 1, true))
    assert.are.equal('refused', results[2].words)
    for i = 3, 4 do
      assert.are.equal('not run', results[i].words)
      assert.is_true(results[i].is_error)
      assert.is_false(results[i].refused)
    end
    assert.are.equal(2, #questions)
    assert.is_nil(uv.fs_stat(root .. '/touched'))
    -- The next one is a new one.
    assert.is_false(one('read_file', { path = 'a.txt' }).is_error)
  end)

  it('refuses everything where nobody can be asked', function()
    approval.is_possible = function()
      return false
    end
    local results = run({
      call('run_command', { argv = { 'touch', root .. '/touched' } }),
      call('propose_edit', { path = 'a.txt', old_text = 'one', new_text = '1' }),
    })
    assert.is_truthy(results[1].result:find('nobody', 1, true))
    assert.is_true(results[2].is_error)
    assert.are.equal(0, #questions)
    assert.is_nil(uv.fs_stat(root .. '/touched'))
    session.allowed.read_file = true
    assert.is_false(one('read_file', { path = 'a.txt' }).is_error)
  end)

  it('can be stopped while it asks', function()
    user('once', 'wait')
    local results = run(
      {
        call('read_file', { path = 'a.txt' }),
        call('read_file', { path = 'a.txt' }),
        call('run_command', { argv = { 'touch', root .. '/touched' } }),
      },
      session,
      function(handle)
        vim.wait(5000, function()
          return #questions == 2
        end, 2)
        handle.stop()
        handle.stop()
      end
    )
    assert.are.equal('read 3 lines', results[1].words)
    assert.are.equal('stopped', results[2].words)
    assert.are.equal('stopped', results[3].words)
    assert.are.equal(2, #questions)
    assert.is_nil(uv.fs_stat(root .. '/touched'))
  end)

  it('does not run what was approved in the moment of the stop', function()
    local late
    approval.ask = function(_, _, on_answer)
      late = on_answer
      return { close = function() end }
    end
    local argv = { 'touch', root .. '/touched' }
    local results = run({ call('run_command', { argv = argv }) }, session, function(handle)
      vim.wait(5000, function()
        return late ~= nil
      end, 2)
      handle.stop()
      late('once')
    end)
    assert.are.equal('stopped', results[1].words)
    vim.wait(100)
    assert.is_nil(uv.fs_stat(root .. '/touched'))
  end)

  it('can be stopped while a command runs, which ends too', function()
    local script = 'echo $$ > pid; sleep 60'
    local results = run(
      {
        call('run_command', { argv = { 'sh', '-c', script } }),
        call('run_command', { argv = { 'touch', 'touched' } }),
      },
      session,
      function(handle)
        vim.wait(5000, function()
          local stat = uv.fs_stat(root .. '/pid')
          return stat and stat.size > 0
        end, 5)
        handle.stop()
      end
    )
    assert.are.equal('stopped', results[1].words)
    assert.are.equal('stopped', results[2].words)
    local pid = tonumber(child.read(root .. '/pid'))
    assert.is_true(vim.wait(3000, function()
      return uv.kill(pid, 0) ~= 0
    end, 5))
    assert.is_nil(uv.fs_stat(root .. '/touched'))
  end)

  it('can be stopped before it begins', function()
    local results = run({ call('read_file', { path = 'a.txt' }) }, session, function(handle)
      handle.stop()
    end)
    assert.are.equal('stopped', results[1].words)
    assert.are.equal(0, #questions)
    assert.are.same({}, run({}))
  end)

  it('gives a result whatever goes wrong', function()
    session.offered.read = function()
      error('a fault')
    end
    assert.is_truthy(fails('a fault', 'read_file', { path = 'a.txt' }))
    session = new()
    fails('no tool of this name', 'nope', {})
    fails('no tool of this name', 'run_command', { argv = { 'id' } }, new({ enable = {} }))
    fails('missing', 'read_file', {})
    fails('expected array', 'run_command', { argv = 'id' })
    fails('does not have this argument', 'read_file', { path = 'a.txt', rm = true })
    assert.are.equal(1, #questions)
  end)

  it('bounds what one answer may ask for', function()
    local calls = {}
    for i = 1, 40 do
      calls[i] = call('read_file', { path = 'a.txt' })
    end
    local results = run(calls)
    assert.are.equal(16, #questions)
    assert.is_false(results[16].is_error)
    assert.are.equal('not run: too many calls', results[17].words)
    -- Their results together.
    write(root .. '/large', ('x'):rep(100) .. ('\nline'):rep(20000))
    calls = {}
    for i = 1, 10 do
      calls[i] = call('read_file', { path = 'large' })
    end
    results = run(calls)
    local size = 0
    for i = 1, 10 do
      size = size + #tools.render_result('x', 'read_file', results[i].result)
    end
    assert.is_true(size < 4 * 32 * 1024 + 5000, size)
    assert.are.equal('not run: the results are full', results[10].words)
  end)

  it('ends a model that calls for ever', function()
    local small = new({ max_rounds = 3 })
    small.allowed.read_file = true
    local rounds = 0
    small:begin()
    repeat
      rounds = rounds + 1
      assert.is_false(one('read_file', { path = 'a.txt' }, small).is_error)
      local may, words = small:may_go_on()
      assert.are.equal(not may, words ~= nil)
    until not may
    assert.are.equal(3, rounds)
    -- Whoever goes on all the same runs nothing.
    fails('the limit', 'read_file', { path = 'a.txt' }, small)
    small:begin()
    assert.is_true(small:may_go_on())
    assert.is_false(one('read_file', { path = 'a.txt' }, small).is_error)
  end)

  it('stays in the folder in which the chat began', function()
    local before = vim.fn.getcwd()
    vim.cmd('cd ' .. base .. '/outside')
    local result = one('read_file', { path = 'a.txt' })
    fails('there is no secret', 'read_file', { path = 'secret' })
    local output = one('run_command', { argv = { 'pwd' } }).result.output
    vim.cmd('cd ' .. before)
    assert.are.equal('read 3 lines', result.words)
    assert.are.equal(root .. '\n', output)
  end)
end)
