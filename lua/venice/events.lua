-- Events of text on their way from the queue to a handler. Pure.

local compat = require('venice.compat')

local M = {}

local text_kinds = {
  content = { 'content' },
  reasoning = { 'reasoning' },
  whitespace = { [0] = 'content', [1] = 'reasoning', plain = true },
}

--- Text events of one request that follow each other become one, so that a burst costs one write.
---@param events venice.native.Event[]
---@return table[] events; those of text have `parts`
function M.coalesce(events)
  local result, last = {}, {}
  for _, event in ipairs(events) do
    local words = text_kinds[event.kind]
    if words then
      local kind = words.plain and (words[event.status] or 'content') or words[1]
      local before = last[event.request]
      if before and before.kind == kind and before.plain == words.plain then
        before.parts[#before.parts + 1] = event.data
      else
        local text =
          { request = event.request, kind = kind, plain = words.plain, parts = { event.data } }
        result[#result + 1] = text
        last[event.request] = text
      end
    else
      result[#result + 1] = event
      last[event.request] = nil
    end
  end
  return result
end

-- The next part of an event of text, at most `room` bytes of it in whole characters; the event is
-- left with the rest.
local function cut(event, room)
  local first = (event.taken or 0) + 1
  local last = compat.character_end(event.data, first, first + room - 1)
  event.taken = last
  local text = event.data:sub(first, last)
  return { kind = event.kind, request = event.request, status = event.status, data = text }
end

--- The first events of a list, so far as their text has room in one step; of text that is for
--- nobody, nothing.
---@param list venice.native.Event[]
---@param room integer bytes of text
---@param is_wanted fun(event: venice.native.Event): boolean
---@return venice.native.Event[] first, venice.native.Event[] rest, integer bytes of the rest
function M.take(list, room, is_wanted)
  local first, rest, bytes = {}, {}, 0
  for _, event in ipairs(list) do
    local is_text = text_kinds[event.kind] ~= nil
    local size = #event.data - (event.taken or 0)
    local is_dropped = is_text and not is_wanted(event)
    if not is_dropped and (rest[1] or (is_text and size > room)) then
      local part = not rest[1] and cut(event, room) or nil
      if part and part.data ~= '' then
        first[#first + 1], size = part, size - #part.data
      end
      rest[#rest + 1], bytes = event, bytes + size
    elseif not is_dropped then
      first[#first + 1] = event.taken and cut(event, size) or event
      room = room - (is_text and size or 0)
    end
  end
  return first, rest, bytes
end

--- The event that a handler gets for text of coalesce().
---@param event table
---@return table
function M.text(event)
  local text = event.parts[2] and table.concat(event.parts) or event.parts[1]
  if event.plain then
    return { kind = event.kind, text = text, authenticated = false }
  end
  return { kind = event.kind, text = text }
end

return M
