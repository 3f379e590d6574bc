"""Message streams: grammar, identity, usage; recurring bugs by name."""

import json
from dataclasses import replace
from functools import partial

import msgspec
import pytest
from hypothesis import given

from tests.dialects.anthropic_messages.answers import answers, streams
from tests.dialects.anthropic_messages.grammar import check, events_in
from tests.dialects.events import encoded, events_of
from tests.dialects.golden import Golden, shown
from turnout.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from turnout.dialects.conversation import Opaque, Provenance, Text, Thinking, ToolCall
from turnout.dialects.stream import (
    Answer,
    Finished,
    OpaqueStarted,
    PartEnded,
    RefusalDelta,
    RefusalStarted,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
    ThinkingDelta,
    ThinkingStarted,
    ToolArgumentsDelta,
    ToolCallStarted,
    UsageReported,
    accumulate,
)
from turnout.dialects.usage import Usage
from turnout.errors import Overloaded, UpstreamFailed

GOLDEN = Golden("anthropic_messages")
encode = partial(encoded, "anthropic_messages")

STARTED = StreamStarted("resp_1", "upstream")


@pytest.mark.parametrize("case", GOLDEN.cases)
def test_golden_events_encode_to_a_stream_that_strict_clients_take(case: str) -> None:
    events = GOLDEN.decode([GOLDEN.stream_of(case)])
    if isinstance(events[-1], StreamFailed):
        assert events_in(encode(events))[-1]["type"] == "error"
    else:
        check(encode(events))


@given(streams())
def test_encoded_streams_follow_the_grammar_and_decode_to_the_same_answer(
    made: tuple[Answer, list[StreamEvent]],
) -> None:
    answer, events = made
    stream = encode(events)
    message = check(stream)
    assert (message["id"], message["model"]) == ("id_1", "alias")
    back = accumulate(GOLDEN.decode([stream]))
    # The client's own name and id stand in the place of the upstream's.
    wanted = replace(answer, response_id="id_1", model="alias")
    assert _with_alias(back) == _with_alias(wanted)


@given(answers())
def test_encoded_bodies_decode_to_the_same_answer(answer: Answer) -> None:
    body = ANTHROPIC_MESSAGES.encode_response(
        events_of(answer), response_id="id_1", model="alias", created_at=0
    )
    back = accumulate(ANTHROPIC_MESSAGES.decode_response(body))
    wanted = replace(answer, response_id="id_1", model="alias")
    assert _with_alias(back) == _with_alias(wanted)


def _with_alias(answer: Answer) -> object:
    """Who Claude's thinking came from is not on the wire: the answer's model is taken for it."""
    return json.loads(
        json.dumps(shown(events_of(answer))).replace('"model": "upstream"', '"model": "alias"')
    )


def test_usage_is_conserved_in_a_body() -> None:
    usage = Usage(3, 15_000, 500, 200, 0, output=57, reasoning=20)
    body = ANTHROPIC_MESSAGES.encode_response(
        events_of(Answer(usage=usage, source="reported", stop="end")),
        response_id="id_1",
        model="alias",
        created_at=0,
    )
    tap = ANTHROPIC_MESSAGES.tap(stream=False)
    for piece in (body[:40], body[40:]):
        tap.feed(piece)
    assert (tap.reading.usage, tap.reading.is_complete) == (usage, True)


def test_bug_01_first_event_is_a_tool_call() -> None:
    events: list[StreamEvent] = [ToolCallStarted(0, "c", "t"), PartEnded(0), Finished("tool_use")]
    assert events_in(encode(events))[0]["type"] == "message_start"


def test_bug_02_interleaved_calls_have_blocks_of_their_own_and_the_first_goes_as_it_comes() -> None:
    encoder = ANTHROPIC_MESSAGES.stream_encoder(
        response_id="m", model="a", created_at=0, input_estimate=1, include_usage=True
    )
    sent = [
        encoder.encode(event)
        for event in (
            STARTED,
            ToolCallStarted(0, "c0", "t"),
            ToolCallStarted(1, "c1", "t"),
            ToolArgumentsDelta(0, '{"a":'),
            ToolArgumentsDelta(1, '{"b":'),
            ToolArgumentsDelta(0, "1}"),
            ToolArgumentsDelta(1, "2}"),
            PartEnded(0),
            PartEnded(1),
            Finished("tool_use"),
        )
    ]
    assert b'"index":0' in sent[3]
    assert sent[4] == b""
    assert b'"index":0' in sent[5]
    content = check(b"".join(sent))["content"]
    assert isinstance(content, list)
    assert [block["input"] for block in content] == ['{"a":1}', '{"b":2}']


