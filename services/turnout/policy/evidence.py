"""What the newest step says of how its thread is doing: whether a check came out red, and digests by
which repeated calls and edits of one file are found in the facts; and how much of it counts. Pure.

Only a tool that runs something can show the outcome of a run: what one reads, searches or fetches, and
what a subagent reports, may quote another's.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgspec

from turnout.dialects.survey_results import ToolOutcome
from turnout.policy.checks import NO_CHECK, Check, Framework, Verdict, read_check

RUNS: Final = re.compile(
    r"bash|shell|exec|terminal|command|stdin|output|test|build|lint|(?:^|_)run", re.IGNORECASE
)
"""Names of tools that run something: Bash, BashOutput, exec_command, write_stdin, run_shell_command,
run_in_terminal, TaskOutput and their like."""

DIGEST_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationTable:
    """Which evidence of trouble gives a thread a stronger model.

    Attributes:
        failing_checks: red checks in a row that do; 0 when no number of them does.
        error_streak: steps in a row with a tool error, red checks aside, that do; likewise.
        green_gain: by how much a modestly stronger model is taken to raise the chance that a check turns
            green which would have stayed red.
        staying_red: share of checks that come out red behind a green one, then behind one, two, three,
            and four or more red ones.
        checks: how many such were seen.

    """

    failing_checks: int
    error_streak: int
    green_gain: float
    staying_red: tuple[float, ...]
    checks: tuple[int, ...]


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """Of one step; the fields are those of `Features`."""

    check: Verdict = ""
    check_framework: Framework = ""
    call_digest: str = ""
    edit_digest: str = ""


NO_EVIDENCE: Final = Evidence()


def evidence_of(outcomes: Sequence[ToolOutcome], *, beginning: str) -> Evidence:
    """What the results of the newest step show.

    `beginning` is the digest of the thread's first message. It is mixed into the digests, so that
    equal calls of different threads have nothing in common and none can be looked up.
    """
    if not outcomes:
        return NO_EVIDENCE
    check = worst(read_check(one.text) for one in outcomes if one.text and RUNS.search(one.tool))
    return Evidence(
        check=check.verdict,
        check_framework=check.framework,
        call_digest=_mixed(beginning, [one.call_digest for one in outcomes if one.call_digest]),
        edit_digest=_mixed(beginning, sorted({one.edit_digest for one in outcomes} - {""})),
    )


def worst(checks: Iterable[Check]) -> Check:
    """Of the results of one step: a red one, else a green one, else none."""
    best = NO_CHECK
    for check in checks:
        if check.verdict == "failed":
            return check
        if check.verdict:
            best = check
    return best


def _mixed(beginning: str, digests: Sequence[str]) -> str:
    if not digests:
        return ""
    told = blake2b(" ".join(digests).encode(), digest_size=DIGEST_BYTES, key=beginning.encode())
    return told.hexdigest()
