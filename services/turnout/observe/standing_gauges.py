"""How targets stand, as gauges that are read when they are scraped.

Rules: a target that is forgotten has no sample any more; targets of models that the catalog does not have are left
out, because names that clients make up have no bound; nothing is counted here.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from turnout.catalog.models import model_of_target
from turnout.policy.standing import State, TargetGauge


class StandingGauges:
    """Without samples until somebody is followed."""

    def __init__(self, known_models: frozenset[str], *, registry: CollectorRegistry) -> None:
        self._known_models = known_models
        self._read: Callable[[], Sequence[TargetGauge]] = tuple
        registry.register(self)

    def follow(self, read: Callable[[], Sequence[TargetGauge]]) -> None:
        """Take what `read` says from now on; it may be asked from any thread."""
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """The families without samples: what the registry needs to know at registration."""
        return _families()

    def collect(self) -> Iterable[Metric]:
        first_content, state, limit = families = _families()
        for gauge in self._read():
            if model_of_target(gauge.target) not in self._known_models:
                continue
            for size, seconds in gauge.p95.items():
                first_content.add_metric((gauge.target, size), seconds)
            for one in get_args(State):
                state.add_metric((gauge.target, one), float(one == gauge.state))
            limit.add_metric((gauge.target,), gauge.most)
        return families


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily(
            "turnout_first_content_p95_seconds",
            "Time to first content that 95 % of calls keep to, of late, by the uncached tokens of the prompt.",
            labels=("target", "size"),
        ),
        GaugeMetricFamily(
            "turnout_target_state",
            "1 for the state that a target is in: healthy, ejected, probing or throttled.",
            labels=("target", "state"),
        ),
        GaugeMetricFamily(
            "turnout_target_limit",
            "Calls that a target takes at once, as far as it has shown; 2048 until it has throttled.",
            labels=("target",),
        ),
    )
