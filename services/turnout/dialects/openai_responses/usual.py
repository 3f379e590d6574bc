"""Items and tools as agents mostly write them, each read in one step.

Rules: what is read here is what `items_decode` and `tools_decode` read field by field; whatever holds
a field more, a rarer part or a value of another type gives None and is left to them, who keep what
stands beside and name what is wrong.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from turnout.dialects.conversation import Fields, Message, Text, Tool, ToolCall, ToolResult
from turnout.dialects.openai_responses.tool_names import joined_name
from turnout.dialects.reading import ABSENT, MALFORMED, json_text

_ITEM: Final[Fields] = (("type", '"message"'),)
_DEVELOPERS: Final[Fields] = (("role", '"developer"'), *_ITEM)


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["input_text"]
    text: str


_Content: TypeAlias = str | list[_Text]


def _parts(content: _Content) -> tuple[Text, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple([Text(one.text) for one in content])


class _Item(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag_field="type", kw_only=True):
    """Codex gives every item an id."""

    id: msgspec.Raw = ABSENT

    @property
    def kept(self) -> Fields:
        return () if self.id is ABSENT else (("id", str(self.id, "utf-8")),)


class UsualMessage(_Item, tag="message"):
    role: Literal["user", "system", "developer"]
    content: _Content

    def message(self) -> Message:
        is_plain = isinstance(self.content, str)
        extras = _DEVELOPERS if self.role == "developer" else _ITEM
        side: Literal["user", "system"] = "user" if self.role == "user" else "system"
        return Message(side, _parts(self.content), is_plain=is_plain, extras=extras + self.kept)


class UsualCall(_Item, tag="function_call"):
    call_id: str
    name: str
    arguments: str
    namespace: str | None = None

    def part(self) -> ToolCall:
        arguments = self.arguments if self.arguments.strip() else "{}"
        name = joined_name(self.namespace or "", self.name)
        return ToolCall(self.call_id, name, arguments, extras=self.kept)


class UsualResult(_Item, tag="function_call_output"):
    call_id: str
    output: _Content

    def part(self) -> ToolResult:
        is_plain = isinstance(self.output, str)
        parts = _parts(self.output)
        return ToolResult(self.call_id, parts, is_plain=is_plain, extras=self.kept)


Usual: TypeAlias = UsualResult | UsualCall | UsualMessage


class _Tool(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["function"]
    name: str
    description: str | None = None
    parameters: msgspec.Raw = ABSENT
    strict: bool | None = None
    defer_loading: bool | None = None


_USUAL: Final[msgspec.json.Decoder[Usual]] = msgspec.json.Decoder(Usual)
_TOOL: Final = msgspec.json.Decoder(_Tool)


def usual_item(raw: msgspec.Raw) -> Usual | None:
    try:
        found = _USUAL.decode(raw)
        if found.id is not ABSENT:
            # It is taken out as text later, where nothing can be wrong with it any more.
            json_text(found.id)
    except MALFORMED:
        return None
    return found


def usual_tool(raw: msgspec.Raw) -> Tool | None:
    try:
        found = _TOOL.decode(raw)
        schema = json_text(found.parameters)
    except MALFORMED:
        return None
    return Tool(
        joined_name("", found.name),
        found.description or "",
        schema,
        strict=found.strict,
        is_deferred=bool(found.defer_loading),
    )
