# Isotope. `make help` lists the targets.
#
# Each layer of src/ARCHITECTURE.md is one static library, linked in the order of the layers, so that a layer that uses
# one above it does not link. Objects of a sanitizer build live in a directory of their own.

CC      := gcc
AR      := ar
PYTHON  := /usr/bin/python3
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.2.0

SANITIZER ?=
ifneq ($(filter-out address undefined thread,$(SANITIZER)),)
$(error SANITIZER=$(SANITIZER): expected address (with undefined), undefined or thread)
endif
BUILD ?= build/$(or $(SANITIZER),release)
VENV  := build/venv
LINT_VENV := build/lint-venv
TESTS ?=

comma := ,
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wsign-conversion \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wno-missing-field-initializers -Werror
SANITIZE_address   := -fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined
SANITIZE_undefined := -fsanitize=undefined -fno-sanitize-recover=undefined
SANITIZE_thread    := -fsanitize=thread
SANITIZE := $(SANITIZE_$(SANITIZER))
# Under a sanitizer gcc sees other code, and guesses wrongly about these two; the release build has them on.
WARNINGS += $(if $(SANITIZER),-Wno-format-truncation -Wno-maybe-uninitialized)
OPTIMIZE ?= $(if $(SANITIZER),-O1,-O2)
CPPFLAGS += -D_GNU_SOURCE -DISOTOPE_VERSION='"$(VERSION)"' -Isrc -I.
CFLAGS   += -std=c11 -g $(OPTIMIZE) -fno-omit-frame-pointer $(WARNINGS) $(SANITIZE)
LDFLAGS  += $(SANITIZE)

# Asked for when the first recipe needs them: by then a target `packages-...` has installed what they come from.
PACKAGES := rocksdb rdkafka jansson yaml-0.1 libxxhash hiredis openssl libcurl
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PACKAGES)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PACKAGES)) -lpthread -lm)$(PKG_LIBS)

