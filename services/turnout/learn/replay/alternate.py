"""What a thread gains by a second model beside its own, which serves those of its steps that it may.

One step elsewhere seldom pays for a cold prompt, and rules that look a few steps ahead mostly either never
go or never stop. But the second cache stays warm while the steps that it may serve come often enough, so
its first prompt is paid once and its reads are saved at each of them:

    gain = share * steps * ((read - other read) * prompt + (out - other out) * output)
           - (other write - other read) * (prompt - warm + lost * prompt * steps)
           - other write * growth * steps

with the mean prompt of the steps to come; the growth of all of them, because both caches have to be
written with it; and the chance per step that the second cache is lost and written anew.
"""

import msgspec

from turnout.catalog.models import CacheTerms, Prices, WriteLifetime
from turnout.policy.cost import miss_price

_MILLION = 1e6


class Side(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One of the two models.

    Attributes:
        tokens: its own for each of those in which the thread is told.
        warm_tokens: of the prompt, in its cache now; its own.
        stays_warm: chance that its cache is still there a step later.
    """

    prices: Prices
    cache: CacheTerms
    lifetime: WriteLifetime
    tokens: float = 1.0
    warm_tokens: float = 0.0
    stays_warm: float = 1.0


def alternating_gain_usd(
    own: Side,
    other: Side,
    *,
    prompt_tokens: float,
    growth_tokens: float,
    output_tokens: float,
    steps: float,
    share: float,
    margin: float,
) -> float | None:
    """USD over `steps` requests, this one included, of which `other` serves `share` beside `own`, less
    `margin` of what a cold prompt costs it now; None where a price is unknown.
    """
    mean_prompt = prompt_tokens + growth_tokens * max(0.0, steps - 1.0) / 2.0
    kept = [_step_usd(one, mean_prompt, output_tokens) for one in (own, other)]
    prompt = prompt_tokens * other.tokens
    write = miss_price(
        other.prices.for_prompt(int(prompt)),
        other.cache,
        prompt_tokens=prompt,
        lifetime=other.lifetime,
    )
    stay, go = kept
    if stay is None or go is None or write is None:
        return None
    read = _read_price(other, prompt) or 0.0
    lost = (1.0 - other.stays_warm) * mean_prompt * other.tokens * steps
    cold = (1.0 + margin) * max(0.0, prompt - other.warm_tokens) + lost
    written = (write - read) * cold + write * growth_tokens * other.tokens * steps
    return share * steps * (stay - go) - written / _MILLION


def _step_usd(side: Side, prompt_tokens: float, output_tokens: float) -> float | None:
    """Reading a warm prompt and writing an answer."""
    prompt = prompt_tokens * side.tokens
    read, out = _read_price(side, prompt), side.prices.for_prompt(int(prompt)).output
    if read is None or out is None:
        return None
    return (read * prompt + out * output_tokens * side.tokens) / _MILLION


def _read_price(side: Side, prompt_tokens: float) -> float | None:
    """What a token of a prompt costs that was sent before: fresh where nothing is cached."""
    prices = side.prices.for_prompt(int(prompt_tokens))
    is_cached = side.cache.kind != "none" and prompt_tokens >= side.cache.minimum_prefix_tokens
    return prices.cache_read if is_cached else prices.fresh_input
