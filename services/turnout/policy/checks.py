"""Whether a check that an agent ran came out red or green, read out of a tool's result.

Rules: only lines that a tool itself writes are looked for, whole and from their beginning, so that a
sentence, a quotation, a diff or a numbered listing is none; one of them has to stand near the end,
where a run puts its verdict; a text with Markdown fences is a document. What is silent in success (a
compiler) has no green line and gives no verdict then. No verdict rather than a wrong one: a run in
which nothing was tested is neither red nor green. Pure, and of any text only its ends are read.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

Verdict: TypeAlias = Literal["", "passed", "failed"]

Framework: TypeAlias = Literal[
    "",
    "pytest",
    "unittest",
    "go",
    "cargo",
    "jest",
    "vitest",
    "mocha",
    "bun",
    "maven",
    "gradle",
    "ctest",
    "tsc",
    "eslint",
    "mypy",
    "ruff",
    "make",
]


class Check(msgspec.Struct, frozen=True, gc=False):
    """What a run has shown. Counts are None where its tool tells none."""

    verdict: Verdict = ""
    framework: Framework = ""
    passed: int | None = None
    failed: int | None = None


NO_CHECK: Final = Check()

HEAD_CHARACTERS: Final = 1_000
"""Harnesses say the exit status in front; a compiler's first error stands there."""
TAIL_CHARACTERS: Final = 4_000
"""The last screen: summaries and what build tools print behind them."""
LAST_LINES: Final = 50
"""In which a verdict has to stand: Maven and npm print two dozen behind it, blank ones between them."""

_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_CODEX_JSON: Final = '{"output":"'
"""Codex hands older models a tool's output as an object written in a string."""

_COUNT: Final = re.compile(r"(\d+) ([a-z]+)")


def _lines(pattern: str) -> re.Pattern[str]:
    """Of lines that begin so, in a text that begins with a line's end: a letter that a pattern begins with is
    found several times faster than a place.
    """
    return re.compile(r"\n" + pattern, re.MULTILINE)


_FENCE: Final = _lines(r" *(?:```|~~~)")
_EXIT: Final = _lines(
    r"(?:Exit [Cc]ode:? |Process exited with code |\[?[Ee]xit(?:ed with)? (?:status|code)?:? ?)(\d+)\]?$"
)
_EXIT_FIELD: Final = re.compile(r'"exit_code": ?(\d+)')
"""The lines of Claude Code, Gemini CLI and Codex, and Codex's other form."""

