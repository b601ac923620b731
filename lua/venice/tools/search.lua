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
---@field file venice.SearchedFile|nil that is searched now
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

local function add_match(self, path, number, line)
  local shown, is_cut = bounds.head(line, MAX_LINE)
  local match = ('%s:%d: %s%s'):format(path, number, shown, is_cut and ' […]' or '')
  self.size = self.size + bounds.size(match) + 1
  if self.size > self.job.limit or #self.matches >= MAX_MATCHES then
    self.is_cut = true
    return false
  end
  self.matches[#self.matches + 1] = match
  return true
end

-- A file is searched in windows, so that a text that nearly fits everywhere holds nobody.
local WINDOW = 16384

---@class venice.SearchedFile
---@field path string
---@field text string
---@field at integer where the next window begins
---@field number integer of the line that it begins in
---@field start integer where that line begins
---@field done integer|nil where the line begins that was given last
---@field has_match boolean|nil

-- Where in a window one of the texts begins: positions in the file, not two of one line.
local function places_in(self, file, stop)
  local places = {}
  for _, needle in ipairs(self.texts) do
    local window = file.text:sub(file.at, stop + #needle - 1)
    window = self.job.arguments.ignore_case and window:lower() or window
    local position = 1
    while #places <= MAX_MATCHES * MAX_TEXTS do
      local found = window:find(needle, position, true)
      if not found then
        break
      end
      places[#places + 1] = file.at + found - 1
      position = window:find('\n', found, true)
      if not position then
        break
      end
    end
  end
  table.sort(places)
  return places
end

local function give_line(self, file)
  if file.done == file.start then
    return true
  end
  file.done = file.start
  if not file.has_match then
    file.has_match = true
    self.in_files = self.in_files + 1
  end
  local stop = file.text:find('\n', file.start, true) or #file.text + 1
  if file.text:byte(stop - 1) == 13 then
    stop = stop - 1
  end
  -- What is cut anyway is not copied.
  stop = math.min(stop - 1, file.start + 4 * MAX_LINE)
  return add_match(self, file.path, file.number, file.text:sub(file.start, stop))
end

-- One window of a file; false where all of it was searched.
local function search_window(self, file)
  local stop = math.min(file.at + WINDOW - 1, #file.text)
  local function go_to(position)
    while true do
      local found = file.text:find('\n', file.at, true)
      if not found or found >= position then
        file.at = position
        return
      end
      file.number, file.start, file.at = file.number + 1, found + 1, found + 1
    end
  end
  for _, place in ipairs(places_in(self, file, stop)) do
    go_to(place)
    if not give_line(self, file) then
      return false
    end
  end
  go_to(stop + 1)
  return stop < #file.text
end

-- The next file.
local function open_next(self)
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
    self.file = { path = path, text = file.text, at = 1, number = 1, start = 1 }
  elseif err.code == 'too_large' then
    self.too_large = self.too_large + 1
  end
end

local function step(self)
  if not self.file then
    return open_next(self)
  elseif not search_window(self, self.file) then
    self.file = nil
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
  local match, err = require('venice.tools.files').matcher(self.job.arguments.files)
  if err then
    return self.job:fail(err)
  end
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
