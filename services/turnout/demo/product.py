"""The Turnout that a demo plays through: one of its own, or one that runs already.

Its own has free ports, a temporary data directory, the simulated provider and mode full, and none of
the caller's settings or keys. A running one must answer by a simulated provider: sessions of tens of
millions of tokens are not sent to anyone who bills them.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec

from turnout.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.engines.free_ports import free_ports
from turnout.errors import InvalidRequest, Unavailable

START_SECONDS = 90.0
"""Three engines and a model load in a few seconds; a busy machine takes ten times as long."""

STOP_SECONDS = 45.0
"""Longer than the grace that `turnout serve` gives its children."""

POLL_SECONDS = 0.1
ASK_SECONDS = 10.0

PORTS = (
    *("INGRESS__PORT", "NATS__PORT", "REDIS__PORT", "CLICKHOUSE__PORT", "SIMULATOR__PORT"),
    *("SCORER__PORT", "SESSION_CACHE_TRACKER__PORT", "UPSTREAM_DISPATCHER__PORT"),
)

OWN_SETTINGS = {
    "TURNOUT_SIMULATOR__ENABLED": "always",
    "TURNOUT_ROUTING__MODE": "full",
    # Answers a few times faster than the simulator's usual, so that the demo is over in two minutes.
    "TURNOUT_SIMULATOR__DIRECTIVES": "gap=0.001",
    # Agents, provider, engines and ClickHouse share this machine, which is not what the promise of
    # 50 ms is about; a decision without its scorer would show nothing of the routing.
    "TURNOUT_SCORER__DEADLINE_SECONDS": "1",
    "TURNOUT_LOG_LEVEL": "warning",
}

LOG_TAIL = 1_500
"""Characters of a log that say why something did not start."""


@dataclass(frozen=True, slots=True)
class Product:
    """Where to play and where to read. `simulator` is "" when it cannot be scripted from here."""

    url: str
    clickhouse: str
    database: str
    simulator: str


@contextlib.asynccontextmanager
async def own_product(*, split: bool) -> AsyncGenerator[Product]:
    """A Turnout from its first ready answer on; gone with its data at the end. Raises
    `Unavailable` with the end of its log when it does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="turnout-demo-") as directory:
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        log = Path(directory) / "turnout.log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "turnout", "serve", *(("--split",) if split else ())),
                env=_environment(Path(directory) / "data", ports),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        product = Product(
            url=f"http://127.0.0.1:{ports['INGRESS__PORT']}",
            clickhouse=f"http://127.0.0.1:{ports['CLICKHOUSE__PORT']}",
            database="turnout",
            simulator=f"http://127.0.0.1:{ports['SIMULATOR__PORT']}",
        )
        try:
            await _wait_until_ready(product, process, log)
            yield product
        finally:
            await _stop(process)


async def running_product(url: str, *, clickhouse: str, database: str, key: str) -> Product:
    """One that runs already. Raises `Unavailable` when nobody answers, `InvalidRequest` when a real
    provider would.
    """
    product = Product(url=url.rstrip("/"), clickhouse=clickhouse, database=database, simulator="")
    question = {
        "model": "turnout/auto",
        "max_tokens": 16,
        "messages": [{"role": "user", "content": "Who would answer?"}],
    }
    headers = {"x-turnout-key": key} if key else {}
    async with httpx.AsyncClient(timeout=ASK_SECONDS, trust_env=False) as client:
        try:
            answer = await client.post(f"{product.url}/v1/route", json=question, headers=headers)
        except httpx.TransportError as reason:
            raise Unavailable(
                f"No Turnout answers at {url}: {reason or 'no connection'}."
            ) from None
    if answer.is_error:
        raise Unavailable(f"{url} said {answer.status_code}: {answer.text[:300]}")
    targets = msgspec.json.decode(answer.content, type=_Routed).decision.targets
    if not targets or any(not target.endswith("@simulated") for target in targets):
        raise InvalidRequest(
            f"{url} would ask a real provider ({', '.join(targets) or 'nobody'}); the demo plays only"
            " through a simulated one (TURNOUT_SIMULATOR__ENABLED=always)."
        )
    return product


class _Decision(msgspec.Struct):
    targets: list[str]


class _Routed(msgspec.Struct):
    decision: _Decision


def _environment(data_dir: Path, ports: dict[str, int]) -> dict[str, str]:
    secret = {
        provider.api_key_env for provider in parse_catalog(snapshot_bytes()).providers.values()
    }
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in secret and not name.upper().startswith("TURNOUT_")
    }
    told = {f"TURNOUT_{name}": str(port) for name, port in ports.items()}
    return {**kept, **told, **OWN_SETTINGS, "TURNOUT_DATA_DIR": str(data_dir)}


async def _wait_until_ready(
    product: Product, process: asyncio.subprocess.Process, log: Path
) -> None:
    async with httpx.AsyncClient(timeout=ASK_SECONDS, trust_env=False) as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                while process.returncode is None:
                    with contextlib.suppress(httpx.TransportError):
                        answer = await client.get(f"{product.url}/ready")
                        if answer.is_success and b'"degraded"' not in answer.content:
                            return
                    await asyncio.sleep(POLL_SECONDS)
    ended = process.returncode
    how = f"was not ready within {START_SECONDS:g} s" if ended is None else f"ended with {ended}"
    raise Unavailable(f"The demo's Turnout {how}. Its log ends: {_end_of(log) or '(nothing)'}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-LOG_TAIL:].strip()


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
