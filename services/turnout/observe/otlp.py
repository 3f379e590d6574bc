"""The tracer of a process that exports: OpenTelemetry's SDK and OTLP over HTTP (protobuf).

The only module that imports the SDK; it is imported when tracing is switched on and not before.
Rules: an ended span goes to a bounded queue and is exported by a thread, so that no request waits for
a collector; a full queue drops its oldest spans; a collector that is away costs one log line in
`COMPLAINT_INTERVAL_SECONDS`, and at most `FLUSH_SECONDS` at the end of the process.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Final, get_args
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanKind,
    Status,
    StatusCode,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.util.types import Attributes as OtelAttributes
from typing_extensions import override

from turnout import __version__
from turnout.observe.exporting import Exporting
from turnout.observe.spans import (
    BEGINNING,
    Attributes,
    Kind,
    LeftOut,
    Part,
    Span,
    is_sampled,
)
from turnout.observe.tracing import span_context

QUEUE_SPANS: Final = 16_384
"""Spans that wait for export, some 2 kB each. A request makes seven, so this is 2 s of 1,000 traced
requests/s; the SDK's own 2,048 drop in a burst of 300. `OTEL_BSP_MAX_QUEUE_SIZE` wins."""

EXPORT_INTERVAL_SECONDS: Final = 2.0
"""A trace is found this late at most; `OTEL_BSP_SCHEDULE_DELAY` wins."""

COMPLAINT_INTERVAL_SECONDS: Final = 60.0
"""A collector that is away is worth a line, not a line every time."""

FLUSH_SECONDS: Final = 3.0
"""How long the end of the process waits for what is queued; requests have long been answered."""

GIVE_UP_SECONDS: Final = 0.5
"""How long it waits for the exporter to notice; one that waits for an answer does not."""

_NANOSECONDS: Final = 1_000_000_000

_KINDS: Final[Mapping[Kind, SpanKind]] = MappingProxyType(
    {
        "server": SpanKind.SERVER,
        "client": SpanKind.CLIENT,
        "internal": SpanKind.INTERNAL,
        "consumer": SpanKind.CONSUMER,
    }
)

_EXPORTER_LOGGER: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"

_LOG = logging.getLogger(__name__)


class OtlpSpan:
    """A span of the SDK behind our port."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: OtelSpan) -> None:
        self._span = span
        context = span.get_span_context()
        self.traceparent = (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        )

    @property
    def is_recording(self) -> bool:
        return self._span.is_recording()

    def tell(self, attributes: Attributes) -> None:
        self._span.set_attributes({str(name): value for name, value in attributes.items()})

    def fail(self, error_type: str) -> None:
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self, *, at: float | None = None) -> None:
        self._span.end(None if at is None else round(at * _NANOSECONDS))


class OtlpTracer:
    """Makes spans of one process; each service has an instrumentation scope of its own."""

    def __init__(self, provider: TracerProvider) -> None:
        parts: tuple[Part, ...] = get_args(Part)
        self._tracers = {
            part: provider.get_tracer(f"turnout.{part}", __version__) for part in parts
        }

    def start(
        self,
        name: str,
        *,
        part: Part,
        kind: Kind,
        parent: str,
        links: Sequence[str] = (),
        at: float | None = None,
    ) -> Span:
        if part not in BEGINNING and not is_sampled(parent):
            return LeftOut(parent)
        # An empty context instead of the default, which would be whatever the SDK holds current.
        context = Context()
        above = span_context(parent)
        if above.is_valid:
            context = set_span_in_context(NonRecordingSpan(above), context)
        return OtlpSpan(
            self._tracers[part].start_span(
                name,
                context,
                kind=_KINDS[kind],
                links=[Link(span_context(link)) for link in links],
                start_time=None if at is None else round(at * _NANOSECONDS),
            )
        )


class LinkedSampler(Sampler):
    """Keeps a root that links to a span that is kept, and leaves the rest to another sampler.

    Without it the insert of a traced request would be drawn anew, and its links would dangle.
    """

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    @override
    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: OtelAttributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        is_root = not get_current_span(parent_context).get_span_context().is_valid
        if is_root and any(link.context.trace_flags.sampled for link in links or ()):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    @override
    def get_description(self) -> str:
        return f"Linked{{{self._inner.get_description()}}}"


class SparingExporter(SpanExporter):
    """Exports through another one; of its failures it says a line now and then.

    The exporter of the SDK logs every retry; its words become the reason of our line.
    """

    def __init__(
        self, inner: SpanExporter, *, endpoint: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner = inner
        self._endpoint = endpoint
        self._clock = clock
        self._reason = ""
        self._lost = 0
        self._complained_at: float | None = None
        self._is_shut = False

    def overhear(self, record: logging.LogRecord) -> bool:
        """A filter for the inner exporter's logger: keeps the words, lets no line out."""
        self._reason = record.getMessage()[:200]
        return False

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            return result
        self._lost += len(spans)
        now = self._clock()
        if self._complained_at is None or now - self._complained_at >= COMPLAINT_INTERVAL_SECONDS:
            self._complained_at = now
            _LOG.warning(
                "spans cannot be exported and are dropped",
                extra={"endpoint": self._endpoint, "count": self._lost, "reason": self._reason},
            )
            self._lost = 0
        return result

    @override
    def shutdown(self) -> None:
        # The end of a process may come to it by two ways; the inner one complains of the second.
        if not self._is_shut:
            self._is_shut = True
            self._inner.shutdown()

    @override
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


