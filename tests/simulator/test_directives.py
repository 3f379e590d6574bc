"""Directives are read as written, and what makes no sense is refused by name."""

import pytest

from turnout.errors import InvalidRequest
from turnout.simulator.directives import MAX_STEPS, WORDS, Directives, parse_directives
from turnout.simulator.script import Script


def test_words_and_values_are_read() -> None:
    text = "stall=2.5, status=529, retry-after=3, cut=after-content, garbage, tool=Bash, steps=2"
    assert parse_directives(text) == Directives(
        stall=2.5,
        status=529,
        retry_after=3.0,
        cut="after-content",
        garbage=True,
        tools=("Bash",),
        steps=2,
    )


def test_tools_and_their_arguments_are_read() -> None:
    said = parse_directives("tools=Read+Bash+apply_patch, args=eyJhIjoxfQ++InRleHQi, steps=1")
    assert said == Directives(
        tools=("Read", "Bash", "apply_patch"), args=('{"a":1}', "", '"text"'), steps=1
    )
    assert parse_directives("args=eyJhIjoxfQ==") == parse_directives("args=eyJhIjoxfQ")


def test_nothing_is_no_directive() -> None:
    assert parse_directives(" , ") == Directives()


def test_every_word_can_be_said() -> None:
    values = {
        "cut": "before-end",
        "tool": "X",
        "tools": "X+Y",
        "args": "e30",
        "status": "500",
        "say": "SGk",
    }
    flags = {
        "half",
        "garbage",
        "error-in-stream",
        "text",
        "thinking",
        "empty",
        "refusal",
        "blocked",
    }
    for word in WORDS:
        said = word if word in flags else f"{word}={values.get(word, '1')}"
        assert parse_directives(said) != Directives(), word


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("explode", "No directive 'explode'"),
        ("stall", "wants a value"),
        ("stall=soon", "number from 0"),
        ("stall=nan", "number from 0"),
        ("stall=-1", "number from 0"),
        ("status=200", "number from 400 to 599"),
        ("cut=here", "after-start, after-content, before-end"),
        ("garbage=1", "no value"),
        ("args=!", "base64url of a JSON object or string"),
        ("args=MQ", "base64url of a JSON object or string"),
        ("args=e", "base64url of a JSON object or string"),
        ("say=A", "say wants base64url of a text"),
        ("say=_w", "say wants base64url of a text"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, what: str) -> None:
    with pytest.raises(InvalidRequest, match=what):
        parse_directives(text)


def test_the_header_wins_over_the_default_and_the_queue_over_both() -> None:
    script = Script(default=parse_directives("gap=1,ttft=1,tokens=5"))
    script.change(b'{"next": ["ttft=3"]}')
    taken = script.take(model="m", header="ttft=2,tokens=6", body=b"")
    assert taken == Directives(gap=1.0, ttft=3.0, tokens=6)
    assert script.take(model="m", header="", body=b"") == Directives(gap=1.0, ttft=1.0, tokens=5)


def test_a_queued_script_waits_for_its_model() -> None:
    script = Script()
    script.change(b'{"next": [{"model": "gpt-5.5", "simulate": "status=529"}, "empty"]}')
    assert script.take(model="claude-opus-5-5", header="", body=b"") == Directives(empty=True)
    assert script.take(model="claude-opus-5-5", header="", body=b"") == Directives()
    assert script.take(model="gpt-5.5", header="", body=b"") == Directives(status=529)


def test_a_queued_script_waits_for_a_body_that_holds_its_text() -> None:
    script = Script()
    script.change(b'{"next": [{"holds": "main", "simulate": "empty"}, "status=529"]}')
    beside = script.take(model="m", header="", body=b'"the other loop"')
    assert beside == Directives(status=529)
    assert script.take(model="m", header="", body=b'"the main loop"') == Directives(empty=True)


def test_a_queued_tool_is_called_whatever_has_been_called_before() -> None:
    script = Script(default=parse_directives("tool=Read"))
    script.change(b'{"next": ["tool=Bash", "tool=Bash,steps=2"]}')
    assert script.take(model="m", header="", body=b"") == Directives(
        tools=("Bash",), steps=MAX_STEPS
    )
    assert script.take(model="m", header="", body=b"") == Directives(tools=("Bash",), steps=2)
    assert script.take(model="m", header="", body=b"") == Directives(tools=("Read",))


def test_a_bad_script_changes_nothing() -> None:
    script = Script()
    with pytest.raises(InvalidRequest, match="explode"):
        script.change(b'{"next": ["empty", "explode"], "default": "garbage"}')
    assert script == Script()
