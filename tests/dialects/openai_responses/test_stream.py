"""Response streams: grammar, identity, usage; BUGS classes by name."""

import json
from dataclasses import replace
from functools import partial

import msgspec
import pytest
from hypothesis import given

from tests.dialects.contract import obey
from tests.dialects.events import encoded, events_of
from tests.dialects.golden import Golden
from tests.dialects.openai_responses.answers import answers, streams
from tests.dialects.openai_responses.grammar import check, events_of_stream
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
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.seal import unseal
from turnout.dialects.stream import (
    AnnotationAdded,
    Answer,
    Finished,
    LogprobsAdded,
    OpaqueStarted,
    PartEnded,
    SignatureDelta,
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
    UsageReported,
    accumulate,
)
from turnout.dialects.usage import Usage
from turnout.errors import (
    ContextTooLong,
    InvalidRequest,
    NotAuthenticated,
    Overloaded,
    RateLimited,
    TurnoutError,
    UpstreamFailed,
)

GOLDEN = Golden("openai_responses")
encode = partial(encoded, "openai_responses")
STARTED = StreamStarted("r", "m")


def told(case: str) -> Answer:
    return accumulate(GOLDEN.decode([GOLDEN.stream_of(case)]))


def stream_of(*events: object) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)


def relabelled(answer: Answer) -> Answer:
    """The answer as it is after a trip: under the names that the client was given."""
    made_by = Provenance("openai_responses", "alias")
    parts = tuple(
        msgspec.structs.replace(part, provenance=made_by) if isinstance(part, Thinking) else part
        for part in answer.parts
    )
    return replace(answer, response_id="id_1", model="alias", parts=parts)


def without_seals(answer: Answer) -> Answer:
    """A stream tells the seal behind the text, a whole answer in front of it."""
    parts = tuple(
        msgspec.structs.replace(part, signature="", redacted=part.redacted or part.signature)
        if isinstance(part, Thinking)
        else part
        for part in answer.parts
    )
    return replace(answer, parts=parts)


