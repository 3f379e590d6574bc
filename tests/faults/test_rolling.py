"""Services are told to go, killed or paused while requests flow and no client sends one twice."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import TypeAlias

import aiohttp
import pytest

from loadtest.machine import free_range
from tests.faults.arrivals import each_once
from tests.faults.clients import NotWhole, Seen, ask, data_of
from tests.faults.open_files import listens, opened_by, settled
from tests.faults.product import Part, Product
from tests.faults.traffic import CLIENTS, ENOUGH_SECONDS, Failure, flowing, question
from turnout.http_server import IDLE_SECONDS

pytestmark = pytest.mark.anyio

SERVICES: tuple[Part, ...] = (
    "session-cache-tracker",
    "scorer",
    "upstream-dispatcher",
    "ingress",
    "telemetry",
)

Held: TypeAlias = dict[str, tuple[int, int]]

SCORERS = 3

METERED = ("SESSION_CACHE_TRACKER", "UPSTREAM_DISPATCHER", "TELEMETRY")
"""Those that say their metrics at a port of their own, beside the scorers: a successor needs it."""

PAUSE_SECONDS = 1.5
"""Longer than any deadline of a decision, shorter than any of an answer."""

MISSED: dict[Part, str] = {"scorer": "scorer", "session-cache-tracker": "tracker"}
"""What answers say of a part that does not answer."""

WAITED_FOR: tuple[Part, ...] = ("upstream-dispatcher", "ingress")
"""Nothing is answered without them."""

NOTICED_SECONDS = 0.25
"""A connection that died a moment ago may still be used by whoever has not been told."""


@pytest.fixture(scope="module")
async def shared(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    made = Product(home=tmp_path_factory.mktemp("rolling"), split=True, scorers=SCORERS)
    first = free_range(SCORERS + len(METERED))
    made.settings["TURNOUT_SCORER__METRICS_PORT"] = str(first)
    for place, name in enumerate(METERED, first + SCORERS):
        made.settings[f"TURNOUT_{name}__METRICS_PORT"] = str(place)
    try:
        yield made
    finally:
        await made.kill()


@pytest.fixture(scope="module")
async def at_rest(shared: Product) -> Held:
    """What the services hold between two tests, once each has connected to all that it uses."""
    await shared.whole()
    async with flowing(shared) as traffic:
        await traffic.more(CLIENTS)
    await each_once(shared, traffic.seen)
    return await settled(lambda: held(shared))


@pytest.fixture
async def split(shared: Product, at_rest: Held) -> AsyncIterator[Product]:
    """The same for all tests, which end when everybody who went has a successor: ten processes take longer to start
    than to replace. No part dies as often in a minute as makes the supervisor take a pause. Afterwards nobody, old
    or new, holds open more than the services held at first.
    """
    yield await shared.whole()
    shared.report()
    await shared.whole()
    after = await settled(lambda: held(shared))
    for part, (sockets, others) in after.items():
        sockets_at_rest, others_at_rest = at_rest.get(part, (0, 0))
        assert sockets <= sockets_at_rest, (part, after, at_rest)
        assert others <= others_at_rest, (part, after, at_rest)
    assert await shared.metric("turnout_requests_in_flight") == 0


async def test_a_rolling_restart_fails_no_request(split: Product) -> None:
    """Every process of every service in turn, each replaced before the next one goes."""
    async with flowing(split) as traffic:
        for part in SERVICES:
            for pid in split.children(part):
                os.kill(pid, signal.SIGTERM)
                await split.until_replaced(part, pid)
                await traffic.more(CLIENTS)
    assert traffic.told() == []
    await each_once(split, traffic.seen)
    ports = [int(port) for name, port in split.settings.items() if name.endswith("METRICS_PORT")]
    async with aiohttp.ClientSession() as session:
        for port in (*ports, *(ports[0] + more for more in range(1, SCORERS))):
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                assert "turnout_build_info" in await answer.text()
            # A telemetry that has just been started may not have found its engines yet.
            async with session.get(f"http://127.0.0.1:{port}/ready") as answer:
                is_telemetry = str(port) == split.settings["TURNOUT_TELEMETRY__METRICS_PORT"]
                assert answer.status == 200 or is_telemetry, await answer.text()


async def test_everything_is_told_to_go_at_once(split: Product) -> None:
    gone = [(part, pid) for part in SERVICES for pid in split.children(part)]
    async with flowing(split) as traffic:
        for _, pid in gone:
            os.kill(pid, signal.SIGTERM)
        for part, pid in gone:
            await split.until_replaced(part, pid)
        await traffic.more(CLIENTS)
    assert traffic.told() == []
    await each_once(split, traffic.seen)


@pytest.mark.parametrize("part", ["scorer", "session-cache-tracker", "telemetry"])
async def test_what_can_be_done_without_is_killed(split: Product, part: Part) -> None:
    """The other scorers decide, else the ingress alone; a tracker is missed; facts are spooled."""
    async with flowing(split) as traffic:
        for pid in split.children(part):
            os.kill(pid, signal.SIGKILL)
            await split.until_replaced(part, pid)
            await traffic.more(CLIENTS)
    assert traffic.told() == []
    await each_once(split, traffic.seen)


async def test_all_scorers_are_gone_at_once(split: Product) -> None:
    async with flowing(split) as traffic:
        killed = split.children("scorer")
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        for pid in killed:
            await split.until_replaced("scorer", pid)
        async with asyncio.timeout(ENOUGH_SECONDS):
            while "scorer" in traffic.seen[-1].degraded:
                await traffic.more(1)
    assert traffic.told() == []
    assert any("scorer" in one.degraded for one in traffic.seen)
    await each_once(split, traffic.seen)


async def test_the_dispatcher_is_killed(split: Product) -> None:
    """What it carried ends with an error in the client's dialect; what comes meanwhile waits."""
    async with flowing(split) as traffic:
        killed_at = time.monotonic()
        pid = await split.kill_and_see("upstream-dispatcher")
        gone_at = time.monotonic()
        await split.until_replaced("upstream-dispatcher", pid)
        replaced_at = time.monotonic()
        await traffic.more(CLIENTS)
    assert traffic.failures
    for failure in traffic.failures:
        assert failure.begun < gone_at + NOTICED_SECONDS, traffic.told()
        ends_in_its_dialect(failure)
    streams = [request_id_of(one) for one in traffic.failures if status_of(one) == 200]
    assert streams, "a stream had begun"
    assert any(killed_at < begun < replaced_at for begun in traffic.begun), "some had to wait"
    await each_once(split, traffic.seen)
    failed = [request_id_of(failure) for failure in traffic.failures]
    await once_each(split, failed)
    ids = ", ".join(f"'{request_id}'" for request_id in streams)
    rows = await split.rows(
        "SELECT DISTINCT status, error, attempts, answer_bytes > 0, served_model != '', usage_source"
        f" FROM requests WHERE request_id IN ({ids})"
    )
    # The dispatcher records an answer before it passes on the last of it, and may be killed in between.
    known_whole = [200, "", 1, 1, 1, "reported"]
    assert [row for row in rows if row != known_whole] == [
        [200, "unavailable", 1, 1, 1, "estimated"]
    ]


