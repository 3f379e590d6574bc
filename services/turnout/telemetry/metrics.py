"""What telemetry counts. Built once per process with the registry of its composition."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from turnout.bus.subjects import BY_FACT
from turnout.policy.modes import MODES
from turnout.policy.request import Mode

# An insert takes 6 ms for a few rows and 60 ms for 10,000 of all tables.
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class TelemetryMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._inserted = Counter(
            "turnout_facts_inserted_total",
            "Rows inserted into ClickHouse, redeliveries included.",
            ["table"],
            registry=registry,
        )
        self._undecodable = Counter(
            "turnout_facts_undecodable_total",
            "Facts kept aside because no row could be made of them.",
            ["subject"],
            registry=registry,
        )
        for route in BY_FACT.values():
            # There from the start: an increase from nothing is none to Prometheus.
            self._undecodable.labels(route.subject)
        self._failures = Counter(
            "turnout_insert_failures_total",
            "Inserts into ClickHouse that failed and are made again.",
            registry=registry,
        )
        self._seconds = Histogram(
            "turnout_insert_duration_seconds",
            "Time to insert one batch into all its tables.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._pending = Gauge(
            "turnout_facts_messages_pending",
            "Bus messages that telemetry has not asked for yet, as of the newest one.",
            registry=registry,
        )

        self._drops = Counter(
            "turnout_guardrail_drops_total",
            "Tenants that the guardrail took one mode back, by the mode that they came to.",
            ["mode"],
            registry=registry,
        )
        for mode in MODES[:-1]:
            self._drops.labels(mode)

    def inserted(self, table: str, rows: int) -> None:
        self._inserted.labels(table).inc(rows)

    def undecodable(self, subject: str) -> None:
        self._undecodable.labels(subject).inc()

    def insert_failed(self) -> None:
        self._failures.inc()

    def took(self, seconds: float) -> None:
        self._seconds.observe(seconds)

    def dropped(self, mode: Mode) -> None:
        self._drops.labels(mode).inc()

    def pending(self, messages: int) -> None:
        self._pending.set(messages)
