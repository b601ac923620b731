-- What is deleted in a chat goes into a register, and registers go to disk (ShaDa) when Neovim
-- ends. Who yanks wants to keep the text; who deletes does not (promise 5). So registers that hold
-- what was deleted in a chat, and that nobody named, are emptied before. `:wshada` has no event.

local api, fn = vim.api, vim.fn
local M = {}

local group = api.nvim_create_augroup('venice_registers', { clear = true })
local deleted = {} ---@type table<string, boolean> by digest: the text itself goes with its chat

local function digest(lines)
  return fn.sha256(table.concat(lines, '\n'))
end

-- What is deleted into the clipboard is put into a numbered register too.
local unnamed = { [''] = true, ['+'] = true, ['*'] = true }

--- Notes what is deleted in a buffer.
---@param buf integer
function M.watch(buf)
  api.nvim_create_autocmd('TextYankPost', {
    group = group,
    buffer = buf,
    callback = function()
      local event = vim.v.event
      if event.operator ~= 'y' and unnamed[event.regname] then
        deleted[digest(event.regcontents)] = true
      end
    end,
  })
end

api.nvim_create_autocmd('VimLeavePre', {
  group = group,
  callback = function()
    for register in ('123456789-'):gmatch('.') do
      if deleted[digest(fn.getreg(register, 1, true))] then
        fn.setreg(register, {})
      end
    end
  end,
})

return M
