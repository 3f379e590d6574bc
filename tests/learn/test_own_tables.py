"""A tenant's own requests as the tables of recorded sessions."""

from pathlib import Path

import pytest

from tests.learn.own_requests import START, own_request
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.learn.hits import read_returns
from turnout.learn.own_tables import OwnRequest, own_tables
from turnout.learn.parquet import Table, load_table
from turnout.learn.traces import read_calls
from turnout.policy.cache import FIVE_MINUTES, ONE_HOUR

CATALOG = parse_catalog(snapshot_bytes())


def tables_of(*requests: OwnRequest) -> dict[str, Table]:
    return {one.name: one for one in own_tables(requests, CATALOG)}


def test_a_thread_has_the_steps_gaps_and_tokens_of_its_requests() -> None:
    calls = tables_of(
        own_request(2, results=2),
        own_request(0, calls=True),
        own_request(1, results=1),
        own_request(3),
    )["trace_calls"]
    assert calls.values("turn") == [0, 0, 0, 1]
    assert calls.values("step_in_turn") == [0, 1, 2, 0]
    assert calls.values("gap_s") == [None, 55.0, 55.0, 55.0]
    assert calls.values("ctx") == [1_000.0, 2_000.0, 3_000.0, 4_000.0]
    assert calls.texts("agent") == ["claude-code"] * 4
    # The second says by nothing but the results behind it that it has called something.
    assert calls.texts("tools") == ["tool", "tool", "", ""]
    assert [one.timestamp() for one in calls.times("ts")][:2] == [START, START + 60.0]


def test_subagents_are_threads_and_names_are_digests() -> None:
    calls = tables_of(
        own_request(0),
        own_request(1, thread="agent-1", is_subagent=True),
        own_request(2, thread="agent-2", is_subagent=True),
    )["trace_calls"]
    assert sum(calls.numbers("is_subagent")) == 2
    assert len(set(calls.texts("thread"))) == 3
    assert len(set(calls.texts("session"))) == 1
    assert not {"s", "main", "agent-1"} & {*calls.texts("thread"), *calls.texts("session")}


def test_a_prompt_that_was_cut_is_no_cache_miss() -> None:
    calls = tables_of(own_request(0, kept=0.0), own_request(1, kept=0.1))["trace_calls"]
    assert calls.values("compacted") == [0, 1]


def test_what_another_model_finds_says_nothing_of_a_cache() -> None:
    calls = tables_of(
        own_request(1),
        own_request(2, results=1),
        own_request(3, results=1, model="gpt-5.4"),
        own_request(4, results=1, model="gpt-5.4"),
    )["trace_calls"]
    returns = read_returns(read_calls(calls))
    assert returns.provider.tolist() == ["anthropic", "openai"]
    assert returns.lifetime_seconds.tolist() == [ONE_HOUR, FIVE_MINUTES]


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (("claude-opus-5-5",) * 20, ["claude-opus-5-5"]),
        (("claude-opus-5-5",) * 19 + ("gpt-5.4",), ["claude-opus-5-5"]),
        (("claude-opus-5-5",) * 18 + ("gpt-5.4",) * 2, []),
    ],
)
def test_an_outcome_is_of_the_model_that_served_the_session(
    models: tuple[str, ...], expected: list[str]
) -> None:
    told = tables_of(
        *(own_request(at, model=model, success=0.75) for at, model in enumerate(models))
    )
    assert told["outcomes"].values("model") == expected
    assert told["outcomes"].values("dataset") == ["own/bug_fix"] * len(expected)
    assert told["outcomes"].values("score") == [0.75] * len(expected)
    assert told["items"].values("item_id") == told["outcomes"].values("item_id")


def test_sessions_of_which_nothing_is_known_have_no_outcome(tmp_path: Path) -> None:
    told = tables_of(own_request(0), own_request(1))
    for table in told.values():
        table.write(tmp_path)
    assert load_table(tmp_path, "trace_calls").rows == 2
    assert load_table(tmp_path, "outcomes").texts("model") == []
