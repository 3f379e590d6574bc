"""Score candidates: the value of their quality less what the thread will cost there, and wait there.

    score = value * (quality - CAUTION * sd) - cost to go - waits to go

Costs come from policy/cost.py, waits from policy/waiting.py where a second has a price, quality and expectations
from the artifact's tables. A target whose
price is unknown has no score and does not compete, unless the tenant says that such compete by their
quality alone. Every candidate is charged in tokens of its own family, and at what its way of paying
costs at the margin (policy/quota.py). The prompt's estimate is in tokens of the name that the client
wrote, an `Outlook` in those of the model that the name means: `turnout/auto` is of no family.
"""

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from math import inf
from typing import Final, Protocol

import msgspec
from msgspec import structs

from turnout.catalog.catalog import Catalog
from turnout.catalog.models import model_of_target
from turnout.catalog.token_families import family_of, family_share, token_share
from turnout.policy.cost import Horizon, cost_later_usd, cost_now_usd
from turnout.policy.decision import Candidate, DecisionInputs, RoutingSettings
from turnout.policy.evidence import EscalationTable
from turnout.policy.prompt_terms import pauses_to_write_for, prompt_terms
from turnout.policy.quota import list_shares, way_of
from turnout.policy.request import Harness, StepKind, TaskKind
from turnout.policy.targets import Option
from turnout.policy.task_kind import thread_kind
from turnout.policy.thread import ThreadState, WarmPrefix, counting_family
from turnout.policy.waiting import Seconds, by_size, expected_wait

CAUTION: Final = 0.5
"""Standard deviations taken off the mean quality: a model we know little of must be cheaper."""

PRIOR_STEPS: Final = 3.0
"""Steps that the tables count for beside the thread's own: one odd first step says little, and
after ten the thread speaks for itself."""

QUALITIES_KEPT: Final = 4_096
"""Models times task kinds times clusters as far as they come up."""


class Tables(Hashable, Protocol):
    """What the policy asks of an artifact (policy/artifact.py has the real one). Never changes."""

    @property
    def digest(self) -> str: ...

    @property
    def escalation(self) -> EscalationTable: ...

    def quality(
        self, *, model: str, task_kind: TaskKind, cluster: int, output_price: float | None
    ) -> tuple[float, float]:
        """Mean chance of success and its standard deviation."""
        ...

    def remaining_steps(
        self, *, harness: Harness, step_kind: StepKind, steps: int, is_subagent: bool
    ) -> float:
        """Requests expected from here on, this one included."""
        ...

    def growth_tokens(
        self, *, harness: Harness, step_kind: StepKind, is_subagent: bool
    ) -> float: ...

    def output_tokens(
        self, *, harness: Harness, step_kind: StepKind, is_subagent: bool
    ) -> float: ...

    def hit_share(
        self, *, provider: str, lifetime_seconds: float, is_automatic: bool, gap_seconds: float
    ) -> float:
        """Share of the previous prompt that is found again after an idle gap."""
        ...

    def idle_share(
        self, *, harness: Harness, is_subagent: bool, ends_turn: bool | None, seconds: float
    ) -> float:
        """Share of answers after which nothing has come for longer than so many seconds."""
        ...


class Outlook(msgspec.Struct, frozen=True, gc=False):
    """What is expected of the thread whoever serves it, in tokens of the model `counted_for`, the one asked
    for. The tables are of harnesses with the models that they ask for, so their figures are taken for
    such too.

    Attributes:
        most_output_tokens: that the client lets this request write, in tokens of whoever serves it; later
            ones may be let to write more.

    """

    counted_for: str
    steps: float
    growth_tokens: float
    output_tokens: float
    task_kind: TaskKind
    most_output_tokens: float = inf


def pessimistic(quality: float, sd: float) -> float:
    """The quality that a score counts."""
    return quality - CAUTION * sd


