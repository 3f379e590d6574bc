"""What is known of signals of trouble, as values and as lines to print."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from turnout.learn.columns import in_columns
from turnout.learn.escalation.dollars import STRENGTHS, Dollars, Pair, dollars
from turnout.learn.escalation.figures import (
    HORIZONS,
    Chance,
    Persistence,
    SignalFigures,
    frameworks,
    persistence,
    session_count,
    signal_figures,
)
from turnout.learn.escalation.fit import table_of
from turnout.learn.escalation.runs import Thread
from turnout.learn.escalation.signals import ERRORS, RED
from turnout.policy.evidence import EscalationTable

LEAST_CHECKS: Final = 100
"""Of a framework that has a row of its own."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What every other session says, and what the sessions that it left out do.

    Attributes:
        table: of the former alone.
    """

    table: EscalationTable
    fitted: Sequence[Persistence]
    seen: Sequence[Persistence]


@dataclass(frozen=True, slots=True)
class Report:
    sessions: int
    threads: int
    calls: int
    checks: int
    cheap: str
    strong: str
    value_usd: float
    stays_red: Mapping[str, Sequence[Persistence]]
    signals: Sequence[SignalFigures]
    dollars: Sequence[Dollars]
    table: EscalationTable
    held_out: HeldOut | None


def report(threads: Sequence[Thread], pair: Pair, *, value_usd: float) -> Report:
    """`table` is what these figures come to at these models and this value."""
    signals = signal_figures(threads)
    priced = dollars(threads, pair, value_usd=value_usd)
    everywhere = persistence(threads)
    return Report(
        sessions=session_count(threads),
        threads=len(threads),
        calls=sum(len(thread.calls) for thread in threads),
        checks=sum(bool(call.check) for thread in threads for call in thread.calls),
        cheap=pair.cheap.id,
        strong=pair.strong.id,
        value_usd=value_usd,
        stays_red={
            "all": everywhere,
            **{
                name: persistence(threads, framework=name)
                for name in frameworks(threads, least=LEAST_CHECKS)
            },
        },
        signals=signals,
        dollars=priced,
        table=table_of(signals, priced, everywhere),
        held_out=_held_out(threads, pair, value_usd=value_usd),
    )


def _held_out(threads: Sequence[Thread], pair: Pair, *, value_usd: float) -> HeldOut | None:
    """None with too few sessions for two halves."""
    halves = [_renumbered([one for one in threads if one.session % 2 == half]) for half in (0, 1)]
    first, second = halves
    if not first or not second:
        return None
    stays = persistence(first)
    table = table_of(signal_figures(first), dollars(first, pair, value_usd=value_usd), stays)
    return HeldOut(table, stays, persistence(second))


def _renumbered(threads: Sequence[Thread]) -> list[Thread]:
    numbers: dict[int, int] = {}
    return [
        Thread(numbers.setdefault(one.session, len(numbers)), one.model, one.calls)
        for one in threads
    ]


def lines(told: Report) -> list[str]:
    return [
        f"{told.calls:,} calls in {told.threads:,} threads of {told.sessions:,} sessions;"
        f" {told.checks:,} calls ran a check with a verdict.",
        "",
        "Checks that come out red, behind a green one and behind so many red ones:",
        *in_columns(
            ("checks", "green", "1 red", "2 red", "3 red", "4 or more"),
            [(name, *(_interval(one.red) for one in row)) for name, row in _rows(told)],
        ),
        "",
        "Behind each signal, and behind other calls of its kind (red: next check; green: within so many"
        " calls):",
        *in_columns(
            (
                *("signal", "per 100", "next red", "otherwise", "more", "acts"),
                *(f"green {horizon}" for horizon in HORIZONS),
                *("otherwise", "lead", "never"),
            ),
            [_signal_row(one) for one in told.signals],
        ),
        "",
        *_unseen(told),
        "",
        f"Escalating from {told.cheap} to {told.strong}, dollars a firing; net by strength, a check that"
        f" turns green being worth {told.value_usd:g}:",
        *in_columns(
            (
                *("signal", "firings", "spent", "cold prompt"),
                *(f"net x{strength:g}" for strength in STRENGTHS),
                f"even at x{STRENGTHS[2]:g}",
            ),
            [_dollar_row(one) for one in told.dollars],
        ),
        "",
        *_verdict(told),
    ]


def _rows(told: Report) -> Iterator[tuple[str, Sequence[Persistence]]]:
    yield from told.stays_red.items()
    if told.held_out is not None:
        yield "every other session", told.held_out.fitted
        yield "those left out", told.held_out.seen


def _signal_row(one: SignalFigures) -> tuple[str, ...]:
    last = HORIZONS[-1]
    return (
        one.name,
        f"{one.per_100_sessions:.1f}",
        _interval(one.behind.red_next),
        _share(one.otherwise.red_next.mean),
        _interval(one.raises_red),
        "may" if one.is_certain else "no",
        *(_share(one.behind.green_within[horizon].mean) for horizon in HORIZONS),
        _share(one.otherwise.green_within[last].mean),
        "-" if one.lead_calls is None else f"{one.lead_calls:.0f}",
        _share(one.never_green),
    )


def _unseen(told: Report) -> Iterator[str]:
    never = [one.name for one in told.signals if not one.behind.calls]
    if never:
        yield f"Never seen here, so nothing is known of them: {', '.join(never)}."
    yield "Not in such tables: task lists, and whether a turn ended while items of one were open."


def _dollar_row(one: Dollars) -> tuple[str, ...]:
    if not one.gains:
        return (one.name, "0", *("-" for _ in range(len(STRENGTHS) + 3)))
    even = one.gains[2].break_even_usd
    return (
        one.name,
        f"{one.firings:,}",
        f"{one.spent_usd:.2f}",
        f"{one.prompt_usd:.2f}",
        *(f"{gain.net_usd:+.2f}" for gain in one.gains),
        "-" if even is None else f"{even:.2f}",
    )


def _verdict(told: Report) -> Iterator[str]:
    yield f"Escalates: {_acting(told.table)}."
    if told.held_out is not None:
        yield f"From every other session alone: {_acting(told.held_out.table)}."


def _acting(table: EscalationTable) -> str:
    words: list[str] = []
    if table.failing_checks:
        words.append(f"{RED[table.failing_checks]} in a row")
    if table.error_streak:
        words.append(f"{ERRORS[table.error_streak]} in a row")
    return " and ".join(words) or "nothing"


def _share(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.2f}"


def _interval(chance: Chance) -> str:
    if chance.mean is None or chance.low is None or chance.high is None:
        return "-"
    return f"{chance.mean:.2f} ({chance.low:.2f} to {chance.high:.2f})"
