"""`turnout eval`: benchmark tasks scored by routers that saw no task of their repository.

Tables go to standard output, or JSON with `--json`; charts and the JSON go to a directory with `--out`.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import msgspec

from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.errors import InvalidRequest
from turnout.learn.columns import in_columns
from turnout.learn.evaluation import pictures
from turnout.learn.evaluation.boards import Confusion
from turnout.learn.evaluation.cascades import Cascade, parse_pair
from turnout.learn.evaluation.report import Report, evaluate
from turnout.learn.evaluation.router import text_vectors
from turnout.learn.evaluation.standings import Interval, Point, Standing
from turnout.learn.evaluation.tasks import read_runs
from turnout.learn.model_names import ModelNames
from turnout.learn.parquet import load_file
from turnout.policy.request import TaskKind
from turnout.scorer.embedder import Encoder
from turnout.scorer.embedder_files import default_root, load_embedder_files
from turnout.scorer.onnx_encoder import OnnxEncoder

CASCADES: Final = ("DeepSeek-V4-Pro,claude-opus-4-8", "DeepSeek-V4-Pro,claude-fable-5")

SUSPECT: Final = "claude-fable-5"
"""So far ahead that it may have seen the benchmarks; everything is told without it too."""

RESAMPLES: Final = 1_000

CONFUSION: Final = Path(__file__).parents[1] / "kind_confusion.json"
"""How the shipped artifact tells kinds apart, as `turnout kinds --confusion-out` measured it."""

ROUNDING: Final = 0.01
"""How far the shares of a kind may be from summing to 1."""


@dataclass(frozen=True, slots=True)
class Told:
    """The command line. `pairs` and `without` are as written; of the default ones those without runs are left out."""

    items: Path
    outcomes: Path
    models: Path | None
    confusion: Path
    pairs: tuple[str, ...]
    without: tuple[tuple[str, ...], ...]
    seed: int
    resamples: int
    json: bool
    out: Path | None
    embedder: Path


def main(argv: Sequence[str]) -> int:
    told = told_of(argv)
    report = run(told, lambda: OnnxEncoder(load_embedder_files(told.embedder)))
    data = msgspec.json.encode(asdict(report))
    if told.out is not None:
        try:
            pictures.draw_all(report, told.out)
            (told.out / "eval.json").write_bytes(data + b"\n")
        except OSError as error:
            sys.stderr.write(f"turnout: {told.out} cannot be written: {error.strerror}\n")
            return 1
    sys.stdout.write(
        data.decode() + "\n" if told.json else "".join(f"{one}\n" for one in lines(report))
    )
    return 0


def run(told: Told, load_encoder: Callable[[], Encoder]) -> Report:
    """Raises `TurnoutError`."""
    confusion = load_confusion(told.confusion)
    names = ModelNames(parse_catalog(snapshot_bytes()).names)
    found = read_runs(
        load_file(told.items),
        load_file(told.outcomes),
        None if told.models is None else load_file(told.models),
        names,
    )
    known = {run.model for run in found.runs}

    def resolved(name: str) -> str:
        return names.resolve(name) or name

    pairs = [
        (resolved(weak), resolved(strong))
        for weak, strong in map(parse_pair, told.pairs or CASCADES)
    ]
    without = [frozenset(map(resolved, names)) for names in told.without]
    named = [
        *(model for names in without for model in sorted(names)),
        *(model for pair in pairs if told.pairs for model in pair),
    ]
    for model in named:
        if model not in known:
            raise InvalidRequest(f"{told.outcomes.name} has no priced run of {model}.")
    return evaluate(
        found,
        text_vectors(found.tasks, load_encoder),
        pairs=pairs,
        without=without or [frozenset({resolved(SUSPECT)}) & known],
        confusion=confusion,
        seed=told.seed,
        resamples=told.resamples,
    )


def load_confusion(path: Path) -> Confusion:
    """{kind: {kind told: share}}. Raises `InvalidRequest` when it is not that."""
    try:
        confusion = msgspec.json.decode(
            path.read_bytes(), type=dict[TaskKind, dict[TaskKind, float]]
        )
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise InvalidRequest(
            f"{path} is no object of shares by kind and kind told: {error}."
        ) from error
    for kind, shares in confusion.items():
        if min(shares.values(), default=0.0) < 0 or abs(sum(shares.values()) - 1) > ROUNDING:
            raise InvalidRequest(f"{path}, {kind}: expected shares that sum to 1.")
    return confusion


def lines(report: Report) -> Iterator[str]:
    yield (
        f"Every task by a router fitted without its repository, in {report.folds} parts. Rows left out:"
        f" {_counted(report.left_out)}. Datasets with too few tasks: {_counted(report.too_small)}."
    )
    yield (
        f"In brackets 95 % of {report.resamples:,} resamples of the tasks. Gains and savings are over single models"
        " mixed at random."
    )
    yield from ("", "Within one kind", "")
    yield from in_columns(
        (
            "dataset",
            "without",
            "tasks",
            "models",
            "gain, points",
            "over foreseen mix",
            "text's part",
            "text left out",
        ),
        [
            (
                one.scope,
                ", ".join(one.without),
                f"{one.tasks}",
                f"{one.models}",
                _points(one.gain),
                _points(one.over_foreseen),
                _points(one.text_gain),
                f"{one.abstains:.0%}",
            )
            for one in report.kinds
        ],
    )
    if report.pools:
        yield from ("", "Several kinds, the kind told", "")
        yield from _pools(report.pools)
    if report.confused:
        yield from ("", "Several kinds, told as the classifier tells them", "")
        yield from _pools(report.confused)
    yield from _of_cascades(report)


def _pools(pools: Sequence[Standing]) -> Iterator[str]:
    return in_columns(
        (
            *("pool", "alike", "without", "tasks", "models", "gain, points", "by dollar"),
            *("best gain", "over foreseen mix", "saving", "best saving", "greatest saving"),
        ),
        [
            (
                one.scope,
                "kinds" if one.is_alike else "tasks",
                ", ".join(one.without),
                f"{one.tasks}",
                f"{one.models}",
                _points(one.gain),
                f"{one.gain_by_dollar.value:+.2f}",
                f"{one.best_gain:+.2f}",
                _points(one.over_foreseen),
                _share(one.saving),
                f"{one.best_saving:.0%}",
                _share(one.greatest_saving),
            )
            for one in pools
        ],
    )


def _of_cascades(report: Report) -> Iterator[str]:
    if report.cascades:
        yield from ("", f"Cascades, the check right in {pictures.SHOWN_CHECK:.0%}", "")
        yield from in_columns(
            ("scope", "without", "weak, then strong", "solved", "dollars", "over mixing, points"),
            [
                (
                    one.scope,
                    ", ".join(one.without),
                    f"{one.weak}, {one.strong}",
                    f"{checked.point.accuracy:.1%}",
                    f"{checked.point.cost_usd:.3f}",
                    _points(checked.over_hull),
                )
                for one in report.cascades
                for checked in [pictures.at_shown_check(one)]
            ],
        )
    for standing in pictures.shown(report)[:1]:
        chains = pictures.cascades_of(report, standing)
        for chain in chains:
            yield from ("", f"{chain.weak}, then {chain.strong}: {standing.scope}", "")
            yield from _checks(chain)
        yield from ("", f"Accuracy, cost and time: {standing.scope}", "")
        yield from in_columns(
            ("served by", "solved", "dollars", "seconds"),
            [
                *(_cells(one.name, one) for one in standing.hull),
                *(_cells(f"router at ${one.name} a success", one) for one in standing.router),
                *(
                    _cells(
                        f"{chain.weak}, then {chain.strong}, check {checked.check_accuracy:g}",
                        checked.point,
                    )
                    for chain in chains
                    for checked in [pictures.at_shown_check(chain)]
                ),
            ],
        )


def _checks(chain: Cascade) -> Iterator[str]:
    return in_columns(
        ("check right", "solved", "dollars", "done again", "over mixing, points"),
        [
            (
                f"{one.check_accuracy:.2f}",
                f"{one.point.accuracy:.1%}",
                f"{one.point.cost_usd:.3f}",
                f"{one.escalated:.0%}",
                _points(one.over_hull),
            )
            for one in chain.checked
        ],
    )


def _cells(name: str, point: Point) -> tuple[str, ...]:
    seconds = "" if point.seconds is None else f"{point.seconds:,.0f}"
    return name, f"{point.accuracy:.1%}", f"{point.cost_usd:.3f}", seconds


def _positive(written: str) -> int:
    if not written.isdecimal() or int(written) == 0:
        raise argparse.ArgumentTypeError(f"{written} is no whole number above 0")
    return int(written)


def _points(one: Interval) -> str:
    value, low, high = (_plain(end) for end in (one.value, one.low, one.high))
    return f"{value:+.2f} [{low:+.2f} {high:+.2f}]"


def _share(one: Interval) -> str:
    value, low, high = (_plain(end) for end in (one.value, one.low, one.high))
    return f"{value:.0%} [{low:.0%} {high:.0%}]"


def _plain(value: float) -> float:
    """To two digits, and without the sign of a zero."""
    return round(value, 2) + 0.0


def _names(written: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in written.split(",") if name.strip())


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.items()) or "none"


def told_of(argv: Sequence[str]) -> Told:
    parser = argparse.ArgumentParser(
        prog="turnout eval",
        description="Score benchmark tasks by routers that saw no task of their repository.",
    )
    parser.add_argument("--items", type=Path, required=True, help="parquet table of the tasks")
    parser.add_argument("--outcomes", type=Path, required=True, help="parquet table of their runs")
    parser.add_argument("--models", type=Path, help="parquet table with models' mean seconds")
    parser.add_argument(
        "--confusion",
        type=Path,
        default=CONFUSION,
        metavar="FILE",
        help="JSON {kind: {kind told: share}}: how a classifier tells kinds apart; default that of the"
        " shipped artifact",
    )
    parser.add_argument(
        "--cascade",
        action="append",
        default=[],
        metavar="WEAK,STRONG",
        help=f"may be given again; default {' and '.join(CASCADES)}",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="MODEL,...",
        help=f"everything is told without these models too; may be given again; default {SUSPECT}",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the resamples")
    parser.add_argument(
        "--resamples",
        type=_positive,
        default=RESAMPLES,
        help="behind every interval; default %(default)s",
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write charts (PNG and SVG) and eval.json there"
    )
    parser.add_argument(
        "--embedder", type=Path, default=default_root(), help="where the embedder was built"
    )
    options = parser.parse_args(argv)
    return Told(
        items=options.items,
        outcomes=options.outcomes,
        models=options.models,
        confusion=options.confusion,
        pairs=tuple(options.cascade),
        without=tuple(_names(one) for one in options.without),
        seed=options.seed,
        resamples=options.resamples,
        json=options.json,
        out=options.out,
        embedder=options.embedder,
    )
