"""The catalog: models, prices, windows, providers and cache terms, as data.

Pure: bytes in, values out. `packaged` is the one exception; it reads the shipped snapshot.
"""

from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.cost import cost_usd
from turnout.catalog.models import (
    CacheTerms,
    Endpoint,
    LongContext,
    Model,
    Prices,
    Provider,
    target_id,
)

__all__ = [
    "CacheTerms",
    "Catalog",
    "Endpoint",
    "LongContext",
    "Model",
    "Prices",
    "Provider",
    "cost_usd",
    "parse_catalog",
    "target_id",
]
