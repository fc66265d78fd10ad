# SPDX-License-Identifier: Apache-2.0
# The door to the build: Meson does the work, in build/. README.md says what to start with.

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
MESON_OPTIONS ?=

.PHONY: all build deps run test test-full test-vm bench fuzz check install clean

all: build

deps:
	tools/deps

$(BUILD)/build.ninja: | deps
	meson setup $(BUILD) --prefix $(PREFIX) $(MESON_OPTIONS)

build: deps $(BUILD)/build.ninja
	ninja -C $(BUILD)

# The main job: a container through every layer, with the stock docker client.
run: build
	tools/make-run $(BUILD)

# The subset of the tests that fits a commit; tests/suites.tsv says which suites those are.
test: build
	tools/run-tests $(BUILD) ci

test-full: build
	tools/deps full
	tools/run-tests $(BUILD) ci full

test-vm: build
	tools/deps vm
	tests/vm/run $(BUILD)

bench: build
	tools/deps bench
	tests/bench/runtime-bench $(BUILD)

# FUZZ_SECONDS for each target; findings are left in build-fuzz/findings.
FUZZ_SECONDS ?= 60
fuzz: deps
	tools/deps check
	tools/run-fuzzers build-fuzz $(FUZZ_SECONDS)

# Everything that .ci/run does.
check:
	.ci/run

install: build
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	ninja -C $(BUILD)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf $(BUILD)
