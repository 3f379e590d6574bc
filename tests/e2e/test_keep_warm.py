"""Keeping prompts cached, as a running product is told to and says it does; reads come minutes later."""

from collections.abc import Generator

import httpx
import pytest

from tests.e2e.conftest import COMPOSITIONS
from tests.e2e.product import Product, environment, run, running
from tests.e2e.test_behaviour import PATIENCE_SECONDS, until
from tests.e2e.test_recorded_decisions import ALL, TASKS, thread
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.policy.decision import KeepWarm
from turnout.policy.switch import decide
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST
from turnout.telemetry.recorded_decisions import RecordedDecision, read_decision


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Generator[Product]:
    """In processes of their own, so that what a decision says of it has travelled."""
    directory = tmp_path_factory.mktemp("keeping")
    settings = environment(
        directory / "data",
        TURNOUT_ROUTING__KEEP_WARM="true",
        TURNOUT_ROUTING__KEEP_WARM_BUDGET_USD="2",
        TURNOUT_ROUTING__CONTROL_SHARE="0",
    )
    with running(*COMPOSITIONS["split"], settings=settings, log=directory / "log") as product:
        yield product


def recorded(product: Product, mode: str) -> list[RecordedDecision]:
    httpx.put(f"{product.url}/v1/modes/default", json={"mode": mode}).raise_for_status()
    ids = thread(product, "claude-opus-5-5", f"In {mode} mode. {TASKS[0]}", steps=2)
    with product.warehouse() as warehouse:
        for _ in until(PATIENCE_SECONDS):
            told = warehouse.raw_query(ALL, parameters={"ids": ids}).decode()
            found = [read_decision(line) for line in told.splitlines()]
            if len(found) == len(ids):
                return found
    raise AssertionError(f"{len(found)} of {len(ids)} decisions are recorded")


def test_a_decision_says_for_which_pauses_its_prompt_is_kept_and_can_be_made_again(
    keeping: Product,
) -> None:
    catalog = parse_catalog(snapshot_bytes())
    tables = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)
    found = recorded(keeping, "cache")
    for one in found:
        kept = one.decision.keep_warm
        assert isinstance(kept, KeepWarm)
        assert (kept.lifetime, kept.budget_usd) == (one.decision.write_lifetime, 2.0)
        assert decide(one.inputs, catalog=catalog, tables=tables) == one.decision
    told = run("explain", found[0].request_id, settings=keeping.settings)
    assert "reads keep it cached as long as they pay, for $2.00 a day at most" in told.stdout
    assert all(one.decision.keep_warm is None for one in recorded(keeping, "observe"))
