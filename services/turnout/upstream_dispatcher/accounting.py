"""What a request has used and cost, told as facts and as a note to the tracker.

Rules: reported figures are kept as they are, unreported ones estimated from bytes and marked so;
an unknown cost is None, never 0, and a call that was refused before any work cost nothing; a fact
holds no text. Pure but for the log of an attempt, which fills as the attempt goes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec.structs import replace

from turnout.catalog.catalog import Catalog
from turnout.catalog.cost import cost_usd
from turnout.catalog.token_families import family_of, figures_of, token_share
from turnout.dialects.dialect import TapReading
from turnout.dialects.retry_after import when_whole
from turnout.dialects.suspects import suspects
from turnout.dialects.usage import Usage, UsageSource
from turnout.errors import TurnoutError
from turnout.facts import AttemptEnded, AttemptOutcome, RequestCompleted, RequestOutcome
from turnout.observe.spans import Span
from turnout.policy.attempts import NO_DETOUR, Detour, SendKind
from turnout.policy.hedge import NotHedged
from turnout.policy.identity import account_scope, head_scope
from turnout.policy.provenance import begins_run
from turnout.policy.quota import QuotaWindow, is_covered
from turnout.policy.request import Prefix, prompt_tokens_in
from turnout.ports import DispatchRequest, Note
from turnout.upstream_dispatcher.answer import NOTHING_SEEN
from turnout.upstream_dispatcher.baseline import baseline_cost_usd
from turnout.upstream_dispatcher.quota_headers import windows_of
from turnout.upstream_dispatcher.request import counted_family, is_count
from turnout.upstream_dispatcher.upstreams import Destination


@dataclass(slots=True)
class AttemptLog:
    """One attempt as it goes. Times in unix seconds, None until they have come.

    Attributes:
        is_refused: no work was done for it (no connection, or an error status), so it cost nothing.
        span: None where tracing is off.
        changes: what of the request was changed for the target.
        hedge_delay_seconds: since the attempt that it races was sent; None where it races none.
        charged_usd: what a hedge was charged with before it was sent; None for others.
        windows: what the answer told of the subscription that paid.
        whole_at: when the limits are whole again that the answer has used up; None where it said nothing.
        client_seconds: for how long the client took none of a stream.

    """

    number: int
    kind: SendKind
    to: Destination
    sent_at: float
    first_byte_at: float | None = None
    first_content_at: float | None = None
    status: int = 0
    reading: TapReading = NOTHING_SEEN
    error: TurnoutError | None = None
    is_refused: bool = False
    span: Span | None = None
    changes: tuple[str, ...] = ()
    hedge_delay_seconds: float | None = None
    charged_usd: float | None = None
    windows: tuple[QuotaWindow, ...] = ()
    whole_at: float | None = None
    client_seconds: float = 0.0

    def began(self, status: int, headers: Mapping[str, str], *, now: float) -> None:
        """Its head has come; names are in lower case."""
        self.first_byte_at, self.status = now, status
        # httpx looks through all of them for each that is asked for.
        told = dict(headers.items())
        whole = when_whole(told, self.to.quirks.refusals.limits, now=now)
        self.whole_at = None if whole is None else now + whole
        if self.to.credential == "client":
            self.windows = windows_of(told, now=now)


class Bill(msgspec.Struct, frozen=True, gc=False):
    """Attributes:
    cost_usd: None when a price or the usage is unknown.
    fee_usd: the part of it that is of no token; None where everything is paid by the token.
    """

    usage: Usage | None
    source: UsageSource
    cost_usd: float | None
    fee_usd: float | None = None


def bill(
    log: AttemptLog,
    request: DispatchRequest,
    *,
    is_answered: bool,
    now: float,
    whole_answer_tokens: int | None = None,
) -> Bill:
    """What one attempt has used until now. A server that is paid by the hour is paid for its seconds
    whatever came of them, and for no token.

    Of one that ended unheard the worst is assumed: its prompt was read, and a provider that goes on when a
    stream is closed writes `whole_answer_tokens`; None where nobody knows how many.
    """
    if is_count(request) or log.is_refused:
        return Bill(None, "estimated", 0.0)
    reading, model = log.reading, log.to.model
    hourly = None if model is None else model.hourly
    fee = None if hourly is None else hourly.usd_of(max(0.0, now - log.sent_at))
    usage, source = reading.usage, reading.source
    if usage is None:
        source = "estimated"
        if is_answered or reading.has_content:
            usage = Usage(
                fresh_input=estimated_input(request, log.to),
                output=tokens_of(reading.output_bytes, log.to.model_id),
            )
        elif fee is None:
            usage = unheard_usage(request, log.to, whole_answer_tokens=whole_answer_tokens)
        if usage is None:
            return Bill(None, source, fee, fee)
    elif source != "reported":
        seen = max(usage.output, tokens_of(reading.output_bytes, log.to.model_id))
        goes_on = not (is_answered or _ends_when_closed(request, log.to))
        usage = replace(usage, output=max(seen, whole_answer_tokens or 0) if goes_on else seen)
        source = "partial"
    if fee is not None:
        return Bill(usage, source, fee, fee)
    return Bill(usage, source, None if model is None else cost_usd(usage, model.prices))


def estimated_input(request: DispatchRequest, to: Destination) -> int:
    """The size of the prompt in tokens of the target's own family."""
    return max(1, round(prompt_tokens_in(family_of(to.model_id), request.features)))


