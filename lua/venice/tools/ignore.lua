-- Which files are not offered to a model: what git ignores, what the options exclude, and .git.
--
-- Where there is a repository, git says what it ignores: one that lies in another one is asked for
-- itself, and the outer one about its folder. What git cannot answer is an error: then nothing is
-- offered. Where there is none, the .gitignore files below the working folder are read here.

local compat = require('venice.compat')
local errors = require('venice.errors')
local git = require('venice.git')
local glob = require('venice.tools.glob')
local slices = require('venice.tools.slices')

local uv = compat.uv
local M = {}

local MAX_RULES_SIZE = 64 * 1024
local GIT_TIMEOUT = 30
local MAX_REPOSITORIES = 100

---@class venice.Ignore
---@field root string
---@field git boolean git is there
---@field has_git boolean the working folder is in a repository
local Ignore = {}
Ignore.__index = Ignore

local function is_repository(folder)
  return uv.fs_lstat((folder == '/' and '' or folder) .. '/.git') ~= nil
end

local function is_in_repository(folder)
  while folder do
    if is_repository(folder) then
      return true
    end
    local parent = folder:match('^(.*)/[^/]+$')
    folder = parent == '' and '/' or parent
  end
  return false
end

--- For a working folder.
---@param root string absolute
---@param opts { exclude: string[]|nil, git: boolean|nil }|nil `exclude`: patterns as in .gitignore,
---  whatever the case; `git = false`: never ask git
---@return venice.Ignore
function M.new(root, opts)
  opts = opts or {}
  local exclude = { assert(glob.rule('.git')) }
  for _, pattern in ipairs(opts.exclude or {}) do
    exclude[#exclude + 1] = glob.rule(pattern:lower())
  end
  local has_program = opts.git ~= false and vim.fn.executable('git') == 1
  return setmetatable({
    root = root,
    exclude = exclude,
    git = has_program,
    has_git = has_program and is_in_repository(root),
    rules = {},
  }, Ignore)
end

-- The absolute path of a folder; '' is the working folder.
local function absolute(self, folder)
  local root = self.root == '/' and '' or self.root
  return folder == '' and self.root or root .. '/' .. folder
end

-- Without git -------------------------------------------------------------------------------------

-- Rules that exclude all there is.
local all = { assert(glob.rule('**')) }

-- What is too long to be read does not make more files to offer.
local function read_rules(path)
  local stat = uv.fs_stat(path)
  if not stat or stat.type ~= 'file' then
    return {}
  end
  local file = stat.size <= MAX_RULES_SIZE and io.open(path, 'rb')
  if not file then
    return all
  end
  local text = file:read(MAX_RULES_SIZE) or ''
  file:close()
  return glob.rules(text) or all
end

-- The rules that stand in a folder, read once. `folder` is '' or ends in /.
local function rules_of(self, folder)
  if not self.rules[folder] then
    self.rules[folder] = read_rules(self.root .. '/' .. folder .. '.gitignore')
  end
  return self.rules[folder]
end

--- The rules may have changed.
function Ignore:forget()
  self.rules = {}
end

--- Whether an option excludes a path, or it is git's own.
---@param path string relative to the working folder
---@param is_folder boolean|nil of the last component
---@return boolean
function Ignore:is_excluded(path, is_folder)
  local parts, budget = glob.split(path:lower()), glob.budget()
  for last = 1, #parts do
    local above = last < #parts
    if glob.verdict(self.exclude, parts, last, above or is_folder == true, budget) then
      return true
    end
  end
  return false
end

-- Whether the .gitignore files below the working folder ignore the first `last` components of a
-- path. The nearest file that has something to say wins.
local function is_ignored_here(self, parts, last, is_folder, budget)
  local folders, inner = { '' }, {}
  for i = 1, last - 1 do
    folders[i + 1] = folders[i] .. parts[i] .. '/'
  end
  for i = last, 1, -1 do
    table.insert(inner, 1, parts[i])
    local rules = rules_of(self, folders[i])
    local verdict = glob.verdict(rules, inner, #inner, is_folder, budget)
    if verdict ~= nil then
      return verdict
    end
  end
  return false
end

-- Deeper than this there is no project.
local MAX_DEPTH = 100

--- Whether an option or a .gitignore file below the working folder excludes a path. Does not ask
--- git, so a file that is tracked although it is ignored counts as ignored.
---@param path string relative to the working folder
---@param is_folder boolean|nil of the last component
---@return boolean
function Ignore:is_ignored(path, is_folder)
  if self:is_excluded(path, is_folder) then
    return true
  end
  local parts, budget = glob.split(path), glob.budget()
  if #parts > MAX_DEPTH then
    return true
  end
  for last = 1, #parts do
    if is_ignored_here(self, parts, last, last < #parts or is_folder == true, budget) then
      return true
    end
  end
  return false
end

-- With git ----------------------------------------------------------------------------------------

local function failure(err, result)
  if result and result.outcome == 'stopped' then
    return errors.new('cancelled')
  end
  local words = 'git cannot say what it ignores here, so nothing is offered'
  local hint = 'run git status in the project and see'
  if err then
    hint = 'git did not start'
  elseif result.outcome ~= 'exit' then
    hint = 'it took too long, or said too much'
  elseif result.output:find('dubious ownership', 1, true) then
    hint = 'the repository belongs to somebody else; see safe.directory in git help config'
  end
  return errors.new('bad_request', words, hint)
end

-- What git says where the folder only looks like a repository: it has no rules to ask for.
local function is_no_repository(result)
  return result ~= nil and result.output:find('not a git repository', 1, true) ~= nil
end

-- Asks one repository which of some paths it ignores; `done(err, ignored)`: a set, or nil where it
-- is no repository.
local function ask_git(self, folder, paths, done)
  local input, size = {}, 0
  for i, path in ipairs(paths) do
    input[i] = './' .. path .. '\0'
    size = size + #input[i]
  end
  local opts = {
    cwd = absolute(self, folder),
    timeout = GIT_TIMEOUT,
    max_output = size + 4096,
    input = table.concat(input),
  }
  local argv = git.command({ 'check-ignore', '-z', '--stdin' })
  return git.run(argv, opts, function(err, result)
    if is_no_repository(result) then
      return done(nil, nil)
    -- 0: some are ignored, 1: none; everything else is no answer.
    elseif err or result.outcome ~= 'exit' or result.signal ~= 0 or result.code > 1 then
      return done(failure(err, result))
    end
    local ignored = {}
    for path in result.stdout:gmatch('([^%z]+)%z') do
      ignored[path:gsub('^%./', '')] = true
    end
    done(nil, ignored)
  end)
end

-- Which repository is asked about what, so that a path is judged: the one that it is in, and each
-- one above about the folder of the next one. Below no repository the rules are read here.
local function add_questions(self, path, questions)
  local folder, asked = self.has_git and '' or nil, 1
  local function ask(of, about)
    if not of then
      return not self:is_ignored(about, true)
    end
    local question = questions.by_folder[of]
    if not question then
      question = { folder = of, paths = {}, about = {} }
      questions.by_folder[of] = question
      questions[#questions + 1] = question
    end
    local inner = of == '' and about or about:sub(#of + 2)
    if not question.about[inner] then
      question.about[inner] = {}
      question.paths[#question.paths + 1] = inner
    end
    table.insert(question.about[inner], path)
    return true
  end
  while true do
    local slash = path:find('/', asked, true)
    if not slash then
      break
    end
    local above = path:sub(1, slash - 1)
    if questions.repositories[above] == nil then
      questions.repositories[above] = self.git and is_repository(absolute(self, above))
    end
    if questions.repositories[above] then
      if not ask(folder, above) then
        return false
      end
      folder = above
    end
    asked = slash + 1
  end
  if not folder then
    return not self:is_ignored(path)
  end
  return ask(folder, path)
end

--- Leaves out the files that are not to be offered.
---@param paths string[] relative to the working folder
---@param done fun(err: venice.Error|nil, kept: string[]|nil) once, later, on the main loop
---@return { stop: fun() }
function Ignore:filter(paths, done)
  local questions = { by_folder = {}, repositories = {} }
  local out, at, asked = {}, 0, 0
  local work

  local function finish()
    local kept = {}
    for _, path in ipairs(paths) do
      if not out[path] then
        kept[#kept + 1] = path
      end
    end
    done(nil, kept)
  end

  local function next_question()
    asked = asked + 1
    local question = questions[asked]
    if not question then
      return finish()
    end
    work = ask_git(self, question.folder, question.paths, function(err, ignored)
      if err then
        return done(err)
      end
      for inner, about in pairs(question.about) do
        for _, path in ipairs(about) do
          if ignored then
            out[path] = out[path] or ignored[inner]
          else
            out[path] = out[path] or self:is_ignored(path)
          end
        end
      end
      next_question()
    end)
  end

  work = slices.run(function()
    at = at + 1
    local path = paths[at]
    if not path then
      return true
    elseif self:is_excluded(path) or not add_questions(self, path, questions) then
      out[path] = true
    end
  end, function(fault)
    if fault then
      return done(errors.new('internal', fault))
    elseif #questions > MAX_REPOSITORIES then
      return done(errors.new('too_large', 'there are too many repositories in this folder'))
    end
    next_question()
  end)
  return {
    stop = function()
      if work then
        work.stop()
      end
    end,
  }
end

-- Of a listing.
local MAX_OUTPUT = 4 * 1024 * 1024

--- Whether a folder is one of git: the working folder in a repository, or a repository below it.
---@param folder string relative to the working folder, '' is that
---@return boolean
function Ignore:is_listed_by_git(folder)
  if self.has_git then
    return true
  elseif not self.git then
    return false
  end
  while folder ~= '' do
    if is_repository(absolute(self, folder)) then
      return true
    end
    folder = folder:match('^(.*)/[^/]*$') or ''
  end
  return false
end

--- The files of a folder as git lists them: those that it knows, and those that it does not ignore.
--- Repositories in it are named only.
---@param folder string relative to the working folder, '' is that
---@param done fun(err: venice.Error|nil, names: string|nil, is_cut: boolean|nil) names with a NUL
---  behind each, relative to `folder`; nil where it is no repository after all
---@return { stop: fun() }|nil
function Ignore:list(folder, done)
  local opts = { cwd = absolute(self, folder), timeout = GIT_TIMEOUT, max_output = MAX_OUTPUT }
  local argv = git.command({ 'ls-files', '-c', '-o', '--exclude-standard', '-z' })
  return git.run(argv, opts, function(err, result)
    if is_no_repository(result) then
      return done(nil, nil)
    end
    local is_cut = result ~= nil and result.outcome == 'output'
    local is_fine = result and result.outcome == 'exit' and result.code == 0 and result.signal == 0
    if err or not (is_fine or is_cut) then
      return done(failure(err, result))
    end
    done(nil, result.stdout, is_cut)
  end)
end

return M
