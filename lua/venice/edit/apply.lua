-- A code block of a chat goes into a file: where to is asked where more than one place makes sense,
-- then it is shown as a diff.

local anchors = require('venice.edit.anchor')
local errors = require('venice.errors')
local fence = require('venice.edit.fence')
local hunks = require('venice.edit.hunks')

local api, fn = vim.api, vim.fn
local M = {}

---@class venice.ApplyPlace
---@field buf integer
---@field first integer 1-based
---@field last integer
---@field words string why this place
---@field fits boolean|nil the block takes the place of lines that are like it

local function get_lines(buf)
  return hunks.plain(api.nvim_buf_get_lines(buf, 0, -1, false))
end

local function is_empty(lines)
  return #lines == 1 and lines[1] == ''
end

-- Candidates --------------------------------------------------------------------------------------

-- 'path:first-last', as it stands above a selection in a prompt.
local function parse_hint(hint)
  if type(hint) ~= 'string' then
    return hint
  end
  local path, first, last = hint:match('^(.+):(%d+)%-(%d+)$')
  if path then
    -- A path with backticks or the like in it stands as inline code.
    path = path:match('^`+ ?(.-) ?`+$') or path
    return { path = path, first = tonumber(first), last = tonumber(last) }
  end
end

local function find_buffer(path)
  local context = require('venice.chat.context')
  for _, buf in ipairs(api.nvim_list_bufs()) do
    local is_file = api.nvim_buf_is_loaded(buf) and vim.bo[buf].buftype == ''
    if is_file and context.path_of(buf) == path then
      return buf
    end
  end
end

local function edges(lines)
  local trimmed = fence.trim(lines)
  return trimmed[1], trimmed[#trimmed], #trimmed
end

-- The part of a text that begins and ends as a block does, in its own indentation; where a text has
-- two such beginnings there is no telling.
local function find_region(lines, block)
  local head, tail, count = edges(block)
  if count < 2 then
    return nil
  end
  local function bare(line)
    return (line:gsub('^%s+', ''))
  end
  local first
  for i, line in ipairs(lines) do
    if bare(line) == bare(head) then
      if first then
        return nil
      end
      first = i
    end
  end
  if not first then
    return nil
  end
  -- The block may stand further to the left, or to the right, than the text.
  local own, there = head:match('^%s*'), lines[first]:match('^%s*')
  local wanted = tail
  if there:sub(1, #own) == own then
    wanted = there:sub(#own + 1) .. tail
  elseif own:sub(1, #there) == there then
    wanted = tail:sub(#own - #there + 1)
  end
  for i = first + 1, #lines do
    if lines[i] == wanted then
      return first, i
    end
  end
end

local function add(places, place)
  for _, other in ipairs(places) do
    if other.buf == place.buf and other.first == place.first and other.last == place.last then
      return
    end
  end
  places[#places + 1] = place
end

local function add_region(places, buf, block)
  local first, last = find_region(get_lines(buf), block)
  if first then
    local words = 'the part that begins and ends as the block does'
    add(places, { buf = buf, first = first, last = last, words = words, fits = true })
  end
end

-- What was sent stands there by its line numbers; it may have moved since, which the diff shows.
local function add_sent(places, buf, hint)
  local count = api.nvim_buf_line_count(buf)
  if hint.first >= 1 and hint.first <= hint.last and hint.last <= count then
    local words = 'the lines that were sent'
    add(places, { buf = buf, first = hint.first, last = hint.last, words = words, fits = true })
  end
end

local function cursor_line(buf)
  local win = fn.win_findbuf(buf)[1]
  for _, candidate in ipairs(api.nvim_tabpage_list_wins(0)) do
    win = api.nvim_win_get_buf(candidate) == buf and candidate or win
  end
  local line = win and api.nvim_win_get_cursor(win)[1] or api.nvim_buf_get_mark(buf, '"')[1]
  return math.min(math.max(line, 1), api.nvim_buf_line_count(buf))
end

local function add_general(places, buf)
  local lines = get_lines(buf)
  local whole = { buf = buf, first = 1, last = #lines, words = 'the whole file', fits = true }
  if is_empty(lines) then
    whole.words = 'the file, which is empty'
    return add(places, whole)
  end
  local line = cursor_line(buf)
  add(places, { buf = buf, first = line + 1, last = line, words = 'below the cursor' })
  add(places, whole)
end

local function candidates(block, hint)
  local places = {}
  local target = require('venice.chat.context.origin').find()
  local sent = hint and find_buffer(hint.path)
  if sent then
    add_region(places, sent, block)
    add_sent(places, sent, hint)
  end
  if target and target ~= sent then
    add_region(places, target, block)
  end
  for _, buf in ipairs({ target or sent }) do
    add_general(places, buf)
  end
  return places
end

-- Applying ----------------------------------------------------------------------------------------

local function describe(place)
  local name = anchors.name(place.buf)
  if place.last < place.first then
    return ('%s, %s (line %d)'):format(name, place.words, place.last)
  end
  return ('%s:%d-%d, %s'):format(name, place.first, place.last, place.words)
end

local function propose(place, block)
  local err = anchors.refusal(place.buf)
  if err then
    return errors.notify_later(err)
  end
  local was_indented = false
  if place.fits then
    local old = api.nvim_buf_get_lines(place.buf, place.first - 1, place.last, false)
    block, was_indented = fence.fit(block, hunks.plain(old))
  end
  local review = require('venice.edit.diff').open({
    buf = place.buf,
    first = place.first,
    last = place.last,
    name = 'code block for ' .. describe(place),
  })
  if was_indented then
    review:note('the block left out the indentation of these lines; it was put back')
  end
  review:set_text(block, true)
end

-- A block in a list of lines, or with what is known about it.
local function unpack_block(block, opts)
  if block.lines then
    return block.lines, block
  end
  return block, opts or {}
end

--- Puts a code block into a file, after a look at the diff.
---@param block { lines: string[], path_hint: string|table|nil }|string[]
---@param opts { path_hint: string|table|nil }|nil
function M.block(block, opts)
  local lines
  lines, opts = unpack_block(block, opts)
  if #fence.trim(lines) == 0 then
    return errors.warn('the code block is empty')
  end
  local places = candidates(lines, parse_hint(opts.path_hint))
  if #places == 0 then
    local words = 'there is no file to put this into; open one, then come back here'
    return errors.warn(words)
  elseif #places == 1 then
    return propose(places[1], lines)
  end
  local select = { prompt = 'Where does this go?', kind = 'venice_apply', format_item = describe }
  vim.ui.select(places, select, function(place)
    if place then
      propose(place, lines)
    end
  end)
end

return M
