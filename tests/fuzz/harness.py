"""What is fuzzed: functions of bytes that return, or fail an assertion, or let out what nobody named.

Rules: pure but for the edge, which runs on fakes; every error that a target may answer with is named
here, so any other exception is a finding; the same bytes give the same run, so that a finding is a file
of bytes (`cases/`). pytest runs them over seeds, cases and small mutations of both, `make fuzz` with
coverage for a guide.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from tests.fuzz import served
from tests.fuzz.asgi import Exchange
from tests.ingress.edge import Edge, edge
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.dialect import StreamDecoder, WireDialect
from turnout.dialects.fit import fit
from turnout.dialects.openai_responses.socket import (
    Chain,
    chain_behind,
    read_envelope,
    read_frame,
    steering_refused,
)
from turnout.dialects.registry import DIALECTS
from turnout.dialects.sse import SseDecoder, SseEvent
from turnout.dialects.stream import Finished, StreamEvent, StreamFailed, accumulate
from turnout.errors import InvalidRequest, TurnoutError, UpstreamFailed
from turnout.ingress.known_prompts import KnownPrompts
from turnout.quirks import DIALECT_QUIRKS

Target: TypeAlias = Callable[[bytes], None]

PATHS: Final[Mapping[Dialect, str]] = {
    "anthropic_messages": "/v1/messages",
    "openai_chat": "/v1/chat/completions",
    "openai_responses": "/v1/responses",
    "gemini_generate": "/v1beta/models/gemini-3.8-flash:streamGenerateContent",
}
ABLE: Final = Capabilities(images=True, documents=True, structured_output=True, thinking=True)


def request(dialect: WireDialect) -> Target:
    """A body decoded, fitted to every dialect and encoded for it: JSON, or a refusal by name."""

    def run(body: bytes) -> None:
        with suppress(InvalidRequest):
            dialect.without_foreign_reasoning(body)
        try:
            conversation = dialect.decode_request(body, path=PATHS[dialect.name])
        except InvalidRequest:
            return
        for other in DIALECTS.values():
            with suppress(InvalidRequest):
                quirks = DIALECT_QUIRKS[other.name]
                fitted = fit(conversation, to=other.name, quirks=quirks, has=ABLE)
                sent = other.encode_request(fitted.conversation, model="m", has=ABLE)
                json.loads(sent)
                # What we send to a provider is a request of its dialect.
                other.decode_request(sent, path=PATHS[other.name])

    return run


def survey(dialect: WireDialect) -> Target:
    """A body surveyed; of a prompt that is known, the same as of one that is not."""

    def run(body: bytes) -> None:
        path = PATHS[dialect.name]
        try:
            whole = dialect.survey_request(body, path=path)
        except InvalidRequest:
            return
        known = KnownPrompts()
        for _ in range(2):
            again = known.survey(body, dialect=dialect, principal="p", path=path)
            assert again.message_digests == whole.message_digests
            assert again.head_digest == whole.head_digest

    return run


def answer(dialect: WireDialect) -> Target:
    """A stream decoded, the same however it is cut, and served to clients of every dialect; the same
    bytes as a whole answer.
    """

    def run(stream: bytes) -> None:
        _serve_whole(dialect, stream)
        middle = len(stream) // 2
        halves = [stream[:middle], stream[middle:]]
        for client in DIALECTS:
            # By the length, so that the same bytes give the same run.
            answer = served.served(dialect.name, client, halves, fits=len(stream) % 2 > 0)
            if answer is not None:
                served.check(client, answer)
        events = _decoded(dialect.stream_decoder(), [stream])
        if events is None:
            return
        cut = _decoded(dialect.stream_decoder(), halves)
        assert cut is not None
        assert [type(event) for event in cut] == [type(event) for event in events]
        assert events
        assert isinstance(events[-1], Finished | StreamFailed)
        accumulate(events)
        for one in DIALECTS.values():
            _tell_whole(one, events)

    return run


def _serve_whole(dialect: WireDialect, body: bytes) -> None:
    try:
        events = dialect.decode_response(body)
    except UpstreamFailed:
        return
    for client in DIALECTS.values():
        answer = served.retold(dialect.name, client.name, events)
        if answer is not None:
            served.check(client.name, answer)
        _tell_whole(client, events)


def _decoded(decoder: StreamDecoder, pieces: Sequence[bytes]) -> list[StreamEvent] | None:
    events: list[StreamEvent] = []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        return [*events, *decoder.close()]
    except UpstreamFailed:
        return None


def _tell_whole(client: WireDialect, events: Sequence[StreamEvent]) -> None:
    """As one body: JSON, or the error that the events end in."""
    with suppress(TurnoutError):
        told = client.encode_response(events, response_id="r", model="m", created_at=1)
        assert isinstance(json.loads(told), dict)


def tap(dialect: WireDialect) -> Target:
    """A stream and a whole answer watched: never an exception, the same figures however it is cut."""

    def run(data: bytes) -> None:
        for is_stream in (True, False):
            whole, cut = dialect.tap(stream=is_stream), dialect.tap(stream=is_stream)
            whole.feed(data)
            middle = len(data) // 2
            cut.feed(data[:middle])
            cut.feed(data[middle:])
            one, two = whole.reading, cut.reading
            assert (one.usage, one.source, one.finish_reason) == (
                two.usage,
                two.source,
                two.finish_reason,
            )
            assert (one.has_content, one.is_complete, one.at_boundary, one.output_bytes) == (
                two.has_content,
                two.is_complete,
                two.at_boundary,
                two.output_bytes,
            )

    return run


def error(dialect: WireDialect) -> Target:
    """A provider's error answer: an error of ours, and an answer of every dialect."""

    def run(data: bytes) -> None:
        status = 400 + (data[0] if data else 0)
        meant = dialect.decode_error(status, [], data[1:], now=0.0)
        for client in DIALECTS.values():
            told = client.encode_error(meant, request_id="r")
            json.loads(told.body)
            assert told.status >= 400
            client.encode_stream_error(meant)

    return run


