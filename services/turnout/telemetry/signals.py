"""What the agents' own behaviour says: interrupts, repeated prompts, abandoned sessions. Pure.

Rules:
* An answer that the client gave up and after which the user typed something new is an interrupt. The
  same request sent again is a retry and none.
* The same text typed twice in a row in one thread is a repeated prompt.
* A session whose newest step was given up, has failed or asked for a tool, and that nobody went on with
  for a day, is abandoned; when somebody does go on later, the same outcome says `resumed`.
* Only harnesses that agents are count: a script that never goes on has not been abandoned.

Each outcome has an id that follows from the step, so deriving it again counts once.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import msgspec

from turnout.facts import OutcomeKind, OutcomeReported

SOURCE: Final = "telemetry"

ABANDONED_SECONDS: Final = 24 * 3600.0
"""A question that an agent asks in the evening is answered in the morning."""

_IS_DUE: Final = frozenset({"tool_use", "tool_calls"})
"""Why an answer ends after which the agent has to come back with a tool's result."""


class LeftStep(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A row of `left_steps.sql`; the next step is "" and 0 when there was none."""

    tenant: str
    principal: str
    session: str
    repository: str
    branch: str
    request_id: str
    received: float
    ended: float
    step_kind: str
    outcome: str
    finish_reason: str
    body_bytes: int
    next_request_id: str
    next_received: float
    next_step_kind: str
    next_body_bytes: int


class RepeatedPrompt(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A row of `repeated_prompts.sql`."""

    tenant: str
    principal: str
    session: str
    repository: str
    branch: str
    request_id: str
    occurred: float
    previous_request_id: str
    previous_occurred: float


def signals_of(
    left: Iterable[LeftStep], repeated: Iterable[RepeatedPrompt], *, now: float
) -> list[OutcomeReported]:
    """The outcomes that the steps amount to."""
    found: list[OutcomeReported] = []
    for step in left:
        if _is_interrupt(step):
            found.append(
                _outcome(step, "interrupt", at=step.ended, after=step.ended - step.received)
            )
        if _was_left(step):
            if not step.next_request_id and now - step.ended >= ABANDONED_SECONDS:
                found.append(_outcome(step, "abandoned", at=step.ended))
            elif step.next_request_id and step.next_received - step.ended >= ABANDONED_SECONDS:
                away = step.next_received - step.ended
                resumed = _outcome(step, "abandoned", at=step.next_received, after=away)
                found.append(msgspec.structs.replace(resumed, kind="label", label="resumed"))
    found += [
        _outcome(
            prompt,
            "repeated_prompt",
            at=prompt.occurred,
            after=prompt.occurred - prompt.previous_occurred,
        )
        for prompt in repeated
    ]
    return found


def _is_interrupt(step: LeftStep) -> bool:
    """A prompt only grows: what is no longer than before is the same request again."""
    return (
        step.outcome == "cancelled"
        and step.next_step_kind == "user_input"
        and step.next_body_bytes > step.body_bytes
    )


def _was_left(step: LeftStep) -> bool:
    return step.outcome in ("cancelled", "failed") or step.finish_reason in _IS_DUE


def _outcome(
    step: LeftStep | RepeatedPrompt, kind: OutcomeKind, *, at: float, after: float | None = None
) -> OutcomeReported:
    told = f"{kind}\n{step.tenant}\n{step.principal}\n{step.session}\n{step.request_id}"
    return OutcomeReported(
        event_id=f"sig_{blake2b(told.encode(), digest_size=16).hexdigest()}",
        occurred_at=at,
        tenant=step.tenant,
        request_id=step.request_id,
        session=step.session,
        repository=step.repository,
        branch=step.branch,
        commit="",
        kind=kind,
        score=None,
        label="",
        tests_passed=None,
        tests_failed=None,
        lines_kept=None,
        lines_changed=None,
        source=SOURCE,
        reported_by="",
        after_seconds=None if after is None else max(0.0, after),
    )
