"""What the demo says of a run."""

from turnout.demo.report import Moves, Report, Totals, rendered

TOTALS = Totals(
    requests=2_001,
    sessions=60,
    threads=123,
    answered=1_990,
    cancelled=11,
    failed=0,
    degraded=0,
    served_by_another=900,
    modes=["full"],
    first_content_p50=0.4,
    first_content_p95=None,
)


def test_moves_and_fallbacks_are_told_for_what_they_are() -> None:
    """A thread may move more than once."""
    moves = Moves(thread_switches=142, hedges=3, fallbacks=15, retries=4)
    said = rendered(Report(by_model=(), requested=(), totals=TOTALS, moves=moves))
    assert "moves of threads from one model to another: 142" in said
    assert (
        "hedges 3, retries 4, fallbacks 15 (a call failed, another target was asked: 1% of calls are refused as"
        " overloaded)" in said
    )
