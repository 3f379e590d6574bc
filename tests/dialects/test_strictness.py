"""What breaks a client, measured, is what the grammars of our streams refuse.

A client that meets such a stream fails, or sends the same paid request again for ever. Three things
are held: each defect is one that the grammar of its dialect sees; whatever stream of one dialect
comes in, what goes out in another is without any, or ends in the error event of its protocol; that
also holds for streams of servers that leave out, repeat or add events.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.anthropic_messages import grammar as anthropic_grammar
from tests.dialects.events import events_of
from tests.dialects.gemini_generate import grammar as gemini_grammar
from tests.dialects.golden import Golden
from tests.dialects.openai_chat import grammar as chat_grammar
from tests.dialects.openai_responses import grammar as responses_grammar
from turnout.capabilities import Dialect
from turnout.dialects.conversation import Provenance, Text, Thinking, ToolCall
from turnout.dialects.registry import DIALECTS
from turnout.dialects.sse import SseDecoder, encode_event
from turnout.dialects.stream import Answer, StreamEvent, StreamFailed
from turnout.dialects.usage import Usage
from turnout.errors import UpstreamFailed

GRAMMARS: dict[Dialect, Callable[[bytes], object]] = {
    "anthropic_messages": anthropic_grammar.check,
    "openai_chat": lambda stream: chat_grammar.check(stream, include_usage=True),
    "openai_responses": responses_grammar.check,
    "gemini_generate": gemini_grammar.check,
}
SOURCES = [(dialect, case) for dialect in GRAMMARS for case in Golden(dialect).cases]

WHOLE = Answer(
    "resp_1",
    "upstream",
    (
        Thinking("hm", Provenance("anthropic_messages", "upstream"), signature="EqQB"),
        Text("Hello"),
        ToolCall("call_1", "read", '{"path":"a"}'),
        ToolCall("call_2", "list", "{}"),
    ),
    Usage(fresh_input=5, cache_read=3, output=7),
    "reported",
    "tool_use",
)


def encoded(dialect: Dialect, events: Sequence[StreamEvent]) -> bytes:
    encoder = DIALECTS[dialect].stream_encoder(
        response_id="id_1", model="alias", created_at=5, input_estimate=9, include_usage=True
    )
    return b"".join(encoder.encode(event) for event in events)


Chunk: TypeAlias = tuple[str, Any]
"""The name of an event and its JSON."""
Defect: TypeAlias = Callable[[list[Chunk]], list[Chunk]]


def chunks_of(stream: bytes) -> list[Chunk]:
    return [
        (event.event, event.data.decode() if event.data == b"[DONE]" else json.loads(event.data))
        for event in SseDecoder().feed(stream)
    ]


def stream_of(chunks: Sequence[Chunk]) -> bytes:
    return b"".join(
        encode_event(name, data.encode() if isinstance(data, str) else json.dumps(data).encode())
        for name, data in chunks
    )


def without(name: str) -> Defect:
    return lambda chunks: [chunk for chunk in chunks if chunk[0] != name]


def edited(change: Callable[[Any], object]) -> Defect:
    """`change` alters the JSON of every event, where it has what it looks for."""

    def apply(chunks: list[Chunk]) -> list[Chunk]:
        for _, data in chunks:
            if not isinstance(data, str):
                change(data)
        return chunks

    return apply


def with_unknown_event(chunks: list[Chunk]) -> list[Chunk]:
    return [chunks[0], ("router_info", {"type": "router_info", "model": "m"}), *chunks[1:]]


def without_start_usage(data: Any) -> None:
    if data["type"] == "message_start":
        del data["message"]["usage"]


def with_zero_input(data: Any) -> None:
    if data["type"] == "message_start":
        data["message"]["usage"].update(input_tokens=0, cache_read_input_tokens=0)


def without_delta_usage(data: Any) -> None:
    if data["type"] == "message_delta":
        del data["usage"]


def stopping(word: str | None) -> Defect:
    def change(data: Any) -> None:
        if data["type"] == "message_delta":
            data["delta"]["stop_reason"] = word

    return edited(change)


def with_input_in_start(chunks: list[Chunk]) -> list[Chunk]:
    for _, data in chunks:
        if data["type"] == "content_block_start" and "input" in data["content_block"]:
            data["content_block"]["input"] = {"path": "a"}
    return [chunk for chunk in chunks if "partial_json" not in json.dumps(chunk[1])]


def with_index_zero(data: Any) -> None:
    if "index" in data:
        data["index"] = 0


MESSAGES_DEFECTS: dict[str, Defect] = {
    "an event of a type of its own": with_unknown_event,
    "no usage in message_start": edited(without_start_usage),
    "no input in the first usage": edited(with_zero_input),
    "no event lines": lambda chunks: [("", data) for _, data in chunks],
    "no message_delta": without("message_delta"),
    "no usage in message_delta": edited(without_delta_usage),
    "OpenAI's stop": stopping("stop"),
    "OpenAI's tool_calls": stopping("tool_calls"),
    "no stop reason": stopping(None),
    "the end of a turn that calls tools": stopping("end_turn"),
    "no message_stop": without("message_stop"),
    "no content_block_stop": without("content_block_stop"),
    "input in content_block_start": with_input_in_start,
    "every block at index 0": edited(with_index_zero),
    "the end twice": lambda chunks: [*chunks, chunks[-1]],
}


def finishing(word: str | None) -> Defect:
    def change(data: Any) -> None:
        for choice in data["choices"]:
            if choice["finish_reason"]:
                choice["finish_reason"] = word

    return edited(change)


def on_calls(change: Callable[[Any], object]) -> Defect:
    def apply(data: Any) -> None:
        for choice in data["choices"]:
            for call in choice["delta"].get("tool_calls", ()):
                change(call)

    return edited(apply)


def with_empty_id(call: Any) -> None:
    if "id" in call:
        call["id"] = ""


def without_id(call: Any) -> None:
    call.pop("id", None)


def without_role(data: Any) -> None:
    for choice in data["choices"]:
        choice["delta"].pop("role", None)


CHAT_DEFECTS: dict[str, Defect] = {
    "no finish reason": finishing(None),
    "Anthropic's tool_use": finishing("tool_use"),
    "an empty call id": on_calls(with_empty_id),
    "no call id": on_calls(without_id),
    "calls without an index": on_calls(lambda call: call.pop("index")),
    "calls that share an index": on_calls(lambda call: call.update(index=0)),
    "no role": edited(without_role),
    "no usage for whoever asked": lambda chunks: [*chunks[:-2], chunks[-1]],
    "no [DONE]": lambda chunks: chunks[:-1],
    "named events": lambda chunks: [("chunk", data) for _, data in chunks],
    "a field of a router's": edited(lambda data: data.update(provider="p")),
}
DEFECTS: dict[Dialect, dict[str, Defect]] = {
    "anthropic_messages": MESSAGES_DEFECTS,
    "openai_chat": CHAT_DEFECTS,
}


@pytest.mark.parametrize("dialect", GRAMMARS)
def test_a_whole_answer_is_without_a_defect(dialect: Dialect) -> None:
    stream = encoded(dialect, events_of(WHOLE))
    GRAMMARS[dialect](stream)
    GRAMMARS[dialect](stream_of(chunks_of(stream)))


@pytest.mark.parametrize(
    ("dialect", "name"), [(dialect, name) for dialect, named in DEFECTS.items() for name in named]
)
def test_the_grammar_sees_what_breaks_a_client(dialect: Dialect, name: str) -> None:
    spoilt = stream_of(DEFECTS[dialect][name](chunks_of(encoded(dialect, events_of(WHOLE)))))
    with pytest.raises((AssertionError, KeyError, ValueError)):
        GRAMMARS[dialect](spoilt)


def is_taken_or_told(dialect: Dialect, stream: bytes) -> None:
    """Assert that strict clients take it, or that it ends in the error of its protocol."""
    tap = DIALECTS[dialect].tap(stream=True)
    tap.feed(stream)
    if tap.reading.error is None:
        GRAMMARS[dialect](stream)
    else:
        assert tap.reading.at_boundary
        assert not tap.reading.is_complete
        assert b"error" in SseDecoder(bare_objects=True).feed(stream)[-1].data


def decoded(dialect: Dialect, stream: bytes) -> list[StreamEvent]:
    """The events of a stream; one that is none has failed, as the dispatcher says it."""
    decoder = DIALECTS[dialect].stream_decoder()
    events: list[StreamEvent] = []
    try:
        for event in stream.split(b"\n\n"):
            events += decoder.feed(event + b"\n\n")
        return [*events, *decoder.close()]
    except UpstreamFailed as error:
        return [*events, StreamFailed(error)]


@pytest.mark.parametrize("to", GRAMMARS)
@pytest.mark.parametrize(("source", "case"), SOURCES)
def test_a_stream_of_any_server_becomes_one_that_strict_clients_take(
    source: Dialect, case: str, to: Dialect
) -> None:
    events = Golden(source).decode([Golden(source).stream_of(case)])
    is_taken_or_told(to, encoded(to, events))


ASIDES = [
    b": ping",
    b"event: ping\ndata: {}",
    b'event: later\ndata: {"type":"later","choices":[]}',
]
ENDS = [
    b"data: [DONE]",
    b'event: message_stop\ndata: {"type":"message_stop"}',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}',
]
CUT_ARGUMENTS = "cut_by_length"


def has_arguments(event: bytes) -> bool:
    """A call whose arguments lack a piece is broken whatever we do."""
    return b"partial_json" in event or b"arguments" in event


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[Dialect, bytes]:
    """A golden stream with events left out, repeated, added, or cut off somewhere."""
    source, case = draw(st.sampled_from([one for one in SOURCES if one[1] != CUT_ARGUMENTS]))
    stream = Golden(source).stream_of(case).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events = [event for event in stream.split(b"\n\n") if event]
    added = ASIDES if any(map(has_arguments, events)) else ASIDES + ENDS
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(events) - 1)))
        is_fixed = not events or has_arguments(events[at])
        match draw(st.sampled_from(["drop", "repeat", "add", "cut"])):
            case "drop" if not is_fixed:
                del events[at]
            case "repeat" if not is_fixed:
                events.insert(at, events[at])
            case "cut":
                del events[at:]
            case _:
                events.insert(at, draw(st.sampled_from(added)))
    return source, b"".join(event + b"\n\n" for event in events)


@given(spoilt(), st.sampled_from(sorted(GRAMMARS.keys())))
def test_a_stream_that_its_server_has_spoilt_becomes_whole_or_is_told_as_failed(
    made: tuple[Dialect, bytes], to: Dialect
) -> None:
    source, stream = made
    is_taken_or_told(to, encoded(to, decoded(source, stream)))
