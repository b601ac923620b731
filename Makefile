# venice.nvim: `make` builds build/libvenice.so. `make help` lists the rest.
#
# Sources are found by wildcard: a new file in csrc/ or tests/ needs no line here.
# One set of rules serves five builds; VARIANT picks the compiler flags and the folder:
#   (empty)  build          what users run
#   asan     build/asan     AddressSanitizer + UndefinedBehaviorSanitizer
#   fuzz     build/fuzz     the same, with clang's libFuzzer
#   tsan     build/tsan     ThreadSanitizer
#   werror   build/werror   what users run, every warning an error (part of `make lint`)

VARIANT =
BUILD = build
B := $(BUILD)$(if $(VARIANT),/$(VARIANT))

# --- flags ------------------------------------------------------------------------------------

PKGS := libcrypto libcurl libcjson libsecp256k1
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# Its header does not say which version it is; :checkhealth does.
PKG_CFLAGS += -DSECP256K1_VERSION='"$(shell pkg-config --modversion libsecp256k1 2>/dev/null)"'
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla
HARDENING := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SANITIZE :=

# Warnings stop our own builds only: a user's compiler may be newer and know more of them.
ifneq ($(CI)$(filter werror,$(VARIANT)),)
WARNINGS += -Werror
endif

ifeq ($(VARIANT),asan)
override CFLAGS := -O1 -g
HARDENING :=
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

ifeq ($(VARIANT),tsan)
override CFLAGS := -O1 -g
HARDENING :=
SANITIZE := -fsanitize=thread -fno-omit-frame-pointer
endif

ifeq ($(VARIANT),fuzz)
CLANG := $(firstword $(shell command -v clang clang-19 clang-18 clang-17 clang-16 clang-14))
CC = $(CLANG)
override CFLAGS := -O1 -g
HARDENING :=
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
endif

ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Icsrc $(WARNINGS) $(CFLAGS) $(HARDENING) $(SANITIZE) \
	-fPIC -fvisibility=hidden $(PKG_CFLAGS) $(CPPFLAGS)
ALL_LIBS = $(PKG_LIBS) -lpthread

# -Bsymbolic: Neovim exports thousands of symbols; a call of ours must never land in one of them.
# nodelete: unloading the object under its running thread would crash the editor.
SO_LDFLAGS := -shared -Wl,-Bsymbolic,-z,nodelete,-z,now,-z,relro
# A sanitized object finds its runtime in the process that preloads it, so it may have open ends.
SO_LDFLAGS += $(if $(SANITIZE),,-Wl,-z,defs)

# --- files ------------------------------------------------------------------------------------

SRC := $(sort $(wildcard csrc/*.c csrc/*/*.c csrc/*/*/*.c))
OBJ := $(SRC:csrc/%.c=$(B)/obj/%.o)
TEST_SUPPORT := $(patsubst tests/%.c,$(B)/test/%.o,$(sort $(wildcard tests/c/support*.c)))
TESTS := $(patsubst tests/%.c,$(B)/test/%,$(sort $(wildcard tests/c/test_*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
PORT ?= 8787
FUZZ_SECONDS ?= 60
export FUZZ_SECONDS

# --- the library ------------------------------------------------------------------------------

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all
all: $(B)/libvenice.so

# Renamed into place: a Neovim that has the old file mapped keeps its copy.
$(B)/libvenice.so: $(OBJ)
	$(CC) $(SO_LDFLAGS) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@.tmp $^ $(ALL_LIBS)
	@mv -f $@.tmp $@

# The same objects for the C tests, which call internal functions too.
$(B)/libvenice.a: $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/obj/%.o: csrc/%.c Makefile | need-libraries
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJ:.o=.d)

.PHONY: need-libraries
need-libraries:
	@[ -n "$(PKG_LIBS)" ] && command -v $(firstword $(CC)) >/dev/null || { \
	  echo 'venice: a compiler, pkg-config or a library header is missing; run: make setup' >&2; \
	  echo "hint: on Debian and Ubuntu: $$(bash tests/setup.sh --print build)" >&2; exit 1; }

# --- programs around it (tests/run and tests/bench/run ask for these) ----------------------------

# cmocka 2 deprecates assert_in_range, for which cmocka 1 has no other name.
$(B)/test/%.o: tests/%.c Makefile | need-libraries
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Wno-deprecated-declarations -Itests/c -MMD -MP -c -o $@ $<

# A first line `/* link: -Wl,--wrap=malloc */` in a source adds flags to the link of that program.
link_flags = $(shell sed -n '1s,^/\* *link: *\(.*[^ ]\) *\*/ *$$,\1,p' $(1))

$(B)/test/c/test_%: $(B)/test/c/test_%.o $(TEST_SUPPORT) $(B)/libvenice.a
	$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) $(call link_flags,tests/c/test_$*.c) -o $@ $^ \
	  -lcmocka $(ALL_LIBS)

# Marks secrets for valgrind's memcheck; needs its headers.
$(B)/test/c/ct_%: $(B)/test/c/ct_%.o $(B)/libvenice.a
	$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) $(call link_flags,tests/c/ct_$*.c) -o $@ $^ $(ALL_LIBS)

