-- The demo in a terminal: a page of hints, and a chat whose first prompt is on its way.

local page = {
  'venice.nvim',
  '',
  'On the right: a chat with a',
  'simulated enclave on your own',
  'machine. Nothing leaves it.',
  '',
  'In the chat',
  '  i       write a prompt',
  '  <CR>    send it',
  '  <C-c>   stop an answer',
  '  gr      ask again',
  '  ga      the attestation',
  '  ?       all keys',
  '',
  'Select lines here with V, then',
  '  :VeniceChat explain this',
  '',
  'To leave',
  '  :qa',
}

vim.o.mouse = 'a'
vim.o.termguicolors = vim.env.COLORTERM == 'truecolor'
vim.api.nvim_buf_set_lines(0, 0, -1, false, page)
vim.api.nvim_buf_set_name(0, 'hints')
vim.bo.buftype = 'nofile'
vim.bo.modifiable = false
vim.wo.wrap = false
vim.schedule(function()
  vim.cmd('VeniceChat What happens to this prompt before it leaves Neovim?')
  local words = 'This is the demo of venice.nvim.  :qa leaves it.'
  vim.api.nvim_echo({ { words, 'MoreMsg' } }, false, {})
end)
