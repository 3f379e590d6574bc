"""Streams of `gemini_generate`: grammar, identity, usage; BUGS classes by name."""

import json
from functools import partial

import pytest
from hypothesis import given

from tests.dialects.contract import obey
from tests.dialects.events import encoded, events_of
from tests.dialects.gemini_generate.answers import answers, spoken, streams
from tests.dialects.gemini_generate.grammar import check
from tests.dialects.golden import Golden
from turnout.dialects.conversation import (
    Annotation,
    Citation,
    Opaque,
    Provenance,
    Refusal,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
)
from turnout.dialects.gemini_generate import GEMINI_GENERATE
from turnout.dialects.gemini_generate.thoughts import STAND_IN, unsealed
from turnout.dialects.stream import (
    Answer,
    Finished,
    OpaqueStarted,
    PartEnded,
    StopReason,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    TextStarted,
    ThinkingDelta,
    ThinkingStarted,
    ToolArgumentsDelta,
    ToolCallStarted,
    accumulate,
)
from turnout.dialects.usage import Usage
from turnout.errors import Overloaded, UpstreamFailed

GOLDEN = Golden("gemini_generate")
encode = partial(encoded, "gemini_generate")
DEEPSEEK = Provenance("openai_chat", "deepseek-r9")


def golden(case: str) -> Answer:
    return accumulate(GOLDEN.decode([GOLDEN.stream_of(case)]))


