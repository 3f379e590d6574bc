"""What is answered follows from the request alone, and tool arguments fit their schema."""

import base64
import json

import pytest

from turnout.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.simulator.answers import Answer, Ask, ToolOffer, answer
from turnout.simulator.directives import Directives, parse_directives
from turnout.simulator.measure import ATTACHMENT_TOKENS, PLAIN, Measure, canonical, measure_of
from turnout.simulator.schema_example import example

BASH = ToolOffer(
    "Bash",
    {
        "type": "object",
        "properties": {
            "command": {"type": "string"},
            "timeout": {"type": "integer", "minimum": 5},
            "run_in_background": {"type": "boolean"},
        },
        "required": ["command", "timeout"],
    },
)
WRITE = ToolOffer("Write", {"type": "object", "properties": {}})
NO_DIRECTIVES = Directives()


def said(directives: str = "", **ask: object) -> Answer:
    base = Ask(seed=b"seed", user_text="fix the bug")
    fields = {name: getattr(base, name) for name in Ask.__dataclass_fields__} | ask
    return answer(Ask(**fields), parse_directives(directives))


def test_the_same_request_gets_the_same_answer_and_another_another() -> None:
    assert said() == said()
    assert said().text != said(seed=b"other").text
    assert said().id != said(seed=b"other").id


def test_an_agent_loop_calls_tools_and_ends_with_prose() -> None:
    steps = 0
    while (answered := said(tools=(BASH,), steps_done=steps)).calls:
        assert answered.stop == "tool"
        assert json.loads(answered.calls[0].arguments) == {"command": "ls", "timeout": 5}
        steps += 1
    assert 1 <= steps <= 3
    assert answered.stop == "end"


def test_steps_can_be_forced() -> None:
    for done in range(7):
        assert bool(said("steps=7", tools=(BASH,), steps_done=done).calls)
    assert not said("steps=7", tools=(BASH,), steps_done=7).calls
    assert not said("steps=0", tools=(BASH,)).calls


def test_several_tools_are_called_at_once_with_the_arguments_they_are_told() -> None:
    answered = said("tools=Write+Bash,args=eyJhIjoxfQ", tools=(WRITE, BASH))
    assert [(call.name, call.arguments) for call in answered.calls] == [
        ("Write", '{"a":1}'),
        ("Bash", '{"command":"ls","timeout":5}'),
    ]
    assert len({call.id for call in answered.calls}) == 2
    one = said("tools=Write+Bash", tools=(WRITE, BASH), parallel=False)
    assert [call.name for call in one.calls] == ["Write"]


def test_a_freeform_tool_gets_text() -> None:
    patch = ToolOffer("apply_patch", None, kind="freeform", grammar='"*** Begin Patch"')
    assert said("tool=apply_patch", tools=(patch,)).calls[0].arguments.startswith("*** Begin")
    assert said("tool=apply_patch,args=InRleHQi", tools=(patch,)).calls[0].arguments == "text"


def test_what_the_provider_runs_itself_leaves_the_answer_an_answer() -> None:
    search = ToolOffer("web_search", None, kind="hosted")
    assert not said(tools=(search,)).calls
    answered = said("tool=web_search", tools=(search,))
    assert (len(answered.calls), answered.stop) == (1, "end")
    assert answered.text


def test_a_blocked_prompt_has_no_answer() -> None:
    blocked = said("blocked", tools=(BASH,))
    assert (blocked.text, blocked.calls, blocked.stop) == ("", (), "blocked")


def test_thinking_and_text_say_different_things() -> None:
    answered = said("thinking")
    assert not answered.text.startswith(answered.thinking[:20])


def test_tools_that_write_are_not_called_unasked() -> None:
    assert not said(tools=(WRITE,)).calls
    assert said(tools=(WRITE, BASH)).calls[0].name == "Bash"
    assert said("tool=Write", tools=(WRITE, BASH)).calls[0].name == "Write"


def test_tool_choice_is_obeyed() -> None:
    assert said(tools=(WRITE,), forced_tool="").calls[0].name == "Write"
    assert said(tools=(BASH, WRITE), forced_tool="Write").calls[0].name == "Write"
    assert not said(tools=(BASH,), tools_allowed=False).calls
    assert not said("text", tools=(BASH,)).calls


