"""What the small commands print of the answers of a running Turnout."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import pytest

from turnout import remote
from turnout.errors import Unavailable

pytestmark = pytest.mark.anyio

AT = 1_790_000_000.0
SET_AT = "at 2026-09-21 14:13:20 UTC"


@asynccontextmanager
async def answering(
    answers: Mapping[str, object], *, status: str = "200 OK"
) -> AsyncGenerator[str]:
    """An address at which these paths have these answers."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = json.dumps(answers[head.split()[1].decode()]).encode()
            size = f"content-length: {len(body)}"
            writer.write(f"HTTP/1.1 {status}\r\n{size}\r\n\r\n".encode() + body)
            await writer.drain()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_modes_are_printed_with_who_set_them(capsys: pytest.CaptureFixture[str]) -> None:
    states: Mapping[str, Mapping[str, object]] = {
        "acme": {"mode": "cache", "source": "guardrail", "changed_at": AT},
        "default": {"mode": "observe"},
        "old": {"mode": "full", "changed_at": AT},
        "team": {"mode": "full", "source": "person", "changed_by": "admin", "changed_at": AT},
    }
    answers: dict[str, object] = {f"/v1/modes/{name}": state for name, state in states.items()}
    answers["/v1/modes"] = {name: state["mode"] for name, state in states.items()}
    async with answering(answers) as url:
        await remote.show_or_change_mode(url, key="", tenant="default", mode=None)
    assert capsys.readouterr().out.splitlines() == [
        f"acme\tcache\tset by the guardrail {SET_AT}",
        "default\tobserve",
        f"old\tfull\tset {SET_AT}",
        f"team\tfull\tset by admin {SET_AT}",
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": {"type": "invalid_request_error", "message": "locks: " + "x" * 500}}, "x" * 500),
        ({"detail": "y" * 500}, '{"detail": "' + "y" * 288),
    ],
)
async def test_a_refusal_is_told_whole(answer: object, said: str) -> None:
    async with answering({"/v1/settings/acme/locks": answer}, status="400 Bad Request") as url:
        with pytest.raises(Unavailable) as refused:
            await remote.set_setting(url, key="", tenant="acme", name="locks", value="{}")
    assert str(refused.value).removeprefix("127.0.0.1 said 400: ").removeprefix("locks: ") == said


async def test_settings_that_are_ignored_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    told = {
        "own": {"quality_bias": None, "named_model": "ceiling"},
        "tenants": {
            "acme": {"settings": {}, "refused": "colour is no setting.", "changed_at": AT},
            "team": {"settings": {"named_model": "honour"}, "changed_by": "a", "changed_at": AT},
        },
    }
    async with answering({"/v1/settings": told}) as url:
        await remote.show_settings(url, key="", tenant=None)
        every = capsys.readouterr().out.splitlines()
        await remote.show_settings(url, key="", tenant="team")
        one = capsys.readouterr().out.splitlines()
    assert every == [
        "(process)\tquality_bias\tnull",
        '(process)\tnamed_model\t"ceiling"',
        "acme\tignored\tcolour is no setting.",
        f"acme\tset {SET_AT}",
        'team\tnamed_model\t"honour"',
        f"team\tset by a {SET_AT}",
    ]
    assert one == [
        "team\tquality_bias\tnull\tthe process's",
        'team\tnamed_model\t"honour"\tits own',
        f"team\tset by a {SET_AT}",
    ]
