"""How providers that cache by prefix charge a prompt: OpenAI, Gemini and those who follow them.

Rules of this module: pure; minimum, block size and lifetimes are the catalog's cache terms; what a
request says about the lifetime is read here, for both of OpenAI's wire formats.
"""

from turnout.catalog import Catalog, Model
from turnout.simulator.cache import Charge, PromptCache, account_of
from turnout.simulator.exchange import Call
from turnout.simulator.json_types import JsonObject, object_of
from turnout.simulator.measure import measure_of

FINEST_BLOCK_TOKENS = 64
"""Resolution of automatic caches whose provider names no block size."""

LONG_RETENTION_SECONDS = 86_400
HALF_DAY_SECONDS = 43_200
IMPLICIT_BREAKPOINT_SECONDS = 1_800
"""Default lifetime of models with billed cache writes (gpt-5.6 and later)."""


def charge_prefix(
    call: Call, cache: PromptCache, *, catalog: Catalog, credential: str, now: float
) -> Charge:
    """What the prompt of `call` costs where the longest known prefix is read."""
    terms = catalog.caches[call.model.id]
    block_tokens = max(terms.block_tokens, FINEST_BLOCK_TOKENS)
    return cache.charge_automatic(
        _pieces(call.prompt, block_tokens * measure_of(call.model).bytes_per_token),
        total_tokens=call.prompt_tokens,
        account=account_of(credential=credential, model=call.model.id),
        minimum_tokens=terms.minimum_prefix_tokens,
        block_tokens=block_tokens,
        lifetime_seconds=call.lifetime_seconds,
        now=now,
    )


def lifetime_of(body: JsonObject, model: Model, catalog: Catalog) -> int:
    """How long the entries of a request live, by OpenAI's fields and the catalog."""
    if body.get("prompt_cache_retention") == "24h":
        return LONG_RETENTION_SECONDS
    if model.prices.cache_write_other is not None:
        longer = object_of(body.get("prompt_cache_options")).get("ttl") == "12h"
        return HALF_DAY_SECONDS if longer else IMPLICIT_BREAKPOINT_SECONDS
    return shortest_lifetime(model, catalog)


def shortest_lifetime(model: Model, catalog: Catalog) -> int:
    """What the provider promises when a request does not say."""
    return min(catalog.provider_of(model).cache.lifetimes_seconds, default=0)


def _pieces(prompt: bytes, size: float) -> list[bytes]:
    """The whole blocks of a prompt; what is left at its end is never cached."""
    count = int(len(prompt) // size)
    return [prompt[int(index * size) : int((index + 1) * size)] for index in range(count)]
