"""The named policies that a replay compares, but for Turnout's own.

Rules: a policy sees the request, what the thread has done so far, what is warm where, and which models
this step may be served by; nothing else, and nothing of what comes. Where a policy does not speak of
lifetimes the client's own are kept, and where chance decides it is a function of the seed and of names.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from turnout.catalog.models import WriteLifetime
from turnout.catalog.token_families import token_share
from turnout.learn.replay.caches import HeldPrefix, Target, warm_tokens
from turnout.learn.replay.recorded import Answer, Step
from turnout.policy.request import Harness, TaskKind
from turnout.policy.thread import COLD_SHARE

HARMLESS_KINDS: Final[frozenset[TaskKind]] = frozenset({"explore", "review", "docs"})
"""Tasks whose result is read by a person and changes no program."""

MISS_SHARE: Final = 0.5
"""A request has missed when it finds less than this share of what its prompt kept of the one before."""

RIVAL_STEPS: Final = 3.0
"""The horizon of the closest rival's rule."""

RIVAL_LEAST_USD: Final = 0.001
"""What the gain of the closest rival's rule must exceed."""


class Choice(msgspec.Struct, frozen=True, gc=False):
    """Who serves a request, what its prompt is written for, and what was expected of it.

    Attributes:
        predicted_usd: what the policy expects the request to cost; None where it does not say.
    """

    target: Target
    lifetime: WriteLifetime
    predicted_usd: float | None = None


@dataclass(slots=True)
class View:
    """One thread as a policy may see it.

    Attributes:
        repo, session, thread: names.
        task_kind: of what was typed first in it.
        last: who served the request before; None for the first.
        held: by target's name, what was written there.
        head_tokens: by target's name, what a first request finds of other threads' prompts.
        idle_seconds: since its prefix was last read where the thread was served last.
        growth_tokens, output_tokens: means of the requests so far, as the model asked for counts them.
        ends_turn: the last answer called no tool.
    """

    repo: str
    session: str
    thread: str
    harness: Harness
    is_subagent: bool
    task_kind: TaskKind = "other"
    last: Target | None = None
    held: dict[str, HeldPrefix] = field(default_factory=dict)
    head_tokens: Mapping[str, float] = field(default_factory=dict[str, float])
    idle_seconds: float = 0.0
    prompt_tokens: float = 0.0
    growth_tokens: float = 0.0
    output_tokens: float = 0.0
    steps: int = 0
    ends_turn: bool = False

    def warm(self, step: Step, target: Target) -> float:
        """Tokens of this prompt that the target finds, as it counts them."""
        share = token_share(counted_for=step.model, model=target.model)
        if not step.number:
            return min(self.head_tokens.get(target.name, 0.0), step.prompt_tokens * share)
        held = self.held.get(target.name)
        if held is None:
            return 0.0
        gap = self.idle_seconds if target is self.last else max(0.0, step.at - held.at)
        return warm_tokens(held, target, gap_seconds=gap, kept_tokens=step.kept_tokens * share)

    def on_answer(self, step: Step, answer: Answer, target: Target) -> None:
        if self.steps:
            growth = max(0.0, step.prompt_tokens - self.prompt_tokens)
            self.growth_tokens += (growth - self.growth_tokens) / self.steps
        self.steps += 1
        self.output_tokens += (answer.output_tokens - self.output_tokens) / self.steps
        self.prompt_tokens = step.prompt_tokens
        self.last = target
        self.ends_turn = answer.ends_turn


class Policy(Protocol):
    """How requests are served. `permitted` are the targets that may serve this step, what was asked
    for first.
    """

    @property
    def name(self) -> str: ...

    def choose(self, step: Step, view: View, permitted: Sequence[Target], /) -> Choice: ...

    def keep_warm(self, view: View, /) -> int:
        """After an answer: how many reads shall keep the prefix warm at most until the next request."""
        ...


class AsRequested:
    """Every call by the model asked for, with the client's own lifetimes or with fixed ones."""

    def __init__(
        self,
        name: str,
        *,
        main: WriteLifetime | None = None,
        subagents: WriteLifetime | None = None,
        main_reads: int = 0,
    ) -> None:
        self.name = name
        self._main: WriteLifetime | None = main
        self._subagents: WriteLifetime | None = subagents
        self._main_reads = main_reads

    def choose(self, step: Step, view: View, permitted: Sequence[Target]) -> Choice:
        fixed = self._subagents if view.is_subagent else self._main
        return Choice(permitted[0], fixed or step.lifetime)

    def keep_warm(self, view: View) -> int:
        return 0 if view.is_subagent else self._main_reads


