"""Tools of a chat request, and the choice among them, into the neutral form.

Rules: functions and custom tools are the client's; a tool of any other type, and the search that is
asked for by a field of its own, is run by the provider.
"""

from turnout.dialects.cache_markers import read_cache
from turnout.dialects.conversation import ServerTool, Tool, ToolChoice
from turnout.dialects.openai_chat.usual import usual_tool
from turnout.dialects.openai_tools import decode_own_tool
from turnout.dialects.reading import ObjectReader, decode_string, utf8
from turnout.errors import InvalidRequest


def decode_tools(fields: ObjectReader) -> tuple[Tool | ServerTool, ...]:
    tools: list[Tool | ServerTool] = []
    for number, raw in enumerate(fields.list("tools") or []):
        usual = usual_tool(raw)
        if usual is not None:
            tools.append(usual)
            continue
        where = f"tools.{number}"
        tool = ObjectReader(raw, where)
        match tool.string("type") or "function":
            case "function" | "custom" as own:
                tools.append(_tool(tool, own))
            case kind:
                tools.append(ServerTool("openai_chat", kind, kind, utf8(where, bytes(raw))))
    search = fields.json("web_search_options")
    if search:
        tools.append(ServerTool("openai_chat", "web_search", "web_search_options", search))
    return tuple(tools)


def _tool(tool: ObjectReader, kind: str) -> Tool:
    cache = read_cache(tool)
    inner = tool.object(kind)
    name = None if inner is None else inner.string("name")
    if inner is None or not name:
        raise InvalidRequest(f"{tool.path(kind)}.name: required")
    return decode_own_tool(inner, kind, name, cache=cache)


def decode_choice(fields: ObjectReader) -> ToolChoice | None:
    raw = fields.raw("tool_choice")
    if raw is None:
        return None
    where = "tool_choice"
    if raw[:1] == b'"':
        match decode_string(raw, where):
            case "auto" | "none" | "required" as mode:
                return ToolChoice(mode)
            case "any":
                return ToolChoice("required")
            case _:
                raise InvalidRequest(f"{where}: must be auto, none, required or an object")
    choice = ObjectReader(raw, where)
    match choice.string("type"):
        case "function" | "custom" as kind:
            inner = choice.object(kind)
            name = None if inner is None else inner.string("name")
            if not name:
                raise InvalidRequest(f"{where}.{kind}.name: required")
            return ToolChoice("named", (name,))
        case "allowed_tools":
            allowed = choice.object("allowed_tools")
            if allowed is None:
                raise InvalidRequest(f"{where}.allowed_tools: required")
            mode = "required" if allowed.string("mode") == "required" else "auto"
            names = [_allowed(ObjectReader(r, where)) for r in allowed.list("tools") or []]
            return ToolChoice(mode, tuple(names))
        case _:
            raise InvalidRequest(f"{where}.type: must be function, custom or allowed_tools")


def _allowed(tool: ObjectReader) -> str:
    inner = tool.object(tool.string("type") or "function")
    return (None if inner is None else inner.string("name")) or ""
