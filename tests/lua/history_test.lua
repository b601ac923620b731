-- Chats that are saved and opened: by keys, through age where it is installed and through small
-- programs that fail in each way that a program can.

local child = require('tests.lua.child')

local uv = vim.uv or vim.loop

local KEY = 'KEYMARK-5f1e0c77'
local PROMPT = 'PROMPTMARK-9b2d4a10'
local ANSWER = 'ANSWERMARK-c3e8f651'
local REASONING = 'REASONMARK-77aa01de'
local DRAFT = 'DRAFTMARK-0d8e4f2b'
local marks = { PROMPT, ANSWER, REASONING, DRAFT }

-- It hides letters, and does the same in both directions.
local rot13 = { 'tr', 'A-Za-z', 'N-ZA-Mn-za-m' }
local function sh(script)
  return { 'sh', '-c', script }
end

local nvim, data

local function launch(opts)
  data = data or child.tempdir()
  -- Room for an error and its hint, else each is waited for.
  local defaults = { columns = 150, lines = 36, cmd = { 'set cmdheight=6' } }
  opts = vim.tbl_extend('force', defaults, opts or {})
  opts.env = vim.tbl_extend('force', { XDG_DATA_HOME = data, VENICE_API_KEY = KEY }, opts.env or {})
  nvim = child.start(opts)
  nvim.install_fake()
  nvim.lua([[
    function use(encrypt, decrypt)
      local history = {
        encrypt = encrypt ~= vim.NIL and encrypt or nil,
        decrypt = decrypt ~= vim.NIL and decrypt or nil,
      }
      require('venice').setup({ model = 'e2ee-fake', history = history })
    end
  ]])
end

local function use(encrypt, decrypt)
  nvim.lua('use(...)', encrypt, decrypt)
end

-- A Neovim that knows nothing of the one before but what is on disk.
local function restart(opts)
  nvim.stop()
  launch(opts)
end

local function last_note()
  local notes = nvim.notifications()
  return #notes > 0 and notes[#notes].msg or ''
end

local function says(text)
  local ok = pcall(nvim.wait_for, function()
    return last_note():find(text, 1, true)
  end, 5000)
  assert(ok, ('%q was not said, but: %s'):format(text, last_note()))
end

-- What was said before does not count, nor keep the same from being said again.
local function run(command)
  nvim.lua([[require('venice.errors').notice('next') _G.__notes = {}]])
  nvim.type_keys(':' .. command .. '<CR>')
end

local function talk(prompt)
  nvim.cmd('VeniceChat ' .. (prompt or PROMPT))
  nvim.lua(
    [[
    local reasoning, answer = ...
    fake.text(reasoning, 'reasoning')
    fake.text(answer)
    fake.event({ kind = 'usage', usage = { completion_tokens = 312 } })
    fake.done(nil, { finish_reason = 'stop' })
  ]],
    REASONING,
    ANSWER
  )
end

local function path(name)
  return data .. '/nvim/venice/chats/' .. name .. '.venice'
end

