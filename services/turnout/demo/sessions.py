"""Sessions drawn from the shape tables: what an agent sends, when, and how long the answers are.

Rules of this module: pure; the same seed draws the same sessions, whatever else is drawn. Sizes are
tokens, times are those of the traces; who plays a session decides how fast the clock runs.
"""

from random import Random
from typing import Literal, TypeAlias

import msgspec

from turnout.demo.shapes import AgentKind, Shape, Shapes, Spread

StepKind: TypeAlias = Literal["title", "user", "tools", "compaction"]
"""What a request carries that the one before did not."""

Dialect: TypeAlias = Literal["anthropic_messages", "openai_chat"]

AGENT_OF: dict[Dialect, AgentKind] = {"anthropic_messages": "claude_code", "openai_chat": "codex"}
"""Whose sessions are played in which wire format. Codex itself speaks another one, but its traces are
the only ones of an agent on OpenAI's models."""

MODELS: dict[Dialect, tuple[str, ...]] = {
    "anthropic_messages": (
        *("claude-opus-5-5", "claude-opus-5-5", "claude-opus-5-5"),
        *("claude-sonnet-5-5", "turnout/auto"),
    ),
    "openai_chat": ("gpt-5.5", "gpt-5.5", "gpt-5.5", "gpt-5.5", "turnout/auto"),
}
"""Asked for in equal shares: four of five sessions name a model, as agents do by default."""

FAULT_SHARE = 0.01
"""Requests whose first upstream call is refused as overloaded. A choice, not a measurement: the
traces hold no provider errors."""

TITLE_TOKENS = 12
SUMMARY_STEP_TOKENS = 60
"""A title is a handful of words; the order to summarise is a paragraph of the agent's own."""

CONTEXT_TOKENS = 170_000
"""No prompt grows far beyond this: agents summarise before a window of 200,000 tokens is full."""

