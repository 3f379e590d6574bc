"""The small commands that talk to a running Turnout over HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import msgspec

from turnout.bus.control_keys import ArtifactRole
from turnout.errors import Unavailable

SECONDS = 30.0


async def show_or_change_mode(url: str, *, key: str, tenant: str, mode: str | None) -> None:
    """Print the modes, after changing one if `mode` is given."""
    async with _asking(url, key=key) as client:
        if mode is not None:
            _must_be_ok(await client.put(f"/v1/modes/{tenant}", json={"mode": mode}))
        answer = _must_be_ok(await client.get("/v1/modes"))
    for name, value in sorted(answer.json().items()):
        print(f"{name}\t{value}")


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
            f"{answer.request.url.host} said {answer.status_code}: {answer.text[:300]}"
        )
    return answer
