"""Tools of a request, and the choice among them, into the neutral form.

Rules: functions and custom tools of a namespace are tools of their own under one plain name
(`tool_names`); the tool search that the client runs is a function, because every model can call it;
what OpenAI runs, or what only its models are trained to call, is a server tool.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from turnout.dialects.conversation import Fields, ServerTool, Tool, ToolChoice
from turnout.dialects.openai_responses.tool_names import TOOL_SEARCH, joined_name
from turnout.dialects.openai_responses.usual import usual_tool
from turnout.dialects.openai_tools import decode_own_tool
from turnout.dialects.reading import ObjectReader, decode_string, raw_fields, utf8
from turnout.errors import InvalidRequest

NAMESPACE: Final = "turnout_namespace"
"""On a tool of a namespace: the namespace without its tools where it is the first, else null."""

_CLIENT_RUN: Final = frozenset({"function", "custom"})


def decode_tools(raws: list[msgspec.Raw], where: str) -> tuple[Tool | ServerTool, ...]:
    return tuple(tool for n, raw in enumerate(raws) for tool in _tools(raw, f"{where}.{n}"))


def _tools(raw: msgspec.Raw, where: str) -> Iterator[Tool | ServerTool]:
    usual = usual_tool(raw)
    if usual is not None:
        yield usual
        return
    fields = ObjectReader(raw, where)
    kind = fields.required_string("type")
    match kind:
        case "function" | "custom":
            yield _tool(fields, kind, namespace="", extras=())
            return
        case "namespace":
            members = _namespace(fields)
            if members is not None:
                yield from members
                return
        case "tool_search" if fields.string("execution") == "client":
            extras: Fields = (("type", '"tool_search"'), ("execution", '"client"'))
            description = fields.string("description") or ""
            schema = fields.json("parameters")
            yield Tool(TOOL_SEARCH, description, schema=schema, extras=extras + fields.rest())
            return
        case _:
            pass
    name = fields.string("name") or kind
    yield ServerTool("openai_responses", name, kind, utf8(where, bytes(raw)))


def _namespace(fields: ObjectReader) -> list[Tool] | None:
    """None where it holds what is neither function nor custom tool."""
    namespace = fields.required_string("name")
    where = fields.path("tools")
    members = fields.list("tools") or []
    head = raw_fields(fields.rest())
    shown = msgspec.json.encode({"type": "namespace", "name": namespace} | head).decode()
    tools: list[Tool] = []
    for number, raw in enumerate(members):
        inner = ObjectReader(raw, f"{where}.{number}")
        kind = inner.string("type") or "function"
        if kind not in _CLIENT_RUN:
            return None
        mark: Fields = ((NAMESPACE, "null" if tools else shown),)
        tools.append(_tool(inner, kind, namespace=namespace, extras=mark))
    return tools


def _tool(fields: ObjectReader, kind: str, *, namespace: str, extras: Fields) -> Tool:
    name = joined_name(namespace, fields.required_string("name"))
    is_deferred = bool(fields.boolean("defer_loading"))
    return decode_own_tool(fields, kind, name, is_deferred=is_deferred, extras=extras)


def decode_choice(raw: bytes) -> ToolChoice | None:
    """None for the choice of a server tool, which no other dialect has."""
    where = "tool_choice"
    if raw.startswith(b'"'):
        match decode_string(raw, where):
            case "auto" | "none" | "required" as mode:
                return ToolChoice(mode)
            case _:
                raise InvalidRequest(f"{where}: must be auto, none, required or an object")
    choice = ObjectReader(raw, where)
    match choice.required_string("type"):
        case "function" | "custom":
            return ToolChoice("named", (joined_name("", choice.required_string("name")),))
        case "allowed_tools":
            mode = "required" if choice.string("mode") == "required" else "auto"
            allowed = choice.list("tools") or []
            return ToolChoice(mode, tuple(name for one in allowed for name in _allowed(one)))
        case _:
            return None


def _allowed(raw: msgspec.Raw) -> Iterator[str]:
    tool = ObjectReader(raw, "tool_choice.tools")
    name = tool.string("name")
    if name and tool.string("type") in _CLIENT_RUN:
        yield joined_name(tool.string("namespace") or "", name)
