"""What a soak says at its end, and whether it has failed. Pure.

Rules: three figures must be zero: answers that are neither whole nor an error of their dialect, facts that
are missing, and rows that are there twice. Memory is told and not judged, because a soak of minutes cannot.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loadtest.soak_load import Seen

WARM_SECONDS = 20.0
"""A process that has just been started grows for other reasons."""

LEAST_SAMPLES = 10
PER_REQUESTS = 10_000

SHOWN = 10
"""Lines of a kind that are shown; one cause gives many."""


@dataclass(frozen=True, slots=True)
class Memory:
    """One look at one process, when so many requests had ended."""

    part: str
    pid: int
    age_seconds: float
    requests: int
    resident_mb: float


@dataclass(frozen=True, slots=True)
class Rows:
    """What ClickHouse has of the run, by request id.

    Attributes:
        requests: how often each request is there.
        attempts: rows and different event ids of each.
        decisions: how often each decision is there.
        undecodable: facts that no row could be made of.
    """

    requests: Mapping[str, int]
    attempts: Mapping[str, tuple[int, int]]
    decisions: Mapping[str, int]
    undecodable: int = 0


@dataclass(frozen=True, slots=True)
class Soaked:
    """One run, that began at `begun` by `time.monotonic`."""

    begun: float
    seen: Sequence[Seen]
    edge_kills: Sequence[tuple[float, float]]
    rows: Rows
    memory: Sequence[Memory] = ()
    files_before: Mapping[str, int] = field(default_factory=dict[str, int])
    files_after: Mapping[str, int] = field(default_factory=dict[str, int])

    def cut(self) -> list[Seen]:
        return [one for one in self.seen if one.is_cut_by(self.edge_kills)]

    def improper(self) -> list[Seen]:
        return [
            one
            for one in self.seen
            if one.verdict in ("improper", "broken") and not one.is_cut_by(self.edge_kills)
        ]

    def lost(self) -> list[str]:
        """What is not there of a request whose head its client has seen, a line each.

        Of an answered one there are the request, its decision and every attempt; of another one the request.
        """
        missing: list[str] = []
        for one in self.seen:
            told = one.request_id
            if not told:
                continue
            if told not in self.rows.requests:
                missing.append(f"request {told}, {one.verdict}: {one.why}")
            if one.verdict != "answered":
                continue
            if told not in self.rows.decisions:
                missing.append(f"decision {told}: {one.why}")
            _, attempts = self.rows.attempts.get(told, (0, 0))
            if attempts < one.attempts:
                missing.append(f"attempts {told}, {attempts} of {one.attempts}: {one.why}")
        undecodable = self.rows.undecodable
        return missing + ([f"{undecodable} facts were undecodable"] if undecodable else [])

    def duplicates(self) -> list[str]:
        """Rows that are there more than once, a line each."""
        counts = (("request", self.rows.requests), ("decision", self.rows.decisions))
        twice = [
            f"{what} {told}: {count} rows"
            for what, rows in counts
            for told, count in rows.items()
            if count > 1
        ]
        return twice + [
            f"attempts of {told}: {rows} rows of {events}"
            for told, (rows, events) in self.rows.attempts.items()
            if rows > events
        ]

    def failures(self) -> list[str]:
        """Why the run has failed; empty where it has not."""
        found = {
            "improper answers": [
                f"{one.begun - self.begun:.1f} s, for {one.seconds:.1f} s: {one.request_id} {one.why}"
                for one in self.improper()
            ],
            "lost facts": self.lost(),
            "duplicate rows": self.duplicates(),
        }
        return [
            line
            for what, lines in found.items()
            if lines
            for line in (f"{len(lines)} {what}", *(f"  {one}" for one in lines[:SHOWN]))
        ]

    def lines(self) -> list[str]:
        by = Counter(one.verdict for one in self.seen)
        failed = [one for one in self.seen if one.verdict == "failed"]
        degraded = Counter(part for one in self.seen for part in one.degraded.split(",") if part)
        parts = ", ".join(f"{part} {count}" for part, count in sorted(degraded.items()))
        counted = sum(1 for one in self.seen if one.degraded)
        told = [
            ("requests", str(len(self.seen))),
            ("answered", str(by["answered"])),
            ("degraded", f"{counted}{f' ({parts})' if parts else ''}"),
            ("failed with a proper error", str(len(failed))),
            ("  of these by a provider's scripted fault", str(sum(one.is_bad for one in failed))),
            ("longest answer, s", f"{max((one.seconds for one in self.seen), default=0.0):.1f}"),
            ("cut by a kill of the ingress", str(len(self.cut()))),
            ("improper answers", str(len(self.improper()))),
            ("lost facts", str(len(self.lost()))),
            ("duplicate rows", str(len(self.duplicates()))),
        ]
        return [
            *(f"{name:44}{value}" for name, value in told),
            "",
            *self._failed_by_harm(),
            *self._processes(),
        ]

    def _failed_by_harm(self) -> list[str]:
        """Why requests failed whose provider was told to answer well, the most frequent first."""
        why = Counter(
            one.why.partition(": ")[2]
            for one in self.seen
            if one.verdict == "failed" and not one.is_bad
        )
        return [f"{count:6} failed: {said}" for said, count in why.most_common(SHOWN)] + [""]

    def _processes(self) -> list[str]:
        slopes = slopes_mb(self.memory)
        parts = sorted({*slopes, *self.files_before, *self.files_after})
        head = f"{'process':24}{'MB at the end':>14}{'MB per 10,000':>15}{'open files':>12}{'at start':>10}"
        return [
            head,
            *(
                f"{part:24}{_last(self.memory, part):>14}{_told(slopes.get(part)):>15}"
                f"{self.files_after.get(part, 0):>12}{self.files_before.get(part, 0):>10}"
                for part in parts
            ),
        ]


def slopes_mb(memory: Sequence[Memory]) -> dict[str, float | None]:
    """MB that each part grew by in 10,000 requests, by least squares over its processes.

    Each process has a level of its own, so that one that was started again is not taken for a shrinking
    one. None where there is too little to tell.
    """
    by_part: dict[str, dict[int, list[Memory]]] = {}
    for one in memory:
        found = by_part.setdefault(one.part, {})
        if one.age_seconds >= WARM_SECONDS:
            found.setdefault(one.pid, []).append(one)
    return {part: _slope(list(found.values())) for part, found in by_part.items()}


def _slope(processes: Sequence[Sequence[Memory]]) -> float | None:
    samples = sum(map(len, processes))
    squares = products = 0.0
    for process in processes:
        requests = sum(one.requests for one in process) / len(process)
        resident = sum(one.resident_mb for one in process) / len(process)
        squares += sum((one.requests - requests) ** 2 for one in process)
        products += sum((one.requests - requests) * (one.resident_mb - resident) for one in process)
    if samples < LEAST_SAMPLES or not squares:
        return None
    return PER_REQUESTS * products / squares


def _told(slope: float | None) -> str:
    return "-" if slope is None else f"{slope:+.1f}"


def _last(memory: Sequence[Memory], part: str) -> str:
    found = [one.resident_mb for one in memory if one.part == part]
    return f"{found[-1]:.0f}" if found else "-"
