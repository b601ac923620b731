-- Events of text on their way from the queue to a handler. Pure.

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
