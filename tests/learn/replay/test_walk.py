"""What a walk charges, and what a policy cannot know."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.learn.replay.scenes import (
    GPT,
    HAIKU,
    OPUS,
    SONNET,
    START,
    catalog,
    tables,
    targets,
    thread,
    walk_of,
)
from turnout.catalog.models import LongContext, Prices
from turnout.learn.replay.caches import HeldPrefix, Target, charge, use, warm_tokens
from turnout.learn.replay.named import NAMES, policy_of
from turnout.learn.replay.policies import AsRequested, ByRule, Policy, View, cheapest
from turnout.learn.replay.recorded import Call, Step, Thread
from turnout.learn.replay.walk import Row
from turnout.policy.prompt_terms import NO_CACHE

REQUESTED = AsRequested("requested")
FIVE = AsRequested("five", main="5m", subagents="5m")
HOUR = AsRequested("hour", main="1h", subagents="5m")
KEPT_WARM = AsRequested("kept", main="1h", subagents="5m", main_reads=1)


def served(policy: Policy, *threads: Thread, candidates: tuple[str, ...] = ()) -> list[Row]:
    return walk_of(*threads, candidates=candidates).run(policy)[0]


def tokens(row: Row) -> tuple[float, float, float]:
    return row.charged.read, row.charged.written, row.charged.fresh


def test_a_thread_that_goes_on_reads_what_it_wrote_and_writes_what_is_new() -> None:
    first, second, third = served(FIVE, thread((10.0, 299.0)))
    assert tokens(first) == (0.0, 20_000.0, 0.0)
    assert tokens(second) == (20_000.0, 1_000.0, 0.0)
    assert tokens(third) == (21_000.0, 1_000.0, 0.0)
    # Opus 4.6: $6.25 for a million written tokens and $25 for output.
    assert first.charged.usd == pytest.approx((20_000 * 6.25 + 300 * 25) / 1e6)


@pytest.mark.parametrize(
    ("policy", "gap", "found"),
    [
        (FIVE, 301.0, 0.0),
        (HOUR, 301.0, 20_000.0),
        (HOUR, 3_601.0, 0.0),
        (KEPT_WARM, 3_601.0, 20_000.0),
        (KEPT_WARM, 7_201.0, 0.0),
    ],
)
def test_a_prefix_is_warm_for_its_lifetime(policy: Policy, gap: float, found: float) -> None:
    assert served(policy, thread((gap,)))[1].charged.read == found


def test_reads_that_keep_warm_are_paid_when_they_are_sent_and_when_nobody_comes_back() -> None:
    first, second, third = served(KEPT_WARM, thread((10.0, 3_600.0)))
    assert (first.keep_warm_reads, second.keep_warm_reads, third.keep_warm_reads) == (0, 0, 2)
    # One before the last call, of 21,000 tokens, and one after it, of 22,000; each asks for one token.
    assert third.keep_warm_usd == pytest.approx((43_000 * 0.5 + 2 * 25) / 1e6)


def test_what_is_written_for_five_minutes_takes_what_stands_behind_it_with_it() -> None:
    mixed = thread((10.0, 400.0))
    calls = [
        Call(structs.replace(call.step, lifetime="1h" if call.step.number else "5m"), call.answer)
        for call in mixed.calls
    ]
    rows = served(REQUESTED, Thread("r", "s", "t", "claude_code", False, tuple(calls)))
    assert rows[2].charged.read == 0.0


def test_a_prompt_finds_no_more_than_it_keeps() -> None:
    rows = served(FIVE, thread((10.0, 10.0), kept=(None, 5_000.0)))
    assert tokens(rows[1]) == (5_000.0, 16_000.0, 0.0)
    assert tokens(rows[2]) == (21_000.0, 1_000.0, 0.0)


def test_a_thread_keeps_its_order_where_its_clock_was_put_back() -> None:
    back = thread((10.0, -600.0, 10.0))
    rows = walk_of(back, thread(number=1)).run(FIVE)
    assert [[row.number for row in own] for own in rows] == [[0, 1, 2, 3]] * 2
    assert tokens(rows[0][2]) == (21_000.0, 1_000.0, 0.0)


def test_every_target_has_a_cache_of_its_own() -> None:
    def there_and_back(step: Step, _view: View, permitted: Sequence[Target]) -> Target:
        return permitted[1] if step.number == 1 else permitted[0]

    rows = served(ByRule("x", there_and_back), thread((10.0, 10.0, 10.0)), candidates=(HAIKU,))
    assert [row.model for row in rows] == [OPUS, HAIKU, OPUS, OPUS]
    assert [row.charged.read for row in rows] == [0.0, 0.0, 20_000.0, 22_000.0]
    assert [row.is_switch for row in rows] == [False, True, True, False]


def test_an_automatic_cache_is_charged_by_the_share_that_is_found_again() -> None:
    gap = 400.0
    rows = served(REQUESTED, thread((gap,), model=GPT))
    share = targets()[GPT].share(gap)
    assert 0.0 < share < 1.0
    assert tokens(rows[1]) == pytest.approx((20_000 * share, 0.0, 21_000 - 20_000 * share))


def test_where_nothing_is_cached_every_token_is_fresh() -> None:
    bare = structs.replace(targets()[HAIKU], cache=NO_CACHE)
    held = HeldPrefix()
    use(held, bare, prompt_tokens=20_000.0, lifetime="5m", at=START, warm=0.0)
    warm = warm_tokens(held, bare, gap_seconds=1.0, kept_tokens=20_000.0)
    charged = charge(bare, prompt_tokens=21_000.0, warm=warm, output_tokens=0.0, lifetime="5m")
    assert (charged.read, charged.written, charged.fresh) == (0.0, 0.0, 21_000.0)
    assert charged.usd == pytest.approx(21_000 * 1.0 / 1e6)


def test_output_of_a_long_prompt_has_its_price() -> None:
    dear = LongContext(above_tokens=10_000, prices=Prices(fresh_input=2.0, output=9.0))
    prices = Prices(fresh_input=1.0, output=3.0, long_context=dear)
    target = structs.replace(targets()[HAIKU], cache=NO_CACHE, prices=prices)
    charged = [
        charge(target, prompt_tokens=size, warm=0.0, output_tokens=1e6, lifetime="5m")
        for size in (10_000.0, 20_000.0)
    ]
    assert [one.output_usd for one in charged] == [3.0, 9.0]


def test_a_first_request_finds_the_head_that_a_thread_of_its_kind_keeps_warm() -> None:
    begun = thread((), head=8_000.0, number=0)
    later = thread((), number=1)
    walk = walk_of(begun, later, candidates=(HAIKU,))
    as_asked = walk.run(FIVE)
    assert [rows[0].charged.read for rows in as_asked] == [8_000.0, 8_000.0]
    # The record says that Opus had it; whether Haiku has is for the walk to say.
    elsewhere = walk.run(ByRule("cheapest", cheapest))
    assert [rows[0].charged.read for rows in elsewhere] == [0.0, 8_000.0]


def test_a_model_without_room_for_the_prompt_may_not_serve() -> None:
    rows = served(ByRule("cheapest", cheapest), thread((), first=500_000.0), candidates=(HAIKU,))
    assert rows[0].model == OPUS


def test_another_model_writes_as_much_more_as_it_is_told_to() -> None:
    recorded = thread(())
    walk = walk_of(recorded, candidates=(HAIKU,), verbosity=1.5)
    assert walk.run(ByRule("cheapest", cheapest))[0][0].charged.output == pytest.approx(450.0)
    assert walk.run(REQUESTED)[0][0].charged.output == 300.0


GAPS = st.lists(st.sampled_from((1.0, 90.0, 299.0, 301.0, 1_000.0, 3_500.0, 9_000.0)), max_size=8)


@pytest.mark.parametrize("name", NAMES)
@given(past=GAPS, one=GAPS, other=GAPS, output=st.floats(1.0, 50_000.0))
def test_no_policy_reads_the_future(
    name: str, past: list[float], one: list[float], other: list[float], output: float
) -> None:
    """Two threads that agree up to a request, its answer and what follows apart, are served alike up to it."""
    told = [
        served(
            policy_of(name, seed=1, catalog=catalog(), tables=tables()),
            changed,
            candidates=(SONNET, HAIKU),
        )[: len(past) + 1]
        for changed in (
            thread((*past, *one)),
            _from_there(thread((*past, *other)), len(past), output_tokens=output),
        )
    ]
    served_by, others = (
        [(row.target, row.lifetime, row.predicted_usd) for row in rows] for rows in told
    )
    assert served_by == others


def _from_there(recorded: Thread, number: int, *, output_tokens: float) -> Thread:
    answered = recorded.calls[number]
    answer = structs.replace(
        answered.answer, output_tokens=output_tokens, only_reads=True, ends_turn=True
    )
    calls = list(recorded.calls)
    calls[number] = Call(answered.step, answer)
    return replace(recorded, calls=tuple(calls))
