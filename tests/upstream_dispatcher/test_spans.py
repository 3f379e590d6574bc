"""The spans of a dispatch: one for it, one below for each attempt, in the conventions' words."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from typing_extensions import override

from tests.observe.recorded import CALLER, UNSAMPLED, RecordedTracer
from tests.upstream_dispatcher.faults import FIRST, SECOND, refusing, whole_stream
from tests.upstream_dispatcher.scripted import Exchange, provider
from tests.upstream_dispatcher.workbench import CATALOG, KeptNotes, answer_of, bench, request
from turnout.catalog.models import Endpoint
from turnout.dialects.usage import Usage
from turnout.observe.spans import current_traceparent
from turnout.ports import DispatchRequest, Note
from turnout.upstream_dispatcher.upstreams import Upstream, Upstreams, destination

pytestmark = pytest.mark.anyio


def traced(*targets: str, parent: str = CALLER) -> DispatchRequest:
    return replace(request(*targets), traceparent=parent)


class NotesWithContext(KeptNotes):
    """Keeps in which trace it was told."""

    context = ""

    @override
    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        self.context = current_traceparent()
        await super().note(note, deadline_seconds=deadline_seconds)


async def test_attempts_are_children_of_their_dispatch() -> None:
    tracer, notes = RecordedTracer(), NotesWithContext()
    async with (
        provider(refusing(503)) as openai,
        provider(whole_stream) as deepseek,
        bench({"openai": openai.url, "deepseek": deepseek.url}, tracer=tracer, notes=notes) as on,
    ):
        await answer_of(on, traced(FIRST, SECOND))
        async with asyncio.timeout(10):
            await notes.arrived.wait()
        failed, served = on.facts.attempts
    dispatch, first, second = tracer.spans
    assert (dispatch.name, dispatch.parent, dispatch.kind) == ("dispatch", CALLER, "internal")
    assert first.parent == second.parent == dispatch.traceparent
    assert (first.kind, second.kind) == ("client", "client")
    assert first.error == "overloaded"
    assert first.attributes["http.response.status_code"] == 503
    assert first.attributes["turnout.attempt.kind"] == "first"
    assert second.attributes["turnout.attempt.kind"] == "fallback"
    assert second.attributes["turnout.attempt.number"] == 2
    assert second.error == dispatch.error == ""
    assert (second.began, second.ends) == (served.sent_at, [served.occurred_at])
    assert dispatch.attributes["turnout.attempts"] == 2
    assert dispatch.attributes["turnout.outcome"] == "answered"
    assert failed.traceparent == on.facts.completed.traceparent == dispatch.traceparent
    assert notes.context == dispatch.traceparent


async def test_an_attempt_speaks_the_conventions_language() -> None:
    tracer = RecordedTracer()
    async with (
        provider(whole_stream) as openai,
        bench({"openai": openai.url}, tracer=tracer) as on,
    ):
        await answer_of(on, traced(FIRST))
        (fact,) = on.facts.attempts
    usage = fact.usage
    assert usage is not None
    span = tracer.spans[1]
    told = span.attributes
    assert span.name == "chat gpt-5.4"
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "openai"
    assert told["gen_ai.request.model"] == "gpt-5.4"
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.conversation.id"] == "k"
    assert told["gen_ai.response.model"] == fact.response_model
    assert told["gen_ai.response.id"] == fact.response_id
    assert told["gen_ai.response.finish_reasons"] == (fact.finish_reason,)
    assert told["gen_ai.response.time_to_first_chunk"] == fact.first_content_seconds
    assert told["gen_ai.usage.input_tokens"] == usage.fresh_input + usage.cache_read
    assert told["gen_ai.usage.cache_read.input_tokens"] == usage.cache_read
    assert told["gen_ai.usage.output_tokens"] == usage.output
    url = urlsplit(openai.url)
    assert (told["server.address"], told["server.port"]) == (url.hostname, url.port)
    assert usage != Usage()


async def test_a_client_that_leaves_ends_every_span() -> None:
    tracer = RecordedTracer()
    never = asyncio.Event()

    async def silent(exchange: Exchange) -> None:
        await exchange.head(200, ("content-type", "text/event-stream"))
        await never.wait()

    async with provider(silent) as openai, bench({"openai": openai.url}, tracer=tracer) as on:
        async with aclosing(on.dispatcher.dispatch(traced(FIRST))) as events:
            waiting = asyncio.ensure_future(anext(events))
            await asyncio.wait((waiting,), timeout=0.1)
            waiting.cancel()
            await asyncio.wait((waiting,))
        never.set()
    assert {span.error for span in tracer.spans} == {"cancelled"}
    assert all(len(span.ends) == 1 for span in tracer.spans)


async def test_a_trace_that_is_not_kept_costs_no_attributes() -> None:
    tracer = RecordedTracer()
    async with (
        provider(whole_stream) as openai,
        bench({"openai": openai.url}, tracer=tracer) as on,
    ):
        await answer_of(on, traced(FIRST, parent=UNSAMPLED))
    assert [span.attributes for span in tracer.spans] == [{}, {}]
    assert all(len(span.ends) == 1 for span in tracer.spans)


async def test_an_upstream_of_ours_is_told_the_attempts_context() -> None:
    tracer = RecordedTracer()
    async with (
        provider(whole_stream) as openai,
        bench({"openai": openai.url}, tracer=tracer) as on,
    ):
        await answer_of(on, traced(FIRST))
        (seen,) = openai.seen
    assert seen.headers["traceparent"] == tracer.spans[1].traceparent


async def test_a_provider_at_its_public_address_is_told_nothing() -> None:
    tracer = RecordedTracer()
    async with provider(whole_stream) as openai:
        endpoint = Endpoint(dialect="openai_chat", base_url=f"{openai.url}/v1")
        public = replace(CATALOG.providers["openai"], endpoints=(endpoint,))
        catalog = replace(CATALOG, providers={**CATALOG.providers, "openai": public})
        async with bench({"openai": openai.url}, catalog=catalog, tracer=tracer) as on:
            await answer_of(on, traced(FIRST))
        (seen,) = openai.seen
    assert "traceparent" not in seen.headers
    assert len(tracer.spans) == 2


async def test_without_tracing_an_upstream_is_told_nothing() -> None:
    async with provider(whole_stream) as openai, bench({"openai": openai.url}) as on:
        asked = replace(traced(FIRST), headers=(("traceparent", CALLER),))
        await answer_of(on, asked)
        (seen,) = openai.seen
        assert "traceparent" not in seen.headers
        assert on.facts.completed.traceparent == CALLER


@pytest.mark.parametrize(
    ("target", "base_url", "is_ours"),
    [
        ("openai/gpt-5.4@env", "", False),
        ("openai/gpt-5.4@env", "http://gateway.internal/v1", True),
        ("openai/gpt-5.4@simulated", "", True),
    ],
)
def test_a_provider_at_its_public_address_is_none_of_ours(
    target: str, base_url: str, is_ours: bool
) -> None:
    endpoint = Endpoint(dialect="openai_chat", base_url=base_url)
    upstreams = Upstreams(
        {"openai": Upstream("s", (endpoint,) if base_url else None)},
        simulated_url="http://127.0.0.1:1",
    )
    to = destination(
        target, client="openai_chat", catalog=CATALOG, upstreams=upstreams, credentials=()
    )
    assert to.is_ours is is_ours
