"""Turnout's own rule in a replay: the recorded request told to the policy that serves live ones.

Rules: where others may serve all of a thread, the decision is `policy.switch.decide`, called with what the
scorer would have; where they may serve single steps of it, what counts is whether a second warm cache
pays (`alternate`), for the share of steps that was theirs so far. Quality is the scenario's premise,
so that what a thread's success is worth stays out of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from turnout.capabilities import Dialect, Needs
from turnout.catalog.catalog import Catalog
from turnout.catalog.token_families import family_of, token_share
from turnout.errors import TurnoutError
from turnout.learn.replay.alternate import Side, alternating_gain_usd
from turnout.learn.replay.caches import Target
from turnout.learn.replay.lifetimes import lifetime_at, reads_after
from turnout.learn.replay.policies import Choice, View
from turnout.learn.replay.recorded import Step
from turnout.policy.ceiling import is_below
from turnout.policy.decision import Access, DecisionInputs, RoutingSettings
from turnout.policy.prompt_terms import survival
from turnout.policy.rank import Tables, outlook
from turnout.policy.request import (
    Features,
    Harness,
    Identity,
    StepKind,
    Tags,
    TaskKind,
    TextSignal,
)
from turnout.policy.switch import decide
from turnout.policy.thread import ThreadState, WarmPrefix

_DIALECTS: Final[Mapping[Harness, Dialect]] = {
    "claude_code": "anthropic_messages",
    "codex": "openai_responses",
    "gemini_cli": "gemini_generate",
}

WHOLE_SHARE: Final = 0.98
"""Of the steps that others may serve: above it they may serve the thread."""

PRIOR_STEPS: Final = 10.0
"""Steps that what threads of its kind have shown counts for beside a thread's own."""

MARGIN: Final = RoutingSettings().switch_margin


class Turnout:
    """The policy by which Turnout serves, its lifetimes and if it may, its keep-warm reads."""

    name = "turnout"

    def __init__(self, catalog: Catalog, tables: Tables, *, keeps_warm: bool) -> None:
        self._catalog = catalog
        self._tables = tables
        self._keeps_warm = keeps_warm
        self._kinds: dict[tuple[bool, TaskKind, str], _Shares] = {}
        self._threads: dict[str, _Shares] = {}

    def choose(self, step: Step, view: View, permitted: Sequence[Target]) -> Choice:
        share = self._free_share(view, step.model, is_free=len(permitted) > 1)
        if len(permitted) > 1 and share < WHOLE_SHARE:
            beside = self._beside(step, view, permitted, share)
            return Choice(beside, lifetime_at(beside, step, view, self._tables))
        by_name = {one.name: one for one in permitted}
        inputs = self._inputs(step, view, permitted)
        try:
            decision = decide(inputs, catalog=self._catalog, tables=self._tables)
        except TurnoutError:
            # The catalog knows of nobody with room for it, and yet it was served.
            return Choice(permitted[0], lifetime_at(permitted[0], step, view, self._tables))
        target = by_name[decision.targets[0]]
        predicted = next(
            one.cost_now_usd for one in decision.candidates if one.target == target.name
        )
        return Choice(target, decision.write_lifetime or step.lifetime, predicted)

    def keep_warm(self, view: View) -> int:
        return reads_after(view, self._tables) if self._keeps_warm else 0

    def _free_share(self, view: View, model: str, *, is_free: bool) -> float:
        """Of the thread's steps, this one included, and of those of its kind that ask for the same model:
        whoever asks for the only candidate has nobody else, whatever the step.
        """
        kind = self._kinds.setdefault((view.is_subagent, view.task_kind, model), _Shares())
        own = self._threads.setdefault(_key(view), _Shares())
        for shares in (kind, own):
            shares.steps += 1
            shares.free += is_free
        return (own.free + PRIOR_STEPS * kind.free / kind.steps) / (own.steps + PRIOR_STEPS)

    def _beside(self, step: Step, view: View, permitted: Sequence[Target], share: float) -> Target:
        """Who gains most by serving the free steps; what was asked for where nobody does."""
        asked = permitted[0]
        thread = outlook(self._inputs(step, view, permitted), self._tables, asked=step.model)
        own = self._side(step, view, asked)
        best, most = asked, 0.0
        for other in permitted[1:]:
            if not is_below(other.prices, asked.prices):
                continue
            gain = alternating_gain_usd(
                own,
                self._side(step, view, other),
                prompt_tokens=step.prompt_tokens,
                growth_tokens=thread.growth_tokens,
                output_tokens=thread.output_tokens,
                steps=thread.steps,
                share=share,
                margin=MARGIN,
            )
            if gain is not None and gain > most:
                best, most = other, gain
        return best

    def _side(self, step: Step, view: View, target: Target) -> Side:
        lifetime = lifetime_at(target, step, view, self._tables)
        return Side(
            prices=target.prices,
            cache=target.cache,
            lifetime=lifetime,
            tokens=token_share(counted_for=step.model, model=target.model),
            warm_tokens=view.warm(step, target),
            stays_warm=survival(
                self._tables,
                target.provider,
                target.lifetime_seconds(lifetime),
                not target.is_explicit,
                view.harness,
                view.is_subagent,
            ),
        )

    def _inputs(self, step: Step, view: View, permitted: Sequence[Target]) -> DecisionInputs:
        providers = dict.fromkeys(one.provider for one in permitted)
        return DecisionInputs(
            identity=_identity(view),
            tags=Tags(),
            features=_features(step, view, permitted[0]),
            state=_state(step, view, permitted),
            text=TextSignal(skipped="no_text"),
            mode="full",
            access=tuple([Access(one, "env") for one in providers]),
            settings=RoutingSettings(
                value_usd=0.0, candidates=tuple([one.model for one in permitted[1:]])
            ),
            degraded=(),
            catalog_digest=self._catalog.digest,
            artifact_digest=self._tables.digest,
            now=step.at,
            draw=0.0,
        )


