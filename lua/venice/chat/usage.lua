-- What answers cost: tokens as the service counts them, and dollars from its list of models.

local M = {}

--- Whether a value that the service sent can be counted with.
---@param value any
---@return boolean
function M.is_number(value)
  return type(value) == 'number' and value == value and value >= 0 and value < 1e15
end

--- What an answer cost.
---@param usage table|nil prompt_tokens and completion_tokens
---@param model table|nil of the service's list: price_in and price_out, per million tokens
---@return number|nil dollars nil where one of the four is not known
function M.cost(usage, model)
  if type(usage) ~= 'table' or not model then
    return nil
  end
  local tokens_in, tokens_out = usage.prompt_tokens, usage.completion_tokens
  for _, value in ipairs({ tokens_in or false, tokens_out or false }) do
    if not M.is_number(value) then
      return nil
    end
  end
  if not (M.is_number(model.price_in) and M.is_number(model.price_out)) then
    return nil
  end
  return (tokens_in * model.price_in + tokens_out * model.price_out) / 1e6
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

--- What several answers cost together.
---@param spent { usage: table, model: string }[]
---@param info_of fun(model: string): table|nil what the service's list says of a model
---@return { tokens: integer, cost: number|nil }|nil cost is nil where one of them is not known
function M.total(spent, info_of)
  local total
  for _, entry in ipairs(spent) do
    local tokens = tokens_of(entry.usage)
    if tokens then
      local cost = M.cost(entry.usage, info_of(entry.model))
      total = total or { tokens = 0, cost = 0 }
      total.tokens = total.tokens + tokens
      total.cost = total.cost and cost and total.cost + cost or nil
    end
  end
  return total
end

--- The total of a chat in words.
---@param total { tokens: integer, cost: number|nil }|nil
---@return string|nil
function M.words(total)
  if not total then
    return nil
  end
  local words = M.grouped(total.tokens) .. ' tokens'
  return total.cost and words .. ', ' .. M.dollars(total.cost) or words
end

return M
