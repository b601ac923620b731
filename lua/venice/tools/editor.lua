-- The tools that look into the editor: its buffers and diagnostics, of offered files only.

local bounds = require('venice.tools.bounds')
local errors = require('venice.errors')
local excerpt = require('venice.tools.excerpt')

local api = vim.api
local M = {}

local MAX_DIAGNOSTICS = 200
local MAX_MESSAGE = 500
local ROOM = 400

-- The buffers of files that are offered, in the order of their paths: { buf, place }.
local function offered_buffers(job, done)
  local offered, places, paths = job.session.offered, {}, {}
  for _, buf in ipairs(api.nvim_list_bufs()) do
    local is_open = api.nvim_buf_is_loaded(buf) and vim.bo[buf].buflisted
    local place = is_open and offered:place_of(buf)
    if place and not places[place.path] and not offered.ignore:is_excluded(place.path) then
      places[place.path] = { buf = buf, place = place }
      paths[#paths + 1] = place.path
    end
  end
  offered.ignore:forget()
  local answered = job:safe(function(err, kept)
    if err then
      return job:fail(err)
    end
    table.sort(kept)
    local list = {}
    for _, path in ipairs(kept) do
      if api.nvim_buf_is_valid(places[path].buf) then
        list[#list + 1] = places[path]
      end
    end
    done(list)
  end)
  job.work = offered:filter(paths, answered)
end

-- Buffers -----------------------------------------------------------------------------------------

local function list_buffers(job)
  offered_buffers(job, function(list)
    local buffers, size, note = {}, ROOM, nil
    for _, entry in ipairs(list) do
      local buffer = {
        name = entry.place.path,
        lines = api.nvim_buf_line_count(entry.buf),
        unsaved = vim.bo[entry.buf].modified or nil,
        visible = #vim.fn.win_findbuf(entry.buf) > 0 or nil,
      }
      size = size + bounds.size(buffer) + 1
      if size > job.limit then
        note = ('the first %d of %d'):format(#buffers, #list)
        break
      end
      buffers[#buffers + 1] = buffer
    end
    local words = ('listed %d %s'):format(#buffers, #buffers == 1 and 'buffer' or 'buffers')
    note = #list == 0 and 'none is open' or note
    job:answer({ buffers = bounds.list(buffers), note = note }, words)
  end)
end

local function no_buffer(name)
  local words = 'no buffer of an offered file is called %s; without a name they are listed'
  return errors.new('not_found', words:format(errors.printable(name)))
end

--- Lists the open files, or gives the text of one.
---@param job venice.ToolJob
function M.buffer(job)
  local name = job.arguments.name
  if not name then
    return list_buffers(job)
  end
  job:find(name, function(place)
    local offered = job.session.offered
    local buf, file, err = offered:buffers()[place.real], nil, no_buffer(name)
    if buf and vim.bo[buf].buflisted then
      file, err = offered:read(place)
    end
    excerpt.answer(job, file, err, { name = place.path })
  end)
end

-- Diagnostics -------------------------------------------------------------------------------------

local severities = { 'error', 'warning', 'info', 'hint' }

local function describe(path, entry)
  local message = bounds.head(errors.printable(tostring(entry.message)), MAX_MESSAGE)
  local severity = severities[entry.severity] or 'error'
  local source = entry.source and (' [%s]'):format(errors.printable(entry.source)) or ''
  local place = ('%s:%d:%d'):format(path, entry.lnum + 1, entry.col + 1)
  return ('%s: %s: %s%s'):format(place, severity, message, source)
end

local function by_place(a, b)
  if a.lnum ~= b.lnum then
    return a.lnum < b.lnum
  end
  return a.col < b.col
end

local function answer_diagnostics(job, list)
  local lines, size, count = {}, ROOM, 0
  for _, entry in ipairs(list) do
    local found = vim.diagnostic.get(entry.buf)
    table.sort(found, by_place)
    count = count + #found
    for _, diagnostic in ipairs(found) do
      local line = describe(entry.place.path, diagnostic)
      size = size + bounds.size(line) + 1
      if size > job.limit or #lines >= MAX_DIAGNOSTICS then
        break
      end
      lines[#lines + 1] = line
    end
  end
  local note
  if #lines < count then
    note = ('the first %d of %d; give a path'):format(#lines, count)
  elseif count == 0 then
    note = 'there are none'
  end
  local words = ('found %d %s'):format(count, count == 1 and 'diagnostic' or 'diagnostics')
  job:answer({ diagnostics = bounds.list(lines), note = note }, words)
end

--- Gives the diagnostics of one file, or of all that are open.
---@param job venice.ToolJob
function M.diagnostics(job)
  local path = job.arguments.path
  if not path then
    return offered_buffers(job, function(list)
      answer_diagnostics(job, list)
    end)
  end
  job:find(path, function(place)
    local buf = job.session.offered:buffers()[place.real]
    if not buf then
      return job:fail(no_buffer(path))
    end
    answer_diagnostics(job, { { buf = buf, place = place } })
  end)
end

return M
