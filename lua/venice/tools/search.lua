-- The tool that searches the text of files. It looks for plain text, not for a pattern: a pattern
-- from a model could hold the editor for ever, and a program that does it in a process of its own
-- would show the pattern to everybody who lists processes.

local bounds = require('venice.tools.bounds')
local errors = require('venice.errors')
local slices = require('venice.tools.slices')

local M = {}

local MAX_MATCHES = 200
local MAX_FILE = 1024 * 1024
local MAX_TOTAL = 64 * 1024 * 1024
-- Of a line that is shown, in bytes of JSON.
local MAX_LINE = 300
local MAX_TEXTS = 16
local ROOM = 500

---@class venice.Search
---@field job venice.ToolJob
---@field texts string[] any of them is looked for
---@field files string[]
---@field matches string[]
local Search = {}
Search.__index = Search

local function texts_of(arguments)
  local texts = {}
  for line in (arguments.text .. '\n'):gmatch('([^\n]*)\n') do
    line = line:gsub('\r$', '')
    if line ~= '' then
      texts[#texts + 1] = arguments.ignore_case and line:lower() or line
    end
  end
  return texts
end

-- Where the lines begin that hold one of the texts, in order.
local function lines_with(self, text)
  local haystack = self.job.arguments.ignore_case and text:lower() or text
  local seen, starts = {}, {}
  for _, needle in ipairs(self.texts) do
    local position, count = 1, 0
    while count <= MAX_MATCHES do
      local found = haystack:find(needle, position, true)
      if not found then
        break
      end
      local start = found
      while start > 1 and haystack:byte(start - 1) ~= 10 do
        start = start - 1
      end
      if not seen[start] then
        seen[start], starts[#starts + 1], count = true, start, count + 1
      end
      position = haystack:find('\n', found, true) or #haystack + 1
    end
  end
  table.sort(starts)
  return starts
end

local function add_match(self, path, number, line)
  local shown, is_cut = bounds.head(line:gsub('\r$', ''), MAX_LINE)
  local match = ('%s:%d: %s%s'):format(path, number, shown, is_cut and ' […]' or '')
  self.size = self.size + bounds.size(match) + 1
  if self.size > self.job.limit or #self.matches >= MAX_MATCHES then
    self.is_cut = true
    return false
  end
  self.matches[#self.matches + 1] = match
  return true
end

local function search_text(self, path, text)
  local number, position, is_first = 1, 1, true
  for _, start in ipairs(lines_with(self, text)) do
    number = number + select(2, text:sub(position, start - 1):gsub('\n', '\n'))
    position = start
    if not add_match(self, path, number, text:match('^[^\n]*', start)) then
      return
    end
    self.in_files = self.in_files + (is_first and 1 or 0)
    is_first = false
  end
end

local function step(self)
  self.at = self.at + 1
  local path = self.files[self.at]
  if not path or self.is_cut then
    return true
  elseif self.total > MAX_TOTAL then
    self.not_searched = #self.files - self.at + 1
    return true
  end
  local offered = self.job.session.offered
  local place = { path = path, real = (offered.root == '/' and '' or offered.root) .. '/' .. path }
  local file, err = offered:read(place, { max_size = MAX_FILE, buffers = self.buffers })
  if file then
    self.total = self.total + #file.text
    search_text(self, path, file.text)
  elseif err.code == 'too_large' then
    self.too_large = self.too_large + 1
  end
end

local function note_of(self)
  local notes = {}
  if #self.matches == 0 then
    notes[1] = 'nothing was found'
  end
  if self.is_cut then
    notes[#notes + 1] = ('the first %d; narrow it with path or files'):format(#self.matches)
  end
  if self.too_large > 0 then
    notes[#notes + 1] = 'files passed by, for they are over 1 MB: ' .. self.too_large
  end
  if self.not_searched or self.list_is_cut then
    notes[#notes + 1] = 'not every file was searched; narrow it with path or files'
  end
  return #notes > 0 and table.concat(notes, '; ') or nil
end

local function finish(self, failure)
  if failure then
    return self.job:fail(errors.new('internal', failure))
  end
  local words = ('found %d %s in %d %s'):format(
    #self.matches,
    #self.matches == 1 and 'line' or 'lines',
    self.in_files,
    self.in_files == 1 and 'file' or 'files'
  )
  self.job:answer({ matches = bounds.list(self.matches), note = note_of(self) }, words)
end

local function search_files(self, files, list_is_cut)
  self.files, self.list_is_cut = files, list_is_cut
  self.buffers = self.job.session.offered:buffers()
  local finished = self.job:safe(function(failure)
    finish(self, failure)
  end)
  self.job.work = slices.run(function()
    return step(self)
  end, finished)
end

local function look_for_files(self, place)
  local stat = require('venice.compat').uv.fs_stat(place.real)
  if not stat or stat.type ~= 'directory' then
    return search_files(self, { place.path }, false)
  end
  local match = require('venice.tools.files').matcher(self.job.arguments.files)
  self.job:walk(place, match, function(list, is_cut)
    search_files(self, list, is_cut)
  end)
end

--- Searches.
---@param job venice.ToolJob
function M.run(job)
  local self = setmetatable({
    job = job,
    texts = texts_of(job.arguments),
    matches = {},
    size = ROOM,
    at = 0,
    total = 0,
    in_files = 0,
    too_large = 0,
  }, Search)
  if #self.texts == 0 or #self.texts > MAX_TEXTS then
    local words = '"text" must be one to %d lines that are not empty'
    return job:fail(errors.new('bad_request', words:format(MAX_TEXTS)))
  end
  job:find(job.arguments.path or '.', function(place)
    look_for_files(self, place)
  end)
end

return M