def test_bug_04_no_fragment_follows_the_end_of_its_block() -> None:
    """The first call goes on after the second has begun, and ends after it has ended."""
    events: list[StreamEvent] = [
        STARTED,
        ToolCallStarted(0, "c0", "t"),
        ToolArgumentsDelta(0, '{"a":'),
        ToolCallStarted(1, "c1", "t"),
        ToolArgumentsDelta(1, '{"b":2}'),
        PartEnded(1),
        TextStarted(2),
        TextDelta(2, "done"),
        ToolArgumentsDelta(0, "1}"),
        PartEnded(0),
        PartEnded(2),
        Finished("tool_use"),
    ]
    content = check(encode(events))["content"]
    assert isinstance(content, list)
    assert [block.get("input", block.get("text")) for block in content] == [
        '{"a":1}',
        '{"b":2}',
        "done",
    ]


def test_bug_03_a_fragment_for_a_block_that_was_never_opened_is_no_stream() -> None:
    delta = b'{"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"1"}}'
    with pytest.raises(UpstreamFailed, match="block 4"):
        ANTHROPIC_MESSAGES.stream_decoder().feed(b"data: " + delta + b"\n\n")


def test_a_call_without_a_name_is_none() -> None:
    """Sent back by the client, it would be refused with all that came before it."""
    block = b'{"type":"tool_use","id":"toolu_1","input":{}}'
    delta = b'{"type":"input_json_delta","partial_json":"{}"}'
    stream = (
        b'data: {"type":"message_start","message":{"id":"m","model":"x"}}\n\n'
        b'data: {"type":"content_block_start","index":0,"content_block":%b}\n\n'
        b'data: {"type":"content_block_delta","index":0,"delta":%b}\n\n'
        b'data: {"type":"content_block_stop","index":0}\n\n'
        b'data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":"so"}}\n\n'
        b'data: {"type":"message_delta","delta":{"stop_reason":"tool_use"}}\n\n'
        b'data: {"type":"message_stop"}\n\n'
    ) % (block, delta)
    answer = accumulate(GOLDEN.decode([stream]))
    assert answer.parts == (Text("so"),)
    assert answer.stop == "end"


def test_bug_06_a_call_without_arguments_has_an_empty_object() -> None:
    events: list[StreamEvent] = [STARTED, ToolCallStarted(0, "c", "t"), PartEnded(0)]
    content = check(encode([*events, Finished("tool_use")]))["content"]
    assert isinstance(content, list)
    assert content[0]["input"] == "{}"
    (call,) = accumulate(GOLDEN.decode([GOLDEN.stream_of("argumentless_tool")])).parts
    assert getattr(call, "arguments", None) == "{}"


@pytest.mark.parametrize("case", ["input_in_block_start", "input_in_start_and_deltas"])
def test_bug_06_input_in_the_start_of_a_block_is_used_once(case: str) -> None:
    (call,) = accumulate(GOLDEN.decode([GOLDEN.stream_of(case)])).parts
    assert json.loads(getattr(call, "arguments", "")) == {"path": "a.py"}


def test_bug_08_end_becomes_tool_use_where_a_tool_was_called_and_a_cut_stays_a_cut() -> None:
    events: list[StreamEvent] = [STARTED, ToolCallStarted(0, "c", "t"), PartEnded(0)]
    assert check(encode([*events, Finished("end")]))["stop_reason"] == "tool_use"
    assert check(encode([*events, Finished("max_output")]))["stop_reason"] == "max_tokens"


def test_bug_09_tool_use_without_a_tool_ends_the_turn() -> None:
    assert accumulate(GOLDEN.decode([GOLDEN.stream_of("tool_use_without_tool")])).stop == "end"
    assert check(encode([STARTED, Finished("tool_use")]))["stop_reason"] == "end_turn"


