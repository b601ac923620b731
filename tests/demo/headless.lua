-- The demo without a terminal: one chat, printed as it is in the buffer, and the report of its
-- enclave. Ends with an error where any of it failed.

local function say(...)
  io.stdout:write(...)
  io.stdout:write('\n')
end

local function fail(...)
  io.stderr:write('venice: the demo failed: ', ...)
  io.stderr:write('\n')
  vim.cmd('cquit 1')
end

local venice = require('venice')
local report
vim.api.nvim_create_autocmd('User', {
  pattern = 'VeniceRequestFinished',
  callback = function()
    report = require('venice.chat').current().report
  end,
})

vim.cmd('VeniceChat What happens to this prompt before it leaves Neovim?')
local finished = vim.wait(60000, function()
  local last = venice.last_event()
  return last and last.event == 'VeniceRequestFinished'
end, 20)

local status, last = venice.status(), venice.last_event()
if not finished then
  return fail('no end after 60 s, state ', status.state)
elseif last.data.outcome ~= 'ok' then
  local err = status.error
  return fail(err and err.code .. ': ' .. err.message or last.data.outcome)
end

local chat = require('venice.chat').current()
for _, line in ipairs(chat.view:plain_lines(1, -1)) do
  say(line)
end
say()
if not report then
  return fail('there is no report')
end
say(require('venice.chat.window').bar_words(chat))
say()
local failed = 0
for _, check in ipairs(report.checks) do
  failed = failed + (check.ok and 0 or 1)
  local word = check.ok and check.kind or 'FAILED'
  say(('  %-10s %-28s %s'):format(word, check.id, check.detail or ''))
end
for _, member in ipairs(report.not_stated) do
  say(('  %-10s %-28s %s'):format('not stated', member.id, member.detail or ''))
end
say()
for _, sentence in ipairs(report.not_proven) do
  say('  not proven: ' .. sentence)
end
say()
local counts = report.counts
say(('level %s, %d checks, %d failed'):format(report.level, #report.checks, failed))
say(('%d proven, %d stated, %d not stated'):format(counts.proven, counts.stated, counts.not_stated))
if failed > 0 or not report.accepted or #report.checks == 0 then
  return fail('the report was not accepted')
end
vim.cmd('qall!')
