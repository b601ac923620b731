# shellcheck shell=bash
# What is read rather than run: the table of checks, comments of functions, the rockspec, pictures.
# Sourced by tests/lint/run.

in_nvim() { "${NVIM_EXEC:-nvim}" --headless -n -u NONE -i NONE -c "luafile $1" 2>&1; }

functions_are_documented() {
  VENICE_FILES=$(files '*.lua' | grep -E '^(lua|plugin)/') in_nvim tests/lint/luacats.lua
}

rockspec=doc/venice.nvim-scm-1.rockspec
rockspec_is_whole() { VENICE_ROCKSPEC=$rockspec in_nvim tests/lint/rockspec.lua; }

# They are shown by a web page: nothing in them may run or be fetched.
pictures_are_plain() {
  local file size
  for file in doc/*.svg; do
    size=$(wc -c <"$file")
    [ "$size" -le 61440 ] || echo "$file has $size bytes; 60 KB are enough"
    grep -nHoE '<(script|image|foreignObject|use|a)\b|href|url\(|@import|\bon[a-z]+=' "$file"
    grep -nHoE '/(tmp|usr|etc|var|root|home)/|VENICE_API_KEY|key-of' "$file"
    command -v xmllint >/dev/null && xmllint --noout "$file" 2>&1 | head -n 3
    [ "$(tail -c 7 "$file")" = '</svg>' ] || echo "$file does not end"
  done
}

# Codes that reports do not have any more: a reader would look for them in vain.
old_codes() {
  grep -rnE '\bnonce_(missing|present)\b' csrc lua plugin doc README.md SECURITY.md tests/c
}

none 'docs: every check and reason is in the help, and in the sources' bash tests/lint/checks.sh
none 'docs: no codes of old' old_codes
none 'docs: public functions say what they do, take and return' functions_are_documented
none 'docs: the rockspec is whole' rockspec_is_whole
with luarocks 'docs: luarocks lint' luarocks lint $rockspec
if compgen -G 'doc/*.svg' >/dev/null; then none 'docs: pictures are plain' pictures_are_plain; fi
