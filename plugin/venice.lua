-- Commands and <Plug> maps. Nothing is required before one of them is used.

if vim.g.loaded_venice then
  return
end
vim.g.loaded_venice = true

local command, map = vim.api.nvim_create_user_command, vim.api.nvim_set_keymap

command('VeniceChat', function(opts)
  require('venice.commands').chat(opts)
end, { nargs = '*', range = true, bang = true, desc = 'chat with a model in an enclave' })

command('Venice', function(opts)
  require('venice.commands').run(opts)
end, {
  nargs = '*',
  range = true,
  bang = true,
  desc = 'attest, choose, stop, retry, rewrite, save, wipe',
  complete = function(lead, line, column)
    return require('venice.commands').complete(lead, line:sub(1, column))
  end,
})

local function plug(mode, name, call)
  map(mode, '<Plug>(venice-' .. name .. ')', '<Cmd>' .. call .. '<CR>', { noremap = true })
end

plug('n', 'chat', 'VeniceChat')
plug('x', 'chat', 'lua require("venice.commands").chat_visual()')
plug('n', 'send', 'lua require("venice.commands").plug("send")')
plug('n', 'stop', 'lua require("venice.commands").plug("stop")')
plug('n', 'retry', 'lua require("venice.commands").plug("retry")')
plug('n', 'attest', 'lua require("venice.commands").plug("attest")')
plug('n', 'approve', 'lua require("venice.tools.approval").focus()')
plug('n', 'new', 'Venice new')
plug('n', 'chats', 'Venice chats')
-- These wait for the instruction; the range is the line, or what is selected.
map('n', '<Plug>(venice-rewrite)', ':.Venice rewrite ', { noremap = true })
map('x', '<Plug>(venice-rewrite)', ':Venice rewrite ', { noremap = true })

-- A session that is restored makes buffers with the names of chats. (A callback in Lua would double
-- what this file costs.)
vim.cmd(
  'autocmd BufFilePost,BufReadCmd venice://chat/* '
    .. [[lua require('venice.chat.buffer').stray(tonumber(vim.fn.expand('<abuf>')))]]
)
