"""Chat requests to the neutral form and back; recurring bugs by name."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    FileSource,
    Image,
    Message,
    OutputFormat,
    Provenance,
    ResultPart,
    Sampling,
    ServerTool,
    Text,
    Thinking,
    ThinkingControl,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
)
from turnout.dialects.fit import fit
from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.errors import InvalidRequest, Unsupported
from turnout.quirks import DIALECT_QUIRKS

ABLE = Capabilities(images=True, documents=True, structured_output=True)
THINKER = Capabilities(images=True, documents=True, structured_output=True, thinking=True)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAME = st.text(alphabet="abcdefg_", min_size=1, max_size=6)
MARKER = st.sampled_from([{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}])
PNG = "data:image/png;base64,iVBORw0KGgo="


def obj(
    required: dict[str, object], optional: dict[str, object]
) -> st.SearchStrategy[dict[str, object]]:
    def strategies(fields: dict[str, object]) -> dict[str, st.SearchStrategy[object]]:
        return {k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in fields.items()}

    return st.fixed_dictionaries(strategies(required), optional=strategies(optional))


TEXT_PART = obj({"type": "text", "text": TEXT}, {"cache_control": MARKER, "x": TEXT})
IMAGE_PART = obj(
    {
        "type": "image_url",
        "image_url": obj(
            {"url": st.sampled_from([PNG, "https://example.com/a.png"])}, {"detail": "low"}
        ),
    },
    {},
)
FILE_PART = st.sampled_from(
    [
        {"type": "file", "file": {"file_id": "file-1"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        },
    ]
)
AUDIO_PART = st.just({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}})
SYSTEM = obj(
    {
        "role": st.sampled_from(["system", "developer"]),
        "content": TEXT | st.lists(TEXT_PART, min_size=1, max_size=2),
    },
    {"name": NAME},
)
USER = obj(
    {
        "role": "user",
        "content": TEXT
        | st.lists(TEXT_PART | IMAGE_PART | FILE_PART | AUDIO_PART, min_size=1, max_size=3),
    },
    {"name": NAME},
)


@st.composite
def turns(draw: st.DrawFn, number: int) -> list[dict[str, object]]:
    """An assistant message and the results of its calls."""
    spoken: dict[str, object] = {"role": "assistant", "content": draw(TEXT | st.none())}
    if draw(st.booleans()):
        spoken[draw(st.sampled_from(["reasoning_content", "reasoning"]))] = "hm" + draw(TEXT)
    calls = [f"call_{number}_{n}" for n in range(draw(st.integers(0, 3)))]
    if calls:
        spoken["tool_calls"] = [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": draw(NAME), "arguments": draw(st.sampled_from(["{}", "{ }"]))},
            }
            for call_id in calls
        ]
    elif draw(st.booleans()):
        spoken["refusal"] = "no" + draw(TEXT)
    elif spoken["content"] is None:
        spoken["content"] = "."
    results: list[dict[str, object]] = [
        {"role": "tool", "tool_call_id": call_id, "content": draw(TEXT | st.just([]))}
        for call_id in draw(st.permutations(calls))
    ]
    for result in results:
        if result["content"] == []:
            result["content"] = [draw(TEXT_PART)]
    return [spoken, *results]


@st.composite
def requests(draw: st.DrawFn) -> dict[str, object]:
    messages: list[object] = [*draw(st.lists(SYSTEM, max_size=1)), draw(USER)]
    for number in range(draw(st.integers(0, 3))):
        messages += draw(turns(number))
        messages += draw(st.lists(USER | SYSTEM, max_size=2))
    function = obj(
        {"name": NAME},
        {"description": "d", "parameters": {"type": "object"}, "strict": True, "x": 1},
    )
    tools = st.lists(
        obj({"type": "function", "function": function}, {"cache_control": MARKER})
        | obj({"type": "custom", "custom": obj({"name": NAME}, {"format": {"type": "text"}})}, {}),
        min_size=1,
        max_size=3,
    )
    top = obj(
        {},
        {
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 3,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.2,
            "top_k": 5,
            "max_completion_tokens": 100,
            "stop": ["a", "b"],
            "response_format": st.sampled_from(
                [
                    {"type": "json_object"},
                    {
                        "type": "json_schema",
                        "json_schema": {"name": "t", "schema": {"a": [1.0, 1e3]}, "strict": True},
                    },
                ]
            ),
            "user": st.just("u-1"),
            "metadata": {"a": "b"},
            "service_tier": "flex",
            "prompt_cache_key": "k",
            "logit_bias": {"1": -100},
            "verbosity": "low",
            "store": False,
            "web_search_options": {},
        },
    )
    request: dict[str, object] = {"model": "m", "messages": messages} | draw(top)
    if draw(st.booleans()):
        request |= {"tools": draw(tools)}
        choice = ["auto", "required", {"type": "function", "function": {"name": "a"}}]
        request |= draw(
            obj({}, {"tool_choice": st.sampled_from(choice[:2]), "parallel_tool_calls": False})
        )
    if draw(st.booleans()):
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    return request


@given(requests())
def test_encode_after_decode_is_the_request(request: dict[str, object]) -> None:
    body = json.dumps(request).encode()
    again = OPENAI_CHAT.encode_request(OPENAI_CHAT.decode_request(body), model="m", has=ABLE)
    assert json.loads(again) == request


@given(requests())
def test_survey_and_decoder_agree(request: dict[str, object]) -> None:
    body = json.dumps(request).encode()
    survey = OPENAI_CHAT.survey_request(body)
    conversation = OPENAI_CHAT.decode_request(body)
    assert survey.model == conversation.model
    assert survey.stream == conversation.stream
    assert survey.needs.max_output_tokens == conversation.max_output_tokens
    assert survey.stop_sequences == conversation.stop_sequences
    assert survey.user_field == conversation.user
    parts = [part for message in conversation.messages for part in message.parts]
    assert survey.tool_result_count == sum(isinstance(part, ToolResult) for part in parts)
    assert survey.needs.images == any(isinstance(part, Image) for part in parts)
    assert survey.needs.documents == any(isinstance(part, Document) for part in parts)


def decode(**fields: object) -> Conversation:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    return OPENAI_CHAT.decode_request(json.dumps(body).encode())


def encode(conversation: Conversation, has: Capabilities = ABLE) -> dict[str, object]:
    quirks = DIALECT_QUIRKS["openai_chat"]
    fitted = fit(conversation, to="openai_chat", quirks=quirks, has=has).conversation
    found: dict[str, object] = json.loads(
        OPENAI_CHAT.encode_request(fitted, model="target", has=has)
    )
    return found


def foreign(*messages: Message, **fields: Any) -> Conversation:
    return Conversation("anthropic_messages", "claude", messages or (user("hi"),), **fields)


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def messages_of(conversation: Conversation, has: Capabilities = ABLE) -> list[dict[str, object]]:
    found = encode(conversation, has)["messages"]
    assert isinstance(found, list)
    return found


CALL = Message("assistant", (ToolCall("toolu_1", "read", '{"p":1}'),))


def result(*parts: ResultPart, call_id: str = "toolu_1") -> ToolResult:
    return ToolResult(call_id, parts)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "x"}, "messages: expected array, got str"),
        ({"messages": [{"role": "owner", "content": "x"}]}, r"messages\.0\.role"),
        ({"messages": [{"role": "user"}]}, r"messages\.0\.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, r"content\.0\.text"),
        ({"messages": [{"role": "tool", "content": "x"}]}, r"messages\.0\.tool_call_id"),
        ({"model": 7}, "model: expected str, got int"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"tools": [{"type": "function"}]}, r"tools\.0\.function"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"response_format": {"type": "yaml"}}, r"response_format\.type"),
        ({"n": 2}, "n: only models of this API know several choices"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"functions": []}, "functions"),
    ],
)
def test_complaints_name_the_field(fields: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        decode(**fields)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"messages":[{]}', b'{"messages":' + b"[" * 99_999])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        OPENAI_CHAT.decode_request(body)
    with pytest.raises(InvalidRequest):
        OPENAI_CHAT.survey_request(body)


def test_system_messages_stay_at_their_place() -> None:
    found = messages_of(foreign(Message("system", (Text("a"), Text("b"))), user("x"),
                                Message("system", (Text("late"),)), user("y")))  # fmt: skip
    assert [(m["role"], m["content"]) for m in found] == [
        ("system", "a\n\nb"),
        ("user", "x"),
        ("system", "late"),
        ("user", "y"),
    ]


def test_bug_21_markers_of_other_clients_do_not_reach_this_wire() -> None:
    picture = Image(Base64Source("image/png", "QUJD"), cache="5m")
    turns = (
        Message("user", (Text("a", cache="5m"), Text("b", cache="1h"))),
        Message("user", (Text("c", cache="1h"), picture)),
        Message("assistant", (ToolCall("c", "t", "{}", cache="5m"),)),
        Message("user", (ToolResult("c", (Text("r", cache="5m"), picture), cache="1h"),)),
    )
    assert "cache_control" not in json.dumps(
        encode(foreign(*turns, tools=(Tool("t", cache="5m"),)))
    )


def test_bug_23_markers_of_a_chat_client_reach_the_neutral_form() -> None:
    part = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    (message,) = decode(messages=[{"role": "user", "content": [part]}]).messages
    assert message.parts == (Text("a", cache="1h"),)


def test_bug_24_schemas_and_arguments_keep_their_characters() -> None:
    schema = '{"b":1.0,"a":1e3,"\\u00e9":"\\u0041"}'
    arguments = '{ "b":1.0, "a":"\\u0041" }'
    body = (
        '{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,'
        '"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":'
        + json.dumps(arguments)
        + '}}]}],"tools":[{"type":"function","function":{"name":"f","parameters":'
        + schema
        + "}}]}"
    ).encode()
    again = OPENAI_CHAT.encode_request(OPENAI_CHAT.decode_request(body), model="m", has=ABLE)
    assert schema.encode() in again
    assert json.dumps(arguments).encode() in again


def test_bug_29_reasoning_goes_back_on_tool_turns() -> None:
    thought = Thinking("why", Provenance("openai_chat"))
    turn = Message("assistant", (thought, ToolCall("c", "f", "{}")))
    found = messages_of(foreign(user("x"), turn))
    assert found[1]["reasoning_content"] == "why"


@pytest.mark.parametrize(
    ("made_by", "target", "goes_back"),
    [
        ("deepseek-v4-pro", "deepseek/DeepSeek-V4-Pro", True),
        ("deepseek-v4-pro", "gpt-5.5", False),
        ("", "gpt-5.5", True),
    ],
)
def test_reasoning_goes_back_to_the_family_that_wrote_it(
    made_by: str, target: str, goes_back: bool
) -> None:
    thought = Thinking("why", Provenance("openai_chat", made_by))
    turn = Message("assistant", (thought, ToolCall("c", "f", "{}")))
    body = OPENAI_CHAT.encode_request(foreign(user("x"), turn), model=target, has=ABLE)
    assert (b"reasoning_content" in body) == goes_back


def test_reasoning_of_another_dialect_stays_away() -> None:
    thought = Thinking("why", Provenance("anthropic_messages"), signature="s")
    found = messages_of(foreign(user("x"), Message("assistant", (thought, Text("a")))))
    assert found[1] == {"role": "assistant", "content": "a"}


def test_bug_31_results_follow_their_calls_at_once() -> None:
    calls = Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")))
    results = Message("user", (Text("note"), result(Text("B"), call_id="b"),
                               result(Text("A"), call_id="a")))  # fmt: skip
    found = messages_of(foreign(user("x"), calls, Message("system", (Text("s"),)), results))
    assert [m["role"] for m in found] == ["user", "assistant", "tool", "tool", "system", "user"]
    assert [m.get("tool_call_id") for m in found[2:4]] == ["b", "a"]


def test_bug_31_call_without_a_result_gets_an_empty_one() -> None:
    found = messages_of(foreign(user("x"), CALL, user("never mind")))
    assert [m["role"] for m in found] == ["user", "assistant", "tool", "user"]
    assert found[2]["content"] == "(no result)"


def test_bug_31_result_without_a_call_is_told_and_not_dropped() -> None:
    found = messages_of(foreign(Message("user", (result(Text("late"), call_id="gone"),))))
    assert found == [{"role": "user", "content": "[result of gone] late"}]


def test_bug_31_missing_ids_are_paired_by_order_and_are_the_same_again() -> None:
    def call() -> dict[str, object]:
        return {"type": "function", "function": {"name": "f", "arguments": "{}"}}

    messages: list[dict[str, object]] = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": [call(), call()]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
    ]
    first = decode(messages=messages)
    calls = [p.call_id for p in first.messages[1].parts if isinstance(p, ToolCall)]
    results = [p.call_id for p in first.messages[2].parts if isinstance(p, ToolResult)]
    assert calls == results
    assert len(set(calls)) == 2
    longer = decode(messages=[*messages, {"role": "assistant", "content": "y"}])
    assert longer.messages[:3] == first.messages


def test_ids_beyond_the_limit_are_mapped_alike_on_both_sides() -> None:
    long_id = "x" * 96
    calls = Message("assistant", (ToolCall(long_id, "f", "{}"),))
    found = messages_of(
        foreign(user("x"), calls, Message("user", (result(Text("r"), call_id=long_id),)))
    )
    made = found[2]["tool_call_id"]
    assert isinstance(made, str)
    assert len(made) <= 64
    assert found[1]["tool_calls"] == [
        {"id": made, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]


def test_bug_32_images_in_results_follow_in_a_user_message() -> None:
    image = Image(Base64Source("image/png", "AAAA"))
    later = Message("user", (result(Text("shot"), image), Text("and now?")))
    found = messages_of(foreign(user("x"), CALL, later))
    assert found[2] == {"role": "tool", "tool_call_id": "toolu_1", "content": "shot"}
    assert found[3]["content"] == [
        {"type": "text", "text": "Attached to the result of toolu_1:"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "and now?"},
    ]


def test_bug_32_images_of_parallel_results_wait_for_the_last_result() -> None:
    image = Image(Base64Source("image/png", "AAAA"))
    calls = Message("assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")))
    results = Message("user", (result(image, call_id="a"), result(Text("B"), call_id="b")))
    found = messages_of(foreign(user("x"), calls, results))
    assert [m["role"] for m in found] == ["user", "assistant", "tool", "tool", "user"]
    assert found[2]["content"] == "(attached below)"


def test_bug_33_schema_words_of_this_wire_are_left_alone() -> None:
    """Cleaning schemas is for wires that refuse keywords; this one takes JSON schema as it is."""
    schema = '{"$schema":"x","type":"object","additionalProperties":false,"uniqueItems":true}'
    tools = encode(foreign(tools=(Tool("t", schema=schema),)))["tools"]
    assert tools == [
        {"type": "function", "function": {"name": "t", "parameters": json.loads(schema)}}
    ]


def test_bug_34_the_output_limit_has_its_new_name() -> None:
    """The old name and refused sampling are quirks of endpoints (`tests/dialects/fit`)."""
    asked = foreign(max_output_tokens=128_000, sampling=Sampling(temperature=0.2, top_p=0.5))
    found = encode(asked, replace(THINKER, max_output_tokens=32_000))
    assert found["max_completion_tokens"] == 32_000
    assert "max_tokens" not in found


@pytest.mark.parametrize(
    ("thinking", "effort"),
    [
        (ThinkingControl(effort="high"), "high"),
        (ThinkingControl("on", budget_tokens=31_999), "high"),
        (ThinkingControl("on", budget_tokens=4_096), "medium"),
        (ThinkingControl("on", budget_tokens=1_024), "low"),
        (ThinkingControl("adaptive"), None),
        (ThinkingControl("off"), "none"),
    ],
)
def test_effort_is_asked_of_models_that_think(thinking: ThinkingControl, effort: str) -> None:
    assert encode(foreign(thinking=thinking), THINKER).get("reasoning_effort") == effort
    assert "reasoning_effort" not in encode(foreign(thinking=thinking))


def test_bug_35_fields_of_other_dialects_are_not_forwarded() -> None:
    found = encode(
        foreign(
            extras=(("context_management", "{}"),),
            user="account",
            metadata=(("user_id", '"x"'),),
            service_tier="auto",
        )
    )
    assert found.keys() == {"model", "messages"}


def test_usage_is_always_asked_for_on_streams() -> None:
    found = encode(decode(stream=True))
    assert found["stream_options"] == {"include_usage": True}
    assert not decode(stream=True).include_usage


def test_deferred_tools_come_behind_in_the_order_of_first_use() -> None:
    tools = (
        Tool("search"),
        Tool("placeholder", is_deferred=True),
        Tool("web", "fetches", '{"type":"object"}', is_deferred=True),
        Tool("late", is_deferred=True),
        Tool("read"),
    )
    turn = Message("user", (result(ToolReference("late"), ToolReference("web")),))
    found = encode(foreign(user("x"), CALL, turn, tools=tools))
    listed = found["tools"]
    assert isinstance(listed, list)
    assert [tool["function"]["name"] for tool in listed] == ["search", "read", "late", "web"]
    messages = found["messages"]
    assert isinstance(messages, list)
    assert messages[2]["content"].endswith(
        '{"name":"web","description":"fetches","parameters":{"type":"object"}}'
    )


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("required"), "required"),
        (ToolChoice("named", ("t",)), {"type": "function", "function": {"name": "t"}}),
        (
            ToolChoice("auto", ("t",)),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "t"}}],
                },
            },
        ),
    ],
)
def test_tool_choice_survives(choice: ToolChoice, expected: object) -> None:
    found = encode(foreign(tools=(Tool("t"),), tool_choice=choice))
    assert found["tool_choice"] == expected
    assert decode(**found).tool_choice == choice


def test_tool_choice_without_tools_is_left_out() -> None:
    found = encode(foreign(tool_choice=ToolChoice("auto"), parallel_tools=True))
    assert not found.keys() & {"tools", "tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize(
    ("conversation", "has", "named"),
    [
        (
            foreign(Message("user", (Image(Base64Source("image/png", "A")),))),
            Capabilities(),
            "images",
        ),
        (foreign(Message("user", (Image(FileSource("f")),))), ABLE, "messages: an uploaded"),
        (
            foreign(Message("user", (Document(Base64Source("application/pdf", "A")),))),
            Capabilities(),
            "documents",
        ),
        (foreign(tools=(Tool("t"),)), Capabilities(tools=False), "tools"),
        (
            foreign(tools=(ServerTool("anthropic_messages", "s", "web_search_20250305", "{}"),)),
            ABLE,
            "web_search_20250305",
        ),
    ],
)
def test_what_the_answer_would_suffer_without_is_refused_by_name(
    conversation: Conversation, has: Capabilities, named: str
) -> None:
    with pytest.raises(Unsupported, match=named):
        encode(conversation, has)


def test_schema_for_the_answer_is_passed_on() -> None:
    wanted = OutputFormat("json_schema", schema='{"type":"object"}')
    assert encode(foreign(output_format=wanted))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }


def test_one_more_message_leaves_the_bytes_before_it_alone() -> None:
    history = (Message("system", (Text("s"),)), user("x"), CALL,
               Message("user", (result(Text("r")),)))  # fmt: skip
    short = json.dumps(messages_of(foreign(*history)))
    longer = json.dumps(
        messages_of(foreign(*history, Message("assistant", (Text("a"),)), user("y")))
    )
    assert longer.startswith(short[:-1])
