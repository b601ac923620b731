-- Which model a chat speaks to: the option, else the last one chosen, else one from a list.
-- The only thing that is kept on disk is the id of the model (promise 5).

local Client = require('venice.client')
local config = require('venice.config')
local errors = require('venice.errors')
local usage = require('venice.chat.usage')

local uv = vim.uv or vim.loop
local M = {}

local known = {} ---@type table[] the last list that the service gave
local waiting = {} ---@type fun()[] who wants to know when there is one

local function state_file()
  -- 'state' came with 0.8.
  local ok, folder = pcall(vim.fn.stdpath, 'state')
  return (ok and folder or vim.fn.stdpath('data')) .. '/venice/model'
end

-- The characters that ids have in the service's list (csrc/client/models.c). An id stands in
-- command lines, headers and lists, so nothing else may be in one from elsewhere either.
local function is_id(id)
  return type(id) == 'string' and #id <= 200 and id:find('^[%w._:/-]+$') ~= nil
end
M.is_id = is_id

local function read_last()
  local file = io.open(state_file(), 'rb')
  local id = file and file:read(201)
  if file then
    file:close()
  end
  id = id and id:match('^[^\n]*')
  return is_id(id) and id or nil
end

-- Best effort: a read-only home costs the memory, not the chat.
local function write_last(id)
  local path = state_file()
  pcall(vim.fn.mkdir, vim.fn.fnamemodify(path, ':h'), 'p', tonumber('700', 8))
  local fd = uv.fs_open(path, 'w', tonumber('600', 8))
  if fd then
    uv.fs_write(fd, id .. '\n', -1)
    uv.fs_close(fd)
  end
end

--- The model of a new chat, where the user has said one.
---@return string|nil
function M.default()
  return config.get().model or read_last()
end

--- Keeps an id as the last one chosen.
---@param id string
function M.remember(id)
  write_last(id)
end

local function kilo(tokens)
  return usage.is_number(tokens) and ('%dk'):format(math.floor(tokens / 1000 + 0.5)) or nil
end

local function describe(model)
  local words = { type(model.name) == 'string' and model.name or nil }
  local context = kilo(model.context)
  words[#words + 1] = context and context .. ' context'
  if usage.is_number(model.price_in) and usage.is_number(model.price_out) then
    words[#words + 1] = ('$%g in, $%g out per million'):format(model.price_in, model.price_out)
  end
  if model.reasoning then
    words[#words + 1] = 'reasons'
  end
  if model.deprecation then
    words[#words + 1] = 'until ' .. tostring(model.deprecation):sub(1, 10)
  end
  local text = errors.printable(model.id)
  return #words > 0 and text .. '  ' .. errors.printable(table.concat(words, ', ')) or text
end

local function choose(models, done)
  if #models == 0 then
    local words = 'the service offers no model that can be used end-to-end encrypted'
    return done(errors.new('not_found', words, 'try again later'))
  end
  local opts = { prompt = 'Model', kind = 'venice_model', format_item = describe }
  vim.ui.select(models, opts, function(model)
    if model then
      write_last(model.id)
    end
    done(nil, model and model.id)
  end)
end

--- Lets the user choose from what the service offers now.
---@param done fun(err: venice.Error|nil, id: string|nil) id is nil where nothing was chosen
---@param answered fun()|nil called first, when the service has answered or failed
function M.select(done, answered)
  answered = answered or function() end
  local client, err = Client.default()
  if not client then
    answered()
    return done(err)
  end
  client:models(function(failure, models)
    answered()
    if failure then
      return done(failure)
    end
    known = models
    -- Out of the callback of the list, for a dialog may block.
    vim.schedule(function()
      choose(models, done)
    end)
  end)
end

local asking = false

-- Asks for the list, once at a time. What comes of a failure is no list.
local function learn()
  local client = not asking and Client.default()
  if not client then
    return
  end
  asking = true
  client:models(function(_, models)
    asking, known = false, models or {}
    local told = waiting
    waiting = {}
    for _, done in ipairs(told) do
      done()
    end
  end)
end

--- Ids for completion: those of the last list; the first call asks for one.
---@return string[]
function M.known_ids()
  if #known == 0 then
    learn()
  end
  return vim.tbl_map(function(model)
    return model.id
  end, known)
end

--- What the service's list says of a model: price_in and price_out (dollars per million tokens),
--- context (tokens).
---@param id string|nil
---@return table|nil nil where the list has not been asked for, or does not have it
function M.info(id)
  for _, model in ipairs(known) do
    if model.id == id then
      return model
    end
  end
end

--- Calls back when what the service says of its models is known: now, or after it was asked.
---@param done fun()
function M.when_known(done)
  if #known > 0 then
    return done()
  end
  waiting[#waiting + 1] = done
  learn()
end

return M
