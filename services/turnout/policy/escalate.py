"""Whether a thread is in such trouble that a stronger model is worth a cold prompt, and which one.

Rules: the evidence is what this very request brings, on top of what the thread's state counts, so that a
streak is asked about once a step and never without a new reason. Which evidence counts is the artifact's to
say (`turnout escalation` prints why). A tenth of such threads is left to the other rules, by a draw of its
own, and marked, so that the benefit can be measured; such a thread is not asked about again, and one that has
been given a stronger model keeps it and is asked about no more, until a free window ends either. Pure.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from turnout.policy.decision import Candidate, DecisionInputs, Reason
from turnout.policy.evidence import EscalationTable
from turnout.policy.rank import CAUTION

LEFT_ALONE_SHARE: Final = 0.1
"""Of the threads with a reason to escalate: enough that of a thousand a hundred tell what it is worth."""

_SALT: Final = b"escalate"


class Trouble(msgspec.Struct, frozen=True, gc=False):
    """What follows from a thread's trouble.

    Attributes:
        target: who serves; "" when the other rules choose.

    """

    reason: Reason
    target: str
    propensity: float = 1.0


def trouble_of(
    inputs: DecisionInputs,
    order: Sequence[Candidate],
    table: EscalationTable,
    *,
    is_warm: Callable[[Candidate], bool],
) -> Trouble | None:
    """None when the other rules choose as ever. `order` are those who can serve."""
    state = inputs.state
    if inputs.identity.request_class == "auxiliary" or "tracker" in inputs.degraded:
        return None
    incumbent = next((one for one in order if one.target == state.target), None)
    if incumbent is None:
        return None
    if state.escalated_at > 0.0 and is_warm(incumbent):
        return Trouble("escalated_before", incumbent.target)
    reason = evidence(inputs, table)
    stronger = stronger_than(incumbent, order, inputs, table) if reason is not None else None
    if reason is not None and stronger is not None and not state.is_left_alone:
        if _own_draw(inputs.draw) < LEFT_ALONE_SHARE:
            return Trouble("left_alone", "", LEFT_ALONE_SHARE)
        return Trouble(reason, stronger.target, 1.0 - LEFT_ALONE_SHARE)
    return None


def evidence(inputs: DecisionInputs, table: EscalationTable) -> Reason | None:
    """What this request adds that is reason enough."""
    state, features = inputs.state, inputs.features
    if features.check == "failed":
        # The thread's state leaves out what this prompt itself brings.
        streak = state.failing_checks + 1
        return "failing_checks" if 0 < table.failing_checks <= streak else None
    if features.step_tool_errors and not state.is_retry:
        streak = state.tool_errors + 1
        return "error_streak" if 0 < table.error_streak <= streak else None
    return None


def stronger_than(
    incumbent: Candidate,
    order: Sequence[Candidate],
    inputs: DecisionInputs,
    table: EscalationTable,
) -> Candidate | None:
    """The ablest of those that are surely abler and cost no more than what they are worth."""
    worth = inputs.settings.value_usd * table.green_gain
    abler = [
        one
        for one in order
        if one.quality - CAUTION * one.quality_sd > incumbent.quality
        and (one.cost_to_go_usd or 0.0) - (incumbent.cost_to_go_usd or 0.0) <= worth
    ]
    # Of equals the first in order, which is the better one for its price.
    return max(abler, key=lambda one: one.quality, default=None)


def _own_draw(draw: float) -> float:
    """Uniform in [0, 1) and independent of what else is decided by the same draw."""
    told = blake2b(repr(draw).encode(), digest_size=8, person=_SALT)
    return int.from_bytes(told.digest()) / 2**64
