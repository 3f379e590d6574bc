"""The chart of an audit: what each policy adds to what was requested, or saves of it, as time goes on. Pure."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from turnout.learn.plots import Chart, Series
from turnout.learn.replay.named import NAMES, REQUESTED
from turnout.learn.replay.recorded import Recorded
from turnout.learn.replay.totals import Rows

HOUR, DAY = 3_600.0, 86_400.0

_PLACES: Final = tuple(name for name in NAMES if name != REQUESTED)
"""A policy looks the same whichever others are drawn."""

FEW_DAYS: Final = 3.0
"""Sessions of fewer are drawn by the hour."""


def chart_of(policies: Mapping[str, Rows], recorded: Recorded) -> Chart:
    begun = [call.step.at for thread in recorded.threads for call in thread.calls]
    first, last = min(begun), max(begun)
    unit, name = (HOUR, "hours") if last - first < FEW_DAYS * DAY else (DAY, "days")
    places = [int((at - first) // unit) for at in begun]
    others = [one for one in policies if one != REQUESTED]
    requested = _spent(policies[REQUESTED], places)
    return Chart(
        title="The sessions on this disk under other policies",
        x_label=f"{name} since the first call",
        y_label="USD more than requested, in all",
        series=[
            _series(one, _spent(policies[one], places), requested) for one in (REQUESTED, *others)
        ],
    )


def _spent(rows: Rows, places: Sequence[int]) -> list[float]:
    """Since the first call, at every place."""
    spent = [0.0] * (max(places) + 1)
    calls = (row for thread in rows for row in thread)
    for place, row in zip(places, calls, strict=True):
        spent[place] += row.usd
    return [0.0, *accumulate(spent)]


def _series(name: str, spent: Sequence[float], requested: Sequence[float]) -> Series:
    return Series(
        f"{name}: {spent[-1]:,.2f}",
        [float(x) for x in range(len(spent))],
        [own - theirs for own, theirs in zip(spent, requested, strict=True)],
        is_backdrop=name == REQUESTED,
        place=None if name == REQUESTED else _PLACES.index(name),
    )
