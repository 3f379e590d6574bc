"""A promise of the benchmarks, and the lines that say what became of it in a run. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Bound: TypeAlias = Literal["at least", "at most", "under"]


@dataclass(frozen=True, slots=True)
class Target:
    """A promise and what became of it in this run."""

    what: str
    measured: float
    bound: Bound
    limit: float
    unit: str = ""

    @property
    def is_met(self) -> bool:
        match self.bound:
            case "at least":
                return self.measured >= self.limit
            case "at most":
                return self.measured <= self.limit
            case "under":
                return self.measured < self.limit

    @property
    def verdict(self) -> str:
        return "met" if self.is_met else "NOT MET"

    @property
    def line(self) -> str:
        return (
            f"{self.what}: {self.measured:.2f}{self.unit},"
            f" target {self.bound} {self.limit:g}{self.unit}: {self.verdict}"
        )


def table(targets: Sequence[Target]) -> Iterator[str]:
    """What was promised, what was reached."""
    wide = max((len(target.what) for target in targets), default=0)
    yield f"{'measure':{wide}}  {'target':>16}  {'reached':>12}"
    for target in targets:
        limit = f"{target.bound} {target.limit:g}{target.unit}"
        reached = f"{target.measured:.3f}{target.unit}"
        yield f"{target.what:{wide}}  {limit:>16}  {reached:>12}  {target.verdict}"
