-- The texts about known enclaves: one that changed, and the list of those that are known. Pure.

local compose = require('venice.evidence.compose')
local Text = require('venice.evidence.text')

local date, pad = Text.date, Text.pad
local printable = require('venice.errors').printable

local M = {}

local values = {
  { 'compose_hash', 'what is started there' },
  { 'mrconfigid', 'what is started there' },
  { 'os_image_hash', 'the operating system' },
  { 'mrtd', 'the firmware' },
  { 'app_id', 'the application' },
  { 'key_provider', 'who gives it its keys' },
}

local NAME, SHORT = 15, 15 -- columns

local function short(value)
  value = value and printable(value) or '-'
  if #value <= SHORT then
    return value
  end
  return value:sub(1, 8) .. '…' .. value:sub(-6)
end

local function when(pin)
  if not pin then
    return ''
  end
  local words = 'first seen ' .. date(pin.first_seen) .. ', last ' .. date(pin.last_seen)
  local trust = pin.trusted_at and ', trusted since ' .. date(pin.trusted_at)
  return words .. (trust or ', never confirmed')
end

local function add_explanations(text, model, report, is_held)
  local title = ('The enclave of %s has CHANGED'):format(printable(model))
  text:add({ title, 'VeniceFail' })
  local outcome = is_held and 'Nothing was sent; your request waits for your answer.'
    or 'Nothing is sent to it.'
  text:add(outcome)
  if report.simulated then
    local words = 'SIMULATED: the root of trust was given by an option; this proves nothing'
    text:add({ words, 'VeniceFail' })
  end
  text:add('')
  text:add('It is not one of the enclaves that you know. There are two explanations:')
  text:add('  1. Its operator has updated or moved it. That is ordinary.')
  text:add('  2. Somebody has put another program in its place, to read what you write.')
  text:add('Genuine hardware cannot tell one from the other. What changed can: look below,')
  text:add('and ask the operator whether the change is theirs.')
end

local function add_choices(text, choices)
  text:add('')
  for _, choice in ipairs(choices) do
    choice.line = #text.lines + 1
    text:add('  ', { '[ ' .. choice.words .. ' ]', 'VeniceLabel' })
  end
  text:add({ '  <CR> on one of these lines answers; closing this window refuses', 'VeniceDim' })
end

local function add_comparison(text, old, new)
  text:add('')
  local heads = pad('', NAME) .. pad('until now', SHORT + 3) .. 'today'
  text:add('  ', { heads, 'VeniceTitle' })
  for _, value in ipairs(values) do
    local name, meaning = value[1], value[2]
    local was, is = old[name], new[name]
    if was or is then
      local group = was ~= is and 'VeniceFail' or nil
      local sign = was ~= is and '! ' or '  '
      local same = was == is and 'the same' or short(is)
      text:add(
        { sign .. pad(name, NAME), group },
        pad(short(was), SHORT + 3),
        { pad(same, SHORT + 3), group },
        was ~= is and { meaning, 'VeniceDim' } or ''
      )
    end
  end
end

local function add_full(text, old, new)
  text:section('The values in full', nil, true, function()
    for _, value in ipairs(values) do
      local name = value[1]
      if old[name] or new[name] then
        text:add('    ', { name, 'VeniceLabel' })
        text:add('      until now  ', old[name] and printable(old[name]) or '-')
        text:add('      today      ', new[name] and printable(new[name]) or '-')
      end
    end
  end)
end

local line_groups = { ['+'] = 'VeniceAdded', ['-'] = 'VeniceRemoved', ['@'] = 'VeniceDim' }

local function add_compose(text, pin, report)
  local old, new = pin and pin.compose, (report.code or {}).compose
  if not old or not new then
    local which = not old and not new and 'neither was'
      or not old and 'the old one was not'
      or "today's was not"
    text:section('The compose text', '', false, function()
      text:add('    it cannot be compared: ', which, ' shown')
    end)
    return
  end
  local lines, note = compose.diff(old, new)
  local added, removed = 0, 0
  for _, line in ipairs(lines) do
    added = added + (line:sub(1, 1) == '+' and 1 or 0)
    removed = removed + (line:sub(1, 1) == '-' and 1 or 0)
  end
  local count = #lines > 0 and ('+%d -%d lines'):format(added, removed) or ''
  text:section('What changed in the compose text', count, false, function()
    if note then
      text:add('    ', note)
    end
    for _, line in ipairs(lines) do
      text:add('    ', { line, line_groups[line:sub(1, 1)] })
    end
  end)
end

---@class venice.Choice
---@field words string
---@field line integer|nil where it stands, from 1; set here
---@field run fun()

--- The screen of an enclave that changed.
---@param model string
---@param report table its pin says today's values and the nearest that are known
---@param pin venice.Pin|nil the known one that is nearest
---@param choices venice.Choice[]
---@param is_held boolean a request waits for the answer
---@return venice.Text
function M.changed(model, report, pin, choices, is_held)
  local text = Text.new()
  local old = type(report.pin.previous) == 'table' and report.pin.previous or {}
  add_explanations(text, model, report, is_held)
  add_choices(text, choices)
  add_comparison(text, old, report.pin.enclave)
  text:add('')
  if pin then
    text:add('  until now: ', when(pin))
  end
  add_compose(text, pin, report)
  add_full(text, old, report.pin.enclave)
  return text
end

local function place_words(pin)
  local words = printable(pin.model)
  if pin.root == 'unsigned' then
    words = words .. '   quote signatures NOT verified (verify.dcap)'
  elseif pin.root ~= 'intel' then
    words = words .. '   SIMULATED'
  end
  return words, printable(pin.service)
end

--- The list of the enclaves that are known.
---@param pins venice.Pin[]
---@param path string of the file
---@return venice.Text
function M.list(pins, path)
  local text = Text.new()
  text:add({ 'Known enclaves', 'VeniceTitle' }, '   ', { path, 'VeniceDim' })
  if #pins == 0 then
    text:add('  none yet: the first sight of a model stores its enclave, unconfirmed')
  end
  local sorted = vim.list_extend({}, pins)
  table.sort(sorted, function(a, b)
    return (a.model .. a.service .. a.root .. a.first_seen)
      < (b.model .. b.service .. b.root .. b.first_seen)
  end)
  for _, pin in ipairs(sorted) do
    local words, service = place_words(pin)
    text:section(words, '', false, function()
      local group = pin.trusted_at and 'VeniceOk' or 'VeniceWarn'
      text:add('  ', { when(pin), group })
      text:add('  ', { service, 'VeniceDim' })
      for _, value in ipairs(values) do
        if pin.enclave[value[1]] then
          local name = { pad(value[1], NAME), 'VeniceLabel' }
          text:add('  ', name, printable(pin.enclave[value[1]]))
        end
      end
    end)
  end
  text:add('')
  local keys = ':Venice trust {model} confirms, :Venice! trust {model} forgets, q closes'
  text:add({ keys, 'VeniceDim' })
  return text
end

return M
