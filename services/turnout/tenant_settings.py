"""Routing settings of tenants: the section of the process, with what a tenant has otherwise.

Rules: what a tenant may have otherwise is a field of the section (`BY_TENANT`), checked as a start checks it and
in the same words; it is kept as JSON of those fields alone, so that all others follow the process's own.
Of the value of success and the place of the dial, which stands in its place, a tenant sets one: its own
value goes before the process's dial.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from pydantic import ValidationError

from turnout.catalog.catalog import Catalog
from turnout.errors import InvalidRequest
from turnout.policy.arms import Experiment
from turnout.policy.decision import Lock, RoutingSettings
from turnout.policy.tenant import TenantRouting
from turnout.routing_section import Routing

BY_TENANT: Final = (*RoutingSettings.__struct_fields__, "quality_bias", "control_share")
"""What enters a decision, and what goes before one."""

_SHOULD_BE: Final = "Input should be "

NOTHING: Final = "{}"
"""A tenant that has nothing otherwise."""


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """Reads and changes what is kept for a tenant. Every method raises `InvalidRequest` naming the setting.

    Attributes:
        own: of the process.
    """

    own: Routing
    catalog: Catalog

    def read(self, kept: str) -> TenantRouting:
        """How the requests of a tenant with these settings are routed."""
        return routing_by(self._section(_told(kept)))

    def shown(self, kept: str) -> dict[str, object]:
        """What the tenant has otherwise, each setting by its name."""
        told = _told(kept)
        section: dict[str, object] = self._section(told).model_dump(mode="json")
        return {name: section[name] for name in told}

    def shown_own(self) -> dict[str, object]:
        """What holds for a tenant that has nothing otherwise."""
        return self.own.model_dump(mode="json", include=set(BY_TENANT))

    def value_of(self, kept: str, name: str) -> str:
        """One setting of the tenant's, as JSON; "" where it has none of its own."""
        try:
            told = _told(kept)
        except InvalidRequest:
            return ""
        return msgspec.json.encode(told[name]).decode() if name in told else ""

    def with_setting(self, kept: str, name: str, value: object) -> str:
        """To be kept when one setting becomes another one."""
        told = {**_told(kept), name: value}
        return msgspec.json.encode(self.shown(msgspec.json.encode(told).decode())).decode()

    def without_setting(self, kept: str, name: str) -> str:
        """To be kept when one setting is the process's own again. Also one that cannot be read goes."""
        try:
            told = _told(kept)
        except InvalidRequest:
            return NOTHING
        told.pop(name, None)
        return msgspec.json.encode(told).decode()

    def _section(self, told: Mapping[str, object]) -> Routing:
        for name in told:
            if name not in BY_TENANT:
                raise InvalidRequest(_no_setting(name))
        if "value_usd" in told and "quality_bias" in told:
            raise InvalidRequest(
                "value_usd: quality_bias is set for this tenant too and stands in its place; unset one"
                " of them."
            )
        own: dict[str, object] = self.own.model_dump()
        if "value_usd" in told:
            own["quality_bias"] = None
        try:
            section = Routing.model_validate({**own, **told})
        except ValidationError as reason:
            name, fault = _first_fault(reason)
            meaning = Routing.model_fields[name].description
            raise InvalidRequest(f"{name}: {fault}; {meaning}") from None
        unknown = unknown_model(section, self.catalog)
        if unknown is not None:
            raise InvalidRequest(": ".join(unknown))
        return section


def routing_by(section: Routing) -> TenantRouting:
    told: dict[str, object] = {
        **section.model_dump(include=set(RoutingSettings.__struct_fields__)),
        "locks": tuple(Lock(applies_to, model) for applies_to, model in section.locks.items()),
    }
    return TenantRouting(
        settings=msgspec.convert(told, RoutingSettings),
        quality_bias=section.quality_bias,
        experiment=Experiment(section.control_share, section.arm_salt),
    )


def unknown_model(section: Routing, catalog: Catalog) -> tuple[str, str] | None:
    """The setting that names a model which is not in the catalog, and what is wrong with that."""
    for field, names in (
        ("candidates", section.candidates),
        ("baseline_model", (section.baseline_model,)),
        ("locks", tuple(section.locks.values())),
    ):
        for name in names:
            if catalog.resolve(name) is None:
                close = ", ".join(catalog.suggestions(name)) or "see GET /v1/models"
                return field, f"{name!r} is not in the catalog; close names: {close}."
    return None


def _first_fault(reason: ValidationError) -> tuple[str, str]:
    """The field and what is wrong with it. What may be of several kinds has a complaint of each."""
    errors = reason.errors(include_url=False, include_input=False)
    name, *inner = errors[0]["loc"][:2]
    same = [one["msg"] for one in errors if one["loc"][:2] == (name, *inner)]
    others = [f", or {one.removeprefix(_SHOULD_BE)}" for one in same[1:]]
    return str(name), "".join((*(f"{one}: " for one in inner), same[0], *others))


def _told(kept: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(kept, type=dict[str, object])
    except msgspec.MsgspecError as reason:
        raise InvalidRequest(f"What is kept is no JSON object of settings: {reason}.") from None


def _no_setting(name: str) -> str:
    if name == "mode":
        return "mode: it has a command of its own, `turnout mode`, and an endpoint, /v1/modes."
    if name in Routing.model_fields:
        return f"{name}: it is one for all tenants, TURNOUT_ROUTING__{name.upper()}."
    close = difflib.get_close_matches(name, BY_TENANT, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{name[:80]} is no setting of a tenant. {hint}There are {', '.join(BY_TENANT)}."
