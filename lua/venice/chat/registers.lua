-- What is deleted in a chat goes into a register, and registers go to disk (ShaDa) when Neovim
-- ends. Who yanks wants to keep the text; who deletes does not (promise 5). So registers that hold
-- what was deleted in a chat, and that nobody named, are emptied before. `:wshada` has no event.
--
-- `*` takes a word of an answer into the history of searches, which goes to disk too: it is taken
-- out at once, and the last pattern is emptied when Neovim ends. (Until then `n` needs it.)

local api, fn = vim.api, vim.fn
local M = {}

local group = api.nvim_create_augroup('venice_registers', { clear = true })
local deleted = {} ---@type table<string, boolean> by digest: the text itself goes with its chat

local function digest(lines)
  return fn.sha256(table.concat(lines, '\n'))
end

-- What is deleted into the clipboard is put into a numbered register too.
local unnamed = { [''] = true, ['+'] = true, ['*'] = true }

-- Searches ----------------------------------------------------------------------------------------

local searched = {} ---@type table<string, boolean> by digest
local pattern_before

-- Whether a pattern is one that a key made of the text: *, g* and their sisters.
local function is_of_text(pattern)
  return pattern:find('^\\[<V]') ~= nil or pattern == fn.expand('<cword>')
end

local function note_search()
  local pattern = fn.getreg('/')
  if pattern == pattern_before then
    return
  end
  pattern_before = pattern
  if pattern ~= '' and is_of_text(pattern) then
    searched[digest({ pattern })] = true
    fn.histdel('search', '^\\V' .. fn.escape(pattern, '\\') .. '\\$')
  end
end

-- `*` does not move the cursor where there is one such word.
local function watch_searches(buf)
  pattern_before = fn.getreg('/')
  api.nvim_create_autocmd({ 'CursorMoved', 'CursorHold', 'CmdlineEnter', 'BufLeave' }, {
    group = group,
    buffer = buf,
    callback = note_search,
  })
  api.nvim_create_autocmd('BufEnter', {
    group = group,
    buffer = buf,
    callback = function()
      pattern_before = fn.getreg('/')
    end,
  })
end

--- Notes what is deleted in a buffer, and which of its words are searched for.
---@param buf integer
function M.watch(buf)
  watch_searches(buf)
  api.nvim_create_autocmd('TextYankPost', {
    group = group,
    buffer = buf,
    callback = function()
      local event = vim.v.event
      if event.operator ~= 'y' and unnamed[event.regname] then
        deleted[digest(event.regcontents)] = true
      end
    end,
  })
end

api.nvim_create_autocmd('VimLeavePre', {
  group = group,
  callback = function()
    if require('venice.chat.private').is_private(api.nvim_get_current_buf()) then
      note_search()
    end
    if searched[digest({ fn.getreg('/') })] then
      fn.setreg('/', '')
    end
    for register in ('123456789-'):gmatch('.') do
      if deleted[digest(fn.getreg(register, 1, true))] then
        fn.setreg(register, {})
      end
    end
  end,
})

return M
