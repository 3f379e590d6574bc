"""The tools, the tool choice and the output format of an OpenAI Responses request.

Rules of this module: pure; a tool is known by its type and refused by the first thing that is wrong
with it; a tool that is deferred is offered once a search has found it. Tools that the provider
would run itself are accepted, and called only when a script says so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from turnout.simulator.answers import ToolKind, ToolOffer
from turnout.simulator.exchange import Refused
from turnout.simulator.json_types import JsonObject, array_of, is_object, object_of, text_of
from turnout.simulator.openai_checks import check_length

NAME = re.compile(r"[a-zA-Z0-9_-]+")
MAX_NAME = 64

COMMON_FIELDS = frozenset({"type", "name", "description", "defer_loading", "allowed_callers"})
FIELDS_BY_TYPE = {
    "function": COMMON_FIELDS | {"parameters", "strict", "output_schema"},
    "custom": COMMON_FIELDS | {"format"},
    "namespace": frozenset({"type", "name", "description", "tools"}),
    "tool_search": frozenset({"type", "description", "execution", "parameters"}),
}
"""Fields of openai 3.54.0; the tools that the provider runs itself are not looked into."""

WEB_SEARCH = (
    *("web_search", "web_search_2025_08_26"),
    *("web_search_preview", "web_search_preview_2025_03_11"),
)
HOSTED = (
    *("file_search", "computer", "computer_use_preview", "mcp", "code_interpreter"),
    *("programmatic_tool_calling", "image_generation", "local_shell", "shell", "apply_patch"),
)
TYPES = (*FIELDS_BY_TYPE, *WEB_SEARCH, *HOSTED)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which tools may be called, and which one has to be; "" means any of them."""

    tools: tuple[ToolOffer, ...]
    forced: str | None = None
    allowed: bool = True


def read_tools(body: JsonObject) -> list[JsonObject]:
    """The tools of a request. Raises `Refused`."""
    tools = [object_of(tool) for tool in array_of(body.get("tools"))]
    for number, tool in enumerate(tools):
        _check_tool(tool, f"tools[{number}]")
    return tools


def offers(tools: list[JsonObject], items: list[JsonObject]) -> tuple[ToolOffer, ...]:
    """What can be called: tools of the request, and those that items have brought in."""
    found = [offer for tool in tools for offer in _offers(tool, loaded=False)]
    for item in items:
        if item["type"] in {"tool_search_output", "additional_tools"}:
            for tool in array_of(item.get("tools")):
                found.extend(_offers(object_of(tool), loaded=True))
    return tuple(found)


def read_choice(body: JsonObject, offered: tuple[ToolOffer, ...]) -> Choice:
    """`tool_choice` in each of its forms. Raises `Refused`."""
    choice = body.get("tool_choice")
    if choice in (None, "auto"):
        return Choice(offered)
    if choice == "none":
        return Choice(offered, allowed=False)
    if choice == "required":
        if not offered:
            raise Refused(
                "Tool choice 'required' must be specified with 'tools' parameter.",
                param="tool_choice",
            )
        return Choice(offered, forced="")
    told = object_of(choice)
    kind = text_of(told.get("type"))
    if kind == "allowed_tools":
        return _allowed(told, offered)
    if kind in {"function", "custom"}:
        name = text_of(told.get("name"))
        if not any(offer.name == name for offer in offered):
            raise Refused(
                f"Tool choice '{kind}' not found in 'tools' parameter.", param="tool_choice"
            )
        return Choice(offered, forced=name)
    if kind in TYPES:
        return Choice(offered, forced=kind if kind in WEB_SEARCH else "")
    raise Refused(
        f"Invalid value: '{choice if isinstance(choice, str) else kind}'. Supported values are:"
        " 'none', 'auto', and 'required'.",
        code="invalid_value",
        param="tool_choice",
    )


def check_format(body: JsonObject) -> None:
    """`text.format`. Raises `Refused`."""
    form = object_of(body.get("text")).get("format")
    if form is None:
        return
    told = object_of(form)
    kind = text_of(told.get("type"))
    if kind not in {"text", "json_object", "json_schema"}:
        raise Refused(
            f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and"
            " 'text'.",
            code="invalid_value",
            param="text.format.type",
        )
    if kind != "json_schema":
        return
    for field in ("name", "schema"):
        if field not in told:
            raise _missing(f"text.format.{field}")
    name = text_of(told["name"])
    _check_name(name, "text.format.name")
    _check_schema(
        told["schema"],
        strict=told.get("strict") is True,
        what=f"response_format '{name}'",
        code="invalid_json_schema",
        param="text.format.schema",
    )


def _allowed(told: JsonObject, offered: tuple[ToolOffer, ...]) -> Choice:
    names = {text_of(object_of(tool).get("name")) for tool in array_of(told.get("tools"))}
    kinds = {text_of(object_of(tool).get("type")) for tool in array_of(told.get("tools"))}
    known = {offer.name for offer in offered}
    if missing := sorted(names - known - {""}):
        raise Refused(
            f"Tool choice '{missing[0]}' not found in 'tools' parameter.", param="tool_choice"
        )
    kept = tuple(offer for offer in offered if offer.name in names or offer.name in kinds)
    return Choice(kept, forced="" if told.get("mode") == "required" else None)