# Replays files through a fuzz target; needs no clang.
$(B)/test/fuzz/replay_%: $(B)/test/fuzz/fuzz_%.o $(B)/test/fuzz/standalone.o $(B)/libvenice.a
	$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(ALL_LIBS)

# libFuzzer brings its own main.
$(B)/bin/fuzz_%: $(B)/test/fuzz/fuzz_%.o $(B)/libvenice.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANITIZE) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(B)/test/bench/%: $(B)/test/bench/%.o $(B)/libvenice.a
	$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(ALL_LIBS)

-include $(wildcard $(B)/test/*/*.d)

.PHONY: test-programs replay-programs fuzz-programs
test-programs: $(TESTS)
replay-programs: $(FUZZERS:fuzz_%=$(B)/test/fuzz/replay_%)
fuzz-programs: $(FUZZERS:%=$(B)/bin/%)

# --- what people type -------------------------------------------------------------------------

.PHONY: help setup setup-ci demo simulator test test-c test-tsan test-ct test-lua test-live \
	test-matrix lint bench fuzz format pictures clean

help:
	@echo 'make                 build build/libvenice.so'
	@echo 'make demo            install what is missing, build, open a chat with the simulator'
	@echo 'make test            install what is missing, then every test'
	@echo 'make test-c          C tests only, plain and under sanitizers'
	@echo 'make test-tsan       the client tests under ThreadSanitizer'
	@echo 'make test-ct         no branch on a secret, under valgrind'
	@echo 'make test-lua        Lua tests only; NVIM_EXEC=path picks the Neovim, VENICE_ASAN=1'
	@echo '                     runs them on the sanitized library'
	@echo 'make test-matrix     make test on bare Debian 13 and sid, in chroots (needs root)'
	@echo 'make test-live       the real service, with VENICE_API_KEY'
	@echo 'make simulator       the simulated service alone; PORT=$(PORT)'
	@echo 'make lint            layers, symbols, style'
	@echo 'make bench           costs, as ratios'
	@echo 'make fuzz            each fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) (needs clang)'
	@echo 'make format          rewrite the sources with clang-format and stylua'
	@echo 'make pictures        the pictures of doc/, taken of the plugin in tmux'
	@echo 'make setup, clean    install what is missing; remove build/'

setup:
	@bash tests/setup.sh build

setup-ci:
	@bash tests/setup.sh ci

demo:
	@bash tests/setup.sh demo
	@$(MAKE) -s all
	@tests/demo/run

simulator:
	@bash tests/setup.sh simulator
	@exec $(PYTHON) tests/enclave --port $(PORT)

test:
	@bash tests/setup.sh test
	@bash tests/run

test-c:
	@bash tests/run c asan

test-tsan:
	@bash tests/run tsan

test-ct:
	@bash tests/run ct

test-lua:
	@bash tests/run lua

lint:
	@bash tests/run lint

test-live: all
	@[ -n "$$VENICE_API_KEY" ] || { echo 'venice: test-live needs VENICE_API_KEY' >&2; exit 1; }
	@tests/live/run

test-matrix:
	@bash tests/matrix.sh

bench: all
	@tests/bench/run

fuzz:
	@bash tests/fuzz.sh

format:
	clang-format -i $(shell find csrc tests -name '*.[ch]' -not -path '*/node_modules/*')
	@if command -v stylua >/dev/null; then stylua lua plugin tests; \
	else echo 'stylua is not installed; Lua files are left as they are'; fi

pictures: all
	@$(PYTHON) tests/pictures

clean:
	rm -rf $(BUILD)
