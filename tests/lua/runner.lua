-- Runs one file of busted tests inside this Neovim and prints TAP.
-- Started by tests/lua/run; busted's own runner would end the process behind Neovim's back.

local root = vim.env.VENICE_ROOT
vim.opt.runtimepath:prepend(root)
package.path = root .. '/?.lua;' .. package.path

local busted = require('busted.core')()
require('busted')(busted)

local count, failed = 0, 0

local function say(ok, name, directive, detail)
  count = count + 1
  local line = ('%s %d - %s'):format(ok and 'ok' or 'not ok', count, (name:gsub('[%c#]', ' ')))
  io.stdout:write(line, directive and (' # SKIP ' .. directive:gsub('%c', ' ')) or '', '\n')
  if detail then
    for text in vim.gsplit(detail, '\n', true) do
      io.stdout:write('#   ', text, '\n')
    end
  end
  io.stdout:flush()
  if not ok then
    failed = failed + 1
  end
end

-- "chat streams an answer": the names of the blocks around it, without the file's.
local function full_name(element)
  local names = {}
  while element do
    if element.name and element.descriptor ~= 'file' then
      table.insert(names, 1, tostring(element.name))
    end
    element = busted.context.parent(element)
  end
  return table.concat(names, ' ')
end

-- What was published about the case that is running, until its end counts it.
local detail

local function trouble(element, _, message, trace)
  local text = tostring(message)
  if trace and trace.traceback then
    text = text .. '\n' .. vim.trim(trace.traceback)
  end
  if element.descriptor == 'it' then
    detail = detail and (detail .. '\n' .. text) or text
  else
    -- A failing before_each, setup or file is nobody's case, so it is a failure of its own.
    say(false, vim.trim(full_name(element) .. ' (' .. element.descriptor .. ')'), nil, text)
  end
  return nil, true
end

busted.subscribe({ 'error' }, trouble)
busted.subscribe({ 'failure' }, trouble)
busted.subscribe({ 'pending' }, function(_, _, message)
  detail = message and tostring(message) or 'pending'
  return nil, true
end)
busted.subscribe({ 'test', 'start' }, function()
  detail = nil
  return nil, true
end)
busted.subscribe({ 'test', 'end' }, function(element, _, status)
  local name = full_name(element)
  if status == 'pending' then
    local why = (detail or 'pending'):gsub('^.-:%d+: ', '')
    say(true, name, why)
  elseif status == 'success' then
    say(true, name)
  else
    say(false, name, nil, detail or status)
  end
  return nil, true
end)

local load_files = require('busted.modules.test_file_loader')(busted, { 'lua' })
load_files({ vim.env.VENICE_TEST_FILE }, {}, { excludes = {}, recursive = false })
require('busted.execute')(busted)(1, {})
busted.publish({ 'exit' })

require('tests.lua.child').stop_all()
-- The plan comes last: without it the run was cut short, and tests/run would not know.
io.stdout:write('1..', count, '\n')
io.stdout:flush()
vim.cmd(failed > 0 and 'cquit 1' or 'qall!')
