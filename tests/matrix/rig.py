"""The real dispatcher between a client's request and an upstream that answers as it is told."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tests.fakes import KeptFacts
from tests.matrix.answer_streams import (
    fold_chat,
    fold_gemini,
    fold_messages,
    stream_chat,
    stream_gemini,
    stream_messages,
)
from tests.matrix.declared import Json
from tests.matrix.driving import upstreams
from tests.matrix.responses_stream import fold_responses, stream_responses
from tests.upstream_dispatcher.scripted import Exchange, ScriptedProvider, provider
from tests.upstream_dispatcher.workbench import (
    CATALOG,
    QUICK,
    Answer,
    Bench,
    CountingClock,
    KeptNotes,
    answer_of,
)
from turnout.capabilities import Dialect
from turnout.dialects.registry import DIALECTS
from turnout.policy.throttle import MAX_THROTTLED_SECONDS
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.service import LocalUpstreamDispatcher

STREAMED: Mapping[Dialect, Callable[[Json], bytes]] = MappingProxyType(
    {
        "anthropic_messages": stream_messages,
        "openai_chat": stream_chat,
        "openai_responses": stream_responses,
        "gemini_generate": stream_gemini,
    }
)
FOLDED: Mapping[Dialect, Callable[[bytes], Json]] = MappingProxyType(
    {
        "anthropic_messages": fold_messages,
        "openai_chat": fold_chat,
        "openai_responses": fold_responses,
        "gemini_generate": fold_gemini,
    }
)

JSON = ("content-type", "application/json")
EVENTS = ("content-type", "text/event-stream")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the upstream answers."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (JSON,)


def reply(upstream: Dialect, whole: Json, *, stream: bool) -> Reply:
    """A whole answer as it comes over the wire."""
    if stream:
        return Reply(STREAMED[upstream](whole), headers=(EVENTS,))
    return Reply(json.dumps(whole, ensure_ascii=False).encode())


def received(client: Dialect, answer: Answer, *, stream: bool) -> Json:
    """What the client makes of the bytes that it gets."""
    if stream:
        return FOLDED[client](answer.body)
    whole: Json = json.loads(answer.body)
    return whole


@dataclass(slots=True)
class Rig:
    """Dispatchers by the dialect that OpenAI is spoken to in, all before one upstream."""

    benches: Mapping[Dialect, Bench]
    upstream: ScriptedProvider
    clock: CountingClock
    replies: list[Reply] = field(default_factory=list)

    async def ask(self, request: DispatchRequest, upstream: Dialect, *replies: Reply) -> Answer:
        """The answer, while the upstream gives `replies` in turn, the last one for ever. What it has said
        to those before of coming back later is over.
        """
        self.clock.now += MAX_THROTTLED_SECONDS
        request = replace(request, received_at=self.clock.now)
        self.upstream.seen.clear()
        self.replies[:] = replies
        return await answer_of(self.benches[upstream], request)

    @property
    def last_body(self) -> Json:
        body: Json = json.loads(self.upstream.seen[-1].body)
        return body


@asynccontextmanager
async def rig() -> AsyncGenerator[Rig, None]:
    replies: list[Reply] = []
    clock = CountingClock()

    async def answered(exchange: Exchange) -> None:
        now = replies.pop(0) if len(replies) > 1 else replies[0]
        await exchange.answer(now.status, now.body, *now.headers)

    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(provider(answered))
        urls: dict[Dialect, str] = dict.fromkeys(DIALECTS, there.url)
        benches: dict[Dialect, Bench] = {}
        for spoken in ("openai_chat", "openai_responses"):
            facts, notes = KeptFacts(), KeptNotes()
            dispatcher = LocalUpstreamDispatcher(
                catalog=CATALOG,
                upstreams=upstreams(
                    {
                        "openai": spoken,
                        "anthropic": "anthropic_messages",
                        "gcp.gemini": "gemini_generate",
                    },
                    urls,
                ),
                dialects=DIALECTS,
                tracker=notes,
                facts=facts,
                clock=clock,
                limits=QUICK,
            )
            await stack.enter_async_context(dispatcher)
            benches[spoken] = Bench(dispatcher, facts, notes)
        for dialect in ("anthropic_messages", "gemini_generate"):
            benches[dialect] = benches["openai_chat"]
        yield Rig(benches, there, clock, replies)
