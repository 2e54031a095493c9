# Bowfin. The commands a newcomer types:
#
#   make run      install what it needs, build, start the gateway on 127.0.0.1:8080
#   make check    install what the tests need and run all of them
#   make          build build/bowfin and build/bfctl
#   make unit     the inner loop: unit and replay tests, under 20 seconds
#   make lint     layers, sizes, banned functions, headers, clang-tidy, commit messages
#   make bench    cost per request, as ratios to nginx in the same run
#   make fuzz T=600 | install DESTDIR= PREFIX= | deps | deps-test | clean | help
#   Variants in folders of their own:  make check SAN=address,undefined   make torture-quick SAN=thread
#
MODE ?= release
SAN  ?=
CC   ?= gcc
CXX  ?= g++
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif

comma := ,
BUILD := build/$(MODE)$(if $(SAN),-$(subst $(comma),-,$(SAN)))
# The plain release build is what people and units name: build/bowfin.
BIN   := $(if $(SAN)$(filter-out release,$(MODE)),$(BUILD),build)

PREFIX     ?= /usr
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system

WARN   = -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wformat=2 -Wundef -Wvla \
         -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion -Werror
WARN_C = -Wstrict-prototypes -Wmissing-prototypes
# FORTIFY needs optimisation and gets in the sanitizers' way.
HARDEN = -fstack-protector-strong -fstack-clash-protection -fPIE \
         $(if $(filter x86_64,$(shell uname -m)),-fcf-protection) \
         $(if $(SAN),,-D_FORTIFY_SOURCE=3)
LDHARD = -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
OPT    = $(if $(filter debug,$(MODE)),-O0,-O2) -g -fno-omit-frame-pointer $(ARCH) $(HARDEN) \
         $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all)
# The thread sanitizer does not model fences. Ours order relaxed atomics only, which it follows anyway.
ifneq ($(findstring thread,$(SAN)),)
WARN  += -Wno-tsan
endif
# x86-64 has the 16-byte compare-and-swap of shm/counter.h, but its first processors had not.
ARCH   = $(if $(filter x86_64,$(shell uname -m)),-mcx16)
DEFS   = -D_GNU_SOURCE -DH2O_USE_LIBUV=0 -I.
LIBS   = -lh2o-evloop -lwslay -lcurl -llmdb -lyaml -lmsgpackc -lsimdjson -lssl -lcrypto -lz -lpcre2-8 \
         -lpthread -lstdc++ -lm
LINK   = $(CC) $(OPT) $(CFLAGS) $(LDHARD) $(LDFLAGS)

