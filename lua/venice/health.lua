-- :checkhealth venice: what is here and what is missing; audit.lua says where things could leak.
-- It never asks for the key, and never shows it.

local compat = require('venice.compat')

local M = {}

---@class venice.Advice
---@field level string 'ok', 'info', 'warn' or 'error'
---@field text string
---@field advice string|nil

local function item(level, text, advice)
  return { level = level, text = text, advice = advice }
end

-- The library ------------------------------------------------------------------------------------

local function library()
  local native = require('venice.native')
  local list = {}
  local ok, err = native.load()
  if not ok then
    return { item('error', err.message, err.hint) }
  end
  local info = native.info() or {}
  list[1] = item(
    'ok',
    ('%s, version %s, ABI %s'):format(
      native.library_path(),
      info.version or '?',
      tostring(info.abi or '?')
    )
  )
  local parts = {}
  for _, name in ipairs({ 'openssl', 'curl', 'cjson', 'secp256k1' }) do
    parts[#parts + 1] = name .. ' ' .. tostring(info[name] or '?')
  end
  list[2] = item('info', table.concat(parts, ', '))
  if info.curl_first then
    list[3] = item('ok', 'first to use curl in this process: its memory is wiped when freed')
  else
    list[3] = item(
      'warn',
      'another plugin has set up curl before: copies of the API key may stay in freed memory',
      'load venice.nvim before other plugins with native libraries'
    )
  end
  if info.memory_locked then
    list[4] = item('ok', 'keys are in locked memory, not in swap and core dumps')
  else
    local advice = 'raise the limit: ulimit -l 1024, or LimitMEMLOCK= of the session'
    list[4] = item('warn', 'memory for keys could not be locked: it may be swapped', advice)
  end
  return list
end

-- The service and the key ------------------------------------------------------------------------

local function key_source(options)
  local source = options.api_key
  if source.cmd then
    if vim.fn.executable(source.cmd[1]) == 1 then
      return item('ok', 'the API key comes from the command ' .. source.cmd[1])
    end
    local advice = 'install it, or set api_key to another source'
    return item('error', 'the API key command is not executable: ' .. source.cmd[1], advice)
  end
  -- Whether it is there can be known without taking its value into Lua.
  if vim.fn.exists('$' .. source.env) == 1 then
    return item('ok', 'the API key comes from the environment variable ' .. source.env)
  end
  local advice = ('export %s before you start Neovim, or set api_key.cmd'):format(source.env)
  return item('error', 'the environment variable ' .. source.env .. ' is not set', advice)
end

local key_states = {
  unread = { 'info', 'the key was not needed yet' },
  set = { 'ok', 'the key was read' },
  missing = { 'warn', 'the key was not found when it was needed' },
  failed = { 'warn', 'the key command failed, or the service refused the key' },
}

local function sessions(client)
  local list = {}
  local info = client and client:info()
  local state = info and info.key and key_states[info.key.state]
  if state then
    list[1] = item(state[1], state[2])
  end
  for _, session in ipairs(info and info.sessions or {}) do
    local words = ('session with %s: level %s, %d minutes left'):format(
      session.model,
      session.level,
      math.ceil((session.expires_in or 0) / 60)
    )
    list[#list + 1] = item('info', words)
  end
  return list
end

local function options_in_force()
  local config = require('venice.config')
  local options, changed = config.last_good(), {}
  for path, default in pairs(config.defaults()) do
    local value = options
    for name in path:gmatch('[^.]+') do
      value = value and value[name]
    end
    if default == vim.NIL then
      default = nil
    end
    if not vim.deep_equal(value, default) then
      changed[#changed + 1] = path
    end
  end
  table.sort(changed)
  return changed
end

local function enclaves()
  local pins = require('venice.evidence.pins')
  local known, err = pins.read()
  if not known then
    return item('error', err.message, err.hint)
  end
  local words = ('known enclaves: %d, in %s'):format(#known, pins.path())
  return item('info', words)
end

local function service()
  local options, failure = require('venice.config').last_good(), require('venice.config').failure()
  local list = { item('info', 'service: ' .. options.base_url), key_source(options) }
  if failure then
    table.insert(list, 1, item('error', failure.message, failure.hint))
  end
  vim.list_extend(list, sessions(require('venice.client').current()))
  list[#list + 1] = enclaves()
  local changed = options_in_force()
  local words = #changed == 0 and 'all options have their defaults'
    or 'options that differ from their defaults: ' .. table.concat(changed, ', ')
  list[#list + 1] = item('info', words)
  for _, name in ipairs({ 'root_ca', 'gpu_root_ca' }) do
    if options.verify[name] then
      local advice = 'this is for simulators: remove verify.' .. name .. ' for real use'
      list[#list + 1] = item('warn', 'SIMULATED: verify.' .. name .. ' replaces the root', advice)
      local _, err = require('venice.config').root_pem(options.verify, name)
      list[#list + 1] = err and item('error', err.message, err.hint)
    end
  end
  if not options.verify.attestation then
    local advice = 'remove verify.attestation = false'
    list[#list + 1] = item('warn', 'UNVERIFIED: attestation is switched off', advice)
  elseif options.verify.dcap == 'off' then
    local unsigned = "the signature of the quote is not verified (verify.dcap = 'off')"
    list[#list + 1] = item('warn', unsigned, 'a forged quote would pass; see :help venice-trust')
  end
  return list
end

-- Chats, prompts and tools ------------------------------------------------------------------------

local function is_executable(program)
  local home = vim.env.HOME
  return vim.fn.executable(home and program:gsub('^~/', home .. '/') or program) == 1
end

local function saved_chats(list)
  local options = require('venice.config').last_good().history
  if not options.encrypt and not options.decrypt then
    local words = 'chats cannot be saved: history.encrypt is not set; :help venice-saved'
    list[#list + 1] = item('info', words)
    return
  end
  for _, name in ipairs({ 'encrypt', 'decrypt' }) do
    local argv = options[name]
    if not argv then
      local advice = 'set both: a chat is saved by one and opened by the other'
      list[#list + 1] = item('warn', ('history.%s is not set'):format(name), advice)
    elseif is_executable(argv[1]) then
      list[#list + 1] = item('ok', ('saved chats: history.%s is %s'):format(name, argv[1]))
    else
      local words = ('the program of history.%s is not executable: %s'):format(name, argv[1])
      list[#list + 1] = item('error', words, 'install it, or set history.' .. name)
    end
  end
  local files = require('venice.chat.history.file')
  list[#list + 1] = item('info', ('saved chats: %d, in %s'):format(#files.names(), files.folder()))
end

local function prompts(list)
  local files = require('venice.chat.prompts.files')
  local folder = files.folder()
  if vim.fn.isdirectory(folder) == 1 then
    local count = #files.names()
    list[#list + 1] = item('ok', ('prompts of your own: %d, in %s'):format(count, folder))
  elseif require('venice.config').last_good().prompts.dir then
    local words = 'prompts.dir is not a folder: ' .. folder
    list[#list + 1] = item('warn', words, 'make it, or set prompts.dir to another one')
  else
    local words = 'no prompts of your own; they would be in ' .. folder
    list[#list + 1] = item('info', words)
  end
end

local function tools(list)
  local option = require('venice.config').last_good().tools
  local names = vim.tbl_keys(require('venice.tools.options').read(option).names)
  table.sort(names)
  local offered = 'tools that a chat has after :Venice tools on: ' .. table.concat(names, ', ')
  list[#list + 1] = item('info', offered)
  if vim.fn.executable('git') == 1 then
    list[#list + 1] = item('ok', 'git is there: for #diff, and for what tools may not read')
  else
    local words = 'git was not found: #diff does not work, and of the files that git ignores tools '
      .. 'know only what .gitignore says'
    list[#list + 1] = item('info', words)
  end
end

local function features()
  local list = {}
  saved_chats(list)
  prompts(list)
  tools(list)
  return list
end

-- Neovim -----------------------------------------------------------------------------------------

-- `Last set from …`, where Neovim knows that.
local function origin_of(win, option)
  return vim.api.nvim_win_call(win, function()
    local words = vim.api.nvim_exec(('verbose setlocal %s?'):format(option), true)
    return words:match('\n%s*(Last set .*)')
  end)
end

-- Windows in which another plugin, or the user, has put something in the place of a chat's bar.
local function taken_bars(list)
  local chats, bar = package.loaded['venice.chat'], package.loaded['venice.chat.bar']
  for _, chat in ipairs(chats and chats.list() or {}) do
    for _, win in ipairs(vim.fn.win_findbuf(chat.view.buf)) do
      local value = vim.api.nvim_win_get_option(win, bar.OPTION)
      if not bar.is_ours(win) then
        local words = ('the bar of chat %d is not ours: %s is "%s"'):format(
          chat.number,
          bar.OPTION,
          value
        )
        local origin = origin_of(win, bar.OPTION)
        local advice = 'have that plugin leave out the filetype venice; lualine has '
          .. 'disabled_filetypes for it. Until then the words that warn are in the last header'
        list[#list + 1] = item('warn', origin and words .. ', ' .. origin or words, advice)
      elseif not bar.is_in_sight(win) then
        local words = 'chat %d has a window without a bar: the words that warn are in its header'
        words = words:format(chat.number)
        list[#list + 1] = item('info', words)
      end
    end
  end
end

local function editor()
  local version = vim.version()
  local list = {
    item(
      'ok',
      ('Neovim %d.%d.%d, %s'):format(
        version.major,
        version.minor,
        version.patch,
        jit and jit.version or 'no LuaJIT'
      )
    ),
  }
  if vim.fn.has('nvim-0.7.2') == 0 then
    list[1] = item('error', 'Neovim is older than 0.7.2', 'install a newer one')
  end
  if not compat.has_winbar then
    local words = "this Neovim has no window bar: a chat's status line is its bar"
    list[#list + 1] = item('info', words)
  end
  if not compat.has_event_data then
    local words = "its autocommands carry no data: use require('venice').last_event()"
    list[#list + 1] = item('info', words)
  end
  if vim.fn.has('nvim-0.9') == 0 then
    list[#list + 1] = item('info', 'it cannot highlight chats as Markdown by tree-sitter')
  end
  taken_bars(list)
  return list
end

--- What :checkhealth venice says, section by section. For tests too.
---@return table[] sections { title, items }
function M.sections()
  return {
    { title = 'venice: the library', items = library() },
    { title = 'venice: the service and the key', items = service() },
    { title = 'venice: chats, prompts and tools', items = features() },
    { title = 'venice: where text or keys could leak', items = require('venice.audit').items() },
    { title = 'venice: Neovim', items = editor() },
  }
end

--- Called by :checkhealth venice.
function M.check()
  local health = compat.health()
  local printable = require('venice.errors').printable
  for _, section in ipairs(M.sections()) do
    health.start(section.title)
    for _, entry in ipairs(section.items) do
      -- 0.7 minds a second argument that is nil.
      if entry.advice and (entry.level == 'warn' or entry.level == 'error') then
        health[entry.level](printable(entry.text), { printable(entry.advice) })
      else
        health[entry.level](printable(entry.text))
      end
    end
  end
end

return M
