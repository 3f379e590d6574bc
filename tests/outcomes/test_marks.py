"""Whose a commit is, told from its message and addresses; and what messages say they did."""

import pytest

from turnout.outcomes.marks import marks_of, merged_branch, reverts

PERSON = "ada@example.com"


@pytest.mark.parametrize(
    ("message", "sessions"),
    [
        ("Fix\n\nTurnout-Session: 4a-b_c.1", ("4a-b_c.1",)),
        ("Fix\n\nturnout-session:   s-1  ", ("s-1",)),
        ("Fix\n\nClaude-Session: https://claude.example/code/session_01ABC", ("session_01ABC",)),
        ("Fix\n\n* one\n\n  Turnout-Session: s-1\n\n* two\n\nTurnout-Session: s-2", ("s-1", "s-2")),
        ("Fix\n\nTurnout-Session: s-1\nTurnout-Session: s-1", ("s-1",)),
        ("Fix\n\nMy-Run: s-9", ("s-9",)),
        ("Fix\n\nTurnout-Session: two words", ()),
        ("Fix\n\nTurnout-Session: <b>s</b>", ()),
        ("Fix\n\nTurnout-Session: " + "s" * 201, ()),
        ("The Turnout-Session: s-1 trailer is read", ()),
    ],
)
def test_a_session_is_named_by_a_line_of_its_own(message: str, sessions: tuple[str, ...]) -> None:
    marks = marks_of(message, [PERSON], trailers=("Turnout-Session", "Claude-Session", "My-Run"))
    assert marks.sessions == sessions
    assert marks.is_agent is bool(sessions)


@pytest.mark.parametrize(
    ("message", "email", "is_agent"),
    [
        ("Fix", PERSON, False),
        ("Fix", "noreply@anthropic.com", True),
        ("Fix", "198982749+Copilot@users.noreply.github.com", True),
        ("Fix\n\nCo-Authored-By: Claude Opus <noreply@anthropic.com>", PERSON, True),
        ("Fix\n\nCo-authored-by: aider (some/model) <aider@aider.chat>", PERSON, True),
        ("Fix\n\nCo-authored-by: Bob <bob@example.com>", PERSON, False),
        ("Fix\n\n🤖 Generated with [Claude Code](https://claude.example/code)", PERSON, True),
        ("Read what is generated with Claude Code", PERSON, False),
    ],
)
def test_an_agent_is_known_by_its_address_or_its_line(
    message: str, email: str, *, is_agent: bool
) -> None:
    assert marks_of(message, [email]).is_agent is is_agent


def test_a_long_message_is_read_in_one_pass() -> None:
    marks = marks_of("\n" * 200_000 + " " * 200_000 + "\nTurnout-Session: s-1", [PERSON])
    assert marks.sessions == ("s-1",)


def test_what_a_message_reverts() -> None:
    sha = "0123456789abcdef0123456789abcdef01234567"
    assert reverts(f'Revert "Fix"\n\nThis reverts commit {sha}.') == (sha,)
    assert reverts(f"This reverts commit {sha}, reversing\nchanges made to {sha[::-1]}.") == (sha,)
    assert reverts("Reverts the colours") == ()


@pytest.mark.parametrize(
    ("subject", "branch"),
    [
        ("Merge branch 'fix/login'", "fix/login"),
        ("Merge branch 'fix/login' into 'main'", "fix/login"),
        ("Merge remote-tracking branch 'origin/fix/login'", "fix/login"),
        ("Merge pull request #7 from acme/fix/login", "fix/login"),
        ("Merged in fix/login (pull request #7)", "fix/login"),
        ("Bring in the login", ""),
    ],
)
def test_the_branch_that_a_merge_names(subject: str, branch: str) -> None:
    assert merged_branch(f"{subject}\n\nMerge branch 'other'") == branch
