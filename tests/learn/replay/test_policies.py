"""The named policies, one step at a time."""

import pytest

from tests.learn.replay.scenes import (
    DEARER_GPT,
    GPT,
    HAIKU,
    OPUS,
    SONNET,
    catalog,
    tables,
    thread,
    walk_of,
)
from turnout.errors import InvalidRequest
from turnout.learn.replay.named import NAMES, policy_of
from turnout.learn.replay.recorded import Thread
from turnout.learn.replay.scenario import scenario
from turnout.policy.request import TaskKind

ALL = (SONNET, HAIKU)


def served(
    name: str, recorded: Thread, *, candidates: tuple[str, ...] = ALL, may_serve: str = "all"
) -> list[str]:
    walk = walk_of(recorded, candidates=candidates, may_serve=may_serve)
    policy = policy_of(name, seed=3, catalog=catalog(), tables=tables())
    return [row.model for row in walk.run(policy)[0]]


@pytest.mark.parametrize(
    ("name", "recorded", "models"),
    [
        ("requested", thread((10.0,)), [OPUS, OPUS]),
        ("cheapest", thread((10.0,)), [HAIKU, HAIKU]),
        ("subagents-cheap", thread((10.0,)), [OPUS, OPUS]),
        ("subagents-cheap", thread((10.0,), is_subagent=True), [HAIKU, HAIKU]),
        ("plan-strong", thread((10.0,)), [HAIKU, HAIKU]),
        ("locked-kind", thread((10.0,)), [OPUS, OPUS]),
        ("locked-kind", thread((10.0,), task_kind="bug_fix"), [OPUS, OPUS]),
        ("locked-kind", thread((10.0,), task_kind="docs"), [HAIKU, HAIKU]),
        ("sticky", thread((10.0, 400.0)), [HAIKU, HAIKU, HAIKU]),
        # New input at a fifth of the price: the rival's rule moves a prompt of any length.
        ("ev-h3", thread((10.0,)), [HAIKU, HAIKU]),
        ("turnout", thread((10.0,)), [HAIKU, HAIKU]),
    ],
)
def test_who_serves(name: str, recorded: Thread, models: list[str]) -> None:
    assert served(name, recorded) == models


@pytest.mark.parametrize("name", NAMES)
def test_where_the_scenario_leaves_no_choice_there_is_none(name: str) -> None:
    assert served(name, thread((10.0, 400.0)), may_serve="none") == [OPUS] * 3


@pytest.mark.parametrize(("task_kind", "model"), [("review", HAIKU), ("tests", OPUS)])
def test_in_the_scenario_by_kind_others_serve_what_changes_no_program(
    task_kind: TaskKind, model: str
) -> None:
    threads = thread((10.0,), task_kind=task_kind)
    assert served("cheapest", threads, may_serve="kind") == [model] * 2


def test_random_policies_keep_to_their_grain() -> None:
    long = thread((10.0,) * 40)
    assert len(set(served("random-call", long))) == 2
    assert len(set(served("random-thread", long))) == 1
    walk = walk_of(*(thread((), number=number) for number in range(20)), candidates=ALL)
    policy = policy_of("random-thread", seed=3, catalog=catalog(), tables=tables())
    assert {rows[0].model for rows in walk.run(policy)} == {OPUS, HAIKU}


def test_cold_only_moves_where_nothing_is_warm() -> None:
    models = served("cold-only", thread((10.0, 10.0, 400.0, 10.0) * 8))
    moved = [at for at in range(1, len(models)) if models[at] != models[at - 1]]
    assert moved
    assert all(at % 4 == 3 for at in moved)


def test_the_rivals_rule_stays_where_new_input_costs_more_than_it_saves() -> None:
    """Sonnet's input is 0.6 of Opus's: three warm steps do not pay for one cold prompt."""
    recorded = thread((10.0, 10.0), only_reads=True)
    writing = thread((10.0, 10.0))
    mixed = Thread("r", "s", "t", "claude_code", False, (writing.calls[0], *recorded.calls[1:]))
    models = served("ev-h3", mixed, candidates=(SONNET,), may_serve="read-only+subagents")
    assert models == [OPUS] * 3


def test_turnout_never_serves_by_what_costs_more_than_was_asked_for() -> None:
    """GPT-5.5 writes nothing at a premium, so a short thread is cheaper there; its output costs more."""
    short = thread((10.0,), output=1.0)
    assert served("turnout", short, candidates=(DEARER_GPT,)) == [OPUS, OPUS]


def test_a_prompt_that_the_catalog_has_no_room_for_was_served_all_the_same() -> None:
    assert served("turnout", thread((10.0,), first=9_000_000.0)) == [OPUS, OPUS]


def test_an_unknown_policy_names_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"There is no policy best; take some of requested,"):
        policy_of("best", seed=1, catalog=catalog(), tables=tables())


@pytest.mark.parametrize("name", ["half", "random-", "random-2", "random-x"])
def test_an_unknown_scenario_names_those_that_there_are(name: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"There is no scenario {name}; take one of none,"):
        scenario(name, ())


def test_a_random_scenario_permits_about_its_share() -> None:
    holds = scenario("random-0.3", (GPT,))
    recorded = thread((1.0,) * 2_000)
    share = sum(bool(holds(recorded, call)) for call in recorded.calls) / len(recorded.calls)
    assert 0.27 < share < 0.33


def test_turnout_serves_single_steps_by_a_second_cache_where_that_pays() -> None:
    """Haiku's cold prompt is paid once; a hundred later steps of its own are read at a fifth."""
    reading = thread((10.0,) * 60, first=60_000.0, growth=100.0, only_reads=True)
    writing = thread((10.0,) * 60, first=60_000.0, growth=100.0)
    calls = tuple((reading if at % 2 else writing).calls[at] for at in range(61))
    mixed = Thread("r", "s", "t", "claude_code", False, calls)
    models = served("turnout", mixed, candidates=(HAIKU,), may_serve="read-only+subagents")
    assert {model for at, model in enumerate(models) if at % 2 == 0} == {OPUS}
    assert HAIKU in models
    alone = served("turnout", mixed, candidates=(SONNET,), may_serve="read-only+subagents")
    assert set(alone) == {OPUS}