# The layers, top first: the order of linking.
LAYERS := cli operators dataflow sinks state log record base
layer_dir = $(if $(filter operators,$(1)),operators,src/$(1))
layer_sources = $(sort $(wildcard $(call layer_dir,$(1))/*.c))
layer_objects = $(patsubst %.c,$(BUILD)/%.o,$(call layer_sources,$(1)))
LIBRARIES := $(foreach layer,$(LAYERS),$(BUILD)/lib$(layer).a)

all: $(BUILD)/isotope ## build the program: build/release/isotope

define layer_rule
$(BUILD)/lib$(1).a: $(call layer_objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@$(AR) rcs $$@ $$^
endef
$(foreach layer,$(LAYERS),$(eval $(call layer_rule,$(layer))))

$(BUILD)/isotope: $(BUILD)/src/main.o $(LIBRARIES)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

define compile
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
endef
$(BUILD)/%.o: %.c | packages-build
	$(compile)
$(BUILD)/tests/%.o: tests/%.c | packages-test
	$(compile)

# A test links against its own layer and those below it: tests/record/decode_test.c -> librecord.a libbase.a. What
# several tests of a layer share is in files called neither *_test.c nor *_tool.c. A *_tool.c is a program of its own,
# which tests in Python run.
TEST_SOURCES := $(sort $(wildcard $(LAYERS:%=tests/%/*_test.c)))
TOOL_SOURCES := $(sort $(wildcard $(LAYERS:%=tests/%/*_tool.c) $(LAYERS:%=tests/%/tool/*_tool.c)))
TEST_BINARIES := $(patsubst %.c,$(BUILD)/%,$(TEST_SOURCES) $(TOOL_SOURCES))
test_shared = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(TEST_SOURCES) $(TOOL_SOURCES),$(wildcard tests/$(1)/*.c)))
and_below = $(if $(filter $(1),$(firstword $(2))),$(2),$(call and_below,$(1),$(wordlist 2,$(words $(2)),$(2))))
# (dataflow's driver runs whole topologies and is handed the table of operators: its tests link both.)
libraries_of = $(patsubst %,$(BUILD)/lib%.a,$(call and_below,$(if $(filter dataflow,$(1)),operators,$(1)),$(LAYERS)))

TEST_LIBS_record := -lavro
define test_rule
$(BUILD)/tests/$(1)/%_test: $(BUILD)/tests/$(1)/%_test.o $(BUILD)/tests/test.o $(call test_shared,$(1)) \
		$(call libraries_of,$(1))
	@echo "  link  $$@"
	@$(CC) $(LDFLAGS) -o $$@ $$^ $(TEST_LIBS_$(1)) $$(PKG_LIBS)

$(BUILD)/tests/$(1)/%_tool: $(BUILD)/tests/$(1)/%_tool.o $(call libraries_of,$(1))
	@echo "  link  $$@"
	@$(CC) $(LDFLAGS) -o $$@ $$^ $(TEST_LIBS_$(1)) $$(PKG_LIBS)
endef
$(foreach layer,$(LAYERS),$(eval $(call test_rule,$(layer))))

test-binaries: $(TEST_BINARIES) $(BUILD)/tests/sim/sim_tool

# Installs the Debian packages that are missing (tools/packages.txt); with none missing it takes some milliseconds.
packages-build:
	@tools/packages.sh build
packages-demo: packages-build
	@tools/packages.sh demo
packages-test: packages-demo
	@tools/packages.sh test

define make_venv
	@echo "  venv  $(@D)"
	@rm -rf $(@D)
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@
endef
$(VENV)/.ready: tests/requirements.txt | packages-test
	$(make_venv)
# (Of its own, so that a look at the code need not wait for the tests' packages.)
$(LINT_VENV)/.ready: tools/lint_requirements.txt | packages-test
	$(make_venv)

test: all test-binaries $(VENV)/.ready ## build and run the tests; TESTS=word runs those with the word in their name
	@$(VENV)/bin/python tests/run.py --build $(BUILD) $(if $(TESTS),-k '$(TESTS)')

lint: $(LINT_VENV)/.ready ## include direction, lengths, format, cppcheck
	@failed=0; for check in "$(PYTHON) tools/lint.py" "$(LINT_VENV)/bin/python tools/format.py --check" \
			tools/cppcheck.sh; do \
		$$check || failed=1; \
	done; [ $$failed -eq 0 ] && echo "lint: clean"

format: $(LINT_VENV)/.ready ## put the C code into the shape of .clang-format; FILES="..." only those
	@$(LINT_VENV)/bin/python tools/format.py $(FILES)

SANITIZED = $(MAKE) --no-print-directory test BUILD=$(dir $(BUILD))$(1) SANITIZER=$(1)
check: ## lint, the tests, and the tests again under the address, undefined and thread sanitizers
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test
	@echo "again under the address and undefined sanitizers"
	@$(call SANITIZED,address)
	@echo "again under the thread sanitizer"
	@$(call SANITIZED,thread)

demo: all packages-demo ## 25 seconds of a made-up feed through all operators, then some of what came out
	@tools/demo.sh $(BUILD)/isotope

demo-kafka: all $(VENV)/.ready ## all operators on a real broker and a Redis, in two processes; kill -9 on the way
	@tools/demo_kafka.sh $(BUILD)/isotope $(VENV)/bin/python

SIM := $(BUILD)/tests/sim/sim_tool
# Calls that tests/sim/breaks.c stands between.
SIM_SEAMS := getrandom nanosleep state_open state_restore cache_queue disk_put_position sim_group_allows sim_append \
	sim_run_decide task_advance task_committed task_close state_restore_from \
	upstream_watermark upstream_read log_position getpid gethostname owner_check state_journal task_journal_ask \
	task_marks_look state_set_form
$(SIM): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/sim/*.c)) $(filter-out %/libcli.a,$(LIBRARIES))
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) $(SIM_SEAMS:%=-Wl,--wrap=%) -o $@ $^ $(PKG_LIBS)

SEEDS ?= 1000
sim: $(SIM) ## simulations of crashes and errors on a simulated Kafka; SEEDS=1000
	@$(SIM) --seeds $(SEEDS)

BENCH := $(BUILD)/tools/bench/bench
$(BENCH): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/bench/*.c)) $(filter-out %/libcli.a,$(LIBRARIES))
	@echo "  link  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

bench: $(BENCH) ## CPU, throughput, latency, memory and restart time on this machine
	@tools/bench/run $(BUILD)

bench-kafka: all packages-test ## the join on a Kafka broker, by Isotope and its peers; OPTIONS="--quick", or --help
	@tools/bench/kafka --build $(BUILD) $(OPTIONS)

install: all ## program, schemas and topologies below PREFIX (/usr/local; DESTDIR before it); may be moved later
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/isotope/schemas
	install -d $(DESTDIR)$(PREFIX)/share/isotope/topologies
	install -m 755 $(BUILD)/isotope $(DESTDIR)$(PREFIX)/bin/isotope
	install -m 644 schemas/*.avsc $(DESTDIR)$(PREFIX)/share/isotope/schemas/
	install -m 644 topologies/*.yaml $(DESTDIR)$(PREFIX)/share/isotope/topologies/

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' Makefile | expand -t 13
	@echo "SANITIZER=address|undefined|thread builds and tests under that sanitizer, BUILD=DIR builds into DIR."

.PHONY: all test-binaries packages-build packages-demo packages-test test lint format check sim demo demo-kafka bench \
	bench-kafka install clean help
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
