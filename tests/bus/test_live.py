"""What one replica has seen the others know within seconds, whatever happens to NATS meanwhile."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.bus.servers import NatsServer
from turnout.bus.connection import ensure_stream, open_bus
from turnout.bus.control import ControlStore, end_task
from turnout.bus.live import LIVE_BUCKET, Live
from turnout.engines.nats import JETSTREAM_MEMORY_BYTES
from turnout.policy.latency import TimesSeen
from turnout.policy.standing import CallEnd, StandingReport, TargetSeen, ThrottleSeen
from turnout.upstream_dispatcher.standings import Standings

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
DEADLINE_SECONDS = 15.0
TELL_SECONDS = 0.02
NOW = 1_790_000_000.0


def report_of(replica: str, number: int) -> StandingReport:
    return StandingReport(
        replica,
        number,
        (TargetSeen("a/1@env", 4, 1, (TimesSeen("more", ((64, 3.0, 0.5),)),)),),
        (ThrottleSeen("a/1@client", "one", 30.0),),
    )


@dataclass(slots=True)
class Replica:
    """Reports what it is given, one at a time, and keeps what it hears."""

    name: str
    news: list[StandingReport] = field(default_factory=list)
    heard: asyncio.Queue[StandingReport] = field(default_factory=asyncio.Queue)

    def sees(self, number: int) -> StandingReport:
        """Something new."""
        report = report_of(self.name, number)
        self.news.append(report)
        return report

    def report(self) -> StandingReport | None:
        return self.news.pop(0) if self.news else None

    async def hears(self) -> StandingReport:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.heard.get()


@asynccontextmanager
async def living(server: NatsServer, *names: str) -> AsyncGenerator[list[Replica]]:
    replicas = [Replica(name) for name in names]
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(open_bus(server.url, name="test"))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        for replica in replicas:
            live = Live(bus, tell_seconds=TELL_SECONDS)
            for work in (live.tell(replica.report), live.listen(replica.heard.put_nowait)):
                stack.push_async_callback(end_task, tasks.create_task(work))
        yield replicas


async def test_all_replicas_hear_what_one_has_seen(nats_server: NatsServer) -> None:
    await nats_server.start()
    async with living(nats_server, "a", "b") as (one, two):
        report = one.sees(1)
        assert await two.hears() == report
        assert await one.hears() == report
        again = two.sees(1)
        assert await one.hears() == again


async def test_one_that_starts_later_hears_the_last_minute(nats_server: NatsServer) -> None:
    await nats_server.start()
    async with living(nats_server, "a") as (one,):
        report = one.sees(1)
        assert await one.hears() == report
        async with living(nats_server, "b") as (two,):
            assert await two.hears() == report


async def test_nats_may_come_late_and_go(nats_server: NatsServer) -> None:
    """What is told while it is away is lost, and its memory with it; what comes after is heard."""
    async with living(nats_server, "a", "b") as (one, two):
        one.news.extend(report_of("a", number) for number in range(1, 10_000))
        await nats_server.start()
        await two.hears()
        await nats_server.kill()
        while not two.heard.empty():
            two.heard.get_nowait()
        await nats_server.start()
        first, second = await two.hears(), await two.hears()
        assert first.number < second.number


async def test_what_is_seen_again_is_not_counted_again(nats_server: NatsServer) -> None:
    await nats_server.start()
    async with living(nats_server, "a", "b") as (one, two):
        first = one.sees(1)
        assert await two.hears() == first
        one.sees(1)
        newer = one.sees(2)
        assert await two.hears() == newer


async def test_what_cannot_be_read_is_left(nats_server: NatsServer) -> None:
    await nats_server.start()
    async with living(nats_server, "a") as (one,), open_bus(nats_server.url, name="other") as bus:
        store = ControlStore(bus, LIVE_BUCKET)
        await store.put("standing.b", '{"of": "another version"}', deadline_seconds=5)
        report = one.sees(1)
        assert await one.hears() == report


async def test_it_is_kept_in_memory_and_is_no_fact(nats_server: NatsServer) -> None:
    await nats_server.start()
    async with living(nats_server, "a") as (one,), open_bus(nats_server.url, name="other") as bus:
        one.sees(1)
        await one.hears()
        jetstream = await bus.jetstream()
        await ensure_stream(jetstream)
        kept = await jetstream.stream_info("KV_turnout_live")
        assert (kept.config.storage, kept.config.max_age) == ("memory", 60.0)
        assert kept.config.max_msgs_per_subject == 1


async def test_a_target_stands_the_same_at_all_replicas(nats_server: NatsServer) -> None:
    """What one has met on its calls, another one says of the target within one report."""
    await nats_server.start()
    one, two = Standings(replica="a"), Standings(replica="b")
    target, has_heard = "a/1@env", asyncio.Event()

    def heard(report: StandingReport) -> None:
        two.heard(report, now=NOW)
        has_heard.set()

    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(open_bus(nats_server.url, name="test"))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        live = Live(bus, tell_seconds=TELL_SECONDS)
        for work in (live.tell(lambda: one.report(now=NOW)), live.listen(heard)):
            stack.push_async_callback(end_task, tasks.create_task(work))
        for come_back in (None, 30.0):
            end = CallEnd(
                ending="answered" if come_back is None else "throttled",
                sent_at=NOW,
                size="more",
                open_seconds=20.0,
                first_content_seconds=20.0,
                come_back_seconds=come_back,
            )
            one.begun(target, now=NOW)
            one.ended(target, end, peers=(target,), now=NOW)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await has_heard.wait()
    ours, theirs = (on.of(target, "more", now=NOW) for on in (one, two))
    assert (theirs.state, theirs.eligible_at) == ("throttled", NOW + 30)
    assert theirs.first_content == ours.first_content


def test_the_servers_that_we_describe_have_the_memory_for_it() -> None:
    """A server that has less refuses the bucket, and replicas then know only what they have seen themselves."""
    values = yaml.safe_load((ROOT / "k8s/engines/nats.values.yaml").read_text(encoding="utf-8"))
    store = values["config"]["jetstream"]["memoryStore"]
    assert store["enabled"] is True
    needed = LIVE_BUCKET.max_bytes
    assert needed is not None
    assert int(store["maxSize"].removesuffix("Mi")) * 1024 * 1024 >= needed
    assert needed <= JETSTREAM_MEMORY_BYTES
