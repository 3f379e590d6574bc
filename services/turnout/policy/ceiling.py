"""What a ceiling of list prices lets compete: nothing that is dearer in any of them. Pure."""

from math import inf
from typing import Final, TypeAlias

from turnout.catalog.models import Prices

Limits: TypeAlias = tuple[float, float, float, float]
"""The prices that a ceiling is about: of fresh input, of output, of a token read from a cache and of one
put into it."""

_LIMIT_WORDS: Final = ("input", "output", "tokens read from a cache", "tokens written to a cache")


def is_below(mine: Prices, ceiling: Prices) -> bool:
    """No list price is above the ceiling's, cache prices included; one that is not known is.

    Where reads or writes of the cache have no price of their own, such a token costs fresh input.
    """
    return is_within(limits_of(mine, unknown=inf), limits_of(ceiling, unknown=-inf))


def dearer_than(mine: Prices, ceiling: Prices) -> list[tuple[str, float | None, float | None]]:
    """Which list prices keep a model out, in words, with its own and the ceiling's, USD per million tokens; None
    for one that is not known.
    """
    both = zip(
        _LIMIT_WORDS, limits_of(mine, unknown=inf), limits_of(ceiling, unknown=-inf), strict=True
    )
    return [
        (words, own if own < inf else None, most if most > -inf else None)
        for words, own, most in both
        if own > most
    ]


def is_within(mine: Limits, most: Limits) -> bool:
    """None of them is above the ceiling's."""
    return mine[0] <= most[0] and mine[1] <= most[1] and mine[2] <= most[2] and mine[3] <= most[3]


def limits_of(prices: Prices, *, unknown: float) -> Limits:
    """Those of a model; `unknown` stands for a price that is not known."""
    fresh = unknown if prices.fresh_input is None else prices.fresh_input
    output = unknown if prices.output is None else prices.output
    read = fresh if prices.cache_read is None else prices.cache_read
    stored = prices.write("5m")
    if stored is None:
        stored = prices.write("other")
    return (fresh, output, read, fresh if stored is None else stored)
