"""What the spans of a dispatch and of its attempts say: from facts to attributes.

Rules: the names of the GenAI conventions where they have one (`observe.names`); what a fact does not
hold, a span does not say, so no text gets here. An attempt's span is a child of its dispatch's.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from turnout.facts import AttemptEnded, RequestCompleted
from turnout.observe.names import AttributeName
from turnout.observe.spans import Kind, Span, Tracer, Value
from turnout.ports import DispatchRequest
from turnout.upstream_dispatcher.accounting import AttemptLog
from turnout.upstream_dispatcher.request import is_count

CHAT: Final = "chat"
"""The convention's word for both dialects that we call."""

COUNT: Final = "count_tokens"
"""The convention has no word for it."""

_PORTS: Final[Mapping[str, int]] = MappingProxyType({"http": 80, "https": 443})


def start_dispatch(tracer: Tracer, request: DispatchRequest, *, kind: Kind) -> Span:
    span = tracer.start(
        "dispatch", part="upstream-dispatcher", kind=kind, parent=request.traceparent
    )
    if kind == "server" and span.is_recording:
        span.tell({"rpc.system.name": "grpc"})
    return span


def start_attempt(tracer: Tracer, request: DispatchRequest, log: AttemptLog) -> Span:
    operation = COUNT if is_count(request) else CHAT
    return tracer.start(
        f"{operation} {log.to.upstream_name}",
        part="upstream-dispatcher",
        kind="client",
        parent=request.traceparent,
        at=log.sent_at,
    )


def end_attempt(span: Span, fact: AttemptEnded, request: DispatchRequest, *, base_url: str) -> None:
    if span.is_recording:
        span.tell(_attempt(fact, request, base_url=base_url))
        if fact.error:
            span.fail(fact.error)
        elif fact.outcome == "cancelled":
            span.fail(fact.outcome)
    span.end(at=fact.occurred_at)


def end_dispatch(span: Span, fact: RequestCompleted) -> None:
    if span.is_recording:
        span.tell(_dispatch(fact))
        if fact.error:
            span.fail(fact.error)
        elif fact.outcome == "cancelled":
            span.fail(fact.outcome)
    span.end()


def _attempt(
    fact: AttemptEnded, request: DispatchRequest, *, base_url: str
) -> dict[AttributeName, Value]:
    url = urlsplit(base_url)
    told: dict[AttributeName, Value] = {
        "gen_ai.operation.name": COUNT if is_count(request) else CHAT,
        "gen_ai.provider.name": fact.provider,
        "gen_ai.request.model": fact.model,
        "gen_ai.request.stream": request.features.stream,
        "gen_ai.conversation.id": request.identity.thread_key,
        "server.address": url.hostname or "",
        "server.port": url.port or _PORTS.get(url.scheme, 0),
        "turnout.request_id": fact.request_id,
        "turnout.attempt.kind": fact.kind,
        "turnout.attempt.number": fact.number,
        "turnout.attempt.target": fact.target,
        "turnout.outcome": fact.outcome,
    }
    if fact.status:
        told["http.response.status_code"] = fact.status
    if fact.response_model:
        told["gen_ai.response.model"] = fact.response_model
    if fact.response_id:
        told["gen_ai.response.id"] = fact.response_id
    if fact.finish_reason:
        told["gen_ai.response.finish_reasons"] = (fact.finish_reason,)
    if fact.first_byte_seconds is not None:
        told["turnout.attempt.first_byte_seconds"] = fact.first_byte_seconds
    if fact.first_content_seconds is not None and request.features.stream:
        told["gen_ai.response.time_to_first_chunk"] = fact.first_content_seconds
    if fact.cost_usd is not None:
        told["turnout.cost_usd"] = fact.cost_usd
    return told | _usage(fact)


def _usage(fact: AttemptEnded) -> dict[AttributeName, Value]:
    """The convention's counts overlap where ours are disjoint: its input holds what was cached."""
    usage = fact.usage
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input_total,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        "turnout.usage.source": fact.usage_source,
    }


def _dispatch(fact: RequestCompleted) -> dict[AttributeName, Value]:
    told: dict[AttributeName, Value] = {
        "turnout.request_id": fact.request_id,
        "turnout.tenant": fact.identity.tenant,
        "turnout.harness": fact.identity.harness,
        "turnout.session": fact.identity.session,
        "gen_ai.conversation.id": fact.identity.thread_key,
        "turnout.mode": fact.mode,
        "turnout.step_kind": fact.step_kind,
        "turnout.requested_model": fact.requested_model,
        "turnout.served_model": fact.served_model,
        "turnout.decision.action": fact.action,
        "turnout.decision.reason": fact.reason,
        "turnout.outcome": fact.outcome,
        "turnout.attempts": fact.attempts,
        "http.response.status_code": fact.status,
    }
    if fact.cost_usd is not None:
        told["turnout.cost_usd"] = fact.cost_usd
    return told
