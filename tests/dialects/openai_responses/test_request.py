"""Responses requests to the neutral form and back; BUGS classes by name."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.openai_chat.test_request import obj
from turnout.capabilities import Capabilities
from turnout.catalog.provider_quirks import OPENAI_RESPONSES as DEPARTS
from turnout.dialects.conversation import (
    Base64Source,
    Conversation,
    Document,
    FileSource,
    Image,
    Message,
    Opaque,
    OutputFormat,
    Provenance,
    Refusal,
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
    UrlSource,
)
from turnout.dialects.fit import fit
from turnout.dialects.openai_chat import OPENAI_CHAT
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.seal import seal
from turnout.errors import InvalidRequest, Unsupported
from turnout.quirks import DIALECT_QUIRKS

Json = dict[str, Any]

ABLE = Capabilities(images=True, documents=True, structured_output=True)
THINKER = replace(ABLE, thinking=True)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAME = st.text(alphabet="abcdefg_", min_size=1, max_size=6) | st.sampled_from(
    ["a--b", "tool_search"]
)
QUIRKS = DEPARTS.over(DIALECT_QUIRKS["openai_responses"])
"""As OpenAI serves it."""

PNG = "data:image/png;base64,iVBORw0KGgo="

INPUT_TEXT = obj(
    {"type": "input_text", "text": TEXT}, {"prompt_cache_breakpoint": {"mode": "explicit"}}
)
IMAGE = st.sampled_from(
    [
        {"type": "input_image", "detail": "original", "image_url": PNG},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
        {"type": "input_image", "detail": "auto", "file_id": "file-1"},
    ]
)
FILE = st.sampled_from(
    [
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_file", "file_url": "https://example.com/a.pdf"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,JVBERg==",
        },
        {"type": "input_file", "filename": "a.pdf", "file_data": "JVBERg=="},
    ]
)
AUDIO = st.just({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}})
ID = st.sampled_from(["msg_1", "item_2"])
PLAIN_OR = TEXT | st.lists(INPUT_TEXT | IMAGE | FILE | AUDIO, max_size=3)
MESSAGE = obj(
    {"role": st.sampled_from(["user", "system", "developer"]), "content": PLAIN_OR},
    {"type": "message", "id": ID, "status": "completed"},
)
OUTPUT_PART = obj({"type": "output_text", "text": TEXT}, {"annotations": [], "logprobs": []}) | obj(
    {"type": "refusal", "refusal": TEXT}, {}
)
ANSWER = obj(
    {"role": "assistant", "content": TEXT | st.lists(OUTPUT_PART | AUDIO, max_size=3)},
    {"type": "message", "id": ID, "status": "completed", "phase": "commentary"},
)
REASONING = obj(
    {
        "type": "reasoning",
        "summary": st.lists(obj({"type": "summary_text", "text": TEXT}, {}), max_size=2),
    },
    {
        "id": "rs_1",
        "encrypted_content": "gAAAA",
        "content": [{"type": "reasoning_text", "text": "hm"}],
        "status": "completed",
    },
)
CALL = obj(
    {
        "type": "function_call",
        "call_id": st.sampled_from(["call_1", "call_2"]),
        "name": NAME,
        "arguments": st.sampled_from(["{}", '{ "a": 1.0 }']),
    },
    {"id": "fc_1", "status": "completed", "namespace": NAME},
)
CUSTOM_CALL = obj(
    {"type": "custom_tool_call", "call_id": "call_3", "name": NAME, "input": TEXT},
    {"id": "ctc_1", "namespace": NAME},
)
SEARCH = obj(
    {
        "type": "tool_search_call",
        "call_id": "call_4",
        "execution": st.sampled_from(["client", "server"]),
        "arguments": {"query": "x"},
    },
    {"id": "tsc_1", "status": "completed"},
)
FUNCTION = obj(
    {"type": "function", "name": NAME},
    {
        "description": "d",
        "parameters": {"type": "object"},
        "strict": st.booleans(),
        "defer_loading": True,
        "output_schema": {"a": 1},
    },
)
CUSTOM = obj(
    {"type": "custom", "name": NAME},
    {"description": "d", "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"}},
)
NAMESPACE = obj(
    {
        "type": "namespace",
        "name": NAME,
        "description": "d",
        "tools": st.lists(FUNCTION | CUSTOM, min_size=1, max_size=2),
    },
    {},
)
SEARCH_OUTPUT = obj(
    {
        "type": "tool_search_output",
        "call_id": "call_4",
        "execution": "client",
        "tools": st.lists(NAMESPACE | FUNCTION, max_size=2),
    },
    {"id": "tso_1", "status": "completed"},
)
OUTPUT = obj(
    {
        "type": st.sampled_from(["function_call_output", "custom_tool_call_output"]),
        "call_id": st.sampled_from(["call_1", "call_9"]),
        "output": TEXT | st.lists(INPUT_TEXT | IMAGE | FILE, max_size=2),
    },
    {"id": "fco_1", "status": "completed"},
)
OPAQUE = st.sampled_from(
    [
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "compaction", "encrypted_content": "gAAAA"},
        {"type": "item_reference", "id": "msg_9"},
        {"id": "msg_9"},
        {"type": "mcp_approval_response", "approval_request_id": "m", "approve": True},
        {"type": "local_shell_call_output", "id": "l", "output": "x"},
        {"type": "shell_call", "call_id": "s", "action": {"commands": ["ls"]}},
        {
            "type": "additional_tools",
            "id": "at_1",
            "role": "developer",
            "tools": [{"type": "custom", "name": "n"}],
        },
        {
            "type": "agent_message",
            "content": [{"type": "encrypted_content", "encrypted_content": "gAAAAA"}],
        },
    ]
)
ITEM = MESSAGE | ANSWER | REASONING | CALL | CUSTOM_CALL | SEARCH | SEARCH_OUTPUT | OUTPUT | OPAQUE
TOOL = (
    FUNCTION
    | CUSTOM
    | NAMESPACE
    | obj(
        {"type": "tool_search", "execution": "client"},
        {"description": "d", "parameters": {"type": "object"}},
    )
    | st.sampled_from([{"type": "web_search"}, {"type": "mcp", "server_label": "m"}])
)
CHOICES = st.sampled_from(
    [
        "auto",
        "required",
        {"type": "function", "name": "a"},
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]},
        {"type": "file_search"},
    ]
)
TOP = obj(
    {},
    {
        "instructions": TEXT,
        "max_output_tokens": 100,
        "parallel_tool_calls": st.booleans(),
        "tool_choice": CHOICES,
        "tools": st.lists(TOOL, min_size=1, max_size=3),
        "text": st.sampled_from(
            [
                {"verbosity": "low"},
                {"format": {"type": "json_object"}},
                {
                    "format": {
                        "type": "json_schema",
                        "name": "t",
                        "description": "d",
                        "schema": {"a": [1.0, 1e3]},
                        "strict": True,
                    }
                },
            ]
        ),
        "include": st.sampled_from(
            [["reasoning.encrypted_content"], ["message.output_text.logprobs"]]
        ),
        "top_logprobs": st.integers(0, 3),
        "service_tier": "flex",
        "user": "u-1",
        "safety_identifier": "s-1",
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "store": st.booleans(),
        "truncation": "auto",
        "max_tool_calls": 3,
        "client_metadata": {"x": "y"},
        "stream": True,
    },
)


@st.composite
def requests(draw: st.DrawFn) -> tuple[Json, Capabilities]:
    """A request, and what the model has that can take all of it."""
    request: Json = {"model": "m", "input": draw(TEXT | st.lists(ITEM, min_size=1, max_size=8))}
    request |= draw(TOP)
    if draw(st.booleans()):
        request["reasoning"] = {"effort": "high", "summary": "auto"}
        return request, THINKER
    if draw(st.booleans()):
        request |= {"temperature": 0.5, "top_p": 0.9}
        request["reasoning"] = {"effort": "none"}
    return request, THINKER


@given(requests())
def test_encode_after_decode_is_the_request(drawn: tuple[Json, Capabilities]) -> None:
    request, has = drawn
    body = json.dumps(request).encode()
    conversation = OPENAI_RESPONSES.decode_request(body)
    assert json.loads(OPENAI_RESPONSES.encode_request(conversation, model="m", has=has)) == request


@given(requests())
def test_survey_and_decoder_agree(drawn: tuple[Json, Capabilities]) -> None:
    body = json.dumps(drawn[0]).encode()
    survey = OPENAI_RESPONSES.survey_request(body)
    conversation = OPENAI_RESPONSES.decode_request(body)
    assert survey.model == conversation.model
    assert survey.stream == conversation.stream
    assert survey.needs.max_output_tokens == conversation.max_output_tokens
    assert survey.user_field == conversation.user
    parts = [part for message in conversation.messages for part in message.parts]
    results = [part for part in parts if isinstance(part, ToolResult)]
    assert survey.tool_result_count == len(results)
    inner = [*parts, *(part for result in results for part in result.parts)]
    assert survey.needs.images == any(isinstance(part, Image) for part in inner)
    assert survey.needs.documents == any(isinstance(part, Document) for part in inner)
    kinds = [tool.kind for tool in conversation.tools if isinstance(tool, ServerTool)]
    assert [kind for kind in survey.needs.server_tools if kind in kinds] == kinds


def decode(*items: Json, **fields: object) -> Conversation:
    body: Json = {"model": "m", "input": list(items) or "hi"} | fields
    return OPENAI_RESPONSES.decode_request(json.dumps(body).encode())


def encode(conversation: Conversation, has: Capabilities = ABLE, *, model: str = "gpt-5.5") -> Json:
    fitted = fit(conversation, to="openai_responses", quirks=QUIRKS, has=has).conversation
    found: Json = json.loads(OPENAI_RESPONSES.encode_request(fitted, model=model, has=has))
    return found


def foreign(*messages: Message, **fields: Any) -> Conversation:
    plain = Conversation("anthropic_messages", "claude", messages or (user("hi"),))
    return msgspec.structs.replace(plain, **fields)


@pytest.mark.parametrize(
    ("name", "told"), [("", "document.pdf"), ("My report", "My report.pdf"), ("a.PDF", "a.PDF")]
)
def test_a_pdf_is_known_by_its_ending(name: str, told: str) -> None:
    pdf = Document(Base64Source("application/pdf", "JVBERg=="), name)
    (item,) = encode(foreign(Message("user", (pdf,))))["input"]
    assert item["content"][0]["filename"] == told


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def items_of(*messages: Message, has: Capabilities = ABLE, model: str = "gpt-5.5") -> list[Json]:
    found: list[Json] = encode(foreign(*messages), has, model=model)["input"]
    return found


def call(call_id: str = "toolu_1") -> Message:
    return Message("assistant", (ToolCall(call_id, "read", '{"p":1}'),))


def result(*parts: ResultPart, call_id: str = "toolu_1") -> Message:
    return Message("user", (ToolResult(call_id, parts),))


def said(role: str, text: str) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    part: Json = {"type": kind, "text": text}
    if role == "assistant":
        part["annotations"] = []
    return {"type": "message", "role": role, "content": [part]}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"input": None}, "input: required"),
        ({"input": []}, "input: must hold"),
        ({"input": 7}, "input: expected array"),
        ({"input": [7]}, r"input\.0: expected object"),
        ({"input": [{"role": "owner", "content": "x"}]}, r"input\.0\.role"),
        ({"input": [{"role": "user"}]}, r"input\.0\.content"),
        ({"input": [{"role": "user", "content": [{"text": "x"}]}]}, r"content\.0\.type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            r"content\.0\.image_url",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file"}]}]},
            r"content\.0\.file_data",
        ),
        ({"input": [{"type": "function_call", "name": "f"}]}, r"input\.0\.call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, r"input\.0\.output"),
        ({"model": 7}, "model: expected str, got int"),
        ({"max_output_tokens": "many"}, "max_output_tokens"),
        ({"tools": [{"name": "f"}]}, r"tools\.0\.type"),
        ({"tools": [{"type": "function"}]}, r"tools\.0\.name"),
        (
            {"tools": [{"type": "namespace", "name": "n", "tools": [{}]}]},
            r"tools\.0\.tools\.0\.name",
        ),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"text": {"format": {"type": "yaml"}}}, r"text\.format\.type"),
        ({"reasoning": {"effort": 7}}, r"reasoning\.effort"),
    ],
)
def test_complaints_name_the_field(fields: Json, named: str) -> None:
    with pytest.raises(InvalidRequest, match=named):
        decode(**fields)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background": True}, "background"),
    ],
)
def test_what_lives_on_the_server_is_refused_by_name(fields: Json, named: str) -> None:
    with pytest.raises(Unsupported, match=named) as refused:
        decode(**fields)
    answer = json.loads(OPENAI_RESPONSES.encode_error(refused.value, request_id="r").body)
    assert answer["error"]["param"] == named
    body = json.dumps({"model": "m", "input": "hi"} | fields).encode()
    assert OPENAI_RESPONSES.survey_request(body).needs.server_tools == (named,)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"input":[{]}', b'{"input":' + b"[" * 99_999])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        OPENAI_RESPONSES.decode_request(body)
    with pytest.raises(InvalidRequest):
        OPENAI_RESPONSES.survey_request(body)


def test_items_of_one_side_are_one_message() -> None:
    conversation = decode(
        {"role": "developer", "content": "base"},
        {"role": "user", "content": "go"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAAA"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "apply_patch", "input": "*** x"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "2"},
        instructions="be brief",
    )
    roles = [message.role for message in conversation.messages]
    assert roles == ["system", "system", "user", "assistant", "user"]
    assert [type(part) for part in conversation.messages[3].parts] == [
        *(Thinking, Text, ToolCall, ToolCall),
    ]
    first, second = conversation.messages[4].parts
    assert isinstance(first, ToolResult)
    assert isinstance(second, ToolResult)
    assert (first.kind, second.kind) == ("function", "custom")


def test_reasoning_keeps_its_maker() -> None:
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    echoed = {"type": "reasoning", "summary": summary, "content": None, "encrypted_content": "gA"}
    (message,) = decode(echoed).messages
    (thought,) = message.parts
    assert isinstance(thought, Thinking)
    assert (thought.text, thought.redacted, thought.is_summary) == ("a\n\nb", "gA", True)
    assert thought.provenance == Provenance("openai_responses")


def test_sealed_reasoning_is_its_makers_again() -> None:
    made_by = Provenance("anthropic_messages", "claude-opus-5-5")
    sealed = seal(made_by, signature="EqQB")
    summary = [{"type": "summary_text", "text": "why"}]
    conversation = decode(
        {"role": "user", "content": "x"},
        {"type": "reasoning", "summary": summary, "content": None, "encrypted_content": sealed},
    )
    assert conversation.messages[1].parts == (Thinking("why", made_by, signature="EqQB"),)
    assert [item["role"] for item in encode(conversation, THINKER)["input"]] == ["user"]


def test_system_messages_stay_at_their_place() -> None:
    late = Message("system", (Text("late"),))
    found = items_of(Message("system", (Text("a"), Text("b"))), user("x"), late, user("y"))
    assert found == [
        *(said("developer", "a\n\nb"), said("user", "x")),
        *(said("developer", "late"), said("user", "y")),
    ]


def test_nothing_of_a_foreign_conversation_is_stored() -> None:
    found = encode(foreign(), THINKER)
    assert found["store"] is False
    assert found["include"] == ["reasoning.encrypted_content"]
    assert "include" not in encode(foreign(), ABLE)


def test_bug_24_schemas_and_arguments_keep_their_characters() -> None:
    schema = '{"b":1.0,"a":1e3,"\\u00e9":"\\u0041"}'
    arguments = '{ "b":1.0, "a":"\\u0041" }'
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": arguments}
    tools = '[{"type":"function","name":"f","parameters":' + schema + "}]"
    body = f'{{"model":"m","input":[{json.dumps(item)}],"tools":{tools}}}'
    conversation = OPENAI_RESPONSES.decode_request(body.encode())
    for dialect in (OPENAI_RESPONSES, OPENAI_CHAT):
        again = dialect.encode_request(conversation, model="m", has=ABLE)
        assert schema.encode() in again
        assert json.dumps(arguments).encode() in again


@pytest.mark.parametrize(
    ("thought", "goes_back"),
    [
        (Thinking("why", Provenance("openai_responses"), redacted="gA"), True),
        (Thinking("why", Provenance("openai_responses", "gpt-5.5"), signature="gA"), True),
        (Thinking("why", Provenance("openai_responses", "grok-5"), redacted="gA"), False),
        (Thinking("why", Provenance("openai_responses")), False),
        (Thinking("why", Provenance("anthropic_messages"), signature="gA"), False),
    ],
)
def test_bug_27_30_reasoning_goes_back_to_the_family_that_sealed_it(
    thought: Thinking, goes_back: bool
) -> None:
    turn = Message("assistant", (thought, Text("a")))
    found = items_of(user("x"), turn, has=THINKER, model="openai/gpt-5.4")
    reasoning = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "why"}],
        "encrypted_content": "gA",
    }
    assert found[1:-1] == ([reasoning] if goes_back else [])


def test_reasoning_is_left_out_for_a_model_that_does_not_think() -> None:
    thought = Thinking("", Provenance("openai_responses"), redacted="gA")
    turn = Message("assistant", (thought, Text("a")))
    assert len(items_of(user("x"), turn, has=ABLE)) == 2


def test_bug_31_every_call_has_its_result_behind_it() -> None:
    two = Message(
        "assistant", (ToolCall("a", "f", "{}"), ToolCall("b", "patch", "x", kind="custom"))
    )
    late = Message("user", (Text("meanwhile"), ToolResult("b", (Text("done"),))))
    found = items_of(user("x"), two, late, Message("assistant", (Text("ok"),)))
    assert [(i["type"], i.get("call_id"), i.get("output")) for i in found[1:]] == [
        ("function_call", "a", None),
        ("custom_tool_call", "b", None),
        ("custom_tool_call_output", "b", "done"),
        ("function_call_output", "a", "(no result)"),
        ("message", None, None),
        ("message", None, None),
    ]


def test_bug_31_result_without_a_call_is_told_as_text() -> None:
    found = items_of(user("x"), result(Text("lost")))
    assert found[1] == {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_text", "text": "[result of toolu_1]"},
            {"type": "input_text", "text": "lost"},
        ],
    }


def test_bug_32_images_and_documents_stay_in_results() -> None:
    image = Image(Base64Source("image/png", "iVBO"), cache="5m")
    document = Document(Base64Source("application/pdf", "JVBE"), "a.pdf")
    *_, output = items_of(user("x"), call(), result(Text("see"), image, document))
    assert output["output"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBO"},
        {
            "type": "input_file",
            "file_data": "data:application/pdf;base64,JVBE",
            "filename": "a.pdf",
        },
    ]


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (Document(UrlSource("https://a.example/a.pdf")), {"type": "input_file", "file_url": "https://a.example/a.pdf"}),
        (Image(UrlSource("https://a.example/a.png")), {"type": "input_image", "detail": "auto", "image_url": "https://a.example/a.png"}),
    ],
)  # fmt: skip
def test_sources_that_the_wire_has(part: Document | Image, shown: Json) -> None:
    (item,) = items_of(Message("user", (part,)))
    assert item["content"] == [shown]


@pytest.mark.parametrize(
    ("part", "has", "named"),
    [
        (Image(Base64Source("image/png", "x")), Capabilities(), "images"),
        (Image(FileSource("f")), ABLE, "messages: an uploaded"),
        (Document(Base64Source("application/pdf", "x")), Capabilities(), "documents"),
        (Document(FileSource("f")), ABLE, "messages: an uploaded"),
    ],
)
def test_what_the_target_cannot_read_is_refused_by_name(
    part: Image | Document, has: Capabilities, named: str
) -> None:
    with pytest.raises(Unsupported, match=named):
        encode(foreign(Message("user", (part,))), has)


def test_long_call_ids_are_mapped_alike_on_both_sides() -> None:
    long = "functions.read:0-" + "x" * 90
    _, first, second = items_of(user("x"), call(long), result(Text("1"), call_id=long))
    assert first["call_id"] == second["call_id"]
    assert len(first["call_id"]) <= 64


def test_one_more_message_leaves_the_bytes_before_it_alone() -> None:
    history = [Message("system", (Text("s"),)), user("x"), call(), result(Text("1"))]
    before = encode(foreign(*history))["input"]
    after = encode(foreign(*history, Message("system", (Text("t"),)), user("y")))["input"]
    assert after[: len(before)] == before


def test_answers_of_others_are_one_item_each_run_of_text() -> None:
    turn = Message("assistant", (Text("a"), Refusal("no"), ToolCall("c", "f", "{}"), Text("b")))
    found = items_of(user("x"), turn, Message("user", (ToolResult("c", (Text("1"),)),)))
    assert [item["type"] for item in found[1:]] == [
        *("message", "function_call", "message", "function_call_output"),
    ]
    assert [part["type"] for part in found[1]["content"]] == ["output_text", "refusal"]


@pytest.mark.parametrize("dialect", ["anthropic_messages", "gemini_generate"])
def test_schemas_of_other_vendors_are_never_strict(dialect: Any) -> None:
    tool = Tool("f", schema='{"type":"object"}', strict=True)
    (shown,) = encode(foreign(dialect=dialect, tools=(tool,)))["tools"]
    assert shown == {
        "type": "function",
        "name": "f",
        "parameters": {"type": "object"},
        "strict": False,
    }
    wanted = OutputFormat("json_schema", schema="{}", strict=True)
    assert "strict" not in encode(foreign(dialect=dialect, output_format=wanted))["text"]["format"]


def test_strictness_of_chat_stays_what_it_was() -> None:
    tools = (Tool("f", strict=True), Tool("g"))
    found = encode(foreign(dialect="openai_chat", tools=tools))["tools"]
    assert [tool["strict"] for tool in found] == [True, False]


def test_grammars_are_written_as_each_wire_has_them() -> None:
    flat = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
    nested = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}
    conversation = decode(tools=[{"type": "custom", "name": "p", "format": flat}])
    chat = OPENAI_CHAT.encode_request(conversation, model="m", has=ABLE)
    assert json.loads(chat)["tools"][0]["custom"]["format"] == nested
    back = OPENAI_CHAT.decode_request(chat)
    assert encode(back)["tools"][0]["format"] == flat


def test_tools_of_a_namespace_are_tools_of_their_own_elsewhere() -> None:
    spawn = {"type": "function", "name": "spawn", "parameters": {"type": "object"}}
    agents = {"type": "namespace", "name": "agents", "description": "d", "tools": [spawn]}
    conversation = decode(
        {"role": "user", "content": "x"},
        {
            "type": "function_call",
            "call_id": "c",
            "namespace": "agents",
            "name": "spawn",
            "arguments": "{}",
        },
        tools=[agents, {"type": "function", "name": "mcp__a__b"}],
    )
    assert [tool.name for tool in conversation.tools] == ["agents--spawn", "mcp__a__b"]
    call_part = conversation.messages[1].parts[0]
    assert isinstance(call_part, ToolCall)
    assert call_part.name == "agents--spawn"


def test_search_that_the_client_runs_is_a_tool_everywhere() -> None:
    """WIRE 3.2: the schemas of what was found live in the output item alone."""
    spawn = {
        "type": "function",
        "name": "spawn",
        "description": "d",
        "parameters": {"type": "object"},
    }
    found = [{"type": "namespace", "name": "agents", "description": "d", "tools": [spawn]}]
    conversation = decode(
        {"role": "user", "content": "x"},
        {
            "type": "tool_search_call",
            "call_id": "s",
            "execution": "client",
            "arguments": {"query": "agents"},
        },
        {"type": "tool_search_output", "call_id": "s", "execution": "client", "tools": found},
        tools=[{"type": "tool_search", "execution": "client", "parameters": {"type": "object"}}],
    )
    assert [tool.name for tool in conversation.tools] == ["tool_search", "agents--spawn"]
    chat = json.loads(OPENAI_CHAT.encode_request(conversation, model="m", has=ABLE))
    assert [tool["function"]["name"] for tool in chat["tools"]] == ["tool_search", "agents--spawn"]
    assert chat["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"query": "agents"}'
    assert '"agents--spawn"' in chat["messages"][2]["content"]


@pytest.mark.parametrize("kind", ["web_search", "code_interpreter", "local_shell"])
def test_bug_36_tools_that_the_provider_runs_are_refused_by_name(kind: str) -> None:
    conversation = decode(tools=[{"type": kind}])
    (tool,) = conversation.tools
    assert isinstance(tool, ServerTool)
    with pytest.raises(Unsupported, match=kind):
        OPENAI_CHAT.encode_request(conversation, model="m", has=ABLE)
    elsewhere = ServerTool("anthropic_messages", "web_search", "web_search_20250305", "{}")
    with pytest.raises(Unsupported, match="web_search_20250305"):
        encode(foreign(tools=(elsewhere,)))


@pytest.mark.parametrize(
    ("choice", "shown"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("required"), "required"),
        (ToolChoice("none"), "none"),
        (ToolChoice("named", ("f",)), {"type": "function", "name": "f"}),
        (ToolChoice("named", ("p",)), {"type": "custom", "name": "p"}),
        (
            ToolChoice("auto", ("f",)),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
        (
            ToolChoice("named", ("f", "p")),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}],
            },
        ),
    ],
)
def test_tool_choice(choice: ToolChoice, shown: object) -> None:
    tools = (Tool("f"), Tool("p", kind="custom"))
    assert encode(foreign(tools=tools, tool_choice=choice))["tool_choice"] == shown
    if not isinstance(shown, str) or choice.mode != "none":
        read = decode(tools=[{"type": "function", "name": "f"}], tool_choice=shown).tool_choice
        assert read is not None
        assert read.names == choice.names


def test_deferred_tools_come_behind_the_others_once_they_are_named() -> None:
    tools = (Tool("late", is_deferred=True), Tool("f"), Tool("never", is_deferred=True))
    search = Message("assistant", (ToolCall("s", "f", "{}"),))
    found = Message("user", (ToolResult("s", (ToolReference("late"),)),))
    body = encode(foreign(user("x"), search, found, tools=tools))
    assert [tool["name"] for tool in body["tools"]] == ["f", "late"]
    assert '"name":"late"' in body["input"][-1]["output"]


def test_bug_34_what_a_thinking_model_refuses_is_left_out() -> None:
    warm = foreign(sampling=Sampling(temperature=0.5, top_p=0.9), max_output_tokens=9_000)
    has = replace(THINKER, max_output_tokens=8_000)
    found = encode(warm, has)
    assert not {"temperature", "top_p"} & set(found)
    assert found["max_output_tokens"] == 8_000
    assert encode(warm, ABLE)["temperature"] == 0.5


@pytest.mark.parametrize(
    ("thinking", "shown"),
    [
        (ThinkingControl(effort="xhigh", display="auto"), {"effort": "xhigh", "summary": "auto"}),
        (ThinkingControl("on", 16_384, display="omitted"), {"effort": "high"}),
        (ThinkingControl("on", 4_096), {"effort": "medium"}),
        (ThinkingControl("adaptive"), None),
    ],
)
def test_effort_and_budget(thinking: ThinkingControl, shown: Json | None) -> None:
    assert encode(foreign(thinking=thinking), THINKER).get("reasoning") == shown
    assert "reasoning" not in encode(foreign(thinking=thinking), ABLE)


def test_log_probabilities_are_asked_for() -> None:
    found = encode(foreign(sampling=Sampling(top_logprobs=2)))
    assert (found["top_logprobs"], found["include"]) == (2, ["message.output_text.logprobs"])
    assert decode(include=["message.output_text.logprobs"]).sampling.top_logprobs == 0
    assert decode(top_logprobs=3).sampling.top_logprobs == 3


def test_structured_output_and_verbosity() -> None:
    wanted = OutputFormat("json_schema", schema='{"type":"object"}')
    found = encode(foreign(output_format=wanted, verbosity="low"))["text"]
    assert found == {
        "format": {"type": "json_schema", "name": "answer", "schema": {"type": "object"}},
        "verbosity": "low",
    }
    assert encode(foreign(output_format=OutputFormat("json")))["text"] == {
        "format": {"type": "json_object"}
    }
    with pytest.raises(Unsupported, match="output format"):
        encode(foreign(output_format=wanted), Capabilities())
    with pytest.raises(Unsupported, match="tools"):
        encode(foreign(tools=(Tool("f"),)), Capabilities(tools=False))


def test_chat_keeps_what_both_wires_say_in_the_same_words() -> None:
    shared = {
        "metadata": {"a": "b"},
        "service_tier": "flex",
        "safety_identifier": "s",
        "prompt_cache_retention": "24h",
        "prompt_cache_key": "k",
        "verbosity": "low",
    }
    chat = {"model": "m", "messages": [{"role": "user", "content": "x"}], "seed": 3} | shared
    found = encode(OPENAI_CHAT.decode_request(json.dumps(chat).encode()))
    assert found.pop("text") == {"verbosity": shared.pop("verbosity")}
    assert {name: found[name] for name in shared} == shared
    assert "seed" not in found


def test_opaque_items_of_others_are_left_out() -> None:
    opaque = Opaque("anthropic_messages", "server_tool_use", "{}")
    assert items_of(user("x"), Message("assistant", (opaque, Text("a"))))[1:] == [
        said("assistant", "a")
    ]


def test_settings_reach_the_neutral_form() -> None:
    conversation = decode(
        reasoning={"effort": "low", "summary": "detailed"},
        text={"verbosity": "high", "format": {"type": "json_object"}},
        safety_identifier="s",
        tool_choice={
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "web_search"}],
        },
        service_tier="priority",
        prompt_cache_key="k",
        metadata={"a": "b"},
    )
    assert conversation.thinking == ThinkingControl(effort="low", display="detailed")
    assert (conversation.verbosity, conversation.output_format) == ("high", OutputFormat("json"))
    assert (conversation.user, conversation.service_tier) == ("s", "priority")
    assert conversation.tool_choice == ToolChoice("required")
    assert conversation.metadata == (("a", '"b"'),)


def test_codex_request_goes_to_another_vendor_and_keeps_its_order() -> None:
    """The shape of Codex 0.169 less `web_search`, which binds it to OpenAI."""
    conversation = decode(
        {"type": "message", "role": "developer", "id": "i1", "content": [{"type": "input_text", "text": "base"}]},
        {"type": "message", "role": "developer", "id": "i2", "content": [{"type": "input_text", "text": "skills"}]},
        {"type": "message", "role": "user", "id": "i3", "content": [{"type": "input_text", "text": "<environment_context>"}]},
        {"type": "message", "role": "user", "id": "i4", "content": [{"type": "input_text", "text": "fix it"}]},
        {"type": "function_call", "id": "i5", "call_id": "c", "name": "view_image", "arguments": "{}"},
        {"type": "function_call_output", "id": "i6", "call_id": "c", "output": [{"type": "input_image", "image_url": PNG, "detail": "original"}]},
        tools=[{"type": "function", "name": "view_image", "strict": False, "parameters": {"type": "object"}},
               {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
               {"type": "tool_search", "execution": "client"}],
        store=False, stream=True, include=["reasoning.encrypted_content"], prompt_cache_key="s",
        parallel_tool_calls=True, client_metadata={"x": "y"},
    )  # fmt: skip
    chat = json.loads(OPENAI_CHAT.encode_request(conversation, model="m", has=ABLE))
    assert [message["role"] for message in chat["messages"]] == [
        *("system", "system", "user", "user", "assistant", "tool", "user"),
    ]
    assert "client_metadata" not in chat
