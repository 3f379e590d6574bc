"""The catalog file of a user: prices, models and providers over the shipped ones.

Rules of this module: pure; the file is an object with any of `prices`, `models` and `providers`,
or, as a short form, prices alone: `{"<model>": {"fresh_input": 5.0, "output": 25.0, ...}}` in USD
per million tokens. What an entry leaves out keeps its shipped value, or the default of a new one.
"""

from dataclasses import replace

import msgspec

from turnout.capabilities import Capabilities, Dialect
from turnout.catalog.catalog import Catalog
from turnout.catalog.models import Hourly, Model, Prices, Provider
from turnout.errors import InvalidRequest
from turnout.quirks import Quirks

SECTIONS = frozenset({"prices", "models", "providers"})


class PriceLine(msgspec.Struct, forbid_unknown_fields=True):
    """USD per million tokens; what is left out keeps its price."""

    fresh_input: float | None = None
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None
    cache_write_other: float | None = None
    output: float | None = None
    writes_cost_fresh: bool | None = None


class ModelLine(msgspec.Struct, forbid_unknown_fields=True):
    """A model; `id` alone is enough where it is shipped, `provider` is needed where it is not."""

    id: str
    provider: str = ""
    upstream_name: str = ""
    dialects: tuple[Dialect, ...] | None = None
    quirks: Quirks | None = None
    prices: PriceLine | None = None
    capabilities: Capabilities | None = None
    aliases: tuple[str, ...] | None = None
    hourly: Hourly | None = None
    same_as: str | None = None


class UserFile(msgspec.Struct, forbid_unknown_fields=True):
    prices: dict[str, PriceLine] = {}
    models: tuple[ModelLine, ...] = ()
    providers: tuple[Provider, ...] = ()


def with_user_file(catalog: Catalog, data: bytes) -> Catalog:
    """The catalog with the file over it. Raises `InvalidRequest` naming the offending field."""
    try:
        names = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).keys()
        if names <= SECTIONS:
            told = msgspec.json.decode(data, type=UserFile)
        else:
            told = UserFile(prices=msgspec.json.decode(data, type=dict[str, PriceLine]))
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"the catalog file cannot be read: {error}") from error
    wider = catalog.with_overrides(
        models=[_model(catalog, line) for line in told.models], providers=told.providers
    )
    prices = {name: _prices(wider.resolve(name), line) for name, line in told.prices.items()}
    return wider.with_overrides(prices=prices)


def _model(catalog: Catalog, line: ModelLine) -> Model:
    shipped = catalog.models.get(line.id)
    if shipped is None:
        if not line.provider:
            raise InvalidRequest(f"models: {line.id} is new, so it needs a provider")
        shipped = Model(
            id=line.id,
            provider=line.provider,
            upstream_name=line.id,
            prices=Prices(),
            capabilities=Capabilities(),
        )
    # What is paid by the hour has no token prices, whatever the shipped model has.
    known = shipped if line.hourly is None else replace(shipped, prices=Prices())
    prices = known.prices if line.prices is None else _prices(known, line.prices)
    return replace(
        shipped,
        provider=line.provider or shipped.provider,
        upstream_name=line.upstream_name or shipped.upstream_name,
        dialects=shipped.dialects if line.dialects is None else line.dialects,
        quirks=shipped.quirks if line.quirks is None else line.quirks,
        prices=prices,
        capabilities=shipped.capabilities if line.capabilities is None else line.capabilities,
        aliases=shipped.aliases if line.aliases is None else line.aliases,
        hourly=line.hourly,
        same_as=shipped.same_as if line.same_as is None else line.same_as,
    )


def _prices(model: Model | None, line: PriceLine) -> Prices:
    known = Prices() if model is None else model.prices
    told = {
        name: value for name, value in msgspec.structs.asdict(line).items() if value is not None
    }
    return replace(known, **told)
