"""A model that several providers have: who serves it, who is next, and who may race it."""

from dataclasses import replace
from typing import Final

import pytest
from msgspec import structs
from typing_extensions import Unpack

from tests.policy.scenes import (
    ANTHROPIC_CACHE,
    ANTHROPIC_CLIENT,
    ANTHROPIC_ENV,
    CATALOG,
    HAIKU,
    OPUS,
    OPUS_PRICES,
    SONNET,
    TABLES,
    Difference,
    provider,
    running,
    scene,
)
from turnout.catalog.catalog import Catalog
from turnout.catalog.models import Prices
from turnout.policy.decision import Access, Decision
from turnout.policy.degrade import decide_without_scorer
from turnout.policy.explain import explain
from turnout.policy.hedge import rival_targets
from turnout.policy.switch import decide

COPY: Final = "anthropic.claude-opus"
HOUSE_ENV: Final = Access("house", "env")
OURS, THEIRS = f"anthropic/{OPUS}@env", f"house/{COPY}@env"
CHEAPER: Final = Prices(fresh_input=2.0, cache_read=0.2, cache_write_5m=2.5, output=10.0)
DEARER: Final = Prices(fresh_input=9.0, cache_read=0.9, cache_write_5m=11.0, output=50.0)


def catalog(prices: Prices = OPUS_PRICES) -> Catalog:
    copy = replace(
        CATALOG.models[OPUS],
        id=COPY,
        provider="house",
        upstream_name=COPY,
        prices=prices,
        same_as=OPUS,
    )
    house = provider("house", ANTHROPIC_CACHE, "anthropic_messages")
    return CATALOG.with_overrides(models=(copy,), providers=(house,))


def decided(prices: Prices = OPUS_PRICES, **given: Unpack[Difference]) -> Decision:
    whole: Difference = {"access": (ANTHROPIC_ENV, HOUSE_ENV), "candidates": (), **given}
    return decide(scene(**whole), catalog=catalog(prices), tables=TABLES)


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "observe"},
        {"mode": "cache"},
        {"arm": "control"},
        {"named": "honour"},
        {"model": f"turnout/{OPUS}"},
        {"mode": "full", "candidates": (HAIKU,), "value_usd": 1_000.0},
    ],
)
def test_where_the_model_is_asked_for_it_is_next_elsewhere_whatever_it_costs_there(
    given: Difference,
) -> None:
    decision = decided(DEARER, **given)
    assert decision.targets[:2] == (OURS, THEIRS)
    assert decision.equivalents == (THEIRS,)
    alone: Difference = {**given, "access": (ANTHROPIC_ENV,)}
    assert decided(DEARER, **alone).equivalents == ()


@pytest.mark.parametrize("mode", ["observe", "full"])
def test_without_a_key_of_its_own_vendor_it_serves_elsewhere(mode: str) -> None:
    given: Difference = {"mode": "observe" if mode == "observe" else "full", "access": (HOUSE_ENV,)}
    decision = decided(**given)
    assert (decision.targets, decision.model, decision.equivalents) == ((THEIRS,), COPY, ())


def test_it_is_as_able_wherever_it_is_served_and_the_cheaper_serves() -> None:
    decision = decided(CHEAPER)
    known = {one.target: one for one in decision.candidates}
    assert known[THEIRS].quality == known[OURS].quality == 0.8
    assert decision.targets == (THEIRS, OURS)
    assert decision.equivalents == (OURS,)


def test_a_candidate_competes_wherever_it_is_served() -> None:
    decision = decided(
        CHEAPER, model=SONNET, named="baseline", candidates=(OPUS,), value_usd=1_000.0
    )
    assert {one.target for one in decision.candidates} == {
        OURS,
        THEIRS,
        f"anthropic/{SONNET}@env",
    }
    assert decision.targets[0] == THEIRS


def test_the_same_account_elsewhere_comes_behind_other_accounts_of_the_same_provider() -> None:
    decision = decided(mode="observe", access=(ANTHROPIC_CLIENT, ANTHROPIC_ENV, HOUSE_ENV))
    assert decision.targets == (f"anthropic/{OPUS}@client", OURS, THEIRS)


@pytest.mark.parametrize(
    ("access", "targets"),
    [((ANTHROPIC_ENV, HOUSE_ENV), (OURS, THEIRS)), ((HOUSE_ENV,), (THEIRS,))],
)
def test_without_a_scorer_too(access: tuple[Access, ...], targets: tuple[str, ...]) -> None:
    inputs = scene(mode="observe", access=access)
    decision = decide_without_scorer(
        inputs.features,
        access=inputs.access,
        mode=inputs.mode,
        identity=inputs.identity,
        last_target="",
        catalog=catalog(),
        settings=inputs.settings,
    )
    assert decision.targets == targets


def test_a_race_is_run_where_the_prompt_is_warm_first_and_elsewhere_last() -> None:
    other = f"anthropic/{OPUS}@client"
    remaining = (f"anthropic/{SONNET}@env", THEIRS, other)
    assert rival_targets(OURS, remaining, (THEIRS,)) == [OURS, other, THEIRS]
    assert rival_targets(OURS, remaining) == [OURS, other]
    assert rival_targets(OURS, (), (THEIRS,)) == [OURS]


@pytest.mark.parametrize("warm", [0, 149_000])
def test_after_an_answer_that_broke_off_it_is_asked_for_elsewhere_whatever_it_costs_there(
    warm: int,
) -> None:
    broken = structs.replace(running(OURS, warm=warm), broke_off=OURS)
    cases: tuple[tuple[Difference, str], ...] = (
        ({}, "broke_off"),
        ({"mode": "observe"}, "observe_mode"),
    )
    for given, reason in cases:
        whole: Difference = {**given, "prompt": 150_000, "state": broken}
        decision = decided(DEARER, **whole)
        assert (decision.reason, decision.targets[:2]) == (reason, (THEIRS, OURS))
        inputs: Difference = {"access": (ANTHROPIC_ENV, HOUSE_ENV), "candidates": (), **whole}
        lines = explain(decision, scene(**inputs), catalog=catalog(DEARER))
        same = f"{THEIRS} is the same model as another provider has it."
        assert (same in lines) == (reason == "broke_off")