LIB_SRC    := $(wildcard server/base/*.c shm/*.c conf/*.c providers/*.c providers/*/*.c)
LIB_CXX    := $(wildcard server/base/*.cc)
SERVER_SRC := $(filter-out server/main.c,$(wildcard server/*.c server/master/*.c server/worker/*.c \
              server/aggregator/*.c server/admin/*.c server/credential/*.c tools/mock/*.c))
BFCTL_SRC  := $(wildcard tools/bfctl/*.c)
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
REPLAY_SRC := $(wildcard tests/replay/*.c)
SIM_SRC    := $(wildcard tests/sim/*.c)
TORTURE_SRC := $(wildcard tests/torture/torture_*.c)
FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(patsubst %.c,$(BUILD)/%.o,$(patsubst %.cc,$(BUILD)/%.o,$(1)))
LIB_OBJ    := $(call obj,$(LIB_SRC) $(LIB_CXX))
SERVER_OBJ := $(call obj,$(SERVER_SRC))
ALL_OBJ    := $(LIB_OBJ) $(SERVER_OBJ) $(call obj,server/main.c tools/catalogue/main.c tools/prices/main.c tools/pack/pack.c tools/bench/resolve.c $(BFCTL_SRC) $(UNIT_SRC) \
              $(REPLAY_SRC) $(SIM_SRC) $(TORTURE_SRC) $(FUZZ_SRC))
UNIT_BIN    := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
TORTURE_BIN := $(TORTURE_SRC:tests/torture/%.c=$(BUILD)/tests/torture/%)
FUZZ_REPLAY := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/tests/fuzz/%)
REPLAY_BIN  := $(if $(REPLAY_SRC),$(BUILD)/tests/replay/replay)
SIM_BIN     := $(BUILD)/tests/sim/simulate
RESOLVE_BIN := $(BUILD)/tools/bench/resolve
T ?= 20
# `make V=1` shows the commands.
Q := $(if $(V),,@)
say = @printf '  %-4s %s\n' $(1) $@

.PHONY: all run check unit simulate days replay torture torture-quick fuzz fuzz-corpus flow integration matrix check-real lint bench install \
        deps deps-test clean help
.DELETE_ON_ERROR:
.SECONDARY: $(ALL_OBJ)

all: $(BIN)/bowfin $(BIN)/bfctl

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) -std=c17 $(DEFS) $(WARN) $(WARN_C) $(OPT) $(CFLAGS) -MMD -MP -c $< -o $@

# conf/catalogue.yaml and conf/prices.yaml are parsed now rather than at every start.
PACKED := $(BUILD)/catalogue.bin $(BUILD)/prices.bin
$(BUILD)/tools/%/pack: $(BUILD)/tools/%/main.o $(BUILD)/tools/pack/pack.o $(BUILD)/libbowfin.a
	$(call say,LD)
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(PACKED): $(BUILD)/%.bin: conf/%.yaml $(BUILD)/tools/%/pack
	$(call say,PACK)
	$(Q)$(BUILD)/tools/$*/pack $< $@

$(BUILD)/server/master/catalogue.o $(BUILD)/server/master/prices.o: DEFS += -Wa,-I$(BUILD)

# Files that are put into their objects as they are.
$(BUILD)/server/master/catalogue.o: $(BUILD)/catalogue.bin
$(BUILD)/server/master/prices.o: $(BUILD)/prices.bin
$(BUILD)/server/admin/page.o: server/admin/web/index.html
$(BUILD)/tools/bfctl/help.o: $(wildcard tools/completions/*)

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(call say,CXX)
	$(Q)$(CXX) -std=c++17 -fno-exceptions -fno-rtti $(DEFS) $(WARN) $(OPT) $(CXXFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libbowfin.a: $(LIB_OBJ)
	@rm -f $@
	$(call say,AR)
	$(Q)ar rcs $@ $^

$(BUILD)/libserver.a: $(SERVER_OBJ)
	@rm -f $@
	$(call say,AR)
	$(Q)ar rcs $@ $^

ARCHIVES = $(BUILD)/libserver.a $(BUILD)/libbowfin.a

$(BIN)/bowfin: $(BUILD)/server/main.o $(ARCHIVES)
	$(call say,LD)
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(BIN)/bfctl: $(call obj,$(BFCTL_SRC)) $(BUILD)/libbowfin.a
	$(call say,LD)
	$(Q)$(LINK) $^ $(LIBS) -o $@

$(UNIT_BIN): $(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(ARCHIVES)
	$(call say,LD)
	$(Q)$(LINK) $^ -lcmocka $(LIBS) -o $@

$(TORTURE_BIN): $(BUILD)/tests/torture/%: $(BUILD)/tests/torture/%.o $(ARCHIVES)
	$(call say,LD)
	$(Q)$(LINK) $^ -lcmocka $(LIBS) -o $@

# The real weight code in virtual time; its worker_random wins over the archive's.
$(SIM_BIN): $(call obj,$(SIM_SRC)) $(ARCHIVES)
	$(call say,LD)
	$(Q)$(LINK) $^ $(LIBS) -o $@

# What resolution costs, by the real code.
$(RESOLVE_BIN): $(BUILD)/tools/bench/resolve.o $(ARCHIVES)
	$(call say,LD)
	$(Q)$(LINK) $^ $(LIBS) -o $@

# The real steps; tests/replay has fakes of http.c, upstream.c, loop.c, worker.c and clock.c that win over the archive's.
$(REPLAY_BIN): $(call obj,$(REPLAY_SRC)) $(ARCHIVES)
	$(call say,LD)
	$(Q)$(LINK) $^ $(LIBS) -o $@

# Each fuzz target also as a plain program that replays its corpus.
$(FUZZ_REPLAY): $(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/replay_main.o $(ARCHIVES)
	$(call say,LD)
	$(Q)$(LINK) $^ $(LIBS) -o $@

include tests/tests.mk

run: deps all
	$(BIN)/bowfin

install: all
	install -D -m 755 build/bowfin $(DESTDIR)$(PREFIX)/bin/bowfin
	install -D -m 755 build/bfctl $(DESTDIR)$(PREFIX)/bin/bfctl
	@sh tools/install.sh "$(DESTDIR)" "$(PREFIX)" "$(SYSCONFDIR)" "$(UNITDIR)"

deps:
	@sh tools/deps.sh build

deps-test: deps
	@sh tools/deps.sh test

clean:
	rm -rf build

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

-include $(ALL_OBJ:.o=.d)
