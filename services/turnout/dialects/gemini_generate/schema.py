"""The JSON schema of what this wire says in a form of its own.

The wire has two forms: `parametersJsonSchema` and `responseJsonSchema` take JSON schema, and these are
written; `parameters` and `responseSchema`, a subset of OpenAPI 3.0 with types in capitals and
`nullable`, are read only, because their parser refuses a request with any other field in them. The
neutral schema is JSON schema; what Google takes of it is among the quirks of the dialect.
Source: https://ai.google.dev/api/caching#Schema
"""

from typing import Final

import msgspec

from turnout.dialects.conversation import JsonText
from turnout.dialects.json_schema import (
    MAX_DEPTH,
    NAMED_SCHEMAS,
    ONE_SCHEMA,
    SCHEMA_LISTS,
    Json,
    fields_of,
    items_of,
    schema_object,
    with_null,
)

_COUNTS: Final = (
    *("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"),
)


def json_schema(schema: JsonText) -> JsonText:
    """The wire's OpenAPI subset as JSON schema; one that already is comes back as it came."""
    root = schema_object(schema)
    if root is None:
        return schema
    standard = _standard(root, 0)
    return schema if standard == root else msgspec.json.encode(standard).decode()


def _standard(schema: Json, depth: int) -> Json:
    """Types in small letters, `nullable` as a type, numbers as numbers."""
    if depth > MAX_DEPTH:
        return schema
    found = {name: _standard_member(name, value, depth) for name, value in schema.items()}
    if found.get("type") == "type_unspecified":
        del found["type"]
    if found.get("format") == "enum":
        del found["format"]
    nullable = found.pop("nullable", None)
    return with_null(found) if nullable is True else found


def _standard_member(name: str, value: object, depth: int) -> object:
    if isinstance(value, str):
        if name == "type":
            return value.lower()
        # 64-bit integers are strings in protobuf's JSON.
        return int(value) if name in _COUNTS and value.isdecimal() else value
    if name in NAMED_SCHEMAS:
        members = fields_of(value)
        if members is not None:
            return {key: _standard_value(one, depth) for key, one in members.items()}
    if name in ONE_SCHEMA:
        return _standard_value(value, depth)
    if name in SCHEMA_LISTS:
        return [_standard_value(one, depth) for one in items_of(value)]
    return value


def _standard_value(value: object, depth: int) -> object:
    fields = fields_of(value)
    return value if fields is None else _standard(fields, depth + 1)