async def test_the_ingress_is_killed(split: Product) -> None:
    """What it carried is cut; who comes meanwhile waits to be accepted by the next one."""
    async with flowing(split) as traffic:
        killed_at = time.monotonic()
        pid = await split.kill_and_see("ingress")
        gone_at = time.monotonic()
        await split.until_replaced("ingress", pid)
        replaced_at = time.monotonic()
        await traffic.more(CLIENTS)
    assert traffic.failures
    for failure in traffic.failures:
        assert failure.begun < gone_at + NOTICED_SECONDS, traffic.told()
        assert not isinstance(failure.reason, NotWhole), "nobody was there to say anything"
    assert any(killed_at < begun < replaced_at for begun in traffic.begun), "some had to wait"
    await each_once(split, traffic.seen)


@pytest.mark.parametrize("part", SERVICES)
async def test_a_service_is_paused(split: Product, part: Part) -> None:
    """What waits for it goes on with it, what can be done without is; nothing fails."""
    async with flowing(split) as traffic:
        paused = split.children(part)
        for pid in paused:
            os.kill(pid, signal.SIGSTOP)
        paused_at = time.monotonic()
        try:
            # As long as is waited for: nobody can know earlier that it is not only busy.
            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            for pid in paused:
                os.kill(pid, signal.SIGCONT)
        await traffic.more(3 * CLIENTS)
    assert traffic.told() == []
    assert split.children(part) == paused, "nobody was replaced"
    missed = {word for one in traffic.seen for word in one.degraded.split(",")}
    if part in MISSED:
        assert MISSED[part] in missed
    if part not in WAITED_FOR:
        meanwhile = (paused_at, paused_at + PAUSE_SECONDS)
        assert any(meanwhile[0] < begun < meanwhile[1] for begun in traffic.begun)
    await each_once(split, traffic.seen)


