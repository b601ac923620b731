-- A selection in a prompt: what was selected, to the byte, and where it is from.

local child = require('tests.lua.child')

describe('a selection', function()
  local nvim

  before_each(function()
    nvim = child.start({ columns = 100, lines = 20 })
    nvim.lua(
      [[
      package.path = ... .. '/?.lua;' .. package.path
      require('tests.lua.fake_client').install()
    ]],
      child.root
    )
  end)
  after_each(function()
    nvim.stop()
  end)

  local function edit(name, text)
    local path = nvim.dirs.home .. '/' .. name
    vim.fn.mkdir(vim.fn.fnamemodify(path, ':h'), 'p')
    child.write(path, text)
    nvim.cmd('cd ' .. nvim.dirs.home)
    nvim.cmd('silent edit ' .. path)
  end

  local function sent()
    return nvim.lua('return fake.last.request.messages[1].content')
  end

  it('stands below the prompt, with its place and a fence', function()
    edit('src/a.lua', 'one\ntwo\nthree\nfour\n')
    nvim.type_keys(':2,3VeniceChat What is this?<CR>')
    assert.are.equal('What is this?\n\nsrc/a.lua:2-3\n```lua\ntwo\nthree\n```', sent())
    assert.are.equal('', nvim.fn.histget(':', -1))
  end)

  it('of one line has both numbers too', function()
    edit('a.lua', 'one\ntwo\n')
    nvim.cmd('2VeniceChat q')
    assert.are.equal('q\n\na.lua:2-2\n```lua\ntwo\n```', sent())
  end)

  it('names a file outside of the working folder from home', function()
    edit('src/a.lua', 'one\n')
    nvim.fn.mkdir(nvim.dirs.home .. '/else')
    nvim.cmd('cd ' .. nvim.dirs.home .. '/else')
    nvim.cmd('%VeniceChat q')
    assert.are.equal('q\n\n~/src/a.lua:1-1\n```lua\none\n```', sent())
  end)

  it('has a fence longer than any inside', function()
    edit('a.md', 'x\n```lua\n````` y `` z\n')
    nvim.cmd('%VeniceChat q')
    assert.are.equal('q\n\na.md:1-3\n``````markdown\nx\n```lua\n````` y `` z\n``````', sent())
  end)

  it('without a prompt goes into the draft and waits for one', function()
    edit('a.lua', 'one\n')
    nvim.cmd('%VeniceChat')
    assert.is_nil(nvim.lua('return fake.last'))
    nvim.type_keys('iWhy?<Esc><CR>')
    assert.are.equal('Why?\n\na.lua:1-1\n```lua\none\n```', sent())
  end)

  it('joins what is in the draft already', function()
    edit('a.lua', 'one\ntwo\n')
    nvim.cmd('1VeniceChat')
    nvim.cmd('wincmd p')
    nvim.cmd('2VeniceChat Compare.')
    assert.are.equal(
      'a.lua:1-1\n```lua\none\n```\n\nCompare.\n\na.lua:2-2\n```lua\ntwo\n```',
      sent()
    )
  end)

  it('without a name or a type says so', function()
    nvim.type_keys('ione<Esc>')
    nvim.cmd('%VeniceChat q')
    assert.are.equal('q\n\n[No Name]:1-1\n```\none\n```', sent())
  end)

  it('that is empty is refused', function()
    edit('a.lua', '\n   \n')
    nvim.cmd('%VeniceChat q')
    assert.is_nil(nvim.lua('return fake.last'))
    assert.is_truthy(nvim.notifications()[1].msg:find('the selection is empty', 1, true))
    assert.are.equal(1, #nvim.api.nvim_list_wins())
  end)

  it('keeps NUL bytes and bytes that are no UTF-8', function()
    edit('a.bin', 'a\0b\nc\255d\n')
    nvim.cmd('setlocal filetype=')
    nvim.cmd('%VeniceChat q')
    -- Neovim may have read the file in another encoding; what is in the buffer is what counts.
    local buf = nvim.fn.bufnr('a.bin')
    local lines = nvim.api.nvim_buf_get_lines(buf, 0, -1, false)
    assert.are.equal('q\n\na.bin:1-2\n```\n' .. table.concat(lines, '\n') .. '\n```', sent())
    assert.are.equal('a\0b', lines[1])
  end)

  it('of a megabyte is taken', function()
    nvim.lua([[require('venice').setup({ model = 'e2ee-fake', context = { max_tokens = 1e6 } })]])
    edit('a.txt', ('0123456789abcde\n'):rep(65536))
    nvim.cmd('%VeniceChat q')
    assert.are.equal(1048576 + #'q\n\na.txt:1-65536\n```text\n```', #sent())
  end)

  describe('in visual mode', function()
    before_each(function()
      nvim.cmd('xmap <F2> <Plug>(venice-chat)')
      nvim.cmd('nmap <F3> <Plug>(venice-send)')
      edit('a.lua', 'local één = 1\n\tlocal two = 22\nlocal three = 333\n')
      nvim.cmd('let @z = "kept"')
      nvim.cmd('let @" = "unnamed"')
    end)

    local function block(place, ...)
      nvim.type_keys('<F3>')
      assert.are.equal(place .. '\n```lua\n' .. table.concat({ ... }, '\n') .. '\n```', sent())
      assert.are.equal('kept', nvim.fn.getreg('z'))
      assert.are.equal('unnamed', nvim.fn.getreg('"'))
    end

    it('is the exact characters', function()
      nvim.type_keys('wvjf2<F2>')
      block('a.lua:1-2', 'één = 1', '\tlocal two = 2')
    end)
    it('is the exact characters backwards', function()
      nvim.type_keys('wevb<F2>')
      block('a.lua:1-1', 'één')
    end)
    it('is whole lines', function()
      nvim.type_keys('jVk<F2>')
      block('a.lua:1-2', 'local één = 1', '\tlocal two = 22')
    end)
    it('is a block', function()
      nvim.type_keys('w<C-v>Gee<F2>')
      nvim.type_keys('<F3>')
      local lines = vim.split(sent(), '\n')
      assert.are.equal('a.lua:1-3', lines[1])
      assert.are.equal(6, #lines)
      assert.are.equal('three', (lines[5]:gsub('%s*=.*', '')))
    end)
    it('leaves visual mode, and marks that it found', function()
      nvim.type_keys('vl<F2>')
      assert.are.equal('n', nvim.mode().mode)
      block('a.lua:1-1', 'lo')
    end)
  end)
end)
