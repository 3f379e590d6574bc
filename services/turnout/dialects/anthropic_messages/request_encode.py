"""The neutral conversation into a messages request.

Rules: a conversation comes fitted to its target (`turnout.dialects.fit`), so its numbers, schemas, stop
sequences and forms of thinking go out as they are; one of another dialect is arranged as the API
insists (`turns`) and gets breakpoints (`breakpoints`). `max_tokens` is required: what the client asked
for, else all that the model can write.
"""

from typing import Final

import msgspec

from turnout.capabilities import Capabilities
from turnout.dialects.anthropic_messages.breakpoints import lifetime_of, place
from turnout.dialects.anthropic_messages.parts_encode import Json, PartEncoder
from turnout.dialects.anthropic_messages.turns import arrange, leading_system
from turnout.dialects.cache_markers import cache_marker
from turnout.dialects.conversation import (
    Conversation,
    Fields,
    Message,
    ServerTool,
    Tool,
    joined_text,
)
from turnout.dialects.reading import raw_fields
from turnout.errors import Unsupported

DEFAULT_MAX_OUTPUT_TOKENS: Final = 32_000
"""Of a model whose limit is not known: what Claude Code asks of a model it does not know."""

_NO_SCHEMA: Final = b'{"type":"object","properties":{}}'
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def encode_request(conversation: Conversation, *, model: str, has: Capabilities) -> bytes:
    own = conversation.dialect == "anthropic_messages"
    parts = PartEncoder(has, own=own)
    tools = [_tool(tool, own=own) for tool in conversation.tools]
    if tools and not has.tools:
        raise Unsupported("tools: the target model takes none")
    body: Json = {"model": model, "max_tokens": _max_tokens(conversation, has)}
    if own:
        system, messages = _own_messages(conversation, parts)
    else:
        system, messages = _foreign_messages(conversation, parts, tools, has)
    if system:
        body["system"] = system
    if tools:
        body["tools"] = tools
    choice = _tool_choice(conversation)
    if choice:
        body["tool_choice"] = choice
    body["messages"] = messages
    body |= _sampling(conversation)
    body |= _controls(conversation, own=own)
    metadata = raw_fields(conversation.metadata) if own else {}
    if conversation.user:
        metadata = {"user_id": conversation.user} | metadata
    if metadata:
        body["metadata"] = metadata
    if conversation.stream:
        body["stream"] = True
    return msgspec.json.encode(body)


def _max_tokens(conversation: Conversation, has: Capabilities) -> int:
    if conversation.max_output_tokens is None:
        return has.max_output_tokens or DEFAULT_MAX_OUTPUT_TOKENS
    return conversation.max_output_tokens


def _own_messages(conversation: Conversation, parts: PartEncoder) -> tuple[object, list[Json]]:
    messages = list(conversation.messages)
    system: object = None
    if messages[0].role == "system":
        # Only the top-level `system` can be in front: the API wants a user message first.
        system = _content(messages.pop(0), parts)
    encoded: list[Json] = []
    for message in messages:
        extras = raw_fields(message.extras)
        encoded.append({"role": message.role, "content": _content(message, parts)} | extras)
    return system, encoded


def _content(message: Message, parts: PartEncoder) -> object:
    return joined_text(message.parts) if message.is_plain else parts.blocks(message.parts)


def _foreign_messages(
    conversation: Conversation, parts: PartEncoder, tools: list[Json], has: Capabilities
) -> tuple[list[Json], list[Json]]:
    leading = leading_system(conversation.messages)
    system: list[Json] = []
    for message in conversation.messages[:leading]:
        text = joined_text(message.parts)
        if text.strip():
            system.append({"type": "text", "text": text})
    turns = [
        (turn.role, blocks)
        for turn in arrange(conversation.messages[leading:])
        if (blocks := parts.blocks(turn.parts))
    ]
    if has.prompt_caching:
        place(tools=tools, system=system, messages=turns, lifetime=lifetime_of(conversation))
    return system, [{"role": role, "content": blocks} for role, blocks in turns]


