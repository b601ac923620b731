-- :[range]Venice rewrite {instruction}: asks for another text of some lines, and shows what is
-- proposed as a diff to accept or refuse.

local anchors = require('venice.edit.anchor')
local answers = require('venice.edit.answer')
local conversation = require('venice.chat.conversation')
local diff = require('venice.edit.diff')
local errors = require('venice.errors')
local fence = require('venice.edit.fence')
local models = require('venice.chat.model')
local prompts = require('venice.edit.prompt')

local api = vim.api
local M = {}

local MAX_SIZE = 1024 * 1024 -- bytes of an answer

local running = {} ---@type venice.Rewrite[] those that wait for an answer, the newest last

---@class venice.Rewrite
---@field buf integer
---@field instruction string
---@field review venice.Review
---@field answer venice.Answer|nil
---@field round integer how often it was asked
local Rewrite = {}
Rewrite.__index = Rewrite

local function forget(self)
  running = vim.tbl_filter(function(other)
    return other ~= self
  end, running)
end

-- What an answer says -----------------------------------------------------------------------------

local endings = {
  length = {
    'the answer ended at the limit of its length, so a part of it is missing',
    'rewrite fewer lines at once, or gr asks again',
  },
  content_filter = { "the answer was ended by the service's content filter" },
}

-- Why an answer cannot be accepted, if so. Only a whole one can.
local function objection(answer, err)
  if err and err.code == 'cancelled' then
    return errors.new('cancelled', 'stopped', 'gr asks again')
  elseif err and err.code == 'cut_off' then
    return errors.new('cut_off', err.message, 'gr asks again')
  elseif err then
    return err
  end
  local reason = answer.finish_reason
  local words = endings[reason]
  if words then
    return errors.new('limit', words[1], words[2] or 'gr asks again')
  elseif reason and reason ~= 'stop' then
    local text = 'the answer did not end by itself (%s)'
    return errors.new('malformed', text:format(errors.printable(reason)), 'gr asks again')
  elseif not answer:text():find('%S') then
    return errors.new('malformed', 'the answer is empty', 'gr asks again')
  end
end

local function lines_of(self, answer)
  local code = fence.code(answer:text())
  local lines, was_indented = fence.fit(code.lines, self.review:lines())
  return lines, code, was_indented
end

