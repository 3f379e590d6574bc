"""One request through the product is one trace through all five services, as a collector gets it."""

import json
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.product import Product, environment, running
from tests.observe.recorded import CALLER, TRACE
from turnout.observe.trace_dump import (
    POLL_SECONDS,
    Received,
    ReceivedSpan,
    has_reached_telemetry,
    receiving,
    tree,
)

PATIENCE_SECONDS = 60.0
"""The last span of a trace leaves telemetry two seconds after its insert on an idle machine."""

SECRET = "the prompt that no span may hold"
MESSAGES = "/v1/messages"
BODY = {
    "model": "turnout/auto",
    "max_tokens": 64,
    "stream": True,
    "system": SECRET,
    "messages": [{"role": "user", "content": SECRET}],
}
COMPOSITIONS = {"embedded": (), "split": ("--split",)}

TELLING = {"route", "dispatch"}
"""The spans that record facts; each is linked to by the insert of those."""

SERVICES = {
    "turnout.ingress",
    "turnout.scorer",
    "turnout.session-cache-tracker",
    "turnout.upstream-dispatcher",
    "turnout.telemetry",
}


@contextmanager
def traced(home: Path, composition: str, **told: str) -> Iterator[tuple[Product, Received]]:
    with receiving() as (received, url):
        settings = environment(
            home / "data",
            TURNOUT_TRACING__ENDPOINT=url,
            OTEL_BSP_SCHEDULE_DELAY="200",
            **told,
        )
        with running(*COMPOSITIONS[composition], settings=settings, log=home / "log") as product:
            yield product, received


def ask(product: Product, **headers: str) -> httpx.Response:
    answer = httpx.post(product.url + MESSAGES, json=BODY, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer


def whole_trace(received: Received, request_id: str, *, spans: int) -> list[ReceivedSpan]:
    """The trace of a request, once so many spans of it and every link to it are there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    found: list[ReceivedSpan] = []
    while time.monotonic() < deadline:
        for found in received.traces().values():
            is_it = any(one.attributes.get("turnout.request_id") == request_id for one in found)
            if is_it and len(found) == spans and has_reached_telemetry(found):
                linked = {span_id for _, span_id in links_of(inserts(received).values())}
                if {one.span_id for one in found if one.name in TELLING} <= linked:
                    return found
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"no whole trace of {request_id}; the last one: {tree(found)}")


def inserts(received: Received) -> dict[str, ReceivedSpan]:
    return {span.span_id: span for span in received.spans.copy() if span.name == "insert facts"}


def links_of(spans: Iterable[ReceivedSpan]) -> set[tuple[str, str]]:
    return {link for span in spans for link in span.links}


def named(spans: list[ReceivedSpan], name: str) -> ReceivedSpan:
    (found,) = [span for span in spans if span.name == name]
    return found


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_one_request_is_one_trace_through_all_services(tmp_path: Path, composition: str) -> None:
    with traced(tmp_path, composition) as (product, received):
        product.script("status=529")
        answer = ask(product)
        request_id = answer.headers["turnout-request-id"]
        spans = whole_trace(received, request_id, spans=8)
        print(tree(spans))
        everything = repr(received.spans)
        inserted = inserts(received)
    assert {span.scope for span in spans} == SERVICES
    assert len({span.trace_id for span in spans}) == 1

    request, route = named(spans, f"POST {MESSAGES}"), named(spans, "route")
    dispatch, process = named(spans, "dispatch"), named(spans, "process turnout.request.completed")
    assert request.parent_id == ""
    assert route.parent_id == request.span_id
    assert named(spans, "look").parent_id == route.span_id
    assert dispatch.parent_id == request.span_id
    assert named(spans, "note").parent_id == dispatch.span_id

    attempts = [span for span in spans if span.kind == "client"]
    assert [span.attributes["turnout.attempt.kind"] for span in attempts] == ["first", "fallback"]
    assert {span.parent_id for span in attempts} == {dispatch.span_id}
    assert [span.is_error for span in attempts] == [True, False]
    assert attempts[1].attributes["gen_ai.request.model"] == answer.headers["turnout-model"]
    assert attempts[1].attributes["server.port"] == product.port("SIMULATOR")

    assert process.parent_id == dispatch.span_id
    ((_, insert_id),) = process.links
    assert (dispatch.trace_id, dispatch.span_id) in inserted[insert_id].links
    assert inserted[insert_id].trace_id != dispatch.trace_id
    assert (request.trace_id, route.span_id) in links_of(inserted.values())

    services = {span.service for span in spans}
    assert SECRET not in everything
    assert SECRET[:12] not in everything
    if composition == "embedded":
        assert services == {"turnout", "turnout-telemetry"}
        assert route.kind == "internal"
    else:
        assert services == {scope.replace("turnout.", "turnout-") for scope in SERVICES}
        assert {span.kind for span in (route, dispatch, named(spans, "note"))} == {"server"}


def test_the_callers_trace_goes_on_and_its_choice_is_kept(tmp_path: Path) -> None:
    with traced(tmp_path, "embedded", TURNOUT_TRACING__SAMPLE_RATIO="0") as (product, received):
        left_out = ask(product).headers["turnout-request-id"]
        kept = ask(product, traceparent=CALLER).headers["turnout-request-id"]
        spans = whole_trace(received, kept, spans=7)
        assert left_out not in repr(received.spans)
    assert {span.trace_id for span in spans} == {TRACE}
    assert named(spans, f"POST {MESSAGES}").parent_id == CALLER.split("-")[2]


def test_a_collector_that_is_away_is_no_matter_for_requests(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{probe.getsockname()[1]}"
    settings = environment(
        tmp_path / "data", TURNOUT_TRACING__ENDPOINT=away, OTEL_BSP_SCHEDULE_DELAY="50"
    )
    with running(settings=settings, log=tmp_path / "log") as product:
        for _ in range(20):
            ask(product)
        assert product.stop() == 0
    said = [line for line in product.told().splitlines() if line.startswith("{")]
    complaints = [json.loads(line) for line in said if "spans cannot be exported" in line]
    assert len(complaints) == 1, "one line, however many exports failed"
    assert complaints[0]["endpoint"] == away
    assert not [line for line in said if "opentelemetry" in line or "urllib3" in line]


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    settings = environment(tmp_path / "data", TURNOUT_TRACING__ENDPOINT="127.0.0.1:4318")
    with pytest.raises(AssertionError) as refused, running(settings=settings, log=tmp_path / "log"):
        pass
    assert "it ended with 1: turnout: TURNOUT_TRACING__ENDPOINT: write an address" in str(
        refused.value
    )
