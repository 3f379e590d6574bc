"""What waiting costs against what moving costs."""

import pytest

from turnout.policy.decision import Candidate
from turnout.policy.wait_or_move import SECOND_USD, Stakes, Weighed

WARM, COLD = "anthropic/opus@client", "anthropic/opus@env"


def candidate(target: str, now_usd: float | None, to_go_usd: float | None) -> Candidate:
    return Candidate(
        target=target,
        model="opus",
        provider="anthropic",
        lacks=(),
        warm_tokens=0.0,
        cost_now_usd=now_usd,
        cost_to_go_usd=to_go_usd,
        quality=0.5,
        quality_sd=0.0,
        score=None,
    )


def stakes(warm: Candidate, cold: Candidate, *, second_usd: float = SECOND_USD) -> Stakes:
    return Stakes(WARM, (warm, cold), second_usd)


@pytest.mark.parametrize(
    ("to_go_usd", "wait_seconds", "waits"),
    [
        # A cold prompt of 150,000 tokens is worth 48 s.
        (1.8, 9.0, True),
        (1.8, 47.0, True),
        (1.8, 49.0, False),
        # Where the other costs as much or less nobody waits.
        (1.0, 0.1, False),
        (0.2, 0.1, False),
    ],
)
def test_it_waits_where_the_seconds_are_worth_less_than_what_moving_costs_more(
    to_go_usd: float, wait_seconds: float, waits: bool
) -> None:
    on = stakes(candidate(WARM, 0.1, 1.0), candidate(COLD, 0.9, to_go_usd))
    weighed = on.weigh(COLD, wait_seconds=wait_seconds)
    assert weighed is not None
    assert weighed.waits == waits
    assert weighed.wait_usd == wait_seconds * SECOND_USD
    assert weighed.move_usd == pytest.approx(to_go_usd - 1.0)


def test_without_a_price_of_the_horizon_the_request_alone_counts() -> None:
    on = stakes(candidate(WARM, 0.0, None), candidate(COLD, 0.8, 5.0), second_usd=0.1)
    assert on.weigh(COLD, wait_seconds=2.0) == Weighed(0.2, 0.8)


def test_without_any_price_there_is_no_sum() -> None:
    on = stakes(candidate(WARM, 0.1, 1.0), candidate(COLD, None, None))
    assert on.weigh(COLD, wait_seconds=1.0) is None
    assert on.weigh("openai/else@env", wait_seconds=1.0) is None
    assert Stakes(WARM).weigh(COLD, wait_seconds=1.0) is None
