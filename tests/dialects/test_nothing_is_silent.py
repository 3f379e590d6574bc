"""What OpenAI's and Google's APIs document, field by field and type by type, towards every other dialect:
it arrives, or is told among the changes, or is refused by name. Nothing is lost without a word.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from openai.types.chat.chat_completion_content_part_param import ChatCompletionContentPartParam
from openai.types.chat.chat_completion_message_param import ChatCompletionMessageParam
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.responses.function_tool_param import FunctionToolParam
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from openai.types.responses.response_input_content_param import ResponseInputContentParam
from openai.types.responses.response_input_item_param import ResponseInputItemParam
from openai.types.responses.tool_param import ToolParam

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.fit import fit
from turnout.dialects.registry import DIALECTS
from turnout.errors import Unsupported
from turnout.quirks import DIALECT_QUIRKS
from turnout.simulator.gemini_fields import MESSAGES, SNAKE_JOINT

Json = dict[str, Any]

ABLE = Capabilities(images=True, documents=True, structured_output=True, thinking=True)
PATH = "/v1beta/models/gemini-2.5-pro:generateContent"
SEEN = "the-witness"
PIXEL = "iVBORw0KGgo="


@dataclass(frozen=True)
class Case:
    """One field, or one type of an item, a part or a tool.

    Attributes:
        body: what is asked, over a plain request.
        seen: any of these in what is sent shows that it has arrived.
        told: the changes that tell of it; `dropped:` and the name where empty.
        refused: how the refusal begins; the name where empty.
    """

    name: str
    body: Json
    seen: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True)
class Documented:
    """A place of a dialect's requests, what is documented there, and a case for each."""

    dialect: Dialect
    place: str
    names: frozenset[str]
    cases: tuple[Case, ...]
    elsewhere: frozenset[str] = field(default_factory=frozenset)


def kinds_of(union: object) -> Iterator[str]:
    """The words of `type` in a union of the SDK's shapes."""
    for shape in get_args(union):
        if is_typeddict(get_origin(shape) or shape):
            yield from words_of(get_type_hints(shape).get("type"))


def words_of(hint: object) -> Iterator[str]:
    for one in get_args(hint):
        if isinstance(one, str):
            yield one
        else:
            yield from words_of(one)


def fields_of(shape: type) -> frozenset[str]:
    return frozenset(get_type_hints(shape))


def googles(message: str) -> frozenset[str]:
    return frozenset(SNAKE_JOINT.sub(lambda m: m[1].upper(), name) for name in MESSAGES[message])


USER: Json = {"role": "user", "content": "go"}
FUNCTION: Json = {"type": "function", "name": "f", "parameters": {"type": "object"}}
SCHEMA: Json = {"type": "object", "properties": {SEEN: {"type": "string"}}, "required": [SEEN]}


# --- The Responses API.


def item(kind: str, *, before: Json | None = None, refused: str = "", **fields: Any) -> Case:
    told = () if refused else (f"dropped:{kind}",)
    items = [USER, *([before] if before else []), {"type": kind, "id": "i_1", **fields}]
    return Case(kind, {"input": items}, (SEEN,), told, refused)


def call(kind: str, call_id: str = "c_1") -> Json:
    return {"type": kind, "call_id": call_id, "id": "i_0", "action": {"type": "exec"}}


def called(kind: str, **fields: Any) -> Json:
    return {"type": kind, "call_id": "c_1", "name": "f", "arguments": "{}", "input": "x", **fields}


