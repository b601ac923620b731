#!/usr/bin/env bash
# The table of checks against the help and the sources; prints what is wrong.
#
#   bash tests/lint/checks.sh            holds them against each other
#   bash tests/lint/checks.sh --write    writes headings and reasons into doc/venice.txt
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "${1:-}" != --write ] || export VENICE_WRITE=1
exec "${NVIM_EXEC:-nvim}" --headless -n -u NONE -i NONE -c 'luafile tests/lint/checks.lua'
