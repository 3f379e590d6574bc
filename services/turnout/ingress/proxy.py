"""The proxy endpoints: a client's API call in, the answer of whoever serves it out.

Plain ASGI: the body stays bytes. The order is guard, key, body, survey, route, dispatch, relay. An
error before the answer has begun is an error answer of the client's dialect and a fact. While the
answer is relayed the client's side is watched; when it closes, the dispatcher's iterator is closed
at once, which aborts the upstream call.
"""

import logging
import time
from collections import OrderedDict
from contextlib import aclosing
from dataclasses import dataclass

import msgspec
from msgspec import structs
from starlette.types import Receive, Scope, Send

from turnout.catalog.catalog import Catalog
from turnout.dialects.dialect import WireDialect
from turnout.errors import Internal, InvalidRequest, TurnoutError
from turnout.ingress.answers import RawHeaders, encode_headers, router_headers, send_error
from turnout.ingress.body import ClientGone, read_body
from turnout.ingress.callers import Caller
from turnout.ingress.intake import Arrival, Intake, Question
from turnout.ingress.rejected import rejected
from turnout.ingress.responses_shaped import as_chat
from turnout.ingress.room import Place, Room
from turnout.ingress.routed_alone import routed_alone
from turnout.ingress.watch import ClientWatch
from turnout.policy.decision import Decision
from turnout.policy.degrade import decide_without_scorer
from turnout.policy.provenance import with_answer
from turnout.policy.thread import Maker, ThreadState
from turnout.ports import (
    Chunk,
    DispatchRequest,
    FactSink,
    Head,
    Scorer,
    Served,
    UpstreamDispatcher,
)

REMEMBERED_THREADS = 10_000
"""Last targets and makers kept for the case that the scorer or the tracker is down; about 4 MB."""

FIRST_ERROR = 400