def leeway_usd(settings: RoutingSettings) -> float:
    """Worth of one standard deviation of quality, from the pessimism of a score to as much optimism."""
    return 2.0 * CAUTION * settings.value_usd


def outlook(inputs: DecisionInputs, tables: Tables, *, asked: str) -> Outlook:
    """Expectations for the rest of the thread; the longer it is, the more its own history counts. `asked`
    is the model that the client's words mean.

    A compaction is the last request of its prompt: what follows begins with a short one and is
    decided anew.
    """
    features, state, identity = inputs.features, inputs.state, inputs.identity
    kind = features.step_kind
    harness, is_subagent = identity.harness, identity.is_subagent
    steps = tables.remaining_steps(
        harness=harness, step_kind=kind, steps=state.steps, is_subagent=is_subagent
    )
    growth = tables.growth_tokens(harness=harness, step_kind=kind, is_subagent=is_subagent)
    output = tables.output_tokens(harness=harness, step_kind=kind, is_subagent=is_subagent)
    most = features.needs.max_output_tokens
    share = family_share(counted_for=counting_family(state), family=family_of(asked))
    return Outlook(
        counted_for=asked,
        steps=1.0 if kind == "compaction" else max(1.0, steps),
        growth_tokens=_blend(state.growth_tokens * share, growth, state.steps),
        output_tokens=_blend(state.output_tokens * share, output, state.steps),
        task_kind=thread_kind(inputs),
        most_output_tokens=inf if most is None else float(most),
    )


def _blend(own: float, table: float, steps: int) -> float:
    if own <= 0.0 or steps <= 0:
        return table
    return (own * steps + table * PRIOR_STEPS) / (steps + PRIOR_STEPS)


def warm_tokens(
    state: ThreadState, *, head_tokens: int, counted_for: str, now: float
) -> dict[str, float]:
    """Prompt tokens that each target is expected to find in its cache now, as it counts them.

    The thread's own prefix counts where it is warm; else the shared head does, whose size is an
    estimate for the model `counted_for`.
    """
    expected: dict[str, float] = {}
    for prefix in state.heads:
        share = token_share(counted_for=counted_for, model=model_of_target(prefix.target))
        _keep_most(expected, prefix, most=head_tokens * share, now=now)
    for prefix in state.warm:
        _keep_most(expected, prefix, most=prefix.tokens, now=now)
    return expected


def _keep_most(expected: dict[str, float], prefix: WarmPrefix, *, most: float, now: float) -> None:
    if prefix.expires_at > now:
        tokens = min(prefix.tokens * prefix.hit_share, most)
        expected[prefix.target] = max(expected.get(prefix.target, 0.0), tokens)


def candidates(
    options: Sequence[Option],
    *,
    inputs: DecisionInputs,
    view: Outlook,
    catalog: Catalog,
    tables: Tables,
) -> list[Candidate]:
    """Every option with its arithmetic, in the order given."""
    features = inputs.features
    warm = warm_tokens(
        inputs.state,
        head_tokens=features.head_tokens,
        counted_for=features.requested_model,
        now=inputs.now,
    )
    pauses = pauses_to_write_for(inputs, tables)
    shares = list_shares(inputs.state.quotas, now=inputs.now)
    waits = by_size(inputs.latencies) if inputs.settings.second_usd > 0.0 else None
    found: list[Candidate] = []
    before: tuple[object, ...] = ()
    for option in options:
        warm_here = warm.get(option.target, 0.0)
        covered_share = 1.0 - shares.get(way_of(option.target), 1.0) if shares else 0.0
        differing = (option.model.id, option.lacks, warm_here, covered_share)
        if waits is None and differing == before:
            # The same model by another key, of which nothing else is known.
            found.append(structs.replace(found[-1], target=option.target))
            continue
        before = differing
        found.append(
            _candidate(
                option,
                inputs=inputs,
                view=view,
                pauses=pauses,
                warm=warm_here,
                covered_share=covered_share,
                waits=waits,
                catalog=catalog,
                tables=tables,
            )
        )
    return found