def test_bug_11_arguments_are_not_held_back() -> None:
    encoder = ANTHROPIC_MESSAGES.stream_encoder(
        response_id="m", model="a", created_at=0, input_estimate=1, include_usage=True
    )
    for event in (STARTED, ToolCallStarted(0, "c", "t")):
        encoder.encode(event)
    for piece in ('{"a"', ":", "1}"):
        assert json.dumps(piece).encode() in encoder.encode(ToolArgumentsDelta(0, piece))


def test_bug_12_13_an_error_ends_the_stream_in_the_protocols_own_event() -> None:
    stream = encode([STARTED, TextStarted(0), TextDelta(0, "x"), StreamFailed(Overloaded("full"))])
    assert stream.endswith(
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"full"}}\n\n'
    )
    tap = ANTHROPIC_MESSAGES.tap(stream=True)
    tap.feed(stream)
    assert isinstance(tap.reading.error, Overloaded)
    assert not tap.reading.is_complete


def test_bug_14_keep_alive_is_a_ping_that_nobody_counts() -> None:
    assert ANTHROPIC_MESSAGES.keep_alive() == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert ANTHROPIC_MESSAGES.stream_decoder().feed(ANTHROPIC_MESSAGES.keep_alive()) == []


def test_bug_15_the_first_usage_has_an_input() -> None:
    message = events_in(encode([STARTED]))[0]["message"]
    assert isinstance(message, dict)
    assert message["usage"]["input_tokens"] == 77


def test_bug_17_reports_without_figures_do_not_erase_earlier_ones() -> None:
    usage = accumulate(GOLDEN.decode([GOLDEN.stream_of("cached_usage")])).usage
    assert usage == Usage(3, 15_000, 500, 200, 0, output=57)
    assert accumulate(GOLDEN.decode([GOLDEN.stream_of("zero_usage_in_delta")])).usage == Usage(
        120, 80, output=9
    )


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        ('{"output_tokens":57}', Usage(3, 15_000, output=57)),
        ('{"input_tokens":4,"output_tokens":57}', Usage(4, 15_000, output=57)),
        (
            '{"input_tokens":4,"cache_read_input_tokens":null,"output_tokens":57}',
            Usage(4, 15_000, output=57),
        ),
        ('{"input_tokens":0,"output_tokens":57}', Usage(3, 15_000, output=57)),
    ],
)
def test_bug_17_figures_that_a_later_report_leaves_out_stand(report: str, usage: Usage) -> None:
    stream = (
        'data: {"type":"message_start","message":{"usage":{"input_tokens":3,'
        '"cache_read_input_tokens":15000,"output_tokens":1}}}\n\n'
        'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":'
        + report
        + "}\n\n"
        'data: {"type":"message_stop"}\n\n'
    )
    assert accumulate(GOLDEN.decode([stream.encode()])).usage == usage
    tap = ANTHROPIC_MESSAGES.tap(stream=True)
    tap.feed(stream.encode())
    assert tap.reading.usage == usage


def test_bug_25_signatures_reach_the_client() -> None:
    stream = encode(GOLDEN.decode([GOLDEN.stream_of("thinking_signed")]))
    assert b'"signature_delta","signature":"EqQBCgIYAh=="' in stream
    assert b'"redacted_thinking","data":"EmwKAhgB"' in stream


SIGNED_AT_THE_END = Answer(
    "resp_1",
    "upstream",
    (Text("Done."), Thinking("", Provenance("gemini_generate", "g"), signature="s")),
    stop="end",
)
SIGNED_BEFORE_A_CALL = replace(
    SIGNED_AT_THE_END, parts=(*SIGNED_AT_THE_END.parts, ToolCall("call_1", "Bash", "{}"))
)


def test_a_signature_behind_the_last_text_leaves_no_block() -> None:
    """Claude Code prints the last block of an answer, and nothing where that is no text."""
    streamed = check(encode(events_of(SIGNED_AT_THE_END)))
    whole = json.loads(
        ANTHROPIC_MESSAGES.encode_response(
            events_of(SIGNED_AT_THE_END), response_id="id_1", model="alias", created_at=0
        )
    )
    for message in (streamed, whole):
        assert message["content"] == [{"type": "text", "text": "Done."}]


