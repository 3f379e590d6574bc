"""What the hedging benchmark promises, and what its lines say became of it."""

import pytest

from loadtest import targets
from loadtest.hedge_report import CpuPair, HedgeReport, Row, Spent
from loadtest.leaving import Left

SLOW = [1.0] * 98 + [10.0, 10.0]


def row(*, hedged: list[float], hedges: int = 5, hedge_usd: float = 0.5) -> Row:
    spent = Spent(
        requests=100, hedges=hedges, usd=10.0 + hedge_usd, hedge_usd=hedge_usd, refused=1,
        delay_seconds=5.0,
    )  # fmt: skip
    return Row(title="stalls", max_share=0.2, plain=SLOW, hedged=hedged, spent=spent)


def test_a_row_stands_with_its_price() -> None:
    report = HedgeReport(rows=[row(hedged=[1.0] * 98 + [2.0, 9.0])])
    assert [(target.measured, target.is_met) for target in report.targets()] == [
        (0.2, True),
        (5.0, True),
        (5.0, True),
    ]


@pytest.mark.parametrize(
    ("made", "missed"),
    [
        (row(hedged=[1.0] * 98 + [2.1, 9.0]), 0),
        (row(hedged=[1.0] * 100, hedges=6), 1),
        (row(hedged=[1.0] * 100, hedge_usd=0.51), 2),
    ],
)
def test_what_is_missed_is_said(made: Row, missed: int) -> None:
    found = HedgeReport(rows=[made]).targets()
    assert [target.is_met for target in found] == [number != missed for number in range(3)]
    lines = list(targets.table(found))[1:]
    assert [line.endswith("NOT MET") for line in lines] == [number == missed for number in range(3)]


def test_rounds_are_paired_and_leavers_judged_together() -> None:
    report = HedgeReport(
        cpu=[CpuPair(1.0, 1.04), CpuPair(2.0, 2.1), CpuPair(1.0, 1.2)],
        left={"embedded": Left([0.010] * 49, [0.051]), "split": Left([0.05] * 50, [0.05] * 50)},
    )
    assert [(round(t.measured, 3), t.is_met) for t in report.targets()] == [
        (1.05, True),
        (51.0, False),
        (50.0, True),
    ]
    assert any("upstream streaming 1 times" in line for line in report.lines())
