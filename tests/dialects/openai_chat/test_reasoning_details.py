"""Reasoning that has to come back as it was, log probabilities and citations."""

import json
from typing import Final

import pytest

from tests.dialects.events import events_of
from turnout.capabilities import Capabilities
from turnout.dialects.conversation import (
    Annotation,
    Citation,
    Provenance,
    Text,
    Thinking,
    TokenLogprob,
    ToolCall,
)
from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.dialects.openai_chat.reasoning_details import without_sealed
from turnout.dialects.seal import seal
from turnout.dialects.stream import Answer, StreamEvent, accumulate
from turnout.errors import InvalidRequest

THINKS: Final = Capabilities(thinking=True)
GEMINI: Final = Provenance("gemini_generate", "gemini-3.8-flash", "gcp.gemini/gemini-3.8-flash@env")
CLAUDE: Final = Provenance("anthropic_messages", "claude-opus-5-5")
SIGNED: Final = {
    "type": "reasoning.text",
    "text": "first this, then that",
    "signature": "sig",
    "format": "anthropic-claude-v1",
    "index": 0,
}
ENCRYPTED: Final = {"type": "reasoning.encrypted", "data": "gAAA", "id": "rs_1", "index": 1}


def chunk(delta: object, *, finish: str | None = None, **choice: object) -> bytes:
    told = {"index": 0, "delta": delta, "finish_reason": finish, **choice}
    whole = {"id": "c", "model": "vendor/model", "created": 1, "choices": [told]}
    return b"data: %b\n\n" % json.dumps(whole).encode()


def decoded(*chunks: bytes) -> Answer:
    decoder = OPENAI_CHAT.stream_decoder()
    events: list[StreamEvent] = []
    for one in (*chunks, chunk({}, finish="stop"), b"data: [DONE]\n\n"):
        events += decoder.feed(one)
    return accumulate([*events, *decoder.close()])


def told_to_client(answer: Answer, *, stream: bool) -> dict[str, object]:
    """The message as a client of the dialect has it in the end."""
    message: dict[str, object]
    if not stream:
        body = OPENAI_CHAT.encode_response(
            events_of(answer), response_id="r", model="m", created_at=1
        )
        message = json.loads(body)["choices"][0]["message"]
        return message
    encoder = OPENAI_CHAT.stream_encoder(
        response_id="r", model="m", created_at=1, input_estimate=1, include_usage=False
    )
    message = {"role": "assistant", "content": "", "reasoning_content": ""}
    details: list[object] = []
    calls: list[dict[str, object]] = []
    for event in events_of(answer):
        for line in encoder.encode(event).decode().splitlines():
            if not line.startswith("data: {"):
                continue
            delta = json.loads(line[6:])["choices"][0]["delta"]
            message["content"] = str(message["content"]) + (delta.get("content") or "")
            message["reasoning_content"] = str(message["reasoning_content"]) + delta.get(
                "reasoning_content", ""
            )
            details += delta.get("reasoning_details", [])
            calls += [one for one in delta.get("tool_calls", []) if "id" in one]
    calls = [
        {"id": call["id"], "type": "function", "function": {"name": "t", "arguments": "{}"}}
        for call in calls
    ]
    return message | {"reasoning_details": details, "tool_calls": calls or None}


def sent_back(message: object) -> tuple[object, ...]:
    told = {"model": "m", "messages": [{"role": "user", "content": "go"}, message]}
    return OPENAI_CHAT.decode_request(json.dumps(told).encode()).messages[1].parts


def test_entries_of_an_upstream_go_back_to_it_in_its_own_words() -> None:
    answer = decoded(
        chunk({"reasoning_details": [{**SIGNED, "text": "first this", "signature": None}]}),
        chunk({"reasoning_details": [{**SIGNED, "text": ", then that"}]}),
        chunk({"reasoning_details": [ENCRYPTED]}),
        chunk({"content": "done"}),
    )
    thinking, text = answer.parts
    assert text == Text("done")
    assert isinstance(thinking, Thinking)
    assert thinking.text == "first this, then that"
    assert thinking.provenance == Provenance("openai_chat", "vendor/model")
    assert json.loads(thinking.signature) == [SIGNED, ENCRYPTED]