_NEVER_FORWARDED = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-api-key",
        "x-goog-api-key",
    }
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the edge allows. Bytes and seconds.

    Attributes:
        socket_seconds: how long a WebSocket lasts, as at OpenAI, whose clients open another one then.
        requests, bodies_bytes: what may be served at once, and the bytes of all their bodies.
        sockets, sockets_per_key: WebSockets that may be open, in all and of one key; each remembers
            a thread of up to `max_body_bytes`.
    """

    max_body_bytes: int
    body_seconds: float
    route_seconds: float
    requests: int = 2_048
    bodies_bytes: int = 512 * 1024 * 1024
    socket_seconds: float = 3_600.0
    sockets: int = 512
    sockets_per_key: int = 64


class _Answered(msgspec.Struct, frozen=True, gc=False):
    """Who answered a thread last, and who wrote its answers, as far as this process has seen it."""

    target: str = ""
    makers: tuple[Maker, ...] = ()


class Proxy:
    """Answers requests of any dialect; one per ingress.

    Attributes:
        in_flight: requests that are being answered now.
        room: what they, and bodies of other endpoints, take.

    """

    def __init__(
        self,
        *,
        intake: Intake,
        scorer: Scorer,
        dispatcher: UpstreamDispatcher,
        facts: FactSink,
        catalog: Catalog,
        limits: Limits,
    ) -> None:
        self.in_flight = 0
        self._intake = intake
        self._scorer = scorer
        self._dispatcher = dispatcher
        self._facts = facts
        self._catalog = catalog
        self._limits = limits
        self.room = Room(max_requests=limits.requests, max_body_bytes=limits.bodies_bytes)
        self._last: OrderedDict[str, _Answered] = OrderedDict()

    async def handle(
        self, scope: Scope, receive: Receive, send: Send, *, dialect: WireDialect, path: str
    ) -> None:
        """One request from its first byte to its last."""
        arrival = self._intake.arrive(
            path=path, query=scope["query_string"].decode("latin-1"), raw_headers=scope["headers"]
        )
        relay = _Relay(send)
        question: Question | None = None
        place: Place | None = None
        self.in_flight += 1
        try:
            caller = self._intake.admit(arrival, dialect.name)
            place = self.room.enter()
            body = await read_body(
                scope,
                receive,
                place=place,
                max_bytes=self._limits.max_body_bytes,
                seconds=self._limits.body_seconds,
            )
            question, body = self._read(arrival, caller, body, dialect, path=path)
            decision, state = await self._decide(question)
            request = self._dispatch_request(question, decision, state, body)
            relay.is_stream = question.features.stream
            await self._relay(request, question, receive, relay)
        except ClientGone:
            return
        except TurnoutError as error:
            await self._fail(error, arrival, question, dialect, relay)
        except Exception:  # noqa: BLE001
            # The boundary of one request: whatever is wrong with ours, the client gets an answer
            # in its dialect and the next request is served.
            _LOG.exception("request failed", extra={"request_id": arrival.request_id})
            fault = Internal("Turnout failed on this request; its log has the request id.")
            await self._fail(fault, arrival, question, dialect, relay)
        finally:
            self.in_flight -= 1
            if place is not None:
                place.leave()

    def _read(
        self, arrival: Arrival, caller: Caller, body: bytes, dialect: WireDialect, *, path: str
    ) -> tuple[Question, bytes]:
        """The request understood, and its body as its dialect has it."""
        try:
            return self._intake.read(arrival, caller, body, dialect, path=path), body
        except InvalidRequest:
            reshaped = as_chat(body) if dialect.name == "openai_chat" else None
            if reshaped is None:
                raise
        return self._intake.read(arrival, caller, reshaped, dialect, path=path), reshaped

    async def _decide(self, question: Question) -> tuple[Decision, ThreadState]:
        """The decision, and the thread as it was seen for it."""
        try:
            answer = await self._scorer.route(
                question.for_scorer(explain_only=False),
                deadline_seconds=self._limits.route_seconds,
            )
        except InvalidRequest:
            raise
        except Exception as reason:  # noqa: BLE001
            # The boundary to another part: whatever is wrong with it, the request still goes.
            _LOG.warning(
                "decided without the scorer",
                exc_info=None if isinstance(reason, TurnoutError) else reason,
                extra={
                    "request_id": question.arrival.request_id,
                    "reason": reason.message
                    if isinstance(reason, TurnoutError)
                    else type(reason).__name__,
                },
            )
            return self._decide_alone(question), self._remembered(question, ThreadState())
        state = answer.inputs.state
        if "tracker" in answer.inputs.degraded:
            state = self._remembered(question, state)
        return answer.decision, state

    def _remembered(self, question: Question, state: ThreadState) -> ThreadState:
        """With the makers that were known before the tracker could not be asked: whose reasoning is in
        the body does not change by that.
        """
        last = self._last.get(question.identity.thread_key, _Answered())
        return structs.replace(state, makers=last.makers)

    def _decide_alone(self, question: Question) -> Decision:
        last_target = self._last.get(question.identity.thread_key, _Answered()).target
        settings = self._intake.tenants.of(question.identity.tenant).settings
        decision = decide_without_scorer(
            question.features,
            access=question.caller.access,
            mode=question.mode,
            identity=question.identity,
            last_target=last_target,
            catalog=self._catalog,
            settings=settings,
        )
        self._facts.record(
            routed_alone(
                question,
                decision,
                last_target=last_target,
                settings=settings,
                now=self._intake.clock(),
            )
        )
        return decision

    def _dispatch_request(
        self, question: Question, decision: Decision, state: ThreadState, body: bytes
    ) -> DispatchRequest:
        arrival = question.arrival
        return DispatchRequest(
            request_id=arrival.request_id,
            identity=question.identity,
            tags=question.caller.tags,
            features=question.features,
            prefix=question.prefix,
            mode=question.mode,
            decision=decision,
            dialect=question.features.dialect,
            path=arrival.path,
            query=_without_keys(arrival.query),
            headers=tuple(
                (name, value)
                for name, value in arrival.headers.items()
                if name not in _NEVER_FORWARDED and not name.startswith("x-turnout-")
            ),
            body=body,
            credentials=question.caller.credentials,
            received_at=arrival.received_at,
            route_seconds=time.perf_counter() - arrival.started,
            traceparent=arrival.traceparent,
            makers=state.makers,
            is_edited=state.kept_share < 1,
        )

    async def _relay(
        self, request: DispatchRequest, question: Question, receive: Receive, relay: "_Relay"
    ) -> None:
        """Relay the answer while watching for the client's leaving."""
        async with ClientWatch(receive):
            await self._pump(request, question, relay)

    async def _pump(self, request: DispatchRequest, question: Question, relay: "_Relay") -> None:
        events = self._dispatcher.dispatch(request)
        async with aclosing(events):
            async for event in events:
                match event:
                    case Chunk(data):
                        await relay.chunk(data)
                    case Served(target):
                        self._remember(question, request, target)
                    case Head():
                        if event.status < FIRST_ERROR:
                            self._remember(question, request, event.target)
                        await relay.head(
                            event,
                            router_headers(
                                request_id=request.request_id,
                                head=event,
                                decision=request.decision,
                                mode=request.mode,
                            ),
                        )
        await relay.end()

    def _remember(self, question: Question, request: DispatchRequest, target: str) -> None:
        if not target or question.identity.request_class == "auxiliary":
            return
        key = question.identity.thread_key
        self._last[key] = _Answered(
            target,
            with_answer(request.makers, target=target, message_count=len(request.prefix.digests)),
        )
        self._last.move_to_end(key)
        if len(self._last) > REMEMBERED_THREADS:
            self._last.popitem(last=False)

    async def _fail(
        self,
        error: TurnoutError,
        arrival: Arrival,
        question: Question | None,
        dialect: WireDialect,
        relay: "_Relay",
    ) -> None:
        """Answer an error, or end a stream that has begun with one, and leave a fact."""
        answer = dialect.encode_error(error, request_id=arrival.request_id)
        self._facts.record(
            rejected(
                error,
                arrival=arrival,
                question=question,
                dialect=dialect.name,
                status=answer.status,
                now=self._intake.clock(),
                begun=relay.begun,
                answer_bytes=relay.answer_bytes,
            )
        )
        try:
            if relay.has_begun and relay.is_stream:
                await relay.chunk(dialect.encode_stream_error(error))
                await relay.end()
            elif not relay.has_begun:
                await send_error(relay.send, answer, request_id=arrival.request_id)
        except OSError:
            # The client is gone as well; the fact is what is left to do.
            return


