"""Which table a fact goes to and what its columns are made of; messages in, columns out.

Rules: pure. Columns are read straight from the protobuf message, by attribute path, because making
our facts of it first would cost more than everything else here. `check` looks at all that
could make ClickHouse or its client refuse a block: what passes can be inserted.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType

import msgspec
from google.protobuf.message import Message

from turnout.events.v1 import facts_pb2
from turnout.policy.decision import Candidate, DecisionInputs
from turnout.protos import from_pb

Read = Callable[[Message], object]

# DateTime64(6) reaches to 2299, a Date of ClickHouse to 2149; whatever is later is no time of ours.
_EARLIEST_SECONDS = 0.0
_LATEST_SECONDS = 5_600_000_000.0
# Decimal(18, 9) holds less than a thousand million.
_DEAREST_USD = 1e9
_MICROSECONDS = 1_000_000
_NANODOLLARS_DIGITS = 9
_INT32 = 2**31

_as_json = msgspec.json.Encoder().encode

STRING = "String"
WORD = "LowCardinality(String)"
WORDS = "Array(LowCardinality(String))"
BOOL = "Bool"
INT32 = "Int32"
INT64 = "Int64"
FLOAT = "Float64"
TIME = "DateTime64(6, 'UTC')"
MAYBE_INT64 = "Nullable(Int64)"
MAYBE_FLOAT = "Nullable(Float64)"
MAYBE_USD = "Nullable(Decimal(18, 9))"

USAGE_FIELDS = (
    "fresh_input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write_other",
    "output",
    "reasoning",
)


class Undecodable(ValueError):
    """A fact that no row can be made of; the message says why."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    read: Read


@dataclass(frozen=True, slots=True)
class Several:
    """Columns that follow from one reading; `read` gives a value of each."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    read: Callable[[Message], Sequence[object]]


@dataclass(frozen=True, slots=True)
class Table:
    """A raw table.

    Attributes:
        times, money, small: fields that `check` looks at.
        several: columns beside `single`, read together because reading is dear.
    """

    name: str
    single: tuple[Column, ...]
    times: tuple[str, ...]
    money: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    several: Several | None = None

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Name and type of each."""
        found = [(column.name, column.type) for column in self.single]
        if self.several is not None:
            found += zip(self.several.names, self.several.types, strict=True)
        return found

    @property
    def types(self) -> list[str]:
        return [type_ for _, type_ in self.columns]

    def build(self, messages: Sequence[Message]) -> dict[str, list[object]]:
        """The columns of as many rows as there are messages."""
        found = {column.name: list(map(column.read, messages)) for column in self.single}
        if self.several is not None:
            cells = zip(*map(self.several.read, messages), strict=True)
            found.update(zip(self.several.names, map(list, cells), strict=True))
        return found

    def check(self, message: Message) -> None:
        """Raises `Undecodable` for a fact that would make its whole block fail."""
        if not getattr(message, "event_id", ""):
            raise Undecodable("a fact without event_id")
        for field in self.times:
            seconds = float(getattr(message, field))
            if not _EARLIEST_SECONDS <= seconds <= _LATEST_SECONDS:
                raise Undecodable(f"{field} is no time: {seconds}")
        for field in self.money:
            if message.HasField(field):
                amount = float(getattr(message, field))
                if not math.isfinite(amount) or abs(amount) >= _DEAREST_USD:
                    raise Undecodable(f"{field} is no amount: {amount}")
        for field in self.small:
            number = int(getattr(message, field))
            if not -_INT32 <= number < _INT32:
                raise Undecodable(f"{field} is out of range: {number}")


def _plain(type_: str, *paths: str) -> list[Column]:
    """Columns that are fields, named like the last word of their path."""
    return [Column(path.rsplit(".", 1)[-1], type_, attrgetter(path)) for path in paths]


