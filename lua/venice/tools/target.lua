-- The buffer of a file for which a change is proposed. It is loaded only for that, without
-- autocommands, modelines and a swap file, and unloaded again where nothing was accepted. Several
-- proposals, of several chats, may be about one file: the last one that ends it unloads it.

local compat = require('venice.compat')
local errors = require('venice.errors')

local api, fn = vim.api, vim.fn
local M = {}

---@class venice.Target
---@field buf integer
---@field path string
---@field text string what stands in it
---@field use venice.TargetUse
---@field is_new boolean there is no such file
local Target = {}
Target.__index = Target

---@class venice.TargetUse of one buffer, by all proposals for it
---@field count integer of them
---@field was_there boolean the buffer existed before
---@field was_loaded boolean
local uses = {} ---@type table<integer, venice.TargetUse>

-- Notes that a proposal is about a buffer.
local function use(self, was_there, was_loaded)
  local entry = uses[self.buf]
  if not entry then
    entry = { count = 0, was_there = was_there, was_loaded = was_loaded }
    uses[self.buf] = entry
  end
  entry.count = entry.count + 1
  self.use = entry
end

-- Whether this was the last proposal that needed its buffer. Each ends once.
local function was_last(self)
  local entry = self.use
  if not entry then
    return false
  end
  self.use = nil
  entry.count = entry.count - 1
  if entry.count > 0 then
    return false
  elseif uses[self.buf] == entry then
    uses[self.buf] = nil
  end
  return not entry.was_loaded and api.nvim_buf_is_valid(self.buf)
end

-- 'modeline' of a buffer comes from the global value when it is loaded.
local function load(buf)
  local modeline = vim.go.modeline
  vim.go.modeline = false
  local ok, err = pcall(vim.cmd, ('silent noautocmd noswapfile call bufload(%d)'):format(buf))
  vim.go.modeline = modeline
  return ok, err
end

local function same_text(a, b)
  local function plain(text)
    text = text:sub(1, 3) == '\239\187\191' and text:sub(4) or text
    if text:find('\r', 1, true) then
      text = text:gsub('\r\n', '\n'):gsub('\r', '\n')
    end
    return text:byte(-1) == 10 and text:sub(1, -2) or text
  end
  return a == b or plain(a) == plain(b)
end

local function refuse(words, path)
  return errors.new('bad_request', words:format(errors.printable(path)))
end

-- Loads a file that no buffer holds; its text was read before, from the file that was checked.
local function load_file(self, offered, place)
  local was_there = fn.bufexists(place.real) == 1
  self.buf = fn.bufadd(place.real)
  use(self, was_there, false)
  local ok, err = load(self.buf)
  if not ok or not api.nvim_buf_is_loaded(self.buf) then
    return errors.new('internal', ('%s cannot be loaded: %s'):format(place.path, tostring(err)))
  end
  local real = offered.guard:resolve_new(place.path)
  self.text = require('venice.tools.offered').buffer_text(self.buf)
  if real ~= place.real or not same_text(self.text, self.file_text) then
    return refuse('%s changed while it was opened', place.path)
  end
end

local function exists(place)
  return compat.uv.fs_lstat(place.real) ~= nil
end

--- Opens the buffer of a place.
---@param offered venice.Offered
---@param place venice.FilePlace
---@return venice.Target|nil
---@return venice.Error|nil
function M.open(offered, place)
  local self = setmetatable({ path = place.path }, Target)
  self.is_new = not exists(place)
  local buf = offered:buffers()[place.real]
  local file, err
  if buf or not self.is_new then
    file, err = offered:read(place)
    if not file then
      return nil, err
    end
  end
  if buf then
    self.buf, self.text = buf, file.text
    use(self, true, true)
  else
    self.file_text = file and file.text or ''
    err = load_file(self, offered, place)
  end
  err = err or require('venice.edit.anchor').refusal(self.buf)
  if err then
    self:release()
    return nil, err
  end
  return self
end

-- It becomes a buffer like all others.
local function adopt(buf)
  vim.bo[buf].buflisted = true
  if vim.bo[buf].filetype == '' then
    pcall(api.nvim_buf_call, buf, function()
      vim.cmd('silent! doautocmd <nomodeline> filetypedetect BufRead')
    end)
  end
end

--- Nothing was accepted: the editor is as it was.
function Target:release()
  local entry = self.use
  if not was_last(self) then
    return
  elseif #fn.win_findbuf(self.buf) > 0 or vim.bo[self.buf].modified then
    return adopt(self.buf) -- The user has gone there meanwhile.
  end
  pcall(vim.cmd, ('noautocmd %s %d'):format(entry.was_there and 'bunload' or 'bwipeout', self.buf))
end

--- Something was accepted: the buffer stays, whatever becomes of other proposals for it.
function Target:keep()
  local entry = self.use
  if entry and not entry.was_loaded and api.nvim_buf_is_valid(self.buf) then
    entry.was_loaded = true
    adopt(self.buf)
  end
  was_last(self)
end

return M
