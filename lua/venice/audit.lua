-- Where text or keys could leak, as far as this Neovim can know: the environment, the options and
-- the other plugins. For :checkhealth venice.

local M = {}

local function item(level, text, advice)
  return { level = level, text = text, advice = advice }
end

-- Whether a variable is set, without taking its value: a proxy's may hold a password.
local function env(name)
  return vim.api.nvim_eval('strlen($' .. name .. ')') > 0
end

-- Environment variables that change what happens to keys or text in this process.
local traps = {
  {
    'SSLKEYLOGFILE',
    'TLS secrets may be written to a file: with them the API key can be read from the traffic',
    'unset it before you start Neovim',
  },
  {
    'HTTPS_PROXY',
    'requests go through a proxy, which sees when and with whom you talk',
    'unset it if you did not mean to',
  },
  { 'https_proxy', 'requests go through a proxy, which sees when and with whom you talk' },
  { 'ALL_PROXY', 'requests go through a proxy, which sees when and with whom you talk' },
  { 'all_proxy', 'requests go through a proxy, which sees when and with whom you talk' },
  {
    'OPENSSL_CONF',
    'OpenSSL reads another configuration, which can load other code',
    'unset it unless you need it',
  },
  {
    'LD_PRELOAD',
    'other code is loaded into this process and can read everything in it',
    'unset it unless you need it',
  },
}

