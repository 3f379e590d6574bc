"""The contract of `StreamTap`, over every dialect: any split, and what the decoder says."""

from contextlib import nullcontext
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.events import events_of
from tests.dialects.golden import CUTS, GOLDEN_CASES, Golden, comparable, cut
from turnout.capabilities import Dialect
from turnout.dialects.answer_end import AnswerEnd, end_of
from turnout.dialects.anthropic_messages.tap import MessageSeen
from turnout.dialects.conversation import Provenance, Refusal, Text, Thinking, ToolCall
from turnout.dialects.gemini_generate.tap import GeminiSeen
from turnout.dialects.openai_chat.tap import ChatSeen
from turnout.dialects.openai_responses.tap import ResponsesSeen
from turnout.dialects.registry import DIALECTS
from turnout.dialects.sse import SseDecoder
from turnout.dialects.stream import (
    Answer,
    AnswerPart,
    Finished,
    StopReason,
    StreamFailed,
    accumulate,
)
from turnout.dialects.taps import Seen
from turnout.dialects.usage import Usage
from turnout.errors import Overloaded, RateLimited, TurnoutError, UpstreamFailed

UNTOLD = {
    *((dialect, "cut_off") for dialect in DIALECTS),
    ("anthropic_messages", "no_message_stop"),
    ("gemini_generate", "no_usage"),
}
"""What ends only with its bytes, which a tap is not told."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the wires call the same things."""

    calls: str
    """The golden stream of parallel calls, read as a whole body."""
    finish_reason: str
    busy: bytes
    first_error: type[TurnoutError] = Overloaded


TERMS: dict[Dialect, Terms] = {
    "anthropic_messages": Terms(
        "parallel_tools",
        "tool_use",
        b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}\n',
        RateLimited,
    ),
    "openai_chat": Terms(
        "openai_parallel_tools", "tool_calls", b'{"error":{"message":"busy","code":503}}\n'
    ),
    "openai_responses": Terms(
        "openai_parallel_tools",
        "completed",
        b'{"error":{"message":"busy","code":"server_is_overloaded"}}\n',
    ),
    "gemini_generate": Terms(
        "parallel_calls", "STOP", b'{"error":{"message":"busy","code":503}}\n'
    ),
}

PLAIN_EVENTS: dict[Dialect, bytes] = {
    "anthropic_messages": (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":"%b"}     }\n\n'
    ),
    "openai_chat": (
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","service_tier":"default",'
        b'"system_fingerprint":null,"choices":[{"index":0,"delta":{"content":"%b"},"logprobs":null,'
        b'"finish_reason":null}],"usage":null,"obfuscation":"kL2p"}\n\n'
    ),
    "openai_responses": (
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":4,'
        b'"item_id":"msg_1","output_index":0,"content_index":0,"delta":"%b","logprobs":[],"obfuscation":"k"}\n\n'
    ),
    "gemini_generate": (
        b'data: {"candidates": [{"content": {"parts": [{"text": "%b"}],"role": "model"},"index": 0}],'
        b'"usageMetadata": {"promptTokenCount": 7,"candidatesTokenCount": 2,"totalTokenCount": 9,'
        b'"promptTokensDetails": [{"modality": "TEXT","tokenCount": 7}]},"modelVersion": "m","responseId": "r"}\r\n\r\n'
    ),
}
"""A piece of text as each provider writes it."""

TEXTS: list[bytes] = [
    b"word ",
    b"",
    rb"def f():\n\treturn \"x\"",
    rb"\u00e9 \ud83d\ude42",
    "Gr\u00f6\u00dfe".encode(),
    rb"\ud83d",
    rb"\x",
    b"\xff",
    b"tab\there",
    b"line\nline",
    b"event\n\nevent",
    b'"',
    b'"}',
    b'","usage":{"prompt_tokens":1},"x":"',
]
"""What stands between the quotes, some of it no JSON, some of it no text."""


@pytest.mark.parametrize("dialect", DIALECTS)
@given(data=st.data(), cuts=CUTS)
def test_any_split_gives_the_same_readings_at_the_same_places(
    dialect: Dialect, data: st.DataObject, cuts: list[int]
) -> None:
    golden = Golden(dialect)
    stream = golden.stream_of(data.draw(st.sampled_from(golden.cases)))
    tap = DIALECTS[dialect].tap(stream=True)
    passed = b""
    for piece in cut(stream, cuts):
        tap.feed(piece)
        passed += piece
        assert comparable(tap.reading) == comparable(golden.read([passed]))


