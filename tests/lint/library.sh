# shellcheck shell=bash
# The public header and what the shared object shows to the process that loads it.
# Sourced by tests/lint/run.

header=csrc/venice.h
library=build/libvenice.so

declared() { bare_c $header | grep -oP '\bvenice_[a-z0-9_]+(?=\s*\()' | sort -u; }
exported() { nm -D --defined-only $library | awk '{ print $3 }' | sort -u; }

# Neovim exports thousands of names: one more or one less than declared is a trap.
exports_what_it_declares() { diff <(declared) <(exported); }

# has FLAG...: the dynamic section names them all.
has() {
  local flag
  for flag in "$@"; do
    readelf -Wd $library | grep -q "$flag" || echo "$flag is missing"
  done
}
is_sealed() {
  readelf -Wl $library | grep -q GNU_RELRO || echo 'no RELRO'
  readelf -Wl $library | grep GNU_STACK | grep -q E && echo 'the stack is executable'
  readelf -Wd $library | grep -E 'RPATH|RUNPATH|TEXTREL'
}

# LuaJIT's ffi.cdef drops preprocessor lines, so a constant in one would be lost in Lua.
header_has_no_constants() { grep -nE '^ *# *define +[A-Za-z_0-9]+(\(| +[^ ])' $header; }
header_has_no_function_pointers() { in_bare_c '\(\s*\*' $header; }
header_compiles_alone() {
  printf '#include "venice.h"\n' |
    ${CC:-cc} -std=c11 -pedantic -Wall -Wextra -Werror -Icsrc -fsyntax-only -x c -
}
header_is_eaten_by_luajit() {
  VENICE_NAMES=$(declared) "${NVIM_EXEC:-nvim}" --headless -n -u NONE -i NONE \
    -c 'luafile tests/lint/cdef.lua'
}

# The linker's view: what of libc the object calls, whatever the sources look like.
never='strcpy|strcat|sprintf|vsprintf|strtok|atoi|gets|system|popen|abort|exit|_exit|__assert_fail'
calls_nothing_banned() {
  nm -D --undefined-only $library | awk '{ print $2 }' | sed 's/@.*//; s/^__\(.*\)_chk$/\1/' |
    grep -xE "$never|printf|vprintf|puts|putchar|perror"
}

check 'library: exports exactly what venice.h declares' exports_what_it_declares
none 'library: NODELETE and BIND_NOW' has NODELETE NOW
none 'library: read-only relocations, no executable stack, no search path' is_sealed
none 'library: calls nothing that is banned' calls_nothing_banned
none 'venice.h: no constants in macros' header_has_no_constants
none 'venice.h: no function pointers' header_has_no_function_pointers
check 'venice.h: compiles alone' header_compiles_alone
check 'venice.h: LuaJIT reads it and finds every function' header_is_eaten_by_luajit
