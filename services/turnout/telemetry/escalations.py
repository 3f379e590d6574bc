"""What the columns about escalation say of a decision, and of a request."""

from typing import Final

from turnout.events.v1 import facts_pb2
from turnout.policy.decision import ANSWERLESS, ESCALATING, LEFT_ALONE

_BY_THE_STRONGER: Final = frozenset({*ESCALATING, "escalated_before"})


def escalations(fact: facts_pb2.RequestRouted) -> int:
    """Since the last free window, this decision included."""
    return int(fact.inputs.state.escalated_at > 0) + int(fact.decision.reason in ESCALATING)


def trigger(fact: facts_pb2.RequestRouted) -> str:
    if fact.decision.reason in ESCALATING:
        return fact.decision.reason
    if not is_withheld(fact):
        return ""
    for end, reason in ANSWERLESS.items():
        if fact.inputs.state.last_end == end:
            return reason
    return "failing_checks" if fact.inputs.features.check == "failed" else "error_streak"


def is_withheld(fact: facts_pb2.RequestRouted) -> bool:
    return fact.decision.reason == LEFT_ALONE


def served_for(fact: facts_pb2.RequestCompleted) -> str:
    return fact.reason if fact.reason in ESCALATING else ""


def is_by_the_stronger(fact: facts_pb2.RequestCompleted) -> int:
    """1 where the thread had been given a stronger model."""
    return int(fact.reason in _BY_THE_STRONGER)
