-- What a mention stands for: the text of a buffer or of a file here, lists and diffs in
-- lists.lua. Each becomes a block for the prompt, and words that point to the block.

local api = vim.api
local compat = require('venice.compat')
local config = require('venice.config')
local context = require('venice.chat.context')
local errors = require('venice.errors')
local lists = require('venice.chat.context.lists')
local text_file = require('venice.chat.context.text_file')

local M = {}

---@class venice.Source
---@field key string the same for two mentions of one thing
---@field words string what stands in the mention's place
---@field block string[] lines that stand below the prompt
---@field care string|nil why it is sent only after another look: "… is outside the working folder"

-- Files and buffers -------------------------------------------------------------------------------

-- Text that was pasted may name any file. What is not of the project, or usually holds secrets, is
-- not sent with the key that expands it.
local function care_of(real, written)
  local guard = require('venice.tools.paths').new(compat.uv.cwd() or '/')
  local _, relative = nil, nil
  if guard then
    _, relative = guard:place(real)
  end
  if not relative then
    return 'is outside the working folder'
  end
  local exclude = require('venice.tools.options').read(config.get().tools).exclude
  local rules = require('venice.tools.ignore').new(guard.root, { exclude = exclude, git = false })
  if rules:is_excluded(relative) or rules:is_excluded(written) then
    return 'is on the list of secrets'
  end
end

local function finish(key, chosen, done, care)
  if context.is_blank(chosen) then
    local words = chosen.path .. ' is empty'
    return done(nil, errors.new('not_found', words, 'there is nothing in it to send'))
  end
  done({
    key = key,
    words = context.code(chosen.path),
    block = context.block(chosen),
    care = care and ('%s %s'):format(chosen.path, care) or nil,
  })
end

-- `is_named`: not just the file that the user is in.
local function from_buffer(buf, done, is_named)
  local count, name = api.nvim_buf_line_count(buf), api.nvim_buf_get_name(buf)
  if api.nvim_buf_get_offset(buf, count) > context.MAX_SIZE then
    return done(nil, context.too_large(context.path_of(buf)))
  end
  local real = name ~= '' and compat.uv.fs_realpath(name)
  local care = real and care_of(real, name)
  if care == 'is outside the working folder' and not is_named then
    care = nil
  end
  finish(real or 'buffer ' .. buf, context.lines(buf, 1, count), done, care)
end

-- Before 0.8 there is no such function; the end of a name says enough then.
local function filetype_of(path)
  local ok, filetype = pcall(function()
    return vim.filetype.match({ filename = path })
  end)
  if not ok or type(filetype) ~= 'string' then
    filetype = path:match('%.([^./]+)$') or ''
  end
  return filetype:match('^[%w_.+-]+$') or ''
end