def sse(data: bytes) -> None:
    """Any split of the same bytes gives the same events."""
    assert _events(data[at : at + 1] for at in range(len(data))) == _events([data])


def _events(pieces: Sequence[bytes] | Iterator[bytes]) -> list[SseEvent] | None:
    decoder = SseDecoder(max_event_bytes=1_000_000)
    events: list[SseEvent] = []
    for piece in pieces:
        events += decoder.feed(piece)
    return [*events, *decoder.close()]


def frame(data: bytes) -> None:
    """Frames of a WebSocket and events of answers to them, one a line: a body that is read like any
    other, or a refusal."""
    chains: dict[str, Chain] = {}
    create = None
    for line in data.split(b"\n"):
        chain = None if create is None else chain_behind(create, line)
        if chain is not None:
            chains[chain.response_id] = chain
        with suppress(InvalidRequest):
            asked = read_envelope(line)
            if asked.is_steering:
                json.loads(steering_refused(line))
            elif asked.is_create:
                create = read_frame(line, chains)
                DIALECTS["openai_responses"].survey_request(create.body)


class Http:
    """A request at the edge: answered whole, in the caller's dialect, and no fault of ours.

    The application is built once, as in the product; the fakes behind it forget each request.
    """

    def __init__(self) -> None:
        self._edge: Edge | None = None

    def __call__(self, data: bytes) -> None:
        if self._edge is None:
            self._edge = edge()
        exchange = Exchange.of(data)
        asyncio.run(exchange.ask(self._edge.app))
        self._edge.scorer.asked.clear()
        self._edge.dispatcher.asked.clear()
        self._edge.facts.all.clear()
        exchange.check()


def _targets() -> Iterator[tuple[str, Target]]:
    for dialect in DIALECTS.values():
        yield f"request-{dialect.name}", request(dialect)
        yield f"survey-{dialect.name}", survey(dialect)
        yield f"answer-{dialect.name}", answer(dialect)
        yield f"tap-{dialect.name}", tap(dialect)
        yield f"error-{dialect.name}", error(dialect)
    yield "sse", sse
    yield "frame", frame
    yield "http", Http()


TARGETS: Final[Mapping[str, Target]] = dict(_targets())
