-- How long the worst inputs of the tools hold the editor: CPU of the longest turn of the main loop,
-- and how soon a stop counts. A file for tests/lua/run.

local child = require('tests.lua.child')
local worst = require('tests.lua.worst')

require('venice.tools.approval').is_possible = function()
  return true
end

for _, case in ipairs(worst.cases) do
  local folder = child.tempdir()
  case.prepare(folder)
  local _, busiest = worst.run(folder, case)
  local stopped = case.is_long
      and ('; stopped after %.1f ms   [50]'):format(worst.stop_in_the_middle(folder, case))
    or ''
  io.stdout:write(('# %-48s %.1f ms   [10]%s\n'):format(case.name, busiest, stopped))
  io.stdout:flush()
end