def unheard_usage(
    request: DispatchRequest, to: Destination, *, whole_answer_tokens: int | None
) -> Usage | None:
    """Of a call that ended before it said anything: as much of the prompt found in the cache as the decision
    expected there, the rest written where the request asks for it. None where it cannot be bounded.
    """
    output = 0 if _ends_when_closed(request, to) else whole_answer_tokens
    if output is None:
        return None
    prompt, decision = estimated_input(request, to), request.decision
    read = min(prompt, expected_warm(request, to))
    usage = Usage(fresh_input=prompt - read, cache_read=read, output=output)
    if not to.writes_for or request.features.lacks_breakpoints:
        return usage
    if decision.write_lifetime == "1h":
        return replace(usage, fresh_input=0, cache_write_1h=prompt - read)
    return replace(usage, fresh_input=0, cache_write_5m=prompt - read)


def expected_warm(request: DispatchRequest, to: Destination) -> int:
    """Tokens of the prompt that the decision expected in the target's cache."""
    candidates = request.decision.candidates
    return round(next((one.warm_tokens for one in candidates if one.target == to.target), 0.0))


def _ends_when_closed(request: DispatchRequest, to: Destination) -> bool:
    """An answer that is no stream is written to its end by all."""
    return to.stops_billing_on_close and request.features.stream


def estimated_count(request: DispatchRequest) -> int:
    """The size of the prompt in tokens of the family in which it would have been counted."""
    return max(1, round(prompt_tokens_in(counted_family(request), request.features)))


def tokens_of(size_bytes: int, model: str) -> int:
    """Used only where nobody reported a figure."""
    return math.ceil(size_bytes / figures_of(model).bytes_per_token)


def attempt_ended(
    log: AttemptLog,
    request: DispatchRequest,
    *,
    outcome: AttemptOutcome,
    now: float,
    whole_answer_tokens: int | None = None,
) -> AttemptEnded:
    spent = bill(
        log,
        request,
        is_answered=outcome == "answered",
        now=now,
        whole_answer_tokens=whole_answer_tokens,
    )
    return AttemptEnded(
        event_id=f"{request.request_id}:attempt:{log.number}",
        occurred_at=now,
        request_id=request.request_id,
        traceparent=request.traceparent,
        number=log.number,
        kind=log.kind,
        target=log.to.target,
        provider=log.to.provider,
        model=log.to.model_id,
        dialect=log.to.dialect,
        tenant=request.identity.tenant,
        outcome=outcome,
        status=log.status,
        error="" if log.error is None else log.error.kind,
        sent_at=log.sent_at,
        first_byte_seconds=_since(log.sent_at, log.first_byte_at),
        first_content_seconds=_since(log.sent_at, log.first_content_at),
        duration_seconds=max(0.0, now - log.sent_at),
        usage=spent.usage,
        usage_source=spent.source,
        cost_usd=spent.cost_usd,
        response_model=log.reading.response_model,
        response_id=log.reading.response_id,
        finish_reason=log.reading.finish_reason,
        changes=log.changes,
        fee_usd=spent.fee_usd,
        paid_usd=0.0 if is_covered(log.windows) else spent.cost_usd,
        hedge_delay_seconds=log.hedge_delay_seconds,
        suspect=",".join(suspects(log.error.message, log.changes))
        if log.error is not None and outcome == "rejected"
        else "",
    )


class Ending(msgspec.Struct, frozen=True, gc=False):
    """How a request ended, as the client saw it.

    Attributes:
        server: the attempt whose answer (or beginning of one) the client got; None when nobody's.
        status: 0 when the client was gone before a head was due.
        error: "" or the kind.
        not_hedged: why a silent attempt was not raced; "" where none was considered, or one was.

    """

    outcome: RequestOutcome
    status: int
    error: str
    server: AttemptLog | None
    answer_bytes: int
    not_hedged: NotHedged | Literal[""] = ""
    detour: Detour = NO_DETOUR


