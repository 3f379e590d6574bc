"""The items of an input into neutral messages.

Rules: what the model made (reasoning, messages of the assistant, calls) and follows each other is
one message of the assistant, results that follow each other are one message of the user, everything
else stays a message of its own at its place; what an item has beside its neutral part (id, status,
phase) stays with it as extras; items of OpenAI's own tools are calls and results (`tool_items`); an item
that has no neutral part is `Opaque`, whole, on the side of whoever made it; tools that a search of the
client's has loaded, or that stand in an item of their own, are tools of the conversation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from turnout.dialects.conversation import (
    Fields,
    Message,
    Opaque,
    Part,
    Provenance,
    Refusal,
    ResultPart,
    ServerTool,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolKind,
    ToolResult,
)
from turnout.dialects.offered_tools import spelled_out
from turnout.dialects.openai_responses import agent_messages
from turnout.dialects.openai_responses.parts_decode import (
    INPUT_TEXT,
    OUTPUT_TEXT,
    decode_content,
)
from turnout.dialects.openai_responses.tool_items import Side, ToolItems, marked_as_rest
from turnout.dialects.openai_responses.tool_names import TOOL_SEARCH, joined_name
from turnout.dialects.openai_responses.tools_decode import decode_tools
from turnout.dialects.openai_responses.usual import (
    UsualCall,
    UsualMessage,
    UsualResult,
    usual_item,
)
from turnout.dialects.reading import ObjectReader, raw_fields, utf8
from turnout.dialects.seal import unseal
from turnout.errors import InvalidRequest

ITEM: Final = "turnout_item"
"""On the first part of a message of the assistant: the item without role and content."""

PLAIN: Final = "turnout_plain"
"""In that item: its content was a string."""

ITEMS: Final[Fields] = (("turnout_items", "true"),)
"""Marks a message of the user or the system whose parts are items of their own."""

LOADED: Final[Fields] = (("turnout_loaded", "true"),)
"""Marks a tool that stands in an item and not among the tools of the request."""

MAKER: Final = Provenance("openai_responses")

_CLIENTS_OWN: Final = frozenset(
    {
        "item_reference",
        "compaction_trigger",
        "mcp_approval_response",
        "configuration_update",
    }
)
"""Items that no model makes, beside those that end in `_output`."""


@dataclass(slots=True)
class _Group:
    """Items of one side that follow each other."""

    side: Side
    parts: list[Part] = field(default_factory=list)


class ItemsDecoder:
    """Walks the items once.

    Attributes:
        messages: what they say, in order.
        loaded: tools that items have brought, each once, in order.

    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.loaded: list[Tool | ServerTool] = []
        self._group: _Group | None = None
        self._tool_items = ToolItems()

    def decode(self, raws: Sequence[msgspec.Raw]) -> None:
        for number, raw in enumerate(raws):
            match usual_item(raw):
                case UsualResult() as result:
                    self._add("user", result.part())
                case UsualCall() as call:
                    self._add("assistant", call.part())
                case UsualMessage() as message:
                    self._end_group()
                    self.messages.append(message.message())
                case None:
                    self._item(ObjectReader(raw, f"input.{number}"), raw)
        self._end_group()

    def _end_group(self) -> None:
        group, self._group = self._group, None
        if group is not None:
            extras = ITEMS if group.side == "user" else ()
            self.messages.append(Message(group.side, tuple(group.parts), extras=extras))

    def _add(self, side: Side, *parts: Part) -> None:
        if self._group is None or self._group.side != side:
            self._end_group()
            self._group = _Group(side)
        self._group.parts += parts

    def _item(self, fields: ObjectReader, raw: msgspec.Raw) -> None:
        kind = fields.string("type")
        match kind:
            case None | "message":
                self._message(fields, kind, raw)
            case "reasoning":
                self._add("assistant", _reasoning(fields))
            case "function_call":
                self._add("assistant", _function_call(fields))
            case "custom_tool_call":
                self._add("assistant", _custom_call(fields))
            case "function_call_output":
                self._add("user", _result(fields, "function"))
            case "custom_tool_call_output":
                self._add("user", _result(fields, "custom"))
            case "tool_search_call" | "tool_search_output":
                self._search(fields, kind, raw)
            case "additional_tools":
                self._additional_tools(fields, raw)
            case agent_messages.KIND:
                self._end_group()
                self.messages.append(agent_messages.decode_agent_message(fields, bytes(raw)))
            case _:
                parts = self._tool_items.decode(kind, raw, fields.where)
                for side, part in parts:
                    self._add(side, part)
                if not parts:
                    is_clients = kind.endswith("_output") or kind in _CLIENTS_OWN
                    self._opaque(kind, fields.where, raw, "user" if is_clients else "assistant")

    def _opaque(self, kind: str, where: str, raw: msgspec.Raw, side: Side = "assistant") -> None:
        self._add(side, Opaque("openai_responses", kind, utf8(where, bytes(raw)), where))

    def _message(self, fields: ObjectReader, kind: str | None, raw: msgspec.Raw) -> None:
        role = fields.string("role")
        typed: Fields = () if kind is None else (("type", '"message"'),)
        match role:
            case "assistant":
                self._answer(fields, typed, raw)
                return
            case "user" | "system" | "developer":
                pass
            case None if kind is None and fields.string("id"):
                self._opaque("item_reference", fields.where, raw, "user")
                return
            case _:
                raise InvalidRequest(
                    f"{fields.path('role')}: must be one of user, assistant, system, developer"
                )
        content = _content(fields)
        parts, is_plain = decode_content(content, fields.path("content"), usual=INPUT_TEXT)
        self._end_group()
        if role == "developer":
            typed = (("role", '"developer"'), *typed)
        side: Literal["user", "system"] = "user" if role == "user" else "system"
        self.messages.append(Message(side, parts, is_plain=is_plain, extras=typed + fields.rest()))

    def _answer(self, fields: ObjectReader, typed: Fields, raw: msgspec.Raw) -> None:
        content = _content(fields)
        parts, is_plain = decode_content(content, fields.path("content"), usual=OUTPUT_TEXT)
        said = [part for part in parts if isinstance(part, Text | Refusal)]
        strange = next((part for part in parts if not isinstance(part, Text | Refusal)), None)
        if not said or strange is not None:
            kind = strange.kind if isinstance(strange, Opaque) else "message"
            self._opaque(kind, fields.where, raw)
            self._add("assistant", *(replace(p, extras=marked_as_rest(p.extras)) for p in said))
            return
        item = raw_fields(typed + fields.rest())
        if is_plain:
            item[PLAIN] = True
        mark: Fields = ((ITEM, msgspec.json.encode(item).decode()),)
        said[0] = replace(said[0], extras=mark + said[0].extras)
        self._add("assistant", *said)

    def _search(self, fields: ObjectReader, kind: str, raw: msgspec.Raw) -> None:
        """A search that the client runs is a call like any other; OpenAI's own is opaque."""
        execution, call_id = fields.string("execution"), fields.string("call_id")
        if execution != "client" or not call_id:
            self._opaque(kind, fields.where, raw)
        elif kind == "tool_search_call":
            arguments = fields.json("arguments") or "{}"
            call = ToolCall(call_id, TOOL_SEARCH, arguments, extras=fields.rest())
            self._add("assistant", call)
        else:
            written = fields.json("tools")
            found = ObjectReader(b'{"tools":%b}' % (written or "[]").encode(), fields.where)
            tools = decode_tools(found.list("tools") or [], fields.path("tools"))
            extras: Fields = (("tools", written or "[]"), *fields.rest())
            told = Text("\n\n".join(_told(tool) for tool in tools))
            self._add("user", ToolResult(call_id, (told,), is_plain=True, extras=extras))
            self._load(tools)

    def _additional_tools(self, fields: ObjectReader, raw: msgspec.Raw) -> None:
        """Codex offers newer models their tools so, in front of all messages. To other dialects they
        are tools like any others, and the item, which is the system's, says nothing more.
        """
        self._load(decode_tools(fields.list("tools") or [], fields.path("tools")))
        self._end_group()
        item = Opaque("openai_responses", "additional_tools", utf8(fields.where, bytes(raw)))
        self.messages.append(Message("system", (item,), extras=ITEMS))

    def _load(self, tools: Sequence[Tool | ServerTool]) -> None:
        known = {tool.name for tool in self.loaded}
        for tool in tools:
            if tool.name in known:
                continue
            known.add(tool.name)
            if isinstance(tool, Tool):
                self.loaded.append(replace(tool, is_deferred=False, extras=LOADED))
            else:
                self.loaded.append(replace(tool, json=""))