async def test_an_ingress_is_paused_while_it_leaves(split: Product) -> None:
    """Its time for idle connections is over when it goes on, and what came meanwhile is answered first."""
    [old] = split.children("ingress")
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(connector=connector) as client:

        async def ask_all(first: int) -> list[Seen]:
            asked = [question(first + number) for number in range(CLIENTS)]
            return await asyncio.gather(*(ask(client, split.url, one) for one in asked))

        seen = await ask_all(0)
        os.kill(old, signal.SIGTERM)
        async with asyncio.timeout(ENOUGH_SECONDS):
            while listens(old, split.port("ingress")):
                await asyncio.sleep(0.02)
        os.kill(old, signal.SIGSTOP)
        answering = asyncio.ensure_future(ask_all(CLIENTS))
        await asyncio.sleep(IDLE_SECONDS + PAUSE_SECONDS)
        assert not answering.done(), "connections to the one that leaves are used again"
        os.kill(old, signal.SIGCONT)
        seen += await answering
    await split.until_replaced("ingress", old)
    await each_once(split, seen)


def held(product: Product) -> Held:
    """Sockets and other files of each service, but for idle connections that it keeps for the next request: to the
    provider, or to ClickHouse.
    """
    found: Held = {}
    for part in SERVICES:
        kept = product.port("clickhouse" if part == "telemetry" else "simulator")
        for place, pid in enumerate(product.children(part)):
            told = opened_by(pid, provider_port=kept)
            found[f"{part} {place}"] = (told.sockets, told.others)
    return found


def ends_in_its_dialect(failure: Failure) -> None:
    """An error answer where nothing had begun, an error event where a stream had."""
    reason = failure.reason
    assert isinstance(reason, NotWhole), reason
    said = reason.body if reason.status != 200 else data_of(reason.body)[-1]
    if reason.status == 200:
        assert failure.question.stream
    else:
        assert reason.status == 503, reason
    match failure.question.wire:
        case "anthropic_messages":
            assert said.startswith(b'{"type":"error","error":{"type":'), said
        case "openai_chat":
            assert said.startswith(b'{"error":{"message":'), said


def status_of(failure: Failure) -> int:
    assert isinstance(failure.reason, NotWhole)
    return failure.reason.status


def request_id_of(failure: Failure) -> str:
    assert isinstance(failure.reason, NotWhole)
    assert failure.reason.request_id
    return failure.reason.request_id


async def once_each(product: Product, ids: list[str]) -> None:
    """One row each. It says failed, unless the dispatcher had recorded the whole answer and was killed
    before its last bytes left: then either record of the two may be the one that is kept.
    """
    listed = ", ".join(f"'{one}'" for one in ids)
    of_these = f"FROM requests WHERE request_id IN ({listed})"
    await product.until_rows(
        f"SELECT count(), uniqExact(request_id) {of_these}",
        lambda rows: rows == [[len(ids), len(ids)]],
    )
    await product.until_consumed()
    assert await product.rows(f"SELECT count(), uniqExact(request_id) {of_these}") == [
        [len(ids), len(ids)]
    ]
    outcomes = await product.rows(f"SELECT DISTINCT outcome {of_these}")
    assert ["failed"] in outcomes
    assert all(outcome in (["failed"], ["answered"]) for outcome in outcomes), outcomes
