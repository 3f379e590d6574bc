"""Why a thread in trouble was given a stronger model, or was not, in sentences. Pure."""

from typing import Final, assert_never

from turnout.policy.decision import (
    ANSWERLESS,
    ENDS_ESCALATION,
    ESCALATING,
    Candidate,
    Decision,
    DecisionInputs,
    Reason,
)
from turnout.policy.escalate import extra_usd, surely_abler, why_not
from turnout.policy.evidence import EscalationTable
from turnout.policy.explain_words import usd
from turnout.policy.rank import CAUTION, pessimistic

_ASKS_FOR_TROUBLE: Final[frozenset[Reason]] = frozenset(
    {
        *ENDS_ESCALATION,
        *("observe_mode", "cache_mode", "subagents_mode", "control_arm"),
        *("warm_incumbent", "gain_exceeds_break_even"),
    }
)
"""Where it was asked whether the thread is in trouble, and the answer was no."""


def who_is_stronger(
    decision: Decision, inputs: DecisionInputs, order: list[Candidate]
) -> list[str]:
    by_name = {one.target: one for one in order}
    taken, left = by_name.get(decision.proposal), by_name.get(inputs.state.target)
    if decision.reason not in ESCALATING or taken is None or left is None:
        return []
    surely = pessimistic(taken.quality, taken.quality_sd)
    extra = (taken.cost_to_go_usd or 0.0) - (left.cost_to_go_usd or 0.0)
    if decision.reason in ANSWERLESS.values():
        return [
            f"{taken.model} was asked for and is taken to be abler than {left.model}: {taken.quality:.2f} against"
            f" {left.quality:.2f}. Its extra cost, {usd(extra)}, is within what its success is worth."
        ]
    return [
        f"{taken.model} is surely abler than {left.model}: {surely:.2f} ({CAUTION} sd taken off) against"
        f" {left.quality:.2f}. Of those that are, it is the ablest whose extra cost, {usd(extra)}, is within"
        " what checks that turn green are worth."
    ]


def not_escalated(
    decision: Decision,
    inputs: DecisionInputs,
    order: list[Candidate],
    table: EscalationTable | None,
) -> list[str]:
    """Why checks that are red give no stronger model."""
    left = next((one for one in order if one.target == inputs.state.target), None)
    if (
        left is None
        or inputs.features.check != "failed"
        or decision.reason not in _ASKS_FOR_TROUBLE
        or inputs.identity.request_class == "auxiliary"
    ):
        return []
    obstacle = why_not(left, order, inputs, table)
    abler = surely_abler(left, order)
    match obstacle:
        case "left_alone":
            return [
                "A draw has left this thread as it is, so that what escalating is worth can be measured."
            ]
        case "too_few":
            least = table.failing_checks if table else 0
            takes = (
                f"from {least} red checks in a row on" if least else "for no number of red checks"
            )
            return [f"By the tables a stronger model takes over {takes}."]
        case "nobody_abler":
            return [
                f"No stronger model takes over: none that can serve it is surely abler{_nearest(left, order)}."
            ]
        case "too_dear":
            worth = inputs.settings.value_usd * (table.green_gain if table else 0.0)
            return [
                f"No stronger model takes over: {_least_extra(left, abler)}, and checks that turn green are"
                f" worth {usd(worth)}."
            ]
        case None:
            if table is not None:
                return []
            return [
                f"{_least_extra(left, abler)}; it takes over where checks are red often enough and that is"
                " within what green ones are worth (`turnout escalation`)."
            ]
        case _:
            assert_never(obstacle)


def _nearest(left: Candidate, order: list[Candidate]) -> str:
    """How far the ablest of the others is from being surely abler."""
    others = [one for one in order if one.model != left.model]
    if not others:
        return f" than {left.model}"
    best = max(others, key=lambda one: pessimistic(one.quality, one.quality_sd))
    surely = pessimistic(best.quality, best.quality_sd)
    return f" than {left.model}: {best.model} with {surely:.2f} ({CAUTION} sd taken off) against {left.quality:.2f}"


def _least_extra(left: Candidate, abler: list[Candidate]) -> str:
    cheapest = min(abler, key=lambda one: extra_usd(one, left))
    return (
        f"{cheapest.model} is surely abler than {left.model} and costs"
        f" {usd(extra_usd(cheapest, left))} more to go"
    )
