-- The checks of the options: each returns nil for a value that is taken, else what it should be.

local M = {}

function M.one_of(...)
  local words, list = { ... }, {}
  for i, word in ipairs(words) do
    list[i] = "'" .. word .. "'"
  end
  local expected = table.concat(list, ', ', 1, #list - 1) .. ' or ' .. list[#list]
  return function(value)
    return not vim.tbl_contains(words, value) and expected or nil
  end
end

function M.boolean(value)
  return type(value) ~= 'boolean' and 'true or false' or nil
end

local function is_text(value)
  return type(value) == 'string' and value ~= '' and not value:find('%z')
end

function M.text(value)
  return not is_text(value) and 'a string that is not empty' or nil
end

function M.file_path(value)
  return not is_text(value) and 'the path of a PEM file' or nil
end

function M.number_between(low, high, words)
  return function(value)
    local ok = type(value) == 'number' and value >= low and value <= high
    return not ok and words or nil
  end
end

function M.whole_between(low, high, words)
  local inside = M.number_between(low, high, words)
  return function(value)
    return inside(value) or (value % 1 ~= 0 and words) or nil
  end
end

-- A day is more than any of these needs, and fits every clock below.
M.seconds = M.number_between(0.001, 86400, 'a number of seconds, more than 0, at most 86400')

local function is_words(value)
  if type(value) ~= 'table' then
    return false
  end
  local count = 0
  for key, word in pairs(value) do
    count = count + 1
    if type(key) ~= 'number' or type(word) ~= 'string' or word:find('%z') then
      return false
    end
  end
  return count == #value
end

local function is_argv(value)
  return is_words(value) and is_text(value[1])
end

function M.argv(value)
  return not is_argv(value) and "a list of words, such as { 'age', '-d' }" or nil
end

function M.api_key(value)
  local sources = "{ env = 'VENICE_API_KEY' } or { cmd = { 'pass', 'show', 'venice' } }"
  if type(value) == 'string' then
    return 'where the key is, never the key itself: ' .. sources
  end
  local ok = type(value) == 'table'
    and vim.tbl_count(value) == 1
    and (is_argv(value.cmd) or (is_text(value.env) and not value.env:find('=')))
  return not ok and sources or nil
end

local function is_loopback(host)
  if host == 'localhost' or host == '[::1]' then
    return true
  end
  local numbers = { host:match('^(127)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$') }
  for _, number in ipairs(numbers) do
    if tonumber(number) > 255 then
      return false
    end
  end
  return #numbers == 4
end

function M.url(value)
  local expected = 'an https URL, or http for a loopback address'
  if not is_text(value) or value:find('[%s%c]') then
    return expected
  end
  local scheme, authority = value:match('^(https?)://([^/?#]+)[^?#]*$')
  if not scheme or authority:find('@', 1, true) then
    return expected .. ', without user, query and fragment'
  end
  local host, port = authority:match('^(.-):(%d+)$')
  host = (host or authority):lower()
  if port and (tonumber(port) < 1 or tonumber(port) > 65535) then
    return 'a URL whose port is from 1 to 65535'
  end
  if not host:find('^%[[%x:.]+%]$') and not host:find('^[%w.-]+$') then
    return expected
  end
  if scheme == 'http' and not is_loopback(host) then
    return expected
  end
end

function M.nras(value)
  if type(value) ~= 'boolean' and M.url(value) then
    return 'true, false or an https URL'
  end
end

local statuses = {
  UpToDate = true,
  SWHardeningNeeded = true,
  ConfigurationNeeded = true,
  ConfigurationAndSWHardeningNeeded = true,
  OutOfDate = true,
  OutOfDateConfigurationNeeded = true,
  TDRelaunchAdvised = true,
  TDRelaunchAdvisedConfigurationNeeded = true,
}

function M.accept_tcb(value)
  if not is_words(value) then
    return "a list of TCB statuses, such as { 'UpToDate' }"
  end
  for _, status in ipairs(value) do
    if status == 'Revoked' then
      return 'a list without Revoked, which is never accepted'
    elseif not statuses[status] then
      return 'a list of TCB statuses; there is no ' .. status
    end
  end
end

-- Hex digits of each measurement.
local measured = {
  mrtd = 96,
  rtmr0 = 96,
  rtmr1 = 96,
  rtmr2 = 96,
  rtmr3 = 96,
  mrseam = 96,
  mrconfigid = 96,
  compose_hash = 64,
  os_image_hash = 64,
}

function M.measurements(value)
  if type(value) ~= 'table' then
    return "a table such as { mrtd = { '…' } }"
  end
  for name, list in pairs(value) do
    local digits = measured[name]
    if not digits then
      return 'a table of measurements; there is no ' .. tostring(name)
    elseif not is_words(list) then
      return ('a table whose %s is a list of hex strings'):format(name)
    end
    for _, hex in ipairs(list) do
      if #hex ~= digits or hex:find('%X') then
        return ('a table whose %s are strings of %d hex digits'):format(name, digits)
      end
    end
  end
end

function M.keymap(value)
  return value ~= false and not is_text(value) and 'keys such as <CR>, or false' or nil
end

function M.text_or_function(value)
  return type(value) ~= 'function' and not is_text(value) and 'a string or a function' or nil
end

function M.boolean_or_table(value)
  return type(value) ~= 'boolean' and type(value) ~= 'table' and 'true, false or a table' or nil
end

return M
