"""What targets hold of one thread's prompt in a replay, and what a call of it costs there.

Rules: a cache with a stated lifetime holds what was written with it until that long after its last use,
and nothing then; one whose provider promises none is found again as often as the traces show, and is
charged by that share. An hour's writes stand before those of five minutes, as the API wants them: once
the prompt has a part of five minutes, what is written behind it dies with it.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from turnout.catalog.models import CacheTerms, Prices, WriteLifetime
from turnout.policy.cache import FIVE_MINUTES, ONE_HOUR
from turnout.policy.cost import cost_now_usd, rates_of
from turnout.policy.lifetime import read_period

LIFETIME_SECONDS: Final[Mapping[WriteLifetime, float]] = {"5m": FIVE_MINUTES, "1h": ONE_HOUR}


class Target(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A model as one provider serves it.

    Attributes:
        name: the target's id.
        context_tokens: the longest prompt that it takes; None where that is not known.
        share: of a prefix, that an automatic cache still has after so many idle seconds.
    """

    name: str
    model: str
    provider: str
    prices: Prices
    cache: CacheTerms
    context_tokens: int | None
    share: Callable[[float], float]

    @property
    def is_explicit(self) -> bool:
        return self.cache.kind == "explicit"

    def lifetime_seconds(self, lifetime: WriteLifetime) -> float:
        """Of what is written with it there; the shortest that an automatic cache promises, 0 where none."""
        if self.is_explicit:
            return LIFETIME_SECONDS[lifetime]
        promised = self.cache.lifetimes_seconds
        return float(promised[0]) if promised else 0.0


class HeldPrefix(msgspec.Struct, gc=False):
    """A thread's prefix at one target, in the target's own tokens.

    Attributes:
        hour, rest: written for an hour, and behind it for less or by the provider itself.
        at: unix seconds of the last use.
    """

    hour: float = 0.0
    rest: float = 0.0
    at: float = 0.0

    @property
    def tokens(self) -> float:
        return self.hour + self.rest

    @property
    def lifetime(self) -> WriteLifetime:
        """Of its shortest-lived part."""
        return "1h" if self.hour and not self.rest else "5m"


def warm_tokens(
    held: HeldPrefix, target: Target, *, gap_seconds: float, kept_tokens: float
) -> float:
    """How much of the prefix a prompt that keeps so much of it finds again."""
    if target.cache.kind == "none":
        return 0.0
    if target.cache.kind == "automatic":
        return min(held.tokens, kept_tokens) * target.share(gap_seconds)
    if gap_seconds > LIFETIME_SECONDS["1h"]:
        return 0.0
    alive = held.tokens if gap_seconds <= LIFETIME_SECONDS["5m"] else held.hour
    return min(alive, kept_tokens)


def keep_warm_period(held: HeldPrefix) -> float:
    """Seconds between two reads that keep the whole prefix."""
    return read_period(LIFETIME_SECONDS[held.lifetime])


class Charged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A call as its target bills it; tokens of the target, USD, of which `output_usd` are for output.

    Every prompt token is in exactly one of `read`, `written` and `fresh`.
    """

    read: float
    written: float
    fresh: float
    output: float
    output_usd: float
    usd: float


def charge(
    target: Target,
    *,
    prompt_tokens: float,
    warm: float,
    output_tokens: float,
    lifetime: WriteLifetime,
) -> Charged:
    """Asserts that the prices are known: calls of other models are not replayed."""
    usd = cost_now_usd(
        rates_of(target.prices, target.cache, lifetime),
        prompt_tokens=prompt_tokens,
        warm_tokens=warm,
        output_tokens=output_tokens,
    )
    assert usd is not None, target.name
    is_written = target.is_explicit and prompt_tokens >= target.cache.minimum_prefix_tokens
    missed = prompt_tokens - min(warm, prompt_tokens)
    return Charged(
        read=prompt_tokens - missed,
        written=missed if is_written else 0.0,
        fresh=0.0 if is_written else missed,
        output=output_tokens,
        output_usd=(target.prices.for_prompt(int(prompt_tokens)).output or 0.0)
        * output_tokens
        / 1e6,
        usd=usd,
    )


def use(
    held: HeldPrefix,
    target: Target,
    *,
    prompt_tokens: float,
    lifetime: WriteLifetime,
    at: float,
    warm: float,
) -> None:
    """The prompt was read and written there. A head that other threads had written is taken to live as
    long as what is written behind it.
    """
    if not held.at and lifetime == "1h":
        held.hour = warm
    if prompt_tokens < target.cache.minimum_prefix_tokens:
        held.hour = held.rest = 0.0
    elif target.cache.kind == "automatic":
        held.hour, held.rest = 0.0, prompt_tokens
    else:
        held.hour = min(held.hour, warm)
        held.rest = warm - held.hour
        if lifetime == "1h" and not held.rest:
            held.hour = prompt_tokens
        else:
            held.rest = prompt_tokens - held.hour
    held.at = at
