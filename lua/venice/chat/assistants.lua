-- Plugins that send what they see to a service, and the switch that each has for a buffer that is
-- none of its business. What goes through a language server is refused in private.lua. One that has
-- no switch is named by :checkhealth.

local M = {}

---@class venice.Assistant
---@field name string
---@field variable string|nil a global variable of Vim's, by which it is known to be there
---@field module string|nil a Lua module of it, likewise
---@field how 'told'|'off'|'asked'|'unknown' it is told to stay away from such a buffer; it has to
---  be off altogether; it sends only what it is asked to; it has no switch

local function there(name, how, opts)
  return { name = name, how = how, variable = opts[1], module = opts.module }
end

---@type venice.Assistant[]
M.known = {
  there('amazonq.nvim', 'told', { module = 'amazonq' }),
  there('augment.vim', 'told', { 'augment_initialized' }),
  there('avante.nvim', 'asked', { module = 'avante' }),
  there('blink-copilot', 'told', { module = 'blink-copilot' }),
  there('cmp-ai', 'told', { module = 'cmp_ai' }),
  there('cmp-tabnine', 'told', { module = 'cmp_tabnine' }),
  there('codecompanion.nvim', 'asked', { module = 'codecompanion' }),
  there('codeium.vim (windsurf.vim)', 'off', { 'loaded_codeium' }),
  there('codeium.nvim (windsurf.nvim)', 'off', { module = 'codeium' }),
  there('copilot.lua', 'told', { module = 'copilot' }),
  there('copilot.vim', 'told', { 'loaded_copilot' }),
  there('copilot-lsp', 'told', { module = 'copilot-lsp' }),
  there('CopilotChat.nvim', 'asked', { module = 'CopilotChat' }),
  there('cursortab.nvim', 'unknown', { module = 'cursortab' }),
  there('gitlab.vim (GitLab Duo)', 'told', { module = 'gitlab.lsp.client' }),
  there('llama.vim', 'unknown', { 'llama_config' }),
  there('llm.nvim', 'told', { module = 'llm.language_server' }),
  there('minuet-ai.nvim', 'told', { module = 'minuet' }),
  there('neocodeium', 'told', { module = 'neocodeium' }),
  there('sg.nvim (Cody)', 'unknown', { module = 'sg' }),
  there('sidekick.nvim', 'told', { module = 'sidekick' }),
  there('supermaven-nvim', 'told', { module = 'supermaven-nvim' }),
  there('tabnine-nvim', 'told', { module = 'tabnine' }),
}

-- Variables of a buffer, as their plugins document them.
local flags = {
  ale_enabled = 0, -- linters, which get the text in a file
  coc_enabled = 0,
  codeium_enabled = false,
  copilot_enabled = false, -- copilot.vim
  copilot_suggestion_auto_trigger = false, -- copilot.lua
  minuet_lsp_enable_auto_trigger = false,
  minuet_virtual_text_auto_trigger = false,
  neocodeium_enabled = false,
  neomake_disabled = 1,
  sidekick_nes = false,
}

-- Options of plugins without such a variable ------------------------------------------------------

local function add(list, value)
  if not vim.tbl_contains(list, value) then
    list[#list + 1] = value
  end
end

-- Sources of nvim-cmp and blink.cmp that ask a service.
local sources = {}
for name in
  ([[ai amazonq avante codeium cody copilot llm minuet supermaven tabby tabnine windsurf]]):gmatch(
    '%S+'
  )
do
  sources[name] = true
end

-- Written as blink-cmp-copilot, minuet.blink, cmp_tabnine and so on.
local function is_source(name)
  for word in tostring(name):lower():gmatch('%a+') do
    if word ~= 'blink' and word ~= 'cmp' then
      return sources[word] or false
    end
  end
  return false
end

local function without_services(list)
  return vim.tbl_filter(function(source)
    return not is_source(source.name)
  end, list)
end

-- What is set in the loaded modules of a plugin, each in its own shape.
local modules = {
  ['supermaven-nvim.config'] = function(config)
    config.config.ignore_filetypes.venice = true
  end,
  ['tabnine.config'] = function(config)
    add(config.get_config().exclude_filetypes, 'venice')
  end,
  minuet = function(minuet, _, is_foreign)
    add(minuet.config.enable_predicates, is_foreign)
  end,
  cmp = function(cmp, buf)
    vim.api.nvim_buf_call(buf, function()
      local present = cmp.get_config().sources
      local kept = without_services(present)
      if #kept < #present then
        cmp.setup.buffer({ sources = kept })
      end
    end)
  end,
  ['blink.cmp.config'] = function(config, buf)
    for name, provider in pairs(config.sources.providers) do
      if is_source(name) or is_source(provider.module) then
        vim.b[buf].completion = false
      end
    end
  end,
}

-- Plugins that send the text of all buffers -------------------------------------------------------

local said = {} ---@type table<string, boolean>

local function say_off(name, command)
  if not said[name] then
    said[name] = true
    vim.schedule(function()
      require('venice.errors').notice(
        ('%s is switched off, for it sends the text of all buffers, chats too; '):format(name)
          .. command
          .. ' after :Venice wipe',
        vim.log.levels.WARN
      )
    end)
  end
end

local function switch_off()
  local enabled = vim.g.codeium_enabled
  if vim.g.loaded_codeium and enabled ~= false and enabled ~= 0 then
    vim.g.codeium_enabled = false
    say_off('codeium.vim', ':Codeium Enable')
  end
  -- It does not say whether it is on.
  local codeium = package.loaded.codeium
  if type(codeium) == 'table' and codeium.disable and not said['codeium.nvim'] then
    if pcall(codeium.disable) then
      say_off('codeium.nvim', [[:lua require('codeium').enable()]])
    end
  end
end

-- All of them -------------------------------------------------------------------------------------

local is_foreign

--- Keeps the plugins that are there away from a buffer.
---@param buf integer
---@param is_private fun(buf: integer): boolean
function M.refuse(buf, is_private)
  local b = vim.b[buf]
  for flag, value in pairs(flags) do
    if b[flag] ~= value then
      b[flag] = value
    end
  end
  is_foreign = is_foreign
    or function()
      return not is_private(vim.api.nvim_get_current_buf())
    end
  for name, tell in pairs(modules) do
    local module = package.loaded[name]
    if type(module) == 'table' then
      -- These are other people's tables, which may look otherwise tomorrow.
      pcall(tell, module, buf, is_foreign)
    end
  end
  switch_off()
end

return M
