-- The calls of one answer, one after the other: the user's word, the run, the result. Every call
-- gets exactly one result, whatever happens.
--
-- What is refused ends the round: the calls behind it were written before the model knew, so they
-- are not run and not asked for. The model may go on, and is told.

local approval = require('venice.tools.approval')
local bounds = require('venice.tools.bounds')
local catalog = require('venice.tools.catalog')
local errors = require('venice.errors')
local jobs = require('venice.tools.job')
local validate = require('venice.tools.validate')

local M = {}

-- Of one answer.
M.MAX_CALLS = 16
-- The results of a round may take so many times what one may.
local ROUND_RESULTS = 4
-- With less room than this for its result a call is not run.
local MIN_ROOM = 1024

---@class venice.ToolResult
---@field id string
---@field name string
---@field result string|table for venice.tools.render_result()
---@field is_error boolean the tool did not do what was asked
---@field refused boolean the user said no
---@field words string for the user

---@class venice.ToolRound
---@field session venice.ToolSession
---@field calls table[]
---@field results venice.ToolResult[]
---@field room integer bytes that are left for results
local Round = {}
Round.__index = Round

-- Results -----------------------------------------------------------------------------------------

local words_for_model = {
  refused = 'The user refused this call; it was not run. Do not repeat it. Go on without it, or '
    .. 'ask what to do instead.',
  skipped = 'Not run: the user refused the call before it.',
  stopped = 'Not run to its end: the user stopped it.',
  off = 'Not run to its end: the user switched tools off.',
  nobody = 'Not run: nobody is there to approve it.',
  crowded = 'Not run: more than %d calls in one answer.',
  full = 'Not run: the results of this answer are full. Ask for less at once.',
  limit = 'Not run: tools were called %d times since the last prompt of the user, the limit.',
}

-- What the tool gave should fit already; whatever it gave, this is what is sent.
local function fit(result, limit)
  if bounds.size(result) <= limit then
    return result
  end
  local text = type(result) == 'string' and result or require('venice.tools.encode').encode(result)
  return (bounds.both_ends(text, limit))
end

local function not_run(text, words, refused)
  return { result = text, words = words, is_error = true, refused = refused }
end