def _told(tool: Tool | ServerTool) -> str:
    if isinstance(tool, ServerTool):
        return tool.json
    return spelled_out(tool.name, tool.description, tool.schema)


def _content(fields: ObjectReader) -> bytes:
    content = fields.raw("content")
    if content is None:
        raise InvalidRequest(f"{fields.path('content')}: required, a string or a list of parts")
    return content


def _function_call(fields: ObjectReader) -> ToolCall:
    call_id = fields.required_string("call_id")
    name = joined_name(fields.string("namespace") or "", fields.required_string("name"))
    arguments = fields.string("arguments") or ""
    return ToolCall(call_id, name, arguments if arguments.strip() else "{}", extras=fields.rest())


def _custom_call(fields: ObjectReader) -> ToolCall:
    call_id = fields.required_string("call_id")
    name = joined_name(fields.string("namespace") or "", fields.required_string("name"))
    text = fields.string("input") or ""
    return ToolCall(call_id, name, text, kind="custom", extras=fields.rest())


def _result(fields: ObjectReader, kind: ToolKind) -> ToolResult:
    call_id = fields.required_string("call_id")
    output = fields.raw("output")
    where = fields.path("output")
    if output is None:
        raise InvalidRequest(f"{where}: required, a string or a list of parts")
    parts, is_plain = decode_content(output, where, usual=INPUT_TEXT)
    kept: list[ResultPart] = []
    for part in parts:
        if isinstance(part, Refusal):
            raise InvalidRequest(f"{where}: must hold texts, images and files")
        kept.append(part)
    return ToolResult(call_id, tuple(kept), kind=kind, is_plain=is_plain, extras=fields.rest())


def _reasoning(fields: ObjectReader) -> Thinking:
    sealed = fields.string("encrypted_content") or ""
    summary, content = fields.json("summary"), fields.json("content")
    shown = _texts(summary, fields.path("summary"))
    text = shown or _texts(content, fields.path("content"))
    foreign = unseal(text, sealed)
    if foreign is not None:
        return foreign
    kept = (("summary", summary), ("content", content))
    extras: Fields = tuple((name, json) for name, json in kept if json)
    return Thinking(
        text, MAKER, redacted=sealed, is_summary=bool(shown), extras=extras + fields.rest()
    )


def _texts(raw: str, where: str) -> str:
    if not raw:
        return ""
    parts = ObjectReader(b'{"parts":%b}' % raw.encode(), where).list("parts") or []
    texts = [ObjectReader(part, where).string("text") or "" for part in parts]
    return "\n\n".join(texts)
