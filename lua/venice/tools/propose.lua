-- The tool that proposes a change of a file. The user sees a diff, which is the question: what is
-- accepted changes the buffer, and nothing is written.

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

local function row_of(buf, id)
  local position = id and api.nvim_buf_get_extmark_by_id(buf, namespace, id, {})
  return position and position[1]
end

-- The range and some lines around it as they are now.
local function lines_now(buf, marks, limit)
  local above, below = row_of(buf, marks.above), row_of(buf, marks.below)
  local first = math.max((above or 0) + 1 - AROUND, 0)
  if above == nil then
    first = 0
  end
  local last = below and below + AROUND or api.nvim_buf_line_count(buf)
  local lines = api.nvim_buf_get_lines(buf, first, math.max(last, first), false)
  local text = bounds.both_ends(table.concat(lines, '\n'), limit)
  return first + 1, text
end

local function describe(job, target, marks, result)
  local some = '%d of %d changes were accepted, %d refused'
  local words = some:format(result.accepted, result.total, result.refused)
  local first, text = lines_now(target.buf, marks, job.limit - ROOM)
  job:answer({
    path = target.path,
    accepted = result.accepted,
    refused = result.refused,
    note = words .. '. The text in the editor has changed; the file is not written yet.',
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
  if api.nvim_buf_is_valid(target.buf) then
    api.nvim_buf_clear_namespace(target.buf, namespace, 0, -1)
  end
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
    is_unasked = true,
    on_done = function(result)
      decided(job, target, marks, result)
    end,
  })
  job.work = {
    stop = function()
      diff:close()
    end,
  }
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

--- Shows the change as a diff.
---@param job venice.ToolJob
function M.run(job)
  local arguments = job.arguments
  job:find(arguments.path, function(place)
    local target, err = targets.open(job.session.offered, place)
    local change
    if target then
      change, err = require('venice.tools.edit_text').change(
        target.text,
        arguments.old_text,
        arguments.new_text
      )
    end
    if not change then
      if target then
        target:release()
      end
      return job:fail(err)
    end
    review_soon(job, target, change)
  end, arguments.old_text == '')
end

return M