@given(streams())
def test_decode_after_encode_is_the_answer(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, events = drawn
    decoded = GOLDEN.decode([encode(events)])
    obey(decoded)
    assert accumulate(decoded) == relabelled(answer)


@given(streams())
def test_every_stream_passes_the_strict_grammar(drawn: tuple[Answer, list[StreamEvent]]) -> None:
    answer, events = drawn
    response = check(encode(events))
    texts = {"function_call": "arguments", "custom_tool_call": "input"}
    calls = [item for item in response["output"] if item["type"] in texts]
    assert [(item["call_id"], item[texts[item["type"]]]) for item in calls] == [
        (part.call_id, part.arguments) for part in answer.parts if isinstance(part, ToolCall)
    ]


@given(answers())
def test_whole_answers_survive(answer: Answer) -> None:
    body = OPENAI_RESPONSES.encode_response(
        events_of(answer), response_id="resp_1", model="upstream", created_at=5
    )
    decoded = OPENAI_RESPONSES.decode_response(body)
    obey(list(decoded))
    assert without_seals(accumulate(decoded)) == without_seals(answer)


@given(answers())
def test_streams_end_in_what_the_whole_answer_says(answer: Answer) -> None:
    body = OPENAI_RESPONSES.encode_response(
        events_of(answer), response_id="id_1", model="alias", created_at=1_790_000_000
    )
    streamed = check(encode(events_of(answer)))
    whole = json.loads(body)
    for item in whole["output"]:
        item["status"] = "completed"
    for item in streamed["output"]:
        item["status"] = "completed"
    assert streamed == whole


def test_bug_02_parallel_calls_keep_apart() -> None:
    calls = [p for p in told("openai_parallel_tools").parts if isinstance(p, ToolCall)]
    assert [(c.call_id, c.name, c.arguments) for c in calls] == [
        ("call_A", "read_file", '{"path":"a.py"}'),
        ("call_B", "read_file", '{"path":"b.py"}'),
    ]


def test_bug_05_text_and_call_never_share_an_output_index() -> None:
    response = check(encode(GOLDEN.decode([GOLDEN.stream_of("all_places_zero")])))
    assert [item["type"] for item in response["output"]] == ["message", "function_call"]


def test_bug_06_call_without_arguments_gets_an_empty_object() -> None:
    events: list[StreamEvent] = [STARTED, ToolCallStarted(0, "c", "pwd"), PartEnded(0)]
    (item,) = check(encode([*events, Finished("tool_use")]))["output"]
    assert item["arguments"] == "{}"


def test_bug_07_arguments_that_come_before_the_name_are_kept() -> None:
    late = stream_of(
        {"type": "response.created", "response": {"id": "r", "model": "m"}},
        {"type": "response.function_call_arguments.delta", "item_id": "fc", "delta": '{"a'},
        {
            "type": "response.output_item.done",
            "item": {
                "type": "function_call",
                "id": "fc",
                "call_id": "c",
                "name": "f",
                "arguments": '{"a":1}',
            },
        },
        {"type": "response.completed", "response": {"status": "completed"}},
    )
    assert accumulate(GOLDEN.decode([late])).parts == (ToolCall("c", "f", '{"a":1}'),)


def test_bug_08_completed_after_calls_is_tool_use() -> None:
    assert told("openai_parallel_tools").stop == "tool_use"


def test_bug_08_cut_answer_with_a_call_stays_cut() -> None:
    events: list[StreamEvent] = [STARTED, ToolCallStarted(0, "c", "f")]
    events += [ToolArgumentsDelta(0, '{"a'), PartEnded(0), Finished("max_output")]
    assert accumulate(GOLDEN.decode([encode(events)])).stop == "max_output"


def test_bug_09_tool_use_without_a_call_is_no_tool_use() -> None:
    events: list[StreamEvent] = [STARTED, Finished("tool_use")]
    assert accumulate(GOLDEN.decode([encode(events)])).stop == "end"


def test_bug_11_arguments_pass_as_they_come() -> None:
    encoder = OPENAI_RESPONSES.stream_encoder(
        response_id="r", model="m", created_at=1, input_estimate=1, include_usage=True
    )
    encoder.encode(STARTED)
    encoder.encode(ToolCallStarted(0, "c", "f"))
    for fragment in ('{"path"', ':"a"}'):
        assert json.dumps(fragment).encode() in encoder.encode(ToolArgumentsDelta(0, fragment))


def test_parts_that_are_open_at_once_go_out_one_after_the_other() -> None:
    """pi and Codex add every delta to the item that was added last."""
    events: list[StreamEvent] = [
        *(STARTED, ToolCallStarted(0, "a", "f"), ToolCallStarted(1, "b", "g")),
        *(ToolArgumentsDelta(1, "{}"), ToolArgumentsDelta(0, "{}")),
        *(PartEnded(1), PartEnded(0), Finished("tool_use")),
    ]
    kinds = [(e["type"], e.get("output_index")) for e in events_of_stream(encode(events))]
    assert [place for _, place in kinds[2:-1]] == [0, 0, 0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize("case", ["error_first", "error_midway", "response_failed"])
def test_bug_12_error_inside_a_stream_is_no_success(case: str) -> None:
    answer = told(case)
    assert answer.error is not None
    assert answer.stop is None


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"code": "rate_limit_exceeded", "message": "slow down"}, RateLimited),
        ({"error": {"code": "server_is_overloaded", "message": "busy"}}, Overloaded),
        ({"error": {"type": "invalid_request_error", "message": "no"}}, InvalidRequest),
        ({"error": {"code": "context_length_exceeded", "message": "x"}}, ContextTooLong),
        ({"error": {"message": "oops"}}, UpstreamFailed),
    ],
)
def test_error_events_become_kinds(fields: dict[str, object], kind: type) -> None:
    (failed,) = GOLDEN.decode([stream_of({"type": "error"} | fields)])
    assert isinstance(failed, StreamFailed)
    assert type(failed.error) is kind


def test_bug_13_stream_without_an_end_has_failed() -> None:
    assert isinstance(told("cut_off").error, UpstreamFailed)
    assert isinstance(accumulate(GOLDEN.decode([b""])).error, UpstreamFailed)
    assert isinstance(accumulate(GOLDEN.decode([b"data: [DONE]\n\n"])).error, UpstreamFailed)


