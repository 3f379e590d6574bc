"""The tracker expects cache hits by the artifact that decides, as the scorer does."""

import pytest

from tests.artifacts import SHIPPED, failing, finding, foreign
from tests.session_cache_tracker.notes import (
    DEADLINE_SECONDS,
    RecordedFacts,
    look,
    note,
    prompt,
    unique,
    written,
)
from turnout import parts
from turnout.session_cache_tracker.memory import MemoryThreadStore
from turnout.session_cache_tracker.service import LocalSessionCacheTracker
from turnout.settings import Settings

pytestmark = pytest.mark.anyio


async def test_a_pushed_artifact_changes_what_a_look_answers() -> None:
    hits = parts.hits_of(Settings())
    tracker = LocalSessionCacheTracker(
        MemoryThreadStore(), RecordedFacts(), lambda: hits.of("active")
    )
    key, prefix = unique("thread"), prompt("task")
    await tracker.note(note(key, prefix, usage=written(prefix)), deadline_seconds=DEADLINE_SECONDS)

    async def found() -> float:
        state = await tracker.look(look(key, prefix, at=30), deadline_seconds=DEADLINE_SECONDS)
        (warm,) = state.warm
        return warm.hit_share

    own = await found()
    assert own > 0.9
    hits.on_control("artifact.shadow", finding(0.25).decode())
    assert await found() == own
    hits.on_control("artifact.active", finding(0.5).decode())
    assert await found() == 0.5
    for unfit in (b"{}", foreign(), failing()):
        hits.on_control("artifact.active", unfit.decode())
        assert await found() == 0.5
        assert set(hits.refused) == {"active"}
    hits.on_control("artifact.active", None)
    assert await found() == own
    assert hits.of("active").hit_share(
        provider="anthropic", lifetime_seconds=300, is_automatic=False, gap_seconds=30
    ) == SHIPPED.hit_share(
        provider="anthropic", lifetime_seconds=300, is_automatic=False, gap_seconds=30
    )
