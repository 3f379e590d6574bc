"""The facts: things that have happened, named in the past tense, that go over the bus.

Every fact has an `event_id` that is the same whenever the same thing is told again, so that telling
it twice counts once, and `occurred_at` in unix seconds. No fact holds prompt text or a credential.
Fields are only ever added: facts of the previous minor version stay readable.
"""

from typing import Literal, TypeAlias

import msgspec

from turnout.capabilities import Dialect
from turnout.dialects.usage import Usage, UsageSource
from turnout.policy.decision import Action, Decision, DecisionInputs, Reason
from turnout.policy.hedge import NotHedged
from turnout.policy.request import Identity, Mode, StepKind, Tags

AttemptKind: TypeAlias = Literal["first", "hedge", "retry", "fallback"]

AttemptOutcome: TypeAlias = Literal["answered", "failed", "rejected", "cancelled", "lost"]
"""Answered whole; failed at the provider; the request found wrong or too long there, which is no
failure of the provider's; given up by the client."""

RequestOutcome: TypeAlias = Literal["answered", "failed", "rejected", "cancelled"]
"""Answered whole; failed upstream; rejected as wrong or too long, by us or by a provider; given up by
the client."""


class RequestRouted(msgspec.Struct, frozen=True, gc=False):
    """A decision was made. Holds every input of it, so that it can be replayed.

    Attributes:
        look_seconds, embed_seconds, decide_seconds: where the time went.

    """

    event_id: str
    occurred_at: float
    request_id: str
    traceparent: str
    inputs: DecisionInputs
    decision: Decision
    look_seconds: float
    embed_seconds: float
    decide_seconds: float


class AttemptEnded(msgspec.Struct, frozen=True, gc=False):
    """An upstream call is over.

    Attributes:
        number: 1 for the first attempt of a request.
        status: the provider's HTTP status, 0 when there was no answer.
        error: the kind of error, "" when there was none.
        first_byte_seconds, first_content_seconds: from sending, None when it never came.
        cost_usd: at catalog prices, None when unknown.
        fee_usd: the part of it that is of no token (a server's seconds); None where nothing is.
        paid_usd: what of it is paid beyond a subscription: 0 where its window covers it.
        changes: what of the request was changed for the target, as words of a small set
            (`tool_name`, `dropped:top_k`, `schema:const`), each once.
        hedge_delay_seconds: since the attempt that this one races was sent; None where it races none.
        suspect: of `changes` what a refusal most likely is about, by the field that it names; several words
            by commas, "" where nothing was refused or it cannot be told.

    """

    event_id: str
    occurred_at: float
    request_id: str
    traceparent: str
    number: int
    kind: AttemptKind
    target: str
    provider: str
    model: str
    dialect: Dialect
    tenant: str
    outcome: AttemptOutcome
    status: int
    error: str
    sent_at: float
    first_byte_seconds: float | None
    first_content_seconds: float | None
    duration_seconds: float
    usage: Usage | None
    usage_source: UsageSource
    cost_usd: float | None
    response_model: str
    response_id: str
    finish_reason: str
    changes: tuple[str, ...] = ()
    fee_usd: float | None = None
    paid_usd: float | None = None
    hedge_delay_seconds: float | None = None
    suspect: str = ""


class RequestCompleted(msgspec.Struct, frozen=True, gc=False):
    """A request has been answered, failed, rejected or given up: one wide row, the grain of cost.

    Attributes:
        action, reason: "" when the request was rejected before a decision.
        status: what the client got.
        error: the kind of error, "" when there was none.
        served_model, served_provider, target: "" when nobody answered.
        cost_usd: of all attempts; None when a price is unknown.
        fee_usd: the part of it that is of no token (a server's seconds); None where nothing is.
        paid_usd: what of it is paid beyond a subscription: 0 where its window covers it.
        baseline_cost_usd: the same text at the requested (or baseline) model's prices, in tokens of its
            family, with the same cache shares; None when that price is unknown.
        first_content_seconds: from the request's arrival at the ingress.
        degraded: parts that were missing, comma-separated.
        hedges: attempts that raced another.
        hedge_cost_usd: of the attempts that lost, a part of `cost_usd`; None when there was none, or unknown.
        not_hedged: why a silent attempt was not raced; "" where none was considered, or one was.
        passed_over: targets before the one that was asked, or all where none was, and why they were not:
            "anthropic/claude-opus-5-5@env:throttled" (failing, throttled, at_its_limit).
        waited_seconds: for targets that had said when to come back.
        move_usd: what moving from the decided target, which throttled, was expected to cost more over the
            rest of the thread; None where that was not asked, or has no price.
        wait_usd: what the wait for it was worth; it was waited for where this was less and the wait short.

    """

    event_id: str
    occurred_at: float
    request_id: str
    traceparent: str
    identity: Identity
    tags: Tags
    mode: Mode
    dialect: Dialect
    step_kind: StepKind
    action: Action | Literal[""]
    reason: Reason | Literal[""]
    requested_model: str
    baseline_model: str
    proposal: str
    served_model: str
    served_provider: str
    target: str
    outcome: RequestOutcome
    status: int
    error: str
    stream: bool
    attempts: int
    body_bytes: int
    answer_bytes: int
    message_count: int
    tool_count: int
    received_at: float
    route_seconds: float
    first_content_seconds: float | None
    duration_seconds: float
    usage: Usage | None
    usage_source: UsageSource
    cost_usd: float | None
    baseline_cost_usd: float | None
    finish_reason: str
    degraded: tuple[str, ...]
    artifact_digest: str
    fee_usd: float | None = None
    paid_usd: float | None = None
    hedges: int = 0
    hedge_cost_usd: float | None = None
    not_hedged: NotHedged | Literal[""] = ""
    passed_over: tuple[str, ...] = ()
    waited_seconds: float = 0.0
    move_usd: float | None = None
    wait_usd: float | None = None


