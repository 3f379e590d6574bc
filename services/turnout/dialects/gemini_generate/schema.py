"""JSON schema of this wire and ours.

The wire has two: `parametersJsonSchema` and `responseJsonSchema` take JSON schema, of which Google
lists the keywords that mean something to it, and these are written; `parameters` and
`responseSchema`, a subset of OpenAPI 3.0 with types in capitals and `nullable`, are read only. The
neutral schema is JSON schema.

Rules: pure; what is narrowed admits at least what the original admits, so that no argument becomes
wrong that was right; a keyword that can be said otherwise is (`const`, `nullable`, `oneOf`, bounds of
integers, `allOf` of one); what is lost is named; references are written out, to a bounded depth,
because Google unrolls them only where a property is not required.
Sources: https://ai.google.dev/api/generate-content#FIELDS.response_json_schema and
https://ai.google.dev/api/caching#Schema
"""

from typing import Final, TypeGuard

import msgspec

from turnout.dialects.conversation import JsonText
from turnout.dialects.reading import MALFORMED

JSON_SCHEMA_KEYWORDS: Final = frozenset(
    {
        *("type", "format", "title", "description", "enum", "items", "prefixItems", "minItems"),
        *("maxItems", "minimum", "maximum", "anyOf", "properties", "additionalProperties"),
        *("required", "propertyOrdering"),
    }
)
"""Of `parametersJsonSchema` and `responseJsonSchema`; `oneOf` means `anyOf` there."""

MAX_DEPTH: Final = 32
"""Of schemas within schemas. Google refuses deeper ones; those of agents' tools reach 10."""

MAX_NODES: Final = 20_000
"""Of one schema with its references written out: more is a reference that doubles at each level."""

_Json = dict[str, object]

_VALUE: Final = msgspec.json.Decoder(object)
_ANNOTATIONS: Final = frozenset({"$schema", "$comment", "$id", "$anchor", "$defs", "definitions"})
"""Say nothing about the value: they go without being named."""

_ENUM_OF_OTHERS: Final = "enum "
"""An enum that the wire cannot have, under a name that is no keyword: it is named among the lost."""

_SCHEMAS: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONE: Final = (
    *("items", "additionalProperties", "not", "if", "then", "else", "contains"),
    *("propertyNames", "unevaluatedProperties", "unevaluatedItems"),
)
_COUNTS: Final = (
    *("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"),
)
_HOLDS_SCHEMAS: Final = frozenset({*_SCHEMAS, *_LISTS, *_ONE})

_TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_SAID_OTHERWISE: Final = frozenset(
    {
        *("const", "oneOf", "enum", "nullable", "format", *_COUNTS),
        *("exclusiveMinimum", "exclusiveMaximum"),
    }
)
"""Keywords that may have to be said in others."""


def narrow_schema(schema: JsonText) -> tuple[JsonText, tuple[str, ...]]:
    """The schema in `JSON_SCHEMA_KEYWORDS` alone, and the paths of what could not be said in them.

    A schema that needs nothing comes back in its own characters; one that is no JSON object is
    passed on as it is.
    """
    root = _object(schema)
    if root is None:
        return schema, ()
    narrower = _Narrower(root)
    narrowed = narrower.narrow(root, "", 0, ())
    if narrowed == root:
        return schema, tuple(narrower.lost)
    return msgspec.json.encode(narrowed).decode(), tuple(narrower.lost)


def json_schema(schema: JsonText) -> JsonText:
    """The wire's OpenAPI subset as JSON schema; one that already is comes back as it came."""
    root = _object(schema)
    if root is None:
        return schema
    standard = _standard(root, 0)
    return schema if standard == root else msgspec.json.encode(standard).decode()


def _object(schema: JsonText) -> _Json | None:
    try:
        value = _VALUE.decode(schema)
    except MALFORMED:
        return None
    return _fields(value)


def _is_object(value: object) -> TypeGuard[_Json]:
    """Keys are strings: all values here come of JSON."""
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def _fields(value: object) -> _Json | None:
    return value if _is_object(value) else None


def _items(value: object) -> list[object]:
    """Empty for what is no list."""
    return value if _is_list(value) else []


