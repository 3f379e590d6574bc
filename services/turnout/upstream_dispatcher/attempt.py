"""One upstream call, from sending to its last byte.

Rules: an attempt reads from its upstream only while it is asked to, so a slow client slows the
upstream and no stall clock runs meanwhile; before the first content event everything is held back
and a failure is an `AttemptFailed`; after it a failure is the terminal event of the answer. Closing
an attempt closes its connection at once, in whatever phase it is.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from turnout.dialects.dialect import WireDialect
from turnout.dialects.refusal_words import as_meant
from turnout.dialects.stream import BROKE_OFF
from turnout.errors import Internal, TurnoutError, Unavailable, UpstreamFailed, UpstreamTimeout
from turnout.refusals import Refusals
from turnout.upstream_dispatcher.accounting import AttemptLog
from turnout.upstream_dispatcher.alarm import Alarm
from turnout.upstream_dispatcher.answer import Course, TranslatedCourse
from turnout.upstream_dispatcher.limits import (
    DRAIN_SECONDS,
    ERROR_BODY_SECONDS,
    MAX_ANSWER_BYTES,
    MAX_ERROR_BYTES,
    MAX_HELD_BYTES,
    MAX_TAIL_BYTES,
    Limits,
)
from turnout.upstream_dispatcher.request import Prepared, passed_headers
from turnout.upstream_dispatcher.transport import NOT_SENT, HttpTransport, Incoming

_LOG = logging.getLogger(__name__)

EVENT_STREAM = "text/event-stream"
JSON_SUFFIX = "json"

STREAM_HEADERS = (("content-type", f"{EVENT_STREAM}; charset=utf-8"),)


Told = TypeVar("Told")


class Spawn(Protocol):
    """Starts a task that somebody else owns and that never raises. Raises `Unavailable` when stopping."""

    def __call__(self, work: Coroutine[None, None, Told], /) -> asyncio.Task[Told]: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's error answer, for a client that should see it as it came."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """No content came, so another target may be tried. `refusal` is there when it was one."""

    error: TurnoutError
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing for the client yet."""


class Piece(msgspec.Struct, frozen=True, gc=False):
    """Whole events for the client; `is_last` when the answer is over, well or not."""

    data: bytes
    is_last: bool


Progress: TypeAlias = Waiting | Piece | AttemptFailed

WAITING = Waiting()


