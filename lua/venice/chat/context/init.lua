-- What goes into a prompt beside what is typed: a selection or a source, as a fenced block with its
-- place above it. Neither the place nor anything inside can end the block or be read as a mention.

local api, fn = vim.api, vim.fn
local M = {}

--- Bytes of one source.
M.MAX_SIZE = 1024 * 1024

---@class venice.Selection
---@field path string
---@field filetype string
---@field first integer
---@field last integer
---@field lines string[]

--- What is over MAX_SIZE.
---@param what string
---@return venice.Error
function M.too_large(what)
  local words = ('%s is larger than %d MB'):format(what, M.MAX_SIZE / 1048576)
  local hint = 'give the lines that matter with :VeniceChat and a range'
  return require('venice.errors').new('too_large', words, hint)
end

--- A file below the working folder by its path from there, another one from home.
---@param name string
---@return string
function M.path(name)
  return require('venice.errors').printable(fn.fnamemodify(name, ':~:.'))
end

--- How a buffer's file is called.
---@param buf integer
---@return string
function M.path_of(buf)
  local name = api.nvim_buf_get_name(buf)
  return name == '' and '[No Name]' or M.path(name)
end

local function selection(buf, first, last, lines)
  for i, line in ipairs(lines) do
    -- A NUL byte is a line feed in Vim's memory.
    lines[i] = line:find('\n', 1, true) and line:gsub('\n', '\0') or line
  end
  return {
    path = M.path_of(buf),
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

local function longest_run(text, longest)
  for run in text:gmatch('`+') do
    longest = math.max(longest, #run)
  end
  return longest
end

--- Text as inline code.
---@param text string one line
---@return string
function M.code(text)
  local marks = ('`'):rep(longest_run(text, 0) + 1)
  -- A backtick at an end needs a space beside it.
  local space = text:find('^`') or text:find('`$')
  return marks .. (space and ' ' or '') .. text .. (space and ' ' or '') .. marks
end

--- A path in a line of its own. As it is, unless it could be read as a mention or a fence.
---@param path string
---@return string
function M.plain(path)
  local is_odd = path:find('[`#]') or path:find('~~~', 1, true)
  return is_odd and M.code(path) or path
end

--- Lines as they stand in the prompt: what they are, then a fence one backtick longer than any
--- inside.
---@param place string
---@param filetype string
---@param lines string[]
---@return string[]
function M.fenced(place, filetype, lines)
  local longest = 2
  for _, line in ipairs(lines) do
    longest = longest_run(line, longest)
  end
  local fence = ('`'):rep(longest + 1)
  local block = { place, fence .. filetype }
  vim.list_extend(block, lines)
  block[#block + 1] = fence
  return block
end

--- The block of a selection.
---@param chosen venice.Selection
---@return string[]
function M.block(chosen)
  local place = ('%s:%d-%d'):format(M.plain(chosen.path), chosen.first, chosen.last)
  return M.fenced(place, chosen.filetype, chosen.lines)
end

return M
