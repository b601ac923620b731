-- Fenced code blocks in the lines of one text, by the rules of CommonMark as far as they tell where
-- a block begins and ends. Laxer at one place: a fence may be indented as far as it likes, for
-- models put blocks into lists and do not always indent them as far as they should.

local M = {}

---@class venice.Fence
---@field first integer index of the line that opens it
---@field last integer index of the line that closes it, or of the last line of the text
---@field closed boolean whether there is a line that closes it
---@field info string what stands behind the opening backticks
---@field lines string[] what is between, without the indent of the fence

-- A block may open behind the marker of an item of a list.
local function lead_of(line)
  local behind = line:match('^%s*[-*+]%s+()[`~]') or line:match('^%s*%d+[.)]%s+()[`~]')
  return behind and line:sub(1, behind - 1) or line:match('^%s*')
end

local function opening(line)
  local lead = lead_of(line)
  local run, info = line:match('^(```+)%s*([^`]-)%s*$', #lead + 1)
  if not run then
    run, info = line:match('^(~~~+)%s*(.-)%s*$', #lead + 1)
  end
  if run then
    return { run = run, info = info, blanks = lead:gsub('%S', ' '), lines = {} }
  end
end

local function closes(line, open)
  local blanks, run = line:match('^(%s*)([`~]+)%s*$')
  return run ~= nil
    and #blanks <= #open.blanks + 3
    and #run >= #open.run
    and run == open.run:sub(1, 1):rep(#run)
end

local function unindent(line, blanks)
  if line:sub(1, #blanks) == blanks then
    return line:sub(#blanks + 1)
  end
  return line:sub(math.min(#line:match('^ *'), #blanks) + 1)
end

local function finish(open, last, closed)
  return {
    first = open.first,
    last = last,
    closed = closed,
    info = open.info,
    lines = open.lines,
  }
end

--- The blocks of a text, from top to bottom.
---@param lines string[]
---@return venice.Fence[]
function M.find(lines)
  local found, open = {}, nil
  for i, line in ipairs(lines) do
    if not open then
      open = opening(line)
      if open then
        open.first = i
      end
    elseif closes(line, open) then
      found[#found + 1] = finish(open, i, true)
      open = nil
    else
      open.lines[#open.lines + 1] = unindent(line, open.blanks)
    end
  end
  if open then
    found[#found + 1] = finish(open, #lines, false)
  end
  return found
end

-- Languages that Vim calls by another name.
local filetypes = {
  bash = 'sh',
  ['c#'] = 'cs',
  ['c++'] = 'cpp',
  console = 'sh',
  csharp = 'cs',
  docker = 'dockerfile',
  golang = 'go',
  js = 'javascript',
  jsx = 'javascriptreact',
  kt = 'kotlin',
  makefile = 'make',
  md = 'markdown',
  patch = 'diff',
  powershell = 'ps1',
  proto = 'proto',
  py = 'python',
  python3 = 'python',
  rb = 'ruby',
  rs = 'rust',
  shell = 'sh',
  ts = 'typescript',
  tsx = 'typescriptreact',
  viml = 'vim',
  vimscript = 'vim',
  yml = 'yaml',
}

--- The filetype that an info string means: its first word, without what some write around it
--- (`{.python}`, `python:a/b.py`, `rust,ignore`). '' for what cannot be one.
---@param info string
---@return string
function M.filetype(info)
  local word = (info:match('^{?%.?([%w_.+#-]+)') or ''):lower()
  word = filetypes[word] or word
  return #word <= 40 and word:match('^[%w_.-]+$') or ''
end

return M
