-- The buffer of a chat: nothing of it reaches the disk or another plugin by itself (promise 5).

local breaks = require('venice.chat.breaks')
local errors = require('venice.errors')
local private = require('venice.chat.private')

local api, fn = vim.api, vim.fn
local M = {}

local group = api.nvim_create_augroup('venice_buffer', { clear = true })

-- Highlighting -----------------------------------------------------------------------------------

-- Neovim's Markdown parser goes over the whole buffer at each change: 14 ms at 2000 lines. So while
-- an answer comes into a chat of some length, its syntax file does that work, for 0.1 ms. Before
-- 0.11 the parser also stops the editor until it is through (45 ms at 1300 lines).
local LINES_WHILE_WRITING = 200
local LINES_AT_REST = fn.has('nvim-0.11') == 1 and 3000 or 400
local BYTES_PER_LINE = 100 -- a longer line counts as several

local dense = {} ---@type table<integer, boolean> chats in which a long line has come

local function size_of(buf)
  return math.max(api.nvim_buf_get_offset(buf, api.nvim_buf_line_count(buf)), 0)
end

local function start_parser(buf)
  local language = vim.treesitter and vim.treesitter.language
  return language and language.register and pcall(vim.treesitter.start, buf, 'markdown') or false
end

--- Whether Neovim's parser highlights a buffer now.
---@param buf integer
---@return boolean
function M.is_parsed(buf)
  return vim.b[buf].ts_highlight ~= nil
end

--- Highlights a chat as Markdown, by the parser where there is one and the chat is not too long.
--- The filetype stays ours, so that no language server attaches.
---@param buf integer
---@param writing string|nil the text that is about to be added while an answer is on its way
function M.highlight(buf, writing)
  local limit = LINES_AT_REST
  if writing then
    limit = api.nvim_list_uis()[1] and LINES_WHILE_WRITING or 0
  end
  local lines, bytes = api.nvim_buf_line_count(buf), size_of(buf)
  if writing then
    lines, bytes = lines + select(2, writing:gsub('\n', '')), bytes + #writing
    dense[buf] = dense[buf] or breaks.has_long_line(writing)
  end
  -- A paragraph without line breaks is what the parser is slowest at.
  local wanted = math.max(lines, bytes / BYTES_PER_LINE) <= limit and not dense[buf]
  local has_parser = M.is_parsed(buf)
  if wanted and not has_parser then
    wanted = start_parser(buf)
  elseif not wanted and has_parser then
    vim.treesitter.stop(buf)
  end
  if not wanted and vim.bo[buf].syntax ~= 'markdown' then
    vim.bo[buf].syntax = 'markdown'
  end
end

-- Columns of a line that a syntax file goes over in a chat with long lines. Each pattern is tried
-- at each column, so a screen full of such text shall take as long as one of ordinary lines.
local SYNTAX_COLUMNS = 200

--- Bounds what highlighting costs, for text has come that fills the screen without a line break.
---@param buf integer
function M.limit_syntax(buf)
  dense[buf] = true
  local columns = vim.bo[buf].synmaxcol
  if columns == 0 or columns > SYNTAX_COLUMNS then
    vim.bo[buf].synmaxcol = SYNTAX_COLUMNS
  end
end

-- Neovim sets 'syntax' to the filetype, for which there is no file, with each FileType event: after
-- :edit, :syntax on and where the parser is stopped.
local function keep_highlight(buf)
  api.nvim_create_autocmd('Syntax', {
    group = group,
    buffer = buf,
    callback = function()
      vim.schedule(function()
        if api.nvim_buf_is_loaded(buf) and vim.bo[buf].syntax == 'venice' then
          M.highlight(buf)
        end
      end)
    end,
  })
end

-- Writing -----------------------------------------------------------------------------------------

-- 0600 from the start; `flags` as for fopen().
local function write_private(path, text, flags)
  local uv = vim.uv or vim.loop
  local fd, err = uv.fs_open(path, flags, 384)
  if not fd then
    return err
  end
  local _, failed = uv.fs_write(fd, text, -1)
  uv.fs_close(fd)
  return failed
end

