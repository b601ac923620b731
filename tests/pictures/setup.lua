-- The Neovim of a picture: the plugin's defaults, on the simulator that was started for it.

vim.o.termguicolors = true
vim.o.background = 'dark'
-- Newer Neovims have a colour scheme of their own that is good as it is.
if vim.fn.has('nvim-0.10') == 0 then
  vim.cmd(vim.fn.has('nvim-0.8') == 1 and 'colorscheme habamax' or 'colorscheme slate')
end
vim.o.number = true
vim.o.ruler = false
vim.o.showcmd = false
vim.o.swapfile = false
vim.o.laststatus = 2
vim.o.statusline = " %{&filetype == 'venice' ? '' : expand('%:t')}%="
vim.o.numberwidth = 3
vim.opt.fillchars:append({ eob = ' ' })

require('venice').setup({
  base_url = vim.env.VENICE_URL,
  model = vim.env.VENICE_MODEL,
  verify = {
    root_ca = vim.env.VENICE_ROOT,
    gpu_root_ca = vim.env.VENICE_GPU_ROOT,
    collateral_url = vim.env.VENICE_URL,
  },
  chat = { size = 80 },
})
vim.keymap.set('x', '<leader>v', '<Plug>(venice-chat)')
