"""What a request costs at a target now, and what the steps after it are expected to cost there.

Prices are USD per million tokens, results are USD. An unknown price gives None, never 0.
The rule (one step with `warm` of `prompt` tokens in the cache, `output` tokens written):

    now   = read * warm + write * (prompt - warm) + out * output
    later = for each further step: the prefix is read where it is still warm (chance `stays_warm`)
            and written again where it is not; the step's growth is written; its output is paid

A prompt below the provider's minimum prefix is neither written nor read: it is fresh every time.

Later steps are summed in closed form with the mean prefix of a linearly growing prompt, because
the number of steps is an expectation, not a count.
"""

from itertools import accumulate, pairwise
from math import inf
from typing import Final, assert_never

import msgspec

from turnout.catalog.models import CacheTerms, Prices, WriteLifetime
from turnout.dialects.usage import Usage

_MILLION = 1e6

_SHORTEST_FIRST: Final[tuple[WriteLifetime, ...]] = ("5m", "other", "1h")


class Horizon(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is expected of the rest of a thread.

    Attributes:
        steps: requests expected to remain, this one included; at least 1.
        growth_tokens: by how much the prompt grows from one to the next.
        output_tokens: what each writes.
        stays_warm: chance that the prefix is still cached at the next step.

    """

    steps: float
    growth_tokens: float
    output_tokens: float
    stays_warm: float


class Rates(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """USD per million tokens where a prompt is cached by known terms; None where that is not known.

    Attributes:
        fresh: a token that the cache does not hold, of a prompt below the minimum prefix.
        written: of a longer one.
        read: a token that it holds.
        is_cached: whether anything is.
        minimum_prefix_tokens: the shortest prompt that is stored.
        above_tokens, above: what holds instead for longer prompts.
    """

    fresh: float | None
    written: float | None
    read: float | None
    output: float | None
    is_cached: bool
    minimum_prefix_tokens: int
    above_tokens: float = inf
    above: "Rates | None" = None


def rates_of(prices: Prices, cache: CacheTerms, lifetime: WriteLifetime) -> Rates:
    """What a target asks where prompts are written for this lifetime."""
    surcharge = prices.long_context
    return Rates(
        fresh=prices.fresh_input,
        written=_written(prices, cache, lifetime),
        read=prices.cache_read,
        output=prices.output,
        is_cached=cache.kind != "none",
        minimum_prefix_tokens=cache.minimum_prefix_tokens,
        above_tokens=inf if surcharge is None else surcharge.above_tokens,
        above=None if surcharge is None else rates_of(surcharge.prices, cache, lifetime),
    )


def cost_now_usd(
    rates: Rates, *, prompt_tokens: float, warm_tokens: float, output_tokens: float
) -> float | None:
    """One request alone; every prompt token that is not warm is written where writing exists."""
    if rates.above is not None and int(prompt_tokens) > rates.above_tokens:
        rates = rates.above
    is_short = prompt_tokens < rates.minimum_prefix_tokens
    missed = rates.fresh if is_short else rates.written
    output = rates.output
    if missed is None or output is None:
        return None
    if warm_tokens <= 0.0 or not rates.is_cached:
        return (missed * prompt_tokens + output * output_tokens) / _MILLION
    if rates.read is None:
        return None
    warm = min(warm_tokens, prompt_tokens)
    usd = rates.read * warm + missed * (prompt_tokens - warm) + output * output_tokens
    return usd / _MILLION


def cost_to_go_usd(
    rates: Rates, *, prompt_tokens: float, warm_tokens: float, horizon: Horizon
) -> float | None:
    """One request and the steps expected after it, all at one target."""
    now = cost_now_usd(
        rates,
        prompt_tokens=prompt_tokens,
        warm_tokens=warm_tokens,
        output_tokens=horizon.output_tokens,
    )
    later = cost_later_usd(rates, prompt_tokens=prompt_tokens, horizon=horizon)
    return None if now is None or later is None else now + later


def cost_later_usd(rates: Rates, *, prompt_tokens: float, horizon: Horizon) -> float | None:
    """The steps expected after a request with this prompt; 0 when none is."""
    later_steps = horizon.steps - 1.0
    if later_steps <= 0.0:
        return 0.0
    growth = horizon.growth_tokens
    mean_prefix = prompt_tokens + growth * max(0.0, later_steps - 1.0) / 2.0
    is_stored = mean_prefix >= rates.minimum_prefix_tokens
    step = cost_now_usd(
        rates,
        prompt_tokens=mean_prefix + growth,
        warm_tokens=mean_prefix * horizon.stays_warm if is_stored else 0.0,
        output_tokens=horizon.output_tokens,
    )
    return None if step is None else later_steps * step


def miss_price(
    prices: Prices, cache: CacheTerms, *, prompt_tokens: float, lifetime: WriteLifetime
) -> float | None:
    """What a prompt token costs that is not found in the cache. Below the provider's minimum prefix nothing
    is written, so no premium is paid.
    """
    if prompt_tokens < cache.minimum_prefix_tokens:
        return prices.fresh_input
    return _written(prices, cache, lifetime)


def _written(prices: Prices, cache: CacheTerms, lifetime: WriteLifetime) -> float | None:
    """Where the client chooses the lifetime, an hour that is not offered becomes five minutes and a write
    price that is not known makes the cost unknown; where the provider stores by itself, only some ask
    a premium.
    """
    match cache.kind:
        case "none":
            return prices.fresh_input
        case "automatic":
            stored = prices.write("other")
            return prices.fresh_input if stored is None else stored
        case "explicit":
            written = prices.write(lifetime)
            return prices.write("5m") if written is None else written
        case _:
            assert_never(cache.kind)


def counted_as(usage: Usage, share: float) -> Usage:
    """The same text where a token of it is `share` tokens.

    Counts are whole, and those of the prompt sum up to the whole prompt, rounded once: each is what lies
    between two rounded sums.
    """
    parts = (
        usage.fresh_input,
        usage.cache_read,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.cache_write_other,
    )
    sums = [round(tokens * share) for tokens in accumulate(parts, initial=0)]
    fresh, read, five_minutes, one_hour, other = (
        later - earlier for earlier, later in pairwise(sums)
    )
    return Usage(
        fresh_input=fresh,
        cache_read=read,
        cache_write_5m=five_minutes,
        cache_write_1h=one_hour,
        cache_write_other=other,
        output=round(usage.output * share),
        reasoning=round(usage.reasoning * share),
    )


def repriced(usage: Usage, prices: Prices, cache: CacheTerms) -> Usage:
    """The same tokens in the classes for which the target with these terms has prices.

    Reads stay reads and writes stay writes where the target has a cache; everything is fresh input
    where it has none. A write lifetime that the target has no price for becomes one that it has.
    Fresh input stays fresh although the target might have stored it: a premium that nobody is known
    to owe must not turn into a saving.
    """
    if cache.kind == "none":
        return Usage(fresh_input=usage.input_total, output=usage.output, reasoning=usage.reasoning)
    if prices.writes_cost_fresh:
        return Usage(
            fresh_input=usage.fresh_input + usage.cache_write,
            cache_read=usage.cache_read,
            output=usage.output,
            reasoning=usage.reasoning,
        )
    valid = prices.for_prompt(usage.input_total)
    writes: dict[WriteLifetime, int] = {"5m": 0, "1h": 0, "other": 0}
    writes[_offered(valid, "5m")] += usage.cache_write_5m
    writes[_offered(valid, "1h")] += usage.cache_write_1h
    writes[_offered(valid, "other")] += usage.cache_write_other
    return Usage(
        fresh_input=usage.fresh_input,
        cache_read=usage.cache_read,
        cache_write_5m=writes["5m"],
        cache_write_1h=writes["1h"],
        cache_write_other=writes["other"],
        output=usage.output,
        reasoning=usage.reasoning,
    )


def _offered(prices: Prices, lifetime: WriteLifetime) -> WriteLifetime:
    """The lifetime itself if it has a price, else the shortest that has; itself if none has."""
    if prices.write(lifetime) is not None:
        return lifetime
    for other in _SHORTEST_FIRST:
        if prices.write(other) is not None:
            return other
    return lifetime