class HourWhenCold:
    """Every call by the model asked for; a main thread's prompt is written for an hour where it was not found.

    `first` is the lifetime of a thread's first prompt. What grows behind an hour's prefix is written for an
    hour too, or with `grows_short` for five minutes. `short_reads` keep a prefix of five minutes warm, one
    read that of an hour.
    """

    def __init__(
        self, name: str, *, first: WriteLifetime, grows_short: bool, short_reads: int
    ) -> None:
        self.name = name
        self._first: WriteLifetime = first
        self._grows_short = grows_short
        self._short_reads = short_reads

    def choose(self, step: Step, view: View, permitted: Sequence[Target]) -> Choice:
        asked = permitted[0]
        if view.is_subagent:
            return Choice(asked, "5m")
        if not step.number:
            return Choice(asked, self._first)
        if view.warm(step, asked) < MISS_SHARE * step.kept_tokens:
            return Choice(asked, "1h")
        held = view.held.get(asked.name)
        goes_on = held is not None and held.lifetime == "1h" and not self._grows_short
        return Choice(asked, "1h" if goes_on else "5m")

    def keep_warm(self, view: View) -> int:
        if view.is_subagent or view.last is None:
            return 0
        return 1 if view.held[view.last.name].lifetime == "1h" else self._short_reads


class ByRule:
    """The target by a rule, with the client's own lifetimes."""

    def __init__(self, name: str, rule: "Rule") -> None:
        self.name = name
        self._rule = rule

    def choose(self, step: Step, view: View, permitted: Sequence[Target]) -> Choice:
        return Choice(self._rule(step, view, permitted), step.lifetime)

    def keep_warm(self, _view: View) -> int:
        return 0


Rule: TypeAlias = Callable[[Step, View, Sequence[Target]], Target]


def cheapest(_step: Step, _view: View, permitted: Sequence[Target]) -> Target:
    """By what a token of input costs, whatever is warm."""
    return min(permitted, key=_input_price)


def subagents_cheap(step: Step, view: View, permitted: Sequence[Target]) -> Target:
    """What Claude Code's settings can do: a fixed model for subagents."""
    return cheapest(step, view, permitted) if view.is_subagent else permitted[0]


def plan_strong(step: Step, view: View, permitted: Sequence[Target]) -> Target:
    """What they can do too: what was asked for plans, and the cheapest does the rest."""
    return permitted[0] if step.is_planning else cheapest(step, view, permitted)


def locked_kind(step: Step, view: View, permitted: Sequence[Target]) -> Target:
    """A fixed model for tasks that change no program."""
    return cheapest(step, view, permitted) if view.task_kind in HARMLESS_KINDS else permitted[0]


def random_rule(seed: int, grain: Literal["call", "turn", "thread"]) -> Rule:
    """One or the other half of the calls, turns or threads by the cheapest."""

    def rule(step: Step, view: View, permitted: Sequence[Target]) -> Target:
        at = {"call": step.number, "turn": step.turn, "thread": 0}[grain]
        return _either(seed, view, at, permitted)

    return rule


def cold_only(seed: int) -> Rule:
    """The same, thrown only where nothing is warm; else whoever served last."""

    def rule(step: Step, view: View, permitted: Sequence[Target]) -> Target:
        if view.last is not None and view.last in permitted and not is_cold(step, view):
            return view.last
        return _either(seed, view, step.number, permitted)

    return rule


def sticky(step: Step, view: View, permitted: Sequence[Target]) -> Target:
    """The cheapest where nothing is warm, and nobody else until nothing is warm again."""
    if view.last is None or is_cold(step, view):
        return cheapest(step, view, permitted)
    return view.last if view.last in permitted else permitted[0]


def rival(step: Step, view: View, permitted: Sequence[Target]) -> Target:
    """The rule of the closest rival, which leaves out output, the write premium and what is warm.

    With m the share of the input price that a cached token costs, it moves a prompt of T tokens from
    where it is pinned when H * (P_pin m_pin - P_new m_new) T - P_new (1 - m_new) T exceeds a tenth of a
    cent, and proposes the cheapest.
    """
    proposed = cheapest(step, view, permitted)
    if view.last is None:
        return proposed
    if view.last not in permitted:
        return permitted[0]
    read_there, read_here = (_read_price(one) for one in (proposed, view.last))
    fresh_there = _input_price(proposed)
    gain = RIVAL_STEPS * (read_here - read_there) - (fresh_there - read_there)
    return proposed if gain * step.prompt_tokens / 1e6 > RIVAL_LEAST_USD else view.last


def is_cold(step: Step, view: View) -> bool:
    """Whether little of the prompt is warm where the thread was served last."""
    if view.last is None:
        return True
    return view.warm(step, view.last) < COLD_SHARE * step.prompt_tokens


def _either(seed: int, view: View, at: int, permitted: Sequence[Target]) -> Target:
    name = f"{seed}/{view.repo}/{view.session}/{view.thread}/{at}"
    is_cheap = hashlib.sha256(name.encode()).digest()[0] < 128
    return min(permitted, key=_input_price) if is_cheap else permitted[0]


def _input_price(target: Target) -> float:
    return target.prices.fresh_input or 0.0


def _read_price(target: Target) -> float:
    read = target.prices.cache_read
    return _input_price(target) if read is None else read
