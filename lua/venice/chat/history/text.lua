-- A chat as the text that is encrypted when it is saved, and back: one JSON object.
--
--   { format = 'venice-chat', version = 1,
--     model = id of the chat's model, where it has one,
--     draft = the text of the prompt that was being written,
--     turns = list, from top to bottom, of {
--       role = 'user', 'assistant', 'system' or 'tool',
--       text = as it is sent; it may be empty,
--       state = of a prompt 'sent', 'held' or 'error'; of an answer 'done', 'stopped', 'cut_off' or
--         'error'; else 'done',
--       reasoning, model, finish_reason, usage, error, unauthenticated, refused, limit, has_calls,
--       tool_call_id, tool_name, words = as in venice.Turn, each where there is something to say
--     } }
--
-- What is read was decrypted, not proven: whoever knows the public key can make such a file. So
-- every field is checked, and one that is not known is refused; a new field is a new version.

local errors = require('venice.errors')
local json = require('venice.tools.json')
local utf8 = require('venice.tools.utf8')

local M = {}

M.FORMAT = 'venice-chat'
M.VERSION = 1
--- Bytes of the JSON text. The editor waits while it is read: 0.1 s per MB on a slow machine.
M.MAX_BYTES = 8 * 1024 * 1024
M.MAX_TURNS = 2000
local MAX_LINES = 500000
local MAX_SENTENCE = 2000
local MAX_NAME = 256
local MAX_REFUSED = 100
local MAX_COUNT = 2 ^ 31
local MAX_COST = 1e6 -- dollars

--- How every such text begins.
M.HEAD = ('{"format":"%s",'):format(M.FORMAT)

-- What a field takes ------------------------------------------------------------------------------

local function is_text(value)
  return type(value) == 'string'
end

local function is_sentence(value)
  return type(value) == 'string' and #value <= MAX_SENTENCE
end

local function is_name(value)
  return type(value) == 'string' and value ~= '' and #value <= MAX_NAME and not value:find('%c')
end

local function is_count(value)
  return type(value) == 'number' and value >= 0 and value < MAX_COUNT and value % 1 == 0
end

local function is_cost(value)
  return type(value) == 'number' and value >= 0 and value < MAX_COST
end

local function is_true(value)
  return value == true
end

local function is_code(value)
  return type(value) == 'string' and errors.codes[value] == true
end

local function is_sentences(value)
  if json.kind(value) ~= 'array' or #value > MAX_REFUSED then
    return false
  end
  for _, sentence in ipairs(value) do
    if not is_sentence(sentence) then
      return false
    end
  end
  return true
end

-- Whether a value is an object with these fields and no others; `required` must be there.
local function has_fields(value, fields, required)
  if json.kind(value) ~= 'object' then
    return false, 'it is not an object'
  end
  for name, field in pairs(value) do
    if not fields[name] then
      return false, 'it has a field that is not known'
    elseif not fields[name](field) then
      return false, ('its field %s is not what it has to be'):format(name)
    end
  end
  for _, name in ipairs(required) do
    if value[name] == nil then
      return false, ('its field %s is missing'):format(name)
    end
  end
  return true
end

local error_fields = { code = is_code, message = is_sentence, hint = is_sentence }
local usage_fields = {
  prompt_tokens = is_count,
  completion_tokens = is_count,
  total_tokens = is_count,
  cached_tokens = is_count,
  cost = is_cost,
}

local turn_fields = {
  role = is_text,
  state = is_text,
  text = is_text,
  reasoning = is_text,
  model = is_name,
  finish_reason = is_name,
  words = is_sentence,
  limit = is_sentence,
  refused = is_sentences,
  has_calls = is_true,
  unauthenticated = is_count,
  tool_call_id = is_name,
  tool_name = is_name,
  error = function(value)
    return (has_fields(value, error_fields, { 'code', 'message' }))
  end,
  usage = function(value)
    return (has_fields(value, usage_fields, {}))
  end,
}

