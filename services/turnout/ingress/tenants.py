"""The control endpoints of what is decided for a tenant: its mode, and routing settings of its own.

Who changed what is kept with it and told as a fact. A mode is one word, so the last to set it wins; the
settings of a tenant are one value, so a change is put against what it was made from.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from turnout.bus.control import SetBy, Stand
from turnout.bus.control_keys import MODE_KEY, SETTINGS_KEY
from turnout.errors import InvalidRequest, Unavailable
from turnout.facts import ChangeSource, ModeChanged, SettingsChanged
from turnout.ingress.callers import Caller
from turnout.ingress.control import Control
from turnout.ingress.reception import Reception, body_schema, checked, in_json
from turnout.policy.modes import as_mode
from turnout.policy.request import Mode
from turnout.tenant_settings import NOTHING

MOST_MODE_BYTES: Final = 1024

MOST_SETTING_BYTES: Final = 32 * 1024
"""A list of a thousand models fits, and old and new value fit one fact."""

MOST_NAME_CHARACTERS: Final = 80

STORE_SECONDS: Final = 2.0
"""How long the bucket may take for one call."""

Tenant = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{1,64}$")]
"""What a control key can hold."""

Name = Annotated[str, Path(max_length=MOST_NAME_CHARACTERS)]


class ModeChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mode: Mode


class _SettingChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    value: object


class ModeState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tenant's mode. Who set it is left out where nobody did, or while the bus is away.

    Attributes:
        source: "" where the mode was set by a version that did not say.
        changed_at: unix seconds.
    """

    mode: Mode
    source: ChangeSource | Literal[""] = ""
    changed_by: str = ""
    changed_at: float = 0.0


