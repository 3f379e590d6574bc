"""Extra calls stay within a share of a tenant's own traffic, in requests and in dollars."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.budget import BURST_REQUESTS, BURST_USD, DEFAULT_SHARE, Budget


def after(requests: int, *, usd_each: float = 0.0) -> Budget:
    budget = Budget()
    for _ in range(requests):
        budget.requested()
        budget.billed(usd_each)
    return budget


def test_a_new_tenant_has_nothing_to_spend() -> None:
    assert Budget().refuses(0.0) == "no_requests_left"


@pytest.mark.parametrize(
    ("requests", "expected_usd", "refused"),
    [
        (19, 0.0, "no_requests_left"),
        (21, 0.0, None),
        (21, 0.01, "no_dollars_left"),
    ],
)
def test_requests_alone_buy_what_costs_nothing(
    requests: int, expected_usd: float, refused: str | None
) -> None:
    assert after(requests).refuses(expected_usd) == refused


def test_dollars_are_a_share_of_the_spending() -> None:
    budget = after(100, usd_each=0.10)
    assert budget.usd_left == pytest.approx(0.5)
    assert budget.refuses(0.49) is None
    assert budget.refuses(0.51) == "no_dollars_left"
    budget.charge(0.49)
    assert budget.refuses(0.49) == "no_dollars_left"


def test_what_is_not_used_is_kept_up_to_a_burst() -> None:
    budget = after(10_000, usd_each=1.0)
    assert budget.usd_left == BURST_USD
    for _ in range(int(BURST_REQUESTS)):
        assert budget.refuses(0.0) is None
        budget.charge(0.0)
    assert budget.refuses(0.0) == "no_requests_left"


def test_a_bill_dearer_than_expected_makes_a_debt_that_traffic_pays() -> None:
    budget = after(100, usd_each=0.10)
    budget.charge(0.1)
    budget.settle(expected_usd=0.1, usd=0.9)
    assert budget.usd_left == pytest.approx(-0.4)
    assert budget.refuses(0.01) == "no_dollars_left"
    assert budget.refuses(0.0) is None
    budget.billed(10.0)
    assert budget.refuses(0.09) is None


def test_a_bill_cheaper_than_expected_gives_back() -> None:
    budget = after(100, usd_each=0.10)
    budget.charge(0.4)
    budget.settle(expected_usd=0.4, usd=0.1)
    assert budget.usd_left == pytest.approx(0.4)


def test_shares_may_change_and_none_of_them_buys_nothing() -> None:
    budget = Budget()
    budget.set_shares(requests_share=1.0, usd_share=0.0)
    budget.requested()
    budget.billed(5.0)
    assert budget.refuses(0.0) is None
    assert budget.refuses(0.01) == "no_dollars_left"


USD = st.floats(0.0, 3.0)
STEPS = st.lists(
    st.tuples(st.just("request"), USD, USD) | st.tuples(st.just("extra"), USD, USD), max_size=400
)


@given(STEPS, st.booleans())
def test_over_any_traffic_the_extra_is_a_share_of_it(
    steps: list[tuple[str, float, float]], is_as_expected: bool
) -> None:
    budget = Budget()
    requests, spent, extra_calls, extra_usd, surprises = 0, 0.0, 0, 0.0, 0.0
    for what, usd, expected in steps:
        if what == "request":
            # Many at once, so that extra calls come about at all.
            for _ in range(10):
                budget.requested()
                budget.billed(usd)
            requests, spent = requests + 10, spent + 10 * usd
        elif budget.refuses(expected) is None:
            bill = expected if is_as_expected else usd
            budget.charge(expected)
            budget.settle(expected_usd=expected, usd=bill)
            extra_calls, extra_usd = extra_calls + 1, extra_usd + bill
            surprises += max(0.0, bill - expected)
        assert extra_calls <= DEFAULT_SHARE * requests + 1e-9
        assert extra_usd <= DEFAULT_SHARE * spent + surprises + 1e-9
