#!/usr/bin/env python3
"""count_tests.py - "PASSED FAILED" of a meson test log (JSON lines).

A program says itself how many tests it ran, in its last line "N passed, N failed" or, for a replayed
corpus, "N inputs replayed". One that failed counts at least one failure, whatever it printed.

SPDX-License-Identifier: Apache-2.0
"""
import json
import re
import sys

COUNTS = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
INPUTS = re.compile(r"^(\d+) inputs replayed$", re.M)


def counts_of(test):
    is_ok = test["result"] in ("OK", "EXPECTEDFAIL")
    output = test.get("stdout") or ""
    passed, failed = 0, 0
    if found := COUNTS.findall(output):
        passed, failed = map(int, found[-1])
    elif found := INPUTS.findall(output):
        passed = int(found[-1])
    elif is_ok:
        passed = 1
    return passed, max(failed, 0 if is_ok else 1)


def main():
    with open(sys.argv[1]) as log:
        counts = [counts_of(json.loads(line)) for line in log]
    print(sum(c[0] for c in counts), sum(c[1] for c in counts))


main()
