"""The targets of a replay: models of the catalog with their prices and what their caches do."""

from collections.abc import Iterable
from functools import lru_cache

from turnout.catalog.catalog import Catalog
from turnout.catalog.models import target_id
from turnout.errors import InvalidRequest, UnknownModel
from turnout.learn.replay.caches import Target
from turnout.policy.prompt_terms import cache_terms
from turnout.policy.rank import Tables

GAPS_KEPT = 4_096


def target_of(name: str, *, catalog: Catalog, tables: Tables) -> Target:
    """Raises `UnknownModel` and, for a model without prices, `InvalidRequest`."""
    model = catalog.resolve(name)
    if model is None:
        raise UnknownModel(f"The catalog has no model {name}.")
    if model.prices.fresh_input is None or model.prices.output is None:
        raise InvalidRequest(
            f"The catalog has no price of {name}, so it can be compared with nothing."
        )
    cache = cache_terms(model, catalog)
    lifetime = float(cache.lifetimes_seconds[0]) if cache.lifetimes_seconds else 0.0
    provider = model.provider

    @lru_cache(maxsize=GAPS_KEPT)
    def share(gap_seconds: float) -> float:
        return tables.hit_share(
            provider=provider,
            lifetime_seconds=lifetime,
            is_automatic=cache.kind == "automatic",
            gap_seconds=gap_seconds,
        )

    return Target(
        name=target_id(provider, model.id, "env"),
        model=model.id,
        provider=provider,
        prices=model.prices,
        cache=cache,
        context_tokens=model.capabilities.context_tokens,
        share=share,
    )


def targets_of(names: Iterable[str], *, catalog: Catalog, tables: Tables) -> dict[str, Target]:
    """By model id."""
    found = [target_of(name, catalog=catalog, tables=tables) for name in dict.fromkeys(names)]
    return {one.model: one for one in found}
