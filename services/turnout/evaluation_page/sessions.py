"""The page's tables of recorded sessions: replays, cache lifetimes, cache hits, escalation and the dial."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from turnout import mixing
from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.evaluation_page.tables import Part, Table
from turnout.evaluation_page.words import share
from turnout.learn import calibration
from turnout.learn.hits import read_returns
from turnout.learn.parquet import Table as Recordings
from turnout.learn.parquet import load_table
from turnout.learn.replay import command
from turnout.learn.replay.held_out import tables_without_each_part
from turnout.learn.replay.recorded import Recorded, read_recorded
from turnout.learn.traces import read_calls
from turnout.policy.artifact import Artifact
from turnout.policy.mix import MixPoint
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST

SCENARIOS: Final = {
    "subagents": "subagents",
    "read-only+subagents": "read-only and subagents",
    "random-0.3": "three in ten at random",
}
OWN_WORK: Final = "turnout-no-route-no-keep-warm"
COMPARED: Final = (
    *("one-hour-main", "best-fixed", "cheapest", "subagents-cheap", "random-call", "sticky"),
    *("ev-h3", OWN_WORK, "turnout"),
)
SHOWN: Final = (
    *("cheapest", "subagents-cheap", "random-call", "sticky", "ev-h3"),
    *(OWN_WORK, "turnout"),
)
LIFETIMES: Final = (
    *("five-minutes", "one-hour-main", "best-fixed", "hour-after-miss", "hour-when-cold"),
    *("turnout-no-route", OWN_WORK),
)
NEVER_KEPT_WARM: Final = ("five-minutes", "one-hour-main", "hour-when-cold", OWN_WORK)

FEW_SWITCHES: Final = 30
"""Below it a share of switches says nothing."""

DIAL: Final = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
PROVIDERS: Final = {
    ("anthropic", 300): "Anthropic, 5 minutes",
    ("anthropic", 3_600): "Anthropic, 1 hour",
    ("openai", 300): "OpenAI",
    ("any", 0): "all",
}
GAPS: Final = {
    60: "1 minute",
    120: "2 minutes",
    300: "5 minutes",
    600: "10 minutes",
    1_800: "30 minutes",
    3_600: "1 hour",
    7_200: "2 hours",
}


@cache
def _recorded(data: Path) -> tuple[Catalog, Recordings, Recorded]:
    """Read once by each process: most jobs of one are of the same sessions."""
    catalog = parse_catalog(snapshot_bytes())
    table = load_table(data, "trace_calls")
    return catalog, table, read_recorded(table, catalog, harnesses=frozenset({"claude_code"}))


@cache
def _without_parts(data: Path) -> Sequence[Artifact]:
    tables = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)
    return tables_without_each_part(_recorded(data)[1], tables)


def _replay(
    data: Path,
    policies: tuple[str, ...],
    *,
    candidate: str = "",
    scenario: str = "none",
    keeps_warm: bool = False,
    held_out: bool = False,
) -> command.Replayed:
    catalog, table, recorded = _recorded(data)
    asked = command.Asked(
        policies=policies,
        candidates=(candidate,) if candidate else (),
        scenario=scenario,
        seed=1,
        verbosity=1.0,
        keeps_warm=keeps_warm,
        held_out=held_out,
    )
    known = _without_parts(data) if held_out else ()
    return command.replay(asked, recorded, table, catalog=catalog, known=known)[0]


def replays(data: Path, candidate: str, scenario: str, *, keeps_warm: bool) -> Part:
    """One row: who may serve beside the model asked for, and which steps. Held out."""
    found = _replay(
        data,
        COMPARED,
        candidate=candidate,
        scenario=scenario,
        keeps_warm=keeps_warm,
        held_out=True,
    )
    totals = {one.policy: one for one in found.policies}
    requested, turnout = totals["requested"].usd, totals["turnout"]
    lost = turnout.losing_switches / turnout.switches if turnout.switches > FEW_SWITCHES else 0.0
    name = "replays-kept-warm" if keeps_warm else "replays"
    bound = turnout.usd / found.best_usd
    return Part(
        tables={
            name: Table(
                (
                    *("second model", "steps it may serve", *(f"`{one}`" for one in SHOWN)),
                    *(
                        "each thread by the cheapest",
                        "`turnout` over that",
                        "switches",
                        "that lost",
                    ),
                ),
                (
                    (
                        *(candidate, SCENARIOS[scenario]),
                        *(share(totals[one].usd / requested) for one in SHOWN),
                        *(share(found.best_usd / requested), f"{100 * (bound - 1):.1f} %"),
                        *(f"{turnout.switches:,}", f"{turnout.losing_switches:,}"),
                    ),
                ),
            )
        },
        reached={
            "most_of_ev_h3": turnout.usd / totals["ev-h3"].usd,
            "most_of_requested": turnout.usd / requested,
            "most_lost_switches": lost,
            ("most_of_bound_kept_warm" if keeps_warm else "most_of_bound"): bound,
        },
        reports={f"{name}-{candidate}-{scenario}.json": msgspec.json.encode(asdict(found))},
    )


def lifetimes(data: Path, _out: Path) -> Part:
    found = _replay(data, LIFETIMES, held_out=True)
    seen = _replay(data, ("turnout-no-route",))
    never = _replay(data, NEVER_KEPT_WARM, held_out=True)
    totals = {one.policy: one for one in found.policies}
    output = totals["requested"].usd - totals["requested"].input_usd
    five, fixed = totals["five-minutes"].input_usd, totals["best-fixed"].input_usd
    hour = totals["one-hour-main"].input_usd

    def row(name: str, usd: float, reads: str) -> tuple[str, ...]:
        return name, f"${usd:,.2f}", share(usd / five), share(usd / fixed), share(usd / hour), reads

    ours = totals["turnout-no-route"].input_usd
    return Part(
        tables={
            "lifetimes": Table(
                (
                    *("policy", "input", "of `five-minutes`", "of `best-fixed`"),
                    *("of `one-hour-main`", "keep-warm reads"),
                ),
                (
                    *(
                        row(
                            f"`{one.policy}`",
                            one.input_usd,
                            f"${one.keep_warm_usd:,.2f}" if one.keep_warm_usd else "-",
                        )
                        for one in sorted(found.policies, key=lambda one: -one.input_usd)
                    ),
                    row("each thread by the cheapest of these", found.best_usd - output, ""),
                    row("each thread by the cheapest without reads", never.best_usd - output, "-"),
                    row(
                        "`turnout-no-route`, by tables that have seen the sessions",
                        seen.policies[-1].input_usd,
                        f"${seen.policies[-1].keep_warm_usd:,.2f}",
                    ),
                ),
            )
        },
        reached={
            "input_of_best_fixed": ours / fixed,
            "input_of_five_minutes": ours / five,
            "input_of_hour": totals[OWN_WORK].input_usd / hour,
        },
        reports={"lifetimes.json": msgspec.json.encode(asdict(found))},
    )


def cache_hits(data: Path, _out: Path) -> Part:
    calls = read_calls(load_table(data, "trace_calls"))
    found = calibration.Found(
        calibration.calibrate(read_returns(calls)), calibration.compare_pauses(calls)
    )
    return Part(
        tables={
            "hits": Table(
                ("provider, lifetime", "pause up to", "calls", "expected", "found", "error"),
                tuple(
                    (
                        PROVIDERS.get(
                            (one.provider, int(one.lifetime_seconds)),
                            f"{one.provider}, {one.lifetime_seconds:.0f} s",
                        ),
                        GAPS.get(int(one.longest_gap_seconds or 0), "longer"),
                        f"{one.calls:,}",
                        *(share(one.expected), share(one.found)),
                        share(one.error) + ("" if one.calls >= calibration.FEW_CALLS else " (few)"),
                    )
                    for one in found.hits.buckets
                ),
            ),
            "pauses": Table(
                ("harness", "answers of", "pause over", "answers", "expected", "found"),
                tuple(
                    (
                        *(one.harness, one.part, GAPS[int(one.longer_than_seconds)]),
                        *(f"{one.answers:,}", share(one.expected, 4), share(one.found, 4)),
                    )
                    for one in found.pauses
                ),
            ),
        },
        reached={"hit_error": found.hits.worst_error},
        reports={"calibration.json": msgspec.json.encode(asdict(found))},
    )


def dial(data: Path, _out: Path) -> Part:
    found = mixing.of_recorded(data)
    falls = sum(
        later.usd <= sooner.usd or later.quality <= sooner.quality
        for sooner, later in zip(found.points, found.points[1:], strict=False)
    )
    return Part(
        tables={
            "dial": Table(
                ("place", "value of a success", "a thread", "expected success", "served by"),
                tuple(
                    (
                        f"{one.bias:.2f}",
                        "-" if one.bias >= 1 else f"${one.value_usd:,.2f}",
                        *(f"${one.usd:,.3f}", share(one.quality), _served(one)),
                    )
                    for one in found.points
                    if one.bias in DIAL
                ),
            )
        },
        reached={"dial_falls": falls},
        reports={"mix.json": msgspec.json.encode(found)},
    )


def _served(point: MixPoint) -> str:
    shown: Mapping[str, float] = {
        model: part for model, part in point.shares.items() if part >= mixing.SHOWN
    }
    return ", ".join(f"{100 * part:.0f} % {model}" for model, part in shown.items())
