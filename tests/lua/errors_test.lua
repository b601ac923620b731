-- The words of failures.

local errors = require('venice.errors')

describe('errors', function()
  local said, notify

  before_each(function()
    said, notify = {}, vim.notify
    vim.notify = function(text, level) -- luacheck: ignore 122
      said[#said + 1] = { text = text, level = level }
    end
  end)
  after_each(function()
    vim.notify = notify -- luacheck: ignore 122
  end)

  it('have words for every code', function()
    local count = 0
    for code in pairs(errors.codes) do
      count = count + 1
      local err = errors.new(code)
      assert.are.equal(code, err.code)
      assert.is_truthy(err.message:find('^[%l]'), code)
      assert.is_falsy(err.message:find('%.$'), code)
    end
    assert.are.equal(22, count)
  end)

  it('keep the words that they are given', function()
    local err = errors.new('timeout', 'no answer for 5 s', 'raise timeout.idle')
    local hint = 'raise timeout.idle'
    assert.are.same({ code = 'timeout', message = 'no answer for 5 s', hint = hint }, err)
    assert.is_nil(errors.new('timeout', 'no answer for 5 s').hint)
    assert.is_nil(errors.new('timeout', 'no answer for 5 s', '').hint)
  end)

  it('turn a code that is not known into internal', function()
    assert.are.equal('internal', errors.new('nonsense', 'x').code)
  end)

  it('are one sentence and one hint', function()
    assert.are.equal(
      'venice: no answer\nhint: try again',
      errors.format(errors.new('timeout', 'no answer', 'try again'))
    )
    assert.are.equal('venice: no answer', errors.format(errors.new('timeout', 'no answer')))
  end)

  it('say what happened where assert() meets them', function()
    local err = errors.new('timeout', 'no answer', 'try again')
    assert.are.equal('venice: no answer\nhint: try again', tostring(err))
    local same = { code = 'timeout', message = 'no answer', hint = 'try again' }
    assert.is_true(vim.deep_equal(same, err))
  end)

  it('cannot steer the terminal or turn text around', function()
    local hostile = 'a\27[31mb\nc\0d\127e\194\155f\226\128\174g\226\129\166h'
    local shown = errors.format(errors.new('server', hostile, hostile))
    for line in shown:gmatch('[^\n]+') do
      assert.is_falsy(line:find('[%z\1-\31\127]'))
      assert.is_falsy(line:find('\194[\128-\159]'))
      assert.is_falsy(line:find('\226\128\174', 1, true))
      assert.is_falsy(line:find('\226\129\166', 1, true))
    end
    assert.are.equal(2, select(2, (shown .. '\n'):gsub('\n', '')))
    -- What is harmless stays: accents, dashes, emoji.
    assert.are.equal('Grüße – “ok” 🎉', errors.printable('Grüße – “ok” 🎉'))
  end)

  it('are said once a second', function()
    errors.notify(errors.new('dns', 'first failure of this test'))
    errors.notify(errors.new('dns', 'first failure of this test'))
    assert.are.equal(1, #said)
    assert.are.equal(vim.log.levels.ERROR, said[1].level)
    errors.notify(errors.new('dns', 'another failure'), vim.log.levels.WARN)
    assert.are.equal(2, #said)
    assert.are.equal(vim.log.levels.WARN, said[2].level)
    vim.wait(1100)
    errors.notify(errors.new('dns', 'another failure'))
    assert.are.equal(3, #said)
  end)

  it('have a sister for what is no error', function()
    errors.notice('saved\nsomewhere')
    assert.are.same({ { text = 'venice: saved somewhere', level = vim.log.levels.INFO } }, said)
  end)
end)