local chat_fields = {
  format = is_text,
  version = is_count,
  model = is_name,
  draft = is_text,
  turns = function(value)
    return json.kind(value) == 'array' and #value <= M.MAX_TURNS
  end,
}

-- Which states a turn of a role can have been saved in.
local states = {
  user = { sent = true, held = true, error = true },
  assistant = { done = true, stopped = true, cut_off = true, error = true },
  system = { done = true },
  tool = { done = true },
}

-- The whole ---------------------------------------------------------------------------------------

local function count_lines(text)
  return select(2, text:gsub('\n', '')) + 1
end

local function check_turn(turn)
  local ok, words = has_fields(turn, turn_fields, { 'role', 'state', 'text' })
  if not ok then
    return words
  elseif not states[turn.role] then
    return 'its role is not known'
  elseif not states[turn.role][turn.state] then
    return 'its state is not one of its role'
  elseif turn.reasoning and turn.role ~= 'assistant' then
    return 'it has reasoning and is no answer'
  end
end

-- What is wrong with a chat, as the rest of a sentence.
local function check(chat)
  local ok, words = has_fields(chat, chat_fields, { 'format', 'version', 'draft', 'turns' })
  -- The two that say what this is come before what a newer version may have added.
  if json.kind(chat) ~= 'object' or chat.format ~= M.FORMAT then
    return 'it does not hold a chat'
  elseif chat.version ~= M.VERSION and is_count(chat.version) then
    return 'it was saved by another version of venice.nvim'
  elseif not ok then
    return words
  end
  local lines, systems = count_lines(chat.draft), 0
  for i, turn in ipairs(chat.turns) do
    words = check_turn(turn)
    if words then
      return ('turn %d: %s'):format(i, words)
    end
    lines = lines + count_lines(turn.text) + count_lines(turn.reasoning or '')
    systems = systems + (turn.role == 'system' and 1 or 0)
  end
  if lines > MAX_LINES then
    return ('it has more than %d lines'):format(MAX_LINES)
  elseif systems > 1 then
    return 'it has more than one system prompt'
  end
end

--- Reads a chat. Takes nothing that encode() does not make.
---@param text string
---@return table|nil chat
---@return string|nil words why not, as a sentence about "it", the chat
function M.decode(text)
  if #text > M.MAX_BYTES then
    return nil, ('it is larger than %d MB'):format(M.MAX_BYTES / 1024 / 1024)
  end
  local chat = json.decode(text)
  if chat == nil then
    return nil, 'it is damaged'
  end
  local words = check(chat)
  return not words and chat or nil, words
end

-- The first text that JSON cannot carry, in words.
local function find_bytes(chat)
  for i, turn in ipairs(chat.turns) do
    if not utf8.is_utf8(turn.text) or not utf8.is_utf8(turn.reasoning or '') then
      return ('turn %d'):format(i)
    end
  end
  return not utf8.is_utf8(chat.draft) and 'the prompt that is being written' or nil
end

--- Writes a chat. What cannot be read again is not written.
---@param chat table as above; format and version are added
---@return string|nil text
---@return string|nil words why not, as a sentence about "it", the chat
function M.encode(chat)
  local where = find_bytes(chat)
  if where then
    return nil, where .. ' holds bytes that are no UTF-8 text'
  elseif #chat.turns > M.MAX_TURNS then
    return nil, ('it has more than %d turns'):format(M.MAX_TURNS)
  end
  -- The list by itself: an empty table would be written as an object by some versions.
  local turns = #chat.turns > 0 and vim.json.encode(chat.turns) or '[]'
  local rest = vim.json.encode({ version = M.VERSION, model = chat.model, draft = chat.draft })
  local text = ('%s%s,"turns":%s}'):format(M.HEAD, rest:sub(2, -2), turns)
  local ok, words = M.decode(text)
  return ok and text or nil, words
end

return M
