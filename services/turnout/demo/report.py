"""What ClickHouse says of a run: read over HTTP as anyone would, rendered as plain tables.

Rules of this module: every figure is a row of the product's own tables, restricted to the run by its
ticket tag; an unknown cost is shown as unknown, not as zero; a hedge that did not happen is a 0.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx
import msgspec

from turnout.demo.product import Product
from turnout.demo.sessions import FAULT_SHARE
from turnout.errors import Unavailable

QUERY_SECONDS = 30.0
ARRIVE_SECONDS = 60.0
"""Facts arrive within a second or two; a machine at its limit takes longer."""

POLL_SECONDS = 0.25

BY_MODEL = """
SELECT if(served_model = '', '(not served)', served_model) AS model, count() AS requests,
       toFloat64(sum(r.cost_usd)) AS cost_usd, toFloat64(sum(r.baseline_cost_usd)) AS baseline_usd,
       countIf(outcome = 'answered' AND r.cost_usd IS NULL) AS unpriced,
       toInt64(sum(r.input_total)) AS prompt_tokens_total, toInt64(sum(r.cache_read)) AS read_tokens,
       toInt64(sum(r.output)) AS output_tokens_total
FROM requests AS r WHERE ticket = {ticket:String}
GROUP BY model ORDER BY cost_usd DESC, model
"""

REQUESTED = """
SELECT requested_model AS requested, if(served_model = '', '(not served)', served_model) AS served,
       count() AS requests, toFloat64(sum(r.cost_usd)) AS cost_usd,
       toFloat64(sum(r.baseline_cost_usd)) AS baseline_usd
FROM requests AS r WHERE ticket = {ticket:String}
GROUP BY requested, served ORDER BY requests DESC, requested, served
"""

TOTALS = """
SELECT count() AS requests, uniqExact(session) AS sessions, uniqExact(thread_key) AS threads,
       countIf(outcome = 'answered') AS answered, countIf(outcome = 'cancelled') AS cancelled,
       countIf(outcome IN ('failed', 'rejected')) AS failed,
       countIf(notEmpty(degraded)) AS degraded,
       countIf(served_model NOT IN ('', requested_model)) AS served_by_another,
       groupUniqArray(mode) AS modes,
       quantileExact(0.5)(first_content_seconds) AS first_content_p50,
       quantileExact(0.95)(first_content_seconds) AS first_content_p95
FROM requests WHERE ticket = {ticket:String}
"""

MOVES = """
SELECT
    (SELECT count() FROM thread_switches WHERE request_id IN mine) AS thread_switches,
    (SELECT countIf(kind = 'hedge') FROM attempts WHERE request_id IN mine) AS hedges,
    (SELECT countIf(kind = 'fallback') FROM attempts WHERE request_id IN mine) AS fallbacks,
    (SELECT countIf(kind = 'retry') FROM attempts WHERE request_id IN mine) AS retries
