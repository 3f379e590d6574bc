"""The neutral conversation as a chat request for one model.

Rules: a conversation comes fitted to its target (`turnout.dialects.fit`), so its numbers, ids, words of
effort and parameters go out as they are; cache markers, which this wire has not, are left out; what
single endpoints refuse of its fields is taken out behind this (`turnout.dialects.reshape`); what the
answer would suffer without is refused by name (images, documents, tools, a provider's own tools);
fields of this dialect that the client sent come back in its characters; the same conversation
gives the same bytes, and one more message leaves the bytes of those before it alone.
"""

from collections.abc import Iterator

import msgspec

from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.cache_markers import cache_marker
from turnout.dialects.conversation import (
    Conversation,
    ServerTool,
    Tool,
)
from turnout.dialects.offered_tools import offered_tools
from turnout.dialects.openai_chat.messages_encode import (
    encode_messages,
)
from turnout.dialects.openai_requests import grammar_of, vendor_fields
from turnout.dialects.reading import raw_fields
from turnout.errors import Unsupported

_Json = dict[str, object]


def encode_request(conversation: Conversation, *, model: str, has: Capabilities) -> bytes:
    body: _Json = {"model": model}
    body["messages"] = encode_messages(conversation, model=model, has=has)
    body |= dict(_tools(conversation, has=has))
    body |= dict(_limits(conversation))
    body |= dict(_sampling(conversation))
    if conversation.thinking.effort:
        body["reasoning_effort"] = conversation.thinking.effort
    if conversation.output_format is not None:
        body["response_format"] = _response_format(conversation)
    if conversation.verbosity:
        body["verbosity"] = conversation.verbosity
    if conversation.prompt_cache_key:
        body["prompt_cache_key"] = conversation.prompt_cache_key
    if conversation.stream:
        body["stream"] = True
        # Always asked for: without it nobody knows what the answer cost.
        body["stream_options"] = {"include_usage": True}
    body |= dict(vendor_fields(conversation, to="openai_chat"))
    return msgspec.json.encode(body)


def _limits(conversation: Conversation) -> Iterator[tuple[str, object]]:
    if conversation.max_output_tokens is not None:
        # The old name, `max_tokens`, is among the quirks of servers that know no other.
        yield "max_completion_tokens", conversation.max_output_tokens
    if conversation.stop_sequences:
        yield "stop", list(conversation.stop_sequences)


def _sampling(conversation: Conversation) -> Iterator[tuple[str, object]]:
    sampling = conversation.sampling
    values: dict[str, float | int | None] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "seed": sampling.seed,
        # No field of OpenAI's; vLLM and others take it from clients that know them.
        "top_k": sampling.top_k,
    }
    for name, value in values.items():
        if value is not None:
            yield name, value
    if sampling.top_logprobs is not None:
        yield "logprobs", True
        if sampling.top_logprobs:
            yield "top_logprobs", sampling.top_logprobs


def _response_format(conversation: Conversation) -> _Json:
    wanted = conversation.output_format
    assert wanted is not None
    if wanted.kind == "json":
        return {"type": "json_object"}
    inner: _Json = {"name": wanted.name or "answer"}
    if wanted.schema:
        inner["schema"] = msgspec.Raw(wanted.schema.encode())
    if wanted.strict is not None:
        inner["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": inner}


def _tools(conversation: Conversation, *, has: Capabilities) -> Iterator[tuple[str, object]]:
    tools: list[object] = []
    for tool in offered_tools(conversation):
        match tool:
            case ServerTool(dialect="openai_chat", kind="web_search_options", json=json):
                yield "web_search_options", msgspec.Raw(json.encode())
            case ServerTool(dialect="openai_chat", json=json):
                tools.append(msgspec.Raw(json.encode()))
            case ServerTool(kind=kind):
                raise Unsupported(f"tools: only models of its own API know {kind}")
            case Tool():
                tools.append(_tool(tool, conversation.dialect))
    if not tools:
        return
    if not has.tools:
        raise Unsupported("tools: the target model takes none")
    yield "tools", tools
    if conversation.tool_choice is not None:
        yield "tool_choice", _tool_choice(conversation)
    if conversation.parallel_tools is not None:
        yield "parallel_tool_calls", conversation.parallel_tools


def _tool(tool: Tool, said_in: Dialect) -> _Json:
    own = said_in == "openai_chat"
    inner: _Json = {"name": tool.name}
    if tool.description:
        inner["description"] = tool.description
    if tool.kind == "custom":
        if tool.format:
            written = tool.format if own else grammar_of(tool.format, nested=True)
            inner["format"] = msgspec.Raw(written.encode())
    elif tool.schema:
        inner["parameters"] = msgspec.Raw(tool.schema.encode())
    if tool.strict is not None:
        inner["strict"] = tool.strict
    if own:
        inner |= raw_fields(tool.extras)
    encoded: _Json = {"type": tool.kind, tool.kind: inner}
    if own:
        encoded |= cache_marker(tool.cache)
    return encoded


def _tool_choice(conversation: Conversation) -> object:
    choice = conversation.tool_choice
    assert choice is not None
    kinds = {tool.name: tool.kind for tool in conversation.tools if isinstance(tool, Tool)}
    named = [_named(name, kinds.get(name, "function")) for name in choice.names]
    if choice.mode == "named" and len(named) == 1:
        return named[0]
    if named and choice.mode != "none":
        mode = "auto" if choice.mode == "auto" else "required"
        return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": named}}
    return "required" if choice.mode == "named" else choice.mode


def _named(name: str, kind: str) -> _Json:
    return {"type": kind, kind: {"name": name}}
