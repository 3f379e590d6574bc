"""What the users of a load test have seen, read from their CSV, and what follows from it. Pure but for
reading; nothing but the standard library, because Locust's environment uses it too.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from loadtest.figures import Spread, middle, percentile

Outcome: TypeAlias = Literal["answered", "disconnected", "error"]

COLUMNS = (
    *("session", "thread", "step", "dialect", "kind", "status", "outcome", "error", "sent_at"),
    *("first_ms", "total_ms", "body_bytes"),
)

Key: TypeAlias = tuple[str, str, str, str]
"""Session, thread, step and dialect: the same request on every target."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. Times are of the client's clock; `first_ms` is None when no content came."""

    key: Key
    dialect: str
    kind: str
    status: int
    outcome: str
    error: str
    sent_at: float
    first_ms: float | None
    total_ms: float
    body_bytes: int

    @property
    def ended_at(self) -> float:
        return self.sent_at + self.total_ms / 1000


@dataclass(frozen=True, slots=True)
class Summary:
    """Requests of one dialect on one target. Latencies in milliseconds, of answered requests; `added`
    is over the same requests sent straight to the upstream, None where nothing can be compared.
    """

    target: str
    dialect: str
    requests: int
    errors: int
    disconnects: int
    per_second: float
    body_kb: float
    first: Spread | None
    total: Spread | None
    added_first_p50: float | None = None
    added_first_p95: float | None = None
    added_total_p50: float | None = None
    compared: int = 0


def read_samples(path: Path) -> list[Sample]:
    """Lines of one file, or of the files that workers wrote beside it."""
    found: list[Sample] = []
    for one in sorted(path.parent.glob(f"{path.name}*")):
        with one.open(newline="", encoding="utf-8") as lines:
            found += [_sample(row) for row in csv.DictReader(lines)]
    return found


def _sample(row: Mapping[str, str]) -> Sample:
    return Sample(
        key=(row["session"], row["thread"], row["step"], row["dialect"]),
        dialect=row["dialect"],
        kind=row["kind"],
        status=int(row["status"]),
        outcome=row["outcome"],
        error=row["error"],
        sent_at=float(row["sent_at"]),
        first_ms=float(row["first_ms"]) if row["first_ms"] else None,
        total_ms=float(row["total_ms"]),
        body_bytes=int(row["body_bytes"]),
    )


def summarise(
    target: str, samples: Sequence[Sample], direct: Sequence[Sample] = ()
) -> list[Summary]:
    """One summary per dialect, in the order of their names."""
    known = {sample.key: sample for sample in direct if sample.outcome == "answered"}
    return [
        _summary(target, dialect, [one for one in samples if one.dialect == dialect], known)
        for dialect in sorted({sample.dialect for sample in samples})
    ]


def _summary(
    target: str, dialect: str, samples: Sequence[Sample], direct: Mapping[Key, Sample]
) -> Summary:
    answered = [sample for sample in samples if sample.outcome == "answered"]
    firsts = [sample.first_ms / 1000 for sample in answered if sample.first_ms is not None]
    pairs = [(direct[sample.key], sample) for sample in answered if sample.key in direct]
    added_first = [
        ours.first_ms - theirs.first_ms
        for theirs, ours in pairs
        if ours.first_ms is not None and theirs.first_ms is not None
    ]
    added_total = [ours.total_ms - theirs.total_ms for theirs, ours in pairs]
    seconds = max(one.ended_at for one in samples) - min(one.sent_at for one in samples)
    return Summary(
        target=target,
        dialect=dialect,
        requests=len(samples),
        errors=sum(sample.outcome == "error" for sample in samples),
        disconnects=sum(sample.outcome == "disconnected" for sample in samples),
        per_second=round(len(samples) / max(seconds, 0.001), 1),
        body_kb=round(middle([sample.body_bytes for sample in samples]) / 1000, 1),
        first=Spread.of_seconds(firsts) if firsts else None,
        total=Spread.of_seconds([one.total_ms / 1000 for one in answered]) if answered else None,
        added_first_p50=_at(added_first, 0.5),
        added_first_p95=_at(added_first, 0.95),
        added_total_p50=_at(added_total, 0.5),
        compared=len(pairs),
    )


def _at(values: Sequence[float], share: float) -> float | None:
    return round(percentile(values, share), 3) if values else None


def errors(samples: Sequence[Sample], *, most: int = 5) -> list[str]:
    """The kinds of error with their counts, the most frequent first."""
    counts: dict[str, int] = {}
    for sample in samples:
        if sample.outcome == "error":
            told = f"{sample.dialect}: {sample.status or 'no answer'}: {sample.error[:120]}"
            counts[told] = counts.get(told, 0) + 1
    ranked = sorted(counts.items(), key=lambda pair: -pair[1])[:most]
    return [f"{count} x {told}" for told, count in ranked]
