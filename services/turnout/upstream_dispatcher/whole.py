"""One upstream call whose answer is a single JSON body.

Such answers are read whole before anything is passed on: they are small, a client cannot use half
of one, and so failover stays possible when the body turns out to be cut short or garbage.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from turnout.capabilities import Dialect
from turnout.dialects.answer_model import named_in_body
from turnout.dialects.answer_reasoning import sealed_in_body
from turnout.dialects.dialect import TapReading, WireDialect
from turnout.dialects.refusal_words import as_meant
from turnout.dialects.stream import StreamEvent, made_by
from turnout.errors import TurnoutError, UpstreamFailed, UpstreamTimeout
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.accounting import AttemptLog, estimated_input
from turnout.upstream_dispatcher.answer import NOTHING_SEEN, answer_id, reading_of
from turnout.upstream_dispatcher.attempt import (
    JSON_SUFFIX,
    AttemptFailed,
    read_refusal,
    refused,
)
from turnout.upstream_dispatcher.limits import MAX_ANSWER_BYTES, Limits
from turnout.upstream_dispatcher.request import Prepared, is_count, passed_headers
from turnout.upstream_dispatcher.transport import NOT_SENT, HttpTransport, Incoming

COUNTED = replace(NOTHING_SEEN, is_complete=True)

JSON_HEADERS = (("content-type", "application/json"),)


@dataclass(frozen=True, slots=True)
class Whole:
    """An answer for the client."""

    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)


async def attempt_whole(
    request: DispatchRequest,
    prepared: Prepared,
    log: AttemptLog,
    *,
    dialects: Mapping[Dialect, WireDialect],
    transport: HttpTransport,
    limits: Limits,
    clock: Callable[[], float],
) -> Whole | AttemptFailed:
    """Send and read everything. Cancelling it closes the connection."""
    incoming: Incoming | None = None
    try:
        async with asyncio.timeout(limits.whole_answer_seconds):
            incoming = await transport.send(prepared.outgoing)
            log.began(incoming.status, incoming.headers, now=clock())
            if incoming.status != 200:
                log.is_refused = True
                refusal = await read_refusal(incoming)
                log.error = refused(
                    refusal,
                    incoming,
                    dialect=dialects[log.to.dialect],
                    refusals=log.to.quirks.refusals,
                    now=clock(),
                )
                return AttemptFailed(log.error, refusal)
            kind = incoming.content_type
            if not kind.endswith(JSON_SUFFIX):
                raise UpstreamFailed(f"the upstream answered with {kind!r:.60} instead of JSON")
            body = await incoming.read_all(max_bytes=MAX_ANSWER_BYTES)
        whole = _told(request, prepared, log, incoming, body, dialects=dialects, now=clock())
        log.first_content_at = clock()
    except TimeoutError:
        log.error = UpstreamTimeout(
            f"the upstream did not answer within {limits.whole_answer_seconds:g} s"
        )
        return AttemptFailed(log.error)
    except TurnoutError as error:
        log.error = error.without_frames()
        log.is_refused = isinstance(error, NOT_SENT)
        return AttemptFailed(error)
    else:
        return whole
    finally:
        if incoming is not None:
            await incoming.aclose()


def _told(
    request: DispatchRequest,
    prepared: Prepared,
    log: AttemptLog,
    incoming: Incoming,
    body: bytes,
    *,
    dialects: Mapping[Dialect, WireDialect],
    now: float,
) -> Whole:
    """The body in the client's dialect. Raises `UpstreamFailed` when it is no answer."""
    own = dialects[log.to.dialect]
    if prepared.is_native:
        log.reading = _counted(body) if is_count(request) else _tapped(own, body)
        _refuse_broken(log)
        if prepared.names_model and not is_count(request):
            body = named_in_body(request.dialect, body, prepared.names_model)
        body = _sealed(prepared, body)
        return Whole(passed_headers(incoming.headers.multi_items()), body)
    events = own.decode_response(body)
    fitter = None if prepared.fitted is None else prepared.fitted.answer()
    if fitter is not None:
        events = fitter.back(events)
    events = tuple(made_by(events, log.to.target))
    log.reading = reading_of(events)
    _refuse_broken(log)
    body = _encoded(request, log, events, dialects=dialects, now=now)
    return Whole(JSON_HEADERS, _sealed(prepared, body))


def _sealed(prepared: Prepared, body: bytes) -> bytes:
    return body if prepared.seals_as is None else sealed_in_body(prepared.seals_as, body)


def _encoded(
    request: DispatchRequest,
    log: AttemptLog,
    events: Sequence[StreamEvent],
    *,
    dialects: Mapping[Dialect, WireDialect],
    now: float,
) -> bytes:
    return dialects[request.dialect].encode_response(
        events,
        response_id=answer_id(request.dialect, request.request_id),
        model=request.features.requested_model,
        created_at=int(now),
        input_estimate=estimated_input(request, log.to),
        asked=request.body,
    )


def _refuse_broken(log: AttemptLog) -> None:
    if log.reading.error is not None:
        raise as_meant(log.reading.error, log.to.quirks.refusals)
    if not log.reading.is_complete:
        raise UpstreamFailed("the upstream's answer is no whole answer of its dialect")


def _tapped(dialect: WireDialect, body: bytes) -> TapReading:
    tap = dialect.tap(stream=False)
    tap.feed(body)
    return tap.reading


class _Count(msgspec.Struct):
    """Anthropic's and OpenAI's word for it, and Gemini's."""

    input_tokens: int | None = None
    total_tokens: int | None = msgspec.field(default=None, name="totalTokens")


_COUNT = msgspec.json.Decoder(_Count)


def _counted(body: bytes) -> TapReading:
    """A token count is no answer of a model: all that can be asked of it is to be one."""
    try:
        told = _COUNT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamFailed("the upstream's answer is no token count") from error
    if told.input_tokens is None and told.total_tokens is None:
        raise UpstreamFailed("the upstream's answer is no token count")
    return COUNTED
