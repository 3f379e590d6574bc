"""What every scorer does, in this process or behind gRPC."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import NoReturn, TypeAlias

import numpy as np
import pytest
from msgspec import structs

from tests.artifacts import tenants, undialled
from tests.contract.hops import over_grpc
from tests.fakes import NoLeases
from turnout import errors
from turnout.capabilities import Needs
from turnout.catalog.catalog import parse_catalog
from turnout.catalog.packaged import snapshot_bytes
from turnout.engines.free_ports import free_port
from turnout.errors import TurnoutError, Unavailable
from turnout.facts import Fact, RequestRouted
from turnout.policy.breaker import IN_A_ROW
from turnout.policy.decision import Access, RoutingSettings
from turnout.policy.identity import account_of, account_scope, head_scope
from turnout.policy.request import Features, Identity, Prefix, StepKind, Tags
from turnout.policy.standing import CallEnd
from turnout.policy.thread import ThreadState
from turnout.ports import LookRequest, Note, RouteAnswer, RouteRequest, Scorer
from turnout.rpc.channel import open_channel
from turnout.rpc.scorer import SERVICE_NAME, RemoteScorer, ScorerServer
from turnout.scorer.artifact_board import ArtifactBoard, Basis
from turnout.scorer.artifact_file import load_artifact
from turnout.scorer.embedder import Embedding, Skipped
from turnout.scorer.embedder_files import EMBEDDER_DIGEST
from turnout.scorer.service import LocalScorer
from turnout.scorer.shadow import Shadow
from turnout.scorer.text_reader import ClusterReader
from turnout.upstream_dispatcher.standings import Standings

pytestmark = pytest.mark.anyio

CATALOG = parse_catalog(snapshot_bytes())
NOW = 1_790_000_000.0
DEADLINE_SECONDS = 5.0
"""Far above what a decision takes; a test that hangs fails by it."""

Open: TypeAlias = Callable[[Scorer], AbstractAsyncContextManager[Scorer]]


@asynccontextmanager
async def here(scorer: Scorer) -> AsyncGenerator[Scorer]:
    yield scorer


@asynccontextmanager
async def behind_grpc(scorer: Scorer) -> AsyncGenerator[Scorer]:
    servicer = ScorerServer(scorer, deadline_seconds=DEADLINE_SECONDS)
    async with over_grpc(servicer, SERVICE_NAME) as channel:
        yield RemoteScorer(channel)


OPENERS: dict[str, Open] = {"local": here, "remote": behind_grpc}


@pytest.fixture(params=OPENERS)
def opened(request: pytest.FixtureRequest) -> Open:
    return OPENERS[str(request.param)]


@dataclass(slots=True)
class Facts:
    all: list[Fact] = field(default_factory=list)

    def record(self, *facts: Fact) -> None:
        self.all.extend(facts)


class FakeEmbedder:
    """The same unit vector for every text, or a reason why there is none."""

    embedder_digest = EMBEDDER_DIGEST

    def __init__(self, skipped: Skipped | None = None) -> None:
        self._skipped = skipped
        self.texts: list[str] = []

    def known(self, text: str) -> Embedding | Skipped | None:
        return None

    async def embed(self, text: str, *, deadline_seconds: float) -> Embedding | Skipped:
        self.texts.append(text)
        if self._skipped is not None:
            return self._skipped
        vector = np.zeros(384, dtype=np.float32)
        vector[0] = 1.0
        return Embedding(vector, is_cached=False)


class FakeTracker(NoLeases):
    def __init__(self, state: ThreadState | None = None) -> None:
        self._state = state
        self.looks: list[LookRequest] = []

    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        self.looks.append(request)
        if self._state is None:
            raise Unavailable("the tracker is down")
        return self._state

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        raise AssertionError("the scorer never notes")


@dataclass(slots=True)
class Subject:
    scorer: LocalScorer
    standings: Standings
    facts: Facts
    tracker: FakeTracker
    embedder: FakeEmbedder


SETTINGS = RoutingSettings(candidates=("claude-opus-5-5", "claude-haiku-5-5", "gpt-5.5"))
OWN_SETTINGS = RoutingSettings(candidates=("gpt-5.5",), value_usd=3.0)
"""Of a tenant that has its own."""


def unasked(told: object) -> NoReturn:
    raise AssertionError(told)


def subject(*, is_tracked: bool = True, skipped: str = "") -> Subject:
    facts, tracker = Facts(), FakeTracker(ThreadState() if is_tracked else None)
    standings = Standings(replica="test")
    embedder = FakeEmbedder(Skipped("late") if skipped else None)
    artifact = load_artifact(None, embedder_digest=EMBEDDER_DIGEST)
    own = Basis(
        tables=artifact,
        reader=ClusterReader(artifact.content.text),
        dialled=undialled,
        settings=SETTINGS,
        by_tenant={"own": OWN_SETTINGS, "patient": structs.replace(SETTINGS, second_usd=0.01)},
    )
    return Subject(
        LocalScorer(
            catalog=CATALOG,
            artifacts=ArtifactBoard(
                own, tenants=tenants(SETTINGS), bind=unasked, on_active=unasked
            ),
            shadow=Shadow(catalog=CATALOG, facts=facts),
            embedder=embedder,
            tracker=tracker,
            facts=facts,
            clock=lambda: NOW,
            draw=lambda: 0.5,
            standings=standings,
        ),
        standings,
        facts,
        tracker,
        embedder,
    )


ACCESS = (Access("anthropic", "env"), Access("openai", "env"))


def question(
    model: str = "turnout/auto",
    *,
    tokens: int = 2_000,
    access: Sequence[Access] = ACCESS,
    images: bool = False,
) -> RouteRequest:
    return RouteRequest(
        request_id="req_1",
        identity=Identity(
            tenant="t",
            principal="p",
            harness="claude_code",
            session="s",
            thread="main",
            thread_key="k",
            is_subagent=False,
            is_explicit=True,
            request_class="main",
        ),
        tags=Tags(team="core", branch="fix/büro"),
        features=Features(
            dialect="anthropic_messages",
            requested_model=model,
            step_kind="user_input",
            stream=True,
            body_bytes=8_000,
            needs=Needs(prompt_tokens_estimate=tokens, images=images),
            message_count=1,
            tool_count=3,
            tool_result_count=0,
            step_tool_results=0,
            step_tool_errors=0,
            head_digest="h",
            head_tokens=500,
            last_message_digest="l",
            text_digest="",
        ),
        prefix=Prefix("h", ("d",), (2_000,)),
        mode="full",
        access=tuple(access),
        text="Fix the failing test.",
        explain_only=False,
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )


async def routed(scorer: Scorer, request: RouteRequest) -> RouteAnswer:
    return await scorer.route(request, deadline_seconds=DEADLINE_SECONDS)


async def test_answers_a_decision_with_every_input_of_it(opened: Open) -> None:
    on, request = subject(), question()
    async with opened(on.scorer) as scorer:
        answer = await routed(scorer, request)
    decision, inputs = answer.decision, answer.inputs
    assert decision.targets
    assert decision.candidates
    assert decision.catalog_digest == CATALOG.digest
    assert decision.artifact_digest
    assert decision.degraded == ()
    assert inputs.features == request.features
    assert inputs.tags == request.tags
    assert inputs.identity == request.identity
    assert (inputs.now, inputs.draw) == (NOW, 0.5)
    assert inputs.text.skipped == ""
    assert inputs.text.cluster >= 0


async def test_the_hop_changes_nothing(opened: Open) -> None:
    straight = await routed(subject().scorer, question())
    async with opened(subject().scorer) as scorer:
        assert await routed(scorer, question()) == straight


async def test_leaves_one_fact_and_none_when_it_only_explains(opened: Open) -> None:
    on = subject()
    async with opened(on.scorer) as scorer:
        answer = await routed(scorer, question())
        await routed(scorer, replace(question(), explain_only=True))
    (fact,) = on.facts.all
    assert isinstance(fact, RequestRouted)
    assert fact.decision == answer.decision
    assert "failing test" not in repr(on.facts.all)


async def test_a_tenant_is_served_by_its_own_settings(opened: Open) -> None:
    own = replace(question(), identity=structs.replace(question().identity, tenant="own"))
    async with opened(subject().scorer) as scorer:
        answer = await routed(scorer, own)
        assert (await routed(scorer, question())).inputs.settings == SETTINGS
    assert answer.inputs.settings == OWN_SETTINGS
    assert answer.decision.model == "gpt-5.5"


def failing(on: Standings, target: str) -> None:
    for _ in range(IN_A_ROW):
        on.begun(target, now=NOW)
        end = CallEnd(ending="error", sent_at=NOW, size="under_2k", open_seconds=1.0)
        on.ended(target, end, peers=(target, "another"), now=NOW)


def answering(on: Standings, target: str, seconds: float) -> None:
    on.begun(target, now=NOW)
    on.ended(
        target,
        CallEnd(
            ending="answered",
            sent_at=NOW,
            size="under_16k",
            open_seconds=seconds,
            first_content_seconds=seconds,
        ),
        peers=(target,),
        now=NOW,
    )


async def test_what_fails_is_not_chosen_and_is_an_input_of_the_decision(opened: Open) -> None:
    on = subject()
    async with opened(on.scorer) as scorer:
        before = await routed(scorer, question())
        assert before.inputs.health == ()
        first = before.decision.targets[0]
        failing(on.standings, first)
        after = await routed(scorer, question())
    (told,) = after.inputs.health
    assert (told.target, told.state) == (first, "ejected")
    assert after.decision.targets[0] != first
    assert after.decision.candidates != before.decision.candidates


async def test_a_throttled_account_of_a_client_is_its_own(opened: Open) -> None:
    on = subject()
    target = "anthropic/claude-opus-5-5@client"
    account = account_of("p", "client", "anthropic")
    throttled = CallEnd(
        ending="throttled", sent_at=NOW, size="under_2k", open_seconds=1.0, come_back_seconds=60.0
    )
    on.standings.ended(target, throttled, peers=(target,), account=account, now=NOW)
    asked = question(access=(Access("anthropic", "client"), *ACCESS))
    other = replace(asked, identity=structs.replace(asked.identity, principal="another"))
    async with opened(on.scorer) as scorer:
        assert [one.target for one in (await routed(scorer, asked)).inputs.health] == [target]
        assert (await routed(scorer, other)).inputs.health == ()


async def test_times_are_inputs_where_a_second_has_a_price(opened: Open) -> None:
    on = subject()
    answering(on.standings, "openai/gpt-5.5@env", 9.0)
    answering(on.standings, "anthropic/no-candidate@env", 9.0)
    asked = question(tokens=10_000)
    patient = replace(asked, identity=structs.replace(asked.identity, tenant="patient"))
    async with opened(on.scorer) as scorer:
        assert (await routed(scorer, asked)).inputs.latencies == ()
        answer = await routed(scorer, patient)
    (told,) = answer.inputs.latencies
    assert (told.target, told.size) == ("openai/gpt-5.5@env", "under_16k")
    waits = {one.target: one.first_content_seconds for one in answer.decision.candidates}
    assert waits["openai/gpt-5.5@env"] == told.seconds
    assert answer.decision.second_usd == 0.01


async def test_a_pinned_model_is_served(opened: Open) -> None:
    async with opened(subject().scorer) as scorer:
        answer = await routed(scorer, question("turnout/gpt-5.5"))
    assert answer.decision.targets[0].startswith("openai/gpt-5.5@")
    assert answer.decision.action == "pin"


async def test_without_the_tracker_it_decides_and_says_so(opened: Open) -> None:
    async with opened(subject(is_tracked=False).scorer) as scorer:
        answer = await routed(scorer, question())
    assert "tracker" in answer.decision.degraded
    assert answer.decision.targets


async def test_without_the_text_it_decides_and_says_so(opened: Open) -> None:
    async with opened(subject(skipped="late").scorer) as scorer:
        answer = await routed(scorer, question())
    assert answer.decision.degraded == ("text",)
    assert answer.inputs.text.skipped == "late"


@pytest.mark.parametrize("step", ["title", "classification", "probe", "compaction"])
async def test_a_text_that_is_no_users_is_not_embedded(opened: Open, step: StepKind) -> None:
    on, request = subject(), question()
    request = replace(request, features=structs.replace(request.features, step_kind=step))
    async with opened(on.scorer) as scorer:
        answer = await routed(scorer, request)
    assert answer.inputs.text.skipped == "not_needed"
    assert on.embedder.texts == []


REFUSALS: list[tuple[RouteRequest, type[TurnoutError]]] = [
    (question("gpt-unheard-of-model", access=ACCESS[:1]), errors.Unsupported),
    (question("no-such-model"), errors.UnknownModel),
    (question(""), errors.InvalidRequest),
    (question("turnout/claude-opus-5-5", tokens=50_000_000), errors.ContextTooLong),
    (question("turnout/claude-opus-5-5", access=()), errors.Unsupported),
]


@pytest.mark.parametrize(("request_", "kind"), REFUSALS)
async def test_a_refusal_keeps_its_type_and_its_words(
    opened: Open, request_: RouteRequest, kind: type[TurnoutError]
) -> None:
    with pytest.raises(kind) as straight:
        await routed(subject().scorer, request_)
    async with opened(subject().scorer) as scorer:
        with pytest.raises(TurnoutError) as refused:
            await routed(scorer, request_)
    assert type(refused.value) is type(straight.value)
    assert refused.value.message == straight.value.message


class Stuck:
    """A scorer that never answers, whatever deadline it is given."""

    def __init__(self) -> None:
        self.given: list[float] = []
        self.cancelled = asyncio.Event()

    async def route(self, request: RouteRequest, *, deadline_seconds: float) -> RouteAnswer:
        self.given.append(deadline_seconds)
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        raise AssertionError


async def test_a_late_remote_scorer_is_unavailable_and_its_work_is_stopped() -> None:
    stuck = Stuck()
    async with behind_grpc(stuck) as scorer:
        with pytest.raises(Unavailable, match="in time"):
            await scorer.route(question(), deadline_seconds=0.1)
        await asyncio.wait_for(stuck.cancelled.wait(), DEADLINE_SECONDS)
    assert 0 < stuck.given[0] < DEADLINE_SECONDS, "the caller's deadline goes along"


class Faulty:
    async def route(self, request: RouteRequest, *, deadline_seconds: float) -> RouteAnswer:
        raise ZeroDivisionError("the secret text")


async def test_a_fault_behind_the_hop_is_internal_and_keeps_its_text_there() -> None:
    async with behind_grpc(Faulty()) as scorer:
        with pytest.raises(errors.Internal) as failed:
            await routed(scorer, question())
    assert "secret" not in failed.value.message


async def test_a_scorer_that_is_not_there_is_unavailable() -> None:
    async with open_channel(f"127.0.0.1:{free_port()}", tls=None) as channel:
        with pytest.raises(Unavailable, match="scorer cannot be reached"):
            await routed(RemoteScorer(channel), question())


async def test_looks_at_the_clients_own_accounts_too() -> None:
    """A subscription is one for all heads; keys of ours have none."""
    asked = subject()
    ways = (Access("anthropic", "client"), Access("anthropic", "env"))
    await routed(asked.scorer, question(access=ways))
    (look,) = asked.tracker.looks
    assert look.head_scopes == (
        head_scope("p", "client", "anthropic", "h"),
        head_scope("p", "env", "anthropic", "h"),
        account_scope("p", "client", "anthropic"),
    )
