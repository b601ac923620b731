-- Asks the user whether a call of a tool may run, in a window at the bottom. One question at a
-- time; those of other chats wait behind it.
--
-- A key that was meant for something else must not answer. So the cursor goes to the question only
-- from the chat that asks, in normal mode; from anywhere else the user goes there (<C-w>b). Which
-- keys answer is attention.lua's: nothing is approved of which a line was not in sight.

local attention = require('venice.attention')
local errors = require('venice.errors')
local screen = require('venice.evidence.screen')
local texts = require('venice.tools.approval_text')

local api, fn = vim.api, vim.fn
local M = {}

---@class venice.Asked
---@field question venice.Question
---@field on_answer fun(answer: 'once'|'always'|'no')
---@field buf integer|nil of the chat
---@field screen integer|nil the buffer of its window
---@field watch venice.Watch|nil
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
  if asked.watch then
    asked.watch:stop()
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

local function approve(asked, word)
  if word == 'always' and not asked.question.may_always then
    return errors.warn(asked.question.name .. ' is asked for each time: o runs it once, n does not')
  end
  local counts, why = asked.watch:counts()
  if not counts then
    return errors.brief(why)
  end
  answer(asked, word)
end

local function refuse(asked)
  if asked.watch:may_refuse() then
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
        errors.warn('o runs it, n does not')
      end,
      'venice: say which keys answer',
    },
  }
end

-- The window --------------------------------------------------------------------------------------

local function height_of(text)
  return math.max(math.min(#text.lines, math.floor(vim.o.lines * 0.6)), 3)
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

local function show(asked, win)
  set_options(win, asked.question)
  api.nvim_win_set_cursor(win, { 1, 0 })
  asked.watch = attention.watch(api.nvim_win_get_buf(win), { lift = screen.lift })
  api.nvim_create_autocmd('BufWipeout', {
    buffer = api.nvim_win_get_buf(win),
    once = true,
    callback = function()
      -- Not inside the closing of a window.
      vim.schedule(function()
        answer(asked, 'no')
      end)
    end,
  })
end

function show_next()
  local asked = queue[1]
  if not asked or asked.screen then
    return
  end
  count = count + 1
  local function text()
    return texts.build(asked.question, #queue - 1, vim.o.columns)
  end
  asked.screen = screen.open('venice://approve/' .. count, 'venice-approve', text, {
    words = ('%s wants to %s'):format(asked.question.chat, asked.question.title),
    keys = keys_of(asked),
    command = ('botright %dsplit'):format(height_of(text())),
    height = function()
      return height_of(text())
    end,
    stay = function()
      return not asked.buf or not attention.may_take_cursor(asked.buf)
    end,
    prepare = require('venice.chat.private').harden,
    on_show = function(win)
      show(asked, win)
    end,
    on_failure = function(why)
      errors.warn(('the question of %s cannot be shown: %s'):format(asked.question.chat, why))
      answer(asked, 'no')
    end,
  })
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
