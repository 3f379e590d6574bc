"""Where a target is and what it is paid with: base URLs and credentials of this process.

Rules: a client's own credential goes to its own provider and nowhere else; the simulated provider
is told nobody's secret; a secret is in no repr. A target id is "provider/model@credential".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from turnout.capabilities import Capabilities, Dialect
from turnout.catalog.catalog import Catalog
from turnout.catalog.models import Auth, Model, Provider
from turnout.catalog.names import CONTEXT_SUFFIX, split_prefix
from turnout.dialects.endpoints import BASE_PATH
from turnout.errors import Internal, Unavailable
from turnout.policy.request import CredentialSource
from turnout.ports import Credential

CLIENT_SUFFIX = "@client"

TARGETS_KEPT = 1024
"""Models of the catalog by credential, and names that clients make up."""

SIMULATED_AUTH = (("authorization", "Bearer simulated"),)
"""The simulated provider wants a key like any other and takes whatever comes; no secret of anyone."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """How this process reaches one provider.

    Attributes:
        base_url: as the SDK of the provider's dialect takes it (`catalog.Provider.base_url`).
        secret: the key from the environment; "" when there is none.

    """

    base_url: str
    secret: str = field(default="", repr=False)
    auth: Auth = "bearer"


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Every provider this process reaches otherwise than the catalog says.

    Attributes:
        by_provider: base URL and key; a provider that is not here is at its catalog address and
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
        is_ours: its address was given by whoever runs this process, or it is the simulated provider;
            a provider at its public address is told nothing of our traces.
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
    base_url: str
    credential: CredentialSource
    auth: tuple[tuple[str, str], ...] = field(repr=False)
    is_ours: bool = False


def split_target(target: str) -> tuple[str, str, CredentialSource]:
    """Provider, model and credential of a target id; model names may hold slashes and ats."""
    rest, _, credential = target.rpartition("@")
    provider, slash, model = rest.partition("/")
    match credential:
        case "client" | "env" | "simulated" if slash and provider and model:
            return provider, model, credential
        case _:
            raise Internal(f"{target!r} is no target; a target is provider/model@credential.")


class Destinations:
    """Resolves targets, and remembers those whose credential is not the client's."""

    def __init__(self, catalog: Catalog, upstreams: Upstreams) -> None:
        self._catalog = catalog
        self._upstreams = upstreams
        self._ours = lru_cache(maxsize=TARGETS_KEPT)(self._resolved)

    def of(self, target: str, credentials: Sequence[Credential]) -> Destination:
        """See `destination`."""
        if target.endswith(CLIENT_SUFFIX):
            return self._resolved(target, credentials)
        return self._ours(target)

    def _resolved(self, target: str, credentials: Sequence[Credential] = ()) -> Destination:
        return destination(
            target, catalog=self._catalog, upstreams=self._upstreams, credentials=credentials
        )


def destination(
    target: str, *, catalog: Catalog, upstreams: Upstreams, credentials: Sequence[Credential]
) -> Destination:
    """Resolve a target id. Raises `Unavailable` when this process cannot pay for it or reach it."""
    provider_name, model_id, credential = split_target(target)
    provider = catalog.providers.get(provider_name)
    if provider is None:
        raise Unavailable(f"No provider named {provider_name!r} is in the catalog.")
    model = catalog.models.get(model_id)
    if model is not None and model.provider != provider_name:
        model = None
    # A model we do not know is sent as it was asked for, without the spellings that are ours.
    bare = CONTEXT_SUFFIX.sub("", split_prefix(model_id)[1])
    dialect = provider.dialect if model is None else model.dialect
    base_url, auth = _access(
        provider, dialect, credential, upstreams=upstreams, credentials=credentials
    )
    return Destination(
        target=target,
        provider=provider_name,
        model=model,
        model_id=model_id,
        upstream_name=bare if model is None else model.upstream_name,
        names=(bare,) if model is None else (model.upstream_name, *model.aliases),
        dialect=dialect,
        capabilities=Capabilities(thinking=True) if model is None else model.capabilities,
        base_url=base_url.rstrip("/"),
        credential=credential,
        auth=auth,
        is_ours=credential == "simulated" or base_url != provider.base_url,
    )


def _access(
    provider: Provider,
    dialect: Dialect,
    credential: CredentialSource,
    *,
    upstreams: Upstreams,
    credentials: Sequence[Credential],
) -> tuple[str, tuple[tuple[str, str], ...]]:
    upstream = upstreams.by_provider.get(provider.name)
    base_url = provider.base_url if upstream is None else upstream.base_url
    match credential:
        case "simulated":
            if not upstreams.simulated_url:
                raise Unavailable("No simulated provider runs; set a provider's key.")
            return upstreams.simulated_url.rstrip("/") + BASE_PATH[dialect], SIMULATED_AUTH
        case "client":
            for own in credentials:
                if own.provider == provider.name:
                    return base_url, ((own.header.lower(), own.value),)
            raise Unavailable(f"The request brought no credential for {provider.name}.")
        case "env":
            if upstream is None or not upstream.secret:
                raise Unavailable(f"No key is set for {provider.name}; set {provider.api_key_env}.")
            return base_url, (_auth_header(upstream),)


def _auth_header(upstream: Upstream) -> tuple[str, str]:
    match upstream.auth:
        case "x-api-key":
            return ("x-api-key", upstream.secret)
        case "bearer":
            return ("authorization", f"Bearer {upstream.secret}")
