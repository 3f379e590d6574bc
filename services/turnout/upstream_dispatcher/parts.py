"""What every request needs of the process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from turnout.capabilities import Dialect
from turnout.catalog.catalog import Catalog
from turnout.dialects.dialect import WireDialect
from turnout.observe.spans import Kind, Tracer
from turnout.ports import FactSink, Note
from turnout.upstream_dispatcher.attempt import Spawn
from turnout.upstream_dispatcher.hedging import Hedging
from turnout.upstream_dispatcher.keep_warm import Keeper
from turnout.upstream_dispatcher.limits import Limits
from turnout.upstream_dispatcher.standings import Standings
from turnout.upstream_dispatcher.transport import HttpTransport
from turnout.upstream_dispatcher.upstreams import Destinations


@dataclass(frozen=True, slots=True)
class Parts:
    """Of one dispatcher.

    Attributes:
        clock: unix seconds.
        keeper: is told what was answered, and keeps of it what is to be kept cached.
        tell: starts a note on its way to the tracker; does not wait and does not raise.
        tracer: None where tracing is off.
        span_kind: of the dispatch: server where requests come over gRPC.

    """

    catalog: Catalog
    destinations: Destinations
    dialects: Mapping[Dialect, WireDialect]
    transport: HttpTransport
    limits: Limits
    clock: Callable[[], float]
    facts: FactSink
    spawn: Spawn
    tell: Callable[[Note], None]
    keeper: Keeper
    standings: Standings
    hedging: Hedging
    tracer: Tracer | None = None
    span_kind: Kind = "internal"
