"""Redis as it really is: away, hung, restarted, flushed; and what it holds."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.engines.fixtures import running
from tests.session_cache_tracker.notes import (
    DEADLINE_SECONDS,
    HITS,
    OPUS,
    RecordedFacts,
    look,
    note,
    prompt,
    unique,
    written,
)
from turnout.engines.free_ports import free_port
from turnout.engines.valkey import valkey_child
from turnout.errors import Unavailable
from turnout.policy.cache import HitCounts
from turnout.session_cache_tracker import redis_wire
from turnout.session_cache_tracker.redis import open_redis_store
from turnout.session_cache_tracker.service import LocalSessionCacheTracker

pytestmark = pytest.mark.anyio

PREFIX = prompt("a")


@dataclass(slots=True)
class Server:
    """A Redis that may be stopped and started on one port."""

    port: int
    data_dir: Path
    life: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        child = valkey_child(data_dir=self.data_dir, port=self.port)
        self.life.enter_context(running([child], data_dir=self.data_dir))

    def stop(self) -> None:
        self.life.close()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(port=free_port(), data_dir=tmp_path)


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncGenerator[LocalSessionCacheTracker]:
    async with open_redis_store(url) as store:
        yield LocalSessionCacheTracker(store, RecordedFacts(), lambda: HITS)


async def steps_of(tracker: LocalSessionCacheTracker, key: str, *, deadline: float = 5.0) -> int:
    return (await tracker.look(look(key, PREFIX, at=5), deadline_seconds=deadline)).steps


async def add_step(tracker: LocalSessionCacheTracker, key: str, *, scope: str = "") -> None:
    one = note(key, PREFIX, usage=written(PREFIX), scope=scope)
    await tracker.note(one, deadline_seconds=DEADLINE_SECONDS)


async def until_back(call: Callable[[], "asyncio.Future[int]"]) -> int:
    """Ask again until the connection has come back."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(redis_wire.COME_BACK_SECONDS / 2)


async def test_every_key_has_a_lifetime_and_a_hash_tag(server: Server) -> None:
    server.start()
    try:
        async with opened(server.url) as tracker:
            key, scope = unique("thread"), unique("scope")
            await add_step(tracker, key, scope=scope)
            later = note(key, PREFIX, usage=written(PREFIX, read=16_000), at=30, is_failed=True)
            await tracker.note(later, deadline_seconds=DEADLINE_SECONDS)
        async with Redis.from_url(server.url, decode_responses=True) as client:
            names = sorted([str(name) async for name in client.scan_iter("*")])
            lifetimes = [await client.pttl(name) for name in names]
    finally:
        server.stop()

    assert names == [
        "turnout:head:{" + scope + "}",
        "turnout:hits:{anthropic|5m}",
        "turnout:thread:{" + key + "}",
    ]
    hours = [round(milliseconds / 3_600_000) for milliseconds in lifetimes]
    assert hours == [24, 30 * 24, 72]


async def test_scripts_forgotten_by_the_server_are_loaded_again(redis_url: str) -> None:
    key = unique("thread")
    async with opened(redis_url) as tracker, Redis.from_url(redis_url) as client:
        await add_step(tracker, key)
        await client.script_flush()
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(add_step(tracker, key))

        assert await steps_of(tracker, key) == 4


async def test_flushed_data_is_a_thread_never_seen(server: Server) -> None:
    server.start()
    try:
        async with opened(server.url) as tracker, Redis.from_url(server.url) as client:
            await add_step(tracker, "k")
            await client.flushall()

            assert await steps_of(tracker, "k") == 0
            await add_step(tracker, "k")
            assert await steps_of(tracker, "k") == 1
    finally:
        server.stop()


async def test_a_server_away_fails_at_once_and_is_found_again(server: Server) -> None:
    async with opened(server.url) as tracker:
        with pytest.raises(Unavailable, match="away"):
            await steps_of(tracker, "k")
        # Known to be away: no caller waits for its deadline.
        async with asyncio.timeout(0.05):
            with pytest.raises(Unavailable, match="away"):
                await steps_of(tracker, "k", deadline=60)
        server.start()
        try:
            call = lambda: asyncio.ensure_future(steps_of(tracker, "k"))  # noqa: E731
            assert await until_back(call) == 0
            await add_step(tracker, "k")
        finally:
            server.stop()


async def test_a_restart_while_idle_is_not_noticed(server: Server) -> None:
    server.start()
    try:
        async with opened(server.url) as tracker:
            await add_step(tracker, "k")
            server.stop()
            server.start()

            assert await steps_of(tracker, "k") == 1
    finally:
        server.stop()


@contextlib.asynccontextmanager
async def odd_server(answer: bytes = b"") -> AsyncGenerator[str]:
    """Accepts connections and says one thing, or nothing."""
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        writer.write(answer)
        await reader.read()

    odd = await asyncio.start_server(hold, "127.0.0.1", 0)
    host, port = odd.sockets[0].getsockname()[:2]
    try:
        yield f"redis://{host}:{port}/0"
    finally:
        odd.close()
        for writer in held:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def test_a_hung_server_costs_the_deadline_and_no_more() -> None:
    loop = asyncio.get_running_loop()
    async with odd_server() as url, opened(url) as tracker:
        started = loop.time()
        with pytest.raises(Unavailable, match="20 ms"):
            await steps_of(tracker, "k", deadline=0.02)
        assert loop.time() - started < 0.5


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$x\r\n", b":1\r\n" * 20, b"-\xff\r\n", b"*9\r\n"],
)
async def test_something_else_on_the_port_is_unavailable(answer: bytes) -> None:
    async with odd_server(answer) as url, opened(url) as tracker:
        for _ in range(3):
            with pytest.raises(Unavailable):
                await steps_of(tracker, "k", deadline=0.2)


