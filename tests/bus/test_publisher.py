"""The way from the spool to a real JetStream, through its death and ours."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest

from tests.bus import samples
from tests.bus.servers import NatsServer
from tests.bus.small_disk import small_disk
from turnout.bus.connection import open_bus
from turnout.bus.cursor import Cursor, Position
from turnout.bus.metrics import BusMetrics
from turnout.bus.publisher import MAX_MESSAGE_FACTS, Publisher
from turnout.bus.spool import Spool, SpoolFactSink, open_spool
from turnout.bus.subjects import BY_FACT, STREAM
from turnout.events.v1 import facts_pb2
from turnout.protos import to_pb

pytestmark = pytest.mark.anyio

DEADLINE_SECONDS = 15.0


@asynccontextmanager
async def publishing(
    spool: Spool, url: str, metrics: BusMetrics, *, linger_seconds: float = 0.0
) -> AsyncGenerator[None]:
    stop = asyncio.Event()
    async with open_bus(url, name="test") as bus, asyncio.TaskGroup() as tasks:
        publisher = Publisher(spool=spool, bus=bus, metrics=metrics, linger_seconds=linger_seconds)
        tasks.create_task(publisher.run(stop))
        yield
        stop.set()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def stored(url: str) -> list[tuple[str, dict[str, str], bytes]]:
    """Every message of the stream: subject, headers, payload."""
    client = await nats.connect(url)
    try:
        jetstream = client.jetstream()
        state = (await jetstream.stream_info(STREAM)).state
        found: list[tuple[str, dict[str, str], bytes]] = []
        for sequence in range(state.first_seq, state.last_seq + 1):
            message = await jetstream.get_msg(STREAM, sequence)
            found.append((message.subject or "", message.headers or {}, message.data or b""))
        return found
    finally:
        await client.close()


def events_of(messages: list[tuple[str, dict[str, str], bytes]]) -> list[str]:
    return [
        facts_pb2.OutcomeReported.FromString(fact).event_id
        for subject, _, payload in messages
        if subject == "turnout.outcome.reported"
        for fact in facts_pb2.FactBatch.FromString(payload).facts
    ]


async def test_facts_travel_by_their_subjects_with_their_headers(
    make_spool: Callable[[], Spool], metrics: BusMetrics, nats_server: NatsServer
) -> None:
    await nats_server.start()
    spool = make_spool()
    sink = SpoolFactSink(spool, metrics=metrics)
    async with publishing(spool, nats_server.url, metrics):
        sink.record(samples.routed())
        sink.record(samples.attempt())
        sink.record(samples.completed())
        sink.record(samples.switched())
        sink.record(samples.outcome())
        await until(lambda: spool.own.done == spool.tail)

    found = await stored(nats_server.url)

    assert {subject: headers.get("traceparent") for subject, headers, _ in found} == {
        "turnout.request.routed": samples.TRACEPARENT,
        "turnout.attempt.ended": samples.TRACEPARENT,
        "turnout.request.completed": samples.TRACEPARENT,
        "turnout.thread.switched": None,
        "turnout.outcome.reported": None,
    }
    assert all(headers["Turnout-Schema"] == "v1" for _, headers, _ in found)
    assert len({headers["Nats-Msg-Id"] for _, headers, _ in found}) == 5


async def test_many_facts_share_messages(
    make_spool: Callable[[], Spool], metrics: BusMetrics, nats_server: NatsServer
) -> None:
    await nats_server.start()
    spool = make_spool()
    sink = SpoolFactSink(spool, metrics=metrics)
    names = [f"outcome-{number}" for number in range(3 * MAX_MESSAGE_FACTS)]
    for name in names:
        sink.record(samples.outcome(name))
    async with publishing(spool, nats_server.url, metrics):
        await until(lambda: spool.own.done == spool.tail)

    found = await stored(nats_server.url)

    assert len(found) == 3
    assert events_of(found) == names


async def test_facts_wait_for_a_server_that_starts_later(
    make_spool: Callable[[], Spool], metrics: BusMetrics, nats_server: NatsServer
) -> None:
    spool = make_spool()
    sink = SpoolFactSink(spool, metrics=metrics)
    async with publishing(spool, nats_server.url, metrics):
        sink.record(samples.outcome("early"))
        await nats_server.start()
        await until(lambda: spool.own.done == spool.tail)

    assert events_of(await stored(nats_server.url)) == ["early"]


async def test_a_spool_that_was_full_takes_facts_again(
    tmp_path: Path, metrics: BusMetrics, nats_server: NatsServer
) -> None:
    """However small it is: what is published makes room, the segment that is written to included."""
    spool = open_spool(tmp_path / "spool", service="ingress", metrics=metrics, max_bytes=20_000)
    sink = SpoolFactSink(spool, metrics=metrics)
    while not spool.is_full:
        sink.record(samples.outcome())
    await nats_server.start()
    async with publishing(spool, nats_server.url, metrics):
        await until(lambda: spool.own.done == spool.tail)
        assert spool.append(5, b"x" * 2_000)
    spool.close()


async def test_nothing_is_lost_or_doubled_when_the_server_is_killed(
    make_spool: Callable[[], Spool], metrics: BusMetrics, nats_server: NatsServer
) -> None:
    await nats_server.start()
    spool = make_spool()
    sink = SpoolFactSink(spool, metrics=metrics)
    names = [f"outcome-{number}" for number in range(300)]
    async with publishing(spool, nats_server.url, metrics):
        for count, name in enumerate(names):
            sink.record(samples.outcome(name))
            if count == 100:
                await nats_server.kill()
            if count == 200:
                await nats_server.start()
            await asyncio.sleep(0)
        await until(lambda: spool.own.done == spool.tail)

    assert events_of(await stored(nats_server.url)) == names


async def test_what_a_dead_process_left_is_published_once(
    make_spool: Callable[[], Spool], metrics: BusMetrics, nats_server: NatsServer
) -> None:
    await nats_server.start()
    first = make_spool()
    sink = SpoolFactSink(first, metrics=metrics)
    for number in range(10):
        sink.record(samples.outcome(f"outcome-{number}"))
    async with publishing(first, nats_server.url, metrics):
        await until(lambda: first.own.done == first.tail)
    sink.record(samples.outcome("outcome-10"))
    first.close()
    # As if the process had died after the acknowledgement and before its cursor said so.
    cursor = Cursor(first.own.path / "cursor")
    window = cursor.read()
    assert window is not None
    cursor.write(done=Position(1, 0), until=window[1])
    cursor.close()

    second = make_spool()
    async with publishing(second, nats_server.url, metrics):
        await until(lambda: not second.adopted)

    assert events_of(await stored(nats_server.url)) == [f"outcome-{n}" for n in range(11)]
    assert not first.own.path.exists()


async def test_a_full_stream_pushes_back(
    make_spool: Callable[[], Spool], metrics: BusMetrics, nats_server: NatsServer
) -> None:
    await nats_server.start()
    client = await nats.connect(nats_server.url)
    jetstream = client.jetstream()
    await jetstream.add_stream(name=STREAM, subjects=["turnout.>"], max_bytes=1, discard="new")
    spool = make_spool()
    sink = SpoolFactSink(spool, metrics=metrics)
    async with publishing(spool, nats_server.url, metrics):
        sink.record(samples.outcome("kept"))
        for _ in range(20):
            await asyncio.sleep(0.01)
        assert spool.own.done != spool.tail
        info = await jetstream.stream_info(STREAM)
        info.config.max_bytes = 1_000_000
        await jetstream.update_stream(info.config)
        await until(lambda: spool.own.done == spool.tail)
    await client.close()

    assert events_of(await stored(nats_server.url)) == ["kept"]


async def test_a_disk_that_facts_have_filled_is_emptied_once_nats_is_back(
    tmp_path: Path, metrics: BusMetrics, nats_server: NatsServer
) -> None:
    with small_disk(tmp_path / "disk") as filling:
        spool = open_spool(tmp_path / "disk" / "spool", service="ingress", metrics=metrics)
        fact = samples.outcome()
        route = BY_FACT[type(fact)]
        kind, payload = route.kind, to_pb(fact, route.message).SerializeToString()
        taken = 0
        with filling():
            while spool.append(kind, payload):
                taken += 1
        assert taken > 100
        await nats_server.start()
        async with publishing(spool, nats_server.url, metrics):
            await until(lambda: spool.own.size_bytes() == 0)
            assert spool.append(kind, payload)
            await until(lambda: spool.own.done == spool.tail)
        spool.close()
        assert len(events_of(await stored(nats_server.url))) == taken + 1
