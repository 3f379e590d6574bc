"""Threads with planted signs of trouble."""

from turnout.dialects.answer_end import AnswerEnd
from turnout.learn.escalation.runs import Call, Thread
from turnout.policy.checks import Verdict

MODEL = "claude-opus-4-8"


def call(
    check: Verdict = "",
    *,
    used: str = "",
    edited: str = "",
    has_error: bool = False,
    is_interrupted: bool = False,
    is_corrected: bool = False,
    is_window: bool = False,
    ended: AnswerEnd = "",
    framework: str = "go",
) -> Call:
    return Call(
        prompt_tokens=100_000.0,
        output_tokens=300.0,
        is_window=is_window,
        check=check,
        framework=framework if check else "",
        has_error=has_error,
        is_interrupted=is_interrupted,
        used=(used,) if used else (),
        edited=frozenset({edited} - {""}),
        is_corrected=is_corrected,
        ended=ended,
    )


def checks(written: str) -> list[Call]:
    """A call a letter: r and g are red and green checks, a dot runs none."""
    verdicts: dict[str, Verdict] = {"r": "failed", "g": "passed", ".": ""}
    return [call(verdicts[letter], used=f"{at}") for at, letter in enumerate(written)]


def thread(session: int, calls: list[Call] | str) -> Thread:
    made = checks(calls) if isinstance(calls, str) else calls
    return Thread(session, MODEL, tuple(made))
