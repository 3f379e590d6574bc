"""Which prompts are kept cached by reads while their threads pause, and what such a read may cost.

When one pays is said in policy/lifetime.py, which the replay asks too. Two things are known only once
the answer is there, the size of the prompt and whether the turn has ended, so a decision brings the
chances for both and whoever has the answer counts the reads.
"""

from turnout.catalog.catalog import Catalog
from turnout.catalog.models import CacheTerms, Model, Prices
from turnout.policy.decision import DecisionInputs, KeepWarm
from turnout.policy.lifetime import keep_warm_reads, return_chances
from turnout.policy.modes import may_choose_lifetime
from turnout.policy.prompt_terms import (
    CacheTables,
    cache_terms,
    pauses_to_write_for,
    prompt_terms,
    seconds_of,
)


def kept_warm(
    inputs: DecisionInputs, model: Model, *, steps: float, catalog: Catalog, tables: CacheTables
) -> KeepWarm | None:
    """For the main thread alone: a subagent is done when it pauses. None where no prompt is kept."""
    identity, settings = inputs.identity, inputs.settings
    cache = cache_terms(model, catalog)
    if (
        not settings.keep_warm
        or settings.keep_warm_budget_usd <= 0.0
        or cache.kind != "explicit"
        or identity.request_class != "main"
        or not may_choose_lifetime(inputs.mode, identity)
    ):
        return None
    pauses = pauses_to_write_for(inputs, tables)
    served = prompt_terms(inputs, model, steps=steps, pauses=pauses, catalog=catalog, tables=tables)
    if served.cache.kind == "none":
        return None
    seconds = seconds_of(served.lifetime, cache)

    def chances(*, ends_turn: bool) -> tuple[float, ...]:
        return return_chances(tables, identity.harness, identity.is_subagent, ends_turn, seconds)

    return KeepWarm(
        lifetime=served.lifetime,
        chances_ended=chances(ends_turn=True),
        chances_going_on=chances(ends_turn=False),
        budget_usd=settings.keep_warm_budget_usd,
    )


def reads_that_pay(
    plan: KeepWarm, prices: Prices, cache: CacheTerms, *, prefix_tokens: int, ends_turn: bool
) -> int:
    """How many reads in a row, when so much of the prompt is cached."""
    return keep_warm_reads(
        prices,
        cache,
        prefix_tokens=prefix_tokens,
        lifetime=plan.lifetime,
        chances=plan.chances_ended if ends_turn else plan.chances_going_on,
    )


def dearest_read_usd(prices: Prices, *, prompt_tokens: int) -> float:
    """What a read costs that finds nothing and writes everything for as long as can be."""
    valid = prices.for_prompt(prompt_tokens)
    per_million = max(
        valid.fresh_input or 0.0, valid.cache_write_5m or 0.0, valid.cache_write_1h or 0.0
    )
    return (per_million * prompt_tokens + (valid.output or 0.0)) / 1e6
