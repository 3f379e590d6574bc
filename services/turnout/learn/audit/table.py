"""Calls as a table of traces, in the columns that `turnout replay` reads.

Rules: sessions and threads are told by hashes; a session's repository is that of its first call, because
an agent may go elsewhere on its way; an idle time that a clock has put below nothing is none.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

from turnout.catalog.catalog import Catalog
from turnout.catalog.cost import cost_usd
from turnout.catalog.models import Model
from turnout.learn.audit.call import Call
from turnout.learn.parquet import Table, table_of

NAME: Final = "trace_calls"

HASH_CHARS: Final = 12

Thread: TypeAlias = tuple[str, str, str]


def in_threads(calls: Sequence[Call]) -> Mapping[Thread, Sequence[Call]]:
    """By repository, session and thread; each in the order of the calls."""
    repos: dict[tuple[str, str], tuple[float, str]] = {}
    for call in calls:
        first = call.begun, call.repo
        session = call.agent, call.session
        repos[session] = min(repos.get(session, first), first)
    threads: dict[Thread, list[Call]] = defaultdict(list)
    for call in calls:
        threads[repos[call.agent, call.session][1], call.session, call.thread].append(call)
    return threads


def to_table(threads: Mapping[Thread, Sequence[Call]], catalog: Catalog) -> Table:
    """A row a call, thread by thread."""
    columns: dict[str, list[object]] = {name: [] for name in (*COLUMNS, *_PLACE)}
    asked = {call.model for own in threads.values() for call in own}
    models = {name: catalog.resolve(name) for name in asked}
    for (repo, session, thread), own in threads.items():
        names = (repo, _hashed(session), _hashed(thread))
        turn, step, before = -1, 0, None
        for index, call in enumerate(own):
            if call.starts_turn or before is None:
                turn, step = turn + 1, 0
            for name, value in zip(COLUMNS, _row(call, before, models[call.model]), strict=True):
                columns[name].append(value)
            for name, value in zip(_PLACE, (*names, turn, step, index), strict=True):
                columns[name].append(value)
            step, before = step + 1, call
    return table_of(NAME, columns)


_PLACE: Final = ("repo", "session", "thread", "turn", "step_in_turn", "idx")

COLUMNS: Final = (
    *("agent", "client_version", "is_subagent", "ts", "ts_end", "gap_s", "model"),
    *("input_tokens", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h"),
    *("output_tokens", "reasoning_tokens", "ctx"),
    *("out_text_chars", "out_think_chars", "out_tool_chars", "tools", "prev_tools"),
    *("prev_tool_errors", "new_input_chars", "compacted", "has_image", "stop_reason"),
    *("service_tier", "usage_complete", "cost_list_usd", "cost_reported"),
)


def _row(call: Call, before: Call | None, model: Model | None) -> tuple[object, ...]:
    usage = call.usage
    return (
        *(call.agent, call.client_version, call.is_subagent, _time(call.begun), _time(call.ended)),
        *(None if before is None else max(0.0, call.begun - before.ended), call.model),
        *(float(usage.fresh_input), float(usage.cache_read), float(usage.cache_write)),
        *(float(usage.cache_write_5m), float(usage.cache_write_1h), float(usage.output)),
        *(float(usage.reasoning), float(usage.input_total), call.text_chars, call.thinking_chars),
        *(call.tool_chars, "|".join(call.tools)),
        "" if before is None or call.starts_turn else "|".join(before.tools),
        *(call.tool_errors, call.input_chars, int(call.is_compacted), int(call.has_image)),
        *(call.stop_reason, call.tier, call.is_whole),
        None if model is None else cost_usd(usage, model.prices),
        call.usd_reported,
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _hashed(name: str) -> str:
    return hashlib.sha256(name.encode(errors="replace")).hexdigest()[:HASH_CHARS]
