-- The texts about known enclaves: one that changed, and the list of those that are known. Pure.

local compose = require('venice.evidence.compose')
local Text = require('venice.evidence.text')
local pins = require('venice.evidence.pins')

local date, pad = Text.date, Text.pad
local printable = require('venice.errors').printable

local M = {}

-- The values of an enclave and what each is, in the order in which they are shown.
local meanings = {
  { 'compose_hash', 'what is started there' },
  { 'mrconfigid', 'what is started there' },
  { 'mrconfigid_form', 'how the hardware names what is started there' },
  { 'os_image_hash', 'the operating system' },
  { 'rtmr1', 'the kernel' },
  { 'rtmr2', 'kernel command line, initrd, root file system hash' },
  { 'mrtd', 'the firmware' },
  { 'app_id', 'the application' },
  { 'key_provider', 'who gives it its keys' },
  { 'custody_root', 'whose KMS can hand out its key' },
  { 'shape', 'whose evidence it is' },
}

-- The service shows the evidence of the model's own enclave, or of a gateway before it.
local shapes = {
  gateway = "the model's own evidence is not shown any more",
  enclave = "the model's own evidence is shown now",
}

local function meaning_of(value, is)
  return value[1] == 'shape' and shapes[is] or value[2]
end

-- The values that any of some enclaves has; names that are not known here come last.
local function values_of(...)
  local has, list = {}, {}
  for _, enclave in ipairs({ ... }) do
    for name in pairs(enclave) do
      has[name] = true
    end
  end
  for _, value in ipairs(meanings) do
    if has[value[1]] then
      list[#list + 1] = value
      has[value[1]] = nil
    end
  end
  local others = vim.tbl_keys(has)
  table.sort(others)
  for _, name in ipairs(others) do
    list[#list + 1] = { name, '' }
  end
  return list
end

local NAME, SHORT = 16, 15 -- columns

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

local looked_at = {
  rtmr1 = 'RTMR1 (kernel)',
  rtmr2 = 'RTMR2 (kernel command line)',
  mrconfigid_form = 'the form of MRCONFIGID',
  shape = "whether it is the model's own evidence",
  custody_root = 'the custody of the key',
}

--- Why an enclave that the user confirmed counts as not confirmed.
---@param missing string[] names of values that it was stored without
---@return string
function M.missing(missing)
  local list, has = {}, {}
  for _, name in ipairs(missing) do
    has[name] = true
  end
  if has.rtmr1 and has.rtmr2 then
    list[1] = 'RTMR1 and RTMR2 (kernel, command line)'
  end
  for _, name in ipairs(missing) do
    local is_said = list[1] and (name == 'rtmr1' or name == 'rtmr2') and has.rtmr1 and has.rtmr2
    if not is_said then
      list[#list + 1] = looked_at[name] or printable(name)
    end
  end
  local last = #list > 1 and ' and ' .. table.remove(list) or ''
  return 'you confirmed it before this version also looked at ' .. table.concat(list, ', ') .. last
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
  text:add(
    'Genuine hardware cannot tell one from the other. What changed can: look below, and ask ',
    'the operator whether the change is theirs.'
  )
end

local function add_choices(text, choices)
  text:add('')
  for _, choice in ipairs(choices) do
    choice.line = #text.lines + 1
    text:add('  ', { '[ ' .. choice.words .. ' ]', 'VeniceLabel' })
  end
  text:add({ '  <CR> on one of these lines answers; closing this window refuses', 'VeniceDim' })
end

-- A pin of an older version does not say what it did not look at: that is no change.
local function was_looked_at(old, name)
  if name == 'custody_root' then
    return old.custody_root ~= nil or old.shape ~= nil
  end
  return not vim.tbl_contains(pins.lacking(old), name)
end

-- What changed comes first.
local function add_comparison(text, old, new)
  text:add('')
  local heads = pad('', NAME) .. pad('until now', SHORT + 3) .. 'today'
  text:add('  ', { heads, 'VeniceTitle' })
  local changed, others = {}, {}
  for _, value in ipairs(values_of(old, new)) do
    local name = value[1]
    local is_change = old[name] ~= new[name] and was_looked_at(old, name)
    table.insert(is_change and changed or others, value)
  end
  for _, value in ipairs(changed) do
    local name = value[1]
    text:add(
      { '! ' .. pad(name, NAME), 'VeniceFail' },
      pad(short(old[name]), SHORT + 3),
      { pad(short(new[name]), SHORT + 3), 'VeniceFail' },
      { meaning_of(value, new[name]), 'VeniceDim' }
    )
  end
  local last = #text.lines
  for _, value in ipairs(others) do
    local name = value[1]
    local is_same = old[name] == new[name]
    text:add(
      '  ' .. pad(name, NAME),
      pad(is_same and short(old[name]) or 'not looked at', SHORT + 3),
      is_same and 'the same' or short(new[name])
    )
  end
  return last
end

local function add_full(text, old, new)
  text:section('The values in full', nil, true, function()
    for _, value in ipairs(values_of(old, new)) do
      local name = value[1]
      text:add('    ', { name, 'VeniceLabel' })
      text:add('      until now  ', old[name] and printable(old[name]) or '-')
      text:add('      today      ', new[name] and printable(new[name]) or '-')
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
---@return venice.Text text its `rows` are those that must be seen before it is answered with yes
function M.changed(model, report, pin, choices, is_held)
  local text = Text.new()
  local old = type(report.pin.previous) == 'table' and report.pin.previous or {}
  add_explanations(text, model, report, is_held)
  add_choices(text, choices)
  text.rows = {}
  for row = 1, add_comparison(text, old, report.pin.enclave) do
    text.rows[row] = row
  end
  text:add('')
  if pin then
    text:add('  until now: ', when(pin))
    local lacking = pin.trusted_at and pins.lacking(pin.enclave) or {}
    if #lacking > 0 then
      text:add('  ', { M.missing(lacking), 'VeniceWarn' })
    end
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

-- Whether the user's word about a pin stands, and if not why, and what to do.
local function add_pin(text, pin, list)
  local lacking = pins.lacking(pin.enclave)
  if not pin.trusted_at or #lacking == 0 then
    return text:add('  ', { when(pin), pin.trusted_at and 'VeniceOk' or 'VeniceWarn' })
  end
  text:add('  ', { when(pin), 'VeniceDim' })
  local newer = pins.replacement(pin, list)
  if newer then
    local words = 'replaced by the one with more values that you confirmed on %s'
    return text:add('  ', { words:format(date(newer.trusted_at)), 'VeniceDim' })
  end
  local lacks = 'not confirmed any more: lacks ' .. table.concat(lacking, ', ')
  text:add('  ', { lacks, 'VeniceWarn' })
  text:add('  ', M.missing(lacking))
  text:add('  ', 'confirm it again: :Venice trust ', printable(pin.model))
end

--- The list of the enclaves that are known.
---@param list venice.Pin[]
---@param path string of the file
---@return venice.Text
function M.list(list, path)
  local text = Text.new()
  text:add({ 'Known enclaves', 'VeniceTitle' }, '   ', { path, 'VeniceDim' })
  if #list == 0 then
    text:add('  none yet: the first sight of a model stores its enclave, unconfirmed')
  end
  local sorted = vim.list_extend({}, list)
  table.sort(sorted, function(a, b)
    return (a.model .. a.service .. a.root .. a.first_seen)
      < (b.model .. b.service .. b.root .. b.first_seen)
  end)
  for _, pin in ipairs(sorted) do
    local words, service = place_words(pin)
    text:section(words, '', false, function()
      add_pin(text, pin, list)
      text:add('  ', { service, 'VeniceDim' })
      for _, value in ipairs(values_of(pin.enclave)) do
        local name = { pad(value[1], NAME), 'VeniceLabel' }
        text:add('  ', name, printable(pin.enclave[value[1]]))
      end
    end)
  end
  text:add('')
  local keys = ':Venice trust {model} confirms, :Venice! trust {model} forgets, q closes'
  text:add({ keys, 'VeniceDim' })
  return text
end

return M
