"""An ingress on fakes, and a client that speaks ASGI to it so that it can stall, leave and watch."""

import asyncio
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from starlette.types import ASGIApp

from tests.artifacts import tenants
from tests.fakes import KeptFacts, ScriptedDispatcher
from turnout import parts
from turnout.bus.board import Board
from turnout.bus.control import NEVER_SET, SetBy, Stand
from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.errors import TurnoutError, Unavailable
from turnout.ingress.app import build_edge
from turnout.ingress.callers import Door
from turnout.ingress.control import Control
from turnout.ingress.guard import Guard, guard_for
from turnout.ingress.intake import Intake
from turnout.ingress.modes import ModeBoard
from turnout.ingress.proxy import Limits, Proxy
from turnout.observe.spans import Tracer
from turnout.observe.tracing import RandomIds
from turnout.policy.artifact import Artifact
from turnout.policy.decision import (
    Access,
    Decision,
    DecisionInputs,
    Degradation,
    RoutingSettings,
)
from turnout.policy.request import TextSignal
from turnout.policy.switch import decide
from turnout.policy.tenant import TenantRouting
from turnout.policy.thread import ThreadState
from turnout.ports import (
    Chunk,
    Head,
    RouteAnswer,
    RouteRequest,
)
from turnout.routing_section import Routing
from turnout.settings import Settings
from turnout.tenant_settings import TenantSettings

CATALOG: Catalog = parse_catalog(snapshot_bytes())
NOW = 1_790_000_000.0
OPUS = "anthropic/claude-opus-5-5@simulated"
WAIT_SECONDS = 5.0
"""Longer than anything here takes; a test that hangs fails by it."""

ROUTING = RoutingSettings(candidates=("claude-opus-5-5", "claude-haiku-5-5"))
ENVIRONMENT = (Access("anthropic", "simulated"), Access("openai", "simulated"))

EVENT_STREAM = ("content-type", "text/event-stream")


class FakeScorer:
    """Answers one decision, or raises what it is told to; with `tables` it decides, by them and what it is
    told of the thread.
    """

    def __init__(self) -> None:
        self.asked: list[RouteRequest] = []
        self.deadlines: list[float] = []
        self.failure: Exception | None = None
        self.targets: tuple[str, ...] = (OPUS,)
        self.proposal = OPUS
        self.degraded: tuple[str, ...] = ()
        self.degraded_inputs: tuple[Degradation, ...] = ()
        self.tables: Artifact | None = None
        self.state = ThreadState()
        self.routing = ROUTING

    async def route(self, request: RouteRequest, *, deadline_seconds: float) -> RouteAnswer:
        self.asked.append(request)
        self.deadlines.append(deadline_seconds)
        if self.failure is not None:
            raise self.failure
        decision = Decision(
            action="stay",
            reason="warm_incumbent",
            targets=self.targets,
            model="claude-opus-5-5",
            provider="anthropic",
            requested_model=request.features.requested_model,
            baseline_model="claude-opus-5-5",
            proposal=self.proposal,
            horizon_steps=3.0,
            propensity=1.0,
            degraded=("text",) if self.degraded else (),
            artifact_digest="artifact",
            catalog_digest=CATALOG.digest,
        )
        inputs = DecisionInputs(
            identity=request.identity,
            tags=request.tags,
            features=request.features,
            state=self.state,
            text=TextSignal(),
            mode=request.mode,
            access=request.access,
            settings=self.routing,
            degraded=self.degraded_inputs,
            catalog_digest=CATALOG.digest,
            artifact_digest="artifact",
            now=NOW,
            draw=0.5,
        )
        if self.tables is not None:
            decision = decide(inputs, catalog=CATALOG, tables=self.tables)
        return RouteAnswer(decision=decision, inputs=inputs)


def head(status: int = 200, *, target: str = OPUS) -> Head:
    return Head(
        status=status,
        headers=(EVENT_STREAM,),
        target=target,
        model="claude-opus-5-5",
        provider="anthropic",
        attempts=1,
    )


class KeptStore:
    """Control state in a dictionary.

    Attributes:
        is_down: it cannot be reached.
        shows: what is shown in place of how keys stand, as to somebody who looked a moment ago.
    """

    def __init__(self) -> None:
        self.stands: dict[str, Stand] = {}
        self.is_down = False
        self.shows: dict[str, Stand] = {}
        self._revision = 0

    @property
    def values(self) -> dict[str, str]:
        return {key: one.value for key, one in self.stands.items() if one.value is not None}

    def set(self, key: str, value: str | None, *, by: SetBy | None = None) -> None:
        if self.is_down:
            raise Unavailable("the control store does not answer; is NATS running?")
        self._revision += 1
        self.stands[key] = Stand(value, self._revision, NOW, by)

    async def put(
        self, key: str, value: str, *, by: SetBy | None = None, deadline_seconds: float
    ) -> None:
        self.set(key, value, by=by)

    async def put_unchanged(
        self, key: str, value: str, *, by: SetBy, revision: int, deadline_seconds: float
    ) -> bool:
        if self.stands.get(key, NEVER_SET).revision != revision:
            return False
        self.set(key, value, by=by)
        return True

    async def stand(self, key: str, *, deadline_seconds: float) -> Stand:
        if self.is_down:
            raise Unavailable("the control store does not answer; is NATS running?")
        return self.shows.get(key) or self.stands.get(key, NEVER_SET)

    async def get(self, key: str, *, deadline_seconds: float) -> str | None:
        return (await self.stand(key, deadline_seconds=deadline_seconds)).value

    async def delete(self, key: str, *, deadline_seconds: float) -> None:
        self.set(key, None)


