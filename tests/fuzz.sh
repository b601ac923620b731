#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS (60). What it finds new stays in build/fuzz/corpus/NAME,
# a crash in build/fuzz/crash/NAME: make it smaller, then add it to tests/fuzz/seeds/NAME.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${FUZZ_SECONDS:-60}

if ! compgen -c clang | grep -qxE 'clang(-[0-9]+)?'; then
  echo 'venice: make fuzz needs clang with libFuzzer' >&2
  echo 'hint: on Debian 12: apt-get install clang-14 libclang-rt-14-dev' >&2
  exit 1
fi
make -s VARIANT=fuzz fuzz-programs || exit 1

failed=0
for file in tests/fuzz/fuzz_*.c; do
  name=$(basename "$file" .c)
  name=${name#fuzz_}
  mkdir -p "build/fuzz/corpus/$name" "build/fuzz/crash/$name"
  folders=("build/fuzz/corpus/$name")
  [ ! -d "tests/fuzz/seeds/$name" ] || folders+=("tests/fuzz/seeds/$name")
  if "build/fuzz/bin/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/crash/$name/" "${folders[@]}" \
    >"build/fuzz/$name.log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log")
    printf '%-20s %s runs in %s s, nothing found\n' "$name" "$runs" "$seconds"
  else
    failed=1
    printf '%-20s FAILED, see build/fuzz/%s.log\n' "$name" "$name"
    grep -E 'ERROR|SUMMARY|runtime error' "build/fuzz/$name.log" | head -n 5 | sed 's/^/    /'
  fi
done
exit $failed
