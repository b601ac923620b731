-- What stands between the tags → calls. A form is taken where only one reading is possible; what
-- may be repaired and what is refused is TOOLCALLS.md §5.2, row by row in tests/lua.
--
-- Every function returns calls, or nil and { reason, message }. The reasons:
--   not_a_call        nothing in it looks like a call
--   malformed         JSON with an error in it, or cut short
--   duplicate         a member stands twice
--   ambiguous         it can be read in more than one way
--   unknown_tool      names a tool that is not declared
--   arguments, required, unknown_argument, type, enum, limit   not what the tool's schema says

local calls = require('venice.tools.calls')
local json = require('venice.tools.json')

local M = {}

M.MAX_CALLS = 64

local refuse, refuse_json = calls.refuse, calls.refuse_json

-- JSON -------------------------------------------------------------------------------------------

local name_members = { 'name', 'tool', 'tool_name' }
local argument_members = { 'arguments', 'parameters', 'args', 'input', 'params' }
local list_members = { 'tool_calls', 'calls', 'invocations' }
-- Members that say nothing about what is called.
local idle_members = { id = true, type = true, tool_call_id = true, call_id = true }

-- The one member of a list that an object has; nil and true where it has several.
local function the_member(object, names)
  local found
  for _, name in ipairs(names) do
    if object[name] ~= nil then
      if found then
        return nil, true
      end
      found = name
    end
  end
  return found, false
end

-- Where the name of the call stands: in the object, or in its member `function`.
local function holder_of(object)
  local inner = object['function']
  local named, several = the_member(object, name_members)
  if inner == nil then
    return object, named, several
  elseif named or several then
    return nil, nil, true
  elseif type(inner) == 'string' then
    return object, 'function', false
  elseif json.kind(inner) ~= 'object' then
    return nil, nil, false
  end
  for name in pairs(object) do
    if name ~= 'function' and not idle_members[name] then
      return nil, nil, true
    end
  end
  return inner, the_member(inner, name_members)
end

local function from_object(declared, object)
  local holder, named, several = holder_of(object)
  if several then
    return refuse('ambiguous', 'the call has several names')
  elseif not holder or not named or type(holder[named]) ~= 'string' then
    return refuse('not_a_call', 'this JSON is not a call')
  end
  local tool, err = calls.find_tool(declared, holder[named])
  if not tool then
    return nil, err
  end
  local given
  given, several = the_member(holder, argument_members)
  if several then
    return refuse('ambiguous', '%s: the arguments stand twice', tool.name)
  end
  local strange
  for name in pairs(holder) do
    if name ~= named and name ~= given and not idle_members[name] then
      strange = true
    end
  end
  if strange and not given then
    return refuse('arguments', '%s: the arguments are not in a member "arguments"', tool.name)
  end
  return calls.with(tool, given and holder[given])
end

local function from_list(declared, list)
  if #list == 0 then
    return refuse('not_a_call', 'an empty list calls nothing')
  elseif #list > M.MAX_CALLS then
    return refuse('limit', 'more than %d calls at once', M.MAX_CALLS)
  end
  local list_of_calls = {}
  for i, item in ipairs(list) do
    if json.kind(item) ~= 'object' then
      return refuse('not_a_call', 'this list is not a list of calls')
    end
    local err
    list_of_calls[i], err = from_object(declared, item)
    if not list_of_calls[i] then
      return nil, err
    end
  end
  return list_of_calls
end

--- The calls that a JSON value is.
---@param declared table from schema.compile
---@param value any
---@return table[]|nil calls
---@return venice.Invalid|nil
function M.from_value(declared, value)
  if json.kind(value) == 'array' then
    return from_list(declared, value)
  end
  local listed, several = the_member(value, list_members)
  if several then
    return refuse('ambiguous', 'the calls stand twice')
  elseif listed and json.kind(value[listed]) == 'array' then
    if the_member(value, name_members) or value['function'] ~= nil then
      return refuse('ambiguous', 'the call has several names')
    end
    return from_list(declared, value[listed])
  end
  local call, err = from_object(declared, value)
  return call and { call }, err
end

local function from_json(declared, body)
  local first = body:find('[{%[]')
  local value, behind = json.decode_at(body, first)
  if value == nil then
    return refuse_json(behind)
  elseif calls.holds_value(body:sub(behind)) then
    return refuse('ambiguous', 'there are two values in one block')
  end
  return M.from_value(declared, value)
end

-- All forms --------------------------------------------------------------------------------------

local function from_named(declared, name, body, position)
  local tool, err = calls.find_tool(declared, name)
  if not tool then
    return nil, err
  end
  local at, byte = body:match('^%s*()(.?)', position)
  if byte == '' then
    return calls.make(tool, calls.empty_object())
  elseif byte == '{' or byte == '(' then
    return require('venice.tools.call_syntax').read(tool, body, at)
  end
  return require('venice.tools.tagged').read(tool, body:sub(position))
end

-- A body in a fence of its own, whose end may be missing.
local function without_fence(body)
  local first = body:match('^%s*```[%w_]*[ \t]*\r?\n()')
  if not first then
    return body
  end
  local last, behind = body:match('^.*()```()')
  if last < first then
    return body:sub(first)
  end
  return body:find('%S', behind) and body or body:sub(first, last - 1)
end

--- The calls in the body of a block.
---@param declared table from schema.compile
---@param body string what stands between the tags
---@return table[]|nil calls `{ name, arguments, warnings }`; `doubtful = true` on the list where
---  the block means this only if nothing follows it
---@return venice.Invalid|nil
function M.read(declared, body)
  if not body:find('%S') then
    return refuse('not_a_call', 'an empty block calls nothing')
  end
  body = without_fence(body)
  local call, err
  if body:find('^%s*<function=') then
    call, err = require('venice.tools.tagged').read_function(declared, body)
    return call and { call }, err
  end
  local name, position = body:match('^%s*([%w_.-]+)()')
  if name and (declared.by_name[name] or body:find('^[({]', position)) then
    call, err = from_named(declared, name, body, position)
    return call and { call, doubtful = call.doubtful }, err
  end
  local first = body:find('[{%[]')
  -- Words before the JSON say nothing as long as they hold no tag and no quotation.
  if first and not body:sub(1, first - 1):find('[<"`]') then
    return from_json(declared, body)
  elseif name and body:find('^%s*</?arg_', position) then
    return calls.find_tool(declared, name)
  end
  return refuse('not_a_call', 'nothing in this block is a call')
end

return M