def test_a_signature_between_a_text_and_a_call_stays_between_them() -> None:
    streamed = check(encode(events_of(SIGNED_BEFORE_A_CALL)))
    content = msgspec.convert(streamed["content"], list[dict[str, object]])
    assert [block["type"] for block in content] == ["text", "thinking", "tool_use"]
    assert content[1]["signature"]


def test_bug_26_foreign_thinking_is_never_unsigned() -> None:
    made_by = Provenance("openai_chat", "deepseek-r9")
    events: list[StreamEvent] = [STARTED, ThinkingStarted(0, made_by), ThinkingDelta(0, "hm")]
    content = check(encode([*events, PartEnded(0), Finished("end")]))["content"]
    assert isinstance(content, list)
    assert content[0]["signature"].startswith("turnout1.")


def test_bug_41_the_answer_carries_the_name_that_the_client_asked_for() -> None:
    encoder = ANTHROPIC_MESSAGES.stream_encoder(
        response_id="m",
        model="claude-opus-5-5[1m]",
        created_at=0,
        input_estimate=1,
        include_usage=True,
    )
    message = events_in(encoder.encode(STARTED))[0]["message"]
    assert isinstance(message, dict)
    assert message["model"] == "claude-opus-5-5[1m]"
    body = ANTHROPIC_MESSAGES.encode_response(
        [STARTED, Finished("end")], response_id="m", model="claude-opus-5-5[1m]", created_at=0
    )
    assert json.loads(body)["model"] == "claude-opus-5-5[1m]"


def test_bug_40_refusals_and_silent_ends_have_words_that_clients_know() -> None:
    events: list[StreamEvent] = [STARTED, RefusalStarted(0), RefusalDelta(0, "no"), PartEnded(0)]
    assert check(encode([*events, Finished("refusal")]))["stop_reason"] == "refusal"
    assert check(encode([*events, Finished("content_filter")]))["stop_reason"] == "refusal"


def test_a_custom_tools_text_comes_as_one_argument() -> None:
    events: list[StreamEvent] = [
        STARTED,
        ToolCallStarted(0, "c", "apply_patch", kind="custom"),
        ToolArgumentsDelta(0, 'a "b'),
        ToolArgumentsDelta(0, "\n\\c"),
        PartEnded(0),
    ]
    content = check(encode([*events, Finished("tool_use")]))["content"]
    assert isinstance(content, list)
    assert json.loads(content[0]["input"]) == {"input": 'a "b\n\\c'}


def test_parts_of_other_dialects_and_empty_texts_leave_no_block() -> None:
    events: list[StreamEvent] = [
        STARTED,
        OpaqueStarted(0, Opaque("openai_responses", "web_search_call", "{}")),
        PartEnded(0),
        TextStarted(1),
        PartEnded(1),
        TextStarted(2),
        TextDelta(2, "hi"),
        PartEnded(2),
        UsageReported(Usage(5, output=2), "reported"),
        Finished("end"),
    ]
    assert check(encode(events))["content"] == [{"type": "text", "text": "hi"}]


def test_a_tap_sees_content_from_the_first_delta_on() -> None:
    tap = ANTHROPIC_MESSAGES.tap(stream=True)
    seen: list[bool] = []
    for block in GOLDEN.stream_of("text").split(b"\n\n")[:4]:
        tap.feed(block + b"\n\n")
        seen.append(tap.reading.has_content)
    assert seen == [False, False, False, True]
    assert tap.reading.response_id == "msg_01"
    assert tap.reading.output_bytes == len("Bonjour, ")


def test_bug_15_the_last_usage_has_an_input_although_only_the_output_was_reported() -> None:
    report = UsageReported(Usage(output=9), "reported")
    usage = check(encode([STARTED, report, Finished("end")]))["usage"]
    assert isinstance(usage, dict)
    assert (usage["input_tokens"], usage["output_tokens"]) == (77, 9)


def test_an_unreported_answer_is_estimated() -> None:
    usage = check(
        encode([STARTED, TextStarted(0), TextDelta(0, "x" * 36), PartEnded(0), Finished("end")])
    )["usage"]
    assert isinstance(usage, dict)
    assert (usage["input_tokens"], usage["output_tokens"]) == (77, 10)
