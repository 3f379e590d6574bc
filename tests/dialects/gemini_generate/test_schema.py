"""Schemas between JSON schema and what Google takes; BUGS class 33."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.gemini_generate.hostile import VALUES as ANYTHING
from turnout.dialects.gemini_generate.schema import (
    JSON_SCHEMA_KEYWORDS,
    json_schema,
    narrow_schema,
)

Json = dict[str, Any]


def narrowed(schema: object) -> tuple[Any, list[str]]:
    text, lost = narrow_schema(json.dumps(schema))
    return json.loads(text), list(lost)


CASES: list[tuple[Json, Json, list[str]]] = [
    ({"type": ["string", "null"]}, {"type": ["string", "null"]}, []),
    ({"$schema": "x", "$comment": "y", "type": "object"}, {"type": "object"}, []),
    ({"const": "a"}, {"type": "string", "enum": ["a"]}, []),
    ({"const": 3}, {"type": "integer", "enum": [3]}, []),
    ({"const": True}, {}, ["const"]),
    ({"oneOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}]}, []),
    ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}, []),
    (
        {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
        {"type": "integer", "minimum": 1, "maximum": 9},
        [],
    ),
    (
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "number"},
        ["exclusiveMinimum"],
    ),
    (
        {"type": "string", "pattern": "^a", "minLength": 1, "default": "a", "examples": ["a"]},
        {"type": "string"},
        ["pattern", "minLength"],
    ),
    (
        {"type": "array", "items": {"type": "string", "format": "uri"}, "uniqueItems": True},
        {"type": "array", "items": {"type": "string", "format": "uri"}},
        ["uniqueItems"],
    ),
    (
        {"type": "object", "additionalProperties": {"type": "string", "x": 1}},
        {"type": "object", "additionalProperties": {"type": "string"}},
        ["additionalProperties.x"],
    ),
    ({"type": "object", "propertyNames": {"pattern": "a"}}, {"type": "object"}, ["propertyNames"]),
    (
        {"type": "object", "properties": {"a": True}, "required": ["a", "b"]},
        {"type": "object", "properties": {"a": {}}, "required": ["a"]},
        [],
    ),
    (
        {"type": "object", "properties": {"pattern": {"type": "string"}}},
        {"type": "object", "properties": {"pattern": {"type": "string"}}},
        [],
    ),
    (
        {"enum": ["a", None]},
        {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]},
        [],
    ),
    ({"enum": ["a", False]}, {}, ["enum"]),
    ({"enum": [1, 2]}, {"enum": [1, 2]}, []),
    (
        {"type": "object", "unevaluatedProperties": False},
        {"type": "object"},
        ["unevaluatedProperties"],
    ),
    (
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "string"}}, "required": ["b"]},
            ]
        },
        {
            "type": "object",
            "properties": {"b": {"type": "string"}, "a": {"type": "string"}},
            "required": ["a", "b"],
        },
        [],
    ),
    ({"allOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}, ["allOf.1.type"]),
    (
        {
            "type": "object",
            "properties": {"p": {"$ref": "#/$defs/P", "description": "d"}},
            "$defs": {"P": {"type": "string", "description": "x"}},
        },
        {"type": "object", "properties": {"p": {"type": "string", "description": "d"}}},
        [],
    ),
    (
        {"$ref": "#/definitions/a~1b", "definitions": {"a/b": {"type": "null"}}},
        {"type": "null"},
        [],
    ),
    ({"$ref": "https://example.com/x"}, {}, ["$ref"]),
    ({"properties": {"a": {}}, "required": [["a"], 7]}, {"properties": {"a": {}}}, []),
]


@pytest.mark.parametrize(("schema", "expected", "lost"), CASES)
def test_bug_33_json_schema_in_the_keywords_that_google_names(
    schema: Json, expected: Json, lost: list[str]
) -> None:
    assert narrowed(schema) == (expected, lost)


def test_a_schema_that_names_itself_ends() -> None:
    node = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
    }
    found, lost = narrowed({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert found == {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {}}},
    }
    assert lost == ["properties.children.items.$ref"]
    assert narrowed({"$ref": "#"}) == ({}, ["$ref"])


def test_references_that_double_at_each_level_stay_small() -> None:
    definitions: Json = {"d0": {"type": "string"}}
    for level in range(1, 30):
        two = {"$ref": f"#/$defs/d{level - 1}"}
        definitions[f"d{level}"] = {"type": "object", "properties": {"a": two, "b": two}}
    text, lost = narrow_schema(json.dumps({"$ref": "#/$defs/d29", "$defs": definitions}))
    assert len(text) < 2_000_000
    assert lost


def test_schemas_deeper_than_google_takes_end() -> None:
    schema: Json = {"type": "string"}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    found, lost = narrowed(schema)
    assert json.dumps(found).count("items") == 33
    assert len(lost) == 1


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "STRING", "format": "enum", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        (
            {"type": "STRING", "enum": ["a"], "nullable": True},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"type": "ARRAY", "maxItems": "3", "items": {"type": "NUMBER"}},
            {"type": "array", "maxItems": 3, "items": {"type": "number"}},
        ),
        (
            {"anyOf": [{"type": "STRING"}], "nullable": True},
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"type": "TYPE_UNSPECIFIED"}, {}),
        (
            {"type": "OBJECT", "properties": {"type": {"type": "STRING"}}},
            {"type": "object", "properties": {"type": {"type": "string"}}},
        ),
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
    ],
)
def test_the_wires_own_schemas_become_json_schema(schema: Json, expected: Json) -> None:
    assert json.loads(json_schema(json.dumps(schema))) == expected


@pytest.mark.parametrize("schema", ['{ "type" : "string" }', "true", "no json", '["a"]'])
def test_what_needs_nothing_keeps_its_characters(schema: str) -> None:
    assert narrow_schema(schema) == (schema, ())
    assert json_schema(schema) == schema


NAMES = st.sampled_from(
    [
        *JSON_SCHEMA_KEYWORDS, "$ref", "$defs", "allOf", "oneOf", "const", "nullable", "pattern",
        "default", "minLength", "not", "if", "exclusiveMinimum", "patternProperties",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "#", "#/$defs/a", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.just("a"), inner, max_size=4)
    ),
    max_leaves=25,
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_nothing_but_the_keywords_is_left_whatever_comes(schema: Json) -> None:
    found, _ = narrowed(schema)
    assert isinstance(found, dict)
    check(found)
    assert narrowed(found)[0] == found


def check(schema: Json) -> None:
    assert set(schema) <= JSON_SCHEMA_KEYWORDS
    some = schema.get("anyOf")
    for one in some if isinstance(some, list) else ():
        if isinstance(one, dict):
            check(one)
    properties = schema.get("properties")
    for one in properties.values() if isinstance(properties, dict) else ():
        if isinstance(one, dict):
            check(one)


@given(ANYTHING)
def test_whatever_stands_for_a_schema_is_survived(value: object) -> None:
    narrow_schema(json_schema(json.dumps(value)))
