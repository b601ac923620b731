# shellcheck shell=bash
# The direction of dependencies (DESIGN.md sections 2 and 3). Sourced by tests/lint/run.

# c_layer FOLDER ALLOWED...: files of csrc/FOLDER include our headers from ALLOWED only, and
# venice.h.
c_layer() {
  local layer=$1 allowed file line target
  shift
  allowed=" $* "
  while IFS=: read -r file line target; do
    target=${target#*\"}
    target=${target%%\"*}
    # A name without a folder, or with .., is looked for beside the file first.
    if [ -e "$(dirname "$file")/$target" ]; then
      target=$(realpath --relative-to=csrc "$(dirname "$file")/$target")
    fi
    [ "$target" = venice.h ] && continue
    [[ $allowed == *" ${target%%/*} "* ]] || echo "$file:$line includes $target"
  done < <(grep -rnH --include='*.[ch]' '^ *# *include *"' "csrc/$layer")
}

# Layers that compute only: no network, no threads.
no_io_headers() {
  grep -rnE --include='*.[ch]' \
    '# *include *<(curl/|pthread|threads\.h|sys/socket|netdb|netinet|poll\.h|sys/epoll|spawn\.h)' \
    csrc/base csrc/attest csrc/e2ee
}

# attest and e2ee get the time as an argument, and keep nothing between calls.
no_clock() {
  # shellcheck disable=SC2046
  in_bare_c '\b(time|clock_gettime|gettimeofday|clock|nanosleep|getenv|f?open|socket)\s*\(' \
    $(find csrc/attest csrc/e2ee -name '*.[ch]')
}

no_state() {
  local source
  find csrc/attest csrc/e2ee -name '*.c' | while read -r source; do
    source=${source#csrc/}
    # Tables of constant pointers are in .data.rel.ro: the loader seals them.
    objdump -t "build/obj/${source%.c}.o" | awk -v name="$source" '
      $0 ~ / O [.](data|bss)/ && $0 !~ /[.]data[.]rel[.]ro/ { print name ": " $NF }
      $0 ~ / O [*]COM[*]/ { print name ": " $NF }'
  done
}

none 'layers: base includes nothing above it' c_layer base base
none 'layers: attest stands on base alone' c_layer attest attest base
none 'layers: e2ee stands on base alone' c_layer e2ee e2ee base
none 'layers: client is included by client only' c_layer client client attest e2ee base
none 'layers: base, attest and e2ee include no network and no threads' no_io_headers
none 'layers: attest and e2ee have no clock, files or environment' no_clock
none 'layers: attest and e2ee keep no state' no_state

# requires FOLDER-OR-FILE REGEX: lines there that require a module whose name matches.
requires() {
  grep -rnE --include='*.lua' "require *\(? *['\"]($2)" "$1" 2>/dev/null
}

only_native_has_ffi() {
  requires lua ffi | grep -v '^lua/venice/native\.lua:'
  requires plugin ffi
}
front_end_goes_through_client() {
  local folder
  for folder in chat evidence edit tools; do
    requires "lua/venice/$folder" 'venice\.native'
  done
}
nothing_below_knows_the_front_end() {
  local file
  for file in native client compat errors config process; do
    requires "lua/venice/$file.lua" 'venice\.(chat|evidence|edit|tools|health)'
  done
  requires lua/venice/native.lua 'venice\.(client|e2ee|init)'
}

# What is loaded by sourcing the plugin must be the plugin alone.
plugin_is_lazy() {
  "${NVIM_EXEC:-nvim}" --headless -n -u NONE -i NONE --cmd "set runtimepath^=$PWD" \
    -c 'runtime plugin/venice.lua' \
    -c 'lua for name in pairs(package.loaded) do
          if name:match("^venice") then print(name .. " is loaded at start") end
        end' \
    -c 'lua if vim.fn.exists(":VeniceChat") ~= 2 then print(":VeniceChat is not defined") end' \
    -c 'qall!'
}

none 'layers: only native.lua knows ffi' only_native_has_ffi
none 'layers: chat, evidence, edit and tools do not call native.lua' front_end_goes_through_client
none 'layers: what is below the front end does not require it' nothing_below_knows_the_front_end
none 'layers: plugin/venice.lua loads nothing before it is used' plugin_is_lazy
