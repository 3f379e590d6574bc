"""Message requests: identity on what we keep, what other clients' histories become."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.capabilities import Capabilities
from turnout.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from turnout.dialects.anthropic_messages.request_encode import DEFAULT_MAX_OUTPUT_TOKENS
from turnout.dialects.conversation import (
    Base64Source,
    CacheLifetime,
    Conversation,
    FileSource,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Provenance,
    Sampling,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolReference,
    ToolResult,
)
from turnout.dialects.fit import fit
from turnout.dialects.seal import seal
from turnout.errors import InvalidRequest, Unsupported
from turnout.quirks import DIALECT_QUIRKS

FULL = Capabilities(
    images=True,
    documents=True,
    structured_output=True,
    thinking=True,
    prompt_caching=True,
    max_output_tokens=64_000,
)
LEGAL_ID = re.compile(r"[a-zA-Z0-9_-]+")

NATIVE: dict[str, object] = {
    "model": "claude-opus-5-5",
    "max_tokens": 32000,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=1a2b"},
        {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
    ],
    "tools": [
        {
            "name": "Read",
            "description": "Read a file",
            "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
            "eager_input_streaming": True,
        },
        {
            "name": "WebFetch",
            "input_schema": {"type": "object"},
            "defer_loading": True,
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 5},
        {"type": "custom", "name": "Typed", "input_schema": {"type": "object"}, "strict": True},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "messages": [
        {"role": "user", "content": "do it"},
        {"role": "system", "content": "env", "output_config": {"effort": "low"}},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "text", "text": "", "citations": []},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"n": 1.0}},
                {
                    "type": "tool_use",
                    "id": "toolu_2",
                    "name": "Read",
                    "input": {},
                    "cache_control": {"type": "ephemeral"},
                },
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": "é"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "content": [
                        {
                            "type": "image",
                            "source": {
                                "type": "base64",
                                "media_type": "image/png",
                                "data": "iVBORw==",
                            },
                        },
                        {
                            "type": "document",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": "JVBE",
                            },
                            "title": "paper",
                            "context": "c",
                        },
                        {"type": "tool_reference", "tool_name": "WebFetch"},
                    ],
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "content": "no such file",
                    "is_error": True,
                    "cache_control": {"type": "ephemeral", "ttl": "1h"},
                },
                {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
            ],
        },
    ],
    "temperature": 0.5,
    "top_k": 40,
    "stop_sequences": ["</block>"],
    "stream": True,
    "thinking": {"type": "enabled", "budget_tokens": 31999, "display": "omitted"},
    "output_config": {
        "effort": "high",
        "format": {"type": "json_schema", "schema": {"type": "object"}},
        "task_budget": 7,
    },
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "safeguards": [{"type": "dangerous_tool_use"}],
    "metadata": {"user_id": '{"session_id":"s"}', "other": 1},
    "service_tier": "auto",
}


def encode(conversation: Conversation, has: Capabilities = FULL) -> dict[str, object]:
    fitted = fit(
        conversation,
        to="anthropic_messages",
        quirks=DIALECT_QUIRKS["anthropic_messages"],
        has=has,
    ).conversation
    body = ANTHROPIC_MESSAGES.encode_request(fitted, model="target", has=has)
    decoded = json.loads(body)
    assert isinstance(decoded, dict)
    return decoded


def decode(request: Mapping[str, object]) -> Conversation:
    return ANTHROPIC_MESSAGES.decode_request(json.dumps(request).encode())


def foreign(
    *messages: Message, tools: tuple[Tool | ServerTool, ...] = (), **fields: Any
) -> Conversation:
    return Conversation("openai_chat", "gpt", messages, tools, **fields)


def user(*parts: Part) -> Message:
    return Message("user", parts)


def said(text: str) -> Message:
    return Message("user", (Text(text),), is_plain=True)


def called(*ids: str) -> Message:
    return Message("assistant", tuple(ToolCall(call_id, "t", "{}") for call_id in ids))


def result(call_id: str, text: str = "ok") -> Message:
    return user(ToolResult(call_id, (Text(text),), is_plain=True))


def messages_of(body: dict[str, object]) -> list[dict[str, list[dict[str, object]]]]:
    messages = body["messages"]
    assert isinstance(messages, list)
    return messages


def test_decode_then_encode_is_the_identity() -> None:
    """Markers, images in results, unknown fields; nothing is lost."""
    body = ANTHROPIC_MESSAGES.encode_request(decode(NATIVE), model="target", has=FULL)
    assert json.loads(body) == NATIVE | {"model": "target"}


def test_bug_20_markers_on_tools_calls_and_results_are_kept() -> None:
    short, long = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}
    call = {"type": "tool_use", "id": "c", "name": "t", "input": {}, "cache_control": short}
    text = {"type": "text", "text": "ok", "cache_control": short}
    result = {"type": "tool_result", "tool_use_id": "c", "content": [text], "cache_control": long}
    request = {
        "model": "target",
        "max_tokens": 5,
        "tools": [{"name": "t", "input_schema": {"type": "object"}, "cache_control": long}],
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ],
    }
    assert encode(decode(request)) == request


def test_bug_24_json_of_the_client_keeps_its_characters() -> None:
    spelled = b'{"b" : 1.50,"a":"\\u00e9/\\/"}'
    body = (
        b'{"model":"m","max_tokens":5,"tools":[{"name":"t","input_schema":%b}],"messages":[{"role":'
        b'"assistant","content":[{"type":"tool_use","id":"i","name":"t","input":%b}]}],"mcp":%b}'
    ) % (spelled, spelled, spelled)
    conversation = ANTHROPIC_MESSAGES.decode_request(body)
    again = ANTHROPIC_MESSAGES.encode_request(conversation, model="m", has=FULL)
    assert again.count(spelled) == 3


def test_bug_24_schemas_of_other_clients_keep_their_characters() -> None:
    spelled = '{"type" : "object","minimum":1.50,"b":"\\u00e9/\\/","a":1e3}'
    turn = Message("user", (Text("go"),))
    told = Conversation("openai_chat", "m", (turn,), tools=(Tool("t", schema=spelled),))
    assert spelled.encode() in ANTHROPIC_MESSAGES.encode_request(told, model="m", has=FULL)


def test_bug_19_the_billing_line_is_for_anthropic_alone() -> None:
    system = decode(NATIVE).messages[0]
    assert isinstance(system.parts[0], Opaque)
    assert system.parts[1] == Text("You are an agent.", cache="5m")


def test_bug_27_a_target_that_cannot_think_gets_no_thinking() -> None:
    body = encode(decode(NATIVE), Capabilities(images=True, documents=True, structured_output=True))
    assert "thinking" not in body
    kinds = [block["type"] for block in messages_of(body)[2]["content"]]
    assert "thinking" not in kinds
    assert "redacted_thinking" not in kinds
    assert body["output_config"] == {
        "format": {"type": "json_schema", "schema": {"type": "object"}},
        "task_budget": 7,
    }


SEALED = seal(Provenance("openai_chat", "deepseek-r9"))


@pytest.mark.parametrize("signature", ["", SEALED, SEALED[:-5], "turnout1.é", "turnout1.AAAA"])
def test_bug_26_27_foreign_thinking_never_reaches_anthropic(signature: str) -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": signature},
        {"type": "text", "text": "hi"},
    ]
    request = {
        "model": "m",
        "max_tokens": 1,
        "messages": [{"role": "assistant", "content": blocks}],
    }
    assert messages_of(encode(decode(request)))[0]["content"] == [{"type": "text", "text": "hi"}]


def test_a_seal_brings_back_whose_thinking_it_was() -> None:
    made_by = Provenance("openai_responses", "gpt-9")
    sealed = seal(made_by, signature="s", redacted="r")
    block = {"type": "thinking", "thinking": "hm", "signature": sealed}
    request = {"model": "m", "messages": [{"role": "assistant", "content": [block]}]}
    (thinking,) = decode(request).messages[0].parts
    assert thinking == Thinking("hm", made_by, signature="s", redacted="r")


def test_a_seal_on_redacted_thinking_brings_back_whose_it_was() -> None:
    made_by = Provenance("anthropic_messages", "kimi-k2.6", "moonshot_ai/kimi-k2.6@env")
    block = {"type": "redacted_thinking", "data": seal(made_by, redacted="r")}
    request = {"model": "m", "messages": [{"role": "assistant", "content": [block]}]}
    assert decode(request).messages[0].parts == (Thinking("", made_by, redacted="r"),)


def test_bug_23_foreign_clients_get_breakpoints() -> None:
    body = encode(
        foreign(
            Message("system", (Text("sys"),)),
            said("a"),
            called("c1"),
            result("c1"),
            called("c2"),
            result("c2"),
            tools=(Tool("t"), Tool("u")),
        )
    )
    text = json.dumps(body)
    assert text.count("cache_control") == 4
    tools, system = body["tools"], body["system"]
    assert isinstance(tools, list)
    assert isinstance(system, list)
    marker = {"type": "ephemeral"}
    assert tools[-1]["cache_control"] == marker
    assert system[-1]["cache_control"] == marker
    for message in (messages_of(body)[-1], messages_of(body)[-3]):
        assert message["content"][-1]["cache_control"] == marker


LIFETIMES: list[CacheLifetime | None] = [None, "5m", "1h"]
MARKED_PART = st.sampled_from(LIFETIMES).map(lambda cache: Text("a", cache=cache))
MARKED = st.lists(
    st.one_of(
        st.builds(user, MARKED_PART, MARKED_PART),
        st.builds(
            lambda cache: Message("assistant", (ToolCall("c", "t", "{}", cache=cache),)),
            st.sampled_from(LIFETIMES),
        ),
        st.builds(
            lambda cache: user(ToolResult("c", (Text("ok", cache=cache),), cache=cache)),
            st.sampled_from(LIFETIMES),
        ),
        st.builds(lambda part: Message("system", (part,)), MARKED_PART),
    ),
    min_size=1,
    max_size=10,
)


@given(MARKED, st.integers(0, 6))
def test_bug_22_never_more_than_four_breakpoints(history: list[Message], tools: int) -> None:
    """Whatever the client of another dialect has marked beside those that are placed here."""
    offered = tuple(Tool(f"t{number}", cache="1h") for number in range(tools))
    text = json.dumps(encode(foreign(*history, tools=offered)))
    assert text.count("cache_control") <= 4


def test_breakpoints_take_the_clients_lifetime_and_none_without_caching() -> None:
    marked = Message("system", (Text("sys", cache="1h"),))
    assert '"ttl": "1h"' in json.dumps(encode(foreign(marked, said("a"))))
    assert "cache_control" not in json.dumps(encode(foreign(marked, said("a")), Capabilities()))


def test_bug_31_missing_orphaned_and_late_results() -> None:
    body = encode(
        foreign(
            said("a"),
            result("gone", "orphan"),
            called("c1", "c2", "c3"),
            said("typed between"),
            result("c3", "three"),
            result("c1", "one"),
            called("c4"),
        ),
        Capabilities(),
    )
    first, answer, results, last, missing = messages_of(body)
    assert [block["text"] for block in first["content"]] == ["a", "orphan"]
    assert [block["id"] for block in answer["content"]] == ["c1", "c2", "c3"]
    assert [block.get("tool_use_id") for block in results["content"]] == ["c1", "c2", "c3", None]
    assert [block.get("is_error", False) for block in results["content"]] == [
        False,
        True,
        False,
        False,
    ]
    assert last["content"][0]["id"] == "c4"
    assert missing["content"][0]["tool_use_id"] == "c4"


IDS = st.sampled_from(["call_0", "call_1", "functions.X:0", "functions.X_0", "", "ü" * 40])
HISTORY = st.lists(
    st.one_of(
        st.lists(IDS, min_size=1, max_size=3).map(lambda ids: called(*ids)),
        IDS.map(result),
        st.sampled_from(["x", "  ", "y\n"]).map(said),
        st.sampled_from(["x", "sure "]).map(lambda text: Message("assistant", (Text(text),))),
        st.just(Message("system", (Text("be brief"),))),
    ),
    min_size=1,
    max_size=12,
)


@given(HISTORY)
def test_bug_31_any_history_becomes_one_that_the_api_takes(history: list[Message]) -> None:
    body = encode(foreign(*history))
    messages = messages_of(body)
    seen: set[object] = set()
    open_calls: list[object] = []
    for message in messages:
        assert message["content"]
        results = [b["tool_use_id"] for b in message["content"] if b["type"] == "tool_result"]
        assert results == open_calls
        kinds = [b["type"] == "tool_result" for b in message["content"]]
        assert kinds == sorted(kinds, reverse=True)
        open_calls = [b["id"] for b in message["content"] if b["type"] == "tool_use"]
        for call_id in open_calls:
            assert LEGAL_ID.fullmatch(str(call_id))
            assert call_id not in seen
            seen.add(call_id)
    assert not open_calls
    assert json.dumps(body).count("cache_control") <= 4
    assert encode(foreign(*history)) == body


@given(HISTORY, HISTORY)
def test_a_longer_history_begins_with_the_same_ids(
    history: list[Message], more: list[Message]
) -> None:
    def ids(body: dict[str, object]) -> list[object]:
        return [b["id"] for m in messages_of(body) for b in m["content"] if b["type"] == "tool_use"]

    short, long = ids(encode(foreign(*history))), ids(encode(foreign(*history, *more)))
    assert long[: len(short)] == short


def test_a_system_message_in_the_middle_stays_at_its_place() -> None:
    body = encode(
        foreign(Message("system", (Text("top"),)), said("a"), Message("system", (Text("mid"),))),
        Capabilities(),
    )
    assert body["system"] == [{"type": "text", "text": "top"}]
    texts = [block["text"] for block in messages_of(body)[0]["content"]]
    assert texts == ["a", "<system-reminder>\nmid\n</system-reminder>"]


def test_a_request_of_system_messages_alone_has_a_user_message() -> None:
    body = encode(foreign(Message("system", (Text("only"),))), Capabilities())
    assert "system" not in body
    assert messages_of(body) == [{"role": "user", "content": [{"type": "text", "text": "only"}]}]


def test_what_has_no_meaning_here_is_left_behind() -> None:
    body = encode(
        foreign(
            said("a"),
            sampling=Sampling(temperature=1.7, top_p=0.9, presence_penalty=1.0, seed=3),
            service_tier="flex",
            stop_sequences=("\n", "END"),
            extras=(("logit_bias", "{}"),),
        ),
        Capabilities(),
    )
    assert body == {
        "model": "target",
        "max_tokens": DEFAULT_MAX_OUTPUT_TOKENS,
        "temperature": 1.0,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
    }


@pytest.mark.parametrize(
    ("wanted", "limit", "sent"), [(None, 64_000, 64_000), (5, 64_000, 5), (9_999, 100, 100)]
)
def test_max_tokens_is_always_there(wanted: int | None, limit: int, sent: int) -> None:
    conversation = foreign(said("a"), max_output_tokens=wanted)
    assert encode(conversation, Capabilities(max_output_tokens=limit))["max_tokens"] == sent


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, True, None),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("named", ("t",)), None, {"type": "tool", "name": "t"}),
        (ToolChoice("named", ("t", "u")), None, {"type": "any"}),
    ],
)
def test_tool_choice(
    choice: ToolChoice | None, parallel: bool | None, sent: dict[str, object] | None
) -> None:
    conversation = foreign(
        said("a"), tools=(Tool("t"),), tool_choice=choice, parallel_tools=parallel
    )
    assert encode(conversation).get("tool_choice") == sent


def test_tools_of_other_clients_have_the_schema_that_the_api_insists_on() -> None:
    tools = (
        Tool("none"),
        Tool("untyped", schema='{"properties":{}}'),
        Tool("apply_patch", kind="custom", format="{}"),
    )
    sent = encode(foreign(said("a"), tools=tools), Capabilities())["tools"]
    assert isinstance(sent, list)
    assert [tool["input_schema"]["type"] for tool in sent] == ["object"] * 3
    assert sent[2]["input_schema"]["required"] == ["input"]


@pytest.mark.parametrize(
    "conversation",
    [
        foreign(said("a"), tools=(ServerTool("openai_responses", "", "web_search", "{}"),)),
        foreign(user(Image(FileSource("f")))),
        foreign(said("a"), tools=(Tool("t", schema="[1]"),)),
    ],
)
def test_bug_36_what_the_target_cannot_do_is_refused_by_name(conversation: Conversation) -> None:
    with pytest.raises(Unsupported):
        encode(conversation)


@pytest.mark.parametrize(
    "conversation",
    [
        foreign(user(Image(Base64Source("image/png", "AAAA")))),
        foreign(said("a"), output_format=OutputFormat("json_schema", "{}")),
    ],
)
def test_what_a_small_target_lacks_is_refused(conversation: Conversation) -> None:
    encode(conversation)
    with pytest.raises(Unsupported):
        encode(conversation, Capabilities())


def test_bug_32_images_in_results_reach_the_target() -> None:
    image = Image(Base64Source("image/png", "AAAA"))
    body = encode(foreign(called("c"), user(ToolResult("c", (image, Text("a"))))))
    content = messages_of(body)[1]["content"][0]["content"]
    assert isinstance(content, list)
    assert content[0]["source"] == {"type": "base64", "media_type": "image/png", "data": "AAAA"}


def test_a_tool_reference_is_kept() -> None:
    blocks = [
        {
            "type": "tool_result",
            "tool_use_id": "c",
            "content": [{"type": "tool_reference", "tool_name": "WebFetch"}],
        }
    ]
    request = {"model": "m", "messages": [{"role": "user", "content": blocks}]}
    (part,) = decode(request).messages[0].parts
    assert isinstance(part, ToolResult)
    assert part.parts == (ToolReference("WebFetch"),)


def test_a_tool_added_in_the_middle_is_a_reference_to_it_and_goes_back_as_it_came() -> None:
    added = {
        "type": "tool_addition",
        "tool": {"type": "tool_reference", "name": "WebFetch"},
        "cache_control": {"type": "ephemeral"},
    }
    definition = {"name": "Draw", "input_schema": {"type": "object"}, "strict": True}
    inline = {
        "type": "tool_addition",
        "tool": {"type": "tool_definition", "definition": definition},
    }
    removed = {"type": "tool_removal", "tool": {"type": "tool_reference", "name": "WebFetch"}}
    on_a_server = {
        "type": "tool_addition",
        "tool": {"type": "mcp_tool_reference", "server_name": "s", "name": "t"},
    }
    request = {
        "model": "m",
        "max_tokens": 5,
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "system", "content": [added, inline, removed, on_a_server]},
        ],
    }
    *changes, opaque = decode(request).messages[1].parts
    assert [
        (part.tool_name, part.change, part.definition)
        for part in changes
        if isinstance(part, ToolReference)
    ] == [
        ("WebFetch", "added", None),
        ("Draw", "added", Tool("Draw", schema='{"type": "object"}', strict=True)),
        ("WebFetch", "removed", None),
    ]
    assert isinstance(opaque, Opaque)
    assert messages_of(encode(decode(request))) == request["messages"]


FOR_ONE_TURN = {"role": "system", "content": "for now", "clear_at": "next_user_message"}


@pytest.mark.parametrize(
    ("messages", "is_shown"),
    [
        ([{"role": "user", "content": "a"}, FOR_ONE_TURN], True),
        ([{"role": "user", "content": "a"}, FOR_ONE_TURN, {"role": "user", "content": "b"}], False),
        (
            [
                {"role": "user", "content": "a"},
                FOR_ONE_TURN | {"clear_at": "never"},
                {"role": "user", "content": "b"},
            ],
            True,
        ),
    ],
)
def test_a_system_message_for_one_turn_is_shown_to_other_vendors_in_that_turn_alone(
    messages: list[dict[str, object]], *, is_shown: bool
) -> None:
    conversation = decode({"model": "m", "max_tokens": 5, "messages": messages})
    assert any(part == Text("for now") for part in conversation.messages[1].parts) == is_shown
    again = messages_of(encode(conversation))[1]
    assert again["clear_at"] == messages[1]["clear_at"]
    assert "for now" in json.dumps(again)


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        (b"", "the body"),
        (b"[]", "the body"),
        (b'{"messages":[]}', "model"),
        (b'{"model":5,"messages":[]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":{}}', "messages"),
        (b'{"model":"m","messages":["x"]}', "messages.0"),
        (b'{"model":"m","messages":[{"content":"x"}]}', "messages.0.role"),
        (b'{"model":"m","messages":[{"role":"tool","content":"x"}]}', "messages.0.role"),
        (b'{"model":"m","messages":[{"role":"user"}]}', "messages.0.content"),
        (b'{"model":"m","messages":[{"role":"user","content":[{}]}]}', "messages.0.content.0.type"),
        (
            b'{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}',
            "messages.0.content.0.text",
        ),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{}]}', "tools.0.name"),
        (
            b'{"model":"m","messages":[{"role":"user","content":"x"}],"tool_choice":{"type":"x"}}',
            "tool_choice.type",
        ),
    ],
)
def test_complaints_name_the_field(request_body: bytes, field: str) -> None:
    with pytest.raises(InvalidRequest) as complaint:
        ANTHROPIC_MESSAGES.decode_request(request_body)
    assert complaint.value.message.startswith(f"{field}: ")
