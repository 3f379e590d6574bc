"""Turnout's lifetimes and keep-warm reads, one thread at a time."""

import pytest

from tests.learn.replay.scenes import GPT, HAIKU, catalog, tables, thread, walk_of
from turnout.learn.replay.named import NO_ROUTE, NO_ROUTE_NO_KEEP_WARM, TURNOUT, policy_of
from turnout.learn.replay.recorded import Thread
from turnout.learn.replay.walk import Row


def served(name: str, recorded: Thread, *, keeps_warm: bool = False) -> list[Row]:
    policy = policy_of(name, seed=1, catalog=catalog(), tables=tables(), keeps_warm=keeps_warm)
    return walk_of(recorded, candidates=(HAIKU,), may_serve="none").run(policy)[0]


@pytest.mark.parametrize("name", [TURNOUT, NO_ROUTE, NO_ROUTE_NO_KEEP_WARM])
def test_main_threads_are_written_for_an_hour_and_subagents_for_five_minutes(name: str) -> None:
    for is_subagent, lifetime in ((False, "1h"), (True, "5m")):
        rows = served(name, thread((10.0, 400.0), is_subagent=is_subagent))
        assert {row.lifetime for row in rows} == {lifetime}


def test_an_automatic_cache_is_left_alone() -> None:
    rows = served(NO_ROUTE, thread((9_000.0,), model=GPT, lifetime="5m"))
    assert [(row.lifetime, row.keep_warm_reads) for row in rows] == [("5m", 0)] * 2


@pytest.mark.parametrize(
    ("name", "keeps_warm", "reads"),
    [
        (NO_ROUTE, False, 1),
        (NO_ROUTE_NO_KEEP_WARM, False, 0),
        (TURNOUT, False, 0),
        (TURNOUT, True, 1),
    ],
)
def test_who_keeps_a_prefix_warm(name: str, keeps_warm: bool, reads: int) -> None:
    rows = served(name, thread((5_000.0,), ends_turn=True), keeps_warm=keeps_warm)
    assert rows[1].keep_warm_reads >= reads
    assert (rows[1].keep_warm_usd > 0.0) == bool(reads)


def test_where_the_agent_waits_for_its_tool_a_prefix_is_kept_for_longer() -> None:
    """Nobody comes back to most turns that have ended; a tool that still runs is come back to."""
    ended, goes_on = (
        served(NO_ROUTE, thread((20_000.0,), ends_turn=ends))[1].keep_warm_reads
        for ends in (True, False)
    )
    assert ended < goes_on


@pytest.mark.parametrize(
    ("name", "gaps", "lifetimes", "reads"),
    [
        ("hour-after-miss", (10.0, 1_000.0, 10.0), ["5m", "5m", "1h", "1h"], [0, 0, 2, 0]),
        ("hour-when-cold", (10.0, 1_000.0, 9_000.0), ["1h", "5m", "5m", "1h"], [0, 0, 0, 0]),
    ],
)
def test_lifetimes_by_what_is_cold(
    name: str, gaps: tuple[float, ...], lifetimes: list[str], reads: list[int]
) -> None:
    rows = served(name, thread(gaps))
    assert [row.lifetime for row in rows] == lifetimes
    assert [row.keep_warm_reads for row in rows][:-1] == reads[:-1]
    alone = served(name, thread(gaps, is_subagent=True))
    assert {(row.lifetime, row.keep_warm_reads) for row in alone} == {("5m", 0)}


def test_a_prefix_of_an_hour_that_has_gone_on_is_kept_by_one_read() -> None:
    rows = served("hour-after-miss", thread((1_000.0, 5_000.0)))
    assert [row.keep_warm_reads for row in rows] == [0, 2, 2]
