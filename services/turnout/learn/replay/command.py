"""`turnout replay`: real sessions walked under several policies, and what each of them would have cost.

The table goes to standard output, or JSON with `--json`; decisions go to a file, a row a call.
"""

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from time import perf_counter
from typing import Final, get_args

import msgspec

from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.errors import InvalidRequest
from turnout.learn.columns import in_columns
from turnout.learn.parquet import Table, load_table
from turnout.learn.replay import named, scenario
from turnout.learn.replay.held_out import PARTS, HeldOut, tables_without_each_part
from turnout.learn.replay.policies import Policy
from turnout.learn.replay.recorded import Recorded, Thread, read_recorded, with_kinds
from turnout.learn.replay.targets import targets_of
from turnout.learn.replay.totals import Rows, Total, best_usd, total
from turnout.learn.replay.walk import Row, Walk
from turnout.learn.thread_kinds import read_thread_kinds, scorers_reading
from turnout.policy.artifact import Artifact
from turnout.policy.request import Harness
from turnout.routing_section import Routing
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST

COLUMNS: Final = (
    *(
        "policy",
        "repo",
        "session",
        "thread",
        "idx",
        "model",
        "lifetime",
        "cache_read",
        "cache_write",
    ),
    *("fresh_input", "output", "keep_warm_reads", "keep_warm_usd", "predicted_usd", "charged_usd"),
)
"""Of the file of decisions: one row a call; tokens are the serving model's, `cache_write` for `lifetime`;
`charged_usd` is without `keep_warm_usd`, which is for the reads before the call and, in the last row of a
thread, those after it.
"""

HELD_OUT: Final = (
    f"Every session served by what others tell of steps, pauses and hits, in {PARTS} parts."
)

HEADS: Final = (
    *("policy", "dollars", "of requested", "input", "keep-warm", "switches", "that lost", "forced"),
    *("misses", "unavoidable", "dearer threads"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which policies are compared, and on what premises."""

    policies: tuple[str, ...]
    candidates: tuple[str, ...]
    scenario: str
    seed: int
    verbosity: float
    keeps_warm: bool
    held_out: bool


@dataclass(frozen=True, slots=True)
class Told:
    """The command line."""

    traces: Path
    asked: Asked
    harnesses: frozenset[Harness]
    json: bool
    decisions_out: Path | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was found.

    Attributes:
        best_usd: every thread by the policy that was cheapest for it, in hindsight.
    """

    scenario: str
    candidates: tuple[str, ...]
    held_out: bool
    threads: int
    calls: int
    left_out: Mapping[str, int]
    policies: tuple[Total, ...]
    best_usd: float


def main(argv: Sequence[str]) -> int:
    told = _told(argv)
    try:
        catalog = parse_catalog(snapshot_bytes())
        table = load_table(told.traces, "trace_calls")
        recorded = read_recorded(table, catalog, harnesses=told.harnesses)
        if needs_kinds(told.asked):
            recorded = _with_kinds(recorded, told.traces)
        begun = perf_counter()
        replayed, rows = replay(told.asked, recorded, table, catalog=catalog)
        took = perf_counter() - begun
        if told.decisions_out is not None:
            write_decisions(told.decisions_out, rows, recorded)
    except OSError as error:
        sys.stderr.write(f"turnout: {told.decisions_out} cannot be written: {error.strerror}\n")
        return 1
    if told.json:
        sys.stdout.write(msgspec.json.encode(asdict(replayed)).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(replayed)))
    sys.stderr.write(f"{pace(replayed.calls, len(rows), took)}.\n")
    return 0


def replay(
    asked: Asked,
    recorded: Recorded,
    table: Table,
    *,
    catalog: Catalog,
    known: Sequence[Artifact] = (),
) -> tuple[Replayed, dict[str, Rows]]:
    """What every policy comes to, and its rows by its name. `table` is what `recorded` was read from; `known`
    are its tables without each part, fitted here if there are none. Raises `TurnoutError`.
    """
    tables = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)
    if not recorded.threads:
        raise InvalidRequest(f"No call is left to replay; left out: {counted(recorded.left_out)}.")
    models = {call.step.model for thread in recorded.threads for call in thread.calls}
    targets = targets_of((*asked.candidates, *sorted(models)), catalog=catalog, tables=tables)
    candidates = tuple(targets)[: len(dict.fromkeys(asked.candidates))]
    walk = Walk(
        recorded,
        targets,
        scenario.scenario(asked.scenario, candidates),
        verbosity=asked.verbosity,
    )
    names = dict.fromkeys((named.REQUESTED, *asked.policies))
    if asked.held_out and not known:
        known = tables_without_each_part(table, tables)

    def policy(name: str) -> Policy:
        def made(tables: Artifact) -> Policy:
            return named.policy_of(
                name,
                seed=asked.seed,
                catalog=catalog,
                tables=tables,
                keeps_warm=asked.keeps_warm,
            )

        return HeldOut(made, known) if asked.held_out else made(tables)

    rows: dict[str, Rows] = {name: walk.run(policy(name)) for name in names}
    by_name = {one.name: one for one in targets.values()}
    requested = rows[named.REQUESTED]
    return (
        Replayed(
            scenario=asked.scenario,
            candidates=candidates,
            held_out=asked.held_out,
            threads=len(recorded.threads),
            calls=recorded.call_count,
            left_out=recorded.left_out,
            policies=tuple(
                total(name, own, requested=requested, walk=walk, targets=by_name)
                for name, own in rows.items()
            ),
            best_usd=best_usd(list(rows.values())),
        ),
        rows,
    )


