"""Turnout's own rule in a replay: the recorded request told to the policy that serves live ones.

Rules: the decision is `policy.switch.decide`, called with what the scorer would have; a step that the
scenario leaves to what was asked for has no other candidates; quality is the scenario's premise, so that
what a thread's success is worth stays out of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from turnout.capabilities import Dialect, Needs
from turnout.catalog.catalog import Catalog
from turnout.learn.replay.caches import Target
from turnout.learn.replay.policies import Choice, View
from turnout.learn.replay.recorded import Step
from turnout.policy.decision import Access, DecisionInputs, RoutingSettings
from turnout.policy.rank import Tables
from turnout.policy.request import Features, Harness, Identity, StepKind, Tags, TextSignal
from turnout.policy.switch import decide
from turnout.policy.thread import ThreadState, WarmPrefix

_DIALECTS: Final[Mapping[Harness, Dialect]] = {
    "claude_code": "anthropic_messages",
    "codex": "openai_responses",
    "gemini_cli": "gemini_generate",
}


@dataclass(slots=True)
class Turnout:
    """The policy by which Turnout serves; lifetimes are the client's own."""

    catalog: Catalog
    tables: Tables
    switch_margin: float
    name: str = "turnout"

    def choose(self, step: Step, view: View, permitted: Sequence[Target]) -> Choice:
        by_name = {one.name: one for one in permitted}
        decision = decide(
            self._inputs(step, view, permitted), catalog=self.catalog, tables=self.tables
        )
        target = by_name[decision.targets[0]]
        predicted = next(
            one.cost_now_usd for one in decision.candidates if one.target == target.name
        )
        return Choice(target, step.lifetime, predicted)

    def keep_warm(self, _view: View) -> int:
        return 0

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
                value_usd=0.0,
                switch_margin=self.switch_margin,
                candidates=tuple([one.model for one in permitted[1:]]),
            ),
            degraded=(),
            catalog_digest=self.catalog.digest,
            artifact_digest=self.tables.digest,
            now=step.at,
            draw=0.0,
        )


def _identity(view: View) -> Identity:
    return Identity(
        tenant="replay",
        principal=view.repo,
        harness=view.harness,
        session=view.session,
        thread=view.thread,
        thread_key=f"{view.repo}/{view.session}/{view.thread}",
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
        growth_tokens=view.growth_tokens * view.counted_as,
        output_tokens=view.output_tokens * view.counted_as,
        kept_share=min(1.0, step.kept_tokens / view.prompt_tokens) if view.prompt_tokens else 1.0,
        warm=warm,
    )


def _warm(step: Step, view: View, target: Target) -> WarmPrefix:
    """What is expected to be found, which a replay knows: a lifetime ends when it ends."""
    tokens = view.warm(step, target)
    return WarmPrefix(target.name, round(tokens), step.at, step.at + 1.0, 1.0, 1.0)
