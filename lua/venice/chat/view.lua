-- The buffer of a chat as a view of its turns: headers and marks are drawn, text is read and put.

local Bounds = require('venice.chat.bounds')
local breaks = require('venice.chat.breaks')
local buffer = require('venice.chat.buffer')
local conversation = require('venice.chat.conversation')
local draw = require('venice.chat.draw')
local header = require('venice.chat.header')

local api = vim.api
local alive, last_bound = draw.alive, draw.last_bound

---@class venice.View
---@field buf integer
---@field bounds venice.Bounds
---@field breaks venice.Breaks
---@field turns venice.Turn[]
---@field warnings venice.Piece[]|nil words that stand in a header, for there is no bar
---@field edits integer how often the buffer was found changed by others
local View = {}
View.__index = View

-- Boundaries and turns ----------------------------------------------------------------------------

--- Makes a row the boundary of a part of a turn.
---@private
---@param turn venice.Turn
---@param part 'head'|'reasoning'|'answer'
---@param row integer
function View:_bind(turn, part, row)
  turn[part] = self.bounds:put(row, turn[part] or { turn = turn, part = part })
end

--- Makes the buffer of a chat, with an empty draft.
---@param name string the buffer's name
---@return venice.View
function View.new(name)
  local self = setmetatable({ turns = {}, edits = 0, breaks = breaks.new() }, View)
  self.buf = buffer.create(name, function(first, last)
    return self:plain_lines(first, last)
  end)
  self.bounds = Bounds.new(self.buf)
  -- The first lines cannot be undone.
  vim.bo[self.buf].undolevels = -1
  api.nvim_buf_set_lines(self.buf, 0, -1, false, { '', '' })
  vim.bo[self.buf].undolevels = -123456 -- the global value counts
  local draft = conversation.turn('user')
  self.turns[1] = draft
  self:_bind(draft, 'head', 0)
  self.bounds:remember()
  self:draw_all()
  return self
end

--- Whether the buffer is there and has its text.
---@return boolean
function View:is_valid()
  return api.nvim_buf_is_valid(self.buf) and api.nvim_buf_is_loaded(self.buf)
end

--- Notes text and boundaries of a buffer that is about to be unloaded.
function View:keep()
  self:sync()
  self.bounds:remember()
  self.kept = { lines = api.nvim_buf_get_lines(self.buf, 0, -1, false) }
end

--- Puts back what keep() noted, after :edit has emptied the buffer.
function View:reload()
  if self.kept then
    vim.bo[self.buf].undolevels = -1
    api.nvim_buf_set_lines(self.buf, 0, -1, false, self.kept.lines)
    vim.bo[self.buf].undolevels = -123456 -- the global value counts
    self.kept = nil
    self.bounds:restart()
    self:draw_all()
  end
end

