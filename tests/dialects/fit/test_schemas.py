"""JSON schemas as targets take them; BUGS class 33."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.catalog.quirks import quirks_of
from tests.dialects.fit.test_fitting import ABLE, conversation
from tests.dialects.gemini_generate.hostile import VALUES as ANYTHING
from turnout.dialects.conversation import OutputFormat, Tool
from turnout.dialects.fit import fit
from turnout.dialects.fit.schemas import KEPT_CHARACTERS, narrowed
from turnout.errors import Unsupported
from turnout.quirks import DIALECT_QUIRKS, Quirks, SchemaQuirks

Json = dict[str, Any]


def quirks(dialect: str, place: str) -> SchemaQuirks:
    found = next(q for name, q in DIALECT_QUIRKS.items() if name == dialect)
    told = found.tool_schema if place == "tool" else found.answer_schema
    assert told is not None
    return told


GEMINI = quirks("gemini_generate", "answer")
GEMINI_TOOL = quirks("gemini_generate", "tool")
CLAUDE = quirks("anthropic_messages", "answer")
CLAUDE_TOOL = quirks("anthropic_messages", "tool")
OPENAI_TOOL = quirks("openai_chat", "tool")
MOONSHOT_TOOL = quirks_of("moonshot_ai", "openai_chat").tool_schema or SchemaQuirks()
CEREBRAS = quirks_of("cerebras", "openai_chat").answer_schema or SchemaQuirks()


def narrow(schema: object, to: SchemaQuirks = GEMINI) -> tuple[Any, list[str]]:
    text, lost = narrowed(json.dumps(schema), to)
    return json.loads(text), list(lost)


def told(schema: Json, **lost: object) -> Json:
    """The schema, with a description that says what was lost."""
    return schema | {"description": json.dumps(lost, separators=(",", ":"))}


CASES: list[tuple[Json, Json, list[str]]] = [
    ({"type": ["string", "null"]}, {"type": ["string", "null"]}, []),
    ({"$schema": "x", "$comment": "y", "x-y": 1, "type": "object"}, {"type": "object"}, []),
    ({"const": "a"}, {"type": "string", "enum": ["a"]}, []),
    ({"const": 3}, {"type": "integer", "enum": [3]}, []),
    ({"const": None}, {"type": "null"}, []),
    ({"const": True}, told({"type": "boolean"}, const=True), ["const"]),
    ({"oneOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}]}, []),
    ({"type": "string", "nullable": True}, {"type": ["string", "null"]}, []),
    (
        {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
        {"type": "integer", "minimum": 1, "maximum": 9},
        [],
    ),
    (
        {"type": "number", "exclusiveMinimum": 0},
        told({"type": "number"}, exclusiveMinimum=0),
        ["exclusiveMinimum"],
    ),
    (
        {"type": "string", "pattern": "^a", "minLength": 1, "default": "a", "description": "d"},
        {
            "type": "string",
            "description": 'd\n\n{"pattern":"^a","minLength":1,"default":"a"}',
        },
        ["pattern", "minLength"],
    ),
    (
        {"type": "array", "items": {"type": "string", "format": "uri"}, "uniqueItems": True},
        told({"type": "array", "items": {"type": "string", "format": "uri"}}, uniqueItems=True),
        ["uniqueItems"],
    ),
    (
        {"type": "object", "properties": {"a": True}, "required": ["a", "b"]},
        {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a", "b"]},
        [],
    ),
    (
        {
            "type": "object",
            "properties": {"a": {}},
            "required": ["b"],
            "additionalProperties": False,
        },
        {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
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
    ({"enum": ["a", False]}, told({}, enum=["a", False]), ["enum"]),
    ({"enum": [1, 2]}, {"enum": [1, 2]}, []),
    (
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "string"}}, "required": ["b"]},
            ]
        },
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "required": ["a", "b"],
        },
        [],
    ),
    (
        {
            "allOf": [
                {"properties": {"a": {"type": "string"}}},
                {"properties": {"a": {"title": "A"}}},
            ]
        },
        {"properties": {"a": {"type": "string", "title": "A"}}},
        [],
    ),
    (
        {"allOf": [{"type": "string"}, {"type": "null"}]},
        told({"type": "string"}, allOf=[{"type": "null"}]),
        ["allOf"],
    ),
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
    ({"type": "string", "pattern": "a" * 2_000}, {"type": "string"}, ["pattern"]),
]


@pytest.mark.parametrize(("schema", "expected", "lost"), CASES)
def test_bug_33_json_schema_in_the_keywords_that_google_names(
    schema: Json, expected: Json, lost: list[str]
) -> None:
    assert narrow(schema) == (expected, lost)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {"type": "string", "pattern": "^a", "minLength": 1, "const": "a"},
            {"type": "string", "pattern": "^a", "minLength": 1, "enum": ["a"]},
        ),
        ({"const": ["a"]}, {"const": ["a"]}),
        (
            {"type": "number", "exclusiveMinimum": 0, "$ref": "#/$defs/a", "$defs": {"a": {}}},
            {"type": "number", "exclusiveMinimum": 0},
        ),
        ({"allOf": [{"type": "string"}, {"type": "null"}]},) * 2,
    ],
)
def test_googles_tools_keep_what_has_no_other_spelling(schema: Json, expected: Json) -> None:
    assert narrow(schema, GEMINI_TOOL) == (expected, [])


def test_an_answer_of_claudes_is_closed_and_told_its_bounds() -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer", "minimum": 1},
            "at": {"type": "string", "format": "date-time"},
            "re": {"type": "string", "format": "regex"},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
            "one": {"oneOf": [{"const": True}, {"enum": ["a", None]}]},
            "open": {"type": "object", "additionalProperties": True, "default": {}},
        },
        "required": ["n"],
    }
    expected = {
        "type": "object",
        "properties": {
            "n": told({"type": "integer"}, minimum=1),
            "at": {"type": "string", "format": "date-time"},
            "re": told({"type": "string"}, format="regex"),
            "map": told(
                {"type": "object", "additionalProperties": False},
                additionalProperties={"type": "string"},
            ),
            "one": {"anyOf": [{"const": True}, {"enum": ["a", None]}]},
            "open": {"type": "object", "additionalProperties": False, "default": {}},
        },
        "required": ["n"],
        "additionalProperties": False,
    }
    assert narrow(schema, CLAUDE) == (expected, ["minimum", "format", "additionalProperties"])
    assert narrow(expected, CLAUDE) == (expected, [])


UNION = {
    "type": "object",
    "properties": {"id": {"type": "string"}},
    "required": ["id"],
    "anyOf": [
        {"properties": {"x": {"type": "integer"}, "id": {"const": "x"}}, "required": ["x"]},
        {"properties": {"x": {"type": "string"}, "y": {}}, "required": ["x", "y"]},
    ],
}


@pytest.mark.parametrize("to", [CLAUDE_TOOL, OPENAI_TOOL, MOONSHOT_TOOL])
def test_a_union_at_the_top_becomes_an_object_with_all_properties(to: SchemaQuirks) -> None:
    found, lost = narrow(UNION, to)
    needed = '{"anyOf":[{"required":["x"]},{"required":["x","y"]}]}'
    assert found == {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "x": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "y": {},
        },
        "required": ["id", "x"],
        "description": needed,
    }
    assert lost == ["anyOf"]
    inside = {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {}]}}}
    assert narrow(inside, CLAUDE_TOOL) == (inside, [])


def test_the_top_says_that_it_is_an_object() -> None:
    assert narrow({}, CLAUDE_TOOL) == ({"type": "object"}, [])
    assert narrow({"type": ["object", "null"]}, OPENAI_TOOL) == ({"type": "object"}, [])
    choice = {"enum": [{"a": 1}]}
    assert narrow(choice, OPENAI_TOOL) == (told({"type": "object"}, **choice), ["enum"])
    tools = (Tool("f", schema="[]"),)
    own = DIALECT_QUIRKS["anthropic_messages"]
    with pytest.raises(Unsupported, match="the schema of f is no JSON object"):
        fit(conversation(tools=tools), to="anthropic_messages", quirks=own, has=ABLE)


def test_moonshot_has_types_in_the_members_of_unions() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "oneOf": [{"pattern": "^a"}, {"type": "string"}]}},
    }
    expected = {
        "type": "object",
        "properties": {"a": {"anyOf": [{"type": "string", "pattern": "^a"}, {"type": "string"}]}},
    }
    assert narrow(schema, MOONSHOT_TOOL) == (expected, [])


def test_cerebras_has_unions_instead_of_lists_of_types() -> None:
    def of_property(schema: Json) -> Json:
        return {"type": "object", "properties": {"a": schema}}

    schema = {"type": ["string", "null"], "minLength": 1, "description": "d"}
    expected = {
        "description": "d",
        "anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}],
    }
    assert narrow(of_property(schema), CEREBRAS) == (of_property(expected), [])
    only = of_property({"type": ["string"]})
    assert narrow(only, CEREBRAS) == (of_property({"type": "string"}), [])


def test_a_schema_that_names_itself_ends() -> None:
    node = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
    }
    found, lost = narrow({"$ref": "#/$defs/Node", "$defs": {"Node": node}})
    assert found == {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {}}},
    }
    assert lost == ["$ref"]
    assert narrow({"$ref": "#"}) == ({}, ["$ref"])


def test_references_that_double_at_each_level_stay_small() -> None:
    definitions: Json = {"d0": {"type": "string"}}
    for level in range(1, 30):
        two = {"$ref": f"#/$defs/d{level - 1}"}
        definitions[f"d{level}"] = {"type": "object", "properties": {"a": two, "b": two}}
    text, lost = narrowed(json.dumps({"$ref": "#/$defs/d29", "$defs": definitions}), GEMINI)
    assert len(text) < 2_000_000
    assert lost == ("depth",)


def test_schemas_deeper_than_google_takes_end() -> None:
    schema: Json = {"type": "string"}
    for _ in range(100):
        schema = {"type": "array", "items": schema}
    found, lost = narrow(schema)
    assert json.dumps(found).count("items") == 33
    assert lost == ["depth"]


@pytest.mark.parametrize("schema", ['{ "type" : "object" }', "true", "no json", '["a"]'])
@pytest.mark.parametrize("to", [GEMINI, GEMINI_TOOL, CLAUDE_TOOL, MOONSHOT_TOOL, CEREBRAS])
def test_what_needs_nothing_keeps_its_characters(schema: str, to: SchemaQuirks) -> None:
    assert narrowed(schema, to) == (schema, ())


@pytest.mark.parametrize("padding", ["", " " * KEPT_CHARACTERS], ids=["kept", "too-long"])
def test_a_schema_that_comes_again_is_narrowed_to_the_same(padding: str) -> None:
    to = DIALECT_QUIRKS["gemini_generate"].tool_schema
    assert to is not None
    changed = {"type": "integer", "exclusiveMinimum": 0, "allOf": [{"not": {}}]}
    first, second = (narrowed(json.dumps(changed) + padding, to) for _ in range(2))
    assert first == second
    assert json.loads(first[0])["minimum"] == 1
    for _ in range(2):
        # A name that looks like a keyword: looked into, and taken as it is.
        needs_nothing = json.dumps({"properties": {"const": {"type": "string"}}}) + padding
        assert narrowed(needs_nothing, to)[0] is needs_nothing


def test_what_was_lost_is_told_once_and_never_in_the_clients_words() -> None:
    schema = (
        '{"type":"object","properties":{"secret":{"x-own":1,"pattern":"a"},"b":{"pattern":"b"}}}'
    )
    form = OutputFormat("json_schema", schema)
    wanted = conversation(output_format=form, tools=(Tool("f", schema=schema),))
    fitted = fit(wanted, to="gemini_generate", quirks=DIALECT_QUIRKS["gemini_generate"], has=ABLE)
    assert fitted.changes == ("schema:pattern",)
    assert fitted.conversation.tools == wanted.tools


def test_a_client_of_the_dialects_own_vendor_is_left_alone() -> None:
    own = DIALECT_QUIRKS["gemini_generate"]
    form = OutputFormat("json_schema", '{"type":"string","pattern":"a"}')
    wanted = replace(conversation(output_format=form), dialect="gemini_generate")
    assert fit(wanted, to="gemini_generate", quirks=own, has=ABLE).conversation is wanted


def test_without_quirks_a_schema_is_what_it_was() -> None:
    told = conversation(tools=(Tool("f", schema=json.dumps(UNION)),))
    assert fit(told, to="openai_chat", quirks=Quirks(), has=ABLE).conversation is told


NAMES = st.sampled_from(
    [
        *GEMINI.keywords, "$ref", "$defs", "allOf", "oneOf", "const", "nullable", "pattern",
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
    found, _ = narrow(schema)
    assert isinstance(found, dict)
    check(found)
    assert narrow(found)[0] == found


def check(schema: Json) -> None:
    assert set(schema) <= set(GEMINI.keywords)
    some = schema.get("anyOf")
    for one in some if isinstance(some, list) else ():
        if isinstance(one, dict):
            check(one)
    properties = schema.get("properties")
    for one in properties.values() if isinstance(properties, dict) else ():
        if isinstance(one, dict):
            check(one)


@given(
    ANYTHING, st.sampled_from([GEMINI, GEMINI_TOOL, CLAUDE, CLAUDE_TOOL, MOONSHOT_TOOL, CEREBRAS])
)
def test_whatever_stands_for_a_schema_is_survived(value: object, to: SchemaQuirks) -> None:
    narrowed(json.dumps(value), to)


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.sampled_from([CLAUDE, CLAUDE_TOOL, CEREBRAS]))
def test_the_root_refuses_nothing_that_is_left(schema: Json, to: SchemaQuirks) -> None:
    found, _ = narrow(schema, to)
    assert not set(found) & {*to.refuses, *to.root_refuses}
    assert not to.object_at_root or found["type"] == "object"
