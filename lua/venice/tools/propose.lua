-- The tool that proposes a change of a file. The user sees a diff, which is the question: what is
-- accepted changes the buffer, and nothing is written.
--
-- A change that does not fit is not shown, and why it does not fit says something about the file:
-- unless the user has let the model read the file, that is asked about like reading. So a proposal
-- never tells anything without the user's word, whether it fits or not.

local attention = require('venice.attention')
local bounds = require('venice.tools.bounds')
local errors = require('venice.errors')
local targets = require('venice.tools.target')

local api = vim.api
local M = {}

local namespace = api.nvim_create_namespace('venice_proposal')
-- Lines around the change that the model is shown afterwards.
local AROUND = 3
local ROOM = 500

-- Marks the range, so that it is found again whatever is accepted in it. Marks at its edges would
-- move with lines that are put in there, so they stand on the lines around it.
local function mark(buf, change)
  local count = api.nvim_buf_line_count(buf)
  local above, below
  if change.first > 1 then
    above = api.nvim_buf_set_extmark(buf, namespace, change.first - 2, 0, {})
  end
  if change.last < count then
    below = api.nvim_buf_set_extmark(buf, namespace, change.last, 0, {})
  end
  return { above = above, below = below }
end

local function clear(buf, marks)
  for _, id in pairs(marks) do
    pcall(api.nvim_buf_del_extmark, buf, namespace, id)
  end
end

-- The row of a mark; nil where it is lost.
local function row_of(buf, id)
  return api.nvim_buf_get_extmark_by_id(buf, namespace, id, {})[1]
end

-- The range and some lines around it as they are now; nil where it is not known any more.
local function lines_now(buf, marks, limit)
  if not api.nvim_buf_is_loaded(buf) then
    return nil
  end
  local first, last = 0, api.nvim_buf_line_count(buf)
  if marks.above then
    local row = row_of(buf, marks.above)
    if not row then
      return nil
    end
    first = math.max(row + 1 - AROUND, 0)
  end
  if marks.below then
    local row = row_of(buf, marks.below)
    if not row then
      return nil
    end
    last = row + AROUND
  end
  local lines = api.nvim_buf_get_lines(buf, first, math.max(last, first), false)
  return first + 1, (bounds.both_ends(table.concat(lines, '\n'), limit))
end

local function describe(job, target, marks, result)
  local some = '%d of %d changes were accepted, %d refused'
  local words = some:format(result.accepted, result.total, result.refused)
  local first, text
  if job.session:may_read(target.path) then
    first, text = lines_now(target.buf, marks, job.limit - ROOM)
  end
  local note = words .. '. The text in the editor has changed; the file is not written yet.'
  if not text then
    note = note .. ' Read the file to see what stands there now.'
  end
  job:answer({
    path = target.path,
    accepted = result.accepted,
    refused = result.refused,
    note = note,
    first = first,
    text_now = text,
  }, ('%d of %d accepted'):format(result.accepted, result.total))
end

local function decided(job, target, marks, result)
  if result.outcome == 'applied' then
    target:keep()
  else
    target:release()
  end
  -- What was stopped has its result already.
  job:safe(function()
    if result.outcome ~= 'applied' then
      return job:refuse()
    end
    describe(job, target, marks, result)
  end)()
  clear(target.buf, marks)
end

local function review(job, target, change)
  local name = '%s proposes a change of %s; the file is not written'
  local marks = mark(target.buf, change)
  local stays = not attention.may_take_cursor(job.session.buf)
  local diff = require('venice.edit.diff').open({
    buf = target.buf,
    first = change.first,
    last = change.last,
    name = name:format(job.session.name(), errors.printable(target.path)),
    stay = stays,
    on_done = function(result)
      decided(job, target, marks, result)
    end,
  })
  job.work = {
    stop = function()
      diff:close()
    end,
  }
  -- Without its buffer nothing can be decided any more.
  api.nvim_create_autocmd({ 'BufUnload', 'BufWipeout' }, {
    group = diff.group,
    buffer = target.buf,
    once = true,
    callback = function()
      vim.schedule(function()
        job:fail(errors.new('not_found', 'the buffer of the file was closed; nothing was changed'))
        diff:close()
      end)
    end,
  })
  diff:set_text(change.lines, true)
  if stays then
    local words = '%s proposes a change of %s: see the diff'
    errors.warn(words:format(job.session.name(), target.path))
  end
end

-- A window opens when the user's mode allows it; until then it can be stopped.
local function review_soon(job, target, change)
  job:update('waits for you')
  local words = ('%s proposes a change of %s'):format(job.session.name(), target.path)
  local waiting = attention.when_free(words, function()
    review(job, target, change)
  end, function(failure)
    target:release()
    job:fail(errors.new('internal', failure))
  end)
  job.work = job.work
    or {
      stop = function()
        waiting.stop()
        target:release()
      end,
    }
end

-- It does not fit.
local function unfit(job, path, err)
  if job.session:may_read(path) then
    return job:fail(err)
  end
  job:ask_to_read(path, function()
    job.session:note_readable(path)
    job:fail(err)
  end)
end

-- Looks whether the change fits the file; `done(err, target, change)`.
local function prepare(job, place, done)
  local arguments = job.arguments
  local target, err = targets.open(job.session.offered, place)
  if not target then
    return done(err)
  end
  local found = job:safe(function(change, problem)
    if not change then
      target:release()
      return done(problem)
    end
    done(nil, target, change)
  end)
  local work = require('venice.tools.edit_text').start(
    target.text,
    arguments.old_text,
    arguments.new_text,
    found
  )
  job.work = {
    stop = function()
      work.stop()
      target:release()
    end,
  }
end

--- Shows the change as a diff.
---@param job venice.ToolJob
function M.run(job)
  local path, is_new = job.arguments.path, job.arguments.old_text == ''
  local found = job:safe(function(err, place)
    if err then
      return unfit(job, path, err)
    end
    prepare(job, place, function(problem, target, change)
      if problem then
        return unfit(job, place.path, problem)
      end
      job.work = nil
      review_soon(job, target, change)
    end)
  end)
  job.work = job.session.offered:find(path, is_new, found)
end

return M
