-- The tools that the plugin offers: how each is declared to a model, what the user is told when it
-- asks, and what runs.

local M = {}

---@class venice.ToolEntry
---@field definition table as in schema.compile
---@field asks 'chat'|'each'|'itself' the user may allow it for a chat; is asked each time; or the
---  tool itself asks, by what it shows
---@field title string what the model wants, behind "wants to"
---@field note string what the user should know
---@field order string[] the arguments, in the order in which they are shown
---@field check (fun(arguments: table, session: venice.ToolSession): venice.Error|nil)|nil what the
---  schema cannot say: then nobody is asked
---@field run fun(job: venice.ToolJob)

local text = { type = 'string' }
local line = { type = 'integer', minimum = 1, maximum = 1e9 }
local path = { type = 'string', minLength = 1, maxLength = 4096 }

local function describe(schema, words)
  return vim.tbl_extend('force', schema, { description = words })
end

local function define(name, words, properties, required)
  return {
    name = name,
    description = words,
    parameters = {
      type = 'object',
      properties = properties,
      required = required,
      additionalProperties = false,
    },
  }
end

-- A yes to a path that is refused by its text would be worth nothing.
local function path_check(name)
  return function(arguments, session)
    return arguments[name] and session.offered:objection(arguments[name]) or nil
  end
end

local found_is_sent = 'What it finds is sent to the model, encrypted.'

---@type table<string, venice.ToolEntry>
local entries = {}

entries.read_file = {
  definition = define(
    'read_file',
    'Read a text file of the project, with edits that are not saved yet. Of a long file, read a '
      .. 'range of lines.',
    {
      path = describe(path, 'path of the file, relative to the project'),
      first = describe(line, 'first line; default 1'),
      last = describe(line, 'last line; default: to the end, as far as it fits'),
    },
    { 'path' }
  ),
  asks = 'chat',
  title = 'read a file',
  note = found_is_sent,
  order = { 'path', 'first', 'last' },
  check = path_check('path'),
  run = function(job)
    require('venice.tools.files').read_file(job)
  end,
}

entries.list_files = {
  definition = define('list_files', 'List the files of the project, with those in its folders.', {
    path = describe(path, 'a folder, relative to the project; default: the project'),
    pattern = describe(
      path,
      'only files that match, as in .gitignore, such as *.lua or src/**/*.c'
    ),
  }, {}),
  asks = 'chat',
  title = 'list files',
  note = found_is_sent,
  order = { 'path', 'pattern' },
  check = path_check('path'),
  run = function(job)
    require('venice.tools.files').list_files(job)
  end,
}

entries.search = {
  definition = define(
    'search',
    'Find the lines of the project that hold a text. It is plain text, not a regular expression.',
    {
      text = describe(
        { type = 'string', minLength = 1, maxLength = 2000 },
        'the text; with several lines, any one of them is looked for'
      ),
      path = describe(path, 'a folder or a file, relative to the project; default: the project'),
      files = describe(path, 'only files that match, as in .gitignore, such as *.lua'),
      ignore_case = { type = 'boolean', description = 'default false' },
    },
    { 'text' }
  ),
  asks = 'chat',
  title = 'search in files',
  note = found_is_sent,
  order = { 'text', 'path', 'files', 'ignore_case' },
  check = path_check('path'),
  run = function(job)
    require('venice.tools.search').run(job)
  end,
}

entries.buffer = {
  definition = define(
    'buffer',
    'See what is open in the editor: without a name the files that are open, with the name of one '
      .. 'its text, with edits that are not saved yet.',
    {
      name = describe(path, 'a name of the list'),
      first = describe(line, 'first line; default 1'),
      last = describe(line, 'last line; default: to the end, as far as it fits'),
    },
    {}
  ),
  asks = 'chat',
  title = 'look at open buffers',
  note = found_is_sent,
  order = { 'name', 'first', 'last' },
  check = path_check('name'),
  run = function(job)
    require('venice.tools.editor').buffer(job)
  end,
}

entries.diagnostics = {
  definition = define(
    'diagnostics',
    'See the errors and warnings that the editor shows in the open files of the project.',
    { path = describe(path, 'only of this file, relative to the project') },
    {}
  ),
  asks = 'chat',
  title = 'see diagnostics',
  note = found_is_sent,
  order = { 'path' },
  check = path_check('path'),
  run = function(job)
    require('venice.tools.editor').diagnostics(job)
  end,
}

entries.propose_edit = {
  definition = define(
    'propose_edit',
    'Propose a change of a file. The user sees it as a diff and takes or refuses each part; what '
      .. 'is taken changes the text in the editor and is not written to disk.',
    {
      path = describe(path, 'path of the file, relative to the project'),
      old_text = describe(
        text,
        'the text to replace, exactly as it stands in the file, with its indentation; it must '
          .. 'occur once, so add lines around it where needed. Empty for a file that does not exist'
      ),
      new_text = describe(text, 'what stands there instead'),
    },
    { 'path', 'old_text', 'new_text' }
  ),
  asks = 'itself',
  title = 'change a file',
  note = 'Nothing is written to disk.',
  order = { 'path', 'old_text', 'new_text' },
  check = function(arguments, session)
    local old, new = arguments.old_text:gsub('\r\n', '\n'), arguments.new_text:gsub('\r\n', '\n')
    if old == new then
      return require('venice.errors').new('bad_request', 'new_text changes nothing')
    end
    return session.offered:objection(arguments.path)
  end,
  run = function(job)
    require('venice.tools.propose').run(job)
  end,
}

entries.run_command = {
  definition = define(
    'run_command',
    'Run a program in the project folder, if the user agrees, and get its output. There is no '
      .. 'shell: no pipes, globs or variables unless the program is one, and no input.',
    {
      argv = {
        type = 'array',
        items = text,
        description = 'the program and its arguments, such as ["git", "log", "-3"]',
      },
    },
    { 'argv' }
  ),
  asks = 'each',
  title = 'run a command',
  note = 'It is not in a sandbox. With your rights it can read and change your files and reach the '
    .. 'network. What it writes is sent to the model, encrypted.',
  order = { 'argv' },
  check = function(arguments)
    return require('venice.tools.command').check(arguments)
  end,
  run = function(job)
    require('venice.tools.command').run(job)
  end,
}

--- The tool of a name.
---@param name string
---@return venice.ToolEntry|nil
function M.find(name)
  return entries[name]
end

--- The declarations of some tools, in a fixed order.
---@param names table<string, boolean>
---@return table[]
function M.declarations(names)
  local list = {}
  for _, name in ipairs(require('venice.config_checks').tool_names) do
    if names[name] then
      list[#list + 1] = vim.deepcopy(entries[name].definition)
    end
  end
  return list
end

return M
