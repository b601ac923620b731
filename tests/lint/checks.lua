-- The table of checks (csrc/attest/checks.def) held against what stands elsewhere:
--   * `:help venice-checks` has each check in its order, with its kind, and a sentence of its own;
--   * `:help venice-reasons` lists the reasons;
--   * a reason that the sources give to a check is one of its row, and each of a row is given.
-- Prints what is wrong, or nothing. With VENICE_WRITE=1 it writes headings and reasons into the
-- help; the sentences stay. Run by tests/lint/checks.sh, in Neovim because there is a LuaJIT in it.

local HELP, TABLE = 'doc/venice.txt', 'csrc/attest/checks.def'
local WIDTH = 78

local findings = {}

local function finding(...)
  findings[#findings + 1] = string.format(...)
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read('*a')
  file:close()
  return text
end

-- The table ---------------------------------------------------------------------------------------

local order = { 'binding', 'tdx', 'code', 'gpu', 'receipt' }
local titles = {
  binding = 'The response and its key',
  tdx = 'The hardware',
  code = 'The code, and a gateway',
  gpu = 'GPUs',
  receipt = 'The signature of an answer',
}

-- The arguments of a call whose opening parenthesis is at `at`, and where it ends.
local function arguments(text, at)
  local list, depth, first, i = {}, 0, at + 1, at
  while i <= #text do
    local char = text:sub(i, i)
    if char == '"' then
      repeat
        i = i + (text:sub(i, i) == '\\' and 2 or 1)
      until text:sub(i, i) == '"' or i > #text
    elseif char:find('[%(%[{]') then
      depth = depth + 1
    elseif char:find('[%)%]}]') then
      depth = depth - 1
    end
    if (char == ',' and depth == 1) or (char == ')' and depth == 0) then
      list[#list + 1] = vim.trim(text:sub(first, i - 1))
      first = i + 1
    end
    if depth == 0 then
      return list, i
    end
    i = i + 1
  end
  return list, i
end

-- Neighbouring literals as one text.
local function literal(argument)
  local parts = {}
  for part in argument:gmatch('"([^"]*)"') do
    parts[#parts + 1] = part
  end
  return table.concat(parts)
end

local function without_comments(text)
  return (text:gsub('/%*.-%*/', ' '))
end

local rows, policies, by_symbol, is_reason = {}, {}, {}, {}

local function read_table()
  local text, at = without_comments(read(TABLE)), 1
  while true do
    local first, last, kind = text:find('(%u+)%(', at)
    if not first then
      return
    end
    local list
    list, at = arguments(text, last)
    if kind == 'CHECK' then
      local row = {
        symbol = list[1],
        id = literal(list[2]),
        section = list[3]:lower(),
        kind = list[4]:lower(),
        reasons = vim.split(literal(list[5]), ' +'),
      }
      rows[#rows + 1] = row
      by_symbol[row.symbol] = row
      for _, reason in ipairs(row.reasons) do
        is_reason[reason] = true
      end
    else
      policies[#policies + 1] = literal(list[1])
    end
  end
end

-- The help ----------------------------------------------------------------------------------------

-- "left" and "*tag*" at both ends of a line.
local function heading(left, tag)
  local blanks = WIDTH - #left - #tag - 2
  return left .. (' '):rep(math.max(blanks, 1)) .. '*' .. tag .. '*'
end

local function tag_of(row)
  return ('venice-%s-%s'):format(row.section == 'receipt' and 'receipt' or 'check', row.id)
end

-- What stands below each heading, by its tag.
local function read_sentences(lines)
  local sentences, tag = {}, nil
  for _, line in ipairs(lines) do
    local found = line:match('^%S+ %(%l+%)%s+%*(venice%-%S+)%*$')
    if found then
      tag = found
      sentences[tag] = {}
    elseif tag and line:find('^        %S') then
      table.insert(sentences[tag], line)
    else
      tag = nil
    end
  end
  return sentences
end

local function check_sentence(row, lines)
  local text = lines and table.concat(lines, ' ') or ''
  if text == '' then
    finding('%s: %s/%s has no sentence below its heading', HELP, row.section, row.id)
  elseif not text:find('%.$') then
    finding('%s: the sentence of %s/%s does not end', HELP, row.section, row.id)
  end
end

local function in_section(name)
  return vim.tbl_filter(function(row)
    return row.section == name
  end, rows)
end

local function make_checks(sentences)
  local lines = {}
  for _, section in ipairs(order) do
    lines[#lines + 1] = heading(titles[section] .. ' ~', 'venice-checks-' .. section)
    for _, row in ipairs(in_section(section)) do
      local tag = tag_of(row)
      check_sentence(row, sentences[tag])
      lines[#lines + 1] = heading(('%s (%s)'):format(row.id, row.kind), tag)
      vim.list_extend(lines, sentences[tag] or {})
    end
    lines[#lines + 1] = ''
  end
  return lines
end

-- Words in lines of code.
local function wrap(words)
  local lines, line = {}, '   '
  for _, word in ipairs(words) do
    if #line + 1 + #word > WIDTH then
      lines[#lines + 1] = line
      line = '   '
    end
    line = line .. ' ' .. word
  end
  lines[#lines + 1] = line
  return lines
end

local function make_reasons()
  local lines = {}
  local function add(title, words)
    lines[#lines + 1] = title .. ': >'
    vim.list_extend(lines, wrap(words))
    lines[#lines + 1] = '<'
  end
  for _, section in ipairs(order) do
    local words, seen = {}, {}
    for _, row in ipairs(in_section(section)) do
      for _, reason in ipairs(row.reasons) do
        if not seen[reason] then
          seen[reason] = true
          words[#words + 1] = reason
        end
      end
    end
    add(titles[section], words)
  end
  add('Your policy', policies)
  return lines
end

-- The numbers of the first line that matches, and of the next one that matches `stop`.
local function find_part(lines, start, stop)
  local first
  for number, line in ipairs(lines) do
    if not first and line:find(start) then
      first = number
    elseif first and line:find(stop) then
      return first, number
    end
  end
  error(('%s: no part from %s to %s'):format(HELP, start, stop))
end

-- Replaces the part by `new`; says where it was another one.
local function put(lines, first, stop, new, what)
  local before, after = {}, {}
  for number, line in ipairs(lines) do
    if number < first then
      before[#before + 1] = line
    elseif number >= stop then
      after[#after + 1] = line
    end
  end
  for i = 1, math.max(#new, stop - first) do
    local there = first + i - 1 < stop and lines[first + i - 1] or nil
    if there ~= new[i] then
      finding(
        '%s:%d: the %s are others than in %s (bash tests/lint/checks.sh --write): %s',
        HELP,
        first + i - 1,
        what,
        TABLE,
        new[i] or 'one more: ' .. there
      )
      break
    end
  end
  vim.list_extend(before, new)
  return vim.list_extend(before, after)
end

local function hold_help()
  local lines = vim.split(read(HELP), '\n', true)
  local first, stop = find_part(lines, '%*venice%-checks%-binding%*$', '%*venice%-reasons%*$')
  local sentences = read_sentences(lines)
  local is_tag = {}
  for _, row in ipairs(rows) do
    is_tag[tag_of(row)] = true
  end
  for tag in pairs(sentences) do
    if not is_tag[tag] then
      finding('%s: %s is no check', HELP, tag)
    end
  end
  lines = put(lines, first, stop, make_checks(sentences), 'checks')
  local _, reasons = find_part(lines, '%*venice%-reasons%*$', '^' .. titles.binding .. ': >$')
  _, stop = find_part(lines, '%*venice%-reasons%*$', '^====')
  lines = put(lines, reasons, stop, make_reasons(), 'reasons')
  if vim.env.VENICE_WRITE then
    local file = assert(io.open(HELP, 'w'))
    file:write(table.concat(lines, '\n'))
    file:close()
  end
end

-- The sources -------------------------------------------------------------------------------------

-- What a call compares is in the parentheses of other calls; reasons go through these two.
local passes_reasons = { dcap_reason = true, dcap_time_fault = true }

local function without_calls(argument)
  return (
    argument:gsub('([%w_]+)%s*(%b())', function(name, inner)
      return passes_reasons[name] and inner or ''
    end)
  )
end

-- Codes in an argument: not a sentence, not the name of a member that is read.
local function codes(argument)
  local list = {}
  for word in without_calls(argument):gmatch('"([%l][%l%d_]+)"') do
    list[#list + 1] = word
  end
  return list
end

-- check(x, CHECK_Y, ok, "reason", …) and dcap_check(d, CHECK_Y, reason, …): the reason is in one of
-- the two arguments behind the check.
local function hold_calls(path, text)
  local at = 1
  while true do
    local first, last = text:find('[%w_]+%(', at)
    if not first then
      return
    end
    at = last + 1
    local list = arguments(text, last)
    for i, argument in ipairs(list) do
      local row = by_symbol[argument:match('^CHECK_([%u%d_]+)$') or '']
      for k = i + 1, row and math.min(i + 2, #list) or 0 do
        for _, code in ipairs(codes(list[k])) do
          if not vim.tbl_contains(row.reasons, code) then
            finding('%s: %s is no reason of %s', path, code, row.symbol)
          end
        end
      end
    end
  end
end

local function hold_sources()
  local given = {}
  for _, path in ipairs(vim.fn.glob('csrc/**/*.[ch]', false, true)) do
    local text = without_comments(read(path))
    for word in text:gmatch('"([%l][%l%d_]+)"') do
      given[word] = true
    end
    if path:find('^csrc/attest/') then
      hold_calls(path, text)
    end
    for code in text:gmatch('report_policy_refusal%([^,()]+,%s*"([^"]+)"%)') do
      if not vim.tbl_contains(policies, code) then
        finding('%s: %s is no refusal of the policy', path, code)
      end
    end
  end
  for code in pairs(is_reason) do
    -- Claims of NVIDIA's service: the code is made of the claim's name.
    if not given[code] and not code:find('^nras_') then
      finding('%s: nobody gives the reason %s', TABLE, code)
    end
  end
end

local ok, err = pcall(function()
  read_table()
  assert(#rows > 100 and #policies > 3, 'the table could not be read')
  hold_help()
  hold_sources()
end)
if not ok then
  findings[#findings + 1] = tostring(err)
end
if vim.env.VENICE_WRITE then
  findings = vim.tbl_filter(function(text)
    return not text:find('checks.sh --write', 1, true)
  end, findings)
end
for _, text in ipairs(findings) do
  io.stdout:write(text, '\n')
end
vim.cmd(#findings == 0 and 'qall!' or 'cquit 1')
