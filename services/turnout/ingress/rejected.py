"""The fact of a request that no dispatcher has seen: refused by us, or lost with a part of ours."""

import time

from turnout.capabilities import Dialect
from turnout.errors import Internal, TurnoutError, Unavailable
from turnout.facts import RequestCompleted
from turnout.ingress.intake import Arrival, Question
from turnout.policy.request import Identity, Tags
from turnout.ports import Head

_NOBODY = Identity(
    tenant="",
    principal="",
    harness="unknown",
    session="",
    thread="",
    thread_key="",
    is_subagent=False,
    is_explicit=False,
    request_class="auxiliary",
)


def rejected(
    error: TurnoutError,
    *,
    arrival: Arrival,
    question: Question | None,
    dialect: Dialect,
    status: int,
    now: float,
    begun: Head | None = None,
    answer_bytes: int = 0,
) -> RequestCompleted:
    """`question` is None when the request was not understood, `begun` is the head of a stream that the client
    had begun to read.
    """
    is_ours = isinstance(error, Unavailable | Internal)
    features = None if question is None else question.features
    return RequestCompleted(
        event_id=f"{arrival.request_id}:completed",
        occurred_at=now,
        request_id=arrival.request_id,
        traceparent=arrival.traceparent,
        identity=_NOBODY if question is None else question.identity,
        tags=Tags() if question is None else question.caller.tags,
        mode="observe" if question is None else question.mode,
        dialect=dialect,
        step_kind="user_input" if features is None else features.step_kind,
        action="",
        reason="",
        requested_model="" if features is None else features.requested_model,
        baseline_model="",
        proposal="",
        served_model="" if begun is None else begun.model,
        served_provider="" if begun is None else begun.provider,
        target="" if begun is None else begun.target,
        outcome="failed" if is_ours else "rejected",
        status=status if begun is None else begun.status,
        error=error.kind,
        stream=features is not None and features.stream,
        attempts=0 if begun is None else begun.attempts,
        body_bytes=0 if features is None else features.body_bytes,
        answer_bytes=answer_bytes,
        message_count=0 if features is None else features.message_count,
        tool_count=0 if features is None else features.tool_count,
        received_at=arrival.received_at,
        route_seconds=0.0,
        first_content_seconds=None,
        duration_seconds=time.perf_counter() - arrival.started,
        usage=None,
        usage_source="estimated",
        cost_usd=None,
        baseline_cost_usd=None,
        finish_reason="",
        degraded=(),
        artifact_digest="",
    )
