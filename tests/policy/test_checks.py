"""Red, green or nothing, of what the tools print; the outputs are written after their own."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.checks import Check, Framework, Verdict, read_check

PYTEST_RED = """\
============================= test session starts ==============================
collected 3 items

tests/test_cart.py .F.                                                   [100%]

=================================== FAILURES ===================================
__________________________________ test_total __________________________________

    def test_total():
>       assert total([1, 2]) == 4
E       assert 3 == 4

tests/test_cart.py:7: AssertionError
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total - assert 3 == 4
========================= 1 failed, 2 passed in 0.04s ==========================
"""
PYTEST_GREEN = """\
tests/test_cart.py ...                                                   [100%]

============================== 3 passed in 0.02s ===============================
"""
PYTEST_COLLECTION = """\
==================================== ERRORS ====================================
_____________________ ERROR collecting tests/test_cart.py ______________________
ImportError while importing test module 'tests/test_cart.py'.
E   ModuleNotFoundError: No module named 'cart'
=========================== short test summary info ============================
ERROR tests/test_cart.py
!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
=============================== 1 error in 0.09s ===============================
"""
GO_RED = """\
--- FAIL: TestTotal (0.00s)
    cart_test.go:9: got 3, want 4
FAIL
FAIL\texample.com/shop/cart\t0.003s
ok  \texample.com/shop/store\t0.004s
FAIL
"""
GO_GREEN = """\
?   \texample.com/shop\t[no test files]
ok  \texample.com/shop/cart\t0.003s
ok  \texample.com/shop/store\t(cached)
"""
GO_BUILD = """\
# example.com/shop/cart [example.com/shop/cart.test]
./cart_test.go:7:5: undefined: total
FAIL\texample.com/shop/cart [build failed]
FAIL
"""
GO_JSON = (
    '{"Time":"2026-11-01T10:00:00Z","Action":"run","Package":"shop","Test":"TestTotal"}\n'
    '{"Time":"2026-11-01T10:00:00Z","Action":"output","Package":"shop","Test":"TestTotal",'
    '"Output":"--- FAIL: TestTotal (0.00s)\\n"}\n'
    '{"Time":"2026-11-01T10:00:00Z","Action":"%s","Package":"shop","Test":"TestTotal","Elapsed":0}\n'
    '{"Time":"2026-11-01T10:00:00Z","Action":"%s","Package":"shop","Elapsed":0.003}\n'
)
CARGO_RED = """\
running 2 tests
test tests::adds ... ok
test tests::totals ... FAILED

failures:

---- tests::totals stdout ----
thread 'tests::totals' panicked at src/lib.rs:14:9:

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `--lib`
"""
CARGO_GREEN = """\
    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.41s
     Running unittests src/lib.rs (target/debug/deps/shop-1a2b)

running 2 tests
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests shop

running 0 tests

test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"""
CARGO_BUILD = """\
error[E0425]: cannot find value `totl` in this scope
 --> src/lib.rs:3:5
  |
3 |     totl
  |     ^^^^ not found in this scope

error: could not compile `shop` (lib) due to 1 previous error
"""
JEST_RED = """\
 FAIL  src/cart.test.js
  ● total › adds

    Expected: 4
    Received: 3

Test Suites: 1 failed, 1 passed, 2 total
Tests:       1 failed, 4 passed, 5 total
Snapshots:   0 total
Time:        1.21 s
Ran all test suites.
npm error code 1
"""
JEST_SUITE = """\
  ● Test suite failed to run

    Cannot find module './cart' from 'src/cart.test.js'

Test Suites: 1 failed, 1 total
Tests:       0 total
Snapshots:   0 total
Time:        0.4 s
"""
VITEST_RED = """\
 ❯ src/cart.test.ts (2 tests | 1 failed) 5ms
   × total > adds

 Test Files  1 failed | 1 passed (2)
      Tests  1 failed | 4 passed (5)
   Start at  10:00:00
   Duration  312ms
