"""A request into the neutral conversation.

Rules: the path says which model and whether it is a stream; a body of `countTokens` may hold the
request one level deeper; fields that are not known here stay as extras of the request, content or
part they stood on; a tool that Google runs is a server tool; what asks for something that no neutral
answer can hold, or that lies at Google, is refused by name.
Source: https://ai.google.dev/api/generate-content
"""

from typing import Final, Literal

import msgspec

from turnout.bonds import refused
from turnout.dialects.conversation import (
    Conversation,
    Fields,
    JsonText,
    Message,
    OutputFormat,
    Part,
    Role,
    Sampling,
    ServerTool,
    Text,
    ThinkingControl,
    Tool,
    ToolChoice,
)
from turnout.dialects.endpoints import gemini_call
from turnout.dialects.gemini_generate.contents_decode import ContentsDecoder
from turnout.dialects.gemini_generate.fields import JSON_MEDIA_TYPE, WireFields, bound_forms
from turnout.dialects.gemini_generate.schema import json_schema
from turnout.dialects.gemini_generate.usual import usual_content, usual_tool
from turnout.dialects.reading import decode_list, decode_string, utf8
from turnout.errors import InvalidRequest, Unsupported

_MODEL_PREFIX: Final = "models/"


def decode_request(body: bytes, *, path: str) -> Conversation:
    fields = WireFields(body, "")
    deeper = fields.object("generateContentRequest")
    if deeper is not None:
        fields = deeper
    call = gemini_call(path)
    named = (fields.string("model") or "").removeprefix(_MODEL_PREFIX)
    if fields.raw("cachedContent") is not None:
        raise Unsupported(refused("gemini_generate", "cachedContent"))
    messages = _system(fields) + _contents(fields)
    config = fields.object("generationConfig") or WireFields(b"{}", "generationConfig")
    if (config.integer("candidateCount") or 1) > 1:
        raise Unsupported(refused("gemini_generate", "candidateCount"))
    tool_choice, tool_config = _tool_choice(fields)
    tools = _tools(fields)
    labels = fields.object("labels")
    thinking = _thinking(config)
    sampling = _sampling(config)
    limit = config.integer("maxOutputTokens")
    stops = config.strings("stopSequences")
    media_type = config.string("responseMimeType")
    wanted, formats = _output_format(config, media_type)
    modalities = config.strings("responseModalities")
    if modalities:
        formats += (("responseModalities", msgspec.json.encode(modalities).decode()),)
    form = config.json("responseFormat")
    if form:
        formats += (("responseFormat", form),)
    rest = formats + config.rest()
    extras: Fields = (("generationConfig", _object(rest)),) if rest else ()
    return Conversation(
        dialect="gemini_generate",
        model=call.model if call is not None else named,
        messages=messages,
        tools=tools,
        tool_choice=tool_choice,
        sampling=sampling,
        max_output_tokens=limit,
        stop_sequences=stops,
        output_format=wanted,
        thinking=thinking,
        stream=call is not None and call.method == "streamGenerateContent",
        metadata=() if labels is None else labels.rest(),
        service_tier=fields.string("serviceTier") or "",
        bound=bound_forms(media_type, modalities, form),
        extras=tool_config + extras + fields.rest(),
    )


def _object(fields: Fields) -> JsonText:
    members = (f"{msgspec.json.encode(name).decode()}:{value}" for name, value in fields)
    return "{" + ",".join(members) + "}"


def _system(fields: WireFields) -> tuple[Message, ...]:
    """A content, its parts alone, or a text."""
    raw = fields.raw("systemInstruction")
    if raw is None:
        return ()
    where = "systemInstruction"
    match raw[:1]:
        case b'"':
            return (Message("system", (Text(decode_string(raw, where)),), is_plain=True),)
        case b"[":
            parts = decode_list(raw, where)
            extras: Fields = ()
        case _:
            content = WireFields(raw, where)
            text = content.string("text")
            if text is not None:
                return (Message("system", (Text(text),)),)
            parts = content.list("parts") or []
            extras = content.rest()
    decoder = ContentsDecoder()
    found: list[Part] = []
    for number, part in enumerate(parts):
        found += decoder.parts([part], f"{where}.parts.{number}", numbered=False)
    return (Message("system", tuple(found), extras=extras),) if found else ()


def _contents(fields: WireFields) -> tuple[Message, ...]:
    raw = fields.raw("contents")
    if raw is None:
        raise InvalidRequest("contents: required, a list of at least one content")
    # The SDKs take one content or a text; some clients pass that on.
    contents = [msgspec.Raw(raw)] if raw[:1] == b"{" else decode_list(raw, "contents")
    if not contents:
        raise InvalidRequest("contents: required, a list of at least one content")
    decoder = ContentsDecoder()
    return tuple([_content(decoder, raw, number) for number, raw in enumerate(contents)])


