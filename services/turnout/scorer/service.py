"""The scorer: looks, embeds and decides, within a deadline that it divides itself.

The look at the tracker and the embedding run side by side; either may be missing (late, full,
down), and the decision says so instead of waiting. The policy itself is pure and lives in
`turnout.policy`; this is its edge: clock, randomness, ports.
"""

import asyncio
import time
from collections.abc import Callable, Iterator

import msgspec

from turnout.catalog.catalog import Catalog
from turnout.errors import TurnoutError
from turnout.facts import RequestRouted
from turnout.policy.decision import DecisionInputs, Degradation, RoutingSettings
from turnout.policy.identity import account_of, account_scope, head_scope
from turnout.policy.quota import way_of
from turnout.policy.request import TextSignal
from turnout.policy.standing import TargetHealth, TargetLatency
from turnout.policy.switch import decide, text_matters
from turnout.policy.targets import reachable
from turnout.policy.thread import ThreadState
from turnout.ports import (
    FactSink,
    LookRequest,
    RouteAnswer,
    RouteRequest,
    SessionCacheTracker,
    TargetStandings,
)
from turnout.scorer.artifact_board import ArtifactBoard
from turnout.scorer.embedder import Embedding, Skipped, TextEmbedder
from turnout.scorer.shadow import Served, Shadow
from turnout.scorer.text_reader import TextReader

LOOK_SHARE = 0.6
"""Share of the deadline that the look may use: a tracker that needs longer counts as down."""

EMBED_SHARE = 0.8
"""Share of the deadline that the embedding may use; the rest is for deciding and the way back."""


HARMLESS_SKIPS = frozenset({"", "no_text", "not_needed"})
"""The text is missing from the decision for no fault of ours."""


class _Looked(msgspec.Struct, frozen=True, gc=False):
    state: ThreadState
    is_missing: bool
    seconds: float


class LocalScorer:
    """Decides in this process.

    `clock` gives unix seconds, `draw` a number in [0, 1).
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        artifacts: ArtifactBoard,
        shadow: Shadow,
        embedder: TextEmbedder,
        tracker: SessionCacheTracker,
        facts: FactSink,
        clock: Callable[[], float],
        draw: Callable[[], float],
        standings: TargetStandings,
    ) -> None:
        self._catalog = catalog
        self._artifacts = artifacts
        self._shadow = shadow
        self._embedder = embedder
        self._tracker = tracker
        self._facts = facts
        self._clock = clock
        self._draw = draw
        self._standings = standings

    async def route(self, request: RouteRequest, *, deadline_seconds: float) -> RouteAnswer:
        now = self._clock()
        basis, shadow_basis = self._artifacts.active, self._artifacts.shadow
        begun = time.perf_counter()
        embedded = self._known(request)
        if embedded is None:
            # The look and the embedding run side by side.
            async with asyncio.TaskGroup() as group:
                look = group.create_task(self._look(request, now, deadline_seconds * LOOK_SHARE))
                embedded = await self._embedder.embed(
                    request.text, deadline_seconds=deadline_seconds * EMBED_SHARE
                )
                embed_seconds = time.perf_counter() - begun
            looked = look.result()
        else:
            embed_seconds = time.perf_counter() - begun
            looked = await self._look(request, now, deadline_seconds * LOOK_SHARE)
        text = _signal(embedded, request.text, basis.reader)
        degraded: list[Degradation] = []
        if looked.is_missing:
            degraded.append("tracker")
        if text.skipped not in HARMLESS_SKIPS:
            degraded.append("text")
        begun = time.perf_counter()
        settings = basis.settings_of(request.identity.tenant)
        health, latencies = self._live(request, settings, now)
        inputs = DecisionInputs(
            identity=request.identity,
            tags=request.tags,
            features=request.features,
            state=looked.state,
            text=text,
            mode=request.mode,
            access=request.access,
            settings=settings,
            degraded=tuple(degraded),
            catalog_digest=self._catalog.digest,
            artifact_digest=basis.tables.digest,
            now=now,
            draw=self._draw(),
            health=health,
            latencies=latencies,
        )
        decision = decide(inputs, catalog=self._catalog, tables=basis.tables)
        if not request.explain_only:
            self._facts.record(
                RequestRouted(
                    event_id=f"{request.request_id}:routed",
                    occurred_at=now,
                    request_id=request.request_id,
                    traceparent=request.traceparent,
                    inputs=inputs,
                    decision=decision,
                    look_seconds=looked.seconds,
                    embed_seconds=embed_seconds,
                    decide_seconds=time.perf_counter() - begun,
                )
            )
            if shadow_basis is not None:
                self._shadow.follow(
                    shadow_basis,
                    Served(
                        request_id=request.request_id,
                        traceparent=request.traceparent,
                        inputs=inputs,
                        decision=decision,
                        embedding=embedded if isinstance(embedded, Embedding) else None,
                        text=request.text,
                    ),
                )
        return RouteAnswer(decision=decision, inputs=inputs)

    async def _look(self, request: RouteRequest, now: float, deadline_seconds: float) -> _Looked:
        begun = time.perf_counter()
        try:
            state = await self._tracker.look(
                LookRequest(
                    thread_key=request.identity.thread_key,
                    head_scopes=_scopes(request),
                    prefix=request.prefix,
                    now=now,
                ),
                deadline_seconds=deadline_seconds,
            )
        except TurnoutError:
            # Whatever is wrong with the tracker, the request is decided without it.
            return _Looked(ThreadState(), True, time.perf_counter() - begun)
        return _Looked(state, False, time.perf_counter() - begun)

    def _live(
        self, request: RouteRequest, settings: RoutingSettings, now: float
    ) -> tuple[tuple[TargetHealth, ...], tuple[TargetLatency, ...]]:
        """How the targets stand to which the request could go; what is no argument is left out."""
        health = self._standings.health(self._asked(request, settings), now=now)
        if settings.second_usd <= 0.0:
            return health, ()
        return health, self._standings.latencies(self._reachable(request, settings), now=now)

    def _asked(self, request: RouteRequest, settings: RoutingSettings) -> Iterator[tuple[str, str]]:
        """Those targets, each with the account that would ask it."""
        accounts = {
            f"{way.provider}@{way.credential}": account_of(
                request.identity.principal, way.credential, way.provider
            )
            for way in request.access
        }
        for target in self._reachable(request, settings):
            yield target, accounts[way_of(target)]

    def _reachable(self, request: RouteRequest, settings: RoutingSettings) -> list[str]:
        return reachable(
            request.features.requested_model,
            access=request.access,
            catalog=self._catalog,
            dialect=request.features.dialect,
            settings=settings,
        )

    def _known(self, request: RouteRequest) -> Embedding | Skipped | TextSignal | None:
        """What there is of the text without computing: None when there is nothing yet."""
        if not text_matters(request.features.requested_model, request.features.step_kind):
            return TextSignal(skipped="not_needed")
        return self._embedder.known(request.text)


def _scopes(request: RouteRequest) -> tuple[str, ...]:
    principal, head = request.identity.principal, request.prefix.head_digest
    return (
        *(head_scope(principal, way.credential, way.provider, head) for way in request.access),
        *(
            account_scope(principal, way.credential, way.provider)
            for way in request.access
            if way.credential == "client"
        ),
    )


def _signal(
    embedded: Embedding | Skipped | TextSignal, text: str, reader: TextReader
) -> TextSignal:
    """What the text says, by the tables of one artifact."""
    match embedded:
        case Embedding():
            return reader.read(embedded, text)
        case Skipped():
            return TextSignal(skipped=embedded.reason)
        case TextSignal():
            return embedded