RESPONSES_ITEMS = (
    item("message", role="user", content=SEEN),
    item("function_call", call_id="c_1", name="f", arguments=f'{{"a":"{SEEN}"}}'),
    item("function_call_output", before=called("function_call"), call_id="c_1", output=SEEN),
    item("custom_tool_call", call_id="c_1", name="f", input=SEEN),
    item("custom_tool_call_output", before=called("custom_tool_call"), call_id="c_1", output=SEEN),
    item("local_shell_call", call_id="c_1", action={"type": "exec", "command": [SEEN]}),
    item("local_shell_call_output", before=call("local_shell_call"), output=SEEN),
    item("shell_call", call_id="c_1", action={"commands": [SEEN]}),
    item("shell_call_output", before=call("shell_call"), call_id="c_1", output=[{"stdout": SEEN}]),
    item("apply_patch_call", call_id="c_1", operation={"type": "delete_file", "path": SEEN}),
    item("apply_patch_call_output", before=call("apply_patch_call"), call_id="c_1", output=SEEN),
    item("computer_call", call_id="c_1", action={"type": "type", "text": SEEN}),
    item(
        "computer_call_output",
        before=call("computer_call"),
        call_id="c_1",
        output={"type": "computer_screenshot", "image_url": f"https://e/{SEEN}.png"},
    ),
    item("program", call_id="c_1", code=SEEN),
    item("program_output", before=call("program"), call_id="c_1", result=SEEN),
    item("mcp_call", server_label="m", name="f", arguments="{}", output=SEEN),
    item("code_interpreter_call", code=SEEN, outputs=None),
    item("file_search_call", queries=["q"], results=[{"text": SEEN}]),
    Case(
        "image_generation_call",
        {"input": [USER, {"type": "image_generation_call", "id": "i_1", "result": PIXEL}]},
        (PIXEL,),
    ),
    item("web_search_call", action={"type": "search", "query": "q"}),
    item("mcp_list_tools", server_label="m", tools=[]),
    item("mcp_approval_request", server_label="m", name="f", arguments="{}"),
    item("mcp_approval_response", approval_request_id="i_0", approve=True, refused="input.1: "),
    item("tool_search_call", execution="server", arguments={}),
    item("tool_search_output", execution="server", tools=[]),
    item(
        "additional_tools", role="developer", tools=[FUNCTION | {"name": SEEN, "description": "d"}]
    ),
    item("configuration_update", configuration={}, refused="input.1: "),
    item("compaction", encrypted_content="gAAAAAB", refused="input.1: "),
    item("compaction_trigger", refused="input.1: "),
    item("item_reference", refused="input.1: "),
)
REASONING_IS_ITS_MAKERS = frozenset({"reasoning"})
"""Every vendor seals it for its own models; ARCHITECTURE.md says so once for all requests."""


def content(kind: str, *, refused: str = "input.0.content.1: ", **fields: Any) -> Case:
    parts = [{"type": "input_text", "text": "look"}, {"type": kind, **fields}]
    return Case(kind, {"input": [{"role": "user", "content": parts}]}, (SEEN,), refused=refused)


RESPONSES_PARTS = (
    content("input_text", text=SEEN),
    content("input_image", image_url=f"https://e/{SEEN}.png"),
    content("input_image", file_id="file_1", refused="input: an uploaded file"),
    content("input_file", file_data=f"data:application/pdf;base64,{SEEN}"),
    content("input_file", file_data="data:text/plain;base64,dGhlLXdpdG5lc3M="),
    content("input_audio", input_audio={"data": "AA==", "format": "wav"}),
    content("input_hologram"),
)


def asked(name: str, value: Any, *seen: str, told: tuple[str, ...] = (), **beside: Any) -> Case:
    return Case(name, {name: value, **beside}, seen, told)