def request_completed(
    request: DispatchRequest,
    ending: Ending,
    attempts: Sequence[AttemptEnded],
    *,
    catalog: Catalog,
    now: float,
) -> RequestCompleted:
    features, decision = request.features, request.decision
    server, detour = ending.server, ending.detour
    told = next((a for a in attempts if server is not None and a.number == server.number), None)
    usage = None if told is None else told.usage
    lost = [attempt.cost_usd for attempt in attempts if attempt.outcome == "lost"]
    fees = [attempt.fee_usd for attempt in attempts if attempt.fee_usd is not None]
    baseline = None
    if told is not None and told.model == decision.baseline_model:
        baseline = told.cost_usd
    elif told is not None and usage is not None:
        baseline = baseline_cost_usd(
            usage, served=told.model, baseline=decision.baseline_model, catalog=catalog
        )
    return RequestCompleted(
        event_id=f"{request.request_id}:completed",
        occurred_at=now,
        request_id=request.request_id,
        traceparent=request.traceparent,
        identity=request.identity,
        tags=request.tags,
        mode=request.mode,
        dialect=request.dialect,
        step_kind=features.step_kind,
        action=decision.action,
        reason=decision.reason,
        requested_model=decision.requested_model,
        baseline_model=decision.baseline_model,
        proposal=decision.proposal,
        served_model="" if server is None else server.to.model_id,
        served_provider="" if server is None else server.to.provider,
        target="" if server is None else server.to.target,
        outcome=ending.outcome,
        status=ending.status,
        error=ending.error,
        stream=features.stream,
        attempts=len(attempts),
        body_bytes=len(request.body),
        answer_bytes=ending.answer_bytes,
        message_count=features.message_count,
        tool_count=features.tool_count,
        received_at=request.received_at,
        route_seconds=request.route_seconds,
        first_content_seconds=(
            None if server is None else _since(request.received_at, server.first_content_at)
        ),
        duration_seconds=max(0.0, now - request.received_at),
        usage=usage,
        usage_source="estimated" if told is None else told.usage_source,
        cost_usd=_sum([attempt.cost_usd for attempt in attempts]),
        baseline_cost_usd=0.0 if is_count(request) else baseline,
        finish_reason="" if told is None else told.finish_reason,
        degraded=tuple(decision.degraded),
        artifact_digest=decision.artifact_digest,
        fee_usd=sum(fees) if fees else None,
        paid_usd=_sum([attempt.paid_usd for attempt in attempts]),
        hedges=sum(attempt.kind == "hedge" for attempt in attempts),
        hedge_cost_usd=_sum(lost) if lost else None,
        not_hedged=ending.not_hedged,
        passed_over=tuple([f"{target}:{why}" for target, why in detour.passed_over]),
        waited_seconds=detour.waited_seconds,
        move_usd=None if detour.weighed is None else detour.weighed.move_usd,
        wait_usd=None if detour.weighed is None else detour.weighed.wait_usd,
    )


def note_of(
    request: DispatchRequest,
    server: AttemptLog,
    *,
    is_failed: bool,
    now: float,
    broke_off: bool = False,
    refused: str = "",
) -> Note | None:
    """What the tracker should learn; None when there is nothing to learn from."""
    usage = server.reading.usage
    moves_thread = request.identity.request_class != "auxiliary"
    teaches_nothing = is_failed and usage is None and not (broke_off and moves_thread)
    if is_count(request) or teaches_nothing:
        return None
    features = request.features
    share = token_share(counted_for=features.requested_model, model=server.to.model_id)
    return Note(
        request_id=request.request_id,
        identity=request.identity,
        head_scope=head_scope(
            request.identity.principal,
            server.to.credential,
            server.to.provider,
            request.prefix.head_digest,
        ),
        prefix=_scaled(request.prefix, share),
        head_tokens=round(features.head_tokens * share),
        target=server.to.target,
        reason=request.decision.reason,
        usage=usage,
        step_tool_errors=features.step_tool_errors,
        moves_thread=moves_thread,
        is_failed=is_failed,
        sent_at=server.sent_at,
        now=now,
        begins_run=begins_run(
            request.makers,
            target=server.to.target,
            message_count=len(request.prefix.digests),
            is_edited=request.is_edited,
        ),
        refused=refused,
        check=features.check,
        task_kind=request.decision.task_kind,
        account_scope=account_scope(
            request.identity.principal, server.to.credential, server.to.provider
        )
        if server.windows
        else "",
        windows=server.windows,
        ended="" if is_failed else server.reading.ended,
        broke_off=broke_off,
    )


def _sum(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def _scaled(prefix: Prefix, share: float) -> Prefix:
    if share == 1.0:
        return prefix
    return replace(prefix, tokens=tuple([round(tokens * share) for tokens in prefix.tokens]))


def _since(start: float, end: float | None) -> float | None:
    return None if end is None else max(0.0, end - start)
