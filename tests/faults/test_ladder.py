"""The ladder: what serves when a part is down, rung by rung, and that header, metric and record say so.

Rules: a part is down for as long as a case wants, because whoever would start it again is held meanwhile.
"""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
import pytest

from tests.faults.arrivals import each_once
from tests.faults.clients import Question, Seen, ask
from tests.faults.product import Part, Product
from turnout.engines.free_ports import free_ports

pytestmark = pytest.mark.anyio

NAMED: Final = "claude-opus-5-5"
"""The dearest of those that compete, and so never what the cheapest end of the dial chooses."""

AUTO: Final = "turnout/auto"
BURST: Final = 32
LONG: Final = "The parser returns nothing for an empty file and the test wants an error. " * 30
"""What takes the embedder longest: more than it reads of a text."""

WAIT_SECONDS: Final = 30.0

METERED: Final = ("UPSTREAM_DISPATCHER", "TELEMETRY")


@dataclass(frozen=True, slots=True)
class Rung:
    """Attributes:
    degraded: the word of header, metric and record, "" where requests are decided as ever.
    sign: a metric that says that the part is down where requests do not: whose, and its sample.
    stays: whether a thread stays where it was; the model that is named serves a new one.
    """

    part: Part
    degraded: str = ""
    sign: tuple[str, str] = ("", "")
    stays: bool = True


RUNGS: Final[Mapping[str, Rung]] = {
    "scorer": Rung("scorer", degraded="scorer"),
    "tracker": Rung("session-cache-tracker", degraded="tracker", stays=False),
    "Redis": Rung("valkey", degraded="tracker", stays=False),
    "NATS": Rung("nats", sign=("UPSTREAM_DISPATCHER", "turnout_publish_failures_total")),
    "ClickHouse": Rung("clickhouse", sign=("TELEMETRY", "turnout_insert_failures_total")),
}


@dataclass(frozen=True, slots=True)
class Ladder:
    product: Product
    ports: Mapping[str, int]
    client: aiohttp.ClientSession

    async def ask(self, session: str, *, model: str = AUTO, text: str = "Why?") -> Seen:
        question = Question(
            wire="anthropic_messages", stream=True, session=session, model=model, text=text
        )
        return await ask(self.client, self.product.url, question)

    async def metric(self, service: str, sample: str) -> float:
        url = f"http://127.0.0.1:{self.ports[service]}/metrics"
        async with self.client.get(url) as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample))

    async def degraded(self, part: str) -> float:
        sample = f'turnout_degraded_requests_total{{part="{part}"}}'
        return await self.metric("INGRESS", sample) + await self.metric(
            "UPSTREAM_DISPATCHER", sample
        )

    @asynccontextmanager
    async def down(self, part: Part) -> AsyncGenerator[None]:
        os.kill(self.product.pid, signal.SIGSTOP)
        pid = await self.product.kill_and_see(part)
        try:
            yield
        finally:
            os.kill(self.product.pid, signal.SIGCONT)
        await self.product.until_replaced(part, pid)

    async def recorded(self, seen: list[Seen]) -> None:
        """Once each, and every record says what the header said."""
        await each_once(self.product, seen)
        for view in ("requests", "decisions"):
            for one in seen:
                rows = await self.product.rows(
                    f"SELECT arrayStringConcat(degraded, ',') FROM {view}"
                    f" WHERE request_id = '{one.request_id}'"
                )
                assert rows == [[one.degraded]], (view, one)


@pytest.fixture(scope="module")
async def ladder(
    anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ladder]:
    product = Product(home=tmp_path_factory.mktemp("ladder"), split=True)
    ports = dict(zip(METERED, free_ports(len(METERED)), strict=True))
    product.settings |= {
        **{f"TURNOUT_{name}__METRICS_PORT": str(port) for name, port in ports.items()},
        # The cheapest serves what it may, so that whoever is dear was not chosen.
        "TURNOUT_ROUTING__QUALITY_BIAS": "0",
        "TURNOUT_ROUTING__EXPLORATION": "0",
        "TURNOUT_ROUTING__CONTROL_SHARE": "0",
        # What a busy machine makes late is not what is tried here.
        "TURNOUT_SCORER__DEADLINE_SECONDS": "2",
    }
    try:
        await product.whole()
        async with aiohttp.ClientSession() as client:
            yield Ladder(product, {"INGRESS": product.port("ingress"), **ports}, client)
    finally:
        await product.kill()
        product.report()


@pytest.mark.parametrize("name", RUNGS)
async def test_a_part_is_down(ladder: Ladder, name: str) -> None:
    rung = RUNGS[name]
    await ladder.product.whole()
    begun = await ladder.ask(f"{name} begun")
    named = await ladder.ask(f"{name} named", model=NAMED)
    assert [one.degraded for one in (begun, named)] == ["", ""]
    assert NAMED not in (begun.model, named.model), "with all parts there something cheaper serves"
    told = await ladder.degraded(rung.degraded)
    async with ladder.down(rung.part):
        on = await ladder.ask(f"{name} begun")
        new = await ladder.ask(f"{name} new", model=NAMED)
        while_down = [on, new]
        await until_told(ladder, rung)
    assert [one.degraded for one in while_down] == [rung.degraded] * 2
    if rung.degraded:
        assert new.model == NAMED, "what is asked for serves"
        assert await ladder.degraded(rung.degraded) - told == len(while_down)
    else:
        assert new.model == named.model, "decided as ever"
    assert (on.model == begun.model) == rung.stays
    after = await until_whole(ladder, name)
    await ladder.recorded([begun, named, *while_down, *after])


async def until_told(ladder: Ladder, rung: Rung) -> None:
    """Until a metric says of the part what no request does."""
    service, sample = rung.sign
    async with asyncio.timeout(WAIT_SECONDS):
        while service and not await ladder.metric(service, sample):
            await asyncio.sleep(0.05)


async def until_whole(ladder: Ladder, name: str) -> list[Seen]:
    """Until requests are decided with all parts again; those on the way there, too."""
    seen: list[Seen] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while not seen or seen[-1].degraded:
            seen.append(await ladder.ask(f"{name} after"))
    return seen


async def test_the_text_is_late(ladder: Ladder) -> None:
    """More new texts at once than the embedder can read in time: decided without them."""
    await ladder.product.whole()
    told = await ladder.degraded("text")
    seen = await asyncio.gather(
        *(ladder.ask(f"text {number}", text=f"{number} {LONG}") for number in range(BURST))
    )
    late = [one for one in seen if "text" in one.degraded]
    assert late, [one.degraded for one in seen]
    assert NAMED not in {one.model for one in late}
    assert await ladder.degraded("text") - told == len(late)
    await ladder.recorded(list(seen))
