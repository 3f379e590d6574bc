"""The ports with spans around them: what is continued, what is said, what is left alone."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest
from typing_extensions import override

from tests.contract.hops import over_grpc
from tests.fakes import NoLeases
from tests.ingress.edge import FakeScorer, ask, edge
from tests.observe.recorded import CALLER, RecordedTracer
from tests.session_cache_tracker.notes import DEADLINE_SECONDS, look, note, prompt
from tests.upstream_dispatcher.workbench import request as dispatch_request
from turnout.errors import Unavailable
from turnout.observe.spans import current_traceparent, under
from turnout.observe.traced import TracedScorer, TracedSessionCacheTracker
from turnout.policy.thread import ThreadState
from turnout.ports import (
    DispatchEvent,
    DispatchRequest,
    Head,
    LookRequest,
    Note,
    RouteAnswer,
    RouteRequest,
)
from turnout.protos import to_pb
from turnout.rpc import scorer as scorer_hop
from turnout.rpc import upstream_dispatcher as dispatcher_hop
from turnout.rpc.session_cache_tracker import (
    SERVICE_NAME,
    RemoteSessionCacheTracker,
    SessionCacheTrackerServer,
)
from turnout.rpc.trace_context import KEY, TraceContextInterceptor
from turnout.rpc.v1.session_cache_tracker_pb2 import LookRequest as LookMessage
from turnout.rpc.v1.session_cache_tracker_pb2_grpc import SessionCacheTrackerStub

pytestmark = pytest.mark.anyio


class FakeTracker(NoLeases):
    """Keeps the context of each call; `is_down` makes it unreachable."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.contexts: list[str] = []
        self._is_down = is_down

    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        self.contexts.append(current_traceparent())
        if self._is_down:
            raise Unavailable("the tracker is away")
        return ThreadState(steps=3)

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        self.contexts.append(current_traceparent())


