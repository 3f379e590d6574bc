"""Which targets a request could go to, and why the others cannot serve it.

What was asked for is read from the model name: `turnout/auto` leaves the choice free,
`turnout/<model>` pins, any other known name is what would be served without Turnout: the baseline
and, unless the tenant says otherwise, the ceiling of what may be chosen instead.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import structs

from turnout.bonds import bond_of, refused
from turnout.capabilities import Dialect, missing, needed_server_tools
from turnout.catalog.catalog import Catalog, unknown_model_message
from turnout.catalog.models import Model, endpoint_for, target_id
from turnout.catalog.token_families import Family, family_of
from turnout.errors import ContextTooLong, InvalidRequest, TurnoutError, UnknownModel, Unsupported
from turnout.policy.ceiling import Limits, is_within, limits_of
from turnout.policy.decision import Access, NamedModel, RoutingSettings
from turnout.policy.request import Features, prompt_tokens_in

AUTO = "turnout/auto"
PREFIX = "turnout/"

Freedom: TypeAlias = Literal["free", "baseline", "ceiling", "honoured", "pinned", "unpriced"]
"""How far the client's model name binds us; unpriced: a vendor's model that we do not know."""

_FREEDOM_OF: Final[Mapping[NamedModel, Freedom]] = {
    "honour": "honoured",
    "ceiling": "ceiling",
    "baseline": "baseline",
}

BOUND: Final[frozenset[Freedom]] = frozenset({"honoured", "pinned"})
"""Nothing else may be chosen."""

ENTRANTS_KEPT: Final = 1_024
"""Models asked for times dialects times sets of keys and of candidates, as far as they come up."""

ESTIMATE_MARGIN = 1.25
"""A prompt's size is estimated from its bytes, for one in ten by a fifth too much or too little
(catalog.token_families). Only beyond this is a model that was asked for by name too small: its
provider knows, and refuses in words that agents act on. What is chosen instead has to fit as it is."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the client's model name means.

    Attributes:
        model: the catalog's model; None for `unpriced`.
        provider: who would serve it.
        name: the name to send for `unpriced`, else the model's id.

    """

    freedom: Freedom
    model: Model | None
    provider: str
    name: str


class Option(msgspec.Struct, frozen=True, gc=False):
    """A target's id with its model, and what it lacks; eligible when it lacks nothing.

    Attributes:
        prompt_tokens: of the prompt, as the model counts.
    """

    target: str
    model: Model
    lacks: tuple[str, ...]
    prompt_tokens: float


def asked_for(name: str, catalog: Catalog, settings: RoutingSettings) -> Asked:
    """Read the model name. Raises `UnknownModel` with close names, `InvalidRequest` without one."""
    if not name:
        raise InvalidRequest(
            f"The field model is missing; name a model, {AUTO} or {PREFIX}<model>."
        )
    if name == AUTO:
        model = catalog.resolve(settings.baseline_model)
        if model is None:
            raise UnknownModel(unknown_model_message(catalog, settings.baseline_model))
        return Asked(freedom="free", model=model, provider=model.provider, name=model.id)
    wanted = name.removeprefix(PREFIX)
    model = catalog.resolve(wanted)
    if model is not None:
        named = _FREEDOM_OF[settings.named_model]
        freedom: Freedom = "pinned" if name.startswith(PREFIX) else named
        return Asked(freedom=freedom, model=model, provider=model.provider, name=model.id)
    vendor = catalog.vendor_of(wanted)
    if vendor is None or vendor not in catalog.providers:
        raise UnknownModel(f"{unknown_model_message(catalog, wanted)} {AUTO} lets Turnout choose.")
    return Asked(freedom="unpriced", model=None, provider=vendor, name=wanted)


def unpriced_targets(asked: Asked, access: Sequence[Access]) -> tuple[str, ...]:
    """Where a model that the catalog does not have is served: its vendor, by every way of paying."""
    return tuple(
        target_id(asked.provider, asked.name, way.credential)
        for way in access
        if way.provider == asked.provider
    )


def reachable(
    name: str,
    *,
    access: Sequence[Access],
    catalog: Catalog,
    dialect: Dialect,
    settings: RoutingSettings,
) -> list[str]:
    """Every target that a request which asks for `name` could go to, whatever it lacks."""
    asked = asked_for(name, catalog, settings)
    if asked.model is None:
        return list(unpriced_targets(asked, access))
    names = (*settings.candidates, *(one.model for one in settings.locks))
    entrants = _entrants(catalog, asked.model.id, "", names, tuple(access), dialect)
    return [target for entrant in entrants for target in entrant.targets]


def all_options(
    asked: Asked,
    *,
    access: Sequence[Access],
    catalog: Catalog,
    features: Features,
    settings: RoutingSettings,
    locked: Model | None = None,
) -> list[Option]:
    """What was asked for, then, unless that is bound, what may be chosen instead, and the model that the
    tenant has `locked` for such requests, whatever it costs; each wherever it is served, one for each way
    of paying.
    """
    if asked.model is None:
        return []
    entrants = _entrants(
        catalog,
        asked.model.id,
        "" if locked is None else locked.id,
        () if asked.freedom in BOUND else tuple(settings.candidates),
        tuple(access),
        features.dialect,
    )
    most = None
    if asked.freedom == "ceiling":
        valid = asked.model.prices.for_prompt(prompt_tokens(features, asked.model))
        most = limits_of(valid, unknown=-inf)
    needed = _needed(features)
    found: list[Option] = []
    for entrant in entrants:
        is_first = entrant.model is asked.model
        is_vouched_for = settings.unpriced_compete and not entrant.model.is_priced
        is_free = entrant.is_same or entrant.model is locked or is_vouched_for
        tokens = prompt_tokens_in(entrant.family, features)
        lacks = _lacks(
            entrant,
            features,
            needed,
            round(tokens),
            None if is_free else most,
            is_asked=is_first and asked.freedom != "free",
        )
        found += [Option(target, entrant.model, lacks, tokens) for target in entrant.targets]
    return found


class _Entrant(msgspec.Struct, frozen=True, gc=False):
    """A model that could serve requests of a dialect.

    Attributes:
        targets: by every way of paying for it, which there is one of at least.
        is_own: it is served in the dialect, so nothing is translated.
        is_original: and by the dialect's own vendor or software.
        is_same: as the model asked for, wherever it is served.
        limits: its prices as a ceiling compares them, for prompts without a surcharge.
    """

    model: Model
    family: Family
    limits: Limits
    targets: tuple[str, ...]
    is_own: bool
    is_original: bool
    is_same: bool


@lru_cache(maxsize=ENTRANTS_KEPT)
def _entrants(
    catalog: Catalog,
    asked: str,
    locked: str,
    names: tuple[str, ...],
    access: tuple[Access, ...],
    dialect: Dialect,
) -> tuple[_Entrant, ...]:
    """What all requests have in common that ask the same in a dialect with the same keys."""
    # An id needs no reading; aliases do.
    resolved = (catalog.models.get(name) or catalog.resolve(name) for name in names)
    first = [catalog.models[asked], *([catalog.models[locked]] if locked else [])]
    named = dict.fromkeys(model.id for model in (*first, *resolved) if model is not None)
    models = {one.id: one for name in named for one in catalog.alike(catalog.models[name])}
    entrants: list[_Entrant] = []
    for model in models.values():
        targets = tuple(
            target_id(model.provider, model.id, way.credential)
            for way in access
            if way.provider == model.provider
        )
        if targets:
            endpoint = endpoint_for(catalog.provider_of(model), model, dialect)
            is_own = endpoint is not None and endpoint.dialect == dialect
            is_original = is_own and endpoint is not None and endpoint.is_original
            limits = limits_of(model.prices, unknown=inf)
            is_same = model.origin == catalog.models[asked].origin
            entrants.append(
                _Entrant(model, family_of(model.id), limits, targets, is_own, is_original, is_same)
            )
    return tuple(entrants)


def without_refusers(
    seen: Sequence[Option], asked: Asked, refused: Sequence[str]
) -> Sequence[Option]:
    """The options with what has refused the thread marked: asked again it would refuse again. Not what the
    client itself asks for, and nothing where nobody else is left.
    """
    if not refused:
        return seen
    marked = [
        structs.replace(option, lacks=(*option.lacks, "refused"))
        if option.target in refused and (asked.freedom == "free" or option.model is not asked.model)
        else option
        for option in seen
    ]
    return marked if any(not option.lacks for option in marked) else seen


def _lacks(
    entrant: _Entrant,
    features: Features,
    needed: tuple[str, ...],
    tokens: int,
    ceiling: Limits | None,
    *,
    is_asked: bool,
) -> tuple[str, ...]:
    model = entrant.model
    if needed and entrant.is_own and is_asked:
        # A server of the dialect may have what its vendor has; whoever names it knows.
        needed = tuple(name for name in needed if _is_vendors(features.dialect, name))
    lacks = missing(
        features.needs,
        model.capabilities,
        prompt_tokens=_room(features, tokens, is_asked=is_asked),
        server_tools=needed,
        native=entrant.is_original,
    )
    return lacks if ceiling is None else (*lacks, *_barrier(entrant, tokens, ceiling))


def _barrier(entrant: _Entrant, tokens: int, ceiling: Limits) -> tuple[str, ...]:
    """What keeps a model from competing below a ceiling."""
    if not entrant.model.is_priced:
        return ("price",)
    if -inf in ceiling[:2]:
        return ("incomparable",)
    valid = entrant.model.prices.for_prompt(tokens)
    mine = entrant.limits if valid is entrant.model.prices else limits_of(valid, unknown=inf)
    return () if is_within(mine, ceiling) else ("above_ceiling",)


def _needed(features: Features) -> tuple[str, ...]:
    """What the request needs of its own API."""
    names = features.needs.server_tools
    if not names:
        return names
    tools = [name for name in names if bond_of(features.dialect, name) is None]
    return needed_server_tools(
        features.dialect, names, client_tools=features.tool_count - len(tools)
    )


def _is_vendors(dialect: Dialect, name: str) -> bool:
    bond = bond_of(dialect, name)
    return bond is None or bond.is_vendors


def _room(features: Features, prompt_tokens: int, *, is_asked: bool) -> float:
    """What a prompt needs of a window with certainty. Counting its tokens needs no room."""
    if features.step_kind == "token_count":
        return 0.0
    return prompt_tokens / ESTIMATE_MARGIN if is_asked else prompt_tokens


def prompt_tokens(features: Features, model: Model) -> int:
    """The prompt's estimate, which is for the model asked for, in tokens of this one."""
    return round(prompt_tokens_in(family_of(model.id), features))


