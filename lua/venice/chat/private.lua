-- Buffers whose text is nobody else's: it does not reach the disk by itself (promise 5), nor a
-- language server, nor a plugin that sends what it sees to a service.
--
-- Once set is not enough: a user's autocommand may set an option for all buffers, a plugin may come
-- later. So whatever could change something is followed by another look, which costs little.

local assistants = require('venice.chat.assistants')

local api = vim.api
local M = {}

local private = {} ---@type table<integer, boolean>

local group = api.nvim_create_augroup('venice_private', { clear = true })

local options = { buftype = 'nofile', swapfile = false, undofile = false, modeline = false }

--- Whether a buffer was made private.
---@param buf integer
---@return boolean
function M.is_private(buf)
  return private[buf] == true
end

-- Language servers --------------------------------------------------------------------------------

local guarded

-- A server that is attached gets the text at once, or when it is ready: no event is early enough.
-- Every way to attach one (vim.lsp.start, vim.lsp.enable, the plugins) goes through this function.
local function guard_servers()
  local lsp = require('vim.lsp')
  local attach = lsp.buf_attach_client
  if attach ~= guarded then
    guarded = function(buf, ...)
      if private[(buf == nil or buf == 0) and api.nvim_get_current_buf() or buf] then
        return false
      end
      return attach(buf, ...)
    end
    lsp.buf_attach_client = guarded
  end
end

-- For a server that is attached all the same: before it was private, or by who knows which way.
local function detach_servers(buf)
  local lsp = vim.lsp
  if not api.nvim_buf_is_valid(buf) then
    return
  end
  local clients = lsp.get_clients and lsp.get_clients({ bufnr = buf }) or lsp.buf_get_clients(buf)
  for _, client in pairs(clients) do
    pcall(lsp.buf_detach_client, buf, client.id)
  end
end

-- Watching ----------------------------------------------------------------------------------------

local function settle(buf)
  if not private[buf] or not api.nvim_buf_is_valid(buf) then
    return
  end
  local bo = vim.bo[buf]
  for name, value in pairs(options) do
    if bo[name] ~= value then
      bo[name] = value
    end
  end
  assistants.refuse(buf, M.is_private)
  guard_servers()
end

-- Now, and when the autocommands of the same event that come later are through. Not before then can
-- a server be detached: it may be about to attach.
local function settle_twice(args)
  if private[args.buf] then
    settle(args.buf)
    vim.schedule(function()
      settle(args.buf)
      detach_servers(args.buf)
    end)
  end
end

local events = { 'BufEnter', 'BufWinEnter', 'FileType', 'InsertEnter' }
if vim.fn.exists('##LspAttach') == 1 then
  events[#events + 1] = 'LspAttach'
end
api.nvim_create_autocmd(events, { group = group, callback = settle_twice })

-- It does not say for which buffer.
api.nvim_create_autocmd('OptionSet', {
  group = group,
  pattern = vim.tbl_keys(options),
  callback = function()
    for buf in pairs(private) do
      settle(buf)
    end
  end,
})

api.nvim_create_autocmd('BufWipeout', {
  group = group,
  callback = function(args)
    private[args.buf] = nil
  end,
})

--- Keeps the text of a buffer from the disk, from language servers and from plugins that would send
--- it elsewhere, for as long as the buffer lives. Call it before the text is put in.
---@param buf integer
function M.harden(buf)
  if not private[buf] then
    private[buf] = true
    require('venice.chat.registers').watch(buf)
  end
  settle(buf)
  detach_servers(buf)
end

return M