def _time(field: str) -> Column:
    get = attrgetter(field)

    def read(message: Message) -> object:
        return round(get(message) * _MICROSECONDS)

    return Column(field, TIME, read)


def _maybe(type_: str, *fields: str) -> list[Column]:
    """Columns of optional fields; absent is null."""

    def column(field: str) -> Column:
        get = attrgetter(field)

        def read(message: Message) -> object:
            return get(message) if message.HasField(field) else None

        return Column(field, type_, read)

    return [column(field) for field in fields]


def _money(*fields: str) -> list[Column]:
    def column(field: str) -> Column:
        get = attrgetter(field)

        def read(message: Message) -> object:
            # clickhouse-connect cuts digits off instead of rounding.
            return round(get(message), _NANODOLLARS_DIGITS) if message.HasField(field) else None

        return Column(field, MAYBE_USD, read)

    return [column(field) for field in fields]


def _usage() -> list[Column]:
    def column(field: str) -> Column:
        get = attrgetter(f"usage.{field}")

        def read(message: Message) -> object:
            return get(message) if message.HasField("usage") else None

        return Column(field, MAYBE_INT64, read)

    return [column(field) for field in USAGE_FIELDS]


def _words(path: str) -> Column:
    get = attrgetter(path)

    def read(message: Message) -> object:
        return list(get(message))

    return Column(path.rsplit(".", 1)[-1], WORDS, read)


def _identity(prefix: str = "") -> list[Column]:
    path = f"{prefix}identity."
    return [
        *_plain(WORD, path + "tenant", path + "harness", path + "request_class", path + "arm"),
        *_plain(STRING, path + "principal", path + "session", path + "thread", path + "thread_key"),
        *_plain(BOOL, path + "is_subagent"),
    ]


