"""The exporting tracer against a real receiver: OTLP over HTTP, decoded from its protobuf."""

import asyncio
import http.server
import logging
import socket
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from typing_extensions import override

from tests.observe.recorded import CALLER, TRACE, UNSAMPLED
from turnout.observe.exporting import Exporting
from turnout.observe.otlp import SparingExporter, open_tracer
from turnout.observe.spans import is_sampled
from turnout.observe.trace_dump import ReceivedSpan, receiving, tree

pytestmark = pytest.mark.anyio

NOON = 1_800_000_000.0


def to(url: str, ratio: float | None = None) -> Exporting:
    return Exporting(f"{url}/v1/traces", ratio)


def by_name(spans: list[ReceivedSpan]) -> dict[str, ReceivedSpan]:
    return {span.name: span for span in spans}


async def test_a_span_arrives_as_it_was_told() -> None:
    with receiving() as (received, url):
        async with open_tracer(to(url), service="turnout-scorer") as tracer:
            above = tracer.start(
                "dispatch", part="upstream-dispatcher", kind="server", parent=CALLER, at=NOON
            )
            below = tracer.start(
                "chat m",
                part="upstream-dispatcher",
                kind="client",
                parent=above.traceparent,
                at=NOON + 1,
            )
            below.tell(
                {
                    "gen_ai.usage.input_tokens": 7,
                    "gen_ai.response.finish_reasons": ("stop",),
                    "gen_ai.request.stream": True,
                    "turnout.cost_usd": 0.25,
                    "server.address": "a",
                }
            )
            below.fail("overloaded")
            below.end(at=NOON + 2)
            above.end(at=NOON + 3)
        spans = by_name(received.traces()[TRACE])
    dispatch, chat = spans["dispatch"], spans["chat m"]
    assert (dispatch.service, dispatch.scope) == ("turnout-scorer", "turnout.upstream-dispatcher")
    assert dispatch.parent_id == CALLER.split("-")[2]
    assert (dispatch.kind, chat.kind) == ("server", "client")
    assert chat.parent_id == dispatch.span_id
    assert chat.attributes == {
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.request.stream": True,
        "turnout.cost_usd": 0.25,
        "server.address": "a",
        "error.type": "overloaded",
    }
    assert (chat.is_error, dispatch.is_error) == (True, False)
    assert (chat.started - dispatch.started, chat.ended - chat.started) == (10**9, 10**9)
    first, second, third = tree([dispatch, chat]).splitlines()
    assert first == f"trace {TRACE}"
    assert third.index("chat m") == second.index("dispatch") + 2


async def test_spans_end_up_in_the_trace_of_their_parent_or_begin_one() -> None:
    with receiving() as (received, url):
        async with open_tracer(to(url), service="turnout") as tracer:
            root = tracer.start("insert facts", part="telemetry", kind="consumer", parent="")
            root.end()
            broken = tracer.start("route", part="scorer", kind="server", parent="00-zz-1-01")
            broken.end()
        roots = [span for span in received.spans if not span.parent_id]
    assert {span.name for span in roots} == {"insert facts", "route"}
    assert len({span.trace_id for span in roots}) == 2


async def test_the_callers_choice_wins_over_the_ratio() -> None:
    with receiving() as (received, url):
        async with open_tracer(to(url, 0.0), service="turnout") as tracer:
            for parent in (CALLER, UNSAMPLED, ""):
                span = tracer.start(f"of {parent}", part="ingress", kind="server", parent=parent)
                assert span.is_recording is (parent == CALLER)
                assert is_sampled(span.traceparent) is (parent == CALLER)
                span.end()
        assert [span.name for span in received.spans] == [f"of {CALLER}"]


async def test_a_part_further_in_follows_what_the_edge_has_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the sampler says: it was asked at the edge."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    with receiving() as (received, url):
        async with open_tracer(to(url), service="turnout") as tracer:
            edge = tracer.start("edge", part="ingress", kind="server", parent=UNSAMPLED)
            assert edge.is_recording
            for parent in (edge.traceparent, UNSAMPLED, ""):
                span = tracer.start(f"of {parent}", part="scorer", kind="server", parent=parent)
                assert span.is_recording is (parent == edge.traceparent)
                assert span.is_recording or span.traceparent == parent
                span.end()
            edge.end()
    assert {span.name for span in received.spans} == {"edge", f"of {edge.traceparent}"}


async def test_a_share_of_the_traces_is_kept_whole() -> None:
    """Children are kept with their parents, so that a trace is whole or not there."""
    with receiving() as (received, url):
        async with open_tracer(to(url, 0.5), service="turnout") as tracer:
            for _ in range(200):
                root = tracer.start("root", part="ingress", kind="server", parent="")
                tracer.start("child", part="scorer", kind="internal", parent=root.traceparent).end()
                root.end()
        traces = received.traces()
    # Outside of this a fair coin falls once in 10^15 runs.
    assert 40 < len(traces) < 160
    assert {len(spans) for spans in traces.values()} == {2}


async def test_what_links_to_a_kept_span_is_kept() -> None:
    with receiving() as (received, url):
        async with open_tracer(to(url, 0.0), service="turnout-telemetry") as tracer:
            for link in (CALLER, UNSAMPLED):
                tracer.start(
                    f"of {link}", part="telemetry", kind="consumer", parent="", links=(link,)
                ).end()
        (span,) = received.spans
    assert span.name == f"of {CALLER}"
    assert span.links == ((TRACE, CALLER.split("-")[2]),)


async def test_the_environment_names_the_service_and_the_sampler(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=router,deployment=blue")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    with receiving() as (received, url):
        async with open_tracer(to(url), service="turnout") as tracer:
            for parent in ("", CALLER):
                tracer.start("one", part="ingress", kind="server", parent=parent).end()
        (span,) = received.spans
    assert span.service == "router"
    assert span.trace_id == TRACE


@contextmanager
def refusing(status: int) -> Generator[str]:
    """A collector that answers every export with an error."""

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        @override
        def log_message(self, format: str, *args: object) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_a_collector_that_refuses_costs_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with refusing(401) as url, caplog.at_level(logging.DEBUG, logger="turnout"):
        async with open_tracer(to(url), service="turnout") as tracer:
            for _ in range(1_200):
                tracer.start("one", part="ingress", kind="server", parent="").end()
    (line,) = [one for one in caplog.records if one.__dict__.get("endpoint") == url]
    assert line.getMessage() == "spans cannot be exported and are dropped"
    assert "401" in line.__dict__["reason"]


async def test_a_collector_that_is_away_holds_nobody_up() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with open_tracer(to(f"http://127.0.0.1:{port}"), service="turnout") as tracer:
        for _ in range(100):
            tracer.start("one", part="ingress", kind="server", parent="").end()


async def test_a_collector_that_never_answers_ends_with_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end of a process does not wait for as long as the exporter would."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with asyncio.timeout(60), open_tracer(to(url), service="turnout") as tracer:
            tracer.start("one", part="ingress", kind="server", parent="").end()


class Failing(SpanExporter):
    """A fake that exports nothing."""

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE


def test_the_line_comes_again_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    exporter = SparingExporter(Failing(), endpoint="http://a", clock=lambda: now[0])
    said: list[float] = []
    for now[0] in (0.0, 1.0, 59.0, 60.0, 61.0, 121.0):
        exporter.export([])
        # Threads of tests before this one may still complain of their own collectors.
        ours = [one for one in caplog.records if one.__dict__.get("endpoint") == "http://a"]
        said += [now[0]] * len(ours)
        caplog.clear()
    assert said == [0.0, 60.0, 121.0]
