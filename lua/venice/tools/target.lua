-- The buffer of a file for which a change is proposed. It is loaded only for that, without
-- autocommands, modelines and a swap file, and unloaded again where nothing was accepted.

local compat = require('venice.compat')
local errors = require('venice.errors')

local api, fn = vim.api, vim.fn
local M = {}

---@class venice.Target
---@field buf integer
---@field path string
---@field text string what stands in it
---@field was_there boolean the buffer existed
---@field was_loaded boolean
---@field is_new boolean there is no such file
local Target = {}
Target.__index = Target

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
    text = text:gsub('^\239\187\191', ''):gsub('\r\n', '\n'):gsub('\r', '\n')
    return (text:gsub('\n$', ''))
  end
  return plain(a) == plain(b)
end

local function refuse(words, path)
  return errors.new('bad_request', words:format(errors.printable(path)))
end

-- Loads a file that no buffer holds; its text was read before, from the file that was checked.
local function load_file(self, offered, place)
  self.was_there = fn.bufexists(place.real) == 1
  self.buf = fn.bufadd(place.real)
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
  local self = setmetatable({ path = place.path, was_there = true, was_loaded = true }, Target)
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
  else
    self.was_loaded = false
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

--- Nothing was accepted: the editor is as it was.
function Target:release()
  if self.was_loaded or not api.nvim_buf_is_valid(self.buf) then
    return
  elseif #fn.win_findbuf(self.buf) > 0 or vim.bo[self.buf].modified then
    return self:keep() -- The user has gone there meanwhile.
  end
  pcall(vim.cmd, ('noautocmd %s %d'):format(self.was_there and 'bunload' or 'bwipeout', self.buf))
end

--- Something was accepted, or the user looks at it: it becomes a buffer like all others.
function Target:keep()
  if self.was_loaded or not api.nvim_buf_is_valid(self.buf) then
    return
  end
  vim.bo[self.buf].buflisted = true
  if vim.bo[self.buf].filetype == '' then
    pcall(api.nvim_buf_call, self.buf, function()
      vim.cmd('silent! doautocmd <nomodeline> filetypedetect BufRead')
    end)
  end
end

return M
