"""The agent's task list, as the survey of every dialect reads it out of the history."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.surveyed import Json, Wire
from tests.dialects.test_survey_results import CALLS, RESULTS, WIRES, on_every_wire
from turnout.dialects.survey import Survey
from turnout.dialects.survey_results import Call
from turnout.dialects.task_lists import (
    MAX_CALL_BYTES,
    MAX_TASKS,
    NO_TASKS,
    TASK_TOOLS,
    followed_by,
    task_list,
)


def items(*states: str) -> list[Json]:
    return [{"content": f"task {n}", "status": state} for n, state in enumerate(states)]


CLAUDE_TODOS: Json = {"todos": items("completed", "in_progress", "pending")}
CODEX_PLAN: Json = {
    "plan": [
        {"step": "read", "status": "completed"},
        {"step": "write", "status": "in_progress"},
        {"step": "test", "status": "pending"},
    ]
}
OPENCODE_TODOS: Json = {"todos": items("cancelled", "pending", "pending", "completed")}
GEMINI_TODOS: Json = {
    "todos": [
        {"description": "a", "status": "in_progress"},
        {"description": "b", "status": "pending"},
    ]
}
LISTS: list[tuple[str, Json]] = [
    ("TodoWrite", CLAUDE_TODOS),
    ("update_plan", CODEX_PLAN),
    ("todowrite", OPENCODE_TODOS),
    ("write_todos", GEMINI_TODOS),
    ("todo_write", CLAUDE_TODOS),
]
"""Each with two open items."""


def answer(wire: Wire, text: str = "I am done.") -> Json:
    match wire.dialect:
        case "gemini_generate":
            return {"role": "model", "parts": [{"text": text}]}
        case "openai_responses":
            part = {"type": "output_text", "text": text}
            return {"type": "message", "role": "assistant", "content": [part]}
        case _:
            return {"role": "assistant", "content": text}


def step(wire: Wire, name: str, arguments: Json) -> list[Json]:
    return [CALLS[wire.dialect](name, arguments), RESULTS[wire.dialect](name, "ok")]


OFFERED: Json = {"functionDeclarations": [{"name": name} for name in sorted(TASK_TOOLS)]}


def surveyed(wire: Wire, *messages: Json) -> Survey:
    # Gemini's contents are only looked through where such a tool is offered.
    fields = {"tools": [OFFERED]} if wire.dialect == "gemini_generate" else {}
    return wire.survey(wire.user("fix it"), *messages, **fields)


@on_every_wire
@pytest.mark.parametrize(("name", "arguments"), LISTS)
def test_the_newest_list_counts(wire: Wire, name: str, arguments: Json) -> None:
    first = step(wire, name, arguments)
    assert surveyed(wire, *first).tasks.open_items == 2
    read = step(wire, "Read", {"file_path": "a.py"})
    assert surveyed(wire, *first, *read).tasks.open_items == 2
    done = {
        field: [one | {"status": "completed"} for one in arguments[field]] for field in arguments
    }
    assert surveyed(wire, *first, *read, *step(wire, name, done)).tasks.open_items == 0


@on_every_wire
def test_tasks_that_are_kept_one_by_one(wire: Wire) -> None:
    made = [one for n in "123" for one in step(wire, "TaskCreate", {"subject": n})]
    assert surveyed(wire, *made).tasks.open_items == 3
    changes = [("1", "in_progress"), ("1", "completed"), ("3", "deleted"), ("3", "pending")]
    changed = [
        one
        for task, state in changes
        for one in step(wire, "TaskUpdate", {"taskId": task, "status": state})
    ]
    assert surveyed(wire, *made, *changed).tasks.open_items == 2
    renamed = step(wire, "TaskUpdate", {"taskId": "2", "subject": "else"})
    assert surveyed(wire, *made, *changed, *renamed).tasks.open_items == 2


@on_every_wire
def test_a_turn_has_ended_where_the_user_types_behind_an_answer_that_called_nothing(
    wire: Wire,
) -> None:
    name = "Bash"
    assert surveyed(wire, answer(wire), wire.user("go on")).ended_turn
    assert not surveyed(wire).ended_turn
    assert not surveyed(wire, *step(wire, name, {})).ended_turn
    # Typed while its tools ran.
    assert not surveyed(wire, *step(wire, name, {}), wire.user("stop")).ended_turn


@pytest.mark.parametrize(
    "arguments",
    [
        b"",
        b"null",
        b"[]",
        b'{"todos": 3}',
        b'{"todos": [3]}',
        b'{"todos": [{"status": 3}]}',
        b'"no object"',
        b'"\\ud83d"',
        b'{"todos": [{"status": "pending", "content": "%b"}]}' % (b"x" * MAX_CALL_BYTES),
    ],
)
def test_what_is_no_list_says_nothing(arguments: bytes) -> None:
    assert task_list([Call("TodoWrite", msgspec.Raw(arguments))]) == NO_TASKS


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.dialect)
def test_a_list_that_is_quoted_is_none(wire: Wire) -> None:
    quoted = json.dumps({"name": "TodoWrite", "input": CLAUDE_TODOS})
    assert surveyed(wire, answer(wire, quoted), wire.user(quoted)).tasks == NO_TASKS


def test_of_many_tasks_the_newest_are_kept() -> None:
    changes = [
        Call("TaskUpdate", msgspec.Raw(b'{"taskId": "%d", "status": "completed"}' % n))
        for n in range(MAX_TASKS + 5)
    ]
    told = task_list(changes)
    assert len(told.are_open) == MAX_TASKS
    assert told.are_open[-1] == (str(MAX_TASKS + 4), False)


CALLS_MADE = st.lists(
    st.builds(
        lambda name, task, state: Call(
            name,
            msgspec.Raw(
                json.dumps(
                    {
                        "todos": items(state, state),
                        "plan": items(state),
                        "taskId": task,
                        "status": state,
                    }
                ).encode()
            ),
        ),
        st.sampled_from(sorted(TASK_TOOLS)),
        st.sampled_from("123"),
        st.sampled_from(["pending", "in_progress", "completed", "deleted"]),
    ),
    max_size=12,
)


@given(CALLS_MADE, CALLS_MADE)
def test_two_runs_say_together_what_they_say_as_one(first: list[Call], then: list[Call]) -> None:
    assert followed_by(task_list(first), task_list(then)) == task_list([*first, *then])
