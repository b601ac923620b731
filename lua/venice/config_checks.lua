-- The checks of the options: each returns nil for a value that is taken, else what it should be.

local M = {}

--- A check for one of these words.
---@param ... string
---@return fun(value: any): string|nil expected what it must be, where it is not
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

--- A check; like those below it returns what the value must be, where it is not.
---@param value any
---@return string|nil expected
function M.boolean(value)
  return type(value) ~= 'boolean' and 'true or false' or nil
end

local function is_text(value)
  return type(value) == 'string' and value ~= '' and not value:find('%z')
end

--- A check for a text that holds something.
---@param value any
---@return string|nil expected
function M.text(value)
  return not is_text(value) and 'a string that is not empty' or nil
end

--- A check for a path; whether the file is there shows when it is read.
---@param value any
---@return string|nil expected
function M.file_path(value)
  return not is_text(value) and 'the path of a PEM file' or nil
end

--- A check for a number within bounds.
---@param low number
---@param high number
---@param words string what is expected
---@return fun(value: any): string|nil
function M.number_between(low, high, words)
  return function(value)
    local ok = type(value) == 'number' and value >= low and value <= high
    return not ok and words or nil
  end
end

--- A check for a whole number within bounds.
---@param low integer
---@param high integer
---@param words string what is expected
---@return fun(value: any): string|nil
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

--- A check for a command: a program and its arguments.
---@param value any
---@return string|nil expected
function M.argv(value)
  return not is_argv(value) and "a list of words, such as { 'age', '-d' }" or nil
end

--- A check for the source of a key. Its words never hold the value, which may be a key.
---@param value any
---@return string|nil expected
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

--- A check for https, or http on loopback.
---@param value any
---@return string|nil expected
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

--- A check for whether, or where, to ask NVIDIA.
---@param value any
---@return string|nil expected
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

--- A check for TCB statuses.
---@param value any
---@return string|nil expected
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

-- A check for lists of hex strings, by name; `digits` says how many each name has. For a name that
-- is not there it also returns which there are, so that the one that was meant can be named.
local function hex_lists(digits, what, example)
  local names = vim.tbl_keys(digits)
  table.sort(names)
  return function(value)
    if type(value) ~= 'table' then
      return 'a table such as ' .. example
    end
    for name, list in pairs(value) do
      if not digits[name] then
        local words = ('there is no %s among the %s'):format(tostring(name), what)
        return words, { name = tostring(name), names = names }
      elseif not is_words(list) then
        return ('a table whose %s is a list of hex strings'):format(name)
      end
      for _, hex in ipairs(list) do
        if #hex ~= digits[name] or hex:find('%X') then
          return ('a table whose %s are strings of %d hex digits'):format(name, digits[name])
        end
      end
    end
  end
end

--- A check for lists of measurements.
M.measurements = hex_lists({
  mrtd = 96,
  rtmr0 = 96,
  rtmr1 = 96,
  rtmr2 = 96,
  rtmr3 = 96,
  mrseam = 96,
  mrconfigid = 96,
  compose_hash = 64,
  os_image_hash = 64,
}, 'measurements', "{ mrtd = { '…' } }")

--- A check for who may hand out a gateway's key: compressed public keys of the roots, ids of apps.
M.custody = hex_lists(
  { roots = 66, app_ids = 40 },
  'lists of verify.custody',
  "{ roots = { '…' }, app_ids = { '…' } }"
)

--- A check for a key of a chat, or none.
---@param value any
---@return string|nil expected
function M.keymap(value)
  return value ~= false and not is_text(value) and 'keys such as <CR>, or false' or nil
end

--- A check for a text or what makes one.
---@param value any
---@return string|nil expected
function M.text_or_function(value)
  return type(value) ~= 'function' and not is_text(value) and 'a string or a function' or nil
end

-- Tools -------------------------------------------------------------------------------------------

--- The names of the tools, in the order in which they are declared.
M.tool_names = {
  'read_file',
  'list_files',
  'search',
  'buffer',
  'diagnostics',
  'propose_edit',
  'run_command',
}

local function tool_list(value)
  if not is_words(value) then
    return 'a list of names of tools'
  end
  for _, name in ipairs(value) do
    if not vim.tbl_contains(M.tool_names, name) then
      return 'a list of names of tools; there is no ' .. name
    end
  end
end

local function patterns(value)
  return not is_words(value) and "a list of patterns as in .gitignore, such as { '*.key' }" or nil
end

-- What a table of fields must be; `prefix` stands before the name of a field that is wrong.
local function fields(prefix, checks)
  return function(value)
    if type(value) ~= 'table' then
      return 'a table'
    end
    local names = vim.tbl_keys(value)
    table.sort(names, function(a, b)
      return tostring(a) < tostring(b)
    end)
    for _, name in ipairs(names) do
      if not checks[name] then
        return ('a table of its fields; there is no %s%s'):format(prefix, tostring(name))
      end
      local expected = checks[name](value[name])
      if expected then
        -- The field of a table in the table is named by that one.
        local is_named = expected:find('^a table whose ') or expected:find('; there is no tools%.')
        return is_named and expected or ('a table whose %s is %s'):format(prefix .. name, expected)
      end
    end
  end
end

local MAX_BYTES = 1048576

local tool_options = fields('tools.', {
  enable = tool_list,
  disable = tool_list,
  exclude = patterns,
  secrets = function(value)
    return type(value) ~= 'boolean' and 'true or false' or nil
  end,
  max_rounds = M.whole_between(1, 1000, 'a whole number from 1 to 1000'),
  max_result = M.whole_between(1024, MAX_BYTES, 'a number of bytes from 1024 to 1048576'),
  command = fields('tools.command.', {
    timeout = M.number_between(0.1, 3600, 'a number of seconds, at most 3600'),
    max_output = M.whole_between(1024, MAX_BYTES, 'a number of bytes from 1024 to 1048576'),
  }),
})

--- The option `tools`.
---@param value any
---@return string|nil expected
function M.tools(value)
  if type(value) ~= 'boolean' then
    return type(value) ~= 'table' and 'true, false or a table' or tool_options(value)
  end
end

return M
