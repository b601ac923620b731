-- The least that it takes: to try the plugin in a clone of it, or to show a bug. In the clone:
--
--   make
--   VENICE_API_KEY=… nvim --clean -u doc/minimal.lua
--
-- Without a key or the Internet, on a simulated service, which takes any key. It says where it has
-- put the certificates that its two roots of trust are:
--
--   make simulator PORT=8080                                        (in another terminal)
--   VENICE_API_KEY=any VENICE_URL=http://127.0.0.1:8080 VENICE_ROOT=/…/root.pem \
--     VENICE_GPU_ROOT=/…/gpu_root.pem nvim --clean -u doc/minimal.lua

local file = debug.getinfo(1, 'S').source:sub(2)
vim.opt.runtimepath:prepend(vim.fn.fnamemodify(file, ':p:h:h'))

-- Nothing of this has to be given: setup() is optional, and so is each option.
require('venice').setup({
  api_key = { env = 'VENICE_API_KEY' },
  base_url = vim.env.VENICE_URL,
  verify = {
    collateral_url = vim.env.VENICE_URL,
    root_ca = vim.env.VENICE_ROOT,
    gpu_root_ca = vim.env.VENICE_GPU_ROOT,
  },
})

-- The plugin makes no global maps.
vim.g.mapleader = ' '
vim.keymap.set({ 'n', 'x' }, '<leader>v', '<Plug>(venice-chat)')
vim.keymap.set('n', '<leader>a', '<Plug>(venice-attest)')
vim.keymap.set('x', '<leader>r', ':Venice rewrite ')

vim.o.laststatus = 2
vim.o.statusline = " %f%m %= %{v:lua.require'venice'.statusline()}%< "
