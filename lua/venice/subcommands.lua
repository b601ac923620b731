-- The subcommands of :Venice, as { run, complete, is_private }: a private one carries text of the
-- user's, which is taken out of the history of the command line.

local fn = vim.fn

local function commands()
  return require('venice.commands')
end

-- Known enclaves ----------------------------------------------------------------------------------

local function trust(args, command)
  local screen = require('venice.evidence.trust')
  if args == '' and command.bang then
    return require('venice.errors').warn('which one is to be forgotten? :Venice! trust {model}')
  elseif args == '' then
    return screen.list()
  elseif not require('venice.chat.model').is_id(args) then
    return require('venice.errors').warn('this is not the id of a model: ' .. args)
  elseif command.bang then
    return screen.forget(args)
  end
  screen.confirm(args, function()
    commands().attest(args)
  end)
end

local function export(args, command)
  if args == '' then
    return require('venice.errors').warn('where to? :Venice export {file}')
  end
  commands().with_model(nil, function(model)
    require('venice.evidence.export').run(model, args, command.bang)
  end)
end

-- Chats -------------------------------------------------------------------------------------------

local function set_model(id)
  local chats = package.loaded['venice.chat']
  local chat = chats and chats.current()
  if chat then
    chat:set_model(id)
  end
  require('venice.errors').notice('the model is ' .. id)
end

local function choose_model(args)
  local models = require('venice.chat.model')
  if args ~= '' then
    if not models.is_id(args) then
      return require('venice.errors').warn('this is not the id of a model: ' .. args)
    end
    models.remember(args)
    return set_model(args)
  end
  models.select(function(err, id)
    if err then
      require('venice.errors').notify_later(err)
    elseif id then
      set_model(id)
    end
  end)
end

local function model_ids()
  return require('venice.chat.model').known_ids()
end

-- A subcommand that is a method of the chat that is meant.
local function on_chat(method)
  return function(args)
    commands().with_chat(function(chat)
      chat[method](chat, args)
    end)
  end
end

-- The lines of a range, as the user sees them.
local function range_of(command)
  if command.range > 0 then
    return require('venice.chat.context').lines(0, command.line1, command.line2)
  end
end

---@class venice.Subcommand
---@field run fun(args: string, command: table)
---@field complete (fun(lead: string): string[])|nil
---@field is_private boolean|nil
---@field is_end boolean|nil it only ends something, so it works with options that were refused

---@type table<string, venice.Subcommand>
return {
  attest = {
    run = function(args, command)
      commands().attest(args ~= '' and args or nil, command.bang)
    end,
    complete = model_ids,
  },
  export = {
    run = export,
    complete = function(lead)
      return fn.getcompletion(lead, 'file')
    end,
  },
  trust = {
    run = trust,
    complete = function()
      return require('venice.evidence.trust').models()
    end,
  },
  model = { run = choose_model, complete = model_ids },
  new = {
    run = function()
      require('venice.chat').open(true)
    end,
  },
  chats = {
    run = function()
      require('venice.chat.list').select()
    end,
  },
  system = { run = on_chat('system'), is_private = true },
  tools = {
    run = on_chat('use_tools'),
    complete = function()
      return { 'off', 'on' }
    end,
  },
  prompt = {
    run = function(args, command)
      require('venice.chat.prompts').run(args, range_of(command), command.bang)
    end,
    complete = function()
      return require('venice.chat.prompts').names()
    end,
  },
  save = {
    run = function(args, command)
      require('venice.chat.history').save(args, command.bang)
    end,
    complete = function()
      return require('venice.chat.history').names()
    end,
  },
  open = {
    run = function(args)
      require('venice.chat.history').open(args)
    end,
    complete = function()
      return require('venice.chat.history').names()
    end,
  },
  rewrite = {
    run = function(args, command)
      require('venice.edit.rewrite').run(args, command)
    end,
    is_private = true,
  },
  stop = {
    run = function()
      commands().stop()
    end,
    is_end = true,
  },
  retry = { run = on_chat('retry') },
  wipe = { run = on_chat('wipe'), is_end = true },
}
