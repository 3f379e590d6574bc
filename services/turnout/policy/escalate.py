"""Whether a thread is in such trouble that a stronger model is worth a cold prompt, and which. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationTable:
    """Which evidence of trouble gives a thread a stronger model.

    Attributes:
        failing_checks: red checks in a row that do; 0 when no number of them does.
        error_streak: steps in a row with a tool error that do; likewise.
        staying_red: share of checks that come out red behind a green one, then behind one, two, three,
            and four or more red ones.
        checks: how many such were seen.

    """

    failing_checks: int
    error_streak: int
    staying_red: tuple[float, ...]
    checks: tuple[int, ...]
