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
  {
    'NVIM_LOG_FILE',
    'Neovim writes a log of its own; it holds no chat text, but names of files',
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

local function chat_buffers()
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

-- 'shada' keeps registers unless < or " is 0.
local function shada_keeps_registers()
  local shada = vim.o.shada
  return shada ~= '' and not (',' .. shada .. ','):find(',[<"]0,')
end

-- Plugins that send what they see in buffers to a service, by a module or variable of theirs.
local completion_plugins = {
  { 'copilot.vim', variable = 'loaded_copilot' },
  { 'copilot.lua', module = 'copilot' },
  { 'codeium.vim', variable = 'loaded_codeium' },
  { 'codeium.nvim', module = 'codeium' },
  { 'windsurf.vim', variable = 'loaded_windsurf' },
  { 'supermaven-nvim', module = 'supermaven-nvim' },
  { 'minuet-ai.nvim', module = 'minuet' },
  { 'cmp-ai', module = 'cmp_ai' },
  { 'cmp-tabnine', module = 'cmp_tabnine' },
  { 'tabnine-nvim', module = 'tabnine' },
  { 'llm.nvim', module = 'llm' },
  { 'avante.nvim', module = 'avante' },
  { 'codecompanion.nvim', module = 'codecompanion' },
  { 'augment.vim', variable = 'augment_initialized' },
}

local function has_module(name)
  if package.loaded[name] then
    return true
  end
  local path = name:gsub('%.', '/')
  return #vim.api.nvim_get_runtime_file('lua/' .. path .. '.lua', false) > 0
    or #vim.api.nvim_get_runtime_file('lua/' .. path .. '/init.lua', false) > 0
end

local function readers()
  local found = {}
  for _, plugin in ipairs(completion_plugins) do
    local there = plugin.variable and vim.g[plugin.variable] ~= nil
    if there or (plugin.module and has_module(plugin.module)) then
      found[#found + 1] = plugin[1]
    end
  end
  return found
end

--- What :checkhealth says about leaks.
---@return venice.Advice[]
function M.items()
  local list = environment()
  local leaky = chat_buffers()
  if #leaky > 0 then
    local words = 'a chat buffer has a swap file, an undo file or modelines: '
      .. table.concat(leaky, ', ')
    list[#list + 1] = item('error', words, 'another plugin or an autocommand sets them; find it')
  elseif vim.o.undofile or vim.o.swapfile or vim.o.backup or vim.o.writebackup then
    local words = "'undofile', 'swapfile' and 'backup' do not touch chats: their buffers have none"
    list[#list + 1] = item('ok', words)
  end
  if shada_keeps_registers() then
    local words = "'shada' saves registers: what you yank from a chat is written to disk at exit"
    list[#list + 1] = item('warn', words, ':set shada+=<0   (no registers are saved then)')
  else
    list[#list + 1] = item('ok', "'shada' saves no registers")
  end
  local plugins = readers()
  if #plugins > 0 then
    local words = 'plugins that may send what is in a buffer to a service: '
      .. table.concat(plugins, ', ')
    local advice = 'chat buffers tell them to stay away; switch them off for filetype venice too'
    list[#list + 1] = item('warn', words, advice)
  else
    list[#list + 1] = item('ok', 'no known AI completion plugin is installed')
  end
  return list
end

return M
