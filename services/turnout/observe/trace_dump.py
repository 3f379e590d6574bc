"""A collector for one's own eyes: receives OTLP over HTTP and prints each trace as a tree.

`python -m turnout.observe.trace_dump` listens on 4318, where exporters look by default; `--once` ends
after the first trace that has reached telemetry. It keeps spans in memory and nothing else, up to
`MAX_SPANS`. The tests of tracing receive with it, and their trees are printed by it.
"""

import argparse
import gzip
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2
from typing_extensions import override

PORT: Final = 4318
"""Of OTLP over HTTP, by its specification."""

MAX_SPANS: Final = 100_000
"""The oldest are forgotten; some 100 MB."""

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""The SDK's exporter sends no more at once."""

SETTLE_SECONDS: Final = 6.0
"""Processes export on their own clocks, some seconds apart; a tree is printed when it has been still
for so long."""

POLL_SECONDS: Final = 0.2

_SHOWN: Final = (
    "http.response.status_code",
    "turnout.decision.action",
    "turnout.decision.reason",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "turnout.attempt.kind",
    "turnout.rows",
    "error.type",
)
"""Attributes that a line of a tree has room for."""


@dataclass(frozen=True, slots=True)
class ReceivedSpan:
    """A span as it came over the wire; ids in hexadecimal, times in unix nanoseconds.

    Attributes:
        service: `service.name` of the process that exported it.
        scope: the instrumentation scope, `turnout.<service>`.
        links: (trace id, span id) of each.

    """

    service: str
    scope: str
    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    started: int
    ended: int
    is_error: bool
    attributes: dict[str, object]
    links: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Received:
    """What has been received; `changed` is monotonic time."""

    spans: deque[ReceivedSpan] = field(default_factory=lambda: deque(maxlen=MAX_SPANS))
    changed: float = 0.0

    def take(self, body: bytes) -> None:
        """Raises `DecodeError` for what is no export of spans."""
        self.spans.extend(decoded(ExportTraceServiceRequest.FromString(body)))
        self.changed = time.monotonic()

    def traces(self) -> dict[str, list[ReceivedSpan]]:
        """Spans by trace, in the order of their beginning."""
        found: dict[str, list[ReceivedSpan]] = {}
        for span in sorted(self.spans.copy(), key=lambda one: one.started):
            found.setdefault(span.trace_id, []).append(span)
        return found


def decoded(message: ExportTraceServiceRequest) -> list[ReceivedSpan]:
    return [
        _span(span, service=_service(resource), scope=scope.scope.name)
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _service(resource: trace_pb2.ResourceSpans) -> str:
    return str(_attributes(resource.resource.attributes).get("service.name", ""))


def _span(span: trace_pb2.Span, *, service: str, scope: str) -> ReceivedSpan:
    return ReceivedSpan(
        service=service,
        scope=scope,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        started=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        is_error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes=_attributes(span.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
    )


def _attributes(pairs: Sequence[KeyValue]) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "array_value":
            return tuple(_value(one) for one in value.array_value.values)
        case _:
            return None


@contextmanager
def receiving(port: int = 0, *, host: str = "127.0.0.1") -> Generator[tuple[Received, str]]:
    """Receive until the end of the block; gives what came so far and the base address."""
    received = Received()

    class Endpoint(BaseHTTPRequestHandler):
        """POST /v1/traces."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(min(size, MAX_BODY_BYTES))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            status = 200 if self.path == "/v1/traces" else 404
            if status == 200:
                try:
                    received.take(body)
                except DecodeError:
                    status = 400
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the trees are the output."""

    server = ThreadingHTTPServer((host, port), Endpoint)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="otlp receiver", daemon=True)
    thread.start()
    try:
        yield received, f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tree(spans: Sequence[ReceivedSpan]) -> str:
    """One trace as indented lines: when it began, how long it took, which service, what it says."""
    known = {span.span_id for span in spans}
    begin = min(span.started for span in spans)
    lines = [f"trace {spans[0].trace_id}"]

    def add(span: ReceivedSpan, depth: int) -> None:
        lines.append(_line(span, depth, begin=begin))
        lines.extend(
            f"{'':>24}{'  ' * (depth + 1)}link to span {link} of trace {trace}"
            for trace, link in span.links[:3]
        )
        if len(span.links) > 3:
            lines.append(f"{'':>24}{'  ' * (depth + 1)}and {len(span.links) - 3} links more")
        for child in spans:
            if child.parent_id == span.span_id:
                add(child, depth + 1)

    for span in spans:
        # The caller's own span is exported elsewhere, if at all.
        if span.parent_id not in known:
            add(span, 0)
    return "\n".join(lines)


def _line(span: ReceivedSpan, depth: int, *, begin: int) -> str:
    at, took = (span.started - begin) / 1e6, (span.ended - span.started) / 1e6
    part = span.scope.removeprefix("turnout.")
    said = " ".join(
        f"{name.rpartition('.')[2] if name.startswith('turnout') else name}={span.attributes[name]}"
        for name in _SHOWN
        if name in span.attributes
    )
    return (
        f"{at:9.1f} {took:9.1f} ms  {'  ' * depth}{span.name} [{part}, {span.kind}, {span.span_id}]"
        + (f" {said}" if said else "")
    )


def has_reached_telemetry(spans: Sequence[ReceivedSpan]) -> bool:
    """Whether the row of the request is in ClickHouse: telemetry's span is the last of a trace."""
    scopes = {span.scope for span in spans}
    return {"turnout.ingress", "turnout.telemetry"} <= scopes


def main(argv: Sequence[str] | None = None, *, out: Callable[[str], object] = print) -> int:
    parser = argparse.ArgumentParser(prog="python -m turnout.observe.trace_dump")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument(
        "--once", action="store_true", help="end after the first trace that reached telemetry"
    )
    options = parser.parse_args(argv)
    is_once: bool = options.once
    printed: dict[str, int] = {}
    with receiving(int(options.port), host=str(options.host)) as (received, url):
        sys.stderr.write(f"receiving at {url}/v1/traces; TURNOUT_TRACING__ENDPOINT={url}\n")
        while True:
            time.sleep(POLL_SECONDS)
            if time.monotonic() - received.changed < SETTLE_SECONDS:
                continue
            is_shown = False
            for trace_id, spans in received.traces().items():
                if printed.get(trace_id) != len(spans):
                    printed[trace_id] = len(spans)
                    out(tree(spans))
                    is_shown = is_shown or has_reached_telemetry(spans)
            if is_shown and is_once:
                return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
