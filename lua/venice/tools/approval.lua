-- Asks the user whether a call of a tool may run, in a window at the bottom. One question at a
-- time; those of other chats wait behind it.
--
-- A key that was meant for something else must not answer. So the cursor goes to the question only
-- from the chat that asks, in normal mode, and there the keys answer after a moment; from anywhere
-- else the user goes there (<C-w>b). And nothing is approved of which the end was not in sight.

local errors = require('venice.errors')
local moment = require('venice.tools.moment')
local screen = require('venice.evidence.screen')
local texts = require('venice.tools.approval_text')

local api, fn = vim.api, vim.fn
local uv = require('venice.compat').uv
local M = {}

--- For so long the keys of a question that took the cursor do not answer, in milliseconds.
M.PAUSE = 600

---@class venice.Asked
---@field question venice.Question
---@field on_answer fun(answer: 'once'|'always'|'no')
---@field buf integer|nil of the chat
---@field screen integer|nil the buffer of its window
---@field quiet_until number|nil when the keys begin to answer
---@field opening { stop: fun() }|nil
---@field seen_end boolean|nil
local queue = {} ---@type venice.Asked[]
local count = 0

--- Whether there is somebody to ask.
---@return boolean
function M.is_possible()
  return #api.nvim_list_uis() > 0
end

-- Answers -----------------------------------------------------------------------------------------

local show_next

local function remove(asked)
  for i, other in ipairs(queue) do
    if other == asked then
      table.remove(queue, i)
      return true
    end
  end
  return false
end

local function close(asked)
  if not remove(asked) then
    return false
  end
  if asked.opening then
    asked.opening.stop()
  end
  if asked.screen then
    pcall(screen.close, asked.screen)
  end
  vim.schedule(show_next)
  return true
end

local function answer(asked, word)
  if close(asked) then
    vim.schedule(function()
      asked.on_answer(word)
    end)
  end
end

-- Whether the end was in sight. A long text must be looked at, not only its beginning.
local function look(asked)
  for _, win in ipairs(asked.screen and fn.win_findbuf(asked.screen) or {}) do
    local last = api.nvim_win_call(win, function()
      return fn.line('w$')
    end)
    asked.seen_end = asked.seen_end or last >= api.nvim_buf_line_count(asked.screen)
  end
  return asked.seen_end
end

local function say(words)
  errors.warn(words)
end

local function approve(asked, word)
  if word == 'always' and not asked.question.may_always then
    say(asked.question.name .. ' is asked for each time: o runs it once, n does not')
  elseif uv.now() >= (asked.quiet_until or 0) then
    if not look(asked) then
      return say('there is more of it below: go to its end (G), then answer')
    end
    answer(asked, word)
  end
end

local function refuse(asked)
  if uv.now() >= (asked.quiet_until or 0) then
    answer(asked, 'no')
  end
end

local function keys_of(asked)
  local function no()
    refuse(asked)
  end
  return {
    o = {
      function()
        approve(asked, 'once')
      end,
      'venice: run it once',
    },
    a = {
      function()
        approve(asked, 'always')
      end,
      'venice: run it, and this tool always in this chat',
    },
    n = { no, 'venice: do not run it' },
    q = { no, 'venice: do not run it' },
    ['<CR>'] = {
      function()
        say('o runs it, n does not')
      end,
      'venice: say which keys answer',
    },
  }
end

-- The window --------------------------------------------------------------------------------------

