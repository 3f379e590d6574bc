"""`turnout catalog show [MODEL]`: what models cost and how their prompts are cached, as decisions count. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from turnout.catalog.catalog import Catalog, unknown_model_message
from turnout.catalog.models import CacheTerms, Model, Prices
from turnout.errors import UnknownModel
from turnout.learn.columns import in_columns
from turnout.policy.prompt_terms import cache_terms

HEADS: Final = (
    *("model", "provider", "window", "input", "output"),
    *("read", "write 5m", "write 1h", "write", "cache"),
)

NOTHING: Final = "-"
"""Not known, or not sold: a token that is written then costs what input does."""


def listing(catalog: Catalog, name: str) -> list[str]:
    """All models, or the one that `name` means. Raises `UnknownModel` with close names."""
    models: Sequence[Model] = sorted(
        catalog.models.values(), key=lambda one: (one.provider, one.id)
    )
    if name:
        found = catalog.resolve(name)
        if found is None:
            raise UnknownModel(unknown_model_message(catalog, name))
        models = [found]
    return [
        *in_columns(HEADS, [row for model in models for row in _rows(model, catalog)]),
        "",
        f"USD per million tokens; {NOTHING} where there is no price. TURNOUT_CATALOG__FILE is counted in.",
        catalog.source,
    ]


def _rows(model: Model, catalog: Catalog) -> Iterator[tuple[str, ...]]:
    """One, and another for prompts with a surcharge."""
    window = model.capabilities.context_tokens
    cache = _cache_words(cache_terms(model, catalog))
    size = f"{window:,}" if window else NOTHING
    yield (model.id, model.provider, size, *_price_words(model.prices), cache)
    surcharge = model.prices.long_context
    if surcharge is not None:
        above = f"above {surcharge.above_tokens:,}"
        yield ("", "", above, *_price_words(surcharge.prices), "")


def _price_words(prices: Prices) -> tuple[str, ...]:
    told = (
        *(prices.fresh_input, prices.output, prices.cache_read),
        *(prices.cache_write_5m, prices.cache_write_1h, prices.cache_write_other),
    )
    return tuple(NOTHING if one is None else f"{one:g}" for one in told)


def _cache_words(cache: CacheTerms) -> str:
    if cache.kind == "none":
        return "none"
    minutes = " or ".join(f"{seconds / 60:g}" for seconds in cache.lifetimes_seconds)
    lifetime = f", {minutes} minutes" if minutes else ""
    least = cache.minimum_prefix_tokens
    return f"{cache.kind}{lifetime}{f', from {least:,} tokens' if least else ''}"
