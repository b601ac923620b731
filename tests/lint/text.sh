# shellcheck shell=bash
# What a look at the text of our files shows. Sourced by tests/lint/run.

# shellcheck disable=SC2046,SC2207  # our file names have no spaces
c_sources=($(find csrc -name '*.[ch]' | sort))

# The first list as the house names it, comments included; the second is code only, because its
# words are ordinary ones.
no_banned_calls() {
  grep -nHE '\b(strcpy|strcat|sprintf|strtok|atoi|gets|system|popen)\(' "${c_sources[@]}"
  in_bare_c '\b(abort|_?exit|assert|v?f?printf|puts|perror)\s*\(' "${c_sources[@]}"
}

# A call from C into Lua can end the editor, so no C callback is ever made in Lua.
no_ffi_callbacks() {
  grep -rnE --include='*.lua' "ffi\.(cast|new|typeof)\( *['\"][^'\"]*\( *\*" lua plugin
}

# Characters, not bytes. Markdown is left alone: a table's row cannot be broken.
no_long_lines() {
  # shellcheck disable=SC2046
  perl -CSDA -ne 'chomp; print "$ARGV:$.: ", length, " columns\n" if length > 100;
    close ARGV if eof' $(files '*.c' '*.h' '*.lua' '*.sh' '*.py' '*.txt' '*.vim' '*.mjs' '*.js' \
    run Makefile | grep -v '^tests/.*/seeds/')
}
no_loose_ends() {
  # shellcheck disable=SC2046
  grep -nHE '[ 	]+$' $(files '*.c' '*.h' '*.lua' '*.sh' '*.py' '*.md' run Makefile) | cut -c1-120
  # shellcheck disable=SC2046
  grep -nHP '\t' $(files '*.c' '*.h' '*.lua' '*.sh' '*.py' | grep -v '^tests/lint/text\.sh') |
    cut -c1-120
}

# Paths of the machine that this was written on mean nothing on another one.
no_machine_paths() {
  # shellcheck disable=SC2046
  grep -nHE '(^|[^A-Za-z0-9_.~$}/-])/(wor[k]|roo[t]|hom[e])(/|$|[ "'\''])' $(files '*') |
    cut -c1-160
}
# A key in PEM, or the shapes of well-known tokens.
no_secrets() {
  # shellcheck disable=SC2046
  grep -nHE -e 'BEGIN [A-Z ]*PRIVATE KE[Y]-----.*[A-Za-z0-9+/]{40}' \
    -e '\b(AKI[A][0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|sk-[A-Za-z0-9_-]{32,})\b' \
    $(files '*') | cut -c1-120
}

top_level_is_known() {
  find . -mindepth 1 -maxdepth 1 -not -name '.*' -not -name build -printf '%f\n' |
    grep -vxE 'csrc|lua|plugin|doc|tests|Makefile|README\.md|SECURITY\.md|LICENSE'
}

long_files() {
  # shellcheck disable=SC2046
  wc -l $(files '*.c' '*.h' '*.lua' | grep -E '^(csrc|lua|plugin)/') 2>/dev/null | awk '
    $2 ~ /[.][ch]$/ && $1 > 500 { print "long: " $2 " has " $1 " lines of C; 500 want a reason" }
    $2 ~ /[.]lua$/ && $1 > 300 { print "long: " $2 " has " $1 " lines of Lua; 300 want a reason" }'
}

none 'text: no banned calls in csrc' no_banned_calls
none 'text: no C callbacks made in Lua' no_ffi_callbacks
none 'text: at most 100 columns' no_long_lines
none 'text: no blanks at line ends, no tabs' no_loose_ends
none 'text: no paths of one machine' no_machine_paths
none 'text: no secrets' no_secrets
none 'text: nothing new at the top level' top_level_is_known
long_files | note
