"""JSON schemas without the keywords that a target refuses.

Rules: what goes is said otherwise where it can be (`const` as an enum of one, `oneOf` as `anyOf`,
exclusive bounds of integers as inclusive ones), so that the schema admits at least what it did; a
schema that holds none of the keywords comes back in its own characters; the names of keywords that
went are told. The names of properties are no keywords.
"""

from collections.abc import Collection
from typing import Final

import msgspec
from typing_extensions import TypeIs

from turnout.dialects.conversation import JsonText
from turnout.dialects.reading import MALFORMED

_VALUE: Final = msgspec.json.Decoder(dict[str, object])

_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions"})
"""Objects whose keys are names and whose values are schemas."""

_VERBATIM: Final = frozenset({"enum", "const", "default", "examples", "required"})
"""Values that are data and no schemas."""

_Json = dict[str, object]


def narrowed(schema: JsonText, refused: Collection[str]) -> tuple[JsonText, tuple[str, ...]]:
    if not any(f'"{keyword}"' in schema for keyword in refused):
        return schema, ()
    try:
        root = _VALUE.decode(schema)
    except MALFORMED:
        return schema, ()
    gone: dict[str, None] = {}
    found = _narrowed(root, refused, gone)
    if not gone:
        return schema, ()
    return msgspec.json.encode(found).decode(), tuple(gone)


def _narrowed(schema: _Json, refused: Collection[str], gone: dict[str, None]) -> _Json:
    found: _Json = {}
    for name, value in schema.items():
        if name in refused:
            gone[name] = None
            found |= _otherwise(name, value, schema, refused, gone)
        elif name in _NAMED:
            found[name] = {
                key: _inner(one, refused, gone) for key, one in (_object(value) or {}).items()
            }
        elif name in _VERBATIM:
            found[name] = value
        else:
            found[name] = _inner(value, refused, gone)
    return found


def _inner(value: object, refused: Collection[str], gone: dict[str, None]) -> object:
    fields = _object(value)
    if fields is not None:
        return _narrowed(fields, refused, gone)
    if _is_list(value):
        return [_inner(item, refused, gone) for item in value]
    return value


def _otherwise(
    name: str, value: object, schema: _Json, refused: Collection[str], gone: dict[str, None]
) -> _Json:
    """The same in other keywords, as far as there are any."""
    match name:
        case "const" if "enum" not in schema and "enum" not in refused:
            return {"enum": [value]}
        case "oneOf" if "anyOf" not in schema and "anyOf" not in refused:
            return {"anyOf": _inner(value, refused, gone)}
        case "exclusiveMinimum" if _is_bound(value, schema, "minimum"):
            assert isinstance(value, int)
            return {"minimum": value + 1}
        case "exclusiveMaximum" if _is_bound(value, schema, "maximum"):
            assert isinstance(value, int)
            return {"maximum": value - 1}
        case _:
            return {}


def _is_bound(value: object, schema: _Json, inclusive: str) -> bool:
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return is_integer and schema.get("type") == "integer" and inclusive not in schema


def _object(value: object) -> _Json | None:
    return value if _is_object(value) else None


def _is_object(value: object) -> TypeIs[_Json]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeIs[list[object]]:
    return isinstance(value, list)