@given(streams())
def test_decode_after_encode_is_the_answer(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, events = drawn
    decoded = GOLDEN.decode([encode(events)])
    obey(decoded)
    assert accumulate(decoded) == answer


@given(streams())
def test_every_stream_passes_the_strict_grammar(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, events = drawn
    told = check(encode(events))
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    assert told["calls"] == [
        {"id": c.call_id, "name": c.name, "args": json.loads(c.arguments)} for c in calls
    ]
    assert told["text"] == spoken(answer)
    assert told["thoughts"] == "".join(p.text for p in answer.parts if isinstance(p, Thinking))


@given(answers())
def test_whole_answers_survive(answer: Answer) -> None:
    body = GEMINI_GENERATE.encode_response(
        events_of(answer), response_id="id_1", model="alias", created_at=5
    )
    assert accumulate(GEMINI_GENERATE.decode_response(body)) == answer


@pytest.mark.parametrize("case", [case for case in GOLDEN.cases if golden(case).stop is not None])
def test_golden_streams_written_again_say_the_same(case: str) -> None:
    answer = golden(case)
    again = accumulate(GOLDEN.decode([encode(events_of(answer))]))
    assert [part for part in again.parts if not isinstance(part, Thinking | Text)] == [
        part for part in answer.parts if not isinstance(part, Thinking | Text)
    ]
    assert (spoken(again), again.stop) == (spoken(answer), answer.stop)


def test_bug_02_parallel_calls_keep_apart() -> None:
    calls = [
        (p.call_id, p.arguments) for p in golden("parallel_calls").parts if isinstance(p, ToolCall)
    ]
    assert calls == [("c1", '{"path": "a.py"}'), ("c2", '{"path": "b.py"}'), ("c3", "{}")]
    ids = [p.call_id for p in golden("calls_without_ids").parts if isinstance(p, ToolCall)]
    assert len(set(ids)) == 2


def test_bug_04_interleaved_fragments_become_whole_calls() -> None:
    events: list[StreamEvent] = [
        StreamStarted("r", "m"),
        ToolCallStarted(0, "a", "f"),
        ToolCallStarted(1, "b", "g"),
        ToolArgumentsDelta(1, '{"x":'),
        ToolArgumentsDelta(0, '{"y"'),
        ToolArgumentsDelta(1, "1}"),
        PartEnded(1),
        ToolArgumentsDelta(0, ":2}"),
        PartEnded(0),
        Finished("tool_use"),
    ]
    told = check(encode(events))
    assert told["calls"] == [
        {"id": "a", "name": "f", "args": {"y": 2}},
        {"id": "b", "name": "g", "args": {"x": 1}},
    ]


@pytest.mark.parametrize(("text", "args"), [("", {}), ("  ", {}), ('{"a"', {"arguments": '{"a"'})])
def test_bug_06_args_are_an_object_always(text: str, args: object) -> None:
    events: list[StreamEvent] = [
        StreamStarted("r", "m"),
        ToolCallStarted(0, "", "f"),
        ToolArgumentsDelta(0, text),
        PartEnded(0),
        Finished("tool_use"),
    ]
    (call,) = check(encode(events))["calls"]
    assert call["args"] == args
    assert call["id"].startswith("call_")


def test_a_freeform_tool_goes_as_a_function_with_one_text() -> None:
    call = ToolCall("c", "apply_patch", "*** Begin", kind="custom")
    told = check(encode(events_of(Answer("r", "m", (call,), stop="tool_use"))))
    assert told["calls"][0]["args"] == {"input": "*** Begin"}


@pytest.mark.parametrize(
    ("case", "stop"),
    [
        ("parallel_calls", "tool_use"),
        ("call_cut_by_length", "max_output"),
        ("cut_by_length", "max_output"),
        ("safety", "content_filter"),
        ("prompt_blocked", "content_filter"),
        ("unknown_finish", "end"),
    ],
)
def test_bug_08_stop_after_calls_is_tool_use_and_a_cut_stays_one(case: str, stop: str) -> None:
    assert golden(case).stop == stop


@pytest.mark.parametrize(
    ("stop", "word"),
    [
        ("end", "STOP"),
        ("tool_use", "STOP"),
        ("stop_sequence", "STOP"),
        ("pause", "STOP"),
        ("max_output", "MAX_TOKENS"),
        ("context_window", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("refusal", "SAFETY"),
    ],
)
def test_every_stop_has_a_documented_word(stop: StopReason, word: str) -> None:
    assert check(encode([StreamStarted("r", "m"), Finished(stop)]))["finish"] == word


def test_a_refusal_that_is_spelled_out_is_text() -> None:
    told = check(encode(events_of(Answer("r", "m", (Refusal("I won't."),), stop="refusal"))))
    assert (told["text"], told["finish"]) == ("I won't.", "STOP")


def test_bug_10_comments_and_data_without_space() -> None:
    assert golden("comments").parts == (Text("ok"),)


def test_text_passes_as_it_comes() -> None:
    encoder = GEMINI_GENERATE.stream_encoder(
        response_id="r", model="m", created_at=1, input_estimate=1, include_usage=False
    )
    assert encoder.encode(TextStarted(0)) == b""
    assert b'"text":"a"' in encoder.encode(TextDelta(0, "a"))


@pytest.mark.parametrize("case", ["error_first", "error_midway"])
def test_bug_12_error_inside_a_stream_is_no_success(case: str) -> None:
    assert isinstance(golden(case).error, Overloaded)
    assert golden(case).stop is None


def test_bug_12_a_spoilt_call_is_no_success() -> None:
    assert isinstance(golden("malformed_call").error, UpstreamFailed)


def test_bug_13_stream_without_an_end_has_failed() -> None:
    assert isinstance(golden("cut_off").error, UpstreamFailed)
    assert golden("no_usage").stop == "end"
    assert isinstance(accumulate(GOLDEN.decode([b""])).error, UpstreamFailed)


def test_bug_13_failed_stream_ends_in_an_error_that_google_genai_knows() -> None:
    stream = encode([StreamStarted("r", "m"), StreamFailed(Overloaded("busy"))])
    assert stream.startswith(b'{"error":{"code":503,')
    assert isinstance(accumulate(GOLDEN.decode([stream])).error, Overloaded)


def test_bug_25_signatures_stand_in_front_of_what_they_led_to() -> None:
    kinds = [type(part).__name__ for part in golden("signature_inside_text").parts]
    assert kinds == ["Text", "Thinking", "Text"]
    answer = golden("thinking_then_call")
    told = check(encode(events_of(answer)))
    call = next(part for part in told["parts"] if "functionCall" in part)
    assert call["thoughtSignature"] == "EswCCskCAdHtim9Q+Zf/wA=="
    last = check(encode(events_of(golden("signature_on_last_text"))))["parts"][-1]
    assert last == {"text": "", "thoughtSignature": "EmYKZAHR7Yo="}


def test_bug_26_foreign_reasoning_goes_out_under_our_seal_on_the_call() -> None:
    parts = (Thinking("why", DEEPSEEK), ToolCall("c", "ls", "{}"), ToolCall("d", "ls", "{}"))
    told = check(encode(events_of(Answer("r", "m", parts, stop="tool_use"))))
    thought, first, second, _ = told["parts"]
    assert thought["thought"] is True
    assert unsealed(first["thoughtSignature"]) == (Thinking("why", DEEPSEEK),)
    assert "thoughtSignature" not in second


def test_bug_26_reasoning_with_nothing_behind_it_is_carried_by_an_empty_text() -> None:
    told = check(encode(events_of(Answer("r", "m", (Thinking("why", DEEPSEEK),), stop="end"))))
    assert unsealed(told["parts"][-1]["thoughtSignature"]) == (Thinking("why", DEEPSEEK),)
    assert told["text"] == ""


def test_a_call_without_reasoning_has_the_documented_stand_in() -> None:
    told = check(encode(events_of(Answer("r", "m", (ToolCall("c", "ls", "{}"),), stop="tool_use"))))
    assert told["parts"][0]["thoughtSignature"] == STAND_IN


def test_several_pieces_of_reasoning_share_the_part_behind_them() -> None:
    claude = Provenance("anthropic_messages", "claude")
    pieces = (
        Thinking("", claude, redacted="sealed"),
        Thinking("a", claude, signature="s"),
        Thinking("b", DEEPSEEK),
    )
    answer = Answer("r", "m", (*pieces, ToolCall("c", "ls", "{}")), stop="tool_use")
    told = check(encode(events_of(answer)))
    call = next(part for part in told["parts"] if "functionCall" in part)
    assert unsealed(call["thoughtSignature"]) == pieces


def test_thoughts_of_others_say_whose_they_are_once_a_piece() -> None:
    events: list[StreamEvent] = [
        StreamStarted("r", "m"),
        ThinkingStarted(0, DEEPSEEK),
        ThinkingDelta(0, "a"),
        ThinkingDelta(0, "b"),
        PartEnded(0),
        Finished("end"),
    ]
    first, second, _ = check(encode(events))["parts"]
    (marked,) = unsealed(first["thoughtSignature"])
    assert (marked.provenance, marked.text) == (DEEPSEEK, "")
    assert "thoughtSignature" not in second


def test_usage_of_a_search_counts_what_it_put_into_the_prompt() -> None:
    assert golden("search_grounding").usage == Usage(fresh_input=47, output=4)


def test_bug_15_the_first_chunk_tells_an_estimate_and_never_zero() -> None:
    stream = encode([StreamStarted("r", "m"), TextStarted(0), TextDelta(0, "x")])
    first = json.loads(stream.removeprefix(b"data: "))
    assert first["usageMetadata"]["promptTokenCount"] == 77


def test_bug_16_cached_tokens_are_not_counted_twice() -> None:
    assert golden("cached_usage").usage == Usage(
        fresh_input=200, cache_read=1000, output=41, reasoning=40
    )


def test_usage_that_nobody_reported_is_estimated() -> None:
    events: list[StreamEvent] = [
        StreamStarted("r", "m"),
        TextStarted(0),
        TextDelta(0, "x" * 36),
        PartEnded(0),
        Finished("end"),
    ]
    usage = check(encode(events))["usage"]
    assert (usage["promptTokenCount"], usage["candidatesTokenCount"]) == (77, 10)


def test_bug_41_stream_carries_the_name_the_client_asked_for() -> None:
    stream = encode(GOLDEN.decode([GOLDEN.stream_of("text")]))
    assert stream.count(b'"modelVersion":"alias"') == stream.count(b'"modelVersion"') > 1


def test_citations_go_both_ways_in_bytes_and_characters() -> None:
    (text,) = golden("search_grounding").parts
    assert isinstance(text, Text)
    found = [(c.url, c.start, c.end) for a in text.annotations if (c := a.citation)]
    assert found == [
        ("https://example.com/a", 0, 6),
        ("https://example.com/a", 0, 11),
        ("https://example.com/b", 0, 11),
    ]
    grounding = check(encode(events_of(golden("search_grounding"))))["candidate"][
        "groundingMetadata"
    ]
    assert grounding["groundingChunks"][0] == {
        "web": {"uri": "https://example.com/a", "title": "a"}
    }
    assert grounding["groundingSupports"][0] == {
        "segment": {"startIndex": 0, "endIndex": 7, "text": "España"},
        "groundingChunkIndices": [0],
    }


def test_citations_without_a_stretch_are_sources_alone() -> None:
    cited = Annotation("anthropic_messages", "{}", Citation("https://example.com/a"))
    other = Annotation("anthropic_messages", "{}")
    answer = Answer("r", "m", (Text("x", annotations=(cited, other)),), stop="end")
    grounding = check(encode(events_of(answer)))["candidate"]["groundingMetadata"]
    assert grounding == {
        "groundingChunks": [{"web": {"uri": "https://example.com/a", "title": ""}}]
    }


def test_log_probabilities_survive() -> None:
    (text,) = golden("logprobs").parts
    assert isinstance(text, Text)
    assert text.logprobs[0] == TokenLogprob("Hi", -0.25, top=(("Hi", -0.25), ("Hello", -1.75)))
    (again,) = accumulate(GOLDEN.decode([encode(events_of(golden("logprobs")))])).parts
    assert isinstance(again, Text)
    assert again.logprobs == text.logprobs


def test_parts_of_other_dialects_are_left_out() -> None:
    foreign = Opaque("anthropic_messages", "server_tool_use", "{}")
    events: list[StreamEvent] = [
        StreamStarted("r", "m", Usage(fresh_input=3)),
        OpaqueStarted(0, foreign),
        PartEnded(0),
        Finished("pause"),
    ]
    told = check(encode(events))
    assert told["parts"] == [{"text": ""}]


@pytest.mark.parametrize(
    "stream", [b"data: not json\n\n", b"data: 7\n\n", b'data: {"candidates":7}\n\n']
)
def test_what_is_no_stream_of_this_wire_is_refused(stream: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="no answer of Gemini"):
        GEMINI_GENERATE.stream_decoder().feed(stream)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"candidates":[]}', b"{}"])
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        GEMINI_GENERATE.decode_response(body)


def test_whole_answer_with_an_error_is_one() -> None:
    answer = accumulate(
        GEMINI_GENERATE.decode_response(b'{"error":{"message":"no","code":503,"status":"X"}}')
    )
    assert isinstance(answer.error, Overloaded)
    with pytest.raises(Overloaded):
        GEMINI_GENERATE.encode_response(events_of(answer), response_id="r", model="m", created_at=1)


def test_a_blocked_prompt_is_a_whole_answer() -> None:
    answer = accumulate(
        GEMINI_GENERATE.decode_response(b'{"promptFeedback":{"blockReason":"OTHER"}}')
    )
    assert answer.stop == "content_filter"
    body = GEMINI_GENERATE.encode_response(
        events_of(answer), response_id="r", model="m", created_at=1
    )
    (candidate,) = json.loads(body)["candidates"]
    assert candidate == {"finishReason": "SAFETY", "index": 0}


def test_other_candidates_are_not_mixed_in() -> None:
    stream = (
        b'data: {"candidates":[{"index":1,"content":{"parts":[{"text":"B"}]}},'
        b'{"index":0,"content":{"parts":[{"text":"A"}]},"finishReason":"STOP"}]}\n\n'
    )
    assert accumulate(GOLDEN.decode([stream])).parts == (Text("A"),)
