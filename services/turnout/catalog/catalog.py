"""The catalog: every model we can name, who serves it, and what it costs.

Rules of this module: a catalog never changes, a change makes another one; `digest` is a hash of
the whole content, so that a decision can say which prices it was made with; a name that could mean
two models means neither.
"""

import difflib
import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from turnout.capabilities import Dialect
from turnout.catalog.models import CacheTerms, Model, Prices, Provider
from turnout.catalog.names import plainer, split_prefix, vendor_of
from turnout.catalog.snapshot import encode_snapshot, parse_snapshot
from turnout.errors import InvalidRequest, UnknownModel

SUGGESTIONS = 3
"""How many names an error message offers; more is a list nobody reads."""

SIMILARITY = 0.6
"""difflib's ratio below which two names have only their alphabet in common."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Catalog:
    """Models by id and providers by name. Built by `parse_catalog` and `with_overrides` only. Equal to
    itself alone, so that what follows from one can be kept for it; `digest` compares two.

    Attributes:
        names: every lower-case id and alias, to the model's id.
        caches: by the model's id, how its provider caches its prompts.
        elsewhere: by the model's id, the same model as other providers have it.
        source: whom the prices come from.
        digest: sha256 of the content in hexadecimal.
    """

    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    names: Mapping[str, str]
    caches: Mapping[str, CacheTerms]
    elsewhere: Mapping[str, tuple[Model, ...]]
    source: str
    digest: str

    def resolve(self, name: str) -> Model | None:
        """The model that a client means by `name`; None when we know none.

        Understands ids, aliases, dated names, the `[1m]` suffix, `-latest`, and a provider before
        a slash, which then has to be the model's own.
        """
        whole = name.strip()
        provider, bare = split_prefix(whole)
        for form in plainer(whole):
            if form in self.names:
                return self.models[self.names[form]]
        if provider is None:
            return None
        for form in plainer(bare):
            model = self.models[self.names[form]] if form in self.names else None
            if model is not None and model.provider == provider:
                return model
        return None

    def suggestions(self, name: str) -> tuple[str, ...]:
        """The ids closest to a name that did not resolve, closest first."""
        _, bare = split_prefix(name.strip().lower())
        close = difflib.get_close_matches(bare, self.names, n=SUGGESTIONS * 2, cutoff=SIMILARITY)
        return tuple(dict.fromkeys(self.names[known] for known in close))[:SUGGESTIONS]

    def vendor_of(self, name: str) -> str | None:
        """The provider that serves `name`, also when it is no model of ours but looks like one."""
        model = self.resolve(name)
        return vendor_of(name) if model is None else model.provider

    def alike(self, model: Model) -> tuple[Model, ...]:
        """The model and, behind it, the same one as other providers have it."""
        return (model, *self.elsewhere.get(model.id, ()))

    def provider_of(self, model: Model) -> Provider:
        return self.providers[model.provider]

    def speaks(self, model: Model, *dialects: Dialect) -> bool:
        """Whether the model is served in one of `dialects`."""
        return any(
            endpoint.dialect in dialects
            and (not model.dialects or endpoint.dialect in model.dialects)
            for endpoint in self.provider_of(model).endpoints
        )

    def with_overrides(
        self,
        *,
        prices: Mapping[str, Prices] = MappingProxyType({}),
        models: Iterable[Model] = (),
        providers: Iterable[Provider] = (),
    ) -> "Catalog":
        """A catalog with other prices (by any name that resolves) and more or other models.

        Raises `UnknownModel` for a price without a model and `InvalidRequest` for a model without
        a provider or a name that is taken.
        """
        merged = dict(self.models)
        merged.update((model.id, model) for model in models)
        for name, own in prices.items():
            model = merged.get(name) or self.resolve(name)
            if model is None:
                raise UnknownModel(unknown_model_message(self, name))
            merged[model.id] = replace(merged[model.id], prices=own)
        return _build(
            source=self.source,
            providers={**self.providers, **{p.name: p for p in providers}}.values(),
            models=merged.values(),
        )


def parse_catalog(data: bytes) -> Catalog:
    """The catalog in a snapshot's bytes. Raises `InvalidRequest` when they are none."""
    snapshot = parse_snapshot(data)
    return _build(source=snapshot.source, providers=snapshot.providers, models=snapshot.models)


def unknown_model_message(catalog: Catalog, name: str) -> str:
    """What was wrong with a name and what would be right."""
    close = catalog.suggestions(name)
    hint = f" Close names: {', '.join(close)}." if close else ""
    return f"No model named {name!r} is in the catalog.{hint}"


