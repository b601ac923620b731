-- Feeds csrc/venice.h to LuaJIT as native.lua does, then looks up every function in the library.
-- Prints what is wrong, or nothing.

local ok, err = pcall(function()
  local ffi = require('ffi')
  local file = assert(io.open('csrc/venice.h'))
  ffi.cdef((file:read('*a'):gsub('#[^\n]*', '')))
  file:close()
  local library = ffi.load(vim.fn.getcwd() .. '/build/libvenice.so')
  for name in vim.env.VENICE_NAMES:gmatch('%S+') do
    local found = pcall(function()
      return library[name]
    end)
    if not found then
      io.stdout:write(name, ' cannot be resolved\n')
    end
  end
end)
if not ok then
  io.stdout:write(tostring(err), '\n')
end
vim.cmd(ok and 'qall!' or 'cquit 1')
