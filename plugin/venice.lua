-- Commands and <Plug> maps. Nothing is required before one of them is used.

if vim.g.loaded_venice then
  return
end
vim.g.loaded_venice = true

local command = vim.api.nvim_create_user_command

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

-- One call for all of these: twelve of them, or a callback in Lua, would take twice as long.
--   rewrite   waits for the instruction; the range is the line, or what is selected
--   autocmd   a session that is restored makes buffers with the names of chats
vim.cmd([[
nnoremap <Plug>(venice-chat) <Cmd>VeniceChat<CR>
xnoremap <Plug>(venice-chat) <Cmd>lua require("venice.commands").chat_visual()<CR>
nnoremap <Plug>(venice-new) <Cmd>Venice new<CR>
nnoremap <Plug>(venice-chats) <Cmd>Venice chats<CR>
nnoremap <Plug>(venice-send) <Cmd>lua require("venice.commands").plug("send")<CR>
nnoremap <Plug>(venice-stop) <Cmd>lua require("venice.commands").plug("stop")<CR>
nnoremap <Plug>(venice-retry) <Cmd>lua require("venice.commands").plug("retry")<CR>
nnoremap <Plug>(venice-attest) <Cmd>lua require("venice.commands").plug("attest")<CR>
nnoremap <Plug>(venice-approve) <Cmd>lua require("venice.tools.approval").focus()<CR>
nnoremap <Plug>(venice-rewrite) :.Venice<Space>rewrite<Space>
xnoremap <Plug>(venice-rewrite) :Venice<Space>rewrite<Space>
autocmd BufFilePost,BufReadCmd venice://chat/* lua require("venice.chat.buffer").stray()
]])