def _build(*, source: str, providers: Iterable[Provider], models: Iterable[Model]) -> Catalog:
    known_providers = {provider.name: provider for provider in providers}
    for provider in known_providers.values():
        _check_provider(provider)
    known_models: dict[str, Model] = {}
    names: dict[str, str] = {}
    for told in models:
        model = _with_token_prices(told)
        if model.provider not in known_providers:
            raise InvalidRequest(
                f"Model {model.id} names the provider {model.provider!r}, which is not in the"
                f" catalog; it has {', '.join(sorted(known_providers))}."
            )
        served = {endpoint.dialect for endpoint in known_providers[model.provider].endpoints}
        if not served.issuperset(model.dialects):
            raise InvalidRequest(
                f"Model {model.id} is said to be served in {', '.join(model.dialects)}; its provider"
                f" speaks {', '.join(sorted(served))}."
            )
        if model.id in known_models:
            raise InvalidRequest(f"Model {model.id} is in the catalog twice.")
        _check_prices(model.id, model.prices)
        known_models[model.id] = model
        for name in (model.id, *model.aliases):
            owner = names.setdefault(name.lower(), model.id)
            if owner != model.id:
                raise InvalidRequest(f"The name {name} means both {owner} and {model.id}.")
    content = encode_snapshot(
        source=source,
        providers=tuple(known_providers.values()),
        models=tuple(known_models.values()),
    )
    return Catalog(
        providers=MappingProxyType(known_providers),
        models=MappingProxyType(known_models),
        names=MappingProxyType(names),
        caches=MappingProxyType(
            {
                model.id: known_providers[model.provider].cache.for_model(model.upstream_name)
                for model in known_models.values()
            }
        ),
        elsewhere=MappingProxyType(_elsewhere(known_models)),
        source=source,
        digest=hashlib.sha256(content).hexdigest(),
    )


def _elsewhere(models: Mapping[str, Model]) -> dict[str, tuple[Model, ...]]:
    alike: dict[str, list[Model]] = {}
    for model in models.values():
        of = models.get(model.origin)
        if of is None or of.same_as:
            raise InvalidRequest(
                f"Model {model.id} is said to be the same as {model.same_as!r}, which has to be another"
                " model of the catalog that is no other one's same."
            )
        alike.setdefault(of.id, []).append(model)
    return {
        one.id: tuple(other for other in same if other is not one)
        for same in alike.values()
        if len(same) > 1
        for one in same
    }


def _check_provider(provider: Provider) -> None:
    """Refuse endpoints that cannot be chosen among, and patterns that are none."""
    dialects = [endpoint.dialect for endpoint in provider.endpoints]
    if not dialects or len(set(dialects)) < len(dialects):
        raise InvalidRequest(
            f"Provider {provider.name} has endpoints for {', '.join(dialects) or 'nothing'}; it"
            " needs at least one, and one a dialect."
        )
    patterns = [minimum.names for minimum in provider.cache.minimums]
    for endpoint in provider.endpoints:
        levels = (endpoint.quirks, *(family.quirks for family in endpoint.families))
        patterns += [family.names for family in endpoint.families]
        patterns += [q.tool_name_pattern for q in levels] + [q.call_id_pattern for q in levels]
        patterns += [one for q in levels for one in q.refusals.retry_sentences]
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise InvalidRequest(
                f"Provider {provider.name}: {pattern!r} is no regular expression: {error}."
            ) from None


def _with_token_prices(model: Model) -> Model:
    """Refuses an hour that says nothing, and token prices beside it."""
    hourly = model.hourly
    if hourly is None:
        return model
    speeds = (hourly.input_per_second, hourly.output_per_second, hourly.requests_at_once)
    if not 0 <= hourly.usd < math.inf or not all(0 < one < math.inf for one in speeds):
        raise InvalidRequest(
            f"The price by the hour of {model.id} has to be USD, 0 or more, and its speeds and"
            " requests_at_once above 0."
        )
    if model.prices not in (Prices(), hourly.token_prices):
        raise InvalidRequest(f"{model.id} has prices by the token and by the hour; it takes one.")
    return replace(model, prices=hourly.token_prices)


def _check_prices(name: str, prices: Prices) -> None:
    """Refuse what no bill can have: a price below zero or without end."""
    for price in (
        prices.fresh_input,
        prices.cache_read,
        prices.cache_write_5m,
        prices.cache_write_1h,
        prices.cache_write_other,
        prices.output,
    ):
        if price is not None and not 0 <= price < math.inf:
            raise InvalidRequest(
                f"A price of {name} is {price}; it is USD per million tokens, 0 or more."
            )
    if prices.long_context is not None:
        _check_prices(name, prices.long_context.prices)
