-- The rockspec, read as LuaRocks reads it. Prints what is wrong, or nothing.

local path = vim.env.VENICE_ROCKSPEC
local spec = {}

local function wrong(what, ...)
  io.stdout:write(path, ': ', what:format(...), '\n')
end

local function check_fields()
  for _, name in ipairs({ 'package', 'version', 'source', 'description', 'build' }) do
    if spec[name] == nil then
      wrong('%s is missing', name)
    end
  end
  local expected = ('%s-%s.rockspec'):format(spec.package, spec.version)
  if vim.fn.fnamemodify(path, ':t') ~= expected then
    wrong('the file must be called %s', expected)
  end
  if not (spec.source and type(spec.source.url) == 'string') then
    wrong('source.url is missing')
  end
  local license = io.open('LICENSE'):read(200)
  if spec.description.license ~= 'GPL-3.0-only' or not license:find('Version 3', 1, true) then
    wrong('the licence is not that of LICENSE')
  end
end

-- What the Makefile asks pkg-config for, without the `lib` in front.
local function check_libraries()
  local makefile = io.open('Makefile'):read('*a')
  local wanted, named = {}, {}
  for name in makefile:match('\nPKGS := ([^\n]+)'):gmatch('lib(%S+)') do
    wanted[#wanted + 1] = name
  end
  for _, dependency in pairs(spec.external_dependencies or {}) do
    named[#named + 1] = dependency.library
  end
  table.sort(wanted)
  table.sort(named)
  if not vim.deep_equal(wanted, named) then
    wrong('external_dependencies has other libraries than the Makefile')
  end
end

-- Folders that the format keeps for itself cannot be copied under their own name.
local reserved = { lua = true, lib = true, bin = true, rock_manifest = true }

local function check_files()
  for _, folder in ipairs(spec.build.copy_directories or {}) do
    if reserved[folder] or vim.fn.isdirectory(folder) == 0 then
      wrong('%s cannot be copied', folder)
    end
  end
  local command = spec.build.install_command or ''
  for _, file in ipairs({ 'build/libvenice.so', 'csrc/venice.h', 'lua/venice' }) do
    if not command:find(file, 1, true) then
      wrong('%s is not installed', file)
    elseif not vim.loop.fs_stat(file) then
      wrong('%s is not there', file)
    end
  end
end

local ok, message = pcall(function()
  setfenv(assert(loadfile(path)), spec)()
  check_fields()
  check_libraries()
  check_files()
end)
if not ok then
  wrong('%s', message)
end
vim.cmd('qall!')
