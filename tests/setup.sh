#!/usr/bin/env bash
# Installs what is missing for one purpose: build, simulator, demo, test, matrix or ci (demo holds
# the first two, test holds demo, ci holds all). Does nothing, and needs no rights, where
# everything is there.
#
#   tests/setup.sh test            install
#   tests/setup.sh --print test    only print the command
set -u
cd "$(dirname "$0")/.." || exit 1

print=
if [ "${1:-}" = --print ]; then print=1; shift; fi
purpose=${1:-test}

missing=
# want PACKAGE COMMAND...: the package is missing if the command fails.
want() {
  local package=$1; shift
  "$@" >/dev/null 2>&1 || missing="$missing $package"
}
have() { command -v "$1"; }
# Debian's own python3: the simulator's modules are packages of that one, not of another in PATH.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
# A C module or a Lua module that Neovim's LuaJIT must find.
lua_module() { [ -e "/usr/share/lua/5.1/$1.lua" ] || luajit -e "require('$1')"; }

want_build() {
  want gcc have cc
  want libc6-dev test -e /usr/include/stdlib.h
  want make have make
  want pkgconf have pkg-config
  want libssl-dev pkg-config --exists libcrypto
  want libcurl4-openssl-dev pkg-config --exists libcurl
  want libcjson-dev pkg-config --exists libcjson
  want libsecp256k1-dev pkg-config --exists libsecp256k1
}
want_simulator() {
  want python3 have "$python"
  want python3-cryptography "$python" -c 'import cryptography'
  want python3-pycryptodome "$python" -c 'from Cryptodome.Cipher import AES'
}
want_demo() {
  want_build
  want_simulator
  want neovim have "${NVIM_EXEC:-nvim}"
  want ca-certificates test -d /etc/ssl/certs
}
want_test() {
  want_demo
  want git have git
  want age have age
  want libcmocka-dev test -e /usr/include/cmocka.h
  want lua-busted lua_module busted
  want lua-check have luacheck
  want shellcheck have shellcheck
}
want_matrix() {
  want mmdebstrap have mmdebstrap
}
want_ci() {
  want_test
  want_matrix
  want clang-format-14 test -n "$(command -v clang-format-14 || command -v clang-format)"
  # The npm peers of the interop tests.
  want nodejs have node
  want npm have npm
}

case $purpose in
  build | simulator | demo | test | matrix | ci) "want_$purpose" ;;
  *) echo "usage: tests/setup.sh [--print] build|simulator|demo|test|matrix|ci" >&2; exit 2 ;;
esac

install="apt-get install --no-install-recommends$missing"
if [ -n "$print" ]; then echo "$install"; exit 0; fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "venice: these are missing; Debian calls them:$missing" >&2
  echo 'hint: install them with your package manager, then run the same command again' >&2
  exit 1
fi
if [ "$(id -u)" -eq 0 ]; then sudo=
elif sudo -n true 2>/dev/null; then sudo=sudo
else
  echo "venice: packages are missing:$missing" >&2
  echo "hint: run this, then the same command again: sudo $install" >&2
  exit 1
fi

mkdir -p build
log=build/setup.log
echo "setup: installing$missing"
apt() {
  # shellcheck disable=SC2086  # $sudo and $missing are lists of words
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 "$@"
}
# A fresh machine has no package lists; an old list may name files that are gone.
# shellcheck disable=SC2086
{ apt install --no-install-recommends $missing ||
  { apt update && apt install --no-install-recommends $missing; }; } >"$log" 2>&1 </dev/null || {
  tail -n 15 "$log" >&2
  echo "venice: the installation failed; the whole output is in $log" >&2
  exit 1
}
