"""Every fact is counted once, under bounded labels."""

from msgspec.structs import replace

from tests.bus import samples
from turnout.observe.metrics import MeteredFactSink, Metrics


class Taken:
    def __init__(self) -> None:
        self.facts: list[object] = []

    def record(self, *facts: object) -> None:
        self.facts.extend(facts)


def metrics() -> Metrics:
    return Metrics(version="1", service="s", known_models=frozenset({"model-0"}))


def value(counted: Metrics, name: str, **labels: str) -> float | None:
    return counted.registry.get_sample_value(name, labels)


def test_a_decision_is_timed_by_stage() -> None:
    counted = metrics()
    counted.count(samples.routed())

    name = "turnout_decision_duration_seconds"
    assert value(counted, f"{name}_sum", stage="look") == 0.0012
    assert value(counted, f"{name}_bucket", stage="score", le="0.01") == 0
    assert value(counted, f"{name}_bucket", stage="score", le="0.02") == 1
    assert value(counted, f"{name}_count", stage="decide") == 1


def test_an_attempt_is_counted_with_its_tokens_and_cost() -> None:
    counted = metrics()
    counted.count(samples.attempt())
    counted.count(samples.attempt(number=2))

    where = {"provider": "anthropic", "model": "model-0"}
    for kind in ("first", "fallback"):
        told = value(counted, "turnout_attempts_total", **where, kind=kind, outcome="answered")
        assert told == 1
    tokens = {"fresh_input": 200, "cache_read": 180_000, "cache_write": 2_400, "output": 800}
    for kind, number in tokens.items():
        assert value(counted, "turnout_tokens_total", **where, type=kind) == number
    assert value(counted, "turnout_cost_usd_total", **where) == 0.125
    assert value(counted, "turnout_time_to_first_byte_seconds_sum", **where) == 1.6
    assert value(counted, "turnout_time_to_first_content_seconds_count", **where) == 2


def test_what_is_not_known_of_an_attempt_is_not_counted() -> None:
    counted = metrics()
    unknown = replace(
        samples.attempt(),
        model="client-made-this-up",
        usage=None,
        cost_usd=None,
        first_byte_seconds=None,
        first_content_seconds=None,
    )
    counted.count(unknown)

    where = {"provider": "anthropic", "model": "other"}
    assert value(counted, "turnout_attempts_total", **where, kind="first", outcome="answered") == 1
    assert value(counted, "turnout_cost_usd_total", **where) is None
    assert value(counted, "turnout_tokens_total", **where, type="output") is None
    assert value(counted, "turnout_time_to_first_byte_seconds_count", **where) is None


def test_what_was_changed_for_a_target_is_counted_by_word() -> None:
    counted = metrics()
    for changes in (("tool_name", "dropped:top_k"), ("tool_name",), ()):
        counted.count(replace(samples.attempt(), changes=changes))
    name, provider = "turnout_translation_changes_total", samples.attempt().provider
    assert value(counted, name, change="tool_name", provider=provider) == 2
    assert value(counted, name, change="dropped:top_k", provider=provider) == 1


def test_a_request_is_counted_once_it_has_ended() -> None:
    counted = metrics()
    done = replace(samples.completed(), degraded=("scorer", "text"), baseline_cost_usd=0.5)
    counted.count(done)
    counted.count(replace(done, action="", baseline_cost_usd=None, degraded=()))

    labels = {"dialect": done.dialect, "outcome": done.outcome}
    assert value(counted, "turnout_requests_total", **labels, decision="stay") == 1
    assert value(counted, "turnout_requests_total", **labels, decision="none") == 1
    seconds = "turnout_request_duration_seconds_count"
    assert value(counted, seconds, dialect=done.dialect) == 2
    assert value(counted, "turnout_decision_duration_seconds_count", stage="route") == 2
    assert value(counted, "turnout_baseline_cost_usd_total") == 0.5
    assert value(counted, "turnout_degraded_requests_total", part="text") == 1


