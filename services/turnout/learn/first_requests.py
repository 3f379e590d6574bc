"""First requests of recorded threads: all of them, and a few that stand for all in the artifact.

Rules of this module: pure over tables; a thread's kind is that of the first text that somebody typed in it,
where it is known.
"""

from collections.abc import Callable, Sequence
from typing import Final

from turnout.learn.parquet import Table
from turnout.learn.texts import INJECTED
from turnout.learn.traces import HARNESSES, ordered_rows
from turnout.policy.first_requests import FirstRequest
from turnout.policy.request import TaskKind
from turnout.scorer.tokens import cut

KEPT: Final = 128
"""Enough for the dial to be smooth: a rank in each group of harness and part, evenly spaced."""


def read_first_requests(
    calls: Table, turns: Table, kind_of: Callable[[str], TaskKind]
) -> list[FirstRequest]:
    """One a thread. `kind_of` reads a text as it was cut for the embedder."""
    texts = _first_texts(turns)
    repos, sessions, threads = (calls.texts(name) for name in ("repo", "session", "thread"))
    agents, prompts = calls.texts("agent"), calls.numbers("ctx")
    is_subagent = calls.numbers("is_subagent")
    found: dict[tuple[str, str, str], FirstRequest] = {}
    for row in ordered_rows(calls):
        name = (repos[row], sessions[row], threads[row])
        if name in found:
            continue
        text = texts.get(name, "")
        found[name] = FirstRequest(
            harness=HARNESSES.get(agents[row], "unknown"),
            is_subagent=bool(is_subagent[row] > 0),
            prompt_tokens=int(prompts[row]),
            task_kind=kind_of(text) if text else "other",
        )
    return list(found.values())


def typical(requests: Sequence[FirstRequest], *, most: int = KEPT) -> tuple[FirstRequest, ...]:
    """At most so many, evenly spaced over all in the order of harness, part, size and kind."""
    order = sorted(
        requests, key=lambda one: (one.harness, one.is_subagent, one.prompt_tokens, one.task_kind)
    )
    if len(order) <= most:
        return tuple(order)
    return tuple(order[(2 * at + 1) * len(order) // (2 * most)] for at in range(most))


def _first_texts(turns: Table) -> dict[tuple[str, str, str], str]:
    """By thread, what was typed first; what a harness wrote into a turn by itself is nobody's words."""
    names = zip(*(turns.texts(name) for name in ("repo", "session", "thread")), strict=True)
    numbers = turns.numbers("turn").tolist()
    first: dict[tuple[str, str, str], tuple[float, str]] = {}
    for (repo, session, thread), number, prompt in zip(
        names, numbers, turns.texts("prompt"), strict=True
    ):
        name, text = (repo, session, thread), cut(prompt)
        if not text or INJECTED.match(prompt):
            continue
        if name not in first or number < first[name][0]:
            first[name] = (number, text)
    return {name: text for name, (_, text) in first.items()}
