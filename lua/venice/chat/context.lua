-- What goes into a prompt beside what is typed: a selection, as a fenced block with its place.

local api, fn = vim.api, vim.fn
local M = {}

---@class venice.Selection
---@field path string
---@field filetype string
---@field first integer
---@field last integer
---@field lines string[]

-- A file below the working folder by its path from there, another one from home.
local function path_of(buf)
  local name = api.nvim_buf_get_name(buf)
  if name == '' then
    return '[No Name]'
  end
  return require('venice.errors').printable(fn.fnamemodify(name, ':~:.'))
end

local function selection(buf, first, last, lines)
  for i, line in ipairs(lines) do
    -- A NUL byte is a line feed in Vim's memory.
    lines[i] = line:find('\n', 1, true) and line:gsub('\n', '\0') or line
  end
  return {
    path = path_of(buf),
    filetype = vim.bo[buf].filetype:match('^[%w_.+-]+$') or '',
    first = first,
    last = last,
    lines = lines,
  }
end

--- Whole lines, as a command's range gives them.
---@param buf integer
---@param first integer 1-based
---@param last integer
---@return venice.Selection
function M.lines(buf, first, last)
  first, last = math.min(first, last), math.max(first, last)
  first = math.max(first, 1) -- :0 is before the first line
  return selection(buf, first, last, api.nvim_buf_get_lines(buf, first - 1, last, false))
end

--- The exact characters of the visual mode that is on now; leaves it. They are yanked, for only Vim
--- knows what a block over tabs and wide characters holds, and the registers are put back.
---@return venice.Selection
function M.visual()
  local buf = api.nvim_get_current_buf()
  local first, last = fn.line('v'), fn.line('.')
  local register, unnamed = fn.getreginfo('z'), fn.getreginfo('"')
  local from, to = fn.getpos("'["), fn.getpos("']")
  local view = fn.winsaveview()
  vim.cmd('silent noautocmd keepjumps normal! "zy')
  local lines = fn.getreg('z', 1, true)
  fn.setreg('z', register)
  fn.setreg('"', unnamed)
  fn.setpos("'[", from)
  fn.setpos("']", to)
  fn.winrestview(view)
  return selection(buf, math.min(first, last), math.max(first, last), lines)
end

--- Whether there is anything in it to send.
---@param chosen venice.Selection
---@return boolean
function M.is_blank(chosen)
  for _, line in ipairs(chosen.lines) do
    if line:find('%S') then
      return false
    end
  end
  return true
end

--- The lines that stand in the prompt: where it is from, then a fence one backtick longer than any
--- inside.
---@param chosen venice.Selection
---@return string[]
function M.block(chosen)
  local longest = 2
  for _, line in ipairs(chosen.lines) do
    for run in line:gmatch('`+') do
      longest = math.max(longest, #run)
    end
  end
  local fence = ('`'):rep(longest + 1)
  local block = {
    ('%s:%d-%d'):format(chosen.path, chosen.first, chosen.last),
    fence .. chosen.filetype,
  }
  vim.list_extend(block, chosen.lines)
  block[#block + 1] = fence
  return block
end

return M
