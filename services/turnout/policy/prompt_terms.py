"""How a prompt is cached where it is served: by whose terms, for how long, and how likely to stay so.

Rules: the lifetime of a thread's prompt is chosen by `policy.lifetime`, that of any other is the client's.
Mode and arm say whether a choice is carried out (`lifetime_to_write`), not what it would cost, so that a
proposal is the same in all of them. A prompt of Anthropic's API is cached as far as its breakpoints say. One
that has none is not cached at all, unless it is a thread's, the provider sets one at its end when asked, and
its reads are expected to pay for its write.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Final, Protocol

import msgspec

from turnout.catalog.catalog import Catalog
from turnout.catalog.models import CacheTerms, Model, Prices, WriteLifetime
from turnout.policy.cache import GAP_EDGES_SECONDS, ONE_DAY, ONE_HOUR
from turnout.policy.cost import Rates, rates_of
from turnout.policy.decision import ChosenLifetime, DecisionInputs
from turnout.policy.lifetime import IdleTables, breakpoint_pays, pauses_between, write_lifetime
from turnout.policy.modes import may_choose_lifetime
from turnout.policy.request import Harness

SURVIVALS_KEPT: Final = 1_024
"""Providers times the lifetimes they offer times harnesses, for a few artifacts; tables never change."""

NO_CACHE: Final = CacheTerms(kind="none")


TERMS_KEPT: Final = 4_096
"""Models times harnesses times the lifetimes that clients ask for, for a few artifacts and catalogs."""


class CacheTables(IdleTables, Protocol):
    """What is asked of the artifact here."""

    def hit_share(
        self, *, provider: str, lifetime_seconds: float, is_automatic: bool, gap_seconds: float
    ) -> float: ...


def cache_terms(model: Model, catalog: Catalog) -> CacheTerms:
    """The provider's terms for the model; one that is known not to be cached has none."""
    if not model.capabilities.prompt_caching:
        return NO_CACHE
    return catalog.caches[model.id]


def pauses_to_write_for(inputs: DecisionInputs, tables: CacheTables) -> float | None:
    """How often the thread is expected to pause between two lifetimes, as `policy.lifetime` counts; None
    where the request is none of a thread that goes on.
    """
    identity = inputs.identity
    if identity.request_class not in ("main", "subagent"):
        return None
    return pauses_between(tables, identity.harness, identity.is_subagent)


class PromptTerms(msgspec.Struct, frozen=True, gc=False):
    """How a prompt is cached where it is served.

    Attributes:
        cache: `NO_CACHE` where nothing of it will be.
        rates: what the target asks for it by these terms.
        chosen: the lifetime that we write where we may; "" where there is nothing to choose.
        stays_warm: chance that it is still cached at the next step.
    """

    cache: CacheTerms
    rates: Rates
    lifetime: WriteLifetime
    chosen: ChosenLifetime
    stays_warm: float


def prompt_terms(
    inputs: DecisionInputs,
    model: Model,
    *,
    steps: float,
    pauses: float | None,
    catalog: Catalog,
    tables: CacheTables,
) -> PromptTerms:
    """Of a thread with so many `steps` to come; `pauses` as `pauses_to_write_for` tells them."""
    features, identity = inputs.features, inputs.identity
    usual = _marked_terms(
        catalog,
        tables,
        model.id,
        identity.harness,
        identity.is_subagent,
        features.asks_one_hour,
        pauses,
    )
    if not features.lacks_breakpoints or usual.cache.kind != "explicit":
        return usual
    if usual.chosen and usual.cache.own_breakpoint:
        stays_warm = usual.stays_warm
        if breakpoint_pays(
            model.prices, lifetime=usual.lifetime, steps=steps, stays_warm=stays_warm
        ):
            return usual
    return _uncached_terms(catalog, model.id)


@lru_cache(maxsize=TERMS_KEPT)
def _uncached_terms(catalog: Catalog, model_id: str) -> PromptTerms:
    rates = rates_of(catalog.models[model_id].prices, NO_CACHE, "other")
    return PromptTerms(NO_CACHE, rates, "other", "", 0.0)


@lru_cache(maxsize=TERMS_KEPT)
def _marked_terms(
    catalog: Catalog,
    tables: CacheTables,
    model_id: str,
    harness: Harness,
    is_subagent: bool,
    asks_one_hour: bool,
    pauses: float | None,
) -> PromptTerms:
    """Of a prompt with breakpoints, where they are what says what is cached."""
    model = catalog.models[model_id]
    cache = cache_terms(model, catalog)
    chosen = chosen_lifetime(model.prices, cache, pauses=pauses)
    lifetime = chosen or written_lifetime(cache, asks_one_hour=asks_one_hour)
    stays_warm = survival(
        tables,
        model.provider,
        seconds_of(lifetime, cache),
        cache.kind == "automatic",
        harness,
        is_subagent,
    )
    rates = rates_of(model.prices, cache, lifetime)
    return PromptTerms(cache, rates, lifetime, chosen, stays_warm)


def written_lifetime(cache: CacheTerms, *, asks_one_hour: bool) -> WriteLifetime:
    """What the prompt is written for where we do not choose: an hour where the client asks for it and the
    target offers it.
    """
    if cache.kind != "explicit":
        return "other"
    return "1h" if asks_one_hour and ONE_HOUR in cache.lifetimes_seconds else "5m"


def chosen_lifetime(prices: Prices, cache: CacheTerms, *, pauses: float | None) -> ChosenLifetime:
    """By the rule of `policy.lifetime`; "" where there is nothing to choose."""
    return "" if pauses is None else write_lifetime(prices, cache, pauses=pauses)


def lifetime_to_write(
    inputs: DecisionInputs, model: Model, *, steps: float, catalog: Catalog, tables: CacheTables
) -> ChosenLifetime:
    """What a decision for the model says of its prompt; "" where it is left as the client wrote it."""
    if not may_choose_lifetime(inputs.mode, inputs.identity):
        return ""
    pauses = pauses_to_write_for(inputs, tables)
    return prompt_terms(
        inputs, model, steps=steps, pauses=pauses, catalog=catalog, tables=tables
    ).chosen


def seconds_of(lifetime: WriteLifetime, cache: CacheTerms) -> float:
    """How long a prefix lives that is written for it; 0 where nothing is kept."""
    if lifetime == "1h":
        return ONE_HOUR
    return float(cache.lifetimes_seconds[0]) if cache.lifetimes_seconds else 0.0


@lru_cache(maxsize=SURVIVALS_KEPT)
def survival(
    tables: CacheTables,
    provider: str,
    lifetime_seconds: float,
    is_automatic: bool,
    harness: Harness,
    is_subagent: bool,
) -> float:
    """Share of a prefix that is still cached at the next step of its thread, if there is one."""

    def after(seconds: float) -> float:
        return tables.idle_share(
            harness=harness, is_subagent=is_subagent, ends_turn=None, seconds=seconds
        )

    returned = 1.0 - after(ONE_DAY)
    if returned <= 0.0:
        return 0.0
    kept = 0.0
    for shorter, longer in pairwise((0.0, *GAP_EDGES_SECONDS, ONE_DAY)):
        share = tables.hit_share(
            provider=provider,
            lifetime_seconds=lifetime_seconds,
            is_automatic=is_automatic,
            gap_seconds=(shorter + longer) / 2.0,
        )
        kept += (after(shorter) - after(longer)) * share
    return kept / returned
