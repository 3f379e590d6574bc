"""Which recorded calls a cheaper model may serve at no loss: what a replay assumes of quality.

The tables do not say who else would have succeeded, so this is a premise and is printed with every
figure: with another one the dollars are others. Under all of them what was asked for may serve every call.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from turnout.errors import InvalidRequest
from turnout.learn.replay.policies import HARMLESS_KINDS
from turnout.learn.replay.recorded import Call, Thread

Holds: TypeAlias = Callable[[Thread, Call], bool]

_HOLDS: Final[Mapping[str, Holds]] = {
    "none": lambda _thread, _call: False,
    "subagents": lambda thread, _call: thread.is_subagent,
    "read-only+subagents": lambda thread, call: thread.is_subagent or call.answer.only_reads,
    "kind": lambda thread, _call: thread.task_kind in HARMLESS_KINDS,
    "all": lambda _thread, _call: True,
}

BY_KIND: Final = "kind"
"""The one for which tasks have to be known."""

RANDOM: Final = "random-"
"""Followed by a share of calls, as in `random-0.3`."""

NAMES: Final = (*_HOLDS, f"{RANDOM}SHARE")


def scenario(name: str, models: Sequence[str]) -> Callable[[Thread, Call], Sequence[str]]:
    """The models that may serve a call beside the one asked for. Raises `InvalidRequest`."""
    holds = _HOLDS.get(name) or _random(name)
    nobody: tuple[str, ...] = ()
    return lambda thread, call: models if holds(thread, call) else nobody


def _random(name: str) -> Holds:
    try:
        share = float(name.removeprefix(RANDOM)) if name.startswith(RANDOM) else -1.0
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise InvalidRequest(f"There is no scenario {name}; take one of {', '.join(NAMES)}.")

    def holds(thread: Thread, call: Call) -> bool:
        names = f"{thread.repo}/{thread.session}/{thread.name}/{call.step.index}"
        drawn = int.from_bytes(hashlib.sha256(names.encode()).digest()[:4])
        return drawn < share * 2**32

    return holds
