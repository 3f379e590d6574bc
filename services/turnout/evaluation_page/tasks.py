"""The page's tables of benchmark tasks and of task kinds."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import msgspec

from turnout.evaluation_page.tables import Part, Table
from turnout.evaluation_page.words import percent, percents, points, share_between, signed
from turnout.learn import kinds
from turnout.learn.evaluation import command, pictures
from turnout.learn.evaluation.cascades import Cascade, parse_pair
from turnout.learn.evaluation.report import Report
from turnout.learn.evaluation.standings import Point, Standing
from turnout.learn.kind_labels import SHIPPED
from turnout.learn.parquet import load_table
from turnout.scorer.embedder_files import default_root, load_embedder_files
from turnout.scorer.onnx_encoder import OnnxEncoder

CARRIES: Final = "MiniMax-M3"
"""The model that carries most of the result on coding tasks; first of a cascade it suits both kinds of them."""

CASCADES: Final = (*command.CASCADES, f"{CARRIES},claude-opus-4-8")

SHOWN_CHECKS: Final = (0.5, 0.7, 0.8, 0.9, 1.0)

PARTS: Final = {
    "main, first text": "of these: main thread, first text",
    "main, later text": "main thread, later text",
    "subagent, first text": "subagent, first text",
    "subagent, later text": "subagent, later text",
}


def _report(data: Path) -> Report:
    asked = command.told_of(
        [
            *("--items", str(data / "items.parquet")),
            *("--outcomes", str(data / "outcomes.parquet")),
            *("--models", str(data / "models.parquet")),
            *_options(set(load_table(data, "outcomes").texts("model"))),
        ]
    )
    return command.run(asked, lambda: OnnxEncoder(load_embedder_files(asked.embedder)))


def _options(models: set[str]) -> Iterator[str]:
    """Of what the page tells, what these models suffice for."""
    for name in (command.SUSPECT, CARRIES):
        if name in models:
            yield f"--without={name}"
    for pair in CASCADES:
        if set(parse_pair(pair)) <= models:
            yield f"--cascade={pair}"


def models_on_tasks(data: Path, out: Path) -> Part:
    report = _report(data)
    pictures.draw_all(report, out)
    coding = _shown(report, "coding")
    chains = pictures.cascades_of(report, coding) if coding else []
    measured, cascade = _shown(report, "measured"), _opus(chains)
    within = [one for one in report.kinds if CARRIES not in one.without]
    reached = {
        "within_kind_low": min(one.gain.low for one in within),
        "within_kind_foreseen_low": min(one.over_foreseen.low for one in within),
    }
    if measured is not None:
        reached |= {
            "pooled_gain": measured.gain.value,
            "pooled_saving": measured.saving.value,
            "pooled_greatest_saving": measured.greatest_saving.value,
        }
    if coding is not None:
        reached["coding_gain"] = coding.gain.value
    if cascade is not None:
        reached["cascade"] = pictures.at_shown_check(cascade).over_hull.value
    return Part(
        tables={
            "within-kind": Table(
                (
                    "tasks",
                    "number",
                    "gain over the hull",
                    "over the foreseen mix",
                    "what the text adds",
                    "text left out",
                ),
                tuple(
                    (
                        _scope(one),
                        f"{one.tasks}",
                        points(one.gain),
                        points(one.over_foreseen),
                        signed(one.text_gain.value),
                        percent(one.abstains),
                    )
                    for one in report.kinds
                ),
            ),
            "several-kinds": _pools(report.pools),
            "told-kinds": _told(report),
            "cascades": Table(
                (
                    "first, then",
                    "check right",
                    "solved",
                    "dollars",
                    "done again",
                    "over the hull, points",
                ),
                tuple(row for chain in chains for row in _checks(chain)),
            ),
            "cost-and-time": Table(
                ("served by", "solved", "dollars", "seconds"),
                tuple(_corners(coding, chains)) if coding else (),
            ),
            "cascades-elsewhere": Table(
                ("tasks", "first, then", "solved", "dollars", "over the hull, points"),
                tuple(
                    _at_shown(one)
                    for one in report.cascades
                    if not one.without or (one.scope == "coding" and CARRIES not in one.without)
                ),
            ),
        },
        reached=reached,
        reports={"eval.json": msgspec.json.encode(asdict(report))},
    )


def task_kinds(data: Path, _out: Path) -> Part:
    encoder = OnnxEncoder(load_embedder_files(default_root()))
    found = kinds.measured(data, SHIPPED, None, encoder, has_evidence=True)
    evidence = found.evidence
    rows = [
        ("held-out sessions, the model that is shipped", *share_between(found.accuracy)),
        ("each half by a model of the other", *share_between(found.crossed)),
        *((PARTS.get(name, name), *share_between(one)) for name, one in found.by_part.items()),
        ("given a kind, of turns that have one", *share_between(found.named)),
    ]
    if evidence is not None:
        rows += [
            ("held out, with what the turn's tools did", *share_between(evidence.with_tools)),
            ("held out, later texts by their own words", *share_between(evidence.later_own)),
            ("held out, later texts by their thread", *share_between(evidence.later_kept)),
        ]
    return Part(
        tables={
            "kinds-told": Table(
                ("share of turns told as labelled", "share", "95 % interval", "turns"), tuple(rows)
            ),
            "kinds": Table(
                ("kind", "recall", "precision", "turns"),
                tuple(
                    (
                        f"`{kind}`",
                        share_between(one.recall)[0],
                        share_between(one.precision)[0],
                        f"{one.recall.of}",
                    )
                    for kind, one in found.kinds.items()
                ),
            ),
            "kinds-confused": Table(
                ("labelled", *(f"`{kind}`" for kind in found.confusion)),
                tuple(
                    (f"`{kind}`", *(f"{told.get(one, 0.0):.2f}" for one in found.confusion))
                    for kind, told in found.confusion.items()
                ),
            ),
        },
        reached={},
        reports={"kinds.json": msgspec.json.encode(found)},
    )


def _shown(report: Report, scope: str) -> Standing | None:
    found = [one for one in pictures.shown(report) if one.scope == scope]
    return found[0] if found else None


def _opus(chains: Sequence[Cascade]) -> Cascade | None:
    return next((one for one in chains if "opus" in one.strong), None)


def _scope(one: Standing) -> str:
    return " without ".join((one.scope, *one.without))


def _pools(pools: Sequence[Standing]) -> Table:
    return Table(
        (
            *(
                "tasks",
                "number",
                "weigh",
                "gain over the hull",
                "over the foreseen mix",
                "by dollar",
            ),
            *("best gain", "saving", "best saving", "greatest saving"),
        ),
        tuple(
            (
                _scope(one),
                f"{one.tasks}",
                "kinds alike" if one.is_alike else "tasks alike",
                points(one.gain),
                points(one.over_foreseen),
                signed(one.gain_by_dollar.value),
                signed(one.best_gain),
                percents(one.saving),
                percent(one.best_saving),
                percents(one.greatest_saving),
            )
            for one in pools
        ),
    )


def _told(report: Report) -> Table:
    pairs = zip(report.pools, report.confused, strict=True)
    return Table(
        (
            *("tasks alike", "gain over the hull, kind given", "as the classifier tells it"),
            *("saving, kind given", "saving as the classifier tells it"),
        ),
        tuple(
            (
                _scope(given),
                points(given.gain),
                points(told.gain),
                percents(given.saving),
                percents(told.saving),
            )
            for given, told in pairs
            if not given.is_alike
        ),
    )


def _checks(chain: Cascade) -> Iterator[tuple[str, ...]]:
    for one in chain.checked:
        if any(abs(one.check_accuracy - shown) < 1e-9 for shown in SHOWN_CHECKS):
            yield (
                f"{chain.weak}, {chain.strong}",
                f"{one.check_accuracy:.1f}",
                *_solved(one.point),
                percent(one.escalated),
                points(one.over_hull),
            )


def _at_shown(chain: Cascade) -> tuple[str, ...]:
    checked = pictures.at_shown_check(chain)
    return (
        " without ".join((chain.scope, *chain.without)),
        f"{chain.weak}, {chain.strong}",
        *_solved(checked.point),
        points(checked.over_hull),
    )


def _corners(standing: Standing, chains: Sequence[Cascade]) -> Iterator[tuple[str, ...]]:
    for one in standing.hull:
        yield one.name, *_solved(one), _seconds(one)
    for one in standing.router:
        yield f"router, a success worth ${one.name}", *_solved(one), _seconds(one)
    for chain in chains:
        checked = pictures.at_shown_check(chain)
        name = f"{chain.weak}, then {chain.strong}, check {checked.check_accuracy:g}"
        yield name, *_solved(checked.point), _seconds(checked.point)


def _solved(point: Point) -> tuple[str, str]:
    return f"{100 * point.accuracy:.1f} %", f"{point.cost_usd:.3f}"


def _seconds(point: Point) -> str:
    return "-" if point.seconds is None else f"{point.seconds:,.0f}"
