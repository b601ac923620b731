# shellcheck shell=bash
# Compiler warnings and the linters. A tool that is not installed is a skipped case.
# Sourced by tests/lint/run.

# with TOOL NAME COMMAND...
with() {
  local tool=$1 name=$2
  shift 2
  if command -v "$tool" >/dev/null; then check "$name" "$@"; else skip "$name" "no $tool here"; fi
}

no_warnings() { make -s -j2 VARIANT=werror build/werror/libvenice.so ; }

# Versions of clang-format disagree, so one of them decides; see .clang-format.
clang_format=$(command -v clang-format-14 || command -v clang-format || true)
c_is_formatted() {
  # shellcheck disable=SC2046
  "$clang_format" --dry-run $(files '*.c' '*.h') 2>&1 | grep -E '^[^ ].*: (warning|error)' |
    cut -d: -f1 | sort | uniq -c | awk '{ print $2 ": " $1 " places; make format" }'
}

shell_is_clean() {
  # shellcheck disable=SC2046
  shellcheck -x $(grep -lE '^#!.*\b(bash|sh)$|^# shellcheck shell=' $(files '*.sh' run))
}

help_has_tags() {
  local copy
  copy=$(mktemp -d)
  cp doc/*.txt "$copy"
  "${NVIM_EXEC:-nvim}" --headless -n -u NONE -i NONE -c "helptags $copy" -c 'qall!' 2>&1
  [ -s "$copy/tags" ] || echo 'no tags'
  rm -rf "$copy"
}

check 'tools: no compiler warnings' no_warnings
with luacheck 'tools: luacheck' luacheck --no-color --quiet --codes lua plugin tests
with stylua 'tools: stylua' stylua --check --color never lua plugin tests
if [ -n "$clang_format" ] && "$clang_format" --version | grep -q 'version 14\.'; then
  none 'tools: clang-format' c_is_formatted
else
  skip 'tools: clang-format' 'no clang-format 14 here'
fi
with shellcheck 'tools: shellcheck' shell_is_clean
if compgen -G 'doc/*.txt' >/dev/null; then none 'tools: :helptags' help_has_tags; fi
