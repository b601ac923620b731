-- What happens between a key and a request: context is expanded where it can be seen, the size is
-- looked at, and a model is chosen.

local Client = require('venice.client')
local config = require('venice.config')
local conversation = require('venice.chat.conversation')
local errors = require('venice.errors')
local models = require('venice.chat.model')
local progress = require('venice.chat.progress')
local request = require('venice.chat.request')
local system = require('venice.chat.system')

local uv = vim.uv or vim.loop
local M = {}

-- Later, for an error that is shown inside a command would look like a failure of the command.
local function notify(chat, err)
  vim.schedule(function()
    errors.notify(err, nil, require('venice.chat.window').is_visible(chat))
  end)
end

-- Prompts that fail -------------------------------------------------------------------------------

--- Says below a prompt why it was not answered.
---@param chat venice.Chat
---@param turn venice.Turn
---@param err venice.Error|nil
function M.mark(chat, turn, err)
  turn.error, turn.state = err, err and 'error' or 'draft'
  if not err then
    turn.sent = nil
  end
  chat.view:draw(turn)
end

-- Something failed before there was a request.
local function fail(chat, prompt, err)
  chat.failed = err and { model = chat.model, err = err } or nil
  local draft = chat.view:draft()
  chat.failed_prompt = prompt == draft
  M.mark(chat, prompt, err)
  notify(chat, err)
end

-- Where a prompt is now: it may have been deleted while something was asked.
local function is_live(chat, turn)
  return not chat.closed and chat.view:is_valid() and chat.view:body(turn) ~= nil
end

-- The request -------------------------------------------------------------------------------------

---@class venice.Place where an answer belongs in a chat
---@field after venice.Turn|nil below this turn, as a new one
---@field replaced venice.Turn|nil in the place of this answer
---@field rest venice.Turn[]|nil the turns that followed that answer, and go with it
---@field goes_on boolean|nil it answers the results of tools, not the user

-- The texts up to a place, as messages; with the declarations of tools where they are on.
local function messages_for(chat, place)
  local system_text, err = system.text(chat)
  if err then
    return nil, err
  end
  if chat.tools then
    local declared = require('venice.tools').prompt(chat.tools:declarations(), chat.model)
    local parts = { system_text or '', declared or '' }
    system_text = vim.trim(table.concat(parts, '\n\n'))
  end
  local view, stop = chat.view, place.replaced
  if not stop then
    local turns = view:live_turns()
    for i, turn in ipairs(turns) do
      if turn == place.after then
        stop = turns[i + 1]
      end
    end
  end
  return conversation.messages(system_text, view:texts(stop))
end

--- Sends what stands above a place, and has the answer written there.
---@param chat venice.Chat
---@param place venice.Place
---@param messages table[]|nil what stands above it, where that is known already
function M.ask(chat, place, messages)
  local prompt = place.after or place.replaced
  local client, err = Client.default()
  if client and not messages then
    messages, err = messages_for(chat, place)
  end
  if not client or not messages then
    return fail(chat, prompt, err)
  end
  if place.after and place.after.role == 'user' then
    if conversation.may_cost_twice(place.after) then
      errors.notice('this prompt was sent before; it may cost twice')
    end
    place.after.state, place.after.error, place.after.sent = 'sent', nil, nil
    chat.view:draw(place.after)
  end
  if chat.tools and not place.goes_on then
    chat.tools:begin()
  end
  chat.failed, chat.failed_prompt = nil, nil
  require('venice.chat')._touch(chat)
  request.start(chat, client, messages, place)
end

-- What is done before there is a request is shown as it is later: state and seconds.
local function show_progress(chat, prompt, words)
  local since, is_over = uv.now(), false
  local function show()
    if not is_over and is_live(chat, prompt) then
      chat.preparing = words .. ' ' .. progress.seconds((uv.now() - since) / 1000)
      chat.view:status(prompt, chat.preparing)
      require('venice')._redraw_status()
    end
  end
  local stop_clock = progress.clock(show)
  show()
  return function()
    stop_clock()
    is_over, chat.preparing = true, nil
    if is_live(chat, prompt) then
      chat.view:status(prompt, nil)
      require('venice')._redraw_status()
    end
  end
end

--- Goes on as soon as there is a model; asks for one where there is none.
---@param chat venice.Chat
---@param prompt venice.Turn where a failure is shown
---@param continue fun()
function M.with_model(chat, prompt, continue)
  if chat.model then
    return continue()
  end
  if chat.choosing then
    return
  end
  chat.choosing = true
  local stop_progress = show_progress(chat, prompt, 'asking for the models')
  models.select(function(err, id)
    chat.choosing = nil
    if chat.closed then
      return
    elseif err then
      fail(chat, prompt, err)
    elseif not id then
      errors.warn('no model chosen, nothing was sent; :Venice model')
    else
      chat:set_model(id)
      continue()
    end
  end, stop_progress)
