"""A messages request into the neutral conversation.

Rules: the top-level `system` is a system message in front, and system messages among the others
stay at their place; what the client sends for Anthropic alone (its billing line, system messages
that are shown no more) is opaque; fields that are not known here stay as extras of the request,
message or block they stood on.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from turnout.dialects.anthropic_messages.bound import bound_fields
from turnout.dialects.anthropic_messages.parts_decode import decode_content
from turnout.dialects.anthropic_messages.tools_decode import decode_tool
from turnout.dialects.anthropic_messages.usual import usual_message, usual_tool
from turnout.dialects.conversation import (
    Conversation,
    Fields,
    Message,
    Opaque,
    OutputFormat,
    Part,
    Role,
    Sampling,
    Text,
    ThinkingControl,
    ThinkingMode,
    ToolChoice,
)
from turnout.dialects.reading import ObjectReader, raw_fields
from turnout.errors import InvalidRequest

BILLING_LINE: Final = "x-anthropic-billing-header"
CLEARED: Final = ("clear_at", '"next_user_message"')

_ROLES: Final[dict[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}


def decode_request(body: bytes) -> Conversation:
    fields = ObjectReader(body, "")
    model = fields.required_string("model")
    messages = _system(fields) + _messages(fields)
    tools = tuple(
        [
            usual_tool(raw) or decode_tool(raw, f"tools.{n}")
            for n, raw in enumerate(fields.list("tools") or ())
        ]
    )
    tool_choice, parallel_tools = _tool_choice(fields)
    thinking, output_format, config = _controls(fields)
    user, metadata = _metadata(fields)
    limit = fields.integer("max_tokens")
    sampling = Sampling(
        temperature=fields.number("temperature"),
        top_p=fields.number("top_p"),
        top_k=fields.integer("top_k"),
    )
    stops, stream = fields.strings("stop_sequences"), bool(fields.boolean("stream"))
    tier = fields.string("service_tier") or ""
    extras = config + fields.rest()
    return Conversation(
        dialect="anthropic_messages",
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=tool_choice,
        parallel_tools=parallel_tools,
        sampling=sampling,
        max_output_tokens=limit,
        stop_sequences=stops,
        output_format=output_format,
        thinking=thinking,
        stream=stream,
        user=user,
        metadata=metadata,
        service_tier=tier,
        bound=bound_fields(dict(extras), limit),
        extras=extras,
    )


def _system(fields: ObjectReader) -> tuple[Message, ...]:
    raw = fields.raw("system")
    if raw is None:
        return ()
    parts, is_plain = decode_content(raw, "system")
    parts = tuple(_hidden(part) if _is_billing(part) else part for part in parts)
    return (Message("system", parts, is_plain=is_plain),) if parts else ()


def _is_billing(part: Part) -> bool:
    """Claude Code's billing line is for Anthropic alone, and differs from request to request."""
    return isinstance(part, Text) and part.text.startswith(BILLING_LINE)


def _hidden(part: Part) -> Part:
    """A text that no other dialect is shown."""
    if not isinstance(part, Text):
        return part
    block = msgspec.json.encode({"type": "text", "text": part.text} | raw_fields(part.extras))
    return Opaque("anthropic_messages", "text", block.decode())


def _without_cleared(messages: Sequence[Message]) -> tuple[Message, ...]:
    """System messages that are for one turn are sent on, but no longer shown, once a user message
    follows them.
    """
    users = (n for n in range(len(messages) - 1, -1, -1) if messages[n].role == "user")
    last_user = next(users, -1)
    return tuple(
        replace(message, parts=tuple(map(_hidden, message.parts)), is_plain=False)
        if number < last_user and CLEARED in message.extras
        else message
        for number, message in enumerate(messages)
    )


def _messages(fields: ObjectReader) -> tuple[Message, ...]:
    raw_messages = fields.list("messages")
    if not raw_messages:
        raise InvalidRequest("messages: required, a list of at least one message")
    return _without_cleared(
        [usual_message(raw) or _message(raw, f"messages.{n}") for n, raw in enumerate(raw_messages)]
    )


def _message(raw: msgspec.Raw, where: str) -> Message:
    fields = ObjectReader(raw, where)
    role = _ROLES.get(fields.required_string("role"))
    if role is None:
        raise InvalidRequest(f"{where}.role: must be one of user, assistant, system")
    content = fields.raw("content")
    if content is None:
        raise InvalidRequest(f"{where}.content: required, a string or a list of blocks")
    parts, is_plain = decode_content(content, f"{where}.content")
    return Message(role, parts, is_plain=is_plain, extras=fields.rest())


def _tool_choice(fields: ObjectReader) -> tuple[ToolChoice | None, bool | None]:
    choice = fields.object("tool_choice")
    if choice is None:
        return None, None
    disabled = choice.boolean("disable_parallel_tool_use")
    parallel = None if disabled is None else not disabled
    match choice.required_string("type"):
        case "auto":
            return ToolChoice("auto"), parallel
        case "any":
            return ToolChoice("required"), parallel
        case "none":
            return ToolChoice("none"), parallel
        case "tool":
            return ToolChoice("named", (choice.required_string("name"),)), parallel
        case _:
            raise InvalidRequest("tool_choice.type: must be one of auto, any, none, tool")


def _controls(fields: ObjectReader) -> tuple[ThinkingControl, OutputFormat | None, Fields]:
    """Thinking, output format, and what else stood in `output_config`."""
    mode: ThinkingMode | None = None
    budget: int | None = None
    display = ""
    thinking = fields.object("thinking")
    if thinking is not None:
        match thinking.required_string("type"):
            case "enabled":
                mode = "on"
            case "adaptive":
                mode = "adaptive"
            case "disabled":
                mode = "off"
            case "between_tools":
                mode = "between_tools"
            case _:
                raise InvalidRequest(
                    "thinking.type: must be one of enabled, adaptive, disabled, between_tools"
                )
        budget = thinking.integer("budget_tokens")
        display = thinking.string("display") or ""
    # What the beta called the field before it was one of `output_config`.
    wanted = fields.object("output_format")
    effort = ""
    rest: Fields = ()
    config = fields.object("output_config")
    if config is not None:
        effort = config.string("effort") or ""
        wanted = config.object("format") or wanted
        rest = config.rest()
    output_format = None
    if wanted is not None:
        output_format = OutputFormat("json_schema", schema=wanted.json("schema"))
    inner = ",".join(f"{utf8_name(name)}:{value}" for name, value in rest)
    extras: Fields = (("output_config", "{" + inner + "}"),) if rest else ()
    return ThinkingControl(mode, budget, effort=effort, display=display), output_format, extras


def utf8_name(name: str) -> str:
    return msgspec.json.encode(name).decode()


def _metadata(fields: ObjectReader) -> tuple[str, Fields]:
    metadata = fields.object("metadata")
    if metadata is None:
        return "", ()
    return metadata.string("user_id") or "", metadata.rest()
