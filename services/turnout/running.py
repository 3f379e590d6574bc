"""Run one service until it is told to stop."""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol, assert_never

from turnout import __version__, parts
from turnout.compose import Process, open_tracing, process
from turnout.engines.handover import Handover
from turnout.http_bounds import HttpBounds
from turnout.http_server import serve_http
from turnout.metrics_port import metrics_at
from turnout.observe.calls import CallTimes, TimedScorer, TimedSessionCacheTracker
from turnout.observe.metrics import Metrics
from turnout.rpc.address import is_loopback
from turnout.settings import BadSetting, RpcService, Settings

if TYPE_CHECKING:
    from grpc.aio import Server

    from turnout.rpc.channel import RpcServer

RPC_DRAIN_SECONDS = 25.0
"""How long calls under way may finish; below the 30 s that orchestrators grant by default."""

GARBAGE_THRESHOLDS = (20_000, 20, 20)
"""Allocations before a collection; a request makes a few thousand objects that die by counting."""

_LOG = logging.getLogger(__name__)


def settle_memory() -> None:
    """Take what was built for good out of the garbage collector's sight.

    Modules, tables and connections live as long as the process; looking through them again and
    again was a twentieth of the time of a small request. Cycles of requests are still collected,
    less often and more at a time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def run_ingress(
    settings: Settings,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    handover: Handover,
    on_serving: Callable[[], None] | None = None,
) -> None:
    """Serve until `stop`. `on_serving` is called once every part is there."""
    async with process(settings, service="ingress") as running:
        app = await running.ingress()
        settle_memory()
        _LOG.info("serving", extra={"port": listener.getsockname()[1]})
        if on_serving is not None:
            on_serving()
        # What connects from now on waits for us in the listener's backlog, if need be.
        handover.serves()
        await serve_http(
            app,
            listener,
            stop,
            handover=handover,
            drain_seconds=settings.ingress.drain_seconds,
            replaced_seconds=settings.upstream_dispatcher.request_seconds,
            leave_sockets=app.leave_sockets,
            max_message_bytes=settings.ingress.max_body_bytes,
            bounds=HttpBounds(
                head_bytes=settings.ingress.max_header_bytes,
                head_seconds=settings.ingress.header_seconds,
                write_seconds=settings.ingress.write_seconds,
                keep_alive_seconds=settings.ingress.keep_alive_seconds,
                connections=settings.ingress.max_connections,
            ),
        )


class _Servicer(Protocol):
    def add_to(self, server: "Server") -> None: ...


async def run_rpc(
    service: RpcService, settings: Settings, stop: asyncio.Event, *, handover: Handover
) -> None:
    """Serve one gRPC service until `stop` and, where a successor comes, until that serves."""
    from turnout.rpc.channel import RpcServer

    settings = _here(service, settings)
    told = settings.rpc(service)
    tls = parts.tls_of(settings)
    if tls is None and not is_loopback(told.host) and not settings.tls.allow_plaintext:
        raise BadSetting(
            f"The {service} would listen on {told.host} without TLS: set TURNOUT_TLS__*, or"
            " TURNOUT_TLS__ALLOW_PLAINTEXT=true where a mesh encrypts."
        )
    async with process(settings, service=service) as running:
        servicer, name = await _servicer(service, running)
        settle_memory()
        server = RpcServer(
            service_names=(name,),
            interceptors=running.interceptors(),
            beside_another=handover.is_supervised,
        )
        servicer.add_to(server.server)
        # The successor needs the metrics' port, so it is given back before one is asked for.
        with metrics_at(
            told.host,
            told.metrics_port,
            registry=running.metrics.registry,
            missing=lambda: () if server.is_serving else ("grpc",),
            service=service,
        ):
            port = await server.start(host=told.host, port=told.port, tls=tls)
            _LOG.info("serving", extra={"port": port})
            handover.serves()
            await stop.wait()
        is_replaced = await handover.leaves()
        async with asyncio.TaskGroup() as group:
            if is_replaced and service == "upstream-dispatcher":
                hurry = group.create_task(_stop_when_all_stops(server, handover))
                await server.stop(grace_seconds=settings.upstream_dispatcher.request_seconds)
                hurry.cancel()
            else:
                await server.stop(grace_seconds=drain_seconds(service, settings))


def _here(service: RpcService, settings: Settings) -> Settings:
    """Without the service's own address: all processes may be told the same addresses, and one that found
    itself by its own would pass every call on to itself, for ever.
    """
    own = settings.rpc(service).model_copy(update={"address": ""})
    return settings.model_copy(update={service.replace("-", "_"): own})


def drain_seconds(service: RpcService, settings: Settings) -> float:
    """How long calls under way may finish after SIGTERM: only answers last longer than a moment."""
    if service == "upstream-dispatcher":
        return settings.upstream_dispatcher.drain_seconds
    return RPC_DRAIN_SECONDS


async def _stop_when_all_stops(server: "RpcServer", handover: Handover) -> None:
    await handover.ends()
    await server.stop(grace_seconds=RPC_DRAIN_SECONDS)


async def _servicer(service: RpcService, running: Process) -> tuple[_Servicer, str]:
    """The serving side of a port, over the part in this process, and its full name."""
    settings = running.settings
    match service:
        case "scorer":
            from turnout.rpc import scorer

            return (
                scorer.ScorerServer(
                    TimedScorer(await running.scorer(), _served(running, service)),
                    deadline_seconds=settings.scorer.deadline_seconds,
                ),
                scorer.SERVICE_NAME,
            )
        case "session-cache-tracker":
            from turnout.rpc import session_cache_tracker as tracker

            return (
                tracker.SessionCacheTrackerServer(
                    TimedSessionCacheTracker(await running.tracker(), _served(running, service)),
                    deadline_seconds=settings.session_cache_tracker.deadline_seconds,
                ),
                tracker.SERVICE_NAME,
            )
        case "upstream-dispatcher":
            from turnout.rpc import upstream_dispatcher as dispatcher

            return (
                dispatcher.UpstreamDispatcherServer(await running.dispatcher()),
                dispatcher.SERVICE_NAME,
            )
        case _:
            assert_never(service)


def _served(running: Process, part: RpcService) -> CallTimes:
    """Times the calls that a part serves, and shows how many are under way."""
    times = CallTimes(running.metrics.rpc, part=part)
    running.metrics.in_flight.labels(part).set_function(lambda: times.in_flight)
    return times


async def run_telemetry(settings: Settings, stop: asyncio.Event, *, handover: Handover) -> None:
    """Consume facts into ClickHouse until `stop`. Facts wait on the bus, so nobody waits for it."""
    from turnout.telemetry.metrics import TelemetryMetrics
    from turnout.telemetry.service import Telemetry, TelemetrySettings

    catalog = parts.catalog_of(settings)
    metrics = Metrics(
        version=__version__, service="telemetry", known_models=frozenset(catalog.models)
    )
    told = settings.telemetry
    async with AsyncExitStack() as stack:
        service = Telemetry(
            TelemetrySettings(
                nats_url=settings.nats.url,
                warehouse=parts.warehouse_of(settings),
                retention=parts.retention_of(settings),
                guardrail=parts.guardrail_of(settings),
            ),
            TelemetryMetrics(metrics.registry),
            tracer=await open_tracing(settings, stack, service="telemetry"),
        )
        metrics.part_up.labels("telemetry").set_function(lambda: not service.waiting_for())
        stack.enter_context(
            metrics_at(
                told.host,
                told.metrics_port,
                registry=metrics.registry,
                missing=service.waiting_for,
                service="telemetry",
            )
        )
        handover.serves()
        await service.run(stop)
