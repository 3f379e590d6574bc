"""The projected mix over the dial, with the tables that are shipped: no dead zone, never less for more."""

import itertools
from dataclasses import replace

import pytest
from msgspec import structs

from tests.policy.scenes import CATALOG, HAIKU, OPUS, SECRET, SONNET, TABLES, running, scene
from turnout.catalog.catalog import Catalog, parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.policy.artifact import Artifact
from turnout.policy.decision import DecisionInputs, RoutingSettings
from turnout.policy.dial import BEST_USD, dial_of
from turnout.policy.first_requests import FirstRequest, first_inputs
from turnout.policy.mix import dial_for, dialling, mix
from turnout.routing_section import Routing
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder_files import EMBEDDER_DIGEST


@pytest.fixture(scope="module")
def shipped() -> tuple[Catalog, Artifact]:
    return parse_catalog(snapshot_bytes()), load_artifact(None, embedder_digest=EMBEDDER_DIGEST)


def requests_of(
    catalog: Catalog, tables: Artifact, settings: RoutingSettings
) -> list[DecisionInputs]:
    return [
        first_inputs(one, settings=settings, catalog=catalog, artifact_digest=tables.digest)
        for one in tables.content.first_requests
    ]


@pytest.mark.parametrize("named", ["ceiling", "baseline"])
def test_over_the_dial_cost_and_quality_grow_at_every_place(
    shipped: tuple[Catalog, Artifact], named: str
) -> None:
    catalog, tables = shipped
    settings = RoutingSettings(
        candidates=Routing().candidates,
        named_model="ceiling" if named == "ceiling" else "baseline",
    )
    requests = requests_of(catalog, tables, settings)
    dial = dial_for(requests, catalog=catalog, tables=tables)
    found = mix(requests, dial, catalog=catalog, tables=tables)
    assert (found.threads, found.left_out) == (len(requests), 0)
    first, last = found.points[0], found.points[-1]
    step = (last.quality - first.quality) / (len(found.points) - 1)
    for less, more in itertools.pairwise(found.points):
        assert less.usd < more.usd
        assert less.quality < more.quality
        # Twenty steps of the dial are twenty of quality: none is more than twice their mean.
        assert 0.3 * step < more.quality - less.quality < 2 * step


def test_a_place_is_the_value_that_buys_it(shipped: tuple[Catalog, Artifact]) -> None:
    catalog, tables = shipped
    settings = RoutingSettings(candidates=Routing().candidates)
    dialled = dialling(tables.content.first_requests, catalog=catalog, tables=tables)

    def at(bias: float | None) -> RoutingSettings:
        return dialled(settings, bias)

    assert at(None) == settings
    assert (at(0.0).value_usd, at(1.0).value_usd) == (0.0, BEST_USD)
    assert 0.0 < at(0.25).value_usd < at(0.75).value_usd < BEST_USD
    # A tenant with other candidates has a dial of its own.
    fewer = structs.replace(settings, candidates=("claude-opus-5-5", "claude-haiku-5-5"))
    assert dialled(fewer, 0.5) != structs.replace(fewer, value_usd=at(0.5).value_usd)


def test_threads_are_decided_as_new_ones_whatever_they_were() -> None:
    plain = scene(candidates=(SONNET, HAIKU))
    odd = structs.replace(
        plain,
        mode="observe",
        identity=structs.replace(plain.identity, arm="control"),
        state=running(f"anthropic/{OPUS}@env", warm=29_000),
        degraded=("tracker",),
        settings=structs.replace(plain.settings, exploration=0.5),
        draw=0.01,
    )
    dial = dial_for([plain], catalog=CATALOG, tables=TABLES)
    usual, other = (mix([one], dial, catalog=CATALOG, tables=TABLES) for one in (plain, odd))
    assert usual == other
    assert usual.points[0].shares == {HAIKU: 1.0}
    assert usual.points[-1].shares == {OPUS: 1.0}


def test_what_nobody_with_a_price_can_serve_is_counted() -> None:
    lost = scene(model=SECRET)
    none = scene(access=())
    found = mix([lost, none, scene()], dial_of([]), catalog=CATALOG, tables=TABLES, places=(0.0,))
    assert (found.threads, found.left_out) == (1, 2)


def test_a_first_request_is_decided_for_its_harness_and_part() -> None:
    first = FirstRequest(harness="codex", is_subagent=True, prompt_tokens=12_000, task_kind="docs")
    settings = RoutingSettings(candidates=(SONNET,), baseline_model=OPUS)
    inputs = first_inputs(first, settings=settings, catalog=CATALOG, artifact_digest="a")
    assert (inputs.features.dialect, inputs.features.step_kind) == (
        "openai_responses",
        "subagent_start",
    )
    assert inputs.text.task_kind == "docs"
    assert [one.provider for one in inputs.access] == ["anthropic"]
    assert mix([inputs], dial_of([]), catalog=CATALOG, tables=replace(TABLES)).threads == 1
