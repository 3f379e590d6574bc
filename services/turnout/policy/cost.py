"""What a request costs at a target now, and what the steps after it are expected to cost there.

Prices are USD per million tokens, results are USD. An unknown price gives None, never 0.
The rule (one step with `warm` of `prompt` tokens in the cache, `output` tokens written):

    now   = read * warm + write * (prompt - warm) + out * output
    later = for each further step: the prefix is read where it is still warm (chance `stays_warm`)
            and written again where it is not; the step's growth is written; its output is paid

Later steps are summed in closed form with the mean prefix of a linearly growing prompt, because
the number of steps is an expectation, not a count.
"""

from dataclasses import dataclass

from turnout.catalog.models import CacheTerms, Prices, WriteLifetime
from turnout.dialects.usage import Usage

_MILLION = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
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


def cost_now_usd(
    prices: Prices,
    cache: CacheTerms,
    *,
    prompt_tokens: float,
    warm_tokens: float,
    output_tokens: float,
    lifetime: WriteLifetime,
) -> float | None:
    """One request alone; every prompt token that is not warm is written where writing exists."""
    valid = prices.for_prompt(int(prompt_tokens))
    warm = min(warm_tokens, prompt_tokens) if cache.kind != "none" else 0.0
    write = miss_price(valid, cache, prompt_tokens=prompt_tokens, lifetime=lifetime)
    if write is None or valid.output is None or (warm > 0 and valid.cache_read is None):
        return None
    read = valid.cache_read or 0.0
    return (read * warm + write * (prompt_tokens - warm) + valid.output * output_tokens) / _MILLION


def cost_to_go_usd(
    prices: Prices,
    cache: CacheTerms,
    *,
    prompt_tokens: float,
    warm_tokens: float,
    horizon: Horizon,
    lifetime: WriteLifetime,
) -> float | None:
    """One request and the steps expected after it, all at one target."""
    now = cost_now_usd(
        prices,
        cache,
        prompt_tokens=prompt_tokens,
        warm_tokens=warm_tokens,
        output_tokens=horizon.output_tokens,
        lifetime=lifetime,
    )
    later_steps = max(0.0, horizon.steps - 1.0)
    if now is None or later_steps == 0.0:
        return now
    mean_prefix = prompt_tokens + horizon.growth_tokens * (later_steps - 1.0) / 2.0
    stays_warm = horizon.stays_warm if cache.kind != "none" else 0.0
    step = cost_now_usd(
        prices,
        cache,
        prompt_tokens=mean_prefix + horizon.growth_tokens,
        warm_tokens=mean_prefix * stays_warm,
        output_tokens=horizon.output_tokens,
        lifetime=lifetime,
    )
    return None if step is None else now + later_steps * step


def miss_price(
    prices: Prices, cache: CacheTerms, *, prompt_tokens: float, lifetime: WriteLifetime
) -> float | None:
    """What a prompt token costs that is not found in the cache.

    Below the provider's minimum prefix nothing is written, so no premium is paid.
    """
    if cache.kind == "none" or prompt_tokens < cache.minimum_prefix_tokens:
        return prices.fresh_input
    price = prices.write(lifetime)
    if price is None and lifetime == "1h":
        price = prices.write("5m")
    return prices.fresh_input if price is None else price


def repriced(usage: Usage, prices: Prices, cache: CacheTerms) -> Usage:
    """The same tokens as the target with these terms would have counted them.

    Reads stay reads and writes stay writes where the target has a cache; everything is fresh input
    where it has none. Lifetimes that the target does not offer become the one that it does.
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
    five, hour = usage.cache_write_5m + usage.cache_write_other, usage.cache_write_1h
    fresh = usage.fresh_input
    if usage.cache_write == 0 and usage.cache_read > 0:
        # A provider without write figures: what was not read was stored at once.
        five, fresh = fresh, 0
    return Usage(
        fresh_input=fresh,
        cache_read=usage.cache_read,
        cache_write_5m=five,
        cache_write_1h=hour,
        output=usage.output,
        reasoning=usage.reasoning,
    )
