"""The words of the catalog: prices, cache terms, providers, models and targets.

Rules of this module: data only; money is USD per million tokens; an unknown price is None and
never 0, because 0.0 is a price (free tiers have it); no value here holds a secret; which dialect a
request is served in is `endpoint_for` and nowhere else.
"""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal, TypeAlias

from turnout.capabilities import Capabilities, Dialect
from turnout.quirks import DIALECT_QUIRKS, NOTHING, Quirks

Auth: TypeAlias = Literal["bearer", "x-api-key", "api-key", "x-goog-api-key", "none"]
"""How an endpoint wants the key: as `Authorization: Bearer K`, in the header of that name, or not
at all."""

CacheKind: TypeAlias = Literal["explicit", "automatic", "none"]
"""Who decides what is cached: breakpoints in the request, the provider by prefix, or nobody."""

Credential: TypeAlias = Literal["client", "env", "simulated"]
"""Where the key comes from: the caller's own, the provider's environment variable, or none."""

SECONDS_PER_HOUR: Final = 3_600.0

WriteLifetime: TypeAlias = Literal["5m", "1h", "other"]
"""The cache write counts of `turnout.dialects.usage.Usage`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """USD per million tokens, one price for each disjoint count of `Usage`.

    Attributes:
        writes_cost_fresh: the provider has no write premium: a prompt token that misses the cache
            is billed at `fresh_input` whether or not it is stored, and the write prices are None
            because they are not billed separately. False with a write price of None means that
            this price is not known (or that the lifetime is not offered).
        long_context: what applies instead, to every token, once the prompt is long.
    """

    fresh_input: float | None = None
    cache_read: float | None = None
    cache_write_5m: float | None = None
    cache_write_1h: float | None = None
    cache_write_other: float | None = None
    output: float | None = None
    writes_cost_fresh: bool = False
    long_context: "LongContext | None" = None

    def write(self, lifetime: WriteLifetime) -> float | None:
        """What one million tokens cost to put into the cache; None when that is not known."""
        if self.writes_cost_fresh:
            return self.fresh_input
        match lifetime:
            case "5m":
                return self.cache_write_5m
            case "1h":
                return self.cache_write_1h
            case "other":
                return self.cache_write_other

    def for_prompt(self, input_total: int) -> "Prices":
        """The prices that apply to a request whose whole prompt has `input_total` tokens."""
        if self.long_context is not None and input_total > self.long_context.above_tokens:
            return self.long_context.prices
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class LongContext:
    """Surcharge for long prompts: above the line every token of the request has the other price."""

    above_tokens: int
    prices: Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Hourly:
    """What a server costs that is paid by the hour and not by the token: one of one's own.

    A bill takes the seconds that an attempt took. A decision, which is made before them, takes what a token
    costs at the server's speeds; one that is found in its cache takes no time there.

    Attributes:
        usd: of an hour of all that serves the model.
        input_per_second, output_per_second: tokens of a prompt read and of an answer written, of one
            request among those that are served at once.
        requests_at_once: how many share the hour, as a rule.
    """

    usd: float
    input_per_second: float
    output_per_second: float
    requests_at_once: float = 1.0

    def usd_of(self, seconds: float) -> float:
        return seconds * self.usd / SECONDS_PER_HOUR / self.requests_at_once

    @property
    def token_prices(self) -> Prices:
        return Prices(
            fresh_input=self.usd_of(1_000_000 / self.input_per_second),
            cache_read=0.0,
            output=self.usd_of(1_000_000 / self.output_per_second),
            writes_cost_fresh=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixMinimum:
    """The shortest prefix that models of one kind cache.

    Attributes:
        names: regular expression that the whole name of such a model matches, case ignored.
    """

    names: str
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTerms:
    """How a provider's prompt cache behaves, as documented; the tracker learns the rest.

    Attributes:
        lifetimes_seconds: how long an entry lives without being read, shortest first; a request
            may choose among them. Empty when nothing is documented.
        minimum_prefix_tokens: shorter prefixes are never cached.
        minimums: of models that have another minimum; the first that matches counts.
        block_tokens: hits come in multiples of this, counted from the start of the prompt.
        max_breakpoints: how many breakpoints a request may carry; 0 unless `kind` is explicit.
        own_breakpoint: whether the provider sets one at the end of a prompt when the request asks for it.
    """

    kind: CacheKind
    lifetimes_seconds: tuple[int, ...] = ()
    minimum_prefix_tokens: int = 0
    block_tokens: int = 1
    max_breakpoints: int = 0
    own_breakpoint: bool = False
    minimums: tuple[PrefixMinimum, ...] = ()

    def for_model(self, name: str) -> "CacheTerms":
        """The terms of one model, by any of its names."""
        for minimum in self.minimums:
            if re.fullmatch(minimum.names, name, re.IGNORECASE):
                return replace(self, minimum_prefix_tokens=minimum.tokens)
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyQuirks:
    """What models of one kind take at an endpoint, those that the catalog does not have included.

    Attributes:
        names: regular expression that the whole name of such a model matches, case ignored.
    """

    names: str
    quirks: Quirks


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a provider speaks a dialect, and how it departs from it.

    Attributes:
        base_url: what precedes the dialect's path, as that dialect's SDK takes it: without a
            version for `anthropic_messages` (`/v1/messages` follows) and `gemini_generate`, with
            it for OpenAI's two (`/chat/completions` follows). "" where everybody has an address of
            their own, which the settings give.
        subscription_url: the same for the tokens of a subscription, where keys and tokens are not taken
            at one address.
        is_original: the dialect's own vendor or its own software; False for an imitation.
        families: laid over `quirks` in order, where the name of the model matches.
    """

    dialect: Dialect
    base_url: str
    subscription_url: str = ""
    auth: Auth = "bearer"
    is_original: bool = False
    quirks: Quirks = NOTHING
    families: tuple[FamilyQuirks, ...] = ()

    def quirks_of(self, name: str) -> Quirks:
        """The dialect's, the endpoint's and the family's, one over the other."""
        found = self.quirks.over(DIALECT_QUIRKS[self.dialect])
        for family in self.families:
            if re.fullmatch(family.names, name, re.IGNORECASE):
                found = family.quirks.over(found)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who serves models.

    Attributes:
        name: OpenTelemetry's spelling, where it has one.
        endpoints: the preferred one for translated requests first; one a dialect.
        api_key_env: the variable that holds the key; "" where none is needed.
        stops_billing_on_close: a stream that is closed costs its prompt and what was written by then; else, or
            where that is not known, the whole answer.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    api_key_env: str = ""
    cache: CacheTerms = CacheTerms(kind="none")
    stops_billing_on_close: bool = False

    @property
    def is_keyless(self) -> bool:
        """Served without any key: a server of one's own."""
        return all(endpoint.auth == "none" for endpoint in self.endpoints)

    def endpoint(self, dialect: Dialect) -> Endpoint | None:
        """None where the provider does not speak it."""
        return next((one for one in self.endpoints if one.dialect == dialect), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as one provider serves it.

    Attributes:
        id: the catalog's name, unique over all providers.
        provider: name of the `Provider`.
        upstream_name: what the provider calls it in a request.
        dialects: the dialects it is served in; empty for all that its provider speaks.
        quirks: laid over those of the endpoint, whichever dialect is spoken.
        retirement_date: when the provider has said it will stop serving it.
        aliases: other names for exactly this model.
        hourly: what its server costs by the hour; `prices` then follow from it.
        same_as: id of the model that this is, where another provider has it too; "" for one that is none
            of another's.
    """

    id: str
    provider: str
    upstream_name: str
    prices: Prices
    capabilities: Capabilities
    dialects: tuple[Dialect, ...] = ()
    quirks: Quirks = NOTHING
    release_date: date | None = None
    retirement_date: date | None = None
    aliases: tuple[str, ...] = ()
    hourly: Hourly | None = None
    same_as: str = ""

    @property
    def origin(self) -> str:
        """What models are alike by: two with the same one answer alike, wherever they are served."""
        return self.same_as or self.id

    @property
    def is_priced(self) -> bool:
        """Whether what any request needs has a price."""
        return self.prices.fresh_input is not None and self.prices.output is not None


def endpoint_for(
    provider: Provider,
    model: Model | None,
    client: Dialect,
) -> Endpoint | None:
    """Where a request of a `client` dialect goes: the client's own dialect where provider and model
    have it, else the first; None without any, which a catalog rules out and a setting may bring.
    """
    first: Endpoint | None = None
    for endpoint in provider.endpoints:
        if model is None or not model.dialects or endpoint.dialect in model.dialects:
            if endpoint.dialect == client:
                return endpoint
            first = first or endpoint
    return first


def target_id(provider: str, model: str, credential: Credential) -> str:
    """Where an attempt goes. `credential` says where the key comes from; it is never the key."""
    return f"{provider}/{model}@{credential}"


def model_of_target(target: str) -> str:
    """The model in a target's id; "" in what is none. Names of models may hold slashes and ats."""
    return target.rpartition("@")[0].partition("/")[2]
