"""A tenant's own requests and outcomes as the tables that training and replays read.

Rules: pure; what facts do not hold (texts, names of tools, arguments) is not in the tables. A session's outcome
is told of the model that served it, and of nobody where two did.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

import msgspec

from turnout.catalog.catalog import Catalog
from turnout.dialects.usage import Usage
from turnout.learn.audit.call import MAIN, Call
from turnout.learn.audit.table import in_threads, to_table
from turnout.learn.outcomes import OWN
from turnout.learn.parquet import Table, table_of
from turnout.learn.traces import HARNESSES
from turnout.policy.request import Harness, TaskKind
from turnout.policy.thread import EPOCH_SHARE

ONE_MODEL: Final = 0.95
"""Share of a session's requests that a model has to have served for the outcome to be its own."""

_AGENTS: Final[Mapping[str, str]] = {harness: agent for agent, harness in HARNESSES.items()}

_A_TOOL: Final = "tool"
"""Which one is not in the facts, only that something was called."""


class OwnRequest(msgspec.Struct, frozen=True, gc=False):
    """One answered request of a thread. Times in unix seconds.

    Attributes:
        calls_tools: whether the word by which the answer ended says so.
        success: of the session, from 0 to 1; None where nothing is known.
    """

    tenant: str
    repository: str
    harness: Harness
    session: str
    thread: str
    is_subagent: bool
    task_kind: TaskKind
    received_at: float
    ended_at: float
    model: str
    usage: Usage
    is_reported: bool
    calls_tools: bool
    finish_reason: str
    step_tool_results: int
    step_tool_errors: int
    kept_share: float
    success: float | None


def own_tables(requests: Sequence[OwnRequest], catalog: Catalog) -> list[Table]:
    """`trace_calls`, and of the sessions of which it is known what came of them `items` and `outcomes`."""
    calls = [call for thread in _threads(requests) for call in _calls(thread)]
    ended = list(_ended(requests))
    return [
        to_table(in_threads(calls), catalog),
        table_of(
            "items",
            {
                "dataset": [one.dataset for one in ended],
                "item_id": [one.item for one in ended],
                "prompt": ["" for _ in ended],
                "category": [one.repository for one in ended],
            },
        ),
        table_of(
            "outcomes",
            {
                "dataset": [one.dataset for one in ended],
                "item_id": [one.item for one in ended],
                "model": [one.model for one in ended],
                "score": [one.score for one in ended],
            },
        ),
    ]


class _Ended(msgspec.Struct, frozen=True, gc=False):
    dataset: str
    item: str
    repository: str
    model: str
    score: float


def _ended(requests: Sequence[OwnRequest]) -> Iterator[_Ended]:
    ordered = sorted(requests, key=lambda one: (_session(one), one.received_at))
    for session, group in groupby(ordered, key=_session):
        members = list(group)
        first = next((one for one in members if not one.is_subagent), members[0])
        model, served = Counter(one.model for one in members).most_common(1)[0]
        if first.success is not None and served >= ONE_MODEL * len(members):
            yield _Ended(
                dataset=f"{OWN}{first.task_kind}",
                item=hashlib.sha256(session.encode(errors="replace")).hexdigest()[:12],
                repository=first.repository,
                model=model,
                score=first.success,
            )


def _threads(requests: Sequence[OwnRequest]) -> Iterator[list[OwnRequest]]:
    def name(one: OwnRequest) -> tuple[str, str]:
        return _session(one), _thread(one)

    for _, group in groupby(sorted(requests, key=lambda one: (*name(one), one.received_at)), name):
        yield list(group)


def _session(one: OwnRequest) -> str:
    return f"{one.tenant}/{one.session}"


def _thread(one: OwnRequest) -> str:
    return one.thread if one.is_subagent else MAIN


def _calls(thread: Sequence[OwnRequest]) -> Iterator[Call]:
    """An answer has called tools where its end says so, or the next request brings results."""
    nothing: tuple[OwnRequest | None] = (None,)
    for one, after in zip(thread, (*thread[1:], *nothing), strict=True):
        brings_results = after is not None and after.step_tool_results > 0
        yield Call(
            agent=_AGENTS.get(one.harness, one.harness),
            repo=one.repository or one.tenant,
            session=_session(one),
            thread=_thread(one),
            begun=one.received_at,
            ended=one.ended_at,
            starts_turn=one.step_tool_results == 0,
            model=one.model,
            usage=one.usage,
            is_whole=one.is_reported,
            tools=(_A_TOOL,) if one.calls_tools or brings_results else (),
            tool_errors=one.step_tool_errors,
            is_compacted=one is not thread[0] and one.kept_share < EPOCH_SHARE,
            stop_reason=one.finish_reason,
        )
