"""What came of a request, in words: what stood in its way, each attempt, and what it cost.

Of rows as ClickHouse tells them; pure but for their queries' texts.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from turnout.facts import AttemptOutcome, RequestOutcome

ENDED: Final = (
    "SELECT target, outcome, status, error, attempts, hedge_cost_usd, not_hedged, fresh_input, cache_read,"
    " cache_write_5m + cache_write_1h + cache_write_other AS cache_write, output, cost_usd, baseline_cost_usd,"
    " passed_over, waited_seconds, move_usd, wait_usd"
    " FROM requests WHERE request_id = {request_id:String} FORMAT JSONEachRow"
)
ATTEMPTS: Final = (
    "SELECT number, kind, target, outcome, status, error, first_content_seconds, duration_seconds,"
    " hedge_delay_seconds, suspect"
    " FROM attempts WHERE request_id = {request_id:String} ORDER BY number FORMAT JSONEachRow"
)


class _Ended(msgspec.Struct, frozen=True, gc=False):
    target: str
    outcome: RequestOutcome
    status: int
    error: str
    attempts: int
    hedge_cost_usd: float | None
    not_hedged: str
    fresh_input: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None
    cost_usd: float | None
    baseline_cost_usd: float | None
    passed_over: tuple[str, ...] = ()
    waited_seconds: float = 0.0
    move_usd: float | None = None
    wait_usd: float | None = None


class _Attempt(msgspec.Struct, frozen=True, gc=False):
    number: int
    kind: str
    target: str
    outcome: AttemptOutcome
    status: int
    error: str
    first_content_seconds: float | None
    duration_seconds: float
    hedge_delay_seconds: float | None
    suspect: str


def outcome_words(ended: Sequence[str], attempts: Sequence[str]) -> list[str]:
    """Lines of text of the rows of `ENDED` and `ATTEMPTS`; none of a request that has not ended."""
    told = [msgspec.json.decode(row, type=_Attempt) for row in attempts]
    return [line for row in ended for line in _words(msgspec.json.decode(row, type=_Ended), told)]


def _words(one: _Ended, attempts: Sequence[_Attempt]) -> list[str]:
    lines = _detour(one)
    if len(attempts) > 1 or any(attempt.outcome != "answered" for attempt in attempts):
        lines += [_tried(one) for one in attempts]
    if one.not_hedged:
        lines.append(
            "An attempt was silent for longer than usual and was not raced by a second one:"
            f" {_spaced(one.not_hedged)}."
        )
    return [*lines, f"{_ending(one)}: {_tokens(one)}, {_cost(one)}."]


def _detour(one: _Ended) -> list[str]:
    lines = [
        f"{target} was passed over: {_spaced(reason)}."
        for target, _, reason in (entry.rpartition(":") for entry in one.passed_over)
    ]
    if one.move_usd is not None and one.wait_usd is not None:
        lines.append(
            f"Waiting for the target that was decided on was worth ${one.wait_usd:.4f}, moving to another was"
            f" expected to cost ${one.move_usd:.4f} more."
        )
    if one.waited_seconds:
        lines.append(f"It waited {one.waited_seconds:.1f} s for a target.")
    return lines


def _tried(attempt: _Attempt) -> str:
    kind = attempt.kind
    if attempt.hedge_delay_seconds is not None:
        kind = f"hedge, {attempt.hedge_delay_seconds:.1f} s after the attempt that it raced"
    words = f"Attempt {attempt.number} ({kind}) to {attempt.target}: {_came(attempt)} after {attempt.duration_seconds:.1f} s"
    if attempt.first_content_seconds is not None:
        words += f", first content after {attempt.first_content_seconds:.1f} s"
    if attempt.suspect:
        words += f"; what was changed for it may be why ({attempt.suspect})"
    return words + "."


def _came(attempt: _Attempt) -> str:
    match attempt.outcome:
        case "answered":
            return "answered"
        case "lost":
            return "closed, because another was first,"
        case "cancelled":
            return "closed, because nobody waited any more,"
        case "failed" | "rejected":
            status = f", status {attempt.status}" if attempt.status else ""
            return f"{attempt.outcome} ({_spaced(attempt.error)}{status})"


def _ending(one: _Ended) -> str:
    tries = "1 attempt" if one.attempts == 1 else f"{one.attempts} attempts"
    match one.outcome:
        case "answered":
            return (
                f"It was answered by {one.target} in {tries}" if one.target else "It was answered"
            )
        case "cancelled":
            serving = f" while {one.target} served it" if one.target else ""
            return f"The client left{serving}, after {tries}"
        case "failed" | "rejected":
            why = f"{_spaced(one.error)}, status {one.status}"
            if not one.attempts:
                return f"It was refused without an attempt ({why})"
            said = "failed" if one.outcome == "failed" else "was rejected"
            broke = f" after {one.target} had begun to answer" if one.target else ""
            return f"It {said} in {tries}{broke} ({why})"


def _tokens(one: _Ended) -> str:
    tokens: Mapping[str, int | None] = {
        "fresh": one.fresh_input,
        "read from the cache": one.cache_read,
        "written to it": one.cache_write,
        "of output": one.output,
    }
    known = [f"{count:,} {words}" for words, count in tokens.items() if count is not None]
    return f"tokens {', '.join(known)}" if known else "no tokens told"


def _cost(one: _Ended) -> str:
    cost = "at an unknown price" if one.cost_usd is None else f"for ${one.cost_usd:.4f}"
    if one.hedge_cost_usd:
        cost += f", ${one.hedge_cost_usd:.4f} of it for the attempt that lost"
    if one.baseline_cost_usd is not None:
        cost += f" (${one.baseline_cost_usd:.4f} at the baseline's prices)"
    return cost


def _spaced(word: str) -> str:
    return word.replace("_", " ")
