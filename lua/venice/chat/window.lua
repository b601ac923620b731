-- Windows that show a chat: where they open, and their options.

local bar = require('venice.chat.bar')
local config = require('venice.config')

local api, fn = vim.api, vim.fn
local M = {}

local function cells(total)
  local size = config.get().chat.size
  return math.max(1, math.floor(size < 1 and total * size or math.min(size, total)))
end

local function open_float(buf)
  local size = config.get().chat.size
  -- A float of 40 % would be small: the option is the part of the screen beside a split.
  local part = size < 1 and math.max(size, 0.8) or 0.8
  local width, height = math.floor(vim.o.columns * part), math.floor(vim.o.lines * part)
  local win = api.nvim_open_win(buf, true, {
    relative = 'editor',
    width = math.max(width, 1),
    height = math.max(height, 1),
    col = math.floor((vim.o.columns - width) / 2),
    row = math.floor((vim.o.lines - height) / 2) - 1,
    border = 'rounded',
  })
  api.nvim_win_set_var(win, 'venice_float', true)
  return win
end

local openers = {
  vsplit = function()
    vim.cmd('botright vertical ' .. cells(vim.o.columns) .. 'split')
  end,
  split = function()
    vim.cmd('botright ' .. cells(vim.o.lines) .. 'split')
  end,
  tab = function()
    vim.cmd('tab split')
  end,
  current = function() end,
  float = open_float,
}

--- Shows a chat and goes there. A window of this tab page that shows it already is used.
---@param chat venice.Chat
function M.open(chat)
  local buf = chat.view.buf
  for _, win in ipairs(api.nvim_tabpage_list_wins(0)) do
    if api.nvim_win_get_buf(win) == buf then
      api.nvim_set_current_win(win)
      return
    end
  end
  local is_chat = vim.bo.filetype == 'venice'
  if not is_chat then
    -- Where a screen is too small for another window (E36), this one has to do.
    pcall(openers[config.get().chat.window], buf)
  end
  if api.nvim_get_current_buf() ~= buf then
    -- A file that is modified stays: the window that shows it is not ours to take.
    local ok = pcall(api.nvim_win_set_buf, 0, buf)
    if not ok then
      vim.cmd('split')
      api.nvim_win_set_buf(0, buf)
    end
  end
end

--- Whether somebody sees a chat now.
---@param chat venice.Chat
---@return boolean
function M.is_visible(chat)
  if #api.nvim_list_uis() == 0 then
    return false
  end
  for _, win in ipairs(api.nvim_tabpage_list_wins(0)) do
    if api.nvim_win_get_buf(win) == chat.view.buf then
      return true
    end
  end
  return false
end

--- Closes the windows that show a chat; the chat stays.
---@param chat venice.Chat
function M.hide(chat)
  for _, win in ipairs(fn.win_findbuf(chat.view.buf)) do
    if not pcall(api.nvim_win_close, win, false) then
      -- The last window: another buffer goes into it.
      api.nvim_win_call(win, function()
        local alternate = fn.bufnr('#')
        if alternate > 0 and alternate ~= chat.view.buf and fn.buflisted(alternate) == 1 then
          vim.cmd('buffer ' .. alternate)
        else
          vim.cmd('enew')
        end
      end)
    end
  end
end

--- Puts the cursor at the end of the draft, in every window that shows the chat.
---@param chat venice.Chat
function M.to_end(chat)
  local last = api.nvim_buf_line_count(chat.view.buf)
  local line = api.nvim_buf_get_lines(chat.view.buf, last - 1, last, false)[1]
  for _, win in ipairs(fn.win_findbuf(chat.view.buf)) do
    api.nvim_win_set_cursor(win, { last, #line })
  end
end

--- Draws the bar of every window that shows a chat anew.
---@param chat venice.Chat
function M.update_bar(chat)
  bar.update(chat)
end

--- The words of a chat's bar in one line.
---@param chat venice.Chat
---@return string
function M.bar_words(chat)
  return bar.words(chat)
end

-- Options -----------------------------------------------------------------------------------------

local options = {
  wrap = true,
  linebreak = true,
  breakindent = true,
  number = false,
  relativenumber = false,
  list = false,
  spell = false,
  cursorline = false,
  signcolumn = 'no',
  foldcolumn = '0',
  colorcolumn = '',
  foldmethod = 'manual',
  foldenable = true,
  foldtext = "v:lua.require'venice.chat.folds'.text()",
  fillchars = 'fold: ,eob: ',
}

--- Gives a window that has come to show a chat its options, bar and folds.
---@param chat venice.Chat
---@param win integer
function M.enter(chat, win)
  api.nvim_win_call(win, function()
    for name, value in pairs(options) do
      -- Local, so that the window is as before when another buffer comes into it.
      vim.opt_local[name] = value
    end
  end)
  bar.set(win)
  require('venice.chat.folds').enter(chat, win)
  bar.update(chat)
end

return M
