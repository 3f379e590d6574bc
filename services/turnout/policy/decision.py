"""What the policy answers, with everything needed to argue with it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import msgspec

from turnout.catalog.models import WriteLifetime
from turnout.dialects.answer_end import AnswerEnd
from turnout.policy.request import (
    CredentialSource,
    Features,
    Identity,
    Mode,
    RequestClass,
    Tags,
    TaskKind,
    TextSignal,
)
from turnout.policy.standing import TargetHealth, TargetLatency
from turnout.policy.thread import ThreadState

Action: TypeAlias = Literal["stay", "switch", "pin", "escalate", "passthrough"]

Reason: TypeAlias = Literal[
    "observe_mode",
    "cache_mode",
    "subagents_mode",
    "control_arm",
    "pinned_model",
    "locked_class",
    "honoured_name",
    "auxiliary_request",
    "unpriced_model",
    "warm_incumbent",
    "gain_exceeds_break_even",
    "broke_off",
    "free_window_new_thread",
    "free_window_cold_cache",
    "free_window_compaction",
    "unfit_incumbent",
    "exploration",
    "failing_checks",
    "error_streak",
    "refused_answer",
    "empty_answer",
    "escalated_before",
    "left_alone",
    "only_eligible_target",
    "no_eligible_requested_target",
    "scorer_unavailable",
    "tracker_unavailable",
]
"""Which rule decided; one word per rule of policy/switch.py and of the degrade ladder."""

ChosenLifetime: TypeAlias = Literal["", "5m", "1h"]
"""What a prompt is written for; "" as the client wrote it."""

ANSWERLESS: Final[Mapping[AnswerEnd, Reason]] = MappingProxyType(
    {"refused": "refused_answer", "empty": "empty_answer"}
)
"""Ends of an answer for which a thread goes back to the model that was asked for."""

ESCALATING: Final[frozenset[Reason]] = frozenset(
    {"failing_checks", "error_streak", *ANSWERLESS.values()}
)
"""Evidence for which a thread is given a stronger model."""

LEFT_ALONE: Final[Reason] = "left_alone"
"""There was such evidence, and a draw left the thread where it was, so that the benefit is measured."""

FREE_WINDOWS: Final[frozenset[Reason]] = frozenset(
    {
        *("free_window_new_thread", "free_window_cold_cache", "free_window_compaction"),
        *("exploration", "only_eligible_target", "no_eligible_requested_target"),
        "unfit_incumbent",
    }
)
"""Rules that are asked only where leaving costs nothing, or staying is no choice."""

ENDS_ESCALATION: Final[frozenset[Reason]] = frozenset({*FREE_WINDOWS, "broke_off"})
"""Rules that end what was decided before: a stronger model that broke off, and was left, has the thread no more."""

Degradation: TypeAlias = Literal["scorer", "tracker", "text"]
"""A part that was missing when the decision was made."""


class Access(msgspec.Struct, frozen=True, gc=False):
    """A provider this request may be sent to and where its secret would come from."""

    provider: str
    credential: CredentialSource


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """One target with its arithmetic. Costs in USD; None where a price is unknown.

    Attributes:
        lacks: why it is not eligible; empty when it is.
        warm_tokens: expected cached prompt tokens now (tokens times probability).
        covered_share: the share of the list price that a subscription covers and that is no part of these
            costs (policy/quota.py).
        first_content_seconds: expected of this request; None where a second has no price.
        latency_usd: worth of the waits for first content, of this request and the steps expected to remain.
        cost_now_usd: this request alone.
        cost_to_go_usd: this request and the steps expected to remain.
        quality, quality_sd: chance of success and its uncertainty.
        score: dollars; higher is better; value of quality less cost to go and waits to go.

    """

    target: str
    model: str
    provider: str
    lacks: tuple[str, ...]
    warm_tokens: float
    cost_now_usd: float | None
    cost_to_go_usd: float | None
    quality: float
    quality_sd: float
    score: float | None
    covered_share: float = 0.0
    first_content_seconds: float | None = None
    latency_usd: float = 0.0


NamedModel: TypeAlias = Literal["honour", "ceiling", "baseline"]
"""What it means that a client names a model: that it serves; that nothing dearer serves; or only that
savings are counted against it."""


class Lock(msgspec.Struct, frozen=True, gc=False):
    """A class of requests that one model serves, whatever the arithmetic says.

    Attributes:
        applies_to: a request class or a task kind.
    """

    applies_to: RequestClass | TaskKind
    model: str


class RoutingSettings(msgspec.Struct, frozen=True, gc=False):
    """The tenant's numbers that enter a decision.

    Attributes:
        value_usd: worth of a thread that succeeds instead of failing, in USD. By default about
            twenty minutes of a developer. It has to exceed what threads cost: at $2, below the $4
            that a thread of 65 steps costs at the baseline, no quality is ever worth its price.
        switch_margin: a warm incumbent is left only when the gain over the rest of the thread
            exceeds this share of what the first request at the new target costs.
        candidates: models that may be chosen beside the one asked for; empty means none.
        baseline_model: what `turnout/auto` is compared with, and served by in observe mode.
        named_model: what the name of a model in a request means.
        locks: of several that apply to a request, the one for its request class holds.
        exploration: share of free windows in which a model is tried that may be the best.
        unpriced_compete: models whose price is not known may be chosen too, by their quality alone; what
            they cost stays unknown.
        keep_warm: whether reads are sent that only keep a prompt cached.
        keep_warm_budget_usd: what they may cost on a day.
        second_usd: worth of a second less until first content; 0 where waiting is no argument.

    """

    value_usd: float = 20.0
    switch_margin: float = 0.2
    candidates: tuple[str, ...] = ()
    baseline_model: str = "claude-opus-5-5"
    named_model: NamedModel = "ceiling"
    locks: tuple[Lock, ...] = ()
    exploration: float = 0.0
    unpriced_compete: bool = False
    keep_warm: bool = False
    keep_warm_budget_usd: float = 0.0
    second_usd: float = 0.0


class DecisionInputs(msgspec.Struct, frozen=True, gc=False):
    """Everything a decision depends on; the same inputs give the same decision.

    Attributes:
        now: unix seconds.
        draw: uniform in [0, 1), the only randomness.
        catalog_digest, artifact_digest: which prices and which tables.
        health: of the targets that could be asked, those that are not to be.
        latencies: of the targets that could be asked, as far as there are samples; () where a second has no
            price.

    """

    identity: Identity
    tags: Tags
    features: Features
    state: ThreadState
    text: TextSignal
    mode: Mode
    access: tuple[Access, ...]
    settings: RoutingSettings
    degraded: tuple[Degradation, ...]
    catalog_digest: str
    artifact_digest: str
    now: float
    draw: float
    health: tuple[TargetHealth, ...] = ()
    latencies: tuple[TargetLatency, ...] = ()


class KeepWarm(msgspec.Struct, frozen=True, gc=False):
    """For which pauses after the answer reads shall keep its prompt cached (turnout.policy.keep_warm).

    How many pay is said once the answer has told the prompt's size and whether it ended the turn.

    Attributes:
        lifetime: what the prompt is written for at the first target.
        chances_ended, chances_going_on: for each read in a row, that the next request needs the life
            which it adds; after an answer that ends the turn, and after one that calls tools.
        budget_usd: of the tenant, a day.

    """

    lifetime: WriteLifetime
    chances_ended: tuple[float, ...]
    chances_going_on: tuple[float, ...]
    budget_usd: float


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Which target serves the request, who comes next, and why.

    Attributes:
        targets: ids in the order in which they are tried; the first one serves.
        requested_model: the catalog id of what was asked for, or the client's words if unknown.
        baseline_model: what a saving is counted against.
        proposal: what the policy would choose if the mode let it; equals `targets[0]` in full mode.
        horizon_steps: steps expected to remain, this one included.
        propensity: chance that this target was chosen given the inputs.
        write_lifetime: of every breakpoint, at targets that offer it.
        task_kind: what the thread is taken to be about; the tracker keeps it for the next request.
        keep_warm: None where nothing is kept; it is for the first target.
        second_usd: what a second of waiting is worth to the tenant.
        equivalents: those of `targets` that serve the first one's model under another name, as another
            provider has it.

    """

    action: Action
    reason: Reason
    targets: tuple[str, ...]
    model: str
    provider: str
    requested_model: str
    baseline_model: str
    proposal: str
    horizon_steps: float
    propensity: float
    degraded: tuple[Degradation, ...]
    artifact_digest: str
    catalog_digest: str
    candidates: tuple[Candidate, ...] = ()
    write_lifetime: ChosenLifetime = ""
    task_kind: TaskKind = "other"
    keep_warm: KeepWarm | None = None
    second_usd: float = 0.0
    equivalents: tuple[str, ...] = ()
