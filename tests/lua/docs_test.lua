-- The help says what there is, and no more: options, commands, keys, errors, events, functions.

local child = require('tests.lua.child')

local root = child.root
local help = child.read(root .. '/doc/venice.txt')

-- The tags as :helptags finds them; it raises where one stands twice.
local function make_tags()
  local dir = child.tempdir()
  child.write(dir .. '/venice.txt', help)
  vim.cmd('helptags ' .. vim.fn.fnameescape(dir))
  local tags = {}
  for line in io.lines(dir .. '/tags') do
    tags[line:match('^[^\t]+')] = true
  end
  return tags
end

-- The text from a tag to the next line of `====`.
local function section(tag)
  local first = assert(help:find('*' .. tag .. '*', 1, true), 'no section ' .. tag)
  return help:sub(first, (help:find('\n====', first, true)))
end

-- The lines that are not code.
local function prose()
  local lines, is_code = {}, false
  for _, line in ipairs(vim.split(help, '\n', true)) do
    if is_code and line:find('^%S') then
      is_code = false
    end
    lines[#lines + 1] = is_code and '' or line
    is_code = is_code or line:find('^>%l*$') or line:find(' >%l*$')
  end
  return lines
end

-- The blocks of code in a language.
local function blocks(language)
  local list, lines = {}, nil
  for _, line in ipairs(vim.split(help, '\n', true)) do
    if lines and line:find('^%S') then
      list[#list + 1] = table.concat(lines, '\n')
      lines = nil
    elseif lines then
      lines[#lines + 1] = line
    elseif line:find('>' .. language .. '$') then
      lines = {}
    end
  end
  return list
end

local function source_files()
  return vim.fn.glob(root .. '/lua/venice/**/*.lua', false, true)
end

-- Fails with a list of what is missing, all at once.
local function none_missing(missing, what)
  table.sort(missing)
  assert.are.equal(0, #missing, what .. ': ' .. table.concat(missing, '  '))
end

local function all_have_tags(names, format, what)
  local tags, missing = make_tags(), {}
  for _, name in ipairs(names) do
    local tag = format:format(name)
    if not tags[tag] then
      missing[#missing + 1] = tag
    end
  end
  assert.is_true(#names > 0)
  none_missing(missing, what)
end

describe('the help', function()
  it('has tags that stand only once', function()
    assert.is_true(make_tags()['venice.nvim'])
  end)

  it('refers to tags that are there', function()
    local tags, missing, count = make_tags(), {}, 0
    for line in io.lines(vim.env.VIMRUNTIME .. '/doc/tags') do
      tags[line:match('^[^\t]+')] = true
    end
    for _, line in ipairs(prose()) do
      for tag in line:gmatch('|([^%s|*"]+)|') do
        count = count + 1
        if not tags[tag] and not tags[tag .. '()'] then
          missing[#missing + 1] = tag
        end
      end
    end
    assert.is_true(count > 20)
    none_missing(missing, 'no such tags')
  end)

  it('fits a window of 80 columns', function()
    local wide = {}
    for number, line in ipairs(vim.split(help, '\n', true)) do
      if vim.fn.strdisplaywidth(line) > 80 then
        wide[#wide + 1] = tostring(number)
      end
    end
    none_missing(wide, 'lines of more than 80 columns')
  end)

  it('has code that is Lua where it says so, as has the README', function()
    local list = blocks('lua')
    for code in child.read(root .. '/README.md'):gmatch('\n```lua\n(.-)\n```') do
      list[#list + 1] = code
    end
    assert.is_true(#list >= 2)
    for _, code in ipairs(list) do
      -- The entry of a plugin manager's list is a value.
      local chunk, message = loadstring(code)
      chunk = chunk or loadstring('return ' .. code)
      assert.is_truthy(chunk, tostring(message) .. '\n' .. code)
    end
  end)
end)

describe('the help of the options', function()
  local defaults = require('venice.config').defaults()

  -- The table that the help gives to setup().
  local function documented()
    for _, code in ipairs(blocks('lua')) do
      if code:find('base_url', 1, true) then
        local given
        local chunk = setfenv(assert(loadstring(code)), {
          require = function(name)
            assert.are.equal('venice', name)
            return {
              setup = function(opts)
                given = opts
              end,
            }
          end,
        })
        chunk()
        return given, code
      end
    end
    error('the help has no table of defaults')
  end

  local function at(tree, path)
    for name in path:gmatch('[^.]+') do
      tree = type(tree) == 'table' and tree[name] or nil
    end
    return tree
  end

  it('gives the defaults that are in force', function()
    local given, code = documented()
    local wrong = {}
    for path, default in pairs(defaults) do
      local value = at(given, path)
      -- What has no default is shown as nil, and a table that leads to it may be left out.
      local is_there = default ~= vim.NIL
        or code:find('%f[%w_]' .. path:match('[%w_]+$') .. ' = nil')
      if not is_there or not vim.deep_equal(value, default ~= vim.NIL and default or nil) then
        wrong[#wrong + 1] = path
      end
    end
    none_missing(wrong, 'other defaults, or none')
    assert.is_true(pcall(require('venice.config').setup, given), 'the table has other options')
    require('venice.config').setup({})
  end)

  it('has a tag and a paragraph for each', function()
    -- `timeout.connect, timeout.idle   *venice-option-timeout*`; a tag may stand for a whole table.
    local named = {}
    for line in help:gmatch('[^\n]+') do
      local heading, tag = line:match('^(.-)%s*%*venice%-option%-([%w_.]+)%*$')
      if heading then
        named[tag] = true
        for path in heading:gmatch('[%w_.]+') do
          named[path] = true
        end
      end
    end
    local missing = {}
    for path in pairs(defaults) do
      local parent = path:match('^(.*)%.') or ''
      -- The fields of `chat.keymaps` are keys; elsewhere each has to be named.
      if not named[path] and not (parent:find('%.') and named[parent]) then
        missing[#missing + 1] = path
      end
    end
    none_missing(missing, 'options without a tag')
  end)

  it('lists each key of a chat', function()
    local maps = section('venice-maps')
    local listed = {}
    for line in maps:gmatch('\n%s+([^\n]+)') do
      for word in line:gmatch('%S+') do
        listed[word] = true
      end
    end
    local missing = {}
    for path, default in pairs(defaults) do
      if path:find('^chat%.keymaps%.') and not listed[default] then
        missing[#missing + 1] = path .. ' ' .. tostring(default)
      end
    end
    none_missing(missing, 'keys that are not listed')
  end)
end)

describe('the help of the commands', function()
  local subcommands = vim.tbl_keys(require('venice.subcommands'))

  it('has a tag for each', function()
    all_have_tags(subcommands, ':Venice-%s', 'commands without a tag')
    assert.is_true(make_tags()[':VeniceChat'])
  end)

  it('names none that is not there, nor does the README', function()
    local missing = {}
    for _, text in ipairs({ help, child.read(root .. '/README.md') }) do
      for name in text:gmatch(':Venice!? (%l+)') do
        if not vim.tbl_contains(subcommands, name) then
          missing[#missing + 1] = name
        end
      end
    end
    for tag in pairs(make_tags()) do
      local name = tag:match('^:Venice%-(.*)$')
      if name and not vim.tbl_contains(subcommands, name) then
        missing[#missing + 1] = name
      end
    end
    none_missing(missing, 'no such commands')
  end)

  it('has a tag for each map that is there to be mapped', function()
    vim.cmd('runtime plugin/venice.lua')
    local names = {}
    for _, mode in ipairs({ 'n', 'x', 'i' }) do
      for _, map in ipairs(vim.api.nvim_get_keymap(mode)) do
        if map.lhs:find('^<Plug>%(venice%-') and not vim.tbl_contains(names, map.lhs) then
          names[#names + 1] = map.lhs
        end
      end
    end
    all_have_tags(names, '%s', 'maps without a tag')
  end)
end)

describe('the help for other plugins', function()
  local function public(module)
    local names = {}
    for name, value in pairs(require(module)) do
      if type(value) == 'function' and not name:find('^_') then
        names[#names + 1] = name
      end
    end
    return names
  end

  for _, module in ipairs({ 'venice', 'venice.e2ee', 'venice.tools' }) do
    it('has a tag for each function of ' .. module, function()
      all_have_tags(public(module), module .. '.%s()', 'functions without a tag')
    end)
  end

  -- What is written in a call, such as _event('VeniceAttested', …).
  local function written(pattern)
    local found, names = {}, {}
    for _, path in ipairs(source_files()) do
      for name in child.read(path):gmatch(pattern) do
        if not found[name] then
          found[name] = true
          names[#names + 1] = name
        end
      end
    end
    return names
  end

  it('has a tag for each event', function()
    local names = written('event%(%s*[\'"](Venice%w+)')
    assert.is_true(#names >= 3, vim.inspect(names))
    all_have_tags(names, '%s', 'events without a tag')
  end)

  it('has a tag for each highlight group', function()
    -- The rows of the tables that link them.
    local names = written('\n%s+(Venice%u%w+) = ')
    assert.is_true(#names > 10, vim.inspect(names))
    all_have_tags(names, 'hl-%s', 'groups without a tag')
  end)

  it('says what each code of an error means', function()
    local text = section('venice-errors')
    local missing, listed = {}, {}
    -- One line may name several: `connect dns tls timeout    the network, by kind`.
    for line in text:gmatch('\n    (%l[^\n]*)') do
      local words = line:match('^(.-)%s%s') or line
      for word in words:gmatch('[%l_]+') do
        listed[word] = true
      end
    end
    for code in pairs(require('venice.errors').codes) do
      if not listed[code] then
        missing[#missing + 1] = code
      end
    end
    none_missing(missing, 'codes that are not explained')
  end)
end)

describe('the words about trust', function()
  local documents = {
    ['the help'] = help,
    ['SECURITY.md'] = child.read(root .. '/SECURITY.md'),
    ['the README'] = child.read(root .. '/README.md'),
  }

  -- A phrase may go on in the next line.
  local function says(text, phrase)
    return (text:gsub('%s+', ' ')):find(phrase, 1, true) ~= nil
  end

  for name, text in pairs(documents) do
    it('of ' .. name .. ' say what no client can show', function()
      local missing = {}
      for _, phrase in ipairs({
        'memory bus',
        'WireTap, Battering RAM, TEE.fail',
        'OCSP',
        'prompt cache',
        'modelPrivacy',
        'PRIVATE_ONLY',
        'gateway',
      }) do
        if not says(text, phrase) then
          missing[#missing + 1] = phrase
        end
      end
      none_missing(missing, 'not named')
    end)
  end

  it('are the same in the help and in SECURITY.md where it counts', function()
    for _, name in ipairs({ 'the help', 'SECURITY.md' }) do
      for _, phrase in ipairs({
        'proves nothing against a provider that attacks its own hardware',
        'stands behind it shows no evidence',
        'who could lie',
        'enuine hardware, code unknown',
      }) do
        assert.is_true(says(documents[name], phrase), name .. ': ' .. phrase)
      end
    end
  end)

  it('claim of images no more than is known', function()
    local text = section('venice-not')
    assert.is_true(says(text, 'Images ~ This plugin sends none'))
    assert.is_false(says(text, 'images ~ Each sends text'))
  end)

  it('say what the level measured needs, and what an allowlist does', function()
    local levels = help:match('%*venice%-levels%*(.-)\n`verified` means')
    for _, word in ipairs({ 'event log', 'compose hash', 'MRCONFIGID', 'confirmed', 'complete' }) do
      assert.is_truthy(levels:find(word, 1, true), word)
    end
    local option = help:match('%*venice%-option%-verify%.measurements%*(.-)\n\n')
    for _, word in ipairs({ 'mrtd', 'rtmr1', 'rtmr2', 'compose_hash', 'complete', 'not raise' }) do
      assert.is_truthy(option:find(word, 1, true), word)
    end
  end)
end)

describe('doc/CONTRIBUTING.md', function()
  it('names tests that there are, for each complaint', function()
    local text, missing, count = child.read(root .. '/doc/CONTRIBUTING.md'), {}, 0
    for file, title in text:gmatch('| `([%w_]+_test)` ([^|\n]-) |\n') do
      count = count + 1
      local source = child.read(('%s/tests/lua/%s.lua'):format(root, file))
      if not source:find("it('" .. title, 1, true) then
        missing[#missing + 1] = file .. ': ' .. title
      end
    end
    -- C tests are named by their functions.
    for file, title in text:gmatch('| `(test_[%w_]+)` ([%w_]+) |\n') do
      count = count + 1
      local source = child.read(('%s/tests/c/%s.c'):format(root, file))
      if not source:find('static void ' .. title .. '(', 1, true) then
        missing[#missing + 1] = file .. ': ' .. title
      end
    end
    for number = 1, 15 do
      assert.is_truthy(text:find(('\n| %d. '):format(number), 1, true), number)
    end
    assert.is_true(count >= 70, count)
    none_missing(missing, 'tests that are not there')
  end)
end)
