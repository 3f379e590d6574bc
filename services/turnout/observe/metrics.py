"""Prometheus metrics, counted from the facts as they are recorded.

The services know nothing of metrics: `MeteredFactSink` stands in front of the spool and counts
what passes; what no fact says is read from plain numbers at scrape time, or timed at a port
(`calls`). Names are listed in the README (a test compares); no label is unbounded: models the
catalog does not have are counted as "other". A part of Turnout is labelled `part` and not
`service`, a label that Kubernetes' service discovery sets itself.
"""

from typing import Literal, TypeAlias, assert_never, get_args

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from turnout.facts import (
    AttemptEnded,
    Fact,
    KeepWarmReadEnded,
    ModeChanged,
    OutcomeReported,
    RequestCompleted,
    RequestRouted,
    SettingsChanged,
    ShadowDecided,
    ThreadSwitched,
)
from turnout.observe.standing_gauges import StandingGauges
from turnout.observe.tallies import CounterReading, CounterTally, Family, HistogramTally
from turnout.policy.decision import Degradation
from turnout.policy.standing import Barred
from turnout.ports import FactSink

MetricName: TypeAlias = Literal[
    # Requests by how they ended.
    "turnout_requests_total",
    # From the request's arrival to the last byte of its answer.
    "turnout_request_duration_seconds",
    # Where the time of a decision went.
    "turnout_decision_duration_seconds",
    # From sending an attempt to the first byte of its answer.
    "turnout_time_to_first_byte_seconds",
    # From sending an attempt to its first content event.
    "turnout_time_to_first_content_seconds",
    # Upstream calls by how they ended.
    "turnout_attempts_total",
    # Tokens in disjoint counts.
    "turnout_tokens_total",
    # List cost of all upstream calls: attempts, and reads that keep prompts cached.
    "turnout_cost_usd_total",
    # What the requested model would have cost; subtract in the query.
    "turnout_baseline_cost_usd_total",
    # Reads that only keep prompts cached, by what they found, and what of the cost is theirs.
    "turnout_keep_warm_reads_total",
    "turnout_keep_warm_cost_usd_total",
    # What was changed in requests for the target that they went to.
    "turnout_translation_changes_total",
    # Threads served by another target than before.
    "turnout_threads_switched_total",
    # Requests answered without a part of Turnout.
    "turnout_degraded_requests_total",
    # Requests that an artifact in shadow decided too, and those that it could not.
    "turnout_shadow_decisions_total",
    "turnout_shadow_lost_total",
    # Artifact files in the control bucket that could not be used.
    "turnout_artifacts_refused_total",
    # Tenants whose settings there cannot be read.
    "turnout_settings_ignored",
    # Outcomes reported, by kind.
    "turnout_outcomes_total",
    # Requests that are being served now, by part.
    "turnout_requests_in_flight",
    # Notes that the tracker has not got, by why.
    "turnout_notes_lost_total",
    # Silent calls that were not raced by a second one, by why.
    "turnout_hedges_suppressed_total",
    # Targets that a request did not go to because of how they stood, by why.
    "turnout_targets_passed_over_total",
    # How targets stand: `standing_gauges`.
    "turnout_first_content_p95_seconds",
    "turnout_target_state",
    "turnout_target_limit",
    # 1 while a part can be used.
    "turnout_part_up",
    # Calls over gRPC as the serving part and as the calling part see them.
    "turnout_rpc_duration_seconds",
    "turnout_rpc_client_duration_seconds",
    # 1, with version, service and artifact as labels.
    "turnout_build_info",
]

CALL_LABELS = ("part", "method", "outcome")

ReadOutcome: TypeAlias = Literal["hit", "miss", "failed", "cancelled"]

TokenKind: TypeAlias = Literal["fresh_input", "cache_read", "cache_write", "output"]

DECISION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25)
"""Seconds; they straddle the promise of 50 ms."""

RPC_BUCKETS = (*DECISION_BUCKETS, 0.5, 1)
"""Seconds; the longest deadline of a call that is no answer is 0.5."""

