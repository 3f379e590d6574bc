"""The guardrail of a running product: outcomes of its arms take a tenant back, and a person forward again."""

import json
from collections.abc import Generator

import httpx
import pytest

from tests.e2e.product import Product, environment, running
from tests.e2e.test_behaviour import MESSAGES, PATIENCE_SECONDS, ask, message, until
from turnout.policy.arms import Experiment, arm_of

SALT = "guardrail"
SHARE = 0.5
SESSIONS = 60
"""Half of them in each arm, which is enough where one always succeeds and the other never."""

INTERVAL_SECONDS = 1.0


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[Product]:
    directory = tmp_path_factory.mktemp("guarded")
    settings = environment(
        directory / "data",
        TURNOUT_ROUTING__CONTROL_SHARE=str(SHARE),
        TURNOUT_ROUTING__ARM_SALT=SALT,
        TURNOUT_ROUTING__GUARDRAIL_SECONDS=str(INTERVAL_SECONDS),
    )
    with running(settings=settings, log=directory / "log") as product:
        yield product


def work(product: Product, name: str, *, treatment: float, control: float) -> None:
    """Sessions of one request each, and what came of them by arm."""
    scores = {"treatment": treatment, "control": control}
    experiment = Experiment(SHARE, SALT)
    outcomes: list[dict[str, object]] = []
    for number in range(SESSIONS):
        session = f"{name}-{number}"
        named = {"x-claude-code-session-id": session}
        ask(product, MESSAGES, message("claude-opus-5-5"), **named).raise_for_status()
        arm = arm_of(session, tenant="default", experiment=experiment)
        outcomes.append({"session": session, "kind": "score", "score": scores[arm]})
    httpx.post(f"{product.url}/v1/outcomes", json=outcomes).raise_for_status()
    count = (
        "SELECT count() FROM session_success WHERE startsWith(session, {name:String}) FORMAT TSV"
    )
    with product.warehouse() as warehouse:
        for _ in until(PATIENCE_SECONDS):
            if int(warehouse.raw_query(count, parameters={"name": name})) == SESSIONS:
                return
    raise AssertionError("the outcomes are not in ClickHouse")


def mode_of(product: Product) -> str:
    return str(httpx.get(f"{product.url}/v1/modes").json()["default"])


def stays(product: Product, mode: str) -> bool:
    """Whether the mode is the same over several looks."""
    return all(mode_of(product) == mode for _ in until(4 * INTERVAL_SECONDS))


def test_a_tenant_goes_back_on_evidence_and_forward_by_a_person(guarded: Product) -> None:
    def put(mode: str) -> None:
        httpx.put(f"{guarded.url}/v1/modes/default", json={"mode": mode}).raise_for_status()

    put("observe")
    put("full")
    work(guarded, "same", treatment=0.5, control=0.5)
    assert stays(guarded, "full")

    work(guarded, "worse", treatment=0.0, control=1.0)
    assert any(mode_of(guarded) == "subagents" for _ in until(PATIENCE_SECONDS))
    # What made it drop is not evidence against the mode that it came to.
    assert stays(guarded, "subagents")

    put("full")
    assert stays(guarded, "full")
    expected = [
        ["person", "local", "full", "observe", None],
        ["person", "local", "observe", "full", None],
        ["guardrail", "", "full", "subagents", True],
        ["person", "local", "subagents", "full", None],
    ]
    changes = (
        "SELECT source, changed_by, from_mode, to_mode, (high < -margin)::Nullable(Bool)"
        " FROM mode_changes ORDER BY occurred_at FORMAT JSONCompactEachRow"
    )
    with guarded.warehouse() as warehouse:
        assert any(
            [json.loads(row) for row in warehouse.raw_query(changes).splitlines()] == expected
            for _ in until(PATIENCE_SECONDS)
        )