BOTH_OPENAI = (
    asked("metadata", {"a": SEEN}, SEEN),
    asked("moderation", {"model": "m"}),
    asked("parallel_tool_calls", False, "parallel", told=("dropped:parallel_tools",)),
    asked("prompt_cache_key", SEEN, SEEN),
    asked("prompt_cache_options", {"mode": "explicit"}),
    asked("prompt_cache_retention", "24h", "24h"),
    asked("safety_identifier", SEEN, SEEN, told=("dropped:user",)),
    asked("service_tier", "flex", "flex"),
    asked("store", True),
    asked("temperature", 0.25, "0.25"),
    asked("tool_choice", "required", '"required"', '"any"', '"ANY"'),
    asked("top_p", 0.25, "0.25"),
    asked("user", SEEN, SEEN),
)
RESPONSES_FIELDS = (
    *BOTH_OPENAI,
    asked("access_programs", {"a": "b"}),
    asked("background", True),
    asked("background_options", {"completion_window": "2h"}),
    asked("context_management", [{"type": "compaction"}]),
    asked("conversation", "conv_1"),
    asked("image", {"detail": "low"}),
    asked("include", ["message.output_text.logprobs"], "ogprobs", told=("dropped:top_logprobs",)),
    asked("input", SEEN, SEEN),
    asked("instructions", SEEN, SEEN),
    asked("max_output_tokens", 777, "777"),
    asked("max_tool_calls", 3),
    asked("previous_response_id", "resp_1"),
    asked("prompt", {"id": "pmpt_1"}),
    asked("reasoning", {"effort": "high"}, "effort", "thinkingLevel"),
    asked("stream_options", {"include_obfuscation": True}),
    asked("text", {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}}, SEEN),
    asked("text", {"verbosity": "low"}, "verbosity", told=("dropped:verbosity",)),
    asked("tools", [FUNCTION | {"name": SEEN}], SEEN),
    asked("top_logprobs", 3, "ogprobs"),
    asked("truncation", "auto"),
)


def tool(kind: str, **fields: Any) -> Case:
    """Beside a function, as agents offer them."""
    return Case(kind, {"tools": [FUNCTION, {"type": kind, **fields}]}, (SEEN,), refused="tools: ")


RESPONSES_TOOLS = (
    tool("function", name=SEEN),
    tool("custom", name=SEEN),
    tool("namespace", name="n", description="d", tools=[FUNCTION | {"name": SEEN}]),
    *(
        tool(kind)
        for kind in (
            *("file_search", "computer", "computer_use_preview", "web_search", "mcp"),
            *("web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"),
            *("code_interpreter", "programmatic_tool_calling", "image_generation"),
            *("local_shell", "shell", "tool_search", "apply_patch"),
        )
    ),
)


# --- The chat API.


def said(kind: str, *, refused: str = "messages.0.content.1: ", **fields: Any) -> Case:
    parts = [{"type": "text", "text": "look"}, {"type": kind, **fields}]
    messages = [{"role": "user", "content": parts}]
    return Case(kind, {"messages": messages}, (SEEN,), refused=refused)


