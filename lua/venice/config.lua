-- The options of setup(): one table says what there is, its default and what it takes.

local check = require('venice.config_checks')
local compat = require('venice.compat')

local M = {}

-- What there is ----------------------------------------------------------------------------------

local Leaf = {}

local function leaf(default, test)
  return setmetatable({ default = default, check = test }, Leaf)
end

-- Level `dcap` needs Intel's collateral; without it the quote's signature is not verified.
local DCAP_DEFAULT = 'require'

local schema = {
  model = leaf(nil, check.text),
  base_url = leaf('https://api.venice.ai', check.url),
  api_key = leaf({ env = 'VENICE_API_KEY' }, check.api_key),
  session_ttl = leaf(1800, check.seconds),
  timeout = { connect = leaf(15, check.seconds), idle = leaf(120, check.seconds) },
  tls_ca = leaf(nil, check.file_path),
  verify = {
    attestation = leaf(true, check.boolean),
    plaintext_whitespace = leaf('mark', check.one_of('mark', 'refuse')),
    dcap = leaf(DCAP_DEFAULT, check.one_of('require', 'off')),
    accept_tcb = leaf({
      'UpToDate',
      'SWHardeningNeeded',
      'ConfigurationNeeded',
      'ConfigurationAndSWHardeningNeeded',
    }, check.accept_tcb),
    tcb_grace_days = leaf(0, check.whole_between(0, 3650, 'a whole number of days from 0 to 3650')),
    gpu = leaf('auto', check.one_of('require', 'auto', 'off')),
    nras = leaf(false, check.nras),
    gpu_root_ca = leaf(nil, check.file_path),
    measurements = leaf(nil, check.measurements),
    custody = leaf(nil, check.custody),
    pin = leaf('ask', check.one_of('ask', 'strict', 'off')),
    receipt = leaf(true, check.boolean),
    collateral_url = leaf('https://api.trustedservices.intel.com', check.url),
    root_ca = leaf(nil, check.file_path),
  },
  chat = {
    window = leaf('vsplit', check.one_of('vsplit', 'split', 'float', 'tab', 'current')),
    size = leaf(0.4, check.number_between(0.05, 1000, 'a part (0.4) or a number of cells')),
    system_prompt = leaf(nil, check.text_or_function),
    reasoning = leaf('fold', check.one_of('fold', 'show', 'hide')),
    keymaps = {
      send = leaf('<CR>', check.keymap),
      send_insert = leaf('<C-s>', check.keymap),
      stop = leaf('<C-c>', check.keymap),
      hide = leaf('q', check.keymap),
      retry = leaf('gr', check.keymap),
      go_on = leaf('gR', check.keymap),
      attest = leaf('ga', check.keymap),
      context = leaf('gs', check.keymap),
      next_code = leaf(']c', check.keymap),
      previous_code = leaf('[c', check.keymap),
      yank_code = leaf('gy', check.keymap),
      apply_code = leaf('gA', check.keymap),
      help = leaf('?', check.keymap),
    },
  },
  prompts = { dir = leaf(nil, check.text) },
  context = {
    max_tokens = leaf(16000, check.number_between(1, 1e8, 'a number of tokens')),
  },
  tools = leaf(nil, check.tools),
  history = { encrypt = leaf(nil, check.argv), decrypt = leaf(nil, check.argv) },
}

-- Reading a user's table -------------------------------------------------------------------------

