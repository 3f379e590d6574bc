"""The report of an audit: what was found, the bill, and what policies would have cost. Pure.

Rules: what was not read, what has no price and what was estimated stands beside the figures that lack it
or rest on it; names that come from transcripts are printed without what a terminal would obey.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from turnout.learn.audit.bill import Charged, Sum, added, grouped
from turnout.learn.audit.transcripts import Gathered
from turnout.learn.columns import in_columns
from turnout.learn.replay import command as replay

NAME_CHARS: Final = 48
"""Of a printed name; longer ones are cut."""

SUM_HEADS: Final = ("calls", "sessions", "dollars", "estimated", "without price")


@dataclass(frozen=True, slots=True)
class Read:
    """Of one agent."""

    agent: str
    transcripts: int
    calls: int
    copies: int
    unread: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Week:
    """One repository in the week that begins on a Monday."""

    repo: str
    week: str
    sum: Sum


@dataclass(frozen=True, slots=True)
class Asked:
    """What one model was asked."""

    agent: str
    model: str
    sum: Sum


@dataclass(frozen=True, slots=True)
class Audit:
    """All of it; dollars at list prices.

    Attributes:
        begun, ended: days of the first and the last call, in UTC.
        assumed: the policies that let another model serve than was asked for.
        replayed: None where no thread can be replayed.
        left_out: calls that no policy is charged for, by reason.
    """

    read: Sequence[Read]
    unread: Mapping[str, int]
    begun: str
    ended: str
    bill: Sum
    weeks: Sequence[Week]
    models: Sequence[Asked]
    replayed: replay.Replayed | None
    left_out: Mapping[str, int]
    assumed: Sequence[str]


def audited(
    gathered: Gathered,
    charged: Sequence[Charged],
    replayed: replay.Replayed | None,
    left_out: Mapping[str, int],
    assumed: Sequence[str],
) -> Audit:
    days = [_day(one.call.begun) for one in charged]
    return Audit(
        read=[
            Read(agent, one.transcripts, one.calls, one.copies, dict(one.unread))
            for agent, one in sorted(gathered.found.items())
        ],
        unread=dict(gathered.unread),
        begun=min(days),
        ended=max(days),
        bill=added(charged),
        weeks=[
            Week(repo, week, sum_)
            for (repo, week), sum_ in grouped(charged, lambda one: (one.repo, one.week))
        ],
        models=[
            Asked(agent, model, sum_)
            for (agent, model), sum_ in grouped(
                charged, lambda one: (one.call.agent, one.call.model)
            )
        ],
        replayed=replayed,
        left_out=left_out,
        assumed=assumed,
    )


def lines(audit: Audit) -> Iterator[str]:
    yield from found_lines(audit.read, audit.unread)
    yield ""
    yield from _bill_lines(audit)
    yield ""
    yield from in_columns(
        ("repository", "week of", *SUM_HEADS),
        [(printable(one.repo), one.week, *_cells(one.sum)) for one in audit.weeks],
    )
    yield ""
    yield from in_columns(
        ("agent", "model", *SUM_HEADS),
        [(one.agent, printable(one.model), *_cells(one.sum)) for one in audit.models],
    )
    yield ""
    yield "What policies would have cost on these sessions. All of them, and what was requested too,"
    yield "are charged by a simulated cache; the bill above is of what real ones held."
    yield ""
    if audit.replayed is None:
        yield f"No thread can be replayed; left out: {replay.counted(audit.left_out)}."
        return
    yield from replay.lines(audit.replayed)
    if audit.assumed:
        yield (
            f"Of these, {', '.join(audit.assumed)} let other models serve. That those do as well is"
            f" assumed, by the scenario {audit.replayed.scenario}, and was not measured on this work."
        )


def found_lines(read: Sequence[Read], unread: Mapping[str, int]) -> Iterator[str]:
    for one in read:
        yield (
            f"{one.agent}: {one.calls - one.copies:,} calls in {one.transcripts:,} transcripts"
            f" ({one.copies:,} copies left out)."
        )
        if one.unread:
            yield f"  Not read: {replay.counted(one.unread)}."
    if unread:
        yield f"Not read: {replay.counted(unread)}."


def _bill_lines(audit: Audit) -> Iterator[str]:
    bill = audit.bill
    yield (
        f"At list prices, {bill.calls - bill.unpriced_calls:,} calls from {audit.begun} to"
        f" {audit.ended} come to {_usd(bill.usd)} dollars."
    )
    if bill.estimated_calls:
        yield (
            f"  {bill.estimated_usd:,.2f} of it is estimated: the transcripts have placeholders"
            f" for the output of {bill.estimated_calls:,} calls."
        )
    if bill.unpriced_calls:
        names = sorted({one.model for one in audit.models if one.sum.unpriced_calls})
        yield (
            f"  Not in it: {bill.unpriced_calls:,} calls with {bill.unpriced_tokens:,} tokens"
            f" whose price is not known ({', '.join(map(printable, names))})."
        )
    if bill.other_tier_calls:
        yield (
            f"  {bill.other_tier_calls:,} calls were of another service tier, which has other"
            " prices than these."
        )
    if bill.reported_calls:
        yield (
            f"  The agents' own reckoning of {bill.reported_calls:,} of the calls is"
            f" {bill.reported_usd:,.2f}."
        )


def _cells(sum_: Sum) -> tuple[str, ...]:
    return (
        *(f"{sum_.calls:,}", f"{sum_.sessions:,}", _usd(sum_.usd), f"{sum_.estimated_usd:,.2f}"),
        f"{sum_.unpriced_calls:,}",
    )


def _usd(usd: float | None) -> str:
    return "unknown" if usd is None else f"{usd:,.2f}"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).date().isoformat()


def printable(name: str) -> str:
    shown = "".join(one if one.isprintable() else "?" for one in name[:NAME_CHARS])
    return shown if len(name) <= NAME_CHARS else f"{shown}..."
