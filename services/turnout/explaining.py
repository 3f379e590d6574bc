"""`turnout explain REQUEST_ID`: a recorded decision in words, what came of it, and whether the tables that decided
it, and those of now, would decide the same.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from turnout import parts
from turnout.bucket import Contents, contents
from turnout.catalog.catalog import Catalog
from turnout.errors import InvalidRequest, TurnoutError
from turnout.policy.decision import Decision
from turnout.policy.explain import explain
from turnout.policy.rank import Tables
from turnout.policy.switch import decide
from turnout.scorer.artifact_file import VARIABLE
from turnout.settings import Settings
from turnout.telemetry.recorded_decisions import ONE, RecordedDecision, read_decision
from turnout.warehousing import ask

_SERVED: Final = (
    "SELECT target, outcome, attempts, fresh_input, cache_read,"
    " cache_write_5m + cache_write_1h + cache_write_other AS cache_write, output, cost_usd,"
    " baseline_cost_usd, passed_over, waited_seconds, move_usd, wait_usd FROM requests WHERE request_id = {request_id:String} FORMAT JSONEachRow"
)


class _Served(msgspec.Struct, frozen=True, gc=False):
    target: str
    outcome: str
    attempts: int
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


async def explanation(settings: Settings, request_id: str) -> list[str]:
    """Lines of text. Raises `InvalidRequest` for a request without a recorded decision."""
    named = {"param_request_id": request_id}
    found = (await ask(settings, ONE, named)).splitlines()
    if not found:
        raise InvalidRequest(
            f"No decision of {request_id!r} is recorded. The header turnout-request-id of every answer names"
            f" its request; records arrive within seconds{_kept(settings)}. What /v1/route decides is not"
            " served and not recorded: its explanation is in its answer."
        )
    try:
        recorded = read_decision(found[0])
    except msgspec.MsgspecError as reason:
        raise InvalidRequest(
            f"The decision of {request_id} is one of another version of Turnout: {reason}."
        ) from reason
    catalog = parts.catalog_of(settings)
    served = [
        words
        for line in (await ask(settings, _SERVED, named)).splitlines()
        for words in _served_words(msgspec.json.decode(line, type=_Served))
    ]
    had = await contents(settings, catalog)
    decided = had.artifacts.get(recorded.decision.artifact_digest)
    return [
        *explain(
            recorded.decision,
            recorded.inputs,
            catalog=catalog,
            escalation=None if decided is None else decided.escalation,
        ),
        *served,
        *again(recorded, had, catalog=catalog),
    ]


def _kept(settings: Settings) -> str:
    days = settings.clickhouse.keep_decisions_days
    return f", and are kept for {days} days" if days else ""


def again(recorded: RecordedDecision, found: Contents, *, catalog: Catalog) -> list[str]:
    """What the policy says today to what was known then, by the artifact that decided and, where that is
    another one, by the one of now.
    """
    was = recorded.decision
    if "scorer" in was.degraded:
        return ["The ingress decided without the scorer, so there is no arithmetic to repeat."]
    lines: list[str] = []
    if found.unanswered:
        lines.append(
            f"What was pushed is not known: {found.unanswered} The artifact of the settings stands for it."
        )
    decided = found.artifacts.get(was.artifact_digest)
    if decided is not None:
        lines.append(_again(recorded, catalog=catalog, tables=decided))
    else:
        lines.append(
            f"The artifact that decided it ({was.artifact_digest}) is not to be had: it is not the one of the"
            " settings, nor among the last that were pushed. To decide with it again, set"
            f" {VARIABLE} to its file."
        )
    if found.active.digest != was.artifact_digest:
        lines.append(_again(recorded, catalog=catalog, tables=found.active))
    return lines


def _again(recorded: RecordedDecision, *, catalog: Catalog, tables: Tables) -> str:
    was = recorded.decision
    changed = [
        name
        for name, then, now in (
            ("prices", was.catalog_digest, catalog.digest),
            ("tables", was.artifact_digest, tables.digest),
        )
        if then != now
    ]
    with_what = f"with other {' and '.join(changed)}" if changed else "with the same tables"
    try:
        now = decide(recorded.inputs, catalog=catalog, tables=tables)
    except TurnoutError as refused:
        return f"Decided again {with_what}, it would be refused: {refused.message}"
    if _essence(now) == _essence(was):
        return f"Decided again {with_what}, it would be the same."
    return (
        f"Decided again {with_what}, {now.targets[0]} would serve it ({now.action}, {now.reason})."
    )


def _essence(decision: Decision) -> tuple[object, ...]:
    return decision.action, decision.reason, decision.targets


def _served_words(one: _Served) -> list[str]:
    """What stood in its way, and tokens and dollars of what came of it; a failed request has told of none."""
    served = f"{one.outcome} by {one.target}" if one.target else one.outcome
    tokens: Mapping[str, int | None] = {
        "fresh": one.fresh_input,
        "read from the cache": one.cache_read,
        "written to it": one.cache_write,
        "of output": one.output,
    }
    known = [f"{count:,} {words}" for words, count in tokens.items() if count is not None]
    counted = f"tokens {', '.join(known)}" if known else "no tokens told"
    cost = "at an unknown price" if one.cost_usd is None else f"for ${one.cost_usd:.4f}"
    if one.baseline_cost_usd is not None:
        cost += f" (${one.baseline_cost_usd:.4f} at the baseline's prices)"
    attempts = "1 attempt" if one.attempts == 1 else f"{one.attempts} attempts"
    return [*_detour_words(one), f"It was {served} in {attempts}: {counted}, {cost}."]


def _detour_words(one: _Served) -> list[str]:
    lines: list[str] = []
    for target, _, reason in (entry.rpartition(":") for entry in one.passed_over):
        lines.append(f"{target} was passed over: {reason.replace('_', ' ')}.")
    if one.move_usd is not None and one.wait_usd is not None:
        lines.append(
            f"Waiting for the target that was decided on was worth ${one.wait_usd:.4f}, moving to another was"
            f" expected to cost ${one.move_usd:.4f} more."
        )
    if one.waited_seconds:
        lines.append(f"It waited {one.waited_seconds:.1f} s for a target.")
    return lines
