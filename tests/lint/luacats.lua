-- The comments of public functions, held against the code: every `function M.x` and `function C:x`
-- says what it does, names each of its parameters and says what it returns; every type of ours that
-- a comment names is there, once. What is called `_x` may be silent. Prints what is wrong, or
-- nothing. Run by tests/lint/docs.sh, in Neovim because there is a LuaJIT in it.

-- A file as words ---------------------------------------------------------------------------------

-- Where a long string or comment that begins at `at` ends, or nil.
local function long_end(text, at)
  local equals = text:match('^%[(=*)%[', at)
  if equals then
    local _, stop = text:find(']' .. equals .. ']', at, true)
    return stop or #text
  end
end

local function quoted_end(text, at)
  local quote, stop = text:sub(at, at), at + 1
  while stop < #text and text:sub(stop, stop) ~= quote do
    stop = stop + (text:sub(stop, stop) == '\\' and 2 or 1)
  end
  return stop
end

-- The word at `at` and where it ends; no word where there is a comment or a blank.
local function word_at(text, at)
  if text:find('^%-%-', at) then
    return nil, long_end(text, at + 2) or (text:find('\n', at, true) or #text + 1) - 1
  elseif text:find('^%s', at) then
    return nil, at
  elseif text:find('^[\'"]', at) then
    return "''", quoted_end(text, at)
  elseif long_end(text, at) then
    return "''", long_end(text, at)
  end
  local _, stop = text:find('^[%w_]+', at)
  stop = stop or select(2, text:find('^%.%.%.', at)) or at
  return text:sub(at, stop), stop
end

local function words_of(text)
  local words, at, line = {}, 1, 1
  while at <= #text do
    local word, stop = word_at(text, at)
    if word then
      words[#words + 1] = { text = word, line = line }
    end
    line = line + select(2, text:sub(at, stop):gsub('\n', ''))
    at = stop + 1
  end
  return words
end

-- Public functions --------------------------------------------------------------------------------

local opens = { ['function'] = true, ['do'] = true, ['then'] = true, ['repeat'] = true }
-- The `then` of an `elseif` takes the place of the one before it.
local closes = { ['end'] = true, ['until'] = true, ['elseif'] = true }
local ends_return = { ['end'] = true, ['else'] = true, ['elseif'] = true, ['until'] = true }

local no_call = { ['function'] = true, ['and'] = true, ['or'] = true, ['not'] = true }

-- Whether what is returned at `at` is a call and nothing else: `return notice('no such file')`.
local function is_call(words, at)
  local depth, calls = 0, false
  while words[at] and not (depth == 0 and ends_return[words[at].text]) do
    local text = words[at].text
    if depth == 0 and (no_call[text] or not text:find('^[%w_.:(]')) then
      return false
    end
    depth = depth + (text == '(' and 1 or 0) - (text == ')' and 1 or 0)
    calls = depth == 0 and text == ')'
    at = at + 1
  end
  return calls
end

-- Whether the function whose body begins at `at` returns a value itself: 'yes', nothing, or 'maybe'
-- where it leaves early with a call.
local function returned(words, at)
  local stack, functions, result = { 'function' }, 1, nil
  while words[at] and #stack > 0 do
    local text = words[at].text
    if opens[text] then
      stack[#stack + 1] = text
      functions = functions + (text == 'function' and 1 or 0)
    elseif closes[text] then
      functions = functions - (table.remove(stack) == 'function' and 1 or 0)
    elseif text == 'return' and functions == 1 and not ends_return[words[at + 1].text] then
      if #stack == 1 or not is_call(words, at + 1) then
        return 'yes'
      end
      result = 'maybe'
    end
    at = at + 1
  end
  return result
end

local function parameters(words, at)
  local names = {}
  while words[at] and words[at].text ~= ')' do
    if words[at].text ~= ',' then
      names[#names + 1] = words[at].text
    end
    at = at + 1
  end
  return names, at + 1
end

-- `function M.x(` and `function C:x(` begin a line: stylua sees to it. A table in lower case is one
-- of the file's own.
local function public_functions(text, lines)
  local found, words = {}, words_of(text)
  for i, word in ipairs(words) do
    if word.text == 'function' and lines[word.line]:find('^function %u[%w_]*[.:]') then
      local at = i + 1
      while words[at].text ~= '(' do
        at = at + 1
      end
      local names, body = parameters(words, at + 1)
      found[#found + 1] = {
        name = lines[word.line]:match('^function ([%w_.:]+)'),
        line = word.line,
        parameters = names,
        returns = returned(words, body),
      }
    end
  end
  return found
end

-- Comments ----------------------------------------------------------------------------------------

local function comment_above(lines, line)
  local comment = { parameters = {} }
  local first = line
  while lines[first - 1] and lines[first - 1]:find('^%-%-') do
    first = first - 1
  end
  for i = first, line - 1 do
    local tag, rest = lines[i]:match('^%-%-%-%s*@(%a+)%s*(.*)')
    if tag == 'param' then
      table.insert(comment.parameters, (rest:match('^[%w_.]+')))
    elseif tag == 'return' then
      comment.returns = true
    elseif not tag and lines[i]:find('^%-%-%-%s*%S') then
      comment.says = true
    end
  end
  return comment
end

local findings = {}

local function check_function(path, lines, item)
  local comment = comment_above(lines, item.line)
  local is_private = item.name:find('[.:]_[%w_]*$')
  local function wrong(what)
    findings[#findings + 1] = ('%s:%d: %s %s'):format(path, item.line, item.name, what)
  end
  if not comment.says and not is_private then
    wrong('has no description')
  end
  for _, name in ipairs(comment.parameters) do
    if not vim.tbl_contains(item.parameters, name) then
      wrong('has no parameter ' .. name)
    end
  end
  local at = 0
  for _, name in ipairs(item.parameters) do
    if vim.tbl_contains(comment.parameters, name) then
      local place = vim.fn.index(comment.parameters, name)
      if place < at then
        wrong('says its parameters in another order')
      end
      at = place
    elseif name:sub(1, 1) ~= '_' and not is_private then
      wrong('says nothing of its parameter ' .. name)
    end
  end
  if item.returns == 'yes' and not comment.returns and not is_private then
    wrong('does not say what it returns')
  elseif comment.returns and not item.returns then
    wrong('returns nothing, and says that it does')
  end
end

-- Types -------------------------------------------------------------------------------------------

local defined, used = {}, {}

local function note_types(path, lines)
  for number, line in ipairs(lines) do
    local tag, rest = line:match('^%s*%-%-%-%s*@(%a+)%s*(.*)')
    if tag == 'class' or tag == 'alias' then
      local name, where = rest:match('^[%w_.]+'), path .. ':' .. number
      if defined[name] then
        findings[#findings + 1] = ('%s: %s is there already: %s'):format(where, name, defined[name])
      end
      defined[name] = where
      rest = rest:match(':(.*)') or ''
    end
    -- A module may be named in the words behind a type; it is in lower case to its end.
    if tag and tag ~= 'see' then
      local types = tag == 'return' and rest or rest:gsub('^%S+%s*', '', 1)
      for name in types:gmatch('%f[%w_.]venice%.[%w_.]*[%w_]') do
        if name:find('%.%u%w*$') then
          used[#used + 1] = { name = name, where = path .. ':' .. number }
        end
      end
    end
  end
end

for path in vim.env.VENICE_FILES:gmatch('%S+') do
  local file = assert(io.open(path))
  local text = file:read('*a')
  file:close()
  local lines = vim.split(text, '\n', true)
  for _, item in ipairs(public_functions(text, lines)) do
    check_function(path, lines, item)
  end
  note_types(path, lines)
end
for _, use in ipairs(used) do
  if not defined[use.name] then
    findings[#findings + 1] = ('%s: no class %s is there'):format(use.where, use.name)
  end
end
for _, finding in ipairs(findings) do
  io.stdout:write(finding, '\n')
end
vim.cmd('qall!')