CHAT_PARTS = (
    said("text", text=SEEN),
    said("image_url", image_url={"url": f"https://e/{SEEN}.png"}),
    said("file", file={"file_data": f"data:application/pdf;base64,{SEEN}", "filename": "f"}),
    said("file", file={"file_id": "file_1"}, refused="messages: an uploaded file"),
    said("input_audio", input_audio={"data": "AA==", "format": "wav"}),
    said("video_url", video_url={"url": "https://e/a.mp4"}),
    said("hologram"),
)
NESTED: Json = {"type": "function", "function": {"name": SEEN, "parameters": {"type": "object"}}}
CHAT_FIELDS = (
    *BOTH_OPENAI,
    asked("audio", {"voice": "alloy", "format": "wav"}),
    asked("frequency_penalty", 0.25, "0.25"),
    Case(
        "function_call",
        {"function_call": "auto", "functions": [{"name": "f"}]},
        refused="functions: ",
    ),
    asked("functions", [{"name": "f"}]),
    asked("logit_bias", {"50256": -100}),
    asked("logprobs", True, "ogprobs", told=("dropped:top_logprobs",)),
    asked("max_completion_tokens", 777, "777"),
    asked("max_tokens", 777, "777"),
    asked("messages", [USER | {"content": SEEN}], SEEN),
    asked("modalities", ["text", "audio"]),
    asked("n", 2),
    asked("prediction", {"type": "content", "content": "x"}),
    asked("presence_penalty", 0.25, "0.25"),
    asked("reasoning_effort", "high", "effort", "thinkingLevel"),
    asked(
        "response_format",
        {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        SEEN,
    ),
    asked("seed", 777, "777"),
    asked("stop", [SEEN], SEEN, told=("stop_sequences",)),
    asked("tools", [NESTED], SEEN),
    asked("top_logprobs", 3, "ogprobs", logprobs=True),
    asked("verbosity", "low", "verbosity"),
    asked("web_search_options", {}),
)


def spoken(name: str, message: Json, *seen: str, told: tuple[str, ...] = ()) -> Case:
    return Case(name, {"messages": [USER, message, USER]}, seen, told)


def answered(**fields: Any) -> Json:
    return {"role": "assistant", "content": "so", **fields}


CHAT_MESSAGES = (
    spoken("name", USER | {"name": "ann"}),
    spoken("audio", answered(audio={"id": "audio_1"})),
    spoken("refusal", answered(refusal=SEEN), SEEN),
    spoken("function_call", answered(function_call={"name": SEEN, "arguments": "{}"}), SEEN),
    spoken(
        "tool_calls",
        answered(
            tool_calls=[
                {"id": "c", "type": "function", "function": {"name": SEEN, "arguments": "{}"}}
            ]
        ),
        SEEN,
    ),
)
WHAT_MESSAGES_ARE_MADE_OF = frozenset({"role", "content", "tool_call_id"})


def declared(name: str, value: Any, *seen: str) -> Case:
    return Case(name, {"tools": [FUNCTION | {name: value}]}, seen)


RESPONSES_FUNCTIONS = (
    declared("name", SEEN, SEEN),
    declared("description", SEEN, SEEN),
    declared("parameters", SCHEMA, SEEN),
    declared("strict", True, '"strict":true'),
    declared("allowed_callers", ["programmatic"]),
    declared("async", True),
    declared("output_schema", SCHEMA),
)
HOW_A_TOOL_IS_OFFERED = frozenset({"type", "defer_loading"})


# --- Gemini's API.


def part(name: str, value: Any, *seen: str, role: str = "user") -> Case:
    body = {"contents": [{"role": role, "parts": [{"text": "look"}, {name: value}]}]}
    if role == "model":
        body["contents"].append({"role": "user", "parts": [{"text": "go on"}]})
    return Case(name, body, seen, refused="contents")


GEMINI_PARTS = (
    part("text", SEEN, SEEN),
    part("inlineData", {"mimeType": "image/png", "data": PIXEL}, PIXEL),
    part("inlineData", {"mimeType": "application/pdf", "data": PIXEL}, PIXEL),
    part("inlineData", {"mimeType": "text/plain", "data": "dGhlLXdpdG5lc3M="}, SEEN),
    part("inlineData", {"mimeType": "audio/mp3", "data": PIXEL}),
    part("inlineData", {"mimeType": "video/mp4", "data": PIXEL}),
    part("inlineData", {"mimeType": "application/zip", "data": PIXEL}),
    part("fileData", {"mimeType": "image/png", "fileUri": f"https://e/{SEEN}.png"}, SEEN),
    part("fileData", {"fileUri": "https://www.youtube.com/watch?v=x"}),
    part("fileData", {"mimeType": "image/png", "fileUri": "gs://b/a.png"}),
    part("functionCall", {"name": "f", "args": {"a": SEEN}}, SEEN, role="model"),
    part("functionResponse", {"name": "f", "response": {"output": SEEN}}, SEEN),
    part("executableCode", {"language": "PYTHON", "code": SEEN}, SEEN, role="model"),
    part("codeExecutionResult", {"outcome": "OUTCOME_OK", "output": SEEN}, SEEN, role="model"),
    part("toolCall", {"toolType": "GOOGLE_SEARCH", "id": "t"}, role="model"),
    part("toolResponse", {"toolType": "GOOGLE_SEARCH", "id": "t"}, role="model"),
    part("hologram", {}),
)
GEMINI_BESIDE_PARTS = tuple(
    Case(name, {"contents": [{"parts": [{"text": "look", written: value}]}]})
    for name, written, value in (
        ("videoMetadata", "videoMetadata", {"fps": 2}),
        ("partMetadata", "part_metadata", {"a": "b"}),
        ("mediaResolution", "mediaResolution", {"level": "MEDIA_RESOLUTION_LOW"}),
    )
)
REASONING_OF_GEMINI = frozenset({"thought", "thoughtSignature"})


def config(name: str, value: Any, *seen: str, told: tuple[str, ...] = (), **beside: Any) -> Case:
    body = {"generationConfig": {name: value, **beside}}
    return Case(name, body, seen, told, refused=f"generationConfig.{name}: ")


JSON_TYPE = "application/json"
GEMINI_CONFIG = (
    config("candidateCount", 2),
    config("stopSequences", [SEEN], SEEN, told=("stop_sequences",)),
    config("maxOutputTokens", 777, "777"),
    config("temperature", 0.25, "0.25"),
    config("topP", 0.25, "0.25"),
    config("topK", 7, '"top_k":7', told=("dropped:top_k",)),
    config("seed", 777, "777", told=("dropped:seed",)),
    config("presencePenalty", 0.25, "0.25", told=("dropped:presence_penalty",)),
    config("frequencyPenalty", 0.25, "0.25", told=("dropped:frequency_penalty",)),
    config("responseLogprobs", True, "ogprobs", told=("dropped:top_logprobs",)),
    config("logprobs", 3, "ogprobs", told=("dropped:top_logprobs",), responseLogprobs=True),
    config("responseMimeType", "text/x.enum", responseSchema={"type": "STRING", "enum": ["a"]}),
    config("responseMimeType", JSON_TYPE, '"json_object"', told=("dropped:output_format",)),
    config(
        "responseSchema",
        {"type": "OBJECT", "properties": {SEEN: {"type": "STRING"}}},
        SEEN,
        responseMimeType=JSON_TYPE,
    ),
    config("responseJsonSchema", SCHEMA, SEEN, responseMimeType=JSON_TYPE),
    config("responseModalities", ["TEXT", "IMAGE"]),
    config("responseFormat", [{"text": {}}]),
    config("enableEnhancedCivicAnswers", True),
    config("speechConfig", {"languageCode": "de"}),
    config("imageConfig", {"aspectRatio": "1:1"}),
    config("mediaResolution", "MEDIA_RESOLUTION_LOW"),
    config("thinkingConfig", {"thinkingBudget": 4096}, '"thinking"', "effort"),
)
GEMINI_FIELDS = (
    asked("contents", [{"parts": [{"text": SEEN}]}], SEEN),
    asked("systemInstruction", {"parts": [{"text": SEEN}]}, SEEN),
    asked("tools", [{"functionDeclarations": [{"name": SEEN}]}], SEEN),
    asked(
        "toolConfig",
        {"functionCallingConfig": {"mode": "ANY"}},
        '"any"',
        '"required"',
    ),
    asked("toolConfig", {"retrievalConfig": {"languageCode": "de"}}),
    asked("toolConfig", {"includeServerSideToolInvocations": True}),
    asked("generationConfig", {"temperature": 0.25}, "0.25"),
    asked("safetySettings", [{"category": "X", "threshold": "BLOCK_NONE"}]),
    asked("cachedContent", "cachedContents/x"),
    asked("serviceTier", "flex", "flex", told=("dropped:service_tier",)),
    asked("store", True),
    asked("labels", {"team": SEEN}, SEEN, told=("dropped:metadata",)),
)
GEMINI_TOOLS = (
    Case("functionDeclarations", {"tools": [{"functionDeclarations": [{"name": SEEN}]}]}, (SEEN,)),
    *(
        Case(
            name, {"tools": [{name: {}}]}, refused=f"tools: only models of its own API know {name}"
        )
        for name in sorted(googles("Tool") - {"functionDeclarations"})
    ),
)

HOW_IT_IS_ANSWERED = frozenset({"model", "stream", "stream_options"})
"""Which model, and whether in a stream: said in Turnout's own answer, and to some targets in the path."""

DOCUMENTED = (
    Documented(
        "openai_responses",
        "fields",
        fields_of(ResponseCreateParamsNonStreaming),
        RESPONSES_FIELDS,
        HOW_IT_IS_ANSWERED,
    ),
    Documented(
        "openai_responses",
        "items",
        frozenset(kinds_of(ResponseInputItemParam)),
        RESPONSES_ITEMS,
        REASONING_IS_ITS_MAKERS,
    ),
    Documented(
        "openai_responses",
        "parts",
        frozenset(kinds_of(ResponseInputContentParam)),
        RESPONSES_PARTS,
    ),
    Documented(
        "openai_responses",
        "functions",
        fields_of(FunctionToolParam),
        RESPONSES_FUNCTIONS,
        HOW_A_TOOL_IS_OFFERED,
    ),
    Documented("openai_responses", "tools", frozenset(kinds_of(ToolParam)), RESPONSES_TOOLS),
    Documented(
        "openai_chat",
        "fields",
        fields_of(CompletionCreateParamsNonStreaming),
        CHAT_FIELDS,
        HOW_IT_IS_ANSWERED,
    ),
    Documented(
        "openai_chat",
        "messages",
        frozenset().union(*map(fields_of, get_args(ChatCompletionMessageParam))),
        CHAT_MESSAGES,
        WHAT_MESSAGES_ARE_MADE_OF,
    ),
    Documented(
        "openai_chat", "parts", frozenset(kinds_of(ChatCompletionContentPartParam)), CHAT_PARTS
    ),
    Documented("gemini_generate", "fields", googles("Request"), GEMINI_FIELDS, HOW_IT_IS_ANSWERED),
    Documented(
        "gemini_generate",
        "parts",
        googles("Part"),
        GEMINI_PARTS + GEMINI_BESIDE_PARTS,
        REASONING_OF_GEMINI,
    ),
    Documented("gemini_generate", "config", googles("GenerationConfig"), GEMINI_CONFIG),
    Documented("gemini_generate", "tools", googles("Tool"), GEMINI_TOOLS),
)
PLAIN: dict[Dialect, Json] = {
    "openai_responses": {"model": "m", "input": [USER], "tools": [FUNCTION]},
    "openai_chat": {
        "model": "m",
        "messages": [USER],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    },
    "gemini_generate": {
        "contents": [{"parts": [{"text": "go"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
    },
}
OTHERS: tuple[Dialect, ...] = (
    "anthropic_messages",
    "openai_chat",
    "openai_responses",
    "gemini_generate",
)


@pytest.mark.parametrize("documented", DOCUMENTED, ids=lambda one: f"{one.dialect}-{one.place}")
def test_every_documented_name_has_a_case(documented: Documented) -> None:
    named = {case.name for case in documented.cases} | documented.elsewhere
    assert documented.names <= named


@pytest.mark.parametrize(
    ("dialect", "case", "to"),
    [
        pytest.param(
            one.dialect, case, to, id=f"{one.dialect}-{one.place}-{case.name}-{number}-{to}"
        )
        for one in DOCUMENTED
        for number, case in enumerate(one.cases)
        for to in OTHERS
        if to != one.dialect
    ],
)
def test_nothing_is_lost_without_a_word(dialect: Dialect, case: Case, to: Dialect) -> None:
    answer = translated(json.dumps(PLAIN[dialect] | case.body).encode(), dialect, to)
    if isinstance(answer, Unsupported):
        assert answer.message.startswith(case.refused or f"{case.name}: ")
        return
    sent, changes = answer
    told = {*(case.told or (f"dropped:{case.name}",)), "dropped:unknown_part"}
    assert told & {*changes} or any(seen in sent for seen in case.seen), (sent, changes)


def translated(
    body: bytes, dialect: Dialect, to: Dialect
) -> tuple[str, tuple[str, ...]] | Unsupported:
    """What is sent and what is told, or the refusal."""
    try:
        conversation = DIALECTS[dialect].decode_request(body, path=PATH)
        fitted = fit(conversation, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)
        sent = DIALECTS[to].encode_request(fitted.conversation, model="m", has=ABLE)
    except Unsupported as refused:
        return refused
    return sent.decode(), fitted.changes