_PYTEST: Final = _lines(
    r"(?:=+ )?(\d+ [a-z]+(?:, \d+ [a-z]+)*) in \d[\d.]*s(?: \([\d:, a-z]+\))?(?: =+)?$"
)
_UNITTEST: Final = _lines(
    r"Ran (\d+) tests? in \d[\d.]*s\n\n(?:OK|FAILED)(?: \(([a-z]+ ?[a-z]*=\d+(?:, [a-z]+ ?[a-z]*=\d+)*)\))?$"
)
_GO: Final = _lines(
    r"(ok|FAIL)[ \t]+\S+[ \t]+(?:\d[\d.]*s|\(cached\)|\[(?:build|setup) failed\])(.*)$"
)
_GO_TEST: Final = _lines(r"--- (PASS|FAIL): \S+ \(")
_GO_BUILD: Final = _lines(r"# \S.*\n(?:\S+\.go:\d+(?::\d+)?: |vet: )")
_GO_JSON: Final = _lines(
    r'\{(?:"Time":"[^"]*",)?"Action":"(pass|fail)","Package":"[^"]*"(,"Test":)?.*\}$'
)
_CARGO: Final = _lines(r"test result: (?:ok|FAILED)\. (\d+) passed; (\d+) failed; ")
_CARGO_ERROR: Final = _lines(
    r"error: (?:could not compile `|aborting due to |test failed, to rerun)"
)
_CARGO_DONE: Final = _lines(r" {4}Finished .*\btarget\(s\) in \d")
_JEST: Final = _lines(r"Tests: +(\d+ [a-z]+(?:, \d+ [a-z]+)*)$")
_JEST_SUITES: Final = _lines(r"Test Suites: (\d+ [a-z]+(?:, \d+ [a-z]+)*)(?: of \d+ total)?$")
_VITEST: Final = _lines(r" +Test Files  (\d+ [a-z]+(?: \| \d+ [a-z]+)*) \(\d+\)$")
_VITEST_TESTS: Final = _lines(r" +Tests  (\d+ [a-z]+(?: \| \d+ [a-z]+)*) \(\d+\)$")
_VITEST_ERRORS: Final = _lines(r" +Errors  \d+ errors?$")
_MOCHA: Final = _lines(r"  (\d+) passing(?: \(\d+[a-z]+\))?$")
_MOCHA_FAILING: Final = _lines(r"  (\d+) failing$")
_BUN: Final = _lines(r" +(\d+) (pass|fail)$")
_BUN_RAN: Final = _lines(r"Ran \d+ tests? across \d+ files?\.")
_MAVEN: Final = _lines(r"\[(?:INFO|ERROR)\] BUILD (SUCCESS|FAILURE)$")
_MAVEN_TESTS: Final = _lines(
    r"\[[A-Z]+\] Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)$"
)
_GRADLE: Final = _lines(r"BUILD (SUCCESSFUL|FAILED) in \d")
_GRADLE_TESTS: Final = _lines(r"(\d+) tests? completed, (\d+) failed")
_CTEST: Final = _lines(r"\d+% tests passed, (\d+) tests? failed out of (\d+)$")
_TSC: Final = _lines(r"(?:\S.*\(\d+,\d+\): |\S.*:\d+:\d+ - )error TS\d+: ")
_TSC_FOUND: Final = _lines(r"(?:\[.*\] )?Found (\d+) errors?(?:\.| in )")
_ESLINT: Final = _lines(r"✖ \d+ problems? \((\d+) errors?, \d+ warnings?\)$")
_MYPY: Final = _lines(r"Found (\d+) errors? in \d+ files? \((?:checked|errors prevented)")
_MYPY_DONE: Final = _lines(r"Success: no issues found in \d+ source files?$")
_RUFF: Final = _lines(r"Found (\d+) errors?(?:\.| \(\d+ fixed, (\d+) remaining\)\.)$")
_RUFF_DONE: Final = _lines(r"All checks passed!$")
_MAKE: Final = _lines(r"g?make(?:\[\d+\])?: \*\*\* .*\bError \d+$")


def read_check(text: str) -> Check:
    """What the result of one tool call says; of several runs in it a red one counts."""
    head, tail = _ends(text)
    last = _last_lines(tail)
    readers = dict.fromkeys(_readers(last))
    found = [check for read in readers if (check := read(last, tail)).verdict]
    if not found or _is_fenced(head) or _is_fenced(tail):
        return NO_CHECK
    found.sort(key=lambda check: check.verdict != "failed")
    if found[0].verdict == "passed" and _has_failed(head, tail):
        # Something else in the same command went wrong, or what was tested was not all of it.
        return NO_CHECK
    return found[0]


def _ends(text: str) -> tuple[str, str]:
    """Both begin with a line's end."""
    is_quoted = text.startswith(_CODEX_JSON)
    if len(text) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        text = "\n" + _plain(text, is_quoted=is_quoted)
        return text, text
    head = "\n" + _plain(text[:HEAD_CHARACTERS], is_quoted=is_quoted)
    tail = _plain(text[-TAIL_CHARACTERS:], is_quoted=is_quoted)
    # The first line of the tail is cut, so it is nobody's.
    _, line_end, rest = tail.partition("\n")
    return head, line_end + rest


def _plain(text: str, *, is_quoted: bool) -> str:
    if is_quoted:
        text = text.replace("\\n", "\n").replace("\\t", "\t")
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    return text.replace("\r\n", "\n") if "\r" in text else text


def _last_lines(tail: str) -> str:
    before, *last = tail.rsplit("\n", LAST_LINES)
    return tail[len(before) :] if len(last) == LAST_LINES else tail


def _is_fenced(end: str) -> bool:
    return ("`" in end or "~" in end) and _FENCE.search(end) is not None


def _has_failed(head: str, tail: str) -> bool:
    return any(
        int(found[1]) != 0
        for end in dict.fromkeys((head, tail))
        if "xit" in end
        for found in (_EXIT.search(end), _EXIT_FIELD.search(end))
        if found is not None
    )


def _of(
    framework: Framework,
    *,
    passed: int | None = None,
    failed: int | None = None,
    is_red: bool = False,
) -> Check:
    """Red where anything failed, green where something passed, else nothing."""
    if is_red or failed:
        return Check("failed", framework, passed, failed)
    return Check("passed", framework, passed, failed) if passed else NO_CHECK


def _counts(written: str) -> dict[str, int]:
    return {name: int(count) for count, name in _COUNT.findall(written)}