@pytest.mark.parametrize(("dialect", "case"), GOLDEN_CASES)
def test_tap_and_decoder_agree(dialect: Dialect, case: str) -> None:
    stream = Golden(dialect).stream_of(case)
    decoder = DIALECTS[dialect].stream_decoder()
    told = list(decoder.feed(stream))
    end = told[-1] if isinstance(told[-1], Finished | StreamFailed) else None
    assert (end is None) == ((dialect, case) in UNTOLD)
    answer = accumulate([*told, *decoder.close()])
    reading = Golden(dialect).read([stream])
    assert reading.usage == answer.usage
    assert reading.has_content == bool(answer.parts)
    assert reading.ended == (ended_of(answer) if reading.finish_reason else "")
    assert (reading.response_model, reading.response_id) == (answer.model, answer.response_id)
    assert reading.is_complete == isinstance(end, Finished)
    assert (reading.error is not None) == isinstance(end, StreamFailed)
    assert (reading.source == "reported") == (answer.source == "reported")
    if reading.is_complete and answer.usage is not None:
        assert reading.source == "reported"


def ended_of(answer: Answer) -> AnswerEnd:
    """What the parts of an answer say of how it ended."""
    if answer.stop is None:
        return ""
    has_said = any(
        bool(part.text) if isinstance(part, Text) else not isinstance(part, Thinking)
        for part in answer.parts
    )
    return end_of(answer.stop, has_said=has_said)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(texts=st.lists(st.sampled_from(TEXTS), min_size=1))
def test_a_plain_piece_is_read_the_same_at_a_glance_and_byte_for_byte(
    dialect: Dialect, texts: list[bytes]
) -> None:
    """Bytes that come singly make no whole event at once, so each one is decoded."""
    glanced, decoded = (DIALECTS[dialect].tap(stream=True) for _ in range(2))
    for text in (b"first", *texts):
        event = PLAIN_EVENTS[dialect] % text
        glanced.feed(event)
        for byte in event:
            decoded.feed(bytes((byte,)))
        assert comparable(glanced.reading) == comparable(decoded.reading)
        assert glanced.is_over == decoded.is_over


@pytest.mark.parametrize(
    ("dialect", "seen"),
    [
        ("anthropic_messages", MessageSeen()),
        ("openai_chat", ChatSeen()),
        ("openai_responses", ResponsesSeen()),
        ("gemini_generate", GeminiSeen()),
    ],
)
def test_plain_pieces_are_taken_without_being_decoded(dialect: Dialect, seen: Seen) -> None:
    event = PLAIN_EVENTS[dialect] % b"a piece of text"
    for one in SseDecoder().feed(event * 2):
        seen.on_event(one)
    before = seen.reading(at_boundary=True).output_bytes
    assert seen.skim(event * 3 + b"data: {") == 3 * len(event)
    assert seen.reading(at_boundary=True).output_bytes == before * 5 // 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_error_of_a_stream_is_seen(dialect: Dialect) -> None:
    golden = Golden(dialect)
    reading = golden.read([golden.stream_of("error_first")])
    assert isinstance(reading.error, TERMS[dialect].first_error)
    assert (reading.has_content, reading.is_complete) == (False, False)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "unreadable",
    [b"data: {broken\n\n", b"data: " + b"x" * (17 * 1024 * 1024)],
    ids=["json", "size"],
)
def test_what_cannot_be_read_counts_as_content(dialect: Dialect, unreadable: bytes) -> None:
    assert Golden(dialect).read([unreadable]).has_content


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("size", [1, 50, 100_000])
def test_whole_body_is_read_when_it_is_whole(dialect: Dialect, size: int) -> None:
    golden, terms = Golden(dialect), TERMS[dialect]
    answer = accumulate(golden.decode([golden.stream_of(terms.calls)]))
    body = DIALECTS[dialect].encode_response(
        events_of(answer), response_id="r", model="m", created_at=1
    )
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    tap = DIALECTS[dialect].tap(stream=False)
    for piece in pieces[:-1]:
        tap.feed(piece)
        assert not tap.reading.is_complete
    tap.feed(pieces[-1])
    reading = tap.reading
    assert (reading.is_complete, reading.has_content, reading.at_boundary) == (True, True, False)
    assert (reading.usage, reading.source) == (answer.usage, "reported")
    assert (reading.finish_reason, reading.response_model) == (terms.finish_reason, "m")
    assert reading.response_id == "r"


_USED = b'"usage":{"prompt_tokens":7,"completion_tokens":0,"total_tokens":7}'

