"""What the newest step's results say of their thread."""

import pytest

from turnout.dialects.survey_results import ToolOutcome
from turnout.policy.evidence import Evidence, evidence_of

RED = "1 failed, 2 passed in 0.04s\n"
GREEN = "ok  \texample.com/shop\t0.003s\n"


def result(
    text: str = "ok", *, tool: str = "Bash", call: str = "c1", edit: str = ""
) -> ToolOutcome:
    return ToolOutcome(tool, "id", False, len(text), text, call, edit)


def evidence(*outcomes: ToolOutcome, beginning: str = "b") -> Evidence:
    return evidence_of(outcomes, beginning=beginning)


def test_no_results_are_no_evidence() -> None:
    assert evidence() == Evidence()


def test_of_a_step_the_red_result_counts() -> None:
    for outcomes in ((result(RED), result(GREEN)), (result(GREEN), result(RED))):
        assert evidence(*outcomes).check == "failed"
        assert evidence(*outcomes).check_framework == "pytest"
    assert evidence(result("hello"), result(GREEN)).check == "passed"


@pytest.mark.parametrize(
    "tool",
    [
        *("Bash", "BashOutput", "TaskOutput", "exec_command", "write_stdin", "shell", "bash"),
        *("run_shell_command", "execute_command", "run_in_terminal", "local_shell", "run_tests"),
        *("mcp__ide__executeCode", "get_terminal_output"),
    ],
)
def test_what_runs_something_shows_a_run(tool: str) -> None:
    assert evidence(result(RED, tool=tool)).check == "failed"


@pytest.mark.parametrize(
    "tool",
    [
        "",
        "Read",
        "Grep",
        "WebFetch",
        "Task",
        "Agent",
        "Edit",
        "Write",
        "read_file",
        "TodoWrite",
        "ls",
    ],
)
def test_what_reads_may_quote_a_run(tool: str) -> None:
    assert evidence(result(RED, tool=tool)).check == ""


def test_repeated_calls_and_edits_are_found_in_their_own_thread_alone() -> None:
    first = evidence(result(call="c1", edit="f1"), result(call="c2", edit="f2"))
    again = evidence(result("else", call="c1", edit="f2"), result(call="c2", edit="f1"))
    assert first.call_digest == again.call_digest != ""
    assert first.edit_digest == again.edit_digest != ""
    assert evidence(result(call="c2"), result(call="c1")).call_digest != first.call_digest
    assert evidence(result(call="c1")).edit_digest == ""
    elsewhere = evidence(
        result(call="c1", edit="f1"), result(call="c2", edit="f2"), beginning="another thread"
    )
    assert elsewhere.call_digest != first.call_digest
    assert elsewhere.edit_digest != first.edit_digest
