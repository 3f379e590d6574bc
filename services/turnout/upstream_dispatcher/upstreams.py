"""Where a target is and what it is paid with: base URLs and credentials of this process.

Rules: a client's own credential goes to its own provider and nowhere else; the simulated provider
is told nobody's secret; a secret is in no repr. A target id is "provider/model@credential".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from turnout.capabilities import Capabilities, Dialect
from turnout.catalog.catalog import Catalog
from turnout.catalog.models import Auth, Endpoint, Model, Provider, endpoint_for
from turnout.catalog.names import CONTEXT_SUFFIX, split_prefix
from turnout.dialects.endpoints import BASE_PATH
from turnout.errors import Internal, Unavailable, Unsupported
from turnout.policy.request import CredentialSource
from turnout.ports import Credential
from turnout.quirks import Quirks

CLIENT_SUFFIX = "@client"

TARGETS_KEPT = 1024
"""Models of the catalog by credential, and names that clients make up."""

JWT = "eyJ"
"""How the token of a ChatGPT subscription begins, and no key."""

SIMULATED_AUTH = (("authorization", "Bearer simulated"),)
"""The simulated provider wants a key like any other and takes whatever comes; no secret of anyone."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """How this process reaches one provider.

    Attributes:
        secret: the key from the environment; "" when there is none.
        endpoints: instead of the catalog's, in order of preference; None for those.

    """

    secret: str = field(default="", repr=False)
    endpoints: tuple[Endpoint, ...] | None = None


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Every provider this process reaches otherwise than the catalog says.

    Attributes:
        by_provider: keys and addresses; a provider that is not here is at its catalog address and
            has no key of ours, so only clients' own credentials work there.
        simulated_url: root of the simulated provider, without a version; "" when none runs.

    """

    by_provider: Mapping[str, Upstream]
    simulated_url: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """A target as far as an attempt needs it.

    Attributes:
        model: None for a model that the catalog does not have.
        names: spellings of the model that the provider itself understands.
        dialect: what is spoken there for this client.
        quirks: how the endpoint departs from that dialect, for this model.
        is_original: the dialect's own vendor, no imitation.
        is_ours: its address was given by whoever runs this process, or it is the simulated provider;
            a provider at its public address is told nothing of our traces.
        writes_for: seconds for which a request may have its prompt cached; none where it has no say.
        own_breakpoint: whether a request may leave it to the provider what of it is cached.
        stops_billing_on_close: see `catalog.models.Provider`.
        auth: the header that pays, as a pair.

    """

    target: str
    provider: str
    model: Model | None
    model_id: str
    upstream_name: str
    names: tuple[str, ...]
    dialect: Dialect
    capabilities: Capabilities
    quirks: Quirks
    is_original: bool
    base_url: str
    credential: CredentialSource
    auth: tuple[tuple[str, str], ...] = field(repr=False)
    is_ours: bool = False
    writes_for: tuple[int, ...] = ()
    own_breakpoint: bool = False
    stops_billing_on_close: bool = False


def split_target(target: str) -> tuple[str, str, CredentialSource]:
    """Provider, model and credential of a target id; model names may hold slashes and ats."""
    rest, _, credential = target.rpartition("@")
    provider, slash, model = rest.partition("/")
    match credential:
        case "client" | "env" | "simulated" if slash and provider and model:
            return provider, model, credential
        case _:
            raise Internal(f"{target!r} is no target; a target is provider/model@credential.")


@dataclass(frozen=True, slots=True)
class _Place:
    """What of a target no credential changes.

    Attributes:
        bare: the model's name without the spellings that are ours.
        upstream_name: a model we do not know is sent as it was asked for.
        quirks: of the endpoint and the model, one over the other.
    """

    target: str
    provider: Provider
    credential: CredentialSource
    model: Model | None
    model_id: str
    bare: str
    upstream_name: str
    endpoint: Endpoint
    quirks: Quirks


class Destinations:
    """Resolves targets, and remembers where they are, and all of those whose credential is not the client's."""

    def __init__(self, catalog: Catalog, upstreams: Upstreams) -> None:
        self._catalog = catalog
        self._upstreams = upstreams
        self._places = lru_cache(maxsize=TARGETS_KEPT)(self._place)
        self._ours = lru_cache(maxsize=TARGETS_KEPT)(self._resolved)

    def of(self, target: str, credentials: Sequence[Credential], *, client: Dialect) -> Destination:
        """See `destination`."""
        if target.endswith(CLIENT_SUFFIX):
            return self._resolved(target, client, credentials)
        return self._ours(target, client)

    def _resolved(
        self, target: str, client: Dialect, credentials: Sequence[Credential] = ()
    ) -> Destination:
        place = self._places(target, client)
        return _paid(place, upstreams=self._upstreams, credentials=credentials)

    def _place(self, target: str, client: Dialect) -> _Place:
        return _place(target, client=client, catalog=self._catalog, upstreams=self._upstreams)


