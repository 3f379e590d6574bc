"""Messages and tools as agents mostly write them, each read in one step.

Rules: what is read here is what `request_decode` and `parts_decode` read field by field; whatever
holds a field more, a rarer block or a value of another type gives None and is left to them, who keep
what stands beside and name what is wrong. A history is made of such messages by the hundred, and field
by field they are most of what translating a request costs.
"""

from typing import Final, Literal

import msgspec

from turnout.dialects.anthropic_messages.parts_decode import MAKER
from turnout.dialects.cache_markers import CacheMarker, marked_lifetime
from turnout.dialects.conversation import (
    Message,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolReference,
    ToolResult,
)
from turnout.dialects.reading import ABSENT, MALFORMED, json_text
from turnout.dialects.seal import unseal


class _Block(msgspec.Struct, forbid_unknown_fields=True, tag_field="type", gc=False):
    pass


class _Text(_Block, tag="text"):
    text: str
    cache_control: CacheMarker | None = None

    def part(self) -> Text:
        return Text(self.text, marked_lifetime(self.cache_control))


class _Reference(_Block, tag="tool_reference"):
    tool_name: str

    def part(self) -> ToolReference:
        return ToolReference(self.tool_name)


class _Call(_Block, tag="tool_use"):
    id: str
    name: str
    input: msgspec.Raw = ABSENT
    cache_control: CacheMarker | None = None

    def part(self) -> ToolCall:
        return ToolCall(
            self.id,
            self.name,
            json_text(self.input) or "{}",
            cache=marked_lifetime(self.cache_control),
        )


class _Result(_Block, tag="tool_result"):
    tool_use_id: str
    content: str | list[_Text | _Reference] | None = None
    is_error: bool | None = None
    cache_control: CacheMarker | None = None

    def part(self) -> ToolResult:
        content = self.content
        is_plain = isinstance(content, str)
        parts = (
            (Text(content),)
            if isinstance(content, str)
            else tuple([block.part() for block in content or ()])
        )
        cache = marked_lifetime(self.cache_control)
        return ToolResult(
            self.tool_use_id, parts, bool(self.is_error), is_plain=is_plain, cache=cache
        )


class _Thinking(_Block, tag="thinking"):
    thinking: str
    signature: str

    def part(self) -> Thinking:
        foreign = unseal(self.thinking, self.signature)
        return foreign or Thinking(self.thinking, MAKER, signature=self.signature)


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: Literal["user", "assistant", "system"]
    content: str | list[_Text | _Call | _Result | _Thinking]


class _Tool(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    description: str | None = None
    input_schema: msgspec.Raw = ABSENT
    strict: bool | None = None
    defer_loading: bool | None = None
    cache_control: CacheMarker | None = None


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_TOOL: Final = msgspec.json.Decoder(_Tool)


def usual_message(raw: msgspec.Raw) -> Message | None:
    try:
        found = _MESSAGE.decode(raw)
        content = found.content
        if isinstance(content, str):
            return Message(found.role, (Text(content),), is_plain=True)
        return Message(found.role, tuple([block.part() for block in content]))
    except MALFORMED:
        return None


def usual_tool(raw: msgspec.Raw) -> Tool | None:
    try:
        found = _TOOL.decode(raw)
        return Tool(
            found.name,
            found.description or "",
            json_text(found.input_schema),
            strict=found.strict,
            is_deferred=bool(found.defer_loading),
            cache=marked_lifetime(found.cache_control),
        )
    except MALFORMED:
        return None
