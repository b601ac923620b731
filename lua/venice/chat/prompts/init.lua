-- The prompt library, :Venice prompt: a user's files and the built-in prompts, put into the draft.
--
-- {{selection}} in a prompt is what is selected, else #buffer. What a prompt mentions is expanded
-- at once, so that it can be read and completed before it is sent.

local builtin = require('venice.chat.prompts.builtin')
local context = require('venice.chat.context')
local errors = require('venice.errors')
local files = require('venice.chat.prompts.files')

local api, fn = vim.api, vim.fn
local M = {}

local MAX_SUMMARY = 70

--- The names of all prompts, in the order of the alphabet.
---@return string[]
function M.names()
  local names, seen = {}, {}
  for _, list in ipairs({ (files.names()), vim.tbl_keys(builtin) }) do
    for _, name in ipairs(list) do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  table.sort(names)
  return names
end

--- A prompt by its name; a user's own comes before a built-in one.
---@param name string
---@return venice.Prompt|nil
---@return venice.Error|nil
function M.get(name)
  local prompt, err = files.read(name)
  if prompt or err then
    return prompt, err
  elseif builtin[name] then
    return vim.tbl_extend('error', { name = name }, builtin[name])
  end
  local words = ('there is no prompt %s'):format(name)
  local hint = (':Venice prompt lists what there is; yours are %s/NAME.md'):format(
    fn.fnamemodify(files.folder(), ':~')
  )
  return nil, errors.new('not_found', words, hint)
end

-- Choosing ----------------------------------------------------------------------------------------

local function summary(name)
  local prompt, err = M.get(name)
  if not prompt then
    return err and err.message or ''
  end
  local line = errors.printable(prompt.description or prompt.text:match('[^\n]*'))
  local head = fn.strcharpart(line, 0, MAX_SUMMARY)
  return head == line and line or head .. '…'
end

local function choose(done)
  local names, width = M.names(), 0
  for _, name in ipairs(names) do
    width = math.max(width, fn.strdisplaywidth(name))
  end
  local opts = { prompt = 'Prompt', kind = 'venice_prompt' }
  function opts.format_item(name)
    local padding = (' '):rep(width - fn.strdisplaywidth(name) + 2)
    return errors.printable(name) .. padding .. summary(name)
  end
  local _, is_cut = files.names()
  if is_cut then
    errors.notice(
      ('only the first %d files are listed'):format(files.MAX_FILES),
      vim.log.levels.WARN
    )
  end
  vim.ui.select(names, opts, function(name)
    if name then
      done(name)
    end
  end)
end

-- Into the draft ----------------------------------------------------------------------------------

-- The prompt, and the selection below it.
local function lines_of(prompt, selection)
  local words = '#buffer'
  if selection then
    local place = ('%s:%d-%d'):format(selection.path, selection.first, selection.last)
    words = context.code(place)
  end
  local text = prompt.text:gsub('{{%s*selection%s*}}', function()
    return words
  end)
  local lines = vim.split(text, '\n', { plain = true })
  local count = #lines
  if selection then
    lines[#lines + 1] = ''
    vim.list_extend(lines, context.block(selection))
  end
  return lines, count
end

-- At the end of the prompt, above the blocks: there it is completed.
local function put_cursor(chat, row)
  if api.nvim_get_current_buf() == chat.view.buf then
    local line = api.nvim_buf_get_lines(chat.view.buf, row, row + 1, false)[1] or ''
    pcall(api.nvim_win_set_cursor, 0, { row + 1, #line })
  end
end

local function fill(prompt, selection, sends)
  local lines, count = lines_of(prompt, selection)
  local chat = require('venice.chat').open()
  local row = chat:add(lines)
  put_cursor(chat, row + count - 1)
  -- Both expand.
  if sends then
    chat:send()
  else
    chat:expand()
  end
end

--- Puts a prompt into the draft of the chat that is meant.
---@param name string '': one is chosen from a list
---@param selection venice.Selection|nil
---@param sends boolean|nil sends it too
function M.run(name, selection, sends)
  if selection and context.is_blank(selection) then
    local words = 'the selection is empty; select lines with text in them'
    return errors.warn(words)
  elseif name == '' then
    return choose(function(chosen)
      M.run(chosen, selection, sends)
    end)
  end
  local prompt, err = M.get(name)
  if not prompt then
    -- Later, for an error that is shown inside a command would look like a failure of the command.
    return vim.schedule(function()
      errors.notify(err)
    end)
  end
  fill(prompt, selection, sends)
end

return M