def failure_of(error: TurnoutError) -> tuple[dict[str, object], dict[str, object]]:
    events: list[StreamEvent] = [STARTED, TextStarted(0), TextDelta(0, "half")]
    events.append(StreamFailed(error))
    *_, first, second = events_of_stream(encode(events))
    assert (first["type"], second["type"]) == ("error", "response.failed")
    response = second["response"]
    assert (response["id"], response["status"]) == ("id_1", "failed")
    assert first["message"] == first["error"]["message"]
    error_object: dict[str, object] = response["error"]
    return first["error"], error_object


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContextTooLong("too much"), "context_length_exceeded"),
        (RateLimited("slow"), "rate_limit_exceeded"),
        (RateLimited("You exceeded your current quota"), "insufficient_quota"),
        (InvalidRequest("bad field"), "invalid_prompt"),
        (NotAuthenticated("no key"), "invalid_prompt"),
        (UpstreamFailed("no", upstream_status=401), "invalid_prompt"),
        (UpstreamFailed("gone"), "server_error"),
        (Overloaded("busy"), "server_error"),
    ],
)
def test_bug_13_failed_stream_says_so_in_the_words_that_codex_knows(
    error: TurnoutError, code: str
) -> None:
    assert failure_of(error)[1]["code"] == code


def test_codex_is_told_when_to_come_back() -> None:
    _, failure = failure_of(RateLimited("Rate limit reached.", retry_after_seconds=7.2))
    assert failure["message"] == "Rate limit reached. Please try again in 8s."


def test_overload_is_said_in_the_first_event_alone() -> None:
    """Codex gives up on `server_is_overloaded` in the second, and trying again helps."""
    first, second = failure_of(Overloaded("busy"))
    assert first["code"] == "server_is_overloaded"
    assert second["code"] == "server_error"


def test_failure_of_a_stream_of_which_nothing_is_known() -> None:
    stream = OPENAI_RESPONSES.encode_stream_error(Overloaded("busy"))
    assert [event["type"] for event in events_of_stream(stream)] == ["error", "response.failed"]


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("max_output", "max_output_tokens"),
        ("context_window", "max_output_tokens"),
        ("content_filter", "content_filter"),
        ("refusal", "content_filter"),
    ],
)
def test_cut_answer_ends_in_completed_and_says_why(stop: StopReason, reason: str) -> None:
    """`response.incomplete` is fatal to Codex and endless in pi."""
    events: list[StreamEvent] = [STARTED, TextStarted(0), TextDelta(0, "a"), PartEnded(0)]
    response = check(encode([*events, Finished(stop)]))
    assert (response["status"], response["incomplete_details"]) == (
        "incomplete",
        {"reason": reason},
    )


@pytest.mark.parametrize("stop", ["end", "stop_sequence", "pause"])
def test_what_the_wire_has_no_word_for_is_completed(stop: StopReason) -> None:
    assert check(encode([STARTED, Finished(stop)]))["status"] == "completed"


def test_incomplete_says_why() -> None:
    assert told("openai_incomplete").stop == "max_output"
    filtered = GOLDEN.stream_of("openai_incomplete").replace(
        b"max_output_tokens", b"content_filter"
    )
    assert accumulate(GOLDEN.decode([filtered])).stop == "content_filter"


def test_answer_without_a_part_still_has_an_item() -> None:
    (item,) = check(encode([STARTED, TextStarted(0), PartEnded(0), Finished("end")]))["output"]
    assert item["content"][0]["text"] == ""


def test_bug_41_stream_carries_the_name_the_client_asked_for() -> None:
    stream = encode(GOLDEN.decode([GOLDEN.stream_of("openai_text")]))
    assert stream.count(b'"model":"alias"') == stream.count(b'"model"')


