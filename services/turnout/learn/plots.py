"""Charts as PNG and SVG files, drawn by matplotlib, which is loaded when the first one is asked for.

Rules of this module: the same chart gives the same bytes of SVG; a series has its colour by its place, its own
or that among the others, from a palette that the colour-blind tell apart; the legend stands below the axes, where it covers nothing; names of
points are written when everything else has its place.
"""

import importlib
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias

from turnout.errors import InvalidRequest
from turnout.learn.label_places import FONT_POINTS, Box, Name, aligned, is_led, place_names

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, without its yellow, which is hard to see on white."""

GREY: Final = "#999999"
MARKER_POINTS, RING_POINTS = 5.5, 9.0
"""A ring without a line shows around the marker of another series at the same place."""

LINES: Final = ("-", "--", ":")
"""By turns of the palette, so that as many lines can be told apart as colours and these make together."""

WIDTH_INCHES, HEIGHT_INCHES = 8.0, 5.4
LEGEND_ROWS, ROW_INCHES = 3, 0.2
"""What that height has room for, and what every further row of the legend wants."""
DOTS_PER_INCH: Final = 150
LEGEND_COLUMNS: Final = 2
MANY_SERIES, MANY_COLUMNS = 9, 3
"""From so many on the legend has more columns: entries of such charts are short."""
MARKERS: Final = "osD^vP"
"""By place, so that points that fall on each other can be told apart, in grey print too."""

LEADER: Final[Mapping[str, object]] = {
    "arrowstyle": "-",
    "color": GREY,
    "linewidth": 0.6,
    "shrinkA": 0.0,
    "shrinkB": MARKER_POINTS / 2,
}

STYLE: Final[Mapping[str, object]] = {
    # Without a salt the ids in an SVG are random.
    "svg.hashsalt": "turnout",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

Mark: TypeAlias = Literal["line", "points", "line and points"]


@dataclass(frozen=True, slots=True)
class Series:
    """One entry of the legend.

    Attributes:
        marked: places of the points that have a marker; empty for all of them.
        names: written beside the marked points, one each; empty for none.
        band: lower and upper ends of an interval around each y.
        is_backdrop: grey, behind the others: what they are compared with.
        place: in the palette, for what is to look the same in every chart; None for that among the others.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    mark: Mark = "line"
    marked: Sequence[int] = ()
    names: Sequence[str] = ()
    band: tuple[Sequence[float], Sequence[float]] | None = None
    is_backdrop: bool = False
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Labels of axes name their units. `level` is a horizontal line to compare with."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    is_log_x: bool = False
    is_log_y: bool = False
    level: float | None = None


class _Transform(Protocol):
    def transform(self, values: Sequence[tuple[float, float]]) -> Sequence[Sequence[float]]: ...


class _Bounds(Protocol):
    x0: float
    y0: float
    x1: float
    y1: float


class _Axes(Protocol):
    # The names are matplotlib's.
    transData: _Transform  # noqa: N815
    bbox: _Bounds

    def plot(self, x: Sequence[float], y: Sequence[float], **style: object) -> object: ...
    def fill_between(
        self, x: Sequence[float], low: Sequence[float], high: Sequence[float], **style: object
    ) -> object: ...
    def annotate(self, text: str, xy: tuple[float, float], **style: object) -> object: ...
    def axhline(self, y: float, **style: object) -> object: ...
    def grid(self, visible: bool, **style: object) -> object: ...
    def set(self, **properties: object) -> object: ...
    def minorticks_off(self) -> object: ...


class _Figure(Protocol):
    dpi: float

    def draw_without_rendering(self) -> object: ...
    def subplots(self) -> _Axes: ...
    def legend(self, **style: object) -> object: ...
    def savefig(self, path: str, **options: object) -> object: ...


class _NewFigure(Protocol):
    def __call__(self, **options: object) -> _Figure: ...


class _Styled(Protocol):
    def __call__(self, rc: Mapping[str, object]) -> AbstractContextManager[None]: ...


def save(chart: Chart, directory: Path, name: str) -> None:
    """Write `name`.png and `name`.svg. Raises `InvalidRequest` where matplotlib is absent."""
    try:
        styled: _Styled = importlib.import_module("matplotlib").rc_context
        # Not pyplot: a Figure by itself has the Agg canvas and no state beside it.
        new_figure: _NewFigure = importlib.import_module("matplotlib.figure").Figure
    except ImportError as error:
        raise InvalidRequest("Plots need matplotlib, which is not installed.") from error
    with styled(STYLE):
        rows = math.ceil(len(chart.series) / _columns(chart))
        height = HEIGHT_INCHES + ROW_INCHES * max(0, rows - LEGEND_ROWS)
        figure = new_figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        _draw(chart, figure)
        directory.mkdir(parents=True, exist_ok=True)
        figure.savefig(str(directory / f"{name}.png"), dpi=DOTS_PER_INCH)
        figure.savefig(str(directory / f"{name}.svg"), metadata={"Date": None})


