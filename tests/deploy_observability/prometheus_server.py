"""A real Prometheus that scrapes a test's product with the shipped rules."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from tests.deploy_observability.promtool import program
from turnout.engines.free_ports import free_ports

RULES: Final = Path(__file__).parent.parent.parent / "deploy" / "prometheus"

PATIENCE_SECONDS: Final = 60.0


class _Answer(msgspec.Struct, frozen=True):
    result: list[object]


class _Answered(msgspec.Struct, frozen=True):
    data: _Answer


class _Target(msgspec.Struct, frozen=True):
    health: str


class _Targets(msgspec.Struct, frozen=True, rename="camel"):
    active_targets: list[_Target]


class _TargetsAnswer(msgspec.Struct, frozen=True):
    data: _Targets


class _Rule(msgspec.Struct, frozen=True):
    name: str
    health: str


class _Group(msgspec.Struct, frozen=True):
    rules: list[_Rule]


class _Groups(msgspec.Struct, frozen=True):
    groups: list[_Group]


class _RulesAnswer(msgspec.Struct, frozen=True):
    data: _Groups


@dataclass(frozen=True, slots=True)
class Prometheus:
    client: aiohttp.ClientSession
    url: str

    async def answers(self, query: str) -> bool:
        """Whether the query gives anything now. Fails when it is refused."""
        async with self.client.post(f"{self.url}/api/v1/query", data={"query": query}) as answer:
            body = await answer.read()
            assert answer.status == 200, f"{body.decode()}\n{query}"
            return bool(msgspec.json.decode(body, type=_Answered).data.result)

    async def until_scraped(self, targets: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self._healthy_targets() < targets:
                await asyncio.sleep(0.2)

    async def _healthy_targets(self) -> int:
        try:
            async with self.client.get(f"{self.url}/api/v1/targets") as answer:
                found = msgspec.json.decode(await answer.read(), type=_TargetsAnswer)
        except (aiohttp.ClientError, msgspec.DecodeError):
            return 0  # It is starting.
        return sum(target.health == "up" for target in found.data.active_targets)

    async def until_evaluated(self) -> dict[str, str]:
        """The health of each rule by its name, once none is unknown any more."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while "unknown" in (states := await self._rule_states()).values():
                await asyncio.sleep(0.5)
        return states

    async def _rule_states(self) -> dict[str, str]:
        async with self.client.get(f"{self.url}/api/v1/rules") as answer:
            found = msgspec.json.decode(await answer.read(), type=_RulesAnswer)
        return {rule.name: rule.health for group in found.data.groups for rule in group.rules}


@asynccontextmanager
async def prometheus(addresses: list[str], *, home: Path) -> AsyncIterator[Prometheus]:
    """Scrapes the addresses every second as the job of the shipped configuration."""
    (port,) = free_ports(1)
    for name in ("alerts.yaml", "recording.yaml"):
        # Groups with an interval of their own are first evaluated within it; a test waits less.
        text = (RULES / name).read_text(encoding="utf-8").replace("interval: 5m", "interval: 2s")
        (home / name).write_text(text, encoding="utf-8")
    (home / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 2s}\n"
        "rule_files: [alerts.yaml, recording.yaml]\n"
        "scrape_configs:\n"
        "  - job_name: turnout\n"
        f"    static_configs: [{{targets: {msgspec.json.encode(addresses).decode()}}}]\n"
    )
    with (home / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"),
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as client:
            yield Prometheus(client, f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        await process.wait()
