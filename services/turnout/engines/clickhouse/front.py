"""ClickHouse's HTTP interface over the embedded engine, on loopback.

Rules:
* Readers and the writer have lanes of their own, so that no dashboard holds up the facts; a lane has a
  fixed number of places and a bounded queue, and says 202 with 503 when both are full.
* The engine blocks, so it is only ever called in the threads of a lane.
* An answer is held back until its first megabytes are there: an error until then has a status of its
  own. A later one ends the stream with ClickHouse's marker, which clients look for.
* When a reader goes away its query is killed. A write is finished: it may be retried by its token.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from aiohttp import web

from turnout.engines.clickhouse.codec import accepted, encoder
from turnout.engines.clickhouse.engine import DATABASE, Answer, Engine
from turnout.engines.clickhouse.lane import Lane
from turnout.engines.clickhouse.outcome import (
    ABORTED,
    ACCESS_DENIED,
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
    SYNTAX_ERROR,
    UNKNOWN_EXCEPTION,
    Access,
    Query,
    QueryFailed,
    refused,
)
from turnout.engines.clickhouse.receive import received
from turnout.engines.clickhouse.request import (
    Request,
    access_of,
    foreign,
    query_id_of,
    query_of,
)

_MIB: Final = 1024 * 1024

# A dashboard page asks some ten things at once; each query takes two threads of the engine.
READER_PLACES: Final = 4
READER_QUEUE: Final = 32
# One inserts, one asks; telemetry has one consumer.
WRITER_PLACES: Final = 2
WRITER_QUEUE: Final = 16
# Held back per query before the first byte goes out.
HEAD_BYTES: Final = 4 * _MIB
# A client that takes nothing for this long has gone; its place is wanted.
STALL_SECONDS: Final = 60.0
# Below this a frame around the answer costs more than it saves.
SMALL_BYTES: Final = 1024

_CONTENT_TYPES: Final = {
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "CSVWithNames": "text/csv; charset=UTF-8; header=present",
    "JSON": "application/json; charset=UTF-8",
    "JSONCompact": "application/json; charset=UTF-8",
    "JSONEachRow": "application/x-ndjson; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Parquet": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
}

_log = logging.getLogger("turnout.engines.clickhouse")


class Front:
    """The HTTP application. `application()` gives what aiohttp serves."""

    def __init__(self, engine: Engine, *, token: str) -> None:
        self._engine = engine
        self._token = token
        self._lanes: Mapping[Access, Lane] = {
            "reader": Lane("reader", READER_PLACES, READER_QUEUE),
            "writer": Lane("writer", WRITER_PLACES, WRITER_QUEUE),
        }
        # Kills must not wait for the places of what they kill.
        self._killer = ThreadPoolExecutor(1, thread_name_prefix="killer")
        self._running: set[str] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_draining = False

    def application(self) -> web.Application:
        application = web.Application()
        for path in ("/ping", "/replicas_status"):
            application.router.add_get(path, self._ok)
        application.router.add_get("/", self._answer)
        application.router.add_post("/", self._answer)
        return application

    async def drain(self, *, seconds: float) -> None:
        """Take no new queries, let the running ones finish for a while, kill the rest."""
        self._is_draining = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            for query_id in tuple(self._running):
                self._kill(query_id)

    def close(self) -> None:
        """Wait for the threads; blocking, after `drain` at most a moment."""
        self._killer.shutdown(wait=True)
        for lane in self._lanes.values():
            lane.threads.shutdown(wait=True)

    async def _ok(self, request: web.Request) -> web.StreamResponse:
        if reason := foreign(request.headers):
            return self._refusal(refused(ACCESS_DENIED, reason), query_id="")
        return web.Response(text="Ok.\n")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        query_id = ""
        try:
            if reason := foreign(request.headers):
                raise refused(ACCESS_DENIED, reason)
            if self._is_draining:
                raise refused(ABORTED, "The server is shutting down.")
            head = Request(request.method, request.headers, request.query)
            access = access_of(head, token=self._token)
            query_id = query_id_of(head)
            whole = await received(request, access)
            query = query_of(whole, access=access, query_id=query_id, default_database=DATABASE)
            if query is None and request.method == "POST":
                raise refused(SYNTAX_ERROR, "Syntax error: Empty query.")
            return web.Response(text="Ok.\n") if query is None else await self._run(request, query)
        except QueryFailed as failure:
            return self._refusal(failure, query_id=query_id)
        except (ConnectionError, web.HTTPException):
            raise
        except Exception as error:  # noqa: BLE001  (the boundary of one request: others go on)
            _log.exception("request failed query_id=%s", query_id)
            fault = refused(UNKNOWN_EXCEPTION, f"fault of the front: {type(error).__name__}")
            return self._refusal(fault, query_id=query_id)

    async def _run(self, request: web.Request, query: Query) -> web.StreamResponse:
        if query.query_id in self._running:
            raise refused(
                QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
                f"Query with id = {query.query_id} is already running.",
            )
        lane = self._lanes[query.access]
        async with lane.place():
            self._running.add(query.query_id)
            self._idle.clear()
            try:
                answer = await lane.call(
                    partial(self._engine.run, query),
                    on_cancel=partial(self._leave, query),
                    unwanted=Answer.close,
                )
                try:
                    return await self._send(request, answer, lane, query)
                finally:
                    await lane.call(answer.close, on_cancel=_nothing, unwanted=_forget)
            finally:
                self._running.discard(query.query_id)
                if not self._running:
                    self._idle.set()

    async def _send(
        self, request: web.Request, answer: Answer, lane: Lane, query: Query
    ) -> web.StreamResponse:
        async def fetch() -> bytes:
            return await lane.call(
                answer.fetch, on_cancel=partial(self._leave, query), unwanted=_forget
            )

        head, part = bytearray(answer.head), answer.head
        while part and len(head) < HEAD_BYTES:
            part = await fetch()
            head += part
        encoding = _encoding(request)
        if not part and len(head) < SMALL_BYTES:
            encoding = None
        headers = self._headers(answer, query.query_id)
        if encoding is not None:
            headers["Content-Encoding"] = encoding
        packer = encoder(encoding)
        packed = packer.compress(bytes(head))
        if not part:
            return web.Response(body=packed + packer.flush(), headers=headers)
        tag = secrets.token_hex(8)
        headers["X-ClickHouse-Exception-Tag"] = tag
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            while part:
                await _write(request, response, packed)
                part = await fetch()
                packed = packer.compress(part)
        except QueryFailed as failure:
            message = _with_version(failure.message, self._engine.version)
            packed = packer.compress(_late_error(message, tag))
        await _write(request, response, packed + packer.flush())
        await response.write_eof()
        return response

    def _headers(self, answer: Answer, query_id: str) -> dict[str, str]:
        counts = answer.counts
        summary = {
            "read_rows": str(counts.read_rows),
            "read_bytes": str(counts.read_bytes),
            "written_rows": str(counts.written_rows),
            "written_bytes": str(counts.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": "0",
            "result_bytes": "0",
            "elapsed_ns": str(counts.elapsed_ns),
        }
        headers = {
            "X-ClickHouse-Summary": json.dumps(summary, separators=(",", ":")),
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Server-Display-Name": "turnout",
            "X-ClickHouse-Timezone": self._engine.timezone,
            "Content-Type": _CONTENT_TYPES.get(answer.format, "text/plain; charset=UTF-8"),
        }
        if answer.has_result:
            headers["X-ClickHouse-Format"] = answer.format
        return headers

    def _refusal(self, failure: QueryFailed, *, query_id: str) -> web.Response:
        headers = {
            "X-ClickHouse-Exception-Code": str(failure.code),
            "X-ClickHouse-Server-Display-Name": "turnout",
            "X-ClickHouse-Timezone": self._engine.timezone,
        }
        if query_id:
            headers["X-ClickHouse-Query-Id"] = query_id
        if failure.status == 503:
            headers["Retry-After"] = "1"
        return web.Response(
            text=f"{_with_version(failure.message, self._engine.version)}\n",
            status=failure.status,
            headers=headers,
        )

    def _leave(self, query: Query) -> None:
        """The client has gone. What it wrote is written; what it asked is not worth finishing."""
        if query.access == "reader" or self._is_draining:
            self._kill(query.query_id)

    def _kill(self, query_id: str) -> None:
        def kill() -> None:
            try:
                self._engine.kill(query_id)
            except QueryFailed as failure:
                _log.warning("kill failed query_id=%s code=%s", query_id, failure.code)

        self._killer.submit(kill)


async def _write(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    try:
        async with asyncio.timeout(STALL_SECONDS):
            await response.write(data)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client takes nothing") from None


def _with_version(message: str, version: str) -> str:
    return message if "(version " in message else f"{message} (version {version})"


def _encoding(request: web.Request) -> str | None:
    if request.query.get("enable_http_compression", "1") == "0":
        return None
    return accepted(request.headers.get("Accept-Encoding", ""))


def _late_error(message: str, tag: str) -> bytes:
    """An error within a stream, as ClickHouse 25.11 and later write it."""
    text = message.encode() + b"\n"
    frame = b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n"
    return frame % (tag.encode(), text, len(text), tag.encode())


def _nothing() -> None:
    """For calls that cannot be hurried."""


def _forget(_: object) -> None:
    """For results that need no closing."""