def test_usage_that_nobody_reported_is_estimated() -> None:
    events: list[StreamEvent] = [STARTED, TextStarted(0), TextDelta(0, "x" * 36), PartEnded(0)]
    usage = check(encode([*events, Finished("end")]))["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (77, 10)


def test_reasoning_of_another_maker_carries_our_seal() -> None:
    made_by = Provenance("anthropic_messages", "claude-opus-5-5")
    events: list[StreamEvent] = [
        *(STARTED, ThinkingStarted(0, made_by), ThinkingDelta(0, "why")),
        *(SignatureDelta(0, "EqQB"), PartEnded(0), Finished("end")),
    ]
    (item,) = check(encode(events))["output"]
    assert item["summary"] == [{"type": "summary_text", "text": "why"}]
    assert unseal("why", item["encrypted_content"]) == Thinking("why", made_by, signature="EqQB")
    (back,) = accumulate(GOLDEN.decode([encode(events)])).parts
    assert back == Thinking("why", made_by, signature="EqQB")


def test_reasoning_that_is_only_sealed_goes_out_too() -> None:
    """Gemini's signature on a call is such a part."""
    made_by = Provenance("gemini_generate", "gemini-3.8")
    events: list[StreamEvent] = [
        *(STARTED, ThinkingStarted(0, made_by), SignatureDelta(0, "sig"), PartEnded(0)),
        *(ToolCallStarted(1, "c", "f"), PartEnded(1), Finished("tool_use")),
    ]
    reasoning, call = check(encode(events))["output"]
    assert reasoning["summary"] == []
    assert unseal("", reasoning["encrypted_content"]) == Thinking("", made_by, signature="sig")
    assert call["call_id"] == "c"


def test_reasoning_without_anything_is_left_out() -> None:
    made_by = Provenance("openai_chat", "x")
    events: list[StreamEvent] = [
        *(STARTED, ThinkingStarted(0, made_by), PartEnded(0)),
        *(TextStarted(1), TextDelta(1, "a"), PartEnded(1), Finished("end")),
    ]
    assert [item["type"] for item in check(encode(events))["output"]] == ["message"]


def test_summary_parts_are_paragraphs() -> None:
    (thought, _) = told("openai_reasoning").parts
    assert isinstance(thought, Thinking)
    assert thought.text == "**Looking**\n\n**Deciding**"
    assert thought.is_summary
    assert thought.signature == "gAAAAfinal"


def test_bug_37_freeform_calls_stay_freeform() -> None:
    (call,) = told("openai_custom_tool").parts
    assert call == ToolCall(
        "call_P", "apply_patch", "*** Begin Patch\n*** End Patch\n", kind="custom"
    )
    (item,) = check(encode(events_of(Answer("r", "m", (call,), stop="tool_use"))))["output"]
    assert (item["type"], item["input"]) == ("custom_tool_call", call.arguments)


def test_calls_go_back_into_their_namespace() -> None:
    call = ToolCall("c", "multi_agent_v1--spawn_agent", "{}")
    (item,) = check(encode(events_of(Answer("r", "m", (call,), stop="tool_use"))))["output"]
    assert (item["namespace"], item["name"]) == ("multi_agent_v1", "spawn_agent")


def test_search_that_the_client_runs_is_asked_for_in_its_own_item() -> None:
    call = ToolCall("c", "tool_search", '{"query":"agents"}')
    (item,) = check(encode(events_of(Answer("r", "m", (call,), stop="tool_use"))))["output"]
    assert item["type"] == "tool_search_call"
    assert (item["execution"], item["arguments"]) == ("client", {"query": "agents"})
    assert told("codex_tool_search").parts == (ToolCall("call_S", "tool_search", '{"query":"x"}'),)


def test_citations_of_others_are_spans_of_the_text() -> None:
    foreign = Annotation("anthropic_messages", "{}", Citation("https://a.example", "A"))
    nowhere = Annotation("anthropic_messages", "{}")
    events: list[StreamEvent] = [
        *(STARTED, TextStarted(0), TextDelta(0, "abc"), AnnotationAdded(0, foreign)),
        *(AnnotationAdded(0, nowhere), PartEnded(0), Finished("end")),
    ]
    (item,) = check(encode(events))["output"]
    assert item["content"][0]["annotations"] == [
        {
            "type": "url_citation",
            "url": "https://a.example",
            "title": "A",
            "start_index": 0,
            "end_index": 3,
        }
    ]


def test_log_probabilities_go_with_the_next_piece_and_are_all_told_at_the_end() -> None:
    first, second = TokenLogprob("a", -0.5), TokenLogprob("é", -1.0, top=(("e", -0.25),))
    events: list[StreamEvent] = [
        *(STARTED, TextStarted(0), LogprobsAdded(0, (first,)), TextDelta(0, "a")),
        *(TextDelta(0, "é"), LogprobsAdded(0, (second,)), PartEnded(0), Finished("end")),
    ]
    (item,) = check(encode(events))["output"]
    assert item["content"][0]["logprobs"] == [
        {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []},
        {
            "token": "é",
            "logprob": -1.0,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "e", "logprob": -0.25, "bytes": [101]}],
        },
    ]


