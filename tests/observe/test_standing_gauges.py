"""How targets stand is told at scrape time, under bounded labels."""

import pytest
from prometheus_client import CollectorRegistry

from turnout.observe.standing_gauges import StandingGauges
from turnout.policy.standing import TargetGauge

TARGET = "openrouter/maker/model@1@env"


def test_nothing_is_told_until_somebody_is_followed() -> None:
    registry = CollectorRegistry()
    StandingGauges(frozenset(), registry=registry)
    assert [family.samples for family in registry.collect()] == [[], [], []]


@pytest.mark.parametrize("state", ["healthy", "throttled"])
def test_a_target_is_told_while_it_is_known(state: str) -> None:
    registry = CollectorRegistry()
    gauges = StandingGauges(frozenset({"maker/model@1"}), registry=registry)
    known = [
        TargetGauge(TARGET, {"under_2k": 4.5, "more": 20.0}, "throttled", 70),
        TargetGauge("anthropic/made-up@client", {"more": 1.0}, "healthy", 2048),
    ]
    gauges.follow(lambda: known)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"target": TARGET, **labels})

    assert value("turnout_first_content_p95_seconds", size="more") == 20.0
    assert value("turnout_first_content_p95_seconds", size="under_2k") == 4.5
    assert value("turnout_first_content_p95_seconds", size="under_16k") is None
    assert value("turnout_target_state", state=state) == (state == "throttled")
    assert value("turnout_target_limit") == 70
    told = {sample.labels["target"] for one in registry.collect() for sample in one.samples}
    assert told == {TARGET}
    known.clear()
    assert value("turnout_target_limit") is None