class StreamAttempt:
    """An attempt whose answer goes to the client while it comes."""

    def __init__(
        self,
        prepared: Prepared,
        log: AttemptLog,
        course: Course,
        *,
        json_course: Callable[[], TranslatedCourse],
        dialect: WireDialect,
        transport: HttpTransport,
        spawn: Spawn,
        limits: Limits,
        clock: Callable[[], float],
    ) -> None:
        """`dialect` is the target's; `json_course` is for an answer that is no stream at all."""
        self.log = log
        self._prepared = prepared
        self._course = course
        self._json_course = json_course
        self._dialect = dialect
        self._transport = transport
        self._spawn = spawn
        self._limits = limits
        self._clock = clock
        self._time = asyncio.get_running_loop().time
        self._opening: asyncio.Task[Incoming | TurnoutError] | None = None
        self._incoming: Incoming | None = None
        # The same, once it is known to be a stream.
        self._streaming: Incoming | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._content_due = 0.0
        self._silent_since = self._time()
        self._over_at = self._silent_since + limits.answer_seconds
        self._alarm = Alarm()
        self._is_waiting = False
        self._is_at_end = False
        self._is_retold = False

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What of the answer's headers the client may see."""
        incoming = self._incoming
        if incoming is None or not self._prepared.is_native or self._is_retold:
            return STREAM_HEADERS
        return passed_headers(incoming.headers.multi_items())

    async def advance(self, *, until: float) -> Progress:
        """Go on until there is something for the client, or until loop time `until`."""
        if not self._is_waiting:
            # The time since the last piece was the client's.
            self._silent_since = self._time()
        try:
            if self._streaming is None:
                progress = await self._begin(until)
            else:
                progress = await self._relay(self._streaming, until)
        except TurnoutError as error:
            self.log.is_refused = isinstance(error, NOT_SENT)
            progress = self._failed(error)
        self._is_waiting = progress is WAITING
        return progress

    async def _begin(self, until: float) -> Progress:
        opened = await self._open(until)
        if opened is None:
            return WAITING
        self._incoming = opened
        self.log.began(opened.status, opened.headers, now=self._clock())
        self._silent_since = self._time()
        self._content_due = self._silent_since + self._limits.first_content_seconds
        if opened.status != 200:
            self.log.is_refused = True
            refusal = await read_refusal(opened)
            self.log.error = refused(
                refusal,
                opened,
                dialect=self._dialect,
                refusals=self.log.to.quirks.refusals,
                now=self._clock(),
            )
            return AttemptFailed(self.log.error, refusal)
        kind = opened.content_type
        if kind == EVENT_STREAM:
            self._streaming = opened
            return await self._relay(opened, until)
        if kind.endswith(JSON_SUFFIX):
            return await self._whole(opened)
        raise UpstreamFailed(f"the upstream answered with {kind!r:.60} instead of a stream")

    async def _open(self, until: float) -> Incoming | None:
        if self._opening is None:
            self._opening = self._spawn(_sent(self._transport, self._prepared))
        due = self._silent_since + self._limits.first_byte_seconds
        await asyncio.wait((self._opening,), timeout=max(0.0, min(until, due) - self._time()))
        if not self._opening.done():
            if self._time() >= due:
                raise UpstreamTimeout(
                    f"the upstream did not answer within {self._limits.first_byte_seconds:g} s"
                )
            return None
        opening, self._opening = self._opening, None
        if opening.cancelled():
            raise Unavailable("Turnout is stopping; send the request again.")
        result = opening.result()
        if isinstance(result, TurnoutError):
            raise result
        return result

    async def _relay(self, incoming: Incoming, until: float) -> Progress:
        """On the way of every piece of every stream: what need not be done for each is not here."""
        course = self._course
        while True:
            data = await self._read(incoming, until)
            if data is None:
                return WAITING
            out = course.feed(data) if data else course.close()
            if self.log.first_content_at is None and not self._has_content(data):
                self._hold(out)
                continue
            if not data:
                return Piece(self._released(self._ended(out)), is_last=True)
            if course.is_over:
                # An error that is no failure of ours the stream has told the client itself.
                self.log.reading = course.reading
                self.log.error = course.reading.error
                return Piece(self._released(out), is_last=True)
            if out or self._held:
                return Piece(self._released(out), is_last=False)

    def _has_content(self, data: bytes) -> bool:
        """Whether an answer has begun with what has come; one without content begins with its end."""
        self.log.reading = reading = self._course.reading
        if reading.error is not None and not reading.has_content:
            raise as_meant(reading.error, self.log.to.quirks.refusals)
        if reading.has_content:
            self.log.first_content_at = self._clock()
            return True
        if not data and not reading.is_complete:
            raise UpstreamFailed("the upstream's stream ended before any content")
        return reading.is_complete

    def _ended(self, out: bytes) -> bytes:
        """The bytes are over, with `out` as their rest: what the client hears at the end."""
        self._is_at_end = True
        self.log.reading = reading = self._course.reading
        if reading.error is not None:
            self.log.error = reading.error
            return out
        if reading.is_complete:
            return out
        if reading.finish_reason:
            # Clients that wait for the last event ask, and pay, again; half of it would swallow it.
            return self._dialect.last_event() or out
        # The rest is half an event, which would swallow the one that says so.
        self.log.error = UpstreamFailed(BROKE_OFF)
        return self._course.broken(self.log.error)

    async def _whole(self, incoming: Incoming) -> Progress:
        """A JSON answer where a stream was asked for: most clients fail on it, so tell it as one.

        It is small and comes at once, so the clock of the client's silence does not matter here.
        """
        course = self._json_course()
        async with limited(self._limits.idle_seconds):
            body = await incoming.read_all(max_bytes=MAX_ANSWER_BYTES)
        self._course = course
        self._is_retold = True
        out = course.pass_on(self._dialect.decode_response(body))
        self.log.reading = course.reading
        if course.reading.error is not None:
            raise as_meant(course.reading.error, self.log.to.quirks.refusals)
        self.log.first_content_at = self._clock()
        self._is_at_end = True
        return Piece(out, is_last=True)

    async def _read(self, incoming: Incoming, until: float) -> bytes | None:
        """Bytes, b"" at the end, None at `until`."""
        due = min(self._silent_since + self._limits.idle_seconds, self._over_at)
        if self.log.first_content_at is None:
            due = min(due, self._content_due)
        try:
            with self._alarm.at(min(until, due)):
                data = await incoming.read()
        except TimeoutError:
            if self._time() < due:
                return None
            if due == self._over_at:
                raise self._too_long() from None
            raise UpstreamTimeout("the upstream's stream fell silent") from None
        self._silent_since = self._time()
        if self._silent_since >= self._over_at:
            # Where there always is something to read, no alarm rings.
            raise self._too_long()
        return data

    def _too_long(self) -> UpstreamTimeout:
        return UpstreamTimeout(
            f"the upstream's answer was not over within {self._limits.answer_seconds:g} s"
        )

    def _hold(self, out: bytes) -> None:
        if out:
            self._held.append(out)
            self._held_bytes += len(out)
            if self._held_bytes > MAX_HELD_BYTES:
                raise UpstreamFailed(f"the upstream sent {MAX_HELD_BYTES} bytes without content")

    def _released(self, out: bytes) -> bytes:
        if not self._held:
            return out
        held = b"".join((*self._held, out))
        self._held.clear()
        return held

    def _failed(self, error: TurnoutError) -> Progress:
        self.log.error = error.without_frames()
        self._keep_reading()
        if self.log.first_content_at is None:
            return AttemptFailed(error)
        return Piece(self._released(b"") + self._course.broken(error), is_last=True)

    async def finish(self) -> bytes:
        """After the last piece: wait a moment for the body's end, so that the connection can be
        used again, and return what still came that may follow an end.
        """
        if self._incoming is None or self._is_at_end or self.log.error is not None:
            return b""
        rest: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while size <= MAX_TAIL_BYTES and (data := await self._incoming.read()):
                    rest.append(self._course.feed(data))
                    size += len(data)
            rest.append(self._course.close())
        except (TimeoutError, TurnoutError):
            # The answer was whole; the connection is closed instead of kept.
            pass
        if size > MAX_TAIL_BYTES or self._course.dropped_bytes:
            _LOG.warning(
                "the upstream went on after the end of its answer, which is not relayed",
                extra={"target": self.log.to.target, "bytes": size},
            )
        return b"".join(rest)

    def _keep_reading(self) -> None:
        """Where an answer ends that is not over: what it has used so far."""
        if self._incoming is not None:
            self.log.reading = self._course.reading

    async def aclose(self) -> None:
        self._alarm.close()
        self._keep_reading()
        opening, self._opening = self._opening, None
        if opening is not None and not opening.cancel():
            result = opening.result()
            if isinstance(result, Incoming):
                await result.aclose()
        if self._incoming is not None:
            await self._incoming.aclose()


