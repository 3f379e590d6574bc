"""Which table a fact goes to and what its columns are; messages in, columns out. Pure."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType

import msgspec
from google.protobuf.message import Message

from turnout.events.v1 import facts_pb2
from turnout.policy.decision import Candidate, DecisionInputs, KeepWarm
from turnout.protos import from_pb
from turnout.telemetry import escalations
from turnout.telemetry.columns import (
    BOOL,
    FLOAT,
    INT32,
    INT64,
    MAYBE_FLOAT,
    MAYBE_INT64,
    STRING,
    WORD,
    Column,
    Several,
    Table,
    maybe,
    money,
    plain,
    time_of,
    words,
)

_as_json = msgspec.json.Encoder().encode

USAGE_FIELDS = (
    "fresh_input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write_other",
    "output",
    "reasoning",
)


def _usage() -> list[Column]:
    def column(field: str) -> Column:
        get = attrgetter(f"usage.{field}")

        def read(message: Message) -> object:
            return get(message) if message.HasField("usage") else None

        return Column(field, MAYBE_INT64, read)

    return [column(field) for field in USAGE_FIELDS]


def _identity(prefix: str = "") -> list[Column]:
    path = f"{prefix}identity."
    return [
        *plain(WORD, path + "tenant", path + "harness", path + "request_class", path + "arm"),
        *plain(STRING, path + "principal", path + "session", path + "thread", path + "thread_key"),
        *plain(BOOL, path + "is_subagent"),
    ]


def _tags(prefix: str = "") -> list[Column]:
    path = f"{prefix}tags."
    return [
        *plain(WORD, path + "team", path + "repository"),
        *plain(STRING, path + "branch", path + "ticket"),
    ]


_FIGURES = ("warm_tokens", "cost_now_usd", "cost_to_go_usd", "quality", "score")
_figures_of = attrgetter(*_FIGURES)


def _candidates(message: Message) -> Sequence[object]:
    """All candidates as JSON, and the figures of the one that is the first target; null when it is
    none of them. Each candidate costs 2 us to read.
    """
    decision = _routed(message).decision
    candidates = [from_pb(Candidate, one) for one in decision.candidates]
    text = _as_json(candidates).decode()
    for first in decision.targets[:1]:
        for candidate in candidates:
            if candidate.target == first:
                return (text, *_figures_of(candidate))
    return (text, *(None for _ in _FIGURES))


def _idle() -> Column:
    """How long the thread was silent; null in its first step."""

    def read(message: Message) -> object:
        inputs = _routed(message).inputs
        return max(0.0, inputs.now - inputs.state.last_at) if inputs.state.steps else None

    return Column("idle_seconds", MAYBE_FLOAT, read)


def _inputs_json(fact: facts_pb2.RequestRouted) -> str:
    """`msgspec.json.decode(text, type=DecisionInputs)` gives back what the decision was made from."""
    return _as_json(from_pb(DecisionInputs, fact.inputs)).decode()


def _keep_warm_json(fact: facts_pb2.RequestRouted) -> str:
    if not fact.decision.HasField("keep_warm"):
        return ""
    return _as_json(from_pb(KeepWarm, fact.decision.keep_warm)).decode()


def _completed(message: Message) -> facts_pb2.RequestCompleted:
    assert isinstance(message, facts_pb2.RequestCompleted)
    return message


def _routed(message: Message) -> facts_pb2.RequestRouted:
    assert isinstance(message, facts_pb2.RequestRouted)
    return message


REQUESTS = Table(
    "requests_raw",
    (
        *plain(STRING, "event_id", "request_id", "traceparent", "identity.user_turn"),
        *(time_of("occurred_at"), time_of("received_at")),
        *_identity(),
        *plain(BOOL, "identity.is_explicit", "stream"),
        *_tags(),
        *plain(WORD, "mode", "dialect", "step_kind", "action", "reason"),
        Column(
            "escalations",
            INT32,
            lambda message: escalations.is_by_the_stronger(_completed(message)),
        ),
        Column(
            "escalation_trigger", WORD, lambda message: escalations.served_for(_completed(message))
        ),
        *plain(WORD, "requested_model", "baseline_model", "proposal"),
        *plain(WORD, "served_model", "served_provider", "target", "outcome", "error"),
        *plain(INT32, "status", "attempts", "hedges"),
        *plain(WORD, "not_hedged"),
        words("passed_over"),
        *plain(FLOAT, "waited_seconds"),
        *maybe(MAYBE_FLOAT, "move_usd", "wait_usd"),
        *plain(INT64, "body_bytes", "answer_bytes", "message_count", "tool_count"),
        *plain(FLOAT, "route_seconds", "duration_seconds"),
        *maybe(MAYBE_FLOAT, "first_content_seconds"),
        *_usage(),
        *plain(WORD, "usage_source", "finish_reason", "artifact_digest"),
        *money("cost_usd", "baseline_cost_usd", "fee_usd", "paid_usd", "hedge_cost_usd"),
        words("degraded"),
    ),
    times=("occurred_at", "received_at"),
    money=("cost_usd", "baseline_cost_usd", "fee_usd", "paid_usd", "hedge_cost_usd"),
    small=("status", "attempts", "hedges"),
)

ATTEMPTS = Table(
    "attempts_raw",
    (
        *plain(STRING, "event_id", "request_id", "traceparent", "response_id"),
        *(time_of("occurred_at"), time_of("sent_at")),
        *plain(WORD, "tenant", "kind", "target", "provider", "model", "dialect", "outcome"),
        *plain(WORD, "error", "usage_source", "response_model", "finish_reason"),
        *plain(INT32, "number", "status"),
        *plain(FLOAT, "duration_seconds"),
        *maybe(MAYBE_FLOAT, "first_byte_seconds", "first_content_seconds"),
        *maybe(MAYBE_FLOAT, "hedge_delay_seconds"),
        *_usage(),
        *money("cost_usd", "fee_usd", "paid_usd"),
        words("changes"),
        *plain(WORD, "suspect"),
    ),
    times=("occurred_at", "sent_at"),
    money=("cost_usd", "fee_usd", "paid_usd"),
    small=("number", "status"),
)

DECISIONS = Table(
    "decisions_raw",
    (
        *plain(STRING, "event_id", "request_id", "traceparent"),
        time_of("occurred_at"),
        *_identity("inputs."),
        *_tags("inputs."),
        *plain(WORD, "inputs.mode", "inputs.features.dialect", "inputs.features.step_kind"),
        *plain(WORD, "decision.requested_model"),
        *plain(INT64, "inputs.features.needs.prompt_tokens_estimate"),
        *plain(INT64, "inputs.features.head_tokens", "inputs.features.message_count"),
        *plain(INT64, "inputs.features.tool_count", "inputs.features.step_tool_results"),
        *plain(INT64, "inputs.features.step_tool_errors"),
        *plain(WORD, "inputs.features.check", "inputs.features.check_framework"),
        *plain(STRING, "inputs.features.call_digest", "inputs.features.edit_digest"),
        *plain(INT64, "inputs.features.open_tasks"),
        *plain(INT64, "inputs.state.steps", "inputs.state.tool_errors"),
        *(
            _idle(),
            Column("previous_prompt_tokens", INT64, attrgetter("inputs.state.prompt_tokens")),
        ),
        Column("incumbent", WORD, attrgetter("inputs.state.target")),
        *plain(FLOAT, "inputs.state.kept_share"),
        *plain(BOOL, "inputs.state.is_retry"),
        *plain(INT64, "inputs.state.failing_checks"),
        *plain(WORD, "inputs.state.last_end"),
        *plain(INT64, "inputs.state.refused_answers", "inputs.state.empty_answers"),
        *plain(INT64, "inputs.state.cut_answers"),
        *plain(INT64, "inputs.text.cluster"),
        *plain(FLOAT, "inputs.text.similarity"),
        *plain(WORD, "decision.task_kind"),
        Column("text_skipped", WORD, attrgetter("inputs.text.skipped")),
        *plain(WORD, "decision.action", "decision.reason", "decision.model", "decision.provider"),
        Column("escalations", INT32, lambda message: escalations.escalations(_routed(message))),
        Column("escalation_trigger", WORD, lambda message: escalations.trigger(_routed(message))),
        Column(
            "escalation_withheld", BOOL, lambda message: escalations.is_withheld(_routed(message))
        ),
        *plain(WORD, "decision.baseline_model", "decision.proposal"),
        *plain(WORD, "decision.catalog_digest", "decision.artifact_digest"),
        *plain(WORD, "decision.write_lifetime"),
        Column("keep_warm_json", STRING, lambda message: _keep_warm_json(_routed(message))),
        *plain(FLOAT, "decision.horizon_steps", "decision.propensity", "inputs.draw"),
        *(words("decision.targets"), words("decision.degraded")),
        *plain(FLOAT, "look_seconds", "embed_seconds", "decide_seconds"),
        Column("inputs_json", STRING, lambda message: _inputs_json(_routed(message))),
    ),
    times=("occurred_at",),
    several=Several(
        ("candidates_json", *_FIGURES), (STRING, *(MAYBE_FLOAT for _ in _FIGURES)), _candidates
    ),
)

THREAD_SWITCHES = Table(
    "thread_switches_raw",
    (
        *plain(STRING, "event_id", "request_id"),
        time_of("occurred_at"),
        *_identity(),
        *plain(WORD, "from_target", "to_target", "reason"),
        *plain(INT64, "step", "warm_tokens_left", "prompt_tokens_estimate"),
    ),
    times=("occurred_at",),
)

OUTCOMES = Table(
    "outcomes_raw",
    (
        *plain(STRING, "event_id", "request_id", "session", "branch", "commit", "label"),
        time_of("occurred_at"),
        *plain(WORD, "tenant", "repository", "kind", "source"),
        *plain(STRING, "reported_by"),
        *maybe(MAYBE_FLOAT, "score", "after_seconds"),
        *maybe(MAYBE_INT64, "tests_passed", "tests_failed"),
        *maybe(MAYBE_INT64, "lines_kept", "lines_changed", "lines_written"),
    ),
    times=("occurred_at",),
)

SHADOW_DECISIONS = Table(
    "shadow_decisions_raw",
    (
        *plain(STRING, "event_id", "request_id", "traceparent"),
        time_of("occurred_at"),
        *plain(WORD, "tenant"),
        *plain(STRING, "session"),
        *(
            column
            for which in ("served", "shadow")
            for column in (
                *plain(WORD, f"{which}_artifact_digest", f"{which}_action", f"{which}_reason"),
                *plain(WORD, f"{which}_target", f"{which}_model", f"{which}_proposal"),
                *maybe(MAYBE_FLOAT, f"{which}_cost_now_usd", f"{which}_cost_to_go_usd"),
            )
        ),
        *plain(BOOL, "agrees"),
    ),
    times=("occurred_at",),
)

MODE_CHANGES = Table(
    "mode_changes_raw",
    (
        *plain(STRING, "event_id", "changed_by"),
        time_of("occurred_at"),
        *plain(WORD, "tenant", "from_mode", "to_mode", "source"),
        *maybe(MAYBE_FLOAT, "margin", "confidence", "difference", "low", "high"),
        *plain(INT64, "treatment_sessions", "control_sessions"),
    ),
    times=("occurred_at",),
)

SETTINGS_CHANGES = Table(
    "settings_changes_raw",
    (
        *plain(STRING, "event_id", "from_value", "to_value", "changed_by"),
        time_of("occurred_at"),
        *plain(WORD, "tenant", "name", "source"),
    ),
    times=("occurred_at",),
)

KEEP_WARM_READS = Table(
    "keep_warm_reads_raw",
    (
        *plain(STRING, "event_id", "request_id", "traceparent"),
        *(time_of("occurred_at"), time_of("sent_at")),
        *_identity(),
        *_tags(),
        *plain(WORD, "mode", "requested_model", "baseline_model"),
        *plain(WORD, "target", "provider", "model", "outcome", "error"),
        *plain(INT32, "number", "status"),
        *plain(FLOAT, "duration_seconds"),
        *plain(INT64, "prefix_tokens"),
        *plain(BOOL, "is_hit"),
        *_usage(),
        *money("cost_usd"),
    ),
    times=("occurred_at", "sent_at"),
    money=("cost_usd",),
    small=("number", "status"),
)

BY_SUBJECT: Mapping[str, Table] = MappingProxyType(
    {
        "turnout.request.routed": DECISIONS,
        "turnout.attempt.ended": ATTEMPTS,
        "turnout.request.completed": REQUESTS,
        "turnout.thread.switched": THREAD_SWITCHES,
        "turnout.outcome.reported": OUTCOMES,
        "turnout.shadow.decided": SHADOW_DECISIONS,
        "turnout.mode.changed": MODE_CHANGES,
        "turnout.settings.changed": SETTINGS_CHANGES,
        "turnout.keep_warm_read.ended": KEEP_WARM_READS,
    }
)
TABLES = tuple(BY_SUBJECT.values())
