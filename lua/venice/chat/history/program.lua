-- A text through the program that encrypts saved chats, and back. The plaintext goes and comes by
-- pipes: never in a file, in an argument or in the environment.
--
-- The program has no terminal: one that asked for a passphrase there would read what the user types
-- into Neovim, and draw over it. It asks in a window of its own, or has a key file.

local config = require('venice.config')
local errors = require('venice.errors')
local transcript_text = require('venice.chat.history.text')

local uv = require('venice.compat').uv
local M = {}

local MB = 1024 * 1024
local SLOW = 2000 -- milliseconds until a word that the program is waited for
local MAX_STDERR = 64 * 1024
local MAX_REASON = 200 -- bytes that are shown of what it says
--- Seconds that the program may take, the user's part in it included.
M.TIMEOUT = 60
--- Bytes of an encrypted chat; as text (armor) it takes a third more than the chat itself.
M.MAX_FILE = 2 * transcript_text.MAX_BYTES

local example = "history = { encrypt = { 'age', '-r', 'age1…' }, decrypt = { 'age', '-d', '-i', "
  .. "'~/key.txt' } }"

-- Which program -----------------------------------------------------------------------------------

local others = { encrypt = 'decrypt', decrypt = 'encrypt' }

--- Why a chat cannot be saved ('encrypt') or opened ('decrypt') with the options as they are.
---@param direction 'encrypt'|'decrypt'
---@return venice.Error|nil
function M.missing(direction)
  local options = config.get().history
  if options[direction] then
    return nil
  end
  local words = ('no program is set that %ss it'):format(direction)
  if options[others[direction]] then
    words = ('history.%s is not set, only history.%s'):format(direction, others[direction])
  end
  local hint = ("require('venice').setup({ %s }); see :help venice-saved"):format(example)
  return errors.new('config', words, hint)
end

-- There is no shell that would know what `~` is.
local function with_home(argv)
  local home = vim.env.HOME
  return vim.tbl_map(function(word)
    return home and word:sub(1, 2) == '~/' and home .. word:sub(2) or word
  end, argv)
end

local function working_folder()
  local home = vim.env.HOME
  local stat = home and uv.fs_stat(home)
  return stat and stat.type == 'directory' and home or '/'
end

-- With it gpg's agent would ask on Neovim's own terminal.
local function environment()
  return vim.tbl_filter(function(entry)
    return not entry:find('^GPG_TTY=')
  end, require('venice.process').user_environment())
end

-- What happened -----------------------------------------------------------------------------------

local NO_TERMINAL = 'try the command in a shell; here it has no terminal to ask for a passphrase: '
  .. 'let it use a key file, or an agent that asks in a window of its own'

-- The line of its messages that says most: the first with an error in it, else the last. What it
-- repeats of the chat is not shown, for messages may be logged.
local function reason_of(stderr, input)
  local last, first
  for line in stderr:gmatch('[^\r\n]+') do
    if line:find('%S') then
      last = line
      first = first or (line:lower():find('error', 1, true) and line) or nil
    end
  end
  local line = (first or last or ''):sub(1, MAX_REASON)
  if line == '' or (#line > 20 and input:find(line, 1, true)) then
    return ''
  end
  line = require('venice.tools.utf8').to_utf8(line)
  return ': ' .. vim.trim(errors.printable(line))
end

-- Why a result is none.
local function failure_of(result, program, option, input, limit)
  local function failure(code, words, ...)
    return errors.new(code, program .. ' ' .. words:format(...), NO_TERMINAL)
  end
  if result.outcome == 'timeout' then
    return failure('timeout', 'did not end within %d seconds', M.TIMEOUT)
  elseif result.outcome == 'output' or #result.stdout > limit then
    local words = ('%s wrote more than %d MB'):format(program, limit / MB)
    return errors.new('limit', words, 'check the option ' .. option)
  elseif result.signal ~= 0 then
    return failure('config', 'was ended by signal %d', result.signal)
  elseif result.code ~= 0 then
    local reason = reason_of(result.stderr, input)
    return failure('config', 'failed with exit code %d%s', result.code, reason)
  elseif result.stdout == '' then
    return failure('config', 'wrote nothing%s', reason_of(result.stderr, input))
  elseif not result.complete then
    local words = program .. ' ended before it had read and written everything'
    return errors.new('config', words, 'check the option ' .. option)
  end
end

-- Running it --------------------------------------------------------------------------------------

local function pass(direction, input, limit, callback)
  local option = 'history.' .. direction
  local argv = with_home(config.get().history[direction])
  local program, is_over = errors.printable(vim.fn.fnamemodify(argv[1], ':t')), false
  vim.defer_fn(function()
    if not is_over then
      errors.notice(('waiting for %s; it may be asking for a passphrase'):format(program))
    end
  end, SLOW)
  local opts = {
    cwd = working_folder(),
    env = environment(),
    input = input,
    timeout = M.TIMEOUT,
    max_output = limit + MAX_STDERR,
  }
  require('venice.process').run(argv, opts, function(err, result)
    is_over = true
    if err then
      return callback(errors.new('config', err.message, 'check the option ' .. option))
    end
    local failure = failure_of(result, program, option, input, limit)
    callback(failure, not failure and result.stdout or nil)
  end)
end

-- Whether it was encrypted ------------------------------------------------------------------------

local SAMPLES, SAMPLE = 16, 64

local packed = {
  gzip = '^\31\139',
  bzip2 = '^BZh',
  xz = '^\2537zXZ%z',
  zstd = '^%(\181/\253',
  zip = '^PK\3\4',
  ['OpenPGP without encryption'] = '^\163[\1-\3]',
}

-- What is wrong with the output of a program that does not encrypt. A guard against a slip in the
-- options (cat, gzip, gpg --sign), not a proof.
local function looks_readable(text, output)
  if output:find(transcript_text.HEAD, 1, true) then
    return 'the chat as it is'
  end
  local step = math.max(1, math.floor(#text / SAMPLES))
  for from = 1, #text, step do
    local sample = text:sub(from, from + SAMPLE - 1)
    if #sample == math.min(SAMPLE, #text) and output:find(sample, 1, true) then
      return 'parts of the chat as they are'
    end
  end
  for kind, pattern in pairs(packed) do
    if output:find(pattern) then
      return 'packed data that anybody can read: ' .. kind
    end
  end
end

--- Encrypts a chat.
---@param text string as transcript_text.encode() gives it
---@param callback fun(err: venice.Error|nil, bytes: string|nil) on the main loop
function M.encrypt(text, callback)
  pass('encrypt', text, M.MAX_FILE, function(err, output)
    local readable = output and looks_readable(text, output)
    if readable then
      local words = 'the program of history.encrypt does not encrypt: it gave ' .. readable
      err = errors.new('config', words, "for example encrypt = { 'age', '-r', 'age1…' }")
    end
    callback(err, not err and output or nil)
  end)
end

--- Decrypts a chat.
---@param bytes string
---@param callback fun(err: venice.Error|nil, text: string|nil) on the main loop
function M.decrypt(bytes, callback)
  pass('decrypt', bytes, transcript_text.MAX_BYTES, callback)
end

return M
