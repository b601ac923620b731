-- A conversation as data: turns, what is sent of them, and the words that describe them.
--
-- The text of a turn is not here: it stands in the buffer, where the user may edit it, and view.lua
-- reads it from there. Nothing in this file knows Neovim's buffers.

local M = {}

---@class venice.Turn
---@field role 'user'|'assistant'
---@field model string|nil who answered
---@field state 'draft'|'sent'|'streaming'|'done'|'stopped'|'cut_off'|'error'
---@field usage table|nil
---@field finish_reason string|nil
---@field error venice.Error|nil
---@field unauthenticated integer bytes of white space that came in plaintext
---@field signature venice.Signature|nil how it is asked who signed this answer
---@field receipt table|nil what came of that; see receipt.lua
---@field head venice.Bound where the turn begins; its text too, unless `answer` is set
---@field reasoning venice.Bound|nil where its reasoning begins
---@field answer venice.Bound|nil where the answer below the reasoning begins

---@param role 'user'|'assistant'
---@param model string|nil
---@return venice.Turn
function M.turn(role, model)
  local state = role == 'user' and 'draft' or 'streaming'
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
---@param turns { role: string, text: string }[]
---@return { role: string, content: string }[]
function M.messages(system, turns)
  local messages = {}
  if system and system:find('%S') then
    messages[1] = { role = 'system', content = system }
  end
  for _, turn in ipairs(turns) do
    if turn.text ~= '' then
      messages[#messages + 1] = { role = turn.role, content = turn.text }
    end
  end
  return messages
end

local function count(number, word)
  return ('%d %s%s'):format(number, word, number == 1 and '' or 's')
end
M.count = count

local function is_number(value)
  return type(value) == 'number' and value == value and value >= 0 and value < 1e15
end

--- What stands at the right end of a turn's header.
---@param turn venice.Turn
---@return string
function M.summary(turn)
  local words = {}
  local tokens = type(turn.usage) == 'table' and turn.usage.completion_tokens
  if is_number(tokens) then
    words[1] = count(tokens, 'token')
  end
  local states = { stopped = 'stopped', cut_off = 'cut off', error = 'failed' }
  if turn.role == 'user' then
    states = { error = 'not sent' }
  end
  words[#words + 1] = states[turn.state]
  return table.concat(words, ' · ')
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
  if turn.state == 'stopped' then
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
  return marks
end

return M
