"""How fast an answer was written, where that can be told.

Rules: only a stream has a rate, from its first content on, and only one that took long enough and is long enough;
what was thought before, or is not shown, never makes it faster or slower than it was: then it lies between two rates. Pure.
"""

from typing import Final

import msgspec

LEAST_SECONDS: Final = 1.0
"""Output that was gathered on its way comes in one or two reads, and then the time between them is the network's."""

LEAST_TOKENS: Final = 50
"""Of fewer the first read, which has no time of its own, and one pause are too large a part."""


class OutputRate(msgspec.Struct, frozen=True, gc=False):
    """Tokens a second: it was no slower than `least` and no faster than `most`."""

    least: float
    most: float


def output_rate(*, shown: int, counted: int, seconds: float) -> OutputRate | None:
    """Of a stream that ended so many `seconds` after its first content; None where that is no rate.

    `shown` are the tokens that its bytes make, `counted` those that the provider bills. Reasoning is billed whether it was
    written before the first content, after it without being shown, or shown: the truth is between the two.
    """
    least = min(shown, counted)
    if seconds < LEAST_SECONDS or least < LEAST_TOKENS:
        return None
    return OutputRate(least / seconds, max(shown, counted) / seconds)
