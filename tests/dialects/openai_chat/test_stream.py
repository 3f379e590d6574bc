"""Chat streams: grammar, identity, usage; recurring bugs by name."""

from dataclasses import replace
from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.contract import obey
from tests.dialects.events import encoded, events_of
from tests.dialects.golden import Golden
from tests.dialects.openai_chat.answers import answers, streams
from tests.dialects.openai_chat.grammar import check
from turnout.dialects.conversation import Opaque, Provenance, Thinking, ToolCall
from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.dialects.stream import (
    Answer,
    Finished,
    OpaqueStarted,
    PartEnded,
    SignatureDelta,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
    ThinkingStarted,
    ToolArgumentsDelta,
    ToolCallStarted,
    UsageReported,
    accumulate,
)
from turnout.dialects.usage import Usage
from turnout.errors import Overloaded, RateLimited, UpstreamFailed

GOLDEN = Golden("openai_chat")
encode = partial(encoded, "openai_chat")


@given(streams())
def test_decode_after_encode_is_the_answer(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, events = drawn
    decoded = GOLDEN.decode([encode(events)])
    obey(decoded)
    found = accumulate(decoded)
    made_by = Provenance("openai_chat", "alias")
    parts = tuple(
        msgspec.structs.replace(part, provenance=made_by) if isinstance(part, Thinking) else part
        for part in answer.parts
    )
    assert found == replace(answer, response_id="id_1", model="alias", parts=parts)


@given(streams(), st.booleans())
def test_every_stream_passes_the_strict_grammar(
    drawn: tuple[Answer, list[StreamEvent]], include_usage: bool
) -> None:
    answer, events = drawn
    message = check(encode(events, include_usage=include_usage), include_usage=include_usage)
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert message["calls"] == [
        {"id": c.call_id, "name": c.name, "text": c.arguments, "type": "function"} for c in calls
    ]


@given(answers())
def test_whole_answers_survive(answer: Answer) -> None:
    body = OPENAI_CHAT.encode_response(
        events_of(answer), response_id="resp_1", model="upstream", created_at=5
    )
    assert accumulate(OPENAI_CHAT.decode_response(body)) == answer


def test_bug_02_parallel_calls_keep_apart() -> None:
    found = accumulate(GOLDEN.decode([GOLDEN.stream_of("openai_parallel_tools")]))
    calls = [(p.call_id, p.arguments) for p in found.parts if isinstance(p, ToolCall)]
    assert calls == [
        ("call_A", '{"path":"a.py"}'),
        ("call_B", '{"path":"b.py"}'),
        ("call_C", "{}"),
    ]


def test_bug_06_call_without_arguments_gets_an_empty_object() -> None:
    events = GOLDEN.decode([GOLDEN.stream_of("argumentless_tool")])
    (call,) = accumulate(events).parts
    assert isinstance(call, ToolCall)
    assert call.arguments == "{}"
    message = check(encode(events), include_usage=True)
    assert message["calls"] == [{"id": "call_1", "name": "pwd", "text": "{}", "type": "function"}]


def test_bug_07_no_fragment_of_arguments_is_lost_before_the_name() -> None:
    late = (
        b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a"}}]}}]}'
        b'\n\ndata: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":'
        b'{"name":"f","arguments":"\\":1}"}}]}}]}\n\ndata: [DONE]\n\n'
    )
    (call,) = accumulate(GOLDEN.decode([late])).parts
    assert call == ToolCall("c", "f", '{"a":1}')


@pytest.mark.parametrize(
    ("case", "stop"), [("stop_although_tools", "tool_use"), ("cut_by_length", "max_output")]
)
def test_bug_08_stop_after_tools_is_tool_use_and_length_stays(case: str, stop: str) -> None:
    assert accumulate(GOLDEN.decode([GOLDEN.stream_of(case)])).stop == stop


def test_bug_08_end_after_tools_is_tool_calls_for_clients() -> None:
    events: list[StreamEvent] = [
        StreamStarted("r", "m"),
        ToolCallStarted(0, "c", "f"),
        PartEnded(0),
        Finished("end"),
    ]
    assert check(encode(events), include_usage=True)["finish"] == "tool_calls"


def test_bug_09_tool_use_without_a_call_is_no_tool_use() -> None:
    assert accumulate(GOLDEN.decode([GOLDEN.stream_of("tool_calls_without_tools")])).stop == "end"
    events: list[StreamEvent] = [StreamStarted("r", "m"), Finished("tool_use")]
    assert check(encode(events), include_usage=True)["finish"] == "stop"


def test_bug_10_comments_crlf_and_data_without_space() -> None:
    (text,) = accumulate(GOLDEN.decode([GOLDEN.stream_of("openrouter_comments")])).parts
    assert getattr(text, "text", "") == "Hi"


def test_bug_11_arguments_pass_as_they_come() -> None:
    decoder = OPENAI_CHAT.stream_decoder()
    encoder = OPENAI_CHAT.stream_encoder(
        response_id="r", model="m", created_at=1, input_estimate=1, include_usage=False
    )
    seen = []
    for piece in GOLDEN.stream_of("openai_parallel_tools").split(b"\n\n"):
        for event in decoder.feed(piece + b"\n\n"):
            out = encoder.encode(event)
            if isinstance(event, ToolArgumentsDelta):
                assert out
                seen.append(event.fragment)
        if b'"call_B"' in piece:
            assert seen == ['{"path"']
    assert "".join(seen).count("path") == 2


@pytest.mark.parametrize("case", ["error_first", "error_midway"])
def test_bug_12_error_inside_a_stream_is_no_success(case: str) -> None:
    answer = accumulate(GOLDEN.decode([GOLDEN.stream_of(case)]))
    assert answer.error is not None
    assert answer.stop is None


def test_bug_12_an_error_is_one_although_the_stream_goes_on_to_its_end() -> None:
    stream = (
        b'data: {"id":"x","choices":[{"delta":{"content":"a"}}]}\n\n'
        b'data: {"error":{"message":"the upstream is full","code":503}}\n\n'
        b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    )
    answer = accumulate(GOLDEN.decode([stream]))
    assert isinstance(answer.error, Overloaded)
    assert answer.error.message == "the upstream is full"
    assert answer.stop is None


def test_bug_12_event_named_error_without_an_error_object() -> None:
    stream = b'event: error\ndata: {"message":"slow down","code":429}\n\n'
    (failed,) = GOLDEN.decode([stream])
    assert isinstance(failed, StreamFailed)
    assert isinstance(failed.error, RateLimited)


def test_bug_12_failing_finish_reason() -> None:
    stream = (
        b'data: {"id":"x","choices":[{"delta":{"content":"a"},'
        b'"finish_reason":"insufficient_system_resource"}]}\n\n'
    )
    assert isinstance(accumulate(GOLDEN.decode([stream])).error, Overloaded)


def test_bug_13_stream_without_an_end_has_failed() -> None:
    answer = accumulate(GOLDEN.decode([GOLDEN.stream_of("cut_off")]))
    assert isinstance(answer.error, UpstreamFailed)
    assert accumulate(GOLDEN.decode([GOLDEN.stream_of("no_done")])).stop == "end"
    assert isinstance(accumulate(GOLDEN.decode([b""])).error, UpstreamFailed)
    assert isinstance(accumulate(GOLDEN.decode([b"data: [DONE]\n\n"])).error, UpstreamFailed)


def test_bug_13_failed_stream_ends_in_an_error_chunk_and_no_done() -> None:
    stream = encode([StreamStarted("r", "m"), StreamFailed(Overloaded("busy"))])
    assert stream.endswith(b"}}\n\n")
    assert b"[DONE]" not in stream
    answer = accumulate(GOLDEN.decode([stream]))
    assert isinstance(answer.error, Overloaded)


def test_bug_41_stream_carries_the_name_the_client_asked_for() -> None:
    stream = encode(GOLDEN.decode([GOLDEN.stream_of("openai_text")]))
    assert stream.count(b'"model":"alias"') == stream.count(b'"model"')


def test_client_that_did_not_ask_for_usage_gets_none() -> None:
    check(
        encode(GOLDEN.decode([GOLDEN.stream_of("openai_text")]), include_usage=False),
        include_usage=False,
    )


def test_bug_15_usage_has_an_input_although_only_the_output_was_reported() -> None:
    report = UsageReported(Usage(output=9), "reported")
    events: list[StreamEvent] = [StreamStarted("r", "m"), report, Finished("end")]
    usage = check(encode(events), include_usage=True)["usage"]
    assert isinstance(usage, dict)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (77, 9)


def test_usage_that_nobody_reported_is_estimated() -> None:
    events: list[StreamEvent] = [
        StreamStarted("r", "m"),
        TextStarted(0),
        TextDelta(0, "x" * 36),
        PartEnded(0),
    ]
    usage = check(encode([*events, Finished("end")]), include_usage=True)["usage"]
    assert isinstance(usage, dict)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (77, 10)


def test_parts_of_other_dialects_are_left_out() -> None:
    foreign = Opaque("anthropic_messages", "server_tool_use", "{}")
    events: list[StreamEvent] = [
        StreamStarted("r", "m", Usage(fresh_input=3)),
        ThinkingStarted(0, Provenance("anthropic_messages"), redacted="sealed"),
        SignatureDelta(0, "sig"),
        PartEnded(0),
        OpaqueStarted(1, foreign),
        PartEnded(1),
        Finished("pause"),
    ]
    message = check(encode(events), include_usage=True)
    assert (message["content"], message["finish"]) == ("", "stop")


@pytest.mark.parametrize(
    "stream", [b"data: not json\n\n", b"data: 7\n\n", b'data: {"choices":7}\n\n']
)
def test_what_is_no_chat_stream_is_refused(stream: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="no chat answer"):
        OPENAI_CHAT.stream_decoder().feed(stream)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"choices":[]}', b"{}"])
