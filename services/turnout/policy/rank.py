"""Score candidates: the value of their quality less what the thread will cost there.

    score = value * (quality - CAUTION * sd) - cost to go

Costs come from policy/cost.py, quality and expectations from the artifact's tables. A target whose
price is unknown has no score and never competes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from turnout.catalog.catalog import Catalog
from turnout.catalog.models import WriteLifetime
from turnout.policy.cost import Horizon, cost_now_usd, cost_to_go_usd
from turnout.policy.decision import Candidate, RoutingSettings
from turnout.policy.request import Features, Harness, StepKind, TaskKind, TextSignal
from turnout.policy.targets import Option
from turnout.policy.thread import ThreadState, WarmPrefix

CAUTION = 0.5
"""Standard deviations taken off the mean quality: a model we know little of must be cheaper."""

TYPICAL_GAP_SECONDS = 30.0
"""97 % of agent steps follow within five minutes, most of them within one."""


class Tables(Protocol):
    """What the policy asks of an artifact (policy/artifact.py has the real one)."""

    @property
    def digest(self) -> str: ...

    def quality(self, *, model: str, task_kind: TaskKind, cluster: int) -> tuple[float, float]:
        """Mean chance of success and its standard deviation."""
        ...

    def remaining_steps(self, *, harness: Harness, step_kind: StepKind, steps: int) -> float: ...

    def growth_tokens(self, *, harness: Harness, step_kind: StepKind) -> float: ...

    def output_tokens(self, *, harness: Harness, step_kind: StepKind) -> float: ...

    def hit_share(self, *, provider: str, lifetime_seconds: float, gap_seconds: float) -> float: ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of the thread whoever serves it."""

    prompt_tokens: float
    steps: float
    growth_tokens: float
    output_tokens: float


def outlook(features: Features, state: ThreadState, harness: Harness, tables: Tables) -> Outlook:
    """Expectations for the rest of the thread; its own history outweighs the tables."""
    kind = features.step_kind
    return Outlook(
        prompt_tokens=float(features.needs.prompt_tokens_estimate),
        steps=max(1.0, tables.remaining_steps(harness=harness, step_kind=kind, steps=state.steps)),
        growth_tokens=state.growth_tokens or tables.growth_tokens(harness=harness, step_kind=kind),
        output_tokens=state.output_tokens or tables.output_tokens(harness=harness, step_kind=kind),
    )


def warm_tokens(target: str, state: ThreadState, features: Features, *, now: float) -> float:
    """Prompt tokens that `target` is expected to find in its cache now.

    The thread's own prefix counts where it is warm; else the shared head does.
    """
    own = _expected(state.warm, target, now)
    head = min(_expected(state.heads, target, now), float(features.head_tokens))
    return max(own, head)


def _expected(warm: Sequence[WarmPrefix], target: str, now: float) -> float:
    return max(
        (
            prefix.tokens * prefix.hit_share
            for prefix in warm
            if prefix.target == target and prefix.expires_at > now
        ),
        default=0.0,
    )


def candidate(
    option: Option,
    *,
    features: Features,
    state: ThreadState,
    text: TextSignal,
    view: Outlook,
    settings: RoutingSettings,
    catalog: Catalog,
    tables: Tables,
    now: float,
) -> Candidate:
    """One option with its arithmetic."""
    cache = catalog.provider_of(option.model).cache
    warm = warm_tokens(option.target.id, state, features, now=now)
    lifetime: WriteLifetime = "1h" if features.asks_one_hour else "5m"
    shortest = 3600.0 if features.asks_one_hour else float(next(iter(cache.lifetimes_seconds), 0))
    stays_warm = tables.hit_share(
        provider=option.model.provider,
        lifetime_seconds=shortest,
        gap_seconds=TYPICAL_GAP_SECONDS,
    )
    now_usd = cost_now_usd(
        option.model.prices,
        cache,
        prompt_tokens=view.prompt_tokens,
        warm_tokens=warm,
        output_tokens=view.output_tokens,
        lifetime=lifetime,
    )
    to_go_usd = cost_to_go_usd(
        option.model.prices,
        cache,
        prompt_tokens=view.prompt_tokens,
        warm_tokens=warm,
        horizon=Horizon(
            steps=view.steps,
            growth_tokens=view.growth_tokens,
            output_tokens=view.output_tokens,
            stays_warm=stays_warm,
        ),
        lifetime=lifetime,
    )
    mean, sd = tables.quality(model=option.model.id, task_kind=text.task_kind, cluster=text.cluster)
    lacks = option.lacks if to_go_usd is not None else (*option.lacks, "price")
    return Candidate(
        target=option.target.id,
        model=option.model.id,
        provider=option.model.provider,
        lacks=lacks,
        warm_tokens=warm,
        cost_now_usd=now_usd,
        cost_to_go_usd=to_go_usd,
        quality=mean,
        quality_sd=sd,
        score=None
        if lacks or to_go_usd is None
        else settings.value_usd * (mean - CAUTION * sd) - to_go_usd,
    )


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Eligible candidates, best first; ties go to the cheaper now, then by name."""
    return sorted(
        (one for one in candidates if one.score is not None),
        key=lambda one: (-(one.score or 0.0), one.cost_now_usd or 0.0, one.target),
    )


def by_target(candidates: Sequence[Candidate]) -> Mapping[str, Candidate]:
    return {one.target: one for one in candidates}