def test_text_alone_needs_no_entry() -> None:
    entry = {"type": "reasoning.text", "text": "hm", "index": 0}
    answer = decoded(
        chunk({"reasoning": "hm", "reasoning_details": [entry]}), chunk({"content": "x"})
    )
    assert answer.parts == (Thinking("hm", Provenance("openai_chat", "vendor/model")), Text("x"))


def test_own_entries_of_a_history_are_written_as_they_came() -> None:
    message = {"role": "assistant", "content": "x", "reasoning_details": [SIGNED, ENCRYPTED]}
    told = {"model": "m", "messages": [{"role": "user", "content": "go"}, message]}
    conversation = OPENAI_CHAT.decode_request(json.dumps(told).encode())
    body = json.loads(OPENAI_CHAT.encode_request(conversation, model="m", has=THINKS))
    assert body["messages"][1]["reasoning_details"] == [SIGNED, ENCRYPTED]


@pytest.mark.parametrize("stream", [True, False])
def test_bug_25_reasoning_of_others_comes_back_whole(*, stream: bool) -> None:
    """Each part with its maker, its text and its seal, whatever the client did to the shown text."""
    parts = (
        Thinking("claude thought", CLAUDE, signature="by-claude"),
        Thinking("", CLAUDE, redacted="sealed"),
        Text("so"),
    )
    message = told_to_client(Answer("r", "m", parts, stop="end"), stream=stream)
    message["reasoning_content"] = "something else"
    assert sent_back(message) == parts


@pytest.mark.parametrize("stream", [True, False])
def test_bug_28_a_signature_of_gemini_comes_back_in_front_of_its_call(*, stream: bool) -> None:
    parts = (
        Text("looking"),
        Thinking("", GEMINI, signature="on-the-call"),
        ToolCall("c1", "t", "{}"),
    )
    message = told_to_client(Answer("r", "m", parts, stop="tool_use"), stream=stream)
    assert sent_back(message) == parts


def thought(text: str) -> Thinking:
    return Thinking(text, CLAUDE, signature=f"sig-{text}")


CALLS = tuple(ToolCall(f"c{number}", "t", "{}") for number in range(3))
INTERLEAVED = (
    thought("first"),
    Text("I look at "),
    Text("both: \U0001f600"),
    thought("second"),
    CALLS[0],
    Thinking("", CLAUDE, signature="not shown"),
    Text("and then"),
    CALLS[1],
    Thinking("", CLAUDE, redacted="sealed"),
    thought("third"),
    CALLS[2],
)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    "parts",
    [
        INTERLEAVED,
        INTERLEAVED[1:],
        (thought("first"), CALLS[0], thought("second"), Text("done")),
        (CALLS[0], thought("late"), CALLS[1]),
        (Text("so"), thought("late")),
        (thought("first"), Text("so"), CALLS[0]),
    ],
)
def test_bug_25_what_claude_interleaved_comes_back_in_its_order(
    parts: tuple[Text | Thinking | ToolCall, ...], *, stream: bool
) -> None:
    message = told_to_client(Answer("r", "m", parts, stop="tool_use"), stream=stream)
    # Clients that collect a stream begin with an empty text.
    assert tuple(part for part in sent_back(message) if part != Text("")) == parts


def test_a_message_that_was_taken_apart_is_one_string_to_other_chat_servers() -> None:
    message = told_to_client(Answer("r", "m", INTERLEAVED, stop="tool_use"), stream=False)
    told = {"model": "m", "messages": [{"role": "user", "content": "go"}, message]}
    conversation = OPENAI_CHAT.decode_request(json.dumps(told).encode())
    body = json.loads(OPENAI_CHAT.encode_request(conversation, model="m", has=THINKS))
    assert body["messages"][1] == {
        "role": "assistant",
        "content": message["content"],
        "tool_calls": message["tool_calls"],
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("short", ["short"]),
        (
            [{"type": "text", "text": "I look at both"}, {"type": "text", "text": "and then"}],
            ["I look at both", "and then"],
        ),
        (None, []),
    ],
)
def test_text_that_the_client_has_changed_is_whole_where_the_first_of_it_stood(
    content: object, said: list[str]
) -> None:
    message = told_to_client(Answer("r", "m", INTERLEAVED, stop="tool_use"), stream=False)
    found = sent_back(message | {"content": content})
    texts = [part for part in found if isinstance(part, Text)]
    rest = [part for part in INTERLEAVED if not isinstance(part, Text)]
    assert [text.text for text in texts] == said
    assert found == (rest[0], *texts, *rest[1:])


