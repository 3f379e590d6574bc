"""The processes that `turnout serve` runs beside itself: engines, simulated provider, services.

Each is described for the supervisor: its command, its environment (the parent's settings with the
addresses of the engines in them), the sockets it inherits, and how to tell that it serves.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from turnout import parts
from turnout.catalog.catalog import Catalog
from turnout.engines.child import Child, Endpoint, Probe
from turnout.engines.embedded import Engines, Outside, Ports, embedded_engines
from turnout.engines.failure import UNFIT_STATUS
from turnout.holding import RPC_SERVICES, HeldSockets
from turnout.rpc.address import listed
from turnout.settings import LISTENER_VARIABLE, RpcService, Settings

PROBE_SECONDS = 1.0

SERVICE_GRACE_SECONDS = 30.0
"""How long a service may take to end: its calls under way (25 s) and its facts (3 s)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What runs beside this process, and the settings with everybody's address in them."""

    settings: Settings
    children: tuple[Child, ...]


def plan(settings: Settings, catalog: Catalog, *, held: HeldSockets | None) -> Plan:
    """Engines that have no outside address, the simulated provider if it is wanted, telemetry,
    and with `held` the other services at the ports that are held for them.
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
        )
    )
    if held is not None:
        for service in RPC_SERVICES:
            ports = held.ports[service]
            replicas = [
                _replica(service, number, port, settings, env=shared, after=names)
                for number, port in enumerate(ports)
            ]
            children += replicas
            shared[f"TURNOUT_{_section(service)}__ADDRESS"] = listed(ports)
            names = (*names, *(child.name for child in replicas))
        children.append(_ingress(settings, held, env=shared, after=names))
    return Plan(settings=_resolved(settings, engines), children=tuple(children))


def _replica(
    service: RpcService,
    number: int,
    port: int,
    settings: Settings,
    *,
    env: Mapping[str, str],
    after: tuple[str, ...],
) -> Child:
    """The first has the service's own name and ports; the others are numbered from 2."""
    told, section = settings.rpc(service), _section(service)
    is_stream = service == "upstream-dispatcher"
    return replace(
        _service(
            service,
            env={
                **env,
                f"TURNOUT_{section}__PORT": str(port),
                f"TURNOUT_{section}__METRICS_PORT": str(
                    told.metrics_port + number if told.metrics_port else 0
                ),
            },
            endpoint=Endpoint(port=port, setting=f"TURNOUT_{section}__PORT", is_held=True),
            after=after,
            leave_seconds=_longest_answer(settings) if is_stream else SERVICE_GRACE_SECONDS,
        ),
        name=service if number == 0 else f"{service}-{number + 1}",
    )


def _ingress(
    settings: Settings, held: HeldSockets, *, env: Mapping[str, str], after: tuple[str, ...]
) -> Child:
    port: int = held.listener.getsockname()[1]
    return replace(
        _service(
            "ingress",
            env={
                **env,
                "TURNOUT_INGRESS__PORT": str(port),
                LISTENER_VARIABLE: str(held.listener.fileno()),
            },
            endpoint=Endpoint(port=port, setting="TURNOUT_INGRESS__PORT", is_held=True),
            after=after,
            grace_seconds=settings.ingress.drain_seconds + 5.0,
            leave_seconds=_longest_answer(settings),
        ),
        inherited=(held.listener.fileno(),),
    )


def _longest_answer(settings: Settings) -> float:
    """One that has been replaced is in nobody's way: its streams may take as long as any may."""
    return settings.upstream_dispatcher.request_seconds + SERVICE_GRACE_SECONDS


def _section(service: RpcService) -> str:
    return service.replace("-", "_").upper()


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
    ready: Probe | None = None,
    endpoint: Endpoint | None = None,
    after: tuple[str, ...] = (),
    grace_seconds: float = SERVICE_GRACE_SECONDS,
    leave_seconds: float = SERVICE_GRACE_SECONDS,
) -> Child:
    return Child(
        name=name,
        argv=(sys.executable, "-m", "turnout", "run", name),
        ready=ready,
        endpoint=endpoint,
        env=_with_source(env),
        after=after,
        is_replaceable=True,
        unfit_status=UNFIT_STATUS,
        stop_grace_seconds=grace_seconds,
        leave_seconds=leave_seconds,
    )


def _with_source(env: Mapping[str, str]) -> dict[str, str]:
    """Children import the same turnout as this process, installed or not."""
    source = str(Path(__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    return {**env, "PYTHONPATH": os.pathsep.join(filter(None, (source, inherited)))}


def _listens(port: int) -> Probe:
    async def ready() -> bool:
        async with asyncio.timeout(PROBE_SECONDS):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        return True

    return ready


async def _always() -> bool:
    return True