-- What must be known before something is accepted.
local function say_what_is_odd(self, answer, code, was_indented)
  local review = self.review
  if not code.fenced then
    review:note('the answer has no code block; all of it is taken for the code')
  elseif not code.closed then
    review:note('the code block of the answer has no end; a part may be missing')
  end
  if was_indented then
    review:note('the answer left out the indentation of the range; it was put back')
  end
  if answer.unauthenticated > 0 then
    local amount = conversation.count(answer.unauthenticated, 'white-space character')
    review:note(amount .. ' came unencrypted: not authenticated')
  end
  local said = vim.list_extend(vim.list_extend({}, code.before), code.after)
  if #said > 0 then
    local count = conversation.count(#said, 'line')
    review:section(('said beside the code: %s, not a part of it'):format(count), said)
  end
end

-- Asking ------------------------------------------------------------------------------------------

local function bar(model, report)
  return require('venice.chat.bar').model_parts(model, report)
end

local function finished(self, answer, err)
  local review = self.review
  forget(self)
  local why = objection(answer, err)
  if why then
    return review:fail(why)
  end
  local lines, code, was_indented = lines_of(self, answer)
  say_what_is_odd(self, answer, code, was_indented)
  review:set_text(lines, true)
end

-- Gives up what is on its way.
local function abandon(self)
  self.round = self.round + 1
  forget(self)
  if self.answer then
    self.answer:stop()
    self.answer = nil
  end
end

-- More than anybody would look at.
local function give_up(self)
  abandon(self)
  local words = 'the answer is larger than 1 MB'
  self.review:fail(errors.new('too_large', words, 'rewrite fewer lines at once'))
end

local function start(self, client, model, messages)
  local review, round = self.review, self.round
  local answer
  -- Of an answer that was given up for another one nothing is shown any more.
  local function current(handler)
    return function(...)
      if self.round == round then
        handler(...)
      end
    end
  end
  review:bar(bar(model, require('venice.evidence.reports').of(model)))
  running[#running + 1] = self
  answer = answers.start(client, model, messages, {
    on_progress = current(function(words)
      review:progress(words)
    end),
    on_report = current(function(report)
      review:bar(bar(model, report))
    end),
    on_text = current(function()
      if answer.bytes > MAX_SIZE then
        return give_up(self)
      end
      review:set_text(function()
        return (lines_of(self, answer))
      end)
    end),
    on_done = current(function(_, err)
      finished(self, answer, err)
    end),
    on_signature = current(function(word, is_failure)
      if is_failure then
        local words = 'the signature of this answer does not hold'
        review:note(words .. '; :Venice attest shows more')
        errors.warn(words) -- The note may be out of sight.
      end
      review:progress(word)
    end),
  })
  self.answer = answer
end

-- The model of the chat that is meant, else of a new one; asks where there is none.
local function with_model(self, continue)
  local chats = package.loaded['venice.chat']
  local chat = chats and chats.current()
  local model = chat and chat.model or models.default()
  if model then
    return continue(model)
  end
  self.review:progress('no model chosen yet')
  local round = self.round
  models.select(function(err, id)
    if self.round ~= round then
      return
    elseif id then
      return continue(id)
    end
    local none = errors.new('cancelled', 'no model was chosen', ':Venice model chooses one')
    self.review:fail(err or none)
  end)
end

local function ask(self)
  self.round = self.round + 1
  local review, round = self.review, self.round
  local client, err = require('venice.client').default()
  if not client then
    return review:fail(err)
  end
  local first, last = review:range()
  local range = { buf = self.buf, first = first, last = last, lines = review:lines() }
  local prompt = prompts.build(range, self.instruction)
  review:section(prompt.summary, prompt.sent)
  with_model(self, function(model)
    local size = require('venice.chat.context.size')
    size.check(prompt.text, prompt.messages, models.info(model), function()
      if self.round == round and review.state ~= 'over' then
        start(self, client, model, prompt.messages)
      end
    end, function(refusal)
      if self.round == round then
        local no = errors.new('cancelled', 'nothing was sent', 'gr asks again')
        review:fail(refusal or no)
      end
    end)
  end)
end

--- Stops it; its review says so.
function Rewrite:stop()
  if self.answer and not self.answer.over then
    self.answer:stop()
  else
    self.round = self.round + 1
    self.review:fail(errors.new('cancelled', 'stopped', 'gr asks again'))
  end
end

--- Stops the newest rewrite that waits for its answer.
---@return boolean was_there
function M.stop()
  local newest = running[#running]
  if newest then
    newest:stop()
  end
  return newest ~= nil
end

-- The command -------------------------------------------------------------------------------------

--- :[range]Venice rewrite {instruction}
---@param instruction string
---@param command table as nvim_create_user_command gives it: range, line1, line2
function M.run(instruction, command)
  local buf = api.nvim_get_current_buf()
  local refusal = anchors.refusal(buf)
  if refusal then
    return errors.notify_later(refusal)
  elseif command.range == 0 then
    return errors.warn("which lines? :'<,'>Venice rewrite …, or :%Venice rewrite … for all")
  elseif not instruction:find('%S') then
    return errors.warn('what is to be done? :{range}Venice rewrite {instruction}')
  end
  local first = math.max(math.min(command.line1, command.line2), 1)
  local last = math.max(command.line1, command.line2, 1)
  -- As for Vim's own commands, a closed fold is in the range with all its lines.
  local above, below = vim.fn.foldclosed(first), vim.fn.foldclosedend(last)
  first, last = above > 0 and above or first, below > 0 and below or last
  local self = setmetatable({ buf = buf, instruction = instruction, round = 0 }, Rewrite)
  self.review = diff.open({
    buf = buf,
    first = first,
    last = last,
    name = ('rewrite of %s:%d-%d'):format(anchors.name(buf), first, last),
    on_retry = function()
      abandon(self)
      ask(self)
    end,
    on_stop = function()
      self:stop()
    end,
    on_done = function()
      abandon(self)
    end,
  })
  ask(self)
end

return M
