"""Whether a thread is in such trouble that a stronger model is worth a cold prompt, and which one.

Rules: the evidence is what this very request brings, on top of what the thread's state counts, so that a
streak is asked about once a step and never without a new reason. Which evidence counts is the artifact's to
say (`turnout escalation` prints why). A tenth of such threads is left to the other rules, by a draw of its
own, and marked, so that the benefit can be measured; such a thread is not asked about again, and one that has
been given a stronger model keeps it and is asked about no more, until a free window ends either.

A refusal or an empty answer of a model that we chose takes the thread back to the model that was asked for, if
that is taken to be abler: it is whom the client would have heard without us, so no measured benefit is
needed. Of the model that was asked for itself neither says anything. An answer that was cut at a limit of
tokens is no evidence: the limit is the client's own, and agents go on where it ended. Pure.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final, Literal, TypeAlias

import msgspec

from turnout.policy.decision import ANSWERLESS, Candidate, DecisionInputs, Reason
from turnout.policy.evidence import EscalationTable
from turnout.policy.rank import pessimistic

LEFT_ALONE_SHARE: Final = 0.1
"""Of the threads with a reason to escalate: enough that of a thousand a hundred tell what it is worth."""

Obstacle: TypeAlias = Literal["left_alone", "too_few", "nobody_abler", "too_dear"]
"""Which rule leaves a thread with red checks where it is: a draw did before, they are too few by the table,
nobody is surely abler, or whoever is costs more than it is worth."""

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
    asked_model: str,
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
    if reason is None or state.is_left_alone:
        return None
    if reason in ANSWERLESS.values():
        taken = as_asked_for(incumbent, order, inputs, asked_model=asked_model)
    else:
        taken = stronger_than(incumbent, order, inputs, table)
    if taken is None:
        return None
    if _own_draw(inputs.draw) < LEFT_ALONE_SHARE:
        return Trouble("left_alone", "", LEFT_ALONE_SHARE)
    return Trouble(reason, taken.target, 1.0 - LEFT_ALONE_SHARE)


def evidence(inputs: DecisionInputs, table: EscalationTable) -> Reason | None:
    """What this request adds that is reason enough."""
    state, features = inputs.state, inputs.features
    if features.check == "failed":
        # The thread's state leaves out what this prompt itself brings.
        if 0 < table.failing_checks <= state.failing_checks + 1:
            return "failing_checks"
    elif (
        features.step_tool_errors
        and not state.is_retry
        and 0 < table.error_streak <= state.tool_errors + 1
    ):
        return "error_streak"
    return ANSWERLESS.get(state.last_end)


def stronger_than(
    incumbent: Candidate,
    order: Sequence[Candidate],
    inputs: DecisionInputs,
    table: EscalationTable,
) -> Candidate | None:
    """The ablest of those that are surely abler and cost no more than what they are worth."""
    worth = inputs.settings.value_usd * table.green_gain
    paid = [one for one in surely_abler(incumbent, order) if extra_usd(one, incumbent) <= worth]
    # Of equals the first in order, which is the better one for its price.
    return max(paid, key=lambda one: one.quality, default=None)


def surely_abler(incumbent: Candidate, order: Sequence[Candidate]) -> list[Candidate]:
    return [one for one in order if pessimistic(one.quality, one.quality_sd) > incumbent.quality]


def why_not(
    incumbent: Candidate,
    order: Sequence[Candidate],
    inputs: DecisionInputs,
    table: EscalationTable | None,
) -> Obstacle | None:
    """What keeps a thread whose checks are red from a stronger model, in the order in which it is asked; None
    when nothing does, or the table that says so is not to be had.
    """
    red = inputs.state.failing_checks + 1
    if inputs.state.is_left_alone:
        return "left_alone"
    if table is not None and not 0 < table.failing_checks <= red:
        return "too_few"
    if not surely_abler(incumbent, order):
        return "nobody_abler"
    if table is not None and stronger_than(incumbent, order, inputs, table) is None:
        return "too_dear"
    return None


def as_asked_for(
    incumbent: Candidate,
    order: Sequence[Candidate],
    inputs: DecisionInputs,
    *,
    asked_model: str,
) -> Candidate | None:
    """The model that was asked for, where it is taken to be abler and costs no more than its success is
    worth: the one that gave no answer is taken to have none.
    """
    asked = next((one for one in order if one.model == asked_model), None)
    if asked is None or asked.quality <= incumbent.quality:
        return None
    worth = inputs.settings.value_usd * pessimistic(asked.quality, asked.quality_sd)
    return asked if extra_usd(asked, incumbent) <= worth else None


def extra_usd(one: Candidate, incumbent: Candidate) -> float:
    """What one costs to go more than who serves the thread now."""
    return (one.cost_to_go_usd or 0.0) - (incumbent.cost_to_go_usd or 0.0)


def _own_draw(draw: float) -> float:
    """Uniform in [0, 1) and independent of what else is decided by the same draw."""
    told = blake2b(repr(draw).encode(), digest_size=8, person=_SALT)
    return int.from_bytes(told.digest()) / 2**64