local function environment()
  local list = {}
  for _, trap in ipairs(traps) do
    if env(trap[1]) then
      list[#list + 1] = item('warn', trap[1] .. ' is set: ' .. trap[2], trap[3])
    end
  end
  if vim.o.verbosefile ~= '' then
    local words = "'verbosefile' is set: messages go to the file " .. vim.o.verbosefile
    list[#list + 1] = item('warn', words, ':set verbosefile=')
  end
  if #list == 0 then
    list[1] = item('ok', 'nothing in the environment weakens TLS or logs its keys')
  end
  return list
end

-- Buffers and registers ---------------------------------------------------------------------------

local function leaky_buffers()
  local leaky = {}
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.bo[buffer].filetype == 'venice' then
      local bo = vim.bo[buffer]
      if bo.swapfile or bo.undofile or bo.modeline then
        leaky[#leaky + 1] = buffer
      end
    end
  end
  return leaky
end

local function buffers(list)
  local leaky = leaky_buffers()
  if #leaky > 0 then
    local words = 'a chat buffer has a swap file, an undo file or modelines: '
      .. table.concat(leaky, ', ')
    list[#list + 1] = item('error', words, 'another plugin or an autocommand sets them; find it')
  else
    local words = "'swapfile', 'undofile', 'backup' and 'modeline' do not touch chats"
    list[#list + 1] = item('ok', words)
  end
  if vim.o.undofile or vim.o.backup then
    local words = "a chat that you write with :w {file} is a file as others are: 'undofile' and "
      .. "'backup' keep more of it when you edit that"
    list[#list + 1] = item('info', words)
  end
  for _, name in ipairs({ 'formatprg', 'equalprg' }) do
    if vim.o[name] ~= '' then
      local key = name == 'formatprg' and 'gq' or '='
      local words = ("'%s': %s in a chat gives the text to %s, through a temporary file"):format(
        name,
        key,
        vim.o[name]
      )
      list[#list + 1] = item('info', words)
    end
  end
end

-- The items of 'shada'; n takes the rest of it as a file name.
local function shada_items()
  local shada = ',' .. vim.o.shada
  local before, file = shada:match('^(.-),(n.*)$')
  return vim.split(before or shada, ',', { plain = true, trimempty = true }), file
end

-- Only the first item of a kind counts, and " only where there is no <.
local function lines_of_registers()
  local items = shada_items()
  for _, sign in ipairs({ '<', '"' }) do
    for _, word in ipairs(items) do
      if word:sub(1, 1) == sign then
        return tonumber(word:sub(2))
      end
    end
  end
end

-- The command that makes 'shada' keep none.
local function no_registers()
  local items, file = shada_items()
  items = vim.tbl_filter(function(word)
    return not word:find('^[<"]')
  end, items)
  vim.list_extend(items, { '<0', file })
  return ':set shada=' .. vim.fn.escape(table.concat(items, ','), ' \\|')
end

--- Whether registers are written to disk when Neovim ends.
---@return boolean
function M.shada_keeps_registers()
  return vim.o.shada ~= '' and vim.o.shadafile ~= 'NONE' and lines_of_registers() ~= 0
end

local function registers(list)
  if M.shada_keeps_registers() then
    local words = "'shada' saves registers: what you yank from a chat is written to disk at exit"
    local advice = no_registers() .. '   (no registers are saved then)'
    list[#list + 1] = item('warn', words, advice)
  else
    list[#list + 1] = item('ok', "'shada' saves no registers")
  end
  if vim.o.clipboard:find('unnamed', 1, true) then
    local words = "'clipboard' sends all that you yank or delete in a chat to the system, where a "
      .. 'clipboard manager may keep it'
    list[#list + 1] = item('warn', words, ':set clipboard=   and "+y for what is to go there')
  end
end

-- Other plugins -----------------------------------------------------------------------------------

local function has_module(name)
  if package.loaded[name] then
    return true
  end
  local path = name:gsub('%.', '/')
  return #vim.api.nvim_get_runtime_file('lua/' .. path .. '.lua', false) > 0
    or #vim.api.nvim_get_runtime_file('lua/' .. path .. '/init.lua', false) > 0
end

-- The names of those that are there; each is known by a module or a variable.
local function present(plugins)
  local names = {}
  for _, plugin in ipairs(plugins) do
    if
      (plugin.variable and vim.g[plugin.variable] ~= nil)
      or (plugin.module and has_module(plugin.module))
    then
      names[#names + 1] = plugin.name
    end
  end
  return names
end

-- They keep in a file what was yanked or deleted.
local yank_keepers = {
  { name = 'yanky.nvim', module = 'yanky' },
  { name = 'nvim-neoclip', module = 'neoclip' },
  { name = 'nvim-miniyank', variable = 'miniyank_filename' },
  { name = 'vim-yoink', variable = 'yoinkSavePersistently' },
  { name = 'YankRing', variable = 'yankring_history_dir' },
}

local session_keepers = {
  { name = 'persistence.nvim', module = 'persistence' },
  { name = 'auto-session', module = 'auto-session' },
  { name = 'possession.nvim', module = 'possession' },
  { name = 'resession.nvim', module = 'resession' },
  { name = 'mini.sessions', module = 'mini.sessions' },
  { name = 'vim-obsession', variable = 'loaded_obsession' },
}

local function keepers(list)
  local yanks = present(yank_keepers)
  if #yanks > 0 then
    local words = 'plugins that may keep what is yanked or deleted on disk: '
      .. table.concat(yanks, ', ')
    list[#list + 1] = item('warn', words, 'tell them to leave out the filetype venice')
  end
  local sessions = present(session_keepers)
  if #sessions > 0 then
    local words = 'what keeps sessions keeps the names of chats (venice://chat/1), not their text: '
    list[#list + 1] = item('info', words .. table.concat(sessions, ', '))
  end
end

-- What is said of assistants, by what can be done about them.
local kinds = {
  {
    how = 'told',
    level = 'ok',
    words = 'assistants that are told to stay away from chats: %s',
  },
  {
    how = 'off',
    level = 'warn',
    words = 'assistants that send the text of all buffers, chats too: %s',
    advice = 'they are switched off when a chat opens; leave them so while there is one',
  },
  {
    how = 'unknown',
    level = 'warn',
    words = 'plugins that may send what is in a buffer to a service, chats too: %s',
    advice = 'switch them off for the filetype venice',
  },
  {
    how = 'asked',
    level = 'info',
    words = 'assistants that send what you ask them to send: %s',
  },
}

local function assistants(list)
  local found = false
  for _, kind in ipairs(kinds) do
    local names = present(vim.tbl_filter(function(plugin)
      return plugin.how == kind.how
    end, require('venice.chat.assistants').known))
    if #names > 0 then
      found = true
      local words = kind.words:format(table.concat(names, ', '))
      list[#list + 1] = item(kind.level, words, kind.advice)
    end
  end
  if not found then
    list[#list + 1] = item('ok', 'no known AI completion plugin is installed')
  end
end

-- Clients that are started for every buffer there is, and those that see a chat.
local function servers(list)
  -- Not loaded, for it is large, where nothing else has.
  local lsp = package.loaded['vim.lsp']
  local private = package.loaded['venice.chat.private']
  local everywhere, seeing = {}, {}
  for _, client in pairs(lsp and (lsp.get_clients or lsp.get_active_clients)() or {}) do
    if not client.config.filetypes then
      everywhere[#everywhere + 1] = client.name
    end
    for buffer in pairs(client.attached_buffers or {}) do
      if private and private.is_private(buffer) then
        seeing[#seeing + 1] = client.name
      end
    end
  end
  if #seeing > 0 then
    local words = 'language servers that see a chat: ' .. table.concat(seeing, ', ')
    list[#list + 1] = item('error', words, 'stop them, and please report how they came to')
    return
  end
  local words = 'language servers cannot attach to chats'
  if #everywhere > 0 then
    words = words .. ', nor can those for all filetypes: ' .. table.concat(everywhere, ', ')
  end
  list[#list + 1] = item('ok', words)
end

--- What :checkhealth says about leaks.
---@return venice.Advice[]
function M.items()
  local list = environment()
  buffers(list)
  registers(list)
  keepers(list)
  assistants(list)
  servers(list)
  return list
end

return M
