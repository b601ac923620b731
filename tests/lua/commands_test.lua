-- What users type: commands, completion, maps, the history of the command line.

local child = require('tests.lua.child')

describe('the commands', function()
  local nvim

  before_each(function()
    nvim = child.start({ columns = 100, lines = 20 })
    nvim.install_fake()
  end)
  after_each(function()
    nvim.stop()
  end)

  local function last_notice()
    return nvim.last_notice()
  end

  it('cost nothing until they are used', function()
    local fresh = child.start()
    local loaded = fresh.lua([[
      return vim.tbl_filter(function(name)
        return name:find('^venice') ~= nil
      end, vim.tbl_keys(package.loaded))
    ]])
    assert.are.same({}, loaded)
    local times = fresh.lua(
      [[
      local uv, times = vim.uv or vim.loop, {}
      for i = 1, 21 do
        vim.g.loaded_venice = nil
        local start = uv.hrtime()
        vim.cmd('source ' .. ... .. '/plugin/venice.lua')
        times[i] = (uv.hrtime() - start) / 1e6
      end
      table.sort(times)
      return times
    ]],
      child.root
    )
    fresh.stop()
    assert.is_true(times[11] < 0.3 * 5 * child.slack, ('%.3f ms'):format(times[11]))
  end)

  it('make no global map', function()
    local maps = nvim.lua([[
      local list = {}
      for _, mode in ipairs({ 'n', 'x', 'i', 'o', 't', 'c' }) do
        for _, map in ipairs(vim.api.nvim_get_keymap(mode)) do
          if ((map.rhs or '') .. map.lhs):lower():find('venice') then list[#list + 1] = map.lhs end
        end
      end
      table.sort(list)
      return list
    ]])
    assert.are.same({
      '<Plug>(venice-approve)',
      '<Plug>(venice-attest)',
      '<Plug>(venice-chat)',
      '<Plug>(venice-chat)',
      '<Plug>(venice-chats)',
      '<Plug>(venice-new)',
      '<Plug>(venice-retry)',
      '<Plug>(venice-rewrite)',
      '<Plug>(venice-rewrite)',
      '<Plug>(venice-send)',
      '<Plug>(venice-stop)',
    }, maps)
  end)

  it('name the subcommand that there is not', function()
    nvim.cmd('Venice dance')
    assert.is_truthy(last_notice():find('there is no :Venice dance', 1, true))
    assert.is_truthy(last_notice():find('attest', 1, true))
    nvim.cmd('Venice')
    assert.is_truthy(last_notice():find(':Venice needs a subcommand', 1, true))
  end)

  it('say that there is no chat', function()
    for _, sub in ipairs({ 'stop', 'retry', 'wipe' }) do
      nvim.cmd('Venice ' .. sub)
      assert.is_truthy(last_notice():find('there is no chat', 1, true))
    end
  end)

  it('complete subcommands and models', function()
    local names = nvim.fn.getcompletion('Venice ', 'cmdline')
    for _, name in ipairs({ 'attest', 'model', 'new', 'retry', 'stop', 'wipe' }) do
      assert.is_truthy(vim.tbl_contains(names, name), name)
    end
    assert.are.same({ 'retry', 'rewrite' }, nvim.fn.getcompletion('Venice re', 'cmdline'))
    nvim.fn.getcompletion('Venice model ', 'cmdline')
    nvim.sleep(20)
    assert.are.same({ 'e2ee-fake' }, nvim.fn.getcompletion('Venice model e2', 'cmdline'))
    assert.are.same({ 'e2ee-fake' }, nvim.fn.getcompletion('Venice! attest ', 'cmdline'))
    assert.are.same({}, nvim.fn.getcompletion('Venice stop ', 'cmdline'))
  end)

  it('keep a prompt out of the history, and only the prompt', function()
    nvim.type_keys(':echo "a secret"<CR>', ':VeniceChat a secret<CR>', ':Venice stop<CR>')
    nvim.type_keys(':VeniceChat! a secret | with <lt>bar><CR>')
    nvim.type_keys(':silent VeniceCh  a secret two  <CR>')
    local history = {}
    for i = 1, nvim.fn.histnr(':') do
      history[#history + 1] = nvim.fn.histget(':', i)
    end
    local text = table.concat(history, '\n')
    assert.is_truthy(text:find('echo "a secret"', 1, true))
    assert.is_truthy(text:find('Venice stop', 1, true))
    assert.is_nil(text:find('VeniceC', 1, true))
  end)

  it('take a prompt with bars, quotes and equal signs as it is', function()
    nvim.cmd('VeniceChat model=x | "why" % # <cword> \\n')
    assert.are.equal(
      'model=x | "why" % # <cword> \\n',
      nvim.lua('return fake.last.request.messages[1].content')
    )
  end)

  it('open a chat, reuse it, open another one', function()
    nvim.cmd('VeniceChat')
    local first = nvim.api.nvim_get_current_buf()
    nvim.cmd('VeniceChat')
    assert.are.equal(first, nvim.api.nvim_get_current_buf())
    nvim.cmd('Venice new')
    local second = nvim.api.nvim_get_current_buf()
    assert.are_not.equal(first, second)
    nvim.cmd('VeniceChat!')
    assert.are_not.equal(second, nvim.api.nvim_get_current_buf())
    assert.are.equal(2, #nvim.api.nvim_list_wins())
  end)

  it('show the attestation, of a refusal too', function()
    nvim.cmd('Venice attest e2ee-other')
    assert.are.equal('e2ee-other', nvim.lua('return fake.last.request.model'))
    assert.is_nil(nvim.lua('return fake.last.request.fresh'))
    nvim.lua([[
      fake.report({ level = 'none', accepted = false, verified = false, reason = 'nonce_mismatch',
        simulated = false, checks = { { id = 'nonce_echoed', ok = false, detail = 'other' } } })
      fake.done({ code = 'attestation', message = 'the nonce is not ours', hint = 'try again' })
    ]])
    assert.is_truthy(nvim.text():find('nonce_echoed', 1, true))
    local words =
      'nothing is sent to this model: the nonce is not ours; the check nonce_echoed failed'
    assert.is_truthy(nvim.text():gsub('%s+', ' '):find(words, 1, true), nvim.text())
    nvim.wait_for(function()
      return last_notice():find('the nonce is not ours', 1, true)
    end)
    -- All of it is on the screen: the message asks for no key.
    assert.is_nil(last_notice():find('\n', 1, true))
    nvim.cmd('Venice! attest')
    assert.is_true(nvim.lua('return fake.last.request.fresh'))
    assert.are.equal('e2ee-fake', nvim.lua('return fake.last.request.model'))
  end)

  it('choose a model by name, for the chat and for the next ones', function()
    nvim.cmd('VeniceChat')
    nvim.cmd('Venice model e2ee-b')
    nvim.cmd('VeniceChat x')
    assert.are.equal('e2ee-b', nvim.lua('return fake.last.request.model'))
  end)

  it('list models of which the service says little, or nonsense', function()
    nvim.lua([[
      fake.models_list = {
        { id = 'e2ee-a' },
        { id = 'e2ee-b', context = 32000 },
        { id = 'e2ee-c', name = 'C', price_in = 1, price_out = 2.5 },
        { id = 'e2ee-d', context = 1 / 0, price_in = -1, price_out = 0 / 0 },
      }
      vim.ui.select = function(items, opts)
        _G.offered = vim.tbl_map(opts.format_item, items)
      end
    ]])
    nvim.cmd('Venice model')
    nvim.wait_for('_G.offered ~= nil')
    assert.are.same({
      'e2ee-a',
      'e2ee-b  32k context',
      'e2ee-c  C, $1 in, $2.5 out per million',
      'e2ee-d',
    }, nvim.lua('return offered'))
  end)

  it('show the failure of the list of models', function()
    nvim.lua([[fake.models_error = { code = 'dns', message = 'no such host', hint = 'look' }]])
    nvim.cmd('Venice model')
    nvim.wait_for(function()
      return last_notice() == 'venice: no such host\nhint: look'
    end)
  end)

  it('have <Plug> maps', function()
    nvim.cmd('nmap <F2> <Plug>(venice-chat)')
    nvim.cmd('nmap <F3> <Plug>(venice-send)')
    nvim.cmd('nmap <F4> <Plug>(venice-stop)')
    nvim.cmd('nmap <F5> <Plug>(venice-attest)')
    nvim.type_keys('<F2>')
    assert.are.equal('venice', nvim.eval('&filetype'))
    nvim.type_keys('ihello<Esc><F3>')
    assert.are.equal('hello', nvim.lua('return fake.last.request.messages[1].content'))
    nvim.type_keys('<F4>')
    assert.is_true(nvim.lua('return fake.last.cancelled'))
    nvim.type_keys('<F5>')
    assert.are.equal('attest', nvim.lua('return fake.last.kind'))
  end)

  it('do nothing with options that were refused, and say which word is wrong', function()
    nvim.cmd('set cmdheight=5')
    nvim.cmd('VeniceChat')
    nvim.api.nvim_buf_set_lines(0, -1, -1, false, { 'a prompt' })
    assert.is_false(pcall(nvim.lua, [[require('venice').setup({ verify = { dcpa = 'off' } })]]))
    local words = {
      'nothing runs, because setup() was refused: there is no option verify.dcpa',
      'did you mean verify.dcap?',
      'mend the call of setup()',
    }
    local uses = {
      'VeniceChat hello',
      'VeniceChat! hello',
      'Venice attest',
      'Venice trust',
      'Venice trust e2ee-x',
      'Venice! trust e2ee-x',
      'Venice model e2ee-x',
      'Venice new',
      'Venice retry',
      'Venice rewrite make it better',
      'Venice tools on',
      'Venice export /tmp/x',
      [[execute "normal \<Plug>(venice-send)"]],
      [[execute "normal \<Plug>(venice-attest)"]],
      [[execute "normal \<CR>"]],
    }
    local windows = #nvim.api.nvim_list_wins()
    for _, use in ipairs(uses) do
      -- The same words within a second are said once.
      nvim.sleep(1050)
      nvim.lua('_G.__notes = {}')
      nvim.cmd(use)
      nvim.wait_for('#__notes > 0', 2000, use)
      for _, part in ipairs(words) do
        local is_cut = part ~= words[1] and use:find('<CR>', 1, true)
        assert.is_truthy(
          is_cut or last_notice():find(part:sub(1, 40), 1, true),
          use .. ': ' .. last_notice()
        )
      end
      assert.are.equal(windows, #nvim.api.nvim_list_wins(), use)
    end
    assert.are.equal(0, nvim.lua('return #fake.requests'))
    -- What only asks or ends something works.
    nvim.cmd('Venice stop')
    local status = nvim.lua([[return require('venice').status()]])
    assert.are.equal('config', status.error.code)
    assert.is_truthy(status.error.message:find('verify.dcpa', 1, true))
    local line = nvim.lua([[return require('venice').statusline()]])
    assert.is_truthy(line:find('options refused', 1, true), line)
    nvim.shows('a prompt')
    nvim.cmd('checkhealth venice')
    assert.is_truthy(nvim.text():find(words[1], 1, true), nvim.text())
    nvim.cmd('bwipeout')
    -- A right call heals.
    nvim.lua([[require('venice').setup({ model = 'e2ee-fake' })]])
    assert.is_nil(nvim.lua([[return require('venice').status().error]]) and nil)
    nvim.cmd('VeniceChat hello')
    nvim.wait_for('#fake.requests == 1')
  end)

  it('do nothing where the only call of setup() was refused', function()
    local fresh = child.start({ columns = 100 })
    fresh.cmd('set cmdheight=5')
    assert.is_false(pcall(fresh.lua, [[require('venice').setup({ base_ulr = 'https://x' })]]))
    fresh.cmd('VeniceChat hello')
    fresh.wait_for('#__notes > 0')
    assert.is_truthy(fresh.last_notice():find('base_ulr', 1, true), fresh.last_notice())
    assert.are.equal(1, #fresh.api.nvim_list_wins())
    local status = fresh.lua([[return require('venice').status()]])
    assert.are.equal('config', status.error.code)
    assert.are.equal('', fresh.lua([[return require('venice').statusline()]]))
    fresh.cmd('checkhealth venice')
    assert.is_truthy(fresh.text():find('base_ulr', 1, true))
    fresh.stop()
  end)

  it('do not start the client to wipe a chat that was not used', function()
    local fresh = child.start()
    fresh.lua([[require('venice').setup({ model = 'e2ee-x' })]])
    fresh.cmd('VeniceChat')
    fresh.cmd('Venice wipe')
    assert.is_true(fresh.lua([[return require('venice.client').current() == nil]]))
    fresh.stop()
  end)
end)