"""
MOCHA_RED = """\
  total
    ✔ is 0 of nothing
    1) adds


  1 passing (6ms)
  1 failing

  1) total
       adds:

      AssertionError [ERR_ASSERTION]: 3 == 4
      at Context.<anonymous> (test/cart.js:9:12)
"""
MAVEN_RED = """\
[ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 0
[INFO]
[INFO] ------------------------------------------------------------------------
[INFO] BUILD FAILURE
[INFO] ------------------------------------------------------------------------
[INFO] Total time:  2.1 s
[ERROR] Failed to execute goal org.apache.maven.plugins:maven-surefire-plugin:3.2.5:test
[ERROR] -> [Help 1]
"""
GRADLE_RED = """\
> Task :test FAILED

CartTest > adds() FAILED
    org.opentest4j.AssertionFailedError at CartTest.java:12

4 tests completed, 1 failed

FAILURE: Build failed with an exception.

* What went wrong:
Execution failed for task ':test'.

BUILD FAILED in 3s
"""
CTEST_RED = """\
67% tests passed, 1 tests failed out of 3

Total Test time (real) =   0.02 sec

The following tests FAILED:
\t  2 - total (Failed)
Errors while running CTest
"""
TSC_RED = """\
src/cart.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.
src/store.ts(9,1): error TS2304: Cannot find name 'totl'.
"""
ESLINT = """\
/home/dev/shop/src/cart.js
  3:7  error  'total' is assigned a value but never used  no-unused-vars

✖ 2 problems (%d errors, %d warnings)
"""
MYPY_RED = """\
shop/cart.py:3: error: Incompatible return value type (got "str", expected "int")  [return-value]
Found 1 error in 1 file (checked 2 source files)
"""


@pytest.mark.parametrize(
    ("text", "framework", "verdict", "passed", "failed"),
    [
        (PYTEST_RED, "pytest", "failed", 2, 1),
        (PYTEST_GREEN, "pytest", "passed", 3, 0),
        (PYTEST_COLLECTION, "pytest", "failed", 0, 1),
        ("...F\n1 failed, 3 passed, 2 warnings in 1.31s\n", "pytest", "failed", 3, 1),
        ("== 9 passed, 1 xfailed in 75.2s (0:01:15) ==\n", "pytest", "passed", 9, 0),
        ("..F\nRan 3 tests in 0.001s\n\nFAILED (failures=1)\n", "unittest", "failed", 2, 1),
        ("...\nRan 3 tests in 0.001s\n\nOK (skipped=1)\n", "unittest", "passed", 2, 0),
        ("E\nRan 1 test in 0.000s\n\nFAILED (errors=1)\n", "unittest", "failed", 0, 1),
        (GO_RED, "go", "failed", None, 1),
        (GO_GREEN, "go", "passed", None, None),
        (GO_BUILD, "go", "failed", None, None),
        ("# example.com/shop\n./cart.go:3:7: undefined: x\n", "go", "failed", None, None),
        (GO_JSON % ("pass", "pass"), "go", "passed", 1, 0),
        (GO_JSON % ("fail", "fail"), "go", "failed", 0, 1),
        (CARGO_RED, "cargo", "failed", 1, 1),
        (CARGO_GREEN, "cargo", "passed", 2, 0),
        (CARGO_BUILD, "cargo", "failed", None, None),
        (
            "    Checking shop v0.1.0\n    Finished `dev` profile [unoptimized] target(s) in 0.4s\n",
            *("cargo", "passed", None, None),
        ),
        (
            "error: unused variable: `a`\n\nerror: could not compile `shop` (lib) due to 1 previous\n",
            *("cargo", "failed", None, None),
        ),
        (JEST_RED, "jest", "failed", 4, 1),
        (JEST_SUITE, "jest", "failed", 0, 0),
        (
            "Test Suites: 2 passed, 2 total\nTests:       5 passed, 5 total\nTime:        1 s\n",
            *("jest", "passed", 5, 0),
        ),
        (VITEST_RED, "vitest", "failed", 4, 1),
        (
            " ✓ src/a.test.ts (5 tests)\n\n Test Files  1 passed (1)\n      Tests  5 passed (5)\n",
            *("vitest", "passed", 5, 0),
        ),
        (MOCHA_RED, "mocha", "failed", 1, 1),
        ("\n\n  12 passing (31ms)\n\n", "mocha", "passed", 12, 0),
        (
            "✓ adds [0.1ms]\n✗ totals [0.2ms]\n\n 1 pass\n 1 fail\n 2 expect() calls\n"
            "Ran 2 tests across 1 file. [9.00ms]\n",
            *("bun", "failed", 1, 1),
        ),
        (" 4 pass\n 0 fail\nRan 4 tests across 2 files. [9.00ms]\n", "bun", "passed", 4, 0),
        (MAVEN_RED, "maven", "failed", 3, 1),
        (
            "[INFO] Tests run: 4, Failures: 0, Errors: 0, Skipped: 1\n[INFO] BUILD SUCCESS\n",
            *("maven", "passed", 3, 0),
        ),
        (
            "[ERROR] COMPILATION ERROR :\n[INFO] BUILD FAILURE\n",
            *("maven", "failed", None, None),
        ),
        (GRADLE_RED, "gradle", "failed", 3, 1),
        ("> Task :test\n\nBUILD SUCCESSFUL in 4s\n", "gradle", "passed", None, None),
        (CTEST_RED, "ctest", "failed", 2, 1),
        ("100% tests passed, 0 tests failed out of 3\n", "ctest", "passed", 3, 0),
        (TSC_RED, "tsc", "failed", None, 2),
        (
            "src/cart.ts:3:7 - error TS2322: Type 'string'.\n\n3   a\n\n\nFound 1 error in src/cart.ts:3\n",
            *("tsc", "failed", None, 1),
        ),
        (ESLINT % (1, 1), "eslint", "failed", None, 1),
        (ESLINT % (0, 2), "eslint", "passed", None, 0),
        (MYPY_RED, "mypy", "failed", None, 1),
        ("Success: no issues found in 12 source files\n", "mypy", "passed", None, None),
        ("F401 unused\nFound 3 errors.\n[*] 1 fixable\n", "ruff", "failed", None, 3),
        ("Found 3 errors (3 fixed, 0 remaining).\n", "ruff", "passed", None, 0),
        ("All checks passed!\n", "ruff", "passed", None, None),
        (
            "cc: error: cart.c: No such file\nmake[1]: *** [Makefile:4: cart.o] Error 1\n",
            *("make", "failed", None, None),
        ),
        # A runner below make, and several runs in one command: what is red counts.
        (PYTEST_RED + "make: *** [Makefile:9: test] Error 1\n", "pytest", "failed", 2, 1),
        (PYTEST_GREEN + MYPY_RED, "mypy", "failed", None, 1),
    ],
)
def test_what_a_run_prints(
    text: str, framework: Framework, verdict: Verdict, passed: int | None, failed: int | None
) -> None:
    expected = Check(verdict, framework, passed, failed)
    assert read_check(text) == expected
    assert read_check(text.replace("\n", "\r\n")) == expected
    assert read_check("Exit code: 1\nWall time: 2 seconds\nOutput:\n" + text).verdict in {
        "failed",
        "" if verdict == "passed" else "failed",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no tests ran in 0.01s\n",
        "ERROR: file or directory not found: tests/x.py\n\n===== no tests ran in 0.00s =====\n",
        "=== 4 skipped in 0.02s ===\n",
        "=== 3 deselected in 0.02s ===\n",
        "Ran 0 tests in 0.000s\n\nOK\n",
        "?   \texample.com/shop\t[no test files]\n",
        "ok  \texample.com/shop\t0.002s [no tests to run]\n",
        "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished\n",
        "No tests found, exiting with code 1\n",
        "No test files found, exiting with code 1\n",
        "  0 passing (1ms)\n",
        "No tests were found!!!\n",
        "make: *** No rule to make target 'tset'.  Stop.\n",
        "make: Nothing to be done for 'all'.\n",
    ],
)
def test_nothing_was_tested(text: str) -> None:
    assert read_check(text).verdict == ""


@pytest.mark.parametrize(
    "text",
    [
        "The run said 1 failed, 2 passed in 0.04s, so look at cart.py.\n",
        "> ===== 1 failed, 2 passed in 0.04s =====\n",
        "".join(f"    {line}\n" for line in PYTEST_RED.splitlines()),
        "".join(f"{n:>6}→{line}\n" for n, line in enumerate(PYTEST_RED.splitlines(), 1)),
        "".join(f"log.txt:{n}:{line}\n" for n, line in enumerate(GO_RED.splitlines(), 1)),
        "".join(f"+{line}\n" for line in CARGO_RED.splitlines()),
        "# How to test\n\nRun it:\n\n```\n" + PYTEST_RED + "```\n",
        '"test result: FAILED. 1 passed; 1 failed; 0 ignored"\n',
        # A file of which a run's record is only the beginning.
        PYTEST_RED + "\n".join(f"line {n} of what follows" for n in range(60)),
        "All checks passed!" + " Or so they say.\n",
        "Found 3 errors in the log.\n",
        "FAIL to see why\nok then\n",
        'print("make: *** [Makefile:4: all] Error 1")\n',
    ],
)
def test_what_is_quoted_is_no_run(text: str) -> None:
    assert read_check(text).verdict == ""


def test_a_harness_cuts_the_middle_out() -> None:
    cut = PYTEST_RED[:200] + "\n\n... [3120 lines truncated] ...\n\n" + PYTEST_RED[-300:]
    assert read_check(cut) == Check("failed", "pytest", 2, 1)
    long = "collecting\n" + "x" * 50_000 + "\n" + PYTEST_RED
    assert read_check(long) == Check("failed", "pytest", 2, 1)


def test_colours_do_not_hide_a_verdict() -> None:
    red, bold, off = "\x1b[31m", "\x1b[1m", "\x1b[0m"
    text = f"{red}===== {bold}1 failed{off}, \x1b[32m2 passed{off}{red} in 0.04s{off}{red} ====={off}\n"
    assert read_check(text) == Check("failed", "pytest", 2, 1)


@pytest.mark.parametrize(
    "said",
    [
        "Exit code 1\n%s",
        "Exit code: 1\nWall time: 1 seconds\nOutput:\n%s",
        "Chunk ID: a1\nProcess exited with code 2\nOutput:\n%s",
        "Command: make\nOutput: \n%sExit Code: 1\n",
    ],
)
def test_a_green_line_in_a_command_that_failed_is_no_verdict(said: str) -> None:
    assert read_check(said % PYTEST_GREEN).verdict == ""
    assert read_check(said % PYTEST_RED).verdict == "failed"
    assert read_check(said.replace("1", "0").replace("2", "0") % PYTEST_GREEN).verdict == "passed"


def test_codex_writes_an_object_in_a_string() -> None:
    written = PYTEST_GREEN.replace("\n", "\\n")
    text = '{"output":"%s","metadata":{"exit_code":%d,"duration_seconds":0.5}}'
    assert read_check(text % (written, 0)).verdict == "passed"
    assert read_check(text % (written, 1)).verdict == ""


SAMPLES = (PYTEST_RED, GO_RED, GO_JSON, CARGO_RED, JEST_RED, MAVEN_RED, MOCHA_RED, TSC_RED)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from([line for text in SAMPLES for line in text.splitlines()]),
            st.sampled_from(["\n", "\r\n", "\t", "\x1b[31m", "=", "1 failed", '{"output":"']),
        ),
        max_size=40,
    )
)
def test_any_text_is_read(pieces: list[str]) -> None:
    assert read_check("\n".join(pieces)).verdict in {"", "passed", "failed"}
    read_check("".join(pieces))


@pytest.mark.parametrize(
    "piece",
    ["=", "1 passed, ", "x.go:", "# a\n", "(1,1): ", "\n", "make: *** ", '{"Action":"', " in "],
)
def test_a_long_text_takes_no_longer_than_its_ends(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    begun = time.process_time()
    read_check(text)
    # A quadratic pattern over the ends alone would take several tenths of a second.
    assert time.process_time() - begun < 0.1
