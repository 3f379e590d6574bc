"""A plot as SVG text: which share of requests had their first content within how many milliseconds.

Pure. One line per target; the x axis is logarithmic, because what is looked for is at both ends.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 40, 50
COLOURS = ("#555555", "#1b6ca8", "#c05020", "#2e7d32")
POINTS = 200
"""Per line: more than the eye tells apart."""


def curves(title: str, series: Mapping[str, Sequence[float]]) -> str:
    """The distribution of each target's milliseconds. Targets without values are left out."""
    shown = {name: sorted(values) for name, values in series.items() if values}
    every = [value for values in shown.values() for value in values]
    low = 10 ** math.floor(math.log10(max(0.1, min(every, default=1.0))))
    high = 10 ** math.ceil(math.log10(max(low * 10, max(every, default=10.0))))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        *_grid(low, high),
    ]
    for at, (name, values) in enumerate(shown.items()):
        colour = COLOURS[at % len(COLOURS)]
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2"'
            f' points="{_points(values, low, high)}"/>'
        )
        # Lower right, where no distribution has a curve.
        y = HEIGHT - BOTTOM - 12 - 18 * (len(shown) - 1 - at)
        x = WIDTH - RIGHT - 12
        parts.append(f'<rect x="{x - 14}" y="{y - 6}" width="14" height="4" fill="{colour}"/>')
        parts.append(
            f'<text x="{x - 20}" y="{y}" text-anchor="end">{escape(name)} ({len(values)})</text>'
        )
    return "\n".join((*parts, "</svg>", ""))


def _grid(low: float, high: float) -> list[str]:
    parts: list[str] = []
    for share in (0.0, 0.25, 0.5, 0.75, 0.95, 1.0):
        y = _y(share)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    decades = round(math.log10(high / low))
    ticks = [low * 10**decade * step for decade in range(decades) for step in (1, 2, 5)]
    for tick in (*ticks, high):
        x = _x(tick, low, high)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#dddddd"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:g}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">milliseconds to first content'
        " (share of answered requests)</text>"
    )
    return parts


def _points(values: Sequence[float], low: float, high: float) -> str:
    count = min(POINTS, len(values))
    places = [round(at * (len(values) - 1) / max(1, count - 1)) for at in range(count)]
    return " ".join(
        f"{_x(values[at], low, high):.1f},{_y((at + 1) / len(values)):.1f}" for at in places
    )


def _x(value: float, low: float, high: float) -> float:
    share = (math.log10(max(low, value)) - math.log10(low)) / (math.log10(high) - math.log10(low))
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
