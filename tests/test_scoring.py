"""The scorer of a process follows the control bucket, and its metrics say so."""

import asyncio
from pathlib import Path

import pytest

from tests.artifacts import SHIPPED, foreign, renamed
from tests.bus.conftest import nats_server
from tests.bus.servers import NatsServer
from tests.contract.test_scorer import CATALOG, DEADLINE_SECONDS, Facts, FakeTracker, question
from tests.learn.built import embedder_root
from turnout.bus.connection import open_bus
from turnout.bus.control import ControlStore
from turnout.facts import ShadowDecided
from turnout.observe.metrics import Metrics
from turnout.policy.artifact import parse_artifact
from turnout.policy.thread import ThreadState
from turnout.scoring import open_scorer
from turnout.settings import Scorer, Settings
from turnout.upstream_dispatcher.standings import Standings

__all__ = ["embedder_root", "nats_server"]

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 10.0
"""Longer than anything here takes; a test that hangs fails by it."""

NEXT, OTHER = renamed("2030-01-01"), renamed("2030-02-02")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def is_named(metrics: Metrics, data: bytes) -> bool:
    digest = parse_artifact(data).digest
    return value(metrics, "turnout_build_info", version="1", service="s", artifact=digest[:16]) == 1


async def test_what_is_pushed_decides_and_is_named_and_what_cannot_is_counted(
    embedder_root: Path, nats_server: NatsServer
) -> None:
    await nats_server.start()
    facts = Facts()
    metrics = Metrics(version="1", service="s", known_models=frozenset(CATALOG.models))
    settings = Settings(scorer=Scorer(embedder_dir=embedder_root))
    async with open_bus(nats_server.url, name="test") as bus, asyncio.TaskGroup() as tasks:
        store = ControlStore(bus)

        async def put(role: str, data: bytes) -> None:
            await store.put(f"artifact.{role}", data.decode(), deadline_seconds=WAIT_SECONDS)

        async with (
            open_scorer(
                settings,
                CATALOG,
                tracker=FakeTracker(ThreadState()),
                facts=facts,
                store=store,
                tasks=tasks,
                metrics=metrics,
                standings=Standings(replica="test"),
            ) as scorer,
            asyncio.timeout(WAIT_SECONDS),
        ):
            answer = await scorer.route(question(), deadline_seconds=DEADLINE_SECONDS)
            assert answer.decision.artifact_digest == SHIPPED.digest
            await put("active", NEXT)
            while not is_named(metrics, NEXT):
                await asyncio.sleep(0.01)
            await put("active", foreign())
            while not value(metrics, "turnout_artifacts_refused_total", role="active"):
                await asyncio.sleep(0.01)
            assert value(metrics, "turnout_settings_ignored") == 0
            settings_key = "settings.acme"
            await store.put(settings_key, '{"colour": "red"}', deadline_seconds=WAIT_SECONDS)
            while not value(metrics, "turnout_settings_ignored"):
                await asyncio.sleep(0.01)
            await store.put(settings_key, '{"value_usd": 3.0}', deadline_seconds=WAIT_SECONDS)
            while value(metrics, "turnout_settings_ignored"):
                await asyncio.sleep(0.01)
            await put("shadow", OTHER)
            while not any(isinstance(fact, ShadowDecided) for fact in facts.all):
                answer = await scorer.route(question(), deadline_seconds=DEADLINE_SECONDS)
                await asyncio.sleep(0.01)
            asked = await scorer.route(question(), deadline_seconds=DEADLINE_SECONDS)
        assert asked.decision.artifact_digest == parse_artifact(NEXT).digest
    shadows = [fact for fact in facts.all if isinstance(fact, ShadowDecided)]
    assert {fact.shadow_artifact_digest for fact in shadows} == {parse_artifact(OTHER).digest}
    assert isinstance(facts.all[-1], ShadowDecided), "what waited at the end was decided"
    assert value(metrics, "turnout_shadow_lost_total", reason="failed") == 0
    assert value(metrics, "turnout_shadow_lost_total", reason="too_many") == 0
