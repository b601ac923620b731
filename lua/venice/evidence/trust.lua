-- The user's word about enclaves: the question when one has changed, :Venice trust, and the list.

local attention = require('venice.attention')
local errors = require('venice.errors')
local pins = require('venice.evidence.pins')
local screen = require('venice.evidence.screen')
local trust_text = require('venice.evidence.trust_text')

local api = vim.api
local M = {}

-- Questions ---------------------------------------------------------------------------------------

---@class venice.TrustQuestion about one enclave, for every request that waits for the same answer
---@field place venice.PinsPlace
---@field report table
---@field waiting table<table, fun(trusted: boolean, failure: venice.Error|nil)>
---@field is_held boolean|nil a request waits, and goes on if the enclave is trusted
---@field buffer integer|nil of its screen
---@field watch venice.Watch|nil
---@field choices venice.Choice[]

-- The questions of each place. The first of a list is on the screen, others wait behind it.
local questions = {} ---@type table<string, venice.TrustQuestion[]>

local function key_of(place)
  return table.concat({ place.service, place.model, place.root }, '\0')
end

-- The question that is on the screen, or about to be.
local function first_at(place)
  return (questions[key_of(place)] or {})[1]
end

local function find_question(place, enclave)
  for _, question in ipairs(questions[key_of(place)] or {}) do
    if vim.deep_equal(question.report.pin.enclave, enclave) then
      return question
    end
  end
end

-- Takes a question out of its list. False where it was settled before.
local function remove(question)
  local key = key_of(question.place)
  for i, other in ipairs(questions[key] or {}) do
    if other == question then
      table.remove(questions[key], i)
      if #questions[key] == 0 then
        questions[key] = nil
      end
      return true
    end
  end
  return false
end

local show

local function settle(question, is_trusted, failure)
  if not remove(question) then
    return
  end
  if question.watch then
    question.watch:stop()
  end
  if question.buffer then
    screen.close(question.buffer)
  end
  for _, answer in pairs(question.waiting) do
    local ok, message = xpcall(answer, debug.traceback, is_trusted, failure)
    if not ok then
      local why = tostring(message):match('^[^\n]*')
      errors.notify(errors.new('internal', 'a request could not be answered: ' .. why))
    end
  end
  local following = first_at(question.place)
  if following and not following.buffer then
    show(following)
  end
end

local function settle_with_trust(question)
  local ok, err = pins.trust(question.place, question.report, os.time())
  if not ok then
    -- It cannot be remembered, so it would be asked again and again.
    errors.notify(err)
  end
  settle(question, ok == true)
end

local function choices_of(question)
  return {
    {
      words = 'refuse: nothing is sent',
      run = function()
        if question.watch:may_refuse() then
          settle(question, false)
        end
      end,
    },
    {
      words = 'trust this one from now on' .. (question.is_held and ', and send' or ''),
      run = function()
        local counts, why = question.watch:counts()
        if not counts then
          return errors.brief(why)
        end
        settle_with_trust(question)
      end,
    },
  }
end

-- The text, and the rows of it that must have been in sight before it can be answered with yes.
local function text_of(question)
  local report, place = question.report, question.place
  local previous = type(report.pin.previous) == 'table' and report.pin.previous
  local pin = previous and pins.find(place, previous)
  question.choices = choices_of(question)
  local is_held = question.is_held == true
  local text = trust_text.changed(place.model, report, pin or nil, question.choices, is_held)
  question.rows = text.rows
  return text
end

local function choose(question)
  local row = api.nvim_win_get_cursor(0)[1]
  for _, choice in ipairs(question.choices) do
    if choice.line == row then
      return choice.run()
    end
  end
  pcall(vim.cmd, 'normal! za')
end

-- Nearly all of a small screen, for the whole of the question must be seen.
local function height()
  local lines = vim.o.lines
  return math.max(lines >= 40 and math.floor(lines * 0.75) or lines - 3 - vim.o.cmdheight, 1)
end

local function on_show(question, window)
  local buffer = api.nvim_win_get_buf(window)
  question.watch = attention.watch(buffer, {
    rows = function()
      return question.rows
    end,
    lift = screen.lift,
  })
  api.nvim_create_autocmd('BufWipeout', {
    buffer = buffer,
    once = true,
    callback = function()
      -- Not inside the closing of a window.
      vim.schedule(function()
        settle(question, false)
      end)
    end,
  })
  -- Where refusing is one key away, and trusting is not; but the warning comes first.
  local row = question.choices[1].line
  api.nvim_win_call(window, function()
    vim.fn.winrestview({ topline = 1, lnum = 1, col = 0 })
    if vim.fn.line('w$') > row then
      vim.fn.winrestview({ topline = 1, lnum = row, col = 2 })
    end
  end)
end

function show(question)
  local model = question.place.model
  local name = 'venice://changed/' .. errors.printable(model)
  question.buffer = screen.open(name, 'venice-trust', function()
    return text_of(question)
  end, {
    command = 'botright ' .. height() .. 'split',
    height = height,
    words = ('the enclave of %s has CHANGED'):format(model),
    keys = {
      ['<CR>'] = {
        function()
          choose(question)
        end,
        'answer, or open and close a section',
      },
    },
    on_show = function(window)
      on_show(question, window)
    end,
    on_failure = function(why)
      local message = 'the enclave of %s has changed, and the question about it cannot be shown: %s'
      local hint = 'make room on the screen, then send again, or use :Venice trust %s'
      local failure =
        errors.new('attestation', message:format(model, why), hint:format(errors.printable(model)))
      settle(question, false, failure)
    end,
  })
