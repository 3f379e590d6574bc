"""What the survey of every dialect tells of the newest step's calls and results."""

import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.anthropic_messages.requests import WIRE as ANTHROPIC
from tests.dialects.anthropic_messages.requests import result as anthropic_result
from tests.dialects.anthropic_messages.requests import said
from tests.dialects.gemini_generate.requests import WIRE as GEMINI
from tests.dialects.gemini_generate.requests import answered
from tests.dialects.gemini_generate.requests import user as gemini_user
from tests.dialects.openai_chat.requests import WIRE as CHAT
from tests.dialects.openai_chat.requests import result as chat_result
from tests.dialects.openai_responses.requests import WIRE as RESPONSES
from tests.dialects.openai_responses.requests import called as responses_called
from tests.dialects.openai_responses.requests import result as responses_result
from tests.dialects.surveyed import Json, Wire
from turnout.capabilities import Dialect
from turnout.dialects.survey_results import (
    HEAD_BYTES,
    RESULTS_READ,
    TAIL_BYTES,
    ToolOutcome,
    text_ends,
)

WIRES = (ANTHROPIC, CHAT, RESPONSES, GEMINI)
on_every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.dialect)

PATCH = "*** Begin Patch\n*** Update File: src/cart.py\n@@\n-a\n+b\n*** End Patch"


def _chat_call(name: str, arguments: Json) -> Json:
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": "a", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


CALLS: dict[Dialect, Callable[[str, Json], Json]] = {
    "anthropic_messages": lambda name, arguments: said(
        [{"type": "tool_use", "id": "a", "name": name, "input": arguments}], "assistant"
    ),
    "openai_chat": _chat_call,
    "openai_responses": lambda name, arguments: responses_called(
        "a", name, arguments=json.dumps(arguments)
    ),
    "gemini_generate": lambda name, arguments: {
        "role": "model",
        "parts": [{"functionCall": {"name": name, "args": arguments}}],
    },
}
RESULTS: dict[Dialect, Callable[[str, str], Json]] = {
    "anthropic_messages": lambda _, text: said([anthropic_result("a", text)]),
    "openai_chat": lambda _, text: chat_result("a", text),
    "openai_responses": lambda _, text: responses_result("a", text),
    "gemini_generate": lambda name, text: gemini_user(answered(name, {"output": text})),
}


def outcome(wire: Wire, name: str = "Bash", text: str = "ok", **arguments: object) -> ToolOutcome:
    call, result = CALLS[wire.dialect], RESULTS[wire.dialect]
    (found,) = wire.survey(wire.user("fix it"), call(name, arguments), result(name, text)).outcomes
    return found


@on_every_wire
def test_a_result_is_read_and_its_call_known(wire: Wire) -> None:
    one = outcome(wire, text='line "one"\nline two\t\u00e9', command="pytest")
    assert one.text == 'line "one"\nline two\t\u00e9'
    assert one.tool == "Bash"
    again = outcome(wire, text="else", command="pytest")
    assert one.call_digest
    assert again.call_digest == one.call_digest
    others = {
        outcome(wire, command="pytest -x").call_digest,
        outcome(wire, "Shell", command="pytest").call_digest,
    }
    assert one.call_digest not in others


@on_every_wire
@pytest.mark.parametrize("field", ["file_path", "filePath", "path"])
def test_the_file_that_a_call_changes(wire: Wire, field: str) -> None:
    edit = outcome(wire, "Edit", **{field: "src/cart.py", "old": "a", "new": "b"})
    later = outcome(wire, "Write", content="x" * 9_000, **{field: "src/cart.py"})
    other = outcome(wire, "Edit", **{field: "src/store.py", "old": "a", "new": "b"})
    assert edit.edit_digest == later.edit_digest != ""
    assert other.edit_digest not in {"", edit.edit_digest}
    assert outcome(wire, "Read", **{field: "src/cart.py"}).edit_digest == ""


def test_a_patch_names_its_file() -> None:
    call = {"type": "custom_tool_call", "call_id": "a", "name": "apply_patch", "input": PATCH}
    (patched,) = RESPONSES.survey(call, responses_result("a")).outcomes
    edited = outcome(ANTHROPIC, "Edit", file_path="src/cart.py")
    assert patched.edit_digest == edited.edit_digest


@on_every_wire
def test_of_a_long_result_both_ends_are_read(wire: Wire) -> None:
    lines = [f"line {number}" for number in range(9_000)]
    found = outcome(wire, text="\n".join(lines)).text.splitlines()
    assert found[0] == "line 0"
    assert found[-1] == "line 8999"
    assert set(found) <= set(lines)
    assert sum(map(len, found)) < HEAD_BYTES + TAIL_BYTES


def test_of_many_results_the_last_are_read() -> None:
    calls = [f"c{number}" for number in range(RESULTS_READ + 3)]
    found = CHAT.survey(
        CHAT.user("go"), CHAT.called(*calls), *(chat_result(call, "ok") for call in calls)
    ).outcomes
    assert [one.text for one in found] == [""] * 3 + ["ok"] * RESULTS_READ


@pytest.mark.parametrize("wire", WIRES[:3], ids=lambda wire: wire.dialect)
def test_the_texts_of_a_result_in_parts(wire: Wire) -> None:
    parts: list[Json] = [
        {"type": "text", "text": "one"},
        wire.image(4),
        {"type": "text", "text": "two"},
    ]
    if wire is RESPONSES:
        parts = [part | {"type": "input_text"} if "text" in part else part for part in parts]
    (found,) = wire.survey(wire.called("a"), wire.result("a", *parts)).outcomes
    assert found.text == "one\ntwo"


@pytest.mark.parametrize("content", [None, 3, [3], [{"type": "text", "text": 3}], [], {}])
def test_what_is_no_text_is_left_to_the_provider(content: object) -> None:
    message = {"role": "tool", "tool_call_id": "a", "content": content}
    assert CHAT.survey(CHAT.called("a"), message).outcomes[0].text == ""
    item = {"type": "function_call_output", "call_id": "a", "output": content}
    assert RESPONSES.survey(RESPONSES.called("a"), item).outcomes[0].text == ""


PIECES = st.sampled_from(
    ["\n", "\\", "\\n", '"', "\u00e9", "\U0001f600", "\x1b", "\x00", "a" * 900]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=20)), min_size=20, max_size=60), st.booleans())
def test_a_cut_falls_between_lines_and_never_in_an_escape(
    pieces: list[str], is_ascii: bool
) -> None:
    text = "".join(pieces)
    written = json.dumps(text, ensure_ascii=is_ascii).encode()
    found = text_ends(msgspec.Raw(written))
    if len(written) <= HEAD_BYTES + TAIL_BYTES:
        assert found == text
    else:
        assert set(found.split("\n")) <= {*text.split("\n"), ""}