def test_what_is_no_chat_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        OPENAI_CHAT.decode_response(body)


def test_whole_answer_with_an_error_is_one() -> None:
    answer = accumulate(OPENAI_CHAT.decode_response(b'{"error":{"message":"no","code":503}}'))
    assert isinstance(answer.error, Overloaded)
    with pytest.raises(Overloaded):
        OPENAI_CHAT.encode_response(events_of(answer), response_id="r", model="m", created_at=1)


def test_whole_answer_keeps_parallel_calls_apart() -> None:
    body = (
        b'{"id":"x","choices":[{"finish_reason":"stop","message":{"content":null,"tool_calls":['
        b'{"id":"a","type":"function","function":{"name":"f","arguments":""}},'
        b'{"type":"function","function":{"name":"g","arguments":{"p":1}}}]}}]}'
    )
    answer = accumulate(OPENAI_CHAT.decode_response(body))
    first, second = answer.parts
    assert first == ToolCall("a", "f", "{}")
    assert isinstance(second, ToolCall)
    assert (second.name, second.arguments) == ("g", '{"p":1}')
    assert second.call_id.startswith("call_")
    assert answer.stop == "tool_use"


def test_old_function_call_is_a_tool_call() -> None:
    stream = (
        b'data: {"id":"x","choices":[{"delta":{"function_call":{"name":"f","arguments":"{"}}}]}\n\n'
        b'data: {"choices":[{"delta":{"function_call":{"arguments":"}"}}}]}\n\n'
        b'data: {"choices":[{"delta":{},"finish_reason":"function_call"}]}\n\n'
    )
    answer = accumulate(GOLDEN.decode([stream]))
    (call,) = answer.parts
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments, answer.stop) == ("f", "{}", "tool_use")