@asynccontextmanager
async def open_tracer(told: Exporting, *, service: str) -> AsyncGenerator[OtlpTracer]:
    """A tracer whose spans are exported until the end of the block."""
    inner = OTLPSpanExporter(endpoint=told.endpoint)
    url = urlsplit(told.endpoint)
    exporter = SparingExporter(inner, endpoint=f"{url.scheme}://{url.hostname}:{url.port or ''}")
    logger = logging.getLogger(_EXPORTER_LOGGER)
    logger.addFilter(exporter.overhear)
    provider = _provider(told, service=service)
    provider.add_span_processor(
        BatchSpanProcessor(
            exporter,
            max_queue_size=_unless_told("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE_SPANS),
            schedule_delay_millis=_unless_told(
                "OTEL_BSP_SCHEDULE_DELAY", round(EXPORT_INTERVAL_SECONDS * 1000)
            ),
        )
    )
    try:
        yield OtlpTracer(provider)
    finally:
        await _end(provider, exporter)
        logger.removeFilter(exporter.overhear)


def _provider(told: Exporting, *, service: str) -> TracerProvider:
    environment = OTELResourceDetector().detect().attributes
    ours = {
        "service.name": service,
        "service.namespace": "turnout",
        "service.version": __version__,
    }
    resource = Resource.create(
        {name: value for name, value in ours.items() if name not in environment}
    )
    # Without a sampler of its own the provider reads OTEL_TRACES_SAMPLER and its _ARG.
    by_environment = TracerProvider(resource=resource, shutdown_on_exit=False)
    sampler = (
        by_environment.sampler
        if told.sample_ratio is None
        else ParentBasedTraceIdRatio(told.sample_ratio)
    )
    return TracerProvider(LinkedSampler(sampler), resource, shutdown_on_exit=False)


def _unless_told(variable: str, ours: int) -> int | None:
    return None if os.environ.get(variable) else ours


async def _end(provider: TracerProvider, exporter: SpanExporter) -> None:
    """Export what is queued, within `FLUSH_SECONDS`; what is left then is lost with its process."""
    # A daemon, because a collector that accepts and never answers must not keep the process.
    flushing = threading.Thread(target=provider.shutdown, name="last spans", daemon=True)
    flushing.start()
    await asyncio.to_thread(flushing.join, FLUSH_SECONDS)
    if flushing.is_alive():
        # It waits before it tries again, and is woken by this.
        exporter.shutdown()
        await asyncio.to_thread(flushing.join, GIVE_UP_SECONDS)