class _Relay:
    """The client's side of an answer.

    A stream goes out piece by piece. An answer that is none is sent at its end, in one piece with
    its length: it is whole before its first byte arrives here, and until it is sent an error can
    still be an error answer.
    """

    def __init__(self, send: Send) -> None:
        self.send = send
        self.has_begun = False
        self.is_stream = True
        # Of a stream that the client reads.
        self.begun: Head | None = None
        self.answer_bytes = 0
        self._held: list[bytes] = []
        self._start: tuple[int, RawHeaders] | None = None

    async def head(self, head: Head, extra: list[tuple[str, str]]) -> None:
        raw = encode_headers((*head.headers, *extra))
        if not self.is_stream:
            self._start = (head.status, raw)
            return
        self.has_begun, self.begun = True, head
        await self.send({"type": "http.response.start", "status": head.status, "headers": raw})

    async def chunk(self, data: bytes) -> None:
        if not self.is_stream:
            self._held.append(data)
            return
        self.answer_bytes += len(data)
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        if self._start is None:
            await self.send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        status, raw = self._start
        body = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        if all(name != b"content-length" for name, _ in raw):
            raw.append((b"content-length", str(len(body)).encode()))
        self.has_begun = True
        await self.send({"type": "http.response.start", "status": status, "headers": raw})
        await self.send({"type": "http.response.body", "body": body})


def _without_keys(query: str) -> str:
    """The query string as it came, less any key in it."""
    if "key=" not in query:
        return query
    return "&".join(part for part in query.split("&") if not part.startswith("key="))
