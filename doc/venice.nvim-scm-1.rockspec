-- For LuaRocks, and what installs Neovim plugins with it: in a clone of the repository,
--   luarocks --lua-version 5.1 make doc/venice.nvim-scm-1.rockspec

rockspec_format = '3.0'
package = 'venice.nvim'
version = 'scm-1'

-- `make` builds the clone that it stands in and fetches nothing, so there is no address to give.
source = { url = 'git+file://venice.nvim' }

description = {
  summary = 'End-to-end-encrypted chat in Neovim with models behind Intel TDX enclaves',
  detailed = [[
    What you write is encrypted on your machine for one attested enclave; the decrypted tokens of
    the answer stream into a buffer. The evidence of the enclave is checked here, in C.]],
  license = 'GPL-3.0-only',
  labels = { 'neovim', 'encryption', 'attestation' },
}

supported_platforms = { 'linux' }

-- LuaJIT, which says of itself that it is this one.
dependencies = { 'lua == 5.1' }

external_dependencies = {
  OPENSSL = { library = 'crypto' },
  CURL = { library = 'curl' },
  CJSON = { library = 'cjson' },
  SECP256K1 = { library = 'secp256k1' },
}

build = {
  type = 'command',
  -- pkg-config names the libraries; this is the build of every other way to install.
  build_command = 'make',
  -- What is neither a Lua module nor in copy_directories: native.lua finds it in 'runtimepath'.
  install_command = [[
    mkdir -p "$(PREFIX)/build" "$(PREFIX)/csrc" "$(LUADIR)" &&
    cp build/libvenice.so "$(PREFIX)/build/" &&
    cp csrc/venice.h "$(PREFIX)/csrc/" &&
    cp -R lua/venice "$(LUADIR)/"]],
  copy_directories = { 'doc', 'plugin' },
}
