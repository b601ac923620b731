-- What the commands of plugin/venice.lua do.

local M = {}

local fn = vim.fn

require('venice.evidence.guard').install()

-- A prompt on the command line stays in the history, and the history goes to disk (ShaDa). It is
-- taken out where the newest entry is this very command, not where a mapping or a script ran it.
local function forget_command(name, args)
  if args == '' then
    return
  end
  local newest = vim.trim(fn.histget(':', -1))
  args = vim.trim(args)
  if newest:sub(-#args) ~= args then
    return
  end
  local command = newest:sub(1, -#args - 1):match('%f[%a](%a+)!?%s*$')
  if command and name:sub(1, #command) == command then
    fn.histdel(':', -1)
  end
end

-- Nothing runs with options that the user did not want; each use says which one is wrong.
local function is_refused()
  local failure = require('venice.config').failure()
  if failure then
    require('venice.errors').notify_later(failure)
  end
  return failure ~= nil
end

-- The selection below the prompt, in the chat's draft; a prompt is sent at once.
local function chat_with(prompt, selection, fresh)
  if is_refused() then
    return
  end
  local context = require('venice.chat.context')
  if selection and context.is_blank(selection) then
    require('venice.errors').warn('the selection is empty; select lines with text in them')
    return
  end
  local chat = require('venice.chat').open(fresh)
  local lines = prompt ~= '' and vim.split(prompt, '\n', { plain = true }) or {}
  if selection then
    lines[#lines + 1] = ''
    if prompt == '' then
      lines[#lines + 1] = ''
    end
    vim.list_extend(lines, context.block(selection))
  end
  if #lines > 0 then
    local row = chat:add(lines)
    require('venice.chat.window').to_end(chat)
    if prompt == '' then
      vim.api.nvim_win_set_cursor(0, { row + 1, 0 })
    end
  end
  if prompt ~= '' then
    chat:send()
  end
end

--- :[range]VeniceChat[!] [prompt]
---@param command table as nvim_create_user_command gives it
function M.chat(command)
  forget_command('VeniceChat', command.args)
  local selection
  if command.range > 0 then
    selection = require('venice.chat.context').lines(0, command.line1, command.line2)
  end
  chat_with(vim.trim(command.args), selection, command.bang)
end

--- <Plug>(venice-chat) in visual mode: the exact characters.
function M.chat_visual()
  chat_with('', require('venice.chat.context').visual(), false)
end

--- The chat that is meant, or a word that there is none.
---@param action fun(chat: venice.Chat)
function M.with_chat(action)
  local chats = package.loaded['venice.chat']
  local chat = chats and chats.current()
  if not chat then
    require('venice.errors').warn('there is no chat; :VeniceChat opens one')
    return
  end
  action(chat)
end

--- Stops what the user looks at: the answer of this chat, else a rewrite, else the last chat's.
function M.stop()
  local chats = package.loaded['venice.chat']
  local here = chats and chats.of_buffer(vim.api.nvim_get_current_buf())
  local rewrite = package.loaded['venice.edit.rewrite']
  if not (here and (here.request or here.gathering)) and rewrite and rewrite.stop() then
    return
  end
  M.with_chat(function(chat)
    chat:stop()
  end)
end

-- Attestation -------------------------------------------------------------------------------------

local function open_report(model, report, failure)
  report = require('venice.chat.receipt').attach(model, report)
  if failure and failure.code == 'attestation' then
    -- The sentence of the check that failed.
    report.refusal = failure.message:gsub('^nothing was sent: ', '')
  end
  require('venice.evidence.report').open(model, report, {
    on_reattest = function()
      M.attest(model, true)
    end,
  })
end

local function show_attestation(model, fresh)
  local client, err = require('venice.client').default()
  if not client then
    return require('venice.errors').notify_later(err)
  end
  local options = client.options or require('venice.config').get()
  local report
  client:attest(model, { fresh = fresh or nil }, {
    on_report = function(found, is_fresh)
      report = found
      require('venice.evidence.reports').note(model, found, options)
      if is_fresh ~= false then
        require('venice')._attested(model, found)
      end
    end,
    on_done = function(failure)
      -- A refusal is a report too: it shows which check failed.
      if report then
        -- The client's own also says how long its session stands.
        open_report(model, client:report(model) or report, failure)
        require('venice.chat.receipt').again(model)
      end
      if failure and failure.code ~= 'cancelled' then
        require('venice.errors').notify_later(failure, report ~= nil)
      end
    end,
  })
end

--- The model of the chat that is meant, else the one a new chat would have, else one from the list.
---@param model string|nil this one
---@param action fun(id: string)
function M.with_model(model, action)
  local chats = package.loaded['venice.chat']
  local chat = chats and chats.current()
  model = model or chat and chat.model or require('venice.chat.model').default()
  if model then
    return action(model)
  end
  require('venice.chat.model').select(function(err, id)
    if err then
      require('venice.errors').notify_later(err)
    elseif id then
      action(id)
    end
  end)
end

--- Shows the attestation of a model, attesting where no session stands.
---@param model string|nil
---@param fresh boolean|nil attest anew
function M.attest(model, fresh)
  M.with_model(model, function(id)
    show_attestation(id, fresh)
  end)
end

-- :Venice -----------------------------------------------------------------------------------------

local function subcommands()
  return require('venice.subcommands')
end

local function names()
  local list = vim.tbl_keys(subcommands())
  table.sort(list)
  return list
end

--- :[range]Venice[!] {subcommand} [arguments]
---@param command table as nvim_create_user_command gives it
function M.run(command)
  local name, args = command.args:match('^%s*(%S*)%s*(.-)%s*$')
  local subcommand = subcommands()[name]
  if subcommand then
    if subcommand.is_private then
      forget_command('Venice', command.args)
    end
    if not subcommand.is_end and is_refused() then
      return
    end
    return subcommand.run(args, command)
  end
  local said = name == '' and ':Venice needs a subcommand' or 'there is no :Venice ' .. name
  require('venice.errors').warn(said .. '; there is ' .. table.concat(names(), ', '))
end

--- Completion of :Venice.
---@param lead string
---@param line string the command line up to the cursor
---@return string[]
function M.complete(lead, line)
  local name = line:match('Venice!?%s+(%S+)%s') or line:match('Ven%a*!?%s+(%S+)%s')
  local candidates
  if name then
    local subcommand = subcommands()[name]
    candidates = subcommand and subcommand.complete and subcommand.complete(lead) or {}
  else
    candidates = names()
  end
  return vim.tbl_filter(function(candidate)
    return candidate:sub(1, #lead) == lead
  end, candidates)
end

-- <Plug> ------------------------------------------------------------------------------------------

--- <Plug>(venice-send), <Plug>(venice-stop), <Plug>(venice-retry), <Plug>(venice-attest)
---@param action 'send'|'stop'|'retry'|'attest'
function M.plug(action)
  if action ~= 'stop' and is_refused() then
    return
  elseif action == 'attest' then
    return M.attest()
  elseif action == 'stop' then
    return M.stop()
  end
  M.with_chat(function(chat)
    chat[action](chat)
  end)
end

return M
