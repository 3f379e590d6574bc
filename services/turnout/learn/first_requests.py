"""First requests of recorded threads: all of them, and a few that stand for all in the artifact.

Rules of this module: pure over tables; a thread of which nothing typed is known is about something else.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from turnout.learn.parquet import Table
from turnout.learn.thread_kinds import ThreadName
from turnout.learn.traces import HARNESSES, ordered_rows
from turnout.policy.first_requests import FirstRequest
from turnout.policy.request import TaskKind

KEPT: Final = 128
"""Enough for the dial to be smooth: a rank in each group of harness and part, evenly spaced."""


def read_first_requests(calls: Table, kinds: Mapping[ThreadName, TaskKind]) -> list[FirstRequest]:
    """One a thread."""
    repos, sessions, threads = (calls.texts(name) for name in ("repo", "session", "thread"))
    agents, prompts = calls.texts("agent"), calls.numbers("ctx")
    is_subagent = calls.numbers("is_subagent")
    found: dict[ThreadName, FirstRequest] = {}
    for row in ordered_rows(calls):
        name = (repos[row], sessions[row], threads[row])
        if name in found:
            continue
        found[name] = FirstRequest(
            harness=HARNESSES.get(agents[row], "unknown"),
            is_subagent=bool(is_subagent[row] > 0),
            prompt_tokens=int(prompts[row]),
            task_kind=kinds.get(name, "other"),
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
