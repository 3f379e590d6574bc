"""How sessions of coding agents are shaped: tables of numbers, fitted on real traces by `fit`.

Rules of this module: pure but for reading the file that ships beside it; no text of anybody's is in
the tables, only sizes, counts, times and shares; nothing of Turnout is imported.
"""

from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec

AgentKind: TypeAlias = Literal["claude_code", "codex"]
"""Whose traces a shape was fitted on."""

QUANTILES = tuple(number / 20 for number in range(21))
"""Where the tables hold a value: every twentieth, the ends included."""


class Spread(msgspec.Struct, frozen=True, gc=False):
    """A distribution as its values at `QUANTILES`; the ends are the 1st and 99th percentile, so that
    no single session shows.
    """

    count: int
    mean: float
    values: tuple[float, ...]

    def at(self, share: float) -> float:
        """The value below which `share` (0 to 1) of what was measured lies."""
        place = share * (len(self.values) - 1)
        low = min(int(place), len(self.values) - 2)
        return self.values[low] + (self.values[low + 1] - self.values[low]) * (place - low)


class Shape(msgspec.Struct, frozen=True, gc=False):
    """One agent's sessions. Sizes are tokens as the provider counted them.

    Attributes:
        turns: things the user asked for, per session.
        steps: calls of the main loop per turn.
        subagents: threads beside the main one, per session.
        subagent_steps: calls of such a thread.
        first_prompt: prompt of a main thread's first call: system prompt, tools, first question.
        subagent_prompt: the same of a subagent.
        turn_growth: what a prompt grows by when the user speaks.
        step_growth: what it grows by when tool results come in, the last answer included.
        output: tokens of an answer, of calls whose log is complete.
        idle_seconds: from an answer to the user's next words.
        tool_seconds: from an answer to the next call in the same turn.
        tools: tool calls per answer that has any.
        tool_error_share: calls whose newest results hold an error.
        interrupt_share: interrupts by the user per call.
        compaction_share: compactions per call.
        compacted_prompt: prompt after a compaction as a share of the one before.
        tool_names: the tools called most, with their share.

    """

    agent: AgentKind
    sessions: int
    calls: int
    turns: Spread
    steps: Spread
    subagents: Spread
    subagent_steps: Spread
    first_prompt: Spread
    subagent_prompt: Spread
    turn_growth: Spread
    step_growth: Spread
    output: Spread
    idle_seconds: Spread
    tool_seconds: Spread
    tools: Spread
    tool_error_share: float
    interrupt_share: float
    compaction_share: float
    compacted_prompt: Spread
    tool_names: tuple[tuple[str, float], ...]


class Provenance(msgspec.Struct, frozen=True):
    """What the tables were fitted on and how; `sha256` is of each file's bytes."""

    command: str
    fitted_on: str
    sources: tuple[str, ...]
    licenses: tuple[str, ...]
    newest_call: str
    sha256: dict[str, str]
    notes: tuple[str, ...]


class Shapes(msgspec.Struct, frozen=True):
    """The file as a whole."""

    provenance: Provenance
    shapes: dict[AgentKind, Shape]


def parse_shapes(data: bytes) -> Shapes:
    """Raises `msgspec.DecodeError` on anything that is not such a file."""
    return msgspec.json.decode(data, type=Shapes)


def load_shapes() -> Shapes:
    """The tables that ship with Turnout."""
    return parse_shapes(files("turnout.demo").joinpath("shapes.json").read_bytes())
