"""What a response repeats of its request, in streams and in whole answers."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from openai.types.responses import Response

from tests.dialects.events import events_of
from tests.dialects.openai_responses.grammar import check, events_of_stream
from turnout.dialects.conversation import Text, ToolCall
from turnout.dialects.openai_responses import OPENAI_RESPONSES
from turnout.dialects.stream import Answer, StreamEvent, StreamFailed, StreamStarted
from turnout.dialects.usage import Usage
from turnout.errors import Overloaded

ANSWER = Answer("r", "m", (Text("a"),), Usage(3, output=1), "reported", "end")
TOOL = (
    '{"type":"function","name":"f","description":"\\u00fc\\nline","strict":true,'
    '"parameters":{"type":"object","properties":{"n":{"type":"number","maximum":1.50}}}}'
)
SETTINGS = {
    "instructions": '"Be brief.\\nAnd kind."',
    "max_output_tokens": "100",
    "max_tool_calls": "2",
    "metadata": '{"a":"b"}',
    "parallel_tool_calls": "false",
    "prompt_cache_key": '"k"',
    "prompt_cache_retention": '"24h"',
    "safety_identifier": '"s"',
    "temperature": "0.50",
    "tool_choice": '{"type":"function","name":"f"}',
    "tools": f"[{TOOL}]",
    "top_logprobs": "3",
    "top_p": "9e-1",
    "truncation": '"auto"',
    "user": '"u"',
}


def body_of(settings: dict[str, str], *, between: str = "") -> bytes:
    fields = {"model": '"m"', "input": '"hi"'} | settings
    told = f",{between}".join(f'"{name}":{between}{value}' for name, value in fields.items())
    return f"{{{between}{told}{between}}}".encode()


def whole(asked: bytes) -> bytes:
    return OPENAI_RESPONSES.encode_response(
        events_of(ANSWER), response_id="resp_1", model="m", created_at=7, asked=asked
    )


def stream(asked: bytes, answer: Answer = ANSWER) -> bytes:
    return written(asked, events_of(answer))


def written(asked: bytes, events: Iterable[StreamEvent]) -> bytes:
    encoder = OPENAI_RESPONSES.stream_encoder(
        response_id="resp_1",
        model="m",
        created_at=7,
        input_estimate=1,
        include_usage=True,
        asked=asked,
        clock=lambda: 9.6,
    )
    return b"".join(map(encoder.encode, events))


def settings_of(response: dict[str, Any], names: list[str]) -> dict[str, object]:
    return {name: response[name] for name in names}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_repeated_in_the_clients_own_characters(name: str) -> None:
    asked = body_of({name: SETTINGS[name]})
    told = f'"{name}":{SETTINGS[name]}'.encode()
    assert whole(asked).count(told) == 1
    # Once in each of response.created, response.in_progress and response.completed.
    assert stream(asked).count(told) == 3


def test_all_settings_fit_the_sdks_types() -> None:
    shown = Response.model_validate_json(whole(body_of(SETTINGS)))
    assert shown.instructions == "Be brief.\nAnd kind."
    assert shown.tools[0].type == "function"


def test_a_body_that_was_written_on_many_lines_leaves_events_whole() -> None:
    spread = SETTINGS | {"tools": "[\r\n  " + TOOL.replace(",", " ,\n") + "\n]"}
    response = check(stream(body_of(spread, between="\n  ")))
    names = list(SETTINGS)
    assert settings_of(response, names) == settings_of(json.loads(body_of(spread)), names)


def test_settings_with_parts_keep_the_defaults_of_the_parts_left_out() -> None:
    schema = '{"type":"json_schema","name":"n","schema":{"type":"object"}}'
    asked = {"text": f'{{"format":{schema}}}', "reasoning": '{"summary":"auto","effort":null}'}
    response = json.loads(whole(body_of(asked)))
    assert response["text"] == {"format": json.loads(schema), "verbosity": "medium"}
    assert response["reasoning"] == {"effort": None, "summary": "auto"}


def test_null_is_what_was_left_out() -> None:
    nulls = dict.fromkeys((*SETTINGS, "text", "reasoning", "service_tier"), "null")
    assert whole(body_of(nulls)) == whole(body_of({})) == whole(b"")


@pytest.mark.parametrize(
    ("asked", "told"), [("auto", "default"), ("default", "default"), ("flex", None)]
)
def test_a_tier_is_told_only_where_it_is_known(asked: str, told: str | None) -> None:
    response = json.loads(whole(body_of({"service_tier": f'"{asked}"'})))
    assert response["service_tier"] == told


def test_nothing_is_stored_whatever_was_asked() -> None:
    assert json.loads(whole(body_of({"store": "true"})))["store"] is False


def test_only_an_answer_that_is_complete_says_when() -> None:
    cut = Answer("r", "m", (Text("a"),), Usage(3, output=1), "reported", "max_output")
    assert check(stream(b""))["completed_at"] == 9
    assert check(stream(b"", cut))["completed_at"] is None
    assert json.loads(whole(b""))["completed_at"] == 7


def test_a_response_that_failed_repeats_its_request() -> None:
    failing = (StreamStarted("r", "m"), StreamFailed(Overloaded("busy")))
    told = written(body_of({"user": '"u"'}), failing)
    *_, failed = events_of_stream(told)
    assert failed["response"]["user"] == "u"
    assert failed["response"]["completed_at"] is None


def test_a_search_written_on_many_lines_leaves_events_whole() -> None:
    search = ToolCall("c", "tool_search", '{\n  "query": "x"\n}')
    answer = Answer("r", "m", (search,), Usage(3, output=1), "reported", "tool_use")
    (item,) = check(stream(b"", answer))["output"]
    assert item["arguments"] == {"query": "x"}
