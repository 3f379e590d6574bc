"""What walks add up to."""

from collections.abc import Sequence

import pytest

from tests.learn.replay.scenes import HAIKU, targets, thread, walk_of
from turnout.learn.replay.caches import Target
from turnout.learn.replay.policies import AsRequested, ByRule, Policy, View, cheapest
from turnout.learn.replay.recorded import Step, Thread
from turnout.learn.replay.totals import Total, best_usd, thread_usd, total

REQUESTED = AsRequested("requested")
BY_NAME = {one.name: one for one in targets().values()}


def there_from(number: int, back_at: int = 1_000) -> Policy:
    def rule(step: Step, _view: View, permitted: Sequence[Target]) -> Target:
        return permitted[1] if number <= step.number < back_at and permitted[1:] else permitted[0]

    return ByRule("there", rule)


def totals(policy: Policy, *threads: Thread, may_serve: str = "all") -> Total:
    walk = walk_of(*threads, may_serve=may_serve, candidates=(HAIKU,))
    return total(
        policy.name, walk.run(policy), requested=walk.run(REQUESTED), walk=walk, targets=BY_NAME
    )


def test_dollars_are_those_of_the_calls() -> None:
    recorded = thread((10.0, 400.0))
    rows = walk_of(recorded).run(REQUESTED)[0]
    found = totals(REQUESTED, recorded)
    assert found.usd == pytest.approx(thread_usd(rows))
    assert found.input_usd == pytest.approx(found.usd - 3 * 300 * 25 / 1e6)
    assert (found.avoidable_misses, found.unavoidable_misses, found.dearer_threads) == (1, 0, 0)


def test_a_prompt_that_keeps_nothing_is_no_miss_that_could_be_avoided() -> None:
    found = totals(REQUESTED, thread((10.0,), kept=(None, 0.0)))
    assert (found.avoidable_misses, found.unavoidable_misses) == (0, 1)


def test_a_switch_to_a_cheaper_model_for_one_call_has_lost_money_there_and_back() -> None:
    """Haiku's cold 100,000 tokens cost $0.125, Opus's warm ones $0.05 and Haiku's warm ones $0.01."""
    found = totals(there_from(1, back_at=2), thread((10.0, 10.0, 10.0), first=100_000.0))
    assert (found.switches, found.losing_switches, found.forced_switches) == (2, 2, 0)
    assert found.dearer_threads == 1


def test_a_switch_for_the_rest_of_a_long_thread_has_not() -> None:
    found = totals(there_from(1), thread((10.0,) * 10, first=100_000.0))
    assert (found.switches, found.losing_switches, found.dearer_threads) == (1, 0, 0)


def test_a_switch_that_the_scenario_forces_is_nobodys_choice() -> None:
    """The last call may not be served by Haiku, so the way back is forced."""
    reading = thread((10.0, 10.0), only_reads=True)
    writing = thread((10.0, 10.0))
    mixed = Thread("r", "s", "t", "claude_code", False, (*reading.calls[:2], writing.calls[2]))
    found = totals(there_from(0), mixed, may_serve="read-only+subagents")
    assert (found.switches, found.forced_switches) == (0, 1)


def test_reads_that_keep_warm_are_counted() -> None:
    kept = AsRequested("kept", main="1h", subagents="5m", main_reads=1)
    found = totals(kept, thread((10.0,)), thread((), is_subagent=True, number=1))
    assert found.keep_warm_reads == 1
    assert found.keep_warm_usd == pytest.approx((21_000 * 0.5 + 25) / 1e6)


def test_in_hindsight_each_thread_has_its_cheapest_policy() -> None:
    walk = walk_of(thread((10.0,) * 3), thread((400.0,) * 3, number=1))
    five, hour = (
        walk.run(AsRequested("x", main=lifetime, subagents="5m")) for lifetime in ("5m", "1h")
    )
    assert best_usd([five, hour]) == pytest.approx(thread_usd(five[0]) + thread_usd(hour[1]))
    assert best_usd([five, hour]) < min(sum(map(thread_usd, one)) for one in (five, hour))


def test_the_cheapest_model_costs_less_than_what_was_asked_for() -> None:
    recorded = thread((10.0,) * 5)
    assert totals(ByRule("cheapest", cheapest), recorded).usd < totals(REQUESTED, recorded).usd
