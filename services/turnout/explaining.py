"""`turnout explain REQUEST_ID`: a recorded decision in words, what came of it, and whether the tables that decided
it, and those of now, would decide the same.
"""

import msgspec

from turnout import parts
from turnout.bucket import Contents, contents
from turnout.catalog.catalog import Catalog
from turnout.errors import InvalidRequest, TurnoutError
from turnout.explaining_outcome import ATTEMPTS, ENDED, outcome_words
from turnout.policy.decision import Decision
from turnout.policy.explain import explain
from turnout.policy.rank import Tables
from turnout.policy.switch import decide
from turnout.scorer.artifact_file import VARIABLE
from turnout.settings import Settings
from turnout.telemetry.recorded_decisions import ONE, RecordedDecision, read_decision
from turnout.warehousing import ask


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
    ended = (await ask(settings, ENDED, named)).splitlines()
    attempts = (await ask(settings, ATTEMPTS, named)).splitlines()
    had = await contents(settings, catalog)
    decided = had.artifacts.get(recorded.decision.artifact_digest)
    return [
        *explain(
            recorded.decision,
            recorded.inputs,
            catalog=catalog,
            escalation=None if decided is None else decided.escalation,
        ),
        *outcome_words(ended, attempts),
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
        return (
            f"Decided again {with_what}, by the catalog of this command's settings, it would be refused:"
            f" {refused.message}"
        )
    if _essence(now) == _essence(was):
        return f"Decided again {with_what}, it would be the same."
    return (
        f"Decided again {with_what}, {now.targets[0]} would serve it ({now.action}, {now.reason})."
    )


def _essence(decision: Decision) -> tuple[object, ...]:
    return decision.action, decision.reason, decision.targets
