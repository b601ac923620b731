-- :Venice save and :Venice open. A chat is kept on disk only where the user says so, and only as a
-- program of theirs has encrypted it. While that program runs the editor goes on.

local errors = require('venice.errors')
local file = require('venice.chat.history.file')
local program = require('venice.chat.history.program')
local transcript = require('venice.chat.history.transcript')
local transcript_text = require('venice.chat.history.text')

local api = vim.api
local M = {}

-- How long Neovim waits for a save when it quits; encrypting takes some hundredths of a second.
local EXIT_WAIT = 2000

-- Later, for an error that is shown inside a command would look like a failure of the command.
local function fail(what, err)
  vim.schedule(function()
    errors.notify(errors.new(err.code, what .. ': ' .. err.message, err.hint))
  end)
end

local function turns_of(data)
  return require('venice.chat.conversation').count(#data.turns, 'turn')
end

--- The names of the saved chats, sorted.
---@return string[]
function M.names()
  return file.names()
end

-- Saving ------------------------------------------------------------------------------------------

local saving = 0 -- how many chats are being saved

local function is_empty(data)
  return #data.turns == 0 and data.draft == ''
end

-- The text of a chat as it is at this moment.
local function snapshot(chat)
  local data = transcript.export(chat.view)
  if is_empty(data) then
    return nil, errors.new('config', 'there is nothing in it yet')
  end
  data.model = chat.model
  local text, words = transcript_text.encode(data)
  if not text then
    local hint = ':w {file} writes it as plain text, after asking'
    return nil, errors.new('bad_request', words, hint)
  end
  return text, nil, data
end

local function store(chat, name, text, expected, done)
  program.encrypt(text, function(err, bytes)
    if err then
      return done(err)
    end
    file.write(name, bytes, expected, function(failure, stamp)
      -- The chat may have been wiped meanwhile; that harms nothing.
      if not failure then
        chat.saved_name, chat.saved_stamp = name, stamp
      end
      done(failure)
    end)
  end)
end

local no_name = errors.new(
  'config',
  'it has no name yet',
  ':Venice save {name}; the name is read by whoever sees the folder, so none is made from the text'
)

local function save(chat, name, force)
  local own = chat.saved_name == name and chat.saved_stamp or nil
  local expected = force and file.ANY or own
  local err = program.missing('encrypt')
    or (not name and no_name)
    or file.check_name(name)
    or file.conflict(name, expected)
  local text, data
  if not err then
    text, err, data = snapshot(chat)
  end
  if err then
    return fail('the chat was not saved', err)
  elseif chat.is_saving then
    return errors.warn('this chat is being saved; try again in a moment')
  end
  chat.is_saving, saving = true, saving + 1
  store(chat, name, text, expected, function(failure)
    chat.is_saving, saving = nil, saving - 1
    if failure then
      return fail('the chat was not saved', failure)
    end
    errors.notice(('saved as %s, encrypted: %s'):format(name, turns_of(data)))
  end)
end

--- Saves the chat that is meant.
---@param args string its name; '' for the one that it has
---@param force boolean|nil replaces another chat of that name
function M.save(args, force)
  require('venice.commands').with_chat(function(chat)
    save(chat, args ~= '' and args or chat.saved_name, force)
  end)
end

-- A command that quits behind one that saves would end the program that encrypts.
api.nvim_create_autocmd('ExitPre', {
  group = api.nvim_create_augroup('venice_history', { clear = true }),
  callback = function()
    if saving > 0 then
      vim.wait(EXIT_WAIT, function()
        return saving == 0
      end, 5)
    end
    if saving > 0 then
      errors.notify(
        errors.new('timeout', 'a chat was not saved: Neovim quit before it was encrypted')
      )
    end
  end,
})

-- Opening -----------------------------------------------------------------------------------------

local opening = {} ---@type table<string, boolean> by name

local function fill(chat, data)
  transcript.import(chat.view, data)
  local models, usage = require('venice.chat.model'), require('venice.chat.usage')
  if models.is_id(data.model) then
    chat:set_model(data.model)
  end
  -- Without asking the service for prices: opening a chat tells nobody.
  for _, turn in ipairs(chat.view.turns) do
    if turn.usage then
      chat.spent[#chat.spent + 1] = { usage = turn.usage, model = turn.model }
      turn.cost = usage.cost(turn.usage, models.info(turn.model))
      chat.view:draw(turn)
    end
  end
end

-- Makes a chat of what was read. Where it cannot be made whole it is not made.
local function make(data)
  local chat = require('venice.chat').new()
  local ok, why = pcall(fill, chat, data)
  if not ok then
    chat:_gone()
    error(why, 0)
  end
  return chat
end

-- A user who is typing by now keeps the window they are in.
local function may_show()
  return api.nvim_get_mode().mode == 'n' and vim.fn.getcmdwintype() == ''
end

local function show(chat)
  local window = require('venice.chat.window')
  window.open(chat)
  window.to_end(chat)
end

local function present(chat, name, data)
  if may_show() and pcall(show, chat) then
    errors.notice(('opened %s: %s'):format(name, turns_of(data)))
  else
    errors.notice(('opened %s: %s; :VeniceChat shows it'):format(name, turns_of(data)))
  end
end

local function take(name, stamp, data)
  local chat
  require('venice.chat.later').when_possible(function()
    chat = make(data)
  end, function()
    if not chat then
      return fail('the chat was not opened', errors.new('internal'))
    end
    chat.saved_name, chat.saved_stamp = name, stamp
    present(chat, name, data)
  end)
end

local function load(name)
  opening[name] = true
  local function refuse(err)
    opening[name] = nil
    fail('the chat was not opened', err)
  end
  file.read(name, program.MAX_FILE, function(err, bytes, stamp)
    if err then
      return refuse(err)
    end
    program.decrypt(bytes, function(failure, text)
      if failure then
        return refuse(failure)
      end
      local data, words = transcript_text.decode(text)
      if not data then
        local message = ('what was decrypted is no chat of ours: %s'):format(words)
        local hint = 'the file is damaged, or made by another program or version'
        return refuse(errors.new('malformed', message, hint))
      end
      opening[name] = nil
      take(name, stamp, data)
    end)
  end)
end

-- The chat that is what a name stands for on disk now.
local function open_already(name)
  local stamp = file.stamp(name)
  for _, chat in ipairs(require('venice.chat').list()) do
    if stamp and chat.saved_name == name and chat.saved_stamp == stamp then
      return chat
    end
  end
end

local function open(name)
  local err = file.check_name(name)
  if err then
    return fail('the chat was not opened', err)
  elseif opening[name] then
    return errors.warn(name .. ' is being opened')
  end
  local chat = open_already(name)
  if chat then
    show(chat)
    return errors.notice(name .. ' is open in this Neovim: this is it')
  end
  load(name)
end

local function choose()
  local list = file.list()
  if #list == 0 then
    return errors.warn('no chat has been saved yet; :Venice save {name} does')
  end
  local opts = {
    prompt = 'Saved chat',
    kind = 'venice_saved_chat',
    format_item = function(item)
      return ('%s  (%s)'):format(item.name, os.date('%Y-%m-%d %H:%M', item.time))
    end,
  }
  vim.ui.select(list, opts, function(item)
    if item then
      open(item.name)
    end
  end)
end

--- Opens a saved chat; without a name lets the user choose one.
---@param args string
function M.open(args)
  local err = program.missing('decrypt')
  if err then
    return fail('the chat was not opened', err)
  elseif args == '' then
    return choose()
  end
  open(args)
end

return M