--- Notes the result of a call, and goes on.
---@param call table
---@param result table the fields of venice.ToolResult that it has
function Round:add(call, result)
  if result.refused then
    self.is_refused = true
    result = result.result and result or not_run(words_for_model.refused, 'refused', true)
  end
  result.id, result.name = call.id, call.name
  result.is_error, result.refused = result.is_error == true, result.refused == true
  local limit = math.max(math.min(self.room, self.session.options.max_result), MIN_ROOM)
  result.result = fit(result.result, limit)
  self.room = self.room - bounds.size(result.result)
  self.results[#self.results + 1] = result
  -- Later, so that a fault in what follows is not one of this call.
  vim.schedule(function()
    self:next()
  end)
end

-- One call ----------------------------------------------------------------------------------------

--- Says what happens to a call.
---@param call table
---@param words string
function Round:update(call, words)
  if self.handlers.on_update and not self.is_over then
    self.handlers.on_update(call, words)
  end
end

local function stopped(self)
  if self.session.is_closed then
    return not_run(words_for_model.off, 'stopped: tools are off')
  end
  return not_run(words_for_model.stopped, 'stopped')
end

-- Why a call is not run, nor asked for.
local function obstacle(self, call)
  local session = self.session
  if self.is_stopped or session.is_closed then
    return stopped(self)
  elseif self.is_refused then
    return not_run(words_for_model.skipped, 'not run')
  elseif self.over_limit then
    return not_run(words_for_model.limit:format(session.options.max_rounds), 'not run: the limit')
  elseif #self.results >= M.MAX_CALLS then
    return not_run(words_for_model.crowded:format(M.MAX_CALLS), 'not run: too many calls')
  elseif self.room < MIN_ROOM then
    return not_run(words_for_model.full, 'not run: the results are full')
  end
  local tool = session.declared.by_name[call.name]
  local invalid = not tool and { message = 'there is no tool of this name' }
    or validate.arguments(tool, call.arguments)
    or nil
  local check = not invalid and catalog.find(call.name).check
  invalid = invalid or (check and check(call.arguments, session)) or nil
  if invalid then
    return not_run('error: ' .. invalid.message, errors.printable(invalid.message))
  end
end

-- Asks the user about a call, or about what a call needs.
local function ask(self, call, entry, fields, on_word)
  local session = self.session
  self:update(call, 'waits for you')
  local question = vim.tbl_extend('force', {
    chat = session.name(),
    name = call.name,
    title = entry.title,
    note = entry.note,
    root = session.offered.root,
    order = entry.order,
    may_always = entry.asks == 'chat',
    is_dangerous = entry.asks == 'each',
  }, fields)
  self.question = approval.ask(question, session.buf, function(word)
    self.question = nil
    if not self.is_stopped then
      on_word(word)
    end
  end)
end

-- A tool that asks by what it shows may need to read what it cannot show.
local function ask_to_read(self, call, job, path, on_yes)
  local entry = catalog.find('read_file')
  local fields = {
    name = 'read_file',
    note = 'It proposes a change of this file that does not fit. What is wrong with it says '
      .. 'something about the file, so you are asked as if it read the file.',
    arguments = vim.tbl_extend('force', job.arguments, { path = path }),
    order = { 'path', 'old_text', 'new_text' },
  }
  ask(self, call, entry, fields, function(word)
    if word == 'no' then
      return job:refuse()
    elseif word == 'always' then
      self.session.allowed.read_file = true
    end
    job:safe(on_yes)()
  end)
end

local function run(self, call, entry, arguments)
  local job
  job = jobs.new({
    session = self.session,
    arguments = arguments,
    limit = math.min(self.room, self.session.options.max_result),
    on_update = function(words)
      self:update(call, words)
    end,
    ask_to_read = function(_, path, on_yes)
      ask_to_read(self, call, job, path, on_yes)
    end,
    on_result = function(result)
      self.job = nil
      self:add(call, result)
    end,
  })
  self.job = job
  self:update(call, 'runs')
  job:safe(entry.run)(job)
end

local function ask_and_run(self, call, entry, arguments)
  ask(self, call, entry, { arguments = arguments }, function(word)
    if word == 'no' then
      return self:add(call, { refused = true })
    elseif word == 'always' and entry.asks == 'chat' then
      self.session.allowed[call.name] = true
    end
    run(self, call, entry, arguments)
  end)
end

local function begin(self, call)
  local why_not = obstacle(self, call)
  if why_not then
    return self:add(call, why_not)
  end
  local entry = catalog.find(call.name)
  -- What was approved is what runs, whatever becomes of the call meanwhile.
  local arguments = vim.deepcopy(call.arguments)
  if entry.asks == 'chat' and self.session.allowed[call.name] then
    run(self, call, entry, arguments)
  elseif not approval.is_possible() then
    self:add(call, not_run(words_for_model.nobody, 'not run: nobody to ask', true))
  elseif entry.asks == 'itself' then
    run(self, call, entry, arguments)
  else
    ask_and_run(self, call, entry, arguments)
  end
end

--- Begins the next call, or ends.
function Round:next()
  local at = #self.results + 1
  local call = self.calls[at]
  if not call then
    return self:finish()
  elseif self.job or self.question then
    return
  end
  local ok, failure = pcall(begin, self, call)
  if not ok and #self.results < at and not self.job then
    local text = 'error: ' .. tostring(failure)
    self:add(call, not_run(text, errors.printable(tostring(failure))))
  end
end

-- The whole ---------------------------------------------------------------------------------------

--- Gives the results away.
function Round:finish()
  if self.is_over then
    return
  end
  self.is_over = true
  vim.schedule(function()
    self.handlers.on_done(self.results)
  end)
end

--- Stops what runs; what is left is answered with 'stopped'.
function Round:stop()
  if self.is_over or self.is_stopped then
    return
  end
  self.is_stopped = true
  local question, job = self.question, self.job
  self.question = nil
  if question then
    question.close()
  end
  if job then
    job:finish(stopped(self))
    job:stop()
  elseif self.has_begun then
    self:next()
  end
end

--- Begins; see Session:run().
---@param session venice.ToolSession
---@param calls table[]
---@param handlers table
---@return { stop: fun() }
function M.start(session, calls, handlers)
  local self = setmetatable({
    session = session,
    calls = calls,
    handlers = handlers,
    results = {},
    room = session.options.max_result * ROUND_RESULTS,
    over_limit = session.rounds > session.options.max_rounds,
  }, Round)
  vim.schedule(function()
    self.has_begun = true
    self:next()
  end)
  return {
    stop = function()
      self:stop()
    end,
  }
end

return M