async def _sent(transport: HttpTransport, prepared: Prepared) -> Incoming | TurnoutError:
    try:
        return await transport.send(prepared.outgoing)
    except TurnoutError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a task boundary: its owner must not be torn down
        return Internal(f"sending failed: {type(error).__name__}")


async def read_refusal(incoming: Incoming) -> Refusal:
    """An error answer; what of its body came in time, as long as it is no book."""
    try:
        async with limited(ERROR_BODY_SECONDS):
            body = await incoming.read_all(max_bytes=MAX_ERROR_BYTES)
    except UpstreamFailed:
        body = b""
    return Refusal(incoming.status, passed_headers(incoming.headers.multi_items()), body)


def refused(
    refusal: Refusal,
    incoming: Incoming,
    *,
    dialect: WireDialect,
    refusals: Refusals,
    now: float,
) -> TurnoutError:
    """What a provider's error answer means."""
    if refusal.status < 400:
        return UpstreamFailed(
            f"the upstream answered with status {refusal.status} instead of 200",
            upstream_status=refusal.status,
        )
    return dialect.decode_error(
        refusal.status, incoming.headers.multi_items(), refusal.body, now=now, refusals=refusals
    )


@asynccontextmanager
async def limited(seconds: float) -> AsyncGenerator[None, None]:
    """`asyncio.timeout` that raises our own kind."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise UpstreamTimeout(f"the upstream's answer did not come within {seconds:g} s") from None
