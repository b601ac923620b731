-- A session that does whatever a test lets it do, and the search for what it has left: on the disk,
-- in the command lines and environments of programs that were started.
--
-- The child has every option on that could write text: ShaDa, swap, undo files, backups.

local child = require('tests.lua.child')

local M = {}

M.KEY = 'KEYMARK-5f1e0c77'
M.ANSWER = 'ANSWERMARK-c3e8f651'
M.REASONING = 'REASONMARK-77aa01de'

local Session = {}
Session.__index = Session

-- A program of that name that notes with what it was called, then does what it should.
local function write_spy(dir, name, script)
  local path = dir .. '/bin/' .. name
  child.write(path, table.concat({
    '#!/bin/sh',
    ('{ echo "$0" "$@"; tr "\\000" "\\n" </proc/$$/environ; } >>"%s/calls"'):format(dir),
    script or ('PATH=${PATH#*:} exec %s "$@"'):format(vim.fn.exepath(name)),
  }, '\n') .. '\n')
  assert((vim.uv or vim.loop).fs_chmod(path, 448))
end

--- Starts a session. Options: setup = options of the plugin; env, cwd, terminal, cmd as for
--- child.start(); spies = { name = script or true }, found first in PATH.
---@param sim table
---@param opts table|nil
---@return table session
function M.start(sim, opts)
  opts = opts or {}
  sim.reset()
  sim.answer({
    chunks = vim.fn['repeat']({ M.ANSWER .. ' ', 'more ' }, 100),
    reasoning = M.REASONING,
    rate = 200,
  })
  local self = setmetatable({ dir = child.tempdir(), sim = sim }, Session)
  self.shada = self.dir .. '/shada'
  self.marks = { M.KEY, M.ANSWER, M.REASONING }
  assert((vim.uv or vim.loop).fs_mkdir(self.dir .. '/bin', 448))
  for name, script in pairs(opts.spies or {}) do
    write_spy(self.dir, name, script ~= true and script or nil)
  end
  self.nvim = child.start({
    columns = 120,
    terminal = opts.terminal,
    cwd = opts.cwd,
    cmd = opts.cmd,
    env = vim.tbl_extend('force', {
      VENICE_API_KEY = M.KEY,
      PATH = self.dir .. '/bin:' .. vim.env.PATH,
    }, opts.env or {}),
    args = { '-i', self.shada },
  })
  self.nvim.lua(
    [[
    local options, shada = ...
    vim.o.updatecount, vim.o.undofile, vim.o.backup, vim.o.writebackup = 10, true, true, true
    vim.o.swapfile, vim.o.directory = true, vim.env.TMPDIR .. '//'
    vim.o.shadafile, vim.o.shada = shada, "!,'100,<500,s100,h"
    require('venice').setup(options)
  ]],
    sim.options(vim.tbl_extend('force', { model = sim.model }, opts.setup or {})),
    self.shada
  )
  return self
end

--- A text that must not be found later.
---@param mark string
---@return string
function Session:secret(mark)
  self.marks[#self.marks + 1] = mark
  return mark
end

-- What the chat does ------------------------------------------------------------------------------

function Session:ask(prompt)
  self.nvim.type_keys(':VeniceChat ' .. prompt .. '<CR>')
end

function Session:wait_streaming()
  local nvim = self.nvim
  nvim.wait_for([[require('venice').status().state == 'streaming']], 10000 * child.slack)
  nvim.wait_for(function()
    return nvim.text():find(M.ANSWER, 1, true)
  end, 10000 * child.slack)
end

function Session:wait_idle()
  self.nvim.wait_for([[require('venice').status().state == 'idle']], 15000 * child.slack)
end

-- The search --------------------------------------------------------------------------------------

local function parent_of(stat)
  local ok, line = pcall(child.read, stat)
  return ok and tonumber(line:match('^%d+ %b() %S (%d+)')) or nil
end

-- The processes below the child, and below those.
local function descendants(pid)
  local parents, found, grown = {}, { [pid] = true }, true
  for _, stat in ipairs(vim.fn.glob('/proc/[0-9]*/stat', true, true)) do
    parents[tonumber(stat:match('%d+'))] = parent_of(stat)
  end
  while grown do
    grown = false
    for process, parent in pairs(parents) do
      if found[parent] and not found[process] then
        found[process], grown = true, true
      end
    end
  end
  found[pid] = nil
  return vim.tbl_keys(found)
end

function Session:_search_file(path)
  local ok, text = pcall(child.read, path)
  for _, mark in ipairs(ok and self.marks or {}) do
    assert(not text:find(mark, 1, true), path .. ' holds ' .. mark)
  end
end

--- Looks at the programs that run now, and at what the spies have noted.
function Session:processes_are_clean()
  -- The child itself was given the key.
  self:_search_file('/proc/' .. self.nvim.pid .. '/cmdline')
  for _, pid in ipairs(descendants(self.nvim.pid)) do
    self:_search_file(('/proc/%d/cmdline'):format(pid))
    if not (self.nvim.editor and pid == self.nvim.editor) then
      self:_search_file(('/proc/%d/environ'):format(pid))
    end
  end
  self:_search_file(self.dir .. '/calls')
end

function Session:disk_is_clean()
  for _, mark in ipairs(self.marks) do
    for _, dir in ipairs({ self.nvim.dirs.root, self.dir }) do
      local found = child.grep_tree(dir, mark)
      assert(#found == 0, ('%s is in %s'):format(mark, table.concat(found, ', ')))
    end
  end
end

--- Whether a spy was called at all.
---@param name string
function Session:was_called(name)
  local ok, calls = pcall(child.read, self.dir .. '/calls')
  assert(ok and calls:find('/bin/' .. name, 1, true), name .. ' was not called')
end

--- Looks everywhere: now, when Neovim has ended, and after that.
function Session:finish()
  self:processes_are_clean()
  self:disk_is_clean()
  self.nvim.quit('qall!')
  assert(vim.fn.filereadable(self.shada) == 1, 'no ShaDa file was written')
  self:disk_is_clean()
  self.nvim.stop({ keep = true })
  self:disk_is_clean()
  self.nvim.cleanup()
end

--- Ends it hard, and looks at what is left.
---@param signal string
function Session:kill(signal)
  self:processes_are_clean()
  self.nvim.kill(signal)
  self.nvim.wait_exit(5000)
  self:disk_is_clean()
end

return M
