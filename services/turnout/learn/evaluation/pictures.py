"""The charts of `turnout eval`: accuracy against cost, cascades over the accuracy of their check, cost against time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from turnout.learn.evaluation.cascades import Cascade, Checked
from turnout.learn.evaluation.report import Report
from turnout.learn.evaluation.standings import Point, Standing
from turnout.learn.plots import Chart, Series, save

SHOWN_CHECK: Final = 0.8
"""The check accuracy at which cascades are set beside others."""

STEPS: Final = 20
"""Straight pieces by which a bent line is drawn between two corners."""


def draw_all(report: Report, directory: Path) -> None:
    """Of every pool with all models, tasks alike; of single datasets where there is no pool. Raises
    `InvalidRequest` without matplotlib.
    """
    for standing in shown(report):
        chains = cascades_of(report, standing)
        charts = {
            "accuracy_against_cost": _accuracy_against_cost(standing, chains),
            "cascades_over_check": _over_check(standing, chains) if chains else None,
            "cost_against_seconds": _cost_against_seconds(standing, chains),
        }
        for name, chart in charts.items():
            if chart is not None:
                save(chart, directory, f"{name}_{standing.scope}")


def shown(report: Report) -> list[Standing]:
    return [one for one in report.pools or report.kinds if not one.is_alike and not one.without]


def cascades_of(report: Report, standing: Standing) -> list[Cascade]:
    return [
        one
        for one in report.cascades
        if (one.scope, one.without) == (standing.scope, standing.without)
    ]


def at_shown_check(cascade: Cascade) -> Checked:
    return min(cascade.checked, key=lambda one: abs(one.check_accuracy - SHOWN_CHECK))


def _accuracy_against_cost(standing: Standing, chains: Sequence[Cascade]) -> Chart:
    return Chart(
        title=f"{standing.tasks} tasks ({_datasets(standing)})",
        x_label="USD per task",
        y_label="solved, %",
        series=(
            Series("single models", *_by_cost(standing.singles), mark="points", is_backdrop=True),
            _mixed(
                "single models, mixed at random",
                standing.hull,
                names=[one.name for one in standing.hull],
            ),
            _mixed("router, kind told", standing.router),
            *(
                Series(
                    f"{chain.weak}, then {chain.strong}, check {lowest:g} to {highest:g}",
                    *_by_cost([one.point for one in chain.checked]),
                    mark="line and points",
                )
                for chain in chains
                for lowest, highest in [_ends(chain)]
            ),
        ),
        is_log_x=True,
    )


def _over_check(standing: Standing, chains: Sequence[Cascade]) -> Chart:
    return Chart(
        title=f"Cascades on {standing.tasks} tasks ({_datasets(standing)})",
        x_label="accuracy of the check",
        y_label="solved above single models mixed at the same cost, points",
        series=[
            Series(
                f"{chain.weak}, then {chain.strong}",
                [one.check_accuracy for one in chain.checked],
                [one.over_hull.value for one in chain.checked],
                mark="line and points",
                band=(
                    [one.over_hull.low for one in chain.checked],
                    [one.over_hull.high for one in chain.checked],
                ),
            )
            for chain in chains
        ],
        level=0.0,
    )


def _cost_against_seconds(standing: Standing, chains: Sequence[Cascade]) -> Chart | None:
    """None where nothing was timed."""
    on_hull = _timed(standing.hull)
    if not on_hull:
        return None
    places = {_place(one) for one in on_hull}
    groups = {"router, kind told": _timed(standing.router)}
    for chain in chains:
        checked = at_shown_check(chain)
        label = f"{chain.weak}, then {chain.strong}, check {checked.check_accuracy:g}"
        groups[label] = _timed([checked.point])
    return Chart(
        title=f"{standing.tasks} tasks ({_datasets(standing)}), with the share solved",
        x_label="seconds per task",
        y_label="USD per task",
        series=[
            Series(
                "single models",
                *_by_seconds(
                    [one for one in _timed(standing.singles) if _place(one) not in places]
                ),
                mark="points",
                is_backdrop=True,
            ),
            Series(
                "single models on the hull",
                *_by_seconds(on_hull),
                mark="points",
                names=[f"{one.name}, {one.accuracy:.0%}" for one in on_hull],
            ),
            *(
                Series(
                    label,
                    *_by_seconds(points),
                    mark="points",
                    # A router that serves one model everywhere is where that model is named.
                    names=[
                        "" if _place(one) in places else f"{one.accuracy:.0%}" for one in points
                    ],
                )
                for label, points in groups.items()
            ),
        ],
        is_log_x=True,
        is_log_y=True,
    )


def _mixed(label: str, corners: Sequence[Point], *, names: Sequence[str] = ()) -> Series:
    """Straight in dollars, so bent where the axis is logarithmic."""
    xs, ys = _by_cost(corners)
    between = np.arange(STEPS * (len(corners) - 1) + 1) / STEPS
    places = np.arange(len(corners))
    return Series(
        label,
        np.interp(between, places, xs).tolist(),
        np.interp(between, places, ys).tolist(),
        mark="line and points",
        marked=range(0, len(between), STEPS),
        names=names,
    )


def _place(point: Point) -> tuple[str, str]:
    """Sums in another order differ in the last digit."""
    return f"{point.cost_usd:.6g}", f"{point.accuracy:.6g}"


def _ends(chain: Cascade) -> tuple[float, float]:
    return chain.checked[0].check_accuracy, chain.checked[-1].check_accuracy


def _timed(points: Sequence[Point]) -> list[Point]:
    return [one for one in points if one.seconds is not None]


def _by_seconds(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [one.seconds or 0.0 for one in points], [one.cost_usd for one in points]


def _by_cost(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [one.cost_usd for one in points], [100 * one.accuracy for one in points]


def _datasets(standing: Standing) -> str:
    return ", ".join(one.rpartition("/")[2] for one in standing.datasets)
