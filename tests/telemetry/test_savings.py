"""Savings that are measured: dollars of both arms, with an interval that is right."""

import math
import random
import statistics
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.bus import samples
from tests.telemetry.telling import tell
from turnout.facts import Fact
from turnout.policy.request import Arm, Mode
from turnout.telemetry.queries import load_query
from turnout.telemetry.warehouse import Warehouse

pytestmark = pytest.mark.anyio


def session(
    arm: Arm,
    name: str,
    costs: Sequence[float | None],
    *,
    score: float | None = None,
    mode: Mode = "full",
) -> list[Fact]:
    """A session with a request of each cost."""
    found: list[Fact] = []
    for place, cost in enumerate(costs):
        request = samples.completed(f"{arm}-{name}-{place}")
        found.append(
            replace(
                request,
                identity=replace(request.identity, session=f"{arm}-{name}", arm=arm),
                mode=mode,
                cost_usd=cost,
            )
        )
    if score is not None:
        outcome = samples.outcome(f"{arm}-{name}", request_id="")
        found.append(replace(outcome, session=f"{arm}-{name}", kind="score", score=score))
    return found


async def measured(warehouse: Warehouse) -> dict[str, list[float]]:
    rows = await warehouse.rows(load_query("savings_by_arm").sql)
    return {str(name): [float(str(figure)) for figure in figures] for name, *figures in rows}


async def test_the_arms_are_compared_by_session_request_tokens_and_success(
    warehouse: Warehouse,
) -> None:
    await tell(
        warehouse,
        [
            *session("treatment", "1", [1.0, 1.0], score=1.0),
            *session("treatment", "2", [2.0, 2.0], score=0.5),
            *session("control", "1", [4.0], score=1.0),
            *session("control", "2", [8.0]),
            # Neither is compared: nothing was chosen for it, or not all of its cost is known.
            *session("control", "3", [99.0], mode="observe"),
            *session("treatment", "3", [99.0, None]),
        ],
    )
    found = await measured(warehouse)
    assert list(found) == ["session", "request", "million prompt tokens", "success"]
    assert found["session"][:5] == [2, 2, 3.0, 6.0, 0.5]
    assert found["request"][:5] == [2, 2, 1.5, 6.0, 0.25]
    assert found["million prompt tokens"][2] == pytest.approx(1.5 / 0.0913)
    assert found["success"][:5] == [2, 1, 4.0, 4.0, 1.0]


async def test_the_interval_is_that_of_a_ratio_of_means(warehouse: Warehouse) -> None:
    chance = random.Random(3)
    costs = {
        arm: [round(chance.lognormvariate(0, 1) * share, 6) for _ in range(200)]
        for arm, share in (("treatment", 0.7), ("control", 1.0))
    }
    await tell(
        warehouse,
        [
            *(
                one
                for place, cost in enumerate(costs["treatment"])
                for one in session("treatment", str(place), [cost])
            ),
            *(
                one
                for place, cost in enumerate(costs["control"])
                for one in session("control", str(place), [cost])
            ),
        ],
    )
    _, _, treatment, control, ratio, low, high = (await measured(warehouse))["session"]
    means = {arm: statistics.fmean(told) for arm, told in costs.items()}
    assert (treatment, control) == pytest.approx((means["treatment"], means["control"]))
    spread = math.sqrt(
        sum(statistics.variance(told) / len(told) / means[arm] ** 2 for arm, told in costs.items())
    )
    assert low == pytest.approx(ratio * math.exp(-1.96 * spread))
    assert high == pytest.approx(ratio * math.exp(1.96 * spread))