def test_calls_that_the_client_has_dropped_are_missing_and_nothing_else_is() -> None:
    message = told_to_client(Answer("r", "m", INTERLEAVED, stop="tool_use"), stream=False)
    calls = message["tool_calls"]
    assert isinstance(calls, list)
    found = sent_back(message | {"tool_calls": calls[:1]})
    assert found == tuple(part for part in INTERLEAVED if part not in CALLS[1:])


def test_a_marker_on_the_whole_text_stands_behind_its_end() -> None:
    marked = {"type": "text", "text": "one two", "cache_control": {"type": "ephemeral"}}
    for parts, last in (
        ((Text("one"), thought("late"), Text(" two"), CALLS[0]), 2),
        ((Text("one"), thought("late"), Text(" two"), thought("later"), CALLS[0]), 2),
    ):
        message = told_to_client(Answer("r", "m", parts, stop="tool_use"), stream=False)
        found = sent_back(message | {"content": [marked]})
        assert found == (*parts[:last], Text(" two", cache="5m"), *parts[last + 1 :])


def test_reasoning_without_a_seal_of_its_maker_is_text_alone() -> None:
    answer = Answer("r", "m", (Thinking("hm", CLAUDE), Text("x")), stop="end")
    assert "reasoning_details" not in told_to_client(answer, stream=False)


def body_with(*details: object) -> bytes:
    messages: list[dict[str, object]] = [{"role": "user", "content": "go 1.50"}]
    messages += [{"role": "assistant", "content": "x", "reasoning_details": one} for one in details]
    return json.dumps({"model": "m", "messages": messages}).encode()


SEALED: Final = [{"type": "reasoning.encrypted", "data": seal(CLAUDE, signature="s"), "index": 0}]


def test_what_is_under_our_seal_goes_to_no_server_of_this_wire() -> None:
    body = body_with(SEALED, [SIGNED])
    assert OPENAI_CHAT.survey_request(body).has_foreign_thinking
    cleaned = json.loads(OPENAI_CHAT.without_foreign_reasoning(body))
    assert cleaned["messages"][1] == {"role": "assistant", "content": "x"}
    assert cleaned["messages"][2]["reasoning_details"] == [SIGNED]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_the_text_beside_our_seal_goes_with_it(name: str) -> None:
    sealed: dict[str, object] = {"role": "assistant", "content": "x", name: "claude thought"}
    sealed["reasoning_details"] = SEALED
    own = {"role": "assistant", "content": "y", name: "own thought"}
    body = json.dumps({"model": "m", "messages": [sealed, own]}).encode()
    cleaned = json.loads(OPENAI_CHAT.without_foreign_reasoning(body))
    assert cleaned["messages"] == [{"role": "assistant", "content": "x"}, own]


def test_a_body_without_our_seal_is_the_very_object() -> None:
    body = body_with([SIGNED])
    assert not OPENAI_CHAT.survey_request(body).has_foreign_thinking
    assert without_sealed(body) is body


@pytest.mark.parametrize(
    "details", [SEALED[0]["data"], [SEALED[0]["data"]], [*SEALED, 7], [*SEALED, {"data": 7}]]
)
def test_entries_that_are_none_are_complained_of(details: object) -> None:
    with pytest.raises(InvalidRequest):
        OPENAI_CHAT.decode_request(body_with(details))


LOGPROB: Final = {
    "token": "He",
    "logprob": -0.5,
    "bytes": [72, 101],
    "top_logprobs": [{"token": "Hi", "logprob": -1.0, "bytes": [72, 105]}],
}


