#!/usr/bin/env bash
# `make test` on bare machines of other Debian releases: chroots that start with git, make and
# ca-certificates alone, so that the set-up is tested too. Needs root.
#
#   tests/matrix.sh [trixie] [sid]   trixie is Debian 13, which must pass; sid is skipped where it
#                                    cannot be installed
#   VENICE_MATRIX_DIR                where the chroots are kept, default build/matrix
#   BARE=1                           start anew even where a chroot is younger than a day
#
# The totals of all releases are in build/test/matrix-totals.
set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
base=${VENICE_MATRIX_DIR:-$root/build/matrix}
[ $# -gt 0 ] || set -- trixie sid

if [ "$(id -u)" -ne 0 ]; then
  if sudo -n true 2>/dev/null; then exec sudo -n -E bash tests/matrix.sh "$@"; fi
  echo 'venice: the test matrix makes chroots, which needs root' >&2
  echo 'hint: sudo make test-matrix' >&2
  exit 1
fi
bash tests/setup.sh matrix || exit 1
mkdir -p "$base" build/test
totals=build/test/matrix-totals
passed=0 failed=0 skipped=0

title() {
  case $1 in trixie) echo 'debian 13' ;; *) echo "debian $1" ;; esac
}

# A bare chroot in $base/NAME, a fresh one at least once a day: sid moves.
make_chroot() {
  local name=$1 dir=$base/$1
  if [ -z "${BARE:-}" ] && [ -n "$(find "$dir.made" -mmin -1440 2>/dev/null)" ]; then return 0; fi
  rm -rf --one-file-system "${dir:?}" "$dir.made"
  # The Release file of sid may be past its date on a mirror.
  mmdebstrap --quiet --variant=apt --mode=root --include=ca-certificates,git,make \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    "$name" "$dir" >"$dir.log" 2>&1 </dev/null || return 1
  touch "$dir.made"
}

# What a `git clone` would hold, with what is not committed yet, and the corpus beside it.
copy_tree() {
  local dir=$1
  rm -rf "$dir/src"
  mkdir -p "$dir/src/venice.nvim" "$dir/src/corpus"
  git ls-files -co --exclude-standard -z | while IFS= read -r -d '' file; do
    [ ! -e "$file" ] || printf '%s\0' "$file"
  done | tar -c --null -T - | tar -x -C "$dir/src/venice.nvim" --no-same-owner
  local corpus=${VENICE_CORPUS:-../shared/corpus}
  if [ -d "$corpus" ]; then cp -rL "$corpus/." "$dir/src/corpus"; else rmdir "$dir/src/corpus"; fi
}

# The rest runs in namespaces of its own: mounts and leftover processes end with it.
in_chroot() {
  local dir=$1
  # shellcheck disable=SC2016  # for the inner shell
  timeout -k 10 1500 unshare --mount --pid --fork --kill-child sh -c '
    mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && mount -t tmpfs tmp "$1/tmp" ||
      exit 1
    cp -L /etc/resolv.conf "$1/etc/resolv.conf"
    exec chroot "$@"' sh "$dir" \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 TERM=dumb \
    CI="${CI:-}" http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
    VENICE_CORPUS=/src/corpus \
    make -C /src/venice.nvim --no-print-directory test
}

for name in "$@"; do
  what=$(title "$name")
  echo "== $what"
  if ! make_chroot "$name"; then
    tail -n 5 "$base/$name.log" | sed 's/^/    /'
    if [ "$name" = sid ]; then
      echo "$what: skipped, it cannot be installed"
      skipped=$((skipped + 1))
    else
      echo "$what: FAILED, it cannot be installed"
      failed=$((failed + 1))
    fi
    continue
  fi
  copy_tree "$base/$name"
  in_chroot "$base/$name" 2>&1 | sed -u "s/^/  /"
  code=${PIPESTATUS[0]}
  if read -r pass fail skip 2>/dev/null <"$base/$name/src/venice.nvim/build/test/totals"; then
    [ "$code" -eq 0 ] || [ "$fail" -gt 0 ] || fail=1
  else
    pass=0 fail=1 skip=0
  fi
  echo "$what: $pass passed, $fail failed, $skip skipped"
  passed=$((passed + pass)) failed=$((failed + fail)) skipped=$((skipped + skip))
done

echo "$passed $failed $skipped" >"$totals"
[ "$failed" -eq 0 ]
