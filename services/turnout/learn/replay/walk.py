"""Walks recorded threads under one policy, in the order in which their requests came, and charges every call.

Rules: what is charged depends on what was really warm, never on what the policy believed; the reads that
keep a prefix warm are paid when they are sent, and after the last answer too, when nobody comes back;
the head that threads of one kind share (system and tools) is warm where one of them was served within
the lifetime, and where the record says that the model asked for had it.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

import msgspec
from msgspec import structs

from turnout.catalog.models import WriteLifetime
from turnout.catalog.token_families import token_share
from turnout.learn.replay.caches import (
    LIFETIME_SECONDS,
    Charged,
    HeldPrefix,
    Target,
    charge,
    keep_warm_period,
    use,
)
from turnout.learn.replay.policies import Policy, View
from turnout.learn.replay.recorded import Call, Recorded, Step, Thread
from turnout.policy.lifetime import keep_warm_usd

Permitted: TypeAlias = Callable[[Thread, Call], Sequence[str]]
"""The models that may serve a call beside the one asked for; what the scenario says."""


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call under one policy.

    Attributes:
        keep_warm_reads, keep_warm_usd: before the call; of the last call of a thread also those after it.
        kept_tokens: of the thread's prompt before, that this one begins with; in the target's tokens.
        head_tokens: by target, what the thread's first request finds.
        able: the targets that the scenario let serve it.
        is_switch: another target than the request before.
    """

    thread: int
    number: int
    target: str
    model: str
    lifetime: WriteLifetime
    charged: Charged
    predicted_usd: float | None
    keep_warm_reads: int
    keep_warm_usd: float
    kept_tokens: float
    head_tokens: Mapping[str, float]
    able: tuple[str, ...]
    is_switch: bool

    @property
    def usd(self) -> float:
        return self.charged.usd + self.keep_warm_usd


class Walk:
    """Recorded threads and the targets that may serve them.

    `targets` are by model, those that are asked for among them; `verbosity` is what another model than
    the one asked for writes for each of its output tokens.
    """

    def __init__(
        self,
        recorded: Recorded,
        targets: Mapping[str, Target],
        permitted: Permitted,
        *,
        verbosity: float = 1.0,
    ) -> None:
        self._recorded = recorded
        self._targets = targets
        self._permitted = permitted
        self._verbosity = verbosity
        self._order = _in_order(recorded.threads)

    def run(self, policy: Policy) -> list[list[Row]]:
        """A list of rows a thread."""
        heads = _Heads()
        walks = [_ThreadWalk(one, self._verbosity) for one in self._recorded.threads]
        for call in self._order:
            thread = self._recorded.threads[call.step.thread]
            walk = walks[call.step.thread]
            able = self._able(thread, call)
            if not call.step.number:
                walk.view.head_tokens = heads.found(thread, call.step, able)
            walk.serve(call, policy, able)
            heads.on_served(thread, call, walk)
        return [walk.closed() for walk in walks]

    def again(self, rows: Sequence[Row], policy: Policy) -> list[Row]:
        """One thread under another policy, its first request finding what it found."""
        thread = self._recorded.threads[rows[0].thread]
        walk = _ThreadWalk(thread, self._verbosity)
        walk.view.head_tokens = rows[0].head_tokens
        for call in thread.calls:
            walk.serve(call, policy, self._able(thread, call))
        return walk.closed()

    def _able(self, thread: Thread, call: Call) -> list[Target]:
        asked, prompt = call.step.model, call.step.prompt_tokens
        found = [self._targets[asked]]
        for name in self._permitted(thread, call):
            target = self._targets[name]
            most = target.context_tokens
            if name != asked and (
                most is None or prompt * token_share(counted_for=asked, model=name) <= most
            ):
                found.append(target)
        return found


def _in_order(threads: Sequence[Thread]) -> list[Call]:
    """By time, and each thread in its own order, also where its clock was put back."""
    times = [
        time for one in threads for time in accumulate((call.step.at for call in one.calls), max)
    ]
    calls = [call for thread in threads for call in thread.calls]
    order = sorted(
        zip(times, calls, strict=True),
        key=lambda one: (one[0], one[1].step.thread, one[1].step.number),
    )
    return [call for _time, call in order]


