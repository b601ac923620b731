-- Which files are not offered to a model: what .gitignore says, what the option excludes, and .git.
--
-- filter() asks git, which knows every rule there is. Where git is absent, or the folder is not a
-- repository, the .gitignore files below the working folder are read here.

local compat = require('venice.compat')
local glob = require('venice.tools.glob')

local M = {}

local MAX_RULES_SIZE = 256 * 1024
local GIT_TIMEOUT = 10

---@class venice.Ignore
---@field root string
local Ignore = {}
Ignore.__index = Ignore

--- For a working folder.
---@param root string absolute
---@param opts { exclude: string[]|nil, git: boolean|nil }|nil `exclude`: patterns as in .gitignore;
---  `git = false`: never ask git
---@return venice.Ignore
function M.new(root, opts)
  opts = opts or {}
  local exclude = { assert(glob.rule('.git')) }
  for _, pattern in ipairs(opts.exclude or {}) do
    exclude[#exclude + 1] = glob.rule(pattern)
  end
  return setmetatable({
    root = root,
    exclude = exclude,
    git = opts.git ~= false,
    rules = {},
  }, Ignore)
end

local function read_rules(path)
  local stat = compat.uv.fs_stat(path)
  if not stat or stat.type ~= 'file' or stat.size > MAX_RULES_SIZE then
    return {}
  end
  local file = io.open(path, 'rb')
  if not file then
    return {}
  end
  local text = file:read(MAX_RULES_SIZE) or ''
  file:close()
  return glob.rules(text)
end

-- The rules that stand in a folder, read once. `folder` is '' or ends in /.
local function rules_of(self, folder)
  if not self.rules[folder] then
    self.rules[folder] = read_rules(self.root .. '/' .. folder .. '.gitignore')
  end
  return self.rules[folder]
end

-- Each folder above a path and then the path itself: ('a/', true), ('a/b', false).
local function each_step(path, visit)
  local position = 1
  while true do
    local slash = path:find('/', position, true)
    local step = slash and path:sub(1, slash - 1) or path
    if visit(step, slash ~= nil) then
      return true
    elseif not slash then
      return false
    end
    position = slash + 1
  end
end

local function is_ignored(self, path, is_folder)
  -- The nearest file that has something to say wins.
  local folders = { '' }
  for behind in path:gmatch('()/') do
    folders[#folders + 1] = path:sub(1, behind)
  end
  for i = #folders, 1, -1 do
    local inner = path:sub(#folders[i] + 1)
    local verdict = glob.verdict(rules_of(self, folders[i]), inner, is_folder)
    if verdict ~= nil then
      return verdict
    end
  end
  return false
end

--- Whether the option excludes a path, or it is git's own.
---@param path string relative to the working folder
---@param is_folder boolean|nil of the last component
---@return boolean
function Ignore:is_excluded(path, is_folder)
  return each_step(path, function(step, above)
    return glob.verdict(self.exclude, step, above or is_folder == true) == true
  end)
end

--- Whether the option or a .gitignore file below the working folder excludes a path. Does not ask
--- git, so a file that is tracked although it is ignored counts as ignored.
---@param path string relative to the working folder
---@param is_folder boolean|nil of the last component
---@return boolean
function Ignore:is_ignored(path, is_folder)
  if self:is_excluded(path, is_folder) then
    return true
  end
  return each_step(path, function(step, above)
    return is_ignored(self, step, above or is_folder == true)
  end)
end

local function filter_here(self, paths)
  local kept = {}
  for _, path in ipairs(paths) do
    if not self:is_ignored(path) then
      kept[#kept + 1] = path
    end
  end
  return kept
end

-- The working folder may be hostile: none of its settings may name a program for git to run.
local git_argv = { 'git', '-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null' }
for _, argument in ipairs({ '--no-optional-locks', 'check-ignore', '-z', '--stdin' }) do
  git_argv[#git_argv + 1] = argument
end

local function filter_with_git(self, paths, callback)
  local input, size = {}, 0
  for i, path in ipairs(paths) do
    input[i] = './' .. path .. '\0'
    size = size + #input[i]
  end
  local opts = { cwd = self.root, timeout = GIT_TIMEOUT, max_output = size + 4096 }
  opts.input = table.concat(input)
  require('venice.process').run(git_argv, opts, function(err, result)
    -- 0: some are ignored, 1: none; everything else is no answer.
    if err or result.outcome ~= 'exit' or result.signal ~= 0 or result.code > 1 then
      callback(filter_here(self, paths))
      return
    end
    local ignored, kept = {}, {}
    for path in result.stdout:gmatch('([^%z]+)%z') do
      ignored[path:gsub('^%./', '')] = true
    end
    for _, path in ipairs(paths) do
      if not ignored[path] then
        kept[#kept + 1] = path
      end
    end
    callback(kept)
  end)
end

--- Leaves out the files that are not to be offered.
---@param paths string[] relative to the working folder
---@param callback fun(kept: string[]) later, on the main loop
function Ignore:filter(paths, callback)
  local left = {}
  for _, path in ipairs(paths) do
    if not self:is_excluded(path) then
      left[#left + 1] = path
    end
  end
  if #left > 0 and self.git and vim.fn.executable('git') == 1 then
    filter_with_git(self, left, callback)
  else
    vim.schedule(function()
      callback(filter_here(self, left))
    end)
  end
end

return M