def _draw(chart: Chart, figure: _Figure) -> None:
    axes = figure.subplots()
    if chart.level is not None:
        axes.axhline(chart.level, color=GREY, linewidth=1, zorder=1)
    compared = [series for series in chart.series if not series.is_backdrop]
    for series in chart.series:
        if series.is_backdrop:
            _draw_series(axes, series, colour=GREY, marker=".", line=LINES[0])
    for order, series in enumerate(compared):
        at = order if series.place is None else series.place
        colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at % len(MARKERS)]
        line = LINES[at // len(COLOURS) % len(LINES)]
        _draw_series(axes, series, colour=colour, marker=marker, line=line)
    axes.grid(True, color="#e5e5e5", linewidth=0.8)
    axes.set(
        title=chart.title,
        xlabel=chart.x_label,
        ylabel=chart.y_label,
        axisbelow=True,
    )
    x_ticks = _ticks([x for series in chart.series for x in series.x]) if chart.is_log_x else []
    y_ticks = _ticks([y for series in chart.series for y in series.y]) if chart.is_log_y else []
    if x_ticks:
        axes.set(xscale="log", xticks=x_ticks, xticklabels=[f"{tick:g}" for tick in x_ticks])
    if y_ticks:
        axes.set(yscale="log", yticks=y_ticks, yticklabels=[f"{tick:g}" for tick in y_ticks])
    axes.minorticks_off()
    figure.legend(
        loc="outside lower center",
        ncols=_columns(chart),
        frameon=False,
        fontsize=9,
    )
    _write_names(chart, axes, figure)


def _columns(chart: Chart) -> int:
    count = len(chart.series)
    return MANY_COLUMNS if count >= MANY_SERIES else min(LEGEND_COLUMNS, count)


def _ticks(values: Sequence[float]) -> list[float]:
    """1, 2 and 5 of every decade within the values; matplotlib's own would be bare powers of ten. None where
    there would be one, which scales nothing: the axis stays linear.
    """
    low, high = min(values), max(values)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    within = [tick for tick in ticks if low <= tick <= high]
    return within if len(within) > 1 else []


def _draw_series(axes: _Axes, series: Series, *, colour: str, marker: str, line: str) -> None:
    marked = series.marked or range(len(series.x))
    has_line, has_points = series.mark != "points", "points" in series.mark
    if series.band is not None:
        axes.fill_between(series.x, *series.band, color=colour, alpha=0.15, linewidth=0)
    axes.plot(
        series.x,
        series.y,
        label=series.label,
        color=colour,
        linestyle=line if has_line else "",
        linewidth=1.8,
        marker=marker if has_points else "",
        markersize=MARKER_POINTS if has_line or marker != "o" else RING_POINTS,
        markevery=list(marked),
        # Points that fall on each other show through.
        markerfacecolor="white" if has_line else "none",
        markeredgewidth=1.5,
        zorder=2 if series.is_backdrop else 3,
    )


def _write_names(chart: Chart, axes: _Axes, figure: _Figure) -> None:
    named = [
        (text, (series.x[at], series.y[at]))
        for series in chart.series
        for text, at in zip(
            series.names, series.marked or range(len(series.x)), strict=bool(series.names)
        )
        if text
    ]
    if not named:
        return
    # Only now is it known where on the page the axes are.
    figure.draw_without_rendering()
    points = 72.0 / figure.dpi

    def on_page(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        found = axes.transData.transform(places)
        return [(float(x) * points, float(y) * points) for x, y in found]

    drawn = on_page(
        [place for one in chart.series for place in zip(one.x, one.y, strict=True)],
    )
    names = [
        Name(text, x, y)
        for (text, _), (x, y) in zip(named, on_page([place for _, place in named]), strict=True)
    ]
    frame = Box(*(end * points for end in (axes.bbox.x0, axes.bbox.y0, axes.bbox.x1, axes.bbox.y1)))
    for (text, place), moved in zip(named, place_names(names, drawn, frame), strict=True):
        beside, end = aligned(text, moved)
        axes.annotate(
            text,
            place,
            xytext=(beside, moved[1]),
            horizontalalignment=end,
            textcoords="offset points",
            fontsize=FONT_POINTS,
            color="#333333",
            zorder=4,
            # Or the layout would make room for it and move what it was placed by.
            in_layout=False,
            # Who had to give way is led back to its point.
            arrowprops=LEADER if is_led(text, moved) else None,
        )
