"""Schemas in the words of Google's own wire."""

import json
from typing import Any

import pytest
from hypothesis import given

from tests.dialects.gemini_generate.hostile import VALUES as ANYTHING
from turnout.dialects.gemini_generate.schema import json_schema

Json = dict[str, Any]


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
    assert json_schema(schema) == schema


@given(ANYTHING)
def test_whatever_stands_for_a_schema_is_survived(value: object) -> None:
    json_schema(json.dumps(value))
