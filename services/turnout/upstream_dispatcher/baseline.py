"""What a saving is counted against: the text that was served, at the baseline's prices. Pure."""

from turnout.catalog.catalog import Catalog
from turnout.catalog.cost import cost_usd
from turnout.catalog.token_families import token_share
from turnout.dialects.usage import Usage
from turnout.policy.cost import counted_as, repriced
from turnout.policy.prompt_terms import cache_terms


def baseline_cost_usd(
    usage: Usage, *, served: str, baseline: str, catalog: Catalog
) -> float | None:
    """What the same text would have cost at the baseline, with the same cache shares.

    A served model that makes more tokens of a text saves nothing by that, so every count is told in tokens
    of the baseline's family. Read stays read and written stays written, as far as the baseline has a
    cache. None when a needed price is unknown.
    """
    model = catalog.models.get(baseline)
    if model is None:
        return None
    share = token_share(counted_for=served, model=baseline)
    counted = repriced(counted_as(usage, share), model.prices, cache_terms(model, catalog))
    return cost_usd(counted, model.prices)
