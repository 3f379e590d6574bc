"""The tools, schemas and output format of a Gemini request.

Rules of this module: pure; fields come with the names of `gemini_fields`, which has refused the
keywords that a schema of Gemini's does not have. What is checked here is what Gemini says of the
values: names, empty objects, lists without items, enums and formats of the wrong type. A JSON
schema (`parametersJsonSchema`) is taken as it is.
"""

import re
from collections.abc import Iterator

from turnout.simulator.answers import ToolOffer
from turnout.simulator.exchange import Refused
from turnout.simulator.gemini_contents import invalid
from turnout.simulator.json_types import JsonObject, array_of, is_object, object_of, text_of

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")
STRING_FORMATS = ("enum", "date-time")
MODES = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
JSON_TYPE = "application/json"


def declarations(body: JsonObject) -> list[JsonObject]:
    """The functions that a request declares. Raises `Refused`."""
    found: list[JsonObject] = []
    names: set[str] = set()
    for number, tool in enumerate(array_of(body.get("tools"))):
        declared = array_of(object_of(tool).get("function_declarations"))
        for place, value in enumerate(declared):
            where = f"tools[{number}].function_declarations[{place}]"
            function = object_of(value)
            _check_function(function, where)
            name = text_of(function["name"])
            if name in names:
                raise Refused(f"Duplicate function declaration found: {name}")
            names.add(name)
            found.append(function)
    return found


def offers(functions: list[JsonObject]) -> tuple[ToolOffer, ...]:
    return tuple(
        ToolOffer(
            text_of(function["name"]),
            function.get("parameters", function.get("parameters_json_schema", {"type": "object"})),
        )
        for function in functions
    )


def check_mode(body: JsonObject, functions: list[JsonObject]) -> tuple[str, tuple[str, ...]]:
    """The calling mode and the names it allows; () allows all. Raises `Refused`."""
    told = object_of(object_of(body.get("tool_config")).get("function_calling_config"))
    mode = text_of(told.get("mode")).upper() or "AUTO"
    names = tuple(text_of(name) for name in array_of(told.get("allowed_function_names")))
    if mode not in MODES:
        raise Refused(
            "Invalid value at 'tool_config.function_calling_config.mode'"
            " (type.googleapis.com/google.ai.generativelanguage.v1beta.FunctionCallingConfig.Mode),"
            f' "{mode}"'
        )
    if names and mode not in {"ANY", "VALIDATED"}:
        raise Refused(
            "Function calling config is set without function_calling_config.mode being ANY: only"
            " then it may have allowed_function_names."
        )
    if mode == "ANY" and not functions:
        raise Refused(
            "Function calling mode is set to ANY but no function declarations are provided."
        )
    known = {text_of(function["name"]) for function in functions}
    for name in names:
        if name not in known:
            raise Refused(
                f"Function name {name} in allowed_function_names is not a function declaration."
            )
    return mode, names


def output_schema(config: JsonObject) -> object:
    """The schema that the answer has to follow; None when there is none. Raises `Refused`."""
    own, json_schema = config.get("response_schema"), config.get("response_json_schema")
    mime_type = text_of(config.get("response_mime_type"))
    if own is not None and json_schema is not None:
        raise Refused(
            "Only one of generation_config.response_schema and"
            " generation_config.response_json_schema may be set."
        )
    if own is not None:
        problems = list(_problems(own, "generation_config.response_schema"))
        _refuse_all(problems)
    schema = json_schema if own is None else own
    if schema is not None and mime_type not in {JSON_TYPE, "text/x.enum"}:
        raise invalid(
            "generation_config.response_schema",
            "only allowed when response_mime_type is application/json or text/x.enum.",
        )
    return {"type": "object"} if schema is None and mime_type == JSON_TYPE else schema


def _check_function(function: JsonObject, where: str) -> None:
    if not NAME.fullmatch(text_of(function.get("name"))):
        raise invalid(
            f"{where}.name",
            "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric"
            " (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum"
            " length of 128.",
        )
    own, json_schema = function.get("parameters"), function.get("parameters_json_schema")
    if own is not None and json_schema is not None:
        raise invalid(where, "parameters and parameters_json_schema are mutually exclusive.")
    if own is not None:
        top = f"{where}.parameters"
        problems = list(_problems(own, top))
        if _kind(own) != "OBJECT":
            problems.append((top, "schema of a function must be of type OBJECT"))
        _refuse_all(problems)
    if json_schema is not None and _kind(json_schema) != "OBJECT":
        raise invalid(
            f"{where}.parameters_json_schema", "schema of a function must be of type object"
        )


def _kind(schema: object) -> str:
    """The type that a schema names, in either spelling."""
    return text_of(object_of(schema).get("type")).upper()


def _problems(schema: object, where: str) -> Iterator[tuple[str, str]]:
    """Place and words of everything that is wrong with the values of a schema."""
    told = object_of(schema)
    kind = _kind(told)
    if kind and kind not in TYPES:
        yield f"{where}.type", f'invalid value "{told["type"]}"'
    if not kind and "anyOf" not in told:
        yield f"{where}.type", "must be specified"
    properties = object_of(told.get("properties"))
    if kind == "OBJECT" and not properties:
        yield f"{where}.properties", "should be non-empty for OBJECT type"
    if kind == "ARRAY" and not is_object(told.get("items")):
        yield f"{where}.items", "missing field."
    if "enum" in told and kind not in {"STRING", ""}:
        yield f"{where}.enum", "only allowed for STRING type"
    if "" in array_of(told.get("enum")):
        yield f"{where}.enum[{array_of(told['enum']).index('')}]", "cannot be empty"
    if kind == "STRING" and text_of(told.get("format")) not in {*STRING_FORMATS, ""}:
        yield f"{where}.format", "only 'enum' and 'date-time' are supported for STRING type"
    for number, name in enumerate(array_of(told.get("required"))):
        if name not in properties:
            yield f"{where}.required[{number}]", "property is not defined"
    for name, inner in properties.items():
        yield from _problems(inner, f"{where}.properties[{name}]")
    if is_object(items := told.get("items")):
        yield from _problems(items, f"{where}.items")
    for number, inner in enumerate(array_of(told.get("anyOf"))):
        yield from _problems(inner, f"{where}.any_of[{number}]")


def _refuse_all(problems: list[tuple[str, str]]) -> None:
    if problems:
        raise Refused(
            "".join(f"* GenerateContentRequest.{where}: {what}\n" for where, what in problems)
        )
