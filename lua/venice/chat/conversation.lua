-- A conversation as data: turns, what is sent of them, and the words that describe them.
--
-- The text of a turn is not here: it stands in the buffer, where the user may edit it, and view.lua
-- reads it from there. Nothing in this file knows Neovim's buffers.

local usage = require('venice.chat.usage')

local M = {}

---@class venice.Turn
---@field role 'user'|'assistant'|'system'|'tool'
---@field model string|nil who answered
---@field state 'draft'|'queued'|'held'|'sent'|'streaming'|'done'|'stopped'|'cut_off'|'error'
---@field usage table|nil
---@field cost number|nil of an answer, in dollars, where the service says what a token costs
---@field finish_reason string|nil
---@field error venice.Error|nil
---@field sent 'part'|'all'|nil of a prompt without an answer: how much of it left this machine
---@field has_breaks boolean|nil lines of it are broken for the screen
---@field unauthenticated integer bytes of white space that came in plaintext
---@field refused string[]|nil why parts of an answer that looked like tool calls are none
---@field tool_call_id string|nil of a tool's result: the call that it answers
---@field tool_name string|nil of a tool's result
---@field words string|nil for its header: what a tool's result is, what context a prompt has
---@field limit string|nil why the tools that an answer called were not run
---@field signature venice.Signature|nil how it is asked who signed this answer
---@field receipt table|nil what came of that; see receipt.lua
---@field head venice.Bound where the turn begins; its text too, unless `answer` is set
---@field reasoning venice.Bound|nil where its reasoning begins
---@field answer venice.Bound|nil where the answer below the reasoning begins

local first_states = { user = 'draft', assistant = 'streaming' }

--- A turn that has no place in a buffer yet.
---@param role 'user'|'assistant'|'system'|'tool'
---@param model string|nil
---@return venice.Turn
function M.turn(role, model)
  local state = first_states[role] or 'done'
  return { role = role, model = model, state = state, unauthenticated = 0 }
end

--- The text of a turn as it is sent: without blank lines above and below.
---@param lines string[]
---@return string
function M.trim(lines)
  local first, last = 1, #lines
  while first <= last and not lines[first]:find('%S') do
    first = first + 1
  end
  while last >= first and not lines[last]:find('%S') do
    last = last - 1
  end
  return table.concat(lines, '\n', first, last)
end

--- The messages of a request. Turns without text are left out.
---@param system string|nil
---@param turns { role: string, text: string, tool_call_id: string|nil }[]
---@return { role: string, content: string, tool_call_id: string|nil }[]
function M.messages(system, turns)
  local messages = {}
  if system and system:find('%S') then
    messages[1] = { role = 'system', content = system }
  end
  for _, turn in ipairs(turns) do
    if turn.text ~= '' then
      local id = turn.tool_call_id
      messages[#messages + 1] = { role = turn.role, content = turn.text, tool_call_id = id }
    end
  end
  return messages
end

local TITLE = 50

--- A name for a conversation, made here (promise 1): the beginning of its first prompt.
---@param texts { role: string, text: string }[]
---@return string|nil
function M.title(texts)
  for _, turn in ipairs(texts) do
    local line = turn.role == 'user' and turn.text:match('[^\n]*%S[^\n]*')
    if line then
      line = vim.trim(line)
      local head = vim.fn.strcharpart(line, 0, TITLE)
      return head == line and line or head .. '…'
    end
  end
end

local function count(number, word)
  return ('%d %s%s'):format(number, word, number == 1 and '' or 's')
end
M.count = count

local states = { stopped = 'stopped', cut_off = 'cut off', error = 'failed' }
local prompt_states = { error = 'not sent', held = 'not sent', queued = 'queued' }
local sent_states = { all = 'sent, no answer', part = 'sent in part, no answer' }

-- Of a prompt that was stopped or failed after it had left, whatever may become of it.
local function prompt_state(turn)
  local is_waiting = turn.state == 'sent' or turn.state == 'queued'
  return not is_waiting and sent_states[turn.sent] or prompt_states[turn.state]
end

-- Failures in which the service says that it did nothing.
local refusals = {}
for code in ('unauthorized payment not_found bad_request too_large rate_limited'):gmatch('%S+') do
  refusals[code] = true
end

--- Whether a prompt may have been paid for, so that sending it again may cost twice.
---@param turn venice.Turn
---@return boolean
function M.may_cost_twice(turn)
  return turn.sent ~= nil and not (turn.error and refusals[turn.error.code])
end

--- What stands at the right end of a turn's header; the last is what matters most.
---@param turn venice.Turn
---@return string[]
function M.summary(turn)
  local words = { turn.words }
  local tokens = type(turn.usage) == 'table' and turn.usage.completion_tokens
  if usage.is_number(tokens) then
    local cached = usage.cached(turn.usage)
    words[#words + 1] = cached > 0 and usage.grouped(cached) .. ' cached' or nil
    words[#words + 1] = count(tokens, 'token')
    words[#words + 1] = turn.cost and usage.dollars(turn.cost)
  end
  words[#words + 1] = turn.role == 'user' and prompt_state(turn) or states[turn.state]
  return words
end

--- How a request ended, for VeniceRequestFinished and the turn.
---@param err venice.Error|nil
---@return 'ok'|'error'|'stopped'|'cut_off'
function M.outcome(err)
  if not err then
    return 'ok'
  end
  return err.code == 'cancelled' and 'stopped' or err.code == 'cut_off' and 'cut_off' or 'error'
end

local finish_words = {
  length = 'the answer ended at the limit of its length',
  content_filter = "the answer was ended by the service's content filter",
}

--- What a reader must know about an answer, as { text, 'warning'|'error'|'note' }, below its text.
---@param turn venice.Turn
---@return table[]
function M.marks(turn)
  local marks = {}
  local function say(kind, text)
    marks[#marks + 1] = { text = text, kind = kind }
  end
  if turn.unauthenticated > 0 then
    local amount = count(turn.unauthenticated, 'white-space character')
    say('warning', amount .. ' came unencrypted: not authenticated')
  end
  local receipt = turn.state == 'done' and turn.receipt
  if receipt and not receipt.verified and not receipt.unchecked then
    local reason = receipt.reason and (' (%s)'):format(receipt.reason) or ''
    say('error', 'the signature of this answer does not hold' .. reason)
    say('note', ':Venice attest shows which check failed; the text stays')
  end
  for _, words in ipairs(turn.refused or {}) do
    say('warning', 'this was not taken for a tool call: ' .. words)
  end
  if turn.limit then
    say('warning', turn.limit)
  end
  if turn.has_breaks and turn.state ~= 'streaming' then
    say('note', 'long lines are broken on the screen only')
  end
  if turn.role == 'user' and turn.state == 'held' then
    say('note', turn.sent and 'gr on it sends it again' or 'not sent; gr on it sends it')
  elseif turn.state == 'stopped' then
    say('note', 'stopped')
  elseif turn.error then
    local sign = turn.state == 'cut_off' and 'cut off: ' or turn.error.code .. ': '
    say('error', sign .. turn.error.message)
    if turn.error.hint then
      say('note', turn.error.hint)
    end
  elseif turn.state == 'done' and turn.finish_reason and finish_words[turn.finish_reason] then
    say('warning', finish_words[turn.finish_reason])
  elseif turn.state == 'done' and turn.is_empty then
    say('warning', 'the answer is empty')
  end
  local hint = turn.error and turn.error.hint or ''
  if M.may_cost_twice(turn) and not hint:find('cost twice', 1, true) then
    say('note', 'asking again may cost twice')
  end
  return marks
end

return M