local function height_of(text)
  return math.max(math.min(#text.lines, math.floor(vim.o.lines * 0.6)), 3)
end

-- Above a float only a float is seen.
local function open_float(buffer, height)
  api.nvim_open_win(buffer, true, {
    relative = 'editor',
    width = math.max(vim.o.columns - 2, 1),
    height = math.min(height, math.max(vim.o.lines - 4, 1)),
    col = 0,
    row = math.max(vim.o.lines - height - 4, 0),
    border = 'rounded',
    zindex = 60,
  })
end

local function open_window(buffer, height)
  if api.nvim_win_get_config(0).relative ~= '' then
    open_float(buffer, height)
  elseif not pcall(vim.cmd, ('botright %dsplit'):format(height)) then
    -- There is no room (E36).
    vim.cmd('tab split')
  end
end

local window_options = {
  wrap = true,
  linebreak = false,
  breakindent = false,
  conceallevel = 0,
  cursorline = false,
  colorcolumn = '',
  signcolumn = 'no',
  scrolloff = 0,
  scrollbind = false,
  winfixheight = true,
}

local function set_options(win, question)
  api.nvim_win_call(win, function()
    for name, value in pairs(window_options) do
      vim.opt_local[name] = value
    end
    vim.opt_local.statusline = ' ' .. texts.keys(question) .. '%= %l/%L '
  end)
end

local function watch(asked)
  api.nvim_create_autocmd('BufWipeout', {
    buffer = asked.screen,
    once = true,
    callback = function()
      -- Not inside the closing of a window.
      vim.schedule(function()
        answer(asked, 'no')
      end)
    end,
  })
  if fn.exists('##WinScrolled') == 1 then
    api.nvim_create_autocmd({ 'WinScrolled', 'CursorMoved' }, {
      buffer = asked.screen,
      callback = function()
        look(asked)
      end,
    })
  end
end

local function open(asked)
  count = count + 1
  local takes_cursor = moment.may_take_cursor(asked.buf)
  local text = texts.build(asked.question, #queue - 1, vim.o.columns)
  asked.screen = screen.open('venice://approve/' .. count, 'venice-approve', text, {
    window = function(buffer)
      require('venice.chat.private').harden(buffer)
      open_window(buffer, height_of(text))
    end,
    keys = keys_of(asked),
    stay = not takes_cursor,
  })
  for _, win in ipairs(fn.win_findbuf(asked.screen)) do
    set_options(win, asked.question)
    api.nvim_win_set_cursor(win, { 1, 0 })
  end
  watch(asked)
  if takes_cursor then
    asked.quiet_until = uv.now() + M.PAUSE
  else
    local words = '%s wants to %s: the question is in the window below (<C-w>b)'
    say(words:format(asked.question.chat, asked.question.title))
  end
end

local function forget_half_open()
  local name = 'venice://approve/' .. count
  for _, buf in ipairs(api.nvim_list_bufs()) do
    if api.nvim_buf_get_name(buf) == name then
      pcall(api.nvim_buf_delete, buf, { force = true })
    end
  end
end

function show_next()
  local asked = queue[1]
  if not asked or asked.opening then
    return
  end
  local words = '%s wants to %s'
  asked.opening = moment.when_free(
    words:format(asked.question.chat, asked.question.title),
    function()
      local ok, err = pcall(open, asked)
      if not ok then
        asked.screen = nil
        forget_half_open()
        error(err, 0)
      end
    end,
    function()
      answer(asked, 'no')
    end
  )
end

-- Asking ------------------------------------------------------------------------------------------

--- Asks. Where is_possible() is false nobody would answer.
---@param question venice.Question
---@param buf integer|nil of the chat that asks
---@param on_answer fun(answer: 'once'|'always'|'no') once, later, unless close() comes first
---@return { close: fun() } withdraws the question
function M.ask(question, buf, on_answer)
  local asked = { question = question, buf = buf, on_answer = on_answer }
  queue[#queue + 1] = asked
  vim.schedule(show_next)
  return {
    close = function()
      close(asked)
    end,
  }
end

--- Goes to the question that stands on the screen.
---@return boolean there is one
function M.focus()
  local asked = queue[1]
  local win = asked and asked.screen and fn.win_findbuf(asked.screen)[1]
  if win then
    api.nvim_set_current_win(win)
  end
  return win ~= nil
end

return M
