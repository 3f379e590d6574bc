"""A second artifact decides beside the one that serves, and never for it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from tests.artifacts import SHIPPED, failing, favouring, renamed, tenants, undialled
from tests.contract.test_scorer import (
    CATALOG,
    DEADLINE_SECONDS,
    Facts,
    FakeEmbedder,
    FakeTracker,
    question,
)
from turnout.facts import RequestRouted, ShadowDecided
from turnout.policy.artifact import parse_artifact
from turnout.policy.decision import RoutingSettings
from turnout.policy.request import Mode, TextSignal
from turnout.policy.thread import ThreadState
from turnout.ports import RouteAnswer, RouteRequest
from turnout.scorer.artifact_board import ArtifactBoard, Basis
from turnout.scorer.embedder import Embedding, Skipped
from turnout.scorer.service import LocalScorer
from turnout.scorer.shadow import Shadow
from turnout.scorer.text_reader import ClusterReader
from turnout.upstream_dispatcher.standings import Standings

pytestmark = pytest.mark.anyio

ROUTING = RoutingSettings(candidates=("claude-opus-5-5", "claude-haiku-5-5", "gpt-5.5"))


class NamedReader:
    """Says of every text that it is in this cluster."""

    def __init__(self, cluster: int) -> None:
        self._cluster = cluster

    def read(self, embedding: Embedding, text: str) -> TextSignal:
        return TextSignal(cluster=self._cluster, similarity=1.0, task_kind="bug_fix")


def basis(data: bytes, *, cluster: int = 0, value_usd: float = 20.0) -> Basis:
    settings = RoutingSettings(candidates=ROUTING.candidates, value_usd=value_usd)
    return Basis(parse_artifact(data), NamedReader(cluster), undialled, settings)


def shipped() -> Basis:
    return Basis(SHIPPED, ClusterReader(SHIPPED.content.text), undialled, ROUTING)


@dataclass(slots=True)
class Subject:
    scorer: LocalScorer
    board: ArtifactBoard
    shadow: Shadow
    facts: Facts

    async def route(self, request: RouteRequest) -> RouteAnswer:
        return await self.scorer.route(request, deadline_seconds=DEADLINE_SECONDS)

    def shadows(self) -> list[ShadowDecided]:
        self.shadow.finish()
        return [fact for fact in self.facts.all if isinstance(fact, ShadowDecided)]


def subject(
    shadow_basis: Basis | None,
    *,
    active: Basis | None = None,
    skipped: Skipped | None = None,
    state: ThreadState | None = None,
    most_waiting: int = 10,
) -> Subject:
    facts = Facts()
    board = ArtifactBoard(
        active or shipped(),
        tenants=tenants(ROUTING),
        bind=lambda _: shipped(),
        on_active=lambda _: None,
    )
    board.shadow = shadow_basis
    shadow = Shadow(catalog=CATALOG, facts=facts, most_waiting=most_waiting)
    scorer = LocalScorer(
        catalog=CATALOG,
        artifacts=board,
        shadow=shadow,
        embedder=FakeEmbedder(skipped),
        tracker=FakeTracker(state or ThreadState()),
        facts=facts,
        clock=lambda: 1_790_000_000.0,
        draw=lambda: 0.5,
        standings=Standings(replica="test"),
    )
    return Subject(scorer, board, shadow, facts)


async def test_another_choice_is_recorded_with_what_both_are_expected_to_cost() -> None:
    active, candidate = basis(favouring("gpt-5.5")), basis(favouring("claude-opus-5-5"))
    on = subject(candidate, active=active)
    answer = await on.route(question())
    (fact,) = on.shadows()
    assert answer.decision.model == fact.served_model == "gpt-5.5"
    assert fact.served_target == fact.served_proposal == answer.decision.proposal
    assert fact.shadow_model == "claude-opus-5-5"
    assert (fact.served_artifact_digest, fact.shadow_artifact_digest) == (
        active.tables.digest,
        candidate.tables.digest,
    )
    assert not fact.agrees
    costs = {one.target: one for one in answer.decision.candidates}
    # Both artifacts expect the same steps and tokens, so that the served arithmetic is the shadow's.
    assert fact.served_cost_to_go_usd == costs[fact.served_proposal].cost_to_go_usd
    assert fact.shadow_cost_to_go_usd == costs[fact.shadow_proposal].cost_to_go_usd
    assert fact.shadow_cost_now_usd == costs[fact.shadow_proposal].cost_now_usd
    assert fact.served_cost_now_usd is not None
    assert (fact.request_id, fact.event_id) == ("req_1", "req_1:shadow")
    assert (fact.tenant, fact.session) == ("t", "s")
    assert fact.occurred_at == answer.inputs.now


async def test_where_the_mode_serves_what_was_asked_for_the_proposals_are_compared() -> None:
    active, candidate = basis(favouring("claude-opus-5-5")), basis(favouring("claude-haiku-5-5"))
    on = subject(candidate, active=active)
    await on.route(replace(question("claude-opus-5-5"), mode="observe"))
    (fact,) = on.shadows()
    assert fact.served_target == fact.shadow_target
    assert fact.served_proposal != fact.shadow_proposal
    assert not fact.agrees


async def test_the_same_tables_agree() -> None:
    on = subject(basis(renamed("2030-01-01")), active=basis(renamed("2029-01-01")))
    await on.route(question())
    (fact,) = on.shadows()
    assert fact.agrees
    assert fact.served_cost_to_go_usd == fact.shadow_cost_to_go_usd


async def test_the_text_is_read_again_with_the_shadows_tables() -> None:
    on = subject(basis(renamed("2030-01-01"), cluster=7), active=basis(renamed("2029-01-01")))
    seen: list[int] = []

    class Watched(NamedReader):
        @override
        def read(self, embedding: Embedding, text: str) -> TextSignal:
            seen.append(int(embedding.vector.argmax()))
            return super().read(embedding, text)

    on.board.shadow = replace(basis(renamed("2030-01-01")), reader=Watched(7))
    answer = await on.route(question())
    assert answer.inputs.text.cluster == 0
    assert len(on.shadows()) == 1
    assert seen == [int(np.zeros(384).argmax())], "the embedding is not made again"


async def test_a_tenants_own_settings_are_read_on_the_shadows_figures_too() -> None:
    candidate = replace(
        basis(favouring("gpt-5.5")),
        by_tenant={"t": RoutingSettings(candidates=(), baseline_model="claude-haiku-5-5")},
    )
    on = subject(candidate)
    await on.route(question())
    (fact,) = on.shadows()
    assert fact.shadow_model == "claude-haiku-5-5"


@pytest.mark.parametrize("request_", [question("turnout/gpt-5.5"), question()])
async def test_without_an_embedding_both_know_as_little(request_: RouteRequest) -> None:
    class Unasked(NamedReader):
        @override
        def read(self, embedding: Embedding, text: str) -> TextSignal:
            raise AssertionError

    candidate = replace(basis(renamed("2030-01-01")), reader=Unasked(0))
    on = subject(candidate, skipped=Skipped("late"))
    await on.route(request_)
    assert len(on.shadows()) == 1
    assert on.shadow.failed == 0


async def test_explanations_have_no_shadow_and_neither_has_a_scorer_without_one() -> None:
    on = subject(basis(renamed("2030-01-01")))
    await on.route(replace(question(), explain_only=True))
    assert on.shadows() == []
    on.board.shadow = None
    await on.route(question())
    assert on.shadows() == []


async def test_the_answer_is_given_before_the_shadow_decides() -> None:
    on = subject(basis(renamed("2030-01-01")))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(on.shadow.run())
        await on.route(question())
        assert [type(fact) for fact in on.facts.all] == [RequestRouted]
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(on.facts.all) < 2:
                await asyncio.sleep(0)
        running.cancel()
    assert isinstance(on.facts.all[1], ShadowDecided)


async def test_a_shadow_that_fails_is_counted_and_the_next_request_has_one() -> None:
    on = subject(basis(failing()))
    answer = await on.route(question())
    assert answer.decision.targets
    assert on.shadows() == []
    assert on.shadow.failed == 1
    on.board.shadow = basis(renamed("2030-01-01"))
    await on.route(question())
    assert len(on.shadows()) == 1


async def test_when_too_many_wait_the_next_ones_are_left_out() -> None:
    on = subject(basis(renamed("2030-01-01")), most_waiting=2)
    for _ in range(5):
        await on.route(question())
    assert on.shadow.left_out == 3
    assert len(on.shadows()) == 2


async def test_a_request_in_flight_keeps_the_artifact_that_it_began_with() -> None:
    """The board changes while the text is embedded."""
    old, new = basis(renamed("2029-01-01"), cluster=1), basis(renamed("2030-01-01"), cluster=2)
    on = subject(None, active=old)

    class Changing(FakeEmbedder):
        @override
        async def embed(self, text: str, *, deadline_seconds: float) -> Embedding | Skipped:
            on.board.active = new
            return await super().embed(text, deadline_seconds=deadline_seconds)

    on.scorer = LocalScorer(
        catalog=CATALOG,
        artifacts=on.board,
        shadow=on.shadow,
        embedder=Changing(),
        tracker=FakeTracker(ThreadState()),
        facts=on.facts,
        clock=lambda: 1_790_000_000.0,
        draw=lambda: 0.5,
        standings=Standings(replica="test"),
    )
    first, second = await on.route(question()), await on.route(question())
    assert (first.decision.artifact_digest, first.inputs.text.cluster) == (old.tables.digest, 1)
    assert (second.decision.artifact_digest, second.inputs.text.cluster) == (new.tables.digest, 2)


FILES: Sequence[bytes] = (
    renamed("2030-01-01"),
    favouring("claude-haiku-5-5"),
    favouring("gpt-5.5"),
    failing(),
)
MODES: Sequence[Mode] = ("observe", "cache", "subagents", "full")


@given(
    candidate=st.sampled_from(FILES),
    cluster=st.integers(-1, 400),
    value_usd=st.floats(0.0, 1e4),
    model=st.sampled_from(["turnout/auto", "claude-opus-5-5", "turnout/gpt-5.5"]),
    mode=st.sampled_from(MODES),
    tokens=st.integers(1, 150_000),
)
def test_a_shadow_never_changes_what_is_served(
    candidate: bytes, cluster: int, value_usd: float, model: str, mode: Mode, tokens: int
) -> None:
    request = replace(question(model, tokens=tokens), mode=mode)

    async def served(shadow_basis: Basis | None) -> tuple[RouteAnswer, list[object]]:
        on = subject(shadow_basis)
        answers = [await on.route(request) for _ in range(2)]
        on.shadow.finish()
        assert answers[0] == answers[1]
        routed = [
            (fact.inputs, fact.decision) for fact in on.facts.all if isinstance(fact, RequestRouted)
        ]
        return answers[0], [*routed]

    alone = asyncio.run(served(None))
    beside = asyncio.run(served(basis(candidate, cluster=cluster, value_usd=value_usd)))
    assert alone == beside
