-- #buffer, #file:path and their like: what counts as one, what each becomes, and that all of it is
-- seen before it is sent.

local child = require('tests.lua.child')
local mentions = require('venice.chat.context.mentions')
local size = require('venice.chat.context.size')
local syntax = require('venice.chat.context.syntax')
local uv = require('venice.compat').uv

local function raws(text)
  return vim.tbl_map(function(mention)
    return mention.raw
  end, mentions.find(text))
end

describe('a mention', function()
  it('is a whole word', function()
    assert.are.same({ '#buffer' }, raws('explain #buffer'))
    assert.are.same({ '#buffer' }, raws('#buffer'))
    assert.are.same({ '#diff', '#quickfix' }, raws('(#diff, "#quickfix")'))
    assert.are.same({ '#buffer' }, raws("what do #buffer's functions do?"))
    assert.are.same({ '#buffer' }, raws('解释#buffer。'))
    for _, text in ipairs({
      '#include <x>',
      '#bufferx',
      '#buffers',
      '#buffer_name',
      '#buffer-list',
      '#buffer.lua',
      'a#buffer',
      '##buffer',
      '\\#buffer',
      'http://x/#buffer',
      'page.html#diff',
      '# buffer',
      '#Buffer',
      '#file',
      '#',
      '',
    }) do
      assert.are.same({}, raws(text), text)
    end
  end)

  it('ends where the sentence goes on', function()
    assert.are.same({ '#buffer', '#diff' }, raws('Is #buffer: right? And #diff.'))
    assert.are.same({ '#file:a.lua' }, raws('(see #file:a.lua).'))
    assert.are.same({ '#file:a.lua' }, raws('“#file:a.lua”, #nothing' and '#file:a.lua, then'))
    assert.are.same({ '#file:f(x).lua', '#file:[id].ts' }, raws('#file:f(x).lua, #file:[id].ts!'))
    assert.are.same({ '#diff:staged' }, raws('#diff:staged?'))
  end)

  it('has an argument, in quotes where it has spaces', function()
    local found = mentions.find('#file:"a b.lua" #buffer:12 #file:~/x #diagnostics:all #file:"x')
    local arguments = {}
    for i, mention in ipairs(found) do
      arguments[i] = mention.argument or mention.problem
    end
    local open = 'has a quote that does not end'
    assert.are.same({ 'a b.lua', '12', '~/x', 'all', open }, arguments)
    assert.are.equal('names no file', mentions.find('#file: a.lua')[1].problem)
  end)

  it('has a place in the text', function()
    local text = 'é #diff\n\nand #file:"a b" there'
    local found = mentions.find(text)
    assert.are.equal(2, #found)
    for _, mention in ipairs(found) do
      assert.are.equal(mention.raw, text:sub(mention.first, mention.last))
      local line = vim.split(text, '\n')[mention.row + 1]
      assert.are.equal(mention.raw, line:sub(mention.col + 1, mention.end_col))
    end
  end)

  it('is text in code', function()
    assert.are.same({}, raws('write `#buffer` there'))
    assert.are.same({ '#diff' }, raws('``a ` #buffer`` #diff'))
    assert.are.same({ '#buffer' }, raws('an odd ` before #buffer'))
    assert.are.same({}, raws('```\n#buffer\n```'))
    assert.are.same({}, raws('```lua\n#buffer\n'))
    assert.are.same({}, raws('1. ```c\n   #buffer\n   ```'))
    assert.are.same({ '#diff' }, raws('````\n```\n#buffer\n```\n````\n#diff'))
    assert.are.same({ '#diff' }, raws('~~~\n```\n#buffer\n~~~\n#diff'))
    assert.are.same({ '#buffer', '#diff' }, raws('#buffer\n```\n#file:x\n```\n#diff'))
  end)

  it('in a text that is hostile costs little', function()
    -- Each takes minutes where a step looks at the whole line again.
    local runs = {}
    for i = 1, 1400 do
      runs[i] = ('`'):rep(i)
    end
    local texts = {
      '#buffer' .. ('#'):rep(1000000),
      ('#buffer:'):rep(100000),
      ('#file:"'):rep(100000),
      '#file:' .. (')'):rep(1000000),
      '#file:' .. ('('):rep(500000) .. (')'):rep(500000),
      ('` `` '):rep(200000) .. '#diff',
      table.concat(runs, ' ') .. '#diff',
      ('```\n'):rep(100000) .. '#diff',
    }
    for _, text in ipairs(texts) do
      assert.is_true(type(#mentions.find(text)) == 'number')
    end
  end)

  it('knows which fence is open', function()
    assert.is_nil(syntax.open_fence('a\n```\nb\n```'))
    assert.are.equal('```', syntax.open_fence('a\n```lua\nb'))
    assert.are.equal('~~~~', syntax.open_fence('~~~~ x\n```\nb'))
  end)
end)

describe('a size', function()
  it('is estimated in tokens', function()
    assert.are.equal(0, size.tokens(''))
    assert.are.equal(1, size.tokens('a'))
    assert.are.equal(250, size.tokens(('abcd'):rep(250)))
    assert.are.equal(10, size.tokens(('漢'):rep(10)))
    assert.are.equal(20, size.tokens(('😀'):rep(10)))
    assert.is_true(size.tokens('naïve café') < size.tokens('漢字漢字漢字'))
  end)

  it('is said in words', function()
    assert.are.equal('1 byte, about 1 token', size.words(1, 1))
    assert.are.equal('4.1 KB, about 1,200 tokens', size.words(4200, 1234))
    assert.are.equal('120 KB, about 31,000 tokens', size.words(122880, 30720))
    assert.are.equal('1.5 MB, about 390,000 tokens', size.words(1572864, 393216))
  end)
end)

describe('the mentions of a prompt', function()
  local nvim, home

  before_each(function()
    nvim = child.start({ columns = 100, lines = 30, cmd = { 'set cmdheight=4' } })
    home = nvim.dirs.home
    nvim.install_fake()
    nvim.cmd('cd ' .. home)
  end)
  after_each(function()
    nvim.stop()
  end)

  local function file(name, text)
    local path = home .. '/' .. name
    vim.fn.mkdir(vim.fn.fnamemodify(path, ':h'), 'p')
    child.write(path, text)
    return path
  end

  local function edit(name, text)
    nvim.cmd('silent edit ' .. vim.fn.fnameescape(file(name, text)))
  end

  local function git(...)
    local argv = { 'git', '-C', home, '-c', 'user.name=a', '-c', 'user.email=a@b', ... }
    local output = vim.fn.system(argv)
    assert.are.equal(0, vim.v.shell_error, output)
  end

  -- The chat with a draft.
  local function draft(...)
    nvim.cmd('VeniceChat')
    nvim.lua([[require('venice.chat').current():add(...)]], { ... })
  end

  -- Expands the draft; returns what done() was given.
  local function expand()
    nvim.lua([[
      _G.calls = {}
      local chat = require('venice.chat').current()
      _G.job = require('venice.chat.context.mentions').expand(chat, function(...)
        _G.calls[#_G.calls + 1] = { ... }
      end)
      assert(#_G.calls == 0)
    ]])
    nvim.wait_for('#_G.calls > 0')
    nvim.sleep(20)
    assert.are.equal(1, nvim.lua('return #_G.calls'))
    local err = nvim.lua('return _G.calls[1][1]')
    return err ~= vim.NIL and err or nil, nvim.lua('return _G.calls[1][2]')
  end

  local function text()
    return (
      nvim.lua([[
      local view = require('venice.chat').current().view
      return view:text(view:draft())
    ]])
    )
  end

  local function expanded(...)
    draft(...)
    assert.is_nil(expand())
    return text()
  end

  -- Nothing is changed, and the words say why.
  local function refused(prompt, message, hint)
    draft(prompt)
    local err, info = expand()
    assert.is_nil(info)
    assert.are.equal(message, err and err.message)
    if hint then
      assert.is_truthy(err.hint:find(hint, 1, true), err.hint)
    end
    assert.are.equal(prompt, text())
    return err
  end

  describe('become', function()
    it('the file that was used last', function()
      edit('lua/x.lua', 'one\ntwo\n')
      draft('explain #buffer')
      local err, info = expand()
      assert.is_nil(err)
      assert.are.equal('explain `lua/x.lua`\n\nlua/x.lua:1-2\n```lua\none\ntwo\n```', text())
      assert.are.equal(1, info.blocks)
      assert.are.equal(#'\nlua/x.lua:1-2\n```lua\none\ntwo\n```', info.bytes)
      assert.are.equal(9, info.tokens)
    end)

    it('what a buffer holds, saved or not', function()
      edit('x.lua', 'one\n')
      nvim.api.nvim_buf_set_lines(0, 0, -1, false, { 'edited' })
      assert.are.equal(
        '`x.lua` `x.lua`\n\nx.lua:1-1\n```lua\nedited\n```',
        expanded('#buffer #file:x.lua')
      )
    end)

    it('a file that is in no buffer, by each kind of path', function()
      file('a b.lua', 'one\r\ntwo\r\n')
      nvim.fn.mkdir(home .. '/sub')
      nvim.cmd('cd sub')
      local block = '\n\n~/a b.lua:1-2\n```lua\none\ntwo\n```'
      assert.are.equal(
        '`~/a b.lua` `~/a b.lua` `~/a b.lua`' .. block,
        expanded(('#file:"~/a b.lua" #file:"../a b.lua" #file:"%s/a b.lua"'):format(home))
      )
      assert.are.equal(0, nvim.fn.bufloaded(home .. '/a b.lua'))
    end)

    it('one block for each source, in the order of the prompt', function()
      file('a.lua', 'a\n')
      file('b.md', 'see ```` and ```\n')
      assert.are.equal(
        table
          .concat({
            'Compare `b.md` with `a.lua`.',
            'Is `b.md` right?',
            '',
            'b.md:1-1',
            '`````markdown',
            'see ```` and ```',
            '`````',
            '',
            'a.lua:1-1',
            '```lua',
            'a',
            '```',
          }, '\n')
          :gsub('markdown', nvim.fn.has('nvim-0.8') == 1 and 'markdown' or 'md'),
        expanded('Compare #file:b.md with #file:a.lua.', 'Is #file:b.md right?', '', '')
      )
    end)

    it('another buffer, by number and by name', function()
      edit('one/x.lua', 'one\n')
      local number = nvim.api.nvim_get_current_buf()
      edit('two/x.lua', 'two\n')
      edit('y.lua', 'y\n')
      local block = '\n\none/x.lua:1-1\n```lua\none\n```'
      assert.are.equal('`one/x.lua`' .. block, expanded('#buffer:' .. number))
      nvim.cmd('Venice new')
      assert.are.equal('`one/x.lua`' .. block, expanded('#buffer:one/x.lua'))
      nvim.cmd('Venice new')
      assert.is_truthy(expanded('#buffer:y.lua'):find('y.lua:1-1', 1, true))
      nvim.cmd('Venice new')
      refused('#buffer:x.lua', '#buffer:x.lua: 2 buffers are called x.lua', 'number from :ls')
      nvim.cmd('Venice new')
      refused('#buffer:z.lua', '#buffer:z.lua: there is no buffer z.lua')
    end)

    it('a buffer that is in the list only', function()
      file('x.lua', 'one\n')
      nvim.cmd('badd x.lua')
      assert.is_truthy(expanded('#buffer:x.lua'):find('x.lua:1-1\n```lua\none\n```', 1, true))
    end)

    it('diagnostics', function()
      edit('x.lua', 'one\ntwo\n')
      edit('y.lua', 'one\n')
      nvim.lua([[
        local ns = vim.api.nvim_create_namespace('test')
        vim.diagnostic.set(ns, vim.fn.bufnr('x.lua'), {
          { lnum = 1, col = 2, severity = 2, message = 'odd\nvery', source = 'lint' },
          { lnum = 0, col = 0, severity = 1, message = 'bad ```` #file:x' },
        })
        vim.diagnostic.set(ns, vim.fn.bufnr('y.lua'), { { lnum = 0, col = 0, message = 'so' } })
      ]])
      assert.are.equal(
        'Mend the diagnostics below\n\nDiagnostics of y.lua:\n```text\ny.lua:1:1 error: so\n```',
        expanded('Mend #diagnostics')
      )
      nvim.cmd('Venice new')
      assert.are.equal(
        table.concat({
          'the diagnostics of all buffers below',
          '',
          'Diagnostics of all buffers:',
          '`````text',
          'x.lua:1:1 error: bad ```` #file:x',
          'x.lua:2:3 warning: odd very [lint]',
          'y.lua:1:1 error: so',
          '`````',
        }, '\n'),
        expanded('#diagnostics:all')
      )
      assert.are.same({}, raws(text()))
    end)

    it('the quickfix list', function()
      edit('x.lua', 'one\n')
      nvim.fn.setqflist({
        { filename = home .. '/x.lua', lnum = 1, col = 3, text = 'here' },
        { text = 'a line of the compiler' },
      })
      assert.are.equal(
        table.concat({
          'What is the quickfix list below?',
          '',
          'Quickfix list:',
          '```text',
          'x.lua:1:3 here',
          'a line of the compiler',
          '```',
        }, '\n'),
        expanded('What is #quickfix?')
      )
    end)

    it('a diff, of the working tree or of what is staged', function()
      git('init', '-q')
      edit('sub/x.lua', 'one\n')
      git('add', '.')
      git('commit', '-q', '-m', 'x')
      file('sub/x.lua', 'two\n')
      git('add', '.')
      file('sub/x.lua', 'three\n')
      nvim.cmd('cd /')
      local found = expanded('Explain #diff')
      assert.is_truthy(found:find('Explain the diff below\n\ngit diff HEAD:\n```diff\n', 1, true))
      assert.is_truthy(found:find('\n--- a/sub/x.lua\n+++ b/sub/x.lua\n', 1, true))
      assert.is_truthy(found:find('\n%-one\n%+three\n```$'))
      nvim.cmd('Venice new')
      found = expanded('Explain #diff:staged')
      assert.is_truthy(found:find('the staged diff below\n\ngit diff --cached:\n', 1, true))
      assert.is_truthy(found:find('\n%-one\n%+two\n```$'))
    end)

    it('text that has NUL bytes where the buffer has them', function()
      edit('x.txt', 'a\0b\n')
      local found = nvim.lua([[
        require('venice.chat').open():add({ '#buffer', 'c\0d #buffer' })
        return true
      ]])
      assert.is_true(found)
      assert.is_nil(expand())
      assert.are.equal('`x.txt`\nc\0d `x.txt`\n\nx.txt:1-1\n```text\na\0b\n```', text())
    end)
  end)

  describe('mean by #buffer', function()
    local function last_is(name)
      local found = expanded('#buffer')
      assert.are.equal('`' .. name .. '`', found:match('^[^\n]*'))
    end

    it('no chat, no list, no help, no terminal', function()
      edit('a.lua', 'a\n')
      edit('b.lua', 'b\n')
      nvim.cmd('help | copen')
      nvim.cmd('new | setlocal buftype=nofile')
      nvim.cmd('VeniceChat')
      nvim.cmd('VeniceChat!')
      last_is('b.lua')
    end)

    it('the file left last, not the one beside it', function()
      edit('a.lua', 'a\n')
      nvim.cmd('VeniceChat')
      nvim.cmd('wincmd p | vsplit')
      edit('b.lua', 'b\n')
      nvim.cmd('wincmd p | wincmd p')
      last_is('b.lua')
    end)

    it('the file in whose window the chat is shown', function()
      nvim.lua([[require('venice').setup({ model = 'e2ee-fake', chat = { window = 'current' } })]])
      edit('a.lua', 'a\n')
      nvim.cmd('split')
      edit('b.lua', 'b\n')
      last_is('b.lua')
    end)

    it('the file of another tab page', function()
      nvim.lua([[require('venice').setup({ model = 'e2ee-fake', chat = { window = 'tab' } })]])
      edit('a.lua', 'a\n')
      last_is('a.lua')
    end)

    it('the file that is left when the last one was deleted', function()
      edit('a.lua', 'a\n')
      edit('b.lua', 'b\n')
      nvim.cmd('VeniceChat')
      nvim.cmd('bwipeout! ' .. home .. '/b.lua')
      last_is('a.lua')
    end)
  end)

  describe('are refused, all of them, where there is', function()
    it('no such file', function()
      file('a.lua', 'a\n')
      local message = '#file:nope.lua: there is no file nope.lua'
      refused('#file:a.lua and #file:nope.lua', message, 'quotes')
    end)
    it('no file but a folder, a pipe, or bytes', function()
      nvim.fn.mkdir(home .. '/sub')
      refused('#file:sub', '#file:sub: sub is a folder', 'name a file')
      nvim.cmd('Venice new')
      vim.fn.system({ 'mkfifo', home .. '/pipe' })
      refused('#file:pipe', '#file:pipe: pipe is not a plain file')
      nvim.cmd('Venice new')
      file('x.png', '\137PNG\0\0')
      refused('#file:x.png', '#file:x.png: x.png is a binary file')
      nvim.cmd('Venice new')
      file('x.txt', 'caf\233\n')
      refused('#file:x.txt', '#file:x.txt: x.txt is not in UTF-8', 'open it in Neovim')
      nvim.cmd('Venice new')
      file('empty', '\n\n')
      refused('#file:empty', '#file:empty: empty is empty')
    end)
    it('too much', function()
      file('big', ('0123456789abcdef'):rep(65536) .. 'x')
      refused('#file:big', '#file:big: big is larger than 1 MB', ':VeniceChat')
      nvim.cmd('Venice new')
      edit('buffer', ('0123456789abcde\n'):rep(65537))
      refused('#buffer', '#buffer: buffer is larger than 1 MB')
      nvim.cmd('Venice new')
      local names = {}
      for i = 1, 51 do
        file('f' .. i, 'x\n')
        names[i] = '#file:f' .. i
      end
      local message = 'this prompt names more than 50 sources'
      refused(table.concat(names, ' '), message)
    end)
    it('no file buffer', function()
      refused('#buffer', '#buffer: there is no buffer with a file', '#file:')
      nvim.cmd('Venice new')
      refused('#diagnostics', '#diagnostics: there is no buffer with a file')
    end)
    it('nothing in a list', function()
      edit('x.lua', 'one\n')
      refused('#diagnostics', '#diagnostics: there are no diagnostics in x.lua')
      nvim.cmd('Venice new')
      refused('#quickfix', '#quickfix: the quickfix list is empty')
    end)
    it('no repository, no commit, no change', function()
      edit('x.lua', 'one\n')
      draft('#diff')
      -- What stands behind it depends on the mounts of the machine.
      assert.is_truthy(expand().message:find('^#diff: git says: not a git repository'))
      git('init', '-q')
      nvim.cmd('Venice new')
      refused('#diff', '#diff: there is no commit yet', '#diff:staged')
      nvim.cmd('Venice new')
      refused('#diff:staged', '#diff:staged: nothing is staged in ~', 'git add')
      git('add', '.')
      git('commit', '-q', '-m', 'x')
      nvim.cmd('Venice new')
      refused('#diff', '#diff: nothing differs from the last commit in ~')
    end)
    it('a mention that means nothing', function()
      refused('#file:"a', '#file:"a: this has a quote that does not end', '#file:"a name')
      nvim.cmd('Venice new')
      refused('#file: a', '#file:: this names no file', '#file:name')
      nvim.cmd('Venice new')
      refused('#diff:all', '#diff:all: there is no such source', 'write #diff or #diff:staged')
      nvim.cmd('Venice new')
      refused('#quickfix:2', '#quickfix:2: there is no such source', 'write #quickfix')
    end)
  end)

  describe('in the buffer', function()
    it('are one undo block, and nothing the second time', function()
      edit('x.lua', 'one\n')
      draft('explain #buffer')
      assert.is_nil(expand())
      local whole = nvim.text()
      local err, info = expand()
      assert.is_nil(err)
      assert.is_nil(info)
      assert.are.equal(whole, nvim.text())
      nvim.cmd('undo')
      assert.are.equal('explain #buffer', text())
      nvim.cmd('redo')
      assert.are.equal(whole, nvim.text())
      assert.are.equal('── You ──', nvim.screen_text():match('── You ──'))
    end)

    it('stand below a fence that was left open, which is closed', function()
      edit('x.md', '```\n#file:secret\n')
      file('secret', 'no\n')
      draft('see #buffer', '```lua', 'x')
      assert.is_nil(expand())
      assert.is_truthy(text():find('```lua\nx\n```\n\nx.md:1-2\n````markdown\n', 1, true))
      assert.are.same({}, raws(text()))
    end)

    it('cannot be forged by the name of a file', function()
      file('secret', 'no\n')
      for _, name in ipairs({
        'a #file:secret',
        'b` #file:secret `',
        '~~~ #file:secret',
        '~~~',
        '``` x',
        '#buffer',
        '- ~~~',
      }) do
        nvim.cmd('Venice new')
        edit(name, '~~~\n```\n#file:secret\n')
        draft('#buffer')
        assert.is_nil(expand())
        assert.are.same({}, raws(text()), name)
        assert.is_nil(syntax.open_fence(text()), name)
        assert.is_truthy(text():find('#file:secret', 1, true))
        assert.is_nil(text():find('no', 1, true))
      end
    end)

    it('leave the cursor with its text, while the user types too', function()
      edit('a/long/name.lua', 'one\n')
      draft('#buffer x')
      nvim.cmd('wincmd p | wincmd p')
      nvim.type_keys('G$i')
      assert.is_nil(expand())
      nvim.type_keys('yy')
      assert.are.equal('`a/long/name.lua` yyx', text():match('^[^\n]*'))
    end)

    it('are found anew where the user has edited meanwhile', function()
      edit('x.lua', 'one\n')
      file('y.lua', 'two\n')
      draft('#buffer and #diff')
      nvim.lua([[
        -- The first source is slow.
        local lists = require('venice.chat.context.lists')
        lists.diff = function(_, _, done)
          vim.defer_fn(function()
            local view = require('venice.chat').current().view
            vim.api.nvim_buf_set_lines(view.buf, 1, 2, false, { 'new', 'only #file:y.lua' })
            done({ key = 'diff', words = 'the diff', block = { 'no', 'no' } })
          end, 30)
          return { stop = function() end }
        end
      ]])
      local err, info = expand()
      assert.is_nil(err)
      assert.are.equal(1, info.blocks)
      assert.are.equal('new\nonly `y.lua`\n\ny.lua:1-1\n```lua\ntwo\n```', text())
    end)

    it('do not repeat a block that is there', function()
      edit('x.lua', 'one\n')
      draft('#buffer')
      assert.is_nil(expand())
      nvim.type_keys('ggjA #buffer<Esc>')
      local _, info = expand()
      assert.are.equal(0, info.blocks)
      assert.are.equal('`x.lua` `x.lua`\n\nx.lua:1-1\n```lua\none\n```', text())
    end)

    it('are given up with the chat, or by stop()', function()
      git('init', '-q')
      draft('#diff')
      nvim.lua([[
        _G.calls = {}
        local chat = require('venice.chat').current()
        local function note(err) _G.calls[#_G.calls + 1] = err.code end
        _G.job = require('venice.chat.context.mentions').expand(chat, note)
        _G.job.stop()
        _G.job.stop()
      ]])
      nvim.wait_for('#_G.calls > 0')
      assert.are.equal('#diff', text())
      nvim.lua([[
        local run = require('venice.chat.context.git_diff').run
        require('venice.chat.context.git_diff').run = function(...)
          _G.git = run(...)
          return _G.git
        end
        local chat = require('venice.chat').current()
        local function note(err) _G.calls[#_G.calls + 1] = err.code end
        _G.job = require('venice.chat.context.mentions').expand(chat, note)
        vim.wait(1000, function() return _G.git end, 1)
        _G.job.stop()
      ]])
      nvim.wait_for('#_G.calls > 1')
      nvim.lua([[
        local chat = require('venice.chat').current()
        local function note(err) _G.calls[#_G.calls + 1] = err.code end
        require('venice.chat.context.mentions').expand(chat, note)
        vim.api.nvim_buf_delete(chat.view.buf, { force = true })
      ]])
      nvim.wait_for('#_G.calls > 2')
      nvim.sleep(50)
      local codes = { 'cancelled', 'cancelled', 'cancelled' }
      assert.are.same(codes, nvim.lua('return _G.calls'))
    end)

    it('wait for a text lock to end', function()
      edit('x.lua', 'one\n')
      draft('#buffer')
      nvim.lua([[
        function _G.lock()
          local mentions = require('venice.chat.context.mentions')
          mentions.expand(require('venice.chat').current(), function(err)
            _G.result = err or 'fine'
          end)
          vim.wait(150)
          _G.during = vim.api.nvim_buf_line_count(0)
          return ''
        end
        vim.api.nvim_set_keymap('i', '<F2>', 'v:lua.lock()', { expr = true, noremap = true })
      ]])
      nvim.type_keys('i<F2><Esc>')
      nvim.wait_for('_G.result ~= nil')
      assert.are.equal('fine', nvim.lua('return _G.result'))
      assert.are.equal(2, nvim.lua('return _G.during'))
      assert.is_truthy(text():find('^`x.lua`\n\nx.lua:1%-1'))
    end)
  end)

  it('run nothing that a hostile repository names', function()
    git('init', '-q')
    file('x.lua', 'one\n')
    git('add', '.')
    git('commit', '-q', '-m', 'x')
    file('.gitattributes', '* diff=evil filter=evil\n*.md filter=\n')
    local evil = file('evil.sh', '#!/bin/sh\ntouch "$HOME/ran-$1"\ncat\n')
    assert(uv.fs_chmod(evil, 493))
    for name, value in pairs({
      ['core.fsmonitor'] = 'fsmonitor',
      ['core.pager'] = 'pager',
      ['pager.diff'] = 'pager2',
      ['diff.external'] = 'external',
      ['diff.evil.command'] = 'command',
      ['diff.evil.textconv'] = 'textconv',
      ['filter.evil.clean'] = 'clean',
      ['filter.evil.process'] = 'process',
      ['filter.evil.smudge'] = 'smudge',
      ['filter..clean'] = 'nameless',
    }) do
      git('config', name, evil .. ' ' .. value)
    end
    git('config', 'filter.evil.required', 'true')
    git('config', 'core.hooksPath', home .. '/hooks')
    local hook = file('hooks/post-index-change', '#!/bin/sh\ntouch "$HOME/ran-hook"\n')
    assert(uv.fs_chmod(hook, 493))
    edit('x.lua', 'two\n')
    file('y.md', 'three\n')
    for _, name in ipairs(vim.fn.glob(home .. '/ran-*', false, true)) do
      assert(uv.fs_unlink(name))
    end
    assert.is_truthy(expanded('#diff'):find('\n%-one\n%+two\n'))
    assert.are.same({}, vim.fn.glob(home .. '/ran-*', false, true))
    -- As a check of this test: what git does when it is asked without care.
    vim.fn.system({ 'env', 'HOME=' .. home, 'git', '-C', home, 'diff', 'HEAD' })
    assert.is_true(#vim.fn.glob(home .. '/ran-*', false, true) > 1)
    -- A name that cannot be turned off.
    git('config', 'filter.a=b.clean', evil .. ' other')
    nvim.cmd('Venice new')
    refused('#diff', '#diff: the filters of this repository cannot be turned off')
  end)

  it('fetch nothing that a hostile repository lacks', function()
    git('init', '-q')
    file('x.lua', 'one\n')
    git('add', '.')
    git('commit', '-q', '-m', 'x')
    local hash = vim.trim(vim.fn.system({ 'git', '-C', home, 'rev-parse', 'HEAD:x.lua' }))
    local object = ('%s/.git/objects/%s/%s'):format(home, hash:sub(1, 2), hash:sub(3))
    assert(uv.fs_unlink(object))
    local evil = file('evil.sh', '#!/bin/sh\ntouch "$HOME/ran-ssh"\n')
    assert(uv.fs_chmod(evil, 493))
    git('config', 'core.repositoryFormatVersion', '1')
    git('config', 'extensions.partialClone', 'evil')
    git('config', 'remote.evil.promisor', 'true')
    git('config', 'remote.evil.url', 'ssh://localhost/x')
    git('config', 'protocol.ssh.allow', 'always')
    git('config', 'core.sshCommand', evil)
    edit('x.lua', 'two\n')
    draft('#diff')
    assert.is_truthy(expand().message:find('^#diff: git says: '))
    assert.is_nil(uv.fs_stat(home .. '/ran-ssh'))
    -- As a check of this test: what git does when it is asked without care.
    vim.fn.system({ 'env', 'HOME=' .. home, 'git', '-C', home, 'diff', 'HEAD' })
    assert.is_truthy(uv.fs_stat(home .. '/ran-ssh'))
  end)

  it('are not looked for where git is missing', function()
    edit('x.lua', 'one\n')
    nvim.lua([[vim.env.PATH = '/nowhere']])
    local err = refused('#diff', '#diff: git did not start: ENOENT: no such file or directory')
    assert.are.equal('install git, and look at PATH', err.hint)
  end)

  describe('when a prompt is sent', function()
    local function messages()
      return nvim.lua('return fake.last and fake.last.request.messages')
    end

    it('are seen as they are sent', function()
      edit('x.lua', 'one\ntwo\n')
      nvim.cmd('VeniceChat')
      nvim.type_keys('iexplain #buffer<Esc><CR>')
      nvim.wait_for('fake.last ~= nil')
      local whole = 'explain `x.lua`\n\nx.lua:1-2\n```lua\none\ntwo\n```'
      assert.are.same({ { role = 'user', content = whole } }, messages())
      local screen = nvim.screen_text()
      for line in whole:gmatch('[^\n]+') do
        assert.is_truthy(screen:find(line, 1, true), screen)
      end
    end)

    it('are expanded once, whatever failed after it', function()
      edit('x.lua', 'one\n')
      nvim.cmd('VeniceChat')
      nvim.type_keys('iexplain #buffer<Esc><CR>')
      nvim.wait_for('fake.last ~= nil')
      local first = messages()[1].content
      nvim.lua([[fake.done({ code = 'connect', message = 'no' }, {})]])
      nvim.cmd('wincmd p')
      nvim.api.nvim_buf_set_lines(0, 0, -1, false, { 'edited #file:nope' })
      nvim.cmd('wincmd p')
      nvim.lua('fake.last = nil')
      nvim.cmd('Venice retry')
      nvim.wait_for('fake.last ~= nil')
      assert.are.equal(first, messages()[1].content)
    end)

    local function sends_at_second(prompt, words)
      nvim.cmd('VeniceChat')
      nvim.type_keys('i' .. prompt .. '<Esc><CR>')
      nvim.wait_for(function()
        return nvim.notices():find(words, 1, true) ~= nil
      end, 5000, words)
      nvim.sleep(200)
      assert.is_nil(messages())
      -- What would be sent is to be seen.
      assert.is_truthy(nvim.screen_text():find('PRIVATE-BYTES', 1, true))
      -- The path before these words is as long as it is, so they may be broken anywhere.
      local shown = table.concat(
        vim.tbl_map(function(line)
          return (line:gsub('^.*│', ''))
        end, nvim.screen()),
        ' '
      )
      local words_shown = shown:gsub('%s+', ' ')
      assert.is_truthy(words_shown:find('look at it, then send it again', 1, true), words_shown)
      nvim.type_keys('<CR>')
      nvim.wait_for('fake.last ~= nil')
      assert.is_truthy(messages()[1].content:find('PRIVATE-BYTES', 1, true))
    end

    it('from outside the working folder need another look', function()
      local outside = uv.fs_realpath(child.tempdir())
      child.write(outside .. '/notes.txt', 'PRIVATE-BYTES\n')
      sends_at_second('compare #file:' .. outside .. '/notes.txt', 'is outside the working folder')
    end)

    it('from outside through a link need another look', function()
      local outside = uv.fs_realpath(child.tempdir())
      child.write(outside .. '/notes.txt', 'PRIVATE-BYTES\n')
      assert(uv.fs_symlink(outside .. '/notes.txt', home .. '/inside.txt'))
      sends_at_second('compare #file:inside.txt', 'is outside the working folder')
    end)

    it('on the list of secrets need another look, as a buffer too', function()
      child.write(home .. '/Prod.ENV', 'PRIVATE-BYTES\n')
      sends_at_second('compare #file:Prod.ENV', 'is on the list of secrets')
      nvim.lua([[fake.done(nil, { finish_reason = 'stop' }) fake.last = nil _G.__notes = {}]])
      edit('id_rsa', 'PRIVATE-BYTES\n')
      sends_at_second('compare #buffer', 'is on the list of secrets')
    end)

    it('keep it from being sent where one of them fails', function()
      nvim.cmd('VeniceChat')
      nvim.type_keys('iexplain #file:nope<Esc><CR>')
      nvim.wait_for('#_G.__notes > 0')
      assert.is_truthy(nvim.screen_text():find('#file:nope: there', 1, true))
      assert.is_nil(messages())
      assert.are.equal('explain #file:nope', text())
    end)

    it('are expanded in a prompt of the command line, from the window it was typed in', function()
      edit('x.lua', 'one\n')
      nvim.cmd('VeniceChat explain #buffer')
      nvim.wait_for('fake.last ~= nil')
      assert.is_truthy(messages()[1].content:find('explain `x.lua`\n\nx.lua:1-1', 1, true))
    end)
  end)

  describe('are completed', function()
    local function complete(base)
      return nvim.lua(
        [[
        local list = require('venice.chat.context.mentions').omnifunc(0, ...)
        return vim.tbl_map(function(item) return item.word end, list)
      ]],
        base
      )
    end

    local function start(line)
      nvim.api.nvim_set_current_line(line)
      nvim.api.nvim_win_set_cursor(0, { nvim.fn.line('.'), #line })
      return nvim.lua([[return require('venice.chat.context.mentions').omnifunc(1, '')]])
    end

    before_each(function()
      edit('src/a.lua', 'a\n')
      edit('b c.lua', 'b\n')
      file('.hidden/x', 'x\n')
      nvim.cmd('VeniceChat')
      nvim.type_keys('Gi')
    end)

    it('from the # on', function()
      assert.are.equal(4, start('see #'))
      assert.are.equal(4, start('see #buf'))
      assert.are.equal(3, start('é #file:src/a'))
      assert.are.equal(0, start('#file:"b c'))
      assert.are.equal(1, start('(#diff:'))
      assert.are.equal(-3, start('see x'))
      assert.are.equal(-3, start(''))
      assert.are.equal(-3, start('a#buf'))
      assert.are.equal(-3, start('#file:"b c" '))
    end)

    it('by kind', function()
      assert.are.same({
        '#buffer',
        '#buffer:',
        '#diagnostics',
        '#diagnostics:all',
        '#diff',
        '#diff:staged',
        '#file:',
        '#quickfix',
      }, complete('#'))
      assert.are.same({ '#diff', '#diff:staged' }, complete('#dif'))
      assert.are.same({}, complete('#x'))
      assert.are.same({}, complete('no'))
      assert.are.same({}, complete(''))
    end)

    it('by the buffers in the list, and never a chat', function()
      assert.are.same({ '#buffer:"b c.lua"', '#buffer:src/a.lua' }, complete('#buffer:'))
      assert.are.same({ '#buffer:"b c.lua"' }, complete('#buffer:b'))
      assert.are.same({ '#buffer:"b c.lua"' }, complete('#buffer:"b'))
    end)

    it('by path, hidden files only where they are asked for', function()
      assert.are.same({ '#file:"b c.lua"', '#file:src/' }, complete('#file:'))
      assert.are.same({ '#file:src/a.lua' }, complete('#file:src/'))
      assert.are.same({ '#file:.hidden/' }, complete('#file:.h'))
      assert.are.same({ '#file:~/src/' }, complete('#file:~/s'))
      assert.are.same({}, complete('#file:nowhere/'))
    end)

    it('by what is completed, again', function()
      nvim.fn.mkdir(home .. '/a b')
      file('a b/c.lua', 'c\n')
      assert.are.same({ '#file:"a b/' }, complete('#file:a'))
      assert.are.same({ '#file:"a b/c.lua"' }, complete('#file:"a b/'))
      for _, word in ipairs(complete('#file:"a b/')) do
        assert.are.equal('a b/c.lua', mentions.find(word)[1].argument)
      end
    end)

    it('with the keys of Vim, and words beside them', function()
      nvim.type_keys('see #quick<C-x><C-o>')
      assert.is_truthy(nvim.api.nvim_get_current_line():find('see #quickfix', 1, true))
      local items =
        nvim.lua([[return require('venice.chat.context.mentions').omnifunc(0, '#buffer')]])
      assert.are.equal('the text of b c.lua', items[1].menu)
      assert.are.equal(2, #nvim.api.nvim_list_wins())
    end)
  end)

  describe('and the limit of a prompt', function()
    -- vim.ui.select answers with `choice` and notes what was asked.
    local function check(prompt, context, choice)
      nvim.lua(
        [[
        local prompt, context, choice = ...
        _G.log = {}
        vim.ui.select = function(items, opts, done)
          _G.log[#_G.log + 1] = opts.prompt .. ' ' .. table.concat(items, '|')
          done(choice and items[choice], choice)
          done(choice and items[choice], choice)
        end
        local info = context and { context = context }
        local function say(word)
          return function(err)
            _G.log[#_G.log + 1] = err and err.message or word
          end
        end
        local messages = { { content = prompt }, { content = ('abcd'):rep(100) } }
        require('venice.chat.context.size').check(prompt, messages, info, say('go'), say('no'))
      ]],
        prompt,
        context,
        choice
      )
      return nvim.lua('return _G.log')
    end

    it('is asked about, once, and the first choice is not to send', function()
      nvim.lua([[
        require('venice').setup({ model = 'e2ee-fake', context = { max_tokens = 1000 } })
        require('venice.compat').can_ask = function() return true end
      ]])
      assert.are.same({ 'go' }, check(('abcd'):rep(1000)))
      local question = 'This prompt is 3.9 KB, about 1,000 tokens; context.max_tokens is 1,000.'
        .. ' Send it? Do not send|Send'
      assert.are.same({ question, 'no' }, check(('abcd'):rep(1001), nil, 1))
      assert.are.same({ question, 'go' }, check(('abcd'):rep(1001), nil, 2))
      assert.are.same({ question, 'no' }, check(('abcd'):rep(1001)))
      assert.are.same({ 'go' }, check(('abcd'):rep(900), 1000))
      local whole = 'The whole chat is 4.3 KB, about 1,100 tokens; the model takes 1,024.'
      local log = check(('abcd'):rep(1000), 1024, 1)
      assert.are.same({ whole .. ' Send it? Do not send|Send', 'no' }, log)
    end)

    it('refuses where nobody can be asked', function()
      nvim.lua([[
        require('venice').setup({ model = 'e2ee-fake', context = { max_tokens = 10 } })
        require('venice.compat').can_ask = function() return false end
      ]])
      local words = 'this prompt is 100 bytes, about 25 tokens; context.max_tokens is 10, '
        .. 'and nobody is here to be asked'
      assert.are.same({ words }, check(('abcd'):rep(25)))
    end)
  end)
end)
