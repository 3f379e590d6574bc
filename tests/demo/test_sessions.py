"""What is drawn from the tables: the same for a seed, and what an agent can send."""

from itertools import pairwise

import pytest

from turnout.demo.sessions import CONTEXT_TOKENS, Session, Thread, draw_session, draw_sessions
from turnout.demo.shapes import load_shapes

SHAPES = load_shapes()
LONGEST = 50
SESSIONS = draw_sessions(SHAPES, count=60, seed=7, longest=LONGEST)


def threads(sessions: tuple[Session, ...] = SESSIONS) -> list[Thread]:
    return [thread for one in sessions for thread in (one.main, *one.subagents)]


def test_the_same_seed_draws_the_same_sessions() -> None:
    assert draw_sessions(SHAPES, count=60, seed=7, longest=LONGEST) == SESSIONS
    assert draw_sessions(SHAPES, count=60, seed=8, longest=LONGEST) != SESSIONS


def test_a_session_does_not_depend_on_how_many_are_drawn() -> None:
    assert draw_sessions(SHAPES, count=3, seed=7, longest=LONGEST) == SESSIONS[:3]
    alone = draw_session(SHAPES, number=2, dialect=SESSIONS[2].dialect, seed=7, longest=LONGEST)
    assert alone == SESSIONS[2]


def test_both_dialects_take_turns() -> None:
    assert [one.dialect for one in SESSIONS[:2]] == ["anthropic_messages", "openai_chat"]


def test_results_follow_calls_and_only_calls() -> None:
    for thread in threads():
        asked = [step for step in thread.steps if step.kind != "title"]
        for before, after in pairwise(asked):
            assert bool(before.calls) == (after.kind == "tools")
        assert asked[0].kind == "user"
        assert not asked[-1].calls


def test_no_thread_is_longer_than_asked_and_a_cut_one_says_so() -> None:
    assert all(len(thread.steps) <= LONGEST for thread in threads())
    cut = [one for one in SESSIONS if one.is_cut]
    assert cut
    assert all(len(one.main.steps) == LONGEST for one in cut)


def test_every_subagent_is_started_once() -> None:
    for session in SESSIONS:
        started = [number for step in session.main.steps for number in step.spawns]
        assert sorted(started) == list(range(len(session.subagents)))
    assert any(session.subagents for session in SESSIONS)


def test_what_happens_in_traces_happens_here() -> None:
    long = draw_sessions(SHAPES, count=100, seed=1, longest=2_000)
    steps = [step for thread in threads(long) for step in thread.steps]
    assert {step.kind for step in steps} == {"title", "user", "tools", "compaction"}
    assert any(step.has_tool_error for step in steps)
    assert any(step.is_interrupted for step in steps)
    assert any(step.is_faulted for step in steps)
    assert max(len(step.calls) for step in steps) > 1
    assert not any(one.is_cut for one in long)


@pytest.mark.parametrize("seed", range(5))
def test_an_agent_summarises_before_its_window_is_full(seed: int) -> None:
    for session in draw_sessions(SHAPES, count=20, seed=seed, longest=2_000):
        held = session.main.head_tokens
        for step in session.main.steps:
            if step.kind == "compaction":
                held = int(held * session.compacted_share)
            elif step.kind != "title":
                # What one step adds comes on top before the agent can react.
                assert held <= CONTEXT_TOKENS
                held += step.new_tokens + step.output_tokens
