"""What the bus counts. Built once per process with the registry of its composition."""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

DropReason: TypeAlias = Literal["spool_full", "disk_error", "too_large", "invalid"]


class BusMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._recorded = Counter(
            "turnout_facts_recorded_total",
            "Facts accepted into the spool.",
            ["fact"],
            registry=registry,
        )
        self._dropped = Counter(
            "turnout_facts_dropped_total",
            "Facts that the spool could not take, by reason.",
            ["reason"],
            registry=registry,
        )
        for reason in get_args(DropReason):
            # There from the start: an increase from nothing is none to Prometheus.
            self._dropped.labels(reason)
        self._published = Counter(
            "turnout_facts_published_total",
            "Facts that the bus has acknowledged.",
            registry=registry,
        )
        self._failures = Counter(
            "turnout_publish_failures_total",
            "Attempts to publish a window of facts that failed and will be made again.",
            registry=registry,
        )
        self._lost = Counter(
            "turnout_spool_lost_bytes_total",
            "Bytes of the spool in which no whole fact could be read: torn by a crash, or damaged.",
            registry=registry,
        )
        self._spool_bytes = Gauge(
            "turnout_spool_bytes", "Bytes of the spool on disk.", registry=registry
        )
        self._spool_limit = Gauge(
            "turnout_spool_limit_bytes", "Bytes that the spool may take.", registry=registry
        )
        self._unpublished = Gauge(
            "turnout_spool_oldest_seconds",
            "How long facts have been waiting in the spool without any being published.",
            registry=registry,
        )

    def recorder(self, fact: str) -> Callable[[], None]:
        """Counts one recorded fact per call; looked up once because labels cost a lock."""
        child = self._recorded.labels(fact)
        return child.inc

    def dropped(self, reason: DropReason) -> None:
        self._dropped.labels(reason).inc()

    def published(self, facts: int) -> None:
        self._published.inc(facts)

    def publish_failed(self) -> None:
        self._failures.inc()

    def lost(self, size: int) -> None:
        self._lost.inc(size)

    def spool_bytes(self, size: int) -> None:
        self._spool_bytes.set(size)

    def spool_limit(self, size: int) -> None:
        self._spool_limit.set(size)

    def waiting(self, seconds: float) -> None:
        self._unpublished.set(seconds)
