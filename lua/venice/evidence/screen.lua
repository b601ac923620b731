-- A text of ours in a scratch buffer, its sections as folds, and the window that shows it: in front
-- of every float, and never with the cursor of somebody who types.

local attention = require('venice.attention')
local errors = require('venice.errors')

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
  -- Completion plugins that send what they see to a service leave such a buffer alone.
  vim.b[buffer].copilot_enabled = false
  pcall(api.nvim_buf_set_name, buffer, name)
  return buffer
end

local function set_folds(buffer, folds)
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    api.nvim_win_call(window, function()
      local view = vim.fn.winsaveview()
      vim.cmd('setlocal foldenable foldminlines=0 foldcolumn=0 nolist')
      vim.cmd([[setlocal foldtext=v:lua.require'venice.evidence.screen'.foldtext()]])
      vim.cmd([[setlocal fillchars+=fold:\  nonumber norelativenumber nospell]])
      vim.cmd('setlocal wrap linebreak breakindent breakindentopt=shift:4')
      -- Takes the folds away. Without `:normal`: the user may be typing elsewhere.
      vim.cmd('setlocal foldexpr=0 foldmethod=expr')
      vim.cmd('setlocal foldmethod=manual')
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

---@class venice.TextView what is shown, or going to be shown, in a buffer of open()
---@field buffer integer
---@field name string
---@field filetype string
---@field text venice.Text|fun(width: integer): venice.Text
---@field lines string[]|nil as they were put into the buffer
---@field width integer|nil the columns for which that was
---@field opts table
---@field opening { stop: fun() }|nil
local views = {} ---@type table<integer, venice.TextView>

local function width_of(buffer)
  local window = vim.fn.win_findbuf(buffer)[1]
  return window and api.nvim_win_get_width(window) or vim.o.columns
end

local function text_of(view)
  return type(view.text) == 'function' and view.text(width_of(view.buffer)) or view.text
end

--- Shows another text in a buffer of open(), or its own text anew.
---@param buffer integer
---@param text venice.Text|fun(width: integer): venice.Text|nil
function M.update(buffer, text)
  local view = views[buffer]
  if not view or not api.nvim_buf_is_valid(buffer) then
    return
  end
  view.text, view.width = text or view.text, width_of(buffer)
  text = text_of(view)
  view.lines = text.lines
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

-- A text that is wrapped for its window is wrapped anew where that has another width.
local function follow_widths()
  for buffer, view in pairs(views) do
    local has_changed = view.width and view.width ~= width_of(buffer)
    if has_changed and not vim.deep_equal(text_of(view).lines, view.lines) then
      M.update(buffer)
    end
  end
end

local function watch_widths()
  local group = api.nvim_create_augroup('venice_text_views', {})
  api.nvim_create_autocmd({ 'VimResized', 'WinEnter', 'BufWinEnter' }, {
    group = group,
    callback = vim.schedule_wrap(follow_widths),
  })
end

-- Windows -----------------------------------------------------------------------------------------

-- Above every other float, and below messages and menus.
local LOWEST, HIGHEST = 60, 199

local function front_zindex(window)
  local zindex = LOWEST
  for _, other in ipairs(api.nvim_tabpage_list_wins(0)) do
    local config = api.nvim_win_get_config(other)
    if other ~= window and config.relative ~= '' then
      zindex = math.max(zindex, (config.zindex or 50) + 1)
    end
  end
  return math.min(zindex, HIGHEST)
end

-- At the bottom of the screen, as the split would be.
local function float_config(height, window)
  local rows = vim.o.lines - vim.o.cmdheight
  height = math.max(math.min(height, rows - 3), 1)
  return {
    relative = 'editor',
    width = math.max(vim.o.columns - 2, 1),
    height = height,
    col = 0,
    row = math.max(rows - height - 3, 0),
    border = rows > 3 and 'rounded' or 'none',
    zindex = front_zindex(window),
  }
end

local DEFAULT_SHARE = 0.75 -- of the screen

local function height_of(view)
  local height = view.opts.height
  if type(height) == 'function' then
    height = height(view)
  end
  return height or math.max(10, math.floor(vim.o.lines * DEFAULT_SHARE))
end

--- Brings the window of a view in front of every float: one that is a split becomes a float.
---@param window integer
function M.lift(window)
  if not api.nvim_win_is_valid(window) then
    return
  end
  local view = views[api.nvim_win_get_buf(window)]
  local height = view and height_of(view) or api.nvim_win_get_height(window)
  local config = float_config(height, window)
  if not pcall(api.nvim_win_set_config, window, config) then
    -- The last window that is no float cannot become one.
    local row = api.nvim_win_get_cursor(window)[1]
    window = api.nvim_open_win(api.nvim_win_get_buf(window), true, config)
    api.nvim_win_set_cursor(window, { row, 0 })
  end
end

local function has_float()
  for _, window in ipairs(api.nvim_tabpage_list_wins(0)) do
    local config = api.nvim_win_get_config(window)
    if config.relative ~= '' and (config.focusable or window == api.nvim_get_current_win()) then
      return true
    end
  end
  return false
end

-- An error of somebody's autocommand is no failure of the window that it is about.
local function go_to(window)
  if api.nvim_win_is_valid(window) then
    pcall(api.nvim_set_current_win, window)
  end
end

-- Opens a split; what is left of one that could not be opened is taken away again.
local function split(view)
  local before = api.nvim_get_current_win()
  local _, failure = pcall(vim.cmd, view.opts.command or 'botright split')
  local window = api.nvim_get_current_win()
  if window ~= before then
    _, failure = pcall(api.nvim_win_set_buf, window, view.buffer)
    if api.nvim_win_is_valid(window) and api.nvim_win_get_buf(window) == view.buffer then
      return
    end
    pcall(api.nvim_win_close, window, true)
    go_to(before)
  end
  error(failure, 0)
end

-- Where a float is, a split may stand behind it; where there is no room (E36), a float needs none.
local function open_window(view)
  if not has_float() then
    local ok, failure = pcall(split, view)
    if ok then
      return false
    elseif errors.is_text_lock(failure) then
      error(failure, 0)
    end
  end
  local _, failure = pcall(api.nvim_open_win, view.buffer, true, float_config(height_of(view)))
  local window = vim.fn.win_findbuf(view.buffer)[1]
  if not window then
    error(failure, 0)
  end
  go_to(window)
  return true
end

local function keys_of(view)
  return vim.tbl_extend('force', {
    q = {
      function()
        M.close(view.buffer)
      end,
      'close this window',
    },
    ['<CR>'] = {
      function()
        pcall(vim.cmd, 'normal! za')
      end,
      'open or close this section',
    },
  }, view.opts.keys or {})
end

local function set_keys(view)
  for lhs, key in pairs(keys_of(view)) do
    local map_opts = { buffer = view.buffer, nowait = true, silent = true, desc = key[2] }
    vim.keymap.set('n', lhs, key[1], map_opts)
  end
end

local function words_of(view)
  local words = view.opts.words or text_of(view).lines[1] or ''
  return errors.printable(vim.trim(words):gsub('%s%s+', ' '))
end

-- Whoever types goes on typing, and is told where the window is.
local function say_where(view, is_float)
  local where = is_float and 'in the window in front (<C-w>w)' or 'in the window below (<C-w>b)'
  errors.brief(words_of(view) .. ': ' .. where)
end

-- Shows a view now. Raises, and leaves no window, where it cannot.
local function show(view, may_take_cursor)
  local before = api.nvim_get_current_win()
  local stays = not (may_take_cursor and attention.may_take_cursor())
  if view.opts.stay then
    stays = view.opts.stay()
  end
  local is_float = open_window(view)
  local window = api.nvim_get_current_win()
  view.opening = nil
  vim.bo[view.buffer].bufhidden = 'wipe'
  vim.b[view.buffer].venice_before = before
  M.update(view.buffer)
  pcall(api.nvim_buf_set_option, view.buffer, 'filetype', view.filetype)
  if view.opts.on_show then
    view.opts.on_show(window)
  end
  if stays then
    go_to(before)
    say_where(view, is_float)
  end
end

local function give_up(view, failure)
  view.name = nil
  local why = tostring(failure):match('E%d+:[^\n]*') or tostring(failure):match('^[^\n]*')
  -- Not before open() has returned the buffer.
  vim.schedule(function()
    pcall(api.nvim_buf_delete, view.buffer, { force = true })
    if view.opts.on_failure then
      return view.opts.on_failure(why)
    end
    local message = ('%s cannot be shown: %s'):format(words_of(view), why)
    errors.notify(errors.new('internal', message, 'close a window or a tab page, then try again'))
  end)
end

local function show_soon(view)
  if view.opening then
    return
  end
  -- Whoever had to be waited for may type on at once.
  local is_first = true
  local opening = attention.when_free(words_of(view), function()
    show(view, is_first)
  end, function(failure)
    give_up(view, failure)
  end)
  is_first = false
  view.opening = #vim.fn.win_findbuf(view.buffer) == 0 and opening or nil
end

--- Goes to the window of a view, unless that would take the cursor of somebody who types.
---@param buffer integer
---@return boolean it has a window
function M.focus(buffer)
  local window = vim.fn.win_findbuf(buffer)[1]
  if not window then
    return false
  end
  local view = views[buffer]
  if attention.may_take_cursor() and vim.fn.getcmdwintype() == '' then
    api.nvim_set_current_win(window)
    if #attention.in_front_of(window) > 0 then
      M.lift(window)
    end
  elseif view then
    say_where(view, api.nvim_win_get_config(window).relative ~= '')
  end
  return true
end

--- Closes the windows of a buffer, and the buffer. Who was in one goes back where they came from.
---@param buffer integer
function M.close(buffer)
  local view = views[buffer]
  if view and view.opening then
    view.opening.stop()
    view.opening = nil
  end
  if not api.nvim_buf_is_valid(buffer) then
    return
  end
  local before = vim.b[buffer].venice_before
  if api.nvim_get_current_buf() == buffer and before and api.nvim_win_is_valid(before) then
    pcall(api.nvim_set_current_win, before)
  end
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    pcall(api.nvim_win_close, window, true)
  end
  -- Where it was the last window.
  pcall(api.nvim_buf_delete, buffer, { force = true })
  if api.nvim_buf_is_valid(buffer) and vim.fn.getcmdwintype() ~= '' then
    -- The command-line window lets no other one be closed (E11).
    attention.when_free(nil, function()
      M.close(buffer)
    end, function() end)
  end
end

local function find(name)
  for buffer, view in pairs(views) do
    if view.name == name and api.nvim_buf_is_valid(buffer) then
      return view
    end
  end
end

local function new_view(name)
  if next(views) == nil then
    watch_widths()
  end
  local view = { buffer = new_buffer(name), name = name }
  views[view.buffer] = view
  api.nvim_create_autocmd('BufWipeout', {
    buffer = view.buffer,
    once = true,
    callback = function()
      views[view.buffer] = nil
    end,
  })
  return view
end

--- Shows a text in a window: a split, or a float where a split would stand behind a float or has no
--- room. `q` closes it, <CR> opens and closes a section. The view of the same name that is open
--- already is used. The cursor of somebody who types stays where it is; where the user's mode lets
--- no window open, this one waits.
---@param name string of the buffer
---@param filetype string
---@param text venice.Text|fun(width: integer): venice.Text for a window of so many columns
---@param opts table|nil { keys = { lhs = { action, desc } }, command = 'botright split',
---  height = number or function, of the float; words = what it is, for somebody who types;
---  stay = function: whether the cursor stays; prepare = function(buffer); on_show =
---  function(window); on_failure = function(why): it cannot be shown; without it that is said }
---@return integer buffer
function M.open(name, filetype, text, opts)
  for group, link in pairs(links) do
    api.nvim_set_hl(0, group, { link = link, default = true })
  end
  local view = find(name) or new_view(name)
  view.filetype, view.text, view.opts = filetype, text, opts or {}
  if view.opts.prepare then
    view.opts.prepare(view.buffer)
  end
  set_keys(view)
  M.update(view.buffer)
  if not M.focus(view.buffer) then
    show_soon(view)
  end
  return view.buffer
end

return M