def _tags(prefix: str = "") -> list[Column]:
    path = f"{prefix}tags."
    return [
        *_plain(WORD, path + "team", path + "repository"),
        *_plain(STRING, path + "branch", path + "ticket"),
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


def _routed(message: Message) -> facts_pb2.RequestRouted:
    assert isinstance(message, facts_pb2.RequestRouted)
    return message


REQUESTS = Table(
    "requests_raw",
    (
        *_plain(STRING, "event_id", "request_id", "traceparent", "identity.user_turn"),
        *(_time("occurred_at"), _time("received_at")),
        *_identity(),
        *_plain(BOOL, "identity.is_explicit", "stream"),
        *_tags(),
        *_plain(WORD, "mode", "dialect", "step_kind", "action", "reason"),
        *_plain(WORD, "requested_model", "baseline_model", "proposal"),
        *_plain(WORD, "served_model", "served_provider", "target", "outcome", "error"),
        *_plain(INT32, "status", "attempts"),
        *_plain(INT64, "body_bytes", "answer_bytes", "message_count", "tool_count"),
        *_plain(FLOAT, "route_seconds", "duration_seconds"),
        *_maybe(MAYBE_FLOAT, "first_content_seconds"),
        *_usage(),
        *_plain(WORD, "usage_source", "finish_reason", "artifact_digest"),
        *_money("cost_usd", "baseline_cost_usd"),
        _words("degraded"),
    ),
    times=("occurred_at", "received_at"),
    money=("cost_usd", "baseline_cost_usd"),
    small=("status", "attempts"),
)

ATTEMPTS = Table(
    "attempts_raw",
    (
        *_plain(STRING, "event_id", "request_id", "traceparent", "response_id"),
        *(_time("occurred_at"), _time("sent_at")),
        *_plain(WORD, "tenant", "kind", "target", "provider", "model", "dialect", "outcome"),
        *_plain(WORD, "error", "usage_source", "response_model", "finish_reason"),
        *_plain(INT32, "number", "status"),
        *_plain(FLOAT, "duration_seconds"),
        *_maybe(MAYBE_FLOAT, "first_byte_seconds", "first_content_seconds"),
        *_usage(),
        *_money("cost_usd"),
        _words("changes"),
    ),
    times=("occurred_at", "sent_at"),
    money=("cost_usd",),
    small=("number", "status"),
)

DECISIONS = Table(
    "decisions_raw",
    (
        *_plain(STRING, "event_id", "request_id", "traceparent"),
        _time("occurred_at"),
        *_identity("inputs."),
        *_tags("inputs."),
        *_plain(WORD, "inputs.mode", "inputs.features.dialect", "inputs.features.step_kind"),
        *_plain(WORD, "decision.requested_model"),
        *_plain(INT64, "inputs.features.needs.prompt_tokens_estimate"),
        *_plain(INT64, "inputs.features.head_tokens", "inputs.features.message_count"),
        *_plain(INT64, "inputs.features.tool_count", "inputs.features.step_tool_results"),
        *_plain(INT64, "inputs.features.step_tool_errors"),
        *_plain(INT64, "inputs.state.steps", "inputs.state.tool_errors"),
        *(
            _idle(),
            Column("previous_prompt_tokens", INT64, attrgetter("inputs.state.prompt_tokens")),
        ),
        Column("incumbent", WORD, attrgetter("inputs.state.target")),
        *_plain(FLOAT, "inputs.state.kept_share"),
        *_plain(BOOL, "inputs.state.is_retry"),
        *_plain(INT64, "inputs.text.cluster"),
        *_plain(FLOAT, "inputs.text.similarity"),
        *_plain(WORD, "inputs.text.task_kind"),
        Column("text_skipped", WORD, attrgetter("inputs.text.skipped")),
        *_plain(WORD, "decision.action", "decision.reason", "decision.model", "decision.provider"),
        *_plain(WORD, "decision.baseline_model", "decision.proposal"),
        *_plain(WORD, "decision.catalog_digest", "decision.artifact_digest"),
        *_plain(FLOAT, "decision.horizon_steps", "decision.propensity", "inputs.draw"),
        *(_words("decision.targets"), _words("decision.degraded")),
        *_plain(FLOAT, "look_seconds", "embed_seconds", "decide_seconds"),
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
        *_plain(STRING, "event_id", "request_id"),
        _time("occurred_at"),
        *_identity(),
        *_plain(WORD, "from_target", "to_target", "reason"),
        *_plain(INT64, "step", "warm_tokens_left", "prompt_tokens_estimate"),
    ),
    times=("occurred_at",),
)

OUTCOMES = Table(
    "outcomes_raw",
    (
        *_plain(STRING, "event_id", "request_id", "session", "branch", "commit", "label"),
        _time("occurred_at"),
        *_plain(WORD, "tenant", "repository", "kind", "source"),
        *_plain(STRING, "reported_by"),
        *_maybe(MAYBE_FLOAT, "score", "after_seconds"),
        *_maybe(MAYBE_INT64, "tests_passed", "tests_failed"),
        *_maybe(MAYBE_INT64, "lines_kept", "lines_changed", "lines_written"),
    ),
    times=("occurred_at",),
)

MODE_CHANGES = Table(
    "mode_changes_raw",
    (
        *_plain(STRING, "event_id", "changed_by"),
        _time("occurred_at"),
        *_plain(WORD, "tenant", "from_mode", "to_mode", "source"),
        *_maybe(MAYBE_FLOAT, "margin", "confidence", "difference", "low", "high"),
        *_plain(INT64, "treatment_sessions", "control_sessions"),
    ),
    times=("occurred_at",),
)

BY_SUBJECT: Mapping[str, Table] = MappingProxyType(
    {
        "turnout.request.routed": DECISIONS,
        "turnout.attempt.ended": ATTEMPTS,
        "turnout.request.completed": REQUESTS,
        "turnout.thread.switched": THREAD_SWITCHES,
        "turnout.outcome.reported": OUTCOMES,
        "turnout.mode.changed": MODE_CHANGES,
    }
)
TABLES = tuple(BY_SUBJECT.values())
