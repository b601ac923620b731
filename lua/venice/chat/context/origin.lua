-- The buffer that #buffer means: the file that the user was in last. A chat is no file, nor is a
-- terminal, a help page, a list. Required when the first chat is made, before it is shown.

local api, fn = vim.api, vim.fn
local M = {}

local last ---@type integer|nil

--- Whether a buffer is a file that a user edits.
---@param buf integer
---@return boolean
function M.is_file(buf)
  if not api.nvim_buf_is_valid(buf) or vim.bo[buf].buftype ~= '' or not vim.bo[buf].buflisted then
    return false
  end
  -- The empty buffer that Neovim starts with is nothing.
  return api.nvim_buf_get_name(buf) ~= '' or api.nvim_buf_get_offset(buf, 1) > 1
end

local function note(buf)
  if M.is_file(buf) then
    last = buf
  end
end

api.nvim_create_autocmd('BufLeave', {
  group = api.nvim_create_augroup('venice_origin', { clear = true }),
  callback = function(args)
    note(args.buf)
  end,
})
note(api.nvim_get_current_buf())

-- For a file that was left before this was loaded.
local function by_window()
  for _, win in ipairs(api.nvim_tabpage_list_wins(0)) do
    local buf = api.nvim_win_get_buf(win)
    if M.is_file(buf) then
      return buf
    end
  end
end

local function by_time()
  local newest, time
  for _, info in ipairs(fn.getbufinfo({ buflisted = 1 })) do
    if M.is_file(info.bufnr) and (not time or info.lastused > time) then
      newest, time = info.bufnr, info.lastused
    end
  end
  return newest
end

--- The file that the user is in, or was in last.
---@return integer|nil buf
function M.find()
  local current = api.nvim_get_current_buf()
  for _, buf in ipairs({ current, last }) do
    if M.is_file(buf) then
      return buf
    end
  end
  return by_window() or by_time()
end

return M