@dataclass(slots=True)
class Edge:
    """The application and the fakes behind it."""

    app: ASGIApp
    scorer: FakeScorer
    dispatcher: ScriptedDispatcher
    facts: KeptFacts
    modes: ModeBoard
    store: KeptStore
    parts: dict[str, str]
    proxy: Proxy
    tenants: Board[TenantRouting]


OPEN_DOOR = Door(keys={}, admin_keys=frozenset(), environment=ENVIRONMENT, simulated=True)
GUARD = guard_for(is_loopback=True, hosts=(), origins=())
LIMITS = Limits(max_body_bytes=4096, body_seconds=WAIT_SECONDS, route_seconds=0.05)


def edge(
    *,
    door: Door = OPEN_DOOR,
    guard: Guard = GUARD,
    limits: Limits = LIMITS,
    tracer: Tracer | None = None,
) -> Edge:
    scorer, dispatcher, facts = (
        FakeScorer(),
        ScriptedDispatcher(head(), Chunk(b"data: 1\n\n")),
        KeptFacts(),
    )
    modes, store, states = ModeBoard("full"), KeptStore(), {"ingress": "ok", "bus": "ok"}
    intake = Intake(
        guard=guard,
        door=door,
        modes=modes,
        tenants=tenants(ROUTING),
        ids=RandomIds(),
        clock=lambda: NOW,
    )

    async def parts_now() -> dict[str, str]:
        return states

    proxy = Proxy(
        intake=intake,
        scorer=scorer,
        dispatcher=dispatcher,
        facts=facts,
        catalog=CATALOG,
        limits=limits,
    )
    app = build_edge(
        proxy,
        Control(
            intake=intake,
            scorer=scorer,
            facts=facts,
            catalog=CATALOG,
            modes=modes,
            settings=TenantSettings(Routing(), CATALOG),
            store=store,
            artifacts=parts.artifacts_of(Settings(), CATALOG, store),
            limits=limits,
            room=proxy.room,
            exposition=lambda: (b"turnout_requests_total 1\n", "text/plain"),
            parts=parts_now,
        ),
        tracer=tracer,
    )
    return Edge(app, scorer, dispatcher, facts, modes, store, states, proxy, intake.tenants)


@dataclass(slots=True)
class Answer:
    """What the client got so far."""

    status: int = 0
    raw_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    is_whole: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.raw_headers}

    @property
    def json(self) -> dict[str, object]:
        return msgspec.json.decode(self.body, type=dict[str, object])


MESSAGES = "/v1/messages"
CHAT = "/v1/chat/completions"
BODY = (
    b'{"model":"claude-opus-5-5","max_tokens":64,"stream":true,'
    b'"messages":[{"role":"user","content":"Hello there"}]}'
)
LOCAL = (("host", "127.0.0.1:8080"), ("content-type", "application/json"))


class Client:
    """One connection to the application: sends a body in parts, reads, and may leave."""

    def __init__(self) -> None:
        self.answer = Answer()
        self._parts: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self.leaves_on_send = False

    def send_part(self, data: bytes, *, more: bool) -> None:
        self._parts.put_nowait({"type": "http.request", "body": data, "more_body": more})

    def leave(self) -> None:
        self._parts.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> dict[str, object]:
        return await self._parts.get()

    async def send(self, message: MutableMapping[str, object]) -> None:
        if self.leaves_on_send:
            raise OSError("the connection is closed")
        match message:
            case {"type": "http.response.start", "status": int(status), "headers": list(headers)}:
                assert not self.answer.status, "one start"
                self.answer.status, self.answer.raw_headers = status, headers
            case {"type": "http.response.body"}:
                assert self.answer.status, "the start comes first"
                assert not self.answer.is_whole, "nothing after the end"
                data = message.get("body", b"")
                assert isinstance(data, bytes)
                self.answer.chunks.append(data)
                self.answer.is_whole = not message.get("more_body", False)
            case _:
                raise AssertionError(message)

    async def ask(
        self,
        on: Edge,
        path: str = MESSAGES,
        *,
        method: str = "POST",
        headers: Sequence[tuple[str, str]] = (),
        query: str = "",
    ) -> Answer:
        names = {name for name, _ in headers}
        all_headers = [*(pair for pair in LOCAL if pair[0] not in names), *headers]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in all_headers],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8080),
        }
        async with asyncio.timeout(WAIT_SECONDS):
            await on.app(scope, self.receive, self.send)
        return self.answer


async def ask(
    on: Edge,
    path: str = MESSAGES,
    *,
    body: bytes = BODY,
    method: str = "POST",
    headers: Sequence[tuple[str, str]] = (),
    query: str = "",
) -> Answer:
    """One request whose body is there at once and whose client stays."""
    client = Client()
    client.send_part(body, more=False)
    return await client.ask(on, path, method=method, headers=headers, query=query)


def error_of(answer: Answer) -> tuple[str, str]:
    """Type and message of an error in either dialect."""
    told = answer.json["error"]
    assert isinstance(told, dict)
    return str(told["type"]), str(told["message"])


def with_limits(*, body_seconds: float) -> Limits:
    return replace(LIMITS, body_seconds=body_seconds)


def failing(error: TurnoutError) -> Edge:
    """An edge whose scorer refuses."""
    on = edge()
    on.scorer.failure = error
    return on