def _tool(tool: Tool | ServerTool, *, own: bool) -> Json:
    if isinstance(tool, ServerTool):
        if tool.dialect != "anthropic_messages":
            raise Unsupported(f"tools: {tool.kind} is run by another provider")
        return dict(_OBJECT.decode(tool.json))
    encoded: Json = {"name": tool.name}
    if tool.description:
        encoded["description"] = tool.description
    if own:
        if tool.schema:
            encoded["input_schema"] = msgspec.Raw(tool.schema.encode())
        if tool.strict is not None:
            encoded["strict"] = tool.strict
        if tool.is_deferred:
            encoded["defer_loading"] = True
        return encoded | raw_fields(tool.extras) | cache_marker(tool.cache)
    encoded["input_schema"] = msgspec.Raw(tool.schema.encode() or _NO_SCHEMA)
    return encoded


def _tool_choice(conversation: Conversation) -> Json:
    if not conversation.tools:
        return {}
    choice = conversation.tool_choice
    encoded: Json = {}
    if choice is not None:
        match choice.mode:
            case "auto":
                encoded = {"type": "auto"}
            case "none":
                return {"type": "none"}
            case "named" if len(choice.names) == 1:
                encoded = {"type": "tool", "name": choice.names[0]}
            case "required" | "named":
                encoded = {"type": "any"}
    if conversation.parallel_tools is not None and (encoded or not conversation.parallel_tools):
        encoded = encoded or {"type": "auto"}
        encoded["disable_parallel_tool_use"] = not conversation.parallel_tools
    return encoded


def _sampling(conversation: Conversation) -> Json:
    sampling = conversation.sampling
    encoded: Json = {}
    if sampling.temperature is not None:
        encoded["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        encoded["top_p"] = sampling.top_p
    if sampling.top_k is not None:
        encoded["top_k"] = sampling.top_k
    if conversation.stop_sequences:
        encoded["stop_sequences"] = conversation.stop_sequences
    return encoded


def _controls(conversation: Conversation, *, own: bool) -> Json:
    encoded: Json = {}
    config: Json = {}
    wanted = conversation.output_format
    if wanted is not None and wanted.kind == "json_schema":
        schema = msgspec.Raw(wanted.schema.encode() or b"{}")
        config["format"] = {"type": "json_schema", "schema": schema}
    extras: Fields = ()
    if conversation.thinking.effort:
        config["effort"] = conversation.thinking.effort
    encoded |= _thinking(conversation)
    if own:
        if conversation.service_tier:
            encoded["service_tier"] = conversation.service_tier
        extras = conversation.extras
    for name, value in raw_fields(extras).items():
        if name == "output_config":
            config |= raw_fields(_members(dict(extras)[name]))
        else:
            encoded[name] = value
    if config:
        encoded["output_config"] = config
    return encoded


def _members(json: str) -> Fields:
    return tuple((name, bytes(raw).decode()) for name, raw in _OBJECT.decode(json).items())


def _thinking(conversation: Conversation) -> Json:
    thinking = conversation.thinking
    encoded: Json = {}
    match thinking.mode:
        case None:
            return {}
        case "off":
            return {"thinking": {"type": "disabled"}}
        case "between_tools":
            # Any other field beside it draws a 400.
            return {"thinking": {"type": "between_tools"}}
        case "on":
            encoded["type"] = "enabled"
        case "adaptive":
            encoded["type"] = "adaptive"
    if thinking.budget_tokens is not None:
        encoded["budget_tokens"] = thinking.budget_tokens
    if thinking.display:
        encoded["display"] = thinking.display
    if thinking.drops_unbound:
        encoded["block_binding"] = {"prefix_mismatch_behavior": "drop_block"}
    return {"thinking": encoded}