def _standard(schema: _Json, depth: int) -> _Json:
    """Types in small letters, `nullable` as a type, numbers as numbers."""
    if depth > MAX_DEPTH:
        return schema
    found = {name: _standard_member(name, value, depth) for name, value in schema.items()}
    if found.get("type") == "type_unspecified":
        del found["type"]
    if found.get("format") == "enum":
        del found["format"]
    nullable = found.pop("nullable", None)
    return _with_null(found) if nullable is True else found


def _standard_member(name: str, value: object, depth: int) -> object:
    if isinstance(value, str):
        if name == "type":
            return value.lower()
        # 64-bit integers are strings in protobuf's JSON.
        return int(value) if name in _COUNTS and value.isdecimal() else value
    if name in _SCHEMAS:
        members = _fields(value)
        if members is not None:
            return {key: _standard_value(one, depth) for key, one in members.items()}
    if name in _ONE:
        return _standard_value(value, depth)
    if name in _LISTS:
        return [_standard_value(one, depth) for one in _items(value)]
    return value


def _standard_value(value: object, depth: int) -> object:
    fields = _fields(value)
    return value if fields is None else _standard(fields, depth + 1)


def _with_null(schema: _Json) -> _Json:
    kind = schema.get("type")
    if isinstance(kind, str):
        widened = schema | {"type": [kind, "null"]}
        if _is_list(schema.get("enum")):
            widened["enum"] = [*_items(schema["enum"]), None]
        return widened
    if _is_list(kind):
        return schema if "null" in kind else schema | {"type": [*_items(kind), "null"]}
    if _is_list(schema.get("anyOf")):
        return schema | {"anyOf": [*_items(schema["anyOf"]), {"type": "null"}]}
    return schema


