"""The parts of a JSON schema: which keywords hold schemas, and what is read alike in all of them."""

from typing import Final, TypeGuard

import msgspec

from turnout.dialects.conversation import JsonText
from turnout.dialects.reading import MALFORMED

NAMED_SCHEMAS: Final = (
    *("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"),
)
"""Objects whose keys are names and whose values are schemas."""

SCHEMA_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")

ONE_SCHEMA: Final = (
    *("items", "additionalProperties", "not", "if", "then", "else", "contains"),
    *("propertyNames", "unevaluatedProperties", "unevaluatedItems"),
)

MAX_DEPTH: Final = 32
"""Of schemas within schemas. Google refuses deeper ones; those of agents' tools reach 10."""

Json = dict[str, object]

_VALUE: Final = msgspec.json.Decoder(object)


def schema_object(schema: JsonText) -> Json | None:
    """None for what is no JSON object."""
    try:
        value = _VALUE.decode(schema)
    except MALFORMED:
        return None
    return fields_of(value)


def fields_of(value: object) -> Json | None:
    return value if _is_object(value) else None


def items_of(value: object) -> list[object]:
    """Empty for what is no list."""
    return value if is_list(value) else []


def is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _is_object(value: object) -> TypeGuard[Json]:
    """Keys are strings: all values here come of JSON."""
    return isinstance(value, dict)


def with_null(schema: Json) -> Json:
    """What admits null as well."""
    kind = schema.get("type")
    if isinstance(kind, str):
        widened = schema | {"type": [kind, "null"]}
        if is_list(schema.get("enum")):
            widened["enum"] = [*items_of(schema["enum"]), None]
        return widened
    if is_list(kind):
        return schema if "null" in kind else schema | {"type": [*items_of(kind), "null"]}
    if is_list(schema.get("anyOf")):
        return schema | {"anyOf": [*items_of(schema["anyOf"]), {"type": "null"}]}
    return schema