def test_a_length_limit_is_kept() -> None:
    cut = said("tokens=200", max_tokens=20)
    assert cut.stop == "length"
    assert PLAIN.count_text(cut.text) <= 20
    assert said("tokens=200", max_tokens=2_000).stop == "end"


def test_no_tokens_at_all_is_a_prefill() -> None:
    assert said(max_tokens=0).output_tokens == 0


def test_about_as_many_tokens_as_asked_for() -> None:
    assert 200 <= PLAIN.count_text(said("tokens=200").text) < 240


def test_what_is_to_be_said_is_said_exactly() -> None:
    text = 'Zwölf, "quoted"\n= twelve.'
    packed = base64.urlsafe_b64encode(text.encode()).decode()
    assert said(f"text,say={packed}", tools=(BASH,)).text == text


def test_as_many_tokens_also_beside_a_tool_call() -> None:
    told = said("tool=Bash,steps=9,tokens=300", tools=(BASH,), steps_done=2)
    assert told.calls
    assert 300 <= PLAIN.count_text(told.text) < 340


def test_thinking_comes_first_and_counts_as_output() -> None:
    answered = said("thinking", thinking=True)
    assert answered.thinking
    assert answered.output_tokens > answered.thinking_tokens > 0
    assert not said(thinking=True, steps_done=1).thinking


def test_the_safety_classifier_gets_its_verdict() -> None:
    answered = said(stop_sequences=("</block>",))
    assert (answered.text, answered.stop, answered.stop_sequence) == (
        "<block>no",
        "sequence",
        "</block>",
    )


def test_a_schema_for_the_answer_is_followed() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
    assert json.loads(said(output_schema=schema).text) == {"title": "example"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, "example"),
        ({"const": 3}, 3),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": ["null", "string"]}, "example"),
        ({"type": "STRING"}, "example"),
        ({"type": "string", "minLength": 10}, "examplexxx"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "number", "exclusiveMinimum": 2}, 3),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, False),
        ({"$defs": {"a": {"type": "null"}}, "$ref": "#/$defs/a"}, None),
        (
            {
                "type": "object",
                "properties": {"a": {"$ref": "#/$defs/x"}, "b": {}},
                "required": ["a"],
                "$defs": {"x": {"enum": [7]}},
            },
            {"a": 7},
        ),
    ],
)
def test_an_example_fits_its_schema(schema: object, value: object) -> None:
    assert example(schema) == value


def test_a_schema_that_contains_itself_has_an_example() -> None:
    schema: dict[str, object] = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    schema["required"] = ["child"]
    assert isinstance(example(schema), dict)


def test_an_attachment_counts_by_the_piece_and_differs_by_content() -> None:
    def image(data: str) -> dict[str, object]:
        return {"type": "image", "source": {"type": "base64", "data": data}}

    small, large = (canonical(image(data), PLAIN) for data in ("A" * 10, "B" * 1_000_000))
    assert PLAIN.count_bytes(len(large)) - ATTACHMENT_TOKENS < 30
    assert len(small) == len(large)
    assert small != large
    assert len(canonical({"url": "data:image/png;base64,AAAA"}, PLAIN)) > ATTACHMENT_TOKENS


def test_a_model_counts_as_its_family_was_measured() -> None:
    """The same bytes are more tokens to Claude than to OpenAI, an attachment as many to each."""
    catalog = parse_catalog(snapshot_bytes())
    claude, gpt = (measure_of(catalog.models[name]) for name in ("claude-opus-5-5", "gpt-5.5"))
    assert (claude.count_text("a" * 1_000), gpt.count_text("a" * 1_000)) == (404, 256)
    image = {"type": "base64", "data": "AAAA"}
    for measure in (claude, gpt):
        tokens = measure.count_bytes(len(canonical(image, measure)))
        assert tokens == pytest.approx(ATTACHMENT_TOKENS, abs=20)


@pytest.mark.parametrize("measure", [PLAIN, Measure(2.48), Measure(3.92)])
def test_an_answer_is_as_long_as_its_model_counts(measure: Measure) -> None:
    told = answer(Ask(seed=b"s", measure=measure), parse_directives("tokens=200"))
    assert 200 <= told.output_tokens < 240
