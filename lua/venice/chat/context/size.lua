-- How large a prompt is, in bytes and in tokens, and the question before one that is over a limit.

local config = require('venice.config')
local errors = require('venice.errors')
local usage = require('venice.chat.usage')

local M = {}

-- No model's own tokenizer is at hand, so this is a rule of thumb: four bytes of code or English to
-- a token; of other scripts a character is half a token to two, by how rare it is.
local BYTES_PER_TOKEN = 4
local rarer = {
  { first = '[\194-\223]', tokens = 0.6 }, -- accents, Greek, Cyrillic, Hebrew, Arabic
  { first = '[\224-\239]', tokens = 1 }, -- Chinese, Japanese, Korean, Indian scripts
  { first = '[\240-\244]', tokens = 2 }, -- emoji
}

--- About how many tokens a text is.
---@param text string
---@return integer
function M.tokens(text)
  local rest = text:gsub('[%z\1-\127]+', '')
  local tokens = (#text - #rest) / BYTES_PER_TOKEN
  for _, script in ipairs(rarer) do
    local _, count = rest:gsub(script.first, '')
    tokens = tokens + count * script.tokens
  end
  return math.ceil(tokens)
end

--- What messages come to together.
---@param messages { content: string }[]
---@return integer bytes
---@return integer tokens about
function M.of(messages)
  local bytes, tokens = 0, 0
  for _, message in ipairs(messages) do
    bytes, tokens = bytes + #message.content, tokens + M.tokens(message.content)
  end
  return bytes, tokens
end

local units = { { 1048576, 'MB' }, { 1024, 'KB' } }

local function bytes_in_words(bytes)
  for _, unit in ipairs(units) do
    local amount = bytes / unit[1]
    if amount >= 1 then
      return (amount < 10 and '%.1f %s' or '%.0f %s'):format(amount, unit[2])
    end
  end
  return ('%d byte%s'):format(bytes, bytes == 1 and '' or 's')
end

-- An estimate, so two digits of it.
local function about(tokens)
  local step = 1
  while tokens / step >= 100 do
    step = step * 10
  end
  local rounded = math.floor(tokens / step + 0.5) * step
  return ('about %s token%s'):format(usage.grouped(rounded), rounded == 1 and '' or 's')
end

--- A size for reading: 4.1 KB, about 1,200 tokens.
---@param bytes integer
---@param tokens integer
---@return string
function M.words(bytes, tokens)
  return bytes_in_words(bytes) .. ', ' .. about(tokens)
end

-- The limit ---------------------------------------------------------------------------------------

-- Which limit a request is over, in words, and what to do.
local function excess(prompt, messages, info)
  local tokens, limit = M.tokens(prompt), config.get().context.max_tokens
  if tokens > limit then
    local words = 'this prompt is %s; context.max_tokens is %s'
    words = words:format(M.words(#prompt, tokens), usage.grouped(limit))
    return words, 'send less, or raise context.max_tokens'
  end
  local window = info and info.context
  if not usage.is_number(window) or window == 0 then
    return nil
  end
  local bytes
  bytes, tokens = M.of(messages)
  if tokens > window then
    local words = 'the whole chat is %s; the model takes %s'
    words = words:format(M.words(bytes, tokens), usage.grouped(window))
    return words, 'send less, or begin another chat with :Venice new'
  end
end

--- Goes on with a request, after a question where it is over a limit.
---@param prompt string its text alone
---@param messages { content: string }[] all that is sent with it
---@param info table|nil what the service's list says of the model; its `context` is a limit too
---@param continue fun()
---@param refuse fun(err: venice.Error|nil) nil where the user has said no; one of both, once
function M.check(prompt, messages, info, continue, refuse)
  local words, hint = excess(prompt, messages, info)
  if not words then
    return continue()
  elseif not require('venice.compat').can_ask() then
    return refuse(errors.new('too_large', words .. ', and nobody is here to be asked', hint))
  end
  local answered = false
  local opts = { prompt = words:gsub('^%l', string.upper) .. '. Send it?', kind = 'venice_size' }
  vim.ui.select({ 'Do not send', 'Send' }, opts, function(_, index)
    if not answered then
      answered = true
      if index == 2 then
        continue()
      else
        refuse()
      end
    end
  end)
end

return M
