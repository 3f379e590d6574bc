"""NATS, Valkey and ClickHouse paused, slowed, refused and full, and Valkey flushed, while requests flow.

Each case says what clients see, how the fault is told, that afterwards every request is recorded once as
its client saw it, and that nothing is left open. Killed engines are in `test_degrade` and `test_exactly_once`.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import aiohttp
import pytest

from tests.faults.arrivals import each_once
from tests.faults.clients import Question, Seen, ask
from tests.faults.engines import WAIT_SECONDS, Engines, Rest, behind_wires
from tests.faults.traffic import CLIENTS, Traffic, flowing

pytestmark = pytest.mark.anyio

Deed: TypeAlias = Callable[[Engines], Awaitable[None]]
Sign: TypeAlias = Callable[[Engines], Awaitable[float]]

SLOW_SECONDS: Final = 0.1
"""Every piece, in each direction."""

MAX_GROWTH_MB: Final = 40.0
"""Above what a product that has just been started grows by anyway."""


async def publish_failures(engines: Engines) -> float:
    return await engines.product.metric("turnout_publish_failures_total")


async def insert_failures(engines: Engines) -> float:
    return await engines.of_telemetry("turnout_insert_failures_total")


async def without_tracker(engines: Engines) -> float:
    return await engines.product.metric('turnout_degraded_requests_total{part="tracker"}')


async def lost_notes(engines: Engines) -> float:
    return await engines.product.metric("turnout_notes_lost_total")


async def answered(engines: Engines) -> float:
    """Nothing is said of what is only slow: requests go on."""
    return await engines.product.metric("turnout_requests_total")


def sent(engine: str, number: signal.Signals) -> Deed:
    async def send(engines: Engines) -> None:
        engines.signal(engine, number)

    return send


def slowed(engine: str, seconds: float) -> Deed:
    async def slow(engines: Engines) -> None:
        engines.wires[engine].delay_seconds = seconds

    return slow


def refused(engine: str) -> Deed:
    async def refuse(engines: Engines) -> None:
        await engines.wires[engine].refuse()

    return refuse


def let_in(engine: str) -> Deed:
    async def listen(engines: Engines) -> None:
        await engines.wires[engine].listen()

    return listen


@dataclass(frozen=True, slots=True)
class Fault:
    """Attributes:
    sign: what grows while it lasts.
    is_missed: whether requests are decided without the tracker meanwhile.
    """

    begin: Deed
    end: Deed
    sign: Sign
    is_missed: bool = False


FAULTS: Final[Mapping[str, Fault]] = {
    "NATS is paused": Fault(
        sent("nats", signal.SIGSTOP), sent("nats", signal.SIGCONT), publish_failures
    ),
    "NATS is slow": Fault(slowed("nats", SLOW_SECONDS), slowed("nats", 0.0), answered),
    "NATS refuses": Fault(refused("nats"), let_in("nats"), publish_failures),
    "NATS is full": Fault(Engines.fill_the_bus, Engines.empty_the_bus, publish_failures),
    "Valkey is slow": Fault(
        slowed("valkey", SLOW_SECONDS), slowed("valkey", 0.0), without_tracker, is_missed=True
    ),
    "Valkey refuses": Fault(refused("valkey"), let_in("valkey"), without_tracker, is_missed=True),
    "Valkey is full": Fault(Engines.fill_valkey, Engines.empty_valkey, lost_notes),
    "ClickHouse is paused": Fault(
        sent("clickhouse", signal.SIGSTOP), sent("clickhouse", signal.SIGCONT), answered
    ),
    "ClickHouse is slow": Fault(
        slowed("clickhouse", SLOW_SECONDS), slowed("clickhouse", 0.0), answered
    ),
    "ClickHouse refuses": Fault(refused("clickhouse"), let_in("clickhouse"), insert_failures),
    "ClickHouse is full": Fault(Engines.fill_the_disk, Engines.empty_the_disk, insert_failures),
}


@pytest.fixture(scope="module")
async def engines(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Engines]:
    async with behind_wires(tmp_path_factory.mktemp("engines")) as made:
        async with flowing(made.product) as traffic:
            await traffic.more(CLIENTS)
        await each_once(made.product, traffic.seen)
        yield made


@pytest.fixture(scope="module")
async def at_rest(engines: Engines) -> Rest:
    return await engines.at_rest()


@pytest.fixture
async def nothing_left(engines: Engines, at_rest: Rest) -> AsyncIterator[None]:
    """Connections, files, requests under way and memory are what they were."""
    yield
    after = await engines.at_rest()
    assert (after.serving, after.telemetry) == (at_rest.serving, at_rest.telemetry)
    assert await engines.product.metric("turnout_requests_in_flight") == 0
    assert after.resident_mb - at_rest.resident_mb < MAX_GROWTH_MB


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("name", FAULTS)
async def test_requests_are_answered_and_recorded_once(engines: Engines, name: str) -> None:
    fault = FAULTS[name]
    async with flowing(engines.product) as traffic:
        before = await fault.sign(engines)
        begun_at = len(traffic.seen)
        await fault.begin(engines)
        try:
            await grows(engines, fault.sign, before)
            await traffic.more(2 * CLIENTS)
        finally:
            await fault.end(engines)
        ended_at = len(traffic.seen)
        await not_missed(traffic)
    assert traffic.told() == []
    missed = [one for one in traffic.seen[begun_at:ended_at] if "tracker" in one.degraded]
    if fault.is_missed:
        assert missed
    else:
        # On a busy machine the tracker itself is late for one now and then.
        assert len(missed) < (ended_at - begun_at) / 2, [one.degraded for one in traffic.seen]
    await each_once(engines.product, traffic.seen)
    ids = ", ".join(f"'{one.request_id}'" for one in traffic.seen)
    for view in ("requests", "decisions"):
        assert await engines.product.rows(
            f"SELECT countIf(has(degraded, 'tracker')) FROM {view} WHERE request_id IN ({ids})"
        ) == [[sum("tracker" in one.degraded for one in traffic.seen)]], view


async def grows(engines: Engines, sign: Sign, before: float) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while await sign(engines) <= before:
            await asyncio.sleep(0.05)


async def not_missed(traffic: Traffic) -> None:
    """Until the tracker is asked again by everybody."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            since = len(traffic.seen)
            await traffic.more(CLIENTS)
            if all("tracker" not in one.degraded for one in traffic.seen[since:]):
                return