class _ThreadWalk:
    """One thread on its way."""

    def __init__(self, thread: Thread, verbosity: float) -> None:
        self.view = View(
            repo=thread.repo,
            session=thread.session,
            thread=thread.name,
            harness=thread.harness,
            is_subagent=thread.is_subagent,
            task_kind=thread.task_kind,
        )
        self._verbosity = verbosity
        self._rows: list[Row] = []
        self._planned_reads = 0

    def serve(self, call: Call, policy: Policy, able: Sequence[Target]) -> None:
        step, answer, view = call.step, call.answer, self.view
        reads, reads_usd = self._keep_warm(step)
        choice = policy.choose(step, view, able)
        target = choice.target
        assert target in able, f"{policy.name} chose {target.name}, which may not serve"
        share = token_share(counted_for=step.model, model=target.model)
        prompt, warm = step.prompt_tokens * share, view.warm(step, target)
        wordiness = 1.0 if target.model == step.model else self._verbosity
        charged = charge(
            target,
            prompt_tokens=prompt,
            warm=warm,
            output_tokens=answer.output_tokens * share * wordiness,
            lifetime=choice.lifetime,
        )
        held = view.held.setdefault(target.name, HeldPrefix())
        use(held, target, prompt_tokens=prompt, warm=warm, lifetime=choice.lifetime, at=answer.at)
        self._rows.append(
            Row(
                thread=step.thread,
                number=step.number,
                target=target.name,
                model=target.model,
                lifetime=choice.lifetime,
                charged=charged,
                predicted_usd=choice.predicted_usd,
                keep_warm_reads=reads,
                keep_warm_usd=reads_usd,
                kept_tokens=step.kept_tokens * share,
                head_tokens=view.head_tokens,
                able=tuple([one.name for one in able]),
                is_switch=view.last is not None and view.last is not target,
            )
        )
        view.on_answer(step, answer, target)
        self._planned_reads = policy.keep_warm(view) if target.is_explicit else 0

    def closed(self) -> list[Row]:
        """All rows; the last has what was paid after it."""
        if self._planned_reads and self._rows:
            last, view = self._rows[-1], self.view
            assert view.last is not None
            held = view.held[view.last.name]
            usd = keep_warm_usd(view.last.prices, prefix_tokens=held.tokens)
            self._rows[-1] = structs.replace(
                last,
                keep_warm_reads=last.keep_warm_reads + self._planned_reads,
                keep_warm_usd=last.keep_warm_usd + self._planned_reads * usd,
            )
            self._planned_reads = 0
        return self._rows

    def _keep_warm(self, step: Step) -> tuple[int, float]:
        """The reads since the last answer, and what they have cost."""
        view = self.view
        view.idle_seconds = step.gap_seconds
        if not self._planned_reads or view.last is None:
            return 0, 0.0
        held = view.held[view.last.name]
        period = keep_warm_period(held)
        reads = min(self._planned_reads, int(step.gap_seconds // period))
        view.idle_seconds -= reads * period
        return reads, reads * keep_warm_usd(view.last.prices, prefix_tokens=held.tokens)


class _Heads:
    """What threads of one kind share, by target."""

    def __init__(self) -> None:
        self._sizes: dict[_Kind, float] = {}
        self._used: dict[tuple[_Kind, str], tuple[float, float]] = {}

    def found(self, thread: Thread, step: Step, able: Sequence[Target]) -> dict[str, float]:
        """What the first request of a thread finds, in tokens of each target."""
        kind = _kind(thread)
        if step.head_tokens:
            self._sizes[kind] = step.head_tokens
        size = min(self._sizes.get(kind, 0.0), step.prompt_tokens)
        found: dict[str, float] = {}
        for target in able:
            at, lifetime = self._used.get((kind, target.name), (0.0, 0.0))
            gap = max(0.0, step.at - at)
            share = float(gap <= lifetime) if target.is_explicit else target.share(gap)
            tokens = size * share if at else 0.0
            if target.model == step.model:
                tokens = max(tokens, step.head_tokens)
            found[target.name] = tokens * token_share(counted_for=step.model, model=target.model)
        return found

    def on_served(self, thread: Thread, call: Call, walk: _ThreadWalk) -> None:
        target = walk.view.last
        assert target is not None
        seconds = LIFETIME_SECONDS[walk.view.held[target.name].lifetime]
        self._used[_kind(thread), target.name] = (call.answer.at, seconds)


_Kind: TypeAlias = tuple[str, str, bool]


def _kind(thread: Thread) -> _Kind:
    return thread.repo, thread.harness, thread.is_subagent