@lru_cache(maxsize=QUALITIES_KEPT)
def _quality(
    tables: Tables, model: str, task_kind: TaskKind, cluster: int, output_price: float | None
) -> tuple[float, float]:
    return tables.quality(
        model=model, task_kind=task_kind, cluster=cluster, output_price=output_price
    )


def _candidate(
    option: Option,
    *,
    inputs: DecisionInputs,
    view: Outlook,
    pauses: float | None,
    warm: float,
    covered_share: float,
    waits: Seconds | None,
    catalog: Catalog,
    tables: Tables,
) -> Candidate:
    model, target = option.model, option.target
    served = prompt_terms(
        inputs, model, steps=view.steps, pauses=pauses, catalog=catalog, tables=tables
    )
    if served.cache.kind == "none":
        warm = 0.0
    share = token_share(counted_for=view.counted_for, model=model.id)
    output_tokens = view.output_tokens * share
    now_usd = cost_now_usd(
        served.rates,
        prompt_tokens=option.prompt_tokens,
        warm_tokens=warm,
        output_tokens=min(output_tokens, view.most_output_tokens),
    )
    horizon = Horizon(
        steps=view.steps,
        growth_tokens=view.growth_tokens * share,
        output_tokens=output_tokens,
        stays_warm=served.stays_warm,
    )
    later_usd = cost_later_usd(served.rates, prompt_tokens=option.prompt_tokens, horizon=horizon)
    paid_share = 1.0 - covered_share
    now_usd = None if now_usd is None else now_usd * paid_share
    to_go_usd = None if now_usd is None or later_usd is None else now_usd + later_usd * paid_share
    # What a server costs by the hour says nothing of what its model can do.
    listed = model.prices.output if model.hourly is None else None
    mean, sd = _quality(tables, model.origin, view.task_kind, inputs.text.cluster, listed)
    competes = to_go_usd is not None or inputs.settings.unpriced_compete
    lacks = option.lacks if competes or "price" in option.lacks else (*option.lacks, "price")
    first_content_seconds, latency_usd = None, 0.0
    if waits is not None:
        wait = expected_wait(target, waits, option.prompt_tokens, warm, horizon)
        first_content_seconds = wait.first
        latency_usd = inputs.settings.second_usd * wait.to_go
    score = None
    if not lacks:
        score = score_usd(
            value_usd=inputs.settings.value_usd,
            quality=mean,
            quality_sd=sd,
            cost_usd=(to_go_usd or 0.0) + latency_usd,
        )
    return Candidate(
        target=target,
        model=model.id,
        provider=model.provider,
        lacks=lacks,
        warm_tokens=warm,
        cost_now_usd=now_usd,
        cost_to_go_usd=to_go_usd,
        quality=mean,
        quality_sd=sd,
        score=score,
        covered_share=covered_share,
        first_content_seconds=first_content_seconds,
        latency_usd=latency_usd,
    )


def score_usd(*, value_usd: float, quality: float, quality_sd: float, cost_usd: float) -> float:
    """What is left of the value of the quality when the cost is paid; waits are a part of it."""
    return value_usd * pessimistic(quality, quality_sd) - cost_usd


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Eligible candidates, best first.

    Ties go to the cheaper now, then to the order given: what was asked for and the client's own
    credential come first in it.
    """
    return sorted(
        (one for one in candidates if one.score is not None),
        key=lambda one: (-(one.score or 0.0), one.cost_now_usd or 0.0),
    )


def cheapest_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Eligible candidates by what this request alone costs: quality is no argument here, and nobody waits."""
    return sorted(
        (one for one in candidates if one.score is not None),
        key=lambda one: one.cost_now_usd or 0.0,
    )


def by_target(candidates: Sequence[Candidate]) -> Mapping[str, Candidate]:
    return {one.target: one for one in candidates}
