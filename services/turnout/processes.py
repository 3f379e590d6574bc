"""The processes that `turnout serve` runs beside itself: engines, simulated provider, services.

Each is described for the supervisor: its command, its environment (the parent's settings with the
addresses of the engines in them), and how to tell that it serves.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from turnout import parts
from turnout.catalog.catalog import Catalog
from turnout.engines.child import Child, Endpoint, Probe
from turnout.engines.embedded import Engines, Outside, Ports, embedded_engines
from turnout.settings import RpcService, Settings

PROBE_SECONDS = 1.0

_REACHED_AT: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
"""An address that means every interface is no address to connect to."""

RPC_SERVICES: tuple[RpcService, ...] = ("session-cache-tracker", "scorer", "upstream-dispatcher")


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs beside this process, and the settings with everybody's address in them."""

    settings: Settings
    children: tuple[Child, ...]


def plan(settings: Settings, catalog: Catalog, *, split: bool) -> Plan:
    """Engines that have no outside address, the simulated provider if it is wanted, telemetry,
    and with `split` the other services.
    """
    engines = _engines(settings)
    shared = {
        "TURNOUT_DATA_DIR": str(settings.data_dir.resolve()),
        "TURNOUT_NATS__URL": engines.nats_url,
        "TURNOUT_REDIS__URL": engines.redis_url,
    }
    children = list(engines.children)
    if parts.is_simulated(settings, catalog) and not settings.simulator.url:
        children.append(_simulator(settings))
        shared["TURNOUT_SIMULATOR__URL"] = parts.simulator_url(settings)
    names = tuple(child.name for child in children)
    children.append(
        _service(
            "telemetry",
            env={**shared, "TURNOUT_CLICKHOUSE__URL": engines.clickhouse_writer_url},
            # It waits for its engines by itself; nothing waits for it.
            ready=_always,
            endpoint=None,
            after=(),
        )
    )
    if split:
        for service in RPC_SERVICES:
            told = settings.rpc(service)
            section = service.replace("-", "_").upper()
            children.append(
                _service(
                    service,
                    env=dict(shared),
                    ready=_listens(told.port),
                    endpoint=Endpoint(port=told.port, setting=f"TURNOUT_{section}__PORT"),
                    after=names,
                )
            )
            shared[f"TURNOUT_{section}__ADDRESS"] = f"127.0.0.1:{told.port}"
            names = (*names, service)
        children.append(
            _service(
                "ingress",
                env={**shared, "TURNOUT_INGRESS__PORT": str(settings.ingress.port)},
                ready=_listens(settings.ingress.port, settings.ingress.host),
                endpoint=Endpoint(port=settings.ingress.port, setting="TURNOUT_INGRESS__PORT"),
                after=names,
                grace_seconds=settings.ingress.drain_seconds + 5.0,
            )
        )
    return Plan(settings=_resolved(settings, engines), children=tuple(children))


def _engines(settings: Settings) -> Engines:
    return embedded_engines(
        data_dir=settings.data_dir,
        ports=Ports(
            nats=settings.nats.port,
            redis=settings.redis.port,
            clickhouse=settings.clickhouse.port,
        ),
        outside=Outside(
            nats_url=settings.nats.url or None,
            redis_url=settings.redis.url or None,
            clickhouse_url=settings.clickhouse.url or None,
        ),
    )


def _resolved(settings: Settings, engines: Engines) -> Settings:
    return settings.model_copy(
        update={
            "nats": settings.nats.model_copy(update={"url": engines.nats_url}),
            "redis": settings.redis.model_copy(update={"url": engines.redis_url}),
        }
    )


def _simulator(settings: Settings) -> Child:
    port = settings.simulator.port
    return Child(
        name="simulator",
        argv=(sys.executable, "-m", "turnout.simulator", "--port", str(port)),
        ready=_listens(port),
        endpoint=Endpoint(port=port, setting="TURNOUT_SIMULATOR__PORT"),
        env=_with_source({"TURNOUT_SIMULATOR__DIRECTIVES": settings.simulator.directives}),
    )


def _service(
    name: str,
    *,
    env: Mapping[str, str],
    ready: Probe,
    endpoint: Endpoint | None,
    after: tuple[str, ...],
    grace_seconds: float = 30.0,
) -> Child:
    return Child(
        name=name,
        argv=(sys.executable, "-m", "turnout", "run", name),
        ready=ready,
        endpoint=endpoint,
        env=_with_source(env),
        after=after,
        stop_grace_seconds=grace_seconds,
    )


def _with_source(env: Mapping[str, str]) -> dict[str, str]:
    """Children import the same turnout as this process, installed or not."""
    source = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {**env, "PYTHONPATH": os.pathsep.join(filter(None, (source, inherited)))}


def _listens(port: int, host: str = "127.0.0.1") -> Probe:
    reached = _REACHED_AT.get(host.strip("[]"), host.strip("[]"))

    async def ready() -> bool:
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection(reached, port)
        writer.close()
        await writer.wait_closed()
        return True

    return ready


async def _always() -> bool:
    return True