class _Narrower:
    """One schema with its definitions.

    Attributes:
        lost: paths of keywords that narrowed the value and are gone.
    """

    def __init__(self, root: _Json) -> None:
        self._root = root
        self._nodes = 0
        self.lost: list[str] = []

    def narrow(self, schema: _Json, path: str, depth: int, seen: tuple[str, ...]) -> _Json:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            self.lost.append(path or "$")
            return {}
        if "$ref" in schema:
            schema, seen = self._resolved(schema, path, seen)
        if "allOf" in schema:
            schema = self._merged(schema, path, seen)
        if _is_respelled(schema):
            schema = self._respelled(schema)
        found: _Json = {}
        for name, value in schema.items():
            if name not in JSON_SCHEMA_KEYWORDS:
                if name not in _ANNOTATIONS and not self._is_empty(name, value):
                    self.lost.append(_at(path, name.strip()))
                continue
            found[name] = (
                self._value(name, value, _at(path, name), depth, seen)
                if name in _HOLDS_SCHEMAS
                else value
            )
        return self._consistent(found) if "required" in found else found

    def _value(
        self, name: str, value: object, path: str, depth: int, seen: tuple[str, ...]
    ) -> object:
        if name in _SCHEMAS:
            members = _fields(value)
            if members is not None:
                return {
                    key: self._inner(one, _at(path, key), depth, seen)
                    for key, one in members.items()
                }
        if name in _LISTS and _is_list(value):
            return [
                self._inner(one, _at(path, str(number)), depth, seen)
                for number, one in enumerate(_items(value))
            ]
        if name in _ONE:
            return self._inner(value, path, depth, seen)
        return value

    def _inner(self, value: object, path: str, depth: int, seen: tuple[str, ...]) -> object:
        fields = _fields(value)
        if fields is None:
            # `true` admits everything; in a list or among properties the wire wants an object.
            return {} if value is True and not path.endswith("additionalProperties") else value
        return self.narrow(fields, path, depth + 1, seen)

    def _resolved(
        self, schema: _Json, path: str, seen: tuple[str, ...]
    ) -> tuple[_Json, tuple[str, ...]]:
        """The schema that a reference names, in its place; nothing said where it names itself."""
        while isinstance(reference := schema.get("$ref"), str):
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            target = self._target(reference)
            if target is None or reference in seen:
                self.lost.append(_at(path, "$ref"))
                return rest, seen
            schema, seen = target | rest, (*seen, reference)
        return schema, seen

    def _target(self, reference: str) -> _Json | None:
        if not reference.startswith("#"):
            return None
        at: object = self._root
        for step in reference[1:].strip("/").split("/"):
            if not step:
                continue
            name = step.replace("~1", "/").replace("~0", "~")
            fields = _fields(at)
            if fields is None or name not in fields:
                return None
            at = fields[name]
        return _fields(at)

    def _merged(self, schema: _Json, path: str, seen: tuple[str, ...]) -> _Json:
        """`allOf` of parts that do not contradict each other is one schema."""
        parts = _items(schema.get("allOf"))
        if not parts:
            return schema
        merged = {name: value for name, value in schema.items() if name != "allOf"}
        for number, part in enumerate(parts):
            fields = _fields(part)
            if fields is None:
                continue
            fields, _ = self._resolved(fields, path, seen)
            for name, value in fields.items():
                if name not in merged:
                    merged[name] = value
                elif name == "properties":
                    merged[name] = (_fields(value) or {}) | (_fields(merged[name]) or {})
                elif name == "required":
                    held = _items(merged[name])
                    merged[name] = held + [one for one in _items(value) if one not in held]
                elif merged[name] != value:
                    self.lost.append(_at(path, f"allOf.{number}.{name}"))
        return merged

    def _respelled(self, schema: _Json) -> _Json:
        """What other keywords say as well, in those."""
        found = dict(schema)
        if "const" in found:
            value = found.pop("const")
            if isinstance(value, str) or _is_number(value):
                found.setdefault("enum", [value])
                found.setdefault("type", _type_of(value))
            else:
                found["const"] = value
        if "oneOf" in found and "anyOf" not in found:
            found["anyOf"] = found.pop("oneOf")
        self._bounds(found)
        # This one level: those inside are narrowed in their turn.
        return self._enum(_standard(found, MAX_DEPTH))

    def _enum(self, found: _Json) -> _Json:
        """The wire's enums are of strings and numbers; null beside them is an alternative."""
        if not _is_list(found.get("enum")):
            return found
        values = _items(found["enum"])
        plain = [one for one in values if isinstance(one, str) or _is_number(one)]
        if len(plain) == len(values):
            return found
        rest = {name: value for name, value in found.items() if name not in {"enum", "type"}}
        if len(plain) == len(values) - 1 and None in values and plain and "anyOf" not in rest:
            alternative = {"type": _type_of(plain[0]), "enum": plain}
            return rest | {"anyOf": [alternative, {"type": "null"}]}
        return {_ENUM_OF_OTHERS if name == "enum" else name: one for name, one in found.items()}

    def _bounds(self, found: _Json) -> None:
        """Exclusive bounds of an integer are inclusive ones beside them."""
        is_integer = found.get("type") == "integer"
        for exclusive, inclusive, step in (
            ("exclusiveMinimum", "minimum", 1),
            ("exclusiveMaximum", "maximum", -1),
        ):
            value = found.get(exclusive)
            if isinstance(value, bool):
                continue
            if is_integer and isinstance(value, int) and inclusive not in found:
                found[inclusive] = value + step
                del found[exclusive]

    def _is_empty(self, name: str, value: object) -> bool:
        """Whether a keyword that goes has said nothing."""
        if name == "nullable":
            return value is False
        if name in {"additionalProperties", "unevaluatedProperties"}:
            return value is True or value == {}
        return name in {"default", "examples", "example", "deprecated", "readOnly", "writeOnly"}

    def _consistent(self, found: _Json) -> _Json:
        """Google refuses a required property that is not among the properties."""
        required, members = _items(found.get("required")), _fields(found.get("properties"))
        if required and members is not None:
            kept = [name for name in required if isinstance(name, str) and name in members]
            if not kept:
                del found["required"]
            elif len(kept) != len(required):
                found["required"] = kept
        return found


def _is_respelled(schema: _Json) -> bool:
    """Whether anything in it may have to be said otherwise, those inside not counted."""
    kind = schema.get("type", "object")
    return not (isinstance(kind, str) and kind in _TYPES) or not _SAID_OTHERWISE.isdisjoint(schema)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _type_of(value: object) -> str:
    if isinstance(value, str):
        return "string"
    return "integer" if isinstance(value, int) else "number"


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
