"""The server span of a request: what it continues, what it is told, and how it ends."""

import pytest

from tests.ingress.edge import MESSAGES, NOW, Client, ask, edge, failing, head
from tests.observe.recorded import CALLER, TRACE, RecordedTracer
from turnout.errors import InvalidRequest, Unavailable
from turnout.ports import Chunk

pytestmark = pytest.mark.anyio


async def test_a_request_continues_the_trace_of_its_caller() -> None:
    tracer = RecordedTracer()
    on = edge(tracer=tracer)
    on.dispatcher.script = (head(), Chunk(b"data: 1\n\n"))
    answer = await ask(on, headers=[("traceparent", CALLER)])
    (span,) = tracer.spans
    assert (span.name, span.part, span.kind) == (f"POST {MESSAGES}", "ingress", "server")
    assert span.parent == CALLER
    assert on.scorer.asked[0].traceparent == span.traceparent
    assert on.dispatcher.asked[0].traceparent == span.traceparent
    assert span.attributes == {
        "http.request.method": "POST",
        "http.route": MESSAGES,
        "http.response.status_code": 200,
        "turnout.request_id": answer.headers["turnout-request-id"],
        "turnout.served_model": "claude-opus-5-5",
        "turnout.decision.action": "stay",
        "turnout.decision.reason": "warm_incumbent",
        "turnout.mode": "full",
    }
    assert span.error == ""
    assert "Hello there" not in repr(span)


async def test_without_a_caller_a_trace_begins() -> None:
    tracer = RecordedTracer()
    on = edge(tracer=tracer)
    await ask(on)
    assert tracer.spans[0].parent == ""
    assert TRACE not in on.dispatcher.asked[0].traceparent


async def test_a_refusal_is_a_status_and_no_fault_of_ours() -> None:
    tracer = RecordedTracer()
    on = edge(tracer=tracer)
    on.scorer.failure = InvalidRequest("max_tokens: must be a number")
    answer = await ask(on)
    (span,) = tracer.spans
    assert span.attributes["http.response.status_code"] == answer.status == 400
    assert span.error == ""


async def test_a_fault_of_ours_is_an_error() -> None:
    tracer = RecordedTracer()
    on = edge(tracer=tracer)
    on.dispatcher.script = (Unavailable("it is away"),)
    answer = await ask(on)
    assert tracer.spans[0].error == str(answer.status)
    assert answer.status >= 500


async def test_a_client_that_leaves_before_the_answer_is_said_so() -> None:
    tracer = RecordedTracer()
    on, client = edge(tracer=tracer), Client()
    client.send_part(b'{"model":', more=True)
    client.leave()
    await client.ask(on)
    assert tracer.spans[0].error == "client_gone"
    assert len(tracer.spans[0].ends) == 1


async def test_without_a_tracer_the_context_is_made_all_the_same() -> None:
    on = failing(Unavailable("late"))
    await ask(on, headers=[("traceparent", CALLER)])
    assert on.dispatcher.asked[0].traceparent.startswith(f"00-{TRACE}-")
    assert on.dispatcher.asked[0].traceparent != CALLER
    assert on.dispatcher.asked[0].received_at == NOW
