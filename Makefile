# The front door: set-up, build, model, server, tests. Behind it meson and ninja do the work, each kind
# of build in a folder of its own (scripts/build.sh).
#
# SPDX-License-Identifier: Apache-2.0

PREFIX ?= /usr/local
DESTDIR ?=

MEMORYD := build/release/src/memoryd
MODEL := build/model/all-MiniLM-L6-v2.mdm
WEIGHTS := .cache/all-MiniLM-L6-v2

.PHONY: all run test bench install uninstall clean format help

all:
	@scripts/setup.sh run
	@scripts/build.sh release src/memoryd
	@scripts/model.sh $(MEMORYD) $(WEIGHTS) $(MODEL)

run: all
	MEMORYD_MODEL=$(MODEL) $(MEMORYD) serve

# PHASES="unit e2e" runs only those (scripts/test.sh lists them).
test:
	@scripts/test.sh $(PHASES)

# QUICK=1 leaves out what needs 1,000,000 memories.
bench: all
	@QUICK=$(QUICK) scripts/bench.sh $(DATA)

# What is already built is not built again, so that `sudo make install` leaves no root's files here.
install:
	@test -x $(MEMORYD) && test -f $(MODEL) || $(MAKE) --no-print-directory all
	install -D -m 755 $(MEMORYD) $(DESTDIR)$(PREFIX)/bin/memoryd
	install -D -m 644 $(MODEL) $(DESTDIR)$(PREFIX)/share/memoryd/$(notdir $(MODEL))
	install -d $(DESTDIR)$(PREFIX)/share/doc/memoryd
	install -m 644 README.md LICENSE NOTICE docs/*.md $(DESTDIR)$(PREFIX)/share/doc/memoryd

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/memoryd
	rm -rf $(DESTDIR)$(PREFIX)/share/memoryd $(DESTDIR)$(PREFIX)/share/doc/memoryd

# Leaves .cache/ and node_modules/, so that building again needs no network.
clean:
	rm -rf build

format:
	@scripts/setup.sh test
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

help:
	@printf '%s\n' \
	    'make                  set-up, release build and model' \
	    'make run              the same, then a server at http://127.0.0.1:8765' \
	    'make test             every test; PHASES="unit e2e" only those' \
	    'make bench            figures of this machine; DATA=FOLDER adds benchmarks that need data,' \
    '                      QUICK=1 leaves out 1,000,000 memories' \
	    'make install          into PREFIX=/usr/local, below DESTDIR if given; make uninstall' \
	    'make format           clang-format over all sources' \
	    'make clean            removes build/'