"""


class ByModel(msgspec.Struct, frozen=True):
    model: str
    requests: int
    cost_usd: float | None
    baseline_usd: float | None
    unpriced: int
    prompt_tokens_total: int | None
    read_tokens: int | None
    output_tokens_total: int | None


class Requested(msgspec.Struct, frozen=True):
    requested: str
    served: str
    requests: int
    cost_usd: float | None
    baseline_usd: float | None


class Totals(msgspec.Struct, frozen=True):
    requests: int
    sessions: int
    threads: int
    answered: int
    cancelled: int
    failed: int
    degraded: int
    served_by_another: int
    modes: list[str]
    first_content_p50: float | None
    first_content_p95: float | None


class Moves(msgspec.Struct, frozen=True):
    thread_switches: int
    hedges: int
    fallbacks: int
    retries: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is shown of a run."""

    by_model: tuple[ByModel, ...]
    requested: tuple[Requested, ...]
    totals: Totals
    moves: Moves


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the tables of one run."""

    client: httpx.AsyncClient
    product: Product
    ticket: str

    async def wait_for(self, requests: int) -> int:
        """Wait until that many have arrived or long enough; how many there are."""
        due = time.monotonic() + ARRIVE_SECONDS
        found = await self._arrived()
        while found < requests and time.monotonic() < due:
            await asyncio.sleep(POLL_SECONDS)
            found = await self._arrived()
        return found

    async def _arrived(self) -> int:
        return (await self._rows(TOTALS, Totals))[0].requests

    async def report(self) -> Report:
        mine = "WITH mine AS (SELECT request_id FROM requests WHERE ticket = {ticket:String})"
        return Report(
            by_model=await self._rows(BY_MODEL, ByModel),
            requested=await self._rows(REQUESTED, Requested),
            totals=(await self._rows(TOTALS, Totals))[0],
            moves=(await self._rows(mine + MOVES, Moves))[0],
        )

    async def _rows(self, sql: str, row: type[Row]) -> tuple[Row, ...]:
        try:
            answer = await self.client.post(
                self.product.clickhouse,
                params={
                    "database": self.product.database,
                    "param_ticket": self.ticket,
                    "default_format": "JSONEachRow",
                    "output_format_json_quote_64bit_integers": "0",
                },
                content=sql,
                timeout=QUERY_SECONDS,
            )
        except httpx.TransportError as reason:
            raise Unavailable(
                f"No ClickHouse answers at {self.product.clickhouse}: {reason or 'no connection'}."
            ) from None
        if answer.is_error:
            raise Unavailable(f"ClickHouse said {answer.status_code}: {answer.text[:300]}")
        lines = answer.content.splitlines()
        return tuple(msgspec.json.decode(line, type=row) for line in lines if line)


def rendered(report: Report) -> str:
    """The tables as text."""
    models: list[tuple[str, ...]] = [
        (
            one.model,
            str(one.requests),
            _usd(one.cost_usd),
            _usd(one.baseline_usd),
            _saving(one.cost_usd, one.baseline_usd),
            _share(one.read_tokens, one.prompt_tokens_total),
        )
        for one in report.by_model
    ]
    models.append(_total_row(report))
    requested = [
        (
            *(one.requested, one.served, str(one.requests)),
            *(_usd(one.cost_usd), _usd(one.baseline_usd)),
        )
        for one in report.requested
    ]
    head = ("served by", "requests", "cost USD", "as requested USD", "saved", "cache hits")
    asked = ("asked for", "served by", "requests", "cost USD", "as requested USD")
    return "\n".join(
        (
            "Cost by model",
            table(head, models),
            "",
            "Asked for and served",
            table(asked, requested, texts=2),
            "",
            *_lines(report),
        )
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, texts: int = 1) -> str:
    """Columns as wide as their longest cell; the first `texts` are flush left, numbers right."""
    every = (head, *rows)
    widths = [max(len(row[at]) for row in every) for at in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if at < texts else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in every
    ]
    return "\n".join((lines[0], "  ".join("-" * width for width in widths), *lines[1:]))


def _total_row(report: Report) -> tuple[str, ...]:
    rows = report.by_model
    cost = sum(one.cost_usd or 0.0 for one in rows)
    baseline = sum(one.baseline_usd or 0.0 for one in rows)
    read = sum(one.read_tokens or 0 for one in rows)
    prompt = sum(one.prompt_tokens_total or 0 for one in rows)
    count = str(sum(one.requests for one in rows))
    return (
        *("all", count, _usd(cost), _usd(baseline)),
        *(_saving(cost, baseline), _share(read, prompt)),
    )


def _lines(report: Report) -> tuple[str, ...]:
    totals, moves = report.totals, report.moves
    return (
        f"sessions {totals.sessions}, threads {totals.threads}, requests {totals.requests}: answered"
        f" {totals.answered}, broken off by the user {totals.cancelled}, failed {totals.failed}",
        f"served by another model than asked for: {totals.served_by_another} requests; moves of threads"
        f" from one model to another: {moves.thread_switches}",
        f"hedges {moves.hedges}, retries {moves.retries}, fallbacks {moves.fallbacks} (a call failed, another target"
        f" was asked: {FAULT_SHARE:.0%} of calls are refused as overloaded)",
        f"decided with a part missing: {totals.degraded}; mode {', '.join(totals.modes)}",
        f"first content after {_seconds(totals.first_content_p50)} in the median,"
        f" {_seconds(totals.first_content_p95)} at p95 (the simulated provider's time included)",
    )


def _usd(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _saving(cost: float | None, baseline: float | None) -> str:
    return f"{1 - cost / baseline:.0%}" if cost is not None and baseline else ""


def _share(part: int | None, whole: int | None) -> str:
    return f"{(part or 0) / whole:.0%}" if whole else ""


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value * 1000:.0f} ms"
