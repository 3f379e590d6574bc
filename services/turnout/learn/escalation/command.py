"""`turnout escalation`: which signs of trouble in recorded sessions mean something, and whether a stronger
model would pay there. A table on standard output, or JSON with `--json`.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from math import inf
from pathlib import Path

import msgspec

from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.learn.escalation.dollars import check_order, pair_of
from turnout.learn.escalation.fit import CHEAP, STRONG, VALUE_USD
from turnout.learn.escalation.report import lines, report
from turnout.learn.escalation.runs import read_threads
from turnout.learn.parquet import load_table


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="turnout escalation",
        description="Print which signs of trouble in recorded sessions mean something, and whether a"
        " stronger model would pay there.",
    )
    parser.add_argument(
        "--traces",
        type=Path,
        required=True,
        help="directory with trace_calls, trace_tools and trace_events (parquet)",
    )
    parser.add_argument("--cheap", default=CHEAP, help="who serves first; default %(default)s")
    parser.add_argument("--strong", default=STRONG, help="who takes over; default %(default)s")
    parser.add_argument(
        "--value-usd",
        type=_not_negative,
        default=VALUE_USD,
        help="worth of a check that turns green and would have stayed red; default %(default)s",
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    traces: Path = options.traces
    value_usd: float = options.value_usd
    pair = pair_of(str(options.cheap), str(options.strong), parse_catalog(snapshot_bytes()))
    check_order(pair)
    threads = read_threads(
        *(load_table(traces, name) for name in ("trace_calls", "trace_tools", "trace_events"))
    )
    told = report(threads, pair, value_usd=value_usd)
    if options.json:
        sys.stdout.write(msgspec.json.encode(asdict(told)).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(told)))
    return 0


def _not_negative(written: str) -> float:
    try:
        found = float(written)
    except ValueError:
        found = -1.0
    if not 0.0 <= found < inf:
        raise argparse.ArgumentTypeError(f"{written} is no number from 0 up")
    return found
