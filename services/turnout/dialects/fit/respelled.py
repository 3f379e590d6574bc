"""Keywords of JSON schema said in other keywords.

Rules: one level of a schema at a time, those inside have their turn; what comes out admits at least
what came in; a keyword that has no other spelling stays where it was.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from turnout.dialects.json_schema import Json, fields_of, is_list, items_of, with_null

_OF_ANY_TYPE: Final = frozenset({"title", "description", "default", "examples"})


def in_other_keywords(schema: Json, names: Collection[str], *, enum_types: Sequence[str]) -> Json:
    """`const` as an enum of one, `oneOf` as `anyOf`, exclusive bounds of integers as inclusive ones,
    OpenAPI's `nullable` as a type.
    """
    found = dict(schema)
    if "const" in names:
        value = found["const"]
        kind = type_of(value)
        if value is None:
            found.pop("const")
            found.setdefault("type", "null")
        elif kind and "enum" not in found and is_among(kind, enum_types):
            found.pop("const")
            found["enum"] = [value]
            found.setdefault("type", kind)
        elif kind:
            found.setdefault("type", kind)
    if "oneOf" in names and "anyOf" not in found:
        found = {"anyOf" if name == "oneOf" else name: value for name, value in found.items()}
    for exclusive, inclusive, step in (
        ("exclusiveMinimum", "minimum", 1),
        ("exclusiveMaximum", "maximum", -1),
    ):
        if exclusive not in names or inclusive in found or found.get("type") != "integer":
            continue
        value = found.get(exclusive)
        if isinstance(value, int) and not isinstance(value, bool):
            found[inclusive] = value + step
            del found[exclusive]
    if "nullable" in names and found.get("nullable") is True:
        found = with_null({name: one for name, one in found.items() if name != "nullable"})
    return found


def merged(schema: Json, resolve: Callable[[Json], Json]) -> tuple[Json, list[object]]:
    """`allOf` as one schema, and what of its parts contradicts the others or cannot be merged."""
    found = {name: value for name, value in schema.items() if name != "allOf"}
    left: list[object] = []
    for part in items_of(schema.get("allOf")):
        fields = fields_of(part)
        if fields is None:
            continue
        fields = resolve(fields)
        if "allOf" in fields:
            fields, inner = merged(fields, resolve)
            left += inner
        for name, value in fields.items():
            if name not in found:
                found[name] = value
            elif name == "properties":
                found[name] = _both(fields_of(found[name]) or {}, fields_of(value) or {})
            elif name == "required":
                held = items_of(found[name])
                found[name] = held + [one for one in items_of(value) if one not in held]
            elif found[name] != value and name not in _OF_ANY_TYPE:
                left.append({name: value})
    return found, left


def _both(ours: Json, theirs: Json) -> Json:
    found = dict(ours)
    for name, value in theirs.items():
        if name in found and found[name] != value:
            found[name] = {"allOf": [found[name], value]}
        else:
            found[name] = value
    return found


def enum_as_taken(schema: Json, gone: Json, types: Sequence[str]) -> Json:
    """An enum of `types` alone; null beside them is an alternative."""
    values = schema.get("enum")
    if not is_list(values):
        return schema
    plain = [one for one in values if is_among(type_of(one), types)]
    if len(plain) == len(values):
        return schema
    rest = {name: value for name, value in schema.items() if name not in {"enum", "type"}}
    if len(plain) == len(values) - 1 and None in values and plain and "anyOf" not in rest:
        alternative = {"type": type_of(plain[0]), "enum": plain}
        return rest | {"anyOf": [alternative, {"type": "null"}]}
    gone["enum"] = values
    return {name: value for name, value in schema.items() if name != "enum"}


def as_alternatives(schema: Json) -> Json:
    """A list of types as a union of schemas with one type each."""
    kinds = schema.get("type")
    if not is_list(kinds) or "anyOf" in schema:
        return schema
    outside = {n: v for n, v in schema.items() if n in _OF_ANY_TYPE or n in {"$defs", "$schema"}}
    inside = {n: v for n, v in schema.items() if n not in outside and n != "type"}
    ways = [{"type": kind} if kind == "null" else {"type": kind} | inside for kind in kinds]
    return outside | (ways[0] if len(ways) == 1 else {"anyOf": ways})


def beside_no_union(schema: Json) -> Json:
    """The type in the members of a union that say none, instead of beside the union."""
    members = schema.get("anyOf")
    if "type" not in schema or not is_list(members):
        return schema
    typed = [
        one if (fields := fields_of(one)) is None else {"type": schema["type"]} | fields
        for one in members
    ]
    return {name: value for name, value in schema.items() if name != "type"} | {"anyOf": typed}


def type_of(value: object) -> str:
    """JSON schema's word for a value; "" for lists and objects."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case _:
            return ""


def is_among(kind: str, types: Sequence[str]) -> bool:
    """Every type is, where `types` is empty; an integer is a number."""
    return not types or kind in types or (kind == "integer" and "number" in types)
