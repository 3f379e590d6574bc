"""The shadow: requests decided a second time with another artifact, beside the one that served them.

Rules of this module: the served decision is out before the second one begins, and nothing here reaches
it: what goes wrong is counted. One decision a turn of the event loop, so that requests come in between;
when too many wait, the next ones are left out and counted.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from msgspec.structs import replace

from turnout.catalog.catalog import Catalog
from turnout.facts import ShadowDecided
from turnout.policy.decision import Candidate, Decision, DecisionInputs
from turnout.policy.request import TextSignal
from turnout.policy.switch import decide
from turnout.ports import FactSink
from turnout.scorer.artifact_board import Basis
from turnout.scorer.embedder import Embedding

MOST_WAITING = 1_000
"""A few MB of inputs, and a few tenths of a second of deciding."""

PAUSE_SECONDS = 0.01
"""The answer is on its way by then, over gRPC too, and in one process the request to its provider."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """A served decision and what it was made from.

    Attributes:
        embedding: of the text; None where there is none, and then the signal says why.
        text: is never written anywhere.
    """

    request_id: str
    traceparent: str
    inputs: DecisionInputs
    decision: Decision
    embedding: Embedding | None
    text: str = field(repr=False)


class Shadow:
    """Decides again, in the background.

    Attributes:
        failed: decisions that came to nothing.
        left_out: requests that were not decided again because too many waited.
    """

    def __init__(
        self, *, catalog: Catalog, facts: FactSink, most_waiting: int = MOST_WAITING
    ) -> None:
        self._catalog = catalog
        self._facts = facts
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[Basis, Served]] = deque()
        self._is_waiting = asyncio.Event()
        self.failed = 0
        self.left_out = 0

    def follow(self, basis: Basis, served: Served) -> None:
        """Decide this later; never raises and never waits."""
        if len(self._waiting) >= self._most_waiting:
            self.left_out += 1
            return
        self._waiting.append((basis, served))
        self._is_waiting.set()

    async def run(self) -> None:
        """Decide what waits, until cancelled."""
        while True:
            await self._is_waiting.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            self._is_waiting.clear()
            while self._waiting:
                self._decide(*self._waiting.popleft())
                await asyncio.sleep(0)

    def finish(self) -> None:
        """Decide what still waits at the end."""
        while self._waiting:
            self._decide(*self._waiting.popleft())

    def _decide(self, basis: Basis, served: Served) -> None:
        try:
            inputs = _inputs_for(basis, served)
            fact = _fact(served, decide(inputs, catalog=self._catalog, tables=basis.tables))
        except Exception as reason:  # noqa: BLE001 - a candidate's tables may fail in any way
            self.failed += 1
            # The type alone: a message may quote the request.
            _LOG.warning(
                "the shadow has failed on a request",
                extra={"request_id": served.request_id, "error": type(reason).__name__},
            )
            return
        self._facts.record(fact)


def _inputs_for(basis: Basis, served: Served) -> DecisionInputs:
    """The same inputs, but for what follows from the artifact."""
    text: TextSignal = served.inputs.text
    if served.embedding is not None:
        text = basis.reader.read(served.embedding, served.text)
    return replace(
        served.inputs,
        text=text,
        settings=basis.settings_of(served.inputs.identity.tenant),
        artifact_digest=basis.tables.digest,
    )


def _fact(served: Served, shadow: Decision) -> ShadowDecided:
    inputs, decision = served.inputs, served.decision
    compared = {one.target: one for one in shadow.candidates}
    cost_now, cost_to_go = _costs(compared.get(decision.proposal))
    shadow_cost_now, shadow_cost_to_go = _costs(compared.get(shadow.proposal))
    return ShadowDecided(
        event_id=f"{served.request_id}:shadow",
        occurred_at=inputs.now,
        request_id=served.request_id,
        traceparent=served.traceparent,
        tenant=inputs.identity.tenant,
        session=inputs.identity.session,
        served_artifact_digest=decision.artifact_digest,
        served_action=decision.action,
        served_reason=decision.reason,
        served_target=decision.targets[0],
        served_model=decision.model,
        served_proposal=decision.proposal,
        served_cost_now_usd=cost_now,
        served_cost_to_go_usd=cost_to_go,
        shadow_artifact_digest=shadow.artifact_digest,
        shadow_action=shadow.action,
        shadow_reason=shadow.reason,
        shadow_target=shadow.targets[0],
        shadow_model=shadow.model,
        shadow_proposal=shadow.proposal,
        shadow_cost_now_usd=shadow_cost_now,
        shadow_cost_to_go_usd=shadow_cost_to_go,
        agrees=decision.proposal == shadow.proposal,
    )


def _costs(candidate: Candidate | None) -> tuple[float | None, float | None]:
    return (None, None) if candidate is None else (candidate.cost_now_usd, candidate.cost_to_go_usd)
