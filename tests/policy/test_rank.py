"""Scores: expectations, warmth, lifetimes, and who is excluded from competing."""

from dataclasses import replace

import pytest
from msgspec import structs
from typing_extensions import override

from tests.policy.scenes import (
    ANTHROPIC_CLIENT,
    ANTHROPIC_ENV,
    BLIND,
    CATALOG,
    GPT,
    HAIKU,
    MINI,
    NOW,
    OPENAI_ENV,
    OPUS,
    SECRET,
    SONNET,
    TABLES,
    Difference,
    PlainTables,
    decided,
    running,
    scene,
    warm_at,
)
from turnout.capabilities import Needs
from turnout.catalog.models import Hourly
from turnout.catalog.token_families import token_share
from turnout.policy.decision import Candidate, Decision
from turnout.policy.quota import Quota, QuotaWindow
from turnout.policy.rank import (
    CAUTION,
    PRIOR_STEPS,
    cheapest_first,
    outlook,
    ranked,
    warm_tokens,
)
from turnout.policy.request import TaskKind, TextSignal
from turnout.policy.switch import decide
from turnout.policy.thread import ThreadState

OPUS_AT = f"anthropic/{OPUS}@env"
SONNET_AT = f"anthropic/{SONNET}@env"
GPT_AT = f"openai/{GPT}@env"


def of(decision: Decision, model: str) -> Candidate:
    return next(one for one in decision.candidates if one.model == model)


def test_the_score_is_value_less_caution_less_cost() -> None:
    tables = PlainTables(qualities={OPUS: (0.8, 0.1)})
    one = of(decided(tables, value_usd=7.0), OPUS)
    assert one.cost_to_go_usd is not None
    assert one.score == pytest.approx(7.0 * (0.8 - CAUTION * 0.1) - one.cost_to_go_usd)
    assert (one.quality, one.quality_sd) == (0.8, 0.1)


def test_an_unknown_price_never_competes() -> None:
    best_of_all = PlainTables(qualities={SECRET: (0.99, 0.0)})
    one = of(decided(best_of_all, model="turnout/auto", candidates=(SECRET,)), SECRET)
    assert (one.lacks, one.score, one.cost_now_usd) == (("price",), None, None)


@pytest.mark.parametrize("asked", ["turnout/auto", OPUS])
def test_an_unknown_price_competes_by_quality_where_the_tenant_says_so(asked: str) -> None:
    """Also below the name of a model: whoever vouches for a price vouches for it there too."""
    tables = PlainTables(qualities={SECRET: (0.7, 0.1), OPUS: (0.7, 0.0)})
    given: Difference = {"model": asked, "candidates": (SECRET,), "unpriced_compete": True}
    decision = decided(tables, **given)
    one = of(decision, SECRET)
    assert (one.lacks, one.cost_now_usd, one.cost_to_go_usd) == ((), None, None)
    assert one.score == pytest.approx(10.0 * (0.7 - CAUTION * 0.1))
    assert decision.model == SECRET


def test_a_price_that_is_known_stays_below_the_ceiling_whoever_competes() -> None:
    decision = decided(model=SONNET, candidates=(OPUS,), unpriced_compete=True)
    assert of(decision, OPUS).lacks == ("above_ceiling",)


def subscribed(used: float) -> ThreadState:
    """Whose plan has a window of five hours of which half is over."""
    window = QuotaWindow(used, 18_000.0, NOW + 9_000.0)
    return ThreadState(quotas=(Quota("anthropic@client", NOW, (window,)),))


def test_a_subscription_costs_what_its_window_will_not_cover() -> None:
    ways, other_models = (ANTHROPIC_CLIENT, ANTHROPIC_ENV), (HAIKU,)
    full = decided(access=ways, candidates=other_models)
    for used, share in ((0.4, 0.0), (0.75, 2 / 3), (1.0, 1.0)):
        found = decided(access=ways, candidates=other_models, state=subscribed(used))
        for one, other in zip(found.candidates, full.candidates, strict=True):
            expected = share if one.target.endswith("@client") else 1.0
            assert one.covered_share == pytest.approx(1.0 - expected)
            assert one.cost_now_usd == pytest.approx(expected * (other.cost_now_usd or 0.0))
            assert one.cost_to_go_usd == pytest.approx(expected * (other.cost_to_go_usd or 0.0))


