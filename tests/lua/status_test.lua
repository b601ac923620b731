-- What other plugins and status lines are told.

local child = require('tests.lua.child')

describe('the status', function()
  local nvim

  before_each(function()
    nvim = child.start({ columns = 100, lines = 20 })
  end)
  after_each(function()
    nvim.stop()
  end)

  local function install()
    nvim.install_fake()
    nvim.lua([[
      _G.seen = {}
      vim.cmd([=[autocmd User Venice* lua seen[#seen + 1] = require('venice').last_event()]=])
    ]])
  end
  local function status()
    return nvim.lua([[return require('venice').status()]])
  end
  local function line()
    return nvim.lua([[return require('venice').statusline()]])
  end
  local report = {
    level = 'dcap',
    accepted = true,
    verified = true,
    simulated = true,
    status = 'UpToDate',
    checks = { { id = 'quote_signed', ok = true } },
  }

  it('is quiet before the first use, and loads nothing', function()
    assert.are.equal('', line())
    assert.are.same({ state = 'idle', level = 'none', simulated = false }, status())
    assert.is_nil(nvim.lua([[return package.loaded['venice.chat'] ]]))
    assert.is_nil(nvim.lua([[return require('venice').last_event()]]))
  end)

  it('follows a request from its beginning to its end', function()
    install()
    nvim.cmd('VeniceChat one')
    assert.are.same(
      { state = 'attesting', model = 'e2ee-fake', level = 'none', simulated = false },
      status()
    )
    nvim.lua('fake.report(...)', report)
    nvim.lua([[fake.state('waiting')]])
    local now = status()
    assert.are.same({ 'waiting', 'dcap', 'UpToDate', true }, {
      now.state,
      now.level,
      now.tcb,
      now.simulated,
    })
    local pause = { state = 'retrying', seconds = 2, attempt = 1, code = 'rate_limited' }
    nvim.lua('fake.state(...)', pause)
    assert.are.equal('waiting', status().state)
    assert.is_truthy(nvim.screen_text():find('the service asks to wait, again in', 1, true))
    nvim.lua([[fake.state('waiting') fake.text('x')]])
    assert.are.equal('streaming', status().state)
    assert.is_truthy(line():find('SIMULATED · streaming · e2ee-fake · dcap', 1, true))
    local usage = { prompt_tokens = 3, completion_tokens = 1 }
    nvim.lua('fake.event({ kind = "usage", usage = ... })', usage)
    nvim.lua('fake.done(nil, { finish_reason = "stop" })')
    assert.are.equal('idle', status().state)
    assert.are.same(usage, status().usage)

    local seen = nvim.lua('return seen')
    assert.are.same({
      { event = 'VeniceRequestStarted', data = { id = 1, model = 'e2ee-fake' } },
      {
        event = 'VeniceAttested',
        data = { model = 'e2ee-fake', level = 'dcap', accepted = true, simulated = true },
      },
      {
        event = 'VeniceRequestFinished',
        data = { id = 1, model = 'e2ee-fake', outcome = 'ok', usage = usage },
      },
    }, seen)
    assert.are.same(seen[3], nvim.lua([[return require('venice').last_event()]]))
  end)

  it('says what is done before there is a request, and for how long', function()
    install()
    nvim.lua([[
      require('venice.client').models = function(_, cb) _G.list_came = cb return 1 end
      vim.ui.select = function(items, _, done) _G.choose = function() done(items[1]) end end
      require('venice.chat.context.mentions').expand = function(_, done)
        _G.context_came = done
        return { stop = function() done({ code = 'cancelled', message = 'stopped' }) end }
      end
      require('venice').setup({})
    ]])
    nvim.cmd('VeniceChat look at #diff')
    assert.is_truthy(line():find('^reading the context %d%.%d s · '), line())
    nvim.wait_for(function()
      return nvim.screen_text():find('reading the context 0.[2-9] s')
    end)
    nvim.lua('context_came(nil, nil)')
    assert.is_truthy(line():find('^asking for the models %d%.%d s · '), line())
    assert.is_truthy(nvim.screen_text():find('asking for the models', 1, true))
    nvim.lua([[list_came(nil, { { id = 'e2ee-fake' } })]])
    nvim.wait_for('_G.choose ~= nil')
    -- Now the user is waited for.
    assert.is_nil(line():find('asking', 1, true))
    assert.is_nil(nvim.screen_text():find('asking for the models', 1, true))
    nvim.lua('choose()')
    assert.are.equal('attesting', status().state)
    assert.is_truthy(line():find('^attesting %d%.%d s · e2ee%-fake'), line())
  end)

  it('shows nothing of a context that was stopped, or whose chat has gone', function()
    install()
    nvim.lua([[
      require('venice.chat.context.mentions').expand = function(_, done)
        return { stop = function() done({ code = 'cancelled', message = 'stopped' }) end }
      end
    ]])
    nvim.cmd('VeniceChat look at #diff')
    nvim.cmd('Venice stop')
    assert.is_nil(line():find('reading', 1, true))
    assert.is_nil(nvim.screen_text():find('reading the context', 1, true))
    nvim.type_keys('<CR>')
    nvim.cmd('Venice wipe')
    nvim.sleep(300)
    assert.are.equal('', nvim.stderr())
    assert.is_nil(nvim.messages():find('E%d+:'))
  end)

  it('hands the data to autocommands where Neovim has that', function()
    if nvim.fn.has('nvim-0.8') == 0 then
      return pending('this Neovim has no data of autocommands')
    end
    install()
    nvim.lua([[
      vim.api.nvim_create_autocmd('User', { pattern = 'VeniceRequestStarted', callback = function(a)
        _G.data = a.data
      end })
    ]])
    nvim.cmd('VeniceChat one')
    assert.are.same({ id = 1, model = 'e2ee-fake' }, nvim.lua('return data'))
  end)

  it('keeps the last failure until the next request', function()
    install()
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.done({ code = 'payment', message = 'no credit', hint = 'top up' })]])
    assert.are.same({ code = 'payment', message = 'no credit' }, status().error)
    assert.is_truthy(line():find('payment', 1, true))
    nvim.cmd('Venice retry')
    assert.is_nil(status().error)
    nvim.cmd('Venice stop')
    nvim.wait_for([[require('venice').status().state == 'idle']])
    assert.is_nil(status().error)
    local outcomes = nvim.lua([[
      local list = {}
      for _, event in ipairs(seen) do list[#list + 1] = event.data.outcome end
      return list
    ]])
    assert.are.same({ 'error', 'stopped' }, outcomes)
  end)

  it('finishes once, also where an autocommand fails', function()
    install()
    nvim.cmd([[autocmd User Venice* throw 'on purpose']])
    pcall(nvim.cmd, 'VeniceChat one')
    nvim.lua([[fake.text('x') fake.done()]])
    nvim.sleep(200)
    assert.are.equal('idle', status().state)
    assert.are.equal(2, nvim.lua('return #seen'))
    assert.is_truthy(nvim.messages():find('on purpose', 1, true))
  end)

  it('is that of the current chat, else of the latest', function()
    install()
    nvim.cmd('VeniceChat one')
    nvim.lua([[fake.text('x')]])
    nvim.cmd('Venice new')
    assert.are.equal('idle', status().state)
    nvim.cmd('wincmd p')
    assert.are.equal('idle', status().state)
    nvim.cmd('buffer venice://chat/1')
    assert.are.equal('streaming', status().state)
  end)

  it('says that nothing but keep-alives comes, and for how long, until more does', function()
    install()
    nvim.cmd('VeniceChat one')
    local function bar()
      return nvim.lua([[return require('venice.chat.bar').text()]])
    end
    for _, state in ipairs({ 'waiting', 'streaming' }) do
      nvim.lua([[fake.state({ state = ..., kept_alive = 20 })]], state)
      local words = 'nothing but keep-alives for 2'
      assert.is_truthy(line():find(words, 1, true), line())
      assert.is_truthy(bar():find(words, 1, true), bar())
      assert.are.equal(1, select(2, line():gsub('keep%-alives', '')))
      nvim.shows(words)
      nvim.wait_for(function()
        return nvim.screen_text():find('nothing but keep%-alives for 2[1-9] s')
      end)
      nvim.lua([[fake.text('more')]])
      nvim.shows('keep-alives', true)
      assert.is_nil(line():find('keep-alives', 1, true))
      assert.is_nil(bar():find('keep-alives', 1, true))
    end
    nvim.lua([[fake.state({ state = 'streaming', kept_alive = 20 })]])
    nvim.lua('fake.done()')
    nvim.shows('keep-alives', true)
    assert.is_nil(bar():find('keep-alives', 1, true))
  end)
end)