class ThreadSwitched(msgspec.Struct, frozen=True, gc=False):
    """A thread was served by another target than the time before.

    Attributes:
        warm_tokens_left: prompt tokens that were still warm at the old target.

    """

    event_id: str
    occurred_at: float
    request_id: str
    identity: Identity
    from_target: str
    to_target: str
    reason: str
    step: int
    warm_tokens_left: int
    prompt_tokens_estimate: int


OutcomeKind: TypeAlias = Literal[
    "score",
    "label",
    "tests",
    "merge",
    "revert",
    "human_edits",
    "survival",
    "abandoned",
    "interrupt",
    "repeated_prompt",
]


class OutcomeReported(msgspec.Struct, frozen=True, gc=False):
    """What came of the work. Joined to requests by whichever of the subject fields is set.

    Attributes:
        score: between 0 and 1, of kind `score`.
        label: a word of the reporter's, of kind `label`.
        lines_kept, lines_changed: agent lines still there, and changed by people.
        lines_written: agent lines there were when the work landed.
        after_seconds: from the event that the outcome follows (a commit was written, it landed) to
            the outcome.

    """

    event_id: str
    occurred_at: float
    tenant: str
    request_id: str
    session: str
    repository: str
    branch: str
    commit: str
    kind: OutcomeKind
    score: float | None
    label: str
    tests_passed: int | None
    tests_failed: int | None
    lines_kept: int | None
    lines_changed: int | None
    source: str
    reported_by: str
    lines_written: int | None = None
    after_seconds: float | None = None


class ShadowDecided(msgspec.Struct, frozen=True, gc=False):
    """A second artifact has decided beside the one that served, from the same inputs.

    A choice is the proposal of a decision: where mode or arm serve what was asked for, both targets are
    that, and say nothing of the artifacts.

    Attributes:
        served_cost_now_usd, served_cost_to_go_usd: of the choice of the decision that was served, as the
            shadow's tables expect them; None when a price is unknown or the shadow compared nothing.
        shadow_cost_now_usd, shadow_cost_to_go_usd: the same of the shadow's own choice.
        agrees: whether both choose the same target.

    """

    event_id: str
    occurred_at: float
    request_id: str
    traceparent: str
    tenant: str
    session: str
    served_artifact_digest: str
    served_action: Action
    served_reason: Reason
    served_target: str
    served_model: str
    served_proposal: str
    served_cost_now_usd: float | None
    served_cost_to_go_usd: float | None
    shadow_artifact_digest: str
    shadow_action: Action
    shadow_reason: Reason
    shadow_target: str
    shadow_model: str
    shadow_proposal: str
    shadow_cost_now_usd: float | None
    shadow_cost_to_go_usd: float | None
    agrees: bool


ChangeSource: TypeAlias = Literal["person", "guardrail"]
"""Who changes what a tenant has decided."""


class ModeChanged(msgspec.Struct, frozen=True, gc=False):
    """A tenant's mode is another one: a person set it, or the guardrail took it one step back.

    Attributes:
        from_mode: equals `to_mode` where a person set what had held by default.
        changed_by: the name of the person's router key, "local" without one; "" for the guardrail.
        margin, confidence: as set then; these and what follows are the guardrail's, else None and 0.
        difference: mean outcome of treatment less control; low and high are the ends of its interval.
        treatment_sessions, control_sessions: those with a known outcome.

    """

    event_id: str
    occurred_at: float
    tenant: str
    from_mode: Mode
    to_mode: Mode
    source: ChangeSource
    changed_by: str
    margin: float | None = None
    confidence: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    treatment_sessions: int = 0
    control_sessions: int = 0


class SettingsChanged(msgspec.Struct, frozen=True, gc=False):
    """A tenant has another routing setting of its own, or one more or less.

    Attributes:
        from_value, to_value: as JSON; "" where the process's own holds.
        changed_by: as of a mode.

    """

    event_id: str
    occurred_at: float
    tenant: str
    name: str
    from_value: str
    to_value: str
    source: ChangeSource
    changed_by: str


class KeepWarmReadEnded(msgspec.Struct, frozen=True, gc=False):
    """A read that only keeps a thread's prompt cached while it pauses is over.

    Attributes:
        request_id: the request whose prompt is kept, with its traceparent, tags, mode and models.
        number: 1 for the first read after that request.
        status: the provider's HTTP status, 0 when there was no answer.
        error: the kind of error, "" when there was none.
        prefix_tokens: what was to be found in the cache.
        is_hit: most of it was.
        cost_usd: at catalog prices, None when unknown. Reads are never on a subscription, so it is paid.

    """

    event_id: str
    occurred_at: float
    request_id: str
    traceparent: str
    identity: Identity
    tags: Tags
    mode: Mode
    requested_model: str
    baseline_model: str
    target: str
    provider: str
    model: str
    number: int
    outcome: AttemptOutcome
    status: int
    error: str
    sent_at: float
    duration_seconds: float
    prefix_tokens: int
    is_hit: bool
    usage: Usage | None
    cost_usd: float | None


Fact: TypeAlias = (
    RequestRouted
    | AttemptEnded
    | RequestCompleted
    | ThreadSwitched
    | OutcomeReported
    | ShadowDecided
    | ModeChanged
    | SettingsChanged
    | KeepWarmReadEnded
)
