-- The turns of a chat's buffer as plain data, and back into the buffer of a fresh chat. What such
-- data is, field by field, stands in text.lua.
--
-- Not in it: who signed an answer and what was proven of the enclave, for a file could claim that
-- as well; what an answer has cost, for prices are asked for anew; whether tools are on.

local buffer = require('venice.chat.buffer')
local conversation = require('venice.chat.conversation')
local draw = require('venice.chat.draw')
local errors = require('venice.errors')
local usage = require('venice.chat.usage')
local utf8 = require('venice.tools.utf8')

local api = vim.api
local M = {}

local SHORT = 500 -- characters of what is said about a turn

-- Out ---------------------------------------------------------------------------------------------

-- The text below each boundary, by one walk through the buffer.
local function texts_by_bound(view)
  local live, texts = view.bounds:live(), {}
  for i, entry in ipairs(live) do
    local below = live[i + 1] and live[i + 1].row or -1
    local lines = api.nvim_buf_get_lines(view.buf, entry.row + 1, below, false)
    texts[entry.bound] = conversation.trim(view:joined(lines))
  end
  return texts
end

-- What the service or the plugin said about a turn is kept as far as it is a text of some length.
local function short(text)
  if type(text) == 'string' and text ~= '' then
    return vim.fn.strcharpart(errors.printable(utf8.to_utf8(text)), 0, SHORT)
  end
end

local function name(text)
  local is_name = type(text) == 'string' and text ~= '' and #text <= 256 and utf8.is_utf8(text)
  return is_name and not text:find('%c') and text or nil
end

local function count(number)
  return usage.is_number(number) and number < 2 ^ 31 and math.floor(number) or nil
end

local function counts(found)
  found = type(found) == 'table' and found or {}
  local kept = {}
  for _, field in ipairs({ 'prompt_tokens', 'completion_tokens', 'total_tokens' }) do
    kept[field] = count(found[field])
  end
  if usage.cached(found) > 0 then
    kept.cached_tokens = count(usage.cached(found))
  end
  if usage.is_number(found.cost) and found.cost < 1e6 then
    kept.cost = found.cost
  end
  return next(kept) and kept or nil
end

local function sentences(list)
  local kept = {}
  for i = 1, math.min(#(list or {}), 100) do
    kept[i] = short(list[i])
  end
  return #kept > 0 and kept or nil
end

local kept_states = {
  -- A prompt that waits behind an answer does not go out by itself when the chat is opened.
  user = { queued = 'held', held = 'held', error = 'error' },
  assistant = { done = 'done', stopped = 'stopped', cut_off = 'cut_off', error = 'error' },
}
local other_states = { user = 'sent', assistant = 'stopped' }

local function state_of(turn)
  if turn.sent then
    return 'sent' -- It has no answer, but it is not true that it was not sent.
  end
  local kept = kept_states[turn.role]
  return kept and kept[turn.state] or other_states[turn.role] or 'done'
end

local function error_of(err)
  return err
    and {
      code = errors.new(err.code).code,
      message = short(err.message) or '',
      hint = short(err.hint),
    }
end

-- As View:text(): the user may have written above the reasoning too.
local function text_of(turn, texts)
  local parts = {}
  for _, part in ipairs({ 'head', 'answer' }) do
    local text = draw.alive(turn[part]) and texts[turn[part]]
    parts[#parts + 1] = text ~= '' and text or nil
  end
  return table.concat(parts, '\n')
end

local function record(turn, texts)
  local reasoning = draw.alive(turn.reasoning) and texts[turn.reasoning]
  return {
    role = turn.role,
    state = state_of(turn),
    text = text_of(turn, texts),
    reasoning = reasoning and reasoning ~= '' and reasoning or nil,
    model = name(turn.model),
    finish_reason = name(turn.finish_reason),
    words = short(turn.words),
    limit = short(turn.limit),
    refused = sentences(turn.refused),
    has_calls = turn.has_calls and true or nil,
    unauthenticated = turn.unauthenticated > 0 and count(turn.unauthenticated) or nil,
    tool_call_id = name(turn.tool_call_id),
    tool_name = name(turn.tool_name),
    error = error_of(turn.error),
    usage = counts(turn.usage),
  }
end

-- An answer of which nothing has come leaves its prompt as one that was not sent.
local function is_awaited(turn, made, above)
  local is_blank = made.text == '' and not made.reasoning
  return turn.state == 'streaming' and is_blank and above ~= nil and above.role == 'user'
end

--- The turns and the draft of a chat as they are now.
---@param view venice.View
---@return { turns: table[], draft: string }
function M.export(view)
  view:sync()
  local live, texts = view:live_turns(), texts_by_bound(view)
  local draft = table.remove(live)
  local turns = {}
  for _, turn in ipairs(live) do
    local made, above = record(turn, texts), turns[#turns]
    if is_awaited(turn, made, above) then
      above.state = 'held'
    else
      turns[#turns + 1] = made
    end
  end
  return { turns = turns, draft = texts[draft.head] or '' }
end

-- In ----------------------------------------------------------------------------------------------

local function to_turn(made)
  local turn = conversation.turn(made.role, made.model)
  for _, field in ipairs({
    'state',
    'usage',
    'finish_reason',
    'words',
    'limit',
    'refused',
    'has_calls',
    'tool_call_id',
    'tool_name',
  }) do
    turn[field] = made[field]
  end
  turn.unauthenticated = made.unauthenticated or 0
  turn.error = made.error and errors.new(made.error.code, made.error.message, made.error.hint)
  turn.is_empty = made.role == 'assistant' and made.text == ''
  return turn
end

-- The lines of a buffer, and which of them are boundaries, as { turn, part, row }.
local function lay_out(view, data, draft)
  local lines, places = {}, {}
  local function put(turn, part, text)
    places[#places + 1] = { turn = turn, part = part, row = #lines }
    lines[#lines + 1] = ''
    if text then
      local own = vim.split(text, '\n', { plain = true })
      local is_users = turn.role == 'user' or turn.role == 'system'
      vim.list_extend(lines, is_users and own or view:broken(turn, own))
    end
  end
  for _, made in ipairs(data.turns) do
    local turn = to_turn(made)
    if made.reasoning then
      put(turn, 'head')
      put(turn, 'reasoning', made.reasoning)
      if made.text ~= '' then
        put(turn, 'answer', made.text)
      end
    else
      put(turn, 'head', made.text)
    end
  end
  put(draft, 'head', data.draft)
  return lines, places
end

--- Fills the view of a fresh chat. There is no undo beyond it.
---@param view venice.View
---@param data { turns: table[], draft: string } as transcript_text.decode() gives it
function M.import(view, data)
  local draft = view:draft()
  assert(#view.turns == 1 and view:text(draft) == '', 'venice: this chat is not a fresh one')
  local lines, places = lay_out(view, data, draft)
  vim.bo[view.buf].undolevels = -1
  api.nvim_buf_set_lines(view.buf, 0, -1, false, lines)
  vim.bo[view.buf].undolevels = -123456 -- the global value counts
  view.turns = {}
  for _, place in ipairs(places) do
    if place.part == 'head' then
      view.turns[#view.turns + 1] = place.turn
    end
    view:_bind(place.turn, place.part, place.row)
  end
  view.bounds:remember()
  view:draw_all()
  pcall(buffer.highlight, view.buf)
end

return M