ANSWER_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600)
"""Seconds; agents' steps take between a fraction of a second and minutes."""


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self, *, version: str, service: str, known_models: frozenset[str]) -> None:
        self._known_models = known_models
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = self._counter(
            "turnout_requests_total",
            "Requests by how they ended.",
            "dialect",
            "decision",
            "outcome",
        )
        self.duration = self._histogram(
            "turnout_request_duration_seconds",
            "From a request's arrival to the last byte of its answer.",
            ANSWER_BUCKETS,
            "dialect",
        )
        self.decision = self._histogram(
            "turnout_decision_duration_seconds",
            "Where the time of a decision went.",
            DECISION_BUCKETS,
            "stage",
        )
        self.first_byte = self._histogram(
            "turnout_time_to_first_byte_seconds",
            "From sending an attempt to the first byte of its answer.",
            ANSWER_BUCKETS,
            "provider",
            "model",
        )
        self.first_content = self._histogram(
            "turnout_time_to_first_content_seconds",
            "From sending an attempt to its first content event.",
            ANSWER_BUCKETS,
            "provider",
            "model",
        )
        self.attempts = self._counter(
            "turnout_attempts_total",
            "Upstream calls by how they ended.",
            "provider",
            "model",
            "kind",
            "outcome",
        )
        self.tokens = self._counter(
            "turnout_tokens_total", "Tokens in disjoint counts.", "provider", "model", "type"
        )
        self.cost = self._counter(
            "turnout_cost_usd_total", "List cost of all upstream calls.", "provider", "model"
        )
        self.baseline_cost = self._counter(
            "turnout_baseline_cost_usd_total", "What the requested model would have cost."
        )
        self.switched = self._counter(
            "turnout_threads_switched_total",
            "Threads served by another target than before.",
            "reason",
        )
        self.changes = self._counter(
            "turnout_translation_changes_total",
            "What was changed in requests for the target that they went to.",
            "change",
            "provider",
        )
        self.degraded = self._counter(
            "turnout_degraded_requests_total",
            "Requests answered without a part of Turnout.",
            "part",
        )
        for part in get_args(Degradation):
            # There from the start: an increase from nothing is none to Prometheus.
            self.degraded.add((part,), 0.0)
        self.outcomes = self._counter("turnout_outcomes_total", "Outcomes reported.", "kind")
        self._add_standings()
        self._add_keep_warm()
        self._add_what_no_fact_says()
        self._build = (version, service)
        self._add_artifacts()

    def _add_standings(self) -> None:
        self.standings = StandingGauges(self._known_models, registry=self.registry)
        self.passed_over = self._counter(
            "turnout_targets_passed_over_total",
            "Targets that a request did not go to, or was refused for, because of how they stood.",
            "reason",
        )
        for reason in get_args(Barred):
            self.passed_over.add((reason,), 0.0)

    def _add_keep_warm(self) -> None:
        self.keep_warm_reads = self._counter(
            "turnout_keep_warm_reads_total",
            "Reads that only keep prompts cached: hit, miss, failed or cancelled.",
            "outcome",
        )
        self.keep_warm_cost = self._counter(
            "turnout_keep_warm_cost_usd_total",
            "List cost of reads that only keep prompts cached, a part of all cost.",
        )
        for outcome in get_args(ReadOutcome):
            self.keep_warm_reads.add((outcome,), 0.0)
        self.keep_warm_cost.add((), 0.0)

    def _add_artifacts(self) -> None:
        self._info = Gauge(
            "turnout_build_info", "1.", ("version", "service", "artifact"), registry=self.registry
        )
        self.set_artifact("")
        self.shadow = self._counter(
            "turnout_shadow_decisions_total",
            "Requests that an artifact in shadow has decided too, by whether it chose the same target.",
            "agrees",
        )
        self.shadow_lost = self._reading(
            "turnout_shadow_lost_total",
            "Requests that an artifact in shadow has not decided: its tables failed, or too many waited.",
            "reason",
        )
        self.artifacts_refused = self._reading(
            "turnout_artifacts_refused_total",
            "Artifact files in the control bucket that the scorer could not use.",
            "role",
        )
        self.settings_ignored = self._gauge(
            "turnout_settings_ignored",
            "Tenants whose settings in the control bucket cannot be read, so that the last good ones hold.",
        )

    def _add_what_no_fact_says(self) -> None:
        self.in_flight = self._gauge(
            "turnout_requests_in_flight", "Requests that a part is serving now.", "part"
        )
        self.notes_lost = self._reading(
            "turnout_notes_lost_total",
            "Notes to the tracker that failed, or were dropped because too many were on their way.",
            "reason",
        )
        self.not_hedged = self._reading(
            "turnout_hedges_suppressed_total",
            "Silent calls that were not raced by a second one, by what kept the best of its rivals away.",
            "reason",
        )
        self.part_up = self._gauge(
            "turnout_part_up",
            "1 when a part could be used when last asked, else 0; the ingress asks every 5 s.",
            "part",
        )
        self.rpc = self._histogram(
            "turnout_rpc_duration_seconds",
            "Calls over gRPC, as the part that serves them sees them.",
            RPC_BUCKETS,
            *CALL_LABELS,
        )
        self.rpc_client = self._histogram(
            "turnout_rpc_client_duration_seconds",
            "Calls over gRPC, as the part that makes them sees them.",
            RPC_BUCKETS,
            *CALL_LABELS,
        )

    def set_artifact(self, digest: str) -> None:
        """Name the artifact that decisions are made with; "" where none are made."""
        self._info.clear()
        self._info.labels(*self._build, digest[:16]).set(1)

    def _counter(self, name: MetricName, help_text: str, *labels: str) -> CounterTally:
        return CounterTally(Family(name, help_text, labels), registry=self.registry)

    def _reading(self, name: MetricName, help_text: str, *labels: str) -> CounterReading:
        return CounterReading(Family(name, help_text, labels), registry=self.registry)

    def _histogram(
        self, name: MetricName, help_text: str, buckets: tuple[float, ...], *labels: str
    ) -> HistogramTally:
        return HistogramTally(Family(name, help_text, labels), buckets, registry=self.registry)

    def _gauge(self, name: MetricName, help_text: str, *labels: str) -> Gauge:
        return Gauge(name, help_text, labels, registry=self.registry)

    def identified(self, seconds: float) -> None:
        """A request has been read, and its session and thread are known."""
        self.decision.observe(("identify",), seconds)

    def exposition(self) -> tuple[bytes, str]:
        """The metrics as text, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def count(self, fact: Fact) -> None:
        """Count what a fact says."""
        match fact:
            case RequestRouted():
                self.decision.observe(("look",), fact.look_seconds)
                self.decision.observe(("score",), fact.embed_seconds)
                self.decision.observe(("decide",), fact.decide_seconds)
            case AttemptEnded():
                self._count_attempt(fact)
            case RequestCompleted():
                self._count_request(fact)
            case ThreadSwitched():
                self.switched.add((fact.reason,))
            case OutcomeReported():
                self.outcomes.add((fact.kind,))
            case ShadowDecided():
                self.shadow.add(("yes" if fact.agrees else "no",))
            case KeepWarmReadEnded():
                self._count_keep_warm_read(fact)
            case ModeChanged() | SettingsChanged():
                # The guardrail's are counted by telemetry, and a person knows of their own.
                pass
            case _:
                assert_never(fact)

    def _count_request(self, fact: RequestCompleted) -> None:
        self.requests.add((fact.dialect, fact.action or "none", fact.outcome))
        self.duration.observe((fact.dialect,), fact.duration_seconds)
        self.decision.observe(("route",), fact.route_seconds)
        if fact.baseline_cost_usd is not None:
            self.baseline_cost.add((), fact.baseline_cost_usd)
        for part in fact.degraded:
            self.degraded.add((part,))
        for passed_over in fact.passed_over:
            self.passed_over.add((passed_over.rpartition(":")[2],))

    def _count_attempt(self, fact: AttemptEnded) -> None:
        model = fact.model if fact.model in self._known_models else "other"
        where = (fact.provider, model)
        self.attempts.add((*where, fact.kind, fact.outcome))
        if fact.first_byte_seconds is not None:
            self.first_byte.observe(where, fact.first_byte_seconds)
        if fact.first_content_seconds is not None:
            self.first_content.observe(where, fact.first_content_seconds)
        for change in fact.changes:
            self.changes.add((change, fact.provider))
        if fact.cost_usd is not None:
            self.cost.add(where, fact.cost_usd)
        usage = fact.usage
        if usage is not None:
            self._add_tokens(where, "fresh_input", usage.fresh_input)
            self._add_tokens(where, "cache_read", usage.cache_read)
            self._add_tokens(where, "cache_write", usage.cache_write)
            self._add_tokens(where, "output", usage.output)

    def _count_keep_warm_read(self, fact: KeepWarmReadEnded) -> None:
        """Their tokens are no prompts': counted, they would raise the share that is read from caches."""
        outcome: ReadOutcome = "failed"
        if fact.outcome == "answered":
            outcome = "hit" if fact.is_hit else "miss"
        elif fact.outcome == "cancelled":
            outcome = "cancelled"
        self.keep_warm_reads.add((outcome,))
        if fact.cost_usd is not None:
            model = fact.model if fact.model in self._known_models else "other"
            self.cost.add((fact.provider, model), fact.cost_usd)
            self.keep_warm_cost.add((), fact.cost_usd)

    def _add_tokens(self, where: tuple[str, str], kind: TokenKind, tokens: int) -> None:
        if tokens:
            self.tokens.add((*where, kind), tokens)


class MeteredFactSink:
    """A fact sink that counts what it passes on."""

    def __init__(self, sink: FactSink, metrics: Metrics) -> None:
        self._sink = sink
        self._metrics = metrics

    def record(self, *facts: Fact) -> None:
        self._sink.record(*facts)
        for fact in facts:
            self._metrics.count(fact)
