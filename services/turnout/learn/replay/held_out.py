"""A policy that was told nothing of the sessions that it serves.

Rules: sessions are dealt into parts by their names; each part is served by tables that were fitted without it.
What is charged does not depend on it: only the policy's expectations are of other sessions.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from turnout.errors import InvalidRequest
from turnout.learn.hits import fit_hits, read_returns
from turnout.learn.idle_gaps import fit_idle_gaps
from turnout.learn.parquet import Table
from turnout.learn.replay.caches import Target
from turnout.learn.replay.policies import Choice, Policy, View
from turnout.learn.replay.recorded import Step
from turnout.learn.traces import fit_steps, read_calls
from turnout.policy.artifact import Artifact

PARTS: Final = 5


class HeldOut:
    """One policy a part, made by `make` from that part's tables."""

    def __init__(self, make: Callable[[Artifact], Policy], tables: Sequence[Artifact]) -> None:
        self._policies = [make(one) for one in tables]

    @property
    def name(self) -> str:
        return self._policies[0].name

    def choose(self, step: Step, view: View, permitted: Sequence[Target]) -> Choice:
        return self._of(view).choose(step, view, permitted)

    def keep_warm(self, view: View) -> int:
        return self._of(view).keep_warm(view)

    def _of(self, view: View) -> Policy:
        return self._policies[part_of(view.repo, view.session)]


def tables_without_each_part(table: Table, artifact: Artifact) -> list[Artifact]:
    """What the artifact says of traces, fitted again without each part; the rest of it is kept. Raises
    `InvalidRequest` when there is nothing to fit.
    """
    return [_without(table, artifact, part) for part in range(PARTS)]


def part_of(repo: str, session: str) -> int:
    return hashlib.sha256(f"{repo}/{session}".encode()).digest()[0] % PARTS


def _without(table: Table, artifact: Artifact, part: int) -> Artifact:
    calls = read_calls(table, within=lambda repo, session: part_of(repo, session) != part)
    if not calls.harness:
        raise InvalidRequest(
            "--held-out serves sessions by what others tell, and all calls here are of one part of"
            f" {PARTS}: replay more sessions, or without --held-out."
        )
    content = replace(
        artifact.content,
        steps=fit_steps(calls),
        hits=fit_hits(read_returns(calls)),
        idle_gaps=fit_idle_gaps(calls),
    )
    return Artifact(content=content, digest=f"{artifact.digest} without part {part}")
