"""What escalating costs and brings."""

import pytest

from tests.learn.escalation.scenes import call, checks, thread
from tests.learn.escalation.test_figures import LUCK, STUCK
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.errors import UnknownModel
from turnout.learn.escalation.dollars import STRENGTHS, Dollars, dollars, pair_of
from turnout.learn.escalation.figures import persistence, signal_figures
from turnout.learn.escalation.fit import table_of
from turnout.learn.escalation.runs import Thread

CATALOG = parse_catalog(snapshot_bytes())
PAIR = pair_of("claude-sonnet-5-5", "claude-opus-5-5", CATALOG)
SAME = pair_of("claude-opus-5-5", "claude-opus-5-5", CATALOG)


def of(threads: list[Thread], name: str = "2 red checks", *, value_usd: float = 20.0) -> Dollars:
    return next(one for one in dollars(threads, PAIR, value_usd=value_usd) if one.name == name)


def test_a_model_that_is_no_stronger_costs_and_brings_nothing() -> None:
    first, *_ = of([thread(0, "rr" + "." * 60)]).gains
    assert first.strength == 1.0
    assert first.green_gain == 0.0
    assert first.net_usd == -first.extra_usd < 0
    assert first.break_even_usd is None


def test_the_stronger_the_model_the_more_is_left() -> None:
    half = [thread(0, "rr....g..."), thread(1, "rr" + "." * 60)]
    gains = of(half).gains
    assert [gain.strength for gain in gains] == list(STRENGTHS)
    assert [gain.green_gain for gain in gains] == [0.5 - 0.5**strength for strength in STRENGTHS]
    nets = [gain.net_usd for gain in gains]
    assert nets == sorted(nets)
    for gain in gains[1:]:
        assert gain.break_even_usd == pytest.approx(gain.extra_usd / gain.green_gain)


def test_the_cold_prompt_is_paid_even_at_the_same_model() -> None:
    found = dollars([thread(0, "rr....g...")], SAME, value_usd=0.0)[1]
    cold = 100_000 * 6.25 / 1e6
    assert found.prompt_usd > cold * 0.5
    assert found.gains[0].extra_usd > 0


def test_what_was_spent_counts_from_where_the_trouble_began() -> None:
    long, short = of([thread(0, "r......r..")]), of([thread(0, "rr...")])
    assert long.spent_usd > short.spent_usd > 0


@pytest.mark.parametrize("calls", ["rr", "r"])
def test_at_the_end_of_a_thread_nothing_is_decided(calls: str) -> None:
    assert of([thread(0, calls)]).firings == 0


def test_a_free_window_ends_what_an_escalation_costs() -> None:
    calls = checks("rr" + "." * 30)
    cut = [*calls[:10], call(is_window=True), *calls[11:]]
    assert of([thread(0, cut)]).gains[0].extra_usd < of([thread(0, calls)]).gains[0].extra_usd
    at_once = [*calls[:2], call(is_window=True), *calls[3:]]
    assert of([thread(0, at_once)]).firings == 0


def test_a_thread_that_never_checks_does_not_stay_red() -> None:
    calls = [call(used="same") for _ in range(60)]
    gains = of([thread(0, calls)], "same call 2 times").gains
    assert all(gain.green_gain == 0.0 for gain in gains)


def test_a_model_that_nobody_knows_is_named() -> None:
    with pytest.raises(UnknownModel, match="no model nobody-1"):
        pair_of("nobody-1", "claude-opus-5-5", CATALOG)


def table(threads: list[Thread], *, value_usd: float = 20.0) -> int:
    priced = dollars(threads, PAIR, value_usd=value_usd)
    return table_of(signal_figures(threads), priced, persistence(threads)).failing_checks


def test_what_escalates_is_certain_likely_and_pays() -> None:
    stuck = "ggg.rrrrrr" + "." * 60
    kinds = (stuck, stuck, "ggg.rrrrrr..g" + "." * 60, "ggggrggrgg", "ggrggrggrgg", "ggrggrggrgg")
    mostly = [thread(n, kinds[n % len(kinds)]) for n in range(90)]
    assert table(mostly) == 2
    assert table(mostly, value_usd=0.0) == 0
    assert table(mostly[:18]) == 0
    assert table(LUCK) == 0
    # What turns green by itself is worth no cold prompt.
    assert table(STUCK) == 0