class ListeningScorer(FakeScorer):
    """Keeps the context of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[str] = []

    @override
    async def route(self, request: RouteRequest, *, deadline_seconds: float) -> RouteAnswer:
        self.contexts.append(current_traceparent())
        return await super().route(request, deadline_seconds=deadline_seconds)


class ListeningDispatcher:
    """Keeps the context of each call."""

    def __init__(self) -> None:
        self.contexts: list[str] = []

    async def dispatch(self, request: DispatchRequest) -> AsyncGenerator[DispatchEvent, None]:
        self.contexts.append(current_traceparent())
        yield Head(status=200, headers=(), target="t", model="m", provider="p", attempts=1)


ANSWER_SECONDS = 20.0
"""A first call over a new channel on a loaded machine."""

LOOK = look("k", prompt("a"))
NOTE = note("k", prompt("a"), usage=None, request_id="r1")


async def route_request() -> RouteRequest:
    on = edge()
    await ask(on)
    return replace(on.scorer.asked[0], traceparent=CALLER)


async def test_a_route_is_a_span_of_the_requests_trace() -> None:
    tracer, scorer = RecordedTracer(), FakeScorer()
    request = await route_request()
    await TracedScorer(scorer, tracer, kind="server").route(
        request, deadline_seconds=DEADLINE_SECONDS
    )
    (span,) = tracer.spans
    assert (span.name, span.part, span.kind, span.parent) == ("route", "scorer", "server", CALLER)
    assert span.attributes["turnout.decision.action"] == "stay"
    assert span.attributes["turnout.decision.reason"] == "warm_incumbent"
    assert span.attributes["turnout.request_id"] == request.request_id
    assert span.attributes["rpc.system.name"] == "grpc"
    assert scorer.asked[0].traceparent == span.traceparent, "facts are told by the span"
    assert request.text
    assert request.text not in repr(span)


async def test_an_explanation_leaves_no_span() -> None:
    tracer, scorer = RecordedTracer(), FakeScorer()
    request = replace(await route_request(), explain_only=True)
    await TracedScorer(scorer, tracer, kind="server").route(
        request, deadline_seconds=DEADLINE_SECONDS
    )
    assert scorer.asked == [request]
    assert not tracer.spans


async def test_a_scorer_that_refuses_leaves_a_failed_span() -> None:
    tracer, scorer = RecordedTracer(), FakeScorer()
    scorer.failure = Unavailable("it is late")
    with pytest.raises(Unavailable):
        await TracedScorer(scorer, tracer, kind="internal").route(
            await route_request(), deadline_seconds=DEADLINE_SECONDS
        )
    assert tracer.one("route").error == "unavailable"
    assert "rpc.system.name" not in tracer.one("route").attributes


async def test_look_and_note_continue_the_current_trace() -> None:
    tracer, inner = RecordedTracer(), FakeTracker()
    tracker = TracedSessionCacheTracker(inner, tracer, kind="internal")
    with under(CALLER):
        await tracker.look(LOOK, deadline_seconds=DEADLINE_SECONDS)
        await tracker.note(NOTE, deadline_seconds=DEADLINE_SECONDS)
    assert [(span.name, span.parent) for span in tracer.spans] == [
        ("look", CALLER),
        ("note", CALLER),
    ]
    assert inner.contexts == [span.traceparent for span in tracer.spans]
    assert tracer.one("look").attributes == {"turnout.thread.steps": 3}
    assert tracer.one("note").attributes == {"turnout.request_id": "r1"}


async def test_what_belongs_to_no_trace_begins_none() -> None:
    tracer, inner = RecordedTracer(), FakeTracker()
    tracker = TracedSessionCacheTracker(inner, tracer, kind="internal")
    await tracker.look(LOOK, deadline_seconds=DEADLINE_SECONDS)
    await tracker.note(NOTE, deadline_seconds=DEADLINE_SECONDS)
    assert inner.contexts == ["", ""]
    assert not tracer.spans


async def test_a_tracker_that_is_down_is_seen_in_its_span() -> None:
    tracer = RecordedTracer()
    tracker = TracedSessionCacheTracker(FakeTracker(is_down=True), tracer, kind="internal")
    with under(CALLER), pytest.raises(Unavailable):
        await tracker.look(LOOK, deadline_seconds=DEADLINE_SECONDS)
    assert tracer.one("look").error == "unavailable"


async def test_the_context_crosses_grpc_in_metadata() -> None:
    inner = FakeTracker()
    servicer = SessionCacheTrackerServer(inner, deadline_seconds=DEADLINE_SECONDS)
    async with over_grpc(
        servicer, SERVICE_NAME, interceptors=(TraceContextInterceptor(),)
    ) as channel:
        tracker = RemoteSessionCacheTracker(channel)
        with under(CALLER):
            await tracker.look(LOOK, deadline_seconds=DEADLINE_SECONDS)
        await tracker.note(NOTE, deadline_seconds=DEADLINE_SECONDS)
    assert inner.contexts == [CALLER, ""], "of the call that had one and of no other"


@pytest.mark.parametrize("told", ["nonsense", "", "00-0-0-01"])
async def test_what_is_no_context_is_not_taken_for_one(told: str) -> None:
    inner = FakeTracker()
    servicer = SessionCacheTrackerServer(inner, deadline_seconds=DEADLINE_SECONDS)
    async with over_grpc(
        servicer, SERVICE_NAME, interceptors=(TraceContextInterceptor(),)
    ) as channel:
        await SessionCacheTrackerStub(channel).Look(
            to_pb(LOOK, LookMessage), timeout=ANSWER_SECONDS, metadata=((KEY, told),)
        )
    assert inner.contexts == [""]


async def test_it_is_in_the_metadata_also_where_the_message_has_it() -> None:
    """For a proxy between two services, which reads no messages, and for log lines."""
    scorer, dispatcher = ListeningScorer(), ListeningDispatcher()
    route = replace(await route_request(), traceparent="")
    async with (
        over_grpc(
            scorer_hop.ScorerServer(scorer, deadline_seconds=ANSWER_SECONDS),
            scorer_hop.SERVICE_NAME,
            interceptors=(TraceContextInterceptor(),),
        ) as to_scorer,
        over_grpc(
            dispatcher_hop.UpstreamDispatcherServer(dispatcher),
            dispatcher_hop.SERVICE_NAME,
            interceptors=(TraceContextInterceptor(),),
        ) as to_dispatcher,
    ):
        remote = dispatcher_hop.RemoteUpstreamDispatcher(
            to_dispatcher, begin_seconds=ANSWER_SECONDS, deadline_seconds=ANSWER_SECONDS
        )
        with under(CALLER):
            await scorer_hop.RemoteScorer(to_scorer).route(route, deadline_seconds=ANSWER_SECONDS)
            assert [event async for event in remote.dispatch(dispatch_request("a"))]
    assert (scorer.contexts, dispatcher.contexts) == ([CALLER], [CALLER])