def test_targets_that_were_passed_over_are_counted_by_reason() -> None:
    counted = metrics()
    name = "turnout_targets_passed_over_total"
    assert value(counted, name, reason="at_its_limit") == 0
    passed_over = ("ollama/llama3:8b@env:throttled", "openai/gpt-5.4@env:failing")
    counted.count(replace(samples.completed(), passed_over=passed_over))
    assert value(counted, name, reason="throttled") == 1
    assert value(counted, name, reason="failing") == 1


def test_switches_and_outcomes_are_counted() -> None:
    counted = metrics()
    counted.count(samples.switched())
    counted.count(samples.outcome())

    switched, outcome = samples.switched(), samples.outcome()
    assert value(counted, "turnout_threads_switched_total", reason=switched.reason) == 1
    assert value(counted, "turnout_outcomes_total", kind=outcome.kind) == 1


def test_what_a_shadow_decides_is_counted_by_whether_it_agrees() -> None:
    counted = metrics()
    counted.count(samples.shadowed())
    counted.count(replace(samples.shadowed(), agrees=True))
    counted.count(samples.shadowed())
    assert value(counted, "turnout_shadow_decisions_total", agrees="no") == 2
    assert value(counted, "turnout_shadow_decisions_total", agrees="yes") == 1


def test_reads_that_keep_prompts_are_counted_by_what_they_found_and_in_all_cost() -> None:
    counted = metrics()
    read = replace(samples.kept_warm(), model="model-0")
    counted.count(read)
    counted.count(replace(read, is_hit=False, cost_usd=0.5))
    counted.count(replace(read, is_hit=False, outcome="failed", usage=None, cost_usd=None))

    where = {"provider": read.provider, "model": "model-0"}
    name = "turnout_keep_warm_reads_total"
    for outcome in ("hit", "miss", "failed"):
        assert value(counted, name, outcome=outcome) == 1
    assert value(counted, name, outcome="cancelled") == 0
    assert value(counted, "turnout_keep_warm_cost_usd_total") == 0.52
    assert value(counted, "turnout_cost_usd_total", **where) == 0.52
    assert value(counted, "turnout_tokens_total", **where, type="cache_read") is None
    assert (
        value(counted, "turnout_attempts_total", **where, kind="first", outcome="answered") is None
    )


def test_a_fact_is_passed_on_and_counted() -> None:
    counted, taken = metrics(), Taken()
    MeteredFactSink(taken, counted).record(samples.outcome())

    assert taken.facts == [samples.outcome()]
    assert value(counted, "turnout_outcomes_total", kind=samples.outcome().kind) == 1


def test_the_artifact_is_named_by_its_beginning() -> None:
    counted = metrics()
    counted.set_artifact("f" * 64)

    assert value(counted, "turnout_build_info", version="1", service="s", artifact="f" * 16) == 1
    assert value(counted, "turnout_build_info", version="1", service="s", artifact="") is None


def test_numbers_that_others_keep_are_read_when_scraped() -> None:
    counted, lost = metrics(), [0]
    counted.notes_lost.follow(("failed",), lambda: lost[0])
    counted.in_flight.labels("ingress").set_function(lambda: lost[0])
    lost[0] = 3

    assert value(counted, "turnout_notes_lost_total", reason="failed") == 3
    assert value(counted, "turnout_requests_in_flight", part="ingress") == 3


def test_reading_a_request_is_a_stage_of_its_decision() -> None:
    counted = metrics()
    counted.identified(0.002)

    assert value(counted, "turnout_decision_duration_seconds_sum", stage="identify") == 0.002


def test_what_should_not_happen_is_zero_before_it_does() -> None:
    counted = metrics()

    for part in ("scorer", "tracker", "text"):
        assert value(counted, "turnout_degraded_requests_total", part=part) == 0
