-- Calls and results as they stand in the history (TOOLCALLS.md §5.1): text inside the encrypted
-- contents. A message carries no member tool_calls, for that would travel in plaintext.

local encode = require('venice.tools.encode')
local json = require('venice.tools.json')

local M = {}

local function random_bytes(count)
  local uv = vim and (vim.uv or vim.loop)
  local bytes = uv and uv.random and uv.random(count)
  if not bytes then
    local file = assert(io.open('/dev/urandom', 'rb'))
    bytes = file:read(count)
    file:close()
  end
  return bytes
end

--- An id for a call: random, since it also travels in plaintext as tool_call_id.
---@return string
function M.new_id()
  return 'call_'
    .. random_bytes(12):gsub('.', function(byte)
      return ('%02x'):format(byte:byte())
    end)
end

--- The block of a call, for the assistant's message.
---@param call { id: string, name: string, arguments: table }
---@return string
function M.call(call)
  local block = { id = call.id, name = call.name, arguments = call.arguments }
  return '<tool_call>\n' .. encode.encode(block) .. '\n</tool_call>'
end

--- The content of a message with role `tool`, whose tool_call_id is the id of the call.
---@param id string
---@param name string
---@param result any a text, or what JSON can hold; bytes that are not UTF-8 are replaced
---@return string
function M.result(id, name, result)
  local block = { id = id, name = name, result = result == nil and json.null or result }
  return '<tool_response>\n' .. encode.encode(block) .. '\n</tool_response>'
end

return M