def _pytest(last: str, _tail: str) -> Check:
    found = _PYTEST.findall(last)
    counts = [_counts(written) for written in found]
    failed = sum(one.get(word, 0) for one in counts for word in ("failed", "error", "errors"))
    return _of("pytest", passed=sum(one.get("passed", 0) for one in counts), failed=failed)


def _unittest(last: str, _tail: str) -> Check:
    ran = bad = 0
    for found in _UNITTEST.finditer(last):
        # "failures=1, errors=2, skipped=1, expected failures=1"
        told = dict(one.split("=") for one in (found[2] or "").split(", ") if one)
        ran += int(found[1]) - int(told.get("skipped", "0"))
        bad += sum(int(told.get(name, "0")) for name in ("failures", "errors"))
    return _of("unittest", passed=max(0, ran - bad), failed=bad)


def _go(last: str, tail: str) -> Check:
    packages = [found for found in _GO.finditer(last) if "[no tests to run]" not in found[2]]
    is_red = any(found[1] == "FAIL" for found in packages) or bool(_GO_BUILD.search(last))
    if not packages and not is_red:
        return NO_CHECK
    # The packages in front of the last lines belong to the same run.
    is_red = is_red or any(found[1] == "FAIL" for found in _GO.finditer(tail))
    tests = [found[1] for found in _GO_TEST.finditer(tail)]
    failed = tests.count("FAIL")
    return Check(
        "failed" if is_red or failed else "passed",
        "go",
        tests.count("PASS") or None,
        failed or None,
    )


def _go_json(last: str, tail: str) -> Check:
    if not _GO_JSON.search(last):
        return NO_CHECK
    tests = {"pass": 0, "fail": 0}
    packages = {"pass": 0, "fail": 0}
    for found in _GO_JSON.finditer(tail):
        (tests if found[2] else packages)[found[1]] += 1
    return _of("go", passed=tests["pass"], failed=tests["fail"], is_red=packages["fail"] > 0)


def _cargo(last: str, tail: str) -> Check:
    is_red = bool(_CARGO_ERROR.search(last))
    results = list(_CARGO.finditer(tail)) if is_red or _CARGO.search(last) else []
    if results:
        passed, failed = (sum(int(found[n]) for found in results) for n in (1, 2))
        return _of("cargo", passed=passed, failed=failed, is_red=is_red)
    if is_red:
        return Check("failed", "cargo")
    return Check("passed", "cargo") if _CARGO_DONE.search(last) else NO_CHECK


def _jest(last: str, _tail: str) -> Check:
    tests, suites = _JEST.search(last), _JEST_SUITES.search(last)
    if suites is None:
        return NO_CHECK
    counts = _counts(tests[1]) if tests is not None else {}
    is_red = _counts(suites[1]).get("failed", 0) > 0
    return _of(
        "jest", passed=counts.get("passed", 0), failed=counts.get("failed", 0), is_red=is_red
    )


def _vitest(last: str, _tail: str) -> Check:
    files = _VITEST.search(last)
    if files is None:
        return NO_CHECK
    tests = _VITEST_TESTS.search(last)
    counts = _counts(tests[1]) if tests is not None else {}
    is_red = _counts(files[1]).get("failed", 0) > 0 or bool(_VITEST_ERRORS.search(last))
    return _of(
        "vitest", passed=counts.get("passed", 0), failed=counts.get("failed", 0), is_red=is_red
    )


def _mocha(last: str, tail: str) -> Check:
    # What failed is told at length behind the counts.
    passing = _MOCHA.search(tail)
    if passing is None:
        return NO_CHECK
    failing = _MOCHA_FAILING.search(tail)
    if failing is None and not _MOCHA.search(last):
        return NO_CHECK
    return _of("mocha", passed=int(passing[1]), failed=int(failing[1]) if failing else 0)


def _bun(last: str, _tail: str) -> Check:
    if not _BUN_RAN.search(last):
        return NO_CHECK
    counts = {word: int(count) for count, word in _BUN.findall(last)}
    return _of("bun", passed=counts.get("pass", 0), failed=counts.get("fail", 0))


def _maven(last: str, tail: str) -> Check:
    found = _MAVEN.findall(last)
    if not found:
        return NO_CHECK
    passed: int | None = None
    failed: int | None = None
    for ran, failures, errors, skipped in _MAVEN_TESTS.findall(tail):
        failed = (failed or 0) + int(failures) + int(errors)
        passed = (passed or 0) + int(ran) - int(failures) - int(errors) - int(skipped)
    return Check("failed" if "FAILURE" in found else "passed", "maven", passed, failed)


