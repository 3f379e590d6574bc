"""The simulated provider as an ASGI application.

Rules of this module: it routes, waits and sends; what to answer is decided by the pure modules.
Beside the providers' own paths it serves `/simulate` (script the next answers) and
`/simulate/log` (what has been seen), which are not logged themselves.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import msgspec

from turnout.catalog import Catalog
from turnout.errors import InvalidRequest
from turnout.simulator.answers import Answer, answer, pick
from turnout.simulator.asgi import ClientGone, Connection, Receive, Scope, Send
from turnout.simulator.cache import Charge, PromptCache
from turnout.simulator.directives import NONE, Directives
from turnout.simulator.exchange import Call, Refused, Wire, credential_of
from turnout.simulator.log import LogEntry, RequestLog
from turnout.simulator.routes import Route, Routes, listed_models, usual_wire, with_key_of
from turnout.simulator.script import Script

FASTEST_SECONDS = 0.02
SLOWEST_SECONDS = 0.05
"""Time to first token of a short prompt, by model: a tenth of real life, so that demos move."""

PREFILL_SECONDS_PER_TOKEN = 1e-6
"""What a token that was not in the cache adds to the time to first token."""

GAP_SECONDS = 0.005
"""Between two events; real models send 50 to 150 a second."""

DIRECTIVES_HEADER = "x-simulate"

GARBAGE = b"<html><body>502 Bad Gateway</body></html>\n"


class Named(msgspec.Struct, frozen=True):
    """What is read of a body before it is checked, for the log and the queue."""

    model: str = ""
    stream: bool = False


class SimulatedProvider:
    """One provider process: its caches, its script and its log. Call it as an ASGI application."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        default: Directives = NONE,
        keep_bodies: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._catalog = catalog
        self._default = default
        self._keep_bodies = keep_bodies
        self._now = now
        self._cache = PromptCache()
        self._routes = Routes()
        self._script = Script(default=default)
        self._log = RequestLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path = str(scope["method"]), str(scope["path"])
        connection = Connection(receive, send)
        if path.startswith("/simulate"):
            await self._administer(connection, method, path)
            return
        query = _query(scope)
        headers = with_key_of(query, _headers(scope))
        entry = self._log.begin(method=method, path=path, headers=headers.items(), now=self._now())
        aborted = False
        try:
            await self._serve(connection, entry, method, path, query, headers)
        except ClientGone:
            aborted = True
        finally:
            self._log.end(entry, now=self._now(), aborted=aborted)

    async def _serve(
        self,
        connection: Connection,
        entry: LogEntry,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
    ) -> None:
        if method in {"GET", "HEAD"}:
            await self._read_only(connection, entry, path, headers)
            return
        route = self._routes.of(path, query) if method == "POST" else None
        wire = usual_wire(path, headers) if route is None else route.wire
        try:
            body = await connection.body()
            entry.set_body(body, keep=self._keep_bodies)
            if route is None:
                raise wire.scripted_refusal(404)
            named = _named(body, route)
            entry.model, entry.stream = named.model, named.stream
            directives = self._take(named.model, headers, body)
        except Refused as refused:
            await self._refuse(connection, entry, wire, refused, headers=())
            return
        async with connection.watched():
            try:
                await self._answer(connection, entry, route, body, headers, directives)
            except Refused as refused:
                await self._refuse(
                    connection, entry, wire, refused, headers=_retry_headers(directives)
                )

    async def _answer(
        self,
        connection: Connection,
        entry: LogEntry,
        route: Route,
        body: bytes,
        headers: dict[str, str],
        directives: Directives,
    ) -> None:
        wire = route.wire
        if directives.status is not None:
            await connection.silence(directives.ttft or 0.0)
            raise wire.scripted_refusal(directives.status, retry_after=directives.retry_after)
        if route.counts:
            counted = wire.count(body, headers, self._catalog)
            await self._send_whole(connection, entry, wire, counted)
            return
        call = wire.read(body, headers, self._catalog)
        credential = credential_of(headers)
        charge = wire.charge(
            call, self._cache, catalog=self._catalog, credential=credential, now=self._now()
        )
        said = answer(call.ask, directives)
        await connection.silence(_first_token_seconds(call, charge, directives))
        self._cache.commit(charge, now=self._now())
        entry.usage = _logged_usage(charge, said)
        entry.dropped_thinking = call.dropped_thinking
        if directives.garbage:
            entry.status = 200
            await connection.start(200, [("content-type", "text/html")])
            await connection.write(GARBAGE, more=False)
        elif call.stream:
            await self._send_frames(connection, entry, wire, call, said, charge, directives)
        else:
            await self._send_body(connection, entry, wire, call, said, charge, directives)

    async def _send_body(
        self,
        connection: Connection,
        entry: LogEntry,
        wire: Wire,
        call: Call,
        said: Answer,
        charge: Charge,
        directives: Directives,
    ) -> None:
        """A whole answer: it takes as long as its stream would have."""
        created_at = int(self._now())
        gap = GAP_SECONDS if directives.gap is None else directives.gap
        events = len(wire.frames(call, said, charge, created_at=created_at))
        await connection.silence(
            gap * events + (directives.stall or 0.0) + (directives.pause or 0.0)
        )
        if directives.error_in_stream:
            raise wire.scripted_refusal(500)
        data = wire.whole(call, said, charge, created_at=created_at)
        if directives.half:
            data = data[: len(data) // 2]
        await self._send_whole(connection, entry, wire, data, cut=directives.cut is not None)

    async def _send_frames(
        self,
        connection: Connection,
        entry: LogEntry,
        wire: Wire,
        call: Call,
        said: Answer,
        charge: Charge,
        directives: Directives,
    ) -> None:
        """A stream with whatever the directives do to it."""
        created_at = int(self._now())
        frames = wire.frames(call, said, charge, created_at=created_at)
        gap = GAP_SECONDS if directives.gap is None else directives.gap
        opening = [frame.data for frame in frames if frame.kind == "start"]
        content = [frame.data for frame in frames if frame.kind == "content"]
        ending = [frame.data for frame in frames if frame.kind == "end"]
        middle = len(content) // 2
        entry.status = 200
        await connection.start(
            200,
            [
                ("content-type", wire.stream_type()),
                ("cache-control", "no-cache"),
                (wire.request_id_header(), self._request_id()),
            ],
        )
        await connection.write(b"".join(opening))
        if directives.stall is not None:
            await connection.write(wire.ping())
            await connection.silence(directives.stall)
        if directives.cut == "after-start":
            return
        for number, data in enumerate(content):
            if number == middle:
                if directives.error_in_stream:
                    sent = [*opening, *content[:number]]
                    error = wire.stream_error(call, said, sent=sent, created_at=created_at)
                    await connection.write(error, more=False)
                    return
                if directives.half:
                    await connection.write(data[: len(data) // 2], more=False)
                    return
                await connection.silence(directives.pause or 0.0)
            await connection.write(data)
            if entry.first_content_at is None:
                entry.first_content_at = self._now()
            if directives.cut == "after-content":
                return
            await connection.silence(gap)
        if directives.cut == "before-end":
            return
        await connection.write(b"".join(ending), more=False)

    async def _read_only(
        self, connection: Connection, entry: LogEntry, path: str, headers: dict[str, str]
    ) -> None:
        wire = usual_wire(path, headers)
        if path in {"/", "/api/hello", "/healthz"}:
            await self._send_whole(connection, entry, wire, b"{}")
        elif (listed := listed_models(path, headers, self._catalog)) is not None:
            await self._send_whole(connection, entry, wire, listed)
        else:
            await self._refuse(connection, entry, wire, wire.scripted_refusal(404), headers=())

    async def _refuse(
        self,
        connection: Connection,
        entry: LogEntry,
        wire: Wire,
        refused: Refused,
        *,
        headers: Sequence[tuple[str, str]],
    ) -> None:
        data = wire.refusal(refused, request_id=self._request_id())
        await self._send_whole(
            connection, entry, wire, data, status=refused.status, headers=headers
        )

    async def _send_whole(
        self,
        connection: Connection,
        entry: LogEntry,
        wire: Wire,
        data: bytes,
        *,
        status: int = 200,
        headers: Sequence[tuple[str, str]] = (),
        cut: bool = False,
    ) -> None:
        entry.status = status
        await connection.start(
            status,
            [
                ("content-type", "application/json"),
                ("content-length", str(len(data))),
                (wire.request_id_header(), self._request_id()),
                *headers,
            ],
        )
        if cut:
            # Returning with bytes owed makes uvicorn close the connection.
            await connection.write(data[: len(data) // 2])
            return
        entry.first_content_at = self._now()
        await connection.write(data, more=False)

    def _request_id(self) -> str:
        return f"req_{self._log.requests:012d}"

    def _take(self, model: str, headers: dict[str, str], body: bytes) -> Directives:
        header = headers.get(DIRECTIVES_HEADER, "")
        try:
            return self._script.take(model=model, header=header, body=body)
        except InvalidRequest as error:
            raise Refused(error.message) from error

    async def _administer(self, connection: Connection, method: str, path: str) -> None:
        status = 200
        body = await connection.body()
        try:
            match method, path:
                case "GET", "/simulate/log":
                    data = msgspec.json.encode(
                        {
                            "requests": self._log.requests,
                            "aborted": self._log.aborted,
                            "in_flight": self._log.in_flight,
                            "entries": [asdict(entry) for entry in self._log.entries],
                        }
                    )
                case "POST", "/simulate":
                    self._script.change(body)
                    data = msgspec.json.encode({"queued": len(self._script.queue)})
                case "DELETE", "/simulate":
                    self._script.reset(self._default)
                    self._log.reset()
                    self._cache.clear()
                    self._routes.clear()
                    data = b"{}"
                case _:
                    raise InvalidRequest(
                        "There are GET /simulate/log, POST /simulate and DELETE /simulate."
                    )
        except InvalidRequest as error:
            status, data = 400, msgspec.json.encode({"error": error.message})
        await connection.start(
            status,
            [("content-type", "application/json"), ("content-length", str(len(data)))],
        )
        await connection.write(data, more=False)


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    pairs = scope["headers"]
    if isinstance(pairs, Sequence):
        for name, value in msgspec.convert(pairs, list[tuple[bytes, bytes]]):
            found[name.decode("latin-1").lower()] = value.decode("latin-1")
    return found


def _query(scope: Scope) -> str:
    query = scope.get("query_string", b"")
    return query.decode("latin-1") if isinstance(query, bytes) else ""


def _named(body: bytes, route: Route) -> Named:
    if route.model:
        return Named(model=route.model, stream=route.streams)
    try:
        return msgspec.json.decode(body, type=Named)
    except msgspec.MsgspecError:
        return Named()


def _retry_headers(directives: Directives) -> list[tuple[str, str]]:
    if directives.retry_after is None:
        return []
    return [("retry-after", f"{directives.retry_after:g}")]


def _first_token_seconds(call: Call, charge: Charge, directives: Directives) -> float:
    if directives.ttft is not None:
        return directives.ttft
    spread = pick(call.model.id.encode(), "speed", 100) / 100
    uncached = charge.total - charge.read
    return (
        FASTEST_SECONDS
        + spread * (SLOWEST_SECONDS - FASTEST_SECONDS)
        + uncached * PREFILL_SECONDS_PER_TOKEN
    )


def _logged_usage(charge: Charge, said: Answer) -> dict[str, object]:
    return {
        "fresh": charge.fresh,
        "read": charge.read,
        "written": {str(lifetime): tokens for lifetime, tokens in charge.written.items()},
        "output": said.output_tokens,
    }
