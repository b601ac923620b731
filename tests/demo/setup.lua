-- Options of the demo: the simulator that tests/demo/run has started.
require('venice').setup({
  base_url = vim.env.VENICE_DEMO_URL,
  model = vim.env.VENICE_DEMO_MODEL,
  verify = {
    root_ca = vim.env.VENICE_DEMO_ROOT,
    gpu_root_ca = vim.env.VENICE_DEMO_GPU_ROOT,
    collateral_url = vim.env.VENICE_DEMO_URL,
  },
  chat = { size = 0.65 },
})
