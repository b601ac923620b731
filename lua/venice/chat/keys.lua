-- The keys of a chat buffer, and the list of them that `?` shows.

local config = require('venice.config')

local api = vim.api
local M = {}

local function call(name, ...)
  local args = { ... }
  return function()
    local chat = require('venice.chat').of_buffer(api.nvim_get_current_buf())
    if chat then
      chat[name](chat, unpack(args))
    end
  end
end

-- chat/code.lua knows the fenced blocks; it acts on the one under the cursor.
local function code(name, ...)
  local args = { ... }
  return function()
    require('venice.chat.code')[name](unpack(args))
  end
end

-- Insert mode ends first, so that the prompt is an undo block of its own.
local function send_from_insert()
  vim.cmd('stopinsert')
  vim.schedule(call('send'))
end

---@type { field: string, mode: string, desc: string, run: fun() }[]
local keys = {
  { field = 'send', mode = 'n', desc = 'send the prompt', run = call('send') },
  { field = 'send_insert', mode = 'i', desc = 'send the prompt', run = send_from_insert },
  { field = 'stop', mode = 'n', desc = 'stop the answer', run = call('stop') },
  {
    field = 'retry',
    mode = 'n',
    desc = 'ask again, for the answer at the cursor',
    run = call('retry'),
  },
  {
    field = 'go_on',
    mode = 'n',
    desc = 'go on from here: drop what is below',
    run = call('go_on'),
  },
  {
    field = 'context',
    mode = 'n',
    desc = 'show what #buffer and its like send',
    run = call('expand'),
  },
  { field = 'next_code', mode = 'n', desc = 'the next code block', run = code('jump', 1) },
  { field = 'previous_code', mode = 'n', desc = 'the code block before', run = code('jump', -1) },
  { field = 'yank_code', mode = 'n', desc = 'yank the code block', run = code('yank') },
  {
    field = 'apply_code',
    mode = 'n',
    desc = 'apply the code block, with a diff',
    run = code('apply'),
  },
  { field = 'attest', mode = 'n', desc = 'show the attestation', run = call('attest') },
  { field = 'hide', mode = 'n', desc = 'hide the chat', run = call('hide') },
}

local function help_lines()
  local lines = {}
  local maps = config.last_good().chat.keymaps
  for _, key in ipairs(keys) do
    local lhs = maps[key.field]
    if lhs then
      local mode = key.mode == 'i' and '  (insert mode)' or ''
      lines[#lines + 1] = (' %-8s %s%s '):format(lhs, key.desc, mode)
    end
  end
  vim.list_extend(lines, {
    '',
    ' #buffer #file: #diagnostics #diff #quickfix: context; <C-x><C-o> ',
    ' za zM zR: folds of turns ',
    '',
    ' :Venice chats   another chat      :Venice new     a new one ',
    ' :Venice model   another model     :Venice system  its system prompt ',
    ' :Venice prompt  the library       :Venice tools   may call tools ',
    ' :Venice save    keep, encrypted   :Venice wipe    delete, keys too ',
    '',
    ' :help venice         all the rest ',
  })
  return lines
end

--- Shows the keys in a float; any of q, <Esc> and ? closes it.
function M.help()
  local lines, width = help_lines(), 0
  for _, line in ipairs(lines) do
    width = math.max(width, vim.fn.strdisplaywidth(line))
  end
  local buf = api.nvim_create_buf(false, true)
  api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.bo[buf].modifiable = false
  vim.bo[buf].bufhidden = 'wipe'
  local win = api.nvim_open_win(buf, true, {
    relative = 'editor',
    style = 'minimal',
    border = 'rounded',
    width = math.min(width, vim.o.columns - 2),
    height = math.min(#lines, math.max(vim.o.lines - 4, 1)),
    row = math.max(0, math.floor((vim.o.lines - #lines) / 2) - 1),
    col = math.max(0, math.floor((vim.o.columns - width) / 2)),
  })
  for _, lhs in ipairs({ 'q', '<Esc>', '?' }) do
    vim.keymap.set('n', lhs, function()
      pcall(api.nvim_win_close, win, true)
    end, { buffer = buf, nowait = true })
  end
  api.nvim_create_autocmd('BufLeave', {
    buffer = buf,
    once = true,
    callback = function()
      pcall(api.nvim_win_close, win, true)
    end,
  })
end

keys[#keys + 1] = { field = 'help', mode = 'n', desc = 'this list', run = M.help }

--- Sets the keys in a chat's buffer. A field that is false sets none.
---@param buf integer
function M.set(buf)
  local maps = config.get().chat.keymaps
  for _, key in ipairs(keys) do
    local lhs = maps[key.field]
    if lhs then
      local desc = 'venice: ' .. key.desc
      local opts = { buffer = buf, nowait = true, silent = true, desc = desc }
      vim.keymap.set(key.mode, lhs, key.run, opts)
    end
  end
end

return M
