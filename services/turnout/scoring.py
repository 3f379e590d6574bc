"""Opens the scorer of a process: its embedder, its artifacts, and what follows them in the background.

The artifact and the settings of the process are there at once; what the control bucket holds takes over when it
is seen.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, get_args

from turnout import parts
from turnout.bus.control import ControlStore, end_task
from turnout.bus.control_keys import ARTIFACT_KEY, SETTINGS_KEY, ArtifactRole
from turnout.catalog.catalog import Catalog
from turnout.observe.metrics import Metrics
from turnout.policy.artifact import Artifact
from turnout.policy.mix import dialling
from turnout.ports import FactSink, SessionCacheTracker, TargetStandings
from turnout.scorer.artifact_board import ArtifactBoard, Basis
from turnout.scorer.artifact_file import load_artifact, tried_artifact
from turnout.scorer.embedder import load_embedder
from turnout.scorer.service import LocalScorer
from turnout.scorer.shadow import Shadow
from turnout.scorer.text_reader import ClusterReader
from turnout.settings import Settings

FIRST_EMBEDDING_SECONDS: Final = 2.0
"""The first run of a model allocates; no request should wait for that."""


@asynccontextmanager
async def open_scorer(
    settings: Settings,
    catalog: Catalog,
    *,
    tracker: SessionCacheTracker,
    facts: FactSink,
    store: ControlStore,
    tasks: asyncio.TaskGroup,
    metrics: Metrics,
    standings: TargetStandings,
) -> AsyncGenerator[LocalScorer]:
    """A scorer that follows the control bucket for as long as it is open."""
    routing = parts.routing_of(settings, catalog)

    def basis_of(artifact: Artifact) -> Basis:
        dialled = dialling(artifact.content.first_requests, catalog=catalog, tables=artifact)
        return Basis(
            tables=artifact,
            reader=ClusterReader(artifact.content.text),
            dialled=dialled,
            settings=dialled(routing, settings.routing.quality_bias),
        )

    async with load_embedder(parts.embedder_root(settings)) as embedder:
        await embedder.embed("warm up", deadline_seconds=FIRST_EMBEDDING_SECONDS)
        digest = embedder.embedder_digest
        own = load_artifact(settings.scorer.artifact, embedder_digest=digest)
        metrics.set_artifact(own.digest)
        tenants = parts.tenants_of(settings, catalog)
        metrics.settings_ignored.set_function(lambda: len(tenants.refused))
        artifacts = ArtifactBoard(
            basis_of(own),
            tenants=tenants,
            bind=lambda data: basis_of(
                tried_artifact(data, embedder_digest=digest, settings=routing, catalog=catalog)
            ),
            on_active=lambda basis: metrics.set_artifact(basis.tables.digest),
        )
        shadow = Shadow(catalog=catalog, facts=facts)
        _show(artifacts, shadow, metrics)
        running = (
            tasks.create_task(store.watch(f"{ARTIFACT_KEY}*", artifacts.on_control)),
            tasks.create_task(store.watch(f"{SETTINGS_KEY}*", artifacts.on_control)),
            tasks.create_task(artifacts.run()),
            tasks.create_task(shadow.run()),
        )
        try:
            yield LocalScorer(
                catalog=catalog,
                artifacts=artifacts,
                shadow=shadow,
                embedder=embedder,
                tracker=tracker,
                facts=facts,
                clock=time.time,
                draw=random.Random().random,  # noqa: S311  exploration guards no secret
                standings=standings,
            )
        finally:
            for task in running:
                await end_task(task)
            shadow.finish()


def _show(artifacts: ArtifactBoard, shadow: Shadow, metrics: Metrics) -> None:
    def refused(role: ArtifactRole) -> None:
        metrics.artifacts_refused.follow((role,), lambda: artifacts.refused[role])

    for role in get_args(ArtifactRole):
        refused(role)
    metrics.shadow_lost.follow(("failed",), lambda: shadow.failed)
    metrics.shadow_lost.follow(("too_many",), lambda: shadow.left_out)
