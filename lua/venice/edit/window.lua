-- Where the window of a review opens, and its options.

local api, fn = vim.api, vim.fn
local M = {}

local options = {
  wrap = true, -- What is accepted must be seen, to the end of its lines.
  linebreak = false,
  breakindent = true,
  breakindentopt = 'shift:2',
  number = false,
  relativenumber = false,
  list = false,
  spell = false,
  cursorline = false,
  conceallevel = 0,
  signcolumn = 'no',
  foldcolumn = '0',
  colorcolumn = '',
  foldmethod = 'manual',
  foldenable = true,
  foldminlines = 0,
  foldtext = "v:lua.require'venice.edit.window'.foldtext()",
  fillchars = 'fold: ,eob: ',
  scrollbind = false,
  cursorbind = false,
  diff = false,
  winfixheight = false,
  previewwindow = false,
}

--- What a closed section shows.
---@return string
function M.foldtext()
  return (fn.getline(vim.v.foldstart):gsub('^▾', '▸'))
end

-- A window of this tab page that shows a buffer; else one that can be split.
local function neighbour(target)
  local normal
  for _, win in ipairs(api.nvim_tabpage_list_wins(0)) do
    if api.nvim_win_get_config(win).relative == '' then
      if api.nvim_win_get_buf(win) == target then
        return win, true
      end
      normal = normal or win
    end
  end
  return normal or api.nvim_get_current_win(), false
end

local NARROW = 72 -- columns; beside a chat there may be fewer

--- Opens a window below the one that shows a buffer, or below all where that one is narrow, and
--- goes there. The caller puts a buffer of its own into it.
---@param target integer
function M.open(target)
  local current = api.nvim_get_current_win()
  local is_normal = api.nvim_win_get_config(current).relative == ''
  local win, shows = neighbour(target)
  if is_normal and api.nvim_win_get_buf(current) == target then
    win, shows = current, true
  end
  api.nvim_set_current_win(win)
  local height = math.max(math.floor(vim.o.lines / 2), 1)
  local where = shows and api.nvim_win_get_width(win) >= NARROW and 'belowright' or 'botright'
  -- Where the screen has no room for another window (E36), a tab page has.
  if not pcall(vim.cmd, ('%s %dsplit'):format(where, height)) then
    vim.cmd('tab split')
  end
end

--- Gives the current window, which shows a review now, its options.
function M.set_options()
  for name, value in pairs(options) do
    -- Local, so that the window is as before when another buffer comes into it.
    vim.opt_local[name] = value
  end
end

return M
