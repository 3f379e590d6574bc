"""Messages and tools as agents mostly write them, each read in one step.

Rules: what is read here is what `request_decode` and `parts_decode` read field by field; whatever
holds a field more, a rarer part or a value of another type gives None and is left to them, who keep
what stands beside and name what is wrong.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from turnout.dialects.cache_markers import CacheMarker, marked_lifetime
from turnout.dialects.conversation import (
    Fields,
    Message,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from turnout.dialects.reading import ABSENT, MALFORMED, json_text


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["text"]
    text: str
    cache_control: CacheMarker | None = None


_Content: TypeAlias = str | list[_Text]


def _parts(content: _Content) -> tuple[Text, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple([Text(one.text, marked_lifetime(one.cache_control)) for one in content])


class _Function(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    arguments: str


class _Call(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: str
    function: _Function
    type: Literal["function"] = "function"

    def part(self) -> ToolCall:
        arguments = self.function.arguments
        return ToolCall(self.id, self.function.name, arguments if arguments.strip() else "{}")


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag_field="role"):
    pass


class _Said(_Message):
    content: _Content

    def message(self, role: Role, extras: Fields = ()) -> Message:
        content = self.content
        return Message(role, _parts(content), is_plain=isinstance(content, str), extras=extras)


class UsualSystem(_Said, tag="system"):
    pass


class UsualDeveloper(_Said, tag="developer"):
    pass


class UsualUser(_Said, tag="user"):
    pass


class UsualAnswer(_Message, tag="assistant"):
    """Every call has an id and a name."""

    content: _Content | None = None
    tool_calls: list[_Call] | None = None

    @property
    def calls(self) -> list[ToolCall]:
        return [call.part() for call in self.tool_calls or ()]

    def message(self, calls: list[ToolCall]) -> Message:
        content = self.content
        parts = () if content is None else _parts(content)
        return Message("assistant", (*parts, *calls), is_plain=isinstance(content, str))


class UsualResult(_Message, tag="tool"):
    """The id is there."""

    tool_call_id: str
    content: _Content
    cache_control: CacheMarker | None = None

    def part(self) -> ToolResult:
        content, cache = self.content, marked_lifetime(self.cache_control)
        is_plain = isinstance(content, str)
        return ToolResult(self.tool_call_id, _parts(content), is_plain=is_plain, cache=cache)


Usual: TypeAlias = UsualResult | UsualAnswer | UsualUser | UsualSystem | UsualDeveloper


class _Declared(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    strict: bool | None = None


class _Tool(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    function: _Declared
    type: Literal["function"] = "function"
    cache_control: CacheMarker | None = None


_MESSAGE: Final[msgspec.json.Decoder[Usual]] = msgspec.json.Decoder(Usual)
_TOOL: Final = msgspec.json.Decoder(_Tool)


def usual_message(raw: msgspec.Raw) -> Usual | None:
    try:
        found = _MESSAGE.decode(raw)
    except MALFORMED:
        return None
    if isinstance(found, UsualResult):
        return found if found.tool_call_id else None
    if isinstance(found, UsualAnswer) and found.tool_calls:
        return found if all(call.id and call.function.name for call in found.tool_calls) else None
    return found


def usual_tool(raw: msgspec.Raw) -> Tool | None:
    try:
        found = _TOOL.decode(raw)
        tool, cache = found.function, marked_lifetime(found.cache_control)
        schema = json_text(tool.parameters)
    except MALFORMED:
        return None
    if not tool.name:
        return None
    return Tool(tool.name, tool.description or "", schema, strict=tool.strict, cache=cache)
