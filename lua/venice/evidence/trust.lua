-- The user's word about enclaves: the question when one has changed, :Venice trust, and the list.

local errors = require('venice.errors')
local pins = require('venice.evidence.pins')
local screen = require('venice.evidence.screen')
local trust_text = require('venice.evidence.trust_text')

local api = vim.api
local M = {}

-- Questions ---------------------------------------------------------------------------------------

---@class venice.TrustQuestion one screen, for every request that waits for the same answer
---@field buffer integer
---@field waiting table<table, fun(trusted: boolean)>
local open_questions = {} ---@type table<string, venice.TrustQuestion>

local function key_of(place, enclave)
  local list = { place.service, place.model, place.root }
  for _, name in ipairs({ 'mrtd', 'os_image_hash', 'compose_hash', 'mrconfigid', 'app_id' }) do
    list[#list + 1] = enclave[name] or ''
  end
  list[#list + 1] = enclave.key_provider or ''
  return table.concat(list, '\0')
end

local function settle(key, is_trusted)
  local question = open_questions[key]
  if not question then
    return
  end
  open_questions[key] = nil
  screen.close(question.buffer)
  for _, answer in pairs(question.waiting) do
    answer(is_trusted)
  end
end

local function settle_with_trust(key, place, report)
  local ok, err = pins.trust(place, report, os.time())
  if not ok then
    -- It cannot be remembered, so it would be asked again and again.
    errors.notify(err)
  end
  settle(key, ok == true)
end

local function show(key, place, report, is_held)
  local function refuse()
    settle(key, false)
  end
  local choices = {
    { words = 'refuse: nothing is sent', run = refuse },
    {
      words = 'trust this one from now on' .. (is_held and ', and send' or ''),
      run = function()
        settle_with_trust(key, place, report)
      end,
    },
  }
  local previous = type(report.pin.previous) == 'table' and report.pin.previous
  local pin = previous and pins.find(place, previous)
  local text = trust_text.changed(place.model, report, pin or nil, choices, is_held)
  local function choose()
    local row = api.nvim_win_get_cursor(0)[1]
    for _, choice in ipairs(choices) do
      if choice.line == row then
        return choice.run()
      end
    end
    pcall(vim.cmd, 'normal! za')
  end
  -- Who is writing goes on writing; the keys of that must not answer.
  local is_busy = api.nvim_get_mode().mode ~= 'n'
  local name = 'venice://changed/' .. errors.printable(place.model)
  local buffer = screen.open(name, 'venice-trust', text, {
    command = 'botright ' .. math.max(10, math.floor(vim.o.lines * 0.75)) .. 'split',
    stay = is_busy,
    keys = { ['<CR>'] = { choose, 'answer, or open and close a section' } },
  })
  open_questions[key] = { buffer = buffer, waiting = {}, place = place, report = report }
  api.nvim_create_autocmd('BufWipeout', {
    buffer = buffer,
    once = true,
    callback = function()
      -- Not inside the closing of a window.
      vim.schedule(refuse)
    end,
  })
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    -- Where refusing is one key away, and trusting is not.
    api.nvim_win_set_cursor(window, { choices[1].line, 2 })
    api.nvim_win_call(window, function()
      vim.fn.winrestview({ topline = 1 })
    end)
  end
  if is_busy then
    local words = ('the enclave of %s has CHANGED: see the window below'):format(place.model)
    errors.warn(words)
  end
end

--- Asks whether an enclave that changed is to be trusted. One screen per enclave; all who ask get
--- its answer.
---@param options table
---@param model string
---@param report table
---@param answer fun(trusted: boolean)
---@return table|nil question with close()
function M.ask(options, model, report, answer)
  local place = pins.place(options, model)
  if not place then
    return nil
  end
  local key, token = key_of(place, report.pin.enclave), {}
  if not open_questions[key] then
    show(key, place, report, true)
  end
  open_questions[key].waiting[token] = answer
  return {
    close = function()
      local question = open_questions[key]
      if not question then
        return
      end
      question.waiting[token] = nil
      if next(question.waiting) == nil then
        settle(key, false)
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
  screen.open('venice://trust', 'venice-trust', text)
end

local function cannot(message, hint)
  errors.notify(errors.new('attestation', message, hint))
end

local function is_refused_otherwise(report)
  return not report.accepted and report.reason ~= 'pin_changed'
end

-- The answer to a question about this place that stands on the screen.
local function answer_open(place)
  for key, question in pairs(open_questions) do
    if vim.deep_equal(question.place, place) then
      settle_with_trust(key, place, question.report)
      return true
    end
  end
  return false
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
  elseif pin.state == 'confirmed' then
    errors.notice(('the enclave of %s is trusted already'):format(place.model))
    return done()
  elseif pin.state == 'changed' and #api.nvim_list_uis() > 0 then
    local key = key_of(place, pin.enclave)
    show(key, place, report, false)
    open_questions[key].waiting[{}] = function(is_trusted)
      if is_trusted then
        done()
      end
    end
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
