"""`turnout audit`: what the agents on this disk have cost, and what each policy would have cost there.

Nothing is sent anywhere and nothing of what was said is kept: transcripts are read for figures, ids, names
of tools and times.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec

from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.errors import InvalidRequest
from turnout.learn.audit.bill import charge
from turnout.learn.audit.chart import chart_of
from turnout.learn.audit.files import is_there
from turnout.learn.audit.report import Audit, audited, lines
from turnout.learn.audit.table import in_threads, to_table
from turnout.learn.audit.transcripts import AGENTS, Gathered, gather, known_places
from turnout.learn.parquet import Table
from turnout.learn.plots import save
from turnout.learn.replay import command as replay
from turnout.learn.replay.named import LOCKED_KIND
from turnout.learn.replay.recorded import Recorded, output_tokens, read_recorded
from turnout.learn.replay.scenario import BY_KIND
from turnout.learn.replay.totals import Rows
from turnout.learn.traces import HARNESSES
from turnout.policy.request import Harness

HARNESS_OF: Final[Mapping[str, Harness]] = {
    agent.name: HARNESSES.get(agent.name, "unknown") for agent in AGENTS
}


@dataclass(frozen=True, slots=True)
class Told:
    """The command line.

    Attributes:
        since: unix seconds.
    """

    paths: tuple[Path, ...]
    since: float
    harnesses: frozenset[Harness]
    asked: replay.Asked
    json: bool
    plot: Path | None
    traces_out: Path | None


@dataclass(frozen=True, slots=True)
class Done:
    """The report, and what it was made from: the calls as a table of traces, and every policy's rows."""

    audit: Audit
    table: Table
    recorded: Recorded
    rows: Mapping[str, Rows]


def main(argv: Sequence[str]) -> int:
    told = _told(argv)
    begun = perf_counter()
    gathered = _gathered(told)
    read = perf_counter()
    done = run(gathered, told.asked, catalog=parse_catalog(snapshot_bytes()))
    replayed = perf_counter()
    if told.json:
        sys.stdout.write(msgspec.json.encode(asdict(done.audit)).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(done.audit)))
    try:
        if told.traces_out is not None:
            done.table.write(told.traces_out)
        if told.plot is not None:
            _draw(done, told.plot)
    except OSError as error:
        # pyarrow does not say which file it was.
        where = error.filename or told.traces_out
        sys.stderr.write(f"turnout: {where} cannot be written: {error.strerror}\n")
        return 1
    calls = len(gathered.calls)
    sys.stderr.write(
        f"{calls:,} calls read in {read - begun:,.1f} s, {calls / (read - begun):,.0f} a second;"
        f" {replay.pace(done.recorded.call_count, len(done.rows), replayed - read)}.\n"
    )
    return 0


def run(gathered: Gathered, asked: replay.Asked, *, catalog: Catalog) -> Done:
    """Raises `TurnoutError`."""
    threads = in_threads(gathered.calls)
    table = to_table(threads, catalog)
    calls = [(repo, call) for (repo, _, _), own in threads.items() for call in own]
    charged = charge(calls, output_tokens(table).tolist(), catalog)
    recorded = read_recorded(table, catalog)
    replayed, rows = None, dict[str, Rows]()
    if recorded.threads:
        replayed, rows = replay.replay(asked, recorded, table, catalog=catalog)
    assumed = [name for name, own in rows.items() if _is_elsewhere(own, recorded)]
    audit = audited(gathered, charged, replayed, recorded.left_out, assumed)
    return Done(audit, table, recorded, rows)


def _draw(done: Done, path: Path) -> None:
    if not done.rows:
        raise InvalidRequest("There is nothing to plot: no thread can be replayed.")
    save(chart_of(done.rows, done.recorded), path.parent, path.stem)
    written = " and ".join(str(path.with_suffix(suffix)) for suffix in (".png", ".svg"))
    sys.stderr.write(f"{written} written.\n")


def _is_elsewhere(rows: Rows, recorded: Recorded) -> bool:
    """Whether another model has served any call than was asked for."""
    return any(
        row.model != call.step.model
        for thread, own in zip(recorded.threads, rows, strict=True)
        for call, row in zip(thread.calls, own, strict=True)
    )


def _gathered(told: Told) -> Gathered:
    agents = [one for one in AGENTS if not told.harnesses or HARNESS_OF[one.name] in told.harnesses]
    for path in told.paths:
        if not is_there(path):
            raise InvalidRequest(f"{path} does not exist.")
    searched = [(path, agents) for path in told.paths] or known_places(
        Path.home(), os.environ, agents
    )
    if not searched:
        raise InvalidRequest(
            "No agent has kept a transcript where agents of this user do; name files or directories."
        )
    gathered = gather(searched, since=told.since)
    if not gathered.calls:
        raise InvalidRequest(_nothing(gathered))
    return gathered


def _nothing(gathered: Gathered) -> str:
    read = sum(one.transcripts for one in gathered.found.values())
    unread = sum((one.unread for one in gathered.found.values()), gathered.unread)
    return f"No call was found in {read:,} transcripts; not read: {replay.counted(unread)}."


def _told(argv: Sequence[str]) -> Told:
    parser = argparse.ArgumentParser(
        prog="turnout audit",
        description="Read the transcripts that agents keep on this disk, and print what they have"
        " cost at list prices and what each policy would have cost on the same sessions. Nothing"
        " is sent anywhere.",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="transcripts, or directories with some; where agents keep them if left out",
    )
    parser.add_argument("--since", type=_day, default=0.0, metavar="DATE", help="as 2026-05-31")
    parser.add_argument(
        "--harness",
        action="append",
        choices=sorted(set(HARNESS_OF.values())),
        default=[],
        help="only this agent; unknown is a proxy's spend log; may be given again",
    )
    replay.add_options(parser)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="draw what each policy adds or saves over time, as FILE.png and FILE.svg",
    )
    parser.add_argument(
        "--traces-out",
        type=Path,
        metavar="DIR",
        help="write trace_calls.parquet, without any text, for turnout replay --traces DIR",
    )
    options = parser.parse_args(argv)
    asked = replay.asked_of(options, are_kinds_known=False)
    if replay.needs_kinds(asked):
        parser.error(
            "what a task is about is read from its text, which an audit passes over: leave out the policy"
            f" {LOCKED_KIND} and the scenario {BY_KIND}"
        )
    return Told(
        paths=tuple(options.paths),
        since=options.since,
        harnesses=frozenset(options.harness),
        asked=asked,
        json=options.json,
        plot=options.plot,
        traces_out=options.traces_out,
    )


def _day(written: str) -> float:
    try:
        return datetime.strptime(written, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{written} is no date such as 2026-05-31") from None