@pytest.mark.parametrize(
    "state",
    [
        ThreadState(),
        ThreadState(warm=(warm_at(OPUS_AT, 50_000),)),
        ThreadState(warm=(warm_at(f"anthropic/{OPUS}@client", 50_000),)),
        ThreadState(refused=(f"anthropic/{SONNET}@client",)),
        ThreadState(refused=(SONNET_AT,)),
        subscribed(0.75),
    ],
    ids=[
        *("cold", "warm_at_ours", "warm_at_the_clients"),
        *("refused_by_the_clients", "refused_by_ours", "subscribed"),
    ],
)
def test_a_model_is_worth_by_two_keys_what_it_is_worth_by_each(state: ThreadState) -> None:
    ways = (ANTHROPIC_CLIENT, ANTHROPIC_ENV)
    both = decided(access=ways, candidates=(SONNET, HAIKU), state=state).candidates
    alone = [
        one
        for way in ways
        for one in decided(access=(way,), candidates=(SONNET, HAIKU), state=state).candidates
    ]
    assert len(both) == 2 * 3
    assert sorted(both, key=lambda one: one.target) == sorted(alone, key=lambda one: one.target)


def test_a_cheaper_model_saves_nothing_while_a_window_lasts() -> None:
    def chosen(state: ThreadState) -> str:
        ways = (ANTHROPIC_CLIENT, OPENAI_ENV)
        return decided(access=ways, candidates=(SONNET, MINI), state=state).model

    assert chosen(ThreadState()) == SONNET
    assert chosen(subscribed(0.4)) == OPUS
    assert chosen(subscribed(1.0)) == SONNET


def test_what_lacks_something_has_no_score() -> None:
    decision = decided(needs=structs.replace(scene().features.needs, tools=True))
    assert of(decision, BLIND).score is None
    assert BLIND not in {one.model for one in ranked(decision.candidates)}


def candidate(target: str, score: float | None, cost: float) -> Candidate:
    return Candidate(target, target, "p", (), 0.0, cost, cost, 0.5, 0.0, score)


def test_ranks_by_score_then_cost_then_the_order_given() -> None:
    given = [
        candidate("second", 1.0, 0.2),
        candidate("third", 1.0, 0.2),
        candidate("out", None, 0.0),
        candidate("first", 1.0, 0.1),
        candidate("best", 2.0, 9.0),
    ]
    assert [one.target for one in ranked(given)] == ["best", "first", "second", "third"]
    assert [one.target for one in cheapest_first(given)] == ["first", "second", "third", "best"]


def test_the_clients_own_credential_comes_first_on_a_tie() -> None:
    access = (ANTHROPIC_CLIENT, ANTHROPIC_ENV)
    assert decided(access=access, candidates=()).targets == (
        f"anthropic/{OPUS}@client",
        f"anthropic/{OPUS}@env",
    )


def test_the_own_prefix_and_the_shared_head_are_not_added() -> None:
    state = ThreadState(
        warm=(warm_at(OPUS_AT, 50_000, share=0.9),),
        heads=(warm_at(OPUS_AT, 20_000), warm_at(SONNET_AT, 20_000, share=0.5)),
    )
    assert warm_tokens(state, head_tokens=18_000, counted_for=OPUS, now=NOW) == {
        OPUS_AT: pytest.approx(45_000),
        SONNET_AT: pytest.approx(10_000),
    }
    # A head is warm as far as this prompt has one.
    assert warm_tokens(state, head_tokens=4_000, counted_for=OPUS, now=NOW)[SONNET_AT] == 4_000


def test_what_has_expired_is_not_warm() -> None:
    state = ThreadState(warm=(warm_at(OPUS_AT, 50_000, left=0.0),))
    assert warm_tokens(state, head_tokens=0, counted_for=OPUS, now=NOW) == {}


TO_GPT = token_share(counted_for=OPUS, model=GPT)
"""The same text in tokens of the one for one of the other: about 0.63."""


def test_a_head_is_as_large_as_its_target_counts_it() -> None:
    state = ThreadState(heads=(warm_at(GPT_AT, 20_000), warm_at(OPUS_AT, 20_000)))
    warm = warm_tokens(state, head_tokens=10_000, counted_for=OPUS, now=NOW)
    assert warm == {OPUS_AT: 10_000, GPT_AT: pytest.approx(10_000 * TO_GPT)}


