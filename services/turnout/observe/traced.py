"""The scorer's and the tracker's ports with a span around each call.

`compose` puts them around the part that lives in its process, and only where tracing is on: without
it the callers hold the part itself. Calls outside of any trace (warming up, readiness) get no span.
"""

from dataclasses import replace

from turnout.observe.spans import Kind, Span, Tracer, current_traceparent, spanning
from turnout.policy.thread import ThreadState
from turnout.ports import (
    LeaseAnswer,
    LeaseRequest,
    LookRequest,
    Note,
    RouteAnswer,
    RouteRequest,
    Scorer,
    SessionCacheTracker,
    Settlement,
)

DIGEST_DIGITS = 16
"""Of an artifact's digest: enough to tell artifacts apart, as in `turnout_build_info`."""


class TracedScorer:
    """`kind` is server where the call comes over gRPC, internal where it is a call."""

    def __init__(self, scorer: Scorer, tracer: Tracer, *, kind: Kind) -> None:
        self._scorer = scorer
        self._tracer = tracer
        self._kind: Kind = kind

    async def route(self, request: RouteRequest, *, deadline_seconds: float) -> RouteAnswer:
        if request.explain_only:
            # Asked for at a control endpoint, which is in no trace; it leaves no fact either.
            return await self._scorer.route(request, deadline_seconds=deadline_seconds)
        with spanning(
            self._tracer, "route", part="scorer", kind=self._kind, parent=request.traceparent
        ) as span:
            answer = await self._scorer.route(
                replace(request, traceparent=span.traceparent), deadline_seconds=deadline_seconds
            )
            if span.is_recording:
                _tell_decision(span, request, answer)
                _tell_kind(span, self._kind)
            return answer


class TracedSessionCacheTracker:
    """`kind` as for the scorer. The commands have no trace context: the current one is continued."""

    def __init__(self, tracker: SessionCacheTracker, tracer: Tracer, *, kind: Kind) -> None:
        self._tracker = tracker
        self._tracer = tracer
        self._kind: Kind = kind

    async def look(self, request: LookRequest, *, deadline_seconds: float) -> ThreadState:
        parent = current_traceparent()
        if not parent:
            return await self._tracker.look(request, deadline_seconds=deadline_seconds)
        with spanning(
            self._tracer, "look", part="session-cache-tracker", kind=self._kind, parent=parent
        ) as span:
            state = await self._tracker.look(request, deadline_seconds=deadline_seconds)
            if span.is_recording:
                span.tell({"turnout.thread.steps": state.steps})
                _tell_kind(span, self._kind)
            return state

    async def note(self, note: Note, *, deadline_seconds: float) -> None:
        parent = current_traceparent()
        if not parent:
            await self._tracker.note(note, deadline_seconds=deadline_seconds)
            return
        with spanning(
            self._tracer, "note", part="session-cache-tracker", kind=self._kind, parent=parent
        ) as span:
            await self._tracker.note(note, deadline_seconds=deadline_seconds)
            if span.is_recording:
                span.tell({"turnout.request_id": note.request_id})
                _tell_kind(span, self._kind)

    async def lease(self, request: LeaseRequest, *, deadline_seconds: float) -> LeaseAnswer:
        """No span: the trace of the request whose prompt is kept ended minutes ago."""
        return await self._tracker.lease(request, deadline_seconds=deadline_seconds)

    async def settle(self, settlement: Settlement, *, deadline_seconds: float) -> None:
        """No span, for the same reason."""
        await self._tracker.settle(settlement, deadline_seconds=deadline_seconds)


def _tell_kind(span: Span, kind: Kind) -> None:
    if kind == "server":
        span.tell({"rpc.system.name": "grpc"})


def _tell_decision(span: Span, request: RouteRequest, answer: RouteAnswer) -> None:
    decision, inputs = answer.decision, answer.inputs
    target = decision.targets[0] if decision.targets else ""
    span.tell(
        {
            "turnout.request_id": request.request_id,
            "turnout.tenant": request.identity.tenant,
            "turnout.harness": request.identity.harness,
            "turnout.session": request.identity.session,
            "turnout.step_kind": request.features.step_kind,
            "turnout.mode": request.mode,
            "turnout.requested_model": decision.requested_model,
            "turnout.decision.action": decision.action,
            "turnout.decision.reason": decision.reason,
            "turnout.decision.from_target": inputs.state.target,
            "turnout.decision.target": target,
            "turnout.session.warm_tokens": max(
                (one.warm_tokens for one in decision.candidates if one.target == target),
                default=0.0,
            ),
            "turnout.artifact.version": decision.artifact_digest[:DIGEST_DIGITS],
            "turnout.degraded": tuple(decision.degraded),
        }
    )
