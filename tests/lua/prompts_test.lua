-- The prompt library: which prompts there are, and what of them comes into the draft.

local child = require('tests.lua.child')
local uv = require('venice.compat').uv

describe('the prompt library', function()
  local nvim, home, folder

  before_each(function()
    nvim = child.start({ columns = 120, lines = 40, cmd = { 'set cmdheight=4' } })
    home, folder = nvim.dirs.home, nvim.dirs.config .. '/nvim/venice/prompts'
    nvim.install_fake()
    vim.fn.mkdir(folder, 'p')
    nvim.cmd('cd ' .. home)
  end)
  after_each(function()
    nvim.stop()
  end)

  local function edit(name, text)
    child.write(home .. '/' .. name, text)
    nvim.cmd('silent edit ' .. name)
  end

  local function prompt(name, text)
    child.write(folder .. '/' .. name .. '.md', text)
  end

  local function names()
    return nvim.lua([[return require('venice.chat.prompts').names()]])
  end

  local function get(name)
    local result = nvim.lua(
      [[
      local prompt, err = require('venice.chat.prompts').get(...)
      return { prompt or vim.NIL, err and { err.message, err.hint } or vim.NIL }
    ]],
      name
    )
    return result[1] ~= vim.NIL and result[1] or nil, result[2] ~= vim.NIL and result[2] or nil
  end

  local function draft()
    return (
      nvim.lua([[
      local chat = require('venice.chat').current()
      return chat and chat.view:text(chat.view:draft()) or ''
    ]])
    )
  end

  local function sent()
    return nvim.lua('return fake.last and fake.last.request.messages[1].content')
  end

  local function wait_for_draft(text)
    local found
    local ok = pcall(nvim.wait_for, function()
      found = draft()
      return found == text
    end, 2000)
    assert(ok, ('the draft is\n%s\nnot\n%s'):format(found, text))
  end

  local function last_notice()
    return nvim.last_notice()
  end

  describe('has', function()
    it('prompts of its own, each complete', function()
      local own = { 'commit', 'explain', 'fix', 'review', 'tests' }
      assert.are.same(own, names())
      for _, name in ipairs(own) do
        local found = get(name)
        assert.is_truthy(#found.description > 10, name)
        local mentions = require('venice.chat.context.mentions').find(found.text)
        assert.is_true(#mentions > 0 or found.text:find('{{selection}}', 1, true) ~= nil, name)
        assert.is_nil(found.text:find('[^\n]\n[^\n-]'), name .. ' has a broken paragraph')
      end
    end)

    it('those of the user, which come first', function()
      prompt('mine', 'Do this.\n')
      prompt('explain', 'Explain as to a child.\n')
      assert.are.same({ 'commit', 'explain', 'fix', 'mine', 'review', 'tests' }, names())
      assert.are.equal('Explain as to a child.', get('explain').text)
      assert.are.same({ 'mine' }, nvim.fn.getcompletion('Venice prompt mi', 'cmdline'))
    end)

    it('those of the folder that is configured', function()
      vim.fn.mkdir(home .. '/my prompts')
      child.write(home .. '/my prompts/other.md', 'Other.')
      nvim.lua([[require('venice').setup({ prompts = { dir = '~/my prompts' } })]])
      assert.are.equal('Other.', get('other').text)
      assert.is_true(vim.tbl_contains(names(), 'other'))
    end)

    it('none where the folder is missing or is a file', function()
      nvim.lua([[require('venice').setup({ prompts = { dir = '/nowhere' } })]])
      assert.are.equal(5, #names())
      child.write(home .. '/file', 'x')
      nvim.lua([[require('venice').setup({ prompts = { dir = '~/file' } })]])
      assert.are.equal(5, #names())
    end)

    it('no more than a user can read', function()
      for i = 1, 205 do
        prompt(('p%03d'):format(i), 'x')
      end
      assert.are.equal(205, #names())
      assert.are.equal('p200', names()[203])
      -- It is there for who knows its name.
      assert.are.equal('x', get('p205').text)
    end)

    it('no folder, no hidden file and no other kind of file', function()
      vim.fn.mkdir(folder .. '/dir.md')
      child.write(folder .. '/.hidden.md', 'x')
      child.write(folder .. '/note.txt', 'x')
      child.write(folder .. '/.md', 'x')
      assert.are.equal(5, #names())
    end)
  end)

  describe('reads a file', function()
    it('without its header, of which it takes the description', function()
      prompt('a', '---\ntitle: x\ndescription: "what it does"\ntags: [a]\n---\n\nDo.\n---\nMore.\n')
      assert.are.same(
        { name = 'a', description = 'what it does', text = 'Do.\n---\nMore.' },
        get('a')
      )
      prompt('b', '---\nno end\n')
      assert.are.equal('---\nno end', get('b').text)
    end)

    it('from a DOS editor', function()
      prompt('a', '\239\187\191---\r\ndescription: x\r\n---\r\nOne.\r\nTwo.\r\n')
      assert.are.same({ name = 'a', description = 'x', text = 'One.\nTwo.' }, get('a'))
    end)

    it('of its folder only', function()
      child.write(nvim.dirs.config .. '/nvim/venice/secret.md', 'x')
      for _, name in ipairs({ '../secret', '/etc/passwd', '.', '', 'a\nb' }) do
        local found, err = get(name)
        assert.is_nil(found)
        assert.is_truthy(err[1]:find('there is no prompt', 1, true))
      end
    end)

    it('or says what is wrong with it', function()
      local function problem(name, words)
        local found, err = get(name)
        assert.is_nil(found)
        assert.is_truthy(err[1]:find('prompts/' .. name .. '.md ' .. words, 1, true), err[1])
      end
      prompt('binary', 'a\0b')
      problem('binary', 'is a binary file')
      prompt('latin', 'caf\233')
      problem('latin', 'is not in UTF-8')
      prompt('empty', '---\ndescription: x\n---\n \n')
      problem('empty', 'is empty')
      prompt('big', ('x'):rep(65537))
      problem('big', 'is larger than 64 KB')
      prompt('limit', ('x'):rep(65536))
      assert.are.equal(65536, #get('limit').text)
      assert(uv.fs_symlink('/nowhere', folder .. '/link.md'))
      problem('link', 'is missing')
      vim.fn.system({ 'mkfifo', folder .. '/pipe.md' })
      problem('pipe', 'is not a file')
      -- A built-in one does not hide that a user's own is broken.
      prompt('fix', 'a\0b')
      problem('fix', 'is a binary file')
    end)
  end)

  describe('puts a prompt into the draft', function()
    it('with the file that the user was in', function()
      prompt('mine', 'Look at {{selection}}.\n\nBe brief: ')
      edit('x.lua', 'one\n')
      nvim.cmd('Venice prompt mine')
      wait_for_draft('Look at `x.lua`.\n\nBe brief: \n\nx.lua:1-1\n```lua\none\n```')
      assert.is_nil(sent())
      -- The cursor is where one goes on.
      nvim.type_keys('Avery.<Esc>')
      assert.is_truthy(draft():find('\n\nBe brief: very.\n\nx.lua', 1, true))
      nvim.type_keys('<CR>')
      nvim.wait_for('fake.last ~= nil')
      assert.are.equal('', draft())
      assert.is_truthy(sent():find('Be brief: very.', 1, true))
    end)

    it('with the selection in place of the file', function()
      prompt('mine', 'Look at {{ selection }}.\nThen at {{selection}} again.')
      edit('x.lua', 'one\ntwo\nthree\n')
      nvim.type_keys(':2,3Venice prompt mine<CR>')
      wait_for_draft(
        'Look at `x.lua:2-3`.\nThen at `x.lua:2-3` again.\n\nx.lua:2-3\n```lua\ntwo\nthree\n```'
      )
      nvim.cmd('undo')
      assert.are.equal('', draft())
    end)

    it('and the selection below it where it does not say where', function()
      prompt('mine', 'Look.')
      edit('x.lua', 'one %1 {{selection}}\n')
      nvim.cmd('%Venice prompt mine')
      wait_for_draft('Look.\n\nx.lua:1-1\n```lua\none %1 {{selection}}\n```')
    end)

    it('below what is there already', function()
      prompt('mine', 'Look.')
      nvim.cmd('VeniceChat')
      nvim.type_keys('iFirst.<Esc>')
      nvim.cmd('Venice prompt mine')
      wait_for_draft('First.\n\nLook.')
      assert.are.same({ 4, 4 }, nvim.api.nvim_win_get_cursor(0))
    end)

    it('and sends it with a bang', function()
      edit('x.lua', 'one\n')
      nvim.cmd('Venice! prompt explain')
      nvim.wait_for('fake.last ~= nil')
      assert.is_truthy(sent():find('^Explain `x.lua` to a programmer'))
      assert.is_truthy(sent():find('\n\nx.lua:1%-1\n```lua\none\n```$'))
    end)

    it('with diagnostics to fix', function()
      edit('x.lua', 'one\n')
      nvim.lua([[
        local ns = vim.api.nvim_create_namespace('test')
        vim.diagnostic.set(ns, 0, { { lnum = 0, col = 0, message = 'odd', source = 'lint' } })
      ]])
      nvim.cmd('Venice! prompt fix')
      nvim.wait_for('fake.last ~= nil')
      assert.is_truthy(
        sent():find('Fix `x.lua`: mend what is reported in the diagnostics below.', 1, true)
      )
      assert.is_truthy(sent():find('x.lua:1:1 error: odd [lint]', 1, true))
    end)

    it('but sends nothing where a mention fails', function()
      edit('x.lua', 'one\n')
      nvim.cmd('Venice! prompt fix')
      nvim.wait_for('#_G.__notes > 0')
      assert.is_truthy(last_notice():find('there are no diagnostics in x.lua', 1, true))
      assert.is_nil(sent())
      assert.is_truthy(draft():find('^Fix #buffer: mend what is reported in #diagnostics.'))
    end)

    it('but not for a selection that is blank', function()
      edit('x.lua', '\n \n')
      nvim.cmd('%Venice prompt explain')
      assert.is_truthy(last_notice():find('the selection is empty', 1, true))
      assert.are.equal('', draft())
      assert.are.equal(1, #nvim.api.nvim_list_wins())
    end)

    it('and says that there is no such prompt', function()
      nvim.cmd('Venice prompt nope')
      nvim.wait_for('#_G.__notes > 0')
      assert.is_truthy(last_notice():find('there is no prompt nope', 1, true))
      assert.is_truthy(last_notice():find('/venice/prompts/NAME.md', 1, true))
      assert.are.equal(1, #nvim.api.nvim_list_wins())
    end)
  end)

  describe('without a name', function()
    -- Chooses `choice`; returns what was offered.
    local function choose(choice)
      nvim.lua(
        [[
        local choice = ...
        vim.ui.select = function(items, opts, done)
          _G.offered = vim.tbl_map(opts.format_item, items)
          vim.schedule(function()
            done(choice)
          end)
        end
      ]],
        choice
      )
    end

    it('offers all, with what they are', function()
      prompt('a\27b', 'x')
      prompt('mine', '---\ndescription: mine\27[31m own\n---\nDo.')
      prompt('plain', ('word '):rep(50))
      prompt('broken', 'a\0b')
      choose(nil)
      nvim.cmd('Venice prompt')
      local offered = table.concat(nvim.lua('return _G.offered'), '\n')
      assert.is_truthy(offered:find('mine     mine [31m own', 1, true), offered)
      assert.is_truthy(offered:find('plain    word word .*…'))
      assert.is_truthy(offered:find('broken   the prompt .*is a binary file'))
      assert.is_truthy(offered:find('commit   a commit message for what is staged', 1, true))
      assert.is_nil(offered:find('\27', 1, true))
      assert.are.equal('', draft())
      assert.is_nil(sent())
    end)

    it('runs what is chosen, on the file that the user was in', function()
      edit('x.lua', 'one\n')
      choose('explain')
      nvim.cmd('Venice! prompt')
      nvim.wait_for('fake.last ~= nil')
      assert.is_truthy(sent():find('^Explain `x.lua` to a programmer'))
    end)
  end)
end)
