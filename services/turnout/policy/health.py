"""Which targets may not be chosen, because calls to them fail or they have told us to stay away.

Rules: whoever else can serve is chosen instead, also of a thread that is warm there; what was asked for is still
served where nothing is chosen (policy/switch.py), and the dispatcher finds who stands in. Where nobody else
can serve nothing is left out: a target that may fail is better than none. Short throttling is left to the
dispatcher, because it is over before a thread that moves away would come back. Pure.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, get_args

from msgspec import structs

from turnout.policy.decision import Candidate, DecisionInputs
from turnout.policy.standing import TargetHealth, Unfit
from turnout.policy.throttle import THROTTLED_SECONDS

SHORT_SECONDS: Final = THROTTLED_SECONDS
"""What a burst takes to pass: a provider that throttles and does not say for how long is left alone for it."""

UNFIT: Final[frozenset[str]] = frozenset(get_args(Unfit))
"""What such an option is said to lack."""


def unfit_targets(health: Iterable[TargetHealth], *, now: float) -> dict[str, Unfit]:
    """Those that are not to be chosen at `now`, and why."""
    return {
        one.target: one.state
        for one in health
        if one.eligible_at > now + (SHORT_SECONDS if one.state == "throttled" else 0.0)
    }


def without_unfit(compared: list[Candidate], unfit: dict[str, Unfit]) -> list[Candidate]:
    """The candidates with those marked, which do not compete; nothing is marked where nobody else does."""
    marked = [
        structs.replace(one, lacks=(*one.lacks, unfit[one.target]), score=None)
        if one.target in unfit
        else one
        for one in compared
    ]
    return marked if any(not one.lacks for one in marked) else compared


def is_unfit(lacks: Iterable[str]) -> bool:
    return not UNFIT.isdisjoint(lacks)


def able(
    compared: Sequence[Candidate],
    models: AbstractSet[str],
    may_lack: frozenset[str],
    inputs: DecisionInputs,
) -> tuple[Candidate, ...]:
    """The targets of some models that can serve, in their order. Who broke off the last answer comes behind the
    others, and behind that who is not to be asked now.
    """
    found = [
        one
        for one in compared
        if one.model in models and (not one.lacks or may_lack.issuperset(one.lacks))
    ]
    if len(found) > 1:
        broke_off = inputs.state.broke_off
        found.sort(key=lambda one: (is_unfit(one.lacks), one.target == broke_off))
    return tuple(found)
