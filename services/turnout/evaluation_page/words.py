"""How figures are written on the page."""

from turnout.learn.evaluation.standings import Interval
from turnout.learn.kinds import Share


def points(one: Interval) -> str:
    return f"{signed(one.value)} [{signed(one.low)} {signed(one.high)}]"


def signed(value: float) -> str:
    """Points with their sign; a zero has none."""
    rounded = round(value, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"


def percent(share: float) -> str:
    return f"{_whole(share)} %"


def percents(one: Interval) -> str:
    return f"{percent(one.value)} [{_whole(one.low)} {_whole(one.high)}]"


def _whole(share: float) -> int:
    return round(100 * share)


def share(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def share_between(one: Share) -> tuple[str, str, str]:
    """A share, its interval and of how many."""
    if one.share is None or one.low is None or one.high is None:
        return "-", "-", f"{one.of}"
    return f"{one.share:.3f}", f"{one.low:.3f} to {one.high:.3f}", f"{one.of}"
