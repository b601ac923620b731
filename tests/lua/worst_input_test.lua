-- The worst that a model or a repository can give the tools to work on: no step of it holds the
-- editor for more than 10 ms, and a stop ends it within 50. Five times that is allowed here, and
-- CPU time is what counts, for the machine may have other work. `make bench` prints the figures.

local approval = require('venice.tools.approval')
local child = require('tests.lua.child')
local worst = require('tests.lua.worst')

local STEP, STOP = 50 * child.slack, 250 * child.slack

local original = approval.is_possible

describe('the worst input', function()
  before_each(function()
    approval.is_possible = function()
      return true
    end
  end)
  after_each(function()
    approval.is_possible = original
    vim.cmd('silent! %bwipeout!')
  end)

  for _, case in ipairs(worst.cases) do
    it('does not hold the editor: ' .. case.name, function()
      local folder = child.tempdir()
      case.prepare(folder)
      local result, busiest = worst.run(folder, case)
      assert.is_truthy(vim.inspect(result.result):find(case.expected), vim.inspect(result.result))
      assert.is_true(busiest < STEP, ('held for %.1f ms'):format(busiest))
      if case.is_long then
        local took = worst.stop_in_the_middle(folder, case)
        assert.is_true(took < STOP, ('stopped after %.1f ms'):format(took))
      end
    end)
  end

  it('does not hold the editor: a mention of 1 MB of letters of two bytes', function()
    local folder = child.tempdir()
    child.write(folder .. '/a.txt', (('é'):rep(99) .. '\n'):rep(5200))
    local mention = { kind = 'file', argument = folder .. '/a.txt', raw = '#file:a.txt' }
    local source, failure
    local busiest = worst.measure(function()
      require('venice.chat.context.sources').gather(mention, nil, function(found, err)
        source, failure = found, err
      end)
    end, function()
      return source or failure
    end)
    assert.is_truthy(source, vim.inspect(failure))
    assert.is_true(busiest < STEP, ('held for %.1f ms'):format(busiest))
  end)

  it('does not hold the editor: completion in a folder of 100,000 files', function()
    local folder = child.tempdir()
    worst.many_files(folder, 100000)
    local completion = require('venice.chat.context.completion')
    local busiest = worst.measure(function()
      assert.are.same({}, completion.omnifunc(0, '#file:' .. folder .. '/none'))
      assert.is_true(#completion.omnifunc(0, '#file:' .. folder .. '/9') > 0)
    end, function()
      return true
    end)
    assert.is_true(busiest < 2 * STEP, ('held for %.1f ms'):format(busiest))
  end)
end)
