"""How long threads pause between an answer and the next request, as the artifact tells it.

Rules: whether an answer ended the user's turn is known only after it, so there is a row for that too;
threads that nobody came back to pause for ever, and are in every share.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Literal, TypeAlias

IdlePart: TypeAlias = Literal[
    "main", "main_ended", "main_goes_on", "subagent", "subagent_ended", "subagent_goes_on"
]
"""Which answers: of which threads, and where it is known, whether they ended the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleGaps:
    """Shares of answers after which nothing had come for so long.

    Attributes:
        shares: one per edge of the artifact's `idle_edges_seconds`, never rising; the last holds those
            to which nobody came back too.
        calls: answers behind them.

    """

    shares: tuple[float, ...]
    calls: int


def idle_part(*, is_subagent: bool, ends_turn: bool | None) -> IdlePart:
    match is_subagent, ends_turn:
        case True, None:
            return "subagent"
        case True, True:
            return "subagent_ended"
        case True, False:
            return "subagent_goes_on"
        case False, True:
            return "main_ended"
        case False, False:
            return "main_goes_on"
        case _:
            return "main"


def share_at(edges: Sequence[float], shares: Sequence[float], seconds: float) -> float:
    """The share after any gap: between two edges on a line over the logarithm of the time."""
    if seconds <= 0.0:
        return 1.0
    after = bisect_right(edges, seconds)
    if after == len(edges):
        return shares[-1]
    if after == 0:
        return 1.0 + (shares[0] - 1.0) * seconds / edges[0]
    low, high = edges[after - 1], edges[after]
    weight = (log(seconds) - log(low)) / (log(high) - log(low))
    return shares[after - 1] + (shares[after] - shares[after - 1]) * weight
