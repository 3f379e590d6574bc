"""What the tests dispatch with: requests, a dispatcher on fakes, and the answer as one value."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

from tests.fakes import KeptFacts, NoLeases
from turnout.capabilities import Dialect, Needs
from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.dialects.dialect import WireDialect
from turnout.dialects.endpoints import BASE_PATH
from turnout.dialects.registry import DIALECTS
from turnout.errors import Unavailable
from turnout.observe.spans import Tracer
from turnout.policy.decision import Decision
from turnout.policy.request import Features, Identity, Prefix, Tags
from turnout.policy.thread import ThreadState
from turnout.ports import (
    Chunk,
    Credential,
    DispatchRequest,
    Head,
    LookRequest,
    Note,
    Served,
)
from turnout.upstream_dispatcher.limits import HedgeTerms, Limits
from turnout.upstream_dispatcher.service import LocalUpstreamDispatcher
from turnout.upstream_dispatcher.upstreams import Upstream, Upstreams

CATALOG = parse_catalog(snapshot_bytes())
NOW = 1_800_000_000.0
PATHS: dict[Dialect, str] = {
    "anthropic_messages": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
}
CHAT_BODY = b'{"model":"gpt-5.4", "stream":true, "messages":[{"role":"user","content":"hi"}],"stream_options":{"include_usage":true}}'
CHAT_WHOLE_BODY = b'{"model":"gpt-5.4", "messages":[{"role":"user","content":"hi"}]}'
MESSAGES_BODY = (
    b'{"model":"claude-opus-5-5","max_tokens":64, "stream":true,'
    b' "messages":[{"role":"user","content":"hi"}]}'
)


class KeptNotes(NoLeases):
    """A tracker that keeps the notes; `hold` makes it as slow as its deadline."""

    def __init__(self, *, hold: bool = False) -> None:
        self.all: list[Note] = []
        self.arrived = asyncio.Event()
        self._hold = hold

    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        raise AssertionError("the dispatcher never looks")

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        if self._hold:
            await asyncio.sleep(deadline_seconds)
            raise Unavailable("the tracker is slow")
        self.all.append(note)
        self.arrived.set()


class CountingClock:
    """Unix seconds that move by a millisecond at every look."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@dataclass(slots=True)
class Bench:
    """A dispatcher and what it told its fakes."""

    dispatcher: LocalUpstreamDispatcher
    facts: KeptFacts
    notes: KeptNotes


QUICK = Limits(
    connect_seconds=2.0,
    first_byte_seconds=2.0,
    idle_seconds=2.0,
    whole_answer_seconds=2.0,
    note_seconds=0.05,
)


@asynccontextmanager
async def bench(
    urls: Mapping[str, str],
    *,
    limits: Limits = QUICK,
    hedge_terms: HedgeTerms | None = None,
    notes: KeptNotes | None = None,
    catalog: Catalog = CATALOG,
    simulated_url: str = "",
    tracer: Tracer | None = None,
    also: Sequence[Dialect] = (),
    dialects: Mapping[Dialect, WireDialect] = DIALECTS,
    clock: Callable[[], float] | None = None,
) -> AsyncGenerator[Bench, None]:
    """`urls` are providers' roots; every provider has a key of ours, and speaks chat (Anthropic its
    own dialect) and `also`.
    """
    upstreams = Upstreams(
        {
            name: Upstream(
                secret=f"env-key-of-{name}",
                endpoints=tuple(
                    replace(one, base_url=url + BASE_PATH[one.dialect])
                    for one in catalog.providers[name].endpoints
                    if one.dialect in {"openai_chat", *also} or name == "anthropic"
                ),
            )
            for name, url in urls.items()
        },
        simulated_url=simulated_url,
    )
    facts, tracker = KeptFacts(), notes or KeptNotes()
    before = asyncio.all_tasks()
    async with LocalUpstreamDispatcher(
        catalog=catalog,
        upstreams=upstreams,
        dialects=dialects,
        tracker=tracker,
        facts=facts,
        clock=clock or CountingClock(),
        limits=limits,
        hedge_terms=hedge_terms,
        tracer=tracer,
    ) as dispatcher:
        yield Bench(dispatcher, facts, tracker)
    left = {task for task in asyncio.all_tasks() - before if "turnout" in repr(task.get_coro())}
    assert not left, "a task outlives its dispatcher"


@dataclass(slots=True)
class Answer:
    """Everything a client got."""

    head: Head
    chunks: list[bytes] = field(default_factory=list)
    served: Served | None = None

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


async def answer_of(on: Bench, request: DispatchRequest) -> Answer:
    answer: Answer | None = None
    async with asyncio.timeout(10), aclosing(on.dispatcher.dispatch(request)) as events:
        async for event in events:
            match event:
                case Head():
                    assert answer is None, "one head"
                    answer = Answer(event)
                case Chunk(data):
                    assert answer is not None, "the head comes first"
                    answer.chunks.append(data)
                case Served():
                    assert answer is not None, "the head comes first"
                    assert answer.served is None, "who answers is said once"
                    answer.served = event
    assert answer is not None
    return answer


def request(
    *targets: str,
    dialect: Dialect = "openai_chat",
    body: bytes = CHAT_BODY,
    model: str = "gpt-5.4",
    stream: bool = True,
    headers: Sequence[tuple[str, str]] = (),
    credentials: Sequence[Credential] = (),
    path: str = "",
    query: str = "",
    received_at: float = NOW,
) -> DispatchRequest:
    decision = Decision(
        action="stay",
        reason="warm_incumbent",
        targets=targets,
        model=model,
        provider="openai",
        requested_model=model,
        baseline_model=model,
        proposal=targets[0] if targets else "",
        horizon_steps=1.0,
        propensity=1.0,
        degraded=(),
        artifact_digest="a",
        catalog_digest=CATALOG.digest,
    )
    features = Features(
        dialect=dialect,
        requested_model=model,
        step_kind="user_input",
        stream=stream,
        body_bytes=len(body),
        needs=Needs(prompt_tokens_estimate=77),
        message_count=1,
        tool_count=0,
        tool_result_count=0,
        step_tool_results=0,
        step_tool_errors=0,
        head_digest="h",
        head_tokens=5,
        last_message_digest="l",
        text_digest="",
    )
    identity = Identity(
        tenant="t",
        principal="p",
        harness="unknown",
        session="s",
        thread="main",
        thread_key="k",
        is_subagent=False,
        is_explicit=True,
        request_class="main",
    )
    return DispatchRequest(
        request_id="r1",
        identity=identity,
        tags=Tags(team="infra"),
        features=features,
        prefix=Prefix("h", ("d",), (77,)),
        mode="full",
        decision=decision,
        dialect=dialect,
        path=path or PATHS[dialect],
        query=query,
        headers=tuple(headers),
        body=body,
        credentials=tuple(credentials),
        received_at=received_at,
        route_seconds=0.01,
        traceparent="",
    )