def destination(
    target: str,
    *,
    client: Dialect,
    catalog: Catalog,
    upstreams: Upstreams,
    credentials: Sequence[Credential],
) -> Destination:
    """Resolve a target id for a client that speaks `client`.

    Raises `Unavailable` when this process cannot pay for it or reach it, `Unsupported` when the
    addresses that are set leave no dialect that the model is served in.
    """
    place = _place(target, client=client, catalog=catalog, upstreams=upstreams)
    return _paid(place, upstreams=upstreams, credentials=credentials)


def _place(target: str, *, client: Dialect, catalog: Catalog, upstreams: Upstreams) -> _Place:
    provider_name, model_id, credential = split_target(target)
    provider = catalog.providers.get(provider_name)
    if provider is None:
        raise Unavailable(f"No provider named {provider_name!r} is in the catalog.")
    model = catalog.models.get(model_id)
    if model is not None and model.provider != provider_name:
        model = None
    bare = CONTEXT_SUFFIX.sub("", split_prefix(model_id)[1])
    endpoint = _endpoint(provider, model, client, upstreams=upstreams)
    upstream_name = bare if model is None else model.upstream_name
    quirks = endpoint.quirks_of(upstream_name)
    return _Place(
        target=target,
        provider=provider,
        credential=credential,
        model=model,
        model_id=model_id,
        bare=bare,
        upstream_name=upstream_name,
        endpoint=endpoint,
        quirks=quirks if model is None else model.quirks.over(quirks),
    )


def _paid(place: _Place, *, upstreams: Upstreams, credentials: Sequence[Credential]) -> Destination:
    provider, model, endpoint = place.provider, place.model, place.endpoint
    base_url, auth = _access(
        provider, endpoint, place.credential, upstreams=upstreams, credentials=credentials
    )
    known = provider.endpoint(endpoint.dialect)
    return Destination(
        target=place.target,
        provider=provider.name,
        model=model,
        model_id=place.model_id,
        upstream_name=place.upstream_name,
        names=(place.bare,) if model is None else (model.upstream_name, *model.aliases),
        dialect=endpoint.dialect,
        capabilities=Capabilities(thinking=True) if model is None else model.capabilities,
        quirks=place.quirks,
        is_original=endpoint.is_original,
        base_url=base_url.rstrip("/"),
        credential=place.credential,
        auth=auth,
        stops_billing_on_close=provider.stops_billing_on_close,
        is_ours=place.credential == "simulated"
        or known is None
        or base_url not in {known.base_url, known.subscription_url},
        writes_for=provider.cache.lifetimes_seconds if provider.cache.kind == "explicit" else (),
        own_breakpoint=provider.cache.own_breakpoint,
    )


def _endpoint(
    provider: Provider,
    model: Model | None,
    client: Dialect,
    *,
    upstreams: Upstreams,
) -> Endpoint:
    upstream = upstreams.by_provider.get(provider.name)
    reached = provider
    if upstream is not None and upstream.endpoints is not None:
        reached = replace(provider, endpoints=upstream.endpoints)
    endpoint = endpoint_for(reached, model, client)
    if endpoint is None:
        offered = ", ".join(one.dialect for one in reached.endpoints)
        raise Unsupported(
            f"{provider.name} is reached by {offered}, which do not serve this model."
        )
    return endpoint


def _access(
    provider: Provider,
    endpoint: Endpoint,
    credential: CredentialSource,
    *,
    upstreams: Upstreams,
    credentials: Sequence[Credential],
) -> tuple[str, tuple[tuple[str, str], ...]]:
    if credential == "simulated":
        if not upstreams.simulated_url:
            raise Unavailable("No simulated provider runs; set a provider's key.")
        return upstreams.simulated_url.rstrip("/") + BASE_PATH[endpoint.dialect], SIMULATED_AUTH
    if not endpoint.base_url:
        setting = f"TURNOUT_PROVIDERS__{provider.name.replace('.', '_').upper()}__BASE_URL"
        raise Unavailable(f"No address is set for {provider.name}; set {setting}.")
    if credential == "client":
        for own in credentials:
            if own.provider == provider.name:
                is_token = own.value.rpartition(" ")[2].startswith(JWT)
                url = endpoint.subscription_url if is_token else ""
                return url or endpoint.base_url, ((own.header.lower(), own.value),)
        raise Unavailable(f"The request brought no credential for {provider.name}.")
    if endpoint.auth == "none":
        return endpoint.base_url, ()
    upstream = upstreams.by_provider.get(provider.name)
    if upstream is None or not upstream.secret:
        raise Unavailable(f"No key is set for {provider.name}; set {provider.api_key_env}.")
    return endpoint.base_url, auth_headers(endpoint.auth, upstream.secret)


def auth_headers(auth: Auth, secret: str) -> tuple[tuple[str, str], ...]:
    """The header that pays."""
    match auth:
        case "bearer":
            return (("authorization", f"Bearer {secret}"),)
        case "x-api-key" | "api-key" | "x-goog-api-key":
            return ((auth, secret),)
        case "none":
            return ()
