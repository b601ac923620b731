-- The bar of a chat: who answers, what was proven, what it costs. Words that warn come first, are
-- coloured and are never cut; what has no room is left out from the right.
--
-- The option holds an expression, so that Neovim asks for the words at every redraw, in the width
-- of that moment. Where the option holds something else, another plugin has taken the bar: then the
-- words that warn stand in a header of the chat.

local compat = require('venice.compat')
local config = require('venice.config')
local errors = require('venice.errors')
local progress = require('venice.chat.progress')
local usage = require('venice.chat.usage')

local api, fn = vim.api, vim.fn
local columns = fn.strdisplaywidth
local M = {}

--- The option that holds the bar.
M.OPTION = compat.has_winbar and 'winbar' or 'statusline'

local EXPRESSION = "%{%v:lua.require'venice.chat.bar'.text()%}"
local SEPARATOR = ' · '
local SHORTEST_NAME = 8 -- columns
local NO_TITLE = fn.has('nvim-0.9') == 0

-- The words ---------------------------------------------------------------------------------------

---@class venice.BarWords
---@field warnings venice.Piece[]
---@field name string of the model
---@field rest venice.Piece[]

-- What is said of trust, as pieces; the words come from the report and nowhere else.
local function trust(report)
  if report then
    return require('venice.evidence.report_words').pieces(report)
  elseif not config.last_good().verify.attestation then
    return { { text = 'UNVERIFIED', group = 'VeniceBarFail' } }
  end
  return { { text = 'not attested yet' } }
end

--- The words on a model and what was proven of it, by their kinds.
---@param model string|nil
---@param report table|nil
---@return venice.BarWords
function M.model_parts(model, report)
  local parts = { warnings = {}, rest = {} }
  parts.name = errors.printable(model or 'no model chosen')
  if config.failure() then
    parts.warnings[1] = { text = 'options refused', group = 'VeniceBarFail' }
  end
  for _, piece in ipairs(trust(report)) do
    table.insert(piece.group and parts.warnings or parts.rest, piece)
  end
  return parts
end

-- Without what its request does.
local function lasting_parts(chat)
  local parts = M.model_parts(chat.model, chat.report)
  if chat.tools then
    table.insert(parts.rest, { text = 'tools' })
  end
  local total = chat:total()
  if total then
    table.insert(parts.rest, { text = usage.words(total, true), full = usage.words(total) })
  end
  return parts
end

--- The words of a chat's bar by their kinds.
---@param chat venice.Chat
---@return venice.BarWords
function M.parts(chat)
  local parts, request = lasting_parts(chat), chat.request
  local quiet = request and request.kept_alive and request:kept_alive()
  if quiet then
    table.insert(parts.warnings, { text = progress.kept_alive(quiet), group = 'VeniceBarWarn' })
  end
  return parts
end

