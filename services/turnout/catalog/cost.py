"""What an answer costs: usage times prices.

Rules of this module: counts are disjoint, so no token is billed twice; a price that is needed and
not known makes the cost unknown (None), never lower; a price that is not needed is not asked for.
"""

import math

from turnout.catalog.models import Prices
from turnout.dialects.usage import Usage

TOKENS_PER_PRICE = 1_000_000
"""Prices are per million tokens."""


def cost_usd(usage: Usage, prices: Prices) -> float | None:
    """The list cost of one answer in USD; None when a price it needs is not known.

    The prompt's size chooses the price list where long prompts cost more. `reasoning` is a part
    of `output` and is not billed again.
    """
    valid = prices.for_prompt(usage.input_total)
    parts: list[float] = []
    for tokens, price in (
        (usage.fresh_input, valid.fresh_input),
        (usage.cache_read, valid.cache_read),
        (usage.cache_write_5m, valid.write("5m")),
        (usage.cache_write_1h, valid.write("1h")),
        (usage.cache_write_other, valid.write("other")),
        (usage.output, valid.output),
    ):
        if tokens == 0:
            continue
        if price is None:
            return None
        parts.append(tokens * price)
    return math.fsum(parts) / TOKENS_PER_PRICE
