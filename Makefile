# Isotope. `make help` lists the targets.
#
# Each layer of src/ARCHITECTURE.md is one static library, linked in the order of the layers, so that a layer that uses one above it
# does not link. Objects of a sanitizer build live in a directory of their own.

CC      := gcc
AR      := ar
PREFIX  ?= /usr/local
VERSION := 0.1.0

SANITIZER ?=
BUILD     ?= build$(if $(SANITIZER),/$(SANITIZER),/release)

comma := ,
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion -Wsign-conversion -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Werror
SANITIZE := $(if $(filter address,$(SANITIZER)),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined,$(if \
	$(filter undefined,$(SANITIZER)),-fsanitize=undefined -fno-sanitize-recover=undefined,$(if \
	$(filter thread,$(SANITIZER)),-fsanitize=thread,)))
OPTIMIZE ?= $(if $(SANITIZER),-O1,-O2)
CPPFLAGS += -D_GNU_SOURCE -DISOTOPE_VERSION='"$(VERSION)"' -DISOTOPE_PREFIX='"$(PREFIX)"' -Isrc -I.
CFLAGS   += -std=c11 -g $(OPTIMIZE) -fno-omit-frame-pointer $(WARNINGS) $(SANITIZE)
LDFLAGS  += $(SANITIZE)

PACKAGES := rocksdb jansson yaml-0.1 libxxhash
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lpthread -lm

# The layers, top first: the order of linking.
LAYERS := cli operators dataflow state log record base
layer_dir = $(if $(filter operators,$(1)),operators,src/$(1))
layer_sources = $(sort $(wildcard $(call layer_dir,$(1))/*.c))
layer_objects = $(patsubst %.c,$(BUILD)/%.o,$(call layer_sources,$(1)))
LIBRARIES := $(foreach layer,$(LAYERS),$(BUILD)/lib$(layer).a)

all: $(BUILD)/isotope

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

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# A test links against its own layer and those below it: tests/record/decode_test.c -> librecord.a libbase.a
TEST_SOURCES := $(sort $(wildcard tests/*/*_test.c))
TEST_BINARIES := $(patsubst %.c,$(BUILD)/%,$(TEST_SOURCES))
# (operators may use dataflow's headers; dataflow's driver is handed the table of operators, so tests of either link both.)
libraries_from = $(foreach layer,$(shell echo '$(LAYERS)' | sed 's/.*\b$(1)\b/$(1)/'),$(BUILD)/lib$(layer).a)

define test_rule
$(BUILD)/tests/$(1)/%_test: $(BUILD)/tests/$(1)/%_test.o $(BUILD)/tests/test.o $(call libraries_from,$(if $(filter dataflow,$(1)),operators,$(1)))
	@echo "  link  $$@"
	@$(CC) $(LDFLAGS) -o $$@ $$^ $(PKG_LIBS) $(TEST_LIBS_$(1))
endef
TEST_LIBS_record := -lavro
$(foreach layer,$(LAYERS),$(eval $(call test_rule,$(layer))))

test-binaries: $(TEST_BINARIES)

clean:
	rm -rf build

.PHONY: all test-binaries clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
