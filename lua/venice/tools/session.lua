-- The tools of one chat: what is declared, what the user has allowed for the chat, and how often
-- the model has called tools since the user last said something.

local compat = require('venice.compat')
local schema = require('venice.tools.schema')

local M = {}

---@class venice.ToolSession
---@field offered venice.Offered the files, in the working folder of when the session began
---@field options venice.ToolOptions
---@field declared table from schema.compile
---@field name fun(): string of the chat
---@field buf integer|nil of the chat
---@field allowed table<string, boolean> tools that the user allowed for this chat
---@field rounds integer since begin()
---@field readable table<string, boolean> files that the user let the model read as a whole
---@field running table|nil the round that runs
---@field is_closed boolean|nil tools were switched off
local Session = {}
Session.__index = Session

--- Makes the tools of a chat.
---@param opts { root: string, options: boolean|table|nil, name: fun(): string, buf: integer|nil }
---  `options`: the option `tools`; `buf`: the chat's buffer, from which a question takes the cursor
---@return venice.ToolSession|nil
---@return venice.Error|nil
function M.new(opts)
  compat.check('root', opts.root, 'string')
  compat.check('name', opts.name, 'function')
  local options = require('venice.tools.options').read(opts.options)
  local offered, err = require('venice.tools.offered').new(opts.root, options.exclude)
  if not offered then
    return nil, err
  end
  return setmetatable({
    offered = offered,
    options = options,
    declared = schema.compile(require('venice.tools.catalog').declarations(options.names)),
    name = opts.name,
    buf = opts.buf,
    allowed = {},
    rounds = 0,
    readable = {},
  }, Session)
end

--- The tools as venice.tools.prompt() and parser() take them.
---@return table[]
function Session:declarations()
  return require('venice.tools.catalog').declarations(self.options.names)
end

--- The tools and their folder in words.
---@return string
function Session:words()
  local names = {}
  for i, tool in ipairs(self.declared.list) do
    names[i] = tool.name
  end
  local list = #names > 0 and table.concat(names, ', ') or 'none is enabled'
  return ('%s; in %s'):format(list, self:folder())
end

--- The working folder, for reading.
---@return string
function Session:folder()
  return vim.fn.fnamemodify(self.offered.root, ':~')
end

--- The user said something: the model may call tools again.
function Session:begin()
  self.rounds = 0
end

--- Whether the model may be asked to go on with the results of its last calls.
---@return boolean
---@return string|nil words why not
function Session:may_go_on()
  if self.rounds < self.options.max_rounds then
    return true
  end
  local words = 'the model has called tools %d times since your prompt, the limit; '
    .. 'write what it shall do now'
  return false, words:format(self.rounds)
end

--- Whether the user has let the model read a file: then it may be told about its text.
---@param path string as the model writes it, or as it was found
---@return boolean
function Session:may_read(path)
  local plain = self.offered.guard:plain(path)
  return self.allowed.read_file == true or (plain ~= nil and self.readable[plain] == true)
end

--- Notes that the user let the model read a file as a whole.
---@param path string
function Session:note_readable(path)
  local plain = self.offered.guard:plain(path)
  if plain then
    self.readable[plain] = true
  end
end

--- Tools were switched off: what runs ends, and nothing that was allowed counts any more.
function Session:close()
  self.is_closed, self.allowed, self.readable = true, {}, {}
  if self.running then
    self.running.stop()
  end
end

--- Runs the calls of one answer, one after the other, with the user's word for each.
---@param calls table[] call events of the parser
---@param handlers { on_update: fun(call: table, words: string)|nil,
---  on_done: fun(results: venice.ToolResult[]) } on_done: once, later, on the main loop
---@return { stop: fun() } what is left is answered with 'stopped'; on_done follows
function Session:run(calls, handlers)
  compat.check('calls', calls, 'table')
  compat.check('on_done', handlers.on_done, 'function')
  compat.check('on_update', handlers.on_update, 'function', true)
  self.rounds = self.rounds + 1
  self.running = require('venice.tools.round').start(self, calls, handlers)
  return self.running
end

return M
