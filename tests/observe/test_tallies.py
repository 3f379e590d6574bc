"""A tally gives the text that prometheus_client's own counter or histogram gives."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from turnout.observe.tallies import CounterTally, Family, HistogramTally

BOUNDS = (0.005, 0.1, 1, 30)
THINGS = Family("things_total", "Things.", ("one", "other"))
WAITS = Family("waits", "Waits.", ("one", "other"))
LABELS = st.tuples(st.sampled_from("ab"), st.sampled_from(["x", 'quo"te\n']))
VALUES = st.one_of(st.sampled_from(BOUNDS), st.floats(0, 1e6))


def text(registry: CollectorRegistry) -> str:
    """Without the values of creation times, whose names stay."""
    return re.sub(r"(_created\S*(?:\{.*\})?) \S+", r"\1", generate_latest(registry).decode())


@given(adds=st.lists(st.tuples(LABELS, VALUES)))
def test_a_counter_reads_the_same(adds: list[tuple[tuple[str, str], float]]) -> None:
    mine, theirs = CollectorRegistry(), CollectorRegistry()
    tally = CounterTally(THINGS, registry=mine)
    counter = Counter("things_total", "Things.", ("one", "other"), registry=theirs)
    for labels, amount in adds:
        tally.add(labels, amount)
        counter.labels(*labels).inc(amount)

    assert text(mine) == text(theirs)


def test_a_counter_without_labels_is_zero_from_the_start() -> None:
    mine, theirs = CollectorRegistry(), CollectorRegistry()
    tally = CounterTally(Family("things_total", "Things."), registry=mine)
    counter = Counter("things_total", "Things.", registry=theirs)
    assert text(mine) == text(theirs)

    tally.add(())
    counter.inc()
    assert text(mine) == text(theirs)


@given(seen=st.lists(st.tuples(LABELS, VALUES)))
def test_a_histogram_reads_the_same(seen: list[tuple[tuple[str, str], float]]) -> None:
    mine, theirs = CollectorRegistry(), CollectorRegistry()
    tally = HistogramTally(WAITS, BOUNDS, registry=mine)
    histogram = Histogram("waits", "Waits.", ("one", "other"), registry=theirs, buckets=BOUNDS)
    for labels, value in seen:
        tally.observe(labels, value)
        histogram.labels(*labels).observe(value)

    assert text(mine) == text(theirs)


def test_creation_is_told_by_the_clock_of_the_first_count() -> None:
    times = iter((7.0, 9.0))
    registry = CollectorRegistry()
    counter = CounterTally(
        Family("things_total", "Things.", ("one",)), registry=registry, clock=lambda: next(times)
    )
    waits = HistogramTally(
        Family("waits", "Waits.", ("one",)), BOUNDS, registry=registry, clock=lambda: next(times)
    )
    for _ in range(2):
        counter.add(("a",))
        waits.observe(("a",), 1)

    assert registry.get_sample_value("things_created", {"one": "a"}) == 7
    assert registry.get_sample_value("waits_created", {"one": "a"}) == 9


def test_a_counter_only_grows() -> None:
    tally = CounterTally(Family("things_total", "Things."), registry=CollectorRegistry())
    with pytest.raises(ValueError, match="only grow"):
        tally.add((), -1)


def test_a_name_is_registered_once() -> None:
    registry = CollectorRegistry()
    CounterTally(Family("things_total", "Things."), registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        HistogramTally(Family("things", "Waits."), BOUNDS, registry=registry)
