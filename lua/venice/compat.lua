-- The differences between Neovim 0.7 and 0.12, in one place.

local M = {}

M.uv = vim.uv or vim.loop

-- The window bar came with 0.8, and with it the data of autocommands.
M.has_winbar = vim.fn.has('nvim-0.8') == 1
M.has_event_data = vim.fn.has('nvim-0.8') == 1

--- Raises unless `value` is of a type. (vim.validate with a table is on its way out.)
---@param name string what the value is called
---@param value any
---@param expected string
---@param optional boolean|nil nil is taken too
---@param level integer|nil whose fault it is, as for error(); default: the caller's caller
function M.check(name, value, expected, optional, level)
  if type(value) ~= expected and not (optional and value == nil) then
    error(('venice: %s: expected %s, got %s'):format(name, expected, type(value)), level or 3)
  end
end

--- A value as JSON.
---@param value any
---@return string
function M.json_encode(value)
  return vim.json.encode(value)
end

-- One well-formed sequence each; () is the position behind it.
local sequences = {
  '^[\194-\223][\128-\191]()',
  '^\224[\160-\191][\128-\191]()',
  '^[\225-\236\238\239][\128-\191][\128-\191]()',
  '^\237[\128-\159][\128-\191]()',
  '^\240[\144-\191][\128-\191][\128-\191]()',
  '^[\241-\243][\128-\191][\128-\191][\128-\191]()',
  '^\244[\128-\143][\128-\191][\128-\191]()',
}

--- The end of a part of a text: `last`, or a little before it where that would cut a character. In
--- what is not UTF-8 it is `last`.
---@param text string
---@param first integer the first byte of the part
---@param last integer
---@return integer at least first - 1, which is no byte at all
function M.character_end(text, first, last)
  for stop = last, math.max(last - 3, first - 1), -1 do
    local behind = text:byte(stop + 1)
    if not behind or behind < 0x80 or behind >= 0xC0 then
      return stop
    end
  end
  return last
end

--- Whether JSON can carry a text as a string: UTF-8 without NUL.
---@param text string
---@return boolean
function M.is_json_text(text)
  if text:find('%z') then
    return false
  end
  local position = text:find('[\128-\255]')
  while position do
    local behind
    for _, pattern in ipairs(sequences) do
      behind = behind or text:match(pattern, position)
    end
    if not behind then
      return false
    end
    position = text:find('[\128-\255]', behind)
  end
  return true
end

local no_null = { luanil = { object = true, array = true } }

--- Decodes JSON that our own library made. Null becomes nil.
---@param text string
---@return any value nil where it is not JSON
function M.json_decode(text)
  local ok, value = pcall(vim.json.decode, text, no_null)
  if not ok or value == vim.NIL then
    return nil
  end
  return value
end

--- Whether a value is a table with nothing but the keys 1 to n.
---@param value any
---@return boolean
function M.islist(value)
  return type(value) == 'table' and (vim.islist or vim.tbl_islist)(value)
end

--- vim.diff(), which 0.12 has under another name.
---@param a string
---@param b string
---@param opts table
---@return any
function M.diff(a, b, opts)
  return (vim.text and vim.text.diff or vim.diff)(a, b, opts)
end

--- Whether a question by vim.ui.select would reach somebody: there is a screen, or another plugin
--- answers it.
---@return boolean
function M.can_ask()
  if #vim.api.nvim_list_uis() > 0 then
    return true
  end
  return debug.getinfo(vim.ui.select, 'S').source:find('vim/ui%.lua$') == nil
end

--- Fires a User autocommand; `data` reaches it where Neovim has that.
---@param pattern string
---@param data table|nil
function M.user_event(pattern, data)
  local opts = { pattern = pattern, modeline = false }
  if M.has_event_data then
    opts.data = data
  end
  vim.api.nvim_exec_autocmds('User', opts)
end

--- Lets a filetype be highlighted as Markdown by tree-sitter, without being `markdown`, which
--- would invite language servers to read it.
---@param filetype string
function M.register_markdown(filetype)
  local language = vim.treesitter and vim.treesitter.language
  if language and language.register then
    pcall(language.register, 'markdown', filetype)
  end
end

--- The functions of :checkhealth under their names of 0.10.
---@return table
function M.health()
  local health = vim.health or require('health')
  return {
    start = health.start or health.report_start,
    ok = health.ok or health.report_ok,
    info = health.info or health.report_info,
    warn = health.warn or health.report_warn,
    error = health.error or health.report_error,
  }
end

return M