class SettingsState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a tenant has otherwise than the process.

    Attributes:
        refused: why what is kept is left by all parts: what they read last, or the process's own, holds.
        changed_at: unix seconds.
    """

    settings: dict[str, object]
    refused: str = ""
    source: ChangeSource | Literal[""] = ""
    changed_by: str = ""
    changed_at: float = 0.0


class TenantEndpoints:
    """The endpoints, bound to their parts."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._reception = Reception(control.intake, control.limits, control.room)

    def routes(self) -> APIRouter:
        routes = APIRouter()
        add = routes.add_api_route
        add("/v1/modes", self.modes, methods=["GET"], summary="The mode of every tenant")
        add(
            "/v1/modes/{tenant}",
            self.change_mode,
            methods=["PUT"],
            summary="Change a mode",
            openapi_extra=body_schema(ModeChange.model_json_schema()),
        )
        add("/v1/modes/{tenant}", self.mode, methods=["GET"], summary="A mode, and who set it")
        add(
            "/v1/settings",
            self.settings,
            methods=["GET"],
            summary="Routing settings of the process, and what each tenant has otherwise",
        )
        add(
            "/v1/settings/{tenant}/{name}",
            self.set_setting,
            methods=["PUT"],
            summary="Set a routing setting of a tenant",
            openapi_extra=body_schema(
                {"type": "object", "required": ["value"], "properties": {"value": {}}}
            ),
        )
        add(
            "/v1/settings/{tenant}/{name}",
            self.unset_setting,
            methods=["DELETE"],
            summary="Go back to the process's own",
        )
        return routes

    async def modes(self, request: Request) -> dict[str, str]:
        self._reception.admit(self._reception.arrive(request))
        return dict(self._control.modes.modes())

    async def mode(self, request: Request, tenant: Tenant) -> Response:
        self._reception.admit(self._reception.arrive(request))
        mode = self._control.modes.mode_of(tenant)
        try:
            stand = await self._stand(MODE_KEY + tenant)
        except Unavailable:
            return in_json(ModeState(mode))
        # What was set while the bus was away holds here alone, and nobody's name is kept with it.
        return in_json(
            ModeState(mode, *_change_of(stand)) if stand.value == mode else ModeState(mode)
        )

    async def change_mode(self, request: Request, tenant: Tenant) -> dict[str, str]:
        """Effective here at once and on every replica within a second.

        Without the bus it holds on this replica alone, and the answer is 503 to say so.
        """
        arrival = self._reception.arrive(request)
        caller = self._reception.admit_to_change(arrival, "modes")
        body = await self._reception.body(request, max_bytes=MOST_MODE_BYTES)
        mode = as_mode(checked(ModeChange, body).mode)
        assert mode is not None
        modes = self._control.modes
        before, is_first = modes.mode_of(tenant), not modes.has_own(tenant)
        modes.set_mode(tenant, mode)
        by = _person(caller)
        # Also to set what held by default is a change: it then holds whatever the default becomes.
        if mode != before or is_first:
            self._control.facts.record(
                ModeChanged(
                    event_id=f"{arrival.request_id}:mode",
                    occurred_at=self._control.intake.clock(),
                    tenant=tenant,
                    from_mode=before,
                    to_mode=mode,
                    source=by.source,
                    changed_by=by.name,
                )
            )
        await self._control.store.put(
            MODE_KEY + tenant, mode, by=by, deadline_seconds=STORE_SECONDS
        )
        return {tenant: mode}

    async def settings(self, request: Request) -> Response:
        """Read from the bucket each time, so that every replica tells the same."""
        self._reception.admit(self._reception.arrive(request))
        board = self._control.intake.tenants
        states = {
            tenant: self._state(await self._stand(SETTINGS_KEY + tenant))
            for tenant in sorted({*board.known, *board.refused})
        }
        return in_json(
            {
                "own": self._control.settings.shown_own(),
                "tenants": {
                    tenant: state
                    for tenant, state in states.items()
                    if state.settings or state.refused
                },
            }
        )

    async def set_setting(self, request: Request, tenant: Tenant, name: Name) -> Response:
        """Effective here at once and on every part within a second."""
        arrival = self._reception.arrive(request)
        caller = self._reception.admit_to_change(arrival, "settings")
        body = await self._reception.body(request, max_bytes=MOST_SETTING_BYTES)
        try:
            value = msgspec.json.decode(body, type=_SettingChange).value
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as reason:
            raise InvalidRequest(
                f'The body is no setting, such as {{"value": 0.5}}: {reason}.'
            ) from None
        return await self._changed(
            tenant,
            name,
            caller,
            lambda kept: self._control.settings.with_setting(kept, name, value),
            request_id=arrival.request_id,
        )

    async def unset_setting(self, request: Request, tenant: Tenant, name: Name) -> Response:
        """What is not set is unset all the same."""
        arrival = self._reception.arrive(request)
        caller = self._reception.admit_to_change(arrival, "settings")
        return await self._changed(
            tenant,
            name,
            caller,
            lambda kept: self._control.settings.without_setting(kept, name),
            request_id=arrival.request_id,
        )

    async def _changed(
        self,
        tenant: str,
        name: str,
        caller: Caller,
        change: Callable[[str], str],
        *,
        request_id: str,
    ) -> Response:
        key, by = SETTINGS_KEY + tenant, _person(caller)
        stand = await self._stand(key)
        before = NOTHING if stand.value is None else stand.value
        after = change(before)
        if after != before:
            is_put = await self._control.store.put_unchanged(
                key, after, by=by, revision=stand.revision, deadline_seconds=STORE_SECONDS
            )
            if not is_put:
                raise Unavailable(
                    f"The settings of {tenant} have just been changed by somebody else; look at them and"
                    " try again."
                )
            self._control.intake.tenants.on_control(key, after)
            value_of = self._control.settings.value_of
            self._control.facts.record(
                SettingsChanged(
                    event_id=f"{request_id}:settings",
                    occurred_at=self._control.intake.clock(),
                    tenant=tenant,
                    name=name,
                    from_value=value_of(before, name),
                    to_value=value_of(after, name),
                    source=by.source,
                    changed_by=by.name,
                )
            )
        return in_json({tenant: self._state(await self._stand(key))})

    def _state(self, stand: Stand) -> SettingsState:
        if stand.value is None:
            return SettingsState({})
        try:
            shown, refused = self._control.settings.shown(stand.value), ""
        except InvalidRequest as reason:
            shown, refused = {}, reason.message
        return SettingsState(shown, refused, *_change_of(stand))

    async def _stand(self, key: str) -> Stand:
        return await self._control.store.stand(key, deadline_seconds=STORE_SECONDS)


def _person(caller: Caller) -> SetBy:
    return SetBy("person", caller.key_name or "local")


def _change_of(stand: Stand) -> tuple[ChangeSource | Literal[""], str, float]:
    """Who set a value and when; of one that is gone, nothing."""
    if stand.value is None:
        return "", "", 0.0
    if stand.set_by is None:
        return "", "", stand.changed_at
    return stand.set_by.source, stand.set_by.name, stand.changed_at