THREADS_OF_TWO_STEPS: Final = """\
"local found = 0; for _, key in ipairs(redis.call('KEYS', 'turnout:thread:*')) do \
if redis.call('HGET', key, 'steps') == '2' then found = found + 1 end end return found"\
"""


@pytest.mark.usefixtures("nothing_left")
async def test_a_flush_of_valkey_makes_threads_new_and_nothing_else(engines: Engines) -> None:
    asked = Question(wire="anthropic_messages", stream=False, session="flushed")
    seen: list[Seen] = []
    assert await engines.say_to_valkey("FLUSHALL") == b"+OK"
    async with aiohttp.ClientSession() as client:
        for is_flushed_before in (False, False, True, False):
            if is_flushed_before:
                # The tracker learns of an answer behind its end.
                async with asyncio.timeout(WAIT_SECONDS):
                    while await engines.say_to_valkey("EVAL", THREADS_OF_TWO_STEPS, "0") != b":1":
                        pass
                assert await engines.say_to_valkey("FLUSHALL") == b"+OK"
            seen.append(await ask(client, engines.product.url, asked))
    assert [one.degraded for one in seen] == [""] * len(seen)
    await each_once(engines.product, seen)
    steps = [
        await engines.product.rows(
            f"SELECT steps FROM decisions WHERE request_id = '{one.request_id}'"
        )
        for one in seen
    ]
    assert steps == [[[0]], [[1]], [[0]], [[1]]]
