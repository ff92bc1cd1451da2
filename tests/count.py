#!/usr/bin/env python3
"""count.py FORMAT FILE: prints how many tests passed and failed in a result.

FORMAT is that of lit -o (`lit`), --gtest_output=json (`gtest`), Python's
unittest (`unittest`), or lines that begin with `ok` or `not ok` (`tap`).
Tests that a missing feature excludes count as neither.
"""
import json
import re
import sys

LIT_NEITHER = {"EXCLUDED", "SKIPPED", "UNSUPPORTED"}


def count_lit(text):
    codes = [test["code"] for test in json.loads(text)["tests"]]
    passed = codes.count("PASS")
    neither = sum(code in LIT_NEITHER for code in codes)
    return passed, len(codes) - passed - neither


def count_gtest(text):
    tests = [test for suite in json.loads(text)["testsuites"] for test in suite["testsuite"]]
    run = [test for test in tests if test["status"] == "RUN" and test["result"] != "SKIPPED"]
    failed = sum("failures" in test for test in run)
    return len(run) - failed, failed


def count_unittest(text):
    ran = int(re.findall(r"^Ran (\d+) tests?", text, re.M)[-1])
    closing = re.findall(r"^(?:OK|FAILED|NO TESTS RAN).*$", text, re.M)[-1]
    numbers = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", closing)}
    failed = sum(numbers.get(key, 0) for key in ("failures", "errors", "unexpectedSuccesses"))
    # A sub-test that fails counts although only its test ran.
    return max(ran - failed - numbers.get("skipped", 0), 0), failed


def count_tap(text):
    lines = text.splitlines()
    failed = sum(line.startswith("not ok") for line in lines)
    passed = sum(line.startswith("ok") for line in lines)
    if passed + failed == 0:
        raise ValueError("no check ran")
    return passed, failed


COUNTERS = {
    "gtest": count_gtest,
    "lit": count_lit,
    "tap": count_tap,
    "unittest": count_unittest,
}

if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        print(*COUNTERS[sys.argv[1]](file.read()))
