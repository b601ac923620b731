-- A text of ours in a scratch buffer, its sections as folds.

local api = vim.api
local M = {}

local namespace = api.nvim_create_namespace('venice-attestation')

local links = {
  VeniceTitle = 'Title',
  VeniceLabel = 'Identifier',
  VeniceOk = vim.fn.hlexists('DiagnosticOk') == 1 and 'DiagnosticOk' or 'String',
  VeniceWarn = 'DiagnosticWarn',
  VeniceFail = 'DiagnosticError',
  VeniceDim = 'Comment',
  VeniceAdded = 'DiffAdd',
  VeniceRemoved = 'DiffDelete',
}

--- What a closed section shows.
---@return string
function M.foldtext()
  return (vim.fn.getline(vim.v.foldstart):gsub('^▾', '▸'))
end

local function new_buffer(name)
  local buffer = api.nvim_create_buf(false, true)
  local bo = vim.bo[buffer]
  bo.buftype, bo.swapfile, bo.undofile, bo.modeline = 'nofile', false, false, false
  bo.bufhidden = 'wipe'
  -- Completion plugins that send what they see to a service leave such a buffer alone.
  vim.b[buffer].copilot_enabled = false
  pcall(api.nvim_buf_set_name, buffer, name)
  return buffer
end

local function set_folds(buffer, folds)
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    api.nvim_win_call(window, function()
      local view = vim.fn.winsaveview()
      vim.cmd('setlocal foldmethod=manual foldenable foldminlines=0 foldcolumn=0 nolist')
      vim.cmd([[setlocal foldtext=v:lua.require'venice.evidence.screen'.foldtext()]])
      vim.cmd([[setlocal fillchars+=fold:\  nonumber norelativenumber nospell]])
      vim.cmd('setlocal wrap linebreak breakindent breakindentopt=shift:4')
      vim.cmd('silent! normal! zE')
      for _, fold in ipairs(folds) do
        vim.cmd(('%d,%dfold'):format(fold.first, fold.last))
        if not fold.closed then
          vim.cmd(('%dfoldopen'):format(fold.first))
        end
      end
      vim.fn.winrestview(view)
    end)
  end
end

--- Shows another text in a buffer of open().
---@param buffer integer
---@param text venice.Text
function M.update(buffer, text)
  if not api.nvim_buf_is_valid(buffer) then
    return
  end
  vim.bo[buffer].modifiable = true
  api.nvim_buf_set_lines(buffer, 0, -1, false, text.lines)
  vim.bo[buffer].modifiable = false
  api.nvim_buf_clear_namespace(buffer, namespace, 0, -1)
  for _, mark in ipairs(text.marks) do
    api.nvim_buf_set_extmark(buffer, namespace, mark.line, mark.first, {
      end_col = mark.last,
      hl_group = mark.group,
    })
  end
  set_folds(buffer, text.folds)
end

--- Closes the windows of a buffer, and the buffer. Who was in one goes back where they came from.
---@param buffer integer
function M.close(buffer)
  if not api.nvim_buf_is_valid(buffer) then
    return
  end
  local before = vim.b[buffer].venice_before
  if api.nvim_get_current_buf() == buffer and before and api.nvim_win_is_valid(before) then
    api.nvim_set_current_win(before)
  end
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    pcall(api.nvim_win_close, window, true)
  end
  -- Where it was the last window.
  pcall(api.nvim_buf_delete, buffer, { force = true })
end

--- Opens a split with a text. `q` closes it, <CR> opens and closes a section.
---@param name string of the buffer
---@param filetype string
---@param text venice.Text
---@param opts table|nil { keys = { lhs = { action, desc } }, command = 'botright split',
---  window = a function that opens one and goes there, instead, stay = true: the cursor stays }
---@return integer buffer
function M.open(name, filetype, text, opts)
  opts = opts or {}
  for group, link in pairs(links) do
    api.nvim_set_hl(0, group, { link = link, default = true })
  end
  local buffer = new_buffer(name)
  local before = api.nvim_get_current_win()
  if opts.window then
    opts.window(buffer)
  else
    vim.cmd(opts.command or 'botright split')
  end
  api.nvim_win_set_buf(0, buffer)
  vim.b[buffer].venice_before = before
  local keys = vim.tbl_extend('force', {
    q = {
      function()
        M.close(buffer)
      end,
      'close this window',
    },
    ['<CR>'] = {
      function()
        pcall(vim.cmd, 'normal! za')
      end,
      'open or close this section',
    },
  }, opts.keys or {})
  for lhs, key in pairs(keys) do
    local map_opts = { buffer = buffer, nowait = true, silent = true, desc = key[2] }
    vim.keymap.set('n', lhs, key[1], map_opts)
  end
  M.update(buffer, text)
  vim.bo[buffer].filetype = filetype
  if opts.stay and api.nvim_win_is_valid(before) then
    api.nvim_set_current_win(before)
  end
  return buffer
end

return M
