"""Builds processes out of services: the only place that decides who lives where.

Every part is asked for through its port. Its address set means it runs elsewhere and is called over
gRPC; unset means it is built in this process. So one process (`turnout serve`), five processes on
loopback (`turnout serve --split`) and Kubernetes (`turnout run SERVICE`) are the same code with
other settings.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from turnout import __version__, parts
from turnout.bus.connection import Bus, open_bus
from turnout.bus.control import ControlStore, OnChange, end_task
from turnout.bus.control_keys import ARTIFACT_KEY, MODE_KEY, SETTINGS_KEY, ArtifactRole
from turnout.bus.metrics import BusMetrics
from turnout.bus.publisher import Publisher
from turnout.bus.spool import Spool, SpoolFactSink, open_spool
from turnout.catalog.catalog import Catalog
from turnout.errors import Unavailable
from turnout.observe.calls import CallTimes, TimedScorer, TimedSessionCacheTracker
from turnout.observe.metrics import MeteredFactSink, Metrics
from turnout.observe.part_watch import watch_parts
from turnout.observe.spans import Kind, Tracer
from turnout.observe.traced import TracedScorer, TracedSessionCacheTracker
from turnout.observe.tracing import RandomIds
from turnout.policy.request import Prefix
from turnout.ports import (
    FactSink,
    LookRequest,
    Scorer,
    SessionCacheTracker,
    UpstreamDispatcher,
)
from turnout.readiness import parts_now
from turnout.rpc.address import is_loopback
from turnout.settings import Rpc, RpcService, Settings
from turnout.tenant_settings import TenantSettings

if TYPE_CHECKING:
    from grpc.aio import Channel, ServerInterceptor

    from turnout.ingress.app import Edge
    from turnout.upstream_dispatcher.standings import Standings


WARM_UP_SECONDS = 2.0
"""How long a start waits for another part, so that the first request need not; parts that come
later are connected to when they are there."""


@dataclass(slots=True)
class Process:
    """The parts of one process, built when first asked for and closed in reverse order.

    Attributes:
        tasks: background work of the parts; ends with the process.
        tracer: None where tracing is off: then nothing here is wrapped in spans.

    """

    settings: Settings
    catalog: Catalog
    service: str
    stack: AsyncExitStack
    tasks: asyncio.TaskGroup
    metrics: Metrics
    bus: Bus
    tracer: Tracer | None
    _facts: FactSink | None = None
    _spool: Spool | None = None
    _tracker: SessionCacheTracker | None = None
    _standings: "Standings | None" = None

    async def facts(self) -> FactSink:
        """The spool of this process with its publisher; one for all parts."""
        if self._facts is None:
            bus_metrics = BusMetrics(self.metrics.registry)
            spool = open_spool(
                self.settings.data_dir / "spool",
                service=self.service,
                metrics=bus_metrics,
                max_bytes=self.settings.telemetry.spool_bytes,
            )
            self.stack.callback(spool.close)
            self._spool = spool
            stop = asyncio.Event()
            publisher = Publisher(spool=spool, bus=self.bus, metrics=bus_metrics)
            running = self.tasks.create_task(publisher.run(stop))

            async def drain() -> None:
                stop.set()
                await asyncio.wait((running,))

            self.stack.push_async_callback(drain)
            self._facts = MeteredFactSink(SpoolFactSink(spool, metrics=bus_metrics), self.metrics)
        return self._facts

    async def tracker(self) -> SessionCacheTracker:
        if self._tracker is None:
            self._tracker = await self._build_tracker()
            await _warm_up(self._tracker)
        return self._tracker

    async def _build_tracker(self) -> SessionCacheTracker:
        told = self.settings.session_cache_tracker
        if told.address:
            from turnout.rpc.session_cache_tracker import RemoteSessionCacheTracker

            return TimedSessionCacheTracker(
                RemoteSessionCacheTracker(await self._channel(told)),
                CallTimes(self.metrics.rpc_client, part="session-cache-tracker"),
            )
        from turnout.session_cache_tracker.redis import open_redis_store
        from turnout.session_cache_tracker.service import LocalSessionCacheTracker

        store = await self.stack.enter_async_context(open_redis_store(self.settings.redis.url))
        hits = parts.hits_of(self.settings)
        active: ArtifactRole = "active"
        self._watch(ARTIFACT_KEY + active, hits.on_control)
        tracker = LocalSessionCacheTracker(store, await self.facts(), lambda: hits.of(active))
        if self.tracer is None:
            return tracker
        return TracedSessionCacheTracker(
            tracker, self.tracer, kind=self._kind_of("session-cache-tracker")
        )

    async def scorer(self) -> Scorer:
        told = self.settings.scorer
        if told.address:
            from turnout.rpc.scorer import RemoteScorer

            return TimedScorer(
                RemoteScorer(await self._channel(told)),
                CallTimes(self.metrics.rpc_client, part="scorer"),
            )
        from turnout.scoring import open_scorer

        scorer = await self.stack.enter_async_context(
            open_scorer(
                self.settings,
                self.catalog,
                tracker=await self.tracker(),
                facts=await self.facts(),
                store=ControlStore(self.bus),
                tasks=self.tasks,
                metrics=self.metrics,
                standings=self.standings(),
            )
        )
        if self.tracer is None:
            return scorer
        return TracedScorer(scorer, self.tracer, kind=self._kind_of("scorer"))

    def standings(self) -> "Standings":
        """How targets stand, as this process has seen and others tell; one for all parts."""
        if self._standings is None:
            from turnout.bus.live import Live
            from turnout.upstream_dispatcher.standings import Standings

            standings = self._standings = Standings(replica=uuid4().hex)
            self._run(
                Live(self.bus).listen(lambda report: standings.heard(report, now=time.time()))
            )
        return self._standings

    async def dispatcher(self) -> UpstreamDispatcher:
        told = self.settings.upstream_dispatcher
        if told.address:
            from turnout.rpc.upstream_dispatcher import RemoteUpstreamDispatcher

            return RemoteUpstreamDispatcher(
                await self._channel(told),
                begin_seconds=told.begin_seconds,
                deadline_seconds=parts.limits_of(self.settings).dispatch_seconds,
            )
        from turnout.bus.live import Live
        from turnout.dialects.registry import DIALECTS
        from turnout.policy.hedge import NOT_HEDGED
        from turnout.upstream_dispatcher.service import LocalUpstreamDispatcher

        local = await self.stack.enter_async_context(
            LocalUpstreamDispatcher(
                catalog=self.catalog,
                upstreams=parts.upstreams_of(self.settings, self.catalog),
                dialects=DIALECTS,
                tracker=await self.tracker(),
                facts=await self.facts(),
                clock=time.time,
                limits=parts.limits_of(self.settings),
                hedge_terms=parts.hedge_terms_of(self.settings),
                standings=self.standings(),
                tracer=self.tracer,
                span_kind=self._kind_of("upstream-dispatcher"),
            )
        )
        for keys in (MODE_KEY, SETTINGS_KEY):
            self._watch(f"{keys}*", local.keeper.on_control)
        in_flight = self.metrics.in_flight.labels("upstream-dispatcher")
        in_flight.set_function(lambda: local.in_flight)
        self.metrics.notes_lost.follow(("failed",), lambda: local.notes_failed)
        self.metrics.notes_lost.follow(("dropped",), lambda: local.notes_dropped)
        for reason in NOT_HEDGED:
            self.metrics.not_hedged.follow((reason,), partial(local.hedging.times_refused, reason))
        standings = local.standings
        self.metrics.standings.follow(lambda: standings.gauges(now=time.time()))
        self._run(Live(self.bus).tell(lambda: standings.report(now=time.time())))
        return local

    async def ingress(self) -> "Edge":
        from turnout.ingress.app import build_edge
        from turnout.ingress.control import Control
        from turnout.ingress.guard import guard_for
        from turnout.ingress.intake import Intake
        from turnout.ingress.modes import ModeBoard
        from turnout.ingress.proxy import Limits, Proxy

        settings, catalog = self.settings, self.catalog
        modes = ModeBoard(
            parts.default_mode(settings, catalog),
            paying_default=settings.routing.mode or "observe",
        )
        store, tenants = ControlStore(self.bus), parts.tenants_of(settings, catalog)
        self._watch(f"{MODE_KEY}*", modes.on_control)
        self._watch(f"{SETTINGS_KEY}*", tenants.on_control)
        self.metrics.settings_ignored.set_function(lambda: len(tenants.refused))
        scorer, facts = await self.scorer(), await self.facts()
        told = settings.ingress
        limits = Limits(
            max_body_bytes=told.max_body_bytes,
            body_seconds=told.body_seconds,
            route_seconds=settings.scorer.deadline_seconds,
            requests=told.max_requests,
            bodies_bytes=told.max_bodies_bytes,
            sockets=told.max_sockets,
            sockets_per_key=told.max_sockets_per_key,
        )
        intake = Intake(
            guard=guard_for(
                is_loopback=is_loopback(told.host),
                hosts=told.allowed_hosts,
                origins=told.allowed_origins,
            ),
            door=parts.door_of(settings, catalog),
            modes=modes,
            tenants=tenants,
            ids=RandomIds(),
            clock=time.time,
            timed=self.metrics.identified,
        )
        proxy = Proxy(
            intake=intake,
            scorer=scorer,
            dispatcher=await self.dispatcher(),
            facts=facts,
            catalog=catalog,
            limits=limits,
        )
        self.metrics.in_flight.labels("ingress").set_function(lambda: proxy.in_flight)
        readiness = await self._readiness()
        asking = self.tasks.create_task(watch_parts(readiness, self.metrics.part_up))
        self.stack.push_async_callback(end_task, asking)
        return build_edge(
            proxy,
            Control(
                intake=intake,
                scorer=scorer,
                facts=facts,
                catalog=catalog,
                modes=modes,
                settings=TenantSettings(settings.routing, catalog),
                store=store,
                artifacts=parts.artifacts_of(settings, catalog, store),
                limits=limits,
                room=proxy.room,
                exposition=self.metrics.exposition,
                parts=readiness,
            ),
            tracer=self.tracer,
        )

    def interceptors(self) -> "Sequence[ServerInterceptor]":
        """What stands in front of the gRPC server of this process."""
        if self.tracer is None:
            return ()
        from turnout.rpc.trace_context import TraceContextInterceptor

        return (TraceContextInterceptor(),)

    def _watch(self, keys: str, on_change: OnChange) -> None:
        """Have a part follow control keys for as long as the process lives."""
        self._run(ControlStore(self.bus).watch(keys, on_change))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        """Beside the parts, until they are closed."""
        self.stack.push_async_callback(end_task, self.tasks.create_task(work))

    def _kind_of(self, service: RpcService) -> Kind:
        """Of a service's spans: it is called over gRPC in its own process and directly elsewhere."""
        return "server" if self.service == service else "internal"

    async def _readiness(self) -> Callable[[], Awaitable[dict[str, str]]]:
        """What is there: the ingress itself, and what it would be served without."""
        tracker = await self.tracker()
        elsewhere = {
            name: await self._channel(told)
            for name, told in (
                ("scorer", self.settings.scorer),
                ("upstream-dispatcher", self.settings.upstream_dispatcher),
            )
            if told.address
        }

        return partial(
            parts_now,
            tracker=tracker,
            elsewhere=elsewhere,
            is_bus_connected=lambda: self.bus.is_connected,
            is_spool_full=lambda: self._spool is not None and self._spool.is_full,
        )

    async def _channel(self, told: Rpc) -> "Channel":
        from turnout.rpc.channel import open_channel

        channel = await self.stack.enter_async_context(
            open_channel(told.address, tls=parts.tls_of(self.settings))
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(WARM_UP_SECONDS):
                await channel.channel_ready()
        return channel


async def _warm_up(tracker: SessionCacheTracker) -> None:
    """Connect before the first request has to; one that cannot be reached is waited for later."""
    look = LookRequest(
        thread_key="warm-up", head_scopes=(), prefix=Prefix(head_digest=""), now=time.time()
    )
    with suppress(Unavailable):
        await tracker.look(look, deadline_seconds=WARM_UP_SECONDS)


@asynccontextmanager
async def process(settings: Settings, *, service: str) -> AsyncGenerator[Process]:
    """A process without parts yet; everything it builds is closed at the end."""
    catalog = parts.catalog_of(settings)
    metrics = Metrics(version=__version__, service=service, known_models=frozenset(catalog.models))
    with _one_error():
        async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
            tracer = await open_tracing(settings, stack, service=service)
            bus = await stack.enter_async_context(open_bus(settings.nats.url, name=service))
            yield Process(
                settings=settings,
                catalog=catalog,
                service=service,
                stack=stack,
                tasks=tasks,
                metrics=metrics,
                bus=bus,
                tracer=tracer,
            )


async def open_tracing(settings: Settings, stack: AsyncExitStack, *, service: str) -> Tracer | None:
    """The tracer of a process, None when tracing is off. What it has queued is exported at the end."""
    told = parts.exporting_of(settings)
    if told is None:
        return None
    from turnout.observe.otlp import open_tracer

    is_alone = service == "ingress" and not settings.scorer.address
    name = "turnout" if is_alone else f"turnout-{service}"
    return await stack.enter_async_context(open_tracer(told, service=name))


@contextmanager
def _one_error() -> Generator[None]:
    """Let an error out as itself: the task group wraps even what the block inside it raises, and
    a person who starts a service is told one line.
    """
    try:
        yield
    except ExceptionGroup as group:
        raise _first_of(group) from None


def _first_of(error: Exception) -> Exception:
    match error:
        case ExceptionGroup(exceptions=[Exception() as first, *_]):
            return _first_of(first)
        case _:
            return error