@dataclass(slots=True)
class _Shares:
    """Steps seen, and those that others might serve."""

    steps: int = 0
    free: int = 0


def _key(view: View) -> str:
    return f"{view.repo}/{view.session}/{view.thread}"


def _identity(view: View) -> Identity:
    return Identity(
        tenant="replay",
        principal=view.repo,
        harness=view.harness,
        session=view.session,
        thread=view.thread,
        thread_key=_key(view),
        is_subagent=view.is_subagent,
        is_explicit=True,
        request_class="subagent" if view.is_subagent else "main",
    )


def _features(step: Step, view: View, asked: Target) -> Features:
    return Features(
        dialect=_DIALECTS.get(view.harness, "openai_chat"),
        requested_model=asked.model,
        step_kind=_step_kind(step, view),
        stream=True,
        body_bytes=0,
        needs=Needs(prompt_tokens_estimate=round(step.prompt_tokens), tools=True),
        message_count=2 * step.number + 1,
        tool_count=1,
        tool_result_count=0,
        step_tool_results=0,
        step_tool_errors=0,
        head_digest="",
        head_tokens=round(step.prompt_tokens),
        last_message_digest="",
        text_digest="",
        asks_one_hour=step.lifetime == "1h",
    )


def _step_kind(step: Step, view: View) -> StepKind:
    if step.starts_turn and not view.is_subagent:
        return "user_input"
    return "tool_continuation" if step.number else "subagent_start"


def _state(step: Step, view: View, permitted: Sequence[Target]) -> ThreadState:
    warm = tuple([_warm(step, view, one) for one in permitted])
    if view.last is None:
        return ThreadState(heads=warm)
    return ThreadState(
        steps=view.steps,
        target=view.last.name,
        last_at=step.at - step.gap_seconds,
        prompt_tokens=round(view.prompt_tokens),
        growth_tokens=view.growth_tokens,
        output_tokens=view.output_tokens,
        kept_share=min(1.0, step.kept_tokens / view.prompt_tokens) if view.prompt_tokens else 1.0,
        warm=warm,
        counted_by=family_of(step.model),
    )


def _warm(step: Step, view: View, target: Target) -> WarmPrefix:
    """What is expected to be found, which a replay knows: a lifetime ends when it ends."""
    tokens = view.warm(step, target)
    return WarmPrefix(target.name, round(tokens), step.at, step.at + 1.0, 1.0, 1.0)
