#!/usr/bin/env python3
"""run.py - runs the end-to-end tests.

    tests/e2e/run.py [--smoke] [WORD...]

WORDs select tests whose name contains one of them; --smoke those that also run with sanitizers. MEMORYD
names the binary, MEMORYD_MODEL the model file. The last line is "N passed, N failed".

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import harness  # noqa: E402


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def is_smoke(test):
    return getattr(getattr(test, test._testMethodName, None), "is_smoke", False)


class Result(unittest.TextTestResult):
    """One line per test, with its time; what failed is shown at once."""

    def __init__(self, *args):
        super().__init__(*args)
        self.failed_tests = set()
        self.n_skipped = 0

    def startTest(self, test):
        unittest.TestResult.startTest(self, test)
        self.started = time.monotonic()

    def line(self, word, test):
        name = test.id().removeprefix("test_")
        print(f"{word} {name} ({time.monotonic() - self.started:.1f} s)", flush=True)

    def addSuccess(self, test):
        self.line("ok", test)

    def show(self, test, err, whole_test):
        self.line("FAILED", test)
        print(self._exc_info_to_string(err, whole_test), flush=True)
        self.failed_tests.add(whole_test.id())

    def addFailure(self, test, err):
        self.show(test, err, test)

    def addError(self, test, err):
        self.show(test, err, test)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.show(subtest, err, test)

    def addSkip(self, test, reason):
        self.line(f"skipped ({reason})", test)
        self.n_skipped += 1

    def printErrors(self):
        pass


def main():
    words = [a for a in sys.argv[1:] if a != "--smoke"]
    wants_smoke = "--smoke" in sys.argv
    if not harness.MEMORYD.is_file():
        sys.exit(f"e2e: there is no {harness.MEMORYD}; run `make` first, or set MEMORYD")
    if not harness.MODEL.is_file():
        sys.exit(f"e2e: there is no {harness.MODEL}; run `make` first, or set MEMORYD_MODEL")

    suite = unittest.TestSuite()
    for test in tests_of(unittest.defaultTestLoader.discover(str(HERE))):
        is_named = not words or any(w in test.id() for w in words)
        if is_named and (not wants_smoke or is_smoke(test)):
            suite.addTest(test)
    result = Result(sys.stderr, True, 0)
    suite.run(result)
    n_failed = len(result.failed_tests)
    n_passed = result.testsRun - n_failed - result.n_skipped
    if result.n_skipped:
        print(f"{result.n_skipped} skipped, for the reasons above")
    print(f"{n_passed} passed, {n_failed} failed")
    sys.exit(1 if n_failed or not result.testsRun else 0)


main()