local function from_disk(path, real, done)
  local shown = context.path(path)
  text_file.read(path, context.MAX_SIZE, function(problem, hint, text)
    if problem then
      return done(nil, errors.new('bad_request', shown .. ' ' .. problem, hint))
    elseif not text then
      return done(nil, context.too_large(shown))
    end
    local lines = text_file.lines(text)
    local chosen = { path = shown, filetype = filetype_of(path), first = 1, last = #lines }
    chosen.lines = lines
    finish(real, chosen, done, care_of(real, path))
  end)
end

-- The buffer that holds a file: what is seen there counts, saved or not.
local function buffer_of(real)
  for _, buf in ipairs(api.nvim_list_bufs()) do
    if api.nvim_buf_is_loaded(buf) and vim.bo[buf].buftype == '' then
      local name = api.nvim_buf_get_name(buf)
      if name == real or name ~= '' and compat.uv.fs_realpath(name) == real then
        return buf
      end
    end
  end
end

local function from_file(path, done)
  local written = config.expand(path)
  local real = not written:find('%z') and compat.uv.fs_realpath(written)
  if not real then
    local words = 'there is no file ' .. errors.printable(path)
    local hint = 'a path begins in %s; one with spaces needs quotes, #file:"a b"'
    return done(nil, errors.new('not_found', words, hint:format(context.path(compat.uv.cwd()))))
  end
  local buf = buffer_of(real)
  if buf then
    return from_buffer(buf, done, true)
  end
  from_disk(vim.fn.simplify(written), real, done)
end

-- #buffer and #buffer:NAME ------------------------------------------------------------------------

local function is_chat(buf)
  return vim.bo[buf].filetype == 'venice'
end

--- The buffers that can be named: those in the list, but for chats.
---@return integer[]
function M.buffers()
  return vim.tbl_filter(function(buf)
    return vim.bo[buf].buflisted and not is_chat(buf) and api.nvim_buf_get_name(buf) ~= ''
  end, api.nvim_list_bufs())
end

-- By number, by whole path, by the end of a path.
local function buffers_named(name)
  local number = name:find('^%d+$') and tonumber(name)
  if number and number > 0 and number < 2 ^ 31 and api.nvim_buf_is_valid(number) then
    return is_chat(number) and {} or { number }
  end
  local whole, ends, path = {}, {}, config.expand(name)
  for _, buf in ipairs(M.buffers()) do
    local full = api.nvim_buf_get_name(buf)
    if full == path or full == name or context.path(full) == name then
      whole[#whole + 1] = buf
    elseif full:sub(-#name - 1) == '/' .. name then
      ends[#ends + 1] = buf
    end
  end
  return #whole > 0 and whole or ends
end

local function from_named_buffer(name, done)
  local found, shown = buffers_named(name), errors.printable(name)
  if #found == 0 then
    local hint = ':ls lists them; #file: names a file'
    return done(nil, errors.new('not_found', 'there is no buffer ' .. shown, hint))
  elseif #found > 1 then
    local words = ('%d buffers are called %s'):format(#found, shown)
    local hint = 'write more of its path, or its number from :ls'
    return done(nil, errors.new('bad_request', words, hint))
  elseif api.nvim_buf_is_loaded(found[1]) then
    return from_buffer(found[1], done, true)
  end
  -- It is in the list, but has not been looked at yet.
  from_file(api.nvim_buf_get_name(found[1]), done)
end

-- All ---------------------------------------------------------------------------------------------

local function no_file()
  local words = 'there is no buffer with a file'
  return errors.new('not_found', words, 'open a file, or name one with #file:')
end

local gatherers = {
  buffer = function(argument, origin, done)
    if argument then
      return from_named_buffer(argument, done)
    elseif not origin then
      return done(nil, no_file())
    end
    from_buffer(origin, done)
  end,
  file = function(argument, _, done)
    from_file(argument, done)
  end,
  diagnostics = function(argument, origin, done)
    if not argument and not origin then
      return done(nil, no_file())
    end
    done(lists.diagnostics(not argument and origin or nil))
  end,
  diff = function(argument, origin, done)
    return lists.diff(origin, argument ~= nil, done)
  end,
  quickfix = function(_, _, done)
    done(lists.quickfix())
  end,
}

-- What may stand behind the colon, where that is not a name.
local arguments = { diagnostics = 'all', diff = 'staged', quickfix = '' }

-- Why a mention means nothing.
local function problem_of(mention)
  local argument = arguments[mention.kind]
  if mention.problem then
    local hint = 'write it as #%s:name, or #%s:"a name with spaces"'
    hint = hint:format(mention.kind, mention.kind)
    return errors.new('bad_request', 'this ' .. mention.problem, hint)
  elseif argument and mention.argument and mention.argument ~= argument then
    local hint = argument == '' and 'write #%s' or 'write #%s or #%s:%s'
    hint = hint:format(mention.kind, mention.kind, argument)
    return errors.new('bad_request', 'there is no such source', hint)
  end
end

--- Finds what a mention stands for.
---@param mention venice.Mention
---@param origin integer|nil the buffer that #buffer means
---@param done fun(source: venice.Source|nil, err: venice.Error|nil) on the main loop, once; maybe
---  before this returns
---@return { stop: fun() }|nil where there is something to stop
function M.gather(mention, origin, done)
  local function with_name(source, err)
    if err and err.code ~= 'cancelled' then
      err = errors.new(err.code, mention.raw .. ': ' .. err.message, err.hint)
    end
    if err or not source then
      return done(nil, err)
    end
    -- A NUL can be sent, bytes that are no character cannot.
    local text = table.concat(source.block, '\n'):gsub('%z', '')
    text_file.check(text, function(can)
      if can then
        return done(source)
      end
      local words = mention.raw .. ': this is not text in UTF-8'
      local hint = 'give the lines that matter with :VeniceChat and a range'
      done(nil, errors.new('bad_request', words, hint))
    end)
  end
  local problem = problem_of(mention)
  if problem then
    return with_name(nil, problem)
  elseif origin and not api.nvim_buf_is_valid(origin) then
    origin = nil
  end
  return gatherers[mention.kind](mention.argument, origin, with_name)
end

return M
