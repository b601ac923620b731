-- #buffer, #file:path, #diagnostics, #diff and #quickfix in a prompt: before it is sent, each is
-- found, and the draft is changed for all to see. The words that stand in a mention's place point
-- to a block below the prompt, so what is seen is what is sent. All of them, or none.

local errors = require('venice.errors')
local sources = require('venice.chat.context.sources')
local syntax = require('venice.chat.context.syntax')

local api = vim.api
local ns = api.nvim_create_namespace('venice_mentions')
local M = {}

local MAX_SOURCES = 50

--- The mentions in a text; see syntax.lua.
---@param text string
---@return venice.Mention[]
M.find = syntax.find

--- Whether there is one in a text.
---@param text string
---@return boolean
function M.has(text)
  return #syntax.find(text) > 0
end

-- The draft ---------------------------------------------------------------------------------------

-- The rows and the text of the draft. A NUL byte is a line feed in Vim's memory.
local function read_draft(view)
  local first, last = view.bounds:region(view:draft().head)
  local lines = api.nvim_buf_get_lines(view.buf, first, last + 1, false)
  for i, line in ipairs(lines) do
    lines[i] = line:find('\n', 1, true) and line:gsub('\n', '\0') or line
  end
  local text = table.concat(lines, '\n')
  return { first = first, last = last, lines = lines, text = text, mentions = syntax.find(text) }
end

local function id_of(mention)
  return mention.kind .. ':' .. (mention.argument or '')
end

