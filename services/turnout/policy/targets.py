"""Which targets a request could go to, and why the others cannot serve it.

What was asked for is read from the model name: `turnout/auto` leaves the choice free,
`turnout/<model>` pins, any other known name is what would be served without Turnout: the baseline
and the ceiling of what may be chosen instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from turnout.capabilities import Dialect, missing
from turnout.catalog.catalog import Catalog, unknown_model_message
from turnout.catalog.models import Model, Target
from turnout.errors import ContextTooLong, InvalidRequest, TurnoutError, UnknownModel, Unsupported
from turnout.policy.decision import Access, RoutingSettings
from turnout.policy.request import Features

AUTO = "turnout/auto"
PREFIX = "turnout/"

Freedom: TypeAlias = Literal["free", "ceiling", "pinned", "unpriced"]
"""How far the client's model name binds us; unpriced: a vendor's model that we do not know."""

SERVABLE: frozenset[Dialect] = frozenset({"anthropic_messages", "openai_chat"})
"""Dialects that the dispatcher can speak to a provider."""


@dataclass(frozen=True, slots=True)
class Asked:
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


@dataclass(frozen=True, slots=True)
class Option:
    """A target with its model, and what it lacks; eligible when it lacks nothing."""

    target: Target
    model: Model
    lacks: tuple[str, ...]


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
        freedom: Freedom = "pinned" if name.startswith(PREFIX) else "ceiling"
        return Asked(freedom=freedom, model=model, provider=model.provider, name=model.id)
    vendor = catalog.vendor_of(wanted)
    if vendor is None or vendor not in catalog.providers:
        raise UnknownModel(f"{unknown_model_message(catalog, wanted)} {AUTO} lets Turnout choose.")
    return Asked(freedom="unpriced", model=None, provider=vendor, name=wanted)


def options(
    model: Model,
    *,
    access: Sequence[Access],
    catalog: Catalog,
    features: Features,
    ceiling: Model | None = None,
) -> list[Option]:
    """The targets that could serve `model`, one per way of paying for it."""
    return [
        Option(
            target=catalog.target(model, credential=way.credential),
            model=model,
            lacks=_lacks(model, features, ceiling),
        )
        for way in access
        if way.provider == model.provider
    ]


def _lacks(model: Model, features: Features, ceiling: Model | None) -> tuple[str, ...]:
    lacks = missing(features.needs, model.capabilities, native=model.dialect == features.dialect)
    if model.dialect not in SERVABLE:
        lacks = (*lacks, "dialect")
    if ceiling is not None and model.id != ceiling.id and not is_below(model, ceiling):
        lacks = (*lacks, "above_ceiling")
    return lacks


def is_below(model: Model, ceiling: Model) -> bool:
    """No list price of `model` is above the ceiling's; unknown prices are."""
    for mine, most in (
        (model.prices.fresh_input, ceiling.prices.fresh_input),
        (model.prices.output, ceiling.prices.output),
    ):
        if mine is None or most is None or mine > most:
            return False
    return True


def nobody_can(options_seen: Sequence[Option], asked: Asked, features: Features) -> TurnoutError:
    """The error that says why no target is left, and what would help."""
    if not options_seen:
        return Unsupported(
            f"No key is configured for {asked.provider}, which serves {asked.name}: set its key in"
            " the environment of Turnout, send your own, or ask for another model."
        )
    reasons = {reason for option in options_seen for reason in option.lacks}
    if reasons == {"context_window"} or all(
        "context_window" in option.lacks for option in options_seen
    ):
        window = max(option.model.capabilities.context_tokens or 0 for option in options_seen)
        return ContextTooLong(
            f"prompt is too long: {features.needs.prompt_tokens_estimate} tokens > {window} maximum"
        )
    named = ", ".join(sorted(reasons - {"above_ceiling"})) or "a permitted price"
    return Unsupported(
        f"No eligible model has what this request needs ({named}); ask for {AUTO} or for a model"
        " that has it."
    )