def _check_tool(tool: JsonObject, where: str) -> None:
    kind = text_of(tool.get("type"))
    if not kind:
        raise _missing(f"{where}.type")
    if kind not in TYPES:
        raise Refused(
            f"Invalid value: '{kind}'. Supported values are: "
            + ", ".join(f"'{name}'" for name in TYPES)
            + ".",
            code="invalid_value",
            param=f"{where}.type",
        )
    fields = FIELDS_BY_TYPE.get(kind)
    if fields is None:
        return
    if "name" in fields:
        if "name" not in tool:
            raise _missing(f"{where}.name")
        _check_name(text_of(tool["name"]), f"{where}.name")
    for name in tool:
        if name not in fields:
            raise Refused(
                f"Unknown parameter: '{where}.{name}'.",
                code="unknown_parameter",
                param=f"{where}.{name}",
            )
    _check_inside(tool, kind, where)


def _check_inside(tool: JsonObject, kind: str, where: str) -> None:
    match kind:
        case "function" if tool.get("parameters") is not None:
            _check_schema(
                tool["parameters"],
                strict=tool.get("strict") is True,
                what=f"function '{text_of(tool['name'])}'",
                code="invalid_function_parameters",
                param=f"{where}.parameters",
            )
        case "custom" if tool.get("format") is not None:
            _check_grammar(object_of(tool["format"]), f"{where}.format")
        case "namespace":
            if not text_of(tool.get("description")):
                raise _missing(f"{where}.description")
            for number, inner in enumerate(array_of(tool.get("tools"))):
                _check_tool(object_of(inner), f"{where}.tools[{number}]")
        case _:
            pass


def _check_name(name: str, where: str) -> None:
    check_length(name, where, most=MAX_NAME)
    if not NAME.fullmatch(name):
        raise Refused(
            f"Invalid '{where}': string does not match pattern. Expected a string that matches the"
            " pattern '^[a-zA-Z0-9_-]+$'.",
            code="invalid_value",
            param=where,
        )


def _check_grammar(form: JsonObject, where: str) -> None:
    if form.get("type") == "text":
        return
    if form.get("type") != "grammar":
        raise Refused(
            f"Invalid value: '{form.get('type')}'. Supported values are: 'text' and 'grammar'.",
            code="invalid_value",
            param=f"{where}.type",
        )
    if text_of(form.get("syntax")) not in {"lark", "regex"}:
        raise Refused(
            f"Invalid value: '{form.get('syntax')}'. Supported values are: 'lark' and 'regex'.",
            code="invalid_value",
            param=f"{where}.syntax",
        )
    if not text_of(form.get("definition")):
        raise _missing(f"{where}.definition")


def _check_schema(schema: object, *, strict: bool, what: str, code: str, param: str) -> None:
    kind = object_of(schema).get("type")
    if kind != "object":
        raise Refused(
            f"Invalid schema for {what}: schema must be a JSON Schema of 'type: \"object\"', got"
            f" 'type: \"{kind}\"'.",
            code=code,
            param=param,
        )
    for context, node in _objects(schema, ()) if strict else ():
        names = list(object_of(node.get("properties")))
        required = array_of(node.get("required"))
        told = ", ".join(f"'{step}'" for step in context)
        if node.get("additionalProperties") is not False:
            raise Refused(
                f"Invalid schema for {what}: In context=({told}), 'additionalProperties' is"
                " required to be supplied and to be false.",
                code=code,
                param=param,
            )
        if missing := [name for name in names if name not in required]:
            raise Refused(
                f"Invalid schema for {what}: In context=({told}), 'required' is required to be"
                " supplied and to be an array including every key in properties. Missing"
                f" '{missing[0]}'.",
                code=code,
                param=param,
            )


def _objects(
    node: object, context: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], JsonObject]]:
    """Every object schema inside a schema, with the way to it."""
    if not is_object(node):
        return
    if node.get("type") == "object" or "properties" in node:
        yield context, node
    for group in ("properties", "$defs"):
        for name, inner in object_of(node.get(group)).items():
            yield from _objects(inner, (*context, group, name))
    yield from _objects(node.get("items"), (*context, "items"))
    for number, inner in enumerate(array_of(node.get("anyOf"))):
        yield from _objects(inner, (*context, "anyOf", str(number)))


def _offers(tool: JsonObject, *, loaded: bool, namespace: str = "") -> Iterator[ToolOffer]:
    kind = text_of(tool.get("type"))
    name = text_of(tool.get("name"))
    if kind == "namespace":
        for inner in array_of(tool.get("tools")):
            yield from _offers(object_of(inner), loaded=loaded, namespace=name)
    elif kind in {"function", "custom"} and (loaded or tool.get("defer_loading") is not True):
        called: ToolKind = "function" if kind == "function" else "freeform"
        yield ToolOffer(
            name,
            tool.get("parameters"),
            kind=called,
            namespace=namespace,
            grammar=text_of(object_of(tool.get("format")).get("definition")),
        )
    elif kind == "tool_search" and tool.get("execution") == "client":
        yield ToolOffer(kind, tool.get("parameters"), kind="search")
    elif kind in WEB_SEARCH:
        yield ToolOffer(kind, None, kind="hosted")


def _missing(where: str) -> Refused:
    return Refused(
        f"Missing required parameter: '{where}'.",
        code="missing_required_parameter",
        param=where,
    )