end

-- Before it ---------------------------------------------------------------------------------------

-- What is seen is what is sent: mentions become text first. Goes on where the prompt is complete,
-- unless something in it needs another look: then the next key sends it.
local function with_context(chat, prompt, done, is_sending)
  local mentions = require('venice.chat.context.mentions')
  if not mentions.has(chat.view:text(prompt)) then
    return done()
  end
  local stop_progress = show_progress(chat, prompt, 'reading the context')
  chat.gathering = mentions.expand(chat, function(err, info)
    chat.gathering = nil
    stop_progress()
    if not is_live(chat, prompt) then
      return
    end
    if err and err.code == 'cancelled' then
      return errors.notice('stopped; nothing was sent')
    elseif err then
      return fail(chat, prompt, err)
    end
    if info then
      local size = require('venice.chat.context.size').words(info.bytes, info.tokens)
      prompt.words = conversation.count(info.blocks, 'block') .. ' · ' .. size
      prompt.words_of = #chat.view:text(prompt)
      if is_sending and #info.care > 0 then
        chat.view:draw(prompt)
        return errors.warn(info.care[1] .. ': look at it, then send it again')
      end
      chat.view:draw(prompt)
    end
    done()
  end)
end

--- The draft was edited: its size is not what its header says any more, and what was wrong with a
--- prompt that is gone does not matter.
---@param chat venice.Chat
function M.edited(chat)
  local draft = chat.view:draft()
  if (draft.error or draft.sent) and chat.view:text(draft) == '' then
    chat.failed_prompt = nil
    M.mark(chat, draft, nil)
  end
  if draft.words and #chat.view:text(draft) ~= draft.words_of then
    draft.words = nil
    chat.view:draw(draft)
  end
end

-- A prompt over the limit is sent after a question only. Goes on with the messages, where nothing
-- can have changed since they were looked at.
local function with_size(chat, prompt, continue)
  local text = chat.view:text(prompt)
  local messages = messages_for(chat, { after = prompt })
  local at_once = true
  chat.asking = true
  require('venice.chat.context.size').check(
    text,
    messages or {},
    models.info(chat.model),
    function()
      chat.asking = nil
      if is_live(chat, prompt) then
        continue(at_once and messages or nil)
      end
    end,
    function(err)
      chat.asking = nil
      if err and is_live(chat, prompt) then
        fail(chat, prompt, err)
      else
        errors.notice('nothing was sent')
      end
    end
  )
  at_once = false
end

-- What the user has to wait for before another prompt can be looked at.
local function is_busy(chat)
  if chat.choosing then
    errors.warn('a model is being chosen; answer that first')
  elseif chat.gathering then
    errors.warn('the context of this prompt is still being read; :Venice stop ends it')
  elseif chat.asking then
    errors.warn('there is a question about this prompt; answer that first')
  else
    return false
  end
  return true
end

--- Says so where an answer is on its way, or a question is open: nothing can take its place now.
---@param chat venice.Chat
---@return boolean
function M.is_answering(chat)
  if chat.request then
    errors.warn('an answer is still on its way; :Venice stop ends it')
    return true
  end
  return is_busy(chat)
end

-- The keys ----------------------------------------------------------------------------------------

--- Sends the draft.
---@param chat venice.Chat
function M.send(chat)
  if is_busy(chat) then
    return
  end
  local prompt = chat.view:draft()
  local failure = config.failure()
  if failure then
    return fail(chat, prompt, failure)
  elseif chat.view:text(prompt) == '' then
    return errors.warn('there is no prompt; write one below the last header')
  end
  with_context(chat, prompt, function()
    M.with_model(chat, prompt, function()
      with_size(chat, prompt, function(messages)
        if chat.request then
          require('venice.chat.queue').add(chat, prompt)
        else
          M.ask(chat, { after = prompt }, messages)
        end
      end)
    end)
  end, true)
end

--- Shows what the mentions of the draft stand for, and what it comes to. Sends nothing.
---@param chat venice.Chat
function M.expand(chat)
  if is_busy(chat) then
    return
  end
  local prompt = chat.view:draft()
  with_context(chat, prompt, function()
    local size = require('venice.chat.context.size')
    local text = chat.view:text(prompt)
    local messages = messages_for(chat, { after = prompt }) or {}
    local words = 'this prompt is ' .. size.words(#text, size.tokens(text))
    if #messages > 1 then
      words = words .. '; with the rest of the chat ' .. size.words(size.of(messages))
    end
    errors.notice(words)
  end)
end

--- Stops what comes before a request.
---@param chat venice.Chat
---@return boolean was_there
function M.stop(chat)
  if chat.gathering then
    chat.gathering.stop()
    return true
  end
  return false
end

--- The chat has gone.
---@param chat venice.Chat
function M.forget(chat)
  if chat.gathering then
    chat.gathering.stop()
  end
end

return M