LACK_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "context_window": "no room for a prompt of this size",
        "tools": "no tools",
        "images": "no image input",
        "documents": "no document input",
        "structured_output": "no structured output",
        "server_tools": "not the API that the request is bound to",
        "above_ceiling": "a list price above that of the model asked for",
        "price": "no known price",
        "incomparable": "the model asked for has no known price, so nothing can be compared with it",
        "refused": "an earlier refusal of this thread",
        "ejected": "its calls fail or have become far slower",
        "throttled": "it has told us to come back later",
    }
)
"""Why an option is not eligible, in words."""


_BARRIERS: Final = frozenset({"above_ceiling", "incomparable", "price"})
"""What keeps those out that a ceiling, not a request, is too much for."""


def nobody_can(options_seen: Sequence[Option], asked: Asked, features: Features) -> TurnoutError:
    """The error that says why no target is left, and what would help.

    `options_seen` are those that the mode and the model name let us consider.
    """
    permitted = [option for option in options_seen if not _BARRIERS.intersection(option.lacks)]
    if not permitted:
        return Unsupported(
            f"No key is configured for {asked.provider}, which serves {asked.name}: set its key in"
            " the environment of Turnout, send your own, or ask for another model."
        )
    if all("context_window" in option.lacks for option in permitted):
        largest = max(
            (option.model for option in permitted),
            key=lambda model: model.capabilities.context_tokens or 0,
        )
        return ContextTooLong(
            f"prompt is too long: {prompt_tokens(features, largest)} tokens"
            f" > {largest.capabilities.context_tokens} maximum"
        )
    if all("server_tools" in option.lacks for option in permitted):
        names = _needed(features)
        # What is the vendor's alone binds harder than what any server of the dialect may have.
        hardest = next((name for name in names if _is_vendors(features.dialect, name)), names[0])
        bound = refused(features.dialect, hardest)
        named = f"any model that {AUTO} may choose" if asked.freedom == "free" else asked.name
        return Unsupported(f"{bound}. It cannot be asked of {named}.")
    reasons = sorted({reason for option in permitted for reason in option.lacks})
    named = ", ".join(LACK_WORDS.get(reason, reason) for reason in reasons)
    if asked.freedom == "free":
        return Unsupported(
            f"No model that {AUTO} may choose can serve this request ({named}); add one that can to"
            " the candidates, or ask for one by name."
        )
    return Unsupported(
        f"{asked.name} cannot serve this request ({named}); ask for {AUTO} or for a model that can."
    )