--- All words in one line, for status lines of users.
---@param chat venice.Chat
---@param activity string|nil what the chat does
---@return string
function M.words(chat, activity)
  local parts, words = lasting_parts(chat), {}
  for _, piece in ipairs(parts.warnings) do
    words[#words + 1] = piece.text
  end
  words[#words + 1] = activity
  words[#words + 1] = parts.name
  for _, piece in ipairs(parts.rest) do
    words[#words + 1] = piece.text
  end
  return table.concat(words, SEPARATOR)
end

-- What has room -----------------------------------------------------------------------------------

--- Words cut to a width, with a sign that they are.
---@param words string
---@param room integer columns
---@return string
function M.shorten(words, room)
  if columns(words) <= room then
    return words
  elseif room < 2 then
    return ''
  end
  while columns(words) >= room do
    words = fn.strcharpart(words, 0, fn.strchars(words) - 1)
  end
  return words .. '…'
end

local function copy(list)
  return { unpack(list) }
end

local function width_of(pieces, separator)
  local width = 0
  for i, piece in ipairs(pieces) do
    width = width + columns(piece.text) + (i > 1 and columns(separator) or 0)
  end
  return width
end

--- The warnings that have room, whole: all of them in any window that is not tiny. The first is
--- always there.
---@param warnings venice.Piece[]
---@param room integer columns
---@return venice.Piece[] warnings
---@return string separator
---@return integer width
function M.fit_warnings(warnings, room)
  local kept, separator = copy(warnings), SEPARATOR
  if width_of(kept, separator) > room then
    separator = ' '
  end
  while #kept > 1 and width_of(kept, separator) > room do
    kept[#kept] = nil
  end
  return kept, separator, width_of(kept, separator)
end

-- The model's name gives way to the word behind it, which says what was proven.
local function fit_name(name, next_piece, left)
  local beside = next_piece and columns(SEPARATOR .. next_piece.text) or 0
  for _, room in ipairs({ left - beside, left }) do
    if columns(name) <= room or room >= SHORTEST_NAME then
      return M.shorten(name, room)
    end
  end
  return ''
end

-- Pieces whose full words have room get them.
local function widen(pieces, left)
  for i, piece in ipairs(pieces) do
    local more = piece.full and columns(piece.full) - columns(piece.text)
    if more and more <= left then
      pieces[i] = { text = piece.full, group = piece.group }
      left = left - more
    end
  end
end

--- The words of a bar that have room, as chunks of text and highlight group. Pure.
---@param parts venice.BarWords
---@param width integer columns
---@return table[] chunks { text, group|nil }
function M.fit(parts, width)
  local warnings, separator, taken = M.fit_warnings(parts.warnings, width)
  local pieces = copy(warnings)
  local first = #pieces > 0 and columns(SEPARATOR) or 0
  local left = width - taken
  local name = fit_name(parts.name, parts.rest[1], left - first)
  if name ~= '' then
    pieces[#pieces + 1] = { text = name }
    left = left - first - columns(name)
    local is_whole = true
    for _, piece in ipairs(parts.rest) do
      local needed = columns(SEPARATOR .. piece.text)
      is_whole = is_whole and needed <= left
      if is_whole then
        pieces[#pieces + 1] = piece
        left = left - needed
      end
    end
    if is_whole then
      widen(pieces, left)
    end
  end
  local chunks = {}
  for i, piece in ipairs(pieces) do
    if i > 1 then
      chunks[#chunks + 1] = { i <= #warnings and separator or SEPARATOR }
    end
    chunks[#chunks + 1] = { piece.text, piece.group }
  end
  return chunks
end

-- The option --------------------------------------------------------------------------------------

-- Where a status line is the bar, it says where the cursor is too.
local RULER = '%<%= %l,%c '
local RULER_COLUMNS = 10

--- Chunks of fit() as text of an option like 'statusline'.
---@param chunks table[]
---@return string
function M.to_option(chunks)
  local text = {}
  for i, chunk in ipairs(chunks) do
    local words = chunk[1]:gsub('%%', '%%%%')
    text[i] = chunk[2] and ('%%#%s#%s%%*'):format(chunk[2], words) or words
  end
  return table.concat(text)
end

local function chat_of(buf)
  local chats = package.loaded['venice.chat']
  return chats and chats.of_buffer(buf)
end

local function text_of(win)
  local chat = chat_of(api.nvim_win_get_buf(win))
  if not chat then
    return ''
  end
  local is_global = M.OPTION == 'statusline' and vim.o.laststatus == 3
  local width = is_global and vim.o.columns or api.nvim_win_get_width(win)
  local has_ruler = not compat.has_winbar and width >= 60
  local room = width - 1 - (has_ruler and RULER_COLUMNS or 0)
  return ' ' .. M.to_option(M.fit(M.parts(chat), room)) .. (has_ruler and RULER or '')
end

--- What the option shows; Neovim asks, in the window whose bar it draws.
---@return string
function M.text()
  -- After an error Neovim would empty the option.
  local ok, text = pcall(text_of, api.nvim_get_current_win())
  return ok and text or ' venice: the bar failed: ' .. tostring(text):gsub('[%%%c]', ' ')
end

--- Gives a window the bar of the chat that it shows.
---@param win integer
function M.set(win)
  api.nvim_win_call(win, function()
    vim.opt_local[M.OPTION] = EXPRESSION
  end)
end

-- Who has the bar ---------------------------------------------------------------------------------

--- Whether the option of a window still holds our bar.
---@param win integer
---@return boolean
function M.is_ours(win)
  return api.nvim_win_get_option(win, M.OPTION) == EXPRESSION
end

-- A status line is not drawn in every window.
local function has_statusline(win)
  if api.nvim_win_get_config(win).relative ~= '' then
    return false
  end
  local is_last = vim.o.laststatus
  if is_last == 1 then
    local count = 0
    for _, other in ipairs(api.nvim_tabpage_list_wins(api.nvim_win_get_tabpage(win))) do
      count = count + (api.nvim_win_get_config(other).relative == '' and 1 or 0)
    end
    return count > 1
  end
  return is_last == 2
end

--- Whether the bar of a window is ours and is drawn.
---@param win integer
---@return boolean
function M.is_in_sight(win)
  if not M.is_ours(win) then
    return false
  elseif compat.has_winbar then
    return fn.getwininfo(win)[1].winbar ~= 0
  end
  return has_statusline(win)
end

-- How many of the words that warn are in sight in the bar of every window of a chat.
local function count_shown(chat, warnings)
  local count = #warnings
  for _, win in ipairs(count > 0 and fn.win_findbuf(chat.view.buf) or {}) do
    local shown = {}
    if M.is_in_sight(win) then
      shown = M.fit_warnings(warnings, api.nvim_win_get_width(win) - 1)
    end
    count = math.min(count, #shown)
  end
  return count
end

-- A float of ours has the model in its title, and the words that warn where no bar shows them.
local function set_title(win, name, warnings)
  local ok, is_ours = pcall(api.nvim_win_get_var, win, 'venice_float')
  if NO_TITLE or not (ok and is_ours) then
    return
  end
  local room = math.max(api.nvim_win_get_width(win) - 4, 1)
  local chunks = M.fit({ warnings = warnings, name = name, rest = {} }, room)
  local title = { { ' ' } }
  for _, chunk in ipairs(chunks) do
    title[#title + 1] = { chunk[1], chunk[2] or 'FloatTitle' }
  end
  title[#title + 1] = { ' ' }
  pcall(api.nvim_win_set_config, win, { title = title, title_pos = 'left' })
end

--- Draws the bar anew, and in a header the words that warn which no bar shows.
---@param chat venice.Chat
function M.update(chat)
  local view = chat.view
  if not view:is_valid() then
    return
  end
  local parts = M.parts(chat)
  local shown = count_shown(chat, parts.warnings)
  local others = vim.list_slice(parts.warnings, shown + 1)
  view:warn(others, chat.model)
  for _, win in ipairs(fn.win_findbuf(view.buf)) do
    set_title(win, parts.name, others)
    if M.is_ours(win) then
      -- Setting the same again draws it anew, and nothing else.
      M.set(win)
    end
  end
  chat.bar_state = {
    warnings = parts.warnings,
    shown = shown,
    tick = api.nvim_buf_get_changedtick(view.buf),
  }
end

-- Another plugin may take the bar at any moment, and tells nobody. What it sets is drawn, so that
-- every redraw of a chat is an occasion to look.
local function look(buf)
  local chat = chat_of(buf)
  local state = chat and chat.bar_state
  if not state or state.is_scheduled then
    return
  end
  local shown = count_shown(chat, state.warnings)
  local has_moved = shown < #state.warnings and state.tick ~= api.nvim_buf_get_changedtick(buf)
  if shown ~= state.shown or has_moved then
    state.is_scheduled = true
    vim.schedule(function()
      state.is_scheduled = false
      if not chat.closed then
        M.update(chat)
      end
    end)
  end
end

api.nvim_set_decoration_provider(api.nvim_create_namespace('venice_bar'), {
  on_win = function(_, _, buf)
    pcall(look, buf)
    return false
  end,
})

return M
