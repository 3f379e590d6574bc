"""What was wanted of the figures, and what they have come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from turnout.evaluation_page.tables import Part, Table


@dataclass(frozen=True, slots=True)
class Target:
    """Attributes:
    figure: its name among what parts have reached; of several parts the greatest counts.
    at_least: wanted at least, else at most.
    """

    measure: str
    figure: str
    wanted: float
    digits: int
    unit: str
    section: str
    at_least: bool = False


TARGETS: Final = (
    Target(
        "input spend of `best-fixed`, keep-warm reads paid",
        "input_of_best_fixed",
        0.975,
        3,
        "",
        "Cache lifetimes",
    ),
    Target("the same of `five-minutes`", "input_of_five_minutes", 0.845, 3, "", "Cache lifetimes"),
    Target(
        "without keep-warm reads, of `one-hour-main`",
        "input_of_hour",
        0.99,
        3,
        "",
        "Cache lifetimes",
    ),
    Target(
        "replayed dollars of `ev-h3`, worst row", "most_of_ev_h3", 1.0, 3, "", "Sessions replayed"
    ),
    Target("of `requested`, worst row", "most_of_requested", 1.0, 3, "", "Sessions replayed"),
    Target(
        "of each thread's cheapest policy, worst row",
        "most_of_bound",
        1.02,
        3,
        "",
        "Sessions replayed",
    ),
    Target(
        "the same, `turnout` with keep-warm reads",
        "most_of_bound_kept_warm",
        1.02,
        3,
        "",
        "Sessions replayed",
    ),
    Target(
        "switches that lose money, worst row with more than 30",
        "most_lost_switches",
        0.05,
        3,
        "",
        "Sessions replayed",
    ),
    Target(
        "gain over the hull, measured kinds, kind given",
        "pooled_gain",
        4.5,
        2,
        " points",
        "Several kinds",
        at_least=True,
    ),
    Target(
        "cheaper at equal quality, the mean",
        "pooled_saving",
        0.55,
        2,
        "",
        "Several kinds",
        at_least=True,
    ),
    Target(
        "the same where it is greatest",
        "pooled_greatest_saving",
        0.55,
        2,
        "",
        "Several kinds",
        at_least=True,
    ),
    Target(
        "gain over the hull, coding kinds",
        "coding_gain",
        1.5,
        2,
        " points",
        "Several kinds",
        at_least=True,
    ),
    Target(
        "within one kind, lower bound of the worst row, over the hull",
        "within_kind_low",
        -0.3,
        2,
        " points",
        "Within one kind",
        at_least=True,
    ),
    Target(
        "the same over the mix that could be foreseen",
        "within_kind_foreseen_low",
        -0.3,
        2,
        " points",
        "Within one kind",
        at_least=True,
    ),
    Target(
        "cascade to Opus at a check of 0.8, over the hull",
        "cascade",
        0.0,
        2,
        " points",
        "Cascades",
        at_least=True,
    ),
    Target(
        "places of the dial with no more cost or quality than the one before",
        "dial_falls",
        0.0,
        0,
        "",
        "The dial",
    ),
    Target(
        "cache hits, greatest error of a bucket with 200 calls",
        "hit_error",
        0.05,
        3,
        "",
        "Cache hits",
    ),
)


def reached(parts: Sequence[Part]) -> dict[str, float]:
    """By name, the greatest."""
    found: dict[str, float] = {}
    for part in parts:
        for name, value in part.reached.items():
            found[name] = max(value, found.get(name, value))
    return found


def targets(found: Mapping[str, float]) -> Table:
    return Table(
        ("measure", "wanted", "reached", "", "section"),
        tuple(_row(one, found.get(one.figure)) for one in TARGETS),
    )


def _row(target: Target, found: float | None) -> tuple[str, ...]:
    sign = "≥" if target.at_least else "≤"
    wanted = f"{sign} {target.wanted:.{target.digits}f}{target.unit}"
    if found is None:
        return target.measure, wanted, "-", "not in these tables", target.section
    # As it is written: a figure that reads as the target has reached it.
    shown = round(found, target.digits)
    is_met = shown >= target.wanted if target.at_least else shown <= target.wanted
    return (
        *(target.measure, wanted, f"{shown:.{target.digits}f}{target.unit}"),
        *("met" if is_met else "**missed**", target.section),
    )
