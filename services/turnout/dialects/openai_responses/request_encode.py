"""The neutral conversation as a responses request for one model.

Rules: a conversation comes fitted to its target (`turnout.dialects.fit`), so its numbers, ids, words of
effort and parameters go out as they are; what the answer would suffer without is refused by name
(images, documents, tools, a provider's own tools); of another dialect nothing is stored on the server,
and reasoning is asked for in the sealed form that can be sent back; a tool that is not said to be
strict is said not to be, because the API tries to make it so where the word is left out; the same
conversation gives the same bytes, and one more message leaves the bytes of those before it alone.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from turnout.capabilities import Capabilities
from turnout.dialects.conversation import (
    Conversation,
    OutputFormat,
    ServerTool,
    Tool,
    joined_text,
)
from turnout.dialects.offered_tools import offered_tools
from turnout.dialects.openai_requests import grammar_of, vendor_fields
from turnout.dialects.openai_responses.items_decode import LOADED
from turnout.dialects.openai_responses.items_encode import encode_items, encode_own_message
from turnout.dialects.openai_responses.parts_encode import Json, PartEncoder
from turnout.dialects.openai_responses.request_decode import (
    INSTRUCTIONS,
    LOGPROBS,
    STRING_INPUT,
)
from turnout.dialects.openai_responses.tool_names import TOOL_SEARCH, split_name
from turnout.dialects.openai_responses.tools_decode import NAMESPACE
from turnout.dialects.reading import ObjectReader, raw_fields
from turnout.errors import Unsupported

_SEALED_REASONING: Final = "reasoning.encrypted_content"
_SUMMARIES: Final = {
    "auto": "auto",
    "concise": "concise",
    "detailed": "detailed",
    # Anthropic's and Gemini's words for reasoning that is to be shown.
    "summarized": "auto",
    "included": "auto",
}

_NO_PARAMETERS: Final = b'{"type":"object","properties":{}}'


def encode_request(conversation: Conversation, *, model: str, has: Capabilities) -> bytes:
    own = conversation.dialect == "openai_responses"
    body: Json = {"model": model}
    if own:
        body |= dict(_own_input(conversation, has=has))
    else:
        body["input"] = encode_items(conversation, model=model, has=has)
    tools = list(_own_tools(conversation) if own else _tools(conversation))
    if tools and not has.tools:
        raise Unsupported("tools: the target model takes none")
    if tools:
        body["tools"] = tools
        if conversation.tool_choice is not None and not own:
            body["tool_choice"] = _tool_choice(conversation)
    if conversation.parallel_tools is not None and (tools or own):
        body["parallel_tool_calls"] = conversation.parallel_tools
    body |= dict(_limits(conversation))
    if conversation.prompt_cache_key:
        body["prompt_cache_key"] = conversation.prompt_cache_key
    if conversation.stream:
        body["stream"] = True
    if not own:
        body |= dict(_fields(conversation, has=has))
    body |= dict(vendor_fields(conversation, to="openai_responses"))
    return msgspec.json.encode(body)


def _limits(conversation: Conversation) -> Iterator[tuple[str, object]]:
    if conversation.max_output_tokens is not None:
        yield "max_output_tokens", conversation.max_output_tokens
    if conversation.sampling.temperature is not None:
        yield "temperature", conversation.sampling.temperature
    if conversation.sampling.top_p is not None:
        yield "top_p", conversation.sampling.top_p


def _fields(conversation: Conversation, *, has: Capabilities) -> Iterator[tuple[str, object]]:
    """What a conversation of another dialect asks for in fields of its own."""
    include: list[str] = []
    if has.thinking:
        reasoning: Json = {}
        if conversation.thinking.effort:
            reasoning["effort"] = conversation.thinking.effort
        summary = _SUMMARIES.get(conversation.thinking.display)
        if summary:
            reasoning["summary"] = summary
        if reasoning:
            yield "reasoning", reasoning
        include.append(_SEALED_REASONING)
    logprobs = conversation.sampling.top_logprobs
    if logprobs is not None:
        yield "top_logprobs", logprobs
        include.append(LOGPROBS)
    text: Json = {}
    if conversation.output_format is not None:
        text["format"] = _format(conversation.output_format)
    if conversation.verbosity:
        text["verbosity"] = conversation.verbosity
    if text:
        yield "text", text
    if include:
        yield "include", include
    yield "store", False


def _format(wanted: OutputFormat) -> Json:
    if wanted.kind == "json":
        return {"type": "json_object"}
    shown: Json = {"type": "json_schema", "name": wanted.name or "answer"}
    shown["schema"] = msgspec.Raw(wanted.schema.encode() or b"{}")
    if wanted.strict is not None:
        shown["strict"] = wanted.strict
    return shown


def _tools(conversation: Conversation) -> Iterator[Json]:
    for tool in offered_tools(conversation):
        if isinstance(tool, ServerTool):
            raise Unsupported(f"tools: only models of its own API know {tool.kind}")
        shown: Json = {"type": tool.kind, "name": tool.name}
        if tool.description:
            shown["description"] = tool.description
        if tool.kind == "custom":
            if tool.format:
                shown["format"] = msgspec.Raw(grammar_of(tool.format, nested=False).encode())
        else:
            shown["parameters"] = msgspec.Raw(tool.schema.encode() or _NO_PARAMETERS)
            shown["strict"] = tool.strict is True
        yield shown


def _tool_choice(conversation: Conversation) -> object:
    choice = conversation.tool_choice
    assert choice is not None
    kinds = {tool.name: tool.kind for tool in conversation.tools if isinstance(tool, Tool)}
    named = [{"type": kinds.get(name, "function"), "name": name} for name in choice.names]
    if choice.mode == "named" and len(named) == 1:
        return named[0]
    if named and choice.mode != "none":
        mode = "auto" if choice.mode == "auto" else "required"
        return {"type": "allowed_tools", "mode": mode, "tools": named}
    return "required" if choice.mode == "named" else choice.mode


def _own_input(conversation: Conversation, *, has: Capabilities) -> Iterator[tuple[str, object]]:
    parts = PartEncoder(conversation, has)
    messages = list(conversation.messages)
    if messages and messages[0].extras == INSTRUCTIONS:
        yield "instructions", joined_text(messages.pop(0).parts)
    if len(messages) == 1 and messages[0].extras == STRING_INPUT:
        yield "input", joined_text(messages[0].parts)
        return
    items: list[Json] = []
    for message in messages:
        items += encode_own_message(message, parts, thinks=has.thinking)
    yield "input", items


def _own_tools(conversation: Conversation) -> Iterator[object]:
    namespace: Json = {}
    members: list[Json] = []
    for tool in conversation.tools:
        head = dict(tool.extras).get(NAMESPACE, "") if isinstance(tool, Tool) else ""
        if head != "null" and namespace:
            yield namespace | {"tools": members}
            namespace, members = {}, []
        if isinstance(tool, ServerTool):
            if tool.json:
                yield msgspec.Raw(tool.json.encode())
        elif tool.extras == LOADED:
            continue
        elif head:
            if head != "null":
                namespace = raw_fields(ObjectReader(head.encode(), NAMESPACE).rest())
            members.append(_own_tool(tool))
        else:
            yield _own_tool(tool)
    if namespace:
        yield namespace | {"tools": members}


def _own_tool(tool: Tool) -> Json:
    is_search = tool.name == TOOL_SEARCH and tool.kind == "function"
    shown: Json = {} if is_search else {"type": tool.kind, "name": split_name(tool.name)[1]}
    if tool.description:
        shown["description"] = tool.description
    if tool.format:
        shown["format"] = msgspec.Raw(tool.format.encode())
    if tool.schema:
        shown["parameters"] = msgspec.Raw(tool.schema.encode())
    if tool.strict is not None:
        shown["strict"] = tool.strict
    if tool.is_deferred:
        shown["defer_loading"] = True
    extras = ((name, json) for name, json in tool.extras if name != NAMESPACE)
    return shown | raw_fields(tuple(extras))