def test_items_of_others_are_left_out_and_own_ones_pass() -> None:
    foreign = Opaque("anthropic_messages", "server_tool_use", "{}")
    own = Opaque(
        "openai_responses",
        "web_search_call",
        '{"id":"ws_1","type":"web_search_call","status":"completed"}',
    )
    events: list[StreamEvent] = [
        *(STARTED, OpaqueStarted(0, foreign), PartEnded(0)),
        *(OpaqueStarted(1, own), PartEnded(1), Finished("end")),
    ]
    (item,) = check(encode(events))["output"]
    assert item == json.loads(own.json)


@pytest.mark.parametrize("case", ["final_output_only", "items_done_only", "ids_differ"])
def test_what_a_server_leaves_out_is_made_up_for(case: str) -> None:
    whole = told("openai_parallel_tools")
    assert told(case).parts == whole.parts
    assert told(case).stop == whole.stop


@pytest.mark.parametrize(
    "stream",
    [
        b"data: not json\n\n",
        b"data: 7\n\n",
        b'data: {"type":"response.output_item.added","item":7}\n\n',
        b'data: {"type":"response.completed","response":7}\n\n',
        b'data: {"type":"response.output_text.delta","output_index":"x"}\n\n',
    ],
)
def test_what_is_no_response_stream_is_refused(stream: bytes) -> None:
    with pytest.raises(UpstreamFailed, match="no response"):
        OPENAI_RESPONSES.stream_decoder().feed(stream)


def test_events_that_nobody_reads_are_never_a_fault() -> None:
    strange = stream_of({"type": "response.new_thing", "item_id": 7, "output_index": {}})
    assert OPENAI_RESPONSES.stream_decoder().feed(strange) == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"output":7}'])
def test_what_is_no_response_is_refused(body: bytes) -> None:
    with pytest.raises(UpstreamFailed):
        OPENAI_RESPONSES.decode_response(body)


def test_whole_answer_with_an_error_is_one() -> None:
    body = b'{"error":{"code":"server_is_overloaded","message":"busy"},"output":[]}'
    answer = accumulate(OPENAI_RESPONSES.decode_response(body))
    assert isinstance(answer.error, Overloaded)
    with pytest.raises(Overloaded):
        OPENAI_RESPONSES.encode_response(
            events_of(answer), response_id="r", model="m", created_at=1
        )


def test_refusal_is_told_as_one() -> None:
    answer = told("openai_refusal")
    assert answer.parts == (Refusal("I cannot help with that."),)
    assert answer.stop == "refusal"


def test_annotations_and_logprobs_are_read() -> None:
    searched, text = told("openai_web_search").parts
    assert isinstance(searched, Opaque)
    assert searched.kind == "web_search_call"
    assert isinstance(text, Text)
    (cited,) = text.annotations
    assert cited.citation == Citation("https://a.example/x", "A page", start=0, end=7)
    (text,) = told("openai_logprobs").parts
    assert isinstance(text, Text)
    assert [one.token for one in text.logprobs] == ["Hi", " there"]
    assert text.logprobs[0].top == (("Hi", -0.01), ("Hey", -4.5))


def test_early_usage_is_replaced() -> None:
    usage = Usage(fresh_input=5, output=1)
    events: list[StreamEvent] = [StreamStarted("r", "m", Usage(3))]
    events.append(UsageReported(usage, "reported"))
    assert check(encode([*events, Finished("end")]))["usage"]["total_tokens"] == 6
