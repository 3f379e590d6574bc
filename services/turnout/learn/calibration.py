"""`turnout calibration`: how much of a prompt is expected in a cache and how long threads are expected to
pause, against what threads did that the expectation was not fitted on.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from turnout.errors import InvalidRequest
from turnout.learn.columns import in_columns
from turnout.learn.hits import Returns, fit_hits, kinds_of, read_returns
from turnout.learn.idle_gaps import EDGES_SECONDS, fit_idle_gaps, harness_names, is_part, next_gaps
from turnout.learn.parquet import Numbers, load_table
from turnout.learn.traces import Calls, read_calls
from turnout.policy.cache import GAP_BUCKETS, GAP_EDGES_SECONDS
from turnout.policy.hits import found_share
from turnout.policy.idle import IdlePart

FOLDS: Final = 5
"""Parts of the threads, each of which is told by curves of the others."""

FEW_CALLS: Final = 200
"""Below it a bucket's own mean is too uncertain to be compared with."""

EVERYBODY: Final = "any"

PAUSES_SECONDS: Final = (300.0, 3_600.0, 7_200.0)
"""What a lifetime outlives, and an hour that is read once."""

PAUSE_HEADS: Final = ("harness", "answers of", "pause over", "answers", "expected", "found")

HEADS: Final = ("provider", "lifetime", "gap", "calls", "expected", "found", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Returns after one kind of gap.

    Attributes:
        provider, lifetime_seconds: "any" and 0 for all of them together.
        longest_gap_seconds: None for the last bucket, which is open.
        expected, found: shares of the prompt before, by its tokens.
    """

    provider: str
    lifetime_seconds: float
    longest_gap_seconds: float | None
    calls: int
    expected: float
    found: float

    @property
    def error(self) -> float:
        return abs(self.expected - self.found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Answers of one kind; `expected` and `found` are the shares after which nothing came for longer."""

    harness: str
    part: IdlePart
    longer_than_seconds: float
    answers: int
    expected: float
    found: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """`worst_error`: of the buckets with `FEW_CALLS` calls or more; `mean_error`: of all calls."""

    folds: int
    worst_error: float
    mean_error: float
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class Found:
    hits: Calibration
    pauses: tuple[Pause, ...]


def calibrate(returns: Returns) -> Calibration:
    """Raises `InvalidRequest` when there is nothing to compare."""
    if not len(returns.thread):
        raise InvalidRequest("No request of the traces comes back to a prompt that was cached.")
    expected = _held_out(returns)
    buckets = [
        bucket
        for provider, seconds in kinds_of(returns)
        for bucket in _buckets(
            returns,
            expected,
            (returns.provider == provider) & (returns.lifetime_seconds == seconds),
            name=(provider, seconds),
        )
    ]
    calls = sum(one.calls for one in buckets)
    everybody = _buckets(
        returns, expected, np.ones(len(expected), dtype=bool), name=(EVERYBODY, 0.0)
    )
    return Calibration(
        folds=FOLDS,
        worst_error=max(
            (one.error for one in (*buckets, *everybody) if one.calls >= FEW_CALLS), default=0.0
        ),
        mean_error=sum(one.calls * one.error for one in buckets) / calls,
        buckets=(*buckets, *everybody),
    )


def compare_pauses(calls: Calls) -> tuple[Pause, ...]:
    """Kinds of answers with `FEW_CALLS` of them or more."""
    fold = calls.thread % FOLDS
    known = [fit_idle_gaps(calls, fold != held_out) for held_out in range(FOLDS)]
    gaps, names = next_gaps(calls), harness_names(calls)
    parts: tuple[IdlePart, ...] = get_args(IdlePart)
    found: list[Pause] = []
    for harness in sorted({str(name) for name in names} & known[0].keys()):
        for part in parts:
            inside = (names == harness) & is_part(calls, part)
            if inside.sum() < FEW_CALLS:
                continue
            for seconds in PAUSES_SECONDS:
                at = EDGES_SECONDS.index(seconds)
                told = np.array([tables[harness][part].shares[at] for tables in known])
                found.append(
                    Pause(
                        harness=harness,
                        part=part,
                        longer_than_seconds=seconds,
                        answers=int(inside.sum()),
                        expected=float(told[fold[inside]].mean()),
                        found=float((gaps[inside] > seconds).mean()),
                    )
                )
    return tuple(found)


def _held_out(returns: Returns) -> Numbers:
    """What curves of other threads expect of each return."""
    expected = np.zeros(len(returns.thread))
    fold = returns.thread % FOLDS
    for held_out in range(FOLDS):
        curves = fit_hits(returns, fold != held_out)
        for at in np.flatnonzero(fold == held_out).tolist():
            provider = str(returns.provider[at])
            expected[at] = found_share(
                curves,
                GAP_EDGES_SECONDS,
                provider=provider,
                lifetime_seconds=float(returns.lifetime_seconds[at]),
                is_automatic=provider != "anthropic",
                gap_seconds=float(returns.gap_seconds[at]),
            )
    return expected


def _buckets(
    returns: Returns, expected: Numbers, chosen: NDArray[np.bool_], *, name: tuple[str, float]
) -> list[Bucket]:
    found: list[Bucket] = []
    for at, longest in zip(range(GAP_BUCKETS), (*GAP_EDGES_SECONDS, None), strict=True):
        inside = chosen & (returns.bucket == at)
        if not inside.any():
            continue
        tokens = returns.tokens[inside]
        found.append(
            Bucket(
                provider=name[0],
                lifetime_seconds=name[1],
                longest_gap_seconds=longest,
                calls=int(inside.sum()),
                expected=float(np.average(expected[inside], weights=tokens)),
                found=float(np.average(returns.share[inside], weights=tokens)),
            )
        )
    return found


def lines(told: Found) -> list[str]:
    found = told.hits
    return [
        "Share of the last prompt found in the cache, by its provider, what it was written for and the gap:",
        *in_columns(
            HEADS,
            [
                (
                    one.provider,
                    f"{one.lifetime_seconds:.0f} s" if one.lifetime_seconds else EVERYBODY,
                    "longer"
                    if one.longest_gap_seconds is None
                    else f"{one.longest_gap_seconds:.0f} s",
                    f"{one.calls:,}",
                    f"{one.expected:.3f}",
                    f"{one.found:.3f}",
                    f"{one.error:.3f}" + ("" if one.calls >= FEW_CALLS else " (few)"),
                )
                for one in found.buckets
            ],
        ),
        "",
        f"Threads told by the others in {found.folds} parts. Greatest error of a bucket with {FEW_CALLS} calls"
        f" or more: {found.worst_error:.3f}; mean over all calls: {found.mean_error:.3f}.",
        "",
        "Share of answers after which nothing came for longer, by harness and kind of answer:",
        *in_columns(
            PAUSE_HEADS,
            [
                (
                    *(
                        one.harness,
                        one.part,
                        f"{one.longer_than_seconds:.0f} s",
                        f"{one.answers:,}",
                    ),
                    *(f"{one.expected:.4f}", f"{one.found:.4f}"),
                )
                for one in told.pauses
            ],
        ),
    ]


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="turnout calibration",
        description="Compare expected cache hits and pauses with those of held-out threads.",
    )
    parser.add_argument(
        "--traces", type=Path, required=True, help="directory with trace_calls.parquet"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    traces: Path = options.traces
    calls = read_calls(load_table(traces, "trace_calls"))
    found = Found(calibrate(read_returns(calls)), compare_pauses(calls))
    if options.json:
        sys.stdout.write(msgspec.json.encode(asdict(found)).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(found)))
    return 0
