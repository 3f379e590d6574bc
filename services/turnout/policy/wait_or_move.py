"""Whether a request waits for the target that was decided on, which throttles us, or moves to one that may be asked.

    waiting costs  seconds to wait * what a second is worth to the tenant
    moving costs   cost to go at the other target - cost to go at the decided one

Both costs to go are the decision's own, for the rest of the thread: the decided target's hold the prompt that is cached
there, the other's the prompt that it would have to read and write anew. Where a horizon has no price the request alone
counts; where that has none either there is no sum, and the request moves. Quality is no part of it: whoever stands in the
decision is good enough to serve when another fails. Pure.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.policy.decision import Candidate

SECOND_USD: Final = 20.0 / 1_200.0
"""A developer who waits: `RoutingSettings.value_usd` takes twenty minutes of one to be worth $20."""

LONGEST_WAIT_SECONDS: Final = 10.0
"""For all waits of one request together, whatever moving costs: nothing is sent to the client before 15 s, and what throttles
for longer is better waited for by the agent, which tells its user."""

TRY_SECONDS: Final = 1.0
"""What a call costs that is refused: providers refuse before they do any work."""


class Weighed(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    wait_usd: what the wait is worth to the tenant.
    move_usd: what moving costs more than staying; negative where it costs less.
    """

    wait_usd: float
    move_usd: float

    @property
    def waits(self) -> bool:
        return self.wait_usd < self.move_usd


class Stakes(msgspec.Struct, frozen=True, gc=False):
    """What waiting and moving cost one request.

    Attributes:
        decided: the target that the decision would have serve it.
        candidates: the decision's, with their costs.
        second_usd: what a second of waiting is worth to the tenant.
    """

    decided: str
    candidates: Sequence[Candidate] = ()
    second_usd: float = SECOND_USD

    def weigh(self, other: str, *, wait_seconds: float) -> Weighed | None:
        """Waiting for the decided target against moving to `other`; None where moving has no price."""
        known = {one.target: one for one in self.candidates}
        here, there = known.get(self.decided), known.get(other)
        if here is None or there is None:
            return None
        move = _difference(there.cost_to_go_usd, here.cost_to_go_usd)
        if move is None:
            move = _difference(there.cost_now_usd, here.cost_now_usd)
        return None if move is None else Weighed(wait_seconds * self.second_usd, move)


def _difference(there: float | None, here: float | None) -> float | None:
    return None if there is None or here is None else there - here