--- The turns that have a place in the buffer now, from top to bottom.
---@return venice.Turn[]
function View:live_turns()
  local seen, turns = {}, {}
  for _, entry in ipairs(self.bounds:live()) do
    local turn = entry.bound.turn
    if not seen[turn] then
      seen[turn] = true
      turns[#turns + 1] = turn
    end
  end
  return turns
end

-- What stands above all boundaries was deleted up to there, or typed there: it is the user's.
local function adopt_top(self)
  local first = self.bounds:live()[1]
  if first and first.row == 0 then
    return false
  end
  self:edit(function()
    api.nvim_buf_set_lines(self.buf, 0, 0, false, { '' })
    if first and (first.bound.turn.role == 'user' or first.bound.turn.role == 'system') then
      self.bounds:put(0, first.bound)
    else
      self:_add_user(0)
    end
  end, 'join')
  return true
end

-- There is always a draft at the end, with a line to write on.
local function ensure_draft(self)
  local turns = self:live_turns()
  local last, count = turns[#turns], api.nvim_buf_line_count(self.buf)
  local is_draft = last.role == 'user'
  if is_draft and self.bounds:region(last_bound(last)) < count then
    return false
  end
  self:edit(function()
    api.nvim_buf_set_lines(self.buf, count, count, false, is_draft and { '' } or { '', '' })
    if not is_draft then
      self:_add_user(count)
    end
  end, 'join')
  return true
end

--- Makes boundaries, drafts and headers right after edits that were not ours. Call it before turns
--- are read.
function View:sync()
  if api.nvim_buf_get_changedtick(self.buf) ~= self.bounds.tick then
    self.edits = self.edits + 1
    local changed = self.bounds:sync()
    changed = adopt_top(self) or changed
    changed = ensure_draft(self) or changed
    if changed then
      self:draw_all()
    end
  end
end

--- Makes an empty line the header of a turn of the user's.
---@private
---@param row integer
---@return venice.Turn
function View:_add_user(row)
  local draft = conversation.turn('user')
  self.turns[#self.turns + 1] = draft
  self:_bind(draft, 'head', row)
  return draft
end

-- Writing -----------------------------------------------------------------------------------------

--- Changes the buffer. Edits of ours that follow each other are one undo block; where the user has
--- edited in between another one begins, unless `block` says otherwise.
---@param change fun()
---@param block 'new'|'join'|nil 'join': in the block of the edit before, whosever that was
---@param grown (fun(): integer|nil, integer|nil)|nil where, and how many lines, were put in
function View:edit(change, block, grown)
  local buf = self.buf
  local joins = block == 'join'
    or block ~= 'new' and self.own_tick == api.nvim_buf_get_changedtick(buf)
  local modifiable = vim.bo[buf].modifiable
  if not modifiable then
    vim.bo[buf].modifiable = true
  end
  -- What is put in while the user is typing there is a part of what they type.
  local typing = api.nvim_get_current_buf() == buf and api.nvim_get_mode().mode:find('^[iR]')
  -- Both commands act on the current buffer, whichever that is for the user.
  local ok, err = pcall(api.nvim_buf_call, buf, function()
    if joins then
      -- Fails after an undo; what follows is a new block then.
      joins = pcall(vim.cmd, 'silent undojoin')
    elseif not typing then
      vim.cmd('let &g:undolevels = &g:undolevels')
    end
    change()
  end)
  if not modifiable then
    vim.bo[buf].modifiable = false
  end
  if not ok then
    error(err, 0)
  end
  self.own_tick = api.nvim_buf_get_changedtick(buf)
  local row, added
  if joins and grown then
    row, added = grown()
  end
  if row then
    self.bounds:moved(row, added)
  else
    self.bounds:remember(joins)
  end
end

--- Lines that arrived, as they are put into the buffer: long ones broken.
---@param turn venice.Turn whose they are
---@param lines string[]
---@param before string|nil see Breaks:split()
---@return string[]
function View:broken(turn, lines, before)
  local result = self.breaks:split(lines, before)
  if #result > #lines then
    turn.has_breaks = true
    buffer.limit_syntax(self.buf)
  end
  return result
end

--- Puts lines at the end of the draft, with a blank line above where there is text.
---@param lines string[]
---@return integer row of the first line put
function View:add_to_draft(lines)
  self:sync()
  local turns = self:live_turns()
  local first = self.bounds:region(turns[#turns].head)
  local present = api.nvim_buf_get_lines(self.buf, first, -1, false)
  while #present > 0 and not present[#present]:find('%S') do
    present[#present] = nil
  end
  local row = first + #present
  local put = vim.list_extend(#present > 0 and { '' } or {}, lines)
  self:edit(function()
    api.nvim_buf_set_lines(self.buf, row, -1, false, put)
  end, 'new')
  return row + (#present > 0 and 1 or 0)
end

-- Reading -----------------------------------------------------------------------------------------

--- Lines of the buffer as they came: broken ones whole again, and NUL bytes, which are line feeds
--- in Vim's memory, as what they are.
---@param lines string[] is changed
---@return string[]
function View:joined(lines)
  for i, line in ipairs(lines) do
    if line:find('\n', 1, true) then
      lines[i] = line:gsub('\n', '\0')
    end
  end
  return self.breaks:join(lines)
end

-- The lines below a boundary.
local function lines_of(self, bound)
  local first, last = nil, -1
  if bound then
    first, last = self.bounds:region(bound)
  end
  if not first then
    return {}
  end
  return self:joined(api.nvim_buf_get_lines(self.buf, first, last + 1, false))
end

--- The text of a turn as it is sent: all that is seen of it but its reasoning. The user may have
--- written above that too.
---@param turn venice.Turn
---@return string
function View:text(turn)
  local lines = {}
  for _, entry in ipairs(self.bounds:live()) do
    if entry.bound.turn == turn and entry.bound.part ~= 'reasoning' then
      vim.list_extend(lines, lines_of(self, entry.bound))
    end
  end
  return conversation.trim(lines)
end

--- The draft: the last turn.
---@return venice.Turn
function View:draft()
  self:sync()
  local turns = self:live_turns()
  return turns[#turns]
end

--- The turns with their texts, up to and without `stop`. The system prompt is not one of them.
---@param stop venice.Turn|nil
---@return { role: string, text: string, tool_call_id: string|nil }[]
function View:texts(stop)
  self:sync()
  local texts = {}
  for _, turn in ipairs(self:live_turns()) do
    if turn == stop then
      break
    elseif turn.role ~= 'system' then
      local text = self:text(turn)
      texts[#texts + 1] = { role = turn.role, text = text, tool_call_id = turn.tool_call_id }
    end
  end
  return texts
end

--- The turn that holds the system prompt of this chat, if there is one.
---@return venice.Turn|nil
function View:system_turn()
  self:sync()
  for _, turn in ipairs(self:live_turns()) do
    if turn.role == 'system' then
      return turn
    end
  end
end

--- The turn in whose header or text a row is, as of the last sync().
---@param row integer 0-based
---@return venice.Turn|nil
function View:turn_at(row)
  local found
  for _, entry in ipairs(self.bounds:live()) do
    if entry.row > row then
      break
    end
    found = entry.bound.turn
  end
  return found
end

--- The turns below one, up to the next prompt.
---@param turn venice.Turn
---@return venice.Turn[]
function View:replies(turn)
  local replies, is_below = {}, false
  for _, other in ipairs(self:live_turns()) do
    if is_below and (other.role == 'user' or other.role == 'system') then
      break
    elseif is_below then
      replies[#replies + 1] = other
    end
    is_below = is_below or other == turn
  end
  return replies
end

--- The rows of a turn's text, reasoning included.
---@param turn venice.Turn
---@return integer|nil first 0-based; nil where the turn is not in the buffer now
---@return integer last smaller than first where there is no line
function View:body(turn)
  local _, last = self.bounds:region(last_bound(turn))
  local first = self.bounds:region(alive(turn.head) or alive(turn.reasoning) or last_bound(turn))
  return first, last
end

--- Lines of the buffer with the headers written out, for a file.
---@param first integer 1-based
---@param last integer
---@return string[]
function View:plain_lines(first, last)
  local lines = api.nvim_buf_get_lines(self.buf, first - 1, last, false)
  for _, entry in ipairs(self.bounds:live()) do
    local i = entry.row - first + 2
    if lines[i] == '' and entry.bound.part ~= 'answer' then
      lines[i] = entry.bound.part == 'head'
          and '── ' .. header.name_of(entry.bound.turn) .. ' ──'
        or '── Reasoning ──'
    end
  end
  return self.breaks:join(lines)
end

-- Drawing ----------------------------------------------------------------------------------------

--- Draws the header and marks of a turn.
---@param turn venice.Turn
function View:draw(turn)
  draw.turn(self, turn)
end

--- Draws everything anew.
function View:draw_all()
  draw.all(self)
end

--- Draws everything anew where the width of its windows has changed.
function View:refit()
  if self:is_valid() then
    draw.refit(self)
  end
end

--- Puts words that warn into the headers where they are looked for, because no bar shows them: that
--- of the last turn, which a user writes under, and that of the model's last answer.
---@param warnings venice.Piece[] none: the bar shows them
---@param model string|nil whose they are
function View:warn(warnings, model)
  local turns, is_warned = self:live_turns(), {}
  for i = #turns, 1, -1 do
    if turns[i].role == 'assistant' then
      is_warned[turns[i]] = turns[i].model == model
      break
    end
  end
  is_warned[turns[#turns]] = true
  self.warnings = warnings
  local words = {}
  for i, piece in ipairs(warnings) do
    words[i] = piece.text
  end
  words = table.concat(words, ' ')
  for _, turn in ipairs(turns) do
    local wanted = is_warned[turn] and words or ''
    if (turn.warned or '') ~= wanted then
      turn.warned = wanted
      self:draw(turn)
    end
  end
end

--- Shows what a request is doing, or nothing.
---@param turn venice.Turn
---@param text string|nil
function View:status(turn, text)
  draw.status(self, turn, text)
end

return View
