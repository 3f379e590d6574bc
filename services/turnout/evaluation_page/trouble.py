"""The page's tables of escalation."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import msgspec

from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.evaluation_page.tables import Part, Table
from turnout.evaluation_page.words import share
from turnout.learn.escalation.dollars import STRENGTHS, Dollars, pair_of
from turnout.learn.escalation.figures import HORIZONS, Chance, Persistence, SignalFigures
from turnout.learn.escalation.fit import CHEAP, STRONG, VALUE_USD
from turnout.learn.escalation.report import report
from turnout.learn.escalation.runs import read_threads
from turnout.learn.parquet import load_table

DEARER: Final = ("claude-opus-5-5", "claude-fable-5")
"""Another pair, whose stronger model costs more than it saves."""


def escalation(data: Path, _out: Path) -> Part:
    catalog = parse_catalog(snapshot_bytes())
    threads = read_threads(
        *(load_table(data, name) for name in ("trace_calls", "trace_tools", "trace_events"))
    )
    found = report(threads, pair_of(CHEAP, STRONG, catalog), value_usd=VALUE_USD)
    dearer = report(threads, pair_of(*DEARER, catalog), value_usd=VALUE_USD)
    streaks = [(name, row) for name, row in found.stays_red.items()]
    if found.held_out is not None:
        streaks += [
            ("every other session", found.held_out.fitted),
            ("the sessions left out", found.held_out.seen),
        ]
    return Part(
        tables={
            "red-checks": Table(
                (
                    "next checks that are red, behind",
                    "a green one",
                    "1 red",
                    "2 red",
                    "3 red",
                    "4 or more red",
                ),
                tuple(_streaks(name, row) for name, row in streaks),
            ),
            "signals": Table(
                (
                    *("signal", "per 100 sessions", "next check red", "more", "may act"),
                    *(f"green within {horizon}" for horizon in HORIZONS),
                    *("otherwise", "lead", "never green"),
                ),
                tuple(_signal(one) for one in found.signals),
            ),
            "escalating-pays": _dollars(found.dollars),
            "escalating-dearer": _dollars(dearer.dollars),
        },
        reached={},
        reports={"escalation.json": msgspec.json.encode(asdict(found))},
    )


def _streaks(name: str, row: Sequence[Persistence]) -> tuple[str, ...]:
    return name, *(_between(one.red) for one in row)


def _signal(one: SignalFigures) -> tuple[str, ...]:
    return (
        one.name,
        f"{one.per_100_sessions:.1f}",
        share(one.behind.red_next.mean, 2),
        _between(one.raises_red),
        "yes" if one.is_certain else "no",
        *(share(one.behind.green_within[horizon].mean, 2) for horizon in HORIZONS),
        share(one.otherwise.green_within[HORIZONS[-1]].mean, 2),
        "-" if one.lead_calls is None else f"{one.lead_calls:.0f}",
        share(one.never_green, 2),
    )


def _dollars(found: Sequence[Dollars]) -> Table:
    return Table(
        (
            *("signal", "firings", "spent", "cold prompt"),
            *(f"net at x{strength:g}" for strength in STRENGTHS),
            f"pays at x{STRENGTHS[2]:g} from a value of",
        ),
        tuple(_firings(one) for one in found if one.gains),
    )


def _firings(one: Dollars) -> tuple[str, ...]:
    even = one.gains[2].break_even_usd
    return (
        *(one.name, f"{one.firings:,}", f"{one.spent_usd:.2f}", f"{one.prompt_usd:.2f}"),
        *(f"{gain.net_usd:+.2f}" for gain in one.gains),
        "-" if even is None else f"{even:.2f}",
    )


def _between(one: Chance) -> str:
    if one.mean is None or one.low is None or one.high is None:
        return "-"
    return f"{one.mean:.2f} [{one.low:.2f} {one.high:.2f}]"