def test_every_candidate_is_charged_in_tokens_of_its_own_family() -> None:
    tables = PlainTables(steps=1.0)
    asked = decided(tables, prompt=100_000)
    gpt, opus = of(asked, GPT), of(asked, OPUS)
    assert opus.cost_now_usd == pytest.approx((100_000 * 6.25 + 300 * 25.0) / 1e6)
    assert gpt.cost_now_usd == pytest.approx(TO_GPT * (100_000 * 5.0 + 300 * 30.0) / 1e6)
    # The same prompt asked for by the other name: the estimate is then the other family's.
    turned = of(decided(tables, model=GPT, prompt=round(100_000 * TO_GPT)), GPT)
    assert turned.cost_now_usd == pytest.approx(
        (round(100_000 * TO_GPT) * 5.0 + 300 * 30.0) / 1e6, rel=1e-6
    )


def test_an_image_is_not_counted_by_the_vocabulary_of_who_reads_it() -> None:
    gpt = of(decided(PlainTables(steps=1.0), prompt=100_000, attached=80_000), GPT)
    tokens = 20_000 * TO_GPT + 80_000
    assert gpt.cost_now_usd == pytest.approx((tokens * 5.0 + 300 * TO_GPT * 30.0) / 1e6)


@pytest.mark.parametrize(("most", "written"), [(20, 20), (300, 300), (4_000, 300), (None, 300)])
def test_a_request_writes_no_more_than_its_client_lets_it(most: int | None, written: int) -> None:
    """Those behind it may write what such requests do."""
    tables = PlainTables(steps=3.0)
    limited = of(decided(tables, prompt=100_000, needs=Needs(max_output_tokens=most)), OPUS)
    free = of(decided(tables, prompt=100_000), OPUS)
    assert limited.cost_now_usd == pytest.approx((100_000 * 6.25 + written * 25.0) / 1e6)
    assert limited.cost_to_go_usd is not None
    assert limited.cost_now_usd is not None
    assert free.cost_to_go_usd is not None
    assert free.cost_now_usd is not None
    later = limited.cost_to_go_usd - limited.cost_now_usd
    assert later == pytest.approx(free.cost_to_go_usd - free.cost_now_usd)


@pytest.mark.parametrize("attached", [0, 16_000])
@pytest.mark.parametrize("state", [ThreadState(), running(GPT_AT, warm=20_000)])
def test_a_free_choice_costs_what_the_baselines_own_name_does(
    state: ThreadState, attached: int
) -> None:
    """The estimate of `turnout/auto` is in tokens of no family, the rest of a thread in the baseline's."""
    state = structs.replace(state, heads=(warm_at(SONNET_AT, 20_000),))
    free = round((60_000 - attached) * token_share(counted_for=OPUS, model="turnout/auto"))
    head = round(12_000 * token_share(counted_for=OPUS, model="turnout/auto"))
    named = decided(
        state=state, prompt=60_000, attached=attached, head_tokens=12_000, named="baseline"
    )
    auto = decided(
        state=state,
        prompt=free + attached,
        attached=attached,
        head_tokens=head,
        model="turnout/auto",
    )
    assert (auto.targets, auto.action, auto.reason) == (named.targets, named.action, named.reason)
    for one, other in zip(auto.candidates, named.candidates, strict=True):
        assert one.target == other.target
        assert one.warm_tokens == pytest.approx(other.warm_tokens, rel=1e-4)
        assert one.cost_now_usd == pytest.approx(other.cost_now_usd, rel=1e-4)
        assert one.cost_to_go_usd == pytest.approx(other.cost_to_go_usd, rel=1e-4)


def test_sizes_that_nobody_says_the_family_of_are_in_that_of_who_served_last() -> None:
    told = ThreadState(target=GPT_AT, steps=7, growth_tokens=1_000.0, counted_by="gpt-5")
    untold = structs.replace(told, counted_by="")
    assert outlook(scene(state=untold), TABLES, asked=OPUS) == outlook(
        scene(state=told), TABLES, asked=OPUS
    )


