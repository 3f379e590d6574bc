"""Services that are started in the worst order, each `turnout run`: whoever calls before whom it calls, and
the engines last. What is there is used as soon as it is, and nothing that was answered before is lost.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from tests.faults.arrivals import each_once
from tests.faults.clients import NotWhole, Question, Seen, ask
from tests.faults.product import ROOT, START_SECONDS, Part, Product
from turnout.engines.embedded import Ports, embedded_engines
from turnout.engines.supervisor import supervising

pytestmark = pytest.mark.anyio

CALLED: Final = ("SCORER", "SESSION_CACHE_TRACKER", "UPSTREAM_DISPATCHER")


@asynccontextmanager
async def process(product: Product, *command: str, env: Mapping[str, str]) -> AsyncGenerator[None]:
    with product.log.open("ab") as out:
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *command), env=env, cwd=ROOT, stdout=out, stderr=out
        )
    try:
        yield
    finally:
        running.kill()
        await running.wait()


def environment(product: Product, clickhouse_url: str) -> dict[str, str]:
    """As a cluster has it: everybody is told where everybody is, whether they are there or not."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")}
    ports = {name: product.port(name.lower()) for name in ("INGRESS", *CALLED)}
    return {
        **kept,
        "PYTHONPATH": str(ROOT / "services"),
        **{f"TURNOUT_{name}__PORT": str(port) for name, port in ports.items()},
        **{f"TURNOUT_{name}__ADDRESS": f"127.0.0.1:{ports[name]}" for name in CALLED},
        "TURNOUT_NATS__URL": f"nats://127.0.0.1:{product.port('nats')}",
        "TURNOUT_REDIS__URL": f"redis://127.0.0.1:{product.port('redis')}/0",
        "TURNOUT_CLICKHOUSE__URL": clickhouse_url,
        "TURNOUT_SIMULATOR__ENABLED": "always",
        "TURNOUT_SIMULATOR__URL": product.simulator_url,
        # What a busy machine makes late is not what is tried here.
        "TURNOUT_SCORER__DEADLINE_SECONDS": "2",
    }


async def test_services_start_before_those_that_they_call(product: Product, tmp_path: Path) -> None:
    engines = embedded_engines(
        data_dir=tmp_path / "engines",
        ports=Ports(
            nats=product.port("nats"),
            redis=product.port("redis"),
            clickhouse=product.port("clickhouse"),
        ),
    )
    env = environment(product, engines.clickhouse_writer_url)

    async def start(part: Part) -> None:
        told = {**env, "TURNOUT_DATA_DIR": str(tmp_path / part)}
        await stack.enter_async_context(process(product, "turnout", "run", part, env=told))

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(aiohttp.ClientSession())
        await start("telemetry")
        await start("ingress")
        await start("upstream-dispatcher")
        port = str(product.port("simulator"))
        await stack.enter_async_context(
            process(product, "turnout.simulator", "--port", port, env=env)
        )
        seen = await until_degraded_by(product, client, "scorer")
        await start("scorer")
        seen += await until_degraded_by(product, client, "tracker")
        await start("session-cache-tracker")
        await stack.enter_async_context(
            supervising(engines.children, data_dir=tmp_path / "engines")
        )
        seen += await until_degraded_by(product, client, "")
        await each_once(product, seen)
        assert {one.degraded for one in seen} >= {"scorer", "tracker", ""}


async def until_degraded_by(
    product: Product, client: aiohttp.ClientSession, wanted: str
) -> list[Seen]:
    """Ask until requests are answered with all but `wanted`; every whole answer on the way."""
    seen: list[Seen] = []
    question = Question(wire="openai_chat", stream=True, session="early")
    last: Exception | None = None
    try:
        async with asyncio.timeout(START_SECONDS):
            while not seen or seen[-1].degraded != wanted:
                try:
                    seen.append(await ask(client, product.url, question))
                except (NotWhole, aiohttp.ClientError) as reason:
                    # The port, the dispatcher or the provider is not there yet.
                    last = reason
                    await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"never degraded by {wanted!r}: {seen[-3:]} {last}") from None
    return seen
