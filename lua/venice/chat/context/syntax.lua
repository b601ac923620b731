-- Where a prompt speaks of a source: #buffer, #file:path and their like, as positions in a text.
--
-- A mention is a whole word outside of code: what stands in a fenced block or in `inline code` is
-- text. That also keeps what was put in for a mention from being read as a prompt.

local fences = require('venice.chat.fences')

local M = {}

---@class venice.Mention
---@field kind 'buffer'|'file'|'diagnostics'|'diff'|'quickfix'
---@field argument string|nil what stands behind the colon, without quotes
---@field raw string as it is written
---@field first integer position of the # in the text
---@field last integer position of its last byte
---@field row integer its line in the text, from 0
---@field col integer byte in the line, from 0
---@field end_col integer the byte behind it
---@field problem string|nil why it cannot mean anything

local kinds = { buffer = true, file = true, diagnostics = true, diff = true, quickfix = true }

-- The line with its inline code blotted out by as many backticks. A run of backticks ends with the
-- next one of its length.
local function without_code(line)
  local runs, next_of = {}, {}
  for first, run in line:gmatch('()(`+)') do
    runs[#runs + 1] = { first = first, length = #run }
  end
  for i = #runs, 1, -1 do
    runs[i].closing = next_of[runs[i].length]
    next_of[runs[i].length] = runs[i]
  end
  local parts, at = {}, 1
  for _, run in ipairs(runs) do
    if run.first >= at and run.closing then
      local behind = run.closing.first + run.length
      parts[#parts + 1] = line:sub(at, run.first - 1) .. ('`'):rep(behind - run.first)
      at = behind
    end
  end
  return table.concat(parts) .. line:sub(at)
end

-- Words -------------------------------------------------------------------------------------------

--- Whether a mention may begin behind this byte: after white space, an opening bracket, a quote and
--- the like. Text in scripts that put no space between words goes too.
---@param before string one byte, or '' at the beginning of a line
---@return boolean
function M.may_begin(before)
  return before == '' or before:find('^[%s%(%[{<"\',;:!?*|\128-\255]') ~= nil
end

-- #bufferx, #buffer_x and #buffer.lua are other words; the point of a sentence ends one.
local function goes_on(rest)
  return rest:find('^[%w_]') or rest:find('^[-./][%w_]')
end

local brackets = { [')'] = '(', [']'] = '[', ['}'] = '{', ['>'] = '<' }

-- An argument without the punctuation of the sentence around it: (see #file:a.lua).
local function trim(word)
  local last, opened = #word, {}
  while last > 0 do
    local char = word:sub(last, last)
    local opening = brackets[char]
    if opening and opened[opening] == nil then
      opened[opening] = word:find(opening, 1, true) ~= nil
    end
    if opening and opened[opening] or not opening and not char:find('[.,;:!?\'"]') then
      break
    end
    last = last - 1
  end
  return word:sub(1, last)
end

-- What stands behind the colon at `at`: the argument, where it ends, why there is none.
local function argument_at(line, at)
  if line:sub(at + 1, at + 1) == '"' then
    local close = line:find('"', at + 2, true)
    if close then
      return line:sub(at + 2, close - 1), close
    end
    return nil, #line, 'has a quote that does not end'
  end
  local word = trim(line:match('^[^%s`]*', at + 1))
  if word ~= '' then
    return word, at + #word
  end
end

-- The mention of a kind whose name ends at `stop`; nil where it is another word.
local function mention_at(line, kind, start, stop)
  local mention = { kind = kind, col = start - 1, end_col = stop }
  if line:sub(stop + 1, stop + 1) == ':' then
    local argument, last, problem = argument_at(line, stop + 1)
    mention.argument, mention.problem = argument, problem
    mention.end_col = last or stop
  elseif goes_on(line:sub(stop + 1, stop + 2)) then
    return nil
  end
  if kind == 'file' and not mention.argument and not mention.problem then
    -- #file alone is a word like any other; with a colon a path was meant.
    if line:sub(stop + 1, stop + 1) ~= ':' then
      return nil
    end
    mention.problem = 'names no file'
    mention.end_col = stop + 1
  end
  mention.raw = line:sub(start, mention.end_col)
  return mention
end

local function scan_line(line, add)
  if not line:find('#%l') then
    return
  end
  local bare, at = without_code(line), 1
  while true do
    local start, stop, word = bare:find('#(%l+)', at)
    if not start then
      return
    end
    at = stop + 1
    if kinds[word] and M.may_begin(bare:sub(start - 1, start - 1)) then
      local mention = mention_at(bare, word, start, stop)
      if mention then
        at = mention.end_col + 1
        add(mention)
      end
    end
  end
end

-- Most texts have none, which is told much faster than where code is.
local function may_have_some(text)
  for kind in pairs(kinds) do
    if text:find('#' .. kind, 1, true) then
      return true
    end
  end
  return false
end

--- The mentions in a text, in their order.
---@param text string
---@return venice.Mention[]
function M.find(text)
  local found = {}
  if not may_have_some(text) then
    return found
  end
  local lines = vim.split(text, '\n', { plain = true })
  local blocks, at, position = fences.find(lines), 1, 1
  for i, line in ipairs(lines) do
    if blocks[at] and i > blocks[at].last then
      at = at + 1
    end
    if not blocks[at] or i < blocks[at].first then
      scan_line(line, function(mention)
        mention.row = i - 1
        mention.first = position + mention.col
        mention.last = position + mention.end_col - 1
        found[#found + 1] = mention
      end)
    end
    position = position + #line + 1
  end
  return found
end

--- The fence that a text opens and does not close: what is put below it would be a part of the
--- code.
---@param text string
---@return string|nil the line that closes it
function M.open_fence(text)
  local lines = vim.split(text, '\n', { plain = true })
  local blocks = fences.find(lines)
  local last = blocks[#blocks]
  if last and not last.closed then
    local opening = lines[last.first]
    return opening:match(opening:match('[`~]') .. '+')
  end
end

return M
