"""What the shipped providers' endpoints depart in."""

from turnout.capabilities import Dialect
from turnout.catalog.providers import PROVIDERS
from turnout.quirks import Quirks


def quirks_of(provider: str, dialect: Dialect, model: str = "m") -> Quirks:
    endpoint = next(one for one in PROVIDERS if one.name == provider).endpoint(dialect)
    assert endpoint is not None
    return endpoint.quirks_of(model)
