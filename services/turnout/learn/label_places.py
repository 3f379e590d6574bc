"""Where the names of points are written in a chart, so that they cover neither points nor each other. Pure.

Rules: lengths are in points of type; names are placed in their order, each where it covers least of what is there
and is near to its point; of places alike in the first of `_places`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

FONT_POINTS: Final = 8.0
CHARACTER_POINTS: Final = 4.9
"""A character's mean width at that size; a little more than it is, so that names keep apart."""

GAPS_POINTS: Final = (5.0, 12.0, 20.0)
"""From a point to its name: near, and farther where that is taken."""

LED_POINTS: Final = 8.0
"""Farther than the nearest places and their diagonals."""

MARKER_POINTS: Final = 3.5
"""A point is taken to reach so far around itself."""

COVERED: Final = 10.0
"""Points of type that a name moves rather than covering a point."""

OUTSIDE: Final = 1_000.0
"""A name that leaves the axes is worse than one that covers all that there is."""

CROSSED: Final = 80.0
"""A name over a name can be read less than one over a line's points."""


@dataclass(frozen=True, slots=True)
class Box:
    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: "Box") -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def holds(self, x: float, y: float) -> bool:
        reach = MARKER_POINTS
        return (
            self.left - reach < x < self.right + reach
            and self.bottom - reach < y < self.top + reach
        )

    def is_within(self, frame: "Box") -> bool:
        return (
            frame.left <= self.left
            and self.right <= frame.right
            and frame.bottom <= self.bottom
            and self.top <= frame.top
        )


@dataclass(frozen=True, slots=True)
class Name:
    """What is written beside the point at x and y."""

    text: str
    x: float
    y: float


def place_names(
    names: Sequence[Name], points: Sequence[tuple[float, float]], frame: Box
) -> list[tuple[float, float]]:
    """From each named point to the left lower corner of its name. `points` are all that are drawn."""
    taken: list[Box] = []
    moved: list[tuple[float, float]] = []
    for name in names:
        _, best = min(
            ((gap + _covered(box, points, taken, frame), box) for gap, box in _places(name)),
            key=lambda found: found[0],
        )
        taken.append(best)
        moved.append((best.left - name.x, best.bottom - name.y))
    return moved


def aligned(text: str, moved: tuple[float, float]) -> tuple[float, Literal["left", "right"]]:
    """From the point to the end of the name that is nearer to it, and which end that is: names are narrower than
    they are taken to be, and what is too wide must not come between.
    """
    right = moved[0] + CHARACTER_POINTS * len(text)
    return (right, "right") if right <= 0.0 else (moved[0], "left")


def is_led(text: str, moved: tuple[float, float]) -> bool:
    """Whether a name is so far from its point that a line has to say whose it is."""
    left, bottom = moved
    width = CHARACTER_POINTS * len(text)
    beside = max(left, -left - width, 0.0)
    above = max(bottom, -bottom - FONT_POINTS, 0.0)
    return math.hypot(beside, above) > LED_POINTS


def _covered(
    box: Box, points: Sequence[tuple[float, float]], taken: Sequence[Box], frame: Box
) -> float:
    return (
        COVERED * sum(box.holds(x, y) for x, y in points)
        + CROSSED * sum(box.meets(other) for other in taken)
        + (0.0 if box.is_within(frame) else OUTSIDE)
    )


def _places(name: Name) -> Iterator[tuple[float, Box]]:
    """Each with its distance."""
    width = CHARACTER_POINTS * len(name.text)
    for gap in GAPS_POINTS:
        for left in (name.x + gap, name.x - gap - width, name.x - width / 2, name.x - width):
            for bottom in (name.y - gap - FONT_POINTS, name.y + gap, name.y - FONT_POINTS / 2):
                yield gap, Box(left, bottom, left + width, bottom + FONT_POINTS)
