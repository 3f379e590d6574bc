"""A response format that is no object is asked for in one where it has to be, and comes back without."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.catalog.quirks import quirks_of
from turnout.capabilities import Capabilities, Dialect
from turnout.dialects.conversation import Conversation, Message, OutputFormat, Text
from turnout.dialects.fit import fit
from turnout.dialects.fit.fitting import Fitted
from turnout.dialects.registry import DIALECTS
from turnout.dialects.stream import Finished, PartEnded, StreamEvent, TextDelta, TextStarted
from turnout.quirks import DIALECT_QUIRKS

ABLE = Capabilities(structured_output=True)
LIST = {"type": "array", "items": {"type": "string"}}


def fitted_to(to: Dialect, schema: object, of: Dialect = "gemini_generate") -> Fitted:
    told = Conversation(
        dialect=of,
        model="m",
        messages=(Message("user", (Text("go"),)),),
        output_format=OutputFormat("json_schema", json.dumps(schema)),
    )
    return fit(told, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)


def schema_of(fitted: Fitted) -> Any:
    assert fitted.conversation.output_format is not None
    return json.loads(fitted.conversation.output_format.schema)


@pytest.mark.parametrize("to", ["openai_chat", "openai_responses"])
def test_gemini_asks_openai_for_a_list(to: Dialect) -> None:
    body = {
        "contents": [{"role": "user", "parts": [{"text": "go"}]}],
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseSchema": {"type": "ARRAY", "items": {"type": "STRING"}},
        },
    }
    path = "/v1beta/models/m:generateContent"
    told = DIALECTS["gemini_generate"].decode_request(json.dumps(body).encode(), path=path)
    fitted = fit(told, to=to, quirks=DIALECT_QUIRKS[to], has=ABLE)
    assert "output_format:object" in fitted.changes
    sent = json.loads(DIALECTS[to].encode_request(fitted.conversation, model="m", has=ABLE))
    form = sent["response_format"]["json_schema"] if to == "openai_chat" else sent["text"]["format"]
    assert form["schema"] == {
        "type": "object",
        "properties": {"answer": LIST},
        "required": ["answer"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("schema", ['{"type":"object"}', '{"properties":{"a":{"type":"null"}}}'])
def test_an_object_needs_none(schema: str) -> None:
    fitted = fitted_to("openai_chat", json.loads(schema))
    assert schema_of(fitted) == {"type": "object"} | json.loads(schema)
    assert fitted.answer() is None
    assert fitted.changes == ()


@pytest.mark.parametrize("to", ["gemini_generate", "anthropic_messages"])
def test_targets_that_take_any_value_are_asked_for_it(to: Dialect) -> None:
    assert schema_of(fitted_to(to, LIST, of="openai_chat")) == LIST


def test_references_follow_what_they_name() -> None:
    schema = {
        "type": "array",
        "items": {"anyOf": [{"$ref": "#"}, {"$ref": "#/items"}, {"$ref": "#/$defs/a"}]},
        "$defs": {"a": {"type": "string"}},
    }
    found = schema_of(fitted_to("openai_chat", schema))
    assert found["$defs"] == schema["$defs"]
    assert found["properties"]["answer"]["items"]["anyOf"] == [
        {"$ref": "#/properties/answer"},
        {"$ref": "#/properties/answer/items"},
        {"$ref": "#/$defs/a"},
    ]


def test_a_server_that_is_told_in_words_is_told_of_the_object() -> None:
    told = fitted_to("openai_chat", LIST).conversation
    assert told.output_format is not None
    asked = Conversation(
        "gemini_generate",
        "m",
        (Message("user", (Text("go"),)),),
        output_format=OutputFormat("json_schema", json.dumps(LIST)),
    )
    fitted = fit(asked, to="openai_chat", quirks=quirks_of("deepseek", "openai_chat"), has=ABLE)
    said = fitted.conversation.messages[0].parts[0]
    assert isinstance(said, Text)
    assert told.output_format.schema in said.text
    assert fitted.changes == ("output_format:object", "output_format:json")
    assert fitted.answer() is not None


def answered(pieces: list[str]) -> Iterator[StreamEvent]:
    fitter = fitted_to("openai_chat", LIST).answer()
    assert fitter is not None
    deltas = [TextDelta(0, piece) for piece in pieces]
    events: list[StreamEvent] = [TextStarted(0), *deltas, PartEnded(0), Finished("end")]
    for event in events:
        yield from fitter.back([event])


ANSWERS = [
    ('{"answer":["a","}"]}', '["a","}"]'),
    (' {\n "answer" : [{"b": {}}]\n}\n', '[{"b": {}}]'),
    ('{"answer":{"a":{}} } ', '{"a":{}}'),
    ('{"answer":"x } "}', '"x } "'),
    ('{"answer":7}', "7"),
    # Not what was asked for: as it came.
    ('["a"]', '["a"]'),
    ('{"answers":["a"]}', '{"answers":["a"]}'),
    ('{"ans', '{"ans'),
    ("I will look.", "I will look."),
    ("", ""),
]


@given(st.data())
@pytest.mark.parametrize(("text", "expected"), ANSWERS)
def test_the_value_comes_back_however_its_text_is_split(
    text: str, expected: str, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    found = list(answered(pieces))
    said = "".join(event.text for event in found if isinstance(event, TextDelta))
    assert said == expected
    assert found[0] == TextStarted(0)
    assert found[-2:] == [PartEnded(0), Finished("end")]
