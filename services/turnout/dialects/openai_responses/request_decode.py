"""A responses request into the neutral conversation.

Rules: `instructions` is a system message in front that remembers where it stood; items keep their
order and place (`items_decode`); settings that come as objects (`text`, `reasoning`, `tool_choice`)
are read and also kept as they were written, so that they come back whole; what lives on OpenAI's
servers (a stored response, a conversation, a prompt template) is refused by name, because nobody
else has it and the answer would be to another question.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from turnout.bonds import refused
from turnout.dialects.conversation import (
    Conversation,
    Fields,
    JsonText,
    Message,
    OutputFormat,
    Sampling,
    Text,
    ThinkingControl,
    ToolChoice,
)
from turnout.dialects.openai_responses.items_decode import ItemsDecoder
from turnout.dialects.openai_responses.tools_decode import decode_choice, decode_tools
from turnout.dialects.reading import ObjectReader, decode_list, decode_string
from turnout.errors import InvalidRequest, Unsupported

INSTRUCTIONS: Final[Fields] = (("field", '"instructions"'),)
STRING_INPUT: Final[Fields] = (("field", '"input"'),)
"""Where a message stood that was no item."""

LOGPROBS: Final = "message.output_text.logprobs"
"""What `include` says when log probabilities are wanted."""

_SETTINGS: Final = ("tool_choice", "text", "reasoning", "include", "top_logprobs")

_ON_THE_SERVER: Final = ("previous_response_id", "conversation", "prompt")


def decode_request(body: bytes) -> Conversation:
    fields = ObjectReader(body, "")
    _refuse_what_lives_on_the_server(fields)
    model = fields.string("model") or ""
    instructions = fields.string("instructions")
    messages: list[Message] = []
    if instructions is not None:
        messages.append(
            Message("system", (Text(instructions),), is_plain=True, extras=INSTRUCTIONS)
        )
    items = ItemsDecoder()
    messages += _input(fields, items)
    tools = decode_tools(fields.list("tools") or [], "tools")
    known = {tool.name for tool in tools}
    user, safety = fields.string("user"), fields.string("safety_identifier")
    metadata = fields.object("metadata")
    kept = [(name, fields.json(name)) for name in _SETTINGS]
    settings = dict(kept)
    output_format, verbosity = _text(settings["text"])
    extras: Fields = tuple((name, json) for name, json in kept if json)
    if safety is not None:
        both = (("user", user), ("safety_identifier", safety))
        extras += tuple((name, _quoted(text)) for name, text in both if text is not None)
    return Conversation(
        dialect="openai_responses",
        model=model,
        messages=tuple(messages),
        tools=tools + tuple(tool for tool in items.loaded if tool.name not in known),
        tool_choice=_choice(settings["tool_choice"]),
        parallel_tools=fields.boolean("parallel_tool_calls"),
        sampling=Sampling(
            temperature=fields.number("temperature"),
            top_p=fields.number("top_p"),
            top_logprobs=_logprobs(settings),
        ),
        max_output_tokens=fields.integer("max_output_tokens"),
        output_format=output_format,
        thinking=_thinking(settings["reasoning"]),
        stream=bool(fields.boolean("stream")),
        user=user or safety or "",
        metadata=() if metadata is None else metadata.rest(),
        service_tier=fields.string("service_tier") or "",
        verbosity=verbosity,
        prompt_cache_key=fields.string("prompt_cache_key") or "",
        extras=extras + fields.rest(),
    )


def _refuse_what_lives_on_the_server(fields: ObjectReader) -> None:
    for name in _ON_THE_SERVER:
        if fields.raw(name) is not None:
            raise Unsupported(refused("openai_responses", name))
    if fields.boolean("background"):
        raise Unsupported(refused("openai_responses", "background"))


def _input(fields: ObjectReader, items: ItemsDecoder) -> list[Message]:
    raw = fields.raw("input")
    if raw is None:
        raise InvalidRequest("input: required, a string or a list of items")
    if raw.startswith(b'"'):
        text = Text(decode_string(raw, "input"))
        return [Message("user", (text,), is_plain=True, extras=STRING_INPUT)]
    raws = decode_list(raw, "input")
    if not raws:
        raise InvalidRequest("input: must hold at least one item")
    items.decode(raws)
    return items.messages


def _choice(json: JsonText) -> ToolChoice | None:
    return decode_choice(json.encode()) if json else None


def _text(json: JsonText) -> tuple[OutputFormat | None, str]:
    if not json:
        return None, ""
    text = ObjectReader(json.encode(), "text")
    verbosity = text.string("verbosity") or ""
    wanted = text.object("format")
    if wanted is None:
        return None, verbosity
    match wanted.string("type"):
        case "json_object":
            return OutputFormat("json"), verbosity
        case "json_schema":
            schema = wanted.json("schema")
            name = wanted.string("name") or ""
            strict = wanted.boolean("strict")
            return OutputFormat("json_schema", schema=schema, name=name, strict=strict), verbosity
        case "text" | None:
            return None, verbosity
        case _:
            raise InvalidRequest("text.format.type: must be text, json_object or json_schema")


def _thinking(json: JsonText) -> ThinkingControl:
    if not json:
        return ThinkingControl()
    reasoning = ObjectReader(json.encode(), "reasoning")
    summary = reasoning.string("summary") or reasoning.string("generate_summary") or ""
    return ThinkingControl(effort=reasoning.string("effort") or "", display=summary)


def _logprobs(settings: Mapping[str, JsonText]) -> int | None:
    if settings["top_logprobs"]:
        wanted = b'{"top_logprobs":%b}' % settings["top_logprobs"].encode()
        return ObjectReader(wanted, "").integer("top_logprobs")
    return 0 if LOGPROBS in settings["include"] else None


def _quoted(text: str) -> JsonText:
    return msgspec.json.encode(text).decode()