SMALLEST_TOKENS = 8
"""Nothing that is added to a prompt is shorter than a few words."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """One request and its answer.

    Attributes:
        pause_seconds: from the answer before to this request.
        new_tokens: what the user or the tools add to the prompt.
        output_tokens: length of the answer.
        calls: tools that the answer calls; the next step carries their results.
        has_tool_error: whether the results that this step carries hold an error.
        is_interrupted: the user breaks the answer off.
        is_faulted: the provider refuses the first upstream call as overloaded.
        spawns: subagents (places in `Session.subagents`) that work before the next step.

    """

    kind: StepKind
    pause_seconds: float
    new_tokens: int
    output_tokens: int
    calls: tuple[str, ...] = ()
    has_tool_error: bool = False
    is_interrupted: bool = False
    is_faulted: bool = False
    spawns: tuple[int, ...] = ()


class Thread(msgspec.Struct, frozen=True, gc=False):
    """One growing prompt. `head_tokens` are system prompt and tools, the same in every session."""

    head_tokens: int
    steps: tuple[Step, ...]


class Session(msgspec.Struct, frozen=True, gc=False):
    """One run of an agent. `number` keeps sessions of one draw apart."""

    number: int
    dialect: Dialect
    model: str
    main: Thread
    subagents: tuple[Thread, ...]
    compacted_share: float
    is_cut: bool

    @property
    def requests(self) -> int:
        return len(self.main.steps) + sum(len(thread.steps) for thread in self.subagents)


def draw_sessions(shapes: Shapes, *, count: int, seed: int, longest: int) -> tuple[Session, ...]:
    """`count` sessions, both dialects in turn; none sends more than about `longest` requests in its
    main thread.
    """
    dialects: tuple[Dialect, ...] = ("anthropic_messages", "openai_chat")
    return tuple(
        draw_session(
            shapes, number=number, dialect=dialects[number % 2], seed=seed, longest=longest
        )
        for number in range(count)
    )


def draw_session(
    shapes: Shapes, *, number: int, dialect: Dialect, seed: int, longest: int
) -> Session:
    """One session; the same number and seed give the same one."""
    # A text seeds by its bytes, so neighbouring numbers share nothing.
    chance = Random(f"{seed}/{number}/{dialect}")  # noqa: S311  (nothing is guarded by it)
    shape = shapes.shapes[AGENT_OF[dialect]]
    threads = tuple(
        _subagent(shape, chance, longest) for _ in range(_count(shape.subagents, chance, low=0))
    )
    compacted_share = shape.compacted_prompt.at(chance.random())
    steps, is_cut = _main_steps(shape, chance, longest, compacted_share)
    return Session(
        number=number,
        dialect=dialect,
        model=chance.choice(MODELS[dialect]),
        main=Thread(head_tokens=head_tokens(shape), steps=_spawning(steps, len(threads), chance)),
        subagents=threads,
        compacted_share=compacted_share,
        is_cut=is_cut,
    )


def head_tokens(shape: Shape) -> int:
    """What all first prompts have in common is at most as long as the shortest of them."""
    return int(shape.first_prompt.values[0])


def _main_steps(
    shape: Shape, chance: Random, longest: int, compacted_share: float
) -> tuple[list[Step], bool]:
    held = head_tokens(shape)
    first = max(SMALLEST_TOKENS, _count(shape.first_prompt, chance) - head_tokens(shape))
    steps = [
        Step(
            kind="title",
            pause_seconds=0.0,
            new_tokens=min(first, SUMMARY_STEP_TOKENS),
            output_tokens=TITLE_TOKENS,
        )
    ]
    for turn in range(_count(shape.turns, chance)):
        told = first if turn == 0 else _count(shape.turn_growth, chance, low=SMALLEST_TOKENS)
        pause = 0.0 if turn == 0 else shape.idle_seconds.at(chance.random())
        length = _count(shape.steps, chance)
        for step in _turn(shape, chance, told=told, pause=pause, length=length, held=held):
            steps.append(step)
            if step.kind == "compaction":
                held = int(held * compacted_share)
            else:
                held += step.new_tokens + step.output_tokens
        if len(steps) > longest:
            return _ended(steps[:longest]), True
    return steps, False


def _turn(
    shape: Shape, chance: Random, *, told: int, pause: float, length: int, held: int
) -> list[Step]:
    """From the user's words to the answer that calls no tool, to an interrupt, or to a compaction.
    `held` is the prompt before it.
    """
    steps: list[Step] = []
    for number in range(length):
        output = _count(shape.output, chance, low=SMALLEST_TOKENS)
        if number:
            grown = _count(shape.step_growth, chance)
            told = max(SMALLEST_TOKENS, grown - steps[-1].output_tokens)
            pause = shape.tool_seconds.at(chance.random())
        calls = _calls(shape, chance) if number + 1 < length else ()
        step = Step(
            kind="tools" if number else "user",
            pause_seconds=pause,
            new_tokens=told,
            output_tokens=output,
            calls=calls,
            has_tool_error=number > 0 and chance.random() < shape.tool_error_share,
            is_interrupted=chance.random() < shape.interrupt_share,
            is_faulted=chance.random() < FAULT_SHARE,
        )
        if step.is_interrupted:
            return [*steps, msgspec.structs.replace(step, calls=())]
        steps.append(step)
        held += told + output
        if chance.random() < shape.compaction_share or held > CONTEXT_TOKENS:
            steps.append(_compaction(shape, chance))
            return [*steps[:-2], msgspec.structs.replace(steps[-2], calls=()), steps[-1]]
    return steps


def _compaction(shape: Shape, chance: Random) -> Step:
    return Step(
        kind="compaction",
        pause_seconds=shape.tool_seconds.at(chance.random()),
        new_tokens=SUMMARY_STEP_TOKENS,
        output_tokens=int(shape.output.values[-1]),
    )


def _subagent(shape: Shape, chance: Random, longest: int) -> Thread:
    first = _count(shape.subagent_prompt, chance)
    head = int(shape.subagent_prompt.values[0])
    length = min(longest, _count(shape.subagent_steps, chance))
    told = max(SMALLEST_TOKENS, first - head)
    steps = [
        step
        for step in _turn(shape, chance, told=told, pause=0.0, length=length, held=head)
        if step.kind != "compaction"
    ]
    return Thread(head_tokens=head, steps=tuple(_ended(steps)))


def _ended(steps: list[Step]) -> list[Step]:
    """A thread ends with an answer that calls nothing."""
    return [*steps[:-1], msgspec.structs.replace(steps[-1], calls=())]


def _spawning(steps: list[Step], subagents: int, chance: Random) -> tuple[Step, ...]:
    """Subagents start where a tool is called, several at once now and then."""
    places = [at for at, step in enumerate(steps) if step.calls] or [len(steps) - 1]
    spawned: dict[int, tuple[int, ...]] = {}
    for number in range(subagents):
        place = chance.choice(places)
        spawned[place] = (*spawned.get(place, ()), number)
    return tuple(
        msgspec.structs.replace(step, spawns=spawned[at]) if at in spawned else step
        for at, step in enumerate(steps)
    )


def _calls(shape: Shape, chance: Random) -> tuple[str, ...]:
    names = [name for name, _ in shape.tool_names]
    shares = [share for _, share in shape.tool_names]
    return tuple(chance.choices(names, shares, k=_count(shape.tools, chance)))


def _count(spread: Spread, chance: Random, *, low: int = 1) -> int:
    return max(low, round(spread.at(chance.random())))
