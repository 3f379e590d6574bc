"""What requests of OpenAI's two wires say alike.

Rules: ids that are too long are mapped by a digest, the same on every replay; deferred tools stand
behind the others in the order of their first use, so that the tools before them stay a prefix that
is cached; a deferred tool that is referred to is spelled out, because these wires have no reference.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from turnout.dialects.conversation import (
    Conversation,
    JsonText,
    ServerTool,
    ThinkingControl,
    Tool,
    ToolCall,
    ToolReference,
    ToolResult,
)
from turnout.dialects.prefix import digest
from turnout.dialects.reading import MALFORMED

MAX_CALL_ID_CHARACTERS: Final = 64
"""OpenAI refuses longer ones; Anthropic and Gemini clients may have made them."""

NO_RESULT: Final = "(no result)"
"""For a call that the history leaves without one: the wire refuses a call that has none."""

MEDIUM_EFFORT_FROM_TOKENS: Final = 4_096
HIGH_EFFORT_FROM_TOKENS: Final = 16_384
"""Thinking budgets of Anthropic's clients in words of effort: Claude Code's "think" is 4k, its
"megathink" 10k, its "ultrathink" 32k."""

_FIRST_WORD: Final = re.compile(r"[A-Za-z]+")


class _Grammar(msgspec.Struct):
    definition: str | None = None
    syntax: str | None = None


class _Format(_Grammar):
    type: str | None = None
    grammar: _Grammar | None = None


_FORMAT: Final = msgspec.json.Decoder(_Format)


def wire_id(call_id: str) -> str:
    """An id that the wire takes: the same for the same id, on calls and results alike."""
    if 0 < len(call_id) <= MAX_CALL_ID_CHARACTERS:
        return call_id
    return "call_" + digest(call_id.encode())


def family(model: str) -> str:
    """The first word of a model's name: `deepseek` of `deepseek/DeepSeek-V4-Pro`."""
    found = _FIRST_WORD.match(model.rpartition("/")[2])
    return "" if found is None else found.group().lower()


def effort_of(thinking: ThinkingControl) -> str:
    """OpenAI's word for how much is to be thought; "" when the client did not say."""
    if thinking.effort:
        return thinking.effort
    if thinking.mode != "on" or thinking.budget_tokens is None:
        return ""
    if thinking.budget_tokens >= HIGH_EFFORT_FROM_TOKENS:
        return "high"
    return "medium" if thinking.budget_tokens >= MEDIUM_EFFORT_FROM_TOKENS else "low"


def tool_text(conversation: Conversation, name: str) -> str:
    """A tool spelled out; its name alone where the conversation does not have it."""
    for tool in conversation.tools:
        if isinstance(tool, Tool) and tool.name == name:
            return spelled_out(name, tool.description, tool.schema)
    return name


def spelled_out(name: str, description: str, schema: JsonText) -> str:
    shown: dict[str, object] = {"name": name, "description": description}
    if schema:
        shown["parameters"] = msgspec.Raw(schema.encode())
    return msgspec.json.encode(shown).decode()


def grammar_of(tool_format: JsonText, *, nested: bool) -> JsonText:
    """The format of a custom tool as the other of the two wires writes it: Responses has the
    grammar's syntax and definition in the format, chat in an object `grammar` inside it.
    """
    try:
        fields = _FORMAT.decode(tool_format)
    except MALFORMED:
        return tool_format
    inner = fields.grammar or fields
    if fields.type != "grammar" or inner.definition is None:
        return tool_format
    grammar = {"definition": inner.definition, "syntax": inner.syntax or "lark"}
    written: dict[str, object] = {"type": "grammar"}
    return msgspec.json.encode(written | ({"grammar": grammar} if nested else grammar)).decode()


def offered_tools(conversation: Conversation) -> Iterator[Tool | ServerTool]:
    """Tools in order, deferred ones behind the others and only once something has named them."""
    deferred: dict[str, Tool] = {}
    for tool in conversation.tools:
        if isinstance(tool, Tool) and tool.is_deferred:
            deferred[tool.name] = tool
        else:
            yield tool
    if not deferred:
        return
    for name in _named_tools(conversation):
        found = deferred.pop(name, None)
        if found is not None:
            yield found


def _named_tools(conversation: Conversation) -> Iterator[str]:
    for message in conversation.messages:
        for part in message.parts:
            match part:
                case ToolCall(name=name) | ToolReference(tool_name=name):
                    yield name
                case ToolResult(parts=inner):
                    for item in inner:
                        if isinstance(item, ToolReference):
                            yield item.tool_name
                case _:
                    pass
    if conversation.tool_choice is not None:
        yield from conversation.tool_choice.names
