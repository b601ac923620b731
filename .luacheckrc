std = 'luajit'
max_line_length = 100
-- Options and variables are set through these tables; the rest of `vim` is not ours to change.
local writable = { read_only = false, other_fields = true }
read_globals = {
  vim = {
    other_fields = true,
    fields = {
      b = writable, g = writable, t = writable, v = writable, w = writable,
      bo = writable, env = writable, go = writable, o = writable, opt = writable,
      opt_local = writable, wo = writable,
    },
  },
}
-- Arguments that a caller gives and a callback ignores are named `_name`.
ignore = { '212/_.*' }
files['tests'] = { std = '+busted' }