-- The blocks that are not there yet, each once, in the order of their mentions.
local function blocks_of(job, draft)
  local blocks, seen = {}, {}
  for _, mention in ipairs(draft.mentions) do
    local source = job.sources[id_of(mention)]
    if not seen[source.key] then
      seen[source.key] = true
      local block = '\n' .. table.concat(source.block, '\n') .. '\n'
      if not ('\n' .. draft.text .. '\n'):find(block, 1, true) then
        blocks[#blocks + 1] = source.block
      end
    end
  end
  return blocks
end

-- What is put below the text of the draft.
local function tail_of(draft, blocks)
  local fence = #blocks > 0 and syntax.open_fence(draft.text)
  local lines = fence and { fence } or {}
  for _, block in ipairs(blocks) do
    lines[#lines + 1] = ''
    vim.list_extend(lines, block)
  end
  return lines
end

-- Piece by piece, so that marks keep their place in the text.
local function change(job, draft, tail)
  local buf = job.chat.view.buf
  for i = #draft.mentions, 1, -1 do
    local mention = draft.mentions[i]
    local row, words = draft.first + mention.row, job.sources[id_of(mention)].words
    api.nvim_buf_set_text(buf, row, mention.col, row, mention.end_col, { words })
  end
  if #tail > 0 then
    local last = #draft.lines
    while not draft.lines[last]:find('%S') do
      last = last - 1
    end
    api.nvim_buf_set_lines(buf, draft.first + last, draft.last + 1, false, tail)
  end
end

-- A cursor stays with its text: the user may be typing.
local function keep_cursors(buf, edit)
  local marks = {}
  for _, win in ipairs(vim.fn.win_findbuf(buf)) do
    local at = api.nvim_win_get_cursor(win)
    marks[win] = api.nvim_buf_set_extmark(buf, ns, at[1] - 1, at[2], {})
  end
  edit()
  for win, mark in pairs(marks) do
    local at = api.nvim_buf_get_extmark_by_id(buf, ns, mark, {})
    pcall(api.nvim_win_set_cursor, win, { at[1] + 1, at[2] })
  end
  api.nvim_buf_clear_namespace(buf, ns, 0, -1)
end

-- Expanding ---------------------------------------------------------------------------------------

---@class venice.Expansion
---@field blocks integer how many were put below the prompt
---@field bytes integer of them
---@field tokens integer of them, about
---@field care string[] why some of them need another look before they are sent

---@class venice.ExpansionJob
---@field stop fun() ends it, with the error `cancelled`; nothing is changed

local function finish(job, err, info)
  if not job.over then
    job.over = true
    job.done(err, info)
  end
end

-- Changes the draft; nil where the user has just named another source in it.
local function apply(job)
  local view = job.chat.view
  local draft = read_draft(view)
  if #draft.mentions == 0 then
    return {}
  elseif job:_missing(draft) then
    return nil
  end
  local blocks = blocks_of(job, draft)
  local tail = tail_of(draft, blocks)
  view:edit(function()
    keep_cursors(view.buf, function()
      change(job, draft, tail)
    end)
  end, 'new')
  view:draw(view:draft())
  local text = table.concat(tail, '\n')
  local tokens = require('venice.chat.context.size').tokens(text)
  local care = {}
  for _, mention in ipairs(draft.mentions) do
    local words = job.sources[id_of(mention)].care
    if words and not vim.tbl_contains(care, words) then
      care[#care + 1] = words
    end
  end
  return { info = { blocks = #blocks, bytes = #text, tokens = tokens, care = care } }
end

local Job = {}
Job.__index = Job

-- The first mention in the draft that has no source yet.
function Job:_missing(draft)
  for _, mention in ipairs(draft.mentions) do
    if not self.sources[id_of(mention)] then
      return mention
    end
  end
end

function Job:_is_void()
  return self.stopped or self.chat.closed or not self.chat.view:is_valid()
end

-- Changes the draft as soon as that is possible.
function Job:_apply()
  local result
  local failure = errors.new('internal', 'the prompt cannot be changed now', 'try again')
  require('venice.chat.later').when_possible(function()
    if self:_is_void() then
      failure = errors.new('cancelled')
    else
      result, failure = apply(self), nil
    end
  end, function()
    if failure then
      finish(self, failure)
    elseif result then
      finish(self, nil, result.info)
    else
      self:_step()
    end
  end)
end

-- One source after the other. The draft is read anew each time: it may have been edited meanwhile.
function Job:_step()
  if self:_is_void() then
    return finish(self, errors.new('cancelled'))
  end
  local mention = self:_missing(read_draft(self.chat.view))
  if not mention then
    return self:_apply()
  elseif self.count >= MAX_SOURCES then
    local words = ('this prompt names more than %d sources'):format(MAX_SOURCES)
    return finish(self, errors.new('too_large', words, 'take some of them out'))
  end
  self.count = self.count + 1
  self.running = sources.gather(mention, self.origin, function(source, err)
    self.running = nil
    if err then
      return finish(self, err)
    end
    self.sources[id_of(mention)] = source
    self:_go_on()
  end)
end

-- Whatever goes wrong, done() is called.
function Job:_go_on()
  vim.schedule(function()
    local ok, failure = pcall(self._step, self)
    if not ok and self.over then
      error(failure, 0)
    elseif not ok then
      finish(self, errors.new('internal', 'the context cannot be read: ' .. tostring(failure)))
    end
  end)
end

function Job:_stop()
  if self.over or self.stopped then
    return
  end
  self.stopped = true
  if self.running then
    self.running.stop()
  end
  vim.schedule(function()
    finish(self, errors.new('cancelled'))
  end)
end

--- Puts what the mentions of a chat's draft stand for into the draft, as one undo block.
---@param chat venice.Chat
---@param done fun(err: venice.Error|nil, info: venice.Expansion|nil) once, on the main loop, after
---  this has returned; no info: there was nothing to expand
---@return venice.ExpansionJob
function M.expand(chat, done)
  local job = setmetatable({ chat = chat, done = done, sources = {}, count = 0 }, Job)
  job.origin = require('venice.chat.context.origin').find()
  job:_go_on()
  return {
    stop = function()
      job:_stop()
    end,
  }
end

--- 'omnifunc' of a chat; see completion.lua.
---@param findstart integer
---@param base string
---@return integer|table[]
function M.omnifunc(findstart, base)
  return require('venice.chat.context.completion').omnifunc(findstart, base)
end

return M
