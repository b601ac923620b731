-- The code blocks of a chat: which one is meant, and what a key does with it. A block ends with its
-- turn at the latest, so that no text of one turn is taken for code of another.

local errors = require('venice.errors')
local fences = require('venice.chat.fences')

local api, fn = vim.api, vim.fn
local M = {}

---@class venice.CodeBlock
---@field first integer row of the opening fence, 0-based
---@field last integer row of the closing fence, or the last row of the turn
---@field lines string[]
---@field filetype string '' where it is not said

-- Blocks ------------------------------------------------------------------------------------------

---@class venice.CodeRegion
---@field first integer
---@field last integer
---@field bound table

-- The texts of a chat: what stands between two boundaries.
local function regions(buf)
  local chat = require('venice.chat').of_buffer(buf)
  if not chat then
    return {}
  end
  chat.view:sync()
  local live, list = chat.view.bounds:live(), {}
  for i, entry in ipairs(live) do
    local below = live[i + 1]
    local last = (below and below.row or api.nvim_buf_line_count(buf)) - 1
    list[i] = { first = entry.row + 1, last = last, bound = entry.bound }
  end
  return list
end

---@param buf integer
---@param region venice.CodeRegion
---@return venice.CodeBlock[]
local function blocks_of(buf, region)
  local view = require('venice.chat').of_buffer(buf).view
  local lines = api.nvim_buf_get_lines(buf, region.first, region.last + 1, false)
  return vim.tbl_map(function(fence)
    return {
      first = region.first + fence.first - 1,
      last = region.first + fence.last - 1,
      lines = view:joined(fence.lines),
      filetype = fences.filetype(fence.info),
    }
  end, fences.find(lines))
end

--- The block that a row is in, its fences included.
---@param buf integer
---@param row integer 0-based
---@return venice.CodeBlock|nil
function M.at(buf, row)
  for _, region in ipairs(regions(buf)) do
    if region.first <= row and row <= region.last then
      for _, block in ipairs(blocks_of(buf, region)) do
        if block.first <= row and row <= block.last then
          return block
        end
      end
    end
  end
end

-- The blocks of what the user and the model have said, from top to bottom. Reasoning and results of
-- tools are folded away: nobody means the code in them, unless the cursor is there.
local function said(buf)
  local list = {}
  for _, region in ipairs(regions(buf)) do
    local bound = region.bound
    if bound.part ~= 'reasoning' and bound.turn.role ~= 'tool' then
      vim.list_extend(list, blocks_of(buf, region))
    end
  end
  return list
end

-- The block under the cursor, else the nearest one above it.
local function meant()
  local buf, row = api.nvim_get_current_buf(), api.nvim_win_get_cursor(0)[1] - 1
  local block = M.at(buf, row)
  if not block then
    for _, other in ipairs(said(buf)) do
      if other.last < row then
        block = other
      end
    end
  end
  if not block then
    errors.warn('there is no code block here or above')
  elseif #block.lines == 0 then
    errors.warn('the code block is empty')
    return nil
  end
  return block
end

-- Going there -------------------------------------------------------------------------------------

-- The row of a block where the cursor goes: its first line of code.
local function row_of(block)
  return #block.lines > 0 and block.first + 1 or block.first
end

--- Goes to the next block, or to the one before, as often as the count says.
---@param direction 1|-1
function M.jump(direction)
  local count, row = vim.v.count1, api.nvim_win_get_cursor(0)[1] - 1
  local rows = {}
  for _, block in ipairs(said(api.nvim_get_current_buf())) do
    local at = row_of(block)
    if direction > 0 and at > row then
      rows[#rows + 1] = at
    elseif direction < 0 and at < row then
      table.insert(rows, 1, at)
    end
  end
  if #rows == 0 then
    return errors.warn('there is no code block ' .. (direction > 0 and 'below' or 'above'))
  end
  vim.cmd([[normal! m']])
  api.nvim_win_set_cursor(0, { rows[math.min(count, #rows)] + 1, 0 })
  vim.cmd('normal! ^zv')
end

-- Yanking it --------------------------------------------------------------------------------------

-- Where a yank has gone, as far as a user should know.
local function fate(register)
  if register == '+' or register == '*' then
    return ' to the clipboard'
  elseif register == '_' or not require('venice.audit').shada_keeps_registers() then
    return ''
  end
  return "; 'shada' saves it to disk when Neovim ends"
end

--- Yanks the block under the cursor, else the nearest one above, into the register that was named.
function M.yank()
  local register = vim.v.register
  local block = meant()
  if not block then
    return
  end
  local lines = vim.tbl_map(function(line)
    return (line:gsub('%z', '\n')) -- as above
  end, block.lines)
  local ok, failed = pcall(fn.setreg, register, lines, 'V')
  if not ok or failed ~= 0 then
    return errors.warn(('cannot yank into the register %s'):format(errors.printable(register)))
  end
  local count = require('venice.chat.conversation').count(#block.lines, 'line')
  errors.notice(count .. ' yanked' .. fate(register))
end

-- Applying it -------------------------------------------------------------------------------------

-- The place that the nearest selection above a block is from. Only the user's own turns say one: a
-- model could name any file.
local function path_hint(buf, block)
  local hint
  for _, region in ipairs(regions(buf)) do
    if region.bound.turn.role == 'user' and region.first < block.first then
      for _, other in ipairs(blocks_of(buf, region)) do
        local above = other.first - 1
        if other.first < block.first and above >= region.first then
          local line = api.nvim_buf_get_lines(buf, above, above + 1, false)[1]
          hint = line:match('^.+:%d+%-%d+$') or hint
        end
      end
    end
  end
  return hint
end

--- Applies the block under the cursor, else the nearest one above, to a file, with a diff.
function M.apply()
  local block = meant()
  if block then
    require('venice.edit.apply').block({
      lines = block.lines,
      filetype = block.filetype,
      path_hint = path_hint(api.nvim_get_current_buf(), block),
    })
  end
end

return M