def _content(decoder: ContentsDecoder, raw: msgspec.Raw, number: int) -> Message:
    usual = usual_content(raw)
    if usual is not None:
        if usual.role == "model":
            decoder.begin_answer()
        side: Role = "assistant" if usual.role == "model" else "user"
        return Message(side, tuple(decoder.usual_parts(usual)))
    where = f"contents.{number}"
    fields = WireFields(raw, where)
    written = fields.string("role")
    role: Role = "user"
    extras: Fields = ()
    match written:
        case "model":
            role = "assistant"
            decoder.begin_answer()
        case "function":
            extras = (("role", '"function"'),)
        case "user" | "" | None:
            pass
        case _:
            raise InvalidRequest(f"{where}.role: must be one of user, model, function")
    parts = decoder.parts(fields.list("parts") or [], f"{where}.parts", numbered=True)
    return Message(role, tuple(parts), extras=extras + fields.rest())


def _tools(fields: WireFields) -> tuple[Tool | ServerTool, ...]:
    tools: list[Tool | ServerTool] = []
    raws = fields.raw("tools")
    if raws is None:
        return ()
    listed = [msgspec.Raw(raws)] if raws[:1] == b"{" else decode_list(raws, "tools")
    for number, raw in enumerate(listed):
        where = f"tools.{number}"
        entry = WireFields(raw, where)
        declared = entry.list("functionDeclarations") or []
        tools += [
            usual_tool(one) or _tool(WireFields(one, f"{where}.functionDeclarations.{n}"))
            for n, one in enumerate(declared)
        ]
        for name, json in entry.rest():
            tools.append(ServerTool("gemini_generate", name, name, json))
    return tuple(tools)


def _tool(declared: WireFields) -> Tool:
    name = declared.required_string("name")
    description = declared.string("description") or ""
    schema, openapi = declared.json("parametersJsonSchema"), declared.json("parameters")
    # For this dialect as it was written; for others as JSON schema.
    written: Fields = (("parameters", openapi),) if openapi and not schema else ()
    return Tool(
        name,
        description,
        schema=schema or (json_schema(openapi) if openapi else ""),
        extras=written + declared.rest(),
    )


def _tool_choice(fields: WireFields) -> tuple[ToolChoice | None, Fields]:
    """The choice, and the whole configuration where it says more than a neutral choice can."""
    raw = fields.raw("toolConfig")
    if raw is None:
        return None, ()
    whole: Fields = (("toolConfig", utf8("toolConfig", raw)),)
    config = WireFields(raw, "toolConfig")
    calling = config.object("functionCallingConfig")
    if calling is None:
        return None, whole
    mode, names = calling.word("mode"), calling.strings("allowedFunctionNames")
    if not config.rest() and not calling.rest() and mode != "VALIDATED":
        whole = ()
    match mode:
        case "NONE":
            return ToolChoice("none"), whole
        case "ANY" if names:
            return ToolChoice("named", names), whole
        case "ANY":
            return ToolChoice("required"), whole
        case "AUTO" | "VALIDATED" | "MODE_UNSPECIFIED" | "":
            return ToolChoice("auto", names), whole
        case _:
            raise InvalidRequest(
                f"{calling.path('mode')}: must be one of AUTO, ANY, NONE, VALIDATED"
            )


def _sampling(config: WireFields) -> Sampling:
    wanted = config.boolean("responseLogprobs")
    count = config.integer("logprobs")
    return Sampling(
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.integer("topK"),
        presence_penalty=config.number("presencePenalty"),
        frequency_penalty=config.number("frequencyPenalty"),
        seed=config.integer("seed"),
        top_logprobs=(count or 0) if wanted else None,
    )


def _thinking(config: WireFields) -> ThinkingControl:
    wanted = config.object("thinkingConfig")
    if wanted is None:
        return ThinkingControl()
    budget = wanted.integer("thinkingBudget")
    level = wanted.word("thinkingLevel")
    shown = wanted.boolean("includeThoughts")
    mode: Literal["off", "on", "adaptive"] | None = None
    match budget:
        case None:
            pass
        case 0:
            mode = "off"
        case _ if budget < 0:
            mode, budget = "adaptive", None
        case _:
            mode = "on"
    if level == "THINKING_LEVEL_UNSPECIFIED":
        level = ""
    display = "" if shown is None else "included" if shown else "omitted"
    return ThinkingControl(
        mode, budget if mode == "on" else None, effort=level.lower(), display=display
    )


def _output_format(
    config: WireFields, media_type: str | None
) -> tuple[OutputFormat | None, Fields]:
    """The format, and the fields that say it where they say more."""
    schema, openapi = config.json("responseJsonSchema"), config.json("responseSchema")
    if media_type not in {None, JSON_MEDIA_TYPE}:
        written = (
            ("responseMimeType", msgspec.json.encode(media_type).decode()),
            ("responseJsonSchema", schema),
            ("responseSchema", openapi),
        )
        return None, tuple((name, value) for name, value in written if value)
    if schema:
        return OutputFormat("json_schema", schema=schema), ()
    if openapi:
        wanted = OutputFormat("json_schema", schema=json_schema(openapi))
        return wanted, (("responseSchema", openapi),)
    return (OutputFormat("json"), ()) if media_type else (None, ())