def _gradle(last: str, tail: str) -> Check:
    found = _GRADLE.findall(last)
    if not found:
        return NO_CHECK
    tests = _GRADLE_TESTS.search(tail)
    failed = int(tests[2]) if tests is not None else None
    passed = int(tests[1]) - int(tests[2]) if tests is not None else None
    return Check("failed" if "FAILED" in found else "passed", "gradle", passed, failed)


def _ctest(last: str, _tail: str) -> Check:
    found = _CTEST.search(last)
    if found is None:
        return NO_CHECK
    return _of("ctest", passed=int(found[2]) - int(found[1]), failed=int(found[1]))


def _tsc(last: str, tail: str) -> Check:
    if _TSC.search(last):
        return Check("failed", "tsc", None, len(_TSC.findall(tail)))
    found = None if _MYPY.search(last) or _RUFF.search(last) else _TSC_FOUND.search(last)
    if found is None:
        return NO_CHECK
    errors = int(found[1])
    if errors:
        # With no error of its own in sight it may be any other tool that counts so.
        return Check("failed", "tsc", None, errors) if _TSC.search(tail) else NO_CHECK
    return Check("passed", "tsc")


def _eslint(last: str, _tail: str) -> Check:
    found = _ESLINT.search(last)
    if found is None:
        return NO_CHECK
    errors = int(found[1])
    return Check("failed" if errors else "passed", "eslint", None, errors)


def _mypy(last: str, _tail: str) -> Check:
    found = _MYPY.search(last)
    if found is not None:
        return Check("failed", "mypy", None, int(found[1]))
    return Check("passed", "mypy") if _MYPY_DONE.search(last) else NO_CHECK


def _ruff(last: str, _tail: str) -> Check:
    found = _RUFF.search(last)
    if found is not None:
        left = int(found[2] or (0 if found[2] else found[1]))
        return Check("failed" if left else "passed", "ruff", None, left)
    return Check("passed", "ruff") if _RUFF_DONE.search(last) else NO_CHECK


def _make(last: str, _tail: str) -> Check:
    return Check("failed", "make") if _MAKE.search(last) else NO_CHECK


_READERS: Final[tuple[tuple[str, Sequence[Callable[[str, str], Check]]], ...]] = (
    (r"(?:=+ )?\d+ [a-z]+(?:,| in )", (_pytest,)),
    (r"Ran \d", (_unittest, _bun)),
    (r"(?:ok|FAIL)[ \t]|# \S", (_go,)),
    (r'\{"(?:Time|Action)":', (_go_json,)),
    (r"test result: |error: | {4}Finished ", (_cargo,)),
    (r"Test Suites: ", (_jest,)),
    (r" +Test Files  ", (_vitest,)),
    (r"  \d+ (?:pass|fail)ing", (_mocha,)),
    (r"\[(?:INFO|ERROR)\] BUILD ", (_maven,)),
    (r"BUILD ", (_gradle,)),
    (r"\d+% tests passed", (_ctest,)),
    (r"(?:\[.*\] )?Found \d", (_tsc, _mypy, _ruff)),
    (r"✖ ", (_eslint,)),
    (r"Success: ", (_mypy,)),
    (r"All checks passed!", (_ruff,)),
    (r"g?make\b", (_make,)),
)
"""How a line of a tool's begins that may hold its verdict, and its reader: one look at each line finds out
whose it is. Test runners come before what may run them.
"""
_BEGINNING: Final = _lines("(?:" + "|".join(f"(?:{begins})" for begins, _ in _READERS) + ")")
_WHICH: Final = _lines("(?:" + "|".join(f"({begins})" for begins, _ in _READERS) + ")")
"""The same in groups, of which one says whose it is; with them most lines would take five times as long."""

_TSC_ROW: Final = next(n for n, (_, readers) in enumerate(_READERS, 1) if _tsc in readers)


def _group(beginning: str) -> int | None:
    found = _WHICH.match(beginning)
    return None if found is None else found.lastindex


def _readers(last: str) -> Iterator[Callable[[str, str], Check]]:
    begun = {_group(beginning) for beginning in set(_BEGINNING.findall(last))}
    if "error TS" in last:
        # Its lines begin with the name of a file.
        begun.add(_TSC_ROW)
    for number, (_, readers) in enumerate(_READERS, 1):
        if number in begun:
            yield from readers
