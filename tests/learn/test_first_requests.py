"""First requests of recorded threads, and the few that stand for all."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.learn.sample_tables import write, write_calls
from turnout.learn.first_requests import read_first_requests, typical
from turnout.learn.parquet import load_table
from turnout.learn.thread_kinds import read_thread_kinds
from turnout.policy.first_requests import FirstRequest
from turnout.policy.request import TaskKind


def test_one_a_thread_with_the_kind_of_what_was_typed_first(tmp_path: Path) -> None:
    write_calls(tmp_path)
    calls = load_table(tmp_path, "trace_calls")
    names = dict.fromkeys(
        zip(calls.texts("repo"), calls.texts("session"), calls.texts("thread"), strict=True)
    )
    repo, session, thread = next(iter(names))
    write(
        tmp_path,
        "trace_turns",
        {
            "repo": [repo] * 3,
            "session": [session] * 3,
            "thread": [thread] * 3,
            "turn": [2, 0, 1],
            "prompt": ["later words", "<command-name>/exit</command-name>", "the first words"],
        },
    )
    asked: list[str] = []

    def kind_of(text: str) -> TaskKind:
        asked.append(text)
        return "docs"

    kinds = read_thread_kinds(load_table(tmp_path, "trace_turns"), kind_of)
    assert kinds == {(repo, session, thread): "docs"}
    assert asked == ["the first words"]
    found = read_first_requests(calls, kinds)
    assert len(found) == len(names)
    assert [one.task_kind for one in found].count("docs") == 1
    assert {one.prompt_tokens for one in found} == {10_000}


firsts = st.builds(
    FirstRequest,
    harness=st.sampled_from(("claude_code", "codex")),
    is_subagent=st.booleans(),
    prompt_tokens=st.integers(0, 100_000),
    task_kind=st.sampled_from(("docs", "other")),
)


@given(st.lists(firsts, max_size=60), st.integers(1, 20))
def test_a_few_stand_for_all(requests: list[FirstRequest], most: int) -> None:
    kept = typical(requests, most=most)
    assert len(kept) == min(most, len(requests))
    assert typical(list(reversed(requests)), most=most) == kept
    for one in kept:
        assert kept.count(one) <= requests.count(one)
    if requests:
        of_kept, of_all = (
            sum(one.is_subagent for one in some) / len(some) for some in (kept, requests)
        )
        assert abs(of_kept - of_all) <= 4 / len(kept)