BODIES: list[tuple[Dialect, bytes, bool]] = [
    ("openai_chat", b'{"object":"chat.completion","choices":[],%b}' % _USED, False),
    ("openai_chat", b'{"choices":null}', False),
    (
        "openai_chat",
        b'{"choices":[{"index":0,"message":{"content":""},"finish_reason":"stop"}]}',
        True,
    ),
    ("openai_chat", b'{"choices":[{"message":{"content":null}}]}', True),
    ("anthropic_messages", b'{"type":"message","stop_reason":"end_turn"}', False),
    ("anthropic_messages", b'{"type":"message","content":null,"stop_reason":"end_turn"}', False),
    ("anthropic_messages", b'{"type":"message","content":[],"stop_reason":"max_tokens"}', True),
    ("anthropic_messages", b'{"type":"message","content":[],"stop_reason":"end_turn"}', True),
    ("openai_responses", b'{"object":"response","status":"completed"}', False),
    ("openai_responses", b'{"object":"response","output":null}', False),
    ("openai_responses", b'{"status":"completed","output":[]}', True),
    (
        "openai_responses",
        b'{"status":"incomplete","output":[],"incomplete_details":{"reason":"max_output_tokens"}}',
        True,
    ),
    ("openai_responses", b'{"status":"failed","error":null,"output":[]}', True),
    ("openai_responses", b'{"status":"queued","output":[]}', True),
    ("gemini_generate", b'{"candidates":[],"usageMetadata":{"promptTokenCount":7}}', False),
    ("gemini_generate", b'{"promptFeedback":{},"modelVersion":"m"}', False),
    ("gemini_generate", b'{"promptFeedback":{"blockReason":"SAFETY"}}', True),
    ("gemini_generate", b'{"candidates":[{"finishReason":"MAX_TOKENS","index":0}]}', True),
    *((dialect, b'{"evil":true}', False) for dialect in DIALECTS),
    *((dialect, b"{}", False) for dialect in DIALECTS),
    *((dialect, b"[]", False) for dialect in DIALECTS),
]


@pytest.mark.parametrize(("dialect", "body", "is_answer"), BODIES)
def test_whole_body_without_an_answer_in_it_is_none(
    dialect: Dialect, body: bytes, is_answer: bool
) -> None:
    """As it is for who decodes it."""
    reading = Golden(dialect).read([body], stream=False)
    assert (reading.is_complete, reading.error) == (is_answer, None)
    with nullcontext() if is_answer else pytest.raises(UpstreamFailed):
        DIALECTS[dialect].decode_response(body)


def test_what_a_body_without_an_answer_has_used_is_known() -> None:
    reading = Golden("openai_chat").read([b'{"choices":[],%b}' % _USED], stream=False)
    assert reading.usage == Usage(fresh_input=7)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_whole_body_that_is_an_error(dialect: Dialect) -> None:
    reading = Golden(dialect).read([TERMS[dialect].busy], stream=False)
    assert isinstance(reading.error, Overloaded)


SPELLED = Refusal("I will not.")
REASONED = Thinking("I could say something.", Provenance("openai_chat"))
SAID = Text("Done.")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("parts", "stop", "ended"),
    [
        ((SAID,), "end", ""),
        ((REASONED, SAID), "end", ""),
        ((REASONED, ToolCall("c", "ls", "{}")), "tool_use", ""),
        ((REASONED,), "end", "empty"),
        ((), "end", "empty"),
        ((REASONED,), "max_output", "cut"),
        ((SAID,), "max_output", "cut"),
        ((SPELLED,), "refusal", "refused"),
        ((), "refusal", "refused"),
        ((SAID,), "content_filter", "refused"),
    ],
)
def test_how_an_answer_ended(
    dialect: Dialect,
    stream: bool,
    parts: tuple[AnswerPart, ...],
    stop: StopReason,
    ended: AnswerEnd,
) -> None:
    if dialect == "gemini_generate" and SPELLED in parts:
        # The wire has no form for a refusal in words but a text.
        ended = ""
    answer = Answer(
        "r", "m", parts, usage=Usage(fresh_input=9, output=4), source="reported", stop=stop
    )
    wire = DIALECTS[dialect]
    if stream:
        encoder = wire.stream_encoder(
            response_id="r", model="m", created_at=1, input_estimate=9, include_usage=True
        )
        body = b"".join(encoder.encode(event) for event in events_of(answer))
    else:
        body = wire.encode_response(events_of(answer), response_id="r", model="m", created_at=1)
    assert Golden(dialect).read([body], stream=stream).ended == ended
