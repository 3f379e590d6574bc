"""The small commands that talk to a running Turnout over HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import msgspec

from turnout.bus.control_keys import ArtifactRole
from turnout.errors import Unavailable

SECONDS = 30.0

MOST_CHARACTERS = 300
"""Of an answer that is none of Turnout's: a proxy's page says what it is in its first lines."""


async def show_or_change_mode(url: str, *, key: str, tenant: str, mode: str | None) -> None:
    """Print the modes, after changing one if `mode` is given."""
    async with _asking(url, key=key) as client:
        if mode is not None:
            _must_be_ok(await client.put(f"/v1/modes/{tenant}", json={"mode": mode}))
        modes = msgspec.json.decode(
            _must_be_ok(await client.get("/v1/modes")).content, type=dict[str, str]
        )
        for name in sorted(modes):
            answer = _must_be_ok(await client.get(f"/v1/modes/{name}"))
            state = msgspec.json.decode(answer.content, type=_Mode)
            print("\t".join((name, state.mode, *_changed(state))))


async def show_settings(url: str, *, key: str, tenant: str | None) -> None:
    """Print the process's own settings and what tenants have otherwise; of one tenant what holds for it."""
    async with _asking(url, key=key) as client:
        answer = _must_be_ok(await client.get("/v1/settings"))
    told = msgspec.json.decode(answer.content, type=_Settings)
    if tenant is not None:
        state = told.tenants.get(tenant, _Tenant({}))
        for name, value in {**told.own, **state.settings}.items():
            whose = "its own" if name in state.settings else "the process's"
            print(f"{tenant}\t{name}\t{_in_json(value)}\t{whose}")
        _print_change(tenant, state)
        return
    for name, value in told.own.items():
        print(f"(process)\t{name}\t{_in_json(value)}")
    for one, state in told.tenants.items():
        _print_tenant(one, state)


async def set_setting(url: str, *, key: str, tenant: str, name: str, value: str) -> None:
    """Give a tenant a setting of its own, and print those that it has then."""
    try:
        read: object = msgspec.json.decode(value)
    except msgspec.MsgspecError:
        # A word or the name of a model needs no quotes.
        read = value
    async with _asking(url, key=key) as client:
        answer = await client.put(_setting(tenant, name), json={"value": read})
    _print_answered(_must_be_ok(answer))


async def unset_setting(url: str, *, key: str, tenant: str, name: str) -> None:
    """Give a tenant the process's own setting again, and print those that it has otherwise then."""
    async with _asking(url, key=key) as client:
        _print_answered(_must_be_ok(await client.delete(_setting(tenant, name))))


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed something last; nothing of it where nobody did."""

    source: str = ""
    changed_by: str = ""
    changed_at: float = 0.0


class _Mode(_Change, frozen=True):
    mode: str


class _Tenant(_Change, frozen=True):
    settings: dict[str, object]
    refused: str = ""


class _Settings(msgspec.Struct, frozen=True):
    own: dict[str, object]
    tenants: dict[str, _Tenant]


def _setting(tenant: str, name: str) -> str:
    return f"/v1/settings/{quote(tenant, safe='')}/{quote(name, safe='')}"


def _print_answered(answer: httpx.Response) -> None:
    for tenant, state in msgspec.json.decode(answer.content, type=dict[str, _Tenant]).items():
        _print_tenant(tenant, state)


def _print_tenant(tenant: str, state: _Tenant) -> None:
    for name, value in state.settings.items():
        print(f"{tenant}\t{name}\t{_in_json(value)}")
    _print_change(tenant, state)


def _print_change(tenant: str, state: _Tenant) -> None:
    if state.refused:
        print(f"{tenant}\tignored\t{state.refused}")
    for words in _changed(state):
        print(f"{tenant}\t{words}")


def _changed(change: _Change) -> tuple[str, ...]:
    if not change.changed_at:
        return ()
    by = "the guardrail" if change.source == "guardrail" else change.changed_by
    at = datetime.fromtimestamp(change.changed_at, UTC)
    return (f"set {f'by {by} ' if by else ''}at {at:%Y-%m-%d %H:%M:%S} UTC",)


def _in_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


async def show_artifacts(url: str, *, key: str) -> None:
    """Print which artifacts decide."""
    async with _asking(url, key=key) as client:
        _print_artifacts(_must_be_ok(await client.get("/v1/artifacts")))


async def push_artifact(url: str, *, key: str, role: ArtifactRole, data: bytes) -> None:
    """Have a file decide, and print which artifacts do then."""
    async with _asking(url, key=key) as client:
        _print_artifacts(_must_be_ok(await client.put(f"/v1/artifacts/{role}", content=data)))


async def drop_artifact(url: str, *, key: str, role: ArtifactRole) -> None:
    """Go back to what the settings say, and print which artifacts decide then."""
    async with _asking(url, key=key) as client:
        _print_artifacts(_must_be_ok(await client.delete(f"/v1/artifacts/{role}")))


class _Artifact(msgspec.Struct, frozen=True):
    source: str
    digest: str = ""
    created: str = ""
    refused: str = ""


def _print_artifacts(answer: httpx.Response) -> None:
    states = msgspec.json.decode(answer.content, type=dict[str, _Artifact | None])
    for role, state in states.items():
        if state is None:
            print(f"{role}\tnone")
        elif state.refused:
            print(f"{role}\trefused\t{state.source}\t{state.refused}")
        else:
            print(f"{role}\t{state.digest}\t{state.source}\tof {state.created}")


@asynccontextmanager
async def _asking(url: str, *, key: str) -> AsyncGenerator[httpx.AsyncClient]:
    headers = {"x-turnout-key": key} if key else {}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=SECONDS) as client:
        try:
            yield client
        except httpx.TransportError as reason:
            raise Unavailable(
                f"No Turnout answers at {url}: {reason or 'no connection'}."
            ) from None


def _must_be_ok(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise Unavailable(
            f"{answer.request.url.host} said {answer.status_code}: {_complaint_of(answer)}"
        )
    return answer


class _Complaint(msgspec.Struct, frozen=True):
    message: str


class _Refusal(msgspec.Struct, frozen=True):
    error: _Complaint


def _complaint_of(answer: httpx.Response) -> str:
    """Turnout's own sentence, whole; of whoever else answers at the address, how the answer begins."""
    try:
        return msgspec.json.decode(answer.content, type=_Refusal).error.message
    except msgspec.MsgspecError:
        return answer.text[:MOST_CHARACTERS]
