-- A chat in each kind of window, on screens of each size, with all that a user does to windows.

local child = require('tests.lua.child')

describe('a chat', function()
  local nvim

  local function start(where, lines, columns)
    nvim = child.start({ lines = lines, columns = columns })
    nvim.lua(
      [[
      local root, where = ...
      package.path = root .. '/?.lua;' .. package.path
      require('tests.lua.fake_client').install()
      require('venice').setup({ model = 'e2ee-fake', chat = { window = where } })
      vim.ui.select = function(items, opts, done)
        vim.tbl_map(opts.format_item, items)
        done(items[#items])
      end
      if vim.fn.has('nvim-0.8') == 1 then
        vim.o.cmdheight = 0
      end]],
      child.root,
      where
    )
  end
  after_each(function()
    nvim.stop()
  end)

  local function nothing_failed()
    assert.is_nil(nvim.messages():find('E%d+:'), nvim.messages())
    assert.are.equal('', nvim.stderr())
  end
  local function holds(text)
    assert.is_truthy(nvim.text():find(text, 1, true), nvim.text())
    nothing_failed()
  end

  for _, where in ipairs({ 'float', 'tab', 'current', 'split', 'vsplit' }) do
    for _, size in ipairs({ { 24, 80 }, { 10, 20 }, { 6, 12 } }) do
      it(('in a %s of %d lines by %d'):format(where, size[1], size[2]), function()
        start(where, size[1], size[2])
        nvim.cmd('VeniceChat one')
        nvim.lua([[fake.text('think\nhard', 'reasoning') fake.text('a\nb\n')]])
        nvim.type_keys('?', 'q')
        -- Another one, and back to it by the list.
        nvim.cmd('Venice new')
        nvim.type_keys('itwo<Esc><CR>')
        nvim.lua([[fake.text('x') fake.done() fake.last = fake.requests[1] ]])
        nvim.cmd('Venice chats')
        holds('one')
        nvim.cmd('silent! split')
        nvim.cmd('silent! only')
        nvim.lua([[fake.text('c')]])
        nvim.type_keys('q')
        nvim.lua([[fake.text('d\n') fake.done()]])
        nvim.cmd('VeniceChat')
        holds('a\nb\ncd')
        nvim.cmd('edit!')
        nvim.type_keys('zM', 'zR')
        holds('a\nb\ncd')
        local session = nvim.dirs.tmp .. '/session.vim'
        nvim.cmd('mksession! ' .. session)
        nvim.cmd('silent! only')
        nvim.cmd('bdelete')
        nvim.cmd('VeniceChat three')
        holds('three')
        nvim.cmd('bwipeout!')
        nvim.wait_for([[require('venice').status().state == 'idle']])
        nvim.cmd('silent! source ' .. session)
        nvim.cmd('VeniceChat four')
        holds('four')
      end)
    end
  end
end)