local function edit_distance(a, b)
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local diagonal
    diagonal, row[0] = row[0], i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      diagonal, row[j] = row[j], math.min(row[j] + 1, row[j - 1] + 1, diagonal + cost)
    end
  end
  return row[#b]
end

local function walk(branch, prefix, visit)
  for name, field in pairs(branch) do
    visit(prefix .. name, name, field)
    if getmetatable(field) ~= Leaf then
      walk(field, prefix .. name .. '.', visit)
    end
  end
end

-- sessionTTL, session-ttl and session_ttl are the same word.
local function bare(name)
  return (name:lower():gsub('[_-]', ''))
end

-- A field that was meant: of a similar name, or of the same name in another place.
-- Among `names`, where it is no option but a name inside the value of one.
local function nearest(path, names)
  local word = bare(path:match('[^.]*$'))
  local best, best_distance
  local tree = schema
  if names then
    tree = {}
    for _, name in ipairs(names) do
      tree[name] = leaf()
    end
  end
  walk(tree, '', function(known, name)
    local whole = edit_distance(bare(path), bare(known))
    local distance = math.min(whole, edit_distance(word, bare(name)) + 0.5)
    if not best or distance < best_distance or (distance == best_distance and known < best) then
      best, best_distance = known, distance
    end
  end)
  return best_distance <= math.max(2.5, #word / 3) and best or nil
end

local function show(value)
  if type(value) == 'string' then
    return "'" .. require('venice.errors').printable(value:sub(1, 60)) .. "'"
  elseif type(value) == 'number' or type(value) == 'boolean' then
    return tostring(value)
  end
  return 'a ' .. type(value)
end

local function fail(where, sentence, hint)
  error(('venice: %s: %s%s'):format(where, sentence, hint and '\nhint: ' .. hint or ''), 0)
end

local function read(where, branch, given, prefix)
  if given ~= nil and type(given) ~= 'table' then
    local name = prefix == '' and 'the options' or prefix:sub(1, -2)
    fail(where, ('%s must be a table, not %s'):format(name, show(given)))
  end
  given = given or {}
  for name in pairs(given) do
    if type(name) ~= 'string' or branch[name] == nil then
      local path = prefix .. tostring(name)
      local meant = nearest(path)
      fail(where, 'there is no option ' .. path, meant and 'did you mean ' .. meant .. '?')
    end
  end
  local result = {}
  for name, field in pairs(branch) do
    local value, path = given[name], prefix .. name
    if getmetatable(field) ~= Leaf then
      result[name] = read(where, field, value, path .. '.')
    elseif value == nil then
      result[name] = vim.deepcopy(field.default)
    else
      local expected, unknown = field.check(value)
      if unknown then
        local meant = nearest(unknown.name, unknown.names)
        local all = path .. ' takes ' .. table.concat(unknown.names, ', ')
        fail(
          where,
          ('%s: %s'):format(path, expected),
          meant and ('did you mean %s?'):format(meant) or all
        )
      elseif expected then
        -- What stands in place of a key source may be the key: it is not shown.
        local found = name == 'api_key' and '' or (', not ' .. show(value))
        fail(where, ('%s must be %s%s'):format(path, expected, found))
      end
      result[name] = vim.deepcopy(value)
    end
  end
  return result
end

-- People write the address in several ways; /api/v1 is added by the library.
local function finish(options)
  options.base_url = options.base_url:gsub('/+$', ''):gsub('/api/v1$', '')
  return options
end

-- The options in force ---------------------------------------------------------------------------

local current
local frozen_attestation
local refusal -- the text of the last setup(), where it raised

--- Counts the calls of setup(), so that others see that options may have changed.
M.generation = 0

local function checked(opts)
  local options = finish(read('setup', schema, opts, ''))
  if frozen_attestation ~= nil and options.verify.attestation ~= frozen_attestation then
    fail(
      'setup',
      'verify.attestation is read once, at first use, and was ' .. tostring(frozen_attestation),
      'set it in the first call of setup() and restart Neovim'
    )
  end
  return options
end

--- Takes the user's options, from the defaults each time. Raises with the name of what is wrong,
--- and then nothing runs before a call that is right: not with the defaults, which the user did not
--- want, nor with the options of an earlier call.
---@param opts table|nil
function M.setup(opts)
  local ok, options = pcall(checked, opts)
  if not ok then
    refusal = tostring(options)
    error(options, 0)
  end
  current, refusal = options, nil
  M.generation = M.generation + 1
end

--- Why nothing may run: the last call of setup() was refused. Says which option is wrong.
---@return venice.Error|nil
function M.failure()
  if not refusal then
    return nil
  end
  local sentence, hint = refusal:match('^(.-)\nhint: (.*)$')
  sentence = (sentence or refusal):gsub('^venice: setup: ', '')
  local way = 'mend the call of setup(), then run it again or restart Neovim'
  return require('venice.errors').new(
    'config',
    'nothing runs, because setup() was refused: ' .. sentence,
    hint and hint .. (hint:find('%?$') and ' ' or '; ') .. way or way
  )
end

--- The options of the last setup() that was right, or the defaults: for what is drawn, and for what
--- runs already. A new use asks get().
---@return table
function M.last_good()
  current = current or finish(read('setup', schema, nil, ''))
  return current
end

--- The options in force. Not to be changed. Raises where the last setup() was refused.
---@return table
function M.get()
  local failure = M.failure()
  if failure then
    error(require('venice.errors').format(failure), 0)
  end
  return M.last_good()
end

--- Called at first use: from here on verify.attestation stays what it is.
---@return table
function M.freeze()
  local options = M.get()
  frozen_attestation = options.verify.attestation
  return options
end

-- The part of the options that a client of its own takes.
local client_fields = { 'base_url', 'api_key', 'session_ttl', 'timeout', 'tls_ca', 'verify' }

--- Options of e2ee.new(): as in setup(), with nothing inherited from it. Raises.
---@param opts table|nil
---@return table
function M.client_options(opts)
  local branch = {}
  for _, name in ipairs(client_fields) do
    branch[name] = schema[name]
  end
  if type(opts) == 'table' and type(opts.verify) == 'table' and opts.verify.attestation ~= nil then
    fail('e2ee.new', 'verify.attestation is an option of setup() only')
  end
  return finish(read('e2ee.new', branch, opts, ''))
end

--- The `policy` of e2ee.verify_*: the fields of `verify`. Raises.
---@param where string
---@param policy table|nil
---@return table
function M.verify_options(where, policy)
  return read(where, schema.verify, policy, 'policy.')
end

-- The policy for C -------------------------------------------------------------------------------

--- A path of the user's as a whole one, with a leading `~` resolved. (expand() would run what is
--- in backticks.)
---@param path string
---@return string
function M.expand(path)
  path = path:gsub('^~/', (vim.env.HOME or '~') .. '/')
  return path:sub(1, 1) == '/' and path or compat.uv.cwd() .. '/' .. path
end

--- `verify` as the client in C takes it: whole paths, lists of hex in lower case.
---@param verify table
---@return table
function M.policy(verify)
  local policy = vim.deepcopy(verify)
  for _, option in ipairs({ 'measurements', 'custody' }) do
    for _, values in pairs(policy[option] or {}) do
      for i, hex in ipairs(values) do
        values[i] = hex:lower()
      end
    end
  end
  for _, name in ipairs({ 'root_ca', 'gpu_root_ca' }) do
    policy[name] = policy[name] and M.expand(policy[name])
  end
  return policy
end

--- The text of a root certificate that an option names.
---@param verify table
---@param name string 'root_ca' or 'gpu_root_ca'
---@return string|nil pem nil without an error where the option is not set
---@return venice.Error|nil
function M.root_pem(verify, name)
  local path = verify[name]
  if not path then
    return nil
  end
  local file = io.open(M.expand(path), 'rb')
  local pem = file and file:read(1048576)
  if file then
    file:close()
  end
  if not pem or not pem:find('-----BEGIN CERTIFICATE-----', 1, true) then
    local errors = require('venice.errors')
    local what = pem and 'holds no certificate in PEM' or 'cannot be read'
    local option = 'verify.' .. name
    return nil, errors.new('config', ('%s: %s %s'):format(option, path, what), 'check ' .. option)
  end
  return pem
end

--- Every option with its default, for :checkhealth and the test of the help text.
---@return table<string, any> default by path; vim.NIL where there is none
function M.defaults()
  local list = {}
  walk(schema, '', function(path, _, field)
    if getmetatable(field) == Leaf then
      list[path] = field.default == nil and vim.NIL or vim.deepcopy(field.default)
    end
  end)
  return list
end

return M