async def test_a_server_that_stops_is_left_after_the_trip_and_found_again(
    redis_url: str,
) -> None:
    key = unique("thread")
    async with opened(redis_url) as tracker, Redis.from_url(redis_url) as client:
        await add_step(tracker, key)
        await client.client_pause(round(redis_wire.TRIP_SECONDS * 1_500))
        async with asyncio.timeout(redis_wire.TRIP_SECONDS * 1.4):
            with pytest.raises(Unavailable, match="away"):
                await steps_of(tracker, key, deadline=60)

        assert await until_back(lambda: asyncio.ensure_future(steps_of(tracker, key))) == 1


async def test_each_caller_has_its_own_deadline(redis_url: str) -> None:
    key = unique("thread")
    async with opened(redis_url) as tracker, Redis.from_url(redis_url) as client:
        await add_step(tracker, key)
        await client.client_pause(100)
        patient = asyncio.ensure_future(steps_of(tracker, key, deadline=60))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="20 ms"):
            await steps_of(tracker, key, deadline=0.02)
        assert not patient.done()

        assert await patient == 1


async def test_what_is_raised_inside_keeps_its_type() -> None:
    with pytest.raises(KeyError):
        async with odd_server() as url, open_redis_store(url):
            raise KeyError


async def test_a_record_of_another_program_is_unavailable(redis_url: str) -> None:
    key = unique("thread")
    async with opened(redis_url) as tracker, Redis.from_url(redis_url) as client:
        name = "turnout:thread:{" + key + "}"
        await client.hset(name, mapping={"newest": "what is this", "recent": "?"})
        await client.expire(name, 60)
        with pytest.raises(Unavailable, match="cannot be read"):
            await steps_of(tracker, key)


async def test_what_waits_for_a_hung_server_is_bounded() -> None:
    async with odd_server() as url, open_redis_store(url) as store:

        async def ask() -> str:
            try:
                await store.look("k", (), now=0, deadline_seconds=0.2)
            except Unavailable as error:
                return error.message
            return "answered"

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ask()) for _ in range(redis_wire.MAX_WAITING + 50)]

    refused = [task.result() for task in asked if "too slow" in task.result()]
    assert 0 < len(refused) <= 50
    assert all("answered" not in task.result() for task in asked)


async def test_a_caller_that_gives_up_does_not_disturb_the_others(redis_url: str) -> None:
    key = unique("thread")
    async with opened(redis_url) as tracker:
        await add_step(tracker, key)
        tasks = [asyncio.ensure_future(steps_of(tracker, key)) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)

    assert results[1::2] == [1] * 10
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])


async def test_a_refusal_of_redis_is_unavailable_for_its_caller_alone(redis_url: str) -> None:
    spoilt, sound = unique("thread"), unique("thread")
    async with opened(redis_url) as tracker, Redis.from_url(redis_url) as client:
        await client.set("turnout:thread:{" + spoilt + "}", "a string", ex=60)
        refused, answered = await asyncio.gather(
            steps_of(tracker, spoilt), steps_of(tracker, sound), return_exceptions=True
        )

    assert isinstance(refused, Unavailable)
    assert "WRONGTYPE" in refused.message
    assert answered == 0


async def test_hit_counts_are_shared_through_redis(redis_url: str) -> None:
    table = unique("provider") + "|automatic"
    async with open_redis_store(redis_url) as store:
        store.observe(table, 2, 0.5)
        store.observe(table, 2, 1.0)
        store.observe(table, 7, 0.0)
    async with open_redis_store(redis_url) as other:
        assert set(other.hits(table)) == {HitCounts()}
        await other.look("k", (), now=0, deadline_seconds=DEADLINE_SECONDS)
        other.observe(table, 2, 1.0)
        await other.look("k", (), now=0, deadline_seconds=DEADLINE_SECONDS)
        counts = other.hits(table)

    assert counts[2] == HitCounts(seen=3, found=2.5)
    assert counts[7] == HitCounts(seen=1, found=0)


async def test_a_closed_store_is_unavailable(redis_url: str) -> None:
    async with opened(redis_url) as tracker:
        await add_step(tracker, unique("thread"))
    with pytest.raises(Unavailable, match="closed"):
        await tracker.look(look("k", PREFIX), deadline_seconds=60)


async def test_a_record_has_the_documented_fields(redis_url: str) -> None:
    key = unique("thread")
    async with opened(redis_url) as tracker, Redis.from_url(redis_url) as client:
        await add_step(tracker, key)
        record = await client.hgetall("turnout:thread:{" + key + "}")

    names = {name.decode() if isinstance(name, bytes) else name for name in record}
    assert names == {
        "seen",
        "newest",
        f"cache:{OPUS}",
        f"lifetime:{OPUS}",
        "recent",
        "started",
        "steps",
    }