end

-- A request has joined a question that nothing waited for: its words change.
local function hold(question)
  if question.is_held then
    return
  end
  question.is_held = true
  if question.watch then
    screen.update(question.buffer)
    question.watch:reset()
  end
end

-- Adds somebody who waits for the answer about an enclave; asks where nobody does yet.
local function join(place, report, is_held, answer)
  local key, token = key_of(place), {}
  local question = find_question(place, report.pin.enclave)
  local is_new = question == nil
  question = question or { place = place, report = report, waiting = {}, is_held = is_held }
  question.waiting[token] = answer
  if is_new then
    questions[key] = questions[key] or {}
    table.insert(questions[key], question)
    if first_at(place) == question then
      show(question)
    end
  elseif is_held then
    hold(question)
  end
  return question, token
end

--- Asks whether an enclave that changed is to be trusted. There is one open question per model; all
--- who ask about the same enclave get its answer.
---@param options table
---@param model string
---@param report table
---@param answer fun(trusted: boolean, failure: venice.Error|nil) failure: it could not be asked
---@return table|nil question with close()
function M.ask(options, model, report, answer)
  local place = pins.place(options, model)
  if not place then
    return nil
  end
  local question, token = join(place, report, true, answer)
  return {
    close = function()
      question.waiting[token] = nil
      if next(question.waiting) == nil then
        settle(question, false)
      end
    end,
  }
end

-- :Venice trust -----------------------------------------------------------------------------------

--- Shows the list of known enclaves.
function M.list()
  local known, err = pins.read()
  if not known then
    return errors.notify(err)
  end
  local text = trust_text.list(known, vim.fn.fnamemodify(pins.path(), ':~'))
  screen.open('venice://trust', 'venice-trust', text, { words = 'the known enclaves' })
end

local function cannot(message, hint)
  errors.notify(errors.new('attestation', message, hint))
end

local function is_refused_otherwise(report)
  return not report.accepted and report.reason ~= 'pin_changed'
end

-- The command is the answer to a question about this place that was in sight; else it goes there.
local function answer_open(place)
  local question = first_at(place)
  if not question then
    return false
  elseif not question.watch then
    errors.warn(('the question about the enclave of %s opens soon'):format(place.model))
    return true
  end
  local was_seen, why = question.watch:was_seen()
  if was_seen then
    settle_with_trust(question)
  else
    screen.focus(question.buffer)
    errors.brief(why)
  end
  return true
end

local function confirm(place, report, done)
  local ok, err = pins.trust(place, report, os.time())
  if not ok then
    return errors.notify(err)
  end
  local words = ('the enclave of %s is trusted from now on'):format(place.model)
  errors.notice(words .. (report.simulated and ' (SIMULATED)' or ''))
  done()
end

local function decide(options, place, report, done)
  local pin = report.pin
  if type(pin) ~= 'table' or is_refused_otherwise(report) then
    local why = options.verify.pin == 'off' and "verify.pin is 'off'"
      or 'it did not prove what it is: ' .. (report.reason or 'not verified')
    return cannot(
      ('the enclave of %s cannot be trusted: %s'):format(place.model, why),
      ':Venice attest shows every check'
    )
  end
  -- The user may have answered a question while this was on its way.
  local known = pins.find(place, pin.enclave)
  if pin.state == 'confirmed' or known and known.trusted_at then
    errors.notice(('the enclave of %s is trusted already'):format(place.model))
    return done()
  elseif pin.state == 'changed' and #api.nvim_list_uis() > 0 then
    join(place, report, false, function(is_trusted, failure)
      if is_trusted then
        done()
      elseif failure then
        errors.notify(failure)
      end
    end)
    return
  end
  confirm(place, report, done)
end

--- Makes a model's enclave trusted from now on; asks first where it is not one that is known.
---@param model string
---@param done fun() it is trusted now: what shows trust is out of date
function M.confirm(model, done)
  local client, err = require('venice.client').default()
  local place
  if client then
    place, err = pins.place(client.options, model)
  end
  if err or not place then
    return errors.notify(err)
  elseif answer_open(place) then
    return
  end
  local report
  client:attest(model, {}, {
    on_report = function(found)
      report = found
    end,
    on_done = function(failure)
      if report then
        decide(client.options, place, report, done)
      elseif failure and failure.code ~= 'cancelled' then
        errors.notify(failure)
      end
    end,
  })
end

--- Forgets a model's enclaves: its next one is a first sight again.
---@param model string
function M.forget(model)
  local options = require('venice.config').get()
  local place, err = pins.place(options, model)
  local count
  if place then
    count, err = pins.forget(place)
  end
  if not count then
    return errors.notify(err)
  end
  local message = 'the known enclaves of %s were forgotten before the question was answered'
  local hint = 'nothing was sent; its enclave is a first sight now: send again'
  local forgotten = errors.new('attestation', message:format(model), hint)
  for _, question in ipairs(vim.list_extend({}, questions[key_of(place)] or {})) do
    settle(question, false, forgotten)
  end
  local words = count == 0 and 'no enclave of %s is known' or 'the enclaves of %s are forgotten'
  errors.notice(words:format(model))
end

--- The models of which an enclave is known, for completion.
---@return string[]
function M.models()
  local seen, list = {}, {}
  for _, pin in ipairs(pins.read() or {}) do
    if not seen[pin.model] then
      seen[pin.model] = true
      list[#list + 1] = pin.model
    end
  end
  table.sort(list)
  return list
end

return M
