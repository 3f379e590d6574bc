"""Arms: the same session always in the same one, and as many in each as was said."""

from hypothesis import given
from hypothesis import strategies as st

from turnout.policy.arms import Experiment, arm_of


def arms(experiment: Experiment, *, tenant: str = "acme") -> list[str]:
    return [arm_of(f"session {n}", tenant=tenant, experiment=experiment) for n in range(20_000)]


def test_without_a_control_share_nobody_is_assigned() -> None:
    assert set(arms(Experiment())) == {""}


def test_shares_are_what_was_said() -> None:
    for share in (0.02, 0.1, 0.5):
        controls = arms(Experiment(control_share=share)).count("control")
        # Four standard deviations of a binomial.
        assert abs(controls - 20_000 * share) < 4 * (20_000 * share * (1 - share)) ** 0.5


def test_tenants_and_salts_divide_the_same_sessions_differently() -> None:
    half = Experiment(control_share=0.5)
    first = arms(half)
    for other in (arms(half, tenant="other"), arms(Experiment(control_share=0.5, salt="again"))):
        same = sum(one == two for one, two in zip(first, other, strict=True))
        assert abs(same - 10_000) < 400


@given(st.text(), st.text(), st.floats(0.0, 0.9), st.floats(0.0, 0.9))
def test_a_larger_share_keeps_those_that_were_in_it(
    session: str, tenant: str, one: float, other: float
) -> None:
    less, more = sorted((one, other))
    if arm_of(session, tenant=tenant, experiment=Experiment(less)) == "control":
        assert arm_of(session, tenant=tenant, experiment=Experiment(more)) == "control"