def test_what_another_family_showed_is_told_in_tokens_of_the_model_asked_for() -> None:
    tables = PlainTables(growth=0.0, output=0.0)
    state = ThreadState(
        target=OPUS_AT,
        steps=7,
        growth_tokens=1_000.0,
        output_tokens=100.0,
        counted_by="gpt-5",
    )
    found = outlook(scene(state=state), tables, asked=OPUS)
    assert found.growth_tokens == pytest.approx(0.7 * 1_000 / TO_GPT)
    assert found.output_tokens == pytest.approx(0.7 * 100 / TO_GPT)


def test_a_longer_lifetime_costs_more_now_and_less_over_idle_gaps() -> None:
    short = of(decided(request_class="auxiliary"), OPUS)
    long = of(decided(asks_one_hour=True, request_class="auxiliary"), OPUS)
    assert short.cost_now_usd is not None
    assert long.cost_now_usd is not None
    assert long.cost_now_usd > short.cost_now_usd
    dear_gaps = PlainTables(steps=1_000.0, growth=0.0)
    short, long = (
        of(decided(dear_gaps, asks_one_hour=hour, request_class="auxiliary"), OPUS)
        for hour in (False, True)
    )
    assert short.cost_to_go_usd is not None
    assert long.cost_to_go_usd is not None
    assert long.cost_to_go_usd < short.cost_to_go_usd


@pytest.mark.parametrize(
    ("text", "thread", "expected"),
    [
        ("tests", "bug_fix", "tests"),
        # "go on" names no kind; the thread keeps its own.
        ("other", "bug_fix", "bug_fix"),
        ("other", "other", "other"),
    ],
)
def test_the_kind_of_a_thread_outlives_a_text_without_one(
    text: TaskKind, thread: TaskKind, expected: TaskKind
) -> None:
    inputs = scene(text=TextSignal(task_kind=text), state=ThreadState(task_kind=thread))
    assert outlook(inputs, TABLES, asked=OPUS).task_kind == expected


def test_the_threads_own_history_counts_the_more_the_longer_it_is() -> None:
    def growth(steps: int) -> float:
        state = structs.replace(
            running(OPUS_AT, steps=steps), growth_tokens=5_000.0, output_tokens=900.0
        )
        return outlook(scene(state=state), TABLES, asked=OPUS).growth_tokens

    assert growth(0) == TABLES.growth
    assert growth(1) == pytest.approx((5_000 + TABLES.growth * PRIOR_STEPS) / (1 + PRIOR_STEPS))
    assert TABLES.growth < growth(1) < growth(10) < growth(100) < 5_000


def test_a_thread_without_history_has_the_tables() -> None:
    view = outlook(scene(), TABLES, asked=OPUS)
    assert (view.steps, view.growth_tokens, view.output_tokens) == (40.0, 1_000.0, 300.0)
    assert outlook(scene(), replace(TABLES, steps=0.2), asked=OPUS).steps == 1.0


def test_a_compaction_is_the_last_request_of_its_prompt() -> None:
    assert outlook(scene(kind="compaction"), TABLES, asked=OPUS).steps == 1.0
    one = of(decided(kind="compaction"), SONNET)
    assert one.cost_to_go_usd == one.cost_now_usd


def test_a_warm_head_makes_a_subagents_first_step_cheaper() -> None:
    cold = of(decided(kind="subagent_start", head_tokens=20_000), HAIKU)
    state = ThreadState(heads=(warm_at(f"anthropic/{HAIKU}@env", 20_000),))
    warm = of(decided(kind="subagent_start", head_tokens=20_000, state=state), HAIKU)
    assert warm.warm_tokens == 20_000
    assert warm.cost_now_usd is not None
    assert cold.cost_now_usd is not None
    assert warm.cost_now_usd < cold.cost_now_usd


def test_a_price_by_the_hour_tells_nothing_of_a_models_quality() -> None:
    asked: list[float | None] = []

    class Listening(PlainTables):
        @override
        def quality(
            self, *, model: str, task_kind: TaskKind, cluster: int, output_price: float | None
        ) -> tuple[float, float]:
            asked.append(output_price)
            return 0.5, 0.0

    hourly = Hourly(usd=3.6, input_per_second=1_000.0, output_per_second=50.0)
    own = replace(CATALOG.models[OPUS], hourly=hourly, prices=hourly.token_prices)
    catalog = replace(CATALOG, models={**CATALOG.models, OPUS: own})
    decide(scene(candidates=(SONNET,)), catalog=catalog, tables=Listening())
    assert asked == [None, 15.0]
