-- What answers cost: tokens as the service counts them, and dollars from its list of models.

local M = {}

--- Whether a value that the service sent can be counted with.
---@param value any
---@return boolean
function M.is_number(value)
  return type(value) == 'number' and value == value and value >= 0 and value < 1e15
end

--- How many tokens of a prompt the service had in its cache.
---@param usage table
---@return integer
function M.cached(usage)
  local details = usage.prompt_tokens_details
  local cached = type(details) == 'table' and details.cached_tokens or usage.cached_tokens
  local tokens = usage.prompt_tokens
  if not (M.is_number(cached) and M.is_number(tokens)) then
    return 0
  end
  return math.min(cached, tokens)
end

-- By the list of prices; cached tokens have one of their own, where the service says it.
local function cost_by_list(usage, model)
  local tokens_in, tokens_out = usage.prompt_tokens, usage.completion_tokens
  local price_in, price_out = model.price_in, model.price_out
  for _, value in ipairs({ tokens_in or false, tokens_out or false, price_in or false }) do
    if not M.is_number(value) then
      return nil
    end
  end
  if not M.is_number(price_out) then
    return nil
  end
  local cached = M.cached(usage)
  local price_cached = M.is_number(model.price_cache_in) and model.price_cache_in or price_in
  local dollars = (tokens_in - cached) * price_in + cached * price_cached + tokens_out * price_out
  return dollars / 1e6
end

--- What an answer cost: what the service says itself, else by its list of prices.
---@param usage table|nil prompt_tokens, completion_tokens, prompt_tokens_details, cost in dollars
---@param model table|nil of the service's list: price_in, price_cache_in and price_out, per million
---  tokens
---@return number|nil dollars nil where too little is known
function M.cost(usage, model)
  if type(usage) ~= 'table' then
    return nil
  elseif M.is_number(usage.cost) then
    return usage.cost
  end
  return model and cost_by_list(usage, model)
end

--- Dollars for reading: two digits that say something.
---@param value number
---@return string
function M.dollars(value)
  if value >= 1 then
    return ('$%.2f'):format(value)
  elseif value < 0.00001 then
    return value == 0 and '$0' or '<$0.00001'
  end
  local digits = math.min(6, 1 - math.floor(math.log10(value)))
  return (('$%%.%df'):format(math.max(digits, 2))):format(value)
end

--- A number with its thousands apart.
---@param value number
---@return string
function M.grouped(value)
  local text, count = ('%d'):format(value), 1
  while count > 0 do
    text, count = text:gsub('^(%d+)(%d%d%d)', '%1,%2')
  end
  return text
end

local function tokens_of(usage)
  if M.is_number(usage.total_tokens) then
    return usage.total_tokens
  elseif M.is_number(usage.prompt_tokens) and M.is_number(usage.completion_tokens) then
    return usage.prompt_tokens + usage.completion_tokens
  end
end

---@class venice.Total
---@field tokens integer
---@field cached integer how many of them the service had in its cache
---@field cost number|nil dollars

--- What several answers cost together.
---@param spent { usage: table, model: string }[]
---@param info_of fun(model: string): table|nil what the service's list says of a model
---@return venice.Total|nil cost is nil where one of them is not known
function M.total(spent, info_of)
  local total
  for _, entry in ipairs(spent) do
    local tokens = tokens_of(entry.usage)
    if tokens then
      local cost = M.cost(entry.usage, info_of(entry.model))
      total = total or { tokens = 0, cached = 0, cost = 0 }
      total.tokens = total.tokens + tokens
      total.cached = total.cached + M.cached(entry.usage)
      total.cost = total.cost and cost and total.cost + cost or nil
    end
  end
  return total
end

--- The total of a chat in words.
---@param total venice.Total|nil
---@param is_short boolean|nil without what was cached
---@return string|nil
function M.words(total, is_short)
  if not total then
    return nil
  end
  local words = M.grouped(total.tokens) .. ' tokens'
  if total.cached > 0 and not is_short then
    words = words .. ', ' .. M.grouped(total.cached) .. ' cached'
  end
  return total.cost and words .. ', ' .. M.dollars(total.cost) or words
end

return M