local function write(args, to_text)
  local path, append = args.match, args.event == 'FileAppendCmd'
  local shown = fn.fnamemodify(path, ':~:.')
  if not append and vim.v.cmdbang == 0 and fn.filereadable(path) == 1 then
    -- Newer Neovims have seen to that before (E13).
    errors.warn(shown .. ' exists already; add ! to replace it')
    return
  end
  local question = ('Write this chat to %s as plain text, unencrypted?'):format(shown)
  local choice = fn.confirm(question, '&No\n&Yes', 1, 'Warning')
  vim.cmd('redraw') -- Else what is said next waits for a key.
  if choice ~= 2 then
    errors.notice('not written')
    return
  end
  local lines = to_text(fn.line("'["), fn.line("']"))
  local err = write_private(path, table.concat(lines, '\n') .. '\n', append and 'a' or 'w')
  if err then
    errors.notify(errors.new('config', 'cannot write ' .. shown .. ': ' .. err))
  else
    errors.notice(('%d lines written to %s as plain text'):format(#lines, shown))
  end
end

-- :saveas gives the buffer the file's name, lists it, and leaves the old name to an empty buffer.
local function keep_name(buf, name)
  vim.schedule(function()
    if not api.nvim_buf_is_valid(buf) or api.nvim_buf_get_name(buf) == name then
      return
    end
    for _, other in ipairs(api.nvim_list_bufs()) do
      if api.nvim_buf_get_name(other) == name then
        pcall(api.nvim_buf_delete, other, { force = true })
      end
    end
    pcall(api.nvim_buf_set_name, buf, name)
    vim.bo[buf].buflisted = false
  end)
end

local function guard_writes(buf, name, to_text)
  api.nvim_create_autocmd({ 'BufWriteCmd', 'FileWriteCmd', 'FileAppendCmd' }, {
    group = group,
    buffer = buf,
    callback = function(args)
      write(args, to_text)
      keep_name(buf, name)
    end,
  })
end

-- Neovim refuses a bare :w in a buffer without a file before any autocommand could speak.
local bare = { w = true, write = true, wq = true, up = true, update = true }

api.nvim_create_autocmd('CmdlineLeave', {
  group = group,
  pattern = ':',
  callback = function()
    if vim.bo.filetype ~= 'venice' or vim.v.event.abort then
      return
    end
    local command = fn.getcmdline():match('^[%s:%%]*(%a+)!?%s*$')
    if command and bare[command] then
      vim.cmd('let v:event.abort = v:true')
      vim.schedule(function()
        errors.notice(
          'a chat is not kept in a file; :w {file} writes it as plain text, after asking',
          vim.log.levels.WARN
        )
      end)
    end
  end,
})

-- Making one --------------------------------------------------------------------------------------

--- Disarms a buffer that has come by the name of a chat without being one: a session that is
--- restored makes such, with a swap file.
---@param buf integer|nil nil in an autocommand: the buffer that it is for
function M.stray(buf)
  buf = buf or tonumber(fn.expand('<abuf>')) --[[@as integer]]
  if not private.is_private(buf) then
    private.harden(buf)
    vim.bo[buf].bufhidden = 'wipe'
    pcall(api.nvim_buf_set_name, buf, '')
  end
end

--- Makes the buffer of a chat. Every option stands before the first byte of text does.
---@param name string
---@param to_text fun(first: integer, last: integer): string[] lines as they are written to a file
---@return integer buf
function M.create(name, to_text)
  local buf = api.nvim_create_buf(false, true)
  private.harden(buf)
  local other = fn.bufnr('^' .. name .. '$')
  if other > 0 then
    M.stray(other)
  end
  api.nvim_buf_set_name(buf, name)
  vim.bo[buf].bufhidden = 'hide'
  guard_writes(buf, name, to_text)
  -- It notes the user's buffer, before the chat takes its place.
  require('venice.chat.context.origin')
  vim.bo[buf].omnifunc = "v:lua.require'venice.chat.context.mentions'.omnifunc"
  vim.bo[buf].filetype = 'venice'
  -- A user's FileType autocommand may have set something for all buffers.
  private.harden(buf)
  require('venice.compat').register_markdown('venice')
  M.highlight(buf)
  keep_highlight(buf)
  return buf
end

return M