def pace(calls: int, policies: int, seconds: float) -> str:
    """How fast calls were walked; `requested` takes no time beside another policy."""
    each = calls / seconds
    return (
        f"{policies} policies took {seconds:,.1f} s, {each:,.0f} calls a second through all of them"
    )


def needs_kinds(asked: Asked) -> bool:
    """Whether what threads are about makes a difference."""
    return asked.scenario == scenario.BY_KIND or named.LOCKED_KIND in asked.policies


def _with_kinds(recorded: Recorded, directory: Path) -> Recorded:
    tables = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)
    turns = load_table(directory, "trace_turns")
    kinds = read_thread_kinds(turns, scorers_reading(tables.content.text))
    return with_kinds(recorded, kinds)


def lines(replayed: Replayed) -> list[str]:
    requested = replayed.policies[0].usd
    return [
        f"{replayed.calls:,} calls in {replayed.threads:,} threads;"
        f" left out: {counted(replayed.left_out)}.",
        f"Scenario {replayed.scenario}: what a cheaper model may serve at no loss. Candidates:"
        f" {', '.join(replayed.candidates) or 'none'}.",
        *([HELD_OUT] if replayed.held_out else []),
        "",
        *in_columns(
            HEADS,
            [
                (
                    one.policy,
                    f"{one.usd:,.2f}",
                    f"{one.usd / requested:.3f}",
                    f"{one.input_usd:,.2f}",
                    f"{one.keep_warm_usd:,.2f}",
                    f"{one.switches:,}",
                    f"{one.losing_switches:,}",
                    f"{one.forced_switches:,}",
                    f"{one.avoidable_misses:,}",
                    f"{one.unavoidable_misses:,}",
                    f"{one.dearer_threads:,}",
                )
                for one in replayed.policies
            ],
        ),
        "",
        f"Each thread by the cheapest of these policies, in hindsight: {replayed.best_usd:,.2f}, "
        f"{replayed.best_usd / requested:.3f} of requested.",
    ]


def counted(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {why}" for why, count in left_out.items()) or "none"


def write_decisions(path: Path, rows: Mapping[str, Rows], recorded: Recorded) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for name, threads in rows.items():
            for thread, own in zip(recorded.threads, threads, strict=True):
                writer.writerows(_cells(name, thread, row) for row in own)


def _cells(policy: str, thread: Thread, row: Row) -> tuple[object, ...]:
    charged = row.charged
    return (
        *(policy, thread.repo, thread.session, thread.name, thread.calls[row.number].step.index),
        *(row.model, row.lifetime if charged.written else ""),
        *(round(count, 3) for count in (charged.read, charged.written, charged.fresh)),
        *(round(charged.output, 3), row.keep_warm_reads, round(row.keep_warm_usd, 9)),
        *("" if row.predicted_usd is None else round(row.predicted_usd, 9), round(charged.usd, 9)),
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """What `asked_of` reads."""
    parser.add_argument(
        "--policies",
        help=f"comma-separated, of {', '.join(named.NAMES)}; default all that can be told from what is"
        " there. requested is always among them",
    )
    parser.add_argument(
        "--candidates",
        default=",".join(Routing().candidates),
        help="models that may serve beside the one asked for, comma-separated; default %(default)s",
    )
    parser.add_argument(
        "--scenario",
        default="subagents",
        help=f"which steps a cheaper model may serve at no loss: {', '.join(scenario.NAMES)};"
        " default %(default)s",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the random policies")
    parser.add_argument(
        "--verbosity",
        type=_positive,
        default=1.0,
        help="tokens that another model than the one asked for writes for each of its own",
    )
    parser.add_argument(
        "--keep-warm",
        action="store_true",
        help="let turnout send reads that only keep a prefix, and charge it for them",
    )
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="serve each fifth of the sessions by what the others tell of steps, pauses and cache hits",
    )


def asked_of(options: argparse.Namespace, *, are_kinds_known: bool) -> Asked:
    """Unless told otherwise, all policies that know what they need."""
    told: str | None = options.policies
    every = named.NAMES if are_kinds_known else named.WITHOUT_KINDS
    return Asked(
        policies=every if told is None else _names(told),
        candidates=_names(options.candidates),
        scenario=options.scenario,
        seed=options.seed,
        verbosity=options.verbosity,
        keeps_warm=options.keep_warm,
        held_out=options.held_out,
    )


def _told(argv: Sequence[str]) -> Told:
    parser = argparse.ArgumentParser(
        prog="turnout replay",
        description="Walk recorded sessions under several policies and print what each would have cost.",
    )
    parser.add_argument(
        "--traces",
        type=Path,
        required=True,
        help="directory with trace_calls.parquet, and trace_turns.parquet where kinds of tasks matter",
    )
    add_options(parser)
    parser.add_argument(
        "--harness",
        action="append",
        choices=get_args(Harness),
        default=[],
        help="only threads of this agent; may be given again",
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--decisions-out",
        type=Path,
        metavar="FILE",
        help="write every decision as CSV, a row a call",
    )
    options = parser.parse_args(argv)
    return Told(
        traces=options.traces,
        asked=asked_of(options, are_kinds_known=(options.traces / "trace_turns.parquet").is_file()),
        harnesses=frozenset(options.harness),
        json=options.json,
        decisions_out=options.decisions_out,
    )


def _positive(written: str) -> float:
    try:
        found = float(written)
    except ValueError:
        found = 0.0
    if not 0.0 < found < inf:
        raise argparse.ArgumentTypeError(f"{written} is no number above 0")
    return found


def _names(written: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in written.split(",") if name.strip())