-- Not by glob(), which asks a shell for hidden names.
local function saved_files()
  local folder, list = data .. '/nvim/venice/chats', {}
  for _, name in ipairs(vim.fn.isdirectory(folder) == 1 and vim.fn.readdir(folder) or {}) do
    list[#list + 1] = folder .. '/' .. name
  end
  return list
end

local function texts()
  local lines = nvim.lua([[
    local list = {}
    for _, turn in ipairs(require('venice.chat').current().view:texts()) do
      list[#list + 1] = turn.role .. ': ' .. turn.text
    end
    return list
  ]])
  return table.concat(lines, '|')
end

local function shows(text)
  local ok = pcall(nvim.wait_for, function()
    return nvim.screen_text():find(text, 1, true)
  end, 5000)
  assert(ok, ('%q is not on the screen:\n%s'):format(text, nvim.screen_text()))
end

local function count_chats()
  return nvim.lua([[return #require('venice.chat').list()]])
end

local function set_up()
  data = nil
  launch()
end
local function tear_down()
  nvim.stop()
end

-- age ---------------------------------------------------------------------------------------------

describe('with age, a chat', function()
  local age, folder

  local function no_age()
    if vim.fn.executable('age') == 0 or vim.fn.executable('age-keygen') == 0 then
      pending('age is not installed')
      return true
    end
  end

  setup(function()
    folder = child.tempdir()
    if vim.fn.executable('age-keygen') == 1 then
      vim.fn.system({ 'age-keygen', '-o', folder .. '/key.txt' })
      vim.fn.system({ 'age-keygen', '-o', folder .. '/other.txt' })
      local recipient = child.read(folder .. '/key.txt'):match('age1%w+')
      age = {
        encrypt = { 'age', '-r', recipient },
        armor = { 'age', '-a', '-r', recipient },
        decrypt = { 'age', '-d', '-i', folder .. '/key.txt' },
        other = { 'age', '-d', '-i', folder .. '/other.txt' },
        passphrase = { 'age', '-p' },
      }
    end
  end)
  before_each(set_up)
  after_each(tear_down)

  local function disk_is_clean()
    for _, mark in ipairs(marks) do
      for _, dir in ipairs({ nvim.dirs.root, data, folder }) do
        assert.are.same({}, child.grep_tree(dir, mark), mark)
      end
    end
  end

  local function save_plans()
    use(age.encrypt, age.decrypt)
    talk()
    nvim.type_keys('Gi' .. DRAFT .. '<Esc>')
    run('Venice save plans')
    says('saved as plans, encrypted: 2 turns')
  end

  it('is saved, and opened in another Neovim as it was', function()
    if no_age() then
      return
    end
    save_plans()
    assert.are.equal('age-encryption.org/v1', child.read(path('plans')):match('^[^\n]*'))
    assert.are.equal('rw-------', vim.fn.getfperm(path('plans')))
    assert.are.equal('rwx------', vim.fn.getfperm(data .. '/nvim/venice/chats'))
    assert.are.same({ path('plans') }, saved_files())
    local before = texts()
    disk_is_clean()
    restart()
    use(age.encrypt, age.decrypt)
    run('Venice open plans')
    says('opened plans: 2 turns')
    assert.are.equal(before, texts())
    for _, words in ipairs({ PROMPT, ANSWER, DRAFT, '312 tokens', '▸ Reasoning, 1 line' }) do
      shows(words)
    end
    assert.is_nil(nvim.screen_text():find('signed', 1, true))
    -- It goes on, and keeps its name.
    nvim.type_keys('<CR>')
    local messages = nvim.lua('return fake.last.request.messages')
    assert.are.same({ PROMPT, ANSWER, DRAFT }, {
      messages[1].content,
      messages[2].content,
      messages[3].content,
    })
    nvim.lua([[fake.text('second') fake.done()]])
    run('Venice save')
    says('saved as plans, encrypted: 4 turns')
    disk_is_clean()
  end)

  it('is saved as armor too', function()
    if no_age() then
      return
    end
    use(age.armor, age.decrypt)
    talk()
    run('Venice save plans')
    says('saved as plans')
    assert.is_truthy(child.read(path('plans')):find('^%-%-%-%-%-BEGIN AGE'))
    restart()
    use(age.armor, age.decrypt)
    run('Venice open plans')
    says('opened plans')
    assert.is_truthy(texts():find(ANSWER, 1, true))
  end)

  it('may be large, and hold any bytes', function()
    if no_age() then
      return
    end
    use(age.encrypt, age.decrypt)
    nvim.lua([[
      local chat = require('venice.chat').open()
      local line = ('x\0\r\t漢"\\'):rep(40)
      local lines = {}
      for i = 1, 8000 do
        lines[i] = line
      end
      chat:add(lines)
      sent = chat.view:text(chat.view:draft())
    ]])
    run('Venice save large')
    says('saved as large')
    assert.is_true(nvim.lua('return #sent') > 2800000)
    nvim.cmd('Venice wipe')
    run('Venice open large')
    says('opened large')
    assert.is_true(nvim.lua([[
      local chat = require('venice.chat').current()
      return chat.view:text(chat.view:draft()) == sent
    ]]))
  end)

  it('is not opened with the wrong key, or where its file was touched', function()
    if no_age() then
      return
    end
    save_plans()
    nvim.cmd('Venice wipe')
    use(age.encrypt, age.other)
    run('Venice open plans')
    says('the chat was not opened: age failed with exit code 1: age: error: no identity matched')
    assert.is_truthy(last_note():find('key file', 1, true))
    assert.are.equal(0, count_chats())
    use(age.encrypt, age.decrypt)
    local bytes = child.read(path('plans'))
    child.write(path('plans'), bytes:sub(1, -2) .. string.char((bytes:byte(-1) + 1) % 256))
    run('Venice open plans')
    says('the chat was not opened: age failed')
    child.write(path('plans'), bytes:sub(1, -100))
    run('Venice open plans')
    says('the chat was not opened: age failed')
    assert.are.equal(0, count_chats())
    disk_is_clean()
  end)

  it('is not saved by a program that wants a terminal, in a terminal either', function()
    if no_age() then
      return
    end
    restart({ terminal = true })
    use(age.passphrase, age.decrypt)
    talk()
    run('Venice save plans')
    says('age failed with exit code 1: age: error: could not read passphrase')
    assert.is_truthy(last_note():find('agent that asks in a window of its own', 1, true))
    assert.are.same({}, saved_files())
    disk_is_clean()
  end)

  it('leaves nothing readable behind when Neovim is killed while it is saved', function()
    if no_age() then
      return
    end
    use(sh('cat > /dev/null; sleep 60'), age.decrypt)
    talk()
    run('Venice save plans')
    nvim.wait_for([[require('venice.chat').current().is_saving]])
    nvim.kill('sigkill')
    nvim.wait_exit()
    assert.are.same({}, saved_files())
    disk_is_clean()
  end)

  it('is saved when Neovim quits behind it', function()
    if no_age() then
      return
    end
    use(age.encrypt, age.decrypt)
    talk()
    nvim.lua_notify([[vim.cmd('Venice save plans') vim.cmd('qall')]])
    assert.are.equal(0, (nvim.wait_exit()))
    assert.are.same({ path('plans') }, saved_files())
    disk_is_clean()
    restart()
    use(age.encrypt, age.decrypt)
    run('Venice open plans')
    says('opened plans')
    assert.is_truthy(texts():find(ANSWER, 1, true))
  end)
end)

-- Saving ------------------------------------------------------------------------------------------

describe('saving a chat', function()
  before_each(set_up)
  after_each(tear_down)

  it('is refused without a program, with an example', function()
    talk()
    run('Venice save plans')
    says('the chat was not saved: no program is set that encrypts it')
    assert.is_truthy(last_note():find("encrypt = { 'age', '-r', 'age1…' }", 1, true))
    use(nil, rot13)
    run('Venice save plans')
    says('the chat was not saved: history.encrypt is not set, only history.decrypt')
    assert.are.same({}, saved_files())
    use(rot13, nil)
    run('Venice save plans')
    says('saved as plans')
    run('Venice open plans')
    says('the chat was not opened: history.decrypt is not set, only history.encrypt')
    use(nil, nil)
    run('Venice open')
    says('the chat was not opened: no program is set that decrypts it')
  end)

  it('is refused without a chat, or anything in it', function()
    use(rot13, rot13)
    run('Venice save plans')
    says('there is no chat; :VeniceChat opens one')
    nvim.cmd('VeniceChat')
    run('Venice save plans')
    says('the chat was not saved: there is nothing in it yet')
    nvim.type_keys('ia draft<Esc>')
    run('Venice save plans')
    says('saved as plans, encrypted: 0 turns')
  end)

  it('takes names, and no paths', function()
    use(rot13, rot13)
    talk()
    local bad = {
      '../up',
      '/tmp/x',
      'a/b',
      '.hidden',
      '..',
      '~',
      'a\\b',
      'a:b',
      "a'b",
      'a$HOME',
      'a*',
      ('x'):rep(101),
      ('é'):rep(51),
      'caf\233',
      'a\u{202e}b',
      'a\u{200b}b',
      'a\u{a0}b',
      'a\u{2028}b',
      'a“b',
    }
    for _, name in ipairs(bad) do
      run('')
      nvim.lua([[require('venice.chat.history').save(...)]], name)
      says('the chat was not saved: this is no name for a saved chat')
    end
    assert.are.same({}, saved_files())
    for _, name in ipairs({ 'plan B_2.1-x', 'Überblick 漢字', ('x'):rep(100), '-rf' }) do
      run('Venice! save ' .. name)
      says('saved as ' .. name)
      assert.are.equal(1, vim.fn.filereadable(path(name)), name)
    end
  end)

  it('asks for a name once', function()
    use(rot13, rot13)
    talk()
    run('Venice save')
    says('the chat was not saved: it has no name yet')
    assert.is_truthy(last_note():find('none is made from the text', 1, true))
    run('Venice save plans')
    says('saved as plans')
    run('Venice save')
    says('saved as plans')
    run('Venice save other')
    says('saved as other')
    assert.are.same(
      { 'other', 'plans' },
      nvim.lua([[return require('venice.chat.history').names()]])
    )
  end)

  it('replaces no other chat without a !', function()
    use(rot13, rot13)
    talk('first')
    run('Venice save plans')
    says('saved as plans')
    local first = child.read(path('plans'))
    nvim.cmd('VeniceChat! second')
    nvim.lua([[fake.text('x') fake.done()]])
    run('Venice save plans')
    says('the chat was not saved: there is one of this name already: plans')
    assert.is_truthy(last_note():find(':Venice! save plans replaces it', 1, true))
    assert.are.equal(first, child.read(path('plans')))
    run('Venice! save plans')
    says('saved as plans')
    assert.are_not.equal(first, child.read(path('plans')))
    -- The first chat finds that the file is not its own any more.
    nvim.lua([[require('venice.chat.window').open(require('venice.chat').list()[1])]])
    run('Venice save')
    says('the chat was not saved: plans was changed since')
    -- A file that has gone is written again.
    nvim.fn.delete(path('plans'))
    run('Venice save')
    says('saved as plans')
  end)

  it('sees a chat of the name that came while it was encrypted', function()
    local gate = child.tempdir() .. '/gate'
    use(sh('tr A-Za-z N-ZA-Mn-za-m; while [ ! -e ' .. gate .. ' ]; do sleep 0.02; done'), rot13)
    talk()
    run('Venice save plans')
    nvim.wait_for([[require('venice.chat').current().is_saving]])
    vim.fn.mkdir(data .. '/nvim/venice/chats', 'p')
    child.write(path('plans'), 'of somebody else')
    child.write(gate, '')
    says('the chat was not saved: there is one of this name already: plans')
    assert.are.equal('of somebody else', child.read(path('plans')))
    assert.are.same({ path('plans') }, saved_files())
  end)

  it('lets the editor go on, and the chat be wiped', function()
    local gate = child.tempdir() .. '/gate'
    use(sh('tr A-Za-z N-ZA-Mn-za-m; while [ ! -e ' .. gate .. ' ]; do sleep 0.02; done'), rot13)
    talk()
    run('Venice save plans')
    nvim.type_keys('Gitail<Esc>')
    assert.is_truthy(nvim.text():find('tail', 1, true))
    run('Venice save plans')
    says('this chat is being saved')
    nvim.cmd('Venice wipe')
    assert.are.equal(0, count_chats())
    child.write(gate, '')
    says('saved as plans, encrypted: 2 turns')
    run('Venice open plans')
    says('opened plans')
    -- As it was when it was saved.
    assert.are.equal(('user: %s|assistant: %s|user: '):format(PROMPT, ANSWER), texts())
  end)

  it('takes what is there of an answer that is coming', function()
    use(rot13, rot13)
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.text('half an answer')]])
    run('Venice save plans')
    says('saved as plans')
    nvim.lua([[fake.text(', whole now') fake.done()]])
    nvim.cmd('Venice wipe')
    run('Venice open plans')
    says('opened plans')
    assert.are.equal('user: one|assistant: half an answer|user: ', texts())
    shows('stopped')
  end)

  it('is refused where a program does not encrypt', function()
    talk()
    for _, case in ipairs({
      { sh('cat'), 'the chat as it is' },
      { sh('echo header; cat; echo trailer'), 'the chat as it is' },
      { sh('tail -c +40'), 'parts of the chat as they are' },
      { sh('gzip'), 'packed data that anybody can read: gzip' },
      { sh('bzip2'), 'packed data that anybody can read: bzip2' },
      { sh('xz'), 'packed data that anybody can read: xz' },
      { sh('zstd'), 'packed data that anybody can read: zstd' },
    }) do
      if vim.fn.executable(case[1][3]:match('^%S+')) == 1 then
        use(case[1], rot13)
        run('Venice save plans')
        says('the program of history.encrypt does not encrypt: it gave ' .. case[2])
        assert.are.same({}, saved_files())
      end
    end
  end)

  it('writes nothing where the program fails in any way', function()
    talk()
    nvim.lua([[require('venice.chat.history.program').TIMEOUT = 0.4]])
    local before = texts()
    for _, case in ipairs({
      { { 'venice-no-such-program' }, 'venice-no-such-program did not start: ENOENT' },
      { sh('exit 3'), 'sh failed with exit code 3' },
      { sh('cat; exit 1'), 'sh failed with exit code 1' },
      { sh('echo "the first line" >&2; echo "the last" >&2; exit 2'), 'exit code 2: the last' },
      { sh('echo "x: Error: bad" >&2; echo "see y" >&2; exit 2'), 'exit code 2: x: Error: bad' },
      { sh('printf "a\\033[31mb\\377c\\n" >&2; exit 2'), 'exit code 2: a [31mb�c' },
      { sh('printf "%5000s" x | tr " " y >&2; exit 2'), 'exit code 2: ' .. ('y'):rep(200) .. '\n' },
      { sh('cat > /dev/null'), 'sh wrote nothing' },
      { sh('cat > /dev/null; echo "no recipient" >&2'), 'sh wrote nothing: no recipient' },
      { sh('kill -9 $$'), 'sh was ended by signal 9' },
      { sh('kill -TERM $$'), 'sh was ended by signal 15' },
      { sh('cat > /dev/null; sleep 60'), 'sh did not end within 0 seconds' },
      { sh('sleep 60'), 'sh did not end within 0 seconds' },
      { sh('trap "" TERM; while :; do sleep 0.05; done'), 'sh did not end within 0 seconds' },
    }) do
      use(case[1], rot13)
      run('Venice save plans')
      says(case[2])
      assert.is_truthy(last_note():find('the chat was not saved: ', 1, true))
      assert.is_truthy(last_note():find('hint: ', 1, true))
      assert.are.same({}, saved_files())
      assert.are.equal(before, texts())
    end
    assert.is_nil(nvim.lua([[return require('venice.chat').current().saved_name]]))
    use(rot13, rot13)
    run('Venice save plans')
    says('saved as plans')
  end)

  it('writes nothing where the program floods, or has not read all', function()
    nvim.lua([[require('venice.chat').open():add(vim.split(('line\n'):rep(100000), '\n'))]])
    use(sh('yes'), rot13)
    run('Venice save plans')
    says('sh wrote more than 16 MB')
    use(sh('echo something'), rot13)
    run('Venice save plans')
    says('sh ended before it had read and written everything')
    assert.are.same({}, saved_files())
  end)

  it('repeats nothing of the chat that a failing program says', function()
    talk()
    use(sh('cat >&2; exit 1'), rot13)
    run('Venice save plans')
    says('sh failed with exit code 1')
    for _, mark in ipairs(marks) do
      assert.is_nil(nvim.messages():find(mark, 1, true))
    end
    assert.is_nil(nvim.messages():find('venice-chat', 1, true))
  end)

  it('says so where the folder cannot be written', function()
    talk()
    use(rot13, rot13)
    vim.fn.mkdir(data .. '/nvim/venice', 'p')
    child.write(data .. '/nvim/venice/chats', 'a file')
    run('Venice save plans')
    says('the chat was not saved: it cannot be written: ENOTDIR')
    assert.are.equal('a file', child.read(data .. '/nvim/venice/chats'))
  end)

  it('says where a text cannot be carried', function()
    use(rot13, rot13)
    nvim.lua([[require('venice.chat').open():add({ 'caf\233' })]])
    run('Venice save plans')
    says('the chat was not saved: the prompt that is being written holds bytes that are no UTF-8')
    assert.are.same({}, saved_files())
  end)

  it('gives the program no key, no terminal and no plaintext but on its input', function()
    local log = child.tempdir() .. '/log'
    restart({
      terminal = true,
      env = { GPG_TTY = '/dev/pts/0', EXTRA = 'kept' },
    })
    talk()
    local look = 'env; pwd; tr "\\0" " " < /proc/$$/cmdline; (: < /dev/tty) && printf HAS_%s TTY'
    use(sh(('{ %s; } > %s 2>&1; tr A-Za-z N-ZA-Mn-za-m'):format(look, log)), rot13)
    run('Venice save plans')
    says('saved as plans')
    local text = child.read(log)
    assert.is_nil(text:find(KEY, 1, true))
    assert.is_nil(text:find('VENICE_API_KEY', 1, true))
    assert.is_nil(text:find('GPG_TTY', 1, true))
    assert.is_nil(text:find('HAS_TTY', 1, true))
    assert.is_truthy(text:find('EXTRA=kept', 1, true))
    assert.is_truthy(text:find('\n' .. nvim.dirs.home .. '\n', 1, true))
    for _, mark in ipairs(marks) do
      assert.is_nil(text:find(mark, 1, true))
    end
  end)

  it('knows ~ in the words of the option', function()
    child.write(
      nvim.dirs.home .. '/cipher',
      '#!/bin/sh\ncat "$1" > /dev/null && ' .. table.concat(rot13, ' ')
    )
    uv.fs_chmod(nvim.dirs.home .. '/cipher', 448)
    talk()
    use({ '~/cipher', '~/cipher' }, rot13)
    run('Venice save plans')
    says('saved as plans')
  end)
end)

-- Opening -----------------------------------------------------------------------------------------

describe('opening a saved chat', function()
  before_each(function()
    set_up()
    use(rot13, rot13)
  end)
  after_each(tear_down)

  local function save(name, prompt)
    nvim.cmd('VeniceChat! ' .. prompt)
    nvim.lua([[fake.text('answer') fake.done()]])
    run('Venice save ' .. name)
    says('saved as ' .. name)
  end

  it('lets the user choose without a name, the newest first', function()
    run('Venice open')
    says('no chat has been saved yet; :Venice save {name} does')
    for i, name in ipairs({ 'old', 'new', 'middle' }) do
      save(name, 'of ' .. name)
      local time = 1700000000 + ({ 0, 200000, 100000 })[i]
      uv.fs_utime(path(name), time, time)
    end
    child.write(data .. '/nvim/venice/chats/.x.venice', '')
    child.write(data .. '/nvim/venice/chats/notes.txt', '')
    restart()
    use(rot13, rot13)
    nvim.lua([[
      vim.ui.select = function(items, opts, on_choice)
        shown = vim.tbl_map(opts.format_item, items)
        on_choice(items[2])
      end
    ]])
    run('Venice open')
    says('opened middle: 2 turns')
    local shown = nvim.lua('return shown')
    assert.are.equal(3, #shown)
    assert.is_truthy(shown[1]:find('^new  %(2023%-11%-1%d %d%d:%d%d%)$'))
    assert.is_truthy(shown[2]:find('^middle '))
    assert.is_truthy(shown[3]:find('^old '))
    assert.are.equal('user: of middle|assistant: answer|user: ', texts())
    nvim.lua([[vim.ui.select = function(_, _, on_choice) on_choice(nil) end]])
    run('Venice open')
    assert.are.equal(1, count_chats())
  end)

  it('completes names', function()
    save('plans', 'one')
    save('poems', 'two')
    assert.are.same({ 'plans', 'poems' }, nvim.fn.getcompletion('Venice open ', 'cmdline'))
    assert.are.same({ 'poems' }, nvim.fn.getcompletion('Venice save po', 'cmdline'))
  end)

  it('says that there is none of this name, or that it cannot be', function()
    run('Venice open nothing')
    says('the chat was not opened: there is none of this name: nothing')
    nvim.lua([[require('venice.chat.history').open('../../../etc/passwd')]])
    says('the chat was not opened: this is no name for a saved chat')
    vim.fn.mkdir(path('folder'), 'p')
    run('Venice open folder')
    says('the chat was not opened: folder cannot be read: it is no file')
    local file = assert(io.open(path('huge'), 'wb'))
    file:seek('set', 17 * 1024 * 1024)
    file:write('x')
    file:close()
    run('Venice open huge')
    says('the chat was not opened: huge cannot be read: it is larger than 16 MB')
    assert.are.equal(0, count_chats())
  end)

  it('shows the chat that is open, unless it was changed on disk', function()
    save('plans', 'one')
    nvim.cmd('VeniceChat! two')
    nvim.lua('fake.done()')
    assert.are.equal(2, count_chats())
    run('Venice open plans')
    says('plans is open in this Neovim: this is it')
    assert.are.equal('user: one|assistant: answer|user: ', texts())
    assert.are.equal(2, count_chats())
    uv.fs_utime(path('plans'), 1700000000, 1700000000)
    run('Venice open plans')
    says('opened plans')
    assert.are.equal(3, count_chats())
  end)

  it('takes the model that the chat had, and tells nobody', function()
    nvim.cmd('Venice model e2ee-other')
    nvim.cmd('VeniceChat')
    nvim.cmd('Venice model e2ee-other')
    save('plans', 'one')
    nvim.lua([[require('venice.chat').current():set_model('e2ee-other')]])
    run('Venice save')
    says('saved as plans')
    restart()
    use(rot13, rot13)
    nvim.lua([[
      local Client = require('venice.client')
      for name in pairs(Client) do
        local call = Client[name]
        if type(call) == 'function' then
          Client[name] = function(...)
            asked = name
            return call(...)
          end
        end
      end
    ]])
    run('Venice open plans')
    says('opened plans')
    assert.are.equal('e2ee-other', nvim.lua([[return require('venice.chat').current().model]]))
    shows('e2ee-other · not attested yet')
    assert.is_nil(nvim.lua('return asked'))
  end)

  it('refuses what was decrypted and is no chat', function()
    save('plans', 'one')
    nvim.cmd('Venice wipe')
    for script, words in pairs({
      ['cat > /dev/null; echo hello'] = 'it is damaged',
      ['cat > /dev/null; echo "{}"'] = 'it does not hold a chat',
      ['tr A-Za-z N-ZA-Mn-za-m | head -c 60'] = 'it is damaged',
      ['tr A-Za-z N-ZA-Mn-za-m | sed s/assistant/developer/'] = 'turn 2: its role is not known',
    }) do
      use(rot13, sh(script))
      run('Venice open plans')
      says('the chat was not opened: what was decrypted is no chat of ours: ' .. words)
      assert.are.equal(0, count_chats())
    end
    use(rot13, sh('yes'))
    run('Venice open plans')
    says('sh wrote more than 8 MB')
    use(rot13, sh('exit 1'))
    run('Venice open plans')
    says('sh failed with exit code 1')
    nvim.lua([[require('venice.chat.history.program').TIMEOUT = 0.3]])
    use(rot13, sh('sleep 60'))
    run('Venice open plans')
    says('sh did not end')
    use(rot13, rot13)
    run('Venice open plans')
    says('opened plans')
  end)

  it('takes no window from a user who is typing meanwhile', function()
    save('plans', 'one')
    nvim.cmd('Venice wipe')
    nvim.cmd('enew')
    local gate = child.tempdir() .. '/gate'
    use(rot13, sh('while [ ! -e ' .. gate .. ' ]; do sleep 0.02; done; tr A-Za-z N-ZA-Mn-za-m'))
    run('Venice open plans')
    run('Venice open plans')
    says('plans is being opened')
    nvim.type_keys('ityping')
    child.write(gate, '')
    says('opened plans: 2 turns; :VeniceChat shows it')
    nvim.type_keys(' on<Esc>')
    assert.are.equal('typing on', nvim.text())
    nvim.cmd('VeniceChat')
    assert.are.equal('user: one|assistant: answer|user: ', texts())
    assert.are.equal(1, count_chats())
  end)

  it('says what it waits for', function()
    save('plans', 'one')
    nvim.cmd('Venice wipe')
    use(rot13, sh('sleep 60'))
    run('Venice open plans')
    says('waiting for sh; it may be asking for a passphrase')
  end)
end)
