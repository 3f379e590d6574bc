"""A promise of the benchmarks, and the line that says what became of it in a run. Pure."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Bound: TypeAlias = Literal["at least", "under"]


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
        if self.bound == "at least":
            return self.measured >= self.limit
        return self.measured < self.limit

    @property
    def line(self) -> str:
        verdict = "met" if self.is_met else "NOT MET"
        return (
            f"{self.what}: {self.measured:.2f}{self.unit},"
            f" target {self.bound} {self.limit:g}{self.unit}: {verdict}"
        )