def test_log_probabilities_are_read_and_written() -> None:
    answer = decoded(chunk({"content": "He"}, logprobs={"content": [LOGPROB], "refusal": None}))
    logprob = TokenLogprob("He", -0.5, (72, 101), (("Hi", -1.0),))
    assert answer.parts == (Text("He", logprobs=(logprob,)),)
    encoded = OPENAI_CHAT.encode_response(
        events_of(answer), response_id="r", model="m", created_at=1
    )
    assert json.loads(encoded)["choices"][0]["logprobs"]["content"] == [LOGPROB]
    encoder = OPENAI_CHAT.stream_encoder(
        response_id="r", model="m", created_at=1, input_estimate=1, include_usage=False
    )
    stream = b"".join(map(encoder.encode, events_of(answer))).decode()
    told = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    assert [c["logprobs"]["content"] for x in told for c in x["choices"] if c["logprobs"]] == [
        [LOGPROB]
    ]


def test_log_probabilities_are_asked_for() -> None:
    told = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    asked = told | {"logprobs": True, "top_logprobs": 3, "verbosity": "low"}
    conversation = OPENAI_CHAT.decode_request(json.dumps(asked).encode())
    assert (conversation.sampling.top_logprobs, conversation.verbosity) == (3, "low")
    body = json.loads(OPENAI_CHAT.encode_request(conversation, model="m", has=Capabilities()))
    assert (body["logprobs"], body["top_logprobs"], body["verbosity"]) == (True, 3, "low")
    silent = OPENAI_CHAT.decode_request(json.dumps(told | {"top_logprobs": 3}).encode())
    assert silent.sampling.top_logprobs is None


def test_citations_of_the_web_are_read_and_written() -> None:
    wire = {
        "type": "url_citation",
        "url_citation": {"url": "https://a", "title": "A", "start_index": 0, "end_index": 2},
    }
    answer = decoded(chunk({"content": "He", "annotations": [wire, {"type": "file_citation"}]}))
    (text,) = answer.parts
    assert isinstance(text, Text)
    assert [one.citation for one in text.annotations] == [
        Citation("https://a", "A", start=0, end=2),
        None,
    ]
    foreign = Annotation("anthropic_messages", "{}", Citation("https://a", "A", start=0, end=2))
    parts = (Text("He", annotations=(foreign, Annotation("anthropic_messages", "{}"))),)
    for stream in (True, False):
        answer = Answer("r", "m", parts, stop="end")
        encoder = OPENAI_CHAT.stream_encoder(
            response_id="r", model="m", created_at=1, input_estimate=1, include_usage=False
        )
        said = (
            b"".join(map(encoder.encode, events_of(answer)))
            if stream
            else OPENAI_CHAT.encode_response(
                events_of(answer), response_id="r", model="m", created_at=1
            )
        )
        assert json.dumps([wire], separators=(",", ":")).encode() in said


def of(body: bytes) -> list[dict[str, object]]:
    messages: list[dict[str, object]] = json.loads(body)["messages"]
    return messages


def test_bug_27_what_another_server_thought_is_gone_from_the_messages_that_are_its_own() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "t", "arguments": "{}"}}
    thought = {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": [call],
    }
    messages = [
        {"role": "user", "content": "go"},
        thought,
        {"role": "tool", "tool_call_id": "c", "content": "r"},
        {"role": "assistant", "content": "x", "reasoning": "y", "reasoning_details": [SIGNED]},
        {"role": "assistant", "content": "", "reasoning_content": "cut off"},
        thought,
    ]
    body = json.dumps({"model": "m", "messages": messages}).encode()
    assert of(without_sealed(body, others=[range(1, 5)])) == [
        messages[0],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        messages[2],
        {"role": "assistant", "content": "x"},
        thought,
    ]
    assert without_sealed(body, others=[range(2, 3)]) is body
    alone = json.dumps({"model": "m", "messages": [messages[4]]}).encode()
    with pytest.raises(InvalidRequest, match="nothing but another model's reasoning"):
        without_sealed(alone, others=[range(1)])
